package sqlite

import (
	"database/sql/driver"
	"slices"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// SetSettings implements [storage.Tx].
func (t *txn) SetSettings(s storage.Settings) error {
	const op = "set settings"
	if err := s.Validate(); err != nil {
		return err
	}
	old, err := t.space(op)
	if err != nil {
		return err
	}
	s = s.Canonical()
	if old.number == 0 {
		_, err := t.found(op, s)
		return err
	}
	if s.Clock != old.settings.Clock {
		if err := t.moveAlarms(op, old.number, s.Clock); err != nil {
			return t.give(err)
		}
	}
	t.become(&space{old.number, old.layers, old.blank, s})
	return nil
}

// Clear implements [storage.Tx].
func (t *txn) Clear() error {
	const op = "clear"
	s, err := t.space(op)
	if err != nil || s.number == 0 {
		return err
	}
	if err := t.abandon(op, s); err != nil {
		return err
	}
	t.become(&space{})
	return nil
}

// abandon lets go of what the workspace holds. Its layers are removed later, if no
// other workspace has them.
func (t *txn) abandon(op string, s *space) error {
	if err := t.exec(op, clearAlarms, s.number); err != nil {
		return t.give(err)
	}
	// The number is not used again: nothing that is known of it need be forgotten.
	t.work.dead = append(t.work.dead, s.number)
	t.work.left = append(t.work.left, s.layers...)
	t.work.alarms = true
	return nil
}

// CopyFrom implements [storage.Tx].
func (t *txn) CopyFrom(from storage.Tx) error {
	const op = "copy"
	to, err := t.space(op)
	if err != nil {
		return err
	}
	f, ok := from.(*txn)
	if !ok || f.work != t.work {
		return book.Failure(storage.CodeInvalid, op, "the other workspace is of another transaction")
	}
	source, err := f.space(op)
	switch {
	case err != nil || f == t:
		return err
	case source.number == 0:
		return t.Clear()
	}
	shared, err := f.share(op)
	if err != nil {
		return err
	}
	n, err := t.number(op)
	if err != nil {
		return err
	}
	if to.number != 0 {
		if err := t.abandon(op, to); err != nil {
			return err
		}
	}
	t.become(&space{n, append([]int64{n}, shared...), true, source.settings})
	if len(shared) >= maxDepth {
		t.work.deep = append(t.work.deep, t.name, f.name)
	}
	return nil
}

// share gives the layers that hold what the workspace holds now. Nothing is written to
// them any more: the workspace gets a new one.
func (t *txn) share(op string) ([]int64, error) {
	s := t.known
	if !s.blank {
		// The database knows the counters as they were before this group.
		for _, changes := range []map[ref]any{t.group.dirty, t.work.dirty} {
			for r, v := range changes {
				if r.class != ofCounter || r.workspace != s.number {
					continue
				}
				if n, _ := v.(counted); n.layer == s.top() {
					if err := t.writeCounter(op, r, n); err != nil {
						return nil, t.give(err)
					}
				}
			}
		}
		full, err := t.holds(op, s.top())
		if err != nil {
			return nil, err
		}
		if full {
			n, err := t.number(op)
			if err != nil {
				return nil, err
			}
			clock := t.clock
			t.become(&space{s.number, append([]int64{n}, s.layers...), true, s.settings})
			t.clock = clock
			return s.layers, nil
		}
	}
	return s.layers[1:], nil
}

const putCounter = `INSERT INTO counter (workspace, kind, name, last, living, gone, own_living, own_gone)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
	last = excluded.last, living = excluded.living, gone = excluded.gone,
	own_living = excluded.own_living, own_gone = excluded.own_gone`

func counterRow(r ref, n counted) []any {
	return []any{n.layer, r.a, r.b, n.Last, n.Living, n.Gone, n.OwnLiving, n.OwnGone}
}

func (t *txn) writeCounter(op string, r ref, n counted) error {
	err := t.exec(op, putCounter, counterRow(r, n)...)
	return err
}

// settle makes the rows of the workspaces what an update has made of them.
func (w *writer) settle(r *work) error {
	if len(r.was) == 0 && len(r.left) == 0 {
		return nil
	}
	if err := w.begin(r); err != nil {
		return err
	}
	is := func(name string) *space {
		s, _ := r.dirty[ref{class: ofWorkspace, a: name}].(*space)
		return s
	}
	for name, was := range r.was { // first, for names are unique
		if was.number != 0 && was.number != is(name).number {
			if err := w.all(step{"DELETE FROM workspace WHERE id = ?", []any{was.number}},
				step{"DELETE FROM chain WHERE workspace = ?", []any{was.number}}); err != nil {
				return err
			}
		}
	}
	for name, was := range r.was {
		if err := w.settleOne(name, was, is(name)); err != nil {
			return err
		}
	}
	return w.discard(r.left)
}

func (w *writer) settleOne(name string, was, is *space) error {
	var steps []step
	switch {
	case is.number == 0:
		return nil
	case was.number != is.number:
		steps = append(steps, step{`INSERT INTO workspace (id, frozen, stands_at, runs_ahead, id_source, id_seed, data, name)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, slices.Concat([]any{is.number}, settingsRow(is.settings), []any{name})})
	case was.settings != is.settings:
		steps = append(steps, step{
			`UPDATE workspace SET
			frozen = ?, stands_at = ?, runs_ahead = ?, id_source = ?, id_seed = ?, data = ? WHERE id = ?`,
			append(settingsRow(is.settings), is.number),
		})
	}
	same := was.number == is.number && slices.Equal(was.layers, is.layers)
	if !same && (is.layered() || is.top() != is.number) {
		steps = append(steps, step{"DELETE FROM chain WHERE workspace = ?", []any{is.number}})
		for depth, layer := range is.layers {
			steps = append(steps, step{"INSERT INTO chain (workspace, depth, layer) VALUES (?, ?, ?)", []any{is.number, int64(depth), layer}})
		}
	}
	return w.all(steps...)
}

// discard notes which of the layers that workspaces have left are nobody's now, and
// which may be merged.
func (w *writer) discard(left []int64) error {
	for i, layer := range left {
		if slices.Contains(left[:i], layer) {
			continue
		}
		used := false
		if err := w.conn.query("SELECT 1 FROM chain WHERE layer = ? LIMIT 1", func([]driver.Value) error {
			used = true
			return nil
		}, layer); err != nil {
			return err
		}
		if used {
			w.examine = append(w.examine, layer)
		} else if err := w.all(step{"INSERT INTO garbage (layer) VALUES (?) ON CONFLICT DO NOTHING", []any{layer}}); err != nil {
			return err
		}
		w.swept = false
	}
	return nil
}

type step struct {
	sql  string
	args []any
}

func (w *writer) all(steps ...step) error {
	for _, s := range steps {
		if err := w.conn.exec(s.sql, s.args...); err != nil {
			return err
		}
	}
	return nil
}
