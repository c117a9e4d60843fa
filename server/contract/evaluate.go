package contract

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/decimal"
)

// kin-openapi's visitor knows the keywords of OpenAPI 3.0 and compares numbers as
// float64s. What needs more is judged by the evaluator: schemas from which one is
// reached that has a keyword of JSON Schema 2020-12 beyond those (Document.beyond), and,
// in documents that are not served here, messages with numbers that a float64 may round.
// It judges the same keywords alike; TestEvaluatorAgrees holds the two together.

// mistake is a keyword that a value breaks.
type mistake struct {
	schema   *Schema
	rule     string
	path     []Step
	got      any
	member   string // a name that is missing, or may not be there
	branches [][]mistake
	within   []Branch
	doubtful bool // a server that refuses it is as right as one that does not
}

// evaluator judges one value. It stops looking for more once it has found as many
// mistakes as are told.
type evaluator struct {
	document *Document
	request  bool
	fast     bool // the first mistake is enough
	applied  []*Schema
	within   []Branch
	untagged []mistake // objects of a request that lack the discriminator of a union
}

// evaluated is what of an object or array a schema has looked at.
type evaluated struct {
	names map[string]bool
	items map[int]bool
}

func (s *evaluated) add(other evaluated) {
	for name := range other.names {
		s.name(name)
	}
	for i := range other.items {
		s.item(i)
	}
}

func (s *evaluated) name(name string) {
	if s.names == nil {
		s.names = map[string]bool{}
	}
	s.names[name] = true
}

func (s *evaluated) item(i int) {
	if s.items == nil {
		s.items = map[int]bool{}
	}
	s.items[i] = true
}

// whole notes all that is in a value.
func (s *evaluated) whole(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			s.name(name)
		}
	case []any:
		for i := range v {
			s.item(i)
		}
	}
}

// accepts reports whether a schema takes a value.
func (d *Document) accepts(s *Schema, v any, side Side) bool {
	if d.beyond[s] {
		e := evaluator{document: d, request: side == SideClient}
		return e.takes(s, v)
	}
	direction := openapi3.VisitAsRequest()
	if side == SideServer {
		direction = openapi3.VisitAsResponse()
	}
	return s.VisitJSON(v, append([]openapi3.SchemaValidationOption{direction}, d.judgement().fast...)...) == nil
}

// Takes judges as documents beyond OpenAPI 3.0 ask for, schemas that were made of theirs
// too; nil of a document that asks for no more than kin-openapi judges.
func (d *Document) Takes(side Side) func(s *Schema, v any) bool {
	if len(d.beyond) == 0 {
		return nil
	}
	e := evaluator{document: d, request: side == SideClient}
	return e.takes
}

// visit judges a value by a schema and tells what is wrong. odd says that numbers are in
// it that a float64 may round.
func (e *finder) visit(s *Schema, value any, odd bool, base Violation) {
	d := e.operation.document
	if d.beyond[s] || odd && d.foreign {
		judge := evaluator{document: d, request: e.side == SideClient}
		found, _ := judge.eval(s, value, nil)
		for i := range found {
			e.mistake(&found[i], base)
		}
		for i := range judge.untagged {
			e.mistake(&judge.untagged[i], base)
		}
		if odd && e.side == SideClient {
			e.large(s, value, base)
		}
		return
	}
	if err := s.VisitJSON(value, d.judgement().of(e.side)...); err != nil {
		e.schemasIn(err, base, value)
	}
}

// large tells of integers beyond 64 bits whose schema does not say how large they may be:
// a server that refuses them is as right as one that does not.
func (e *finder) large(s *Schema, value any, base Violation) {
	var walk func(v any, path []Step)
	walk = func(v any, path []Step) {
		switch v := v.(type) {
		case json.Number:
			if d, ok := decimal.Parse(v.String()); ok && d.IsInteger() && !d.Within(64) {
				schemas := schemasAt(s, path)
				if wantsInteger(schemas) && !slices.ContainsFunc(expand(schemas), func(s *Schema) bool { return s.Format == "int64" || s.Format == "int32" }) {
					large := base
					large.Rule, large.Basis, large.Got, large.Path, large.Schema = RuleIntegerRange, BasisInferred, v, path, schemas[0]
					e.add(large)
				}
			}
		case []any:
			for i := range v {
				walk(v[i], append(slices.Clip(path), Step{Array: true, Index: i}))
			}
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(v[name], append(slices.Clip(path), Step{Name: name}))
			}
		}
	}
	walk(value, base.Path)
}

