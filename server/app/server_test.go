package app

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/understudy-api/understudy/gen/brms/brmsclient"
	"github.com/understudy-api/understudy/gen/datafold/datafoldclient"
	"github.com/understudy-api/understudy/gen/understudy/understudyclient"
	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/quota"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// standIn is the whole server on a real listener, with a client that judges every
// answer by its document.
type standIn struct {
	url    string
	app    *App
	client *http.Client
	judge  *judge
}

// boss is the administrator of the servers that tests start.
const boss = "the-administrator-of-tests"

const keyOfTests = "0123456789abcdef0123456789abcdef"

// startServer serves the store that the options name, else one of the kind that the
// test is for: see testStore.
func startServer(t *testing.T, o Options) *standIn {
	t.Helper()
	o.AdminToken = cmp.Or(o.AdminToken, boss)
	if o.StoreKey == nil {
		o.StoreKey = []byte(keyOfTests)
	}
	if o.Store == "" {
		o.Store = testStore(t)
		if kindOf(t) == replicated {
			front, _ := startReplicas(t, o.Store, o)
			return front
		}
	}
	a, err := New(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	return serveApp(t, a)
}

// startServerOver serves a store that a test brings along.
func startServerOver(t *testing.T, store storage.Store, o Options) *standIn {
	t.Helper()
	a, err := build(store, o)
	if err != nil {
		t.Fatal(err)
	}
	return serveApp(t, a)
}

func serveApp(t *testing.T, a *App) *standIn {
	t.Helper()
	listener := httptest.NewServer(a)
	t.Cleanup(func() {
		listener.Close()
		bounded, _ := a.store.(*quota.Store)
		if _, fails := bounded.Unwrap().(*failingStore); fails {
			_ = a.Close() // its evidence is lost
		} else if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	j := newJudge(t)
	return &standIn{url: listener.URL, app: a, judge: j, client: &http.Client{
		Transport:     j,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func authorization(value string) func(context.Context, *http.Request) error {
	return func(_ context.Context, r *http.Request) error {
		if value != "" {
			r.Header.Set("Authorization", value)
		}
		return nil
	}
}

func (w *standIn) brms(secret string) *brmsclient.ClientWithResponses {
	return must(brmsclient.NewClientWithResponses(w.url, brmsclient.WithHTTPClient(w.client),
		brmsclient.WithRequestEditorFn(authorization("Bearer "+secret))))
}

func (w *standIn) datafold(secret string) *datafoldclient.ClientWithResponses {
	return must(datafoldclient.NewClientWithResponses(w.url, datafoldclient.WithHTTPClient(w.client),
		datafoldclient.WithRequestEditorFn(authorization("Key "+secret))))
}

func (w *standIn) control(value string) *understudyclient.ClientWithResponses {
	return must(understudyclient.NewClientWithResponses(w.url, understudyclient.WithHTTPClient(w.client),
		understudyclient.WithRequestEditorFn(authorization(value))))
}

// answered is an answer read to its end.
type answered struct {
	status int
	header http.Header
	body   string
}

// do sends a request that the generated clients cannot make.
func (w *standIn) do(t *testing.T, method, target string, header http.Header, body io.Reader) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+target, body)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	if r.ContentLength == 0 && (r.Body == nil || r.Body == http.NoBody) {
		r.Header.Del("Content-Type") // Fastify wants a body where a type is given
	}
	resp, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(text)}
}

// wire writes bytes on a connection, all of them first, and reads one answer
// then.
func (w *standIn) wire(t *testing.T, method string, request ...[]byte) answered {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, part := range request {
		if _, err := conn.Write(part); err != nil {
			t.Fatalf("the server did not read what was sent: %v", err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(text)}
}

func bearer(secret string) http.Header {
	return http.Header{"Authorization": {"Bearer " + secret}, "Content-Type": {"application/json"}}
}

func key(secret string) http.Header {
	return http.Header{"Authorization": {"Key " + secret}, "Content-Type": {"application/json"}}
}

// judge is a transport that holds every answer against the documents, twice: by
// our own judgement, and by kin-openapi as it comes, on the document as it stands.
type judge struct {
	t         *testing.T
	documents []judged

	mu   sync.Mutex
	seen map[string]map[int]int // operation -> status -> times
}

// operations counts the operations of APIs.
func (w *standIn) operations(apis ...string) int {
	n := 0
	for _, d := range w.judge.documents {
		if slices.Contains(apis, d.document.API) {
			n += len(d.document.Operations())
		}
	}
	return n
}

// judged is a document in both forms.
type judged struct {
	document *contract.Document
	router   routers.Router
}

// rest ends a path for gorilla/mux whose last parameter takes the rest of an address.
const rest = ":.+}"

var documentsOnce = sync.OnceValues(func() ([]judged, error) {
	var all []judged
	for _, api := range []site.API{
		brms.New(nil, nil), datafold.New(nil, nil), control.New(control.Options{}),
	} {
		document, err := contract.Load(api.Source())
		if err != nil {
			return nil, err
		}
		spec, err := openapi3.NewLoader().LoadFromData(api.Source().JSON)
		if err != nil {
			return nil, err
		}
		spec.Servers = nil
		ready(spec)
		for path, item := range spec.Paths.Map() { // OpenAPI has no word for the rest of a path
			for method := range item.Operations() {
				if op := document.Operation(method, path); op != nil && op.Template().Rest {
					spec.Paths.Delete(path)
					spec.Paths.Set(strings.TrimSuffix(path, "}")+rest, item)
					break
				}
			}
		}
		router, err := gorillamux.NewRouter(spec)
		if err != nil {
			return nil, err
		}
		all = append(all, judged{document, router})
	}
	return all, nil
})

// ready tells kin-openapi as it comes what it does not know of a document of version 3.1.
func ready(spec *openapi3.T) {
	if v := spec.Components.Schemas["ValidationError"]; v != nil { // any value, null too
		v.Value.Properties["input"].Value.Type = &openapi3.Types{"null", "boolean", "number", "string", "array", "object"}
	}
	// An answer does not have what is only written, required or not.
	for _, schema := range spec.Components.Schemas {
		schema.Value.Required = slices.DeleteFunc(slices.Clone(schema.Value.Required), func(name string) bool {
			p := schema.Value.Properties[name]
			return p != nil && p.Value.WriteOnly
		})
	}
}

// kin-openapi knows no Markdown.
func init() {
	openapi3filter.RegisterBodyDecoder("text/markdown", openapi3filter.PlainBodyDecoder)
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	documents, err := documentsOnce()
	if err != nil {
		t.Fatal(err)
	}
	return &judge{t: t, documents: documents, seen: map[string]map[int]int{}}
}

// stock is how kin-openapi judges for this test.
var stock = &openapi3filter.Options{
	MultiError: true, IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
}

func (j *judge) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	for _, d := range j.documents {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		found := r.Clone(r.Context())
		found.Method = method
		route, params, err := d.router.FindRoute(found)
		if err != nil {
			continue
		}
		op := d.document.Operation(route.Method, strings.ReplaceAll(route.Path, rest, "}"))
		if op == nil {
			j.t.Errorf("%s %s is not in %s", route.Method, route.Path, d.document.File)
			continue
		}
		j.count(d.document.API+" "+op.Method+" "+op.Path, resp.StatusCode)
		if r.Method == http.MethodHead {
			continue
		}
		for _, v := range op.JudgeResponse(r.Context(), r.Method, resp.StatusCode, resp.Header, body) {
			j.t.Errorf("%s %s: status %d breaks %s at %q (%s)", r.Method, r.URL.Path, resp.StatusCode, v.Rule, v.Pointer(), v.Where.Pointer)
		}
		alike := likeness(d.document.API+" "+op.ID, resp.StatusCode, resp.Header, string(body))
		if _, right := foundRight.Load(alike); right {
			continue
		}
		if err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{
				Request: r, PathParams: params, Route: route, Options: stock,
			},
			Status: resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)), Options: stock,
		}); err != nil {
			j.t.Errorf("%s %s: status %d: stock kin-openapi: %v", r.Method, r.URL.Path, resp.StatusCode, err)
			continue
		}
		foundRight.Store(alike, true)
	}
	return resp, nil
}

