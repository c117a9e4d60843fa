package storagetest

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

// manual is a clock that stands until it is set.
type manual struct {
	mu sync.Mutex
	at time.Time
}

func (m *manual) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (m *manual) set(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = at
}

func settingsOf(t testing.TB, s storage.Store, workspaces ...string) []storage.Settings {
	t.Helper()
	got, err := s.Settings(context.Background(), workspaces...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func setSettings(t testing.TB, s storage.Store, workspace string, settings storage.Settings) {
	t.Helper()
	update(t, s, workspace, func(tx storage.Tx) error { return tx.SetSettings(settings) })
}

func namesOf(t testing.TB, s storage.Store, prefix string) []string {
	t.Helper()
	names, err := s.Workspaces(context.Background(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func testInsertTimes(t *testing.T, open Open) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := open(t, storage.Options{Now: func() time.Time { return now }})
	early := time.Date(1969, 7, 20, 20, 17, 40, 123456789, time.FixedZone("elsewhere", -7200))
	late := time.Date(2345, 6, 7, 8, 9, 10, 999999999, time.UTC)
	micro := func(at time.Time) time.Time { return time.UnixMicro(at.UnixMicro()).UTC() }
	want := []storage.Record{
		{Kind: "k", ID: "both", Created: micro(early), Updated: micro(late), Seq: 1, Version: 1, Body: []byte("1")},
		{Kind: "k", ID: "created", Created: micro(late), Updated: now, Seq: 2, Version: 1, Body: []byte("1")},
		{Kind: "k", ID: "updated", Created: now, Updated: micro(early), Seq: 3, Version: 1, Body: []byte("1")},
	}
	update(t, s, "w", func(tx storage.Tx) error {
		for i, r := range []storage.Record{
			{Kind: "k", ID: "both", Created: early, Updated: late},
			{Kind: "k", ID: "created", Created: late},
			{Kind: "k", ID: "updated", Updated: early},
		} {
			r.Body = []byte("1")
			got, err := tx.Insert(r, nil)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want[i], got); diff != "" || got.Created.Location() != time.UTC {
				t.Errorf("inserted %s: %s", r.ID, diff)
			}
		}
		return nil
	})
	if diff := cmp.Diff(want, dumpKind(t, s, "w", "k")[0].Records); diff != "" {
		t.Error("listed:", diff)
	}
	update(t, s, "w", func(tx storage.Tx) error {
		r, err := tx.Put(want[0], nil)
		if err == nil && (!r.Updated.Equal(want[0].Updated) || !r.Created.Equal(want[0].Created)) {
			t.Errorf("put: created %v, updated %v", r.Created, r.Updated)
		}
		return err
	})
}

func testLastAndAtLeast(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	last := func(what, name string, want int64) {
		t.Helper()
		view(t, s, "w", func(tx storage.ReadTx) error {
			if n, err := tx.Last(name); err != nil || n != want {
				t.Errorf("%s: last is %d, %v; want %d", what, n, err, want)
			}
			return nil
		})
	}
	last("no workspace", "a", 0)
	// Nothing to raise is nothing to write.
	update(t, s, "w", func(tx storage.Tx) error { return errors.Join(tx.AtLeast("a", 0), tx.AtLeast("a", -7)) })
	if names := namesOf(t, s, ""); len(names) != 0 {
		t.Errorf("workspaces %q", names)
	}
	update(t, s, "w", func(tx storage.Tx) error {
		for _, step := range []struct{ raise, next int64 }{{0, 1}, {1, 2}, {10, 11}, {10, 12}, {-1, 13}, {math.MinInt64, 14}} {
			if err := tx.AtLeast("a", step.raise); err != nil {
				return err
			}
			if n, err := tx.Next("a"); err != nil || n != step.next {
				t.Errorf("at least %d: next is %d, %v; want %d", step.raise, n, err, step.next)
			}
			if n, err := tx.Last("a"); err != nil || n != step.next {
				t.Errorf("in the transaction, last is %d, %v; want %d", n, err, step.next)
			}
		}
		if err := tx.AtLeast("high", math.MaxInt64-1); err != nil {
			return err
		}
		if n, err := tx.Next("high"); err != nil || n != math.MaxInt64 {
			t.Errorf("next is %d, %v", n, err)
		}
		_, err := tx.Insert(storage.Record{Kind: "a", ID: "1"}, nil)
		return err
	})
	last("drawn", "a", 14)
	last("raised", "high", math.MaxInt64)
	for _, name := range []string{"never", "A", "", "\x00", "\xff", storage.SequenceOfIDs} {
		last("never drawn: "+name, name, 0)
	}
	mine := errors.New("mine")
	if err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
		if err := tx.AtLeast("a", 1000); err != nil {
			return err
		}
		return mine
	}); !errors.Is(err, mine) {
		t.Error(err)
	}
	last("rolled back", "a", 14)
}

func testSettings(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	if got := settingsOf(t, s); len(got) != 0 {
		t.Errorf("settings of nothing: %v", got)
	}
	zero := storage.Settings{}
	if diff := cmp.Diff([]storage.Settings{zero, zero}, settingsOf(t, s, "w", "\xff")); diff != "" {
		t.Error("of unknown workspaces:", diff)
	}
	view(t, s, "w", func(tx storage.ReadTx) error {
		got, err := tx.Settings()
		if diff := cmp.Diff(zero, got); diff != "" {
			t.Error("in a view of an unknown workspace:", diff)
		}
		return err
	})
	if names := namesOf(t, s, ""); len(names) != 0 {
		t.Errorf("looking made the workspaces %q", names)
	}
	// The zero value is a write like any other.
	setSettings(t, s, "zero", zero)
	if names := namesOf(t, s, ""); !slices.Equal(names, []string{"zero"}) {
		t.Errorf("workspaces %q, want zero", names)
	}
	for _, want := range []storage.Settings{
		{Data: `{"a":1}`},
		{Data: "\x00日本語\n\U0010ffff"},
		{Clock: storage.Clock{Offset: -time.Nanosecond}},
		{Clock: storage.Clock{Offset: math.MaxInt64}},
		{Clock: storage.Clock{Offset: math.MinInt64}, IDs: storage.IDs{Seed: 5}},
		{Clock: storage.Clock{}.Freeze(time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC))},
		{Clock: storage.Clock{}.Freeze(time.Unix(0, 0))},
		{Clock: storage.Clock{}.Freeze(time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC))},
		{IDs: storage.IDs{Source: storage.IDsSeeded, Seed: math.MinInt64}},
		{IDs: storage.IDs{Source: storage.IDsSequential, Seed: math.MaxInt64}, Data: "x"},
		{},
	} {
		update(t, s, "w", func(tx storage.Tx) error {
			if err := tx.SetSettings(want); err != nil {
				return err
			}
			got, err := tx.Settings()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("in the transaction:", diff)
			}
			return err
		})
		// Before any View, which might fetch them.
		if diff := cmp.Diff([]storage.Settings{zero, want, zero, want}, settingsOf(t, s, "nobody", "w", "zero", "w")); diff != "" {
			t.Error("right after the update:", diff)
		}
		view(t, s, "w", func(tx storage.ReadTx) error {
			got, err := tx.Settings()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("in a view:", diff)
			}
			return err
		})
	}

	// A frozen clock stands where it is said to, to the microsecond.
	at := time.Date(2001, 2, 3, 4, 5, 6, 777777777, time.FixedZone("elsewhere", 3600))
	cut := storage.Settings{Clock: storage.Clock{Frozen: true, At: time.UnixMicro(at.UnixMicro()).UTC()}}
	update(t, s, "w", func(tx storage.Tx) error {
		if err := tx.SetSettings(storage.Settings{Clock: storage.Clock{Frozen: true, At: at}}); err != nil {
			return err
		}
		got, err := tx.Settings()
		if diff := cmp.Diff(cut, got); diff != "" {
			t.Error("in the transaction, the clock stands elsewhere:", diff)
		}
		return err
	})
	if diff := cmp.Diff([]storage.Settings{cut}, settingsOf(t, s, "w")); diff != "" {
		t.Error("the clock stands elsewhere:", diff)
	}

	good := storage.Settings{Data: "good", IDs: storage.IDs{Source: storage.IDsSeeded, Seed: 1}}
	setSettings(t, s, "w", good)
	bad := map[string]storage.Settings{
		"data not UTF-8":      {Data: "\xff"},
		"unknown source":      {IDs: storage.IDs{Source: "what"}},
		"clock out of range":  {Clock: storage.Clock{Frozen: true, At: time.Date(10_001, 1, 1, 0, 0, 0, 0, time.UTC)}},
		"clock before year 1": {Clock: storage.Clock{Frozen: true, At: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}},
	}
	update(t, s, "w", func(tx storage.Tx) error {
		for what, settings := range bad {
			wantCode(t, what, tx.SetSettings(settings), storage.CodeInvalid)
		}
		return nil // the caller goes on
	})
	update(t, s, "never", func(tx storage.Tx) error {
		for what, settings := range bad {
			wantCode(t, what, tx.SetSettings(settings), storage.CodeInvalid)
		}
		return nil
	})
	mine := errors.New("mine")
	for range 2 {
		if err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
			if err := tx.SetSettings(storage.Settings{Data: "rolled back"}); err != nil {
				return err
			}
			return mine
		}); !errors.Is(err, mine) {
			t.Error(err)
		}
		if diff := cmp.Diff([]storage.Settings{good}, settingsOf(t, s, "w")); diff != "" {
			t.Error("after what failed:", diff)
		}
	}
	if names := namesOf(t, s, ""); !slices.Equal(names, []string{"w", "zero"}) {
		t.Errorf("workspaces %q", names)
	}
}

