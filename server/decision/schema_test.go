package decision_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/decision"
)

// The texts are those of the reference, version 0.54.0, run on the same schemas.
func TestSchemas(t *testing.T) {
	for _, c := range []struct{ schema, input, want string }{
		{`{"type":"string"}`, `{"y":1,"x":[1,"z",null,1.5]}`, `: {"x":[1,"z",null,1.5],"y":1} is not of type "string"`},
		{`{"properties":{"a":{"type":["string","null"]}}}`, `{"a":5}`, `/a: 5 is not of types "null", "string"`},
		{`{"properties":{"a":{"type":"integer"}}}`, `{"a":1.5}`, `/a: 1.5 is not of type "integer"`},
		{`{"properties":{"a":{"type":"integer"}}}`, `{"a":1.0}`, ``},
		{`{"properties":{"a/b~c":{"type":"string"}}}`, `{"a/b~c":1}`, `/a~1b~0c: 1 is not of type "string"`},
		{`{"type":"string","enum":["a"]}`, `5`, `: 5 is not one of "a"`},
		{`{"enum":["a",1]}`, `"b"`, `: "b" is not one of "a" or 1`},
		{`{"enum":[0,1,2]}`, `9`, `: 9 is not one of 0, 1 or 2`},
		{`{"enum":[1,"a",null,{"x":1},[1]]}`, `5`, `: 5 is not one of 1, "a" or 3 other candidates`},
		{`{"enum":[{"x":[1]}]}`, `{"x":[1.0]}`, ``},
		{`{"const":{"a":1}}`, `5`, `: {"a":1} was expected`},
		{`{"properties":{"a":{"minimum":5.5,"maximum":1e3}}}`, `{"a":1.25}`, `/a: 1.25 is less than the minimum of 5.5`},
		{`{"maximum":5}`, `6`, `: 6 is greater than the maximum of 5`},
		{`{"exclusiveMinimum":5}`, `5`, `: 5 is less than or equal to the minimum of 5`},
		{`{"exclusiveMaximum":5}`, `5`, `: 5 is greater than or equal to the maximum of 5`},
		{`{"multipleOf":0.01}`, `1.005`, `: 1.005 is not a multiple of 0.01`},
		{`{"minLength":2}`, `"é"`, `: "é" is shorter than 2 characters`},
		{`{"maxLength":1}`, `"xyz"`, `: "xyz" is longer than 1 character`},
		{`{"pattern":"^a"}`, `"b"`, `: "b" does not match "^a"`},
		{`{"format":"email"}`, `"x"`, `: "x" is not a "email"`},
		{`{"format":"date"}`, `"2020-02-30"`, `: "2020-02-30" is not a "date"`},
		{`{"format":"date-time"}`, `"x"`, `: "x" is not a "date-time"`},
		{`{"format":"uuid"}`, `"x"`, ``},
		{`{"format":"duration"}`, `"x"`, ``},
		{`{"format":"email"}`, `5`, ``},
		{`{"minItems":2}`, `[1]`, `: [1] has less than 2 items`},
		{`{"maxItems":1}`, `[1,2]`, `: [1,2] has more than 1 item`},
		{`{"uniqueItems":true}`, `[{"b":1},{"b":1}]`, `: [{"b":1},{"b":1}] has non-unique elements`},
		{`{"contains":{"type":"number"}}`, `["x"]`, `: None of ["x"] are valid under the given schema`},
		{`{"items":{"type":"number"}}`, `[1,"x","y"]`, `/1: "x" is not of type "number"`},
		{`{"items":false}`, `[1]`, `/0: False schema does not allow 1`},
		{`{"items":[{"type":"number"},{"type":"number"}]}`, `[1,"x",3]`, `/1: "x" is not of type "number"`},
		{`{"items":[{}],"additionalItems":false}`, `[1,2,3]`, `: Additional items are not allowed (2, 3 were unexpected)`},
		{`{"items":[{}],"additionalItems":false}`, `[1,2]`, `: Additional items are not allowed (2 was unexpected)`},
		{`{"items":[{}],"additionalItems":{"type":"string"}}`, `[1,2]`, `/1: 2 is not of type "string"`},
		{`{"minProperties":1}`, `{}`, `: {} has less than 1 property`},
		{`{"maxProperties":0}`, `{"a":1}`, `: {"a":1} has more than 0 properties`},
		{`{"required":["a","b"]}`, `{}`, `: "a" is a required property`},
		{`{"properties":{"b":{"type":"string"}},"required":["a"]}`, `{"b":1}`, `/b: 1 is not of type "string"`},
		{`{"additionalProperties":false,"properties":{"b":{}}}`, `{"a":1,"c":2}`, `: Additional properties are not allowed ('a' was unexpected)`},
		{`{"additionalProperties":false,"properties":{"b":{"type":"string"}}}`, `{"a":1,"b":2}`, `: Additional properties are not allowed ('a' was unexpected)`},
		{`{"additionalProperties":false}`, `{"a":1}`, `: False schema does not allow 1`},
		{`{"additionalProperties":{"type":"string"},"properties":{"z":{"type":"number"}}}`, `{"a":1,"z":"x"}`, `/a: 1 is not of type "string"`},
		{`{"additionalProperties":true,"required":["q"],"properties":{"a":{"type":"string"}}}`, `{"a":1}`, `/a: 1 is not of type "string"`},
		{`{"patternProperties":{"^a":{"type":"string"}},"additionalProperties":false}`, `{"a":1,"z":"x"}`, `/a: 1 is not of type "string"`},
		{`{"patternProperties":{"^a":{"type":"string"}},"properties":{"b":{"type":"string"}}}`, `{"a":1,"b":2}`, `/a: 1 is not of type "string"`},
		{`{"propertyNames":{"pattern":"^x"}}`, `{"a":1}`, `: "a" does not match "^x"`},
		{`{"propertyNames":false}`, `{"aaa":1}`, `: False schema does not allow {"aaa":1}`},
		{`{"dependencies":{"a":["b","c"]}}`, `{"a":1}`, `: "b" is a required property`},
		{`{"dependencies":{"a":{"required":["q"]}}}`, `{"a":1}`, `: "q" is a required property`},
		{`{"if":{"properties":{"a":{"const":1}}},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"a":1}`, `: "b" is a required property`},
		{`{"if":{"properties":{"a":{"const":1}}},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"a":2}`, `: "c" is a required property`},
		{`{"allOf":[{"required":["a"]},{"required":["b"]}]}`, `{}`, `: "a" is a required property`},
		{`{"anyOf":[{"required":["a"]},{"required":["b"]}]}`, `{}`, `: {} is not valid under any of the schemas listed in the 'anyOf' keyword`},
		{`{"oneOf":[{"type":"string"}]}`, `1`, `: 1 is not valid under any of the schemas listed in the 'oneOf' keyword`},
		{`{"oneOf":[{"type":"number"},{"minimum":0}]}`, `1`, `: 1 is valid under more than one of the schemas listed in the 'oneOf' keyword`},
		{`{"properties":{"a":{"not":{"type":"string"}}}}`, `{"a":"x"}`, `/a: {"type":"string"} is not allowed for "x"`},
		{`{"not":{}}`, `{"b":1}`, `: {} is not allowed for {"b":1}`},
		{`{"$ref":"#/definitions/x","definitions":{"x":{"type":"string"}},"type":"number"}`, `{}`, `: {} is not of type "string"`},
		{`{"definitions":{"n":{"properties":{"next":{"$ref":"#/definitions/n"},"v":{"type":"number"}}}},"$ref":"#/definitions/n"}`, `{"next":{"next":{"v":"x"}}}`, `/next/next/v: "x" is not of type "number"`},
		{`{"contentEncoding":"base64"}`, `"%%%"`, `: "%%%" is not compliant with "base64" content encoding`},
		{`{"contentMediaType":"application/json"}`, `"{"`, `: "{" is not compliant with "application/json" media type`},
		{`{"$schema":"https://json-schema.org/draft/2020-12/schema","format":"email","prefixItems":[false]}`, `[1]`, ``},
		{`{"enum":["a",1,"a",1.0]}`, `"b"`, `: "b" is not one of "a" or 1`},
		{`{"enum":["a",1,"a",1.0]}`, `1`, ``},
		{`true`, `{}`, ``},
		{`false`, `{}`, `: False schema does not allow {}`},
		{`{bad`, `{}`, ``},
		// Schemas that are none.
		{`{"type":"zzz"}`, `{}`, `"zzz" is not valid under any of the schemas listed in the 'anyOf' keyword`},
		{`{"properties":5}`, `{}`, `5 is not of type "object"`},
		{`{"required":["a","a"]}`, `{}`, `["a","a"] has non-unique elements`},
		{`{"minLength":-1}`, `{}`, `-1 is less than the minimum of 0`},
		{`{"minLength":1.5}`, `{}`, `1.5 is not of type "integer"`},
		{`{"multipleOf":0}`, `{}`, `0 is less than or equal to the minimum of 0`},
		{`{"allOf":[]}`, `{}`, `[] has less than 1 item`},
		{`{"pattern":"("}`, `{}`, `"(" is not a "regex"`},
		{`{"pattern":"(?=x)"}`, `{}`, `"(?=x)" is not a "regex"`}, // to the reference it is one
		{`5`, `{}`, `5 is not of types "boolean", "object"`},
		{`{"$ref":"#/definitions/nope"}`, `{}`, `Pointer '/definitions/nope' does not exist`},
	} {
		text, err := json.Marshal(c.schema)
		if err != nil {
			t.Fatal(err)
		}
		for _, where := range []string{"in", "out"} {
			nodes := []string{"in input", "out output"}
			if where == "in" {
				nodes[0] += ` {"schema":` + string(text) + `}`
			} else {
				nodes[1] += ` {"schema":` + string(text) + `}`
			}
			if where == "out" && !strings.HasPrefix(c.input, "{") && !strings.HasPrefix(c.input, "[") {
				continue // what is no object does not reach an output
			}
			got := evaluated(t, decision.New(), parsed(t, graph(nodes, "in->out")), c.input)
			want := c.want
			if want != "" {
				source, _ := json.Marshal(want)
				want = `{"type":"NodeError","nodeId":"` + where + `","source":` + strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(source)) + "}"
			}
			if want == "" && strings.Contains(got, "NodeError") || want != "" && got != want {
				t.Errorf("%s %s\n got %s\nwant %s", c.schema, c.input, got, want)
			}
		}
	}
}

