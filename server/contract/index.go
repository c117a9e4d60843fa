package contract

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/lines"
)

// index answers where things stand in the document. Only explanations need it,
// so it is built on first use.
type index struct {
	document *Document
	pointers sync.Map // *Schema -> pointer
	lines    lines.Table
	bases    lines.Bases
}

func (d *Document) buildIndex() *index {
	ix := &index{document: d, lines: lines.Read(d.lines), bases: lines.ReadBases(d.marks)}
	if d.marks == nil {
		var raw any
		_ = json.Unmarshal(d.json, &raw) // which was read before
		ix.bases = lines.ReadBases(lines.EncodeBases(raw))
	}
	if d.reader != nil {
		return ix
	}
	if c := d.spec.Components; c != nil {
		for name := range c.Schemas {
			ix.component(c, "schemas", name)
		}
		for name := range c.Parameters {
			ix.component(c, "parameters", name)
		}
		for name := range c.Responses {
			ix.component(c, "responses", name)
		}
		for name := range c.RequestBodies {
			ix.component(c, "requestBodies", name)
		}
		for name := range c.Headers {
			ix.component(c, "headers", name)
		}
	}
	for path, item := range d.spec.Paths.Map() {
		for method, op := range item.Operations() {
			ix.operation(path, item, method, op)
		}
	}
	return ix
}

// at is where a schema stands; "" if it is none of the document's.
func (ix *index) at(s *Schema) string {
	at, _ := ix.find(s)
	return at
}

func (ix *index) find(s *Schema) (string, bool) {
	at, ok := ix.pointers.Load(s)
	if !ok {
		return "", false
	}
	text, _ := at.(string)
	return text, true
}

func (ix *index) component(c *openapi3.Components, section, name string) {
	at := "/components/" + section + "/" + pointerEscaper.Replace(name)
	switch section {
	case "schemas":
		ix.schema(at, c.Schemas[name])
	case "parameters":
		ix.schema(at+"/schema", c.Parameters[name].Value.Schema)
		ix.content(at, c.Parameters[name].Value.Content)
	case "responses":
		ix.content(at, c.Responses[name].Value.Content)
	case "requestBodies":
		ix.content(at, c.RequestBodies[name].Value.Content)
	case "headers":
		ix.schema(at+"/schema", c.Headers[name].Value.Schema)
		ix.content(at, c.Headers[name].Value.Content)
	}
}

func (ix *index) operation(path string, item *openapi3.PathItem, method string, op *openapi3.Operation) {
	for i, ref := range item.Parameters {
		at := "/paths/" + pointerEscaper.Replace(path) + "/parameters/" + itoa(i)
		ix.schema(at+"/schema", ref.Value.Schema)
		ix.content(at, ref.Value.Content)
	}
	at := operationPointer(method, path)
	for i, ref := range op.Parameters {
		ix.schema(at+"/parameters/"+itoa(i)+"/schema", ref.Value.Schema)
		ix.content(at+"/parameters/"+itoa(i), ref.Value.Content)
	}
	if op.RequestBody != nil {
		ix.content(at+"/requestBody", op.RequestBody.Value.Content)
	}
	for status, ref := range op.Responses.Map() {
		ix.content(at+"/responses/"+status, ref.Value.Content)
		for name, h := range ref.Value.Headers {
			header := at + "/responses/" + status + "/headers/" + pointerEscaper.Replace(name)
			ix.schema(header+"/schema", h.Value.Schema)
			ix.content(header, h.Value.Content)
		}
	}
}

func (ix *index) content(pointer string, c openapi3.Content) {
	for name, mt := range c {
		ix.schema(pointer+"/content/"+pointerEscaper.Replace(name)+"/schema", mt.Schema)
	}
}

func (ix *index) schema(pointer string, ref *openapi3.SchemaRef) {
	if ref == nil || ref.Value == nil {
		return
	}
	if ref.Ref != "" {
		pointer = strings.TrimPrefix(ref.Ref, "#")
	}
	if at, merged := ix.document.mergedAt[ref.Value]; merged && strings.HasPrefix(at, "/components/") {
		pointer = at
	} else if merged {
		pointer += at
	}
	if _, done := ix.pointers.LoadOrStore(ref.Value, pointer); done {
		return
	}
	eachChild(ref.Value, func(rel string, child *openapi3.SchemaRef) { ix.schema(pointer+rel, child) })
}

// basis is where the rule at pointer comes from: the mark of the node itself or
// of its nearest marked ancestor, else published. keyword is the rule's key in
// x-understudy-basis-rules of the node.
func (ix *index) basis(node, keyword, member string) Basis {
	if member != "" {
		if b, ok := ix.bases.Rule(node, keyword+"/"+member); ok {
			return Basis(b)
		}
	}
	if b, ok := ix.bases.Rule(node, keyword); ok {
		return Basis(b)
	}
	if b, ok := ix.bases.Nearest(node); ok {
		return Basis(b)
	}
	return BasisPublished
}

// locate gives the place of a pointer, with the line of the nearest node that the
// line table knows.
func (d *Document) locate(pointer string) Location {
	loc := Location{File: d.File, Pointer: pointer}
	if at, ok := d.index().lines.Nearest(pointer); ok {
		loc.File, loc.Line = at.File, at.Line
	}
	return loc
}

// Locate gives the place in the document of a JSON pointer.
func (d *Document) Locate(pointer string) Location { return d.locate(pointer) }
