package value

import (
	"errors"
	"strconv"
	"strings"
)

//nolint:staticcheck // an error text of the engine begins with a capital letter
var errFormat = errors.New("Invalid date format")

var (
	monthNames = [...]string{
		"January", "February", "March", "April", "May", "June",
		"July", "August", "September", "October", "November", "December",
	}
	dayNames = [...]string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
)

// Format writes the date as a pattern of strftime has it, with the specifiers of
// the crate chrono; an invalid date is "Invalid date" in every pattern. It fails
// for a specifier that there is none of.
func (d DateTime) Format(pattern string) (string, error) {
	if !d.Valid() {
		return invalidDate, nil
	}
	offset, zone := d.offset()
	f := formatter{civil: civilOf(d.sec+int64(offset), d.nsec), date: d, offset: offset, zone: zone}
	if err := f.format(pattern); err != nil {
		return "", err
	}
	return string(f.out), nil
}

// Text returns the date as format() without a pattern has it: 2023-10-15
// 00:00:00 UTC, with fractions of a second if there are any.
func (d DateTime) Text() string {
	if !d.Valid() {
		return invalidDate
	}
	_, zone := d.offset()
	c := d.civil()
	return string(append(append(c.appendFraction(c.append(nil, ' ')), ' '), zone...))
}

// appendFraction appends a point and three, six or nine digits, or nothing.
func (c civil) appendFraction(dst []byte) []byte {
	switch {
	case c.nsec == 0:
		return dst
	case c.nsec%1e6 == 0:
		return appendPadded(append(dst, '.'), int(c.nsec/1e6), 3, '0')
	case c.nsec%1e3 == 0:
		return appendPadded(append(dst, '.'), int(c.nsec/1e3), 6, '0')
	default:
		return appendPadded(append(dst, '.'), int(c.nsec), 9, '0')
	}
}

type formatter struct {
	civil

	date   DateTime
	offset int
	zone   string
	out    []byte
}

func (f *formatter) format(pattern string) error {
	for {
		at := strings.IndexByte(pattern, '%')
		if at < 0 {
			f.out = append(f.out, pattern...)
			return nil
		}
		f.out = append(f.out, pattern[:at]...)
		pattern = pattern[at+1:]
		var pad byte
		if pattern != "" {
			switch pattern[0] {
			case '-', '_', '0':
				pad, pattern = pattern[0], pattern[1:]
			}
		}
		if pattern == "" {
			return errFormat
		}
		b := pattern[0]
		if f.number(b, pad) {
			pattern = pattern[1:]
			continue
		}
		n := 0
		if pad == 0 {
			n = f.text(pattern)
		}
		if n == 0 {
			return errFormat
		}
		pattern = pattern[n:]
	}
}

// number writes a specifier that is a number, padded as is usual for it or as
// pad says: - not at all, _ with spaces, 0 with zeros.
func (f *formatter) number(b, pad byte) bool {
	var n int
	width, usual := 2, byte('0')
	switch b {
	case 'Y':
		f.year4(f.year, pad)
		return true
	case 'G':
		year, _ := f.isoWeek()
		f.year4(year, pad)
		return true
	case 's':
		f.out = strconv.AppendInt(f.out, f.date.sec, 10)
		return true
	case 'C':
		n = int(floorDiv(int64(f.year), 100))
	case 'y':
		n = f.year - int(floorDiv(int64(f.year), 100))*100
	case 'g':
		year, _ := f.isoWeek()
		n = year - int(floorDiv(int64(year), 100))*100
	case 'q':
		n, width = f.quarter(), 1
	case 'm':
		n = f.month
	case 'd':
		n = f.day
	case 'e':
		n, usual = f.day, ' '
	case 'w':
		n, width = f.weekday()%7, 1
	case 'u':
		n, width = f.weekday(), 1
	case 'U':
		n = (f.yearDay() + 6 - f.weekday()%7) / 7
	case 'W':
		n = (f.yearDay() + 7 - f.weekday()) / 7
	case 'V':
		_, n = f.isoWeek()
	case 'j':
		n, width = f.yearDay(), 3
	case 'H':
		n = f.hour
	case 'k':
		n, usual = f.hour, ' '
	case 'I':
		n = f.hour12()
	case 'l':
		n, usual = f.hour12(), ' '
	case 'M':
		n = f.minute
	case 'S':
		n = f.second
	case 'f':
		n, width = int(f.nsec), 9
	default:
		return false
	}
	switch pad {
	case '-':
		width = 0
	case '_':
		usual = ' '
	case '0':
		usual = '0'
	}
	f.out = appendPadded(f.out, n, width, usual)
	return true
}

