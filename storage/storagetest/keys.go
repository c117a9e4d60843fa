package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

func key(index, value string) []storage.Key {
	return []storage.Key{{Index: index, Value: value, Unique: true}}
}

func testUnique(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	insert := func(tx storage.Tx, kind, id string, keys []storage.Key) error {
		_, err := tx.Insert(storage.Record{Kind: kind, ID: id, Body: []byte("{}")}, keys)
		return err
	}
	put := func(tx storage.Tx, id string, deleted bool, keys []storage.Key) error {
		r := storage.Record{Kind: "k", ID: id, Body: []byte("{}")}
		if deleted {
			r.Deleted = tx.Now()
		}
		_, err := tx.Put(r, keys)
		return err
	}
	update(t, s, "w", func(tx storage.Tx) error {
		return errors.Join(
			insert(tx, "k", "1", key("x", "v")),
			insert(tx, "k", "2", key("y", "v")),                               // another index
			insert(tx, "other", "1", key("x", "v")),                           // another kind
			insert(tx, "k", "3", []storage.Key{{Index: "x", Value: "v"}}),     // not unique itself
			insert(tx, "k", "4", []storage.Key{{Index: "none", Value: "v"}}),  // never unique
			insert(tx, "k", "4b", []storage.Key{{Index: "none", Value: "v"}}), // never unique
			insert(tx, "k", "4c", key("x", "V")),                              // another value
		)
	})
	update(t, s, "elsewhere", func(tx storage.Tx) error { return insert(tx, "k", "1", key("x", "v")) })
	update(t, s, "w", func(tx storage.Tx) error {
		e := wantCode(t, "insert", insert(tx, "k", "5", key("x", "v")), storage.CodeConflict)
		if e.Index != "x" || e.Kind != "k" || e.ID != "5" {
			t.Errorf("the conflict names %q %q, index %q", e.Kind, e.ID, e.Index)
		}
		if strings.Contains(e.Error(), `"v"`) {
			t.Errorf("the error quotes the value: %v", e)
		}
		e = wantCode(t, "put", put(tx, "2", false, key("x", "v")), storage.CodeConflict)
		if e.Index != "x" {
			t.Errorf("the conflict is in index %q", e.Index)
		}
		wantCode(t, "becoming unique", put(tx, "3", false, key("x", "v")), storage.CodeConflict)
		// Its own key is no conflict, whatever else changes.
		return errors.Join(
			put(tx, "1", false, append(key("x", "v"), storage.Key{Index: "z", Value: "new"})),
			put(tx, "2", true, key("x", "v")), // among the deleted there is no conflict
		)
	})
	update(t, s, "w", func(tx storage.Tx) error {
		wantCode(t, "restore", put(tx, "2", false, key("x", "v")), storage.CodeConflict)
		if err := put(tx, "1", true, key("x", "v")); err != nil {
			return err
		}
		// Free now: the next may have it, and only one.
		if err := insert(tx, "k", "6", key("x", "v")); err != nil {
			return err
		}
		wantCode(t, "restore of the first", put(tx, "1", false, key("x", "v")), storage.CodeConflict)
		wantCode(t, "restore of the second", put(tx, "2", false, key("x", "v")), storage.CodeConflict)
		if err := tx.Purge("k", "6"); err != nil {
			return err
		}
		return put(tx, "2", false, key("x", "v"))
	})
}

func testConflictChangesNothing(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	keysOf := func(n, unique string) []storage.Key {
		return []storage.Key{
			{Index: "first", Value: n},
			{Index: "second", Value: n, Unique: true},
			{Index: "third", Value: unique, Unique: true},
			{Index: "fourth", Value: n},
		}
	}
	update(t, s, "w", func(tx storage.Tx) error {
		for _, n := range []string{"1", "2"} {
			if _, err := tx.Insert(storage.Record{Kind: "k", ID: n, Parent: "p", Body: []byte(n)}, keysOf(n, n)); err != nil {
				return err
			}
		}
		return nil
	})
	before := dumpKind(t, s, "w", "k", "first", "second", "third", "fourth")
	update(t, s, "w", func(tx storage.Tx) error {
		_, err := tx.Insert(storage.Record{Kind: "k", ID: "3", Parent: "p", Body: []byte("3")}, keysOf("3", "1"))
		wantCode(t, "insert", err, storage.CodeConflict)
		_, err = tx.Put(storage.Record{Kind: "k", ID: "2", Body: []byte("new")}, keysOf("new", "1"))
		wantCode(t, "put", err, storage.CodeConflict)
		return nil // the caller goes on
	})
	if diff := cmp.Diff(before, dumpKind(t, s, "w", "k", "first", "second", "third", "fourth")); diff != "" {
		t.Error("a conflict changed something:", diff)
	}
}

