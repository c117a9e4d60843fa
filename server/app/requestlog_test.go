package app

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
)

// told is what the log says of an exchange.
func told(asJSON, colour bool, x *site.Exchange) string {
	var b bytes.Buffer
	l := newRequestLog(&b, asJSON, colour)
	l.tell(x)
	l.flush(context.Background())
	return b.String()
}

func TestRequestLog(t *testing.T) {
	document, err := contract.Open(sources()[0])
	if err != nil {
		t.Fatal(err)
	}
	x := &site.Exchange{
		ID: "x1", Time: time.Date(2026, 10, 1, 10, 0, 1, 5e6, time.UTC), Duration: 1234567, API: "brms", Document: document,
		Method: http.MethodPost, Path: "/api/projects\x1b[2J\nforged", Query: "token=hush&page=1", Status: 400,
		Explained: []contract.Explained{
			{Side: contract.SideClient, Rule: "type", Refused: true, In: contract.InBody, Pointer: "/name", Message: "must be a string", Where: contract.Location{File: "openapi/brms/project.yaml", Line: 7}},
			{Side: contract.SideClient, Rule: "unknownMember", In: contract.InBody, Pointer: "/naem", Message: "is not declared"},
		},
	}
	want := `10:00:01.005 POST /api/projects\u001b[2J\nforged?token=**********&page=1 400 1.23ms
    body/name: type: must be a string (openapi/brms/project.yaml:7)
    body/naem: unknownMember: is not declared
`
	if got := told(false, false, x); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := told(false, true, x); !strings.Contains(got, "\x1b[31m    body/name") || !strings.Contains(got, "\x1b[33m    body/naem") {
		t.Errorf("colours: %q", got)
	}
	var line map[string]any
	if text := told(true, false, x); json.Unmarshal([]byte(text), &line) != nil || line["status"] != 400.0 || strings.Contains(text, "hush") || strings.Count(text, "\n") != 1 {
		t.Errorf("as JSON: %s", text)
	}
	if got := told(false, false, &site.Exchange{API: "understudy", Path: "/_understudy/report", Status: 200}); got != "" {
		t.Errorf("the control API is told of: %s", got)
	}
}

// held is a terminal that takes nothing until it is let.
type held struct {
	let  chan struct{}
	text bytes.Buffer
}

func (h *held) Write(p []byte) (int, error) {
	<-h.let
	return h.text.Write(p)
}

// Nobody waits for a terminal that stands still, and what it misses is counted.
func TestRequestLogDoesNotWait(t *testing.T) {
	h := &held{let: make(chan struct{})}
	l := newRequestLog(h, false, false)
	x := &site.Exchange{API: "brms", Method: http.MethodGet, Path: "/" + strings.Repeat("a", 100), Status: 200}
	const requests = 20_000
	for range requests {
		l.tell(x)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	l.flush(gone)
	close(h.let)
	l.flush(t.Context())
	told := strings.Count(h.text.String(), " 200 ")
	if told == 0 || told == requests || !strings.Contains(h.text.String(), " requests are not told") {
		t.Errorf("%d of %d told", told, requests)
	}
}
