package value

import (
	"strings"
	"testing"
	"time"
)

// noon is the present of the tests: a Wednesday.
var noon = Calendar{Now: func() time.Time { return time.Date(2025, 3, 12, 12, 30, 15, 123456789, time.UTC) }}

// call evaluates a chain of calls on a date, as the language would: each is a
// method and its arguments.
type step struct {
	method string
	args   []any
}

func m(method string, args ...any) step { return step{method, args} }

func values(args []any) []Value {
	list := make([]Value, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			list[i] = String(arg)
		case int:
			list[i] = Int(int64(arg))
		case bool:
			list[i] = Bool(arg)
		case float64:
			d, _ := FromFloat(arg)
			list[i] = Number(d)
		case Value:
			list[i] = arg
		}
	}
	return list
}

// run returns d(args) and what the methods make of it, as text.
func run(c Calendar, args []any, steps ...step) string {
	d, err := c.Date(values(args)...)
	v := Date(d)
	for _, s := range steps {
		if err != nil {
			break
		}
		v, err = LookupDateMethod(s.method).Call(c, v, values(s.args))
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return v.String()
}

func d(args ...any) []any { return args }

const (
	invalid = "Invalid date"
	newYork = "America/New_York"
	berlin  = "Europe/Berlin"
)

func TestDate(t *testing.T) {
	for _, c := range []struct {
		args []any
		want string
	}{
		{d(), "2025-03-12T12:30:15Z"},
		{d(Value{}), invalid},
		{d(true), invalid},
		{d(Array(nil)), invalid},
		{d(0), "1970-01-01T00:00:00Z"},
		{d(-1.5), "1969-12-31T23:59:59Z"},
		{d(1e15), "+33658-09-27T01:46:40Z"},
		{d(1e18), invalid},
		{d("2024-02-29"), "2024-02-29T00:00:00Z"},
		{d("2023-02-29"), invalid},
		{d("2024-2-9"), "2024-02-09T00:00:00Z"},
		{d("2024-02-29 07:08"), "2024-02-29T07:08:00Z"},
		{d("2024-02-29 07:08:09"), "2024-02-29T07:08:09Z"},
		{d("2024-02-29 07:08:09.5"), invalid},
		{d("2024-02-29 24:00:00"), invalid},
		{d("2024-02-29T07:08:09"), invalid},
		{d("2024-02-29T07:08:09Z"), "2024-02-29T07:08:09Z"},
		{d("2024-02-29T07:08:09.999Z"), "2024-02-29T07:08:09Z"},
		{d("2024-02-29T07:08:09+05:30"), "2024-02-29T07:08:09Z"},
		{d("2024-02-29T07:08:09+0530"), invalid},
		{d("2024-02-29T07:08:09-25:00"), invalid},
		{d("2024-06-30T23:59:60Z"), invalid},
		{d("2024-02-29", berlin), "2024-02-29T00:00:00+01:00"},
		{d("2024-07-29T10:00:00Z", berlin), "2024-07-29T10:00:00+02:00"},
		{d(0, newYork), "1969-12-31T19:00:00-05:00"},
		{d(Date(FromTime(time.Unix(0, 0).UTC())), newYork), "1970-01-01T00:00:00Z"},
		{d(berlin), "2025-03-12T13:30:15+01:00"},
		{d("berlin"), invalid},
		{d("Local"), invalid},
		{d("../etc/passwd"), invalid},
		{d(""), invalid},
		{d("2024-02-29 and more"), invalid},
		{d(strings.Repeat(" ", 1<<20) + "2024-01-01"), invalid},
		{d("2024-01-01", "Moon/Base"), "error: Invalid timezone"},
		{d(Value{}, "+02:00"), "error: Invalid timezone"},
		{d("2024-01-01", 5), "error: Argument on 1 is not a string"},
		// Clocks skip 02:00 to 03:00, and show 01:00 to 02:00 twice.
		{d("2024-03-10 01:59:59", newYork), "2024-03-10T01:59:59-05:00"},
		{d("2024-03-10 02:00", newYork), invalid},
		{d("2024-03-10 02:59:59", newYork), invalid},
		{d("2024-03-10 03:00", newYork), "2024-03-10T03:00:00-04:00"},
		{d("2024-11-03 00:59", newYork), "2024-11-03T00:59:00-04:00"},
		{d("2024-11-03 01:00", newYork), "2024-11-03T01:00:00-04:00"},
		{d("2024-11-03 01:59:59", newYork), "2024-11-03T01:59:59-04:00"},
		{d("2024-11-03 02:00", newYork), "2024-11-03T02:00:00-05:00"},
		// Half an hour, a day that was skipped, and time by the sun.
		{d("2024-04-07 01:45", "Australia/Lord_Howe"), "2024-04-07T01:45:00+11:00"},
		{d("2011-12-30 12:00", "Pacific/Apia"), invalid},
		{d("1850-01-01", berlin), "1850-01-01T00:00:00+00:53"},
		{d("2050-07-01", berlin), "2050-07-01T00:00:00+02:00"},
		{d("2099-07-01", berlin), "2099-07-01T00:00:00+02:00"},
		{d("2100-07-01", berlin), "2100-07-01T00:00:00+01:00"},
		{d("2500-07-01", newYork), "2500-07-01T00:00:00-05:00"},
		{d("2101-07-01", "Australia/Sydney"), "2101-07-01T00:00:00+11:00"},
		{d("2024-06-01", "EST"), "2024-06-01T00:00:00-05:00"},
		{d("2024-06-01", "Etc/GMT-2"), "2024-06-01T00:00:00+02:00"},
		{d("+262142-12-31 23:59:59"), "+262142-12-31T23:59:59Z"},
		{d("-262143-01-01"), "-262143-01-01T00:00:00Z"},
		{d("-262144-12-31"), invalid},
		{d("+262143-01-01"), invalid},
		{d("-0044-03-15"), "-0044-03-15T00:00:00Z"},
	} {
		if got := run(noon, c.args); got != c.want {
			t.Errorf("d(%v) is %s, want %s", c.args, got, c.want)
		}
	}
	inBerlin := Calendar{Now: noon.Now, Zone: mustZone(t, berlin)}
	for _, c := range []struct {
		args []any
		want string
	}{
		{d(), "2025-03-12T13:30:15+01:00"},
		{d("2024-07-01"), "2024-07-01T00:00:00+02:00"},
		{d("2024-07-01", "UTC"), "2024-07-01T00:00:00Z"},
		{d("UTC"), "2025-03-12T12:30:15Z"},
	} {
		if got := run(inBerlin, c.args); got != c.want {
			t.Errorf("in Berlin d(%v) is %s, want %s", c.args, got, c.want)
		}
	}
	if got := run(Calendar{}, d()); got != invalid {
		t.Errorf("without a clock d() is %s", got)
	}
}

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, ok := LookupZone(name)
	if !ok {
		t.Fatalf("no zone %s", name)
	}
	return zone
}

