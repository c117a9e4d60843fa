package contract

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// What is written of a value is read as the value, in every style; and it is written as
// RFC 6570 has it.
func TestSerialisation(t *testing.T) {
	object := map[string]any{"a": "x,y", "b": json.Number("7")}
	list := []any{"1,2", "a b", "é/;."}
	objectSchema := `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}`
	listSchema := `{"type":"array","items":{"type":"string"}}`
	for _, c := range []struct {
		in, style, explode, schema string
		value                      any
		want                       string
	}{
		{"path", "simple", "", listSchema, list, "1%2C2,a%20b,%C3%A9%2F%3B."},
		{"path", "simple", "", objectSchema, object, "a,x%2Cy,b,7"},
		{"path", "simple", "true", objectSchema, object, "a=x%2Cy,b=7"},
		{"path", "label", "", listSchema, []any{"a", "b"}, ".a,b"},
		{"path", "label", "true", listSchema, []any{"a", "b"}, ".a.b"},
		{"path", "matrix", "", listSchema, list, ";p=1%2C2,a%20b,%C3%A9%2F%3B."},
		{"path", "matrix", "true", listSchema, list, ";p=1%2C2;p=a%20b;p=%C3%A9%2F%3B."},
		{"path", "matrix", "true", objectSchema, object, ";a=x%2Cy;b=7"},
		{"path", "matrix", "", `{"type":"integer"}`, json.Number("7"), ";p=7"},
		{"path", "simple", "", `{"type":"string"}`, "a/b+c", "a%2Fb%2Bc"},
		{"query", "form", "", listSchema, list, "p=1%2C2&p=a+b&p=%C3%A9%2F%3B."},
		{"query", "form", "false", listSchema, list, "p=1%2C2,a%20b,%C3%A9%2F%3B."},
		{"query", "spaceDelimited", "false", listSchema, []any{"a", "b,c"}, "p=a%20b%2Cc"},
		{"query", "pipeDelimited", "false", listSchema, list, "p=1%2C2%7Ca%20b%7C%C3%A9%2F%3B."},
		{"query", "form", "", objectSchema, object, "a=x%2Cy&b=7"},
		{"query", "form", "false", objectSchema, object, "p=a,x%2Cy,b,7"},
		{"query", "deepObject", "true", objectSchema, object, "p%5Ba%5D=x%2Cy&p%5Bb%5D=7"},
		{
			"query", "deepObject", "true", `{"type":"object","properties":{"a":{"type":"object","properties":{"gte":{"type":"integer"}}},"l":{"type":"array","items":{"type":"integer"}}}}`,
			map[string]any{"a": map[string]any{"gte": json.Number("3")}, "l": []any{json.Number("1"), json.Number("2")}},
			"p%5Ba%5D%5Bgte%5D=3&p%5Bl%5D=1&p%5Bl%5D=2",
		},
		{"query", "", "", `{"oneOf":[{"type":"integer"},{"type":"boolean"}]}`, true, "p=true"},
		{"header", "simple", "", listSchema, []any{"a", "b"}, "a,b"},
		{"header", "simple", "true", objectSchema, map[string]any{"a": "x", "b": json.Number("7")}, "a=x,b=7"},
		{"header", "simple", "", objectSchema, map[string]any{"a": "x", "b": json.Number("7")}, "a,x,b,7"},
		{"header", "simple", "true", listSchema, []any{"a", "b"}, "a,b"},
		{"cookie", "form", "", `{"type":"integer"}`, json.Number("7"), "p=7"},
		{"cookie", "form", "", listSchema, []any{"a", "b"}, "p=a&p=b"},
		{"cookie", "form", "", listSchema, []any{"a"}, "p=a"},
		{"cookie", "form", "false", listSchema, []any{"a", "b"}, "p=a,b"},
		{"cookie", "form", "", objectSchema, map[string]any{"a": "x", "b": json.Number("7")}, "a=x&b=7"},
		{"cookie", "form", "false", objectSchema, map[string]any{"a": "x", "b": json.Number("7")}, "p=a,x,b,7"},
		{"cookie", "cookie", "true", listSchema, []any{"a", "b"}, "p=a; p=b"},
		{"cookie", "cookie", "true", objectSchema, map[string]any{"a": "x", "b": json.Number("7")}, "a=x; b=7"},
	} {
		var s Schema
		if err := json.Unmarshal([]byte(c.schema), &s); err != nil {
			t.Fatal(err)
		}
		p := &openapi3.Parameter{Name: "p", In: c.in, Style: c.style, Schema: &openapi3.SchemaRef{Value: &s}}
		if c.explode != "" {
			explode := c.explode == "true"
			p.Explode = &explode
		}
		d, r := &Document{foreign: true, beyond: map[*Schema]bool{}}, newParameterReader(p)
		var text string
		var got reading
		switch c.in {
		case "path":
			text = WritePath(p, c.value)
			got = r.fromPath(d, text)
		case "query":
			text = strings.Join(WriteQuery(p, c.value), "&")
			got = r.fromQuery(d, queryPairs(text, false))
		case "header":
			text = WriteHeader(p, c.value)
			got = r.header(d, []string{text}, SideClient)
		case "cookie":
			text, _ = WriteCookie(p, c.value)
			got = r.fromCookies(d, []string{"other=1; " + text})
		}
		if text != c.want || !reflect.DeepEqual(got.value, c.value) {
			t.Errorf("%s %s explode %s: %s, want %s; read as %v", c.in, c.style, c.explode, text, c.want, got.value)
		}
	}
	for _, v := range []any{[]any{}, []any{"a", "b c"}, []any{"a&p=b"}, []any{[]any{"a"}}, map[string]any{"a": "x;y"}, map[string]any{"a": ""}, "a b", `a"`, "", "é", map[string]any{}} {
		if text, ok := WriteCookie(&openapi3.Parameter{Name: "p", In: "cookie"}, v); ok {
			t.Errorf("cookie %v: %q", v, text)
		}
	}
}

func TestWriteForm(t *testing.T) {
	yes, no := true, false
	b := RequestBody{
		MediaType: formType, Encoding: map[string]*openapi3.Encoding{
			"at": {Style: "deepObject", Explode: &yes}, "tags": {Explode: &no}, "as": {ContentType: jsonType},
		},
		Schema: &Schema{Properties: openapi3.Schemas{
			"at":   {Value: &Schema{Type: &openapi3.Types{"object"}}},
			"in":   {Value: &Schema{Type: &openapi3.Types{"object"}}},
			"tags": {Value: &Schema{Type: &openapi3.Types{"array"}}},
			"as":   {Value: &Schema{Type: &openapi3.Types{"array"}}},
			"more": {Value: &Schema{Type: &openapi3.Types{"array"}}},
		}},
	}
	got := string(b.WriteForm(map[string]any{
		"at": map[string]any{"city": "a b"}, "in": map[string]any{"x": json.Number("1")}, "tags": []any{"a", "b,c"}, "as": []any{"a"}, "more": []any{"a", "b"}, "n": json.Number("1"),
	}))
	const want = `as=%5B%22a%22%5D&at%5Bcity%5D=a+b&in=%7B%22x%22%3A1%7D&more=a&more=b&n=1&tags=a,b%2Cc`
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := url.ParseQuery(got); err != nil {
		t.Error(err)
	}
}
