package document

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The extensions by which an addition says what it rests on. The first stands
// on the topmost node that is added and holds for everything below it, down to
// the next mark. The second stands in a schema, or in a published node that
// gained members, and maps single keywords, or "required/<name>", to a basis of
// their own.
const (
	BasisKey      = "x-understudy-basis"
	BasisRulesKey = "x-understudy-basis-rules"
	// UnservedKey lists what the vendor has; see server/contract. It declares nothing.
	UnservedKey = "x-understudy-unserved"
)

// Bases are the values of a basis mark. Nodes that no mark covers are those of
// the vendored document, whose basis is "published"; the mark says it of what the
// vendor publishes elsewhere.
var Bases = []string{"published", "documented", "client", "inferred"}

// containers are the nodes that only hold named others. They mean nothing
// themselves and cannot carry a mark, as their members are names.
var containers = map[string]bool{
	"/components/schemas": true, "/components/responses": true, "/components/parameters": true,
	"/components/headers": true, "/components/requestBodies": true, "/components/examples": true,
}

// Refinement is a place where a vendored document says nothing (an empty
// schema) and the served one refers to a component instead.
type Refinement struct {
	Pointer string // of the schema
	Ref     string // what stands there now
}

// Extends reports every way in which the document is not the published one
// with additions that carry a basis: published nodes that are missing, changed
// or marked, additions without a basis, and marks that say nothing. The
// refinements are the only changes that it lets pass; one that does not apply
// is reported too.
func (d *Document) Extends(published *Document, refinements ...Refinement) error {
	e := extension{document: d, refinements: make(map[string]string, len(refinements))}
	for _, r := range refinements {
		e.refinements[r.Pointer] = r.Ref
	}
	e.compare(d.root, published.root, "", d.root)
	for pointer := range e.refinements {
		e.report(d.root, pointer, "is listed as refined and is not")
	}
	return errors.Join(e.errs...)
}

type extension struct {
	document    *Document
	refinements map[string]string
	errs        []error
}

func (e *extension) report(at *yaml.Node, pointer, format string, args ...any) {
	e.errs = append(e.errs, fmt.Errorf("%s: %s: %s", e.document.place(at), pointer, fmt.Sprintf(format, args...)))
}

// compare looks at a node that is in both documents.
func (e *extension) compare(ours, theirs *yaml.Node, pointer string, place *yaml.Node) {
	if ref, ok := e.refinements[pointer]; ok {
		if theirs.Kind == yaml.MappingNode && len(theirs.Content) == 0 && text(member(ours, "$ref")) == ref {
			delete(e.refinements, pointer)
			return
		}
	}
	if ours.Kind != yaml.MappingNode || theirs.Kind != yaml.MappingNode {
		if !same(ours, theirs) {
			e.report(place, pointer, "differs from what is published")
		}
		return
	}
	for i := 0; i < len(theirs.Content); i += 2 {
		if key := theirs.Content[i].Value; member(ours, key) == nil {
			e.report(place, pointer+"/"+Escape(key), "is published and missing")
		}
	}
	if mark := member(ours, BasisKey); mark != nil {
		e.report(mark, pointer, "is published and carries a basis")
	}
	rules := e.rules(ours, pointer)
	for i := 0; i < len(ours.Content); i += 2 {
		key, value := ours.Content[i], ours.Content[i+1]
		at := pointer + "/" + Escape(key.Value)
		if their := member(theirs, key.Value); their != nil {
			if rules[key.Value] {
				e.report(key, at, "is published and has a basis rule")
			}
			e.compare(value, their, at, key)
			continue
		}
		if key.Value == BasisKey || key.Value == BasisRulesKey || key.Value == UnservedKey || rules[key.Value] {
			continue
		}
		e.added(value, at, key, false)
	}
}

// added looks at a node that is in our document only. Covered says whether an
// added node above it carries a mark.
func (e *extension) added(n *yaml.Node, pointer string, place *yaml.Node, covered bool) {
	if member(n, "$ref") != nil {
		return // What it refers to has a basis of its own.
	}
	if mark := member(n, BasisKey); mark != nil {
		if !slices.Contains(Bases, mark.Value) {
			e.report(mark, pointer, "%s %q, want one of %v", BasisKey, mark.Value, Bases)
		}
		covered = true
	}
	holder := containers[pointer] || strings.HasSuffix(pointer, "/examples") || strings.HasSuffix(pointer, "/headers")
	if !covered && (!holder || n.Kind != yaml.MappingNode) {
		e.report(place, pointer, "is added without a basis")
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		e.rules(n, pointer)
		for i := 0; i < len(n.Content); i += 2 {
			e.added(n.Content[i+1], pointer+"/"+Escape(n.Content[i].Value), n.Content[i], covered)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			e.added(item, pointer+"/"+strconv.Itoa(i), item, covered)
		}
	}
}

// rules reads and checks the basis rules of a node and returns the members of
// the node that have one.
func (e *extension) rules(n *yaml.Node, pointer string) map[string]bool {
	rules := member(n, BasisRulesKey)
	if rules == nil {
		return nil
	}
	if rules.Kind != yaml.MappingNode || len(rules.Content) == 0 {
		e.report(rules, pointer, "%s is empty", BasisRulesKey)
		return nil
	}
	named := make(map[string]bool)
	for i := 0; i < len(rules.Content); i += 2 {
		key, value := rules.Content[i], rules.Content[i+1]
		if !slices.Contains(Bases, value.Value) {
			e.report(value, pointer, "%s: %q, want one of %v", BasisRulesKey, value.Value, Bases)
		}
		name, isMember := strings.CutPrefix(key.Value, "required/")
		switch {
		case !isMember && member(n, key.Value) == nil,
			isMember && !contains(member(n, "required"), name):
			e.report(key, pointer, "%s names %q, which is not there", BasisRulesKey, key.Value)
		case !isMember:
			named[key.Value] = true
		}
	}
	return named
}

func contains(list *yaml.Node, value string) bool {
	return list != nil && slices.ContainsFunc(list.Content, func(n *yaml.Node) bool { return n.Value == value })
}

// Evidence reports the schemas that are tighter than what they rest on: a
// closed enum or forbidden extra members whose basis is a client or a guess.
// A client that is right against the real service would break them. An enum that
// is itself marked as a guess lists what is known: other values only warn.
func (d *Document) Evidence() error {
	var errs []error
	d.evidence(d.root, "", "published", &errs)
	return errors.Join(errs...)
}

func (d *Document) evidence(n *yaml.Node, pointer, basis string, errs *[]error) {
	switch n.Kind {
	case yaml.SequenceNode:
		for i, item := range n.Content {
			d.evidence(item, pointer+"/"+strconv.Itoa(i), basis, errs)
		}
	case yaml.MappingNode:
		if mark := text(member(n, BasisKey)); mark != "" {
			basis = mark
		}
		rules := member(n, BasisRulesKey)
		for i := 0; i < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			rests := basis
			own := text(member(rules, key.Value))
			if own != "" {
				rests = own
			}
			weak := rests == "client" || rests == "inferred"
			closed := key.Value == "enum" && value.Kind == yaml.SequenceNode && own == "" ||
				key.Value == "additionalProperties" && value.Value == "false"
			if weak && closed {
				*errs = append(*errs, fmt.Errorf("%s: %s: %s rests on no more than %q", d.place(key), pointer, key.Value, rests))
			}
			if key.Value != "example" && key.Value != "examples" {
				d.evidence(value, pointer+"/"+Escape(key.Value), basis, errs)
			}
		}
	}
}
