//go:build unix

package verify_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/verify"
)

// largeDocument has operations of two per path, each with a default answer, and a schema
// of thirty members for each path.
func largeDocument(paths int) []byte {
	var b strings.Builder
	b.WriteString("openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths:\n")
	for i := range paths {
		fmt.Fprintf(&b, "  /things%d:\n", i)
		for _, method := range []string{"get", "put"} {
			fmt.Fprintf(&b, "    %s:\n      operationId: %s%d\n      summary: %s\n      parameters:\n", method, method, i, strings.Repeat("what it does ", 12))
			for j := range 6 {
				fmt.Fprintf(&b, "      - {name: q%d, in: query, description: %s, schema: {type: string, maxLength: 50}}\n", j, strings.Repeat("why ", 20))
			}
			fmt.Fprintf(&b, "      responses:\n        '200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Thing%d'}}}}\n"+
				"        default: {description: d, content: {application/json: {schema: {type: object, required: [code], properties: {code: {type: integer}}}}}}\n", i)
		}
	}
	b.WriteString("components:\n  schemas:\n")
	for i := range paths {
		fmt.Fprintf(&b, "    Thing%d:\n      type: object\n      required: [field0]\n      properties:\n", i)
		for j := range 30 {
			fmt.Fprintf(&b, "        field%d: {type: string, description: %s}\n", j, strings.Repeat("a member that says what it is and what it is good for ", 4))
		}
	}
	return []byte(b.String())
}

// Documents of 800 operations load within a second of a processor, whatever answer,
// reference or repeated part each operation has.
func TestVerifyManyOperations(t *testing.T) {
	const answer = "{description: d, content: {application/json: {schema: {type: object, required: [code], properties: {code: {type: integer}}}}}}"
	for name, c := range map[string]struct{ operation, components string }{
		"default":                {"responses: {'200': {description: d}, default: " + answer + "}", ""},
		"default by a reference": {"responses: {'200': {description: d}, default: {$ref: '#/components/responses/Wrong'}}", "components: {responses: {Wrong: " + answer + "}}\n"},
		"default alone":          {"responses: {default: " + answer + "}", ""},
		"ranges":                 {"responses: {2XX: " + answer + ", 4XX: " + answer + ", 5XX: " + answer + "}", ""},
		"default among values":   {"responses: {'200': {description: d, headers: {X-A: {schema: {type: integer, default: 3}}}, content: {application/json: {schema: {type: object, properties: {default: {type: string, default: x}}}}}}, default: " + answer + "}", ""},
		"links":                  {"responses: {default: {description: d, links: {l: {operationId: get0}}}}", ""},
		"an anchor":              {"responses: *r", "x-r: &r {default: " + answer + "}\n"},
	} {
		var b strings.Builder
		b.WriteString("openapi: 3.0.3\ninfo: {title: t, version: '1'}\n" + c.components + "paths:\n")
		for i := range 800 {
			fmt.Fprintf(&b, "  /things%d: {get: {operationId: get%d, %s}}\n", i, i, c.operation)
		}
		before := processorTime(t)
		d, err := verify.ParseDocument("many", "many.yaml", []byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		if took := processorTime(t) - before; len(d.Contract.Operations()) != 800 || took > time.Second {
			t.Errorf("%s: %d operations: %s", name, len(d.Contract.Operations()), took)
		}
	}
}

// processorTime is what this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A document of four megabytes with 800 operations loads within three seconds of a
// processor.
func TestVerifyLargeDocument(t *testing.T) {
	data := largeDocument(400)
	before := processorTime(t)
	d, err := verify.ParseDocument("large", "large.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	took := processorTime(t) - before
	t.Logf("%d bytes, %d operations: %s", len(data), len(d.Contract.Operations()), took)
	if len(d.Contract.Operations()) != 800 || len(data) < 4_000_000 || took > 3*time.Second {
		t.Errorf("%d bytes, %d operations: %s", len(data), len(d.Contract.Operations()), took)
	}
}
