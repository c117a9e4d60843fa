package contract_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
)

// Fresh inputs of the kinds of mistakes that others reported: media types, and bodies that
// are no JSON.
func TestSiblingsOfMediaTypes(t *testing.T) {
	o := "{schema: {type: object, required: [x], properties: {x: {type: integer}}}}"
	judgeAnswers(t, "3.0.3", []answerCase{
		{`{"application/json; odata.metadata=minimal": ` + o + `}`, `application/json; odata.metadata=minimal; charset=utf-8|{"x":"1"}`, "type /x"},
		{`{"application/json; odata.metadata=minimal": ` + o + `}`, `application/json;odata.metadata=full|{"x":1}`, "mediaType"},
		{`{"application/json; q=0.9": ` + o + `}`, `application/json|{"x":"1"}`, "type /x"},
		{`{"application/vnd.github.v3+json": ` + o + `}`, `application/vnd.github.v3+json; charset=utf-8|{"x":"1"}`, "type /x"},
		{`{"application/ld+json; profile=\"http://iiif.io/api/image/3/context.json\"": ` + o + `}`, `application/ld+json;profile="http://iiif.io/api/image/3/context.json"|{}`, "required /x"},
		{`{"application/vnd.oai.openapi;version=3.0": {schema: {type: string}}}`, `application/vnd.oai.openapi;version=3.0|a: 1`, ""},
		{`{"text/*": {schema: {type: string, maxLength: 2}}}`, `text/plain; charset=us-ascii|abc`, "maxLength"},
		{`{"application/json": ` + o + `}`, `json|{"x":1}`, "mediaType"},
		{`{"application/json": ` + o + `}`, `application/json, application/json|{"x":1}`, "mediaType"},
		{`{"application/json": ` + o + `, "application/json; charset=utf-8": {schema: {type: array}}}`, `application/json; charset=utf-8|[]`, ""},
		{`{"application/json": ` + o + `, "application/json; charset=utf-8": {schema: {type: array}}}`, `application/json|{}`, "required /x"},
		{`{"application/json": ` + o + `, "application/json; version=2": {schema: {type: array}}}`, `application/json; version=3|{}`, "required /x"},
		{`{"multipart/form-data; boundary=abc": {schema: {type: object, properties: {a: {type: integer}}}}}`, "multipart/form-data; boundary=x|" + parts("a", "b"), "type /a"},
		{`{"application/zip": {schema: {type: string, format: binary}}}`, "application/zip|PK\xff", ""},
		{`{"application/xhtml+xml": {schema: {type: object, properties: {a: {type: integer}}}}}`, "application/xhtml+xml|<a>x</a>", ""},
		{`{"application/atom+xml": {schema: {type: array, items: {type: string}}}}`, "application/atom+xml|<feed/>", ""},
		{`{"text/calendar": {schema: {type: string, pattern: '^BEGIN'}}}`, "text/calendar|BEGIN:VCALENDAR", ""},
		{`{"text/calendar": {schema: {type: string, pattern: '^BEGIN'}}}`, "text/calendar|END", "pattern"},
		{`{"text/csv": {schema: {type: string, pattern: '^id,'}}}`, "text/csv; header=present|name,id", "pattern"},
		{`{"text/csv": {schema: {type: string, pattern: '^id,'}}}`, "text/csv|id,name", ""},
		{`{"text/*": {schema: {type: string, maxLength: 3}}}`, "text/csv|a,b,c", "maxLength"},
		{`{"text/event-stream": {schema: {type: string, maxLength: 3}}}`, "text/event-stream|data: 1", ""},
		{`{"application/cbor": ` + o + `}`, "application/cbor|\xa1", ""},
		{`{"application/x-protobuf": ` + o + `}`, "application/x-protobuf|\xa1", ""},
		{`{"application/json-patch+json": {schema: {type: array}}}`, "application/json-patch+json|{}", "type"},
		{`{"application/manifest+json": {}}`, "application/manifest+json|{x", "json"},
		{`{"application/schema+json": ` + o + `}`, "application/schema+json|{}", "required /x"},
		{`{"text/json": ` + o + `}`, "text/json|{}", "required /x"},
		{`{"application/x-yaml": ` + o + `}`, "application/x-yaml|x: a", "type /x"},
		{`{"application/openapi+yaml": ` + o + `}`, "application/openapi+yaml|x: a", "type /x"},
		{`{"text/plain": {schema: {type: string, format: uuid}}}`, "text/plain|abc", "format"},
		{`{"text/plain": {schema: {type: string, enum: [ok]}}}`, "text/plain|ok\n", "enum"},
		{`{"text/plain": {schema: {type: number}}}`, "text/plain|1.5e3", ""},
		{`{application/json: {schema: {}}}`, "application/json|undefined", "json"},
		{`{application/json: {schema: {}}}`, "application/json|{\"a\":1,}", "json"},
		{`{application/json: {schema: {}}}`, "application/json|Infinity", "json"},
		{`{application/json: {schema: {}}}`, "application/json|{\"a\":01}", "json"},
		{`{application/json: {schema: {}}}`, "application/json|\"a\tb\"", "json"},
		{`{application/json:}`, "application/json|// c\n{}", "json"},
		{`{'*/*': {}}`, "application/json|{oops", "json"},
		{`{'application/*': {}}`, "application/problem+json|{oops", "json"},
	})
}

