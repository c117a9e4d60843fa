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
	"github.com/understudy-api/understudy/storage/sqlite"
)

const exchanges = "/_understudy/exchanges/"

// start serves the API on a real listener.
func start(t *testing.T, recent *contract.Recent) (url string, store *sqlite.Store) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	site, err := contract.NewSite(contract.Options{
		API:    control.New(store, contract.OpenKeyring{}, recent),
		Limits: contract.DefaultLimits(), Record: recent.Record,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(site)
	t.Cleanup(func() {
		listener.Close()
		_ = store.Close()
	})
	return listener.URL, store
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
	url, store := start(t, contract.NewRecent(0))
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
	recent := contract.NewRecent(2)
	url, _ := start(t, recent)
	mine, _ := contract.OpenKeyring{}.Principal("mine")
	recent.Record(&contract.Exchange{
		ID: "0000000000000001", Time: time.Date(2026, 11, 21, 9, 30, 0, 0, time.FixedZone("", 3600)), Duration: 1500 * time.Microsecond,
		API: "brms", Workspace: mine.Workspace, Method: "GET", Path: "/api/x", Status: 400, Refused: true,
		Explained: []contract.Explained{{
			Side: contract.SideClient, Rule: "type", Basis: contract.BasisPublished, Refused: true, In: contract.InBody,
			Pointer: "/a", Message: "m", Got: "5", Accepted: "a string",
			Where: contract.Location{File: "f", Pointer: "/p", Line: 7},
		}},
	})
	resp, body := send(t, "GET", url+exchanges+"0000000000000001", "Key mine")
	var got, wanted any
	if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s, %v", resp.StatusCode, body, err)
	}
	if err := json.Unmarshal([]byte(`{
		"id":"0000000000000001","time":"2026-11-21T08:30:00Z","durationMicroseconds":1500,"api":"brms","method":"GET","path":"/api/x","status":400,"refused":true,
		"violations":[{"side":"client","rule":"type","basis":"published","refused":true,"in":"body","pointer":"/a","message":"m","got":"5",
			"accepted":"a string","document":{"file":"f","pointer":"/p","line":7}}]}`), &wanted); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
	if resp, body := send(t, "GET", url+exchanges+"0000000000000001", "Key other"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("another workspace: %d %s", resp.StatusCode, body)
	}
	// Only the newest are kept; the refusal just seen is one of them.
	recent.Record(&contract.Exchange{ID: "0000000000000002", Workspace: mine.Workspace, Status: 404})
	recent.Record(&contract.Exchange{ID: "0000000000000003", Workspace: mine.Workspace, Status: 404})
	if resp, _ := send(t, "GET", url+exchanges+"0000000000000001", "Bearer mine"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an exchange that is no longer kept: %d", resp.StatusCode)
	}
	resp, body = send(t, "GET", url+exchanges+"0000000000000003", "Bearer mine")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"violations":[]`) {
		t.Errorf("without violations: %d %s", resp.StatusCode, body)
	}
}

// Refusals are problem details.
func TestProblems(t *testing.T) {
	t.Parallel()
	url, _ := start(t, contract.NewRecent(0))
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
			if (test.status == 400) != (p.Violations != nil && len(*p.Violations) == 1) {
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
	api := control.New(nil, contract.OpenKeyring{}, nil)
	for kind, status := range map[contract.Kind]int{
		contract.KindInternal: 500, contract.KindInvalid: 400, contract.KindUnauthenticated: 401, contract.KindForbidden: 403,
		contract.KindNotFound: 404, contract.KindConflict: 409, contract.KindRouteNotFound: 404, contract.KindMethodNotAllowed: 405,
		contract.KindTooLarge: 413, contract.KindMediaType: 415, contract.KindUnavailable: 503, contract.Kind(99): 500,
	} {
		w := httptest.NewRecorder()
		api.Refuse(w, nil, &contract.Refusal{Kind: kind, Message: "m", Err: errors.New("secret detail")})
		var p understudy.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != status || p.Status != status {
			t.Errorf("kind %d: %d %s, %v", kind, w.Code, w.Body, err)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("kind %d tells its cause: %s", kind, w.Body)
		}
	}
}
