package value

import (
	"errors"
	"fmt"
	"math"
)

//nolint:staticcheck // an error text of the engine begins with a capital letter
var (
	errNotDate       = errors.New("Argument on 0 position is not a valid dynamic")
	errDurationValue = errors.New("Invalid duration value")
)

// DateMethod is a method of dates, such as add in d().add('1d').
type DateMethod struct {
	// Name is what it is called by.
	Name string
	// MinArgs and MaxArgs are how many arguments it takes, without the date.
	MinArgs, MaxArgs int
	// Boolean is set for those that answer true or false.
	Boolean bool

	call func(c Calendar, this DateTime, args []Value) (Value, error)
}

// LookupDateMethod returns the method with a name, nil if there is none.
func LookupDateMethod(name string) *DateMethod { return dateMethods[name] }

// Call calls the method on a date. An error is the engine's reason, without
// "Method `add` failed: "; the number of arguments is not checked.
func (m *DateMethod) Call(c Calendar, this Value, args []Value) (Value, error) {
	if this.kind != KindDate {
		return Value{}, errNotDate
	}
	return m.call(c, this.AsDate(), args)
}

// Arguments of methods are counted from the date on, which is number 0.

func methodArg(args []Value, i int) (Value, error) {
	if i > len(args) {
		return Value{}, fmt.Errorf("Argument on %d position out of bounds", i) //nolint:staticcheck // the engine's words
	}
	return args[i-1], nil
}

// stringArg returns an argument that must be a string; args[0] is number 0.
func stringArg(args []Value, i int) (string, error) {
	if i >= len(args) {
		return "", fmt.Errorf("Argument on %d position is not a valid string", i) //nolint:staticcheck // the engine's words
	}
	if args[i].kind != KindString {
		return "", fmt.Errorf("Argument on %d is not a string", i) //nolint:staticcheck // the engine's words
	}
	return args[i].AsString(), nil
}

func methodString(args []Value, i int) (string, error) {
	switch {
	case i > len(args):
		return "", fmt.Errorf("Argument on %d position is not a valid string", i) //nolint:staticcheck // the engine's words
	case args[i-1].kind != KindString:
		return "", fmt.Errorf("Argument on %d is not a string", i) //nolint:staticcheck // the engine's words
	default:
		return args[i-1].AsString(), nil
	}
}

func methodUnit(args []Value, i int) (unit, error) {
	name, err := methodString(args, i)
	if err != nil {
		return unitNone, err
	}
	u, ok := parseUnit(name)
	if !ok {
		return unitNone, errUnit
	}
	return u, nil
}

// optionalUnit is unitNone when there is no such argument.
func optionalUnit(args []Value, i int) (unit, error) {
	if i > len(args) {
		return unitNone, nil
	}
	return methodUnit(args, i)
}

func methodDuration(args []Value) (duration, error) {
	v, err := methodArg(args, 1)
	if err != nil {
		return duration{}, err
	}
	switch v.kind {
	case KindString:
		return parseDuration(v.AsString())
	case KindNumber:
		u, err := methodUnit(args, 2)
		if err != nil {
			return duration{}, err
		}
		d, ok := durationOf(v.AsNumber(), u)
		if !ok {
			return duration{}, errUnit
		}
		return d, nil
	default:
		return duration{}, errDurationArgs
	}
}

