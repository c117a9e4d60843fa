package zen

import (
	"slices"
	"sync"
	"unicode"
)

// runeSet is a set of characters: ranges in order that do not touch.
type runeSet []runeRange

type runeRange struct{ low, high rune }

const lastRune = unicode.MaxRune

func (s runeSet) normal() runeSet {
	slices.SortFunc(s, func(a, b runeRange) int { return int(a.low - b.low) })
	merged := s[:0]
	for _, r := range s {
		if n := len(merged); n > 0 && r.low <= merged[n-1].high+1 {
			merged[n-1].high = max(merged[n-1].high, r.high)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

func (s runeSet) union(o runeSet) runeSet {
	return append(slices.Clone(s), o...).normal()
}

func (s runeSet) negate() runeSet {
	negated := make(runeSet, 0, len(s)+1)
	next := rune(0)
	for _, r := range s {
		if r.low > next {
			negated = append(negated, runeRange{next, r.low - 1})
		}
		next = r.high + 1
	}
	if next <= lastRune {
		negated = append(negated, runeRange{next, lastRune})
	}
	return negated
}

func (s runeSet) intersect(o runeSet) runeSet {
	return s.negate().union(o.negate()).negate()
}

func (s runeSet) minus(o runeSet) runeSet { return s.intersect(o.negate()) }

func (s runeSet) either(o runeSet) runeSet { return s.union(o).minus(s.intersect(o)) }

// ascii returns what is in ASCII.
func (s runeSet) ascii() runeSet {
	var narrow runeSet
	for _, r := range s {
		if r.low < 0x80 {
			narrow = append(narrow, runeRange{r.low, min(r.high, 0x7F)})
		}
	}
	return narrow
}

// fold adds the characters that differ in case only.
func (s runeSet) fold() runeSet {
	folded := slices.Clone(s)
	for _, r := range s {
		for c := r.low; c <= min(r.high, lastFolding); c++ {
			for other := unicode.SimpleFold(c); other != c; other = unicode.SimpleFold(other) {
				folded = append(folded, runeRange{other, other})
			}
		}
	}
	return folded.normal()
}

// lastFolding is behind the last character that has another case.
const lastFolding = 0x1E944

func tableSet(tables ...*unicode.RangeTable) runeSet {
	var s runeSet
	add := func(low, high, stride rune) {
		if stride == 1 {
			s = append(s, runeRange{low, high})
			return
		}
		for c := low; c <= high; c += stride {
			s = append(s, runeRange{c, c})
		}
	}
	for _, table := range tables {
		for _, r := range table.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range table.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return s.normal()
}

// The classes of Unicode's annex on regular expressions: \d is Nd, \s white
// space, \w what is alphabetic, a mark, a decimal digit, a connector or a joiner.
var (
	digitSet = sync.OnceValue(func() runeSet { return tableSet(unicode.Nd) })
	spaceSet = sync.OnceValue(func() runeSet { return tableSet(unicode.White_Space) })
	wordSet  = sync.OnceValue(func() runeSet {
		return tableSet(unicode.L, unicode.Nl, unicode.Other_Alphabetic, unicode.M, unicode.Nd, unicode.Pc, unicode.Join_Control)
	})
)

var (
	asciiDigits = runeSet{{'0', '9'}}
	asciiSpaces = runeSet{{'\t', '\r'}, {' ', ' '}}
	asciiWords  = runeSet{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}
)

// posixSets are the classes [:name:], ASCII all of them.
var posixSets = map[string]runeSet{
	"alnum": {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, "alpha": {{'A', 'Z'}, {'a', 'z'}}, "ascii": {{0, 0x7F}},
	"blank": {{'\t', '\t'}, {' ', ' '}}, "cntrl": {{0, 0x1F}, {0x7F, 0x7F}}, "digit": {{'0', '9'}},
	"graph": {{'!', '~'}}, "lower": {{'a', 'z'}}, "print": {{' ', '~'}},
	"punct": {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}, "space": {{'\t', '\r'}, {' ', ' '}},
	"upper": {{'A', 'Z'}}, "word": {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
	"xdigit": {{'0', '9'}, {'A', 'F'}, {'a', 'f'}},
}
