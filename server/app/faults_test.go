package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

func memory(t *testing.T) storage.Store {
	t.Helper()
	store, err := sqlite.Open(context.WithoutCancel(t.Context()), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// unjudged are limits under which answers are not judged.
func unjudged() *site.Limits {
	l := site.DefaultLimits()
	l.JudgeReply = false
	return &l
}

// tamperedStore is a store whose integrations, once written, lose what they are
// made of: an integration without configuration has null for its lists.
type tamperedStore struct{ storage.Store }

func (s *tamperedStore) View(ctx context.Context, workspace string, fn func(storage.ReadTx) error) error {
	return s.Store.View(ctx, workspace, func(tx storage.ReadTx) error { return fn(tamperedTx{tx}) })
}

type tamperedTx struct{ storage.ReadTx }

func (tx tamperedTx) Get(kind, id string) (storage.Record, error) {
	r, err := tx.ReadTx.Get(kind, id)
	switch kind {
	case "brms.integration":
		r.Body = []byte(`{"name":"n","type":"http","kind":"k","config":{}}`)
	case "datafold.bi":
		r.Body = []byte(`{"type":"looker","bindings":[{"remoteId":"SECRET-IN-RECORD"}]}`)
	}
	return r, err
}

// failingStore is a store that cannot.
type failingStore struct {
	storage.Store
	fail func() error
}

func (s *failingStore) Update(context.Context, string, func(storage.Tx) error) error { return s.fail() }

func (s *failingStore) View(context.Context, string, func(storage.ReadTx) error) error {
	return s.fail()
}
func (s *failingStore) Ping(context.Context) error { return s.fail() }

// lockedText keeps what several goroutines write.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const (
	aProject     = "/api/projects/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77"
	anBI         = "/api/v1/lineage/bi/1/"
	createBody   = `{"name":"n","key":"kk"}`
	createDbt    = `{"ci_config_id":1}`
	integrations = "/integrations"
)

// everyCall is a request for each operation that touches the store.
var everyCall = []struct{ api, method, target, body string }{
	{"brms", "GET", "/api/health", ""},
	{"brms", "GET", "/api/projects", ""},
	{"brms", "POST", "/api/projects", createBody},
	{"brms", "GET", aProject, ""},
	{"brms", "PUT", aProject, createBody},
	{"brms", "DELETE", aProject, ""},
	{"brms", "GET", aProject + "/approvals", ""},
	{"brms", "PUT", aProject + "/restore", ""},
	{"brms", "GET", aProject + integrations, ""},
	{"brms", "POST", aProject + integrations, `{"name":"n","type":"http","kind":"k","config":{"url":"u"}}`},
	{"brms", "GET", aProject + integrations + aProject[len("/api/projects"):], ""},
	{"brms", "PUT", aProject + integrations + aProject[len("/api/projects"):], `{"name":"n","config":{"url":"u"}}`},
	{"brms", "DELETE", aProject + integrations + aProject[len("/api/projects"):], ""},
	{"datafold", "GET", "/api/v1/lineage/bi/", ""},
	{"datafold", "GET", anBI, ""},
	{"datafold", "DELETE", anBI, ""},
	{"datafold", "GET", anBI + "sync/", ""},
	{"datafold", "POST", "/api/v1/lineage/bi/dbt/", createDbt},
	{"datafold", "PUT", "/api/v1/lineage/bi/dbt/1/", createDbt},
	{"datafold", "POST", "/api/v1/lineage/bi/powerbi/", `{}`},
	{"datafold", "PUT", "/api/v1/lineage/bi/powerbi/1/", `{}`},
	{"datafold", "POST", "/api/v1/lineage/bi/mode/", `{"token":"SECRET","password":"SECRET"}`},
	{"understudy", "GET", "/_understudy/health/ready", ""},
}

// Whatever the store does, every operation answers in its API's own words and
// tells nothing of the cause.
func TestFailingStore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fail   func() error
		status int
	}{
		"unavailable":       {func() error { return &storage.Error{Code: storage.CodeUnavailable, Err: errors.New("SECRET")} }, 503},
		"wrapped":           {func() error { return fmt.Errorf("x: %w", &storage.Error{Code: storage.CodeUnavailable}) }, 503},
		"corrupt":           {func() error { return &storage.Error{Code: storage.CodeCorrupt, Err: errors.New("SECRET")} }, 500},
		"internal":          {func() error { return &storage.Error{Code: storage.CodeInternal, Err: errors.New("SECRET")} }, 500},
		"invalid":           {func() error { return &storage.Error{Code: storage.CodeInvalid, Err: errors.New("SECRET")} }, 500},
		"no error of its":   {func() error { return errors.New("SECRET") }, 500},
		"deadline exceeded": {func() error { return context.DeadlineExceeded }, 503},
		"panic":             {func() error { panic("SECRET") }, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &lockedText{}
			w := startServerOver(t, &failingStore{Store: memory(t), fail: test.fail}, Options{
				Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			for _, call := range everyCall {
				header := bearer("s")
				if call.api == "datafold" {
					header = key("s")
				}
				got := w.do(t, call.method, call.target, header, strings.NewReader(call.body))
				status := test.status
				if call.target == "/api/health" || call.target == "/_understudy/health/ready" {
					// Health does not ask why the store cannot be reached.
					if name != "panic" {
						status = 503
					}
				}
				if got.status != status {
					t.Errorf("%s %s: %d %s, want %d", call.method, call.target, got.status, got.body, status)
				}
				if err := inShapeOf(call.api, status, got.header, got.body); err != nil {
					t.Errorf("%s %s: %v", call.method, call.target, err)
				}
				if retry := got.header.Get("Retry-After"); (status == 503) != (retry == "1") {
					t.Errorf("%s %s: Retry-After %q with %d", call.method, call.target, retry, status)
				}
				if strings.Contains(got.body, "SECRET") {
					t.Errorf("%s %s tells the cause: %s", call.method, call.target, got.body)
				}
			}
			if name == "panic" && strings.Contains(log.String(), "SECRET") {
				t.Errorf("the log tells what was passed to panic: %s", log)
			}
		})
	}
}

