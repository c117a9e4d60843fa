package sample

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// The keywords of JSON Schema 2020-12 that kin-openapi's visitor passes over: what is made
// to break one of them breaks nothing that the visitor looks at.

// conditional reports whether what a schema asks for hangs on the value.
func conditional(s *openapi3.Schema) bool {
	return s.If != nil && (s.Then != nil || s.Else != nil) || len(s.DependentSchemas) > 0
}

// conditions lists the ways to satisfy the conditions of a schema.
func (m *maker) conditions(s *openapi3.Schema) []*openapi3.Schema {
	list := []*openapi3.Schema{{}}
	both := func(schemas ...*openapi3.SchemaRef) *openapi3.Schema {
		return &openapi3.Schema{AllOf: slices.DeleteFunc(schemas, func(ref *openapi3.SchemaRef) bool { return ref == nil })}
	}
	if s.If != nil && (s.Then != nil || s.Else != nil) {
		otherwise := both(s.Else)
		otherwise.Not = s.If
		list = combine(list, slices.Concat(m.alternatives(both(s.If, s.Then)), m.alternatives(otherwise)))
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		has := (&openapi3.Schema{Required: []string{name}}).NewRef()
		never := false
		without := &openapi3.Schema{Not: has, Properties: openapi3.Schemas{name: (&openapi3.Schema{Always: &never}).NewRef()}}
		list = combine(list, append(m.alternatives(both(has, s.DependentSchemas[name])), without))
	}
	return list
}

// needs adds the members that others ask for.
func (m *maker) needs(members map[string]any, s *openapi3.Schema, small bool) {
	for _, name := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		if _, has := members[name]; !has {
			continue
		}
		for _, needed := range s.DependentRequired[name] {
			if _, has := members[needed]; !has {
				m.member(members, s, needed, small)
			}
		}
	}
}

// newName finds a name that an object does not have and a schema takes beside those that
// it lists; "" if there is none.
func (m *maker) newName(s *openapi3.Schema, members map[string]any) string {
	patterns := slices.Sorted(maps.Keys(s.PatternProperties))
	for range 20 {
		var name string
		switch {
		case s.PropertyNames != nil && s.PropertyNames.Value != nil:
			text := (&openapi3.Schema{Type: &openapi3.Types{openapi3.TypeString}, AllOf: openapi3.SchemaRefs{s.PropertyNames}})
			v, _ := m.value(text, false)
			name, _ = v.(string)
		case len(patterns) > 0:
			name = named(m, patterns[m.r.IntN(len(patterns))])
		case closed(s):
			return ""
		default:
			return extraName(s, members)
		}
		_, has := members[name]
		if _, ok := memberOf(s, name); ok && !has && name != "" && s.Properties[name] == nil {
			return name
		}
	}
	return ""
}

// named is a name of a pattern.
func named(m *maker, pattern string) string {
	if e := expressionOf(pattern); e != nil {
		if name, ok := e.text(m.r, 1, 20, m.Done); ok {
			return name
		}
	}
	return ""
}

// patterned is what the patterns of a schema ask of a member; nil if none has its name.
func patterned(s *openapi3.Schema, name string) (found *openapi3.SchemaRef) {
	for _, pattern := range slices.Sorted(maps.Keys(s.PatternProperties)) {
		if e := expressionOf(pattern); e != nil && e.matcher.MatchString(name) {
			found = both(found, s.PatternProperties[pattern])
		}
	}
	return found
}

// unlike are values of all kinds, some of which a schema does not take.
var unlike = []any{"?!", json.Number("-98765.5"), true, []any{}, map[string]any{}, nil}

// wrongFor finds a value that a schema does not take.
func (m *maker) wrongFor(ref *openapi3.SchemaRef) (any, bool) {
	if ref == nil || ref.Value == nil {
		return nil, false
	}
	for _, v := range unlike {
		if always(ref.Value, false) || !m.accepts(ref.Value, v) {
			return v, true
		}
	}
	return nil, false
}

// beyond drafts values that break the keywords of 2020-12.
func (d *drafter) beyond() {
	if d.Takes == nil {
		return
	}
	s := d.s
	add := func(keyword, why string, build func() (any, bool)) {
		d.add(draft{keyword: keyword, why: why, make: build, unseen: true})
	}
	rest := *s
	rest.If, rest.Then, rest.Else, rest.Not, rest.DependentSchemas = nil, nil, nil, nil, nil
	excepting := func(not *openapi3.SchemaRef, also ...*openapi3.SchemaRef) func() (any, bool) {
		return func() (any, bool) {
			return d.at(d.path, &openapi3.Schema{AllOf: append(openapi3.SchemaRefs{rest.NewRef()}, also...), Not: not}, true)
		}
	}
	if s.If != nil && s.Then != nil {
		add("then", "what if asks for, and not then", excepting(s.Then, s.If))
	}
	if s.If != nil && s.Else != nil {
		add("else", "neither what if asks for nor else", excepting((&openapi3.Schema{AnyOf: openapi3.SchemaRefs{s.If, s.Else}}).NewRef()))
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		has := (&openapi3.Schema{Required: []string{name}}).NewRef()
		add("dependentSchemas", "what "+quoted(name)+" asks for is not so", excepting(s.DependentSchemas[name], has))
	}
	switch v := d.v.(type) {
	case map[string]any:
		d.beyondMembers(v, add)
	case []any:
		items := *d.full
		items.Contains, items.Not = nil, nil
		d.beyondItems(v, &items, add)
	}
}

