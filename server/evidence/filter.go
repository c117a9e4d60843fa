package evidence

import (
	"fmt"
	"regexp"
	"strings"
)

// Filter keeps what the globs name, and counts the coverage anew. A glob is matched
// against "api:operationId", or against the operationId alone if it has no colon;
// "*" stands for any text and "?" for one character. A request that belongs to no
// operation, as one to an unknown path, is kept if what is nearest to it is. No globs
// keep everything; a glob that names no operation is a mistake.
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
	paths := map[[2]string]bool{} // of what is kept
	var requests int64
	for i := range r.Operations {
		if op := &r.Operations[i]; match(op.API, op.ID) {
			kept = append(kept, *op)
			paths[[2]string{op.API, op.Path}] = true
			requests += op.Requests
		}
	}
	r.Operations = kept
	violations := []RecordedViolation{}
	counted := map[string]bool{} // exchanges without an operation
	for i := range r.Violations {
		v := &r.Violations[i]
		switch {
		case v.Operation != "" && !match(v.API, v.Operation):
			continue
		case v.Operation == "" && !match(v.API, "") && !paths[[2]string{v.API, v.Near()}]:
			continue
		}
		violations = append(violations, *v)
		if v.Operation == "" && len(v.Exchanges) > 0 && !counted[v.Exchanges[0]] {
			counted[v.Exchanges[0]] = true
			requests += v.Requests
		}
	}
	r.Violations = violations
	r.LeftOut += max(0, r.Requests-requests)
	r.Requests = min(r.Requests, requests)
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
