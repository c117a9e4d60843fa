package sample

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// draft is a value that may become a case, for one place.
type draft struct {
	valid   bool
	keyword string
	rule    string // within the schema of the place: "/maxLength"
	why     string
	// also are the keywords under which kin-openapi may report the same rule.
	also []string
	// member is the place below, if the case is about a member.
	member string
	// unseen says that kin-openapi does not look at the rule.
	unseen bool
	make   func() (any, bool)
}

// drafter collects the drafts for one place. s is the schema whose rules are tried,
// full is all that is asked of the place, v is a value that satisfies full.
type drafter struct {
	*maker

	s, full *openapi3.Schema
	v       any
	path    []string
	only    bool // broken rules only
	found   []draft
}

// drafts lists values at the limits of the rules of s and beyond, in a stable order.
func (m *maker) drafts(s, full *openapi3.Schema, v any, path []string, brokenOnly bool) []draft {
	d := &drafter{maker: m, s: s, full: full, v: v, path: path, only: brokenOnly}
	d.enum()
	if len(full.Enum) == 0 {
		for _, kind := range kindsOf(full) {
			switch kind {
			case openapi3.TypeString:
				d.texts()
			case openapi3.TypeInteger:
				if full.Type != nil {
					d.numbers(true)
				}
			case openapi3.TypeNumber:
				d.numbers(false)
			case openapi3.TypeBoolean:
				if s.Type != nil {
					d.right("type", "true", true)
					d.right("type", "false", false)
				}
			case openapi3.TypeArray:
				d.arrays()
			case openapi3.TypeObject:
				d.objects()
			}
		}
		if s.Type == nil && !composed(s) && len(kindsOf(full)) == len(allKinds) {
			d.nested()
		}
	}
	d.types()
	d.null()
	d.exceptions()
	d.unions()
	d.beyond()
	return d.found
}

func (d *drafter) add(n draft) {
	if n.valid && d.only {
		return
	}
	if n.rule == "" {
		n.rule = "/" + n.keyword
	}
	d.found = append(d.found, n)
}

func (d *drafter) right(keyword, why string, v any) {
	d.add(draft{valid: true, keyword: keyword, why: why, make: func() (any, bool) { return v, true }})
}

func (d *drafter) wrong(keyword, why string, v any) {
	d.add(draft{keyword: keyword, why: why, make: func() (any, bool) { return v, true }})
}

// enum drafts each listed value, and some that are not.
func (d *drafter) enum() {
	if len(d.s.Enum) == 0 {
		return
	}
	var outside []any
	for i, v := range enumOf(d.s) {
		v, ok := canonical(v)
		if !ok {
			continue
		}
		d.right("enum", fmt.Sprintf("value %d of %d", i+1, len(d.s.Enum)), v)
		if i > 0 {
			continue
		}
		switch v := v.(type) {
		case string:
			outside = append(outside, v+"-unlisted", strings.ToUpper(v), strings.ToLower(v), "", json.Number("0"))
		case json.Number:
			outside = append(outside, json.Number("-987654"), json.Number("987654"), v.String())
		case bool:
			outside = append(outside, !v, strconv.FormatBool(v))
		default:
			outside = append(outside, "unlisted", json.Number("987654"))
		}
	}
	for _, v := range outside {
		d.wrong("enum", "a value outside the enum", v)
	}
}

// types drafts values of the types that the schema does not take.
func (d *drafter) types() {
	if d.s.Type == nil || len(d.s.Enum) > 0 || d.s.Type.Is("null") {
		return
	}
	takes := func(t string) bool { return d.s.Type.Includes(t) }
	names := strings.Join(d.s.Type.Slice(), " or ")
	wrong := func(what string, v any) { d.wrong("type", what+" for "+names, v) }
	integer, number := takes(openapi3.TypeInteger), takes(openapi3.TypeNumber)
	if !takes(openapi3.TypeString) {
		if integer || number {
			text := "1"
			if n, ok := d.v.(json.Number); ok {
				text = n.String()
			}
			wrong("a string with a number", text)
		}
		if takes(openapi3.TypeBoolean) {
			wrong("a string with true", "true")
		}
		wrong("a string", "text")
	}
	if integer && !number {
		d.add(draft{keyword: "type", why: "a fraction for " + names, make: d.fraction})
	}
	if !integer && !number {
		wrong("an integer", json.Number("1"))
		wrong("a fraction", json.Number("1.5"))
	}
	if !takes(openapi3.TypeBoolean) {
		wrong("a boolean", true)
	}
	if !takes(openapi3.TypeArray) {
		if d.v != nil {
			wrong("an array around it", []any{d.v})
		}
		wrong("an empty array", []any{})
	}
	if !takes(openapi3.TypeObject) {
		wrong("an object", map[string]any{})
	}
}

