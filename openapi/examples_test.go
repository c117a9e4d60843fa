package openapi_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/formats"
)

// direction is the side from which an example comes.
type direction int

const (
	either direction = iota
	request
	response
)

// Every operation and every component has an example, and each is what the
// document says.
func TestExamples(t *testing.T) {
	for _, s := range served {
		t.Run(s.folder, func(t *testing.T) {
			doc := load(t, s.folder)
			x := examples{t: t, is31: s.version >= "3.1"}
			for path, item := range doc.Paths.Map() {
				for method, op := range item.Operations() {
					at := method + " " + path
					x.parameters(at, op.Parameters)
					if op.RequestBody != nil {
						x.content(at+" request", op.RequestBody.Value.Content, request)
					}
					for status, r := range op.Responses.Map() {
						x.content(at+" "+status, r.Value.Content, response)
					}
				}
			}
			c := doc.Components
			for name, p := range c.Parameters {
				if p.Value.Example == nil {
					t.Errorf("parameter %s: no example", name)
				}
				x.parameters(name, openapi3.Parameters{p})
			}
			for name, h := range c.Headers {
				x.value("header "+name, h.Value.Schema.Value, h.Value.Example, response)
			}
			for name, r := range c.Responses {
				x.content("response "+name, r.Value.Content, response)
			}
			for name, sc := range c.Schemas {
				values := sc.Value.Examples
				if sc.Value.Example != nil {
					values = append(values, sc.Value.Example)
				}
				if len(values) == 0 {
					t.Errorf("schema %s: no example", name)
				}
				for _, v := range values {
					x.value("schema "+name, sc.Value, v, either)
				}
			}
			if x.seen < 60 {
				t.Errorf("looked at %d examples only", x.seen)
			}
		})
	}
}

type examples struct {
	t    *testing.T
	is31 bool
	seen int
}

func (x *examples) parameters(at string, params openapi3.Parameters) {
	for _, p := range params {
		if p.Value.Example != nil {
			x.value(at+" parameter "+p.Value.Name, p.Value.Schema.Value, p.Value.Example, request)
		}
	}
}

func (x *examples) content(at string, content openapi3.Content, d direction) {
	for name, m := range content {
		values := []any{}
		if m.Example != nil {
			values = append(values, m.Example)
		}
		for _, e := range m.Examples {
			values = append(values, e.Value.Value)
		}
		if len(values) == 0 {
			x.t.Errorf("%s %s: no example", at, name)
		}
		for _, v := range values {
			x.value(at+" "+name, m.Schema.Value, v, d)
		}
	}
}

func (x *examples) value(at string, s *openapi3.Schema, v any, d direction) {
	x.t.Helper()
	x.seen++
	opts := x.options(d)
	if err := s.VisitJSON(plain(x.t, v), opts...); err != nil {
		x.t.Errorf("%s: example: %v", at, err)
		return
	}
	if err := x.strict(s, plain(x.t, v), d, ""); err != nil {
		x.t.Errorf("%s: example: %v", at, err)
	}
}

func (x *examples) options(d direction) []openapi3.SchemaValidationOption {
	opts := []openapi3.SchemaValidationOption{openapi3.MultiErrors()}
	switch d {
	case request:
		opts = append(opts, openapi3.VisitAsRequest())
	case response:
		opts = append(opts, openapi3.VisitAsResponse())
	}
	if x.is31 {
		opts = append(opts, openapi3.EnableJSONSchema2020())
	}
	return opts
}

// strict finds what validation lets pass in an example and a reader would
// stumble over: members that are not declared, values that are not of their
// format, and secrets in answers (which kin-openapi does not look for in
// documents of version 3.1).
func (x *examples) strict(s *openapi3.Schema, v any, d direction, at string) error {
	if d == response && s.WriteOnly || d == request && s.ReadOnly {
		return fmt.Errorf("%s travels the other way", at)
	}
	for _, branches := range []openapi3.SchemaRefs{s.AnyOf, s.OneOf} {
		var wrong error // with all branches that fit
		for _, b := range branches {
			if b.Value.VisitJSON(v, x.options(d)...) == nil {
				if wrong = x.strict(b.Value, v, d, at); wrong == nil {
					break
				}
			}
		}
		if wrong != nil {
			return wrong
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			p := s.Properties[name]
			if p == nil {
				if len(s.Properties) > 0 {
					return fmt.Errorf("%s/%s is not declared", at, name)
				}
				continue
			}
			if err := x.strict(p.Value, inner, d, at+"/"+name); err != nil {
				return err
			}
		}
	case []any:
		for i, inner := range v {
			if s.Items != nil {
				if err := x.strict(s.Items.Value, inner, d, fmt.Sprintf("%s/%d", at, i)); err != nil {
					return err
				}
			}
		}
	case string:
		if err := formats.Check(s.Format, v); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}

// plain returns a value as encoding/json would have read it.
func plain(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
