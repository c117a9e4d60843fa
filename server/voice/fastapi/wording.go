package fastapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
)

// Item is one entry of the detail of a 422, as FastAPI makes it of a pydantic
// error.
type Item struct {
	Type  string `json:"type"`
	Loc   []any  `json:"loc"`
	Msg   string `json:"msg"`
	Input any    `json:"input"`
	Ctx   facts  `json:"ctx,omitempty"`
}

// facts are the values that a message speaks of, in pydantic's order.
type facts []pair

type pair struct {
	name  string
	value any
}

// MarshalJSON writes the values as the members of an object.
func (c facts) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, p := range c {
		if i > 0 {
			text = append(text, ',')
		}
		for _, part := range []any{p.name, p.value} {
			b, err := json.Marshal(part)
			if err != nil {
				return nil, err
			}
			text = append(append(text, b...), ':')
		}
		text = text[:len(text)-1]
	}
	return append(text, '}'), nil
}

// source is the body that is worded: its text, and where in it the values stand that
// are echoed.
type source struct {
	text   []byte
	places func() *contract.Places
	left   int // bytes that may still be repeated
}

// Words gives the items of a 422 for a request that broke the document: what
// FastAPI on pydantic 2 says of it. Where the document is stricter than pydantic's
// lax mode, the item is the one of its strict mode. docs/fidelity.md lists where
// the words differ from the real service's on purpose.
func Words(refusal *site.Refusal) []Item {
	violations := refusal.Violations
	// FastAPI reads the body before it looks at anything else.
	if i := slices.IndexFunc(violations, unreadable); i > 0 {
		violations = slices.Concat(violations[i:i+1], violations[:i], violations[i+1:])
	}
	return wordAll([]Item{}, violations, &source{text: refusal.Body, left: maxEchoed, places: sync.OnceValue(func() *contract.Places {
		return contract.FindPlaces(refusal.Body, violations)
	})})
}

// Refused is what a validator of the whole body says that refuses it with a message.
func Refused(message string) []Item {
	return []Item{ValueError([]any{"body"}, message)}
}

// ValueError is what a validator of one's own says of the value in a place.
func ValueError(loc []any, message string) Item {
	return Item{Type: "value_error", Loc: loc, Msg: "Value error, " + message, Ctx: facts{{"error", map[string]any{}}}}
}

func unreadable(v contract.Violation) bool {
	return v.Rule == contract.RuleJSON || v.Rule == contract.RuleTransport
}

// rank orders the rules that one value broke: pydantic stops at the first.
var rank = []string{
	contract.RuleMediaType, contract.RuleJSON, "required", "enum", "type", contract.RuleNumberRange,
	"multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
	"format", "minLength", "maxLength", "pattern", "maxItems", "minItems", "uniqueItems",
	contract.RuleIntegerRange, "minProperties", "maxProperties",
}

func rankOf(v *contract.Violation) int {
	if i := slices.Index(rank, v.Rule); i >= 0 {
		return i
	}
	return len(rank)
}

// within reports whether b is about the place of a, or one inside it.
func within(a, b *contract.Violation) bool {
	return a.In == b.In && a.Name == b.Name && len(b.Path) >= len(a.Path) && slices.Equal(b.Path[:len(a.Path)], a.Path)
}

// wordAll words violations that are sorted by place.
func wordAll(items []Item, vs []contract.Violation, body *source) []Item {
	for i := 0; i < len(vs); {
		// The violations of one value, then those inside it.
		here, inside := i+1, i+1
		for inside < len(vs) && within(&vs[i], &vs[inside]) {
			if len(vs[inside].Path) == len(vs[i].Path) && here == inside {
				here++
			}
			inside++
		}
		best := &vs[i]
		for j := i + 1; j < here; j++ {
			if rankOf(&vs[j]) < rankOf(best) {
				best = &vs[j]
			}
		}
		nested := vs[here:inside]
		switch best.Rule {
		case "maxItems": // judged before the items are
			items = append(items, word(best, body)...)
		case "minItems":
			before := len(items)
			items = wordAll(items, nested, body)
			if kindOf(best, best.Schema) == kindTuple || len(items) == before {
				items = append(items, word(best, body)...)
			}
		case "minProperties", "maxProperties", "uniqueItems": // judged after what is inside
			before := len(items)
			items = wordAll(items, nested, body)
			if len(items) == before {
				items = append(items, word(best, body)...)
			}
		default:
			items = append(items, word(best, body)...)
			items = wordAll(items, nested, body)
		}
		i = inside
	}
	return items
}

