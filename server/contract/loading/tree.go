// Package loading reads OpenAPI documents as others write them: YAML or JSON, in one
// file or in several, with the line of each node, and says on which lines the mistakes
// are that leave open what a document means.
package loading

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// kinds of nodes.
const (
	object = '{'
	array  = '['
	text   = '"'
	number = '0'
	truth  = 't' // true or false
	null   = 'n'
)

// node is a value of a document, with where it stands.
type node struct {
	kind    byte
	names   []string
	members map[string]*node
	items   []*node
	text    string // of a text; the literal of a number or of a truth
	line    int    // of the key, if the value has one
	file    *file
	in      *resource // that it stands in; nil for the file
}

// file is one that was read.
type file struct {
	name string // a path or a URL
	root *node
}

func (n *node) get(name string) *node {
	if n == nil || n.kind != object {
		return nil
	}
	return n.members[name]
}

func (n *node) is(kind byte) bool { return n != nil && n.kind == kind }

// string is the text of a node; "" if it is none.
func (n *node) string() string {
	if n.is(text) {
		return n.text
	}
	return ""
}

func (n *node) isTrue() bool { return n.is(truth) && n.text == "true" }

func (n *node) set(name string, value *node) {
	if n.members[name] == nil {
		n.names = append(n.names, name)
	}
	n.members[name] = value
}

func (n *node) remove(name string) {
	if n.members[name] == nil {
		return
	}
	delete(n.members, name)
	for i, known := range n.names {
		if known == name {
			n.names = append(n.names[:i:i], n.names[i+1:]...)
			return
		}
	}
}

func (n *node) child(kind byte, content string) *node {
	return &node{kind: kind, text: content, line: n.line, file: n.file, in: n.in, members: map[string]*node{}}
}

// Bounds of what a document may be, whose aliases nest or repeat.
const (
	maxDepth = 300
	maxNodes = 20_000_000
)

// parse reads YAML or JSON.
func parse(name string, data []byte) (*file, error) {
	f := &file{name: name}
	start := bytes.TrimPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("\ufeff"))
	var err error
	if start = bytes.TrimLeft(start, " \t\r\n"); len(start) > 0 && start[0] == '{' {
		f.root, err = parseJSON(f, start, 1+bytes.Count(data[:len(data)-len(start)], []byte("\n")))
		if isRepeated := (*lineError)(nil); err != nil && !errors.As(err, &isRepeated) && !strings.HasSuffix(name, ".json") {
			// YAML may begin so, too.
			if root, other := parseYAML(f, data); other == nil || errors.As(other, &isRepeated) {
				f.root, err = root, other
			}
		}
	} else {
		f.root, err = parseYAML(f, data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// jsonParser reads JSON, and on which line each member stands.
type jsonParser struct {
	file    *file
	decoder *jsontext.Decoder
	text    []byte
	line    int
	counted int64
}

func parseJSON(f *file, data []byte, line int) (*node, error) {
	p := &jsonParser{file: f, text: data, line: line}
	p.decoder = jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	root, err := p.value(0)
	if err == nil {
		if _, err = p.decoder.ReadToken(); errors.Is(err, io.EOF) {
			return root, nil
		}
		err = errors.New("more follows after its end")
	}
	if repeated := (*lineError)(nil); errors.As(err, &repeated) {
		return nil, err
	}
	at := p.decoder.InputOffset()
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = min(syntax.ByteOffset, int64(len(data)))
	}
	line += bytes.Count(data[:at], []byte("\n"))
	return nil, fmt.Errorf("line %d: not one JSON value: %s", line, strings.TrimPrefix(err.Error(), "jsontext: "))
}

// lineError is a mistake whose text has the line in it.
type lineError struct{ error }

func (p *jsonParser) advance() int {
	end := p.decoder.InputOffset()
	p.line += bytes.Count(p.text[p.counted:end], []byte("\n"))
	p.counted = end
	return p.line
}

func (p *jsonParser) value(depth int) (*node, error) {
	token, err := p.decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	n := &node{kind: byte(token.Kind()), line: p.advance(), file: p.file}
	switch n.kind {
	case text, number:
		n.text = token.String()
	case 't', 'f':
		n.kind, n.text = truth, token.String()
	case object, array:
		if depth > maxDepth {
			return nil, &lineError{fmt.Errorf("line %d: nested too deeply", n.line)}
		}
		return n, p.inside(n, depth)
	}
	return n, nil
}

func (p *jsonParser) inside(n *node, depth int) error {
	if n.kind == object {
		n.members = map[string]*node{}
	}
	for p.decoder.PeekKind() != '}' && p.decoder.PeekKind() != ']' {
		if n.kind == array {
			item, err := p.value(depth + 1)
			if err != nil {
				return err
			}
			n.items = append(n.items, item)
			continue
		}
		token, err := p.decoder.ReadToken()
		if err != nil {
			return err
		}
		name, line := token.String(), p.advance()
		if known := n.members[name]; known != nil {
			return repeated(name, known.line, line)
		}
		member, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		member.line = line
		n.set(name, member)
	}
	_, err := p.decoder.ReadToken()
	return err
}

func repeated(name string, first, second int) error {
	return &lineError{fmt.Errorf("lines %d and %d: the key %q is there twice in one mapping", first, second, name)}
}

// yamlVersion finds the directive that names a version: the reader knows 1.1, and reads
// scalars by 1.2 all the same.
var yamlVersion = regexp.MustCompile(`(?m)^%YAML[ \t]+1\.[0-9]+`)

type yamlParser struct {
	file  *file
	nodes int
}

func parseYAML(f *file, data []byte) (*node, error) {
	if bytes.HasPrefix(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("%")) {
		data = yamlVersion.ReplaceAllLiteral(data, []byte("%YAML 1.1"))
	}
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, errors.New("not a YAML document")
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a second document follows: want one", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(document.Content) != 1 {
		return nil, errors.New("not a YAML document")
	}
	p := &yamlParser{file: f}
	return p.value(document.Content[0], 0)
}

