package seed

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// What a seed may be at most. A value that is named (&name) and used again (*name)
// counts as often as it is used.
const (
	MaxBytes = 16 << 20
	maxNodes = 1 << 20
	maxDepth = 100
)

// parseJSON reads a JSON text into nodes.
func parseJSON(text []byte) (*node, problems) {
	lines := newLines(text)
	if !utf8.Valid(text) {
		line, column := lines.place(len(text) - len(validEnd(text)))
		return nil, only(Problem{line, column, "", "The text is not UTF-8. Save it as UTF-8."})
	}
	start := bytes.TrimPrefix(text, []byte("\ufeff"))
	r := &jsonReader{text: start, base: len(text) - len(start), lines: lines}
	root, problem := r.read()
	if problem != nil {
		return nil, only(*problem)
	}
	return root, r.problems
}

// read reads a text, YAML or JSON, into nodes. What cannot be read at all is one
// problem and no node; with other problems, the rest can still be judged.
func read(text []byte) (*node, problems) {
	if len(text) > MaxBytes {
		return nil, only(Problem{1, 1, "", "The seed is larger than " + strconv.Itoa(MaxBytes>>20) + " MiB. Split it."})
	}
	lines := newLines(text)
	if !utf8.Valid(text) {
		line, column := lines.place(len(text) - len(validEnd(text)))
		return nil, only(Problem{line, column, "", "The text is not UTF-8. Save it as UTF-8."})
	}
	var broken *Problem
	if start := bytes.TrimLeft(text, "\ufeff \t\r\n"); len(start) > 0 && start[0] == '{' {
		// JSON is YAML but for its surrogate pairs, long names and numbers' limits.
		r := &jsonReader{text: text[len(text)-len(start):], base: len(text) - len(start), lines: lines}
		root, problem := r.read()
		if problem == nil {
			return root, r.problems
		}
		broken = problem
	}
	r := &yamlReader{lines: lines}
	root, problem := r.read(text)
	switch {
	case problem != nil && broken != nil:
		return nil, only(*broken)
	case problem != nil:
		return nil, only(*problem)
	case r.full != nil:
		return nil, only(*r.full)
	}
	return root, r.problems
}

func only(p Problem) problems { return problems{list: []Problem{p}, total: 1} }

// validEnd is the text from its first byte on that is not UTF-8.
func validEnd(text []byte) []byte {
	for len(text) > 0 {
		if r, size := utf8.DecodeRune(text); r != utf8.RuneError || size > 1 {
			text = text[size:]
			continue
		}
		break
	}
	return text
}

// lines knows where the lines of a text begin, as YAML breaks them (1.1, section
// 5.4: CR, LF, NEL, LS and PS).
type lines struct {
	text   []byte
	starts []int
}

// Line breaks beyond ASCII.
const (
	nel = "\u0085"
	ls  = "\u2028"
	ps  = "\u2029"
)

func newLines(text []byte) lines {
	l := lines{text: text, starts: []int{0}}
	for i := 0; i < len(text); i++ {
		size := 0
		switch text[i] {
		case '\n':
			size = 1
		case '\r':
			if i+1 == len(text) || text[i+1] != '\n' {
				size = 1
			}
		case nel[0]:
			if bytes.HasPrefix(text[i:], []byte(nel)) {
				size = len(nel)
			}
		case ls[0]:
			if bytes.HasPrefix(text[i:], []byte(ls)) || bytes.HasPrefix(text[i:], []byte(ps)) {
				size = len(ls)
			}
		}
		if size > 0 {
			l.starts = append(l.starts, i+size)
			i += size - 1
		}
	}
	return l
}

// line is the line of a byte, counted from 0.
func (l lines) line(offset int) int {
	i, found := slices.BinarySearch(l.starts, offset)
	if !found {
		i--
	}
	return i
}

// place is the line and the column of a byte.
func (l lines) place(offset int) (line, column int) {
	offset = max(0, min(offset, len(l.text)))
	i := l.line(offset)
	return i + 1, utf8.RuneCount(bytes.TrimPrefix(l.text[l.starts[i]:offset], []byte("\ufeff"))) + 1
}

