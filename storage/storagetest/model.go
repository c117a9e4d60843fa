package storagetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-api/understudy/storage"
)

// model is a workspace as the contract describes it, in the plainest way.
type model struct {
	records []modelRecord // in insertion order
	last    map[string]int64
}

type modelRecord struct {
	kind, id, parent, body string
	deleted                bool
	version                int64
	keys                   []storage.Key
}

func (m *model) clone() model {
	c := model{records: slices.Clone(m.records), last: map[string]int64{}}
	maps.Copy(c.last, m.last)
	return c
}

func (m *model) index(kind, id string) int {
	return slices.IndexFunc(m.records, func(r modelRecord) bool { return r.kind == kind && r.id == id })
}

// meets reports whether one of the values in an index is as a condition says.
func (r modelRecord) meets(c storage.Condition) bool {
	return slices.ContainsFunc(r.keys, func(k storage.Key) bool { return k.Index == c.Index && selects(c, k.Value) })
}

func selects(c storage.Condition, v string) bool {
	return (c.In == nil || slices.Contains(c.In, v)) && strings.HasPrefix(v, c.Prefix) && strings.Contains(v, c.Contains) &&
		(c.From == nil || v >= *c.From) && (c.Below == nil || v < *c.Below)
}

// conflict is the index in which r, at position i (or nowhere), would collide.
func (m *model) conflict(i int, r modelRecord) (string, bool) {
	if r.deleted {
		return "", false
	}
	for _, k := range r.keys {
		for j, other := range m.records {
			if k.Unique && j != i && other.kind == r.kind && !other.deleted && slices.Contains(other.keys, k) {
				return k.Index, true
			}
		}
	}
	return "", false
}

