package verify

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestFoldNames(t *testing.T) {
	text, object := openapi3.NewStringSchema(), openapi3.NewObjectSchema()
	thing := object.WithProperty("name", text)
	thing.Properties["labels"] = openapi3.NewObjectSchema().WithAdditionalProperties(text).NewRef()
	things := openapi3.NewObjectSchema().WithAdditionalProperties(thing)
	patterned := openapi3.NewObjectSchema().WithProperty("own", thing)
	patterned.PatternProperties = openapi3.Schemas{"^x-": things.NewRef(), "^[0-9]+$": text.NewRef()}
	named := openapi3.NewObjectSchema()
	named.PropertyNames = text.NewRef()
	rest := openapi3.NewAllOfSchema(thing)
	rest.UnevaluatedProperties.Schema = things.NewRef()
	conditional := openapi3.NewObjectSchema()
	conditional.Then, conditional.DependentSchemas = patterned.NewRef(), openapi3.Schemas{"a": openapi3.NewObjectSchema().WithProperty("map", things).NewRef()}
	tuple := openapi3.NewArraySchema().WithItems(text)
	tuple.PrefixItems = openapi3.SchemaRefs{things.NewRef()}
	both := openapi3.NewAllOfSchema(thing)
	both.AdditionalProperties.Schema = text.NewRef()
	for _, c := range []struct {
		s             *openapi3.Schema
		pointer, want string
	}{
		{things, "/a1/name", "/*/name"},
		{things, "/a1/labels/x~1y", "/*/labels/*"},
		{things, "/a1", "/*"},
		{things, "/a1/unknown/0", "/*/unknown/0"},
		{thing, "/labels/b", "/labels/*"},
		{openapi3.NewArraySchema().WithItems(things), "/3/q/name", "/3/*/name"},
		{openapi3.NewAllOfSchema(text, things), "/q/name", "/*/name"},
		{text, "/a", "/a"},
		{nil, "/a", "/a"},
		{patterned, "/x-a/k/name", "/*/*/name"},
		{patterned, "/17", "/*"},
		{patterned, "/own/labels/k", "/own/labels/*"},
		{patterned, "/y", "/y"},
		{named, "/bad name", "/*"},
		{openapi3.NewAllOfSchema(text, named), "/bad name", "/*"},
		{rest, "/name", "/name"},
		{rest, "/k/l/name", "/*/*/name"},
		{conditional, "/x-a/k/name", "/*/*/name"},
		{conditional, "/map/k/name", "/map/*/name"},
		{tuple, "/0/k/name", "/0/*/name"},
		{tuple, "/1", "/1"},
		{both, "/name", "/name"},
		{both, "/k", "/*"},
		{things, "", ""},
		{things, "/", "/"},
	} {
		if got := foldNames(c.s, c.pointer); got != c.want {
			t.Errorf("%s: %s, want %s", c.pointer, got, c.want)
		}
	}
}
