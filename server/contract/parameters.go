package contract

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// parameters judges those parameters that kin-openapi does not read.
func (e *finder) parameters(m *Message) {
	o := e.operation
	if len(o.facts().readers) == 0 {
		return
	}
	var pairs []queryPair
	var escaped map[string]string
	for _, r := range o.facts().readers {
		p := r.parameter
		var in reading
		switch p.In {
		case openapi3.ParameterInPath:
			if escaped == nil {
				escaped, _ = o.template.Escaped(m.URL.EscapedPath())
			}
			raw, ok := escaped[p.Name]
			if text, decoded := m.Vars[p.Name]; !ok || decoded && unescapePath(raw) != text {
				raw = escapeSegment(text) // it was converted, or the path has another beginning
			}
			in = r.fromPath(o.document, raw)
		case openapi3.ParameterInQuery:
			if pairs == nil {
				pairs = queryPairs(m.URL.RawQuery, o.document.wholeEscapes)
			}
			in = r.fromQuery(o.document, pairs)
		case openapi3.ParameterInHeader:
			if values := m.Header.Values(p.Name); len(values) > 0 {
				in = r.header(o.document, values, SideClient)
			}
		case openapi3.ParameterInCookie:
			in = r.fromCookies(o.document, m.Header.Values("Cookie"))
		}
		e.parameterRead(r, in)
	}
}

// parameterRead judges a parameter that was read.
func (e *finder) parameterRead(r *parameterReader, in reading) {
	o, p := e.operation, r.parameter
	base := e.violation(In(p.In))
	base.Name, base.Schema, base.root = p.Name, r.schema, r.schema
	at := o.parameterPointer(p)
	switch {
	case !in.found && p.Required:
		base.Rule, base.Where = "required", o.document.locate(at+"/required")
		base.Basis = o.document.index().basis(at, "required", "")
		e.add(base)
		return
	case !in.found, p.AllowEmptyValue && len(in.texts) == 1 && in.texts[0] == "":
		return
	}
	base.Where = o.document.locate(at)
	e.reading(r, in, base)
}

// reading judges what was read of a parameter or of a header.
func (e *finder) reading(r *parameterReader, in reading, base Violation) {
	if len(in.texts) > 0 {
		base.Raw = in.texts[0]
	}
	if in.wrong != nil {
		v := base
		v.Rule, v.Detail, v.Offset, v.Got = in.wrong.Rule, in.wrong.Detail, in.wrong.Offset, in.wrong.Got
		e.add(v)
		return
	}
	if r.schema == nil || len(in.texts) == 0 && in.value == nil {
		return
	}
	from := len(e.found.found)
	e.visit(r.schema, in.value, holdsOdd(in.value), base)
	e.spelled(r.schema, in.value, base)
	for i := range e.found.found[from:] {
		v := &e.found.found[from+i]
		if len(v.Path) == 1 && v.Path[0].Array && v.Path[0].Index < len(in.texts) {
			v.Raw = in.texts[v.Path[0].Index]
		}
		if text, isText := v.Got.(string); isText && v.Rule == "type" && v.Schema != nil && v.Schema.Type.Includes(openapi3.TypeInteger) {
			if integral, _, inInt, _ := numberOf(text); integral && !inInt {
				v.Rule = RuleIntegerRange
			}
		}
		absent := v.Rule == "required" && len(v.Path) == 1 && r.inPairs() // it is not written in any way
		if in.loose || r.undefined(v.Path) && !absent {
			v.Basis = BasisInferred
		}
	}
}

// spelled tells of integers that are spelled as servers read in more than one way: 1e2,
// 7.0. Of a served document the generated code does not bind them.
func (e *finder) spelled(s *Schema, value any, base Violation) {
	check := func(s *Schema, v any, path []Step) {
		n, isNumber := v.(json.Number)
		if !isNumber || !wantsInteger([]*Schema{s}) {
			return
		}
		if !strings.ContainsAny(n.String(), ".eE") {
			return
		}
		v2 := base
		v2.Rule, v2.Schema, v2.Got, v2.Raw, v2.Path = "type", s, n.String(), n.String(), path
		if v2.Basis = e.operation.schemaBasis(s, "type", ""); e.operation.document.foreign {
			v2.Basis = BasisInferred
		}
		if d, _, _, _ := numberOf(n.String()); d { // a fraction is told already
			e.add(v2)
		}
	}
	switch v := value.(type) {
	case []any:
		item := itemOf(s, Step{Array: true})
		for i := range v {
			check(item, v[i], []Step{{Array: true, Index: i}})
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			check(itemOf(s, Step{Name: name}), v[name], []Step{{Name: name}})
		}
	default:
		check(s, v, nil)
	}
}

