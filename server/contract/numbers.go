package contract

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// isOdd reports whether a JSON number is anything but a plain integer of at most 15
// digits, which is the same number to everybody.
func isOdd(literal string) bool {
	digits := strings.TrimPrefix(literal, "-")
	return len(digits) > maxPlain || strings.ContainsAny(digits, ".eE") || literal == "-0"
}

// numberOf tells what a number literal is. It only looks at its digits: a literal
// of a megabyte, or with an exponent of a billion, costs no more than its length.
func numberOf(literal string) (integral, inFloat, inInt bool, n int64) {
	if v, err := strconv.ParseInt(literal, 10, 64); err == nil {
		return true, true, true, v
	}
	_, err := strconv.ParseFloat(literal, 64)
	inFloat = err == nil
	mantissa, power, scientific := strings.Cut(strings.ReplaceAll(literal, "E", "e"), "e")
	sign := ""
	if strings.HasPrefix(mantissa, "-") {
		sign, mantissa = "-", mantissa[1:]
	}
	before, after, _ := strings.Cut(mantissa, ".")
	digits := before + after
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false, inFloat, false, 0
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return true, inFloat, true, 0
	}
	exponent := 0
	if scientific {
		switch exponent, err = strconv.Atoi(power); {
		case errors.Is(err, strconv.ErrRange): // no literal is long enough to make up for it
			return !strings.HasPrefix(power, "-"), inFloat, false, 0
		case err != nil:
			return false, inFloat, false, 0
		}
	}
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant) - len(after)
	switch {
	case exponent < 0:
		return false, inFloat, false, 0
	case exponent > 18 || len(significant)+exponent > 19:
		return true, inFloat, false, 0
	}
	n, err = strconv.ParseInt(sign+significant+strings.Repeat("0", exponent), 10, 64)
	if err != nil {
		return true, inFloat, false, 0
	}
	return true, inFloat, true, n
}

// plainLiteral writes equal numbers equally (1.0 and 1e0 as 1): kin-openapi compares
// values by their text. ok is false for what is beyond the range of a float64.
func plainLiteral(literal string) (plain string, ok bool) {
	integral, inFloat, inInt, n := numberOf(literal)
	switch {
	case integral && inInt:
		return strconv.FormatInt(n, 10), true
	case !inFloat:
		return literal, false
	}
	f, err := strconv.ParseFloat(literal, 64)
	return strconv.FormatFloat(f, 'g', -1, 64), err == nil
}

// oddNumber is a number that is written otherwise than a plain integer of at most 15
// digits: what it is, and what it is to an integer, is not what its text says.
type oddNumber struct {
	in      *holder // nil if the number is the whole text
	at      Step    // in there
	literal string
	end     int // behind the literal, in the text
}

// holder is a list or an object that odd numbers are in, however deep: they share it,
// for a text may have a name of a megabyte, or of its levels, above each of them.
type holder struct {
	in    *holder // nil for the outermost
	at    Step    // in there
	depth int     // 0 of the outermost
	value any
}

// path leads from the outermost holder to this one.
func (h *holder) path() []Step {
	var steps []Step
	for ; h.in != nil; h = h.in {
		steps = append(steps, h.at)
	}
	slices.Reverse(steps)
	return steps
}

func (n *oddNumber) depth() int {
	if n.in == nil {
		return 0
	}
	return n.in.depth + 1
}

func (n *oddNumber) path() []Step {
	if n.in == nil {
		return nil
	}
	return append(n.in.path(), n.at)
}

// put puts a number in the place of an odd one.
func (t *jsonText) put(n *oddNumber, literal string) {
	number := json.Number(literal)
	if n.in == nil {
		t.value = number
		return
	}
	switch value := n.in.value.(type) {
	case map[string]any:
		value[n.at.Name] = number
	case []any:
		value[n.at.Index] = number
	default: // of a form's field
		t.value = replaceAt(t.value, n.path(), number)
	}
}

