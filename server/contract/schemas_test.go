package contract_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// What is asked of null, by whatever keyword, is asked; and of what null is beside.
func TestNullIsJudgedByAll(t *testing.T) {
	judgeSchemas(t, "3.1.0", "components: {schemas: {N: {type: 'null'}}}\n", []schemaCase{
		{"{if: {minLength: 1}, then: {type: string}}", "null", "type"},
		{"{if: {type: string}, else: {const: 1}}", "null", "enum"},
		{"{if: {type: string}, then: {minLength: 1}}", "null", ""},
		{"{type: 'null', enum: [1]}", "null", "enum"},
		{"{type: object, oneOf: [{type: 'null'}]}", "null", "type"},
		{"{anyOf: [{type: string}, {type: boolean}], oneOf: [{type: 'null'}, {type: string, maxLength: 1}]}", `"ab"`, "maxLength"},
		{"{anyOf: [{type: integer}, {maxLength: 1}], oneOf: [true, {type: 'null'}]}", "null", "type"},
		{"{oneOf: [{$ref: '#/components/schemas/N'}, {$ref: '#/components/schemas/N'}]}", "null", "type"},
		{"{oneOf: [false, {type: 'null'}]}", "null", ""},
		{"{anyOf: [{type: object, dependentRequired: {a: [b]}}, {type: 'null'}]}", `{"a":1}`, "dependentRequired /b"},
		{"{anyOf: [{type: object, propertyNames: {maxLength: 1}}, {type: 'null'}]}", `{"ab":1}`, "propertyNames /ab"},
		{"{anyOf: [{type: object, patternProperties: {'^x': {type: integer}}}, {type: 'null'}]}", "null", ""},
		{"{type: array, contains: {type: 'null'}, items: {type: 'null'}}", "[null]", ""},
	})
}

// A schema that looks at the same value again ends, wherever the circle is.
func TestCirclesEnd(t *testing.T) {
	judgeSchemas(t, "3.1.0", `
components:
  schemas:
    Members: {type: object, dependentSchemas: {a: {$ref: '#/components/schemas/Members'}}, required: [b]}
    Condition: {type: object, if: {$ref: '#/components/schemas/Condition'}, then: {required: [c]}, required: [b]}
    Then: {type: object, if: {required: [a]}, then: {$ref: '#/components/schemas/Then'}, required: [b]}
    Untyped: {properties: {next: {$ref: '#/components/schemas/Untyped'}}}
    Map: {additionalProperties: {$ref: '#/components/schemas/Map'}}
    Text: {type: object}
    Inner: {type: object, properties: {xa: {type: array, allOf: [{$ref: '#/components/schemas/Any'}], not: {type: string}}}}
    Any: {properties: {y: {$ref: '#/components/schemas/Inner'}}}
`, []schemaCase{
		{"{$ref: '#/components/schemas/Members'}", `{"a":1}`, "required /b"},
		{"{$ref: '#/components/schemas/Condition'}", `{"a":1}`, "required /b"},
		{"{$ref: '#/components/schemas/Then'}", `{"a":1}`, "required /b"},
		{"{$ref: '#/components/schemas/Text', properties: {n: {$ref: '#/components/schemas/Untyped'}}, required: [n]}", `{}`, "required /n"},
		{"{$ref: '#/components/schemas/Text', properties: {n: {$ref: '#/components/schemas/Map'}}, required: [n]}", `{"n":{"a":{}}}`, ""},
		{"{$ref: '#/components/schemas/Inner'}", `{"xa":null}`, "type /xa"},
	})
}

