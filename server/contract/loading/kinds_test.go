package loading

import (
	"strings"
	"testing"
)

// Mistakes of a document that leave open what it means, and what is none.
func TestKinds(t *testing.T) {
	ok := "      responses: {'200': {description: d}}\n"
	for _, c := range []struct{ text, want string }{
		{schema1("3.0.3", "$ref: '#/components/schemas/A/properties/x'"), "no such place"},
		{schema1("3.1.0", "$ref: '#/components/schemas/B/properties/x'\n    B: {$ref: '#/components/schemas/C'}\n    C: {$ref: '#/components/schemas/B'}"), "it refers to itself"},
		{schema1("3.1.0", "$ref: '#/components/schemas/B/properties/x'\n    B: {$ref: '#/components/schemas/C'}\n    C: {properties: {x: {type: integer}}}"), ""},
		{schema1("3.1.0", "$dynamicRef: '#A'\n      $dynamicAnchor: A"), ""},
		{schema1("3.1.0", "$dynamicRef: '#nope'"), ""},
		{schema1("3.1.0", "$ref: '#nope'"), "no such place"},
		{schema1("3.0.3", "allOf: [{$ref: '#/components/schemas/A'}]"), ""},
		{in("3.0.3", "paths:\n  /a:\n    $ref: '#/paths/~1b'\n  /b:\n    get:\n"+ok), ""},
		{in("3.0.3", "paths:\n  /a:\n    $ref: '#/paths/~1a'\n"), "itself"},
		{in("3.1.0", "paths:\n  /a:\n    $ref: '#/components/pathItems/P'\ncomponents:\n  pathItems:\n    P:\n      get:\n"+ok), ""},
		{in("3.1.0", "paths:\n  /a/{id}:\n    $ref: '#/components/pathItems/P'\n    parameters: [{name: id, in: path, required: true, schema: {type: string}}]\ncomponents:\n  pathItems:\n    P:\n      get:\n"+ok), ""},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - $ref: '#/paths/~1b/get/parameters/0'\n"+ok+"  /b:\n    get:\n      parameters: [{name: q, in: query, schema: {type: string}}]\n"+ok), ""},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      responses:\n        '200': {$ref: '#/paths/~1b/get/responses/200'}\n  /b:\n    get:\n"+ok), ""},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      responses:\n        '200':\n          description: d\n          content:\n            application/json:\n              schema: {$ref: '#/paths/~1b~1%7Bid%7D/get/responses/200/content/application~1json/schema'}\n  /b/{id}:\n    get:\n      parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n      responses:\n        '200': {description: d, content: {application/json: {schema: {type: integer}}}}\n"), ""},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      responses: {'200': {description: d, headers: {X: {$ref: '#/components/headers/X'}}, links: {l: {$ref: '#/components/links/L'}}}}\ncomponents: {headers: {X: {schema: {type: string}}}, links: {L: {operationId: x}}}\n"), ""},
		{in("3.0.3", "paths:\n  /a:\n    get: {responses: {200: {description: d}, 200: {description: e}}}"), "is there twice"},
		{in("3.0.3", "paths:\n  /a:\n    get: {responses: {200: {description: d}, '200': {description: e}}}"), "is there twice"},
		{in("3.0.3", "x: {a: 1, \"a\": 2}\npaths: {}"), "is there twice"},
		{in("3.0.3", "paths: {}\ncomponents:\n  schemas:\n    A: {type: object, properties: {no: {type: string}, NO: {type: string}, off: {type: string}, y: {type: string}}}"), ""},
		{in("3.0.3", "x-p: &p {type: object}\npaths: {}\ncomponents:\n  schemas:\n    A: {<<: *p, properties: {}}\n    B: {<<: [*p, {title: t}]}"), ""},
		{in("3.0.3", "x-p: &p {type: object}\npaths: {}\ncomponents:\n  schemas:\n    A: {<<: *q}"), "unknown anchor"},
		{in("3.0.3", "paths:\n  /a/{id}/{id}:\n    get:\n      parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n"+ok), "has the parameter \"id\" twice"},
		{in("3.0.3", "paths:\n  /a/{id}:\n    get:\n      parameters: [{name: id, in: path, required: false, schema: {type: string}}]\n"+ok), ""},
		{in("3.0.3", "paths:\n  /a/{id}:\n    get:\n      parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n"+ok+"  /a/{name}:\n    get:\n      parameters: [{name: name, in: path, required: true, schema: {type: string}}]\n"+ok), ""},
		{in("3.0.3", "paths:\n  /a/{id}:\n    get:\n      parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n"+ok+"  /a/{name}:\n    post:\n      parameters: [{name: name, in: path, required: true, schema: {type: string}}]\n"+ok), ""},
		{in("3.0.3", "paths:\n  /a{id:\n    get:\n"+ok), "between each pair of braces"},
		{in("3.0.3", "paths:\n  /a?x=1:\n    get:\n"+ok), ""},
		{in("3.0.3", "paths:\n  /a#x:\n    get:\n"+ok), ""},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      responses: {}\n"), ""},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      responses: {'2xx': {description: d}}\n"), "the status"},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      responses: {'6XX': {description: d}}\n"), "the status"},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      responses: {'200 ': {description: d}}\n"), "the status"},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      responses: {Default: {description: d}}\n"), "the status"},
		{in("3.0.3", "paths:\n  /a:\n    GET:\n"+ok), "line 5: the method \"GET\""},
		{in("3.0.3", "paths:\n  /a:\n    fetch:\n"+ok), "line 5: the method \"fetch\""},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      parameters: [{name: q, in: Query, schema: {}}]\n"+ok), "Query"},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      parameters: [{name: q, in: query, type: string}]\n"+ok), "neither schema nor content"},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      parameters: [{name: q, in: query, schema: {type: Integer}}]\n"+ok), "type \"Integer\""},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      parameters: [{name: q, in: query, schema: {type: date}}]\n"+ok), "type \"date\""},
		{schema1("3.0.3", "type: file"), "type \"file\""},
		{schema1("3.0.3", "type: any"), "type \"any\""},
		{schema1("3.0.3", "type: int"), "type \"int\""},
		{schema1("3.0.3", "type: array"), ""},
		{schema1("3.0.3", "type: object\n      required: [a, a]"), ""},
		{schema1("3.0.3", "type: object\n      required: a"), "required"},
		{schema1("3.0.3", "minLength: 5\n      maxLength: 3"), ""},
		{schema1("3.0.3", "minimum: 5\n      maximum: 3"), ""},
		{schema1("3.0.3", "enum: []"), ""},
		{schema1("3.0.3", "enum: [a, a]"), ""},
		{schema1("3.0.3", "pattern: '['"), ""},
		{schema1("3.0.3", "allOf: {$ref: '#/components/schemas/A'}"), "allOf: want a list"},
		{schema1("3.0.3", "oneOf: [type: string]"), ""},
		{schema1("3.0.3", "items: {type: strin}"), "type \"strin\""},
		{schema1("3.0.3", "additionalProperties: no"), "want"},
		{schema1("3.0.3", "additionalProperties: 'false'"), "want"},
		{schema1("3.0.3", "exclusiveMinimum: 'true'"), "exclusiveMinimum"},
		{schema1("3.0.3", "exclusiveMinimum: 3"), ""},
		{schema1("3.1.0", "exclusiveMinimum: true"), ""},
		{schema1("3.1.0", "type: []"), ""},
		{schema1("3.1.0", "type: [string, string]"), ""},
		{in("3.0.3", "paths: {}\ncomponents: {securitySchemes: {a: {type: apikey}}}"), "apikey"},
		{in("3.0.3", "paths: {}\ncomponents: {securitySchemes: {a: {type: apiKey, in: body, name: x}}}"), "is in \"body\""},
		{in("3.0.3", "paths: {}\ncomponents: {securitySchemes: {a: {type: apiKey, in: header}}}"), "has no name"},
		{in("3.0.3", "paths: {}\ncomponents: {securitySchemes: {a: {type: http}}}"), "names no scheme"},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      security: {a: []}\n"+ok), "want a list"},
		{in("3.0.3", "paths:\n  /a:\n    get:\n      security: [{}, {none: [], a: []}]\n"+ok+"components: {securitySchemes: {a: {type: http, scheme: basic}}}"), `called "none"`},
		{in("3.0.3", "security: [{none: []}]\npaths:\n  /a:\n    get:\n"+ok), `called "none"`},
		{in("3.1.0", "security: [{A: []}]\npaths:\n  /a:\n    get:\n"+ok+"components: {securitySchemes: {a: {type: mutualTLS}}}"), `called "A"`},
		{in("3.1.0", "security: [{a: []}]\npaths:\n  /a:\n    get:\n"+ok+"components: {securitySchemes: {a: {type: mutualTLS}}}"), ""},
		{in("3.0.3", "paths: []"), "want an object"},
		{in("3.0.3", "paths: {/a: []}"), "want an object"},
		{in("3.0.3", "paths: {/a: {get: []}}"), "want an object"},
		{in("3.0.3", "components: []\npaths: {}"), "want an object"},
		{in("3.0.3", "paths:\n\t/a: {}"), "line 4"},
		{"openapi: 3.0.3\n---\nopenapi: 3.0.3", "second document"},
		{"openapi: 3.0.3\n...\n", ""},
		{"# comment only\n", "not a YAML document"},
		{"openapi: '3.0'\ninfo: {}\npaths: {}", ""},
		{"openapi: 3\npaths: {}", "want 3.0, 3.1 or 3.2"},
		{"openapi: v3.0.3\npaths: {}", "want 3.0, 3.1 or 3.2"},
		{"openapi: 3.10.0\npaths: {}", "want 3.0, 3.1 or 3.2"},
		{"<html>", "not an OpenAPI document"},
		{"{\"openapi\":\"3.0.3\",\"paths\":{},}", ""},
		{"{\"openapi\":\"3.0.3\", // c\n\"paths\":{}}", "not one JSON value"},
		{"asyncapi: 2.0.0", "openapi"},
		{"{'openapi': '3.0.3', 'paths': {}}", ""},
	} {
		_, err := read(c.text)
		switch {
		case err == nil && c.want == "":
		case err == nil:
			t.Errorf("TAKEN (want %s): %s", c.want, c.text)
		case c.want == "":
			t.Errorf("REFUSED %v: %s", err, c.text)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("OTHER %v, want %s: %s", err, c.want, c.text)
		}
	}
}

