package value

import (
	"math"
	"math/big"
	"math/bits"
)

// Pow returns d to the power of o. Whole powers are found by squaring, with
// twice a coefficient's digits, other ones as exp(o * ln |d|) with d's sign, to
// all 28 digits; where the result is too large for that, the nearest binary
// floating point number decides. It fails with ErrExponent.
func (d Decimal) Pow(o Decimal) (Decimal, error) {
	if r, ok := d.pow(o); ok {
		return r, nil
	}
	r, err := FromFloat(math.Pow(d.Float64(), o.Float64()))
	if err != nil {
		return Decimal{}, ErrExponent
	}
	return r, nil
}

func (d Decimal) pow(o Decimal) (Decimal, bool) {
	one := FromInt(1)
	switch {
	case o.IsZero():
		return one, true
	case d.IsZero():
		return Decimal{}, true
	case d.Cmp(one) == 0:
		return one, true
	case o.Cmp(one) == 0:
		return d, true
	}
	o = o.Normalize()
	if o.scale > 0 {
		return d.powFraction(o)
	}
	if o.hi != 0 || o.lo > math.MaxUint32 {
		return Decimal{}, false
	}
	r, ok := d.powWhole(o.lo)
	if !ok || !o.neg {
		return r, ok
	}
	r, err := one.Div(r)
	return r, err == nil
}

// The digits that powers keep on the way: 192 bits.
const (
	powerBits   = 192
	powerPlaces = 57
)

func (d Decimal) powWhole(n uint64) (Decimal, bool) {
	switch n {
	case 1:
		return d, true
	case 2:
		r, err := d.Mul(d)
		return r, err == nil
	}
	if r, ok := d.powExact(n); ok {
		return r.Normalize(), true
	}
	product, scale := big.NewInt(1), 0
	power, powerScale := d.big(), int(d.scale)
	for bit := n; ; {
		var ok bool
		if bit&1 != 0 {
			product, scale, ok = reduceBig(new(big.Int).Mul(product, power), scale+powerScale, powerBits, powerPlaces)
			if !ok {
				return Decimal{}, false
			}
		}
		if bit >>= 1; bit == 0 {
			break
		}
		power, powerScale, ok = reduceBig(new(big.Int).Mul(power, power), 2*powerScale, powerBits, powerPlaces)
		if !ok {
			return Decimal{}, false
		}
	}
	r, ok := fromBig(product, scale, d.neg && n&1 != 0)
	return r.Normalize(), ok
}

// powExact is the power if 96 bits and 28 places hold it and all that leads to
// it.
func (d Decimal) powExact(n uint64) (Decimal, bool) {
	product, scale := u128{lo: 1}, 0
	power, powerScale := d.coefficient(), int(d.scale)
	for bit := n; ; {
		var ok bool
		if bit&1 != 0 {
			if product, ok = product.mulExact(power); !ok {
				return Decimal{}, false
			}
			scale += powerScale
		}
		if bit >>= 1; bit == 0 {
			break
		}
		if power, ok = power.mulExact(power); !ok {
			return Decimal{}, false
		}
		powerScale *= 2
		if powerScale > MaxScale {
			return Decimal{}, false
		}
	}
	return newDecimal(product, scale, d.neg && n&1 != 0), scale <= MaxScale
}

// mulExact multiplies; false when 96 bits might not hold the product.
func (a u128) mulExact(b u128) (u128, bool) {
	if a.wide().bits()+b.wide().bits() > 96 {
		return u128{}, false
	}
	hi, lo := bits.Mul64(a.lo, b.lo)
	return u128{hi + a.hi*b.lo + a.lo*b.hi, lo}, true
}

// floatBits is the precision of logarithms and exponentials: 28 digits are 94
// bits, and a logarithm times an exponent may lose as many again.
const floatBits = 256

func newFloat() *big.Float { return new(big.Float).SetPrec(floatBits) }

func (d Decimal) bigFloat() *big.Float {
	unit := new(big.Int).Exp(bigTen, big.NewInt(int64(d.scale)), nil)
	f := newFloat().Quo(newFloat().SetInt(d.big()), newFloat().SetInt(unit))
	if d.neg {
		f.Neg(f)
	}
	return f
}

func (d Decimal) powFraction(o Decimal) (Decimal, bool) {
	e := newFloat().Mul(lnBig(d.Abs().bigFloat()), o.bigFloat())
	approx, _ := e.Float64()
	switch {
	case approx > 67: // ln(2^96) is 66.5
		return Decimal{}, false
	case approx < -67:
		return Decimal{}, true
	}
	f := expBig(e, approx)
	unit := new(big.Int).Exp(bigTen, big.NewInt(2*MaxScale), nil)
	scaled, _ := f.Mul(f, newFloat().SetInt(unit)).Int(nil)
	r, ok := fromBig(scaled, 2*MaxScale, d.neg)
	return r.Normalize(), ok
}

// lnBig returns the natural logarithm of a positive number: with x = m * 2^e it
// is e * ln 2 + 2 atanh((m-1)/(m+1)).
func lnBig(x *big.Float) *big.Float {
	m := newFloat()
	e := x.MantExp(m) // m in [0.5, 1)
	ln := atanhTwice(m)
	return ln.Add(ln, newFloat().Mul(newFloat().SetInt64(int64(e)), ln2))
}

var ln2 = atanhTwice(newFloat().SetInt64(2))

// atanhTwice returns ln m by the series of 2 atanh((m-1)/(m+1)).
func atanhTwice(m *big.Float) *big.Float {
	one := newFloat().SetInt64(1)
	z := newFloat().Quo(newFloat().Sub(m, one), newFloat().Add(m, one))
	square, power, sum := newFloat().Mul(z, z), newFloat().Set(z), newFloat().Set(z)
	for n := int64(3); n < 200; n += 2 {
		power.Mul(power, square)
		term := newFloat().Quo(power, newFloat().SetInt64(n))
		if term.Sign() == 0 || term.MantExp(nil) < -floatBits {
			break
		}
		sum.Add(sum, term)
	}
	return sum.Add(sum, sum)
}

// expBig returns e^x for |x| < 70, of which approx is the nearest float64: by
// the series of the rest after whole multiples of ln 2, divided by 2^8.
func expBig(x *big.Float, approx float64) *big.Float {
	const halvings = 8
	k := math.Round(approx / math.Ln2)
	r := newFloat().Sub(x, newFloat().Mul(newFloat().SetFloat64(k), ln2))
	r.SetMantExp(r, -halvings)
	sum, term := newFloat().SetInt64(1), newFloat().SetInt64(1)
	for n := int64(1); n < 100; n++ {
		term.Quo(term.Mul(term, r), newFloat().SetInt64(n))
		if term.Sign() == 0 || term.MantExp(nil) < -floatBits {
			break
		}
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum.SetMantExp(sum, int(k))
}
