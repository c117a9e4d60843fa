package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/storage"
)

// txn is a transaction on one workspace.
type txn struct {
	*session

	name   string
	digest []byte

	// The workspace, in an update once it has begun.
	row      int64 // the number of its row, which is locked; 0 if there is none
	made     bool  // the row, by this transaction
	exists   bool
	wrote    bool
	revision int64 // before this update
	// Its settings; in a View they are not known before they are asked for.
	settled  bool
	settings storage.Settings
	time     time.Time // what its clock shows; zero before it looked

	// What this transaction has read or written.
	records  map[[2]string]*stored
	counters map[[2]string]*tally
}

var (
	_ storage.ReadTx = (*txn)(nil)
	_ storage.Tx     = (*txn)(nil)
)

// stored is a record as it is kept, with its keys.
type stored struct {
	storage.Record
	keys []storage.Key
}

// tally is a row of the counter table.
type tally struct {
	last               int64
	living, gone       int64
	ownLiving, ownGone int64
	dirty              bool // to be written at the commit
}

// locked reads the row of the workspace that was locked.
func (t *txn) locked(rows pgx.Rows) error {
	var s settingsScan
	if err := rows.Scan(append([]any{&t.row, &t.revision, &t.process, &t.id}, s.columns()...)...); err != nil {
		return err
	}
	t.exists, t.settled, t.settings = true, true, s.settings()
	return nil
}

// absent reports whether the workspace is known not to exist.
func (t *txn) absent() bool { return !t.readOnly && t.begun && !t.exists }

func (t *txn) nameable() bool { return utf8.ValidString(t.name) }

// check refuses to go on after the end.
func (t *txn) check(op string) error {
	if t.over {
		return failure(storage.CodeInvalid, op, "the transaction is over")
	}
	return t.err
}

// query asks questions about this workspace.
func (t *txn) query(op string, questions ...question) error {
	if err := t.check(op); err != nil {
		return err
	}
	if t.absent() || len(questions) == 0 {
		return nil
	}
	return t.ask(op, t, questions...)
}

// start makes sure that it is known whether the workspace exists.
func (t *txn) start(op string) error {
	if err := t.check(op); err != nil || t.begun {
		return err
	}
	return t.ask(op, t)
}

// create makes the workspace, if it does not exist, for something to be written.
func (t *txn) create(op string) error {
	if err := t.start(op); err != nil {
		return err
	}
	if !t.exists {
		if t.row == 0 {
			if err := t.make(op, t); err != nil {
				return err
			}
		}
		t.exists, t.settled = true, true
	}
	t.wrote = true
	return nil
}

// leave adds to what is pending what the row of the workspace needs at the end.
func (t *txn) leave(token []byte) {
	switch {
	case t.row == 0:
	case !t.exists:
		t.write("DELETE FROM workspace WHERE number = $1::bigint", t.row)
	case t.wrote:
		t.writeCounters()
		t.write(markWorkspace, t.row, t.revision+1, token)
	}
}

func (t *txn) writeCounters() {
	var places [][]byte
	var columns [5][]int64
	for name, n := range t.counters {
		if !n.dirty {
			continue
		}
		n.dirty = false
		places = append(places, within(t.row, place(living, name[0], name[1])))
		for i, v := range []int64{n.last, n.living, n.gone, n.ownLiving, n.ownGone} {
			columns[i] = append(columns[i], v)
		}
	}
	if len(places) > 0 {
		t.write(`INSERT INTO counter (place, last, living, gone, own_living, own_gone)
			SELECT c.place, c.last, c.living, c.gone, c.own_living, c.own_gone
			FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
			c (place, last, living, gone, own_living, own_gone)
			ON CONFLICT (place) DO UPDATE SET last = excluded.last, living = excluded.living, gone = excluded.gone,
			own_living = excluded.own_living, own_gone = excluded.own_gone`,
			places, columns[0], columns[1], columns[2], columns[3], columns[4])
	}
}

