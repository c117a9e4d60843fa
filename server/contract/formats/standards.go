package formats

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

var errStandard = errors.New("not of the format")

// standards are the formats of strings by the standards that OpenAPI and JSON Schema
// 2020-12 (validation, section 7.3) name for them. A nil check asks nothing.
var standards = map[string]func(string) bool{
	"date-time":             isDateTime,
	"date":                  isDate,
	"time":                  isTime,
	"duration":              isDuration,
	"email":                 isEmail,
	"idn-email":             isInternationalEmail,
	"hostname":              isHostname,
	"idn-hostname":          func(s string) bool { s, ok := asHostname(s); return ok && isHostname(s) },
	"ipv4":                  isIPv4,
	"ipv6":                  isIPv6,
	"uri":                   func(s string) bool { return uri().MatchString(s) },
	"uri-reference":         func(s string) bool { return uri().MatchString(s) || relativeReference().MatchString(s) },
	"iri":                   func(s string) bool { return uri().MatchString(asURI(s)) },
	"iri-reference":         func(s string) bool { s = asURI(s); return uri().MatchString(s) || relativeReference().MatchString(s) },
	"uri-template":          isTemplate,
	"uuid":                  func(s string) bool { return checkUUID(s) == nil },
	"json-pointer":          isPointer,
	"relative-json-pointer": isRelativePointer,
	"byte":                  isBase64,
	"base64url":             isBase64URL,
	"password":              nil,
	"binary":                nil,
}

// patternOf is a pattern that is compiled when it is first asked for: nothing is judged by
// these standards but documents of others, and all of them would take a millisecond of every start.
func patternOf(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// timePattern is full-time of RFC 3339, section 5.6: the letter may be small, and there is
// a second 60.
var timePattern = patternOf(`^([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(\.[0-9]+)?([zZ]|[-+]([01][0-9]|2[0-3]):([0-5][0-9]))$`)

// isTime reports whether a text is a time of day. A leap second is the last of a day
// in UTC (section 5.7).
func isTime(s string) bool {
	m := timePattern().FindStringSubmatch(s)
	if m == nil {
		return false
	}
	if m[3] != "60" {
		return true
	}
	number := func(text string) int { n, _ := strconv.Atoi(text); return n }
	minutes := number(m[1])*60 + number(m[2])
	if offset := number(m[6])*60 + number(m[7]); strings.HasPrefix(m[5], "-") {
		minutes += offset
	} else {
		minutes -= offset
	}
	const day = 24 * 60
	return (minutes+day)%day == day-1
}

func isDateTime(s string) bool {
	return len(s) > 11 && (s[10] == 'T' || s[10] == 't') && isDate(s[:10]) && isTime(s[11:])
}

// durationPattern is duration of RFC 3339, appendix A.
var durationPattern = patternOf(`^P([0-9]+W|([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)?(T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S))?)$`)

func isDuration(s string) bool { return len(s) > 1 && durationPattern().MatchString(s) }

// The parts of a mailbox (RFC 5321, section 4.1.2).
var (
	dotString    = patternOf("^[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*$")
	quotedString = patternOf(`^"([ !#-\[\]-~]|\\[ -~])*"$`)
)

// maxLocal is how many octets stand before the @ at most (section 4.5.3.1.1).
const maxLocal = 64

func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > maxLocal {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if !dotString().MatchString(local) && !quotedString().MatchString(local) {
		return false
	}
	if literal, ok := strings.CutPrefix(domain, "["); ok {
		literal, ok = strings.CutSuffix(literal, "]")
		six, is6 := strings.CutPrefix(literal, "IPv6:")
		return ok && (is6 && isIPv6(six) || isIPv4(literal))
	}
	return isHostname(domain)
}

var hostPattern = patternOf(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)

// maxHost is how long a name of a host is at most (RFC 1123, section 2.1).
const maxHost = 253

func isHostname(s string) bool { return len(s) <= maxHost && hostPattern().MatchString(s) }

// asHostname is a name of a host with an ASCII letter in the place of each letter, mark and
// digit beyond ASCII (RFC 5890). Which of them may stand together is not looked at.
func asHostname(s string) (string, bool) {
	ok := utf8.ValidString(s)
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
		case r == '\u3002':
			return '.'
		case unicode.In(r, unicode.L, unicode.M, unicode.N), r == '\u00b7', r == '\u30fb', r == '\u200c', r == '\u200d':
			return 'a'
		default:
			ok = false
		}
		return r
	}, s), ok
}

