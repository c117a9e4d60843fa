package verify_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/evidence"
)

// What one cause makes wrong in many operations is told as one.
func TestGroupedByCause(t *testing.T) {
	const n = 6
	// answers declares an answer, of a shared or an own schema, for n operations.
	document := func(answer, components string) string {
		var b strings.Builder
		b.WriteString("paths:\n")
		for i := range n {
			fmt.Fprintf(&b, "  /a%d: {get: {operationId: a%d, responses: {%s}}}\n", i, i, answer)
		}
		return b.String() + "components: {" + components + "}\n"
	}
	thing := "schemas: {Thing: {type: object, required: [id], properties: {id: {type: integer}, of: {type: object, additionalProperties: {type: integer}}}}, Things: {type: array, items: {$ref: '#/components/schemas/Thing'}}}"
	one := "'200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}"
	list := "'200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Things'}}}}"
	for name, c := range map[string]struct {
		document, mediaType, body string
		status                    int
		header                    string
		want                      []string // check, cause, operations
	}{
		"an undeclared 404":          {document(one, thing), "", "", 404, "", []string{"status_code_conformance status 404 6"}},
		"an undeclared 302":          {document("'200': {description: d}", ""), "", "", 302, "", []string{"status_code_conformance status 302 6"}},
		"an undeclared 201":          {document("'200': {description: d}, 5XX: {description: d}", ""), "text/plain", "x", 201, "", []string{"status_code_conformance status 201 6"}},
		"a member that is missing":   {document(one, thing), "application/json", "{}", 200, "", []string{"response_schema_conformance required 6"}},
		"a member of items":          {document(list, thing), "application/json", `[{"id":"x"}]`, 200, "", []string{"response_schema_conformance type 6"}},
		"names that come by chance":  {document(one, thing), "application/json", `{"id":1,"of":{"KEY":"x","KEY2":"y"}}`, 200, "", []string{"response_schema_conformance type 6"}},
		"a page of HTML":             {document(one, thing), "text/html", "<p>", 200, "", []string{"content_type_conformance mediaType 6"}},
		"no Content-Type":            {document("'200': {description: d, content: {application/json: {schema: {}}}}", ""), "-", "{}", 200, "", []string{"content_type_conformance mediaType 6"}},
		"a header that is missing":   {document("'200': {description: d, headers: {X-Id: {required: true, schema: {type: string}}}}", ""), "", "", 200, "", []string{"response_headers_conformance required 6"}},
		"a header that is wrong":     {document("'200': {description: d, headers: {X-Id: {schema: {type: integer}}}}", ""), "", "", 200, "many", []string{"response_headers_conformance type 6"}},
		"a body where there is none": {document("'200': {description: d}", ""), "text/plain", "x", 200, "", []string{"response_schema_conformance undeclaredBody 6"}},
		"two causes":                 {document(one, thing), "application/json", `{"of":{"KEY":1.5}}`, 200, "", []string{"response_schema_conformance required 6", "response_schema_conformance type 6"}},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			_, result := checksFound(t, "3.0.3", c.document, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				if c.mediaType != "" && c.mediaType != "-" {
					w.Header().Set("Content-Type", c.mediaType)
				}
				if c.header != "" {
					w.Header().Set("X-Id", c.header)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(strings.ReplaceAll(c.body, "KEY", "k"+strconv.FormatInt(calls.Add(1), 10))))
			}))
			var got []string
			for _, cause := range evidence.Causes(result.Report("v0").Violations) {
				got = append(got, fmt.Sprintf("%s %s %d", cause.Rule, cause.Cause, len(cause.Operations())))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s\n%+v", diff, result.Findings)
			}
			if len(result.Findings) != n*len(c.want) {
				t.Errorf("%d findings of %d operations", len(result.Findings), n)
			}
		})
	}
}
