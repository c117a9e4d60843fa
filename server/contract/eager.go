package contract

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// Reasons of a jsonError that only an eager reader of bodies gives.
const (
	// ReasonEmpty is the detail of a RuleJSON violation: the Content-Type says
	// JSON and the body has no bytes.
	ReasonEmpty    = "the text is empty"
	reasonPoisoned = "a member name that JavaScript treats specially (__proto__, constructor.prototype)"
)

// readEagerBody judges how a body came, for an API whose framework parses every
// body by its Content-Type before it looks at the operation (Source.EagerBody),
// as Fastify does: a body without a Content-Type is refused, one on an operation
// that declares none is parsed all the same, and JSON may not be empty. GET, HEAD
// and TRACE have no body, whatever comes. It reads the body if its declared schema
// remains to be judged.
func (o *Operation) readEagerBody(m *Message) (*payload, []Violation) {
	switch m.Method {
	case http.MethodGet, http.MethodHead, http.MethodTrace:
		return nil, nil
	}
	at := o.facts().bodyPointer
	if at == "" {
		at = o.Pointer()
	}
	v := Violation{
		Side: SideClient, In: InBody, Basis: BasisPublished, Schema: o.facts().bodySchema,
		Operation: o.ID, Where: o.document.locate(at),
	}
	values := m.Header.Values("Content-Type")
	if len(values) == 0 && len(m.Body) == 0 {
		if o.facts().bodyNeeded {
			return nil, []Violation{o.bodyMissing()}
		}
		return nil, nil
	}
	// Fastify 4 does not look at the Content-Type of a DELETE without a body, Fastify
	// 5 does, and which of them answers is not known.
	unsent := m.Method == http.MethodDelete && len(m.Body) == 0 && !o.facts().bodyNeeded
	mediaType := ""
	if len(values) > 0 {
		mediaType = mediaTypeOf(values[0]) // of several, Node keeps the first
	}
	c := o.contentOf(mediaType)
	switch {
	case mediaType == "text/plain" && !o.HasBody():
		return nil, nil
	case c == nil && (o.HasBody() || mediaType != jsonType):
		v.Rule, v.Detail = RuleMediaType, jsonType
		if unsent {
			v.Basis = BasisInferred
		}
		if len(values) > 0 {
			v.Got = values[0]
		}
		if o.HasBody() {
			v.Detail = strings.Join(o.facts().mediaTypes, " or ")
			v.Basis = o.document.index().basis(at, "content", "")
			v.Where = o.document.locate(at + "/content")
		}
		return nil, []Violation{v}
	case c != nil && c.kind != contentJSON:
		if len(m.Body) == 0 && o.facts().bodyNeeded && c.kind != contentForm && c.kind != contentText {
			return nil, []Violation{o.bodyMissing()}
		}
		return o.payload(c, m)
	case len(m.Body) == 0:
		v.Rule, v.Detail = RuleJSON, ReasonEmpty
		if unsent {
			v.Basis = BasisInferred
		}
		return nil, []Violation{v}
	}
	text, err := readJSON(m.Body)
	if syntax, ok := err.(*jsonError); ok { //nolint:errorlint // readJSON gives no other
		v.Rule, v.Detail, v.Offset = RuleJSON, syntax.Reason, syntax.Offset
		o.malformed(&v, c, m.Body)
		return nil, []Violation{v}
	}
	suspect := bytes.Contains(m.Body, []byte("__proto__")) || bytes.Contains(m.Body, []byte("constructor")) ||
		bytes.Contains(m.Body, []byte(`\u00`))
	switch {
	case suspect && poisoned(text.value):
		v.Rule, v.Detail = RuleJSON, reasonPoisoned
		return nil, []Violation{v}
	case c == nil:
		return nil, nil
	}
	return &payload{content: c, json: text, numbers: text, value: text.value}, nil
}

// poisoned reports whether an object within v has a member that would become a
// prototype in JavaScript.
func poisoned(v any) bool {
	switch v := v.(type) {
	case []any:
		if slices.ContainsFunc(v, poisoned) {
			return true
		}
	case map[string]any:
		if _, ok := v["__proto__"]; ok {
			return true
		}
		if c, ok := v["constructor"].(map[string]any); ok {
			if _, ok := c["prototype"]; ok {
				return true
			}
		}
		for _, member := range v {
			if poisoned(member) {
				return true
			}
		}
	}
	return false
}

// mediaTypeOf reads the media type of a Content-Type, in lower case and without
// its parameters, of which nothing is asked; empty if it is not type "/" subtype.
func mediaTypeOf(contentType string) string {
	text, _, _ := strings.Cut(contentType, ";")
	kind, subtype, ok := strings.Cut(strings.ToLower(strings.Trim(text, " \t")), "/")
	if !ok || !isToken(kind) || !isToken(subtype) {
		return ""
	}
	return kind + "/" + subtype
}

func isToken(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("_!#$%&'*+.^`|~-", c) {
			return false
		}
	}
	return s != ""
}
