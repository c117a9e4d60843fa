package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// taken asks who holds the unique keys of a record; the answer is the index of the
// first of them, by its place among the keys, that another record holds.
func (t *txn) taken(r storage.Record, keys []storage.Key, first *int) []question {
	*first = len(keys)
	if !r.Living() {
		return nil
	}
	var numbers []int
	var places [][]byte
	for i, k := range keys {
		if k.Unique {
			numbers = append(numbers, i)
			places = append(places, place(living, r.Kind, k.Index, k.Value))
		}
	}
	if len(places) == 0 {
		return nil
	}
	read := func(rows pgx.Rows) error {
		var n, key int64
		err := rows.Scan(&n, &key)
		if book.SeqOf(key) != r.Seq { // its own is no conflict
			*first = min(*first, numbers[n-1])
		}
		return err
	}
	const from = `SELECT p.n, e.key FROM unnest($2::bytea[]) WITH ORDINALITY p (place, n)
		CROSS JOIN LATERAL (SELECT key FROM entry WHERE uniq = `
	if !t.layered() {
		return []question{{sql: from + inside + `p.place OFFSET 0) e`, args: []any{t.digest, places}, row: read}}
	}
	var questions []question
	for i, layer := range t.layers {
		questions = append(questions, question{
			sql:  from + `$1::bytea || p.place` + hiddenBy("entry", t.layers[:i]) + ` OFFSET 0) e`,
			args: []any{within(layer, nil), places}, row: read,
		})
	}
	return questions
}

// Insert implements [storage.Tx].
func (t *txn) Insert(r storage.Record, keys []storage.Key) (storage.Record, error) {
	const op = "insert"
	if err := storage.CheckRecord(op, r, keys); err != nil {
		return storage.Record{}, err
	}
	r.Seq = 0
	var holder int
	var questions []question
	there, asked := t.records[[2]string{r.Kind, r.ID}]
	used := there != nil
	kind, parent := book.Of(r)
	names := []book.Name{kind, parent, book.Sequence("")}
	if !t.layered() {
		if !asked {
			questions = append(questions, question{
				sql:  "SELECT FROM record WHERE address = " + inside + "$2::bytea",
				args: []any{t.digest, place(living, r.Kind, r.ID)},
				row: func(pgx.Rows) error {
					used = true
					return nil
				},
			})
		}
		questions = append(questions, t.taken(r, keys, &holder)...)
	}
	ok, err := t.fetchCounters(op, names, questions...)
	if err == nil && !ok {
		if there, err = t.record(op, r.Kind, r.ID); err == nil {
			used = there != nil
			err = t.query(op, t.taken(r, keys, &holder)...)
		}
	}
	if err != nil {
		return storage.Record{}, err
	}
	switch {
	case used:
		return storage.Record{}, book.Conflict(op, r, "")
	case holder < len(keys):
		return storage.Record{}, book.Conflict(op, r, keys[holder].Index)
	}
	if err := t.create(op); err != nil {
		return storage.Record{}, err
	}
	seq, err := t.step(op, "")
	if err != nil {
		return storage.Record{}, err
	}
	if seq > book.MaxSeq {
		return storage.Record{}, t.fail(op, "too many records")
	}
	r = book.Born(r, seq, t.Now)
	t.add(r, keys)
	t.tally(r, 1)
	t.use(1, book.SizeOf(r, keys))
	t.learn(r.Kind, r.ID, &book.Stored{Record: r, Keys: slices.Clone(keys)})
	return r, t.flushIfLarge(op)
}

