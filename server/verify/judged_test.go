package verify_test

import (
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/verify"
)

// takesAll answers everything 200, takesNone everything 400.
var (
	takesAll  = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	takesNone = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
)

// checksFound verifies a server by its document, and lists the checks that fail.
func checksFound(t *testing.T, version, rest string, h http.Handler, phases ...verify.Phase) (found []string, result *verify.Result) {
	t.Helper()
	d, err := verify.ParseDocument("t", "t.yaml", []byte("openapi: "+version+"\ninfo: {title: t, version: '1'}\n"+rest))
	if err != nil {
		t.Fatalf("%v\n%s", err, rest)
	}
	if len(phases) == 0 {
		phases = []verify.Phase{verify.PhaseExamples}
	}
	result = run(t, verify.Options{Document: d, Handler: h, Seed: 1, MaxExamples: 20, Phases: phases})
	for _, f := range result.Findings {
		if !slices.Contains(found, f.Check) {
			found = append(found, f.Check)
		}
	}
	slices.Sort(found)
	return found, result
}

// A right example of a parameter is no reason to accuse who takes it, and one to accuse who
// does not.
func TestParameterExamples(t *testing.T) {
	for _, parameter := range []string{
		"name: Authorization, in: header, required: true, schema: {type: string}, example: x",
		"name: Accept, in: header, required: true, schema: {type: string, enum: [a/b]}, example: a/b",
		"name: filter, in: query, content: {application/json: {schema: {type: object, required: [b]}}}, example: {b: x}",
		"name: filter, in: query, content: {application/vnd.x+json: {schema: {type: array, items: {type: integer}}}}, example: [1, 2]",
		"name: X-Filter, in: header, content: {application/json: {schema: {type: object, required: [b]}}}, example: {b: x}",
		"name: note, in: query, content: {text/plain: {schema: {type: string}}}, example: a b",
		"name: q, in: query, schema: {oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}, example: 5",
		"name: q, in: query, schema: {anyOf: [{type: integer, minimum: 10}, {enum: ['5']}]}, example: '5'",
		"name: q, in: query, schema: {type: array, items: {oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}}, example: [5, x]",
		"name: q, in: query, required: true, schema: {type: object, required: [role]}, example: {role: admin, first: Al}",
		"name: q, in: query, required: true, style: deepObject, schema: {type: object, required: [a], properties: {a: {type: integer}}}, example: {a: 1}",
		"name: test, in: query, explode: false, schema: {type: array, items: {type: string, minLength: 5}}, example: ['IN:[1,2]', 'EQ:22']",
		"name: q, in: query, explode: false, style: pipeDelimited, schema: {type: array, items: {type: string}}, example: ['a|b', c]",
		"name: q, in: query, explode: false, style: spaceDelimited, schema: {type: array, items: {type: string}}, example: [a, b]",
		"name: X-L, in: header, schema: {type: array, items: {type: integer}}, example: [1, 2]",
		"name: q, in: query, schema: {anyOf: [{type: integer}, {type: array, items: {type: integer}}]}, example: [1, 2]",
		"name: q, in: query, schema: {type: boolean}, example: true",
		"name: q, in: query, schema: {type: string, format: date-time}, example: '2016-12-31T23:59:60Z'",
		"name: q, in: cookie, schema: {type: string}, example: abc",
		"name: q, in: cookie, explode: false, schema: {type: array, items: {type: integer}}, example: [1, 2]",
		"name: q, in: cookie, explode: false, required: true, schema: {type: object, required: [a], properties: {a: {type: integer}}}, example: {a: 1, b: x}",
		"name: q, in: cookie, style: cookie, schema: {type: array, items: {type: integer}}, example: [1, 2]",
		"name: X-O, in: header, schema: {type: object, properties: {a: {type: integer}, b: {type: string}}}, example: {a: 1, b: x}",
		"name: X-O, in: header, explode: true, required: true, schema: {type: object, required: [a], properties: {a: {type: integer}}}, example: {a: 1}",
	} {
		rest := "paths: {/a: {get: {operationId: a, parameters: [{" + parameter + "}], responses: {'200': {description: d}, '400': {description: d}}}}}\n"
		if found, result := checksFound(t, "3.0.3", rest, takesAll); len(found) > 0 || result.Requests == 0 {
			t.Errorf("%s: %d requests, %q: %+v", parameter, result.Requests, found, result.Findings[0].Message)
		}
		if found, _ := checksFound(t, "3.0.3", rest, takesNone); !slices.Contains(found, verify.CheckPositiveData) {
			t.Errorf("%s, refused: %q", parameter, found)
		}
	}
}

