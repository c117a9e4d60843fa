package sqlite

import (
	"database/sql/driver"

	"github.com/understudy-api/understudy/storage/internal/book"
)

// pull is the copying of a layer that several workspaces have into the one above, for
// those that have too many layers.
type pull struct {
	from, to int64
	last     int64 // the key of the record that was copied last
}

// shorten makes the chain of a workspace shorter.
func (t *txn) shorten(op string) (more bool, err error) {
	w := &t.store.writer
	for len(w.deep) > 0 && w.pull == nil {
		w.pull, err = t.choose(op, w.deep[0])
		if err != nil {
			return false, err
		}
		if w.pull == nil {
			w.deep = w.deep[1:]
		}
	}
	if w.pull == nil {
		return false, nil
	}
	p := w.pull
	if above, _, err := t.above(op, p.from); err != nil || above == p.to || above == 0 && !t.pair(op, p) {
		w.pull = nil // it is merged down, or gone
		if above == p.to {
			w.examine = append(w.examine, p.from)
		}
		return true, err
	}
	rows, err := t.rows(op, p.from, p.last)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if err := t.copyRecord(op, r, p.from, p.to); err != nil {
			return false, err
		}
	}
	if len(rows) > 0 {
		last := rows[len(rows)-1].key
		w.pull = &pull{p.from, p.to, last}
		return true, nil
	}
	if err := t.exec(op, `INSERT OR IGNORE INTO counter (workspace, kind, name, last, living, gone, own_living, own_gone)
		SELECT ?, kind, name, last, living, gone, own_living, own_gone FROM counter WHERE workspace = ?`, p.to, p.from); err != nil {
		return false, err
	}
	if err := t.exec(op, "INSERT OR IGNORE INTO blob (workspace, sha256, content) SELECT ?, sha256, content FROM blob WHERE workspace = ?", p.to, p.from); err != nil {
		return false, err
	}
	if held, err := t.heldBy(op, p.to); err != nil || held {
		return false, err
	}
	if err := t.relink(op, p.to, "DELETE FROM chain WHERE layer = ? AND workspace IN (SELECT workspace FROM chain WHERE layer = ?)", p.from, p.to); err != nil {
		return false, err
	}
	w.examine = append(w.examine, p.from)
	w.pull = nil
	return true, nil
}

// heldBy reports whether a workspace that has the layer is held.
func (t *txn) heldBy(op string, layer int64) (bool, error) {
	var names []string
	err := t.query(op, users, func(v []driver.Value) error {
		names = append(names, text(v[1]))
		return nil
	}, layer)
	return t.store.queue.isBusy(names...), err
}

// pair reports whether one layer of a pull still lies right above the other somewhere.
func (t *txn) pair(op string, p *pull) (there bool) {
	_ = t.query(op, users, func(v []driver.Value) error {
		n, _ := v[2].(int64)
		there = there || n == p.to
		return nil
	}, p.from)
	return there
}

// choose finds two layers of a workspace with many, of which the older is not so large
// that copying it again and again would cost more than was written.
func (t *txn) choose(op, workspace string) (*pull, error) {
	s, err := t.read(op, "w.name = ?", workspace)
	if err != nil || len(s.layers) <= maxDepth {
		return nil, err
	}
	newer := int64(-1)
	for i, layer := range s.layers[1:] {
		n := int64(0)
		if err := t.query(op, "SELECT count(*) FROM (SELECT 1 FROM record INDEXED BY record_id WHERE workspace = ? LIMIT 30000)", func(v []driver.Value) error {
			n = integer(v[0])
			return nil
		}, layer); err != nil {
			return nil, err
		}
		if newer >= 0 && n <= 2*newer+spade {
			return &pull{from: layer, to: s.layers[i]}, nil
		}
		newer = n
	}
	return nil, nil
}

// copyRecord copies a record from a layer into the one above, unless that hides it.
func (t *txn) copyRecord(op string, r row, from, to int64) error {
	key := book.KeyOf(to, r.seq)
	hidden, err := t.lies(op, []int64{to}, r.seq)
	if err != nil || hidden {
		return err
	}
	if err := t.exec(op, `INSERT INTO record (key, workspace, kind, id, parent, gone, created, updated, deleted, version, keys, body)
		SELECT ?, ?, kind, id, parent, gone, created, updated, deleted, version, keys, body FROM record WHERE key = ?`, key, to, r.key); err != nil {
		return err
	}
	for _, k := range r.keys {
		if err := t.exec(op, `INSERT INTO entry (workspace, kind, name, gone, value, key, uniq, parent)
			SELECT ?, kind, name, gone, value, ?, uniq, parent FROM entry
			WHERE workspace = ? AND kind = ? AND name = ? AND gone = ? AND value = ? AND key = ?`,
			to, key, from, r.kind, k.Index, r.gone, k.Value, r.key); err != nil {
			return err
		}
	}
	return nil
}
