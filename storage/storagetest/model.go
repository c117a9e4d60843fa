package storagetest

import (
	"errors"
	"fmt"
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

func (m model) clone() model {
	c := model{records: slices.Clone(m.records), last: map[string]int64{}}
	for k, v := range m.last {
		c.last[k] = v
	}
	return c
}

func (m *model) index(kind, id string) int {
	return slices.IndexFunc(m.records, func(r modelRecord) bool { return r.kind == kind && r.id == id })
}

func (r modelRecord) value(index string) (string, bool) {
	for _, k := range r.keys {
		if k.Index == index {
			return k.Value, true
		}
	}
	return "", false
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

// list is the whole list for a query, without paging.
func (m *model) list(kind string, q storage.Query) (found []modelRecord) {
	for _, r := range m.records {
		if r.kind != kind || r.deleted != q.Deleted || q.Parent != nil && r.parent != *q.Parent {
			continue
		}
		if v, ok := r.value(q.Index); q.Index != "" && (!ok || q.Equal != nil && v != *q.Equal ||
			!strings.HasPrefix(v, q.Prefix) || !strings.Contains(v, q.Contains)) {
			continue
		}
		found = append(found, r)
	}
	if q.Index != "" {
		slices.SortStableFunc(found, func(a, b modelRecord) int {
			x, _ := a.value(q.Index)
			y, _ := b.value(q.Index)
			return strings.Compare(x, y)
		})
	}
	if q.Descending {
		slices.Reverse(found)
	}
	return found
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

func someKeys(t *rapid.T) (keys []storage.Key) {
	for _, index := range []string{"x", "y"} {
		if rapid.IntRange(0, 3).Draw(t, "has "+index) > 0 {
			keys = append(keys, storage.Key{
				Index: index, Value: someValue.Draw(t, "value"), Unique: rapid.Bool().Draw(t, "unique"),
			})
		}
	}
	return keys
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
	return q
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
			next := m.clone()
			fail := rapid.IntRange(0, 3).Draw(t, "outcome") == 0
			err := s.Update(t.Context(), ws, func(tx storage.Tx) error {
				for range rapid.IntRange(1, 4).Draw(t, "operations") {
					next.step(t, tx)
				}
				next.compare(t, tx)
				if fail {
					return mine
				}
				return nil
			})
			switch {
			case fail && !errors.Is(err, mine):
				t.Fatalf("the error of the function became %v", err)
			case !fail && err != nil:
				t.Fatal(err)
			case !fail:
				m = next
			}
			if err := s.View(t.Context(), ws, func(tx storage.ReadTx) error {
				m.compare(t, tx)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// step does one random operation on both.
func (m *model) step(t *rapid.T, tx storage.Tx) {
	kind, id := someKind.Draw(t, "kind"), someID.Draw(t, "id")
	i := m.index(kind, id)
	check := func(op string, err error, want storage.Kind, index string) {
		if e, ok := errors.AsType[*storage.Error](err); !ok || e.Kind != want || e.Index != index {
			t.Fatalf("%s %s %s: %v, want %v in index %q", op, kind, id, err, want, index)
		}
	}
	switch rapid.IntRange(0, 9).Draw(t, "operation") {
	case 0, 1, 2, 3:
		r := modelRecord{
			kind: kind, id: id, parent: someParent.Draw(t, "parent"), version: 1,
			body: strconv.Itoa(rapid.IntRange(0, 99).Draw(t, "body")), keys: someKeys(t),
			deleted: rapid.IntRange(0, 4).Draw(t, "born deleted") == 0,
		}
		_, err := tx.Insert(r.record(tx), r.keys)
		if i >= 0 {
			check("insert", err, storage.KindConflict, "")
			return
		}
		if index, ok := m.conflict(-1, r); ok {
			check("insert", err, storage.KindConflict, index)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		m.records = append(m.records, r)
	case 4, 5, 6, 7:
		r := modelRecord{
			kind: kind, id: id, body: strconv.Itoa(rapid.IntRange(0, 99).Draw(t, "body")), keys: someKeys(t),
			deleted: rapid.Bool().Draw(t, "delete"),
		}
		if i >= 0 && rapid.Bool().Draw(t, "same keys") {
			r.keys = m.records[i].keys
		}
		_, err := tx.Put(r.record(tx), r.keys)
		if i < 0 {
			check("put", err, storage.KindNotFound, "")
			return
		}
		if index, ok := m.conflict(i, r); ok {
			check("put", err, storage.KindConflict, index)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		r.parent, r.version = m.records[i].parent, m.records[i].version+1
		m.records[i] = r
	case 8:
		err := tx.Purge(kind, id)
		if i < 0 {
			check("purge", err, storage.KindNotFound, "")
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		m.records = slices.Delete(m.records, i, i+1)
	case 9:
		n, err := tx.Next(kind)
		m.last[kind]++
		if err != nil || n != m.last[kind] {
			t.Fatalf("next is %d, %v, want %d", n, err, m.last[kind])
		}
	}
}

func (r modelRecord) record(tx storage.Tx) storage.Record {
	out := storage.Record{Kind: r.kind, ID: r.id, Parent: r.parent, Body: []byte(r.body)}
	if r.deleted {
		out.Deleted = tx.Now()
	}
	return out
}

func modelOf(r storage.Record) modelRecord {
	return modelRecord{
		kind: r.Kind, id: r.ID, parent: r.Parent, body: string(r.Body), deleted: !r.Living(), version: r.Version,
	}
}

// compare looks at everything that is small, and at random queries.
func (m *model) compare(t *rapid.T, tx storage.ReadTx) {
	same := func(what string, got storage.Record, want modelRecord) {
		want.keys = nil
		if diff := cmp.Diff(want, modelOf(got), cmp.AllowUnexported(modelRecord{})); diff != "" {
			t.Fatalf("%s: %s", what, diff)
		}
	}
	for _, kind := range []string{"a", "b"} {
		for _, deleted := range []bool{false, true} {
			for _, parent := range []string{"", "p", "q"} {
				if n, err := tx.Count(kind, parent, deleted); err != nil || n != m.count(kind, parent, deleted) {
					t.Fatalf("count %s in %q, deleted %v: %d, %v, want %d", kind, parent, deleted, n, err, m.count(kind, parent, deleted))
				}
			}
		}
		id := someID.Draw(t, "id")
		got, err := tx.Get(kind, id)
		if i := m.index(kind, id); i >= 0 {
			same("get", got, m.records[i])
		} else if !storage.IsNotFound(err) {
			t.Fatalf("get: %v, %v", got, err)
		}
		index, value := someIndex.Draw(t, "index"), someValue.Draw(t, "value")
		got, err = tx.Find(kind, index, value)
		if want := m.list(kind, storage.Query{Index: index, Equal: &value}); len(want) > 0 {
			same("find", got, want[0])
		} else if !storage.IsNotFound(err) {
			t.Fatalf("find: %v, %v", got, err)
		}
	}
	kind, q := someKind.Draw(t, "kind"), someQuery(t)
	want := m.list(kind, q)
	total := int64(len(want))
	if !q.Filtered() { // counted whether they have a key or not
		all := q
		all.Index = ""
		total = int64(len(m.list(kind, all)))
	}
	want = want[min(q.Offset, len(want)):]
	seq := int64(0)
	for {
		p, err := tx.List(kind, q)
		if err != nil {
			t.Fatal(err)
		}
		n := len(want)
		if q.Limit > 0 {
			n = min(n, q.Limit)
		}
		if len(p.Records) != n || p.Total != total || (p.Next != "") != (n < len(want)) {
			t.Fatalf("list %s %+v: %d records, total %d, next %q; want %d, %d, %d more",
				kind, q, len(p.Records), p.Total, p.Next, n, total, len(want)-n)
		}
		for i, r := range p.Records {
			same(fmt.Sprintf("list %s %+v at %d", kind, q, i), r, want[i])
			if q.Index == "" && (seq != 0) && (r.Seq > seq) == q.Descending {
				t.Fatalf("sequence number %d after %d", r.Seq, seq)
			}
			seq = r.Seq
		}
		want = want[n:]
		if p.Next == "" {
			return
		}
		q.After, q.Offset = p.Next, 0
	}
}
