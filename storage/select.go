package storage

import (
	"cmp"
	"slices"
	"strings"
)

// What drivers share to answer a list from the few records that one of its
// conditions selects.

// Candidate is a record that may be in a list, with its keys.
type Candidate struct {
	Record
	Keys []Key
}

// Met reports whether a record with these keys meets the condition.
func (c Condition) Met(keys []Key) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return k.Index == c.Index && c.selects(k.Value) })
}

func (c Condition) selects(value string) bool {
	return (c.implied == nil || slices.ContainsFunc(c.implied, func(p string) bool { return strings.HasPrefix(value, p) })) &&
		(c.In == nil || slices.Contains(c.In, value)) &&
		strings.HasPrefix(value, c.Prefix) &&
		(c.From == nil || value >= *c.From) &&
		(c.Below == nil || value < *c.Below) &&
		strings.Contains(value, c.Contains)
}

// Bounded reports whether an index leads to what the condition selects, rather than
// through everything.
func (c Condition) Bounded() bool {
	return c.implied != nil || c.In != nil || c.Prefix != "" || c.From != nil || c.Below != nil
}

// Alternatives are the conditions of which one must be met, each a part of an index
// that is read from its beginning.
func (c Condition) Alternatives() []Condition {
	if c.implied == nil {
		return []Condition{c}
	}
	out := make([]Condition, len(c.implied))
	for i, begins := range c.implied {
		out[i] = Condition{Index: c.Index, Prefix: begins}
	}
	return out
}

// Selecting are the conditions beside that on the index which orders, without those
// that another implies.
func (q Query) Selecting() []Condition {
	var out []Condition
	for _, c := range q.Where {
		if c.implied == nil {
			out = append(out, c)
		}
	}
	return out
}

// Conditions are all conditions of the query, that on the index which orders first.
func (q Query) Conditions() []Condition {
	if own := q.Own(); own != nil {
		return append([]Condition{*own}, q.Where...)
	}
	return q.Where
}

// Select makes the page for the query, which is valid, of candidates: of all records
// of its kind that meet one of its conditions, in whatever order.
func (q Query) Select(candidates []Candidate) (Page, error) {
	type spot struct {
		value string
		Record
	}
	var behind *spot
	if q.After != "" {
		value, seq, err := q.Position()
		if err != nil {
			return Page{}, err
		}
		behind = &spot{value, Record{Seq: seq}}
	}
	order := func(a, b spot) int {
		by := cmp.Or(strings.Compare(a.value, b.value), cmp.Compare(a.Seq, b.Seq))
		if q.Descending {
			return -by
		}
		return by
	}
	own := q.Own()
	var spots []spot
	page := Page{}
	for _, c := range candidates {
		if c.Living() == q.Deleted || q.Parent != nil && c.Parent != *q.Parent ||
			slices.ContainsFunc(q.Where, func(w Condition) bool { return !w.Met(c.Keys) }) {
			continue
		}
		if own == nil {
			page.Total++
		}
		if q.Index == "" {
			spots = append(spots, spot{Record: c.Record})
			continue
		}
		for _, k := range c.Keys {
			if k.Index == q.Index && (own == nil || own.selects(k.Value)) {
				spots = append(spots, spot{k.Value, c.Record})
			}
		}
	}
	if own != nil {
		page.Total = int64(len(spots))
	}
	slices.SortFunc(spots, order)
	if behind != nil {
		n, found := slices.BinarySearchFunc(spots, *behind, order)
		if found {
			n++
		}
		spots = spots[n:]
	}
	spots = spots[min(q.Offset, len(spots)):]
	if q.Limit > 0 && len(spots) > q.Limit {
		spots = spots[:q.Limit]
		last := spots[q.Limit-1]
		page.Next = q.CursorAfter(last.value, last.Seq)
	}
	for _, s := range spots {
		page.Records = append(page.Records, s.Record)
	}
	return page, nil
}

// BeyondPrefix is the least text, by its bytes, that is greater than all that start
// with prefix; "" if there is none.
func BeyondPrefix(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}
