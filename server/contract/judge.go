package contract

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// options is how kin-openapi is asked to judge, always: every mistake collected,
// nothing rewritten, undeclared statuses refused, credentials left to us.
var options = &openapi3filter.Options{
	MultiError:            true,
	IncludeResponseStatus: true,
	SkipSettingDefaults:   true,
	KeepValidatedValue:    true,
	AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
	SchemaValidationOptions: []openapi3.SchemaValidationOption{
		openapi3.WithStringFormatValidators(stringFormats),
		openapi3.SetSchemaRegexCompiler(compilePattern),
	},
}

// noHeaders is what kin-openapi sees of a request for an operation that declares no
// parameter in its headers: the rest is handed over apart.
var noHeaders = &http.Request{Header: http.Header{}}

// Judged is the outcome of judging a request.
type Judged struct {
	Violations []Violation
	// More is how many violations there are beside those, which are at most about
	// [MaxExplained].
	More int
	// Err says that the judging was given up, and is what the context says; nil
	// otherwise.
	Err error
	// Body is the body to hand to the generated code: what came, except that
	// integral literals are plain where the schema wants an integer.
	Body []byte
	// Value is the decoded Body, nil if it was not judged or found wrong.
	Value any

	query queryValues
	read  *payload // the body; nil if it was not read
}

// repeated lists the query parameters that came more than once.
func (j *Judged) repeated() []string {
	var names []string
	for i := range j.Violations {
		if v := &j.Violations[i]; v.Rule == RuleRepeated {
			names = append(names, v.Name)
		}
	}
	return names
}

// Refused reports whether any violation is reason to refuse.
func (j *Judged) Refused() bool {
	return slices.ContainsFunc(j.Violations, func(v Violation) bool { return v.Refuses() })
}

// unreadableRules are those that a value has to keep to be read at all.
var unreadableRules = []string{
	"type", "format", "anyOf", "oneOf", "discriminator", RuleNumberRange, RuleIntegerRange, RuleJSON, RuleMediaType,
}

func (v *Violation) unreadable() bool { return slices.Contains(unreadableRules, v.Rule) }

// Doubtful lists the violations that may keep a request from being understood.
func (j *Judged) Doubtful() []Violation {
	var found []Violation
	for i := range j.Violations {
		if v := &j.Violations[i]; v.unreadable() {
			found = append(found, *v)
		}
	}
	return found
}

// unread lists the query parameters that cannot be read and that only break rules
// which do not refuse: the request is served as if they had not come.
func (j *Judged) unread() []string {
	var names []string
	for i := range j.Violations {
		if v := &j.Violations[i]; v.In == InQuery && !v.Refuses() && v.unreadable() {
			names = append(names, v.Name)
		}
	}
	return names
}

// Message is a request as the contract sees it.
type Message struct {
	Method string
	URL    *url.URL
	Header http.Header
	Vars   map[string]string // path parameters, decoded
	Body   []byte
	// File is the whole body where memory does not hold it; Body is its beginning.
	File io.ReaderAt
	Size int64 // of File, in bytes
}

// JudgeRequest judges a request for this operation, body included. It reports
// every violation it can find, in the order path, query, header, cookie, body,
// and within a body in the order of the document.
func (o *Operation) JudgeRequest(ctx context.Context, m *Message) *Judged {
	j := &Judged{Body: m.Body, query: readQuery(m.URL.RawQuery, o.document.wholeEscapes)}
	found := newCollector(ctx)
	o.judgeQuery(&j.query, found)
	if o.document.starlette {
		m = o.lastValues(m, &j.query)
	}
	if o.facts().numberTexts {
		for _, v := range o.judgeNumberTexts(m, j.query.Values) {
			found.add(&v)
		}
	}
	p, wrong := o.readBody(m)
	for i := range wrong {
		found.add(&wrong[i])
	}
	if len(o.facts().parameters) > 0 {
		e := &finder{operation: o, side: SideClient, found: found}
		if err := o.validate(ctx, m, j.query.Values); err != nil {
			e.request(err)
		}
		e.parameters(m)
	}
	if p != nil {
		j.read = p
		o.judgeBody(j, p, found)
	}
	j.Violations, j.More, j.Err = found.found, found.more, found.err
	for i := range j.Violations {
		o.own(&j.Violations[i])
		o.mistyped(&j.Violations[i])
	}
	if len(j.Violations) > 0 {
		o.arrange(j.Violations, p)
	}
	return j
}

