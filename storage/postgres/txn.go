package postgres

import (
	"encoding/hex"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
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
	cleared  bool // and does not exist since: its row has no layer yet
	wrote    bool
	revision int64 // before this update
	// layers are those in which its contents lie, the newest first; null if there is
	// one, of the number of the row. They are known once the transaction has begun.
	layers []int64
	usage  storage.Usage
	// Its settings; in a View they are not known before they are asked for.
	settled  bool
	settings storage.Settings
	time     time.Time // what its clock shows; zero before it looked

	// What this transaction has read or written.
	records  map[[2]string]*book.Stored
	counters map[book.Name]*counter
}

var (
	_ storage.ReadTx = (*txn)(nil)
	_ storage.Tx     = (*txn)(nil)
)

// counter is a row of the counter table.
type counter struct {
	book.Counter

	dirty bool // to be written at the commit
}

// locked reads the row of the workspace that was locked.
func (t *txn) locked(rows pgx.Rows) error {
	var s settingsScan
	if err := rows.Scan(append([]any{&t.row, &t.revision, &t.process, &t.id, &t.layers, &t.usage.Records, &t.usage.Bytes}, s.columns()...)...); err != nil {
		return err
	}
	t.exists, t.settled, t.settings = true, true, s.settings()
	return nil
}

// absent reports whether the workspace is known not to exist.
func (t *txn) absent() bool { return !t.readOnly && t.begun && !t.exists }

func (t *txn) nameable() bool { return utf8.ValidString(t.name) }

// layered reports whether the contents lie in several layers.
func (t *txn) layered() bool { return len(t.layers) > 1 }

// top is the layer that an update writes to.
func (t *txn) top() int64 {
	if len(t.layers) > 0 {
		return t.layers[0]
	}
	return t.row
}

// check refuses to go on after the end.
func (t *txn) check(op string) error {
	if t.over {
		return book.Failure(storage.CodeInvalid, op, "the transaction is over")
	}
	return t.err
}

