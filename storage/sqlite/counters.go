package sqlite

import (
	"database/sql/driver"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// counter is what is counted under a name.
func (t *txn) counter(op string, s *space, kind, name string) (book.Counter, error) {
	r := ref{ofCounter, s.number, kind, name}
	if v, ok := t.lookup(r); ok {
		n, _ := v.(counted)
		return n.Counter, nil
	}
	var n counted
	found := false
	for _, layer := range s.seen() {
		err := t.query(op, `SELECT last, living, gone, own_living, own_gone FROM counter
			WHERE workspace = ? AND kind = ? AND name = ?`, func(v []driver.Value) error {
			n.Counter, found = scanCounter(v), true
			return nil
		}, layer, kind, name)
		if err != nil {
			return n.Counter, err
		}
		if found {
			break
		}
	}
	t.learn(r, n)
	return n.Counter, nil
}

// count keeps a counter, to be written with the others.
func (t *txn) count(s *space, kind, name string, n book.Counter) {
	t.work.set(ref{ofCounter, s.number, kind, name}, counted{n, s.top()})
}

// step draws the next number of a sequence.
func (t *txn) step(op string, s *space, name string) (int64, error) {
	n, err := t.counter(op, s, "", name)
	if err != nil {
		return 0, err
	}
	n, ok := n.Step()
	if !ok {
		return 0, t.give(book.Failure(storage.CodeInternal, op, "the sequence has come to its end"))
	}
	t.count(s, "", name, n)
	return n.Last, nil
}

// tally moves a record's count: by is 1 or -1.
func (t *txn) tally(op string, s *space, r storage.Record, by int64) error {
	kind, err := t.counter(op, s, r.Kind, "")
	if err != nil {
		return err
	}
	if r.Parent == "" {
		book.Tally(r, by, &kind, nil)
	} else {
		parent, err := t.counter(op, s, r.Kind, r.Parent)
		if err != nil {
			return err
		}
		book.Tally(r, by, &kind, &parent)
		t.count(s, r.Kind, r.Parent, parent)
	}
	t.count(s, r.Kind, "", kind)
	return nil
}

// use moves what the workspace holds, in the counter of its records.
func (t *txn) use(op string, s *space, records, bytes int64) error {
	if records == 0 && bytes == 0 {
		return nil
	}
	n, err := t.counter(op, s, "", "")
	if err != nil {
		return err
	}
	n.Living, n.Gone = n.Living+records, n.Gone+bytes
	t.count(s, "", "", n)
	return nil
}