// add puts a record with its entries into the newest layer.
func (t *txn) add(r storage.Record, keys []storage.Key) {
	top := t.top()
	key := book.KeyOf(top, r.Seq)
	t.write(`INSERT INTO record (key, seq, list, family, address, id, parent, created, updated, deleted, version, keys, body)
		VALUES ($1::bigint, $2::bigint, $3::bytea, $4::bytea, $5::bytea, $6::bytea, $7::bytea,
		$8::bigint, $9::bigint, $10::bigint, $11::bigint, $12::bytea, $13::bytea)`,
		key, r.Seq, within(top, place(markOf(r), r.Kind)), familyOf(top, r), within(top, place(living, r.Kind, r.ID)),
		[]byte(r.ID), []byte(r.Parent), r.Created.UnixMicro(), r.Updated.UnixMicro(), deletedOf(r), r.Version, storage.EncodeKeys(keys), r.Body)
	t.writeEntries(key, r, keys)
}

func deletedOf(r storage.Record) *int64 {
	if r.Living() {
		return nil
	}
	return new(r.Deleted.UnixMicro())
}

// writeEntries adds keys of a record to the entries.
func (t *txn) writeEntries(key int64, r storage.Record, keys []storage.Key) {
	if len(keys) == 0 {
		return
	}
	var columns [5][][]byte
	for _, k := range keys {
		s := spotOf(t.top(), r, k)
		for i, v := range [][]byte{s.list, s.head, s.tail, s.family, s.uniq} {
			columns[i] = append(columns[i], v)
		}
		t.size += len(s.tail)
	}
	t.write(`INSERT INTO entry (list, head, tail, family, uniq, key)
		SELECT e.list, e.head, e.tail, e.family, e.uniq, $6::bigint
		FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[]) e (list, head, tail, family, uniq)`,
		columns[0], columns[1], columns[2], columns[3], columns[4], key)
}

// Put implements [storage.Tx].
func (t *txn) Put(r storage.Record, keys []storage.Key) (storage.Record, error) {
	const op = "put"
	if err := storage.CheckRecord(op, r, keys); err != nil {
		return storage.Record{}, err
	}
	old, err := t.existing(op, r.Kind, r.ID)
	if err != nil {
		return storage.Record{}, err
	}
	r = book.Changed(r, old.Record, t.Now())
	moved := old.Living() != r.Living()
	if moved {
		kind, parent := book.Of(r)
		if _, err := t.fetchCounters(op, []book.Name{kind, parent}); err != nil {
			return storage.Record{}, err
		}
	}
	// A key that it has already is its own.
	var fresh []storage.Key
	for _, k := range keys {
		if moved || !slices.Contains(old.Keys, k) {
			fresh = append(fresh, k)
		}
	}
	var holder int
	if err := t.query(op, t.taken(r, fresh, &holder)...); err != nil {
		return storage.Record{}, err
	}
	if holder < len(fresh) {
		return storage.Record{}, book.Conflict(op, r, fresh[holder].Index)
	}
	here := true
	if t.layered() {
		if here, err = t.lies(op, t.layers[:1], r.Seq); err != nil {
			return storage.Record{}, err
		}
	}
	t.wrote = true
	if here {
		key := book.KeyOf(t.top(), r.Seq)
		t.moveEntries(key, old, r, keys)
		t.write(`UPDATE record SET list = $2::bytea, family = $3::bytea, updated = $4::bigint, deleted = $5::bigint,
			version = $6::bigint, keys = $7::bytea, body = $8::bytea WHERE key = $1::bigint`,
			key, within(t.top(), place(markOf(r), r.Kind)), familyOf(t.top(), r), r.Updated.UnixMicro(), deletedOf(r),
			r.Version, storage.EncodeKeys(keys), r.Body)
	} else {
		t.add(r, keys)
	}
	if moved {
		t.tally(old.Record, -1)
		t.tally(r, 1)
	}
	t.use(0, book.SizeOf(r, keys)-book.SizeOf(old.Record, old.Keys))
	t.learn(r.Kind, r.ID, &book.Stored{Record: r, Keys: slices.Clone(keys)})
	return r, t.flushIfLarge(op)
}

