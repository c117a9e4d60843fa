package sample

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// span is the numbers that a schema allows: from low to high, both included, in steps.
// Bounds are exact decimals, as they stand in the document.
type span struct {
	low, high *big.Rat // nil for none
	step      *big.Rat // nil where any fraction will do
}

var (
	one       = big.NewRat(1, 1)
	hundredth = big.NewRat(1, 100)
)

// exact reads a float64 as the decimal that it was written as.
func exact(f float64) *big.Rat {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	if !ok {
		return new(big.Rat)
	}
	return r
}

// exactKey marks a schema with the numbers of its keywords as the document writes them,
// where a float64 has another (server/contract/loading).
const exactKey = "x-understudy-exact"

// written is the number of a keyword as it stands in the document.
func written(s *openapi3.Schema, keyword string, f float64) *big.Rat {
	numbers, _ := s.Extensions[exactKey].(map[string]any)
	if text, ok := numbers[keyword].(string); ok {
		if r, ok := new(big.Rat).SetString(text); ok {
			return r
		}
	}
	return exact(f)
}

// enumOf lists the values of an enum with their numbers as they stand in the document.
func enumOf(s *openapi3.Schema) []any {
	exact, _ := s.Extensions[exactKey].(map[string]any)
	if len(exact) == 0 || len(s.Enum) == 0 {
		return s.Enum
	}
	list := slices.Clone(s.Enum)
	for i := range list {
		literal, ok := exact["enum/"+strconv.Itoa(i)].(string)
		if _, merged := list[i].(json.Number); !ok || merged {
			continue
		}
		decoder := json.NewDecoder(strings.NewReader(literal))
		decoder.UseNumber()
		var v any
		if decoder.Decode(&v) == nil {
			list[i] = v
		}
	}
	return list
}

func spanOf(s *openapi3.Schema, integer bool) span {
	var p span
	if s.MultipleOf != nil && *s.MultipleOf > 0 {
		p.step = written(s, "multipleOf", *s.MultipleOf)
	}
	if integer {
		// Of the integers among the multiples: those of the step's numerator.
		if p.step == nil {
			p.step = one
		} else {
			p.step = new(big.Rat).SetInt(p.step.Num())
		}
	}
	beyond := p.step
	if beyond == nil {
		beyond = hundredth
	}
	if s.Min != nil {
		p.low = written(s, "minimum", *s.Min)
	}
	if s.Max != nil {
		p.high = written(s, "maximum", *s.Max)
	}
	above, below := exclusive(s.ExclusiveMin, s.Min), exclusive(s.ExclusiveMax, s.Max)
	if above != nil && below != nil && p.step == nil { // two steps and something between them
		quarter := new(big.Rat).Sub(strictly(s, s.ExclusiveMax, "maximum", *below), strictly(s, s.ExclusiveMin, "minimum", *above))
		if quarter.Quo(quarter, big.NewRat(4, 1)); quarter.Sign() > 0 && quarter.Cmp(beyond) < 0 {
			beyond = quarter
		}
	}
	if b := above; b != nil {
		p.low = later(p.low, p.over(strictly(s, s.ExclusiveMin, "minimum", *b), beyond), 1)
	}
	if b := below; b != nil {
		p.high = later(p.high, p.under(strictly(s, s.ExclusiveMax, "maximum", *b), beyond), -1)
	}
	if integer {
		least, most := int64(math.MinInt64), int64(math.MaxInt64)
		if s.Format == "int32" {
			least, most = math.MinInt32, math.MaxInt32
		}
		if low, high := new(big.Rat).SetInt64(least), new(big.Rat).SetInt64(most); s.Format != "" || p.within(low, high) {
			p.low, p.high = later(p.low, low, 1), later(p.high, high, -1)
		}
	}
	if p.step != nil {
		if p.low != nil {
			p.low = roundTo(p.low, p.step, true)
		}
		if p.high != nil {
			p.high = roundTo(p.high, p.step, false)
		}
	}
	return p
}

// strictly is an exclusive bound as it stands in the document: of its own keyword, or
// of the one that it makes exclusive.
func strictly(s *openapi3.Schema, strict openapi3.ExclusiveBound, keyword string, f float64) *big.Rat {
	if strict.Value == nil {
		return written(s, keyword, f)
	}
	return written(s, "exclusive"+strings.ToUpper(keyword[:1])+keyword[1:], f)
}

// within reports whether there are numbers of the span between two.
func (p *span) within(low, high *big.Rat) bool {
	return (p.low == nil || p.low.Cmp(high) <= 0) && (p.high == nil || p.high.Cmp(low) >= 0)
}

// over is the first number above bound; under is the last below it.
func (p *span) over(bound, beyond *big.Rat) *big.Rat {
	if p.step == nil {
		next := new(big.Rat).Add(bound, beyond)
		if p.high != nil && next.Cmp(p.high) > 0 {
			next = between(bound, p.high)
		}
		return next
	}
	next := roundTo(bound, p.step, true)
	if next.Cmp(bound) == 0 {
		next = new(big.Rat).Add(next, p.step)
	}
	return next
}