// null drafts null. A schema without a type does not say that it is not taken.
func (d *drafter) null() {
	if d.s.Nullable {
		d.right("nullable", "null", nil)
		return
	}
	var rule string
	switch {
	case len(d.s.Enum) > 0:
		rule = "/enum"
	case d.s.Type != nil && !d.s.Type.Is("null"):
		rule = "/type"
	case d.s.Not != nil:
		rule = "/not"
	default:
		return
	}
	d.add(draft{keyword: "nullable", rule: rule, also: []string{"enum", "not"}, why: "null where it is not taken", make: func() (any, bool) { return nil, true }})
}

func (d *drafter) exceptions() {
	if d.s.Not == nil || d.s.Not.Value.Type.Is("null") {
		return
	}
	d.add(draft{keyword: "not", why: "a value that is excepted", make: func() (any, bool) {
		rest := *d.full
		rest.Not = nil
		return d.at(d.path, (&openapi3.Schema{AllOf: openapi3.SchemaRefs{rest.NewRef(), d.s.Not}}), true)
	}})
}

// unions drafts values that no branch takes, and one that two take.
func (d *drafter) unions() {
	for _, keyword := range []string{"oneOf", "anyOf"} {
		branches := d.s.OneOf
		if keyword == "anyOf" {
			branches = d.s.AnyOf
		}
		if len(branches) == 0 {
			continue
		}
		if g := d.s.Discriminator; g != nil {
			d.discriminators(g)
		}
		for _, v := range []any{
			"no branch takes this", true, json.Number("-98765.5"), []any{}, map[string]any{}, map[string]any{"unexpected": true}, []any{map[string]any{}},
		} {
			d.wrong(keyword, "a value that no branch takes", v)
		}
		if keyword == "anyOf" {
			continue
		}
		base := *d.s
		base.OneOf, base.Discriminator = nil, nil
		for i := range branches {
			for j := range i {
				d.add(draft{keyword: keyword, why: fmt.Sprintf("a value that branches %d and %d take", j, i), make: func() (any, bool) {
					return d.at(d.path, &openapi3.Schema{AllOf: openapi3.SchemaRefs{base.NewRef(), branches[j], branches[i]}}, true)
				}})
			}
		}
	}
}

func (d *drafter) discriminators(g *openapi3.Discriminator) {
	object, ok := d.v.(map[string]any)
	if !ok {
		return
	}
	member := func(why string, v any) {
		d.add(draft{keyword: "discriminator", why: why, make: func() (any, bool) { return with(object, g.PropertyName, v), true }})
	}
	d.add(draft{keyword: "discriminator", why: "without " + quoted(g.PropertyName), make: func() (any, bool) { return without(object, g.PropertyName), true }})
	member("a value that leads to no branch", "unmapped")
	member("a number as discriminator", json.Number("1"))
}

func quoted(name string) string { return strconv.Quote(name) }

// nested drafts values of every kind, for a schema that takes all.
func (d *drafter) nested() {
	deep := any("deep")
	for range 16 {
		deep = []any{map[string]any{"deep": deep}}
	}
	for _, c := range []struct {
		why string
		v   any
	}{
		{"a string", "a"},
		{"a number", json.Number("1.5")},
		{"a boolean", true},
		{"an empty array", []any{}},
		{"an empty object", map[string]any{}},
		{"a mixed array", []any{json.Number("1"), "a", true, []any{}}},
		{"32 levels", deep},
	} {
		d.add(draft{valid: true, keyword: "type", rule: "/", why: c.why, make: func() (any, bool) { return c.v, true }})
	}
}

