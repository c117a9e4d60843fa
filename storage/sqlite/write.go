package sqlite

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
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
	sp, err := t.create(op)
	if err != nil {
		return storage.Record{}, err
	}
	if sp.layered() { // the database sees to it within a layer
		if there, err := t.record(op, sp, r.Kind, r.ID); err != nil || there != nil {
			if err == nil {
				err = book.Conflict(op, r, "")
			}
			return storage.Record{}, err
		}
		if err := t.taken(op, sp, r, keys); err != nil {
			return storage.Record{}, err
		}
	}
	seq, err := t.step(op, sp, "")
	if err != nil {
		return storage.Record{}, err
	}
	if seq > book.MaxSeq {
		return storage.Record{}, book.Failure(storage.CodeInternal, op, "too many records")
	}
	r = book.Born(r, seq, t.Now)
	if err := t.add(op, sp, r, keys); err != nil {
		return storage.Record{}, err
	}
	if err := t.tally(op, sp, r, 1); err != nil {
		return storage.Record{}, err
	}
	if err := t.use(op, sp, 1, book.SizeOf(r, keys)); err != nil {
		return storage.Record{}, err
	}
	t.work.set(ref{ofRecord, sp.number, r.Kind, r.ID}, &book.Stored{Record: r.Cached(), Keys: slices.Clone(keys)})
	return r, nil
}

// add puts a record with its entries into the newest layer.
func (t *txn) add(op string, sp *space, r storage.Record, keys []storage.Key) error {
	gone, deleted := goneOf(r)
	layer := sp.top()
	key := book.KeyOf(layer, r.Seq)
	if err := t.exec(op, insertRecord, key, layer, r.Kind, r.ID, r.Parent, gone,
		r.Created.UnixMicro(), r.Updated.UnixMicro(), deleted, r.Version, storage.EncodeKeys(keys), r.Body); err != nil {
		return named(err, r, "")
	}
	steps := make([]entry, 0, 4)
	for _, k := range keys {
		steps = append(steps, entry{k, absent, gone})
	}
	err := t.entries(op, layer, key, r, steps)
	if err != nil && !fatal(err) {
		if err := t.exec(op, "DELETE FROM record WHERE key = ?", key); err != nil {
			return err
		}
	}
	return err
}

