package contract_test

import (
	"net/http"
	"strings"
	"testing"
)

// schemaCase is a value that a server answers with, where the document declares a schema.
type schemaCase struct{ schema, value, want string }

func judgeSchemas(t *testing.T, version, components string, cases []schemaCase) {
	t.Helper()
	for _, c := range cases {
		rest := "paths:\n  /a:\n    get:\n      responses:\n        '200': {description: d, content: {application/json: {schema: " + c.schema + "}}}\n" + components
		d, err := read(version, rest)
		if err != nil {
			t.Errorf("%s %s: %v", version, c.schema, err)
			continue
		}
		header := http.Header{"Content-Type": {"application/json"}}
		if got := rules(d.Operation("GET", "/a").JudgeResponse(t.Context(), "GET", 200, header, []byte(c.value))); got != c.want {
			t.Errorf("%s %s, answered %s\n got %s\nwant %s", version, c.schema, c.value, got, c.want)
		}
	}
}

func TestNumbersAreExact(t *testing.T) {
	for _, version := range []string{"3.0.3", "3.1.0"} {
		judgeSchemas(t, version, "", []schemaCase{
			{"{type: integer, format: int64}", "9223372036854775808", "integerRange"},
			{"{type: integer, format: int64}", "-9223372036854775809", "integerRange"},
			{"{type: integer, format: int64}", "9223372036854775807", ""},
			{"{type: integer, format: int64}", "9.223372036854775807e18", ""},
			{"{type: integer}", "9223372036854775808", ""},
			{"{type: integer, format: int32}", "2147483648", "format"},
			{"{type: integer, maximum: 9007199254740992}", "9007199254740993", "maximum"},
			{"{type: integer, maximum: 9007199254740993}", "9007199254740993", ""},
			{"{type: integer, maximum: 9007199254740993}", "9007199254740994", "maximum"},
			{"{type: integer, minimum: 9223372036854775800}", "9223372036854775799", "minimum"},
			{"{type: integer, minimum: 9223372036854775800}", "9223372036854775801", ""},
			{"{type: integer, minimum: -9007199254740993}", "-9007199254740994", "minimum"},
			{"{type: number, multipleOf: 0.01}", "19.99", ""},
			{"{type: number, multipleOf: 0.01}", "1234567890123.45", ""},
			{"{type: number, multipleOf: 0.01}", "0.015", "multipleOf"},
			{"{type: number, multipleOf: 0.1}", "1e30", ""},
			{"{type: integer, multipleOf: 2}", "9007199254740993", "multipleOf"},
			{"{type: number, maximum: 0.3}", "0.30000000000000001", "maximum"},
			{"{type: integer}", "1.0000000000000000000001", "type"},
			{"{type: integer}", "1e2", ""},
			{"{type: integer}", "7.0", ""},
			{"{enum: [9007199254740993]}", "9007199254740993", ""},
			{"{enum: [9007199254740993]}", "9007199254740992", "enum"},
			{"{type: number, enum: [0.1, 1.0]}", "1", ""},
			{"{type: array, uniqueItems: true}", "[9007199254740992,9007199254740993]", ""},
			{"{type: array, uniqueItems: true}", "[1.0,1]", "uniqueItems"},
			{"{type: object, properties: {n: {oneOf: [{type: integer, maximum: 9007199254740992}, {type: string}]}}}", `{"n":9007199254740993}`, "oneOf /n"},
		})
	}
	judgeSchemas(t, "3.1.0", "", []schemaCase{
		{"{const: 9007199254740993}", "9007199254740992", "enum"},
		{"{const: 9007199254740993}", "9007199254740993", ""},
		{"{type: integer, exclusiveMaximum: 9007199254740993}", "9007199254740992", ""},
		{"{type: integer, exclusiveMaximum: 9007199254740993}", "9007199254740993", "exclusiveMaximum"},
	})
	judgeSchemas(t, "3.0.3", "", []schemaCase{
		{"{type: integer, exclusiveMaximum: true, maximum: 9007199254740993}", "9007199254740992", ""},
		{"{type: integer, exclusiveMinimum: true, minimum: 9007199254740993}", "9007199254740993", "exclusiveMinimum"},
	})
}

