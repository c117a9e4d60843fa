package sqlite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// Insert implements [storage.Tx].
func (t *txn) Insert(r storage.Record, keys []storage.Key) (storage.Record, error) {
	const op = "insert"
	if err := storage.CheckRecord(op, r, keys); err != nil {
		return storage.Record{}, err
	}
	ws, err := t.create(op)
	if err != nil {
		return storage.Record{}, err
	}
	seq, err := t.step(op, ws, "")
	if err != nil {
		return storage.Record{}, err
	}
	if seq > book.MaxSeq {
		return storage.Record{}, book.Failure(storage.CodeInternal, op, "too many records")
	}
	r = book.Born(r, seq, t.Now)
	gone, deleted := goneOf(r)
	s := &book.Stored{Record: r.Cached(), Keys: slices.Clone(keys)}
	key := book.KeyOf(ws, seq)
	_, err = t.exec(op, `INSERT INTO record (key, workspace, kind, id, parent, gone, created, updated, deleted, version, keys, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		key, ws, r.Kind, r.ID, r.Parent, gone, r.Created.UnixMicro(), r.Updated.UnixMicro(), deleted, int64(1), storage.EncodeKeys(keys), r.Body)
	if err != nil {
		return storage.Record{}, named(err, r, "")
	}
	steps := make([]entry, 0, 4)
	for _, k := range keys {
		steps = append(steps, entry{k, absent, gone})
	}
	if err := t.entries(op, ws, key, r, steps); err != nil {
		if !fatal(err) {
			if _, err := t.exec(op, "DELETE FROM record WHERE key = ?", key); err != nil {
				return storage.Record{}, err
			}
		}
		return storage.Record{}, err
	}
	if err := t.tally(op, ws, r, 1); err != nil {
		return storage.Record{}, err
	}
	t.work.dirty[ref{ofRecord, ws, r.Kind, r.ID}] = s
	return r, nil
}

// Put implements [storage.Tx].
func (t *txn) Put(r storage.Record, keys []storage.Key) (storage.Record, error) {
	const op = "put"
	if err := storage.CheckRecord(op, r, keys); err != nil {
		return storage.Record{}, err
	}
	ws, old, err := t.existing(op, r.Kind, r.ID)
	if err != nil {
		return storage.Record{}, err
	}
	r = book.Changed(r, old.Record, t.Now())
	was, _ := goneOf(old.Record)
	gone, deleted := goneOf(r)
	s := &book.Stored{Record: r.Cached(), Keys: slices.Clone(keys)}
	key := book.KeyOf(ws, r.Seq)
	steps := make([]entry, 0, 8)
	for _, k := range old.Keys {
		switch {
		case !slices.Contains(keys, k):
			steps = append(steps, entry{k, was, absent})
		case was != gone:
			steps = append(steps, entry{k, was, gone})
		}
	}
	for _, k := range keys { // last, for a value may move from one key to another
		if !slices.Contains(old.Keys, k) {
			steps = append(steps, entry{k, absent, gone})
		}
	}
	if err := t.entries(op, ws, key, r, steps); err != nil {
		return storage.Record{}, err
	}
	if _, err := t.exec(op, `UPDATE record SET gone = ?, updated = ?, deleted = ?, version = ?, keys = ?, body = ? WHERE key = ?`,
		gone, r.Updated.UnixMicro(), deleted, r.Version, storage.EncodeKeys(keys), r.Body, key); err != nil {
		return storage.Record{}, t.give(named(err, r, ""))
	}
	if was != gone {
		err := t.tally(op, ws, old.Record, -1)
		if err == nil {
			err = t.tally(op, ws, r, 1)
		}
		if err != nil {
			return storage.Record{}, err
		}
	}
	t.work.dirty[ref{ofRecord, ws, r.Kind, r.ID}] = s
	return r, nil
}

// Purge implements [storage.Tx].
func (t *txn) Purge(kind, id string) error {
	const op = "purge"
	ws, old, err := t.existing(op, kind, id)
	if err != nil {
		return err
	}
	key := book.KeyOf(ws, old.Seq)
	gone, _ := goneOf(old.Record)
	steps := make([]entry, 0, 4)
	for _, k := range old.Keys {
		steps = append(steps, entry{k, gone, absent})
	}
	if err := t.entries(op, ws, key, old.Record, steps); err != nil {
		return err
	}
	if _, err := t.exec(op, "DELETE FROM record WHERE key = ?", key); err != nil {
		return err
	}
	if err := t.tally(op, ws, old.Record, -1); err != nil {
		return err
	}
	t.work.dirty[ref{ofRecord, ws, kind, id}] = (*book.Stored)(nil)
	return nil
}

func (t *txn) existing(op, kind, id string) (ws int64, s *book.Stored, err error) {
	if ws, err = t.workspace(op); err != nil {
		return 0, nil, err
	}
	if ws != 0 {
		if s, err = t.record(op, ws, kind, id); err != nil {
			return 0, nil, err
		}
	}
	if s == nil {
		return 0, nil, book.NotFound(op, kind, id)
	}
	return ws, s, nil
}

const insertEntry = `INSERT INTO entry (workspace, kind, name, gone, value, key, uniq, parent)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

// entry is one change of the index: a key goes from the living (0), the deleted
// (1) or nowhere to another of them.
type entry struct {
	key      storage.Key
	from, to int64
}

const absent = -1

// entries applies changes; if one is refused, those before it are undone.
func (t *txn) entries(op string, ws, key int64, r storage.Record, steps []entry) error {
	for i := 0; i < len(steps); i++ {
		e := steps[i]
		if n := alike(steps[i:]); n >= worthIt {
			if err := t.entriesAlike(op, ws, key, r, steps[i:i+n]); err != nil {
				return t.give(err) // it is the store's fault: nothing of it can be refused
			}
			i += n - 1
			continue
		}
		err := t.entry(op, ws, key, r, e)
		if err == nil {
			continue
		}
		for ; i > 0 && !fatal(err); i-- { // one by one, whatever was made at once
			undo := steps[i-1]
			undo.from, undo.to = undo.to, undo.from
			if err := t.entry(op, ws, key, r, undo); err != nil {
				return t.give(err)
			}
		}
		return named(err, r, e.key.Index)
	}
	return nil
}

// worthIt is how many changes of an index are made in one statement rather than each
// in its own.
const worthIt = 4

// alike counts the changes at the beginning that can be made in one statement: the
// same with other values, which nothing can refuse.
func alike(steps []entry) int {
	for i, e := range steps {
		first := steps[0]
		if e.key.Unique || e.key.Index != first.key.Index || e.from != first.from || e.to != first.to ||
			e.from != absent && e.to != absent || strings.Contains(e.key.Value, "\x00") { // that JSON of SQLite cannot hold
			return i
		}
	}
	return len(steps)
}

func (t *txn) entriesAlike(op string, ws, key int64, r storage.Record, steps []entry) error {
	values := make([]string, len(steps))
	for i, e := range steps {
		values[i] = e.key.Value
	}
	list, err := json.Marshal(values)
	if err != nil {
		return err
	}
	e := steps[0]
	if e.from == absent {
		_, err = t.exec(op, `INSERT INTO entry (workspace, kind, name, gone, value, key, uniq, parent)
			SELECT ?, ?, ?, ?, value, ?, 0, ? FROM json_each(?)`, ws, r.Kind, e.key.Index, e.to, key, r.Parent, string(list))
	} else {
		_, err = t.exec(op, `DELETE FROM entry WHERE workspace = ? AND kind = ? AND name = ? AND gone = ? AND key = ?
			AND value IN (SELECT value FROM json_each(?))`, ws, r.Kind, e.key.Index, e.from, key, string(list))
	}
	return err
}

func (t *txn) entry(op string, ws, key int64, r storage.Record, e entry) (err error) {
	const where = " WHERE workspace = ? AND kind = ? AND name = ? AND gone = ? AND value = ? AND key = ?"
	switch {
	case e.from == absent:
		unique := int64(0)
		if e.key.Unique {
			unique = 1
		}
		_, err = t.exec(op, insertEntry, ws, r.Kind, e.key.Index, e.to, e.key.Value, key, unique, r.Parent)
	case e.to == absent:
		_, err = t.exec(op, "DELETE FROM entry"+where, ws, r.Kind, e.key.Index, e.from, e.key.Value, key)
	default:
		_, err = t.exec(op, "UPDATE entry SET gone = ?"+where, e.to, ws, r.Kind, e.key.Index, e.from, e.key.Value, key)
	}
	return err
}

// PutBlob implements [storage.Tx].
func (t *txn) PutBlob(content []byte) (string, error) {
	const op = "put blob"
	ws, err := t.create(op)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	name := hex.EncodeToString(sum[:])
	if content == nil {
		content = []byte{}
	}
	_, err = t.exec(op, "INSERT INTO blob (workspace, sha256, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", ws, name, content)
	return name, err
}
