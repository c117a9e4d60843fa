package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
)

// place is a parameter: where it stands and what it is called.
type place struct {
	in   string // openapi3.ParameterIn...
	name string
}

// input is the content of a request: values for the parameters and the body of an
// operation, and changes to the message that no value can express.
type input struct {
	values  map[place]any
	body    any
	hasBody bool

	text      []byte      // sent instead of the body, byte for byte
	hasText   bool        //
	mediaType string      // instead of the declared one; "-" sends none
	repeat    *place      // a header that is sent twice
	raw       []rawValue  // texts that are sent as they are
	extra     http.Header // sent beside the declared ones
}

// rawValue is the text of a parameter.
type rawValue struct {
	place
	text string
}

func (in *input) clone() *input {
	c := *in
	c.values = maps.Clone(in.values)
	if c.values == nil {
		c.values = map[place]any{}
	}
	c.raw = slices.Clone(in.raw)
	return &c
}

// with is a copy with another value for a parameter.
func (in *input) with(p place, v any) *input {
	c := in.clone()
	c.values[p] = v
	return c
}

// without is a copy without a parameter.
func (in *input) without(p place) *input {
	c := in.clone()
	delete(c.values, p)
	return c
}

// withBody is a copy with another body.
func (in *input) withBody(body any) *input {
	c := in.clone()
	c.body, c.hasBody = body, true
	return c
}

// credentialUse says which credential a call carries.
type credentialUse string

const (
	credentialGiven credentialUse = ""      // the one of the options
	credentialNone  credentialUse = "none"  // none at all
	credentialWrong credentialUse = "wrong" // a scheme that the document does not know
)

// What else a call may carry, each with the name of a scheme behind it.
const (
	useWithout = "without "     // all but one of those that are needed together
	useOnly    = "alternative " // another alternative than the first; names are joined by a plus
	useMadeUp  = "made-up "     // a secret that nobody was given
)

// of is the scheme that a use of a kind names.
func (u credentialUse) of(kind string) (string, bool) { return strings.CutPrefix(string(u), kind) }

// call is one request, ready to be addressed and authorised.
type call struct {
	op         *operation // nil if the document declares none
	in         *input     // nil if the call was not made from values
	method     string
	path       string // escaped, below the base
	query      string
	header     http.Header
	body       []byte
	hasBody    bool
	credential credentialUse
	// credentialOf is the operation whose credential a call carries that the document
	// does not declare.
	credentialOf *operation
	vars         map[string]string // path parameters, decoded
}

// message is the call as the contract sees it.
func (c *call) message() *contract.Message {
	return &contract.Message{
		Method: c.method, URL: c.url(), Header: c.header, Vars: c.vars, Body: c.body,
	}
}

// url is the address below the base.
func (c *call) url() *url.URL {
	u := &url.URL{Path: c.path, RawQuery: c.query}
	if plain, err := url.PathUnescape(c.path); err == nil {
		u.Path, u.RawPath = plain, c.path
	}
	return u
}

