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
	"github.com/understudy-api/understudy/storage/internal/book"
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
			"cache_size": "-16384", "temp_store": "2", "query_only": "0", "application_id": strconv.Itoa(applicationID),
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
						l := listing(1, nil, "k", q, after)
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

// sweepAll waits until nothing is left to be swept.
func sweepAll(t *testing.T, s *Store) {
	t.Helper()
	for range 100_000 {
		left := true
		if err := s.Update(t.Context(), "sweeping", func(storage.Tx) error {
			left = !s.writer.swept
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !left {
			return
		}
	}
	t.Fatal("it is swept for ever")
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
func TestStoreDiskFull(t *testing.T) {
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
			if i%2 == 1 && storage.CodeOf(failed) != storage.CodeUnavailable {
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
	if err := other.exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	next := func() (n int64, err error) {
		err = s.Update(t.Context(), "w", func(tx storage.Tx) (err error) { n, err = tx.Next("n"); return err })
		return n, err
	}
	if _, err := next(); storage.CodeOf(err) != storage.CodeUnavailable {
		t.Errorf("while it is locked: %v", err)
	}
	if err := other.exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if n, err := next(); err != nil || n != 2 {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

func TestStoreLogIsCheckpointed(t *testing.T) {
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

// What is written and never asked for does not drive out what is, and takes little.
func TestCacheKeepsWhatIsRead(t *testing.T) {
	const limit = 80_000
	c := newCache(limit)
	at := func(i int) ref { return ref{ofRecord, 1, "k", strconv.Itoa(i)} }
	record := &book.Stored{Record: storage.Record{Body: make([]byte, 100)}}
	for i := range 50 {
		c.learn(0, at(i), record)
		c.get(0, at(i))
	}
	for i := range 10_000 {
		c.apply(map[ref]any{at(100 + i): record})
	}
	for i := range 50 {
		if _, ok := c.get(c.now(), at(i)); !ok {
			t.Fatalf("%d is gone", i)
		}
	}
	if c.fresh.size > limit/8 {
		t.Errorf("%d bytes of what was only written", c.fresh.size)
	}
}

func TestCacheIsBounded(t *testing.T) {
	const limit = 10_000
	c := newCache(limit)
	at := func(i int) ref { return ref{ofRecord, 1, "k", strconv.Itoa(i)} }
	for i := range 1000 {
		c.learn(0, at(i), &book.Stored{Record: storage.Record{Body: make([]byte, i%300)}})
		c.get(0, at(0)) // used all the time: stays
		sum := 0
		for _, item := range c.items {
			sum += item.size
		}
		if size := c.fresh.size + c.kept.size; sum != size || size > limit {
			t.Fatalf("size is %d, counted %d, limit %d", size, sum, limit)
		}
	}
	if _, ok := c.get(0, at(0)); !ok {
		t.Error("the most used item was dropped")
	}
	if _, ok := c.get(0, at(1)); ok {
		t.Error("the least used item stayed")
	}
	c.learn(0, at(0), &book.Stored{Record: storage.Record{Body: make([]byte, limit)}})
	if _, ok := c.get(0, at(0)); ok || len(c.items) == 0 {
		t.Error("an item larger than the cache went in, or pushed out the others")
	}
	c.apply(map[ref]any{at(1): &book.Stored{}})
	if _, ok := c.get(0, at(1)); ok {
		t.Error("a snapshot of the past got something newer")
	}
	c.learn(0, at(2), (*book.Stored)(nil))
	if _, ok := c.get(1, at(2)); ok {
		t.Error("something of the past was learnt")
	}
	if _, ok := c.get(1, at(1)); !ok {
		t.Error("what was committed is not there")
	}
	c.learn(1, at(2), (*book.Stored)(nil))
	if v, ok := c.get(1, at(2)); !ok || v.(*book.Stored) != nil {
		t.Error("that there is no record was not learnt")
	}
	before := c.fresh.size + c.kept.size
	c.apply(map[ref]any{at(1): (*book.Stored)(nil)})
	if _, ok := c.get(2, at(1)); ok || c.fresh.size+c.kept.size >= before {
		t.Error("a record that was removed takes room")
	}
}

// A database of version 1 is brought to the newest without loss.
func TestMigratesFromVersion1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	c, err := dial(fileDSN(path, writerPragmas(Options{})))
	if err != nil {
		t.Fatal(err)
	}
	first, err := migrations.ReadFile("migrations/0001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		"CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL) STRICT",
		string(first),
		"INSERT INTO schema_version VALUES (1, 0)",
		"INSERT INTO workspace (id, name) VALUES (3, 'w'), (7, 'other')",
		fmt.Sprintf("INSERT INTO record VALUES (%d, 3, 'k', '1', 'p', 0, 10, 20, 0, 5, x'01016e0176', x'7b7d')", book.KeyOf(3, 4)),
		fmt.Sprintf("INSERT INTO entry VALUES (3, 'k', 'n', 0, 'v', %d, 1, 'p')", book.KeyOf(3, 4)),
		`INSERT INTO counter VALUES (3, '', '', 4, 0, 0, 0, 0), (3, '', 'n', 9, 0, 0, 0, 0),
			(3, 'k', '', 0, 1, 0, 0, 0), (3, 'k', 'p', 0, 1, 0, 0, 0)`,
		"INSERT INTO blob VALUES (3, 'sum', x'0102')",
	} {
		if err := c.exec(sql); err != nil {
			t.Fatal(sql, err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	s := openForTest(t, Options{Path: path})
	err = s.View(t.Context(), "w", func(tx storage.ReadTx) error {
		settings, err := tx.Settings()
		if err != nil || settings != (storage.Settings{}) {
			t.Errorf("settings %+v, %v", settings, err)
		}
		r, err := tx.Find("k", "n", "v")
		if err != nil || r.ID != "1" || r.Seq != 4 || r.Version != 5 || string(r.Body) != "{}" || r.Updated.UnixMicro() != 20 {
			t.Errorf("record %+v, %v", r, err)
		}
		page, err := tx.List("k", storage.Query{Parent: new("p")})
		if err != nil || page.Total != 1 || len(page.Records) != 1 {
			t.Errorf("list %+v, %v", page, err)
		}
		content, err := tx.Blob("sum")
		if err != nil || !bytes.Equal(content, []byte{1, 2}) {
			t.Errorf("blob %x, %v", content, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if names, err := s.Workspaces(t.Context(), ""); err != nil || len(names) != 2 {
		t.Errorf("workspaces %q, %v", names, err)
	}
	err = s.UpdateAll(t.Context(), []string{"w", "new"}, func(all []storage.Tx) error {
		if n, err := all[0].Next("n"); err != nil || n != 10 {
			t.Errorf("next is %d, %v", n, err)
		}
		return all[1].CopyFrom(all[0])
	})
	if err != nil {
		t.Error(err)
	}
	if id, err := s.writer.conn.number("SELECT id FROM workspace WHERE name = 'new'"); err != nil || id <= 7 {
		t.Errorf("the new workspace has the number %d, %v", id, err)
	}
}

// What is cleared or copied over leaves no row behind, and no number is given
// twice, also if the update that was given it comes to nothing.
func TestNumbersOfWorkspaces(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "test.db")} {
		s := openForTest(t, Options{Path: path})
		seen := map[int64]bool{}
		fresh := func(tx storage.Tx) {
			s, err := tx.(*txn).space("test")
			if err != nil || s.number == 0 || seen[s.number] {
				t.Errorf("the number is %d, %v; given before: %v", s.number, err, seen)
			}
			seen[s.number] = true
		}
		fill := func(tx storage.Tx) error {
			if _, err := tx.Insert(storage.Record{Kind: "k", ID: "1", Parent: "p"}, []storage.Key{{Index: "x", Value: "v"}}); err != nil {
				return err
			}
			if _, err := tx.PutBlob([]byte("content")); err != nil {
				return err
			}
			fresh(tx)
			_, err := tx.Next("n")
			return err
		}
		for round := range 4 {
			err := s.UpdateAll(t.Context(), []string{"a", "b", "c"}, func(all []storage.Tx) error {
				for _, tx := range all {
					if err := tx.Clear(); err != nil {
						return err
					}
				}
				if err := fill(all[0]); err != nil {
					return err
				}
				if err := all[1].CopyFrom(all[0]); err != nil {
					return err
				}
				fresh(all[1])
				if err := all[2].CopyFrom(all[1]); err != nil {
					return err
				}
				fresh(all[2])
				if err := all[0].Clear(); err != nil {
					return err
				}
				if err := fill(all[0]); err != nil {
					return err
				}
				if round%2 == 1 {
					return fmt.Errorf("in vain")
				}
				return nil
			})
			if (err == nil) != (round%2 == 0) {
				t.Error(err)
			}
		}
		sweepAll(t, s)
		for table, want := range map[string]int64{"workspace": 3, "record": 2, "entry": 2, "counter": 8, "blob": 2, "garbage": 0} {
			if n, err := s.writer.conn.number("SELECT count(*) FROM " + table); err != nil || n != want {
				t.Errorf("%d rows in %s, %v; want %d", n, table, err, want)
			}
		}
		s.writer.numbers = book.MaxNumber - 1
		if err := s.Update(t.Context(), "last", fill); err != nil {
			t.Error(err)
		}
		for _, ws := range []string{"more", "a"} {
			err := s.Update(t.Context(), ws, func(tx storage.Tx) error {
				if err := tx.Clear(); err != nil {
					return err
				}
				_, err := tx.Next("n")
				return err
			})
			if storage.CodeOf(err) != storage.CodeInternal || !strings.Contains(err.Error(), "too many workspaces") {
				t.Errorf("without a number left: %v", err)
			}
		}
		if err := s.View(t.Context(), "last", func(tx storage.ReadTx) error { _, err := tx.Get("k", "1"); return err }); err != nil {
			t.Error("of the last number:", err)
		}
	}
}

// Sweeping does not look at what others hold.
func TestWorkspacesAreSearched(t *testing.T) {
	s := openForTest(t, Options{})
	for _, q := range []struct {
		sql  string
		args int
	}{
		{someEntries, 2},
		{throwEntries, 6},
		{clearEntries, 1},
		{someRecords, 2},
		{throwRecords, 2},
		{someCounters, 2},
		{throwCounters, 3},
		{clearCounters, 1},
		{someBlobs, 1},
		{throwBlob, 2},
		{users, 1},
		{clearAlarms, 1},
	} {
		args := make([]any, q.args)
		for i := range args {
			args[i] = int64(1)
		}
		for line := range strings.Lines(explain(t, s.writer.conn, q.sql, args)) {
			if strings.HasPrefix(line, "SCAN") || strings.Contains(line, "TEMP B-TREE") {
				t.Errorf("%s\n%s", q.sql, line)
			}
		}
	}
}
