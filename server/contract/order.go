package contract

import (
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// What an API needs to know of an operation to list mistakes in its own order.

// BodySchema is the schema of the JSON request body; nil if there is none.
func (o *Operation) BodySchema() *Schema { return o.bodySchema }

// AnswerSchema is the schema of the JSON answer with a status; nil if there is none.
func (o *Operation) AnswerSchema(status int) *Schema {
	mt := o.content(status)[judgedJSON]
	if mt == nil || mt.Schema == nil {
		return nil
	}
	return mt.Schema.Value
}

// Parameters lists the parameters in the order of the document, those of the
// path before those of the operation.
func (o *Operation) Parameters() []*openapi3.Parameter { return o.parameters }

// Properties lists the properties that a schema declares, in the order of the
// document.
func (o *Operation) Properties(s *Schema) []string {
	ix := o.document.index()
	at := ix.pointers[s] + "/properties/"
	names := slices.Sorted(maps.Keys(s.Properties))
	places := make(map[string]int, len(names))
	for _, name := range names {
		places[name], _ = ix.lines.Order(at + pointerEscaper.Replace(name))
	}
	slices.SortStableFunc(names, func(a, b string) int { return places[a] - places[b] })
	return names
}
