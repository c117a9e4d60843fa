package app

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // for statements of tests

	"github.com/understudy-api/understudy/internal/mariadbtest"
	"github.com/understudy-api/understudy/internal/pgtest"
)

// realDatabase is a database of a test, and the body of a data source that names it.
type realDatabase struct {
	db     *sql.DB
	source string
}

func openDatabase(t *testing.T, driver, dsn, source string) realDatabase {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return realDatabase{db, source}
}

func (d realDatabase) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := d.db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func realPostgres(t *testing.T) realDatabase {
	t.Helper()
	dsn := pgtest.DSN(t)
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return openDatabase(t, "pgx", dsn, fmt.Sprintf(
		`{"type":"pg","name":"PG","max_allowed_connections":2,"temp_schema":"public","options":{"host":%q,"port":%d,"user":%q,"dbname":%q,"password":%q}}`,
		c.Host, c.Port, c.User, c.Database, c.Password))
}

func realMariaDB(t *testing.T) realDatabase {
	t.Helper()
	dsn := mariadbtest.DSN(t)
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	// The password as data-diff names it, which the document only warns of.
	return openDatabase(t, "mysql", dsn, fmt.Sprintf(`{"type":"mariadb","name":"Maria","options":{"host":%q,"user":%q,"db":%q,"password":%q}}`, c.Addr, c.User, c.DBName, c.Passwd))
}

