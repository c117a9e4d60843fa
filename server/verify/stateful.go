package verify

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/sample"
)

// walksPerExample is how many random calls of an operation one walk stands for.
const walksPerExample = 10

// walks lists the walks: for every producer, lives of things from their making to
// their end, things at the limits of the document, and random ways over what can be
// done with them; for everything that there is one of, its changes.
func (r *runner) walks() []job {
	var jobs []job
	walk := func(name string, w Walk) {
		jobs = append(jobs, jobOf(name, w.Operation, func(ctx context.Context, l *lane) { _ = l.walk(ctx, w) }))
	}
	n := max(min(r.o.MaxExamples, 2), r.o.MaxExamples/walksPerExample)
	for i := range n {
		for _, p := range r.resources {
			if p.op.selected {
				walk("life "+p.op.ID+" "+strconv.Itoa(i), Walk{Kind: kindLife, Operation: p.op.ID, Rich: i > 0, Part: map[bool]int{true: 1}[i == 1]})
			}
		}
		if i == 0 {
			for _, s := range r.singles {
				if s.read.selected {
					walk("single "+s.read.ID, Walk{Kind: kindSingle, Operation: s.read.ID})
				}
			}
			for _, p := range r.resources {
				if p.op.selected && p.op.body != nil {
					jobs = append(jobs, r.limitJob(p, 0))
				}
			}
		}
		for _, p := range r.resources {
			if p.op.selected {
				walk("roam "+p.op.ID+" "+strconv.Itoa(i), Walk{Kind: kindRoam, Operation: p.op.ID, Rich: true})
			}
		}
	}
	return jobs
}

// limitJob makes the things of one part of the limits; the next part is left for later.
func (r *runner) limitJob(p *producer, part int) job {
	return job{name: fmt.Sprintf("made %s %d", p.op.ID, part), of: p.op.ID, run: func(ctx context.Context, l *lane) *job {
		_ = l.walk(ctx, Walk{Kind: kindMade, Operation: p.op.ID, Part: part})
		if (part+1)*limitsPart >= len(p.validLimits(ctx)) {
			return nil
		}
		next := r.limitJob(p, part+1)
		return &next
	}}
}

// Walk names a walk, so that it can be made again.
type Walk struct {
	Kind      string `json:"kind"`
	Operation string `json:"operation"`      // that makes the thing, or lists
	Rich      bool   `json:"rich,omitempty"` // with more than what is required
	Part      int    `json:"part,omitempty"` // of the limits; of a life 1 if members are emptied, too
}