// Of what OpenAPI does not say how it is written, nothing is expected.
func TestUndefinedParameters(t *testing.T) {
	for _, parameter := range []string{
		"name: q, in: query, style: deepObject, schema: {type: object, properties: {a: {type: object, required: [gte], properties: {gte: {type: integer}}}}}, example: {a: {gte: 3}}",
		"name: q, in: query, schema: {type: array, items: {type: object, required: [a]}}, example: [{a: 1}]",
		"name: q, in: cookie, schema: {type: array, items: {type: integer}}, example: [1, 2]",
		"name: q, in: cookie, schema: {type: object, required: [a], properties: {a: {type: integer}}}, example: {a: 1}",
	} {
		rest := "paths: {/a: {get: {operationId: a, parameters: [{" + parameter + "}], responses: {'200': {description: d}, '400': {description: d}}}}}\n"
		for _, h := range []http.Handler{takesAll, takesNone} {
			if found, result := checksFound(t, "3.0.3", rest, h); len(found) > 0 || result.Requests == 0 {
				t.Errorf("%s: %d requests, %q", parameter, result.Requests, found)
			}
		}
	}
}

// formOf reads a form as its server does.
func formOf(r *http.Request) url.Values {
	body, _ := io.ReadAll(r.Body)
	values, _ := url.ParseQuery(string(body))
	return values
}

// A form is sent, and judged, as its schema and encoding say: a server that judges exactly
// is not accused, and one that takes all is.
func TestForms(t *testing.T) {
	plain := "application/x-www-form-urlencoded: {schema: {type: object, required: [name, age], additionalProperties: false, properties: {name: {type: string, minLength: 2, maxLength: 5}, age: {type: integer, minimum: 0, maximum: 150}}}}"
	deep := "application/x-www-form-urlencoded: {schema: {type: object, required: [address], properties: {address: {type: object, required: [city], properties: {city: {type: string, minLength: 1}}}}}, encoding: {address: {style: deepObject, explode: true}}}"
	phases := []verify.Phase{verify.PhaseExamples, verify.PhaseCoverage, verify.PhaseFuzzing}
	for name, c := range map[string]struct {
		content string
		right   func(url.Values) bool
	}{
		"plain": {plain, func(v url.Values) bool {
			n := len([]rune(v.Get("name")))
			age := v.Get("age")
			digits := age != "" && strings.Trim(age, "0123456789") == "" && (len(age) < 3 || len(age) == 3 && age <= "150")
			return len(v) == 2 && len(v["name"]) == 1 && n >= 2 && n <= 5 && (digits || strings.ContainsAny(age, ".eE-") && looksIntegral(age))
		}},
		"deep": {deep, func(v url.Values) bool { return v.Get("address[city]") != "" }},
	} {
		rest := "paths: {/a: {post: {operationId: a, requestBody: {required: true, content: {" + c.content + "}}, responses: {'200': {description: d}, '400': {description: d}, '415': {description: d}}}}}\n"
		for _, version := range []string{"3.0.3", "3.1.0"} {
			found, result := checksFound(t, version, rest, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
					w.WriteHeader(http.StatusUnsupportedMediaType)
				case !c.right(formOf(r)):
					w.WriteHeader(http.StatusBadRequest)
				}
			}), phases...)
			found = slices.DeleteFunc(found, func(check string) bool { return check == verify.CheckMethod })
			if len(found) > 0 {
				for _, f := range result.Findings {
					if f.Check != verify.CheckMethod {
						t.Errorf("%s %s: %s: %s %s", version, name, f.Check, f.Message, f.Curl)
					}
				}
			}
			if found, _ := checksFound(t, version, rest, takesAll, phases...); !slices.Contains(found, verify.CheckNegativeData) {
				t.Errorf("%s %s, all taken: %q", version, name, found)
			}
		}
	}
}

// looksIntegral takes the spellings of integers that servers read in more than one way.
func looksIntegral(text string) bool {
	n, err := strconv.ParseFloat(text, 64)
	return err == nil && n == math.Trunc(n) && n >= 0 && n <= 150
}

