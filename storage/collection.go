package storage

import (
	"encoding/json"
	"time"
)

// Meta is what a store knows of a record beside its value.
type Meta struct {
	ID      string
	Parent  string
	Seq     int64
	Created time.Time
	Updated time.Time
	Deleted time.Time // zero while the record lives
	Version int64
}

// Item is a record with its decoded value. A value that was read may be shared
// with other readers: do not modify what it points to.
type Item[T any] struct {
	Meta
	Value T
}

// ItemPage is a part of a list. Items is never nil.
type ItemPage[T any] struct {
	Items []Item[T]
	Next  Cursor
	Total int64
}

// Collection is a typed view on the records of one kind, whose bodies are the
// JSON of T. It holds no state: a resource declares it once, as a variable.
// A body that does not decode is KindCorrupt; the other kinds of errors are
// those of [Tx], and named where a method adds to them.
type Collection[T any] struct {
	// Kind is the kind of the records.
	Kind string
	// Keys declares by what a record is found, ordered and unique; nil for
	// nothing. It must depend on nothing but its arguments, of which Seq and
	// Version are always zero.
	Keys func(Meta, T) []Key
}

// Get returns a living record; KindNotFound if there is none, or a deleted one.
func (c Collection[T]) Get(tx ReadTx, id string) (Item[T], error) {
	r, err := c.get(tx, "get", id, true)
	if err != nil {
		return Item[T]{}, err
	}
	return c.decode(r)
}

// GetDeleted returns a deleted record; KindNotFound if there is none, or a
// living one.
func (c Collection[T]) GetDeleted(tx ReadTx, id string) (Item[T], error) {
	r, err := c.get(tx, "get deleted", id, false)
	if err != nil {
		return Item[T]{}, err
	}
	return c.decode(r)
}

// Find returns the first living record with this value in this index;
// KindNotFound if there is none.
func (c Collection[T]) Find(tx ReadTx, index, value string) (Item[T], error) {
	r, err := tx.Find(c.Kind, index, value)
	if err != nil {
		return Item[T]{}, err
	}
	return c.decode(r)
}

// List returns a page of records.
func (c Collection[T]) List(tx ReadTx, q Query) (ItemPage[T], error) {
	page, err := tx.List(c.Kind, q)
	if err != nil {
		return ItemPage[T]{}, err
	}
	items := make([]Item[T], len(page.Records))
	for i, r := range page.Records {
		if items[i], err = c.decode(r); err != nil {
			return ItemPage[T]{}, err
		}
	}
	return ItemPage[T]{Items: items, Next: page.Next, Total: page.Total}, nil
}

// Insert adds a record; KindConflict if the id was used before or a unique key
// is taken.
func (c Collection[T]) Insert(tx Tx, id, parent string, v T) (Item[T], error) {
	now := tx.Now()
	r := Record{Kind: c.Kind, ID: id, Parent: parent, Created: now, Updated: now}
	return c.write(tx.Insert, "insert", r, v)
}

// Import is Insert of a record that was before: with the id, parent and times of m,
// those that are zero being Now, living or deleted as m says.
func (c Collection[T]) Import(tx Tx, m Meta, v T) (Item[T], error) {
	now := tx.Now()
	r := Record{Kind: c.Kind, ID: m.ID, Parent: m.Parent, Created: m.Created, Updated: m.Updated, Deleted: m.Deleted}
	if r.Created.IsZero() {
		r.Created = now
	}
	if r.Updated.IsZero() {
		r.Updated = now
	}
	return c.write(tx.Insert, "import", r, v)
}

// Update changes a living record in place and returns the new state;
// KindNotFound if it is not living. An error of change is returned as it is,
// and nothing is written.
func (c Collection[T]) Update(tx Tx, id string, change func(*T) error) (Item[T], error) {
	return c.modify(tx, "update", id, true, false, change)
}

// Delete marks a living record as deleted and returns its last state. Of two
// Deletes exactly one succeeds, the other is KindNotFound.
func (c Collection[T]) Delete(tx Tx, id string) (Item[T], error) {
	return c.modify(tx, "delete", id, true, true, nil)
}

