package sample

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	defaultDepth = 6
	// maxParts bounds a value: members, items and failed tries.
	maxParts = 8000
	// maxText and maxList bound what is made to meet or pass a limit.
	maxText = 100_000
	maxList = 2_000
)

// maker makes the values of one call.
type maker struct {
	Options

	r         *rand.Rand
	parts     int      // made so far
	path      []string // of the value being made
	smallest  []*openapi3.Schema
	flattened map[*openapi3.Schema][]*openapi3.Schema
	joined    map[[2]*openapi3.Schema]*openapi3.Schema
}

func newMaker(r *rand.Rand, o Options) *maker {
	if o.MaxDepth <= 0 {
		o.MaxDepth = defaultDepth
	}
	return &maker{Options: o, r: r}
}

// settled is the source of the calls that are not given one.
func settled() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) } //nolint:gosec // values to test with, not secrets

func (m *maker) ended() bool { return m.Done != nil && m.Done() }

// at makes a value for the place that path leads to, anew.
func (m *maker) at(path []string, s *openapi3.Schema, small bool) (any, bool) {
	m.begin(path)
	return m.value(s, small)
}

// smallestOf makes the smallest value of a whole schema.
func (m *maker) smallestOf(s *openapi3.Schema) (any, bool) {
	for try := range 6 {
		// Where the smallest does not do, any that does.
		if v, ok := m.at(nil, s, try == 0); ok && m.accepts(s, v) {
			return v, true
		}
	}
	return nil, false
}

func (m *maker) begin(path []string) {
	m.parts, m.smallest = 0, m.smallest[:0]
	m.path = append(m.path[:0], path...)
}

// value makes a value: the smallest, or any. A value of a schema that has branches or
// exceptions is judged at once, all others by the caller.
func (m *maker) value(s *openapi3.Schema, small bool) (any, bool) {
	m.parts++
	if m.parts > maxParts || always(s, false) || m.ended() {
		return nil, false
	}
	if m.Known != nil {
		if v, ok := m.Known(pointerTo(m.path), s, m.r); ok {
			if v, ok = canonical(v); ok && m.accepts(s, v) {
				return v, true
			}
		}
	}
	if small || m.r.IntN(8) == 0 {
		if v, ok := m.given(s); ok {
			return v, true
		}
	}
	if small {
		// The smallest value of a schema does not hold another of the same schema.
		if slices.Contains(m.smallest, s) {
			return nil, s.Nullable
		}
		m.smallest = append(m.smallest, s)
		defer func() { m.smallest = m.smallest[:len(m.smallest)-1] }()
	} else if s.Nullable && m.r.IntN(10) == 0 {
		return nil, true
	}
	if !composed(s) && (s.Not == nil || s.Not.Value.Type.Is("null")) {
		if v, ok := m.plain(s, small); ok {
			return v, true
		}
		return nil, s.Nullable
	}
	all := m.alternatives(s)
	tries := 1
	if s.Not != nil || slices.ContainsFunc(all, func(way *openapi3.Schema) bool { return way.Not != nil }) {
		tries = 8
	}
	for try := range tries {
		from := 0
		if !small && len(all) > 0 {
			from = m.r.IntN(len(all))
		}
		for i := range all {
			// The smallest is always the same, and may be what is excepted.
			way := all[(from+i)%len(all)]
			if v, ok := m.plain(way, small && try == 0); ok && m.accepts(s, v) && (!conditional(s) || m.accepts(way, v)) {
				return v, true
			}
		}
	}
	return nil, m.accepts(s, nil)
}

func always(s *openapi3.Schema, what bool) bool { return s.Always != nil && *s.Always == what }

// given finds a value that the document itself gives, if it is a valid one.
func (m *maker) given(s *openapi3.Schema) (any, bool) {
	if s.Example == nil && s.Default == nil && len(s.Examples) == 0 {
		return nil, false
	}
	for _, v := range append([]any{s.Example, s.Default}, s.Examples...) {
		if v == nil {
			continue
		}
		if v, ok := canonical(v); ok && m.accepts(s, v) {
			return v, true
		}
	}
	return nil, false
}

var (
	allKinds  = []string{openapi3.TypeString, openapi3.TypeInteger, openapi3.TypeBoolean, openapi3.TypeNumber, openapi3.TypeArray, openapi3.TypeObject}
	nullKinds = []string{"null"}
)

