package patterns

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// The classes of ECMA-262 (sections 12.2, 12.3 and 22.2.2.9), as ranges within brackets.
const (
	ecmaSpace = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
	ecmaDigit = "0-9"
	ecmaWord  = "A-Za-z0-9_"
	ecmaEnds  = "\n\r\u2028\u2029"
)

// translation is a pattern of ECMA-262 as another engine reads it: Go's, or one that
// goes back.
type translation struct {
	in    []rune
	at    int
	out   strings.Builder
	back  bool // for the engine that goes back
	looks bool // it looks ahead or behind, or refers back: Go's cannot

	groups int            // that capture
	names  map[string]int // of groups -> their numbers
}

// count finds the groups that capture. The engine that goes back counts those with names
// after all others, so that it is given none.
func (t *translation) count() {
	t.names = map[string]int{}
	for i, class := 0, false; i < len(t.in); i++ {
		switch r := t.in[i]; {
		case r == '\\':
			i++
		case class:
			class = r != ']'
		case r == '[':
			class = true
		case r == '(' && (i+1 == len(t.in) || t.in[i+1] != '?'):
			t.groups++
		case r == '(' && i+3 < len(t.in) && t.in[i+2] == '<' && t.in[i+3] != '=' && t.in[i+3] != '!':
			t.groups++
			name, _, _ := strings.Cut(string(t.in[i+3:]), ">")
			t.names[name] = t.groups
		}
	}
}

// refer writes a reference to a group, which is empty where the group took no part.
func (t *translation) refer(number int) error {
	t.looks = true
	if number < 1 || number > t.groups {
		return errors.New("a reference to a group that there is not")
	}
	fmt.Fprintf(&t.out, `(?(%d)\%d)`, number, number)
	return nil
}

// translate writes a pattern so that an engine means by it what ECMA-262 does.
func translate(pattern string, back bool) (text string, looks bool, err error) {
	t := &translation{in: []rune(pattern), back: back}
	t.count()
	for t.at < len(t.in) {
		if err := t.next(); err != nil {
			return "", false, err
		}
	}
	return t.out.String(), t.looks, nil
}

func (t *translation) peek(ahead int) rune {
	if at := t.at + ahead; at >= 0 && at < len(t.in) {
		return t.in[at]
	}
	return -1
}

func (t *translation) has(text string) bool {
	for i, r := range []rune(text) {
		if t.peek(i) != r {
			return false
		}
	}
	return true
}

func (t *translation) next() error {
	switch r := t.in[t.at]; r {
	case '\\':
		return t.escape(false)
	case '[':
		return t.class()
	case '.':
		t.out.WriteString("[^" + ecmaEnds + "]")
		t.at++
	case '$':
		t.out.WriteString(`\z`)
		t.at++
	case '^':
		t.out.WriteString(`\A`)
		t.at++
	case '(':
		return t.group()
	default:
		t.out.WriteRune(r)
		t.at++
	}
	return nil
}

var errGroup = errors.New("a group that ECMA-262 does not have")

func (t *translation) group() error {
	switch {
	case t.has("(?=") || t.has("(?!") || t.has("(?<=") || t.has("(?<!"):
		t.looks = true
	case t.has("(?<") && t.back:
		name, rest, closed := strings.Cut(string(t.in[t.at+3:]), ">")
		if !closed || t.names[name] == 0 {
			return errGroup
		}
		t.out.WriteByte('(')
		t.at = len(t.in) - len([]rune(rest))
		return nil
	case t.has("(?:"), t.has("(?<"), !t.has("(?"):
	case t.modifiers():
	default:
		return errGroup
	}
	t.out.WriteByte('(')
	t.at++
	if t.peek(0) == '?' { // what stands behind it is no quantifier
		t.out.WriteByte('?')
		t.at++
		for t.at < len(t.in) && strings.ContainsRune(":=!<is-", t.in[t.at]) {
			r := t.in[t.at]
			t.out.WriteRune(r)
			t.at++
			if r == ':' || r == '=' || r == '!' {
				break
			}
		}
	}
	return nil
}

// modifiers reports whether flags of a group stand here, as (?i:a) has them.
func (t *translation) modifiers() bool {
	for i := 2; ; i++ {
		switch r := t.peek(i); {
		case r == ':':
			return i > 2
		case !strings.ContainsRune("is-", r) || r < 0:
			return false
		}
	}
}

// plain writes a character that stands for itself only.
func (t *translation) plain(r rune) {
	if r < 0x80 && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r > ' ' && r != '_' {
		t.out.WriteByte('\\')
	}
	t.out.WriteRune(r)
}

