// Package storagetest is the conformance suite that every driver of storage
// passes. A driver's own tests are a few lines that call it, plus what only
// that driver has.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
		{"ClockPutBack", testClockPutBack},
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
		{"ManyCopies", testManyCopies},
		{"CopiesCostTheSame", testCopiesCostTheSame},
		{"LongUpdate", testLongUpdate},
		{"LongUpdateBeside", testLongUpdateBeside},
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
	// Much, one after the other: nothing for the race detector, under which it takes minutes.
	long := []string{"Where", "ManyCopies", "LongUpdate"}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && slices.Contains(long, test.name) {
				t.Skip("takes its time")
			}
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
