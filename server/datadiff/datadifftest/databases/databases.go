// Package databases makes databases to be tested: see package datadifftest.
package databases

import (
	"database/sql"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql" // for statements of tests
	_ "github.com/jackc/pgx/v5/stdlib" // the same

	"github.com/understudy-api/understudy/internal/mariadbtest"
	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/datadifftest"
	"github.com/understudy-api/understudy/server/datadiff/mysql"
	"github.com/understudy-api/understudy/server/datadiff/postgres"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
	"github.com/understudy-api/understudy/server/datadiff/sqlite"
)

// Main runs the tests of a package, and then stops the servers that they shared.
func Main(m *testing.M) {
	defer mariadbtest.Stop()
	pgtest.Main(m)
}

// All are the databases, by name.
var All = map[string]func(testing.TB) *datadifftest.Database{"sqlite": SQLite, "postgres": Postgres, "mariadb": MariaDB}

// connections that a test's source has.
const connections = 4

// made is the database of a source, to be written to by a driver of database/sql.
func made(t testing.TB, driver, dsn string, source datadiff.Source, err error) *datadifftest.Database {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		_ = db.Close()
		if c, ok := source.(interface{ Close() error }); ok {
			_ = c.Close()
		}
	})
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &datadifftest.Database{
		Source: source,
		Exec: func(t testing.TB, statements ...string) {
			t.Helper()
			for _, s := range statements {
				if _, err := db.ExecContext(t.Context(), s); err != nil {
					t.Fatalf("%s: %v", s[:min(len(s), 200)], err)
				}
			}
		},
		Quote: func(s string) string { return sqldb.Quote(s, `"`) },
		Text:  func(s string) string { return sqldb.Quote(s, "'") },
		Bytes: func(b []byte) string { return "x'" + hex.EncodeToString(b) + "'" },
	}
}

// SQLite is a new file.
func SQLite(t testing.TB) *datadifftest.Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	source, err := sqlite.Open(path, sqlite.Options{Connections: connections})
	d := made(t, "sqlite", "file:"+path+"?_pragma=synchronous(0)&_pragma=journal_mode(wal)", source, err)
	d.Types = map[string]string{
		datadifftest.Integer: "INTEGER", datadifftest.KeyPart: "INTEGER NOT NULL", datadifftest.Decimal: "DECIMAL(15,3)", datadifftest.Float: "REAL",
		datadifftest.Text: "TEXT", datadifftest.Boolean: "BOOLEAN", datadifftest.Date: "DATE", datadifftest.Timestamp: "TIMESTAMP",
		datadifftest.UUID: "UUID", datadifftest.JSON: "JSON", datadifftest.Binary: "BLOB",
	}
	return d
}

// Postgres is a new database of the server that tests share.
func Postgres(t testing.TB) *datadifftest.Database {
	t.Helper()
	dsn := pgtest.DSN(t)
	source, err := postgres.Open(dsn, postgres.Options{Connections: connections})
	d := made(t, "pgx", dsn, source, err)
	d.Bytes = func(b []byte) string { return `'\x` + hex.EncodeToString(b) + "'" }
	d.Types = map[string]string{
		datadifftest.Integer: "integer", datadifftest.KeyPart: "integer NOT NULL", datadifftest.Decimal: "numeric(15,3)",
		datadifftest.Float: "double precision", datadifftest.Text: "text", datadifftest.Boolean: "boolean", datadifftest.Date: "date",
		datadifftest.Timestamp: "timestamp", datadifftest.UUID: "uuid", datadifftest.JSON: "jsonb", datadifftest.Binary: "bytea",
	}
	return d
}

// MariaDB is a new database of the server that tests share.
func MariaDB(t testing.TB) *datadifftest.Database {
	t.Helper()
	dsn := mariadbtest.DSN(t)
	source, err := mysql.Open(dsn, mysql.Options{Connections: connections, MariaDB: true})
	d := made(t, "mysql", dsn, source, err)
	d.Quote = func(s string) string { return sqldb.Quote(s, "`") }
	d.Text = func(s string) string { return sqldb.Quote(strings.ReplaceAll(s, `\`, `\\`), "'") }
	d.Types = map[string]string{
		datadifftest.Integer: "INT", datadifftest.KeyPart: "INT NOT NULL", datadifftest.Decimal: "DECIMAL(15,3)", datadifftest.Float: "DOUBLE",
		datadifftest.Text: "TEXT", datadifftest.Boolean: "BOOLEAN", datadifftest.Date: "DATE", datadifftest.Timestamp: "DATETIME(6)",
		datadifftest.UUID: "UUID", datadifftest.JSON: "JSON", datadifftest.Binary: "BLOB",
	}
	return d
}
