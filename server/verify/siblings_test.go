package verify_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/verify"
)

// Fresh documents of the kinds of [TestVerifyKinds].
func TestVerifySiblings(t *testing.T) {
	const components = `components:
  schemas:
    Cat: {type: object, required: [kind], properties: {kind: {type: string}, lives: {type: integer, maximum: 9}}}
    Dog: {type: object, required: [kind, bark], properties: {kind: {type: string}, bark: {type: boolean}}}
    Tree: {type: object, required: [v], properties: {v: {type: integer}, kids: {type: array, maxItems: 2, items: {$ref: '#/components/schemas/Tree'}}}}
`
	try := func(version, operation string) {
		t.Helper()
		tryServers(t, version, "paths: {/a: {"+operation+", responses: {'200': {description: d}, '400': {description: d}, '405': {description: d}}}}}\n"+components, operation)
	}
	body := func(version, content string) {
		t.Helper()
		try(version, "post: {operationId: a, requestBody: {required: true, content: {"+content+"}}")
	}
	for _, s := range []string{
		"{type: object, required: [a, b], properties: {a: {type: integer, readOnly: true}, b: {type: string, maxLength: 3}, c: {type: object, required: [id], properties: {id: {type: integer, readOnly: true}, n: {type: number}}}}}",
		"{allOf: [{type: object, required: [id], properties: {id: {type: integer, readOnly: true}}}, {type: object, required: [n], properties: {n: {type: string, minLength: 2}}}]}",
		"{type: string, pattern: '^(?=.*[0-9])(?=.*[a-z])[a-z0-9]{4,8}$'}", "{type: string, pattern: '^(?!0)[0-9]{3}$'}", "{type: string, pattern: '^[A-Z]{2}(?:-[0-9]{3})+$', maxLength: 12}",
		"{type: string, pattern: '\\u00e9'}", "{type: string, pattern: '^\\p{Lu}\\p{Ll}+$'}", "{type: string, pattern: '^(\\w+)-\\1$'}", "{type: string, pattern: '^\\S{3}$'}", "{type: string, pattern: '^[^@]+@[^@]+$', maxLength: 9}",
		"{type: string, pattern: '^$|^[a-f]+$'}", "{type: string, pattern: '^#[0-9a-f]{6}$', minLength: 7}", "{type: string, pattern: '^.{1,1200}$'}", "{type: string, minLength: 3, pattern: '^a*$'}",
		"{type: integer, enum: [9007199254740993]}", "{enum: [[9007199254740993], {a: 1}]}", "{type: integer, format: int64, minimum: 9223372036854775806}", "{type: integer, format: int64, maximum: -9223372036854775807}",
		"{type: number, multipleOf: 0.05, minimum: 0.1, maximum: 0.2}", "{type: number, minimum: 0.3, maximum: 0.3}", "{type: integer, multipleOf: 7, minimum: 1, maximum: 8}", "{type: integer, minimum: -0.5, maximum: 0.5}", "{type: number, multipleOf: 1e-7, minimum: 0, maximum: 1e-6}",
		"{type: integer, minimum: 9007199254740993, maximum: 9007199254740993}", "{type: number, minimum: 1e308}", "{type: number, exclusiveMaximum: true, maximum: 1e-300, minimum: 0}",
		"{type: array, items: {type: integer, enum: [1, 2]}, uniqueItems: true, minItems: 2, maxItems: 2}", "{type: array, minItems: 3, items: {$ref: '#/components/schemas/Cat'}}",
		"{type: object, required: [x-a], properties: {x-a: {type: integer}, default: {type: string, maxLength: 1}, example: {type: boolean}}}",
		"{type: object, required: ['a.b', 'c d', 'e/f', ''], properties: {'a.b': {type: integer}, 'c d': {type: integer}, 'e/f': {type: integer}, '': {type: integer}}}",
		"{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {dog: Dog}}}",
		"{type: object, required: [pet], properties: {pet: {oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind}}}}",
		"{type: object, required: [t], properties: {t: {type: string, format: date-time}, u: {type: string, format: uri, maxLength: 30}, e: {type: string, format: email, maxLength: 20}}}",
		"{type: object, not: {required: [a]}, properties: {b: {type: integer}}}", "{type: integer, not: {enum: [1, 2, 3]}, minimum: 1, maximum: 5}",
		"{type: string, nullable: true, minLength: 1}", "{nullable: true, allOf: [{$ref: '#/components/schemas/Cat'}]}", "{type: boolean, enum: [false]}", "{type: object, additionalProperties: false}",
		"{type: object, maxProperties: 0}", "{type: object, additionalProperties: {type: array, items: {type: string, maxLength: 2}, maxItems: 1}, minProperties: 2}",
		"{anyOf: [{type: object, required: [a]}, {type: object, required: [b]}]}", "{oneOf: [{type: object, required: [a]}, {type: object, required: [b]}]}",
		"{type: object, properties: {a: {type: integer}, b: {type: integer}}, oneOf: [{required: [a]}, {required: [b]}]}", "{allOf: [{oneOf: [{type: string, maxLength: 3}, {type: integer}]}, {anyOf: [{type: string}, {type: boolean}]}]}",
	} {
		body("3.0.3", "application/json: {schema: "+s+"}")
	}
	for _, s := range []string{
		"{$ref: '#/components/schemas/Cat', unevaluatedProperties: false}", "{allOf: [{$ref: '#/components/schemas/Cat'}], properties: {z: {type: integer}}, required: [z], unevaluatedProperties: false}",
		"{type: object, patternProperties: {'^[a-z]{2}$': {type: string, maxLength: 4}}, additionalProperties: false, minProperties: 1}", "{type: object, propertyNames: {enum: [a, b, c]}, additionalProperties: {type: integer}, minProperties: 1}",
		"{type: object, propertyNames: {maxLength: 2}, required: [ab]}", "{type: object, dependentSchemas: {a: {required: [b], properties: {b: {type: integer}}}}, properties: {a: {type: integer}}}",
		"{type: array, contains: {const: 7}, minContains: 2, maxContains: 2, maxItems: 5}", "{type: array, prefixItems: [{const: point}, {type: number}, {type: number}], items: false, minItems: 3}", "{type: array, prefixItems: [{type: string}], items: {type: integer}, minItems: 1}",
		"{type: object, required: [t], properties: {t: {enum: [a, b]}}, if: {properties: {t: {const: a}}}, then: {required: [x], properties: {x: {type: integer}}}, else: {required: [y]}}",
		"{const: {a: [1, null]}}", "{const: null}", "{type: [string, 'null'], maxLength: 2}", "{type: [integer, boolean]}", "{oneOf: [{const: a, title: A}, {const: b}]}", "{type: number, exclusiveMinimum: 0, exclusiveMaximum: 0.01}",
		"{type: object, properties: {a: {$ref: '#/components/schemas/Cat', description: d}}, required: [a]}", "{$defs: {i: {type: integer}}, type: object, properties: {a: {type: integer}}, required: [a]}", "{enum: [null, a, 1]}", "{type: object, properties: {a: true, b: false}, required: [a]}",
		"{anyOf: [{type: string, format: ipv4}, {type: string, format: ipv6}]}", "{type: string, contentEncoding: base64, minLength: 4}", "{type: array, unevaluatedItems: false, prefixItems: [{type: integer}], minItems: 1}",
	} {
		body("3.1.0", "application/json: {schema: "+s+"}")
	}
	for _, c := range []string{
		"application/x-www-form-urlencoded: {schema: {type: object, required: [a], properties: {a: {oneOf: [{type: integer, minimum: 1}, {type: string, enum: [none]}]}, d: {type: object, required: [x], properties: {x: {type: string, minLength: 1}}}}}, encoding: {d: {style: deepObject, explode: true}}}",
		"application/x-www-form-urlencoded: {schema: {type: object, required: [l], properties: {l: {type: array, minItems: 1, items: {type: string, enum: [a, b]}}}}, encoding: {l: {style: spaceDelimited, explode: false}}}",
		"application/x-www-form-urlencoded: {schema: {type: object, required: [l], properties: {l: {type: array, minItems: 1, items: {type: integer}}}}, encoding: {l: {contentType: application/json}}}",
		"application/x-www-form-urlencoded: {schema: {allOf: [{type: object, required: [a], properties: {a: {type: string, maxLength: 3}}}, {type: object, properties: {b: {type: boolean}}}]}}",
		"application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Dog'}}",
		"multipart/form-data: {schema: {type: object, required: [meta, file], properties: {meta: {$ref: '#/components/schemas/Dog'}, file: {type: string, format: binary}}}, encoding: {meta: {contentType: application/json}}}",
		"multipart/form-data: {schema: {type: object, required: [n], properties: {n: {type: integer, minimum: 3}, tags: {type: array, items: {type: string, maxLength: 2}}}}}",
		"multipart/form-data: {schema: {$ref: '#/components/schemas/Dog'}}",
		"application/merge-patch+json: {schema: {type: object, minProperties: 1, properties: {a: {type: integer}}}}", "'application/*+json': {schema: {type: array, items: {type: integer}, minItems: 1}}",
		"'application/json; profile=x': {schema: {$ref: '#/components/schemas/Tree'}}", "text/yaml: {schema: {$ref: '#/components/schemas/Dog'}}", "'text/*': {schema: {type: string, pattern: '^[a-z]+$'}}", "text/csv: {schema: {type: string, minLength: 3}}",
		"text/plain: {schema: {type: number, minimum: 0.5, maximum: 1}}", "text/plain: {schema: {type: string, enum: [on, off]}}", "application/json: {schema: {type: integer}}, text/plain: {schema: {type: string, maxLength: 3}}",
	} {
		body("3.0.3", c)
		body("3.1.0", c)
	}
	for _, p := range []string{
		"name: q, in: query, required: true, schema: {type: integer, enum: [9007199254740993, 1]}", "name: q, in: query, required: true, schema: {oneOf: [{type: integer, minimum: 5}, {type: string, enum: [all]}]}",
		"name: q, in: query, required: true, style: deepObject, schema: {anyOf: [{type: object, required: [gte], properties: {gte: {type: integer}}}, {type: integer}]}",
		"name: q, in: query, required: true, style: deepObject, schema: {type: object, required: [a], properties: {a: {type: string, enum: [x]}, b: {type: integer}}, additionalProperties: false}",
		"name: q, in: query, required: true, explode: false, schema: {type: array, minItems: 1, items: {type: string, pattern: '^[a-z,]{2,4}$'}}", "name: q, in: query, required: true, style: pipeDelimited, explode: false, schema: {type: array, minItems: 2, items: {type: integer}}",
		"name: q, in: query, required: true, schema: {type: object, required: [a], properties: {a: {type: integer}, b: {type: string, minLength: 2}}}", "name: q, in: query, required: true, content: {application/json: {schema: {type: object, required: [a], properties: {a: {type: integer}}}}}",
		"name: q, in: query, required: true, schema: {type: string, format: date-time}", "name: q, in: query, required: true, schema: {type: number, multipleOf: 0.01, minimum: 0, maximum: 1}", "name: q, in: query, required: true, schema: {type: string, pattern: '^(?!a)[a-c]{2}$'}",
		"name: q, in: query, required: true, schema: {type: boolean}", "name: 'q[]', in: query, required: true, schema: {type: array, minItems: 1, items: {type: integer}}", "name: X-Q, in: header, required: true, schema: {type: array, items: {type: integer}, minItems: 1}",
		"name: X-Q, in: header, required: true, explode: true, schema: {type: object, required: [a], properties: {a: {type: integer}}}", "name: X-Q, in: header, required: true, content: {application/json: {schema: {type: array, items: {type: integer}}}}",
		"name: X-Trace, in: header, required: true, schema: {type: string, format: uuid}", "name: X-Request-ID, in: header, required: true, schema: {type: string, format: uuid}", "name: Idempotency-Key, in: header, required: true, schema: {type: string, format: uuid}",
		"name: q, in: cookie, required: true, schema: {type: string, minLength: 2, maxLength: 4}", "name: q, in: cookie, required: true, schema: {type: integer, minimum: 5}", "name: q, in: cookie, required: true, explode: false, schema: {type: array, items: {type: integer}, minItems: 1}",
		"name: q, in: query, required: true, schema: {type: string, enum: ['a b', 'c&d', 'é', '+']}", "name: q, in: query, required: true, schema: {allOf: [{type: integer}, {minimum: 3}, {maximum: 9}]}",
	} {
		try("3.0.3", "get: {operationId: a, parameters: [{"+p+"}]")
	}
}

