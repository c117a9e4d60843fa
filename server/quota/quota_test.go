package quota

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

func open(t *testing.T, limits Limits) *Store {
	t.Helper()
	return openAt(t, "", limits)
}

// openAt opens a file in a folder of the test's own; "" is in memory.
func openAt(t *testing.T, file string, limits Limits) *Store {
	t.Helper()
	if file != "" {
		file = filepath.Join(t.TempDir(), file)
	}
	inner, err := sqlite.Open(context.WithoutCancel(t.Context()), sqlite.Options{Path: file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	s := New(inner, limits)
	s.every = 0
	return s
}

// Many at the last free place, some of whom change their mind: never more is kept than
// may be, not even for a moment, and nobody is refused what there is room for in the end.
func TestRaces(t *testing.T) {
	t.Parallel()
	errMind := errors.New("never mind")
	keep := func(s *Store, workspace string, n int, write func(tx storage.Tx) error) error {
		return s.Update(context.Background(), workspace, func(tx storage.Tx) error {
			if err := write(tx); err != nil {
				return err
			}
			if n%3 == 1 {
				return errMind
			}
			return nil
		})
	}
	record := func(n int) func(tx storage.Tx) error {
		return func(tx storage.Tx) error {
			_, err := tx.Insert(storage.Record{Kind: "k", ID: fmt.Sprintf("%03d", n), Body: bytes.Repeat([]byte("1"), 97)}, nil)
			return err
		}
	}
	usage := func(s *Store, of func(storage.Usage) int64) (n int64, err error) {
		err = s.View(context.Background(), "a", func(tx storage.ReadTx) error {
			held, err := tx.Usage()
			n = of(held)
			return err
		})
		return n, err
	}
	bytesOf := func(s *Store) (int64, error) { return usage(s, func(u storage.Usage) int64 { return u.Bytes }) }
	for name, c := range map[string]struct {
		limits Limits
		write  func(s *Store, n int) error
		held   func(s *Store) (int64, error)
		most   int64
	}{
		"records": {
			Limits{WorkspaceRecords: 20},
			func(s *Store, n int) error { return keep(s, "a", n, record(n)) },
			func(s *Store) (int64, error) { return usage(s, func(u storage.Usage) int64 { return u.Records }) }, 20,
		},
		"bytes": {
			Limits{WorkspaceBytes: 2000},
			func(s *Store, n int) error { return keep(s, "a", n, record(n)) }, bytesOf, 2000,
		},
		"blobs": {
			Limits{WorkspaceBytes: 2000},
			func(s *Store, n int) error {
				return keep(s, "a", n, func(tx storage.Tx) error {
					_, err := tx.PutBlob(fmt.Appendf(nil, "%0100d", n))
					return err
				})
			}, bytesOf, 2000,
		},
		"one blob": { // of which the others take nothing
			Limits{WorkspaceBytes: 100},
			func(s *Store, n int) error {
				return keep(s, "a", n, func(tx storage.Tx) error {
					_, err := tx.PutBlob(make([]byte, 100))
					return err
				})
			}, bytesOf, 100,
		},
		"the store": {
			Limits{},
			func(s *Store, n int) error { return keep(s, "a", n, record(n)) }, bytesOf, 2000,
		},
		"workspaces": {
			Limits{Workspaces: 5},
			func(s *Store, n int) error {
				name := fmt.Sprint("w", n/2) // each of two
				err := keep(s, name, n, record(n))
				if err == nil && n%5 == 0 {
					err = s.Update(context.Background(), name, func(tx storage.Tx) error { return tx.Clear() })
				}
				return err
			},
			func(s *Store) (int64, error) {
				list, err := s.Workspaces(context.Background(), "")
				return int64(len(list)), err
			}, 5,
		},
	} {
		for _, path := range []string{"", "a.db"} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				s := openAt(t, path, c.limits)
				if name == "the store" {
					s.every = time.Hour
					if err := s.measure(t.Context()); err != nil {
						t.Fatal(err)
					}
					s.limits.StoreBytes = s.taken + c.most
				}
				attempt := func(n int) {
					if err := c.write(s, n); err != nil && !errors.Is(err, errMind) && storage.CodeOf(err) != storage.CodeFull {
						t.Error(err)
					}
					if held, err := c.held(s); held > c.most || err != nil {
						t.Errorf("%d are kept, and %d may be (%v)", held, c.most, err)
					}
				}
				var all sync.WaitGroup
				for i := range 16 {
					all.Go(func() {
						for j := range 6 {
							attempt(i*6 + j)
						}
					})
				}
				all.Wait()
				for n := 99; n < 99+9*int(c.most/100+5) && name != "one blob"; n += 9 {
					attempt(n) // which does not change its mind
				}
				if held, err := c.held(s); held != c.most || err != nil {
					t.Errorf("%d are kept in the end, and %d may be (%v)", held, c.most, err)
				}
				if s.reserved != 0 {
					t.Errorf("%d bytes are reserved for nobody", s.reserved)
				}
				for name, p := range s.places {
					if p.users != 0 || !p.holds {
						t.Errorf("the place of %s: %+v", name, p)
					}
				}
			})
		}
	}
}

