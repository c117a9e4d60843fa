package site

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/understudy-api/understudy/server/contract"
)

var variable = regexp.MustCompile(`\{(\w+)\}`)

// madeDocument is a document with the given operations ("GET /path"), in their
// order. Every path parameter is a string.
func madeDocument(operations []string) []byte {
	paths := map[string]map[string]any{}
	for i, operation := range operations {
		method, path, _ := strings.Cut(operation, " ")
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		parameters := []any{}
		for _, name := range variable.FindAllStringSubmatch(path, -1) {
			parameters = append(parameters, map[string]any{
				"name": name[1], "in": "path", "required": true, "schema": map[string]any{"type": "string"},
			})
		}
		paths[path][strings.ToLower(method)] = map[string]any{
			"operationId": fmt.Sprintf("op%d", i), "parameters": parameters,
			"responses": map[string]any{"200": map[string]any{"description": "ok"}},
		}
	}
	text, err := json.Marshal(map[string]any{
		"openapi": "3.0.3", "info": map[string]any{"title": "made", "version": "1"}, "paths": paths,
	})
	if err != nil {
		panic(err)
	}
	return text
}

// madeAPI serves a made-up document. A matched operation answers its template and
// its path parameters, an unmatched request what is known of it.
type madeAPI struct {
	operations []string
	source     contract.Source
	head       bool
}

func newMadeAPI(operations ...string) *madeAPI {
	return &madeAPI{operations: operations, source: contract.Source{
		API: "made", File: "made.json", JSON: madeDocument(operations),
	}}
}

func (a *madeAPI) Source() contract.Source { return a.source }

func (a *madeAPI) Register(route Route) {
	for _, operation := range a.operations {
		method, path, _ := strings.Cut(operation, " ")
		route(method, path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Operation", operation)
			for name, value := range mux.Vars(r) {
				w.Header().Set("Var-"+name, value)
			}
		})
	}
}

func (a *madeAPI) Authenticate(*http.Request, *contract.Operation) (Principal, *Refusal) {
	return Principal{}, nil
}

func (a *madeAPI) Refuse(w http.ResponseWriter, _ *http.Request, refusal *Refusal) {
	w.Header().Set("Allow", strings.Join(refusal.Allow, ", "))
	w.Header().Set("Location", refusal.Location)
	w.WriteHeader(map[Kind]int{KindRouteNotFound: 404, KindMethodNotAllowed: 405, KindSlashRedirect: 307, KindInvalid: 422}[refusal.Kind])
}

func (a *madeAPI) Unmatched(_ *http.Request, allow []string, other string) *Refusal {
	switch {
	case len(allow) > 0:
		return &Refusal{Kind: KindMethodNotAllowed, Allow: allow}
	case other != "":
		return &Refusal{Kind: KindSlashRedirect, Location: other}
	}
	return &Refusal{Kind: KindRouteNotFound}
}

func (a *madeAPI) HeadAsGet() bool { return a.head }

