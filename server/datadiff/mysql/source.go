package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

// Options bound what diffs do to a database.
type Options struct {
	Connections int           // at once, of all diffs; 0 is 4
	Timeout     time.Duration // of a statement; 0 is none
	// MariaDB cuts digits of a second that do not fit, where MySQL rounds.
	MariaDB bool
	// Dial connects, nil being the driver's way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	defaultConnections = 4
	// patience is how long it may take to end what was cancelled.
	patience = 3 * time.Second
)

// Source is a MySQL or MariaDB database.
type Source struct {
	db      *sql.DB
	budget  *datadiff.Budget
	options Options
}

// Open is the source of a DSN in the words of the Go driver. It does not connect;
// its error holds no password.
func Open(dsn string, o Options) (*Source, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the address of the database is malformed"}
	}
	return New(config, o)
}

// New is the source of a driver's configuration, of which it sets what diffs need.
func New(config *mysql.Config, o Options) (*Source, error) {
	config = config.Clone()
	config.MultiStatements, config.AllowAllFiles, config.ParseTime, config.InterpolateParams = false, false, false, true
	config.Logger = &mysql.NopLogger{}
	if o.Dial != nil {
		config.DialFunc = o.Dial
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, &datadiff.Error{Kind: datadiff.Invalid, Value: "the address of the database is malformed"}
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(-1) // a diff that ended holds nothing
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	return &Source{db: db, budget: datadiff.NewBudget(o.Connections), options: o}, nil
}

// Dialect is MySQL's.
func (s *Source) Dialect() datadiff.Dialect {
	if s.options.MariaDB {
		return dialect{rounds: datadiff.Truncate}
	}
	return dialect{rounds: datadiff.Round}
}

// Budget bounds the connections of all diffs.
func (s *Source) Budget() *datadiff.Budget { return s.budget }

// Close ends the source, of which no diff runs any more.
func (s *Source) Close() error { return s.db.Close() }

// Connect opens a read-only transaction.
func (s *Source) Connect(ctx context.Context) (datadiff.Conn, error) {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	limit := fmt.Sprintf("SET max_execution_time = %d", s.options.Timeout.Milliseconds())
	more := []string{limit}
	var version string
	var id int64
	if err := c.QueryRowContext(ctx, "SELECT version(), connection_id()").Scan(&version, &id); err != nil {
		return nil, errors.Join(unreachable(err), c.Close())
	}
	if strings.Contains(strings.ToLower(version), "mariadb") {
		// Without an index it joins by hashing, which is not its default.
		more = []string{"SET max_statement_time = " + strconv.FormatFloat(s.options.Timeout.Seconds(), 'f', 3, 64), "SET join_cache_level = 8"}
	}
	for _, statement := range append(more, "SET time_zone = '+00:00'", "SET NAMES utf8mb4", "SET max_sort_length = 8192",
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY") {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(unreachable(err), c.Close())
		}
	}
	return &conn{c: c, source: s, id: id}, nil
}

// unreachable words a failure to connect without the address.
func unreachable(err error) *datadiff.Error {
	e := &datadiff.Error{Kind: datadiff.Unreachable, Value: "the database cannot be reached", Err: err}
	var own *mysql.MySQLError
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
	c      *sql.Conn
	source *Source
	id     int64 // in the server
}

func (c *conn) Close() error { return c.c.Close() } // the transaction ends with it

func (c *conn) Read(ctx context.Context, query string, each func(line []byte) error) error {
	err := sqldb.Read(ctx, c.c, c.source.options.Timeout, query, text, c.judge, each)
	// The driver leaves a server alone with the statement that it gave up.
	if kind := datadiff.KindOf(err); ctx.Err() != nil || kind == datadiff.TimedOut || kind == datadiff.Cancelled {
		c.kill()
	}
	return err
}

// kill ends the connection in the server. That it is gone already is no error.
func (c *conn) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, _ = c.source.db.ExecContext(ctx, "KILL "+strconv.FormatInt(c.id, 10))
}

func text(into []byte, value any) []byte {
	switch v := value.(type) {
	case int64:
		return strconv.AppendInt(into, v, 10)
	case uint64:
		return strconv.AppendUint(into, v, 10)
	case float64:
		return strconv.AppendFloat(into, v, 'g', -1, 64)
	case float32:
		return strconv.AppendFloat(into, float64(v), 'g', -1, 32)
	case []byte:
		return append(into, v...)
	case string:
		return append(into, v...)
	}
	return fmt.Append(into, value)
}

// The errors of the servers that are told apart.
const (
	noDatabase         = 1049
	shutDown           = 1053
	noColumn           = 1054
	noTable            = 1146
	interrupted        = 1317
	killed             = 1927
	mariaDBTookTooLong = 1969
	mysqlTookTooLong   = 3024
)

var unknownColumn = regexp.MustCompile(`Unknown column '(?:[^'.]*\.)*([^']+)'`)

func (c *conn) judge(err error) *datadiff.Error {
	var own *mysql.MySQLError
	if !errors.As(err, &own) {
		var network net.Error
		if errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.As(err, &network) {
			return &datadiff.Error{Kind: datadiff.Unreachable, Value: "the connection to the database was lost", Err: err}
		}
		return &datadiff.Error{Kind: datadiff.QueryFailed, Value: err.Error(), Err: err}
	}
	e := &datadiff.Error{Kind: datadiff.QueryFailed, Value: own.Message, Err: err}
	switch own.Number {
	case noTable, noDatabase:
		e.Kind = datadiff.NoSuchTable
		if _, after, ok := strings.Cut(own.Message, "'"); ok {
			e.Value, _, _ = strings.Cut(after, "'")
		}
	case noColumn:
		e.Kind = datadiff.NoSuchColumn
		if m := unknownColumn.FindStringSubmatch(own.Message); m != nil {
			e.Value = m[1]
		}
	case mariaDBTookTooLong, mysqlTookTooLong:
		return sqldb.TimedOut(c.source.options.Timeout, err)
	case shutDown, interrupted, killed:
		e.Kind = datadiff.Unreachable
	}
	return e
}

