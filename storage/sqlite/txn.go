package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// txn is a transaction on one workspace: the reading of a View, or all of an
// Update.
type txn struct {
	store      *Store
	name       string
	run        *run
	generation uint64    // of the committed state it sees
	known      *space    // the workspace as this transaction sees it; nil before it looked
	clock      time.Time // what the workspace's clock shows; zero before it looked

	// A View.
	ctx     context.Context
	conn    *conn // its snapshot, once the cache was not enough
	holding bool  // store.visible, for reading
	lost    bool  // err is to be told by View, for a method could not
	err     error // its connection failed

	// An Update.
	group *group
	work  *work
}

var (
	_ storage.ReadTx = (*txn)(nil)
	_ storage.Tx     = (*txn)(nil)
)

// endView gives back what a View holds, also after a panic in its function.
func (t *txn) endView() {
	t.run.over = true
	if t.conn != nil {
		if t.store.onDisk() && t.err == nil {
			t.err = t.conn.exec("COMMIT")
		}
		t.store.giveBack(t.conn, t.err)
	}
	t.release()
}

func (t *txn) release() {
	if t.holding {
		t.holding = false
		t.store.visible.RUnlock()
	}
}

// query runs a reading statement on what this transaction sees.
func (t *txn) query(op, sql string, row func([]driver.Value) error, args ...any) error {
	if t.group != nil {
		end, err := t.statement()
		if err != nil {
			return err
		}
		defer end()
		err = mapError(op, t.store.writer.conn.query(sql, row, args...))
		if err != nil && fatal(err) && !isEnough(err) && t.group.fatal == nil {
			t.group.fatal = err
		}
		return err
	}
	if t.err != nil {
		return mapError(op, t.err)
	}
	if t.conn == nil {
		c, err := t.store.reader(t.ctx)
		if err != nil {
			return mapError(op, err)
		}
		t.conn = c
		if t.store.onDisk() {
			if t.err = c.exec("BEGIN"); t.err != nil {
				return mapError(op, t.err)
			}
		}
	}
	t.err = t.conn.query(sql, row, args...)
	if t.store.onDisk() {
		// The first statement has fixed the snapshot: it equals what the cache
		// showed so far, and commits need not wait any longer.
		t.release()
	}
	return mapError(op, t.err)
}

// exec runs a writing statement.
func (t *txn) exec(op, sql string, args ...any) error {
	end, err := t.statement()
	if err != nil {
		return err
	}
	defer end()
	w := &t.store.writer
	if err := w.begin(t.work); err != nil {
		return err
	}
	err = mapError(op, w.conn.exec(sql, args...))
	if err != nil && fatal(err) {
		t.group.fatal = err
	}
	return err
}

// statement makes sure that an update may run a statement now; end is called after it.
func (t *txn) statement() (end func(), err error) {
	if t.work.aside != nil {
		return t.work.aside.enter()
	}
	return func() {}, t.store.writer.spend(t.work)
}

// begin makes sure that what an update has written in memory alone is committed.
func (t *txn) begin() error {
	end, err := t.statement()
	if err != nil {
		return err
	}
	defer end()
	return t.store.writer.begin(t.work)
}

// lookup finds a thing in what this transaction, its group, or the cache knows.
func (t *txn) lookup(r ref) (any, bool) {
	if t.group != nil {
		if v, ok := t.work.dirty[r]; ok {
			return v, true
		}
		if t.work.aside != nil {
			return nil, false // its own number is not in the cache
		}
		if v, ok := t.group.dirty[r]; ok {
			return v, true
		}
	}
	return t.store.cache.get(t.generation, r)
}

func (t *txn) learn(r ref, v any) {
	if t.group == nil || t.work.aside == nil {
		t.store.cache.learn(t.generation, r, v)
	}
}

// space is the workspace.
func (t *txn) space(op string) (*space, error) {
	if t.run.over {
		return nil, book.Failure(storage.CodeInvalid, op, "the transaction is over")
	}
	if t.known != nil {
		return t.known, nil
	}
	r := ref{class: ofWorkspace, a: t.name}
	if v, ok := t.lookup(r); ok {
		t.known, _ = v.(*space)
		return t.known, nil
	}
	s, err := t.read(op, "w.name = ?", t.name)
	if err != nil {
		return nil, err
	}
	t.learn(r, s)
	t.known = s
	if t.group != nil && t.work.aside != nil && s.number != 0 {
		err = t.setAside(op)
	}
	return t.known, err
}

