package verify_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/verify"
)

// No line that reproduces a finding makes curl read a file, send what the call did not, or
// make a thing that nothing after it uses.
func TestLinesAreTheCalls(t *testing.T) {
	made := `{"operationId":"add","requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object"}}}},"responses":{"201":{"description":"d","content":{"application/json":{"schema":{"type":"object"}}}}}}`
	one := func(more string) string {
		return `/things: {post: ` + made + `}
  /things/{id}: {parameters: [{name: id, in: path, required: true, schema: {type: string}}], ` + more + `}`
	}
	text := func(mediaType, example string) string {
		return "/a: {post: {operationId: a, requestBody: {required: true, content: {" + mediaType + ": {schema: {type: string}, example: '" + example + "'}}}, responses: {'200': {description: d}}}}"
	}
	for name, c := range map[string]struct {
		paths, of string // the operation whose finding is looked at
		has, not  string
	}{
		"a text that names a file":      {text("text/plain", "@/etc/hostname"), "a", "--data-raw @/etc/hostname", "--data-binary"},
		"a text that names the input":   {text("text/csv", "@-"), "a", "--data-raw @-", "--data-binary"},
		"bytes that name a file":        {text("application/octet-stream", "@a b"), "a", "--data-raw '@a b'", "--data-binary"},
		"a file in another coding":      {text("text/plain; charset=utf-8", "@é"), "a", "--data-raw '@é'", "--data-binary"},
		"a text of several lines":       {"/a: {post: {operationId: a, requestBody: {required: true, content: {text/plain: {schema: {type: string}, example: \"@/etc/hosts\\n@b\"}}}, responses: {'200': {description: d}}}}", "a", `printf '%b' '@/etc/hosts\0012@b' | curl`, "--data-raw"},
		"an empty body":                 {text("text/plain", ""), "a", "--data-raw ''", "--data-binary"},
		"a thing that is used":          {one("get: {operationId: get, responses: {'200': {description: d}}}"), "get", `ID0=$(curl `, "@/"},
		"an id of any form is escaped":  {one("delete: {operationId: drop, responses: {'204': {description: d}}}"), "drop", `"$(printf %s "$ID0" | jq -sRr @uri)"`, `/things/"$ID0"`},
		"a thing in a body, as it is":   {one("get: {operationId: get, responses: {'200': {description: d}}}") + "\n  /other: {post: {operationId: other, requestBody: {required: true, content: {application/json: {schema: {type: object, required: [thingId], properties: {thingId: {type: string}}}}}}, responses: {'200': {description: d}}}}", "other", `/other`, "jq -sRr @uri"},
		"nothing is made for a list":    {"/things: {post: " + made + ", get: {operationId: list, responses: {'200': {description: d}}}}", "list", "/things", "ID0="},
		"nothing is made for no parent": {one("get: {operationId: get, responses: {'200': {description: d}}}") + "\n  /up: {get: {operationId: up, responses: {'200': {description: d}}}}", "up", "/up", "/things"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := verify.ParseDocument("t", "t.yaml", []byte("openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n  "+c.paths+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			result := run(t, verify.Options{Document: d, Seed: 1, MaxExamples: 10, Checks: []string{verify.CheckServerError}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.of != "add" && r.Method == http.MethodPost && r.URL.Path == "/things" {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(http.StatusCreated)
					_, _ = w.Write([]byte(`{"id":"i d/1?x=$HOME"}`))
					return
				}
				w.WriteHeader(http.StatusInternalServerError)
			})})
			var lines []string
			for _, f := range result.Findings {
				if f.Operation == c.of && f.Phase != verify.PhaseCoverage {
					lines = append(lines, f.Curl)
				}
			}
			said := strings.Join(lines, "\n")
			if !strings.Contains(said, c.has) || strings.Contains(said, c.not) {
				t.Errorf("want %s and no %s in\n%s", c.has, c.not, said)
			}
		})
	}
}

// A body has a length, an empty one too: there are servers that read no chunks.
func TestBodiesHaveALength(t *testing.T) {
	for name, body := range map[string]string{
		"an empty text":     "content: {text/plain: {schema: {type: string}, example: ''}}",
		"an empty form":     "content: {application/x-www-form-urlencoded: {schema: {type: object}, example: {}}}",
		"no bytes":          "content: {application/octet-stream: {schema: {type: string, format: binary}, example: ''}}",
		"JSON":              "content: {application/json: {schema: {type: object}, example: {a: 1}}}",
		"parts":             "content: {multipart/form-data: {schema: {type: object}, example: {a: x}}}",
		"one that may lack": "required: false, content: {text/csv: {schema: {type: string, maxLength: 1}}}",
	} {
		var paths strings.Builder
		for _, method := range []string{"post", "put", "patch", "delete"} {
			paths.WriteString(method + ": {operationId: " + method + ", requestBody: {" + body + "}, responses: {'200': {description: d}}}, ")
		}
		d, err := verify.ParseDocument("t", "t.yaml", []byte("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {/a: {"+strings.TrimSuffix(paths.String(), ", ")+"}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if len(r.TransferEncoding) > 0 || r.ContentLength < 0 || strings.HasPrefix(r.Method, "P") && r.Header.Get("Content-Length") == "" {
				t.Errorf("%s: %s with %v and %q", name, r.Method, r.TransferEncoding, r.Header.Get("Content-Length"))
			}
		}))
		run(t, verify.Options{Document: d, URL: server.URL, Seed: 1, MaxExamples: 3, Operations: []string{"post", "put", "patch", "delete"}, Checks: []string{verify.CheckServerError}})
		server.Close()
	}
}
