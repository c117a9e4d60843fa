package book_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

func TestKeys(t *testing.T) {
	for _, number := range []int64{1, 2, book.MaxNumber} {
		for _, seq := range []int64{1, book.MaxSeq} {
			if k := book.KeyOf(number, seq); book.NumberOf(k) != number || book.SeqOf(k) != seq || k <= 0 {
				t.Errorf("the key of %d, %d is that of %d, %d", number, seq, book.NumberOf(k), book.SeqOf(k))
			}
		}
	}
}

// What is tallied is what lists of each sort hold.
func TestTally(t *testing.T) {
	counters := map[book.Name]*book.Counter{}
	at := func(n book.Name) *book.Counter {
		if counters[n] == nil {
			counters[n] = &book.Counter{}
		}
		return counters[n]
	}
	tally := func(r storage.Record, by int64) {
		kind, parent := book.Of(r)
		if r.Parent == "" {
			book.Tally(r, by, at(kind), nil)
		} else {
			book.Tally(r, by, at(kind), at(parent))
		}
	}
	gone := time.Unix(1, 0)
	for _, r := range []storage.Record{
		{}, {}, {}, {Deleted: gone}, {Deleted: gone}, {Parent: "p"}, {Parent: "q"}, {Parent: "q"}, {Parent: "q", Deleted: gone},
	} {
		r.Kind = "k"
		tally(r, 1)
	}
	tally(storage.Record{Kind: "k", Parent: "q"}, -1)
	tally(storage.Record{Kind: "k"}, -1)
	type totals struct{ Living, Gone int64 }
	for _, c := range []struct {
		parent *string
		want   totals
	}{{nil, totals{4, 3}}, {new(""), totals{2, 2}}, {new("p"), totals{1, 0}}, {new("q"), totals{1, 1}}, {new("r"), totals{}}} {
		q := storage.Query{Parent: c.parent}
		living := at(book.Listed("k", q)).Total(q)
		q.Deleted = true
		if got := (totals{living, at(book.Listed("k", q)).Total(q)}); got != c.want {
			t.Errorf("below %v: %v, want %v", c.parent, got, c.want)
		}
	}
}

func TestSizeOf(t *testing.T) {
	r := storage.Record{Kind: "not counted", ID: "id", Parent: "p", Body: []byte("{}")}
	for _, n := range []int{0, 1, 127, 128, 1 << 14, 1<<14 - 1, 1 << 21} {
		keys := []storage.Key{{Index: strings.Repeat("i", n), Value: "v"}, {Index: "x", Value: strings.Repeat("v", n), Unique: true}}
		if got, want := book.SizeOf(r, keys), int64(5+len(storage.EncodeKeys(keys))); got != want {
			t.Errorf("with %d bytes in a key it is %d, want %d", n, got, want)
		}
	}
}

func TestStep(t *testing.T) {
	c := book.Counter{Last: math.MaxInt64 - 1}
	c, ok := c.Step()
	if c.Last != math.MaxInt64 || !ok {
		t.Errorf("the last number is %d, %v", c.Last, ok)
	}
	if c, ok = c.Step(); ok {
		t.Errorf("and another, %d", c.Last)
	}
}

func TestChecks(t *testing.T) {
	for name, ok := range map[string]bool{"a": true, "a\x00": true, "": false, "\x00id": false, "\xff": false} {
		if err := book.CheckSequence("next", name); (err == nil) != ok || err != nil && storage.CodeOf(err) != storage.CodeInvalid {
			t.Errorf("sequence %q: %v", name, err)
		}
	}
	for _, c := range []struct {
		names []string
		ok    bool
	}{{nil, false}, {[]string{"a", "b"}, true}, {[]string{"a", "b", "a"}, false}} {
		if err := book.CheckWorkspaces("update", c.names); (err == nil) != c.ok || err != nil && storage.CodeOf(err) != storage.CodeInvalid {
			t.Errorf("workspaces %q: %v", c.names, err)
		}
	}
}

func TestFew(t *testing.T) {
	keys := map[string]int{"a": 40, "b": 3, "c": storage.FewRecords + 1}
	where := func(indexes ...string) (q storage.Query) {
		for _, index := range indexes {
			c := storage.Condition{Index: index, In: []string{"v"}}
			if index == "unbounded" {
				c = storage.Condition{Index: index, Contains: "v"}
			}
			q.Where = append(q.Where, c)
		}
		return q
	}
	for _, c := range []struct {
		q    storage.Query
		want int
		ok   bool
	}{
		{where(), 0, false},
		{where("c"), 0, false},
		{where("unbounded"), 0, false},
		{where("none"), 0, true},
		{where("a", "unbounded", "b", "c"), 3, true},
	} {
		got, ok, err := book.Few(c.q, func(alternatives []storage.Condition, limit int64) ([]int64, error) {
			return make([]int64, min(keys[alternatives[0].Index], int(limit))), nil
		})
		if len(got) != c.want || ok != c.ok || err != nil {
			t.Errorf("%v: %d keys, %v, %v", c.q.Where, len(got), ok, err)
		}
	}
}

func TestChanged(t *testing.T) {
	now := time.Date(2024, 5, 6, 7, 8, 9, 1234, time.UTC)
	body := []byte("{}")
	born := book.Born(storage.Record{Kind: "k", ID: "i", Parent: "p", Body: body, Updated: now.Add(time.Hour)}, 7, func() time.Time { return now })
	want := storage.Record{Kind: "k", ID: "i", Parent: "p", Seq: 7, Version: 1, Body: body, Created: now, Updated: book.Micro(now.Add(time.Hour))}
	if d := cmp.Diff(want, born); d != "" {
		t.Error(d)
	}
	if body[0] = 'x'; born.Body[0] == 'x' {
		t.Error("the body is the caller's")
	}
	got := book.Changed(storage.Record{Kind: "k", ID: "i", Deleted: now}, born, now)
	want = storage.Record{Kind: "k", ID: "i", Parent: "p", Seq: 7, Version: 2, Body: []byte{}, Created: now, Updated: born.Updated, Deleted: born.Updated}
	if d := cmp.Diff(want, got); d != "" {
		t.Error("before its last time:", d)
	}
	after := now.Add(2 * time.Hour)
	got = book.Changed(storage.Record{Kind: "k", ID: "i", Deleted: after}, born, after)
	want.Updated, want.Deleted = after, book.Micro(after)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