// dumpKind is all that can be seen of a kind.
func dumpKind(t testing.TB, s storage.Store, workspace, kind string, indexes ...string) (pages []storage.Page) {
	t.Helper()
	view(t, s, workspace, func(tx storage.ReadTx) error {
		for _, deleted := range []bool{false, true} {
			for _, index := range append([]string{""}, indexes...) {
				page, err := tx.List(kind, storage.Query{Index: index, Deleted: deleted})
				if err != nil {
					return err
				}
				if got, err := tx.Count(kind, "", deleted); err != nil || got != page.Total {
					t.Errorf("count is %d, %v; total is %d", got, err, page.Total)
				}
				pages = append(pages, page)
			}
		}
		return nil
	})
	return pages
}

func testInvalid(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	none := func(storage.Tx) error { return nil }
	noneOfAll := func([]storage.Tx) error { t.Error("it ran"); return nil }
	for what, names := range map[string][]string{
		"no workspaces": {}, "nil workspaces": nil, "an empty name": {"w", ""}, "a name twice": {"w", "v", "w"},
	} {
		wantCode(t, "update of "+what, s.UpdateAll(t.Context(), names, noneOfAll), storage.CodeInvalid)
	}
	_, err := s.Settings(t.Context(), "w", "")
	wantCode(t, "settings of no workspace", err, storage.CodeInvalid)
	err = s.Update(t.Context(), "\xff", func(tx storage.Tx) error { return tx.SetSettings(storage.Settings{}) })
	wantCode(t, "a workspace not in UTF-8", err, storage.CodeInvalid)
	wantCode(t, "update of no workspace", s.Update(t.Context(), "", none), storage.CodeInvalid)
	wantCode(t, "view of no workspace", s.View(t.Context(), "", func(storage.ReadTx) error { return nil }), storage.CodeInvalid)
	update(t, s, "w", func(tx storage.Tx) error {
		for what, r := range map[string]storage.Record{
			"no kind":        {ID: "1"},
			"no id":          {Kind: "k"},
			"kind not UTF-8": {Kind: "\xff", ID: "1"},
			"id not UTF-8":   {Kind: "k", ID: "a\xc3"},
			"bad parent":     {Kind: "k", ID: "1", Parent: "\x80"},
		} {
			_, err := tx.Insert(r, nil)
			wantCode(t, what, err, storage.CodeInvalid)
		}
		for what, keys := range map[string][]storage.Key{
			"no index":           {{Value: "v"}},
			"the same twice":     {{Index: "x", Value: "1"}, {Index: "x", Value: "1", Unique: true}},
			"one of two is long": {{Index: "x", Value: "1"}, {Index: "x", Value: strings.Repeat("v", storage.MaxOneOfMany+1)}},
			"value not UTF-8":    {{Index: "x", Value: "\xff"}},
			"index not UTF-8":    {{Index: "\xff", Value: "v"}},
			"good and then bad":  {{Index: "x", Value: "v"}, {Value: "v"}},
		} {
			_, err := tx.Insert(storage.Record{Kind: "k", ID: "1"}, keys)
			wantCode(t, "insert: "+what, err, storage.CodeInvalid)
			_, err = tx.Put(storage.Record{Kind: "k", ID: "1"}, keys)
			wantCode(t, "put: "+what, err, storage.CodeInvalid)
		}
		for _, name := range []string{"", "\x00", storage.SequenceOfIDs, "a\xff"} {
			_, err := tx.Next(name)
			wantCode(t, fmt.Sprintf("the sequence %q", name), err, storage.CodeInvalid)
		}
		for _, name := range []string{"", "\x00", "\x00other", "a\xff"} {
			wantCode(t, fmt.Sprintf("raising the sequence %q", name), tx.AtLeast(name, 1), storage.CodeInvalid)
		}
		_, err := tx.Get("k", "\xff")
		wantCode(t, "getting what cannot be there", err, storage.CodeNotFound)
		for what, q := range map[string]storage.Query{
			"negative limit":         {Limit: -1},
			"negative offset":        {Offset: -1},
			"equal without index":    {Equal: new("")},
			"prefix without index":   {Prefix: "a"},
			"contains without index": {Contains: "a"},
			"not a cursor":           {After: "what"},
			"not base64":             {After: "?"},
			"cursor of an index":     {After: storage.Query{Index: "x"}.CursorAfter("v", 1)},
			"cursor of no index":     {Index: "x", After: storage.Query{}.CursorAfter("", 1)},
			"cursor of another":      {Index: "x", After: storage.Query{Index: "y"}.CursorAfter("v", 1)},
			"cursor turned round":    {After: storage.Query{Descending: true}.CursorAfter("", 1)},
		} {
			_, err := tx.List("k", q)
			wantCode(t, what, err, storage.CodeInvalid)
		}
		return nil
	})
	if pages := dumpKind(t, s, "w", "k"); pages[0].Total != 0 || len(pages[0].Records) != 0 {
		t.Errorf("something was written: %+v", pages[0])
	}
}
