package loading

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// resource is a schema that has a URI of its own ($id): what is referred to in it is
// looked for from there (JSON Schema 2020-12, core 8.2.1).
type resource struct {
	root *node
	uri  string
}

// within is a URI as it is meant in a resource.
func (r *resource) within(uri string) string {
	if r == nil {
		return uri
	}
	base, err := url.Parse(r.uri)
	if err != nil {
		return uri
	}
	to, err := base.Parse(uri)
	if err != nil {
		return uri
	}
	return to.String()
}

// identify notes which nodes have names of their own ($id, $anchor), and in which of
// them each node stands.
func (l *loader) identify(n *node, depth int) { l.identifyIn(n, nil, depth) }

func (l *loader) identifyIn(n *node, in *resource, depth int) {
	if !l.draft || depth > maxDepth || n == nil {
		return
	}
	if id := n.get("$id").string(); id != "" {
		id = strings.TrimSuffix(id, "#")
		in = &resource{n, in.within(id)}
		l.ids[id], l.ids[in.uri] = n, n
	}
	n.in = in
	for _, keyword := range []string{"$anchor", "$dynamicAnchor"} {
		anchor := n.get(keyword).string()
		if anchor == "" {
			continue
		}
		l.ids[n.file.name+"#"+anchor] = n
		if in != nil {
			l.ids[in.uri+"#"+anchor] = n
		}
		if keyword == "$dynamicAnchor" {
			l.dynamic[anchor] = append(l.dynamic[anchor], n)
		}
	}
	for _, member := range n.members {
		l.identifyIn(member, in, depth+1)
	}
	for _, item := range n.items {
		l.identifyIn(item, in, depth+1)
	}
}

// dynamicRef makes a $dynamicRef a reference, where it can mean one schema alone: its
// anchor is there once, so that nothing that refers to it can put another in its place.
func (l *loader) dynamicRef(n *node) {
	at := n.get("$dynamicRef")
	_, anchor, found := strings.Cut(at.string(), "#")
	if !found || strings.HasPrefix(anchor, "/") || len(l.dynamic[anchor]) > 1 || n.get("$ref") != nil {
		return
	}
	if _, _, _, err := l.target(at); err != nil {
		return
	}
	n.set("$ref", at)
	n.remove("$dynamicRef")
}

// resolve makes a reference one that stays in the document, or takes what it refers to
// in its place.
func (l *loader) resolve(n *node, k kind) {
	seen := map[*node]bool{}
	target, section, name := n, "", ""
	for hop := 0; target.get("$ref").is(text); hop++ {
		if seen[target] {
			l.mistake(n, "$ref %q: it refers to itself", n.get("$ref").text)
			return
		}
		seen[target] = true
		var err error
		from := target.get("$ref")
		if target, section, name, err = l.target(from); err != nil {
			l.mistake(from, "$ref %q: %v", from.text, err)
			return
		}
		if hop == 0 && l.main == target.file && section == sections[k] && section != "" && !l.circular(target) {
			break // a component of the document, which is walked where it stands
		}
		if l.draft && k == schema && len(target.names) > 1 {
			break // it says more than it refers to
		}
	}
	switch own, isComponent := sections[k]; {
	case section != "" && section != own && slicesHas(sections, section) && l.main == target.file:
		l.mistake(n.get("$ref"), "$ref %q: it refers to one of the %s, and a %s is wanted", n.get("$ref").text, section, k)
	case !isComponent:
		l.inline(n, target, k)
	case section == own && l.main == target.file:
		l.point(n, "#/components/"+section+"/"+strings.ReplaceAll(pointerEscaper.Replace(name), "%", "%25"))
	default:
		l.point(n, l.place(target, k, own, n.get("$ref").text))
	}
}

// circular reports whether a node is a reference that leads to itself.
func (l *loader) circular(n *node) bool {
	seen := map[*node]bool{}
	for n.get("$ref").is(text) && len(n.names) == 1 {
		if seen[n] {
			return true
		}
		seen[n] = true
		target, _, _, err := l.target(n.get("$ref"))
		if err != nil {
			return false // it is told where it stands
		}
		n = target
	}
	return false
}

func slicesHas(m map[kind]string, section string) bool {
	for _, known := range m {
		if known == section {
			return true
		}
	}
	return false
}