// readBody judges how a body came, and reads it if its schema remains to be judged.
func (o *Operation) readBody(m *Message) (*payload, []Violation) {
	if o.document.eagerBody {
		return o.readEagerBody(m)
	}
	if !o.HasBody() {
		return nil, nil
	}
	c, v := o.judgeMediaType(m)
	switch {
	case v != nil:
		return nil, []Violation{*v}
	case len(m.Body) == 0 && o.facts().bodyNeeded && (c == nil || c.kind != contentForm):
		return nil, []Violation{o.bodyMissing()}
	case len(m.Body) == 0 && !o.facts().bodyNeeded, c == nil:
		return nil, nil
	}
	return o.payload(c, m)
}

// payload reads a body of a declared media type.
func (o *Operation) payload(c *content, m *Message) (*payload, []Violation) {
	p := o.read(c, m.Header.Get("Content-Type"), m)
	if len(p.found) > 0 && p.value == nil {
		return nil, p.found
	}
	return p, p.found
}

// judgeBody holds what a body says against its schema.
func (o *Operation) judgeBody(j *Judged, p *payload, found *collector) {
	c := p.content
	if c.schema == nil || c.kind == contentBinary {
		return
	}
	odd := p.numbers != nil && len(p.numbers.odd) > 0
	e := &finder{operation: o, side: SideClient, payload: p, found: found}
	if o.document.foreign {
		from, before := len(found.found), len(found.found)+found.more
		e.visit(c.schema, p.value, odd || p.json == nil && holdsOdd(p.value), o.bodyViolation(c, ""))
		if len(p.opaque) > 0 {
			found.found = append(found.found[:from], slices.DeleteFunc(found.found[from:], p.within)...)
		}
		if c.kind != contentText {
			o.unknownMembers(p, found)
		}
		if len(found.found)+found.more == before {
			j.Value = p.value
		}
		return
	}
	if odd {
		p.numbers.plain(true)
		p.value = p.numbers.value
	}
	err := c.schema.VisitJSON(p.value, o.document.judgement().request...)
	if odd {
		p.numbers.restore(nil)
		p.value = p.numbers.value
	}
	from := len(found.found)
	if err != nil {
		e.requestBody(err)
	}
	if odd {
		o.judgeNumbers(p, found, from)
		p.numbers.restore(c.schema)
		p.value = p.numbers.value
		if p.json != nil {
			j.Body = p.json.bytes(c.schema)
		}
	}
	if c.kind != contentText {
		o.unknownMembers(p, found)
	}
	if err == nil {
		j.Value = p.value
	}
}

// judgeNumbers reports the numbers that no generated code holds: those beyond the
// range of a float64, integers that do not fit in 64 bits, and the fractions that
// only look integral as a float64. found has the violations of the body from one on.
func (o *Operation) judgeNumbers(p *payload, found *collector, from int) {
	known := o.beyondDoubles(p, found, from)
	schemas := newOddSchemas(p.content.schema)
	odd := p.numbers.odd
	if len(odd) > MaxExplained {
		odd = slices.SortedStableFunc(slices.Values(odd), func(a, b oddNumber) int { return a.depth() - b.depth() })
	}
	for i := range odd {
		n := &odd[i]
		integral, inFloat, inInt, _ := numberOf(n.literal)
		if inFloat && (integral && inInt || !wantsInteger(schemas.of(n))) {
			continue
		}
		if found.full() {
			found.skip(1)
			continue
		}
		path := n.path()
		if inFloat && known.hasAbove(found.found, path, "oneOf", "anyOf", "discriminator") {
			continue // no branch was chosen that could ask for an integer
		}
		switch {
		case !inFloat && !known.has(found.found, path, RuleNumberRange):
			v := o.numberViolation(RuleNumberRange, path, p)
			found.add(&v)
		case !inFloat:
		case !integral && !known.has(found.found, path, "type", "enum", "anyOf", "oneOf"):
			v := o.numberViolation("type", path, p)
			v.Basis = o.schemaBasis(v.Schema, "type", "")
			found.add(&v)
		case integral:
			v := o.numberViolation(RuleIntegerRange, path, p)
			found.add(&v)
		}
	}
}

