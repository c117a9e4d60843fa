package sqlite

import (
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// What a workspace holds lies in these tables, all of which begin with its
// number, and is found by it without looking at what others hold.
const (
	clearRecords  = "DELETE FROM record WHERE key BETWEEN ? AND ?"
	clearEntries  = "DELETE FROM entry WHERE workspace = ?"
	clearCounters = "DELETE FROM counter WHERE workspace = ?"
	clearBlobs    = "DELETE FROM blob WHERE workspace = ?"

	copyRecords = `INSERT INTO record (key, workspace, kind, id, parent, gone, created, updated, deleted, version, keys, body)
		SELECT key + ?, ?, kind, id, parent, gone, created, updated, deleted, version, keys, body
		FROM record WHERE key BETWEEN ? AND ?`
	copyEntries = `INSERT INTO entry (workspace, kind, name, gone, value, key, uniq, parent)
		SELECT ?, kind, name, gone, value, key + ?, uniq, parent FROM entry WHERE workspace = ?`
	copyCounters = `INSERT INTO counter (workspace, kind, name, last, living, gone, own_living, own_gone)
		SELECT ?, kind, name, last, living, gone, own_living, own_gone FROM counter WHERE workspace = ?`
	copyBlobs = `INSERT INTO blob (workspace, sha256, content)
		SELECT ?, sha256, content FROM blob WHERE workspace = ?`
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
	if _, err := t.exec(op, `UPDATE workspace SET
		frozen = ?, stands_at = ?, runs_ahead = ?, id_source = ?, id_seed = ?, data = ? WHERE id = ?`,
		append(settingsRow(s), old.number)...); err != nil {
		return err
	}
	if s.Clock != old.settings.Clock {
		if err := t.moveAlarms(op, old.number, s.Clock); err != nil {
			return t.give(err)
		}
	}
	t.become(&space{old.number, s})
	return nil
}

// Clear implements [storage.Tx].
func (t *txn) Clear() error {
	const op = "clear"
	s, err := t.space(op)
	if err != nil || s.number == 0 {
		return err
	}
	return t.clear(op, s.number)
}

func (t *txn) clear(op string, ws int64) error {
	// The number is not used again: nothing that is known of it need be forgotten.
	if err := t.all(op, []step{
		{clearRecords, []any{book.KeyOf(ws, 0), book.KeyOf(ws, book.MaxSeq)}},
		{clearEntries, []any{ws}},
		{clearCounters, []any{ws}},
		{clearBlobs, []any{ws}},
		{clearAlarms, []any{ws}},
		{"DELETE FROM workspace WHERE id = ?", []any{ws}},
	}); err != nil {
		return err
	}
	t.work.dead = append(t.work.dead, ws)
	t.work.alarms = true
	t.become(&space{})
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
	if to.number == 0 {
		to, err = t.found(op, source.settings)
	} else if err = t.clear(op, to.number); err == nil {
		if to, err = t.found(op, source.settings); err != nil {
			err = t.give(err)
		}
	}
	if err != nil {
		return err
	}
	old, ws := source.number, to.number
	if err := t.all(op, []step{
		{copyRecords, []any{book.KeyOf(ws, 0) - book.KeyOf(old, 0), ws, book.KeyOf(old, 0), book.KeyOf(old, book.MaxSeq)}},
		{copyEntries, []any{ws, book.KeyOf(ws, 0) - book.KeyOf(old, 0), old}},
		{copyCounters, []any{ws, old}},
		{copyBlobs, []any{ws, old}},
	}); err != nil {
		return err
	}
	// Of the counters, the database knows what they were before this group.
	for _, changes := range []map[ref]any{t.group.dirty, t.work.dirty} {
		var counters []ref
		for r := range changes {
			if r.class == ofCounter && r.workspace == old {
				counters = append(counters, r)
			}
		}
		for _, r := range counters {
			t.work.dirty[ref{ofCounter, ws, r.a, r.b}] = changes[r]
		}
	}
	return nil
}

type step struct {
	sql  string
	args []any
}

// all runs statements of which none must be without the others.
func (t *txn) all(op string, steps []step) error {
	for _, s := range steps {
		res, err := t.exec(op, s.sql, s.args...)
		if err != nil {
			return t.give(err)
		}
		rows, err := res.RowsAffected()
		if err != nil {
			return t.give(err)
		}
		t.store.writer.conn.work += int(rows)
	}
	return nil
}