var dateMethods = func() map[string]*DateMethod {
	methods := map[string]*DateMethod{}
	method := func(name string, minArgs, maxArgs int, boolean bool,
		call func(c Calendar, this DateTime, args []Value) (Value, error),
	) {
		methods[name] = &DateMethod{name, minArgs, maxArgs, boolean, call}
	}
	method("add", 1, 2, false, func(_ Calendar, this DateTime, args []Value) (Value, error) {
		d, err := methodDuration(args)
		return Date(this.add(d)), err
	})
	method("sub", 1, 2, false, func(_ Calendar, this DateTime, args []Value) (Value, error) {
		d, err := methodDuration(args)
		d, ok := d.negated()
		if !ok {
			return Date(DateTime{}), err
		}
		return Date(this.add(d)), err
	})
	method("set", 2, 2, false, func(_ Calendar, this DateTime, args []Value) (Value, error) {
		u, err := methodUnit(args, 1)
		if err != nil {
			return Value{}, err
		}
		v, err := methodArg(args, 2)
		if err != nil {
			return Value{}, err
		}
		if v.kind != KindNumber {
			return Value{}, errors.New("Argument on 2 is not a number") //nolint:staticcheck // the engine's words
		}
		n, ok := v.AsNumber().Uint64()
		if !ok || n > math.MaxUint32 {
			return Value{}, errDurationValue
		}
		return Date(this.with(u, int64(n))), nil
	})
	method("format", 0, 1, false, func(_ Calendar, this DateTime, args []Value) (Value, error) {
		if len(args) == 0 {
			return String(this.Text()), nil
		}
		pattern, err := methodString(args, 1)
		if err != nil {
			return Value{}, err
		}
		s, err := this.Format(pattern)
		return String(s), err
	})
	for name, edge := range map[string]func(DateTime, unit) DateTime{"startOf": DateTime.startOf, "endOf": DateTime.endOf} {
		method(name, 1, 1, false, func(_ Calendar, this DateTime, args []Value) (Value, error) {
			u, err := methodUnit(args, 1)
			return Date(edge(this, u)), err
		})
	}
	method("diff", 1, 2, false, func(c Calendar, this DateTime, args []Value) (Value, error) {
		v, err := methodArg(args, 1)
		if err != nil {
			return Value{}, err
		}
		u, err := optionalUnit(args, 2)
		if err != nil {
			return Value{}, err
		}
		n, ok := this.diff(c.date(v), u)
		if !ok {
			return Value{}, nil
		}
		return Int(n), nil
	})
	method("tz", 1, 1, false, func(_ Calendar, this DateTime, args []Value) (Value, error) {
		name, err := methodString(args, 1)
		if err != nil {
			return Value{}, err
		}
		zone, ok := LookupZone(name)
		if !ok {
			return Value{}, errZone
		}
		return Date(this.In(zone)), nil
	})
	for name, compare := range map[string]func(a, b DateTime, u unit) bool{
		"isSame": DateTime.isSame, "isBefore": DateTime.isBefore, "isAfter": DateTime.isAfter,
		"isSameOrBefore": func(a, b DateTime, u unit) bool { return a.isBefore(b, u) || a.isSame(b, u) },
		"isSameOrAfter":  func(a, b DateTime, u unit) bool { return a.isAfter(b, u) || a.isSame(b, u) },
	} {
		method(name, 1, 2, true, func(c Calendar, this DateTime, args []Value) (Value, error) {
			v, err := methodArg(args, 1)
			if err != nil {
				return Value{}, err
			}
			u, err := optionalUnit(args, 2)
			if err != nil {
				return Value{}, err
			}
			other := c.date(v)
			return Bool(this.Valid() && other.Valid() && compare(this, other, u)), nil
		})
	}
	for name, part := range map[string]func(civil) int{
		"second":    func(c civil) int { return c.second },
		"minute":    func(c civil) int { return c.minute },
		"hour":      func(c civil) int { return c.hour },
		"day":       func(c civil) int { return c.day },
		"dayOfYear": civil.yearDay,
		"week":      func(c civil) int { _, week := c.isoWeek(); return week },
		"weekday":   civil.weekday,
		"month":     func(c civil) int { return c.month },
		"quarter":   civil.quarter,
		"year":      func(c civil) int { return c.year },
	} {
		method(name, 0, 0, false, func(_ Calendar, this DateTime, _ []Value) (Value, error) {
			if !this.Valid() {
				return Value{}, nil
			}
			return Int(int64(part(this.civil()))), nil
		})
	}
	method("timestamp", 0, 0, false, func(_ Calendar, this DateTime, _ []Value) (Value, error) {
		if !this.Valid() {
			return Value{}, nil
		}
		return Int(this.Millis()), nil
	})
	method("offsetName", 0, 0, false, func(_ Calendar, this DateTime, _ []Value) (Value, error) {
		if !this.Valid() {
			return Value{}, nil
		}
		return String(this.zone.String()), nil
	})
	method("isValid", 0, 0, true, func(_ Calendar, this DateTime, _ []Value) (Value, error) {
		return Bool(this.Valid()), nil
	})
	method("isLeapYear", 0, 0, true, func(_ Calendar, this DateTime, _ []Value) (Value, error) {
		if !this.Valid() {
			return Value{}, nil
		}
		return Bool(leap(this.civil().year)), nil
	})
	for name, days := range map[string]int64{"isYesterday": -1, "isToday": 0, "isTomorrow": 1} {
		method(name, 0, 0, true, func(c Calendar, this DateTime, _ []Value) (Value, error) {
			if !this.Valid() {
				return Value{}, nil
			}
			day := c.now().add(duration{seconds: days * daySeconds})
			return Bool(day.Valid() && this.isSame(day, unitDay)), nil
		})
	}
	return methods
}()
