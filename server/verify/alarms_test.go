package verify_test

import (
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/verify"
)

// kennel is a tiny server of things below a path, with what is special given from
// outside.
type kennel struct {
	mu     sync.Mutex
	things map[int]map[string]any

	list  func(k *kennel, r *http.Request) any
	made  func(k *kennel, body map[string]any, id int) (status int)
	begin func(w http.ResponseWriter, r *http.Request) bool // true if it has answered
}

func (k *kennel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.things == nil {
		k.things = map[int]map[string]any{}
	}
	if k.begin != nil && k.begin(w, r) {
		return
	}
	say := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	text, one := strings.CutPrefix(r.URL.Path, "/dogs/")
	allowed := map[bool]string{false: "GET, POST", true: "GET, PUT, DELETE"}[one]
	if !strings.Contains(allowed, r.Method) {
		w.Header().Set("Allow", allowed)
		say(405, map[string]any{})
		return
	}
	var body map[string]any
	if r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		d := json.NewDecoder(r.Body)
		if d.Decode(&body) != nil || body == nil || len(body) > 0 && !named(body) || r.Method != http.MethodPatch && body["name"] == nil || r.Header.Get("Content-Type") != "application/json" {
			say(400, map[string]any{})
			return
		}
	}
	id, _ := strconv.Atoi(text)
	dog := k.things[id]
	switch {
	case r.URL.Path == "/dogs" && r.Method == http.MethodPost:
		id := 1
		for k.things[id] != nil { // the lowest that is free
			id++
		}
		body["id"] = id
		k.things[id] = body
		status := 201
		if k.made != nil {
			status = k.made(k, body, id)
		}
		say(status, body)
	case r.URL.Path == "/dogs" && r.Method == http.MethodGet:
		if k.list != nil {
			say(200, k.list(k, r))
			return
		}
		all := []any{}
		for i := range 10_000 {
			if k.things[i] != nil {
				all = append(all, k.things[i])
			}
		}
		say(200, all)
	case dog == nil:
		say(404, map[string]any{})
	case r.Method == http.MethodGet:
		say(200, dog)
	case r.Method == http.MethodPut:
		body["id"] = id
		if body["version"] == nil {
			body["version"] = fmt.Sprint(time.Now().UnixNano())
		}
		k.things[id] = body
		say(200, body)
	case r.Method == http.MethodDelete:
		delete(k.things, id)
		w.WriteHeader(http.StatusNoContent)
	}
}

// named reports whether a dog's members are what the document says.
func named(body map[string]any) bool {
	for name, v := range body {
		_, isText := v.(string)
		switch {
		case name == "name" && isText, name == "note" && isText, name == "version" && v == "":
		default:
			return false
		}
	}
	return true
}

// dogs is a document whose operations may be given.
func dogs(more, params, properties string) string {
	return `openapi: 3.0.3
info: {title: dogs, version: "1"}
paths:
  /dogs:
    get:
      operationId: list
      parameters: [` + params + `]
      responses: {default: {description: d, content: {application/json: {schema: {}}}}}
    post:
      operationId: add
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Dog'}}}}
      responses: {default: {description: d, content: {application/json: {schema: {}}}}}
  /dogs/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer, minimum: 1}}]
    get: {operationId: get, responses: {default: {description: d, content: {application/json: {schema: {}}}}}}
    put:
      operationId: replace
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Dog'}}}}
      responses: {default: {description: d, content: {application/json: {schema: {}}}}}
    delete: {operationId: remove, responses: {'204': {description: d}, default: {description: d, content: {application/json: {schema: {}}}}}}
` + more + `
components:
  schemas:
    Dog:
      type: object
      required: [name]
      additionalProperties: false
      properties: {name: {type: string}, note: {type: string}` + properties + `}
`
}

