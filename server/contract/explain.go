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

// Explained is a violation put in words, safe to keep and to show: secrets are
// redacted and values cut.
type Explained struct {
	Side      Side
	Rule      string
	Basis     Basis
	Refused   bool // whether the rule refuses; the exchange tells whether the request was refused
	In        In
	Name      string
	Pointer   string
	Message   string // what is wrong and how to mend it
	Got       string // what came, as JSON, redacted; empty if nothing came
	Accepted  string // what would have been accepted
	Operation string
	Where     Location
}

// What is shown of values, of pointers and of lists is bounded.
const (
	maxShown   = 200
	maxPointer = 1 << 10
	maxListed  = 20
)

// Explain puts the violation in words.
func (v *Violation) Explain() Explained {
	e := Explained{
		Side: v.Side, Rule: v.Rule, Basis: v.Basis, Refused: v.Side == SideClient && v.Refuses(),
		In: v.In, Name: strings.ToValidUTF8(cut(v.Name, maxPointer), "\uFFFD"), Pointer: cut(v.Pointer(), maxPointer), Operation: v.Operation, Where: v.Where,
		Accepted: v.accepted(), Got: v.got(),
	}
	e.Message = v.sentence(e.Got, e.Accepted)
	if strings.HasSuffix(e.Message, "....") { // a value that was cut, and the full stop
		e.Message = e.Message[:len(e.Message)-1]
	}
	e.Message = strings.ToValidUTF8(e.Message+v.warning(), "\uFFFD") // the name of a parameter may be any bytes
	return e
}

// got shows what came, as JSON.
func (v *Violation) got() string {
	var came any
	switch v.Rule {
	case "required", RuleJSON, RuleMultipart:
		return ""
	case RuleUnknownPath, RuleMethod:
		came = v.Raw
	case RuleCredential: // holds schemes only
		came = v.Got
	default:
		if v.Got == nil && v.Rule != "type" && v.Rule != "enum" {
			return ""
		}
		came = v.Redacted()
	}
	if schemes, ok := came.([]string); ok && len(schemes) == 1 {
		came = schemes[0]
	} else if came == nil && v.Rule == RuleCredential {
		return ""
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(came); err != nil {
		return ""
	}
	return cut(strings.TrimSuffix(text.String(), "\n"), maxShown)
}

// cut shortens a text to about n bytes, at a rune's border.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "..."
}

// place names the part of the message in a sentence.
func (v *Violation) place() string {
	at := cut(v.Pointer(), maxShown)
	switch v.In {
	case InBody:
		who := "body"
		if v.Side == SideServer {
			who = "answer's body"
		}
		if at != "" {
			return who + " member " + at
		}
		return who
	case InMessage:
		return "message"
	case InPath, InQuery, InHeader, InCookie:
		what := string(v.In)
		if v.In == InPath || v.In == InQuery {
			what += " parameter"
		}
		p := what + ` "` + cut(v.Name, maxShown) + `"`
		if at != "" {
			p += " at " + at
		}
		return p
	}
	return string(v.In)
}

// warning is added to the sentence about a rule that does not refuse a request.
func (v *Violation) warning() string {
	switch {
	case v.Side == SideServer || v.Refuses(), v.Rule == RuleUnknownQuery, v.Rule == RuleRepeated:
		return ""
	case v.Basis == BasisClient:
		return " (The rule was seen only in a client of the API, so it only warns.)"
	}
	return " (The rule is a guess of ours, so it only warns.)"
}

