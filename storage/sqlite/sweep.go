package sqlite

import (
	"database/sql/driver"
	"slices"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// Sweeping is done in steps that take their turns like updates. A step removes some
// rows of a layer that nobody has any more, or brings two layers nearer to being one.
// After each of them every workspace holds what it held before.

const (
	// maxDepth is how many layers a workspace may have before some are merged.
	maxDepth = 8
	// broom is how many rows of a sort a step removes, spade how many records it moves.
	broom, spade = 128, 12
	// handful is how many bytes of records and blobs a step removes.
	handful = 1 << 18
)

// look finds what there is to sweep when a store is opened.
func (w *writer) look() error {
	w.staged = map[int64]bool{}
	var workspace, newer int64
	above := map[int64]int64{} // the layer that is right above, -1 if there are several
	if err := w.conn.query("SELECT workspace, layer FROM chain ORDER BY workspace, depth", func(v []driver.Value) error {
		if integer(v[0]) != workspace {
			newer = -1
		}
		layer := integer(v[1])
		if n, seen := above[layer]; !seen {
			above[layer] = newer
		} else if n != newer {
			above[layer] = -1
		}
		workspace, newer = integer(v[0]), layer
		return nil
	}); err != nil {
		return err
	}
	for layer, n := range above {
		if n > 0 {
			w.examine = append(w.examine, layer)
		}
	}
	slices.Sort(w.examine)
	w.sweepSoon()
	return nil
}

// sweepSoon gives sweeping a turn, if there is something to sweep.
func (w *writer) sweepSoon() {
	if w.swept || w.queued || w.store.queue.isClosed() {
		return
	}
	w.queued = true
	_ = w.store.queue.push(&update{sweeping: true, done: make(chan error, 1), fn: func(tx storage.Tx) error {
		t, _ := tx.(*txn)
		return w.sweep(t)
	}})
}

// sweepNow does a step, in a transaction of its own: what is known here of it must not
// be undone by others.
func (w *writer) sweepNow(u *update) {
	w.queued = false
	w.group.ran = append(w.group.ran, u)
	w.run(u)
	w.group.unseen = len(w.group.dirty) == 0
	if err := w.finish(); err != nil || <-u.done != nil {
		w.pull, w.swept = nil, true // until there is something new: the store may be full
		for _, u := range w.parked {
			w.store.runAside(u) // and find out
		}
		w.parked = nil
	}
}

// sweep is one step.
func (w *writer) sweep(t *txn) error {
	const op = "sweep"
	if more, err := t.unpark(op); err != nil || more {
		return err
	}
	layer := int64(0)
	if err := t.query(op, "SELECT layer FROM garbage", func(v []driver.Value) error {
		if layer == 0 && !w.staged[integer(v[0])] {
			layer = integer(v[0])
		}
		return nil
	}); err != nil {
		return err
	}
	if layer != 0 {
		return t.throwAway(op, layer)
	}
	for i := 0; i < len(w.examine); {
		layer := w.examine[i]
		above, held, err := t.above(op, layer)
		switch {
		case err != nil:
			return err
		case above == 0:
			w.examine = slices.Delete(w.examine, i, i+1)
			continue
		case held:
			i++ // later
			continue
		}
		return t.mergeDown(op, above, layer)
	}
	if more, err := t.shorten(op); err != nil || more {
		return err
	}
	w.swept = true
	return nil
}

// fewLayers is how many a workspace may have when an update begins that adds one.
const fewLayers = 3

// manyNames is of how many workspaces of an update it is looked after that.
const manyNames = 64

// unpark lets updates run aside whose workspaces have few layers, or as few as they
// can have, and merges those of the others: who writes much again and again waits for
// what that leaves behind.
func (t *txn) unpark(op string) (more bool, err error) {
	w := &t.store.writer
	for len(w.parked) > 0 {
		u := w.parked[0]
		for _, name := range u.names()[:min(len(u.names()), manyNames)] {
			var layers []int64
			if err := t.query(op, `SELECT c.layer FROM workspace w JOIN chain c ON c.workspace = w.id WHERE w.name = ? ORDER BY c.depth`, func(v []driver.Value) error {
				layers = append(layers, integer(v[0]))
				return nil
			}, name); err != nil {
				return false, err
			}
			for i := 1; i < len(layers) && len(layers) > fewLayers; i++ {
				above, busy, err := t.above(op, layers[i])
				if err != nil {
					return false, err
				}
				if above != 0 && !busy {
					return true, t.mergeDown(op, above, layers[i])
				}
			}
		}
		w.parked = w.parked[1:]
		t.store.runAside(u)
	}
	return false, nil
}

// throwAway removes some rows of a layer, and its mark when it was the last.
func (t *txn) throwAway(op string, layer int64) error {
	for _, remove := range []func(string, int64) (bool, error){t.throwEntries, t.throwRecords, t.throwCounters, t.throwBlobs} {
		if more, err := remove(op, layer); err != nil || more {
			return err
		}
	}
	err := t.exec(op, "DELETE FROM garbage WHERE layer = ?", layer)
	return err
}

const (
	someEntries = `SELECT kind, name, gone, value, key FROM entry WHERE workspace = ?
		ORDER BY kind, name, gone, value, key LIMIT 1 OFFSET ?`
	throwEntries  = "DELETE FROM entry WHERE workspace = ? AND (kind, name, gone, value, key) <= (?, ?, ?, ?, ?)"
	clearEntries  = "DELETE FROM entry WHERE workspace = ?"
	someRecords   = "SELECT key, length(body) + length(keys) FROM record WHERE key BETWEEN ? AND ? ORDER BY key"
	throwRecords  = "DELETE FROM record WHERE key BETWEEN ? AND ?"
	someCounters  = "SELECT kind, name FROM counter WHERE workspace = ? ORDER BY kind, name LIMIT 1 OFFSET ?"
	throwCounters = "DELETE FROM counter WHERE workspace = ? AND (kind, name) <= (?, ?)"
	clearCounters = "DELETE FROM counter WHERE workspace = ?"
	someBlobs     = "SELECT sha256, length(content) FROM blob WHERE workspace = ?"
	throwBlob     = "DELETE FROM blob WHERE workspace = ? AND sha256 = ?"
)

func (t *txn) throwEntries(op string, layer int64) (more bool, err error) {
	var last []any
	if err := t.query(op, someEntries, func(v []driver.Value) error {
		last = []any{layer, text(v[0]), text(v[1]), integer(v[2]), text(v[3]), integer(v[4])}
		return nil
	}, layer, int64(broom-1)); err != nil {
		return false, err
	}
	if last != nil {
		err = t.exec(op, throwEntries, last...)
		return true, err
	}
	err = t.exec(op, clearEntries, layer)
	return false, err
}

func (t *txn) throwRecords(op string, layer int64) (more bool, err error) {
	first, last, end := book.KeyOf(layer, 0), int64(0), book.KeyOf(layer, book.MaxSeq)
	rows, size := 0, int64(0)
	err = t.query(op, someRecords, func(v []driver.Value) error {
		if rows == broom || size > handful {
			more = true
			return errEnough
		}
		last = integer(v[0])
		rows++
		size += integer(v[1])
		return nil
	}, first, end)
	if err := unlessEnough(err); err != nil || rows == 0 {
		return false, err
	}
	err = t.exec(op, throwRecords, first, last)
	return true, err
}

// unlessEnough is the error of a query that may have been ended early.
func unlessEnough(err error) error {
	if isEnough(err) {
		return nil
	}
	return err
}

func (t *txn) throwCounters(op string, layer int64) (more bool, err error) {
	var last []any
	if err := t.query(op, someCounters, func(v []driver.Value) error {
		last = []any{layer, text(v[0]), text(v[1])}
		return nil
	}, layer, int64(broom-1)); err != nil {
		return false, err
	}
	if last != nil {
		err = t.exec(op, throwCounters, last...)
		return true, err
	}
	err = t.exec(op, clearCounters, layer)
	return false, err
}

func (t *txn) throwBlobs(op string, layer int64) (more bool, err error) {
	var sums []string
	size := int64(0)
	err = t.query(op, someBlobs, func(v []driver.Value) error {
		if size > handful || len(sums) == broom {
			return errEnough
		}
		sums, size = append(sums, text(v[0])), size+integer(v[1])
		return nil
	}, layer)
	if err := unlessEnough(err); err != nil {
		return false, err
	}
	for _, sum := range sums {
		if err := t.exec(op, throwBlob, layer, sum); err != nil {
			return false, err
		}
	}
	return len(sums) > 0, nil
}

const users = `SELECT c.workspace, w.name, (SELECT n.layer FROM chain n WHERE n.workspace = c.workspace AND n.depth < c.depth
	ORDER BY n.depth DESC LIMIT 1) FROM chain c JOIN workspace w ON w.id = c.workspace WHERE c.layer = ?`

// above is the layer that is right above one in all workspaces that have it, 0 if it
// is not the same in all. Such a layer can be merged into the one below. It is held if
// one of the workspaces is.
func (t *txn) above(op string, layer int64) (above int64, held bool, err error) {
	var names []string
	first := true
	err = t.query(op, users, func(v []driver.Value) error {
		n, _ := v[2].(int64)
		if first {
			above, first = n, false
		}
		if n != above {
			above = 0
		}
		names = append(names, text(v[1]))
		return nil
	}, layer)
	return above, above != 0 && t.store.queue.isBusy(names...), err
}

// mergeDown moves some of what lies in a layer into the one below, of which nobody
// else makes use.
func (t *txn) mergeDown(op string, from, to int64) error {
	moved, err := t.moveRecords(op, from, to)
	if err != nil || moved {
		return err
	}
	if moved, err = t.moveBlobs(op, from, to); err != nil || moved {
		return err
	}
	if err := t.exec(op, `INSERT OR REPLACE INTO counter (workspace, kind, name, last, living, gone, own_living, own_gone)
		SELECT ?, kind, name, last, living, gone, own_living, own_gone FROM counter WHERE workspace = ?`, to, from); err != nil {
		return err
	}
	if err := t.exec(op, clearCounters, from); err != nil {
		return err
	}
	return t.relink(op, from, "DELETE FROM chain WHERE layer = ?", from)
}

// relink changes the chains of the workspaces that have a layer.
func (t *txn) relink(op string, layer int64, sql string, args ...any) error {
	var ids []int64
	if err := t.query(op, "SELECT workspace FROM chain WHERE layer = ?", func(v []driver.Value) error {
		ids = append(ids, integer(v[0]))
		return nil
	}, layer); err != nil {
		return err
	}
	if err := t.exec(op, sql, args...); err != nil {
		return err
	}
	for _, id := range ids {
		name := ""
		if err := t.query(op, "SELECT name FROM workspace WHERE id = ?", func(v []driver.Value) error {
			name = text(v[0])
			return nil
		}, id); err != nil {
			return err
		}
		s, err := t.read(op, "w.id = ?", id)
		if err != nil {
			return err
		}
		t.work.dirty[ref{class: ofWorkspace, a: name}] = s
	}
	return nil
}

// row is a record in a layer.
type row struct {
	key        int64
	kind, id   string
	gone       int64
	keys       []storage.Key
	bytes, seq int64
}

// rows are some records of a layer behind a key.
func (t *txn) rows(op string, layer, behind int64) ([]row, error) {
	var rows []row
	size := int64(0)
	err := t.query(op, "SELECT key, kind, id, gone, keys, length(body) FROM record WHERE key BETWEEN ? AND ? ORDER BY key", func(v []driver.Value) error {
		if len(rows) == spade || size > handful {
			return errEnough
		}
		keys, err := storage.DecodeKeys(blob(v[4]))
		rows = append(rows, row{integer(v[0]), text(v[1]), text(v[2]), integer(v[3]), keys, integer(v[5]), book.SeqOf(integer(v[0]))})
		size += integer(v[5])
		return err
	}, max(behind+1, book.KeyOf(layer, 0)), book.KeyOf(layer, book.MaxSeq))
	return rows, unlessEnough(err)
}

func (t *txn) moveRecords(op string, from, to int64) (moved bool, err error) {
	rows, err := t.rows(op, from, 0)
	if err != nil {
		return false, err
	}
	below, err := t.below(op, to)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if err := t.moveRecord(op, r, from, to, below); err != nil {
			return false, err
		}
	}
	return len(rows) > 0, nil
}

