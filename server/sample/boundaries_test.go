package sample

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

func line(c Case) string {
	mark := "broken"
	if c.Valid {
		mark = "valid"
	}
	return fmt.Sprintf("%s %s %s %s %s", mark, c.Keyword, c.Pointer, c.Rule, text(c.Value))
}

func lines(cases []Case) []string {
	var all []string
	for _, c := range cases {
		all = append(all, line(c))
	}
	return all
}

func TestBoundaries(t *testing.T) {
	for name, test := range map[string]struct {
		schema string
		want   []string
	}{
		"integer": {
			`{"type":"integer","minimum":1,"maximum":3}`,
			[]string{
				`valid minimum  /minimum 1`, `broken minimum  /minimum 0`, `valid maximum  /maximum 3`, `broken maximum  /maximum 4`,
				`valid type  /type 1e0`,
				`broken type  /type "1"`, `broken type  /type "text"`, `broken type  /type 1.5`, `broken type  /type true`,
				`broken type  /type [1]`, `broken type  /type []`, `broken type  /type {}`, `broken nullable  /type null`,
			},
		},
		"exclusive bounds and multiples": {
			`{"type":"number","minimum":0,"exclusiveMinimum":true,"maximum":1,"multipleOf":0.25}`,
			[]string{
				`valid exclusiveMinimum  /exclusiveMinimum 0.25`, `broken exclusiveMinimum  /exclusiveMinimum 0`,
				`valid maximum  /maximum 1`, `broken maximum  /maximum 1.25`,
				`valid multipleOf  /multipleOf 0.5`, `broken multipleOf  /multipleOf 0.375`, `broken multipleOf  /multipleOf 0.125`,
				`valid type  /type 1e0`, `valid type  /type 0.5`,
				`broken type  /type "0.25"`, `broken type  /type "text"`, `broken type  /type true`,
				`broken type  /type [0.25]`, `broken type  /type []`, `broken type  /type {}`, `broken nullable  /type null`,
			},
		},
		"int32": {
			`{"type":"integer","format":"int32"}`,
			[]string{
				`valid format  /format 2147483647`, `valid format  /format -2147483648`, `broken format  /format 2147483648`, `broken format  /format -2147483649`,
				`valid type  /type 0`, `valid type  /type -0`, `valid type  /type -1`, `valid type  /type 1e2`,
				`broken type  /type "0"`, `broken type  /type "text"`, `broken type  /type 0.5`, `broken type  /type true`,
				`broken type  /type [0]`, `broken type  /type []`, `broken type  /type {}`, `broken nullable  /type null`,
			},
		},
		"string": {
			`{"type":"string","minLength":2,"maxLength":3,"nullable":true}`,
			[]string{
				`valid minLength  /minLength "aa"`, `valid minLength  /minLength "éé"`, `valid minLength  /minLength "😀😀"`, `valid minLength  /minLength "  "`, `broken minLength  /minLength "a"`,
				`valid maxLength  /maxLength "aaa"`, `valid maxLength  /maxLength "ééé"`, `valid maxLength  /maxLength "😀😀😀"`,
				`broken maxLength  /maxLength "aaaa"`, `broken maxLength  /maxLength "éééé"`,
				`valid type  /type " a "`, `valid type  /type "😀𝒳"`, "valid type  /type \"e\u0301\"",
				`broken type  /type 1`, `broken type  /type 1.5`, `broken type  /type true`, `broken type  /type ["aa"]`, `broken type  /type []`, `broken type  /type {}`,
				`valid nullable  /nullable null`,
			},
		},
		"enum": {
			`{"type":"string","enum":["a","b"]}`,
			[]string{
				`valid enum  /enum "a"`, `valid enum  /enum "b"`, `broken enum  /enum "a-unlisted"`, `broken enum  /enum "A"`,
				`broken enum  /enum ""`, `broken enum  /enum 0`, `broken enum  /enum null`,
			},
		},
		"array": {
			`{"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2,"uniqueItems":true}`,
			[]string{
				`valid minItems  /minItems [false]`, `broken minItems  /minItems []`, `valid maxItems  /maxItems [false,true]`,
				`valid uniqueItems  /uniqueItems [false,true]`, `broken uniqueItems  /uniqueItems [false,false]`, `valid items  /items [false]`,
				`broken type  /type "text"`, `broken type  /type 1`, `broken type  /type 1.5`, `broken type  /type true`, `broken type  /type {}`, `broken nullable  /type null`,
				`valid type /0 /items/type [true]`, `valid type /0 /items/type [false]`,
				`broken type /0 /items/type ["true"]`, `broken type /0 /items/type ["text"]`, `broken type /0 /items/type [1]`, `broken type /0 /items/type [1.5]`,
				`broken type /0 /items/type [[false]]`, `broken type /0 /items/type [[]]`, `broken type /0 /items/type [{}]`, `broken nullable /0 /items/type [null]`,
			},
		},
		"object": {
			`{"type":"object","required":["a"],"properties":{"a":{"enum":[1]},"b/c":{"enum":["x"]}},"additionalProperties":false}`,
			[]string{
				`valid required  /required {"a":1}`, `valid properties /b~1c /properties/b~1c {"a":1,"b/c":"x"}`,
				`broken required  /required {}`, `broken additionalProperties  /additionalProperties {"a":1,"unexpected":"a"}`,
				`broken type  /type "text"`, `broken type  /type 1`, `broken type  /type 1.5`, `broken type  /type true`,
				`broken type  /type [{"a":1}]`, `broken type  /type []`, `broken nullable  /type null`,
				`valid enum /a /properties/a/enum {"a":1}`, `broken enum /a /properties/a/enum {"a":-987654}`,
				`broken enum /a /properties/a/enum {"a":987654}`, `broken enum /a /properties/a/enum {"a":"1"}`, `broken enum /a /properties/a/enum {"a":null}`,
				`valid enum /b~1c /properties/b~1c/enum {"a":1,"b/c":"x"}`, `broken enum /b~1c /properties/b~1c/enum {"a":1,"b/c":"x-unlisted"}`,
				`broken enum /b~1c /properties/b~1c/enum {"a":1,"b/c":"X"}`, `broken enum /b~1c /properties/b~1c/enum {"a":1,"b/c":""}`,
				`broken enum /b~1c /properties/b~1c/enum {"a":1,"b/c":0}`, `broken enum /b~1c /properties/b~1c/enum {"a":1,"b/c":null}`,
			},
		},
		"counted members": {
			`{"type":"object","additionalProperties":{"enum":[1]},"minProperties":1,"maxProperties":2}`,
			[]string{
				`valid type  /type {"unexpected":1}`, `valid minProperties  /minProperties {"unexpected":1}`, `broken minProperties  /minProperties {}`,
				`valid maxProperties  /maxProperties {"unexpected":1,"unexpected1":1}`, `broken maxProperties  /maxProperties {"unexpected":1,"unexpected1":1,"unexpected2":1}`,
				`valid additionalProperties  /additionalProperties {"unexpected":1,"unexpected1":1}`, `valid additionalProperties  /additionalProperties {"__proto__":1,"unexpected":1}`,
				`broken type  /type "text"`, `broken type  /type 1`, `broken type  /type 1.5`, `broken type  /type true`,
				`broken type  /type [{"unexpected":1}]`, `broken type  /type []`, `broken nullable  /type null`,
				`valid enum /unexpected /additionalProperties/enum {"unexpected":1}`, `broken enum /unexpected /additionalProperties/enum {"unexpected":-987654}`,
				`broken enum /unexpected /additionalProperties/enum {"unexpected":987654}`, `broken enum /unexpected /additionalProperties/enum {"unexpected":"1"}`,
				`broken enum /unexpected /additionalProperties/enum {"unexpected":null}`,
			},
		},
		"union": {
			`{"oneOf":[{"enum":["a","b"]},{"enum":["b"]}]}`,
			[]string{
				`broken oneOf  /oneOf "no branch takes this"`, `broken oneOf  /oneOf true`, `broken oneOf  /oneOf -98765.5`, `broken oneOf  /oneOf []`,
				`broken oneOf  /oneOf {}`, `broken oneOf  /oneOf {"unexpected":true}`, `broken oneOf  /oneOf [{}]`, `broken oneOf  /oneOf "b"`,
				`valid oneOf  /oneOf/0 "a"`, `valid enum  /oneOf/0/enum "a"`, `broken oneOf  /oneOf "a-unlisted"`, `broken oneOf  /oneOf "A"`,
				`broken oneOf  /oneOf ""`, `broken oneOf  /oneOf 0`, `broken oneOf  /oneOf null`,
			},
		},
		"exception": {
			`{"type":"boolean","not":{"enum":[true]}}`,
			[]string{
				`valid type  /type false`,
				`broken type  /type "true"`, `broken type  /type "text"`, `broken type  /type 1`, `broken type  /type 1.5`,
				`broken type  /type [false]`, `broken type  /type []`, `broken type  /type {}`, `broken nullable  /type null`, `broken not  /not true`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := parse(t, test.schema)
			got := Boundaries(s, Options{Request: true})
			if d := cmp.Diff(test.want, lines(got)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(got, Boundaries(s, Options{Request: true})); d != "" {
				t.Errorf("not the same again: %s", d)
			}
		})
	}
}

func TestBoundariesSayWhy(t *testing.T) {
	for _, c := range Boundaries(parse(t, `{"type":"string","maxLength":50}`), Options{}) {
		if text(c.Value) == `"`+strings.Repeat("a", 51)+`"` {
			want := Case{Value: strings.Repeat("a", 51), Keyword: "maxLength", Rule: "/maxLength", Why: "one longer than maxLength 50"}
			if d := cmp.Diff(want, c); d != "" {
				t.Error(d)
			}
			return
		}
	}
	t.Error("no case")
}

// pets is a document with a discriminator and schemas that hold themselves.
const pets = `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{},"components":{"schemas":{
	"Cat":{"type":"object","required":["kind"],"properties":{"kind":{"type":"string"},"lives":{"type":"integer","minimum":1,"maximum":9}}},
	"Dog":{"type":"object","required":["kind","name"],"properties":{"kind":{"type":"string"},"name":{"type":"string","maxLength":5}}},
	"Pet":{"oneOf":[{"$ref":"#/components/schemas/Cat"},{"$ref":"#/components/schemas/Dog"}],
		"discriminator":{"propertyName":"kind","mapping":{"cat":"#/components/schemas/Cat","dog":"Dog"}}},
	"Implied":{"anyOf":[{"$ref":"#/components/schemas/Cat"},{"$ref":"#/components/schemas/Dog"}],"discriminator":{"propertyName":"kind"}},
	"Tree":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/components/schemas/Tree"}}}},
	"Chain":{"type":"object","required":["next"],"properties":{"next":{"nullable":true,"allOf":[{"$ref":"#/components/schemas/Chain"}]}}},
	"Endless":{"type":"object","required":["next"],"properties":{"next":{"$ref":"#/components/schemas/Endless"}}},
	"Expression":{"oneOf":[{"type":"integer"},{"type":"object","additionalProperties":false,"required":["left","right"],"properties":{
		"left":{"$ref":"#/components/schemas/Expression"},"right":{"$ref":"#/components/schemas/Expression"}}}]}
}}}`

func petSchemas(t *testing.T) openapi3.Schemas {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData([]byte(pets))
	if err != nil {
		t.Fatal(err)
	}
	return spec.Components.Schemas
}

func TestReferences(t *testing.T) {
	for name, ref := range petSchemas(t) {
		t.Run(name, func(t *testing.T) {
			valid, invalid := Check(t, ref.Value, true, 40)
			if want := 40; name != "Endless" && (valid != want || invalid != want) || name == "Endless" && valid+invalid > 0 {
				t.Errorf("%d valid, %d invalid", valid, invalid)
			}
		})
	}
}

func TestDiscriminator(t *testing.T) {
	got := lines(Boundaries(petSchemas(t)["Pet"].Value, Options{}))
	for _, want := range []string{
		`valid oneOf  /oneOf/0 {"kind":"cat"}`,
		`valid oneOf  /oneOf/1 {"kind":"dog","name":"a"}`,
		`broken maximum /lives /oneOf/0/properties/lives/maximum {"kind":"cat","lives":10}`,
		`broken required  /oneOf/1/required {"kind":"dog"}`,
		`broken discriminator  /discriminator {}`,
		`broken discriminator  /discriminator {"kind":"unmapped"}`,
		`broken discriminator  /discriminator {"kind":1}`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, strings.Join(got, "\n"))
		}
	}
	if v, ok := Minimal(petSchemas(t)["Implied"].Value, Options{}); !ok || text(v) != `{"kind":"Cat"}` {
		t.Errorf("%v %s", ok, text(v))
	}
}