// A record that is replaced by one of its size takes no more, keys included, and what a
// transaction was refused it does not keep, whatever it makes of that.
func TestAtTheBound(t *testing.T) {
	t.Parallel()
	s := open(t, Limits{WorkspaceBytes: 1000})
	keys := []storage.Key{{Index: "i", Value: strings.Repeat("v", 300)}}
	r := storage.Record{Kind: "k", ID: "1", Body: bytes.Repeat([]byte("1"), 600)}
	var room int64
	if err := s.Update(t.Context(), "a", func(tx storage.Tx) error {
		if _, err := tx.Insert(r, keys); err != nil {
			return err
		}
		held, err := tx.Usage()
		room = 1000 - held.Bytes
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		grown int64
		fits  bool
	}{{0, true}, {room, true}, {room + 1, false}, {-100, true}} {
		r.Body = bytes.Repeat([]byte("2"), int(600+c.grown))
		err := s.Update(t.Context(), "a", func(tx storage.Tx) error {
			_, _ = tx.Put(r, keys)
			return nil
		})
		if fits := err == nil; fits != c.fits || !fits && !isFull(err, "--workspace-bytes") {
			t.Errorf("%d bytes more: %v", c.grown, err)
		}
	}
	var held storage.Usage
	if err := s.View(t.Context(), "a", func(tx storage.ReadTx) (err error) {
		held, err = tx.Usage()
		return err
	}); err != nil || held.Bytes != 1000-room-100 {
		t.Errorf("it holds %+v (%v)", held, err)
	}
}

func insert(s *Store, workspace, id string, size int) error {
	return s.Update(context.Background(), workspace, func(tx storage.Tx) error {
		_, err := tx.Insert(storage.Record{Kind: "k", ID: id, Body: []byte(`"` + strings.Repeat("x", size-2) + `"`)}, nil)
		return err
	})
}

func remove(s *Store, workspace, id string) error {
	return s.Update(context.Background(), workspace, func(tx storage.Tx) error { return tx.Purge("k", id) })
}

// isFull reports whether an error says that something is full, and which.
func isFull(err error, what string) bool {
	reason, ok := errors.AsType[*storage.FullError](err)
	return ok && storage.CodeOf(err) == storage.CodeFull && strings.Contains(reason.Reason, what)
}

func TestWorkspaceBytes(t *testing.T) {
	t.Parallel()
	s := open(t, Limits{WorkspaceBytes: 10_000})
	for i := range 10 {
		if err := insert(s, "a", fmt.Sprint(i), 999); err != nil {
			t.Fatal(err)
		}
	}
	if err := insert(s, "a", "more", 100); !isFull(err, "--workspace-bytes") {
		t.Fatalf("beyond the bound: %v", err)
	}
	if err := s.View(t.Context(), "a", func(tx storage.ReadTx) error {
		n, err := tx.Count("k", "", false)
		if n != 10 {
			t.Errorf("the refused write left something: %d records", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := insert(s, "b", "1", 9000); err != nil {
		t.Errorf("another workspace: %v", err)
	}
	if err := remove(s, "a", "1"); err != nil {
		t.Errorf("a full workspace cannot be emptied: %v", err)
	}
	if err := insert(s, "a", "again", 995); err != nil {
		t.Errorf("after something was purged: %v", err)
	}
	// Replacing takes no more: what is reckoned too high is measured.
	for range 50 {
		if err := s.Update(t.Context(), "b", func(tx storage.Tx) error {
			_, err := tx.Put(storage.Record{Kind: "k", ID: "1", Body: bytes.Repeat([]byte("1"), 900)}, nil)
			return err
		}); err != nil {
			t.Fatalf("replaced: %v", err)
		}
	}
	// A restart forgets nothing.
	again := New(s.Unwrap(), s.limits)
	if err := insert(again, "a", "more", 100); !isFull(err, "--workspace-bytes") {
		t.Errorf("after a restart: %v", err)
	}
	if err := s.Update(t.Context(), "a", func(tx storage.Tx) error { return tx.Clear() }); err != nil {
		t.Fatal(err)
	}
	if err := insert(s, "a", "1", 9000); err != nil {
		t.Errorf("after a reset: %v", err)
	}
}

func TestOtherBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits Limits
		what   string
		fill   func(s *Store) error
		more   func(s *Store) error
	}{
		"workspaces": {
			Limits{Workspaces: 2},
			"--workspaces",
			func(s *Store) error { return errors.Join(insert(s, "a", "1", 10), insert(s, "b", "1", 10)) },
			func(s *Store) error { return insert(s, "c", "1", 10) },
		},
		"records": {
			Limits{WorkspaceRecords: 2},
			"2 records",
			func(s *Store) error { return errors.Join(insert(s, "a", "1", 10), insert(s, "a", "2", 10)) },
			func(s *Store) error { return insert(s, "a", "3", 10) },
		},
		"the store": {
			Limits{StoreBytes: 4 << 20},
			"--store-bytes",
			func(s *Store) error { return insert(s, "a", "1", 3<<20) },
			func(s *Store) error { return insert(s, "b", "1", 3<<20) },
		},
		"settings": {
			Limits{},
			"settings",
			func(*Store) error { return nil },
			func(s *Store) error {
				return s.Update(context.Background(), "a", func(tx storage.Tx) error {
					return tx.SetSettings(storage.Settings{Data: strings.Repeat("x", SettingsBytes+1)})
				})
			},
		},
		"blobs": {
			Limits{WorkspaceBytes: 1000},
			"--workspace-bytes",
			func(s *Store) error { return insert(s, "a", "1", 10) },
			func(s *Store) error {
				return s.Update(context.Background(), "a", func(tx storage.Tx) error {
					_, err := tx.PutBlob(make([]byte, 1001))
					return err
				})
			},
		},
		"several at once": {
			Limits{WorkspaceBytes: 1000},
			"--workspace-bytes",
			func(s *Store) error { return insert(s, "a", "1", 10) },
			func(s *Store) error {
				return s.UpdateAll(context.Background(), []string{"\x00own", "a"}, func(txs []storage.Tx) error {
					for _, tx := range txs {
						if _, err := tx.Insert(storage.Record{Kind: "k", ID: "large", Body: bytes.Repeat([]byte("1"), 1001)}, nil); err != nil {
							return err
						}
					}
					return nil
				})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, c.limits)
			if err := c.fill(s); err != nil {
				t.Fatal(err)
			}
			if err := c.more(s); !isFull(err, c.what) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A workspace that is copied counts with what it then holds.
func TestCopied(t *testing.T) {
	t.Parallel()
	s := open(t, Limits{WorkspaceBytes: 1000})
	if err := insert(s, "a", "1", 900); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"a", "\x00snapshot"}, {"\x00snapshot", "b"}} {
		if err := s.UpdateAll(t.Context(), names, func(txs []storage.Tx) error { return txs[1].CopyFrom(txs[0]) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := insert(s, "b", "2", 200); !isFull(err, "--workspace-bytes") {
		t.Errorf("%v", err)
	}
}

// A page that would be too large is refused, and the transaction goes on.
func TestPageBytes(t *testing.T) {
	t.Parallel()
	s := open(t, Limits{})
	for i := range 18 {
		if err := insert(s, "a", fmt.Sprint(i), 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.View(t.Context(), "a", func(tx storage.ReadTx) error {
		if _, err := tx.List("k", storage.Query{}); !isFull(err, "10 MiB") {
			t.Errorf("all of them: %v", err)
		}
		page, err := tx.List("k", storage.Query{Limit: 10})
		if len(page.Records) != 10 || page.Total != 18 || page.Next == "" {
			t.Errorf("%d records, %d in all, then %q", len(page.Records), page.Total, page.Next)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
