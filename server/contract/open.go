package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

// Open reads a document that was checked when it was generated: each operation, and
// what it refers to, is read when it is first asked for. A document of a hundred
// operations is open in a few milliseconds, and takes the memory of what is used.
// [Load] reads it all, and fails where Open finds out too late.
func Open(src Source) (*Document, error) {
	d := newDocument(src)
	d.spec = &openapi3.T{Components: &openapi3.Components{
		Schemas: openapi3.Schemas{}, Parameters: openapi3.ParametersMap{}, Headers: openapi3.Headers{},
		RequestBodies: openapi3.RequestBodies{}, Responses: openapi3.ResponseBodies{}, Examples: openapi3.Examples{},
	}, Paths: openapi3.NewPaths()}
	r := &reader{document: d, components: map[string][]byte{}}
	r.lowerer = newLowerer(d)
	d.reader = r
	if err := r.scan(src.JSON); err != nil {
		return nil, fmt.Errorf("open %s: %w", src.File, err)
	}
	d.finish()
	return d, nil
}

// reader reads the parts of a document as they are asked for.
type reader struct {
	mu         sync.Mutex
	document   *Document
	components map[string][]byte // what is not read yet, by its pointer
	rests      [][]byte          // the pointers of parameters that take the rest of a path, as references have them
	lowerer    *lowerer
	unindexed  []func(*index) // what was read since the index was last asked for
}

// index completes the index by what was read.
func (r *reader) index(ix *index) *index {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, add := range r.unindexed {
		add(ix)
	}
	r.unindexed = nil
	return ix
}

