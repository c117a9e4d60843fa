package value

import "math/bits"

// Add returns d + o with the greater of the two scales; digits that 96 bits do
// not hold are rounded away, half to even. 0 leaves the other as it is. It fails
// with ErrOverflow.
func (d Decimal) Add(o Decimal) (Decimal, error) {
	if d.scale == o.scale && d.neg == o.neg && d.hi|o.hi == 0 && d.lo != 0 && o.lo != 0 {
		lo, carry := bits.Add64(d.lo, o.lo, 0)
		return Decimal{lo: lo, hi: uint32(carry), scale: d.scale, neg: d.neg}, nil
	}
	return d.addSlow(o)
}

// Sub returns d - o as [Decimal.Add] has it.
func (d Decimal) Sub(o Decimal) (Decimal, error) {
	if !o.IsZero() {
		o.neg = !o.neg
	}
	return d.Add(o)
}

func (d Decimal) addSlow(o Decimal) (Decimal, error) {
	if d.IsZero() {
		return o, nil
	}
	if o.IsZero() {
		return d, nil
	}
	a, b, scale := d.coefficient(), o.coefficient(), int(d.scale)
	if diff := int(d.scale) - int(o.scale); diff != 0 {
		var ok bool
		if diff > 0 {
			b, ok = b.scaleUp(diff)
		} else {
			scale = int(o.scale)
			a, ok = a.scaleUp(-diff)
		}
		if !ok {
			return d.addWide(o, scale)
		}
	}
	if d.neg != o.neg {
		if a.cmp(b) >= 0 {
			return newDecimal(a.sub(b), scale, d.neg), nil
		}
		return newDecimal(b.sub(a), scale, o.neg), nil
	}
	sum := a.add(b)
	if sum.fits96() {
		return newDecimal(sum, scale, d.neg), nil
	}
	return sum.wide().reduce(scale, d.neg)
}

// scaleUp multiplies by 10^n; false when 96 bits do not hold the product.
func (a u128) scaleUp(n int) (u128, bool) {
	if n > 19 {
		var ok bool
		if a, ok = a.scaleUp(19); !ok {
			return a, false
		}
		n -= 19
	}
	over, mid := bits.Mul64(a.hi, pow10[n])
	hi, lo := bits.Mul64(a.lo, pow10[n])
	hi, carry := bits.Add64(hi, mid, 0)
	return u128{hi, lo}, over|carry == 0 && hi>>32 == 0
}

func (d Decimal) addWide(o Decimal, scale int) (Decimal, error) {
	a := d.coefficient().wide().mulPow10(scale - int(d.scale))
	b := o.coefficient().wide().mulPow10(scale - int(o.scale))
	switch {
	case d.neg == o.neg:
		return a.add(b).reduce(scale, d.neg)
	case a.cmp(b) >= 0:
		return a.sub(b).reduce(scale, d.neg)
	default:
		return b.sub(a).reduce(scale, o.neg)
	}
}

// reduce brings a number of scale decimal places to 96 bits and at most MaxScale
// places: as few digits as possible are dropped, rounding half to even.
func (w wide) reduce(scale int, neg bool) (Decimal, error) {
	drop := 0
	if n := w.bits(); n > 96 {
		// 77/256 is a little less than log10(2): never a digit too many.
		drop = (n-97)*77>>8 + 1
		if drop > scale {
			return Decimal{}, ErrOverflow
		}
	}
	drop = max(drop, scale-MaxScale)
	rest := false
	for drop > 0 {
		n := min(drop, 19)
		var r uint64
		w, r = w.divSmall(pow10[n])
		scale -= n
		if drop -= n; drop > 0 {
			rest = rest || r != 0
			continue
		}
		if w.bits() > 96 {
			if scale == 0 {
				return Decimal{}, ErrOverflow
			}
			rest = rest || r != 0
			drop = 1
			continue
		}
		half := pow10[n] / 2
		if r > half || r == half && (rest || w[0]&1 != 0) {
			w = w.add(wide{1})
			if w.bits() > 96 {
				if scale == 0 {
					return Decimal{}, ErrOverflow
				}
				rest, drop = false, 1
			}
		}
	}
	return newDecimal(w.low(), scale, neg), nil
}

// Mul returns d * o; its scale is the sum of the scales, less the digits that do
// not fit, which are rounded half to even. Anything times 0 is 0. It fails with
// ErrOverflow.
func (d Decimal) Mul(o Decimal) (Decimal, error) {
	if d.IsZero() || o.IsZero() {
		return Decimal{}, nil
	}
	scale, neg := int(d.scale)+int(o.scale), d.neg != o.neg
	if d.hi|o.hi == 0 {
		hi, lo := bits.Mul64(d.lo, o.lo)
		if hi>>32 == 0 && scale <= MaxScale {
			return Decimal{lo: lo, hi: uint32(hi), scale: uint8(scale), neg: neg}, nil
		}
		if scale > MaxScale+19 && (d.lo|o.lo)>>32 == 0 {
			return Decimal{}, nil
		}
		return wide{lo, hi, 0}.reduce(scale, neg)
	}
	low := wide{d.lo, uint64(d.hi), 0}.mulSmall(o.lo)
	high := wide{d.lo, uint64(d.hi), 0}.mulSmall(uint64(o.hi))
	return low.add(wide{0, high[0], high[1]}).reduce(scale, neg)
}