// complement are the ranges of all that is not in a class.
func complement(class string) string {
	var b strings.Builder
	from := rune(0)
	runes := []rune(class)
	var ends [][2]rune
	for i := 0; i < len(runes); i++ {
		low, high := runes[i], runes[i]
		if i+2 < len(runes) && runes[i+1] == '-' {
			high = runes[i+2]
			i += 2
		}
		ends = append(ends, [2]rune{low, high})
	}
	for changed := true; changed; { // few of them
		changed = false
		for i := 1; i < len(ends); i++ {
			if ends[i][0] < ends[i-1][0] {
				ends[i], ends[i-1], changed = ends[i-1], ends[i], true
			}
		}
	}
	for _, end := range append(ends, [2]rune{unicode.MaxRune + 1, 0}) {
		if end[0] > from {
			fmt.Fprintf(&b, `%s-%s`, escaped(from), escaped(end[0]-1))
		}
		from = end[1] + 1
	}
	return b.String()
}

// escaped is a character within brackets, as both engines read it.
func escaped(r rune) string {
	switch {
	case r <= 0xFF:
		return fmt.Sprintf(`\x%02x`, r)
	case r >= 0xD800 && r <= 0xDFFF:
		return string(rune(0xD7FF)) // no text has half of a pair
	}
	return string(r)
}

