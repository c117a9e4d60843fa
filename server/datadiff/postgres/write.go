package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

var _ datadiff.Writer = (*Source)(nil)

// writeSettings begin a transaction in which tables are made: until it is committed
// nobody sees them.
const writeSettings = `SET client_encoding = 'UTF8'; SET application_name = 'understudy'; SET statement_timeout = %d;
BEGIN READ WRITE ISOLATION LEVEL READ COMMITTED`

// Write opens a transaction that writes.
func (s *Source) Write(ctx context.Context, schema, name string) (datadiff.Writing, error) {
	if s.options.OldHashes {
		return nil, &datadiff.Error{Kind: datadiff.Unsupported, Value: "results cannot be written to a database of this kind"}
	}
	c, err := pgx.ConnectConfig(ctx, s.config.Copy())
	if err != nil {
		return nil, unreachable(err)
	}
	w := &writing{conn: &conn{c: c, timeout: s.options.Timeout}}
	if err := w.begin(ctx, schema, name); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

type writing struct {
	*conn
	schema string
}

func (w *writing) begin(ctx context.Context, schema, name string) error {
	if err := w.exec(ctx, fmt.Sprintf(writeSettings, w.timeout.Milliseconds())); err != nil {
		return err
	}
	var found *string
	if err := w.c.QueryRow(ctx, `SELECT CASE WHEN $1::text = '' THEN current_schema()::text
  ELSE (SELECT nspname::text FROM pg_namespace WHERE nspname = $1::text) END`, schema).Scan(&found); err != nil {
		return w.judge(ctx, err)
	}
	if found == nil {
		return sqldb.NoSchema(schema)
	}
	w.schema = *found
	_, err := w.c.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", w.schema+"."+name)
	return w.judge(ctx, err)
}

func (w *writing) exec(ctx context.Context, statements string) error {
	_, err := w.c.PgConn().Exec(ctx, statements).ReadAll()
	return w.judge(ctx, err)
}

// Path is the schema and the name.
func (w *writing) Path(table string) []string { return []string{w.schema, table} }

func (w *writing) Create(ctx context.Context, table string, columns []datadiff.TargetColumn) error {
	path := dialect{}.Path(w.Path(table))
	return w.exec(ctx, "DROP TABLE IF EXISTS "+path+"; CREATE TABLE "+path+" "+sqldb.Definitions(columns, `"`, "text", "smallint"))
}

func (w *writing) Insert(ctx context.Context, table string, columns []datadiff.TargetColumn, lines []byte) error {
	_, err := w.c.PgConn().CopyFrom(ctx, bytes.NewReader(lines), "COPY "+dialect{}.Path(w.Path(table))+" "+sqldb.Names(columns, `"`)+" FROM STDIN")
	return w.judge(ctx, err)
}

func (w *writing) Commit(ctx context.Context) error { return w.exec(ctx, "COMMIT") }