func TestDateMethods(t *testing.T) {
	at := d("2024-05-15T13:14:15.678Z")
	for _, c := range []struct {
		args []any
		step step
		want string
	}{
		// Parts.
		{at, m("year"), "2024"},
		{at, m("quarter"), "2"},
		{at, m("month"), "5"},
		{at, m("week"), "20"},
		{at, m("weekday"), "3"},
		{at, m("day"), "15"},
		{at, m("dayOfYear"), "136"},
		{at, m("hour"), "13"},
		{at, m("minute"), "14"},
		{at, m("second"), "15"},
		{at, m("timestamp"), "1715778855678"},
		{at, m("offsetName"), "UTC"},
		{d(0, newYork), m("offsetName"), newYork},
		{d(0, newYork), m("hour"), "19"},
		{d("2021-01-03"), m("week"), "53"},
		{d("2024-12-30"), m("week"), "1"},
		{d("-0001-12-31"), m("year"), "-1"},
		{at, m("isValid"), "true"},
		{at, m("isLeapYear"), "true"},
		{d("1900-01-01"), m("isLeapYear"), "false"},
		{d("2025-03-12"), m("isToday"), "true"},
		{d("2025-03-11 23:59:59"), m("isToday"), "false"},
		{d("2025-03-11 23:59:59"), m("isYesterday"), "true"},
		{d("2025-03-13"), m("isTomorrow"), "true"},
		{d("2025-03-14"), m("isTomorrow"), "false"},
		// Adding.
		{at, m("add", "1d"), "2024-05-16T13:14:15Z"},
		{at, m("add", " 1 d 2h3min "), "2024-05-16T15:17:15Z"},
		{at, m("add", "1d 1d"), "2024-05-17T13:14:15Z"},
		{at, m("add", "1M 2M"), "2024-07-15T13:14:15Z"},
		{at, m("add", "1M 1q"), "2024-08-15T13:14:15Z"},
		{at, m("add", "1y 2y"), "2026-05-15T13:14:15Z"},
		{at, m("add", "2 weeks"), "2024-05-29T13:14:15Z"},
		{at, m("add", 1.5, "h"), "2024-05-15T14:44:15Z"},
		{at, m("add", -0.5, "s"), "2024-05-15T13:14:15Z"},
		{at, m("add", -1, "q"), "2024-02-15T13:14:15Z"},
		{at, m("add", 1.9, "year"), "2025-05-15T13:14:15Z"},
		{d("2024-08-31"), m("add", 6, "mo"), "2025-02-28T00:00:00Z"},
		{d("2024-02-29"), m("add", 4, "y"), "2028-02-29T00:00:00Z"},
		{d("2024-02-29"), m("add", 1, "y"), invalid},
		// Months are clamped before years are added.
		{d("2024-01-31"), m("add", "1M 1y"), invalid},
		{at, m("sub", "1y 1M 1d"), "2023-04-14T13:14:15Z"},
		{d("2024-03-10 00:30", newYork), m("add", "1d"), "2024-03-11T01:30:00-04:00"},
		{d("2024-02-10 02:30", newYork), m("add", "1M"), invalid},
		{d("2024-10-03 01:30", newYork), m("add", "1M"), invalid},
		// Beyond all bounds.
		{at, m("add", 1000000000, "y"), invalid},
		{at, m("add", 2147483647, "q"), invalid},
		{at, m("add", 700000000, "q"), invalid},
		{at, m("add", 3000000000, "M"), "error: Invalid duration unit"},
		{at, m("add", 1e28, "w"), "error: Invalid duration unit"},
		{at, m("add", 9e18, "s"), invalid},
		{at, m("sub", -2147483648, "y"), invalid},
		{at, m("add", "9223372036854775807s"), invalid},
		{at, m("add", "9223372036854775808s"), "error: Number is too large"},
		{at, m("add", "99999999999999999999s"), "error: Number is too large"},
		{at, m("add", "15250284452471w"), invalid},
		{at, m("add", "99999999999999999w"), "error: Number is too large"},
		{at, m("add", "2147483648y"), "error: Number is too large"},
		{at, m("add", "715827883q"), invalid},
		// Durations that are none.
		{at, m("add", ""), "error: Value is empty"},
		{at, m("add", " "), "error: Value is empty"},
		{at, m("add", "5"), "error: Unknown time unit "},
		{at, m("add", "5 lightyears"), "error: Unknown time unit lightyears"},
		{at, m("add", "d"), "error: Expected number at 0"},
		{at, m("add", "-1d"), "error: Expected number at 0"},
		{at, m("add", "1d x"), "error: Expected number at 3"},
		{at, m("add", "1.5d"), "error: Invalid character at 1"},
		{at, m("add", "1d,2h"), "error: Invalid character at 2"},
		{at, m("add", "1ü"), "error: Invalid character at 1"},
		{at, m("add", 1, "fortnight"), "error: Invalid duration unit"},
		{at, m("add", 1, 2), "error: Argument on 2 is not a string"},
		{at, m("add", 1), "error: Argument on 2 position is not a valid string"},
		{at, m("add", true), "error: Invalid duration arguments"},
		{at, m("add"), "error: Argument on 1 position out of bounds"},
		// Setting.
		{at, m("set", "year", 2020), "2020-05-15T13:14:15Z"},
		{at, m("set", "month", 12), "2024-12-15T13:14:15Z"},
		{at, m("set", "day", 31.9), "2024-05-31T13:14:15Z"},
		{at, m("set", "hour", 24), invalid},
		{at, m("set", "minute", 0), "2024-05-15T13:00:15Z"},
		{at, m("set", "second", 59), "2024-05-15T13:14:59Z"},
		{at, m("set", "week", 3), "2024-05-15T13:14:15Z"},
		{at, m("set", "quarter", 3), "2024-05-15T13:14:15Z"},
		{at, m("set", "day", 0), invalid},
		{at, m("set", "day", -1), "error: Invalid duration value"},
		{at, m("set", "year", 4294967296), "error: Invalid duration value"},
		{at, m("set", "year", 4294967295), invalid},
		{at, m("set", "year", "x"), "error: Argument on 2 is not a number"},
		{at, m("set", "century", 1), "error: Invalid duration unit"},
		{d("2024-05-31"), m("set", "month", 6), invalid},
		{d("2024-03-09 02:30", newYork), m("set", "day", 10), invalid},
		// Edges.
		{at, m("startOf", "s"), "2024-05-15T13:14:15Z"},
		{at, m("startOf", "minute"), "2024-05-15T13:14:00Z"},
		{at, m("startOf", "h"), "2024-05-15T13:00:00Z"},
		{at, m("startOf", "d"), "2024-05-15T00:00:00Z"},
		{at, m("startOf", "w"), "2024-05-13T00:00:00Z"},
		{at, m("startOf", "M"), "2024-05-01T00:00:00Z"},
		{at, m("startOf", "q"), "2024-04-01T00:00:00Z"},
		{at, m("startOf", "y"), "2024-01-01T00:00:00Z"},
		{at, m("endOf", "minute"), "2024-05-15T13:14:59Z"},
		{at, m("endOf", "h"), "2024-05-15T13:59:59Z"},
		{at, m("endOf", "d"), "2024-05-15T23:59:59Z"},
		{at, m("endOf", "w"), "2024-05-19T23:59:59Z"},
		{at, m("endOf", "M"), "2024-05-31T23:59:59Z"},
		{at, m("endOf", "q"), "2024-06-30T23:59:59Z"},
		{at, m("endOf", "y"), "2024-12-31T23:59:59Z"},
		{d("2024-05-31"), m("startOf", "quarter"), invalid},
		{d("2024-01-01"), m("add", 1431655766, "q"), "2024-03-01T00:00:00Z"},
		{d("2024-05-31"), m("endOf", "quarter"), invalid},
		{d("2024-08-31"), m("startOf", "quarter"), "2024-07-01T00:00:00Z"},
		{d("2024-05-19"), m("endOf", "week"), "2024-05-19T23:59:59Z"},
		{d("2024-05-19"), m("startOf", "week"), "2024-05-13T00:00:00Z"},
		{d("2024-01-01"), m("startOf", "decade"), "error: Invalid duration unit"},
		{d("2024-03-10 12:00", newYork), m("startOf", "day"), "2024-03-10T00:00:00-05:00"},
		{d("2024-11-03 12:00", newYork), m("endOf", "day"), "2024-11-03T23:59:59-05:00"},
		{d("2024-11-03 01:30", newYork), m("startOf", "hour"), invalid},
		// Zones.
		{at, m("tz", newYork), "2024-05-15T09:14:15-04:00"},
		{at, m("tz", "Asia/Kolkata"), "2024-05-15T18:44:15+05:30"},
		{at, m("tz", "+02:00"), "error: Invalid timezone"},
		// Differences.
		{at, m("diff", "2024-05-15"), "47655678"},
		{at, m("diff", "2024-05-15", "s"), "47655"},
		{at, m("diff", "2024-05-16", "h"), "-10"},
		{at, m("diff", "2024-05-01", "d"), "14"},
		{at, m("diff", "2024-05-01", "w"), "2"},
		{at, m("diff", "2024-01-16", "M"), "3"},
		{at, m("diff", "2024-01-15", "M"), "4"},
		{at, m("diff", "2025-08-15", "q"), "-4"},
		{at, m("diff", "2020-05-16", "y"), "3"},
		{at, m("diff", "soon"), "null"},
		{at, m("diff", 0, "y"), "54"},
		{at, m("diff", "2024-01-01", "x"), "error: Invalid duration unit"},
		{d("2024-03-31"), m("diff", "2024-02-29", "M"), "1"},
		{d("2024-02-29"), m("diff", "2024-03-31", "M"), "-1"},
		{d("2024-03-11", newYork), m("diff", Date(FromTime(time.Date(2024, 3, 9, 5, 0, 0, 0, time.UTC))), "h"), "47"},
		// Comparing.
		{at, m("isSame", "2024-05-15"), "false"},
		{at, m("isSame", "2024-05-15", "d"), "true"},
		{at, m("isSame", "2024-05-12", "w"), "false"},
		{at, m("isBefore", "2024-05-15 13:14:16"), "true"},
		{at, m("isBefore", "2024-05-15 23:00", "d"), "false"},
		{at, m("isAfter", "2024-05-14 23:00", "d"), "true"},
		{at, m("isAfter", "2024-05-15", "d"), "false"},
		{at, m("isSameOrBefore", "2024-05-15", "d"), "true"},
		{at, m("isSameOrBefore", "2024-05-15"), "false"},
		{at, m("isSameOrAfter", "2024-06-30", "q"), "true"},
		{at, m("isSameOrAfter", "2024-07-01", "q"), "false"},
		{at, m("isSame", "soon"), "false"},
		{at, m("isSame", "2024-05-15", 1), "error: Argument on 2 is not a string"},
	} {
		if got := run(noon, c.args, c.step); got != c.want {
			t.Errorf("d(%v).%s(%v) is %s, want %s", c.args, c.step.method, c.step.args, got, c.want)
		}
	}
}