// read reads a workspace from the database.
func (t *txn) read(op, where string, arg any) (*space, error) {
	s := &space{}
	err := t.query(op, `SELECT w.id, w.frozen, w.stands_at, w.runs_ahead, w.id_source, w.id_seed, w.data, c.layer
		FROM workspace w LEFT JOIN chain c ON c.workspace = w.id WHERE `+where+` ORDER BY c.depth`, func(v []driver.Value) error {
		s.number, s.settings = integer(v[0]), scanSettings(v[1:])
		layer, chained := v[7].(int64)
		if !chained {
			layer = s.number
		}
		s.layers = append(s.layers, layer)
		return nil
	}, arg)
	if err != nil || !s.layered() {
		return s, err
	}
	full, err := t.holds(op, s.top())
	s.blank = !full
	return s, err
}

// holds reports whether anything lies in a layer.
func (t *txn) holds(op string, layer int64) (full bool, err error) {
	err = t.query(op, `SELECT EXISTS (SELECT 1 FROM record WHERE key BETWEEN ? AND ?)
		OR EXISTS (SELECT 1 FROM counter WHERE workspace = ?) OR EXISTS (SELECT 1 FROM blob WHERE workspace = ?)`,
		func(v []driver.Value) error {
			full = integer(v[0]) == 1
			return nil
		}, book.KeyOf(layer, 0), book.KeyOf(layer, book.MaxSeq), layer, layer)
	return full, err
}

// become makes the workspace another; settle sees to the database.
func (t *txn) become(s *space) {
	if t.work.was == nil {
		t.work.was = map[string]*space{}
	}
	if _, ok := t.work.was[t.name]; !ok {
		t.work.was[t.name] = t.known
	}
	t.known, t.clock = s, time.Time{}
	t.work.dirty[ref{class: ofWorkspace, a: t.name}] = s
}

// create is space for writing: it makes the workspace.
func (t *txn) create(op string) (*space, error) {
	s, err := t.space(op)
	switch {
	case err != nil:
		return nil, err
	case s.number == 0:
		return t.found(op, storage.Settings{})
	case s.blank:
		t.written()
	}
	return t.known, nil
}

// written notes that something lies in the newest layer.
func (t *txn) written() {
	if s := t.known; s.blank {
		clock := t.clock
		t.become(&space{s.number, s.layers, false, s.settings})
		t.clock = clock
	}
}

// found makes the workspace, which does not exist, under a number of its own.
func (t *txn) found(op string, settings storage.Settings) (*space, error) {
	if !utf8.ValidString(t.name) {
		return nil, book.Failure(storage.CodeInvalid, op, "the workspace's name is not UTF-8")
	}
	n, err := t.number(op)
	if err != nil {
		return nil, err
	}
	t.become(&space{number: n, layers: []int64{n}, settings: settings})
	return t.known, nil
}

// number is a number that no workspace and no layer has had.
func (t *txn) number(op string) (int64, error) {
	end, err := t.statement()
	if err != nil {
		return 0, err
	}
	w := &t.store.writer
	full := w.numbers >= book.MaxNumber
	if !full {
		w.numbers++
	}
	n := w.numbers
	end()
	switch {
	case full:
		return 0, t.give(book.Failure(storage.CodeInternal, op, "too many workspaces"))
	case t.work.aside != nil:
		return n, t.stage(op, n)
	}
	return n, nil
}

// record is the record as it is kept, nil if there is none.
func (t *txn) record(op string, sp *space, kind, id string) (*book.Stored, error) {
	r := ref{ofRecord, sp.number, kind, id}
	if v, ok := t.lookup(r); ok {
		s, _ := v.(*book.Stored)
		return s, nil
	}
	var s *book.Stored
	layers := sp.seen()
	for i, layer := range layers {
		err := t.query(op, "SELECT "+columns+", r.keys FROM record r WHERE r.workspace = ? AND r.kind = ? AND r.id = ?",
			func(v []driver.Value) error {
				keys, err := storage.DecodeKeys(blob(v[keyColumn]))
				s = &book.Stored{Record: scanRecord(kind, v).Cached(), Keys: keys}
				return err
			}, layer, kind, id)
		if err != nil {
			return nil, err
		}
		if s == nil {
			continue
		}
		hidden, err := t.lies(op, layers[:i], s.Seq)
		if err != nil {
			return nil, err
		}
		if hidden {
			s = nil
		}
		break
	}
	t.learn(r, s)
	return s, nil
}

