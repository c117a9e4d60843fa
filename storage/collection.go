package storage

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
	"unicode/utf8"
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
// A body that does not decode is CodeCorrupt; the other codes of errors are
// those of [Tx], and named where a method adds to them.
type Collection[T any] struct {
	// Kind is the kind of the records.
	Kind string
	// Keys says by what a record is found, ordered and unique; nil for
	// nothing. It must depend on nothing but its arguments, of which Seq and
	// Version are always zero.
	Keys func(Meta, T) []Key
	// Indexes declares the indexes of these keys. Of any other a list, a search and a
	// key are CodeInvalid.
	Indexes []Index
}

// Index declares an index of a collection.
type Index struct {
	Name string
	// Many says that a record may have several keys in it. Such an index orders a list
	// only with Equal, or a record would be in it several times.
	Many bool
	// Searched leads [Query.Contains] to the living records whose value contains a text
	// of four characters or more, if they are few ([FewRecords]), rather than through
	// all of them. It costs an entry for every four characters of a value.
	Searched bool
}

const (
	// searchStride is how many characters of a value lie between two entries by which
	// it is searched, and so the shortest text that they lead to.
	searchStride = 4
	// maxSearched is how long a value may be that has such entries, in characters;
	// longer ones have one that all searches look at.
	maxSearched = 1000
	// maxBeginning is how much of a text an entry holds, in bytes.
	maxBeginning = 64

	longValue = "\x00"
)

// substrings is the index of a searched one: of the texts that begin at every fourth
// character of its values, so that what a value contains, or what is left of it behind
// one to three characters, one of them begins with.
func substrings(index string) string { return index + "\x00in" }

// searching is the condition that holds of all values which contain a text; not ok if
// the text is too short for one.
func searching(index, text string) (_ Condition, ok bool) {
	if utf8.RuneCountInString(text) < searchStride {
		return Condition{}, false
	}
	c := Condition{Index: substrings(index), implied: []string{longValue}}
	for range searchStride {
		c.implied = append(c.implied, cutText(text, maxBeginning))
		_, n := utf8.DecodeRuneInString(text)
		text = text[n:]
	}
	return c, true
}

// index is the declaration of an index.
func (c Collection[T]) index(op, name string) (Index, error) {
	i := slices.IndexFunc(c.Indexes, func(x Index) bool { return x.Name == name })
	if i < 0 {
		return Index{}, &Error{Code: CodeInvalid, Op: op, Kind: c.Kind, Index: name, Err: errors.New("the index is not declared")}
	}
	return c.Indexes[i], nil
}

// Get returns a living record; CodeNotFound if there is none, or a deleted one.
func (c Collection[T]) Get(tx ReadTx, id string) (Item[T], error) {
	r, err := c.get(tx, "get", id, true)
	if err != nil {
		return Item[T]{}, err
	}
	return c.decode(r)
}

// GetDeleted returns a deleted record; CodeNotFound if there is none, or a
// living one.
func (c Collection[T]) GetDeleted(tx ReadTx, id string) (Item[T], error) {
	r, err := c.get(tx, "get deleted", id, false)
	if err != nil {
		return Item[T]{}, err
	}
	return c.decode(r)
}

// Find returns the first living record with this value in this index;
// CodeNotFound if there is none.
func (c Collection[T]) Find(tx ReadTx, index, value string) (Item[T], error) {
	if _, err := c.index("find", index); err != nil {
		return Item[T]{}, err
	}
	r, err := tx.Find(c.Kind, index, value)
	if err != nil {
		return Item[T]{}, err
	}
	return c.decode(r)
}

// asked is a query as the driver gets it.
func (c Collection[T]) asked(q Query) (Query, error) {
	const op = "list"
	for _, condition := range q.Where {
		if _, err := c.index(op, condition.Index); err != nil {
			return Query{}, err
		}
	}
	if q.Index == "" {
		return q, nil
	}
	x, err := c.index(op, q.Index)
	switch {
	case err != nil:
		return Query{}, err
	case x.Many && q.Equal == nil:
		return Query{}, &Error{Code: CodeInvalid, Op: op, Kind: c.Kind, Index: q.Index, Err: errors.New("an index of many values orders only what has one of them")}
	case x.Searched && q.Contains != "" && !q.Deleted:
		if c, ok := searching(q.Index, q.Contains); ok {
			q.Where = append(slices.Clip(q.Where), c)
		}
	}
	return q, nil
}

// Each calls fn with every record that a query selects, in its order, page by page, so
// that not all are in memory at once, and ends with the first error. A limit is how
// many at most; the cost of a page is that of [Collection.List].
func (c Collection[T]) Each(tx ReadTx, q Query, fn func(Item[T]) error) error {
	const pageSize = 200
	left := q.Limit
	for {
		page := q
		page.Limit = pageSize
		if q.Limit > 0 {
			page.Limit = min(left, pageSize)
		}
		found, err := c.List(tx, page)
		if err != nil {
			return err
		}
		for _, item := range found.Items {
			if err := fn(item); err != nil {
				return err
			}
		}
		left -= len(found.Items)
		if found.Next == "" || q.Limit > 0 && left <= 0 {
			return nil
		}
		q.After, q.Offset = found.Next, 0
	}
}

