package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/contract/formats"
	"github.com/understudy-api/understudy/server/contract/lines"
)

// Document is an OpenAPI document, ready to verify by: the contract, and what had to be
// rewritten of a foreign document so that there is one.
type Document struct {
	Contract *contract.Document
	// Notes are what the document says and cannot be judged by.
	Notes []string

	defaults map[string]string
	loose    map[string]bool // operations whose requests hold a format that is not known
	exempt   []Exemption
}

// FromSource takes a document that is served here, as the generator embeds it.
func FromSource(src contract.Source, exempt ...Exemption) (*Document, error) {
	judged, err := contract.Load(src)
	if err != nil {
		return nil, mistake("%v", err)
	}
	return &Document{Contract: judged, exempt: exempt}, nil
}

// ParseDocument reads an OpenAPI document, 3.0 or 3.1, YAML or JSON. name is the
// API's short name in reports, file where the document is. What it asks for and
// cannot be judged exactly is a [MistakeError] that names the place.
func ParseDocument(name, file string, data []byte) (*Document, error) {
	root, lines, err := readTree(data)
	if err != nil {
		return nil, mistake("%s: %v", file, err)
	}
	tree, ok := root.(map[string]any)
	if !ok {
		return nil, mistake("%s: not an OpenAPI document", file)
	}
	switch version, _ := tree["openapi"].(string); {
	case strings.HasPrefix(version, "3.0."), strings.HasPrefix(version, "3.1."):
	case tree["swagger"] != nil:
		return nil, mistake("%s: Swagger 2 is not supported: convert the document to OpenAPI 3", file)
	default:
		return nil, mistake("%s: openapi %q: want 3.0 or 3.1", file, version)
	}
	a := adaptation{lines: lines, defaults: map[string]string{}, loose: map[string]bool{}}
	a.adapt(tree)
	src := contract.Source{API: name, File: file, JSON: encode(tree), Lines: table(a.lines, file), EncodedSlash: true}
	judged, err := contract.Load(src)
	if err != nil {
		return nil, mistake("%s", located(err, file, lines))
	}
	return &Document{Contract: judged, Notes: append(a.notes, judged.Notes()...), defaults: a.defaults, loose: a.loose}, nil
}

func table(at map[string]int, file string) []byte {
	places := make(map[string]lines.Place, len(at))
	for pointer, line := range at {
		places[pointer] = lines.Place{File: file, Line: line}
	}
	return lines.Encode(places, file)
}

// located puts the line to every complaint that names a pointer.
func located(err error, file string, lines map[string]int) string {
	var out []string
	for complaint := range strings.SplitSeq(strings.TrimPrefix(err.Error(), "load "+file+": "), "\n") {
		at, _, _ := strings.Cut(complaint, ": ")
		at, _, _ = strings.Cut(strings.TrimPrefix(at, "#"), " ")
		if line := lineOf(lines, at); strings.HasPrefix(at, "/") && line > 0 {
			complaint = "line " + strconv.Itoa(line) + ": " + complaint
		}
		out = append(out, complaint)
	}
	return file + ": " + strings.Join(out, "; ")
}

func lineOf(lines map[string]int, at string) int {
	for {
		if line := lines[at]; line > 0 {
			return line
		}
		i := strings.LastIndexByte(at, '/')
		if i < 0 {
			return 0
		}
		at = at[:i]
	}
}

// readTree reads YAML or JSON, and the line on which each node stands.
func readTree(data []byte) (any, map[string]int, error) {
	lines := map[string]int{}
	if start := bytes.TrimLeft(data, " \t\r\n\ufeff"); len(start) > 0 && start[0] == '{' {
		start = bytes.TrimPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("\ufeff"))
		value, ok := decode(start)
		if !ok {
			return nil, nil, errors.New("not one JSON value")
		}
		return value, lines, jsonLines(start, lines)
	}
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, nil, err
	}
	if len(file.Content) != 1 {
		return nil, nil, errors.New("not a YAML document")
	}
	value, err := fromYAML(file.Content[0], "", lines, 0)
	lines[""] = 1
	return value, lines, err
}

func jsonLines(text []byte, lines map[string]int) error {
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	line, counted := 1, 0
	for {
		if _, err := d.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		end := int(d.InputOffset())
		line += bytes.Count(text[counted:end], []byte("\n"))
		counted = end
		if at := string(d.StackPointer()); lines[at] == 0 {
			lines[at] = line
		}
	}
}

// maxDepth bounds documents whose aliases nest.
const maxDepth = 200

