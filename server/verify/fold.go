package verify

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// foldNames puts a star in the place of the names that a value's own members have where
// the schema lets them have any (additionalProperties): what is wrong with one is wrong
// with all, and is told once.
func foldNames(s *openapi3.Schema, pointer string) string {
	if s == nil || pointer == "" || pointer == "/" {
		return pointer
	}
	tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, token := range tokens {
		next, free := within(s, unescaper.Replace(token), 0)
		if free {
			tokens[i] = "*"
		}
		if s = next; s == nil {
			break
		}
	}
	return "/" + strings.Join(tokens, "/")
}

// within is the schema of a member or an item; free says that its name may be any.
func within(s *openapi3.Schema, token string, depth int) (next *openapi3.Schema, free bool) {
	if s == nil || depth > maxNesting {
		return nil, false
	}
	if schemas := propertySchemas(s, token); len(schemas) > 0 {
		return schemas[0], false
	}
	if s.Items != nil && index(token) >= 0 {
		return s.Items.Value, false
	}
	if ref := s.AdditionalProperties.Schema; ref != nil {
		return ref.Value, true
	}
	for _, refs := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, ref := range refs {
			if next, free := within(ref.Value, token, depth+1); next != nil {
				return next, free
			}
		}
	}
	return nil, false
}
