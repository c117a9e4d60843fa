package verify

import (
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/patterns"
)

// foldNames puts a star in the place of the names that a value's own members have where
// the schema lets them have any (additionalProperties and its kin): what is wrong with one
// is wrong with all, and is told once.
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
	if i := index(token); i >= 0 && i < len(s.PrefixItems) {
		return s.PrefixItems[i].Value, false
	} else if s.Items != nil && i >= 0 {
		return s.Items.Value, false
	}
	for _, pattern := range sortedNames(s.PatternProperties) {
		if m, err := patterns.Compile(pattern); err == nil && m.MatchString(token) {
			return s.PatternProperties[pattern].Value, true
		}
	}
	parts := slices.Concat(s.AllOf, s.AnyOf, s.OneOf, openapi3.SchemaRefs{s.If, s.Then, s.Else})
	for _, name := range sortedNames(s.DependentSchemas) {
		parts = append(parts, s.DependentSchemas[name])
	}
	for _, ref := range parts {
		if ref == nil {
			continue
		}
		if next, free := within(ref.Value, token, depth+1); next != nil || free {
			return next, free
		}
	}
	for _, ref := range []*openapi3.SchemaRef{s.AdditionalProperties.Schema, s.UnevaluatedProperties.Schema} {
		if ref != nil {
			return ref.Value, true
		}
	}
	return nil, s.PropertyNames != nil
}
