package quota

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

func open(t *testing.T, limits Limits) *Store {
	t.Helper()
	inner, err := sqlite.Open(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	s := New(inner, limits)
	s.every = 0
	return s
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
	if err := insert(s, "a", "again", 999); err != nil {
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