// content is where a line's text begins; a line beyond the last one with text
// stands for that one.
func (l lines) content(line int) (at, column int) {
	for line = max(1, min(line, len(l.starts))); ; line-- {
		start, end := l.starts[line-1], len(l.text)
		if line < len(l.starts) {
			end = l.starts[line]
		}
		text := l.text[start:end]
		trimmed := bytes.TrimLeft(text, " \t\r\n")
		if len(trimmed) > 0 || line == 1 {
			_, column = l.place(start + len(text) - len(trimmed))
			if len(trimmed) == 0 {
				column = 1
			}
			return line, column
		}
	}
}

// hold puts problems that would stand behind the text at its end: the YAML reader has
// an empty value there.
func (l lines) hold(problems []Problem) {
	line, column := 0, 0
	for i := range problems {
		p := &problems[i]
		if p.Line <= len(l.starts) {
			continue
		}
		if line == 0 {
			line, column = l.content(p.Line)
		}
		p.Line, p.Column = line, column
	}
}

// jsonReader reads JSON.
type jsonReader struct {
	text     []byte
	base     int // of the text in the whole
	lines    lines
	decoder  *jsontext.Decoder
	problems problems
	// The place before: columns are counted from there, for a line may be as long as
	// the text.
	offset, last, column int
}

var errDepth = errors.New("lists and objects nest too deeply")

func (r *jsonReader) read() (*node, *Problem) {
	r.decoder = jsontext.NewDecoder(bytes.NewReader(r.text), jsontext.AllowDuplicateNames(true))
	root, err := r.value("", 0)
	if err == nil {
		if _, err = r.decoder.ReadToken(); errors.Is(err, io.EOF) {
			return root, nil
		}
		if err == nil {
			err = errors.New("more follows the object")
		}
	}
	at, message := r.decoder.InputOffset(), "The text is neither JSON nor YAML."
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, errDepth):
		message = "The seed nests deeper than " + strconv.Itoa(maxDepth) + " levels."
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		at, message = int64(len(r.text)), "The JSON ends too early: a closing bracket or quotation mark is missing."
	case errors.As(err, &syntax):
		at = syntax.ByteOffset
		message = "The JSON is broken here: look for a comma, a colon, a quotation mark or a bracket too many or too few."
	}
	line, column := r.lines.place(r.base + int(at))
	return nil, &Problem{line, column, "", message}
}

// place is where the token stands that comes next.
func (r *jsonReader) place() (line, column int) {
	_ = r.decoder.PeekKind()
	at := int(r.decoder.InputOffset())
	rest := r.text[at:]
	offset := r.base + at + len(rest) - len(bytes.TrimLeft(rest, " \t\r\n,:"))
	if line = r.lines.line(offset) + 1; line == r.last && offset >= r.offset {
		column = r.column + utf8.RuneCount(r.lines.text[r.offset:offset])
	} else {
		line, column = r.lines.place(offset)
	}
	r.offset, r.last, r.column = offset, line, column
	return line, column
}

func (r *jsonReader) value(pointer string, depth int) (*node, error) {
	line, column := r.place()
	token, err := r.decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	n := &node{line: line, column: column}
	switch token.Kind() {
	case '{', '[':
		if depth >= maxDepth {
			return nil, errDepth
		}
		if token.Kind() == '[' {
			n.kind = isList
			return n, r.list(n, pointer, depth)
		}
		n.kind = isObject
		return n, r.object(n, pointer, depth)
	case '"':
		n.kind, n.text = isText, token.String()
	case '0':
		n.kind, n.text = isNumber, token.String()
	case 't', 'f':
		n.kind, n.text = isTruth, token.String()
	default:
		n.kind = isNull
	}
	return n, nil
}

