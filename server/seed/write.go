package seed

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// write writes nodes as YAML.
func write(root *node) ([]byte, error) {
	w := &writer{piece: 2_000}
	w.text.WriteString(preamble)
	if err := w.value(root, "", false); err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	return w.text.Bytes(), nil
}

// writer writes lists and objects piece by piece: an encoder keeps all that it was ever
// told, some 500 bytes a value.
type writer struct {
	text  bytes.Buffer
	piece int // how many values are encoded at once
}

// value writes lines that begin with the indent; the first does not if it is begun
// already.
func (w *writer) value(n *node, indent string, begun bool) error {
	if n.values(w.piece) <= w.piece {
		return w.encode(n, indent, begun)
	}
	for i := 0; i < len(n.items)+len(n.members); {
		if end := i + n.small(i, w.piece); end > i {
			some := &node{kind: n.kind}
			if n.kind == isList {
				some.items = n.items[i:end]
			} else {
				some.members = n.members[i:end]
			}
			if err := w.encode(some, indent, begun); err != nil {
				return err
			}
			i, begun = end, false
			continue
		}
		if !begun {
			w.text.WriteString(indent)
		}
		child, begins := n.child(i), true
		if n.kind == isList {
			w.text.WriteString("- ")
		} else {
			if err := w.encode(&node{kind: isObject, members: []member{{name: n.members[i].name, value: &node{kind: isList}}}}, "", true); err != nil {
				return err
			}
			w.text.Truncate(w.text.Len() - len(" []\n"))
			w.text.WriteByte('\n')
			begins = false
		}
		if err := w.value(child, indent+"  ", begins); err != nil {
			return err
		}
		i, begun = i+1, false
	}
	return nil
}

// encode writes a value of few.
func (w *writer) encode(n *node, indent string, begun bool) error {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(n.yaml()); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	for line := range bytes.Lines(b.Bytes()) {
		if !begun {
			w.text.WriteString(indent)
		}
		w.text.Write(line)
		begun = false
	}
	return nil
}

// values counts the values in this one, itself too, until there are more than asked for.
func (n *node) values(most int) int {
	count := 1
	for i := 0; i < len(n.items)+len(n.members) && count <= most; i++ {
		count += n.child(i).values(most - count)
	}
	return count
}

// small is how many children from one on have together at most so many values. One with
// a name that the encoder may not write on one line counts as small.
func (n *node) small(from, most int) int {
	count := 0
	for i := from; i < len(n.items)+len(n.members); i++ {
		count += n.child(i).values(most)
		odd := n.kind == isObject && (len(n.members[i].name) > 100 || !plain(n.members[i].name))
		if count > most && (i > from || !odd) {
			return i - from
		}
	}
	return len(n.items) + len(n.members) - from
}

func (n *node) child(i int) *node {
	if n.kind == isList {
		return n.items[i]
	}
	return n.members[i].value
}

func (n *node) yaml() *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode, Value: n.text}
	switch n.kind {
	case isNull:
		y.Value = "null"
	case isTruth, isNumber: // as they are
	case isText:
		return scalar(n.text)
	case isList:
		y.Kind = yaml.SequenceNode
		if len(n.items) == 0 {
			y.Style = yaml.FlowStyle
		}
		for _, item := range n.items {
			y.Content = append(y.Content, item.yaml())
		}
	case isObject:
		y.Kind = yaml.MappingNode
		if len(n.members) == 0 {
			y.Style = yaml.FlowStyle
		}
		for _, m := range n.members {
			y.Content = append(y.Content, scalar(m.name), m.value.yaml())
		}
	}
	return y
}

// scalar writes a text: plain where every reader takes it for a text, times too, and
// else in quotation marks on one line, so that nothing of it is lost.
func scalar(text string) *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode, Value: text, Tag: "!!str", Style: yaml.DoubleQuotedStyle}
	_, notATime := time.Parse(time.RFC3339Nano, text)
	switch {
	case notATime == nil && dateTime.MatchString(text):
		y.Style, y.Tag = 0, "!!timestamp"
	case plain(text):
		y.Style = 0
	}
	return y
}

// plain reports whether a text can stand without quotation marks. The encoder quotes
// what would be a number, a date, null, true or false; what is one of those in YAML
// 1.1 only is told here.
func plain(text string) bool {
	switch strings.ToLower(text) {
	case "y", "n", "yes", "no", "on", "off", "":
		return false
	}
	return text == strings.TrimSpace(text) && !jsonNumber.MatchString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" ._-/:+*@()", r)
	})
}
