package verify

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// trail is the calls that made a thing, in their order, and which of them made which
// node of its path: a replay makes it by them again.
type trail struct {
	steps []step
	at    map[string]int
}

// leading are the steps that made what an operation's path parameters stand for. In
// the step itself the parameters become references to them.
func (l *lane) leading(op *operation, s *step) ([]step, map[string]int) {
	var steps []step
	made := map[string]int{}
	for _, n := range slices.Backward(op.nodes) {
		known, ok := l.trails[n.key]
		if _, done := made[n.key]; done || !ok || l.bound[n.key] == nil {
			continue
		}
		offset := len(steps)
		steps = append(steps, shifted(known.steps, offset)...)
		for key, i := range known.at {
			if _, done := made[key]; !done {
				made[key] = i + offset
			}
		}
	}
	steps = l.referTo(op, s, steps, made)
	segments := strings.Split(s.Path, "/")
	for _, n := range op.nodes {
		i, ok := made[n.key]
		at := strings.Count(n.key, "/")
		if ok && at < len(segments) && steps[i].Makes != "" && segments[at] == escapeSegment(scalarText(l.bound[n.key])) {
			segments[at] = "{made:" + strconv.Itoa(i) + "}"
		}
	}
	s.Path = strings.Join(segments, "/")
	return steps, made
}

// referTo puts the steps before it that made what a step's body refers to, and
// references to them in the place of the ids.
func (l *lane) referTo(op *operation, s *step, steps []step, made map[string]int) []step {
	if s.Body == nil || len(op.refs) == 0 {
		return steps
	}
	candidates := map[string]int{}
	grown := steps
	for _, key := range op.refs {
		known, ok := l.trails[key]
		if i, done := made[key]; done {
			if grown[i].Makes != "" {
				candidates[key] = i
			}
			continue
		}
		if !ok || l.bound[key] == nil || known.steps[known.at[key]].Makes == "" || !strings.Contains(*s.Body, scalarText(l.bound[key])) {
			continue
		}
		offset := len(grown)
		grown = append(slices.Clip(grown), shifted(known.steps, offset)...)
		candidates[key] = known.at[key] + offset
	}
	text, found := l.marked([]byte(*s.Body), candidates)
	if !found {
		return steps
	}
	body := string(text)
	s.Body = &body
	return grown
}

// shifted are steps that stand later.
func shifted(steps []step, offset int) []step {
	out := slices.Clone(steps)
	for i := range out {
		out[i].Path = shift(out[i].Path, offset)
		if out[i].Body != nil {
			body := shift(*out[i].Body, offset)
			out[i].Body = &body
		}
	}
	return out
}

// shift moves the references of a path to steps that stand later.
func shift(path string, offset int) string {
	return reference.ReplaceAllStringFunc(path, func(text string) string {
		i, _ := strconv.Atoi(reference.FindStringSubmatch(text)[1]) // digits
		return "{made:" + strconv.Itoa(i+offset) + "}"
	})
}

// remember keeps how a thing was made, for the steps of findings about it.
func (l *lane) remember(t *thing, leading map[string]int) {
	if l.trails == nil {
		l.trails = map[string]trail{}
	}
	at := maps.Clone(leading)
	for _, n := range t.by.nodes {
		at[n.key] = len(t.steps) - 1
	}
	for _, n := range t.by.nodes {
		l.trails[n.key] = trail{t.steps, at}
	}
}
