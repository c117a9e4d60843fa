package decision

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/decision/value"
)

const maxSchemaDepth = 1000

// holds reports whether a value keeps a rule; where it does not, the judge has the
// first violation. The keywords are looked at in the order of their names.
func (j *judge) holds(r *schemaRule, v value.Value, at *step) bool {
	if r == nil {
		return true
	}
	j.deep++
	defer func() { j.deep-- }()
	if j.left--; j.left < 0 || j.deep > maxSchemaDepth {
		j.left = -1
		return false
	}
	if r.never {
		return j.fails(at, "False schema does not allow %s", j.shown(v))
	}
	if r.ref != nil {
		return j.holds(r.ref, v, at)
	}
	return j.additional(r, v, at) && j.combined(r, v, at) && j.constant(r, v, at) && j.content(r, v, at) &&
		j.dependencies(r, v, at) && j.enum(r, v, at) && j.exclusive(r, v, at) && j.format(r, v, at) &&
		j.conditional(r, v, at) && j.items(r, v, at) && j.bounds(r, v, at) && j.alternatives(r, v, at) &&
		j.pattern(r, v, at) && j.properties(r, v, at) && j.required(r, v, at) && j.kind(r, v, at) && j.unique(r, v, at)
}

// additional is additionalItems and additionalProperties; the latter looks at
// properties and patternProperties, too.
func (j *judge) additional(r *schemaRule, v value.Value, at *step) bool {
	if r.moreItems != nil && len(v.AsArray()) > len(r.places) {
		rest := v.AsArray()[len(r.places):]
		if r.moreItems.never {
			texts := make([]string, 0, len(rest))
			for _, item := range rest {
				texts = append(texts, j.shown(item))
			}
			verb := "was"
			if len(texts) > 1 {
				verb = "were"
			}
			return j.fails(at, "Additional items are not allowed (%s %s unexpected)", strings.Join(texts, ", "), verb)
		}
		for i, item := range rest {
			if !j.holds(r.moreItems, item, &step{at, strconv.Itoa(len(r.places) + i)}) {
				return false
			}
		}
	}
	if r.moreProperties == nil || v.Kind() != value.KindObject {
		return true
	}
	for _, key := range sortedKeys(v.AsObject()) {
		member, _ := v.AsObject().Get(key)
		here := &step{at, key}
		known := false
		if property := r.property(key); property != nil {
			if known = true; !j.holds(property, member, here) {
				return false
			}
		}
		for i := range r.patterns {
			if r.patterns[i].regexp.MatchString(key) {
				if known = true; !j.holds(r.patterns[i].rule, member, here) {
					return false
				}
			}
		}
		switch {
		case known:
		case r.moreProperties.never && len(r.properties)+len(r.patterns) == 0:
			return j.holds(r.moreProperties, member, at)
		case r.moreProperties.never:
			return j.fails(at, "Additional properties are not allowed ('%s' was unexpected)", key)
		case !j.holds(r.moreProperties, member, here):
			return false
		}
	}
	return true
}

func sortedKeys(m *value.Map) []string {
	keys := m.Keys()
	slices.Sort(keys)
	return keys
}

func (r *schemaRule) property(name string) *schemaRule {
	i, ok := slices.BinarySearchFunc(r.properties, name, func(p schemaProperty, name string) int {
		return strings.Compare(p.name, name)
	})
	if !ok {
		return nil
	}
	return r.properties[i].rule
}

// combined is allOf and anyOf.
func (j *judge) combined(r *schemaRule, v value.Value, at *step) bool {
	for _, all := range r.allOf {
		if !j.holds(all, v, at) {
			return false
		}
	}
	return len(r.anyOf) == 0 || slices.ContainsFunc(r.anyOf, func(one *schemaRule) bool { return j.quietly(one, v, at) }) ||
		j.fails(at, "%s is not valid under any of the schemas listed in the 'anyOf' keyword", j.shown(v))
}

func (j *judge) constant(r *schemaRule, v value.Value, at *step) bool {
	return r.constant == nil || sameJSON(*r.constant, v) || j.fails(at, "%s was expected", j.shown(*r.constant))
}

// sameJSON compares what dates and intervals are written as.
func sameJSON(a, b value.Value) bool { return value.Same(a, written(b)) }

func written(v value.Value) value.Value {
	if v.Kind() > value.KindObject {
		return value.String(v.String())
	}
	return v
}

// text is the text of a string, and of what is written as one.
func text(v value.Value) (string, bool) {
	switch v.Kind() {
	case value.KindString:
		return v.AsString(), true
	case value.KindDate, value.KindInterval:
		return v.String(), true
	default:
		return "", false
	}
}