// A closed store is one that cannot be reached.
func TestClosedStore(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	if err := w.app.Close(); err != nil {
		t.Fatal(err)
	}
	for _, call := range everyCall {
		header := bearer("s")
		if call.api == "datafold" {
			header = key("s")
		}
		if got := w.do(t, call.method, call.target, header, strings.NewReader(call.body)); got.status != 503 {
			t.Errorf("%s %s: %d %s", call.method, call.target, got.status, got.body)
		}
	}
	if got := w.do(t, "GET", "/_understudy/health/live", nil, http.NoBody); got.status != 200 {
		t.Errorf("liveness: %d %s", got.status, got.body)
	}
}

// An answer that breaks the document never leaves: the caller gets the API's 500,
// the log says which operation broke which rule and where, and no value.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	log := &lockedText{}
	w := startServerOver(t, &tamperedStore{Store: memory(t)}, Options{
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	created := w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(createBody))
	project := created.body[strings.Index(created.body, `"id":"`)+6:][:36]
	made := w.do(t, "POST", "/api/projects/"+project+integrations, bearer("s"), strings.NewReader(`{"name":"n","type":"http","kind":"k","config":{"url":"u"}}`))
	id := made.body[strings.Index(made.body, `"id":"`)+6:][:36]
	w.do(t, "POST", "/api/v1/lineage/bi/dbt/", key("s"), strings.NewReader(createDbt))
	for _, call := range []struct{ api, target, operation, pointer string }{
		{"brms", "/api/projects/" + project + integrations + "/" + id, "getIntegration", "/config/cookies"},
		{"datafold", anBI, "get_integration_api_v1_lineage_bi__bi_datasource_id___get", "/bindings/0/boundIds"},
	} {
		header := bearer("s")
		if call.api == "datafold" {
			header = key("s")
		}
		got := w.do(t, "GET", call.target, header, http.NoBody)
		if got.status != 500 {
			t.Errorf("%s: %d %s", call.target, got.status, got.body)
		}
		if err := inShapeOf(call.api, 500, got.header, got.body); err != nil {
			t.Error(err)
		}
		if text := log.String(); !strings.Contains(text, call.operation) || !strings.Contains(text, call.pointer) {
			t.Errorf("the log does not tell %s and %s: %s", call.operation, call.pointer, text)
		}
		exchange := want(t, 200, must(w.control(header.Get("Authorization")).GetExchangeWithResponse(t.Context(), got.header.Get("Understudy-Exchange"), nil))).JSON200
		if len(exchange.Violations) == 0 || exchange.Violations[0].Side != "server" {
			t.Errorf("exchange %+v", exchange)
		}
	}
	if strings.Contains(log.String(), "SECRET") {
		t.Error("the log tells a value of the answer")
	}
}

