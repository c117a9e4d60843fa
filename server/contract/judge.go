package contract

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

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
	j := &Judged{Body: m.Body}
	j.Violations = append(j.Violations, o.judgeQuery(m)...)
	if o.numberTexts {
		j.Violations = append(j.Violations, o.judgeNumberTexts(m)...)
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
			excludeBody = false
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
	if j.Value, err = o.validate(ctx, judged, excludeBody); err != nil {
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
func (o *Operation) validate(ctx context.Context, m *Message, excludeBody bool) (any, error) {
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
		Request: r, PathParams: m.Vars, Route: o.route, Options: opts,
	}
	if len(o.query) == 0 {
		input.QueryParams = url.Values{}
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
func (o *Operation) judgeQuery(m *Message) []Violation {
	if m.URL.RawQuery == "" {
		return nil
	}
	values, err := url.ParseQuery(m.URL.RawQuery)
	var found []Violation
	if err != nil {
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
// a Content-Type is judged as JSON: HTTP leaves it to the recipient (RFC 9110,
// section 8.3).
func (o *Operation) judgeMediaType(m *Message) (Violation, bool) {
	values := m.Header.Values("Content-Type")
	if len(values) == 0 {
		return Violation{}, true
	}
	mediaType, _, err := mime.ParseMediaType(values[0])
	if err == nil && len(values) == 1 && slices.Contains(o.mediaTypes, mediaType) {
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

// explainer turns kin-openapi's errors into violations. It never uses their text:
// that holds schema and value, secrets included.
type explainer struct {
	operation *Operation
	side      Side
	status    int
	body      []byte
	originals map[*Schema]*Schema // partial copies made by rest -> what they stand for
}

func (e *explainer) violation(in In) Violation {
	return Violation{Side: e.side, In: in, Operation: e.operation.ID, Basis: BasisPublished, op: e.operation}
}

func (e *explainer) request(err error) []Violation {
	var found []Violation
	for _, err := range flatten(err) {
		var re *openapi3filter.RequestError
		if !errors.As(err, &re) {
			found = append(found, e.unknown())
			continue
		}
		if re.Parameter != nil {
			found = append(found, e.parameter(re)...)
			continue
		}
		found = append(found, e.requestBody(re)...)
	}
	return found
}

// unknown stands for an error this package does not know: a bug of ours, shown as
// such instead of letting the message pass.
func (e *explainer) unknown() Violation {
	v := e.violation(InMessage)
	v.Rule, v.Where = "unknown", e.operation.document.locate(e.operation.Pointer())
	return v
}

func (e *explainer) parameter(re *openapi3filter.RequestError) []Violation {
	o, p := e.operation, re.Parameter
	base := e.violation(In(p.In))
	base.Name = p.Name
	if p.Schema != nil {
		base.Schema = p.Schema.Value
		base.root = base.Schema
	}
	texts := parameterTexts(re)
	if len(texts) > 0 {
		base.Raw = texts[0]
	}
	at := o.parameterPointer(p)
	var parse *openapi3filter.ParseError
	switch {
	case errors.Is(re.Err, openapi3filter.ErrInvalidRequired):
		base.Rule, base.Where = "required", o.document.locate(at+"/required")
		base.Basis = o.document.index().basis(at, "required", "")
		return []Violation{base}
	case errors.Is(re.Err, openapi3filter.ErrInvalidEmptyValue) && base.Schema.Type == nil && len(base.Schema.AnyOf)+len(base.Schema.OneOf) == 0:
		return nil // of any type: kin-openapi does not decode it
	case errors.Is(re.Err, openapi3filter.ErrInvalidEmptyValue):
		base.Rule, base.Where = "type", o.parameterLocation(p, "type")
		base.Basis, base.Got = o.schemaBasis(base.Schema, "type", ""), base.Raw
		return []Violation{base}
	case errors.As(re.Err, &parse):
		base.Rule, base.Where = "type", o.parameterLocation(p, "type")
		base.Basis = o.schemaBasis(base.Schema, "type", "")
		if items := base.Schema.Items; items != nil && base.Schema.Type.Is(openapi3.TypeArray) {
			// kin-openapi stops at the first item that it cannot read.
			var found []Violation
			for i, text := range texts {
				if item, ok := unreadable(base, items.Value, text); ok {
					item.Path = append(slices.Clone(base.Path), Step{Array: true, Index: i})
					item.Where = o.schemaLocation(items.Value, "type")
					found = append(found, item)
				}
			}
			if len(found) > 0 {
				return found
			}
		}
		v, _ := unreadable(base, base.Schema, base.Raw)
		return []Violation{v}
	}
	var found []Violation
	for _, err := range flatten(re.Err) {
		var se *openapi3.SchemaError
		if !errors.As(err, &se) {
			v := base
			v.Got, v.Where = v.Raw, o.parameterLocation(p, "type")
			v.Rule, v.Basis = "type", o.schemaBasis(v.Schema, "type", "")
			if errors.Is(err, openapi3.ErrSchemaInputNaN) || errors.Is(err, openapi3.ErrSchemaInputInf) {
				v.Rule = RuleNumberRange
			}
			found = append(found, v)
			continue
		}
		for _, v := range e.schema(se, base, nil) {
			if len(v.Path) == 1 && v.Path[0].Array && v.Path[0].Index < len(texts) {
				v.Raw = texts[v.Path[0].Index]
			}
			found = append(found, v)
		}
	}
	return found
}

// unreadable makes the violation for a parameter's text, and tells whether the
// text cannot be read as its schema's type.
func unreadable(base Violation, s *Schema, text string) (Violation, bool) {
	v := base
	v.Schema, v.Raw, v.Got = s, text, text
	integral, inFloat, inInt, _ := numberOf(text)
	switch {
	case s.Type.Includes(openapi3.TypeInteger):
		if integral && !inInt {
			v.Rule = RuleIntegerRange
		}
		_, err := strconv.ParseInt(text, 10, 64)
		return v, err != nil
	case s.Type.Includes(openapi3.TypeNumber):
		if integral && !inFloat {
			v.Rule = RuleNumberRange
		}
		_, err := strconv.ParseFloat(text, 64)
		return v, err != nil
	case s.Type.Includes(openapi3.TypeBoolean):
		_, err := strconv.ParseBool(text)
		return v, err != nil
	}
	return v, false
}

// judgeNumberTexts refuses what Go reads as a number and nobody else does: 1_000,
// 0x1p4.
func (o *Operation) judgeNumberTexts(m *Message) []Violation {
	var found []Violation
	for _, p := range o.parameters {
		if p.Schema == nil || !p.Schema.Value.Type.Is(openapi3.TypeNumber) {
			continue
		}
		text := ""
		switch p.In {
		case openapi3.ParameterInPath:
			text = m.Vars[p.Name]
		case openapi3.ParameterInQuery:
			text = m.URL.Query().Get(p.Name)
		case openapi3.ParameterInHeader:
			text = m.Header.Get(p.Name)
		}
		if _, err := strconv.ParseFloat(text, 64); err == nil && strings.ContainsAny(text, "_xX") {
			found = append(found, Violation{
				Side: SideClient, Rule: "type", In: In(p.In), Name: p.Name, Schema: p.Schema.Value,
				Raw: text, Got: text, Operation: o.ID,
				Basis: o.schemaBasis(p.Schema.Value, "type", ""), Where: o.parameterLocation(p, "type"),
			})
		}
	}
	return found
}

// parameterTexts gives the text of a parameter as it came, or of each item of an
// array.
func parameterTexts(re *openapi3filter.RequestError) []string {
	p, in := re.Parameter, re.Input
	var texts []string
	switch p.In {
	case openapi3.ParameterInPath:
		if text, ok := in.PathParams[p.Name]; ok {
			texts = []string{text}
		}
	case openapi3.ParameterInQuery:
		texts = in.GetQueryParams()[p.Name]
	case openapi3.ParameterInHeader:
		texts = in.Request.Header.Values(p.Name)
	case openapi3.ParameterInCookie:
		if c, err := in.Request.Cookie(p.Name); err == nil {
			texts = []string{c.Value}
		}
	}
	if p.Schema == nil || !p.Schema.Value.Type.Is(openapi3.TypeArray) || len(texts) == 0 {
		return texts
	}
	if sm, err := p.SerializationMethod(); err == nil && (!sm.Explode || p.In == openapi3.ParameterInHeader) {
		return strings.Split(texts[0], ",")
	}
	return texts
}

func (e *explainer) requestBody(re *openapi3filter.RequestError) []Violation {
	base := e.violation(InBody)
	base.Schema = e.operation.bodySchema
	base.root = base.Schema
	base.Where = e.operation.document.locate(e.operation.bodyPointer)
	var syntax *jsonError
	if errors.As(re.Err, &syntax) {
		base.Rule, base.Detail, base.Offset = RuleJSON, syntax.Reason, syntax.Offset
		return []Violation{base}
	}
	return e.schemas(re.Err, base)
}

// schemas explains the schema errors of a body.
func (e *explainer) schemas(err error, base Violation) []Violation {
	value, _ := decodeJSON(e.body)
	var found []Violation
	refuses := false
	for _, err := range flatten(err) {
		var se *openapi3.SchemaError
		if !errors.As(err, &se) {
			found = append(found, e.unknown())
			continue
		}
		// Past the bound only what changes the verdict is still looked at.
		full := len(found) >= MaxExplained
		if full && refuses {
			break
		}
		for _, v := range e.schema(se, base, value) {
			if !full || (v.Refuses() && !refuses) {
				found = append(found, v)
			}
			refuses = refuses || v.Refuses()
		}
	}
	return found
}

// MaxExplained bounds how many mistakes of one body are explained. A body of a
// megabyte can hold 160,000.
const MaxExplained = 1000

func (e *explainer) response(err error) []Violation {
	o := e.operation
	var found []Violation
	for _, err := range flatten(err) {
		var re *openapi3filter.ResponseError
		if !errors.As(err, &re) {
			found = append(found, e.unknown())
			continue
		}
		base := e.violation(InBody)
		responses := o.Pointer() + "/responses"
		at := responses + "/" + itoa(e.status)
		ref := o.operation.Responses.Status(e.status)
		var syntax *jsonError
		switch {
		case ref == nil:
			base.Rule, base.In, base.Where, base.Got = RuleStatus, InMessage, o.document.locate(responses), e.status
			found = append(found, base)
		case strings.HasPrefix(re.Reason, "response header ") || strings.HasPrefix(re.Reason, "unable to decode header "):
			base.Rule, base.In, base.Where = "headers", InHeader, o.document.locate(at+"/headers")
			_, name, _ := strings.Cut(re.Reason, `"`)
			base.Name, _, _ = strings.Cut(name, `"`)
			found = append(found, base)
		case errors.As(re.Err, &syntax):
			base.Rule, base.Detail, base.Offset, base.Where = RuleJSON, syntax.Reason, syntax.Offset, o.document.locate(at)
			found = append(found, base)
		case re.Err == nil:
			base.Rule, base.Where = RuleMediaType, o.document.locate(at+"/content")
			found = append(found, base)
		default:
			base.Where = o.document.locate(at)
			base.root = contentSchema(ref.Value.Content)
			found = append(found, e.schemas(re.Err, base)...)
		}
	}
	return found
}

// flatten lists the errors inside kin-openapi's MultiErrors.
func flatten(err error) []error {
	if me, ok := err.(openapi3.MultiError); ok { //nolint:errorlint // only the outermost list is one
		var all []error
		for _, e := range me {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// schema explains one schema error. Unions are explained branch by branch, and
// allOf by what is inside it.
func (e *explainer) schema(se *openapi3.SchemaError, base Violation, body any) []Violation {
	v := base
	v.Schema, v.Rule = e.original(se.Schema), se.SchemaField
	v.Path = append(slices.Clone(base.Path), stepsOf(se.JSONPointer(), valueAt(body, base.Path))...)
	v.Got = se.Value
	if body != nil {
		v.Got = valueAt(body, v.Path)
	}
	member := ""
	keyword := se.SchemaField
	switch se.SchemaField {
	case "required":
		member = v.Path[len(v.Path)-1].Name
		v.Got = valueAt(body, v.Path[:len(v.Path)-1])
		v.Detail = member
	case "properties":
		return e.additional(v, se.Reason)
	case "nullable":
		v.Rule, keyword = "type", "type"
	case "type":
		if n, ok := v.Got.(json.Number); ok {
			if _, err := n.Float64(); err != nil {
				v.Rule = RuleNumberRange
			}
		}
	case "not":
		if se.Schema.Not == notNull {
			v.Rule, keyword = "type", "type"
		}
	case "allOf":
		inner := schemaErrorsIn(se.Origin)
		if len(inner) > 0 {
			var found []Violation
			at := v
			at.Path = base.Path // the inner errors know the whole way
			for _, se := range inner {
				found = append(found, e.schema(se, at, body)...)
			}
			return append(found, e.rest(se.Schema, "allOf", base, v, body)...)
		}
	case "anyOf", "oneOf":
		object, isObject := v.Got.(map[string]any)
		if d := se.Schema.Discriminator; d == nil {
			v.Branches = e.branches(se.Schema, v, body)
		} else if !isObject {
			// Every branch is an object: one violation says it.
			v.Rule, keyword = "type", "type"
		} else if inner := schemaErrorsIn(se.Origin); len(inner) > 0 {
			tag, _ := object[d.PropertyName].(string)
			at := v
			at.Path = base.Path // the inner errors know the whole way
			at.Within = append(slices.Clone(v.Within), Branch{At: len(v.Path), Tag: tag, Schema: taggedBranch(se.Schema, tag)})
			var found []Violation
			for _, se := range inner {
				found = append(found, e.schema(se, at, body)...)
			}
			return append(found, e.rest(se.Schema, se.SchemaField, base, v, body)...)
		}
	case "enum":
		if e.operation.isConst(v.Schema) {
			keyword = "const"
		}
	}
	v.Where = e.operation.schemaLocation(v.Schema, keyword)
	v.Basis = e.operation.schemaBasis(v.Schema, keyword, member)
	return append([]Violation{v}, e.rest(se.Schema, se.SchemaField, base, v, body)...)
}

// rest judges a value by the keywords beside a union, an allOf or a not that
// failed: kin-openapi stops there. The visit's order is not, oneOf, anyOf, allOf,
// the others.
func (e *explainer) rest(s *Schema, failed string, base, at Violation, body any) []Violation {
	rest := *s
	switch failed {
	case "allOf":
		rest.AllOf, rest.AnyOf, rest.OneOf, rest.Not, rest.Discriminator = nil, nil, nil, nil, nil
	case "anyOf", "discriminator":
		rest.AnyOf, rest.OneOf, rest.Not, rest.Discriminator = nil, nil, nil, nil
	case "oneOf":
		rest.OneOf, rest.Not = nil, nil
		if len(rest.AnyOf) == 0 {
			rest.Discriminator = nil
		}
	case "not":
		rest.Not = nil
	default:
		return nil
	}
	value := at.Got
	if rest.IsEmpty() || (value == nil && rest.Type == nil) {
		return nil
	}
	if e.originals == nil {
		e.originals = map[*Schema]*Schema{}
	}
	e.originals[&rest] = e.original(s)
	direction := openapi3.VisitAsRequest()
	if e.side == SideServer {
		direction = openapi3.VisitAsResponse()
	}
	err := rest.VisitJSON(value, append([]openapi3.SchemaValidationOption{
		openapi3.MultiErrors(), direction,
	}, options.SchemaValidationOptions...)...)
	inside := base
	inside.Path = at.Path
	var found []Violation
	for _, err := range flatten(err) {
		var se *openapi3.SchemaError
		if errors.As(err, &se) {
			found = append(found, e.schema(se, inside, body)...)
		}
	}
	return found
}

func (e *explainer) original(s *Schema) *Schema {
	if o, ok := e.originals[s]; ok {
		return o
	}
	return s
}

// isConst reports whether the document says const where the judged form has an
// enum of one value.
func (o *Operation) isConst(s *Schema) bool {
	ix := o.document.index()
	_, ok := ix.lines[ix.pointers[s]+"/const"]
	return ok && len(s.Enum) == 1
}

// taggedBranch is the branch of a discriminated union that a tag selects.
func taggedBranch(s *Schema, tag string) *Schema {
	ref := s.Discriminator.Mapping[tag].Ref
	for _, branch := range slices.Concat(s.OneOf, s.AnyOf) {
		if branch.Ref == ref || branch.Ref == "#/components/schemas/"+ref {
			return branch.Value
		}
	}
	return s
}

// additional places a member that the schema forbids: kin-openapi reports it
// against the object, with the member's name only in its reason.
func (e *explainer) additional(v Violation, reason string) []Violation {
	_, quoted, _ := strings.Cut(reason, " ")
	quoted, _ = strings.CutSuffix(quoted, " is unsupported")
	name, err := strconv.Unquote(quoted)
	if err != nil {
		return []Violation{e.unknown()}
	}
	object, _ := v.Got.(map[string]any)
	v.Rule, v.Detail = "additionalProperties", name
	v.Path = append(slices.Clone(v.Path), Step{Name: name})
	v.Got = object[name]
	v.Where = e.operation.schemaLocation(v.Schema, "additionalProperties")
	v.Basis = e.operation.schemaBasis(v.Schema, "additionalProperties", "")
	return []Violation{v}
}

// branches judges the value by each branch of a union.
func (e *explainer) branches(s *Schema, base Violation, body any) [][]Violation {
	var all [][]Violation
	value := base.Got
	direction := openapi3.VisitAsRequest()
	if e.side == SideServer {
		direction = openapi3.VisitAsResponse()
	}
	for _, ref := range slices.Concat(s.AnyOf, s.OneOf) {
		base := base
		base.Within = append(slices.Clone(base.Within), Branch{At: len(base.Path), Schema: ref.Value})
		err := ref.Value.VisitJSON(value, append([]openapi3.SchemaValidationOption{
			openapi3.MultiErrors(), direction,
		}, options.SchemaValidationOptions...)...)
		var found []Violation
		for _, err := range flatten(err) {
			var se *openapi3.SchemaError
			if errors.As(err, &se) {
				found = append(found, e.schema(se, base, body)...)
			}
		}
		if len(found) > 1 {
			e.operation.sort(found, e.body)
		}
		all = append(all, found)
	}
	return all
}

// schemaErrorsIn finds the schema errors inside an origin of allOf or oneOf.
func schemaErrorsIn(err error) []*openapi3.SchemaError {
	var found []*openapi3.SchemaError
	var walk func(err error)
	walk = func(err error) {
		switch x := err.(type) { //nolint:errorlint // every level is looked at
		case nil:
		case *openapi3.SchemaError:
			found = append(found, x)
		case interface{ Unwrap() []error }:
			for _, e := range x.Unwrap() {
				walk(e)
			}
		case interface{ Unwrap() error }:
			walk(x.Unwrap())
		default:
			if me := (openapi3.MultiError{}); errors.As(err, &me) {
				for _, e := range me {
					walk(e)
				}
			}
		}
	}
	walk(err)
	return found
}

// stepsOf reads pointer tokens against the value they point into, which tells
// indices from member names.
func stepsOf(tokens []string, v any) []Step {
	steps := make([]Step, 0, len(tokens))
	for _, token := range tokens {
		step := Step{Name: token}
		if items, ok := v.([]any); ok {
			n := 0
			for _, c := range token {
				n = n*10 + int(c-'0')
			}
			step = Step{Array: true, Index: n}
			if n < len(items) {
				v = items[n]
			}
		} else if object, ok := v.(map[string]any); ok {
			v = object[token]
		}
		steps = append(steps, step)
	}
	return steps
}

func (o *Operation) parameterPointer(p *openapi3.Parameter) string {
	for i, ref := range o.operation.Parameters {
		if ref.Value == p {
			if ref.Ref != "" {
				return strings.TrimPrefix(ref.Ref, "#")
			}
			return o.Pointer() + "/parameters/" + itoa(i)
		}
	}
	for i, ref := range o.route.PathItem.Parameters {
		if ref.Value == p {
			if ref.Ref != "" {
				return strings.TrimPrefix(ref.Ref, "#")
			}
			return "/paths/" + pointerEscaper.Replace(o.Path) + "/parameters/" + itoa(i)
		}
	}
	return o.Pointer()
}

func (o *Operation) parameterLocation(p *openapi3.Parameter, keyword string) Location {
	at := o.parameterPointer(p)
	if keyword != "" {
		at += "/schema/" + keyword
	}
	return o.document.locate(at)
}

func (o *Operation) schemaLocation(s *Schema, keyword string) Location {
	at, ok := o.document.index().pointers[s]
	if !ok {
		at = o.Pointer()
	}
	return o.document.locate(at + "/" + keyword)
}

func (o *Operation) schemaBasis(s *Schema, keyword, member string) Basis {
	ix := o.document.index()
	at, ok := ix.pointers[s]
	if !ok {
		at = o.Pointer()
	}
	return ix.basis(at, keyword, member)
}

// sort orders violations: by part of the message, then by document order of the
// place in it. Members that the document does not name come last, in the order in
// which they came.
func (o *Operation) sort(vs []Violation, body []byte) {
	parts := []In{InMessage, InPath, InQuery, InHeader, InCookie, InBody}
	arrival := sync.OnceValue(func() map[string]int {
		names := map[string]bool{}
		for i := range vs {
			for _, step := range vs[i].Path {
				names[step.Name] = true
			}
		}
		return memberOrder(body, names)
	})
	keys := make(map[*Violation][]int, len(vs))
	ordered := make([]*Violation, len(vs))
	for i := range vs {
		v := &vs[i]
		ordered[i] = v
		keys[v] = append([]int{slices.Index(parts, v.In)}, o.placeKey(v, arrival)...)
	}
	slices.SortStableFunc(ordered, func(a, b *Violation) int { return slices.Compare(keys[a], keys[b]) })
	sorted := make([]Violation, len(vs))
	for i, v := range ordered {
		sorted[i] = *v
	}
	copy(vs, sorted)
}

func (o *Operation) placeKey(v *Violation, arrival func() map[string]int) []int {
	if v.In != InBody {
		for i, p := range o.parameters {
			if p.Name == v.Name && In(p.In) == v.In {
				key := []int{i}
				for _, step := range v.Path {
					key = append(key, step.Index)
				}
				return key
			}
		}
		return []int{len(o.parameters)}
	}
	var key []int
	var schemas []*Schema
	if o.bodySchema != nil {
		schemas = []*Schema{o.bodySchema}
	}
	ix := o.document.index()
	for i, step := range v.Path {
		for _, branch := range v.Within {
			if branch.At == i {
				schemas = []*Schema{branch.Schema}
			}
		}
		if step.Array {
			key = append(key, step.Index)
		} else {
			line := int(^uint(0) >> 1)
			for _, s := range expand(schemas) {
				if s.Properties[step.Name] != nil {
					if l, ok := ix.lines[ix.pointers[s]+"/properties/"+pointerEscaper.Replace(step.Name)]; ok {
						line = l
						break
					}
				}
			}
			key = append(key, line)
			if line == int(^uint(0)>>1) {
				key = append(key, arrival()[pointerOf(v.Path[:i+1])])
			}
		}
		schemas = children(schemas, step)
	}
	return key
}

// bytesBody is a request or response body over bytes.
type bytesBody struct {
	rest []byte
}

func newBytesBody(b []byte) io.ReadCloser { return &bytesBody{rest: b} }

func (b *bytesBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *bytesBody) Close() error { return nil }
