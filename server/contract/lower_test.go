package contract

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// judgedAs loads a document of version 3.1 whose only operation takes the schema, and
// names the rules that bodies break.
func judgedAs(t *testing.T, schema, components string, bodies map[string]string) *Document {
	t.Helper()
	d, err := Load(Source{API: "t", File: "t", JSON: []byte(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a",
"requestBody":{"required":true,"content":{"application/json":{"schema":` + schema + `}}},"responses":{"200":{"description":"ok"}}}}},
"components":{"schemas":` + components + `}}`)})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range bodies {
		judged := d.Operation(http.MethodPost, "/a").JudgeRequest(tbContext, &Message{
			Method: http.MethodPost, URL: &url.URL{Path: "/a"}, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body),
		})
		var rules []string
		for _, v := range judged.Violations {
			rules = append(rules, v.Rule+" "+v.Pointer())
		}
		if got := strings.Join(rules, ", "); got != want {
			t.Errorf("%s: breaks %q, want %q", body, got, want)
		}
	}
	return d
}

// A discriminator whose property no branch declares tells nothing apart.
func TestUntagged(t *testing.T) {
	const components = `{"A":{"type":"object","required":["a"],"properties":{"a":{"type":"integer"},"k":{"type":"string"}}},
"B":{"type":"object","required":["b"],"properties":{"b":{"type":"string"},"k":{"type":"string"}}}}`
	union := func(tag string) string {
		return `{"oneOf":[{"$ref":"#/components/schemas/A"},{"$ref":"#/components/schemas/B"}],
"discriminator":{"propertyName":"` + tag + `","mapping":{"x":"#/components/schemas/A","y":"#/components/schemas/B"}}}`
	}
	d := judgedAs(t, union("kind"), components, map[string]string{
		`{"a":1}`: "", `{"b":"c"}`: "", `{"a":1,"b":"c"}`: "", `{"kind":"x","a":1}`: "", `{"a":"c"}`: "anyOf ",
	})
	if len(d.Notes()) != 1 || !strings.Contains(d.Notes()[0], `"kind"`) {
		t.Errorf("notes %v", d.Notes())
	}
	d = judgedAs(t, union("k"), components, map[string]string{
		`{"k":"x","a":1}`: "", `{"a":1}`: "discriminator ", `{"k":"y","a":1}`: "required /b",
	})
	if len(d.Notes()) != 0 {
		t.Errorf("notes %v", d.Notes())
	}
}

// What stands beside a reference is judged with it.
func TestBesideReference(t *testing.T) {
	judgedAs(t, `{"type":"object","properties":{"a":{"$ref":"#/components/schemas/S","default":"prefer","title":"A"},"b":{"$ref":"#/components/schemas/S","minLength":7}}}`,
		`{"S":{"type":"string","enum":["prefer","require"]}}`, map[string]string{
			`{"a":"prefer"}`: "", `{"a":"x"}`: "enum /a", `{"b":"require"}`: "", `{"b":"prefer"}`: "minLength /b",
		})
}

// Patterns that look ahead, times of day, and members that no vocabulary knows.
func TestPublishedKeywords(t *testing.T) {
	judgedAs(t, `{"type":"object","section":"basic","properties":{"n":{"type":"string","pattern":"^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$"},"at":{"type":"string","format":"time"}}}`,
		`{}`, map[string]string{`{"n":"1.5","at":"09:30"}`: "", `{"n":"+."}`: "pattern /n", `{"at":"9:30"}`: "format /at"})
}