// kindsOf lists the types of the values to make. A schema without a type takes all,
// but its other keywords tell which are meant.
func kindsOf(s *openapi3.Schema) []string {
	if s.Type != nil {
		types := s.Type.Slice()
		if !slices.Contains(types, "null") {
			return types
		}
		if len(types) == 1 {
			return nullKinds
		}
		return slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == "null" })
	}
	switch {
	case len(s.Properties)+len(s.Required)+len(s.PatternProperties)+len(s.DependentRequired) > 0 || s.PropertyNames != nil || s.MinProps > 0 || s.MaxProps != nil || s.AdditionalProperties.Has != nil || s.AdditionalProperties.Schema != nil:
		return []string{openapi3.TypeObject}
	case s.Items != nil || len(s.PrefixItems) > 0 || s.Contains != nil || s.MinItems > 0 || s.MaxItems != nil || s.UniqueItems:
		return []string{openapi3.TypeArray}
	case s.Pattern != "" || s.MinLength > 0 || s.MaxLength != nil || textFormats[s.Format].check != nil:
		return []string{openapi3.TypeString}
	case s.Min != nil || s.Max != nil || s.MultipleOf != nil || s.ExclusiveMin.IsSet() || s.ExclusiveMax.IsSet():
		return []string{openapi3.TypeNumber}
	default:
		return allKinds
	}
}

// plain makes a value for a schema without branches.
func (m *maker) plain(s *openapi3.Schema, small bool) (any, bool) {
	if len(s.Enum) > 0 {
		return m.listed(s, small)
	}
	kinds := kindsOf(s)
	from := 0
	if !small && len(kinds) > 1 {
		from = m.r.IntN(len(kinds))
	}
	for i := range kinds {
		if v, ok := m.kind(s, kinds[(from+i)%len(kinds)], small); ok {
			return v, true
		}
	}
	return nil, false
}

func (m *maker) listed(s *openapi3.Schema, small bool) (any, bool) {
	from := 0
	if !small {
		from = m.r.IntN(len(s.Enum))
	}
	null := false
	enum := enumOf(s)
	for i := range enum {
		v, ok := canonical(enum[(from+i)%len(enum)])
		if !ok || !m.accepts(s, v) {
			continue
		}
		if v == nil && small {
			null = true // rather another
			continue
		}
		return v, true
	}
	return nil, null
}

func (m *maker) kind(s *openapi3.Schema, kind string, small bool) (any, bool) {
	if m.Plain && !small {
		if v, ok := m.simple(s, kind); ok {
			return v, true
		}
	}
	switch kind {
	case openapi3.TypeString:
		low, high := lengths(s)
		if text, ok := m.text(s, low, high, small); ok {
			return text, true
		}
	case openapi3.TypeInteger, openapi3.TypeNumber:
		if n, ok := m.number(s, kind == openapi3.TypeInteger, small); ok {
			return n, true
		}
	case openapi3.TypeBoolean:
		return !small && m.r.IntN(2) == 0, true
	case openapi3.TypeArray:
		if items, ok := m.items(s, small); ok {
			return items, true
		}
	case openapi3.TypeObject:
		if members, ok := m.object(s, small, ""); ok {
			return members, true
		}
	case "null":
		return nil, true
	}
	return nil, false
}

// simple is a letter, as often as it must be there, or a small number.
func (m *maker) simple(s *openapi3.Schema, kind string) (v any, ok bool) {
	switch kind {
	case openapi3.TypeString:
		low, _ := lengths(s)
		v = strings.Repeat(string(rune('a'+m.r.IntN(26))), max(min(low, maxText), 1))
	case openapi3.TypeInteger, openapi3.TypeNumber:
		v = json.Number(strconv.Itoa(1 + m.r.IntN(99)))
	default:
		return nil, false
	}
	return v, m.accepts(s, v)
}

// lengths are the limits of a text, in runes.
func lengths(s *openapi3.Schema) (low, high int) {
	return limits(s.MinLength, s.MaxLength)
}

func limits(least uint64, most *uint64) (low, high int) {
	low, high = int(min(least, unlimited)), unlimited
	if most != nil {
		high = int(min(*most, unlimited))
	}
	return low, high
}

