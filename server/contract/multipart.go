package contract

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxParts bounds the parts of a multipart body.
const maxParts = 1000

// maxFieldBytes bounds the parts that are no files, all together: they are held in
// memory and judged as values.
const maxFieldBytes = 1 << 20

// The reasons why a body is not multipart/form-data.
const (
	reasonBoundary  = "the Content-Type names no boundary"
	reasonParts     = "it does not end with the closing boundary, or a part is malformed"
	reasonNoName    = "a part has no name"
	reasonManyParts = "it has too many parts"
	reasonBigFields = "its parts that are no files are too large"
)

// errPart is what is wrong with a multipart body; its text is one of the reasons.
type errPart string

func (e errPart) Error() string { return string(e) }

// reader reads the whole body.
func (m *Message) reader() io.Reader {
	if m.File != nil {
		return io.NewSectionReader(m.File, 0, m.Size)
	}
	return bytes.NewReader(m.Body)
}

// readMultipart reads the parts of a multipart body by the schema: files are passed
// over, whatever their size, and stand in the value as empty texts; the others are
// values as in a form, or JSON.
func (o *Operation) readMultipart(p *payload, contentType string, m *Message) {
	read, err := p.content.parts(contentType, m.reader())
	if reason, ok := errors.AsType[errPart](err); ok {
		v := o.bodyViolation(p.content, RuleMultipart)
		if v.Detail = string(reason); reason == reasonBigFields {
			v.Rule = RuleBodySize
		}
		p.found = []Violation{v}
		return
	}
	if syntax, ok := errors.AsType[*partJSONError](err); ok {
		v := o.bodyViolation(p.content, RuleJSON)
		v.Detail, v.Offset, v.Path = syntax.syntax.Reason, syntax.syntax.Offset, syntax.path
		p.found = []Violation{v}
		return
	}
	p.numbers, p.value = read, read.value
	p.opaque = read.opaque
	for _, t := range read.mistyped {
		v := o.bodyViolation(p.content, RuleMediaType)
		v.Path, v.Got, v.Detail = t.path, t.came, strings.Join(t.types, " or ")
		p.found = append(p.found, v)
	}
}

// partType is a part of a media type that is not declared for it.
type partType struct {
	path  []Step
	came  string
	types []string
}

// partJSONError says which part is not JSON although it has to be.
type partJSONError struct {
	path   []Step
	syntax *jsonError
}

func (e *partJSONError) Error() string { return e.syntax.Error() }

// parts reads the parts of a body into an object.
func (c *content) parts(contentType string, body io.Reader) (*jsonText, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return nil, errPart(reasonBoundary)
	}
	members := map[string]any{}
	read := &jsonText{value: members}
	left := int64(maxFieldBytes)
	reader := multipart.NewReader(body, params["boundary"])
	for n := 0; ; n++ {
		part, err := reader.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			return read, nil
		case err != nil:
			return nil, errPart(reasonParts)
		case n >= maxParts:
			return nil, errPart(reasonManyParts)
		}
		name := part.FormName()
		if name == "" {
			return nil, errPart(reasonNoName)
		}
		schemas, list := c.member(name), false
		if wants(schemas, openapi3.TypeArray) {
			schemas, list = children(schemas, Step{Array: true}), true
		}
		came, _ := members[name].([]any)
		path := []Step{{Name: name}}
		if list {
			path = append(path, Step{Array: true, Index: len(came)})
		}
		_, again := members[name]
		into := read
		if again && !list { // the first counts, as in a query
			into = &jsonText{}
		}
		value, err := c.part(part, name, schemas, into, path, &left)
		switch {
		case err != nil:
			return nil, err
		case list:
			members[name] = append(came, value)
		case !again:
			members[name] = value
		}
	}
}

