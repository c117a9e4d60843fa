package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-api/understudy/storage"
)

func updateAll(t testing.TB, s storage.Store, workspaces []string, fn func([]storage.Tx) error) {
	t.Helper()
	if err := s.UpdateAll(context.Background(), workspaces, fn); err != nil {
		t.Fatal(err)
	}
}

// dump is all that can be seen of a workspace by names that these tests use.
type dump struct {
	Settings  storage.Settings
	Pages     map[string]storage.Page // unless empty
	Counts    map[string]int64
	Sequences map[string]int64
	Blobs     map[string]string
}

// The names that workspaces are made of; those of the model test are among them.
var (
	dumpKinds   = []string{"k", "widget", "a", "b", "k\x00"}
	dumpIndexes = map[string][]string{
		"k": {"", "name", "slug"}, "widget": {"", "name", "slug"}, "a": {"", "x", "y"}, "b": {"", "x", "y"}, "k\x00": {""},
	}
	dumpParents   = []string{"", "p", "q"}
	dumpSequences = []string{"n", "m", "a", "b", storage.SequenceOfIDs}
)

// The SHA-256 of "one", of nothing, and of "alone".
var dumpBlobs = []string{
	"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"facf8b54e5c0b8c426bb1c4bf5a00abfeaa064dc89ba8298dfa0c083746eee5b",
}

// fill writes something of everything; twice, in one transaction or two, is
// a conflict.
func fill(tx storage.Tx) error {
	at := time.Date(2020, 1, 2, 3, 4, 5, 678901000, time.UTC)
	for i := range 7 {
		n := strconv.Itoa(i)
		r := storage.Record{Kind: "k", ID: n, Body: []byte(`{"n":` + n + `}`)}
		if i%2 == 0 {
			r.Parent, r.Created = "p", at.Add(time.Duration(i)*time.Hour)
		}
		if i == 5 {
			r.Deleted = at
		}
		keys := []storage.Key{{Index: "name", Value: "n\x00" + strconv.Itoa(i/2)}, {Index: "slug", Value: n, Unique: true}}
		if _, err := tx.Insert(r, keys); err != nil {
			return err
		}
		if _, err := widgets.Insert(tx, n, "q", aWidget(i)); err != nil {
			return err
		}
	}
	if _, err := widgets.Update(tx, "3", func(w *widget) error { w.Slug = "changed"; return nil }); err != nil {
		return err
	}
	if _, err := widgets.Delete(tx, "2"); err != nil {
		return err
	}
	for _, id := range []string{"0", "6"} { // the first and the last of a kind
		if err := tx.Purge("widget", id); err != nil {
			return err
		}
	}
	if _, err := tx.Insert(storage.Record{Kind: "k\x00", ID: "\x00", Parent: "p", Body: nil}, nil); err != nil {
		return err
	}
	for range 3 {
		if _, err := tx.Next("n"); err != nil {
			return err
		}
	}
	for _, content := range []string{"one", "", "alone"} {
		if _, err := tx.PutBlob([]byte(content)); err != nil {
			return err
		}
	}
	return tx.AtLeast("m", 40)
}

// differs says how two workspaces differ, "" if they do not.
func (w dump) differs(o dump) string {
	pages := func(a, b storage.Page) bool {
		return a.Next == b.Next && a.Total == b.Total && slices.EqualFunc(a.Records, b.Records, storage.Record.Equal)
	}
	if cmp.Equal(w.Settings, o.Settings) && maps.EqualFunc(w.Pages, o.Pages, pages) && maps.Equal(w.Counts, o.Counts) &&
		maps.Equal(w.Sequences, o.Sequences) && maps.Equal(w.Blobs, o.Blobs) {
		return ""
	}
	return "it differs: " + cmp.Diff(w, o) // slow
}

