package loading

import (
	"fmt"
	"slices"
	"strings"
)

// A document of OpenAPI 3.2 is judged as one of 3.1: what says the same in another way is
// written as 3.1 has it, and what 3.1 has not is left out and told.

// newer makes a node of 3.2 one of 3.1.
func (l *loader) newer(n *node, k kind) {
	switch k {
	case documentKind:
		n.remove("$self")
	case pathItem:
		l.newerMethods(n)
	case mediaType:
		for _, keyword := range []string{"itemSchema", "prefixEncoding", "itemEncoding"} {
			if at := n.get(keyword); at != nil {
				l.unjudgedAt(at, "%s, of OpenAPI 3.2, is not judged: what streams is looked at by its media type", keyword)
				n.remove(keyword)
			}
		}
	case example:
		if at := n.get("dataValue"); at != nil && n.get("value") == nil {
			n.set("value", at)
		}
		n.remove("dataValue")
		n.remove("serializedValue")
	case schema:
		// Whoever names no branch, or none that there is, is of the default one: the union
		// alone says as much.
		if tag := n.get("discriminator"); tag.get("defaultMapping") != nil {
			n.remove("discriminator")
		}
	}
}

// newerMethods takes out the operations of methods that 3.1 has not, and those whose query
// is no list of parameters.
func (l *loader) newerMethods(item *node) {
	leave := func(at *node, what string) {
		l.unjudgedAt(at, "%s %s, of OpenAPI 3.2, is not verified", what, l.path)
	}
	if at := item.get("query"); at != nil {
		leave(at, "QUERY")
		item.remove("query")
	}
	if at := item.get("additionalOperations"); at != nil {
		for _, method := range at.nameList() {
			leave(at.members[method], method)
		}
		item.remove("additionalOperations")
	}
	whole := l.wholeQuery(item)
	for _, method := range methods {
		if op := item.get(method); op.is(object) && (l.wholeQuery(op) || whole) {
			leave(op, "the query as a whole (in: querystring) of "+strings.ToUpper(method))
			item.remove(method)
		}
	}
}

// wholeQuery makes parameters that are the query as a whole, written as a form, objects of
// a query. It reports whether there is one that is written otherwise.
func (l *loader) wholeQuery(holder *node) bool {
	return slices.ContainsFunc(l.parametersOf(holder), func(p *node) bool {
		if p.get("in").string() != "querystring" {
			return false
		}
		content := p.get("content")
		form := content.get("application/x-www-form-urlencoded")
		if !content.is(object) || len(content.names) != 1 || form.get("schema") == nil || form.get("encoding") != nil {
			return true
		}
		p.set("in", p.child(text, "query"))
		p.set("schema", form.get("schema"))
		p.set("explode", p.child(truth, "true"))
		p.remove("content")
		return false
	})
}

// unjudgedAt tells what of a document is not judged, with its place.
func (l *loader) unjudgedAt(n *node, format string, args ...any) {
	told := fmt.Sprintf("%s line %d: %s", n.file.name, n.line, fmt.Sprintf(format, args...))
	if !slices.Contains(l.unjudged, told) {
		l.unjudged = append(l.unjudged, told)
	}
}