// fetchCounters asks for those of the counters that are not known yet.
func (t *txn) fetchCounters(names ...[2]string) []question {
	var unknown [][2]string
	var places [][]byte
	if t.counters == nil {
		t.counters = map[[2]string]*tally{}
	}
	for _, name := range names {
		if t.counters[name] == nil && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
			places = append(places, place(living, name[0], name[1]))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return []question{{
		`SELECT p.n, c.last, c.living, c.gone, c.own_living, c.own_gone FROM unnest($2::bytea[]) WITH ORDINALITY p (place, n)
			CROSS JOIN LATERAL (SELECT last, living, gone, own_living, own_gone FROM counter
			WHERE place = ` + inside + `p.place OFFSET 0) c`,
		[]any{t.digest, places},
		func(rows pgx.Rows) error {
			var i int64
			n := &tally{}
			if err := rows.Scan(&i, &n.last, &n.living, &n.gone, &n.ownLiving, &n.ownGone); err != nil {
				return err
			}
			t.counters[unknown[i-1]] = n
			return nil
		},
	}}
}

// counter is a counter that has been fetched: zero if there was no row.
func (t *txn) counter(kind, name string) *tally {
	n := t.counters[[2]string{kind, name}]
	if n == nil {
		n = &tally{}
		t.counters[[2]string{kind, name}] = n
	}
	return n
}

// sequence names the counter of a sequence.
func sequence(name string) [2]string { return [2]string{"", name} }

// countersOf names the counters that a record counts in.
func countersOf(r storage.Record) [][2]string {
	return [][2]string{{r.Kind, ""}, {r.Kind, r.Parent}}
}

// tally moves a record's count: by is 1 or -1.
func (t *txn) tally(r storage.Record, by int64) {
	kind := t.counter(r.Kind, "")
	kind.dirty = true
	if r.Living() {
		kind.living += by
	} else {
		kind.gone += by
	}
	switch {
	case r.Parent != "":
		parent := t.counter(r.Kind, r.Parent)
		parent.dirty = true
		if r.Living() {
			parent.living += by
		} else {
			parent.gone += by
		}
	case r.Living():
		kind.ownLiving += by
	default:
		kind.ownGone += by
	}
}

// step draws the next number of a sequence that has been fetched.
func (t *txn) step(op, name string) (int64, error) {
	n := t.counter("", name)
	if n.last == math.MaxInt64 {
		return 0, t.fail(op, "the sequence has come to its end")
	}
	n.last++
	n.dirty = true
	return n.last, nil
}

// fail ends the transaction with a failure that is ours.
func (t *txn) fail(op, why string) error {
	t.err = failure(storage.CodeInternal, op, why)
	return t.err
}

// record is the record as it is kept, nil if there is none.
func (t *txn) record(op, kind, id string) (*stored, error) {
	if s, ok := t.records[[2]string{kind, id}]; ok {
		return s, t.check(op)
	}
	var s *stored
	err := t.query(op, question{
		"SELECT " + columns + ", r.keys FROM record r WHERE r.address = " + inside + "$2::bytea",
		[]any{t.digest, place(living, kind, id)},
		func(rows pgx.Rows) error {
			var packed []byte
			r, err := scanRecord(kind, rows, &packed)
			if err != nil {
				return err
			}
			keys, err := storage.DecodeKeys(packed)
			s = &stored{r, keys}
			return err
		},
	})
	if err == nil {
		t.learn(kind, id, s)
	}
	return s, err
}

func (t *txn) learn(kind, id string, s *stored) {
	if t.records == nil {
		t.records = map[[2]string]*stored{}
	}
	t.records[[2]string{kind, id}] = s
}

// Workspace implements [storage.ReadTx].
func (t *txn) Workspace() string { return t.name }

// Settings implements [storage.ReadTx].
func (t *txn) Settings() (storage.Settings, error) {
	const op = "settings"
	if err := t.check(op); err != nil {
		return storage.Settings{}, err
	}
	if !t.readOnly {
		err := t.start(op)
		return t.settings, err
	}
	if t.settled {
		return t.settings, nil
	}
	var s settingsScan
	err := t.query(op, question{
		"SELECT " + settingsColumns + " FROM workspace WHERE digest = $1::bytea",
		[]any{t.digest},
		func(rows pgx.Rows) error { return rows.Scan(s.columns()...) },
	})
	if err != nil {
		return storage.Settings{}, err
	}
	t.settled, t.settings = true, s.settings()
	return t.settings, nil
}

// Now implements [storage.ReadTx].
func (t *txn) Now() time.Time {
	if t.time.IsZero() {
		s, err := t.Settings()
		if err != nil && t.readOnly && !t.over {
			t.lost = err
		}
		at := s.Clock.Now(t.now())
		if err != nil {
			return at
		}
		t.time = at
	}
	return t.time
}

// Last implements [storage.ReadTx].
func (t *txn) Last(name string) (int64, error) {
	if err := t.query("last", t.fetchCounters(sequence(name))...); err != nil || name == "" {
		return 0, err
	}
	return t.counter("", name).last, nil
}

// Get implements [storage.ReadTx].
func (t *txn) Get(kind, id string) (storage.Record, error) {
	const op = "get"
	s, err := t.record(op, kind, id)
	if err != nil {
		return storage.Record{}, err
	}
	if s == nil {
		return storage.Record{}, notFound(op, kind, id)
	}
	return s.Record, nil
}

// Find implements [storage.ReadTx].
func (t *txn) Find(kind, index, value string) (storage.Record, error) {
	const op = "find"
	head, tail := split(value)
	mark := living
	if len(tail) > 0 {
		mark |= withTail
	}
	var r storage.Record
	err := t.query(op, question{
		"SELECT " + columns + " FROM (SELECT key FROM entry WHERE list = " + inside + `$2::bytea AND head = $3::bytea AND tail = $4::bytea
			ORDER BY key LIMIT 1) p` + recordsOf,
		[]any{t.digest, place(mark, kind, index), head, tail},
		func(rows pgx.Rows) (err error) {
			r, err = scanRecord(kind, rows)
			return err
		},
	})
	if err != nil {
		return storage.Record{}, err
	}
	if r.Seq == 0 {
		return storage.Record{}, &storage.Error{Code: storage.CodeNotFound, Op: op, Kind: kind, Index: index}
	}
	return r, nil
}

// Count implements [storage.ReadTx].
func (t *txn) Count(kind, parent string, deleted bool) (int64, error) {
	if err := t.query("count", t.fetchCounters([2]string{kind, parent})...); err != nil || kind == "" {
		return 0, err
	}
	n := t.counter(kind, parent)
	if deleted {
		return n.gone, nil
	}
	return n.living, nil
}

// List implements [storage.ReadTx].
func (t *txn) List(kind string, q storage.Query) (storage.Page, error) {
	const op = "list"
	if err := q.Validate(); err != nil {
		return storage.Page{}, err
	}
	var after *spotAfter
	if q.After != "" {
		value, seq, err := q.Position()
		if err != nil {
			return storage.Page{}, err
		}
		after = &spotAfter{value, seq}
	}
	if err := t.check(op); err != nil {
		return storage.Page{}, err
	}
	if few, err := t.few(op, kind, q); err != nil || few != nil {
		if err != nil {
			return storage.Page{}, err
		}
		return q.Select(few)
	}
	l := newListing(t.digest, kind, q, after)
	page, last, more := storage.Page{}, "", false
	questions := []question{{l.page, l.args, func(rows pgx.Rows) error {
		if q.Limit > 0 && len(page.Records) == q.Limit {
			more = true
			return nil
		}
		r, value, err := scanListed(kind, q, rows)
		page.Records, last = append(page.Records, r), value
		return err
	}}}
	count := question{l.count, l.countArgs, func(rows pgx.Rows) error { return rows.Scan(&page.Total) }}
	// The first page may turn out to be all there is.
	first := q.After == "" && q.Offset == 0 && (q.Own() != nil || q.Index == "")
	switch {
	case !q.Filtered():
		questions = append(questions, t.fetchCounters(parentOf(kind, q))...)
	case !first:
		questions = append(questions, count)
	}
	if err := t.query(op, questions...); err != nil {
		return storage.Page{}, err
	}
	if more {
		page.Next = q.CursorAfter(last, page.Records[len(page.Records)-1].Seq)
	}
	switch {
	case !q.Filtered():
		page.Total = t.total(kind, q)
	case first && !more:
		page.Total = int64(len(page.Records))
	case first:
		if err := t.query(op, count); err != nil {
			return storage.Page{}, err
		}
	}
	return page, nil
}

// parentOf names the counter that counts a list.
func parentOf(kind string, q storage.Query) [2]string {
	if q.Parent != nil {
		return [2]string{kind, *q.Parent}
	}
	return [2]string{kind, ""}
}

// total is the total of a list of which everything is counted.
func (t *txn) total(kind string, q storage.Query) int64 {
	if kind == "" {
		return 0
	}
	name := parentOf(kind, q)
	n := t.counter(name[0], name[1])
	switch own := q.Parent != nil && *q.Parent == ""; {
	case own && q.Deleted:
		return n.ownGone
	case own:
		return n.ownLiving
	case q.Deleted:
		return n.gone
	}
	return n.living
}

// Blob implements [storage.ReadTx].
func (t *txn) Blob(sum string) ([]byte, error) {
	const op = "blob"
	raw, err := hex.DecodeString(sum)
	known := err == nil && hex.EncodeToString(raw) == sum // lower-case
	if err := t.check(op); err != nil {
		return nil, err
	}
	var content []byte
	found := false
	if known {
		if err := t.query(op, question{
			"SELECT content FROM blob WHERE workspace = " + numberOf + " AND sha256 = $2::bytea",
			[]any{t.digest, raw},
			func(rows pgx.Rows) error {
				found = true
				return rows.Scan(&content)
			},
		}); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, &storage.Error{Code: storage.CodeNotFound, Op: op}
	}
	return content, nil
}

// NewID implements [storage.Tx].
func (t *txn) NewID() string {
	const op = "new id"
	s, err := t.Settings()
	if err != nil {
		return ""
	}
	if s.IDs.Source == storage.IDsRandom {
		return t.store.options.NewID()
	}
	if err := t.query(op, t.fetchCounters(sequence(storage.SequenceOfIDs))...); err != nil {
		return ""
	}
	if err := t.create(op); err != nil {
		return ""
	}
	n, err := t.step(op, storage.SequenceOfIDs)
	if err != nil {
		return ""
	}
	return s.IDs.ID(n)
}

// Next implements [storage.Tx].
func (t *txn) Next(name string) (int64, error) {
	const op = "next"
	if err := checkSequence(op, name); err != nil {
		return 0, err
	}
	if err := t.query(op, t.fetchCounters(sequence(name))...); err != nil {
		return 0, err
	}
	if err := t.create(op); err != nil {
		return 0, err
	}
	return t.step(op, name)
}

// AtLeast implements [storage.Tx].
func (t *txn) AtLeast(name string, n int64) error {
	const op = "at least"
	if name != storage.SequenceOfIDs {
		if err := checkSequence(op, name); err != nil {
			return err
		}
	}
	if err := t.query(op, t.fetchCounters(sequence(name))...); err != nil {
		return err
	}
	if n <= 0 || n <= t.counter("", name).last {
		return nil
	}
	if err := t.create(op); err != nil {
		return err
	}
	c := t.counter("", name)
	c.last, c.dirty = n, true
	return nil
}

func checkSequence(op, name string) error {
	if name == "" || name[0] == 0 || !utf8.ValidString(name) {
		return failure(storage.CodeInvalid, op, "a sequence needs a name in UTF-8 that does not begin with a NUL")
	}
	return nil
}

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
	return []question{{
		`SELECT p.n, e.key FROM unnest($2::bytea[]) WITH ORDINALITY p (place, n)
			CROSS JOIN LATERAL (SELECT key FROM entry WHERE uniq = ` + inside + `p.place OFFSET 0) e`,
		[]any{t.digest, places},
		func(rows pgx.Rows) error {
			var n, key int64
			err := rows.Scan(&n, &key)
			if key&maxSeq != r.Seq { // its own is no conflict
				*first = min(*first, numbers[n-1])
			}
			return err
		},
	}}
}

