package mariadbtest

import (
	"database/sql"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// Each test has a database of its own, on a server that keeps the rules of InnoDB.
func TestStoreServer(t *testing.T) {
	for range 2 {
		db, err := sql.Open("mysql", DSN(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (id INT PRIMARY KEY)"); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
