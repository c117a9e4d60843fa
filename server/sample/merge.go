package sample

import (
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxAlternatives bounds how many combinations of branches are tried.
const maxAlternatives = 24

func composed(s *openapi3.Schema) bool {
	return len(s.AllOf)+len(s.OneOf)+len(s.AnyOf) > 0 || conditional(s)
}

// alternatives lists the ways to satisfy a schema, each a schema without allOf,
// oneOf and anyOf. They are for generating only: where keywords cannot be combined
// exactly they ask for less, and what is made from them is judged by the schema.
func (m *maker) alternatives(s *openapi3.Schema) []*openapi3.Schema {
	if !composed(s) {
		return []*openapi3.Schema{s}
	}
	if known, ok := m.flattened[s]; ok {
		return known
	}
	if m.flattened == nil {
		m.flattened = map[*openapi3.Schema][]*openapi3.Schema{}
	}
	m.flattened[s] = nil // of a schema that is its own branch
	base := *s
	base.AllOf, base.OneOf, base.AnyOf, base.Discriminator = nil, nil, nil, nil
	base.If, base.Then, base.Else, base.DependentSchemas = nil, nil, nil, nil
	list := []*openapi3.Schema{&base}
	if conditional(s) {
		list = combine(list, m.conditions(s))
	}
	for _, ref := range s.AllOf {
		list = combine(list, m.alternatives(ref.Value))
	}
	for _, branches := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		if len(branches) == 0 {
			continue
		}
		var all []*openapi3.Schema
		for _, ref := range branches {
			chosen, reachable := discriminated(s.Discriminator, ref)
			if !reachable {
				continue
			}
			one := m.alternatives(ref.Value)
			if chosen != nil {
				one = combine(one, []*openapi3.Schema{chosen})
			}
			all = append(all, one...)
		}
		list = combine(list, all)
	}
	m.flattened[s] = list
	return list
}

// discriminated gives the rule by which a discriminator leads to a branch, nil if
// there is none. It reports false for a branch that no value of it leads to.
func discriminated(d *openapi3.Discriminator, branch *openapi3.SchemaRef) (*openapi3.Schema, bool) {
	if d == nil {
		return nil, true
	}
	rule := &openapi3.Schema{Required: []string{d.PropertyName}}
	property := &openapi3.Schema{Type: &openapi3.Types{openapi3.TypeString}}
	for _, key := range slices.Sorted(maps.Keys(d.Mapping)) {
		to := d.Mapping[key].Ref
		if !strings.Contains(to, "/") {
			to = "#/components/schemas/" + to
		}
		if to == branch.Ref {
			property.Enum = append(property.Enum, key)
		}
	}
	switch {
	case len(d.Mapping) > 0 && len(property.Enum) == 0:
		return nil, false
	case len(d.Mapping) == 0 && branch.Ref != "":
		// Without a mapping the value is the schema's name, unless the schema says
		// otherwise itself.
		if own := branch.Value.Properties[d.PropertyName]; own == nil || len(own.Value.Enum) == 0 {
			property.Enum = []any{branch.Ref[strings.LastIndexByte(branch.Ref, '/')+1:]}
		}
	}
	rule.Properties = openapi3.Schemas{d.PropertyName: property.NewRef()}
	return rule, true
}

func combine(left, right []*openapi3.Schema) []*openapi3.Schema {
	var all []*openapi3.Schema
	for _, a := range left {
		for _, b := range right {
			if merged := merge(a, b); merged != nil && len(all) < maxAlternatives {
				all = append(all, merged)
			}
		}
	}
	return all
}

// merge gives a schema that asks what both ask, as far as one schema can; nil if
// nothing can satisfy both.
func merge(a, b *openapi3.Schema) *openapi3.Schema {
	s := *a
	var ok bool
	if s.Type, ok = commonTypes(a.Type, b.Type); !ok {
		return nil
	}
	s.Nullable = a.Nullable && b.Nullable
	switch {
	case len(a.Enum) == 0:
		s.Enum = enumOf(b)
	case len(b.Enum) > 0:
		s.Enum = slices.DeleteFunc(slices.Clone(enumOf(a)), func(v any) bool {
			return !(&openapi3.Schema{Enum: b.Enum, Nullable: true}).IsMatching(v)
		})
		if len(s.Enum) == 0 {
			return nil
		}
	}
	s.Min, s.Max = tighter(a.Min, b.Min, 1), tighter(a.Max, b.Max, -1)
	s.ExclusiveMin, s.ExclusiveMax = mergeExclusive(a, b)
	s.MultipleOf = either(a.MultipleOf, b.MultipleOf)
	s.MinLength, s.MaxLength = max(a.MinLength, b.MinLength), smaller(a.MaxLength, b.MaxLength)
	s.MinItems, s.MaxItems = max(a.MinItems, b.MinItems), smaller(a.MaxItems, b.MaxItems)
	s.MinProps, s.MaxProps = max(a.MinProps, b.MinProps), smaller(a.MaxProps, b.MaxProps)
	s.UniqueItems = a.UniqueItems || b.UniqueItems
	if s.Pattern == "" {
		s.Pattern = b.Pattern
	}
	if s.Format == "" {
		s.Format = b.Format
	}
	if s.Example == nil {
		s.Example = b.Example
	}
	if s.Default == nil {
		s.Default = b.Default
	}
	s.ReadOnly, s.WriteOnly = a.ReadOnly || b.ReadOnly, a.WriteOnly || b.WriteOnly
	switch {
	case a.Not == nil:
		s.Not = b.Not
	case b.Not != nil && a.Not != b.Not:
		s.Not = (&openapi3.Schema{AnyOf: openapi3.SchemaRefs{a.Not, b.Not}}).NewRef()
	}
	s.Items = both(a.Items, b.Items)
	if len(s.PrefixItems) == 0 {
		s.PrefixItems = b.PrefixItems
	}
	s.PropertyNames, s.Contains = both(a.PropertyNames, b.PropertyNames), both(a.Contains, b.Contains)
	if len(s.PatternProperties) == 0 {
		s.PatternProperties = b.PatternProperties
	}
	if len(s.DependentRequired) == 0 {
		s.DependentRequired = b.DependentRequired
	}
	if !mergeMembers(&s, a, b) {
		return nil
	}
	return &s
}

