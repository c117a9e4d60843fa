package contract

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/decimal"
	"github.com/understudy-api/understudy/server/contract/formats"
)

func (e *evaluator) number(s *Schema, n json.Number, path []Step) (found []mistake) {
	d, ok := decimal.Parse(n.String())
	if !ok {
		return nil
	}
	add := func(rule string) {
		found = append(found, mistake{schema: s, rule: rule, path: path, got: n, within: slices.Clone(e.within)})
	}
	bound := func(keyword string, float *float64) (decimal.Decimal, bool) {
		if text, ok := exactOf(s, keyword); ok {
			return decimal.Parse(text)
		}
		if float == nil {
			return decimal.Decimal{}, false
		}
		return decimal.FromFloat(*float), true
	}
	least, hasLeast := bound("minimum", s.Min)
	most, hasMost := bound("maximum", s.Max)
	above, hasAbove := bound("exclusiveMinimum", s.ExclusiveMin.Value)
	below, hasBelow := bound("exclusiveMaximum", s.ExclusiveMax.Value)
	switch {
	case hasLeast && s.ExclusiveMin.IsTrue():
		above, hasAbove = least, true
	case hasLeast && d.Compare(least) < 0:
		add("minimum")
	}
	switch {
	case hasMost && s.ExclusiveMax.IsTrue():
		below, hasBelow = most, true
	case hasMost && d.Compare(most) > 0:
		add("maximum")
	}
	if hasAbove && d.Compare(above) <= 0 {
		add("exclusiveMinimum")
	}
	if hasBelow && d.Compare(below) >= 0 {
		add("exclusiveMaximum")
	}
	if of, has := bound("multipleOf", s.MultipleOf); has && !d.IsMultipleOf(of) {
		add("multipleOf")
	}
	switch integer := s.Type.Includes(openapi3.TypeInteger) && !s.Type.Includes(openapi3.TypeNumber); {
	case s.Format == "int32" && !d.Within(32) && d.IsInteger():
		add("format")
	case integer && s.Format == "int64" && !d.Within(64):
		add(RuleIntegerRange)
	}
	return found
}

func (e *evaluator) text(s *Schema, text string, path []Step) (found []mistake) {
	add := func(rule string) {
		found = append(found, mistake{schema: s, rule: rule, path: path, got: text, within: slices.Clone(e.within)})
	}
	if s.MinLength > 0 || s.MaxLength != nil {
		length := uint64(utf8.RuneCountInString(text))
		if length < s.MinLength {
			add("minLength")
		}
		if s.MaxLength != nil && length > *s.MaxLength {
			add("maxLength")
		}
	}
	if s.Pattern != "" && !e.document.matches(s.Pattern, text) {
		add("pattern")
	}
	check := formats.Check
	if e.document.foreign {
		check = formats.CheckStandard
	}
	if check(s.Format, text) != nil {
		add("format")
	}
	return found
}

// matches reports whether a pattern, which was read at load, matches a text.
func (d *Document) matches(pattern, text string) bool {
	known, ok := d.patterns.Load(pattern)
	if !ok {
		read, err := compilePattern(pattern)
		if err != nil {
			return true // it was told at load
		}
		known, _ = d.patterns.LoadOrStore(pattern, read)
	}
	m, _ := known.(openapi3.RegexMatcher)
	return m.MatchString(text)
}

func (e *evaluator) array(s *Schema, items []any, path []Step, seen *evaluated) (found []mistake) {
	add := func(rule string) {
		found = append(found, mistake{schema: s, rule: rule, path: path, got: items, within: slices.Clone(e.within)})
	}
	n := uint64(len(items))
	if n < s.MinItems {
		add("minItems")
	}
	if s.MaxItems != nil && n > *s.MaxItems {
		add("maxItems")
	}
	if s.UniqueItems && !unique(items) {
		add("uniqueItems")
	}
	for i, item := range items {
		var schema *openapi3.SchemaRef
		if schema = s.Items; i < len(s.PrefixItems) {
			schema = s.PrefixItems[i]
		}
		if schema != nil {
			found = append(found, e.child(schema.Value, item, path, Step{Array: true, Index: i})...)
			seen.item(i)
		}
		if e.fast && len(found) > 0 || len(found) > MaxExplained {
			return found
		}
	}
	if s.Contains != nil {
		matching := uint64(0)
		for i, item := range items {
			if e.takes(s.Contains.Value, item) {
				matching++
				seen.item(i)
			}
		}
		least := uint64(1)
		if s.MinContains != nil {
			least = *s.MinContains
		}
		switch {
		case matching < least && s.MinContains != nil:
			add("minContains")
		case matching < least:
			add("contains")
		case s.MaxContains != nil && matching > *s.MaxContains:
			add("maxContains")
		}
	}
	if boolSchemaSet(s.UnevaluatedItems) {
		for i, item := range items {
			if seen.items[i] {
				continue
			}
			found = append(found, e.unevaluated(s, s.UnevaluatedItems, "unevaluatedItems", item, path, Step{Array: true, Index: i})...)
			seen.item(i)
		}
	}
	return found
}

// unevaluated judges a part of a value that no other keyword has looked at.
func (e *evaluator) unevaluated(s *Schema, by openapi3.BoolSchema, rule string, v any, path []Step, step Step) []mistake {
	switch {
	case by.Schema != nil:
		return e.child(by.Schema.Value, v, path, step)
	case by.Has != nil && !*by.Has:
		return []mistake{{schema: s, rule: rule, path: append(slices.Clip(path), step), got: v, member: step.Name, within: slices.Clone(e.within)}}
	}
	return nil
}