// Numbers, patterns and formats.
func TestSiblingsOfValues(t *testing.T) {
	judgeSchemas(t, "3.0.3", "", []schemaCase{
		{"{type: number, maximum: 9007199254740992}", "9007199254740993", "maximum"},
		{"{type: array, items: {type: integer, format: int64}}", "[1,9223372036854775808]", "integerRange /1"},
		{"{type: object, additionalProperties: {type: integer, format: int64}}", `{"a":-9223372036854775809}`, "integerRange /a"},
		{"{type: integer, multipleOf: 10}", "100000000000000000000", ""},
		{"{type: integer, multipleOf: 10}", "100000000000000000001", "multipleOf"},
		{"{type: number, multipleOf: 0.05}", "0.15", ""},
		{"{type: number, multipleOf: 0.05}", "2.675", "multipleOf"},
		{"{type: number, multipleOf: 0.3}", "0.9", ""},
		{"{type: number, multipleOf: 2.5}", "1e300", ""},
		{"{type: number, exclusiveMinimum: true, minimum: 0}", "1e-400", ""},
		{"{type: number, exclusiveMinimum: true, minimum: 0}", "0.0", "exclusiveMinimum"},
		{"{type: number, enum: [1e400]}", "1e400", ""},
		{"{type: number, maximum: 1e400}", "1e401", "maximum"},
		{"{type: number, maximum: 1e400}", "1e399", ""},
		{"{type: number, minimum: -1e400}", "-1e401", "minimum"},
		{"{type: number, exclusiveMinimum: true, minimum: 1e309}", "1e309", "exclusiveMinimum"},
		{"{enum: [[9007199254740993]]}", `[9007199254740992]`, "enum"},
		{"{enum: [{a: 9007199254740993}]}", `{"a":9007199254740992}`, "enum"},
		{"{enum: [{a: [9007199254740993]}, 1]}", `{"a":[9007199254740993]}`, ""},
		{"{type: array, uniqueItems: true}", `[{"a":9007199254740992},{"a":9007199254740993}]`, ""},
		{"{type: array, uniqueItems: true}", `[0.1,1e-1]`, "uniqueItems"},
		{"{type: array, uniqueItems: true}", `[0,-0]`, "uniqueItems"},
		{"{not: {maximum: 9007199254740992}}", `9007199254740993`, ""},
		{"{anyOf: [{type: integer, maximum: 9007199254740992}, {type: integer, minimum: 9007199254740994}]}", `9007199254740993`, "anyOf"},
		{"{type: string, pattern: '^\\s*$'}", `"\ufeff\u2029\u3000"`, ""},
		{"{type: string, pattern: '^\\S$'}", `"\u1680"`, "pattern"},
		{"{type: string, pattern: '^\\s$'}", `"\u180e"`, "pattern"},
		{"{type: string, pattern: '^.$'}", `"\r"`, "pattern"},
		{"{type: string, pattern: '^.$'}", `"\u0085"`, ""},
		{"{type: string, pattern: '^[^a]$'}", `"\n"`, ""},
		{"{type: string, pattern: '^a$'}", `"a\n"`, "pattern"},
		{"{type: string, pattern: '^\\w$'}", `"é"`, "pattern"},
		{"{type: string, pattern: '\\bé'}", `"aé"`, ""},
		{"{type: string, pattern: '^\\x41\\u0042\\cI$'}", `"AB\t"`, ""},
		{"{type: string, pattern: '^\\0$'}", `"\u0000"`, ""},
		{"{type: string, pattern: '^[\\b]$'}", `"\b"`, ""},
		{"{type: string, pattern: '^\\uD83D\\uDE00$'}", `"😀"`, ""},
		{"{type: string, pattern: '^\\p{Script=Greek}+$'}", `"abc"`, "pattern"},
		{"{type: string, pattern: '^\\p{Letter}$'}", `"1"`, "pattern"},
		{"{type: string, pattern: '^(a)|(b)\\2$'}", `"bb"`, ""},
		{"{type: string, pattern: '^(?=.*\\d)(?=.*[a-z]).{4,}$'}", `"abcd"`, "pattern"},
		{"{type: string, pattern: '^a{2,1001}$'}", `"a"`, "pattern"},
		{"{type: string, pattern: '^[]$'}", `"a"`, "pattern"},
		{"{type: string, pattern: '^[^]$'}", `"\n"`, ""},
		{"{type: string, pattern: '^[a-\\d]$'}", `"-"`, ""},
		{"{type: string, pattern: '^[a&&b]$'}", `"&"`, ""},
		{"{type: string, pattern: '^[[:alpha:]]$'}", `"a]"`, ""},
		{"{type: string, pattern: '^\\\\u0041$'}", `"\\u0041"`, ""},
		{"{type: string, pattern: '^\\\\u0041$'}", `"A"`, "pattern"},
		{"{type: string, pattern: '^(a+)+\\1$'}", `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"`, "pattern"},
		{"{type: string, format: date-time}", `"2016-12-31T18:59:60-05:00"`, ""},
		{"{type: string, format: date-time}", `"2016-12-31T22:59:60Z"`, "format"},
		{"{type: string, format: date-time}", `"2024-01-01T00:00:00.Z"`, "format"},
		{"{type: string, format: date-time}", `"2024-01-01T00:00:00,5Z"`, "format"},
		{"{type: string, format: date-time}", `"2024-01-01T00:00:00.1234567890123Z"`, ""},
		{"{type: string, format: date-time}", `"2024-01-01T00:00:00+24:00"`, "format"},
		{"{type: string, format: date-time}", `"2023-02-29T00:00:00Z"`, "format"},
		{"{type: string, format: date}", `"1900-02-29"`, "format"},
		{"{type: string, format: time}", `"12:00:00"`, "format"},
		{"{type: string, format: duration}", `"P1W2D"`, "format"},
		{"{type: string, format: uri}", `"https://example.com/a^b"`, "format"},
		{"{type: string, format: uri}", `"https://example.com/%zz"`, "format"},
		{"{type: string, format: uri}", "\"https://example.com/`\"", "format"},
		{"{type: string, format: uri}", `"https://[::1]:80/"`, ""},
		{"{type: string, format: uri}", `"https://[::g]/"`, "format"},
		{"{type: string, format: uri}", `"https://::1/"`, "format"},
		{"{type: string, format: uri}", `"https://a:80a/"`, "format"},
		{"{type: string, format: uri}", `"https://a:/"`, ""},
		{"{type: string, format: uri}", `"1http://a"`, "format"},
		{"{type: string, format: uri}", `"http://a/#a#b"`, "format"},
		{"{type: string, format: uri}", `"http://us er@example.com/"`, "format"},
		{"{type: string, format: uri-reference}", `"1a:b"`, "format"},
		{"{type: string, format: uri-reference}", `""`, ""},
		{"{type: string, format: email}", `"a..b@example.com"`, "format"},
		{"{type: string, format: email}", `"a@[IPv6:::1]"`, ""},
		{"{type: string, format: email}", `"a@[300.0.0.1]"`, "format"},
		{"{type: string, format: email}", `"\"a@b\"@example.com"`, ""},
		{"{type: string, format: email}", `"a@example.com."`, "format"},
		{"{type: string, format: email}", `"a@x-.com"`, "format"},
		{"{type: string, format: hostname}", `"a_b.com"`, "format"},
		{"{type: string, format: ipv4}", `"127.0.0.01"`, "format"},
		{"{type: string, format: ipv6}", `"1::2::3"`, "format"},
	})
}

