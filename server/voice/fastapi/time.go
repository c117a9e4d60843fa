package fastapi

import (
	"strconv"
	"strings"
)

// The readers below follow the speedate library that pydantic reads dates with:
// they give its words for the first thing that is wrong, "" if nothing is.

const (
	tooShort   = "input is too short"
	extraChars = "unexpected extra characters at the end of the input"
)

// twoDigits reads a number of two digits at i.
func twoDigits(s string, i int) (n int, ok bool) {
	if i+1 >= len(s) || s[i]-'0' > 9 || s[i+1]-'0' > 9 {
		return 0, false
	}
	return int(s[i]-'0')*10 + int(s[i+1]-'0'), true
}

// pyDatePart reads the date at the start of s.
func pyDatePart(s string) string {
	if len(s) < 10 {
		return tooShort
	}
	century, ok1 := twoDigits(s, 0)
	years, ok2 := twoDigits(s, 2)
	if !ok1 || !ok2 {
		return "invalid character in year"
	}
	if s[4] != '-' {
		return "invalid date separator, expected `-`"
	}
	month, ok := twoDigits(s, 5)
	if !ok {
		return "invalid character in month"
	}
	if s[7] != '-' {
		return "invalid date separator, expected `-`"
	}
	day, ok := twoDigits(s, 8)
	if !ok {
		return "invalid character in day"
	}
	if month < 1 || month > 12 {
		return "month value is outside expected range of 1-12"
	}
	if year := century*100 + years; day < 1 || day > daysIn(year, month) {
		return "day value is outside expected range"
	}
	return ""
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// pyDate reads a date and nothing else.
func pyDate(s string) string {
	if e := pyDatePart(s); e != "" {
		return e
	}
	if len(s) > 10 {
		return extraChars
	}
	return ""
}

// clock is what a text says of the time of day.
type clock struct {
	zero  bool // midnight
	zoned bool
}

// pyTime reads a time of day with or without its offset.
func pyTime(s string) (clock, string) {
	var c clock
	if len(s) < 5 {
		return c, tooShort
	}
	hour, ok := twoDigits(s, 0)
	if !ok {
		return c, "invalid character in hour"
	}
	if s[2] != ':' {
		return c, "invalid time separator, expected `:`"
	}
	minute, ok := twoDigits(s, 3)
	if !ok {
		return c, "invalid character in minute"
	}
	if hour > 23 {
		return c, "hour value is outside expected range of 0-23"
	}
	if minute > 59 {
		return c, "minute value is outside expected range of 0-59"
	}
	c.zero = hour == 0 && minute == 0
	i := 5
	if i < len(s) && s[i] == ':' {
		second, ok := twoDigits(s, i+1)
		if !ok {
			return c, "invalid character in second"
		}
		if second > 59 {
			return c, "second value is outside expected range of 0-59"
		}
		c.zero = c.zero && second == 0
		if i += 3; i < len(s) && (s[i] == '.' || s[i] == ',') {
			start := i + 1
			for i = start; i < len(s) && s[i]-'0' <= 9; i++ {
				c.zero = c.zero && (s[i] == '0' || i-start >= 6)
			}
			if i == start {
				return c, "second fraction digits missing after `.`"
			}
		}
	}
	if i == len(s) {
		return c, ""
	}
	c.zoned = true
	switch rest := s[i:]; {
	case rest[0] == 'Z' || rest[0] == 'z':
		i++
	case rest[0] == '+' || rest[0] == '-' || strings.HasPrefix(rest, "\u2212"):
		if rest[0] == '+' || rest[0] == '-' {
			i++
		} else {
			i += len("\u2212")
		}
		hours, ok := twoDigits(s, i)
		if !ok {
			return c, "invalid timezone hour"
		}
		if i += 2; i < len(s) && s[i] == ':' {
			i++
		}
		minutes, ok := twoDigits(s, i)
		if !ok {
			return c, "invalid timezone minute"
		}
		if minutes > 59 {
			return c, "timezone minute value is outside expected range of 0-59"
		}
		if hours > 23 {
			return c, "timezone offset must be less than 24 hours"
		}
		i += 2
	default:
		return c, "invalid timezone sign"
	}
	if i < len(s) {
		return c, extraChars
	}
	return c, ""
}

// pyDatetime reads a date and a time of day.
func pyDatetime(s string) (clock, string) {
	if e := pyDatePart(s); e != "" {
		return clock{}, e
	}
	if len(s) == 10 {
		return clock{}, tooShort
	}
	if strings.IndexByte("Tt _", s[10]) < 0 {
		return clock{}, "invalid datetime separator, expected `T`, `t`, `_` or space"
	}
	return pyTime(s[11:])
}

// pyTimestamp reports whether a text is a number, which pydantic takes for seconds
// or milliseconds since 1970.
func pyTimestamp(s string) bool {
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || digits[0]-'0' > 9 || strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 {
		return false
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(s, "."), 64)
	return err == nil && len(digits) < 19 && timestampReason(f) == ""
}

const (
	watershed    = 2e10 // above, milliseconds are meant
	lastSecond   = 253402300799
	firstSecond  = -62135596800
	secondsOfDay = 86400
)

// timestampReason says why a number is no time.
func timestampReason(f float64) string {
	if f > watershed || f < -watershed {
		f /= 1000
	}
	switch {
	case f > lastSecond:
		return "dates after 9999 are not supported as unix timestamps"
	case f < firstSecond:
		return "dates before 0000 are not supported as unix timestamps"
	}
	return ""
}
