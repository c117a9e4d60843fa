package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/site"
)

// inProcess is the whole server without a listener, which keeps the exchanges it
// records.
type inProcess struct {
	app   *App
	stock map[string]*openapi3.T // API -> document as kin-openapi takes it

	mu       sync.Mutex
	recorded []*site.Exchange
}

func newInProcess(tb testing.TB, o Options) *inProcess {
	tb.Helper()
	p := &inProcess{stock: map[string]*openapi3.T{}}
	o.record = func(x *site.Exchange) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.recorded = append(p.recorded, x)
	}
	var err error
	if p.app, err = New(context.Background(), o); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.app.Close() })
	for _, api := range []site.API{brms.New(nil, nil), datafold.New(nil, nil), control.New(control.Options{})} {
		spec, err := openapi3.NewLoader().LoadFromData(api.Source().JSON)
		if err != nil {
			tb.Fatal(err)
		}
		ready(spec)
		p.stock[api.Source().API] = spec
	}
	return p
}

// ask serves a request and holds the answer against all that every answer must be:
// no internal error, recorded once, in the API's form when it refuses, right by
// the document in both judgements.
func (p *inProcess) ask(t *testing.T, r *http.Request) answered {
	t.Helper()
	w := httptest.NewRecorder()
	p.app.ServeHTTP(w, r)
	a := answered{w.Code, w.Header(), w.Body.String()}
	p.mu.Lock()
	recorded := p.recorded
	p.recorded = nil
	p.mu.Unlock()

	if a.status >= 500 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	if len(recorded) != 1 {
		t.Fatalf("%d exchanges recorded", len(recorded))
	}
	x := recorded[0]
	if x.Status != a.status || x.Err != nil || x.ID == "" {
		t.Fatalf("recorded status %d of %d, error %v", x.Status, a.status, x.Err)
	}
	for _, e := range x.Explained {
		if e.Side != contract.SideClient {
			t.Fatalf("our own violation: %s", e.Message)
		}
	}
	if r.Method == http.MethodHead {
		if a.body != "" {
			t.Fatalf("HEAD answered with a body: %s", a.body)
		}
		return a
	}
	if a.status >= 400 {
		if err := inShapeOf(x.API, a.status, a.header, a.body); err != nil {
			t.Fatal(err)
		}
	}
	op := x.Operation
	if op == nil {
		return a
	}
	for _, v := range op.JudgeResponse(r.Context(), r.Method, a.status, a.header, []byte(a.body)) {
		t.Fatalf("status %d breaks %s at %q", a.status, v.Rule, v.Pointer())
	}
	spec := p.stock[x.API]
	item := spec.Paths.Value(op.Path)
	alike := likeness(x.API+" "+op.ID, a.status, a.header, a.body)
	if _, right := foundRight.Load(alike); right {
		return a
	}
	if err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: r, Options: stock,
			Route: &routers.Route{Spec: spec, Path: op.Path, PathItem: item, Method: op.Method, Operation: item.GetOperation(op.Method)},
		},
		Status: a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(a.body)), Options: stock,
	}); err != nil {
		t.Fatalf("status %d: stock kin-openapi: %v", a.status, err)
	}
	foundRight.Store(alike, true)
	return a
}

// foundRight are the answers that the stock judge, which compiles the whole schema for
// each and takes a tenth of a second for a large one, has found right; those that differ
// in ids, times and numbers alone are alike to it.
var foundRight sync.Map

// likeness is the same for answers that are alike.
func likeness(operation string, status int, header http.Header, body string) [sha256.Size]byte {
	text := fmt.Appendln(make([]byte, 0, len(body)), operation, status, header.Get("Content-Type"))
	for len(body) > 0 {
		if len(body) >= 36 && body[8] == '-' && uuid.Validate(body[:36]) == nil {
			text, body = append(text, '7'), body[36:]
			continue
		}
		digits := 0
		for digits < len(body) && (body[digits] >= '0' && body[digits] <= '9' || body[digits] == '.' || body[digits] == '-' || body[digits] == '+') {
			digits++
		}
		if digits > 0 {
			text, body = append(text, '7'), body[digits:]
			continue
		}
		text, body = append(text, body[0]), body[1:]
	}
	return sha256.Sum256(text)
}