// Keywords of JSON Schema 2020-12, beside references and within each other.
func TestSiblingsOfKeywords(t *testing.T) {
	judgeSchemas(t, "3.1.0", `
components:
  schemas:
    Base: {type: object, required: [t], properties: {t: {type: string}}, discriminator: {propertyName: t, mapping: {one: '#/components/schemas/One'}}, oneOf: [{$ref: '#/components/schemas/One'}, {$ref: '#/components/schemas/Two'}]}
    One: {allOf: [{$ref: '#/components/schemas/Base'}], required: [a], properties: {a: {type: integer}}}
    Two: {allOf: [{$ref: '#/components/schemas/Base'}, {required: [b]}], unevaluatedProperties: false, properties: {b: {}}}
    L: {type: object, properties: {head: {}, tail: {anyOf: [{$ref: '#/components/schemas/L'}, {type: 'null'}]}}, required: [head], additionalProperties: false}
    K: {type: object, required: [n], properties: {n: {type: integer}}}
    M: {type: object, required: [n], properties: {n: {type: boolean}}}
    I: {type: integer}
    T: {type: array, prefixItems: [{type: integer}]}
`, []schemaCase{
		{"{type: object, patternProperties: {'^a': {type: integer}, 'b$': {minimum: 5}}}", `{"ab":3}`, "minimum /ab"},
		{"{type: object, patternProperties: {'^\\d+$': {type: integer}}, additionalProperties: false}", `{"12":"x","a":1}`, "additionalProperties /a, type /12"},
		{"{type: object, patternProperties: {'^a': false}}", `{"ab":3}`, "boolean /ab"},
		{"{type: object, propertyNames: {minLength: 2, not: {const: bad}}}", `{"bad":1,"x":2}`, "propertyNames /bad, propertyNames /x"},
		{"{type: object, propertyNames: {format: date}}", `{"2024-02-30":1}`, "propertyNames /2024-02-30"},
		{"{type: object, dependentRequired: {a: [b], b: [a]}}", `{"b":1}`, "dependentRequired /a"},
		{"{type: object, dependentSchemas: {a: false}}", `{"a":1}`, "boolean"},
		{"{type: object, properties: {p: {type: object, dependentRequired: {x: [y]}}}}", `{"p":{"x":1}}`, "dependentRequired /p/y"},
		{"{if: {required: [a]}, then: {required: [b]}, else: {required: [c]}}", `{}`, "required /c"},
		{"{if: {required: [a]}, else: {required: [c]}}", `{"a":1}`, ""},
		{"{then: {required: [c]}}", `{}`, ""},
		{"{allOf: [{if: {properties: {k: {const: 1}}, required: [k]}, then: {required: [x]}}, {if: {properties: {k: {const: 2}}, required: [k]}, then: {required: [y]}}]}", `{"k":2}`, "required /y"},
		{"{type: array, contains: {const: 1}}", `[]`, "contains"},
		{"{type: array, contains: true, maxContains: 1}", `[1,2]`, "maxContains"},
		{"{type: array, minContains: 2}", `[1]`, ""},
		{"{type: array, prefixItems: [{type: integer}], unevaluatedItems: {type: string}}", `[1,"a",2]`, "type /2"},
		{"{type: array, prefixItems: [true, false]}", `[1,2]`, "boolean /1"},
		{"{type: array, anyOf: [{prefixItems: [{const: 1}]}, {prefixItems: [{const: 2}, {}]}], unevaluatedItems: false}", `[1,5]`, "unevaluatedItems /1"},
		{"{$ref: '#/components/schemas/K', unevaluatedProperties: false}", `{"n":1,"z":1}`, "unevaluatedProperties /z"},
		{"{$ref: '#/components/schemas/K', unevaluatedProperties: {type: string}}", `{"n":1,"z":1}`, "type /z"},
		{"{$ref: '#/components/schemas/T', unevaluatedItems: false}", `[1,2]`, "unevaluatedItems /1"},
		{"{$ref: '#/components/schemas/T', unevaluatedItems: false}", `[1]`, ""},
		{"{$ref: '#/components/schemas/I', maximum: 9007199254740993}", `9007199254740994`, "maximum"},
		{"{$ref: '#/components/schemas/I', enum: [9007199254740993]}", `9007199254740992`, "enum"},
		{"{const: {a: [9007199254740993]}}", `{"a":[9007199254740992]}`, "enum"},
		{"{allOf: [{$ref: '#/components/schemas/K'}], properties: {z: {}}, unevaluatedProperties: false}", `{"n":1,"z":1}`, ""},
		{"{allOf: [{$ref: '#/components/schemas/K'}, {unevaluatedProperties: false}]}", `{"n":1}`, "unevaluatedProperties /n"},
		{"{properties: {in: {unevaluatedProperties: false, properties: {q: {}}}}, unevaluatedProperties: false}", `{"in":{"r":1}}`, "unevaluatedProperties /in/r"},
		{"{oneOf: [{$ref: '#/components/schemas/K'}, {$ref: '#/components/schemas/M'}], unevaluatedProperties: false}", `{"n":true,"q":1}`, "unevaluatedProperties /q"},
		{"{$ref: '#/components/schemas/Base'}", `{"t":"one","a":"x"}`, "type /a"},
		{"{$ref: '#/components/schemas/Base'}", `{"t":"Two","b":1}`, ""},
		{"{$ref: '#/components/schemas/Base'}", `{"t":"Two","b":1,"c":2}`, "unevaluatedProperties /c"},
		{"{$ref: '#/components/schemas/Base'}", `{"t":"Three"}`, "discriminator"},
		{"{$ref: '#/components/schemas/L'}", `{"head":1,"tail":{"head":2,"tail":{"x":1}}}`, "additionalProperties /tail/tail/x, required /tail/tail/head"},
		{"{type: [integer, string], minimum: 5, maxLength: 1}", `"ab"`, "maxLength"},
		{"{const: 'null'}", `null`, "enum"},
		{"{enum: [0]}", `false`, "enum"},
		{"{enum: [1]}", `true`, "enum"},
		{"{enum: [[]]}", `{}`, "enum"},
		{"{exclusiveMaximum: 0.3}", `0.30000000000000000000001`, "exclusiveMaximum"},
		{"{exclusiveMaximum: 0.3}", `0.29999999999999999999999`, ""},
		{"{type: string, contentEncoding: base64, contentMediaType: image/png, minLength: 5}", `"abc"`, "minLength"},
		{"{$vocabulary: {'urn:x': true}, type: integer}", `"x"`, "type"},
		{"{definitions: {a: {type: integer}}, type: integer}", `"x"`, "type"},
		{"{type: integer, deprecated: true, readOnly: true, $comment: c, title: t, examples: [1, 2], externalDocs: {url: 'x'}, xml: {name: a}}", `"x"`, "type"},
		{"{anyOf: [{type: integer}, {type: 'null'}], deprecated: true, default: null, examples: [null]}", `"x"`, "type"},
		{"{type: object, properties: {d: {$ref: '#/components/schemas/K', deprecated: true, readOnly: true}}}", `{"d":{}}`, "required /d/n"},
		{"{oneOf: [true, true]}", `1`, "oneOf"},
		{"{type: object, properties: {'a.b': {type: integer}, 'c/d': {type: integer}, '': {type: integer}}}", `{"a.b":"x","c/d":"x","":"x"}`, "type /, type /a.b, type /c~1d"},
	})
}