// isInternationalEmail reports whether a text is a mailbox of RFC 6531, which may be
// beyond ASCII on both sides of the @.
func isInternationalEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > maxLocal || !utf8.ValidString(s) {
		return false
	}
	local := strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return 'a'
		}
		return r
	}, s[:at])
	domain, ok := s[at+1:], true
	if !strings.HasPrefix(domain, "[") {
		domain, ok = asHostname(domain)
	}
	return ok && isEmail(local+"@"+domain)
}

func isIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == ""
}

// URIs by RFC 3986, appendix A.
const (
	pctEncoded  = `%[0-9A-Fa-f]{2}`
	subDelims   = `!$&'()*+,;=`
	unreserved  = `A-Za-z0-9._~-`
	pchar       = `(?:[` + subDelims + `:@` + unreserved + `]|` + pctEncoded + `)`
	segmentNC   = `(?:[` + subDelims + `@` + unreserved + `]|` + pctEncoded + `)+`
	pathAbempty = `(?:/` + pchar + `*)*`
	pathRooted  = `/(?:` + pchar + `+` + pathAbempty + `)?`
	tailPattern = `(?:\?(?:` + pchar + `|[/?])*)?(?:#(?:` + pchar + `|[/?])*)?`
	userinfo    = `(?:(?:[` + subDelims + `:` + unreserved + `]|` + pctEncoded + `)*@)?`
	regName     = `(?:[` + subDelims + unreserved + `]|` + pctEncoded + `)*`
	ipLiteral   = `\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[` + subDelims + `:` + unreserved + `]+)\]`
	authority   = `//` + userinfo + `(?:` + ipLiteral + `|` + regName + `)(?::[0-9]*)?`
)

var (
	uri               = patternOf(`^[A-Za-z][A-Za-z0-9+.-]*:(?:` + authority + pathAbempty + `|` + pathRooted + `|` + pchar + `+` + pathAbempty + `|)` + tailPattern + `$`)
	relativeReference = patternOf(`^(?:` + authority + pathAbempty + `|` + pathRooted + `|` + segmentNC + pathAbempty + `|)` + tailPattern + `$`)
)

// asURI escapes what an IRI has beyond a URI (RFC 3987, section 3.1).
func asURI(s string) string {
	if !utf8.ValidString(s) {
		return " "
	}
	var b strings.Builder
	for _, r := range s {
		if r < 0xA0 {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(string(r)) {
			b.WriteString("%" + strconv.FormatUint(uint64(c)|0x100, 16)[1:])
		}
	}
	return b.String()
}

// templatePattern is a URI template (RFC 6570, section 2).
var templatePattern = patternOf(`^(?:[^\x00-\x20"'%<>\\^` + "`" + `{|}]|%[0-9A-Fa-f]{2}|\{[+#./;?&=,!@|]?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*(?::[1-9][0-9]{0,3}|\*)?(?:,(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\.?(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2}))*(?::[1-9][0-9]{0,3}|\*)?)*\})*$`)

func isTemplate(s string) bool { return templatePattern().MatchString(s) }

// pointerPattern is a JSON pointer (RFC 6901, section 3).
var pointerPattern = patternOf(`^(?:/(?:[^/~]|~[01])*)*$`)

func isPointer(s string) bool { return pointerPattern().MatchString(s) }

func isRelativePointer(s string) bool {
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	number, rest := s, ""
	if i >= 0 {
		number, rest = s[:i], s[i:]
	}
	return number != "" && (number == "0" || number[0] != '0') && (rest == "#" || isPointer(rest))
}

func isBase64(s string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && !strings.ContainsAny(s, "\r\n")
}

func isBase64URL(s string) bool {
	_, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
	return err == nil && !strings.ContainsAny(s, "\r\n")
}
