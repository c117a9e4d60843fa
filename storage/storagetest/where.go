package storagetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

// testWhere asks for lists by several conditions, of which few records meet one, and
// none: both ways of an answer, with all that pages depend on.
func testWhere(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	long := strings.Repeat("l", 1200)
	const n = 2*storage.FewRecords + 100
	keysOf := func(i int) []storage.Key {
		keys := []storage.Key{
			{Index: "name", Value: fmt.Sprintf("name %04d", n-i)},
			{Index: "parity", Value: strconv.Itoa(i % 2)},
			{Index: "tag", Value: "all"},
			{Index: "tag", Value: "by three " + strconv.Itoa(i%3)},
			{Index: "tag", Value: "own " + strconv.Itoa(i)},
			{Index: "long", Value: long + strconv.Itoa(i%50)},
		}
		if i%2 == 0 {
			keys = append(keys, storage.Key{Index: "even", Value: strconv.Itoa(i % 4)})
		}
		return keys
	}
	m := model{}
	update(t, s, "w", func(tx storage.Tx) error {
		m = model{}
		for i := range n {
			r := modelRecord{kind: "k", id: strconv.Itoa(i), parent: "parent " + strconv.Itoa(i%4), body: "1", version: 1, deleted: i%10 == 9, keys: keysOf(i)}
			if i%7 == 0 {
				r.parent = ""
			}
			if _, err := tx.Insert(r.record(tx), r.keys); err != nil {
				return err
			}
			m.records = append(m.records, r)
		}
		return nil
	})
	in := func(index string, values ...string) storage.Condition {
		return storage.Condition{Index: index, In: values}
	}
	for i, where := range [][]storage.Condition{
		{in("tag", "own 20")},
		{in("tag", "own 20", "own 21", "own 29", "nobody's")},
		{in("tag", "own 20"), in("tag", "own 21")},
		{in("tag", "all"), in("parity", "1")},
		{in("tag", "all"), in("parity", "1"), in("tag", "own 21")},
		{in("tag", "by three 0", "by three 1"), in("parity", "0")},
		{in("tag")},
		{in("even", "2")},
		{{Index: "even"}, in("tag", "all")},
		{{Index: "even", Contains: "2"}},
		{{Index: "tag", Prefix: "own 1"}},
		{{Index: "tag", Prefix: "by three"}, {Index: "name", Contains: "7"}},
		{{Index: "name", From: new("name 0100"), Below: new("name 0120")}},
		{{Index: "name", From: new("name 0100")}, in("parity", "1")},
		{in("long", long+"7")},
		{in("long", long+"7", long+"8", "short")},
		{{Index: "long", Prefix: long + "1"}},
		{{Index: "long", From: new(long + "48"), Below: new(long + "7")}, in("parity", "0")},
		{{Index: "long", Contains: "l4"}},
		{in("what", "v")},
	} {
		for _, order := range []storage.Query{
			{},
			{Descending: true},
			{Index: "name"},
			{Index: "name", Prefix: "name 02", Descending: true},
			{Index: "tag", Equal: new("by three 1")},
			{Index: "even", Contains: "2"},
			{Index: "even", Descending: true},
			{Index: "long"},
			{Parent: new("parent 1")},
			{Parent: new(""), Index: "name"},
			{Parent: new("parent 2"), Index: "name", Contains: "5"},
			{Deleted: true, Index: "name"},
			{Deleted: true},
		} {
			for _, limit := range []int{0, 97} {
				q := order
				q.Where, q.Limit = where, limit
				if i%3 == 0 {
					q.Offset = 2
				}
				view(t, s, "w", func(tx storage.ReadTx) error {
					if err := m.compareList(tx, "k", q); err != nil {
						t.Error(err)
					}
					return nil
				})
			}
		}
	}
}

// tagged is what the tests of collections keep.
type tagged struct {
	Name string
	Tags []string
}

var taggeds = storage.Collection[tagged]{
	Kind:    "tagged",
	Indexes: []storage.Index{{Name: "name", Searched: true}, {Name: "tag", Many: true}},
	Keys: func(_ storage.Meta, v tagged) []storage.Key {
		keys := []storage.Key{{Index: "name", Value: strings.ToLower(v.Name)}}
		for _, tag := range v.Tags {
			keys = append(keys, storage.Key{Index: "tag", Value: tag})
		}
		return keys
	},
}

