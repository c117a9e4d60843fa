package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

func testWorkspaces(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	view(t, s, "ghost", func(tx storage.ReadTx) error {
		_, err := tx.Get("k", "1")
		wantCode(t, "get", err, storage.CodeNotFound)
		_, err = tx.Find("k", "x", "v")
		wantCode(t, "find", err, storage.CodeNotFound)
		_, err = tx.Blob("00")
		wantCode(t, "blob", err, storage.CodeNotFound)
		p, err := tx.List("k", storage.Query{})
		if err != nil || p.Total != 0 || len(p.Records) != 0 || p.Next != "" {
			t.Errorf("list: %+v, %v", p, err)
		}
		n, err := tx.Count("k", "", false)
		if n != 0 {
			t.Errorf("count: %d", n)
		}
		return err
	})
	// The same ids, keys and sequences in each, and what one does the other
	// does not see.
	names := []string{"ghost", "Ghost", "ghost ", "ghost\x00"}
	for _, ws := range names {
		insertN(t, s, ws, "k", 6)
	}
	before := dumpKind(t, s, "Ghost", "k", "name", "even")
	update(t, s, "ghost", func(tx storage.Tx) error {
		for i := range 3 {
			if err := tx.Purge("k", strconv.Itoa(i)); err != nil {
				return err
			}
		}
		r, err := tx.Get("k", "5")
		if err != nil {
			return err
		}
		r.Body, r.Deleted = []byte(`"changed"`), tx.Now()
		_, err = tx.Put(r, nil)
		return err
	})
	if diff := cmp.Diff(before, dumpKind(t, s, "Ghost", "k", "name", "even")); diff != "" {
		t.Error("one workspace changed another:", diff)
	}
	if p := dumpKind(t, s, "ghost", "k")[0]; p.Total != 2 {
		t.Errorf("%d left, want 2", p.Total)
	}
}

