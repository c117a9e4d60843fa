package contract

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// lower rewrites the loaded document in place into what kin-openapi's 3.0 visitor
// judges exactly. Its 3.1 path compiles a JSON Schema per value per request,
// ignores writeOnly where a schema has no internal $ref, and reports only "anyOf"
// inside nullable fields. A keyword that cannot be expressed exactly fails the
// load: nothing is silently unenforced.
func (d *Document) lower() error {
	l := newLowerer(d)
	l.whole = true
	spec := d.spec
	l.draft2020 = spec.IsOpenAPI31OrLater()
	if l.draft2020 && !d.foreign && constNull.Match(d.json) {
		l.fail("const", "null is not told apart from no const: write type null")
	}
	if spec.Components != nil {
		for _, name := range slices.Sorted(maps.Keys(spec.Components.Schemas)) {
			l.ref("#/components/schemas/"+name, spec.Components.Schemas[name])
		}
		for name, ref := range sortedMap(spec.Components.Parameters) {
			l.parameter("#/components/parameters/"+name, ref.Value)
		}
		for name, ref := range sortedMap(spec.Components.RequestBodies) {
			l.content("#/components/requestBodies/"+name, ref.Value.Content)
		}
		for name, ref := range sortedMap(spec.Components.Responses) {
			l.response("#/components/responses/"+name, ref.Value)
		}
		for name, ref := range sortedMap(spec.Components.Headers) {
			l.parameter("#/components/headers/"+name, &ref.Value.Parameter)
		}
	}
	for path, item := range sortedMap(spec.Paths.Map()) {
		for i, ref := range item.Parameters {
			l.parameter("#/paths/"+pointerEscaper.Replace(path)+"/parameters/"+itoa(i), ref.Value)
		}
		for method, op := range sortedMap(item.Operations()) {
			at := "#" + operationPointer(method, path)
			for i, ref := range op.Parameters {
				l.parameter(at+"/parameters/"+itoa(i), ref.Value)
			}
			if op.RequestBody != nil {
				l.content(at+"/requestBody", op.RequestBody.Value.Content)
			}
			for status, ref := range sortedMap(op.Responses.Map()) {
				l.response(at+"/responses/"+status, ref.Value)
			}
		}
	}
	err := l.settle()
	l.settleBeyond()
	// From here on the model is a 3.0 one, whatever the file says.
	spec.OpenAPI = loweredVersion
	return err
}

// sortedMap goes through a map in the order of its keys.
func sortedMap[M ~map[string]V, V any](m M) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// loweredVersion is that of the judged form.
const loweredVersion = "3.0.3"

func newLowerer(d *Document) *lowerer {
	return &lowerer{document: d, done: map[*Schema]bool{}, surveyed: map[*Schema]bool{}, takesNull: map[*Schema]bool{}, bases: map[*Schema]*openapi3.SchemaRef{}, unwound: map[*Schema]bool{}, bodies: map[*openapi3.MediaType]bool{}}
}

// constNull finds what the loaded model has lost.
var constNull = regexp.MustCompile(`"const"\s*:\s*null\b`)

type lowerer struct {
	document  *Document
	done      map[*Schema]bool
	surveyed  map[*Schema]bool
	whole     bool                            // the document is read to be checked
	draft2020 bool                            // the document is a 3.1 one
	takesNull map[*Schema]bool                // the schemas that accept null
	bases     map[*Schema]*openapi3.SchemaRef // without their unions, for the branches of those
	unwound   map[*Schema]bool
	bodies    map[*openapi3.MediaType]bool
	lowered   []place // and not settled
	errs      []error
}

