package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// The differential test: generated and mutated requests and answers, judged by
// kin-openapi as it comes, on the document as it stands, and by us, must get the
// same verdict. Where they do not, the difference stands in the list below, with
// its reason; each entry has a case of its own.
//
//	UNDERSTUDY_DIFFERENTIAL=20000  how many cases (2,000)
//	UNDERSTUDY_SEED=7              the seed (1)

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
		reason: "FastAPI reads a body without a Content-Type as JSON (RFC 9110, section 8.3, leaves it to the recipient); kin-openapi refuses it.",
		rewrite: func(c *trial) *trial {
			if values, ok := c.header["Content-Type"]; !ok || values != nil || c.response {
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
		name:   "numbers that only Go reads",
		reason: "strconv takes 0x1p4 and 1_000 for floats; they are no numbers in any API.",
		stricter: func(_ *trial, v *Violation) bool {
			return v.Rule == "type" && v.In != InBody && strings.ContainsAny(v.Raw, "_xX")
		},
		shown: trial{document: "corners", operation: "POST /places/{id}/{word}", vars: map[string]string{"id": "1", "word": "a"}, query: "slug=a&ratio=0x1p4"},
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

// trial is one request or answer to be judged twice.
type trial struct {
	document  string
	operation string // "METHOD template"
	response  bool
	status    int
	vars      map[string]string
	query     string
	header    http.Header // over the Content-Type that is declared
	body      string
}

func (c *trial) decoded() any {
	v, _ := decodeJSON([]byte(c.body))
	return v
}

func (c *trial) String() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "document %s\noperation %s\n", c.document, c.operation)
	if c.response {
		fmt.Fprintf(b, "answer %d\n", c.status)
	}
	for _, part := range []any{c.vars, c.query, c.header} {
		fmt.Fprintf(b, "%v\n", part)
	}
	fmt.Fprintf(b, "%q", c.body)
	return b.String()
}

// draft2020 reports whether the document is one of those that kin-openapi judges by
// JSON Schema.
func (c *trial) draft2020() bool { return arenaOf(c.document).stock[""].IsOpenAPI31OrLater() }

// eagerOnly reports whether a violation is one that only an eager reader of bodies
// sees: of an operation without a body, or of an empty one.
func (c *trial) eagerOnly(v *Violation) bool {
	s := arenaOf(c.document)
	return s.document.eagerBody && !c.response && (v.Rule == RuleJSON || v.Rule == RuleMediaType) &&
		(!s.document.Operation(c.split()).HasBody() || c.body == "")
}

func (c *trial) split() (method, path string) {
	method, path, _ = strings.Cut(c.operation, " ")
	return method, path
}

// arena is a document in both forms.
type arena struct {
	name     string
	raw      map[string]any
	document *Document
	stock    map[string]*openapi3.T // by the amendments made: "" for none
	text     []byte
}

var arenas []*arena

func arenaOf(name string) *arena {
	for _, s := range arenas {
		if s.name == name {
			return s
		}
	}
	return nil
}

// loadArenas reads the served documents and the made-up ones. The answers of the
// made-up ones are given the schemas of their requests, so that those are judged
// in both directions.
func loadArenas(tb testing.TB) []*arena {
	tb.Helper()
	if arenas != nil {
		return arenas
	}
	for _, source := range []struct {
		name, path  string
		eager, made bool
	}{
		{"brms", "../../gen/brms/document.json", true, false},
		{"datafold", "../../gen/datafold/document.json", false, false},
		{"understudy", "../../gen/understudy/document.json", false, false},
		{"words", "../brms/testdata/words.json", true, true},
		{"shapes", "../datafold/testdata/shapes.json", false, true},
		{"corners", "", false, true},
	} {
		text := []byte(cornersDocument)
		if source.path != "" {
			var err error
			if text, err = os.ReadFile(source.path); err != nil {
				tb.Fatal(err)
			}
		}
		var raw map[string]any
		if err := json.Unmarshal(text, &raw); err != nil {
			tb.Fatal(err)
		}
		if source.made {
			mirror(raw)
			text, _ = json.Marshal(raw)
		}
		document, err := Load(Source{API: source.name, File: source.name, JSON: text, EagerBody: source.eager})
		if err != nil {
			tb.Fatal(err)
		}
		s := &arena{name: source.name, raw: raw, document: document, text: text, stock: map[string]*openapi3.T{}}
		if s.stock[""], err = openapi3.NewLoader().LoadFromData(text); err != nil {
			tb.Fatal(err)
		}
		arenas = append(arenas, s)
	}
	return arenas
}

func mirror(raw map[string]any) {
	for _, item := range object(raw, "paths") {
		for _, op := range asObject(item) {
			op := asObject(op)
			content := object(op, "requestBody", "content")
			ok := object(op, "responses", "200")
			if content != nil && ok != nil {
				ok["content"] = content
			}
		}
	}
}

