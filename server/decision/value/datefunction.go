package value

import (
	"errors"
	"math"
)

//nolint:staticcheck // an error text of the engine begins with a capital letter
var (
	errDateText     = errors.New("Failed to parse date time")
	errDateValue    = errors.New("Failed to convert value to date time")
	errDateRange    = errors.New("Opcode DateManipulation: Failed to extract date")
	errDateUnit     = errors.New("Invalid date unit")
	errDateStart    = errors.New("Failed to calculate start of period")
	errDateEnd      = errors.New("Failed to calculate end of period")
	errDateType     = errors.New("Unsupported type for date function")
	errTimeType     = errors.New("Unsupported type for time function")
	errDurationType = errors.New("Unsupported type for duration function")
)

// DateFunction is one of the older functions of dates, which are numbers of
// seconds since 1970 UTC to them: date, time, duration, year, startOf and so on.
type DateFunction struct {
	// Name is what it is called by.
	Name string
	// MinArgs and MaxArgs are how many arguments it takes.
	MinArgs, MaxArgs int

	call func(c Calendar, args []Value) (Value, error)
}

// LookupDateFunction returns the function with a name, nil if there is none.
func LookupDateFunction(name string) *DateFunction { return dateFunctions[name] }

// Call calls the function with as many arguments as it takes. An error is the
// engine's reason, without "Function `date` failed: ".
func (f *DateFunction) Call(c Calendar, args []Value) (Value, error) {
	if len(args) < f.MinArgs {
		return methodArg(args, len(args)+1)
	}
	return f.call(c, args)
}

// parsePlain reads the text of a date without a zone, in UTC.
func (c Calendar) parsePlain(s string) (civil, bool) {
	if s == "now" {
		now := c.now().civilUTC()
		return now, now != (civil{})
	}
	if len(s) > maxDateText {
		return civil{}, false
	}
	if t, rest, ok := scanDate(s); ok && t.valid() {
		if rest == "" {
			return t, true
		}
		if t, rest, ok = scanTime(t, skipSpace(rest)); ok {
			if t, rest, ok = scanSeconds(t, rest); ok && rest == "" {
				return t, true
			}
		}
	}
	t, offset, ok := parseRFC3339(s)
	if !ok {
		return civil{}, false
	}
	return civilOf(t.seconds()-int64(offset), t.nsec), true
}

// parseTime reads the text of a time of day, in UTC, as seconds since midnight.
func (c Calendar) parseTime(s string) (int64, bool) {
	if s == "now" || len(s) > maxDateText {
		t, ok := c.parsePlain(s)
		return t.secondOfDay(), ok
	}
	// The day before a time is not looked at closely.
	if t, rest, ok := scanDate(s); ok && rest != "" && t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= 31 {
		if t, rest, ok = scanTime(t, skipSpace(rest)); ok {
			if t, rest, ok = scanSeconds(t, rest); ok && rest == "" {
				return t.secondOfDay(), true
			}
		}
	}
	if t, rest, ok := scanTime(civil{}, s); ok {
		if rest != "" {
			t, rest, ok = scanSeconds(t, rest)
		}
		if ok && rest == "" {
			return t.secondOfDay(), true
		}
	}
	t, offset, ok := parseRFC3339(s)
	return civilOf(t.seconds()-int64(offset), 0).secondOfDay(), ok
}

func (c civil) secondOfDay() int64 { return int64(c.hour*3600 + c.minute*60 + c.second) }

func (d DateTime) civilUTC() civil {
	if !d.Valid() {
		return civil{}
	}
	return civilOf(d.sec, d.nsec)
}

// plain returns the date that a text or a number of seconds stands for.
func (c Calendar) plain(v Value) (civil, error) {
	switch v.kind {
	case KindString:
		if t, ok := c.parsePlain(v.AsString()); ok {
			return t, nil
		}
	case KindNumber:
		sec, ok := v.AsNumber().Int64()
		if !ok {
			return civil{}, errDateRange
		}
		if sec >= minSec && sec <= maxSec {
			return civilOf(sec, 0), nil
		}
	}
	return civil{}, errDateValue
}

func plainUnit(name string) (unit, bool) {
	switch name {
	case "s", "second", "seconds", "m", "minute", "minutes", "h", "hour", "hours",
		"d", "day", "days", "w", "week", "weeks", "M", "month", "months", "y", "year", "years":
		return parseUnit(name)
	default:
		return unitNone, false
	}
}

