package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fixed is a clock that stands still.
func fixed() time.Time { return noon }

// ringing is what rings in a store, as "workspace name", and when the next will.
func ringing(t *testing.T, s storage.Store, limit int, except ...string) ([]string, time.Duration) {
	t.Helper()
	alarms, next, err := s.Alarms(t.Context(), limit, except...)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(alarms))
	for i, a := range alarms {
		names[i] = a.Workspace + " " + a.Name
	}
	return names, next
}

func wantRinging(t *testing.T, what string, s storage.Store, want ...string) {
	t.Helper()
	got, _ := ringing(t, s, 100)
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
	// Each says so itself.
	for _, ws := range []string{"a", "b", "c"} {
		view(t, s, ws, func(tx storage.ReadTx) error {
			for _, name := range []string{"1", "2", "3"} {
				rings, err := tx.Rings(name)
				if err != nil || rings != slices.Contains(got, ws+" "+name) {
					t.Errorf("%s: %s %s rings: %v, %v", what, ws, name, rings, err)
				}
			}
			return nil
		})
	}
}

func setAlarm(t *testing.T, s storage.Store, ws, name string, at time.Time) {
	t.Helper()
	update(t, s, ws, func(tx storage.Tx) error { return tx.SetAlarm(name, at) })
}

func testAlarms(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: fixed})
	wantRinging(t, "nothing set", s)
	setAlarm(t, s, "a", "1", noon)
	setAlarm(t, s, "a", "2", noon.Add(time.Microsecond))
	setAlarm(t, s, "b", "1", noon.Add(-time.Hour))
	setAlarm(t, s, "c", "1", noon.Add(-time.Minute))
	wantRinging(t, "set", s, "b 1", "c 1", "a 1")
	if _, next := ringing(t, s, 1); next != time.Microsecond {
		t.Errorf("the next rings after %v", next)
	}
	if got, _ := ringing(t, s, 2); !slices.Equal(got, []string{"b 1", "c 1"}) {
		t.Errorf("two of them: %q", got)
	}
	if got, _ := ringing(t, s, 1, "b", "nobody"); !slices.Equal(got, []string{"c 1"}) {
		t.Errorf("but for one workspace: %q", got)
	}
	setAlarm(t, s, "a", "1", noon.Add(2*time.Hour))
	setAlarm(t, s, "b", "1", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
	update(t, s, "c", func(tx storage.Tx) error { return errors.Join(tx.ClearAlarm("1"), tx.ClearAlarm("9")) })
	update(t, s, "a", func(tx storage.Tx) error { return tx.ClearAlarm("2") })
	update(t, s, "nobody", func(tx storage.Tx) error { return tx.ClearAlarm("1") })
	wantRinging(t, "moved and cleared", s)
	if _, next := ringing(t, s, 1); next != 2*time.Hour {
		t.Errorf("the next rings after %v", next)
	}
	setAlarm(t, s, "a", "1", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
	if _, next := ringing(t, s, 1); next < 290*365*24*time.Hour {
		t.Errorf("in the last year, the next rings after %v", next)
	}

	// What is not committed does not ring, and within a transaction all of it counts.
	err := s.Update(t.Context(), "a", func(tx storage.Tx) error {
		if err := tx.SetAlarm("1", noon); err != nil {
			return err
		}
		if rings, err := tx.Rings("1"); err != nil || !rings {
			t.Errorf("an alarm of the transaction rings: %v, %v", rings, err)
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		t.Error(err)
	}
	wantRinging(t, "rolled back", s)

	for _, name := range []string{"", "\xff", strings.Repeat("n", storage.MaxAlarmName+1)} {
		update(t, s, "a", func(tx storage.Tx) error {
			wantCode(t, fmt.Sprintf("an alarm %q", name), tx.SetAlarm(name, noon), storage.CodeInvalid)
			wantCode(t, fmt.Sprintf("a timer %q", name), tx.SetTimer(name, 0), storage.CodeInvalid)
			return nil
		})
	}
	update(t, s, "a", func(tx storage.Tx) error {
		wantCode(t, "an alarm in the year 10000", tx.SetAlarm("1", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), storage.CodeInvalid)
		return tx.SetAlarm(strings.Repeat("\x00", storage.MaxAlarmName), noon)
	})
	_, _, err = s.Alarms(t.Context(), 0)
	wantCode(t, "no limit", err, storage.CodeInvalid)
}

// Alarms follow the clock of their workspace, whatever is done to it.
func testAlarmsFollowClock(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: fixed})
	set := func(c storage.Clock) {
		t.Helper()
		update(t, s, "a", func(tx storage.Tx) error { return tx.SetSettings(storage.Settings{Clock: c}) })
	}
	setAlarm(t, s, "a", "1", noon.Add(time.Hour))
	setAlarm(t, s, "b", "1", noon.Add(time.Hour))
	update(t, s, "a", func(tx storage.Tx) error { return tx.SetTimer("3", time.Hour) })
	wantRinging(t, "before its time", s)
	set(storage.Clock{Offset: time.Hour - time.Nanosecond})
	wantRinging(t, "a moment before its time", s)
	set(storage.Clock{Offset: time.Hour})
	wantRinging(t, "at its time", s, "a 1")
	set(storage.Clock{Offset: -292 * 365 * 24 * time.Hour})
	wantRinging(t, "long before its time", s)
	set(storage.Clock{}.Freeze(noon))
	wantRinging(t, "frozen before its time", s)
	if _, next := ringing(t, s, 1, "b"); next > time.Hour {
		t.Errorf("a frozen clock gets on by itself: %v", next)
	}
	set(storage.Clock{}.Freeze(noon.Add(time.Hour)))
	wantRinging(t, "frozen at its time", s, "a 1")
	// One that is set while the clock stands.
	setAlarm(t, s, "a", "2", noon.Add(time.Hour+time.Microsecond))
	wantRinging(t, "frozen before the time of the second", s, "a 1")
	set(storage.Clock{}.Freeze(noon.Add(2 * time.Hour)))
	if got, _ := ringing(t, s, 9); len(got) != 2 {
		t.Errorf("frozen behind both: %q", got)
	}
	set(storage.Clock{Offset: time.Minute})
	wantRinging(t, "running again", s)
	if _, next := ringing(t, s, 1, "b"); next != 59*time.Minute {
		t.Errorf("rings after %v", next)
	}
	// In one transaction with the clock.
	update(t, s, "a", func(tx storage.Tx) error {
		if err := tx.SetSettings(storage.Settings{Clock: storage.Clock{}.Freeze(noon.Add(3 * time.Hour))}); err != nil {
			return err
		}
		if rings, err := tx.Rings("1"); err != nil || !rings {
			t.Errorf("rings once the clock is set: %v, %v", rings, err)
		}
		return tx.SetSettings(storage.Settings{Data: "the clock as at first"})
	})
	wantRinging(t, "the real clock", s)
}

// Timers follow no clock that can be set.
func testTimers(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: fixed})
	update(t, s, "a", func(tx storage.Tx) error {
		return errors.Join(
			tx.SetSettings(storage.Settings{Clock: storage.Clock{}.Freeze(noon.Add(-time.Hour))}),
			tx.SetTimer("1", 0), tx.SetTimer("2", time.Hour), tx.SetAlarm("3", noon))
	})
	wantRinging(t, "set", s, "a 1")
	if _, next := ringing(t, s, 1); next <= 59*time.Minute || next > time.Hour {
		t.Errorf("the next rings after %v", next)
	}
	update(t, s, "a", func(tx storage.Tx) error {
		return errors.Join(tx.SetTimer("1", time.Hour), tx.SetTimer("2", -time.Second))
	})
	wantRinging(t, "moved", s, "a 2")
	// An alarm becomes a timer, and a timer an alarm.
	update(t, s, "a", func(tx storage.Tx) error {
		return errors.Join(tx.SetTimer("3", 0), tx.SetAlarm("2", noon), tx.SetAlarm("1", noon.Add(-2*time.Hour)))
	})
	if got, _ := ringing(t, s, 9); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"a 1", "a 3"}) {
		t.Errorf("changed: %q", got)
	}
}

