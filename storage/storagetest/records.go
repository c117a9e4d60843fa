package storagetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

func testRecord(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: steps()})
	if err := s.Ping(t.Context()); err != nil {
		t.Error("ping:", err)
	}
	var first, second storage.Record
	update(t, s, "w", func(tx storage.Tx) error {
		body := []byte(`{"a":1}`)
		var err error
		first, err = tx.Insert(storage.Record{Kind: "k", ID: "1", Parent: "p", Seq: 99, Version: 99, Body: body}, nil)
		copy(body, "changed")
		if err == nil && (!first.Created.Equal(tx.Now()) || !first.Updated.Equal(tx.Now())) {
			t.Errorf("inserted at %v, not at %v", first.Created, tx.Now())
		}
		return err
	})
	want := storage.Record{
		Kind: "k", ID: "1", Parent: "p", Seq: first.Seq, Body: []byte(`{"a":1}`),
		Created: first.Created, Updated: first.Created, Version: 1,
	}
	if diff := cmp.Diff(want, first); diff != "" || first.Seq < 1 {
		t.Error("inserted:", first.Seq, diff)
	}
	get := func() (r storage.Record) {
		view(t, s, "w", func(tx storage.ReadTx) (err error) {
			r, err = tx.Get("k", "1")
			return err
		})
		return r
	}
	if diff := cmp.Diff(want, get()); diff != "" {
		t.Error("got:", diff)
	}
	if first.Created.Location() != time.UTC || first.Created.Nanosecond()%1000 != 0 {
		t.Errorf("%v is not UTC to the microsecond", first.Created)
	}

	update(t, s, "w", func(tx storage.Tx) error {
		var err error
		// What Put keeps it keeps whatever the caller says.
		second, err = tx.Put(storage.Record{Kind: "k", ID: "1", Parent: "other", Seq: 7, Body: []byte(`2`), Deleted: tx.Now()}, nil)
		return err
	})
	want.Body, want.Version, want.Updated, want.Deleted = []byte(`2`), 2, second.Updated, second.Updated
	if diff := cmp.Diff(want, second); diff != "" || !second.Updated.After(first.Updated) {
		t.Error("put:", diff)
	}
	if diff := cmp.Diff(want, get()); diff != "" {
		t.Error("got after put:", diff)
	}
	if second.Living() {
		t.Error("a deleted record lives")
	}

	update(t, s, "w", func(tx storage.Tx) error { return tx.Purge("k", "1") })
	view(t, s, "w", func(tx storage.ReadTx) error {
		_, err := tx.Get("k", "1")
		e := wantCode(t, "get after purge", err, storage.CodeNotFound)
		if e.Kind != "k" || e.ID != "1" {
			t.Errorf("the error names %q %q", e.Kind, e.ID)
		}
		return nil
	})
	update(t, s, "w", func(tx storage.Tx) error {
		wantCode(t, "second purge", tx.Purge("k", "1"), storage.CodeNotFound)
		_, err := tx.Put(storage.Record{Kind: "k", ID: "1"}, nil)
		wantCode(t, "put after purge", err, storage.CodeNotFound)
		again, err := tx.Insert(storage.Record{Kind: "k", ID: "1", Body: []byte("3")}, nil)
		if err == nil && again.Seq <= first.Seq {
			t.Errorf("sequence number %d after %d", again.Seq, first.Seq)
		}
		return err
	})
}

func testCollection(t *testing.T, open Open) {
	collectionLife(t, open(t, storage.Options{Now: steps()}))
}

func testRunTwice(t *testing.T, open Open) {
	collectionLife(t, Twice(open(t, storage.Options{Now: steps()})))
}

