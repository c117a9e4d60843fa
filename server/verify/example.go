package verify

import (
	"context"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
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
			in.mediaType = op.sent(name)
			if e.value, err = l.meant(ctx, e.value); err != nil {
				return err
			}
			text, isText := e.value.(string)
			switch {
			case contract.IsJSON(name), !isText && (name == "*/*" || name == "application/*"):
				in.text, in.hasText = encode(e.value), true
				in.body, in.hasBody = e.value, true
			case isForm(name):
				in.text, in.hasText = op.formBody(e.value), true
			case isMultipart(name):
				in.text, in.hasText = op.multipartBody(e.value), true
			case isText:
				in.text, in.hasText = []byte(text), true
			case isYAML(name):
				in.text, in.hasText = encode(e.value), true
			case mt.Schema != nil && isPlain(name, mt.Schema.Value):
				in.text, in.hasText = []byte(scalarText(e.value)), true
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

// sent is how a message names a media type that the document declares.
func (op *operation) sent(declared string) string {
	for _, b := range op.RequestBodies() {
		if b.MediaType == declared {
			return b.Send
		}
	}
	return declared
}

// one makes one call and forgets it.
func (l *lane) one(ctx context.Context, op *operation, in *input) error {
	return l.attempt(ctx, op, in, purposeCase)
}

// exampleID is what an example of a path parameter stands for.
type exampleID struct {
	op   *operation
	node node
}

// shownIDs are the examples of path parameters by which one thing is told from others.
func shownIDs(ops []*operation) map[string]exampleID {
	ids := map[string]exampleID{}
	for _, op := range ops {
		for _, n := range op.nodes {
			p := op.parameter(n.at())
			if p == nil || schemaOf(p) == nil || schemaOf(p).Format != "uuid" {
				continue
			}
			if text, ok := p.Example.(string); ok {
				if _, known := ids[text]; !known {
					ids[text] = exampleID{op, n}
				}
			}
		}
	}
	return ids
}

// meant puts the ids of things that there are into an example, where it has those that
// the examples of path parameters show: the document means the same things by them.
func (l *lane) meant(ctx context.Context, v any) (_ any, err error) {
	switch v := v.(type) {
	case string:
		s, ok := l.r.shownIDs[v]
		if !ok {
			return v, nil
		}
		if l.bound[s.node.key] == nil {
			if err := l.bind(ctx, s.op, &input{values: map[place]any{}}); err != nil {
				return nil, err
			}
		}
		if id := l.bound[s.node.key]; id != nil {
			return id, nil
		}
		return v, nil
	case []any:
		items := make([]any, len(v))
		for i := range v {
			if items[i], err = l.meant(ctx, v[i]); err != nil {
				return nil, err
			}
		}
		return items, nil
	case map[string]any:
		members := make(map[string]any, len(v))
		for name := range v {
			if members[name], err = l.meant(ctx, v[name]); err != nil {
				return nil, err
			}
		}
		return members, nil
	}
	return v, nil
}