const insertRecord = `INSERT INTO record (key, workspace, kind, id, parent, gone, created, updated, deleted, version, keys, body)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// taken returns a CodeConflict error if another living record, in whatever layer, has
// a unique key of this one.
func (t *txn) taken(op string, sp *space, r storage.Record, keys []storage.Key) error {
	if !r.Living() {
		return nil
	}
	layers := sp.seen()
	for _, k := range keys {
		if !k.Unique {
			continue
		}
		for i, layer := range layers {
			hidden, newer := notIn("e", layers[:i])
			another := false
			if err := t.query(op, `SELECT e.key FROM entry e WHERE e.workspace = ? AND e.kind = ? AND e.name = ? AND e.value = ?
				AND e.uniq = 1 AND e.gone = 0`+hidden, func(v []driver.Value) error {
				another = another || book.SeqOf(integer(v[0])) != r.Seq
				return nil
			}, append([]any{layer, r.Kind, k.Index, k.Value}, newer...)...); err != nil {
				return err
			}
			if another {
				return book.Conflict(op, r, k.Index)
			}
		}
	}
	return nil
}

// Put implements [storage.Tx].
func (t *txn) Put(r storage.Record, keys []storage.Key) (storage.Record, error) {
	const op = "put"
	if err := storage.CheckRecord(op, r, keys); err != nil {
		return storage.Record{}, err
	}
	sp, old, err := t.existing(op, r.Kind, r.ID)
	if err != nil {
		return storage.Record{}, err
	}
	r = book.Changed(r, old.Record, t.Now())
	here := true
	if sp.layered() {
		if err := t.taken(op, sp, r, keys); err != nil {
			return storage.Record{}, err
		}
		if here, err = t.lies(op, sp.layers[:1], r.Seq); err != nil {
			return storage.Record{}, err
		}
	}
	if here {
		err = t.replace(op, sp, r, old, keys)
	} else {
		err = t.add(op, sp, r, keys)
	}
	if err != nil {
		return storage.Record{}, err
	}
	if old.Living() != r.Living() {
		err := t.tally(op, sp, old.Record, -1)
		if err == nil {
			err = t.tally(op, sp, r, 1)
		}
		if err != nil {
			return storage.Record{}, err
		}
	}
	if err := t.use(op, sp, 0, book.SizeOf(r, keys)-book.SizeOf(old.Record, old.Keys)); err != nil {
		return storage.Record{}, err
	}
	t.work.set(ref{ofRecord, sp.number, r.Kind, r.ID}, &book.Stored{Record: r.Cached(), Keys: slices.Clone(keys)})
	return r, nil
}

// replace changes a record, with its entries, that lies in the newest layer.
func (t *txn) replace(op string, sp *space, r storage.Record, old *book.Stored, keys []storage.Key) error {
	was, _ := goneOf(old.Record)
	gone, deleted := goneOf(r)
	layer := sp.top()
	key := book.KeyOf(layer, r.Seq)
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
	if err := t.entries(op, layer, key, r, steps); err != nil {
		return err
	}
	if err := t.exec(op, `UPDATE record SET gone = ?, updated = ?, deleted = ?, version = ?, keys = ?, body = ? WHERE key = ?`,
		gone, r.Updated.UnixMicro(), deleted, r.Version, storage.EncodeKeys(keys), r.Body, key); err != nil {
		return t.give(named(err, r, ""))
	}
	return nil
}

// Purge implements [storage.Tx].
func (t *txn) Purge(kind, id string) error {
	const op = "purge"
	sp, old, err := t.existing(op, kind, id)
	if err != nil {
		return err
	}
	if sp.layered() {
		err = t.purgeLayered(op, sp, old)
	} else {
		err = t.remove(op, sp.top(), old)
	}
	if err != nil {
		return err
	}
	if err := t.tally(op, sp, old.Record, -1); err != nil {
		return err
	}
	if err := t.use(op, sp, -1, -book.SizeOf(old.Record, old.Keys)); err != nil {
		return err
	}
	t.work.set(ref{ofRecord, sp.number, kind, id}, (*book.Stored)(nil))
	return nil
}

// purgeLayered removes a record from the newest layer, and says there that it is gone
// if an older one has it.
func (t *txn) purgeLayered(op string, sp *space, old *book.Stored) error {
	here, err := t.lies(op, sp.layers[:1], old.Seq)
	if err == nil && here {
		err = t.remove(op, sp.top(), old)
	}
	if err != nil {
		return err
	}
	below, err := t.lies(op, sp.layers[1:], old.Seq)
	if err != nil || !below {
		return err
	}
	err = t.exec(op, insertRecord, book.KeyOf(sp.top(), old.Seq), sp.top(), "", strconv.FormatInt(old.Seq, 10), "",
		int64(goneForGood), int64(0), int64(0), int64(0), int64(0), []byte{}, []byte{})
	return err
}

// goneForGood marks a row that says of a record that it is gone.
const goneForGood = 2

// remove takes a record with its entries from a layer.
func (t *txn) remove(op string, layer int64, old *book.Stored) error {
	key := book.KeyOf(layer, old.Seq)
	gone, _ := goneOf(old.Record)
	steps := make([]entry, 0, 4)
	for _, k := range old.Keys {
		steps = append(steps, entry{k, gone, absent})
	}
	if err := t.entries(op, layer, key, old.Record, steps); err != nil {
		return err
	}
	err := t.exec(op, "DELETE FROM record WHERE key = ?", key)
	return err
}

// existing finds a record that is to be written to.
func (t *txn) existing(op, kind, id string) (sp *space, s *book.Stored, err error) {
	if sp, err = t.space(op); err != nil {
		return nil, nil, err
	}
	if sp.number != 0 {
		if s, err = t.record(op, sp, kind, id); err != nil {
			return nil, nil, err
		}
	}
	if s == nil {
		return nil, nil, book.NotFound(op, kind, id)
	}
	t.written()
	return t.known, s, nil
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
func (t *txn) entries(op string, layer, key int64, r storage.Record, steps []entry) error {
	for i := 0; i < len(steps); i++ {
		e := steps[i]
		if n := alike(steps[i:]); n >= worthIt {
			if err := t.entriesAlike(op, layer, key, r, steps[i:i+n]); err != nil {
				return t.give(err) // it is the store's fault: nothing of it can be refused
			}
			i += n - 1
			continue
		}
		err := t.entry(op, layer, key, r, e)
		if err == nil {
			continue
		}
		for ; i > 0 && !fatal(err); i-- { // one by one, whatever was made at once
			undo := steps[i-1]
			undo.from, undo.to = undo.to, undo.from
			if err := t.entry(op, layer, key, r, undo); err != nil {
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

func (t *txn) entriesAlike(op string, layer, key int64, r storage.Record, steps []entry) error {
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
		err = t.exec(op, `INSERT INTO entry (workspace, kind, name, gone, value, key, uniq, parent)
			SELECT ?, ?, ?, ?, value, ?, 0, ? FROM json_each(?)`, layer, r.Kind, e.key.Index, e.to, key, r.Parent, string(list))
	} else {
		err = t.exec(op, `DELETE FROM entry WHERE workspace = ? AND kind = ? AND name = ? AND gone = ? AND key = ?
			AND value IN (SELECT value FROM json_each(?))`, layer, r.Kind, e.key.Index, e.from, key, string(list))
	}
	return err
}

func (t *txn) entry(op string, layer, key int64, r storage.Record, e entry) (err error) {
	const where = " WHERE workspace = ? AND kind = ? AND name = ? AND gone = ? AND value = ? AND key = ?"
	switch {
	case e.from == absent:
		unique := int64(0)
		if e.key.Unique {
			unique = 1
		}
		err = t.exec(op, insertEntry, layer, r.Kind, e.key.Index, e.to, e.key.Value, key, unique, r.Parent)
	case e.to == absent:
		err = t.exec(op, "DELETE FROM entry"+where, layer, r.Kind, e.key.Index, e.from, e.key.Value, key)
	default:
		err = t.exec(op, "UPDATE entry SET gone = ?"+where, e.to, layer, r.Kind, e.key.Index, e.from, e.key.Value, key)
	}
	return err
}

// PutBlob implements [storage.Tx].
func (t *txn) PutBlob(content []byte) (string, error) {
	const op = "put blob"
	sp, err := t.create(op)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	name := hex.EncodeToString(sum[:])
	if content == nil {
		content = []byte{}
	}
	for _, layer := range sp.seen() {
		there := false
		if err := t.query(op, "SELECT 1 FROM blob WHERE workspace = ? AND sha256 = ?", func([]driver.Value) error {
			there = true
			return nil
		}, layer, name); err != nil || there {
			return name, err
		}
	}
	if err = t.exec(op, "INSERT INTO blob (workspace, sha256, content) VALUES (?, ?, ?)", sp.top(), name, content); err != nil {
		return "", err
	}
	return name, t.use(op, sp, 0, int64(len(content)))
}
