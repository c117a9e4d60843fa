package contract

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// queryValues are the parameters of a query as the API's framework reads them.
type queryValues struct {
	url.Values
	// foreign says that net/url reads the query otherwise, or not at all.
	foreign bool
	// malformed names the parameters in which an escape is none, or not one of
	// UTF-8. It is text.
	malformed []string
}

// readQuery reads a query as the frameworks do: pairs stand between ampersands
// only, and what cannot be decoded is text. whole leaves a text with a malformed
// escape as it came, as fast-querystring does; otherwise the other escapes in it
// are decoded and bytes that are not UTF-8 replaced, as Python does.
func readQuery(raw string, whole bool) queryValues {
	if raw == "" {
		return queryValues{Values: noValues}
	}
	q := queryValues{Values: url.Values{}}
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		if strings.Contains(pair, ";") {
			q.foreign = true
		}
		name, value, _ := strings.Cut(pair, "=")
		name, named := decodeText(name, whole)
		value, valued := decodeText(value, whole)
		if !named || !valued {
			q.foreign = true
			q.malformed = append(q.malformed, name)
		}
		q.Values[name] = append(q.Values[name], value)
	}
	return q
}

// noValues are the values of a query that is empty. Nobody writes them: defaults are
// not set.
var noValues = url.Values{}

// decodeText decodes a name or a value. ok is false if it is malformed.
func decodeText(escaped string, whole bool) (text string, ok bool) {
	if !strings.ContainsAny(escaped, "%+") && utf8.ValidString(escaped) {
		return escaped, true
	}
	plain, err := url.QueryUnescape(escaped)
	if err == nil && utf8.ValidString(plain) {
		return plain, true
	}
	escaped = strings.ReplaceAll(escaped, "+", " ")
	if !whole {
		escaped = decodeEscapes(escaped)
	}
	return strings.ToValidUTF8(escaped, "\uFFFD"), false
}

// decodeEscapes decodes the well-formed escapes of a text.
func decodeEscapes(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			b.WriteByte(unhex(text[i+1])<<4 | unhex(text[i+2]))
			i += 2
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// isList reports whether a parameter takes more than one value.
func isList(p *openapi3.Parameter) bool {
	return p.Schema != nil && wants([]*Schema{p.Schema.Value}, openapi3.TypeArray)
}

// lastValues leaves of each repeated parameter that takes one value only the last, in
// the message as it is judged and in its query.
func (o *Operation) lastValues(m *Message, query *queryValues) *Message {
	repeated := map[string]bool{}
	for name, values := range query.Values {
		if p := o.facts().query[name]; len(values) > 1 && p != nil && p.Schema != nil && !isList(p) {
			repeated[name] = true
			query.Values[name] = values[len(values)-1:]
		}
	}
	if len(repeated) == 0 {
		return m
	}
	query.foreign = true
	pairs := strings.Split(m.URL.RawQuery, "&")
	var kept []string
	for _, pair := range slices.Backward(pairs) {
		escaped, _, _ := strings.Cut(pair, "=")
		name, _ := decodeText(escaped, o.document.wholeEscapes)
		first, single := repeated[name] // from behind
		if !single || first {
			kept = append(kept, pair)
		}
		if first {
			repeated[name] = false
		}
	}
	slices.Reverse(kept)
	changed, u := *m, *m.URL
	u.RawQuery, changed.URL = strings.Join(kept, "&"), &u
	return &changed
}

// counting is the value of a repeated parameter that is judged and served: the first
// that is not empty, if there is one.
func counting(values []string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// withQuery is the request with the query as it was judged: what net/url reads
// otherwise in its spelling, of a repeated parameter the value that counts, and
// nothing of those that cannot be read.
func withQuery(r *http.Request, values url.Values, repeated, unread []string) *http.Request {
	for _, name := range unread {
		values.Del(name)
	}
	for _, name := range repeated {
		if len(values[name]) == 0 {
			continue
		}
		values[name] = []string{counting(values[name])}
	}
	judged := *r
	judged.URL = &url.URL{}
	*judged.URL = *r.URL
	judged.URL.RawQuery = values.Encode()
	return &judged
}
