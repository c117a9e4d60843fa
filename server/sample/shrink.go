package sample

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// shrink gives simpler values to yield until that returns false, and reports whether
// it never did.
func shrink(v any, yield func(any) bool) bool {
	switch v := v.(type) {
	case bool:
		return !v || yield(false)
	case json.Number:
		return shrinkNumber(v, yield)
	case string:
		return shrinkString(v, yield)
	case []any:
		return shrinkArray(v, yield)
	case map[string]any:
		return shrinkObject(v, yield)
	default:
		return true
	}
}

func shrinkObject(v map[string]any, yield func(any) bool) bool {
	names := slices.Sorted(maps.Keys(v))
	if len(names) > 1 && !yield(map[string]any{}) {
		return false
	}
	// Halves first: a large object is brought down in few steps.
	if len(names) > 3 {
		for _, half := range [][]string{names[:len(names)/2], names[len(names)/2:]} {
			part := make(map[string]any, len(half))
			for _, name := range half {
				part[name] = v[name]
			}
			if !yield(clone(part)) {
				return false
			}
		}
	}
	for _, name := range names {
		if !yield(clone(without(v, name))) {
			return false
		}
	}
	for _, name := range names {
		if !shrink(v[name], func(simpler any) bool { return yield(clone(with(v, name, simpler))) }) {
			return false
		}
	}
	return true
}

func shrinkArray(v []any, yield func(any) bool) bool {
	if len(v) > 1 && !yield([]any{}) {
		return false
	}
	if len(v) > 3 && (!yield(clone(v[:len(v)/2])) || !yield(clone(v[len(v)/2:]))) {
		return false
	}
	for i := range v {
		if !yield(clone(slices.Delete(slices.Clone(v), i, i+1))) {
			return false
		}
	}
	for i := range v {
		if !shrink(v[i], func(simpler any) bool {
			c := slices.Clone(v)
			c[i] = simpler
			return yield(clone(c))
		}) {
			return false
		}
	}
	return true
}

func shrinkString(v string, yield func(any) bool) bool {
	runes := []rune(v)
	n := len(runes)
	if n == 0 {
		return true
	}
	if n > 1 && !yield("") {
		return false
	}
	if n > 3 && (!yield(string(runes[:n/2])) || !yield(string(runes[n/2:]))) {
		return false
	}
	if !yield(string(runes[:n-1])) {
		return false
	}
	if n > 1 && !yield(string(runes[1:])) {
		return false
	}
	if plain := strings.Repeat("a", n); plain != v && !yield(plain) {
		return false
	}
	// One rune at a time, where something else in the text matters.
	if n <= 64 {
		for i, c := range runes {
			if c == 'a' {
				continue
			}
			simpler := slices.Clone(runes)
			simpler[i] = 'a'
			if text := string(simpler); text != strings.Repeat("a", n) && !yield(text) {
				return false
			}
		}
	}
	return true
}

// shrinkNumber goes towards zero and to plain writing. Every candidate is nearer to
// zero, or the same number without sign or exponent.
func shrinkNumber(v json.Number, yield func(any) bool) bool {
	f, err := v.Float64()
	if err != nil {
		return yield(json.Number("0"))
	}
	given := map[json.Number]bool{v: true}
	offer := func(n json.Number) bool {
		if given[n] {
			return true
		}
		given[n] = true
		return yield(n)
	}
	if !offer("0") {
		return false
	}
	if f == 0 {
		return true
	}
	if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
		next := []int64{n / 2, n - 1}
		if n < 0 {
			next = []int64{n / 2, n + 1}
			if n > math.MinInt64 {
				next = append(next, -n)
			}
		}
		for _, n := range next {
			if !offer(json.Number(strconv.FormatInt(n, 10))) {
				return false
			}
		}
		return true
	}
	// Written with a fraction, an exponent, or beyond 64 bits.
	var next []float64
	whole := math.Trunc(f)
	switch {
	case math.Abs(f) >= math.MaxInt64:
		next = append(next, math.Trunc(f/2))
	case whole != f:
		next = append(next, whole, math.Trunc(f*10)/10)
	default:
		next = append(next, f)
	}
	if f < 0 {
		next = append(next, -f)
	}
	for _, f := range next {
		if !offer(numberOf(f)) {
			return false
		}
	}
	return true
}
