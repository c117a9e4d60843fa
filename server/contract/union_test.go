package contract

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What is wrong with a value of a union is told once: a type that is asked for beside it
// as well, and nothing of branches that were not chosen.
func TestUnionsAreToldOnce(t *testing.T) {
	d, err := Load(Source{API: "t", File: "t", Lines: []byte{}, JSON: []byte(`{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a",
"requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{
"u":{"type":"object","oneOf":[{"$ref":"#/components/schemas/Cat"},{"$ref":"#/components/schemas/Dog"}],"discriminator":{"propertyName":"type","mapping":{"cat":"#/components/schemas/Cat","dog":"#/components/schemas/Dog"}}},
"c":{"oneOf":[{"type":"array","items":{"type":"integer"}},{"type":"array","items":{"type":"string"}},{"type":"number"}]},
"a":{"type":"array","anyOf":[{"items":{"type":"integer"}},{"items":{"type":"boolean"}}]}}}}}},"responses":{"200":{"description":"d"}}}}},
"components":{"schemas":{"Cat":{"type":"object","required":["type"],"properties":{"type":{"type":"string","enum":["cat"]},"kind":{"type":"integer"}}},
"Dog":{"type":"object","required":["type"],"properties":{"type":{"type":"string","enum":["dog"]}}}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"u":5}`:                           "type /u",
		`{"u":[]}`:                          "type /u",
		`{"u":null}`:                        "type /u",
		`{"u":"x"}`:                         "type /u",
		`{"u":{"type":"bird","kind":1.5}}`:  "discriminator /u",
		`{"u":{"type":"bird","kind":1e30}}`: "discriminator /u",
		`{"u":{"kind":1.5}}`:                "discriminator /u",
		`{"u":{"type":7,"kind":2.5}}`:       "discriminator /u",
		`{"u":{"type":"cat","kind":1.5}}`:   "type /u/kind",
		`{"u":{"type":"cat","kind":1e30}}`:  "integerRange /u/kind",
		`{"c":[1.5]}`:                       "oneOf /c",
		`{"c":[1.5,"x",2.5]}`:               "oneOf /c",
		`{"c":true}`:                        "oneOf /c",
		`{"a":[1.5]}`:                       "anyOf /a",
		`{"u":5,"c":[1.5]}`:                 "type /u, oneOf /c",
	} {
		j := d.Operation("POST", "/a").JudgeRequest(t.Context(), &Message{
			Method: "POST", URL: &url.URL{Path: "/a"}, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body),
		})
		var got []string
		for i := range j.Violations {
			got = append(got, j.Violations[i].Rule+" "+j.Violations[i].Pointer())
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("%s: %s, want %s", body, text, want)
		}
	}
}