func (e *evaluator) object(s *Schema, object map[string]any, path []Step, seen *evaluated) (found []mistake) {
	add := func(rule string, got any, member string, path []Step) {
		found = append(found, mistake{schema: s, rule: rule, path: path, got: got, member: member, within: slices.Clone(e.within)})
	}
	at := func(name string) []Step { return append(slices.Clip(path), Step{Name: name}) }
	n := uint64(len(object))
	if n < s.MinProps {
		add("minProperties", object, "", path)
	}
	if s.MaxProps != nil && n > *s.MaxProps {
		add("maxProperties", object, "", path)
	}
	for _, name := range s.Required {
		if _, has := object[name]; !has && !e.excused(s, name) {
			add("required", object, name, at(name))
		}
	}
	patterns := slices.Sorted(maps.Keys(s.PatternProperties))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		v, described := object[name], false
		if s.PropertyNames != nil {
			for _, m := range e.child(s.PropertyNames.Value, name, path, Step{Name: name}) {
				add("propertyNames", name, name, m.path)
				break
			}
		}
		if ref := s.Properties[name]; ref != nil {
			described = true
			if rule := e.direction(ref.Value); rule != "" && v != nil {
				found = append(found, mistake{schema: ref.Value, rule: rule, path: at(name), got: v, within: slices.Clone(e.within)})
			}
			found = append(found, e.child(ref.Value, v, path, Step{Name: name})...)
		}
		for _, pattern := range patterns {
			if e.document.matches(pattern, name) {
				described = true
				found = append(found, e.child(s.PatternProperties[pattern].Value, v, path, Step{Name: name})...)
			}
		}
		if additional := s.AdditionalProperties; !described {
			switch {
			case additional.Schema != nil:
				described = true
				found = append(found, e.child(additional.Schema.Value, v, path, Step{Name: name})...)
			case additional.Has != nil && !*additional.Has:
				add("additionalProperties", v, name, at(name))
			case additional.Has != nil:
				described = true
			}
		}
		if described {
			seen.name(name)
		}
		if e.fast && len(found) > 0 || len(found) > MaxExplained {
			return found
		}
	}
	if boolSchemaSet(s.UnevaluatedProperties) {
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if !seen.names[name] {
				found = append(found, e.unevaluated(s, s.UnevaluatedProperties, "unevaluatedProperties", object[name], path, Step{Name: name})...)
				seen.name(name)
			}
		}
	}
	return found
}

// direction is the rule that a member breaks by being there at all; "" for none.
func (e *evaluator) direction(s *Schema) string {
	switch {
	case e.request && s.ReadOnly:
		return "readOnly"
	case !e.request && s.WriteOnly:
		return "writeOnly"
	}
	return ""
}

// excused reports whether a required member need not come this way: one of the schemas
// that apply to the same object says that it goes the other way.
func (e *evaluator) excused(s *Schema, name string) bool {
	return slices.ContainsFunc(append(slices.Clip(e.applied), s), func(s *Schema) bool {
		return e.declaresDirection(s, name, map[*Schema]bool{})
	})
}

func (e *evaluator) declaresDirection(s *Schema, name string, known map[*Schema]bool) bool {
	if s == nil || known[s] {
		return false
	}
	known[s] = true
	if ref := s.Properties[name]; ref != nil && e.direction(ref.Value) != "" {
		return true
	}
	return slices.ContainsFunc(s.AllOf, func(ref *openapi3.SchemaRef) bool { return e.declaresDirection(ref.Value, name, known) })
}

// exactKey marks a schema with the numbers of its keywords as the document writes them,
// where a float64 has another.
const exactKey = "x-understudy-exact"

func exactOf(s *Schema, keyword string) (string, bool) {
	exact, _ := s.Extensions[exactKey].(map[string]any)
	text, ok := exact[keyword].(string)
	return text, ok
}

// listedIn reports whether a value is one of an enum's.
func listedIn(s *Schema, v any) bool {
	canonical := canonicalOf(v)
	for i, e := range s.Enum {
		if text, ok := exactOf(s, "enum/"+strconv.Itoa(i)); ok {
			if value, err := decodeJSON([]byte(text)); err == nil {
				e = value
			}
		}
		if canonicalOf(e) == canonical {
			return true
		}
	}
	return false
}

func unique(items []any) bool {
	known := make(map[string]bool, len(items))
	for _, item := range items {
		text := canonicalOf(item)
		if known[text] {
			return false
		}
		known[text] = true
	}
	return true
}

// canonicalOf writes equal values of JSON as one text.
func canonicalOf(v any) string {
	var b strings.Builder
	writeCanonical(&b, v)
	return b.String()
}

func writeCanonical(b *strings.Builder, v any) {
	switch v := v.(type) {
	case map[string]any:
		b.WriteByte('{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(strconv.Quote(name))
			writeCanonical(b, v[name])
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for _, item := range v {
			writeCanonical(b, item)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case json.Number:
		d, _ := decimal.Parse(v.String())
		b.WriteString(d.Text())
	case float64:
		b.WriteString(decimal.FromFloat(v).Text())
	case string:
		b.WriteString(strconv.Quote(v))
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case nil:
		b.WriteString("null")
	default:
		b.WriteString(literalOf(v))
	}
}
