package mssql

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

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

// Options bound what diffs do to a database.
type Options struct {
	Connections int           // at once, of all diffs; 0 is 4
	Timeout     time.Duration // of a statement; 0 is none
	// Dial connects, nil being the driver's way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const defaultConnections = 4

// Source is a SQL Server database.
type Source struct {
	db      *sql.DB
	budget  *datadiff.Budget
	options Options
}

// dialer is a function that connects.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// HostName tells the driver that the dialer looks the host up: it knows what may be
// reached.
func (dialer) HostName() string { return "" }

// New is the source of a driver's configuration. It does not connect.
func New(config msdsn.Config, o Options) *Source {
	config.AppName = "understudy"
	connector := mssql.NewConnectorConfig(config)
	if o.Dial != nil {
		connector.Dialer = dialer(o.Dial)
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(-1) // a diff that ended holds nothing
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	return &Source{db: db, budget: datadiff.NewBudget(o.Connections), options: o}
}

// Dialect is SQL Server's.
func (*Source) Dialect() datadiff.Dialect { return dialect{} }

// Budget bounds the connections of all diffs.
func (s *Source) Budget() *datadiff.Budget { return s.budget }

// Close ends the source, of which no diff runs any more.
func (s *Source) Close() error { return s.db.Close() }

// settings: a SQL Server has no read-only transactions, so that ours is rolled back
// whatever came. A snapshot needs the database's leave: without it rows are read as
// they are committed.
var settings = []string{
	"SET LANGUAGE us_english", "SET DATEFORMAT ymd", "SET ANSI_NULLS ON", "SET QUOTED_IDENTIFIER ON", "SET CONCAT_NULL_YIELDS_NULL ON",
	"IF EXISTS (SELECT 1 FROM sys.databases WHERE database_id = DB_ID() AND snapshot_isolation_state = 1) SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
	"BEGIN TRANSACTION",
}

// Connect opens a transaction that is rolled back.
func (s *Source) Connect(ctx context.Context) (datadiff.Conn, error) {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	for _, statement := range settings {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(unreachable(err), c.Close())
		}
	}
	return &conn{c: c, timeout: s.options.Timeout}, nil
}

// unreachable words a failure to connect without the address.
func unreachable(err error) *datadiff.Error {
	e := &datadiff.Error{Kind: datadiff.Unreachable, Value: "the database cannot be reached", Err: err}
	var own mssql.Error
	var network *net.OpError
	var told *datadiff.Error
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &own):
		e.Value += ": " + own.Message
	case errors.As(err, &network):
		e.Value += ": " + network.Err.Error()
	}
	return e
}

type conn struct {
	c       *sql.Conn
	timeout time.Duration
}

func (c *conn) Close() error {
	// The connection is closed with it, and what it did not roll back is.
	_, _ = c.c.ExecContext(context.Background(), "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
	return c.c.Close()
}

// readsOnly refuses a text that does more than read. Statements of SQL Server follow one
// another without a semicolon, and no transaction of it is read-only: but each of them
// that does something, or reaches another server, begins with a reserved word, or needs
// a semicolon before it.
func readsOnly(query string) error {
	query = strings.ReplaceAll(query, "\r", "\n") // either ends a comment
	if !sqldb.OneStatement(query) {
		return &datadiff.Error{Kind: datadiff.QueryFailed, Value: "a filter or query is one statement"}
	}
	for i := 0; i < len(query); {
		rest := query[i:]
		skip := max(datadiff.Comment(rest), datadiff.Quoted(rest), len(number.FindString(rest)))
		switch rest[0] {
		case '`': // quotes elsewhere
			return &datadiff.Error{Kind: datadiff.QueryFailed, Value: "a filter or query has a character that SQL Server does not know: `"}
		case '[':
			skip = strings.IndexByte(rest, ']') + 1
			if skip == 0 {
				skip = len(rest)
			}
		}
		if word := bareWord.FindString(rest); skip == 0 && word != "" {
			if doing[strings.ToUpper(word)] {
				return &datadiff.Error{Kind: datadiff.QueryFailed, Value: "a filter or query only reads: it has the word " + strings.ToUpper(word)}
			}
			skip = len(word)
		}
		i += max(1, skip)
	}
	return nil
}

var (
	number   = regexp.MustCompile(`^(?:0[xX][0-9a-fA-F]*|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?)`)
	bareWord = regexp.MustCompile(`^[\p{L}_@#][\p{L}\p{N}_@#$]*`)
	doing    = map[string]bool{}
)

func init() { //nolint:gochecknoinits // a set
	for word := range strings.FieldsSeq(`ALTER BACKUP BEGIN BREAK BULK CHECKPOINT CLOSE COMMIT CONTINUE CREATE DBCC DEALLOCATE
		DECLARE DELETE DENY DISK DROP DUMP EXEC EXECUTE EXIT GOTO GRANT IF INSERT INTO KILL LOAD MERGE OPEN OPENDATASOURCE OPENQUERY
		OPENROWSET PRINT RAISERROR READTEXT RECONFIGURE RESTORE RETURN REVERT REVOKE ROLLBACK SAVE SET SETUSER SHUTDOWN TRUNCATE
		UPDATE UPDATETEXT USE WAITFOR WHILE WRITETEXT`) {
		doing[word] = true
	}
}

func (c *conn) Read(ctx context.Context, query string, each func(line []byte) error) error {
	if err := readsOnly(query); err != nil {
		return err
	}
	return sqldb.Read(ctx, c.c, c.timeout, query, text, judge, each)
}

func text(into []byte, value any) []byte {
	switch v := value.(type) {
	case int64:
		return strconv.AppendInt(into, v, 10)
	case float64:
		return strconv.AppendFloat(into, v, 'g', -1, 64)
	case bool:
		if v {
			return append(into, '1')
		}
		return append(into, '0')
	case []byte:
		return append(into, v...)
	case string:
		return append(into, v...)
	case time.Time:
		return v.UTC().AppendFormat(into, "2006-01-02 15:04:05.000000")
	}
	return fmt.Append(into, value)
}

// The errors of the server that are told apart.
const (
	noObject  = 208
	noColumn  = 207
	noLogin   = 18456
	noServer  = 4060
	shutDown  = 6005
	cancelled = 3617
)

var named = regexp.MustCompile(`'(.+?)'`)

func judge(err error) *datadiff.Error {
	var own mssql.Error
	if !errors.As(err, &own) {
		var network net.Error
		if errors.Is(err, driver.ErrBadConn) || errors.As(err, &network) {
			return &datadiff.Error{Kind: datadiff.Unreachable, Value: "the connection to the database was lost", Err: err}
		}
		return &datadiff.Error{Kind: datadiff.QueryFailed, Value: err.Error(), Err: err}
	}
	e := &datadiff.Error{Kind: datadiff.QueryFailed, Value: own.Message, Err: err}
	switch own.Number {
	case noObject, noColumn:
		e.Kind = datadiff.NoSuchTable
		if own.Number == noColumn {
			e.Kind = datadiff.NoSuchColumn
		}
		if m := named.FindStringSubmatch(own.Message); m != nil {
			e.Value = m[1]
		}
	case noLogin, noServer, shutDown, cancelled:
		e.Kind = datadiff.Unreachable
	}
	return e
}

func (c *conn) Describe(ctx context.Context, in datadiff.Input) ([]datadiff.Column, error) {
	from := "(" + datadiff.Trimmed(in.Query) + "\n) q"
	if len(in.Table) > 0 {
		from = dialect{}.Path(in.Table)
	}
	query := "SELECT TOP 0 * FROM " + from
	if err := readsOnly(query); err != nil {
		return nil, err
	}
	rows, err := c.c.QueryContext(ctx, query)
	if err != nil {
		e := judge(err)
		if e.Kind == datadiff.NoSuchTable && len(in.Table) > 0 {
			e.Value = strings.Join(in.Table, ".")
		}
		return nil, e
	}
	types, err := rows.ColumnTypes()
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // the connection has to be free below
		return nil, judge(err)
	}
	columns := make([]datadiff.Column, len(types))
	for i, t := range types {
		_, scale, _ := t.DecimalSize()
		nullable, ok := t.Nullable()
		columns[i] = typed(t.Name(), t.DatabaseTypeName(), int(scale))
		columns[i].Nullable = nullable || !ok || len(in.Table) == 0
	}
	return columns, nil
}