func collectionLife(t *testing.T, s storage.Store) {
	var a, b, changed, deleted, restored storage.Item[widget]
	update(t, s, "w", func(tx storage.Tx) (err error) {
		if a, err = widgets.Insert(tx, "a", "p", aWidget(1)); err != nil {
			return err
		}
		b, err = widgets.Insert(tx, "b", "p", aWidget(2))
		return err
	})
	if a.Value.Slug != "widget-1" || a.Parent != "p" || a.Version != 1 || b.Seq != a.Seq+1 {
		t.Errorf("inserted %+v and %+v", a, b)
	}
	update(t, s, "w", func(tx storage.Tx) (err error) {
		changed, err = widgets.Update(tx, "a", func(w *widget) error {
			w.Slug = "renamed"
			w.Config["more"] = "yes"
			return nil
		})
		return err
	})
	if changed.Value.Slug != "renamed" || changed.Version != 2 || changed.Created != a.Created || !changed.Updated.After(a.Updated) {
		t.Errorf("changed: %+v", changed)
	}
	view(t, s, "w", func(tx storage.ReadTx) error {
		got, err := widgets.Get(tx, "a")
		if diff := cmp.Diff(changed, got); diff != "" {
			t.Error("get:", diff)
		}
		if err != nil {
			return err
		}
		found, err := widgets.Find(tx, "slug", "p\x00renamed")
		if diff := cmp.Diff(changed, found); diff != "" {
			t.Error("find:", diff)
		}
		if err != nil {
			return err
		}
		_, err = widgets.Find(tx, "slug", "p\x00widget-1")
		wantCode(t, "find by the old key", err, storage.CodeNotFound)
		_, err = widgets.GetDeleted(tx, "a")
		wantCode(t, "get deleted of a living record", err, storage.CodeNotFound)
		page, err := widgets.List(tx, storage.Query{Parent: new("p"), Limit: 1})
		if err == nil && (page.Total != 2 || len(page.Items) != 1 || page.Items[0].ID != "a" || page.Next == "") {
			t.Errorf("list: %+v", page)
		}
		if err != nil {
			return err
		}
		page, err = widgets.List(tx, storage.Query{Parent: new("nobody")})
		if page.Items == nil || len(page.Items) != 0 || page.Next != "" || page.Total != 0 {
			t.Errorf("an empty list: %+v", page)
		}
		return err
	})
	update(t, s, "w", func(tx storage.Tx) (err error) {
		deleted, err = widgets.Delete(tx, "a")
		if err == nil && !deleted.Deleted.Equal(tx.Now()) {
			t.Errorf("deleted at %v, not at %v", deleted.Deleted, tx.Now())
		}
		return err
	})
	if deleted.Value.Slug != "renamed" || deleted.Version != 3 {
		t.Errorf("deleted: %+v", deleted)
	}
	view(t, s, "w", func(tx storage.ReadTx) error {
		_, err := widgets.Get(tx, "a")
		wantCode(t, "get of a deleted record", err, storage.CodeNotFound)
		_, err = widgets.Find(tx, "slug", "p\x00renamed")
		wantCode(t, "find of a deleted record", err, storage.CodeNotFound)
		got, err := widgets.GetDeleted(tx, "a")
		if diff := cmp.Diff(deleted, got); diff != "" {
			t.Error("get deleted:", diff)
		}
		if err != nil {
			return err
		}
		page, err := widgets.List(tx, storage.Query{Deleted: true, Index: "slug", Contains: "renam"})
		if err == nil && (page.Total != 1 || page.Items[0].ID != "a") {
			t.Errorf("deleted records by key: %+v", page)
		}
		return err
	})
	update(t, s, "w", func(tx storage.Tx) (err error) {
		restored, err = widgets.Restore(tx, "a", nil)
		return err
	})
	if !restored.Deleted.IsZero() || restored.Value.Slug != "renamed" || restored.Version != 4 {
		t.Errorf("restored: %+v", restored)
	}
	// Restoring into a conflict: the caller can ask for another key.
	update(t, s, "w", func(tx storage.Tx) (err error) {
		if _, err = widgets.Delete(tx, "a"); err != nil {
			return err
		}
		w := aWidget(3)
		w.Slug = "renamed"
		if _, err = widgets.Insert(tx, "c", "p", w); err != nil {
			return err
		}
		_, err = widgets.Restore(tx, "a", nil)
		if e := wantCode(t, "restore into a conflict", err, storage.CodeConflict); e.Index != "slug" {
			t.Errorf("the conflict is in index %q", e.Index)
		}
		restored, err = widgets.Restore(tx, "a", func(w *widget) error {
			w.Slug += "-2"
			return nil
		})
		return err
	})
	view(t, s, "w", func(tx storage.ReadTx) error {
		got, err := widgets.Find(tx, "slug", "p\x00renamed-2")
		if diff := cmp.Diff(restored, got); diff != "" {
			t.Error("restored under another key:", diff)
		}
		if err != nil {
			return err
		}
		n, err := tx.Count("widget", "p", false)
		if n != 3 {
			t.Errorf("%d living records, want 3", n)
		}
		return err
	})
}