// Servers that are right, each in a way that a runner may take for wrong.
func TestAlarms(t *testing.T) {
	get := func(path, parameter, content string) string {
		return `openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  ` + path + `:
    get:
      operationId: a
      parameters: [` + parameter + `]
      responses: {'200': {description: d, content: {` + content + `: {schema: {}}}}, '400': {description: d}}
`
	}
	query := func(right func(string) bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if v, has := r.URL.Query()["v"]; has && !right(v[0]) {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
		}
	}
	hasValue := func(w http.ResponseWriter, right bool) {
		if !right {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	}
	// compressed answers with a coding where what is asked for lets it.
	compressed := func(coding string, may func(asked string) bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if !may(r.Header.Get("Accept-Encoding")) {
				_, _ = w.Write([]byte("{}"))
				return
			}
			w.Header().Set("Content-Encoding", coding)
			var out io.WriteCloser = gzip.NewWriter(w)
			if coding == "deflate" {
				out = zlib.NewWriter(w)
			}
			_, _ = out.Write([]byte("{}"))
			_ = out.Close()
		}
	}
	always := func(string) bool { return true }
	bounded := "schema: {type: integer, minimum: 1, maximum: 1000}"
	numeric := regexp.MustCompile(`^[-+]?[0-9]+(\.0+)?([eE]\+?[0-9]+)?$`)
	// ofJavaScript is what Number() makes of a text, where that is an integer from 1 to 1000.
	ofJavaScript := func(s string) bool {
		s = strings.TrimSpace(s)
		if n, err := strconv.ParseInt(strings.ToLower(s), 0, 64); err == nil && len(s) > 2 && strings.ContainsAny(s[1:2], "xXoObB") && !strings.Contains(s, "_") {
			return n >= 1 && n <= 1000
		}
		f, err := strconv.ParseFloat(s, 64)
		return err == nil && strings.Trim(s, "0123456789.eE+-") == "" && f >= 1 && f <= 1000 && f == math.Trunc(f)
	}
	endless := func(mediaType, first string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			_, _ = w.Write([]byte(first))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}
	readOnly := `, id: {type: integer, readOnly: true}, version: {type: string, readOnly: true}`
	later := map[int]int{}
	for _, c := range []struct {
		name, document string
		handler        http.Handler
	}{
		{"true and false only", get("/a", "{name: v, in: query, schema: {type: boolean}}", "application/json"), query(func(s string) bool { return s == "true" || s == "false" })},
		{"booleans of Go", get("/a", "{name: v, in: query, schema: {type: boolean}}", "application/json"), query(func(s string) bool { _, err := strconv.ParseBool(s); return err == nil })},
		{"yes for a boolean is refused", get("/a", "{name: v, in: query, required: true, schema: {type: boolean}}", "application/json"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if v := r.URL.Query()["v"]; len(v) == 0 || v[0] != "true" && v[0] != "false" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
		})},
		{"numbers of JavaScript", get("/a", "{name: v, in: query, schema: {type: integer, minimum: 1, maximum: 1000}}", "application/json"), query(func(s string) bool {
			f, err := strconv.ParseFloat(s, 64)
			return numeric.MatchString(s) && err == nil && f >= 1 && f <= 1000
		})},
		{"Number() of the query", get("/a", "{name: v, in: query, required: true, "+bounded+"}", "application/json"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hasValue(w, len(r.URL.Query()["v"]) > 0 && ofJavaScript(r.URL.Query().Get("v")))
		})},
		{"Number() of the path", get("/a/{v}", "{name: v, in: path, required: true, "+bounded+"}", "application/json"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hasValue(w, ofJavaScript(strings.TrimPrefix(r.URL.Path, "/a/")))
		})},
		{"Number() of a header", get("/a", "{name: X-V, in: header, required: true, "+bounded+"}", "application/json"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hasValue(w, len(r.Header["X-V"]) > 0 && ofJavaScript(r.Header.Get("X-V")))
		})},
		{"Number() of a cookie", get("/a", "{name: v, in: cookie, required: true, "+bounded+"}", "application/json"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := r.Cookie("v")
			hasValue(w, err == nil && ofJavaScript(c.Value))
		})},
		{"Number() of each of a list", get("/a", "{name: v, in: query, required: true, explode: false, schema: {type: array, minItems: 1, maxItems: 3, items: {type: integer, minimum: 1, maximum: 1000}}}", "application/json"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			list := strings.Split(r.URL.Query().Get("v"), ",")
			hasValue(w, len(list) <= 3 && !slices.ContainsFunc(list, func(s string) bool { return !ofJavaScript(s) }))
		})},
		{"compressed, whatever is asked for", get("/a", "", "application/json"), compressed("gzip", always)},
		{"compressed by the other name", get("/a", "", "application/json"), compressed("x-gzip", always)},
		{"deflated", get("/a", "", "application/json"), compressed("deflate", always)},
		{"compressed where nothing is asked for", get("/a", "", "application/json"), compressed("br", func(asked string) bool { return asked == "" })},
		{"compressed unless it is refused", get("/a", "", "application/json"), compressed("br", func(asked string) bool { return asked != "identity" })},
		{"digits only", get("/a", "{name: v, in: query, schema: {type: integer, minimum: 1, maximum: 1000}}", "application/json"), query(func(s string) bool {
			n, err := strconv.Atoi(s)
			return err == nil && n >= 1 && n <= 1000 && !strings.HasPrefix(s, "+")
		})},
		{"events that do not end", get("/a", "", "text/event-stream"), endless("text/event-stream", "data: 1\n\n")},
		{"lines that do not end", get("/a", "", "application/jsonl"), endless("application/jsonl", "{}\n")},
		{"nothing comes, and it does not end", get("/a", "", "text/event-stream"), endless("text/event-stream", "")},
		{"an id and a version of the server's", dogs("", "", readOnly), &kennel{}},
		{"of the server's by its name", dogs("", "", ", version: {type: string, maxLength: 0}"), &kennel{}},
		{"ids are used again", dogs("", "", readOnly), &kennel{}},
		{"a limit and no position", dogs("", "{name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 9}}", readOnly), &kennel{list: func(k *kennel, r *http.Request) any {
			limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
			all := []any{}
			for i := 10_000; i > 0; i-- {
				if k.things[i] != nil && (err != nil || len(all) < limit) {
					all = append(all, k.things[i])
				}
			}
			return all
		}, begin: func(w http.ResponseWriter, r *http.Request) bool {
			v, has := r.URL.Query()["limit"]
			if !has {
				return false
			}
			if n, err := strconv.Atoi(v[0]); err == nil && n >= 1 && n <= 9 {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte("{}"))
			return true
		}}},
		{"a list that is cut, and says so", dogs("", "", readOnly), &kennel{list: func(k *kennel, _ *http.Request) any {
			all := []any{}
			for i := range 10_000 {
				if k.things[i] != nil && len(all) < 2 {
					all = append(all, k.things[i])
				}
			}
			return map[string]any{"dogs": all, "total": len(k.things), "has_more": len(k.things) > 2}
		}}},
		{"202: it is there later", dogs("", "", readOnly), &kennel{made: func(_ *kennel, _ map[string]any, id int) int {
			later[id] = 3
			return 202
		}, begin: func(w http.ResponseWriter, r *http.Request) bool {
			id, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/dogs/"))
			if err != nil || later[id] == 0 {
				return false
			}
			later[id]--
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte("{}"))
			return true
		}}},
		{"200 where 201 is declared, for one that was there", strings.Replace(dogs("", "", readOnly), "responses: {default: {description: d, content: {application/json: {schema: {}}}}}\n  /dogs/{id}", "responses: {'200': {description: d, content: {application/json: {schema: {}}}}, '201': {description: d, content: {application/json: {schema: {}}}}, default: {description: d, content: {application/json: {schema: {}}}}}\n  /dogs/{id}", 1), &kennel{made: func(k *kennel, body map[string]any, id int) int {
			for other, dog := range k.things {
				if other != id && fmt.Sprint(dog["name"]) == fmt.Sprint(body["name"]) {
					delete(k.things, id)
					body["id"] = other
					return 200
				}
			}
			return 201
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := verify.ParseDocument("t", "t.yaml", []byte(c.document))
			if err != nil {
				t.Fatal(err)
			}
			handler := c.handler
			if _, isKennel := handler.(*kennel); !isKennel {
				handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodGet {
						w.Header().Set("Allow", "GET")
						w.WriteHeader(http.StatusMethodNotAllowed)
						return
					}
					c.handler.ServeHTTP(w, r)
				})
			}
			result := run(t, verify.Options{Document: d, Handler: handler, Seed: 3, MaxExamples: 20, Workers: 3})
			for _, f := range result.Findings {
				t.Errorf("%s %s %s: %s\n%s want %s\n%s", f.Check, f.Operation, f.Rule, f.Message, f.Got, f.Accepted, f.Curl)
			}
			if result.Requests == 0 {
				t.Error("no request")
			}
		})
	}
}

