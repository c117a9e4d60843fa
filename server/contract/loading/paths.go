package loading

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// methods tells of operations by methods that there are not: GET, or fetch.
func (l *loader) methods(n *node) {
	for _, name := range n.names {
		if !slices.Contains(methods, name) && (slices.Contains(methods, strings.ToLower(name)) || n.members[name].get("responses") != nil) && !strings.HasPrefix(name, "x-") {
			l.mistake(n.members[name], "the method %q of the path %s: want one of %s", name, l.path, strings.Join(methods, ", "))
		}
	}
}

// parametersOf lists the parameters of a path item or an operation, references
// followed.
func (l *loader) parametersOf(n *node) []*node {
	var all []*node
	if at := n.get("parameters"); at.is(array) {
		for _, p := range at.items {
			for hop := 0; hop < 20 && p.get("$ref").is(text); hop++ {
				target, _, _, err := l.target(p.get("$ref"))
				if err != nil {
					p = nil // it is told
					break
				}
				p = target
			}
			if p != nil {
				all = append(all, p)
			}
		}
	}
	return all
}

var templateParameter = regexp.MustCompile(`\{([^{}]*)\}`)

// pathParameters checks that the parameters of a path are those of its template, and
// that none is there twice.
func (l *loader) pathParameters(item *node) {
	if rest := templateParameter.ReplaceAllString(l.path, ""); strings.ContainsAny(rest, "{}") || strings.Contains(l.path, "{}") {
		l.mistake(item, "the path %s: want a name between each pair of braces", l.path)
		return
	}
	shared := l.parametersOf(item)
	l.once(shared, item.get("parameters"))
	for _, method := range methods {
		op := item.get(method)
		if !op.is(object) {
			continue
		}
		own := l.parametersOf(op)
		l.once(own, op.get("parameters"))
		declared := map[string]*node{}
		for _, p := range append(slices.Clip(shared), own...) {
			if p.get("in").string() == "path" {
				declared[p.get("name").string()] = p
			}
		}
		inPath := map[string]bool{}
		for _, m := range templateParameter.FindAllStringSubmatch(l.path, -1) {
			if inPath[m[1]] {
				l.mistake(op, "the path %s has the parameter %q twice", l.path, m[1])
			} else if inPath[m[1]] = true; declared[m[1]] == nil {
				l.mistake(op, "the path %s has the parameter %q, which no path parameter declares", l.path, m[1])
			}
			delete(declared, m[1])
		}
		for _, name := range slices.Sorted(maps.Keys(declared)) {
			l.mistake(declared[name], "the path parameter %q is not in the path %s", name, l.path)
		}
	}
}

func (l *loader) once(parameters []*node, at *node) {
	known := map[string]*node{}
	for _, p := range parameters {
		in, name := p.get("in").string(), p.get("name").string()
		if in == "header" {
			name = strings.ToLower(name)
		}
		if other := known[in+" "+name]; other != nil {
			l.mistake(at, "the %s parameter %q is there twice", in, p.get("name").string())
		}
		known[in+" "+name] = p
	}
}

// alike tells of operations that are one to a server: their paths differ in the names of
// parameters alone (OpenAPI, section Paths Object).
func (l *loader) alike(paths *node) {
	known := map[string]string{}
	for _, path := range paths.nameList() {
		for _, method := range methods {
			if op := paths.members[path].get(method); op != nil {
				key := method + templateParameter.ReplaceAllString(path, "{}")
				if other := known[key]; other != "" {
					l.unjudgedAt(op, "to a server, the paths %s and %s are one", other, path)
				}
				known[key] = path
			}
		}
	}
}