// beyondDoubles makes what was found of numbers beyond the range of a float64, which
// kin-openapi saw as 0, say that they are; each is told once. It gives where the
// violations of the body are.
func (o *Operation) beyondDoubles(p *payload, found *collector, from int) pathIndex {
	known := pathIndex{}
	kept := found.found[:from]
	for i := range found.found[from:] {
		v := found.found[from+i]
		if n, ok := v.Got.(json.Number); ok && v.In == InBody {
			if _, inFloat, _, _ := numberOf(n.String()); !inFloat {
				if known.has(kept, v.Path, RuleNumberRange) {
					continue
				}
				v = o.numberViolation(RuleNumberRange, v.Path, p)
			}
		}
		if v.In == InBody {
			known.add(v.Path, len(kept))
		}
		kept = append(kept, v)
	}
	found.found = kept
	return known
}

// mistyped makes a violation of an enum that only warns one of the type, if the
// value is not of it: kin-openapi looks at the enum first, and at nothing else then.
func (o *Operation) mistyped(v *Violation) {
	if v.In != InBody || v.Rule != "enum" || v.Refuses() || v.Schema == nil || v.Schema.Type == nil || ofType(v.Schema, v.Got) {
		return
	}
	v.Rule, v.Detail = "type", ""
	v.Basis, v.Where = o.schemaBasis(v.Schema, "type", ""), o.schemaLocation(v.Schema, "type")
}

// ofType reports whether a decoded value is of a type that the schema declares.
func ofType(s *Schema, v any) bool {
	switch v := v.(type) {
	case nil:
		return s.Nullable
	case bool:
		return s.Type.Includes(openapi3.TypeBoolean)
	case string:
		return s.Type.Includes(openapi3.TypeString)
	case []any:
		return s.Type.Includes(openapi3.TypeArray)
	case map[string]any:
		return s.Type.Includes(openapi3.TypeObject)
	case json.Number:
		integral, _, _, _ := numberOf(v.String())
		return s.Type.Includes(openapi3.TypeNumber) || integral && s.Type.Includes(openapi3.TypeInteger)
	}
	return true
}

// own completes a violation with what its redaction and its wording need.
func (o *Operation) own(v *Violation) {
	v.op = o
	if v.root == nil {
		v.root = v.Schema
		if v.In == InBody {
			v.root = o.facts().bodySchema
		}
	}
}

// validate asks kin-openapi about the parameters.
func (o *Operation) validate(ctx context.Context, m *Message, query url.Values) error {
	if o.facts().plain == 0 {
		return nil
	}
	request := noHeaders
	if o.facts().headers {
		request = &http.Request{Header: m.Header}
	}
	return openapi3filter.ValidateRequest(ctx, &openapi3filter.RequestValidationInput{
		Request: request, PathParams: m.Vars, QueryParams: query, Route: o.facts().route, Options: optionsNoBody,
	})
}

var optionsNoBody = func() *openapi3filter.Options {
	o := *options
	o.ExcludeRequestBody = true
	return &o
}()

// reasonEscape is the detail of a violation about a parameter of a query that cannot
// be decoded.
const reasonEscape = "an escape is malformed, or not of UTF-8"