// texts drafts strings.
func (d *drafter) texts() {
	low, high := lengths(d.full)
	exactly := func(n int) func() (any, bool) {
		return func() (any, bool) {
			bounds := *d.full
			bounds.MinLength, bounds.MaxLength = 0, nil
			if n < 0 || n > maxText {
				return nil, false
			}
			text, ok := d.text(&bounds, n, n, true)
			return text, ok
		}
	}
	free := d.full.Pattern == "" && textFormats[d.full.Format].check == nil
	if d.s.MinLength > 0 {
		n := int(min(d.s.MinLength, unlimited))
		d.add(draft{valid: true, keyword: "minLength", why: fmt.Sprintf("as short as minLength %d", n), make: exactly(n)})
		if free && n <= maxText {
			d.right("minLength", "as short, outside ASCII", strings.Repeat("é", n))
			d.right("minLength", "as short, outside the BMP", strings.Repeat("😀", n))
			if n > 1 {
				d.right("minLength", "as short, blanks", strings.Repeat(" ", n))
			}
		}
		d.add(draft{keyword: "minLength", why: fmt.Sprintf("one shorter than minLength %d", n), make: exactly(n - 1)})
	}
	if d.s.MaxLength != nil && *d.s.MaxLength <= maxText {
		n := int(*d.s.MaxLength)
		d.add(draft{valid: true, keyword: "maxLength", why: fmt.Sprintf("as long as maxLength %d", n), make: exactly(n)})
		if free && n > 0 {
			d.right("maxLength", "as long, outside ASCII", strings.Repeat("é", n))
			d.right("maxLength", "as long, outside the BMP", strings.Repeat("😀", n))
		}
		d.add(draft{keyword: "maxLength", why: fmt.Sprintf("one longer than maxLength %d", n), make: exactly(n + 1)})
		if free {
			d.wrong("maxLength", fmt.Sprintf("one longer than maxLength %d, outside ASCII", n), strings.Repeat("é", n+1))
		}
	}
	d.patterns(low, high)
	d.formats()
	if !free || d.s.Type == nil {
		return
	}
	for _, c := range []struct{ why, text string }{
		{"the empty string", ""},
		{"a space", " "},
		{"space around", " a "},
		{"quotes and backslashes", `"'\` + "`"},
		{"control characters", "\t\r\n\x01\x1f\x7f"},
		{"letters outside ASCII", "äßЖ日本"},
		{"runes outside the BMP", "😀𝒳"},
		{"a combining mark", "e\u0301"},
		{"10,000 letters", long},
	} {
		if fits(c.text, low, high) {
			d.right("type", c.why, c.text)
		}
	}
}

var long = strings.Repeat("a", 10_000)

func (d *drafter) patterns(low, high int) {
	if d.s.Pattern == "" {
		return
	}
	d.add(draft{valid: true, keyword: "pattern", why: "a match", make: func() (any, bool) {
		text, ok := d.text(d.full, low, high, true)
		return text, ok
	}})
	e := expressionOf(d.s.Pattern)
	if e == nil {
		return
	}
	near, _ := d.v.(string)
	count := 0
	for _, miss := range misses(near) {
		if count == 6 {
			break
		}
		if fits(miss, low, high) && !e.matcher.MatchString(miss) {
			count++
			d.wrong("pattern", "a miss", miss)
		}
	}
}

func (d *drafter) formats() {
	format, ok := textFormats[d.s.Format]
	if !ok {
		return
	}
	for _, text := range format.rights {
		d.right("format", "a valid "+d.s.Format, text)
	}
	for _, text := range format.wrongs {
		d.wrong("format", "not a valid "+d.s.Format, text)
	}
}

// arrays drafts arrays. Their items are as small as can be.
func (d *drafter) arrays() {
	of := func(n int) func() (any, bool) {
		return func() (any, bool) {
			if n < 0 {
				return nil, false
			}
			d.begin(d.path)
			items, ok := d.list(d.full, n, true)
			return items, ok
		}
	}
	if n := d.s.MinItems; n > 0 && n <= maxList {
		d.add(draft{valid: true, keyword: "minItems", why: fmt.Sprintf("as few as minItems %d", n), make: of(int(n))})
		d.add(draft{keyword: "minItems", why: fmt.Sprintf("one fewer than minItems %d", n), make: of(int(n) - 1)})
	}
	if n := d.s.MaxItems; n != nil && *n < maxList {
		d.add(draft{valid: true, keyword: "maxItems", why: fmt.Sprintf("as many as maxItems %d", *n), make: of(int(*n))})
		d.add(draft{keyword: "maxItems", why: fmt.Sprintf("one more than maxItems %d", *n), make: of(int(*n) + 1)})
	}
	if d.s.UniqueItems {
		d.add(draft{valid: true, keyword: "uniqueItems", why: "different items", make: of(max(2, int(min(d.full.MinItems, maxList))))})
		d.add(draft{keyword: "uniqueItems", why: "an item twice", make: func() (any, bool) {
			items, ok := of(max(1, int(min(d.full.MinItems, maxList))-1))()
			list, isList := items.([]any)
			if !ok || !isList {
				return nil, false
			}
			return append(slices.Clone(list), clone(list[0])), true
		}})
	}
	if d.s.Type == nil && d.s.Items == nil {
		return
	}
	rule := draft{valid: true, keyword: "items"}
	if d.s.Items == nil {
		rule.keyword = "type"
	}
	for _, n := range []int{0, 1, 3, 50} {
		rule.why, rule.make = fmt.Sprintf("%d items", n), of(n)
		if n == 1 {
			rule.why = "1 item"
		}
		d.add(rule)
	}
}

// objects drafts objects: v with members left out or added.
func (d *drafter) objects() {
	v, ok := d.v.(map[string]any)
	if !ok {
		d.begin(d.path)
		if v, ok = d.object(d.full, true, ""); !ok {
			return
		}
	}
	names := d.openNames()
	small := func() (map[string]any, bool) {
		d.begin(d.path)
		return d.object(d.full, true, "")
	}
	switch {
	case len(d.s.Required) > 0:
		d.add(draft{valid: true, keyword: "required", why: "required members only", make: func() (any, bool) { return small() }})
	case len(d.s.Properties) > 0:
		d.add(draft{valid: true, keyword: "properties", why: "no member that need not be", make: func() (any, bool) { return small() }})
	case d.s.Type != nil:
		d.add(draft{valid: true, keyword: "type", why: "the smallest object", make: func() (any, bool) { return small() }})
	}
	all := func() (map[string]any, bool) {
		members, ok := small()
		for _, name := range names {
			if _, has := members[name]; ok && !has {
				d.member(members, d.full, name, true)
			}
		}
		return members, ok
	}
	optional := 0
	for _, name := range names {
		if slices.Contains(d.full.Required, name) {
			continue
		}
		optional++
		d.add(draft{valid: true, keyword: "properties", rule: "/properties/" + escape(name), member: name, why: "with " + quoted(name) + " alone", make: func() (any, bool) {
			d.begin(d.path)
			return d.object(d.full, true, name)
		}})
	}
	if optional > 1 {
		d.add(draft{valid: true, keyword: "properties", why: "every member", make: func() (any, bool) { return all() }})
	}
	for _, name := range d.s.Required {
		d.add(draft{keyword: "required", why: "without " + quoted(name), make: func() (any, bool) {
			_, has := v[name]
			return without(v, name), has
		}})
	}
	d.counts(names, small)
	d.extras(v)
}

// openNames lists the members that s declares and that may be sent this way.
func (d *drafter) openNames() []string {
	var names []string
	for name, ref := range d.s.Properties {
		inFull, ok := memberOf(d.full, name)
		if d.left(ref) || !ok || inFull != nil && d.left(inFull) {
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// counts drafts objects with as many members as minProperties and maxProperties say,
// and one off.
func (d *drafter) counts(names []string, small func() (map[string]any, bool)) {
	of := func(n int) func() (any, bool) {
		return func() (any, bool) {
			members, ok := small()
			if !ok || n < 0 || n > maxList {
				return nil, false
			}
			for _, name := range slices.Sorted(maps.Keys(members)) {
				if len(members) > n && !slices.Contains(d.full.Required, name) {
					delete(members, name)
				}
			}
			for _, name := range names {
				if _, has := members[name]; !has && len(members) < n {
					d.member(members, d.full, name, true)
				}
			}
			for len(members) < n && !closed(d.full) {
				if !d.member(members, d.full, extraName(d.full, members), true) {
					return nil, false
				}
			}
			return members, len(members) == n
		}
	}
	if n := d.s.MinProps; n > 0 && n <= maxList {
		d.add(draft{valid: true, keyword: "minProperties", why: fmt.Sprintf("as few as minProperties %d", n), make: of(int(n))})
		d.add(draft{keyword: "minProperties", why: fmt.Sprintf("one fewer than minProperties %d", n), make: of(int(n) - 1)})
	}
	if n := d.s.MaxProps; n != nil && *n < maxList {
		d.add(draft{valid: true, keyword: "maxProperties", why: fmt.Sprintf("as many as maxProperties %d", *n), make: of(int(*n))})
		d.add(draft{keyword: "maxProperties", why: fmt.Sprintf("one more than maxProperties %d", *n), make: of(int(*n) + 1)})
	}
}

// extras drafts members that the schema does not list.
func (d *drafter) extras(v map[string]any) {
	name := extraName(d.full, v)
	extra := func(name string) func() (any, bool) {
		return func() (any, bool) {
			d.begin(d.path)
			members := with(v, name, nil)
			if !d.member(members, d.full, name, true) {
				members[name] = "a"
			}
			return members, true
		}
	}
	if closed(d.s) {
		d.add(draft{keyword: "additionalProperties", why: "an undeclared member", make: extra(name)})
		return
	}
	if d.s.Type == nil && d.s.AdditionalProperties.Has == nil && d.s.AdditionalProperties.Schema == nil || closed(d.full) {
		return
	}
	rule := "/additionalProperties"
	if d.s.AdditionalProperties.Has == nil && d.s.AdditionalProperties.Schema == nil {
		rule = "/type"
	}
	d.add(draft{valid: true, keyword: "additionalProperties", rule: rule, why: "an undeclared member, which may be", make: extra(name)})
	if d.full.Properties["__proto__"] == nil {
		d.add(draft{valid: true, keyword: "additionalProperties", rule: rule, why: "a member __proto__", make: extra("__proto__")})
	}
}
