package decision

import (
	"math/bits"
	"slices"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// minIndexed is the number of rows from which a table has an index.
const minIndexed = 8

// A tableIndex finds the rows of a decision table that may match, without looking at
// the others: by the constants that cells compare a field with, and by ranges of
// numbers. What it finds is what a scan from top to bottom finds.
type tableIndex struct {
	words   int
	columns []*columnIndex // by input; nil for one without
}

// A columnIndex is that of one input column.
type columnIndex struct {
	field   int
	decided []uint64 // rows whose cell it answers for
	rest    []uint64 // rows that any value may match: empty cells, and what only an evaluation tells
	strings map[string]rowSet
	numbers map[value.Decimal]rowSet
	truths  [2]rowSet
	null    rowSet
	ranges  *rangeIndex
}

// A rowSet is a set of rows: the few as a list, the many as bits.
type rowSet struct {
	list []int32
	bits []uint64
}

func (s rowSet) addTo(set []uint64) {
	for _, row := range s.list {
		set[row>>6] |= 1 << (row & 63)
	}
	for i, word := range s.bits {
		set[i] |= word
	}
}

// dense turns a long list into bits.
func (s rowSet) dense(words int) rowSet {
	if len(s.list) <= 2*words {
		return s
	}
	all := make([]uint64, words)
	s.addTo(all)
	return rowSet{bits: all}
}

func newTableIndex(t *table) *tableIndex {
	if len(t.rules) < minIndexed {
		return nil
	}
	// Where $ is looked at from outside its own column, only a scan tells what it is.
	for i := range t.fields {
		if t.fields[i].reference {
			return nil
		}
	}
	reference, bare := false, false
	for i := range t.rules {
		for j, c := range t.rules[i].cells {
			switch {
			case c == nil || c.empty():
			case j >= len(t.inputs):
				reference = reference || c.reference
			case t.inputs[j].field < 0:
				bare, reference = true, reference || c.reference
			}
		}
	}
	if reference && bare {
		return nil
	}
	x := &tableIndex{words: (len(t.rules) + 63) / 64, columns: make([]*columnIndex, len(t.inputs))}
	some := false
	for i := range t.inputs {
		if t.inputs[i].field >= 0 {
			x.columns[i] = newColumnIndex(t, i, x.words)
			some = some || x.columns[i] != nil
		}
	}
	if !some {
		return nil
	}
	return x
}

func newColumnIndex(t *table, column, words int) *columnIndex {
	x := &columnIndex{
		field:   t.inputs[column].field,
		decided: make([]uint64, words), rest: make([]uint64, words),
		strings: map[string]rowSet{}, numbers: map[value.Decimal]rowSet{},
	}
	var ranges []rowRange
	some := false
	for row := range t.rules {
		c := t.rules[row].cells[column]
		bit := uint64(1) << (row & 63)
		var shape zen.Shape
		if c != nil && c.program != nil {
			shape = c.program.UnaryShape()
		}
		switch {
		case c == nil || c.empty():
			x.rest[row>>6] |= bit
			continue
		case c.err != nil: // never matches
		case shape.Kind == zen.ShapeRange:
			ranges = append(ranges, rowRange{int32(row), shape.Low, shape.High})
		case shape.Kind == zen.ShapeEqual && x.add(shape.Values, int32(row)):
		default:
			x.rest[row>>6] |= bit
			continue
		}
		x.decided[row>>6] |= bit
		some = true
	}
	if !some {
		return nil
	}
	for key, set := range x.strings {
		x.strings[key] = set.dense(words)
	}
	for key, set := range x.numbers {
		x.numbers[key] = set.dense(words)
	}
	x.truths = [2]rowSet{x.truths[0].dense(words), x.truths[1].dense(words)}
	x.null = x.null.dense(words)
	x.ranges = newRangeIndex(ranges, words)
	return x
}

// add enters a row under the constants that its cell compares with; false, with
// nothing entered, where one of them is no key.
func (x *columnIndex) add(values []value.Value, row int32) bool {
	for _, v := range values {
		if v.Kind() == value.KindDate {
			return false
		}
	}
	enter := func(set rowSet) rowSet {
		if n := len(set.list); n == 0 || set.list[n-1] != row {
			set.list = append(set.list, row)
		}
		return set
	}
	for _, v := range values {
		switch v.Kind() {
		case value.KindNull:
			x.null = enter(x.null)
		case value.KindBool:
			i := truth(v)
			x.truths[i] = enter(x.truths[i])
		case value.KindNumber:
			n := key(v)
			x.numbers[n] = enter(x.numbers[n])
		case value.KindString:
			x.strings[v.AsString()] = enter(x.strings[v.AsString()])
		}
		// Arrays, objects and intervals are equal to nothing.
	}
	return true
}

func truth(v value.Value) int {
	if v.AsBool() {
		return 1
	}
	return 0
}

// key makes equal numbers the same.
func key(v value.Value) value.Decimal {
	n := v.AsNumber()
	if n.IsZero() {
		return value.Decimal{}
	}
	return n.Normalize()
}

// addTo adds the rows that a value of the field may match.
func (x *columnIndex) addTo(set []uint64, v value.Value) {
	switch v.Kind() {
	case value.KindNull:
		x.null.addTo(set)
	case value.KindBool:
		x.truths[truth(v)].addTo(set)
	case value.KindNumber:
		if len(x.numbers) > 0 {
			x.numbers[key(v)].addTo(set)
		}
		x.ranges.addTo(set, v.AsNumber())
	case value.KindString:
		x.strings[v.AsString()].addTo(set)
	}
}

// decides reports whether the index has answered for a cell of a candidate.
func (x *tableIndex) decides(column, row int) bool {
	c := x.columns[column]
	return c != nil && c.decided[row>>6]>>(row&63)&1 != 0
}

// candidates leaves in s those rows that may match; false where only a scan tells.
func (x *tableIndex) candidates(s *scan) bool {
	if s.root.Kind() != value.KindObject {
		return false // the first column that is looked at changes what the others see
	}
	s.candidates = slices.Grow(s.candidates[:0], x.words)[:x.words]
	s.hits = slices.Grow(s.hits[:0], x.words)[:x.words]
	first := true
	for _, column := range x.columns {
		if column == nil {
			continue
		}
		set := s.hits
		if first {
			set = s.candidates
		}
		copy(set, column.rest)
		if s.field(column.field) {
			column.addTo(set, s.values[column.field])
		} else if s.stop != nil {
			return false
		}
		if first {
			first = false
			continue
		}
		for i, word := range set {
			s.candidates[i] &= word
		}
	}
	return true
}

// A rangeIndex finds the ranges that hold a number: a segment tree over the places
// between, and at, the ends of ranges.
type rangeIndex struct {
	ends   []value.Decimal
	leaves int
	nodes  []rowSet
}

type rowRange struct {
	row       int32
	low, high *zen.Bound
}

func newRangeIndex(ranges []rowRange, words int) *rangeIndex {
	if len(ranges) == 0 {
		return nil
	}
	x := &rangeIndex{}
	for _, r := range ranges {
		for _, bound := range []*zen.Bound{r.low, r.high} {
			if bound != nil {
				x.ends = append(x.ends, bound.Value)
			}
		}
	}
	slices.SortFunc(x.ends, value.Decimal.Cmp)
	x.ends = slices.CompactFunc(x.ends, func(a, b value.Decimal) bool { return a.Cmp(b) == 0 })
	places := 2*len(x.ends) + 1
	x.leaves = 1 << bits.Len(uint(places-1))
	x.nodes = make([]rowSet, 2*x.leaves)
	for _, r := range ranges {
		low, high := 0, places-1
		if r.low != nil {
			if low = x.place(r.low.Value); r.low.Open {
				low++
			}
		}
		if r.high != nil {
			if high = x.place(r.high.Value); r.high.Open {
				high--
			}
		}
		x.add(r.row, low, high)
	}
	for i := range x.nodes {
		x.nodes[i] = x.nodes[i].dense(words)
	}
	return x
}

// place returns where a number stands: 2i+1 at end i, 2i before it.
func (x *rangeIndex) place(n value.Decimal) int {
	i, at := slices.BinarySearchFunc(x.ends, n, value.Decimal.Cmp)
	if at {
		return 2*i + 1
	}
	return 2 * i
}

func (x *rangeIndex) add(row int32, low, high int) {
	if low > high {
		return
	}
	for low, high = low+x.leaves, high+x.leaves+1; low < high; low, high = low>>1, high>>1 {
		if low&1 == 1 {
			x.nodes[low].list = append(x.nodes[low].list, row)
			low++
		}
		if high&1 == 1 {
			high--
			x.nodes[high].list = append(x.nodes[high].list, row)
		}
	}
}

func (x *rangeIndex) addTo(set []uint64, n value.Decimal) {
	if x == nil {
		return
	}
	for at := x.place(n) + x.leaves; at > 0; at >>= 1 {
		x.nodes[at].addTo(set)
	}
}
