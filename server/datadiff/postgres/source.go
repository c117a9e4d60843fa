package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/understudy-api/understudy/server/datadiff"
)

// Options bound what diffs do to a database.
type Options struct {
	Connections int           // at once, of all diffs; 0 is 4
	Timeout     time.Duration // of a statement; 0 is none
	// OldHashes: the server does not have hash_record_extended, as PostgreSQL before
	// version 14 and Amazon Redshift.
	OldHashes bool
	// Dial connects, nil being the net package's way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	defaultConnections = 4
	// patience is how long a cancelled statement may take to end.
	patience = 3 * time.Second
)

// Source is a PostgreSQL database.
type Source struct {
	config  *pgx.ConnConfig
	budget  *datadiff.Budget
	options Options
}

// Open is the source of a DSN or URL. It does not connect; its error holds no
// password.
func Open(dsn string, o Options) (*Source, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the address of the database is malformed"}
	}
	return New(config, o), nil
}

// New is the source of a driver's configuration, of which it sets what diffs need.
func New(config *pgx.ConnConfig, o Options) *Source {
	if o.Dial != nil {
		config.DialFunc = o.Dial
	}
	// A statement ends in the server too when its context does.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: patience}
	}
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	return &Source{config: config, budget: datadiff.NewBudget(o.Connections), options: o}
}

// Close ends the source, which keeps no connection.
func (*Source) Close() error { return nil }

// Dialect is PostgreSQL's.
func (s *Source) Dialect() datadiff.Dialect { return dialect{recordHash: !s.options.OldHashes} }

// Budget bounds the connections of all diffs.
func (s *Source) Budget() *datadiff.Budget { return s.budget }

// settings make the texts of values the same everywhere. What is compiled at run
// time is seldom paid back by a diff, and what was not analyzed yet is not joined row
// by row.
const settings = `SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex';
SET extra_float_digits = 1; SET client_encoding = 'UTF8'; SET jit = off; SET enable_nestloop = off; SET application_name = 'understudy'; SET statement_timeout = %d;
BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ`

// Connect opens a read-only transaction.
func (s *Source) Connect(ctx context.Context) (datadiff.Conn, error) {
	c, err := pgx.ConnectConfig(ctx, s.config.Copy())
	if err != nil {
		return nil, unreachable(err)
	}
	if _, err := c.PgConn().Exec(ctx, fmt.Sprintf(settings, s.options.Timeout.Milliseconds())).ReadAll(); err != nil {
		return nil, errors.Join(unreachable(err), c.Close(context.Background()))
	}
	return &conn{c: c, timeout: s.options.Timeout}, nil
}

// unreachable words a failure to connect without the address, which may hold what
// is nobody's business.
func unreachable(err error) *datadiff.Error {
	e := &datadiff.Error{Kind: datadiff.Unreachable, Value: "the database cannot be reached", Err: err}
	var own *pgconn.PgError
	var network *net.OpError
	switch {
	case errors.As(err, &own):
		e.Value += ": " + own.Message
	case errors.As(err, &network):
		e.Value += ": " + network.Err.Error()
	}
	return e
}

type conn struct {
	c       *pgx.Conn
	timeout time.Duration
}

// Close ends the session, and its transaction with it. It waits until the database has
// ended it too, since the budget is of what the database holds.
func (c *conn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	own, err := c.c.PgConn().Hijack()
	if err != nil { // a statement runs
		return c.c.Close(ctx)
	}
	own.Frontend.Send(&pgproto3.Terminate{})
	err = errors.Join(own.Conn.SetDeadline(time.Now().Add(patience)), own.Frontend.Flush())
	if err == nil {
		_, _ = io.Copy(io.Discard, own.Conn) // it is over, however it ends
	}
	return errors.Join(err, own.Conn.Close())
}

// lines hands over the lines of a COPY.
type lines struct {
	each func(line []byte) error
	rest []byte // a line that has not ended
	err  error
}

func (l *lines) Write(data []byte) (int, error) {
	n := len(data)
	for {
		line, more, ended := bytes.Cut(data, []byte{'\n'})
		if !ended {
			l.rest = append(l.rest, line...)
			return n, nil
		}
		if len(l.rest) > 0 {
			line = append(l.rest, line...)
			l.rest = l.rest[:0]
		}
		if l.err = l.each(line); l.err != nil {
			return 0, l.err
		}
		data = more
	}
}

func (c *conn) Read(ctx context.Context, query string, each func(line []byte) error) error {
	// COPY would run whatever follows a semicolon, outside of our transaction too;
	// what is prepared is one statement.
	if _, err := c.c.PgConn().Prepare(ctx, "", query, nil); err != nil {
		return c.judge(ctx, err)
	}
	out := &lines{each: each}
	_, err := c.c.PgConn().CopyTo(ctx, out, "COPY ("+query+"\n) TO STDOUT")
	if out.err != nil {
		return out.err
	}
	return c.judge(ctx, err)
}

var missingColumn = regexp.MustCompile(`^column "?(.+?)"? does not exist`)

