package contract

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/decimal"
)

// kin-openapi reads the plain parameters; what it reads otherwise than the documents
// mean is read here, and then judged by it: unions, whose branch it picks by what can
// be parsed; parameters with content; objects in queries; lists between separators,
// which it splits after decoding (RFC 6570, section 3.2.8: an escaped separator is
// part of a value); and, of documents that are not served here, booleans, of which
// strconv reads more spellings than there are.

// parameterReader reads a parameter by its declaration.
type parameterReader struct {
	parameter *openapi3.Parameter
	schema    *Schema // nil if the document says nothing of the value
	media     string  // of a parameter with content
	style     string
	explode   bool
	others    map[string]*openapi3.Parameter // of the query
}

func newParameterReader(p *openapi3.Parameter) *parameterReader {
	r := &parameterReader{parameter: p, style: p.Style}
	if r.style == "" {
		r.style = openapi3.SerializationSimple
		if p.In == openapi3.ParameterInQuery || p.In == openapi3.ParameterInCookie {
			r.style = openapi3.SerializationForm
		}
	}
	r.explode = r.style == openapi3.SerializationForm || r.style == cookieStyle
	if p.Explode != nil {
		r.explode = *p.Explode
	}
	if p.Schema != nil {
		r.schema = p.Schema.Value
	}
	for name, mt := range p.Content { // there is one
		r.media, r.schema = name, nil
		if mt != nil && mt.Schema != nil {
			r.schema = mt.Schema.Value
		}
	}
	return r
}

// isOwn reports whether a parameter is one of those that kin-openapi does not read as
// the document means it.
func (d *Document) isOwn(r *parameterReader) bool {
	s := r.schema
	switch {
	case r.media != "", s == nil, d.beyond[s]:
		return true
	case len(s.AnyOf)+len(s.OneOf)+len(s.AllOf) > 0, s.Type == nil, len(*s.Type) > 1, s.Not != nil && s.Not != notNull:
		return true
	case s.Type.Is(openapi3.TypeObject):
		return true
	case s.Type.Is(openapi3.TypeArray):
		return r.parameter.In != openapi3.ParameterInQuery || !r.explode || r.style != openapi3.SerializationForm ||
			s.Items == nil || len(s.Items.Value.AnyOf)+len(s.Items.Value.OneOf)+len(s.Items.Value.AllOf) > 0 || s.Items.Value.Type == nil ||
			s.Items.Value.Not != nil && s.Items.Value.Not != notNull || d.foreign
	case r.parameter.In == openapi3.ParameterInPath && r.style != openapi3.SerializationSimple:
		return true
	}
	return d.foreign
}

// reading is a parameter as it was read.
type reading struct {
	found bool
	value any
	texts []string // as it came, or of each item of a list
	wrong *Violation
	loose bool // servers read such a text in more than one way
}

// readings are the values that the texts of a parameter may stand for: the first that
// its schema takes is meant.
func (r *parameterReader) choose(d *Document, texts []string, side Side, read func(s *Schema) (any, bool)) reading {
	out := readText(texts)
	if r.schema == nil {
		return out
	}
	tried := false
	for _, s := range branchesOf(r.schema) {
		v, ok := read(s)
		if !ok {
			continue
		}
		if !tried {
			out.value, tried = v, true
		}
		if d.accepts(r.schema, v, side) {
			out.value = v
			return out
		}
	}
	return out
}

func readText(texts []string) reading {
	out := reading{found: true, texts: texts}
	if len(texts) > 0 {
		out.value = texts[0]
	}
	return out
}

// branchesOf lists a schema and the branches of its unions, the schema itself first if
// it says of which type it is.
func branchesOf(s *Schema) []*Schema {
	all := expand([]*Schema{s})
	slices.SortStableFunc(all, func(a, b *Schema) int { return typed(b) - typed(a) })
	return all
}

func typed(s *Schema) int {
	if s.Type != nil || len(s.Enum) > 0 {
		return 1
	}
	return 0
}

// scalar is a text as a value of a schema: of the first type of the schema's that it can be
// read as; a text if it is none.
func (d *Document) scalar(s *Schema, text string, side Side) any {
	candidates := scalars(s, text, d.foreign)
	for _, v := range candidates {
		if len(candidates) == 1 || d.accepts(s, v, side) {
			return v
		}
	}
	return candidates[0]
}