func TestMinimal(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"string"}`:                                                        `"a"`,
		`{"type":"string","maxLength":0}`:                                          `""`,
		`{"type":"string","example":"shown"}`:                                      `"shown"`,
		`{"type":"string","example":"too long","maxLength":2}`:                     `"a"`,
		`{"type":"string","default":"set","minLength":1}`:                          `"set"`,
		`{"type":"string","enum":["x","y"]}`:                                       `"x"`,
		`{"enum":[null,2]}`:                                                        `2`,
		`{"type":"integer","maximum":-3}`:                                          `-3`,
		`{"type":"number","multipleOf":0.3,"minimum":0.4}`:                         `0.6`,
		`{"type":"array","items":{"type":"integer"}}`:                              `[]`,
		`{"type":"array","minItems":2}`:                                            `["a","a"]`,
		`{"type":"object","properties":{"a":{}}}`:                                  `{}`,
		`{"type":"object","required":["a"],"properties":{"a":{"type":"boolean"}}}`: `{"a":false}`,
		`{"type":"integer","example":1.5}`:                                         `0`,
	} {
		if v, ok := Minimal(parse(t, schema), Options{}); !ok || text(v) != want {
			t.Errorf("%s: %v %s, want %s", schema, ok, text(v), want)
		}
	}
	for _, schema := range []string{
		`{"type":"integer","minimum":2,"maximum":1}`, `{"type":"string","pattern":"^(?=a)b"}`, `{"type":"string","pattern":"^b$","minLength":2}`,
		`{"allOf":[{"type":"string"},{"type":"integer"}]}`, `{"type":"array","items":{"type":"boolean"},"uniqueItems":true,"minItems":3}`,
		`{"type":"object","required":["a"],"additionalProperties":false}`,
	} {
		s := parse(t, schema)
		if v, ok := Minimal(s, Options{}); ok {
			t.Errorf("%s: %s", schema, text(v))
		}
		if v, ok := Valid(seeded(1), s, Options{}); ok {
			t.Errorf("%s: %s", schema, text(v))
		}
		if c, ok := Invalid(seeded(1), s, Options{}); ok || len(Boundaries(s, Options{})) > 0 {
			t.Errorf("%s: %+v", schema, c)
		}
	}
}

func TestKnown(t *testing.T) {
	s := parse(t, `{"type":"object","required":["id","n"],"properties":{"id":{"type":"string","minLength":3},"n":{"type":"integer"},"list":{"type":"array","items":{"type":"string"}}}}`)
	var asked []string
	o := Options{Known: func(pointer string, s *openapi3.Schema, r *rand.Rand) (any, bool) {
		asked = append(asked, pointer)
		switch pointer {
		case "/id":
			return "known", r != nil && s.Type.Is("string")
		case "/n":
			return "of the wrong type", true
		case "/list/0":
			return "item", true
		}
		return nil, false
	}}
	v, ok := Minimal(s, o)
	if !ok || text(v) != `{"id":"known","n":0}` {
		t.Errorf("%s", text(v))
	}
	if want := []string{"", "/id", "/n"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q", asked)
	}
	for seed := range uint64(50) {
		v, _ := Valid(seeded(seed), s, o)
		object, _ := v.(map[string]any)
		if object["id"] != "known" {
			t.Fatalf("%s", text(v))
		}
		if list, _ := object["list"].([]any); len(list) > 0 && list[0] != "item" {
			t.Fatalf("%s", text(v))
		}
	}
}

func TestSkip(t *testing.T) {
	s := parse(t, `{"type":"object","required":["a"],"properties":{"a":{"type":"integer","maximum":3}},"oneOf":[{"required":["a"]},{"required":["b"]}]}`)
	var asked []string
	o := Options{Skip: func(rule string, within *openapi3.Schema, keyword string) bool {
		asked = append(asked, rule)
		if keyword == "maximum" && within.Max == nil {
			t.Errorf("%s is not stated by the schema", rule)
		}
		return keyword != "maximum"
	}}
	for seed := range uint64(20) {
		if c, ok := Invalid(seeded(seed), s, o); !ok || c.Rule != "/properties/a/maximum" {
			t.Fatalf("%v %+v", ok, c)
		}
	}
	for _, c := range Boundaries(s, o) {
		if !c.Valid && c.Keyword != "maximum" {
			t.Errorf("%+v", c)
		}
	}
	if !slices.Contains(asked, "/required") || !slices.Contains(asked, "/oneOf") {
		t.Errorf("asked for %q", asked)
	}
}

func TestDirections(t *testing.T) {
	s := parse(t, `{"type":"object","required":["id","secret"],"additionalProperties":false,"properties":{"id":{"type":"string","readOnly":true},"secret":{"type":"string","writeOnly":true}}}`)
	for _, request := range []bool{true, false} {
		o := Options{Request: request}
		has, lacks := "id", "secret"
		if request {
			has, lacks = lacks, has
		}
		values := []any{}
		for seed := range uint64(20) {
			v, _ := Valid(seeded(seed), s, o)
			values = append(values, v)
		}
		for _, c := range Boundaries(s, o) {
			if c.Valid {
				values = append(values, c.Value)
			} else if c.Keyword == "required" && c.Why != "without "+quoted(has) {
				t.Errorf("%+v", c)
			}
		}
		for _, v := range values {
			object, _ := v.(map[string]any)
			if _, ok := object[lacks]; ok || object[has] == nil {
				t.Errorf("request is %v: %s", request, text(v))
			}
		}
	}
}

func TestDepth(t *testing.T) {
	tree := petSchemas(t)["Tree"].Value
	var depth func(v any) int
	depth = func(v any) int {
		deepest := 0
		switch v := v.(type) {
		case map[string]any:
			for _, member := range v {
				deepest = max(deepest, 1+depth(member))
			}
		case []any:
			for _, item := range v {
				deepest = max(deepest, 1+depth(item))
			}
		}
		return deepest
	}
	deepest := 0
	for seed := range uint64(100) {
		v, _ := Valid(seeded(seed), tree, Options{MaxDepth: 4})
		deepest = max(deepest, depth(v))
	}
	if deepest < 3 || deepest > 6 {
		t.Errorf("%d levels", deepest)
	}
}

func TestTexts(t *testing.T) {
	for name, format := range textFormats {
		for _, text := range format.rights {
			if err := format.check(text); err != nil {
				t.Errorf("%s: %q: %v", name, text, err)
			}
		}
		for _, text := range format.wrongs {
			if format.check(text) == nil {
				t.Errorf("%s: %q", name, text)
			}
		}
		r := seeded(3)
		for range 200 {
			if text := format.make(r); format.check(text) != nil {
				t.Errorf("%s: %q", name, text)
			}
		}
		if format.sized == nil {
			continue
		}
		for n := 20; n < 250; n += 4 {
			if text := format.sized(n); len(text) != n || format.check(text) != nil {
				t.Errorf("%s of %d: %q", name, n, text)
			}
		}
	}
}

// nestedStars would take 3^60 steps if each star took its turn.
var nestedStars = strings.Repeat("(", 60) + "a?" + strings.Repeat(")*", 60)

func TestPatterns(t *testing.T) {
	for _, pattern := range []string{
		``, `^$`, `abc`, `^[a-z]+$`, `^[a-z0-9]{2,}(-[a-z0-9]+)*$`, `^[0-9a-f]{16}$`, `^(?i:hello)$`, `^(a|b|cd){2,5}$`, `^\d{3}-\d{4}$`, `\bword\b`,
		`^.{100}$`, `^[^\x00-\x7f]+$`, `^\p{L}+$`, `^(?:[A-Z][a-z]*\s?)+$`, `^\u00e9\u00C9$`, `^a*?b+?c??$`, `(foo|bar)baz`, `^((a{0,3}b){2}c){1,2}$`,
		`^[\u{D000}-\u{E000}]$`, `^\w+@\w+\.com$`, `^(\+|-)?[0-9]+(\.[0-9]+)?$`, `^line$`, `^a.*z$`, nestedStars, `[[:alpha:]]{3}`, `^\$\{[a-z]+\}$`,
		`^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$`, `^(?=[a-z(\)]*\d)[a-z]{0,3}\d+$`,
		`(?<=a)b`, `(?<=\$)\d+(?=;)`, `(?<!x)y`, `^(["'])[a-z]*\1$`, `^(?<n>[a-z]{2})-\k<n>$`, `^([ab])([cd])\2\1$`, `^\\1[\]1]$`, `^(?<year>\d{4})(-)\d{2}\2\d{2}$`,
	} {
		e := expressionOf(pattern)
		if e == nil {
			t.Errorf("%s: not parsed", pattern)
			continue
		}
		for seed := range uint64(50) {
			got, ok := e.text(seeded(seed), 0, unlimited, nil)
			if !ok || !e.matcher.MatchString(got) {
				t.Errorf("%s: %v %q", pattern, ok, got)
			}
		}
	}
	for _, test := range []struct {
		pattern   string
		low, high int
	}{
		{`^[a-z]+$`, 40, 40}, {`^(ab)*$`, 10, 10}, {`^[a-z]{2,}(-[a-z]+)*$`, 63, 63}, {`x`, 30, 31}, {`^(a|bcd)+$`, 7, 7}, {`^\d+(\.\d+)?$`, 1, 1}, {`^a*b*c*$`, 200, 200},
	} {
		for seed := range uint64(20) {
			got, ok := expressionOf(test.pattern).text(seeded(seed), test.low, test.high, nil)
			if !ok || !fits(got, test.low, test.high) {
				t.Errorf("%s of %d to %d: %v %q", test.pattern, test.low, test.high, ok, got)
			}
		}
	}
	for _, pattern := range []string{`[^\x00-\u{10FFFF}]`, `a\bb`, `^(?=a)b`, `(?<!a)(?<=a)b`} {
		if got, ok := expressionOf(pattern).text(seeded(1), 0, unlimited, nil); ok {
			t.Errorf("%s: %q", pattern, got)
		}
	}
	if expressionOf(`\1`) != nil {
		t.Error("parsed what Go does not know")
	}
}