// testCollections holds what a collection adds to lists: searches, filters, and
// indexes that must be declared.
func testCollections(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	names := []string{
		"banana", "Ananas", "ban", "", "grün und blau", "a\x00b", "aaaa", strings.Repeat("ä", 100) + "the end",
		strings.Repeat("x", 2000) + "far away",
	}
	for i := range 300 {
		names = append(names, "number "+strconv.Itoa(i))
	}
	update(t, s, "w", func(tx storage.Tx) error {
		for i, name := range names {
			if _, err := taggeds.Insert(tx, strconv.Itoa(i), "", tagged{name, []string{strconv.Itoa(i % 2), "five " + strconv.Itoa(i%5)}[:1+i%2]}); err != nil {
				return err
			}
		}
		// Whatever a record goes through, it is found by what it is called now.
		if _, err := taggeds.Delete(tx, "2"); err != nil {
			return err
		}
		if _, err := taggeds.Delete(tx, "1"); err != nil {
			return err
		}
		if _, err := taggeds.Restore(tx, "1", nil); err != nil {
			return err
		}
		_, err := taggeds.Update(tx, "6", func(v *tagged) error {
			v.Name = "Cabana"
			return nil
		})
		return err
	})
	search := func(q storage.Query) (ids []string, total int64) {
		view(t, s, "w", func(tx storage.ReadTx) error {
			page, err := taggeds.List(tx, q)
			for _, item := range page.Items {
				ids = append(ids, item.ID)
			}
			total = page.Total
			return err
		})
		return ids, total
	}
	for term, want := range map[string][]string{
		"ana": {"1", "0", "6"}, "ban": {"0", "6"}, "banana": {"0"}, "nobody": nil, "ün u": {"4"}, "\x00": {"5"}, "aa": nil,
		"number 29":                         {"38", "299", "300", "301", "302", "303", "304", "305", "306", "307", "308"},
		strings.Repeat("ä", 60) + "the end": {"7"}, strings.Repeat("ä", 101): nil, "far away": {"8"}, "r aw": {"8"},
	} {
		for _, limit := range []int{0, 1, 5} {
			got, total := search(storage.Query{Index: "name", Contains: term, Limit: limit})
			first := want
			if limit > 0 {
				first = want[:min(limit, len(want))]
			}
			if diff := cmp.Diff(first, got); diff != "" || total != int64(len(want)) {
				t.Errorf("%q, limit %d: total %d of %d, %s", term, limit, total, len(want), diff)
			}
		}
	}
	if got, total := search(storage.Query{Index: "name", Contains: "number", Limit: 3}); !slices.Equal(got, []string{"9", "10", "19"}) || total != 300 {
		t.Errorf("what many contain: %v, total %d", got, total)
	}
	if got, _ := search(storage.Query{Index: "name", Contains: "ban", Deleted: true}); !slices.Equal(got, []string{"2"}) {
		t.Errorf("among the deleted: %v", got)
	}
	if got, total := search(storage.Query{Index: "tag", Equal: new("five 3"), Limit: 2, Descending: true}); len(got) != 2 || total != 31 {
		t.Errorf("by tag: %v, total %d", got, total)
	}

	view(t, s, "w", func(tx storage.ReadTx) error {
		seen := 0
		stop := fmt.Errorf("enough")
		if err := taggeds.Each(tx, storage.Query{Index: "name"}, func(storage.Item[tagged]) error { seen++; return nil }); err != nil || seen != len(names)-1 {
			t.Errorf("each: %d of %d, %v", seen, len(names)-1, err)
		}
		seen = 0
		if err := taggeds.Each(tx, storage.Query{Limit: 250, Offset: 20}, func(storage.Item[tagged]) error { seen++; return nil }); err != nil || seen != 250 {
			t.Errorf("each of 250: %d, %v", seen, err)
		}
		if err := taggeds.Each(tx, storage.Query{}, func(storage.Item[tagged]) error { return stop }); err != stop { //nolint:errorlint // as it is
			t.Errorf("each that stops: %v", err)
		}
		page, err := taggeds.Filter(tx, storage.Query{Index: "name", Prefix: "number", Offset: 10, Limit: 4}, func(i storage.Item[tagged]) bool {
			return strings.HasSuffix(i.Value.Name, "7")
		})
		if err != nil || page.Total != 30 || len(page.Items) != 4 || page.Items[0].Value.Name != "number 197" {
			t.Errorf("filter: %d of %d, %v", len(page.Items), page.Total, err)
		}
		for what, q := range map[string]storage.Query{
			"an order that nobody declared":    {Index: "what"},
			"a condition that nobody declared": {Where: []storage.Condition{{Index: "what"}}},
			"an order by many values":          {Index: "tag"},
			"a condition without an index":     {Where: []storage.Condition{{Prefix: "p"}}},
			"a hidden index":                   {Index: "name\x00in"},
		} {
			_, err := taggeds.List(tx, q)
			wantCode(t, what, err, storage.CodeInvalid)
		}
		_, err = taggeds.Find(tx, "what", "v")
		wantCode(t, "find", err, storage.CodeInvalid)
		return nil
	})
	update(t, s, "w", func(tx storage.Tx) error {
		undeclared := taggeds
		undeclared.Indexes = taggeds.Indexes[:1]
		_, err := undeclared.Insert(tx, "new", "", tagged{"n", []string{"t"}})
		wantCode(t, "a key that nobody declared", err, storage.CodeInvalid)
		return nil
	})
}