// content is contains, contentEncoding and contentMediaType.
func (j *judge) content(r *schemaRule, v value.Value, at *step) bool {
	if r.contains != nil && v.Kind() == value.KindArray {
		if !slices.ContainsFunc(v.AsArray(), func(item value.Value) bool { return j.quietly(r.contains, item, at) }) {
			return j.fails(at, "None of %s are valid under the given schema", j.shown(v))
		}
	}
	s, ok := text(v)
	if !ok {
		return true
	}
	data := []byte(s)
	if r.base64 {
		var err error
		if data, err = base64.StdEncoding.DecodeString(s); err != nil {
			return j.fails(at, `%s is not compliant with "base64" content encoding`, j.shown(v))
		}
	}
	return !r.jsonText || json.Valid(data) || j.fails(at, `%s is not compliant with "application/json" media type`, j.shown(v))
}

func (j *judge) dependencies(r *schemaRule, v value.Value, at *step) bool {
	for i := range r.dependencies {
		d := &r.dependencies[i]
		if _, has := v.AsObject().Get(d.name); !has {
			continue
		}
		if !j.has(d.names, v, at) || !j.holds(d.rule, v, at) {
			return false
		}
	}
	return true
}

func (j *judge) has(names []string, v value.Value, at *step) bool {
	for _, name := range names {
		if _, has := v.AsObject().Get(name); !has {
			return j.fails(at, "%s is a required property", quoted(name))
		}
	}
	return true
}

func (j *judge) required(r *schemaRule, v value.Value, at *step) bool {
	return v.Kind() != value.KindObject || j.has(r.required, v, at)
}

// shownValues is how many values of an enum are told, if there are more than that.
const shownValues = 3

func (j *judge) enum(r *schemaRule, v value.Value, at *step) bool {
	if !r.enumerated || slices.ContainsFunc(r.enum, func(one value.Value) bool { return sameJSON(one, v) }) {
		return true
	}
	var texts []string
	for i, one := range r.enum {
		if len(r.enum) > shownValues && i == shownValues-1 {
			texts = append(texts, strconv.Itoa(len(r.enum)-i)+" other candidates")
			break
		}
		texts = append(texts, j.shown(one))
	}
	list := strings.Join(texts, ", ")
	if n := len(texts); n > 1 {
		list = strings.Join(texts[:n-1], ", ") + " or " + texts[n-1]
	}
	return j.fails(at, "%s is not one of %s", j.shown(v), list)
}

// exclusive is exclusiveMaximum and exclusiveMinimum.
func (j *judge) exclusive(r *schemaRule, v value.Value, at *step) bool {
	if v.Kind() != value.KindNumber {
		return true
	}
	n := v.AsNumber()
	switch {
	case r.below != nil && n.Cmp(*r.below) >= 0:
		return j.fails(at, "%s is greater than or equal to the maximum of %s", j.shown(v), j.shown(value.Number(*r.below)))
	case r.above != nil && n.Cmp(*r.above) <= 0:
		return j.fails(at, "%s is less than or equal to the minimum of %s", j.shown(v), j.shown(value.Number(*r.above)))
	}
	return true
}

func (j *judge) format(r *schemaRule, v value.Value, at *step) bool {
	if r.format == nil {
		return true
	}
	s, ok := text(v)
	return !ok || r.format.Validate(s) == nil || j.fails(at, `%s is not a %s`, j.shown(v), quoted(r.format.Name))
}

func (j *judge) conditional(r *schemaRule, v value.Value, at *step) bool {
	if r.when == nil {
		return true
	}
	if j.quietly(r.when, v, at) {
		return j.holds(r.then, v, at)
	}
	return j.holds(r.other, v, at)
}

func (j *judge) items(r *schemaRule, v value.Value, at *step) bool {
	for i, item := range v.AsArray() {
		rule := r.items
		if i < len(r.places) {
			rule = r.places[i]
		}
		if rule != nil && !j.holds(rule, item, &step{at, strconv.Itoa(i)}) {
			return false
		}
	}
	return true
}

// bounds are maxItems to maximum, minItems to minimum, and multipleOf.
func (j *judge) bounds(r *schemaRule, v value.Value, at *step) bool {
	switch v.Kind() {
	case value.KindArray:
		n := len(v.AsArray())
		switch {
		case r.maxItems != nil && n > *r.maxItems:
			return j.fails(at, "%s has more than %s", j.shown(v), plural(*r.maxItems, "item", "items"))
		case r.minItems != nil && n < *r.minItems:
			return j.fails(at, "%s has less than %s", j.shown(v), plural(*r.minItems, "item", "items"))
		}
	case value.KindObject:
		n := v.AsObject().Len()
		switch {
		case r.maxProperties != nil && n > *r.maxProperties:
			return j.fails(at, "%s has more than %s", j.shown(v), plural(*r.maxProperties, "property", "properties"))
		case r.minProperties != nil && n < *r.minProperties:
			return j.fails(at, "%s has less than %s", j.shown(v), plural(*r.minProperties, "property", "properties"))
		}
	case value.KindNumber:
		return j.number(r, v, at)
	case value.KindNull, value.KindBool:
	default:
		if r.maxLength == nil && r.minLength == nil {
			return true
		}
		s, _ := text(v)
		n := utf8.RuneCountInString(s)
		switch {
		case r.maxLength != nil && n > *r.maxLength:
			return j.fails(at, "%s is longer than %s", j.shown(v), plural(*r.maxLength, "character", "characters"))
		case r.minLength != nil && n < *r.minLength:
			return j.fails(at, "%s is shorter than %s", j.shown(v), plural(*r.minLength, "character", "characters"))
		}
	}
	return true
}