func TestRouting(t *testing.T) {
	// The variable before the static, as a generator may list them.
	api := newMadeAPI(
		"GET /things/{id}", "PUT /things/{id}", "GET /things", "POST /things", "GET /things/special",
		"GET /files/{name}/", "GET /files/{name}/parts/{part}/", "DELETE /files/{name}/parts/last/",
		"GET /{root}/x/y", "GET /a/{middle}/y", "GET /",
		"GET /jobs/{job}", "GET /jobs/{job}:run", "GET /jobs/{job}.{type}", "GET /jobs/{job}.json", "GET /jobs/{job}/s", "GET /jobs/{from}-{to}/s",
	)
	open := newMadeAPI(api.operations...)
	open.source.EncodedSlash, open.head = true, true
	sites := map[bool]*Site{}
	for kept, api := range map[bool]*madeAPI{false: api, true: open} {
		site, err := NewSite(Options{API: api, Limits: DefaultLimits()})
		if err != nil {
			t.Fatal(err)
		}
		sites[kept] = site
	}
	for _, c := range []struct {
		request string
		want    string // the operation, or what the unmatched request was refused with
		vars    string // name=value
	}{
		{"GET /things/7", "GET /things/{id}", "id=7"},
		{"PUT /things/7", "PUT /things/{id}", "id=7"},
		{"GET /things", "GET /things", ""},
		{"GET /", "GET /", ""},
		// Static text before a variable, whatever comes first in the document.
		{"GET /things/special", "GET /things/special", ""},
		{"GET /things/special2", "GET /things/{id}", "id=special2"},
		{"GET /things/Special", "GET /things/{id}", "id=Special"},
		{"PUT /things/special", "PUT /things/{id}", "id=special"},
		{"DELETE /files/a/parts/last/", "DELETE /files/{name}/parts/last/", "name=a"},
		{"GET /files/a/parts/last/", "GET /files/{name}/parts/{part}/", "part=last"},
		{"GET /a/x/y", "GET /a/{middle}/y", "middle=x"},
		{"GET /a/z/y", "GET /a/{middle}/y", "middle=z"},
		{"GET /b/x/y", "GET /{root}/x/y", "root=b"},
		// More text around a variable before less.
		{"GET /jobs/7", "GET /jobs/{job}", "job=7"},
		{"GET /jobs/7:run", "GET /jobs/{job}:run", "job=7"},
		{"GET /jobs/7%3Arun", "GET /jobs/{job}:run", "job=7"},
		{"GET /jobs/:run", "GET /jobs/{job}", "job=:run"},
		{"GET /jobs/7.8:run", "GET /jobs/{job}:run", "job=7.8"},
		{"GET /jobs/7.json", "GET /jobs/{job}.json", "job=7"},
		{"GET /jobs/7.8.pdf", "GET /jobs/{job}.{type}", "type=pdf"},
		{"open GET /jobs/7%2F8:run", "GET /jobs/{job}:run", "job=7/8"},
		{"GET /jobs/1-2/s", "GET /jobs/{from}-{to}/s", "to=2"},
		{"GET /jobs/1/s", "GET /jobs/{job}/s", "job=1"},
		// The query is no part of the path.
		{"GET /things?x=/things/special", "GET /things", ""},
		// Another method.
		{"DELETE /things", "405 GET, POST", ""},
		{"DELETE /things/7", "405 GET, PUT", ""},
		{"OPTIONS /things", "405 GET, POST", ""},
		{"BREW /things", "405 GET, POST", ""},
		{"PUT /files/a/parts/last/", "405 GET, DELETE", ""},
		{"HEAD /things", "405 GET, POST", ""},
		{"head HEAD /things", "GET /things", ""},
		// Slashes: each counts.
		{"GET /things/", "307 /things", ""},
		{"GET /things/7/", "307 /things/7", ""},
		{"GET /files/a", "307 /files/a/", ""},
		{"GET /files/a?x=1", "307 /files/a/?x=1", ""},
		{"GET /files/a?", "307 /files/a/", ""},
		{"GET //things", "404", ""},
		{"GET /things//7", "404", ""},
		{"GET /things//", "307 /things", ""},
		{"GET //", "404", ""},
		// An encoded slash is a slash, unless the API says otherwise.
		{"GET /things/x%2Fy", "GET /{root}/x/y", "root=things"},
		{"GET /nothing/x%2Fz", "404", ""},
		{"GET /things%2F7", "GET /things/{id}", "id=7"},
		{"open GET /things/x%2Fy", "GET /things/{id}", "id=x/y"},
		{"open GET /things/x%2fy%20z", "GET /things/{id}", "id=x/y z"},
		{"open GET /things%2F7", "404", ""},
		{"GET /things/x%20y", "GET /things/{id}", "id=x y"},
		{"GET /things/%7Bid%7D", "GET /things/{id}", "id={id}"},
		{"GET /things/%252F", "GET /things/{id}", "id=%2F"},
		// Dot segments are no navigation: a client resolves them before it sends.
		{"GET /things/.", "GET /things/{id}", "id=."},
		{"GET /things/..", "GET /things/{id}", "id=.."},
		{"GET /x/../things", "404", ""},
		{"GET /./things", "404", ""},
		// Nothing like it.
		{"GET /nowhere", "404", ""},
		{"GET /things/7/parts/8/9/10/11", "404", ""},
		{"GET /thing", "404", ""},
	} {
		t.Run(c.request, func(t *testing.T) {
			site := sites[false]
			request := c.request
			for _, prefix := range []string{"open ", "head "} {
				if rest, ok := strings.CutPrefix(request, prefix); ok {
					site, request = sites[true], rest
				}
			}
			method, target, _ := strings.Cut(request, " ")
			u, err := url.ParseRequestURI(target)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(method, "/", http.NoBody)
			r.URL = u
			w := httptest.NewRecorder()
			site.ServeHTTP(w, r)
			got := w.Header().Get("Operation")
			if w.Code != http.StatusOK {
				got = strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Header().Get("Allow"), w.Header().Get("Location")))
			}
			if got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if name, value, ok := strings.Cut(c.vars, "="); ok && w.Header().Get("Var-"+name) != value {
				t.Errorf("%s is %q, want %q", name, w.Header().Get("Var-"+name), value)
			}
		})
	}
}

