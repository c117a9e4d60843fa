package contract

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/formats"
	"github.com/understudy-api/understudy/server/contract/spelling"
)

// What a served document says and nothing is judged by fails its load: nobody would
// find out that it is passed over.

// servedRules finds it.
type servedRules struct {
	document *Document
	errs     []error
}

func (r *servedRules) fail(at, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

// unenforced says what of the document but its schemas would be passed over.
func (d *Document) unenforced() error {
	r := servedRules{document: d}
	for i, server := range d.spec.Servers {
		if u, err := url.Parse(server.URL); err != nil || strings.Trim(u.Path, "/") != "" {
			r.fail("#/servers/"+itoa(i), "the path of %q is not served: write it in the paths", server.URL)
		}
	}
	r.security("#/security", d.spec.Security)
	if c := d.spec.Components; c != nil {
		for name, ref := range sortedMap(c.RequestBodies) {
			r.body("#/components/requestBodies/"+name, ref.Value)
		}
		for name, ref := range sortedMap(c.Responses) {
			r.response("#/components/responses/"+name, ref.Value)
		}
	}
	for path, item := range sortedMap(d.spec.Paths.Map()) {
		r.path("#/paths/"+pointerEscaper.Replace(path), path)
		if len(item.Servers) > 0 {
			r.fail("#/paths/"+pointerEscaper.Replace(path)+"/servers", "servers of a path are not served")
		}
		for method, op := range sortedMap(item.Operations()) {
			at := "#" + operationPointer(method, path)
			if op.Servers != nil && len(*op.Servers) > 0 {
				r.fail(at+"/servers", "servers of an operation are not served")
			}
			if op.Security != nil {
				r.security(at+"/security", *op.Security)
			}
			for _, ref := range slices.Concat(item.Parameters, op.Parameters) {
				if p := ref.Value; p.In == openapi3.ParameterInHeader && ignored(p.Name) {
					r.fail(at+"/parameters", "the header %s is none that a parameter describes", p.Name)
				}
			}
			if ref := op.RequestBody; ref != nil && ref.Ref == "" {
				r.body(at+"/requestBody", ref.Value)
			}
			for status, ref := range sortedMap(op.Responses.Map()) {
				if ref.Ref == "" {
					r.response(at+"/responses/"+status, ref.Value)
				}
			}
		}
	}
	return errors.Join(r.errs...)
}

func (r *servedRules) security(at string, requirements openapi3.SecurityRequirements) {
	for i, way := range r.document.bearers(requirements) {
		for _, b := range way {
			if b.field == "" {
				r.fail(at+"/"+itoa(i), "no request can be asked for %q", b.Name)
			}
		}
	}
}

var parameterName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// path refuses a template that no path is of, or that the router reads otherwise.
func (r *servedRules) path(at, path string) {
	known := map[string]bool{}
	for _, s := range ParseTemplate(path).segments {
		for _, text := range s.texts {
			if strings.ContainsAny(text, "{}?#%") {
				r.fail(at, "no path of a request has the text %q", text)
			}
		}
		for _, name := range s.names {
			if !parameterName.MatchString(name) {
				r.fail(at, "a parameter cannot be called %q", name)
			}
			if known[name] {
				r.fail(at, "the parameter %q is there twice", name)
			}
			known[name] = true
		}
	}
}

func (r *servedRules) body(at string, b *openapi3.RequestBody) {
	if len(b.Content) == 0 {
		r.fail(at, "a request body of no media type")
	}
	for name, mt := range sortedMap(b.Content) {
		r.content(at+"/content/"+pointerEscaper.Replace(name), newContent(name, orEmpty(mt)), false)
	}
}

func (r *servedRules) response(at string, answer *openapi3.Response) {
	for name := range sortedMap(answer.Headers) {
		if strings.EqualFold(name, "Content-Type") {
			r.fail(at+"/headers/"+name, "the header Content-Type is that of the content")
		}
	}
	for name, mt := range sortedMap(answer.Content) {
		r.content(at+"/content/"+pointerEscaper.Replace(name), newContent(name, orEmpty(mt)), true)
	}
}

func orEmpty(mt *openapi3.MediaType) *openapi3.MediaType {
	if mt == nil {
		return openapi3.NewMediaType()
	}
	return mt
}

func (r *servedRules) content(at string, c *content, answer bool) {
	if c.media.kind == "" || c.media.subtype == "" {
		r.fail(at, "%q is no media type", c.mediaType)
		return
	}
	fields := !answer && (c.kind == contentForm || c.kind == contentMultipart)
	for name := range sortedMap(c.encoding) {
		switch {
		case !fields:
			r.fail(at+"/encoding", "only fields of a form are encoded")
		case len(children([]*Schema{c.schema}, Step{Name: name})) == 0:
			r.fail(at+"/encoding/"+pointerEscaper.Replace(name), "the schema has no such property")
		}
	}
	judged := c.kind == contentJSON || fields || c.kind == contentText && (!answer || !c.streams())
	if !judged && c.schema != nil && c.media.subtype != "*" && !plainBody(c) {
		r.fail(at+"/schema", "bodies of %s are not judged: they can be of type string and nothing else", c.mediaType)
	}
}

// plainBody reports whether the schema of a body says no more of it than that there is one.
func plainBody(c *content) bool {
	s := *c.schema
	s.Title, s.Description, s.Default, s.Example, s.Examples = "", "", nil, nil, nil
	s.Extensions, s.Origin, s.Deprecated = nil, nil, false
	if s.Format == "binary" {
		s.Format = ""
	}
	if s.Type.Is(openapi3.TypeString) || c.kind == contentYAML && s.Type.Is(openapi3.TypeObject) {
		s.Type = nil
	}
	return reflect.DeepEqual(s, Schema{})
}

// keywords are those of schemas that are long enough to be misspelled.
var keywords = sync.OnceValue(func() []string {
	var all []string
	for field := range reflect.TypeFor[Schema]().Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); len(name) > len("items")-1 {
			all = append(all, name)
		}
	}
	return all
})

