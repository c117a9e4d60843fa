// Package schemas makes components of an OpenAPI document of schemas that somebody
// else wrote: JSON Schema of any draft, as decisions carry it, right or wrong.
//
// What is kept of a schema is what OpenAPI 3.1 knows and what is written as it should
// be; the rest is left out, so that a component says less than its schema at most, and
// never something else.
package schemas

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Set is a set of components.
type Set struct {
	all   map[string]any
	names map[string]bool // given by Name
}

// New makes an empty set.
func New() *Set { return &Set{all: map[string]any{}, names: map[string]bool{}} }

// All are the components by their names.
func (s *Set) All() map[string]any { return s.all }

// Name makes a name of a text that can stand in the name of a component, another for
// every call.
func (s *Set) Name(text string) string {
	var b strings.Builder
	upper := true
	for _, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		switch {
		case !letter:
			upper = true
			continue
		case upper && r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		}
		upper = false
		b.WriteRune(r)
	}
	base := b.String()
	if base == "" {
		base = "Decision"
	}
	name := base
	for n := 2; s.names[strings.ToLower(name)]; n++ {
		name = base + strconv.Itoa(n)
	}
	s.names[strings.ToLower(name)] = true
	return name
}

// maxDepth is how deep schemas may be within each other; what is deeper is anything.
const maxDepth = 40

// Add puts a schema into the set under a name, or the first free one like it, and gives
// the schema that refers to it.
func (s *Set) Add(name string, schema any) map[string]any {
	free := name
	for n := 2; s.all[free] != nil; n++ {
		free = name + "_" + strconv.Itoa(n)
	}
	c := &cleaner{set: s, name: free, root: schema, moved: map[string]string{}}
	s.all[free] = map[string]any{} // taken
	c.moved[""] = free
	s.all[free] = c.clean(schema, 0)
	for _, name := range c.moved {
		s.untie(name)
	}
	return ref(free)
}

// untie makes a component anything that comes to nothing but itself by references.
func (s *Set) untie(name string) {
	seen := map[string]bool{}
	for at := name; ; {
		if seen[at] {
			s.all[name] = map[string]any{}
			return
		}
		seen[at] = true
		component, _ := s.all[at].(map[string]any)
		target, refers := component["$ref"].(string)
		if !refers {
			return
		}
		at = strings.TrimPrefix(target, refPrefix)
	}
}

const refPrefix = "#/components/schemas/"

func ref(name string) map[string]any { return map[string]any{"$ref": refPrefix + name} }

// cleaner makes components of one schema.
type cleaner struct {
	set   *Set
	name  string
	root  any
	moved map[string]string // the names of components by what they were referred to by
}

// clean is what is kept of a schema.
func (c *cleaner) clean(schema any, depth int) map[string]any {
	if allowed, isBool := schema.(bool); isBool && !allowed {
		return map[string]any{"not": map[string]any{}}
	}
	from, isObject := schema.(map[string]any)
	if !isObject || depth > maxDepth {
		return map[string]any{}
	}
	if target, has := from["$ref"].(string); has {
		return c.follow(target, depth)
	}
	kept := map[string]any{}
	for name, value := range from {
		if v, ok := c.keyword(name, value, depth); ok {
			kept[name] = v
		}
	}
	if tuple, is := from["items"].([]any); is { // as it was before draft 2020-12
		kept["prefixItems"] = c.list(tuple, depth)
		if rest, has := from["additionalItems"]; has {
			kept["items"] = c.clean(rest, depth+1)
		}
	}
	c.bounds(from, kept)
	return kept
}

// follow makes a component of what a schema refers to within its own document.
func (c *cleaner) follow(target string, depth int) map[string]any {
	pointer, local := strings.CutPrefix(target, "#")
	if !local || depth > maxDepth {
		return map[string]any{}
	}
	if name, done := c.moved[pointer]; done {
		return ref(name)
	}
	found, ok := at(c.root, pointer)
	if !ok {
		return map[string]any{}
	}
	name := c.name + "." + c.set.Name(c.name+" "+pointer[strings.LastIndexByte(pointer, '/')+1:])
	c.moved[pointer] = name
	c.set.all[name] = map[string]any{}
	c.set.all[name] = c.clean(found, depth+1)
	return ref(name)
}