// Insert implements [storage.Tx].
func (t *txn) Insert(r storage.Record, keys []storage.Key) (storage.Record, error) {
	const op = "insert"
	if err := storage.CheckRecord(op, r, keys); err != nil {
		return storage.Record{}, err
	}
	r.Seq = 0
	var holder int
	questions := t.fetchCounters(append(countersOf(r), sequence(""))...)
	questions = append(questions, t.taken(r, keys, &holder)...)
	there, asked := t.records[[2]string{r.Kind, r.ID}]
	used := there != nil
	if !asked {
		questions = append(questions, question{
			"SELECT FROM record WHERE address = " + inside + "$2::bytea",
			[]any{t.digest, place(living, r.Kind, r.ID)},
			func(pgx.Rows) error {
				used = true
				return nil
			},
		})
	}
	if err := t.query(op, questions...); err != nil {
		return storage.Record{}, err
	}
	switch {
	case used:
		return storage.Record{}, conflict(op, r, "")
	case holder < len(keys):
		return storage.Record{}, conflict(op, r, keys[holder].Index)
	}
	if err := t.create(op); err != nil {
		return storage.Record{}, err
	}
	seq, err := t.step(op, "")
	if err != nil {
		return storage.Record{}, err
	}
	if seq > maxSeq {
		return storage.Record{}, t.fail(op, "too many records")
	}
	r.Seq, r.Version = seq, 1
	r.Created, r.Updated = t.timeOf(r.Created), t.timeOf(r.Updated)
	r.Body = append(make([]byte, 0, len(r.Body)), r.Body...)
	if !r.Living() {
		r.Deleted = micro(r.Deleted)
	}
	key := keyOf(t.row, seq)
	t.write(`INSERT INTO record (key, seq, list, family, address, id, parent, created, updated, deleted, version, keys, body)
		VALUES ($1::bigint, $2::bigint, $3::bytea, $4::bytea, $5::bytea, $6::bytea, $7::bytea,
		$8::bigint, $9::bigint, $10::bigint, 1, $11::bytea, $12::bytea)`,
		key, seq, within(t.row, place(markOf(r), r.Kind)), familyOf(t.row, r), within(t.row, place(living, r.Kind, r.ID)),
		[]byte(r.ID), []byte(r.Parent), r.Created.UnixMicro(), r.Updated.UnixMicro(), deletedOf(r), storage.EncodeKeys(keys), r.Body)
	t.writeEntries(key, r, keys)
	t.tally(r, 1)
	t.learn(r.Kind, r.ID, &stored{r, slices.Clone(keys)})
	return r, t.flushIfLarge(op)
}