func (l *loader) point(n *node, ref string) {
	at := n.get("$ref")
	n.members["$ref"] = at.child(text, ref)
}

// inline takes what a reference refers to in its place.
func (l *loader) inline(n, target *node, k kind) {
	delete(l.walked, n)
	copied := clone(target)
	n.kind, n.items, n.text = copied.kind, copied.items, copied.text
	if n.kind != object {
		return
	}
	n.remove("$ref")
	for _, name := range copied.names {
		if n.members[name] == nil {
			n.set(name, copied.members[name])
		}
	}
	l.walk(n, k)
}

func clone(n *node) *node {
	c := *n
	c.names = append([]string(nil), n.names...)
	c.members = make(map[string]*node, len(n.members))
	for name, member := range n.members {
		c.members[name] = clone(member)
	}
	c.items = make([]*node, len(n.items))
	for i, item := range n.items {
		c.items[i] = clone(item)
	}
	return &c
}

// place makes a component of what a reference refers to, once.
func (l *loader) place(target *node, k kind, section, ref string) string {
	if at, done := l.placed[target]; done {
		return at
	}
	name := freshName(ref)
	for i := 2; l.names[section+"/"+name]; i++ {
		name = freshName(ref) + "-" + strconv.Itoa(i)
	}
	l.names[section+"/"+name] = true
	at := "#/components/" + section + "/" + name
	l.placed[target] = at
	components := l.main.root.get("components")
	if !components.is(object) {
		components = l.main.root.child(object, "")
		l.main.root.set("components", components)
	}
	if !components.get(section).is(object) {
		components.set(section, components.child(object, ""))
	}
	components.get(section).set(name, target)
	l.walk(target, k)
	return at
}

// freshName is a name for what a reference refers to: the last word of it.
func freshName(ref string) string {
	file, pointer, _ := strings.Cut(ref, "#")
	name := pointer[strings.LastIndexByte(pointer, '/')+1:]
	if name == "" {
		name = file[strings.LastIndexByte(file, '/')+1:]
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, name)
	if clean == "" {
		return "part"
	}
	return clean
}

var errNoPlace = errors.New("there is no such place")

// target finds what a reference refers to, and which component of the document it is,
// if it is one.
func (l *loader) target(ref *node) (target *node, section, name string, err error) {
	return l.targetOf(ref, 0)
}

// maxHops bounds the references through which another leads.
const maxHops = 50

func (l *loader) targetOf(ref *node, hops int) (target *node, section, name string, err error) {
	part, fragment, _ := strings.Cut(ref.text, "#")
	if fragment, err = url.PathUnescape(fragment); err != nil {
		return nil, "", "", errors.New("the part behind # is malformed")
	}
	if hops > maxHops {
		return nil, "", "", errors.New("it leads through too many others, or to itself")
	}
	in, starts := ref.file, []*node{ref.file.root}
	anchors := []string{ref.file.name}
	switch {
	case part == "" && ref.in != nil: // in the schema that has the URI; else in the file, as most read it
		starts = []*node{ref.in.root, ref.file.root}
		anchors = []string{ref.in.uri, ref.file.name}
	case part == "":
	case l.ids[ref.in.within(part)] != nil:
		starts, in, anchors = []*node{l.ids[ref.in.within(part)]}, nil, []string{ref.in.within(part)}
	case l.ids[part] != nil:
		starts, in, anchors = []*node{l.ids[part]}, nil, []string{part}
	default:
		if in, err = l.load(ref.file.name, part); err != nil {
			return nil, "", "", err
		}
		starts, anchors = []*node{in.root}, []string{in.name}
	}
	if fragment != "" && fragment[0] != '/' {
		for _, at := range anchors {
			if named := l.ids[at+"#"+fragment]; named != nil {
				return named, "", "", nil
			}
		}
		return nil, "", "", errNoPlace
	}
	tokens := strings.Split(fragment, "/")[1:]
	if fragment == "" {
		tokens = nil
	}
	for i := range tokens {
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(tokens[i], "~1", "/"), "~0", "~")
	}
	for _, start := range starts {
		if target = l.follow(start, tokens, hops); target == nil {
			continue
		}
		if len(tokens) == 3 && tokens[0] == "components" && in == l.main && start == in.root {
			section, name = tokens[1], tokens[2]
		}
		return target, section, name, nil
	}
	return nil, "", "", errNoPlace
}

