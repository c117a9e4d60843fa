package value

import (
	"go/build"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	if v, d := reflect.TypeFor[Value]().Size(), reflect.TypeFor[Decimal]().Size(); v != 24 || d != 16 {
		t.Errorf("a value has %d bytes, a decimal %d", v, d)
	}
}

// A value gives back what it was made of, and zero for any other kind.
func TestKinds(t *testing.T) {
	object := NewMap(1)
	object.Set("a", Int(1))
	interval, _ := NewRange('(', Int(1), Int(2), ']')
	for kind, v := range map[Kind]Value{
		KindNull: Null(), KindBool: Bool(true), KindNumber: Int(7), KindString: String("text"), KindArray: Array([]Value{Int(1)}),
		KindObject: Object(object), KindDate: Date(FromTime(time.Unix(5, 7).UTC())), KindInterval: Interval(interval),
	} {
		if v.Kind() != kind || v.IsNull() != (kind == KindNull) {
			t.Errorf("the kind of %s is %s", v, v.Kind())
		}
		for other, got := range map[Kind]bool{
			KindBool: v.AsBool(), KindNumber: !v.AsNumber().IsZero(), KindString: v.AsString() != "", KindArray: len(v.AsArray()) > 0,
			KindObject: v.AsObject().Len() > 0, KindDate: v.AsDate().Valid(), KindInterval: v.AsInterval() != nil,
		} {
			if got != (kind == other) {
				t.Errorf("%s as %s: %t", v, other, got)
			}
		}
	}
	if v := (Value{}); v.Kind() != KindNull || Object(nil).AsObject().Len() != 0 || !Interval(nil).IsNull() {
		t.Error("nothing is null, an empty object, null")
	}
	if d := Date(FromTime(time.Unix(-5, 7).UTC())).AsDate(); d.Millis() != -5000 || d.Time().Nanosecond() != 7 {
		t.Errorf("a date is %v", d.Time())
	}
	if items := Array(make([]Value, 1, 5)).AsArray(); cap(items) != 1 {
		t.Error("appending to an array would change it")
	}
}

func TestEqual(t *testing.T) {
	at := time.Unix(1700000000, 0)
	same := [][2]Value{
		{Null(), Null()},
		{Bool(true), Bool(true)},
		{Number(NewDecimal(100, 2)), Int(1)},
		{Number(Decimal{neg: true}), Int(0)},
		{String("é"), String("é")},
		{Date(FromTime(at.UTC())), Date(FromTime(at).In(mustZone(t, berlin)))},
		{Date(DateTime{}), Date(DateTime{})},
	}
	for i, pair := range same {
		if !Equal(pair[0], pair[1]) || !Same(pair[0], pair[1]) {
			t.Errorf("%s is not %s", pair[0], pair[1])
		}
		for j, other := range same {
			if i != j && Equal(pair[0], other[0]) && pair[0].Kind() != KindDate {
				t.Errorf("%s is %s", pair[0], other[0])
			}
		}
	}
	interval, _ := NewRange('[', Int(1), Int(2), ']')
	for _, v := range []Value{Array(nil), Object(nil), Interval(interval)} {
		if Equal(v, v) || !Same(v, v) {
			t.Errorf("%s equals nothing, but is the same as itself", v)
		}
	}
	a, b := parse(t, `{"x":[1,{"y":2}],"z":null}`), NewMap(2)
	b.Set("z", Null())
	b.Set("x", parse(t, `[1.0,{"y":2.00}]`))
	if !Same(a, Object(b)) || Same(a, parse(t, `{"x":[1,{"y":3}],"z":null}`)) || Same(a, parse(t, `{"x":[1,{"y":2}],"w":null}`)) {
		t.Error("objects are the same member by member")
	}
}