// readDump looks at the records of these kinds, or at those of all, and then in
// more ways: race detectors make queries slow.
func readDump(tx storage.ReadTx, kinds ...string) (w dump, err error) {
	thorough := len(kinds) == 0
	if thorough {
		kinds = dumpKinds
	}
	w = dump{
		Pages: map[string]storage.Page{}, Counts: map[string]int64{}, Sequences: map[string]int64{}, Blobs: map[string]string{},
	}
	if w.Settings, err = tx.Settings(); err != nil {
		return w, err
	}
	list := func(what, kind string, q storage.Query) (int, error) {
		page, err := tx.List(kind, q)
		if len(page.Records) > 0 || page.Total != 0 || page.Next != "" {
			w.Pages[what] = page
		}
		return len(page.Records), err
	}
	for _, kind := range kinds {
		for _, deleted := range []bool{false, true} {
			for _, index := range dumpIndexes[kind] {
				q := storage.Query{Index: index, Deleted: deleted}
				what := fmt.Sprintf("%q by %q, deleted %v", kind, index, deleted)
				n, err := list(what, kind, q)
				if q.Limit = n / 2; err == nil && thorough && q.Limit > 0 { // with a cursor
					_, err = list(what+", half", kind, q)
				}
				if err != nil {
					return w, err
				}
			}
			for _, parent := range dumpParents {
				what := fmt.Sprintf("%q in %q, deleted %v", kind, parent, deleted)
				if w.Counts[what], err = tx.Count(kind, parent, deleted); err != nil {
					return w, err
				}
				if !thorough || w.Counts[what] == 0 && parent != "" {
					continue
				}
				if _, err := list(what, kind, storage.Query{Parent: &parent, Deleted: deleted}); err != nil {
					return w, err
				}
			}
		}
	}
	for _, r := range w.Pages[`"k" by "", deleted false`].Records {
		if got, err := tx.Get("k", r.ID); err != nil || !got.Equal(r) || !bytes.Equal(got.Body, r.Body) {
			return w, fmt.Errorf("listed %+v, got %+v, %w", r, got, err)
		}
	}
	for _, name := range dumpSequences {
		if w.Sequences[name], err = tx.Last(name); err != nil {
			return w, err
		}
	}
	for _, sum := range dumpBlobs {
		content, err := tx.Blob(sum)
		switch {
		case err == nil:
			w.Blobs[sum] = string(content)
		case !storage.IsNotFound(err):
			return w, err
		}
	}
	return w, nil
}

func dumpOf(t testing.TB, s storage.Store, workspace string, kinds ...string) (w dump) {
	t.Helper()
	view(t, s, workspace, func(tx storage.ReadTx) (err error) {
		w, err = readDump(tx, kinds...)
		return err
	})
	if diff := cmp.Diff([]storage.Settings{w.Settings}, settingsOf(t, s, workspace)); diff != "" {
		t.Errorf("the settings of %q differ: %s", workspace, diff)
	}
	return w
}

func wantDump(t testing.TB, what string, s storage.Store, workspace string, want dump) {
	t.Helper()
	if diff := want.differs(dumpOf(t, s, workspace)); diff != "" {
		t.Errorf("%s: workspace %q: %s", what, workspace, diff)
	}
}

