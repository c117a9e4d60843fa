package contract_test

import (
	"encoding/json"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/understudy-api/understudy/server/contract"
)

const servedDocument = `openapi: 3.1.0
info: {title: t, version: v}
x-root: ok
paths:
  /a/{x}:
    get:
      operationId: a
      parameters: [{in: path, name: x, required: true, schema: {type: string}}, PARAMETER]
      x-body: ok
      responses:
        '200': {description: d, x-headers: ok, content: CONTENT}
components:
  schemas:
    S: SCHEMA
    Cat: {type: object, required: [k], properties: {k: {type: string}}}
    Dog: {type: object, required: [k], properties: {k: {type: string}}}
  x-schemes: ok
`

// What a served document says and nothing is judged by is an error, and names the place.
func TestServedDocumentsKeepTheirWord(t *testing.T) {
	union := "oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]"
	form := "requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {a: {type: string}}}, encoding: "
	secured := "security: [{m: []}]\n      summary: ok|x-schemes: ok|securitySchemes: {m: "
	for _, c := range []struct{ at, text, want string }{
		{"SCHEMA", "{type: string, section: a, widget: {rows: 3}, x-maxlength: 3}", ""},
		{"SCHEMA", "{type: string, maxlength: 3}", "components/schemas/S: the member \"maxlength\" is no keyword: maxLength is"},
		{"SCHEMA", "{type: object, requird: [a]}", "required is"},
		{"SCHEMA", "{type: object, properties: {a: {type: string, MinLength: 1}}}", "minLength is"},
		{"SCHEMA", "{type: object, additionalProperty: false}", "additionalProperties is"},
		{"SCHEMA", "{enum: []}", "enum is empty"},
		{"SCHEMA", "{oneOf: []}", "oneOf is empty"},
		{"SCHEMA", "{type: number, multipleOf: 0}", "multipleOf"},
		{"SCHEMA", "{type: string, format: int64}", "format \"int64\" says nothing"},
		{"SCHEMA", "{type: [integer, 'null'], format: date}", "format \"date\" says nothing"},
		{"SCHEMA", "{type: [string, integer], format: date}", ""},
		{"SCHEMA", "{" + union + ", discriminator: {propertyName: k, mapping: {c: Cat, d: '#/components/schemas/Dog'}}}", ""},
		{"SCHEMA", "{" + union + ", discriminator: {propertyName: k, mapping: {c: Cat, e: '#/components/schemas/Emu'}}}", "maps \"e\""},
		{"SCHEMA", "{" + union + ", discriminator: {property: k}}", "without propertyName"},
		{"SCHEMA", "{type: array, items: {type: object, discriminator: {propertyName: k}}}", "neither oneOf nor anyOf"},
		{"x-root: ok", "servers: [{url: 'https://x.example/'}, {url: 'https://x.example/v1'}]", "#/servers/1"},
		{"x-body: ok", secured + "{type: http, scheme: basic}}", ""},
		{"x-body: ok", secured + "{type: apiKey, in: cookie, name: k}}", ""},
		{"x-body: ok", secured + "{type: oauth2, flows: {}}}", "no request can be asked for \"m\""},
		{"x-body: ok", secured + "{type: mutualTLS}}", "no request can be asked for \"m\""},
		{"/a/{x}", "/a/{x}.{x}", "there twice"},
		{"/a/{x}", "/a/{x}:run", ""},
		{"/a/{x}", "/a/{x}?q=1", "\"?q=1\""},
		{"/a/{x}", "/a/{x:[0-9]+}", "cannot be called"},
		{"/a/{x}", "/a%2Fb/{x}", "\"a%2Fb\""},
		{"PARAMETER", "{in: header, name: authorization, schema: {type: string}}", "authorization"},
		{"PARAMETER", "{in: header, name: X-A, schema: {type: string}}", ""},
		{"CONTENT", "{application/problem+json: {schema: {type: object, required: [a]}}}", ""},
		{"CONTENT", "{text/csv: {schema: {type: string, description: d}}, application/pdf: {}}", ""},
		{"CONTENT", "{text/csv: {schema: {type: array, items: {type: integer}}}}", "text~1csv/schema"},
		{"CONTENT", "{text/csv: {schema: {type: string, maxLength: 2}}}", "text~1csv/schema"},
		{"CONTENT", "{text/event-stream: {schema: {type: object, required: [a]}}}", "text~1event-stream/schema"},
		{"CONTENT", "{application/x-ndjson: {schema: {$ref: '#/components/schemas/Cat'}}}", "application~1x-ndjson/schema"},
		{"CONTENT", "{application/xml: {schema: {type: object}}}", "application~1xml/schema"},
		{"CONTENT", "{application/octet-stream: {schema: {type: string, format: binary, maxLength: 3}}}", "octet-stream/schema"},
		{"CONTENT", "{json: {schema: {type: string}}}", "no media type"},
		{"x-headers: ok", "headers: {content-type: {schema: {type: string}}}", "that of the content"},
		{"x-body: ok", "requestBody: {content: {}}", "of no media type"},
		{"x-body: ok", "requestBody: {content: {text/plain: {schema: {type: integer}}, application/octet-stream: {schema: {type: string, format: binary}}}}", ""},
		{"x-body: ok", "requestBody: {content: {multipart/mixed: {schema: {type: object}}}}", "multipart~1mixed/schema"},
		{"x-body: ok", form + "{a: {contentType: text/plain}}}}}", ""},
		{"x-body: ok", form + "{b: {contentType: text/plain}}}}}", "encoding/b"},
		{"x-body: ok", "requestBody: {content: {application/json: {encoding: {a: {contentType: text/plain}}}}}", "encoding"},
	} {
		text := servedDocument
		parts := strings.Split(c.at+"|"+c.text, "|")
		for i := 0; i < len(parts); i += 2 {
			text = strings.Replace(text, parts[i], parts[i+1], 1)
		}
		for at, plain := range map[string]string{", PARAMETER": "", "CONTENT": "{}", "SCHEMA": "{}"} {
			text = strings.Replace(text, at, plain, 1)
		}
		var tree any
		if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		asJSON, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		_, err = contract.Load(contract.Source{API: "t", File: "t", JSON: asJSON})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}

// Of a document that others serve it costs a warning.
func TestBodiesThatAreNotJudged(t *testing.T) {
	object := "{schema: {type: object, required: [a]}}"
	for content, want := range map[string]string{
		"application/xml: " + object:                                    "bodies of application/xml are not judged by their schema",
		"application/x-ndjson: " + object:                               "bodies of application/x-ndjson are not judged by their schema",
		"text/event-stream: " + object:                                  "bodies of text/event-stream are not judged by their schema",
		"'multipart/mixed; boundary=x': " + object:                      "bodies of multipart/mixed are not judged by their schema",
		"application/json: " + object:                                   "",
		"'*/*': " + object:                                              "",
		"application/pdf: {schema: {type: string, format: binary}}":     "",
		"text/event-stream: {schema: {type: string, description: 'd'}}": "",
		"multipart/form-data: {schema: {type: object, properties: {f: {type: string}}}, encoding: {f: {headers: {X-A: {schema: {type: integer}}}}}}": "headers of parts are not judged",
	} {
		d := foreign(t, "3.1.0", "paths: {/a: {post: {requestBody: {content: {"+content+"}}, responses: {'200': {description: d}}}}}\n")
		got := ""
		for _, w := range d.Warnings() {
			got += w.Text
		}
		if got != want {
			t.Errorf("%s: %q, want %q", content, got, want)
		}
	}
}
