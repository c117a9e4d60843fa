package contract

import (
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// difference is a place where our verdict is not kin-openapi's, on purpose.
type difference struct {
	name   string
	reason string
	// stricter tells whether the difference is why we refuse what kin-openapi
	// accepts: asked of each violation.
	stricter func(c *trial, v *Violation) bool
	// amend changes the document so that kin-openapi, judging by it, agrees: why
	// we accept what it refuses. nil if the difference never makes us laxer.
	amend func(node map[string]any, response bool)
	// rewrite changes the message so that kin-openapi agrees.
	rewrite func(c *trial) *trial
	// shown is a trial that must show the difference.
	shown trial
}

var differences = []*difference{
	{
		name:   "absent discriminator",
		reason: "JSON Schema knows no discriminator, so kin-openapi ignores it in 3.1 documents. pydantic refuses an object that does not say what it is.",
		stricter: func(c *trial, v *Violation) bool {
			return c.draft2020() && (v.Rule == "discriminator" || v.Rule == "type" && v.Schema != nil && v.Schema.Discriminator != nil)
		},
		shown: trial{document: "shapes", operation: "POST /animal", body: `{"tricks":[]}`},
	},
	{
		name:     "numbers beyond float64",
		reason:   "JSON Schema compares them exactly; no client or server written in Go, Python or JavaScript holds them.",
		stricter: func(_ *trial, v *Violation) bool { return v.Rule == RuleNumberRange },
		shown:    trial{document: "shapes", operation: "POST /numbers", body: `{"f":1e400}`},
	},
	{
		name:     "integers beyond 64 bits",
		reason:   "Neither document bounds its integers; the generated code holds 64 bits, and a number that it would refuse or round must not be judged right.",
		stricter: func(_ *trial, v *Violation) bool { return v.Rule == RuleIntegerRange },
		shown:    trial{document: "words", operation: "POST /numbers", body: `{"integer":9223372036854775808}`},
	},
	{
		name:   "fractions that a float64 rounds away",
		reason: "kin-openapi asks a float64 whether it is an integer, in 3.0 documents. We ask the literal.",
		stricter: func(c *trial, v *Violation) bool {
			if v.Rule != "type" || v.In != InBody {
				return false
			}
			n, ok := valueAt(c.decoded(), v.Path).(json.Number)
			if !ok {
				return false
			}
			integral, _, _, _ := numberOf(n.String())
			f, _ := n.Float64()
			return !integral && f == float64(int64(f))
		},
		shown: trial{document: "words", operation: "POST /numbers", body: `{"integer":1.00000000000000000000001}`},
	},
	{
		name:   "numbers that a float64 rounds",
		reason: "JSON Schema compares numbers exactly, we compare float64s, as every client and server does that decodes them.",
		rewrite: func(c *trial) *trial {
			rounded := *c
			rounded.body = numberTexts.ReplaceAllStringFunc(c.body, func(text string) string {
				f, err := strconv.ParseFloat(text, 64)
				if err != nil || numberOfExactly(text, f) {
					return text
				}
				if f == math.Trunc(f) {
					return big.NewFloat(f).Text('f', 0)
				}
				return strconv.FormatFloat(f, 'f', -1, 64)
			})
			return &rounded
		},
		shown: trial{document: "corners", operation: "POST /plain", response: true, status: 200, body: `{"one":-9223372036854775809}`},
	},
	{
		name:   "multiples in the last digits of a float64",
		reason: "JSON Schema divides exactly; Ajv, pydantic and kin-openapi divide float64s, which have 836.0600000000001 for 83606 hundredths.",
		rewrite: func(c *trial) *trial {
			shorter := *c
			shorter.body = numberTexts.ReplaceAllStringFunc(c.body, func(text string) string {
				f, err := strconv.ParseFloat(text, 64)
				if err != nil || f == math.Trunc(f) || len(text) < 15 {
					return text
				}
				short, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 13, 64), 64)
				return strconv.FormatFloat(short, 'f', -1, 64)
			})
			return &shorter
		},
		shown: trial{document: "shapes", operation: "POST /ask", body: `{"price":836.0600000000001}`},
	},
	{
		name:   "strict JSON",
		reason: "encoding/json takes duplicate members (the last wins), bad UTF-8, lone surrogates, any depth and whatever follows the first value. RFC 8259 and RFC 7493 leave all of that undefined.",
		stricter: func(_ *trial, v *Violation) bool {
			return v.Rule == RuleJSON && slices.Contains([]string{reasonDuplicate, reasonUTF8, reasonTrailing, reasonDepth, reasonSyntax}, v.Detail)
		},
		shown: trial{document: "shapes", operation: "POST /person", body: `{"name":"a","name":"b"}`},
	},
	{
		name:     "prototype poisoning",
		reason:   "Fastify refuses __proto__ and constructor.prototype as member names, before any schema.",
		stricter: func(_ *trial, v *Violation) bool { return v.Rule == RuleJSON && v.Detail == reasonPoisoned },
		shown:    trial{document: "words", operation: "POST /any", body: `{"__proto__":1}`},
	},
	{
		name:     "a body where none is declared, or none where JSON is announced",
		reason:   "Fastify parses every body by its Content-Type before it looks at the operation; kin-openapi looks only at declared ones.",
		stricter: func(c *trial, v *Violation) bool { return v.In == InBody && c.eagerOnly(v) },
		shown:    trial{document: "words", operation: "DELETE /things/{thingId}/parts/{number}", vars: map[string]string{"thingId": "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", "number": "1"}, body: `{`},
	},
	{
		name:   "read-only and write-only in JSON Schema",
		reason: "Where a schema of a 3.1 document has no internal $ref, kin-openapi judges by JSON Schema alone, to which both are annotations: secrets pass outwards, and answers without them fail.",
		stricter: func(c *trial, v *Violation) bool {
			return c.draft2020() && (v.Rule == "readOnly" || v.Rule == "writeOnly")
		},
		amend: func(node map[string]any, response bool) {
			required, _ := node["required"].([]any)
			properties, _ := node["properties"].(map[string]any)
			mark := "readOnly"
			if response {
				mark = "writeOnly"
			}
			required = slices.DeleteFunc(slices.Clone(required), func(name any) bool {
				text, _ := name.(string)
				property, _ := properties[text].(map[string]any)
				return property[mark] == true
			})
			if len(required) > 0 {
				node["required"] = required
			} else {
				delete(node, "required")
			}
		},
		shown: trial{document: "corners", operation: "POST /secretive", response: true, status: 200, body: `{"id":1,"name":"n","token":"s"}`},
	},
	{
		name:   "null where no type is asked for",
		reason: "A schema without a type accepts any value (JSON Schema; OpenAPI 3.0.3 says that nullable only narrows a type). kin-openapi's own visitor refuses null there.",
		amend: func(node map[string]any, _ bool) {
			if untyped(node) {
				for k := range node {
					delete(node, k)
				}
				node["type"] = "string"
				node["nullable"] = true
				node["x-any"] = true
			}
		},
		shown: trial{document: "words", operation: "POST /arrays", body: `{"anything":[null]}`},
	},
	{
		name:   "equal numbers written differently in a set",
		reason: "kin-openapi's own visitor compares the texts of items, so [1, 1.0] is a set to it. To Ajv, to pydantic and to JSON Schema it is not.",
		stricter: func(c *trial, v *Violation) bool {
			return v.Rule == "uniqueItems" && holdsOddNumbers(c.body)
		},
		shown: trial{document: "words", operation: "POST /arrays", body: `{"numbers":[1,1.0]}`},
	},
	{
		name:   "a body without a Content-Type",
		reason: "FastAPI reads a body without a Content-Type, or with an empty one, as JSON (RFC 9110, section 8.3, leaves it to the recipient); kin-openapi refuses it.",
		rewrite: func(c *trial) *trial {
			values, ok := c.header["Content-Type"]
			if !ok || c.response || slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
				return c
			}
			with := *c
			with.header = maps.Clone(c.header)
			with.header.Set("Content-Type", "application/json")
			return &with
		},
		shown: trial{document: "shapes", operation: "POST /person", body: `{"name":"a"}`, header: http.Header{"Content-Type": nil}},
	},
	{
		name:   "Content-Type",
		reason: "kin-openapi ignores malformed parameters and every Content-Type after the first.",
		stricter: func(c *trial, v *Violation) bool {
			return v.Rule == RuleMediaType && c.header != nil && (len(c.header["Content-Type"]) > 1 || strings.Contains(c.header.Get("Content-Type"), ";"))
		},
		shown: trial{document: "shapes", operation: "POST /person", body: `{"name":"a"}`, header: http.Header{"Content-Type": {"application/json", "text/plain"}}},
	},
	{
		name:   "texts that only Go reads",
		reason: "strconv takes 0x1p4 and 1_000 for floats, +1 for an integer, and T for true; they are none in any API.",
		stricter: func(_ *trial, v *Violation) bool {
			return v.Rule == "type" && v.In != InBody && (strings.ContainsAny(v.Raw, "_xX+") ||
				slices.Contains([]string{"t", "T", "TRUE", "True", "f", "F", "FALSE", "False"}, v.Raw))
		},
		shown: trial{document: "corners", operation: "POST /places/{id}/{word}", vars: map[string]string{"id": "1", "word": "a"}, query: "slug=a&ratio=0x1p4"},
	},
	{
		name:   "separators within values",
		reason: "kin-openapi decodes a list and then splits it, so that an escaped comma separates. It is part of a value (RFC 6570, section 3.2.8).",
		rewrite: func(c *trial) *trial {
			plain := *c
			if plain.query = strings.ReplaceAll(c.query, "%2C", "%3B"); plain.query == c.query {
				return c
			}
			return &plain
		},
		shown: trial{document: "corners", operation: "POST /places/{id}/{word}", vars: map[string]string{"id": "1", "word": "a"}, query: "slug=a&ids=1%2C2"},
	},
	{
		name:   "a body where the answer has none",
		reason: "kin-openapi does not look at the body of an answer that declares no content. A 204 must not have one.",
		stricter: func(c *trial, v *Violation) bool {
			return c.response && v.Rule == RuleBodyUnused
		},
		shown: trial{document: "corners", operation: "POST /places/{id}/{word}", response: true, status: 204, body: `{}`},
	},
}

// untyped reports whether a schema accepts null for want of a type.
func untyped(node map[string]any) bool {
	for _, keyword := range []string{"type", "$ref", "enum", "const", "anyOf", "oneOf", "allOf", "not"} {
		if _, ok := node[keyword]; ok {
			return false
		}
	}
	return node["x-schema"] == true
}

// numberOfExactly reports whether a literal and a float64 are the same number.
func numberOfExactly(text string, f float64) bool {
	if _, exponent, ok := strings.Cut(strings.ToLower(text), "e"); ok && len(exponent) > 4 {
		return false
	}
	r, ok := new(big.Rat).SetString(text)
	return ok && r.Cmp(new(big.Rat).SetFloat64(f)) == 0
}

// numberTexts finds numbers in a JSON text, and what looks like them in its strings.
var numberTexts = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?`)
