package contract

import (
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/formats"
	"github.com/understudy-api/understudy/server/contract/patterns"
)

func itoa(i int) string { return strconv.Itoa(i) }

// stringFormats are the formats enforced for strings. They are handed to every
// visit, never registered globally.
var stringFormats = func() map[string]openapi3.StringFormatValidator {
	checks := make(map[string]openapi3.StringFormatValidator)
	for _, name := range formats.Texts() {
		checks[name] = openapi3.NewCallbackValidator(func(s string) error { return formats.Check(name, s) })
	}
	return checks
}()

// standardFormats are the formats of documents of others.
var standardFormats = func() map[string]openapi3.StringFormatValidator {
	checks := make(map[string]openapi3.StringFormatValidator)
	for _, name := range formats.Standards() {
		checks[name] = openapi3.NewCallbackValidator(func(s string) error { return formats.CheckStandard(name, s) })
	}
	return checks
}()

// judgement is how kin-openapi is asked to judge values.
type judgement struct {
	request, response, fast []openapi3.SchemaValidationOption
}

func newJudgement(checks map[string]openapi3.StringFormatValidator) judgement {
	common := []openapi3.SchemaValidationOption{openapi3.WithStringFormatValidators(checks), openapi3.SetSchemaRegexCompiler(compilePattern)}
	return judgement{
		request:  append([]openapi3.SchemaValidationOption{openapi3.VisitAsRequest(), openapi3.MultiErrors()}, common...),
		response: append([]openapi3.SchemaValidationOption{openapi3.VisitAsResponse(), openapi3.MultiErrors()}, common...),
		fast:     append([]openapi3.SchemaValidationOption{openapi3.FailFast()}, common...),
	}
}

var ofServed, ofForeign = newJudgement(stringFormats), newJudgement(standardFormats)

func (d *Document) judgement() *judgement {
	if d.foreign {
		return &ofForeign
	}
	return &ofServed
}

// of are the options for messages of a side.
func (j *judgement) of(side Side) []openapi3.SchemaValidationOption {
	if side == SideServer {
		return j.response
	}
	return j.request
}

func compilePattern(expr string) (openapi3.RegexMatcher, error) { return patterns.Compile(expr) }
