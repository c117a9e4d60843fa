package app

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/edge"
)

// asked sends a request to an App without a connection.
func (a *App) asked(method, target, from string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, http.NoBody)
	r.Host, r.RemoteAddr = "127.0.0.1:8080", from
	for name, values := range header {
		switch name {
		case "Content-Type":
		case "Host":
			r.Host = values[0]
		default:
			r.Header[name] = values
		}
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func with(header http.Header, pairs ...string) http.Header {
	for i := 0; i < len(pairs); i += 2 {
		header.Set(pairs[i], pairs[i+1])
	}
	return header
}

// All workspaces are for who has the administrator's secret, wherever they are: an
// address is no proof of anything. What is done and what is refused is one line of the
// log each.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		token, from string
		header      http.Header
		status      int
	}{
		{"", "127.0.0.1:5", bearer("s"), 403},
		{"", "[::1]:5", key("s"), 403},
		{"", "127.0.0.1:5", nil, 401},
		{"", "127.0.0.1:5", bearer(""), 401},
		{boss, "127.0.0.1:5", bearer("s"), 403},
		{boss, "127.0.0.1:5", key(boss), 403},
		{boss, "127.0.0.1:5", bearer(boss + "x"), 403},
		{boss, "127.0.0.1:5", bearer(strings.ToUpper(boss)), 403},
		{boss, "192.0.2.1:5", bearer(boss), 200},
		{boss, "192.0.2.1:5", with(bearer(boss), "X-Forwarded-For", "127.0.0.1"), 200},
		{boss, "127.0.0.1:5", with(bearer("s"), "X-Forwarded-For", "127.0.0.1"), 403},
	} {
		var logged bytes.Buffer
		a, err := New(t.Context(), Options{AdminToken: c.token, Logger: slog.New(slog.NewJSONHandler(&logged, nil))})
		if err != nil {
			t.Fatal(err)
		}
		acts := []struct{ method, path string }{
			{"GET", "/exchanges"},
			{"GET", "/violations"},
			{"GET", "/coverage"},
			{"GET", "/report"},
			{"GET", "/faults"},
			{"DELETE", "/faults"},
			{"DELETE", "/exchanges"},
		}
		for _, act := range acts {
			wanted := c.status
			if wanted == 200 && act.method == "DELETE" {
				wanted = 204
			}
			if got := a.asked(act.method, "/_understudy"+act.path+"?workspace=all", c.from, c.header); got.Code != wanted {
				t.Errorf("token %q, from %s, %v: %s %d, want %d", c.token, c.from, c.header, act.path, got.Code, wanted)
			}
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		lines := strings.Count(logged.String(), "all workspaces")
		if want := map[int]int{401: 0}; c.status != 401 && lines != len(acts) || c.status == 401 && lines != want[401] {
			t.Errorf("%d acts, %d lines of the log:\n%s", len(acts), lines, logged.String())
		}
		if c.status != 401 && !strings.Contains(logged.String(), `"operation":"clearEvidence"`) && !strings.Contains(logged.String(), `"address":"`+c.from+`"`) {
			t.Errorf("the log does not say who did what:\n%s", logged.String())
		}
		if strings.Contains(logged.String(), boss) {
			t.Error("the log has the secret")
		}
	}
}