// typed is a column of a type as the driver names it; scale is a decimal's.
func typed(name, kind string, scale int) datadiff.Column {
	c := datadiff.Column{Name: name, Type: strings.ToLower(kind), Full: strings.ToLower(kind)}
	switch c.Type {
	case "tinyint", "smallint", "int", "bigint":
		c.Datatype = datadiff.Integer
	case "decimal", "numeric":
		c.Datatype, c.Digits = datadiff.Decimal, scale
		c.Full = fmt.Sprintf("%s(38,%d)", c.Type, scale)
	case "money", "smallmoney":
		c.Datatype, c.Digits = datadiff.Decimal, 4
	case "real":
		c.Datatype, c.Digits = datadiff.Float, 24
	case "float":
		c.Datatype, c.Digits = datadiff.Float, 53
	case "bit":
		c.Datatype = datadiff.Boolean
	case "char", "nchar":
		c.Datatype = datadiff.FixedString
	case "varchar", "nvarchar", "text", "ntext", "sysname":
		c.Datatype = datadiff.String
	case "binary":
		c.Datatype = datadiff.Binary
	case "varbinary", "image", "timestamp", "rowversion":
		c.Datatype = datadiff.Varbinary
	case "date":
		c.Datatype = datadiff.Date
	case "datetime", "datetime2", "smalldatetime", "datetimeoffset":
		c.Datatype, c.Digits = datadiff.Timestamp, 6
		switch c.Type {
		case "datetime":
			c.Digits = 3
		case "smalldatetime":
			c.Digits = 0
		}
	case "time":
		c.Datatype, c.Digits = datadiff.TimeOfDay, 6
	case "uniqueidentifier":
		c.Datatype = datadiff.UUID
	case "xml":
		c.Datatype = datadiff.XML
	default:
		c.Datatype = datadiff.UnknownType
	}
	return c
}

func (c *conn) UniqueKeys(ctx context.Context, table []string) ([][]string, error) {
	const query = `SELECT i.index_id, c.name FROM sys.indexes i
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.is_included_column = 0
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = OBJECT_ID(@p1) AND i.is_unique = 1 AND i.has_filter = 0 AND NOT EXISTS (
  SELECT 1 FROM sys.index_columns n JOIN sys.columns m ON m.object_id = n.object_id AND m.column_id = n.column_id
  WHERE n.object_id = i.object_id AND n.index_id = i.index_id AND n.is_included_column = 0 AND m.is_nullable = 1)
ORDER BY i.is_primary_key DESC, i.index_id, k.key_ordinal`
	rows, err := c.c.QueryContext(ctx, query, dialect{}.Path(table))
	if err != nil {
		return nil, judge(err)
	}
	defer func() { _ = rows.Close() }()
	var keys [][]string
	last := -1
	for rows.Next() {
		var index int
		var column string
		if err := rows.Scan(&index, &column); err != nil {
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