// tryServers verifies a server that judges as its document says, which is not accused and
// takes something, and two that take all and nothing, which are.
func tryServers(t *testing.T, version, rest, what string) {
	t.Helper()
	phases := []verify.Phase{verify.PhaseExamples, verify.PhaseCoverage, verify.PhaseFuzzing}
	d, err := verify.ParseDocument("t", "t.yaml", []byte("openapi: "+version+"\ninfo: {title: t, version: '1'}\n"+rest))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	_, result := checksFound(t, version, rest, judging(d), phases...)
	for _, f := range result.Findings {
		if f.Check != verify.CheckAllow && f.Check != verify.CheckMethod {
			t.Errorf("%s %s: %s: %s %s\n %s", version, what, f.Check, f.Message, f.Got, f.Curl)
		}
	}
	accepted := int64(0)
	for kind, n := range result.Usage[0].Answers {
		if kind.Status == http.StatusOK {
			accepted += n
		}
	}
	if accepted == 0 {
		t.Errorf("%s %s: nothing was accepted", version, what)
	}
	_, result = checksFound(t, version, rest, takesAll, phases...)
	if !slices.ContainsFunc(result.Findings, func(f verify.Finding) bool {
		return f.Check == verify.CheckNegativeData && f.Rule != contract.RuleMediaType
	}) {
		t.Errorf("%s %s: all taken, and not told", version, what)
	}
	if found, _ := checksFound(t, version, rest, takesNone, phases...); !slices.Contains(found, verify.CheckPositiveData) {
		t.Errorf("%s %s: nothing taken, and not told", version, what)
	}
}

