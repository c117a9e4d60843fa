package fastify

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestWordingNumbers(t *testing.T) {
	for want, f := range map[string]float64{
		"0": 0, "1": 1, "-1.5": -1.5, "100": 100, "123456789012345680000": 123456789012345678901, "1e+21": 1e21,
		"-1e+21": -1e21, "1.5e+300": 1.5e300, "0.000001": 1e-6, "1e-7": 1e-7, "5e-324": 5e-324, "0.1": 0.1,
	} {
		if got := number(f); got != want {
			t.Errorf("%g: %s, want %s", f, got, want)
		}
	}
}

// What is decimal to Go is the same number to JavaScript, and nothing that is read
// as a number is written so that it is read as another.
func FuzzJSNumber(f *testing.F) {
	for _, text := range []string{"", " 1 ", "0x1F", "0b2", "1e3", ".5", "5.", "+1", "-0", "Infinity", "1_000", "NaN", "1e400", "\ufeff7"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := jsNumber(text)
		if want, err := strconv.ParseFloat(text, 64); err == nil && strings.Trim(text, "0123456789") == "" && (!ok || n != want) {
			t.Errorf("%q: %g, %t", text, n, ok)
		}
		if !ok || math.IsInf(n, 0) {
			return
		}
		if again, ok := jsNumber(number(n)); !ok || again != n {
			t.Errorf("%q: %g, then %g, %t", text, n, again, ok)
		}
	})
}
