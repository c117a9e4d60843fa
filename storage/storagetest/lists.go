package storagetest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
)

func testOrder(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	insertN(t, s, "w", "k", 12)
	update(t, s, "w", func(tx storage.Tx) error { // deleted ones do not show
		for _, id := range []string{"3", "8"} {
			r, err := tx.Get("k", id)
			if err != nil {
				return err
			}
			r.Deleted = tx.Now()
			n, _ := strconv.Atoi(id)
			if _, err := tx.Put(r, []storage.Key{
				{Index: "name", Value: fmt.Sprintf("name %04d", n)},
				{Index: "even", Value: strconv.FormatBool(n%2 == 0)},
			}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, test := range []struct {
		name  string
		query storage.Query
		want  []string
		total int64
	}{
		{"insertion", storage.Query{}, []string{"0", "1", "2", "4", "5", "6", "7", "9", "10", "11"}, 10},
		{"reverse", storage.Query{Descending: true, Limit: 3}, []string{"11", "10", "9"}, 10},
		{"offset", storage.Query{Offset: 7}, []string{"9", "10", "11"}, 10},
		{"offset and limit", storage.Query{Offset: 2, Limit: 2}, []string{"2", "4"}, 10},
		{"offset beyond", storage.Query{Offset: 10, Limit: 2}, []string{}, 10},
		{"exact limit", storage.Query{Offset: 8, Limit: 2}, []string{"10", "11"}, 10},
		{"parent", storage.Query{Parent: new("parent 2")}, []string{"2", "5", "11"}, 3},
		{"no parent", storage.Query{Parent: new("")}, []string{"0", "6", "9"}, 3},
		{"unknown parent", storage.Query{Parent: new("parent")}, []string{}, 0},
		{"deleted", storage.Query{Deleted: true}, []string{"3", "8"}, 2},
		{"deleted of a parent", storage.Query{Deleted: true, Parent: new("parent 2")}, []string{"8"}, 1},
		{"deleted without parent", storage.Query{Deleted: true, Parent: new(""), Index: "name"}, []string{"3"}, 1},
		{"deleted by name", storage.Query{Deleted: true, Index: "name", Descending: true}, []string{"8", "3"}, 2},
		{"by name", storage.Query{Index: "name", Descending: true, Limit: 4}, []string{"11", "10", "9", "7"}, 10},
		{"by name in parent", storage.Query{Index: "name", Parent: new("parent 1"), Descending: true}, []string{"10", "7", "4", "1"}, 4},
		{"by name without parent", storage.Query{Index: "name", Parent: new("")}, []string{"0", "6", "9"}, 3},
		{"ties by insertion", storage.Query{Index: "even"}, []string{"1", "5", "7", "9", "11", "0", "2", "4", "6", "10"}, 10},
		{"ties reversed", storage.Query{Index: "even", Descending: true, Limit: 6}, []string{"10", "6", "4", "2", "0", "11"}, 10},
		{"unknown index", storage.Query{Index: "what", Prefix: "a"}, []string{}, 0},
	} {
		view(t, s, "w", func(tx storage.ReadTx) error {
			p, err := tx.List("k", test.query)
			if err != nil {
				return fmt.Errorf("%s: %w", test.name, err)
			}
			if diff := cmp.Diff(test.want, ids(p.Records)); diff != "" || p.Total != test.total {
				t.Errorf("%s: total %d, want %d; %s", test.name, p.Total, test.total, diff)
			}
			q := test.query
			q.Offset, q.Limit = 0, 0
			if all, err := tx.List("k", q); err != nil || (p.Next == "") != (test.query.Limit == 0 ||
				test.query.Offset+test.query.Limit >= len(all.Records)) {
				t.Errorf("%s: next is %q, %v", test.name, p.Next, err)
			}
			return nil
		})
	}
}

func testSearch(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	values := []string{"apple", "apricot", "Apple", "banana", "pineapple", "", "ap", "100%", "a_b", "grün", "grün\x00x"}
	update(t, s, "w", func(tx storage.Tx) error {
		for i, v := range values {
			r := storage.Record{Kind: "k", ID: v + "!", Parent: "p" + strconv.Itoa(i%2)}
			if _, err := tx.Insert(r, []storage.Key{{Index: "fruit", Value: v}}); err != nil {
				return err
			}
		}
		_, err := tx.Insert(storage.Record{Kind: "k", ID: "none"}, nil)
		return err
	})
	for _, test := range []struct {
		query storage.Query
		want  []string
	}{
		{storage.Query{Prefix: "ap"}, []string{"ap", "apple", "apricot"}},
		{storage.Query{Prefix: "grün"}, []string{"grün", "grün\x00x"}},
		{storage.Query{Contains: "apple"}, []string{"apple", "pineapple"}},
		{storage.Query{Contains: "%"}, []string{"100%"}},
		{storage.Query{Contains: "_"}, []string{"a_b"}},
		{storage.Query{Contains: "\x00"}, []string{"grün\x00x"}},
		{storage.Query{Contains: "ü", Prefix: "gr", Descending: true}, []string{"grün\x00x", "grün"}},
		{storage.Query{Equal: new("")}, []string{""}},
		{storage.Query{Equal: new("Apple")}, []string{"Apple"}},
		{storage.Query{Equal: new("apple"), Prefix: "b"}, nil},
		{storage.Query{Equal: new("apple"), Contains: "pp", Parent: new("p0")}, []string{"apple"}},
		{storage.Query{Contains: "ap", Parent: new("p0")}, []string{"ap", "apple", "pineapple"}},
	} {
		test.query.Index = "fruit"
		view(t, s, "w", func(tx storage.ReadTx) error {
			for limit := range len(test.want) + 2 { // 0 is no limit
				q := test.query
				q.Limit = limit
				p, err := tx.List("k", q)
				if err != nil {
					return err
				}
				want := []string{}
				for i, w := range test.want {
					if limit == 0 || i < limit {
						want = append(want, w+"!")
					}
				}
				if diff := cmp.Diff(want, ids(p.Records)); diff != "" || p.Total != int64(len(test.want)) {
					t.Errorf("%+v: total %d, %s", q, p.Total, diff)
				}
			}
			return nil
		})
	}
}

// walk follows the cursors of a query; between is called after every page.
func walk(t testing.TB, s storage.Store, kind string, q storage.Query, between func()) (all []string) {
	t.Helper()
	for {
		var p storage.Page
		view(t, s, "w", func(tx storage.ReadTx) (err error) {
			p, err = tx.List(kind, q)
			return err
		})
		all = append(all, ids(p.Records)...)
		if p.Next == "" {
			return all
		}
		q.After = p.Next
		between()
	}
}

var orders = []storage.Query{
	{},
	{Descending: true},
	{Index: "name"},
	{Index: "even", Descending: true},
	{Index: "even"},
	{Index: "name", Prefix: "name 00", Contains: "1"},
	{Parent: new("parent 1")},
	{Parent: new(""), Descending: true},
	{Parent: new("parent 2"), Index: "even", Descending: true},
}

func testCursors(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	insertN(t, s, "w", "k", 40)
	for _, q := range orders {
		whole := walk(t, s, "k", q, func() { t.Errorf("%+v without a limit has two pages", q) })
		for _, limit := range []int{1, 7, len(whole), len(whole) + 1} {
			q.Limit = limit
			pages := 1
			got := walk(t, s, "k", q, func() { pages++ })
			if diff := cmp.Diff(whole, got); diff != "" {
				t.Errorf("%+v: %s", q, diff)
			}
			if want := (len(whole) + limit - 1) / limit; pages != want {
				t.Errorf("%+v: %d pages, want %d", q, pages, want)
			}
		}
	}
}

func testCursorsUnderChange(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	for i, q := range orders {
		kind := "kind " + strconv.Itoa(i)
		insertN(t, s, "w", kind, 60)
		whole := walk(t, s, kind, q, func() {})
		q.Limit = 4
		gone := map[string]bool{}
		round := 0
		seen := walk(t, s, kind, q, func() {
			round++
			update(t, s, "w", func(tx storage.Tx) error {
				// Deletes and purges, the last record of a page among them, and
				// insertions before and behind the cursor.
				for _, victim := range []int{(round*4 - 1) % len(whole), (round * 17) % len(whole)} {
					id := whole[victim]
					if gone[id] {
						continue
					}
					gone[id] = true
					if victim%2 == 0 {
						if err := tx.Purge(kind, id); err != nil {
							return err
						}
						continue
					}
					r, err := tx.Get(kind, id)
					if err != nil {
						return err
					}
					r.Deleted = tx.Now()
					if _, err := tx.Put(r, []storage.Key{{Index: "name", Value: "elsewhere"}}); err != nil {
						return err
					}
				}
				for _, where := range []string{"name 0000", "name 0059", "zzz"} {
					r := storage.Record{Kind: kind, ID: tx.NewID(), Parent: "parent " + strconv.Itoa(1+round%2)}
					if _, err := tx.Insert(r, []storage.Key{{Index: "name", Value: where}, {Index: "even", Value: where}}); err != nil {
						return err
					}
				}
				return nil
			})
			if round > 100 {
				t.Fatalf("query %d does not end", i)
			}
		})
		times := map[string]int{}
		for _, id := range seen {
			times[id]++
			if times[id] > 1 {
				t.Errorf("query %d: %s came %d times", i, id, times[id])
			}
		}
		for _, id := range whole {
			if !gone[id] && times[id] != 1 {
				t.Errorf("query %d: %s was there all the time and came %d times", i, id, times[id])
			}
		}
		if kept := slices.DeleteFunc(slices.Clone(seen), func(id string) bool { return !slices.Contains(whole, id) }); len(kept) == 0 {
			t.Errorf("query %d: nothing came", i)
		}
	}
}