// timeOf is a time that the caller may have given.
func (t *txn) timeOf(given time.Time) time.Time {
	if given.IsZero() {
		return t.Now()
	}
	return micro(given)
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
		s := spotOf(t.row, r, k)
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
	r.Seq, r.Parent, r.Created, r.Version = old.Seq, old.Parent, old.Created, old.Version+1
	r.Updated = t.Now()
	r.Body = append(make([]byte, 0, len(r.Body)), r.Body...)
	if !r.Living() {
		r.Deleted = micro(r.Deleted)
	}
	var questions []question
	moved := old.Living() != r.Living()
	if moved {
		questions = t.fetchCounters(countersOf(r)...)
	}
	// A key that it has already is its own.
	var fresh []storage.Key
	for _, k := range keys {
		if moved || !slices.Contains(old.keys, k) {
			fresh = append(fresh, k)
		}
	}
	var holder int
	questions = append(questions, t.taken(r, fresh, &holder)...)
	if err := t.query(op, questions...); err != nil {
		return storage.Record{}, err
	}
	if holder < len(fresh) {
		return storage.Record{}, conflict(op, r, fresh[holder].Index)
	}
	t.wrote = true
	key := keyOf(t.row, r.Seq)
	t.moveEntries(key, old, r, keys)
	t.write(`UPDATE record SET list = $2::bytea, family = $3::bytea, updated = $4::bigint, deleted = $5::bigint,
		version = $6::bigint, keys = $7::bytea, body = $8::bytea WHERE key = $1::bigint`,
		key, within(t.row, place(markOf(r), r.Kind)), familyOf(t.row, r), r.Updated.UnixMicro(), deletedOf(r),
		r.Version, storage.EncodeKeys(keys), r.Body)
	if moved {
		t.tally(old.Record, -1)
		t.tally(r, 1)
	}
	t.learn(r.Kind, r.ID, &stored{r, slices.Clone(keys)})
	return r, t.flushIfLarge(op)
}