func testWorkspaceNames(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	if names := namesOf(t, s, ""); len(names) != 0 {
		t.Errorf("an empty store has the workspaces %q", names)
	}
	all := []string{
		"b", "a", "ab", "a\x00", "a\x00b", "\x00", "A", "ä", "a\u0308", "äb", "ö", "%", "a%", "_", "a_", "日本語", "日本",
		"\u007f", "\u0080", "\U0010ffff", "\U0010ffffx", "\uffff", "fork/1", "fork/2", "fork/10", "fork", strings.Repeat("z", 300),
	}
	for i, name := range all {
		update(t, s, name, func(tx storage.Tx) (err error) {
			switch i % 4 {
			case 0:
				_, err = tx.Next("n")
			case 1:
				_, err = tx.Insert(storage.Record{Kind: "k", ID: "1"}, nil)
			case 2:
				_, err = tx.PutBlob(nil)
			case 3:
				err = tx.AtLeast("n", 1)
			}
			return err
		})
	}
	// What only reads, or fails, makes none.
	view(t, s, "viewed", func(tx storage.ReadTx) error { _, err := tx.Get("k", "1"); _ = err; return nil })
	update(t, s, "updated", func(tx storage.Tx) error { _, err := tx.List("k", storage.Query{}); return err })
	update(t, s, "refused", func(tx storage.Tx) error {
		_, err := tx.Put(storage.Record{Kind: "k", ID: "1"}, nil)
		wantCode(t, "put", err, storage.CodeNotFound)
		return nil
	})
	if err := s.Update(t.Context(), "failed", func(tx storage.Tx) error {
		if _, err := tx.Next("n"); err != nil {
			return err
		}
		return errAgain
	}); !errors.Is(err, errAgain) {
		t.Error(err)
	}
	slices.Sort(all)
	prefixes := []string{
		"", "a", "a\x00", "\x00", "A", "ä", "ä"[:1], "日", "日本"[:4], "%", "_", "fork/", "fork/1", "nobody", "\xff", "\xff\xff",
		"a\xff", "\U0010ffff", "\xf4\x8f", "\u007f", strings.Repeat("z", 300), strings.Repeat("z", 301),
	}
	for _, prefix := range prefixes {
		want := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return !strings.HasPrefix(name, prefix) })
		if got := namesOf(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("prefix %q: %q, want %q", prefix, got, want)
		}
	}
	updateAll(t, s, all, func(txs []storage.Tx) error {
		for i, tx := range txs {
			if tx.Workspace() != all[i] {
				t.Errorf("transaction %d is on %q, not %q", i, tx.Workspace(), all[i])
			}
			if i%2 == 0 {
				if err := tx.Clear(); err != nil {
					return err
				}
			}
		}
		return nil
	})
	var want []string
	for i, name := range all {
		if i%2 == 1 {
			want = append(want, name)
		}
	}
	if got := namesOf(t, s, ""); !slices.Equal(got, want) {
		t.Errorf("with half of them cleared: %q, want %q", got, want)
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

// modelWorkspace is a workspace of testWorkspacesModel.
type modelWorkspace struct {
	model
	exists   bool
	settings storage.Settings
	// seen is what it held after it was last changed: it must look the same, to
	// the last byte, until it is changed again. Nil if nobody looked since.
	seen *dump
}

func (w *modelWorkspace) clone() modelWorkspace {
	c := *w
	c.model = w.model.clone()
	return c
}

// workspaceStep is one step of a transaction on several workspaces.
type workspaceStep struct {
	what     int
	on, from int
	op       operation
	settings storage.Settings
}

func someWorkspaceStep(t *rapid.T) workspaceStep {
	step := workspaceStep{what: rapid.IntRange(0, 9).Draw(t, "step"), on: rapid.IntRange(0, 2).Draw(t, "on")}
	switch step.what {
	case 0, 1:
		step.from = rapid.IntRange(0, 2).Draw(t, "from")
	case 2:
	case 3:
		step.settings.Data = someValue.Draw(t, "data")
		step.settings.IDs.Source = rapid.SampledFrom([]storage.IDSource{
			storage.IDsRandom, storage.IDsSequential, storage.IDsSeeded,
		}).Draw(t, "ids")
		if rapid.Bool().Draw(t, "frozen") {
			step.settings.Clock = storage.Clock{}.Freeze(time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 0))
		}
	default:
		step.op = someOperation(t)
	}
	return step
}

