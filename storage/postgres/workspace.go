package postgres

import (
	"encoding/binary"
	"time"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

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
	t.exists = false
	return nil
}

// empty removes all but the row of the workspace itself.
func (t *txn) empty() {
	from, to := t.places()
	t.slow = true
	t.write("DELETE FROM entry WHERE list >= $1::bytea AND list < $2::bytea", from, to)
	t.write("DELETE FROM record WHERE key >= $1::bigint AND key < $2::bigint", book.KeyOf(t.row, 0), book.KeyOf(t.row+1, 0))
	t.write("DELETE FROM counter WHERE place >= $1::bytea AND place < $2::bytea", from, to)
	t.write("DELETE FROM blob WHERE workspace = $1::bigint", t.row)
	t.write("DELETE FROM alarm WHERE workspace = $1::bigint", t.row)
	t.alarms = true
	t.records, t.counters = nil, nil
}

// places is the range of the places of the workspace.
func (t *txn) places() (from, to []byte) {
	return binary.BigEndian.AppendUint64(nil, uint64(t.row)), binary.BigEndian.AppendUint64(nil, uint64(t.row+1))
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
	if err := t.create(op); err != nil {
		return err
	}
	t.empty()
	f.writeCounters()
	first, end := f.places()
	to, _ := t.places()
	t.write(`INSERT INTO record (key, seq, list, family, address, id, parent, created, updated, deleted, version, keys, body)
		SELECT key - $1::bigint + $2::bigint, seq, $4::bytea || substr(list, 9), $4::bytea || substr(family, 9),
		$4::bytea || substr(address, 9), id, parent, created, updated, deleted, version, keys, body
		FROM record WHERE key >= $1::bigint AND key < $3::bigint`,
		book.KeyOf(f.row, 0), book.KeyOf(t.row, 0), book.KeyOf(f.row+1, 0), to)
	t.write(`INSERT INTO entry (list, head, key, tail, family, uniq)
		SELECT $3::bytea || substr(list, 9), head, key - $4::bigint + $5::bigint, tail,
		$3::bytea || substr(family, 9), $3::bytea || substr(uniq, 9)
		FROM entry WHERE list >= $1::bytea AND list < $2::bytea`,
		first, end, to, book.KeyOf(f.row, 0), book.KeyOf(t.row, 0))
	t.write(`INSERT INTO counter (place, last, living, gone, own_living, own_gone)
		SELECT $3::bytea || substr(place, 9), last, living, gone, own_living, own_gone
		FROM counter WHERE place >= $1::bytea AND place < $2::bytea`, first, end, to)
	t.write(`INSERT INTO blob (workspace, sha256, content)
		SELECT $2::bigint, sha256, content FROM blob WHERE workspace = $1::bigint`, f.row, t.row)
	t.settle(f.settings)
	return nil
}
