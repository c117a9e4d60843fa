package contract

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Enforcement says what becomes of a request that breaks a published or
// documented rule.
type Enforcement string

// The two ways to enforce. Both record every violation.
const (
	EnforceStrict Enforcement = "strict" // the request is refused
	EnforceReport Enforcement = "report" // the request is served as far as it can be understood
)

// ParseEnforcement reads an Enforcement by its name.
func ParseEnforcement(name string) (Enforcement, bool) {
	switch e := Enforcement(name); e {
	case EnforceStrict, EnforceReport:
		return e, true
	}
	return "", false
}

// lenient gives the value to bind for a request that is only reported: what came,
// with values of a wrong type converted where the real services convert them
// (Ajv's and pydantic's coercions). False if the body cannot be understood at all.
func (j *Judged) lenient() (any, bool) {
	if len(j.Body) == 0 {
		return nil, false
	}
	value, err := decodeJSON(j.Body)
	if err != nil {
		return nil, false
	}
	for i := range j.Violations {
		v := &j.Violations[i]
		if v.In != InBody || v.Rule != "type" || v.Schema == nil {
			continue
		}
		if converted, ok := convert(valueAt(value, v.Path), v.Schema); ok {
			value = replaceAt(value, v.Path, converted)
		}
	}
	return value, true
}

// convert turns a scalar into the type that a schema wants.
func convert(v any, s *Schema) (any, bool) {
	text, isText := v.(string)
	number, isNumber := v.(json.Number)
	switch {
	case s.Type.Includes(openapi3.TypeInteger) && isText:
		if integral, _, inInt, n := numberOf(strings.TrimSpace(text)); integral && inInt {
			return json.Number(strconv.FormatInt(n, 10)), true
		}
	case s.Type.Includes(openapi3.TypeNumber) && isText:
		if _, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
			return json.Number(strings.TrimSpace(text)), true
		}
	case s.Type.Includes(openapi3.TypeBoolean) && isText:
		switch folded := strings.ToLower(text); {
		case slices.Contains([]string{"true", "1", "on", "t", "y", "yes"}, folded):
			return true, true
		case slices.Contains([]string{"false", "0", "off", "f", "n", "no"}, folded):
			return false, true
		}
	case s.Type.Includes(openapi3.TypeBoolean) && isNumber:
		if number == "0" || number == "1" {
			return number == "1", true
		}
	case s.Type.Includes(openapi3.TypeString) && isNumber:
		return number.String(), true
	case s.Type.Includes(openapi3.TypeString):
		if b, ok := v.(bool); ok {
			return strconv.FormatBool(b), true
		}
	}
	return nil, false
}

// replaceAt puts a value in its place within another, in place where it can.
func replaceAt(root any, path []Step, v any) any {
	if len(path) == 0 {
		return v
	}
	switch parent := valueAt(root, path[:len(path)-1]).(type) {
	case map[string]any:
		parent[path[len(path)-1].Name] = v
	case []any:
		parent[path[len(path)-1].Index] = v
	}
	return root
}
