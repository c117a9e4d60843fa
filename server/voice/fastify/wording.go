package fastify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
)

// The answers of Fastify's body parsers.
const (
	codeValidation = "FST_ERR_VALIDATION"
	codeMediaType  = "FST_ERR_CTP_INVALID_MEDIA_TYPE"
	codeEmptyJSON  = "FST_ERR_CTP_EMPTY_JSON_BODY"
	codeJSON       = "FST_ERR_CTP_INVALID_JSON_BODY"
	codeLength     = "FST_ERR_CTP_INVALID_CONTENT_LENGTH"
)

// A message holds at most maxMistakes mistakes and about maxMessage bytes; then it
// says how many more there are. Ajv knows no bound.
const (
	maxMistakes = 100
	maxMessage  = 16 << 10
	maxPlace    = 1 << 10
)

// Words gives status, code and message for a request that broke the document,
// in the words of Fastify 5 with Ajv 8: what its body parser says, else what the
// validators of params, body, querystring and headers say, in this order. Fastify
// stops at the first of them; this goes on (docs/fidelity.md).
func Words(refusal *site.Refusal) (status int, code, message string) {
	if status, code, message = parsing(refusal); status != 0 {
		return status, code, message
	}
	w := &worder{operation: refusal.Operation, places: sync.OnceValue(func() *contract.Places {
		return contract.FindPlaces(refusal.Body, refusal.Violations)
	})}
	mistakes := w.mistakes(refusal.Violations)
	if len(mistakes) == 0 {
		return http.StatusBadRequest, codeValidation, "request must be valid"
	}
	return http.StatusBadRequest, codeValidation, join(mistakes, len(refusal.Violations) >= contract.MaxExplained)
}

// parsing words what stops a request before its validation.
func parsing(refusal *site.Refusal) (status int, code, message string) {
	var malformed, length *contract.Violation
	for i := range refusal.Violations {
		v := &refusal.Violations[i]
		switch {
		case v.Rule == contract.RuleMediaType && !asText(v):
			return http.StatusUnsupportedMediaType, codeMediaType, "Unsupported Media Type"
		case v.Rule == contract.RuleMultipart:
			return http.StatusBadRequest, "", "Unexpected end of form" // busboy's words
		case v.Rule == contract.RuleJSON:
			malformed = v
		case v.Rule == contract.RuleTransport:
			length = v
		}
	}
	switch {
	case length != nil:
		return http.StatusBadRequest, codeLength, "Request body size did not match Content-Length"
	case malformed != nil && malformed.Detail == contract.ReasonEmpty:
		return http.StatusBadRequest, codeEmptyJSON, "Body cannot be empty when content-type is set to 'application/json'"
	case malformed != nil:
		return http.StatusBadRequest, codeJSON, "Body is not valid JSON but content-type is set to 'application/json'"
	}
	return 0, "", ""
}

// asText reports whether a body of an undeclared media type is validated as a
// string: Fastify has a parser for text/plain.
func asText(v *contract.Violation) bool {
	got, _ := v.Got.(string)
	mediaType, _, _ := strings.Cut(got, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "text/plain") &&
		v.Schema != nil && v.Schema.Type != nil && !v.Schema.Type.Includes("string")
}

