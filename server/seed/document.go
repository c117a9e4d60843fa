package seed

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
)

// document is a served document: by which bodies are judged, and as it is written,
// for its names and their order.
type document struct {
	*contract.Document

	root *node
}

func newDocument(d *contract.Document, source []byte) (*document, error) {
	r := &jsonReader{text: source, lines: lines{text: source, starts: []int{0}}}
	root, problem := r.read()
	if problem != nil { // the generator wrote it
		return nil, fmt.Errorf("seed: the document of %s: %s", d.API, problem.Message)
	}
	return &document{d, root}, nil
}

// holds fails unless every operation that creates one of the resources is declared,
// and no member of a body is also one of the resource's own.
func (d *document) holds(resources []*Resource) error {
	for _, resource := range resources {
		for _, create := range resource.Creates {
			if d.Operation(http.MethodPost, create.Path) == nil {
				return fmt.Errorf("seed: %s: no operation POST %s", resource.Name, create.Path)
			}
			for _, name := range names(d.properties(d.body(create))) {
				if slices.Contains(resource.own(), name) {
					return fmt.Errorf("seed: %s: the member %q is one of the body and one of its own", resource.Name, name)
				}
			}
		}
		if err := d.holds(resource.Within); err != nil {
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

// body is the schema of the body that creates a resource.
func (d *document) body(c Create) *node {
	return d.root.get("paths").get(c.Path).get("post").get("requestBody").get("content").get("application/json").get("schema")
}

// resolved is the schema that a schema stands for.
func (d *document) resolved(schema *node) *node {
	for range maxDepth {
		ref := schema.get("$ref")
		if ref == nil {
			return schema
		}
		schema = d.root
		for _, token := range tokens(strings.TrimPrefix(ref.text, "#")) {
			schema = schema.get(token)
		}
	}
	return schema
}

// properties are the members that a schema declares, in the document's order; nil
// if it is no schema of an object with known members.
func (d *document) properties(schema *node) []member {
	schema = d.resolved(schema)
	if schema == nil {
		return nil
	}
	var found []member
	if declared := schema.get("properties"); declared != nil {
		found = append(found, declared.members...)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if union := schema.get(keyword); union != nil {
			for _, branch := range union.items {
				found = append(found, d.properties(branch)...)
			}
		}
	}
	return found
}

// open reports whether a schema says that an object has members that it does not
// name.
func (d *document) open(schema *node) bool {
	more := d.resolved(schema).get("additionalProperties")
	return more != nil && (more.kind == isObject || more.text == "true")
}

// items is the schema of the items of a list; nil if nothing is said of them.
func (d *document) items(schema *node) *node {
	schema = d.resolved(schema)
	if schema == nil {
		return nil
	}
	if items := schema.get("items"); items != nil {
		return items
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if union := schema.get(keyword); union != nil {
			for _, branch := range union.items {
				if items := d.items(branch); items != nil {
					return items
				}
			}
		}
	}
	return nil
}

func names(members []member) []string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m.name
	}
	return list
}

// secret reports whether a schema marks a secret, in one of its branches.
func (d *document) secret(schema *node) bool {
	schema = d.resolved(schema)
	if w, f := schema.get("writeOnly"), schema.get("format"); w != nil && w.text == "true" || f != nil && f.text == "password" {
		return true
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if union := schema.get(keyword); union != nil && slices.ContainsFunc(union.items, d.secret) {
			return true
		}
	}
	return false
}

// needs reports whether a schema requires a member.
func (d *document) needs(schema *node, name string) bool {
	required := d.resolved(schema).get("required")
	return required != nil && slices.ContainsFunc(required.items, func(n *node) bool { return n.text == name })
}

// arrange puts the members of a value, at every depth, in the order in which the
// schema declares them.
func (d *document) arrange(value, schema *node) {
	switch value.kind {
	case isObject:
		properties := d.properties(schema)
		place := func(m member) int {
			if i := slices.IndexFunc(properties, func(p member) bool { return p.name == m.name }); i >= 0 {
				return i
			}
			return len(properties)
		}
		slices.SortStableFunc(value.members, func(a, b member) int { return cmp.Compare(place(a), place(b)) })
		for _, m := range value.members {
			if i := place(m); i < len(properties) {
				d.arrange(m.value, properties[i].value)
			}
		}
	case isList:
		if items := d.items(schema); items != nil {
			for _, item := range value.items {
				d.arrange(item, items)
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
