package value

import (
	"encoding/json"
	"math"
	"testing"
	"unicode/utf8"
)

// FuzzParseDecimal checks that what is read as a number prints as that number.
func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"1.50", "-0.001", "1e3", "12e-1", "1__0", "+.5", "5.", maxDecimal, "1e28", "1.5e+1", "e", "0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDecimal(s)
		if err != nil {
			return
		}
		again, err := ParseDecimal(d.String())
		if err != nil || again.String() != d.String() || again.Cmp(d) != 0 {
			t.Fatalf("%q reads as %s, which reads as %s (%v)", s, d, again, err)
		}
		if n := d.Normalize(); n.Cmp(d) != 0 || n.Scale() > d.Scale() {
			t.Fatalf("%s normalised is %s", d, n)
		}
		if floor, ceil := d.Floor(), d.Ceil(); floor.Cmp(d) > 0 || ceil.Cmp(d) < 0 || ceil.Cmp(floor) > 1 {
			t.Fatalf("floor and ceil of %s are %s and %s", d, floor, ceil)
		}
		_, _ = d.Pow(d)
	})
}

// FuzzFromFloat checks that a decimal made of a float is near it.
func FuzzFromFloat(f *testing.F) {
	for _, x := range []float64{0, 0.1, 1.0 / 3, -1e28, 1e-28, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.NaN()} {
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, x float64) {
		d, err := FromFloat(x)
		if err != nil {
			if math.Abs(x) < 1e28 {
				t.Fatalf("FromFloat(%v): %v", x, err)
			}
			return
		}
		if near := d.Float64(); math.Abs(near-x) > math.Abs(x)*1e-14+1e-28 {
			t.Fatalf("FromFloat(%v) is %s", x, d)
		}
	})
}

// FuzzPow checks powers against those of floats.
func FuzzPow(f *testing.F) {
	f.Add("2", "0.5")
	f.Add("1.0001", "12345")
	f.Add(maxDecimal, "-0.0000000000000000000000000001")
	f.Add("0.0000000000000000000000000001", maxDecimal)
	f.Add("1.0000000000000000000000000001", "4294967295")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, err := ParseDecimal(a)
		if err != nil {
			return
		}
		y, err := ParseDecimal(b)
		if err != nil {
			return
		}
		got, err := x.Pow(y)
		// What is less than 1 has few digits after many multiplications, and so has
		// its reciprocal.
		if err != nil || x.Sign() <= 0 || y.Sign() < 0 && x.Cmp(FromInt(1)) < 0 {
			return
		}
		log := y.Float64() * math.Log(x.Float64())
		if near := math.Log(got.Float64()); log > -60 && math.Abs(near-log) > 1e-6+math.Abs(log)*1e-8 && got.Float64() > 1e-15 {
			t.Fatalf("%s ^ %s is %s, near %v", x, y, got, math.Exp(log))
		}
	})
}

// FuzzParse checks that JSON is read as encoding/json reads it, and what is
// printed is read as the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"b":[1,2.50,-0,1e3,null],"a":{"\u0061":"\ud83d\ude00"},"a":true}`, `"\ud800"`, "\"\xff\"", `[[[]]]`, `1e999`, `{"":""}`,
		`[1e-7,1e21,0.3333333333333333333333333333,12345678901234567890]`, ` "é" `, `{"a":1,}`, `01`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		if err == nil != (json.Valid(data) && utf8.Valid(data)) {
			// Half surrogate pairs and deep nesting are ours to refuse.
			if err == nil {
				t.Fatalf("%q is read as %s", data, v)
			}
			return
		}
		if err != nil {
			return
		}
		printed := v.AppendJSON(nil)
		again, err := Parse(printed)
		if err != nil {
			t.Fatalf("%q prints as %q: %v", data, printed, err)
		}
		// Long numbers are rounded once.
		if twice := again.AppendJSON(nil); string(twice) != string(printed) {
			t.Fatalf("%q prints as %q, then as %q", data, printed, twice)
		}
		Merge(v, again)
	})
}

// FuzzDates calls everything there is for dates with any text.
func FuzzDates(f *testing.F) {
	f.Add("2024-02-29T10:00:00.123Z", "Europe/Berlin", "1d 2h", "%Y-%m-%d %+", int64(5), "q")
	f.Add("2024-11-03 01:30", "America/New_York", "99999999999w", "%-d %_m %:z %.3f", int64(-1), "month")
	f.Add("+262142-12-31", "UTC", "1y1y", "%c%n", int64(math.MaxInt64), "y")
	f.Add("1.5h 3ms", "EST", "", "%", int64(math.MinInt64), "week")
	f.Fuzz(func(t *testing.T, text, zone, span, pattern string, n int64, unit string) {
		for _, args := range [][]Value{{String(text)}, {String(text), String(zone)}, {Int(n)}, {Int(n), String(zone)}} {
			d, err := noon.Date(args...)
			if err != nil {
				continue
			}
			for _, method := range dateMethods {
				for _, args := range [][]Value{
					{},
					{String(span)},
					{Int(n), String(unit)},
					{String(unit)},
					{String(unit), Int(n)},
					{String(pattern)},
					{String(zone)},
					{String(text), String(unit)},
					{Int(n)},
				} {
					v, err := method.Call(noon, Date(d), args)
					if err == nil && v.Kind() == KindDate && v.AsDate().Valid() {
						if year := v.AsDate().civil().year; year < minYear || year > maxYear {
							t.Fatalf("%s(%v) of %s is in the year %d", method.Name, args, d, year)
						}
						_ = v.String()
					}
				}
			}
		}
		for _, function := range dateFunctions {
			for _, args := range [][]Value{{String(text), String(unit)}, {Int(n), String(unit)}, {String(span), String(unit)}} {
				if v, err := function.Call(noon, args); err == nil && v.IsNull() {
					t.Fatalf("%s(%v) is null", function.Name, args)
				}
			}
		}
	})
}