func (d *drafter) beyondMembers(v map[string]any, add func(keyword, why string, build func() (any, bool))) {
	s := d.s
	for _, pattern := range slices.Sorted(maps.Keys(s.PatternProperties)) {
		add("patternProperties", "a wrong member by the pattern "+quoted(pattern), func() (any, bool) {
			wrong, ok := d.wrongFor(s.PatternProperties[pattern])
			name := named(d.maker, pattern)
			return with(v, name, wrong), ok && name != ""
		})
		if closed(s) {
			add("additionalProperties", "a member as by the pattern "+quoted(pattern)+", by another name", func() (any, bool) {
				like, ok := d.value(s.PatternProperties[pattern].Value, true)
				return with(v, extraName(d.full, v), like), ok
			})
		}
	}
	if s.PropertyNames != nil {
		for _, name := range []string{"A b!", "0", "é", strings.Repeat("n", 300)} {
			add("propertyNames", "a member by another name", func() (any, bool) {
				members := with(v, name, nil)
				return members, !d.accepts(s.PropertyNames.Value, name) && d.member(members, d.full, name, true)
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		for _, needed := range s.DependentRequired[name] {
			add("dependentRequired", quoted(name)+" without "+quoted(needed), func() (any, bool) {
				d.begin(d.path)
				members, ok := d.object(d.full, true, name)
				return without(members, needed), ok
			})
		}
	}
	if s.UnevaluatedProperties.Has != nil && !*s.UnevaluatedProperties.Has {
		add("unevaluatedProperties", "an undeclared member", func() (any, bool) { return with(v, extraName(d.full, v), "a"), true })
	} else if wrong, ok := d.wrongFor(s.UnevaluatedProperties.Schema); ok {
		add("unevaluatedProperties", "an undeclared member that is wrong", func() (any, bool) { return with(v, extraName(d.full, v), wrong), true })
	}
}

func (d *drafter) beyondItems(v []any, rest *openapi3.Schema, add func(keyword, why string, build func() (any, bool))) {
	s := d.s
	for i, ref := range s.PrefixItems {
		wrong, ok := d.wrongFor(ref)
		if !ok {
			continue
		}
		add("prefixItems", fmt.Sprintf("item %d is wrong", i), func() (any, bool) {
			d.begin(d.path)
			items, ok := d.list(rest, max(len(v), i+1), true)
			if ok {
				items[i] = wrong
			}
			return items, ok
		})
	}
	behind, wrong := openapi3.BoolSchema{Schema: s.Items}, s.Items != nil && always(s.Items.Value, false)
	if s.Items == nil {
		behind = s.UnevaluatedItems
		wrong = behind.Has != nil && !*behind.Has
	}
	if n := len(s.PrefixItems); n > 0 || s.Items == nil {
		one, ok := d.wrongFor(behind.Schema)
		add("items", "a wrong item behind those that are listed", func() (any, bool) {
			d.begin(d.path)
			items, made := d.list(rest, n, true)
			if wrong && len(items) > 0 { // one more is wrong, like the others or not
				return append(items, items[len(items)-1]), made
			}
			return append(items, one), made && (ok || wrong)
		})
	}
	if s.Contains == nil {
		return
	}
	least, items := holding(s), openapi3.SchemaRefs{(&openapi3.Schema{Not: s.Contains}).NewRef()}
	if rest.Items != nil {
		items = append(items, rest.Items)
	}
	of := func(n, more int) func() (any, bool) {
		return func() (any, bool) {
			other, holds := *rest, *d.full
			other.Items, other.PrefixItems = (&openapi3.Schema{AllOf: items}).NewRef(), nil
			number := uint64(min(n, maxList))
			holds.MinContains = &number
			d.begin(d.path)
			list, ok := d.list(&holds, n, true)
			others, also := d.list(&other, more, true)
			return append(list, others...), ok && also
		}
	}
	if least > 0 {
		low, _ := limits(s.MinItems, s.MaxItems)
		add("contains", "too few items of those that are to be there", of(least-1, max(low-least+1, 1)))
	}
	if s.MaxContains != nil && *s.MaxContains < maxList {
		add("maxContains", "too many items of a kind", of(int(*s.MaxContains)+1, 0))
	}
}