// below are the layers below one.
func (t *txn) below(op string, layer int64) (below []int64, err error) {
	err = t.query(op, `SELECT n.layer FROM chain n WHERE n.workspace = (SELECT c.workspace FROM chain c WHERE c.layer = ?1 LIMIT 1)
		AND n.depth > (SELECT c.depth FROM chain c WHERE c.layer = ?1 LIMIT 1) ORDER BY n.depth`, func(v []driver.Value) error {
		below = append(below, integer(v[0]))
		return nil
	}, layer)
	return below, err
}

func (t *txn) moveRecord(op string, r row, from, to int64, below []int64) error {
	key := book.KeyOf(to, r.seq)
	if err := t.drop(op, key); err != nil {
		return err
	}
	if r.gone == goneForGood {
		lies, err := t.lies(op, below, r.seq)
		if err != nil {
			return err
		}
		if !lies { // there is nothing left that it could hide
			err := t.exec(op, "DELETE FROM record WHERE key = ?", r.key)
			return err
		}
	} else if err := t.clearWay(op, r, to); err != nil {
		return err
	}
	if err := t.exec(op, "UPDATE record SET key = ?, workspace = ? WHERE key = ?", key, to, r.key); err != nil {
		return err
	}
	for _, k := range r.keys {
		if err := t.exec(op, `UPDATE entry SET workspace = ?, key = ?
			WHERE workspace = ? AND kind = ? AND name = ? AND gone = ? AND value = ? AND key = ?`,
			to, key, from, r.kind, k.Index, r.gone, k.Value, r.key); err != nil {
			return err
		}
	}
	return nil
}