// sentence says what is wrong and what to do about it.
func (v *Violation) sentence(got, accepted string) string {
	place := v.place()
	not := ""
	if got != "" {
		not = ", not " + got
	}
	switch v.Rule {
	case "required":
		if v.In == InBody && len(v.Path) == 0 {
			return "The operation needs a request body and none came: send " + accepted + "."
		}
		if near := v.misspelled(); near != "" {
			return "The " + place + ` is missing, but there is "` + near + `" in its place: correct the name, or send it, as ` + accepted + "."
		}
		return "The " + place + " is missing: send it, as " + accepted + "."
	case "type":
		if got == "null" {
			return "The " + place + " must not be null: send " + accepted + "."
		}
	case "additionalProperties":
		if near := nearestName(v.lastName(), v.declared()); near != "" {
			return "The " + place + ` is not declared and the schema allows no others: it is perhaps meant to be "` + near + `", else remove it.`
		}
		return "The " + place + " is not declared and the schema allows no others: remove it."
	case "readOnly":
		return "The " + place + " is read-only: do not send it."
	case "writeOnly":
		return "The " + place + " is write-only and must never be answered."
	case "not":
		if v.Schema != nil && v.Schema.Not != nil {
			return "The " + place + " must not be " + describe(v.Schema.Not.Value) + "."
		}
	case "anyOf", "oneOf":
		return v.union(accepted)
	case "discriminator":
		if tag := v.tag(); tag != "" {
			return "The " + place + " names the alternative " + tag + ", which there is not: send " + accepted + "."
		}
		return "The " + place + " does not say which alternative it is: send " + accepted + "."
	case RuleJSON:
		return v.jsonSentence(place)
	case RuleMultipart:
		return "The " + place + " is not multipart/form-data (RFC 7578): " + v.Detail + "."
	case RuleMediaType:
		if v.Side == SideServer {
			return "The answer's Content-Type is not declared for its status."
		}
		if v.Got == nil {
			return "The header Content-Type is missing: send it, as " + accepted + "."
		}
		return "The header Content-Type must be " + accepted + not + "."
	case RuleUnknownPath:
		switch {
		case v.Detail == "":
			return "No operation has the path " + got + ": correct the path or the base URL."
		case strings.Trim(v.Detail, "/") == strings.Trim(v.Raw, "/") || v.slash():
			return "No operation has the path " + got + ", only " + v.Detail + ": mind the slash at its end."
		}
		return "No operation has the path " + got + "; the nearest is " + v.Detail + ": correct the path or the base URL."
	case RuleMethod:
		return "The path exists, but not with the method " + strings.Trim(got, `"`) + ": use " + accepted + "."
	case RuleCredential:
		return v.credentialSentence(got, accepted)
	case RuleBodySize:
		if v.Detail == reasonBigFields {
			return "The body is too large: " + v.Detail + ", send at most " + itoa(maxFieldBytes) + " bytes of them."
		}
		return "The body is too large: send " + v.Detail + "."
	case RuleStatus:
		return "The answer's status " + got + " is not declared for the operation: declare it, or answer with " + accepted + "."
	case RuleIntegerRange:
		return "The " + place + " does not fit in 64 bits: send " + accepted + not + "."
	case RuleNumberRange:
		return "The " + place + " is beyond the range of a double: send " + accepted + not + "."
	case RuleUnknownQuery:
		if v.Detail == reasonEscape {
			return "The " + place + " is not well-formed: percent-encode its name and its value, as UTF-8."
		}
		text := "The operation declares no " + place + ", so it is ignored: "
		if near := nearestName(v.Name, v.queryNames()); near != "" {
			return text + `it is perhaps meant to be "` + near + `", else remove it.`
		}
		return text + "remove it or correct its name."
	case RuleRepeated:
		return "The " + place + " is given more than once and only the first is read: send it once."
	case RuleTransport:
		return "The body ended before its announced end, or its chunks are malformed: send all of it, with the right length."
	case RuleBodyUnused:
		return "A body was sent where none is declared: leave it out."
	case "headers":
		return "The " + place + " is missing from the answer or breaks its schema."
	}
	return "The " + place + " must be " + accepted + not + "."
}

// jsonSentence says why a body is not JSON.
func (v *Violation) jsonSentence(place string) string {
	switch v.Detail {
	case ReasonEmpty:
		return "The Content-Type announces JSON but the body is empty: send a JSON value, or leave the header Content-Type out."
	case reasonPoisoned:
		return "The " + place + " has a member that JavaScript treats specially (__proto__, constructor.prototype): leave it out."
	case reasonGzip:
		return "The " + place + " is compressed with gzip, which is not read here: send it as it is, without Content-Encoding."
	case reasonMark:
		return "The " + place + " begins with a byte order mark, which is no part of JSON: send the text without it."
	case reasonEnd:
		return fmt.Sprintf("The %s ends at byte %d in the middle of its JSON value: send all of it, with the closing brackets and quotation marks.", place, v.Offset)
	}
	texts := map[string]string{
		reasonDuplicate: "repeats a member name of the same object: send each member once.",
		reasonUTF8:      "is not UTF-8: encode it as UTF-8.",
		reasonNaN:       "has NaN or Infinity, which JSON does not know: send a number, null or a text.",
		reasonSurrogate: "has half of a surrogate pair: escape a character beyond U+FFFF as both halves.",
		reasonTrailing:  "goes on after its JSON value: send one value and nothing after it.",
		reasonDepth:     "nests more than " + strconv.Itoa(MaxDepth) + " levels deep: send a flatter one.",
	}
	text, known := texts[v.Detail]
	if !known {
		text = "is not JSON: names and texts stand in double quotes, commas between members, and none after the last."
	}
	return fmt.Sprintf("At byte %d the %s %s", v.Offset, place, text)
}

