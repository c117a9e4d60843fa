package app

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/brms"
)

func TestOutgoingAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]struct{ public, local bool }{
		"93.184.216.34:443": {true, true}, "[2606:2800:220:1::1]:443": {true, true},
		"127.0.0.1:80": {false, true}, "[::1]:80": {false, true}, "10.0.0.1:80": {false, true}, "192.168.1.1:80": {false, true},
		"172.16.0.1:80": {false, true}, "169.254.169.254:80": {false, true}, "[fe80::1]:80": {false, true}, "[fd00::1]:80": {false, true},
		"0.0.0.0:80": {false, true}, "[::ffff:127.0.0.1]:80": {false, true}, "100.100.100.200:80": {false, true}, "168.63.129.16:80": {false, true}, "224.0.0.1:80": {false, true},
		"0.1.2.3:80": {false, true}, "192.0.0.192:80": {false, true}, "198.18.0.1:80": {false, true}, "240.0.0.1:80": {false, true},
		"[64:ff9b::7f00:1]:80": {false, true}, "[64:ff9b:1::a00:1]:80": {false, true}, "[2002:7f00:1::]:80": {false, true},
		"[2001::1]:80": {false, true}, "[::127.0.0.1]:80": {false, true}, "[fec0::1]:80": {false, true},
		"host:80": {false, false},
	} {
		if err := newOutgoing(true, false).permit(address); (err == nil) != want.public || err != nil && !errors.Is(err, brms.ErrOutgoing) {
			t.Errorf("%s: %v", address, err)
		}
		if err := newOutgoing(true, true).permit(address); (err == nil) != want.local {
			t.Errorf("%s with local ones: %v", address, err)
		}
	}
}

func TestOutgoing(t *testing.T) {
	t.Parallel()
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
	t.Cleanup(there.Close)
	for _, test := range []struct{ allowed, local, want bool }{{false, false, false}, {true, false, false}, {false, true, true}, {true, true, true}} {
		client := &http.Client{Transport: newOutgoing(test.allowed, test.local)}
		response, err := client.Get(there.URL)
		if (err == nil) != test.want || err != nil && !errors.Is(err, brms.ErrOutgoing) {
			t.Errorf("%+v: %v", test, err)
		}
		if err == nil {
			_ = response.Body.Close()
		}
	}
}

// What a decision asks over the network is answered by a fault: its integrations, its
// functions, and the proxy need none then.
func TestOutgoingFaults(t *testing.T) {
	t.Parallel()
	var waited time.Duration
	w := startServer(t, Options{Wait: func(_ context.Context, delay time.Duration) { waited += delay }})
	p := newPipeline(t, w, "outgoing", "shop")
	p.send(200, "POST", p.in("/integrations"), `{"name":"Rates","type":"http","kind":"rates","config":{"method":"post","url":"https://rates.example.com/v1/{{ tier }}?q=1","timeout":5000,"headers":[],"cookies":[],"enableInputs":false,"inputs":[],"output":"rate"}}`)
	graph := func(node string) string {
		return `{"nodes":[{"id":"in","name":"in","type":"inputNode"},` + node + `],"edges":[{"id":"1","sourceId":"in","targetId":"n"}]}`
	}
	p.publish("", "x/custom", graph(`{"id":"n","name":"n","type":"customNode","content":{"kind":"rates","config":{}}}`))
	p.publish("", "x/function", graph(`{"id":"n","name":"n","type":"functionNode","content":{"source":"import http from 'http';\nexport const handler = async () => { const r = await http.get('https://other.example.com/a/b'); return {got: r.data, status: r.status}; };"}}`))
	custom := func(status int) string {
		return p.send(status, "POST", p.in("/evaluate/x/custom"), `{"context":{"tier":"gold"}}`)
	}
	if got := custom(400); !strings.Contains(got, "--allow-outgoing") {
		t.Error("without a fault:", got)
	}
	put := func(name, body string) { p.send(200, "PUT", "/_understudy/faults/"+name, body) }
	put("rates", `{"match":{"outgoing":"https://Rates.example.com/v1/*","method":"POST"},"when":{"times":2},"do":{"status":200,"body":{"percent":2.50},"headers":{"X-From":"file"}}}`)
	for range 2 {
		if got := custom(200); !strings.Contains(got, `"result":{"rate":{"percent":2.5}}`) {
			t.Error(got)
		}
	}
	put("down", `{"match":{"outgoing":"https://rates.example.com/**"},"do":{"status":503,"delay":{"fixed":1500}}}`)
	if got := custom(400); !strings.Contains(got, "answered with status 503") || waited != 1500*time.Millisecond {
		t.Error(got, waited)
	}
	put("down", `{"match":{"outgoing":"https://*.example.com/**"},"do":{"connection":"reset"}}`)
	if got := custom(400); !strings.Contains(got, "connection reset") {
		t.Error(got)
	}
	if got := p.send(409, "POST", p.in("/http-proxy"), `{"url":"https://a.example.com"}`); !strings.Contains(got, "connection reset") {
		t.Error(got)
	}
	p.send(204, "DELETE", "/_understudy/faults/down", "")
	put("other", `{"match":{"outgoing":"https://other.example.com/a/*"},"do":{"status":201,"body":[1,"two"]}}`)
	if got := p.send(200, "POST", p.in("/evaluate/x/function"), `{"context":{}}`); !strings.Contains(got, `"got":[1,"two"]`) || !strings.Contains(got, `"status":201`) {
		t.Error(got)
	}
	if got := p.send(200, "POST", p.in("/http-proxy"), `{"url":"https://other.example.com/a/x?y=/z"}`); !strings.Contains(got, `"data":[1,"two"]`) {
		t.Error(got)
	}
	p.send(403, "POST", p.in("/http-proxy"), `{"url":"https://other.example.com/a/x/y"}`)
	if got := p.send(200, "GET", "/_understudy/faults/rates", ""); !strings.Contains(got, `"met":4,"applied":2`) {
		t.Error(got)
	}
	// Another workspace's decisions are not met, and no request to the server is.
	o := newPipeline(t, w, "outgoing-other", "shop")
	o.send(403, "POST", o.in("/http-proxy"), `{"url":"https://other.example.com/a/x"}`)
	for body, want := range map[string]string{
		`{"match":{"outgoing":"https://a","operation":"createProject"},"do":{"status":200}}`:            "match.operation: it is for requests to this server",
		`{"match":{"outgoing":"https://a"},"do":{"rateLimit":{"requests":1,"seconds":1},"truncate":1}}`: "do.rateLimit: it is for requests to this server",
		`{"match":{"outgoing":"https://a"},"do":{"connection":"resetAfter"}}`:                           "do.connection: it is for requests to this server",
	} {
		if got := p.send(422, "PUT", "/_understudy/faults/bad", body); !strings.Contains(got, want) {
			t.Error(got)
		}
	}
	p.send(400, "PUT", "/_understudy/faults/bad", `{"match":{"outgoing":"ftp://a"},"do":{"status":200}}`)
}