// text makes a text of low to high runes: a letter or a short word if small.
func (m *maker) text(s *openapi3.Schema, low, high int, small bool) (string, bool) {
	if low > high || low > maxText {
		return "", false
	}
	format, formatted := textFormats[s.Format]
	if s.Pattern != "" {
		e := expressionOf(s.Pattern)
		if e == nil {
			return "", false
		}
		for range 8 {
			text, ok := e.text(m.r, low, high, m.Done)
			if ok && (!formatted || format.check(text) == nil) {
				return text, true
			}
		}
		// The format may be what decides.
		if !formatted {
			return "", false
		}
		text, ok := m.formatted(&format, low, high, small)
		return text, ok && e.matcher.MatchString(text)
	}
	if formatted {
		return m.formatted(&format, low, high, small)
	}
	if small {
		return strings.Repeat("a", min(max(low, 1), high)), true
	}
	n := low + m.r.IntN(min(high-low, 12)+1)
	var b strings.Builder
	b.Grow(n)
	strange := m.r.IntN(4) == 0
	for range n {
		c := rune('a' + m.r.IntN(26))
		if strange {
			c = anyRune(m.r)
			if m.r.IntN(3) == 0 {
				c = odd[m.r.IntN(len(odd))]
			}
		}
		b.WriteRune(c)
	}
	return b.String(), true
}

func (m *maker) formatted(format *textFormat, low, high int, small bool) (string, bool) {
	candidates := make([]string, 0, 8)
	if small {
		candidates = append(candidates, format.rights...)
	}
	for range 3 {
		candidates = append(candidates, format.make(m.r))
	}
	if !small && m.r.IntN(6) == 0 {
		candidates = slices.Insert(candidates, 0, format.rights[m.r.IntN(len(format.rights))])
	}
	for _, text := range candidates {
		if fits(text, low, high) && format.check(text) == nil {
			return text, true
		}
	}
	if format.sized == nil {
		return "", false
	}
	for n := low; n <= min(high, low+40); n++ {
		if text := format.sized(n); fits(text, low, high) && format.check(text) == nil {
			return text, true
		}
	}
	return "", false
}

// items makes an array.
func (m *maker) items(s *openapi3.Schema, small bool) ([]any, bool) {
	low, high := limits(s.MinItems, s.MaxItems)
	if low = max(low, holding(s)); low > high {
		return nil, false
	}
	n := low
	if !small && len(m.path) < m.MaxDepth {
		n += m.r.IntN(min(high-low, 4) + 1)
	}
	for ; n >= low; n-- {
		if items, ok := m.list(s, n, small); ok {
			return items, true
		}
	}
	return nil, false
}

// list makes an array of n items, different ones where they must be.
func (m *maker) list(s *openapi3.Schema, n int, small bool) ([]any, bool) {
	items := make([]any, 0, min(n, maxList))
	if n > maxList {
		return nil, false
	}
	schema := anything
	if s.Items != nil {
		schema = s.Items.Value
	}
	var seen map[string]bool
	if s.UniqueItems {
		seen = map[string]bool{}
		defer func(plain bool) { m.Plain = plain }(m.Plain)
		m.Plain = false
	}
	for i := range n {
		m.path = append(m.path, strconv.Itoa(i))
		found := false
		schema := schema
		if i < len(s.PrefixItems) {
			schema = s.PrefixItems[i].Value
		}
		if i < holding(s) {
			schema = m.both(schema, s.Contains.Value)
		}
		for try := range 30 {
			v, ok := m.value(schema, small && (try == 0 || seen == nil) || len(m.path) > m.MaxDepth && try < 2)
			if !ok && seen == nil {
				break
			}
			if !ok {
				continue
			}
			if seen != nil {
				id := identity(v)
				if seen[id] {
					continue
				}
				seen[id] = true
			}
			items = append(items, v)
			found = true
			break
		}
		m.path = m.path[:len(m.path)-1]
		if !found {
			return nil, false
		}
	}
	return items, true
}

// holding is how many items of an array have to be as contains says.
func holding(s *openapi3.Schema) int {
	switch {
	case s.Contains == nil || s.Contains.Value == nil:
		return 0
	case s.MinContains != nil:
		return int(min(*s.MinContains, maxList))
	}
	return 1
}

// both is a schema that asks for two, the same one for the same two.
func (m *maker) both(a, b *openapi3.Schema) *openapi3.Schema {
	key := [2]*openapi3.Schema{a, b}
	if m.joined[key] == nil {
		if m.joined == nil {
			m.joined = map[[2]*openapi3.Schema]*openapi3.Schema{}
		}
		m.joined[key] = &openapi3.Schema{AllOf: openapi3.SchemaRefs{{Value: a}, {Value: b}}}
	}
	return m.joined[key]
}

