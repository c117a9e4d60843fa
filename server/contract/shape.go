package contract

import (
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// What a document says of the shape of values, for whoever reads or writes them by it:
// the judged form is the only model of a document there is at run time. What it does
// not keep, because no judging needs it, is in the text that [Source] holds.

// Property is a member that a schema declares for an object.
type Property struct {
	Name   string
	Schema *Schema
}

// Declared lists the members that a schema declares for an object, in the order of the
// document: its own, and then those of its branches (allOf, anyOf, oneOf), so that a
// name may come twice. There are none if it is the schema of anything else.
func (o *Operation) Declared(s *Schema) []Property {
	var all []Property
	for _, s := range composed([]*Schema{s}) {
		for _, name := range o.Properties(s) {
			all = append(all, Property{name, s.Properties[name].Value})
		}
	}
	return all
}

// TakesMore reports whether a schema says that an object has members that it does not
// name.
func TakesMore(s *Schema) bool {
	more := s.AdditionalProperties
	return more.Schema != nil || more.Has != nil && *more.Has
}

// ItemsOf is the schema of the items of an array, the first that is said in the schema
// or its branches; nil if nothing is said of them.
func ItemsOf(s *Schema) *Schema {
	for _, s := range composed([]*Schema{s}) {
		if s.Items != nil {
			return s.Items.Value
		}
	}
	return nil
}

// IsSecret reports whether a schema, or one of its branches, is that of a secret.
func IsSecret(s *Schema) bool { return slices.ContainsFunc(composed([]*Schema{s}), isSecret) }

// RequestContent is what is said of the request body by its media types, as the
// document writes them, and whether a body must come. The schemas are judged ones.
func (o *Operation) RequestContent() (content openapi3.Content, required bool) {
	ref := o.facts().operation.RequestBody
	if ref == nil || ref.Value == nil {
		return nil, false
	}
	return maps.Clone(ref.Value.Content), ref.Value.Required
}

// AnswerTypes lists the media types of an answer with this status, as the document
// writes them, in order.
func (o *Operation) AnswerTypes(status int) []string {
	if a := o.answer(status); a != nil {
		return a.types()
	}
	return nil
}

// AnswerLinks are the links of an answer, by a status as [Operation.Statuses] lists
// it. A document that was opened, and not loaded, does not resolve them.
func (o *Operation) AnswerLinks(status string) openapi3.Links {
	if ref := o.facts().operation.Responses.Value(status); ref != nil && ref.Value != nil {
		return ref.Value.Links
	}
	return nil
}

// Security is what the operation asks for, itself or with all of the document: one of
// the requirements, each of which is the names of schemes. None is needed if there are
// none, or if one is empty.
func (o *Operation) Security() openapi3.SecurityRequirements { return o.facts().security }

// Tags are those of the operation.
func (o *Operation) Tags() []string { return o.facts().operation.Tags }

// Deprecated reports whether the document calls the operation so.
func (o *Operation) Deprecated() bool { return o.facts().operation.Deprecated }

// SecuritySchemes are the schemes that Security names.
func (d *Document) SecuritySchemes() openapi3.SecuritySchemes {
	if d.spec.Components == nil {
		return nil
	}
	return d.spec.Components.SecuritySchemes
}