func (l *lowerer) fail(at, format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

func (l *lowerer) parameter(at string, p *openapi3.Parameter) {
	if p.Schema != nil {
		l.ref(at+"/schema", p.Schema)
	}
	l.content(at, p.Content)
}

func (l *lowerer) response(at string, r *openapi3.Response) {
	l.content(at, r.Content)
	for name, h := range sortedMap(r.Headers) {
		if h == nil || h.Value == nil {
			l.fail(at, "the header %s is null", name)
			continue
		}
		l.parameter(at+"/headers/"+pointerEscaper.Replace(name), &h.Value.Parameter)
	}
}

func (l *lowerer) content(at string, c openapi3.Content) {
	for name, mt := range sortedMap(c) {
		if mt == nil { // "application/json:" with nothing behind it says as much as {}
			mt = openapi3.NewMediaType()
			c[name] = mt
		}
		at := at + "/content/" + pointerEscaper.Replace(name)
		if l.document.foreign && !l.bodies[mt] { // those of components first
			l.bodies[mt] = true
			l.unread(at, newContent(name, mt))
		}
		if mt.Schema != nil {
			l.ref(at+"/schema", mt.Schema)
		}
	}
}

func (l *lowerer) ref(at string, ref *openapi3.SchemaRef) {
	if ref == nil {
		return
	}
	if ref.Value == nil {
		l.fail(at, "unresolved reference %q", ref.Ref)
		return
	}
	l.schema(at, ref.Value)
}

// schema lowers one schema in place, children first: a parent that merges a
// nullable child must see the child's final form.
func (l *lowerer) schema(at string, s *Schema) {
	if l.done[s] {
		return
	}
	l.done[s] = true
	l.survey(at, s)
	l.unsupported(at, s)
	eachChild(s, func(rel string, ref *openapi3.SchemaRef) { l.ref(at+rel, ref) })

	l.null(at, s)
	if s.Const != nil {
		s.Enum, s.Const = []any{s.Const}, nil
	}
	if len(s.PrefixItems) > 0 {
		l.prefixItems(at, s)
	}
	if l.document.foreign && s.Discriminator != nil && !l.plainlyTagged(s) {
		l.document.beyond[s] = true
	}
	s.Nullable = l.takesNull[s]
	// A keyword that says nothing of a value: the visitor's test for the empty schema
	// ends here and does not follow a schema's references to itself.
	s.AllowEmptyValue = s.Type == nil
	l.lowered = append(l.lowered, place{at, s})
}

// place is a schema and where it stands.
type place struct {
	at     string
	schema *Schema
}

// notNull stands in the judged form where a schema must be kept from null: the
// visitor does not ask for a value's type once the branches of a union take null.
var notNull = &openapi3.SchemaRef{Value: &Schema{Type: &openapi3.Types{"null"}, Nullable: true}}

// settle makes the visitor accept null exactly where the schemas do that were lowered,
// all that are reached from each other among them.
func (l *lowerer) settle() error {
	if len(l.errs) > 0 {
		return errors.Join(l.errs...) // the load fails, and the visitor may not end
	}
	for _, p := range l.lowered {
		s := p.schema
		switch {
		case s.Nullable, l.document.beyond[s]:
		case s.Type.Is("null") && l.document.foreign:
			l.document.beyond[s] = true
		case s.VisitJSON(nil, openapi3.FailFast()) != nil:
		case s.Not == nil:
			s.Not = notNull
		case l.document.foreign:
			l.document.beyond[s] = true
		default:
			l.fail(p.at, "null beside a union and a not is not supported")
		}
	}
	l.lowered = nil
	return errors.Join(l.errs...)
}

// circular reports whether a schema is reached from itself by what looks at the same
// value.
func (l *lowerer) circular(s *Schema) bool { return reaches(s, s, map[*Schema]bool{}) }

// reaches reports whether a schema looks at a value that another is asked for.
func reaches(from, s *Schema, seen map[*Schema]bool) bool {
	branches := slices.Concat(from.AllOf, from.AnyOf, from.OneOf, openapi3.SchemaRefs{from.Not, from.If, from.Then, from.Else})
	branches = slices.AppendSeq(branches, maps.Values(from.DependentSchemas))
	for _, ref := range branches {
		if ref == nil || ref.Value == nil || seen[ref.Value] {
			continue
		}
		seen[ref.Value] = true
		if ref.Value == s || reaches(ref.Value, s, seen) {
			return true
		}
	}
	return false
}

// survey finds which of the schemas reached from s accept null, before any of them
// is changed: a schema may be reached from itself.
func (l *lowerer) survey(at string, s *Schema) {
	if l.surveyed[s] {
		return
	}
	l.surveyed[s] = true
	if l.whole && !l.document.foreign {
		l.servedSchema(at, s)
	}
	l.untag(at, s)
	l.unwindAll(at, s)
	if l.circular(s) && (!l.document.foreign || !l.cutCircle(at, s)) {
		l.fail(at, "a schema that asks the same of the same value again is not supported")
	}
	l.acceptsNull(s)
	eachChild(s, func(rel string, ref *openapi3.SchemaRef) {
		if ref != nil && ref.Value != nil {
			l.survey(at+rel, ref.Value)
		}
	})
}

// untagged is the extension that keeps the name of a discriminator that was taken off.
const untagged = "x-understudy-untagged"

// untag takes a discriminator off whose property no branch declares. Such a document
// does not say that a client may send it, so it cannot be asked for; and without it
// nothing says that only one branch may fit.
func (l *lowerer) untag(at string, s *Schema) {
	if s.Discriminator == nil {
		return
	}
	name := s.Discriminator.PropertyName
	branches := slices.Concat(s.OneOf, s.AnyOf)
	if l.document.foreign {
		l.nameBranches(s)
	}
	if len(branches) == 0 || declares(name, s, map[*Schema]bool{}) {
		return
	}
	s.Discriminator = nil
	if s.Extensions == nil {
		s.Extensions = map[string]any{}
	}
	s.Extensions[untagged] = name
	if len(s.AnyOf) == 0 {
		s.AnyOf, s.OneOf = s.OneOf, nil
	}
	l.document.notes = append(l.document.notes, fmt.Sprintf("%s: no branch declares the discriminator's property %q: any branch may fit", at, name))
}

// declares reports whether a schema, or one of its branches, declares a property.
func declares(name string, s *Schema, seen map[*Schema]bool) bool {
	if s == nil || seen[s] {
		return false
	}
	seen[s] = true
	return s.Properties[name] != nil || slices.ContainsFunc(slices.Concat(s.OneOf, s.AnyOf, s.AllOf), func(ref *openapi3.SchemaRef) bool {
		return declares(name, ref.Value, seen)
	})
}

// acceptsNull reports whether null satisfies every keyword of a schema. In a 3.0
// document nullable says it alone.
func (l *lowerer) acceptsNull(s *Schema) bool {
	if known, ok := l.takesNull[s]; ok {
		return known
	}
	l.takesNull[s] = false // of a schema that is its own branch, which fails the load
	takes := func(ref *openapi3.SchemaRef) bool {
		return ref != nil && ref.Value != nil && l.acceptsNull(ref.Value)
	}
	matching := 0
	for _, ref := range s.OneOf {
		if takes(ref) {
			matching++
		}
	}
	accepts := (s.Type == nil || s.Type.Includes("null")) && s.Const == nil &&
		(len(s.Enum) == 0 || slices.Contains(s.Enum, nil)) &&
		(len(s.OneOf) == 0 || matching == 1) &&
		(len(s.AnyOf) == 0 || slices.ContainsFunc(s.AnyOf, takes)) &&
		!slices.ContainsFunc(s.AllOf, func(ref *openapi3.SchemaRef) bool { return !takes(ref) }) &&
		(s.Not == nil || !takes(s.Not)) &&
		(s.If == nil || takes(s.If) && (s.Then == nil || takes(s.Then)) || !takes(s.If) && (s.Else == nil || takes(s.Else))) &&
		(s.Always == nil || *s.Always)
	l.takesNull[s] = accepts || s.Nullable && !l.draft2020
	return l.takesNull[s]
}

// null turns the three ways 3.1 says "or null" into nullable.
func (l *lowerer) null(at string, s *Schema) {
	if s.Type != nil && s.Type.Includes("null") {
		if s.Type.Is("null") {
			return // judged where it is a branch
		}
		t := s.Type.Clone()
		t.Without("null")
		s.Type, s.Nullable = &t, true
	}
	for keyword, branches := range map[string]*openapi3.SchemaRefs{"anyOf": &s.AnyOf, "oneOf": &s.OneOf} {
		all := *branches
		isNull := func(r *openapi3.SchemaRef) bool { return r.Value.Type.Is("null") && l.takesNull[r.Value] }
		if !slices.ContainsFunc(*branches, isNull) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(*branches), isNull)
		if len(rest) == 0 && s.Type != nil && l.document.foreign {
			continue // nothing is of it
		}
		s.Nullable = true
		*branches = rest
		switch {
		case len(rest) == 0 && l.document.foreign:
			s.Type = &openapi3.Types{"null"}
		case len(rest) == 0:
			l.fail(at, "a schema that only accepts null is not supported")
		case l.document.foreign && len(rest) == 1 && !l.plainUnion(s): // one branch is asked for, beside rules
			*branches = nil
			s.AllOf = append(slices.Clip(s.AllOf), rest[0])
		case len(rest) == 1 && s.Discriminator == nil:
			*branches = nil
			l.merge(at, s, rest[0].Value)
			l.document.mergedAt[s] = strings.TrimPrefix(rest[0].Ref, "#")
			if rest[0].Ref == "" {
				l.document.mergedAt[s] = "/" + keyword + "/" + itoa(slices.Index(all, rest[0]))
			}
		}
	}
}