// sendable makes a request as net/http hands one over; nil if it would not.
func sendable(method, target string, header http.Header, body []byte) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil || !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \t\r\n\x00") {
		return nil
	}
	r, err := http.NewRequestWithContext(context.Background(), method, "http://understudy.test/", bytes.NewReader(body))
	if err != nil {
		return nil
	}
	r.URL, r.RequestURI = u, target
	for name, values := range header {
		for _, value := range values {
			if name == "" || strings.ContainsFunc(name, notToken) || strings.ContainsFunc(value, isControl) {
				return nil
			}
			r.Header.Add(name, strings.Trim(value, " \t"))
		}
	}
	return r
}

func notToken(c rune) bool {
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", c) && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// FuzzHandler sends arbitrary requests to the whole server.
func FuzzHandler(f *testing.F) {
	const looker = `{"base_url":"b","client_id":"c","client_secret":"s","repo_id":1,"bindings":[{"remoteId":"1","boundIds":[7.0]}]}`
	const project = `{"name":"p","key":"pp"}`
	for _, seed := range []struct{ method, target, authorization, contentType, body string }{
		{"GET", "/api/health", "", "", ""},
		{"GET", "/api/projects?page=1&perPage=1e2&all=true", "Bearer s", "", ""},
		{"POST", "/api/projects", "Bearer s", "application/json", project},
		{"POST", "/api/projects", "Bearer s", "text/plain", project},
		{"PUT", "/api/projects/3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", "Bearer s", "application/json", project},
		{"DELETE", "/api/projects/x%2Fy/integrations/%00", "Bearer s", "", ""},
		{"POST", "/api/projects/3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f/integrations", "Bearer s", "application/json", `{"name":"r","type":"http","kind":"k","config":{"url":"u","timeout":1e3}}`},
		{"GET", "/api/v1/lineage/bi/", "Key s", "", ""},
		{"GET", "/api/v1/lineage/bi/1", "Key s", "", ""},
		{"GET", "/api/v1/lineage/bi/-0/", "Key s", "", ""},
		{"GET", "/api/v1/lineage/bi/9223372036854775808/sync/", "Key s", "", ""},
		{"POST", "/api/v1/lineage/bi/looker/", "Key s", "application/json", looker},
		{"PUT", "/api/v1/lineage/bi/looker/1/", "Key s", "application/json; charset=utf-8", looker},
		{"POST", "/api/v1/lineage/bi/powerbi/", "Key s", "", `{"auth_type":"delegated","client_id":null}`},
		{"DELETE", "/api/v1/lineage/bi/1/", "Basic s", "", "{"},
		{"GET", "/_understudy/health/live", "", "", ""},
		{"GET", "/_understudy/exchanges/0123456789abcdef", "Bearer s", "", ""},
		{"OPTIONS", "/api/v1/lineage/bi//", "", "", ""},
		{"HEAD", "//api/./health/../projects", "Bearer s", "", ""},
		{"BREW", "/?%zz=%ff&;", "Bearer \xff", "a/b", "\xff\x00"},
	} {
		for _, report := range []bool{false, true} {
			f.Add(report, seed.method, seed.target, seed.authorization, seed.contentType, "Expect", "", []byte(seed.body))
		}
	}
	strict, reporting := newInProcess(f, Options{}), newInProcess(f, Options{Enforce: site.EnforceReport})
	f.Fuzz(func(t *testing.T, report bool, method, target, authorization, contentType, name, value string, body []byte) {
		header := http.Header{}
		for key, value := range map[string]string{"Authorization": authorization, "Content-Type": contentType, name: value} {
			if value != "" {
				header[key] = append(header[key], value)
			}
		}
		p := strict
		if report {
			p = reporting
		}
		if r := sendable(method, target, header, body); r != nil {
			p.ask(t, r)
		}
	})
}