// list is the whole list for a query, without paging: a record is in it once for each
// of its values by which it is ordered.
func (m *model) list(kind string, q storage.Query) []modelRecord {
	type spot struct {
		value string
		modelRecord
	}
	var found []spot
	for _, r := range m.records {
		if !m.selects(kind, q, r) {
			continue
		}
		if q.Index == "" {
			found = append(found, spot{"", r})
			continue
		}
		for _, k := range r.keys {
			if c := (storage.Condition{Prefix: q.Prefix, Contains: q.Contains}); k.Index == q.Index && selects(c, k.Value) && (q.Equal == nil || k.Value == *q.Equal) {
				found = append(found, spot{k.Value, r})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b spot) int { return strings.Compare(a.value, b.value) })
	if q.Descending {
		slices.Reverse(found)
	}
	var records []modelRecord
	for _, s := range found {
		records = append(records, s.modelRecord)
	}
	return records
}

// selects is what of a query does not look at the index that orders.
func (m *model) selects(kind string, q storage.Query, r modelRecord) bool {
	return r.kind == kind && r.deleted == q.Deleted && (q.Parent == nil || r.parent == *q.Parent) &&
		!slices.ContainsFunc(q.Where, func(c storage.Condition) bool { return !r.meets(c) })
}

func (m *model) count(kind, parent string, deleted bool) (n int64) {
	for _, r := range m.records {
		if r.kind == kind && r.deleted == deleted && (parent == "" || r.parent == parent) {
			n++
		}
	}
	return n
}

var (
	someKind   = rapid.SampledFrom([]string{"a", "b"})
	someID     = rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"})
	someParent = rapid.SampledFrom([]string{"", "", "p", "q"})
	someIndex  = rapid.SampledFrom([]string{"x", "y"})
	someValue  = rapid.SampledFrom([]string{"", "v", "va", "vb", "w"})
)

// someKeys draws keys: those in y of kind "a", and in x of kind "b", are unique.
func someKeys(t *rapid.T, kind string) (keys []storage.Key) {
	for _, index := range []string{"x", "y"} {
		for _, value := range rapid.SliceOfNDistinct(someValue, 0, 3, rapid.ID).Draw(t, "values in "+index) {
			keys = append(keys, storage.Key{Index: index, Value: value, Unique: (kind == "a") == (index == "y")})
		}
	}
	return keys
}

func someCondition(t *rapid.T) storage.Condition {
	c := storage.Condition{Index: someIndex.Draw(t, "index of a condition")}
	switch rapid.IntRange(0, 5).Draw(t, "kind of condition") {
	case 0, 1:
		c.In = rapid.SliceOfN(someValue, 0, 3).Draw(t, "in")
	case 2:
		c.Prefix = someValue.Draw(t, "prefix")
	case 3:
		c.Contains = someValue.Draw(t, "contains")
	case 4:
		c.From, c.Below = new(someValue.Draw(t, "from")), new(someValue.Draw(t, "below"))
	}
	return c
}

func someQuery(t *rapid.T) storage.Query {
	q := storage.Query{
		Deleted:    rapid.Bool().Draw(t, "deleted"),
		Descending: rapid.Bool().Draw(t, "descending"),
		Limit:      rapid.IntRange(0, 3).Draw(t, "limit"),
		Offset:     max(0, rapid.IntRange(-3, 3).Draw(t, "offset")),
	}
	if rapid.Bool().Draw(t, "in a parent") {
		q.Parent = new(someParent.Draw(t, "parent"))
	}
	if rapid.Bool().Draw(t, "by index") {
		q.Index = someIndex.Draw(t, "index")
		switch rapid.IntRange(0, 4).Draw(t, "condition") {
		case 0:
			q.Equal = new(someValue.Draw(t, "equal"))
		case 1:
			q.Prefix = someValue.Draw(t, "prefix")
		case 2:
			q.Contains = someValue.Draw(t, "contains")
		}
	}
	for range max(0, rapid.IntRange(-2, 2).Draw(t, "conditions")) {
		q.Where = append(q.Where, someCondition(t))
	}
	return q
}

// operation is one drawn operation; it is drawn before the transaction, whose
// function may run again, and on a goroutine that must not end the test.
type operation struct {
	what     int
	record   modelRecord
	sameKeys bool
}

func someOperation(t *rapid.T) operation {
	kind := someKind.Draw(t, "kind")
	return operation{
		what:     rapid.IntRange(0, 9).Draw(t, "operation"),
		sameKeys: rapid.Bool().Draw(t, "same keys"),
		record: modelRecord{
			kind: kind, id: someID.Draw(t, "id"), parent: someParent.Draw(t, "parent"),
			body:    strconv.Itoa(rapid.IntRange(0, 99).Draw(t, "body")),
			deleted: rapid.IntRange(0, 2).Draw(t, "deleted") == 0,
			keys:    someKeys(t, kind),
		},
	}
}

// look is what to compare beside what is always compared.
type look struct {
	kind, id, index, value string
	query                  storage.Query
}

func someLook(t *rapid.T) look {
	return look{
		someKind.Draw(t, "kind"), someID.Draw(t, "id"), someIndex.Draw(t, "index"), someValue.Draw(t, "value"), someQuery(t),
	}
}

// testModel runs random transactions on a store and on the model and compares
// all that can be seen, in the transaction and after it.
func testModel(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	var workspaces atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		ws := "model " + strconv.FormatInt(workspaces.Add(1), 10)
		m := model{last: map[string]int64{}}
		mine := errors.New("mine")
		for range rapid.IntRange(1, 8).Draw(t, "transactions") {
			var operations []operation
			for range rapid.IntRange(1, 4).Draw(t, "operations") {
				operations = append(operations, someOperation(t))
			}
			inside, after := someLook(t), someLook(t)
			fail := rapid.IntRange(0, 3).Draw(t, "outcome") == 0
			var next model
			err := s.Update(t.Context(), ws, func(tx storage.Tx) error {
				next = m.clone()
				for _, o := range operations {
					if err := next.do(tx, o); err != nil {
						return err
					}
				}
				if err := next.compare(tx, inside); err != nil {
					return err
				}
				if fail {
					return mine
				}
				return nil
			})
			switch {
			case err != nil && (!fail || !errors.Is(err, mine)):
				t.Fatal(err)
			case fail && err == nil:
				t.Fatal("the error of the function was lost")
			case !fail:
				m = next
			}
			if err := s.View(t.Context(), ws, func(tx storage.ReadTx) error { return m.compare(tx, after) }); err != nil {
				t.Fatal("after the transaction: ", err)
			}
		}
	})
}

// do does one operation on both.
func (m *model) do(tx storage.Tx, o operation) error {
	r := o.record
	i := m.index(r.kind, r.id)
	check := func(op string, err error, want storage.Code, index string) error {
		if e, ok := errors.AsType[*storage.Error](err); !ok || e.Code != want || e.Index != index {
			return fmt.Errorf("%s %s %s: %w, want %v in index %q", op, r.kind, r.id, err, want, index)
		}
		return nil
	}
	switch o.what {
	case 0, 1, 2, 3:
		_, err := tx.Insert(r.record(tx), r.keys)
		if i >= 0 {
			return check("insert", err, storage.CodeConflict, "")
		}
		if index, ok := m.conflict(-1, r); ok {
			return check("insert", err, storage.CodeConflict, index)
		}
		if err != nil {
			return err
		}
		r.version = 1
		m.records = append(m.records, r)
	case 4, 5, 6, 7:
		if i >= 0 && o.sameKeys {
			r.keys = m.records[i].keys
		}
		_, err := tx.Put(r.record(tx), r.keys)
		if i < 0 {
			return check("put", err, storage.CodeNotFound, "")
		}
		if index, ok := m.conflict(i, r); ok {
			return check("put", err, storage.CodeConflict, index)
		}
		if err != nil {
			return err
		}
		r.parent, r.version = m.records[i].parent, m.records[i].version+1
		m.records[i] = r
	case 8:
		err := tx.Purge(r.kind, r.id)
		if i < 0 {
			return check("purge", err, storage.CodeNotFound, "")
		}
		if err != nil {
			return err
		}
		m.records = slices.Delete(m.records, i, i+1)
	case 9:
		n, err := tx.Next(r.kind)
		m.last[r.kind]++
		if err != nil || n != m.last[r.kind] {
			return fmt.Errorf("next is %d, %w, want %d", n, err, m.last[r.kind])
		}
	}
	return nil
}

