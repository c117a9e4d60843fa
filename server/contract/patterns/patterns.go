// Package patterns reads the patterns of schemas, which are regular expressions of
// ECMA 262.
package patterns

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// Limit bounds a match by the engine that goes back.
const Limit = 100 * time.Millisecond

// Matcher is a pattern that was read.
type Matcher interface {
	MatchString(text string) bool
}

// Compile reads a pattern: by Go's engine, whose time grows with the text alone, and
// only if that cannot (it does not look ahead or behind) by one that goes back and is
// given a limit. What it does not match within the limit does not match.
func Compile(expr string) (Matcher, error) {
	plain, err := regexp.Compile(expr)
	if err == nil {
		return plain, nil
	}
	looking, other := regexp2.Compile(expr, regexp2.ECMAScript|regexp2.Unicode)
	if other != nil {
		return nil, fmt.Errorf("%w; %s", err, strings.TrimPrefix(other.Error(), "error parsing regexp: "))
	}
	looking.MatchTimeout = Limit
	return goingBack{looking}, nil
}

type goingBack struct{ expression *regexp2.Regexp }

// MatchString reports whether the text matches, within the limit.
func (p goingBack) MatchString(text string) bool {
	matches, err := p.expression.MatchString(text)
	return err == nil && matches
}
