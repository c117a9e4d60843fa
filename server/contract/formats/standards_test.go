package formats

import (
	"strings"
	"testing"
)

// Formats by their standards.
func TestStandards(t *testing.T) {
	long := strings.Repeat("a", 64)
	for format, c := range map[string]struct{ right, wrong []string }{
		"date-time": {
			[]string{"2016-12-31T23:59:60Z", "2024-01-01t00:00:00z", "2016-12-31T15:59:60-08:00", "2017-01-01T05:29:60.5+05:30", "2024-02-29T00:00:00.123456789012Z"},
			[]string{"2016-12-31T22:59:60Z", "2023-02-29T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "2024-01-01T24:00:00Z", "2024-01-01T00:00Z", "2024-01-01T00:00:00,5Z", "2024-1-1T00:00:00Z", "٢024-01-01T00:00:00Z"},
		},
		"time":     {[]string{"23:59:60Z", "00:00:00z", "12:30:45.5+02:00"}, []string{"12:30", "12:30:45", "23:58:60Z", "24:00:00Z", "12:30:45+24:00"}},
		"duration": {[]string{"P1D", "PT1S", "P1Y2M3DT4H5M6S", "P4W", "PT36H"}, []string{"P", "PT", "1D", "P1S", "P1Y2D3M", "P-1D", "P1W2D", "PT1D", "P1Y1D"}},
		"uri": {
			[]string{"a:", "a://", "urn:x:y", "urn:?", "https://example.com/a?b#c", "http://u:p@[::1]:80/", "file:///x", "mailto:a@b.c", "http://a/%20", "x:/", "http://a:99999", "http://a//b", "data:,a%7C"},
			[]string{"", "a", "/a", "//a", "1a:b", "https://example.com/a b", "https://a/<x>", "https://a/{x}", "https://a/a|b", "https://a/ä", `https://a/"`, "https://a/[x]", "https://user:pa@ss@host/", "https://a/%zz", "https://a/%2", "https://a:b/", "a^b:c", `a:\\`, "http://[::1", "http://a#b#c"},
		},
		"uri-reference":         {[]string{"", "a", "/a", "//a/b", "?q", "#f", "../x", "a/b:c", "urn:x"}, []string{"a b", "%z", "<a>", "1:b|"}},
		"iri":                   {[]string{"https://a/ä", "https://例え.jp/"}, []string{"https://a/ b", "ä", "\xff:a"}},
		"email":                 {[]string{"a@b.c", `"a b"@example.com`, "a+b@example.com", "a@[192.0.2.1]", "a@[IPv6:::1]", "a@localhost"}, []string{"ä@example.com", "a@-x.com", long + "a@example.com", "a@b..c", ".a@b.c", "a.@b.c", "a..b@c.d", "a@", "@b.c", "a@[1.2.3]", "a b@c.d", "a@ä.de", "Ada <a@b.c>"}},
		"idn-email":             {[]string{"ä@example.com", "a@ü.de", "用户@例子.公司", "a@[192.0.2.1]"}, []string{"ä", "ä@", "a b@ü.de", "a@ü..de", "a@-ü.de", "\xff@a.b", "a@☃.de"}},
		"idn-hostname":          {[]string{"例え.jp", "a", "bücher.example", "例え。jp"}, []string{"", "-ü", "ü..a", "ü_a", "☃.de", "\xff"}},
		"hostname":              {[]string{"a", "a-b.c", "1.2"}, []string{"", "-a", "a-", "a..b", long + ".com", "a_b", "a.", "ä"}},
		"ipv4":                  {[]string{"0.0.0.0", "192.0.2.255"}, []string{"256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4/8", "::1"}},
		"ipv6":                  {[]string{"::", "2001:db8::1", "::ffff:1.2.3.4"}, []string{"1.2.3.4", "fe80::1%eth0", ":::", "1:2:3:4:5:6:7:8:9"}},
		"byte":                  {[]string{"", "YQ==", "YWJj"}, []string{"YQ", "Y", "YQ=", "a b=", "YW-_", "YQ==\n"}},
		"uuid":                  {[]string{"7c4e1f1a-3b52-4d8e-9f6a-0b1c2d3e4f50"}, []string{"{7c4e1f1a-3b52-4d8e-9f6a-0b1c2d3e4f50}", "7c4e"}},
		"json-pointer":          {[]string{"", "/", "/a/b~0~1"}, []string{"a", "/~", "/~2"}},
		"relative-json-pointer": {[]string{"0", "1#", "2/a"}, []string{"", "01", "#", "-1", "1a"}},
		"uri-template":          {[]string{"", "http://a/{b}", "{?a,b*}", "{+p:3}"}, []string{"{", "{a", "}", "{a b}", "{a:0}"}},
		"date":                  {[]string{"2024-02-29"}, []string{"2023-02-29", "24-01-01"}},
		"password":              {[]string{""}, nil},
	} {
		if !Judged(format) {
			t.Errorf("%s is not judged", format)
		}
		for _, text := range c.right {
			if CheckStandard(format, text) != nil {
				t.Errorf("%s refuses %q", format, text)
			}
		}
		for _, text := range c.wrong {
			if CheckStandard(format, text) == nil {
				t.Errorf("%s takes %q", format, text)
			}
		}
	}
	for _, name := range Names() {
		if !Judged(name) {
			t.Errorf("%s is of served documents only", name)
		}
	}
}