// Bodies of every type are sent, in both versions.
func TestBodiesAreSent(t *testing.T) {
	for _, content := range []string{
		`"application/json; charset=utf-8": {schema: {type: object, required: [a]}}`, `"*/*": {schema: {type: object}}`, `"application/*": {schema: {type: array}}`,
		`text/json: {schema: {type: object}}`, `text/plain: {schema: {type: string}}`, `multipart/form-data: {schema: {type: object, properties: {a: {type: string}}}}`,
		`application/merge-patch+json: {schema: {type: object}}`, `application/x-www-form-urlencoded: {schema: {type: object}}`, `application/octet-stream: {schema: {type: string, format: binary}}`,
		`text/csv: {schema: {type: string}}`, `image/*: {schema: {type: string, format: binary}}`,
	} {
		for _, version := range []string{"3.0.3", "3.1.0"} {
			types := map[string]bool{}
			rest := "paths: {/a: {post: {operationId: a, requestBody: {required: true, content: {" + content + "}}, responses: {'200': {description: d}}}}}\n"
			found, _ := checksFound(t, version, rest, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { types[r.Header.Get("Content-Type")] = true }))
			if len(types) != 1 || len(found) > 0 {
				t.Errorf("%s %s: sent %v, found %q", version, content, types, found)
			}
		}
	}
}

// judging is a server that refuses what its document forbids.
func judging(d *verify.Document) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op := d.Contract.Operation(r.Method, r.URL.Path)
		if op == nil {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		body, _ := io.ReadAll(r.Body)
		j := op.JudgeRequest(r.Context(), &contract.Message{Method: r.Method, URL: r.URL, Header: r.Header, Body: body})
		if j.Refused() {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
}

// A server that judges as its document says is not accused, whatever keywords that has;
// and one that takes all is.
func TestKeywordsThroughout(t *testing.T) {
	phases := []verify.Phase{verify.PhaseExamples, verify.PhaseCoverage, verify.PhaseFuzzing}
	for _, schema := range []string{
		"{type: object, patternProperties: {'^n_': {type: integer}}, additionalProperties: false}",
		"{type: object, propertyNames: {pattern: '^[a-z]+$'}, additionalProperties: {type: integer}}",
		"{type: object, properties: {a: {type: integer}, b: {type: string}}, required: [a], dependentRequired: {a: [b]}}",
		"{type: object, properties: {k: {enum: [x, y]}, v: {type: integer}}, required: [k], if: {properties: {k: {const: x}}}, then: {required: [v]}}",
		"{type: array, contains: {type: integer}, items: {type: [integer, string]}, minItems: 1}",
		"{type: array, prefixItems: [{type: integer}, {type: string}], items: false, minItems: 2}",
		"{type: object, properties: {a: {type: integer}}, required: [a], unevaluatedProperties: false}",
		"{type: integer, format: int64, minimum: 9007199254740993}",
		"{type: number, multipleOf: 0.01, minimum: 0, maximum: 1}",
		"{type: string, pattern: '^(?!a)[a-z]{3}$'}",
		"{type: string, format: duration}",
		"{type: object, required: [n], properties: {n: {anyOf: [{type: string, minLength: 2}, {type: 'null'}], minLength: 1}}}",
	} {
		rest := "paths: {/a: {post: {operationId: a, requestBody: {required: true, content: {application/json: {schema: " + schema + "}}}, responses: {'200': {description: d}, '400': {description: d}, '405': {description: d}}}}}\n"
		d, err := verify.ParseDocument("t", "t.yaml", []byte("openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"+rest))
		if err != nil {
			t.Fatal(err)
		}
		_, result := checksFound(t, "3.1.0", rest, judging(d), phases...)
		for _, f := range result.Findings {
			if f.Check != verify.CheckAllow {
				t.Errorf("%s: %s: %s", schema, f.Check, f.Message)
			}
		}
		accepted := int64(0)
		for kind, n := range result.Usage[0].Answers {
			if kind.Status == http.StatusOK {
				accepted += n
			}
		}
		if accepted == 0 {
			t.Errorf("%s: nothing was accepted", schema)
		}
		if found, _ := checksFound(t, "3.1.0", rest, takesAll, phases...); !slices.Contains(found, verify.CheckNegativeData) {
			t.Errorf("%s, all taken: %q", schema, found)
		}
	}
}