// judgeQuery reports what kin-openapi does not look at: parameters that the
// operation does not declare, and single-valued ones given twice.
func (o *Operation) judgeQuery(query *queryValues, found *collector) {
	if len(query.Values) == 0 {
		return
	}
	values := query.Values
	v := Violation{Side: SideClient, Basis: BasisInferred, In: InQuery, Operation: o.ID}
	v.Rule, v.Detail, v.Where = RuleUnknownQuery, reasonEscape, o.document.locate(o.Pointer())
	for _, v.Name = range slices.Compact(slices.Sorted(slices.Values(query.malformed))) {
		found.add(&v)
	}
	v.Detail = ""
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v.Name = name
		switch p := o.facts().query[name]; {
		case p == nil:
			if !slices.ContainsFunc(o.facts().readers, func(r *parameterReader) bool { return r.claims(name) }) {
				found.add(&v)
			}
		case len(values[name]) > 1 && p.Schema != nil && !isList(p):
			again := v
			again.Rule, again.Schema, again.Where = RuleRepeated, p.Schema.Value, o.parameterLocation(p, "")
			found.add(&again)
		}
	}
}

// judgeMediaType compares the Content-Type with the declared ones, and gives what is
// declared for it. A body without a Content-Type, or with an empty one, is JSON if
// the operation takes that: HTTP leaves it to the recipient (RFC 9110, section 8.3).
// What parameters it has, and how they are spelled, is not asked.
func (o *Operation) judgeMediaType(m *Message) (*content, *Violation) {
	values := m.Header.Values("Content-Type")
	if o.document.starlette {
		values = values[:min(len(values), 1)]
	}
	if len(values) <= 1 {
		if c := o.contentFor(m.Header.Get("Content-Type")); c != nil || len(values) == 0 {
			return c, nil
		}
	}
	if len(m.Body) == 0 && !o.facts().bodyNeeded {
		return nil, nil
	}
	return nil, o.mediaTypeViolation(strings.Join(values, ", "))
}

func (o *Operation) mediaTypeViolation(got string) *Violation {
	return &Violation{
		Side: SideClient, Rule: RuleMediaType, In: InBody, Got: got,
		Detail: strings.Join(o.facts().mediaTypes, " or "),
		Basis:  o.document.index().basis(o.facts().bodyPointer, "content", ""), Operation: o.ID,
		Where: o.document.locate(o.facts().bodyPointer + "/content"),
	}
}

func (o *Operation) bodyMissing() Violation {
	v := Violation{
		Side: SideClient, Rule: "required", In: InBody, Schema: o.facts().bodySchema, Operation: o.ID,
		Basis: o.document.index().basis(o.facts().bodyPointer, "required", ""),
		Where: o.document.locate(o.facts().bodyPointer + "/required"),
	}
	if v.Schema == nil { // there is only the type to name
		v.Detail = strings.Join(o.facts().mediaTypes, " or ")
	}
	return v
}

func (o *Operation) numberViolation(rule string, path []Step, p *payload) Violation {
	v := o.bodyViolation(p.content, rule)
	v.Schema, v.Path, v.Got = nil, path, valueAt(p.value, path)
	if schemas := schemasAt(p.content.schema, path); len(schemas) > 0 {
		v.Schema = schemas[0]
		v.Where = o.document.locate(o.document.index().at(v.Schema))
	}
	return v
}

func schemasAt(root *Schema, path []Step) []*Schema {
	if root == nil {
		return nil
	}
	schemas := []*Schema{root}
	for _, step := range path {
		schemas = children(schemas, step)
	}
	return schemas
}

func valueAt(v any, path []Step) any {
	for _, step := range path {
		switch c := v.(type) {
		case map[string]any:
			v = c[step.Name]
		case []any:
			if !step.Array || step.Index >= len(c) {
				return nil
			}
			v = c[step.Index]
		default:
			return nil
		}
	}
	return v
}
