package value

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
)

// The errors of arithmetic and of reading numbers, in the engine's words.
//
//nolint:staticcheck // an error text of the engine begins with a capital letter
var (
	ErrOverflow       = errors.New("Number overflow")
	ErrDivisionByZero = errors.New("Division by zero")
	ErrExponent       = errors.New("Failed to calculate exponent")
	ErrInvalidNumber  = errors.New("Invalid number")
)

// MaxScale is the greatest number of decimal places.
const MaxScale = 28

// Decimal is an exact decimal number: a coefficient of 96 bits, 0 to 28 decimal
// places (its scale) and a sign. The scale is kept: 1.50 is not printed as 1.5,
// though the two are equal. The zero Decimal is 0.
//
// The rules are those of the crate rust_decimal, which the vendor's engine uses.
type Decimal struct {
	lo    uint64
	hi    uint32
	scale uint8
	neg   bool
}

// FromInt returns a whole number.
func FromInt(i int64) Decimal {
	if i < 0 {
		return Decimal{lo: -uint64(i), neg: true}
	}
	return Decimal{lo: uint64(i)}
}

// NewDecimal returns coefficient / 10^scale; scale must be in [0, MaxScale].
func NewDecimal(coefficient int64, scale int) Decimal {
	d := FromInt(coefficient)
	d.scale = uint8(min(max(scale, 0), MaxScale))
	return d
}

// FromFloat returns the decimal that a binary floating point number stands for:
// of its digits those are kept that a coefficient of 52 bits holds (15 or 16),
// and no trailing zeros. It fails with ErrInvalidNumber for what is not a
// number, and with ErrOverflow beyond 96 bits.
func FromFloat(f float64) (Decimal, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Decimal{}, ErrInvalidNumber
	}
	raw := math.Float64bits(f)
	neg, biased, mantissa := raw>>63 != 0, int(raw>>52&0x7ff), raw&(1<<52-1)
	if biased == 0 && mantissa == 0 {
		return Decimal{neg: neg}, nil
	}
	if biased == 0 {
		biased = 1
	} else {
		mantissa |= 1 << 52
	}
	exp2 := biased - 1023 - 52
	c := u128{lo: mantissa}

	// 2^exp2 is 5^-exp2 * 10^exp2: the fives go into the coefficient as long as
	// they fit, then its low bits are lost.
	fives, exp10 := -exp2, exp2
	for ; fives > 0; fives-- {
		if c.lo&1 != 0 {
			if p := c.mulSmall(5); p.fits96() {
				c = p
				continue
			}
		}
		exp10++
		c = c.shr1()
	}
	for ; fives < 0; fives++ {
		switch {
		case c.hi&(1<<31) == 0:
			exp10--
			c = c.shl1()
		case exp10*2 > -fives:
			return Decimal{}, ErrOverflow
		default:
			c, _ = c.divSmall(5)
		}
	}
	for ; exp10 > 0; exp10-- {
		if c = c.mulSmall(10); !c.fits96() {
			return Decimal{}, ErrOverflow
		}
	}
	for exp10 < -MaxScale {
		c = c.dropDigit()
		exp10++
		if c.isZero() {
			exp10 = 0
		}
	}
	for exp10 < 0 && (c.hi != 0 || c.lo>>52 != 0) {
		c = c.dropDigit()
		exp10++
	}
	for exp10 < 0 {
		q, r := c.divSmall(10)
		if r != 0 {
			break
		}
		c = q
		exp10++
	}
	return Decimal{lo: c.lo, hi: uint32(c.hi), scale: uint8(-exp10), neg: neg}, nil
}

// dropDigit divides by ten and rounds half up.
func (a u128) dropDigit() u128 {
	q, r := a.divSmall(10)
	if r >= 5 {
		q = q.addSmall(1)
	}
	return q
}

func (d Decimal) coefficient() u128 { return u128{uint64(d.hi), d.lo} }

// newDecimal returns a number; zero has no sign.
func newDecimal(c u128, scale int, neg bool) Decimal {
	return Decimal{lo: c.lo, hi: uint32(c.hi), scale: uint8(scale), neg: neg && !c.isZero()}
}

// IsZero reports whether the number is 0 or -0, of any scale.
func (d Decimal) IsZero() bool { return d.lo|uint64(d.hi) == 0 }

// IsInteger reports whether the number has no fraction.
func (d Decimal) IsInteger() bool { return d.Normalize().scale == 0 }

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.IsZero():
		return 0
	case d.neg:
		return -1
	default:
		return 1
	}
}

// Scale returns the number of decimal places.
func (d Decimal) Scale() int { return int(d.scale) }

// Neg returns -d; of 0 it is -0, which prints its sign and equals 0.
func (d Decimal) Neg() Decimal {
	d.neg = !d.neg
	return d
}

// Abs returns d without its sign.
func (d Decimal) Abs() Decimal {
	d.neg = false
	return d
}

// Cmp returns -1, 0 or 1 as d is less than, equal to or greater than o; scale
// and the sign of zero do not count.
func (d Decimal) Cmp(o Decimal) int {
	sd, so := d.Sign(), o.Sign()
	if sd != so || sd == 0 {
		return boolInt(sd > so) - boolInt(sd < so)
	}
	c := d.cmpAbs(o)
	if sd < 0 {
		return -c
	}
	return c
}

