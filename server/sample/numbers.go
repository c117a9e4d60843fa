package sample

import (
	"encoding/json"
	"math/big"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// fraction makes a number between two integers that the schema takes.
func (d *drafter) fraction() (any, bool) {
	p := spanOf(d.full, true)
	if p.empty() {
		return nil, false
	}
	half := new(big.Rat).Mul(p.step, big.NewRat(1, 2))
	if p.step.Cmp(one) != 0 {
		// Where multipleOf asks for more it would be broken too.
		return nil, false
	}
	n := new(big.Rat).Add(p.nearest(), half)
	if p.high != nil && n.Cmp(p.high) > 0 {
		n.Sub(n, one)
	}
	return literal(n), true
}

// numbers drafts integers or numbers.
func (d *drafter) numbers(integer bool) {
	p := spanOf(d.full, integer)
	if p.empty() {
		return
	}
	open := p // without the bounds
	open.low, open.high = nil, nil
	beyond := open.step
	if beyond == nil {
		beyond = hundredth
	}
	d.bound(d.s.Min, d.s.ExclusiveMin, "minimum", "below", p.low, func(at *big.Rat) *big.Rat { return open.under(at, beyond) })
	d.bound(d.s.Max, d.s.ExclusiveMax, "maximum", "above", p.high, func(at *big.Rat) *big.Rat { return open.over(at, beyond) })
	d.multiples(&p, integer)
	if integer {
		d.integerFormats()
	}
	if d.s.Type == nil {
		return
	}
	inside := func(why string, text json.Number) bool {
		n, ok := new(big.Rat).SetString(text.String())
		if !ok || !p.has(n) {
			return false
		}
		d.right("type", why, text)
		return true
	}
	inside("zero", "0")
	inside("negative zero", "-0")
	inside("a negative number", "-1")
	for _, text := range []json.Number{"1e2", "1e1", "1e0", "5e0", "-1e2"} {
		if inside("an integral literal", text) {
			break
		}
	}
	if integer {
		inside("the last integer that a double tells apart", "9007199254740991")
		inside("one that a double does not tell apart", "9007199254740993")
		inside("a big negative integer", "-9007199254740993")
		inside("the greatest of 64 bits", "9223372036854775807")
		inside("the least of 64 bits", "-9223372036854775808")
		return
	}
	inside("a fraction", "0.5")
	inside("a negative fraction", "-1234.5678")
	inside("a small number", "1e-7")
	inside("a big number", "1e+30")
	if d.full.Format != "float" {
		inside("the greatest double", "1.7976931348623157e+308")
	}
}

// bound drafts the last number that is taken, and those past a bound; beside tells on
// which side they are.
func (d *drafter) bound(bound *float64, strict openapi3.ExclusiveBound, keyword, beside string, last *big.Rat, past func(*big.Rat) *big.Rat) {
	excluded := exclusive(strict, bound)
	if excluded != nil {
		bound, keyword = excluded, "exclusive"+strings.ToUpper(keyword[:1])+keyword[1:]
	}
	if bound == nil {
		return
	}
	at := written(d.s, keyword, *bound)
	named := keyword + " " + string(literal(at))
	why := "the nearest to " + named
	if last.Cmp(at) == 0 {
		why = named + " itself"
	}
	d.right(keyword, why, literal(last))
	if excluded != nil {
		d.wrong(keyword, named+" itself", literal(at))
	}
	if excluded == nil || strict.Value != nil {
		d.wrong(keyword, beside+" "+named, literal(past(at)))
	}
}

func (d *drafter) multiples(p *span, integer bool) {
	if d.s.MultipleOf == nil || *d.s.MultipleOf <= 0 || p.step == nil {
		return
	}
	text := string(literal(exact(*d.s.MultipleOf)))
	at := p.nearest()
	next := new(big.Rat).Add(at, p.step)
	if p.high != nil && next.Cmp(p.high) > 0 {
		next = new(big.Rat).Sub(at, p.step)
	}
	d.right("multipleOf", "a multiple of "+text, literal(next))
	off := new(big.Rat).Mul(p.step, big.NewRat(1, 2))
	if integer {
		off = one
	}
	for _, miss := range []*big.Rat{new(big.Rat).Add(at, off), new(big.Rat).Sub(at, off)} {
		d.wrong("multipleOf", "no multiple of "+text, literal(miss))
	}
}

// integerFormats goes beyond 64 bits as far as a float64 shows, by which kin-openapi
// judges.
func (d *drafter) integerFormats() {
	var right, wrong []json.Number
	switch d.s.Format {
	case "int32":
		right, wrong = []json.Number{"2147483647", "-2147483648"}, []json.Number{"2147483648", "-2147483649"}
	case "int64":
		right, wrong = []json.Number{"9223372036854775807", "-9223372036854775808"}, []json.Number{"9223372036854777856", "-9223372036854777856"}
	}
	for i := range right {
		d.right("format", "the last of "+d.s.Format, right[i])
	}
	for i := range wrong {
		d.wrong("format", "beyond "+d.s.Format, wrong[i])
	}
}