// lies reports whether one of the layers has a record of this sequence number, or says
// that it is gone.
func (t *txn) lies(op string, layers []int64, seq int64) (there bool, err error) {
	for _, layer := range layers {
		if err := t.query(op, "SELECT 1 FROM record WHERE key = ?", func([]driver.Value) error {
			there = true
			return nil
		}, book.KeyOf(layer, seq)); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

// Workspace implements [storage.ReadTx].
func (t *txn) Workspace() string { return t.name }

// Now implements [storage.ReadTx].
func (t *txn) Now() time.Time {
	if !t.clock.IsZero() {
		return t.clock
	}
	if t.run.real.IsZero() {
		t.run.real = t.store.options.Now()
	}
	settings, err := t.Settings()
	if err != nil {
		if t.group == nil && !t.run.over {
			t.lost, t.err = true, err // an Update knows of it
		}
		return book.Micro(t.run.real)
	}
	t.clock = settings.Clock.Now(t.run.real)
	return t.clock
}

// Settings implements [storage.ReadTx].
func (t *txn) Settings() (storage.Settings, error) {
	s, err := t.space("settings")
	if err != nil {
		return storage.Settings{}, err
	}
	return s.settings, nil
}

// Get implements [storage.ReadTx].
func (t *txn) Get(kind, id string) (storage.Record, error) {
	const op = "get"
	sp, err := t.space(op)
	if err != nil {
		return storage.Record{}, err
	}
	if sp.number != 0 {
		s, err := t.record(op, sp, kind, id)
		if err != nil {
			return storage.Record{}, err
		}
		if s != nil {
			return s.Record, nil
		}
	}
	return storage.Record{}, book.NotFound(op, kind, id)
}

// Find implements [storage.ReadTx].
func (t *txn) Find(kind, index, value string) (storage.Record, error) {
	const op = "find"
	sp, err := t.space(op)
	if err != nil {
		return storage.Record{}, err
	}
	hinted := ref{ofKey, sp.number, kind, index + "\x00" + value}
	if s, err := t.follow(op, sp, hinted, index, value); s != nil || err != nil {
		return s.Record, err
	}
	var r storage.Record
	layers := sp.seen()
	for i, layer := range layers {
		hidden, newer := notIn("e", layers[:i])
		if err := t.query(op, "SELECT "+columns+` FROM entry e CROSS JOIN record r ON r.key = e.key
			WHERE e.workspace = ? AND e.kind = ? AND e.name = ? AND e.gone = 0 AND e.value = ?`+hidden+`
			ORDER BY e.key LIMIT 1`, func(v []driver.Value) error {
			if found := scanRecord(kind, v); r.Seq == 0 || found.Seq < r.Seq {
				r = found
			}
			return nil
		}, append([]any{layer, kind, index, value}, newer...)...); err != nil {
			return storage.Record{}, err
		}
	}
	if r.Seq == 0 {
		return storage.Record{}, &storage.Error{Code: storage.CodeNotFound, Op: op, Kind: kind, Index: index}
	}
	s, err := t.record(op, sp, kind, r.ID)
	if err != nil || s == nil {
		return r, err
	}
	if hasUnique(s, index, value) {
		t.learn(hinted, hint(r.ID))
	}
	return s.Record, nil
}

// follow finds a record by where a unique key led before, if it still leads there: no
// other living record has the key then. It gives an empty record with an error.
func (t *txn) follow(op string, sp *space, hinted ref, index, value string) (*book.Stored, error) {
	v, known := t.lookup(hinted)
	id, _ := v.(hint)
	if !known || id == "" {
		return nil, nil //nolint:nilnil // nothing is known
	}
	s, err := t.record(op, sp, hinted.a, string(id))
	if err != nil {
		return &book.Stored{}, err
	}
	if s == nil || !hasUnique(s, index, value) {
		return nil, nil //nolint:nilnil // it leads elsewhere now
	}
	return s, nil
}

// hasUnique reports whether a record lives and has a unique key.
func hasUnique(s *book.Stored, index, value string) bool {
	return s.Deleted.IsZero() && slices.Contains(s.Keys, storage.Key{Index: index, Value: value, Unique: true})
}

// Count implements [storage.ReadTx].
func (t *txn) Count(kind, parent string, deleted bool) (int64, error) {
	const op = "count"
	s, err := t.space(op)
	if err != nil || s.number == 0 || kind == "" {
		return 0, err
	}
	n, err := t.counter(op, s, kind, parent)
	return n.Count(deleted), err
}

// Usage implements [storage.ReadTx].
func (t *txn) Usage() (storage.Usage, error) {
	const op = "usage"
	s, err := t.space(op)
	if err != nil || s.number == 0 {
		return storage.Usage{}, err
	}
	n, err := t.counter(op, s, "", "")
	return storage.Usage{Records: n.Living, Bytes: n.Gone}, err
}

// Last implements [storage.ReadTx].
func (t *txn) Last(sequence string) (int64, error) {
	const op = "last"
	s, err := t.space(op)
	if err != nil || s.number == 0 || !book.CallersSequence(sequence) && sequence != storage.SequenceOfIDs {
		return 0, err
	}
	n, err := t.counter(op, s, "", sequence)
	return n.Last, err
}

// Blob implements [storage.ReadTx].
func (t *txn) Blob(sum string) ([]byte, error) {
	const op = "blob"
	s, err := t.space(op)
	if err != nil {
		return nil, err
	}
	var content []byte
	found := false
	for _, layer := range s.seen() {
		if err = t.query(op, "SELECT content FROM blob WHERE workspace = ? AND sha256 = ?", func(v []driver.Value) error {
			content, found = blob(v[0]), true
			return nil
		}, layer, sum); err != nil || found {
			break
		}
	}
	if err == nil && !found {
		err = &storage.Error{Code: storage.CodeNotFound, Op: op}
	}
	return content, err
}

// NewID implements [storage.Tx].
func (t *txn) NewID() string {
	const op = "new id"
	s, err := t.space(op)
	if err != nil {
		return ""
	}
	if s.settings.IDs.Source == storage.IDsRandom {
		return t.store.options.NewID()
	}
	if s, err = t.create(op); err != nil || t.begin() != nil {
		return ""
	}
	n, err := t.step(op, s, storage.SequenceOfIDs)
	if err != nil {
		return ""
	}
	return s.settings.IDs.ID(n)
}

// Next implements [storage.Tx].
func (t *txn) Next(sequence string) (int64, error) {
	const op = "next"
	if err := book.CheckSequence(op, sequence); err != nil {
		return 0, err
	}
	s, err := t.create(op)
	if err != nil {
		return 0, err
	}
	if err := t.begin(); err != nil { // counters are written at the end
		return 0, err
	}
	return t.step(op, s, sequence)
}

// AtLeast implements [storage.Tx].
func (t *txn) AtLeast(sequence string, n int64) error {
	const op = "at least"
	if sequence != storage.SequenceOfIDs {
		if err := book.CheckSequence(op, sequence); err != nil {
			return err
		}
	}
	if last, err := t.Last(sequence); err != nil || last >= n {
		return err
	}
	s, err := t.create(op)
	if err != nil {
		return err
	}
	if err := t.begin(); err != nil { // as in Next
		return err
	}
	t.count(s, "", sequence, book.Counter{Last: n})
	return nil
}

// give makes an error that left half a change behind the end of the group.
func (t *txn) give(err error) error {
	if t.work.long {
		return err // it runs again
	}
	if t.group.fatal == nil {
		t.group.fatal = &storage.Error{Code: storage.CodeInternal, Op: "update", Err: err}
	}
	return t.group.fatal
}

// named says which record and index an error is about.
func named(err error, r storage.Record, index string) error {
	if e, ok := errors.AsType[*storage.Error](err); ok {
		if e.Code == storage.CodeConflict {
			return book.Conflict(e.Op, r, index)
		}
		c := *e
		c.Kind, c.ID = r.Kind, r.ID
		return &c
	}
	return err
}
