package contract

import (
	"encoding/json"
	"fmt"
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
	Refused   bool
	In        In
	Name      string
	Pointer   string
	Message   string // what is wrong and how to mend it
	Got       string // what came, as JSON, redacted; empty if nothing came
	Accepted  string // what would have been accepted
	Operation string
	Where     Location
}

// Explain puts the violation in words.
func (v *Violation) Explain() Explained {
	e := Explained{
		Side: v.Side, Rule: v.Rule, Basis: v.Basis, Refused: v.Side == SideClient && v.Refuses(),
		In: v.In, Name: v.Name, Pointer: v.Pointer(), Operation: v.Operation, Where: v.Where,
		Accepted: v.accepted(),
	}
	if v.Rule != "required" && v.Rule != RuleJSON {
		e.Got = v.got()
	}
	e.Message = v.sentence(e.Got, e.Accepted)
	return e
}

// maxShown bounds how much of a value is shown.
const maxShown = 200

func (v *Violation) got() string {
	if v.Got == nil && v.Rule != "type" && v.Rule != "enum" {
		return ""
	}
	text, err := json.Marshal(v.Redacted())
	if err != nil {
		return ""
	}
	return cut(string(text), maxShown)
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
	switch v.In {
	case InBody:
		who := "body"
		if v.Side == SideServer {
			who = "answer's body"
		}
		if p := v.Pointer(); p != "" {
			return who + " member " + p
		}
		return who
	case InMessage:
		return "message"
	case InPath, InQuery, InHeader, InCookie:
		p := fmt.Sprintf("%s parameter %q", v.In, v.Name)
		if v.Side == SideServer {
			p = fmt.Sprintf("header %q", v.Name)
		}
		if at := v.Pointer(); at != "" {
			p += " at " + at
		}
		return p
	}
	return string(v.In)
}

// sentence says what is wrong and what to do about it.
func (v *Violation) sentence(got, accepted string) string {
	place := v.place()
	came := ""
	if got != "" {
		came = ", not " + got
	}
	switch v.Rule {
	case "required":
		if v.In == InBody && len(v.Path) == 0 {
			return "The operation needs a request body and none came: send " + accepted + "."
		}
		return "The " + place + " is missing: send it, as " + accepted + "."
	case "type":
		if got == "null" {
			return "The " + place + " must not be null: send " + accepted + "."
		}
		return "The " + place + " must be " + accepted + came + "."
	case "enum":
		return "The " + place + " must be " + accepted + came + "."
	case "format":
		return "The " + place + " must be " + accepted + came + "."
	case "additionalProperties":
		return "The " + place + " is not declared and the schema allows no others: remove it."
	case "readOnly":
		return "The " + place + " is read-only: do not send it."
	case "writeOnly":
		return "The " + place + " is write-only and must never be answered."
	case "anyOf", "oneOf":
		return "The " + place + " matches none of the alternatives (or more than one, where one is wanted): send " + accepted + "."
	case "discriminator":
		return "The " + place + " does not say which alternative it is: send " + accepted + "."
	case RuleJSON:
		return fmt.Sprintf("The %s is not one valid JSON value at byte %d: %s.", place, v.Offset, v.Detail)
	case RuleMediaType:
		if v.Side == SideServer {
			return "The answer's Content-Type is not declared for its status."
		}
		return "The body must be sent as " + accepted + came + ": set the header Content-Type."
	case RuleUnknownPath:
		return "No operation has this path" + hint(", the nearest is ", v.Detail) + ": correct the path or the base URL."
	case RuleMethod:
		return "The path exists, but not with this method: use " + accepted + "."
	case RuleCredential:
		return "The request carries no usable credential: send " + accepted + "."
	case RuleBodySize:
		return "The body is too large: send " + v.Detail + "."
	case RuleStatus:
		return "The answer's status is not declared for the operation."
	case RuleIntegerRange:
		return "The " + place + " does not fit in 64 bits: send " + accepted + "."
	case RuleNumberRange:
		return "The " + place + " is beyond the range of a double: send " + accepted + "."
	case RuleUnknownQuery:
		if v.Name == "" {
			return "The query string is not well-formed: percent-encode it."
		}
		return "The operation declares no " + place + ": it is ignored; remove it or correct its name."
	case RuleRepeated:
		return "The " + place + " is given more than once, only the first is read: send it once."
	case RuleTransport:
		return "The body ended before its announced end: send all of it."
	case RuleBodyUnused:
		return "A body was sent where none is declared: leave it out."
	case "headers":
		return "The " + place + " is missing from the answer or breaks its schema."
	}
	return "The " + place + " must be " + accepted + came + " (" + v.Rule + ")."
}

