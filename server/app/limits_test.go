package app

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

const mebibyte = 1 << 20

// padded is a valid body of exactly n bytes.
func padded(body string, n int) string { return body + strings.Repeat(" ", n-len(body)) }

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	for _, api := range []struct {
		name, target, body string
		header             http.Header
	}{
		{"brms", "/api/projects", `{"name":"n","key":"key-%d"}`, bearer("limit")},
		{"datafold", "/api/v1/lineage/bi/dbt/", `{"ci_config_id":%d}`, key("limit")},
	} {
		for i, test := range []struct{ size, status int }{
			{mebibyte, 200}, {mebibyte + 1, 413}, {mebibyte + 4096, 413}, {16 * mebibyte, 413},
		} {
			body := padded(fmt.Sprintf(api.body, i), test.size)
			for how, reader := range map[string]io.Reader{
				"length": strings.NewReader(body), "chunked": io.MultiReader(strings.NewReader(body)),
			} {
				if how == "chunked" && api.name == "brms" {
					reader = io.MultiReader(strings.NewReader(padded(fmt.Sprintf(api.body, i+10), test.size)))
				}
				got := w.do(t, "POST", api.target, api.header, reader)
				if got.status != test.status {
					t.Errorf("%s, %d bytes, %s: %d %.200s", api.name, test.size, how, got.status, got.body)
				}
				if got.status == 413 {
					if err := inShapeOf(api.name, 413, got.header, got.body); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}

// A client that sends everything first and reads then gets to read the refusal.
func TestLargeBodyIsReadable(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	chunk := []byte(fmt.Sprintf("%x\r\n%s\r\n", mebibyte, bytes.Repeat([]byte("a"), mebibyte)))
	plain := bytes.Repeat([]byte("a"), mebibyte)
	for name, test := range map[string]struct {
		head string
		part []byte
		end  string
	}{
		"length": {fmt.Sprintf("Content-Length: %d\r\n\r\n", 16*mebibyte), plain, ""},
		"chunks": {"Transfer-Encoding: chunked\r\n\r\n", chunk, "0\r\n\r\n"},
	} {
		for _, line := range []string{
			"POST /api/projects HTTP/1.1\r\nAuthorization: Bearer s\r\n",
			"POST /api/v1/lineage/bi/dbt/ HTTP/1.1\r\nAuthorization: Key s\r\n",
		} {
			request := [][]byte{[]byte(line + "Host: h\r\nContent-Type: application/json\r\n" + test.head)}
			for range 16 {
				request = append(request, test.part)
			}
			got := w.wire(t, "POST", append(request, []byte(test.end))...)
			if got.status != 413 {
				t.Errorf("%s, %s: %d %s", name, line[:20], got.status, got.body)
			}
		}
	}
}

// The connection outlives a refused body that was read to its end.
func TestConnectionOutlivesRefusal(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	for _, request := range []struct {
		text   string
		status int
	}{
		{fmt.Sprintf("POST /api/projects HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s\r\nContent-Length: %d\r\n\r\n", 2*mebibyte) + strings.Repeat("a", 2*mebibyte), 413},
		{"GET /api/projects HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s\r\n\r\n", 200},
	} {
		if _, err := io.WriteString(conn, request.text); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != request.status {
			t.Errorf("status %d, want %d", resp.StatusCode, request.status)
		}
	}
}

// A body that does not keep what its head promises is the client's mistake, on
// every operation.
func TestLyingBodies(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	for _, call := range everyCall {
		scheme := "Bearer"
		if call.api == "datafold" {
			scheme = "Key"
		}
		head := call.method + " " + call.target + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAuthorization: " + scheme + " s\r\n"
		for name, rest := range map[string]string{
			"bad chunk":   "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
			"chunk ended": "Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n0\r\n\r\n",
		} {
			got := w.wire(t, call.method, []byte(head+rest))
			if got.status >= 500 {
				t.Errorf("%s %s, %s: %d %s", call.method, call.target, name, got.status, got.body)
			}
		}
		// The announced end never comes: the client says so by closing its side.
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, head+"Content-Length: 1000\r\n\r\n{}")
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: call.method}); err == nil {
			if resp.StatusCode >= 500 {
				t.Errorf("%s %s, short body: %d", call.method, call.target, resp.StatusCode)
			}
			_ = resp.Body.Close()
		}
		_ = conn.Close()
	}
}