// Messages have all digits of a number, results those of a floating point number.
func TestSchemaOfLongNumbers(t *testing.T) {
	d := parsed(t, graph([]string{
		"in input", "e expression " + expression("", "x=1/3"), `out output {"schema":"{\"required\":[\"y\"],\"properties\":{\"x\":{\"maximum\":0.25}}}"}`,
	}, "in->e", "e->out"))
	want := `{"type":"NodeError","nodeId":"out","source":"/x: 0.3333333333333333333333333333 is greater than the maximum of 0.25"}`
	if got := evaluated(t, decision.New(), d, `{}`); got != want {
		t.Error(got)
	}
}

// Dates are judged as the texts that they are written as.
func TestSchemaOfDates(t *testing.T) {
	d := parsed(t, graph([]string{
		"in input", "e expression " + expression("", "at=d('2024-01-02')", "in=[1..2]"),
		`out output {"schema":"{\"properties\":{\"at\":{\"type\":\"string\",\"format\":\"date-time\",\"minLength\":20,\"const\":\"2024-01-02T00:00:00Z\"},\"in\":{\"type\":\"string\"}}}"}`,
	}, "in->e", "e->out"))
	if got := evaluated(t, decision.New(), d, `{}`); got != `{"at":"2024-01-02T00:00:00Z","in":"[1..2]"}` {
		t.Error(got)
	}
}

