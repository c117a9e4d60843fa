package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/sample"
)

// walksPerExample is how many random calls of an operation one walk stands for.
const walksPerExample = 10

// walks lists the walks: for every producer, lives of things from their making to
// their end, and random ways over what can be done with them.
func (r *runner) walks() []job {
	var jobs []job
	for _, p := range r.resources {
		if p.op.selected && p.op.body != nil && r.o.MaxExamples > 0 {
			for i := 0; i*limitsPart < len(validLimits(p)); i++ {
				jobs = append(jobs, job{fmt.Sprintf("made %s %d", p.op.ID, i), func(ctx context.Context, l *lane) { _ = l.walk(ctx, Walk{kindMade, p.op.ID, false, i}) }})
			}
		}
	}
	n := max(min(r.o.MaxExamples, 2), r.o.MaxExamples/walksPerExample)
	for i := range n {
		for _, p := range r.resources {
			if !p.op.selected {
				continue
			}
			name := p.op.ID + " " + strconv.Itoa(i)
			jobs = append(jobs,
				job{"life " + name, func(ctx context.Context, l *lane) { _ = l.walk(ctx, Walk{kindLife, p.op.ID, i > 0, 0}) }},
				job{"roam " + name, func(ctx context.Context, l *lane) { _ = l.walk(ctx, Walk{kindRoam, p.op.ID, true, 0}) }})
		}
	}
	return jobs
}

// Walk names a walk, so that it can be made again.
type Walk struct {
	Kind      string `json:"kind"`
	Operation string `json:"operation"`      // that makes the thing, or lists
	Rich      bool   `json:"rich,omitempty"` // with more than what is required
	Part      int    `json:"part,omitempty"` // of the limits
}

// The kinds of walks.
const (
	kindLife = "life"
	kindRoam = "roam"
	kindMade = "made"
	kindLaws = "laws"
)

// walk makes a walk. What it finds is looked for again when nothing else runs: what
// other walks do at the same time may show as a failure of this one.
func (l *lane) walk(ctx context.Context, w Walk) error {
	l.walking = &w
	if w.Kind == kindLaws {
		for _, op := range l.r.ops {
			if op.ID == w.Operation {
				return l.listLaws(ctx, op)
			}
		}
		return nil
	}
	for _, p := range l.r.resources {
		if p.op.ID != w.Operation {
			continue
		}
		switch w.Kind {
		case kindLife:
			return l.life(ctx, p, w.Rich)
		case kindMade:
			return l.limits(ctx, p, w.Part)
		}
		return l.roam(ctx, p)
	}
	return nil
}

// confirm gives the function that confirms a finding of a walk: it makes the walk
// again, with other values, until the same check fails for the same reason.
func (l *lane) confirm() smaller {
	if l.walking == nil {
		return nil
	}
	w := *l.walking
	return func(ctx context.Context, f *found) {
		key := f.key(f.op)
		f.walk = &w
		h, seen, err := l.r.again(ctx, w, key)
		switch {
		case err != nil: // the time is over
		case !seen:
			l.r.lost++
			delete(l.r.found, key)
		case len(h.steps) <= len(f.steps):
			f.fault, f.steps = h.fault, h.steps
		}
	}
}

// again makes a walk until it fails in the same way.
func (r *runner) again(ctx context.Context, w Walk, key string) (hit, bool, error) {
	for i := range confirmations {
		l := r.lane(0, fmt.Sprintf("again %d %v", i, w))
		l.quiet = map[string]hit{}
		if err := l.walk(ctx, w); err != nil {
			return hit{}, false, err
		}
		l.tidy(ctx)
		if h, seen := l.quiet[key]; seen {
			return h, true, nil
		}
	}
	return hit{}, false, nil
}

// confirmations is how often a walk is made again.
const confirmations = 5

// fail reports a failure of a walk.
func (l *lane) fail(op *operation, f fault, xs ...*exchange) {
	if f.rule == "" {
		f.rule = f.check
	}
	if f.in == "" {
		f.in = contract.InMessage
	}
	l.report(op, f, l.sequence(xs), l.confirm())
}

// sequence are the steps of several exchanges about one thing.
func (l *lane) sequence(xs []*exchange) []step {
	var lead []step
	own := make([]step, len(xs))
	for i, x := range xs {
		own[i] = l.step(x)
		steps, _ := l.leading(x.call.op, &own[i])
		switch {
		case len(lead) == 0:
			lead = steps
		case len(steps) > len(lead) || !slices.EqualFunc(steps, lead[:len(steps)], func(a, b step) bool { return a.Path == b.Path && a.Body == b.Body }):
			own[i] = l.step(x) // made elsewhere: its path as it was
		}
	}
	return append(slices.Clone(lead), own...)
}

// final is the step of an exchange that comes after those that made a thing.
func (l *lane) final(x *exchange) step {
	steps := l.sequence([]*exchange{x})
	return steps[len(steps)-1]
}

// life follows a thing: made, read, listed, changed, read, removed, gone.
func (l *lane) life(ctx context.Context, p *producer, rich bool) error {
	t, err := l.create(ctx, p, rich)
	if err != nil || t == nil {
		return err
	}
	l.keep(t)
	if err := l.readBack(ctx, p, nil, t.body); err != nil {
		return err
	}
	for _, list := range selectedOf(p.lists) {
		if err := l.inList(ctx, p, list, t, true, nil); err != nil {
			return err
		}
	}
	for _, op := range selectedOf(p.updates) {
		for i := range changes(op, rich) {
			before, err := l.state(ctx, p)
			if err != nil {
				return err
			}
			x, body, err := l.change(ctx, op, i)
			if err != nil {
				return err
			}
			if x == nil {
				continue
			}
			if missing(x) && op != p.op {
				l.fail(op, fault{
					check: CheckAvailability, rule: "status " + strconv.Itoa(x.answer.status), accepted: "not 404",
					message: fmt.Sprintf("What %s made is not there for %s: %d.", p.op.ID, op.ID, x.answer.status),
				}, x)
			}
			if !x.answer.ok() {
				continue
			}
			if err := l.readBack(ctx, p, x, body); err != nil {
				return err
			}
			if err := l.leftOut(ctx, p, x, before, body); err != nil {
				return err
			}
		}
	}
	for _, op := range selectedOf(p.deletes) {
		if done, err := l.end(ctx, p, op, t); err != nil || done {
			return err
		}
	}
	return nil
}

// limitsPart is how many things at the limits of the document one walk makes.
const limitsPart = 10

// validLimits are the bodies at the limits of what a thing may be made from.
func validLimits(p *producer) []any {
	var out []any
	for _, c := range sample.Boundaries(p.op.body, sample.Options{Request: true}) {
		if c.Valid {
			out = append(out, c.Value)
		}
	}
	return out
}

// limits makes things at the limits of what the document allows, and reads back
// what was written.
func (l *lane) limits(ctx context.Context, p *producer, part int) error {
	bodies := validLimits(p)
	for _, body := range bodies[min(part*limitsPart, len(bodies)):min((part+1)*limitsPart, len(bodies))] {
		l.limit = body
		t, err := l.create(ctx, p, false)
		l.limit = nil
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		l.keep(t)
		if err := l.readBack(ctx, p, nil, t.body); err != nil {
			return err
		}
		l.drop(p)
	}
	return nil
}

func selectedOf(ops []*operation) []*operation {
	return slices.DeleteFunc(slices.Clone(ops), func(op *operation) bool { return !op.selected })
}

func missing(x *exchange) bool {
	return x.answer.err == nil && (x.answer.status == http.StatusNotFound || x.answer.status == http.StatusGone)
}
