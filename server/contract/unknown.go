package contract

import (
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// Where a schema does not forbid members that it does not name, JSON Schema lets any
// come, and so do the vendors' services: they drop them. A client that misspells a
// member is then never told, so that they are warned of here.

// shape is which members an object may have without a word, and what is below them.
type shape struct {
	schemas []*Schema // that may apply to the value, all branches of unions included
	open    bool      // it may have any: a free map, or a schema that says so
	closed  bool      // it may have no others: that is judged already
	names   []string  // of members, sorted; nil if the value is no object
	members map[string]*shape
	item    *shape // of an array
}

// shaper makes the shapes of a schema and of all below it, each once, so that a
// schema that holds itself has an end.
type shaper struct{ made []*shape }

func (m *shaper) of(schemas []*Schema) *shape {
	all := composed(schemas)
	for _, s := range m.made {
		if slices.Equal(s.schemas, all) {
			return s
		}
	}
	at := &shape{schemas: all, members: map[string]*shape{}}
	m.made = append(m.made, at)
	next := map[string][]*Schema{}
	var items []*Schema
	known := func(name string) { // though nothing describes it
		if next[name] == nil {
			next[name] = []*Schema{}
		}
	}
	for _, s := range all {
		ap := s.AdditionalProperties
		at.open = at.open || ap.Schema != nil || ap.Has != nil && *ap.Has || s.Extensions["patternProperties"] != nil || anything(s) ||
			len(s.PatternProperties) > 0 || s.PropertyNames != nil || s.UnevaluatedProperties.Schema != nil
		at.closed = at.closed || ap.Has != nil && !*ap.Has
		for name, ref := range s.Properties {
			next[name] = append(next[name], ref.Value)
		}
		if s.Discriminator != nil {
			known(s.Discriminator.PropertyName)
		}
		if tag, ok := s.Extensions[untagged].(string); ok {
			known(tag)
		}
		if s.Items != nil {
			items = append(items, s.Items.Value)
		}
	}
	for _, s := range all {
		for _, name := range s.Required {
			if len(next) > 0 {
				known(name)
			}
		}
	}
	at.names = slices.Sorted(maps.Keys(next))
	for _, name := range at.names {
		at.members[name] = m.of(inOneOrder(next[name]))
	}
	if len(items) > 0 {
		at.item = m.of(items)
	}
	return at
}

// inOneOrder leaves each schema once, so that the same schemas make the same shape.
func inOneOrder(schemas []*Schema) []*Schema {
	var each []*Schema
	for _, s := range schemas {
		if !slices.Contains(each, s) {
			each = append(each, s)
		}
	}
	return each
}

// anything reports whether a schema takes objects and says nothing of their members.
func anything(s *Schema) bool {
	if len(s.Properties) > 0 || s.Type != nil && !s.Type.Includes(openapi3.TypeObject) {
		return false
	}
	return len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) == 0 && len(s.Required) == 0 && len(s.Enum) == 0 && s.Not == nil
}

// maxUnknown bounds how many unknown members of one body are told.
const maxUnknown = 100

// unknownMembers finds the members of a body that nothing declares.
func (o *Operation) unknownMembers(p *payload, found *collector) {
	c := p.content
	c.shape.Do(func() { c.shaped = new(shaper).of([]*Schema{c.schema}) })
	u := unknown{operation: o, root: c.schema, found: found}
	u.walk(c.shaped, p.value, nil)
}

type unknown struct {
	operation *Operation
	root      *Schema
	found     *collector
	told      int
}

// misspelled are the members of an object that were named already, as what came in the place
// of one that is missing.
func (u *unknown) misspelled(path []Step) map[string]bool {
	names := map[string]bool{}
	for i := range u.found.found {
		v := &u.found.found[i]
		if v.Rule == "required" && v.In == InBody && len(v.Path) == len(path)+1 && slices.Equal(v.Path[:len(path)], path) {
			names[v.misspelled()] = true
		}
	}
	return names
}

func (u *unknown) walk(at *shape, value any, path []Step) {
	switch v := value.(type) {
	case map[string]any:
		if at.open && len(at.names) == 0 || len(v) == 0 {
			return
		}
		strangers := 0
		for name, member := range v {
			if next := at.members[name]; next != nil {
				u.walk(next, member, append(slices.Clip(path), Step{Name: name}))
			} else {
				strangers++
			}
		}
		if strangers > 0 && !at.open && !at.closed && len(at.names) > 0 && u.told < maxUnknown {
			u.tell(at, v, path)
		}
	case []any:
		if at.item == nil {
			return
		}
		for i, item := range v {
			u.walk(at.item, item, append(slices.Clip(path), Step{Index: i, Array: true}))
		}
	}
}

func (u *unknown) tell(at *shape, object map[string]any, path []Step) {
	var strangers []string
	for name := range object {
		if at.members[name] == nil {
			strangers = append(strangers, name)
		}
	}
	slices.Sort(strangers)
	known := u.misspelled(path)
	declaring := at.schemas[max(0, slices.IndexFunc(at.schemas, func(s *Schema) bool { return len(s.Properties) > 0 }))]
	for _, name := range strangers {
		if u.told == maxUnknown {
			return
		}
		if known[name] {
			continue
		}
		// What came is not shown: what has no schema may be a secret.
		u.told++
		u.found.add(&Violation{
			Side: SideClient, Rule: RuleUnknownMember, Basis: BasisInferred, In: InBody,
			Path: append(slices.Clip(path), Step{Name: name}), Schema: declaring, Names: at.names, root: u.root,
			Operation: u.operation.ID, Where: u.operation.schemaLocation(declaring, "properties"),
		})
	}
}