// plain replaces the odd numbers of the value by plain ones, and those beyond the
// range of a float64, if they are to be hidden from kin-openapi, by 0.
func (t *jsonText) plain(hide bool) {
	for i := range t.odd {
		plain, ok := plainLiteral(t.odd[i].literal)
		if !ok && hide {
			plain = "0"
		}
		t.put(&t.odd[i], plain)
	}
}

// restore undoes plain. Where the schema wants a number and an integer came, it
// stays a plain one: the generated code binds no other integers.
func (t *jsonText) restore(schema *Schema) {
	s := newOddSchemas(schema)
	for i := range t.odd {
		n := &t.odd[i]
		literal := n.literal
		if plain, ok := s.integer(n); ok {
			literal = plain
		}
		t.put(n, literal)
	}
}

// bytes is the text with the integers that restore leaves plain.
func (t *jsonText) bytes(schema *Schema) []byte {
	var out []byte
	copied := 0
	s := newOddSchemas(schema)
	for i := range t.odd {
		n := &t.odd[i]
		if plain, ok := s.integer(n); ok && plain != n.literal {
			out = append(append(out, t.data[copied:n.end-len(n.literal)]...), plain...)
			copied = n.end
		}
	}
	if copied == 0 {
		return t.data
	}
	return append(out, t.data[copied:]...)
}

// oddSchemas finds the schemas of odd numbers.
type oddSchemas struct {
	root  []*Schema
	known map[*holder][]*Schema
	items map[*holder][]*Schema // of lists: those of what is in them
}

func newOddSchemas(root *Schema) *oddSchemas {
	s := &oddSchemas{known: map[*holder][]*Schema{}, items: map[*holder][]*Schema{}}
	if root != nil {
		s.root = []*Schema{root}
	}
	return s
}

func (s *oddSchemas) of(n *oddNumber) []*Schema { return s.at(n.in, n.at) }

func (s *oddSchemas) at(in *holder, at Step) []*Schema {
	if in == nil {
		return s.root
	}
	if found, ok := s.items[in]; ok && at.Array {
		return found
	}
	around, ok := s.known[in]
	if !ok {
		around = s.at(in.in, in.at)
		s.known[in] = around
	}
	found := children(around, at)
	if at.Array {
		s.items[in] = found
	}
	return found
}

// integer gives the number as a plain integer, if the schema wants a number there
// and it is an integer that fits in 64 bits.
func (s *oddSchemas) integer(n *oddNumber) (string, bool) {
	schemas := s.of(n)
	if !wants(schemas, openapi3.TypeInteger) && !wants(schemas, openapi3.TypeNumber) {
		return "", false
	}
	integral, _, inInt, value := numberOf(n.literal)
	return strconv.FormatInt(value, 10), integral && inInt
}

// expand adds the schemas that apply to the same value.
func expand(schemas []*Schema) []*Schema {
	for i := 0; i < len(schemas); i++ {
		for _, refs := range []openapi3.SchemaRefs{schemas[i].AllOf, schemas[i].AnyOf, schemas[i].OneOf} {
			for _, ref := range refs {
				schemas = append(schemas, ref.Value)
			}
		}
		if len(schemas) > 64 { // a union of unions: enough to find an integer
			break
		}
	}
	return schemas
}

func wantsInteger(schemas []*Schema) bool {
	integer := false
	for _, s := range expand(schemas) {
		if s.Type.Includes(openapi3.TypeNumber) {
			return false
		}
		integer = integer || s.Type.Includes(openapi3.TypeInteger)
	}
	return integer
}

// children gives the schemas that apply one step further into the value.
func children(schemas []*Schema, step Step) []*Schema {
	var next []*Schema
	for _, s := range expand(schemas) {
		switch {
		case step.Array:
			if s.Items != nil {
				next = append(next, s.Items.Value)
			}
		case s.Properties[step.Name] != nil:
			next = append(next, s.Properties[step.Name].Value)
		case s.AdditionalProperties.Schema != nil:
			next = append(next, s.AdditionalProperties.Schema.Value)
		}
	}
	return next
}
