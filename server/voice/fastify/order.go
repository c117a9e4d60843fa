package fastify

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
)

// Ajv's order of keywords within a schema, with allErrors: those of any type
// first, then by type, in the order in which its vocabularies list them. A wrong
// type is reported before all, unless the type is the only one and has keywords
// of its own: then where these would be.
const (
	rankType          = 0
	rankConst         = 10
	rankEnum          = 11
	rankNot           = 12
	rankAnyOf         = 13
	rankOneOf         = 14
	rankAllOf         = 15
	rankNumber        = 20 // maximum, minimum, exclusiveMaximum, exclusiveMinimum, multipleOf, format
	rankString        = 30 // maxLength, minLength, pattern, format
	rankArray         = 40 // maxItems, minItems, items, uniqueItems
	rankItems         = rankArray + 2
	rankObject        = 50 // maxProperties, minProperties, required, additionalProperties, properties
	rankRequired      = rankObject + 2
	rankAdditional    = rankObject + 3
	rankProperties    = rankObject + 4
	rankDiscriminator = rankObject + 5
	rankTypeOfGroup   = 60
	rankLast          = 70
)

// typeRank is where Ajv reports a wrong type.
func typeRank(s *contract.Schema) int {
	if s == nil || s.Nullable || s.Type == nil || len(*s.Type) != 1 {
		return rankType
	}
	own := false
	switch (*s.Type)[0] {
	case "number":
		own = s.Min != nil || s.Max != nil || s.MultipleOf != nil || s.Format != "" ||
			s.ExclusiveMin.IsSet() || s.ExclusiveMax.IsSet()
	case "string":
		own = s.MinLength > 0 || s.MaxLength != nil || s.Pattern != "" || s.Format != ""
	case "array":
		own = s.MinItems > 0 || s.MaxItems != nil || s.Items != nil || s.UniqueItems
	case "object":
		own = len(s.Properties) > 0 || len(s.Required) > 0 || s.MinProps > 0 || s.MaxProps != nil ||
			s.AdditionalProperties.Has != nil || s.AdditionalProperties.Schema != nil || s.Discriminator != nil
	}
	if own {
		return rankTypeOfGroup
	}
	return rankType
}

// typeText names the types of a schema. OpenAPI's nullable does not show.
func typeText(s *contract.Schema, otherwise string) string {
	if s == nil || s.Type == nil || len(*s.Type) == 0 {
		return otherwise
	}
	return strings.Join(*s.Type, ",")
}

// typed reports whether a value is of the schema's type.
func typed(s *contract.Schema, v any) bool {
	if s == nil || s.Type == nil {
		return true
	}
	switch v := v.(type) {
	case nil:
		return s.Nullable
	case bool:
		return s.Type.Includes("boolean")
	case string:
		return s.Type.Includes("string")
	case []any:
		return s.Type.Includes("array")
	case map[string]any:
		return s.Type.Includes("object")
	default:
		return s.Type.Includes("number") || (s.Type.Includes("integer") && integral(v))
	}
}

func integral(v any) bool {
	n, ok := v.(json.Number)
	if !ok {
		return true // a parameter that was parsed as an integer, or it would not be here
	}
	f, err := n.Float64()
	return err == nil && f == float64(int64(f))
}

// partKey is the place of the violated schema within its part, in Ajv's order.
func (w *worder) partKey(v *contract.Violation) []int {
	if w.operation == nil {
		return nil
	}
	if v.In == contract.InBody {
		if s := w.operation.BodySchema(); s != nil {
			key, _ := w.route(s, ofObject(v), 0, v)
			return key
		}
		return nil
	}
	for i, p := range w.operation.Parameters() {
		if p.Name != v.Name || contract.In(p.In) != v.In {
			continue
		}
		if v.Rule == "required" && len(v.Path) == 0 {
			return []int{rankRequired, i} // beside the rank that is added
		}
		key := []int{rankProperties, i}
		if p.Schema != nil {
			rest, _ := w.route(p.Schema.Value, ofObject(v), 0, v)
			key = append(key, rest...)
		}
		return key
	}
	return nil
}