// part reads one part into the body.
func (c *content) part(part *multipart.Part, name string, schemas []*Schema, body *jsonText, path []Step, left *int64) (any, error) {
	if types, said := c.partTypes(name), part.Header.Get("Content-Type"); types != nil && said != "" && !fitsOne(types, said) {
		body.mistyped = append(body.mistyped, partType{path, said, types})
	}
	if structuredPart(schemas) && c.opaquePart(part, name) {
		body.opaque = append(body.opaque, path)
		if _, err := io.Copy(io.Discard, part); err != nil {
			return nil, errPart(reasonParts)
		}
		return "", nil
	}
	if isFile(part, schemas) {
		if _, err := io.Copy(io.Discard, part); err != nil {
			return nil, errPart(reasonParts)
		}
		return "", nil
	}
	text, err := io.ReadAll(io.LimitReader(part, *left+1))
	if err != nil {
		return nil, errPart(reasonParts)
	}
	if *left -= int64(len(text)); *left < 0 {
		return nil, errPart(reasonBigFields)
	}
	if c.partIsJSON(part, name, schemas) {
		read, err := readJSON(text)
		if syntax, ok := err.(*jsonError); ok { //nolint:errorlint // readJSON gives no other
			return nil, &partJSONError{path, syntax}
		}
		return body.adopt(read, path), nil
	}
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return body.field(schemas, string(text), path), nil
}

// isFile reports whether a part is a file: it has a file's name and its schema does not
// ask for another value than a text, or its schema is of bytes.
func isFile(part *multipart.Part, schemas []*Schema) bool {
	text := wants(schemas, openapi3.TypeString) || !slices.ContainsFunc(expand(slices.Clone(schemas)), func(s *Schema) bool { return s.Type != nil })
	return part.FileName() != "" && text && !wants(schemas, openapi3.TypeObject) || slices.ContainsFunc(schemas, isBinary)
}

func structuredPart(schemas []*Schema) bool {
	return wants(schemas, openapi3.TypeObject) && !wants(schemas, openapi3.TypeString)
}

// opaquePart reports whether a part is of a media type that is not read here, as XML.
func (c *content) opaquePart(part *multipart.Part, name string) bool {
	said := part.Header.Get("Content-Type")
	if e := c.encoding[name]; said == "" && e != nil {
		said = e.ContentType
	}
	essence := parseMedia(said).essence()
	return essence != "" && !isJSONType(essence) && essence != "text/plain" && essence != "application/octet-stream"
}

// partIsJSON reports whether a part is JSON: it says so, or the document does, or
// its schema is of an object (OpenAPI 3.0, section Encoding Object).
func (c *content) partIsJSON(part *multipart.Part, name string, schemas []*Schema) bool {
	said := part.Header.Get("Content-Type")
	if said == "" {
		if e := c.encoding[name]; e != nil {
			said = e.ContentType
		}
	}
	if said != "" {
		return isJSONType(MediaType(said))
	}
	return wants(schemas, openapi3.TypeObject) && !wants(schemas, openapi3.TypeString)
}

// maskMultipart shows the parts of a multipart body, of which perhaps only the
// beginning is there: files by their size, secrets not at all.
func (c *content) maskMultipart(contentType string, body []byte, mask func(name, text string) string) ([]byte, bool) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return nil, false
	}
	var out bytes.Buffer
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range maxParts {
		part, err := reader.NextRawPart()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				out.WriteString("(the rest is left out)\n")
			}
			break
		}
		name := part.FormName()
		out.WriteString("--" + params["boundary"] + "\n")
		for _, header := range []string{"Content-Disposition", "Content-Type"} {
			if value := part.Header.Get(header); value != "" {
				out.WriteString(header + ": " + value + "\n")
			}
		}
		text, err := io.ReadAll(part)
		file := isFile(part, c.member(name)) || !utf8.Valid(text)
		switch {
		case file && mask(name, "") == Mask:
			out.WriteString("\n" + Mask + "\n")
		case file && err != nil:
			out.WriteString("\n(" + itoa(len(text)) + " bytes and more)\n")
		case file:
			out.WriteString("\n(" + itoa(len(text)) + " bytes)\n")
		default:
			out.WriteString("\n" + mask(name, string(text)) + "\n")
		}
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), out.Len() > 0
}

// maskForm hides the secrets of a form.
func maskForm(text string, whole bool, mask func(name, text string) string) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if pair == "" {
			continue
		}
		plainName, _ := decodeText(name, whole)
		plain, _ := decodeText(value, whole)
		switch masked := mask(plainName, plain); {
		case masked == Mask:
			pairs[i] = name + "=" + Mask
		case masked != plain:
			pairs[i] = name + "=" + url.QueryEscape(masked)
		}
	}
	return strings.Join(pairs, "&")
}
