package contract

import (
	"context"
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

// judgedHeader is what kin-openapi sees of the headers of an operation that
// declares no header parameter.
var judgedHeader = http.Header{"Content-Type": {judgedJSON}}

// Judged is the outcome of judging a request.
type Judged struct {
	Violations []Violation
	// Body is the body to hand to the generated code: what came, except that
	// integral literals are plain where the schema wants an integer.
	Body []byte
	// Value is the decoded Body, nil if it was not judged or found wrong.
	Value any

	query queryValues
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

// doubtful lists the violations that may keep a request from being understood.
func (j *Judged) doubtful() []Violation {
	var found []Violation
	for i := range j.Violations {
		if v := &j.Violations[i]; slices.Contains(unreadableRules, v.Rule) {
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
		if v := &j.Violations[i]; v.In == InQuery && !v.Refuses() && slices.Contains(unreadableRules, v.Rule) {
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
}

// JudgeRequest judges a request for this operation, body included. It reports
// every violation it can find, in the order path, query, header, cookie, body,
// and within a body in the order of the document.
func (o *Operation) JudgeRequest(ctx context.Context, m *Message) *Judged {
	j := &Judged{Body: m.Body, query: readQuery(m.URL.RawQuery, o.document.wholeEscapes)}
	j.Violations = append(j.Violations, o.judgeQuery(&j.query)...)
	if o.numberTexts {
		j.Violations = append(j.Violations, o.judgeNumberTexts(m, j.query.Values)...)
	}

	excludeBody := true
	if o.document.eagerBody {
		found, judge := o.judgeEagerBody(m)
		j.Violations = append(j.Violations, found...)
		excludeBody = !judge
	} else if o.HasBody() {
		switch v, ok := o.judgeMediaType(m); {
		case !ok:
			j.Violations = append(j.Violations, v)
		case len(m.Body) == 0:
			if o.bodyNeeded {
				j.Violations = append(j.Violations, o.bodyMissing())
			}
		default:
			excludeBody = o.bodySchema == nil || notJSON(m.Header)
		}
	}
	odd := !excludeBody && oddNumbers(m.Body)
	judged := m
	var beyondFloat []Violation
	if odd {
		if value, err := decodeJSON(m.Body); err == nil {
			if found := unrepresentable(value, nil, nil); len(found) > 0 {
				// kin-openapi must not meet them, but judges the rest.
				plain := *m
				plain.Body = plainNumbers(m.Body)
				judged = &plain
				for _, path := range found {
					beyondFloat = append(beyondFloat, o.numberViolation(RuleNumberRange, path, value))
				}
			}
		}
	}

	var err error
	if j.Value, err = o.validate(ctx, judged, j.query.Values, excludeBody); err != nil {
		e := &explainer{operation: o, side: SideClient, body: m.Body}
		j.Violations = append(j.Violations, e.request(err)...)
	}
	if len(beyondFloat) > 0 {
		j.Violations = slices.DeleteFunc(j.Violations, func(v Violation) bool {
			return v.In == InBody && slices.ContainsFunc(beyondFloat, func(n Violation) bool { return slices.Equal(n.Path, v.Path) })
		})
		j.Violations = append(j.Violations, beyondFloat...)
	}
	if odd && o.integers {
		o.judgeIntegers(j, m.Body)
		if j.Value != nil {
			j.Value, _ = decodeJSON(j.Body)
		}
	}
	for i := range j.Violations {
		o.own(&j.Violations[i])
	}
	if len(j.Violations) > 1 {
		o.sort(j.Violations, m.Body)
	}
	return j
}

// judgeIntegers normalises the integers of a body, and reports those that do not
// fit in 64 bits and the fractions that only look integral as a float64.
func (o *Operation) judgeIntegers(j *Judged, body []byte) {
	plain, beyond, fractions := integralLiterals(body, o.bodySchema)
	j.Body = plain
	if len(beyond)+len(fractions) == 0 {
		return
	}
	value, _ := decodeJSON(body)
	known := func(path []Step, rules ...string) bool {
		return slices.ContainsFunc(j.Violations, func(v Violation) bool {
			return v.In == InBody && slices.Contains(rules, v.Rule) && slices.Equal(v.Path, path)
		})
	}
	for _, path := range beyond {
		if !known(path, RuleNumberRange) {
			j.Violations = append(j.Violations, o.numberViolation(RuleIntegerRange, path, value))
		}
	}
	for _, path := range fractions {
		if !known(path, RuleNumberRange, "type", "enum", "anyOf", "oneOf") {
			v := o.numberViolation("type", path, value)
			v.Basis = o.schemaBasis(v.Schema, "type", "")
			j.Violations = append(j.Violations, v)
		}
	}
}

// own completes a violation with what its redaction and its wording need.
func (o *Operation) own(v *Violation) {
	v.op = o
	if v.root == nil {
		v.root = v.Schema
		if v.In == InBody {
			v.root = o.bodySchema
		}
	}
}

// validate asks kin-openapi. It also gives the decoded body, if it was judged and
// found right.
func (o *Operation) validate(ctx context.Context, m *Message, query url.Values, excludeBody bool) (any, error) {
	header := judgedHeader
	if o.headers {
		header = m.Header.Clone()
		header.Set("Content-Type", judgedJSON)
	}
	r := &http.Request{Method: m.Method, URL: m.URL, Header: header, ContentLength: int64(len(m.Body))}
	opts := options
	if excludeBody {
		opts = optionsNoBody
	} else {
		r.Body = newBytesBody(m.Body)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: m.Vars, QueryParams: query, Route: o.route, Options: opts,
	}
	err := openapi3filter.ValidateRequest(ctx, input)
	if kept, ok := r.Body.(interface{ ValidatedValue() any }); ok {
		return kept.ValidatedValue(), err
	}
	return nil, err
}

var optionsNoBody = func() *openapi3filter.Options {
	o := *options
	o.ExcludeRequestBody = true
	return &o
}()

// judgeQuery reports what kin-openapi does not look at: parameters that the
// operation does not declare, and single-valued ones given twice.
func (o *Operation) judgeQuery(query *queryValues) []Violation {
	if len(query.Values) == 0 {
		return nil
	}
	values := query.Values
	var found []Violation
	if query.malformed {
		found = append(found, Violation{
			Side: SideClient, Rule: RuleUnknownQuery, Basis: BasisInferred, In: InQuery,
			Detail: "the query string is not well-formed", Operation: o.ID,
			Where: o.document.locate(o.Pointer()),
		})
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p := o.query[name]
		switch {
		case p == nil:
			found = append(found, Violation{
				Side: SideClient, Rule: RuleUnknownQuery, Basis: BasisInferred, In: InQuery, Name: name,
				Operation: o.ID, Where: o.document.locate(o.Pointer()),
			})
		case len(values[name]) > 1 && !p.Schema.Value.Type.Includes(openapi3.TypeArray):
			found = append(found, Violation{
				Side: SideClient, Rule: RuleRepeated, Basis: BasisInferred, In: InQuery, Name: name,
				Schema: p.Schema.Value, Operation: o.ID, Where: o.parameterLocation(p, ""),
			})
		}
	}
	return found
}

// judgeMediaType compares the Content-Type with the declared ones. A body without
// a Content-Type, or with an empty one, is judged as JSON: HTTP leaves it to the
// recipient (RFC 9110, section 8.3). What parameters it has, and how they are
// spelled, is not asked.
func (o *Operation) judgeMediaType(m *Message) (Violation, bool) {
	values := m.Header.Values("Content-Type")
	if len(values) == 0 || len(values) == 1 && strings.TrimSpace(values[0]) == "" {
		return Violation{}, true
	}
	if len(values) == 1 && slices.Contains(o.mediaTypes, mediaTypeOf(values[0])) {
		return Violation{}, true
	}
	if len(m.Body) == 0 && !o.bodyNeeded {
		return Violation{}, true
	}
	return Violation{
		Side: SideClient, Rule: RuleMediaType, In: InBody, Got: strings.Join(values, ", "),
		Detail: strings.Join(o.mediaTypes, " or "),
		Basis:  o.document.index().basis(o.bodyPointer, "content", ""), Operation: o.ID,
		Where: o.document.locate(o.bodyPointer + "/content"),
	}, false
}

func (o *Operation) bodyMissing() Violation {
	return Violation{
		Side: SideClient, Rule: "required", In: InBody, Schema: o.bodySchema, Operation: o.ID,
		Basis: o.document.index().basis(o.bodyPointer, "required", ""),
		Where: o.document.locate(o.bodyPointer + "/required"),
	}
}

func (o *Operation) numberViolation(rule string, path []Step, body any) Violation {
	v := Violation{
		Side: SideClient, Rule: rule, Basis: BasisPublished, In: InBody, Path: path,
		Got: valueAt(body, path), Operation: o.ID, Where: o.document.locate(o.bodyPointer),
	}
	if schemas := schemasAt(o.bodySchema, path); len(schemas) > 0 {
		v.Schema = schemas[0]
		v.Where = o.document.locate(o.document.index().pointers[v.Schema])
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

// JudgeResponse judges an answer to a request for this operation. body is judged
// only when the status and the method allow one.
func (o *Operation) JudgeResponse(ctx context.Context, method string, status int, header http.Header, body []byte) []Violation {
	if method == http.MethodHead {
		return nil
	}
	contentType := header.Get("Content-Type")
	ref := o.operation.Responses.Status(status)
	// Headers differ from answer to answer; where they are declared they are
	// judged each time.
	repeatable := ref != nil && len(ref.Value.Headers) == 0
	var known verdict
	if repeatable {
		known = newVerdict(o, status, contentType, body)
		if o.document.verdicts.right(known) {
			return nil
		}
	}
	judged := header
	if isJSON(contentType) {
		judged = judgedHeader
		if !repeatable {
			judged = header.Clone()
			judged.Set("Content-Type", judgedJSON)
		}
	}
	err := openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: &http.Request{Method: method}, Route: o.route,
		},
		Status: status, Header: judged, Body: newBytesBody(body), Options: options,
	})
	if err == nil {
		if len(body) > 0 && len(o.content(status)) == 0 {
			return []Violation{{
				Side: SideServer, Rule: RuleBodyUnused, Basis: BasisPublished, In: InBody, Operation: o.ID,
				Where: o.document.locate(o.Pointer() + "/responses/" + itoa(status)),
			}}
		}
		if repeatable {
			o.document.verdicts.remember(known)
		}
		return nil
	}
	e := &explainer{operation: o, side: SideServer, status: status, body: body}
	return e.response(err)
}

// notJSON reports whether a body is said to be of another type than JSON. Such a
// body is only declared: what it says is judged where it is read.
func notJSON(header http.Header) bool {
	contentType := header.Get("Content-Type")
	return contentType != "" && !isJSON(contentType)
}

// isJSON reports whether a Content-Type is application/json, with or without
// parameters.
func isJSON(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/json")
}

func (o *Operation) content(status int) openapi3.Content {
	if ref := o.operation.Responses.Status(status); ref != nil {
		return ref.Value.Content
	}
	return nil
}
