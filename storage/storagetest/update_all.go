package storagetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

func updateAll(t testing.TB, s storage.Store, workspaces []string, fn func([]storage.Tx) error) {
	t.Helper()
	if err := s.UpdateAll(context.Background(), workspaces, fn); err != nil {
		t.Fatal(err)
	}
}

func testUpdateAll(t *testing.T, open Open) {
	for _, s := range []storage.Store{open(t, storage.Options{}), Twice(open(t, storage.Options{}))} {
		names := []string{"b", "c", "a"}
		updateAll(t, s, names, func(all []storage.Tx) error {
			for i, tx := range all {
				if tx.Workspace() != names[i] {
					t.Errorf("transaction %d is on %s", i, tx.Workspace())
				}
				// The same names everywhere, and nobody sees the others'.
				if err := fill(tx); err != nil {
					return err
				}
				for range i {
					if _, err := tx.Next("n"); err != nil {
						return err
					}
				}
			}
			for i, tx := range all {
				if n, err := tx.Last("n"); err != nil || n != int64(3+i) {
					t.Errorf("%s: last is %d, %v", tx.Workspace(), n, err)
				}
			}
			return nil
		})
		updateAll(t, s, []string{"a"}, func(all []storage.Tx) error {
			if n, err := all[0].Next("n"); err != nil || n != 6 {
				t.Errorf("alone: next is %d, %v", n, err)
			}
			return all[0].Purge("k", "1")
		})
		for i, ws := range names {
			want := int64(6)
			if ws == "a" {
				want = 5
			}
			view(t, s, ws, func(tx storage.ReadTx) error {
				living, err := tx.Count("k", "", false)
				if err != nil || living != want {
					t.Errorf("%s has %d records, %v", ws, living, err)
				}
				n, err := tx.Last("n")
				if ws == "a" && n != 6 || ws != "a" && n != int64(3+i) {
					t.Errorf("%s: last is %d", ws, n)
				}
				return err
			})
		}
		// A conflict in one leaves the other as it is, and both go on.
		updateAll(t, s, []string{"a", "b"}, func(all []storage.Tx) error {
			_, err := all[0].Insert(storage.Record{Kind: "k", ID: "2"}, nil)
			wantCode(t, "an id twice", err, storage.CodeConflict)
			_, err = all[1].Insert(storage.Record{Kind: "k", ID: "new"}, key("slug", "2"))
			wantCode(t, "a key twice", err, storage.CodeConflict)
			_, err = all[1].Insert(storage.Record{Kind: "k", ID: "new"}, key("slug", "new"))
			return err
		})
	}
}