// do does a step on the store and the model.
func (s workspaceStep) do(txs []storage.Tx, workspaces []modelWorkspace) error {
	w, tx := &workspaces[s.on], txs[s.on]
	if s.what > 1 {
		w.seen = nil
	}
	switch s.what {
	case 0, 1:
		if err := tx.CopyFrom(txs[s.from]); err != nil {
			return err
		}
		*w = workspaces[s.from].clone()
		if s.what == 1 { // seen later
			return nil
		}
		got, err := readDump(tx, "a", "b")
		if err != nil {
			return err
		}
		want, err := readDump(txs[s.from], "a", "b")
		if err != nil {
			return err
		}
		if diff := want.differs(got); diff != "" {
			return fmt.Errorf("%s copied from %s: %s", tx.Workspace(), txs[s.from].Workspace(), diff)
		}
		return nil
	case 2:
		*w = modelWorkspace{model: model{last: map[string]int64{}}}
		return tx.Clear()
	case 3:
		w.exists, w.settings = true, s.settings
		return tx.SetSettings(s.settings)
	case 4:
		n := w.last[storage.SequenceOfIDs]
		id := tx.NewID()
		if w.settings.IDs.Source == storage.IDsRandom {
			return nil
		}
		if w.last[storage.SequenceOfIDs]++; id != w.settings.IDs.ID(n+1) {
			return fmt.Errorf("drew %s, want number %d", id, n+1)
		}
		return nil
	}
	err := w.do(tx, s.op)
	w.exists = w.exists || len(w.records) > 0 || len(w.last) > 0
	return err
}

// testWorkspacesModel runs random transactions on three workspaces of a store and on their
// models: whatever is done, a copy is what was copied, at the time of copying, and
// a workspace that nothing was done to stays as it is.
func testWorkspacesModel(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: steps()})
	empty := dumpOf(t, s, "empty", "a", "b")
	var rounds atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		prefix := fmt.Sprintf("workspaces %d/", rounds.Add(1))
		var names []string
		var workspaces []modelWorkspace
		for _, name := range []string{"a", "b", "c"} {
			names = append(names, prefix+name)
			workspaces = append(workspaces, modelWorkspace{model: model{last: map[string]int64{}}, seen: &empty})
		}
		mine := errors.New("mine")
		for range rapid.IntRange(1, 3).Draw(t, "transactions") {
			steps := rapid.SliceOfN(rapid.Custom(someWorkspaceStep), 1, 5).Draw(t, "steps")
			fail := rapid.IntRange(0, 4).Draw(t, "outcome") == 0
			after := someLook(t)
			var next []modelWorkspace
			err := s.UpdateAll(t.Context(), names, func(txs []storage.Tx) error {
				next = nil
				for i := range workspaces {
					next = append(next, workspaces[i].clone())
				}
				for _, step := range steps {
					if err := step.do(txs, next); err != nil {
						return err
					}
				}
				if fail {
					return mine
				}
				return nil
			})
			switch {
			case err != nil && (!fail || !errors.Is(err, mine)):
				t.Fatal(err)
			case fail && err == nil:
				t.Fatal("the error of the function was lost")
			case !fail:
				workspaces = next
			}
			compareWorkspaces(t, s, prefix, names, workspaces, after)
		}
	})
}

func compareWorkspaces(t *rapid.T, s storage.Store, prefix string, names []string, workspaces []modelWorkspace, after look) {
	settings, err := s.Settings(context.Background(), names...)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range workspaces {
		w := &workspaces[i]
		if w.exists {
			want = append(want, names[i])
		}
		if diff := cmp.Diff(w.settings, settings[i]); diff != "" {
			t.Fatalf("the settings of %s: %s", names[i], diff)
		}
		if err := s.View(context.Background(), names[i], func(tx storage.ReadTx) error {
			got, err := readDump(tx, "a", "b")
			if err != nil {
				return err
			}
			if w.seen == nil {
				w.seen = &got
			} else if diff := w.seen.differs(got); diff != "" {
				return fmt.Errorf("%s is not what it was: %s", names[i], diff)
			}
			for name, n := range w.last {
				if got.Sequences[name] != n {
					return fmt.Errorf("the sequence %q is at %d, not %d", name, got.Sequences[name], n)
				}
			}
			return w.compare(tx, after)
		}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Workspaces(context.Background(), prefix)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("workspaces %q, %v; want %q", got, err, want)
	}
}
