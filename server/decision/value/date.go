package value

import (
	"strconv"
	"time"
)

// invalidDate is what a date that is none is printed as.
const invalidDate = "Invalid date"

// DateTime is an instant, to the nanosecond, seen in a time zone; or invalid,
// which is a value of its own that all computing with it returns again. The zero
// DateTime is invalid. Years go from -262143 to 262142.
type DateTime struct {
	sec  int64 // since 1970-01-01T00:00:00Z
	nsec uint32
	zone *time.Location // nil: invalid
}

// FromTime returns the instant in its zone.
func FromTime(t time.Time) DateTime {
	return DateTime{t.Unix(), uint32(t.Nanosecond()), t.Location()}.checked()
}

func dateOf(v Value) DateTime {
	return DateTime{int64(v.lo), v.hi, (*time.Location)(v.ptr)}
}

// The first and last second of the calendar.
const (
	minYear, maxYear = -262143, 262142
	minSec           = -8334601228800
	maxSec           = 8210266876799
)

// lastChange is the last second of 2099: from then on clocks are not set forward
// or back any more, because the engine's tables of zones end there.
const lastChange = 4102444799

// checked returns d, or an invalid date beyond the calendar.
func (d DateTime) checked() DateTime {
	if d.sec < minSec || d.sec > maxSec {
		return DateTime{}
	}
	return d
}

// Valid reports whether the date is one.
func (d DateTime) Valid() bool { return d.zone != nil }

// Time returns the instant in its zone, the zero time for an invalid date.
func (d DateTime) Time() time.Time {
	if !d.Valid() {
		return time.Time{}
	}
	return time.Unix(d.sec, int64(d.nsec)).In(d.zone)
}

