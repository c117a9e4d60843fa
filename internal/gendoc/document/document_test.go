package document

import (
	"strings"
	"testing"
)

func mustParse(t *testing.T, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"anchor":        {"a: &x 1\nb: *x\n", "line 1: /a: anchors"},
		"merge":         {"a: {b: 1}\n<<: {c: 1}\n", `line 2: : key "<<"`},
		"status key":    {"a:\n  200: x\n", `line 2: /a: key "200" is not a string`},
		"duplicate key": {"a: 1\na: 2\n", `line 2: : key "a" stands twice`},
		"date":          {"a:\n  - 2026-11-21\n", `line 2: /a/0: "2026-11-21" reads as !!timestamp`},
		"octal":         {"a: 0o17\n", `line 1: /a: "0o17" is not spelt`},
		"infinity":      {"a: .inf\n", "is not spelt"},
		"capital true":  {"a: True\n", "is not spelt"},
		"empty":         {"", "not a YAML document"},
		"not YAML":      {"a: [", "yaml:"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

const sample = `z: 1
a:
  - x: "<&>"
    "y/~": null
  - [true, 1.50, -2e3]
é: >-
  two
  lines
`

func TestJSONKeepsOrderAndSpelling(t *testing.T) {
	const want = `{"z":1,"a":[{"x":"<&>","y/~":null},[true,1.50,-2e3]],"é":"two lines"}`
	if got := string(mustParse(t, sample).JSON()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

const small = `openapi: 3.0.3
info: {title: t, version: v}
paths:
  /a:
    get:
      operationId: a
      parameters:
        - {in: query, name: q, schema: {type: string}}
      responses:
        '200':
          description: d
          content:
            application/json:
              schema:
                type: object
                properties:
                  p: {type: string}
components:
  schemas:
    S: {type: string}
`

func TestCheck(t *testing.T) {
	if err := mustParse(t, small).Check(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"default response": {"'200':", "default:", "line 10: /paths/~1a/get/responses/default: is not one status"},
		"range":            {"'200':", "2XX:", "is not one status"},
		"unknown keyword":  {"p: {type: string}", "p: {not: {type: string}}", "line 17: /paths/~1a/get/responses/200/content/application~1json/schema/properties/p/not: is not supported"},
		"if":               {"S: {type: string}", "S: {if: {}}", "/components/schemas/S/if: is not supported"},
		"unknown format":   {"S: {type: string}", "S: {type: string, format: hostname}", `/components/schemas/S: format "hostname" is not enforced`},
		"rounded bound":    {"S: {type: string}", "S: {type: integer, maximum: 9007199254740993}", "/components/schemas/S: maximum: 9007199254740993 is none that a float64 holds"},
		"rounded value":    {"S: {type: string}", "S: {enum: [1, 9007199254740993]}", "is none that a float64 holds"},
		"broken pattern":   {"S: {type: string}", "S: {pattern: '^(?!a'}", "/components/schemas/S: pattern"},
		"unknown member":   {"S: {type: string}", "S: {section: a}", "/components/schemas/S/section: is not supported"},
		"3.1 keyword":      {"S: {type: string}", "S: {const: a}", "const is not a keyword of OpenAPI 3.0"},
		"sibling of $ref":  {"p: {type: string}", "p: {$ref: '#/components/schemas/S', description: d}", "has description beside $ref"},
		"file $ref":        {"p: {type: string}", "p: {$ref: 'other.yaml#/S'}", "outside the components"},
		"callbacks":        {"operationId: a", "callbacks: {}", "/paths/~1a/get/callbacks: is not supported"},
		"style":            {"name: q,", "name: q, style: form,", "/paths/~1a/get/parameters/0/style: is not supported"},
		"webhooks":         {"components:", "webhooks: {}\ncomponents:", "/webhooks: is not supported"},
		"trace":            {"    get:", "    trace:", "/paths/~1a/trace: is not supported"},
		"wrong shape":      {"properties:\n                  p: {type: string}", "properties: []", "/properties: has the wrong type"},
		"schema is text":   {"S: {type: string}", "S: text", "/components/schemas/S: is not an object"},
		"nullable in 3.1":  {"3.0.3", "3.1.0", ""},
	} {
		text := strings.Replace(small, c.old, c.new, 1)
		if text == small {
			t.Fatalf("%s: nothing changed", name)
		}
		if name == "nullable in 3.1" {
			text = strings.Replace(text, "S: {type: string}", "S: {type: string, nullable: true}", 1)
			c.want = "nullable is not a keyword of OpenAPI 3.1"
		}
		if err := mustParse(t, text).Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// What asks nothing of a value may stand where OpenAPI 3.1 lets it.
func TestCheck31(t *testing.T) {
	for member, want := range map[string]string{
		"title: t, default: a, description: d": "",
		"section: advanced, widget: {rows: 3}": "",
		"minLength: 1":                         "has minLength beside $ref",
		"if: {}":                               "has if beside $ref",
	} {
		for _, kept := range []string{"p: {$ref: '#/components/schemas/S', " + member + "}", "p: {type: string, " + member + "}"} {
			text := strings.NewReplacer("3.0.3", "3.1.0", "p: {type: string}", kept).Replace(small)
			err := mustParse(t, text).Check()
			beside := strings.Contains(kept, "$ref")
			switch {
			case want == "" && err != nil:
				t.Errorf("%s: %v", kept, err)
			case want != "" && beside && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s: %v, want %q", kept, err, want)
			}
		}
	}
	lookahead := strings.Replace(small, "S: {type: string}", "S: {type: string, pattern: '^(?!a)'}", 1)
	if err := mustParse(t, lookahead).Check(); err != nil {
		t.Error(err)
	}
}

const published = `openapi: 3.1.0
paths:
  /a:
    get:
      tags: [x, y]
      responses:
        '200': {content: {application/json: {schema: {}}}}
components:
  schemas:
    P:
      required: [a]
      properties: {a: {type: string}}
`

const extended = `openapi: 3.1.0
paths:
  /a:
    get:
      tags: [x, y]
      responses:
        '200': {content: {application/json: {schema: {$ref: '#/components/schemas/Q'}}}}
        '404': {$ref: '#/components/responses/N'}
  /b:
    x-understudy-basis: documented
    get: {tags: [z]}
components:
  responses:
    N: {x-understudy-basis: inferred, description: d}
  schemas:
    P:
      required: [a]
      x-understudy-basis-rules: {title: inferred}
      title: t
      properties:
        a: {type: string}
        b: {x-understudy-basis: client, type: string}
    Q:
      x-understudy-basis: documented
      x-understudy-basis-rules: {required/c: inferred, minProperties: client}
      required: [c]
      minProperties: 1
      properties:
        c: {x-understudy-basis: inferred, type: string}
`

func TestExtends(t *testing.T) {
	refined := Refinement{Pointer: "/paths/~1a/get/responses/200/content/application~1json/schema", Ref: "#/components/schemas/Q"}
	theirs := mustParse(t, published)
	if err := mustParse(t, extended).Extends(theirs, refined); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Extends(theirs); err != nil {
		t.Errorf("a document does not extend itself: %v", err)
	}
	if err := mustParse(t, extended).Extends(theirs); err == nil {
		t.Error("a refinement that is not listed passes")
	}
	if err := mustParse(t, extended).Extends(theirs, refined, Refinement{Pointer: "/x", Ref: "y"}); err == nil {
		t.Error("a stale refinement passes")
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"missing":             {"        a: {type: string}\n", "", "/components/schemas/P/properties/a: is published and missing"},
		"changed":             {"a: {type: string}", "a: {type: integer}", "/components/schemas/P/properties/a/type: differs"},
		"reordered":           {"[x, y]", "[y, x]", "/paths/~1a/get/tags: differs"},
		"longer list":         {"[x, y]", "[x, y, z]", "/paths/~1a/get/tags: differs"},
		"published is marked": {"a: {type: string}", "a: {x-understudy-basis: client, type: string}", "/components/schemas/P/properties/a: is published and carries a basis"},
		"published has rule":  {"{title: inferred}", "{title: inferred, required: inferred}", "/components/schemas/P/required: is published and has a basis rule"},
		"no mark":             {"x-understudy-basis: client, ", "", "/components/schemas/P/properties/b: is added without a basis"},
		"no mark on path":     {"    x-understudy-basis: documented\n    get: {", "    get: {", "/paths/~1b: is added without a basis"},
		"no mark on schema":   {"    Q:\n      x-understudy-basis: documented\n", "    Q:\n", "/components/schemas/Q: is added without a basis"},
		"no mark on response": {"N: {x-understudy-basis: inferred, ", "N: {", "/components/responses/N: is added without a basis"},
		"no rule":             {"      x-understudy-basis-rules: {title: inferred}\n", "", "/components/schemas/P/title: is added without a basis"},
		"unknown basis":       {"basis: client,", "basis: rumour,", `"rumour"`},
		"unknown rule basis":  {"{title: inferred}", "{title: rumour}", `"rumour"`},
		"stale rule":          {"minProperties: 1\n", "maxProperties: 1\n", `names "minProperties", which is not there`},
		"stale required rule": {"required: [c]", "required: []", `names "required/c", which is not there`},
		"empty rules":         {"{title: inferred}", "{}", "is empty"},
	} {
		text := strings.Replace(extended, c.old, c.new, 1)
		if text == extended {
			t.Fatalf("%s: nothing changed", name)
		}
		if err := mustParse(t, text).Extends(theirs, refined); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestEvidence(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{"a: {enum: [x]}", true},
		{"a: {x-understudy-basis: documented, enum: [x]}", true},
		{"a: {x-understudy-basis: inferred, b: {enum: [x]}}", false},
		{"a: {x-understudy-basis: documented, x-understudy-basis-rules: {enum: inferred}, enum: [x]}", true},
		{"a: {x-understudy-basis-rules: {additionalProperties: inferred}, additionalProperties: false}", false},
		{"a: {x-understudy-basis: client, additionalProperties: false}", false},
		{"a: {x-understudy-basis: client, additionalProperties: true}", true},
		{"a: {x-understudy-basis: inferred, b: {x-understudy-basis: documented, enum: [x]}}", true},
		{"a: {x-understudy-basis: inferred, properties: {enum: {type: string}}}", true},
		{"a: {x-understudy-basis: inferred, example: {enum: [x]}}", true},
		{"a: [{x-understudy-basis: inferred, enum: [x]}]", false},
	} {
		if err := mustParse(t, c.text).Evidence(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}