// flat asks questions that are right if there is one layer; not ok if there are more.
func (t *txn) flat(op string, questions ...question) (ok bool, err error) {
	if err := t.check(op); err != nil {
		return false, err
	}
	if t.layered() && !t.absent() {
		return false, nil
	}
	for i := range questions {
		questions[i].flat = true
	}
	err = t.query(op, questions...)
	return !t.layered(), err
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
		} else if t.cleared {
			if err := t.relayer(op); err != nil {
				return err
			}
		}
		t.cleared = false
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
		t.write(markWorkspace, t.row, t.revision+1, token, t.usage.Records, t.usage.Bytes)
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
		places = append(places, within(t.top(), place(living, name.Kind, name.Name)))
		for i, v := range []int64{n.Last, n.Living, n.Gone, n.OwnLiving, n.OwnGone} {
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

// fetchCounters gets those of the counters that are not known yet, and asks other
// questions, which are right if there is one layer, in the same round trip; not ok if
// there are more.
func (t *txn) fetchCounters(op string, names []book.Name, questions ...question) (ok bool, err error) {
	var unknown []book.Name
	if t.counters == nil {
		t.counters = map[book.Name]*counter{}
	}
	for _, name := range names {
		if t.counters[name] == nil && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		questions = append(questions, t.countersIn(nil, unknown))
	}
	if ok, err := t.flat(op, questions...); ok || err != nil {
		return ok, err
	}
	if len(unknown) == 0 {
		return false, nil
	}
	questions = nil
	for _, layer := range slices.Backward(t.layers) { // what a newer one has hides what an older one has
		questions = append(questions, t.countersIn(&layer, unknown))
	}
	return false, t.query(op, questions...)
}

// countersIn asks for counters, in the only layer if none is given.
func (t *txn) countersIn(layer *int64, names []book.Name) question {
	places := make([][]byte, len(names))
	for i, name := range names {
		places[i] = place(living, name.Kind, name.Name)
	}
	in, of := inside, any(t.digest)
	if layer != nil {
		in, of = "$1::bytea || ", within(*layer, nil)
	}
	return question{
		sql: `SELECT p.n, c.last, c.living, c.gone, c.own_living, c.own_gone FROM unnest($2::bytea[]) WITH ORDINALITY p (place, n)
			CROSS JOIN LATERAL (SELECT last, living, gone, own_living, own_gone FROM counter
			WHERE place = ` + in + `p.place OFFSET 0) c`,
		args: []any{of, places},
		row: func(rows pgx.Rows) error {
			var i int64
			n := &counter{}
			if err := rows.Scan(&i, &n.Last, &n.Living, &n.Gone, &n.OwnLiving, &n.OwnGone); err != nil {
				return err
			}
			t.counters[names[i-1]] = n
			return nil
		},
	}
}

// counter is a counter that has been fetched: zero if there was no row.
func (t *txn) counter(name book.Name) *counter {
	n := t.counters[name]
	if n == nil {
		n = &counter{}
		t.counters[name] = n
	}
	return n
}

// tally moves a record's count: by is 1 or -1.
func (t *txn) tally(r storage.Record, by int64) {
	nameOfKind, nameOfParent := book.Of(r)
	kind, parent := t.counter(nameOfKind), t.counter(nameOfParent)
	kind.dirty, parent.dirty = true, true
	if r.Parent == "" {
		book.Tally(r, by, &kind.Counter, nil)
	} else {
		book.Tally(r, by, &kind.Counter, &parent.Counter)
	}
}

// step draws the next number of a sequence that has been fetched.
func (t *txn) step(op, name string) (int64, error) {
	n := t.counter(book.Sequence(name))
	next, ok := n.Step()
	if !ok {
		return 0, t.fail(op, "the sequence has come to its end")
	}
	n.Counter, n.dirty = next, true
	return next.Last, nil
}

// fail ends the transaction with a failure that is ours.
func (t *txn) fail(op, why string) error {
	t.err = book.Failure(storage.CodeInternal, op, why)
	return t.err
}

// record is the record as it is kept, nil if there is none.
func (t *txn) record(op, kind, id string) (*book.Stored, error) {
	if s, ok := t.records[[2]string{kind, id}]; ok {
		return s, t.check(op)
	}
	var s *book.Stored
	address := place(living, kind, id)
	read := func(rows pgx.Rows) error {
		var packed []byte
		r, err := scanRecord(kind, rows, &packed)
		if err != nil {
			return err
		}
		keys, err := storage.DecodeKeys(packed)
		s = &book.Stored{Record: r, Keys: keys}
		return err
	}
	const sql = "SELECT " + columns + ", r.keys FROM record r WHERE r.address = "
	ok, err := t.flat(op, question{sql: sql + inside + "$2::bytea", args: []any{t.digest, address}, row: read})
	if err == nil && !ok {
		s, err = t.recordInLayers(op, func(layer int64) question {
			return question{sql: sql + "$1::bytea", args: []any{within(layer, address)}, row: read}
		}, &s)
	}
	if err == nil {
		t.learn(kind, id, s)
	}
	return s, err
}

// recordInLayers asks every layer for a record, which read puts into found, and gives
// that of the newest layer which has it, nil if a newer one says that it is gone.
func (t *txn) recordInLayers(op string, ask func(layer int64) question, found **book.Stored) (*book.Stored, error) {
	at := make([]*book.Stored, len(t.layers))
	questions := make([]question, len(t.layers))
	for i, layer := range t.layers {
		questions[i] = ask(layer)
		read := questions[i].row
		questions[i].row = func(rows pgx.Rows) error {
			err := read(rows)
			at[i] = *found
			return err
		}
	}
	if err := t.query(op, questions...); err != nil {
		return nil, err
	}
	for i, s := range at {
		if s == nil {
			continue
		}
		hidden, err := t.lies(op, t.layers[:i], s.Seq)
		if err != nil || hidden {
			return nil, err
		}
		return s, nil
	}
	return nil, nil
}

// lies reports whether one of the layers has a record of this sequence number, or says
// that it is gone.
func (t *txn) lies(op string, layers []int64, seq int64) (there bool, err error) {
	if len(layers) == 0 {
		return false, nil
	}
	keys := make([]int64, len(layers))
	for i, layer := range layers {
		keys[i] = book.KeyOf(layer, seq)
	}
	err = t.query(op, question{
		sql: "SELECT FROM record WHERE key = ANY ($1::bigint[]) LIMIT 1", args: []any{keys},
		row: func(pgx.Rows) error {
			there = true
			return nil
		},
	})
	return there, err
}

func (t *txn) learn(kind, id string, s *book.Stored) {
	if t.records == nil {
		t.records = map[[2]string]*book.Stored{}
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
		sql:  "SELECT " + settingsColumns + " FROM workspace WHERE digest = $1::bytea",
		args: []any{t.digest},
		row:  func(rows pgx.Rows) error { return rows.Scan(s.columns()...) },
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

// Usage implements [storage.ReadTx].
func (t *txn) Usage() (storage.Usage, error) {
	const op = "usage"
	if err := t.check(op); err != nil {
		return storage.Usage{}, err
	}
	if !t.readOnly {
		err := t.start(op)
		return t.usage, err
	}
	err := t.query(op, question{
		sql: "SELECT records, bytes FROM workspace WHERE digest = $1::bytea", args: []any{t.digest},
		row: func(rows pgx.Rows) error { return rows.Scan(&t.usage.Records, &t.usage.Bytes) },
	})
	return t.usage, err
}

// use moves what the workspace holds.
func (t *txn) use(records, bytes int64) {
	t.usage.Records += records
	t.usage.Bytes += bytes
}

// Last implements [storage.ReadTx].
func (t *txn) Last(name string) (int64, error) {
	if _, err := t.fetchCounters("last", []book.Name{book.Sequence(name)}); err != nil || name == "" {
		return 0, err
	}
	return t.counter(book.Sequence(name)).Last, nil
}

// Get implements [storage.ReadTx].
func (t *txn) Get(kind, id string) (storage.Record, error) {
	const op = "get"
	s, err := t.record(op, kind, id)
	if err != nil {
		return storage.Record{}, err
	}
	if s == nil {
		return storage.Record{}, book.NotFound(op, kind, id)
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
	args := []any{nil, place(mark, kind, index), head, tail}
	const from, to = "SELECT " + columns + " FROM (SELECT key FROM entry WHERE list = ", `$2::bytea AND head = $3::bytea AND tail = $4::bytea`
	const end = " ORDER BY key LIMIT 1) p" + recordsOf
	read := func(rows pgx.Rows) error {
		found, err := scanRecord(kind, rows)
		if r.Seq == 0 || found.Seq < r.Seq {
			r = found
		}
		return err
	}
	args[0] = t.digest
	ok, err := t.flat(op, question{sql: from + inside + to + end, args: args, row: read})
	if err == nil && !ok {
		var questions []question
		for i, layer := range t.layers {
			questions = append(questions, question{
				sql:  from + "$1::bytea || " + to + hiddenBy("entry", t.layers[:i]) + end,
				args: []any{within(layer, nil), args[1], head, tail}, row: read,
			})
		}
		err = t.query(op, questions...)
	}
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
	if _, err := t.fetchCounters("count", []book.Name{{Kind: kind, Name: parent}}); err != nil || kind == "" {
		return 0, err
	}
	return t.counter(book.Name{Kind: kind, Name: parent}).Count(deleted), nil
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
		read := func(rows pgx.Rows) error {
			found = true
			return rows.Scan(&content)
		}
		ok, err := t.flat(op, question{
			sql:  "SELECT content FROM blob WHERE workspace = " + topOf + " AND sha256 = $2::bytea",
			args: []any{t.digest, raw}, row: read,
		})
		if err == nil && !ok {
			err = t.query(op, question{
				sql:  "SELECT content FROM blob WHERE workspace = ANY ($1::bigint[]) AND sha256 = $2::bytea LIMIT 1",
				args: []any{t.layers, raw}, row: read,
			})
		}
		if err != nil {
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
	if _, err := t.fetchCounters(op, []book.Name{book.Sequence(storage.SequenceOfIDs)}); err != nil {
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
	if err := book.CheckSequence(op, name); err != nil {
		return 0, err
	}
	if _, err := t.fetchCounters(op, []book.Name{book.Sequence(name)}); err != nil {
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
		if err := book.CheckSequence(op, name); err != nil {
			return err
		}
	}
	if _, err := t.fetchCounters(op, []book.Name{book.Sequence(name)}); err != nil {
		return err
	}
	if n <= 0 || n <= t.counter(book.Sequence(name)).Last {
		return nil
	}
	if err := t.create(op); err != nil {
		return err
	}
	c := t.counter(book.Sequence(name))
	c.Last, c.dirty = n, true
	return nil
}
