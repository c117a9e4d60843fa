package contract_test

import "testing"

// What a media type says is compared as RFC 9110 says.
func TestMediaTypeSpellings(t *testing.T) {
	object := "{schema: {type: object, required: [x], properties: {x: {type: integer}}}}"
	judgeAnswers(t, "3.0.3", []answerCase{
		{`{"application/json;charset=UTF-8": ` + object + `}`, `application/json; charset=utf-8|{"x":"1"}`, "type /x"},
		{`{"application/json; profile=\"https://a.example/p;q\"": ` + object + `}`, `application/json; profile="https://a.example/p;q"|{"x":1}`, ""},
		{`{"application/json; profile=\"https://a.example/p\"": ` + object + `}`, `application/json; profile="https://a.example/q"|{"x":1}`, "mediaType"},
		{`{"application/json;version=1": ` + object + `, "application/json;version=2": {schema: {type: array}}}`, `application/json; version=2|[]`, ""},
		{`{"application/json;version=1": ` + object + `, "application/json;version=2": {schema: {type: array}}}`, `application/json; version=1|[]`, "type"},
		{`{"APPLICATION/JSON": ` + object + `}`, `application/json|{}`, "required /x"},
		{`{"application/problem+json": ` + object + `}`, `application/problem+json; charset=utf-8|{}`, "required /x"},
		{`{"application/*": {schema: {type: array}}, "application/json": ` + object + `}`, `application/json|{}`, "required /x"},
		{`{"application/json ": ` + object + `}`, `application/json|{}`, "required /x"},
		{`{"application/json": ` + object + `}`, `application/json ; charset=utf-8|{}`, "required /x"},
		{`{"text/html; charset=utf-8": {schema: {type: string}}}`, `text/html|<p>`, ""},
		{`{"text/html; charset=utf-8": {schema: {type: string}}}`, `text/html; charset=UTF-8|<p>`, ""},
		{`{"application/hal+json": ` + object + `}`, `application/json|{"x":1}`, "mediaType"},
		{`{"application/json": ` + object + `}`, `application/hal+json|{"x":1}`, "mediaType"},
		{`{"application/json-seq": {schema: {type: string}}}`, "application/json-seq|\x1e{}\n", ""},
		{`{"application/x-ndjson": ` + object + `}`, "application/x-ndjson|{\"x\":1}\n{\"x\":2}\n", ""},
		{`{"text/csv": ` + object + `}`, "text/csv|x\n1\n", ""},
		{`{"application/pdf": {schema: {type: string, format: binary}}}`, "application/pdf|\x00", ""},
		{`{"application/geo+json": ` + object + `}`, `application/geo+json|{"x":"a"}`, "type /x"},
		{`{"application/json": ` + object + `}`, "application/json|\ufeff{\"x\":1}", "json"},
		{`{"application/json": ` + object + `}`, `application/json|`, "json"},
		{`{"application/json": {schema: {nullable: true, type: object}}}`, `application/json|null`, ""},
		{`{"application/json": {schema: {type: string}}}`, `application/json|abc`, "json"},
	})
}

