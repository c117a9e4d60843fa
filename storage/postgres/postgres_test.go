package postgres_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/postgres"
	"github.com/understudy-api/understudy/storage/sqlite"
	"github.com/understudy-api/understudy/storage/storagetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestStoreConformance(t *testing.T) { storagetest.Run(t, inSchema("")) }

// What a pooler in transaction mode leaves us, whatever it is. The statements are
// the same, so that fewer random transactions do.
func TestStoreConformanceUnprepared(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	if err := checks.Set("25"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := checks.Set(before); err != nil {
			t.Error(err)
		}
	})
	storagetest.Run(t, inSchema(" default_query_exec_mode=exec"))
}

func TestStorePersistent(t *testing.T) {
	databases := map[string]string{}
	storagetest.Persistent(t, func(t testing.TB, dir string, o storage.Options) storage.Store {
		t.Helper()
		if databases[dir] == "" {
			databases[dir] = pgtest.DSN(t)
		}
		s, err := postgres.Open(t.Context(), postgres.Options{DSN: databases[dir], Now: o.Now, NewID: o.NewID})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// inSchema opens stores in schemas of their own, with more in the DSN.
func inSchema(more string) storagetest.Open {
	return func(t testing.TB, o storage.Options) storage.Store {
		t.Helper()
		return open(t, postgres.Options{DSN: pgtest.Schema(t) + more, Now: o.Now, NewID: o.NewID, MaxConns: 6})
	}
}

func open(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), o)
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

func update(t testing.TB, s storage.Store, fn func(storage.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), "w", fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s storage.Store, fn func(storage.ReadTx) error) {
	t.Helper()
	if err := s.View(context.Background(), "w", fn); err != nil {
		t.Fatal(err)
	}
}

func insert(s storage.Store, id string) error {
	return s.Update(context.Background(), "w", func(tx storage.Tx) error {
		if _, err := tx.Next("n"); err != nil {
			return err
		}
		_, err := tx.Insert(storage.Record{Kind: "k", ID: id, Parent: "p", Body: []byte(`{"some":"body"}`)},
			[]storage.Key{{Index: "id", Value: id, Unique: true}})
		return err
	})
}

func exec(t testing.TB, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// Everything works through the two protocols that are left.
func TestStoreOtherModes(t *testing.T) {
	for _, mode := range []string{"simple_protocol", "cache_describe"} {
		s := open(t, postgres.Options{DSN: pgtest.DSN(t) + " default_query_exec_mode=" + mode})
		update(t, s, func(tx storage.Tx) error {
			return tx.SetSettings(storage.Settings{Data: "\x00'\\", IDs: storage.IDs{Source: storage.IDsSeeded}})
		})
		odd := "\x00'\\; \xc3\xa4 $1 --"
		for _, id := range []string{odd, "b", "c"} {
			if err := insert(s, id); err != nil {
				t.Fatal(mode, err)
			}
		}
		err := insert(s, odd)
		if !storage.IsConflict(err) {
			t.Errorf("%s: the same again: %v", mode, err)
		}
		update(t, s, func(tx storage.Tx) error {
			r, err := tx.Get("k", "b")
			if err != nil {
				return err
			}
			r.Deleted = tx.Now()
			if _, err := tx.Put(r, []storage.Key{{Index: "id", Value: "d"}}); err != nil {
				return err
			}
			_, err = tx.PutBlob([]byte(odd))
			return errors.Join(err, tx.Purge("k", "c"))
		})
		if err := s.UpdateAll(t.Context(), []string{"w", "copy"}, func(all []storage.Tx) error { return all[1].CopyFrom(all[0]) }); err != nil {
			t.Fatal(mode, err)
		}
		if err := s.View(t.Context(), "copy", func(tx storage.ReadTx) error {
			p, err := tx.List("k", storage.Query{Index: "id", Prefix: odd[:3], Contains: "--", Parent: new("p"), Limit: 5})
			if err != nil || p.Total != 1 || p.Records[0].ID != odd {
				t.Errorf("%s: %+v, %v", mode, p, err)
			}
			_, err = tx.Find("k", "id", odd)
			return err
		}); err != nil {
			t.Error(mode, err)
		}
		if names, err := s.Workspaces(t.Context(), ""); err != nil || !slices.Equal(names, []string{"copy", "w"}) {
			t.Errorf("%s: %q, %v", mode, names, err)
		}
	}
}

// Two stores on one database are two processes that serve one state.
func TestStoreTwoStores(t *testing.T) {
	dsn := pgtest.DSN(t)
	stores := []storage.Store{open(t, postgres.Options{DSN: dsn}), open(t, postgres.Options{DSN: dsn})}
	for i := range 40 {
		id := strconv.Itoa(i)
		if err := insert(stores[i%2], id); err != nil {
			t.Fatal(err)
		}
		settings := storage.Settings{Data: id}
		update(t, stores[i%2], func(tx storage.Tx) error { return tx.SetSettings(settings) })
		view(t, stores[1-i%2], func(tx storage.ReadTx) error {
			if n, err := tx.Count("k", "p", false); err != nil || n != int64(i)+1 {
				t.Errorf("the other sees %d records, %v; want %d", n, err, i+1)
			}
			_, err := tx.Get("k", id)
			return err
		})
		if got, err := stores[1-i%2].Settings(t.Context(), "w"); err != nil || got[0] != settings {
			t.Errorf("the other has the settings %+v, %v", got, err)
		}
	}
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	collection := storage.Collection[map[string]string]{Kind: "k"}
	for i := range 30 {
		wg.Go(func() {
			<-start
			err := stores[i%2].Update(context.Background(), "w", func(tx storage.Tx) error {
				_, err := collection.Delete(tx, "7")
				return err
			})
			switch {
			case err == nil:
				won.Add(1)
			case storage.IsNotFound(err):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 29 {
		t.Errorf("%d deletes won, %d lost", won.Load(), lost.Load())
	}
}

// All at once make a workspace, clear it and copy it, over two stores.
func TestStoreTwoStoresMakeAndClear(t *testing.T) {
	dsn := pgtest.DSN(t)
	stores := []storage.Store{open(t, postgres.Options{DSN: dsn}), open(t, postgres.Options{DSN: dsn})}
	for round := range 5 {
		names := []string{fmt.Sprint("x", round), fmt.Sprint("y", round)}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				order := slices.Clone(names)
				if i%4 > 1 {
					slices.Reverse(order)
				}
				err := stores[i%2].UpdateAll(context.Background(), order, func(all []storage.Tx) error {
					a, err := all[0].Next("n")
					if err != nil {
						return err
					}
					b, err := all[1].Next("n")
					if err == nil && a != b {
						err = fmt.Errorf("drew %d and %d", a, b)
					}
					if err != nil || i%5 > 0 {
						return err
					}
					if err := all[1].Clear(); err != nil {
						return err
					}
					return all[1].CopyFrom(all[0])
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, name := range names {
			if err := stores[0].View(t.Context(), name, func(tx storage.ReadTx) error {
				if n, err := tx.Last("n"); err != nil || n != 16 {
					t.Errorf("%s is at %d, %v; want 16", name, n, err)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestStoreOpenAtOnce(t *testing.T) {
	dsn := pgtest.DSN(t)
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			s, err := postgres.Open(context.Background(), postgres.Options{DSN: dsn, MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			if err := insert(s, strconv.Itoa(i)); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	view(t, open(t, postgres.Options{DSN: dsn}), func(tx storage.ReadTx) error {
		n, err := tx.Count("k", "", false)
		if n != 5 {
			t.Errorf("%d records", n)
		}
		return err
	})
}

func TestStoreRefusesWhatIsNotOurs(t *testing.T) {
	for name, test := range map[string]struct {
		make func(t *testing.T, dsn string) string
		kind storage.Code
		text string
	}{
		"another program's": {func(t *testing.T, dsn string) string {
			exec(t, dsn, "CREATE TABLE record (id integer)")
			return dsn
		}, storage.CodeCorrupt, "another program"},
		"newer schema": {func(t *testing.T, dsn string) string {
			open(t, postgres.Options{DSN: dsn})
			exec(t, dsn, "INSERT INTO schema_version VALUES (1000, 0)")
			return dsn
		}, storage.CodeCorrupt, "newer version"},
		"no version": {func(t *testing.T, dsn string) string {
			open(t, postgres.Options{DSN: dsn})
			exec(t, dsn, "DELETE FROM schema_version")
			return dsn
		}, storage.CodeCorrupt, "no version"},
		"a table lost": {func(t *testing.T, dsn string) string {
			open(t, postgres.Options{DSN: dsn})
			exec(t, dsn, "DROP TABLE blob")
			return dsn
		}, storage.CodeCorrupt, "lacks some"},
		"no such database": {func(_ *testing.T, dsn string) string { return dsn + " dbname=secret_name" }, storage.CodeUnavailable, "3D000"},
		"no such role":     {func(_ *testing.T, dsn string) string { return dsn + " user=secret_name" }, storage.CodeUnavailable, "28000"},
		"nobody there": {func(*testing.T, string) string {
			return "postgres://secret_name:secret_word@127.0.0.1:1/secret_name"
		}, storage.CodeUnavailable, "refused"},
		"not a DSN": {func(*testing.T, string) string { return "postgres://u:secret_word@host:port/db" }, storage.CodeInvalid, "DSN"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := postgres.Open(t.Context(), postgres.Options{DSN: test.make(t, pgtest.DSN(t))})
			if err == nil {
				_ = s.Close()
				t.Fatal("it was opened")
			}
			if storage.CodeOf(err) != test.kind || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v (%v); want %v with %q and no secret", err, storage.CodeOf(err), test.kind, test.text)
			}
		})
	}
}

func TestStoreReadOnlyServer(t *testing.T) {
	dsn := pgtest.DSN(t)
	open(t, postgres.Options{DSN: dsn})
	s := open(t, postgres.Options{DSN: dsn + " options='-c default_transaction_read_only=on'"})
	if err := s.Ping(t.Context()); storage.CodeOf(err) != storage.CodeUnavailable {
		t.Errorf("ping: %v", err)
	}
}

// Values that differ where no index looks are ordered, unique and found as in the
// other driver.
func TestStoreLongValues(t *testing.T) {
	long := strings.Repeat("x", 999)
	values := []string{
		"", "x", long, long + "a", long + "b", long + "ab", long + "ab\x00", long + "aba", long + "ac", long + "b" + strings.Repeat("c", 5000),
		long + "b" + strings.Repeat("c", 4999) + "d", strings.Repeat("ä", 499) + "äß", strings.Repeat("ä", 499) + "ää", "y", long + "äx",
	}
	stores := []storage.Store{open(t, postgres.Options{DSN: pgtest.DSN(t)}), nil}
	other, err := sqlite.Open(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	stores[1] = other
	for _, s := range stores {
		update(t, s, func(tx storage.Tx) error {
			for i, v := range values {
				for j := range 3 {
					r := storage.Record{Kind: "k", ID: fmt.Sprint(i, " ", j), Parent: []string{"", "p", long + long}[j]}
					if _, err := tx.Insert(r, []storage.Key{{Index: "i", Value: v}, {Index: "u", Value: v, Unique: j == 0}}); err != nil {
						return err
					}
				}
				_, err := tx.Insert(storage.Record{Kind: "k", ID: "again"}, []storage.Key{{Index: "u", Value: v, Unique: true}})
				if !storage.IsConflict(err) {
					t.Errorf("value %d again: %v", i, err)
				}
			}
			for _, id := range []string{"3 1", "9 1", "10 2"} { // there and back
				r, err := tx.Get("k", id)
				if err != nil {
					return err
				}
				n, _ := strconv.Atoi(strings.Fields(id)[0])
				keys := []storage.Key{{Index: "i", Value: values[n]}, {Index: "u", Value: values[n]}}
				r.Deleted = tx.Now()
				if _, err := tx.Put(r, keys); err != nil {
					return err
				}
				if id == "9 1" {
					continue
				}
				r.Deleted = time.Time{}
				if _, err := tx.Put(r, keys); err != nil {
					return err
				}
			}
			return nil
		})
	}
	look := func(s storage.Store, q storage.Query) (out []string) {
		q.Index = "i"
		for {
			var p storage.Page
			view(t, s, func(tx storage.ReadTx) (err error) {
				p, err = tx.List("k", q)
				return err
			})
			out = append(out, fmt.Sprintf("of %d, more: %v", p.Total, p.Next != ""))
			for _, r := range p.Records {
				out = append(out, r.ID)
			}
			if p.Next == "" {
				return out
			}
			q.After, q.Offset = p.Next, 0
		}
	}
	var queries []storage.Query
	for _, q := range []storage.Query{{}, {Offset: 3}, {Contains: "xa"}, {Contains: "ß"}, {Deleted: true}} {
		for _, parent := range []*string{nil, new(""), new("p"), new(long + long)} {
			q.Parent = parent
			queries = append(queries, q)
			q.Limit = 4
			queries = append(queries, q)
		}
	}
	queries = append(queries, storage.Query{Limit: 1})
	for _, v := range values {
		queries = append(queries, storage.Query{Equal: &v, Limit: 2}, storage.Query{Prefix: v, Limit: 5}, storage.Query{Equal: &v, Prefix: long + "b"})
	}
	for _, q := range queries {
		for _, descending := range []bool{false, true} {
			q.Descending = descending
			if diff := cmp.Diff(look(stores[1], q), look(stores[0], q)); diff != "" {
				t.Fatalf("%+v: %s", q, diff)
			}
		}
	}
	for i, v := range values {
		view(t, stores[0], func(tx storage.ReadTx) error {
			if r, err := tx.Find("k", "u", v); err != nil || r.ID != fmt.Sprint(i, " 0") {
				t.Errorf("value %d is found at %s, %v", i, r.ID, err)
			}
			return nil
		})
	}
}

// A function that ends its goroutine (t.FailNow does) leaves nothing behind.
func TestStoreGoexitInUpdate(t *testing.T) {
	s := open(t, postgres.Options{DSN: pgtest.DSN(t), MaxConns: 2})
	for i := range 6 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.Update(context.Background(), "w", func(tx storage.Tx) error {
				if _, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(i)}, nil); err != nil {
					t.Error(err)
				}
				runtime.Goexit()
				return nil
			})
		}()
		<-done
	}
	if err := insert(s, "1"); err != nil {
		t.Fatal(err)
	}
	view(t, s, func(tx storage.ReadTx) error {
		if n, err := tx.Count("k", "", false); err != nil || n != 1 {
			t.Errorf("%d records, %v", n, err)
		}
		return nil
	})
}

// A server that restarts under load, in every way: what was acknowledged is there
// exactly once, what was refused is not there.
func TestStoreRestartUnderLoad(t *testing.T) {
	cluster := pgtest.NewCluster(t)
	s := open(t, postgres.Options{DSN: cluster.DSN(t)})
	const workers = 6
	var mu sync.Mutex
	fate := map[string]error{}
	acknowledged := make(chan struct{}, 1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", w, i)
				err := insert(s, id)
				if err != nil && storage.CodeOf(err) != storage.CodeUnavailable {
					t.Error(err)
				}
				mu.Lock()
				fate[id] = err
				mu.Unlock()
				if err == nil {
					select {
					case acknowledged <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	for _, mode := range []pgtest.Mode{pgtest.Immediate, pgtest.Fast, pgtest.Immediate} {
		for range 30 {
			<-acknowledged
		}
		if err := cluster.Restart(mode); err != nil {
			t.Fatal(err)
		}
	}
	for range 30 {
		<-acknowledged
	}
	close(stop)
	wg.Wait()
	unknown := 0
	view(t, s, func(tx storage.ReadTx) error {
		times := map[string]int{}
		for _, q := range []storage.Query{{}, {Index: "id"}, {Parent: new("p")}, {Parent: new("p"), Index: "id"}} {
			p, err := tx.List("k", q)
			if err != nil {
				return err
			}
			if p.Total != int64(len(p.Records)) {
				t.Errorf("%+v: total is %d of %d", q, p.Total, len(p.Records))
			}
			for _, r := range p.Records {
				times[r.ID]++
			}
		}
		for id, err := range fate {
			switch n := times[id]; {
			case err == nil && n != 4:
				t.Errorf("%s was acknowledged and comes %d times in 4 lists", id, n)
			case err != nil && strings.Contains(err.Error(), "cannot be found out"):
				unknown++
			case err != nil && n != 0:
				t.Errorf("%s was refused (%v) and comes %d times", id, err, n)
			}
		}
		if n, err := tx.Last("n"); err != nil || n != int64(len(times)) {
			t.Errorf("the sequence is at %d, %v, with %d records", n, err, len(times))
		}
		return nil
	})
	refused := 0
	for _, err := range fate {
		if err != nil {
			refused++
		}
	}
	t.Logf("%d updates, %d refused, %d of them of unknown outcome", len(fate), refused, unknown)
}