// servedSchema tells what a schema of a served document says in vain.
func (l *lowerer) servedSchema(at string, s *Schema) {
	for member := range sortedMap(s.Extensions) {
		if strings.HasPrefix(member, "x-") {
			continue
		}
		for _, keyword := range keywords() {
			if _, near := spelling.Within(strings.ToLower(member), strings.ToLower(keyword), 1+len(keyword)/9); near {
				l.fail(at, "the member %q is no keyword: %s is", member, keyword)
			}
		}
	}
	for keyword, empty := range map[string]bool{
		"enum": s.Enum != nil && len(s.Enum) == 0, "oneOf": s.OneOf != nil && len(s.OneOf) == 0,
		"anyOf": s.AnyOf != nil && len(s.AnyOf) == 0, "allOf": s.AllOf != nil && len(s.AllOf) == 0,
	} {
		if empty {
			l.fail(at, "%s is empty", keyword)
		}
	}
	if s.MultipleOf != nil && *s.MultipleOf <= 0 {
		l.fail(at, "multipleOf: want a number greater than 0")
	}
	if s.Format != "" && s.Type != nil {
		ofNumbers := s.Type.Includes(openapi3.TypeInteger) || s.Type.Includes(openapi3.TypeNumber)
		if formats.Numeric(s.Format) && !ofNumbers || !formats.Numeric(s.Format) && !s.Type.Includes(openapi3.TypeString) {
			l.fail(at, "format %q says nothing of values of these types", s.Format)
		}
	}
	if tag := s.Discriminator; tag != nil {
		if tag.PropertyName == "" {
			l.fail(at, "a discriminator without propertyName")
		}
		branches := slices.Concat(s.OneOf, s.AnyOf)
		if len(branches) == 0 {
			l.fail(at, "a discriminator beside neither oneOf nor anyOf is not supported")
		}
		for value, to := range sortedMap(tag.Mapping) {
			if len(branches) > 0 && !slices.ContainsFunc(branches, func(b *openapi3.SchemaRef) bool {
				_, name := cutComponent(b.Ref)
				return b.Ref != "" && (b.Ref == to.Ref || name == to.Ref)
			}) {
				l.fail(at, "the discriminator maps %q to %q, which is none of the branches", value, to.Ref)
			}
		}
	}
}
