package verify

import (
	"context"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// example is a value that the document gives, and where.
type example struct {
	value any
	name  string
}

func examplesOf(one any, named openapi3.Examples, schema *openapi3.SchemaRef) []example {
	var out []example
	add := func(v any, name string) {
		if value, ok := plain(v); ok && v != nil {
			out = append(out, example{value, name})
		}
	}
	add(one, "")
	for _, name := range sortedNames(named) {
		if ref := named[name]; ref.Value != nil {
			add(ref.Value.Value, name)
		}
	}
	if len(out) == 0 && schema != nil && schema.Value != nil {
		add(schema.Value.Example, "")
		for _, v := range schema.Value.Examples {
			add(v, "")
		}
	}
	return out
}

// examples sends what the document gives as examples: each of the body's, and each
// of a parameter's with the smallest rest.
func (l *lane) examples(ctx context.Context, op *operation) error {
	base, ok, err := l.minimal(ctx, op)
	if err != nil {
		return err
	}
	if !ok {
		base = &input{values: map[place]any{}}
		if err := l.bind(ctx, op, base); err != nil {
			return err
		}
	}
	for _, p := range op.params {
		given := examplesOf(p.Example, p.Examples, p.Schema)
		if len(given) > 0 && base.values[place{p.In, p.Name}] == nil {
			base.values[place{p.In, p.Name}] = given[0].value
		}
	}
	sent := false
	content, _ := op.RequestContent()
	for _, name := range op.bodyTypes {
		mt := content[name]
		for _, e := range examplesOf(mt.Example, mt.Examples, mt.Schema) {
			in, err := l.rebind(ctx, op, base)
			if err != nil {
				return err
			}
			in.mediaType = name
			text, isText := e.value.(string)
			switch {
			case name == "application/json", strings.HasSuffix(name, "+json"):
				in.text, in.hasText = encode(e.value), true
				in.body, in.hasBody = e.value, true
			case isForm(name):
				in.text, in.hasText = formBody(e.value), true
			case isMultipart(name):
				in.text, in.hasText = multipartBody(op.body, e.value), true
			case isText:
				in.text, in.hasText = []byte(text), true
			default:
				continue
			}
			sent = true
			if err := l.one(ctx, op, in); err != nil {
				return err
			}
		}
	}
	for _, p := range op.params {
		for i, e := range examplesOf(p.Example, p.Examples, p.Schema) {
			if p.In == openapi3.ParameterInPath || i == 0 && sent {
				continue
			}
			in, err := l.rebind(ctx, op, base)
			if err != nil {
				return err
			}
			sent = true
			if err := l.one(ctx, op, in.with(place{p.In, p.Name}, e.value)); err != nil {
				return err
			}
		}
	}
	if !sent && ok {
		return l.one(ctx, op, base)
	}
	return nil
}

// one makes one call and forgets it.
func (l *lane) one(ctx context.Context, op *operation, in *input) error {
	return l.attempt(ctx, op, in, purposeCase)
}
