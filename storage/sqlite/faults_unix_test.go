//go:build unix

package sqlite

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

const fullVariable = "UNDERSTUDY_TEST_FULL"

// TestStoreFileSizeLimit runs in a process of its own: the limit holds for all of it.
func TestStoreFileSizeLimit(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStoreFileSizeLimitChild$", "-test.v")
	child.Env = append(os.Environ(), fullVariable+"="+filepath.Join(t.TempDir(), "test.db"))
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Files that cannot grow fail the updates that need it, wherever in a commit or a
// checkpoint that is, and nothing else. With space again, all goes on.
func TestStoreFileSizeLimitChild(t *testing.T) {
	path := os.Getenv(fullVariable)
	if path == "" {
		t.Skip("only as a child of TestStoreFileSizeLimit")
	}
	signal.Ignore(syscall.SIGXFSZ) // then the write fails instead
	limit := func(bytes uint64) {
		t.Helper()
		var l syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			t.Fatal(err)
		}
		l.Cur = min(bytes, l.Max)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			t.Fatal(err)
		}
	}
	const unlimited = 1 << 62
	there := map[string]bool{}
	check := func(s *Store) {
		t.Helper()
		if err := s.View(t.Context(), "w", func(tx storage.ReadTx) error {
			for _, q := range []storage.Query{{}, {Index: "id"}} {
				p, err := tx.List("k", q)
				if err != nil || int(p.Total) != len(there) || len(p.Records) != len(there) {
					return fmt.Errorf("%d records, total %d, want %d: %w", len(p.Records), p.Total, len(there), err)
				}
				for _, r := range p.Records {
					if !there[r.ID] {
						t.Errorf("%s was refused and is there", r.ID)
					}
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	s, err := Open(t.Context(), Options{Path: path, CacheBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := put(s, "before", 10); err != nil {
		t.Fatal(err)
	}
	there["before"] = true
	refused := 0
	for round := range 6 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		limit(uint64(info.Size()) + uint64(round)*50_001)
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				id := fmt.Sprintf("%d-%d", round, i)
				err := put(s, id, 100+i%4*20_000)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					there[id] = true
				case storage.CodeOf(err) == storage.CodeUnavailable:
					refused++
				default:
					t.Errorf("%s: %v", id, err)
				}
			})
		}
		wg.Wait()
		check(s)
		if round%2 == 1 { // a checkpoint that cannot be finished
			_, _ = s.writer.conn.number("PRAGMA wal_checkpoint(PASSIVE)")
			check(s)
		}
		limit(unlimited)
		id := "after " + strconv.Itoa(round)
		if err := put(s, id, 100_000); err != nil {
			t.Errorf("with space again: %v", err)
		} else {
			there[id] = true
		}
		check(s)
	}
	// Each round asks for twice what the largest limit leaves. How many fit hangs on
	// which of them share a commit.
	if refused < 6 {
		t.Errorf("%d were refused: the limit did not bind", refused)
	}
	// Not even closing needs space: what is in the log stays there.
	limit(4096)
	if err, ready := put(s, "last", 10), s.Ping(t.Context()); storage.CodeOf(err) != storage.CodeUnavailable || storage.CodeOf(ready) != storage.CodeUnavailable {
		t.Errorf("where nothing can be written: %v, ready: %v", err, ready)
	}
	limit(unlimited)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("with space again, and nothing written: %v", err)
	}
	limit(4096)
	closed := s.Close()
	limit(unlimited)
	if s, err = Open(t.Context(), Options{Path: path}); err != nil {
		t.Fatalf("after it was closed (%v): %v", closed, err)
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What a store holds is for its user alone, whatever others may be let read; the mode of
// a file that is there already is whoever made it's to say.
func TestStoreFilesArePrivate(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	for name, c := range map[string]struct{ there, want os.FileMode }{
		"new":            {0, 0o600},
		"there, private": {0o600, 0o600},
		"there, open":    {0o644, 0o644},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			if c.there != 0 {
				if err := os.WriteFile(path, nil, c.there); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 2 { // opened anew it is no other
				s, err := Open(t.Context(), Options{Path: path})
				if err == nil {
					err = put(s, strconv.Itoa(i), 10)
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, suffix := range []string{"", "-wal", "-shm"} {
					if info, err := os.Stat(path + suffix); err != nil || info.Mode() != c.want {
						t.Errorf("test.db%s: %v (%v), want %v", suffix, info.Mode(), err, c.want)
					}
				}
				if info, err := os.Stat(path + ".lock"); err != nil || info.Mode() != 0o600 {
					t.Errorf("test.db.lock: %v (%v)", info.Mode(), err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