func testSettingsClock(t *testing.T, open Open) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.FixedZone("elsewhere", 3600))
	micro := func(at time.Time) time.Time { return time.UnixMicro(at.UnixMicro()).UTC() }
	frozen := time.Date(2001, 2, 3, 4, 5, 6, 777777999, time.FixedZone("elsewhere", -3600))
	for what, test := range map[string]struct {
		clock  storage.Clock
		now    time.Time
		moving bool
	}{
		"nobody touched": {storage.Clock{}, micro(start), true},
		"ahead":          {storage.Clock{Offset: time.Hour + 999*time.Nanosecond}, micro(start.Add(time.Hour + 999*time.Nanosecond)), true},
		"behind":         {storage.Clock{}.Advance(-48 * time.Hour), micro(start.Add(-48 * time.Hour)), true},
		"frozen":         {storage.Clock{Frozen: true, At: frozen}, micro(frozen), false},
		"advanced":       {storage.Clock{}.Freeze(frozen).Advance(time.Minute), micro(frozen).Add(time.Minute), false},
		"running again":  {storage.Clock{}.Freeze(frozen).Run(start), micro(start.Add(micro(frozen).Sub(start))), true},
	} {
		clock := &manual{at: start}
		s := open(t, storage.Options{Now: clock.now})
		update(t, s, "w", func(tx storage.Tx) error {
			if got := tx.Now(); got != micro(start) {
				t.Errorf("%s: before, now is %v", what, got)
			}
			if err := tx.SetSettings(storage.Settings{Clock: test.clock}); err != nil {
				return err
			}
			// At once, and for what is written.
			if got := tx.Now(); got != test.now {
				t.Errorf("%s: now is %v at once, want %v", what, got, test.now)
			}
			r, err := tx.Insert(storage.Record{Kind: "k", ID: "1", Body: []byte("1")}, nil)
			if err == nil && (r.Created != test.now || r.Updated != test.now) {
				t.Errorf("%s: created %v, updated %v, want %v", what, r.Created, r.Updated, test.now)
			}
			return err
		})
		clock.set(start.Add(time.Second))
		later := test.now
		if test.moving {
			later = later.Add(time.Second)
		}
		update(t, s, "w", func(tx storage.Tx) error {
			if tx.Now() != later {
				t.Errorf("%s: later, now is %v, want %v", what, tx.Now(), later)
			}
			if _, err := widgets.Insert(tx, "1", "", aWidget(1)); err != nil {
				return err
			}
			if _, err := widgets.Delete(tx, "1"); err != nil {
				return err
			}
			_, err := tx.Put(storage.Record{Kind: "k", ID: "1", Body: []byte("2")}, nil)
			return err
		})
		view(t, s, "w", func(tx storage.ReadTx) error {
			if tx.Now() != later {
				t.Errorf("%s: in a view, now is %v, want %v", what, tx.Now(), later)
			}
			k, err := tx.List("k", storage.Query{})
			if err != nil {
				return err
			}
			w, err := tx.List("widget", storage.Query{Deleted: true})
			if err != nil {
				return err
			}
			if r := k.Records[0]; r.Created != test.now || r.Updated != later {
				t.Errorf("%s: created %v and updated %v, want %v and %v", what, r.Created, r.Updated, test.now, later)
			}
			if r := w.Records[0]; r.Created != later || r.Updated != later || r.Deleted != later {
				t.Errorf("%s: created %v, updated %v and deleted %v, want %v", what, r.Created, r.Updated, r.Deleted, later)
			}
			return nil
		})
		// The others go by their own clocks, and a copy by its new one.
		updateAll(t, s, []string{"other", "w"}, func(all []storage.Tx) error {
			untouched := micro(start.Add(time.Second))
			if all[0].Now() != untouched || all[1].Now() != later {
				t.Errorf("%s: now is %v and %v, want %v and %v", what, all[0].Now(), all[1].Now(), untouched, later)
			}
			if err := all[0].CopyFrom(all[1]); err != nil {
				return err
			}
			if all[0].Now() != later {
				t.Errorf("%s: copied, now is %v, want %v", what, all[0].Now(), later)
			}
			if err := all[1].Clear(); err != nil {
				return err
			}
			if all[1].Now() != untouched {
				t.Errorf("%s: cleared, now is %v, want %v", what, all[1].Now(), untouched)
			}
			return nil
		})
	}
	// Within a transaction time stands still, also when the clock was set.
	s := open(t, storage.Options{Now: steps()})
	updateAll(t, s, []string{"a", "b"}, func(all []storage.Tx) error {
		at := all[0].Now()
		if all[1].Now() != at {
			t.Errorf("two clocks in one transaction: %v and %v", at, all[1].Now())
		}
		if err := all[0].SetSettings(storage.Settings{Clock: storage.Clock{Offset: time.Hour}}); err != nil {
			return err
		}
		if got := all[0].Now(); got != at.Add(time.Hour) || all[0].Now() != got {
			t.Errorf("an hour after %v it is %v", at, got)
		}
		return nil
	})
}

