package value

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// unit is a unit of time.
type unit uint8

const (
	unitNone unit = iota
	unitSecond
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitQuarter
	unitYear
)

func parseUnit(s string) (unit, bool) {
	switch s {
	case "seconds", "second", "secs", "sec", "s":
		return unitSecond, true
	case "minutes", "minute", "min", "mins", "m":
		return unitMinute, true
	case "hours", "hour", "hr", "hrs", "h":
		return unitHour, true
	case "days", "day", "d":
		return unitDay, true
	case "weeks", "week", "w":
		return unitWeek, true
	case "months", "month", "mo", "M":
		return unitMonth, true
	case "quarters", "quarter", "qtr", "q":
		return unitQuarter, true
	case "years", "year", "y":
		return unitYear, true
	default:
		return unitNone, false
	}
}

// seconds returns the seconds of a unit, 0 for those of the calendar.
func (u unit) seconds() int64 {
	switch u {
	case unitSecond:
		return 1
	case unitMinute:
		return 60
	case unitHour:
		return 3600
	case unitDay:
		return daySeconds
	case unitWeek:
		return 7 * daySeconds
	default:
		return 0
	}
}

//nolint:staticcheck // an error text of the engine begins with a capital letter
var (
	errUnit          = errors.New("Invalid duration unit")
	errDurationArgs  = errors.New("Invalid duration arguments")
	errDurationEmpty = errors.New("Value is empty")
	errDurationLarge = errors.New("Number is too large")
)

// duration is what is added to a date: elapsed seconds, then months, then years.
type duration struct {
	seconds       int64
	months, years int32
}

func (d duration) negated() (duration, bool) {
	ok := d.seconds != math.MinInt64 && d.months != math.MinInt32 && d.years != math.MinInt32
	return duration{-d.seconds, -d.months, -d.years}, ok
}

// durationOf returns n units: of seconds and their multiples also parts, cut to
// the second, of months and years whole ones.
func durationOf(n Decimal, u unit) (duration, bool) {
	if unit := u.seconds(); unit != 0 {
		n, err := n.Mul(FromInt(unit))
		if err != nil {
			return duration{}, false
		}
		seconds, ok := n.Int64()
		return duration{seconds: seconds}, ok
	}
	whole, ok := n.Int64()
	if !ok {
		return duration{}, false
	}
	return duration{}.withCalendar(u, whole)
}

// withCalendar sets the months or years.
func (d duration) withCalendar(u unit, n int64) (duration, bool) {
	if n != int64(int32(n)) {
		return d, false
	}
	switch u {
	case unitQuarter:
		d.months = int32(n) * 3 // beyond 32 bits it begins anew, as there
	case unitMonth:
		d.months = int32(n)
	case unitYear:
		d.years = int32(n)
	}
	return d, true
}

// spanKind tells the two grammars of spans apart, which are nearly one.
type spanKind struct {
	fractions bool
	// letter reports whether a rune may be part of a unit's name.
	letter  func(r rune) bool
	invalid func(at int) error
	number  func(at int) error
	large   error
	empty   error
}

// span is a number with the name of its unit: 1.5h.
type span struct {
	n                      uint64
	numerator, denominator uint64 // of the fraction; 0, 0 without one
	unit                   string
}

func asciiLetter(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }

// scanSpans reads numbers with units, with or without white space between them,
// and hands each on.
func scanSpans(s string, kind *spanKind, each func(span) error) error {
	at := 0
	peek := func() (rune, int) { return utf8.DecodeRuneInString(s[at:]) }
	digit := func(n uint64, r rune) (uint64, error) {
		hi, lo := bits.Mul64(n, 10)
		sum, carry := bits.Add64(lo, uint64(r-'0'), 0)
		if hi|carry != 0 {
			return 0, kind.large
		}
		return sum, nil
	}
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }

	for first := true; ; first = false {
		// The first digit is found with where the search began, for its error.
		begin := at
		for at < len(s) {
			r, n := peek()
			if isDigit(r) {
				break
			}
			if !unicode.IsSpace(r) {
				return kind.number(begin)
			}
			at += n
		}
		if at == len(s) {
			if first {
				return kind.empty
			}
			return nil
		}
		var sp span
		var err error
	number:
		for at < len(s) {
			r, n := peek()
			switch {
			case isDigit(r):
				if sp.n, err = digit(sp.n, r); err != nil {
					return err
				}
			case kind.letter(r) || r == '.' && kind.fractions:
				break number
			case !unicode.IsSpace(r):
				return kind.invalid(at)
			}
			at += n
		}
		if at < len(s) && s[at] == '.' && kind.fractions {
			dot := at
			at++
			sp.denominator = 1
		fraction:
			for last := dot; at < len(s); last = at {
				r, n := peek()
				switch {
				case isDigit(r):
					if sp.denominator, err = digit(sp.denominator, '0'); err != nil {
						return err
					}
					if sp.numerator, err = digit(sp.numerator, r); err != nil {
						return err
					}
				case kind.letter(r):
					break fraction
				case !unicode.IsSpace(r):
					return kind.invalid(last)
				}
				at += n
			}
			if sp.denominator == 1 {
				return kind.invalid(dot)
			}
		}
		start, skip := at, 0
		for at < len(s) {
			r, n := peek()
			if isDigit(r) {
				break
			}
			if unicode.IsSpace(r) {
				skip = n
				break
			}
			if !kind.letter(r) {
				return kind.invalid(at)
			}
			at += n
		}
		sp.unit = s[start:at]
		at += skip
		if err := each(sp); err != nil {
			return err
		}
	}
}

