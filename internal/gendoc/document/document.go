// Package document reads the OpenAPI documents under openapi/ as trees of
// nodes that know their place. kin-openapi loads the same files, but forgets
// the order of members and the lines they stand on, which the generated files
// keep, and accepts more than Understudy can enforce, which Check refuses.
//
// That is the text of a document, which is merged and written. What it means, package
// server/contract says for all who go by it at run time: it is made from what is
// written here, so that neither can be made of the other.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/understudy-api/understudy/server/contract/lines"
)

// Document is one OpenAPI document.
type Document struct {
	root  *yaml.Node
	files []string              // by name, of which the document was merged
	file  map[*yaml.Node]string // where a node stands; not of those that were written by a rule
}

// Parse reads a YAML document. It refuses what JSON cannot express the same
// way: anchors, aliases, merges, keys that are not strings or stand twice, and
// scalars that YAML would turn into dates.
func Parse(data []byte) (*Document, error) {
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if file.Kind != yaml.DocumentNode || len(file.Content) != 1 {
		return nil, errors.New("not a YAML document")
	}
	d := &Document{root: file.Content[0]}
	if err := plain(d.root, ""); err != nil {
		return nil, err
	}
	return d, nil
}

// place says where a node stands, for a person.
func (d *Document) place(n *yaml.Node) string {
	if file := d.file[n]; file != "" {
		return file + ":" + strconv.Itoa(n.Line)
	}
	return "line " + strconv.Itoa(n.Line)
}

// plain reports the first node that is not plain JSON written as YAML.
func plain(n *yaml.Node, pointer string) error {
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return fmt.Errorf("line %d: %s: anchors and aliases are not supported", n.Line, pointer)
	}
	switch n.Kind {
	case yaml.MappingNode:
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag != "!!str" {
				return fmt.Errorf("line %d: %s: key %q is not a string, quote it", key.Line, pointer, key.Value)
			}
			if seen[key.Value] {
				return fmt.Errorf("line %d: %s: key %q stands twice", key.Line, pointer, key.Value)
			}
			seen[key.Value] = true
			if err := plain(n.Content[i+1], pointer+"/"+Escape(key.Value)); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if err := plain(item, pointer+"/"+strconv.Itoa(i)); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		if _, err := scalar(n); err != nil {
			return fmt.Errorf("line %d: %s: %w", n.Line, pointer, err)
		}
	}
	return nil
}

// scalar encodes a scalar node as JSON.
func scalar(n *yaml.Node) ([]byte, error) {
	switch n.Tag {
	case "!!str":
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(n.Value); err != nil {
			return nil, err
		}
		return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
	case "!!null":
		return []byte("null"), nil
	case "!!bool", "!!int", "!!float":
		// Only the spellings that YAML and JSON share, so that the file that
		// is read and the file that is served say the same thing.
		if !json.Valid([]byte(n.Value)) {
			return nil, fmt.Errorf("%q is not spelt as JSON spells it", n.Value)
		}
		return []byte(n.Value), nil
	}
	return nil, fmt.Errorf("%q reads as %s, quote it", n.Value, n.Tag)
}

// JSON returns the document as compact JSON with its members in their order.
func (d *Document) JSON() []byte {
	var buf bytes.Buffer
	writeJSON(&buf, d.root)
	return buf.Bytes()
}

func writeJSON(buf *bytes.Buffer, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		buf.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				buf.WriteByte(',')
			}
			writeJSON(buf, n.Content[i])
			buf.WriteByte(':')
			writeJSON(buf, n.Content[i+1])
		}
		buf.WriteByte('}')
	case yaml.SequenceNode:
		buf.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				buf.WriteByte(',')
			}
			writeJSON(buf, item)
		}
		buf.WriteByte(']')
	default:
		text, err := scalar(n)
		if err != nil {
			panic(err) //nolint:forbidigo // Parse has looked at every scalar.
		}
		buf.Write(text)
	}
}

// YAML returns the document as one YAML text.
func (d *Document) YAML() ([]byte, error) {
	walk(d.root, "", d.root, func(_ string, _, n *yaml.Node) {
		if n.Style&yaml.FoldedStyle != 0 { // which the encoder does not write as it reads it
			n.Style = 0
			if strings.Contains(n.Value, "\n") {
				n.Style = yaml.LiteralStyle
			}
		}
	})
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(d.root); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	again, err := Parse(buf.Bytes())
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again.JSON(), d.JSON()) {
		return nil, errors.New("the YAML of the document does not say what its JSON says")
	}
	return buf.Bytes(), nil
}

// Ordered returns the document as YAML in which every property says its place among
// the others (x-order), so that generated types keep it.
func (d *Document) Ordered() ([]byte, error) {
	text, err := d.YAML()
	if err != nil {
		return nil, err
	}
	again, err := Parse(text)
	if err != nil {
		return nil, err
	}
	c := checker{document: again, is31: true, visitSchema: func(n *yaml.Node) {
		properties := member(n, "properties")
		if properties == nil || properties.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i < len(properties.Content); i += 2 {
			if p := properties.Content[i+1]; p.Kind == yaml.MappingNode && member(p, "x-order") == nil {
				p.Style = 0
				p.Content = append(p.Content, str("x-order", 0), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(i / 2)})
			}
		}
	}}
	c.node(again.root, root, "", again.root)
	return again.YAML()
}

// Lines returns the table of the places of the nodes. A member stands where its
// key stands; what a rule wrote stands nowhere.
func (d *Document) Lines() []byte {
	places := make(map[string]lines.Place)
	walk(d.root, "", d.root, func(pointer string, at, _ *yaml.Node) {
		if file := d.file[at]; file != "" {
			places[pointer] = lines.Place{File: file, Line: at.Line}
		}
	})
	return lines.Encode(places, d.files...)
}

// Schemas lists the names of the component schemas, in the order of the document.
func (d *Document) Schemas() []string {
	var names []string
	if schemas := member(member(d.root, "components"), "schemas"); schemas != nil {
		for i := 0; i < len(schemas.Content); i += 2 {
			names = append(names, schemas.Content[i].Value)
		}
	}
	return names
}

// Pointers hands over the JSON pointer of every node, in the order of the document.
func (d *Document) Pointers(visit func(pointer string)) {
	walk(d.root, "", d.root, func(pointer string, _, _ *yaml.Node) { visit(pointer) })
}

// walk visits every node with its pointer and the node that names it: its key, the
// item itself, or the root.
func walk(n *yaml.Node, pointer string, at *yaml.Node, visit func(pointer string, at, n *yaml.Node)) {
	visit(pointer, at, n)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			walk(n.Content[i+1], pointer+"/"+Escape(n.Content[i].Value), n.Content[i], visit)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			walk(item, pointer+"/"+strconv.Itoa(i), item, visit)
		}
	}
}

// Escape makes a reference token of a JSON pointer (RFC 6901).
func Escape(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// member returns the value of a key of a mapping, or nil.
func member(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