// The keywords of JSON Schema 2020-12 that OpenAPI 3.0 does not have.
func TestKeywords(t *testing.T) {
	judgeSchemas(t, "3.1.0", "", []schemaCase{
		{"{type: object, patternProperties: {'^n_': {type: integer}}, additionalProperties: false}", `{"n_a":1}`, ""},
		{"{type: object, patternProperties: {'^n_': {type: integer}}, additionalProperties: false}", `{"n_a":"1","m":1}`, "additionalProperties /m, type /n_a"},
		{"{type: object, patternProperties: {'^n_': {type: integer}}, additionalProperties: {type: string}}", `{"n_a":1,"m":1}`, "type /m"},
		{"{type: object, properties: {n_a: {minimum: 3}}, patternProperties: {'^n_': {maximum: 9}}}", `{"n_a":1}`, "minimum /n_a"},
		{"{type: object, propertyNames: {pattern: '^[a-z]+$', maxLength: 3}}", `{"abc":1}`, ""},
		{"{type: object, propertyNames: {pattern: '^[a-z]+$'}}", `{"a":1,"B":2}`, "propertyNames /B"},
		{"{type: object, propertyNames: {enum: [a, b]}}", `{"c":1}`, "propertyNames /c"},
		{"{type: object, dependentRequired: {a: [b, c]}}", `{"a":1,"b":2}`, "dependentRequired /c"},
		{"{type: object, dependentRequired: {a: [b, c]}}", `{"b":2}`, ""},
		{"{type: object, dependentSchemas: {a: {required: [b]}}}", `{"a":1}`, "required /b"},
		{"{type: object, dependentSchemas: {a: {properties: {c: {type: integer}}}}}", `{"a":1,"c":"x"}`, "type /c"},
		{"{if: {properties: {k: {const: x}}, required: [k]}, then: {required: [y]}, else: {required: [z]}}", `{"k":"x"}`, "required /y"},
		{"{if: {properties: {k: {const: x}}, required: [k]}, then: {required: [y]}, else: {required: [z]}}", `{"k":"w"}`, "required /z"},
		{"{if: {type: string}, then: {minLength: 2}}", `"a"`, "minLength"},
		{"{if: {type: string}, then: {minLength: 2}}", `7`, ""},
		{"{type: array, contains: {type: integer}}", `["a"]`, "contains"},
		{"{type: array, contains: {type: integer}, minContains: 2, maxContains: 3}", `[1]`, "minContains"},
		{"{type: array, contains: {type: integer}, minContains: 2, maxContains: 3}", `[1,2,3,4]`, "maxContains"},
		{"{type: array, contains: {type: integer}, minContains: 0}", `[]`, ""},
		{"{type: array, prefixItems: [{type: integer}, {type: string}]}", `[1,"a",null]`, ""},
		{"{type: array, prefixItems: [{type: integer}, {type: string}]}", `["a",1]`, "type /0, type /1"},
		{"{type: array, prefixItems: [{type: integer}, {type: string}], items: false}", `[1,"a",2]`, "boolean /2"},
		{"{type: array, prefixItems: [{type: integer}, {type: integer}], items: {type: string}}", `[1,2,3]`, "type /2"},
		{"{type: array, prefixItems: [{type: integer}], minItems: 2, maxItems: 2}", `[1]`, "minItems"},
		{"{type: object, properties: {a: {type: integer}}, unevaluatedProperties: false}", `{"a":1,"b":2}`, "unevaluatedProperties /b"},
		{"{allOf: [{properties: {a: {}}}, {properties: {b: {}}}], unevaluatedProperties: false}", `{"a":1,"b":2}`, ""},
		{"{allOf: [{properties: {a: {}}}, {properties: {b: {}}}], unevaluatedProperties: false}", `{"a":1,"c":2}`, "unevaluatedProperties /c"},
		{"{anyOf: [{properties: {a: {type: integer}}, required: [a]}, {properties: {b: {}}, required: [b]}], unevaluatedProperties: false}", `{"a":1}`, ""},
		{"{anyOf: [{properties: {a: {type: integer}}, required: [a]}, {properties: {b: {}}, required: [b]}], unevaluatedProperties: false}", `{"a":"x","b":1}`, "unevaluatedProperties /a"},
		{"{type: object, properties: {a: {}}, unevaluatedProperties: {type: integer}}", `{"a":1,"b":"x"}`, "type /b"},
		{"{type: object, if: {properties: {a: {const: 1}}, required: [a]}, then: {properties: {b: {}}}, unevaluatedProperties: false}", `{"a":1,"b":2}`, ""},
		{"{type: array, prefixItems: [{type: integer}], unevaluatedItems: false}", `[1,2]`, "unevaluatedItems /1"},
		{"{type: array, contains: {type: string}, unevaluatedItems: false}", `["a",1]`, "unevaluatedItems /1"},
		{"{const: null}", `null`, ""},
		{"{const: null}", `0`, "enum"},
		{"{type: object, properties: {a: {const: null}}, required: [a]}", `{"a":1}`, "enum /a"},
		{"{anyOf: [{type: string, const: null}, {type: integer}]}", `"a"`, "anyOf"},
		{"{not: {const: null}}", `null`, "not"},
		{"{anyOf: [{type: string}, {type: 'null'}], minLength: 2}", `"a"`, "minLength"},
		{"{anyOf: [{type: string}, {type: 'null'}], minLength: 2}", `null`, ""},
		{"{anyOf: [{type: string}, {type: 'null'}], readOnly: true, externalDocs: {url: x}}", `null`, ""},
		{"{anyOf: [{type: string}, {type: 'null'}], writeOnly: true}", `7`, "type"},
		{"{oneOf: [{type: 'null'}]}", `7`, "type"},
		{"{type: [string, 'null'], enum: [a, null]}", `null`, ""},
		{"{type: object, properties: {a: true, b: false}}", `{"a":1,"b":2}`, "boolean /b"},
		{"{type: string, contentMediaType: application/json, contentEncoding: base64, contentSchema: {type: integer}}", `"x"`, ""},
		{"{$id: 'https://x.example/s', $anchor: s, $comment: c, type: integer}", `"x"`, "type"},
	})
	judgeSchemas(t, "3.1.0", `
components:
  schemas:
    N: {type: integer}
    Deep: {$defs: {n: {type: integer}}, type: object}
    Tree: {type: object, properties: {kids: {type: array, items: {$ref: '#/components/schemas/Tree'}}, v: {type: integer}}, patternProperties: {'^x': {type: string}}, additionalProperties: false}
    Anchored: {$anchor: here, type: integer}
`, []schemaCase{
		{"{$defs: {n: {type: integer}}, type: object, properties: {n: {$ref: '#/components/schemas/N'}}}", `{"n":"x"}`, "type /n"},
		{"{$ref: '#/components/schemas/N', minimum: 3}", `2`, "minimum"},
		{"{type: object, properties: {n: {$ref: '#/components/schemas/Deep/$defs/n'}}}", `{"n":2.5}`, "type /n"},
		{"{$ref: '#/components/schemas/Tree'}", `{"kids":[{"kids":[{"v":"x"}],"w":1}]}`, "additionalProperties /kids/0/w, type /kids/0/kids/0/v"},
		{"{$ref: '#here'}", `"x"`, "type"},
	})
	// In 3.0 they are none.
	judgeSchemas(t, "3.0.3", "", []schemaCase{
		{"{type: object, patternProperties: {'^n_': {type: integer}}, propertyNames: {pattern: x}}", `{"n_a":"1"}`, ""},
		{"{type: object, if: {required: [a]}, then: {required: [b]}}", `{"a":1}`, ""},
	})
}