func asObject(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func object(v any, path ...string) map[string]any {
	for _, name := range path {
		v = asObject(v)[name]
	}
	return asObject(v)
}

// amended gives the document as kin-openapi takes it, changed by differences.
func (s *arena) amended(response bool, by []*difference) *openapi3.T {
	names := strconv.FormatBool(response)
	for _, d := range by {
		names += " " + d.name
	}
	if len(by) == 0 {
		names = ""
	}
	if spec, ok := s.stock[names]; ok {
		return spec
	}
	var raw map[string]any
	_ = json.Unmarshal(s.text, &raw)
	eachSchema(raw, func(node map[string]any) {
		node["x-schema"] = true
		for _, d := range by {
			d.amend(node, response)
		}
		delete(node, "x-schema")
	})
	text, _ := json.Marshal(raw)
	spec, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		panic(err)
	}
	// The only form that both of kin-openapi's ways of judging take for "anything".
	eachLoaded(spec, func(schema *openapi3.Schema) {
		if schema.Extensions["x-any"] != nil {
			*schema = openapi3.Schema{Type: &openapi3.Types{"null", "boolean", "number", "string", "array", "object"}}
		}
	})
	s.stock[names] = spec
	return spec
}

// eachSchema calls fn for every schema of a document, as it stands.
func eachSchema(node any, fn func(map[string]any)) {
	var schema func(v any)
	schema = func(v any) {
		s := asObject(v)
		if s == nil {
			return
		}
		for _, keyword := range []string{"properties"} {
			for _, child := range asObject(s[keyword]) {
				schema(child)
			}
		}
		for _, keyword := range []string{"items", "not", "additionalProperties"} {
			schema(s[keyword])
		}
		for _, keyword := range []string{"anyOf", "oneOf", "allOf", "prefixItems"} {
			children, _ := s[keyword].([]any)
			for _, child := range children {
				schema(child)
			}
		}
		fn(s)
	}
	switch node := node.(type) {
	case map[string]any:
		for k, v := range node {
			switch k {
			case "schema":
				schema(v)
			case "schemas":
				for _, s := range asObject(v) {
					schema(s)
				}
			case "example", "examples":
			default:
				eachSchema(v, fn)
			}
		}
	case []any:
		for _, v := range node {
			eachSchema(v, fn)
		}
	}
}

func eachLoaded(spec *openapi3.T, fn func(*openapi3.Schema)) {
	seen := map[*openapi3.Schema]bool{}
	var walk func(ref *openapi3.SchemaRef)
	walk = func(ref *openapi3.SchemaRef) {
		if ref == nil || seen[ref.Value] {
			return
		}
		seen[ref.Value] = true
		eachChild(ref.Value, func(_ string, child *openapi3.SchemaRef) { walk(child) })
		fn(ref.Value)
	}
	for _, ref := range spec.Components.Schemas {
		walk(ref)
	}
	for _, item := range spec.Paths.Map() {
		for _, op := range item.Operations() {
			if op.RequestBody != nil {
				for _, mt := range op.RequestBody.Value.Content {
					walk(mt.Schema)
				}
			}
			for _, response := range op.Responses.Map() {
				for _, mt := range response.Value.Content {
					walk(mt.Schema)
				}
			}
		}
	}
}

// stockOptions are kin-openapi's with what makes the verdicts comparable: the
// formats it does not know of itself, an undeclared status noticed, defaults left
// out of requests.
func stockOptions() *openapi3filter.Options {
	return &openapi3filter.Options{
		MultiError: true, IncludeResponseStatus: true, SkipSettingDefaults: true,
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{
			openapi3.WithStringFormatValidators(stringFormats),
		},
	}
}

func (c *trial) fullHeader(s *arena) http.Header {
	method, path := c.split()
	header := http.Header{}
	op := s.document.Operation(method, path)
	switch {
	case c.response:
		for name := range op.content(c.status) {
			if name == judgedJSON {
				name = "application/json"
			}
			header.Set("Content-Type", name)
		}
	case c.body != "" || op.HasBody():
		header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		if values == nil {
			header.Del(name)
			continue
		}
		header[name] = values
	}
	return header
}

// byStock is kin-openapi's verdict; nil if the message is right.
func (c *trial) byStock(s *arena, spec *openapi3.T) (err error) {
	defer func() {
		if p := recover(); p != nil { // its JSON Schema library, on 1e1000000000 beside a minimum
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	method, path := c.split()
	item := spec.Paths.Value(path)
	route := &routers.Route{Spec: spec, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)}
	header := c.fullHeader(s)
	request := &http.Request{
		Method: method, URL: &url.URL{Path: path, RawQuery: c.query}, Header: header,
		Body: io.NopCloser(strings.NewReader(c.body)), ContentLength: int64(len(c.body)),
	}
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: c.vars, Route: route, Options: stockOptions()}
	if !c.response {
		return openapi3filter.ValidateRequest(tbContext, input)
	}
	return openapi3filter.ValidateResponse(tbContext, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: c.status, Header: header,
		Body: io.NopCloser(strings.NewReader(c.body)), Options: stockOptions(),
	})
}

// byUs is our verdict: every violation of a rule that kin-openapi has too.
func (c *trial) byUs(s *arena) []Violation {
	method, path := c.split()
	op := s.document.Operation(method, path)
	header := c.fullHeader(s)
	if c.response {
		return op.JudgeResponse(tbContext, method, c.status, header, []byte(c.body))
	}
	judged := op.JudgeRequest(tbContext, &Message{
		Method: method, URL: &url.URL{Path: path, RawQuery: c.query}, Header: header, Vars: c.vars, Body: []byte(c.body),
	})
	// Undeclared and repeated parameters are recorded, not judged by the document.
	return slices.DeleteFunc(judged.Violations, func(v Violation) bool {
		return v.Rule == RuleUnknownQuery || v.Rule == RuleRepeated
	})
}

