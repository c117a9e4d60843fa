package contract

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// Schema is a schema of a served document, in the judged (lowered) form.
type Schema = openapi3.Schema

// Source is a served document as the generator embeds it.
type Source struct {
	API   string // the API's short name: "brms"
	File  string // the document's path in the repository: "openapi/brms"
	JSON  []byte // the document
	Lines []byte // where its nodes stand; see package lines
	Marks []byte // the bases of its nodes, as the generator lists them; nil to look for them in JSON
	// EagerBody says that the real service parses every body by its Content-Type
	// before it looks at the operation, as Fastify does: see judgeEagerBody.
	EagerBody bool
	// EncodedSlash says that "%2F" in a path is part of a segment. Otherwise it is
	// a slash like any other.
	EncodedSlash bool
	// ContentType is how the real service spells the Content-Type of a JSON answer;
	// "" for application/json.
	ContentType string
	// Convert is what the real service makes of values that are not as declared;
	// nil if nothing is to be converted. See Operation.Understand.
	Convert Convert
	// EmptyParameter says that a path parameter may be empty, and is then judged
	// by its schema, as find-my-way lets it be.
	EmptyParameter bool
	// WholeEscapes says that a name or value of a query that has a malformed escape
	// is text as it came, as fast-querystring reads it. Otherwise the other escapes in
	// it are decoded.
	WholeEscapes bool
	// Starlette says that what came more than once is read as Starlette reads it: of a
	// query parameter the last value, of the Content-Type the first. Otherwise of a
	// parameter the first value that is not empty counts, and of Content-Types none.
	Starlette bool
	// Foreign says that the document is one that others serve: what it says is judged as
	// it stands, a default answer included, and what cannot be judged costs a warning
	// instead of the load. See Document.Warnings.
	Foreign bool
}

// Document is a served document, lowered and ready to judge by.
type Document struct {
	API  string
	File string

	spec         *openapi3.T
	json         []byte
	lines, marks []byte
	reader       *reader // of what is not read yet; nil if everything is
	eagerBody    bool
	encodedSlash bool
	contentType  string
	convert      Convert
	emptyParam   bool
	wholeEscapes bool
	starlette    bool
	foreign      bool
	operations   map[string]*Operation // "METHOD template"
	ordered      []*Operation
	anyone       *Operation         // whose credentials count where no operation asks for them
	mergedAt     map[*Schema]string // nullable schemas -> where their rules stand: a component, or relative to the union

	index       func() *index
	secretNames func() map[string]bool // see redact.go
	// secretSchemas are the schemas of which it is known whether they hold secrets. Those
	// that a violation's rest is judged by are copies and are not looked up.
	secretSchemas sync.Map
	verdicts      verdicts
	notes         []string
	warnings      []Warning
	beyond        map[*Schema]bool // that the evaluator judges, and not kin-openapi
	patterns      sync.Map         // that were read, by their text
	unserved      []unserved
	trees         func() *pathTrees
}

// EncodedSlash reports whether "%2F" in a path is part of a segment.
func (d *Document) EncodedSlash() bool { return d.encodedSlash }

// EmptyParameter reports whether a path parameter may be empty.
func (d *Document) EmptyParameter() bool { return d.emptyParam }

// ContentType is how the Content-Type of a JSON answer is spelled; "" for
// application/json.
func (d *Document) ContentType() string { return d.contentType }

// Anyone stands for the operation of a request that matches none: any credential of
// the document will do.
func (d *Document) Anyone() *Operation { return d.anyone }

// Notes are what the document says and is not judged by.
func (d *Document) Notes() []string { return d.notes }

// Warning is a rule of a foreign document that is not judged: what it says of a value
// does not count.
type Warning struct {
	Pointer string // where it stands
	Text    string
}

// Warnings are the rules of a foreign document that are not judged, in the order of
// their places.
func (d *Document) Warnings() []Warning { return d.warnings }

