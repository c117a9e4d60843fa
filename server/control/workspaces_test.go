package control_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// shop is a document of an API that faults can be put on.
const shop = `{"openapi":"3.0.3","info":{"title":"shop","version":"1"},"security":[{"key":[]}],
"components":{"securitySchemes":{"key":{"type":"apiKey","in":"header","name":"Authorization"}}},
"paths":{"/cart":{"post":{"operationId":"buy","responses":{
	"200":{"description":"d","content":{"application/json":{"schema":{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}}}},
	"503":{"description":"d"}}}}}}`

// steered is the control API over workspaces, at a time that stands still.
type steered struct {
	t          *testing.T
	url        string
	workspaces *workspace.Manager
	op         *contract.Operation
}

const adminToken = "the-administrator"

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func startSteered(t *testing.T) *steered {
	t.Helper()
	now := func() time.Time { return began }
	store, err := sqlite.Open(context.WithoutCancel(t.Context()), sqlite.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	document, err := contract.Load(contract.Source{API: "brms", File: "shop", JSON: []byte(shop)})
	if err != nil {
		t.Fatal(err)
	}
	documents := func() ([]*contract.Document, error) { return []*contract.Document{document}, nil }
	recorder := evidence.New(store, evidence.Options{Documents: documents})
	s := &steered{t: t, op: document.Operations()[0]}
	s.workspaces = workspace.New(workspace.Options{Store: store, Evidence: recorder, Documents: documents, Now: now})
	site, err := site.NewSite(site.Options{
		API: control.New(control.Options{
			Store: store, Keys: site.OpenKeyring{}, Evidence: recorder, Workspaces: s.workspaces, AdminToken: adminToken, Version: "v1", Go: "go1",
		}),
		Limits: site.DefaultLimits(), Record: recorder.Record,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(site)
	s.url = listener.URL + "/_understudy"
	t.Cleanup(func() {
		listener.Close()
		_ = recorder.Close()
		_ = store.Close()
	})
	return s
}

// do sends a request and compares its answer, "" for none.
func (s *steered) do(secret, method, path, body string, status int, wanted string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	got := strings.TrimSpace(string(text))
	if status >= 400 {
		var p understudy.Problem
		if err := json.Unmarshal(text, &p); err != nil || p.Detail == nil {
			s.t.Fatalf("%s %s: %d %s, %v", method, path, resp.StatusCode, got, err)
		}
		got = *p.Detail
	}
	if resp.StatusCode != status {
		s.t.Errorf("%s %s: %d %s, want %d", method, path, resp.StatusCode, got, status)
	} else if diff := cmp.Diff(wanted, got); diff != "" {
		s.t.Errorf("%s %s: %s", method, path, diff)
	}
}

// buy calls the operation that faults are put on, and gives the status that is
// forced: 0 for none.
func (s *steered) buy(secret string) int {
	s.t.Helper()
	principal, _ := site.OpenKeyring{}.Principal(secret)
	got, err := s.workspaces.Steer(s.t.Context(), site.Call{Workspace: principal.Workspace, Operation: s.op, Method: "POST", Path: "/cart"})
	if err != nil {
		s.t.Fatal(err)
	}
	if got.Force == nil {
		return 0
	}
	return got.Force.Status
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s := startSteered(t)
	const all = "?workspace=all"
	s.do("me", "GET", "/faults", "", 200, `{"faults":[]}`)
	s.do("me", "GET", "/faults/f", "", 404, "There is no fault f")
	s.do("me", "DELETE", "/faults/f", "", 404, "There is no fault f")
	s.do("me", "PUT", "/faults/f", `{"do":{"status":503}}`, 200, `{"name":"f","match":{},"when":{},"do":{"status":503},"met":0,"applied":0}`)
	if a, b := s.buy("me"), s.buy("you"); a != 503 || b != 0 {
		t.Errorf("forced: %d, and %d of another workspace", a, b)
	}
	s.do("me", "GET", "/faults/f", "", 200, `{"name":"f","match":{},"when":{},"do":{"status":503},"met":1,"applied":1}`)
	// What was written is answered as it was written, and an integer may be written as
	// 1e0; a fault that is replaced stays where it is.
	s.do("me", "PUT", "/faults/g", `{"match":{"api":"brms","operation":"buy","method":"POST","path":"/cart"},
		"when":{"from":1e0,"every":2.0,"times":3,"probability":1,"seed":9007199254740993,"until":"2026-03-01T12:00:01Z"},
		"do":{"status":200,"body":{"z":[1.50,"<>"],"n":9007199254740993},"headers":{"X":"y"},"delay":{"uniform":{"from":1,"to":2}},"truncate":7}}`, 200,
		`{"name":"g","match":{"api":"brms","operation":"buy","method":"POST","path":"/cart"},`+
			`"when":{"from":1,"every":2,"times":3,"probability":1,"seed":9007199254740993,"until":"2026-03-01T12:00:01Z"},`+
			`"do":{"status":200,"headers":{"X":"y"},"body":{"z":[1.50,"<>"],"n":9007199254740993},"delay":{"uniform":{"from":1,"to":2}},"truncate":7},"met":0,"applied":0}`)
	s.do("me", "PUT", "/faults/f", `{"do":{"rateLimit":{"requests":1,"seconds":2}}}`, 200,
		`{"name":"f","match":{},"when":{},"do":{"rateLimit":{"requests":1,"seconds":2}},"met":0,"applied":0}`)
	s.do("me", "DELETE", "/faults/g", "", 204, "")
	s.do("me", "GET", "/faults", "", 200, `{"faults":[{"name":"f","match":{},"when":{},"do":{"rateLimit":{"requests":1,"seconds":2}},"met":0,"applied":0}]}`)
	if a, b := s.buy("me"), s.buy("me"); a != 0 || b != 429 {
		t.Errorf("limited: %d and %d", a, b)
	}
	s.do("me", "DELETE", "/faults", "", 204, "")
	s.do("me", "GET", "/faults", "", 200, `{"faults":[]}`)

	// Mistakes: of the fault all of them, of the request as ever.
	s.do("me", "PUT", "/faults/f", `{"match":{"operation":"sell"},"do":{"status":503,"connection":"reset"}}`, 422,
		`do: of status and connection only one can be done; match.operation: no operation of brms is called "sell": there are buy`)
	s.do("me", "PUT", "/faults/f", `{"match":{"operation":"buy"},"do":{"status":418}}`, 422,
		`do.status: buy does not declare 418; it declares 200 and 503; give "undeclared": true to answer it all the same`)
	s.do("me", "PUT", "/faults/f", `{"do":{"status":200,"body":{"n":"x"}}}`, 422,
		`do.body: it is not what buy answers with 200: The answer's body member /n must be an integer, not "x"; give "undeclared": true to answer it all the same`)
	s.do("me", "PUT", "/faults/f", `{"do":{"state":503}}`, 400, "The request breaks the document")
	s.do("me", "PUT", "/faults/-f", `{"do":{"status":503}}`, 400, "The request breaks the document")

	// Those for all workspaces are the administrator's.
	const notYours = "All workspaces are the administrator's: send the secret given by --admin-token, or the one that the server made at its start"
	for method, path := range map[string]string{"GET": "/faults/f", "PUT": "/faults/f", "DELETE": "/faults"} {
		body := ""
		if method == "PUT" {
			body = `{"do":{"status":503}}`
		}
		s.do("me", method, path+all, body, 403, notYours)
	}
	s.do(adminToken, "PUT", "/faults/f"+all, `{"do":{"status":503}}`, 200, `{"name":"f","match":{},"when":{},"do":{"status":503},"met":0,"applied":0}`)
	if a, b := s.buy("me"), s.buy("you"); a != 503 || b != 503 {
		t.Errorf("forced for all: %d and %d", a, b)
	}
	s.do("me", "GET", "/faults", "", 200, `{"faults":[]}`)
	s.do(adminToken, "GET", "/faults/f"+all, "", 200, `{"name":"f","match":{},"when":{},"do":{"status":503},"met":2,"applied":2}`)
	s.do(adminToken, "DELETE", "/faults/f"+all, "", 204, "")
	if got := s.buy("me"); got != 0 {
		t.Errorf("forced by a deleted fault: %d", got)
	}
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	s := startSteered(t)
	s.do("me", "GET", "/snapshots", "", 200, `{"snapshots":[]}`)
	const fault = `{"name":"f","match":{},"when":{},"do":{"status":503},"met":0,"applied":0}`
	s.do("me", "PUT", "/faults/f", `{"do":{"status":503}}`, 200, fault)
	const a, b = `{"name":"a","taken":"2026-03-01T12:00:00Z","evidence":false}`, `{"name":"b","taken":"2026-03-01T12:00:00Z","evidence":true}`
	s.do("me", "PUT", "/snapshots/b", `{"evidence":true}`, 200, b)
	s.do("me", "PUT", "/snapshots/a", "", 200, a)
	s.do("me", "PUT", "/snapshots/a", "{}", 200, a)
	s.do("me", "GET", "/snapshots", "", 200, `{"snapshots":[`+a+`,`+b+`]}`)
	s.do("you", "GET", "/snapshots", "", 200, `{"snapshots":[]}`)
	for name, body := range map[string]string{"a": "", "b": `{"evidence":true}`} {
		s.do("me", "POST", "/reset", body, 204, "")
		s.do("me", "GET", "/faults", "", 200, `{"faults":[]}`)
		wanted := a
		if name == "b" {
			wanted = b
		}
		s.do("me", "POST", "/snapshots/"+name+"/restore", "", 200, wanted)
		s.do("me", "GET", "/faults", "", 200, `{"faults":[`+fault+`]}`)
	}
	const missing = "There is no snapshot c of this workspace"
	s.do("me", "POST", "/snapshots/c/restore", "", 404, missing)
	s.do("me", "DELETE", "/snapshots/c", "", 404, missing)
	s.do("you", "POST", "/snapshots/a/restore", "", 404, "There is no snapshot a of this workspace")
	s.do("me", "DELETE", "/snapshots/a", "", 204, "")
	s.do("me", "GET", "/snapshots", "", 200, `{"snapshots":[`+b+`]}`)
}

func TestClock(t *testing.T) {
	t.Parallel()
	s := startSteered(t)
	s.do("me", "GET", "/clock", "", 200, `{"now":"2026-03-01T12:00:00Z","frozen":false}`)
	s.do("me", "POST", "/clock/advance", `{"by":"-1h30m"}`, 200, `{"now":"2026-03-01T10:30:00Z","frozen":false,"offset":"-1h30m0s"}`)
	s.do("me", "PUT", "/clock", `{"frozen":true}`, 200, `{"now":"2026-03-01T10:30:00Z","frozen":true}`)
	s.do("me", "POST", "/clock/advance", `{"by":"250ms"}`, 200, `{"now":"2026-03-01T10:30:00.25Z","frozen":true}`)
	s.do("me", "PUT", "/clock", `{"frozen":true,"now":"2030-01-01T01:00:00+01:00"}`, 200, `{"now":"2030-01-01T00:00:00Z","frozen":true}`)
	s.do("me", "PUT", "/clock", `{"frozen":false,"now":"2026-03-01T12:00:01Z"}`, 200, `{"now":"2026-03-01T12:00:01Z","frozen":false,"offset":"1s"}`)
	s.do("you", "GET", "/clock", "", 200, `{"now":"2026-03-01T12:00:00Z","frozen":false}`)
	s.do("me", "PUT", "/clock", `{"now":"9999-01-01T00:00:00Z","frozen":false}`, 422,
		"now: a running clock is within 292 years of the real one: freeze it at such a time")
	s.do("me", "POST", "/clock/advance", `{"by":"999999999999h"}`, 422, "by: a clock can be moved by 292 years at a time")
	s.do("me", "POST", "/clock/advance", `{"by":"1d"}`, 400, "The request breaks the document")
	s.do("me", "GET", "/clock", "", 200, `{"now":"2026-03-01T12:00:01Z","frozen":false,"offset":"1s"}`)
}

func TestIDs(t *testing.T) {
	t.Parallel()
	s := startSteered(t)
	s.do("me", "GET", "/ids", "", 200, `{"source":"random"}`)
	for _, ids := range []string{`{"source":"seeded","seed":-7}`, `{"source":"sequential","seed":0}`} {
		s.do("me", "PUT", "/ids", ids, 200, ids)
		s.do("me", "GET", "/ids", "", 200, ids)
	}
	s.do("me", "PUT", "/ids", `{"source":"sequential"}`, 200, `{"source":"sequential","seed":0}`)
	s.do("you", "GET", "/ids", "", 200, `{"source":"random"}`)
	s.do("me", "PUT", "/ids", `{"source":"random","seed":3}`, 200, `{"source":"random"}`)
	s.do("me", "PUT", "/ids", `{"source":"dice"}`, 400, "The request breaks the document")
}