// locOf is the place of a violation as pydantic names it, with the branches of
// unions that lead to it.
func locOf(v *contract.Violation) []any {
	in := v.In
	if in == contract.InMessage {
		in = contract.InBody
	}
	loc := []any{string(in)}
	if in != contract.InBody {
		loc = append(loc, v.Name)
	}
	for i := 0; i <= len(v.Path); i++ {
		for _, b := range v.Within {
			if b.At == i {
				if b.Tag != "" {
					loc = append(loc, b.Tag)
				} else {
					loc = append(loc, label(v, b.Schema))
				}
			}
		}
		if i < len(v.Path) {
			if s := v.Path[i]; s.Array {
				loc = append(loc, s.Index)
			} else {
				loc = append(loc, s.Name)
			}
		}
	}
	return loc
}

// inputOf is what came, without secrets. Of a parameter it is the text.
func inputOf(v *contract.Violation, body *source) any {
	if v.In == contract.InBody || v.In == contract.InMessage {
		return echo(v, body)
	}
	if list, ok := v.Got.([]any); ok {
		texts := make([]any, len(list))
		for i, e := range list {
			texts[i] = pyStr(e)
			if v.Secret() {
				texts[i] = contract.Mask
			}
		}
		return texts
	}
	return v.RedactedRaw()
}

// word words one violation: mostly one item.
func word(v *contract.Violation, body *source) []Item {
	it := Item{Loc: locOf(v)}
	switch v.Rule {
	case "required":
		return missing(v, it, body)
	case contract.RuleMediaType:
		return wrongMediaType(v, it, body)
	case "anyOf", "oneOf":
		var items []Item
		for _, branch := range v.Branches {
			items = wordAll(items, branch, body)
		}
		if len(items) > 0 {
			return items
		}
	case contract.RuleIntegerRange:
		if items := unfitNumber(v, body); len(items) > 0 {
			return items
		}
	case "type", "enum":
		absent := v.In == contract.InBody && len(v.Within) == 0 && v.Got == nil
		switch {
		case embedded(v) && len(v.Path) == 0:
			return missingFields(v, it, v.Got != nil)
		case absent && (len(v.Path) == 0 || embedded(v) && len(v.Path) == 1):
			return missing(v, it, body) // null is no body, and no field of an embedded one
		}
		if _, isNumber := v.Got.(json.Number); isNumber && v.Schema.Discriminator == nil {
			if items := unfitNumber(v, body); len(items) > 0 {
				return items
			}
		}
	case "minItems":
		if kindOf(v, v.Schema) == kindTuple {
			return missingItems(v, it, body)
		}
	case contract.RuleJSON:
		it.Type, it.Msg, it.Input = "json_invalid", "JSON decode error", map[string]any{}
		reason, offset := jsonReason(body.text, v)
		it.Loc = append(it.Loc, offset)
		it.Ctx = facts{{"error", reason}}
		return []Item{it}
	case contract.RuleMultipart:
		it.Type, it.Msg, it.Input = "value_error", "Value error, There was an error parsing the body", nil
		it.Ctx = facts{{"error", map[string]any{}}}
		return []Item{it}
	case contract.RuleTransport:
		it.Type, it.Msg, it.Input = "json_invalid", "JSON decode error", map[string]any{}
		it.Loc = append(it.Loc, 0)
		it.Ctx = facts{{"error", "The body could not be read to its end"}}
		return []Item{it}
	}
	it.Input = inputOf(v, body)
	if v.Rule == "discriminator" {
		it.Type, it.Msg, it.Ctx = wrongTag(v, v.Schema, it.Input)
		return []Item{it}
	}
	it.Type, it.Msg, it.Ctx = message(v)
	if v.In == contract.InQuery && v.Rule == "type" && kindOf(v, v.Schema) == kindList && v.Raw == "" {
		// An empty list parameter is a list of one empty text.
		it.Loc, it.Input = append(it.Loc, 0), ""
		it.Type, it.Msg, it.Ctx = mistype(v, v.Schema.Items.Value, "")
	}
	return []Item{it}
}

