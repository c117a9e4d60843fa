package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const integerRange = "an integer from -9223372036854775808 to 9223372036854775807"

// accepted says what would have been accepted.
func (v *Violation) accepted() string {
	s := v.Schema
	switch v.Rule {
	case RuleMediaType, RuleMethod, RuleCredential, RuleBodySize, RuleUnknownPath:
		return v.Detail
	case RuleIntegerRange:
		return integerRange
	case RuleNumberRange:
		if s != nil && s.Type.Is(openapi3.TypeInteger) {
			return integerRange
		}
		return "a number from -1.8e308 to 1.8e308"
	case RuleJSON:
		return "JSON (RFC 8259)"
	case RuleMultipart:
		return multipartType
	case RuleUnknownQuery:
		return listed("the parameters", v.queryNames(), "no query parameter")
	case RuleUnknownMember:
		return listed("the members", v.Names, "no member")
	case RuleRepeated:
		return "one value"
	case RuleStatus:
		if v.op != nil {
			return alternatives(slices.Sorted(slices.Values(v.op.Statuses())))
		}
	case "required":
		if len(v.Path) > 0 && s != nil {
			if ref := s.Properties[v.lastName()]; ref != nil {
				return describe(ref.Value)
			}
			return "any value"
		}
	case "additionalProperties":
		return listed("the members", v.declared(), "no member")
	case "dependentRequired":
		if s != nil {
			if ref := s.Properties[v.lastName()]; ref != nil {
				return describe(ref.Value)
			}
		}
		return "any value"
	case "unevaluatedProperties", "additionalItems", "unevaluatedItems", "boolean":
		return "nothing"
	case "propertyNames":
		if s != nil && s.PropertyNames != nil {
			return describe(s.PropertyNames.Value)
		}
	case "contains", "minContains", "maxContains":
		if s != nil && s.Contains != nil {
			return containing(s)
		}
	case "readOnly":
		return "nothing"
	case "not":
		if s != nil && s.Not != nil {
			return "anything but " + describe(s.Not.Value)
		}
	case "discriminator":
		if s != nil && s.Discriminator != nil {
			return tagged(s)
		}
	}
	switch {
	case s == nil && v.Rule == "required":
		return v.Detail
	case s == nil:
		return ""
	}
	return describe(s)
}

func listed(lead string, names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return lead + " " + strings.Join(names, ", ")
}

// containing says how many items of which kind an array has to have.
func containing(s *Schema) string {
	least, most := uint64(1), s.MaxContains
	if s.MinContains != nil {
		least = *s.MinContains
	}
	text := strings.TrimPrefix(howMany(least, most, "item"), " with ")
	if text == "" {
		text = "any number of items"
	}
	return text + " that are each " + describe(s.Contains.Value)
}

// tagged describes the objects that a discriminator tells apart.
func tagged(s *Schema) string {
	tags := slices.Sorted(maps.Keys(s.Discriminator.Mapping))
	for i := range tags {
		tags[i] = literalOf(tags[i])
	}
	text := "an object whose member " + s.Discriminator.PropertyName + " is "
	if len(tags) == 0 {
		return text + "the name of an alternative"
	}
	return text + alternatives(tags)
}

// alternatives joins texts with commas and "or".
func alternatives(texts []string) string {
	if n := len(texts); n > 1 {
		return strings.Join(texts[:n-1], ", ") + " or " + texts[n-1]
	}
	return strings.Join(texts, "")
}

// formatTexts describes the texts and numbers of a format.
var formatTexts = map[string]string{
	"uuid":      `a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f"`,
	"date-time": `a date and time such as "2026-11-21T09:00:00Z"`,
	"date":      `a date such as "2026-11-21"`,
	"time":      `a time such as "09:00:00Z"`,
	"uri":       `an absolute URI such as "https://example.com/path"`,
	"email":     `an e-mail address such as "jane@example.com"`,
	"duration":  `a duration such as "P1DT12H"`,
	"ipv4":      `an IPv4 address such as "192.0.2.1"`,
	"ipv6":      `an IPv6 address such as "2001:db8::1"`,
	"hostname":  `the name of a host such as "www.example.com"`,
	"byte":      `base64 such as "YWJj"`,
	"int32":     "an integer of 32 bits",
	"int64":     "an integer of 64 bits",
}

var nouns = map[string]string{
	openapi3.TypeBoolean: "true or false",
	openapi3.TypeInteger: "an integer",
	openapi3.TypeNumber:  "a number",
	openapi3.TypeString:  "a string",
	openapi3.TypeArray:   "an array",
	openapi3.TypeObject:  "an object",
	openapi3.TypeNull:    "null",
}

// describe says in a few words what a schema accepts.
func describe(s *Schema) string {
	text := describeValue(s, 2)
	if s.Nullable {
		text += ", or null"
	}
	return text
}

