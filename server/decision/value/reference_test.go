package value

import (
	"encoding/binary"
	"math/big"
	"testing"
)

// The reference of these tests is written with math/big, from the rules: an exact
// result is brought to 96 bits and 28 places by dropping as few digits as will
// do, half to even.

// exact is coefficient / 10^scale, signed.
type exact struct {
	c     *big.Int
	scale int
}

func exactOf(d Decimal) exact {
	c := d.big()
	if d.neg {
		c.Neg(c)
	}
	return exact{c, int(d.scale)}
}

func tenTo(n int) *big.Int { return new(big.Int).Exp(bigTen, big.NewInt(int64(n)), nil) }

// to returns the coefficient with more places.
func (e exact) to(scale int) *big.Int { return new(big.Int).Mul(e.c, tenTo(scale-e.scale)) }

// text rounds an exact result as the rules say.
func (e exact) text() string {
	neg := e.c.Sign() < 0
	abs := new(big.Int).Abs(e.c)
	for drop := max(0, e.scale-MaxScale); ; drop++ {
		q, r := new(big.Int).QuoRem(abs, tenTo(drop), new(big.Int))
		if q.BitLen() <= 96 {
			if half := r.Lsh(r, 1).Cmp(tenTo(drop)); half > 0 || half == 0 && q.Bit(0) == 1 {
				q.Add(q, big.NewInt(1))
			}
		}
		if q.BitLen() <= 96 {
			return bigText(q, e.scale-drop, neg)
		}
		if drop == e.scale {
			return ErrOverflow.Error()
		}
	}
}

