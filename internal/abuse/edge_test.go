package abuse_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Who announces a body and does not send it takes neither memory nor other tenants'
// time, with a credential or without one, on a path that there is or not, by a length or
// by a chunk.
func TestStoreAbuseEdgeAnnounced(t *testing.T) {
	const heads = "Host: localhost\r\nContent-Type: application/json\r\n"
	for name, head := range map[string]string{
		"unknown path":        "POST /x HTTP/1.1\r\n" + heads + "Content-Length: 1048576\r\n\r\n",
		"no credential":       "POST /api/projects HTTP/1.1\r\n" + heads + "Content-Length: 1048576\r\n\r\n",
		"a tenant":            "POST /api/projects HTTP/1.1\r\n" + heads + "Authorization: Bearer attacker\r\nContent-Length: 1048576\r\n\r\n{",
		"the other API":       "POST /api/v1/lineage/bi/dbt/ HTTP/1.1\r\n" + heads + "Authorization: Key attacker\r\nContent-Length: 1048576\r\n\r\n{",
		"a chunk":             "POST /api/projects HTTP/1.1\r\n" + heads + "Authorization: Bearer attacker\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n{",
		"control API, a seed": "PUT /_understudy/seed HTTP/1.1\r\n" + heads + "Authorization: Bearer attacker\r\nContent-Length: 1048576\r\n\r\n{",
	} {
		if !full && name != "a tenant" && name != "unknown path" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := start(t)
			work := func() time.Duration {
				return s.costs(func() {
					for range size(2000, 10_000) {
						s.want(200, "GET", "/api/projects", "the-neighbour", "")
					}
				})
			}
			work() // warm
			quiet, resident := work(), s.resident()
			for range size(300, 900) {
				if _, err := io.WriteString(s.dial(), head); err != nil {
					t.Fatal(err)
				}
			}
			s.want(200, "GET", "/api/projects", "the-neighbour", "")
			grown, attacked := s.resident()-resident, work()
			t.Logf("%d KiB more, %v of processor time instead of %v", grown>>10, attacked, quiet)
			if grown > 64*mebibyte {
				t.Errorf("%d MiB for bodies that did not come", grown/mebibyte)
			}
			if attacked > 2*quiet+100*time.Millisecond {
				t.Errorf("a neighbour's requests cost %v of processor time instead of %v", attacked, quiet)
			}
		})
	}
}

// A body of a mebibyte that becomes many times as much when it is judged: however many
// come at once, memory is bounded, each is answered, 503 with Retry-After at worst, and
// a neighbour is served.
func TestStoreAbuseEdgeAmplified(t *testing.T) {
	filled := func(open, item, end string) []byte {
		return []byte(open + strings.Repeat(item, (mebibyte-len(open)-len(end))/len(item)) + end)
	}
	for name, body := range map[string][]byte{
		"members of objects": filled(`{"name":"n","key":"k","x":[{"":0}`, `,{"":0}`, `]}`),
		"objects":            filled(`{"name":"n","key":"k","x":[{}`, `,{}`, `]}`),
		"lists":              filled(`{"name":"n","key":"k","x":[[]`, `,[]`, `]}`),
		"numbers":            filled(`{"name":"n","key":"k","x":[1`, `,1`, `]}`),
		"undeclared members": filled(`{"name":"n","key":"k","x":{"":0`, `,"a":0`, `}}`),
		"escapes":            filled(`{"name":"n","key":"k","x":"`, `\u0001`, `"}`),
	} {
		if !full && name != "members of objects" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.want(200, "POST", "/api/projects", "warm", `{"name":"n","key":"k"}`)
			s.resetPeak()
			var mutex sync.Mutex
			answers := map[int]int{}
			s.neighbour(16, func(int) {
				a, err := s.ask("POST", "/api/projects", "attacker", body)
				if err != nil {
					t.Error(err)
					return
				}
				mutex.Lock()
				answers[a.status]++
				mutex.Unlock()
				if a.status == 413 || a.status == 503 && a.header.Get("Retry-After") == "" || a.status >= 500 && a.status != 503 {
					t.Errorf("%d %v %.200s", a.status, a.header, a.body)
				}
			})
			t.Logf("peak %d MiB, answers %v", s.peak()/mebibyte, answers)
			// The collector may take what Go's memory limit gives it; the live heap is less.
			if peak := s.peak(); peak > int64(size(600, 400))*mebibyte {
				t.Errorf("%d MiB at the peak", peak/mebibyte)
			}
		})
	}
}

