package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
)

// single is something that there is one of, as settings: a path that is read and
// updated, and ends in no parameter.
type single struct {
	read    *operation
	updates []*operation
}

// singlesOf finds what there is one of. What a list shows is no such thing.
func singlesOf(r *runner) []*single {
	var found []*single
	for _, read := range r.ops {
		if _, ok := read.last(); ok || read.Method != http.MethodGet || r.isList(read) {
			continue
		}
		s := &single{read: read}
		for _, op := range r.ops {
			if op.Path == read.Path && op.body != nil && (op.Method == http.MethodPut || op.Method == http.MethodPatch) {
				s.updates = append(s.updates, op)
			}
		}
		if len(s.updates) > 0 {
			found = append(found, s)
		}
	}
	return found
}

// single changes what there is one of and reads it back, and leaves it as it was.
func (l *lane) single(ctx context.Context, s *single) error {
	first, err := l.on(ctx, s.read)
	if err != nil || first == nil {
		return err
	}
	if _, isObject := first.answer.json().(map[string]any); first.answer.ok() && !isObject {
		return nil
	}
	p := &producer{op: s.read, reads: []*operation{s.read}}
	for _, op := range selectedOf(s.updates) {
		for i := range changes(op, true, true) {
			before, err := l.state(ctx, p)
			if err != nil {
				return err
			}
			x, body, err := l.change(ctx, op, i, before)
			if err != nil {
				return err
			}
			if x == nil || !settled(x) {
				continue
			}
			if err := l.wrote(ctx, p, x, before, body); err != nil {
				return err
			}
		}
	}
	return l.restore(ctx, s, first)
}

// restore writes back what was read at first, as far as it may be written.
func (l *lane) restore(ctx context.Context, s *single, first *exchange) error {
	was, isObject := first.answer.json().(map[string]any)
	if !first.answer.ok() || !isObject {
		return nil
	}
	for _, op := range selectedOf(s.updates) {
		in, ok, err := l.minimal(ctx, op)
		if err != nil || !ok {
			return err
		}
		body := map[string]any{}
		for name, v := range was {
			if schemas := propertySchemas(op.body, name); len(schemas) > 0 && !isReadOnly(schemas) {
				body[name] = v
			}
		}
		c, err := newCall(op, in.withBody(body))
		if err != nil || !l.r.judge(ctx, c).valid {
			continue
		}
		_, err = l.send(ctx, op, in.withBody(body), purposeSetUp)
		return err
	}
	return nil
}

// settled reports whether an answer says that what was asked for is done: 202 says that
// it is not yet, and may never be (RFC 9110, section 15.3.3).
func settled(x *exchange) bool {
	return x.answer.ok() && x.answer.status != http.StatusAccepted
}

// wrote looks at an update that was taken: what it answers, what is read then, and
// what it did not mention.
func (l *lane) wrote(ctx context.Context, p *producer, x, before *exchange, body any) error {
	if err := l.readBack(ctx, p, x, body); err != nil {
		return err
	}
	return l.leftOut(ctx, p, x, before, body)
}

// claimed compares what a call answered of a thing with what was read before and is
// read after it: an answer that tells of a change that nobody sees is wrong.
func (l *lane) claimed(p *producer, before, x, after *exchange) {
	was, _ := thingIn(before).(map[string]any)
	said, _ := thingIn(x).(map[string]any)
	now, _ := thingIn(after).(map[string]any)
	if was == nil || said == nil || now == nil || !l.sameThing(p, was, said) {
		return
	}
	for _, name := range sortedNames(said) {
		a, b, c := said[name], was[name], now[name]
		if a == nil || b == nil || c == nil || !plainValue(a) || !plainValue(b) {
			continue
		}
		if !sameValue(nil, a, b) && sameValue(nil, b, c) && !timeText(a) {
			l.fail(x.call.op, fault{
				check: CheckRoundTrip, rule: "answered", in: contract.InBody, pointer: "/" + escapePointer(name),
				got: contract.Cut(string(encode(c)), 200), accepted: contract.Cut(string(encode(a)), 200),
				message: fmt.Sprintf("%s answered that %s has changed, and %s reads what it was before.", x.call.op.ID, name, after.call.op.ID),
			}, before, x, after)
			return
		}
	}
}

// thingIn is the object that an answer shows, without one around it.
func thingIn(x *exchange) any {
	if x == nil || !settled(x) {
		return nil
	}
	return x.answer.json()
}

// sameThing reports whether two objects show the same thing, as far as they tell.
func (l *lane) sameThing(p *producer, a, b map[string]any) bool {
	if len(p.nodes) == 0 {
		return true
	}
	x, _, okX := idOf(p.nodes[0], l.r.paramSchema(p.nodes[0]), a)
	y, _, okY := idOf(p.nodes[0], l.r.paramSchema(p.nodes[0]), b)
	return okX && okY && scalarText(x) == scalarText(y)
}