// Headers of answers.
func TestSiblingsOfHeaders(t *testing.T) {
	for _, c := range []struct {
		headers string
		header  http.Header
		want    string
	}{
		{"X-A: {required: true, schema: {type: boolean}}, X-B: {schema: {type: string, format: uuid}}", http.Header{"X-B": {"x"}}, "format X-B, required X-A"},
		{"X-A: {schema: {type: integer}}", http.Header{"X-A": {""}}, "type X-A"},
		{"X-A: {schema: {type: array, items: {type: integer}, maxItems: 1}}", http.Header{"X-A": {"1,2"}}, "maxItems X-A"},
		{"X-A: {schema: {type: object, properties: {a: {type: integer}}}}", http.Header{"X-A": {"a,x"}}, "type X-A/a"},
		{"X-A: {explode: true, schema: {type: object, properties: {a: {type: integer}}}}", http.Header{"X-A": {"a=x"}}, "type X-A/a"},
		{"X-A: {schema: {anyOf: [{type: integer}, {type: string, enum: [none]}]}}", http.Header{"X-A": {"none"}}, ""},
		{"X-A: {schema: {anyOf: [{type: integer}, {type: string, enum: [none]}]}}", http.Header{"X-A": {"nope"}}, "anyOf X-A"},
		{"x-rate-limit: {required: true, schema: {type: integer, minimum: 0}}", http.Header{"X-Rate-Limit": {"-1"}}, "minimum x-rate-limit"},
		{"X-A: {content: {text/plain: {schema: {type: string, maxLength: 1}}}}", http.Header{"X-A": {"ab"}}, "maxLength X-A"},
		{"X-A: {required: true, content: {application/json: {schema: {type: array, items: {type: integer}}}}}", http.Header{"X-A": {`[1,"a"]`}}, "type X-A/1"},
		{"Link: {schema: {type: string}}", http.Header{"Link": {"<a>; rel=next, <b>; rel=prev"}}, ""},
		{"Set-Cookie: {required: true, schema: {type: string}}", http.Header{"Set-Cookie": {"a=b", "c=d"}}, ""},
		{"ETag: {required: true, schema: {type: string, pattern: '^\"'}}", http.Header{"Etag": {"abc"}}, "pattern ETag"},
		{"X-A: {schema: {type: integer, format: int64}}", http.Header{"X-A": {"9223372036854775808"}}, "integerRange X-A"},
		{"X-A: {schema: {type: number, multipleOf: 0.01}}", http.Header{"X-A": {"19.99"}}, ""},
		{"X-A: {schema: {type: boolean}}", http.Header{"X-A": {"1"}}, "type X-A"},
		{"X-A: {$ref: '#/components/headers/H'}", http.Header{"X-A": {"z"}}, "type X-A"},
	} {
		d := foreign(t, "3.0.3", "paths:\n  /a:\n    get:\n      responses:\n        '200': {description: d, headers: {"+c.headers+"}, content: {application/json: {schema: {type: object}}}}\ncomponents: {headers: {H: {schema: {type: integer}}}}\n")
		h := c.header.Clone()
		h.Set("Content-Type", "application/json")
		if got := rules(d.Operation("GET", "/a").JudgeResponse(t.Context(), "GET", 200, h, []byte("{}"))); got != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.headers, c.header, got, c.want)
		}
	}
}

