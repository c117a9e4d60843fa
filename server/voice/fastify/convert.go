package fastify

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/understudy-api/understudy/server/contract"
)

// Convert does what Ajv does with Fastify's coerceTypes "array": scalars become one
// another where JavaScript finds them equal, null becomes "", 0 or false, a scalar
// becomes a list of itself and a list of one its item.
func Convert(v *contract.Violation, value any) (any, bool) {
	s := v.Schema
	if v.Rule != "type" || s == nil || s.Type == nil {
		return nil, false
	}
	types := slices.Clone(*s.Type)
	if s.Nullable {
		types = append(types, "null")
	}
	if !slices.ContainsFunc(types, func(t string) bool { return t != "object" }) {
		return nil, false
	}
	if items, ok := value.([]any); ok && len(items) == 1 {
		// Of several types Ajv asks here for all at once, so that none will do.
		if value = items[0]; len(types) == 1 && ofType(value, types[0]) {
			return value, true
		}
	}
	for _, t := range types {
		if converted, ok := convertTo(t, value); ok {
			if v.In == contract.InBody {
				return converted, true
			}
			if n, isNumber := converted.(json.Number); isNumber {
				return n.String(), true // parameters stay texts
			}
			return nil, false
		}
	}
	return nil, false
}

func ofType(v any, t string) bool {
	switch v := v.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case []any:
		return t == "array"
	case map[string]any:
		return t == "object"
	case json.Number:
		return t == "number" || t == "integer" && integral(v)
	}
	return false
}

func convertTo(t string, v any) (any, bool) {
	n, isNumber := v.(json.Number)
	switch t {
	case "string":
		switch v := v.(type) {
		case nil:
			return "", true
		case bool:
			return strconv.FormatBool(v), true
		case json.Number:
			f, err := v.Float64()
			return number(f), err == nil
		}
	case "number", "integer":
		var f float64
		switch v := v.(type) {
		case nil:
		case bool:
			if v {
				f = 1
			}
		case string:
			var ok bool
			if f, ok = jsNumber(v); v == "" || !ok || math.IsInf(f, 0) { // what is infinite cannot be kept
				return nil, false
			}
		default:
			return nil, false
		}
		if t == "integer" && f != math.Trunc(f) {
			return nil, false
		}
		return json.Number(number(f)), true
	case "boolean":
		switch {
		case v == nil, v == "false", isNumber && zero(n):
			return false, true
		case v == "true", isNumber && one(n):
			return true, true
		}
	case "null":
		if v == "" || v == false || isNumber && zero(n) {
			return nil, true
		}
	case "array":
		switch v.(type) {
		case nil, bool, string, json.Number:
			return []any{v}, true
		}
	}
	return nil, false
}

func zero(n json.Number) bool { f, err := n.Float64(); return err == nil && f == 0 }
func one(n json.Number) bool  { f, err := n.Float64(); return err == nil && f == 1 }

// jsNumber reads a text as JavaScript's Number does.
func jsNumber(text string) (float64, bool) {
	text = strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) && r != '\u0085' || r == '\uFEFF' })
	switch text {
	case "":
		return 0, true
	case "Infinity", "+Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if len(text) > 2 && text[0] == '0' {
		if base := map[byte]int{'x': 16, 'X': 16, 'o': 8, 'O': 8, 'b': 2, 'B': 2}[text[1]]; base != 0 {
			n, err := strconv.ParseUint(text[2:], base, 64)
			return float64(n), err == nil
		}
	}
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && math.IsInf(f, 0) {
		return f, true
	}
	return f, err == nil
}