// The surfaces at which a request can be refused before a handler, per API.
func TestSurfaces(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	for name, test := range map[string]struct {
		api, method, target, body string
		status                    int
	}{
		"brms unknown path":           {"brms", "GET", "/api/projects/x/y/z", "", 404},
		"brms unknown method":         {"brms", "PATCH", "/api/projects", "", 404},
		"brms parameter":              {"brms", "DELETE", "/api/projects/not-a-uuid/integrations/x", "", 400},
		"brms query":                  {"brms", "GET", "/api/projects?page=x", "", 400},
		"brms JSON":                   {"brms", "POST", "/api/projects", `{"a":`, 400},
		"brms body":                   {"brms", "POST", "/api/projects", `{}`, 400},
		"brms no body":                {"brms", "POST", "/api/projects", ``, 400},
		"brms two bodies":             {"brms", "POST", "/api/projects", createBody + createBody, 400},
		"brms body of another type":   {"brms", "POST", "/api/projects", `[]`, 400},
		"brms null":                   {"brms", "POST", "/api/projects", `null`, 400},
		"brms not UTF-8":              {"brms", "POST", "/api/projects", "{\"name\":\"\xff\",\"key\":\"kk\"}", 400},
		"brms member twice":           {"brms", "POST", "/api/projects", `{"name":"n","name":"m","key":"kk"}`, 400},
		"brms depth":                  {"brms", "POST", "/api/projects", deep(10_000), 400},
		"brms depth of objects":       {"brms", "POST", "/api/projects", strings.Repeat(`{"a":`, 10_000), 400},
		"brms depth in any":           {"brms", "POST", "/api/projects", `{"name":"n","key":"kk","x":` + deep(10_000) + `}`, 400},
		"datafold unknown path":       {"datafold", "GET", "/api/v1/lineage/other/", "", 404},
		"datafold unknown method":     {"datafold", "PATCH", "/api/v1/lineage/bi/", "", 405},
		"datafold parameter":          {"datafold", "DELETE", "/api/v1/lineage/bi/abc/", "", 422},
		"datafold JSON":               {"datafold", "POST", "/api/v1/lineage/bi/dbt/", `{"a":`, 422},
		"datafold body":               {"datafold", "POST", "/api/v1/lineage/bi/dbt/", `{}`, 422},
		"datafold no body":            {"datafold", "POST", "/api/v1/lineage/bi/dbt/", ``, 422},
		"datafold two bodies":         {"datafold", "POST", "/api/v1/lineage/bi/dbt/", createDbt + createDbt, 422},
		"datafold null":               {"datafold", "POST", "/api/v1/lineage/bi/dbt/", `null`, 422},
		"datafold not UTF-8":          {"datafold", "POST", "/api/v1/lineage/bi/dbt/", "{\"ci_config_id\":1,\"name\":\"\xff\"}", 422},
		"datafold depth":              {"datafold", "POST", "/api/v1/lineage/bi/dbt/", deep(10_000), 422},
		"datafold depth in any":       {"datafold", "POST", "/api/v1/lineage/bi/dbt/", `{"ci_config_id":1,"x":` + deep(10_000) + `}`, 422},
		"datafold depth with a float": {"datafold", "POST", "/api/v1/lineage/bi/dbt/", `{"ci_config_id":1.0,"x":` + deep(9_000) + `}`, 422},
		"control unknown path":        {"understudy", "GET", "/_understudy/nothing", "", 404},
		"control root":                {"understudy", "GET", "/_understudy", "", 404},
		"control method":              {"understudy", "POST", "/_understudy/health/live", "", 405},
		"control parameter":           {"understudy", "GET", "/_understudy/exchanges/x", "", 400},
		"control not there":           {"understudy", "GET", "/_understudy/exchanges/0123456789abcdef", "", 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := bearer("surfaces")
			if test.api == "datafold" {
				header = key("surfaces")
			}
			got := w.do(t, test.method, test.target, header, strings.NewReader(test.body))
			if got.status != test.status {
				t.Fatalf("%d %s, want %d", got.status, got.body, test.status)
			}
			if err := inShapeOf(test.api, test.status, got.header, got.body); err != nil {
				t.Error(err)
			}
			if allow := got.header.Get("Allow"); (got.status == 405) != (allow != "") {
				t.Errorf("Allow %q with %d", allow, got.status)
			}
		})
	}
}

func deep(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// The two items of "Must show" whose bodies are spelled out.
func TestMustShowBodies(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	got := w.do(t, "DELETE", "/api/v1/lineage/bi/abc/", key("s"), http.NoBody)
	for _, part := range []string{`"type":"int_parsing"`, `"loc":["path","bi_datasource_id"]`} {
		if got.status != 422 || !strings.Contains(got.body, part) {
			t.Errorf("%d %s, want %s", got.status, got.body, part)
		}
	}
	got = w.do(t, "POST", "/api/v1/lineage/bi/dbt/", key("s"), strings.NewReader(`{"a":`))
	if got.status != 422 || !strings.Contains(got.body, `"type":"json_invalid"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}