// Filter is List with one more condition, on the decoded value, which no index knows:
// it reads all that the query selects, a microsecond or so a record.
func (c Collection[T]) Filter(tx ReadTx, q Query, keep func(Item[T]) bool) (ItemPage[T], error) {
	all := q
	all.Offset, all.Limit = 0, 0
	page := ItemPage[T]{Items: []Item[T]{}}
	skipped := 0
	if q.After != "" {
		return page, &Error{Code: CodeInvalid, Op: "filter", Kind: c.Kind, Err: errors.New("a filter is paged by offset")}
	}
	err := c.Each(tx, all, func(item Item[T]) error {
		if !keep(item) {
			return nil
		}
		page.Total++
		if skipped < q.Offset {
			skipped++
		} else if q.Limit == 0 || len(page.Items) < q.Limit {
			page.Items = append(page.Items, item)
		}
		return nil
	})
	return page, err
}

// List returns a page of records.
func (c Collection[T]) List(tx ReadTx, q Query) (ItemPage[T], error) {
	q, err := c.asked(q)
	if err != nil {
		return ItemPage[T]{}, err
	}
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

// Insert adds a record; CodeConflict if the id was used before or a unique key
// is taken.
func (c Collection[T]) Insert(tx Tx, id, parent string, v T) (Item[T], error) {
	now := tx.Now()
	r := Record{Kind: c.Kind, ID: id, Parent: parent, Created: now, Updated: now}
	return c.write(tx.Insert, "insert", r, v)
}

// Import is Insert of a record that was before: with the id, parent and times of m,
// those that are zero being Now, living or deleted as m says. No record is changed before
// it was made: of the two times the one that m does not give keeps to the other.
func (c Collection[T]) Import(tx Tx, m Meta, v T) (Item[T], error) {
	now := tx.Now()
	r := Record{Kind: c.Kind, ID: m.ID, Parent: m.Parent, Created: m.Created, Updated: m.Updated, Deleted: m.Deleted}
	if r.Created.IsZero() {
		r.Created = now
		if !r.Updated.IsZero() && r.Updated.Before(now) {
			r.Created = r.Updated
		}
	}
	if r.Updated.IsZero() {
		r.Updated = now
		if r.Created.After(now) {
			r.Updated = r.Created
		}
	}
	return c.write(tx.Insert, "import", r, v)
}

// Update changes a living record in place and returns the new state;
// CodeNotFound if it is not living. An error of change is returned as it is,
// and nothing is written.
func (c Collection[T]) Update(tx Tx, id string, change func(*T) error) (Item[T], error) {
	return c.modify(tx, "update", id, true, false, change)
}

// Delete marks a living record as deleted and returns its last state. Of two
// Deletes exactly one succeeds, the other is CodeNotFound.
func (c Collection[T]) Delete(tx Tx, id string) (Item[T], error) {
	return c.modify(tx, "delete", id, true, true, nil)
}

// Restore makes a deleted record live again, after change, if it is not nil,
// was applied to it (so that the caller can pick a free key); CodeNotFound if
// it is not deleted, CodeConflict if one of its unique keys was taken meanwhile.
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
		return Record{}, &Error{Code: CodeNotFound, Op: op, Kind: c.Kind, ID: id}
	}
	return r, nil
}

func (c Collection[T]) write(do func(Record, []Key) (Record, error), op string, r Record, v T) (Item[T], error) {
	body, err := json.Marshal(v)
	if err != nil {
		return Item[T]{}, &Error{Code: CodeInvalid, Op: op, Kind: c.Kind, ID: r.ID, Err: hiddenError{err}}
	}
	r.Body = body
	return c.put(do, r, v)
}

func (c Collection[T]) put(do func(Record, []Key) (Record, error), r Record, v T) (Item[T], error) {
	var keys []Key
	if c.Keys != nil {
		m := metaOf(r)
		m.Seq, m.Version = 0, 0
		var err error
		if keys, err = c.keys(m, v); err != nil {
			return Item[T]{}, err
		}
	}
	r, err := do(r, keys)
	if err != nil {
		return Item[T]{}, err
	}
	return Item[T]{Meta: metaOf(r), Value: v}, nil
}

// keys are the keys of a record, those by which it is searched included.
func (c Collection[T]) keys(m Meta, v T) ([]Key, error) {
	keys := c.Keys(m, v)
	for _, k := range slices.Clip(keys) {
		x, err := c.index("write", k.Index)
		if err != nil {
			return nil, err
		}
		if x.Searched && m.Deleted.IsZero() {
			keys = append(keys, SearchKeys(k)...)
		}
	}
	return keys, nil
}

// SearchKeys are the keys by which a living record is found by what the value of a key
// contains, see [Index]. It is for drivers, that must add them to what was written
// before there were any.
func SearchKeys(k Key) []Key {
	in := substrings(k.Index)
	n := utf8.RuneCountInString(k.Value)
	if n > maxSearched {
		return []Key{{Index: in, Value: longValue}}
	}
	keys := make([]Key, 0, n/searchStride+1)
	seen := make(map[string]bool, cap(keys))
	i := 0
	for at := range k.Value {
		if begins := cutText(k.Value[at:], maxBeginning); i%searchStride == 0 && !seen[begins] {
			seen[begins] = true
			keys = append(keys, Key{Index: in, Value: begins})
		}
		i++
	}
	return keys
}

// cutText is the beginning of a text, of whole characters and at most n bytes.
func cutText(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
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
		return Item[T]{}, &Error{Code: CodeCorrupt, Op: "decode", Kind: r.Kind, ID: r.ID, Err: hiddenError{err}}
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
