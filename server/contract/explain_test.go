package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract/lines"
)

const explainDocument = `{
 "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
 "paths": {
  "/p": {"post": {"operationId": "p",
   "parameters": [
    {"name": "any", "in": "query", "schema": {}},
    {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
    {"name": "ratio", "in": "query", "schema": {"type": "number"}}],
   "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/P"}}}},
   "responses": {"200": {"description": "ok"}}}}
 },
 "components": {"schemas": {
  "P": {"type": "object", "required": ["z", "a"], "properties": {
   "z": {"type": "integer"}, "a": {"type": "integer"}, "f": {"type": "number", "minimum": 3},
   "pair": {"anyOf": [{"type": "array", "items": {"type": "string"}, "minItems": 2}, {"type": "null"}]},
   "u": {"oneOf": [{"$ref": "#/components/schemas/B"}, {"$ref": "#/components/schemas/C"}],
    "discriminator": {"propertyName": "kind", "mapping": {"b": "#/components/schemas/B", "c": "#/components/schemas/C"}}},
   "e": {"anyOf": [{"type": "integer"}, {"$ref": "#/components/schemas/C"}]}},
   "additionalProperties": false},
  "B": {"type": "object", "required": ["kind", "x"], "properties": {"x": {"type": "integer"}, "kind": {"const": "b", "type": "string"}, "w": {"type": "integer"}}},
  "C": {"type": "object", "required": ["kind", "w", "x"], "properties": {"kind": {"const": "c", "type": "string"}, "w": {"type": "integer"}, "x": {"type": "integer"}}}
 }}
}`

func TestExplanation(t *testing.T) {
	places := map[string]lines.Place{}
	for i, at := range []string{
		"P/properties/z", "P/properties/a", "P/properties/f", "P/properties/pair", "P/properties/pair/anyOf/0/minItems", "P/properties/u", "P/properties/e",
		"B/properties/x", "B/properties/kind", "B/properties/w", "C/properties/kind", "C/properties/w", "C/properties/x",
	} {
		places["/components/schemas/"+at] = lines.Place{File: "t.json", Line: i + 10}
	}
	d, err := Load(Source{API: "t", File: "t.json", JSON: []byte(explainDocument), Lines: lines.Encode(places, "t.json")})
	if err != nil {
		t.Fatal(err)
	}
	o := d.Operation(http.MethodPost, "/p")
	tests := []struct{ name, query, body, want string }{
		{"unknown members as they came, after the known", "", `{"zz":1,"b":2,"a":1,"m":3}`, "/z required; /zz additionalProperties; /b additionalProperties; /m additionalProperties"},
		{"the branch that was meant orders its members", "", `{"z":1,"a":1,"u":{"kind":"c"}}`, "/u/w required (c@1); /u/x required (c@1)"},
		{"not an object: one violation", "", `{"z":1,"a":1,"u":5}`, "/u type"},
		{"no tag", "", `{"z":1,"a":1,"u":{}}`, "/u discriminator"},
		{"branches know their place", "", `{"z":1,"a":1,"e":{"kind":"c"}}`, "/e anyOf [/e type (@1)] [/e/w required (@1), /e/x required (@1)]"},
		{"beyond float64: the rest is judged too", "", `{"z":"x","f":1e400}`, "/z type; /a required; /f numberRange"},
		{"beyond float64 and an integer: once", "", `{"z":1e400,"a":1}`, "/z numberRange"},
		{"a fraction that rounds to an integer", "", `{"z":9007199254740993.5,"a":1e-500}`, "/z type; /a type"},
		{"a fraction once", "", `{"z":1.5,"a":1}`, "/z type"},
		{"beyond int64", "", `{"z":9223372036854775808,"a":1}`, "/z integerRange"},
		{"of any type", "any=x", `{"z":1,"a":1}`, ""},
		{"the item of a list", "ids=1&ids=x", `{"z":1,"a":1}`, "ids/1 type raw=x"},
		{"not a number of JSON", "ratio=NaN", `{"z":1,"a":1}`, "ratio numberRange raw=NaN"},
		{"infinity", "ratio=1e400", `{"z":1,"a":1}`, "ratio numberRange raw=1e400"},
	}
	var tell func(vs []Violation, sep string) string
	tell = func(vs []Violation, sep string) string {
		var parts []string
		for _, v := range vs {
			text := v.Name + v.Pointer() + " " + v.Rule
			for _, b := range v.Within {
				text += fmt.Sprintf(" (%s@%d)", b.Tag, b.At)
			}
			if v.Raw != "" {
				text += " raw=" + v.Raw
			}
			for _, branch := range v.Branches {
				text += " [" + tell(branch, ", ") + "]"
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, sep)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			judged := o.JudgeRequest(t.Context(), &Message{
				Method: http.MethodPost, URL: &url.URL{Path: "/p", RawQuery: tt.query}, Header: http.Header{}, Body: []byte(tt.body),
			})
			if got := tell(judged.Violations, "; "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	judged := o.JudgeRequest(t.Context(), &Message{Method: http.MethodPost, URL: &url.URL{Path: "/p"}, Body: []byte(`{"z":1,"a":1,"pair":[]}`), Header: http.Header{}})
	if len(judged.Violations) != 1 || judged.Violations[0].Where.Line != 14 {
		t.Errorf("a rule inside a nullable union is placed in its branch: %+v", judged.Violations)
	}
}
