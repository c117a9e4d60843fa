package contract

import (
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxBodyKey marks a request body that may be larger than others: its bytes at most.
const maxBodyKey = "x-understudy-max-body"

// contentKind says how a body of a media type is read and judged.
type contentKind int

const (
	contentBinary    contentKind = iota // as it came; nothing in it is judged
	contentJSON                         // one JSON value
	contentForm                         // application/x-www-form-urlencoded
	contentMultipart                    // multipart/form-data
	contentText                         // a string, or another value in plain text
	contentYAML                         // one YAML document that is a JSON value
)

// kindOf tells how a body of a media type is read. What the schema calls binary is
// not looked into, whatever its type.
func kindOf(mediaType string, schema *Schema) contentKind {
	switch {
	case isJSONType(mediaType) && (schema == nil || schema.Format != "binary"):
		return contentJSON
	case mediaType == formType:
		return contentForm
	case mediaType == multipartType:
		return contentMultipart
	case schema == nil || isBinary(schema):
		return contentBinary
	case schema.Type.Is(openapi3.TypeString) && isYAMLType(mediaType):
		return contentText // a text in YAML, or one that is
	case isYAMLType(mediaType):
		return contentYAML
	case wants([]*Schema{schema}, openapi3.TypeString), mediaType == "text/plain" && !structured(schema):
		return contentText
	}
	return contentBinary
}

// structured reports whether a schema is of objects or arrays: a text that is not JSON
// writes them in a way of its own.
func structured(s *Schema) bool {
	return wants([]*Schema{s}, openapi3.TypeObject) || wants([]*Schema{s}, openapi3.TypeArray)
}

// isYAMLType reports whether a media type without parameters is YAML (RFC 9512, and
// what was used before it).
func isYAMLType(mediaType string) bool {
	switch mediaType {
	case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/vnd.yaml":
		return true
	}
	return strings.HasSuffix(mediaType, "+yaml")
}

const (
	jsonType      = "application/json"
	formType      = "application/x-www-form-urlencoded"
	multipartType = "multipart/form-data"
)

// isJSONType reports whether a media type without parameters is JSON (RFC 6839,
// section 3.1).
func isJSONType(mediaType string) bool {
	return mediaType == jsonType || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json")
}

// isBinary reports whether a schema stands for bytes: OpenAPI 3.0 says so by a
// format, 3.1 by a schema that asks for nothing.
func isBinary(s *Schema) bool {
	return s.Format == "binary" || s.Type == nil && s.IsEmpty()
}

// content is the declaration of a body in one of its media types.
type content struct {
	mediaType string // as declared; may be a range, such as "image/*", or have parameters
	media     mediaRange
	kind      contentKind
	schema    *Schema // nil if the document does not say
	encoding  map[string]*openapi3.Encoding

	shape  sync.Once
	shaped *shape
}

func newContent(name string, mt *openapi3.MediaType) *content {
	c := &content{mediaType: name, media: parseMedia(name), encoding: mt.Encoding}
	if mt.Schema != nil {
		c.schema = mt.Schema.Value
	}
	c.kind = kindOf(c.media.essence(), c.schema)
	return c
}

// as is the content for a message of a media type: of a range the type that came says
// how it is read.
func (c *content) as(came mediaRange) *content {
	if c == nil || c.media.subtype != "*" && !strings.HasPrefix(c.media.subtype, "*+") {
		return c
	}
	if kind := kindOf(came.essence(), c.schema); kind != c.kind {
		return &content{mediaType: c.mediaType, media: c.media, kind: kind, schema: c.schema, encoding: c.encoding}
	}
	return c
}

// contentOf finds what the operation declares for a media type: the type itself before
// a range; nil if it declares nothing.
func (o *Operation) contentOf(mediaType string) *content {
	contents := o.facts().contents
	if len(contents) == 1 && contents[0].mediaType == mediaType {
		return contents[0]
	}
	came := parseMedia(mediaType)
	return bestOf(contents, came).as(came)
}

// contentFor is contentOf for the header Content-Type; one that is not there or
// empty stands for JSON.
func (o *Operation) contentFor(contentType string) *content {
	if strings.TrimSpace(contentType) == "" {
		return o.contentOf(jsonType)
	}
	return o.contentOf(contentType)
}

// RequestBody is one of the media types that an operation takes, with the schema of
// such a body in the judged form; nil if the document does not say.
type RequestBody struct {
	MediaType string // as declared
	Send      string // as a message names it: of a range one of the types in it
	Schema    *Schema
	Encoding  map[string]*openapi3.Encoding
}

// RequestBodies lists the media types that the operation takes, in order.
func (o *Operation) RequestBodies() []RequestBody {
	bodies := make([]RequestBody, 0, len(o.facts().contents))
	for _, c := range o.facts().contents {
		bodies = append(bodies, RequestBody{c.mediaType, sent(c.mediaType, c.schema), c.schema, c.encoding})
	}
	return bodies
}

// Spools reports whether a body with this Content-Type may go through a file: nothing
// has to be decoded as a whole.
func (o *Operation) Spools(contentType string) bool {
	c := o.contentFor(contentType)
	return c != nil && (c.kind == contentMultipart || c.kind == contentBinary || c.kind == contentText)
}

// MaxBody is how large a request's body may be, in bytes.
func (o *Operation) MaxBody(standard int64) int64 { return max(standard, o.facts().bodyMost) }

// payload is a body that was read, once, for all that judges it.
type payload struct {
	content *content
	json    *jsonText // of contentJSON; nil for other kinds
	numbers *jsonText // the value with its odd numbers; nil where none can be
	value   any
	found   []Violation // what is wrong with how it is written
	opaque  [][]Step    // what is in it and not looked into
}

// within reports whether a violation is in a part of the body that is not looked into.
func (p *payload) within(v Violation) bool {
	return slices.ContainsFunc(p.opaque, func(at []Step) bool { return len(v.Path) >= len(at) && slices.Equal(v.Path[:len(at)], at) })
}

// read reads a body by its declared media type. contentType is the header.
func (o *Operation) read(c *content, contentType string, m *Message) *payload {
	p := &payload{content: c}
	switch c.kind {
	case contentJSON:
		text, err := readJSON(m.Body)
		if syntax, ok := err.(*jsonError); ok { //nolint:errorlint // readJSON gives no other
			v := o.bodyViolation(c, RuleJSON)
			v.Detail, v.Offset = syntax.Reason, syntax.Offset
			o.malformed(&v, c, m.Body)
			p.found = []Violation{v}
			return p
		}
		p.json, p.numbers, p.value = text, text, text.value
	case contentForm:
		if o.document.foreign {
			p.value, p.opaque = c.formOf(o.document, string(m.Body))
			return p
		}
		p.numbers = c.form(string(m.Body), o.document.wholeEscapes)
		p.value = p.numbers.value
	case contentMultipart:
		o.readMultipart(p, contentType, m)
	case contentText:
		text := strings.ToValidUTF8(string(m.Body), "\uFFFD")
		if p.value = text; c.schema != nil && !wants([]*Schema{c.schema}, openapi3.TypeString) {
			p.value = o.document.scalar(c.schema, strings.TrimSpace(text), SideClient)
		}
	case contentYAML:
		value, err := readYAML(m.Body)
		if err != nil {
			v := o.bodyViolation(c, RuleJSON)
			v.Detail = reasonYAML
			p.found = []Violation{v}
			return p
		}
		p.value = value
	case contentBinary:
	}
	return p
}

func (o *Operation) bodyViolation(c *content, rule string) Violation {
	return Violation{
		Side: SideClient, Rule: rule, Basis: BasisPublished, In: InBody, Schema: c.schema, root: c.schema,
		Operation: o.ID, Where: o.document.locate(o.facts().bodyPointer), op: o,
	}
}

// form reads a form's members by the schema: what is to be a number is one if it
// can be, and what is to be an array holds all that came by its name.
func (c *content) form(text string, whole bool) *jsonText {
	members := map[string]any{}
	read := &jsonText{value: members}
	for name, texts := range readQuery(text, whole).Values {
		values := make([]any, 0, len(texts))
		schemas := c.member(name)
		item := schemas
		list := wants(schemas, openapi3.TypeArray)
		if list {
			item = children(schemas, Step{Array: true})
			if !c.exploded(name) {
				texts = strings.Split(texts[0], ",")
			}
		}
		if !list {
			texts = texts[:1] // the first counts
		}
		for i, text := range texts {
			path := []Step{{Name: name}}
			if list {
				path = append(path, Step{Array: true, Index: i})
			}
			values = append(values, read.field(item, text, path))
		}
		if members[name] = values[0]; list {
			members[name] = values
		}
	}
	return read
}

// exploded reports whether a form repeats the name of a list for each of its items.
func (c *content) exploded(name string) bool {
	e := c.encoding[name]
	return e == nil || e.Explode == nil || *e.Explode
}

// member gives the schemas of a member of the body.
func (c *content) member(name string) []*Schema {
	if c.schema == nil {
		return nil
	}
	return children([]*Schema{c.schema}, Step{Name: name})
}

// wants reports whether one of the schemas of a value asks for a type.
func wants(schemas []*Schema, kind string) bool {
	return slices.ContainsFunc(expand(slices.Clone(schemas)), func(s *Schema) bool { return s.Type.Includes(kind) })
}

// field is the text of a form's field as a value of its schema, at a place in t. A
// text that is none stays one, for the schema to refuse.
func (t *jsonText) field(schemas []*Schema, text string, path []Step) any {
	if len(schemas) == 0 || wants(schemas, openapi3.TypeString) || strings.TrimSpace(text) != text {
		return text
	}
	read, err := readJSON([]byte(text))
	if err != nil {
		return text
	}
	return t.adopt(read, path)
}

// adopt notes the odd numbers of a part of t, and gives its value. path leads to it.
func (t *jsonText) adopt(part *jsonText, path []Step) any {
	if len(part.odd) == 0 {
		return part.value
	}
	last := len(path) - 1
	in := &holder{}
	for _, step := range path[:last] {
		in = &holder{in: in, at: step}
	}
	top := part.odd[0].in // of all of them
	for top != nil && top.in != nil {
		top = top.in
	}
	if top != nil {
		top.in, top.at = in, path[last]
	}
	for _, n := range part.odd {
		if n.in == nil {
			n.in, n.at = in, path[last]
		}
		t.odd = append(t.odd, n)
	}
	return part.value
}