// The kinds of walks.
const (
	kindLife = "life"
	kindRoam = "roam"
	kindMade = "made"
	kindLaws = "laws"

	kindSingle = "single"
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
	if w.Kind == kindSingle {
		for _, s := range l.r.singles {
			if s.read.ID == w.Operation {
				return l.single(ctx, s)
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
// again, with simple and then with other values, until the same check fails for the same reason.
func (l *lane) confirm() smaller {
	if l.walking == nil {
		return nil
	}
	first := *l.walking
	return func(ctx context.Context, f *found) {
		key := f.key(f.op)
		f.walk = &first
		others := slices.DeleteFunc(slices.Clone(f.walks), func(w Walk) bool { return w == first })
		slices.SortFunc(others, func(a, b Walk) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, w := range append([]Walk{first}, others[:min(len(others), maxOthers)]...) {
			h, seen, err := l.r.again(ctx, w, func(found string, _ hit) bool { return found == key })
			if err != nil {
				return // the time is over
			}
			if !seen {
				continue
			}
			f.walk = &w
			if len(h.steps) <= len(f.steps) || w != first {
				f.fault, f.steps = h.fault, h.steps
			}
			return
		}
		l.r.lost++
		delete(l.r.found, key)
	}
}

// maxOthers is how many other walks that failed in the same way are made again where the
// first does not any more.
const maxOthers = 3

// rewalk is what was seen when a walk was made again.
type rewalk struct {
	times int
	hits  map[string]hit
}

// again makes a walk until it fails in the same way. What it fails in beside that is
// kept for who looks for it.
func (r *runner) again(ctx context.Context, w Walk, matches func(key string, h hit) bool) (hit, bool, error) {
	if r.rewalks == nil {
		r.rewalks = map[Walk]*rewalk{}
	}
	made := r.rewalks[w]
	if made == nil {
		made = &rewalk{hits: map[string]hit{}}
		r.rewalks[w] = made
	}
	for {
		for _, key := range sortedNames(made.hits) {
			if h := made.hits[key]; matches(key, h) {
				return h, true, nil
			}
		}
		if made.times == confirmations {
			return hit{}, false, nil
		}
		l := r.lane(ctx, 0, fmt.Sprintf("again %d %v", made.times, w))
		l.quiet = map[string]hit{}
		l.plain = made.times == 0 // a finding is easier to read
		if err := l.walk(ctx, w); err != nil {
			return hit{}, false, err
		}
		l.tidy(ctx)
		made.times++
		for key, h := range l.quiet {
			if _, has := made.hits[key]; !has {
				made.hits[key] = h
			}
		}
	}
}

// confirmations is how often a walk is made again: once with simple values.
const confirmations = 6

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
		case len(steps) > len(lead) || !slices.EqualFunc(steps, lead[:len(steps)], sameStep):
			own[i] = l.step(x) // made elsewhere: its path as it was
		}
	}
	return append(slices.Clone(lead), own...)
}

// sameStep reports whether two steps send the same.
func sameStep(a, b step) bool {
	x, hasX := a.text()
	y, hasY := b.text()
	return a.Path == b.Path && hasX == hasY && x == y
}

// final is the step of an exchange that comes after those that made a thing.
func (l *lane) final(x *exchange) step {
	steps := l.sequence([]*exchange{x})
	return steps[len(steps)-1]
}

// life follows a thing: made, read, listed, changed, read, removed, gone.
func (l *lane) life(ctx context.Context, p *producer, rich bool) error {
	t, err := l.create(ctx, p, rich)
	if err != nil || t == nil || t.answer.status == http.StatusAccepted {
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
	if err := l.located(ctx, p, t); err != nil {
		return err
	}
	for _, op := range gentlest(selectedOf(p.updates)) {
		for i := range changes(op, rich, l.walking != nil && l.walking.Part > 0) {
			before, err := l.state(ctx, p)
			if err != nil {
				return err
			}
			x, body, err := l.change(ctx, op, i, before)
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
			if !settled(x) {
				continue
			}
			if err := l.wrote(ctx, p, x, before, body); err != nil {
				return err
			}
		}
	}
	if err := l.asides(ctx, p, t, rich); err != nil {
		return err
	}
	if err := l.death(ctx, p, t, rich); err != nil || rich || !t.gone {
		return err
	}
	_, err = l.create(ctx, p, false) // it gets no id of what is there
	return err
}

// gentlest puts the updates that change a part before those that replace all of a thing:
// what they must not touch is there to be seen.
func gentlest(updates []*operation) []*operation {
	slices.SortStableFunc(updates, func(a, b *operation) int { return cmp.Compare(a.Method, b.Method) })
	return updates
}

// asides looks at what only some lives need to show.
func (l *lane) asides(ctx context.Context, p *producer, t *thing, rich bool) error {
	if err := l.act(ctx, p); err != nil {
		return err
	}
	if rich {
		return l.stale(ctx, p)
	}
	if err := l.smuggled(ctx, p, t); err != nil {
		return err
	}
	if err := l.smuggledLater(ctx, p); err != nil {
		return err
	}
	// Of two, the Location of the second says more.
	other, err := l.create(ctx, p, false)
	if err != nil {
		return err
	}
	if other != nil {
		if err := l.located(ctx, p, other); err != nil {
			return err
		}
	}
	if err := l.elsewhere(ctx, p, t); err != nil {
		return err
	}
	return l.bereaved(ctx, p)
}

// bereaved removes what a thing refers to, and reads the thing again: what it is then no
// document says, but the server should not fail.
func (l *lane) bereaved(ctx context.Context, p *producer) error {
	for _, key := range p.op.refs {
		if l.bound[key] == nil || p.makes(key) || slices.ContainsFunc(p.op.nodes, func(n node) bool { return n.key == key }) {
			continue
		}
		for _, referred := range l.r.producers[key] {
			for _, op := range selectedOf(referred.deletes) {
				x, err := l.on(ctx, op)
				if err != nil {
					return err
				}
				if x == nil || !x.answer.ok() {
					continue
				}
				l.drop(referred)
				for _, read := range selectedOf(append(slices.Clone(p.reads), p.lists...)) {
					if _, err := l.on(ctx, read); err != nil {
						return err
					}
				}
				break
			}
		}
	}
	return nil
}

// death removes a thing by one of the operations that can.
func (l *lane) death(ctx context.Context, p *producer, t *thing, rich bool) error {
	deletes := selectedOf(p.deletes)
	if len(deletes) == 0 {
		return nil
	}
	var children []*thing
	if !rich {
		var err error
		if children, err = l.children(ctx, p); err != nil {
			return err
		}
	}
	for _, op := range deletes {
		if done, err := l.end(ctx, p, op, t, children); err != nil || done {
			return err
		}
	}
	return nil
}

// limitsPart is how many things at the limits of the document one walk makes.
const limitsPart = 10

// validLimits are the bodies at the limits of what a thing may be made from. They are
// made once: a document may have thousands.
func (p *producer) validLimits(ctx context.Context) []any {
	p.once.Do(func() {
		for _, c := range sample.Boundaries(p.op.body, sample.Options{Request: true, Takes: p.op.takes, Done: ended(ctx)}) {
			if c.Valid {
				p.limits = append(p.limits, c.Value)
			}
		}
	})
	return p.limits
}

// limits makes things at the limits of what the document allows, and reads back
// what was written.
func (l *lane) limits(ctx context.Context, p *producer, part int) error {
	bodies := p.validLimits(ctx)
	for _, body := range bodies[min(part*limitsPart, len(bodies)):min((part+1)*limitsPart, len(bodies))] {
		l.limit = body
		t, err := l.create(ctx, p, false)
		l.limit = nil
		if err != nil {
			return err
		}
		if t == nil || t.answer.status == http.StatusAccepted {
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
