package contract

import (
	"encoding/json"
	"errors"
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

// plain replaces the odd numbers of the value by plain ones, and those beyond the
// range of a float64, if they are to be hidden from kin-openapi, by 0.
func (t *jsonText) plain(hide bool) {
	for i := range t.odd {
		plain, ok := plainLiteral(t.odd[i].literal)
		if !ok && hide {
			plain = "0"
		}
		t.value = replaceAt(t.value, t.odd[i].path, json.Number(plain))
	}
}

// restore undoes plain. Where the schema wants a number and an integer came, it
// stays a plain one: the generated code binds no other integers.
func (t *jsonText) restore(schema *Schema) {
	for i := range t.odd {
		n := &t.odd[i]
		literal := n.literal
		if plain, ok := n.integer(schema); ok {
			literal = plain
		}
		t.value = replaceAt(t.value, n.path, json.Number(literal))
	}
}

// bytes is the text with the integers that restore leaves plain.
func (t *jsonText) bytes(schema *Schema) []byte {
	var out []byte
	copied := 0
	for i := range t.odd {
		n := &t.odd[i]
		if plain, ok := n.integer(schema); ok && plain != n.literal {
			out = append(append(out, t.data[copied:n.end-len(n.literal)]...), plain...)
			copied = n.end
		}
	}
	if copied == 0 {
		return t.data
	}
	return append(out, t.data[copied:]...)
}

// integer gives the number as a plain integer, if the schema wants a number there
// and it is an integer that fits in 64 bits.
func (n *oddNumber) integer(schema *Schema) (string, bool) {
	schemas := schemasAt(schema, n.path)
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