func testCollectionErrors(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	mine := errors.New("mine")
	update(t, s, "w", func(tx storage.Tx) error {
		if _, err := widgets.Insert(tx, "a", "", aWidget(1)); err != nil {
			return err
		}
		_, err := widgets.Insert(tx, "a", "", aWidget(2))
		if e := wantCode(t, "an id twice", err, storage.CodeConflict); e.Index != "" || e.ID != "a" {
			t.Errorf("the conflict names index %q and id %q", e.Index, e.ID)
		}
		if _, err := widgets.Update(tx, "a", func(*widget) error { return mine }); !errors.Is(err, mine) {
			t.Errorf("the error of change became %v", err)
		}
		_, err = widgets.Restore(tx, "a", nil)
		wantCode(t, "restore of a living record", err, storage.CodeNotFound)
		for what, do := range map[string]func(string) error{
			"get": func(id string) error { _, err := widgets.Get(tx, id); return err },
			"update": func(id string) error {
				_, err := widgets.Update(tx, id, func(*widget) error { return nil })
				return err
			},
			"delete":  func(id string) error { _, err := widgets.Delete(tx, id); return err },
			"restore": func(id string) error { _, err := widgets.Restore(tx, id, nil); return err },
		} {
			wantCode(t, what, do("nobody"), storage.CodeNotFound)
		}
		if _, err = widgets.Delete(tx, "a"); err != nil {
			return err
		}
		_, err = widgets.Delete(tx, "a")
		wantCode(t, "second delete", err, storage.CodeNotFound)
		_, err = widgets.Update(tx, "a", func(*widget) error { return nil })
		wantCode(t, "update of a deleted record", err, storage.CodeNotFound)
		_, err = widgets.Insert(tx, "a", "", aWidget(3))
		wantCode(t, "the id of a deleted record", err, storage.CodeConflict)

		secret := `"hunter2"`
		if _, err := tx.Insert(storage.Record{Kind: "widget", ID: "odd", Body: []byte(secret)}, nil); err != nil {
			return err
		}
		_, err = widgets.Get(tx, "odd")
		wantCode(t, "a body that does not fit", err, storage.CodeCorrupt)
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error quotes the body: %v", err)
		}
		_, err = storage.Collection[chan int]{Kind: "c"}.Insert(tx, "1", "", nil)
		wantCode(t, "a value that has no JSON", err, storage.CodeInvalid)
		return nil
	})
}

func testOddNames(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	names := []string{
		"\x00", "a\x00b", "a", "a\x00", "'", `"`, `'; DROP TABLE record; --`, "%", "_", "*", "?", "\\", " ", "\n",
		"ä", "a\u0308", "日本語", "🦊", "\uffff", "\U0010ffff", "A", "null", strings.Repeat("long", 1000),
	}
	workspaces := []string{names[0], names[1], "a", "'", names[len(names)-1]}
	for _, ws := range workspaces {
		update(t, s, ws, func(tx storage.Tx) error {
			for _, n := range names {
				r := storage.Record{Kind: n, ID: n, Parent: n, Body: []byte(`"` + ws + `"`)}
				if _, err := tx.Insert(r, []storage.Key{{Index: n, Value: n, Unique: true}}); err != nil {
					return fmt.Errorf("%q: %w", n, err)
				}
				if _, err := tx.Insert(storage.Record{Kind: "all", ID: n, Parent: "p"}, key("name", n)); err != nil {
					return fmt.Errorf("%q: %w", n, err)
				}
				if got, err := tx.Next("n" + n); err != nil || got != 1 {
					return fmt.Errorf("next %q: %d, %w", n, got, err)
				}
			}
			return nil
		})
	}
	sorted := slices.Sorted(slices.Values(names))
	for _, ws := range workspaces {
		view(t, s, ws, func(tx storage.ReadTx) error {
			if tx.Workspace() != ws {
				t.Errorf("workspace %q calls itself %q", ws, tx.Workspace())
			}
			for _, n := range names {
				r, err := tx.Get(n, n)
				if err != nil || r.Kind != n || r.ID != n || r.Parent != n || string(r.Body) != `"`+ws+`"` {
					t.Errorf("%q: %+v, %v", n, r, err)
				}
				if r, err = tx.Find(n, n, n); err != nil || r.ID != n {
					t.Errorf("find %q: %+v, %v", n, r, err)
				}
				for _, q := range []storage.Query{
					{Parent: &n},
					{Index: n, Equal: &n},
					{Index: n, Prefix: n},
					{Index: n, Contains: n, Parent: &n},
				} {
					if p, err := tx.List(n, q); err != nil || len(p.Records) != 1 || p.Total != 1 {
						t.Errorf("list %q by %+v: %d of %d, %v", n, q, len(p.Records), p.Total, err)
					}
				}
				var want []string
				for _, other := range sorted {
					if strings.HasPrefix(other, n) {
						want = append(want, other)
					}
				}
				p, err := tx.List("all", storage.Query{Index: "name", Prefix: n})
				if diff := cmp.Diff(want, ids(p.Records)); diff != "" || err != nil {
					t.Errorf("prefix %q: %v %v", n, diff, err)
				}
			}
			p, err := tx.List("all", storage.Query{Index: "name"})
			if diff := cmp.Diff(sorted, ids(p.Records)); diff != "" {
				t.Error("order is not by bytes:", diff)
			}
			return err
		})
	}
}