// explained finds the differences that account for unequal verdicts; none if
// nothing does.
func (c *trial) explained(s *arena, ours []Violation) []*difference {
	for _, d := range differences {
		if d.rewrite == nil {
			continue
		}
		if same := d.rewrite(c); same != c && (same.byStock(s, s.stock[""]) != nil) == (len(ours) > 0) {
			return []*difference{d}
		}
	}
	if len(ours) == 0 {
		var lax []*difference
		for _, d := range differences {
			if d.amend == nil {
				continue
			}
			lax = append(lax, d)
			if c.byStock(s, s.amended(c.response, []*difference{d})) == nil {
				return []*difference{d}
			}
		}
		if c.byStock(s, s.amended(c.response, lax)) == nil {
			return lax
		}
		return nil
	}
	var found []*difference
	for i := range ours {
		by := c.explainedViolation(&ours[i])
		if by == nil {
			return nil
		}
		found = append(found, by...)
	}
	return found
}

// explainedViolation finds what makes us see a violation that kin-openapi does
// not: a union fails when one of its branches does for a known reason.
func (c *trial) explainedViolation(v *Violation) []*difference {
	for _, d := range differences {
		if d.stricter != nil && d.stricter(c, v) {
			return []*difference{d}
		}
	}
	for _, branch := range v.Branches {
		var found []*difference
		for i := range branch {
			by := c.explainedViolation(&branch[i])
			if by == nil {
				found = nil
				break
			}
			found = append(found, by...)
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// compare judges twice. It gives the differences that account for unequal verdicts,
// and whether the verdicts are equal or accounted for.
func (c *trial) compare(s *arena) (by []*difference, refused, ok bool) {
	ours, stock := c.byUs(s), c.byStock(s, s.stock[""])
	if (len(ours) > 0) == (stock != nil) {
		return nil, len(ours) > 0, true
	}
	by = c.explained(s, ours)
	return by, len(ours) > 0, by != nil
}

// Each difference of the list exists, and accounts for its own case.
func TestKnownDifferences(t *testing.T) {
	loadArenas(t)
	for _, d := range differences {
		t.Run(d.name, func(t *testing.T) {
			if d.reason == "" {
				t.Error("no reason given")
			}
			s := arenaOf(d.shown.document)
			by, _, ok := d.shown.compare(s)
			if !ok || !slices.Contains(by, d) {
				t.Errorf("not shown by\n%s\nours %q\nstock %v", &d.shown, rulesOf(d.shown.byUs(s)), d.shown.byStock(s, s.stock[""]))
			}
		})
	}
}

func setting(tb testing.TB, name string, otherwise uint64) uint64 {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return n
}

func TestDifferential(t *testing.T) {
	count := setting(t, "UNDERSTUDY_DIFFERENTIAL", 2000)
	seed := setting(t, "UNDERSTUDY_SEED", 1)
	loadArenas(t)
	begun := time.Now()
	accounted := map[string]int{}
	refused, responses, failures := 0, 0, 0
	perDocument := map[string]int{}
	for i := range count {
		rng := rand.New(rand.NewPCG(seed, i))
		s := arenas[[]int{0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 3, 4, 4, 5, 5, 5}[rng.IntN(16)]]
		c := newTrial(rng, s)
		perDocument[s.name]++
		if c.response {
			responses++
		}
		by, no, ok := c.compare(s)
		if no {
			refused++
		}
		for _, d := range by {
			accounted[d.name]++
		}
		if !ok {
			small := shrink(c, s)
			t.Errorf("seed %d, case %d:\n%s\nours %q\nstock %v", seed, i, small, rulesOf(small.byUs(s)), small.byStock(s, s.stock[""]))
			if failures++; failures > 20 {
				t.Fatal("more of them")
			}
		}
	}
	t.Logf("%d cases, seed %d, %s: %d answers, %d refused, documents %v", count, seed, time.Since(begun).Round(time.Millisecond), responses, refused, perDocument)
	for _, name := range slices.Sorted(maps.Keys(accounted)) {
		t.Logf("%6d  %s", accounted[name], name)
	}
}

// shrink makes a failing trial smaller as long as it still fails.
func shrink(c *trial, s *arena) *trial {
	fails := func(c *trial) bool {
		_, _, ok := c.compare(s)
		return !ok
	}
	try := func(change func(*trial)) {
		smaller := *c
		smaller.header, smaller.vars = maps.Clone(c.header), maps.Clone(c.vars)
		change(&smaller)
		if fails(&smaller) {
			c = &smaller
		}
	}
	for range 4 {
		try(func(c *trial) { c.query = "" })
		values, _ := url.ParseQuery(c.query)
		for name := range values {
			try(func(c *trial) {
				kept := maps.Clone(values)
				delete(kept, name)
				c.query = kept.Encode()
			})
		}
		for name := range c.header {
			try(func(c *trial) { delete(c.header, name) })
		}
		var value any
		decoder := json.NewDecoder(strings.NewReader(c.body))
		decoder.UseNumber()
		if decoder.Decode(&value) != nil {
			continue
		}
		for _, smaller := range smallerValues(value) {
			try(func(c *trial) { c.body = encode(smaller) })
		}
	}
	return c
}

// smallerValues gives variants of a value with one part left out or made plain.
func smallerValues(v any) []any {
	var all []any
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			without := maps.Clone(v)
			delete(without, name)
			all = append(all, without)
			for _, smaller := range smallerValues(member) {
				with := maps.Clone(v)
				with[name] = smaller
				all = append(all, with)
			}
		}
	case []any:
		for i, item := range v {
			all = append(all, slices.Delete(slices.Clone(v), i, i+1))
			for _, smaller := range smallerValues(item) {
				with := slices.Clone(v)
				with[i] = smaller
				all = append(all, with)
			}
		}
	case string:
		if len(v) > 1 {
			all = append(all, "", v[:1])
		}
	case json.Number:
		all = append(all, json.Number("0"), json.Number("1"))
	}
	return all
}

func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// maker makes values from the schemas of a document as it stands. wrong is how
// often it leaves the path of what is allowed.
type maker struct {
	*rand.Rand
	raw   map[string]any
	wrong float64
}

func (m *maker) odds(p float64) bool { return m.Float64() < p }

func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

func newTrial(rng *rand.Rand, s *arena) *trial {
	m := &maker{Rand: rng, raw: s.raw, wrong: []float64{0, 0.02, 0.1, 0.1, 0.3}[rng.IntN(5)]}
	ops := s.document.Operations()
	op := ops[rng.IntN(len(ops))]
	if !op.HasBody() && m.odds(0.5) {
		op = ops[rng.IntN(len(ops))]
	}
	c := &trial{document: s.name, operation: op.Method + " " + op.Path, vars: map[string]string{}, response: m.odds(0.4), header: http.Header{}}
	raw := object(s.raw, "paths", op.Path)
	rawOp := asObject(raw[strings.ToLower(op.Method)])
	if c.response {
		m.answer(c, rawOp)
		return c
	}
	query := url.Values{}
	for _, list := range []any{raw["parameters"], rawOp["parameters"]} {
		parameters, _ := list.([]any)
		for _, p := range parameters {
			m.parameter(c, m.resolve(asObject(p)), query)
		}
	}
	if m.odds(0.03) {
		query.Set("unheard-of", "1")
	}
	c.query = query.Encode()
	if schema := object(m.resolve(asObject(rawOp["requestBody"])), "content", "application/json", "schema"); schema != nil {
		c.body = m.text(schema)
	} else if m.odds(0.1 * m.wrong) {
		c.body = pick(m, "{}", "{", "", "1")
	}
	if m.odds(m.wrong * 0.1) {
		c.header["Content-Type"] = pick(m, nil, []string{"text/plain"}, []string{"application/json; charset=utf-8"}, []string{"Application/JSON"}, []string{"application/xml"})
	}
	return c
}

func (m *maker) answer(c *trial, rawOp map[string]any) {
	responses := asObject(rawOp["responses"])
	status := pick(m, slices.Sorted(maps.Keys(responses))...)
	c.status, _ = strconv.Atoi(status)
	response := m.resolve(asObject(responses[status]))
	for name, header := range asObject(response["headers"]) {
		header := m.resolve(asObject(header))
		if header["required"] == true && !m.odds(m.wrong*0.2) || m.odds(0.5) {
			c.header.Set(name, m.parameterText(asObject(header["schema"])))
		}
	}
	if m.odds(m.wrong * 0.1) {
		c.status = pick(m, 200, 201, 299, 404, 418, 500)
		response = m.resolve(asObject(responses[strconv.Itoa(c.status)]))
	}
	for _, mt := range asObject(response["content"]) {
		c.body = m.text(asObject(asObject(mt)["schema"]))
	}
	if c.body == "" && m.odds(m.wrong*0.1) {
		c.body = "{}"
	}
	if m.odds(m.wrong * 0.1) {
		c.header["Content-Type"] = pick(m, nil, []string{"text/plain"}, []string{"application/json; charset=utf-8"})
	}
}

func (m *maker) parameter(c *trial, p map[string]any, query url.Values) {
	name, _ := p["name"].(string)
	schema := asObject(p["schema"])
	in, _ := p["in"].(string)
	if in != "path" && (p["required"] != true && m.odds(0.4) || m.odds(m.wrong*0.2)) {
		return
	}
	resolved := m.resolve(schema)
	texts := []string{m.parameterText(schema)}
	if resolved["type"] == "array" {
		texts = nil
		for range m.IntN(4) {
			texts = append(texts, m.parameterText(asObject(resolved["items"])))
		}
		if p["explode"] == false || in == "header" {
			texts = []string{strings.Join(texts, ",")}
		}
	}
	if m.odds(m.wrong * 0.2) {
		texts = append(texts, m.parameterText(schema))
	}
	switch in {
	case "path":
		c.vars[name] = strings.Join(texts, ",")
		if c.vars[name] == "" {
			c.vars[name] = "0"
		}
	case "query":
		query[name] = texts
	case "header":
		c.header[http.CanonicalHeaderKey(name)] = texts
	case "cookie":
		c.header["Cookie"] = []string{name + "=" + url.QueryEscape(strings.Join(texts, ","))}
	}
}

// parameterText writes a value of the schema as a parameter.
func (m *maker) parameterText(schema map[string]any) string {
	if m.odds(m.wrong) {
		return pick(m, "", "abc", "1.5", "7.0", "1e2", "99999999999999999999", "-0", "+1", " 1", "1 ", "true", "TRUE", "1_000",
			"0x1p4", "null", "٣", "1e400", "NaN", "Inf", "-1", "2147483648", "a,b", "\x00", "é", strings.Repeat("9", 400))
	}
	switch v := m.value(schema, 3).(type) {
	case string:
		return v
	case nil:
		return ""
	default:
		return encode(v)
	}
}

// text writes a value of the schema as JSON, mutated.
func (m *maker) text(schema map[string]any) string {
	value := m.value(schema, 0)
	if m.wrong > 0 {
		for range m.IntN(4) {
			if m.odds(0.4) {
				value = m.mutated(value)
			}
		}
	}
	text := encode(value)
	if !m.odds(m.wrong * 0.2) {
		return text
	}
	i := m.IntN(len(text) + 1)
	switch m.IntN(8) {
	case 0:
		return text[:i]
	case 1:
		return text + pick(m, " ", "\n", "{}", ",", "x", "\x00")
	case 2:
		return text[:i] + pick(m, "\xff", "\x00", "\"", "}", "é", "\ufeff") + text[i:]
	case 3:
		return strings.Replace(text, "{", `{"name":1,"name":2,`, 1)
	case 4:
		return regexp.MustCompile(`[0-9]+`).ReplaceAllStringFunc(text, func(string) string {
			return pick(m, "1e400", "7.0", "1e2", "9223372036854775808", "1.00000000000000000000001", "-0", "-0.0", "1E+2", "9007199254740993")
		})
	case 5:
		return strings.Replace(text, "{", `{"__proto__":{},`, 1)
	case 6:
		return " \t\r\n" + text
	default:
		return ""
	}
}

func (m *maker) resolve(s map[string]any) map[string]any {
	for {
		ref, ok := s["$ref"].(string)
		if !ok {
			return s
		}
		var v any = m.raw
		for token := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			v = asObject(v)[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
		}
		s = asObject(v)
	}
}

// junk is a value of no schema's.
func (m *maker) junk() any {
	return pick[any](m, nil, true, false, json.Number("0"), json.Number("1"), json.Number("-1"), json.Number("1.5"), json.Number("7.0"),
		"", "a", "null", "1", "true", []any{}, []any{nil}, []any{json.Number("1"), json.Number("1.0")}, map[string]any{},
		map[string]any{"a": json.Number("1")}, "é", "\U0001F600", map[string]any{"type": "dog"}, map[string]any{"kind": "circle"},
		json.Number("1e400"), json.Number("-9223372036854775809"), "2026-11-21T09:00:00Z", strings.Repeat("x", 300))
}

func (m *maker) value(schema map[string]any, depth int) any {
	s := m.resolve(schema)
	if m.odds(m.wrong * 0.1) {
		return m.junk()
	}
	if s["nullable"] == true && m.odds(0.15) {
		return nil
	}
	if v, ok := s["const"]; ok {
		return m.number(v)
	}
	if enum, ok := s["enum"].([]any); ok && !m.odds(m.wrong*0.3) {
		return m.number(enum[m.IntN(len(enum))])
	}
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
		branches, ok := s[keyword].([]any)
		if !ok {
			continue
		}
		chosen := branches
		if keyword != "allOf" {
			i := m.IntN(len(branches))
			chosen = branches[i : i+1]
		}
		rest := maps.Clone(s)
		delete(rest, keyword)
		delete(rest, "discriminator")
		var result any
		if len(object(rest, "properties")) > 0 || rest["type"] == "object" {
			result = m.value(rest, depth)
		}
		for _, branch := range chosen {
			v := m.value(asObject(branch), depth)
			into, both := result.(map[string]any)
			if from, ok := v.(map[string]any); ok && both {
				maps.Copy(into, from)
			} else {
				result = v
			}
		}
		return result
	}
	kind := m.kind(s)
	switch kind {
	case "object":
		return m.object(s, depth)
	case "array":
		return m.array(s, depth)
	case "string":
		return m.string(s)
	case "integer", "number":
		return m.numeric(s, kind)
	case "boolean":
		return m.odds(0.5)
	case "null":
		return nil
	}
	return m.junk()
}