func TestPolymorphism(t *testing.T) {
	judgeSchemas(t, "3.0.3", `
components:
  schemas:
    Pet:
      type: object
      required: [petType]
      properties: {petType: {type: string}}
      discriminator: {propertyName: petType, mapping: {dog: '#/components/schemas/Dog', lizard: Lizard}}
      oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}, {$ref: '#/components/schemas/Lizard'}]
    Cat: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, required: [name], properties: {name: {type: string}}}]}
    Dog: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, required: [bark], properties: {bark: {type: boolean}}}]}
    Lizard: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, properties: {loves: {type: boolean}}}]}
    A: {type: object, required: [kind], properties: {kind: {type: string}, a: {type: integer}}}
    B: {type: object, required: [kind], properties: {kind: {type: string}, b: {type: integer}}}
    One: {type: object, properties: {no: {type: integer, enum: [1]}}, required: [no]}
    Two: {type: object, properties: {no: {type: integer, enum: [2]}}, required: [no]}
    Loose: {type: object, properties: {kind: {type: string}, a: {type: integer}}}
    Middle: {allOf: [{$ref: '#/components/schemas/Top'}]}
    Leaf: {allOf: [{$ref: '#/components/schemas/Middle'}, {type: object, required: [leaf]}]}
    Top: {type: object, required: [top], anyOf: [{$ref: '#/components/schemas/Leaf'}]}
`, []schemaCase{
		{"{$ref: '#/components/schemas/Pet'}", `{"petType":"Cat","name":"n"}`, ""},
		{"{$ref: '#/components/schemas/Pet'}", `{"petType":"Cat"}`, "required /name"},
		{"{$ref: '#/components/schemas/Pet'}", `{"petType":"dog"}`, "required /bark"},
		{"{$ref: '#/components/schemas/Pet'}", `{"petType":"bird"}`, "discriminator"},
		{"{$ref: '#/components/schemas/Cat'}", `{"petType":"Cat"}`, "required /name"},
		{"{oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}], discriminator: {propertyName: kind, mapping: {a: A}}}", `{"kind":"B","b":"x"}`, "type /b"},
		{"{oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}], discriminator: {propertyName: kind, mapping: {a: A}}}", `{"kind":"a","b":"x"}`, ""},
		{"{oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}], discriminator: {propertyName: kind}}", `{"kind":"A","a":"x"}`, "type /a"},
		{"{oneOf: [{$ref: '#/components/schemas/One'}, {$ref: '#/components/schemas/Two'}], discriminator: {propertyName: no}}", `{"no":1}`, ""},
		{"{oneOf: [{$ref: '#/components/schemas/One'}, {$ref: '#/components/schemas/Two'}], discriminator: {propertyName: no}}", `{"no":3}`, "oneOf"},
		{"{anyOf: [{$ref: '#/components/schemas/Loose'}, {$ref: '#/components/schemas/B'}], discriminator: {propertyName: kind}}", `{"a":1}`, ""},
		{"{$ref: '#/components/schemas/Top'}", `{"top":1,"leaf":2}`, ""},
		{"{$ref: '#/components/schemas/Top'}", `{"top":1}`, "anyOf"},
	})
}

