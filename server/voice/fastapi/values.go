package fastapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
)

// kind is what pydantic makes of a schema.
type kind int

const (
	kindAny kind = iota
	kindStr
	kindInt
	kindFloat
	kindBool
	kindDatetime
	kindDate
	kindTime
	kindUUID
	kindURL
	kindEmail
	kindList
	kindTuple
	kindSet
	kindDict
	kindModel
	kindEnum
	kindLiteral
	kindUnion
	kindTagged
)

// kindOf tells what the schema was before pydantic printed it: a named object is a
// model, a named enum an Enum, an enum or const in place a Literal.
func kindOf(v *contract.Violation, s *contract.Schema) kind {
	switch {
	case s == nil:
		return kindAny
	case s.Discriminator != nil:
		return kindTagged
	case len(s.AnyOf)+len(s.OneOf) > 0:
		return kindUnion
	case len(s.Enum) > 0 && v.Component(s) != "":
		return kindEnum
	case len(s.Enum) > 0:
		return kindLiteral
	case s.Type.Includes("array"):
		switch {
		case v.Declares(s, "prefixItems"):
			return kindTuple
		case s.UniqueItems:
			return kindSet
		}
		return kindList
	case s.Type.Includes("object") || len(s.Properties) > 0:
		if len(s.Properties) > 0 || v.Component(s) != "" {
			return kindModel
		}
		return kindDict
	case s.Type.Includes("integer"):
		return kindInt
	case s.Type.Includes("number"):
		return kindFloat
	case s.Type.Includes("boolean"):
		return kindBool
	case s.Type.Includes("string"):
		if k, ok := formats[s.Format]; ok {
			return k
		}
		return kindStr
	}
	return kindAny
}

var formats = map[string]kind{
	"date-time": kindDatetime, "date": kindDate, "time": kindTime, "uuid": kindUUID, "uri": kindURL, "email": kindEmail,
}

// className is the name of the Python class behind a component: FastAPI puts the
// module in front of names that occur twice.
func className(component string) string {
	if i := strings.LastIndex(component, "__"); i >= 0 {
		return component[i+2:]
	}
	return component
}

// nested is how pydantic names a schema inside the name of another.
func nested(v *contract.Violation, s *contract.Schema) string {
	name := label(v, s)
	if s != nil && s.Nullable && name != "any" {
		return "nullable[" + name + "]"
	}
	return name
}

// label is how pydantic names a branch of a union without a discriminator.
func label(v *contract.Violation, s *contract.Schema) string {
	constrained := func(name string, is bool) string {
		if is {
			return "constrained-" + name
		}
		return name
	}
	switch kindOf(v, s) {
	case kindModel:
		return className(v.Component(s))
	case kindEnum:
		base := "enum"
		switch {
		case s.Type.Is("string"):
			base = "str-enum"
		case s.Type.Is("integer"):
			base = "int-enum"
		}
		return base + "[" + className(v.Component(s)) + "]"
	case kindLiteral:
		return "literal[" + strings.Join(reprs(s.Enum), ",") + "]"
	case kindStr:
		return constrained("str", s.MinLength > 0 || s.MaxLength != nil || s.Pattern != "")
	case kindInt:
		return constrained("int", bounded(s))
	case kindFloat:
		return constrained("float", bounded(s))
	case kindBool:
		return "bool"
	case kindDatetime:
		return "datetime"
	case kindDate:
		return "date"
	case kindTime:
		return "time"
	case kindUUID:
		return "uuid"
	case kindURL:
		return "function-wrap[wrap_val()]"
	case kindEmail:
		return "function-after[_validate(), str]"
	case kindList, kindSet:
		name := map[kind]string{kindList: "list", kindSet: "set"}[kindOf(v, s)]
		if s.Items == nil {
			return name + "[any]"
		}
		return name + "[" + nested(v, s.Items.Value) + "]"
	case kindTuple:
		one := nested(v, s.Items.Value)
		return "tuple[" + strings.Repeat(one+", ", max(int(s.MinItems)-1, 0)) + one + "]"
	case kindDict:
		value := "any"
		if ref := s.AdditionalProperties.Schema; ref != nil {
			value = nested(v, ref.Value)
		}
		return "dict[str," + value + "]"
	case kindUnion, kindTagged:
		var names []string
		for _, ref := range slices.Concat(s.AnyOf, s.OneOf) {
			names = append(names, nested(v, ref.Value))
		}
		if s.Discriminator != nil {
			return "tagged-union[" + strings.Join(names, ",") + "]"
		}
		return "union[" + strings.Join(names, ",") + "]"
	}
	return "any"
}