// newCall serialises an input. It fails when a value has no text in its place: an
// empty path segment, a header with control characters.
func newCall(op *operation, in *input) (*call, error) {
	c := &call{op: op, in: in, method: op.Method, header: http.Header{}, vars: map[string]string{}}
	c.path = op.Path
	var query []string
	var cookies []string
	texts := map[place]string{}
	for _, raw := range in.raw {
		texts[raw.place] = raw.text
	}
	for _, p := range op.params {
		at := place{p.In, p.Name}
		value, sent := in.values[at]
		text, isRaw := texts[at]
		if !sent && !isRaw {
			if p.In == openapi3.ParameterInPath {
				return nil, fmt.Errorf("no value for %s", p.Name)
			}
			continue
		}
		switch p.In {
		case openapi3.ParameterInPath:
			escaped, ok := pathText(p, value, op.Template().TakesRest(p.Name))
			if isRaw {
				escaped, ok = escapePath(text, op.Template().TakesRest(p.Name))
			}
			if !ok {
				return nil, fmt.Errorf("no path segment for %s", p.Name)
			}
			c.vars[p.Name], _ = url.PathUnescape(escaped) // it was escaped here
			c.path = strings.ReplaceAll(c.path, "{"+p.Name+"}", escaped)
		case openapi3.ParameterInQuery:
			if isRaw {
				query = append(query, url.QueryEscape(p.Name)+"="+url.QueryEscape(text))
			} else {
				query = append(query, contract.WriteQuery(p, value)...)
			}
		case openapi3.ParameterInHeader:
			if !isRaw {
				text = contract.WriteHeader(p, value)
			}
			if !headerSafe(text) {
				return nil, fmt.Errorf("no header for %s", p.Name)
			}
			c.header.Set(p.Name, text)
			if in.repeat != nil && *in.repeat == at {
				c.header.Add(p.Name, text)
			}
		case openapi3.ParameterInCookie:
			pairs, ok := p.Name+"="+text, headerSafe(text) && !strings.ContainsAny(text, "; ,\"\\")
			if !isRaw {
				pairs, ok = contract.WriteCookie(p, value)
			}
			if !ok {
				return nil, fmt.Errorf("no cookie for %s", p.Name)
			}
			cookies = append(cookies, pairs)
		}
	}
	c.query = strings.Join(query, "&")
	if len(cookies) > 0 {
		c.header.Set("Cookie", strings.Join(cookies, "; "))
	}
	for name, values := range in.extra {
		c.header[http.CanonicalHeaderKey(name)] = values
	}
	mediaType := op.bodyType
	if _, isObject := in.body.(map[string]any); in.hasBody && !in.hasText && !isObject && (isForm(mediaType) || isMultipart(mediaType)) {
		return nil, fmt.Errorf("no form for %T", in.body)
	}
	switch {
	case in.hasText:
		c.body, c.hasBody = in.text, true
	case in.hasBody && isForm(mediaType):
		c.body, c.hasBody = op.formBody(in.body), true
	case in.hasBody && isMultipart(mediaType):
		c.body, c.hasBody = op.multipartBody(in.body), true
	case in.hasBody && !isYAML(mediaType) && (isText(mediaType, op.body) || !contract.IsJSON(mediaType)):
		c.body, c.hasBody = []byte(scalarText(in.body)), true
	case in.hasBody:
		c.body, c.hasBody = encode(in.body), true
	}
	if in.mediaType != "" {
		mediaType = in.mediaType
	}
	if isMultipart(mediaType) {
		mediaType += "; boundary=" + boundary
	}
	if c.hasBody && mediaType != "-" && mediaType != "" {
		c.header.Set("Content-Type", mediaType)
	}
	return c, nil
}

// encode writes a value as compact JSON.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil // values are made of what JSON knows
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decode reads JSON with its numbers as they stand; false if it is not one value.
func decode(text []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, false
	}
	return v, true
}

func isForm(mediaType string) bool {
	return contract.MediaType(mediaType) == "application/x-www-form-urlencoded"
}

// formBody writes a form as the document says that its fields are written.
func (op *operation) formBody(v any) []byte {
	for _, b := range op.RequestBodies() {
		if isForm(b.MediaType) {
			return b.WriteForm(v)
		}
	}
	return (&contract.RequestBody{}).WriteForm(v)
}

// multipartBody writes a multipart body with the parts of the types that are declared.
func (op *operation) multipartBody(v any) []byte {
	for _, b := range op.RequestBodies() {
		if isMultipart(b.MediaType) {
			return multipartBody(op.body, b.Encoding, v)
		}
	}
	return multipartBody(op.body, nil, v)
}

// scalarText is a value as a parameter sends it.
func scalarText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
		return "false"
	case json.Number:
		return v.String()
	}
	return string(encode(v))
}

// simpleText is the style "simple" (OpenAPI, section Style Values).
func simpleText(v any, explode bool) string { //nolint:unparam // the style has both forms
	switch v := v.(type) {
	case []any:
		texts := make([]string, len(v))
		for i, item := range v {
			texts[i] = scalarText(item)
		}
		return strings.Join(texts, ",")
	case map[string]any:
		var texts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if explode {
				texts = append(texts, name+"="+scalarText(v[name]))
			} else {
				texts = append(texts, name, scalarText(v[name]))
			}
		}
		return strings.Join(texts, ",")
	}
	return scalarText(v)
}

// pathText is a value in its place in the path, escaped. It fails for what a client or
// a proxy resolves, and for what is empty.
func pathText(p *openapi3.Parameter, v any, rest bool) (string, bool) {
	if text := scalarText(v); rest {
		return escapePath(text, true)
	}
	text := contract.WritePath(p, v)
	return text, text != "" && text != "." && text != ".."
}

// escapePath escapes the text of a path parameter; one that takes the rest of the
// path keeps its slashes. It fails for what a client or a proxy resolves.
func escapePath(text string, rest bool) (string, bool) {
	segments := []string{text}
	if rest {
		segments = strings.Split(text, "/")
	}
	for i, segment := range segments {
		if segment == "" || segment == "." || segment == ".." {
			return "", false
		}
		segments[i] = escapeSegment(segment)
	}
	return strings.Join(segments, "/"), true
}

// escapeSegment escapes a path segment so that nothing of it is a separator.
func escapeSegment(s string) string {
	return strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
}

// headerSafe reports whether a text arrives as it is when it is a header's value.
func headerSafe(s string) bool {
	return s != "" && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