// mergeMembers reports false where a required member is one that may not be.
func mergeMembers(s, a, b *openapi3.Schema) bool {
	s.Required = slices.Clone(a.Required)
	for _, name := range b.Required {
		if !slices.Contains(s.Required, name) {
			s.Required = append(s.Required, name)
		}
	}
	s.Properties = openapi3.Schemas{}
	for _, from := range []*openapi3.Schema{a, b} {
		for name := range from.Properties {
			inA, okA := memberOf(a, name)
			inB, okB := memberOf(b, name)
			if okA && okB {
				s.Properties[name] = both(inA, inB)
			} else if slices.Contains(s.Required, name) && s.Type.Includes(openapi3.TypeObject) {
				return false
			}
		}
	}
	s.AdditionalProperties = openapi3.AdditionalProperties{Schema: both(a.AdditionalProperties.Schema, b.AdditionalProperties.Schema)}
	if closed(a) || closed(b) {
		no := false
		s.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
	}
	return true
}

// memberOf finds what a schema asks of a member, nil for nothing. It reports false
// for a member that may not be.
func memberOf(s *openapi3.Schema, name string) (*openapi3.SchemaRef, bool) {
	ref := s.Properties[name]
	if len(s.PatternProperties) > 0 {
		ref = both(ref, patterned(s, name))
	}
	if ref != nil {
		return ref, true
	}
	return s.AdditionalProperties.Schema, !closed(s)
}

// closed reports whether a schema takes no members but those it lists.
func closed(s *openapi3.Schema) bool {
	has := s.AdditionalProperties.Has
	return has != nil && !*has
}

func both(a, b *openapi3.SchemaRef) *openapi3.SchemaRef {
	switch {
	case a == nil:
		return b
	case b == nil || a.Value == b.Value:
		return a
	default:
		return (&openapi3.Schema{
			AllOf:    openapi3.SchemaRefs{a, b},
			ReadOnly: a.Value.ReadOnly || b.Value.ReadOnly, WriteOnly: a.Value.WriteOnly || b.Value.WriteOnly,
		}).NewRef()
	}
}

func commonTypes(a, b *openapi3.Types) (*openapi3.Types, bool) {
	if a == nil {
		return b, true
	}
	if b == nil {
		return a, true
	}
	var types openapi3.Types
	for _, t := range *a {
		switch {
		case b.Includes(t), t == openapi3.TypeInteger && b.Includes(openapi3.TypeNumber):
			types = append(types, t)
		case t == openapi3.TypeNumber && b.Includes(openapi3.TypeInteger):
			types = append(types, openapi3.TypeInteger)
		}
	}
	return &types, len(types) > 0
}

func mergeExclusive(a, b *openapi3.Schema) (low, high openapi3.ExclusiveBound) {
	lowA, lowB := exclusive(a.ExclusiveMin, a.Min), exclusive(b.ExclusiveMin, b.Min)
	highA, highB := exclusive(a.ExclusiveMax, a.Max), exclusive(b.ExclusiveMax, b.Max)
	return openapi3.ExclusiveBound{Value: tighter(lowA, lowB, 1)}, openapi3.ExclusiveBound{Value: tighter(highA, highB, -1)}
}

// exclusive is an exclusive bound in either of its two forms; nil for none.
func exclusive(bound openapi3.ExclusiveBound, of *float64) *float64 {
	switch {
	case bound.Value != nil:
		return bound.Value
	case bound.IsTrue():
		return of
	default:
		return nil
	}
}

// tighter is the greater of two bounds if sign is 1, the smaller if it is -1.
func tighter(a, b *float64, sign float64) *float64 {
	if a == nil || b != nil && *b*sign > *a*sign {
		return b
	}
	return a
}

func smaller(a, b *uint64) *uint64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

func either(a, b *float64) *float64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}
