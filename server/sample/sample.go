// Package sample makes values from OpenAPI schemas: values that a schema takes,
// values at the limits of its rules, and values that break exactly one of them.
//
// Schemas are those of OpenAPI 3.0 as kin-openapi holds them; a 3.1 document must
// have been brought to that form. No value is given out that kin-openapi, or who judges
// in its place, does not judge as it should: what a schema says in ways that cannot be
// generated for gives no value, never a wrong one.
//
// A member that goes the other way only (readOnly in a request, writeOnly in a
// response) is left out, and sending it is not counted as a broken rule: the
// specification says SHOULD NOT.
//
// Values are what encoding/json decodes to with UseNumber, and belong to the
// caller. The same seed gives the same values.
package sample

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// Case is a value made for a schema, and what it is to show.
type Case struct {
	// Value is JSON: nil, bool, json.Number, string, []any or map[string]any.
	Value any
	// Valid says whether the schema takes the value.
	Valid bool
	// Keyword is the rule at its limit or broken, by its name in the schema
	// ("maximum", "required"). Null where it is not taken breaks "nullable". A value
	// that only fails since no branch of a union takes it breaks "oneOf" or "anyOf".
	Keyword string
	// Pointer says where in Value the rule holds, as a JSON pointer (RFC 6901). For a
	// missing member it is the object that should have it.
	Pointer string
	// Rule is the JSON pointer of the rule within the schema. References are passed
	// through and leave no trace in it: "/properties/name/maxLength".
	Rule string
	// Why says in a few words what the value is: "one longer than maxLength 50".
	Why string
}

// Options say what the values are for. The zero value makes values for responses.
type Options struct {
	// Request leaves out readOnly members; otherwise writeOnly ones are left out.
	Request bool
	// Known gives a value that the caller knows for a place, such as an id from an
	// earlier answer. It is taken if the schema at that place takes it. r is never nil.
	Known func(pointer string, s *openapi3.Schema, r *rand.Rand) (any, bool)
	// Takes judges values where kin-openapi does not look at all that a schema asks for;
	// without it, nothing is made of the keywords that OpenAPI 3.0 does not have.
	Takes func(s *openapi3.Schema, v any) bool
	// Skip names the rules that must not be broken; rule and keyword are those that a
	// Case would have, s is the schema that states the rule.
	Skip func(rule string, s *openapi3.Schema, keyword string) bool
	// Plain makes texts and numbers the simplest that do, so that what was made can be read.
	Plain bool
	// MaxDepth is how deep objects and arrays nest before only what is required is
	// made. 0 means 6.
	MaxDepth int
	// Done, if there is one, ends the work early once it reports true: nothing more is
	// made then, and the list of Boundaries is as long as it is.
	Done func() bool
}

// Boundaries lists values at the limits of the rules of a schema and just beyond,
// one rule at a time and all else as small as it can be. It goes into members and
// items, but into a schema that holds itself only once. The list is the same for
// the same schema and options, unless Done ends it, and no longer than 4,000.
func Boundaries(s *openapi3.Schema, o Options) []Case {
	m := newMaker(settled(), o)
	v, ok := m.smallestOf(s)
	if !ok {
		return nil
	}
	c := &collector{maker: m, root: s, seen: map[string]bool{}}
	c.explore(&site{s: s, whole: s, root: v})
	return c.cases
}

// Valid makes a value that the schema takes. It reports false where it finds none.
func Valid(r *rand.Rand, s *openapi3.Schema, o Options) (any, bool) {
	m := newMaker(r, o)
	for range 10 {
		if v, ok := m.at(nil, s, false); ok && m.accepts(s, v) {
			return v, true
		}
	}
	return m.smallestOf(s)
}

// Invalid makes a value that breaks exactly one rule of the schema, at any depth. It
// reports false where it finds none: nothing breaks a schema without rules.
func Invalid(r *rand.Rand, s *openapi3.Schema, o Options) (Case, bool) {
	v, ok := Valid(r, s, o)
	if !ok {
		return Case{}, false
	}
	if made, ok := newMaker(r, o).breakOne(s, v); ok {
		return made, true
	}
	broken := slices.DeleteFunc(Boundaries(s, o), func(c Case) bool { return c.Valid })
	if len(broken) == 0 {
		return Case{}, false
	}
	return broken[r.IntN(len(broken))], true
}

// Minimal makes the smallest value that the schema takes: required members only, and
// the document's own example, default or first enum value where it is valid. It
// reports false where it finds none.
func Minimal(s *openapi3.Schema, o Options) (any, bool) { return newMaker(settled(), o).smallestOf(s) }

// Shrink gives values that are simpler than v, the simplest first: fewer members and
// items, then simpler scalars. It never gives v itself, and taking any candidate
// again and again ends.
func Shrink(v any) iter.Seq[any] { return func(yield func(any) bool) { shrink(v, yield) } }