func bounded(s *contract.Schema) bool {
	return s.Min != nil || s.Max != nil || s.ExclusiveMin.IsSet() || s.ExclusiveMax.IsSet() || s.MultipleOf != nil
}

// message words a violation that is one item with the value as its input.
func message(v *contract.Violation) (typ, msg string, ctx facts) {
	s := v.Schema
	switch {
	case s == nil && v.Rule == contract.RuleNumberRange: // in a place that is not declared
		return "finite_number", "Input should be a finite number", nil
	case s == nil:
		return valueError("the request breaks the rule " + v.Rule)
	}
	bound := func(typ, text, name string, limit float64) (string, string, facts) {
		told := number(limit)
		if kindOf(v, s) == kindFloat {
			told = pyFloatRepr(limit, true)
		}
		return typ, "Input should be " + text + " " + number(limit), facts{{name, json.Number(told)}}
	}
	items := func(typ, text, name string, limit uint64) (string, string, facts) {
		field, actual := "List", 0
		switch got := v.Got.(type) {
		case []any:
			actual = len(got)
		case map[string]any:
			field, actual = "Dictionary", len(got)
		}
		switch kindOf(v, s) {
		case kindTuple:
			field = "Tuple"
		case kindSet:
			field = "Set"
		}
		return typ, fmt.Sprintf("%s should have %s %s after validation, not %d", field, text, plural(limit, "item"), actual),
			facts{{"field_type", field}, {name, limit}, {"actual_length", actual}}
	}
	switch v.Rule {
	case "enum":
		return notOneOf(v, s)
	case "type":
		return mistype(v, s, v.Got)
	case contract.RuleNumberRange:
		if k := kindOf(v, s); k == kindInt || k == kindFloat || k == kindAny || k == kindUnion {
			return "finite_number", "Input should be a finite number", nil
		}
		return mistype(v, s, v.Got)
	case contract.RuleIntegerRange:
		if v.In != contract.InBody && strings.Trim(v.Raw, "+-0123456789") != "" {
			return mistype(v, s, v.Raw)
		}
		return "int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", nil
	case "minimum":
		return bound("greater_than_equal", "greater than or equal to", "ge", *s.Min)
	case "maximum":
		return bound("less_than_equal", "less than or equal to", "le", *s.Max)
	case "exclusiveMinimum":
		limit := s.ExclusiveMin.Value
		if limit == nil {
			limit = s.Min
		}
		return bound("greater_than", "greater than", "gt", *limit)
	case "exclusiveMaximum":
		limit := s.ExclusiveMax.Value
		if limit == nil {
			limit = s.Max
		}
		return bound("less_than", "less than", "lt", *limit)
	case "multipleOf":
		return bound("multiple_of", "a multiple of", "multiple_of", *s.MultipleOf)
	case "minLength":
		return "string_too_short", "String should have at least " + plural(s.MinLength, "character"), facts{{"min_length", s.MinLength}}
	case "maxLength":
		if kindOf(v, s) == kindURL {
			return "url_too_long", "URL should have at most " + plural(*s.MaxLength, "character"), facts{{"max_length", *s.MaxLength}}
		}
		return "string_too_long", "String should have at most " + plural(*s.MaxLength, "character"), facts{{"max_length", *s.MaxLength}}
	case "pattern":
		return "string_pattern_mismatch", "String should match pattern '" + s.Pattern + "'", facts{{"pattern", s.Pattern}}
	case "minItems":
		return items("too_short", "at least", "min_length", s.MinItems)
	case "maxItems":
		return items("too_long", "at most", "max_length", *s.MaxItems)
	case "minProperties":
		return items("too_short", "at least", "min_length", s.MinProps)
	case "maxProperties":
		return items("too_long", "at most", "max_length", *s.MaxProps)
	case "format":
		return malformed(v, s)
	case "additionalProperties", contract.RuleUnknownQuery, "readOnly":
		return "extra_forbidden", "Extra inputs are not permitted", nil
	case "uniqueItems":
		return valueError("the list has duplicated items")
	case contract.RuleRepeated:
		return valueError("the parameter is given more than once")
	}
	return valueError("the request breaks the rule " + v.Rule)
}

func valueError(text string) (typ, msg string, ctx facts) {
	return "value_error", "Value error, " + text, facts{{"error", struct{}{}}}
}