// kind is the type that a value of the schema is made of.
func (m *maker) kind(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		name, _ := t[m.IntN(len(t))].(string)
		return name
	}
	switch {
	case s["properties"] != nil || s["required"] != nil:
		return "object"
	case s["items"] != nil:
		return "array"
	}
	return ""
}

// number gives a number of the document as a literal.
func (m *maker) number(v any) any {
	if f, ok := v.(float64); ok {
		return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
	}
	return v
}

func (m *maker) object(s map[string]any, depth int) any {
	properties := asObject(s["properties"])
	required := map[string]bool{}
	for _, name := range anys(s["required"]) {
		text, _ := name.(string)
		required[text] = true
	}
	result := map[string]any{}
	for name, property := range properties {
		deep := depth > 4
		switch {
		case required[name] && m.odds(m.wrong*0.2):
		case required[name], !deep && m.odds(0.4):
			result[name] = m.value(asObject(property), depth+1)
		}
	}
	for name := range required {
		if _, known := properties[name]; !known && !m.odds(m.wrong*0.2) {
			result[name] = m.junkScalar()
		}
	}
	if extra, ok := s["additionalProperties"].(map[string]any); ok && depth < 5 {
		for range m.IntN(3) {
			result[pick(m, "x", "y", "z", "a/b")] = m.value(extra, depth+1)
		}
	}
	for n, _ := asInt(s["minProperties"]); len(result) < n && !m.odds(m.wrong); {
		result["extra"+strconv.Itoa(len(result))] = m.junkScalar()
	}
	if m.odds(m.wrong * 0.2) {
		result[pick(m, "surplus", "name", "id", "Name", "__proto__", "constructor", "", "é")] = m.junk()
	}
	return result
}