func testUpdateAllFails(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	names := []string{"a", "b", "new"}
	updateAll(t, s, names[:2], func(all []storage.Tx) error {
		if err := all[0].SetSettings(storage.Settings{Data: "of a", IDs: storage.IDs{Source: storage.IDsSequential}}); err != nil {
			return err
		}
		if err := fill(all[0]); err != nil {
			return err
		}
		return all[1].CopyFrom(all[0])
	})
	before := dumpOf(t, s, "a")
	mess := func(all []storage.Tx) error {
		a, b, c := all[0], all[1], all[2]
		if a.NewID() == "" {
			t.Error("no id")
		}
		if err := c.CopyFrom(a); err != nil {
			return err
		}
		if err := a.Clear(); err != nil {
			return err
		}
		if _, err := a.Insert(storage.Record{Kind: "k", ID: "new"}, key("slug", "1")); err != nil {
			return err
		}
		if _, err := b.Next("n"); err != nil {
			return err
		}
		if err := b.Purge("k", "0"); err != nil {
			return err
		}
		if err := c.SetSettings(storage.Settings{Data: "of c"}); err != nil {
			return err
		}
		return b.CopyFrom(c)
	}
	mine := errors.New("mine")
	unchanged := func(what string) {
		t.Helper()
		wantDump(t, what, s, "a", before)
		wantDump(t, what, s, "b", before)
		if got := namesOf(t, s, ""); !slices.Equal(got, names[:2]) {
			t.Errorf("%s: workspaces %q", what, got)
		}
	}
	err := s.UpdateAll(t.Context(), names, func(all []storage.Tx) error {
		if err := mess(all); err != nil {
			return err
		}
		return mine
	})
	if err != mine { //nolint:errorlint // as it is, not wrapped
		t.Errorf("the error of the function became %v", err)
	}
	unchanged("an error")
	err = s.UpdateAll(t.Context(), names, func(all []storage.Tx) error {
		if err := mess(all); err != nil {
			return err
		}
		panic(mine)
	})
	e := wantCode(t, "a panic", err, storage.CodeInternal)
	if p, ok := errors.AsType[*storage.PanicError](e); !ok || p.Value != any(mine) || !strings.Contains(string(p.Stack), "testUpdateAllFails") {
		t.Errorf("a panic: %#v", e.Err)
	}
	unchanged("a panic")
	// The next numbers are those that would have come before.
	updateAll(t, s, names, func(all []storage.Tx) error {
		if id := all[0].NewID(); id != (storage.IDs{Source: storage.IDsSequential}).ID(1) {
			t.Errorf("drew %s", id)
		}
		if n, err := all[1].Next("n"); err != nil || n != 4 {
			t.Errorf("next is %d, %v, want 4", n, err)
		}
		return nil
	})
	// And what fails among others that succeed takes none of them with it.
	var wg sync.WaitGroup
	var failed, succeeded atomic.Int64
	for i := range 40 {
		wg.Go(func() {
			err := s.UpdateAll(context.Background(), []string{"a", "b", "c" + strconv.Itoa(i)}, func(all []storage.Tx) error {
				if i%3 > 0 {
					if err := mess(all); err != nil {
						return err
					}
					if i%3 == 1 {
						return mine
					}
					panic(mine)
				}
				if _, err := all[1].Next("fate"); err != nil {
					return err
				}
				_, err := all[0].Next("fate")
				return err
			})
			if err == nil {
				succeeded.Add(1)
			} else {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	if succeeded.Load() != 14 || failed.Load() != 26 {
		t.Errorf("%d succeeded and %d failed", succeeded.Load(), failed.Load())
	}
	for _, ws := range names[:2] {
		view(t, s, ws, func(tx storage.ReadTx) error {
			if n, err := tx.Last("fate"); err != nil || n != 14 {
				t.Errorf("%s: last is %d, %v, want 14", ws, n, err)
			}
			if n, err := tx.Count("k", "", false); err != nil || n != 6 {
				t.Errorf("%s: %d records, %v", ws, n, err)
			}
			return nil
		})
	}
}

// testUpdateAllConcurrent keeps a number in two workspaces: in the settings, a
// record, a sequence and a count of each. Writers raise it in different ways, some
// by way of a third workspace, some in vain. Nobody sees two different numbers,
// nor one that is lower than a number seen before.
func testUpdateAllConcurrent(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	numbers := storage.Collection[int64]{Kind: "number"}
	mine := errors.New("mine")
	raise := func(tx storage.Tx) error {
		n, err := tx.Next("n")
		if err != nil {
			return err
		}
		if err := tx.SetSettings(storage.Settings{Data: strconv.FormatInt(n, 10)}); err != nil {
			return err
		}
		if n == 1 {
			_, err = numbers.Insert(tx, "n", "", n)
		} else {
			_, err = numbers.Update(tx, "n", func(v *int64) error { *v = n; return nil })
		}
		if err != nil {
			return err
		}
		_, err = tx.Insert(storage.Record{Kind: "each", ID: strconv.FormatInt(n, 10), Body: []byte("0")}, key("n", strconv.FormatInt(n, 10)))
		return err
	}
	write := func(w, i int) error {
		return s.UpdateAll(context.Background(), []string{"a", "b", "c"}, func(all []storage.Tx) error {
			a, b, c := all[0], all[1], all[2]
			var err error
			switch (w + i) % 5 {
			case 0:
				err = errors.Join(raise(a), raise(b))
			case 1: // one is made a copy of the other
				err = errors.Join(raise(a), b.CopyFrom(a))
			case 2: // both are cleared, and come back from a third
				err = errors.Join(raise(b), c.CopyFrom(b), a.Clear(), b.Clear(), a.CopyFrom(c), b.CopyFrom(a), c.Clear())
			case 3: // in vain
				err = errors.Join(raise(a), b.Clear(), b.CopyFrom(a), raise(b), a.Clear())
				if err == nil {
					err = mine
				}
			case 4:
				if err = errors.Join(a.Clear(), raise(b), raise(b)); err == nil {
					panic(mine)
				}
			}
			return err
		})
	}
	if err := write(0, 0); err != nil {
		t.Fatal(err)
	}
	look := func(ws string) (seen int64, err error) {
		err = s.View(context.Background(), ws, func(tx storage.ReadTx) error {
			var seenNow [5]int64
			settings, err := tx.Settings()
			if err != nil {
				return err
			}
			item, err := numbers.Get(tx, "n")
			if err != nil {
				return err
			}
			seenNow[0], _ = strconv.ParseInt(settings.Data, 10, 64)
			seenNow[1] = item.Value
			var errs [3]error
			seenNow[2], errs[0] = tx.Last("n")
			seenNow[3], errs[1] = tx.Count("each", "", false)
			page, err := tx.List("each", storage.Query{Index: "n"})
			errs[2] = err
			seenNow[4] = int64(len(page.Records))
			seen = seenNow[0]
			for _, n := range seenNow {
				if n != seen {
					return fmt.Errorf("%s has the numbers %v", ws, seenNow)
				}
			}
			return errors.Join(errs[:]...)
		})
		return seen, err
	}
	var raised atomic.Int64
	raised.Store(1)
	var viewers, writers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				err := write(w, i)
				vain := (w+i)%5 > 2
				if vain != (err != nil) {
					t.Error(err)
					return
				}
				if !vain {
					raised.Add(1)
				}
				runtime.Gosched()
			}
		})
	}
	for v := range 3 {
		viewers.Go(func() {
			last := int64(0)
			for i := range 60 {
				var seen int64
				var err error
				if (v+i)%2 == 0 {
					var both []storage.Settings
					if both, err = s.Settings(context.Background(), "a", "b", "c"); err == nil {
						seen, _ = strconv.ParseInt(both[0].Data, 10, 64)
						if both[0].Data != both[1].Data || both[2].Data != "" {
							err = fmt.Errorf("the settings are %v", both)
						}
					}
				} else {
					seen, err = look([]string{"a", "b"}[i/2%2])
				}
				if err == nil && seen < last {
					err = fmt.Errorf("saw %d after %d", seen, last)
				}
				if err != nil {
					t.Error(err)
					return
				}
				last = seen
			}
		})
	}
	viewers.Wait()
	close(stop)
	writers.Wait()
	for _, ws := range []string{"a", "b"} {
		if n, err := look(ws); err != nil || n != raised.Load() {
			t.Errorf("%s is at %d, %v; want %d", ws, n, err, raised.Load())
		}
	}
}
