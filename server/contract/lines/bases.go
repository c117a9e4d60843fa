package lines

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The extensions by which a document says what its parts rest on.
const (
	markKey  = "x-understudy-basis"
	rulesKey = "x-understudy-basis-rules"
)

// Bases answers what the nodes of a document rest on. Its text is a line for each
// mark, in the order of their bytes: the JSON pointer of the marked node, a tab, and
// the basis; for the mark of a single keyword, the pointer, a vertical tab, the
// keyword, a tab, and the basis.
type Bases struct{ text []byte }

// ReadBases takes a table as [EncodeBases] writes it.
func ReadBases(text []byte) Bases { return Bases{text} }

// EncodeBases writes the table of a document, decoded from JSON.
func EncodeBases(document any) []byte {
	found := map[string]string{}
	collect(document, "", found)
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(found)) {
		b.WriteString(key + "\t" + found[key] + "\n")
	}
	return b.Bytes()
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

func collect(node any, at string, found map[string]string) {
	switch n := node.(type) {
	case map[string]any:
		if mark, ok := n[markKey].(string); ok && plain(at+mark) {
			found[at] = mark
		}
		rules, _ := n[rulesKey].(map[string]any)
		for rule, basis := range rules {
			if text, ok := basis.(string); ok && plain(at+rule+text) {
				found[at+"\v"+rule] = text
			}
		}
		for name, value := range n {
			collect(value, at+"/"+escaper.Replace(name), found)
		}
	case []any:
		for i, item := range n {
			collect(item, at+"/"+strconv.Itoa(i), found)
		}
	}
}

func plain(text string) bool { return !strings.ContainsAny(text, "\t\n\v") }

// Rule gives the basis of a keyword of a node, if it has one of its own.
func (b Bases) Rule(node, keyword string) (string, bool) { return search(b.text, node+"\v"+keyword) }

// Nearest gives the basis that a node, or else the nearest marked one above it,
// carries.
func (b Bases) Nearest(node string) (string, bool) {
	for {
		if basis, ok := search(b.text, node); ok {
			return basis, true
		}
		i := strings.LastIndexByte(node, '/')
		if i < 0 {
			return "", false
		}
		node = node[:i]
	}
}