func TestRange(t *testing.T) {
	number := func(s string) Value { return Number(dec(t, s)) }
	for _, c := range []struct {
		opening byte
		closing byte
		in      string // of 0 1 2 3 4, in an interval from 1 to 3
	}{
		{'[', ']', "01110"},
		{'(', ')', "00100"},
		{'[', ')', "01100"},
		{'(', ']', "00110"},
		{']', '[', "11011"},
		{')', '(', "10001"},
		{']', '(', "11001"},
		{')', '[', "10011"},
	} {
		r, ok := NewRange(c.opening, Int(1), Int(3), c.closing)
		if !ok {
			t.Fatal("no interval of two numbers")
		}
		for n, want := range c.in {
			if in, ok := r.Contains(Int(int64(n))); !ok || in != (want == '1') {
				t.Errorf("%d in %s: %t", n, r, in)
			}
		}
	}
	days, _ := NewRange('[', Date(noon.date(String("2024-01-01"))), Date(noon.date(String("2024-01-31"))), ')')
	if in, ok := days.Contains(Date(noon.date(String("2024-01-31")))); in || !ok || days.String() != "[2024-01-01T00:00:00Z..2024-01-31T00:00:00Z)" {
		t.Errorf("%s: %t, %t", days, in, ok)
	}
	numbers, _ := NewRange(']', Int(1), Int(3), '[')
	if in, ok := days.Contains(number("1e28")); in || !ok {
		t.Error("a number comes before all dates")
	}
	if in, ok := numbers.Contains(Date(DateTime{})); !in || !ok {
		t.Error("a date comes after all numbers")
	}
	if _, ok := numbers.Contains(String("2")); ok {
		t.Error("a text among numbers")
	}
	if _, _, ok := days.Ints(); ok {
		t.Error("dates are not iterated over")
	}
	for _, pair := range [][2]Value{{Int(1), String("2")}, {String("a"), String("b")}, {Int(1), Date(DateTime{})}, {Null(), Null()}} {
		if _, ok := NewRange('[', pair[0], pair[1], ']'); ok {
			t.Errorf("an interval from %s to %s", pair[0], pair[1])
		}
	}
	for _, c := range []struct {
		opening   byte
		from, to  string
		closing   byte
		low, high int64
		ok        bool
	}{
		{'[', "1", "3", ']', 1, 3, true},
		{'(', "1.9", "3.9", ')', 2, 2, true},
		{'[', "3", "1", ']', 3, 1, true},
		{']', "1", "3", ']', 0, -1, false},
		{'[', "1", "3", '[', 0, -1, false},
		{'[', "1", "1e20", ']', 0, -1, false},
		{'(', "9223372036854775807", "9223372036854775807", ')', 0, -1, false},
		{'[', "-9223372036854775808", "9223372036854775807", ']', math.MinInt64, math.MaxInt64, true},
	} {
		r, _ := NewRange(c.opening, number(c.from), number(c.to), c.closing)
		if low, high, ok := r.Ints(); low != c.low || high != c.high || ok != c.ok {
			t.Errorf("%s goes from %d to %d, %t", r, low, high, ok)
		}
	}
}

// The package is part of a library of its own: it imports nothing of the rest.
func TestImports(t *testing.T) {
	p, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range p.Imports {
		if host, _, _ := strings.Cut(path, "/"); strings.Contains(host, ".") {
			t.Errorf("%s is imported", path)
		}
	}
}

// Values, zones and the parser's scratch are shared by goroutines.
func TestConcurrentUse(t *testing.T) {
	shared := parse(t, benchJSON)
	merged := Merge(shared, parse(t, benchJSON)) // without what is null
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				v, err := Parse([]byte(benchJSON))
				if err != nil || !Same(v, shared) || !Same(Merge(shared, v), merged) {
					t.Errorf("%s (%v)", v, err)
				}
				if got := run(noon, d("2024-07-01", berlin), m("tz", newYork)); got != "2024-06-30T18:00:00-04:00" {
					t.Error(got)
				}
			}
		})
	}
	group.Wait()
}
