package contract

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// finder turns kin-openapi's errors into violations. It never uses their text:
// that holds schema and value, secrets included.
type finder struct {
	operation *Operation
	side      Side
	status    int
	payload   *payload // of the body that is explained; nil for none
	found     *collector
	originals map[*Schema]*Schema // partial copies made by rest -> what they stand for
}

func (e *finder) violation(in In) Violation {
	return Violation{Side: e.side, In: in, Operation: e.operation.ID, Basis: BasisPublished, op: e.operation}
}

// request explains what is wrong with the parameters.
func (e *finder) request(err error) {
	for _, err := range flatten(err) {
		var re *openapi3filter.RequestError
		if !errors.As(err, &re) || re.Parameter == nil {
			e.add(e.unknown())
			continue
		}
		e.parameter(re)
	}
}

// add tells a violation, once: what stands beside a union is judged anew when that has
// failed, and a type asked for by both is broken once.
func (e *finder) add(v Violation) {
	if n := len(e.found.found); n > 0 && v.Rule == "type" && v.Schema != nil {
		if last := &e.found.found[n-1]; last.Rule == v.Rule && last.Schema == v.Schema && slices.Equal(last.Path, v.Path) {
			return
		}
	}
	e.found.add(&v)
}

// unknown stands for an error this package does not know: a bug of ours, shown as
// such instead of letting the message pass.
func (e *finder) unknown() Violation {
	v := e.violation(InMessage)
	v.Rule, v.Where = "unknown", e.operation.document.locate(e.operation.Pointer())
	return v
}

func (e *finder) parameter(re *openapi3filter.RequestError) {
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
	cause := re.Err
	if p.In == openapi3.ParameterInPath && len(texts) > 0 && texts[0] == "" && p.Schema != nil {
		cause = emptyPath(p.Schema.Value, cause)
	}
	switch {
	case errors.Is(cause, openapi3filter.ErrInvalidRequired):
		base.Rule, base.Where = "required", o.document.locate(at+"/required")
		base.Basis = o.document.index().basis(at, "required", "")
		e.add(base)
		return
	case errors.Is(cause, openapi3filter.ErrInvalidEmptyValue) && base.Schema.Type == nil && len(base.Schema.AnyOf)+len(base.Schema.OneOf) == 0:
		return // of any type: kin-openapi does not decode it
	case errors.Is(cause, openapi3filter.ErrInvalidEmptyValue):
		base.Rule, base.Where = "type", o.parameterLocation(p, "type")
		base.Basis, base.Got = o.schemaBasis(base.Schema, "type", ""), base.Raw
		e.add(base)
		return
	case errors.As(cause, &parse):
		base.Rule, base.Where = "type", o.parameterLocation(p, "type")
		base.Basis = o.schemaBasis(base.Schema, "type", "")
		if items := base.Schema.Items; items != nil && base.Schema.Type.Is(openapi3.TypeArray) {
			// kin-openapi stops at the first item that it cannot read.
			wrong := 0
			for i, text := range texts {
				if item, ok := unreadable(base, items.Value, text); ok {
					item.Path = append(slices.Clone(base.Path), Step{Array: true, Index: i})
					item.Where = o.schemaLocation(items.Value, "type")
					e.add(item)
					wrong++
				}
			}
			if wrong > 0 {
				return
			}
		}
		v, _ := unreadable(base, base.Schema, base.Raw)
		e.add(v)
		return
	}
	for _, err := range flatten(cause) {
		var se *openapi3.SchemaError
		if !errors.As(err, &se) {
			v := base
			v.Got, v.Where = v.Raw, o.parameterLocation(p, "type")
			v.Rule, v.Basis = "type", o.schemaBasis(v.Schema, "type", "")
			if errors.Is(err, openapi3.ErrSchemaInputNaN) || errors.Is(err, openapi3.ErrSchemaInputInf) {
				v.Rule = RuleNumberRange
			}
			e.add(v)
			continue
		}
		before := len(e.found.found)
		e.schema(se, base, nil)
		for i := range e.found.found[before:] {
			v := &e.found.found[before+i]
			if len(v.Path) == 1 && v.Path[0].Array && v.Path[0].Index < len(texts) {
				v.Raw = texts[v.Path[0].Index]
			}
		}
	}
}