func testAtomicity(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	insertN(t, s, "w", "k", 6)
	before := dumpKind(t, s, "w", "k", "name", "even")
	mine := errors.New("mine")
	mess := func(tx storage.Tx) error {
		if _, err := tx.Insert(storage.Record{Kind: "k", ID: "new", Parent: "parent 1"}, key("name", "new")); err != nil {
			return err
		}
		r, err := tx.Get("k", "2")
		if err != nil {
			return err
		}
		r.Deleted = tx.Now()
		if _, err := tx.Put(r, nil); err != nil {
			return err
		}
		if _, err := tx.Next("n"); err != nil {
			return err
		}
		return tx.Purge("k", "3")
	}
	unchanged := func(what string) {
		t.Helper()
		if diff := cmp.Diff(before, dumpKind(t, s, "w", "k", "name", "even")); diff != "" {
			t.Errorf("%s changed something: %s", what, diff)
		}
		update(t, s, "w", func(tx storage.Tx) error {
			_, err := tx.Get("k", "new")
			wantCode(t, what+": get", err, storage.CodeNotFound)
			return nil
		})
	}
	err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
		if err := mess(tx); err != nil {
			return err
		}
		return mine
	})
	if err != mine { //nolint:errorlint // as it is, not wrapped
		t.Errorf("the error of the function became %v", err)
	}
	unchanged("an error")

	for what, value := range map[string]any{"error": mine, "string": "secret", "runtime": nil} {
		err = s.Update(t.Context(), "w", func(tx storage.Tx) error {
			if err := mess(tx); err != nil {
				return err
			}
			if value == nil {
				var nothing *storage.Record
				_ = nothing.ID //nolint:govet // a runtime error is wanted
			}
			panic(value)
		})
		e := wantCode(t, "panic with "+what, err, storage.CodeInternal)
		p, ok := errors.AsType[*storage.PanicError](e)
		if !ok || !strings.Contains(string(p.Stack), "testAtomicity") || value != nil && p.Value != value {
			t.Errorf("panic with %s: %#v", what, e.Err)
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error quotes what was panicked with: %v", err)
		}
		unchanged("a panic with " + what)
	}
	err = s.Update(t.Context(), "new workspace", func(tx storage.Tx) error {
		if _, err := tx.Insert(storage.Record{Kind: "k", ID: "1"}, nil); err != nil {
			return err
		}
		return mine
	})
	if !errors.Is(err, mine) {
		t.Error(err)
	}
	if p := dumpKind(t, s, "new workspace", "k")[0]; p.Total != 0 {
		t.Errorf("%d records in a workspace that was never made", p.Total)
	}
	panicked := func() (v any) {
		defer func() { v = recover() }()
		_ = s.View(t.Context(), "w", func(tx storage.ReadTx) error {
			_, _ = tx.List("k", storage.Query{})
			panic("through")
		})
		return nil
	}()
	if panicked != "through" {
		t.Errorf("the panic of a View became %v", panicked)
	}
	if err := s.View(t.Context(), "w", func(storage.ReadTx) error { return mine }); err != mine { //nolint:errorlint // as it is
		t.Errorf("the error of a View became %v", err)
	}
	// Members of one group do not share each other's fate.
	var wg sync.WaitGroup
	results := make([]error, 60)
	for i := range results {
		wg.Go(func() {
			results[i] = s.Update(context.Background(), "w", func(tx storage.Tx) error {
				if _, err := tx.Insert(storage.Record{Kind: "fate", ID: strconv.Itoa(i)}, nil); err != nil {
					return err
				}
				if _, err := tx.Next("fate"); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return mine
				case 2:
					panic(i)
				}
				return nil
			})
		})
	}
	wg.Wait()
	view(t, s, "w", func(tx storage.ReadTx) error {
		for i, err := range results {
			_, missing := tx.Get("fate", strconv.Itoa(i))
			if (err == nil) != (i%3 == 0) || (missing == nil) != (err == nil) {
				t.Errorf("update %d: %v, and then %v", i, err, missing)
			}
		}
		n, err := tx.Count("fate", "", false)
		if n != 20 {
			t.Errorf("count %d, want 20", n)
		}
		return err
	})
	update(t, s, "w", func(tx storage.Tx) error {
		if n, err := tx.Next("fate"); err != nil || n != 21 {
			t.Errorf("next is %d, %v, want 21", n, err)
		}
		return nil
	})
}

func testReadYourWrites(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	insertN(t, s, "w", "k", 4)
	update(t, s, "w", func(tx storage.Tx) error {
		for _, id := range []string{"a", "b"} {
			if _, err := tx.Insert(storage.Record{Kind: "k", ID: id, Parent: "p", Body: []byte("1")}, key("name", "x"+id)); err != nil {
				return err
			}
		}
		if _, err := tx.Put(storage.Record{Kind: "k", ID: "a", Body: []byte("2")}, key("name", "y")); err != nil {
			return err
		}
		if err := tx.Purge("k", "0"); err != nil {
			return err
		}
		if r, err := tx.Get("k", "a"); err != nil || string(r.Body) != "2" {
			t.Errorf("get: %s, %v", r.Body, err)
		}
		if r, err := tx.Find("k", "name", "y"); err != nil || r.ID != "a" {
			t.Errorf("find: %+v, %v", r, err)
		}
		_, err := tx.Find("k", "name", "xa")
		wantCode(t, "find by the old key", err, storage.CodeNotFound)
		_, err = tx.Get("k", "0")
		wantCode(t, "get of a purged record", err, storage.CodeNotFound)
		p, err := tx.List("k", storage.Query{Descending: true, Limit: 3})
		if diff := cmp.Diff([]string{"b", "a", "3"}, ids(p.Records)); diff != "" || p.Total != 5 || err != nil {
			t.Errorf("list: total %d, %v %s", p.Total, err, diff)
		}
		if n, err := tx.Count("k", "p", false); n != 2 || err != nil {
			t.Errorf("count: %d, %v", n, err)
		}
		return nil
	})
}

