package contract_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
)

// judge holds a request for GET /a, or a path below it, against a parameter. what is
// a path with a query, or a header.
func judgeParameter(t *testing.T, version, parameter, what string) string {
	t.Helper()
	path := "/a"
	if len(parameter) > 4 && parameter[:4] == "PATH" {
		path, parameter = "/a/{p}", parameter[5:]
	}
	d := foreign(t, version, "paths:\n  "+path+":\n    get:\n      parameters:\n      - {"+parameter+"}\n      responses: {'200': {description: d}}\n")
	m := &contract.Message{Method: "GET", URL: &url.URL{Path: "/a"}, Header: http.Header{}}
	switch {
	case what == "":
	case what[0] == '/' || what[0] == '?':
		target := what
		if what[0] == '?' {
			target = "/a" + what
		}
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		m.URL = u
		m.Vars, _ = contract.ParseTemplate(path).Values(u.EscapedPath())
	default:
		name, value, _ := cut(what, ": ")
		m.Header.Add(name, value)
	}
	return rules(d.Operation("GET", path).JudgeRequest(t.Context(), m).Violations)
}

func cut(s, sep string) (string, string, bool) {
	for i := 0; i+len(sep) <= len(s); i++ {
		if s[i:i+len(sep)] == sep {
			return s[:i], s[i+len(sep):], true
		}
	}
	return s, "", false
}

