package datafold_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	gen "github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/gen/datafold/datafoldclient"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/datafold"
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
	*datafoldclient.ClientWithResponses

	url       string
	store     storage.Store
	clock     *clock
	log       *lockedBuffer
	mu        sync.Mutex
	exchanges []*site.Exchange
}

// lockedBuffer keeps what several goroutines write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
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
	store := newStore(t, c.Now)
	s := startAPI(t, datafold.New(store, site.OpenKeyring{}), c)
	s.store = store
	return s
}

// stored is the body of a record as the store keeps it, "" if it has none.
func (s *server) stored(t *testing.T, id string) string {
	t.Helper()
	principal, _ := site.OpenKeyring{}.Principal("a-key")
	body := ""
	err := s.store.View(t.Context(), principal.Workspace, func(tx storage.ReadTx) error {
		r, err := tx.Get("datafold.bi", id)
		body = string(r.Body)
		return err
	})
	if err != nil && !storage.IsNotFound(err) {
		t.Fatal(err)
	}
	return body
}

func startAPI(t *testing.T, api site.API, c *clock) *server {
	t.Helper()
	s := &server{clock: c, log: &lockedBuffer{}}
	site, err := site.NewSite(site.Options{
		API: api, Limits: site.DefaultLimits(),
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
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
	s.url, s.ClientWithResponses = listener.URL, client(t, listener.URL, "a-key")
	return s
}

// recorded is everything that was kept of exchanges, as text.
func (s *server) recorded(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var text strings.Builder
	for _, x := range s.exchanges {
		kept, err := json.Marshal(struct {
			Path      string
			Explained []contract.Explained
		}{x.Path, x.Explained})
		if err != nil {
			t.Fatal(err)
		}
		if len(x.Violations) > 0 {
			t.Errorf("exchange %s keeps violations with what came", x.ID)
		}
		text.Write(kept)
	}
	return text.String()
}

func client(t *testing.T, url, key string) *datafoldclient.ClientWithResponses {
	t.Helper()
	c, err := datafoldclient.NewClientWithResponses(url, datafoldclient.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Key "+key)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// raw sends a request that the generated client cannot make. Redirects are not
// followed.
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
	r.Header.Set("Authorization", "Key a-key")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
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

// wantDetail ends the test unless the answer is an error with that detail.
func wantDetail(t *testing.T, status int, detail string, r response) {
	t.Helper()
	want(t, status, r)
	var e gen.ErrorDetail
	if err := json.Unmarshal(r.GetBody(), &e); err != nil || e.Detail != detail {
		t.Errorf("body %s, want detail %q, %v", r.GetBody(), detail, err)
	}
}

// Whatever leaves the API as an error has FastAPI's form.
func TestErrorBodies(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, test := range map[string]struct {
		method, target string
		status         int
		want, allow    string
	}{
		"unknown path":        {"GET", "/api/v1/lineage/nothing", 404, `{"detail":"Not Found"}`, ""},
		"method of the list":  {"PATCH", "/api/v1/lineage/bi/", 405, `{"detail":"Method Not Allowed"}`, "GET"},
		"method of one":       {"PATCH", "/api/v1/lineage/bi/3/", 405, `{"detail":"Method Not Allowed"}`, "GET, DELETE"},
		"options":             {"OPTIONS", "/api/v1/lineage/bi/", 405, `{"detail":"Method Not Allowed"}`, "GET"},
		"put one of any type": {"PUT", "/api/v1/lineage/bi/3/", 405, `{"detail":"Method Not Allowed"}`, "GET, DELETE"},
		"post one":            {"POST", "/api/v1/lineage/bi/3/", 405, `{"detail":"Method Not Allowed"}`, "GET, DELETE"},
		"get a sync's end":    {"DELETE", "/api/v1/lineage/bi/3/sync/", 405, `{"detail":"Method Not Allowed"}`, "GET"},
		"not there":           {"GET", "/api/v1/lineage/bi/3/", 404, `{"detail":"BI integration not found"}`, ""},
		"two slashes":         {"GET", "/api/v1/lineage/bi//", 404, `{"detail":"Not Found"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body, header := s.raw(t, test.method, test.target, "")
			if status != test.status || body != test.want {
				t.Errorf("answer %d %s\nwant   %d %s", status, body, test.status, test.want)
			}
			if got := header.Get("Allow"); got != test.allow {
				t.Errorf("Allow %q, want %q", got, test.allow)
			}
			if got := header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
			if header.Get("Understudy-Exchange") == "" {
				t.Error("no Understudy-Exchange")
			}
		})
	}
}

// A body that cannot be read is told first, and what came is told as it came: its members
// in their order, its numbers as Python writes them.
func TestRefusedBodiesAreTold(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, body := range []string{`{`, `{"a":1,}`, `[1`, `{"ci_config_id":NaN}`, `nul`, "\xff"} {
		for _, target := range []string{"/api/v1/lineage/bi/dbt/x/", "/api/v1/lineage/bi/looker/1.5/"} {
			status, said, _ := s.raw(t, "PUT", target, body)
			if status != 422 || !strings.HasPrefix(said, `{"detail":[{"type":"json_invalid","loc":["body",`) || !strings.Contains(said, `,{"type":"int_parsing","loc":["path","bi_datasource_id"]`) {
				t.Errorf("%s %q: %d %s", target, body, status, said)
			}
		}
	}
	for body, input := range map[string]string{
		`{"z":1,"a":2,"m":3}`:                  `{"z":1,"a":2,"m":3}`,
		`{"b":{"d":[{"y":1,"x":2}],"c":null}}`: `{"b":{"d":[{"y":1,"x":2}],"c":null}}`,
		`{"10":1,"9":2,"":3}`:                  `{"10":1,"9":2,"":3}`,
		`{ "n" : "é\u0041" }`:                  `{"n":"éA"}`,
		`{"f":-1.5e3,"g":1e2,"h":1.50}`:        `{"f":-1500.0,"g":100.0,"h":1.5}`,
		`{"f":1e16,"g":1e-7,"h":-0.0}`:         `{"f":1e+16,"g":1e-07,"h":-0.0}`,
		`{"i":12345678901234567890,"j":-0}`:    `{"i":12345678901234567890,"j":0}`,
	} {
		want := `{"detail":[{"type":"missing","loc":["body","ci_config_id"],"msg":"Field required","input":` + input + `}]}`
		if status, said, _ := s.raw(t, "POST", "/api/v1/lineage/bi/dbt/", body); status != 422 || said != want {
			t.Errorf("%s\n got %s\nwant %s", body, said, want)
		}
	}
}

// FastAPI's routes answer HEAD with 405.
func TestHead(t *testing.T) {
	t.Parallel()
	s := start(t)
	status, body, header := s.raw(t, "HEAD", "/api/v1/lineage/bi/", "")
	if status != 405 || body != "" || header.Get("Allow") != "GET" {
		t.Errorf("HEAD: %d %q Allow %q", status, body, header.Get("Allow"))
	}
}

// A path whose final slash is missing is told where it is, method and query kept.
func TestSlashRedirect(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, test := range []struct{ method, target, location string }{
		{"GET", "/api/v1/lineage/bi", "/api/v1/lineage/bi/"},
		{"GET", "/api/v1/lineage/bi/3", "/api/v1/lineage/bi/3/"},
		{"DELETE", "/api/v1/lineage/bi/3?a=b%20c", "/api/v1/lineage/bi/3/?a=b%20c"},
		{"POST", "/api/v1/lineage/bi/looker", "/api/v1/lineage/bi/looker/"},
		{"PUT", "/api/v1/lineage/bi/looker/3", "/api/v1/lineage/bi/looker/3/"},
		{"GET", "/api/v1/lineage/bi/3/sync", "/api/v1/lineage/bi/3/sync/"},
	} {
		status, body, header := s.raw(t, test.method, test.target, "")
		if status != 307 || body != "" || header.Get("Location") != s.url+test.location {
			t.Errorf("%s %s: %d %q Location %q", test.method, test.target, status, body, header.Get("Location"))
		}
	}
}

// broken is the API with a handler, or a document, that does what a mistake of
// ours could do.
type broken struct {
	*datafold.API

	handler func() (gen.GetAllIntegrationsResponseObject, error)
	edit    func(document string) string
}

func (b *broken) GetAllIntegrations(context.Context, gen.GetAllIntegrationsRequestObject) (gen.GetAllIntegrationsResponseObject, error) {
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

// unencodable is a response whose encoding fails half-way.
type unencodable struct{}

func (unencodable) VisitGetAllIntegrationsResponse(w http.ResponseWriter) error {
	w.Header().Set("X-Half", "yes")
	_, _ = w.Write([]byte("["))
	return errors.New("secret detail")
}

// undeclared is a response with a status that no operation declares.
type undeclared struct{}

func (undeclared) VisitGetAllIntegrationsResponse(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusTeapot)
	_, err := w.Write([]byte("secret detail"))
	return err
}

const internalError = `{"detail":"Internal Server Error"}`

// A mistake of ours is the API's 500, wherever it happens, and tells nothing.
func TestInternalErrors(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func() (gen.GetAllIntegrationsResponseObject, error){
		"error":             func() (gen.GetAllIntegrationsResponseObject, error) { return nil, errors.New("secret detail") },
		"panic":             func() (gen.GetAllIntegrationsResponseObject, error) { panic("secret detail") },
		"encoding":          func() (gen.GetAllIntegrationsResponseObject, error) { return unencodable{}, nil },
		"undeclared status": func() (gen.GetAllIntegrationsResponseObject, error) { return undeclared{}, nil },
		"null for a list": func() (gen.GetAllIntegrationsResponseObject, error) {
			return gen.GetAllIntegrations200JSONResponse(nil), nil
		},
		"null in a list": func() (gen.GetAllIntegrationsResponseObject, error) {
			return gen.GetAllIntegrations200JSONResponse{{
				ID: 1, Type: "looker", Bindings: &[]gen.DataSourceBinding{{RemoteID: "r"}},
			}}, nil
		},
		"no answer": func() (gen.GetAllIntegrationsResponseObject, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			s := startAPI(t, &broken{API: datafold.New(newStore(t, c.Now), site.OpenKeyring{}), handler: handler}, c)
			status, body, header := s.raw(t, "GET", "/api/v1/lineage/bi/", "")
			if status != 500 || body != internalError {
				t.Errorf("answer %d %s\nwant   500 %s", status, body, internalError)
			}
			if header.Get("X-Half") != "" {
				t.Error("headers of the failed answer were sent")
			}
			if log := s.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "get_all_integrations") {
				t.Errorf("the log does not tell the operation: %s", log)
			}
		})
	}
}

// Should what the document accepts not bind, it is the API's 500 too.
func TestBindingErrors(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := startAPI(t, &broken{
		API: datafold.New(newStore(t, c.Now), site.OpenKeyring{}),
		edit: func(document string) string {
			var d map[string]any
			if err := json.Unmarshal([]byte(document), &d); err != nil {
				t.Fatal(err)
			}
			components := d["components"].(map[string]any)
			item := d["paths"].(map[string]any)["/api/v1/lineage/bi/{bi_datasource_id}/"].(map[string]any)
			parameter := item["get"].(map[string]any)["parameters"].([]any)[0].(map[string]any)
			parameter["schema"] = map[string]any{"type": "string"}
			config := components["schemas"].(map[string]any)["DbtDataSourceConfig"].(map[string]any)
			config["properties"].(map[string]any)["name"] = map[string]any{}
			text, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		},
	}, c)
	for name, test := range map[string]struct{ method, target, body string }{
		"parameter": {"GET", "/api/v1/lineage/bi/abc/", ""},
		"body":      {"POST", "/api/v1/lineage/bi/dbt/", `{"ci_config_id":1,"name":5}`},
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
	api := datafold.New(nil, site.OpenKeyring{})
	wanted := map[site.Kind]int{
		site.KindInternal: 500, site.KindInvalid: 422, site.KindUnauthenticated: 401, site.KindForbidden: 403,
		site.KindNotFound: 404, site.KindConflict: 409, site.KindRouteNotFound: 404,
		site.KindMethodNotAllowed: 405, site.KindTooLarge: 413, site.KindMediaType: 422,
		site.KindUnavailable: 503, site.KindSlashRedirect: 307, site.Kind(99): 500,
	}
	got := map[site.Kind]int{}
	for kind := range wanted {
		w := httptest.NewRecorder()
		api.Refuse(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", http.NoBody), &site.Refusal{
			Kind: kind, Message: "m", Err: errors.New("secret detail"),
		})
		got[kind] = w.Code
		var e struct{ Detail any }
		if err := json.Unmarshal(w.Body.Bytes(), &e); kind != site.KindSlashRedirect && (err != nil || e.Detail == nil) {
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
