package contract

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract/lines"
)

const shapes = `{"openapi": "3.1.0", "info": {"title": "t", "version": "1"},
"security": [{"key": []}],
"paths": {"/a": {"post": {"operationId": "a",
  "requestBody": {"required": true, "content": {
    "application/json": {"schema": {"$ref": "#/components/schemas/Body"}},
    "text/csv": {"schema": {"type": "string"}}}},
  "responses": {
    "200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object"}}, "text/csv": {}},
      "links": {"next": {"operationId": "a"}}},
    "404": {"description": "no"}}}},
 "/b": {"get": {"operationId": "b", "security": [], "responses": {"204": {"description": "ok"}}}}},
"components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
"schemas": {
  "Body": {"type": "object",
    "properties": {"z": {"type": "string"}, "a": {"anyOf": [{"$ref": "#/components/schemas/List"}, {"type": "null"}]},
      "s": {"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}], "x-own": 1, "examples": ["of the union"]}},
    "allOf": [{"properties": {"m": {"type": "string", "writeOnly": true}, "b": {"type": "object", "additionalProperties": {"type": "string"}}}}]},
  "List": {"type": "array", "items": {"type": "object", "additionalProperties": false}}}}}`

// What is asked of the shape of values is answered as the document says it, and the
// members stand in its order.
func TestShape(t *testing.T) {
	t.Parallel()
	places := map[string]lines.Place{}
	for i, name := range []string{"/properties/z", "/properties/a", "/properties/s", "/allOf/0/properties/m", "/allOf/0/properties/b"} {
		places["/components/schemas/Body"+name] = lines.Place{File: "t.json", Line: i + 1}
	}
	d, err := Load(Source{API: "t", File: "t.json", JSON: []byte(shapes), Lines: lines.Encode(places, "t.json")})
	if err != nil {
		t.Fatal(err)
	}
	a, b := d.Operation("POST", "/a"), d.Operation("GET", "/b")
	var names, secrets, open []string
	for _, p := range a.Declared(a.BodySchema()) {
		names = append(names, p.Name)
		if IsSecret(p.Schema) {
			secrets = append(secrets, p.Name)
		}
		if TakesMore(p.Schema) {
			open = append(open, p.Name)
		}
		if items := ItemsOf(p.Schema); (items != nil) != (p.Name == "a") || items != nil && (TakesMore(items) || len(a.Declared(items)) > 0) {
			t.Errorf("items of %s: %v", p.Name, items)
		}
		if p.Name == "s" && (p.Schema.Extensions["x-own"] == nil || len(p.Schema.Examples) != 1) {
			t.Errorf("the union's own are gone: %+v", p.Schema)
		}
	}
	content, required := a.RequestContent()
	_, absent := b.RequestContent()
	got := []any{
		names, secrets, open, required, absent, content["application/json"] != nil, content["text/csv"] != nil, len(content),
		a.AnswerTypes(200), a.AnswerTypes(404), len(a.AnswerLinks("200")), len(a.AnswerLinks("404")), len(a.AnswerLinks("500")),
		len(a.Security()), len(b.Security()), len(d.SecuritySchemes()),
	}
	wanted := []any{
		[]string{"z", "a", "s", "m", "b"},
		[]string{"s", "m"},
		[]string{"b"},
		true, false, true, true, 2,
		[]string{"application/json", "text/csv"},
		[]string(nil), 1, 0, 0,
		1, 0, 1,
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
}