// FuzzPattern generates from any pattern: what is generated matches, and without
// assertions there is always something.
func FuzzPattern(f *testing.F) {
	for _, pattern := range []string{`^a+$`, `[a-z]{2,4}`, `(a|b)*c`, `\d+\.\d*`, `(?i:x.y)`, `^(?:a{1,3}|[^b])+$`, `\pL`, `(a*)*`, `((((a?){9}){9}){9})`, `[^a]`} {
		f.Add(pattern, uint64(1), uint8(0))
	}
	f.Fuzz(func(t *testing.T, pattern string, seed uint64, low uint8) {
		e := parsePattern(pattern)
		if e == nil {
			t.Skip()
		}
		got, ok := e.text(seeded(seed), 0, unlimited, nil)
		if ok && !e.matcher.MatchString(got) {
			t.Errorf("%q does not match %q", got, pattern)
		}
		if !ok && !strings.ContainsAny(pattern, `^$\([`) {
			t.Errorf("nothing for %q", pattern)
		}
		if again, _ := e.text(seeded(seed), 0, unlimited, nil); again != got {
			t.Errorf("%q, then %q", got, again)
		}
		n := int(low)
		if got, ok := e.text(seeded(seed), n, n+3, nil); ok && (!e.matcher.MatchString(got) || !fits(got, n, n+3)) {
			t.Errorf("%q for %q, %d to %d", got, pattern, n, n+3)
		}
	})
}

