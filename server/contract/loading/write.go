package loading

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/understudy-api/understudy/server/contract/lines"
)

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// writer writes nodes as JSON, and where each stands.
type writer struct {
	out    []byte
	places map[string]lines.Place
}

func (w *writer) node(n *node, at string) {
	w.places[at] = lines.Place{File: n.file.name, Line: n.line}
	switch n.kind {
	case object:
		w.out = append(w.out, '{')
		for i, name := range n.names {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.text(name)
			w.out = append(w.out, ':')
			w.node(n.members[name], at+"/"+pointerEscaper.Replace(name))
		}
		w.out = append(w.out, '}')
	case array:
		w.out = append(w.out, '[')
		for i, item := range n.items {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.node(item, at+"/"+strconv.Itoa(i))
		}
		w.out = append(w.out, ']')
	case text:
		w.text(n.text)
	case null:
		w.out = append(w.out, "null"...)
	default:
		w.out = append(w.out, n.text...)
	}
}

func (w *writer) text(s string) {
	w.out, _ = jsontext.AppendQuote(w.out, strings.ToValidUTF8(s, "\uFFFD")) // of valid UTF-8 it does not fail
}