func (c civil) plainStart(u unit) civil {
	if u > unitSecond {
		c.second = 0
	}
	if u > unitMinute {
		c.minute = 0
	}
	if u > unitHour {
		c.hour = 0
	}
	switch u {
	case unitWeek:
		c = c.addDays(int64(1 - c.weekday()))
	case unitMonth:
		c.day = 1
	case unitYear:
		c.day, c.month = 1, 1
	}
	return c
}

// plainEnd is the end of a unit; that of a year is the day in December that is
// the last of the month the date is in, as the engine has it.
func (c civil) plainEnd(u unit) civil {
	if u > unitSecond {
		c.second = 59
	}
	if u > unitMinute {
		c.minute = 59
	}
	if u > unitHour {
		c.hour = 23
	}
	switch u {
	case unitWeek:
		c = c.addDays(int64(7 - c.weekday()))
	case unitMonth:
		c.day = monthDays(c.year, c.month)
	case unitYear:
		c.day, c.month = monthDays(c.year, c.month), 12
	}
	return c
}

var dateFunctions = func() map[string]*DateFunction {
	functions := map[string]*DateFunction{}
	function := func(name string, args int, call func(c Calendar, args []Value) (Value, error)) {
		functions[name] = &DateFunction{name, args, args, call}
	}
	function("date", 1, func(c Calendar, args []Value) (Value, error) {
		switch v := args[0]; v.kind {
		case KindString:
			t, ok := c.parsePlain(v.AsString())
			if !ok {
				return Value{}, errDateText
			}
			return Int(t.seconds()), nil
		case KindNumber:
			n, ok := v.AsNumber().Int64()
			if !ok {
				return Value{}, ErrOverflow
			}
			return Int(n), nil
		default:
			return Value{}, errDateType
		}
	})
	function("time", 1, func(c Calendar, args []Value) (Value, error) {
		switch v := args[0]; v.kind {
		case KindString:
			n, ok := c.parseTime(v.AsString())
			if !ok {
				return Value{}, errDateText
			}
			return Int(n), nil
		case KindNumber:
			n, ok := v.AsNumber().Uint64()
			if !ok || n > math.MaxUint32 {
				return Value{}, ErrOverflow
			}
			return Int(int64(n)), nil
		default:
			return Value{}, errTimeType
		}
	})
	function("duration", 1, func(_ Calendar, args []Value) (Value, error) {
		switch v := args[0]; v.kind {
		case KindString:
			n, err := parseHumanSeconds(v.AsString())
			return Number(Decimal{lo: n}), err
		case KindNumber:
			n, ok := v.AsNumber().Uint64()
			if !ok {
				return Value{}, ErrOverflow
			}
			return Number(Decimal{lo: n}), nil
		default:
			return Value{}, errDurationType
		}
	})
	for name, part := range map[string]func(civil) Value{
		"year":          func(c civil) Value { return Int(int64(c.year)) },
		"dayOfWeek":     func(c civil) Value { return Int(int64(c.weekday())) },
		"dayOfMonth":    func(c civil) Value { return Int(int64(c.day)) },
		"dayOfYear":     func(c civil) Value { return Int(int64(c.yearDay())) },
		"weekOfYear":    func(c civil) Value { _, week := c.isoWeek(); return Int(int64(week)) },
		"monthOfYear":   func(c civil) Value { return Int(int64(c.month)) },
		"monthString":   func(c civil) Value { return String(monthNames[c.month-1][:3]) },
		"weekdayString": func(c civil) Value { return String(dayNames[c.weekday()-1][:3]) },
		"dateString":    func(c civil) Value { return String(string(c.appendFraction(c.append(nil, ' ')))) },
	} {
		function(name, 1, func(c Calendar, args []Value) (Value, error) {
			t, err := c.plain(args[0])
			if err != nil {
				return Value{}, err
			}
			return part(t), nil
		})
	}
	edge := func(name string, of func(civil, unit) civil, failed error) {
		function(name, 2, func(c Calendar, args []Value) (Value, error) {
			text, err := stringArg(args, 1)
			if err != nil {
				return Value{}, err
			}
			t, err := c.plain(args[0])
			if err != nil {
				return Value{}, err
			}
			u, ok := plainUnit(text)
			if !ok {
				return Value{}, errDateUnit
			}
			if t = of(t, u); !t.valid() {
				return Value{}, failed
			}
			return Int(t.seconds()), nil
		})
	}
	edge("startOf", civil.plainStart, errDateStart)
	edge("endOf", civil.plainEnd, errDateEnd)
	return functions
}()