// members hands over the members of a JSON object, as text.
func members(object []byte, visit func(name string, value []byte) error) error {
	// A document that was read has no name twice; to look for one takes memory.
	dec := jsontext.NewDecoder(bytes.NewBuffer(object), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil { // {
		return err
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		name, begin := token.String(), dec.InputOffset()
		if err := dec.SkipValue(); err != nil {
			return err
		}
		value := bytes.TrimLeft(object[begin:dec.InputOffset()], " \t\r\n:")
		if err := visit(name, value); err != nil {
			return err
		}
	}
	return nil
}

// scan finds the parts.
func (r *reader) scan(document []byte) error {
	spec := r.document.spec
	var paths []byte // after the components, which say what paths match
	err := members(document, func(name string, value []byte) error {
		switch name {
		case "openapi":
			if err := json.Unmarshal(value, &spec.OpenAPI); err != nil {
				return err
			}
			r.lowerer.draft2020 = spec.IsOpenAPI31OrLater()
			spec.OpenAPI = loweredVersion
		case "security":
			return json.Unmarshal(value, &spec.Security)
		case "paths":
			paths = value
		case unservedKey:
			list, err := unservedOf(value)
			r.document.unserved = list
			return err
		case "components":
			return members(value, func(section string, value []byte) error {
				if section == "securitySchemes" {
					return json.Unmarshal(value, &spec.Components.SecuritySchemes)
				}
				return members(value, func(name string, value []byte) error {
					at := "#/components/" + section + "/" + pointerEscaper.Replace(name)
					r.components[at] = value
					if section == "parameters" && bytes.Contains(value, []byte(multiSegmentKey)) {
						r.rests = append(r.rests, []byte(strconv.Quote(at)))
					}
					return nil
				})
			})
		}
		return nil
	})
	if err != nil || paths == nil {
		return err
	}
	return members(paths, r.scanPath)
}

// takesRest reports whether a parameter within a path takes the rest of it.
func (r *reader) takesRest(item []byte) bool {
	return bytes.Contains(item, []byte(multiSegmentKey)) ||
		slices.ContainsFunc(r.rests, func(ref []byte) bool { return bytes.Contains(item, ref) })
}

func (r *reader) scanPath(path string, item []byte) error {
	var parameters []byte
	type part struct {
		method, id string
		text       []byte
	}
	var parts []part
	err := members(item, func(name string, value []byte) error {
		method := strings.ToUpper(name)
		switch method {
		case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch, http.MethodHead, http.MethodOptions, http.MethodTrace:
			p := part{method: method, text: value}
			err := members(value, func(name string, value []byte) error {
				if name == "operationId" {
					return json.Unmarshal(value, &p.id)
				}
				return nil
			})
			parts = append(parts, p)
			return err
		case "PARAMETERS":
			parameters = value
		}
		return nil
	})
	if err != nil {
		return err
	}
	shared := &openapi3.PathItem{}
	for _, p := range parts {
		o := &Operation{ID: p.id, Method: p.method, Path: path, document: r.document}
		read := sync.OnceValues(func() (*facts, error) { return r.read(o, shared, parameters, p.text) })
		o.facts = func() *facts {
			known, err := read()
			if err != nil {
				return unread
			}
			return known
		}
		rest := map[string]bool{}
		if r.takesRest(item) { // it decides what the path matches
			known, err := read()
			if err != nil {
				return err
			}
			for _, param := range known.parameters {
				if marked, _ := param.Extensions[multiSegmentKey].(bool); marked {
					rest[param.Name] = true
				}
			}
		}
		if o.template, err = newTemplate(path, rest, r.document.emptyParam); err != nil {
			return err
		}
		r.document.add(o)
	}
	return nil
}

// unread stands for an operation that cannot be read: it declares no answer, so that
// each breaks the document. A test reads all that is served.
var unread = &facts{operation: &openapi3.Operation{Responses: openapi3.NewResponsesWithCapacity(0)}}

// read reads an operation and what it refers to.
func (r *reader) read(o *Operation, item *openapi3.PathItem, parameters, text []byte) (*facts, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	op := &openapi3.Operation{}
	if err := json.Unmarshal(text, op); err != nil {
		return nil, err
	}
	if parameters != nil && item.Parameters == nil {
		if err := json.Unmarshal(parameters, &item.Parameters); err != nil {
			return nil, err
		}
	}
	item.SetOperation(o.Method, op)
	at := o.Method + " " + o.Path
	for _, part := range [][]byte{text, parameters} {
		if err := r.refer(part); err != nil {
			return nil, err
		}
	}
	x := resolver{components: r.document.spec.Components}
	for _, list := range []openapi3.Parameters{item.Parameters, op.Parameters} {
		for _, ref := range list {
			x.parameter(ref)
			r.lowerer.parameter(at, ref.Value)
		}
	}
	if op.RequestBody != nil {
		x.requestBody(op.RequestBody)
		r.lowerer.content(at, op.RequestBody.Value.Content)
	}
	for _, ref := range op.Responses.Map() {
		x.response(ref)
		r.lowerer.response(at, ref.Value)
	}
	if x.missing != "" {
		return nil, fmt.Errorf("%s: refers to %s, which is not there", at, x.missing)
	}
	if err := r.lowerer.settle(); err != nil {
		return nil, err
	}
	r.unindexed = append(r.unindexed, func(ix *index) { ix.operation(o.Path, item, o.Method, op) })
	known, _, err := r.document.newFacts(o.Pointer(), o.Method, o.Path, item, op)
	return known, err
}

var reference = regexp.MustCompile(`"\$ref"\s*:\s*"(#/components/[^"]+)"|"(#/components/schemas/[^"]+)"`)

// refer reads the components that a part of the document refers to, and theirs: all
// of them before any is lowered.
func (r *reader) refer(part []byte) error {
	var found []string
	if err := r.decode(part, &found); err != nil {
		return err
	}
	c := r.document.spec.Components
	x := resolver{components: c}
	for _, at := range found {
		section, name := cutComponent(at)
		switch section {
		case "schemas":
			x.schema(c.Schemas[name])
		case "parameters":
			x.parameter(c.Parameters[name])
		case "headers":
			x.header(c.Headers[name])
		case "requestBodies":
			x.requestBody(c.RequestBodies[name])
		case "responses":
			x.response(c.Responses[name])
		}
	}
	if x.missing != "" {
		return fmt.Errorf("refers to %s, which is not there", x.missing)
	}
	for _, at := range found {
		section, name := cutComponent(at)
		switch section {
		case "schemas":
			r.lowerer.ref(at, c.Schemas[name])
		case "parameters":
			r.lowerer.parameter(at, c.Parameters[name].Value)
		case "headers":
			r.lowerer.parameter(at, &c.Headers[name].Value.Parameter)
		case "requestBodies":
			r.lowerer.content(at, c.RequestBodies[name].Value.Content)
		case "responses":
			r.lowerer.response(at, c.Responses[name].Value)
		}
	}
	r.unindexed = append(r.unindexed, func(ix *index) {
		for _, at := range found {
			section, name := cutComponent(at)
			ix.component(c, section, name)
		}
	})
	return r.lowerer.settle()
}

func cutComponent(at string) (section, name string) {
	section, name, _ = strings.Cut(strings.TrimPrefix(at, "#/components/"), "/")
	return section, pointerUnescaper.Replace(name)
}

var pointerUnescaper = strings.NewReplacer("~1", "/", "~0", "~")

func (r *reader) decode(part []byte, found *[]string) error {
	for _, m := range reference.FindAllSubmatch(part, -1) {
		at := string(m[1])
		if at == "" {
			at = string(m[2])
		}
		text, ok := r.components[at]
		if !ok {
			continue // it is read, or the resolver misses it
		}
		delete(r.components, at)
		section, name := cutComponent(at)
		c := r.document.spec.Components
		var err error
		switch section {
		case "schemas":
			err = decodeInto(c.Schemas, name, text)
		case "parameters":
			err = decodeInto(c.Parameters, name, text)
		case "headers":
			err = decodeInto(c.Headers, name, text)
		case "requestBodies":
			err = decodeInto(c.RequestBodies, name, text)
		case "responses":
			err = decodeInto(c.Responses, name, text)
		case "examples":
			err = decodeInto(c.Examples, name, text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		*found = append(*found, at)
		if err := r.decode(text, found); err != nil {
			return err
		}
	}
	return nil
}

func decodeInto[M ~map[string]*R, R any](m M, name string, text []byte) error {
	ref := new(R)
	if err := json.Unmarshal(text, ref); err != nil {
		return err
	}
	m[name] = ref
	return nil
}

// resolver gives references the components that were read. What stands beside a
// reference asks nothing of a value: the generator sees to it.
type resolver struct {
	components *openapi3.Components
	missing    string
}

func (x *resolver) schema(ref *openapi3.SchemaRef) {
	if ref == nil {
		return
	}
	if ref.Ref != "" {
		if ref.Value == nil {
			_, name := cutComponent(ref.Ref)
			held := x.components.Schemas[name]
			if held == nil {
				x.missing = ref.Ref
				ref.Value = &Schema{}
				return
			}
			if held.Ref != "" && held != ref { // a component that is a reference itself
				x.schema(held)
			}
			ref.Value = held.Value
		}
		return
	}
	if ref.Value != nil {
		eachChild(ref.Value, func(_ string, child *openapi3.SchemaRef) { x.schema(child) })
	}
}

func (x *resolver) parameter(ref *openapi3.ParameterRef) {
	if ref.Ref != "" {
		_, name := cutComponent(ref.Ref)
		held := x.components.Parameters[name]
		if held == nil {
			x.missing, ref.Value = ref.Ref, &openapi3.Parameter{}
			return
		}
		ref.Value = held.Value
		return
	}
	x.schema(ref.Value.Schema)
	x.content(ref.Value.Content)
}

func (x *resolver) header(ref *openapi3.HeaderRef) {
	if ref.Ref != "" {
		_, name := cutComponent(ref.Ref)
		held := x.components.Headers[name]
		if held == nil {
			x.missing, ref.Value = ref.Ref, &openapi3.Header{}
			return
		}
		ref.Value = held.Value
		return
	}
	x.schema(ref.Value.Schema)
	x.content(ref.Value.Content)
}

func (x *resolver) requestBody(ref *openapi3.RequestBodyRef) {
	if ref.Ref != "" {
		_, name := cutComponent(ref.Ref)
		held := x.components.RequestBodies[name]
		if held == nil {
			x.missing, ref.Value = ref.Ref, &openapi3.RequestBody{}
			return
		}
		ref.Value = held.Value
		return
	}
	x.content(ref.Value.Content)
}

func (x *resolver) response(ref *openapi3.ResponseRef) {
	if ref.Ref != "" {
		_, name := cutComponent(ref.Ref)
		held := x.components.Responses[name]
		if held == nil {
			x.missing, ref.Value = ref.Ref, &openapi3.Response{}
			return
		}
		ref.Value = held.Value
		return
	}
	x.content(ref.Value.Content)
	for _, h := range ref.Value.Headers {
		x.header(h)
	}
}

func (x *resolver) content(c openapi3.Content) {
	for _, mt := range c {
		x.schema(mt.Schema)
		for _, e := range mt.Examples {
			if e.Ref != "" && e.Value == nil {
				_, name := cutComponent(e.Ref)
				if held := x.components.Examples[name]; held != nil {
					e.Value = held.Value
				}
			}
		}
		for _, encoding := range mt.Encoding {
			for _, h := range encoding.Headers {
				x.header(h)
			}
		}
	}
}

// scanSecretNames is findSecretNames over the text, of which little may be read.
func (d *Document) scanSecretNames() map[string]bool {
	names := map[string]bool{}
	var root any
	_ = json.Unmarshal(d.json, &root) // which was read before
	tree, _ := root.(map[string]any)
	components, _ := tree["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	var secret func(node any, depth int) bool
	secret = func(node any, depth int) bool {
		schema, _ := node.(map[string]any)
		if schema == nil || depth > 20 {
			return false
		}
		if schema["writeOnly"] == true || schema["format"] == "password" || schema[secretKey] == true {
			return true
		}
		if ref, ok := schema["$ref"].(string); ok {
			section, name := cutComponent(ref)
			return section == "schemas" && secret(schemas[name], depth+1)
		}
		for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
			branches, _ := schema[keyword].([]any)
			for _, branch := range branches {
				if secret(branch, depth+1) {
					return true
				}
			}
		}
		return false
	}
	var walk func(node any)
	walk = func(node any) {
		switch n := node.(type) {
		case map[string]any:
			if properties, ok := n["properties"].(map[string]any); ok {
				for name, schema := range properties {
					if secret(schema, 0) {
						names[foldName(name)] = true
					}
				}
			}
			if name, ok := n["name"].(string); ok && n["in"] != nil && secret(n["schema"], 0) {
				names[foldName(name)] = true
			}
			for _, value := range n {
				walk(value)
			}
		case []any:
			for _, item := range n {
				walk(item)
			}
		}
	}
	walk(root)
	return names
}
