package site

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// asked is an API that looks where a request that matches nothing came for.
type asked struct {
	*madeAPI

	url, urlFrom string
}

func (a *asked) Unmatched(r *http.Request, allow []string, other string) *Refusal {
	a.url, a.urlFrom = BaseURL(r), BaseURLFrom(r.Context())
	return a.madeAPI.Unmatched(r, allow, other)
}

// What addresses in an answer begin with: the public URL, else what the request came for.
func TestBaseURL(t *testing.T) {
	for _, c := range []struct{ public, host, peer, told, want string }{
		{"https://u.example/x", "h:1", "127.0.0.1:9", "http", "https://u.example/x"},
		{"", "h:1", "127.0.0.1:9", "", "http://h:1"},
		{"", "h:1", "127.0.0.1:9", "https", "https://h:1"},
		{"", "h:1", "127.0.0.1:9", "gopher", "http://h:1"},
		{"", "h:1", "192.0.2.1:9", "https", "http://h:1"},
	} {
		api := &asked{madeAPI: newMadeAPI("GET /x")}
		site, err := NewSite(Options{API: api, Limits: DefaultLimits(), PublicURL: c.public})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/none", http.NoBody)
		r.Host, r.RemoteAddr = c.host, c.peer
		r.Header.Set("X-Forwarded-Proto", c.told)
		site.ServeHTTP(httptest.NewRecorder(), r)
		if api.url != c.want || api.urlFrom != c.want {
			t.Errorf("%+v: %q and %q", c, api.url, api.urlFrom)
		}
	}
	if got := BaseURLFrom(t.Context()); got != "" {
		t.Errorf("outside of a request: %q", got)
	}
}
