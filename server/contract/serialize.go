package contract

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Values are written as they are read: by RFC 6570, with separators as they stand and
// escapes in what stands between them.

// writtenText is a scalar as a parameter writes it; of others their JSON.
func writtenText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "" // values are made of what JSON knows
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// escapeSegment escapes a text in a path so that nothing of it separates.
func escapeSegment(s string) string { return strings.ReplaceAll(url.PathEscape(s), "+", "%2B") }

// joined writes a list or an object between separators; of a scalar its text.
func (r *parameterReader) joined(v any, separator string, escape func(string) string) string {
	switch v := v.(type) {
	case []any:
		texts := make([]string, len(v))
		for i, item := range v {
			texts[i] = escape(writtenText(item))
		}
		return strings.Join(texts, separator)
	case map[string]any:
		texts := make([]string, 0, 2*len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if text := escape(writtenText(v[name])); r.explode {
				texts = append(texts, escape(name)+"="+text)
			} else {
				texts = append(texts, escape(name), text)
			}
		}
		return strings.Join(texts, separator)
	}
	return escape(writtenText(v))
}

// WritePath writes a value of a path parameter as it stands in the path, escaped.
func WritePath(p *openapi3.Parameter, v any) string {
	r := newParameterReader(p)
	if r.media != "" {
		return escapeSegment(r.contentText(v))
	}
	switch _, isList := v.([]any); r.style {
	case openapi3.SerializationLabel:
		separator := ","
		if r.explode {
			separator = "."
		}
		return "." + r.joined(v, separator, escapeSegment)
	case openapi3.SerializationMatrix:
		name := escapeSegment(p.Name)
		_, isObject := v.(map[string]any)
		switch {
		case r.explode && isList:
			return ";" + name + "=" + r.joined(v, ";"+name+"=", escapeSegment)
		case r.explode && isObject:
			return ";" + r.joined(v, ";", escapeSegment)
		}
		return ";" + name + "=" + r.joined(v, ",", escapeSegment)
	}
	return r.joined(v, ",", escapeSegment)
}

// contentText writes a value in the media type of a parameter.
func (r *parameterReader) contentText(v any) string {
	if text, isText := v.(string); isText && !isJSONType(parseMedia(r.media).essence()) {
		return text
	}
	if isJSONType(parseMedia(r.media).essence()) {
		if text, isText := v.(string); isText {
			return literalOf(text)
		}
	}
	return writtenText(v)
}

// WriteQuery writes a value of a query parameter: the pairs of the query.
func WriteQuery(p *openapi3.Parameter, v any) []string { return newParameterReader(p).pairs(v) }

func (r *parameterReader) pairs(v any) []string {
	name := url.QueryEscape(r.parameter.Name)
	if r.media != "" {
		return []string{name + "=" + url.QueryEscape(r.contentText(v))}
	}
	separator := r.separator()
	if separator == "|" {
		separator = "%7C"
	}
	switch v := v.(type) {
	case []any:
		if !r.explode {
			break
		}
		pairs := make([]string, len(v))
		for i, item := range v {
			pairs[i] = name + "=" + url.QueryEscape(writtenText(item))
		}
		return pairs
	case map[string]any:
		var pairs []string
		switch {
		case r.style == openapi3.SerializationDeepObject:
			return deepPairs(r.parameter.Name, v)
		case !r.explode:
			return []string{name + "=" + r.joined(v, separator, url.QueryEscape)}
		}
		for _, member := range slices.Sorted(maps.Keys(v)) {
			items, isList := v[member].([]any)
			if !isList {
				items = []any{v[member]}
			}
			for _, item := range items {
				pairs = append(pairs, url.QueryEscape(member)+"="+url.QueryEscape(writtenText(item)))
			}
		}
		return pairs
	}
	return []string{name + "=" + r.joined(v, separator, func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") })}
}

// deepPairs writes what is in an object with its way to it in brackets.
func deepPairs(at string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		var pairs []string
		for _, member := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, deepPairs(at+"["+member+"]", v[member])...)
		}
		return pairs
	case []any:
		var pairs []string
		for _, item := range v {
			if _, isObject := item.(map[string]any); isObject {
				pairs = append(pairs, deepPairs(at+"[]", item)...)
			} else {
				pairs = append(pairs, url.QueryEscape(at)+"="+url.QueryEscape(writtenText(item)))
			}
		}
		return pairs
	}
	return []string{url.QueryEscape(at) + "=" + url.QueryEscape(writtenText(v))}
}

// WriteHeader writes a value of a header parameter.
func WriteHeader(p *openapi3.Parameter, v any) string {
	r := newParameterReader(p)
	if r.media != "" {
		return r.contentText(v)
	}
	return r.joined(v, ",", same)
}

// cookieStyle is the style that stands in cookies as RFC 6265 has them: pairs between
// semicolons, nothing escaped (OpenAPI 3.2, section Style Values).
const cookieStyle = "cookie"

// WriteCookie writes a value of a cookie parameter: the pairs of the header. Lists and
// objects stand as RFC 6570 has them, in the style cookie in cookies of their own. ok is
// false if a text of it would have to be escaped, which servers read in more than one way
// (RFC 6265, section 4.1.1, knows no escapes), or nothing would be written.
func WriteCookie(p *openapi3.Parameter, v any) (pairs string, ok bool) {
	r := newParameterReader(p)
	if r.media != "" {
		text := r.contentText(v)
		return p.Name + "=" + text, plainCookie(text)
	}
	between := "&"
	if r.style == cookieStyle {
		between = "; "
	}
	var texts []string // all of which have to be plain
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			texts = append(texts, writtenText(item))
		}
		separator := ","
		if r.explode {
			separator = between + p.Name + "="
		}
		pairs = p.Name + "=" + strings.Join(texts, separator)
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			text := writtenText(v[name])
			texts = append(texts, name, text)
			if r.explode {
				parts = append(parts, name+"="+text)
			} else {
				parts = append(parts, name, text)
			}
		}
		if pairs = strings.Join(parts, between); !r.explode {
			pairs = p.Name + "=" + strings.Join(parts, ",")
		}
	default:
		text := writtenText(v)
		return p.Name + "=" + text, plainCookie(text)
	}
	structured := func(text string) bool { return !plainCookie(text) || strings.ContainsAny(text, "&=[]{}") }
	return pairs, len(texts) > 0 && !slices.ContainsFunc(texts, structured)
}

// plainCookie reports whether a text may stand in a cookie as it is.
func plainCookie(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune("\",;\\%", c)
	})
}

// WriteForm writes an object as a form, each field as its encoding says.
func (b *RequestBody) WriteForm(v any) []byte {
	members, _ := v.(map[string]any)
	c := &content{schema: b.Schema, encoding: b.Encoding}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		pairs = append(pairs, c.fieldReader(name).pairs(members[name])...)
	}
	return []byte(strings.Join(pairs, "&"))
}

// IsJSON reports whether a media type, with or without parameters, is JSON.
func IsJSON(mediaType string) bool { return isJSONType(parseMedia(mediaType).essence()) }