func (j *judge) number(r *schemaRule, v value.Value, at *step) bool {
	n := v.AsNumber()
	switch {
	case r.maximum != nil && n.Cmp(*r.maximum) > 0:
		return j.fails(at, "%s is greater than the maximum of %s", j.shown(v), j.shown(value.Number(*r.maximum)))
	case r.minimum != nil && n.Cmp(*r.minimum) < 0:
		return j.fails(at, "%s is less than the minimum of %s", j.shown(v), j.shown(value.Number(*r.minimum)))
	}
	if r.multiple == nil || r.multiple.IsZero() {
		return true
	}
	rest, err := n.Rem(*r.multiple)
	return err == nil && rest.IsZero() || j.fails(at, "%s is not a multiple of %s", j.shown(v), j.shown(value.Number(*r.multiple)))
}

// alternatives are not and oneOf.
func (j *judge) alternatives(r *schemaRule, v value.Value, at *step) bool {
	if r.not != nil && j.quietly(r.not, v, at) {
		return j.fails(at, "%s is not allowed for %s", r.notText, j.shown(v))
	}
	if len(r.oneOf) == 0 {
		return true
	}
	valid := 0
	for _, one := range r.oneOf {
		if j.quietly(one, v, at) {
			valid++
		}
	}
	switch valid {
	case 0:
		return j.fails(at, "%s is not valid under any of the schemas listed in the 'oneOf' keyword", j.shown(v))
	case 1:
		return true
	default:
		return j.fails(at, "%s is valid under more than one of the schemas listed in the 'oneOf' keyword", j.shown(v))
	}
}

func (j *judge) pattern(r *schemaRule, v value.Value, at *step) bool {
	if r.pattern == nil {
		return true
	}
	s, ok := text(v)
	return !ok || r.pattern.MatchString(s) || j.fails(at, "%s does not match %s", j.shown(v), `"`+r.pattern.String()+`"`)
}

// properties are patternProperties, properties and propertyNames; where there is
// additionalProperties the first two have been looked at.
func (j *judge) properties(r *schemaRule, v value.Value, at *step) bool {
	if v.Kind() != value.KindObject {
		return true
	}
	members := v.AsObject()
	if r.moreProperties == nil {
		for i := range r.patterns {
			for _, key := range sortedKeys(members) {
				if !r.patterns[i].regexp.MatchString(key) {
					continue
				}
				if member, _ := members.Get(key); !j.holds(r.patterns[i].rule, member, &step{at, key}) {
					return false
				}
			}
		}
		for i := range r.properties {
			p := &r.properties[i]
			if member, has := members.Get(p.name); has && !j.holds(p.rule, member, &step{at, p.name}) {
				return false
			}
		}
	}
	if r.names == nil {
		return true
	}
	for _, key := range sortedKeys(members) {
		if r.names.never {
			return j.holds(r.names, v, at)
		}
		if !j.holds(r.names, value.String(key), at) {
			return false
		}
	}
	return true
}

func (j *judge) kind(r *schemaRule, v value.Value, at *step) bool {
	if len(r.kinds) == 0 || slices.Contains(r.kinds, kindName(v)) {
		return true
	}
	if v.Kind() == value.KindNumber && slices.Contains(r.kinds, "integer") && v.AsNumber().Normalize().Scale() == 0 {
		return true
	}
	names := make([]string, 0, len(r.kinds))
	for _, name := range r.kinds {
		names = append(names, quoted(name))
	}
	word := "type"
	if len(names) > 1 {
		word = "types"
	}
	return j.fails(at, "%s is not of %s %s", j.shown(v), word, strings.Join(names, ", "))
}

// kindName is what JSON Schema calls the kind of a value.
func kindName(v value.Value) string {
	switch v.Kind() {
	case value.KindNull:
		return "null"
	case value.KindBool:
		return "boolean"
	case value.KindNumber:
		return "number"
	case value.KindArray:
		return "array"
	case value.KindObject:
		return "object"
	default:
		return "string"
	}
}

func (j *judge) unique(r *schemaRule, v value.Value, at *step) bool {
	if !r.unique || v.Kind() != value.KindArray {
		return true
	}
	seen := make(map[string]bool, len(v.AsArray()))
	for _, item := range v.AsArray() {
		key := shown(item)
		if seen[key] {
			return j.fails(at, "%s has non-unique elements", j.shown(v))
		}
		seen[key] = true
	}
	return true
}
