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
		{things, "", ""},
		{things, "/", "/"},
	} {
		if got := foldNames(c.s, c.pointer); got != c.want {
			t.Errorf("%s: %s, want %s", c.pointer, got, c.want)
		}
	}
}