// What several alternatives say in the same words is told once.
func TestAlternativesAreToldOnce(t *testing.T) {
	nine := strings.TrimSuffix(strings.Repeat("{type: object, properties: {a: {type: integer}}}, ", 9), ", ")
	for schema, want := range map[string]string{
		"{oneOf: [" + nine + "]}":                                                                "an object",
		"{anyOf: [" + nine + ", {type: string}]}":                                                "an object, or a string",
		"{type: object, properties: {x: {oneOf: [" + nine + "]}}}":                               "an object",
		"{oneOf: [{type: integer, minimum: 3}, {type: integer, minimum: 3}, {type: boolean}]}":   "an integer of at least 3, or true or false",
		"{anyOf: [{type: array, items: {type: integer}}, {type: array, items: {type: string}}]}": "an array of integers, or an array of strings",
	} {
		d, err := read("3.0.3", "paths:\n  /a:\n    get:\n      responses:\n        '200': {description: d, content: {application/json: {schema: "+schema+"}}}\n")
		if err != nil {
			t.Fatal(err)
		}
		body := "null"
		if strings.Contains(schema, "x:") {
			body = `{"x":null}`
		}
		for _, v := range d.Operation("GET", "/a").JudgeResponse(t.Context(), "GET", 200, http.Header{"Content-Type": {"application/json"}}, []byte(body)) {
			if e := v.Explain(); e.Accepted != want {
				t.Errorf("%s: %s %q", schema, e.Message, e.Accepted)
			}
		}
	}
}
