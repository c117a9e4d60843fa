package document

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The extensions by which refusals are declared without being written down for
// each operation. The first stands in the root and maps a condition to the
// statuses that an operation which meets it may answer, each with the name of the
// component that describes it. The second stands in an operation and lists the
// statuses of the rule that it never answers. Neither is part of what is served.
const (
	RefusalsKey = "x-understudy-refusals"
	WithoutKey  = "x-understudy-without"
)

// conditions say which operations a group of refusals is for.
var conditions = map[string]func(o operationNode) bool{
	"every":   func(operationNode) bool { return true },
	"secured": func(o operationNode) bool { return o.secured },
	"input":   func(o operationNode) bool { return o.parameters || member(o.node, "requestBody") != nil },
	"path":    func(o operationNode) bool { return strings.Contains(o.path, "{") },
	"body":    func(o operationNode) bool { return member(o.node, "requestBody") != nil },
	"write":   func(o operationNode) bool { return o.method != "get" && o.method != "head" },
}

type operationNode struct {
	path, method string
	node         *yaml.Node
	secured      bool
	parameters   bool
}

// operations lists the operations of a document.
func (d *Document) operations() []operationNode {
	var list []operationNode
	everywhere := member(d.root, "security")
	all := member(d.root, "paths")
	if all == nil || all.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(all.Content); i += 2 {
		item := all.Content[i+1]
		if item.Kind != yaml.MappingNode {
			continue
		}
		for j := 0; j < len(item.Content); j += 2 {
			method, op := item.Content[j].Value, item.Content[j+1]
			if fields[pathItem][method].kind != operation || op.Kind != yaml.MappingNode {
				continue
			}
			security := member(op, "security")
			if security == nil {
				security = everywhere
			}
			list = append(list, operationNode{
				all.Content[i].Value, method, op,
				security != nil && len(security.Content) > 0,
				member(op, "parameters") != nil || member(item, "parameters") != nil,
			})
		}
	}
	return list
}

// writeRefusals declares for every operation the refusals that the rule asks for
// and that it does not declare itself, and takes the rule off. Statuses stand in
// their order.
func (d *Document) writeRefusals() error {
	rule := member(d.root, RefusalsKey)
	if rule == nil {
		return nil
	}
	for i := 0; i < len(rule.Content); i += 2 {
		name := rule.Content[i]
		if conditions[name.Value] == nil || rule.Content[i+1].Kind != yaml.MappingNode {
			return fmt.Errorf("%s: %s: %q is no condition", d.place(name), RefusalsKey, name.Value)
		}
	}
	remove(d.root, RefusalsKey)
	for _, o := range d.operations() {
		declared := member(o.node, "responses")
		if declared == nil || declared.Kind != yaml.MappingNode {
			continue // refused by Check
		}
		var without []string
		if list := member(o.node, WithoutKey); list != nil {
			for _, item := range list.Content {
				without = append(without, item.Value)
			}
			remove(o.node, WithoutKey)
		}
		asked := map[string]bool{}
		for i := 0; i < len(rule.Content); i += 2 {
			if !conditions[rule.Content[i].Value](o) {
				continue
			}
			group := rule.Content[i+1]
			for j := 0; j < len(group.Content); j += 2 {
				status, name := group.Content[j].Value, group.Content[j+1].Value
				asked[status] = true
				if member(declared, status) == nil && !slices.Contains(without, status) {
					declared.Content = append(declared.Content, str(status, yaml.SingleQuotedStyle), &yaml.Node{
						Kind: yaml.MappingNode, Tag: "!!map",
						Content: []*yaml.Node{str("$ref", 0), str("#/components/responses/"+name, yaml.SingleQuotedStyle)},
					})
				}
			}
		}
		for _, status := range without {
			if !asked[status] || member(declared, status) != nil {
				return fmt.Errorf("%s: %s %s: %s names %s, which the rule does not ask for, or the operation declares", d.place(o.node), o.method, o.path, WithoutKey, status)
			}
		}
		sortMembers(declared)
	}
	return nil
}

func str(text string, style yaml.Style) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: style}
}

func remove(n *yaml.Node, key string) {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			return
		}
	}
}

func sortMembers(n *yaml.Node) {
	type pair struct{ key, value *yaml.Node }
	var pairs []pair
	for i := 0; i < len(n.Content); i += 2 {
		pairs = append(pairs, pair{n.Content[i], n.Content[i+1]})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.key.Value, b.key.Value) })
	for i, p := range pairs {
		n.Content[2*i], n.Content[2*i+1] = p.key, p.value
	}
}