// mistake tells a mistake of the evaluator's.
func (e *finder) mistake(m *mistake, base Violation) {
	if e.found.full() {
		e.found.skip(1)
		return
	}
	v := base
	v.Schema, v.Rule, v.Got, v.Detail = m.schema, m.rule, m.got, m.member
	v.Path = append(slices.Clone(base.Path), m.path...)
	v.Within = append(slices.Clone(base.Within), m.within...)
	keyword := m.rule
	switch m.rule {
	case RuleIntegerRange:
		keyword = "format"
	case "enum":
		if e.operation.isConst(m.schema) {
			keyword = "const"
		}
	}
	for _, branch := range m.branches {
		whole := e.found
		e.found = whole.inside()
		for i := range branch {
			e.mistake(&branch[i], base)
		}
		v.Branches = append(v.Branches, e.found.found)
		e.found = whole
	}
	v.Where = e.operation.schemaLocation(m.schema, keyword)
	v.Basis = e.operation.schemaBasis(m.schema, keyword, m.member)
	if m.doubtful {
		v.Basis = BasisInferred
	}
	e.add(v)
}

// eval judges a value by a schema, and tells what of it the schema has looked at.
func (e *evaluator) eval(s *Schema, v any, path []Step) (found []mistake, seen evaluated) {
	add := func(rule string) {
		found = append(found, mistake{schema: s, rule: rule, path: path, got: v, within: slices.Clone(e.within)})
	}
	switch {
	case v == nil && s.Nullable:
		return nil, seen
	case s.Always != nil:
		if !*s.Always {
			add("boolean")
		}
		return found, seen
	case v == nil && s.Type != nil && !s.Type.Includes(openapi3.TypeNull):
		add("type")
		return found, seen
	}
	e.applied = append(e.applied, s)
	defer func() { e.applied = e.applied[:len(e.applied)-1] }()

	if s.Not != nil && e.takes(s.Not.Value, v) {
		rule := "not"
		if s.Not == notNull {
			rule = "type"
		}
		add(rule)
	}
	for _, step := range []func(*Schema, any, []Step, *evaluated) []mistake{e.unions, e.conditions} {
		found = append(found, step(s, v, path, &seen)...)
		if e.fast && len(found) > 0 {
			return found, seen
		}
	}
	if len(s.Enum) > 0 && !listedIn(s, v) {
		add("enum")
	}
	if s.Type != nil && !e.ofType(s, v) {
		add("type")
		return found, seen
	}
	switch v := v.(type) {
	case json.Number:
		found = append(found, e.number(s, v, path)...)
	case string:
		found = append(found, e.text(s, v, path)...)
	case []any:
		found = append(found, e.array(s, v, path, &seen)...)
	case map[string]any:
		found = append(found, e.object(s, v, path, &seen)...)
	case nil:
		if len(found) == 0 { // its union takes null more than once
			add("type")
		}
	}
	return found, seen
}

// takes reports whether a schema takes a value.
func (e *evaluator) takes(s *Schema, v any) bool {
	inner := evaluator{document: e.document, request: e.request, fast: true}
	found, _ := inner.eval(s, v, nil)
	return len(found) == 0
}

// child judges a part of a value.
func (e *evaluator) child(s *Schema, v any, path []Step, step Step) []mistake {
	outer := e.applied
	e.applied = nil
	found, _ := e.eval(s, v, append(slices.Clip(path), step))
	e.applied = outer
	return found
}

// ofType reports whether a value is of a type of the schema's.
func (e *evaluator) ofType(s *Schema, v any) bool {
	if n, isNumber := v.(json.Number); isNumber && !s.Type.Includes(openapi3.TypeNumber) {
		d, ok := decimal.Parse(n.String())
		return ok && d.IsInteger() && s.Type.Includes(openapi3.TypeInteger)
	}
	return v == nil && s.Type.Includes(openapi3.TypeNull) || ofType(s, v)
}