// route finds the way from a schema to the violated one: at each step the rank of
// the keyword and the index within it. path is the whole path of the value that is
// blamed, done how much of it has been walked. Branches of unions are not entered:
// what is wrong in them is told with the union.
func (w *worder) route(s *contract.Schema, path []contract.Step, done int, v *contract.Violation) ([]int, bool) {
	if done == len(path) && s == v.Schema {
		return nil, true
	}
	try := func(next *contract.Schema, done int, key ...int) ([]int, bool) {
		rest, ok := w.route(next, path, done, v)
		return append(key, rest...), ok
	}
	for i, ref := range s.AllOf {
		if key, ok := try(ref.Value, done, rankAllOf, i); ok {
			return key, true
		}
	}
	if s.Discriminator != nil {
		for i, ref := range slices.Concat(s.OneOf, s.AnyOf) {
			if key, ok := try(ref.Value, done, rankDiscriminator, i); ok {
				return key, true
			}
		}
	}
	if done == len(path) {
		return nil, false
	}
	step := path[done]
	if step.Array {
		if s.Items != nil {
			return try(s.Items.Value, done+1, rankItems, step.Index)
		}
		return nil, false
	}
	if ref := s.Properties[step.Name]; ref != nil {
		return try(ref.Value, done+1, rankProperties, w.place(s, step.Name))
	}
	if ref := s.AdditionalProperties.Schema; ref != nil {
		return try(ref.Value, done+1, rankAdditional, w.arrival(path[:done+1]))
	}
	return nil, false
}

// place is the place of a property in the document.
func (w *worder) place(s *contract.Schema, name string) int {
	places, ok := w.order[s]
	if !ok {
		places = map[string]int{}
		for i, n := range w.operation.Properties(s) {
			places[n] = i
		}
		if w.order == nil {
			w.order = map[*contract.Schema]map[string]int{}
		}
		w.order[s] = places
	}
	return places[name]
}

// arrival is the place of a member in the order in which JavaScript lists them:
// names that are array indices first, by value, then the others as they came.
func (w *worder) arrival(path []contract.Step) int {
	name := path[len(path)-1].Name
	if n, err := strconv.ParseUint(name, 10, 32); err == nil && name == strconv.FormatUint(n, 10) && n < 1<<32-1 {
		return int(n) - 1<<32
	}
	return w.places().Arrival(path)
}

// branches words why the branches of a union do not match: all of each, in the
// order of the branches, until a second one of a oneOf matches.
func (w *worder) branches(v *contract.Violation, key []int, exactlyOne bool) []mistake {
	if v.Schema == nil {
		return nil
	}
	refs := v.Schema.AnyOf
	if exactlyOne {
		refs = v.Schema.OneOf
	}
	all := v.Branches // those of anyOf come first
	if exactlyOne {
		all = all[min(len(v.Schema.AnyOf), len(all)):]
	}
	var found []mistake
	matched := 0
	for i := range min(len(all), len(refs)) {
		if len(all[i]) == 0 {
			if matched++; matched > 1 {
				break
			}
			continue
		}
		for j := range all[i] {
			b := &all[i][j]
			var way []int
			if w.operation != nil {
				way, _ = w.route(refs[i].Value, ofObject(b), len(v.Path), b)
			}
			found = append(found, w.one(b, append(append(slices.Clone(key), 0, i), way...))...)
		}
	}
	return found
}

// duplicates finds the items that Ajv names when items are not unique. Items of
// scalar types are compared by a table, from the end, wrong types left out; others
// one by one.
func duplicates(s *contract.Schema, v any) (i, j int, ok bool) {
	items, _ := v.([]any)
	if scalar := scalarItems(s); scalar != nil {
		seen := map[string]int{}
		for i, item := range slices.Backward(items) {
			if !typed(scalar, item) {
				continue
			}
			text := canonical(item)
			if j, known := seen[text]; known {
				return i, j, true
			}
			seen[text] = i
		}
		return 0, 0, false
	}
	seen := map[string]int{}
	for at, item := range items {
		text := canonical(item)
		if before, known := seen[text]; known {
			i, j, ok = at, before, true
		}
		seen[text] = at
	}
	return i, j, ok
}

func scalarItems(s *contract.Schema) *contract.Schema {
	if s == nil || s.Items == nil {
		return nil
	}
	items := s.Items.Value
	if items == nil || items.Type == nil || len(*items.Type) == 0 || items.Type.Includes("object") || items.Type.Includes("array") {
		return nil
	}
	return items
}

// canonical writes a value so that equal values have equal texts.
func canonical(v any) string {
	var b strings.Builder
	write := func(any) {}
	write = func(v any) {
		switch v := v.(type) {
		case json.Number:
			f, _ := v.Float64()
			b.WriteString(strconv.FormatFloat(f, 'g', -1, 64))
		case []any:
			b.WriteByte('[')
			for _, item := range v {
				write(item)
				b.WriteByte(',')
			}
			b.WriteByte(']')
		case map[string]any:
			b.WriteByte('{')
			for _, name := range slices.SortedFunc(maps.Keys(v), cmp.Compare[string]) {
				b.WriteString(strconv.Quote(name))
				write(v[name])
			}
			b.WriteByte('}')
		case string:
			b.WriteString(strconv.Quote(v))
		default:
			text, err := json.Marshal(v)
			if err != nil {
				return // a decoded value always encodes
			}
			b.Write(text)
		}
	}
	write(v)
	return b.String()
}