func (d Decimal) cmpAbs(o Decimal) int {
	a, b := d.coefficient(), o.coefficient()
	if d.scale == o.scale {
		return a.cmp(b)
	}
	if diff := int(d.scale) - int(o.scale); diff < 0 {
		return a.wide().mulPow10(-diff).cmp(b.wide())
	}
	return a.wide().cmp(b.wide().mulPow10(int(d.scale) - int(o.scale)))
}

// Normalize returns d without trailing zeros after the point; every zero
// becomes 0.
func (d Decimal) Normalize() Decimal {
	if d.scale == 0 {
		if d.IsZero() {
			return Decimal{}
		}
		return d
	}
	if d.IsZero() {
		return Decimal{}
	}
	c, scale := d.coefficient(), int(d.scale)
	if c.hi == 0 {
		for lo := c.lo; scale > 0 && lo%10 == 0; scale-- {
			lo /= 10
			c.lo = lo
		}
	} else {
		for scale > 0 {
			q, r := c.divSmall(10)
			if r != 0 {
				break
			}
			c = q
			scale--
		}
	}
	return newDecimal(c, scale, d.neg)
}

// signed returns a number with d's sign, also when it is zero.
func (d Decimal) signed(c u128, scale int) Decimal {
	return Decimal{lo: c.lo, hi: uint32(c.hi), scale: uint8(scale), neg: d.neg}
}

// Trunc cuts the number after a number of places (none when negative); one with
// fewer gets zeros, as many as fit. The sign stays: -0.4 becomes -0.
func (d Decimal) Trunc(places int) Decimal {
	places = min(max(places, 0), MaxScale)
	if int(d.scale) <= places {
		c := d.coefficient()
		for int(d.scale) < places && c.cmp(maxTimes[1]) <= 0 {
			c = c.mulSmall(10)
			d.scale++
		}
		return d.signed(c, int(d.scale))
	}
	q, _, _ := d.split(places)
	return d.signed(q, places)
}

// split divides the coefficient so that a number of places is left, and tells how
// the rest compares with one half, and whether there is one.
func (d Decimal) split(places int) (q u128, half int, rest bool) {
	w := d.coefficient().wide()
	drop := int(d.scale) - places
	half = -1
	var last uint64
	for ; drop > 1; drop-- {
		w, last = w.divSmall(10)
		rest = rest || last != 0
	}
	w, last = w.divSmall(10)
	switch {
	case last > 5 || last == 5 && rest:
		half = 1
	case last == 5:
		half = 0
	}
	return w.low(), half, rest || last != 0
}

// Round rounds to a number of places (none when negative), half away from zero.
// A number with fewer places stays as it is. What becomes zero loses its sign,
// what was zero keeps it.
func (d Decimal) Round(places int) Decimal {
	places = max(places, 0)
	if int(d.scale) <= places {
		return d
	}
	if d.IsZero() {
		return d.signed(u128{}, places)
	}
	q, half, _ := d.split(places)
	if half >= 0 {
		q = q.addSmall(1)
	}
	return newDecimal(q, places, d.neg)
}

// Floor returns the greatest whole number that is not greater than d; zero keeps
// its sign.
func (d Decimal) Floor() Decimal { return d.toward(true) }

// Ceil returns the least whole number that is not less than d; the sign stays:
// -0.4 becomes -0.
func (d Decimal) Ceil() Decimal { return d.toward(false) }

func (d Decimal) toward(down bool) Decimal {
	if d.scale == 0 {
		return d
	}
	q, _, rest := d.split(0)
	if rest && d.neg == down {
		q = q.addSmall(1)
	}
	return d.signed(q, 0)
}

// Int64 returns the whole part; false when it is beyond int64.
func (d Decimal) Int64() (int64, bool) {
	if d.scale > 0 {
		d = d.Trunc(0)
	}
	switch {
	case d.hi != 0 || d.lo > math.MaxInt64 && (!d.neg || d.lo != 1<<63):
		return 0, false
	case d.neg:
		return -int64(d.lo), true
	default:
		return int64(d.lo), true
	}
}

// Uint64 returns the whole part; false when the number is negative (-0.5 and -0
// too, which have a sign) or beyond uint64.
func (d Decimal) Uint64() (uint64, bool) {
	if d.neg {
		return 0, false
	}
	d = d.Trunc(0)
	return d.lo, d.hi == 0
}

// Float64 returns the nearest binary floating point number.
func (d Decimal) Float64() float64 {
	if d.hi == 0 && d.lo < 1<<53 && d.scale <= 22 {
		f := float64(d.lo) / float64Pow10[d.scale]
		if d.neg {
			return -f
		}
		return f
	}
	var buf [40]byte
	f, err := strconv.ParseFloat(string(d.Append(buf[:0])), 64)
	if err != nil {
		return 0 // never: what Append prints is a number in range
	}
	return f
}

