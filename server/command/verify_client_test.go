package command

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// hardly is a document of which one operation needs an id that nobody can make.
const hardly = `openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /up: {get: {operationId: up, responses: {'204': {description: d}}}}
  /boxes/{boxId}:
    parameters: [{name: boxId, in: path, required: true, schema: {type: integer}}]
    get: {operationId: box, responses: {'204': {description: d}, '404': {description: d}}}
`

// What the caller gives is what is asked for, and an operation that was never called with
// success fails where that is asked for.
func TestVerifyGiven(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		mu.Unlock()
		switch {
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", "GET")
			w.WriteHeader(http.StatusMethodNotAllowed)
		case r.URL.Path == "/up", r.URL.Path == "/boxes/4711":
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	plain, secure := httptest.NewServer(h), httptest.NewTLSServer(h)
	defer plain.Close()
	defer secure.Close()
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	for name, text := range map[string]string{"t.yaml": hardly, "values.yaml": "boxId: [4711]\n", "ca.pem": string(ca), "no.pem": "none"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		flags []string
		code  int
		says  string
	}{
		{"nothing known", []string{"--url", plain.URL}, 0, "nothing was found (404) by box"},
		{"and that fails", []string{"--url", plain.URL, "--require-calls"}, 1, "never called with success: box"},
		{"set", []string{"--url", plain.URL, "--require-calls", "--set", "boxId=4711"}, 0, ""},
		{"a dictionary", []string{"--url", plain.URL, "--require-calls", "--dictionary", "values.yaml"}, 0, ""},
		{"the command line says more", []string{"--url", plain.URL, "--require-calls", "--dictionary", "values.yaml", "--set", "boxId=1"}, 1, "box"},
		{"another operation", []string{"--url", plain.URL, "--require-calls", "--exclude", "path:/boxes*"}, 0, ""},
		{"no dictionary", []string{"--url", plain.URL, "--dictionary", "t.yaml"}, 2, "want a value or a list"},
		{"no pair", []string{"--url", plain.URL, "--set", "boxId"}, 2, "--set"},
		{"an authority of one's own", []string{"--url", secure.URL, "--ca", "ca.pem"}, 0, ""},
		{"and without it", []string{"--url", secure.URL}, 2, "certificate"},
		{"no certificate", []string{"--url", secure.URL, "--ca", "no.pem"}, 2, "no certificate"},
		{"half of a pair", []string{"--url", secure.URL, "--client-cert", "ca.pem"}, 2, "want both"},
		{"by a proxy", []string{"--url", "http://elsewhere.invalid", "--proxy", plain.URL}, 0, ""},
		{"no proxy", []string{"--url", plain.URL, "--proxy", "here"}, 2, "--proxy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := understudy(t, dir, append([]string{"verify", "--document", "t.yaml", "--seed", "1", "--max-examples", "2"}, c.flags...)...)
			if code := p.does(t); code != c.code {
				t.Errorf("exit code %d, want %d:\n%s%s", code, c.code, p.stdout.String(), p.stderr.String())
			}
			wants(t, p.stderr.String(), c.says)
		})
	}
}

// The archive of a run is JSON with a page for each finding, and without the credential.
func TestVerifyHAR(t *testing.T) {
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer wrong.Close()
	dir := t.TempDir()
	document := strings.Replace(hardly, "paths:", "security: [{b: []}]\ncomponents: {securitySchemes: {b: {type: http, scheme: bearer}}}\npaths:", 1)
	if err := os.WriteFile(filepath.Join(dir, "t.yaml"), []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	p := understudy(t, dir, "verify", "--document", "t.yaml", "--url", wrong.URL, "--auth", "Bearer "+markedSecret, "--write-har", "found.har", "--seed", "1", "--max-examples", "2")
	if code := p.does(t); code != 1 {
		t.Fatalf("exit code %d: %s", code, p.stderr.String())
	}
	data, err := os.ReadFile(filepath.Join(dir, "found.har"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Log struct {
			Version string
			Pages   []struct{ ID string }
			Entries []struct {
				Pageref  string
				Response struct{ Status int }
			}
		}
	}
	if err := json.Unmarshal(data, &file); err != nil || file.Log.Version != "1.2" || len(file.Log.Pages) == 0 || len(file.Log.Entries) < len(file.Log.Pages) {
		t.Errorf("%v: %d pages, %d entries", err, len(file.Log.Pages), len(file.Log.Entries))
	}
	if strings.Contains(string(data), markedSecret) {
		t.Error("the archive holds the credential")
	}
}

// Nothing that is said steers a terminal, or begins a line with what others wrote.
func TestSay(t *testing.T) {
	for text, want := range map[string]string{
		"a":                           "understudy: a\n",
		"a\n::error title=x::y":       "understudy: a\nunderstudy: ::error title=x::y\n",
		"\x1b[2J\r\u009b1m\u202e\x00": "understudy: \\u001b[2J\\r\\u009b1m\\u202e\\u0000\n",
		"a\r\n##[error]b\n":           "understudy: a\\r\nunderstudy: ##[error]b\n",
		"日本 é":                        "understudy: 日本 é\n",
	} {
		var b bytes.Buffer
		say(&b, "%s", text)
		if b.String() != want {
			t.Errorf("%q: %q, want %q", text, b.String(), want)
		}
	}
}

// What a server sends that nobody asked for is no line of ours.
func TestVerifyUnasked(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	unasked := []string{"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", "\x00\x01", "HTTP/1.1 100 Continue\r\n\r\n", "\x1b[2Junderstudy: passed\n"}
	go func() {
		for n := 0; ; n++ {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"+unasked[n%len(unasked)])
				}
			}()
		}
	}()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "t.yaml"), []byte(hardly), 0o644); err != nil {
		t.Fatal(err)
	}
	p := understudy(t, dir, "verify", "--document", "t.yaml", "--url", "http://"+listener.Addr().String(), "--seed", "1", "--max-examples", "5", "--checks", "status_code_conformance")
	p.does(t)
	for line := range strings.Lines(p.stderr.String()) {
		if !strings.HasPrefix(line, "understudy: ") || strings.Contains(line, "passed") || strings.Contains(line, "nsolicited") {
			t.Errorf("said: %q", line)
		}
	}
}