// Alarms are cleared with their workspace and not copied with it.
func testAlarmsOfWorkspaces(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: fixed})
	for _, ws := range []string{"a", "b"} {
		setAlarm(t, s, ws, "1", noon)
		update(t, s, ws, func(tx storage.Tx) error { return tx.SetTimer("2", 0) })
	}
	if err := s.UpdateAll(t.Context(), []string{"a", "b", "c"}, func(txs []storage.Tx) error {
		return errors.Join(txs[1].CopyFrom(txs[0]), txs[2].CopyFrom(txs[0]))
	}); err != nil {
		t.Fatal(err)
	}
	if got, _ := ringing(t, s, 9); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"a 1", "a 2"}) {
		t.Errorf("after copying: %q", got)
	}
	update(t, s, "a", func(tx storage.Tx) error {
		if err := tx.Clear(); err != nil {
			return err
		}
		if rings, err := tx.Rings("1"); err != nil || rings {
			t.Errorf("rings after clearing: %v, %v", rings, err)
		}
		return tx.SetAlarm("3", noon)
	})
	wantRinging(t, "cleared and set", s, "a 3")
}

// Whoever waits for alarms is told when it may be worth a look.
func testAlarmsChanged(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: fixed})
	told := func() bool {
		select {
		case <-s.AlarmsChanged():
			return true
		default:
			return false
		}
	}
	check := func(what string, want bool) {
		t.Helper()
		if told() != want {
			t.Errorf("%s: told %v", what, !want)
		}
	}
	setAlarm(t, s, "a", "1", noon)
	setAlarm(t, s, "a", "2", noon)
	check("two were set", true)
	check("and nothing since", false)
	update(t, s, "a", func(tx storage.Tx) error {
		_, err := tx.Next("n")
		return errors.Join(err, tx.SetSettings(storage.Settings{Data: "other"}))
	})
	check("something else was written", false)
	if err := s.Update(t.Context(), "a", func(tx storage.Tx) error { return errors.Join(tx.SetAlarm("1", noon), errAgain) }); !errors.Is(err, errAgain) {
		t.Error(err)
	}
	check("rolled back", false)
	for what, fn := range map[string]func(tx storage.Tx) error{
		"a timer": func(tx storage.Tx) error { return tx.SetTimer("1", time.Hour) },
		"cleared": func(tx storage.Tx) error { return tx.ClearAlarm("1") },
		"the clock": func(tx storage.Tx) error {
			s, err := tx.Settings()
			s.Clock.Offset += time.Hour
			return errors.Join(err, tx.SetSettings(s))
		},
	} {
		update(t, s, "a", fn)
		check(what, true)
	}
	update(t, s, "a", func(tx storage.Tx) error { return tx.Clear() })
	check("all cleared", true)
}
