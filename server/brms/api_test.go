package brms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	gen "github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/gen/brms/brmsclient"
	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// server is the API on a real listener, with an empty store in memory.
type server struct {
	*brmsclient.ClientWithResponses

	url   string
	clock *clock

	mu        sync.Mutex
	exchanges []*site.Exchange
}

// lastViolations are those of the newest exchange.
func (s *server) lastViolations() []contract.Explained {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exchanges[len(s.exchanges)-1].Explained
}

func newStore(t *testing.T, now func() time.Time) storage.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func start(t *testing.T) *server {
	t.Helper()
	c := newClock()
	return startAPI(t, brms.New(newStore(t, c.Now), site.OpenKeyring{}), c)
}

func startAPI(t *testing.T, api site.API, c *clock) *server {
	t.Helper()
	s := &server{clock: c}
	site, err := site.NewSite(site.Options{
		API: api, Limits: site.DefaultLimits(), Logger: slog.New(slog.DiscardHandler),
		Record: func(x *site.Exchange) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.exchanges = append(s.exchanges, x)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(site)
	t.Cleanup(listener.Close)
	s.url, s.ClientWithResponses = listener.URL, client(t, listener.URL, "a-token")
	return s
}

func client(t *testing.T, url, token string) *brmsclient.ClientWithResponses {
	t.Helper()
	c, err := brmsclient.NewClientWithResponses(url, brmsclient.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// raw sends a request that the generated client cannot make.
func (s *server) raw(t *testing.T, method, target, body string) (status int, answer string, header http.Header) {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+target, reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer a-token")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
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
	return resp.StatusCode, string(text), resp.Header
}

// must takes a call of the generated client that got an answer.
func must[R any](r R, err error) R {
	if err != nil {
		panic(err)
	}
	return r
}

type response interface {
	StatusCode() int
	GetBody() []byte
}

// want ends the test unless the answer has the status.
func want(t *testing.T, status int, r response) {
	t.Helper()
	if r.StatusCode() != status {
		t.Fatalf("status %d, want %d: %s", r.StatusCode(), status, r.GetBody())
	}
}

// wantError ends the test unless the answer is an error of that status and code.
func wantError(t *testing.T, status int, code string, r response) {
	t.Helper()
	want(t, status, r)
	var e gen.Error
	if err := json.Unmarshal(r.GetBody(), &e); err != nil {
		t.Fatal(err)
	}
	if e.StatusCode != status || e.Error != http.StatusText(status) || e.Message == "" {
		t.Errorf("error body %s is not of status %d", r.GetBody(), status)
	}
	if e.Code == nil || *e.Code != code {
		t.Errorf("error body %s, want code %q", r.GetBody(), code)
	}
}

func (s *server) createProject(t *testing.T, name, key string) gen.Project {
	t.Helper()
	r := must(s.CreateProjectWithResponse(t.Context(), gen.CreateProjectRequest{Name: name, Key: key}))
	want(t, 200, r)
	return r.JSON200.Project
}

func (s *server) createIntegration(t *testing.T, project uuid.UUID, kind string) gen.Integration {
	t.Helper()
	r := must(s.CreateIntegrationWithResponse(t.Context(), project, newIntegration(kind)))
	want(t, 200, r)
	return *r.JSON200
}

func newIntegration(kind string) gen.CreateIntegrationRequest {
	return gen.CreateIntegrationRequest{
		Name: "Integration " + kind, Type: "http", Kind: kind,
		Config: gen.HTTPIntegrationConfigInput{URL: "https://rates.example.com/v1"},
	}
}

// Whatever leaves the API as an error has Fastify's form.
func TestErrorBodies(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, test := range map[string]struct {
		method, target, body string
		status               int
		want                 string
	}{
		"unknown route": {
			"GET", "/api/nothing?x=1", "", 404,
			`{"message":"Route GET:/api/nothing?x=1 not found","error":"Not Found","statusCode":404}`,
		},
		"unknown method": {
			"PATCH", "/api/projects", "", 404,
			`{"message":"Route PATCH:/api/projects not found","error":"Not Found","statusCode":404}`,
		},
		"options": {
			"OPTIONS", "/api/projects", "", 404,
			`{"message":"Route OPTIONS:/api/projects not found","error":"Not Found","statusCode":404}`,
		},
		"final slash": {
			"POST", "/api/projects/", "", 404,
			`{"message":"Route POST:/api/projects/ not found","error":"Not Found","statusCode":404}`,
		},
		"empty parameter": {
			"GET", "/api/projects/", "", 400,
			`{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"params/projectId must match format \"uuid\""}`,
		},
		"a long parameter": {
			"GET", "/api/projects/" + strings.Repeat("a", 101), "", 400,
			`{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"params/projectId must match format \"uuid\""}`,
		},
		"a very long parameter": {
			"DELETE", "/api/projects/" + strings.Repeat("9", 5000), "", 400,
			`{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"params/projectId must match format \"uuid\""}`,
		},
		"two long parameters": {
			"GET", "/api/projects/" + strings.Repeat("a", 200) + "/integrations/" + strings.Repeat("b", 200), "", 400,
			`{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"params/projectId must match format \"uuid\", params/integrationId must match format \"uuid\""}`,
		},
		"no project": {
			"GET", "/api/projects/00000000-0000-0000-0000-000000000000", "", 404,
			`{"statusCode":404,"code":"project.notFound","error":"Not Found","message":"Project not found"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body, header := s.raw(t, test.method, test.target, test.body)
			if status != test.status || body != test.want {
				t.Errorf("answer %d %s\nwant   %d %s", status, body, test.status, test.want)
			}
			if got := header.Get("Content-Type"); got != "application/json; charset=utf-8" {
				t.Errorf("Content-Type %q", got)
			}
			if header.Get("Understudy-Exchange") == "" {
				t.Error("no Understudy-Exchange")
			}
		})
	}
}

// Fastify serves HEAD beside every GET.
func TestHead(t *testing.T) {
	t.Parallel()
	s := start(t)
	status, body, header := s.raw(t, "HEAD", "/api/projects", "")
	if status != 200 || body != "" || header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %q Content-Length %q", status, body, header.Get("Content-Length"))
	}
	for _, target := range []string{"/api/nope", "/", "/api/projects/x/y?a=%20", "//api/projects"} {
		refusal := `{"message":"Route HEAD:` + target + ` not found","error":"Not Found","statusCode":404}`
		status, body, header := s.raw(t, "HEAD", target, "")
		if status != 404 || body != "" || header.Get("Content-Length") != strconv.Itoa(len(refusal)) {
			t.Errorf("HEAD of %s: %d %q Content-Length %q, want %d", target, status, body, header.Get("Content-Length"), len(refusal))
		}
	}
}

// broken is the API with a handler, or a document, that does what a mistake of
// ours could do.
type broken struct {
	*brms.API

	handler func() (gen.GetHealthResponseObject, error)
	edit    func(document string) string
}

func (b *broken) GetHealth(context.Context, gen.GetHealthRequestObject) (gen.GetHealthResponseObject, error) {
	return b.handler()
}

func (b *broken) Register(route site.Route) {
	strict := gen.NewStrictHandlerWithOptions(b, nil, gen.StrictHTTPServerOptions{
		RequestErrorHandlerFunc: site.Fail, ResponseErrorHandlerFunc: site.Fail,
	})
	gen.Routes(strict, gen.GorillaServerOptions{ErrorHandlerFunc: site.Fail}, route)
}

func (b *broken) Source() contract.Source {
	source := b.API.Source()
	if b.edit != nil {
		source.JSON = []byte(b.edit(string(source.JSON)))
	}
	return source
}

// unencodable is a response whose encoding fails.
type unencodable struct{}

func (unencodable) VisitGetHealthResponse(http.ResponseWriter) error {
	return errors.New("secret detail")
}

// undeclared is a response with a status that no operation declares.
type undeclared struct{}

func (undeclared) VisitGetHealthResponse(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusTeapot)
	_, err := w.Write([]byte("secret detail"))
	return err
}

// halfDone writes a part of its answer and fails then.
type halfDone struct{}

func (halfDone) VisitGetHealthResponse(w http.ResponseWriter) error {
	w.Header().Set("X-Half", "yes")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(`{"status":`))
	return errors.New("secret detail")
}

const internalError = `{"statusCode":500,"error":"Internal Server Error","message":"Internal Server Error"}`

// A mistake of ours is the API's 500, wherever it happens, and tells nothing.
func TestInternalErrors(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func() (gen.GetHealthResponseObject, error){
		"error":              func() (gen.GetHealthResponseObject, error) { return nil, errors.New("secret detail") },
		"panic":              func() (gen.GetHealthResponseObject, error) { panic("secret detail") },
		"encoding":           func() (gen.GetHealthResponseObject, error) { return unencodable{}, nil },
		"half an answer":     func() (gen.GetHealthResponseObject, error) { return halfDone{}, nil },
		"undeclared status":  func() (gen.GetHealthResponseObject, error) { return undeclared{}, nil },
		"no answer":          func() (gen.GetHealthResponseObject, error) { return nil, nil },
		"canceled elsewhere": func() (gen.GetHealthResponseObject, error) { return nil, &storage.Error{Code: storage.CodeCorrupt} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s := startAPI(t, &broken{API: brms.New(newStore(t, c.Now), site.OpenKeyring{}), handler: handler}, c)
			status, body, header := s.raw(t, "GET", "/api/health", "")
			if status != 500 || body != internalError {
				t.Errorf("answer %d %s\nwant   500 %s", status, body, internalError)
			}
			if header.Get("X-Half") != "" {
				t.Error("headers of the failed answer were sent")
			}
		})
	}
}

// Should what the document accepts not bind, it is the API's 500 too.
func TestBindingErrors(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := startAPI(t, &broken{
		API: brms.New(newStore(t, c.Now), site.OpenKeyring{}),
		edit: func(document string) string {
			var d map[string]any
			if err := json.Unmarshal([]byte(document), &d); err != nil {
				t.Fatal(err)
			}
			components := d["components"].(map[string]any)
			parameter := components["parameters"].(map[string]any)["ProjectId"].(map[string]any)
			parameter["schema"] = map[string]any{"type": "string"}
			request := components["schemas"].(map[string]any)["CreateProjectRequest"].(map[string]any)
			request["properties"].(map[string]any)["name"] = map[string]any{}
			text, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		},
	}, c)
	for name, test := range map[string]struct{ method, target, body string }{
		"parameter": {"GET", "/api/projects/not-a-uuid", ""},
		"body":      {"POST", "/api/projects", `{"name":5,"key":"abc"}`},
	} {
		status, body, _ := s.raw(t, test.method, test.target, test.body)
		if status != 500 || body != internalError {
			t.Errorf("%s: answer %d %s\nwant   500 %s", name, status, body, internalError)
		}
	}
}

// Refuse maps every kind of refusal to a status of its own.
func TestRefuse(t *testing.T) {
	t.Parallel()
	api := brms.New(nil, site.OpenKeyring{})
	got := map[site.Kind]int{}
	wanted := map[site.Kind]int{
		site.KindInternal: 500, site.KindUnauthenticated: 401, site.KindForbidden: 403,
		site.KindNotFound: 404, site.KindConflict: 409, site.KindRouteNotFound: 404,
		site.KindTooLarge: 413, site.KindUnavailable: 503, site.Kind(99): 500,
	}
	for kind := range wanted {
		w := httptest.NewRecorder()
		api.Refuse(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", http.NoBody), &site.Refusal{
			Kind: kind, Message: "m", Err: errors.New("secret detail"),
		})
		got[kind] = w.Code
		var e gen.Error
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.StatusCode != w.Code {
			t.Errorf("kind %d: body %s, %v", kind, w.Body, err)
		}
		if bytes.Contains(w.Body.Bytes(), []byte("secret")) {
			t.Errorf("kind %d tells its cause: %s", kind, w.Body)
		}
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
}

// What is said of a target that is not found is short, and has no user in it.
func TestTargetIsCut(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/x?url=http://a:b@c/":                     "/x?url=http://a:b@c/",
		"http://user:pass@host/x@y":                "http://host/x@y",
		"http://user:p@ss@host?a=b@c":              "http://host?a=b@c",
		"http://host/x":                            "http://host/x",
		"/" + strings.Repeat("a", 5000):            "/" + strings.Repeat("a", 999) + "...",
		"/" + strings.Repeat("a", 998) + "\u00e9b": "/" + strings.Repeat("a", 998) + "...",
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", http.NoBody)
		r.RequestURI = target
		if got := brms.New(nil, nil).Unmatched(r, nil, "").Message; got != "Route GET:"+want+" not found" {
			t.Errorf("%.50s: %.100s", target, got)
		}
	}
}