// unfitNumber says of a number in the place of a union what each branch does: of an
// integer beyond 64 bits, and of a fraction that only a float64 takes for none.
func unfitNumber(v *contract.Violation, body *source) (items []Item) {
	if v.Schema == nil || v.Schema.Type != nil {
		return nil
	}
	for _, ref := range slices.Concat(v.Schema.AnyOf, v.Schema.OneOf) {
		branch := *v
		branch.Schema, branch.Within = ref.Value, append(slices.Clip(v.Within), contract.Branch{At: len(v.Path), Schema: ref.Value})
		if kindOf(&branch, ref.Value) != kindInt {
			branch.Rule = "type"
		}
		items = append(items, word(&branch, body)...)
	}
	return items
}

// embedded reports whether the body is made of single parameters: FastAPI then
// names the model after the function and looks for each field itself.
func embedded(v *contract.Violation) bool {
	return v.In == contract.InBody && len(v.Within) == 0 && strings.HasPrefix(v.Component(v.BodySchema()), "Body_")
}

func missing(v *contract.Violation, it Item, body *source) []Item {
	it.Type, it.Msg = "missing", "Field required"
	if v.In == contract.InBody {
		switch {
		case len(v.Path) == 0 && embedded(v):
			return missingFields(v, it, false)
		case len(v.Path) == 1 && embedded(v):
		case len(v.Path) > 0:
			it.Input = echo(v, body)
		}
	}
	return []Item{it}
}

// missingFields says of the fields of an embedded body that they are missing: of those
// that are required, or of all if what came has no fields.
func missingFields(v *contract.Violation, it Item, all bool) []Item {
	var items []Item
	names := v.BodySchema().Required
	if all {
		names = v.Properties(v.BodySchema())
	}
	if len(names) == 0 { // null, which FastAPI takes for no body
		return []Item{{Type: "missing", Loc: it.Loc, Msg: "Field required"}}
	}
	for _, name := range names {
		items = append(items, Item{Type: "missing", Loc: append(slices.Clone(it.Loc), name), Msg: "Field required"})
	}
	return items
}

func missingItems(v *contract.Violation, it Item, body *source) []Item {
	var items []Item
	list, _ := v.Got.([]any)
	for i := len(list); i < int(v.Schema.MinItems); i++ {
		items = append(items, Item{
			Type: "missing", Loc: append(slices.Clone(it.Loc), i), Msg: "Field required", Input: echo(v, body),
		})
	}
	return items
}

// wrongMediaType: FastAPI then judges the text of the body.
func wrongMediaType(v *contract.Violation, it Item, body *source) []Item {
	if len(body.text) == 0 {
		return missing(v, it, body)
	}
	if embedded(v) {
		return missingFields(v, it, true)
	}
	it.Input = contract.Mask
	if !v.HoldsSecrets() {
		it.Input = body.repeat(len(body.text), func() any { return strings.ToValidUTF8(string(body.text), "\uFFFD") })
	}
	it.Type, it.Msg, it.Ctx = mistype(v, v.BodySchema(), nil)
	return []Item{it}
}

// jsonReason says where and why a body is not JSON: in CPython's words if CPython
// refuses it too, else in ours. Offsets count characters.
func jsonReason(body []byte, v *contract.Violation) (reason string, offset int) {
	text := body
	switch {
	case strings.HasPrefix(string(body), "\uFEFF"):
		return "Unexpected UTF-8 BOM (decode using utf-8-sig)", 0
	case !utf8.Valid(body):
		n := 0
		for n < len(text) {
			r, size := utf8.DecodeRune(text[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		return "Invalid UTF-8", utf8.RuneCount(text[:n])
	}
	reason, offset, ok := scanJSON(text)
	if !ok {
		return reason, offset
	}
	if reason != "" { // what CPython takes for JSON though it is not
		return reason, offset
	}
	ours := v.Detail
	if ours == "" {
		ours = "The text is not JSON"
	}
	at := min(max(int(v.Offset), 0), len(body))
	r, size := utf8.DecodeRuneInString(ours)
	return strings.ToUpper(string(r)) + ours[size:], utf8.RuneCount(body[:at])
}

func plural(n uint64, word string) string {
	text := strconv.FormatUint(n, 10) + " " + word
	if n != 1 {
		text += "s"
	}
	return text
}