func testContext(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	insertN(t, s, "w", "k", 2)
	ended, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	ran := false
	err := s.Update(ended, "w", func(storage.Tx) error { ran = true; return nil })
	wantCode(t, "update", err, storage.CodeUnavailable)
	if !errors.Is(err, context.Canceled) || ran {
		t.Errorf("update with an ended context: %v, ran %v", err, ran)
	}
	err = s.View(ended, "w", func(storage.ReadTx) error { ran = true; return nil })
	if wantCode(t, "view", err, storage.CodeUnavailable); ran {
		t.Error("view with an ended context ran")
	}
	wantCode(t, "ping", s.Ping(ended), storage.CodeUnavailable)
	err = s.UpdateAll(ended, []string{"w", "v"}, func([]storage.Tx) error { ran = true; return nil })
	if wantCode(t, "update of all", err, storage.CodeUnavailable); !errors.Is(err, context.Canceled) || ran {
		t.Errorf("update of all with an ended context: %v, ran %v", err, ran)
	}
	_, err = s.Settings(ended, "w")
	wantCode(t, "settings", err, storage.CodeUnavailable)
	_, err = s.Workspaces(ended, "")
	wantCode(t, "workspaces", err, storage.CodeUnavailable)

	// Ended while waiting for its turn: it does not run.
	blocked, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- s.Update(context.Background(), "w", func(tx storage.Tx) error {
			if _, err := tx.Next("n"); err != nil {
				return err
			}
			close(blocked)
			<-release
			return nil
		})
	}()
	<-blocked
	ctx, stop := context.WithCancel(t.Context())
	second := make(chan error, 1)
	var runs int
	go func() {
		second <- s.Update(ctx, "w", func(storage.Tx) error { runs++; return nil })
	}()
	stop()
	wantCode(t, "an update that waits", <-second, storage.CodeUnavailable)
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	update(t, s, "w", func(storage.Tx) error { return nil }) // everything before it is through
	if runs != 0 {
		t.Error("an update ran after its caller was told that it would not")
	}

	// Ended while it runs: what is committed is reported as such.
	ctx, stop = context.WithCancel(t.Context())
	if err := s.Update(ctx, "w", func(tx storage.Tx) error {
		stop()
		_, err := tx.Next("n")
		return err
	}); err != nil {
		t.Error("ended while it ran:", err)
	}
	ctx, stop = context.WithCancel(t.Context())
	if err := s.View(ctx, "w", func(tx storage.ReadTx) error {
		if _, err := tx.Get("k", "1"); err != nil {
			return err
		}
		_, err := tx.List("k", storage.Query{})
		stop()
		if err != nil {
			return err
		}
		_, err = tx.List("k", storage.Query{Descending: true})
		return err
	}); err != nil {
		t.Error("ended while it was viewed:", err)
	}
	update(t, s, "w", func(tx storage.Tx) error {
		if n, err := tx.Next("n"); err != nil || n != 3 {
			t.Errorf("next is %d, %v, want 3", n, err)
		}
		return nil
	})
}

