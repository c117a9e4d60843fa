package zen

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// write writes a set as a class of its own, case settled already.
func (t *translator) write(set runeSet) {
	t.cost += len(set)
	if t.narrow {
		set = set.ascii()
	}
	if len(set) == 0 {
		t.add(`[^\x{0}-\x{10FFFF}]`)
		return
	}
	t.add("(?-i:[")
	for _, r := range set {
		t.character(r.low)
		if r.high > r.low {
			t.add("-")
			t.character(r.high)
		}
	}
	t.add("])")
}

func (t *translator) character(c rune) {
	t.add(`\x{`)
	t.out = strconv.AppendInt(t.out, int64(c), 16)
	t.add("}")
}

// escaped reads an escape that stands for a character or a set.
func (t *translator) escaped(set *flags) (rune, runeSet, error) {
	t.at++
	c, size := t.peek()
	t.at += size
	pick := func(unicode func() runeSet, ascii runeSet, negated bool) (rune, runeSet, error) {
		s := ascii
		if !set.ascii {
			s = unicode()
		}
		if negated {
			s = s.negate()
		}
		return 0, s, nil
	}
	switch c {
	case 'd', 'D':
		return pick(digitSet, asciiDigits, c == 'D')
	case 's', 'S':
		return pick(spaceSet, asciiSpaces, c == 'S')
	case 'w', 'W':
		return pick(wordSet, asciiWords, c == 'W')
	case 'p', 'P':
		s, err := t.property()
		if err == nil && set.fold {
			s = s.fold()
		}
		if err == nil && c == 'P' {
			s = s.negate()
		}
		return 0, s, err
	case 'a':
		return '\a', nil, nil
	case 'f':
		return '\f', nil, nil
	case 't':
		return '\t', nil, nil
	case 'n':
		return '\n', nil, nil
	case 'r':
		return '\r', nil, nil
	case 'v':
		return '\v', nil, nil
	case 'x':
		r, err := t.hex(2)
		return r, nil, err
	case 'u':
		r, err := t.hex(4)
		return r, nil, err
	case 'U':
		r, err := t.hex(8)
		return r, nil, err
	}
	isLetter := c|0x20 >= 'a' && c|0x20 <= 'z'
	if c < 0 || c >= utf8.RuneSelf || isLetter || c >= '0' && c <= '9' || c == '<' || c == '>' {
		return 0, nil, errUnsupported
	}
	return c, nil, nil
}

// hex reads a number of digits, or any number of them in braces.
func (t *translator) hex(digits int) (rune, error) {
	text := t.in[t.at:]
	skip := 0
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		end := strings.IndexByte(inner, '}')
		if end < 0 {
			return 0, errUnsupported
		}
		text, skip = inner[:end], end+2
	} else if len(text) >= digits {
		text, skip = text[:digits], digits
	}
	n, err := strconv.ParseUint(text, 16, 32)
	if err != nil || skip == 0 || n > lastRune || n >= 0xD800 && n < 0xE000 {
		return 0, errUnsupported
	}
	t.at += skip
	return rune(n), nil
}

// property reads what follows \p: one letter, or a name in braces.
func (t *translator) property() (runeSet, error) {
	text := t.in[t.at:]
	name, skip := "", 0
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		end := strings.IndexByte(inner, '}')
		if end < 0 {
			return nil, errUnsupported
		}
		name, skip = inner[:end], end+2
	} else if text != "" && text[0] < utf8.RuneSelf {
		name, skip = text[:1], 1
	}
	set, ok := property(name)
	if !ok {
		return nil, errUnsupported
	}
	t.at += skip
	return set, nil
}

// class reads a class in brackets, with the classes and operations in it.
func (t *translator) class(set *flags) (runeSet, error) {
	if t.depth++; t.depth > maxGroups {
		return nil, errUnsupported
	}
	defer func() { t.depth-- }()
	t.at++
	t.skip(set)
	negated := false
	if c, size := t.peek(); c == '^' {
		negated = true
		t.at += size
		t.skip(set)
	}
	var union, left runeSet
	op := ""
	first := true
	for strings.HasPrefix(t.in[t.at:], "-") {
		t.at++
		union, first = append(union, runeRange{'-', '-'}), false
		t.skip(set)
	}
	for ; ; first = false {
		t.skip(set)
		c, _ := t.peek()
		if c < 0 {
			return nil, errUnsupported
		}
		if c == ']' && !first {
			t.at++
			left = operate(left, op, union.normal())
			if negated {
				left = left.negate()
			}
			return left, nil
		}
		if next := t.operation(); next != "" {
			left = operate(left, op, union.normal())
			union, op = nil, next
			t.at += 2
			continue
		}
		item, err := t.item(set)
		if err != nil {
			return nil, err
		}
		union = append(union, item...)
	}
}

// operation returns the set operation at this place, if any.
func (t *translator) operation() string {
	for _, op := range []string{"&&", "--", "~~"} {
		if strings.HasPrefix(t.in[t.at:], op) {
			return op
		}
	}
	return ""
}

func operate(left runeSet, op string, right runeSet) runeSet {
	switch op {
	case "&&":
		return left.intersect(right)
	case "--":
		return left.minus(right)
	case "~~":
		return left.either(right)
	default:
		return right
	}
}

// item reads a class, a POSIX class, an escape, a character or a range.
func (t *translator) item(set *flags) (runeSet, error) {
	if c, _ := t.peek(); c == '[' {
		if s, ok := t.posix(); ok {
			if set.fold {
				s = s.fold()
			}
			return s, nil
		}
		return t.class(set)
	}
	low, s, err := t.member(set)
	if err != nil {
		return nil, err
	}
	r := runeRange{low, low}
	t.skip(set)
	if rest := t.in[t.at:]; strings.HasPrefix(rest, "-") && !strings.HasPrefix(rest, "--") {
		from := t.at
		t.at++
		t.skip(set)
		if c, _ := t.peek(); c == ']' || c < 0 {
			t.at = from // a hyphen at the end is one
		} else {
			high, end, err := t.member(set)
			if err != nil || s != nil || end != nil || high < low {
				return nil, errUnsupported
			}
			r.high = high
		}
	}
	if s != nil {
		return s, nil
	}
	if set.fold {
		return runeSet{r}.fold(), nil
	}
	return runeSet{r}, nil
}

// member reads a character or an escape of a class.
func (t *translator) member(set *flags) (rune, runeSet, error) {
	c, size := t.peek()
	if c == '\\' {
		return t.escaped(set)
	}
	if c < 0 {
		return 0, nil, errUnsupported
	}
	t.at += size
	return c, nil, nil
}

// posix reads [:name:] and [:^name:].
func (t *translator) posix() (runeSet, bool) {
	inner, ok := strings.CutPrefix(t.in[t.at:], "[:")
	if !ok {
		return nil, false
	}
	name, _, ok := strings.Cut(inner, ":]")
	if !ok {
		return nil, false
	}
	plain := strings.TrimPrefix(name, "^")
	set, ok := posixSets[plain]
	if !ok {
		return nil, false
	}
	t.at += len(name) + 4
	if plain != name {
		set = set.negate()
	}
	return set, true
}
