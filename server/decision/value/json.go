package value

import "unicode/utf8"

// AppendJSON appends the value as JSON, members in their order, dates and
// intervals as strings. A number is printed without trailing zeros; with more
// than 15 significant digits as the nearest binary floating point number, which
// is what clients of the service see. What is not UTF-8 in strings is replaced
// by U+FFFD.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case KindBool:
		if v.lo != 0 {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case KindNumber:
		return v.AsNumber().appendJSON(dst)
	case KindString:
		return appendQuoted(dst, v.AsString())
	case KindArray:
		dst = append(dst, '[')
		for i, item := range v.AsArray() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.AppendJSON(dst)
		}
		return append(dst, ']')
	case KindObject:
		dst = append(dst, '{')
		members := v.AsObject().members
		for i := range members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendQuoted(dst, members[i].key)
			dst = append(dst, ':')
			dst = members[i].value.AppendJSON(dst)
		}
		return append(dst, '}')
	case KindDate:
		dst = append(dst, '"')
		dst = v.AsDate().Append(dst)
		return append(dst, '"')
	case KindInterval:
		return appendQuoted(dst, v.AsInterval().String())
	default:
		return append(dst, "null"...)
	}
}

// MarshalJSON returns the value as [Value.AppendJSON] has it.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// UnmarshalJSON reads the value as [Parse] does.
func (v *Value) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

// String returns the value as templates of several parts show it: a string as it
// is, a number with its decimal places, what is composed nearly like JSON, its
// strings between quotation marks but without escapes, its dates without any.
func (v Value) String() string {
	if v.kind == KindString {
		return v.AsString()
	}
	return string(v.appendText(nil))
}

func (v Value) appendText(dst []byte) []byte {
	switch v.kind {
	case KindString:
		return append(dst, v.AsString()...)
	case KindNumber:
		return v.AsNumber().Append(dst)
	case KindDate:
		return v.AsDate().Append(dst)
	case KindInterval:
		return append(dst, v.AsInterval().String()...)
	case KindArray:
		dst = append(dst, '[')
		for i, item := range v.AsArray() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendInner(dst)
		}
		return append(dst, ']')
	case KindObject:
		dst = append(dst, '{')
		for i := range v.AsObject().members {
			if i > 0 {
				dst = append(dst, ',')
			}
			m := &v.AsObject().members[i]
			dst = append(append(append(dst, '"'), m.key...), `":`...)
			dst = m.value.appendInner(dst)
		}
		return append(dst, '}')
	default:
		return v.AppendJSON(dst)
	}
}

// appendInner is appendText within an array or object.
func (v Value) appendInner(dst []byte) []byte {
	if v.kind == KindString {
		return append(v.appendText(append(dst, '"')), '"')
	}
	return v.appendText(dst)
}

const hexDigits = "0123456789abcdef"

// plain has the bytes that stand for themselves in a string of JSON.
var plain = func() (t [256]bool) {
	for b := ' '; b < utf8.RuneSelf; b++ {
		t[b] = b != '"' && b != '\\'
	}
	return t
}()

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if plain[b] {
			i++
			continue
		}
		if b >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, s[start:i]...)
				dst = utf8.AppendRune(dst, utf8.RuneError)
				start = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
