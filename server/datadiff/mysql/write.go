package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

var _ datadiff.Writer = (*Source)(nil)

// A statement that makes a table commits by itself here. So tables are filled under
// names of their own, and renamed all at once in the end; a lock of the session keeps
// others from the same names, and ends with it.
const (
	unfinished = "_unfinished"
	replaced   = "_replaced"
	// maxParameters is how many values a statement has at most: it is sent as text.
	maxParameters = 20000
	// lockTime is how long it is waited for another one to end, where statements may
	// take any time.
	lockTime = time.Minute
)

// Write opens a connection that writes.
func (s *Source) Write(ctx context.Context, schema, name string) (datadiff.Writing, error) {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	w := &writing{conn: &conn{c: c, source: s}}
	if err := w.begin(ctx, schema, name); err != nil {
		return nil, errors.Join(w.told(ctx, err), w.Close())
	}
	return w, nil
}

type writing struct {
	*conn
	schema, lock string
	tables       []string // under way
	lost         bool     // a statement was given up
}

func (w *writing) begin(ctx context.Context, schema, name string) error {
	var version string
	if err := w.c.QueryRowContext(ctx, "SELECT version(), connection_id()").Scan(&version, &w.id); err != nil {
		return err
	}
	timeout := w.source.options.Timeout
	limit := "SET max_execution_time = " + strconv.FormatInt(timeout.Milliseconds(), 10)
	if strings.Contains(strings.ToLower(version), "mariadb") {
		limit = "SET max_statement_time = " + strconv.FormatFloat(timeout.Seconds(), 'f', 3, 64)
	}
	for _, statement := range []string{limit, "SET NAMES utf8mb4", "SET sql_mode = 'STRICT_ALL_TABLES'", "SET autocommit = 1", "SET SESSION TRANSACTION READ WRITE"} {
		if _, err := w.c.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	err := w.c.QueryRowContext(ctx, "SELECT schema_name FROM information_schema.schemata WHERE schema_name = COALESCE(NULLIF(?, ''), DATABASE())", schema).Scan(&w.schema)
	if errors.Is(err, sql.ErrNoRows) {
		return sqldb.NoSchema(schema)
	}
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(w.schema + "." + name))
	w.lock = "understudy " + hex.EncodeToString(sum[:16])
	if timeout == 0 {
		timeout = lockTime
	}
	return locked(ctx, w.c, w.lock, timeout)
}

// locked waits until nobody else has a lock.
func locked(ctx context.Context, c *sql.Conn, name string, patience time.Duration) error {
	var got sql.NullInt64
	if err := c.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", name, max(1, int(patience.Seconds()))).Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return &datadiff.Error{Kind: datadiff.TimedOut, Value: "another connection writes the same tables"}
	}
	return nil
}

// taken reports whether somebody else has the lock.
func (w *writing) taken(ctx context.Context, c *sql.Conn) bool {
	var id sql.NullInt64
	err := c.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?)", w.lock).Scan(&id)
	return err == nil && id.Valid && id.Int64 != w.id
}

// told is an error in our words.
func (w *writing) told(ctx context.Context, err error) error {
	var own *datadiff.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		w.lost = true
		return &datadiff.Error{Kind: datadiff.Cancelled, Value: "the diff was cancelled", Err: context.Cause(ctx)}
	case errors.As(err, &own):
		return own
	}
	return w.judge(err)
}

func (w *writing) exec(ctx context.Context, query string, args ...any) error {
	_, err := w.c.ExecContext(ctx, query, args...)
	return w.told(ctx, err)
}

// Path is the database and the name.
func (w *writing) Path(table string) []string { return []string{w.schema, table} }

func (w *writing) path(table string) string { return dialect{}.Path(w.Path(table)) }

func (w *writing) Create(ctx context.Context, table string, columns []datadiff.TargetColumn) error {
	if err := w.exec(ctx, "DROP TABLE IF EXISTS "+w.path(table+unfinished)+", "+w.path(table+replaced)); err != nil {
		return err
	}
	w.tables = append(w.tables, table)
	return w.exec(ctx, "CREATE TABLE "+w.path(table+unfinished)+" "+sqldb.Definitions(columns, "`", "LONGTEXT", "TINYINT")+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
}

func (w *writing) Insert(ctx context.Context, table string, columns []datadiff.TargetColumn, lines []byte) error {
	return sqldb.Insert(w.path(table+unfinished), len(columns), maxParameters, lines, func(query string, args []any) error {
		return w.exec(ctx, query, args...)
	})
}

// Commit renames all tables in one statement, which is atomic.
func (w *writing) Commit(ctx context.Context) error {
	old, err := w.there(ctx)
	if err != nil {
		return w.told(ctx, err)
	}
	var renames, drops []string
	for _, table := range w.tables {
		if slices.Contains(old, table) {
			renames = append(renames, w.path(table)+" TO "+w.path(table+replaced))
			drops = append(drops, w.path(table+replaced))
		}
		renames = append(renames, w.path(table+unfinished)+" TO "+w.path(table))
	}
	if err := w.exec(ctx, "RENAME TABLE "+strings.Join(renames, ", ")); err != nil {
		return err
	}
	w.tables = nil
	if len(drops) > 0 { // what stays is dropped by the next one
		_ = w.exec(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS "+strings.Join(drops, ", "))
	}
	return nil
}

// there are the tables, of those that are being written, that are there already.
func (w *writing) there(ctx context.Context) (names []string, err error) {
	for _, table := range w.tables {
		var n int
		if err := w.c.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ? AND table_type = 'BASE TABLE'",
			w.schema, table).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			names = append(names, table)
		}
	}
	return names, nil
}

// Close ends the connection, in the server too, and drops what was not finished,
// unless somebody else writes the same tables by then.
func (w *writing) Close() error {
	tables := w.tables
	w.tables = nil
	if len(tables) == 0 {
		if w.id != 0 && w.lost {
			w.kill() // it may still wait for the lock
		}
		return w.c.Close()
	}
	w.kill()
	_ = w.c.Close() // it was killed
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := w.source.db.Conn(ctx)
	if err != nil {
		return unreachable(err)
	}
	if err = locked(ctx, c, w.lock, patience/3); err == nil {
		for _, table := range tables {
			_, dropped := c.ExecContext(ctx, "DROP TABLE IF EXISTS "+w.path(table+unfinished))
			err = errors.Join(err, dropped)
		}
	} else if w.taken(ctx, c) {
		err = nil // who writes the same tables drops what is unfinished
	}
	if err != nil {
		err = fmt.Errorf("drop unfinished tables: %w", err)
	}
	return errors.Join(err, c.Close())
}
