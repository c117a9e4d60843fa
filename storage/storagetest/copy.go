package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

func testClear(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	settings := storage.Settings{Data: "x", IDs: storage.IDs{Source: storage.IDsSequential}, Clock: storage.Clock{Offset: time.Hour}}
	fill := func(tx storage.Tx) error {
		if err := tx.SetSettings(settings); err != nil {
			return err
		}
		if tx.NewID() == "" {
			t.Error("no id")
		}
		return fill(tx)
	}
	nothing := dumpOf(t, s, "w")
	for _, ws := range []string{"w", "w\x00", "other"} {
		update(t, s, ws, fill)
	}
	full, other := dumpOf(t, s, "w"), dumpOf(t, s, "other")
	for round := range 3 {
		update(t, s, "w", func(tx storage.Tx) error {
			if round == 1 { // with something just written
				if _, err := tx.Next("n"); err != nil {
					return err
				}
				if _, err := tx.Insert(storage.Record{Kind: "k", ID: "late", Parent: "p"}, key("slug", "late")); err != nil {
					return err
				}
			}
			if err := tx.Clear(); err != nil {
				return err
			}
			got, err := readDump(tx)
			if diff := nothing.differs(got); diff != "" {
				t.Error("in the transaction, something is left:", diff)
			}
			if err != nil || round < 2 {
				return err
			}
			// What comes after it is the beginning.
			return errors.Join(fill(tx), tx.Clear(), tx.Clear(), fill(tx))
		})
		if round < 2 {
			wantDump(t, "cleared", s, "w", nothing)
			if names := namesOf(t, s, ""); !slices.Equal(names, []string{"other", "w\x00"}) {
				t.Errorf("workspaces %q", names)
			}
			update(t, s, "w", func(tx storage.Tx) error { return tx.Clear() }) // nothing to clear is no error
			update(t, s, "w", func(tx storage.Tx) error {
				r, err := tx.Insert(storage.Record{Kind: "k", ID: "0"}, key("slug", "5"))
				if err == nil && r.Seq != 1 {
					t.Errorf("the first record has the number %d", r.Seq)
				}
				return err
			})
			update(t, s, "w", func(tx storage.Tx) error { return errors.Join(tx.Clear(), fill(tx)) })
		}
		// Filled again it is what it was, but for the times.
		again := dumpOf(t, s, "w")
		if diff := cmp.Diff([]any{full.Counts, full.Sequences, full.Blobs, full.Settings},
			[]any{again.Counts, again.Sequences, again.Blobs, again.Settings}); diff != "" {
			t.Error("filled again:", diff)
		}
		for what, page := range full.Pages {
			if got := again.Pages[what]; !slices.Equal(ids(got.Records), ids(page.Records)) || got.Next != page.Next {
				t.Errorf("filled again: %s: %v, want %v", what, ids(got.Records), ids(page.Records))
			}
		}
		wantDump(t, "beside it", s, "other", other)
	}
	mine := errors.New("mine")
	full = dumpOf(t, s, "w")
	if err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
		if err := tx.Clear(); err != nil {
			return err
		}
		return mine
	}); !errors.Is(err, mine) {
		t.Error(err)
	}
	wantDump(t, "cleared in vain", s, "w", full)
}

