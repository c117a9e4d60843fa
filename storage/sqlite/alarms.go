package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"time"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

const clearAlarms = "DELETE FROM alarm WHERE workspace = ?"

// elapsed is the clock of the timers, in microseconds since 1970: that of this
// process, which nobody sets.
func (s *Store) elapsed() int64 { return s.began.Add(time.Since(s.began)).UnixMicro() }

// ringAll makes the timers ring that a process has left behind.
func ringAll(c *conn) error {
	err := c.exec("UPDATE alarm SET due = 0 WHERE timer = 1")
	return err
}

// AlarmsChanged implements [storage.Store].
func (s *Store) AlarmsChanged() <-chan struct{} { return s.alarms }

// errEnough ends a query early.
var errEnough = errors.New("enough")

func isEnough(err error) bool { return errors.Is(err, errEnough) }

// Alarms implements [storage.Store].
func (s *Store) Alarms(ctx context.Context, limit int, except ...string) ([]storage.Alarm, time.Duration, error) {
	const op = "alarms"
	if limit <= 0 {
		return nil, 0, book.Failure(storage.CodeInvalid, op, "the limit is not positive")
	}
	if err := s.enter(ctx, op); err != nil {
		return nil, 0, err
	}
	defer s.life.RUnlock()
	t := s.snapshot(ctx, "")
	defer t.endView()
	var found []book.Ringing
	next := int64(storage.Never)
	for timer, now := range []int64{s.options.Now().UnixMicro(), s.elapsed()} {
		n := 0
		err := t.query(op, `SELECT w.name, a.name, a.due FROM alarm a INDEXED BY alarm_due CROSS JOIN workspace w ON w.id = a.workspace
			WHERE a.timer = ? AND a.due <= ? ORDER BY a.due`, func(v []driver.Value) error {
			if workspace := text(v[0]); !slices.Contains(except, workspace) {
				found = append(found, book.Ringing{Alarm: storage.Alarm{Workspace: workspace, Name: text(v[1])}, Since: now - integer(v[2])})
				if n++; n == limit {
					return errEnough
				}
			}
			return nil
		}, int64(timer), now)
		if err != nil && !errors.Is(err, errEnough) {
			return nil, 0, err
		}
		t.err = nil
		if err := t.query(op, "SELECT due FROM alarm INDEXED BY alarm_due WHERE timer = ? AND due > ? ORDER BY due LIMIT 1", func(v []driver.Value) error {
			if due := integer(v[0]); due != storage.Never {
				next = min(next, due-now)
			}
			return nil
		}, int64(timer), now); err != nil {
			return nil, 0, err
		}
	}
	if next == storage.Never {
		next = 0
	}
	return book.Longest(found, limit), book.Microseconds(next), nil
}

// Rings implements [storage.ReadTx].
func (t *txn) Rings(alarm string) (bool, error) {
	const op = "rings"
	s, err := t.space(op)
	if err != nil || s.number == 0 {
		return false, err
	}
	rings := false
	err = t.query(op, "SELECT timer, at, due FROM alarm WHERE workspace = ? AND name = ?", func(v []driver.Value) error {
		if integer(v[0]) == 1 {
			rings = integer(v[2]) <= t.store.elapsed()
		} else {
			rings = integer(v[1]) <= t.Now().UnixMicro()
		}
		return nil
	}, s.number, alarm)
	return rings, err
}

// SetAlarm implements [storage.Tx].
func (t *txn) SetAlarm(name string, at time.Time) error {
	const op = "set alarm"
	if err := storage.CheckAlarm(op, name, at); err != nil {
		return err
	}
	if _, err := t.create(op); err != nil {
		return err
	}
	return t.setAlarm(op, name, 0, at.UnixMicro(), t.known.settings.Clock.Reaches(at))
}

// SetTimer implements [storage.Tx].
func (t *txn) SetTimer(name string, after time.Duration) error {
	const op = "set timer"
	if err := storage.CheckAlarm(op, name, time.Time{}); err != nil {
		return err
	}
	if _, err := t.create(op); err != nil {
		return err
	}
	return t.setAlarm(op, name, 1, 0, t.store.elapsed()+after.Microseconds())
}

func (t *txn) setAlarm(op, name string, timer, at, due int64) error {
	t.work.alarms = true
	err := t.exec(op, `INSERT INTO alarm (workspace, name, timer, at, due) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET timer = excluded.timer, at = excluded.at, due = excluded.due`, t.known.number, name, timer, at, due)
	return err
}

// ClearAlarm implements [storage.Tx].
func (t *txn) ClearAlarm(name string) error {
	const op = "clear alarm"
	s, err := t.space(op)
	if err != nil || s.number == 0 {
		return err
	}
	t.work.alarms = true
	err = t.exec(op, "DELETE FROM alarm WHERE workspace = ? AND name = ?", s.number, name)
	return err
}

// moveAlarms follows a clock that was set.
func (t *txn) moveAlarms(op string, ws int64, clock storage.Clock) error {
	sql := "UPDATE alarm SET due = at - ? WHERE workspace = ? AND timer = 0"
	frozen, shift := clock.Shift()
	if frozen {
		sql = "UPDATE alarm SET due = iif(at <= ?, 0, 9223372036854775807) WHERE workspace = ? AND timer = 0"
	}
	t.work.alarms = true
	err := t.exec(op, sql, shift, ws)
	return err
}