var durationSpans = &spanKind{
	letter:  asciiLetter,
	invalid: func(at int) error { return fmt.Errorf("Invalid character at %d", at) }, //nolint:staticcheck // the engine's words
	number:  func(at int) error { return fmt.Errorf("Expected number at %d", at) },   //nolint:staticcheck // the engine's words
	large:   errDurationLarge,
	empty:   errDurationEmpty,
}

// parseDuration reads "1d 5h": spans of seconds and their multiples add up, of
// months (and quarters) and of years the last counts.
func parseDuration(s string) (duration, error) {
	var d duration
	err := scanSpans(s, durationSpans, func(sp span) error {
		u, ok := parseUnit(sp.unit)
		if !ok {
			return fmt.Errorf("Unknown time unit %s", sp.unit) //nolint:staticcheck // the engine's words
		}
		if sp.n > math.MaxInt64 {
			return errDurationLarge
		}
		unit := u.seconds()
		if unit == 0 {
			if d, ok = d.withCalendar(u, int64(sp.n)); !ok {
				return errDurationLarge
			}
			return nil
		}
		hi, seconds := bits.Mul64(sp.n, uint64(unit))
		if hi != 0 || seconds > math.MaxInt64 || d.seconds > math.MaxInt64-int64(seconds) {
			return errDurationLarge
		}
		d.seconds += int64(seconds)
		return nil
	})
	return d, err
}

// The grammar of duration(), with nanoseconds and fractions.
var (
	errSpanLarge = errors.New("number is too large or cannot be represented without a lack of precision (values below 1ns are not supported)")
	errSpanEmpty = errors.New("value was empty")

	humanSpans = &spanKind{
		fractions: true,
		letter:    func(r rune) bool { return asciiLetter(r) || r == 'µ' },
		invalid:   func(at int) error { return fmt.Errorf("invalid character at %d", at) },
		number:    func(at int) error { return fmt.Errorf("expected number at %d", at) },
		large:     errSpanLarge,
		empty:     errSpanEmpty,
	}
)

// humanUnit returns a unit of duration(): seconds, or nanoseconds when it is
// less than one.
func humanUnit(name string) (seconds, nanos uint64) {
	switch name {
	case "nanos", "nsec", "ns":
		return 0, 1
	case "usec", "us", "µs":
		return 0, 1e3
	case "millis", "msec", "ms":
		return 0, 1e6
	case "wk", "wks":
		return 7 * daySeconds, 0
	case "months", "month", "M":
		return 2630016, 0 // 30.44 days
	case "years", "year", "yr", "yrs", "y":
		return 31557600, 0 // 365.25 days
	}
	u, _ := parseUnit(name)
	return uint64(u.seconds()), 0
}

// parseHumanSeconds reads "1h 30m" or "1.5h" and returns whole seconds.
func parseHumanSeconds(s string) (uint64, error) {
	if s == "0" {
		return 0, nil
	}
	var total, nanos uint64
	add := func(seconds, more uint64) error {
		sum, carry := bits.Add64(nanos, more, 0)
		if carry != 0 {
			return errSpanLarge
		}
		nanos = sum % 1e9
		seconds, carry = bits.Add64(seconds, sum/1e9, 0)
		total, sum = bits.Add64(total, seconds, 0)
		if carry|sum != 0 {
			return errSpanLarge
		}
		return nil
	}
	times := func(n, unit, divisor uint64) (uint64, error) {
		hi, lo := bits.Mul64(n, unit)
		if hi != 0 || lo%divisor != 0 {
			return 0, errSpanLarge
		}
		return lo / divisor, nil
	}
	err := scanSpans(s, humanSpans, func(sp span) error {
		seconds, small := humanUnit(sp.unit)
		switch {
		case sp.unit == "":
			return fmt.Errorf("time unit needed, for example %[1]dsec or %[1]dms", sp.n)
		case seconds|small == 0:
			return fmt.Errorf("unknown time unit %s, supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations)", strconv.Quote(sp.unit))
		}
		n, err := times(sp.n, max(seconds, small), 1)
		if err != nil {
			return err
		}
		if seconds == 0 {
			err = add(0, n)
		} else {
			err = add(n, 0)
		}
		if err != nil || sp.denominator == 0 {
			return err
		}
		// Fractions of seconds and minutes may be nanoseconds.
		if seconds == 0 || seconds <= 60 {
			if small == 1 {
				return errSpanLarge
			}
			if n, err = times(sp.numerator, max(small, seconds*1e9), sp.denominator); err == nil {
				err = add(0, n)
			}
			return err
		}
		if n, err = times(sp.numerator, seconds, sp.denominator); err == nil {
			err = add(n, 0)
		}
		return err
	})
	return total, err
}
