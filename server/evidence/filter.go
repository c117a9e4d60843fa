package evidence

import (
	"fmt"
	"regexp"
	"strings"
)

// Filter keeps what the globs name, and counts the coverage anew. A glob is matched
// against "api:operationId", or against the operationId alone if it has no colon;
// "*" stands for any text and "?" for one character. What belongs to no operation,
// as a request to an unknown path, is "api:". No globs keep everything; a glob that
// names no operation is a mistake.
func (r *Report) Filter(globs []string) error {
	if len(globs) == 0 {
		return nil
	}
	match, err := operationMatcher(globs)
	if err != nil {
		return err
	}
	for _, glob := range globs {
		one, err := operationMatcher([]string{glob})
		if err != nil {
			return err
		}
		named := false
		for i := range r.Operations {
			named = named || one(r.Operations[i].API, r.Operations[i].ID)
		}
		if !named {
			return fmt.Errorf("no operation is named by %q", glob)
		}
	}
	kept := []RecordedOperation{}
	r.Requests = 0
	for i := range r.Operations {
		if op := &r.Operations[i]; match(op.API, op.ID) {
			kept = append(kept, *op)
			r.Requests += op.Requests
		}
	}
	r.Operations = kept
	violations := []RecordedViolation{}
	for i := range r.Violations {
		if v := &r.Violations[i]; match(v.API, v.Operation) {
			violations = append(violations, *v)
		}
	}
	r.Violations = violations
	r.Recount(r.Coverage.Of)
	return nil
}

// operationMatcher matches any of the globs.
func operationMatcher(globs []string) (func(api, operation string) bool, error) {
	type pattern struct {
		*regexp.Regexp
		qualified bool
	}
	var patterns []pattern
	for _, glob := range globs {
		text := regexp.QuoteMeta(glob)
		text = strings.ReplaceAll(text, `\*`, `.*`)
		text = strings.ReplaceAll(text, `\?`, `.`)
		compiled, err := regexp.Compile(`^(?s:` + text + `)$`)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", glob, err)
		}
		patterns = append(patterns, pattern{compiled, strings.Contains(glob, ":")})
	}
	return func(api, operation string) bool {
		for _, p := range patterns {
			name := operation
			if p.qualified {
				name = api + ":" + operation
			}
			if p.MatchString(name) {
				return true
			}
		}
		return false
	}, nil
}

// Recount takes the coverage of CoverageOfPublished or CoverageOfAll rows anew.
func (r *Report) Recount(of string) { r.Coverage = CoverageOf(r.Operations, of) }
