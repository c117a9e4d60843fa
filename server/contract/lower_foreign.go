package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/formats"
)

// What a document may ask for and kin-openapi's visitor does not judge: of a served
// document it fails the load, of a foreign one it is judged by the evaluator, or costs
// a warning.

// looseKey marks a schema of which a rule is not judged: a value that it seems to take
// may be refused for that.
const looseKey = "x-understudy-loose"

// Loose reports whether a schema, without those in it, has a rule that is not judged.
func Loose(s *Schema) bool { return s.Extensions[looseKey] != nil }

func loosen(s *Schema) {
	if s.Extensions == nil {
		s.Extensions = map[string]any{}
	}
	s.Extensions[looseKey] = true
}

func (l *lowerer) warn(at string, s *Schema, format string, args ...any) {
	loosen(s)
	l.tell(at, format, args...)
}

// tell warns of what is in no schema.
func (l *lowerer) tell(at, format string, args ...any) {
	l.document.warnings = append(l.document.warnings, Warning{strings.TrimPrefix(at, "#"), fmt.Sprintf(format, args...)})
}

// unread warns of what is said of bodies that are not looked into, and of parts.
func (l *lowerer) unread(at string, c *content) {
	essence := c.media.essence()
	if c.schema != nil && c.media.subtype != "*" && (c.kind == contentBinary || essence == eventStream) && !plainBody(c) {
		l.tell(at+"/schema", "bodies of %s are not judged by their schema", essence)
	}
	for name, e := range sortedMap(c.encoding) {
		if e != nil && c.kind == contentMultipart && len(e.Headers) > 0 {
			l.tell(at+"/encoding/"+pointerEscaper.Replace(name)+"/headers", "headers of parts are not judged")
		}
	}
}

// unsupported deals with the keywords of a schema that the visitor would not enforce.
func (l *lowerer) unsupported(at string, s *Schema) {
	keywords := [...]struct {
		name    string
		present bool
		judged  bool // by the evaluator
	}{
		{"$anchor", s.Anchor != "", false},
		{"$defs", len(s.Defs) > 0, false},
		{"$dynamicAnchor", s.DynamicAnchor != "", false},
		{"$dynamicRef", s.DynamicRef != "", false},
		{"$id", s.SchemaID != "", false},
		{"contains", s.Contains != nil, true},
		{"contentEncoding", s.ContentEncoding != "", false},
		{"contentMediaType", s.ContentMediaType != "", false},
		{"contentSchema", s.ContentSchema != nil, false},
		{"dependentRequired", len(s.DependentRequired) > 0, true},
		{"dependentSchemas", len(s.DependentSchemas) > 0, true},
		{"else", s.Else != nil, true},
		{"if", s.If != nil, true},
		{"maxContains", s.MaxContains != nil, true},
		{"minContains", s.MinContains != nil, true},
		{"patternProperties", len(s.PatternProperties) > 0, true},
		{"propertyNames", s.PropertyNames != nil, true},
		{"then", s.Then != nil, true},
		{"unevaluatedItems", boolSchemaSet(s.UnevaluatedItems), true},
		{"unevaluatedProperties", boolSchemaSet(s.UnevaluatedProperties), true},
	}
	for _, keyword := range keywords {
		switch {
		case !keyword.present:
		case !l.document.foreign:
			l.fail(at, "keyword %q cannot be enforced", keyword.name)
		case keyword.judged && l.draft2020:
			l.document.beyond[s] = true
		case keyword.name == "$dynamicRef":
			l.warn(at, s, "keyword %q is not judged", keyword.name)
		}
	}
	if l.document.foreign && (s.Extensions[exactKey] != nil || s.Always != nil) {
		l.document.beyond[s] = true
	}
	switch {
	case s.Format == "":
	case l.document.foreign && !formats.Judged(s.Format):
		if !formats.Annotation(s.Format) {
			l.warn(at, s, "format %q is not judged", s.Format)
		}
		s.Format = ""
	case !l.document.foreign && !formats.Known(s.Format):
		l.fail(at, "format %q cannot be enforced", s.Format)
	}
	if s.Pattern != "" {
		if _, err := compilePattern(s.Pattern); err != nil {
			if l.document.foreign {
				l.warn(at, s, "the pattern is not judged: %v", err)
				s.Pattern = ""
			} else {
				l.fail(at, "pattern cannot be compiled: %v", err)
			}
		}
	}
	for pattern := range s.PatternProperties {
		if _, err := compilePattern(pattern); err != nil && l.document.foreign {
			l.warn(at+"/patternProperties/"+pointerEscaper.Replace(pattern), s, "the pattern is not judged: %v", err)
			delete(s.PatternProperties, pattern)
			s.AdditionalProperties = openapi3.AdditionalProperties{}
		}
	}
}

func boolSchemaSet(b openapi3.BoolSchema) bool { return b.Has != nil || b.Schema != nil }

// settleBeyond gives the evaluator every schema from which one is reached that it has to
// judge: kin-openapi judges a value as a whole or not at all.
func (l *lowerer) settleBeyond() {
	if len(l.document.beyond) == 0 {
		return
	}
	parents := map[*Schema][]*Schema{}
	for s := range l.done {
		eachChild(s, func(_ string, ref *openapi3.SchemaRef) {
			if ref != nil && ref.Value != nil {
				parents[ref.Value] = append(parents[ref.Value], s)
			}
		})
	}
	todo := slices.Collect(maps.Keys(l.document.beyond))
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, parent := range parents[s] {
			if !l.document.beyond[parent] {
				l.document.beyond[parent] = true
				todo = append(todo, parent)
			}
		}
	}
}

