package seed

import (
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// fileMember is the one member of an object that stands for a file.
const fileMember = "file"

// files reads what a seed names.
type files struct {
	beside fs.FS
	left   int // how many bytes may still be read
	named  int // how many files were
}

// inline puts files in the places of the members that name one.
func (r *reader) inline(n *node, pointer string, members []string) {
	for _, name := range members {
		at := n.get(name)
		if at == nil || at.kind != isObject || len(at.members) != 1 {
			continue
		}
		path := at.get(fileMember)
		if path == nil || path.kind != isText {
			continue
		}
		r.files.named++
		value, message := r.files.value(path.text)
		if message != "" {
			r.problem(path, below(below(pointer, name), fileMember), "%s", message)
			value = &node{broken: true}
		}
		value.stand(path.line, path.column)
		n.members[n.find(name)].value = value
	}
}

// stand puts a value and all in it to one place in the text.
func (n *node) stand(line, column int) {
	n.line, n.column = line, column
	for i := range n.members {
		n.members[i].line, n.members[i].column = line, column
		n.members[i].value.stand(line, column)
	}
	for _, item := range n.items {
		item.stand(line, column)
	}
}

// value reads the JSON of a file, or says why that is not to be had.
func (f *files) value(path string) (value *node, message string) {
	switch {
	case f.beside == nil:
		return nil, "A file can be named in a seed that is a file itself, for serve, run, seed check and seed apply. Put its content here."
	case !fs.ValidPath(path) || path == "." || strings.Contains(path, `\`):
		return nil, shown(path) + " does not lead to a file in the folder of the seed or below it. Write it as rules/pricing.json."
	}
	text, err := f.text(path)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, "The seed and the files that it names are larger than " + strconv.Itoa(MaxBytes>>20) + " MiB. Split it."
	case errors.Is(err, fs.ErrNotExist):
		return nil, "There is no file " + shown(path) + " beside the seed."
	case err != nil:
		return nil, "The file " + shown(path) + " cannot be read: it is a folder, a link that leads elsewhere, or not permitted."
	}
	return valueIn(path, text)
}

var errTooLarge = errors.New("too large")

func (f *files) text(path string) ([]byte, error) {
	file, err := f.beside.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, int64(f.left)+1))
	if len(text) > f.left {
		return nil, errTooLarge
	}
	f.left -= len(text)
	return text, err
}

// valueIn reads the text of a file.
func valueIn(path string, text []byte) (*node, string) {
	root, found := parseJSON(text)
	if list := inOrder(found.list); len(list) > 0 {
		return nil, "The file " + shown(path) + ", line " + strconv.Itoa(list[0].Line) + ", column " + strconv.Itoa(list[0].Column) + ": " + list[0].Message
	}
	return root, ""
}

// Inlined is a seed with the files that it names in their places, as JSON; nil if it
// names none.
func (s *Seed) Inlined() []byte {
	if s == nil || s.inlined == 0 {
		return nil
	}
	return s.root.json()
}

// Place is where a value stands in the text of the seed, by its JSON pointer: as near as
// the seed has it.
func (s *Seed) Place(pointer string) (line, column int) {
	n := s.root.at(tokens(pointer)...)
	return n.line, n.column
}