// scalars are the values that a text may stand for in the place of a schema, those of a
// narrower type first.
func scalars(s *Schema, text string, strict bool) []any {
	all := expand([]*Schema{s})
	is := func(kind string) bool {
		return slices.ContainsFunc(all, func(s *Schema) bool { return s.Type.Includes(kind) })
	}
	any1 := !slices.ContainsFunc(all, func(s *Schema) bool { return s.Type != nil })
	var out []any
	if (any1 || is(openapi3.TypeNumber) || is(openapi3.TypeInteger) && (strict || isPlainInteger(text))) && isNumber(text) {
		out = append(out, json.Number(text))
	}
	if any1 || is(openapi3.TypeBoolean) {
		switch {
		case text == "true":
			out = append(out, true)
		case text == "false":
			out = append(out, false)
		case !strict && (text == "1" || text == "0"):
			out = append(out, text == "1")
		}
	}
	if s.Nullable && (text == "" || text == "null") {
		out = append(out, nil)
	}
	return append(out, text)
}

// isPlainInteger reports whether a text is an integer as the generated code binds it.
func isPlainInteger(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// isNumber reports whether a text is a number as JSON writes it.
func isNumber(text string) bool {
	_, ok := decimal.Parse(text)
	return ok
}

// itemOf is the schema of an item, or of a member, of a value of a schema; one that
// takes anything if nothing is said.
func itemOf(s *Schema, step Step) *Schema {
	switch found := children([]*Schema{s}, step); len(found) {
	case 0:
		return &Schema{}
	case 1:
		return found[0]
	default:
		one := &Schema{}
		for _, s := range found {
			one.AnyOf = append(one.AnyOf, &openapi3.SchemaRef{Value: s})
		}
		return one
	}
}

func (d *Document) list(s *Schema, texts []string, side Side) []any {
	items := make([]any, len(texts))
	item := itemOf(s, Step{Array: true})
	for i, text := range texts {
		items[i] = d.scalar(item, text, side)
	}
	return items
}

// fromContent reads a parameter that is written in a media type.
func (r *parameterReader) fromContent(d *Document, text string, side Side) reading {
	out := readText([]string{text})
	switch kind := kindOf(parseMedia(r.media).essence(), r.schema); {
	case kind == contentJSON:
		value, err := readJSON([]byte(text))
		if syntax, ok := err.(*jsonError); ok { //nolint:errorlint // readJSON gives no other
			out.wrong = &Violation{Rule: RuleJSON, Detail: syntax.Reason, Offset: syntax.Offset}
			return out
		}
		out.value = value.value
	case kind == contentText && r.schema != nil:
		out.value = d.scalar(r.schema, text, side)
	default:
		out.texts, out.value = nil, nil // nothing says what it has to be
	}
	return out
}

// structuredText reads a list or an object out of one text, whose values stand between
// separators and are decoded afterwards.
func (r *parameterReader) structuredText(d *Document, s *Schema, text, separator string, decode func(string) string, side Side) (any, []string, bool) {
	array, object := s.Type.Includes(openapi3.TypeArray), s.Type.Includes(openapi3.TypeObject)
	if !array && !object {
		return nil, nil, false
	}
	parts := strings.Split(text, separator)
	if array {
		for i := range parts {
			parts[i] = decode(parts[i])
		}
		return d.list(s, parts, side), parts, true
	}
	members := map[string]any{}
	if text == "" {
		return members, nil, true
	}
	if r.explode {
		for _, part := range parts {
			name, value, _ := strings.Cut(part, "=")
			name = decode(name)
			members[name] = d.scalar(itemOf(s, Step{Name: name}), decode(value), side)
		}
		return members, nil, true
	}
	if len(parts)%2 != 0 {
		return nil, nil, false
	}
	for i := 0; i < len(parts); i += 2 {
		name := decode(parts[i])
		members[name] = d.scalar(itemOf(s, Step{Name: name}), decode(parts[i+1]), side)
	}
	return members, nil, true
}

// fromText reads a parameter out of one text: raw as it stands in the message, plain as
// it is decoded as a whole.
func (r *parameterReader) fromText(d *Document, raw, plain, separator string, decode func(string) string, side Side) reading {
	if r.media != "" {
		return r.fromContent(d, plain, side)
	}
	texts := []string{plain}
	out := r.choose(d, texts, side, func(s *Schema) (any, bool) {
		if v, parts, ok := r.structuredText(d, s, raw, separator, decode, side); ok {
			if parts != nil {
				texts = parts
			}
			return v, true
		}
		if s.Type.Is(openapi3.TypeArray) || s.Type.Is(openapi3.TypeObject) {
			return nil, false
		}
		return d.scalar(s, plain, side), true
	})
	if _, isList := out.value.([]any); isList {
		out.texts = texts
	}
	return out
}

func same(text string) string { return text }

func unescapePath(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// fromPath reads a path parameter. raw is the text in the path, escaped.
func (r *parameterReader) fromPath(d *Document, raw string) reading {
	separator, ok := ",", true
	switch r.style {
	case openapi3.SerializationLabel:
		if raw, ok = strings.CutPrefix(raw, "."); r.explode {
			separator = "."
		}
	case openapi3.SerializationMatrix:
		name := url.PathEscape(r.parameter.Name)
		array := r.schema != nil && wants([]*Schema{r.schema}, openapi3.TypeArray)
		switch raw, ok = strings.CutPrefix(raw, ";"); {
		case r.explode && array:
			raw, ok = strings.CutPrefix(raw, name+"=")
			separator = ";" + name + "="
		case r.explode && structuredOrNil(r.schema):
			separator = ";"
		default:
			before := raw
			if raw, ok = strings.CutPrefix(raw, name+"="); !ok && before == name {
				raw, ok = "", true // an empty text stands without its sign
			}
		}
	}
	if !ok {
		return reading{found: true, texts: []string{raw}, value: unescapePath(raw), wrong: &Violation{Rule: "type", Got: unescapePath(raw)}}
	}
	return r.fromText(d, raw, unescapePath(raw), separator, unescapePath, SideClient)
}

func structuredOrNil(s *Schema) bool { return s != nil && structured(s) }

// header reads a header: its lists stand in one line or in several (RFC 9110, section
// 5.3), and spaces around commas say nothing.
func (r *parameterReader) header(d *Document, values []string, side Side) reading {
	text := strings.Join(values, ",")
	if r.schema != nil && structured(r.schema) && r.media == "" {
		parts := strings.Split(text, ",")
		for i := range parts {
			parts[i] = strings.Trim(parts[i], " \t")
		}
		raw := strings.Join(parts, ",")
		return r.fromText(d, raw, text, ",", same, side)
	}
	return r.fromText(d, text, text, ",", same, side)
}

// spreadCookie reports whether a list or an object stands in cookies between ampersands,
// which not all servers look for there.
func (r *parameterReader) spreadCookie() bool {
	return r.parameter.In == openapi3.ParameterInCookie && r.style != cookieStyle && r.explode && r.media == "" && structuredOrNil(r.schema)
}

// fromCookies reads a parameter out of the header of the cookies, in which values may be
// escaped. What is exploded stands between ampersands (RFC 6570) or in cookies of its own.
func (r *parameterReader) fromCookies(d *Document, header []string) reading {
	array := r.schema != nil && r.media == "" && wants([]*Schema{r.schema}, openapi3.TypeArray)
	object := r.schema != nil && r.media == "" && r.explode && wants([]*Schema{r.schema}, openapi3.TypeObject)
	var own []string
	var pairs []queryPair
	for _, line := range header {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			value = strings.Trim(value, `"`)
			if name == r.parameter.Name {
				own = append(own, value)
			}
			if !object {
				continue
			}
			for member := range strings.SplitSeq(name+"="+value, "&") {
				if name, value, _ = strings.Cut(member, "="); declaresMember(r.schema, name) { // others are cookies of others
					pairs = append(pairs, queryPair{name, value, unescapePath})
				}
			}
		}
	}
	if len(own) == 0 {
		if members := r.members(d, pairs); len(members) > 0 {
			return reading{found: true, value: members, texts: []string{}, loose: r.spreadCookie()}
		}
		return reading{}
	}
	separator := ","
	if r.explode && array {
		separator = "&" + r.parameter.Name + "="
	}
	text := strings.Join(own, separator)
	out := r.fromText(d, text, unescapePath(own[0]), separator, unescapePath, SideClient)
	out.loose = r.spreadCookie() && array && strings.Contains(text, separator)
	return out
}
