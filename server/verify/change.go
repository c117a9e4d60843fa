package verify

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/understudy-api/understudy/server/sample"
)

// on makes the smallest call of an operation on the thing that the lane holds.
func (l *lane) on(ctx context.Context, op *operation) (*exchange, error) {
	in, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return nil, err
	}
	return l.send(ctx, op, in, purposeCase)
}

// changes is how many updates of one kind a life has. A PATCH gets one more for
// every member that it can change alone, and one that empties it.
func changes(op *operation, rich, emptying bool) int {
	n := 2
	if op.Method == http.MethodPatch && op.body != nil && rich {
		members := min(len(op.Properties(op.body)), maxChanges)
		n += members
		if emptying {
			n += members
		}
	}
	return n
}

const maxChanges = 16

// change makes a random valid update, the later ones of one member that gets another
// value than it has. What replaces a thing replaces it by as much as goes together, then
// by no more than it must.
func (l *lane) change(ctx context.Context, op *operation, i int, before *exchange) (*exchange, any, error) {
	in, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return nil, nil, err
	}
	if op.body == nil {
		return nil, nil, nil
	}
	var body any
	switch {
	case op.Method == http.MethodPut && i == 0:
		body, ok = l.full(ctx, op, in)
	case op.Method == http.MethodPut && i == 1:
		body, ok = sample.Minimal(op.body, l.certain())
	default:
		body, ok = sample.Valid(l.rand, op.body, l.certain())
	}
	if !ok {
		return nil, nil, nil
	}
	in = in.withBody(body)
	in.body = l.distinct(ctx, op, in)
	in.body = l.markSecrets(ctx, op, in)
	names := op.Properties(op.body)
	was, _ := thingIn(before).(map[string]any)
	switch members := min(len(names), maxChanges); {
	case i >= 2+members && i-2-members < len(names):
		if in.body, ok = l.emptied(ctx, op, in, names[i-2-members], was); !ok {
			return nil, nil, nil
		}
	case i >= 2 && i-2 < len(names):
		if in.body, ok = l.alone(ctx, op, in, names[i-2], was); !ok {
			return nil, nil, nil
		}
	}
	x, err := l.send(ctx, op, in, purposeCase)
	return x, in.body, err
}

// emptied is a body that makes one member what many servers take for absent: null where
// that takes it away, zero, false, or nothing in it. It is none if the member is so now.
func (l *lane) emptied(ctx context.Context, op *operation, in *input, name string, was map[string]any) (any, bool) {
	now, has := was[name]
	if !has || now == nil {
		return nil, false
	}
	candidates := []any{json.Number("0"), false, "", []any{}, map[string]any{}}
	if op.bodyType == mergePatch {
		candidates = append([]any{nil}, candidates[:4]...)
	}
	for _, v := range candidates {
		body := map[string]any{name: v}
		if c, err := newCall(op, in.withBody(body)); err == nil && l.r.judge(ctx, c).valid && !sameValue(nil, now, v) {
			return body, true
		}
	}
	return nil, false
}

// alone is a body with one member only, of another value than it has if that can be.
func (l *lane) alone(ctx context.Context, op *operation, in *input, name string, was map[string]any) (body any, ok bool) {
	for range 2 * samples {
		members, _ := in.body.(map[string]any)
		if v, has := members[name]; has {
			c, err := newCall(op, in.withBody(map[string]any{name: v}))
			if err == nil && l.r.judge(ctx, c).valid {
				body, ok = map[string]any{name: v}, true
				if was == nil || !sameValue(nil, was[name], v) {
					return body, ok
				}
			}
		}
		in.body, _ = sample.Valid(l.rand, op.body, l.certain())
	}
	return body, ok
}
