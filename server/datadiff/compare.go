package datadiff

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

type comparer func(a, b []byte) (equal bool, err error)

// soft is what decides on two texts of a pair that differ, if anything can. NULL is
// nil. Within a dialect a text that differs is a value that does, unless an option
// says otherwise: then the database can decide alone.
func (s *Spec) soft(q pair, dialects [2]Dialect) (comparer, error) {
	var ways []comparer
	d := q.form.Datatype
	l, r := q.column[Left], q.column[Right]
	tolerance, tolerated := s.ColumnTolerances[q.name]
	if !tolerated && s.Tolerance != nil {
		tolerance, tolerated = *s.Tolerance, true
	}
	numeric := d.numeric() && (ToleranceOfIntegers || d == Float)
	if d.temporal() && s.DatetimeTolerance != nil {
		ways = append(ways, sameTime(min(*s.DatetimeTolerance, digits(l), digits(r)), [2]Rounding{DatetimeTolerance, DatetimeTolerance}))
	}
	if numeric && tolerated && tolerance.Value > 0 {
		ways = append(ways, tolerance.within)
	}
	if d == JSON || d == Array || d == Struct || d == Map || d == Super {
		ways = append(ways, sameJSON(s.SortArrays))
	}
	if d.textual() && s.NullIsEmpty {
		ways = append(ways, func(a, b []byte) (bool, error) { return len(a) == 0 && len(b) == 0, nil })
	}
	if d.textual() && s.IgnoreCase {
		ways = append(ways, func(a, b []byte) (bool, error) {
			return (a == nil) == (b == nil) && bytes.Equal(bytes.ToLower(a), bytes.ToLower(b)), nil
		})
	}
	if !q.form.Native {
		ways = append(ways, across(d, l, r, dialects)...)
	}
	for _, rule := range s.ColumnRules {
		if rule.Column == q.name || rule.Column == "" && (rule.Type == l.Datatype || rule.Type == r.Datatype) {
			f, err := s.Rules.Rule(rule.EqualIf, d)
			if err != nil {
				return nil, problem(Invalid, "column rule %q: %v", rule.EqualIf, err)
			}
			ways = append(ways, f)
		}
	}
	if len(ways) == 0 {
		return nil, nil
	}
	return func(a, b []byte) (bool, error) {
		for _, way := range ways {
			if equal, err := way(a, b); equal || err != nil {
				return equal, err
			}
		}
		return false, nil
	}, nil
}

// across are the ways in which texts of two databases may differ whose values do
// not.
func across(d Datatype, l, r Column, dialects [2]Dialect) []comparer {
	rounds := [2]Rounding{dialects[Left].Rounds(), dialects[Right].Rounds()}
	switch {
	case d.numeric():
		return []comparer{sameNumber(l, r)}
	case d.temporal():
		n := [2]int{digits(l), digits(r)}
		// How digits were lost is up to the side that has fewer.
		if n[Left] < n[Right] {
			rounds[Right] = rounds[Left]
		} else {
			rounds[Left] = rounds[Right]
		}
		return []comparer{sameTime(min(n[Left], n[Right]), rounds)}
	}
	return nil
}

func digits(c Column) int {
	if c.Digits == AnyDigits || c.Digits > 6 {
		return 6
	}
	return c.Digits
}

// within needs two numbers, and finite ones.
func (t Tolerance) within(a, b []byte) (bool, error) {
	if a == nil || b == nil {
		return false, nil
	}
	x, okX := rational(a)
	y, okY := rational(b)
	// What was meant is the shortest text of the tolerance: 0.1, and not the binary
	// fraction nearest to it.
	limit, ok := new(big.Rat).SetString(strconv.FormatFloat(t.Value, 'g', -1, 64))
	if !okX || !okY || !ok {
		return false, nil
	}
	if t.Mode == Relative {
		base := y
		if RelativeToleranceOf == Left {
			base = x
		}
		limit.Mul(limit, new(big.Rat).Abs(base)) // of 0 nothing is tolerated
	}
	distance := new(big.Rat).Sub(x, y)
	order := distance.Abs(distance).Cmp(limit)
	return order < 0 || ToleranceIsInclusive && order == 0, nil
}

// maxExponent keeps 1e999999999 from becoming a number of a gigabyte.
const maxExponent = 20000

func rational(text []byte) (*big.Rat, bool) {
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		if n, err := strconv.Atoi(string(text[i+1:])); err != nil || n > maxExponent || n < -maxExponent {
			return nil, false
		}
	}
	if len(text) > maxExponent || bytes.ContainsAny(text, "/_xXpPoO") {
		return nil, false
	}
	return new(big.Rat).SetString(string(text))
}