func (j *judge) count(operation string, status int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seen[operation] == nil {
		j.seen[operation] = map[int]int{}
	}
	j.seen[operation][status]++
}

// statuses lists what an operation answered.
func (j *judge) statuses(operation string) []int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(maps.Keys(j.seen[operation]))
}

// must takes a call of a generated client that got an answer.
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
func want[R response](t *testing.T, status int, r R) R {
	t.Helper()
	if r.StatusCode() != status {
		t.Fatalf("status %d, want %d: %s", r.StatusCode(), status, r.GetBody())
	}
	return r
}

// inShapeOf reports whether a body has the form of an API's errors of that status.
func inShapeOf(api string, status int, header http.Header, body string) error {
	contentType := map[string]string{
		"brms": "application/json; charset=utf-8", "datafold": "application/json", "understudy": "application/problem+json",
	}[api]
	if got := header.Get("Content-Type"); got != contentType {
		return fmt.Errorf("Content-Type %q, want %q", got, contentType)
	}
	member := map[string]string{
		"brms": fmt.Sprintf(`"statusCode":%d`, status), "datafold": `"detail":`, "understudy": fmt.Sprintf(`"status":%d`, status),
	}[api]
	if !strings.Contains(body, member) {
		return fmt.Errorf("body %s is not an error of %s", body, api)
	}
	if header.Get("Understudy-Exchange") == "" {
		return fmt.Errorf("no Understudy-Exchange")
	}
	return nil
}
