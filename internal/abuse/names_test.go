package abuse_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// exchanged sends bytes on a connection of their own, and gives the statuses of the
// answers until the server ends it, or none comes for a while.
func (s *server) exchanged(text string, most int) (statuses []int) {
	s.t.Helper()
	conn := s.dial()
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, text) // which may be closed before all of it is taken
	for reader := bufio.NewReader(conn); len(statuses) < most; {
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			return statuses
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusContinue {
			statuses = append(statuses, resp.StatusCode)
		}
	}
	return statuses
}

// A name that a browser, a resolver or a proxy might take for this machine's is none of
// the server's, in whatever of the places it is said; those that are its own are.
func TestStoreAbuseNames(t *testing.T) {
	t.Parallel()
	s := start(t)
	request := func(target, head string) string {
		return "GET " + target + " HTTP/1.1\r\n" + head + "Authorization: Bearer a-tenant\r\nConnection: close\r\n\r\n"
	}
	const live = "/_understudy/health/live"
	for _, host := range []string{
		"localhost", "LOCALHOST", "localhost.", "localhost:1", "localhost:", "a.localhost", "127.0.0.1", "[::1]", "[::1]:80", "[::ffff:127.0.0.1]",
		strings.TrimPrefix(s.url, "http://"),
	} {
		if got := s.exchanged(request(live, "Host: "+host+"\r\n"), 2); len(got) != 1 || got[0] != http.StatusOK {
			t.Errorf("%s: %v", host, got)
		}
	}
	for name, text := range map[string]string{
		"an absolute target":             request("http://evil.example"+live, "Host: localhost\r\n"),
		"an absolute target with a user": request("http://localhost@evil.example"+live, "Host: localhost\r\n"),
		"X-Forwarded-Host":               request(live, "Host: evil.example\r\nX-Forwarded-Host: localhost\r\n"),
		"Forwarded":                      request(live, "Host: evil.example\r\nForwarded: host=localhost\r\n"),
		"X-Original-URL":                 request("/x", "Host: evil.example\r\nX-Original-URL: "+live+"\r\n"),
		"HTTP/1.0":                       "GET " + live + " HTTP/1.0\r\nHost: evil.example\r\n\r\n",
		"two hosts":                      request(live, "Host: localhost\r\nHost: evil.example\r\n"),
		"no host":                        request(live, ""),
	} {
		if got := s.exchanged(text, 2); len(got) != 1 || got[0] != http.StatusMisdirectedRequest && got[0] != http.StatusBadRequest {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, host := range []string{
		"127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.2", "127.0.0.1.", "0.0.0.0", "[::1%25lo]", "[fe80::1]", "[::1",
		"evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example.localhost.example",
		"localhost,evil.example", "localhost@evil.example", "evil.example#localhost", "xn--localhost", "local\u2024host", ".localhost", "a..localhost",
	} {
		if got := s.exchanged(request("/api/projects", "Host: "+host+"\r\n"), 2); len(got) != 1 || got[0] != http.StatusMisdirectedRequest && got[0] != http.StatusBadRequest {
			t.Errorf("%s: %v", host, got)
		}
	}
}

// What is framed in a way that two servers may understand in two ways is refused, or the
// last of its connection; what has one meaning is not taken for more.
func TestStoreAbuseEdgeFramingOdd(t *testing.T) {
	t.Parallel()
	s := start(t)
	const head = "POST /api/projects HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\r\nContent-Type: application/json\r\n"
	const next = "GET /_understudy/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	long := strings.Repeat("e", 70_000)
	for _, c := range []struct {
		framing string
		answers int
	}{
		{"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 2}, // RFC 9110, 8.6: the same one
		{"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 1},
		{"Content-Length: 2, 2\r\n\r\n{}", 1},
		{"Content-Length: +2\r\n\r\n{}", 1},
		{"Content-Length: 0x2\r\n\r\n{}", 1},
		{"Content-Length : 2\r\n\r\n{}", 1},
		{"Content-Length: \r\n\r\n", 1},
		{"X: y\rContent-Length: 3\r\nContent-Length: 2\r\n\r\n{}", 1},
		{"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}", 1},
		{"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 1},
		{"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 1},
		{"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n", 2},
		{"Transfer-Encoding: chunked\r\n\r\n2;a\n{}\r\n0\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\n\r\n00000000000000002\r\n{}\r\n0\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\n\r\n2;" + long + "\r\n{}\r\n0\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+long[:200]+"\r\n \r\n", 500) + "0\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: " + long + "\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n", 1},
		{"Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer z\r\n\r\n", 2},
		{"Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}", 1},
	} {
		got := s.exchanged(head+c.framing+next, 3)
		if len(got) > 0 && got[0] < http.StatusBadRequest || len(got) > c.answers || c.answers == 2 && len(got) != 2 {
			t.Errorf("%.80q: %v, want %d answers", c.framing, got, c.answers)
		}
	}
}

// The administrator's secret opens all workspaces where it belongs, whole, and nothing
// like it anywhere; the files that hold secrets are their user's alone, and a link that
// was planted in their place is replaced, not written through.
func TestStoreAbuseAdministrator(t *testing.T) {
	t.Parallel()
	s := start(t)
	text, err := os.ReadFile(filepath.Join(s.dir, "url.admin"))
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(text))
	const all = "/_understudy/exchanges?workspace=all"
	s.want(http.StatusOK, "GET", all, secret, "")
	for _, guess := range []string{
		secret[:len(secret)-1], secret + "x", strings.ToLower(secret), strings.Repeat("x", len(secret)), secret + "," + secret, secret + "%00", "Bearer " + secret, "null", "[]",
	} {
		if a, err := s.ask("GET", all, guess, nil); err != nil || a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
			t.Errorf("%.5q...: %d (%v)", guess, a.status, err)
		}
	}
	for name, head := range map[string]string{
		"in the address":    "GET " + all + "&token=" + secret + "&access_token=" + secret + " HTTP/1.1\r\n",
		"in a cookie":       "GET " + all + " HTTP/1.1\r\nCookie: token=" + secret + "\r\n",
		"of another kind":   "GET " + all + " HTTP/1.1\r\nAuthorization: Token " + secret + "\r\n",
		"of a proxy":        "GET " + all + " HTTP/1.1\r\nProxy-Authorization: Bearer " + secret + "\r\n",
		"beside a tenant's": "GET " + all + " HTTP/1.1\r\nAuthorization: Bearer a\r\nAuthorization: Bearer " + secret + "\r\n",
	} {
		got := s.exchanged(head+"Host: localhost\r\nReferer: http://localhost/?token="+secret+"\r\nConnection: close\r\n\r\n", 2)
		if len(got) != 1 || got[0] < 400 || got[0] >= 500 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if log := s.log.String(); strings.Contains(log, secret) {
		t.Errorf("the log has the secret: %s", log)
	}

	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("http://mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"u", "u.admin"} {
		if err := os.Symlink(victim, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	start(t, "--url-file", filepath.Join(dir, "u"))
	if text, err := os.ReadFile(victim); err != nil || string(text) != "http://mine" {
		t.Errorf("what a link led to holds %q (%v)", text, err)
	}
	info, err := os.Lstat(filepath.Join(dir, "u.admin"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the secret's file: %v (%v)", info.Mode(), err)
	}
}

// Many at the last free place: no more get in than there is room for.
func TestStoreAbuseQuotaRaces(t *testing.T) {
	t.Parallel()
	s := start(t, "--workspaces", "5", "--workspace-bytes", fmt.Sprint(mebibyte))
	at := s.atOnce(16, func(i int) (answer, error) {
		return s.ask("POST", "/api/projects", fmt.Sprint("one-of-many-", i), []byte(`{"name":"n"}`))
	})
	if at[http.StatusOK] != 5 {
		t.Errorf("workspaces: %v", at)
	}
	token := ""
	for i := range 16 {
		if a, err := s.ask("GET", "/api/projects", fmt.Sprint("one-of-many-", i), nil); err == nil && strings.Contains(a.body, `"key"`) {
			token = fmt.Sprint("one-of-many-", i)
		}
	}
	large := strings.Repeat("n", 100_000)
	bytes := s.atOnce(32, func(i int) (answer, error) {
		return s.ask("POST", "/api/projects", token, fmt.Appendf(nil, `{"name":%q,"key":"large-%d"}`, large, i))
	})
	if bytes[http.StatusOK] > mebibyte/len(large) || bytes[http.StatusOK] < 4 {
		t.Errorf("bytes: %v", bytes)
	}
	t.Logf("workspaces %v, bytes %v", at, bytes)
}