// follow goes down from a node, through what stands there as a reference; nil if there is
// nothing.
func (l *loader) follow(at *node, tokens []string, hops int) *node {
	for i, token := range tokens {
		next := step(at, token)
		if next == nil && at.get("$ref").is(text) && i > 0 {
			if around, _, _, err := l.targetOf(at.get("$ref"), hops+1); err == nil {
				next = step(around, token)
			}
		}
		if next == nil {
			return nil
		}
		at = next
	}
	return at
}

func step(n *node, token string) *node {
	if n.is(array) {
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(n.items) {
			return n.items[i]
		}
		return nil
	}
	return n.get(token)
}

// errOutside is why a part of a document is not read.
var errOutside = errors.New("it leads out of the folder or the origin of the document: bundle the document into one file, or allow it by --allow-references")

// maxParts bounds the files of a document.
const maxParts = 5000

// load reads a part of the document, which a reference in a file names.
func (l *loader) load(from, part string) (*file, error) {
	name, err := join(from, part)
	if err != nil {
		return nil, err
	}
	if known := l.files[name]; known != nil {
		return known.file, known.err
	}
	if len(l.files) > maxParts {
		return nil, fmt.Errorf("the document has more than %d files", maxParts)
	}
	f, err := l.read(name)
	l.files[name] = &file1{f, err}
	if err == nil {
		l.identify(f.root, 0)
	}
	return f, err
}

func (l *loader) read(name string) (*file, error) {
	content, err := l.content(name)
	if err != nil {
		return nil, err
	}
	return parse(name, content)
}

// maxPart bounds a file of a document, in bytes.
const maxPart = 64 << 20

func (l *loader) content(name string) ([]byte, error) {
	if isURL(name) {
		if !l.allowedURL(name) || l.options.Fetch == nil {
			return nil, errOutside
		}
		return l.options.Fetch(l.ctx, name)
	}
	if isURL(l.main.name) {
		return nil, errOutside
	}
	for _, folder := range append([]string{filepath.Dir(l.main.name)}, l.options.Allow...) {
		if isURL(folder) {
			continue
		}
		below, err := filepath.Rel(folder, name)
		if err != nil || !filepath.IsLocal(below) {
			continue
		}
		root, err := os.OpenRoot(folder) // no link leads out of it
		if err != nil {
			return nil, plain(err)
		}
		defer root.Close()
		f, err := root.Open(below)
		if err != nil {
			return nil, plain(err)
		}
		defer f.Close()
		content, err := io.ReadAll(io.LimitReader(f, maxPart+1))
		if err == nil && len(content) > maxPart {
			err = fmt.Errorf("%s is larger than %d bytes", name, maxPart)
		}
		return content, err
	}
	return nil, errOutside
}

// plain is why a file cannot be opened, without its name, which the reference has.
func plain(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

func (l *loader) allowedURL(name string) bool {
	u, err := url.Parse(name)
	if err != nil {
		return false
	}
	if own, err := url.Parse(l.main.name); err == nil && isURL(l.main.name) && own.Scheme == u.Scheme && own.Host == u.Host {
		return true
	}
	for _, allowed := range l.options.Allow {
		a, err := url.Parse(allowed)
		if err == nil && isURL(allowed) && a.Scheme == u.Scheme && a.Host == u.Host && strings.HasPrefix(u.Path, a.Path) {
			return true
		}
	}
	return false
}

func isURL(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

// join finds where a part is, from the file that names it.
func join(from, part string) (string, error) {
	if isURL(from) || isURL(part) {
		base, err := url.Parse(from)
		if err != nil {
			return "", errors.New("not a URL")
		}
		to, err := url.Parse(part)
		if err != nil {
			return "", errors.New("not a URL")
		}
		if isURL(part) {
			return to.String(), nil
		}
		return base.ResolveReference(to).String(), nil
	}
	if u, err := url.Parse(part); err == nil && len(u.Scheme) > 1 {
		return "", fmt.Errorf("the scheme %q is not read", u.Scheme)
	}
	path, err := url.PathUnescape(part)
	if err != nil {
		path = part
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	return filepath.Join(filepath.Dir(from), filepath.FromSlash(path)), nil
}
