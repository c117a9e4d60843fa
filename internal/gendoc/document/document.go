// Package document reads the OpenAPI documents under openapi/ as trees of
// nodes that know their place. kin-openapi loads the same files, but forgets
// the order of members and the lines they stand on, which the generated files
// keep, and accepts more than Understudy can enforce, which Check refuses.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Document is one OpenAPI document.
type Document struct {
	root *yaml.Node
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

// Lines returns a JSON object that says, for the JSON pointer of every node of
// the document, on which line of the YAML file it stands, in document order. A
// member stands where its key stands.
func (d *Document) Lines() []byte {
	var buf bytes.Buffer
	buf.WriteByte('{')
	first := true
	walk(d.root, "", d.root.Line, func(pointer string, line int, _ *yaml.Node) {
		if !first {
			buf.WriteByte(',')
		}
		first = false
		key, err := scalar(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: pointer})
		if err != nil {
			panic(err) //nolint:forbidigo // A string always encodes.
		}
		buf.Write(key)
		buf.WriteByte(':')
		buf.WriteString(strconv.Itoa(line))
	})
	buf.WriteByte('}')
	return buf.Bytes()
}

func walk(n *yaml.Node, pointer string, line int, visit func(string, int, *yaml.Node)) {
	visit(pointer, line, n)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			walk(n.Content[i+1], pointer+"/"+Escape(n.Content[i].Value), n.Content[i].Line, visit)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			walk(item, pointer+"/"+strconv.Itoa(i), item.Line, visit)
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