// holdsOdd reports whether a value holds a number that a float64 may round.
func holdsOdd(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return isOdd(v.String())
	case []any:
		return slices.ContainsFunc(v, holdsOdd)
	case map[string]any:
		for _, member := range v {
			if holdsOdd(member) {
				return true
			}
		}
	}
	return false
}

// undefined reports whether OpenAPI does not say how what is at a place in a value of the
// parameter is written: lists and objects within lists and objects. Members that stand in
// pairs of their own are as they are, whatever the others are.
func (r *parameterReader) undefined(at []Step) bool {
	if r.media != "" || r.schema == nil {
		return false
	}
	if len(at) == 1 && !at[0].Array && r.inPairs() {
		return structured(itemOf(r.schema, at[0]))
	}
	inner := structured
	for _, s := range expand([]*Schema{r.schema}) {
		if s.Items != nil && inner(s.Items.Value) || s.AdditionalProperties.Schema != nil && inner(s.AdditionalProperties.Schema.Value) {
			return true
		}
		for _, ref := range s.Properties {
			if inner(ref.Value) {
				return true
			}
		}
	}
	return false
}

// inPairs reports whether each member of an object stands in a pair of its own.
func (r *parameterReader) inPairs() bool {
	return r.parameter.In == openapi3.ParameterInQuery && (r.style == openapi3.SerializationDeepObject || r.exploded())
}

// queryPair is a pair of a query: its name decoded, its value as it stands.
type queryPair struct {
	name, raw string
	decode    func(string) string
}

// queryPairs splits a query, as readQuery does.
func queryPairs(raw string, whole bool) []queryPair {
	decode := func(text string) string {
		plain, _ := decodeText(text, whole)
		return plain
	}
	pairs := []queryPair{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, queryPair{decode(name), value, decode})
	}
	return pairs
}

// claims reports whether a name in a query is part of the parameter.
func (r *parameterReader) claims(name string) bool {
	if r.parameter.In != openapi3.ParameterInQuery || r.schema == nil || r.media != "" {
		return false
	}
	if r.style == openapi3.SerializationDeepObject {
		return strings.HasPrefix(name, r.parameter.Name+"[")
	}
	return r.exploded() && (declaresMember(r.schema, name) || !closed(r.schema))
}

// exploded reports whether an object stands in the query member by member.
func (r *parameterReader) exploded() bool {
	return r.explode && r.style == openapi3.SerializationForm && r.schema != nil && wants([]*Schema{r.schema}, openapi3.TypeObject)
}

func declaresMember(s *Schema, name string) bool {
	return slices.ContainsFunc(expand([]*Schema{s}), func(s *Schema) bool { return s.Properties[name] != nil })
}

func closed(s *Schema) bool {
	return slices.ContainsFunc(expand([]*Schema{s}), func(s *Schema) bool {
		has := s.AdditionalProperties.Has
		return has != nil && !*has
	})
}

// fromQuery reads a query parameter.
func (r *parameterReader) fromQuery(d *Document, pairs []queryPair) reading {
	if r.style == openapi3.SerializationDeepObject && r.media == "" {
		return r.deep(d, pairs)
	}
	var own []queryPair
	for _, p := range pairs {
		if p.name == r.parameter.Name {
			own = append(own, p)
		}
	}
	if r.exploded() {
		if members := r.members(d, pairs); len(members) > 0 && len(own) == 0 {
			return reading{found: true, value: members, texts: []string{}}
		}
	}
	if len(own) == 0 {
		return reading{}
	}
	texts := make([]string, len(own))
	for i, p := range own {
		texts[i] = p.decode(p.raw)
	}
	if r.media != "" {
		return r.fromContent(d, texts[0], SideClient)
	}
	separator := r.separator()
	out := r.choose(d, texts, SideClient, func(s *Schema) (any, bool) {
		switch {
		case s.Type.Is(openapi3.TypeArray) && r.explode:
			return d.list(s, texts, SideClient), true
		case s.Type.Is(openapi3.TypeArray) || s.Type.Is(openapi3.TypeObject):
			raws := make([]string, len(own))
			for i, p := range own {
				raws[i] = p.raw
			}
			raw := strings.Join(raws, separator)
			v, parts, ok := r.structuredText(d, s, r.separated(raw), separator, own[0].decode, SideClient)
			if parts != nil {
				texts = parts
			}
			return v, ok
		}
		if len(own) > 1 && wants([]*Schema{r.schema}, openapi3.TypeArray) {
			return nil, false
		}
		return d.scalar(s, counting(texts), SideClient), true
	})
	out.texts = texts
	return out
}

