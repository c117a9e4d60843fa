package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

func openForTest(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func pragma(t *testing.T, c *conn, name string) (value string) {
	t.Helper()
	if err := c.query("PRAGMA "+name, func(v []driver.Value) error {
		value = fmt.Sprint(v[0])
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestPragmasOnEveryConnection(t *testing.T) {
	for _, full := range []bool{false, true} {
		s := openForTest(t, Options{Path: filepath.Join(t.TempDir(), "test.db"), FullSync: full})
		check := func(what string, c *conn, want map[string]string) {
			for name, value := range want {
				if got := pragma(t, c, name); got != value {
					t.Errorf("%s: %s is %s, want %s", what, name, got, value)
				}
			}
		}
		sync := "1"
		if full {
			sync = "2"
		}
		check("writer", s.writer.conn, map[string]string{
			"journal_mode": "wal", "synchronous": sync, "busy_timeout": "5000", "wal_autocheckpoint": "0",
			"cache_size": "-32768", "temp_store": "2", "query_only": "0", "application_id": strconv.Itoa(applicationID),
		})
		var readers []*conn
		for range len(s.readers) {
			c, err := s.reader(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			readers = append(readers, c)
		}
		for i, c := range readers {
			check(fmt.Sprint("reader ", i), c, map[string]string{
				"journal_mode": "wal", "busy_timeout": "5000", "query_only": "1", "cache_size": "-8192", "temp_store": "2",
			})
			s.giveBack(c, nil)
		}
	}
}

func TestMigrationsRunOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	schema := func() (out string) {
		s, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		add := func(v []driver.Value) error {
			out += fmt.Sprintln(v)
			return nil
		}
		if err := s.writer.conn.query("SELECT name, sql FROM sqlite_schema ORDER BY name", add); err != nil {
			t.Error(err)
		}
		if err := s.writer.conn.query("SELECT version, applied FROM schema_version", add); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return out
	}
	if first, second := schema(), schema(); first != second || !strings.Contains(first, "record_parent") {
		t.Errorf("opening again changed the schema:\n%s\n%s", first, second)
	}
}

// Every statement for a list must read from the place where its page begins.
func TestListsNeitherScanNorSort(t *testing.T) {
	s := openForTest(t, Options{})
	for _, parent := range []*string{nil, new("p")} {
		for _, index := range []string{"", "x"} {
			for _, descending := range []bool{false, true} {
				for _, after := range []*place{nil, {"v", 7}} {
					for condition := range 4 {
						q := storage.Query{Parent: parent, Index: index, Descending: descending, Limit: 20}
						if index != "" {
							switch condition {
							case 1:
								q.Equal = new("v")
							case 2:
								q.Prefix = "v"
							case 3:
								q.Contains = "v"
							}
						}
						l := listing(1, "k", q, after)
						plan := explain(t, s.writer.conn, l.sql, l.args)
						if strings.Contains(plan, "SCAN r\n") || strings.Contains(plan, "SCAN record") || strings.Contains(plan, "TEMP B-TREE") {
							t.Errorf("%+v after %v:\n%s\n%s", q, after, l.sql, plan)
						}
						// The whole prefix of the index is used.
						n := 3 // workspace, kind, gone
						if index != "" {
							n++
						}
						if parent != nil {
							n++
						}
						if got := strings.Count(strings.SplitAfter(plan, "\n")[firstSearch(plan)], "=?"); got < n {
							t.Errorf("%+v uses %d columns of the index, want %d:\n%s", q, got, n, plan)
						}
						if q.Filtered() {
							plan = explain(t, s.writer.conn, l.countSQL, l.countArgs)
							if !strings.Contains(plan, "COVERING") && !strings.Contains(plan, "PRIMARY KEY") {
								t.Errorf("counting %+v reads more than the index:\n%s", q, plan)
							}
						}
					}
				}
			}
		}
	}
}

func firstSearch(plan string) int {
	for i, line := range strings.SplitAfter(plan, "\n") {
		if strings.Contains(line, "SEARCH r ") {
			return i
		}
	}
	return 0
}

func explain(t *testing.T, c *conn, sql string, args []any) (plan string) {
	t.Helper()
	if err := c.query("EXPLAIN QUERY PLAN "+sql, func(v []driver.Value) error {
		plan += text(v[3]) + "\n"
		return nil
	}, args...); err != nil {
		t.Fatal(sql, err)
	}
	return plan
}

// A full disk fails the updates that meet it, and everything after them in the
// same transaction, but not the store.
func TestDiskFull(t *testing.T) {
	s := openForTest(t, Options{Path: filepath.Join(t.TempDir(), "test.db")})
	insert := func(id string, size int) error {
		return s.Update(context.Background(), "w", func(tx storage.Tx) error {
			_, err := tx.Insert(storage.Record{Kind: "k", ID: id, Body: bytes.Repeat([]byte("1"), size)},
				[]storage.Key{{Index: "id", Value: id, Unique: true}})
			return err
		})
	}
	if err := insert("before", 10); err != nil {
		t.Fatal(err)
	}
	pages, err := s.writer.conn.number("PRAGMA page_count")
	if err != nil {
		t.Fatal(err)
	}
	limit := func(n int64) {
		if _, err := s.writer.conn.number(fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 20)
	var wg sync.WaitGroup
	results := make([]error, 40)
	for i := range results {
		wg.Go(func() { results[i] = insert(strconv.Itoa(i), 1000+i%2*100_000) })
	}
	wg.Wait()
	limit(1 << 30)
	if err := insert("after", 10); err != nil {
		t.Fatal("with space again:", err)
	}
	want := int64(2)
	err = s.View(t.Context(), "w", func(tx storage.ReadTx) error {
		for i, failed := range results {
			if i%2 == 1 && storage.KindOf(failed) != storage.KindUnavailable {
				t.Errorf("too large for the disk: %v", failed)
			}
			if failed == nil {
				want++
			}
			if _, err := tx.Get("k", strconv.Itoa(i)); (err == nil) != (failed == nil) {
				t.Errorf("insert %d: %v; get: %v", i, failed, err)
			}
		}
		for _, q := range []storage.Query{{}, {Index: "id"}} {
			p, err := tx.List("k", q)
			if err != nil || int64(len(p.Records)) != want || p.Total != want {
				t.Errorf("%d records, total %d, %v; want %d", len(p.Records), p.Total, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Somebody else's lock on the database is unavailability, and passes.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openForTest(t, Options{Path: path})
	if err := s.Update(t.Context(), "w", func(tx storage.Tx) error { _, err := tx.Next("n"); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.conn.number("PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	other, err := dial(fileDSN(path, dsnPragmas("busy_timeout(0)")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.close() }()
	if _, err := other.exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	next := func() (n int64, err error) {
		err = s.Update(t.Context(), "w", func(tx storage.Tx) (err error) { n, err = tx.Next("n"); return err })
		return n, err
	}
	if _, err := next(); storage.KindOf(err) != storage.KindUnavailable {
		t.Errorf("while it is locked: %v", err)
	}
	if _, err := other.exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if n, err := next(); err != nil || n != 2 {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

func TestLogIsCheckpointed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openForTest(t, Options{Path: path})
	body := bytes.Repeat([]byte("1"), 1<<20)
	for i := range 40 {
		if err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
			_, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(i), Body: body}, nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if limit := int64(2 * checkpointAfter * pageSize); info.Size() > limit {
		t.Errorf("the log has %d bytes, more than %d", info.Size(), limit)
	}
}

func TestCacheIsBounded(t *testing.T) {
	const limit = 10_000
	c := newCache(limit)
	at := func(i int) ref { return ref{ofRecord, 1, "k", strconv.Itoa(i)} }
	for i := range 1000 {
		c.learn(0, at(i), &stored{Record: storage.Record{Body: make([]byte, i%300)}})
		c.get(0, at(0)) // used all the time: stays
		sum := 0
		for _, item := range c.items {
			sum += item.size
		}
		if sum != c.size || c.size > limit {
			t.Fatalf("size is %d, counted %d, limit %d", c.size, sum, limit)
		}
	}
	if _, ok := c.get(0, at(0)); !ok {
		t.Error("the most used item was dropped")
	}
	if _, ok := c.get(0, at(1)); ok {
		t.Error("the least used item stayed")
	}
	c.learn(0, at(0), &stored{Record: storage.Record{Body: make([]byte, limit)}})
	if _, ok := c.get(0, at(0)); ok || len(c.items) == 0 {
		t.Error("an item larger than the cache went in, or pushed out the others")
	}
	c.apply(map[ref]any{at(1): (*stored)(nil)})
	if _, ok := c.get(0, at(1)); ok {
		t.Error("a snapshot of the past got something newer")
	}
	c.learn(0, at(2), (*stored)(nil))
	if _, ok := c.get(1, at(2)); ok {
		t.Error("something of the past was learnt")
	}
	if v, ok := c.get(1, at(1)); !ok || v.(*stored) != nil {
		t.Error("what was committed is not there")
	}
}
