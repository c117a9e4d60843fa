package control_test

import (
	"encoding/json"
	"errors"
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
	"github.com/understudy-api/understudy/storage/sqlite"
)

const exchanges = "/_understudy/exchanges/"

// start serves the API on a real listener.
func start(t *testing.T, o evidence.Options) (url string, store *sqlite.Store, recorder *evidence.Recorder) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	recorder = evidence.New(store, o)
	site, err := site.NewSite(site.Options{
		API: control.New(control.Options{
			Store: store, Keys: site.OpenKeyring{}, Evidence: recorder, Version: "v1", Go: "go1",
			Documents: map[string]control.Document{"brms": {YAML: []byte("a: 1\n"), JSON: []byte(`{"a":1}`)}},
		}),
		Limits: site.DefaultLimits(), Record: recorder.Record,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(site)
	t.Cleanup(func() {
		listener.Close()
		_ = recorder.Close()
		_ = store.Close()
	})
	return listener.URL, store, recorder
}

// answered is an answer read to its end.
type answered struct {
	StatusCode int
	Header     http.Header
}

func send(t *testing.T, method, url, authorization string) (head answered, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header}, strings.TrimSpace(string(text))
}

func TestHealth(t *testing.T) {
	t.Parallel()
	url, store, _ := start(t, evidence.Options{})
	expect := func(path string, status int, body string) {
		t.Helper()
		resp, got := send(t, "GET", url+path, "")
		if resp.StatusCode != status || got != body {
			t.Errorf("%s: %d %s, want %d %s", path, resp.StatusCode, got, status, body)
		}
		if retry := resp.Header.Get("Retry-After"); (status == 503) != (retry == "1") {
			t.Errorf("%s: Retry-After %q", path, retry)
		}
	}
	expect("/_understudy/health/live", 200, `{"status":"ok"}`)
	expect("/_understudy/health/ready", 200, `{"status":"ok"}`)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	expect("/_understudy/health/live", 200, `{"status":"ok"}`)
	expect("/_understudy/health/ready", 503,
		`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The store cannot be reached"}`)
}