// Restore makes a deleted record live again, after change, if it is not nil,
// was applied to it (so that the caller can pick a free key); KindNotFound if
// it is not deleted, KindConflict if one of its unique keys was taken meanwhile.
// An error of change is returned as it is, and nothing is written.
func (c Collection[T]) Restore(tx Tx, id string, change func(*T) error) (Item[T], error) {
	return c.modify(tx, "restore", id, false, false, change)
}

// modify is read, change, write: from living or deleted to living or deleted.
func (c Collection[T]) modify(tx Tx, op, id string, fromLiving, toDeleted bool, change func(*T) error) (Item[T], error) {
	r, err := c.get(tx, op, id, fromLiving)
	if err != nil {
		return Item[T]{}, err
	}
	decode := c.decodeOwn
	if change == nil { // nobody modifies the value
		decode = c.decode
	}
	item, err := decode(r)
	if err != nil {
		return Item[T]{}, err
	}
	r.Updated, r.Deleted = tx.Now(), time.Time{}
	if toDeleted {
		r.Deleted = r.Updated
	}
	if change == nil { // the value is the same: so is the body
		return c.put(tx.Put, r, item.Value)
	}
	if err := change(&item.Value); err != nil {
		return Item[T]{}, err
	}
	return c.write(tx.Put, op, r, item.Value)
}

func (c Collection[T]) get(tx ReadTx, op, id string, living bool) (Record, error) {
	r, err := tx.Get(c.Kind, id)
	if err != nil {
		return Record{}, err
	}
	if r.Living() != living {
		return Record{}, &Error{Kind: KindNotFound, Op: op, RecordKind: c.Kind, ID: id}
	}
	return r, nil
}

func (c Collection[T]) write(do func(Record, []Key) (Record, error), op string, r Record, v T) (Item[T], error) {
	body, err := json.Marshal(v)
	if err != nil {
		return Item[T]{}, &Error{Kind: KindInvalid, Op: op, RecordKind: c.Kind, ID: r.ID, Err: hiddenError{err}}
	}
	r.Body = body
	return c.put(do, r, v)
}

func (c Collection[T]) put(do func(Record, []Key) (Record, error), r Record, v T) (Item[T], error) {
	var keys []Key
	if c.Keys != nil {
		m := metaOf(r)
		m.Seq, m.Version = 0, 0
		keys = c.Keys(m, v)
	}
	r, err := do(r, keys)
	if err != nil {
		return Item[T]{}, err
	}
	return Item[T]{Meta: metaOf(r), Value: v}, nil
}

// decode gives the value of a record, shared with others who read it.
func (c Collection[T]) decode(r Record) (Item[T], error) {
	if r.memo == nil {
		return c.decodeOwn(r)
	}
	if kept := r.memo.Load(); kept != nil {
		if v, ok := (*kept).(T); ok {
			return Item[T]{Meta: metaOf(r), Value: v}, nil
		}
	}
	item, err := c.decodeOwn(r)
	if err == nil {
		var kept any = item.Value
		r.memo.Store(&kept)
	}
	return item, err
}

// decodeOwn gives the value of a record, for the caller alone.
func (c Collection[T]) decodeOwn(r Record) (Item[T], error) {
	item := Item[T]{Meta: metaOf(r)}
	if err := json.Unmarshal(r.Body, &item.Value); err != nil {
		return Item[T]{}, &Error{Kind: KindCorrupt, Op: "decode", RecordKind: r.Kind, ID: r.ID, Err: hiddenError{err}}
	}
	return item, nil
}

func metaOf(r Record) Meta {
	return Meta{
		ID: r.ID, Parent: r.Parent, Seq: r.Seq,
		Created: r.Created, Updated: r.Updated, Deleted: r.Deleted, Version: r.Version,
	}
}

// hiddenError keeps a cause for errors.As whose text may quote a value.
type hiddenError struct{ err error }

func (hiddenError) Error() string   { return "the JSON does not fit the type" }
func (e hiddenError) Unwrap() error { return e.err }
