package contract

import (
	"context"
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
	EnforceReport Enforcement = "report" // the request is served if it can be understood
)

// ParseEnforcement reads an Enforcement by its name.
func ParseEnforcement(name string) (Enforcement, bool) {
	switch e := Enforcement(name); e {
	case EnforceStrict, EnforceReport:
		return e, true
	}
	return "", false
}

// understand makes a refused request fit to be served where it is only reported:
// values of a wrong type are converted where the real services convert them (Ajv's
// and pydantic's coercions), and the body takes the place of the judged one. It
// fails for a body that still breaks the document then: what it would make of the
// state could not be answered later. Parameters are left to the binding, which
// fails for those that it cannot read.
func (o *Operation) understand(ctx context.Context, m *Message, j *Judged) bool {
	if !o.HasBody() || !slices.ContainsFunc(j.Violations, func(v Violation) bool { return v.In == InBody && v.Refuses() }) {
		if j.Value == nil && o.HasBody() {
			j.Value, _ = decodeJSON(j.Body) // kin-openapi keeps it of right requests only
		}
		return true
	}
	value, err := decodeJSON(m.Body)
	if err != nil {
		return false
	}
	again := *m
	again.Header = m.Header.Clone()
	again.Header.Set("Content-Type", "application/json")
	// A media type that was wrong hid what else is; converting shows nothing new.
	for range 2 {
		second := o.JudgeRequest(ctx, &again)
		wrong := slices.DeleteFunc(second.Violations, func(v Violation) bool { return v.In != InBody || !v.Refuses() })
		if len(wrong) == 0 {
			j.Body, j.Value = second.Body, second.Value
			if j.Value == nil {
				j.Value, err = decodeJSON(j.Body)
			}
			return err == nil
		}
		for i := range wrong {
			v := &wrong[i]
			converted, ok := any(nil), false
			if v.Rule == "type" && v.Schema != nil {
				converted, ok = convert(valueAt(value, v.Path), v.Schema)
			}
			if !ok {
				return false
			}
			value = replaceAt(value, v.Path, converted)
		}
		if again.Body, err = json.Marshal(value); err != nil {
			return false
		}
	}
	return false
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
	case s.Type.Includes(openapi3.TypeInteger) || s.Type.Includes(openapi3.TypeNumber):
		if b, ok := v.(bool); ok && b {
			return json.Number("1"), true
		} else if ok {
			return json.Number("0"), true
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
