package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// maxDepth is how many layers a workspace may have before some are merged.
const maxDepth = 8

// SetSettings implements [storage.Tx].
func (t *txn) SetSettings(s storage.Settings) error {
	const op = "set settings"
	if err := s.Validate(); err != nil {
		return err
	}
	if err := t.create(op); err != nil {
		return err
	}
	t.settle(s.Canonical())
	return nil
}

func (t *txn) settle(s storage.Settings) {
	if s.Clock != t.settings.Clock {
		t.moveAlarms(s.Clock)
	}
	t.settings, t.time = s, time.Time{}
	t.write(`UPDATE workspace SET frozen = $2::boolean, stands_at = $3::bigint, runs_ahead = $4::bigint,
		id_source = $5::bytea, id_seed = $6::bigint, data = $7::bytea WHERE number = $1::bigint`,
		append([]any{t.row}, settingsRow(s)...)...)
}

// Clear implements [storage.Tx].
func (t *txn) Clear() error {
	const op = "clear"
	if err := t.start(op); err != nil || !t.exists {
		return err
	}
	t.wrote = true
	t.empty()
	t.settle(storage.Settings{})
	t.layers, t.cleared, t.exists = nil, true, false
	return nil
}

// empty lets go of all but the row of the workspace itself. Its layers are removed
// later, if no other workspace has them.
func (t *txn) empty() {
	if len(t.layers) > 0 {
		t.left = append(t.left, t.layers...)
	} else {
		t.left = append(t.left, t.row)
	}
	t.write("DELETE FROM alarm WHERE workspace = $1::bigint", t.row)
	t.alarms = true
	t.records, t.counters, t.usage = nil, nil, storage.Usage{}
}

// relayer gives the workspace a new layer above others.
func (t *txn) relayer(op string, below ...int64) error {
	n := int64(0)
	err := t.single("SELECT nextval(pg_get_serial_sequence('workspace', 'number'))", nil, func(r pgx.Rows) error { return r.Scan(&n) })
	if err == nil && n > book.MaxNumber {
		err = book.Failure(storage.CodeInternal, op, "too many workspaces")
	}
	if err != nil {
		t.err = mapError(op, err)
		return t.err
	}
	t.layers = append([]int64{n}, below...)
	t.write("UPDATE workspace SET layers = $2::bigint[] WHERE number = $1::bigint", t.row, t.layers)
	return nil
}

// CopyFrom implements [storage.Tx].
func (t *txn) CopyFrom(from storage.Tx) error {
	const op = "copy"
	if err := t.start(op); err != nil {
		return err
	}
	f, ok := from.(*txn)
	if !ok || f.session != t.session {
		return book.Failure(storage.CodeInvalid, op, "the other workspace is of another transaction")
	}
	switch {
	case f == t:
		return nil
	case !f.exists:
		return t.Clear()
	}
	shared, err := f.share(op)
	if err != nil {
		return err
	}
	if err := t.create(op); err != nil {
		return err
	}
	t.empty()
	if err := t.relayer(op, shared...); err != nil {
		return err
	}
	t.usage = f.usage
	t.settle(f.settings)
	if len(shared) >= maxDepth {
		t.deep = append(t.deep, t.name, f.name)
	}
	return nil
}

// share gives the layers that hold what the workspace holds now. Nothing is written to
// them any more: the workspace gets a new one, unless nothing lies in the newest.
func (t *txn) share(op string) ([]int64, error) {
	t.writeCounters()
	layers := t.layers
	if layers == nil {
		layers = []int64{t.row}
	}
	top, full := layers[0], false
	from, to := within(top, nil), within(top+1, nil)
	if err := t.query(op, question{
		sql: `SELECT EXISTS (SELECT FROM record WHERE key >= $1::bigint AND key < $2::bigint)
			OR EXISTS (SELECT FROM counter WHERE place >= $3::bytea AND place < $4::bytea)
			OR EXISTS (SELECT FROM blob WHERE workspace = $5::bigint)`,
		args: []any{book.KeyOf(top, 0), book.KeyOf(top+1, 0), from, to, top},
		row:  func(rows pgx.Rows) error { return rows.Scan(&full) },
	}); err != nil {
		return nil, err
	}
	if !full {
		return layers[1:], nil
	}
	t.wrote = true
	return layers, t.relayer(op, layers...)
}

// discard notes the layers that workspaces have left. Whoever sweeps finds out whether
// others have them.
func (u *session) discard() {
	if len(u.left) > 0 {
		u.write(`INSERT INTO garbage (layer) SELECT DISTINCT unnest($1::bigint[]) ORDER BY 1
			ON CONFLICT (layer) DO UPDATE SET layer = excluded.layer`, u.left)
	}
}
