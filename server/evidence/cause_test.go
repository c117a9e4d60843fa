package evidence

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract"
)

func TestCauses(t *testing.T) {
	server := func(check, operation, cause, pointer, place string) RecordedViolation {
		return RecordedViolation{Check: check, Rule: check, Side: contract.SideServer, Operation: operation, Cause: cause, Pointer: pointer, Document: contract.Location{Pointer: place}, Requests: 2}
	}
	client := func(operation, rule, pointer, got, place string) RecordedViolation {
		return RecordedViolation{Rule: rule, Side: contract.SideClient, Method: "POST", Path: "/" + operation, Pointer: pointer, Got: got, Document: contract.Location{Pointer: place}, Requests: 1}
	}
	came := func(v RecordedViolation, name, got string) RecordedViolation {
		v.In, v.Name, v.Got = contract.InHeader, name, got
		return v
	}
	const status, body = "status_code_conformance", "response_schema_conformance"
	var got [][]string
	for _, c := range Causes([]RecordedViolation{
		server(status, "a", "status 404", "", "/paths/~1a/get"),
		server(body, "a", "type", "/x/id", "/components/schemas/Thing/properties/id"),
		server(status, "b", "status 404", "", "/paths/~1b/get"),
		server(status, "b", "status 500", "", "/paths/~1b/get"),
		server(status, "c", "status 404", "", "/paths/~1c/get"),
		server(body, "b", "type", "/id", "/components/schemas/Thing/properties/id"),
		server(body, "b", "type", "/old/id", "/components/schemas/Thing/properties/id"),
		server(body, "b", "type", "/id", "/paths/~1b/get/responses/200"),
		server(body, "c", "type", "/id", "/paths/~1c/get/responses/200"),
		server(body, "c", "required", "/id", "/components/schemas/Thing"),
		server(body, "c", "required", "/name", "/components/schemas/Thing"),
		client("a", contract.RuleCredential, "", "", "/paths/~1a/post/security"),
		client("b", contract.RuleCredential, "", "", "/paths/~1b/post/security"),
		client("a", contract.RuleMediaType, "", "text/plain", "/paths/~1a/post"),
		client("b", contract.RuleMediaType, "", "text/plain", "/paths/~1b/post"),
		client("c", contract.RuleMediaType, "", "text/html", "/paths/~1c/post"),
		client("a", "maxLength", "/name", "x", "/components/schemas/Name"),
		client("b", "maxLength", "/things/*/name", "y", "/components/schemas/Name"),
		client("a", contract.RuleUnknownPath, "", "", ""),
		client("b", contract.RuleUnknownPath, "", "", ""),
		came(server("content_type_conformance", "a", contract.RuleMediaType, "", "/paths/~1a/get"), "Content-Type", "text/html"),
		came(server("content_type_conformance", "b", contract.RuleMediaType, "", "/paths/~1b/get"), "Content-Type", "text/html"),
		came(server("content_type_conformance", "c", contract.RuleMediaType, "", "/paths/~1c/get"), "Content-Type", "text/plain"),
		came(server("response_headers_conformance", "a", "required", "", "/paths/~1a/get/responses/200/headers/X-Id"), "X-Id", ""),
		came(server("response_headers_conformance", "b", "required", "", "/paths/~1b/get/responses/200/headers/X-Id"), "X-Id", ""),
		came(server("response_headers_conformance", "b", "type", "", "/paths/~1b/get/responses/200/headers/X-Id"), "X-Id", "x"),
		came(server("response_headers_conformance", "b", "required", "", "/paths/~1b/get/responses/200/headers/X-No"), "X-No", ""),
		server(body, "a", contract.RuleBodyUnused, "", "/paths/~1a/get/responses/404"),
		server(body, "b", contract.RuleBodyUnused, "", "/paths/~1b/get/responses/404"),
		server(body, "b", contract.RuleBodyUnused, "", "/paths/~1b/delete/responses/204"),
	}) {
		got = append(got, append([]string{c.Rule, c.Cause, strconv.FormatInt(c.Met(), 10)}, c.Operations()...))
	}
	if diff := cmp.Diff([][]string{
		{status, "status 404", "6", "a", "b", "c"},
		{body, "type", "6", "a", "b"},
		{status, "status 500", "2", "b"},
		{body, "type", "2", "b"},
		{body, "type", "2", "c"},
		{body, "required", "2", "c"},
		{body, "required", "2", "c"},
		{contract.RuleCredential, "", "2", "POST /a", "POST /b"},
		{contract.RuleMediaType, "", "2", "POST /a", "POST /b"},
		{contract.RuleMediaType, "", "1", "POST /c"},
		{"maxLength", "", "2", "POST /a", "POST /b"},
		{contract.RuleUnknownPath, "", "1", "POST /a"},
		{contract.RuleUnknownPath, "", "1", "POST /b"},
		{"content_type_conformance", contract.RuleMediaType, "4", "a", "b"},
		{"content_type_conformance", contract.RuleMediaType, "2", "c"},
		{"response_headers_conformance", "required", "4", "a", "b"},
		{"response_headers_conformance", "type", "2", "b"},
		{"response_headers_conformance", "required", "2", "b"},
		{body, contract.RuleBodyUnused, "4", "a", "b"},
		{body, contract.RuleBodyUnused, "2", "b"},
	}, got); diff != "" {
		t.Error(diff)
	}
}
