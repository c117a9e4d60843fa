package verify

import (
	"context"
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
// every member that it can change alone.
func changes(op *operation, rich bool) int {
	n := 2
	if op.Method == http.MethodPatch && op.body != nil && rich {
		n += min(len(op.Properties(op.body)), maxChanges)
	}
	return n
}

const maxChanges = 16

// change makes a random valid update, the later ones of one member.
func (l *lane) change(ctx context.Context, op *operation, i int) (*exchange, any, error) {
	in, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return nil, nil, err
	}
	if op.body == nil {
		return nil, nil, nil
	}
	body, ok := sample.Valid(l.rand, op.body, l.generated())
	if !ok {
		return nil, nil, nil
	}
	in = in.withBody(body)
	in.body = l.distinct(ctx, op, in)
	in.body = l.markSecrets(ctx, op, in)
	if names := op.Properties(op.body); i >= 2 && i-2 < len(names) {
		if in.body, ok = l.alone(ctx, op, in, names[i-2]); !ok {
			return nil, nil, nil
		}
	}
	x, err := l.send(ctx, op, in, purposeCase)
	return x, in.body, err
}

// alone is a body with one member only.
func (l *lane) alone(ctx context.Context, op *operation, in *input, name string) (any, bool) {
	for range samples {
		members, _ := in.body.(map[string]any)
		if v, has := members[name]; has {
			body := map[string]any{name: v}
			c, err := newCall(op, in.withBody(body))
			return body, err == nil && l.r.judge(ctx, c).valid
		}
		in.body, _ = sample.Valid(l.rand, op.body, l.generated())
	}
	return nil, false
}