func testTransactionOver(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	var kept storage.Tx
	var seen storage.ReadTx
	update(t, s, "w", func(tx storage.Tx) error { kept = tx; _, err := tx.Next("n"); return err })
	view(t, s, "w", func(tx storage.ReadTx) error { seen = tx; return nil })
	for _, tx := range []storage.ReadTx{kept, seen} {
		_, err := tx.Get("k", "1")
		wantCode(t, "get", err, storage.CodeInvalid)
		_, err = tx.Find("k", "x", "v")
		wantCode(t, "find", err, storage.CodeInvalid)
		_, err = tx.List("k", storage.Query{})
		wantCode(t, "list", err, storage.CodeInvalid)
		_, err = tx.Count("k", "", false)
		wantCode(t, "count", err, storage.CodeInvalid)
		_, err = tx.Blob("00")
		wantCode(t, "blob", err, storage.CodeInvalid)
		_, err = tx.Last("n")
		wantCode(t, "last", err, storage.CodeInvalid)
		_, err = tx.Settings()
		wantCode(t, "settings", err, storage.CodeInvalid)
	}
	_, err := kept.Insert(storage.Record{Kind: "k", ID: "1"}, nil)
	wantCode(t, "insert", err, storage.CodeInvalid)
	_, err = kept.Put(storage.Record{Kind: "k", ID: "1"}, nil)
	wantCode(t, "put", err, storage.CodeInvalid)
	wantCode(t, "purge", kept.Purge("k", "1"), storage.CodeInvalid)
	_, err = kept.Next("n")
	wantCode(t, "next", err, storage.CodeInvalid)
	_, err = kept.PutBlob(nil)
	wantCode(t, "put blob", err, storage.CodeInvalid)
	wantCode(t, "at least", kept.AtLeast("n", 9), storage.CodeInvalid)
	wantCode(t, "set settings", kept.SetSettings(storage.Settings{}), storage.CodeInvalid)
	wantCode(t, "clear", kept.Clear(), storage.CodeInvalid)
	wantCode(t, "copy", kept.CopyFrom(kept), storage.CodeInvalid)
	if err := s.UpdateAll(t.Context(), []string{"v", "w"}, func(all []storage.Tx) error {
		wantCode(t, "copy from one that is over", all[0].CopyFrom(kept), storage.CodeInvalid)
		kept = all[1]
		return nil
	}); err != nil {
		t.Error(err)
	}
	_, err = kept.Next("n")
	wantCode(t, "next of one of several", err, storage.CodeInvalid)
}

func testClock(t *testing.T, open Open) {
	for _, frozen := range []time.Time{
		time.Date(2026, 11, 21, 1, 2, 3, 456789999, time.FixedZone("elsewhere", -7200)),
		time.Unix(0, 0),
		time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		s := open(t, storage.Options{Now: func() time.Time { return frozen }})
		want := time.UnixMicro(frozen.UnixMicro()).UTC()
		update(t, s, "w", func(tx storage.Tx) error {
			if tx.Now() != want {
				t.Errorf("now is %v, want %v", tx.Now(), want)
			}
			if _, err := widgets.Insert(tx, "1", "", aWidget(1)); err != nil {
				return err
			}
			_, err := widgets.Delete(tx, "1")
			return err
		})
		view(t, s, "w", func(tx storage.ReadTx) error {
			if tx.Now() != want {
				t.Errorf("now is %v, want %v", tx.Now(), want)
			}
			p, err := tx.List("widget", storage.Query{Deleted: true}) // not from a cache
			if err != nil || len(p.Records) != 1 {
				return fmt.Errorf("%d records, %w", len(p.Records), err)
			}
			if r := p.Records[0]; r.Created != want || r.Updated != want || r.Deleted != want {
				t.Errorf("times %v, %v, %v; want %v", r.Created, r.Updated, r.Deleted, want)
			}
			return nil
		})
	}
	s := open(t, storage.Options{Now: steps()})
	var last time.Time
	update(t, s, "w", func(tx storage.Tx) error {
		last = tx.Now()
		if tx.Now() != last {
			t.Error("the clock moves within a transaction")
		}
		return nil
	})
	view(t, s, "w", func(tx storage.ReadTx) error {
		if !tx.Now().After(last) {
			t.Error("the clock stands still")
		}
		return nil
	})
}