// anything is the schema of what no keyword speaks of.
var anything = &openapi3.Schema{AllowEmptyValue: true}

// left reports whether a member goes the other way only.
func (m *maker) left(ref *openapi3.SchemaRef) bool {
	return m.Request && ref.Value.ReadOnly || !m.Request && ref.Value.WriteOnly
}

// object makes an object, with the named member if there is one to name.
func (m *maker) object(s *openapi3.Schema, small bool, wanted string) (map[string]any, bool) {
	low, high := limits(s.MinProps, s.MaxProps)
	members := make(map[string]any, min(len(s.Properties), 16))
	for _, name := range s.Required {
		ref := s.Properties[name]
		if ref != nil && m.left(ref) {
			continue
		}
		if ref == nil && closed(s) || !m.member(members, s, name, small) {
			return nil, false
		}
	}
	if _, ok := members[wanted]; wanted != "" && !ok && !m.member(members, s, wanted, small) {
		return nil, false
	}
	if len(members) > high {
		return nil, false
	}
	many := !small && len(m.path) < m.MaxDepth
	if many || len(members) < low {
		m.optional(members, s, low, high, small, many)
	}
	if many && len(members) < high && !closed(s) && (s.AdditionalProperties.Has != nil || s.AdditionalProperties.Schema != nil || len(s.Properties) == 0) {
		for range min(m.r.IntN(4), high-len(members)) {
			m.member(members, s, m.strangeName(s, members), small)
		}
	}
	if many && len(s.PatternProperties) > 0 && len(members) < high {
		if name := m.newName(s, members); name != "" {
			m.member(members, s, name, small)
		}
	}
	for i := 0; len(members) < low; i++ {
		if name := m.newName(s, members); name == "" || i > maxList || !m.member(members, s, name, small) {
			return nil, false
		}
	}
	m.needs(members, s, small)
	return members, len(members) >= low
}

// optional adds members that need not be: every other one if many, else those that
// minProperties asks for.
func (m *maker) optional(members map[string]any, s *openapi3.Schema, low, high int, small, many bool) {
	names := slices.Sorted(maps.Keys(s.Properties))
	skipped := 0
	for i, name := range names {
		if _, ok := members[name]; ok || m.left(s.Properties[name]) {
			continue
		}
		if len(members) >= high {
			return
		}
		needed := len(members) < low
		if many && needed {
			needed = len(names)-i <= low-len(members)
		}
		if needed || many && m.r.IntN(8) > len(m.path) {
			m.member(members, s, name, small)
		} else {
			skipped++
		}
	}
	for _, name := range names {
		if skipped == 0 || len(members) >= low {
			return
		}
		if _, ok := members[name]; !ok && !m.left(s.Properties[name]) {
			m.member(members, s, name, small)
		}
	}
}

// member adds a member, by its own schema or by that of additional ones.
func (m *maker) member(members map[string]any, s *openapi3.Schema, name string, small bool) bool {
	schema := anything
	if ref, ok := memberOf(s, name); ok && ref != nil {
		schema = ref.Value
	}
	m.path = append(m.path, name)
	v, ok := m.value(schema, small || len(m.path) > m.MaxDepth)
	m.path = m.path[:len(m.path)-1]
	if ok {
		members[name] = v
	}
	return ok
}

// extraName finds a name that a schema does not list and an object does not have.
func extraName(s *openapi3.Schema, members map[string]any) string {
	for i := 0; ; i++ {
		name := "unexpected"
		if i > 0 {
			name += strconv.Itoa(i)
		}
		if _, ok := members[name]; !ok && s.Properties[name] == nil {
			return name
		}
	}
}

// strangeNames are keys that careless code trips over.
var strangeNames = []string{"__proto__", "constructor", "", "a b", "a.b", "a/b~c", "$ref", "ключ", "😀", "0"}

func (m *maker) strangeName(s *openapi3.Schema, members map[string]any) string {
	name := lowercase(m.r, 1+m.r.IntN(8))
	if m.r.IntN(4) == 0 {
		name = strangeNames[m.r.IntN(len(strangeNames))]
	}
	if _, ok := members[name]; ok || s.Properties[name] != nil {
		return extraName(s, members)
	}
	return name
}