var maxTimes = func() (m [10]u128) {
	for i := range m {
		m[i], _ = u128{1<<32 - 1, 1<<64 - 1}.divSmall(pow10[i])
	}
	return m
}()

// Div returns d / o. Without a remainder its scale is d's less o's; else digits
// are made, up to nine at a time, until there is no remainder or no room, the
// last rounded half to even, and then zeros are trimmed in one pass that may
// leave one (1/2 is 0.50). 0 divided is 0. It fails with ErrDivisionByZero and
// ErrOverflow.
func (d Decimal) Div(o Decimal) (Decimal, error) {
	if o.IsZero() {
		return Decimal{}, ErrDivisionByZero
	}
	if d.IsZero() {
		return Decimal{}, nil
	}
	scale, neg, made := int(d.scale)-int(o.scale), d.neg != o.neg, false
	divisor := o.coefficient()
	q, r := d.coefficient().div(divisor)
	for {
		var n int
		if r.isZero() {
			if scale >= 0 {
				break
			}
			n = min(9, -scale)
		} else {
			made = true
			n = min(9, MaxScale-scale)
			for n > 0 && q.cmp(maxTimes[n]) > 0 {
				n--
			}
			if n < 9 && n+scale < 0 {
				return Decimal{}, ErrOverflow
			}
			if n == 0 {
				if c := r.shl1().cmp(divisor); c > 0 || c == 0 && q.lo&1 != 0 {
					q = q.addSmall(1)
				}
				if !q.fits96() {
					return q.backTo96(scale, neg, true)
				}
				break
			}
		}
		scale += n
		if q.cmp(maxTimes[n]) > 0 {
			return Decimal{}, ErrOverflow
		}
		var digits u128
		digits, r = r.mulSmall(pow10[n]).div(divisor)
		if q = q.mulSmall(pow10[n]).add(digits); !q.fits96() {
			return q.backTo96(scale, neg, !r.isZero())
		}
	}
	if made {
		q, scale = q.trimZeros(scale)
	}
	return newDecimal(q, scale, neg), nil
}

// backTo96 takes a digit off a quotient that has just grown beyond 96 bits.
func (a u128) backTo96(scale int, neg, rest bool) (Decimal, error) {
	if scale < 1 {
		return Decimal{}, ErrOverflow
	}
	q, r := a.divSmall(10)
	if r > 5 || r == 5 && (rest || q.lo&1 != 0) {
		q = q.addSmall(1)
	}
	q, scale = q.trimZeros(scale - 1)
	return newDecimal(q, scale, neg), nil
}

// trimZeros drops eight, four, two and one zeros, each if there are so many (and
// eight again and again), as far as even bits let it hope: not always all.
func (a u128) trimZeros(scale int) (u128, int) {
	drop := func(n int, mask uint64) bool {
		if a.lo&mask != 0 || scale < n {
			return false
		}
		q, r := a.divSmall(pow10[n])
		if r != 0 {
			return false
		}
		a, scale = q, scale-n
		return true
	}
	for drop(8, 1<<32-1) {
	}
	drop(4, 0xf)
	drop(2, 3)
	drop(1, 1)
	return a, scale
}

// Rem returns what is left of d after a division by o that is cut to a whole
// number; it has d's sign and the greater scale. It fails with
// ErrDivisionByZero.
func (d Decimal) Rem(o Decimal) (Decimal, error) {
	if o.IsZero() {
		return Decimal{}, ErrDivisionByZero
	}
	if d.IsZero() {
		return Decimal{}, nil
	}
	switch d.cmpAbs(o) {
	case 0:
		return Decimal{}, nil
	case -1:
		return d, nil
	}
	diff := int(o.scale) - int(d.scale)
	if diff <= 0 {
		// d is the greater one, so what is scaled up is less than d's coefficient.
		_, r := d.coefficient().div(o.coefficient().wide().mulPow10(-diff).low())
		return newDecimal(r, int(d.scale), d.neg), nil
	}
	// Digit by digit, so that nothing grows beyond 128 bits.
	divisor := o.coefficient()
	_, r := d.coefficient().div(divisor)
	for ; diff > 0; diff -= 9 {
		_, r = r.mulSmall(pow10[min(diff, 9)]).div(divisor)
	}
	return newDecimal(r, int(o.scale), d.neg), nil
}
