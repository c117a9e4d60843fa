package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
)

// sharing is a report of a server that answers two statuses that no operation declares,
// and gets a member of a shared schema wrong wherever it shows it.
func sharing() *evidence.Report {
	r := &evidence.Report{
		Schema: evidence.SchemaURI, Version: "1.2.3", Requests: 90,
		Coverage: evidence.Coverage{Of: evidence.CoverageOfAll, Percent: 100}, Operations: []evidence.RecordedOperation{},
	}
	add := func(check, cause, operation, pointer, place, message string, requests int64) {
		in := contract.InMessage
		if pointer != "" {
			in = contract.InBody
		}
		r.Violations = append(r.Violations, evidence.RecordedViolation{
			Fingerprint: fmt.Sprintf("f%d", len(r.Violations)), API: "shop", Operation: operation, Side: contract.SideServer, Rule: check, Basis: contract.BasisPublished,
			In: in, Pointer: pointer, Cause: cause, Message: message, Document: contract.Location{File: "shop.yaml", Pointer: place, Line: 10 + len(place)},
			Requests: requests, Exchanges: []string{}, Check: check, Curl: "curl -sS \"$URL\"/" + operation,
		})
	}
	const status, body = "status_code_conformance", "response_schema_conformance"
	for i := range 14 {
		operation := fmt.Sprintf("op%02d", i)
		add(status, "status 404", operation, "", "/paths/~1"+operation+"/get", "The answer's status 404 is not declared for the operation [status].", 3)
	}
	add(status, "status 500", "op01", "", "/paths/~1op01/get", "The answer's status 500 is not declared for the operation [status].", 1)
	add(body, "type", "op01", "/id", "/components/schemas/Thing/properties/id", "The answer's body at /id must be an integer [type].", 4)
	add(body, "type", "op01", "/parent/id", "/components/schemas/Thing/properties/id", "The answer's body at /parent/id must be an integer [type].", 2)
	add(body, "type", "op02", "/*/id", "/components/schemas/Thing/properties/id", "The answer's body at /*/id must be an integer [type].", 5)
	return r
}

// TestShared: what shares a cause is one finding, in every format that tells findings
// rather than operations.
func TestShared(t *testing.T) {
	for name, mark := range map[string]string{
		"table": "      curl", "markdown": "- <code>op", "html": `<article class="violation"`, "github": "::error file=", "sarif": `"ruleId"`,
	} {
		out := write(t, Format(name), sharing(), Options{Width: 400})
		if n := strings.Count(out, mark); n != 3 {
			t.Errorf("%s: %d findings", name, n)
		}
		out = strings.NewReplacer("&#95;", "_", "&#39;", "'", "&#42;", "*", "&#58;", ":", "%3A", ":").Replace(out)
		for _, word := range []string{"one cause of 14 kinds of violation, met 42 times in 14 operations: also op01, op02", "op01 (answer's body /parent/id), op02 (answer's body /*/id)"} {
			if !strings.Contains(strings.ReplaceAll(out, "One cause", "one cause"), word) {
				t.Errorf("%s does not say %q", name, word)
			}
		}
	}
	if h := Headline(sharing(), Options{}); !strings.Contains(h, "by 18 kinds of violation of 3 causes, met 54 times") {
		t.Error(h)
	}
	if out := write(t, JSON, sharing(), Options{}); strings.Count(out, `"fingerprints"`) != 2 || strings.Count(out, `"fingerprint"`) != 18 {
		t.Error("the causes are not in the JSON beside all violations")
	}
}
