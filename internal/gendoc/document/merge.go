package document

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// File is one of the files that make up a document.
type File struct {
	Name string // from the root of the repository
	Data []byte
}

// ReadFolder reads the YAML files of a folder, by name. root is the folder's name
// from the root of the repository.
func ReadFolder(dir, root string) ([]File, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(names))
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, File{path.Join(root, filepath.Base(name)), data})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no document", root)
	}
	return files, nil
}

// Merge makes one document of files that each hold a part of it: the paths and
// components of a tag, or what all share. A member that two of them give is an
// error. Then it writes the refusals that the document's rule asks for.
func Merge(files []File) (*Document, error) {
	merged := &Document{root: &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}, file: make(map[*yaml.Node]string)}
	for _, f := range files {
		part, err := Parse(f.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if part.root.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("%s: is not an object", f.Name)
		}
		merged.files = append(merged.files, f.Name)
		merged.belongs(part.root, f.Name)
		if len(merged.files) == 1 {
			merged.root.Line, merged.root.HeadComment = part.root.Line, part.root.HeadComment
			merged.file[merged.root] = f.Name
		}
		if err := merged.add(merged.root, part.root, ""); err != nil {
			return nil, err
		}
	}
	merged.order()
	if err := merged.writeRefusals(); err != nil {
		return nil, err
	}
	return merged, nil
}

func (d *Document) belongs(n *yaml.Node, file string) {
	d.file[n] = file
	for _, inner := range n.Content {
		d.belongs(inner, file)
	}
}

// shared reports whether the members of an object may come from several files.
func shared(pointer string) bool {
	return pointer == "" || pointer == "/paths" || pointer == "/components" || containers[pointer] ||
		strings.HasPrefix(pointer, "/paths/") && strings.Count(pointer, "/") == 2
}

// add moves the members of a part into the whole.
func (d *Document) add(whole, part *yaml.Node, pointer string) error {
	var errs []error
	for i := 0; i < len(part.Content); i += 2 {
		key, value := part.Content[i], part.Content[i+1]
		at := pointer + "/" + Escape(key.Value)
		held := member(whole, key.Value)
		switch {
		case held == nil && shared(at) && value.Kind == yaml.MappingNode:
			held = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: value.Line}
			d.file[held] = d.file[value]
			whole.Content = append(whole.Content, key, held)
			errs = append(errs, d.add(held, value, at))
		case held == nil:
			whole.Content = append(whole.Content, key, value)
		case shared(at) && held.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode:
			errs = append(errs, d.add(held, value, at))
		default:
			errs = append(errs, fmt.Errorf("%s: %s stands at %s already", d.place(key), at, d.place(keyOf(whole, key.Value))))
		}
	}
	return errors.Join(errs...)
}

// keyOf returns the key of a member, which is there.
func keyOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i]
		}
	}
	return n
}

// rootOrder is the order of the members of a document.
var rootOrder = []string{"openapi", "info", "servers", "security", "tags", UnservedKey, "paths", "components"}

// order puts the members of the document in their order, whichever files gave them.
func (d *Document) order() {
	type pair struct{ key, value *yaml.Node }
	var pairs []pair
	for i := 0; i < len(d.root.Content); i += 2 {
		pairs = append(pairs, pair{d.root.Content[i], d.root.Content[i+1]})
	}
	rank := func(p pair) int {
		if i := slices.Index(rootOrder, p.key.Value); i >= 0 {
			return i
		}
		return len(rootOrder)
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return rank(a) - rank(b) })
	d.root.Content = d.root.Content[:0]
	for _, p := range pairs {
		d.root.Content = append(d.root.Content, p.key, p.value)
	}
}

// same reports whether two nodes say the same.
func same(a, b *yaml.Node) bool {
	var x, y bytes.Buffer
	writeJSON(&x, a)
	writeJSON(&y, b)
	return bytes.Equal(x.Bytes(), y.Bytes())
}