func TestShrink(t *testing.T) {
	decode := func(text string) any {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var v any
		if err := decoder.Decode(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, test := range []struct {
		name, from, want string
		keep             func(any) bool
	}{
		{"anything", `{"a":[1,2,{"b":"text"}],"c":true}`, `{}`, func(any) bool { return true }},
		{"a list", `[5,4,3,2,1,0]`, `[]`, func(v any) bool { _, ok := v.([]any); return ok }},
		{"a member", `{"x":{"y":"long text 😀"},"z":[1],"w":null}`, `{"x":{"y":""}}`, func(v any) bool {
			object, _ := v.(map[string]any)
			x, _ := object["x"].(map[string]any)
			_, ok := x["y"].(string)
			return ok
		}},
		{"a length", `"Ünïcode and more"`, `"aaaaa"`, func(v any) bool { s, _ := v.(string); return len([]rune(s)) >= 5 }},
		{"a rune", `"before 😀 after"`, `"😀"`, func(v any) bool { s, _ := v.(string); return strings.Contains(s, "😀") }},
		{"a number", `987654`, `101`, func(v any) bool { n, _ := v.(json.Number); i, err := n.Int64(); return err == nil && i > 100 }},
		{"a negative number", `-987654`, `-17`, func(v any) bool { n, _ := v.(json.Number); i, err := n.Int64(); return err == nil && i <= -17 }},
		{"a fraction", `3.14159`, `0`, func(v any) bool { _, ok := v.(json.Number); return ok }},
		{"a literal", `1e2`, `100`, func(v any) bool { n, _ := v.(json.Number); f, _ := n.Float64(); return f == 100 }},
		{"a big number", `-1.5e300`, `0`, func(any) bool { return true }},
		{"not a float64", `1e400`, `0`, func(any) bool { return true }},
		{"an item", `[{"a":1},[7,[8]],"x"]`, `[[]]`, func(v any) bool {
			list, _ := v.([]any)
			return slices.ContainsFunc(list, func(v any) bool { _, ok := v.([]any); return ok })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := decode(test.from)
			before := text(v)
			for steps := 0; ; steps++ {
				if steps > 3000 {
					t.Fatal("no end")
				}
				simpler, found := any(nil), false
				for c := range Shrink(v) {
					if cmp.Equal(c, v) {
						t.Fatalf("%s is offered itself", text(v))
					}
					if test.keep(c) {
						simpler, found = c, true
						break
					}
				}
				if !found {
					break
				}
				v = simpler
			}
			if text(v) != test.want {
				t.Errorf("%s, want %s", text(v), test.want)
			}
			if text(decode(test.from)) != before {
				t.Error("changed what it was given")
			}
		})
	}
}

// TestShrinkEnds takes any candidate each time.
func TestShrinkEnds(t *testing.T) {
	s := parse(t, `{"type":"object","properties":{"a":{},"b":{"type":"array","items":{"type":"number"}},"c":{"type":"string"}}}`)
	for seed := range uint64(30) {
		r := seeded(seed)
		v, _ := Valid(r, s, Options{MaxDepth: 3})
		for steps := 0; ; steps++ {
			if steps > 20_000 {
				t.Fatalf("seed %d: no end at %s", seed, text(v))
			}
			var all []any
			for c := range Shrink(v) {
				all = append(all, c)
			}
			if len(all) == 0 {
				break
			}
			v = all[r.IntN(len(all))]
		}
	}
}

const tenMembers = `{"type":"object","required":["id","name","kind","size","done"],"properties":{
	"id":{"type":"string","format":"uuid"},"name":{"type":"string","minLength":1,"maxLength":50},"kind":{"type":"string","enum":["a","b","c"]},
	"size":{"type":"integer","minimum":0,"maximum":1000},"done":{"type":"boolean"},"ratio":{"type":"number"},"at":{"type":"string","format":"date-time"},
	"slug":{"type":"string","pattern":"^[a-z0-9]{2,}(-[a-z0-9]+)*$"},"tags":{"type":"array","items":{"type":"string"}},"owner":{"type":"object","properties":{"email":{"type":"string","format":"email"}}}}}`

func BenchmarkValid(b *testing.B) {
	s, r := parse(b, tenMembers), seeded(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Valid(r, s, Options{Request: true}); !ok {
			b.Fatal("no value")
		}
	}
}

func BenchmarkInvalid(b *testing.B) {
	s, r := parse(b, tenMembers), seeded(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Invalid(r, s, Options{Request: true}); !ok {
			b.Fatal("no value")
		}
	}
}

func BenchmarkBoundaries(b *testing.B) {
	s := parse(b, tenMembers)
	b.ReportAllocs()
	for b.Loop() {
		if len(Boundaries(s, Options{Request: true})) < 100 {
			b.Fatal("too few")
		}
	}
}
