package fastapi

import "testing"

// By Python 3.11: urllib.parse.quote(address, safe=":/%#?=@[]!$&'()*+,;").
func TestLocation(t *testing.T) {
	for address, want := range map[string]string{
		"http://h:1/a/?é=ü":           "http://h:1/a/?%C3%A9=%C3%BC",
		"/a/?x=%20%zz&y=[1]":          "/a/?x=%20%zz&y=[1]",
		"/a/?\"<>\\^`{|}":             "/a/?%22%3C%3E%5C%5E%60%7B%7C%7D",
		"/a/?-._~!$&'()*+,;=:@/#ZYz0": "/a/?-._~!$&'()*+,;=:@/#ZYz0",
		"/a/?\xff\x00":                "/a/?%FF%00",
	} {
		if got := Location(address); got != want {
			t.Errorf("%q: %q, not %q", address, got, want)
		}
	}
}
