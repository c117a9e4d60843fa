package datafold

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
	"github.com/understudy-api/understudy/storage/storagetest"
)

// note is a resource of the test's own, three deep: shelves, books, notes.
type note struct{ Text string }

func notes(kind string, in container) *resource[note, string] {
	return &resource[note, string]{
		noun: kind, sequence: kind, in: in, records: storage.Collection[note]{Kind: kind},
		removed: func(_ storage.Tx, n note) error {
			if n.Text == "kept" {
				return site.Conflict("", "kept")
			}
			return nil
		},
		view: func(_ storage.ReadTx, _ job.Look, n storage.Item[note]) (string, error) { return n.Value.Text, nil },
	}
}

// messageOf is what a refusal says; "" for success, "ours" for no refusal.
func messageOf(err error) string {
	if err == nil {
		return ""
	}
	if refusal, ok := errors.AsType[*site.Refusal](err); ok {
		return refusal.Message
	}
	return "ours"
}

// A record is reached by the whole path to it, in every way, and by no other; what
// writes says what it did, what fails says nothing.
func TestResource(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	store, err := sqlite.Open(t.Context(), sqlite.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	shelves := notes("shelf", nil)
	books := notes("book", shelves)
	pages := notes("page", books)
	var said []event
	do := func(fn func(*work) error) error {
		return store.Update(t.Context(), "w", func(tx storage.Tx) error {
			said = nil
			return fn(&work{
				Tx: tx, Operation: "operation", Principal: site.Principal{User: "u"},
				Keep: func(_ storage.Tx, e event) error { said = append(said, e); return nil },
			})
		})
	}
	// Shelves 1 and 2, in each a book with a page, by numbers of their own sequences; a
	// second book in shelf 1 that was removed with its page left behind.
	if err := do(func(w *work) error {
		insert := func(r *resource[note, string], text string, in ...int) error {
			_, err := r.insert(w, note{text}, in...)
			return err
		}
		return errors.Join(
			insert(shelves, "a"), insert(shelves, "b"), insert(books, "a", 1), insert(books, "b", 2), insert(pages, "p", 1, 1),
			insert(pages, "kept", 2, 2), insert(books, "gone", 1), insert(pages, "p", 1, 3), books.delete(w, 1, 3),
		)
	}); err != nil {
		t.Fatal(err)
	}
	undo := errors.New("undo")
	for _, test := range []struct {
		path []int
		want string
	}{
		{[]int{1, 1, 1}, ""},
		{[]int{1, 1, 2}, "page not found"},
		{[]int{2, 1, 1}, "book not found"},
		{[]int{1, 3, 3}, "book not found"},
		{[]int{3, 1, 1}, "shelf not found"},
		{[]int{1, 1, -1}, "page not found"},
		{[]int{1, 1}, "ours"},
		{[]int{1}, "ours"},
		{nil, "ours"},
		{[]int{1, 1, 1, 1}, "ours"},
	} {
		for way, c := range map[string]struct {
			deed deed
			do   func(*work) error
		}{
			"at":     {"", func(w *work) error { _, err := pages.at(w, test.path...); return err }},
			"place":  {"", func(w *work) error { _, err := pages.place(w, test.path); return err }},
			"delete": {deleted, func(w *work) error { return pages.delete(w, test.path...) }},
			"update": {updated, func(w *work) error {
				_, err := pages.update(w, func(n *note) error { n.Text = "new"; return nil }, test.path...)
				return err
			}},
			"insert": {created, func(w *work) error {
				if len(test.path) == 0 {
					return errors.New("no path")
				}
				_, err := notes("line", pages).insert(w, note{}, test.path...)
				return err
			}},
		} {
			var got error
			err := do(func(w *work) error {
				got = c.do(w)
				return undo
			})
			if !errors.Is(err, undo) || messageOf(got) != test.want {
				t.Errorf("%s of %v: %v, %v", way, test.path, got, err)
			}
			var want []event
			if test.want == "" && c.deed != "" {
				want = []event{{
					Deed: c.deed, Kind: "page", ID: "1", Parent: strconv.Itoa(1),
					Operation: "operation", Principal: site.Principal{User: "u"}, Time: now,
				}}
				if way == "insert" {
					want[0].Kind = "line"
				}
			}
			if diff := cmp.Diff(want, said); diff != "" {
				t.Errorf("%s of %v: %s", way, test.path, diff)
			}
		}
	}
	if err := do(func(w *work) error { return pages.delete(w, 2, 2, 2) }); messageOf(err) != "kept" || len(said) > 0 {
		t.Errorf("%v, %v", err, said)
	}
	refused := errors.New("refused")
	if err := do(func(w *work) error {
		_, err := pages.update(w, func(*note) error { return refused }, 1, 1, 1)
		return err
	}); !errors.Is(err, refused) || len(said) > 0 {
		t.Errorf("%v, %v", err, said)
	}
}

// No handler reaches a record but through the kit.
func TestRecordsAreReachedThroughTheKit(t *testing.T) {
	t.Parallel()
	storagetest.ReachedOnlyIn(t, "resource.go", "seed.go")
}
