package sample

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/formats"
)

// textFormat is a format of strings.
type textFormat struct {
	check func(string) error
	make  func(*rand.Rand) string
	// sized makes a text of n runes if the format has one; nil where it sets the length.
	sized  func(n int) string
	rights []string
	wrongs []string
}

// textFormats are the formats that are generated and judged, each by the standard
// that OpenAPI or JSON Schema names for it. Rights and wrongs are so by every reading
// of it that is in use.
var textFormats = map[string]textFormat{
	"date": {
		check:  standard("date"),
		make:   func(r *rand.Rand) string { return instant(r).Format(time.DateOnly) },
		rights: []string{"2024-02-29", "1999-12-31"},
		wrongs: []string{"2024-13-01", "2023-02-29", "31.12.1999", "2024-1-1"},
	},
	"date-time": {
		check:  standard("date-time"),
		make:   func(r *rand.Rand) string { return instant(r).Format(time.RFC3339Nano) },
		rights: []string{"2024-02-29T23:59:59Z", "1999-12-31T00:00:00.123456+05:30"},
		wrongs: []string{"2024-02-29", "2024-02-29T24:00:00Z", "2023-02-29T00:00:00Z", "yesterday"},
	},
	"time": {
		check:  standard("time"),
		make:   func(r *rand.Rand) string { return instant(r).Format("15:04:05Z07:00") },
		rights: []string{"23:59:59Z", "00:00:00.5+02:00"},
		wrongs: []string{"24:00:00Z", "12:60:00Z", "noon"},
	},
	"uuid": {
		check: standard("uuid"),
		make: func(r *rand.Rand) string {
			high, low := r.Uint64()&^0xf000|0x4000, r.Uint64()&^(3<<62)|1<<63
			return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&0xffffffffffff)
		},
		rights: []string{"7c4e1f1a-3b52-4d8e-9f6a-0b1c2d3e4f50", "7C4E1F1A-3B52-4D8E-9F6A-0B1C2D3E4F50"},
		wrongs: []string{"not-a-uuid", "7c4e1f1a-3b52-4d8e-9f6a-0b1c2d3e4f5", "7c4e1f1a-3b52-4d8e-9f6a-0b1c2d3e4f5g"},
	},
	"email": {
		check: standard("email"),
		make: func(r *rand.Rand) string {
			return lowercase(r, 3+r.IntN(8)) + "." + lowercase(r, 3) + "@" + lowercase(r, 6) + ".example.com"
		},
		sized: func(n int) string {
			// RFC 5321 has no more than 64 octets before the @.
			local := min(max(n-12, 1), 64)
			return labels(local) + "@" + labels(n-local-1-4) + ".com"
		},
		rights: []string{"ada@example.com", "ada.lovelace+tag@mail.example.com"},
		wrongs: []string{"ada", "ada@", "@example.com", "ada lovelace@example.com"},
	},
	"uri": {
		check: standard("uri"),
		make: func(r *rand.Rand) string {
			return "https://" + lowercase(r, 6) + ".example.com/" + lowercase(r, 4) + "?" + lowercase(r, 2) + "=" + strconv.Itoa(r.IntN(100))
		},
		sized:  func(n int) string { return "http://a.example/" + strings.Repeat("a", max(n-17, 0)) },
		rights: []string{"https://example.com/a/b?c=d#e", "http://127.0.0.1:8080"},
		wrongs: []string{"example", "/relative/path", "https://exa mple.com", "://example.com"},
	},
	"ipv4": {
		check: standard("ipv4"),
		make: func(r *rand.Rand) string {
			return fmt.Sprintf("%d.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256))
		},
		rights: []string{"192.0.2.1", "255.255.255.255"},
		wrongs: []string{"256.0.0.1", "192.0.2", "2001:db8::1"},
	},
	"ipv6": {
		check: standard("ipv6"),
		make: func(r *rand.Rand) string {
			return fmt.Sprintf("2001:db8::%x:%x", 1+r.IntN(0xffff), 1+r.IntN(0xffff))
		},
		rights: []string{"2001:db8::1", "::"},
		wrongs: []string{"2001:db8:::1", "2001:db8::g", "192.0.2.1"},
	},
	"hostname": {
		check:  standard("hostname"),
		make:   func(r *rand.Rand) string { return lowercase(r, 1+r.IntN(10)) + ".example.com" },
		sized:  labels,
		rights: []string{"example.com", strings.Repeat("a", 63) + ".example.com"},
		wrongs: []string{"-example.com", "example..com", strings.Repeat("a", 64) + ".example.com"},
	},
	"byte": {
		check: standard("byte"),
		make: func(r *rand.Rand) string {
			data := make([]byte, r.IntN(20))
			for i := range data {
				data[i] = byte(r.IntN(256))
			}
			return base64.StdEncoding.EncodeToString(data)
		},
		sized:  func(n int) string { return strings.Repeat("YWJj", n/4) },
		rights: []string{"", "VW5kZXJzdHVkeQ=="},
		wrongs: []string{"not base64!", "*"},
	},
	"base64url": {
		check: standard("base64url"),
		make: func(r *rand.Rand) string {
			return base64.RawURLEncoding.EncodeToString([]byte(lowercase(r, r.IntN(20))))
		},
		sized:  func(n int) string { return strings.Repeat("YWJj", n/4) },
		rights: []string{"VW5kZXJzdHVkeQ"},
		wrongs: []string{"not base64!", "*"},
	},
	"duration": {
		check:  standard("duration"),
		make:   func(r *rand.Rand) string { return fmt.Sprintf("P%dDT%dH%dM", 1+r.IntN(30), r.IntN(24), r.IntN(60)) },
		rights: []string{"P1Y2M3DT4H5M6S", "PT1S"},
		wrongs: []string{"1 day", "P", "P1S"},
	},
	"uri-reference": {
		check:  standard("uri-reference"),
		make:   func(r *rand.Rand) string { return "/" + lowercase(r, 4) + "/" + lowercase(r, 4) },
		sized:  func(n int) string { return "/" + strings.Repeat("a", max(n-1, 0)) },
		rights: []string{"https://example.com/a?b#c", "../a"},
		wrongs: []string{"a b", "%zz"},
	},
	"idn-email": {
		check: standard("idn-email"),
		make:  func(r *rand.Rand) string { return lowercase(r, 5) + "ü@" + lowercase(r, 6) + ".example.com" },
		sized: func(n int) string {
			local := min(max(n-12, 1), 60)
			return labels(local) + "@" + labels(n-local-1-4) + ".com"
		},
		rights: []string{"ada@example.com", "ädä@bücher.example"},
		wrongs: []string{"ada", "@example.com", "ada lovelace@example.com"},
	},
	"idn-hostname": {
		check:  standard("idn-hostname"),
		make:   func(r *rand.Rand) string { return lowercase(r, 5) + "ü.example.com" },
		sized:  labels,
		rights: []string{"example.com", "bücher.example"},
		wrongs: []string{"-a.example", "a..b", "a b"},
	},
	"iri": {
		check:  standard("iri"),
		make:   func(r *rand.Rand) string { return "https://" + lowercase(r, 6) + ".example.com/" + lowercase(r, 4) },
		sized:  func(n int) string { return "http://a.example/" + strings.Repeat("a", max(n-17, 0)) },
		rights: []string{"https://example.com/a"},
		wrongs: []string{"example", "https://a/<b>"},
	},
	"iri-reference": {
		check:  standard("iri-reference"),
		make:   func(r *rand.Rand) string { return "/" + lowercase(r, 4) },
		sized:  func(n int) string { return "/" + strings.Repeat("a", max(n-1, 0)) },
		rights: []string{"../a"},
		wrongs: []string{"a b"},
	},
	"json-pointer": {
		check:  standard("json-pointer"),
		make:   func(r *rand.Rand) string { return "/" + lowercase(r, 4) + "/" + strconv.Itoa(r.IntN(10)) },
		sized:  func(n int) string { return "/" + strings.Repeat("a", max(n-1, 0)) },
		rights: []string{"/a/0", "/a~1b"},
		wrongs: []string{"a", "/~2"},
	},
	"relative-json-pointer": {
		check:  standard("relative-json-pointer"),
		make:   func(r *rand.Rand) string { return strconv.Itoa(r.IntN(5)) + "/" + lowercase(r, 4) },
		sized:  func(n int) string { return "1/" + strings.Repeat("a", max(n-2, 0)) },
		rights: []string{"0#", "1/a"},
		wrongs: []string{"/a", "-1"},
	},
	"uri-template": {
		check:  standard("uri-template"),
		make:   func(r *rand.Rand) string { return "/" + lowercase(r, 4) + "/{" + lowercase(r, 4) + "}" },
		sized:  func(n int) string { return "/" + strings.Repeat("a", max(n-1, 0)) },
		rights: []string{"/a/{b}"},
		wrongs: []string{"{", "{a b}"},
	},
}

// stringValidators are the checks of textFormats for kin-openapi.
func stringValidators() map[string]openapi3.StringFormatValidator {
	validators := map[string]openapi3.StringFormatValidator{}
	for name := range textFormats {
		validators[name] = openapi3.NewCallbackValidator(textFormats[name].check)
	}
	return validators
}

// standard is the check of a format.
func standard(name string) func(string) error {
	return func(text string) error { return formats.CheckStandard(name, text) }
}

// instant is a time between 1990 and 2050, to the millisecond.
func instant(r *rand.Rand) time.Time {
	from := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	to := time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	return time.UnixMilli(from + r.Int64N(to-from)).UTC()
}

func lowercase(r *rand.Rand, n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + r.IntN(26))
	}
	return string(text)
}

// labels is a host name of n octets, in labels of no more than 63.
func labels(n int) string {
	text := []byte(strings.Repeat("a", max(n, 0)))
	for i := 50; i < n-1; i += 51 {
		text[i] = '.'
	}
	return string(text)
}

// fits reports whether a text has low to high runes.
func fits(text string, low, high int) bool {
	n := utf8.RuneCountInString(text)
	return n >= low && n <= high
}
