// Package patterns reads the patterns of schemas, which are regular expressions of
// ECMA 262.
package patterns

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
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
	text, looks, err := translate(expr, false)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	if !looks {
		plain, err := regexp.Compile(text)
		if err == nil {
			return plain, nil
		}
		if syntaxError, ok := errors.AsType[*syntax.Error](err); !ok || syntaxError.Code != syntax.ErrInvalidRepeatSize && syntaxError.Code != syntax.ErrLarge {
			return nil, fmt.Errorf("%s: %s", expr, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
	}
	if text, _, err = translate(expr, true); err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	looking, err := regexp2.Compile(text, regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", expr, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	looking.MatchTimeout = Limit
	return goingBack{looking}, nil
}

// Go writes a pattern for Go's engine. Groups that look ahead or behind stand in it as
// they are.
func Go(expr string) (string, error) {
	text, _, err := translate(expr, false)
	return text, err
}

type goingBack struct{ expression *regexp2.Regexp }

// MatchString reports whether the text matches, within the limit.
func (p goingBack) MatchString(text string) bool {
	matches, err := p.expression.MatchString(text)
	return err == nil && matches
}