func (m *maker) junkScalar() any { return pick[any](m, "a", json.Number("1"), true) }

func anys(v any) []any {
	list, _ := v.([]any)
	return list
}

func asInt(v any) (int, bool) {
	f, ok := v.(float64)
	return int(f), ok
}

func (m *maker) array(s map[string]any, depth int) any {
	low, _ := asInt(s["minItems"])
	high, bounded := asInt(s["maxItems"])
	if !bounded {
		high = low + 2
	}
	if depth > 5 {
		high = low
	}
	n := low
	if high > low {
		n += m.IntN(high - low + 1)
	}
	if m.odds(m.wrong) {
		n = max(0, n+pick(m, -1, 1))
	}
	items := asObject(s["items"])
	prefix := anys(s["prefixItems"])
	result := []any{}
	for i := range n {
		schema := items
		if i < len(prefix) {
			schema = asObject(prefix[i])
		}
		if schema == nil {
			result = append(result, m.junk())
			continue
		}
		v := m.value(schema, depth+1)
		if s["uniqueItems"] == true && !m.odds(m.wrong) && slices.ContainsFunc(result, func(x any) bool { return encode(x) == encode(v) }) {
			continue
		}
		result = append(result, v)
	}
	return result
}

var texts = []string{
	"a", "aa", "ab", "abc", "abcd", "x", "xy", "a-b", "12345", "0123456789abcdef", `"`, `\/`, "forbidden", "é", "\U0001F600b",
	"A", "a b", "", "a\nb", "shipping-fees", "red", "12", "xabcd",
}

