package schemas

import (
	"encoding/json"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

// What is said rightly is kept, the rest left out.
func TestAdd(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type":"object","properties":{"a":{"type":["string","null"],"minLength":1}},"required":["a","a"]}`: `{"X":{"properties":{"a":{"minLength":1,"type":["string","null"]}},"required":["a"],"type":"object"}}`,
		`true`:  `{"X":{}}`,
		`false`: `{"X":{"not":{}}}`,
		`7`:     `{"X":{}}`,
		`{"type":"thing","minLength":-1,"pattern":"(","enum":[],"required":"a","x-y":1}`:                 `{"X":{}}`,
		`{"minimum":1,"exclusiveMinimum":true,"maximum":3,"exclusiveMaximum":4}`:                         `{"X":{"exclusiveMaximum":4,"exclusiveMinimum":1,"maximum":3}}`,
		`{"items":[{"type":"string"}],"additionalItems":false}`:                                          `{"X":{"items":{"not":{}},"prefixItems":[{"type":"string"}]}}`,
		`{"$ref":"#/definitions/A","definitions":{"A":{"properties":{"n":{"$ref":"#/definitions/A"}}}}}`: `{"X":{"$ref":"#/components/schemas/X.XA"},"X.XA":{"properties":{"n":{"$ref":"#/components/schemas/X.XA"}}}}`,
		`{"$ref":"#"}`: `{"X":{}}`,
		`{"properties":{"a":{"$ref":"other.json"},"b":{"$ref":"#/nowhere"},"c":{"$ref":"#"}}}`: `{"X":{"properties":{"a":{},"b":{},"c":{"$ref":"#/components/schemas/X"}}}}`,
	} {
		var parsed, wanted any
		if err := json.Unmarshal([]byte(schema), &parsed); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		s := New()
		s.Add("X", parsed)
		text, err := json.Marshal(s.All())
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s: %s", schema, diff)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	s := New()
	got := []string{}
	for _, text := range []string{"fees/shipping", "fees shipping", "Fees Shipping", "ü", "", "a.json"} {
		got = append(got, s.Name(text))
	}
	if diff := cmp.Diff([]string{"FeesShipping", "FeesShipping2", "FeesShipping3", "Decision", "Decision2", "AJson"}, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever somebody wrote, the document with it is valid.
func FuzzAdd(f *testing.F) {
	for _, text := range []string{`{"$ref":"#"}`, `{"allOf":[{"$ref":"#/allOf/0"}]}`, `{"properties":{"a":{"type":[]}}}`, `{"default":{"$ref":"#/x"}}`, `{"$ref":"#/a","a":{"$ref":"#/b"},"b":{"$ref":"#/a"}}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var parsed any
		if json.Unmarshal([]byte(text), &parsed) != nil {
			return
		}
		s := New()
		s.Add("X", parsed)
		document, err := json.Marshal(map[string]any{
			"openapi": "3.1.0", "info": map[string]any{"title": "t", "version": "1"}, "paths": map[string]any{},
			"components": map[string]any{"schemas": s.All()},
		})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := openapi3.NewLoader().LoadFromData(document)
		if err == nil {
			err = doc.Validate(t.Context(), openapi3.IsOpenAPI31OrLater())
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
	})
}