// What is of OpenAPI 3.2 alone is told, and all else is judged as in 3.1.
func TestNewer(t *testing.T) {
	d, err := read(in("3.2.0", `$self: https://x.example/openapi.yaml
tags: [{name: a, parent: b, kind: nav, summary: s}]
paths:
  /a:
    query: {responses: {'200': {description: d}}}
    additionalOperations: {COPY: {responses: {'200': {description: d}}}}
    get:
      parameters: [{name: q, in: querystring, content: {application/x-www-form-urlencoded: {schema: {type: object}}}}]
      responses:
        '200': {summary: s, content: {text/event-stream: {itemSchema: {type: object}}, application/json: {$ref: '#/components/mediaTypes/J'}}}
    post:
      parameters: [{name: q, in: querystring, content: {application/json: {schema: {type: object}}}}]
      responses: {'200': {description: d}}
    put:
      parameters: [{name: c, in: cookie, style: cookie, schema: {type: string}}]
      responses: {'200': {description: d, content: {application/json: {schema: {$ref: 'https://x.example/openapi.yaml#/components/schemas/U'}, examples: {e: {dataValue: {kind: a}, serializedValue: '{}'}}}}}}
  /b: {get: {parameters: [{name: q, in: query, schema: {type: integer}}], responses: {default: {summary: s}}}}
components:
  mediaTypes: {J: {schema: {type: object, required: [x]}}}
  schemas:
    U: {oneOf: [{$ref: '#/components/schemas/A'}], discriminator: {propertyName: kind, defaultMapping: A}}
    A: {type: object, xml: {nodeType: element}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"t.yaml line 7: QUERY /a, of OpenAPI 3.2, is not verified", "t.yaml line 8: COPY /a", "t.yaml line 13: the query as a whole (in: querystring) of POST /a",
		"t.yaml line 12: itemSchema, of OpenAPI 3.2",
	} {
		if i >= len(d.Unjudged) || !strings.Contains(strings.Join(d.Unjudged, "\n"), want) {
			t.Errorf("not told: %s\n%s", want, strings.Join(d.Unjudged, "\n"))
		}
	}
	text := string(d.JSON)
	for _, want := range []string{`"openapi":"3.1.1"`, `"in":"query"`, `"required":["x"]`, `"value":{"kind":"a"}`, `"$ref":"#/components/schemas/U"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	for _, left := range []string{"querystring", "itemSchema", "QUERY", "additionalOperations", "mediaTypes", "$self", "defaultMapping", "serializedValue"} {
		if strings.Contains(text, left) {
			t.Errorf("%s is left in %s", left, text)
		}
	}
	if len(d.Notes) != 1 || len(d.Unjudged) != 4 {
		t.Errorf("%q %q", d.Notes, d.Unjudged)
	}
}
