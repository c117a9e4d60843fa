package value

import (
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	at, utc := d("2024-07-04T05:06:07.089Z", newYork), d("2023-01-01T15:00:00Z")
	for _, c := range []struct {
		args          []any
		pattern, want string
	}{
		{at, "%Y-%m-%d %H:%M:%S", "2024-07-04 05:06:07"},
		{at, "%y %C %q %G %g %V %U %W %w %u %j", "24 20 3 2024 24 27 26 27 4 4 186"},
		{at, "[%e][%k][%l][%I]", "[ 4][ 5][ 5][05]"},
		{at, "%-d %_m %-H %_H %0e %-j %_Y %-Y", "4  7 5  5 04 186 2024 2024"},
		{at, "%p %P %Z %z %:z %::z %:::z", "AM am EDT -0400 -04:00 -04:00:00 -04"},
		{at, "%+", "2024-07-04T05:06:07.089-04:00"},
		{at, "%c|%D|%F|%T|%R|%r|%x|%X|%v", "Thu Jul  4 05:06:07 2024|07/04/24|2024-07-04|05:06:07|05:06|05:06:07 AM|07/04/24|05:06:07| 4-Jul-2024"},
		{at, "%h, %b %B %a %A", "Jul, Jul July Thu Thursday"},
		{at, "%f %3f %6f %9f %.f %.3f %.6f %.9f", "089000000 089 089000 089000000 .089 .089 .089000 .089000000"},
		{at, "%s%n%t%%", "1720083967\n\t%"},
		{at, "é without specifiers", "é without specifiers"},
		{at, "", ""},
		{utc, "%I %l %p %U %W %V %G %.f|", "03  3 PM 01 00 52 2022 |"},
		{d("+12345-06-07"), "%Y %C %y", "+12345 123 45"},
		{d("-0005-06-07"), "%Y %-y", "-0005 95"},
		{d("0007-06-07"), "%Y %_Y %-Y", "0007    7 7"},
		{d("1850-01-01", berlin), "%z %::z %Z", "+0053 +00:53:28 LMT"},
		{at, "%", "error: Invalid date format"},
		{at, "%Q", "error: Invalid date format"},
		{at, "%-", "error: Invalid date format"},
		{at, "%-A", "error: Invalid date format"},
		{at, "%9999999999d", "error: Invalid date format"},
		{at, "%4f", "error: Invalid date format"},
		{at, "%.5f", "error: Invalid date format"},
		{at, "%:", "error: Invalid date format"},
		{at, "%E", "error: Invalid date format"},
		{at, strings.Repeat("%", 1001), "error: Invalid date format"},
	} {
		if got := run(noon, c.args, m("format", c.pattern)); got != c.want {
			t.Errorf("%v as %q is %q, want %q", c.args, c.pattern, got, c.want)
		}
	}
	for want, args := range map[string][]any{
		"2024-07-04 05:06:07.089 EDT":       at,
		"2023-01-01 15:00:00 UTC":           utc,
		"2025-03-12 12:30:15.123456789 UTC": d(),
		"2023-01-01 00:00:00.000001 UTC":    d("2023-01-01T00:00:00.000001Z"),
	} {
		if got := run(noon, args, m("format")); got != want {
			t.Errorf("%v as usual is %q, want %q", args, got, want)
		}
	}
	if got := run(noon, at, m("format", 5)); got != "error: Argument on 1 is not a string" {
		t.Error(got)
	}
}