func hint(lead, text string) string {
	if text == "" {
		return ""
	}
	return lead + text
}

// accepted says what would have been accepted.
func (v *Violation) accepted() string {
	s := v.Schema
	switch v.Rule {
	case RuleMediaType, RuleMethod, RuleCredential:
		return v.Detail
	case RuleBodySize:
		return v.Detail
	case RuleIntegerRange:
		return "an integer from -9223372036854775808 to 9223372036854775807"
	case RuleNumberRange:
		return "a number from -1.8e308 to 1.8e308"
	case "required":
		if v.In == InBody && len(v.Path) > 0 && s != nil {
			if ref := s.Properties[v.Path[len(v.Path)-1].Name]; ref != nil {
				return describe(ref.Value)
			}
			return "any value"
		}
	}
	if s == nil {
		return ""
	}
	return describe(s)
}

// describe says in a few words what a schema accepts.
func describe(s *Schema) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case len(s.Enum) == 1:
		return literal(s.Enum[0])
	case len(s.Enum) > 1:
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i] = literal(e)
		}
		text := "one of " + strings.Join(words, ", ")
		if s.Nullable {
			text += ", or null"
		}
		return text
	}
	noun := ""
	if s.Type != nil {
		nouns := make([]string, 0, len(*s.Type))
		for _, t := range *s.Type {
			nouns = append(nouns, article(t))
		}
		noun = strings.Join(nouns, " or ")
	}
	switch s.Format {
	case "":
	case "uuid":
		noun = `a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f"`
	case "date-time":
		noun = `a date and time such as "2026-11-21T09:00:00Z"`
	case "date":
		noun = `a date such as "2026-11-21"`
	case "uri":
		noun = `an absolute URI such as "https://example.com/path"`
	case "email":
		noun = `an e-mail address such as "jane@example.com"`
	case "int32":
		noun = "an integer of 32 bits"
	}
	bound := func(p *float64, eb openapi3.ExclusiveBound, inclusive, exclusive string) {
		switch {
		case eb.Value != nil:
			add("%s %s", exclusive, float(*eb.Value))
		case p != nil && eb.IsTrue():
			add("%s %s", exclusive, float(*p))
		case p != nil:
			add("%s %s", inclusive, float(*p))
		}
	}
	bound(s.Min, s.ExclusiveMin, "at least", "greater than")
	bound(s.Max, s.ExclusiveMax, "at most", "less than")
	if s.MultipleOf != nil {
		add("a multiple of %s", float(*s.MultipleOf))
	}
	if s.MinLength > 0 {
		add("at least %d characters", s.MinLength)
	}
	if s.MaxLength != nil {
		add("at most %d characters", *s.MaxLength)
	}
	if s.Pattern != "" {
		add("matching %s", s.Pattern)
	}
	if s.MinItems > 0 {
		add("at least %d items", s.MinItems)
	}
	if s.MaxItems != nil {
		add("at most %d items", *s.MaxItems)
	}
	if s.UniqueItems {
		add("no item twice")
	}
	if s.MinProps > 0 {
		add("at least %d members", s.MinProps)
	}
	if s.MaxProps != nil {
		add("at most %d members", *s.MaxProps)
	}
	if noun == "" {
		noun = "any value"
		if branches := slices.Concat(s.OneOf, s.AnyOf); len(branches) > 0 {
			alternatives := make([]string, 0, len(branches))
			for _, ref := range branches {
				alternatives = append(alternatives, describe(ref.Value))
			}
			noun = strings.Join(alternatives, ", or ")
		}
	}
	if len(s.Required) > 0 {
		add("the members %s", strings.Join(s.Required, ", "))
	}
	if len(parts) > 0 {
		noun += " with " + strings.Join(parts, " and ")
	}
	if s.Nullable {
		noun += ", or null"
	}
	return noun
}

func article(typ string) string {
	switch typ {
	case openapi3.TypeInteger, openapi3.TypeArray, openapi3.TypeObject:
		return "an " + typ
	}
	return "a " + typ
}

func literal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func float(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
