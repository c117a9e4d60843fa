//nolint:depguard,gosec // one pointer and two words, without an allocation per number or string
package value

import "unsafe"

// Kind is what a value is.
type Kind uint8

// The kinds. The zero value is null.
const (
	KindNull Kind = iota
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
	KindDate
	KindInterval
)

var kindNames = [...]string{"null", "bool", "number", "string", "array", "object", "date", "interval"}

// String returns the kind's name, as the language's type() says it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is one datum of the language. The zero Value is null. Its Go equality
// (==) means nothing: use [Equal] or [Same].
type Value struct {
	// Text of a string, elements of an array, a *Map, a *Range or a date's zone.
	ptr unsafe.Pointer
	// Coefficient's low bits, length of a string or array, truth, or a date's seconds.
	lo uint64
	// Coefficient's high bits, or a date's nanoseconds.
	hi    uint32
	scale uint8
	neg   bool
	kind  Kind
}

// Null is the value null.
func Null() Value { return Value{} }

// Bool returns a boolean.
func Bool(b bool) Value {
	v := Value{kind: KindBool}
	if b {
		v.lo = 1
	}
	return v
}

// Number returns a number.
func Number(d Decimal) Value {
	return Value{kind: KindNumber, lo: d.lo, hi: d.hi, scale: d.scale, neg: d.neg}
}

// Int returns a whole number.
func Int(i int64) Value { return Number(FromInt(i)) }

// String returns a string. Text that is not UTF-8 is kept as it is and replaced
// where it is printed.
func String(s string) Value {
	return Value{kind: KindString, ptr: unsafe.Pointer(unsafe.StringData(s)), lo: uint64(len(s))}
}

// Array returns an array of items, which belong to it from then on.
func Array(items []Value) Value {
	return Value{kind: KindArray, ptr: unsafe.Pointer(unsafe.SliceData(items)), lo: uint64(len(items))}
}

// Object returns an object. The map belongs to it from then on; nil is an
// object without members.
func Object(m *Map) Value {
	if m == nil {
		m = &emptyMap
	}
	return Value{kind: KindObject, ptr: unsafe.Pointer(m)}
}

// Date returns a date.
func Date(d DateTime) Value {
	return Value{kind: KindDate, ptr: unsafe.Pointer(d.zone), lo: uint64(d.sec), hi: d.nsec}
}

// Interval returns an interval; nil is null.
func Interval(r *Range) Value {
	if r == nil {
		return Value{}
	}
	return Value{kind: KindInterval, ptr: unsafe.Pointer(r)}
}

// Kind returns the value's kind.
func (v Value) Kind() Kind { return v.kind }

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.kind == KindNull }

// AsBool returns a boolean's truth, false for other kinds.
func (v Value) AsBool() bool { return v.kind == KindBool && v.lo != 0 }

// AsNumber returns the number, 0 for other kinds.
func (v Value) AsNumber() Decimal {
	if v.kind != KindNumber {
		return Decimal{}
	}
	return Decimal{lo: v.lo, hi: v.hi, scale: v.scale, neg: v.neg}
}

// AsString returns a string's text, "" for other kinds.
func (v Value) AsString() string {
	if v.kind != KindString {
		return ""
	}
	return unsafe.String((*byte)(v.ptr), int(v.lo))
}

// AsArray returns an array's elements, nil for other kinds. They must not be
// changed.
func (v Value) AsArray() []Value {
	if v.kind != KindArray {
		return nil
	}
	n := int(v.lo)
	return unsafe.Slice((*Value)(v.ptr), n)[:n:n]
}

// AsObject returns an object's members, an empty map for other kinds. It must
// not be changed, see [Map.Clone].
func (v Value) AsObject() *Map {
	if v.kind != KindObject {
		return &emptyMap
	}
	return (*Map)(v.ptr)
}

// AsDate returns the date, an invalid one for other kinds.
func (v Value) AsDate() DateTime {
	if v.kind != KindDate {
		return DateTime{}
	}
	return dateOf(v)
}

// AsInterval returns the interval, nil for other kinds.
func (v Value) AsInterval() *Range {
	if v.kind != KindInterval {
		return nil
	}
	return (*Range)(v.ptr)
}

// Equal is the language's ==: values of the same scalar kind by what they say
// (1.0 is 1, dates by instant), null with null; arrays, objects and intervals
// are equal to nothing, and neither are values of different kinds.
func Equal(a, b Value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case KindNull:
		return true
	case KindBool:
		return a.lo == b.lo
	case KindNumber:
		if a.scale == b.scale && a.neg == b.neg {
			return a.lo == b.lo && a.hi == b.hi
		}
		return a.AsNumber().Cmp(b.AsNumber()) == 0
	case KindString:
		return a.AsString() == b.AsString()
	case KindDate:
		return a.AsDate().Compare(b.AsDate()) == 0
	default:
		return false
	}
}

// Same reports whether two values say the same to the last member: arrays
// element by element, objects member by member in any order, scalars as
// [Equal] has it.
func Same(a, b Value) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case KindArray:
		x, y := a.AsArray(), b.AsArray()
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Same(x[i], y[i]) {
				return false
			}
		}
		return true
	case KindObject:
		x, y := a.AsObject(), b.AsObject()
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			key, xv := x.At(i)
			yv, ok := y.Get(key)
			if !ok || !Same(xv, yv) {
				return false
			}
		}
		return true
	case KindInterval:
		return a.AsInterval().String() == b.AsInterval().String()
	default:
		return Equal(a, b)
	}
}