// unions judges by the branches of oneOf, anyOf and allOf.
func (e *evaluator) unions(s *Schema, v any, path []Step, seen *evaluated) (found []mistake) {
	for _, ref := range s.AllOf {
		inner, looked := e.eval(ref.Value, v, path)
		found = append(found, inner...)
		if len(inner) == 0 {
			seen.add(looked)
		}
	}
	for _, union := range []struct {
		rule     string
		branches openapi3.SchemaRefs
	}{{"oneOf", s.OneOf}, {"anyOf", s.AnyOf}} {
		if len(union.branches) == 0 {
			continue
		}
		rule, only := union.rule, (*Schema)(nil)
		if s.Discriminator != nil {
			tag, named, wrong := e.tagged(s, v)
			switch {
			case wrong:
				found = append(found, mistake{schema: s, rule: "discriminator", path: path, got: v, within: slices.Clone(e.within)})
				continue
			case named != nil:
				only = named
				e.within = append(e.within, Branch{At: len(path), Tag: tag, Schema: named})
			default: // which it is, nothing says: any will do
				rule = "anyOf"
				if _, isObject := v.(map[string]any); isObject && e.request {
					e.untagged = append(e.untagged, mistake{schema: s, rule: "discriminator", path: path, got: v, within: slices.Clone(e.within), doubtful: true})
				}
			}
		}
		if only != nil {
			inner, looked := e.eval(only, v, path)
			e.within = e.within[:len(e.within)-1]
			found = append(found, inner...)
			if len(inner) == 0 {
				seen.add(looked)
			}
			continue
		}
		matching := 0
		broken := make([][]mistake, 0, len(union.branches))
		for _, ref := range union.branches {
			e.within = append(e.within, Branch{At: len(path), Schema: ref.Value})
			inner, looked := e.eval(ref.Value, v, path)
			e.within = e.within[:len(e.within)-1]
			broken = append(broken, inner)
			if len(inner) == 0 {
				matching++
				seen.add(looked)
			}
		}
		if matching == 0 || matching > 1 && rule == "oneOf" {
			found = append(found, mistake{schema: s, rule: union.rule, path: path, got: v, branches: broken, within: slices.Clone(e.within)})
		}
	}
	return found
}

// tagged finds the branch that the discriminator of a value names. wrong says that it
// names none although all have names.
func (e *evaluator) tagged(s *Schema, v any) (tag string, branch *Schema, wrong bool) {
	object, _ := v.(map[string]any)
	tag, ok := object[s.Discriminator.PropertyName].(string)
	if !ok {
		return "", nil, false
	}
	ref := s.Discriminator.Mapping[tag].Ref
	named := 0
	for _, b := range slices.Concat(s.OneOf, s.AnyOf) {
		if b.Ref == "" {
			continue
		}
		named++
		_, name := cutComponent(b.Ref)
		if ref != "" && (b.Ref == ref || name == ref) || ref == "" && name == tag {
			return tag, b.Value, false
		}
	}
	return tag, nil, named == len(s.OneOf)+len(s.AnyOf)
}

// conditions judges by if, then and else, and by what members ask for others.
func (e *evaluator) conditions(s *Schema, v any, path []Step, seen *evaluated) (found []mistake) {
	apply := func(ref *openapi3.SchemaRef) {
		if ref == nil {
			return
		}
		inner, looked := e.eval(ref.Value, v, path)
		found = append(found, inner...)
		if len(inner) == 0 {
			seen.add(looked)
		}
	}
	if s.If != nil {
		inner := evaluator{document: e.document, request: e.request, fast: true}
		if broken, looked := inner.eval(s.If.Value, v, nil); len(broken) == 0 {
			seen.add(looked)
			apply(s.Then)
		} else {
			apply(s.Else)
		}
	}
	if s.DynamicRef != "" { // it is not judged, and may have looked at all
		seen.whole(v)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return found
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		if _, has := object[name]; has {
			apply(s.DependentSchemas[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		if _, has := object[name]; !has {
			continue
		}
		for _, needed := range s.DependentRequired[name] {
			if _, has := object[needed]; !has {
				found = append(found, mistake{
					schema: s, rule: "dependentRequired", got: v, member: needed, within: slices.Clone(e.within),
					path: append(slices.Clip(path), Step{Name: needed}),
				})
			}
		}
	}
	return found
}
