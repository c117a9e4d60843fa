package fastapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// pyInt reports whether pydantic reads a text as an integer in lax mode.
func pyInt(s string) bool {
	s = strings.TrimFunc(s, unicode.IsSpace)
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	if whole, fraction, found := strings.Cut(s, "."); found {
		if fraction == "" || strings.Trim(fraction, "0") != "" {
			return false
		}
		s = whole
	}
	return digitGroups(s)
}

// parseInt gives the integer of a text that pyInt takes; its error is of one that has more
// than 64 bits.
func parseInt(s string) (int64, error) {
	whole, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimFunc(s, unicode.IsSpace), "_", ""), ".")
	return strconv.ParseInt(whole, 10, 64)
}

func beyond64(s string) bool {
	_, err := parseInt(s)
	return errors.Is(err, strconv.ErrRange)
}

// digitGroups accepts digits with single underscores between them.
func digitGroups(s string) bool {
	return s != "" && s[0] != '_' && s[len(s)-1] != '_' && !strings.Contains(s, "__") && strings.Trim(s, "0123456789_") == ""
}

// pyFloat reports whether pydantic reads a text as a number in lax mode.
func pyFloat(s string) bool {
	s = strings.TrimFunc(s, unicode.IsSpace)
	if strings.ContainsAny(s, "xXpP") || strings.Contains(s, "__") || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") {
		return false
	}
	_, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return err == nil || strings.Contains(err.Error(), strconv.ErrRange.Error())
}

func pyBool(s string) bool {
	switch strings.ToLower(s) {
	case "0", "1", "f", "t", "n", "y", "no", "yes", "off", "on", "false", "true":
		return true
	}
	return false
}

// pyUUID gives the words of the library that pydantic reads UUIDs with.
func pyUUID(s string) string {
	offset := 0
	switch {
	case strings.HasPrefix(s, "urn:uuid:"):
		s, offset = s[len("urn:uuid:"):], len("urn:uuid:")
	case strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") && len(s) > 1:
		s, offset = s[1:len(s)-1], 1
	}
	if s == "" {
		return "invalid length: expected length 32 for simple format, found 0"
	}
	for i, r := range s {
		if r != '-' && ((r < '0' || r > '9') && (r < 'a' || r > 'f') && (r < 'A' || r > 'F')) {
			return fmt.Sprintf("invalid character: found `%c` at %d", r, offset+i+1)
		}
	}
	groups := strings.Split(s, "-")
	switch {
	case len(groups) == 1 && len(s) != 32:
		return fmt.Sprintf("invalid length: expected length 32 for simple format, found %d", len(s))
	case len(groups) == 1:
		return ""
	case len(groups) != 5:
		return fmt.Sprintf("invalid group count: expected 5, found %d", len(groups))
	}
	for i, want := range []int{8, 4, 4, 4, 12} {
		if len(groups[i]) != want {
			return fmt.Sprintf("invalid group length in group %d: expected %d, found %d", i, want, len(groups[i]))
		}
	}
	return ""
}

// pyURL gives the words of the library that pydantic reads URLs with, for a text
// that is none.
func pyURL(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("\t\n\r", r) {
			return -1
		}
		return r
	}, strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }))
	if s == "" {
		return "input is empty"
	}
	scheme, rest, found := strings.Cut(s, ":")
	if !found || scheme == "" || !isLetter(scheme[0]) || strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" {
		return "relative URL without a base"
	}
	special := slices.Contains([]string{"http", "https", "ftp", "ws", "wss"}, strings.ToLower(scheme))
	if special {
		rest = strings.TrimLeft(rest, `/\`)
	} else {
		rest = strings.TrimPrefix(rest, "//")
	}
	host := rest
	if i := strings.IndexAny(host, `/\?#`); i >= 0 {
		host = host[:i]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	if strings.HasPrefix(host, "[") {
		return "invalid IPv6 address"
	}
	host, port, _ := strings.Cut(host, ":")
	switch n, err := strconv.Atoi(port); {
	case host == "":
		return "empty host"
	case special && strings.ContainsAny(host, " %<>^|\x7f"):
		return "invalid international domain name"
	case strings.ContainsAny(host, " <>^|\\"):
		return "invalid domain character"
	case port != "" && (err != nil || n > 65535):
		return "invalid port number"
	case strings.Trim(host, "0123456789.") == "":
		return "invalid IPv4 address"
	}
	return "invalid domain character"
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func reprs(values []any) []string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = pyRepr(value)
	}
	return names
}

// pyStr is Python's str of a JSON value.
func pyStr(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return pyRepr(v)
}

// pyRepr is Python's repr of a JSON value.
func pyRepr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return pyQuote(v)
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			return pyNumber(v.String())
		}
		f, _ := v.Float64()
		return pyFloatRepr(f, true)
	case float64:
		return pyFloatRepr(v, false)
	case []any:
		return "[" + strings.Join(reprs(v), ", ") + "]"
	case map[string]any:
		var members []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			members = append(members, pyQuote(name)+": "+pyRepr(v[name]))
		}
		return "{" + strings.Join(members, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// pyReprMember is Python's repr of a member that is a list or an object, with the members
// in it in the order of the text; "" if it is something else.
func pyReprMember(object []byte, name string) string {
	dec := jsontext.NewDecoder(bytes.NewBuffer(object))
	if _, err := dec.ReadToken(); err != nil {
		return ""
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return ""
		}
		if token.String() == name {
			if kind := dec.PeekKind(); kind != '{' && kind != '[' {
				return ""
			}
			text, err := pyReprNext(dec)
			if err != nil {
				return ""
			}
			return text
		}
		if err := dec.SkipValue(); err != nil {
			return ""
		}
	}
	return ""
}

func pyReprNext(dec *jsontext.Decoder) (string, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return "", err
	}
	kind := token.Kind()
	switch kind {
	case '"':
		return pyQuote(token.String()), nil
	case '0':
		return pyRepr(json.Number(token.String())), nil
	case 't', 'f':
		return pyRepr(kind == 't'), nil
	case '{', '[':
	default:
		return pyRepr(nil), nil
	}
	var parts []string
	for dec.PeekKind() != kind+2 { // what closes it
		part, err := pyReprNext(dec)
		if err != nil {
			return "", err
		}
		if kind == '{' {
			value, err := pyReprNext(dec)
			if err != nil {
				return "", err
			}
			part += ": " + value
		}
		parts = append(parts, part)
	}
	_, err = dec.ReadToken()
	return string(rune(kind)) + strings.Join(parts, ", ") + string(rune(kind+2)), err
}

func pyFloatRepr(f float64, point bool) string {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if abs := max(f, -f); abs >= 1e-4 && abs < 1e16 || f == 0 {
		text = strconv.FormatFloat(f, 'f', -1, 64)
		if point && !strings.Contains(text, ".") {
			text += ".0"
		}
	}
	return text
}

func pyQuote(s string) string {
	quote := byte('\'')
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f || r > 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < utf8.RuneSelf || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte(quote)
	return b.String()
}