// twoHundred lists 200 operations as an API has them: resources with a collection
// and members, some with a parent, under a common prefix.
func twoHundred() []string {
	var operations []string
	for i := range 25 {
		at := fmt.Sprintf("/api/v1/resource%d", i)
		nested := fmt.Sprintf("/api/v1/projects/{projectId}/part%d", i)
		operations = append(operations,
			"GET "+at, "POST "+at, "GET "+at+"/{id}", "DELETE "+at+"/{id}",
			"GET "+nested, "GET "+nested+"/{id}", "PUT "+nested+"/{id}", "POST "+nested+"/{id}/run")
	}
	return operations
}

func madeRoutes(tb testing.TB, api *madeAPI) *routes {
	tb.Helper()
	document, err := contract.Load(api.source)
	if err != nil {
		tb.Fatal(err)
	}
	return newRoutes(document)
}

// However many routes there are, a path is compared with a few of them.
func TestSmallRouters(t *testing.T) {
	tests := map[string]struct {
		operations []string
		most       int
	}{
		"two hundred": {operations: twoHundred(), most: 4},
	}
	for _, name := range []string{"brms", "datafold", "understudy"} {
		text, err := os.ReadFile("../../gen/" + name + "/document.json")
		if err != nil {
			t.Fatal(err)
		}
		document, err := contract.Load(contract.Source{API: name, File: name, JSON: text})
		if err != nil {
			t.Fatal(err)
		}
		var operations []string
		for _, op := range document.Operations() {
			operations = append(operations, op.Method+" "+op.Path)
		}
		tests[name] = struct {
			operations []string
			most       int
		}{operations, 4}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			table := madeRoutes(t, newMadeAPI(test.operations...))
			for key, small := range table.small {
				n := 0
				if err := small.Walk(func(*mux.Route, *mux.Router, []*mux.Route) error {
					n++
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if n > test.most {
					t.Errorf("%d routes for paths of %d segments with %q", n, key.segments, key.statics)
				}
			}
			for _, operation := range test.operations {
				method, path, _ := strings.Cut(operation, " ")
				r := &http.Request{Method: method, URL: &url.URL{Path: strings.NewReplacer("{", "", "}", "").Replace(path)}}
				match := table.match(r)
				if match == nil {
					t.Fatalf("%s matches no route", operation)
				}
				if op := table.operations[match.Route]; op == nil || op.Method+" "+op.Path != operation {
					t.Errorf("%s is routed to %v", operation, op)
				}
			}
		})
	}
}

// A route that the document does not declare, or the reverse, fails the start.
func TestRoutesMatchTheDocument(t *testing.T) {
	api := newMadeAPI("GET /a", "GET /b")
	document, err := contract.Load(api.source)
	if err != nil {
		t.Fatal(err)
	}
	for _, operations := range [][]string{{"GET /a"}, {"GET /a", "GET /b", "GET /c"}, {"GET /a", "POST /b"}, {"GET /a", "GET /b/"}} {
		other := &madeAPI{operations: operations}
		if _, err := handlersOf(document, other.Register); err == nil {
			t.Errorf("%v accepted", operations)
		}
	}
}

// BenchmarkRouting matches routes of the first and the last of 25 resources, 200
// routes in all, in our table and in a flat router.
func BenchmarkRouting(b *testing.B) {
	api := newMadeAPI(twoHundred()...)
	flat := mux.NewRouter()
	api.Register(func(method, template string, handler http.HandlerFunc) {
		flat.HandleFunc(template, handler).Methods(method)
	})
	table := madeRoutes(b, api)
	for _, c := range []struct {
		name  string
		match func(*http.Request) bool
	}{
		{"table", func(r *http.Request) bool { return table.match(r) != nil }},
		{"flat", func(r *http.Request) bool {
			var match mux.RouteMatch
			return flat.Match(r, &match) && match.MatchErr == nil
		}},
	} {
		for offset, shape := range map[int]string{2: "member", 6: "nested"} {
			for resource, place := range map[int]string{0: "first", 24: "last"} {
				b.Run(c.name+"/"+shape+"/"+place, func(b *testing.B) {
					method, path, _ := strings.Cut(api.operations[8*resource+offset], " ")
					path = strings.NewReplacer("{projectId}", "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", "{id}", "17").Replace(path)
					r := &http.Request{Method: method, URL: &url.URL{Path: path}}
					b.ReportAllocs()
					for b.Loop() {
						if !c.match(r) {
							b.Fatal("no route")
						}
					}
				})
			}
		}
	}
}

// answerOf serves one request.
func answerOf(site *Site, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	return w
}
