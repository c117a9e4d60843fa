package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract"
)

func TestCauses(t *testing.T) {
	finding := func(check, operation, rule, pointer, place string) Finding {
		return Finding{Check: check, Operation: operation, Rule: rule, Pointer: pointer, Where: contract.Location{Pointer: place}, Count: 2}
	}
	r := Result{Findings: []Finding{
		finding(CheckStatus, "a", "status 404", "", "/paths/~1a/get"),
		finding(CheckResponseSchema, "a", "type", "/x/id", "/components/schemas/Thing/properties/id"),
		finding(CheckStatus, "b", "status 404", "", "/paths/~1b/get"),
		finding(CheckStatus, "b", "status 500", "", "/paths/~1b/get"),
		finding(CheckStatus, "c", "status 404", "", "/paths/~1c/get"),
		finding(CheckResponseSchema, "b", "type", "/id", "/components/schemas/Thing/properties/id"),
		finding(CheckResponseSchema, "b", "type", "/id", "/paths/~1b/get/responses/200"),
		finding(CheckResponseSchema, "c", "type", "/id", "/paths/~1c/get/responses/200"),
		finding(CheckResponseSchema, "c", "required", "/id", "/components/schemas/Thing"),
		finding(CheckResponseSchema, "c", "required", "/name", "/components/schemas/Thing"),
	}}
	var got [][]string
	for _, c := range r.Causes() {
		got = append(got, append([]string{c.Check, c.Rule}, c.Operations...))
	}
	if diff := cmp.Diff([][]string{
		{CheckStatus, "status 404", "a", "b", "c"},
		{CheckResponseSchema, "type", "a", "b"},
		{CheckStatus, "status 500", "b"},
		{CheckResponseSchema, "type", "b"},
		{CheckResponseSchema, "type", "c"},
		{CheckResponseSchema, "required", "c"},
		{CheckResponseSchema, "required", "c"},
	}, got); diff != "" {
		t.Error(diff)
	}
}