// A schema loads nothing, and what it costs has an end.
func TestHostileSchemas(t *testing.T) {
	var doubling strings.Builder
	doubling.WriteString(`{"$ref":"#/definitions/d0","definitions":{"d60":{}`)
	for i := range 60 {
		next := `{"$ref":"#/definitions/d` + string(rune('0'+(i+1)/10)) + string(rune('0'+(i+1)%10)) + `"}`
		doubling.WriteString(`,"d` + strings.TrimPrefix(string(rune('0'+i/10))+string(rune('0'+i%10)), "") + `":{"allOf":[` + next + "," + next + `]}`)
	}
	doubling.WriteString(`}}`)
	for _, c := range []struct{ schema, want string }{
		{`{"$ref":"http://127.0.0.1:9/x.json"}`, "schemas load nothing"},
		{`{"$schema":"http://127.0.0.1:9/x.json"}`, "schemas load nothing"},
		{`{"$ref":"file:///etc/passwd"}`, "schemas load nothing"},
		{`{"$ref":"#"}`, "steps"},
		{strings.ReplaceAll(doubling.String(), `/d0"`, `/d00"`), "steps"},
	} {
		text, _ := json.Marshal(c.schema)
		d := parsed(t, graph([]string{`in input {"schema":` + string(text) + `}`}))
		if got := evaluated(t, decision.New(), d, `{}`); !strings.Contains(got, c.want) {
			t.Errorf("%.80s: got %s, want %s", c.schema, got, c.want)
		}
	}
}