// A connection on which nothing more comes ends, whatever is wanted of it.
func TestStoreAbuseEdgeHanging(t *testing.T) {
	t.Parallel()
	s := start(t, "--max-body", "1000")
	s.want(200, "GET", "/api/projects", "a", "") // what the store opens is open
	descriptors := s.descriptors()
	const heads = "Host: localhost\r\nContent-Type: application/json\r\n"
	body := strings.Repeat("a", 1000)
	var open []net.Conn
	for _, request := range []string{
		"POST /x HTTP/1.1\r\n" + heads + "Content-Length: 1001\r\n\r\n" + body,
		"POST /x HTTP/1.1\r\n" + heads + "Authorization: Bearer a\r\nContent-Length: 1001\r\n\r\n" + body,
		"POST /api/projects HTTP/1.1\r\n" + heads + "Content-Length: 1001\r\n\r\n" + body,
		"POST /api/projects HTTP/1.1\r\n" + heads + "Authorization: Bearer a\r\nContent-Length: 1001\r\n\r\n" + body,
		"POST /api/projects HTTP/1.1\r\n" + heads + "Authorization: Bearer a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + body,
		"POST /api/projects HTTP/1.1\r\n" + heads + "Authorization: Bearer a\r\nContent-Length: 900\r\n\r\n{",
		"POST /api/projects HTTP/1.1\r\n" + heads + "Authorization: Bearer a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
		"GET /api/projects HTTP/1.1\r\n" + heads + "Authorization: Bearer a\r\nContent-Length: 900\r\n\r\n{",
		"PUT /_understudy/seed HTTP/1.1\r\n" + heads + "Authorization: Bearer a\r\nContent-Length: 900\r\n\r\n{",
		"GET /api/projects HTTP/1.1\r\nHost: rebind.example\r\nContent-Length: 900\r\n\r\n{",
		"GET /api/projects HTTP/1.1\r\n" + heads,
	} {
		conn := s.dial()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	for i, conn := range open {
		_ = conn.SetReadDeadline(time.Now().Add(patience + 30*time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("connection %d is not closed: %v", i, err)
		}
	}
	s.until("the descriptors are free", func() bool { return s.descriptors() <= descriptors+4 })
}

// Who asks and does not read is given up; what was written for them does not stay.
func TestStoreAbuseEdgeUnread(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.want(200, "GET", "/api/projects", "a", "") // what the store opens is open
	descriptors, connections := s.descriptors(), size(20, 200)
	pipelined := strings.Repeat("GET /_understudy/documents/datafold HTTP/1.1\r\nHost: localhost\r\n\r\n", 200)
	began := time.Now()
	for range connections {
		conn := s.dial()
		_ = conn.(*net.TCPConn).SetReadBuffer(4096)
		_, _ = io.WriteString(conn, pipelined) // as much as is taken
	}
	s.until("they are there", func() bool { return s.descriptors() >= descriptors+connections })
	s.until("they are let go", func() bool { return s.descriptors() <= descriptors+4 })
	if took := time.Since(began); took > 50*time.Second {
		t.Errorf("it took %v", took)
	}
}

// However clients hang, the server ends, soon and well; what waits on purpose is
// answered.
func TestStoreAbuseEdgeShutdown(t *testing.T) {
	t.Parallel()
	s := start(t)
	const heads = "Host: localhost\r\nAuthorization: Bearer a\r\nContent-Type: application/json\r\n"
	waiting := s.dial()
	if _, err := io.WriteString(waiting, "GET /api/projects HTTP/1.1\r\n"+heads+"Prefer: delay=300000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for _, request := range []string{
		"POST /api/projects HTTP/1.1\r\n" + heads + "Content-Length: 1048677\r\n\r\n" + strings.Repeat("a", 1048600),
		"POST /api/projects HTTP/1.1\r\n" + heads + "Content-Length: 1000\r\n\r\n{",
		"POST /x HTTP/1.1\r\n" + heads + "Transfer-Encoding: chunked\r\n\r\n1\r\n{",
		"GET /api/projects HTTP/1.1\r\n",
		strings.Repeat("GET /_understudy/documents/datafold HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
		"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		if _, err := io.WriteString(s.dial(), request); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 { // all of them have come
		s.want(200, "GET", "/api/projects", "b", "")
	}
	took, err := s.stop()
	if err != nil || took > 10*time.Second {
		t.Errorf("it ends after %v: %v: %s", took, err, s.log.String())
	}
	if resp, err := http.ReadResponse(bufio.NewReader(waiting), nil); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the request that waited is answered %v (%v)", resp, err)
	} else {
		_ = resp.Body.Close()
	}
}

// A request framed in two ways is the last of its connection, whether the next comes
// with it or later, and whichever framing comes first.
func TestStoreAbuseEdgeFraming(t *testing.T) {
	t.Parallel()
	s := start(t)
	const line, auth = "POST /api/projects HTTP/1.1\r\nHost: localhost\r\n", "Authorization: Bearer a\r\nContent-Type: application/json\r\n"
	const next = "GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, c := range []struct {
		first  string
		closes bool
	}{
		{line + auth + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true},
		{line + "Transfer-Encoding: chunked\r\n" + auth + "content-LENGTH: 6\r\n\r\n0\r\n\r\n", true},
		{line + "Content-Length: 6\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", true},
		{"GET /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true},
		{line + auth + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", false},
		{line + auth + "Content-Length: 2\r\n\r\n{}", false},
	} {
		for _, pipelined := range []bool{true, false} {
			conn := s.dial()
			_ = conn.SetDeadline(time.Now().Add(patience))
			reader := bufio.NewReader(conn)
			answers := 0
			text := c.first
			if pipelined {
				text += next
			}
			// In pieces, so that no name comes whole.
			for i := 0; i < len(text); i += 7 {
				if _, err := io.WriteString(conn, text[i:min(i+7, len(text))]); err != nil {
					break
				}
			}
			for {
				resp, err := http.ReadResponse(reader, nil)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				answers++
				if answers == 2 {
					break
				}
				if !pipelined {
					_, _ = io.WriteString(conn, next)
				}
			}
			if want := map[bool]int{true: 1, false: 2}[c.closes]; answers != want {
				t.Errorf("%.200q, pipelined %v: %d answers, want %d", c.first, pipelined, answers, want)
			}
		}
	}
}

// One address has so many connections and no more, and finds room again.
func TestStoreAbuseEdgeConnections(t *testing.T) {
	t.Parallel()
	s := start(t, "--max-connections", "10")
	before := s.descriptors()
	var open []net.Conn
	refused := 0
	for range size(50, 500) {
		conn := s.dial()
		open = append(open, conn)
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, "GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode == http.StatusServiceUnavailable { // a reset may overtake the answer
			refused++
			continue
		}
		_ = resp.Body.Close()
	}
	if len(open)-refused != 10 || s.descriptors() > before+25 {
		t.Errorf("%d of %d connections are served, with %d descriptors", len(open)-refused, len(open), s.descriptors()-before)
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	s.until("there is room again", func() bool {
		a, err := s.ask("GET", "/api/health", "", nil)
		return err == nil && a.status == 200
	})
}

// What a request says comes back in part.
func TestStoreAbuseEdgeEchoes(t *testing.T) {
	t.Parallel()
	s := start(t)
	long := strings.Repeat("x", 60_000)
	for _, c := range []struct{ method, path, token, body string }{
		{"GET", "/" + long, "a", ""},
		{"GET", "/api/nothing?" + long, "a", ""},
		{"POST", "/api/projects", "a", `{"name":["` + long + `"],"key":"` + long + `"}`},
		{"PUT", "/_understudy/faults/f", "a", `{"do":{"status":503},"` + long + `":1}`},
	} {
		var body []byte
		if c.body != "" {
			body = []byte(c.body)
		}
		a, err := s.ask(c.method, c.path, c.token, body)
		if err != nil || a.status < 400 || len(a.body) > 20_000 {
			t.Errorf("%s %.30s: %d, %d bytes (%v)", c.method, c.path, a.status, len(a.body), err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/lineage/bi/tableau/", bytes.NewReader(fmt.Appendf(nil, `{"x":"%s"}`, strings.Repeat("x", 1_000_000))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Key a")
	r.Header.Set("Content-Type", "application/json")
	if a, err := s.send(r); err != nil || a.status != 422 || len(a.body) > 100_000 {
		t.Errorf("%d, %d bytes (%v)", a.status, len(a.body), err)
	}
}