func (r modelRecord) record(tx storage.Tx) storage.Record {
	out := storage.Record{Kind: r.kind, ID: r.id, Parent: r.parent, Body: []byte(r.body)}
	if r.deleted {
		out.Deleted = tx.Now()
	}
	return out
}

// is compares a record with the model's.
func (r modelRecord) is(what string, got storage.Record) error {
	r.keys = nil
	if diff := cmp.Diff(r, modelRecord{
		kind: got.Kind, id: got.ID, parent: got.Parent, body: string(got.Body), deleted: !got.Living(), version: got.Version,
	}, cmp.AllowUnexported(modelRecord{})); diff != "" {
		return fmt.Errorf("%s: %s", what, diff)
	}
	return nil
}

// compare looks at everything that is small, and at what it is told to.
func (m *model) compare(tx storage.ReadTx, l look) error {
	for _, kind := range []string{"a", "b"} {
		for _, deleted := range []bool{false, true} {
			for _, parent := range []string{"", "p", "q"} {
				if n, err := tx.Count(kind, parent, deleted); err != nil || n != m.count(kind, parent, deleted) {
					return fmt.Errorf("count %s in %q, deleted %v: %d, %w, want %d", kind, parent, deleted, n, err, m.count(kind, parent, deleted))
				}
			}
		}
	}
	got, err := tx.Get(l.kind, l.id)
	if i := m.index(l.kind, l.id); i >= 0 {
		if err := m.records[i].is("get", got); err != nil {
			return err
		}
	} else if !storage.IsNotFound(err) {
		return fmt.Errorf("get: %v, %w", got, err)
	}
	got, err = tx.Find(l.kind, l.index, l.value)
	if want := m.list(l.kind, storage.Query{Index: l.index, Equal: &l.value}); len(want) > 0 {
		if err := want[0].is("find", got); err != nil {
			return err
		}
	} else if !storage.IsNotFound(err) {
		return fmt.Errorf("find: %v, %w", got, err)
	}
	var want storage.Usage
	for _, r := range m.records {
		want.Records++
		want.Bytes += int64(len(r.body) + len(r.id) + len(r.parent) + len(storage.EncodeKeys(r.keys)))
	}
	if got, err := tx.Usage(); err != nil || got != want {
		return fmt.Errorf("usage %+v, %w, want %+v", got, err, want)
	}
	return m.compareList(tx, l.kind, l.query)
}

// compareList follows a list to its end.
func (m *model) compareList(tx storage.ReadTx, kind string, q storage.Query) error {
	want := m.list(kind, q)
	total := int64(len(want))
	if q.Own() == nil { // counted whether they have a key or not
		all := q
		all.Index = ""
		total = int64(len(m.list(kind, all)))
	}
	want = want[min(q.Offset, len(want)):]
	seq := int64(0)
	for {
		p, err := tx.List(kind, q)
		if err != nil {
			return err
		}
		n := len(want)
		if q.Limit > 0 {
			n = min(n, q.Limit)
		}
		if len(p.Records) != n || p.Total != total || (p.Next != "") != (n < len(want)) {
			return fmt.Errorf("list %s %+v: %d records, total %d, next %q; want %d, %d, %d more",
				kind, q, len(p.Records), p.Total, p.Next, n, total, len(want)-n)
		}
		for i, r := range p.Records {
			if err := want[i].is(fmt.Sprintf("list %s %+v at %d", kind, q, i), r); err != nil {
				return err
			}
			if q.Index == "" && seq != 0 && (r.Seq > seq) == q.Descending {
				return fmt.Errorf("sequence number %d after %d", r.Seq, seq)
			}
			seq = r.Seq
		}
		want = want[n:]
		if p.Next == "" {
			return nil
		}
		q.After, q.Offset = p.Next, 0
	}
}
