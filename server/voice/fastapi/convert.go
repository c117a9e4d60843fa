package fastapi

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/server/contract"
)

// Convert does what pydantic's lax mode does with decoded JSON and with the texts of
// parameters: texts become numbers and booleans, booleans become numbers, 0 and 1
// become booleans. Nothing ever becomes a text. FastAPI reads every +json type.
func Convert(v *contract.Violation, value any) (any, bool) {
	if v.Rule == contract.RuleMediaType {
		text, _ := value.(string)
		mediaType, _, _ := strings.Cut(text, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
		return "application/json", strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
	}
	s := v.Schema
	if s == nil {
		return nil, false
	}
	var converted any
	ok := false
	switch k := kindOf(v, s); {
	case v.Rule == "uniqueItems" && k == kindSet:
		items, _ := value.([]any)
		return distinct(items), true
	case v.Rule == "enum" && k == kindEnum && s.Type.Is("integer"), v.Rule == "type" && k == kindEnum && s.Type.Is("integer"):
		if converted, ok = laxInt(value); ok {
			ok = slices.ContainsFunc(s.Enum, func(e any) bool { return pyStr(e) == pyStr(converted) })
		}
	case v.Rule == "format" && k == kindUUID:
		text, _ := value.(string)
		id, err := uuid.Parse(text)
		return id.String(), err == nil && pyUUID(text) == ""
	case v.Rule != "type":
		return nil, false
	case value == nil && len(v.Path) == 0 && embedded(v) && len(s.Required) == 0:
		return map[string]any{}, true // null is no body, and none is needed
	case k == kindInt:
		converted, ok = laxInt(value)
	case k == kindFloat:
		converted, ok = laxFloat(value)
	case k == kindBool:
		converted, ok = laxBool(value)
	}
	if ok && v.In != contract.InBody {
		switch c := converted.(type) { // parameters stay texts
		case bool:
			return strconv.FormatBool(c), true
		case json.Number:
			return c.String(), true
		}
	}
	return converted, ok
}

func laxInt(value any) (any, bool) {
	switch v := value.(type) {
	case bool:
		if v {
			return json.Number("1"), true
		}
		return json.Number("0"), true
	case json.Number:
		f, err := v.Float64()
		n := int64(f)
		return json.Number(strconv.FormatInt(n, 10)), err == nil && float64(n) == f && math.Abs(f) < 1<<63
	case string:
		if !pyInt(v) {
			return nil, false
		}
		n, err := parseInt(v)
		return json.Number(strconv.FormatInt(n, 10)), err == nil
	}
	return nil, false
}

func laxFloat(value any) (any, bool) {
	switch v := value.(type) {
	case bool:
		return laxInt(v)
	case string:
		if !pyFloat(v) {
			return nil, false
		}
		f, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimFunc(v, unicode.IsSpace), "_", ""), 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) { // cannot be kept
			return nil, false
		}
		return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), true
	}
	return nil, false
}

func laxBool(value any) (any, bool) {
	switch v := value.(type) {
	case json.Number:
		f, err := v.Float64()
		return f == 1, err == nil && (f == 0 || f == 1)
	case string:
		switch strings.ToLower(v) {
		case "1", "t", "y", "yes", "on", "true":
			return true, true
		}
		return false, pyBool(v)
	}
	return nil, false
}

func distinct(items []any) []any {
	seen := map[string]bool{}
	kept := []any{}
	for _, item := range items {
		text := pyRepr(item)
		if n, ok := item.(json.Number); ok {
			if f, err := n.Float64(); err == nil {
				text = pyFloatRepr(f, true)
			}
		}
		if !seen[text] {
			seen[text], kept = true, append(kept, item)
		}
	}
	return kept
}