func testLargeBody(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	body, err := json.Marshal(strings.Repeat("x", 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	update(t, s, "w", func(tx storage.Tx) error {
		_, err := tx.Insert(storage.Record{Kind: "k", ID: "1", Body: body}, nil)
		return err
	})
	for range 2 {
		view(t, s, "w", func(tx storage.ReadTx) error {
			r, err := tx.Get("k", "1")
			if !bytes.Equal(r.Body, body) {
				t.Errorf("%d bytes came back of %d", len(r.Body), len(body))
			}
			return err
		})
	}
}

func testBlobs(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	const ofHello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	large := bytes.Repeat([]byte{0, 1, 0xff}, 700_000)
	var sums []string
	update(t, s, "w", func(tx storage.Tx) error {
		sums = nil
		for _, content := range [][]byte{[]byte("hello"), nil, large, []byte("hello")} {
			sum, err := tx.PutBlob(content)
			if err != nil {
				return err
			}
			sums = append(sums, sum)
		}
		got, err := tx.Blob(sums[0])
		if string(got) != "hello" {
			t.Errorf("in its own transaction: %q", got)
		}
		return err
	})
	if sums[0] != ofHello || sums[3] != ofHello {
		t.Errorf("sums %q", sums)
	}
	view(t, s, "w", func(tx storage.ReadTx) error {
		for i, want := range [][]byte{[]byte("hello"), nil, large} {
			if got, err := tx.Blob(sums[i]); err != nil || !bytes.Equal(got, want) {
				t.Errorf("blob %d: %d bytes, %v", i, len(got), err)
			}
		}
		_, err := tx.Blob(strings.ToUpper(ofHello))
		wantCode(t, "an unknown blob", err, storage.CodeNotFound)
		return nil
	})
	view(t, s, "other", func(tx storage.ReadTx) error {
		_, err := tx.Blob(ofHello)
		wantCode(t, "a blob of another workspace", err, storage.CodeNotFound)
		return nil
	})
	mine := errors.New("mine")
	if err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
		sums[0], _ = tx.PutBlob([]byte("rolled back"))
		return mine
	}); !errors.Is(err, mine) {
		t.Fatal(err)
	}
	view(t, s, "w", func(tx storage.ReadTx) error {
		_, err := tx.Blob(sums[0])
		wantCode(t, "a blob rolled back", err, storage.CodeNotFound)
		return nil
	})
}

func testSequences(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	mine := errors.New("mine")
	draw := func(ws, name string, fail bool) (n int64) {
		err := s.Update(t.Context(), ws, func(tx storage.Tx) (err error) {
			if n, err = tx.Next(name); err == nil && fail {
				return mine
			}
			return err
		})
		if err != nil && !errors.Is(err, mine) {
			t.Fatal(err)
		}
		return n
	}
	var got []int64
	for _, d := range []struct {
		ws, name string
		fail     bool
	}{
		{"w", "a", true}, {"w", "a", false}, {"w", "b", false}, {"w", "a", true}, {"w", "a", false}, {"v", "a", false}, {"w", "a", false},
	} {
		got = append(got, draw(d.ws, d.name, d.fail))
	}
	if want := []int64{1, 1, 1, 2, 2, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("drew %v, want %v", got, want)
	}
	update(t, s, "w", func(tx storage.Tx) error {
		for want := int64(4); want < 8; want++ {
			if n, err := tx.Next("a"); err != nil || n != want {
				t.Errorf("drew %d, %v, want %d", n, err, want)
			}
		}
		return nil
	})
}