// What stands beside a reference counts, and is none of what is referred to.
func TestMembersBesideReferences(t *testing.T) {
	judgeSchemas(t, "3.1.0", `
components:
  schemas:
    All: true
    None: false
    Closed: {type: object, properties: {a: {}}, unevaluatedProperties: false}
    Alias: {$ref: '#/components/schemas/Closed'}
`, []schemaCase{
		{"{$ref: '#/components/schemas/All', type: string}", `1`, "type"},
		{"{$ref: '#/components/schemas/None', type: string}", `"a"`, "boolean"},
		{"{$ref: '#/components/schemas/Closed', properties: {b: {}}}", `{"b":1}`, "unevaluatedProperties /b"},
		{"{$ref: '#/components/schemas/Alias', properties: {b: {}}}", `{"b":1}`, "unevaluatedProperties /b"},
		{"{$ref: '#/components/schemas/Alias', required: [a]}", `{}`, "required /a"},
	})
}

// What is not judged is not held against a value: an anchor that several schemas have.
func TestDynamicReferences(t *testing.T) {
	judgeSchemas(t, "3.1.0", `
components:
  schemas:
    Page: {$id: 'https://x.example/page', type: object, properties: {at: {type: integer}}, allOf: [{$dynamicRef: '#more'}], unevaluatedProperties: false, $defs: {m: {$dynamicAnchor: more}}}
    Users: {$id: 'https://x.example/users', $ref: page, $defs: {m: {$dynamicAnchor: more, properties: {name: {}}}}}
    Pair: {$id: 'https://x.example/pair', type: array, allOf: [{$dynamicRef: '#more'}], unevaluatedItems: false, $defs: {m: {$dynamicAnchor: more}}}
`, []schemaCase{
		{"{$ref: '#/components/schemas/Users'}", `{"at":1,"name":"n"}`, ""},
		{"{$ref: '#/components/schemas/Users'}", `{"at":"1"}`, "type /at"},
		{"{$ref: '#/components/schemas/Pair'}", `[1]`, ""},
	})
}

// schemaMaker draws schemas of 2020-12. below are the components that a schema may refer
// to for the same value, so that none asks the same again.
type schemaMaker struct{ *rapid.T }

func (m schemaMaker) below(n int) int { return rapid.IntRange(0, n-1).Draw(m.T, "n") }

func (m schemaMaker) name() string {
	return rapid.SampledFrom([]string{"a", "b", "xa"}).Draw(m.T, "name")
}

func (m schemaMaker) value(depth int) any {
	switch kinds := 8; m.below(kinds - min(2, max(0, 2-2*depth))) {
	case 0:
		return nil
	case 1:
		return m.below(2) == 0
	case 2, 3:
		return json.Number(rapid.SampledFrom([]string{"0", "1", "2", "-1", "1.5", "0.1", "1.0", "1e1", "9007199254740993"}).Draw(m.T, "number"))
	case 4, 5:
		return rapid.SampledFrom([]string{"", "a", "xa", "abc", "1"}).Draw(m.T, "text")
	case 6:
		list := make([]any, m.below(4))
		for i := range list {
			list[i] = m.value(depth - 1)
		}
		return list
	default:
		object := map[string]any{}
		for range m.below(4) {
			object[m.name()] = m.value(depth - 1)
		}
		return object
	}
}

func (m schemaMaker) schema(depth int, below string) any {
	if m.below(20) == 0 {
		return m.below(4) > 0
	}
	s := map[string]any{}
	for range 1 + m.below(3) {
		m.keyword(s, depth, below)
	}
	return s
}

var (
	flatKeywords = []string{
		"type", "types", "const", "enum", "minimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
		"minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "required", "$ref",
	}
	deepKeywords = []string{
		"properties", "patternProperties", "additionalProperties", "propertyNames", "items", "prefixItems", "contains", "allOf", "anyOf",
		"oneOf", "not", "if", "dependentSchemas", "dependentRequired", "unevaluatedProperties", "unevaluatedItems",
	}
	typeNames = []string{"null", "boolean", "integer", "number", "string", "array", "object"}
)