func (p *span) under(bound, beyond *big.Rat) *big.Rat {
	if p.step == nil {
		next := new(big.Rat).Sub(bound, beyond)
		if p.low != nil && next.Cmp(p.low) < 0 {
			next = between(p.low, bound)
		}
		return next
	}
	next := roundTo(bound, p.step, false)
	if next.Cmp(bound) == 0 {
		next = new(big.Rat).Sub(next, p.step)
	}
	return next
}

func between(a, b *big.Rat) *big.Rat {
	sum := new(big.Rat).Add(a, b)
	return sum.Quo(sum, big.NewRat(2, 1))
}

// later is the greater of two bounds if sign is 1, the smaller if it is -1.
func later(a, b *big.Rat, sign int) *big.Rat {
	if a == nil || a.Cmp(b)*sign < 0 {
		return b
	}
	return a
}

// roundTo gives the nearest multiple of step that is not below (up) or not above n.
func roundTo(n, step *big.Rat, up bool) *big.Rat {
	quotient := new(big.Rat).Quo(n, step)
	whole := new(big.Int).Div(quotient.Num(), quotient.Denom())
	if up && !quotient.IsInt() {
		whole.Add(whole, big.NewInt(1))
	}
	return new(big.Rat).Mul(new(big.Rat).SetInt(whole), step)
}

func (p *span) empty() bool { return p.low != nil && p.high != nil && p.low.Cmp(p.high) > 0 }

// has reports whether a number is in the span.
func (p *span) has(n *big.Rat) bool {
	return (p.low == nil || n.Cmp(p.low) >= 0) && (p.high == nil || n.Cmp(p.high) <= 0) &&
		(p.step == nil || new(big.Rat).Quo(n, p.step).IsInt())
}

// nearest is the number of the span that is nearest to zero.
func (p *span) nearest() *big.Rat {
	switch {
	case p.low != nil && p.low.Sign() > 0:
		return p.low
	case p.high != nil && p.high.Sign() < 0:
		return p.high
	default:
		return new(big.Rat)
	}
}

// literal writes a number in full. Numbers here have a finite decimal form, but for
// those that are kept to 20 places.
func literal(n *big.Rat) json.Number {
	if n.IsInt() {
		return json.Number(n.Num().String())
	}
	text := strings.TrimRight(n.FloatString(20), "0")
	return json.Number(strings.TrimSuffix(text, "."))
}

// number makes a number: the one nearest to zero if small.
func (m *maker) number(s *openapi3.Schema, integer, small bool) (json.Number, bool) {
	if !small && s.MultipleOf == nil {
		if n, ok := m.quickNumber(s, integer); ok {
			return n, true
		}
	}
	p := spanOf(s, integer)
	if p.empty() {
		return "", false
	}
	n := p.nearest()
	if small {
		return literal(n), true
	}
	step := p.step
	if step == nil {
		step = hundredth
	}
	for range 8 {
		next := new(big.Rat).Mul(step, new(big.Rat).SetInt64(m.r.Int64N(2001)-1000))
		next.Add(next, n)
		if (p.low == nil || next.Cmp(p.low) >= 0) && (p.high == nil || next.Cmp(p.high) <= 0) {
			return literal(next), true
		}
	}
	return literal(n), true
}

// quickNumber makes a number where the bounds are of an ordinary size.
func (m *maker) quickNumber(s *openapi3.Schema, integer bool) (json.Number, bool) {
	const ordinary = 1 << 50
	low, high := math.Inf(-1), math.Inf(1)
	for _, b := range []*float64{s.Min, exclusive(s.ExclusiveMin, s.Min)} {
		if b != nil {
			low = max(low, *b)
		}
	}
	for _, b := range []*float64{s.Max, exclusive(s.ExclusiveMax, s.Max)} {
		if b != nil {
			high = min(high, *b)
		}
	}
	width := 1000.0
	if m.r.IntN(8) == 0 {
		width = math.MaxInt32 // as far as int32 goes
	}
	switch {
	case math.IsInf(low, 0) && math.IsInf(high, 0):
		low, high = -width, width
	case math.IsInf(low, 0):
		low = high - width
	case math.IsInf(high, 0):
		high = low + width
	}
	if s.Format == "int32" {
		low, high = max(low, math.MinInt32), min(high, math.MaxInt32)
	}
	if math.Abs(low) > ordinary || math.Abs(high) > ordinary || low > high {
		return "", false
	}
	inside := func(f float64) bool {
		return (s.ExclusiveMin.Value == nil || f > *s.ExclusiveMin.Value) && (s.ExclusiveMax.Value == nil || f < *s.ExclusiveMax.Value) &&
			(!s.ExclusiveMin.IsTrue() || f > low) && (!s.ExclusiveMax.IsTrue() || f < high)
	}
	for range 6 {
		f := low + m.r.Float64()*(high-low)
		if integer {
			from, to := int64(math.Ceil(low)), int64(math.Floor(high))
			if from > to {
				return "", false
			}
			n := from + m.r.Int64N(to-from+1)
			if inside(float64(n)) {
				return json.Number(strconv.FormatInt(n, 10)), true
			}
			continue
		}
		if short := math.Round(f*100) / 100; short >= low && short <= high {
			f = short
		}
		if inside(f) {
			return numberOf(f), true
		}
	}
	return "", false
}