func (r *jsonReader) list(n *node, pointer string, depth int) error {
	for r.decoder.PeekKind() != ']' {
		item, err := r.value(below(pointer, strconv.Itoa(len(n.items))), depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := r.decoder.ReadToken()
	return err
}

func (r *jsonReader) object(n *node, pointer string, depth int) error {
	names := map[string]int{}
	for r.decoder.PeekKind() != '}' {
		line, column := r.place()
		token, err := r.decoder.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		value, err := r.value(below(pointer, name), depth+1)
		if err != nil {
			return err
		}
		if first, again := names[name]; again {
			if r.problems.wants(line, column) {
				r.problems.add(twice(line, column, pointer, name, first))
			}
			continue
		}
		names[name] = line
		n.members = append(n.members, member{name, line, column, value})
	}
	_, err := r.decoder.ReadToken()
	return err
}

func twice(line, column int, pointer, name string, first int) Problem {
	return Problem{line, column, below(pointer, name), "The member " + shown(name) +
		" stands twice in this object, first in line " + strconv.Itoa(first) + ". Remove one of them."}
}

// yamlReader reads YAML.
type yamlReader struct {
	lines    lines
	nodes    int
	bytes    int          // of names and values, aliases followed
	open     []*yaml.Node // the aliases that are being followed
	problems problems
	full     *Problem // too much or too deep: nothing else matters
}

func (r *yamlReader) read(text []byte) (*node, *Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, &Problem{1, 1, "", `The seed is empty. It begins with "workspaces:".`}
	}
	if err == nil && decoder.Decode(&second) == nil {
		line, column := 1, 1
		if len(second.Content) > 0 {
			line, column = second.Content[0].Line, second.Content[0].Column
		}
		return nil, &Problem{line, column, "", "A second document begins here. A seed is one: put its workspaces into one list."}
	}
	if err != nil {
		return nil, r.broken(text, err)
	}
	if len(document.Content) != 1 {
		return nil, &Problem{1, 1, "", `The seed is empty. It begins with "workspaces:".`}
	}
	return r.value(document.Content[0], "", 0), nil
}

// sip gives a text byte by byte, so that what is left tells how far the reader came.
type sip struct{ rest []byte }

// Read implements [io.Reader].
func (s *sip) Read(p []byte) (int, error) {
	if len(s.rest) == 0 || len(p) == 0 {
		return 0, io.EOF
	}
	p[0], s.rest = s.rest[0], s.rest[1:]
	return 1, nil
}

var yamlError = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?`)

// broken is the mistake that keeps a text from being YAML. The parser names no
// column, and of some mistakes the line where the list or object began instead of
// the one where it went wrong: that is where the parser stopped reading.
func (r *yamlReader) broken(text []byte, err error) *Problem {
	message := err.Error()
	found := yamlError.FindStringSubmatch(message)
	if found == nil { // of another form: it may quote anything
		found, message = []string{"", ""}, "the text cannot be read"
	}
	message = strings.TrimPrefix(message, found[0])
	line, _ := strconv.Atoi(found[1])
	if line == 0 || strings.HasPrefix(message, "did not find expected") {
		s := &sip{rest: text}
		var document yaml.Node
		_ = yaml.NewDecoder(s).Decode(&document)
		line, _ = r.lines.place(max(0, len(text)-len(s.rest)-1))
	}
	line, column := r.lines.content(line)
	return &Problem{line, column, "", "The text is not YAML: " + message + ". Look at the indentation and the quotation marks here and above."}
}

func (r *yamlReader) problem(y *yaml.Node, pointer, message string) {
	if r.problems.wants(y.Line, y.Column) {
		r.problems.add(Problem{y.Line, y.Column, pointer, message})
	}
}

// refuse is problem with a node that then has no value.
func (r *yamlReader) refuse(n *node, y *yaml.Node, pointer, message string) *node {
	r.problem(y, pointer, message)
	n.broken = true
	return n
}

// jsonNumber is a number as JSON writes it (RFC 8259, section 6).
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// value reads a node; what has no meaning in a seed becomes null, and a problem.
func (r *yamlReader) value(y *yaml.Node, pointer string, depth int) *node {
	n := &node{line: y.Line, column: y.Column}
	r.nodes++
	r.bytes += len(y.Value)
	if r.nodes > maxNodes || depth > maxDepth || r.bytes > MaxBytes {
		if r.full == nil {
			r.full = &Problem{y.Line, y.Column, pointer, "The seed holds more than " + strconv.Itoa(maxNodes) + " values or " +
				strconv.Itoa(MaxBytes>>20) + " MiB of text, or nests deeper than " + strconv.Itoa(maxDepth) + " levels. Repeat less by alias, or split it."}
		}
		return n
	}
	if y.Style&yaml.TaggedStyle != 0 {
		return r.refuse(n, y, pointer, "A tag ("+shown(y.Tag)+") means nothing in a seed. Remove it; quotation marks make a text.")
	}
	switch y.Kind {
	case yaml.AliasNode:
		if slices.Contains(r.open, y.Alias) {
			return r.refuse(n, y, pointer, "The alias "+shown(y.Value)+" stands for a value that holds it. Write the value out.")
		}
		r.open = append(r.open, y.Alias)
		meant := r.value(y.Alias, pointer, depth)
		r.open = r.open[:len(r.open)-1]
		return meant
	case yaml.SequenceNode:
		n.kind = isList
		r.open = append(r.open, y)
		for i, item := range y.Content {
			if r.full != nil {
				break
			}
			n.items = append(n.items, r.value(item, below(pointer, strconv.Itoa(i)), depth+1))
		}
		r.open = r.open[:len(r.open)-1]
	case yaml.MappingNode:
		n.kind = isObject
		r.open = append(r.open, y)
		r.object(n, y, pointer, depth)
		r.open = r.open[:len(r.open)-1]
	case yaml.ScalarNode:
		r.scalar(n, y, pointer)
	default:
		return r.refuse(n, y, pointer, "This cannot be read.")
	}
	return n
}

func (r *yamlReader) object(n *node, y *yaml.Node, pointer string, depth int) {
	names := map[string]int{}
	for i := 0; i+1 < len(y.Content) && r.full == nil; i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = &yaml.Node{Kind: key.Alias.Kind, Tag: key.Alias.Tag, Value: key.Alias.Value, Style: key.Alias.Style, Line: key.Line, Column: key.Column}
		}
		switch {
		case key.Tag == "!!merge":
			r.problem(key, below(pointer, "<<"), "Merge keys (<<) mean nothing in a seed. Write the members out, or use an alias for the whole object.")
			continue
		case key.Kind != yaml.ScalarNode:
			r.problem(key, pointer, "The name of a member is a text, not a list or an object.")
			continue
		}
		// What else a name may look like, it is a name: 1, true, null.
		if first, again := names[key.Value]; again {
			if r.problems.wants(key.Line, key.Column) {
				r.problems.add(twice(key.Line, key.Column, pointer, key.Value, first))
			}
			continue
		}
		names[key.Value] = key.Line
		r.bytes += len(key.Value)
		n.members = append(n.members, member{key.Value, key.Line, key.Column, r.value(value, below(pointer, key.Value), depth+1)})
	}
}

func (r *yamlReader) scalar(n *node, y *yaml.Node, pointer string) {
	switch y.ShortTag() {
	case "!!null":
	case "!!bool":
		n.kind, n.text = isTruth, strings.ToLower(y.Value)
	case "!!int", "!!float":
		if !jsonNumber.MatchString(y.Value) {
			r.refuse(n, y, pointer, "A number is written as in JSON (31, -0.5, 1e9), not so. If it is a text, put it in quotation marks.")
			return
		}
		n.kind, n.text = isNumber, y.Value
	case "!!str", "!!timestamp", "!!merge":
		if y.Style == 0 && jsonNumber.MatchString(y.Value) { // too large for YAML's own types
			n.kind, n.text = isNumber, y.Value
			return
		}
		n.kind, n.text = isText, y.Value
	default:
		r.refuse(n, y, pointer, "This is neither a text nor a number, true, false or null.")
	}
}
