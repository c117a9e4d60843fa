package sample

import (
	"errors"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/patterns"
)

// fault is one broken rule, as kin-openapi reports it.
type fault struct {
	keyword string
	pointer string
}

// The formats go with every visit, so that nothing registered elsewhere in the
// process changes what is generated. Details are left out since nobody reads the
// texts, and they are costly to write.
var (
	common = []openapi3.SchemaValidationOption{
		openapi3.WithStringFormatValidators(stringValidators()), openapi3.DisableSchemaErrorDetails(),
		openapi3.SetSchemaRegexCompiler(func(expr string) (openapi3.RegexMatcher, error) { return patterns.Compile(expr) }),
	}
	requestFast   = slices.Concat(common, []openapi3.SchemaValidationOption{openapi3.VisitAsRequest(), openapi3.FailFast()})
	responseFast  = slices.Concat(common, []openapi3.SchemaValidationOption{openapi3.VisitAsResponse(), openapi3.FailFast()})
	requestMulti  = slices.Concat(common, []openapi3.SchemaValidationOption{openapi3.VisitAsRequest(), openapi3.MultiErrors()})
	responseMulti = slices.Concat(common, []openapi3.SchemaValidationOption{openapi3.VisitAsResponse(), openapi3.MultiErrors()})
)

// accepts reports whether a schema takes a value.
func (o *Options) accepts(s *openapi3.Schema, v any) bool {
	if o.Takes != nil {
		return o.Takes(s, v)
	}
	if o.Request {
		return s.VisitJSON(v, requestFast...) == nil
	}
	return s.VisitJSON(v, responseFast...) == nil
}

// faults lists the rules of a schema that a value breaks. A union that takes the
// value by none of its branches counts as one, unless only one branch was asked.
func (o *Options) faults(s *openapi3.Schema, v any) []fault {
	options := responseMulti
	if o.Request {
		options = requestMulti
	}
	return leaves(s.VisitJSON(v, options...), nil)
}

func leaves(err error, found []fault) []fault {
	if err == nil {
		return found
	}
	var many openapi3.MultiError
	if m, ok := err.(openapi3.MultiError); ok { //nolint:errorlint // its As looks into what it holds
		many = m
	}
	if many != nil {
		for _, e := range many {
			found = leaves(e, found)
		}
		return found
	}
	var e *openapi3.SchemaError
	if !errors.As(err, &e) {
		return append(found, fault{keyword: "unknown"})
	}
	inner := within(e.Origin)
	if e.SchemaField == "allOf" && len(inner) > 0 || e.SchemaField == "oneOf" && len(inner) == 1 {
		return leaves(inner, found)
	}
	path := e.JSONPointer()
	keyword := e.SchemaField
	switch keyword {
	case "properties":
		keyword = "additionalProperties"
	case "required":
		path = path[:max(len(path)-1, 0)]
	}
	return append(found, fault{keyword: keyword, pointer: pointerTo(path)})
}

// within finds the errors of the branches of a union.
func within(err error) openapi3.MultiError {
	for err != nil {
		if many, ok := err.(openapi3.MultiError); ok { //nolint:errorlint // the chain is walked here
			return many
		}
		err = errors.Unwrap(err)
	}
	return nil
}
