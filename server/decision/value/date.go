package value

import "time"

// DateTime is an instant in a zone, or invalid. The zero DateTime is invalid.
type DateTime struct {
	sec  int64 // since 1970 UTC
	nsec uint32
	zone *time.Location
}

func dateOf(v Value) DateTime {
	return DateTime{int64(v.lo), v.hi, (*time.Location)(v.ptr)}
}

// Calendar is what dates take from their surroundings: the clock and the zone of dates that name none.
type Calendar struct {
	Now  func() time.Time // nil for the system's clock? no: must be set
	Zone *time.Location   // nil for UTC
}

// STUB from here on.

// Date is the language's d(value?, zone?).
func (c Calendar) Date(args ...Value) (DateTime, error) { return DateTime{}, nil }

// FromTime returns a date.
func FromTime(t time.Time) DateTime { return DateTime{t.Unix(), uint32(t.Nanosecond()), t.Location()} }

func (d DateTime) Valid() bool            { return d.zone != nil }
func (d DateTime) Time() time.Time        { return time.Unix(d.sec, int64(d.nsec)).In(d.zone) }
func (d DateTime) Compare(o DateTime) int { return 0 }
func (d DateTime) String() string         { return "" }

// DateMethod is a method of dates; MinArgs and MaxArgs do not count the date itself.
type DateMethod struct {
	Name             string
	MinArgs, MaxArgs int
	// Boolean is set for methods whose result is a condition in unary mode (is...).
	Boolean bool
	call    func(c Calendar, this DateTime, args []Value) (Value, error)
}

// LookupDateMethod returns the method with a name, nil if there is none.
func LookupDateMethod(name string) *DateMethod { return nil }

// Call calls the method; an error is the reason as the engine words it, without "Method `x` failed: ".
func (m *DateMethod) Call(c Calendar, this Value, args []Value) (Value, error) { return Value{}, nil }

// DateFunction is one of the deprecated functions on numbers of seconds (date, time, duration, year, dayOfWeek, ... startOf, endOf).
type DateFunction struct {
	Name             string
	MinArgs, MaxArgs int
	call             func(c Calendar, args []Value) (Value, error)
}

// LookupDateFunction returns the deprecated date function with a name, nil if there is none.
func LookupDateFunction(name string) *DateFunction { return nil }

// Call calls the function; an error is the reason as the engine words it, without "Function `x` failed: ".
func (f *DateFunction) Call(c Calendar, args []Value) (Value, error) { return Value{}, nil }

func (d DateTime) Append(dst []byte) []byte { return append(dst, d.String()...) }