// Keywords of 3.0: null, numbers, patterns, formats, composition.
func TestKindsOfValues(t *testing.T) {
	judgeSchemas(t, "3.0.3", "", []schemaCase{
		{"{type: string, nullable: true, enum: [a, b]}", "null", ""},
		{"{type: string, nullable: true, enum: [a, b, null]}", "null", ""},
		{"{type: string, enum: [a, b, null]}", "null", "type"},
		{"{nullable: true, allOf: [{type: object}]}", "null", ""},
		{"{}", "null", ""},
		{"{type: integer, minimum: 0, exclusiveMinimum: true}", "0", "exclusiveMinimum"},
		{"{type: integer, minimum: 0, exclusiveMinimum: true}", "1", ""},
		{"{type: integer, format: int32, minimum: -2147483649}", "-2147483649", "format"},
		{"{type: integer, format: uint64}", "18446744073709551615", ""},
		{"{type: integer, multipleOf: 3}", "9223372036854775806", ""},
		{"{type: integer, multipleOf: 3}", "9223372036854775807", "multipleOf"},
		{"{type: integer, enum: [9223372036854775807]}", "9223372036854775806", "enum"},
		{"{type: integer, enum: [9223372036854775807]}", "9223372036854775807", ""},
		{"{type: number, multipleOf: 0.01}", "4.35", ""},
		{"{type: number, multipleOf: 0.01}", "1.1", ""},
		{"{type: number, multipleOf: 0.01}", "0.07", ""},
		{"{type: number, multipleOf: 0.0001}", "0.0075", ""},
		{"{type: number, multipleOf: 1e-9}", "0.123456789", ""},
		{"{type: number, multipleOf: 1e-9}", "0.1234567891", "multipleOf"},
		{"{type: number, minimum: 0.1}", "0.1", ""},
		{"{type: number, minimum: 0.1}", "0.09999999999999999999", "minimum"},
		{"{type: number, exclusiveMaximum: true, maximum: 100.1}", "100.1", "exclusiveMaximum"},
		{"{type: number, format: double}", "1e400", ""},
		{"{type: string, maxLength: 3}", `"😀😀😀"`, ""},
		{"{type: string, maxLength: 2}", `"😀😀😀"`, "maxLength"},
		{"{type: string, minLength: 2}", `"é"`, "minLength"},
		{"{type: string, pattern: '^\\p{Lu}'}", `"Éa"`, ""},
		{"{type: string, pattern: '^(?<year>\\d{4})-\\d{2}$'}", `"2024-01"`, ""},
		{"{type: string, pattern: '(?<=\\$)\\d+'}", `"$12"`, ""},
		{"{type: string, pattern: '(?<!\\$)\\b\\d+'}", `"$12"`, "pattern"},
		{"{type: string, pattern: '^\\d+$'}", `"١٢"`, "pattern"},
		{"{type: string, pattern: '\\u{1F600}'}", `"😀"`, ""},
		{"{type: string, pattern: '^[^\\x00-\\x1F]*$'}", `"a\u0001"`, "pattern"},
		{"{type: string, pattern: '^[\\w.-]+$'}", `"a-b"`, ""},
		{"{type: string, pattern: '^([A-Z]{2}|)$'}", `""`, ""},
		{"{type: string, pattern: '/^a$/'}", `"/^a$/"`, "pattern"},
		{"{type: string, pattern: '^a{,3}$'}", `"a{,3}"`, ""},
		{"{type: string, pattern: '^{a}$'}", `"{a}"`, ""},
		{"{type: string, pattern: '^a]$'}", `"a]"`, ""},
		{"{type: string, pattern: '^\\_\\-\\:$'}", `"_-:"`, ""},
		{"{type: string, pattern: '^[\\d-x]+$'}", `"1-x"`, ""},
		{"{type: string, pattern: '^\\cM$'}", `"\r"`, ""},
		{"{type: string, format: date-time}", `"2024-06-30T12:00:00z"`, ""},
		{"{type: string, format: date-time}", `"2024-06-30t12:00:00+00:00"`, ""},
		{"{type: string, format: date-time}", `"2024-06-30T12:00:00+0000"`, "format"},
		{"{type: string, format: date-time}", `"2024-06-30T12:00:00-00:00"`, ""},
		{"{type: string, format: date-time}", `"0000-01-01T00:00:00Z"`, ""},
		{"{type: string, format: idn-email}", `"ü@ü.de"`, ""},
		{"{type: string, format: email}", `"ü@ü.de"`, "format"},
		{"{type: string, format: ipv6}", `"fe80::1%eth0"`, "format"},
		{"{type: string, format: ipv6}", `"::ffff:192.0.2.1"`, ""},
		{"{type: string, format: iri}", `"http://ä.de/ö?ü#ß"`, ""},
		{"{type: string, format: iri-reference}", `"/ö"`, ""},
		{"{type: string, format: uri}", `"/relative"`, "format"},
		{"{type: string, format: uri-reference}", `"/relative?x=y z"`, "format"},
		{"{type: string, format: idn-hostname}", `"例え.jp"`, ""},
		{"{type: string, format: uuid}", `"urn:uuid:7c4e1f1a-3b52-4d8e-9f6a-0b1c2d3e4f50"`, "format"},
		{"{type: integer, format: date-time}", `5`, ""},
		{"{allOf: [{type: object, properties: {a: {}}, additionalProperties: false}, {type: object, properties: {b: {}}}]}", `{"a":1,"b":2}`, "additionalProperties /b"},
		{"{allOf: [{type: object, properties: {a: {}}, additionalProperties: false}, {type: object, properties: {b: {}}}]}", `{"a":1}`, ""},
		{"{type: object, additionalProperties: {}}", `{"a":null}`, ""},
		{"{type: object, additionalProperties: {nullable: true, type: integer}}", `{"a":null}`, ""},
		{"{type: object, additionalProperties: true, required: [a]}", `{"b":null}`, "required /a"},
		{"{type: array, items: {}}", `[null,1]`, ""},
		{"{type: array, uniqueItems: true, items: {type: object}}", `[{"a":1,"b":2},{"b":2,"a":1.0}]`, "uniqueItems"},
		{"{type: object, minProperties: 1, maxProperties: 2}", `{}`, "minProperties"},
		{"{oneOf: [{type: integer}, {type: number}]}", `1`, "oneOf"},
		{"{oneOf: [{type: integer}, {type: number}]}", `1.5`, ""},
		{"{anyOf: [{type: string}, {type: integer, nullable: true}]}", `null`, ""},
		{"{type: object, required: [pw], properties: {pw: {type: string, writeOnly: true}}}", `{}`, ""},
		{"{type: object, required: [pw], properties: {pw: {type: string, writeOnly: true}}}", `{"pw":"x"}`, "writeOnly /pw"},
		{"{type: array, items: {type: object, required: [pw, id], properties: {pw: {type: string, writeOnly: true}, id: {type: integer, readOnly: true}}}}", `[{"id":1}]`, ""},
	})
}

