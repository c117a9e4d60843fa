package verify

import (
	"context"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/sample"
)

// fuzz makes random calls, every other one valid.
func (l *lane) fuzz(ctx context.Context, op *operation, n int) error {
	for i := range n {
		base, ok, err := l.random(ctx, op)
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		in := base
		if i%2 == 1 {
			if in, ok = l.broken(op, base); !ok {
				continue
			}
		}
		if err := l.attempt(ctx, op, in, purposeCase); err != nil {
			return err
		}
	}
	return nil
}

// random is a random valid input, mostly on things that exist.
func (l *lane) random(ctx context.Context, op *operation) (*input, bool, error) {
	in := &input{values: map[place]any{}}
	if err := l.bind(ctx, op, in); err != nil {
		return nil, false, err
	}
	if err := l.furnish(ctx, op); err != nil {
		return nil, false, err
	}
	for _, p := range op.params {
		at := place{p.In, p.Name}
		_, has := in.values[at]
		s := schemaOf(p)
		switch {
		case s == nil:
			continue
		case p.In == openapi3.ParameterInPath && has && l.rand.IntN(5) > 0:
			continue
		case !p.Required && l.rand.IntN(2) == 0:
			continue
		}
		if v, ok := l.knownAt("/"+escapePointer(p.Name), s); ok && l.rand.IntN(8) > 0 {
			in.values[at] = v
		} else if v, ok := l.randomParam(p, s); ok {
			in.values[at] = v
		} else if p.Required && !has {
			return nil, false, nil
		}
	}
	if op.body != nil && (op.bodyRequired || l.rand.IntN(4) > 0) {
		body, ok := sample.Valid(l.rand, op.body, l.generated())
		if !ok {
			return nil, false, nil
		}
		in = in.withBody(body)
		if l.rand.IntN(2) == 0 {
			in.body = l.distinct(ctx, op, in)
		}
		in.body = l.markSecrets(ctx, op, in)
	} else if op.bodyRequired {
		return nil, false, nil
	}
	if err := l.precondition(ctx, op, in); err != nil {
		return nil, false, err
	}
	return in, true, nil
}

// randomParam makes a value that has a text where the parameter stands.
func (l *lane) randomParam(p *openapi3.Parameter, s *openapi3.Schema) (any, bool) {
	for range attempts {
		v, ok := sample.Valid(l.rand, s, l.options())
		if !ok {
			return nil, false
		}
		text := simpleText(v, false)
		if v == nil || text == "" || len(text) > maxParam || p.In == openapi3.ParameterInHeader && !headerSafe(text) {
			continue
		}
		return v, true
	}
	return nil, false
}

// broken breaks one rule of an input.
func (l *lane) broken(op *operation, base *input) (*input, bool) {
	var places []place
	for _, p := range op.params {
		if schemaOf(p) != nil {
			places = append(places, place{p.In, p.Name})
		}
	}
	inBody := op.body != nil
	if inBody && (len(places) == 0 || l.rand.IntN(3) > 0) {
		o := l.generated()
		o.Skip = l.r.skip(op)
		c, ok := sample.Invalid(l.rand, op.body, o)
		if !ok {
			return nil, false
		}
		return base.withBody(c.Value), true
	}
	if len(places) == 0 {
		return nil, false
	}
	at := places[l.rand.IntN(len(places))]
	p := op.parameter(at)
	if p.Required && p.In != openapi3.ParameterInPath && l.rand.IntN(8) == 0 {
		return base.without(at), true
	}
	for range attempts {
		c, ok := sample.Invalid(l.rand, schemaOf(p), l.options())
		if !ok {
			return nil, false
		}
		text := simpleText(c.Value, false)
		if c.Value != nil && text != "" && len(text) <= maxParam {
			return base.with(at, c.Value), true
		}
	}
	return nil, false
}