// plainValue reports whether a value is neither an object nor a list.
func plainValue(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// act calls what can be done with a thing beside updating it, and looks whether what
// is answered is so.
func (l *lane) act(ctx context.Context, p *producer) error {
	for _, op := range l.r.actions(p) {
		before, err := l.state(ctx, p)
		if err != nil || before == nil {
			return err
		}
		x, err := l.on(ctx, op)
		if err != nil {
			return err
		}
		if x == nil || !settled(x) {
			continue
		}
		after, err := l.state(ctx, p)
		if err != nil || after == nil {
			return err
		}
		l.claimed(p, before, x, after)
	}
	return nil
}

// actions are what can be done with a thing beside reading, updating and removing it.
func (r *runner) actions(p *producer) []*operation {
	return slices.DeleteFunc(r.selected(), func(op *operation) bool {
		return op.Method != http.MethodPost || len(op.nodes) == 0 || !p.makes(op.nodes[len(op.nodes)-1].key) || r.makes(op)
	})
}

// makes reports whether an operation makes things.
func (r *runner) makes(op *operation) bool {
	for _, p := range r.resources {
		if p.op == op {
			return true
		}
	}
	return false
}

// elsewhere reads a thing by the path of another parent: it must not be there.
func (l *lane) elsewhere(ctx context.Context, p *producer, t *thing) error {
	if len(p.op.nodes) == 0 || p.chosen {
		return nil
	}
	parent := p.op.nodes[len(p.op.nodes)-1]
	for _, maker := range l.r.producers[parent.key] {
		if maker.op == p.op || maker.chosen {
			continue
		}
		other := l.r.lane(ctx, l.job, "another parent of "+p.op.ID+strconv.FormatUint(l.rand.Uint64(), 36))
		other.quiet, other.walking, other.plain = l.quiet, l.walking, l.plain
		made, err := other.create(ctx, maker, false)
		if err != nil {
			return err
		}
		l.litter = append(other.litter, l.litter...)
		if made == nil {
			continue
		}
		other.keep(made)
		for _, n := range p.nodes {
			other.bound[n.key] = t.bound[n.key]
			other.failed[n.key] = maxFailed
		}
		for _, op := range selectedOf(p.reads) {
			own, err := l.on(ctx, op)
			if err != nil {
				return err
			}
			x, err := other.on(ctx, op)
			if err != nil {
				return err
			}
			if own != nil && x != nil && own.answer.ok() && missing(x) {
				if err := l.elsewhereBelow(ctx, p, parent, made, t, other); err != nil {
					return err
				}
			}
			if own == nil || x == nil || !own.answer.ok() || !x.answer.ok() || x.call.path == own.call.path {
				continue
			}
			shown, _ := x.answer.json().(map[string]any)
			was, _ := own.answer.json().(map[string]any)
			if shown == nil || was == nil || !l.sameThing(p, was, shown) {
				continue
			}
			l.report(op, fault{
				check: CheckParent, rule: CheckParent, in: contract.InPath, name: parent.param, accepted: "status 404",
				message: fmt.Sprintf("%s shows a thing by the path of another %s than the one that it stands in.", op.ID, parent.param),
			}, l.apartSteps(op, p, parent, made, t, x), l.confirm())
		}
		return nil
	}
	return nil
}

// elsewhereBelow reads what there is one of in a thing by the path of another parent, by
// which the thing itself is not there.
func (l *lane) elsewhereBelow(ctx context.Context, p *producer, parent node, made, t *thing, other *lane) error {
	for _, s := range l.r.singles {
		n := len(s.read.nodes)
		if n == 0 || !p.makes(s.read.nodes[n-1].key) || !s.read.selected {
			continue
		}
		for _, op := range selectedOf(s.updates) { // so that there is one
			if _, err := l.on(ctx, op); err != nil {
				return err
			}
		}
		own, err := l.on(ctx, s.read)
		if err != nil {
			return err
		}
		x, err := other.on(ctx, s.read)
		if err != nil {
			return err
		}
		if own == nil || x == nil || !own.answer.ok() || !x.answer.ok() || x.call.path == own.call.path {
			continue
		}
		l.report(s.read, fault{
			check: CheckParent, rule: "below", in: contract.InPath, name: parent.param, accepted: "status 404",
			message: fmt.Sprintf("%s shows what stands in a thing by the path of another %s than the one that the thing stands in.", s.read.ID, parent.param),
		}, l.apartSteps(s.read, p, parent, made, t, x), l.confirm())
	}
	return nil
}

// apartSteps are the steps that make two things, and ask for one by the path of the
// other.
func (l *lane) apartSteps(op *operation, p *producer, parent node, made, t *thing, x *exchange) []step {
	steps := append(slices.Clone(made.steps), shifted(t.steps, len(made.steps))...)
	s := l.step(x)
	segments := strings.Split(s.Path, "/")
	for _, n := range op.nodes {
		at, i := strings.Count(n.key, "/"), -1
		switch {
		case n.key == parent.key:
			i = len(made.steps) - 1
		case p.makes(n.key):
			i = len(steps) - 1
		}
		if i >= 0 && at < len(segments) && steps[i].Makes != "" {
			segments[at] = "{made:" + strconv.Itoa(i) + "}"
		}
	}
	s.Path = strings.Join(segments, "/")
	return append(steps, s)
}
