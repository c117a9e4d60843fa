package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

func TestStoreWith(t *testing.T) {
	for _, test := range []struct{ dsn, word, value, want string }{
		{"host=/tmp dbname=a", "dbname", "b", "host=/tmp dbname=a dbname=b"},
		{"host=/tmp", "search_path", "s", "host=/tmp search_path=s"},
		{"postgres://u:p@h:1/a?sslmode=disable", "dbname", "b", "postgres://u:p@h:1/b?sslmode=disable"},
		{"postgresql://h/a", "search_path", "s", "postgresql://h/a?search_path=s"},
	} {
		if got := with(test.dsn, test.word, test.value); got != test.want {
			t.Errorf("%s with %s %s: %s", test.dsn, test.word, test.value, got)
		}
	}
}

// What is committed outlives a server that stops in whatever way.
func TestStoreRestart(t *testing.T) {
	c := NewCluster(t)
	dsn := c.DSN(t)
	for n, mode := range []Mode{Smart, Fast, Immediate} {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(mode, err)
		}
		if _, err := conn.Exec(t.Context(), "CREATE TABLE t"+string(mode)+" ()"); err != nil {
			t.Error(mode, err)
		}
		var tables int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&tables); err != nil || tables != n+1 {
			t.Errorf("before it is stopped %s: %d tables, %v", mode, tables, err)
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := c.Stop(mode); err != nil {
			t.Fatal(err)
		}
		if _, err := pgx.Connect(t.Context(), dsn); err == nil {
			t.Errorf("%s: it serves after it was stopped", mode)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
}