// A check of a migration between two real databases, on every kind of store: the same
// numbers, and the same when they are scripted.
func TestStoreMigrationCheck(t *testing.T) {
	pg, maria := realPostgres(t), realMariaDB(t)
	pg.exec(t, `CREATE TABLE orders (id int PRIMARY KEY, name text, price numeric(10,2))`,
		`INSERT INTO orders SELECT i, 'n' || i, i / 4.0 FROM generate_series(1, 2000) i`)
	maria.exec(t, `CREATE TABLE orders (id int PRIMARY KEY, name varchar(50), price decimal(10,2))`,
		`INSERT INTO orders SELECT seq, concat('n', seq), seq / 4 FROM seq_4_to_2003`, `UPDATE orders SET name = 'other' WHERE id IN (10, 20)`)
	const (
		keys   = `"pks":{"total_rows":[2000,2000],"nulls":[0,0],"dupes":[0,0],"exclusives":[3,3],"distincts":[2000,2000]}`
		values = `"values":{"total_rows":1997,"rows_with_differences":2,"total_values":3994,"values_with_differences":2,"compared_columns":2,"columns_with_differences":1,"columns_diff_stats":[` +
			`{"column_name":"name","match":99.899`
	)
	for _, kind := range []string{"memory", "sqlite", "postgres", replicated} {
		t.Run(kind, func(t *testing.T) {
			t.Setenv(storeVariable, kind)
			var w *standIn
			o := Options{AllowDatabases: "/"}
			if kind == replicated {
				w, _ = startReplicas(t, testStore(t), o)
			} else {
				o.Store = testStore(t)
				w = startServer(t, o)
			}
			const secret = "stores"
			k := key(secret)
			a, b := w.dataSource(t, secret, pg.source), w.dataSource(t, secret, maria.source)
			for _, id := range []int{a, b} {
				job := w.number(t, w.expect(t, 200, "POST", fmt.Sprintf("/api/v1/data_sources/%d/test", id), k, "{}"), "job_id")
				eventually(t, "the test", func() bool {
					tested := w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/data_sources/test/%d", job), k, "")
					return strings.Contains(tested, `"step":"schema_download","status":"done","result":{"code":"ok"`)
				})
				guessed := w.expect(t, 200, "POST", fmt.Sprintf("/api/v1/data_sources/%d/guess_pk", id), k, `{"table":["orders"]}`)
				if !strings.HasPrefix(guessed, `{"candidates":[{"pk":["id"]}`) {
					t.Error(guessed)
				}
			}
			request := fmt.Sprintf(`{"data_source1_id":%d,"data_source2_id":%d,"table1":["public","orders"],"table2":["orders"],"pk_columns":["id"]}`, a, b)
			id, results := w.diff(t, secret, request)
			if !strings.HasPrefix(results, `{"status":"success",`+keys+`,`+values) {
				t.Error(results)
			}
			within := fmt.Sprintf(`{"data_source1_id":%[1]d,"data_source2_id":%[1]d,"table1":["public","orders"],"query2":"SELECT * FROM orders WHERE id > 3","pk_columns":["id"]}`, a) //nolint:unqueryvet // whatever columns there are
			if _, results := w.diff(t, secret, within); !strings.Contains(results, `"exclusives":[3,0]`) || !strings.Contains(results, `"schema":{"columns_mismatched":[0,0]`) {
				t.Error(results)
			}
			w.expect(t, 200, "PUT", "/_understudy/datafold/outcomes/same", bearer(secret),
				`{"tables":[["public","orders"],["orders"]],"result":{"rows":[2000,2000],"exclusives":[3,3],"columns":{"name":2,"price":0},"key":["id"]}}`)
			again, scripted := w.diff(t, secret, request)
			if diff := cmp.Diff(results, scripted); diff != "" {
				t.Error(diff)
			}
			full := func(id int) (stats any) {
				var members map[string]any
				if err := json.Unmarshal([]byte(w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d", id), k, "")), &members); err != nil {
					t.Fatal(err)
				}
				return members["diff_stats"]
			}
			if diff := cmp.Diff(full(id), full(again)); diff != "" {
				t.Error(diff)
			}
			if archived := w.expect(t, 200, "PATCH", fmt.Sprintf("/api/v1/datadiffs/%d", id), k, `{"archived":true}`); !strings.Contains(archived, `"archived":true`) {
				t.Error(archived)
			}
		})
	}
}

// Diffs at once hold no more connections than their source may, whatever there are of
// them; what is asked for meanwhile is answered; and a diff that is cancelled ends in
// the database too.
func TestStoreConnectionsOfDiffs(t *testing.T) {
	t.Parallel()
	pg := realPostgres(t)
	pg.exec(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t SELECT i, 'v' FROM generate_series(1, 1000) i`)
	w := startServer(t, Options{AllowDatabases: "/"})
	const secret = "budget"
	source := w.dataSource(t, secret, pg.source)
	body := func(filter string) string {
		return fmt.Sprintf(`{"data_source1_id":%[1]d,"data_source2_id":%[1]d,"table1":["t"],"table2":["t"],"pk_columns":["id"],"filter1":%[2]q}`, source, filter)
	}
	running := func() (n int) {
		if err := pg.db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'understudy' AND datname = current_database()`).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	var ids []int
	var took []time.Duration
	for range 10 {
		began := time.Now()
		ids = append(ids, w.number(t, w.expect(t, 200, "POST", "/api/v1/datadiffs", key(secret), body("id > 0 AND pg_sleep(0.0003) IS NOT NULL")), "id"))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("a diff is taken in %v (median of %d) while others run", took[len(took)/2], len(took))
	most := 0
	var wg sync.WaitGroup
	over := make(chan struct{})
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				most = max(most, running())
			}
		}
	})
	for _, id := range ids {
		if results := w.results(t, secret, id); !strings.Contains(results, `"total_rows":[1000,1000]`) {
			t.Error(results)
		}
	}
	close(over)
	wg.Wait()
	if most < 1 || most > 2 {
		t.Errorf("%d connections at once, want 1 or 2", most)
	}

	long := w.number(t, w.expect(t, 200, "POST", "/api/v1/datadiffs", key(secret), body("pg_sleep(60) IS NOT NULL")), "id")
	path := fmt.Sprintf("/api/v1/datadiffs/%d", long)
	eventually(t, "the statement", func() bool { return running() > 0 })
	if cancelled := w.expect(t, 200, "POST", path+"/cancel", key(secret), ""); cancelled != fmt.Sprintf(`{"id":%d,"status":"cancelled"}`, long) {
		t.Error(cancelled)
	}
	eventually(t, "the end of the statement", func() bool { return running() == 0 })
	if results := w.results(t, secret, long); !strings.Contains(results, `"error_type":"Cancelled"`) {
		t.Error(results)
	}
	// Once more is the same, and changes nothing.
	w.expect(t, 200, "POST", path+"/cancel", key(secret), "")

	// A database that goes away in the middle ends the diff, which may be tried again.
	lost := w.number(t, w.expect(t, 200, "POST", "/api/v1/datadiffs", key(secret), body("pg_sleep(60) IS NOT NULL")), "id")
	eventually(t, "the statement", func() bool { return running() > 0 })
	pg.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'understudy' AND datname = current_database()`)
	if results := w.results(t, secret, lost); !strings.HasPrefix(results, `{"status":"failed","error":{"error_type":"DatabaseUnavailable"`) || !strings.Contains(results, `"is_retryable":true`) {
		t.Error(results)
	}
}

// A diff whose server is killed is taken over, and made once.
func TestStoreDiffTakenOver(t *testing.T) {
	t.Parallel()
	pg := realPostgres(t)
	pg.exec(t, `CREATE TABLE t (id int PRIMARY KEY, v text)`, `INSERT INTO t SELECT i, 'v' FROM generate_series(1, 100) i`)
	f, all := startFleet(t, builtBinary(t), postgresStore(t), "--allow-database", "/")
	call := func(method, path, body string) string {
		t.Helper()
		status, text, err := f.call(method, path, body)
		if err != nil || status != http.StatusOK {
			t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
		}
		return text
	}
	w := &standIn{}
	source := w.number(t, call("POST", "/api/v1/data_sources", pg.source), "id")
	id := w.number(t, call("POST", "/api/v1/datadiffs", fmt.Sprintf(
		`{"data_source1_id":%[1]d,"data_source2_id":%[1]d,"table1":["t"],"table2":["t"],"pk_columns":["id"],"filter1":"id > 0 AND pg_sleep(0.05) IS NOT NULL"}`, source)), "id")
	path := fmt.Sprintf("/api/v1/datadiffs/%d", id)
	eventually(t, "the diff to run", func() bool { return strings.Contains(call("GET", path, ""), `"processing"`) })
	for _, p := range all[1:] {
		p.kill(t)
	}
	deadline := time.Now().Add(4 * patience)
	var done string
	for tick := time.NewTicker(100 * time.Millisecond); !strings.Contains(done, `"status":"done"`); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("never done: ", done)
		}
		done = call("GET", path, "")
	}
	if !strings.Contains(done, `"result":"identical"`) || !strings.Contains(done, `"table_a_row_count":100`) {
		t.Error(done)
	}
}