// clearWay drops what a layer has of other records under the names of one that comes
// into it. A newer layer hides it, or it would hold the names now.
func (t *txn) clearWay(op string, r row, layer int64) error {
	var keys []int64
	take := func(v []driver.Value) error {
		keys = append(keys, integer(v[0]))
		return nil
	}
	if err := t.query(op, "SELECT key FROM record WHERE workspace = ? AND kind = ? AND id = ?", take, layer, r.kind, r.id); err != nil {
		return err
	}
	for _, k := range r.keys {
		if !k.Unique || r.gone != 0 {
			continue
		}
		if err := t.query(op, `SELECT key FROM entry WHERE workspace = ? AND kind = ? AND name = ? AND value = ? AND uniq = 1 AND gone = 0`,
			take, layer, r.kind, k.Index, k.Value); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := t.drop(op, key); err != nil {
			return err
		}
	}
	return nil
}

// drop removes a record with its entries, if it is there.
func (t *txn) drop(op string, key int64) error {
	var found *row
	if err := t.query(op, "SELECT kind, gone, keys FROM record WHERE key = ?", func(v []driver.Value) error {
		keys, err := storage.DecodeKeys(blob(v[2]))
		found = &row{kind: text(v[0]), gone: integer(v[1]), keys: keys}
		return err
	}, key); err != nil || found == nil {
		return err
	}
	for _, k := range found.keys {
		if err := t.exec(op, "DELETE FROM entry WHERE workspace = ? AND kind = ? AND name = ? AND gone = ? AND value = ? AND key = ?",
			book.NumberOf(key), found.kind, k.Index, found.gone, k.Value, key); err != nil {
			return err
		}
	}
	err := t.exec(op, "DELETE FROM record WHERE key = ?", key)
	return err
}

func (t *txn) moveBlobs(op string, from, to int64) (moved bool, err error) {
	var sums []string
	if err := t.query(op, someBlobs+" LIMIT 4", func(v []driver.Value) error {
		sums = append(sums, text(v[0]))
		return nil
	}, from); err != nil {
		return false, err
	}
	for _, sum := range sums {
		if err := t.exec(op, "UPDATE OR REPLACE blob SET workspace = ? WHERE workspace = ? AND sha256 = ?", to, from, sum); err != nil {
			return false, err
		}
	}
	return len(sums) > 0, nil
}