func testCopyFrom(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: steps()})
	nothing := dumpOf(t, s, "nothing")
	update(t, s, "w", func(tx storage.Tx) error {
		if err := tx.SetSettings(storage.Settings{Data: "{}", IDs: storage.IDs{Source: storage.IDsSeeded, Seed: 1}}); err != nil {
			return err
		}
		return fill(tx)
	})
	update(t, s, "w", func(tx storage.Tx) error { // at another time
		if tx.NewID() == "" {
			t.Error("no id")
		}
		_, err := widgets.Update(tx, "4", func(w *widget) error { w.Note = "later"; return nil })
		return err
	})
	var cursor storage.Cursor
	byName := storage.Query{Index: "name", Descending: true, Limit: 2}
	view(t, s, "w", func(tx storage.ReadTx) error {
		page, err := tx.List("k", byName)
		cursor = page.Next
		return err
	})
	// Onto nothing, onto something else, and back onto what it was made from.
	update(t, s, "full", fill)
	update(t, s, "full", func(tx storage.Tx) error {
		if _, err := tx.Insert(storage.Record{Kind: "a", ID: "1", Parent: "q"}, key("x", "v")); err != nil {
			return err
		}
		return tx.AtLeast("b", 5)
	})
	want := dumpOf(t, s, "w")
	if got := want.Sequences[storage.SequenceOfIDs]; got != 1 || len(want.Blobs) != 3 || want.Counts[`"k" in "p", deleted false`] != 4 {
		t.Fatalf("the original: %+v", want)
	}
	for _, to := range []string{"new", "full", "new"} {
		updateAll(t, s, []string{to, "w"}, func(all []storage.Tx) error {
			if err := all[0].CopyFrom(all[1]); err != nil {
				return err
			}
			got, err := readDump(all[0])
			if diff := want.differs(got); diff != "" {
				t.Errorf("%s, in the transaction: %s", to, diff)
			}
			return err
		})
		wantDump(t, "copied", s, to, want)
		wantDump(t, "copied from", s, "w", want)
	}
	// A cursor goes on in the copy.
	byName.After = cursor
	var rest [2]storage.Page
	for i, ws := range []string{"w", "new"} {
		view(t, s, ws, func(tx storage.ReadTx) (err error) {
			rest[i], err = tx.List("k", byName)
			return err
		})
	}
	if diff := cmp.Diff(rest[0], rest[1]); diff != "" || len(rest[0].Records) != 2 || cursor == "" {
		t.Errorf("behind the cursor, %d records: %s", len(rest[0].Records), diff)
	}
	// Each goes its own way: the same changes are possible in both.
	change := func(tx storage.Tx) error {
		if n, err := tx.Next("n"); err != nil || n != 4 {
			return fmt.Errorf("next is %d, %w, want 4", n, err)
		}
		_, err := tx.Insert(storage.Record{Kind: "k", ID: "more"}, key("slug", "2"))
		wantCode(t, "a key of the original", err, storage.CodeConflict)
		_, err = tx.Insert(storage.Record{Kind: "widget", ID: "2"}, nil)
		wantCode(t, "an id of the original", err, storage.CodeConflict)
		if err := tx.Purge("k", "2"); err != nil {
			return err
		}
		r, err := tx.Insert(storage.Record{Kind: "k", ID: "more"}, key("slug", "2"))
		if err == nil && r.Seq < 16 {
			t.Errorf("%s: the number %d was used before", tx.Workspace(), r.Seq)
		}
		if err != nil {
			return err
		}
		if _, err = widgets.Restore(tx, "2", nil); err != nil {
			return err
		}
		_, err = tx.PutBlob([]byte("more"))
		return err
	}
	update(t, s, "w", change)
	wantDump(t, "the original changed", s, "new", want)
	changed := dumpOf(t, s, "w")
	update(t, s, "new", change)
	wantDump(t, "the copy changed", s, "w", changed)
	wantDump(t, "beside both", s, "full", want)
	update(t, s, "w", func(tx storage.Tx) error { return tx.Clear() })
	wantDump(t, "the original cleared", s, "full", want)
	// And back.
	updateAll(t, s, []string{"full", "w"}, func(all []storage.Tx) error { return all[1].CopyFrom(all[0]) })
	wantDump(t, "brought back", s, "w", want)

	// Onto itself, from nothing, and from what it may not.
	var outside storage.Tx
	update(t, s, "outside", func(tx storage.Tx) error { outside = tx; return fill(tx) })
	elsewhere := open(t, storage.Options{})
	update(t, s, "w", func(tx storage.Tx) error {
		return elsewhere.Update(t.Context(), "w", func(other storage.Tx) error {
			wantCode(t, "from another store", tx.CopyFrom(other), storage.CodeInvalid)
			wantCode(t, "to another store", other.CopyFrom(tx), storage.CodeInvalid)
			return nil
		})
	})
	updateAll(t, s, []string{"w", "new", "nobody", "not yet"}, func(all []storage.Tx) error {
		wantCode(t, "from another transaction", all[0].CopyFrom(outside), storage.CodeInvalid)
		wantCode(t, "from no transaction", all[0].CopyFrom(nil), storage.CodeInvalid)
		if err := errors.Join(all[0].CopyFrom(all[0]), all[2].CopyFrom(all[2]), all[3].CopyFrom(all[2])); err != nil {
			return err
		}
		got, err := readDump(all[0])
		if diff := want.differs(got); diff != "" {
			t.Error("onto itself:", diff)
		}
		if err != nil {
			return err
		}
		return all[1].CopyFrom(all[2])
	})
	wantDump(t, "onto itself", s, "w", want)
	wantDump(t, "from nothing", s, "new", nothing)
	if names := namesOf(t, s, "n"); len(names) != 0 {
		t.Errorf("there are the workspaces %q", names)
	}
	mine := errors.New("mine")
	if err := s.UpdateAll(t.Context(), []string{"w", "new"}, func(all []storage.Tx) error {
		if err := all[1].CopyFrom(all[0]); err != nil {
			return err
		}
		if _, err := readDump(all[1]); err != nil {
			return err
		}
		return mine
	}); !errors.Is(err, mine) {
		t.Error(err)
	}
	wantDump(t, "copied in vain", s, "new", nothing)
	// What was read of the copy that never came is not what is there next.
	update(t, s, "new", func(tx storage.Tx) error {
		_, err := tx.Insert(storage.Record{Kind: "k", ID: "2", Body: []byte("another")}, key("slug", "1"))
		return err
	})
	view(t, s, "new", func(tx storage.ReadTx) error {
		r, err := tx.Get("k", "2")
		if string(r.Body) != "another" || r.Seq != 1 || r.Version != 1 {
			t.Errorf("got %+v", r)
		}
		_, missing := tx.Get("k", "3")
		wantCode(t, "of the copy that never came", missing, storage.CodeNotFound)
		return err
	})
}