func (p *yamlParser) value(y *yaml.Node, depth int) (*node, error) {
	if p.nodes++; depth > maxDepth || p.nodes > maxNodes {
		return nil, fmt.Errorf("line %d: nested too deeply", y.Line)
	}
	n := &node{line: y.Line, file: p.file}
	switch y.Kind {
	case yaml.AliasNode:
		at, err := p.value(y.Alias, depth+1)
		if err == nil {
			at.line = y.Line
		}
		return at, err
	case yaml.MappingNode:
		n.kind, n.members = object, make(map[string]*node, len(y.Content)/2)
		return n, p.mapping(n, y, depth)
	case yaml.SequenceNode:
		n.kind = array
		for _, item := range y.Content {
			at, err := p.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, at)
		}
		return n, nil
	case yaml.ScalarNode:
		var ok bool
		if n.kind, n.text, ok = scalar(y); !ok {
			return nil, fmt.Errorf("line %d: %q is not a number of JSON", y.Line, y.Value)
		}
		return n, nil
	}
	return nil, fmt.Errorf("line %d: not a value", y.Line)
}

// mapping reads keys, which may be of any scalar type: a status is a number to YAML.
// What is merged counts less than what stands there itself.
func (p *yamlParser) mapping(n *node, y *yaml.Node, depth int) error {
	var merged []*node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Tag == "!!merge" {
			from, err := p.value(y.Content[i+1], depth+1)
			if err != nil {
				return err
			}
			if from.kind == array {
				merged = append(merged, from.items...)
			} else {
				merged = append(merged, from)
			}
			continue
		}
		if key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: a key that is no scalar", key.Line)
		}
		name := key.Value
		if value := y.Content[i+1]; key.Style == 0 && value.Tag == "!!null" && value.Value == "" {
			name = strings.TrimSuffix(name, ":") // before a bracket, the colon ends the key (YAML 1.2.2, section 7.3.3)
		}
		if known := n.members[name]; known != nil {
			return repeated(name, known.line, key.Line)
		}
		member, err := p.value(y.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		member.line = key.Line
		n.set(name, member)
	}
	for _, from := range merged {
		for _, name := range from.names {
			if n.members[name] == nil {
				n.set(name, from.members[name])
			}
		}
	}
	return nil
}

// The scalars of YAML 1.2 (core schema, section 10.3.2).
var (
	yamlInteger = regexp.MustCompile(`^[-+]?[0-9]+$`)
	yamlBased   = regexp.MustCompile(`^0(o[0-7]+|x[0-9a-fA-F]+)$`)
	yamlFloat   = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

func scalar(y *yaml.Node) (kind byte, content string, ok bool) {
	plain := y.Style == 0
	if y.Style&yaml.TaggedStyle != 0 {
		plain = y.Tag != "!!str"
	}
	v := y.Value
	switch {
	case !plain:
		return text, v, true
	case v == "", v == "~", v == "null", v == "Null", v == "NULL":
		return null, "", true
	case v == "true", v == "True", v == "TRUE":
		return truth, "true", true
	case v == "false", v == "False", v == "FALSE":
		return truth, "false", true
	case yamlBased.MatchString(v):
		n, err := strconv.ParseUint(v, 0, 64)
		return number, strconv.FormatUint(n, 10), err == nil
	case yamlInteger.MatchString(v), yamlFloat.MatchString(v):
		return number, jsonNumber(v), true
	}
	return text, v, true // also .inf and .nan, which JSON has not
}

// jsonNumber writes a number of YAML as JSON has it.
func jsonNumber(v string) string {
	sign := ""
	if v[0] == '-' || v[0] == '+' {
		sign, v = strings.TrimPrefix(v[:1], "+"), v[1:]
	}
	mantissa, exponent := v, ""
	if i := strings.IndexAny(v, "eE"); i >= 0 {
		mantissa, exponent = v[:i], v[i:]
	}
	before, after, _ := strings.Cut(mantissa, ".")
	if before = strings.TrimLeft(before, "0"); before == "" {
		before = "0"
	}
	if after != "" {
		after = "." + after
	}
	return sign + before + after + exponent
}