// escape reads what stands behind a backslash.
func (t *translation) escape(inClass bool) error {
	r := t.peek(1)
	t.at += 2
	classes := map[rune]string{'s': ecmaSpace, 'd': ecmaDigit, 'w': ecmaWord}
	class, isClass := classes[unicode.ToLower(r)]
	switch {
	case r < 0:
		return errors.New("it ends with a backslash")
	case isClass && unicode.IsLower(r):
		t.bracket(class, inClass)
	case isClass:
		if inClass {
			t.out.WriteString(complement(class))
		} else {
			t.out.WriteString("[^" + class + "]")
		}
	case r == 'b' && inClass:
		t.out.WriteString(`\x08`)
	case r == 'b' && t.back:
		t.out.WriteString(`(?:(?<=[A-Za-z0-9_])(?![A-Za-z0-9_])|(?<![A-Za-z0-9_])(?=[A-Za-z0-9_]))`)
	case r == 'B' && t.back && !inClass:
		t.out.WriteString(`(?:(?<=[A-Za-z0-9_])(?=[A-Za-z0-9_])|(?<![A-Za-z0-9_])(?![A-Za-z0-9_]))`)
	case r == 'b', r == 'B' && !inClass, strings.ContainsRune("tnvfr", r):
		t.out.WriteString(`\` + string(r))
	case r == '0' && !unicode.IsDigit(t.peek(0)):
		t.out.WriteString(`\x00`)
	case r >= '1' && r <= '9' && !inClass && t.back:
		number := int(r - '0')
		for next := t.peek(0); next >= '0' && next <= '9' && number*10+int(next-'0') <= t.groups; next = t.peek(0) {
			number = number*10 + int(next-'0')
			t.at++
		}
		return t.refer(number)
	case r == 'k' && t.peek(0) == '<' && !inClass && t.back:
		name, rest, closed := strings.Cut(string(t.in[t.at+1:]), ">")
		if t.at = len(t.in) - len([]rune(rest)); !closed {
			return errors.New("a reference that does not end")
		}
		return t.refer(t.names[name])
	case unicode.IsDigit(r) && !inClass, r == 'k' && t.peek(0) == '<':
		t.looks = true
		t.out.WriteString(`\` + string(r))
	case r == 'c' && isLetter(t.peek(0)):
		fmt.Fprintf(&t.out, `\x%02x`, t.peek(0)%32)
		t.at++
	case r == 'x', r == 'u':
		return t.code(r)
	case r == 'p', r == 'P':
		return t.property(r, inClass)
	case isLetter(r), unicode.IsDigit(r):
		return fmt.Errorf(`\%c is no escape of ECMA-262`, r)
	default:
		t.plain(r)
	}
	return nil
}

func (t *translation) bracket(class string, inClass bool) {
	if inClass {
		t.out.WriteString(class)
	} else {
		t.out.WriteString("[" + class + "]")
	}
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// code reads a character by its number: \x41, \u0041, \u{41}, and pairs of surrogates.
func (t *translation) code(kind rune) error {
	digits := 2
	if kind == 'u' {
		digits = 4
	}
	r, ok := t.hex(digits)
	if !ok && kind == 'u' && t.peek(0) == '{' {
		end := t.at
		for end < len(t.in) && t.in[end] != '}' {
			end++
		}
		n, err := strconv.ParseUint(string(t.in[t.at+1:min(end, len(t.in))]), 16, 21)
		if err != nil || n > unicode.MaxRune {
			return errors.New(`\u{...} wants a number of Unicode`)
		}
		t.at, r, ok = end+1, rune(n), true
	}
	if !ok {
		return fmt.Errorf(`\%c wants %d hexadecimal digits`, kind, digits)
	}
	if utf16.IsSurrogate(r) && t.has(`\u`) {
		t.at += 2
		if low, isHex := t.hex(4); isHex {
			r = utf16.DecodeRune(r, low)
		}
	}
	if utf16.IsSurrogate(r) {
		r = 0xFFFF // no text has half of a pair
	}
	t.plain(r)
	return nil
}

func (t *translation) hex(digits int) (rune, bool) {
	if t.at+digits > len(t.in) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(t.in[t.at:t.at+digits]), 16, 32)
	if err != nil {
		return 0, false
	}
	t.at += digits
	return rune(n), true
}

// longCategories are the long names of the general categories of Unicode.
var longCategories = map[string]string{
	"Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt", "Modifier_Letter": "Lm", "Other_Letter": "Lo",
	"Mark": "M", "Nonspacing_Mark": "Mn", "Spacing_Mark": "Mc", "Enclosing_Mark": "Me",
	"Number": "N", "Decimal_Number": "Nd", "Letter_Number": "Nl", "Other_Number": "No", "digit": "Nd",
	"Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd", "Open_Punctuation": "Ps", "Close_Punctuation": "Pe",
	"Initial_Punctuation": "Pi", "Final_Punctuation": "Pf", "Other_Punctuation": "Po",
	"Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk", "Other_Symbol": "So",
	"Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl", "Paragraph_Separator": "Zp",
	"Other": "C", "Control": "Cc", "Format": "Cf", "Private_Use": "Co",
}

// property reads \p{...}: a general category or a script, which both engines know by
// their short names.
func (t *translation) property(kind rune, inClass bool) error {
	end := t.at
	for end < len(t.in) && t.in[end] != '}' {
		end++
	}
	if t.peek(0) != '{' || end == len(t.in) {
		return fmt.Errorf(`\%c wants a name in braces`, kind)
	}
	name := string(t.in[t.at+1 : end])
	t.at = end + 1
	key, value, isPair := strings.Cut(name, "=")
	if isPair {
		switch key {
		case "gc", "General_Category", "sc", "Script":
			name = value
		default:
			return fmt.Errorf(`\p{%s=...} is not known`, key)
		}
	}
	if short := longCategories[name]; short != "" {
		name = short
	}
	switch {
	case name == "ASCII" && kind == 'p':
		t.bracket(`\x00-\x7f`, inClass)
		return nil
	case name == "Any" && kind == 'p':
		t.bracket(`\x00-`+string(unicode.MaxRune), inClass)
		return nil
	case unicode.Categories[name] == nil && unicode.Scripts[name] == nil:
		return fmt.Errorf(`\p{%s} is not known`, name)
	case t.back && unicode.Scripts[name] != nil:
		return fmt.Errorf(`\p{%s} is not known beside a look ahead or behind`, name)
	}
	fmt.Fprintf(&t.out, `\%c{%s}`, kind, name)
	return nil
}

// class reads a class in brackets.
func (t *translation) class() error {
	switch {
	case t.has("[^]"):
		t.out.WriteString(`(?s:.)`)
		t.at += 3
		return nil
	case t.has("[]"):
		t.out.WriteString(`[^\x00-` + string(unicode.MaxRune) + `]`)
		t.at += 2
		return nil
	}
	t.out.WriteByte('[')
	t.at++
	if t.peek(0) == '^' {
		t.out.WriteByte('^')
		t.at++
	}
	for t.at < len(t.in) {
		switch r := t.in[t.at]; r {
		case ']':
			t.out.WriteByte(']')
			t.at++
			return nil
		case '\\':
			if err := t.escape(true); err != nil {
				return err
			}
			continue
		case '-':
			t.out.WriteString(t.hyphen())
		case '[', '&', '~':
			t.out.WriteString(`\` + string(r))
		default:
			t.out.WriteRune(r)
		}
		t.at++
	}
	return errors.New("a class has no end")
}

// hyphen is one within a class: between two characters it makes a range, and elsewhere,
// as beside \s or at an end, it stands for itself.
func (t *translation) hyphen() string {
	before, after := t.peek(-1), t.peek(1)
	isClass := func(r rune) bool { return strings.ContainsRune("sSdDwW", r) && r > 0 }
	switch {
	case before == '[' && t.peek(-2) != '\\', before == '^', after == ']',
		isClass(before) && t.peek(-2) == '\\', before == '}' && t.closesProperty(), after == '\\' && isClass(t.peek(2)):
		return `\-`
	}
	return "-"
}

// closesProperty reports whether the brace before here ends \p{...}.
func (t *translation) closesProperty() bool {
	for i := t.at - 1; i > 1; i-- {
		if t.in[i] == '{' {
			return (t.in[i-1] == 'p' || t.in[i-1] == 'P') && t.in[i-2] == '\\'
		}
	}
	return false
}