func TestDateFunctions(t *testing.T) {
	const unparsed, unconverted = "error: Failed to parse date time", "error: Failed to convert value to date time"
	for _, c := range []struct {
		name string
		args []any
		want string
	}{
		{"date", d("now"), "1741782615"},
		{"date", d("2024-02-29"), "1709164800"},
		{"date", d("2024-02-29 01:02:03"), "1709168523"},
		{"date", d("2024-02-29 01:02"), unparsed},
		{"date", d("2024-02-29T01:02:03Z"), "1709168523"},
		{"date", d("2024-02-29T01:02:03+01:00"), "1709164923"},
		{"date", d("2023-02-29"), unparsed},
		{"date", d("UTC"), unparsed},
		{"date", d(1.9), "1"},
		{"date", d(-1.9), "-1"},
		{"date", d(1e20), "error: Number overflow"},
		{"year", d(1e20), "error: Opcode DateManipulation: Failed to extract date"},
		{"startOf", d(-1e20, "x"), "error: Opcode DateManipulation: Failed to extract date"},
		{"date", d(true), "error: Unsupported type for date function"},
		{"time", d("now"), "45015"},
		{"time", d("01:02:03"), "3723"},
		{"time", d("01:02"), "3720"},
		{"time", d("10"), unparsed},
		{"time", d("2024-02-29 01:02:03"), "3723"},
		{"time", d("2023-02-29 01:02:03"), "3723"},
		{"time", d("2024-02-29T01:02:03+01:00"), "123"},
		{"time", d("2024-02-29"), unparsed},
		{"time", d("24:00"), unparsed},
		{"time", d(59.9), "59"},
		{"time", d(-1), "error: Number overflow"},
		{"time", d(Value{}), "error: Unsupported type for time function"},
		{"duration", d("1h 30m"), "5400"},
		{"duration", d("1h30m"), "5400"},
		{"duration", d("2 weeks 1wk"), "1814400"},
		{"duration", d("1.5h"), "5400"},
		{"duration", d("0.5m 1500ms"), "31"},
		{"duration", d("999ms 1000us"), "1"},
		{"duration", d("1month"), "2630016"},
		{"duration", d("1M 1y"), "34187616"},
		{"duration", d("0"), "0"},
		{"duration", d("1.5ns"), "error: number is too large or cannot be represented without a lack of precision (values below 1ns are not supported)"},
		{"duration", d("1.0000000001h"), "error: number is too large or cannot be represented without a lack of precision (values below 1ns are not supported)"},
		{"duration", d("18446744073709551615s"), "18446744073709551615"},
		{"duration", d("18446744073709551615s 1s"), "error: number is too large or cannot be represented without a lack of precision (values below 1ns are not supported)"},
		{"duration", d("18446744073709551616s"), "error: number is too large or cannot be represented without a lack of precision (values below 1ns are not supported)"},
		{"duration", d("90"), "error: time unit needed, for example 90sec or 90ms"},
		{"duration", d("1q"), `error: unknown time unit "q", supported units: ns, us/µs, ms, sec, min, hours, days, weeks, months, years (and few variations)`},
		{"duration", d(""), "error: value was empty"},
		{"duration", d("-5m"), "error: expected number at 0"},
		{"duration", d("1.m"), "error: invalid character at 1"},
		{"duration", d("1m!"), "error: invalid character at 2"},
		{"duration", d(12.7), "12"},
		{"duration", d(-12), "error: Number overflow"},
		{"duration", d(false), "error: Unsupported type for duration function"},
		{"year", d("2024-02-29"), "2024"},
		{"year", d(0), "1970"},
		{"year", d("soon"), unconverted},
		{"year", d(1e18), unconverted},
		{"year", d(true), unconverted},
		{"dayOfWeek", d("2024-02-29"), "4"},
		{"dayOfMonth", d("2024-02-29"), "29"},
		{"dayOfYear", d("2024-02-29"), "60"},
		{"weekOfYear", d("2021-01-01"), "53"},
		{"monthOfYear", d("2024-02-29"), "2"},
		{"monthString", d("2024-02-29"), "Feb"},
		{"weekdayString", d("2024-02-29"), "Thu"},
		{"dateString", d("2024-02-29"), "2024-02-29 00:00:00"},
		{"dateString", d(-1), "1969-12-31 23:59:59"},
		{"dateString", d("2024-02-29T01:02:03.5Z"), "2024-02-29 01:02:03.500"},
		{"startOf", d("2024-02-29 10:11:12", "second"), "1709201472"},
		{"startOf", d("2024-02-29 10:11:12", "m"), "1709201460"},
		{"startOf", d("2024-02-29 10:11:12", "h"), "1709200800"},
		{"startOf", d("2024-02-29 10:11:12", "d"), "1709164800"},
		{"startOf", d("2024-02-29 10:11:12", "w"), "1708905600"},
		{"startOf", d("2024-02-29 10:11:12", "M"), "1706745600"},
		{"startOf", d("2024-02-29 10:11:12", "y"), "1704067200"},
		{"endOf", d("2024-02-29 10:11:12", "hours"), "1709204399"},
		{"endOf", d("2024-02-29 10:11:12", "d"), "1709251199"},
		{"endOf", d("2024-02-29 10:11:12", "w"), "1709510399"},
		{"endOf", d("2024-02-29 10:11:12", "M"), "1709251199"},
		{"endOf", d("2024-02-29", "year"), "1735516799"},
		{"endOf", d("2024-01-29", "year"), "1735689599"},
		{"startOf", d("2024-02-29", "quarter"), "error: Invalid date unit"},
		{"startOf", d("soon", "quarter"), unconverted},
		{"startOf", d("2024-02-29", 5), "error: Argument on 1 is not a string"},
	} {
		f := LookupDateFunction(c.name)
		v, err := f.Call(noon, values(c.args))
		got := v.String()
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s(%v) is %s, want %s", c.name, c.args, got, c.want)
		}
	}
	if _, err := LookupDateFunction("startOf").Call(noon, values(d("2024-01-01"))); err == nil {
		t.Error("a missing argument is an error")
	}
	if LookupDateFunction("now") != nil {
		t.Error("there is no such function")
	}
}
