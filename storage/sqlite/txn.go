package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/understudy-api/understudy/storage"
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
		return nil, failure(storage.CodeInvalid, op, "the transaction is over")
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
		return nil, failure(storage.CodeInvalid, op, "the workspace's name is not UTF-8")
	}
	w := &t.store.writer
	if w.numbers >= maxWorkspace {
		return nil, t.give(failure(storage.CodeInternal, op, "too many workspaces"))
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

func (t *txn) counter(op string, ws int64, kind, name string) (tally, error) {
	r := ref{ofCounter, ws, kind, name}
	if v, ok := t.lookup(r); ok {
		n, _ := v.(tally)
		return n, nil
	}
	var n tally
	err := t.query(op, `SELECT last, living, gone, own_living, own_gone FROM counter
		WHERE workspace = ? AND kind = ? AND name = ?`, func(v []driver.Value) error {
		n = tally{integer(v[0]), integer(v[1]), integer(v[2]), integer(v[3]), integer(v[4])}
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
	if n.last == math.MaxInt64 {
		return 0, t.give(failure(storage.CodeInternal, op, "the sequence has come to its end"))
	}
	n.last++
	t.work.dirty[ref{ofCounter, ws, "", name}] = n
	return n.last, nil
}

// tally moves a record's count: by is 1 or -1.
func (t *txn) tally(op string, ws int64, r storage.Record, by int64) error {
	kind, err := t.counter(op, ws, r.Kind, "")
	if err != nil {
		return err
	}
	var parent tally
	if r.Parent != "" {
		if parent, err = t.counter(op, ws, r.Kind, r.Parent); err != nil {
			return err
		}
	}
	if r.Living() {
		kind.living += by
		parent.living += by
	} else {
		kind.gone += by
		parent.gone += by
	}
	switch {
	case r.Parent != "":
		t.work.dirty[ref{ofCounter, ws, r.Kind, r.Parent}] = parent
	case r.Living():
		kind.ownLiving += by
	default:
		kind.ownGone += by
	}
	t.work.dirty[ref{ofCounter, ws, r.Kind, ""}] = kind
	return nil
}

// record is the record as it is kept, nil if there is none.
func (t *txn) record(op string, ws int64, kind, id string) (*stored, error) {
	r := ref{ofRecord, ws, kind, id}
	if v, ok := t.lookup(r); ok {
		s, _ := v.(*stored)
		return s, nil
	}
	var s *stored
	err := t.query(op, "SELECT "+columns+", r.keys FROM record r WHERE r.workspace = ? AND r.kind = ? AND r.id = ?",
		func(v []driver.Value) error {
			keys, err := storage.DecodeKeys(blob(v[keyColumn]))
			s = &stored{Record: scanRecord(kind, v).Cached(), keys: keys}
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
		return micro(t.run.real)
	}
	t.clock = settings.Clock.Now(t.run.real)
	return t.clock
}

func (t *txn) orNow(at time.Time) time.Time {
	if at.IsZero() {
		return t.Now()
	}
	return micro(at)
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
	return storage.Record{}, notFound(op, kind, id)
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
	if deleted {
		return n.gone, err
	}
	return n.living, err
}

// Last implements [storage.ReadTx].
func (t *txn) Last(sequence string) (int64, error) {
	const op = "last"
	ws, err := t.workspace(op)
	if err != nil || ws == 0 || !callers(sequence) && sequence != storage.SequenceOfIDs {
		return 0, err
	}
	n, err := t.counter(op, ws, "", sequence)
	return n.last, err
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
	if !callers(sequence) {
		return 0, badSequence(op)
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
	if !callers(sequence) && sequence != storage.SequenceOfIDs {
		return badSequence(op)
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
	t.work.dirty[ref{ofCounter, ws, "", sequence}] = tally{last: n}
	return nil
}

// callers reports whether a sequence may have this name.
func callers(sequence string) bool {
	return sequence != "" && sequence[0] != 0 && utf8.ValidString(sequence)
}

func badSequence(op string) error {
	return failure(storage.CodeInvalid, op, "a sequence needs a name in UTF-8 that does not begin with NUL")
}

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
	if seq > maxSeq {
		return storage.Record{}, failure(storage.CodeInternal, op, "too many records")
	}
	r.Seq, r.Version = seq, 1
	r.Created, r.Updated = t.orNow(r.Created), t.orNow(r.Updated)
	r.Body = append(make([]byte, 0, len(r.Body)), r.Body...)
	gone, deleted := int64(0), int64(0)
	if !r.Living() {
		r.Deleted = micro(r.Deleted)
		gone, deleted = 1, r.Deleted.UnixMicro()
	}
	s := &stored{Record: r.Cached(), keys: append([]storage.Key(nil), keys...)}
	key := keyOf(ws, seq)
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
	r.Seq, r.Parent, r.Created, r.Version = old.Seq, old.Parent, old.Created, old.Version+1
	r.Updated = t.Now()
	r.Body = append(make([]byte, 0, len(r.Body)), r.Body...)
	was, gone, deleted := int64(0), int64(0), int64(0)
	if !old.Living() {
		was = 1
	}
	if !r.Living() {
		r.Deleted = micro(r.Deleted)
		gone, deleted = 1, r.Deleted.UnixMicro()
	}
	s := &stored{Record: r.Cached(), keys: append([]storage.Key(nil), keys...)}
	key := keyOf(ws, r.Seq)
	steps := make([]entry, 0, 8)
	for _, k := range old.keys {
		switch {
		case !slices.Contains(keys, k):
			steps = append(steps, entry{k, was, absent})
		case was != gone:
			steps = append(steps, entry{k, was, gone})
		}
	}
	for _, k := range keys { // last, for a value may move from one key to another
		if !slices.Contains(old.keys, k) {
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
	key := keyOf(ws, old.Seq)
	gone := int64(0)
	if !old.Living() {
		gone = 1
	}
	steps := make([]entry, 0, 4)
	for _, k := range old.keys {
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
	t.work.dirty[ref{ofRecord, ws, kind, id}] = (*stored)(nil)
	return nil
}

func (t *txn) existing(op, kind, id string) (ws int64, s *stored, err error) {
	if ws, err = t.workspace(op); err != nil {
		return 0, nil, err
	}
	if ws != 0 {
		if s, err = t.record(op, ws, kind, id); err != nil {
			return 0, nil, err
		}
	}
	if s == nil {
		return 0, nil, notFound(op, kind, id)
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

// give makes an error that left half a change behind the end of the group.
func (t *txn) give(err error) error {
	if t.group.fatal == nil {
		t.group.fatal = &storage.Error{Code: storage.CodeInternal, Op: "update", Err: err}
	}
	return t.group.fatal
}

func notFound(op, kind, id string) error {
	return &storage.Error{Code: storage.CodeNotFound, Op: op, Kind: kind, ID: id}
}

// named says which record and index an error is about.
func named(err error, r storage.Record, index string) error {
	if e, ok := errors.AsType[*storage.Error](err); ok {
		if e.Code == storage.CodeConflict {
			return &storage.Error{Code: e.Code, Op: e.Op, Kind: r.Kind, ID: r.ID, Index: index}
		}
		c := *e
		c.Kind, c.ID = r.Kind, r.ID
		return &c
	}
	return err
}
