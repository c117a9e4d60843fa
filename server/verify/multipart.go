package verify

import (
	"bytes"
	"maps"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
)

func isMultipart(mediaType string) bool {
	return contract.MediaType(mediaType) == "multipart/form-data"
}

// isText reports whether a body of a media type is a text that its schema describes.
func isText(mediaType string, schema *openapi3.Schema) bool {
	return schema != nil && schema.Type.Is(openapi3.TypeString) && schema.Format != "binary" &&
		!strings.Contains(mediaType, "json") && !strings.Contains(mediaType, "*") || isPlain(mediaType, schema)
}

// isPlain reports whether a body is a number or a truth value in plain text.
func isPlain(mediaType string, schema *openapi3.Schema) bool {
	return schema != nil && contract.MediaType(mediaType) == "text/plain" &&
		(schema.Type.Is(openapi3.TypeInteger) || schema.Type.Is(openapi3.TypeNumber) || schema.Type.Is(openapi3.TypeBoolean))
}

// isYAML reports whether a body of a media type is YAML, as which any JSON is sent.
func isYAML(mediaType string) bool {
	mediaType = contract.MediaType(mediaType)
	return strings.HasSuffix(mediaType, "yaml") && !strings.Contains(mediaType, "*")
}

// boundary stands between the parts of a multipart body. It is always the same, so
// that a step of a finding can be sent again.
const boundary = "understudy-verify-part"

var quoteEscaper = strings.NewReplacer(`\`, `\\`, `"`, `%22`, "\r", "%0D", "\n", "%0A")

// multipartBody writes an object as a multipart body: texts as they are, what the
// schema calls binary as files, objects as JSON, the items of an array as parts of
// one name.
func multipartBody(schema *openapi3.Schema, encoding map[string]*openapi3.Encoding, v any) []byte {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(boundary); err != nil {
		return nil // it is a valid one
	}
	members, _ := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		items, list := members[name].([]any)
		if !list {
			items = []any{members[name]}
		}
		for _, item := range items {
			header := textproto.MIMEHeader{}
			disposition := `form-data; name="` + quoteEscaper.Replace(name) + `"`
			text := scalarText(item)
			switch {
			case slices.ContainsFunc(propertySchemas(schema, name), takesFile):
				disposition += `; filename="file"`
				header.Set("Content-Type", partType(encoding[name], "application/octet-stream"))
			case isObject(item):
				header.Set("Content-Type", partType(encoding[name], "application/json"))
			}
			header.Set("Content-Disposition", disposition)
			part, err := w.CreatePart(header)
			if err != nil {
				return nil // nothing fails in memory
			}
			_, _ = part.Write([]byte(text))
		}
	}
	_ = w.Close()
	return b.Bytes()
}

// partType is the media type of a part: the first that is declared for it, if any.
func partType(e *openapi3.Encoding, plain string) string {
	if e == nil || e.ContentType == "" {
		return plain
	}
	first, _, _ := strings.Cut(e.ContentType, ",")
	return contract.SendType(strings.TrimSpace(first))
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// takesFile reports whether a schema, or that of its items, is of bytes.
func takesFile(s *openapi3.Schema) bool {
	return s.Format == "binary" || s.Items != nil && s.Items.Value != nil && s.Items.Value.Format == "binary"
}