func TestExchange(t *testing.T) {
	t.Parallel()
	url, _, recorder := start(t, evidence.Options{Exchanges: 2})
	mine, _ := site.OpenKeyring{}.Principal("mine")
	recorder.Record(&site.Exchange{
		ID: "0000000000000001", Time: time.Date(2026, 11, 21, 9, 30, 0, 0, time.FixedZone("", 3600)), Duration: 1500 * time.Microsecond,
		API: "brms", Workspace: mine.Workspace, Method: "GET", Path: "/api/x", Status: 400, Refused: true,
		Explained: []contract.Explained{{
			Side: contract.SideClient, Rule: "type", Basis: contract.BasisPublished, Refused: true, In: contract.InBody,
			Pointer: "/a", Message: "m", Got: "5", Accepted: "a string",
			Where: contract.Location{File: "f", Pointer: "/p", Line: 7},
		}},
	})
	wanted := map[string]any{}
	if err := json.Unmarshal([]byte(`{
		"id":"0000000000000001","time":"2026-11-21T08:30:00Z","durationMicroseconds":1500,"api":"brms","method":"GET","path":"/api/x","status":400,"refused":true,
		"request":{"header":{},"body":""},"response":{"header":{},"body":""},
		"violations":[{"side":"client","rule":"type","basis":"published","refused":true,"in":"body","pointer":"/a","message":"m","got":"5",
			"accepted":"a string","document":{"file":"f","pointer":"/p","line":7}}]}`), &wanted); err != nil {
		t.Fatal(err)
	}
	wanted["workspace"] = mine.Workspace
	read := func() {
		t.Helper()
		resp, body := send(t, "GET", url+exchanges+"0000000000000001", "Key mine")
		got := map[string]any{}
		if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s, %v", resp.StatusCode, body, err)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Error(diff)
		}
	}
	read()
	if resp, body := send(t, "GET", url+exchanges+"0000000000000001", "Key other"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("another workspace: %d %s", resp.StatusCode, body)
	}
	// Only the newest stay in memory; one that broke the contract is in the store.
	for _, id := range []string{"0000000000000002", "0000000000000003", "0000000000000004"} {
		recorder.Record(&site.Exchange{ID: id, API: "brms", Workspace: mine.Workspace, Status: 404})
	}
	if err := recorder.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	read()
	if resp, _ := send(t, "GET", url+exchanges+"0000000000000002", "Bearer mine"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an exchange that is no longer kept: %d", resp.StatusCode)
	}
	resp, body := send(t, "GET", url+exchanges+"0000000000000004", "Bearer mine")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"violations":[]`) {
		t.Errorf("without violations: %d %s", resp.StatusCode, body)
	}
}

// A document comes in the form that is asked for, by the query before the header.
func TestDocument(t *testing.T) {
	t.Parallel()
	url, _, _ := start(t, evidence.Options{})
	for _, c := range []struct{ path, accept, contentType, body string }{
		{"brms", "", "application/yaml", "a: 1"},
		{"brms", "*/*", "application/yaml", "a: 1"},
		{"brms", "application/json", "application/json", `{"a":1}`},
		{"brms", "application/json;q=0.5, */*", "application/yaml", "a: 1"},
		{"brms", "text/html, application/json;q=0.9, */*;q=0.8", "application/json", `{"a":1}`},
		{"brms?format=json", "application/yaml", "application/json", `{"a":1}`},
		{"brms?format=yaml", "application/json", "application/yaml", "a: 1"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/_understudy/documents/"+c.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != c.contentType || strings.TrimSpace(string(text)) != c.body {
			t.Errorf("%s as %q: %d %s %s", c.path, c.accept, resp.StatusCode, resp.Header.Get("Content-Type"), text)
		}
	}
	if resp, body := send(t, "GET", url+"/_understudy/documents/datafold", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a document that is not served: %d %s", resp.StatusCode, body)
	}
	if resp, body := send(t, "GET", url+"/_understudy/documents/other", ""); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a document that is not declared: %d %s", resp.StatusCode, body)
	}
	if resp, body := send(t, "GET", url+"/_understudy/version", ""); resp.StatusCode != http.StatusOK || body != `{"version":"v1","go":"go1"}` {
		t.Errorf("version: %d %s", resp.StatusCode, body)
	}
}

// Refusals are problem details.
func TestProblems(t *testing.T) {
	t.Parallel()
	url, _, _ := start(t, evidence.Options{})
	for name, test := range map[string]struct {
		method, path, authorization string
		status                      int
		title, header, value        string
	}{
		"unknown path":    {"GET", "/_understudy/nothing", "Key s", 404, "Not Found", "", ""},
		"no credential":   {"GET", exchanges + "0123456789abcdef", "", 401, "Unauthorized", "WWW-Authenticate", `Bearer realm="understudy"`},
		"basic":           {"GET", exchanges + "0123456789abcdef", "Basic s", 401, "Unauthorized", "WWW-Authenticate", `Bearer realm="understudy"`},
		"method":          {"DELETE", exchanges + "0123456789abcdef", "Key s", 405, "Method Not Allowed", "Allow", "GET, HEAD"},
		"bad id":          {"GET", exchanges + "nope", "Key s", 400, "Bad Request", "", ""},
		"unknown id":      {"GET", exchanges + "0123456789abcdef", "Key s", 404, "Not Found", "", ""},
		"upper-case id":   {"GET", exchanges + "0123456789ABCDEF", "Key s", 400, "Bad Request", "", ""},
		"id with newline": {"GET", exchanges + "0123456789abcdef%0A", "Key s", 400, "Bad Request", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, body := send(t, test.method, url+test.path, test.authorization)
			var p understudy.Problem
			if err := json.Unmarshal([]byte(body), &p); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != test.status || p.Status != test.status || p.Title != test.title || p.Type != "about:blank" {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type %q", got)
			}
			if test.header != "" && resp.Header.Get(test.header) != test.value {
				t.Errorf("%s %q", test.header, resp.Header.Get(test.header))
			}
			if broken := name != "unknown id"; broken != (p.Violations != nil && len(*p.Violations) == 1) || test.status == 401 && p.Detail == nil {
				t.Errorf("violations of %s", body)
			}
			id := resp.Header.Get("Understudy-Exchange")
			if resp, body := send(t, "GET", url+exchanges+id, "Key s"); resp.StatusCode != http.StatusOK {
				t.Errorf("the exchange %q: %d %s", id, resp.StatusCode, body)
			}
		})
	}
}

// Refuse maps every kind of refusal to a status and tells no cause.
func TestRefuse(t *testing.T) {
	t.Parallel()
	api := control.New(control.Options{Keys: site.OpenKeyring{}})
	for kind, status := range map[site.Kind]int{
		site.KindInternal: 500, site.KindInvalid: 400, site.KindUnauthenticated: 401, site.KindForbidden: 403,
		site.KindNotFound: 404, site.KindConflict: 409, site.KindRouteNotFound: 404, site.KindMethodNotAllowed: 405,
		site.KindTooLarge: 413, site.KindMediaType: 415, site.KindUnavailable: 503, site.Kind(99): 500,
	} {
		w := httptest.NewRecorder()
		api.Refuse(w, nil, &site.Refusal{Kind: kind, Message: "m", Err: errors.New("secret detail")})
		var p understudy.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != status || p.Status != status {
			t.Errorf("kind %d: %d %s, %v", kind, w.Code, w.Body, err)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("kind %d tells its cause: %s", kind, w.Body)
		}
	}
}