// Parameters in all places.
func TestSiblingsOfParameters(t *testing.T) {
	for _, c := range []struct{ parameter, what, want string }{
		{"name: AUTHORIZATION, in: header, required: true, schema: {type: integer}", "Authorization: x", ""},
		{"name: content-Type, in: header, required: true, content: {text/plain: {schema: {type: string}}}", "", ""},
		{"name: Accept, in: query, required: true, schema: {type: string}", "", "required Accept"},
		{"name: Authorization, in: cookie, required: true, schema: {type: string}", "", "required Authorization"},
		{"name: q, in: query, content: {application/json: {schema: {type: array, items: {type: object, required: [k]}}}}", `?q=[{"k":1},{}]`, "required q/1/k"},
		{"name: q, in: query, content: {application/json: {schema: {type: object, properties: {a: {type: integer, format: int64}}}}}", `?q={"a":9223372036854775808}`, "integerRange q/a"},
		{"name: q, in: query, content: {text/csv: {schema: {type: string}}}", `?q=a,b`, ""},
		{"name: q, in: query, content: {'application/json;v=1': {schema: {type: object, required: [a]}}}", `?q={}`, "required q/a"},
		{"name: q, in: query, schema: {oneOf: [{type: string, format: date}, {type: string, format: date-time}]}", "?q=2024", "oneOf q"},
		{"name: q, in: query, schema: {oneOf: [{type: number}, {type: boolean}, {type: string, maxLength: 1}]}", "?q=t", ""},
		{"name: q, in: query, schema: {anyOf: [{type: array, items: {type: integer}}, {type: string, enum: [all]}]}", "?q=all", ""},
		{"name: q, in: query, explode: false, schema: {anyOf: [{type: array, items: {type: integer}}, {type: string, enum: [all]}]}", "?q=1,x", "anyOf q"},
		{"name: q, in: query, style: deepObject, schema: {anyOf: [{type: object, properties: {gte: {type: integer}}}, {type: integer}]}", "?q[gte]=x", "anyOf q"},
		{"name: q, in: query, style: deepObject, schema: {anyOf: [{type: object, properties: {gte: {type: integer}}}, {type: integer}]}", "?q=5", ""},
		{"name: q, in: query, style: deepObject, schema: {anyOf: [{type: object, properties: {gte: {type: integer}}}, {type: integer}]}", "?q=x", "anyOf q"},
		{"name: q, in: query, style: deepObject, schema: {oneOf: [{type: object}, {type: string, enum: [all]}, {type: boolean}]}", "?q=all", ""},
		{"name: q, in: query, style: deepObject, schema: {type: object}", "?q=5", "type q"},
		{"name: q, in: query, style: deepObject, schema: {allOf: [{type: object, required: [a]}, {properties: {a: {type: integer}}}]}", "?q[a]=x", "type q/a"},
		{"name: q, in: query, style: deepObject, schema: {type: object, required: [a], properties: {a: {type: array, items: {type: integer}}}}", "?q[b]=1", "required q/a"},
		{"name: q, in: query, style: deepObject, schema: {type: object, minProperties: 2}", "?q[b]=1", "minProperties q"},
		{"name: q, in: query, schema: {type: object, properties: {a: {type: array, items: {type: integer}}}}", "?a=1&a=x", "(type q/a/1)"},
		{"name: q, in: query, schema: {type: object, maxProperties: 1, additionalProperties: {type: string}}", "?a=1&b=2", "maxProperties q"},
		{"name: q, in: query, explode: false, schema: {type: object, additionalProperties: {type: integer}}", "?q=a,1,b", "type q"},
		{"name: q, in: query, explode: false, schema: {type: array, items: {type: string}, maxItems: 2}", "?q=a%2Cb,c", ""},
		{"name: q, in: query, explode: false, schema: {type: array, items: {type: string}, maxItems: 2}", "?q=a,b,c", "maxItems q"},
		{"name: q, in: query, explode: false, schema: {type: array, items: {type: integer}}", "?q=1,,2", "type q/1"},
		{"PATH name: p, in: path, required: true, style: label, schema: {type: array, items: {type: string, maxLength: 3}}", "/a/.a%2Eb,c", ""},
		{"PATH name: p, in: path, required: true, style: matrix, schema: {type: array, items: {type: string, maxLength: 3}}", "/a/;p=a%3Bb,c", ""},
		{"PATH name: p, in: path, required: true, style: matrix, schema: {type: integer}", "/a/7", "type p"},
		{"PATH name: p, in: path, required: true, schema: {oneOf: [{type: string, pattern: '^\\d+$'}, {type: string, format: uuid}]}", "/a/abc", "oneOf p"},
		{"PATH name: p, in: path, required: true, schema: {anyOf: [{type: integer, maximum: 10}, {type: string, pattern: '^me$'}]}", "/a/me", ""},
		{"PATH name: p, in: path, required: true, schema: {anyOf: [{type: integer, maximum: 10}, {type: string, pattern: '^me$'}]}", "/a/11", "anyOf p"},
		{"name: q, in: query, schema: {type: string, enum: ['true', '1']}", "?q=1", ""},
		{"name: q, in: query, schema: {type: number, enum: [1.5]}", "?q=1.50", ""},
		{"name: q, in: query, schema: {type: number, minimum: 0.1}", "?q=0.09999999999999999999999", "minimum q"},
		{"name: q, in: query, schema: {type: integer}", "?q=٣", "type q"},
		{"name: X-Q, in: header, schema: {type: array, items: {type: string, enum: [a, b]}}", "X-Q: a,c", "enum X-Q/1"},
		{"name: q, in: cookie, schema: {type: string, minLength: 3}", "Cookie: q=ab", "minLength q"},
		{"name: q, in: cookie, required: true, schema: {type: boolean}", "Cookie: q=maybe", "type q"},
	} {
		if got := judgeParameter(t, "3.0.3", c.parameter, c.what); got != c.want {
			t.Errorf("%s, sent %s\n got %s\nwant %s", c.parameter, c.what, got, c.want)
		}
	}
}

