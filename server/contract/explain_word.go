package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract/spelling"
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
	Expected  bool   // the client said that it breaks the rule on purpose
	Cause     string // which of the causes that the rule has; empty where it has one
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
		In: v.In, Name: strings.ToValidUTF8(Cut(v.Name, maxPointer), "\uFFFD"), Pointer: v.ShortPointer(maxPointer), Operation: v.Operation, Where: v.Where,
		Accepted: v.accepted(), Got: v.got(), Cause: v.cause(),
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
	case "required", RuleMultipart:
		return ""
	case RuleJSON:
		if v.Raw == "" {
			return ""
		}
		came = v.Raw
	case RuleUnknownPath, RuleMethod, RuleUnserved:
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
	return Cut(strings.TrimSuffix(text.String(), "\n"), maxShown)
}

// Cut shortens a text to about n bytes, at a rune's border.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "..."
}

// cause tells apart what breaks the same rule at the same place for another reason, so
// that whoever knows of the one is told of the other.
func (v *Violation) cause() string {
	switch v.Rule {
	case RuleJSON, RuleMultipart, RuleBodySize, RuleTransport, RuleUnknownQuery:
		return v.Detail
	case RuleMediaType:
		text, _ := v.Got.(string)
		return "is " + Cut(MediaType(text), maxPointer)
	case RuleCredential:
		came, _ := v.Got.([]string)
		switch {
		case len(came) != 1:
			return itoa(len(came)) + " came"
		case came[0] == "":
			return "is empty"
		}
		scheme, secret, _ := strings.Cut(came[0], " ")
		return "is " + Cut(scheme, maxShown) + map[bool]string{true: " without secret"}[secret == ""]
	case RuleStatus:
		return fmt.Sprint(v.Got)
	case "type":
		if v.Got == nil {
			return "is null"
		}
	}
	return ""
}

// place names the part of the message in a sentence.
func (v *Violation) place() string {
	at := v.ShortPointer(maxShown)
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
		p := what + ` "` + Cut(v.Name, maxShown) + `"`
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
	case v.Side == SideServer || v.Refuses(), v.Rule == RuleUnknownQuery, v.Rule == RuleUnknownMember, v.Rule == RuleUnserved, v.Rule == RuleRepeated:
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
	case "dependentRequired":
		return "The " + place + " is missing, which what else came needs: send it, as " + accepted + "."
	case "unevaluatedProperties", "unevaluatedItems":
		return "The " + place + " is described nowhere and the schema allows no others: remove it."
	case "propertyNames":
		return "The name of the " + place + " must be " + accepted + not + "."
	case "contains", "minContains", "maxContains":
		return "The " + place + " must have " + accepted + "."
	case "boolean":
		return "The " + place + " must not be there: the schema allows no value."
	case "required":
		if v.In == InHeader && v.Side == SideServer {
			return "The " + place + " is missing from the answer: send it, as " + accepted + "."
		}
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
		if len(v.Path) > 0 {
			return "The " + place + " must be of the type " + accepted + not + "."
		}
		if v.Side == SideServer {
			return "The answer's Content-Type is not declared for its status."
		}
		if v.Got == nil {
			return "The header Content-Type is missing: send it, as " + accepted + "."
		}
		return "The header Content-Type must be " + accepted + not + "."
	case RuleUnknownPath:
		switch {
		case v.Mistake != "":
			return "No operation has the path " + got + ", only " + v.Detail + ": " + v.Mistake
		case v.Detail == "":
			return "No operation has the path " + got + ": correct the path or the base URL."
		case strings.Trim(v.Detail, "/") == strings.Trim(v.Raw, "/") || v.slash():
			return "No operation has the path " + got + ", only " + v.Detail + ": mind the slash at its end."
		}
		return "No operation has the path " + got + "; the nearest is " + v.Detail + ": correct the path or the base URL."
	case RuleUnserved:
		return "The vendor has the operation " + v.Detail + ", and Understudy does not serve it: the request may be right, and was answered 404."
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
	case RuleUnknownMember:
		text := "The operation declares no " + place + ", so it is ignored: "
		if near := nearestName(v.lastName(), v.Names); near != "" {
			return text + `it is perhaps meant to be "` + near + `", else remove it.`
		}
		return text + "remove it or correct its name."
	case RuleRepeated:
		which := "first"
		if v.op != nil && v.op.document.starlette {
			which = "last"
		}
		return "The " + place + " is given more than once and only the " + which + " is read: send it once."
	case RuleTransport:
		return "The body ended before its announced end, or its chunks are malformed: send all of it, with the right length."
	case RuleBodyUnused:
		return "A body was sent where none is declared: leave it out."
	}
	text := "The " + place + " must be " + accepted + not + "."
	if v.In == InPath && got == `""` {
		text += " Is a variable empty?"
	}
	return text
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
	switch {
	case v.Mistake != "" && (!known || v.Detail == reasonUTF8):
		text = "is not JSON: " + v.Mistake + "."
	case !known:
		text = "is not JSON: names and texts stand in double quotes, commas between members, and none after the last."
	}
	return fmt.Sprintf("At byte %d the %s %s", v.Offset, place, text)
}

func (v *Violation) credentialSentence(got, accepted string) string {
	came, _ := v.Got.([]string)
	switch {
	case v.Mistake == mistakeHeader:
		return "The header " + strings.ToUpper(v.Name) + " is not where the credential belongs: send " + accepted + "."
	case v.Mistake == mistakeForeign:
		return "The credential in " + v.Name + " was not given out for this project, which is another workspace's: send " + accepted + "."
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

// tag is the value of the discriminator in an object, as JSON: which branch it claims
// to be of.
func (v *Violation) tag() string {
	object, _ := v.Redacted().(map[string]any)
	if v.Schema == nil || v.Schema.Discriminator == nil {
		return ""
	}
	tag, ok := object[v.Schema.Discriminator.PropertyName].(string)
	if !ok {
		return ""
	}
	return Cut(literalOf(tag), maxShown)
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

// Of so many strangers, none was meant to be one member. maxMisspelled is how much
// longer or shorter a misspelled name may be.
const (
	maxStrangers  = 100
	maxMisspelled = 8
)

// misspelled is the undeclared member that came in the place of a missing one.
func (v *Violation) misspelled() string {
	object, _ := v.Got.(map[string]any)
	var strangers []string
	missing := v.lastName()
	for name := range object {
		// One of another length is no misspelling, whatever its letters.
		if n := len(name) - len(missing); n >= -maxMisspelled && n <= maxMisspelled && v.Schema != nil && v.Schema.Properties[name] == nil {
			strangers = append(strangers, name)
		}
	}
	if len(strangers) > maxStrangers {
		return ""
	}
	slices.Sort(strangers)
	return nearestName(missing, strangers)
}

// nearestName finds the name that another was probably meant to be: one that
// differs in case and punctuation only, or in a letter or two.
func nearestName(name string, among []string) string {
	return spelling.Nearest(name, among, min(2, len(name)/3), foldName)
}
