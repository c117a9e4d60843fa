package verify_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/understudy-api/understudy/server/verify"
)

// A thing is looked for where a link of the answer that made it says that it is.
func TestLinksAreFollowed(t *testing.T) {
	const content = "content: {application/json: {schema: {type: object}}}"
	for name, c := range map[string]struct {
		schema, link, id, header, body string
		reached                        bool
	}{
		"a header":                   {"type: string", "operationId: read, parameters: {box: $response.header.X-Key}", "box-k7-", "X-Key", `{}`, true},
		"a header in lower case":     {"type: string", "operationId: read, parameters: {box: $response.header.x-key}", "box-k7-", "X-Key", `{}`, true},
		"a header with a number":     {"type: integer", "operationId: read, parameters: {path.box: $response.header.X-Number}", "7000", "X-Number", `{}`, true},
		"a header by operationRef":   {"type: string", "operationRef: '#/paths/~1boxes~1{box}/get', parameters: {box: $response.header.ETag}", "box-k7-", "ETag", `{}`, true},
		"a header, and another id":   {"type: string", "operationId: read, parameters: {box: $response.header.X-Key}", "box-k7-", "X-Key", `{"id":"other"}`, true},
		"no header, and a body":      {"type: string", "operationId: read, parameters: {box: $response.header.X-Key}", "box-k7-", "X-Other", `{"id":"ID"}`, true},
		"the body":                   {"type: string", "operationId: read, parameters: {box: '$response.body#/made/0/at'}", "box-k7-", "X-Other", `{"made":[{"at":"ID"}]}`, true},
		"the body by operationRef":   {"type: integer", "operationRef: '#/paths/~1boxes~1{box}/get', parameters: {box: '$response.body#/no~1one'}", "7000", "X-Other", `{"no/one":ID}`, true},
		"a header that is not there": {"type: string", "operationId: read, parameters: {box: $response.header.X-Key}", "box-k7-", "X-Other", `{}`, false},
		"what is no header":          {"type: string", "operationId: read, parameters: {box: $response.headers.X-Key}", "box-k7-", "X-Key", `{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := verify.ParseDocument("t", "t.yaml", []byte("openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n  /make: {post: {operationId: make, responses: {'201': {description: d, "+content+
				", links: {it: {"+c.link+"}}}}}}\n  /boxes/{box}: {get: {operationId: read, parameters: [{name: box, in: path, required: true, schema: {"+c.schema+"}}], responses: {'200': {description: d, "+content+"}, default: {description: d}}}}\n"))
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			reached, made := false, 0
			result := run(t, verify.Options{Document: d, Seed: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				of, isRead := strings.CutPrefix(r.URL.Path, "/boxes/")
				status, body := http.StatusMethodNotAllowed, "{}"
				switch {
				case isRead && r.Method == http.MethodGet && strings.HasPrefix(of, c.id):
					mu.Lock()
					reached = true
					mu.Unlock()
					status = http.StatusOK
				case isRead && r.Method == http.MethodGet:
					w.WriteHeader(http.StatusNotFound)
					return
				case isRead:
					w.Header().Set("Allow", "GET")
				case r.Method == http.MethodPost:
					mu.Lock()
					made++
					id := c.id + strconv.Itoa(made)
					mu.Unlock()
					body = strings.ReplaceAll(c.body, "ID", id)
					w.Header().Set(c.header, id)
					status = http.StatusCreated
				default:
					w.Header().Set("Allow", "POST")
				}
				if status < 300 {
					w.Header().Set("Content-Type", "application/json")
				}
				w.WriteHeader(status)
				if status < 300 {
					_, _ = w.Write([]byte(body))
				}
			})})
			if len(result.Findings) > 0 || reached != c.reached {
				t.Errorf("reached %t: %+v", reached, result.Findings)
			}
		})
	}
}
