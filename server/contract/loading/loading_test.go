package loading

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract/lines"
)

// in makes a document of a version, with a path and components.
func in(version, rest string) string {
	return "openapi: " + version + "\ninfo: {title: t, version: '1'}\n" + rest
}

// operation makes a document whose GET of /a/{id} has more members.
func operation1(members string) string {
	return in("3.0.3", "paths:\n  /a/{id}:\n    get:\n      parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n"+members)
}

// schema1 makes a document with a schema, which stands from line 6 on.
func schema1(version, schema string) string {
	return in(version, "paths: {}\ncomponents:\n  schemas:\n    A:\n      "+schema)
}

func read(text string) (*Document, error) {
	return Read(context.Background(), "t.yaml", []byte(text), Options{})
}

// Mistakes of a document are told with their lines.
func TestMistakes(t *testing.T) {
	ok := "      responses: {'200': {description: d}}\n"
	for text, want := range map[string]string{
		"[]":                                "t.yaml: not an OpenAPI document",
		"a: [":                              "yaml",
		"{":                                 "line 1: not one JSON value",
		"{\n\n a":                           "line 3: not one JSON value",
		"{}{}":                              "more follows",
		"":                                  "not a YAML document",
		"{openapi: 3.0.3,\nopenapi: 3.0.3}": "lines 1 and 2",
		in("3.0.3", "paths:\n  /a: {get: {}}\n  /b: {}\n  /a: {post: {}}"):                   `lines 4 and 6: the key "/a" is there twice`,
		in("3.0.3", "paths: {}\ncomponents: {schemas: {A: {type: string,\n type: object}}}"): `lines 4 and 5: the key "type" is there twice`,
		"{\"openapi\":\"3.0.3\",\n\"paths\":{},\n\"paths\":{}}":                              `lines 2 and 3: the key "paths" is there twice`,
		"openapi: 3.3.0": "want 3.0, 3.1 or 3.2",
		"openapi: 4":     "want 3.0, 3.1 or 3.2",
		"swagger: '1.2'": `line 1: swagger "1.2"`,
		in("3.0.3", "paths:\n  a: {get: {responses: {}}}"):                                                                                                       `line 4: the path "a": want one that begins with a slash`,
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - {name: q, in: qurey, schema: {}}\n"+ok):                                                 `line 7: the parameter "q" is in "qurey"`,
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - name: q\n        in: body\n        schema: {}\n"+ok):                                    `line 8: the parameter "q" is in "body"`,
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - {in: query, schema: {}}\n"+ok):                                                          "line 7: a parameter without a name",
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - {name: q, in: query}\n"+ok):                                                             `line 7: the parameter "q" has neither schema nor content`,
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - {name: q, in: query, schema: {}, content: {a/b: {}}}\n"+ok):                             "has a schema and content",
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - {name: q, in: query, content: {a/b: {}, c/d: {}}}\n"+ok):                                "want one media type",
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - {name: q, in: query, style: matrix, schema: {}}\n"+ok):                                  `the style "matrix" of a parameter in query`,
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters: {name: q}\n"+ok):                                                                                 "line 6: parameters: want a list",
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - &q {name: q, in: query, schema: {}}\n      - *q\n"+ok):                                  `the query parameter "q" is there twice`,
		in("3.0.3", "paths:\n  /a:\n    get:\n      parameters:\n      - {name: X-A, in: header, schema: {}}\n      - {name: x-a, in: header, schema: {}}\n"+ok): "is there twice",
		in("3.0.3", "paths:\n  /a/{id}:\n    get:\n"+ok):                                                                                                         `line 5: the path /a/{id} has the parameter "id", which no path parameter declares`,
		operation1("      operationId: x\n" + ok + "    put:\n      parameters: [{name: no, in: path, required: true, schema: {}}]\n" + ok):                      `the path parameter "no" is not in the path`,
		operation1("      operationId: x\n" + ok + "    put:\n      operationId: x\n"):                                                                           `the operationId "x" is there twice, before on line 7`,
		operation1("      responses:\n        2xx: {description: d}"):                                                                                            `line 8: the status "2xx"`,
		operation1("      responses:\n        20X: {description: d}"):                                                                                            `line 8: the status "20X"`,
		operation1("      responses:\n        200:\n          headers:\n            X-A: {description: d}"):                                                      "line 10: the header has neither schema nor content",
		operation1("      responses:\n        200:\n          headers:\n            X-A:"):                                                                       "line 10: a header: want an object",
		operation1("      responses:\n        200:\n          content:\n            json: {}"):                                                                   `line 10: the media type "json"`,
		operation1("      responses:\n        200:\n          content: {'*/json': {}}"):                                                                          `the media type "*/json"`,
		operation1("      responses:\n        200:\n          content: {'application/json, text/plain': {}}"):                                                    `the media type "application/json, text/plain"`,
		operation1("      requestBody: {content: {'': {}}}\n" + ok):                                                                                              `the media type ""`,
		operation1("      security: [{none: []}]\n" + ok):                                                                                                        `line 7: security: no scheme of the components is called "none"`,
		operation1("      responses:\n        200: {$ref: '#/components/responses/None'}"):                                                                       `line 8: $ref "#/components/responses/None": there is no such place`,
		operation1("      responses:\n        200: {$ref: '#/components/schemas/A'}\ncomponents: {schemas: {A: {}}}"):                                            "refers to one of the schemas, and a response is wanted",
		operation1("      requestBody:\n        required: maybe\n" + ok):                                                                                         "line 8: required: want true or false",
		schema1("3.0.3", "type: sting"):                             `line 7: type "sting"`,
		schema1("3.0.3", "type: [string, text]"):                    `type "text"`,
		schema1("3.0.3", "type: number\n      multipleOf: 0"):       "line 8: multipleOf: want a number greater than 0",
		schema1("3.0.3", "multipleOf: -0.5"):                        "multipleOf",
		schema1("3.0.3", "minimum: '3'"):                            "minimum: want a number",
		schema1("3.0.3", "maxLength: -1"):                           "maxLength: want an integer from 0",
		schema1("3.0.3", "minItems: 1.5"):                           "minItems: want an integer from 0",
		schema1("3.0.3", "properties: {a: {required: true}}"):       "line 7: required: want a list of names",
		schema1("3.0.3", "enum: a"):                                 "enum: want a list",
		schema1("3.0.3", "pattern: [a]"):                            "pattern: want a text",
		schema1("3.0.3", "properties: [a]"):                         "properties: want an object",
		schema1("3.0.3", "allOf: {}"):                               "allOf: want a list",
		schema1("3.0.3", "items: [{type: string}]"):                 "items",
		schema1("3.0.3", "nullable: 'yes'"):                         "nullable: want true or false",
		schema1("3.0.3", "properties: {a: text}"):                   "a schema: want an object",
		schema1("3.0.3", "$ref: '#/components/schemas/B'"):          "there is no such place",
		schema1("3.0.3", "$ref: '#/components/schemas/A'"):          "it refers to itself",
		schema1("3.1.0", "dependentRequired: {a: b}"):               "dependentRequired: want lists of names",
		schema1("3.0.3", "discriminator: kind"):                     "discriminator: want an object",
		schema1("3.0.3", "$ref: './none.yaml'"):                     `line 7: $ref "./none.yaml": no such file`,
		schema1("3.0.3", "$ref: '../none.yaml'"):                    "it leads out of the folder",
		schema1("3.0.3", "$ref: 'https://a.example/b.yaml'"):        "it leads out of the folder",
		schema1("3.0.3", "$ref: 'file:///etc/passwd'"):              `the scheme "file" is not read`,
		schema1("3.0.3", "$ref: /etc/passwd"):                       "it leads out of the folder",
		schema1("3.0.3", "type: sting\n    B:\n      type: strung"): `line 7: type "sting": want one of boolean, integer, number, string, array, object; t.yaml: line 9: type "strung"`,
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

// What is no mistake, or nobody's business, loads.
func TestTaken(t *testing.T) {
	for _, text := range []string{
		in("3.0.3", "paths: {}"), in("3.0", "paths: {}"), in("3.1", "paths: {}"), "openapi: 3.0.3", "openapi: '3.1.1'\ninfo: {version: 1.0, title: 7, license: x}",
		in("3.0.3", "tags: [{name: a, description: {$ref: ./a.md}}]\nservers: what\npaths:"),
		"%YAML 1.2\n---\n" + in("3.0.3", "paths: {}"), "\ufeff" + in("3.0.3", "paths: {}"),
		in("3.0.3", "x-a: &a {get: {responses: {200: {description: d}}}}\npaths: {/a: *a, /b: {<<: *a, x-c: 1}}"),
		in("3.0.3", "paths:\n  x-internal: 1\n  /a:\n    summary: 7\n    get:\n      description: 1.5\n      callbacks: {c: {$ref: nowhere.yaml}}\n      responses:\n        default: {}\n        x-a: 7"),
		in("3.1.0", "paths:\n  /a:\n    get:\n      responses:\n        '200': {content: {application/json:}}\n    x-b: {$ref: nowhere}\nwebhooks: {a: {post: {requestBody: {$ref: nowhere}}}}"),
		schema1("3.0.3", "xml: 7\n      externalDocs: 7\n      example: {$ref: nowhere}\n      enum: [{$ref: nowhere}]\n      default:\n        $ref: nowhere"),
		schema1("3.1.0", "type: [string, null]\n      examples: {a: {value: 1}}\n      required:\n      minimum:\n      properties: {a: , b: true, $ref: {type: string}}"),
		in("3.0.3", "paths: {}\ncomponents:\n  parameters: {x-p: 7}\n  headers: {H: {schema: {type: integer}}}\n  securitySchemes: {a: {type: http, scheme: basic}}\nsecurity: [{a: []}, {}]"),
		in("3.0.3", "paths:\n  /a/{id}:\n    parameters: [{$ref: '#/components/parameters/id'}]\n    get: {responses: {200: {description: d}}}\ncomponents: {parameters: {id: {name: id, in: path, schema: {type: string}}}}"),
		"{openapi: 3.0.3, info: {title: t, version: '1'}, paths: {}}", "\n\n{openapi: 3.1.0,\n paths: {}}",
		`{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{"/a":{"get":{"responses":{"200":{"description":"d"}}}}}}`,
	} {
		d, err := read(text)
		if err != nil {
			t.Errorf("%s\n%v", text, err)
		} else if !json.Valid(d.JSON) {
			t.Errorf("%s\n%s", text, d.JSON)
		}
	}
}

// Scalars are those of YAML 1.2.
func TestScalars(t *testing.T) {
	d, err := read(in("3.0.3", `paths: {}
x-a:
- [010, 0o10, 0x1F, 1_000, +12, -0, .5, 12., 1e3, -1.50E+2, 9007199254740993, 0b11]
- [yes, no, on, off, y, n, True, FALSE, ~, null, Null, "null", '010', !!str 7, 2001-01-01, 12:30:45, 1.2.3]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`[10,8,31,"1_000",12,-0,0.5,12,1e3,-1.50E+2,9007199254740993,"0b11"]`,
		`["yes","no","on","off","y","n",true,false,null,null,null,"null","010","7","2001-01-01","12:30:45","1.2.3"]`,
	} {
		if !strings.Contains(string(d.JSON), want) {
			t.Errorf("no %s in %s", want, d.JSON)
		}
	}
}

// A document of several files is one, and each node of it has its file and line.
func TestSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"paths/things.yaml":      "get:\n  parameters: [{$ref: '../parts.yaml#/limit'}]\n  responses:\n    '200': {$ref: '../parts.yaml#/answers/Things'}\n    default: {$ref: ../openapi.yaml#/components/responses/Wrong}\n",
		"parts.yaml":             "limit: {name: limit, in: query, schema: {$ref: 'schemas/all.json#/definitions/Limit'}}\nanswers:\n  Things:\n    description: d\n    content:\n      application/json:\n        schema: {type: array, items: {$ref: schemas/Thing.yaml}}\n        examples: {one: {$ref: ./example.json}}\n",
		"example.json":           `{"value": [{"name": "n"}]}`,
		"schemas/all.json":       "{\n\"definitions\": {\n\"Limit\": {\"type\": \"integer\", \"minimum\": 1}}}",
		"schemas/Thing.yaml":     "type: object\nrequired: [name]\nproperties:\n  name: {type: string}\n  parent: {$ref: Thing.yaml}\n  kind: {$ref: '#/properties/name'}\n  other: {$ref: ../openapi.yaml#/components/schemas/Thing}\n",
		"schemas/bad.yaml":       "type: object\nproperties:\n  a: {type: sting}\n",
		"parameters/_index.yaml": "- {name: q, in: query, schema: {type: string}}\n",
		"outside/secret.yaml":    "type: string\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	main := filepath.Join(dir, "openapi.yaml")
	text := in("3.0.3", `paths:
  /things: {$ref: paths/things.yaml}
  /q: {get: {parameters: {$ref: parameters/_index.yaml}, responses: {$ref: 'answers.yaml'}}}
components:
  responses: {Wrong: {description: d, content: {application/json: {schema: {$ref: './schemas/Thing.yaml'}}}}}
  schemas:
    Thing: {type: object}
    Made: {oneOf: [{$ref: schemas/Thing.yaml}], discriminator: {propertyName: name, mapping: {a: schemas/Thing.yaml}}}
`)
	for name, content := range map[string]string{"openapi.yaml": text, "answers.yaml": "'200': {description: d}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Read(t.Context(), main, []byte(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Components struct {
			Schemas map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(d.JSON, &made); err != nil {
		t.Fatal(err)
	}
	thing := string(made.Components.Schemas["Thing-2"])
	if len(made.Components.Schemas) != 5 || !strings.Contains(thing, `"parent":{"$ref":"#/components/schemas/Thing-2"}`) ||
		!strings.Contains(thing, `"other":{"$ref":"#/components/schemas/Thing"}`) || strings.Contains(string(d.JSON), ".yaml") {
		t.Errorf("%s", d.JSON)
	}
	table := lines.Read(d.Lines)
	for pointer, want := range map[string]string{
		"/components/schemas/Thing-2/properties/name": "schemas/Thing.yaml:4",
		"/components/schemas/Limit/minimum":           "schemas/all.json:3",
		"/paths/~1things/get/responses/200":           "paths/things.yaml:4",
		"/components/schemas/Thing":                   "openapi.yaml:9",
	} {
		place, _ := table.Nearest(pointer)
		if got := fmt.Sprintf("%s:%d", place.File, place.Line); !strings.HasSuffix(filepath.ToSlash(got), want) {
			t.Errorf("%s: %s, want %s", pointer, got, want)
		}
	}
	// A mistake names the file that it is in, and nothing is read from elsewhere.
	sub := filepath.Join(dir, "paths", "openapi.yaml")
	for rest, want := range map[string]string{
		"schemas/bad.yaml": "bad.yaml: line 3: type",
		"../parts.yaml#/x": "leads out",
	} {
		file := main
		if strings.HasPrefix(rest, "..") {
			file = sub
		}
		_, err := Read(t.Context(), file, []byte(schema1("3.0.3", "$ref: '"+rest+"'")), Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", rest, err, want)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "outside"), filepath.Join(dir, "paths", "link")); err == nil {
		if _, err := Read(t.Context(), sub, []byte(schema1("3.0.3", "$ref: link/secret.yaml")), Options{}); err == nil {
			t.Error("a link leads out of the folder")
		}
	}
	if _, err := Read(t.Context(), sub, []byte(schema1("3.0.3", "$ref: ../outside/secret.yaml")), Options{Allow: []string{filepath.Join(dir, "outside")}}); err != nil {
		t.Error(err)
	}
}

// References to URLs stay at the origin of the document.
func TestURLs(t *testing.T) {
	pages := map[string]string{
		"https://a.example/api/parts.yaml":   "A: {type: integer}\n",
		"https://a.example/other/parts.yaml": "A: {type: integer}\n",
		"https://b.example/parts.yaml":       "A: {type: integer}\n",
	}
	fetch := func(_ context.Context, url string) ([]byte, error) { return []byte(pages[url]), nil }
	for ref, allow := range map[string]string{
		"parts.yaml#/A": "", "../other/parts.yaml#/A": "", "https://a.example/api/parts.yaml#/A": "", "https://b.example/parts.yaml#/A": "https://b.example/",
	} {
		o := Options{Fetch: fetch}
		if allow != "" {
			if _, err := Read(t.Context(), "https://a.example/api/openapi.yaml", []byte(schema1("3.0.3", "$ref: "+ref)), o); err == nil || !strings.Contains(err.Error(), "leads out") {
				t.Errorf("%s: %v", ref, err)
			}
			o.Allow = []string{allow}
		}
		if _, err := Read(t.Context(), "https://a.example/api/openapi.yaml", []byte(schema1("3.0.3", "$ref: "+ref)), o); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if _, err := Read(t.Context(), "https://a.example/openapi.yaml", []byte(schema1("3.0.3", "$ref: /etc/hostname")), Options{Fetch: fetch, Allow: []string{"/etc"}}); err == nil {
		t.Error("a URL leads to a file")
	}
}

// A document of Swagger 2 is converted, and its lines are kept.
func TestSwagger(t *testing.T) {
	d, err := read(`swagger: "2.0"
info: {title: t, version: 1.0}
basePath: /v1
consumes: [application/json]
produces: [application/json]
paths:
  /things/{id}:
    post:
      parameters:
      - {name: id, in: path, required: true, type: integer, format: int64}
      - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: pipes}
      - {name: body, in: body, required: true, schema: {$ref: '#/definitions/Thing'}}
      responses:
        "200": {description: d, schema: {$ref: '#/definitions/Thing'}}
definitions:
  Thing:
    type: object
    required: [name]
    properties: {name: {type: string}}
`)
	if err != nil {
		t.Fatal(err)
	}
	text := string(d.JSON)
	for _, want := range []string{`"openapi":"3.0.3"`, `"style":"pipeDelimited"`, `#/components/schemas/Thing`, `"application/json"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if place, _ := lines.Read(d.Lines).Nearest("/components/schemas/Thing/properties/name"); place.Line != 19 {
		t.Errorf("line %d", place.Line)
	}
	if len(d.Notes) != 1 {
		t.Errorf("%q", d.Notes)
	}
}

// FuzzRead reads any document: one that is taken is JSON.
func FuzzRead(f *testing.F) {
	f.Add(schema1("3.1.0", "type: [string, null]\n      $defs: {a: {$ref: '#/components/schemas/A'}}"))
	f.Add("swagger: '2.0'\ninfo: {title: t, version: '1'}\npaths: {/a: {get: {parameters: [{name: q, in: query, type: array}], responses: {200: {description: d}}}}}")
	f.Add("{\"openapi\":\"3.0.3\",\"paths\":{\"/a\":{\"$ref\":\"#/paths/~1b\"},\"/b\":{\"$ref\":\"#/paths/~1a\"}}}")
	f.Add(in("3.2.0", "$self: https://x.example/a.yaml\npaths: {/a: {query: {}, additionalOperations: {COPY: {}}, get: {parameters: [{name: q, in: querystring, content: {application/x-www-form-urlencoded: {schema: {}}}}]}}}"))
	f.Add(schema1("3.1.0", "$id: https://x.example/s\n      $defs: {a: {$anchor: b}, c: {$dynamicAnchor: d}}\n      allOf: [{$ref: '#/$defs/a'}, {$ref: s#b}, {$dynamicRef: '#d'}]"))
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Read(t.Context(), "fuzz.yaml", []byte(text), Options{})
		if err == nil && !json.Valid(d.JSON) {
			t.Errorf("%s", d.JSON)
		}
	})
}
