package sample

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// canonical copies a value as documents hold it (float64, int, json.Number) into the
// form that this package gives out. It reports false for what is not JSON.
func canonical(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool, string, json.Number:
		return v, true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, false
		}
		return numberOf(v), true
	case int:
		return json.Number(strconv.Itoa(v)), true
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), true
	case uint64:
		return json.Number(strconv.FormatUint(v, 10)), true
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			var ok bool
			if items[i], ok = canonical(item); !ok {
				return nil, false
			}
		}
		return items, true
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, member := range v {
			var ok bool
			if members[name], ok = canonical(member); !ok {
				return nil, false
			}
		}
		return members, true
	default:
		return nil, false
	}
}

// numberOf writes a number in full where that is not absurdly long.
func numberOf(f float64) json.Number {
	format := byte('f')
	if abs := math.Abs(f); abs >= 1e21 || abs != 0 && abs < 1e-7 {
		format = 'g'
	}
	return json.Number(strconv.FormatFloat(f, format, -1, 64))
}

// clone copies a value in the canonical form.
func clone(v any) any {
	v, _ = canonical(v)
	return v
}

// Set gives root with the place that path leads to holding v. What lies beside the
// path is shared with root.
func Set(root any, path []string, v any) any {
	if len(path) == 0 {
		return v
	}
	switch c := root.(type) {
	case map[string]any:
		c = maps.Clone(c)
		c[path[0]] = Set(c[path[0]], path[1:], v)
		return c
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(c) {
			return root
		}
		c = slices.Clone(c)
		c[i] = Set(c[i], path[1:], v)
		return c
	default:
		return root
	}
}

// with gives an object with one more member, or another value for one.
func with(object map[string]any, name string, v any) map[string]any {
	c := make(map[string]any, len(object)+1)
	maps.Copy(c, object)
	c[name] = v
	return c
}

func without(object map[string]any, name string) map[string]any {
	c := maps.Clone(object)
	delete(c, name)
	return c
}

// identity is a text that two values share only if they are written alike.
func identity(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// escape writes a name as a reference token of a JSON pointer.
func escape(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return pointerEscapes.Replace(name)
}

func pointerTo(path []string) string {
	var b strings.Builder
	for _, token := range path {
		b.WriteByte('/')
		b.WriteString(escape(token))
	}
	return b.String()
}