// moveEntries makes the entries of a record those of its new state.
func (t *txn) moveEntries(key int64, old *stored, r storage.Record, keys []storage.Key) {
	var added []storage.Key
	var list []byte // from which heads are removed
	var heads [][]byte
	remove := func() {
		if len(heads) > 0 {
			t.write("DELETE FROM entry WHERE list = $1::bytea AND head = ANY ($2::bytea[]) AND key = $3::bigint", list, heads, key)
		}
		heads = nil
	}
	for _, k := range old.keys {
		from := spotOf(t.row, old.Record, k)
		switch {
		case !slices.Contains(keys, k):
			if !bytes.Equal(from.list, list) {
				remove()
			}
			list, heads = from.list, append(heads, from.head)
		case old.Living() != r.Living():
			to := spotOf(t.row, r, k)
			t.write(`UPDATE entry SET list = $4::bytea, family = $5::bytea, uniq = $6::bytea
				WHERE list = $1::bytea AND head = $2::bytea AND key = $3::bigint`,
				from.list, from.head, key, to.list, to.family, to.uniq)
		}
	}
	remove()
	for _, k := range keys { // last, for a value may stay with another key
		if !slices.Contains(old.keys, k) {
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
	if err := t.query(op, t.fetchCounters(countersOf(old.Record)...)...); err != nil {
		return err
	}
	t.wrote = true
	key := keyOf(t.row, old.Seq)
	t.moveEntries(key, old, old.Record, nil)
	t.write("DELETE FROM record WHERE key = $1::bigint", key)
	t.tally(old.Record, -1)
	t.learn(kind, id, nil)
	return nil
}

func (t *txn) existing(op, kind, id string) (*stored, error) {
	s, err := t.record(op, kind, id)
	if err == nil && s == nil {
		err = notFound(op, kind, id)
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
	// The caller may do with the content what he likes.
	content = append(make([]byte, 0, len(content)), content...)
	t.write(`INSERT INTO blob (workspace, sha256, content) VALUES ($1::bigint, $2::bytea, $3::bytea)
		ON CONFLICT (workspace, sha256) DO NOTHING`, t.row, sum[:], content)
	return hex.EncodeToString(sum[:]), t.flushIfLarge(op)
}

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
	t.write("DELETE FROM record WHERE key >= $1::bigint AND key < $2::bigint", keyOf(t.row, 0), keyOf(t.row+1, 0))
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
		return failure(storage.CodeInvalid, op, "the other workspace is of another transaction")
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
		keyOf(f.row, 0), keyOf(t.row, 0), keyOf(f.row+1, 0), to)
	t.write(`INSERT INTO entry (list, head, key, tail, family, uniq)
		SELECT $3::bytea || substr(list, 9), head, key - $4::bigint + $5::bigint, tail,
		$3::bytea || substr(family, 9), $3::bytea || substr(uniq, 9)
		FROM entry WHERE list >= $1::bytea AND list < $2::bytea`,
		first, end, to, keyOf(f.row, 0), keyOf(t.row, 0))
	t.write(`INSERT INTO counter (place, last, living, gone, own_living, own_gone)
		SELECT $3::bytea || substr(place, 9), last, living, gone, own_living, own_gone
		FROM counter WHERE place >= $1::bytea AND place < $2::bytea`, first, end, to)
	t.write(`INSERT INTO blob (workspace, sha256, content)
		SELECT $2::bigint, sha256, content FROM blob WHERE workspace = $1::bigint`, f.row, t.row)
	t.settle(f.settings)
	return nil
}

func conflict(op string, r storage.Record, index string) error {
	return &storage.Error{Code: storage.CodeConflict, Op: op, Kind: r.Kind, ID: r.ID, Index: index}
}
