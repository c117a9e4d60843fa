package datadiff

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTolerance(t *testing.T) {
	for _, test := range []struct {
		mode  ToleranceMode
		value float64
		a, b  string
		want  bool
	}{
		{Absolute, 0.1, "1", "1.1", true}, // inclusive, and of the decimal 0.1
		{Absolute, 0.1, "1", "1.11", false},
		{Absolute, 0.1, "-1", "-1.1", true},
		{Relative, 0.1, "90", "100", true}, // of b
		{Relative, 0.1, "100", "90", false},
		{Relative, 0.1, "-90", "-100", true},
		{Relative, 0.5, "0", "0.0", true},
		{Relative, 0.5, "1", "0", false},
		{Absolute, 1, "NaN", "1", false},
		{Absolute, 1, "1e999999999", "1", false},
	} {
		if got, err := (Tolerance{test.mode, test.value}).within([]byte(test.a), []byte(test.b)); got != test.want || err != nil {
			t.Errorf("%+v: %v %v", test, got, err)
		}
	}
}

func TestSameNumber(t *testing.T) {
	whole, cents, free := Column{Datatype: Integer}, Column{Datatype: Decimal, Digits: 2}, Column{Datatype: UnboundedDecimal, Digits: AnyDigits}
	single, double := Column{Datatype: Float, Digits: 24}, Column{Datatype: Float, Digits: 53}
	for _, test := range []struct {
		l, r Column
		a, b string
		want bool
	}{
		{cents, Column{Datatype: Decimal, Digits: 4}, "1.23", "1.2345", true},
		{cents, Column{Datatype: Decimal, Digits: 4}, "1.23", "1.2351", false},
		{cents, free, "-0.13", "-0.125", true}, // half away from zero
		{whole, cents, "1", "1.00", true},
		{whole, cents, "1", "1.40", false},
		{whole, double, "100000", "1e+05", true},
		{double, double, "0.1", "0.10000000000000001", true},
		{double, double, "0.1", "0.1000001", false},
		{single, double, "0.1", "0.10000000149011612", true},
		{double, cents, "0.125", "0.13", true},
		{double, double, "NaN", "nan", true},
		{double, double, "Infinity", "inf", true},
		{double, double, "NaN", "1", false},
	} {
		if got, _ := sameNumber(test.l, test.r)([]byte(test.a), []byte(test.b)); got != test.want {
			t.Errorf("%+v", test)
		}
	}
}

func TestSameTime(t *testing.T) {
	for _, test := range []struct {
		digits int
		rounds [2]Rounding
		a, b   string
		want   bool
	}{
		{6, [2]Rounding{}, "2024-01-01 00:00:00", "2024-01-01T00:00:00.000000Z", true},
		{6, [2]Rounding{}, "2024-01-01 00:00:00+00", "2024-01-01 02:00:00+02:00", true},
		{0, [2]Rounding{Truncate, Truncate}, "2024-01-01 00:00:00", "2024-01-01 00:00:00.9", true},
		{0, [2]Rounding{Round, Round}, "2023-12-31 23:59:59.5", "2024-01-01 00:00:00", true},
		{0, [2]Rounding{Round, Round}, "1969-12-31 23:59:58.6", "1969-12-31 23:59:59", true},
		{3, [2]Rounding{}, "12:00:00.1234", "12:00:00.1239", true},
		{3, [2]Rounding{}, "never", "2024-01-01", false},
	} {
		if got, _ := sameTime(test.digits, test.rounds)([]byte(test.a), []byte(test.b)); got != test.want {
			t.Errorf("%+v", test)
		}
	}
}

func TestSameJSON(t *testing.T) {
	for _, test := range []struct {
		a, b   string
		sorted bool
		want   bool
	}{
		{`{"a":1,"b":[1,2]}`, `{"b":[1.0,2e0],"a":1}`, false, true},
		{`[1,2]`, `[2,1]`, false, false},
		{`[1,[3,2]]`, `[[2,3],1]`, true, true},
		{`"1"`, `1`, false, false},
		{`[1] x`, `[1]`, false, false},
		{`{`, `{`, false, false},
	} {
		if got, _ := sameJSON(test.sorted)([]byte(test.a), []byte(test.b)); got != test.want {
			t.Errorf("%+v", test)
		}
	}
}

// What is written into a line is read from it, and how many fields there are does
// not change.
func FuzzLine(f *testing.F) {
	f.Add([]byte("a"), []byte("b\tc\n\\N"), true)
	f.Add([]byte{}, []byte{0xff, '\r'}, false)
	f.Fuzz(func(t *testing.T, a, b []byte, null bool) {
		if a == nil {
			a = []byte{}
		}
		fields := [][]byte{a, notNil(b), a}
		if null {
			fields[1] = nil
		}
		var line []byte
		for i, field := range fields {
			line = AppendField(line, field, i == 0)
		}
		if bytes.IndexByte(line, '\n') >= 0 {
			t.Errorf("%q has an end", line)
		}
		if d := cmp.Diff(fields, Fields(nil, line)); d != "" {
			t.Errorf("%q: %s", line, d)
		}
		if nullIn(line, 3) != null {
			t.Errorf("%q: null %v", line, !null)
		}
	})
}

func notNil(b []byte) []byte { return append([]byte{}, b...) }

// Whatever a database calls a number, a time or a document, is compared.
func FuzzComparers(f *testing.F) {
	for _, seed := range []string{"1", "-0.5e3", "1e99999999999", "2024-01-01 00:00:00", `{"a":[1,{}]}`, "1/3", "0x1p-2", "NaN"} {
		f.Add(seed, seed)
	}
	number := sameNumber(Column{Datatype: Float, Digits: 53}, Column{Datatype: UnboundedDecimal, Digits: AnyDigits})
	ways := []comparer{number, sameTime(3, [2]Rounding{Round, Truncate}), sameJSON(true), (Tolerance{Relative, 0.1}).within}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, way := range ways {
			if _, err := way([]byte(a), []byte(b)); err != nil {
				t.Error(err)
			}
		}
		if compareNumbers([]byte(a), []byte(b)) != -compareNumbers([]byte(b), []byte(a)) {
			t.Errorf("the order of %q and %q", a, b)
		}
	})
}

func TestReorders(t *testing.T) {
	for _, test := range []struct {
		order []int
		want  int
	}{{nil, 0}, {[]int{0, 1, 2}, 0}, {[]int{1, 0, 2}, 1}, {[]int{2, 1, 0}, 2}, {[]int{3, 0, 1, 2}, 1}} {
		if got := len(test.order) - longestRising(test.order); got != test.want {
			t.Errorf("%v: %d", test.order, got)
		}
	}
}