// describeValue describes all but null, and items and alternatives down to a
// depth.
func describeValue(s *Schema, depth int) string {
	if len(s.Enum) > 0 {
		words := make([]string, 0, len(s.Enum))
		for i, e := range s.Enum {
			if i == maxListed {
				words = append(words, strconv.Itoa(len(s.Enum)-i)+" others")
				break
			}
			if e != nil {
				words = append(words, literalOf(e))
			}
		}
		if len(words) < 3 {
			return alternatives(words)
		}
		return "one of " + alternatives(words)
	}
	var text string
	if branches := slices.Concat(s.OneOf, s.AnyOf); s.Discriminator != nil && len(branches) > 0 {
		text = tagged(s)
	} else if s.Type == nil && len(branches) > 0 && depth > 0 {
		found := make([]string, 0, len(branches))
		for _, ref := range branches {
			if said := describeValue(ref.Value, depth-1); !slices.Contains(found, said) {
				found = append(found, said)
			}
		}
		text = strings.Join(found, ", or ")
	} else {
		text = noun(s, depth)
	}
	text += howMany(s.MinLength, s.MaxLength, "character") + howMany(s.MinItems, s.MaxItems, "item") +
		howMany(s.MinProps, s.MaxProps, "member") + rangeOf(s)
	if s.MultipleOf != nil {
		text += " that is a multiple of " + float(*s.MultipleOf)
	}
	if len(s.Required) == 1 {
		text += " with the member " + s.Required[0]
	} else if len(s.Required) > 1 {
		text += " with the members " + strings.Join(s.Required[:min(len(s.Required), maxListed)], ", ")
	}
	if s.Pattern != "" {
		text += " matching the pattern " + s.Pattern
	}
	if s.UniqueItems {
		text += " without duplicates"
	}
	return text
}

func noun(s *Schema, depth int) string {
	if text, known := formatTexts[s.Format]; known {
		return text
	}
	if s.Type == nil {
		if len(s.AllOf) > 0 && depth > 0 {
			found := make([]string, 0, len(s.AllOf))
			for _, ref := range s.AllOf {
				found = append(found, describeValue(ref.Value, depth-1))
			}
			return strings.Join(found, " that is also ")
		}
		return "any value"
	}
	found := make([]string, 0, len(*s.Type))
	for _, t := range *s.Type {
		found = append(found, nouns[t])
	}
	text := alternatives(found)
	if s.Type.Is(openapi3.TypeArray) && s.Items != nil && depth > 0 && s.Items.Value.Type != nil {
		if item := itemNouns[(*s.Items.Value.Type)[0]]; item != "" && len(*s.Items.Value.Type) == 1 {
			text += " of " + item
		}
	}
	return text
}

var itemNouns = map[string]string{
	openapi3.TypeBoolean: "booleans", openapi3.TypeInteger: "integers", openapi3.TypeNumber: "numbers",
	openapi3.TypeString: "strings", openapi3.TypeArray: "arrays", openapi3.TypeObject: "objects",
}

// howMany says how many there may be of something.
func howMany(least uint64, most *uint64, of string) string {
	plural := func(n uint64) string {
		if n == 1 {
			return "1 " + of
		}
		return strconv.FormatUint(n, 10) + " " + of + "s"
	}
	lead := " of "
	if of != "character" {
		lead = " with "
	}
	switch {
	case most == nil && least == 0:
		return ""
	case most == nil:
		return lead + "at least " + plural(least)
	case least == 0:
		return lead + "at most " + plural(*most)
	case least == *most:
		return lead + "exactly " + plural(least)
	}
	return lead + strconv.FormatUint(least, 10) + " to " + plural(*most)
}

// rangeOf says between which bounds a number has to lie.
func rangeOf(s *Schema) string {
	var least, most string
	switch {
	case s.ExclusiveMin.Value != nil:
		least = "greater than " + float(*s.ExclusiveMin.Value)
	case s.Min != nil && s.ExclusiveMin.IsTrue():
		least = "greater than " + float(*s.Min)
	case s.Min != nil:
		least = "of at least " + float(*s.Min)
	}
	switch {
	case s.ExclusiveMax.Value != nil:
		most = "less than " + float(*s.ExclusiveMax.Value)
	case s.Max != nil && s.ExclusiveMax.IsTrue():
		most = "less than " + float(*s.Max)
	case s.Max != nil:
		most = "at most " + float(*s.Max)
	}
	switch {
	case least == "" && most == "":
		return ""
	case least == "":
		if strings.HasPrefix(most, "at most") {
			most = "of " + most
		}
		return " " + most
	case most == "":
		return " " + least
	case strings.HasPrefix(least, "of") && strings.HasPrefix(most, "at"):
		return " from " + float(*s.Min) + " to " + float(*s.Max)
	}
	return " " + least + " and " + most
}

func literalOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func float(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