// A server answers to its own names only, in the words of the API that was meant, and
// the control API to no page but its own and those let in by name.
func TestStrangers(t *testing.T) {
	t.Parallel()
	hosts, _ := edge.ParseHosts("understudy")
	var logged bytes.Buffer
	a, err := New(t.Context(), Options{
		AdminToken: boss, Hosts: hosts, CORS: []string{"*", "http://localhost:3000"}, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	const control, evil = "/_understudy/report?workspace=all", "http://evil.example"
	for _, c := range []struct {
		method, target string
		header         http.Header
		status         int
		body           string
	}{
		{"GET", control, bearer(boss), 200, ""},
		{"GET", "/api/projects", with(bearer("s"), "Host", "understudy:8080"), 200, ""},
		{"GET", "/api/projects", with(bearer("s"), "Host", "rebind.example"), 421, `{"statusCode":421,"error":"Misdirected Request","message":"This server does not answer to the name \"rebind.example\": if it is its own, start it with --host"}`},
		{"GET", "/api/v1/lineage/bi/", with(key("s"), "Host", "rebind.example"), 421, `{"detail":"This server`},
		{"GET", control, with(bearer(boss), "Host", "rebind.example", "Origin", "http://rebind.example"), 421, `{"type":"about:blank","title":"Misdirected Request","status":421`},
		{"OPTIONS", "/api/projects", with(bearer("s"), "Host", "rebind.example", "Origin", "http://rebind.example", "Access-Control-Request-Method", "GET"), 421, ""},
		{"GET", "/_understudy/health/live", with(http.Header{}, "Host", "rebind.example"), 421, ""},
		{"GET", "http://rebind.example/api/projects", with(bearer("s"), "Host", "rebind.example"), 421, ""},
		// The control API and pages.
		{"GET", control, with(bearer(boss), "Origin", evil), 403, `{"type":"about:blank","title":"Forbidden","status":403`},
		{"GET", control, with(bearer(boss), "Origin", "null"), 403, ""},
		{"GET", control, with(bearer(boss), "Sec-Fetch-Site", "cross-site"), 403, ""},
		{"GET", control, with(bearer(boss), "Sec-Fetch-Site", "same-site"), 403, ""},
		{"GET", "/_understudy/health/live", with(http.Header{}, "Sec-Fetch-Site", "cross-site"), 403, ""},
		{"OPTIONS", "/_understudy/exchanges", with(http.Header{}, "Origin", evil, "Access-Control-Request-Method", "DELETE", "Access-Control-Request-Headers", "authorization"), 403, ""},
		{"GET", control, with(bearer(boss), "Origin", "http://127.0.0.1:8080", "Sec-Fetch-Site", "same-origin"), 200, ""},
		{"GET", control, with(bearer(boss), "Sec-Fetch-Site", "none"), 200, ""},
		{"GET", control, with(bearer(boss), "Origin", "http://localhost:3000", "Sec-Fetch-Site", "same-site"), 200, ""},
		// The APIs are called by pages that --cors lets in.
		{"GET", "/api/projects", with(bearer("s"), "Origin", evil, "Sec-Fetch-Site", "cross-site"), 200, ""},
		// An escaped path does not pass who compares it with the prefix.
		{"GET", "/%5Funderstudy/report", bearer("s"), 404, `{"type":"about:blank","title":"Not Found"`},
		{"GET", "/_understudy%2Freport", bearer("s"), 404, ""},
		{"GET", "/_underst%75dy/report", bearer("s"), 404, ""},
		{"GET", "/%5Funderstudy", bearer("s"), 404, ""},
	} {
		got := a.asked(c.method, c.target, "127.0.0.1:5", c.header)
		if got.Code != c.status || !strings.HasPrefix(got.Body.String(), c.body) {
			t.Errorf("%s %s %v: %d %s, want %d %s", c.method, c.target, c.header, got.Code, got.Body, c.status, c.body)
		}
		allowed := got.Header().Get("Access-Control-Allow-Origin")
		if c.status >= 400 && allowed != "" {
			t.Errorf("%s %s %v: %q may read the refusal", c.method, c.target, c.header, allowed)
		}
		if c.method == "GET" && got.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: no nosniff: %v", c.method, c.target, got.Header())
		}
	}
	// Each is told once, however often it comes, and however long it is.
	for range 3 {
		for _, host := range []string{"rebind.example", strings.Repeat("a", 5000), "b\r\n"} {
			got := a.asked("GET", "/api/projects", "127.0.0.1:5", with(bearer("s"), "Host", host))
			if got.Code != 421 || got.Body.Len() > 500 {
				t.Errorf("%.20q: %d, %d bytes", host, got.Code, got.Body.Len())
			}
		}
	}
	if n := strings.Count(logged.String(), "not the server's"); n != 3 || logged.Len() > 4000 {
		t.Errorf("%d lines: %s", n, logged.String())
	}
}

// A browser makes no more of an answer than data, whatever a fault sends.
func TestAnswersAreData(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	for contentType, sandboxed := range map[string]bool{
		"text/html": true, "Image/SVG+xml; charset=utf-8": true, "application/xhtml+xml": true, "text/xml": true, "application/pdf": true,
		// Of several a browser takes the last.
		"application/json, text/html": true, "text/plain;charset=utf-8,text/html": true, "application/hal+json;x=y, image/svg+xml": true,
		"multipart/x-mixed-replace; boundary=b": true, "text/javascript": true, "application/json5": true,
		"text/plain": false, "application/json": false, "application/hal+json": false, "text/csv; charset=utf-8": false,
	} {
		fault, err := json.Marshal(map[string]any{"match": map[string]any{"operation": "listProjects"}, "do": map[string]any{
			"status": 200, "undeclared": true, "body": map[string]any{"a": "<script>alert(1)</script>"},
			"headers": map[string]string{"Content-Type": contentType, "X-Content-Type-Options": "off", "Content-Security-Policy": "default-src *"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.do(t, "PUT", "/_understudy/faults/page", bearer("data"), bytes.NewReader(fault)); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		got := a(t, w)
		policy := got.header.Get("Content-Security-Policy")
		if got.header.Get("X-Content-Type-Options") != "nosniff" || sandboxed != strings.HasPrefix(policy, "sandbox;") {
			t.Errorf("%s: %v", contentType, got.header)
		}
	}
}

// a forced answer, which no document has to describe.
func a(t *testing.T, w *standIn) answered {
	t.Helper()
	plain := *w
	plain.client = http.DefaultClient
	return plain.do(t, "GET", "/api/projects", bearer("data"), nil)
}

// The secret that a server makes is there once its URL is, for its user alone, and gone
// with the server; nothing else is written through or taken away.
func TestAdminFile(t *testing.T) {
	dir := t.TempDir()
	urlFile, victim := filepath.Join(dir, "u"), filepath.Join(dir, "victim")
	listen := func(args ...string) (*Server, error) {
		config, err := ParseConfig(append([]string{"--addr", "127.0.0.1:0", "--store", "memory", "--url-file", urlFile}, args...), func(string) string { return "" }, io.Discard)
		if err != nil {
			return nil, err
		}
		return Listen(t.Context(), config, io.Discard)
	}
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{urlFile + ".tmp", urlFile + ".admin", urlFile} {
		if err := os.Symlink(victim, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := listen(); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("a file that is no URL file: %v", err)
	}
	_ = os.Remove(urlFile)
	seen := []string{}
	for range 2 {
		s, err := listen()
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(urlFile + ".admin")
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%v %v", info, err)
		}
		made, err := ReadSecret(AdminFile(urlFile, s.URL))
		if err != nil || made != s.AdminToken || slices.Contains(seen, made) {
			t.Errorf("%q of %q: %v", made, s.AdminToken, err)
		}
		seen = append(seen, made)
		w := &standIn{url: s.URL, client: http.DefaultClient}
		if got := w.do(t, "GET", "/_understudy/report?workspace=all", bearer(made), nil); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.App.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(urlFile + ".admin"); err == nil {
			t.Error("the secret outlives the server")
		}
	}
	if text, _ := os.ReadFile(victim); string(text) != "precious" {
		t.Errorf("the victim holds %q", text)
	}
	// Given ones, in every way, and none that can be guessed.
	const good = "sixteen-letters!"
	file := filepath.Join(dir, "secret")
	for text, fine := range map[string]bool{good: true, good + "\n": true, good[1:]: false, "": false, "with a space in it": false} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := listen("--admin-token-file", file)
		if (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil {
			if s.AdminToken != good {
				t.Errorf("%q", s.AdminToken)
			}
			_, err := os.Stat(urlFile + ".admin")
			if err == nil {
				t.Error("a secret that was given is written")
			}
			_, _ = s.Drain(t.Context()), s.App.Close()
		}
	}
	for _, args := range [][]string{
		{"--admin-token", ""},
		{"--admin-token="},
		{"--admin-token", "short"},
		{"--admin-token", "seventeen letters"},
		{"--admin-token", good, "--admin-token-file", file},
		{"--admin-token-file", filepath.Join(dir, "none")},
	} {
		if _, err := listen(args...); err == nil || strings.Contains(err.Error(), "letters") {
			t.Errorf("%q: %v", args, err)
		}
	}
}