// judge tells kinds of errors apart.
func (c *conn) judge(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &datadiff.Error{Kind: datadiff.Cancelled, Value: "the diff was cancelled", Err: context.Cause(ctx)}
	}
	var own *pgconn.PgError
	if !errors.As(err, &own) {
		return &datadiff.Error{Kind: datadiff.Unreachable, Value: "the connection to the database was lost", Err: err}
	}
	e := &datadiff.Error{Kind: datadiff.QueryFailed, Value: own.Message, Err: err}
	switch {
	case own.Code == "42P01" || own.Code == "3F000":
		e.Kind = datadiff.NoSuchTable
		if name, ok := strings.CutPrefix(own.Message, `relation "`); ok {
			e.Value, _, _ = strings.Cut(name, `"`)
		}
	case own.Code == "42703":
		if m := missingColumn.FindStringSubmatch(own.Message); m != nil {
			e.Kind, e.Value = datadiff.NoSuchColumn, m[1]
		}
	case own.Code == "57014":
		e.Kind, e.Value = datadiff.TimedOut, fmt.Sprintf("a statement took longer than %v", c.timeout)
	case strings.HasPrefix(own.Code, "57P") || strings.HasPrefix(own.Code, "08"):
		e.Kind = datadiff.Unreachable
	}
	return e
}

func (c *conn) Describe(ctx context.Context, in datadiff.Input) ([]datadiff.Column, error) {
	query := "SELECT * FROM "
	if len(in.Table) > 0 {
		query += dialect{}.Path(in.Table)
	} else {
		query += "(" + datadiff.Trimmed(in.Query) + "\n) q"
	}
	statement, err := c.c.Prepare(ctx, "", query)
	if err != nil {
		err = c.judge(ctx, err)
		var e *datadiff.Error
		if errors.As(err, &e) && e.Kind == datadiff.NoSuchTable && len(in.Table) > 0 {
			e.Value = strings.Join(in.Table, ".")
		}
		return nil, err
	}
	var columns []datadiff.Column
	var oids, modifiers, tables, attributes []int64
	for _, f := range statement.Fields {
		columns = append(columns, datadiff.Column{Name: f.Name})
		oids, modifiers = append(oids, int64(f.DataTypeOID)), append(modifiers, int64(f.TypeModifier))
		tables, attributes = append(tables, int64(f.TableOID)), append(attributes, int64(f.TableAttributeNumber))
	}
	const types = `SELECT format_type(u.o::oid, u.m::int), format_type(b.oid, NULL), b.typcategory::text,
  CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE u.m::int END, coalesce(a.attnotnull, false)
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY u(o, m, r, a, n)
JOIN pg_type t ON t.oid = u.o::oid
JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_attribute a ON a.attrelid = u.r::oid AND a.attnum = u.a AND u.a > 0
ORDER BY u.n`
	rows, err := c.c.Query(ctx, types, oids, modifiers, tables, attributes)
	if err != nil {
		return nil, c.judge(ctx, err)
	}
	defer rows.Close()
	for i := 0; rows.Next(); i++ {
		var category string
		var modifier int
		var notNull bool
		column := &columns[i]
		if err := rows.Scan(&column.Full, &column.Type, &category, &modifier, &notNull); err != nil {
			return nil, c.judge(ctx, err)
		}
		column.Nullable = !notNull || len(in.Table) == 0
		typed(column, category, modifier)
	}
	return columns, c.judge(ctx, rows.Err())
}

// typed sets what a type means, given its name and modifier in the catalog.
func typed(c *datadiff.Column, category string, modifier int) {
	const header = 4 // bytes, by which modifiers of lengths are off
	switch c.Type {
	case "smallint", "integer", "bigint":
		c.Datatype = datadiff.Integer
	case "numeric":
		c.Datatype, c.Digits = datadiff.UnboundedDecimal, datadiff.AnyDigits
		if modifier >= header {
			if scale := (modifier - header) & 0x7ff; scale <= 1000 {
				c.Datatype, c.Digits = datadiff.Decimal, scale
			}
		}
	case "real":
		c.Datatype, c.Digits = datadiff.Float, 24
	case "double precision":
		c.Datatype, c.Digits = datadiff.Float, 53
	case "boolean":
		c.Datatype = datadiff.Boolean
	case "text", "character varying", "name":
		c.Datatype = datadiff.String
	case "character", `"char"`:
		c.Datatype = datadiff.FixedString
	case "bytea":
		c.Datatype = datadiff.Varbinary
	case "date":
		c.Datatype = datadiff.Date
	case "timestamp without time zone", "timestamp with time zone", "time without time zone", "time with time zone":
		c.Datatype, c.Digits = datadiff.Timestamp, 6
		if strings.HasPrefix(c.Type, "time ") {
			c.Datatype = datadiff.TimeOfDay
		}
		if modifier >= 0 {
			c.Digits = modifier
		}
	case "interval":
		c.Datatype = datadiff.TimeInterval
	case "uuid":
		c.Datatype = datadiff.UUID
	case "json", "jsonb":
		c.Datatype = datadiff.JSON
	case "xml":
		c.Datatype = datadiff.XML
	case "money":
		c.Datatype = datadiff.Money
	default:
		switch category {
		case "A":
			c.Datatype = datadiff.Array
		case "E", "S":
			c.Datatype = datadiff.FixedString // read as text
		default:
			c.Datatype = datadiff.UnknownType
		}
	}
}

func (c *conn) UniqueKeys(ctx context.Context, table []string) ([][]string, error) {
	const query = `SELECT array_agg(a.attname::text ORDER BY k.n) FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = $1::text::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull) ORDER BY NOT i.indisprimary, count(*), i.indexrelid`
	rows, err := c.c.Query(ctx, query, dialect{}.Path(table))
	if err != nil {
		return nil, c.judge(ctx, err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[[]string])
	return keys, c.judge(ctx, err)
}