// Load reads a document, lowers it (see lower) and prepares its operations. It
// fails on a document it could not enforce exactly, unless that is foreign.
func Load(src Source) (*Document, error) {
	loader := openapi3.NewLoader()
	spec, err := loader.LoadFromData(src.JSON)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", src.File, err)
	}
	d := newDocument(src)
	d.spec = spec
	if !d.foreign {
		if err := d.unenforced(); err != nil {
			return nil, fmt.Errorf("load %s: %w", src.File, err)
		}
	}
	if err := d.lower(); err != nil {
		return nil, fmt.Errorf("load %s: %w", src.File, err)
	}
	for _, path := range spec.Paths.InMatchingOrder() {
		item := spec.Paths.Value(path)
		for method, op := range item.Operations() {
			if op.OperationID == "" && d.foreign {
				op.OperationID = method + " " + path
			}
			known, template, err := d.newFacts(operationPointer(method, path), method, path, item, op)
			if err != nil {
				return nil, fmt.Errorf("load %s: %s %s: %w", src.File, method, path, err)
			}
			d.add(&Operation{ID: op.OperationID, Method: method, Path: path, document: d, template: template, facts: func() *facts { return known }})
		}
	}
	d.finish()
	return d, nil
}

func newDocument(src Source) *Document {
	return &Document{
		API: src.API, File: src.File,
		json: src.JSON, lines: src.Lines, marks: src.Marks, eagerBody: src.EagerBody, encodedSlash: src.EncodedSlash,
		contentType: src.ContentType, convert: src.Convert,
		emptyParam: src.EmptyParameter, wholeEscapes: src.WholeEscapes, starlette: src.Starlette, foreign: src.Foreign,
		beyond:     map[*Schema]bool{},
		operations: map[string]*Operation{},
		mergedAt:   map[*Schema]string{},
	}
}