// Types, constants and keywords of 3.1, and references into all corners of a document.
func TestKindsOfSchemas(t *testing.T) {
	judgeSchemas(t, "3.1.0", `
components:
  schemas:
    "a/b": {type: integer}
    "a~b": {type: integer}
    "a b": {type: integer}
    Node: {type: object, properties: {next: {anyOf: [{$ref: '#/components/schemas/Node'}, {type: 'null'}]}, v: {type: integer}}, required: [v]}
    Deep: {type: object, $defs: {X: {type: integer, $defs: {Y: {type: string}}}}}
    A: {type: object, properties: {b: {$ref: '#/components/schemas/B'}}}
    B: {type: object, properties: {a: {$ref: '#/components/schemas/A'}, n: {type: integer}}}
`, []schemaCase{
		{"{$ref: '#/components/schemas/a~1b'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/a~0b'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/a%20b'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/Node'}", `{"v":1,"next":{"v":2,"next":null}}`, ""},
		{"{$ref: '#/components/schemas/Node'}", `{"v":1,"next":{"next":null}}`, "required /next/v"},
		{"{$ref: '#/components/schemas/Deep/$defs/X/$defs/Y'}", `1`, "type"},
		{"{$ref: '#/components/schemas/A'}", `{"b":{"a":{"b":{"n":"x"}}}}`, "type /b/a/b/n"},
		{"{$ref: '#/components/schemas/B/properties/n'}", `"x"`, "type"},
		{"{type: [string, integer, 'null']}", `1.5`, "type"},
		{"{type: [string, integer, 'null']}", `null`, ""},
		{"{type: [array, object], items: {type: integer}, required: [a]}", `["x"]`, "type /0"},
		{"{type: [array, object], items: {type: integer}, required: [a]}", `{}`, "required /a"},
		{"{type: ['null']}", `1`, "type"},
		{"{type: 'null'}", `null`, ""},
		{"{enum: [null, 1, a, [1], {a: 1}]}", `{"a":1}`, ""},
		{"{enum: [null, 1, a, [1], {a: 1}]}", `[1.0]`, ""},
		{"{enum: [null, 1, a, [1], {a: 1}]}", `[2]`, "enum"},
		{"{const: {a: [1, null]}}", `{"a":[1,null]}`, ""},
		{"{const: {a: [1, null]}}", `{"a":[1]}`, "enum"},
		{"{const: ''}", `"x"`, "enum"},
		{"{const: false}", `false`, ""},
		{"{const: false}", `true`, "enum"},
		{"{const: 0}", `1`, "enum"},
		{"{const: 0}", `0.0`, ""},
		{"{type: string, const: a, enum: [a, b]}", `"b"`, "enum"},
		{"{const: a, enum: [1]}", `"a"`, "enum"},
		{"{const: null, enum: [null, a]}", `"a"`, "enum"},
		{"{const: 9007199254740993, enum: [9007199254740993, 1]}", `1`, "enum"},
		{"{exclusiveMinimum: 0, minimum: 0}", `0`, "exclusiveMinimum"},
		{"{type: object, properties: {a: {$ref: '#/components/schemas/a~1b', minimum: 5}}}", `{"a":3}`, "minimum /a"},
		{"{type: object, allOf: [{$ref: '#/components/schemas/B'}], unevaluatedProperties: false, properties: {z: {}}}", `{"z":1,"n":2,"q":1}`, "unevaluatedProperties /q"},
		{"{type: object, allOf: [{additionalProperties: {type: integer}}], unevaluatedProperties: false}", `{"q":1}`, ""},
		{"{type: object, oneOf: [{properties: {k: {const: a}, x: {}}, required: [k]}, {properties: {k: {const: b}, y: {}}, required: [k]}], unevaluatedProperties: false}", `{"k":"a","y":1}`, "unevaluatedProperties /y"},
		{"{type: object, patternProperties: {'^x': {}}, unevaluatedProperties: false}", `{"xa":1,"ya":1}`, "unevaluatedProperties /ya"},
		{"{type: object, dependentSchemas: {a: {properties: {b: {}}}}, properties: {a: {}}, unevaluatedProperties: false}", `{"a":1,"b":1}`, ""},
		{"{type: object, not: {required: [a]}, unevaluatedProperties: {type: string}}", `{"b":1}`, "type /b"},
		{"{type: array, allOf: [{prefixItems: [{type: integer}]}], unevaluatedItems: {type: string}}", `[1,2]`, "type /1"},
		{"{type: array, contains: {type: integer, minimum: 5}, minContains: 0, maxContains: 1}", `[6,7]`, "maxContains"},
		{"{type: object, propertyNames: {format: uuid}}", `{"x":1}`, "propertyNames /x"},
		{"{type: object, propertyNames: false}", `{"x":1}`, "propertyNames /x"},
		{"false", `1`, "boolean"},
		{"true", `1`, ""},
		{"{items: false}", `[1]`, "boolean /0"},
		{"{additionalProperties: false}", `{"a":1}`, "additionalProperties /a"},
		{"{not: true}", `1`, "not"},
		{"{if: true, then: {type: string}}", `1`, "type"},
		{"{if: {const: 1}, else: false}", `2`, "boolean"},
	})
}

