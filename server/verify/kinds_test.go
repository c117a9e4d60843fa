package verify_test

import "testing"

// A server that judges as its document says is not accused, whatever kinds of bodies that
// has; something is sent that it takes; and a server that takes all, or nothing, is.
func TestVerifyKinds(t *testing.T) {
	var contents []string
	for _, s := range []string{
		"{type: object, required: [a], properties: {a: {type: integer}, l: {type: array, items: {type: integer}}, o: {type: object, required: [z], properties: {z: {type: integer}}}, b: {type: boolean}, s: {type: string, minLength: 1, maxLength: 3}}, additionalProperties: false}",
		"{type: object, properties: {d: {type: string, format: date}, n: {type: number, multipleOf: 0.01}, e: {type: string, enum: [x, y]}, m: {type: string, nullable: true}}}",
	} {
		contents = append(contents, "application/x-www-form-urlencoded: {schema: "+s+"}", "application/x-www-form-urlencoded: {schema: "+s+", encoding: {o: {style: deepObject, explode: true}, l: {explode: false}}}",
			"application/x-www-form-urlencoded: {schema: "+s+", encoding: {o: {explode: false}, l: {style: pipeDelimited}}}",
			"multipart/form-data: {schema: "+s+"}", "multipart/form-data: {schema: "+s+", encoding: {o: {contentType: application/json}, a: {contentType: text/plain}}}",
			"application/vnd.x+json: {schema: "+s+"}", "'application/json; charset=utf-8': {schema: "+s+"}", "application/yaml: {schema: "+s+"}", "'*/*': {schema: "+s+"}")
	}
	contents = append(contents, "multipart/form-data: {schema: {type: object, required: [f], properties: {f: {type: string, format: binary}, fs: {type: array, items: {type: string, format: binary}}}}, encoding: {f: {contentType: 'image/png, image/jpeg'}}}",
		"text/plain: {schema: {type: string, minLength: 2, maxLength: 4}}", "text/plain: {schema: {type: integer, minimum: 3}}")
	for _, s := range []string{
		"{type: integer, format: int64}", "{type: integer, format: int32}", "{type: integer, minimum: 9223372036854775800}", "{type: number, multipleOf: 0.01, minimum: 0, maximum: 5}", "{type: number, exclusiveMinimum: true, minimum: 0.1}",
		"{type: string, format: date-time}", "{type: string, format: email}", "{type: string, format: idn-email}", "{type: string, format: uri}", "{type: string, format: uri-reference}", "{type: string, format: iri}", "{type: string, format: ipv4}", "{type: string, format: ipv6}", "{type: string, format: hostname}", "{type: string, format: byte}", "{type: string, format: uuid}", "{type: string, format: time}", "{type: string, format: duration}", "{type: string, format: json-pointer}", "{type: string, format: uri-template}", "{type: string, format: password}",
		"{type: string, pattern: '^\\p{L}{1,3}$'}", "{type: string, pattern: '(?<=a)b'}", "{type: string, pattern: '^(?<n>[ab])\\k<n>$'}", "{type: string, pattern: '^\\u{1F600}{2}$'}", "{type: string, pattern: '^\\S+\\s\\S+$', maxLength: 10}", "{type: string, pattern: '^.$'}", "{type: string, pattern: '\\d{3}'}", "{type: string, pattern: '^[^\\x00-\\x1f]*$', maxLength: 3}",
		"{type: string, enum: [a, b], nullable: true}", "{type: object, nullable: true, properties: {a: {type: integer, nullable: true}}}",
		"{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {c: Cat, d: '#/components/schemas/Dog'}}}",
		"{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind}}",
		"{anyOf: [{type: integer}, {type: string, maxLength: 2}, {type: array, items: {type: boolean}}]}",
		"{allOf: [{type: object, required: [a], properties: {a: {type: integer}}}, {type: object, required: [b], properties: {b: {type: string}}}]}",
		"{allOf: [{type: object, properties: {a: {type: integer}}, additionalProperties: false}, {type: object, properties: {a: {minimum: 3}}}]}",
		"{type: object, required: [id, n], properties: {id: {type: integer, readOnly: true}, n: {type: integer}}}",
		"{type: object, required: [p], properties: {p: {type: string, writeOnly: true, minLength: 3}}}",
		"{type: array, uniqueItems: true, items: {type: integer}, minItems: 1, maxItems: 3}",
		"{type: object, minProperties: 1, maxProperties: 2, additionalProperties: {type: integer}}",
		"{not: {type: integer}}", "{type: string, not: {enum: [a, b]}}", "{$ref: '#/components/schemas/Tree'}", "{}", "{type: array}", "{type: object, additionalProperties: {$ref: '#/components/schemas/Cat'}}",
		"{enum: [1, a, null, true, [1]]}", "{type: integer, enum: [9007199254740993, 1]}",
	} {
		contents = append(contents, "application/json: {schema: "+s+"}")
	}
	components := "components: {schemas: {Cat: {type: object, required: [kind], properties: {kind: {type: string}, lives: {type: integer}}}, Dog: {type: object, required: [kind, bark], properties: {kind: {type: string}, bark: {type: boolean}}}, Tree: {type: object, required: [v], properties: {v: {type: integer}, kids: {type: array, items: {$ref: '#/components/schemas/Tree'}}}, additionalProperties: false}}}\n"
	v31 := []string{}
	for _, s := range []string{
		"{type: [integer, 'null', string], maxLength: 2, minimum: 3}", "{const: 5}", "{const: null}", "{const: {a: 1}}", "{enum: [1, null]}", "{type: object, properties: {a: {const: x}}, required: [a], unevaluatedProperties: false}",
		"{type: object, allOf: [{properties: {a: {type: integer}}}], properties: {b: {type: string}}, unevaluatedProperties: false}",
		"{type: number, exclusiveMinimum: 0, exclusiveMaximum: 1}", "{type: array, prefixItems: [{type: integer}], items: {type: string}, minItems: 1}", "{type: array, contains: {const: 1}, minContains: 1, maxContains: 2, items: {type: integer}}",
		"{type: object, propertyNames: {pattern: '^[a-z]{1,3}$'}, additionalProperties: {type: integer}, maxProperties: 2}", "{type: object, patternProperties: {'^x-': {type: integer}}, additionalProperties: false}",
		"{type: object, dependentRequired: {a: [b]}, properties: {a: {type: integer}, b: {type: integer}}}", "{anyOf: [{$ref: '#/components/schemas/Cat'}, {type: 'null'}]}", "{$ref: '#/components/schemas/Cat', required: [lives]}",
		"{type: string, contentMediaType: application/json, maxLength: 20}", "{if: {type: integer}, then: {minimum: 3}, else: {type: string, maxLength: 2}}",
		"{type: object, oneOf: [{properties: {k: {const: a}}, required: [k]}, {properties: {k: {const: b}, n: {type: integer}}, required: [k, n]}]}",
	} {
		v31 = append(v31, "application/json: {schema: "+s+"}")
	}
	try := func(version, content string) {
		tryServers(t, version, "paths: {'/a': {post: {operationId: a, requestBody: {required: true, content: {"+content+"}}, responses: {'200': {description: d}, '400': {description: d}, '405': {description: d}}}}}\n"+components, content)
	}
	for _, c := range contents {
		try("3.0.3", c)
	}
	for _, c := range append(contents[:20:20], v31...) {
		try("3.1.0", c)
	}
}