// Units have many names.
func TestUnits(t *testing.T) {
	at := d("2024-05-15T13:14:15Z")
	for want, names := range map[string]string{
		"2024-05-15T13:14:16Z":         "seconds second secs sec s",
		"2024-05-15T13:15:15Z":         "minutes minute min mins m",
		"2024-05-15T14:14:15Z":         "hours hour hr hrs h",
		"2024-05-16T13:14:15Z":         "days day d",
		"2024-05-22T13:14:15Z":         "weeks week w",
		"2024-06-15T13:14:15Z":         "months month mo M",
		"2024-08-15T13:14:15Z":         "quarters quarter qtr q",
		"2025-05-15T13:14:15Z":         "years year y",
		"error: Invalid duration unit": "ms S D Day x",
	} {
		for name := range strings.FieldsSeq(names) {
			if got := run(noon, at, m("add", 1, name)); got != want {
				t.Errorf("1 %s later: %s, want %s", name, got, want)
			}
			if strings.HasPrefix(want, "error") {
				continue
			}
			if got := run(noon, at, m("add", "1"+name)); got != want {
				t.Errorf("1%s later: %s, want %s", name, got, want)
			}
		}
	}
	for want, names := range map[string]string{
		"1": "s sec secs second seconds", "60": "m min mins minute minutes", "3600": "h hr hrs hour hours", "86400": "d day days",
		"604800": "w wk wks week weeks", "2630016": "M month months", "31557600": "y yr yrs year years",
	} {
		for name := range strings.FieldsSeq(names) {
			v, err := LookupDateFunction("duration").Call(noon, values(d("1"+name+" 999ms 999 msec 1 millis 1000us 900 usec 100 µs 999999999ns 1 nsec 0nanos")))
			more, _ := v.AsNumber().Sub(FromInt(3))
			if got := more.String(); err != nil || got != want {
				t.Errorf("1%s and three seconds less three: %s, %v; want %s", name, got, err, want)
			}
		}
	}
	for want, names := range map[string]string{
		"1715778855": "s second seconds", "1715778840": "m minute minutes", "1715778000": "h hour hours", "1715731200": "d day days",
		"1715558400": "w week weeks", "1714521600": "M month months", "1704067200": "y year years", "Invalid date unit": "secs min hr mo q quarter",
	} {
		for name := range strings.FieldsSeq(names) {
			v, err := LookupDateFunction("startOf").Call(noon, values(d("2024-05-15 13:14:15", name)))
			if got := v.String(); got != want && (err == nil || err.Error() != want) {
				t.Errorf("the start of the %s: %s, %v; want %s", name, got, err, want)
			}
		}
	}
}