// separator stands between the values of a list that is not exploded.
func (r *parameterReader) separator() string {
	switch r.style {
	case openapi3.SerializationSpaceDelimited:
		return "%20"
	case openapi3.SerializationPipeDelimited:
		return "|"
	}
	return ","
}

// separated writes the separators of a text in one way.
func (r *parameterReader) separated(raw string) string {
	switch r.style {
	case openapi3.SerializationSpaceDelimited:
		return strings.ReplaceAll(raw, "+", "%20")
	case openapi3.SerializationPipeDelimited:
		return strings.NewReplacer("%7C", "|", "%7c", "|").Replace(raw)
	}
	return raw
}

// members reads an object that stands in the query member by member.
func (r *parameterReader) members(d *Document, pairs []queryPair) map[string]any {
	members := map[string]any{}
	for _, p := range pairs {
		if r.others[p.name] != nil || !declaresMember(r.schema, p.name) && closed(r.schema) {
			continue
		}
		text := p.decode(p.raw)
		s := itemOf(r.schema, Step{Name: p.name})
		if list, again := members[p.name].([]any); again {
			members[p.name] = append(list, d.scalar(itemOf(s, Step{Array: true}), text, SideClient))
		} else if wants([]*Schema{s}, openapi3.TypeArray) {
			members[p.name] = d.list(s, []string{text}, SideClient)
		} else if _, again := members[p.name]; !again {
			members[p.name] = d.scalar(s, text, SideClient)
		}
	}
	return members
}

// deepNode is a value between brackets in a query.
type deepNode struct {
	texts   []string
	members map[string]*deepNode
	names   []string
}

// deep reads an object whose members stand in brackets behind its name.
func (r *parameterReader) deep(d *Document, pairs []queryPair) reading {
	root := &deepNode{}
	for _, p := range pairs {
		rest, ok := strings.CutPrefix(p.name, r.parameter.Name)
		if !ok || !strings.HasPrefix(rest, "[") {
			continue
		}
		root.put(rest, p.decode(p.raw))
	}
	if len(root.names) == 0 {
		for _, p := range pairs {
			if p.name == r.parameter.Name { // of a union another branch may be meant
				text := p.decode(p.raw)
				return r.choose(d, []string{text}, SideClient, func(s *Schema) (any, bool) {
					return d.scalar(s, text, SideClient), !s.Type.Is(openapi3.TypeArray) && !s.Type.Is(openapi3.TypeObject)
				})
			}
		}
		return reading{}
	}
	return reading{found: true, value: root.value(d, r.schema), texts: []string{}}
}

func (n *deepNode) put(rest, text string) {
	for depth := 0; strings.HasPrefix(rest, "[") && depth < MaxDepth; depth++ {
		name, after, closed := strings.Cut(rest[1:], "]")
		if !closed {
			break
		}
		if n.members == nil {
			n.members = map[string]*deepNode{}
		}
		if n.members[name] == nil {
			n.members[name] = &deepNode{}
			n.names = append(n.names, name)
		}
		n, rest = n.members[name], after
	}
	n.texts = append(n.texts, text)
}

func (n *deepNode) value(d *Document, s *Schema) any {
	if s == nil {
		s = &Schema{}
	}
	array := wants([]*Schema{s}, openapi3.TypeArray)
	switch {
	case len(n.names) == 0 && array:
		return d.list(s, n.texts, SideClient)
	case len(n.names) == 0:
		return d.scalar(s, n.texts[0], SideClient)
	case array && !slices.ContainsFunc(n.names, func(name string) bool { _, err := strconv.ParseUint(name, 10, 16); return err != nil && name != "" }):
		item := itemOf(s, Step{Array: true})
		items := []any{}
		for _, name := range n.names {
			if in := n.members[name]; len(in.names) > 0 {
				items = append(items, in.value(d, item))
			} else {
				for _, text := range in.texts {
					items = append(items, d.scalar(item, text, SideClient))
				}
			}
		}
		return items
	}
	members := map[string]any{}
	for _, name := range n.names {
		members[name] = n.members[name].value(d, itemOf(s, Step{Name: name}))
	}
	return members
}
