package fastapi

import (
	"strings"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/contract"
)

// scanJSON reads a text as CPython's json.loads does (version 3.11, the C
// accelerator) and gives the message and the offset, in characters, of what it
// refuses. Newer versions word trailing commas differently. When CPython accepts
// the text, ok is true and reason and offset are those of the first thing in it
// that JSON does not have: NaN, Infinity, half of a surrogate pair.
func scanJSON(text []byte) (reason string, offset int, ok bool) {
	s := pyScanner{text: string(text)}
	s.value(0, s.space(0))
	if s.end >= 0 {
		if s.end = s.space(s.end); s.end < len(s.text) {
			s.fail("Extra data", s.end)
		}
	}
	switch {
	case s.reason != "":
		return s.reason, utf8.RuneCountInString(s.text[:s.at]), false
	case s.odd != "":
		return s.odd, utf8.RuneCountInString(s.text[:s.oddAt]), true
	}
	return "", 0, true
}

// pyScanner follows Modules/_json.c. Offsets are in bytes until they are told.
type pyScanner struct {
	text   string
	end    int // where the last value ended; -1 after a mistake
	reason string
	at     int
	odd    string
	oddAt  int
}

func (s *pyScanner) fail(reason string, at int) {
	s.reason, s.at, s.end = reason, min(at, len(s.text)), -1
}

func (s *pyScanner) space(i int) int {
	for i < len(s.text) && strings.IndexByte(" \t\n\r", s.text[i]) >= 0 {
		i++
	}
	return i
}

func (s *pyScanner) is(i int, c byte) bool { return i < len(s.text) && s.text[i] == c }

// value reads the value at i and leaves its end.
func (s *pyScanner) value(depth, i int) {
	if i >= len(s.text) {
		s.fail("Expecting value", i)
		return
	}
	rest := s.text[i:]
	switch c := rest[0]; {
	case c == '"':
		s.string(i)
	case c == '{' || c == '[':
		if depth++; depth > contract.MaxDepth {
			// CPython goes on to about 1,000 levels and then fails as a whole.
			s.fail("Arrays and objects nest too deeply", i)
			return
		}
		if c == '{' {
			s.object(depth, i+1)
		} else {
			s.array(depth, i+1)
		}
	case c == '-' || c >= '0' && c <= '9':
		s.number(i)
	default:
		for _, word := range []string{"null", "true", "false", "NaN", "Infinity"} {
			if strings.HasPrefix(rest, word) {
				s.end = i + len(word)
				if word[0] < 'a' {
					s.note("NaN and Infinity are not JSON", i)
				}
				return
			}
		}
		s.fail("Expecting value", i)
	}
}

func (s *pyScanner) note(odd string, at int) {
	if s.odd == "" {
		s.odd, s.oddAt = odd, at
	}
}

func (s *pyScanner) object(depth, i int) {
	if i = s.space(i); s.is(i, '}') {
		s.end = i + 1
		return
	}
	for {
		if !s.is(i, '"') {
			s.fail("Expecting property name enclosed in double quotes", i)
			return
		}
		if s.string(i); s.end < 0 {
			return
		}
		if i = s.space(s.end); !s.is(i, ':') {
			s.fail("Expecting ':' delimiter", i)
			return
		}
		if s.value(depth, s.space(i+1)); s.end < 0 {
			return
		}
		if i = s.space(s.end); s.is(i, '}') {
			s.end = i + 1
			return
		}
		if !s.is(i, ',') {
			s.fail("Expecting ',' delimiter", i)
			return
		}
		i = s.space(i + 1)
	}
}

func (s *pyScanner) array(depth, i int) {
	if i = s.space(i); s.is(i, ']') {
		s.end = i + 1
		return
	}
	for {
		if s.value(depth, i); s.end < 0 {
			return
		}
		if i = s.space(s.end); s.is(i, ']') {
			s.end = i + 1
			return
		}
		if !s.is(i, ',') {
			s.fail("Expecting ',' delimiter", i)
			return
		}
		i = s.space(i + 1)
	}
}

func (s *pyScanner) digits(i int) int {
	for i < len(s.text) && s.text[i] >= '0' && s.text[i] <= '9' {
		i++
	}
	return i
}

func (s *pyScanner) number(start int) {
	i := start
	if s.is(i, '-') {
		i++
	}
	switch {
	case s.is(i, '0'):
		i++
	case s.digits(i) > i:
		i = s.digits(i)
	case strings.HasPrefix(s.text[i:], "Infinity") && i > start:
		s.note("NaN and Infinity are not JSON", start)
		s.end = i + len("Infinity")
		return
	default:
		s.fail("Expecting value", start)
		return
	}
	if s.is(i, '.') && s.digits(i+1) > i+1 {
		i = s.digits(i + 1)
	}
	if s.is(i, 'e') || s.is(i, 'E') {
		j := i + 1
		if s.is(j, '+') || s.is(j, '-') {
			j++
		}
		if s.digits(j) > j {
			i = s.digits(j)
		}
	}
	s.end = i
}

// string reads the string whose opening quote is at begin.
func (s *pyScanner) string(begin int) {
	n := len(s.text)
	for i := begin + 1; i < n; i++ {
		c := s.text[i]
		switch {
		case c == '"':
			s.end = i + 1
			return
		case c <= 0x1f:
			s.fail("Invalid control character at", i)
			return
		case c != '\\':
			continue
		}
		if i++; i == n {
			break
		}
		if s.text[i] != 'u' {
			if strings.IndexByte(`"\/bfnrt`, s.text[i]) < 0 {
				s.fail(`Invalid \escape`, i-1)
				return
			}
			continue
		}
		// The four characters must not be the last of the text.
		if s.after(i+1, 4) >= n {
			s.fail(`Invalid \uXXXX escape`, i)
			return
		}
		unit, valid := hex4(s.text[i+1:])
		if !valid {
			s.fail(`Invalid \uXXXX escape`, i)
			return
		}
		i += 4
		if unit&0xfc00 == 0xd800 && s.after(i+1, 6) < n && s.text[i+1] == '\\' && s.text[i+2] == 'u' {
			low, valid := hex4(s.text[i+3:])
			if !valid {
				s.fail(`Invalid \uXXXX escape`, i+2)
				return
			}
			if low&0xfc00 == 0xdc00 {
				i += 6
				continue
			}
		}
		if unit&0xf800 == 0xd800 {
			s.note("Half of a surrogate pair", i-5)
		}
	}
	s.fail("Unterminated string starting at", begin)
}

// after is the offset that lies n characters after i.
func (s *pyScanner) after(i, n int) int {
	for ; n > 0 && i < len(s.text); n-- {
		_, size := utf8.DecodeRuneInString(s.text[i:])
		i += size
	}
	return i + n
}

func hex4(text string) (unit uint32, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for i := range 4 {
		c := text[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		unit = unit<<4 | uint32(c)
	}
	return unit, true
}
