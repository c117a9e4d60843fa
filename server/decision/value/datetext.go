package value

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The errors of d() and of the methods of dates, in the engine's words.
//
//nolint:staticcheck // an error text of the engine begins with a capital letter
var (
	errZone = errors.New("Invalid timezone")
)

// Date is the language's d(value?, zone?): the present without a value, the
// instant of a number of milliseconds, the date of a text, a copy of a date; all
// else is invalid. A text has the forms 2023-10-15T14:30:45.123Z (whose offset is
// not heeded: it is a time of day in the zone, like the others), 2023-10-15
// 14:30:45, 2023-10-15 14:30, 2023-10-15, or is the name of a zone: the present
// in it. A time that clocks do not show is invalid, of two instants at which they
// show it the earlier counts. It fails for a zone that is not known.
func (c Calendar) Date(args ...Value) (DateTime, error) {
	zone := c.zone()
	if len(args) > 1 {
		name, err := stringArg(args, 1)
		if err != nil {
			return DateTime{}, err
		}
		var ok bool
		if zone, ok = LookupZone(name); !ok {
			return DateTime{}, errZone
		}
	}
	if len(args) == 0 {
		return c.now(), nil
	}
	return c.dateIn(args[0], zone), nil
}

// date is what a method takes for a date: d(v).
func (c Calendar) date(v Value) DateTime { return c.dateIn(v, c.zone()) }

func (c Calendar) dateIn(v Value, zone *time.Location) DateTime {
	switch v.kind {
	case KindDate:
		return v.AsDate()
	case KindNumber:
		ms, ok := v.AsNumber().Int64()
		if !ok {
			return DateTime{}
		}
		sec := floorDiv(ms, 1000)
		return DateTime{sec, uint32(ms-sec*1000) * 1e6, zone}.checked()
	case KindString:
		return c.parse(v.AsString(), zone)
	default:
		return DateTime{}
	}
}

// maxDateText bounds the texts that are looked at: white space may be long.
const maxDateText = 256

func (c Calendar) parse(s string, zone *time.Location) DateTime {
	if len(s) > maxDateText {
		return DateTime{}
	}
	if t, _, ok := parseRFC3339(s); ok {
		return t.earliest(zone)
	}
	t, rest, ok := scanDate(s)
	if ok {
		if rest != "" {
			if t, rest, ok = scanTime(t, skipSpace(rest)); ok && rest != "" {
				t, rest, ok = scanSeconds(t, rest)
			}
		}
		if ok && rest == "" && t.valid() {
			return t.earliest(zone)
		}
	}
	if other, ok := LookupZone(s); ok {
		return c.now().In(other)
	}
	return DateTime{}
}

func skipSpace(s string) string {
	if s == "" || s[0] > ' ' && s[0] < utf8.RuneSelf {
		return s
	}
	return strings.TrimLeftFunc(s, unicode.IsSpace)
}

// scanNumber reads up to width digits after white space.
func scanNumber(s string, width int) (n int, rest string, ok bool) {
	s = skipSpace(s)
	i := 0
	for ; i < len(s) && i < width && s[i] >= '0' && s[i] <= '9'; i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n, s[i:], i > 0
}

// scanAfter reads a number after a byte.
func scanAfter(s string, b byte) (n int, rest string, ok bool) {
	if s == "" || s[0] != b {
		return 0, s, false
	}
	return scanNumber(s[1:], 2)
}

// scanDate reads a day: 2023-10-15, with fewer digits too; more than four of a
// year need a sign.
func scanDate(s string) (t civil, rest string, ok bool) {
	s = skipSpace(s)
	sign, width := 1, 4
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if width = 9; s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	if t.year, s, ok = scanNumber(s, width); !ok {
		return t, s, false
	}
	t.year *= sign
	if t.month, s, ok = scanAfter(s, '-'); !ok {
		return t, s, false
	}
	t.day, s, ok = scanAfter(s, '-')
	return t, s, ok
}

// scanTime reads hours and minutes.
func scanTime(t civil, s string) (_ civil, rest string, ok bool) {
	if t.hour, s, ok = scanNumber(s, 2); !ok {
		return t, s, false
	}
	t.minute, s, ok = scanAfter(s, ':')
	return t, s, ok && t.hour < 24 && t.minute < 60
}

func scanSeconds(t civil, s string) (_ civil, rest string, ok bool) {
	t.second, s, ok = scanAfter(s, ':')
	return t, s, ok && t.second < 60
}

// parseRFC3339 reads a date, a time and an offset from UTC in seconds.
func parseRFC3339(s string) (t civil, offset int, ok bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' ||
		s[10] != 'T' && s[10] != 't' && s[10] != ' ' {
		return t, 0, false
	}
	ok = true
	number := func(from, to int) (n int) {
		for i := from; i < to; i++ {
			ok = ok && s[i] >= '0' && s[i] <= '9'
			n = n*10 + int(s[i]-'0')
		}
		return n
	}
	t = civil{
		year: number(0, 4), month: number(5, 7), day: number(8, 10),
		hour: number(11, 13), minute: number(14, 16), second: number(17, 19),
	}
	s = s[19:]
	if s[0] == '.' {
		i := 1
		for unit := uint32(1e8); i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			t.nsec += unit * uint32(s[i]-'0')
			unit /= 10
		}
		if i == 1 || i == len(s) {
			return t, 0, false
		}
		s = s[i:]
	}
	if s == "Z" || s == "z" {
		return t, 0, ok && t.valid()
	}
	if len(s) != len("+02:00") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return t, 0, false
	}
	hours, minutes := number(1, 3), number(4, 6)
	if offset = hours*3600 + minutes*60; s[0] == '-' {
		offset = -offset
	}
	return t, offset, ok && t.valid() && hours < 24 && minutes < 60
}