// testCopyFromWithin copies what the same transaction has just changed, on and on.
func testCopyFromWithin(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	update(t, s, "a", fill)
	var mid, end dump
	updateAll(t, s, []string{"a", "b", "c", "d"}, func(all []storage.Tx) error {
		a, b, c, d := all[0], all[1], all[2], all[3]
		change := func(tx storage.Tx, id string) error {
			if _, err := tx.Next("n"); err != nil {
				return err
			}
			if _, err := tx.Insert(storage.Record{Kind: "k", ID: id, Parent: "p", Body: []byte("1")}, key("slug", id)); err != nil {
				return err
			}
			r, err := tx.Get("k", "1")
			if err != nil {
				return err
			}
			r.Body = []byte(`"` + id + `"`)
			if _, err := tx.Put(r, key("slug", "1")); err != nil {
				return err
			}
			if _, err := tx.PutBlob([]byte(id)); err != nil {
				return err
			}
			return tx.SetSettings(storage.Settings{Data: id, IDs: storage.IDs{Source: storage.IDsSequential}})
		}
		if err := errors.Join(change(a, "first"), b.CopyFrom(a), change(b, "second")); err != nil {
			return err
		}
		var err error
		if mid, err = readDump(b); err != nil {
			return err
		}
		if err := errors.Join(c.CopyFrom(b), change(c, "third"), c.Purge("k", "first"), d.CopyFrom(c), d.Purge("k", "0")); err != nil {
			return err
		}
		if end, err = readDump(d); err != nil {
			return err
		}
		// All the way back, to where the chain began.
		return a.CopyFrom(d)
	})
	wantDump(t, "the second", s, "b", mid)
	wantDump(t, "the fourth", s, "d", end)
	wantDump(t, "the first", s, "a", end)
	if end.Sequences["n"] != 6 || mid.Sequences["n"] != 5 || end.Settings.Data != "third" {
		t.Errorf("sequences %v and %v, settings %+v", mid.Sequences, end.Sequences, end.Settings)
	}
	if n := end.Counts[`"k" in "p", deleted false`]; n != 5 { // 4, and 3 more, less 2
		t.Errorf("%d records in the end", n)
	}
	// An exchange of two, by way of a third that is gone when it is done.
	updateAll(t, s, []string{"b", "d", "spare"}, func(all []storage.Tx) error {
		return errors.Join(all[2].CopyFrom(all[0]), all[0].CopyFrom(all[1]), all[1].CopyFrom(all[2]), all[2].Clear())
	})
	wantDump(t, "exchanged", s, "b", end)
	wantDump(t, "exchanged", s, "d", mid)
	if names := namesOf(t, s, ""); !slices.Equal(names, []string{"a", "b", "c", "d"}) {
		t.Errorf("workspaces %q", names)
	}
}

// testCopyFromCounted copies a workspace while others write to it: the copy is of
// one moment, down to the last number that was counted.
func testCopyFromCounted(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	const workers, each = 8, 12
	update(t, s, "w", func(tx storage.Tx) error {
		return tx.SetSettings(storage.Settings{IDs: storage.IDs{Source: storage.IDsSequential}})
	})
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if w%4 > 0 {
					if err := s.Update(context.Background(), "w", func(tx storage.Tx) error {
						if _, err := tx.Next("n"); err != nil {
							return err
						}
						_, err := tx.Insert(storage.Record{Kind: "k", ID: tx.NewID(), Parent: "p", Body: []byte("1")}, nil)
						return err
					}); err != nil {
						t.Error(err)
					}
					continue
				}
				to := fmt.Sprintf("copy %d", (w+i)%3)
				if err := s.UpdateAll(context.Background(), []string{to, "w"}, func(all []storage.Tx) error {
					if err := all[0].CopyFrom(all[1]); err != nil {
						return err
					}
					var dumps [2]dump
					for i, tx := range all {
						var err error
						if dumps[i], err = readDump(tx, "k"); err != nil {
							return err
						}
					}
					if diff := dumps[1].differs(dumps[0]); diff != "" {
						t.Error("the copy:", diff)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
				got := dumpOf(t, s, to, "k")
				n := got.Sequences["n"]
				if got.Sequences[storage.SequenceOfIDs] != n || got.Counts[`"k" in "", deleted false`] != n ||
					got.Counts[`"k" in "p", deleted false`] != n || int64(len(got.Pages[`"k" by "", deleted false`].Records)) != n {
					t.Errorf("the copy has the numbers %v and counts %v", got.Sequences, got.Counts)
				}
			}
		})
	}
	wg.Wait()
	if n := dumpOf(t, s, "w", "k").Sequences["n"]; n != workers*each*3/4 {
		t.Errorf("%d in the end", n)
	}
}