// number prints a bound as pydantic does: without a point if it is integral.
func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func notOneOf(v *contract.Violation, s *contract.Schema) (typ, msg string, ctx facts) {
	names := reprs(s.Enum)
	expected := names[len(names)-1]
	if len(names) > 1 {
		expected = strings.Join(names[:len(names)-1], ", ") + " or " + expected
	}
	typ = "literal_error"
	if kindOf(v, s) == kindEnum {
		typ = "enum"
	}
	return typ, "Input should be " + expected, facts{{"expected", expected}}
}

// wrongTag words a union whose branch is not known; input is the value as it is echoed.
func wrongTag(v *contract.Violation, s *contract.Schema, input any) (typ, msg string, ctx facts) {
	name := pyRepr(s.Discriminator.PropertyName)
	ctx = facts{{"discriminator", name}}
	object, _ := v.Redacted().(map[string]any)
	value, present := object[s.Discriminator.PropertyName]
	if !present {
		return "union_tag_not_found", "Unable to extract tag using discriminator " + name, ctx
	}
	var tags []string
	for _, branch := range slices.Concat(s.OneOf, s.AnyOf) {
		for _, tag := range slices.Sorted(maps.Keys(s.Discriminator.Mapping)) {
			if s.Discriminator.Mapping[tag].Ref == branch.Ref {
				tags = append(tags, pyRepr(tag))
			}
		}
	}
	tag, expected := pyStr(value), strings.Join(tags, ", ")
	if came, ok := input.(json.RawMessage); ok && strings.Contains(tag, "{") {
		if text := pyReprMember(came, s.Discriminator.PropertyName); text != "" {
			tag = text
		}
	}
	return "union_tag_invalid",
		"Input tag '" + tag + "' found using " + name + " does not match any of the expected tags: " + expected,
		append(ctx, pair{"tag", tag}, pair{"expected_tags", expected})
}

// mistype words a value of the wrong type: as lax mode does, or as strict mode does
// what lax mode would have converted. A parameter is always a text.
func mistype(v *contract.Violation, s *contract.Schema, got any) (typ, msg string, ctx facts) {
	text, isText := got.(string)
	parameter := v.In != contract.InBody && v.In != contract.InMessage
	literal, isNumber := got.(json.Number)
	switch kindOf(v, s) {
	case kindEnum, kindLiteral:
		return notOneOf(v, s)
	case kindModel, kindTagged:
		return "model_attributes_type", "Input should be a valid dictionary or object to extract fields from", nil
	case kindDict:
		return "dict_type", "Input should be a valid dictionary", nil
	case kindList:
		return "list_type", "Input should be a valid list", nil
	case kindTuple:
		return "tuple_type", "Input should be a valid tuple", nil
	case kindSet:
		return "set_type", "Input should be a valid set", nil
	case kindInt:
		switch {
		case isNumber && !integral(literal):
			return "int_from_float", "Input should be a valid integer, got a number with a fractional part", nil
		case isText && len(strings.Trim(text, " +-")) > 4300 && strings.Trim(text, " +-0123456789") == "":
			return "int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", nil
		case isText && pyInt(text) && beyond64(text):
			return "int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", nil
		case isText && (parameter || !pyInt(text)):
			return "int_parsing", "Input should be a valid integer, unable to parse string as an integer", nil
		}
		return "int_type", "Input should be a valid integer", nil
	case kindFloat:
		if isText && parameter && pyFloat(text) {
			return "finite_number", "Input should be a finite number", nil // 1e400
		}
		if isText && (parameter || !pyFloat(text)) {
			return "float_parsing", "Input should be a valid number, unable to parse string as a number", nil
		}
		return "float_type", "Input should be a valid number", nil
	case kindBool:
		if isText && (parameter || !pyBool(text)) || isNumber && notBool(literal) {
			return "bool_parsing", "Input should be a valid boolean, unable to interpret input", nil
		}
		return "bool_type", "Input should be a valid boolean", nil
	case kindDatetime:
		if isNumber {
			if f, err := literal.Float64(); err != nil || timestampReason(f) != "" {
				return parsing("datetime_parsing", "Input should be a valid datetime, ", timestampReason(f))
			}
		}
		return "datetime_type", "Input should be a valid datetime", nil
	case kindDate:
		if isNumber {
			if f, err := literal.Float64(); err != nil || timestampReason(f) != "" {
				return parsing("date_from_datetime_parsing", "Input should be a valid date or datetime, ", timestampReason(f))
			} else if f > watershed || f < -watershed || int64(f)%secondsOfDay != 0 || float64(int64(f)) != f {
				return "date_from_datetime_inexact", "Datetimes provided to dates should have zero time - e.g. be exact dates", nil
			}
		}
		return "date_type", "Input should be a valid date", nil
	case kindTime:
		return "time_type", "Input should be a valid time", nil
	case kindUUID:
		return "uuid_type", "UUID input should be a string, bytes or UUID object", nil
	case kindURL:
		return "url_type", "URL input should be a string or URL", nil
	case kindStr, kindEmail:
		return "string_type", "Input should be a valid string", nil
	}
	return valueError("the value is of the wrong type")
}

