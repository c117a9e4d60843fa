package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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
	// A text to kin-openapi as well, which has a decoder for text/plain alone.
	openapi3filter.RegisterBodyDecoder("text/markdown", openapi3filter.RegisteredBodyDecoder("text/plain"))
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
			// Patterns of ECMA-262 that kin-openapi as it comes does not read.
			delete(object(raw, "paths"), "/patterns")
			delete(object(raw, "components", "schemas"), "Patterns")
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
	// What is undeclared or repeated is recorded, not judged by the document.
	return slices.DeleteFunc(judged.Violations, func(v Violation) bool {
		return v.Rule == RuleUnknownQuery || v.Rule == RuleUnknownMember || v.Rule == RuleRepeated
	})
}

// explained finds the differences that account for unequal verdicts; none if
// nothing does.
func (c *trial) explained(s *arena, ours []Violation) []*difference {
	for _, d := range differences {
		if d.rewrite == nil {
			continue
		}
		same := d.rewrite(c)
		if same == c {
			continue
		}
		if (same.byStock(s, s.stock[""]) != nil) == (len(ours) > 0) {
			return []*difference{d}
		}
		if more := same.accounted(s, ours); more != nil {
			return append([]*difference{d}, more...)
		}
	}
	return c.accounted(s, ours)
}

// accounted is explained without writing the trial anew.
func (c *trial) accounted(s *arena, ours []Violation) []*difference {
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
