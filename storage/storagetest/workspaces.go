package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

// dump is all that can be seen of a workspace by names that these tests use.
type dump struct {
	Settings  storage.Settings
	Usage     storage.Usage
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
	if w.Settings == o.Settings && w.Usage == o.Usage && maps.EqualFunc(w.Pages, o.Pages, pages) && maps.Equal(w.Counts, o.Counts) &&
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
	if w.Usage, err = tx.Usage(); err != nil {
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
