package contract

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// What an API needs to know of an operation to list mistakes in its own order.

// BodySchema is the schema of the JSON request body; nil if there is none.
func (o *Operation) BodySchema() *Schema { return o.facts().bodySchema }

// AnswerSchema is the schema of the JSON answer with a status; nil if there is none.
func (o *Operation) AnswerSchema(status int) *Schema {
	mt := o.AnswerJSON(status)
	if mt == nil || mt.Schema == nil {
		return nil
	}
	return mt.Schema.Value
}

// Parameters lists the parameters in the order of the document, those of the
// path before those of the operation.
func (o *Operation) Parameters() []*openapi3.Parameter { return o.facts().parameters }

// Properties lists the properties that a schema declares, in the order of the
// document.
func (o *Operation) Properties(s *Schema) []string {
	ix := o.document.index()
	at := ix.at(s) + "/properties/"
	names := slices.Sorted(maps.Keys(s.Properties))
	places := make(map[string]int, len(names))
	for _, name := range names {
		places[name], _ = ix.lines.Order(at + pointerEscaper.Replace(name))
	}
	slices.SortStableFunc(names, func(a, b string) int { return places[a] - places[b] })
	return names
}

// Encode writes a value that is no answer of a handler, such as an example, with
// the members of its objects in declared order; members that are not declared come
// last.
func (o *Operation) Encode(v any, schemas ...*Schema) ([]byte, error) {
	switch v := v.(type) {
	case map[string]any:
		text := []byte{'{'}
		for _, name := range o.memberNames(v, schemas) {
			if len(text) > 1 {
				text = append(text, ',')
			}
			quoted, err := json.Marshal(name)
			if err != nil {
				return nil, err
			}
			member, err := o.Encode(v[name], children(schemas, Step{Name: name})...)
			if err != nil {
				return nil, err
			}
			text = append(append(append(text, quoted...), ':'), member...)
		}
		return append(text, '}'), nil
	case []any:
		text := []byte{'['}
		for i, item := range v {
			if i > 0 {
				text = append(text, ',')
			}
			encoded, err := o.Encode(item, children(schemas, Step{Array: true, Index: i})...)
			if err != nil {
				return nil, err
			}
			text = append(text, encoded...)
		}
		return append(text, ']'), nil
	}
	return json.Marshal(v)
}

// memberNames lists the members of an object, declared ones first.
func (o *Operation) memberNames(object map[string]any, schemas []*Schema) []string {
	names := make([]string, 0, len(object))
	for _, s := range expand(schemas) {
		for _, name := range o.Properties(s) {
			if _, present := object[name]; present && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