// testClockPutBack changes records by a clock that shows an earlier time than before:
// none of their times goes back.
func testClockPutBack(t *testing.T, open Open) {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	s := open(t, storage.Options{Now: func() time.Time { return at }})
	change := func(by time.Duration, fn func(tx storage.Tx) (storage.Item[widget], error)) storage.Meta {
		t.Helper()
		var got storage.Item[widget]
		update(t, s, "w", func(tx storage.Tx) (err error) {
			settings := storage.Settings{Clock: storage.Clock{Offset: by}}
			if err := tx.SetSettings(settings); err != nil {
				return err
			}
			got, err = fn(tx)
			return err
		})
		return got.Meta
	}
	edit := func(w *widget) error { w.Note += "."; return nil }
	made := change(0, func(tx storage.Tx) (storage.Item[widget], error) { return widgets.Insert(tx, "1", "", aWidget(1)) })
	for _, step := range []struct {
		by               time.Duration
		do               func(tx storage.Tx) (storage.Item[widget], error)
		updated, deleted time.Duration // after it was made
	}{
		{-time.Hour, func(tx storage.Tx) (storage.Item[widget], error) { return widgets.Update(tx, "1", edit) }, 0, -1},
		{time.Minute, func(tx storage.Tx) (storage.Item[widget], error) { return widgets.Update(tx, "1", edit) }, time.Minute, -1},
		{time.Second, func(tx storage.Tx) (storage.Item[widget], error) { return widgets.Delete(tx, "1") }, time.Minute, time.Minute},
		{-time.Hour, func(tx storage.Tx) (storage.Item[widget], error) { return widgets.Restore(tx, "1", nil) }, time.Minute, -1},
		{time.Hour, func(tx storage.Tx) (storage.Item[widget], error) { return widgets.Delete(tx, "1") }, time.Hour, time.Hour},
	} {
		got := change(step.by, step.do)
		want := made
		want.Version, want.Updated, want.Deleted = got.Version, made.Updated.Add(step.updated), time.Time{}
		if step.deleted >= 0 {
			want.Deleted = made.Updated.Add(step.deleted)
		}
		if got != want {
			t.Errorf("by a clock of %v: %+v, want %+v", step.by, got, want)
		}
	}
	// Records that come with times of their own, which the clock has not reached or has
	// long passed, and are changed an hour before they came.
	day := 24 * time.Hour
	for i, c := range []struct{ created, updated, deleted, wantCreated, wantUpdated, wantChanged time.Duration }{
		{created: day, wantCreated: day, wantUpdated: day, wantChanged: day},
		{updated: day, wantUpdated: day, wantChanged: day},
		{updated: -day, wantCreated: -day, wantUpdated: -day, wantChanged: -time.Hour},
		{created: -day, wantCreated: -day},
		{created: day, updated: 2 * day, deleted: 3 * day, wantCreated: day, wantUpdated: 2 * day, wantChanged: 3 * day},
		{created: -day, updated: -day, deleted: day, wantCreated: -day, wantUpdated: -day, wantChanged: day},
	} {
		given := func(by time.Duration) time.Time {
			if by == 0 {
				return time.Time{}
			}
			return at.Add(by)
		}
		id := fmt.Sprint("import-", i)
		came := change(0, func(tx storage.Tx) (storage.Item[widget], error) {
			return widgets.Import(tx, storage.Meta{ID: id, Created: given(c.created), Updated: given(c.updated), Deleted: given(c.deleted)}, aWidget(10+i))
		})
		changed := change(-time.Hour, func(tx storage.Tx) (storage.Item[widget], error) {
			if c.deleted != 0 {
				return widgets.Restore(tx, id, nil)
			}
			return widgets.Update(tx, id, edit)
		})
		if !came.Created.Equal(at.Add(c.wantCreated)) || !changed.Created.Equal(came.Created) || !came.Updated.Equal(at.Add(c.wantUpdated)) || !changed.Updated.Equal(at.Add(c.wantChanged)) {
			t.Errorf("%+v: it came as %+v, and was changed to %+v", c, came, changed)
		}
	}
}

func testIDs(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	seen := map[string]bool{}
	update(t, s, "w", func(tx storage.Tx) error {
		for range 100 {
			id := tx.NewID()
			if len(id) != 36 || seen[id] {
				t.Errorf("id %q", id)
			}
			seen[id] = true
		}
		return nil
	})
	s = open(t, storage.Options{NewID: func() string { return "mine" }})
	update(t, s, "w", func(tx storage.Tx) error {
		if id := tx.NewID(); id != "mine" {
			t.Errorf("id %q", id)
		}
		return nil
	})
}