var formatted = map[string][2][]string{
	"uuid": {
		{"3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", "00000000-0000-0000-0000-000000000000", "3F1C2D4E-5B6A-4C7D-8E9F-0A1B2C3D4E5F"},
		{"3f1c2d4e5b6a4c7d8e9f0a1b2c3d4e5f", "{3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f}", "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5", "urn:uuid:3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5g"},
	},
	"date-time": {
		{"2026-11-21T09:00:00Z", "2026-11-21T09:00:00.123456+01:00", "0001-01-01T00:00:00Z"},
		{"2026-11-21", "2026-11-21 09:00:00Z", "2026-02-30T09:00:00Z", "2026-11-21T09:00:00", "2026-11-21T24:00:00Z", "2026-11-21T09:00:60Z", "2026-11-21t09:00:00z", "1"},
	},
	"date":     {{"2026-11-21", "2024-02-29"}, {"2026-02-29", "2026-11-21T09:00:00Z", "21.11.2026", "2026-1-1"}},
	"email":    {{"jane@example.com"}, {"jane", "Jane <jane@example.com>", "@example.com", "a b@c"}},
	"uri":      {{"https://example.com/a?b=c", "urn:a:b"}, {"example.com", "/a", "", "https://", "http://a:99999/", "ht tp://a"}},
	"password": {{"correct horse", "hunter22"}, {"", "short"}},
}

func (m *maker) string(s map[string]any) any {
	format, _ := s["format"].(string)
	if lists, ok := formatted[format]; ok && s["pattern"] == nil {
		if m.odds(m.wrong) {
			return pick(m, lists[1]...)
		}
		return pick(m, lists[0]...)
	}
	if pattern, ok := s["pattern"].(string); ok && !m.odds(m.wrong) {
		re := regexp.MustCompile(pattern)
		for range 20 {
			if text := pick(m, texts...); re.MatchString(text) {
				return text
			}
		}
	}
	low, _ := asInt(s["minLength"])
	high, bounded := asInt(s["maxLength"])
	if !bounded && m.odds(0.6) {
		if text := pick(m, texts...); utf8.RuneCountInString(text) >= low || m.odds(m.wrong) {
			return text
		}
	}
	if !bounded {
		high = low + 5
	}
	n := low + m.IntN(max(1, high-low+1))
	if m.odds(m.wrong) {
		n = pick(m, low-1, high+1)
	}
	letters := []rune("abcxyz01é\U0001F600- ")
	var b strings.Builder
	for range max(0, n) {
		b.WriteRune(letters[m.IntN(len(letters))])
	}
	return b.String()
}

func (m *maker) numeric(s map[string]any, kind string) any {
	low, high := -10.0, 1000.0
	if f, ok := s["minimum"].(float64); ok {
		low = f
	}
	if f, ok := s["exclusiveMinimum"].(float64); ok {
		low = f
	}
	if f, ok := s["maximum"].(float64); ok {
		high = f
	}
	if f, ok := s["exclusiveMaximum"].(float64); ok {
		high = f
	}
	f := low + m.Float64()*(high-low)
	if m.odds(0.2) {
		f = pick(m, low, high)
	}
	if m.odds(m.wrong) {
		f = pick(m, low-1, high+1, low-0.5, high+0.5, low, high)
	}
	if of, ok := s["multipleOf"].(float64); ok && !m.odds(m.wrong) {
		f = float64(int64(f/of)) * of
	}
	if kind == "integer" && !m.odds(m.wrong*0.5) {
		f = float64(int64(f))
	}
	literal := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(literal, ".") && m.odds(0.1) {
		literal += pick(m, ".0", "e0", "E+0", ".00e0")
	}
	if m.odds(m.wrong * 0.1) {
		literal = pick(m, "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "9007199254740993",
			"1e400", "1e-400", "-0", "0.1e1", "2147483647", "2147483648", "3.4e38", "3.5e38", "0.30000000000000004", "1e22",
			"1.00000000000000000000001", "1e1000000000", "0e1000000000")
	}
	return json.Number(literal)
}