// plainUnion reports whether a schema asks for nothing beside one union.
func (l *lowerer) plainUnion(s *Schema) bool {
	if len(s.AnyOf) > 0 && len(s.OneOf) > 0 {
		return false
	}
	own := *s
	own.Title, own.Description, own.Default, own.Example = "", "", nil, nil
	own.Examples, own.Extensions, own.Origin, own.Nullable = nil, nil, nil, false
	own.Deprecated, own.AllowEmptyValue, own.AnyOf, own.OneOf = false, false, nil, nil
	return reflect.DeepEqual(own, Schema{})
}

// merge puts the rules of the only branch into s, which keeps its own title,
// description, default, examples and extensions.
func (l *lowerer) merge(at string, s, branch *Schema) {
	if len(s.AnyOf)+len(s.OneOf) > 0 || !l.plainUnion(s) {
		l.fail(at, "a nullable union with rules beside it is not supported")
		return
	}
	merged := *branch
	merged.Nullable = true
	if s.Title != "" {
		merged.Title = s.Title
	}
	if s.Description != "" {
		merged.Description = s.Description
	}
	if s.Default != nil {
		merged.Default = s.Default
	}
	if s.Example != nil || s.Examples != nil {
		merged.Example, merged.Examples = s.Example, s.Examples
	}
	if s.Extensions != nil {
		merged.Extensions = maps.Clone(s.Extensions)
		for name, value := range branch.Extensions {
			if _, own := merged.Extensions[name]; !own {
				merged.Extensions[name] = value
			}
		}
	}
	*s = merged
	if l.document.beyond[branch] {
		l.document.beyond[s] = true
	}
}

func (l *lowerer) prefixItems(at string, s *Schema) {
	cannot := func(text string) {
		if l.document.foreign {
			l.document.beyond[s] = true
		} else {
			l.fail(at, "%s", text)
		}
	}
	n := uint64(len(s.PrefixItems))
	if s.Items != nil || s.MaxItems == nil || *s.MaxItems > n {
		cannot("prefixItems without maxItems is not supported")
		return
	}
	first := s.PrefixItems[0]
	for _, ref := range s.PrefixItems[1:] {
		a, b := *first.Value, *ref.Value
		a.Origin, b.Origin, a.Title, b.Title = nil, nil, "", ""
		a.Description, b.Description = "", ""
		if !reflect.DeepEqual(a, b) {
			cannot("prefixItems of different schemas are not supported")
			return
		}
	}
	s.Items, s.PrefixItems = first, nil
}