// Two lengths, or a length and chunks, are refused by the server before us; a
// path of any form is not a failure.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	id := "7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77"
	for _, target := range []string{
		"//", "//api/projects", "/api//projects", "/api/projects//", "/api/projects/" + id + "//integrations", "/api/./projects",
		"/api/../api/projects", "/api/projects/..", "/api/projects/../..", "/../../etc/passwd", "/api/projects/%2e%2e", "/api/projects/%2F",
		"/api/projects/a%2Fb", "/api/projects/%00", "/api/projects/%ff%fe", "/%", "/api/projects/" + id + "%2Frestore", "/api/%70rojects",
		"/api/v1/lineage/bi//", "/api/v1/lineage//bi/", "/api/v1/lineage/bi/../bi/", "/api/v1/lineage/bi/%2F/", "/api/v1/lineage/bi/1%2F", "/api/v1/lineage/bi/1%2Fsync/",
		"/api/v1/lineage/bi/%00/", "/api/v1/lineage/bi/%20/", "/api/v1/lineage/bi/1/sync//", "/api/v1/lineage/bi/;/", "/api/v1/lineage/bi/1;a=b/",
		"/_understudy", "/_understudy/", "/_understudy//health/live", "/_understudy/health/../health/live", "/_understudy/exchanges/%2F", "/_understudyx",
		"*", "http://other.example/api/projects", "http://other.example", "/api/projects?%zz", "/api/projects?&&&===", "/api/projects#frag",
		"/" + strings.Repeat("a/", 5000), "/api/v1/lineage/bi/" + strings.Repeat("1", 5000) + "/",
	} {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW"} {
			for _, scheme := range []string{"Bearer", "Key"} {
				got := w.wire(t, method, []byte(method+" "+target+" HTTP/1.1\r\nHost: h\r\nAuthorization: "+scheme+" s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
				if got.status >= 500 {
					t.Errorf("%s %.80s with %s: %d %s", method, target, scheme, got.status, got.body)
				}
			}
		}
	}
}

// An encoded slash is a character of a segment, not the end of one.
func TestEncodedSlash(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	created := w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(createBody))
	project := created.body[strings.Index(created.body, `"id":"`)+6:][:36]
	if got := w.do(t, "PUT", "/api/projects/"+project+"%2Frestore", bearer("s"), http.NoBody); got.status != 400 {
		t.Errorf("an encoded slash is taken for a slash: %d %s", got.status, got.body)
	}
}

func TestHeadAndOptions(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	for _, test := range []struct {
		method, target string
		header         http.Header
		status         int
		allow          string
	}{
		{"HEAD", "/api/projects", bearer("s"), 200, ""},
		{"HEAD", "/api/projects", nil, 401, ""},
		{"HEAD", aProject, bearer("s"), 404, ""},
		{"OPTIONS", "/api/projects", bearer("s"), 404, ""},
		{"HEAD", "/api/v1/lineage/bi/", key("s"), 405, "GET"},
		{"OPTIONS", "/api/v1/lineage/bi/", key("s"), 405, "GET"},
		{"OPTIONS", "/api/v1/lineage/bi/looker/3/", key("s"), 405, "PUT"},
		{"HEAD", "/_understudy/health/live", nil, 200, ""},
		{"OPTIONS", "/_understudy/health/live", nil, 405, "GET, HEAD"},
	} {
		got := w.do(t, test.method, test.target, test.header, http.NoBody)
		if got.status != test.status || got.header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %d, Allow %q", test.method, test.target, got.status, got.header.Get("Allow"))
		}
		if test.method == "HEAD" && (got.body != "" || got.header.Get("Content-Length") == "0" || got.header.Get("Content-Length") == "") {
			t.Errorf("HEAD %s: body %q, Content-Length %q", test.target, got.body, got.header.Get("Content-Length"))
		}
	}
}

// The real server, as "serve" sets it up, bounds the head of a request.
func TestLargeHeaders(t *testing.T) {
	t.Parallel()
	config, err := ParseConfig([]string{"--addr", "127.0.0.1:0", "--store", "memory"}, func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	server, err := Listen(t.Context(), config, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	w := &standIn{url: server.URL}
	for size, status := range map[int]int{100: 200, maxHeaderBytes / 2: 200, 2 * maxHeaderBytes: 431} {
		got := w.wire(t, "GET", []byte("GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-Large: "+strings.Repeat("x", size)+"\r\nConnection: close\r\n\r\n"))
		if got.status != status {
			t.Errorf("header of %d bytes: %d", size, got.status)
		}
	}
	if err := server.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if err := server.App.Close(); err != nil {
		t.Error(err)
	}
}