// A server that judges by all keywords of 2020-12 but one is accused of that one.
func TestKeywordsPassedOver(t *testing.T) {
	for _, c := range []struct{ schema, ignored, rule string }{
		{"type: object, patternProperties: {'^n_': {type: integer}}", "type: object", "type"},
		{"type: object, patternProperties: {'^n_': {type: string, maxLength: 3}}, additionalProperties: false", "type: object, patternProperties: {'^n_': {type: string}}, additionalProperties: false", "maxLength"},
		{"type: object, propertyNames: {pattern: '^[a-z]+$'}", "type: object", "propertyNames"},
		{"type: object, propertyNames: {maxLength: 5}, minProperties: 1", "type: object, minProperties: 1", "propertyNames"},
		{"type: object, properties: {a: {type: integer}, b: {type: string}}, dependentRequired: {a: [b]}", "type: object, properties: {a: {type: integer}, b: {type: string}}", "dependentRequired"},
		{"type: object, properties: {a: {type: integer}, b: {type: string}}, dependentSchemas: {a: {required: [b]}}", "type: object, properties: {a: {type: integer}, b: {type: string}}", "required"},
		{"type: object, required: [k], properties: {k: {enum: [x, y]}, v: {type: integer}}, if: {properties: {k: {const: x}}}, then: {required: [v]}", "type: object, required: [k], properties: {k: {enum: [x, y]}, v: {type: integer}}", "required"},
		{"type: object, required: [k], properties: {k: {enum: [x, y]}, v: {type: integer}}, if: {properties: {k: {const: x}}}, else: {properties: {v: {maximum: 9}}}", "type: object, required: [k], properties: {k: {enum: [x, y]}, v: {type: integer}}", "maximum"},
		{"type: object, required: [c], properties: {c: {enum: [US, DE]}, zip: {type: string}}, if: {properties: {c: {const: US}}}, then: {properties: {zip: {pattern: '^[0-9]{5}$'}}}", "type: object, required: [c], properties: {c: {enum: [US, DE]}, zip: {type: string}}", "pattern"},
		{"type: array, items: {type: integer}, contains: {minimum: 5}", "type: array, items: {type: integer}", "contains"},
		{"type: array, items: {type: integer}, contains: {const: 5}, minContains: 2", "type: array, items: {type: integer}, contains: {const: 5}", "minContains"},
		{"type: array, items: {type: integer}, contains: {const: 5}, minContains: 0, maxContains: 1", "type: array, items: {type: integer}", "maxContains"},
		{"type: array, prefixItems: [{type: integer}, {type: string}]", "type: array", "type"},
		{"type: array, prefixItems: [{type: integer}], items: false", "type: array, prefixItems: [{type: integer}]", "boolean"},
		{"type: array, prefixItems: [{type: integer}, {type: integer}], items: false", "type: array, items: {type: integer}", "boolean"},
		{"type: object, patternProperties: {'^n_': {type: integer}}, additionalProperties: false", "type: object, additionalProperties: {type: integer}", "additionalProperties"},
		{"type: array, prefixItems: [{type: integer}], items: {type: string}", "type: array, prefixItems: [{type: integer}]", "type"},
		{"type: array, prefixItems: [{type: integer}], unevaluatedItems: false", "type: array, prefixItems: [{type: integer}]", "unevaluatedItems"},
		{"type: object, allOf: [{properties: {a: {type: integer}}}], properties: {b: {type: integer}}, unevaluatedProperties: false", "type: object, allOf: [{properties: {a: {type: integer}}}], properties: {b: {type: integer}}", "unevaluatedProperties"},
		{"type: object, properties: {b: {type: integer}}, unevaluatedProperties: {type: string}", "type: object, properties: {b: {type: integer}}", "type"},
		{"type: object, required: [o], properties: {o: {type: object, dependentRequired: {a: [b]}}}", "type: object, required: [o], properties: {o: {type: object}}", "dependentRequired"},
		{"type: array, items: {type: object, patternProperties: {'^n_': {type: integer}}}", "type: array, items: {type: object}", "type"},
	} {
		rest := func(schema string) string {
			return "paths: {/a: {post: {operationId: a, requestBody: {required: true, content: {application/json: {schema: {" + schema + "}}}}, responses: {'200': {description: d}, '400': {description: d}, '405': {description: d}}}}}\n"
		}
		d, err := verify.ParseDocument("t", "t.yaml", []byte("openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"+rest(c.ignored)))
		if err != nil {
			t.Fatal(err)
		}
		_, result := checksFound(t, "3.1.0", rest(c.schema), judging(d), verify.PhaseCoverage)
		if !slices.ContainsFunc(result.Findings, func(f verify.Finding) bool { return f.Check == verify.CheckNegativeData && f.Rule == c.rule }) {
			t.Errorf("%s: %s is not told", c.schema, c.rule)
		}
	}
}
