package verify_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-api/understudy/server/verify"
)

// shelf is a right server of books, but for what edit does to what is to be stored, and
// show to what is read.
type shelf struct {
	mu    sync.Mutex
	n     int
	books map[string]map[string]any
	edit  func(method string, before, after map[string]any)
	show  func(book map[string]any) map[string]any
}

const shelfDocument = `openapi: 3.0.3
info: {title: shelf, version: '1'}
paths:
  /books:
    post: {operationId: add, requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}}}, responses: {'201': {description: d, content: {application/json: {schema: {}}}}, '400': {description: d}}}
    get: {operationId: list, responses: {'200': {description: d, content: {application/json: {schema: {}}}}}}
  /books/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: read, responses: {'200': {description: d, content: {application/json: {schema: {}}}}, '404': {description: d}}}
    patch: {operationId: change, requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Change'}}}}, responses: {'200': {description: d, content: {application/json: {schema: {}}}}, '400': {description: d}, '404': {description: d}}}
    delete: {operationId: drop, responses: {'204': {description: d}, '404': {description: d}}}
components:
  schemas:
    Book: {type: object, required: [title], properties: {title: {type: string, maxLength: 60}, pages: {type: integer}, tags: {type: array, items: {type: string}, maxItems: 3}, about: {type: object, properties: {by: {type: string}, weight: {type: number}}}}}
    Change: {type: object, minProperties: 1, properties: {title: {type: string, maxLength: 60}, pages: {type: integer}, tags: {type: array, items: {type: string}, maxItems: 3}, about: {type: object, properties: {by: {type: string}, weight: {type: number}}}}}
`

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	say := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	var body map[string]any
	if r.Method == http.MethodPost || r.Method == http.MethodPatch {
		if r.Header.Get("Content-Type") != "application/json" || !decoded(r.Body, &body) || body == nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	id, one := strings.CutPrefix(r.URL.Path, "/books/")
	book := s.books[id]
	switch {
	case one && book == nil:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPost && !one:
		s.n++
		body["id"] = strconv.Itoa(s.n)
		s.edit(r.Method, nil, body)
		s.books[strconv.Itoa(s.n)] = body
		say(http.StatusCreated, body)
	case r.Method == http.MethodPatch && one:
		before := maps.Clone(book)
		maps.Copy(book, body)
		s.edit(r.Method, before, book)
		say(http.StatusOK, book)
	case r.Method == http.MethodGet && one:
		say(http.StatusOK, s.show(book))
	case r.Method == http.MethodGet:
		all := []any{}
		for i := range s.n + 1 {
			if b := s.books[strconv.Itoa(i)]; b != nil {
				all = append(all, s.show(b))
			}
		}
		say(http.StatusOK, all)
	case r.Method == http.MethodDelete && one:
		delete(s.books, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func decoded(from io.Reader, v any) bool {
	d := json.NewDecoder(from)
	d.UseNumber()
	return d.Decode(v) == nil
}

// odd is what no simple value has: much, or another alphabet, or many digits.
var odd = regexp.MustCompile(`[^\x20-\x7e]|\\u|[0-9]{9}|[a-z0-9]{12}|e[-+]?[0-9]{2}`)

// What a walk finds is told with simple values, and its line shows what is answered to each
// call, so that before and after can be compared.
func TestWalksAreReadable(t *testing.T) {
	needsShell(t)
	same := func(book map[string]any) map[string]any { return book }
	none := func(string, map[string]any, map[string]any) {}
	for name, c := range map[string]struct {
		edit   func(method string, before, after map[string]any)
		show   func(book map[string]any) map[string]any
		member string
	}{
		"a change forgets the tags": {func(method string, before, after map[string]any) {
			if method == http.MethodPatch && before["tags"] != nil {
				after["tags"] = []any{}
			}
		}, same, "tags"},
		"a change of the pages is lost": {func(_ string, before, after map[string]any) {
			if before["pages"] != nil {
				after["pages"] = before["pages"]
			}
		}, same, "pages"},
		"what is within is lost": {none, func(book map[string]any) map[string]any {
			out := maps.Clone(book)
			if about, is := out["about"].(map[string]any); is && about["by"] != nil {
				out["about"] = map[string]any{"by": "nobody"}
			}
			return out
		}, "about"},
		"a title in capitals": {func(_ string, _, after map[string]any) {
			if title, is := after["title"].(string); is {
				after["title"] = strings.ToUpper(title)
			}
		}, same, "title"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shelf{books: map[string]map[string]any{}, edit: c.edit, show: c.show}
			server := httptest.NewServer(s)
			defer server.Close()
			d, err := verify.ParseDocument("shelf", "shelf.yaml", []byte(shelfDocument))
			if err != nil {
				t.Fatal(err)
			}
			result := run(t, verify.Options{Document: d, URL: server.URL, Seed: 5, MaxExamples: 20, Phases: []verify.Phase{verify.PhaseStateful}, Checks: []string{verify.CheckRoundTrip}})
			at := slices.IndexFunc(result.Findings, func(f verify.Finding) bool { return strings.HasPrefix(f.Pointer, "/"+c.member) })
			if at < 0 {
				t.Fatalf("not found: %+v", result.Findings)
			}
			f := result.Findings[at]
			for _, s := range f.Steps {
				if s.Body != nil && odd.MatchString(*s.Body) {
					t.Errorf("not simple: %s", *s.Body)
				}
				if s.Answer == nil || s.Answer.Status == 0 {
					t.Errorf("%s %s has no answer", s.Method, s.Path)
				}
			}
			line := exec.CommandContext(t.Context(), "sh", "-c", f.Curl)
			line.Env = append(line.Environ(), "TOKEN=x", "http_proxy=")
			out, err := line.CombinedOutput()
			if shown := strings.Count("\n"+string(out), "\n{"); err != nil || shown != len(f.Steps)-strings.Count(f.Curl, "=$(") {
				t.Errorf("%v, %d answers: %s\n%s", err, shown, f.Curl, out)
			}
		})
	}
}
