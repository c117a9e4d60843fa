package seed

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/understudy-api/understudy/server/contract"
)

// holds fails unless every operation that creates one of the resources is declared,
// and no member of a body is also one of the resource's own.
func (p *part) holds(resources []*Resource) error {
	for _, resource := range resources {
		for _, create := range resource.Creates {
			op := p.creating(create)
			if op == nil || create.body(op) == nil {
				return fmt.Errorf("seed: %s: no operation %s %s with such a body of JSON", resource.Name, create.method(), create.Path)
			}
			for _, name := range names(op.Declared(create.body(op))) {
				// A branch may be the form of the answer too, and has an id.
				if slices.Contains(resource.own(), name) && !create.Branch {
					return fmt.Errorf("seed: %s: the member %q is one of the body and one of its own", resource.Name, name)
				}
			}
		}
		if err := p.holds(resource.Within); err != nil {
			return err
		}
	}
	return nil
}

// own lists the members of an entry that are not the body's.
func (r *Resource) own() []string {
	var names []string
	if r.typed() {
		names = append(names, typeMember)
	}
	for _, m := range r.Own {
		names = append(names, m.Name)
	}
	for _, within := range r.Within {
		names = append(names, within.List)
	}
	return names
}

// typeMember is the member that chooses among the operations that create a resource.
const typeMember = "type"

func (r *Resource) typed() bool { return r.Creates[0].Type != "" }

func (r *Resource) types() []string {
	types := make([]string, len(r.Creates))
	for i, create := range r.Creates {
		types[i] = create.Type
	}
	return types
}

// creating is the operation that creates a resource.
func (p *part) creating(c Create) *contract.Operation {
	if c.Control {
		return p.control.Operation(c.method(), c.Path)
	}
	return p.document.Operation(c.method(), c.Path)
}

// method is that of the operation.
func (c *Create) method() string {
	if c.Control {
		return http.MethodPut
	}
	return http.MethodPost
}

// body is the schema of the operation's body; nil if it takes none of such a type.
func (c *Create) body(op *contract.Operation) *contract.Schema {
	schema := op.BodySchema()
	if !c.Branch || schema == nil {
		return schema
	}
	for _, branch := range schema.OneOf {
		if p := branch.Value.Properties[typeMember]; p != nil && slices.Equal(p.Value.Enum, []any{c.Type}) {
			return branch.Value
		}
	}
	return nil
}

func names(properties []contract.Property) []string {
	list := make([]string, len(properties))
	for i, p := range properties {
		list[i] = p.Name
	}
	return list
}

// arrange puts the members of a value, at every depth, in the order in which the
// schema declares them. Those that it does not declare come last, as they came.
func arrange(value *node, op *contract.Operation, schema *contract.Schema) {
	switch value.kind {
	case isObject:
		properties := op.Declared(schema)
		place := func(m member) int {
			if i := slices.IndexFunc(properties, func(p contract.Property) bool { return p.Name == m.name }); i >= 0 {
				return i
			}
			return len(properties)
		}
		slices.SortStableFunc(value.members, func(a, b member) int { return cmp.Compare(place(a), place(b)) })
		for _, m := range value.members {
			if i := place(m); i < len(properties) {
				arrange(m.value, op, properties[i].Schema)
			}
		}
	case isList:
		if items := contract.ItemsOf(schema); items != nil {
			for _, item := range value.items {
				arrange(item, op, items)
			}
		}
	default:
	}
}

// readJSON reads JSON of our own.
func readJSON(text []byte) (*node, error) {
	r := &jsonReader{text: text, lines: lines{text: text, starts: []int{0}}}
	root, problem := r.read()
	if problem != nil || !bytes.HasPrefix(text, []byte("{")) {
		return nil, errors.New("seed: a body that is not a JSON object")
	}
	return root, nil
}