func (m schemaMaker) keyword(s map[string]any, depth int, below string) {
	from := flatKeywords
	if depth > 0 {
		from = slices.Concat(deepKeywords, flatKeywords)
	}
	list := func(below string) (all []any) {
		for range 1 + m.below(3) {
			all = append(all, m.schema(depth-1, below))
		}
		return all
	}
	named := func(name, below string) map[string]any { return map[string]any{name: m.schema(depth-1, below)} }
	switch k := rapid.SampledFrom(from).Draw(m.T, "keyword"); k {
	case "type":
		s[k] = rapid.SampledFrom(typeNames).Draw(m.T, "type")
	case "types":
		s["type"] = rapid.SliceOfNDistinct(rapid.SampledFrom(typeNames), 1, 3, rapid.ID[string]).Draw(m.T, "types")
	case "const":
		s[k] = m.value(1)
	case "enum":
		s[k] = []any{m.value(1), m.value(1)}
	case "minimum", "exclusiveMaximum":
		s[k] = json.Number(rapid.SampledFrom([]string{"0", "1", "1.5", "9007199254740993"}).Draw(m.T, "bound"))
	case "multipleOf":
		s[k] = json.Number(rapid.SampledFrom([]string{"1", "2", "0.1"}).Draw(m.T, "factor"))
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		s[k] = m.below(3)
	case "pattern":
		s[k] = rapid.SampledFrom([]string{"^a", "x", "^$"}).Draw(m.T, "pattern")
	case "uniqueItems":
		s[k] = true
	case "required":
		s[k] = []string{m.name()}
	case "$ref":
		if below != "" {
			s[k] = "#/components/schemas/" + string(below[m.below(len(below))])
		}
	case "properties":
		s[k] = named(m.name(), "ABC")
	case "patternProperties":
		s[k] = named("^x", "ABC")
	case "dependentSchemas":
		s[k] = named(m.name(), below)
	case "dependentRequired":
		s[k] = map[string]any{m.name(): []string{m.name()}}
	case "additionalProperties", "unevaluatedProperties", "unevaluatedItems":
		if s[k] = false; m.below(2) == 0 {
			s[k] = m.schema(depth-1, "ABC")
		}
	case "propertyNames", "items":
		s[k] = m.schema(depth-1, "ABC")
	case "prefixItems":
		s[k] = list("ABC")
	case "contains":
		s[k], s["minContains"], s["maxContains"] = m.schema(depth-1, "ABC"), m.below(3), m.below(3)
	case "allOf", "anyOf", "oneOf":
		s[k] = list(below)
	case "if":
		s[k], s["then"], s["else"] = m.schema(depth-1, below), m.schema(depth-1, below), m.schema(depth-1, below)
	default:
		s[k] = m.schema(depth-1, below)
	}
}

// Schemas of 2020-12, drawn anew, are judged as another implementation of them judges.
func TestSchemasAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := schemaMaker{t}
		text, err := json.Marshal(map[string]any{"schemas": map[string]any{
			"A": m.schema(2, "BC"), "B": m.schema(1, "C"), "C": m.schema(0, ""),
		}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := read("3.1.0", "paths: {/a: {get: {responses: {'200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}}}}\ncomponents: "+string(text)+"\n")
		if err != nil || len(d.Warnings()) > 0 {
			t.Fatalf("%v, %v: %s", err, d, text)
		}
		other, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(`{"components":` + string(text) + "}")))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("mem:///a", other); err != nil {
			t.Fatal(err)
		}
		schema, err := c.Compile("mem:///a#/components/schemas/A")
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			body, err := json.Marshal(m.value(3))
			if err != nil {
				t.Fatal(err)
			}
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			want := schema.Validate(value)
			found := d.Operation("GET", "/a").JudgeResponse(t.Context(), "GET", 200, http.Header{"Content-Type": {"application/json"}}, body)
			if (want == nil) != (len(found) == 0) {
				t.Fatalf("%s: %s, want %v\n%s", body, rules(found), want, text)
			}
		}
	})
}