// A clock that was set runs on: what is read is not what was written, and need not be. One
// that takes no notice is told.
func TestClocksRun(t *testing.T) {
	d, err := verify.ParseDocument("t", "t.yaml", []byte(`openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /clock:
    put:
      operationId: set
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Clock'}}}}
      responses:
        '200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Clock'}}}}
        4XX: {description: d}
    get:
      operationId: read
      responses: {'200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Clock'}}}}, 4XX: {description: d}}
components:
  schemas:
    Clock: {type: object, required: [now], properties: {now: {type: string, format: date-time}}, additionalProperties: false}
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		step  time.Duration // by which it is later whenever it is read
		deaf  bool
		found bool
	}{
		"runs":          {7 * time.Millisecond, false, false},
		"stands":        {0, false, false},
		"is never set":  {0, true, true},
		"runs for days": {50 * time.Hour, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			result := run(t, verify.Options{Document: d, Seed: 3, MaxExamples: 20, Workers: 1, Phases: []verify.Phase{verify.PhaseStateful}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if r.Method == http.MethodPut {
					var body struct{ Now time.Time }
					if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
						w.WriteHeader(http.StatusBadRequest)
						return
					}
					if !c.deaf {
						now = body.Now
					}
				} else {
					now = now.Add(c.step)
				}
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(map[string]time.Time{"now": now})
			})})
			found := slices.ContainsFunc(result.Findings, func(f verify.Finding) bool { return f.Check == verify.CheckRoundTrip })
			if found != c.found {
				t.Errorf("told: %v, want %v: %+v", found, c.found, result.Findings)
			}
		})
	}
}