// mutated changes one place of a value.
func (m *maker) mutated(v any) any {
	switch c := v.(type) {
	case map[string]any:
		if len(c) == 0 || m.odds(0.1) {
			break
		}
		name := pick(m, slices.Sorted(maps.Keys(c))...)
		switch m.IntN(8) {
		case 0:
			delete(c, name)
		case 1:
			c[name] = m.junk()
		case 2:
			c[pick(m, "surplus", strings.ToUpper(name), name+" ")] = c[name]
		case 3:
			c[name] = nil
		default:
			c[name] = m.mutated(c[name])
		}
		return c
	case []any:
		if len(c) == 0 || m.odds(0.1) {
			break
		}
		i := m.IntN(len(c))
		switch m.IntN(8) {
		case 0:
			return slices.Delete(c, i, i+1)
		case 1:
			c[i] = m.junk()
		case 2:
			return append(c, c[i])
		case 3:
			c[i] = nil
		default:
			c[i] = m.mutated(c[i])
		}
		return c
	case string:
		return pick[any](m, c+c, strings.ToUpper(c), c+" ", []any{c}, json.Number("1"), "")
	case json.Number:
		return pick[any](m, "1", c.String(), json.Number("-1"), json.Number("0.5"), []any{c}, json.Number("1e3"), true)
	case bool:
		return pick[any](m, strconv.FormatBool(c), json.Number("0"), !c, nil)
	}
	return m.junk()
}

var tbContext = noContext{}

// noContext is a context that nothing ends.
type noContext struct{}