// significant is how many decimal digits a binary fraction of so many bits keeps.
func significant(c Column) int {
	if c.Digits > 0 && c.Digits <= 24 {
		return 6
	}
	return 15
}

// sameNumber compares numbers at the precision that both columns have: at the
// smaller number of decimals, rounded half away from zero, and at the smaller
// number of significant digits where one side is binary.
func sameNumber(l, r Column) comparer {
	scale := AnyDigits
	for _, c := range []Column{l, r} {
		n := AnyDigits
		switch c.Datatype {
		case Integer, Year:
			n = 0
		case Decimal:
			n = c.Digits
		}
		if n != AnyDigits && (scale == AnyDigits || n < scale) {
			scale = n
		}
	}
	// An integer beside a fraction is not the fraction's rounding.
	if l.Datatype != r.Datatype && (l.Datatype == Integer || r.Datatype == Integer) {
		scale = AnyDigits
	}
	places := 0
	for _, c := range []Column{l, r} {
		if c.Datatype == Float && (places == 0 || significant(c) < places) {
			places = significant(c)
		}
	}
	return func(a, b []byte) (bool, error) {
		if a == nil || b == nil {
			return false, nil
		}
		x, okX := rational(a)
		y, okY := rational(b)
		if !okX || !okY {
			u, errU := strconv.ParseFloat(string(a), 64) // NaN, Infinity
			v, errV := strconv.ParseFloat(string(b), 64)
			return errU == nil && errV == nil && (u == v || math.IsNaN(u) && math.IsNaN(v)), nil
		}
		if x.Cmp(y) == 0 {
			return true, nil
		}
		if scale != AnyDigits {
			return x.FloatString(scale) == y.FloatString(scale), nil
		}
		if places > 0 {
			u, _ := x.Float64()
			v, _ := y.Float64()
			return strconv.FormatFloat(u, 'e', places-1, 64) == strconv.FormatFloat(v, 'e', places-1, 64), nil
		}
		return false, nil
	}
}

// layouts are the ways in which the databases write times.
var layouts = []string{
	"2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07",
	"2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z07",
	"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02", "15:04:05.999999999", "15:04:05.999999999Z07:00", "15:04:05.999999999Z07",
}

// ParseTime reads a time as any of the databases writes it. A time without a zone
// is of UTC.
func ParseTime(text []byte) (time.Time, bool) {
	s := string(text)
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// sameTime compares times at a number of digits of a second.
func sameTime(digits int, rounds [2]Rounding) comparer {
	step := time.Duration(math.Pow10(9 - digits))
	at := func(t time.Time, rounding Rounding) time.Time {
		if rounding == Round {
			t = t.Add(step / 2)
		}
		nanos := time.Duration(t.Nanosecond())
		return t.Add(-(nanos % step))
	}
	return func(a, b []byte) (bool, error) {
		if a == nil || b == nil {
			return false, nil
		}
		x, okX := ParseTime(a)
		y, okY := ParseTime(b)
		return okX && okY && at(x, rounds[Left]).Equal(at(y, rounds[Right])), nil
	}
}

// sameJSON compares documents: the order of members does not matter, nor how a
// number is written.
func sameJSON(sorted bool) comparer {
	return func(a, b []byte) (bool, error) {
		if a == nil || b == nil {
			return false, nil
		}
		x, okX := parseJSON(a, sorted)
		y, okY := parseJSON(b, sorted)
		return okX && okY && x == y, nil
	}
}

// parseJSON writes a document in the one way in which equal ones are written.
func parseJSON(text []byte, sorted bool) (string, bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var document any
	if decoder.Decode(&document) != nil {
		return "", false
	}
	if _, err := decoder.Token(); err != io.EOF {
		return "", false
	}
	var b strings.Builder
	writeJSON(&b, document, sorted)
	return b.String(), true
}

func writeJSON(b *strings.Builder, value any, sorted bool) {
	switch v := value.(type) {
	case json.Number:
		if x, ok := rational([]byte(v)); ok {
			b.WriteString(x.RatString())
		} else {
			b.WriteString(string(v))
		}
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			var p strings.Builder
			writeJSON(&p, part, sorted)
			parts[i] = p.String()
		}
		if sorted {
			slices.Sort(parts)
		}
		b.WriteString("[" + strings.Join(parts, ",") + "]")
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		b.WriteByte('{')
		for _, name := range names {
			b.WriteString(strconv.Quote(name) + ":")
			writeJSON(b, v[name], sorted)
			b.WriteByte(',')
		}
		b.WriteByte('}')
	case string:
		b.WriteString(strconv.Quote(v))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case nil:
		b.WriteString("null")
	}
}