func (v *Violation) credentialSentence(got, accepted string) string {
	came, _ := v.Got.([]string)
	switch {
	case len(came) == 0:
		return "The request carries no credential: send " + accepted + "."
	case len(came) > 1:
		return fmt.Sprintf("The header %s came %d times: send it once, as %s.", v.Name, len(came), accepted)
	case came[0] == "":
		return "The header " + v.Name + " is empty: send " + accepted + "."
	}
	scheme, secret, _ := strings.Cut(came[0], " ")
	if strings.Contains(accepted, ": "+scheme+" <") {
		if secret == "" {
			return "The header " + v.Name + " has a scheme and no secret: send " + accepted + "."
		}
		return "The credential is malformed: send " + accepted + ", visible ASCII characters without spaces, commas and quotation marks."
	}
	return "The credential " + got + " is of no use here: send " + accepted + "."
}

// slash reports whether the nearest path differs only in the slash at its end.
func (v *Violation) slash() bool {
	t, err := newTemplate(strings.Trim(v.Detail, "/"), nil, true)
	return err == nil && t.Match(strings.Trim(v.Raw, "/"))
}

// union explains why no alternative of a union matched, or too many did.
func (v *Violation) union(accepted string) string {
	place := v.place()
	matching, nearest := 0, []Violation(nil)
	for _, branch := range v.Branches {
		if len(branch) == 0 {
			matching++
		}
		// A branch of another type altogether was not meant.
		meant := !slices.ContainsFunc(branch, func(b Violation) bool { return b.Rule == "type" && len(b.Path) == len(v.Path) })
		if meant && len(branch) > 0 && (nearest == nil || len(branch) < len(nearest)) {
			nearest = branch
		}
	}
	if matching > 1 {
		return fmt.Sprintf("The %s matches %d alternatives where exactly one is wanted: send %s, so that only one fits.", place, matching, accepted)
	}
	text := "The " + place + " matches none of the alternatives: send " + accepted + "."
	for i := range nearest {
		if i == maxListed {
			break
		}
		if reason := " " + nearest[i].Explain().Message; !strings.HasSuffix(text, reason) {
			text += reason
		}
	}
	return text
}

// tag is what a value says it is, as JSON.
func (v *Violation) tag() string {
	object, _ := v.Redacted().(map[string]any)
	if v.Schema == nil || v.Schema.Discriminator == nil {
		return ""
	}
	tag, ok := object[v.Schema.Discriminator.PropertyName].(string)
	if !ok {
		return ""
	}
	return cut(literalOf(tag), maxShown)
}

// lastName is the name of the member that the violation is about.
func (v *Violation) lastName() string {
	if len(v.Path) == 0 {
		return ""
	}
	return v.Path[len(v.Path)-1].Name
}

// declared lists the members that the schema declares.
func (v *Violation) declared() []string {
	if v.Schema == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.Schema.Properties))
}

func (v *Violation) queryNames() []string {
	if v.op == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.op.facts().query))
}

// misspelled is the undeclared member that came in the place of a missing one.
func (v *Violation) misspelled() string {
	object, _ := v.Got.(map[string]any)
	var strangers []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if v.Schema != nil && v.Schema.Properties[name] == nil {
			strangers = append(strangers, name)
		}
	}
	return nearestName(v.lastName(), strangers)
}

// nearestName finds the name that another was probably meant to be: one that
// differs in case and punctuation only, or in a letter or two.
func nearestName(name string, among []string) string {
	best, least := "", 1+min(2, len(name)/3)
	for _, other := range among {
		if len(other) > maxCompared {
			continue
		}
		n := editDistance(name, other)
		if foldName(name) == foldName(other) {
			n = 0
		}
		if n < least {
			best, least = other, n
		}
	}
	return best
}

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
			found = append(found, describeValue(ref.Value, depth-1))
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
