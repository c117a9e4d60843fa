package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes a text safe to show: one line of valid UTF-8 whose characters are
// all to be seen. What would steer a terminal or turn the direction of the text is
// shown as its escape.
func clean(s string) string {
	if visible(s) {
		return s
	}
	return escaped(s, hidden)
}

// visible reports whether a text is of visible ASCII alone, as nearly all are.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Clean makes a text of a client's or a server's safe to show on a terminal: one line of
// valid UTF-8, in which what would steer the terminal or turn the direction of the text
// is shown as its escape.
func Clean(s string) string { return clean(s) }

// ascii is clean, and leaves nothing beyond ASCII.
func ascii(s string) string {
	return escaped(s, func(r rune) bool { return r > unicode.MaxASCII || hidden(r) })
}

func escaped(s string, escape func(rune) bool) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexFunc(s, escape) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !escape(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// hidden reports whether a character acts instead of being shown. Joiners are part
// of ordinary words and emoji.
func hidden(r rune) bool {
	switch {
	case r == 0x200C || r == 0x200D:
		return false
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == 0x2028 || r == 0x2029:
		return true
	}
	return false
}

// wide are the characters that take two columns of a terminal.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115F, 1},
		{0x231A, 0x231B, 1},
		{0x23E9, 0x23EC, 1},
		{0x25FD, 0x25FE, 1},
		{0x2614, 0x2615, 1},
		{0x26A1, 0x26A1, 1},
		{0x2705, 0x2705, 1},
		{0x274C, 0x274C, 1},
		{0x2753, 0x2755, 1},
		{0x2795, 0x2797, 1},
		{0x2B1B, 0x2B1C, 1},
		{0x2B50, 0x2B50, 1},
		{0x2E80, 0x303E, 1},
		{0x3041, 0x33FF, 1},
		{0x3400, 0x4DBF, 1},
		{0x4E00, 0x9FFF, 1},
		{0xA000, 0xA4CF, 1},
		{0xA960, 0xA97F, 1},
		{0xAC00, 0xD7A3, 1},
		{0xF900, 0xFAFF, 1},
		{0xFE30, 0xFE6F, 1},
		{0xFF00, 0xFF60, 1},
		{0xFFE0, 0xFFE6, 1},
	},
	R32: []unicode.Range32{
		{0x16FE0, 0x18AFF, 1},
		{0x1B000, 0x1B2FF, 1},
		{0x1F004, 0x1F004, 1},
		{0x1F18E, 0x1F19A, 1},
		{0x1F200, 0x1F265, 1},
		{0x1F300, 0x1F64F, 1},
		{0x1F680, 0x1F6FF, 1},
		{0x1F7E0, 0x1F7EB, 1},
		{0x1F900, 0x1FAFF, 1},
		{0x20000, 0x3FFFD, 1},
	},
}

// columns is how many columns of a terminal a text takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r == 0x200C || r == 0x200D || unicode.In(r, unicode.Mn, unicode.Me):
		case r > unicode.MaxASCII && unicode.Is(wide, r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// cut shortens a text to so many columns.
func cut(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	end, used := 0, 0
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		used += columns(string(r))
		if used > n-3 {
			break
		}
		end += size
	}
	return s[:end] + "..."
}

// pad fills a text up to so many columns.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-columns(s))) }

// wrap breaks a text into lines of at most so many columns, at its spaces. A word
// that is longer stands on a line of its own.
func wrap(s string, n int) []string {
	var lines []string
	line, used := "", 0
	for word := range strings.FieldsSeq(s) {
		width := columns(word)
		if used > 0 && used+1+width > n {
			lines = append(lines, line)
			line, used = "", 0
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+width
	}
	if used > 0 {
		lines = append(lines, line)
	}
	return lines
}
