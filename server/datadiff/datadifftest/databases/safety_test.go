package databases

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/internal/mariadbtest"
	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/datadifftest"
	"github.com/understudy-api/understudy/server/datadiff/mysql"
	"github.com/understudy-api/understudy/server/datadiff/postgres"
	"github.com/understudy-api/understudy/server/datadiff/sqlite"
)

var idAndValue = []datadifftest.Column{{Name: "id", Type: datadifftest.Integer}, {Name: "v", Type: datadifftest.Text}}

func both(filter string) datadiff.Spec {
	in := datadiff.Input{Table: []string{"t"}, Filter: filter}
	return datadiff.Spec{Left: in, Right: in, Key: []string{"id"}}
}

// Nothing that a filter says writes.
func TestStoreReadOnly(t *testing.T) {
	for name, open := range All {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			d.Table(t, "t", idAndValue, "", [][]any{{1, "a"}})
			for _, filter := range []string{
				"1 = 1); DROP TABLE t; --", "1 = 1)\n; COMMIT; DROP TABLE t; --", "1 = 1) TO STDOUT; COMMIT; DROP TABLE t; --",
				"1 = 1); PRAGMA query_only = 0; DROP TABLE t; --", "1 = 1); ROLLBACK; SET default_transaction_read_only = off; DROP TABLE t; --",
			} {
				if _, err := datadiff.Run(t.Context(), both(filter), d.Source, d.Source, nil); datadiff.KindOf(err) != datadiff.QueryFailed {
					t.Errorf("%s: %v", filter, err)
				}
			}
			if r := datadifftest.Diff(t, both("v <> 'x;y' -- ; "), d, d); r.Outcome != datadiff.Identical || r.Keys.TotalRows[0] != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
	d := Postgres(t)
	d.Table(t, "t", idAndValue, "", [][]any{{1, "a"}})
	d.Exec(t, "CREATE FUNCTION w() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (2, NULL) RETURNING 1'")
	if _, err := datadiff.Run(t.Context(), both("w() = 1"), d.Source, d.Source, nil); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Error(err)
	}
}

// slow is a database, a filter that takes a minute, and how many statements with it
// run in the database.
type slow struct {
	source  datadiff.Source
	filter  string
	running func() int
}