func (f *formatter) year4(year int, pad byte) {
	var buf [12]byte
	text := appendYear(buf[:0], year)
	if pad != '-' && pad != '_' || year < 0 || year > 9999 {
		f.out = append(f.out, text...)
		return
	}
	for ; len(text) > 1 && text[0] == '0'; text = text[1:] {
		if pad == '_' {
			f.out = append(f.out, ' ')
		}
	}
	f.out = append(f.out, text...)
}

func (f *formatter) hour12() int {
	if h := f.hour % 12; h != 0 {
		return h
	}
	return 12
}

// text writes a specifier that is not a number and returns its length, 0 when it
// is none.
func (f *formatter) text(s string) int {
	switch s[0] {
	case 'b', 'h':
		f.out = append(f.out, monthNames[f.month-1][:3]...)
	case 'B':
		f.out = append(f.out, monthNames[f.month-1]...)
	case 'a':
		f.out = append(f.out, dayNames[f.weekday()-1][:3]...)
	case 'A':
		f.out = append(f.out, dayNames[f.weekday()-1]...)
	case 'p':
		f.out = append(f.out, "AMPM"[f.hour/12*2:][:2]...)
	case 'P':
		f.out = append(f.out, "ampm"[f.hour/12*2:][:2]...)
	case 'D', 'x':
		return f.several("%m/%d/%y")
	case 'F':
		return f.several("%Y-%m-%d")
	case 'v':
		return f.several("%e-%b-%Y")
	case 'R':
		return f.several("%H:%M")
	case 'T', 'X':
		return f.several("%H:%M:%S")
	case 'r':
		return f.several("%I:%M:%S %p")
	case 'c':
		return f.several("%a %b %e %H:%M:%S %Y")
	case '+':
		f.out = f.appendFraction(f.append(f.out, 'T'))
		f.out = appendOffset(f.out, f.offset, ":", false)
	case 'Z':
		f.out = append(f.out, f.zone...)
	case 'z':
		f.out = appendOffset(f.out, f.offset, "", false)
	case 't':
		f.out = append(f.out, '\t')
	case 'n':
		f.out = append(f.out, '\n')
	case '%':
		f.out = append(f.out, '%')
	default:
		return f.longer(s)
	}
	return 1
}

func (f *formatter) several(pattern string) int {
	if f.format(pattern) != nil {
		return 0
	}
	return 1
}

// longer writes a specifier of more than one character.
func (f *formatter) longer(s string) int {
	for _, spec := range []struct {
		text  string
		write func()
	}{
		{":::z", func() {
			sign, hours := byte('+'), f.offset
			if hours < 0 {
				sign, hours = '-', -hours
			}
			f.out = appendPadded(append(f.out, sign), hours/3600, 2, '0')
		}},
		{"::z", func() { f.out = appendOffset(f.out, f.offset, ":", true) }},
		{":z", func() { f.out = appendOffset(f.out, f.offset, ":", false) }},
		{".f", func() { f.out = f.appendFraction(f.out) }},
		{".3f", func() { f.out = appendPadded(append(f.out, '.'), int(f.nsec/1e6), 3, '0') }},
		{".6f", func() { f.out = appendPadded(append(f.out, '.'), int(f.nsec/1e3), 6, '0') }},
		{".9f", func() { f.out = appendPadded(append(f.out, '.'), int(f.nsec), 9, '0') }},
		{"3f", func() { f.out = appendPadded(f.out, int(f.nsec/1e6), 3, '0') }},
		{"6f", func() { f.out = appendPadded(f.out, int(f.nsec/1e3), 6, '0') }},
		{"9f", func() { f.out = appendPadded(f.out, int(f.nsec), 9, '0') }},
	} {
		if strings.HasPrefix(s, spec.text) {
			spec.write()
			return len(spec.text)
		}
	}
	return 0
}
