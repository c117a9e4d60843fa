// Package storagetest is the conformance suite that every driver of storage
// passes. A driver's own tests are a few lines that call it, plus what only
// that driver has.
package storagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

// Open opens an empty store for a test, and closes it when the test ends.
type Open func(t testing.TB, o storage.Options) storage.Store

// Run holds a driver to the contract in the comments of storage.
func Run(t *testing.T, open Open) {
	tests := []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"Record", testRecord},
		{"Collection", testCollection},
		{"CollectionErrors", testCollectionErrors},
		{"RunTwice", testRunTwice},
		{"Unique", testUnique},
		{"ConflictChangesNothing", testConflictChangesNothing},
		{"Invalid", testInvalid},
		{"OddNames", testOddNames},
		{"InsertTimes", testInsertTimes},
		{"LargeBody", testLargeBody},
		{"Blobs", testBlobs},
		{"Sequences", testSequences},
		{"LastAndAtLeast", testLastAndAtLeast},
		{"Order", testOrder},
		{"Search", testSearch},
		{"Where", testWhere},
		{"Collections", testCollections},
		{"Cursors", testCursors},
		{"CursorsUnderChange", testCursorsUnderChange},
		{"Model", testModel},
		{"Workspaces", testWorkspaces},
		{"Atomicity", testAtomicity},
		{"ReadYourWrites", testReadYourWrites},
		{"Context", testContext},
		{"TransactionOver", testTransactionOver},
		{"Clock", testClock},
		{"IDs", testIDs},
		{"Settings", testSettings},
		{"SettingsClock", testSettingsClock},
		{"SettingsIDs", testSettingsIDs},
		{"WorkspaceNames", testWorkspaceNames},
		{"UpdateAll", testUpdateAll},
		{"UpdateAllFails", testUpdateAllFails},
		{"UpdateAllConcurrent", testUpdateAllConcurrent},
		{"Clear", testClear},
		{"CopyFrom", testCopyFrom},
		{"CopyFromWithin", testCopyFromWithin},
		{"CopyFromCounted", testCopyFromCounted},
		{"WorkspacesModel", testWorkspacesModel},
		{"Alarms", testAlarms},
		{"AlarmsFollowClock", testAlarmsFollowClock},
		{"Timers", testTimers},
		{"AlarmsOfWorkspaces", testAlarmsOfWorkspaces},
		{"AlarmsChanged", testAlarmsChanged},
		{"OneDeleteWins", testOneDeleteWins},
		{"ConcurrentNext", testConcurrentNext},
		{"ConcurrentInserts", testConcurrentInserts},
		{"Snapshots", testSnapshots},
		{"SnapshotStays", testSnapshotStays},
		{"Closed", testClosed},
		{"CloseWaits", testCloseWaits},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open)
		})
	}
}

