package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
	"github.com/understudy-api/understudy/storage/storagetest"
)

func TestStoreOnDisk(t *testing.T) { storagetest.Run(t, onDisk) }
func TestInMemory(t *testing.T)    { storagetest.Run(t, inMemory) }

// With next to no cache everything is evicted or read from a snapshot.
func TestSmallCache(t *testing.T) {
	storagetest.Run(t, func(t testing.TB, o storage.Options) storage.Store {
		return open(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db"), Now: o.Now, NewID: o.NewID, CacheBytes: 4096})
	})
}

func TestStorePersistent(t *testing.T) {
	for _, full := range []bool{false, true} {
		storagetest.Persistent(t, func(t testing.TB, dir string, o storage.Options) storage.Store {
			t.Helper()
			s, err := sqlite.Open(t.Context(), sqlite.Options{
				Path: filepath.Join(dir, "test.db"), Now: o.Now, NewID: o.NewID, FullSync: full,
			})
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	}
}

// Nobody is left who could set a timer anew that a process had set before.
func TestTimersRingOnOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	for n, want := range []bool{false, true} {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
			if n == 0 {
				if err := tx.SetTimer("lease", time.Hour); err != nil {
					return err
				}
			}
			rings, err := tx.Rings("lease")
			if rings != want {
				t.Errorf("opened for the %d. time: rings %v", n+1, rings)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func onDisk(t testing.TB, o storage.Options) storage.Store {
	t.Helper()
	return open(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db"), Now: o.Now, NewID: o.NewID})
}

func inMemory(t testing.TB, o storage.Options) storage.Store {
	t.Helper()
	return open(t, sqlite.Options{Now: o.Now, NewID: o.NewID})
}

func open(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), o)
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

func insert(s storage.Store, workspace, id string) error {
	return s.Update(context.Background(), workspace, func(tx storage.Tx) error {
		if _, err := tx.Next("n"); err != nil {
			return err
		}
		_, err := tx.Insert(storage.Record{Kind: "k", ID: id, Parent: "p", Body: []byte(`{"some":"body"}`)},
			[]storage.Key{{Index: "id", Value: id, Unique: true}})
		return err
	})
}

func TestRefusesWhatIsNotOurs(t *testing.T) {
	sqliteFile := func(statements ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range statements {
				if _, err := db.ExecContext(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	content := func(b []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	ours := func(t *testing.T, path string) {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			if err := insert(s, "w", strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	spoil := func(how func([]byte) []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			ours(t, path)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			content(how(b))(t, path)
		}
	}
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		kind storage.Code
		text string
	}{
		{"text", content([]byte("not a database\n")), storage.CodeCorrupt, "not a SQLite database"},
		{"long text", content(bytes.Repeat([]byte("text "), 10_000)), storage.CodeCorrupt, "not a SQLite database"},
		{"cut header", content([]byte("SQLite format 3\x00")), storage.CodeCorrupt, "not a SQLite database"},
		{"another program's", sqliteFile("CREATE TABLE record (id)"), storage.CodeCorrupt, "another program"},
		{"another application id", sqliteFile("PRAGMA application_id = 7", "CREATE TABLE record (id)"), storage.CodeCorrupt, "another program"},
		{"only our id", sqliteFile("PRAGMA application_id = 1433297011", "CREATE TABLE record (id)"), storage.CodeCorrupt, ""},
		{"a table lost", func(t *testing.T, path string) {
			ours(t, path)
			sqliteFile("DROP TABLE blob")(t, path)
		}, storage.CodeCorrupt, "blob"},
		{"newer schema", func(t *testing.T, path string) {
			ours(t, path)
			sqliteFile("INSERT INTO schema_version VALUES (1000, 0)")(t, path)
		}, storage.CodeCorrupt, "newer version"},
		{"truncated", spoil(func(b []byte) []byte { return b[:4096*2] }), storage.CodeCorrupt, ""},
		{"overwritten", spoil(func(b []byte) []byte {
			copy(b[100:], bytes.Repeat([]byte{0xa5}, len(b)))
			return b
		}), storage.CodeCorrupt, ""},
		{"directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, storage.CodeUnavailable, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.db")
			test.make(t, path)
			before, _ := os.ReadFile(path)
			s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err == nil {
				_ = s.Close()
				t.Fatal("it was opened")
			}
			if storage.CodeOf(err) != test.kind || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v (%v); want %v with %q and the path", err, storage.CodeOf(err), test.kind, test.text)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("no such directory", func(t *testing.T) {
		t.Parallel()
		_, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "no", "test.db")})
		if storage.CodeOf(err) != storage.CodeUnavailable {
			t.Errorf("%v, want unavailable", err)
		}
	})
}

func TestStoreSecondOpenerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	first, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if storage.CodeOf(err) != storage.CodeUnavailable || !strings.Contains(err.Error(), "another process") {
		t.Errorf("second opener: %v", err)
	}
	if err := insert(first, "w", "1"); err != nil {
		t.Error("the first, after that:", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	open(t, sqlite.Options{Path: path})
}

func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b.db", "what?mode=memory.db", "50%25.db", "a#b.db", "a&b=c.db", "ü.db", ":memory:", "file:x.db"} {
		path := filepath.Join(t.TempDir(), name)
		for i := range 2 {
			s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := insert(s, "w", strconv.Itoa(i)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := s.View(t.Context(), "w", func(tx storage.ReadTx) error {
				if p, err := tx.List("k", storage.Query{}); err != nil || p.Total != int64(i)+1 {
					t.Errorf("%s: %d records, %v", name, p.Total, err)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A function that ends the goroutine it runs on (t.FailNow does) must not take
// the writer with it, nor the updates that wait.
func TestGoexitInUpdate(t *testing.T) {
	s := open(t, sqlite.Options{})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if i%4 > 0 {
				if err := insert(s, "w", strconv.Itoa(i)); err != nil {
					t.Error(err)
				}
				return
			}
			err := s.Update(context.Background(), "w", func(tx storage.Tx) error {
				if _, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(i)}, nil); err != nil {
					return err
				}
				runtime.Goexit()
				return nil
			})
			if _, ok := errors.AsType[*storage.PanicError](err); !ok || storage.CodeOf(err) != storage.CodeInternal {
				t.Errorf("goexit: %v", err)
			}
		})
	}
	wg.Wait()
	if err := s.View(t.Context(), "w", func(tx storage.ReadTx) error {
		if p, err := tx.List("k", storage.Query{}); err != nil || p.Total != 30 || len(p.Records) != 30 {
			t.Errorf("%d records, total %d, %v; want 30", len(p.Records), p.Total, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

const crashVariable = "UNDERSTUDY_TEST_CRASH"

// TestStoreCrashChild is the process that TestStoreKill kills: it writes until then and
// prints the ids of what was acknowledged.
func TestStoreCrashChild(t *testing.T) {
	path, round, ok := strings.Cut(os.Getenv(crashVariable), "|")
	if !ok {
		t.Skip("only as a child of TestStoreKill")
	}
	s := open(t, sqlite.Options{Path: path})
	var out sync.Mutex
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", round, w, i)
				if err := insert(s, "w", id); err != nil {
					t.Error(err)
					return
				}
				out.Lock()
				fmt.Println("acknowledged", id)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestStoreKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	acknowledged := map[string]bool{}
	for round := range 4 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStoreCrashChild$", "-test.v")
		child.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%d", crashVariable, path, round))
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines, got := bufio.NewScanner(out), 0
		for lines.Scan() {
			id, ok := strings.CutPrefix(lines.Text(), "acknowledged ")
			if !ok {
				continue
			}
			acknowledged[id] = true
			if got++; got == 50+100*round {
				if err := child.Process.Kill(); err != nil { // SIGKILL; what it still printed is read
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil || got < 50 {
			t.Fatalf("the child acknowledged %d and ended by itself: %v", got, err)
		}
		verify(t, path, acknowledged)
	}
}

// verify opens a store after a crash: everything acknowledged is there, exactly
// once, and counters, indexes and records agree.
func verify(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), "w", func(tx storage.Tx) error {
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
		for id := range acknowledged {
			if times[id] != 4 {
				t.Errorf("%s was acknowledged and comes %d times in 4 lists", id, times[id])
			}
		}
		if n, err := tx.Next("n"); err != nil || n != int64(len(times))+1 {
			t.Errorf("the sequence is at %d, %v, with %d records", n, err, len(times))
		}
		return errors.New("roll back")
	})
	if err == nil || err.Error() != "roll back" {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