// Statuses by themselves and by their range, with and without bodies.
func TestSiblingsOfStatuses(t *testing.T) {
	d := foreign(t, "3.0.3", `
paths:
  /a:
    get:
      responses:
        2XX: {description: d, content: {application/json: {schema: {type: object, required: [x]}}}}
        '304': {description: d, content: {application/json: {schema: {type: integer}}}}
        4XX: {description: d}
        5XX: {description: d, content: {text/plain: {}}}
`)
	for _, c := range []struct {
		status                int
		mediaType, body, want string
	}{
		{200, "application/json", "{}", "required /x"},
		{204, "application/json", "", ""},
		{204, "application/json", "{}", "undeclaredBody"},
		{205, "", "", ""},
		{304, "application/json", "", ""},
		{206, "application/json", "{}", "required /x"},
		{302, "", "", "status"},
		{404, "application/json", "{}", "undeclaredBody"},
		{503, "text/plain", "x", ""},
		{503, "", "x", "mediaType"},
		{500, "text/html", "x", "mediaType"},
		{203, "", "", "mediaType"},
		{299, "application/json", `{"x":1}`, ""},
	} {
		h := http.Header{}
		if c.mediaType != "" {
			h.Set("Content-Type", c.mediaType)
		}
		if got := rules(d.Operation("GET", "/a").JudgeResponse(t.Context(), "GET", c.status, h, []byte(c.body))); got != c.want {
			t.Errorf("%d %s %s\n got %s\nwant %s", c.status, c.mediaType, c.body, got, c.want)
		}
	}
}

