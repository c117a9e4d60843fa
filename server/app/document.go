package app

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/understudy-api/understudy/server/contract"
)

// DocumentText is a document that is built in, as people read it: the files it is kept in
// are put together, and before each line stands the file and the line of it, as reports
// name them.
type DocumentText struct {
	lines  []string
	place  map[int]contract.Location // line of the text -> what begins there
	extent map[string][2]int         // JSON pointer -> its first and last line
}

// ReadDocument gives the document of that name; false if none has it.
func ReadDocument(name string) (*DocumentText, bool, error) {
	for _, source := range sources() {
		if !strings.EqualFold(source.API, name) {
			continue
		}
		loaded, err := contract.Open(source)
		if err != nil {
			return nil, true, err
		}
		text := documents()[source.API].YAML
		var root yaml.Node
		if err := yaml.Unmarshal(text, &root); err != nil {
			return nil, true, fmt.Errorf("read %s: %w", source.File, err)
		}
		d := &DocumentText{
			lines: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"),
			place: map[int]contract.Location{}, extent: map[string][2]int{},
		}
		d.walk(loaded, root.Content[0], "", 1)
		return d, true, nil
	}
	return nil, false, nil
}

var tokenEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// walk notes where a node begins and ends, and gives its last line.
func (d *DocumentText) walk(loaded *contract.Document, n *yaml.Node, pointer string, first int) int {
	if _, taken := d.place[first]; !taken {
		d.place[first] = loaded.Locate(pointer)
	}
	last := max(first, n.Line+strings.Count(n.Value, "\n"))
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			last = max(last, d.walk(loaded, n.Content[i+1], pointer+"/"+tokenEscaper.Replace(n.Content[i].Value), n.Content[i].Line))
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			last = max(last, d.walk(loaded, item, fmt.Sprintf("%s/%d", pointer, i), item.Line))
		}
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
	}
	d.extent[pointer] = [2]int{first, last}
	return last
}

// Write writes what stands at a JSON pointer (RFC 6901), "" for all. false says that
// there is nothing.
func (d *DocumentText) Write(w io.Writer, pointer string) (bool, error) {
	extent, known := d.extent[strings.TrimSuffix(pointer, "/")]
	if !known {
		return false, nil
	}
	if pointer == "" {
		extent = [2]int{1, len(d.lines)}
	}
	width := 0
	heads := map[int]string{}
	for at := extent[0]; at <= extent[1]; at++ {
		if place, begins := d.place[at]; begins && place.Line > 0 {
			heads[at] = fmt.Sprintf("%s:%d", place.File, place.Line)
			width = max(width, len(heads[at]))
		}
	}
	var b bytes.Buffer
	for at := extent[0]; at <= min(extent[1], len(d.lines)); at++ {
		fmt.Fprintf(&b, "%-*s  %s\n", width, heads[at], d.lines[at-1])
	}
	_, err := w.Write(b.Bytes())
	return true, err
}
