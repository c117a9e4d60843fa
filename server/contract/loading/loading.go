package loading

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/understudy-api/understudy/server/contract/lines"
)

// Options is how a document is read.
type Options struct {
	// Fetch reads a URL; nil if documents have no parts at URLs.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Allow are folders and beginnings of URLs from which parts of a document may come,
	// besides its own folder or origin.
	Allow []string
}

// Document is a document that was read: one JSON text in which no reference leads out of
// it.
type Document struct {
	JSON  []byte
	Lines []byte // where its nodes stand; see package lines
	Notes []string
	// Unjudged is what the document says and nothing is judged by, each with its place.
	Unjudged []string
}

// MistakesError lists the mistakes of a document, each with its file and line.
type MistakesError []string

func (e MistakesError) Error() string { return strings.Join(e, "; ") }

// maxMistakes bounds how many mistakes are told.
const maxMistakes = 20

// Read reads a document. file is its path or URL; what its references name is looked for
// from there. What keeps the document from being understood is an error that says on
// which line it stands.
func Read(ctx context.Context, file string, content []byte, o Options) (*Document, error) {
	main, err := parse(file, content)
	if err != nil {
		return nil, err
	}
	l := &loader{
		ctx: ctx, options: o, main: main, files: map[string]*file1{clean(file): {file: main}}, placed: map[*node]string{},
		walked: map[*node]bool{}, ids: map[string]*node{}, dynamic: map[string][]*node{},
	}
	if err := l.version(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	l.document()
	if len(l.mistakes) > 0 {
		slices.SortStableFunc(l.mistakes, func(a, b mistake) int { return a.line - b.line })
		told := MistakesError{}
		for i, m := range l.mistakes {
			if i == maxMistakes {
				told = append(told, fmt.Sprintf("and %d more", len(l.mistakes)-i))
				break
			}
			told = append(told, fmt.Sprintf("%s: line %d: %s", m.file, m.line, m.text))
		}
		return nil, told
	}
	w := &writer{places: map[string]lines.Place{}}
	w.node(l.main.root, "")
	names := []string{file}
	for _, place := range w.places {
		if !slices.Contains(names, place.File) {
			names = append(names, place.File)
		}
	}
	slices.Sort(names[1:])
	return &Document{JSON: w.out, Lines: lines.Encode(w.places, names...), Notes: l.notes, Unjudged: l.unjudged}, nil
}

// clean is one name for all spellings of a file's.
func clean(name string) string {
	if isURL(name) {
		return name
	}
	return filepath.Clean(name)
}

// mistake is one of a document, and where.
type mistake struct {
	file string
	line int
	text string
}

// loader makes one document of what was read.
type loader struct {
	ctx      context.Context //nolint:containedctx // lives as long as the reading of a document
	options  Options
	main     *file
	files    map[string]*file1
	draft    bool             // 3.1: schemas are JSON Schema 2020-12
	placed   map[*node]string // what was made a component -> the reference to it
	walked   map[*node]bool
	ids      map[string]*node   // by $id and $anchor
	dynamic  map[string][]*node // by $dynamicAnchor
	security map[string]bool    // schemes
	named    map[string]*node   // operationIds
	path     string             // that is walked
	names    map[string]bool    // of components that were made
	mistakes []mistake
	notes    []string
	unjudged []string
	after31  bool // 3.2, read as 3.1
}

// file1 is a file, or why it cannot be read.
type file1 struct {
	file *file
	err  error
}

func (l *loader) mistake(n *node, format string, args ...any) {
	name, line := l.main.name, 1
	if n != nil {
		name, line = n.file.name, n.line
	}
	m := mistake{name, line, fmt.Sprintf(format, args...)}
	if !slices.Contains(l.mistakes, m) {
		l.mistakes = append(l.mistakes, m)
	}
}

// version reads which OpenAPI a document is of. One of Swagger 2 is converted.
func (l *loader) version() error {
	root := l.main.root
	if !root.is(object) {
		return errors.New("not an OpenAPI document")
	}
	if old := root.get("swagger"); old != nil {
		if old.text != "2.0" && old.text != "2" {
			return fmt.Errorf("line %d: swagger %q: want 2.0, or OpenAPI 3", old.line, old.text)
		}
		return l.convert()
	}
	at := root.get("openapi")
	switch {
	case at == nil:
		return errors.New(`openapi "": want 3.0, 3.1 or 3.2`)
	case at.is(number) && (at.text == "3.0" || at.text == "3.1" || at.text == "3.2"): // written without quotes
		at.kind, at.text = text, at.text+".0"
	}
	switch version := at.string(); {
	case strings.HasPrefix(version, "3.0."), version == "3.0":
	case strings.HasPrefix(version, "3.1."), version == "3.1":
		l.draft = true
	case strings.HasPrefix(version, "3.2."), version == "3.2":
		l.draft, l.after31 = true, true
		l.notes = append(l.notes, "the document is of OpenAPI 3.2, and judged as one of 3.1")
		if self := root.get("$self").string(); self != "" {
			if name, err := join(l.main.name, self); err == nil {
				l.files[name] = &file1{file: l.main}
			}
		}
		at.text = "3.1.1"
	default:
		return fmt.Errorf("line %d: openapi %q: want 3.0, 3.1 or 3.2", at.line, at.text)
	}
	return nil
}

// document goes through the whole document.
func (l *loader) document() {
	root := l.main.root
	info := root.get("info")
	if !info.is(object) {
		info = root.child(object, "")
		root.set("info", info)
	}
	for _, name := range []string{"title", "version"} {
		asText(info, name)
	}
	for _, name := range slices.Clone(info.names) { // nobody is judged by it
		if name != "title" && name != "version" {
			info.remove(name)
		}
	}
	root.remove("servers")
	if root.get("paths") == nil || root.get("paths").is(null) {
		root.set("paths", root.child(object, ""))
	}
	l.identify(root, 0)
	l.security = map[string]bool{}
	l.named = map[string]*node{}
	l.names = map[string]bool{}
	if components := root.get("components"); components.is(object) {
		for _, section := range components.names {
			for _, name := range components.members[section].nameList() {
				l.names[section+"/"+name] = true
			}
		}
		for _, name := range components.get("securitySchemes").nameList() {
			l.security[name] = true
		}
	}
	l.secured(root)
	l.walk(root, documentKind)
	l.alike(root.get("paths"))
}

func (n *node) nameList() []string {
	if n == nil {
		return nil
	}
	return n.names
}

// asText makes a member a text: a version that is written as a number.
func asText(n *node, name string) {
	switch at := n.get(name); {
	case at == nil:
		n.set(name, n.child(text, ""))
	case at.is(number), at.is(truth):
		at.kind = text
	case !at.is(text):
		n.members[name] = at.child(text, "")
	}
}