func (noContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (noContext) Done() <-chan struct{}       { return nil }
func (noContext) Err() error                  { return nil }
func (noContext) Value(any) any               { return nil }

// cornersDocument is a 3.1 document with what the others do not have: parameters
// of every kind, read-only and write-only with and without references, lists of
// types, null among enums, allOf, not, declared headers of answers.
const cornersDocument = `{"openapi":"3.1.0","info":{"title":"corners","version":"1"},"paths":{
"/places/{id}/{word}":{"post":{"operationId":"places","parameters":[
 {"name":"id","in":"path","required":true,"schema":{"type":"integer","format":"int32"}},
 {"name":"word","in":"path","required":true,"schema":{"type":"string","maxLength":5}},
 {"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":100,"default":10}},
 {"name":"maybe","in":"query","schema":{"anyOf":[{"type":"integer"},{"type":"null"}]}},
 {"name":"either","in":"query","schema":{"anyOf":[{"type":"integer","minimum":5},{"type":"boolean"}]}},
 {"name":"tags","in":"query","schema":{"type":"array","items":{"type":"string","minLength":1},"maxItems":2}},
 {"name":"ids","in":"query","explode":false,"schema":{"type":"array","items":{"type":"integer","exclusiveMinimum":0}}},
 {"name":"flag","in":"query","schema":{"type":"boolean"}},
 {"name":"ratio","in":"query","schema":{"type":"number","minimum":0}},
 {"name":"slug","in":"query","required":true,"allowEmptyValue":true,"schema":{"type":"string","pattern":"^[a-z-]*$"}},
 {"name":"color","in":"query","schema":{"$ref":"#/components/schemas/Color"}},
 {"name":"X-Count","in":"header","schema":{"type":"integer","maximum":9}},
 {"name":"X-Words","in":"header","schema":{"type":"array","items":{"type":"string","enum":["a","b"]}}},
 {"name":"session","in":"cookie","schema":{"type":"string","format":"uuid"}}],
 "requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Everything"}}}},
 "responses":{"200":{"description":"ok","headers":{"X-Rate":{"required":true,"schema":{"type":"integer","minimum":1}},"X-Word":{"schema":{"type":"string","maxLength":3}}}},"204":{"description":"nothing"}}}},
"/secretive":{"post":{"operationId":"secretive","requestBody":{"required":true,"content":{"application/json":{"schema":{
 "type":"object","required":["id","token","name"],"additionalProperties":false,"properties":{
  "id":{"type":"integer","readOnly":true},"token":{"type":"string","writeOnly":true},"name":{"type":"string"}}}}}},
 "responses":{"200":{"description":"ok"}}}},
"/holder":{"post":{"operationId":"holder","requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Holder"}}}},
 "responses":{"200":{"description":"ok"}}}},
"/plain":{"post":{"operationId":"plain","requestBody":{"required":true,"content":{"application/json":{"schema":{
 "type":"object","properties":{
  "text":{"type":["string","null"],"minLength":2},"choice":{"type":["string","null"],"enum":["a","b",null]},
  "closed":{"type":["string","null"],"enum":["a","b"]},"loose":{"enum":["a",null,1]},"not":{"not":{"type":"string"}},"notNull":{"not":{"type":"null"}},
  "both":{"type":["integer","string"],"minimum":3,"minLength":2},"i32":{"type":"integer","format":"int32"},"f":{"type":"number","format":"float"},
  "all":{"allOf":[{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}},{"type":"object","properties":{"b":{"type":"integer"}},"minProperties":2}]},
  "maybeAll":{"allOf":[{"type":["object","null"]},{"type":["object","null"],"maxProperties":1}]},
  "typed":{"type":"object","anyOf":[{"required":["a"]},{"required":["b"]},{"type":"null"}]},
  "many":{"anyOf":[{"type":"string","maxLength":2},{"type":"integer"},{"type":"null"}]},
  "one":{"oneOf":[{"type":"integer","multipleOf":3},{"type":"integer","multipleOf":5},{"type":"null"}]},
  "only":{"const":1},"flag":{"const":true,"type":"boolean"},"list":{"const":[1,{"a":"b"}]},
  "set":{"type":"array","uniqueItems":true,"items":{}},
  "closedMap":{"type":"object","additionalProperties":{"type":["integer","null"],"exclusiveMaximum":5},"maxProperties":2}}}}}},
 "responses":{"200":{"description":"ok"}}}}},
"components":{"schemas":{
 "Color":{"type":"string","enum":["red","green"]},
 "Holder":{"type":"object","required":["inner"],"properties":{"inner":{"$ref":"#/components/schemas/Inner"},"maybe":{"anyOf":[{"$ref":"#/components/schemas/Inner"},{"type":"null"}]},"untyped":{}}},
 "Inner":{"type":"object","required":["id","token"],"properties":{"id":{"type":"integer","readOnly":true},"token":{"type":"string","writeOnly":true},"next":{"$ref":"#/components/schemas/Holder"}}},
 "Everything":{"type":"object","required":["n"],"properties":{"n":{"type":"number","minimum":0,"exclusiveMaximum":10,"multipleOf":0.01},"color":{"$ref":"#/components/schemas/Color"},
  "when":{"type":"string","format":"date-time"},"tree":{"anyOf":[{"$ref":"#/components/schemas/Everything"},{"type":"null"}]}}}}}}`

// Whether a schema accepts null depends on every keyword beside and below it.
func TestNull(t *testing.T) {
	for schema, accepts := range map[string]bool{
		`{}`:                         true,
		`{"type":"string"}`:          false,
		`{"type":["string","null"]}`: true,
		`{"type":["string","null"],"enum":["a"]}`:                                                        false,
		`{"type":["string","null"],"enum":["a",null]}`:                                                   true,
		`{"enum":["a",null]}`:                                                                            true,
		`{"enum":["a"]}`:                                                                                 false,
		`{"const":"a"}`:                                                                                  false,
		`{"required":["a"],"properties":{"a":{}}}`:                                                       true,
		`{"not":{"type":"string"}}`:                                                                      true,
		`{"not":{"type":"null"}}`:                                                                        false,
		`{"not":{"type":["string","null"]}}`:                                                             false,
		`{"anyOf":[{"type":"string"},{"type":"null"}]}`:                                                  true,
		`{"anyOf":[{"type":"string"},{"type":"integer"}]}`:                                               false,
		`{"anyOf":[{"type":"string"},{}]}`:                                                               true,
		`{"oneOf":[{"type":"string"},{"type":"null"}]}`:                                                  true,
		`{"oneOf":[{},{"type":"null"}]}`:                                                                 false,
		`{"oneOf":[{"type":["string","null"]},{"type":"null"}]}`:                                         false,
		`{"allOf":[{"type":["object","null"]},{}]}`:                                                      true,
		`{"allOf":[{"type":["object","null"]},{"type":"object"}]}`:                                       false,
		`{"type":"object","anyOf":[{"required":["a"]},{"required":["b"]}]}`:                              false,
		`{"type":"object","anyOf":[{"required":["a"]},{"required":["b"]},{"type":"null"}]}`:              false,
		`{"type":["object","null"],"anyOf":[{"required":["a"]},{"required":["b"]}]}`:                     true,
		`{"anyOf":[{"$ref":"#/components/schemas/Self"},{"type":"string"}]}`:                             true,
		`{"allOf":[{"type":["object","null"]}],"properties":{"a":{"$ref":"#/components/schemas/Loop"}}}`: true,
	} {
		text := `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{"operationId":"a",
"requestBody":{"required":true,"content":{"application/json":{"schema":` + schema + `}}},"responses":{"200":{"description":"ok"}}}}},
"components":{"schemas":{"Self":{"type":["object","null"],"properties":{"a":{"anyOf":[{"$ref":"#/components/schemas/Self"},{"type":"string"}]}}},
"Loop":{"allOf":[{"type":"object"}],"properties":{"a":{"$ref":"#/components/schemas/Loop"}}}}}}`
		d, err := Load(Source{API: "t", File: "t", JSON: []byte(text)})
		if err != nil {
			t.Errorf("%s: %v", schema, err)
			continue
		}
		judged := d.Operation(http.MethodPost, "/a").JudgeRequest(tbContext, &Message{
			Method: http.MethodPost, URL: &url.URL{Path: "/a"}, Header: http.Header{}, Body: []byte("null"),
		})
		if got := len(judged.Violations) == 0; got != accepts {
			t.Errorf("%s: accepts null: %v", schema, got)
		}
	}
	for _, schema := range []string{
		`{"allOf":[{"$ref":"#/components/schemas/S"}]}`, `{"anyOf":[{"not":{"$ref":"#/components/schemas/S"}},{"type":"string"}]}`,
		`{"oneOf":[{"type":"null"}]}`, `{"contains":{}}`, `{"const": null}`, `{"type":"string","format":"unheard-of"}`, `{"type":"string","pattern":"("}`,
	} {
		text := `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{},"components":{"schemas":{"S":` + schema + `}}}`
		if _, err := Load(Source{API: "t", File: "t", JSON: []byte(text)}); err == nil {
			t.Errorf("%s is loaded, and cannot be enforced", schema)
		}
	}
}