// draw draws n ids in one transaction.
func draw(t testing.TB, s storage.Store, workspace string, n int) (got []string) {
	t.Helper()
	update(t, s, workspace, func(tx storage.Tx) error {
		got = nil
		for range n {
			got = append(got, tx.NewID())
		}
		return nil
	})
	return got
}

func testSettingsIDs(t *testing.T, open Open) {
	mine := errors.New("mine")
	for _, source := range []storage.IDs{
		{Source: storage.IDsSequential}, {Source: storage.IDsSequential, Seed: 7}, {Source: storage.IDsSeeded, Seed: -7},
	} {
		var runs [2][]string
		for i := range runs {
			s := open(t, storage.Options{})
			setSettings(t, s, "w", storage.Settings{IDs: source})
			got := draw(t, s, "w", 3)
			// What is drawn and not committed is drawn again.
			if err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
				if id := tx.NewID(); id != source.ID(4) {
					t.Errorf("%+v: drew %s, want %s", source, id, source.ID(4))
				}
				return mine
			}); !errors.Is(err, mine) {
				t.Error(err)
			}
			err := s.Update(t.Context(), "w", func(tx storage.Tx) error {
				if _, err := tx.Insert(storage.Record{Kind: "k", ID: tx.NewID()}, key("x", "v")); err != nil {
					return err
				}
				_, err := tx.Insert(storage.Record{Kind: "k", ID: tx.NewID()}, key("x", "v"))
				return err
			})
			wantCode(t, "a unique key twice", err, storage.CodeConflict)
			// A conflict that the transaction survives costs its id and no more.
			update(t, s, "w", func(tx storage.Tx) error {
				r, err := tx.Insert(storage.Record{Kind: "k", ID: tx.NewID()}, key("x", "v"))
				if err != nil {
					return err
				}
				if r.ID != source.ID(4) {
					t.Errorf("%+v: after what failed, drew %s, want %s", source, r.ID, source.ID(4))
				}
				_, err = tx.Insert(storage.Record{Kind: "k", ID: tx.NewID()}, key("x", "v"))
				wantCode(t, "a unique key twice", err, storage.CodeConflict)
				n, err := tx.Last(storage.SequenceOfIDs)
				if n != 5 {
					t.Errorf("%+v: %d ids were drawn, want 5", source, n)
				}
				got = append(got, source.ID(4), source.ID(5))
				return err
			})
			got = append(got, draw(t, s, "w", 2)...)
			for n, id := range got {
				if want := source.ID(int64(n) + 1); id != want {
					t.Errorf("%+v: id %d is %s, want %s", source, n+1, id, want)
				}
			}
			update(t, s, "w", func(tx storage.Tx) error { return tx.AtLeast(storage.SequenceOfIDs, 100) })
			if next := draw(t, s, "w", 1); next[0] != source.ID(101) {
				t.Errorf("%+v: raised to 100, drew %s", source, next[0])
			}
			// Another source goes on where the one before was, a copy where its
			// original was, each for itself.
			other := storage.IDs{Source: storage.IDsSeeded, Seed: 99}
			setSettings(t, s, "w", storage.Settings{IDs: other})
			if next := draw(t, s, "w", 1); next[0] != other.ID(102) {
				t.Errorf("%+v: with another source, drew %s", source, next[0])
			}
			updateAll(t, s, []string{"w", "copy"}, func(all []storage.Tx) error {
				if err := all[1].CopyFrom(all[0]); err != nil {
					return err
				}
				if id := all[1].NewID(); id != other.ID(103) {
					t.Errorf("%+v: the copy drew %s", source, id)
				}
				return nil
			})
			for _, ws := range []string{"w", "copy"} {
				want := other.ID(103)
				if ws == "copy" {
					want = other.ID(104)
				}
				if next := draw(t, s, ws, 1); next[0] != want {
					t.Errorf("%+v: after copying, %s drew %s, want %s", source, ws, next[0], want)
				}
			}
			runs[i] = got
		}
		if diff := cmp.Diff(runs[0], runs[1]); diff != "" {
			t.Errorf("%+v: two runs differ: %s", source, diff)
		}
	}
	// Random ones are the store's own, and nobody counts them.
	s := open(t, storage.Options{NewID: func() string { return "mine" }})
	if got := draw(t, s, "w", 2); !slices.Equal(got, []string{"mine", "mine"}) {
		t.Errorf("random ids %q", got)
	}
	if names := namesOf(t, s, ""); len(names) != 0 {
		t.Errorf("an id made the workspaces %q", names)
	}
	update(t, s, "w", func(tx storage.Tx) error {
		if err := tx.SetSettings(storage.Settings{Data: "x"}); err != nil {
			return err
		}
		id := tx.NewID()
		if n, err := tx.Last(storage.SequenceOfIDs); err != nil || n != 0 || id != "mine" {
			t.Errorf("drew %s, and then %d were counted, %v", id, n, err)
		}
		return nil
	})
	update(t, s, "w", func(tx storage.Tx) error {
		if err := tx.SetSettings(storage.Settings{IDs: storage.IDs{Source: storage.IDsSequential}}); err != nil {
			return err
		}
		if id := tx.NewID(); id != (storage.IDs{Source: storage.IDsSequential}).ID(1) {
			t.Errorf("not at once: %s", id)
		}
		return tx.Clear()
	})
	if got := draw(t, s, "w", 1); got[0] != "mine" {
		t.Errorf("cleared, drew %q", got)
	}
}