// Bodies of requests.
func TestSiblingsOfBodies(t *testing.T) {
	x, u := "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"
	form := u + ": {schema: {type: object, required: [i], properties: {i: {type: integer}, e: {type: string, enum: [a, b]}, p: {type: object, properties: {x: {type: integer}, y: {type: array, items: {type: integer}}}, required: [x]}, u: {oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}, n: {type: string, nullable: true}, dt: {type: string, format: date-time}}}"
	for _, c := range []struct{ content, mediaType, body, want string }{
		{form + "}", u, "i=1&e=c", "enum /e"},
		{form + "}", u, "i=1&u=5", ""},
		{form + "}", u, "i=1&u=A", "oneOf /u"},
		{form + "}", u, "i=&e=a", "type /i"},
		{form + "}", u, "i=1&dt=2024-01-01T00:00:00%2B01:00", ""},
		{form + "}", u, "i=1&dt=2024-01-01T00:00:00+01:00", "format /dt"},
		{form + "}", u, "i", "type /i"},
		{form + ", encoding: {p: {style: deepObject}}}", u, "i=1&p[x]=a", "type /p/x"},
		{form + ", encoding: {p: {style: deepObject}}}", u, "i=1&p[y]=1", "required /p/x"},
		{form + ", encoding: {p: {style: deepObject, explode: true}}}", u, "i=1&p[x]=1&p[y][]=1&p[y][]=b", "type /p/y/1"},
		{form + ", encoding: {p: {style: form, explode: false}}}", u, "i=1&p=x,a", "type /p/x"},
		{form + ", encoding: {p: {contentType: application/json}}}", u, "i=1&p=%7B%22x%22%3A%22a%22%7D", "type /p/x"},
		{form + ", encoding: {p: {contentType: application/xml}}}", u, "i=1&p=%3Cp/%3E", ""},
		{form + ", encoding: {p: {contentType: text/csv}}}", u, "i=x&p=1,2", "type /i"},
		{form + "}", "application/json", `{"i":1}`, "mediaType"},
		{form + "}", u + "; charset=ISO-8859-1", "i=a", "type /i"},
		{"'application/x-www-form-urlencoded; charset=utf-8': {schema: {type: object, required: [a], properties: {b: {}}}}", u, "b=1", "required /a"},
		{"multipart/form-data: {schema: {type: object, required: [meta, file], properties: {meta: {type: object, required: [k]}, file: {type: array, items: {type: string, format: binary}, maxItems: 1}}}, encoding: {meta: {contentType: application/json}, file: {contentType: image/*}}}", x, parts("meta;application/json", "{}", "file;text/plain", "x"), "mediaType /file/0, required /meta/k"},
		{"multipart/form-data: {schema: {type: object, additionalProperties: false, properties: {a: {type: string}}}}", x, parts("b", "c"), "additionalProperties /b"},
		{"multipart/form-data: {schema: {type: object, properties: {a: {type: boolean}}}}", x, parts("a", "yes"), "type /a"},
		{"multipart/form-data: {schema: {allOf: [{type: object, required: [a]}, {type: object, properties: {a: {type: integer}}}]}}", x, parts("a", "x"), "type /a"},
		{"multipart/form-data: {schema: {type: object, properties: {a: {type: integer}}}}", x, "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n7", "multipart"},
		{"multipart/form-data: {schema: {type: object, properties: {a: {type: integer}}}}", "multipart/mixed; boundary=x", parts("a", "7"), "mediaType"},
		{"'multipart/*': {schema: {type: object, properties: {a: {type: integer}}}}", x, parts("a", "y"), "type /a"},
		{"application/vnd.api+json: {schema: {type: object, required: [data], properties: {data: {type: object, required: [type]}}}}", "application/vnd.api+json; ext=\"https://a\"", `{"data":{}}`, "required /data/type"},
		{"application/json: {schema: {type: integer}}, text/plain: {schema: {type: string}}", "text/plain", "abc", ""},
		{"application/problem+json: {schema: {type: object, required: [type]}}", "application/problem+json", "{}", "required /type"},
		{"'text/*': {schema: {type: string, minLength: 3}}", "text/markdown", "ab", "minLength"},
		{"application/json: {schema: {type: object, properties: {s: {type: object, required: [id], properties: {id: {type: integer, readOnly: true}}}}}}", "application/json", `{"s":{}}`, ""},
		{"application/json: {schema: {type: object, properties: {s: {type: array, items: {$ref: '#/components/schemas/R'}}}}}", "application/json", `{"s":[{}]}`, ""},
		{"application/json: {schema: {anyOf: [{$ref: '#/components/schemas/R'}, {type: integer}]}}", "application/json", `{}`, ""},
	} {
		for _, version := range []string{"3.0.3", "3.1.0"} {
			d := foreign(t, version, "paths:\n  /a:\n    post:\n      requestBody: {required: true, content: {"+c.content+"}}\n      responses: {'200': {description: d}}\ncomponents: {schemas: {R: {type: object, required: [id], properties: {id: {type: integer, readOnly: true}}}}}\n")
			j := d.Operation("POST", "/a").JudgeRequest(t.Context(), &contract.Message{Method: "POST", URL: &url.URL{Path: "/a"}, Header: http.Header{"Content-Type": {c.mediaType}}, Body: []byte(c.body)})
			if got := rules(j.Violations); got != c.want {
				t.Errorf("%s %s, sent %s %q\n got %s\nwant %s", version, c.content, c.mediaType, c.body, got, c.want)
			}
		}
	}
	// What conditions and patterns declare is no stranger.
	d := foreign(t, "3.1.0", "paths: {/a: {post: {requestBody: {content: {application/json: {schema: {type: object, properties: {t: {type: string}, c: {required: [z], properties: {y: {}}}, p: {properties: {y: {}}, patternProperties: {'^x': {}}}}, if: {properties: {t: {const: a}}}, then: {properties: {x: {}}}, dependentSchemas: {t: {properties: {w: {}}}}}}}}, responses: {'200': {description: d}}}}}\n")
	j := d.Operation("POST", "/a").JudgeRequest(t.Context(), &contract.Message{Method: "POST", URL: &url.URL{Path: "/a"}, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(`{"t":"a","x":1,"w":2,"v":3,"c":{"z":1},"p":{"xa":1}}`)})
	if got := rules(j.Violations); got != "(unknownMember /v)" {
		t.Error(got)
	}
}