func TestInvalidDates(t *testing.T) {
	for want, steps := range map[string][]step{
		"null": {
			m("year"), m("quarter"), m("month"), m("week"), m("weekday"), m("day"), m("dayOfYear"), m("hour"), m("minute"),
			m("second"), m("timestamp"), m("offsetName"), m("diff", "2024-01-01"), m("diff", "2024-01-01", "d"),
			m("isToday"), m("isYesterday"), m("isTomorrow"), m("isLeapYear"),
		},
		"false": {
			m("isValid"), m("isSame", "x"), m("isSame", "2024-01-01"), m("isBefore", "2024-01-01"), m("isAfter", "2024-01-01"), m("isSameOrBefore", "x"), m("isSameOrAfter", "x", "d"),
		},
		invalid: {
			m("add", "1d"), m("sub", 1, "y"), m("set", "day", 1), m("startOf", "d"), m("endOf", "q"), m("tz", berlin),
			m("format"), m("format", "%Y %Q"),
		},
		"error: Invalid duration unit": {m("startOf", "x"), m("add", 1, "x")},
	} {
		for _, s := range steps {
			if got := run(noon, d(Value{}), s); got != want {
				t.Errorf("d(null).%s(%v) is %s, want %s", s.method, s.args, got, want)
			}
		}
	}
	none, past := Date(DateTime{}), Date(FromTime(time.Unix(0, 0)))
	if !Equal(none, none) || Equal(none, past) || none.AsDate().Compare(past.AsDate()) != -1 {
		t.Error("an invalid date is equal to itself and before all others")
	}
	if _, err := LookupDateMethod("year").Call(noon, Int(5), nil); err == nil || err.Error() != "Argument on 0 position is not a valid dynamic" {
		t.Errorf("a method of a number: %v", err)
	}
	if LookupDateMethod("yesteryear") != nil {
		t.Error("there is no such method")
	}
}

// Every instant is found again from what clocks show at it, in every zone.
func TestZonesRoundTrip(t *testing.T) {
	for _, name := range []string{"UTC", berlin, newYork, "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu"} {
		zone := mustZone(t, name)
		for sec := int64(-4e9); sec < 4e9; sec += 86400*11 + 3607 {
			at := DateTime{sec, 5, zone}
			first, second, n := at.civil().at(zone)
			if n == 0 || first != at && second != at {
				t.Fatalf("%s at %d: clocks show %+v, which is at %v or %v", name, sec, at.civil(), first, second)
			}
			want := time.Unix(sec, 5).In(zone)
			if got := at.String(); got != want.Format("2006-01-02T15:04:05Z07:00") && sec > -1e9 {
				t.Fatalf("%s at %d is %s, want %s", name, sec, got, want)
			}
			year, week := want.ISOWeek()
			c := at.civil()
			if y, w := c.isoWeek(); y != year || w != week || c.yearDay() != want.YearDay() || c.weekday()%7 != int(want.Weekday()) {
				t.Fatalf("%s: week %d-%d, day %d, weekday %d", want, y, w, c.yearDay(), c.weekday())
			}
		}
	}
}
