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
			_, t.err = t.conn.exec("COMMIT")
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
		err := mapError(op, t.store.writer.conn.query(sql, row, args...))
		if err != nil && fatal(err) && t.group.fatal == nil {
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
			if _, t.err = c.exec("BEGIN"); t.err != nil {
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
func (t *txn) exec(op, sql string, args ...any) (driver.Result, error) {
	w := &t.store.writer
	if err := w.begin(t.work); err != nil {
		return nil, err
	}
	res, err := w.conn.exec(sql, args...)
	if err = mapError(op, err); err != nil && fatal(err) {
		t.group.fatal = err
	}
	return res, err
}

// lookup finds a thing in what this transaction, its group, or the cache knows.
func (t *txn) lookup(r ref) (any, bool) {
	if t.group != nil {
		if v, ok := t.work.dirty[r]; ok {
			return v, true
		}
		if v, ok := t.group.dirty[r]; ok {
			return v, true
		}
	}
	return t.store.cache.get(t.generation, r)
}

func (t *txn) learn(r ref, v any) { t.store.cache.learn(t.generation, r, v) }

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
	s := &space{}
	err := t.query(op, "SELECT id, frozen, stands_at, runs_ahead, id_source, id_seed, data FROM workspace WHERE name = ?",
		func(v []driver.Value) error {
			s.number, s.settings = integer(v[0]), scanSettings(v[1:])
			return nil
		}, t.name)
	if err != nil {
		return nil, err
	}
	t.learn(r, s)
	t.known = s
	return s, nil
}

// become makes the workspace another; this transaction has seen to the database.
func (t *txn) become(s *space) {
	t.known, t.clock = s, time.Time{}
	t.work.dirty[ref{class: ofWorkspace, a: t.name}] = s
}

// workspace is the workspace's number, 0 if it does not exist.
func (t *txn) workspace(op string) (int64, error) {
	s, err := t.space(op)
	if err != nil {
		return 0, err
	}
	return s.number, nil
}

// create is workspace for writing: it makes the workspace.
func (t *txn) create(op string) (int64, error) {
	n, err := t.workspace(op)
	if err != nil || n != 0 {
		return n, err
	}
	s, err := t.found(op, storage.Settings{})
	if err != nil {
		return 0, err
	}
	return s.number, nil
}

// found makes the workspace, which does not exist, under a number of its own.
func (t *txn) found(op string, settings storage.Settings) (*space, error) {
	if !utf8.ValidString(t.name) {
		return nil, book.Failure(storage.CodeInvalid, op, "the workspace's name is not UTF-8")
	}
	w := &t.store.writer
	if w.numbers >= book.MaxNumber {
		return nil, t.give(book.Failure(storage.CodeInternal, op, "too many workspaces"))
	}
	w.numbers++
	s := &space{w.numbers, settings}
	if _, err := t.exec(op, `INSERT INTO workspace (id, frozen, stands_at, runs_ahead, id_source, id_seed, data, name)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, slices.Concat([]any{s.number}, settingsRow(settings), []any{t.name})...); err != nil {
		return nil, err
	}
	t.become(s)
	return s, nil
}

func (t *txn) counter(op string, ws int64, kind, name string) (book.Counter, error) {
	r := ref{ofCounter, ws, kind, name}
	if v, ok := t.lookup(r); ok {
		n, _ := v.(book.Counter)
		return n, nil
	}
	var n book.Counter
	err := t.query(op, `SELECT last, living, gone, own_living, own_gone FROM counter
		WHERE workspace = ? AND kind = ? AND name = ?`, func(v []driver.Value) error {
		n = scanCounter(v)
		return nil
	}, ws, kind, name)
	if err == nil {
		t.learn(r, n)
	}
	return n, err
}

// step draws the next number of a sequence.
func (t *txn) step(op string, ws int64, name string) (int64, error) {
	n, err := t.counter(op, ws, "", name)
	if err != nil {
		return 0, err
	}
	n, ok := n.Step()
	if !ok {
		return 0, t.give(book.Failure(storage.CodeInternal, op, "the sequence has come to its end"))
	}
	t.work.dirty[ref{ofCounter, ws, "", name}] = n
	return n.Last, nil
}

// tally moves a record's count: by is 1 or -1.
func (t *txn) tally(op string, ws int64, r storage.Record, by int64) error {
	kind, err := t.counter(op, ws, r.Kind, "")
	if err != nil {
		return err
	}
	if r.Parent == "" {
		book.Tally(r, by, &kind, nil)
	} else {
		parent, err := t.counter(op, ws, r.Kind, r.Parent)
		if err != nil {
			return err
		}
		book.Tally(r, by, &kind, &parent)
		t.work.dirty[ref{ofCounter, ws, r.Kind, r.Parent}] = parent
	}
	t.work.dirty[ref{ofCounter, ws, r.Kind, ""}] = kind
	return nil
}

// record is the record as it is kept, nil if there is none.
func (t *txn) record(op string, ws int64, kind, id string) (*book.Stored, error) {
	r := ref{ofRecord, ws, kind, id}
	if v, ok := t.lookup(r); ok {
		s, _ := v.(*book.Stored)
		return s, nil
	}
	var s *book.Stored
	err := t.query(op, "SELECT "+columns+", r.keys FROM record r WHERE r.workspace = ? AND r.kind = ? AND r.id = ?",
		func(v []driver.Value) error {
			keys, err := storage.DecodeKeys(blob(v[keyColumn]))
			s = &book.Stored{Record: scanRecord(kind, v).Cached(), Keys: keys}
			return err
		}, ws, kind, id)
	if err != nil {
		return nil, err
	}
	t.learn(r, s)
	return s, nil
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
	ws, err := t.workspace(op)
	if err != nil {
		return storage.Record{}, err
	}
	if ws != 0 {
		s, err := t.record(op, ws, kind, id)
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
	ws, err := t.workspace(op)
	if err != nil {
		return storage.Record{}, err
	}
	var r storage.Record
	if ws != 0 {
		err = t.query(op, "SELECT "+columns+` FROM entry e CROSS JOIN record r ON r.key = e.key
			WHERE e.workspace = ? AND e.kind = ? AND e.name = ? AND e.gone = 0 AND e.value = ?
			ORDER BY e.key LIMIT 1`, func(v []driver.Value) error {
			r = scanRecord(kind, v)
			return nil
		}, ws, kind, index, value)
		if err != nil {
			return storage.Record{}, err
		}
	}
	if r.Seq == 0 {
		return storage.Record{}, &storage.Error{Code: storage.CodeNotFound, Op: op, Kind: kind, Index: index}
	}
	return r, nil
}

// Count implements [storage.ReadTx].
func (t *txn) Count(kind, parent string, deleted bool) (int64, error) {
	const op = "count"
	ws, err := t.workspace(op)
	if err != nil || ws == 0 || kind == "" {
		return 0, err
	}
	n, err := t.counter(op, ws, kind, parent)
	return n.Count(deleted), err
}

// Last implements [storage.ReadTx].
func (t *txn) Last(sequence string) (int64, error) {
	const op = "last"
	ws, err := t.workspace(op)
	if err != nil || ws == 0 || !book.CallersSequence(sequence) && sequence != storage.SequenceOfIDs {
		return 0, err
	}
	n, err := t.counter(op, ws, "", sequence)
	return n.Last, err
}

// Blob implements [storage.ReadTx].
func (t *txn) Blob(sum string) ([]byte, error) {
	const op = "blob"
	ws, err := t.workspace(op)
	if err != nil {
		return nil, err
	}
	var content []byte
	found := false
	if ws != 0 {
		err = t.query(op, "SELECT content FROM blob WHERE workspace = ? AND sha256 = ?", func(v []driver.Value) error {
			content, found = blob(v[0]), true
			return nil
		}, ws, sum)
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
	if err := t.store.writer.begin(t.work); err != nil {
		return ""
	}
	n, err := t.step(op, s.number, storage.SequenceOfIDs)
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
	ws, err := t.create(op)
	if err != nil {
		return 0, err
	}
	if err := t.store.writer.begin(t.work); err != nil { // counters are written at the end
		return 0, err
	}
	return t.step(op, ws, sequence)
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
	ws, err := t.create(op)
	if err != nil {
		return err
	}
	if err := t.store.writer.begin(t.work); err != nil { // as in Next
		return err
	}
	t.work.dirty[ref{ofCounter, ws, "", sequence}] = book.Counter{Last: n}
	return nil
}

// give makes an error that left half a change behind the end of the group.
func (t *txn) give(err error) error {
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
