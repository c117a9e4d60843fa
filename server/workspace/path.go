package workspace

import (
	"strings"

	"github.com/understudy-api/understudy/server/contract"
)

// The signs in the path of a match.
const (
	anySegment = "*"
	anyRest    = "**"
)

// pattern is the path of a match. The zero pattern fits every path.
type pattern struct {
	text     string
	segments []string
	rest     bool // whether any segments may follow
}

func newPattern(text string) pattern {
	p := pattern{text: text}
	if text == "" {
		return p
	}
	p.segments = strings.Split(strings.TrimPrefix(text, "/"), "/")
	if last := len(p.segments) - 1; p.segments[last] == anyRest {
		p.segments, p.rest = p.segments[:last], true
	}
	return p
}

// template reports whether the pattern is a path of a document, with parameters.
func (p *pattern) template() bool { return strings.ContainsAny(p.text, "{}") }

// reaches reports whether a request for a path of a document may fit.
func (p *pattern) reaches(t contract.Template) bool {
	if p.text == "" || p.text == t.String() {
		return true
	}
	if p.template() {
		return false
	}
	slashes := len(p.segments)
	if p.rest {
		slashes++
	}
	return p.along(t.Stretched(slashes), func(pattern, segment string) bool {
		return pattern == segment || strings.Contains(segment, "{") && pattern != "" || pattern == anySegment && segment != ""
	})
}

// fits reports whether a request fits; template is the path of the document that it
// is served by.
func (p *pattern) fits(path, template string) bool {
	if p.text == "" || p.text == template {
		return true
	}
	return !p.template() && p.along(path, func(pattern, segment string) bool {
		return pattern == segment || pattern == anySegment && segment != ""
	})
}

// along compares a path segment by segment.
func (p *pattern) along(path string, equal func(pattern, segment string) bool) bool {
	path = strings.TrimPrefix(path, "/")
	for i, wanted := range p.segments {
		segment, after, more := strings.Cut(path, "/")
		if !equal(wanted, segment) {
			return false
		}
		if last := i == len(p.segments)-1; !more {
			return last && !p.rest
		}
		path = after
	}
	return p.rest
}