// Powers of ten that float64 holds exactly.
var float64Pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// String returns the number with all its decimal places: 1.50.
func (d Decimal) String() string {
	var buf [40]byte
	return string(d.Append(buf[:0]))
}

// Append appends the number as [Decimal.String] has it.
func (d Decimal) Append(dst []byte) []byte {
	if d.neg {
		dst = append(dst, '-')
	}
	if d.scale == 0 && d.hi == 0 {
		return strconv.AppendUint(dst, d.lo, 10)
	}
	var buf [32]byte
	digits := buf[:0]
	if d.hi == 0 {
		digits = strconv.AppendUint(digits, d.lo, 10)
	} else {
		q, r := d.coefficient().divSmall(1e19)
		digits = strconv.AppendUint(digits, q.lo, 10)
		start := len(digits)
		digits = digits[:start+19]
		for i := start + 18; i >= start; i-- {
			digits[i] = byte('0' + r%10)
			r /= 10
		}
	}
	scale := int(d.scale)
	if scale == 0 {
		return append(dst, digits...)
	}
	whole := len(digits) - scale
	if whole <= 0 {
		dst = append(dst, "0."...)
		for ; whole < 0; whole++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[:whole]...)
	dst = append(dst, '.')
	return append(dst, digits[whole:]...)
}

// u128 is a whole number of 128 bits; coefficients use 96 of them.
type u128 struct{ hi, lo uint64 }

func (a u128) isZero() bool { return a.hi|a.lo == 0 }
func (a u128) fits96() bool { return a.hi>>32 == 0 }
func (a u128) wide() wide   { return wide{a.lo, a.hi, 0} }
func (a u128) shr1() u128   { return u128{a.hi >> 1, a.lo>>1 | a.hi<<63} }
func (a u128) shl1() u128   { return u128{a.hi<<1 | a.lo>>63, a.lo << 1} }

func (a u128) cmp(b u128) int {
	switch {
	case a == b:
		return 0
	case a.hi < b.hi || a.hi == b.hi && a.lo < b.lo:
		return -1
	default:
		return 1
	}
}

func (a u128) add(b u128) u128 {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return u128{hi, lo}
}

func (a u128) sub(b u128) u128 {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return u128{hi, lo}
}

func (a u128) addSmall(b uint64) u128 { return a.add(u128{lo: b}) }

// mulSmall multiplies; the product must fit.
func (a u128) mulSmall(b uint64) u128 {
	hi, lo := bits.Mul64(a.lo, b)
	return u128{hi + a.hi*b, lo}
}

func (a u128) divSmall(b uint64) (q u128, r uint64) {
	if a.hi == 0 {
		return u128{lo: a.lo / b}, a.lo % b
	}
	q.hi, r = a.hi/b, a.hi%b
	q.lo, r = bits.Div64(r, a.lo, b)
	return q, r
}

func (a u128) div(b u128) (q, r u128) {
	if b.hi == 0 {
		q, r.lo = a.divSmall(b.lo)
		return q, r
	}
	// The divisor's top 64 bits give a quotient that is at most one too large.
	n := bits.LeadingZeros64(b.hi)
	top := b.hi<<n | b.lo>>1>>(63-n)
	half := a.shr1()
	est, _ := bits.Div64(half.hi, half.lo, top)
	est >>= 63 - n
	if est != 0 {
		est--
	}
	q.lo = est
	r = a.sub(b.mulSmall(est))
	if r.cmp(b) >= 0 {
		q.lo++
		r = r.sub(b)
	}
	return q, r
}

// wide is a whole number of 192 bits, low word first: what sums and products of
// coefficients need before they are brought back to 96 bits.
type wide [3]uint64

var pow10 = [...]uint64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

func (w wide) low() u128 { return u128{w[1], w[0]} }

func (w wide) bits() int {
	for i := 2; i >= 0; i-- {
		if w[i] != 0 {
			return 64*i + bits.Len64(w[i])
		}
	}
	return 0
}

func (w wide) cmp(o wide) int {
	for i := 2; i >= 0; i-- {
		switch {
		case w[i] < o[i]:
			return -1
		case w[i] > o[i]:
			return 1
		}
	}
	return 0
}

func (w wide) add(o wide) wide {
	var carry uint64
	for i := range w {
		w[i], carry = bits.Add64(w[i], o[i], carry)
	}
	return w
}

func (w wide) sub(o wide) wide {
	var borrow uint64
	for i := range w {
		w[i], borrow = bits.Sub64(w[i], o[i], borrow)
	}
	return w
}

func (w wide) mulSmall(m uint64) wide {
	var carry uint64
	for i := range w {
		hi, lo := bits.Mul64(w[i], m)
		var c uint64
		w[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
	return w
}

// mulPow10 multiplies by 10^n; the product must fit.
func (w wide) mulPow10(n int) wide {
	for ; n > 19; n -= 19 {
		w = w.mulSmall(pow10[19])
	}
	return w.mulSmall(pow10[n])
}

func (w wide) divSmall(d uint64) (q wide, r uint64) {
	for i := 2; i >= 0; i-- {
		q[i], r = bits.Div64(r, w[i], d)
	}
	return q, r
}