// finish completes a document whose operations are known.
func (d *Document) finish() {
	d.secretNames = sync.OnceValue(d.findSecretNames)
	d.index = sync.OnceValue(d.buildIndex)
	d.trees = sync.OnceValue(d.plantTrees)
	if d.reader != nil {
		d.secretNames = sync.OnceValue(d.scanSecretNames)
		whole := d.index
		d.index = func() *index { return d.reader.index(whole()) }
	}
	d.anyone = d.anybody()
	slices.SortFunc(d.ordered, func(a, b *Operation) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
}

func (d *Document) add(o *Operation) {
	d.operations[o.Method+" "+o.Path] = o
	d.ordered = append(d.ordered, o)
}

// Operations lists the document's operations, ordered by path and method.
func (d *Document) Operations() []*Operation { return d.ordered }

// Operation finds an operation by method and path template; nil if undeclared.
func (d *Document) Operation(method, template string) *Operation {
	return d.operations[method+" "+template]
}

// Operation is one operation of a document, with all that judging it needs.
type Operation struct {
	ID     string
	Method string
	Path   string // the path template

	document *Document
	template Template
	facts    func() *facts // what else the document says of it, read when it is needed
}

// facts is the declaration of an operation, prepared for judging by it.
type facts struct {
	operation   *openapi3.Operation
	item        *openapi3.PathItem
	route       *routers.Route // for kin-openapi
	parameters  []*openapi3.Parameter
	readers     []*parameterReader // of those that kin-openapi does not read
	plain       int                // how many it does
	query       map[string]*openapi3.Parameter
	headers     bool // has header or cookie parameters
	numberTexts bool // has number parameters
	secured     bool
	ownSecurity bool // the operation states its security itself
	security    openapi3.SecurityRequirements
	bearers     [][]Bearer // what security asks for: alternatives
	mediaTypes  []string   // of the request body, as declared
	bodyNeeded  bool
	bodySchema  *Schema         // of the JSON request body
	bodyPointer string          // where the request body is declared
	contents    []*content      // of the request body, by media type
	answers     map[int]*answer // by what is declared: a status, a range, default
	bodyMost    int64           // bytes of the request body at most, if more than of others
	permission  string
}

// Document is the document that declares the operation.
func (o *Operation) Document() *Document { return o.document }

// Secured reports whether the operation asks for a credential.
func (o *Operation) Secured() bool { return o.facts().secured }

// permissionKey marks an operation with the permission that it asks for.
const permissionKey = "x-understudy-permission"

// Permission is the permission that a caller needs for the operation, and what is
// known of that need; "" if none is needed but to be known.
func (o *Operation) Permission() (name string, basis Basis) {
	if name = o.facts().permission; name == "" {
		return "", BasisPublished
	}
	return name, o.document.index().basis(o.Pointer(), permissionKey, "")
}

// Template is the operation's path.
func (o *Operation) Template() Template { return o.template }

// HasBody reports whether the operation declares a request body.
func (o *Operation) HasBody() bool { return o.facts().operation.RequestBody != nil }

// Pointer is the operation's place in the document.
func (o *Operation) Pointer() string { return operationPointer(o.Method, o.Path) }

func operationPointer(method, path string) string {
	return "/paths/" + pointerEscaper.Replace(path) + "/" + strings.ToLower(method)
}

// Statuses lists the declared statuses.
func (o *Operation) Statuses() []string { return o.facts().operation.Responses.Keys() }

func (d *Document) newFacts(at, method, path string, item *openapi3.PathItem, op *openapi3.Operation) (*facts, Template, error) {
	o := &facts{
		operation: op,
		query:     map[string]*openapi3.Parameter{},
	}
	if op.Responses.Default() != nil && !d.foreign {
		return nil, Template{}, errors.New("a default response would let any status pass")
	}
	if mark, marked := op.Extensions[permissionKey]; marked {
		if o.permission, _ = mark.(string); o.permission == "" {
			return nil, Template{}, fmt.Errorf("%s: want the name of a permission", permissionKey)
		}
	}
	plain := *op
	plain.Parameters = nil
	rest := map[string]bool{}
	for _, ref := range ownParameters(item.Parameters, op.Parameters) {
		p := ref.Value
		o.parameters = append(o.parameters, p)
		if marked, _ := p.Extensions[multiSegmentKey].(bool); marked {
			if p.In != openapi3.ParameterInPath {
				return nil, Template{}, fmt.Errorf("%s: %s is for path parameters", p.Name, multiSegmentKey)
			}
			rest[p.Name] = true
		}
		switch p.In {
		case openapi3.ParameterInQuery:
			o.query[p.Name] = p
		case openapi3.ParameterInHeader, openapi3.ParameterInCookie:
			o.headers = true
		}
		if r := newParameterReader(p); d.isOwn(r) {
			if p.In == openapi3.ParameterInQuery {
				r.others = o.query
			}
			if d.foreign && (r.undefined(nil) || r.spreadCookie()) {
				loosen(r.schema)
			}
			o.readers = append(o.readers, r)
		} else {
			o.plain++
			o.numberTexts = o.numberTexts || p.Schema.Value.Type.Is(openapi3.TypeNumber)
			plain.Parameters = append(plain.Parameters, ref)
		}
	}
	// kin-openapi is shown what it is to judge: the plain parameters, once.
	o.route = &routers.Route{Spec: d.spec, Path: path, PathItem: &openapi3.PathItem{}, Method: method, Operation: &plain}
	o.item = item
	template, err := newTemplate(path, rest, d.emptyParam)
	if err != nil {
		return nil, Template{}, err
	}
	o.security = d.spec.Security
	if op.Security != nil {
		o.security, o.ownSecurity = *op.Security, true
	}
	o.bearers = d.bearers(o.security)
	o.secured = len(o.security) > 0
	for _, requirement := range o.security {
		if len(requirement) == 0 {
			o.secured = false
		}
	}
	// Credentials are judged here, not by kin-openapi.
	op.Security, plain.Security = &openapi3.SecurityRequirements{}, &openapi3.SecurityRequirements{}
	o.answers = newAnswers(at, op.Responses)
	if ref := op.RequestBody; ref != nil {
		o.bodyNeeded = ref.Value.Required
		o.bodyPointer = at + "/requestBody"
		if ref.Ref != "" {
			o.bodyPointer = strings.TrimPrefix(ref.Ref, "#")
		}
		for _, name := range slices.Sorted(maps.Keys(ref.Value.Content)) {
			c := newContent(name, ref.Value.Content[name])
			if c.kind == contentYAML && !d.foreign {
				c.kind = contentBinary // who serves it reads it, in bounds and with places of its own
			}
			if c.media.essence() == jsonType {
				o.bodySchema = c.schema
			}
			o.contents = append(o.contents, c)
			o.mediaTypes = append(o.mediaTypes, c.mediaType)
		}
		if most, marked := ref.Value.Extensions[maxBodyKey]; marked {
			bytes, ok := most.(float64)
			if !ok || bytes < 1 || bytes != math.Trunc(bytes) {
				return nil, Template{}, fmt.Errorf("%s: want a number of bytes", maxBodyKey)
			}
			o.bodyMost = int64(bytes)
		}
		slices.Sort(o.mediaTypes)
		slices.SortFunc(o.contents, func(a, b *content) int { return strings.Compare(a.mediaType, b.mediaType) })
	}
	return o, template, nil
}

// ignoredHeaders are header parameters that say nothing (OpenAPI, section Parameter
// Object).
var ignoredHeaders = []string{"Accept", "Content-Type", "Authorization"}

func ignored(header string) bool {
	return slices.ContainsFunc(ignoredHeaders, func(name string) bool { return strings.EqualFold(name, header) })
}

// ownParameters are the parameters that count for an operation: those of its path that
// it does not declare anew, and its own.
func ownParameters(ofPath, own openapi3.Parameters) openapi3.Parameters {
	all := make(openapi3.Parameters, 0, len(ofPath)+len(own))
	for i, ref := range slices.Concat(ofPath, own) {
		p := ref.Value
		replaced := i < len(ofPath) && slices.ContainsFunc(own, func(o *openapi3.ParameterRef) bool {
			return o.Value.In == p.In && o.Value.Name == p.Name
		})
		if !replaced && (p.In != openapi3.ParameterInHeader || !ignored(p.Name)) {
			all = append(all, ref)
		}
	}
	return all
}

// eachChild calls fn for every subschema of s that the judged form can hold, with
// its place relative to s.
func eachChild(s *Schema, fn func(pointer string, ref *openapi3.SchemaRef)) {
	for name, ref := range s.Properties {
		fn("/properties/"+pointerEscaper.Replace(name), ref)
	}
	for _, list := range [...]struct {
		keyword string
		refs    openapi3.SchemaRefs
	}{{"oneOf", s.OneOf}, {"anyOf", s.AnyOf}, {"allOf", s.AllOf}, {"prefixItems", s.PrefixItems}} {
		for i, ref := range list.refs {
			fn("/"+list.keyword+"/"+itoa(i), ref)
		}
	}
	if s.Items != nil {
		fn("/items", s.Items)
	}
	if s.Not != nil {
		fn("/not", s.Not)
	}
	if s.AdditionalProperties.Schema != nil {
		fn("/additionalProperties", s.AdditionalProperties.Schema)
	}
	if len(s.PatternProperties)+len(s.DependentSchemas) > 0 {
		for keyword, schemas := range map[string]openapi3.Schemas{"patternProperties": s.PatternProperties, "dependentSchemas": s.DependentSchemas} {
			for name, ref := range schemas {
				fn("/"+keyword+"/"+pointerEscaper.Replace(name), ref)
			}
		}
	}
	for _, child := range [...]struct {
		keyword string
		ref     *openapi3.SchemaRef
	}{
		{"contains", s.Contains},
		{"propertyNames", s.PropertyNames},
		{"if", s.If},
		{"then", s.Then},
		{"else", s.Else},
		{"unevaluatedItems", s.UnevaluatedItems.Schema},
		{"unevaluatedProperties", s.UnevaluatedProperties.Schema},
	} {
		if child.ref != nil {
			fn("/"+child.keyword, child.ref)
		}
	}
}

// Methods orders methods as documents usually list them.
var Methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
	http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace,
}
