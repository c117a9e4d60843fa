package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

// Options bound what diffs do to a database.
type Options struct {
	Connections int           // at once, of all diffs; 0 is 4
	Timeout     time.Duration // of a statement; 0 is none
}

const defaultConnections = 4

// Source is a SQLite database.
type Source struct {
	db      *sql.DB
	budget  *datadiff.Budget
	timeout time.Duration
	gate    gate
}

// Open is the source of a database file, which has to exist.
func Open(path string, o Options) (*Source, error) {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	db, err := sql.Open("sqlite", "file:"+escaped+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	return New(db, o), nil
}

// New is the source of a database that the caller opened, and which Close closes.
func New(db *sql.DB, o Options) *Source {
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	return &Source{db: db, budget: datadiff.NewBudget(o.Connections), timeout: o.Timeout}
}

// Dialect is SQLite's.
func (*Source) Dialect() datadiff.Dialect { return dialect{} }

// Budget bounds the connections of all diffs.
func (s *Source) Budget() *datadiff.Budget { return s.budget }

// Close closes the database.
func (s *Source) Close() error { return s.db.Close() }

// Connect opens a read-only transaction.
func (s *Source) Connect(ctx context.Context) (datadiff.Conn, error) {
	if err := s.gate.read(ctx); err != nil {
		return nil, err
	}
	c, err := s.db.Conn(ctx)
	if err != nil {
		s.gate.readDone()
		return nil, unreachable(err)
	}
	for _, statement := range []string{"PRAGMA query_only = 1", "BEGIN"} {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			err = errors.Join(unreachable(err), c.Close())
			s.gate.readDone()
			return nil, err
		}
	}
	return &conn{c: c, timeout: s.timeout, leave: sync.OnceFunc(s.gate.readDone)}, nil
}

func unreachable(err error) *datadiff.Error {
	return &datadiff.Error{Kind: datadiff.Unreachable, Value: err.Error(), Err: err}
}

type conn struct {
	c       *sql.Conn
	timeout time.Duration
	leave   func()
}

func (c *conn) Close() error {
	defer c.leave()
	for _, statement := range []string{"ROLLBACK", "PRAGMA query_only = 0"} {
		if _, err := c.c.ExecContext(context.Background(), statement); err != nil {
			// A connection in an unknown state is not to be used again.
			_ = c.c.Raw(func(any) error { return driver.ErrBadConn })
			break
		}
	}
	return c.c.Close()
}

func (c *conn) Read(ctx context.Context, query string, each func(line []byte) error) error {
	// The driver would run whatever follows a semicolon.
	if !sqldb.OneStatement(query) {
		return &datadiff.Error{Kind: datadiff.QueryFailed, Value: "a filter or query is one statement"}
	}
	return sqldb.Read(ctx, c.c, c.timeout, query, appendText, judge, each)
}

// judge tells kinds of errors apart by SQLite's words, which has one code for them.
func judge(err error) *datadiff.Error {
	e := &datadiff.Error{Kind: datadiff.QueryFailed, Value: err.Error(), Err: err}
	var own *sqlite.Error
	if !errors.As(err, &own) {
		return e
	}
	if m := missing.FindStringSubmatch(own.Error()); m != nil {
		e.Kind, e.Value = datadiff.NoSuchTable, m[2]
		if m[1] == "column" {
			e.Kind = datadiff.NoSuchColumn
		}
	}
	return e
}

var missing = regexp.MustCompile(`no such (table|column): (.+?)(?: \(\d+\))?$`)

func (c *conn) Describe(ctx context.Context, in datadiff.Input) ([]datadiff.Column, error) {
	if len(in.Table) == 0 {
		return c.describeQuery(ctx, "SELECT * FROM ("+datadiff.Trimmed(in.Query)+"\n) q")
	}
	schema, table, err := split(in.Table)
	if err != nil {
		return nil, err
	}
	rows, err := c.c.QueryContext(ctx, `SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?, ?) WHERE hidden <> 1 ORDER BY cid`, table, schema)
	if err != nil {
		return nil, judge(err)
	}
	defer func() { _ = rows.Close() }()
	var columns []datadiff.Column
	keys, number := 0, -1
	for rows.Next() {
		var (
			name, declared string
			notNull        bool
			pk             int
		)
		if err := rows.Scan(&name, &declared, &notNull, &pk); err != nil {
			return nil, judge(err)
		}
		column := typed(name, declared)
		column.Nullable = !notNull
		if pk > 0 {
			keys++
			if strings.EqualFold(declared, "INTEGER") {
				number = len(columns)
			}
		}
		columns = append(columns, column)
	}
	if err := rows.Err(); err != nil {
		return nil, judge(err)
	}
	if len(columns) == 0 {
		return nil, &datadiff.Error{Kind: datadiff.NoSuchTable, Value: strings.Join(in.Table, ".")}
	}
	if keys == 1 && number >= 0 {
		columns[number].Nullable = false // it is the row's number
	}
	// Views have columns without a type.
	if slices.ContainsFunc(columns, func(c datadiff.Column) bool { return c.Type == "" }) {
		return c.guess(ctx, dialect{}.Path(in.Table), columns)
	}
	return columns, nil
}

func split(table []string) (schema, name string, err error) {
	switch len(table) {
	case 1:
		return "main", table[0], nil
	case 2:
		return table[0], table[1], nil
	}
	return "", "", &datadiff.Error{Kind: datadiff.NoSuchTable, Value: strings.Join(table, ".")}
}

