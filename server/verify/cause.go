package verify

import (
	"slices"
	"strings"
)

// Cause is what several findings have in common: the same check fails for the same rule
// at the same place of the document, or for the same status that operations do not
// declare.
type Cause struct {
	Check      string
	Rule       string
	Place      string // pointer into the document; empty if each operation has its own
	Message    string // of the first finding
	Operations []string
	Count      int64 // requests
}

// Causes groups the findings, those that most operations share first. A finding that
// shares its cause with no other is a cause of its own.
func (r *Result) Causes() []Cause {
	var causes []Cause
	places := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		c := Cause{Check: f.Check, Rule: f.Rule, Message: f.Message}
		key := f.Check + "\x00" + f.Rule
		switch {
		case strings.HasPrefix(f.Where.Pointer, "/components/"):
			c.Place = f.Where.Pointer
			key += "\x00" + f.Where.Pointer + "\x00" + f.Name + f.Pointer[strings.LastIndexByte(f.Pointer, '/')+1:]
		case f.Check != CheckStatus && f.Check != CheckMethod && f.Check != CheckAllow && f.Check != CheckAuth && f.Check != CheckSecret:
			key += "\x00" + f.Operation + f.Name + f.Pointer
		}
		at, known := places[key]
		if !known {
			at = len(causes)
			places[key] = at
			causes = append(causes, c)
		}
		if !slices.Contains(causes[at].Operations, f.Operation) {
			causes[at].Operations = append(causes[at].Operations, f.Operation)
		}
		causes[at].Count += f.Count
	}
	slices.SortStableFunc(causes, func(a, b Cause) int { return len(b.Operations) - len(a.Operations) })
	return causes
}
