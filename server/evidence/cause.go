package evidence

import (
	"path"
	"slices"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
)

// Cause is what kinds of violation have in common: the same rule is broken alike at one
// place of the document that operations share, or whatever the place is, as where a
// server answers with a status that no operation declares.
type Cause struct {
	RecordedViolation // the first

	Others []RecordedViolation // that are broken for the same cause
}

// Met is how many exchanges have one of its violations, each once for each.
func (c *Cause) Met() int64 {
	n := c.Requests
	for i := range c.Others {
		n += c.Others[i].Requests
	}
	return n
}

// Operations names the operations of a cause, each once: by method and path, or by id.
func (c *Cause) Operations() []string {
	var names []string
	for _, v := range append([]RecordedViolation{c.RecordedViolation}, c.Others...) {
		name := v.Operation
		if v.Method != "" && v.Path != "" {
			name = v.Method + " " + v.Path
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Causes groups violations, in the order of the first of each. One that shares its cause
// with no other is a cause of its own.
func Causes(violations []RecordedViolation) []Cause {
	causes := make([]Cause, 0, len(violations))
	places := make(map[string]int, len(violations))
	for i := range violations {
		key := violations[i].shared()
		at, known := places[key]
		if !known || key == "" {
			places[key] = len(causes)
			causes = append(causes, Cause{RecordedViolation: violations[i]})
			continue
		}
		causes[at].Others = append(causes[at].Others, violations[i])
	}
	return causes
}

// shared is the same for all violations of one cause; empty for those that have one of
// their own.
func (v *RecordedViolation) shared() string {
	member := v.Pointer[strings.LastIndexByte(v.Pointer, '/')+1:]
	key := []string{v.API, string(v.Side), v.Check, v.Rule, v.Cause, string(v.Basis), string(v.In), v.Name}
	switch {
	case everywhere[v.Check], v.Rule == contract.RuleCredential:
		return strings.Join(key, "\x00")
	case v.Rule == contract.RuleMediaType && v.Side == contract.SideClient, v.Cause == contract.RuleMediaType:
		return strings.Join(append(key, v.Got), "\x00")
	case v.Cause == contract.RuleBodyUnused:
		return strings.Join(append(key, path.Base(v.Document.Pointer)), "\x00")
	case strings.HasPrefix(v.Document.Pointer, "/components/"):
		return strings.Join(append(key, v.Document.Pointer, member), "\x00")
	}
	return ""
}

// everywhere are the checks of verify that fail for all operations alike, wherever what
// they go by is declared.
var everywhere = map[string]bool{
	"status_code_conformance": true, "response_headers_conformance": true, "unsupported_method": true, "allow_header_conformance": true, "ignored_auth": true, "wrong_secret": true,
}