// join lists mistakes as Fastify's default formatter does, up to a bound. cut says
// that the list itself ends at a bound.
func join(mistakes []string, cut bool) string {
	var b strings.Builder
	for i, mistake := range mistakes {
		if i == maxMistakes || (i > 0 && b.Len()+len(mistake) > maxMessage) {
			least := ""
			if cut {
				least = "at least "
			}
			fmt.Fprintf(&b, ", and %s%d more", least, len(mistakes)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(mistake)
	}
	return b.String()
}

// worder words violations of one request.
type worder struct {
	operation *contract.Operation                 // nil if unknown: then the order is the contract's
	places    func() *contract.Places             // of the body
	order     map[*contract.Schema]map[string]int // see place
}

// parts are the parts of a request as Fastify names them, in the order in which it
// validates them. It has no validator for cookies.
var parts = []struct {
	in   contract.In
	name string
}{
	{contract.InPath, "params"},
	{contract.InBody, "body"},
	{contract.InQuery, "querystring"},
	{contract.InHeader, "headers"},
	{contract.InCookie, "cookies"},
}

func partOf(v *contract.Violation) (rank int, name string) {
	for i, p := range parts {
		if p.in == v.In {
			return i, p.name
		}
	}
	return len(parts), "request"
}

// mistakes words violations, one or more texts each, in Ajv's order.
func (w *worder) mistakes(violations []contract.Violation) []string {
	found := make([]mistake, 0, len(violations))
	for i := range violations {
		v := &violations[i]
		rank, _ := partOf(v)
		found = append(found, w.one(v, append([]int{rank}, w.partKey(v)...))...)
	}
	return texts(found)
}

// mistake is one error of Ajv: its text and its place in Ajv's order.
type mistake struct {
	key  []int
	text string
}

func texts(found []mistake) []string {
	slices.SortStableFunc(found, func(a, b mistake) int { return slices.Compare(a.key, b.key) })
	all := make([]string, len(found))
	for i := range found {
		all[i] = found[i].text
	}
	return all
}

// one words one violation. key is the place of its schema in Ajv's order.
func (w *worder) one(v *contract.Violation, key []int) []mistake {
	place := placeOf(v)
	at := func(rank int) []int { return append(slices.Clone(key), rank) }
	var found []mistake
	say := func(rank int, format string, args ...any) {
		found = append(found, mistake{at(rank), place + " " + fmt.Sprintf(format, args...)})
	}
	s := v.Schema
	switch v.Rule {
	case "required":
		switch {
		case v.In == contract.InBody && len(v.Path) == 0: // no body came
			say(typeRank(s), "must be %s", typeText(s, "object"))
		case len(v.Path) == 0:
			say(rankRequired, "must have required property '%s'", parameterName(v))
		default:
			name := v.Path[len(v.Path)-1].Name
			place := place + " must have required property '" + name + "'"
			index := 0
			if s != nil {
				index = slices.Index(s.Required, name)
			}
			return []mistake{{append(at(rankRequired), index), place}}
		}
	case "type", contract.RuleRepeated, contract.RuleMediaType:
		say(typeRank(s), "must be %s", typeText(s, "object"))
		if v.In != contract.InBody && s != nil && len(s.Enum) > 0 {
			say(rankEnum, "must be equal to one of the allowed values")
		}
		if n, ok := v.Got.(json.Number); ok && s != nil && !integral(n) && fits(s.Format, n) {
			say(rankNumber+5, `must match format "%s"`, s.Format) // Ajv's integer formats refuse fractions too
		}
	case contract.RuleNumberRange:
		say(typeRank(s), "must be %s", typeText(s, "number"))
	case contract.RuleIntegerRange: // Ajv knows no such bound
		say(rankNumber+5, `must match format "int64"`)
	case "enum", "const":
		if !typed(s, v.Got) {
			say(typeRank(s), "must be %s", typeText(s, "object"))
		}
		if strings.HasSuffix(v.Where.Pointer, "/const") {
			say(rankConst, "must be equal to constant")
		} else {
			say(rankEnum, "must be equal to one of the allowed values")
		}
	case "not":
		say(rankNot, "must NOT be valid")
	case "anyOf":
		return append(w.branches(v, at(rankAnyOf), false), mistake{append(at(rankAnyOf), 1), place + " must match a schema in anyOf"})
	case "oneOf":
		return append(w.branches(v, at(rankOneOf), true), mistake{append(at(rankOneOf), 1), place + " must match exactly one schema in oneOf"})
	case "discriminator":
		if s == nil || s.Discriminator == nil {
			return nil
		}
		object, _ := v.Got.(map[string]any)
		if _, ok := object[s.Discriminator.PropertyName].(string); ok {
			say(rankDiscriminator, "value of tag %q must be in oneOf", s.Discriminator.PropertyName)
		} else {
			say(rankDiscriminator, "tag %q must be string", s.Discriminator.PropertyName)
		}
	case "uniqueItems":
		if i, j, ok := duplicates(s, v.Got); ok {
			say(rankArray+3, "must NOT have duplicate items (items ## %d and %d are identical)", j, i)
		}
	case "additionalProperties", contract.RuleUnknownQuery:
		say(rankAdditional, "must NOT have additional properties")
	case "readOnly": // Ajv knows no direction
		say(rankAdditional, "must NOT have read-only properties")
	default:
		if rank, text := limit(v); text != "" {
			say(rank, "%s", text)
		} else if v.Rule != "minimum" && v.Rule != "maximum" {
			say(rankLast, "must be valid")
		}
	}
	return found
}

// fits reports whether a fraction is within the range of an integer format: then
// the contract does not report the format.
func fits(format string, n json.Number) bool {
	f, err := n.Float64()
	switch format {
	case "int32":
		return err == nil && f >= -1<<31 && f < 1<<31
	case "int64":
		return err == nil && f >= -1<<63 && f < 1<<63
	}
	return false
}

// limit words the keywords that hold a value to a limit.
func limit(v *contract.Violation) (rank int, text string) {
	s := v.Schema
	if s == nil {
		return 0, ""
	}
	switch v.Rule {
	case "maximum":
		if s.Max != nil && !s.ExclusiveMax.IsTrue() {
			return rankNumber, "must be <= " + number(*s.Max)
		}
	case "minimum":
		if s.Min != nil && !s.ExclusiveMin.IsTrue() {
			return rankNumber + 1, "must be >= " + number(*s.Min)
		}
	case "exclusiveMaximum":
		if bound := s.ExclusiveMax.Value; bound != nil {
			return rankNumber + 2, "must be < " + number(*bound)
		} else if s.Max != nil {
			return rankNumber + 2, "must be < " + number(*s.Max)
		}
	case "exclusiveMinimum":
		if bound := s.ExclusiveMin.Value; bound != nil {
			return rankNumber + 3, "must be > " + number(*bound)
		} else if s.Min != nil {
			return rankNumber + 3, "must be > " + number(*s.Min)
		}
	case "multipleOf":
		if s.MultipleOf != nil {
			return rankNumber + 4, "must be multiple of " + number(*s.MultipleOf)
		}
	case "format":
		rank := rankString + 3
		if s.Type.Includes("number") || s.Type.Includes("integer") {
			rank = rankNumber + 5
		}
		return rank, `must match format "` + s.Format + `"`
	case "pattern":
		return rankString + 2, `must match pattern "` + s.Pattern + `"`
	case "maxLength":
		return rankString, more(s.MaxLength, "characters")
	case "minLength":
		return rankString + 1, fewer(s.MinLength, "characters")
	case "maxItems":
		return rankArray, more(s.MaxItems, "items")
	case "minItems":
		return rankArray + 1, fewer(s.MinItems, "items")
	case "maxProperties":
		return rankObject, more(s.MaxProps, "properties")
	case "minProperties":
		return rankObject + 1, fewer(s.MinProps, "properties")
	}
	return 0, ""
}

func more(bound *uint64, of string) string {
	if bound == nil {
		return ""
	}
	return "must NOT have more than " + strconv.FormatUint(*bound, 10) + " " + of
}

func fewer(bound uint64, of string) string {
	return "must NOT have fewer than " + strconv.FormatUint(bound, 10) + " " + of
}

// number writes a number as JavaScript does.
func number(f float64) string {
	if abs := max(f, -f); f == 0 || (abs >= 1e-6 && abs < 1e21) {
		if f == 0 {
			return "0"
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
}

// placeOf names the place as Fastify and Ajv do: the part and the JSON pointer of
// the value whose schema was broken, which for a missing or a forbidden member is
// the object.
func placeOf(v *contract.Violation) string {
	_, place := partOf(v)
	path := v.Path
	if v.In != contract.InBody && v.In != contract.InMessage {
		whole := (v.Rule == "required" && len(path) == 0) || v.Rule == contract.RuleUnknownQuery
		if !whole {
			place += pointer([]contract.Step{{Name: parameterName(v)}})
		}
	}
	return place + pointer(ofObject(v))
}

// ofObject is the path to the value that Ajv blames.
func ofObject(v *contract.Violation) []contract.Step {
	switch v.Rule {
	case "required", "additionalProperties", "readOnly":
		if len(v.Path) > 0 {
			return v.Path[:len(v.Path)-1]
		}
	}
	return v.Path
}

func pointer(path []contract.Step) string {
	return (&contract.Violation{Path: path}).ShortPointer(maxPlace)
}

// parameterName is the parameter's name as Fastify sees it: Node has the names of
// headers in lower case.
func parameterName(v *contract.Violation) string {
	if v.In == contract.InHeader {
		return strings.ToLower(v.Name)
	}
	return v.Name
}
