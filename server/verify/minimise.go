package verify

import (
	"context"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/sample"
)

// maxSmaller bounds the requests that making one finding smaller may take.
const maxSmaller = 60

// reduceCall gives the function that makes the call of a finding smaller: without what
// it need not send, and with simpler values, as long as the same check fails for the
// same reason.
func (l *lane) reduceCall(x *exchange) smaller {
	op, in := x.call.op, x.call.in
	if op == nil || in == nil {
		return nil
	}
	// Things that the lane had made may be gone by then, and are made anew.
	var chosen []place
	for _, n := range op.nodes {
		if v, bound := l.bound[n.key]; !bound || scalarText(v) != scalarText(in.values[n.at()]) {
			chosen = append(chosen, n.at())
		}
	}
	return func(ctx context.Context, f *found) {
		m := &minimiser{r: l.r, op: op, key: f.key(op), why: x.purpose, use: x.call.credential, chosen: chosen}
		m.lane = l.r.lane(ctx, 0, "smaller "+m.key)
		defer m.lane.tidy(ctx)
		best, ok := m.fails(ctx, in)
		if !ok {
			// What other calls do meanwhile may be the reason why one is refused.
			if f.check == CheckPositiveData && len(op.refs) > 0 && ctx.Err() == nil {
				l.r.lost++
				delete(l.r.found, m.key)
			}
			return
		}
		f.fault, f.steps = best.fault, best.steps
		for m.spent < maxSmaller && ctx.Err() == nil {
			smaller, hit, found := m.next(ctx, in)
			if !found {
				return
			}
			in = smaller
			f.fault, f.steps = hit.fault, hit.steps
		}
	}
}

type minimiser struct {
	r      *runner
	lane   *lane
	op     *operation
	key    string
	why    purpose
	use    credentialUse
	chosen []place
	spent  int
}

// fails reports whether an input still fails in the same way.
func (m *minimiser) fails(ctx context.Context, in *input) (hit, bool) {
	m.spent++
	m.lane.quiet = map[string]hit{}
	m.lane.secrets = nil
	bound, err := m.lane.rebind(ctx, m.op, in, m.chosen...)
	if err != nil {
		return hit{}, false
	}
	m.lane.quiet = map[string]hit{}
	if m.use == credentialGiven {
		if err := m.lane.attempt(ctx, m.op, bound, m.why); err != nil {
			return hit{}, false
		}
	} else {
		c, err := newCall(m.op, bound)
		if err != nil {
			return hit{}, false
		}
		c.credential = m.use
		if err := m.lane.do(ctx, &exchange{call: c, purpose: m.why, judged: m.r.judge(ctx, c)}); err != nil {
			return hit{}, false
		}
	}
	h, seen := m.lane.quiet[m.key]
	return h, seen
}

// next finds the first simpler input that fails in the same way.
func (m *minimiser) next(ctx context.Context, in *input) (*input, hit, bool) {
	try := func(candidate *input) (hit, bool) {
		if m.spent >= maxSmaller || ctx.Err() != nil {
			return hit{}, false
		}
		return m.fails(ctx, candidate)
	}
	for _, p := range m.op.params {
		at := place{p.In, p.Name}
		v, sent := in.values[at]
		if !sent || p.In == openapi3.ParameterInPath && !slices.Contains(m.chosen, at) {
			continue
		}
		if !p.Required {
			if h, ok := try(in.without(at)); ok {
				return in.without(at), h, true
			}
		}
		for candidate := range sample.Shrink(v) {
			if m.spent >= maxSmaller {
				break
			}
			if simpleText(candidate, false) == "" {
				continue
			}
			if h, ok := try(in.with(at, candidate)); ok {
				return in.with(at, candidate), h, true
			}
		}
	}
	if !in.hasBody || in.hasText {
		return nil, hit{}, false
	}
	if !m.op.bodyRequired {
		c := in.clone()
		c.body, c.hasBody = nil, false
		if h, ok := try(c); ok {
			return c, h, true
		}
	}
	for candidate := range sample.Shrink(in.body) {
		if m.spent >= maxSmaller {
			break
		}
		if h, ok := try(in.withBody(candidate)); ok {
			return in.withBody(candidate), h, true
		}
	}
	return nil, hit{}, false
}
