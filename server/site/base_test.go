package site

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// What addresses in an answer begin with: the public URL, else what the request came for.
func TestBaseURL(t *testing.T) {
	for _, c := range []struct{ public, host, peer, told, want string }{
		{"https://u.example/x", "h:1", "127.0.0.1:9", "http", "https://u.example/x"},
		{"", "h:1", "127.0.0.1:9", "", "http://h:1"},
		{"", "h:1", "127.0.0.1:9", "https", "https://h:1"},
		{"", "h:1", "127.0.0.1:9", "gopher", "http://h:1"},
		{"", "h:1", "192.0.2.1:9", "https", "http://h:1"},
	} {
		api := newMadeAPI("GET /x")
		var got, from string
		site, err := NewSite(Options{API: api, Limits: DefaultLimits(), PublicURL: c.public, Record: func(*Exchange) {}})
		if err != nil {
			t.Fatal(err)
		}
		inner := site.routes.NotFoundHandler
		site.routes.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, from = BaseURL(r), BaseURLFrom(r.Context())
			inner.ServeHTTP(w, r)
		})
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/none", http.NoBody)
		r.Host, r.RemoteAddr = c.host, c.peer
		r.Header.Set("X-Forwarded-Proto", c.told)
		site.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want || from != c.want {
			t.Errorf("%+v: %q and %q", c, got, from)
		}
	}
	if got := BaseURLFrom(t.Context()); got != "" {
		t.Errorf("outside of a request: %q", got)
	}
}
