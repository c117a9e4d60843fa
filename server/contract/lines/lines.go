// Package lines keeps the table that says in which file, and on which line of it,
// each node of a document stands. The table is text that is searched as it is:
// the one of a large document is a megabyte, and a refusal asks for two places.
//
// The text is a line for each file, an empty line, and a line for each node, in
// the order of their bytes: the JSON pointer, a tab, the number of the file (from
// 0), a colon, and the line in it (from 1).
package lines

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Place is where a node stands.
type Place struct {
	File string
	Line int // from 1
}

// Encode writes the table of the places of nodes by JSON pointer. The files are
// numbered in their order. Pointers that hold a tab or a line feed are left out:
// they stand where the node above them stands.
func Encode(places map[string]Place, files ...string) []byte {
	var b bytes.Buffer
	for _, file := range files {
		b.WriteString(file + "\n")
	}
	b.WriteByte('\n')
	for _, pointer := range slices.Sorted(maps.Keys(places)) {
		at := places[pointer]
		file := slices.Index(files, at.File)
		if file < 0 || at.Line < 1 || strings.ContainsAny(pointer, "\t\n") {
			continue
		}
		fmt.Fprintf(&b, "%s\t%d:%d\n", pointer, file, at.Line)
	}
	return b.Bytes()
}

// Table answers where nodes stand. The zero Table knows none.
type Table struct {
	files []string
	text  []byte // the nodes
}

// Read takes a table as [Encode] writes it. Of anything else it makes a table that
// knows nothing, or less.
func Read(text []byte) Table {
	var t Table
	for {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			return Table{}
		}
		text = rest
		if len(line) == 0 {
			t.text = text
			return t
		}
		t.files = append(t.files, string(line))
	}
}

// Find gives the place of a node.
func (t Table) Find(pointer string) (Place, bool) {
	file, line, ok := t.find(pointer)
	if !ok {
		return Place{}, false
	}
	return Place{t.files[file], line}, true
}

// Nearest gives the place of a node or else of the nearest one above it.
func (t Table) Nearest(pointer string) (Place, bool) {
	for {
		if at, ok := t.Find(pointer); ok {
			return at, true
		}
		i := strings.LastIndexByte(pointer, '/')
		if i < 0 {
			return Place{}, false
		}
		pointer = pointer[:i]
	}
}

// Order is a number that grows as the nodes stand further down: in a file, and from
// file to file.
func (t Table) Order(pointer string) (int, bool) {
	const longest = 1 << 20 // lines of a file
	file, line, ok := t.find(pointer)
	return file*longest + line, ok
}

func (t Table) find(pointer string) (file, line int, ok bool) {
	place, found := search(t.text, pointer)
	if !found {
		return 0, 0, false
	}
	before, after, _ := strings.Cut(place, ":")
	file, err := strconv.Atoi(before)
	line, err2 := strconv.Atoi(after)
	return file, line, err == nil && err2 == nil && file >= 0 && file < len(t.files)
}

// search finds the value of a key in lines of "key<TAB>value" that are in order.
func search(text []byte, pointer string) (string, bool) {
	low, high := 0, len(text)
	for low < high {
		// The line that holds the middle.
		middle := low + (high-low)/2
		begin := low + bytes.LastIndexByte(text[low:middle], '\n') + 1
		end := high
		if i := bytes.IndexByte(text[middle:high], '\n'); i >= 0 {
			end = middle + i
		}
		key, place, found := bytes.Cut(text[begin:end], []byte("\t"))
		if !found {
			return "", false
		}
		switch { // comparisons that copy nothing
		case pointer < string(key):
			high = begin
		case pointer > string(key):
			low = end + 1
		default:
			return string(place), true
		}
	}
	return "", false
}
