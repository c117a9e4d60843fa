// Package decimal compares the numbers of JSON texts exactly, as they are written:
// 9007199254740993 is not 9007199254740992, and 0.3 is three times 0.1. It only looks
// at digits, so that 1e1000000000 costs no more than its length.
package decimal

import (
	"encoding/json"
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// Decimal is sign, digits and a power of ten: 0.<digits> times 10 to the power of exp.
type Decimal struct {
	negative bool
	digits   string // without zeros at either end; "" for zero
	exp      int64  // of the first digit, which stands behind the point
}

// farthest stands for exponents that no int64 holds.
const farthest = 1 << 62

// Parse reads a number of JSON; false if the text is none.
func Parse(text string) (Decimal, bool) {
	isDigit := func(c byte) bool { return c >= '0' && c <= '9' }
	if text == "" || text[0] != '-' && !isDigit(text[0]) || !isDigit(text[len(text)-1]) || !json.Valid([]byte(text)) {
		return Decimal{}, false
	}
	var d Decimal
	text, d.negative = strings.CutPrefix(text, "-")
	mantissa, power := text, ""
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, power = text[:i], text[i+1:]
	}
	before, after, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(before+after, "0")
	if d.digits = strings.TrimRight(digits, "0"); d.digits == "" {
		return Decimal{}, true
	}
	if power != "" {
		exponent, err := strconv.ParseInt(power, 10, 64)
		if errors.Is(err, strconv.ErrRange) || exponent > farthest || exponent < -farthest {
			if exponent = farthest; strings.HasPrefix(power, "-") {
				exponent = -farthest
			}
		}
		d.exp = exponent
	}
	d.exp += int64(len(before)) - int64(len(before+after)-len(digits))
	return d, true
}

// FromFloat is the number that is written for a float64, the shortest that reads as it.
func FromFloat(f float64) Decimal {
	d, _ := Parse(strconv.FormatFloat(f, 'e', -1, 64))
	return d
}

// IsZero reports whether the number is 0.
func (d Decimal) IsZero() bool { return d.digits == "" }

// IsInteger reports whether the number has no fraction.
func (d Decimal) IsInteger() bool { return d.digits == "" || d.exp >= int64(len(d.digits)) }

// Compare gives -1, 0 or 1.
func (d Decimal) Compare(other Decimal) int {
	if d.sign() != other.sign() {
		if d.sign() < other.sign() {
			return -1
		}
		return 1
	}
	var size int
	switch {
	case d.digits == "":
		return 0
	case d.exp != other.exp:
		if size = 1; d.exp < other.exp {
			size = -1
		}
	default: // digits of one place, the longer behind the shorter it begins with
		size = strings.Compare(d.digits, other.digits)
	}
	return size * d.sign()
}

func (d Decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// IsMultipleOf reports whether the number is an integer times another, which is not 0.
func (d Decimal) IsMultipleOf(of Decimal) bool {
	if d.digits == "" {
		return true
	}
	if of.digits == "" {
		return false
	}
	a, x := d.whole()
	b, y := of.whole()
	if x >= y { // a times 10 to the power of x-y is a multiple of b
		rest := new(big.Int).Exp(big.NewInt(10), big.NewInt(x-y), b)
		rest.Mul(rest, new(big.Int).Mod(a, b))
		return rest.Mod(rest, b).Sign() == 0
	}
	if y-x > int64(len(d.digits)) { // a has no such power of ten in it
		return false
	}
	b = b.Mul(b, new(big.Int).Exp(big.NewInt(10), big.NewInt(y-x), nil))
	return new(big.Int).Mod(a, b).Sign() == 0
}

// whole is the number, without its sign, as an integer times a power of ten.
func (d Decimal) whole() (*big.Int, int64) {
	n, _ := new(big.Int).SetString(d.digits, 10)
	return n, d.exp - int64(len(d.digits))
}

// Text is one text for all spellings of the number.
func (d Decimal) Text() string {
	if d.digits == "" {
		return "0"
	}
	text := d.digits + "e" + strconv.FormatInt(d.exp, 10)
	if d.negative {
		return "-" + text
	}
	return text
}

// Within reports whether the number is an integer that a signed type of some bits
// holds.
func (d Decimal) Within(bits int) bool {
	switch {
	case d.digits == "":
		return true
	case !d.IsInteger() || d.exp > 20:
		return false
	}
	n, power := d.whole()
	n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(power), nil))
	if d.negative {
		n.Neg(n).Not(n) // -2^63 is within, as 2^63-1 is
	}
	return n.BitLen() < bits
}