func (c *conn) describeQuery(ctx context.Context, query string) ([]datadiff.Column, error) {
	if !sqldb.OneStatement(query) {
		return nil, &datadiff.Error{Kind: datadiff.QueryFailed, Value: "a filter or query is one statement"}
	}
	rows, err := c.c.QueryContext(ctx, query+" LIMIT 0")
	if err != nil {
		return nil, judge(err)
	}
	types, err := rows.ColumnTypes()
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // the connection has to be free below
		return nil, judge(err)
	}
	var columns []datadiff.Column
	for _, t := range types {
		column := typed(t.Name(), t.DatabaseTypeName())
		column.Nullable = true
		columns = append(columns, column)
	}
	if slices.ContainsFunc(columns, func(c datadiff.Column) bool { return c.Type == "" }) {
		return c.guess(ctx, "("+query+")", columns)
	}
	return columns, nil
}

// guess gives columns of expressions the type of their values.
func (c *conn) guess(ctx context.Context, from string, columns []datadiff.Column) ([]datadiff.Column, error) {
	const looked = 1000
	var list []string
	for _, column := range columns {
		name := dialect{}.Quote(column.Name)
		list = append(list, "max(CASE typeof("+name+") WHEN 'null' THEN '' WHEN 'integer' THEN '1INTEGER' WHEN 'real' THEN '2REAL' WHEN 'text' THEN '3TEXT' ELSE '4BLOB' END)")
	}
	query := fmt.Sprintf("SELECT %s FROM (SELECT * FROM %s LIMIT %d)", strings.Join(list, ", "), from, looked)
	err := c.Read(ctx, query, func(line []byte) error {
		for i, field := range datadiff.Fields(nil, line) {
			if columns[i].Type != "" {
				continue
			}
			name := "TEXT"
			if len(field) > 0 {
				name = string(field[1:])
			}
			columns[i] = typed(columns[i].Name, name)
			columns[i].Nullable = true
		}
		return nil
	})
	return columns, err
}

func (c *conn) UniqueKeys(ctx context.Context, table []string) ([][]string, error) {
	schema, name, err := split(table)
	if err != nil {
		return nil, err
	}
	const query = `SELECT 'rowid', 0, p.name FROM pragma_table_info(?1, ?2) p
  WHERE p.pk = 1 AND upper(p.type) = 'INTEGER' AND (SELECT count(*) FROM pragma_table_info(?1, ?2) WHERE pk > 0) = 1
UNION ALL SELECT * FROM (SELECT l.name, 1 + (l.origin <> 'pk'), i.name FROM pragma_index_list(?1, ?2) l, pragma_index_info(l.name, ?2) i
  WHERE l."unique" AND NOT l.partial AND NOT EXISTS (
    SELECT 1 FROM pragma_index_info(l.name, ?2) j LEFT JOIN pragma_table_info(?1, ?2) t ON t.name = j.name WHERE t."notnull" IS NOT 1)
  ORDER BY 2, l.seq DESC, i.seqno)`
	rows, err := c.c.QueryContext(ctx, query, name, schema)
	if err != nil {
		return nil, judge(err)
	}
	defer func() { _ = rows.Close() }()
	var keys [][]string
	last := ""
	for rows.Next() {
		var index, column string
		var rank int
		if err := rows.Scan(&index, &rank, &column); err != nil {
			return nil, judge(err)
		}
		if index != last {
			keys = append(keys, nil)
		}
		last = index
		keys[len(keys)-1] = append(keys[len(keys)-1], column)
	}
	if err := rows.Err(); err != nil {
		return nil, judge(err)
	}
	return keys, nil
}

// exactDecimal is the type of decimals that are kept as texts, since a number of SQLite
// has no more than 15 digits.
const exactDecimal = "DECIMAL TEXT"

// ExactDecimal is the type of a column whose decimals are written with just so many
// digits behind the dot, and compared as numbers.
func ExactDecimal(precision, scale int) string {
	return fmt.Sprintf("%s(%d,%d)", exactDecimal, precision, scale)
}

var declaration = regexp.MustCompile(`^\s*([^(]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*$`)

// typed reads a declared type, of which SQLite takes any, as the other databases
// mean it.
func typed(name, declared string) datadiff.Column {
	c := datadiff.Column{Name: name, Full: declared, Datatype: datadiff.String}
	m := declaration.FindStringSubmatch(strings.ToUpper(declared))
	if m == nil {
		c.Type = strings.ToUpper(declared)
		return c
	}
	c.Type = m[1]
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(c.Type, w) })
	}
	switch {
	case c.Type == exactDecimal:
		c.Datatype = datadiff.Decimal
		c.Digits, _ = strconv.Atoi(m[3])
	case has("BOOL"):
		c.Datatype = datadiff.Boolean
	case has("TIMESTAMP", "DATETIME"):
		c.Datatype, c.Digits = datadiff.Timestamp, 6
	case c.Type == "DATE":
		c.Datatype = datadiff.Date
	case c.Type == "TIME":
		c.Datatype, c.Digits = datadiff.TimeOfDay, 6
	case c.Type == "UUID":
		c.Datatype = datadiff.UUID
	case has("JSON"):
		c.Datatype = datadiff.JSON
	case has("INT") && !has("INTERVAL", "POINT"):
		c.Datatype = datadiff.Integer
	case has("CHAR", "CLOB", "TEXT"):
	case has("BLOB", "BINARY"):
		c.Datatype = datadiff.Binary
	case has("REAL", "FLOA", "DOUBLE"):
		c.Datatype, c.Digits = datadiff.Float, 53
		if c.Type == "FLOAT4" {
			c.Digits = 24
		}
	case has("DEC", "NUM"):
		c.Datatype, c.Digits = datadiff.UnboundedDecimal, datadiff.AnyDigits
		if m[2] != "" {
			c.Datatype = datadiff.Decimal
			c.Digits, _ = strconv.Atoi(m[3])
		}
	}
	return c
}