// Names, identifiers and anchors of schemas, siblings of references, discriminators, and
// what YAML 1.2 makes of scalars.
func TestKindsOfReferences(t *testing.T) {
	judgeSchemas(t, "3.1.0", `
components:
  schemas:
    "a%b": {type: integer}
    "é": {type: integer}
    "a?b": {type: integer}
    "a#b": {type: integer}
    "a{b}[c]+d": {type: integer}
    "Page«Item»": {type: integer}
    "pkg.Name`+"`1[[System.String, v=1]]"+`": {type: integer}
    Root: {$id: 'https://x.example/root', type: object, properties: {x: {$ref: '#/$defs/a'}, y: {$ref: other}, z: {$ref: '#an'}}, $defs: {a: {type: integer}, o: {$id: 'https://x.example/other', type: boolean}, n: {$anchor: an, type: string}}}
    Dyn: {$dynamicAnchor: node, type: object, properties: {kids: {type: array, items: {$dynamicRef: '#node'}}, v: {type: integer}}}
    Rel: {$id: rel, type: integer}
`, []schemaCase{
		{"{$ref: '#/components/schemas/a%25b'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/é'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/%C3%A9'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/a?b'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/a%3Fb'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/a%23b'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/a{b}[c]+d'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/Page«Item»'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/pkg.Name`1[[System.String, v=1]]'}", `"x"`, "type"},
		{"{$ref: '#/components/schemas/Root'}", `{"x":"a"}`, "type /x"},
		{"{$ref: '#/components/schemas/Root'}", `{"y":"a"}`, "type /y"},
		{"{$ref: '#/components/schemas/Root'}", `{"z":1}`, "type /z"},
		{"{$ref: 'https://x.example/root'}", `{"z":1}`, "type /z"},
		{"{$ref: 'https://x.example/root#/$defs/a'}", `"z"`, "type"},
		{"{$ref: 'https://x.example/root#an'}", `1`, "type"},
		{"{$ref: 'https://x.example/other'}", `1`, "type"},
		{"{$ref: '#/components/schemas/Dyn'}", `{"kids":[{"v":"x"}]}`, "type /kids/0/v"},
		{"{$ref: '#/components/schemas/é', const: 5}", `5`, ""},
		{"{$ref: '#/components/schemas/é', const: 5}", `6`, "enum"},
		{"{$ref: '#/components/schemas/é', nullable: true}", `null`, "type"}, // not of 3.1
		{"{$ref: '#/components/schemas/é', description: d, default: 7, deprecated: true}", `"x"`, "type"},
	})
	judgeSchemas(t, "3.1.0", "components: {schemas: {é: {type: integer}}}\n", []schemaCase{
		{"{$comment: c, type: integer, title: t, examples: [1], x-a: b}", `"x"`, "type"},
		{"{type: object, properties: {$ref: {type: string}, $id: {type: integer}}}", `{"$ref":1,"$id":"x"}`, "type /$id, type /$ref"},
		{"{type: object, properties: {'$ref': {type: integer}}, required: ['$ref']}", `{"$ref":1}`, ""},
		{"{type: object, properties: {properties: {type: object, properties: {type: {type: string}}}}}", `{"properties":{"type":1}}`, "type /properties/type"},
		{"{type: object, properties: {enum: {type: array, items: {type: string}}, default: {type: integer}, example: {type: integer}, const: {type: integer}, x-foo: {type: integer}}}", `{"default":"a","example":"b","x-foo":"c","const":"d","enum":[1]}`, "type /const, type /default, type /enum/0, type /example, type /x-foo"},
		{"{format: int32, type: [integer, 'null']}", `2147483648`, "format"},
		{"{type: [integer, 'null'], format: int64}", `9223372036854775808`, "integerRange"},
		{"{anyOf: [{type: integer, format: int32}, {type: 'null'}]}", `2147483648`, "format"},
		{"{oneOf: [{type: 'null'}, {$ref: '#/components/schemas/é'}]}", `"x"`, "type"},
		{"{oneOf: [{const: a, title: A}, {const: b, title: B}]}", `"c"`, "oneOf"},
		{"{oneOf: [{const: a, title: A}, {const: b, title: B}]}", `"b"`, ""},
		{"{anyOf: [{const: 1}, {const: 2}, {type: 'null'}]}", `3`, "anyOf"},
		{"{allOf: [{type: [string, 'null']}, {type: [integer, 'null']}]}", `null`, ""},
		{"{allOf: [{type: [string, 'null']}, {type: [integer, 'null']}]}", `"x"`, "type"},
		{"{type: object, required: [a], properties: {a: {type: [string, 'null'], format: date}}}", `{"a":"x"}`, "format /a"},
		{"{type: array, items: {anyOf: [{type: string}, {type: number}]}, minItems: 1}", `[true]`, "anyOf /0"},
		{"{type: string, contentEncoding: base64}", `"%%"`, ""},
		{"{type: string, contentMediaType: application/json}", `"{"`, ""},
		{"{minimum: 3}", `"x"`, ""},
		{"{minLength: 3, minimum: 3, minItems: 3, minProperties: 3, required: [a]}", `[1]`, "minItems"},
		{"{minLength: 3, minimum: 3, minItems: 3, minProperties: 3, required: [a]}", `2`, "minimum"},
		{"{minLength: 3, minimum: 3, minItems: 3, minProperties: 3, required: [a]}", `{}`, "minProperties, required /a"},
		{"{minLength: 3, minimum: 3, minItems: 3, minProperties: 3, required: [a]}", `true`, ""},
		{"{properties: {a: {type: integer}}}", `7`, ""},
		{"{items: {type: integer}}", `["x"]`, "type /0"},
		{"{pattern: '^a'}", `5`, ""},
	})
	judgeSchemas(t, "3.0.3", `
components:
  schemas:
    I: {type: integer, maximum: 10}
    Cat: {type: object, required: [kind], properties: {kind: {type: string}, lives: {type: integer}}}
    Dog: {type: object, required: [kind], properties: {kind: {type: string}, bark: {type: boolean}}}
    Base: {type: object, required: [kind], properties: {kind: {type: string}}, discriminator: {propertyName: kind}}
    Sub: {allOf: [{$ref: '#/components/schemas/Base'}, {type: object, required: [s]}]}
`, []schemaCase{
		{"{$ref: '#/components/schemas/I', minimum: 5, description: ignored}", `3`, ""},
		{"{$ref: '#/components/schemas/I', nullable: true}", `null`, "type"},
		{"{allOf: [{$ref: '#/components/schemas/I'}], nullable: true}", `null`, ""},
		{"{allOf: [{$ref: '#/components/schemas/I'}], minimum: 5}", `3`, "minimum"},
		{"{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {c: Cat, d: '#/components/schemas/Dog'}}}", `{"kind":"c","lives":"x"}`, "type /lives"},
		{"{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {c: './t.yaml#/components/schemas/Cat', d: '#/components/schemas/Dog'}}}", `{"kind":"c","lives":"x"}`, "type /lives"},
		{"{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {a.b: Cat, d: Dog}}}", `{"kind":"a.b","lives":"x"}`, "type /lives"},
		{"{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {cat: Cat, kitten: Cat, dog: Dog}}}", `{"kind":"kitten","lives":"x"}`, "type /lives"},
		{"{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind}}", `{"kind":"Cat","lives":1}`, ""},
		{"{oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind}}", `{"lives":1}`, "discriminator"},
		{"{oneOf: [{$ref: '#/components/schemas/Cat'}, {type: object, required: [kind], properties: {kind: {enum: [inline]}}}], discriminator: {propertyName: kind}}", `{"kind":"inline"}`, ""},
		{"{$ref: '#/components/schemas/Base'}", `{"kind":"Sub"}`, ""},
		{"{$ref: '#/components/schemas/Sub'}", `{"kind":"Sub"}`, "required /s"},
		{"{type: object, properties: {pet: {anyOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]}}}", `{"pet":{"kind":"x","lives":"a","bark":"b"}}`, "anyOf /pet"},
		{"{type: object, discriminator: {propertyName: kind, mapping: {c: '#/components/schemas/Cat'}}, required: [kind]}", `{"kind":"zzz"}`, ""},
		{"{type: object, additionalProperties: false, allOf: [{$ref: '#/components/schemas/Cat'}]}", `{"kind":"x"}`, "additionalProperties /kind"},
		{"{type: object, properties: {a: {type: string, enum: [yes, no, on]}}}", `{"a":"no"}`, ""},
		{"{type: string, enum: [2024-01-01, 1.0, 010]}", `"2024-01-01"`, ""},
		{"{type: number, enum: [1.10]}", `1.1`, ""},
		{"{type: integer, enum: [0o10, 0x1f]}", `31`, ""},
		{"{type: string, default: no, enum: [no]}", `"no"`, ""},
		{"{type: integer, minimum: 1e3}", `999`, "minimum"},
		{"{type: string, maxLength: 1e1}", `"12345678901"`, "maxLength"},
		{"{type: integer, minimum: +5}", `4`, "minimum"},
		{"{type: string, example: !!binary YQ==}", `"a"`, ""},
		{"{type: string, example: .nan}", `"a"`, ""},
		{"{type: string, example: 2001-12-14t21:59:43.10-05:00}", `"a"`, ""},
		{"{type: string, example: !custom x}", `"a"`, ""},
		{"{type: object, properties: {null: {type: integer}, true: {type: integer}, 1: {type: integer}, 1.0: {type: integer}}}", `{"null":"a","true":"a","1":"a","1.0":"a"}`, "type /1, type /1.0, type /null, type /true"},
	})
}
