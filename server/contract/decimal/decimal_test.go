package decimal

import (
	"math/big"
	"strconv"
	"testing"
)

func number(tb testing.TB, text string) Decimal {
	tb.Helper()
	d, ok := Parse(text)
	if !ok {
		tb.Fatalf("%s is no number", text)
	}
	return d
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"9007199254740993", "9007199254740992", 1},
		{"1.0", "1e0", 0},
		{"-0", "0", 0},
		{"0.000", "0e99", 0},
		{"100", "1E+2", 0},
		{"-1", "1", -1},
		{"-2", "-1", -1},
		{"0.1", "0.10000000000000000001", -1},
		{"12", "123e-1", -1},
		{"1e1000000000", "1e999999999", 1},
		{"1e-99999999999999999999", "0", 1},
		{"-1e99999999999999999999", "1", -1},
		{"0.05", "0.5", -1},
	} {
		if got := number(t, c.a).Compare(number(t, c.b)); got != c.want {
			t.Errorf("%s to %s: %d", c.a, c.b, got)
		}
	}
	for _, text := range []string{"", "01", "1.", ".5", "+1", "NaN", "0x1", "1_0", " 1", "--1", "-", "1e"} {
		if _, ok := Parse(text); ok {
			t.Errorf("%q is a number", text)
		}
	}
}

func TestMultiple(t *testing.T) {
	for _, c := range []struct {
		a, of string
		want  bool
	}{
		{"19.99", "0.01", true},
		{"0.3", "0.1", true},
		{"0.35", "0.1", false},
		{"1e300", "3", false},
		{"3e1000000000", "3", true},
		{"9007199254740993", "2", false},
		{"-4.5", "1.5", true},
		{"0", "7", true},
		{"1e-1000000000", "1", false},
		{"7", "0.5", true},
		{"1e2", "30", false},
	} {
		if got := number(t, c.a).IsMultipleOf(number(t, c.of)); got != c.want {
			t.Errorf("%s of %s: %t", c.a, c.of, got)
		}
	}
	for text, want := range map[string]bool{
		"9223372036854775807": true, "9223372036854775808": false, "-9223372036854775808": true, "-9223372036854775809": false,
		"1.5": false, "1e18": true, "1e19": false, "-0": true, "9.223372036854775807e18": true,
	} {
		if got := number(t, text).Within(64); got != want {
			t.Errorf("%s within 64 bits: %t", text, got)
		}
	}
}

// What big.Rat says of numbers that it can hold, Decimal says.
func FuzzDecimal(f *testing.F) {
	f.Add("1.5", "3e-1")
	f.Add("-900719925474099300", "0.0001")
	f.Add("0E10000000000000000000", "0")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, okX := Parse(a)
		y, okY := Parse(b)
		if !okX || !okY || len(a)+len(b) > 200 || x.exp > 300 || x.exp < -300 || y.exp > 300 || y.exp < -300 {
			return
		}
		p, okX := new(big.Rat).SetString(a)
		q, okY := new(big.Rat).SetString(b)
		if !okX || !okY {
			return // a zero whose exponent no Rat holds
		}
		if got, want := x.Compare(y), p.Cmp(q); got != want {
			t.Errorf("%s to %s: %d, want %d", a, b, got, want)
		}
		if x.IsInteger() != p.IsInt() {
			t.Errorf("%s integer: %t", a, x.IsInteger())
		}
		if q.Sign() != 0 && x.IsMultipleOf(y) != new(big.Rat).Quo(p, q).IsInt() {
			t.Errorf("%s of %s: %t", a, b, x.IsMultipleOf(y))
		}
		if n, err := strconv.ParseInt(a, 10, 64); err == nil && !x.Within(64) {
			t.Errorf("%d does not fit", n)
		}
	})
}
