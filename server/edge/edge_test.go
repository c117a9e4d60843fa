package edge

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHosts(t *testing.T) {
	tcp := func(ip string) *net.TCPAddr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 8080} }
	for _, c := range []struct {
		names, listen, public string
		own, strangers        []string
	}{
		{"", "127.0.0.1", "", []string{
			"", "127.0.0.1:8080", "127.0.0.1", "127.0.0.1:9", "localhost", "LOCALHOST:8080", "localhost.", "a.localhost:8080", "a.b.localhost", "[::1]:8080", "[::ffff:127.0.0.1]:8080",
		}, []string{
			"rebind.example", "rebind.example:8080", "localhost.rebind.example", "notlocalhost", "localhost:x", "localhost:8080.evil.example", "127.0.0.1.evil.example", "127.0.0.2:8080",
			"10.0.0.7:8080", "0.0.0.0:8080", "[::]:8080", "2130706433", "0x7f.1", "127.1", "[::1", "::1:8080:", "h", "*", "evil.example#.localhost ", "[::1]evil.example",
		}},
		{"", "::", "", []string{"192.0.2.7:8080", "127.0.0.1:8080", "localhost"}, []string{"192.0.2.8:8080", "0.0.0.0", "[::]"}},
		{"", "10.0.0.7", "", []string{"10.0.0.7:8080", "10.0.0.7", "localhost", "127.0.0.1"}, []string{"10.0.0.8", "192.0.2.7"}},
		{"understudy, *.Example.com ci-*.internal 10.1.2.3 [2001:db8::1]", "0.0.0.0", "https://public.example:444/x", []string{
			"understudy:8080", "UNDERSTUDY", "a.example.com", "a.b.example.com:1", "ci-7.internal", "ci-.internal", "10.1.2.3:80", "[2001:db8::1]:8080", "public.example", "192.0.2.7",
		}, []string{"example.com", "aexample.com", "xunderstudy", "ci-7.a.internal", "7.internal", "10.1.2.4", "a.public.example", "example.com.evil"}},
		{"*", "127.0.0.1", "", []string{"anything.example", "[::", ""}, nil},
		{"a*b*c.x", "127.0.0.1", "", []string{"abc.x", "a1b2c.x", "abbc.x"}, []string{"ac.x", "ab.x", "acb.x"}},
	} {
		hosts, bad := ParseHosts(c.names)
		if bad != "" {
			t.Fatalf("%q", bad)
		}
		hosts.Listen(tcp(c.listen))
		if c.public != "" {
			hosts.Add("public.example:444")
		}
		for own, names := range map[bool][]string{true: c.own, false: c.strangers} {
			for _, name := range names {
				r := (&http.Request{Host: name}).WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(tcp("192.0.2.7"))))
				if got := hosts.Has(r); got != own {
					t.Errorf("%q on %s: %q is %v", c.names, c.listen, name, got)
				}
			}
		}
	}
	for _, name := range []string{"a..b", "http://a", "a:80", "a/b", "é.example", ".a", "a."} {
		if _, bad := ParseHosts("ok " + name); bad != name {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestForeign(t *testing.T) {
	for _, c := range []struct {
		origin, site, public string
		allowed              []string
		foreign              bool
	}{
		{"", "", "", nil, false},
		{"", "none", "", nil, false},
		{"http://127.0.0.1:8080", "same-origin", "", nil, false},
		{"HTTP://127.0.0.1:8080", "", "", nil, true}, // no browser writes it so
		{"https://u.example", "", "https://u.example/x", nil, false},
		{"http://u.example", "", "https://u.example/x", nil, true},
		{"null", "", "", []string{"*"}, true},
		{"http://localhost:3000", "same-site", "", nil, true},
		{"http://localhost:3000", "same-site", "", []string{"http://localhost:3000"}, false},
		{"http://evil.example", "cross-site", "", []string{"*", "http://localhost:3000"}, true},
		{"", "cross-site", "", []string{"*", "http://localhost:3000"}, true},
		{"", "same-site", "", nil, true},
		{"", "anything", "", nil, true},
		{"http://127.0.0.1:8080.evil.example", "", "", nil, true},
		{"http://127.0.0.1", "", "", nil, true},
		{"file://127.0.0.1:8080", "", "", nil, true},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/_understudy/version", http.NoBody)
		r.Host = "127.0.0.1:8080"
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if got := Foreign(r, c.public, c.allowed); (got != "") != c.foreign {
			t.Errorf("%+v: %q", c, got)
		}
	}
	for _, other := range []string{"http://evil.example", ""} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", http.NoBody)
		r.Header["Origin"] = []string{"http://" + r.Host, other}
		if Foreign(r, "", nil) == "" {
			t.Errorf("the second origin %q is not looked at", other)
		}
	}
}