// fromYAML turns nodes into JSON values. Keys that are no strings, as the statuses
// of many documents, are read as they are written.
func fromYAML(n *yaml.Node, at string, lines map[string]int, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: nested too deeply", n.Line)
	}
	if lines[at] == 0 {
		lines[at] = n.Line
	}
	switch n.Kind {
	case yaml.AliasNode:
		return fromYAML(n.Alias, at, lines, depth+1)
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Tag == "!!merge" {
				merged, err := fromYAML(n.Content[i+1], at, lines, depth+1)
				if err != nil {
					return nil, err
				}
				members, _ := merged.(map[string]any)
				for name, value := range members {
					if _, own := out[name]; !own {
						out[name] = value
					}
				}
				continue
			}
			child := at + "/" + escapePointer(key.Value)
			lines[child] = key.Line
			value, err := fromYAML(n.Content[i+1], child, lines, depth+1)
			if err != nil {
				return nil, err
			}
			out[key.Value] = value
		}
		return out, nil
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			value, err := fromYAML(item, at+"/"+strconv.Itoa(i), lines, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = value
		}
		return out, nil
	case yaml.ScalarNode:
		return scalar(n)
	}
	return nil, fmt.Errorf("line %d: not a value", n.Line)
}

func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value), nil
		}
		var f float64
		if err := n.Decode(&f); err != nil {
			return nil, err
		}
		text, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is not a number of JSON", n.Line, n.Value)
		}
		return json.Number(text), nil
	}
	return n.Value, nil
}

func escapePointer(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// adaptation rewrites what a foreign document may say and the judge does not take,
// where the meaning stays the same.
type adaptation struct {
	lines    map[string]int
	defaults map[string]string // pointer of the made-up status -> of the default answer
	loose    map[string]bool
	notes    []string
	formats  map[string]bool
}

// defaultStatus stands for the default answer of an operation in the judged form.
const defaultStatus = 599

var methods = []string{
	http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch,
	http.MethodHead, http.MethodOptions, http.MethodTrace,
}

func (a *adaptation) adapt(tree map[string]any) {
	a.formats = map[string]bool{}
	paths, _ := tree["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, _ := paths[path].(map[string]any)
		for _, method := range methods {
			op, ok := item[strings.ToLower(method)].(map[string]any)
			if !ok {
				continue
			}
			if id, _ := op["operationId"].(string); id == "" {
				op["operationId"] = method + " " + path
			}
			responses, _ := op["responses"].(map[string]any)
			if other, ok := responses["default"]; ok {
				at := "/paths/" + escapePointer(path) + "/" + strings.ToLower(method) + "/responses/"
				made := strconv.Itoa(defaultStatus)
				delete(responses, "default")
				responses[made] = other
				a.defaults[at+made] = at + "default"
				for _, pointer := range slices.Sorted(maps.Keys(a.lines)) {
					if rest, below := strings.CutPrefix(pointer, at+"default"); below && (rest == "" || rest[0] == '/') {
						a.lines[at+made+rest] = a.lines[pointer]
					}
				}
			}
		}
	}
	a.walk(tree, "", false)
}

// walk drops formats that the judge does not know: they say no more than a comment
// does (OpenAPI 3.1, section Data Type Format). data says that the node is the name
// of something or a value.
func (a *adaptation) walk(node any, at string, names bool) {
	switch n := node.(type) {
	case map[string]any:
		if format, ok := n["format"].(string); ok && !names && !formats.Known(format) {
			delete(n, "format")
			n["x-understudy-format"] = format
			if !a.formats[format] {
				a.formats[format] = true
				a.notes = append(a.notes, fmt.Sprintf("format %q is not judged (first on line %d), and what holds it is not expected to be accepted", format, lineOf(a.lines, at)))
			}
		}
		for _, key := range slices.Sorted(maps.Keys(n)) {
			if !names && (key == "example" || key == "examples" || key == "default" || key == "enum" || key == "const" || strings.HasPrefix(key, "x-")) {
				continue
			}
			a.walk(n[key], at+"/"+escapePointer(key), !names && (key == "properties" || key == "patternProperties"))
		}
	case []any:
		for i, item := range n {
			a.walk(item, at+"/"+strconv.Itoa(i), false)
		}
	}
}

// languageKey marks a value that is of a language of its own, such as a graph of
// decisions: the schema alone does not say which are accepted.
const languageKey = "x-understudy-language"

// hasLooseFormat reports whether a schema asks for a format that is not judged, or for
// a value whose language it does not describe.
func hasLooseFormat(s *openapi3.Schema, seen map[*openapi3.Schema]bool) bool {
	if s == nil || seen[s] {
		return false
	}
	seen[s] = true
	if s.Extensions["x-understudy-format"] != nil || s.Extensions[languageKey] != nil {
		return true
	}
	refs := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	for _, ref := range s.Properties {
		refs = append(refs, ref)
	}
	refs = append(refs, s.Items, s.Not, s.AdditionalProperties.Schema)
	return slices.ContainsFunc(refs, func(ref *openapi3.SchemaRef) bool {
		return ref != nil && hasLooseFormat(ref.Value, seen)
	})
}

// settle gives the place of a finding as the document has it.
func (d *Document) settle(l contract.Location) contract.Location {
	for made, written := range d.defaults {
		if rest, below := strings.CutPrefix(l.Pointer, made); below && (rest == "" || rest[0] == '/') {
			l.Pointer = written + rest
		}
	}
	return l
}