// Persistent holds a driver that outlives its process to what that means. open
// opens the store kept under dir, and leaves closing it to the suite.
func Persistent(t *testing.T, open func(t testing.TB, dir string, o storage.Options) storage.Store) {
	dir := t.TempDir()
	clock := time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)
	o := storage.Options{Now: func() time.Time { return clock }}
	s := open(t, dir, o)
	var sum string
	for _, ws := range []string{"one", "two"} {
		update(t, s, ws, func(tx storage.Tx) error {
			for i := range 5 {
				if _, err := widgets.Insert(tx, strconv.Itoa(i), "p", aWidget(i)); err != nil {
					return err
				}
			}
			if _, err := widgets.Delete(tx, "1"); err != nil {
				return err
			}
			if err := tx.Purge("widget", "4"); err != nil {
				return err
			}
			if _, err := tx.Next("n"); err != nil {
				return err
			}
			var err error
			sum, err = tx.PutBlob([]byte(ws))
			return errors.Join(err, tx.SetAlarm("rings", clock), tx.SetAlarm("rings later", clock.Add(time.Hour)))
		})
	}
	type state struct {
		Living, Deleted, ByName storage.Page
		Count                   int64
		Blob                    []byte
	}
	look := func(s storage.Store, ws string) (st state) {
		view(t, s, ws, func(tx storage.ReadTx) error {
			var errs [5]error
			st.Living, errs[0] = tx.List("widget", storage.Query{})
			st.Deleted, errs[1] = tx.List("widget", storage.Query{Deleted: true})
			st.ByName, errs[2] = tx.List("widget", storage.Query{Index: "name", Descending: true, Limit: 2})
			st.Count, errs[3] = tx.Count("widget", "p", false)
			if ws == "two" {
				st.Blob, errs[4] = tx.Blob(sum)
			}
			return errors.Join(errs[:]...)
		})
		return st
	}
	one, two := look(s, "one"), look(s, "two")
	if len(one.Living.Records) != 3 || one.Count != 3 || len(one.Deleted.Records) != 1 {
		t.Fatalf("before closing: %+v", one)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, o)
		if diff := cmp.Diff(one, look(s, "one")); diff != "" {
			t.Error("workspace one changed by reopening:", diff)
		}
		if diff := cmp.Diff(two, look(s, "two")); diff != "" {
			t.Error("workspace two changed by reopening:", diff)
		}
		if got, next := ringing(t, s, 9); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"one rings", "two rings"}) || next != time.Hour {
			t.Errorf("after reopening, these ring: %q, and the next after %v", got, next)
		}
	}
	update(t, s, "one", func(tx storage.Tx) error {
		n, err := tx.Next("n")
		if err == nil && n != 2 {
			t.Errorf("the sequence continues with %d, want 2", n)
		}
		if err != nil {
			return err
		}
		item, err := widgets.Insert(tx, "4", "p", aWidget(4)) // its id was purged
		if err == nil && item.Seq <= one.Living.Records[2].Seq+1 {
			t.Errorf("the sequence number %d of a purged record was used again", item.Seq)
		}
		if err != nil {
			return err
		}
		if _, err = widgets.Insert(tx, "9", "p", aWidget(2)); !storage.IsConflict(err) {
			t.Errorf("a taken unique key: %v, want a conflict", err)
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	persistentSettings(t, open)
}

// Twice wraps a store so that the function of every Update runs twice, the
// first time for nothing, as a driver that retries may do. A function that is
// not safe to run twice shows.
func Twice(s storage.Store) storage.Store { return twice{s} }

type twice struct{ storage.Store }

var errAgain = errors.New("run it again")

// Update runs fn, rolls back, and runs it again.
func (s twice) Update(ctx context.Context, workspace string, fn func(storage.Tx) error) error {
	err := s.Store.Update(ctx, workspace, func(tx storage.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return s.Store.Update(ctx, workspace, fn)
}

// UpdateAll does the same.
func (s twice) UpdateAll(ctx context.Context, workspaces []string, fn func([]storage.Tx) error) error {
	err := s.Store.UpdateAll(ctx, workspaces, func(all []storage.Tx) error {
		if err := fn(all); err != nil {
			return err
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return s.Store.UpdateAll(ctx, workspaces, fn)
}

func update(t testing.TB, s storage.Store, workspace string, fn func(storage.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), workspace, fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s storage.Store, workspace string, fn func(storage.ReadTx) error) {
	t.Helper()
	if err := s.View(context.Background(), workspace, fn); err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, what string, err error, kind storage.Code) *storage.Error {
	t.Helper()
	e, ok := errors.AsType[*storage.Error](err)
	if !ok {
		t.Errorf("%s: %v, want a *storage.Error of kind %v", what, err, kind)
		return &storage.Error{}
	}
	if e.Code != kind || storage.CodeOf(err) != kind {
		t.Errorf("%s: %v, want kind %v", what, err, kind)
	}
	return e
}

// insertN inserts n records of a kind with keys in the indexes "name" (by
// number) and "even".
func insertN(t testing.TB, s storage.Store, workspace, kind string, n int) {
	t.Helper()
	update(t, s, workspace, func(tx storage.Tx) error {
		for i := range n {
			keys := []storage.Key{
				{Index: "name", Value: fmt.Sprintf("name %04d", i)},
				{Index: "even", Value: strconv.FormatBool(i%2 == 0)},
			}
			r := storage.Record{Kind: kind, ID: strconv.Itoa(i), Body: []byte(strconv.Itoa(i))}
			if i%3 > 0 {
				r.Parent = "parent " + strconv.Itoa(i%3)
			}
			if _, err := tx.Insert(r, keys); err != nil {
				return err
			}
		}
		return nil
	})
}

func ids(records []storage.Record) []string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = r.ID
	}
	return out
}

// steps is a clock that moves on by a second and a bit with every reading.
func steps() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("elsewhere", 3600))
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second + 1234567*time.Nanosecond)
		return now
	}
}

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