// unwind takes the union off a base where one of its branches asks for the base
// again, as documents write polymorphism: a branch means the members of the base, and
// not that the value is one of its branches, which it is.
func (l *lowerer) unwind(at string, s *Schema) {
	seen := map[*Schema]bool{}
	var inside func(branch *Schema)
	inside = func(branch *Schema) {
		if branch == nil || seen[branch] {
			return
		}
		seen[branch] = true
		for i, ref := range branch.AllOf {
			if ref == nil || ref.Value != s {
				if ref != nil {
					inside(ref.Value)
				}
				continue
			}
			base := l.bases[s]
			if base == nil {
				plain := *s
				plain.OneOf, plain.AnyOf, plain.Discriminator = nil, nil, nil
				base = &openapi3.SchemaRef{Value: &plain}
				l.bases[s] = base
				l.document.mergedAt[&plain] = strings.TrimPrefix(at, "#")
			}
			branch.AllOf[i] = base
		}
	}
	for _, branch := range slices.Concat(s.OneOf, s.AnyOf) {
		if branch != nil {
			inside(branch.Value)
		}
	}
}

// unwindAll unwinds what is reached from a schema, before any of it is looked at.
func (l *lowerer) unwindAll(at string, s *Schema) {
	if l.unwound[s] {
		return
	}
	l.unwound[s] = true
	l.unwind(at, s)
	eachChild(s, func(rel string, ref *openapi3.SchemaRef) {
		if ref != nil && ref.Value != nil {
			if ref.Ref != "" {
				l.unwindAll(ref.Ref, ref.Value)
			} else {
				l.unwindAll(at+rel, ref.Value)
			}
		}
	})
}

// cutCircle takes off a schema what asks the same of the same value again, which JSON
// Schema leaves undefined (core, section 9.4.1): of all that are asked for the one, of a
// union the whole.
func (l *lowerer) cutCircle(at string, s *Schema) bool {
	again := func(ref *openapi3.SchemaRef) bool {
		return ref != nil && ref.Value != nil && (ref.Value == s || reaches(ref.Value, s, map[*Schema]bool{}))
	}
	s.AllOf = slices.DeleteFunc(slices.Clone(s.AllOf), again)
	if slices.ContainsFunc(s.AnyOf, again) {
		s.AnyOf, s.Discriminator = nil, nil
	}
	if slices.ContainsFunc(s.OneOf, again) {
		s.OneOf, s.Discriminator = nil, nil
	}
	if again(s.If) {
		s.If, s.Then, s.Else = nil, nil, nil
	}
	for _, one := range []**openapi3.SchemaRef{&s.Not, &s.Then, &s.Else} {
		if again(*one) {
			*one = nil
		}
	}
	maps.DeleteFunc(s.DependentSchemas, func(_ string, ref *openapi3.SchemaRef) bool { return again(ref) })
	l.warn(at, s, "a schema that asks the same of the same value again is judged without that")
	return !l.circular(s)
}

// nameBranches gives the branches of a discriminated union that its mapping leaves out
// the names of their schemas (OpenAPI, section Discriminator Object).
func (l *lowerer) nameBranches(s *Schema) {
	if s.Discriminator.Mapping == nil {
		s.Discriminator.Mapping = map[string]openapi3.MappingRef{}
	}
	named := map[string]bool{}
	for _, ref := range s.Discriminator.Mapping {
		named[ref.Ref] = true
	}
	for _, branch := range slices.Concat(s.OneOf, s.AnyOf) {
		section, name := cutComponent(branch.Ref)
		if _, taken := s.Discriminator.Mapping[name]; section == "schemas" && !taken && !named[branch.Ref] && !named[name] {
			s.Discriminator.Mapping[name] = openapi3.MappingRef{Ref: branch.Ref}
		}
	}
}

// plainlyTagged reports whether every branch of a discriminated union requires the
// property that tells them apart, as a text: then kin-openapi judges it as the document
// means it.
func (l *lowerer) plainlyTagged(s *Schema) bool {
	name := s.Discriminator.PropertyName
	return !slices.ContainsFunc(slices.Concat(s.OneOf, s.AnyOf), func(ref *openapi3.SchemaRef) bool {
		return ref.Ref == "" || !requires(name, ref.Value, map[*Schema]bool{}) || !textual(name, ref.Value)
	})
}

func requires(name string, s *Schema, seen map[*Schema]bool) bool {
	if s == nil || seen[s] {
		return false
	}
	seen[s] = true
	return slices.Contains(s.Required, name) || slices.ContainsFunc(s.AllOf, func(ref *openapi3.SchemaRef) bool { return requires(name, ref.Value, seen) })
}

func textual(name string, s *Schema) bool {
	return !slices.ContainsFunc(children([]*Schema{s}, Step{Name: name}), func(s *Schema) bool {
		return s.Type != nil && !s.Type.Includes(openapi3.TypeString)
	})
}