func slowOnes(t *testing.T, timeout time.Duration) map[string]slow {
	count := func(db *sql.DB, query string) func() int {
		return func() (n int) {
			if err := db.QueryRowContext(context.Background(), query).Scan(&n); err != nil {
				t.Error(err)
			}
			return n
		}
	}
	prepare := func(driver, dsn string) *sql.DB {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		for _, s := range []string{"CREATE TABLE t (id int, v text)", "INSERT INTO t VALUES (1, 'a')"} {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		return db
	}
	all := map[string]slow{}
	dsn := pgtest.DSN(t)
	source, err := postgres.Open(dsn, postgres.Options{Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	all["postgres"] = slow{source, "pg_sleep(60) IS NOT NULL", count(prepare("pgx", dsn),
		"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'COPY%pg_sleep(60)%'")}
	t.Run("mariadb", func(t *testing.T) { // a test of its own, to be skipped
		dsn := mariadbtest.DSN(t)
		maria, err := mysql.Open(dsn, mysql.Options{Timeout: timeout, MariaDB: true})
		if err != nil {
			t.Fatal(err)
		}
		one := slow{maria, "SLEEP(60) = 0", count(prepare("mysql", dsn),
			"SELECT count(*) FROM information_schema.processlist WHERE db = database() AND info LIKE 'SELECT%FROM `t`%SLEEP(60)%' AND id <> connection_id()")}
		stops(t, one, timeout)
	})
	return all
}

func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !f(); <-tick.C {
		if time.Now().After(deadline) {
			t.Error("never: " + what)
			return
		}
	}
}

// stops: a diff that is cancelled, or takes too long, ends in the database too.
func stops(t *testing.T, s slow, timeout time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	want := datadiff.TimedOut
	if timeout == 0 {
		want = datadiff.Cancelled
		go func() {
			await(t, "the statement runs", func() bool { return s.running() > 0 })
			cancel()
		}()
	}
	_, err := datadiff.Run(ctx, both(s.filter), s.source, s.source, nil)
	if datadiff.KindOf(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
	await(t, "the statement ends", func() bool { return s.running() == 0 })
}

func TestStoreCancel(t *testing.T) {
	for name, s := range slowOnes(t, 0) {
		t.Run(name, func(t *testing.T) { stops(t, s, 0) })
	}
}

func TestStoreTimeout(t *testing.T) {
	const timeout = 50 * time.Millisecond
	for name, s := range slowOnes(t, timeout) {
		t.Run(name, func(t *testing.T) { stops(t, s, timeout) })
	}
}

// A server that dies under a diff is said to be gone, and one that is not there too.
func TestStoreGone(t *testing.T) {
	cluster := pgtest.NewCluster(t)
	dsn := cluster.DSN(t)
	source, err := postgres.Open(dsn, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t AS SELECT 1 id"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := datadiff.Run(t.Context(), both("pg_sleep(60) IS NOT NULL"), source, source, nil)
		ended <- err
	}()
	await(t, "the statement runs", func() bool {
		var n int
		_ = db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%pg_sleep(60)%'").Scan(&n)
		return n > 0
	})
	if err := cluster.Stop(pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; datadiff.KindOf(err) != datadiff.Unreachable {
		t.Errorf("killed: %v", err)
	}
	if _, err := datadiff.Run(t.Context(), both(""), source, source, nil); datadiff.KindOf(err) != datadiff.Unreachable {
		t.Errorf("not there: %v", err)
	}
	_ = db.Close()
}

// Ten diffs at once hold no more connections than the budget, as the database counts
// them.
func TestStoreBudget(t *testing.T) {
	dsn := pgtest.DSN(t)
	source, err := postgres.Open(dsn, postgres.Options{Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t AS SELECT id, id AS v FROM generate_series(1, 10) id"); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 10 {
		wait.Go(func() {
			spec := both("pg_sleep(0.001) IS NOT NULL")
			if i%2 == 1 {
				spec.Algorithm = datadiff.FetchAndJoin // takes two
			}
			if r, err := datadiff.Run(t.Context(), spec, source, source, nil); err != nil || r.Outcome != datadiff.Identical {
				t.Error(r, err)
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	most := 0
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'understudy'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		most = max(most, n)
		select {
		case <-tick.C:
			continue
		case <-done:
		}
		break
	}
	// A backend that ends is counted until it has.
	if most == 0 || most > 2+1 {
		t.Errorf("%d connections", most)
	}
}

// Column rules, in the database that joins and in the merge alike.
func TestStoreRules(t *testing.T) {
	rules, err := sqlite.NewRules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rules.Close() }()
	for name, open := range All {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			columns := slices.Concat(idAndValue, []datadifftest.Column{{Name: "n", Type: datadifftest.Integer}})
			d.Table(t, "a", columns, "", [][]any{{1, "x-1", 10}, {2, "y", 20}, {3, "z", nil}})
			d.Table(t, "b", columns, "", [][]any{{1, "x-2", 11}, {2, "w", 25}, {3, "z", 1}})
			spec := datadiff.Spec{Left: datadifftest.Of("a"), Right: datadifftest.Of("b"), Key: []string{"id"}, Rules: rules, ColumnRules: []datadiff.ColumnRule{
				{Column: "v", EqualIf: "substr({a}, 1, 1) = substr({b}, 1, 1)"}, {Type: datadiff.Integer, EqualIf: "abs({a} - {b}) < 2"},
			}}
			for _, way := range []datadiff.Algorithm{datadiff.Join, datadiff.FetchAndJoin} {
				spec.Algorithm = way
				r := datadifftest.Diff(t, spec, d, d)
				got := map[string]int64{}
				for _, c := range r.Values.Columns {
					got[c.Name] = c.Different
				}
				if diff := cmp.Diff(map[string]int64{"v": 1, "n": 2}, got); diff != "" || r.Values.RowsWithDifferences != 2 {
					t.Error(way, diff, r.Values.RowsWithDifferences)
				}
			}
			spec.ColumnRules = []datadiff.ColumnRule{{Column: "v", EqualIf: "{a} = ("}}
			if _, err := datadiff.Run(t.Context(), spec, d.Source, d.Source, nil); datadiff.KindOf(err) != datadiff.Invalid {
				t.Error(err)
			}
		})
	}
}