// emptyPath is what is wrong with an empty path parameter. kin-openapi calls it
// missing; where the router lets one be empty it is a text like another, and missing
// only if nothing else is wrong with it.
func emptyPath(s *Schema, missing error) error {
	if s.Type != nil && !s.Type.Includes(openapi3.TypeString) {
		return openapi3filter.ErrInvalidEmptyValue
	}
	opts := append([]openapi3.SchemaValidationOption{openapi3.MultiErrors()}, options.SchemaValidationOptions...)
	if err := s.VisitJSON("", opts...); err != nil {
		return err
	}
	return missing
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
func (o *Operation) judgeNumberTexts(m *Message, query url.Values) []Violation {
	var found []Violation
	for _, p := range o.facts().parameters {
		if p.Schema == nil || !p.Schema.Value.Type.Is(openapi3.TypeNumber) {
			continue
		}
		text := ""
		switch p.In {
		case openapi3.ParameterInPath:
			text = m.Vars[p.Name]
		case openapi3.ParameterInQuery:
			text = counting(query[p.Name])
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

func (e *finder) requestBody(err error) {
	e.schemas(err, e.operation.bodyViolation(e.payload.content, ""))
}

// schemas explains the schema errors of a body.
func (e *finder) schemas(err error, base Violation) { e.schemasIn(err, base, e.payload.value) }

// schemasIn explains the schema errors of a value.
func (e *finder) schemasIn(err error, base Violation, value any) {
	errs := outermostFirst(flatten(err))
	for i, err := range errs {
		if e.found.full() {
			e.found.skip(len(errs) - i)
			return
		}
		if se, ok := errors.AsType[*openapi3.SchemaError](err); ok {
			e.schema(se, base, value)
		} else {
			e.add(e.unknown())
		}
	}
}

// outermostFirst orders more errors than are explained by how deep in the body they
// are: a member that is missing is told before the thousand items that are wrong.
func outermostFirst(errs []error) []error {
	if len(errs) <= MaxExplained {
		return errs
	}
	byDepth := map[int][]error{}
	for _, err := range errs {
		depth := 0
		if se, ok := errors.AsType[*openapi3.SchemaError](err); ok {
			depth = len(se.JSONPointer())
		}
		byDepth[depth] = append(byDepth[depth], err)
	}
	sorted := make([]error, 0, len(errs))
	for _, depth := range slices.Sorted(maps.Keys(byDepth)) {
		sorted = append(sorted, byDepth[depth]...)
	}
	return sorted
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
func (e *finder) schema(se *openapi3.SchemaError, base Violation, body any) {
	if e.found.full() {
		e.found.skip(1)
		return
	}
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
		e.additional(v, se.Reason)
		return
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
			at := v
			at.Path = base.Path // the inner errors know the whole way
			for _, se := range inner {
				e.schema(se, at, body)
			}
			e.rest(se.Schema, "allOf", base, v, body)
			return
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
			for _, se := range inner {
				e.schema(se, at, body)
			}
			e.rest(se.Schema, se.SchemaField, base, v, body)
			return
		}
	case "enum":
		if e.operation.isConst(v.Schema) {
			keyword = "const"
		}
	}
	v.Where = e.operation.schemaLocation(v.Schema, keyword)
	v.Basis = e.operation.schemaBasis(v.Schema, keyword, member)
	e.add(v)
	e.rest(se.Schema, se.SchemaField, base, v, body)
}

// rest judges a value by the keywords beside a union, an allOf or a not that
// failed: kin-openapi stops there. The visit's order is not, oneOf, anyOf, allOf,
// the others.
func (e *finder) rest(s *Schema, failed string, base, at Violation, body any) {
	if e.found.full() {
		return
	}
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
		return
	}
	value := at.Got
	if rest.IsEmpty() || (value == nil && rest.Type == nil) {
		return
	}
	if e.originals == nil {
		e.originals = map[*Schema]*Schema{}
	}
	e.originals[&rest] = e.original(s)
	err := rest.VisitJSON(value, e.operation.document.judgement().of(e.side)...)
	inside := base
	inside.Path = at.Path
	for _, err := range flatten(err) {
		if se, ok := errors.AsType[*openapi3.SchemaError](err); ok {
			e.schema(se, inside, body)
		}
	}
}

func (e *finder) original(s *Schema) *Schema {
	if o, ok := e.originals[s]; ok {
		return o
	}
	return s
}

// isConst reports whether the document says const where the judged form has an
// enum of one value.
func (o *Operation) isConst(s *Schema) bool {
	ix := o.document.index()
	_, ok := ix.lines.Find(ix.at(s) + "/const")
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
func (e *finder) additional(v Violation, reason string) {
	_, quoted, _ := strings.Cut(reason, " ")
	quoted, _ = strings.CutSuffix(quoted, " is unsupported")
	name, err := strconv.Unquote(quoted)
	if err != nil {
		e.add(e.unknown())
		return
	}
	object, _ := v.Got.(map[string]any)
	v.Rule, v.Detail = "additionalProperties", name
	v.Path = append(slices.Clone(v.Path), Step{Name: name})
	v.Got = object[name]
	v.Where = e.operation.schemaLocation(v.Schema, "additionalProperties")
	v.Basis = e.operation.schemaBasis(v.Schema, "additionalProperties", "")
	e.add(v)
}

// branches judges the value by each branch of a union.
func (e *finder) branches(s *Schema, base Violation, body any) [][]Violation {
	var all [][]Violation
	whole := e.found
	value := base.Got
	for _, ref := range slices.Concat(s.AnyOf, s.OneOf) {
		base := base
		base.Within = append(slices.Clone(base.Within), Branch{At: len(base.Path), Schema: ref.Value})
		err := ref.Value.VisitJSON(value, e.operation.document.judgement().of(e.side)...)
		e.found = whole.inside()
		for _, err := range flatten(err) {
			if se, ok := errors.AsType[*openapi3.SchemaError](err); ok {
				e.schema(se, base, body)
			}
		}
		all = append(all, e.found.found)
	}
	e.found = whole
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
