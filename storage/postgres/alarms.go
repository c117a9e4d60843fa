package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// databaseNow is the clock of the timers, in microseconds since 1970.
const databaseNow = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

// AlarmsChanged implements [storage.Store].
func (s *Store) AlarmsChanged() <-chan struct{} { return s.alarms }

// alarmsSQL gives the alarms that ring, and those that ring next, which have no name.
// $1 is the real time, $2 the digests of the workspaces that are left out.
const alarmsSQL = `WITH now (timer, at) AS MATERIALIZED (VALUES (false, $1::bigint), (true, ` + databaseNow + `))
	SELECT r.workspace, r.name, r.since FROM now CROSS JOIN LATERAL (
		SELECT w.name AS workspace, a.name, now.at - a.due AS since FROM alarm a JOIN workspace w ON w.number = a.workspace
		WHERE a.timer = now.timer AND a.due <= now.at AND w.digest <> ALL($2::bytea[]) ORDER BY a.due LIMIT $3::bigint) r
	UNION ALL SELECT ''::bytea, ''::bytea, r.since FROM now CROSS JOIN LATERAL (
		SELECT now.at - a.due AS since FROM alarm a WHERE a.timer = now.timer AND a.due > now.at AND a.due < 9223372036854775807
		ORDER BY a.due LIMIT 1) r`

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
	digests := make([][]byte, len(except))
	for i, name := range except {
		digests[i] = digestOf(name)
	}
	var found []book.Ringing
	next := int64(0)
	err := s.read(ctx, op, alarmsSQL, []any{s.options.Now().UnixMicro(), digests, limit}, func() { found, next = nil, 0 }, func(scan func(...any) error) error {
		var workspace, name []byte
		var since int64
		err := scan(&workspace, &name, &since)
		switch {
		case len(name) > 0:
			found = append(found, book.Ringing{Alarm: storage.Alarm{Workspace: string(workspace), Name: string(name)}, Since: since})
		case next == 0 || -since < next:
			next = -since
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return book.Longest(found, limit), book.Microseconds(next), nil
}

// Rings implements [storage.ReadTx].
func (t *txn) Rings(alarm string) (bool, error) {
	const op = "rings"
	timer, rung, at := false, false, int64(storage.Never)
	err := t.query(op, question{
		sql:  "SELECT timer, at, due <= " + databaseNow + " FROM alarm WHERE workspace = " + numberOf + " AND name = $2::bytea",
		args: []any{t.digest, []byte(alarm)},
		row:  func(rows pgx.Rows) error { return rows.Scan(&timer, &at, &rung) },
	})
	if err != nil || timer {
		return rung, err
	}
	return at <= t.Now().UnixMicro(), nil
}

// SetAlarm implements [storage.Tx].
func (t *txn) SetAlarm(name string, at time.Time) error {
	const op = "set alarm"
	if err := storage.CheckAlarm(op, name, at); err != nil {
		return err
	}
	if err := t.create(op); err != nil {
		return err
	}
	t.setAlarm(name, false, at.UnixMicro(), t.settings.Clock.Reaches(at), "$5::bigint")
	return nil
}

// SetTimer implements [storage.Tx].
func (t *txn) SetTimer(name string, after time.Duration) error {
	const op = "set timer"
	if err := storage.CheckAlarm(op, name, time.Time{}); err != nil {
		return err
	}
	if err := t.create(op); err != nil {
		return err
	}
	t.setAlarm(name, true, 0, after.Microseconds(), databaseNow+" + $5::bigint")
	return nil
}

func (t *txn) setAlarm(name string, timer bool, at, due int64, as string) {
	t.alarms = true
	t.write(`INSERT INTO alarm (workspace, name, timer, at, due) VALUES ($1::bigint, $2::bytea, $3::boolean, $4::bigint, `+as+`)
		ON CONFLICT (workspace, name) DO UPDATE SET timer = excluded.timer, at = excluded.at, due = excluded.due`,
		t.row, []byte(name), timer, at, due)
}

// ClearAlarm implements [storage.Tx].
func (t *txn) ClearAlarm(name string) error {
	if err := t.start("clear alarm"); err != nil || !t.exists {
		return err
	}
	t.wrote, t.alarms = true, true
	t.write("DELETE FROM alarm WHERE workspace = $1::bigint AND name = $2::bytea", t.row, []byte(name))
	return nil
}

// moveAlarms follows a clock that was set.
func (t *txn) moveAlarms(clock storage.Clock) {
	sql := "UPDATE alarm SET due = at - $2::bigint WHERE workspace = $1::bigint AND NOT timer"
	frozen, shift := clock.Shift()
	if frozen {
		sql = "UPDATE alarm SET due = CASE WHEN at <= $2::bigint THEN 0 ELSE 9223372036854775807 END WHERE workspace = $1::bigint AND NOT timer"
	}
	t.alarms = true
	t.write(sql, t.row, shift)
}