// moveEntries makes the entries of a record those of its new state.
func (t *txn) moveEntries(key int64, old *book.Stored, r storage.Record, keys []storage.Key) {
	var added []storage.Key
	var list []byte // from which heads are removed
	var heads [][]byte
	remove := func() {
		if len(heads) > 0 {
			t.write("DELETE FROM entry WHERE list = $1::bytea AND head = ANY ($2::bytea[]) AND key = $3::bigint", list, heads, key)
		}
		heads = nil
	}
	for _, k := range old.Keys {
		from := spotOf(t.top(), old.Record, k)
		switch {
		case !slices.Contains(keys, k):
			if !bytes.Equal(from.list, list) {
				remove()
			}
			list, heads = from.list, append(heads, from.head)
		case old.Living() != r.Living():
			to := spotOf(t.top(), r, k)
			t.write(`UPDATE entry SET list = $4::bytea, family = $5::bytea, uniq = $6::bytea
				WHERE list = $1::bytea AND head = $2::bytea AND key = $3::bigint`,
				from.list, from.head, key, to.list, to.family, to.uniq)
		}
	}
	remove()
	for _, k := range keys { // last, for a value may stay with another key
		if !slices.Contains(old.Keys, k) {
			added = append(added, k)
		}
	}
	t.writeEntries(key, r, added)
}

// Purge implements [storage.Tx].
func (t *txn) Purge(kind, id string) error {
	const op = "purge"
	old, err := t.existing(op, kind, id)
	if err != nil {
		return err
	}
	nameOfKind, parent := book.Of(old.Record)
	if _, err := t.fetchCounters(op, []book.Name{nameOfKind, parent}); err != nil {
		return err
	}
	here, below := true, false
	if t.layered() {
		if here, err = t.lies(op, t.layers[:1], old.Seq); err != nil {
			return err
		}
		if below, err = t.lies(op, t.layers[1:], old.Seq); err != nil {
			return err
		}
	}
	t.wrote = true
	key := book.KeyOf(t.top(), old.Seq)
	if here {
		t.moveEntries(key, old, old.Record, nil)
		t.write("DELETE FROM record WHERE key = $1::bigint", key)
	}
	if below {
		t.write(`INSERT INTO record (key, seq, list, address, id, parent, created, updated, version, keys, body)
			VALUES ($1::bigint, $2::bigint, $3::bytea, $4::bytea, '', '', 0, 0, 0, '', '')`,
			key, old.Seq, within(t.top(), []byte{hidden}), hiddenAddress(t.top(), old.Seq))
	}
	t.tally(old.Record, -1)
	t.use(-1, -book.SizeOf(old.Record, old.Keys))
	t.learn(kind, id, nil)
	return nil
}

// hiddenAddress is the address of the row that says of a record that it is gone.
func hiddenAddress(layer, seq int64) []byte {
	return binary.BigEndian.AppendUint64(within(layer, []byte{hidden}), uint64(seq))
}

func (t *txn) existing(op, kind, id string) (*book.Stored, error) {
	s, err := t.record(op, kind, id)
	if err == nil && s == nil {
		err = book.NotFound(op, kind, id)
	}
	return s, err
}

// PutBlob implements [storage.Tx].
func (t *txn) PutBlob(content []byte) (string, error) {
	const op = "put blob"
	if err := t.create(op); err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	there := false
	layers := t.layers
	if layers == nil {
		layers = []int64{t.row}
	}
	if err := t.query(op, question{
		sql: "SELECT FROM blob WHERE workspace = ANY ($1::bigint[]) AND sha256 = $2::bytea LIMIT 1", args: []any{layers, sum[:]},
		row: func(pgx.Rows) error {
			there = true
			return nil
		},
	}); err != nil {
		return "", err
	}
	if !there {
		// The caller may do with the content what he likes.
		content = append(make([]byte, 0, len(content)), content...)
		t.write("INSERT INTO blob (workspace, sha256, content) VALUES ($1::bigint, $2::bytea, $3::bytea)", t.top(), sum[:], content)
		t.use(0, int64(len(content)))
	}
	return hex.EncodeToString(sum[:]), t.flushIfLarge(op)
}
