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
	}, got); diff != "" {
		t.Error(diff)
	}
}