// Compare returns -1, 0 or 1 as the date is before, at or after o, whatever the
// zones; invalid dates are equal and before all others.
func (d DateTime) Compare(o DateTime) int {
	switch {
	case !d.Valid() || !o.Valid():
		return boolInt(d.Valid()) - boolInt(o.Valid())
	case d.sec != o.sec:
		return boolInt(d.sec > o.sec) - boolInt(d.sec < o.sec)
	default:
		return boolInt(d.nsec > o.nsec) - boolInt(d.nsec < o.nsec)
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// In returns the same instant in a zone.
func (d DateTime) In(zone *time.Location) DateTime {
	if d.Valid() {
		d.zone = zone
	}
	return d
}

// Millis returns the milliseconds since 1970.
func (d DateTime) Millis() int64 { return d.sec*1000 + int64(d.nsec/1e6) }

// String returns the date as results show it: 2023-10-15T00:00:00Z or
// 2023-10-15T00:00:00+02:00, without fractions of a second; "Invalid date" for
// one that is none.
func (d DateTime) String() string {
	var buf [40]byte
	return string(d.Append(buf[:0]))
}

// Append appends the date as [DateTime.String] has it.
func (d DateTime) Append(dst []byte) []byte {
	if !d.Valid() {
		return append(dst, invalidDate...)
	}
	offset, _ := d.offset()
	dst = civilOf(d.sec+int64(offset), 0).append(dst, 'T')
	if offset == 0 {
		return append(dst, 'Z')
	}
	return appendOffset(dst, offset, ":", false)
}

// offset returns the seconds that the zone is ahead of UTC at the instant, and
// what the zone is then called.
func (d DateTime) offset() (int, string) {
	if d.zone == time.UTC || !d.Valid() {
		return 0, "UTC"
	}
	name, offset := time.Unix(min(d.sec, lastChange), 0).In(d.zone).Zone()
	return offset, name
}

// civil returns what clocks and calendars in the zone show.
func (d DateTime) civil() civil {
	offset, _ := d.offset()
	return civilOf(d.sec+int64(offset), d.nsec)
}

// civil is a date and time of day without a zone.
type civil struct {
	year, month, day     int
	hour, minute, second int
	nsec                 uint32
}

const (
	daySeconds = 86400
	eraDays    = 146097 // of 400 years
	// epochDays are the days from 0000-03-01 to 1970-01-01.
	epochDays = 719468
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// civilOf returns the date and time that many seconds after 1970-01-01 00:00.
// Years are counted from March, so that a leap day is the last of its year.
func civilOf(sec int64, nsec uint32) civil {
	days := floorDiv(sec, daySeconds)
	rest := int(sec - days*daySeconds)
	days += epochDays
	era := floorDiv(days, eraDays)
	dayOfEra := int(days - era*eraDays)
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/(eraDays-1)) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*dayOfYear + 2) / 153
	c := civil{
		year: yearOfEra + int(era)*400, month: m + 3, day: dayOfYear - (153*m+2)/5 + 1,
		hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60, nsec: nsec,
	}
	if c.month > 12 {
		c.month -= 12
		c.year++
	}
	return c
}

// days returns the days since 1970-01-01.
func (c civil) days() int64 {
	year, month := int64(c.year), int64(c.month)
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + int64(c.day) - 1
	return era*eraDays + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - epochDays
}

// seconds returns the seconds since 1970-01-01 00:00.
func (c civil) seconds() int64 {
	return c.days()*daySeconds + int64(c.hour*3600+c.minute*60+c.second)
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func monthDays(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if leap(year) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

// valid reports whether there is such a day and time.
func (c civil) valid() bool {
	return c.year >= minYear && c.year <= maxYear && c.month >= 1 && c.month <= 12 &&
		c.day >= 1 && c.day <= monthDays(c.year, c.month) &&
		c.hour >= 0 && c.hour < 24 && c.minute >= 0 && c.minute < 60 && c.second >= 0 && c.second < 60
}

// addMonths moves to the same day of another month, or that month's last.
func (c civil) addMonths(n int64) (civil, bool) {
	months := int64(c.year)*12 + int64(c.month-1) + n
	year := floorDiv(months, 12)
	if year < minYear || year > maxYear {
		return civil{}, false
	}
	c.year, c.month = int(year), int(months-year*12)+1
	c.day = min(c.day, monthDays(c.year, c.month))
	return c, true
}

func (c civil) addDays(n int64) civil {
	return civilOf(c.seconds()+n*daySeconds, c.nsec)
}

// weekday returns 1 for Monday to 7 for Sunday.
func (c civil) weekday() int {
	return int((c.days()+3)%7+7)%7 + 1
}

func (c civil) yearDay() int {
	return int(c.days()-civil{year: c.year, month: 1, day: 1}.days()) + 1
}

func (c civil) quarter() int { return (c.month-1)/3 + 1 }

// isoWeek returns the week of ISO 8601 and the year it belongs to.
func (c civil) isoWeek() (year, week int) {
	thursday := c.addDays(int64(4 - c.weekday()))
	return thursday.year, (thursday.yearDay()-1)/7 + 1
}

// append appends the date and time: 2023-10-15, a separator, 00:00:00.
func (c civil) append(dst []byte, separator byte) []byte {
	dst = appendYear(dst, c.year)
	dst = append(dst, '-')
	dst = appendPadded(dst, c.month, 2, '0')
	dst = append(dst, '-')
	dst = appendPadded(dst, c.day, 2, '0')
	dst = append(dst, separator)
	return c.appendTime(dst)
}

func (c civil) appendTime(dst []byte) []byte {
	dst = appendPadded(dst, c.hour, 2, '0')
	dst = append(dst, ':')
	dst = appendPadded(dst, c.minute, 2, '0')
	dst = append(dst, ':')
	return appendPadded(dst, c.second, 2, '0')
}

// appendYear appends a year in four digits; a sign comes before others.
func appendYear(dst []byte, year int) []byte {
	if year >= 0 && year <= 9999 {
		return appendPadded(dst, year, 4, '0')
	}
	if year < 0 {
		return appendPadded(append(dst, '-'), -year, 4, '0')
	}
	return appendPadded(append(dst, '+'), year, 4, '0')
}

// appendPadded appends a number of at least width places.
func appendPadded(dst []byte, n, width int, pad byte) []byte {
	if width == 2 && n >= 0 && n < 100 && pad == '0' {
		return append(dst, byte('0'+n/10), byte('0'+n%10))
	}
	var buf [20]byte
	digits := strconv.AppendInt(buf[:0], int64(n), 10)
	for i := len(digits); i < width; i++ {
		dst = append(dst, pad)
	}
	return append(dst, digits...)
}

// appendOffset appends seconds ahead of UTC as +02:00, to the nearest minute
// unless seconds are wanted.
func appendOffset(dst []byte, offset int, separator string, seconds bool) []byte {
	if offset < 0 {
		dst, offset = append(dst, '-'), -offset
	} else {
		dst = append(dst, '+')
	}
	if !seconds {
		offset += 30
	}
	dst = appendPadded(dst, offset/3600, 2, '0')
	dst = append(dst, separator...)
	dst = appendPadded(dst, offset/60%60, 2, '0')
	if seconds {
		dst = append(dst, separator...)
		dst = appendPadded(dst, offset%60, 2, '0')
	}
	return dst
}