func bigText(c *big.Int, scale int, neg bool) string {
	digits := c.String()
	for len(digits) <= scale {
		digits = "0" + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if neg && c.Sign() != 0 {
		digits = "-" + digits
	}
	return digits
}

// quotient divides as the rules say: digits in blocks of nine or as many as fit.
func quotient(a, b exact) string {
	neg := a.c.Sign()*b.c.Sign() < 0
	divisor, scale, made := new(big.Int).Abs(b.c), a.scale-b.scale, false
	q, r := new(big.Int).QuoRem(new(big.Int).Abs(a.c), divisor, new(big.Int))
	fits := func(n int) bool { return new(big.Int).Mul(q, tenTo(n)).BitLen() <= 96 }
	trim := func() string {
		for q.Uint64()<<32 == 0 && scale >= 8 && new(big.Int).Rem(q, tenTo(8)).Sign() == 0 {
			q.Quo(q, tenTo(8))
			scale -= 8
		}
		for n := 4; made && n > 0; n /= 2 {
			if scale >= n && new(big.Int).Rem(q, tenTo(n)).Sign() == 0 {
				q.Quo(q, tenTo(n))
				scale -= n
			}
		}
		return bigText(q, scale, neg)
	}
	for {
		n := min(9, -scale)
		if r.Sign() == 0 {
			if scale >= 0 {
				break
			}
			if !fits(n) {
				return ErrOverflow.Error()
			}
		} else {
			made = true
			n = min(9, MaxScale-scale)
			for n > 0 && !fits(n) {
				n--
			}
			if n < 9 && n+scale < 0 {
				return ErrOverflow.Error()
			}
		}
		if n == 0 {
			if half := new(big.Int).Lsh(r, 1).Cmp(divisor); half > 0 || half == 0 && q.Bit(0) == 1 {
				q.Add(q, big.NewInt(1))
			}
			break
		}
		scale += n
		more, rest := new(big.Int).QuoRem(r.Mul(r, tenTo(n)), divisor, new(big.Int))
		q.Mul(q, tenTo(n)).Add(q, more)
		if r = rest; q.BitLen() > 96 {
			break
		}
	}
	if q.BitLen() > 96 {
		if scale == 0 {
			return ErrOverflow.Error()
		}
		last := new(big.Int)
		q.QuoRem(q, bigTen, last)
		if half := last.Cmp(big.NewInt(5)); half > 0 || half == 0 && (r.Sign() != 0 || q.Bit(0) == 1) {
			q.Add(q, big.NewInt(1))
		}
		scale--
	}
	if !made {
		return bigText(q, scale, neg)
	}
	return trim()
}

// compareWithReference checks every operation on two numbers.
func compareWithReference(t *testing.T, a, b Decimal) {
	t.Helper()
	x, y := exactOf(a), exactOf(b)
	scale := max(x.scale, y.scale)
	sum := exact{new(big.Int).Add(x.to(scale), y.to(scale)), scale}.text()
	difference := exact{new(big.Int).Sub(x.to(scale), y.to(scale)), scale}.text()
	product := exact{new(big.Int).Mul(x.c, y.c), x.scale + y.scale}.text()
	if a.IsZero() {
		sum, difference = b.String(), b.Neg().String()
		if b.IsZero() {
			difference = sum
		}
	} else if b.IsZero() {
		sum, difference = a.String(), a.String()
	}
	if a.IsZero() || b.IsZero() || x.c.BitLen() <= 32 && y.c.BitLen() <= 32 && x.scale+y.scale > MaxScale+19 {
		product = "0"
	}
	ratio, rest := ErrDivisionByZero.Error(), ErrDivisionByZero.Error()
	if !b.IsZero() {
		ratio, rest = "0", "0"
		if !a.IsZero() {
			ratio = quotient(x, y)
			switch x.to(scale).CmpAbs(y.to(scale)) {
			case -1:
				rest = a.String()
			case 1:
				rest = exact{new(big.Int).Rem(x.to(scale), y.to(scale)), scale}.text()
			}
		}
	}
	text := func(d Decimal, err error) string {
		if err != nil {
			return err.Error()
		}
		return d.String()
	}
	for _, c := range []struct{ op, got, want string }{
		{"+", text(a.Add(b)), sum},
		{"-", text(a.Sub(b)), difference},
		{"*", text(a.Mul(b)), product},
		{"/", text(a.Div(b)), ratio},
		{"%", text(a.Rem(b)), rest},
	} {
		if c.got != c.want {
			t.Errorf("%s %s %s is %s, by the rules %s", a, c.op, b, c.got, c.want)
		}
	}
	if got, want := a.Cmp(b), x.to(scale).Cmp(y.to(scale)); got != want {
		t.Errorf("Cmp(%s, %s) is %d, by the rules %d", a, b, got, want)
	}
	if again, err := ParseDecimal(a.String()); err != nil || again.String() != a.Normalize().withScale(a.scale).String() {
		t.Errorf("%s is read as %s (%v)", a, again, err)
	}
}

// withScale gives the zero that Normalize made its places again.
func (d Decimal) withScale(scale uint8) Decimal {
	if d.IsZero() {
		return Decimal{scale: scale}
	}
	up := int(scale) - int(d.scale)
	c, _ := d.coefficient().scaleUp(up)
	return newDecimal(c, int(scale), d.neg)
}

// decimalOf makes a number from 14 bytes.
func decimalOf(b []byte) Decimal {
	d := Decimal{lo: binary.LittleEndian.Uint64(b), hi: binary.LittleEndian.Uint32(b[8:]), scale: b[12] % (MaxScale + 1), neg: b[13]&1 != 0}
	switch b[13] >> 1 % 4 { // short coefficients, too
	case 1:
		d.hi = 0
	case 2:
		d.hi, d.lo = 0, d.lo>>32
	case 3:
		d.hi, d.lo = 0, d.lo>>54
	}
	if d.IsZero() {
		d.neg = false
	}
	return d
}

// FuzzDecimalOps compares every operation, fast or not, with exact arithmetic.
func FuzzDecimalOps(f *testing.F) {
	f.Add(make([]byte, 28))
	f.Add([]byte("0123456789ab\x1c\x00ABCDEFGHIJKL\x05\x01"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 28 {
			return
		}
		compareWithReference(t, decimalOf(b), decimalOf(b[14:]))
	})
}

// Numbers at the edges of machine words and of the range, with every other.
func TestDecimalEdges(t *testing.T) {
	var numbers []Decimal
	for _, c := range []u128{
		{0, 0},
		{0, 1},
		{0, 2},
		{0, 5},
		{0, 10},
		{0, 99},
		{0, 1<<32 - 1},
		{0, 1 << 32},
		{0, 1<<53 + 1},
		{0, 1e19},
		{0, 1<<64 - 1},
		{1, 0},
		{1, 1},
		{5, 7},
		{1<<32 - 1, 1<<64 - 1},
		{429496729, 0x9999999999999999},
		{429496729, 0x999999999999999a},
		{1 << 31, 0},
	} {
		for _, scale := range []int{0, 1, 9, 10, 19, 27, 28} {
			numbers = append(numbers, newDecimal(c, scale, len(numbers)%3 == 0))
		}
	}
	for _, a := range numbers {
		for _, b := range numbers {
			compareWithReference(t, a, b)
		}
	}
}
