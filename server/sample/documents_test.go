package sample_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/sample"
)

func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// located is a schema of a document and where it stands.
type located struct {
	at      string
	schema  *openapi3.Schema
	request bool
	json    bool // the body, and in this form
}

func documents() map[string]contract.Source {
	return map[string]contract.Source{
		"brms":       {API: "brms", File: brms.File, JSON: brms.Document(), Lines: brms.Lines()},
		"datafold":   {API: "datafold", File: datafold.File, JSON: datafold.Document(), Lines: datafold.Lines()},
		"understudy": {API: "understudy", File: understudy.File, JSON: understudy.Document(), Lines: understudy.Lines()},
	}
}

func schemasOf(t testing.TB, data []byte) []located {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatal(err)
	}
	var found []located
	add := func(at string, content openapi3.Content, request bool) {
		for name, mt := range content {
			if mt.Schema != nil {
				found = append(found, located{at, mt.Schema.Value, request, name == "application/json"})
			}
		}
	}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			at := method + " " + path
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if p.Value.Schema != nil {
					found = append(found, located{at + " " + p.Value.Name, p.Value.Schema.Value, true, false})
				}
			}
			if op.RequestBody != nil {
				add(at, op.RequestBody.Value.Content, true)
			}
			for status, response := range op.Responses.Map() {
				add(at+" "+status, response.Value.Content, false)
			}
		}
	}
	slices.SortFunc(found, func(a, b located) int { return strings.Compare(a.at, b.at) })
	return found
}

func TestVerifyDocuments(t *testing.T) {
	for name, source := range documents() {
		t.Run(name, func(t *testing.T) {
			seen := map[*openapi3.Schema]bool{}
			for _, l := range schemasOf(t, source.JSON) {
				if seen[l.schema] {
					continue
				}
				seen[l.schema] = true
				if valid, _ := sample.Check(t, l.schema, l.request, 3); valid != 3 {
					t.Errorf("%s: %d values of 3 for %s", l.at, valid, l.schema.Title)
				}
			}
			if len(seen) < 5 {
				t.Fatalf("%d schemas", len(seen))
			}
		})
	}
}

// TestContract holds the bodies that are made against the judge that serves.
func TestContract(t *testing.T) {
	for name, source := range documents() {
		t.Run(name, func(t *testing.T) {
			document, err := contract.Load(source)
			if err != nil {
				t.Fatal(err)
			}
			count := 0
			for _, l := range schemasOf(t, source.JSON) {
				method, path, _ := strings.Cut(l.at, " ")
				op := document.Operation(method, path)
				if !l.request || !l.json || op == nil {
					continue
				}
				for _, c := range sample.Boundaries(l.schema, sample.Options{Request: true}) {
					judged := op.JudgeRequest(t.Context(), &contract.Message{
						Method: method, URL: &url.URL{Path: path}, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(text(t, c.Value)),
					})
					// What nothing declares is told, and breaks no keyword.
					refused := slices.ContainsFunc(judged.Violations, func(v contract.Violation) bool {
						return v.In == contract.InBody && v.Rule != contract.RuleUnknownMember
					})
					if refused == c.Valid {
						t.Errorf("%s: refused is %v: %+v", l.at, refused, c)
					}
					count++
				}
			}
			if count < 20 {
				t.Errorf("%d bodies", count)
			}
		})
	}
}
