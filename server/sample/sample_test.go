package sample

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"
)

func parse(t testing.TB, text string) *openapi3.Schema {
	t.Helper()
	s := &openapi3.Schema{}
	if err := json.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 7)) }

func text(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
	return strings.TrimSpace(b.String())
}

// judge asks kin-openapi itself, with nothing of this package but the formats.
func judge(s *openapi3.Schema, v any, request bool) error {
	side := openapi3.VisitAsResponse()
	if request {
		side = openapi3.VisitAsRequest()
	}
	return s.VisitJSON(v, side, openapi3.MultiErrors(), openapi3.EnableFormatValidation(), openapi3.WithStringFormatValidators(stringValidators()))
}

// isJSON reports whether a value is made of the promised types, and reads back as it
// is.
func isJSON(v any) bool {
	data, err := json.Marshal(v)
	if err != nil {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var again any
	return decoder.Decode(&again) == nil && reflect.DeepEqual(v, again)
}

// Check holds everything that is made for a schema against kin-openapi.
func Check(t testing.TB, s *openapi3.Schema, request bool, seeds uint64) (valid, invalid int) {
	t.Helper()
	o := Options{Request: request}
	one := func(c Case) {
		t.Helper()
		err := judge(s, c.Value, request)
		if (err == nil) != c.Valid {
			t.Fatalf("valid is %v, but kin-openapi says otherwise: %+v of %s", c.Valid, c, text(s))
		}
		if !isJSON(c.Value) || c.Why == "" || c.Keyword == "" {
			t.Fatalf("not a proper case: %#v", c)
		}
		if !c.Valid {
			for _, f := range leaves(err, nil) {
				if f.keyword != c.Keyword || f.pointer != c.Pointer {
					t.Fatalf("breaks %s at %q, not only %+v of %s", f.keyword, f.pointer, c, text(s))
				}
			}
		}
	}
	if v, ok := Minimal(s, o); ok {
		one(Case{Value: v, Valid: true, Keyword: "-", Why: "minimal"})
	}
	for _, c := range Boundaries(s, o) {
		one(c)
	}
	for seed := range seeds {
		if v, ok := Valid(seeded(seed), s, o); ok {
			valid++
			one(Case{Value: v, Valid: true, Keyword: "-", Why: "valid"})
			if again, _ := Valid(seeded(seed), s, o); !reflect.DeepEqual(v, again) {
				t.Fatalf("seed %d gives %s, then %s", seed, text(v), text(again))
			}
		}
		if c, ok := Invalid(seeded(seed), s, o); ok {
			invalid++
			one(c)
			if c.Valid {
				t.Fatalf("valid: %+v", c)
			}
			if again, _ := Invalid(seeded(seed), s, o); !reflect.DeepEqual(c, again) {
				t.Fatalf("seed %d gives %+v, then %+v", seed, c, again)
			}
		}
	}
	return valid, invalid
}

// shapes are schemas that say something in every keyword, alone and together.
var shapes = []string{
	`{"type":"boolean"}`,
	`{"type":"boolean","enum":[true]}`,
	`{"type":"integer"}`,
	`{"type":"integer","format":"int32"}`,
	`{"type":"integer","format":"int64","minimum":-5}`,
	`{"type":"integer","minimum":3,"maximum":3}`,
	`{"type":"integer","multipleOf":7,"minimum":10,"maximum":30}`,
	`{"type":"integer","multipleOf":0.5}`,
	`{"type":"integer","enum":[1,2,3],"nullable":true}`,
	`{"type":"number"}`,
	`{"type":"number","format":"float","minimum":-1.5,"maximum":1.5}`,
	`{"type":"number","minimum":0,"exclusiveMinimum":true,"maximum":0.001,"exclusiveMaximum":true}`,
	`{"type":"number","exclusiveMinimum":1,"exclusiveMaximum":2}`,
	`{"type":"number","multipleOf":0.01,"minimum":0.001}`,
	`{"type":"string"}`,
	`{"type":"string","nullable":true}`,
	`{"type":"string","minLength":3}`,
	`{"type":"string","maxLength":0}`,
	`{"type":"string","minLength":2,"maxLength":2}`,
	`{"type":"string","enum":["a","B",""]}`,
	`{"type":"string","pattern":"^[a-z0-9]{2,}(-[a-z0-9]+)*$","maxLength":12}`,
	`{"type":"string","pattern":"b+","minLength":20}`,
	`{"type":"string","pattern":"^(ab)*c$","minLength":4,"maxLength":6}`,
	`{"type":"string","pattern":"^\\u0041\\d{3}$"}`,
	`{"type":"string","format":"date"}`, `{"type":"string","format":"date-time"}`, `{"type":"string","format":"time"}`,
	`{"type":"string","format":"uuid"}`, `{"type":"string","format":"email","maxLength":30}`, `{"type":"string","format":"uri"}`,
	`{"type":"string","format":"ipv4"}`, `{"type":"string","format":"ipv6"}`, `{"type":"string","format":"hostname"}`,
	`{"type":"string","format":"byte","minLength":8,"maxLength":16}`, `{"type":"string","format":"password"}`, `{"type":"string","format":"uuid","pattern":"^[0-9a-f-]+$"}`,
	`{"type":"string","format":"email","minLength":100,"maxLength":120}`,
	`{"type":"array","items":{"type":"integer"}}`,
	`{"type":"array","items":{"type":"integer","minimum":1,"maximum":3},"uniqueItems":true,"minItems":3,"maxItems":3}`,
	`{"type":"array","minItems":2,"maxItems":4,"items":{"type":"string","format":"uuid"}}`,
	`{"type":"array","items":{"type":"boolean"},"uniqueItems":true,"minItems":1}`,
	`{"type":"object"}`,
	`{"type":"object","additionalProperties":false,"properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["b"]}`,
	`{"type":"object","additionalProperties":{"type":"integer"},"minProperties":2,"maxProperties":3}`,
	`{"type":"object","additionalProperties":false,"minProperties":1,"properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"string"}},"maxProperties":2}`,
	`{"type":"object","required":["id","unlisted"],"properties":{"id":{"type":"string","readOnly":true},"secret":{"type":"string","writeOnly":true}}}`,
	`{"type":"object","properties":{"a/b~c":{"type":"array","items":{"type":"object","required":["x"],"properties":{"x":{"type":"number","maximum":5}}}}}}`,
	`{}`, `{"nullable":true}`, `{"maxLength":3}`, `{"properties":{"a":{"type":"string"}},"required":["a"]}`,
	`{"properties":{"a":{"type":"string"}},"not":{"type":"null"},"allowEmptyValue":true}`,
	`{"type":["string","integer"]}`, `{"type":["string","null"],"minLength":2}`,
	`{"oneOf":[{"type":"string","maxLength":3},{"type":"integer","minimum":4}]}`,
	`{"oneOf":[{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}},{"type":"object","required":["b"],"properties":{"b":{"type":"string"}}}]}`,
	`{"oneOf":[{"type":"integer"},{"type":"number","minimum":2}]}`,
	`{"anyOf":[{"type":"string","format":"date"},{"type":"string","format":"uuid"}]}`,
	`{"anyOf":[{"type":"string"},{"type":"null"}]}`,
	`{"anyOf":[{"required":["a"]},{"required":["b"]}],"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","maxLength":2}}}`,
	`{"allOf":[{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}},{"type":"object","required":["b"],"properties":{"b":{"type":"boolean"},"a":{"maxLength":4}}}]}`,
	`{"allOf":[{"type":"integer","minimum":3},{"maximum":8},{"multipleOf":2}]}`,
	`{"allOf":[{"oneOf":[{"type":"object","required":["x"]},{"type":"object","required":["y"]}]},{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}}}]}`,
	`{"type":"string","not":{"enum":["a"]}}`, `{"type":"integer","not":{"minimum":3,"type":"integer"}}`,
	`{"type":"object","properties":{"kind":{"type":"string","example":"k","default":"d"},"size":{"type":"integer","default":5}},"required":["kind","size"]}`,
	`{"type":"object","example":{"a":"z"},"properties":{"a":{"type":"string"}},"required":["a"]}`,
}

func TestShapes(t *testing.T) {
	for _, shape := range shapes {
		t.Run(shape, func(t *testing.T) {
			for _, request := range []bool{true, false} {
				valid, invalid := Check(t, parse(t, shape), request, 12)
				if valid != 12 {
					t.Errorf("%d values of 12", valid)
				}
				if free := shape == `{}` || shape == `{"nullable":true}`; (invalid != 12) != free {
					t.Errorf("%d broken values of 12", invalid)
				}
			}
		})
	}
}

// schemas makes schemas that have values.
func schemas(depth int) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		kinds := []string{"boolean", "integer", "number", "string", "enum"}
		if depth > 0 {
			kinds = append(kinds, "array", "object", "oneOf", "allOf", "anyOf")
		}
		s := map[string]any{}
		chance := func(label string) bool { return rapid.IntRange(0, 2).Draw(t, label) == 0 }
		upTo := func(n int, label string) int { return rapid.IntRange(0, n).Draw(t, label) }
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		switch kind {
		case "integer", "number":
			s["type"] = kind
			low := rapid.IntRange(-50, 50).Draw(t, "low")
			if chance("minimum") {
				s["minimum"] = low
			}
			if chance("maximum") {
				s["maximum"] = low + 10 + upTo(90, "width")
				s["exclusiveMaximum"] = chance("exclusive")
			}
			if chance("multipleOf") {
				s["multipleOf"] = []any{1, 2, 5, 0.5, 0.1}[upTo(4, "step")]
			}
		case "string":
			s["type"] = kind
			switch upTo(2, "text") {
			case 0:
				low := upTo(5, "low")
				s["minLength"] = low
				if chance("maxLength") {
					s["maxLength"] = low + upTo(20, "more")
				}
			case 1:
				s["format"] = rapid.SampledFrom([]string{"date", "date-time", "uuid", "email", "uri", "ipv4", "ipv6", "hostname", "byte", "time", "unknown"}).Draw(t, "format")
			default:
				s["pattern"] = rapid.SampledFrom([]string{`^[a-z]+$`, `\d{2,4}`, `^(a|bc|[^x])*$`, `^[A-Z]{3}-\d+$`, `(?i:hello)`, `^.{3,}$`}).Draw(t, "pattern")
			}
		case "enum":
			s["enum"] = []any{"a", 1, true, nil, []any{1}}[:1+upTo(4, "values")]
		case "array":
			s["type"] = kind
			s["items"] = schemas(depth-1).Draw(t, "items")
			low := upTo(2, "low")
			s["minItems"] = low
			if chance("maxItems") {
				s["maxItems"] = low + upTo(3, "more")
			}
		case "object":
			s["type"] = kind
			properties := map[string]any{}
			var required []any
			for _, name := range []string{"a", "b/c", "d"}[:upTo(3, "members")] {
				properties[name] = schemas(depth-1).Draw(t, name)
				if chance("required") {
					required = append(required, name)
				}
			}
			s["properties"] = properties
			if len(required) > 0 {
				s["required"] = required
			}
			switch upTo(2, "additional") {
			case 0:
				s["additionalProperties"] = false
			case 1:
				s["additionalProperties"] = schemas(depth-1).Draw(t, "additional")
			}
		case "anyOf":
			s["anyOf"] = []any{schemas(depth-1).Draw(t, "first"), schemas(depth-1).Draw(t, "second")}
		case "oneOf":
			s["oneOf"] = []any{
				map[string]any{"type": "object", "required": []any{"kind"}, "properties": map[string]any{"kind": map[string]any{"enum": []any{"x"}}, "v": schemas(depth-1).Draw(t, "first")}},
				map[string]any{"type": "object", "required": []any{"kind"}, "properties": map[string]any{"kind": map[string]any{"enum": []any{"y"}}, "v": schemas(depth-1).Draw(t, "second")}},
			}
		case "allOf":
			s["allOf"] = []any{
				map[string]any{"type": "object", "required": []any{"p"}, "properties": map[string]any{"p": schemas(depth-1).Draw(t, "first")}},
				map[string]any{"type": "object", "properties": map[string]any{"q": schemas(depth-1).Draw(t, "second")}},
			}
		default:
			s["type"] = kind
		}
		if chance("nullable") {
			s["nullable"] = true
		}
		return s
	})
}

