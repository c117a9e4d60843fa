package seed

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// kind is what a node of a seed is, in the words of JSON.
type kind int

const (
	isNull kind = iota
	isTruth
	isNumber
	isText
	isList
	isObject
)

// String names the kind in a sentence.
func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "a text", "a list", "an object"}[k]
}

// node is a value of a seed and where it stands. Lines and columns count from 1,
// columns in characters.
type node struct {
	kind         kind
	broken       bool // a problem was told already: what stands here says nothing
	line, column int
	text         string // of a text; of a number or a truth its literal, in JSON
	members      []member
	items        []*node
	index        map[string]int // into members, of an object of many
}

// member is a member of an object.
type member struct {
	name         string
	line, column int // of the name
	value        *node
}

// get gives a member of an object, nil if there is none.
func (n *node) get(name string) *node {
	if i := n.find(name); i >= 0 {
		return n.members[i].value
	}
	return nil
}

// few is how many members are looked through one by one.
const few = 16

// find gives the index of a member; -1 if there is none.
func (n *node) find(name string) int {
	if n == nil {
		return -1
	}
	if len(n.members) <= few {
		return slices.IndexFunc(n.members, func(m member) bool { return m.name == name })
	}
	if len(n.index) != len(n.members) {
		n.index = make(map[string]int, len(n.members))
		for i, m := range n.members {
			n.index[m.name] = i
		}
	}
	if i, ok := n.index[name]; ok {
		return i
	}
	return -1
}

// at follows the tokens of a JSON pointer as far as they lead.
func (n *node) at(tokens ...string) *node {
	for _, token := range tokens {
		next := n.get(token)
		if i, err := strconv.Atoi(token); n.kind == isList && err == nil && i >= 0 && i < len(n.items) {
			next = n.items[i]
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

// named is where the name of a member stands; the object itself if it has none.
func (n *node) named(name string) *node {
	if i := n.find(name); i >= 0 {
		return &node{line: n.members[i].line, column: n.members[i].column}
	}
	return n
}

// without is an object without some of its members.
func (n *node) without(names ...string) *node {
	rest := *n
	rest.index = nil
	rest.members = slices.DeleteFunc(slices.Clone(n.members), func(m member) bool { return slices.Contains(names, m.name) })
	return &rest
}

// json writes the value as JSON, its numbers as they were written.
func (n *node) json() []byte {
	var b bytes.Buffer
	n.appendTo(&b)
	return b.Bytes()
}

func (n *node) appendTo(b *bytes.Buffer) {
	switch n.kind {
	case isNull:
		b.WriteString("null")
	case isTruth, isNumber:
		b.WriteString(n.text)
	case isText:
		b.Write(quoted(n.text))
	case isList:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.appendTo(b)
		}
		b.WriteByte(']')
	case isObject:
		b.WriteByte('{')
		for i, m := range n.members {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(quoted(m.name))
			b.WriteByte(':')
			m.value.appendTo(b)
		}
		b.WriteByte('}')
	}
}

// quoted is a text as JSON.
func quoted(s string) []byte {
	text, err := jsontext.AppendQuote(nil, s)
	if err != nil { // it is UTF-8, and so always is JSON
		return []byte(`""`)
	}
	return text
}

// value is the node as plain Go values, its numbers as literals.
func (n *node) value() any {
	switch n.kind {
	case isTruth:
		return n.text == "true"
	case isNumber:
		return json.Number(n.text)
	case isText:
		return n.text
	case isList:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.value()
		}
		return list
	case isObject:
		object := make(map[string]any, len(n.members))
		for _, m := range n.members {
			object[m.name] = m.value.value()
		}
		return object
	case isNull:
	}
	return nil
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// maxPointer is the length of a pointer, in bytes, from which on it does not grow: a
// name of a megabyte would be copied for each of the values below it.
const maxPointer = 1 << 10

// below is a JSON pointer with one more token.
func below(pointer, token string) string {
	if len(pointer) > maxPointer {
		return pointer
	}
	if len(token) > maxPointer {
		token = strings.ToValidUTF8(token[:maxPointer], "") + "..."
	}
	return pointer + "/" + pointerEscaper.Replace(token)
}

// tokens splits a JSON pointer.
func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	parts := strings.Split(pointer[1:], "/")
	for i, part := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	return parts
}