func (c *conn) Describe(ctx context.Context, in datadiff.Input) ([]datadiff.Column, error) {
	from := "(" + datadiff.Trimmed(in.Query) + "\n) q"
	if len(in.Table) > 0 {
		from = dialect{}.Path(in.Table)
	}
	rows, err := c.c.QueryContext(ctx, "SELECT * FROM "+from+" LIMIT 0")
	if err != nil {
		return nil, c.missing(c.judge(err), in)
	}
	types, err := rows.ColumnTypes()
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // the connection has to be free below
		return nil, c.judge(err)
	}
	var columns []datadiff.Column
	for _, t := range types {
		columns = append(columns, typed(t, len(in.Table) == 0))
	}
	if len(in.Table) == 0 {
		return columns, nil
	}
	return columns, c.declared(ctx, in.Table, columns)
}

// missing names a table as it was asked for.
func (*conn) missing(e *datadiff.Error, in datadiff.Input) error {
	if e.Kind == datadiff.NoSuchTable && len(in.Table) > 0 {
		e.Value = strings.Join(in.Table, ".")
	}
	return e
}

// declared refines what the protocol says of types by the catalog.
func (c *conn) declared(ctx context.Context, table []string, columns []datadiff.Column) error {
	condition, args := where(table)
	rows, err := c.c.QueryContext(ctx, "SELECT column_name, data_type, column_type FROM information_schema.columns WHERE "+condition, args...)
	if err != nil {
		return c.judge(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, kind, full string
		if err := rows.Scan(&name, &kind, &full); err != nil {
			return c.judge(err)
		}
		for i := range columns {
			if columns[i].Name != name {
				continue
			}
			columns[i].Full = full
			if kind == "uuid" {
				columns[i].Type, columns[i].Datatype, columns[i].Digits = "UUID", datadiff.UUID, 0
			}
		}
	}
	if err := rows.Err(); err != nil {
		return c.judge(err)
	}
	return nil
}

// where finds a table in the catalog.
func where(table []string) (condition string, args []any) {
	if len(table) > 1 {
		return "table_schema = ? AND table_name = ?", []any{table[len(table)-2], table[len(table)-1]}
	}
	return "table_schema = database() AND table_name = ?", []any{table[0]}
}

// typed is a column as the protocol describes it.
func typed(t *sql.ColumnType, query bool) datadiff.Column {
	nullable, ok := t.Nullable()
	c := datadiff.Column{Name: t.Name(), Type: t.DatabaseTypeName(), Full: t.DatabaseTypeName(), Nullable: nullable || !ok || query}
	_, scale, sized := t.DecimalSize()
	switch strings.TrimPrefix(c.Type, "UNSIGNED ") {
	case "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT":
		c.Datatype = datadiff.Integer
	case "YEAR":
		c.Datatype = datadiff.Year
	case "DECIMAL":
		c.Datatype = datadiff.Decimal
		if sized {
			c.Digits = int(scale)
		}
	case "FLOAT":
		c.Datatype, c.Digits = datadiff.Float, 24
	case "DOUBLE":
		c.Datatype, c.Digits = datadiff.Float, 53
	case "CHAR", "ENUM", "SET":
		c.Datatype = datadiff.FixedString
	case "VARCHAR", "TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT":
		c.Datatype = datadiff.String
	case "BINARY":
		c.Datatype = datadiff.Binary
	case "VARBINARY", "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB":
		c.Datatype = datadiff.Varbinary
	case "DATE":
		c.Datatype = datadiff.Date
	case "DATETIME", "TIMESTAMP", "TIME":
		c.Datatype = datadiff.Timestamp
		if c.Type == "TIME" {
			c.Datatype = datadiff.TimeOfDay
		}
		if sized {
			c.Digits = int(scale)
		}
	case "JSON":
		c.Datatype = datadiff.JSON
	case "BIT":
		c.Datatype = datadiff.Boolean
	default:
		c.Datatype = datadiff.UnknownType
	}
	return c
}

func (c *conn) UniqueKeys(ctx context.Context, table []string) ([][]string, error) {
	condition, args := where(table)
	rows, err := c.c.QueryContext(ctx, "SELECT index_name, column_name, nullable = 'YES' OR sub_part IS NOT NULL FROM information_schema.statistics WHERE "+condition+
		" AND non_unique = 0 ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index", args...)
	if err != nil {
		return nil, c.judge(err)
	}
	defer func() { _ = rows.Close() }()
	var keys [][]string
	last, of := "", false
	for rows.Next() {
		var index, column string
		var unfit bool
		if err := rows.Scan(&index, &column, &unfit); err != nil {
			return nil, c.judge(err)
		}
		if index != last {
			last, of = index, true
			keys = append(keys, nil)
		}
		if unfit && of {
			keys, of = keys[:len(keys)-1], false
		}
		if of {
			keys[len(keys)-1] = append(keys[len(keys)-1], column)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, c.judge(err)
	}
	return keys, nil
}
