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

func compilePattern(expr string) (openapi3.RegexMatcher, error) { return patterns.Compile(expr) }