func TestParametersOfOthers(t *testing.T) {
	for _, c := range []struct{ parameter, what, want string }{
		// headers that say nothing
		{"name: Authorization, in: header, required: true, schema: {type: string}", "", ""},
		{"name: accept, in: header, required: true, schema: {type: string}", "", ""},
		{"name: CONTENT-TYPE, in: header, required: true, schema: {type: string, enum: [a]}", "Content-Type: b", ""},
		{"name: X-A, in: header, required: true, schema: {type: string}", "", "required X-A"},

		// content
		{"name: q, in: query, content: {application/json: {schema: {type: object, required: [b]}}}", `?q={"b":"x"}`, ""},
		{"name: q, in: query, content: {application/json: {schema: {type: object, required: [b]}}}", `?q={"a":"x"}`, "required q/b"},
		{"name: q, in: query, content: {application/json: {schema: {type: object, required: [b]}}}", `?q={b`, "json q"},
		{"name: q, in: query, content: {application/vnd.x+json: {schema: {type: array, items: {type: integer}}}}", `?q=[1,"a"]`, "type q/1"},
		{"name: q, in: query, content: {application/json: {}}", `?q={}`, ""},
		{"name: q, in: query, required: true, content: {application/json: {schema: {type: integer}}}", ``, "required q"},
		{"name: X-Q, in: header, content: {application/json: {schema: {type: object, required: [b]}}}", `X-Q: {"b":1,"c":2}`, ""},
		{"name: q, in: query, content: {text/plain: {schema: {type: string, maxLength: 2}}}", `?q=abc`, "maxLength q"},
		{"name: q, in: query, content: {application/xml: {schema: {type: object}}}", `?q=<a/>`, ""},

		// unions
		{"PATH name: p, in: path, required: true, schema: {oneOf: [{type: integer}, {type: string, format: uuid}]}", "/a/7", ""},
		{"PATH name: p, in: path, required: true, schema: {oneOf: [{type: string, format: uuid}, {type: integer}]}", "/a/x", "oneOf p"},
		{"name: q, in: query, schema: {oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}", "?q=5", ""},
		{"name: q, in: query, schema: {oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}", "?q=x", ""},
		{"name: q, in: query, schema: {anyOf: [{type: integer, minimum: 10}, {type: string, enum: ['5']}]}", "?q=5", ""},
		{"name: q, in: query, schema: {anyOf: [{type: integer, minimum: 10}, {type: string, enum: ['5']}]}", "?q=6", "anyOf q"},
		{"name: q, in: query, schema: {type: array, items: {oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}}", "?q=5&q=x", ""},
		{"name: q, in: query, schema: {type: array, items: {oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}}", "?q=5&q=X", "oneOf q/1"},
		{"name: q, in: query, schema: {anyOf: [{type: integer}, {type: array, items: {type: integer}}]}", "?q=5&q=6", ""},
		{"name: q, in: query, schema: {anyOf: [{type: integer}, {type: boolean}]}", "?q=true", ""},
		{"name: q, in: query, schema: {allOf: [{type: integer}, {minimum: 3}]}", "?q=2", "minimum q"},
		{"name: q, in: query, schema: {not: {type: integer}}", "?q=2", ""}, // it may be a text
		{"name: q, in: query, schema: {type: string, not: {enum: [all]}}", "?q=all", "not q"},
		{"name: q, in: query, schema: {type: integer, not: {minimum: 3}}", "?q=3", "not q"},
		{"name: q, in: query, schema: {enum: [1, two, true]}", "?q=1", ""},
		{"name: q, in: query, schema: {enum: [1, two, true]}", "?q=3", "enum q"},
		{"name: q, in: query, schema: {}", "?q=x", ""},

		// objects
		{"name: q, in: query, required: true, schema: {type: object, required: [role], properties: {role: {type: string}, n: {type: integer}}}", "?role=admin&n=1", ""},
		{"name: q, in: query, required: true, schema: {type: object, required: [role], properties: {role: {type: string}, n: {type: integer}}}", "?role=admin&n=x", "type q/n"},
		{"name: q, in: query, required: true, schema: {type: object, required: [role], properties: {role: {type: string}, n: {type: integer}}}", "", "required q"},
		{"name: q, in: query, schema: {type: object, additionalProperties: false, properties: {role: {type: string}}}", "?rule=a", "(unknownQuery rule)"},
		{"name: q, in: query, schema: {type: object, additionalProperties: {type: integer}}", "?a=1&b=x", "type q/b"},
		{"name: q, in: query, style: deepObject, schema: {type: object, properties: {a: {type: integer}}}", "?q[a]=1", ""},
		{"name: q, in: query, style: deepObject, schema: {type: object, properties: {a: {type: integer}}}", "?q%5Ba%5D=x", "type q/a"},
		{"name: q, in: query, style: deepObject, required: true, schema: {type: object, required: [b], properties: {a: {type: integer}}}", "?q[a]=1", "required q/b"},
		{"name: q, in: query, style: deepObject, required: true, schema: {type: object}", "", "required q"},
		{"name: q, in: query, style: deepObject, schema: {type: object, properties: {a: {type: object, properties: {gte: {type: integer}}}}}", "?q[a][gte]=3", ""},
		{"name: q, in: query, style: deepObject, schema: {type: object, properties: {a: {type: object, properties: {gte: {type: integer}}}}}", "?q[a][gte]=x", "(type q/a/gte)"},
		{"name: q, in: query, explode: false, schema: {type: object, properties: {a: {type: integer}, b: {type: string}}}", "?q=a,1,b,x%2Cy", ""},
		{"name: q, in: query, explode: false, schema: {type: object, properties: {a: {type: integer}}}", "?q=a,x", "type q/a"},
		{"PATH name: p, in: path, required: true, schema: {type: object, properties: {a: {type: integer}}}", "/a/a,1", ""},
		{"PATH name: p, in: path, required: true, explode: true, schema: {type: object, properties: {a: {type: integer}}}", "/a/a=x", "type p/a"},
		{"name: X-Q, in: header, explode: true, schema: {type: object, properties: {a: {type: integer}}}", "X-Q: a=1,b=2", ""},

		// lists: split first, decoded then
		{"name: q, in: query, explode: false, schema: {type: array, items: {type: string, minLength: 5}}", "?q=IN%3A%5B1%2C2%5D,EQ%3A22", ""},
		{"name: q, in: query, explode: false, schema: {type: array, items: {type: string, minLength: 5}}", "?q=abcde,b", "minLength q/1"},
		{"name: q, in: query, explode: false, style: pipeDelimited, schema: {type: array, maxItems: 1, items: {type: string}}", "?q=a%7Cb", "maxItems q"},
		{"name: q, in: query, explode: false, style: spaceDelimited, schema: {type: array, items: {type: integer}}", "?q=1%202+3", ""},
		{"name: q, in: query, explode: false, style: spaceDelimited, schema: {type: array, items: {type: integer}}", "?q=1%20x", "type q/1"},
		{"PATH name: p, in: path, required: true, schema: {type: array, items: {type: string, minLength: 3}}", "/a/1%2C2,abc", ""},
		{"PATH name: p, in: path, required: true, schema: {type: array, items: {type: integer}}", "/a/1,x", "type p/1"},
		{"PATH name: p, in: path, required: true, style: label, schema: {type: array, items: {type: integer}}", "/a/.1,2", ""},
		{"PATH name: p, in: path, required: true, style: label, explode: true, schema: {type: array, items: {type: integer}}", "/a/.1.2", ""},
		{"PATH name: p, in: path, required: true, style: matrix, schema: {type: array, items: {type: integer}}", "/a/;p=1,2", ""},
		{"PATH name: p, in: path, required: true, style: matrix, explode: true, schema: {type: array, items: {type: integer}}", "/a/;p=1;p=x", "type p/1"},
		{"PATH name: p, in: path, required: true, style: matrix, schema: {type: integer}", "/a/;p=1", ""},
		{"PATH name: p, in: path, required: true, style: label, schema: {type: integer}", "/a/1", "type p"},
		{"PATH name: p, in: path, required: true, style: label, schema: {type: integer}", "/a/.1", ""},
		{"name: X-Q, in: header, schema: {type: array, items: {type: integer}}", "X-Q: 1, 2", ""},
		{"name: q, in: cookie, explode: false, schema: {type: array, items: {type: string, maxLength: 1}}", "Cookie: a=b; q=a,b", ""},
		{"name: q, in: cookie, schema: {type: integer, minimum: 3}", "Cookie: q=2", "minimum q"},

		// scalars
		{"name: q, in: query, schema: {type: boolean}", "?q=true", ""},
		{"name: q, in: query, schema: {type: boolean}", "?q=1", "type q"},
		{"name: q, in: query, schema: {type: boolean}", "?q=T", "type q"},
		{"name: q, in: query, schema: {type: integer}", "?q=1e2", "(type q)"},
		{"name: q, in: query, schema: {type: integer}", "?q=7.0", "(type q)"},
		{"name: q, in: query, schema: {type: integer}", "?q=1.5", "type q"},
		{"name: q, in: query, schema: {type: integer, maximum: 50}", "?q=1e2", "(type q), maximum q"},
		{"name: q, in: query, schema: {type: integer, format: int64}", "?q=9223372036854775808", "integerRange q"},
		{"name: q, in: query, schema: {type: integer, format: int64, maximum: 9007199254740992}", "?q=9007199254740993", "maximum q"},
		{"name: q, in: query, schema: {type: integer, format: int32}", "?q=2147483648", "format q"},
		{"name: q, in: query, schema: {type: number, multipleOf: 0.01}", "?q=19.99", ""},
		{"name: q, in: query, schema: {type: number}", "?q=0x1p4", "type q"},
		{"name: q, in: query, schema: {type: string, nullable: true}", "?q=", ""},
		{"name: q, in: query, allowEmptyValue: true, schema: {type: integer}", "?q=", ""},
		{"name: q, in: query, schema: {type: integer}", "?q=", "type q"},
	} {
		if got := judgeParameter(t, "3.0.3", c.parameter, c.what); got != c.want {
			t.Errorf("%s, sent %s\n got %s\nwant %s", c.parameter, c.what, got, c.want)
		}
	}
	// In 3.1 alike, and types in a list.
	for _, c := range []struct{ parameter, what, want string }{
		{"name: q, in: query, schema: {type: [integer, string], minLength: 2, minimum: 5}", "?q=7", ""},
		{"name: q, in: query, schema: {type: [integer, 'null']}", "?q=x", "type q"},
		{"name: q, in: query, schema: {const: 7}", "?q=7", ""},
		{"name: q, in: query, schema: {type: array, prefixItems: [{type: integer}, {type: string}]}", "?q=x&q=y", "type q/0"},
		{"name: q, in: query, schema: {type: array, contains: {type: string, pattern: x}, items: {type: string}}", "?q=a&q=b", "contains q"},
	} {
		if got := judgeParameter(t, "3.1.0", c.parameter, c.what); got != c.want {
			t.Errorf("%s, sent %s\n got %s\nwant %s", c.parameter, c.what, got, c.want)
		}
	}
}