func parsing(typ, text, reason string) (string, string, facts) {
	return typ, text + reason, facts{{"error", reason}}
}

// malformed words a text that breaks its format, and a number that does.
func malformed(v *contract.Violation, s *contract.Schema) (typ, msg string, ctx facts) {
	text, _ := v.Got.(string)
	hide := func(reason string) string {
		if v.Secret() {
			return "the value is hidden"
		}
		return reason
	}
	switch kindOf(v, s) {
	case kindInt, kindFloat:
		if s.Format == "int32" {
			if literal, ok := v.Got.(json.Number); ok && strings.HasPrefix(literal.String(), "-") || strings.HasPrefix(v.Raw, "-") {
				return "greater_than_equal", "Input should be greater than or equal to -2147483648", facts{{"ge", -2147483648}}
			}
			return "less_than_equal", "Input should be less than or equal to 2147483647", facts{{"le", 2147483647}}
		}
		return "int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", nil
	case kindDatetime:
		c, reason := pyDatetime(text)
		switch {
		case reason == "" && !c.zoned:
			return "timezone_aware", "Input should have timezone info", nil
		case reason == "" || pyTimestamp(text) || pyDate(text) == "":
			return "datetime_type", "Input should be a valid datetime", nil
		}
		return parsing("datetime_from_date_parsing", "Input should be a valid datetime or date, ", hide(pyDate(text)))
	case kindDate:
		c, reason := pyDatetime(text)
		switch {
		case reason == "" && c.zero:
			return "date_type", "Input should be a valid date", nil
		case reason == "" || pyTimestamp(text):
			return "date_from_datetime_inexact", "Datetimes provided to dates should have zero time - e.g. be exact dates", nil
		}
		return parsing("date_from_datetime_parsing", "Input should be a valid date or datetime, ", hide(reason))
	case kindTime:
		if _, reason := pyTime(text); reason != "" {
			return parsing("time_parsing", "Input should be in a valid time format, ", hide(reason))
		}
		return "time_type", "Input should be a valid time", nil
	case kindUUID:
		if reason := pyUUID(text); reason != "" {
			return parsing("uuid_parsing", "Input should be a valid UUID, ", hide(reason))
		}
		return "is_instance_of", "Input should be an instance of UUID", facts{{"class", "UUID"}}
	case kindURL:
		return parsing("url_parsing", "Input should be a valid URL, ", hide(pyURL(text)))
	case kindEmail:
		reason := "An email address must have an @-sign."
		if before, after, found := strings.Cut(text, "@"); found {
			switch {
			case before == "":
				reason = "There must be something before the @-sign."
			case after == "":
				reason = "There must be something after the @-sign."
			default:
				reason = "The email address is not valid."
			}
		}
		return "value_error", "value is not a valid email address: " + hide(reason), facts{{"reason", hide(reason)}}
	}
	return valueError("the value is not of the format " + s.Format)
}

// integral reports whether a number is a whole one.
func integral(literal json.Number) bool {
	if _, exponent, found := strings.Cut(strings.ToLower(literal.String()), "e"); found {
		if e, err := strconv.Atoi(exponent); err != nil || e > 400 || e < -400 {
			return false
		}
	}
	r, ok := new(big.Rat).SetString(literal.String())
	return ok && r.IsInt()
}

// notBool reports whether a number is one that pydantic reads but does not take
// for a boolean: not 0, not 1.
func notBool(literal json.Number) bool {
	if n, err := literal.Int64(); err == nil {
		return n != 0 && n != 1
	}
	f, err := literal.Float64()
	return err == nil && f == math.Trunc(f) && f > -1<<63 && f < 1<<63 && f != 0 && f != 1
}
