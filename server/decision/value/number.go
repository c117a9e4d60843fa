package value

import (
	"math/big"
	"strconv"
	"strings"
)

// ParseDecimal reads a number as the language's number() does: digits with one
// point and underscores between them, a sign, an exponent. It must fit 96 bits
// and 28 places exactly; else ErrInvalidNumber.
func ParseDecimal(s string) (Decimal, error) {
	d, ok := parseExact(s)
	if !ok {
		d, ok = parseScientific(s)
	}
	if !ok {
		return Decimal{}, ErrInvalidNumber
	}
	return d, nil
}

// parseExact reads a number without an exponent.
func parseExact(s string) (Decimal, bool) {
	var c u128
	scale, point, digits, neg := 0, false, false, false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	for i := range len(s) {
		switch b := s[i]; {
		case b >= '0' && b <= '9':
			digits = true
			if point {
				if scale++; scale > MaxScale {
					return Decimal{}, false
				}
			}
			if c.hi == 0 && c.lo < 1<<60 {
				c.lo = c.lo*10 + uint64(b-'0')
				continue
			}
			if c.cmp(maxTimes[1]) > 0 {
				return Decimal{}, false
			}
			if c = c.mulSmall(10).addSmall(uint64(b - '0')); !c.fits96() {
				return Decimal{}, false
			}
		case b == '.' && !point:
			point = true
		case b == '_' && digits:
		default:
			return Decimal{}, false
		}
	}
	return newDecimal(c, scale, neg), digits
}

// parseRounded is parseExact, but digits after the point that do not fit are
// rounded away, half up.
func parseRounded(s string) (Decimal, bool) {
	if d, ok := parseExact(s); ok {
		return d, true
	}
	whole, fraction, found := strings.Cut(strings.ReplaceAll(s, "_", ""), ".")
	if !found || strings.TrimLeft(fraction, "0123456789") != "" {
		return Decimal{}, false
	}
	if len(fraction) > MaxScale+1 {
		fraction = fraction[:MaxScale+1]
	}
	for n := min(len(fraction), MaxScale); n >= 0; n-- {
		d, ok := parseExact(whole + "." + fraction[:n])
		if !ok {
			continue
		}
		if n < len(fraction) && fraction[n] >= '5' {
			c := d.coefficient().addSmall(1)
			return newDecimal(c, int(d.scale), s[0] == '-'), c.fits96()
		}
		return d, true
	}
	return Decimal{}, false
}

// parseScientific reads a number with an exponent.
func parseScientific(s string) (Decimal, bool) {
	at := strings.IndexAny(s, "eE")
	if at < 0 {
		return Decimal{}, false
	}
	d, ok := parseRounded(s[:at])
	if !ok {
		return Decimal{}, false
	}
	text, down := strings.CutPrefix(s[at+1:], "-")
	if strings.HasPrefix(text, "-") {
		return Decimal{}, false
	}
	exp, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 32)
	if err != nil || exp > 1000 {
		return Decimal{}, false
	}
	n := int(exp)
	switch {
	case down:
		d.scale += uint8(min(n, MaxScale+1))
		return d, d.scale <= MaxScale
	case n <= int(d.scale):
		d.scale -= uint8(n)
		return d, true
	}
	n -= int(d.scale)
	if n > MaxScale {
		return Decimal{}, false
	}
	c, ok := d.coefficient().scaleUp(n)
	return newDecimal(c, 0, d.neg), ok
}

// parseJSONNumber reads a number of JSON: exactly if it fits, else by way of a
// binary floating point number; null beyond the range.
func parseJSONNumber(s string) Value {
	if d, err := ParseDecimal(s); err == nil {
		return Number(d)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return Value{}
	}
	d, err := FromFloat(f)
	if err != nil {
		return Value{}
	}
	return Number(d)
}

// appendJSON appends the number as the service prints it: the digits without
// trailing zeros when there are at most 15, else those of the nearest binary
// floating point number; an exponent from 1e21 up and below 1e-6.
func (d Decimal) appendJSON(dst []byte) []byte {
	if d.scale == 0 && d.hi == 0 && d.lo < 1e15 {
		if d.lo == 0 {
			return append(dst, '0')
		}
		return d.Append(dst)
	}
	d = d.Normalize()
	if d.hi == 0 && d.lo < 1e15 {
		if d.scale <= 6 || d.scale < 22 && d.lo >= pow10[min(int(d.scale)-6, 19)] {
			return d.Append(dst)
		}
	}
	return appendFloat(dst, d.Float64())
}

// appendFloat appends a floating point number as JavaScript prints it.
func appendFloat(dst []byte, f float64) []byte {
	abs := max(f, -f)
	if abs >= 1e-6 && abs < 1e21 || abs == 0 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// fromBig returns coefficient / 10^scale, rounded half to even to what fits;
// false when it does not.
func fromBig(c *big.Int, scale int, neg bool) (Decimal, bool) {
	c, scale, ok := reduceBig(c, scale, 96, MaxScale)
	if !ok {
		return Decimal{}, false
	}
	var low u128
	low.lo = new(big.Int).And(c, maxUint64).Uint64()
	low.hi = new(big.Int).Rsh(c, 64).Uint64()
	return newDecimal(low, scale, neg), true
}

var (
	maxUint64 = new(big.Int).SetUint64(1<<64 - 1)
	bigTen    = big.NewInt(10)
)

// reduceBig drops as few digits as bring a number of scale places to a number of
// bits and of places, rounding half to even; false when the whole part is longer.
func reduceBig(c *big.Int, scale, bits, places int) (*big.Int, int, bool) {
	drop := 0
	if n := c.BitLen(); n > bits {
		drop = (n-bits-1)*77>>8 + 1
	}
	for drop = max(drop, scale-places); ; drop++ {
		if drop > scale && c.BitLen() > bits {
			return nil, 0, false
		}
		if drop <= 0 {
			return c, scale, true
		}
		unit := new(big.Int).Exp(bigTen, big.NewInt(int64(drop)), nil)
		q, r := new(big.Int).QuoRem(c, unit, new(big.Int))
		if half := r.Lsh(r, 1).Cmp(unit); half > 0 || half == 0 && q.Bit(0) != 0 {
			q.Add(q, big.NewInt(1))
		}
		if q.BitLen() <= bits {
			return q, scale - drop, true
		}
	}
}

func (d Decimal) big() *big.Int {
	c := new(big.Int).SetUint64(uint64(d.hi))
	return c.Lsh(c, 64).Or(c, new(big.Int).SetUint64(d.lo))
}