func TestAnySchema(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data, err := json.Marshal(schemas(2).Draw(t, "schema"))
		if err != nil {
			t.Fatal(err)
		}
		s := &openapi3.Schema{}
		if err := json.Unmarshal(data, s); err != nil {
			t.Fatal(err)
		}
		o := Options{Request: true}
		seed := rapid.Uint64().Draw(t, "seed")
		v, ok := Valid(seeded(seed), s, o)
		if !ok || judge(s, v, true) != nil {
			t.Fatalf("%v %s for %s", ok, text(v), data)
		}
		if v, ok := Minimal(s, o); !ok || judge(s, v, true) != nil {
			t.Fatalf("smallest: %v %s for %s", ok, text(v), data)
		}
		if c, ok := Invalid(seeded(seed), s, o); ok {
			err := judge(s, c.Value, true)
			found := leaves(err, nil)
			if err == nil || slices.ContainsFunc(found, func(f fault) bool { return f.keyword != c.Keyword || f.pointer != c.Pointer }) {
				t.Fatalf("%+v breaks %v of %s", c, found, data)
			}
		}
		for _, c := range Boundaries(s, o) {
			if (judge(s, c.Value, true) == nil) != c.Valid {
				t.Fatalf("%+v of %s", c, data)
			}
		}
	})
}

// Once the work is to end, nothing more is made: neither a value nor a part of one.
func TestDoneEnds(t *testing.T) {
	s := parse(t, `{"type":"array","minItems":50,"items":{"type":"object","required":["a"],"properties":{"a":{"anyOf":[{"type":"integer"},{"type":"string"}]}}}}`)
	for name, makes := range map[string]func(Options) bool{
		"valid":      func(o Options) bool { _, ok := Valid(seeded(1), s, o); return ok },
		"invalid":    func(o Options) bool { _, ok := Invalid(seeded(1), s, o); return ok },
		"minimal":    func(o Options) bool { _, ok := Minimal(s, o); return ok },
		"boundaries": func(o Options) bool { return len(Boundaries(s, o)) > 0 },
	} {
		for _, after := range []int{0, 1, 30} {
			asked, parts := 0, 0
			made := makes(Options{Done: func() bool { asked++; return asked > after }, Known: func(string, *openapi3.Schema, *rand.Rand) (any, bool) { parts++; return nil, false }})
			if made || parts > after {
				t.Errorf("%s, ended after %d: made %t, %d parts", name, after, made, parts)
			}
		}
		if !makes(Options{Done: func() bool { return false }}) {
			t.Errorf("%s: nothing is made", name)
		}
	}
}