// at is what a JSON pointer leads to.
func at(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	if !strings.HasPrefix(pointer, "/") {
		return nil, false
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		object, isObject := v.(map[string]any)
		member, has := object[token]
		if !isObject || !has {
			return nil, false
		}
		v = member
	}
	return v, true
}

var types = []string{"null", "boolean", "object", "array", "number", "integer", "string"}

// keyword is what is kept of a keyword; not ok for nothing.
func (c *cleaner) keyword(name string, value any, depth int) (any, bool) {
	switch name {
	case "type":
		return typesOf(value)
	case "properties", "patternProperties":
		members, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		kept := map[string]any{}
		for member, schema := range members {
			if name == "patternProperties" && !compiles(member) {
				continue
			}
			kept[member] = c.clean(schema, depth+1)
		}
		return kept, true
	case "additionalProperties":
		if _, isBool := value.(bool); isBool {
			return value, true
		}
		return c.clean(value, depth+1), isSchema(value)
	case "items", "not", "contains", "propertyNames":
		return c.clean(value, depth+1), isSchema(value)
	case "allOf", "anyOf", "oneOf", "prefixItems":
		list, ok := value.([]any)
		return c.list(list, depth), ok && len(list) > 0
	case "required":
		return textsOf(value)
	case "enum":
		list, ok := value.([]any)
		return value, ok && len(list) > 0
	case "const", "default":
		return value, true
	case "examples":
		_, ok := value.([]any)
		return value, ok
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		n, ok := number(value)
		return value, ok && n >= 0 && n == math.Trunc(n) && n < 1<<53
	case "multipleOf":
		n, ok := number(value)
		return value, ok && n > 0
	case "uniqueItems", "deprecated", "readOnly", "writeOnly":
		_, ok := value.(bool)
		return value, ok
	case "title", "description", "format", "$comment":
		_, ok := value.(string)
		return value, ok
	case "pattern":
		text, ok := value.(string)
		return value, ok && compiles(text)
	}
	return nil, false
}

// bounds keeps the bounds of numbers: those of draft 4 said by true that they exclude.
func (c *cleaner) bounds(from, kept map[string]any) {
	for _, b := range [][2]string{{"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}} {
		inclusive, exclusive := from[b[0]], from[b[1]]
		_, has := number(inclusive)
		if excludes, isBool := exclusive.(bool); isBool && excludes && has {
			kept[b[1]] = inclusive
			continue
		}
		if has {
			kept[b[0]] = inclusive
		}
		if _, ok := number(exclusive); ok {
			kept[b[1]] = exclusive
		}
	}
}

func (c *cleaner) list(schemas []any, depth int) []any {
	kept := make([]any, len(schemas))
	for i, schema := range schemas {
		kept[i] = c.clean(schema, depth+1)
	}
	return kept
}

func isSchema(v any) bool {
	switch v.(type) {
	case map[string]any, bool:
		return true
	}
	return false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

func compiles(pattern string) bool {
	_, err := regexp.Compile(pattern)
	return err == nil
}

func typesOf(v any) (any, bool) {
	if text, is := v.(string); is {
		return text, slices.Contains(types, text)
	}
	list, _ := v.([]any)
	var kept []any
	for _, item := range list {
		if text, is := item.(string); !is || !slices.Contains(types, text) || slices.Contains(kept, item) {
			return nil, false
		}
		kept = append(kept, item)
	}
	return kept, len(kept) > 0
}

// textsOf is a list of texts, each once.
func textsOf(v any) (any, bool) {
	list, ok := v.([]any)
	kept := []any{}
	for _, item := range list {
		if _, is := item.(string); !is {
			return nil, false
		}
		if !slices.Contains(kept, item) {
			kept = append(kept, item)
		}
	}
	return kept, ok && len(kept) > 0
}