// persistentSettings is the part of Persistent about settings and whole workspaces.
func persistentSettings(t *testing.T, open func(t testing.TB, dir string, o storage.Options) storage.Store) {
	t.Helper()
	dir := t.TempDir()
	clock := &manual{at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	o := storage.Options{Now: clock.now}
	s := open(t, dir, o)
	settings := map[string]storage.Settings{
		"counting": {IDs: storage.IDs{Source: storage.IDsSequential, Seed: 3}, Data: "{\"x\":\"\x00\"}"},
		"frozen": {
			Clock: storage.Clock{}.Freeze(time.Date(1999, 12, 31, 23, 59, 59, 999999000, time.UTC)),
			IDs:   storage.IDs{Source: storage.IDsSeeded, Seed: -1},
		},
		"ahead": {Clock: storage.Clock{Offset: 1234567891}},
		"zero":  {},
	}
	for ws, want := range settings {
		setSettings(t, s, ws, want)
		draw(t, s, ws, 3)
	}
	updateAll(t, s, []string{"gone", "made", "copied", "emptied", "counting"}, func(all []storage.Tx) error {
		for _, tx := range all[:4] {
			if err := fill(tx); err != nil {
				return err
			}
		}
		return errors.Join(all[2].CopyFrom(all[1]), all[3].CopyFrom(all[4]))
	})
	// In a transaction of their own, so that there is something to remove.
	updateAll(t, s, []string{"emptied", "gone"}, func(all []storage.Tx) error {
		return errors.Join(all[1].Clear(), all[0].CopyFrom(all[1]))
	})
	names := []string{"ahead", "copied", "counting", "frozen", "made", "zero"}
	look := func() (dumps []dump) {
		if got := namesOf(t, s, ""); !slices.Equal(got, names) {
			t.Errorf("workspaces %q, want %q", got, names)
		}
		for _, ws := range append([]string{"gone", "emptied"}, names...) {
			dumps = append(dumps, dumpOf(t, s, ws))
		}
		return dumps
	}
	before := look()
	if diff := before[3].differs(before[6]); diff != "" { // copied and made
		t.Error("the copy:", diff)
	}
	for round := range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, o)
		for ws, want := range settings {
			if diff := cmp.Diff([]storage.Settings{want}, settingsOf(t, s, ws)); diff != "" {
				t.Errorf("the settings of %s changed by reopening: %s", ws, diff)
			}
			if want.IDs.Source == storage.IDsRandom {
				continue
			}
			if id := draw(t, s, ws, 1)[0]; id != want.IDs.ID(int64(4+round)) {
				t.Errorf("%s continues with %s", ws, id)
			}
			update(t, s, ws, func(tx storage.Tx) error {
				if now := want.Clock.Now(clock.now()); tx.Now() != now {
					t.Errorf("%s: now is %v, want %v", ws, tx.Now(), now)
				}
				return nil
			})
		}
		after := look()
		for i, w := range after {
			if len(w.Counts) == 0 {
				t.Fatal("nothing was looked at")
			}
			w.Sequences[storage.SequenceOfIDs] = before[i].Sequences[storage.SequenceOfIDs] // just drawn
			if diff := before[i].differs(w); diff != "" {
				t.Error("a workspace changed by reopening:", diff)
			}
		}
	}
	update(t, s, "gone", func(tx storage.Tx) error {
		r, err := tx.Insert(storage.Record{Kind: "k", ID: "1"}, key("slug", "1"))
		if err == nil && r.Seq != 1 {
			t.Errorf("the first record of a cleared workspace has the number %d", r.Seq)
		}
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
