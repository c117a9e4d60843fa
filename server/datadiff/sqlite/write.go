package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

var _ datadiff.Writer = (*Source)(nil)

// maxParameters is how many values a statement has at most.
const maxParameters = 30000

// Write opens a connection that writes. Who reads a database in memory and who commits
// to it shut each other out: so rows are gathered in temporary tables, which are in
// memory and no larger than a database of SQL may be, and moved in a transaction at the
// end.
func (s *Source) Write(ctx context.Context, _, _ string) (datadiff.Writing, error) {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	w := &writing{c: c, gate: &s.gate}
	const pageSize = 4096
	for _, statement := range []string{
		"PRAGMA temp_store = 2", "PRAGMA cache_spill = 0", fmt.Sprintf("PRAGMA main.max_page_count = %d", MaxEmbedded/pageSize),
		fmt.Sprintf("PRAGMA temp.max_page_count = %d", MaxEmbedded/pageSize),
	} {
		if err := w.exec(ctx, statement); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return w, nil
}

type writing struct {
	c      *sql.Conn
	gate   *gate
	tables []writtenTable
}

type writtenTable struct{ name, columns string }

// exec runs a statement that changes nothing but what is temporary: others read.
func (w *writing) exec(ctx context.Context, query string, args ...any) error {
	if err := w.gate.read(ctx); err != nil {
		return err
	}
	defer w.gate.readDone()
	return w.run(ctx, query, args...)
}

func (w *writing) run(ctx context.Context, query string, args ...any) error {
	_, err := w.c.ExecContext(ctx, query, args...)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &datadiff.Error{Kind: datadiff.Cancelled, Value: "the diff was cancelled", Err: context.Cause(ctx)}
	}
	return judge(err)
}

// Path is the name alone.
func (*writing) Path(table string) []string { return []string{table} }

func temporary(table string) string { return sqldb.Path([]string{"temp", table}, `"`) }

func (w *writing) Create(ctx context.Context, table string, columns []datadiff.TargetColumn) error {
	t := writtenTable{name: table, columns: sqldb.Definitions(columns, `"`, "TEXT", "INTEGER")}
	w.tables = append(w.tables, t)
	return w.exec(ctx, "CREATE TABLE "+temporary(table)+" "+t.columns)
}

func (w *writing) Insert(ctx context.Context, table string, columns []datadiff.TargetColumn, lines []byte) error {
	return sqldb.Insert(temporary(table), len(columns), maxParameters, lines, func(query string, args []any) error {
		return w.exec(ctx, query, args...)
	})
}

// Commit moves all tables once nobody reads.
func (w *writing) Commit(ctx context.Context) (err error) {
	if err := w.gate.write(ctx); err != nil {
		return err
	}
	defer w.gate.writeDone()
	if err := w.run(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = w.c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // SQLite may have done so
		}
	}()
	for _, t := range w.tables {
		path := sqldb.Path([]string{"main", t.name}, `"`)
		for _, statement := range []string{
			"DROP TABLE IF EXISTS " + path, "CREATE TABLE " + path + " " + t.columns, "INSERT INTO " + path + " SELECT * FROM " + temporary(t.name),
		} {
			if err := w.run(ctx, statement); err != nil {
				return err
			}
		}
	}
	return w.run(ctx, "COMMIT")
}

// Close gives the connection back to its pool as it was.
func (w *writing) Close() error {
	for _, t := range w.tables {
		if err := w.exec(context.Background(), "DROP TABLE IF EXISTS "+temporary(t.name)); err != nil {
			// A connection in an unknown state is not to be used again.
			_ = w.c.Raw(func(any) error { return driver.ErrBadConn })
			break
		}
	}
	return w.c.Close()
}
