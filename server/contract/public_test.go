package contract_test

import (
	"strings"
	"testing"
)

// The constructs by which public documents were refused, or servers accused, each retyped
// as a small document that loads; and what the document then says of a message.
var public = []struct {
	name, version, rest string
	answer              string // "METHOD /path status media type|body"
	want                string
}{
	{"a decimal number as text, by a look ahead", "3.1.0", answering(`{type: string, pattern: '^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$'}`), `"+."`, "pattern"},
	{"a name that must not begin with a word", "3.0.3", answering(`{type: string, pattern: '^(?!internal-)[a-z-]+$'}`), `"internal-a"`, "pattern"},
	{"a reference back in a pattern", "3.0.3", answering(`{type: string, pattern: '^(["''])x\1$'}`), `"'x\""`, "pattern"},
	{"a pattern of Chinese characters", "3.0.3", answering(`{type: string, pattern: '^[\u4e00-\u9fa5]+$'}`), `"漢字"`, ""},
	{"a pattern with a control character", "3.0.3", answering(`{type: string, pattern: '^[^\cA-\cZ]*$'}`), `"\u0001"`, "pattern"},
	{"a pattern that repeats two thousand times", "3.0.3", answering(`{type: string, pattern: '^.{1,2000}$'}`), `""`, "pattern"},
	{"an upload that says its media type", "3.1.0", "paths: {/up: {post: {requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {file: {type: string, contentMediaType: application/octet-stream}}}}}}, responses: {'200': {description: d}}}}}\n", "", ""},
	{"a picture in base64", "3.1.0", answering(`{type: string, contentEncoding: base64, contentMediaType: image/png}`), `"x"`, ""},
	{"names of metadata", "3.1.0", answering(`{type: object, propertyNames: {type: string, maxLength: 64}, additionalProperties: {type: string}}`), `{"` + strings.Repeat("k", 65) + `":"v"}`, "propertyNames /" + strings.Repeat("k", 65)},
	{"an object that is closed over its parts", "3.1.0", answering(`{allOf: [{$ref: '#/components/schemas/Base'}, {properties: {more: {type: string}}}], unevaluatedProperties: false}`) + "components: {schemas: {Base: {type: object, properties: {id: {type: integer}}}}}\n", `{"id":1,"extra":true}`, "unevaluatedProperties /extra"},
	{"headers named x-... with a format that nobody knows", "3.0.3", "paths: {/a: {get: {responses: {'200': {description: d, headers: {x-reset: {schema: {type: integer, format: timestamp}}}}}}}}\n", "", ""},
	{"a response that is called default, with a format", "3.0.3", "paths: {/a: {get: {responses: {default: {$ref: '#/components/responses/default'}}}}}\ncomponents: {responses: {default: {description: d, content: {application/json: {schema: {type: string, format: hostname}}}}}}\n", "", ""},
	{"formats of their own", "3.0.3", answering(`{type: object, properties: {a: {type: string, format: currency}, b: {type: number, format: decimal}, c: {type: integer, format: unix-time}}}`), `{"a":1}`, "type /a"},
	{"a map of labels by a pattern of names", "3.1.0", answering(`{type: object, patternProperties: {'^x-': {}, '^[a-z.]+/[a-z]+$': {type: string}}, additionalProperties: false}`), `{"a.b/c":1}`, "type /a.b~1c"},
	{"either null or an object, beside rules", "3.1.0", answering(`{anyOf: [{$ref: '#/components/schemas/Who'}, {type: 'null'}], readOnly: true, description: d, title: t}`) + "components: {schemas: {Who: {type: object, required: [login]}}}\n", `{}`, "required /login"},
	{"nullable beside a reference, through allOf", "3.0.3", answering(`{type: object, nullable: true, allOf: [{$ref: '#/components/schemas/Who'}]}`) + "components: {schemas: {Who: {type: object, required: [login]}}}\n", `{}`, "required /login"},
	{"a tuple of a place", "3.1.0", answering(`{type: array, prefixItems: [{type: number}, {type: number}], minItems: 2, items: false}`), `[1,2,3]`, "boolean /2"},
	{"an error of any status", "3.0.3", "paths: {/a: {get: {responses: {'200': {description: d}, default: {description: e, content: {application/json: {schema: {type: object, required: [error]}}}}}}}}\n", "", ""},
	{"ranges of statuses", "3.0.3", "paths: {/a: {get: {responses: {2XX: {description: d}, 4XX: {description: d}, 5XX: {description: d}}}}}\n", "", ""},
	{"an address in a form, deep", "3.0.3", "paths: {/a: {post: {requestBody: {content: {application/x-www-form-urlencoded: {encoding: {address: {explode: true, style: deepObject}}, schema: {type: object, properties: {address: {type: object, required: [city], properties: {city: {type: string}}}}}}}}, responses: {'200': {description: d}}}}}\n", "", ""},
	{"a filter that is an object in brackets", "3.0.3", "paths: {/a: {get: {parameters: [{name: created, in: query, explode: true, style: deepObject, schema: {anyOf: [{type: object, properties: {gte: {type: integer}}}, {type: integer}]}}], responses: {'200': {description: d}}}}}\n", "", ""},
	{"headers as parameters of every operation", "3.0.3", "paths: {/a: {get: {parameters: [{name: Accept, in: header, required: true, schema: {type: string}}, {name: Content-Type, in: header, required: true, schema: {type: string, enum: [application/json]}}], responses: {'200': {description: d}}}}}\n", "", ""},
	{"media types with parameters", "3.0.3", "paths: {/a: {get: {responses: {'200': {description: d, content: {'application/json; odata.metadata=minimal': {schema: {type: object}}, 'application/vnd.x.v3+json; charset=utf-8': {schema: {type: object}}}}}}}}\n", "", ""},
	{"a stream of events with a schema", "3.1.0", "paths: {/a: {get: {responses: {'200': {description: d, content: {text/event-stream: {schema: {$ref: '#/components/schemas/Event'}}}}}}}}\ncomponents: {schemas: {Event: {anyOf: [{type: object, properties: {event: {type: string, const: done}}}]}}}\n", "", ""},
	{"any media type", "3.0.3", "paths: {/a: {get: {responses: {'200': {description: d, content: {'*/*': {schema: {type: array, items: {type: object}}}}}}}}}\n", "", ""},
	{"a number that no double holds as a bound", "3.0.3", answering(`{type: integer, format: int64, minimum: -9223372036854775808, maximum: 9223372036854775807}`), `9223372036854775808`, "integerRange, maximum"},
	{"a schema that holds itself", "3.0.3", answering(`{$ref: '#/components/schemas/Rule'}`) + "components: {schemas: {Rule: {type: object, properties: {and: {type: array, items: {$ref: '#/components/schemas/Rule'}}, not: {$ref: '#/components/schemas/Rule'}, op: {type: string, enum: [eq]}}}}}\n", `{"and":[{"not":{"op":"x"}}]}`, "enum /and/0/not/op"},
	{"events told apart by a mapping to references", "3.0.3", answering(`{oneOf: [{$ref: '#/components/schemas/Push'}, {$ref: '#/components/schemas/Fork'}], discriminator: {propertyName: type, mapping: {push: '#/components/schemas/Push', forked: '#/components/schemas/Fork'}}}`) + "components: {schemas: {Push: {type: object, required: [type, ref], properties: {type: {type: string}}}, Fork: {type: object, required: [type, at], properties: {type: {type: string}}}}}\n", `{"type":"forked"}`, "required /at"},
	{"pets whose base is one of them", "3.0.3", answering(`{$ref: '#/components/schemas/Pet'}`) + "components: {schemas: {Pet: {type: object, required: [kind], properties: {kind: {type: string}}, discriminator: {propertyName: kind}, oneOf: [{$ref: '#/components/schemas/Cat'}]}, Cat: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, required: [lives]}]}}}\n", `{"kind":"Cat"}`, "required /lives"},
	{"examples by reference, and links", "3.0.3", "paths: {/a: {get: {operationId: a, responses: {'200': {description: d, links: {next: {operationId: a, parameters: {id: $response.body#/id}}}, content: {application/json: {examples: {one: {$ref: '#/components/examples/one'}}}}}}}}}\ncomponents: {examples: {one: {value: {id: 1}}}}\n", "", ""},
	{"parameters of the path, and one of them anew", "3.0.3", "paths: {'/a/{id}': {parameters: [{name: id, in: path, required: true, schema: {type: string}}], get: {parameters: [{name: id, in: path, required: true, schema: {type: integer}}], responses: {'200': {description: d}}}}}\n", "", ""},
	{"security that is optional, and two keys together", "3.0.3", "security: [{}, {key: [], app: []}]\npaths: {/a: {get: {security: [], responses: {'200': {description: d}}}}}\ncomponents: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}, app: {type: apiKey, in: query, name: app}}}\n", "", ""},
	{"webhooks, callbacks and extensions", "3.1.0", "webhooks: {made: {post: {requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}, responses: {'200': {description: d}}}}}\npaths: {/a: {post: {x-codeSamples: [{lang: curl}], callbacks: {done: {'{$request.body#/url}': {post: {responses: {'200': {description: d}}}}}}, responses: {'202': {description: d}}}}}\ncomponents: {schemas: {A: {type: object}}, pathItems: {x: {get: {responses: {}}}}}\nx-webhooks: {}\n", "", ""},
	{"content of JSON with nothing after it", "3.0.3", "paths: {/a: {get: {responses: {'200': {description: d, content: {application/json: }}}}}}\n", "", ""},
	{"numbers as keys and versions, dates as texts", "3.0.3", "x-date: 2024-01-01\npaths:\n  /a:\n    get:\n      responses:\n        200: {description: 2024-01-01}\n        404: {description: no}\n", "", ""},
	{"an enum with null, and one of several types", "3.1.0", answering(`{type: [string, integer, 'null'], enum: [a, 1, null]}`), `2`, "enum"},
	{"exclusive bounds of both versions", "3.1.0", answering(`{type: number, exclusiveMinimum: 0, exclusiveMaximum: 1}`), `1`, "exclusiveMaximum"},
	{"a condition on a country", "3.1.0", answering(`{type: object, properties: {country: {type: string}, zip: {type: string}}, if: {properties: {country: {const: US}}, required: [country]}, then: {properties: {zip: {pattern: '^\d{5}$'}}, required: [zip]}}`), `{"country":"US","zip":"1"}`, "pattern /zip"},
	{"what one member asks of others", "3.1.0", answering(`{type: object, dependentRequired: {card: [billing, name]}}`), `{"card":1,"name":"n"}`, "dependentRequired /billing"},
	{"a union of 3.2 that says what is meant without a name", "3.2.0", answering(`{oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}], discriminator: {propertyName: kind, defaultMapping: A, mapping: {b: B}}}`) + "components: {schemas: {A: {type: object, required: [a], not: {required: [kind]}}, B: {type: object, required: [kind, b], properties: {kind: {const: b}}}}}\n", `{"a":1}`, ""},
	{"a schema of all that it is itself", "3.0.3", answering(`{$ref: '#/components/schemas/A'}`) + "components: {schemas: {A: {type: object, allOf: [{$ref: '#/components/schemas/A'}, {required: [a]}]}}}\n", `{}`, "required /a"},
	{"a schema that is not what it is", "3.0.3", answering(`{$ref: '#/components/schemas/A'}`) + "components: {schemas: {A: {type: object, not: {$ref: '#/components/schemas/A'}}}}\n", `{}`, ""},
	{"names that map to nothing", "3.0.3", answering(`{type: object, discriminator: {propertyName: k, mapping: {b: 'https://x.example/s.yaml', c: '#/components/schemas/None'}}, required: [k]}`), `{"k":"c"}`, ""},
	{"a schema of everything and one of nothing", "3.1.0", answering(`{type: object, properties: {any: true, none: false}, additionalProperties: false}`), `{"any":1,"none":1}`, "boolean /none"},
}

// answering is a document whose GET of /a answers 200 with a schema.
func answering(schema string) string {
	return "paths: {/a: {get: {responses: {'200': {description: d, content: {application/json: {schema: " + schema + "}}}}}}}\n"
}

func TestPublicDocuments(t *testing.T) {
	for _, c := range public {
		d, err := read(c.version, c.rest)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.answer == "" {
			if len(d.Operations()) == 0 {
				t.Errorf("%s: no operation", c.name)
			}
			continue
		}
		found := d.Operation("GET", "/a").JudgeResponse(t.Context(), "GET", 200, map[string][]string{"Content-Type": {"application/json"}}, []byte(c.answer))
		if got := rules(found); got != c.want {
			t.Errorf("%s: answered %s\n got %s\nwant %s", c.name, c.answer, got, c.want)
		}
	}
}
