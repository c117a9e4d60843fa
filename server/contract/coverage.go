package contract

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// What can be covered of a document: rows, parameters, values and members, each
// with its basis.

// Row is one declared way to use an operation and to be answered.
type Row struct {
	RequestType  string // "" for a request without a body, and where any type will do
	Status       int    // 0 for several
	Statuses     string // "" for the one, else as the document says it: "4XX", "default"
	ResponseType string // "" for an answer without a body
	Basis        Basis
}

// Part is a declared parameter.
type Part struct {
	In        In
	Name      string
	Basis     Basis
	Enum      []string // the values that are listed, as text
	EnumBasis Basis
}

// Member is a place in a request body and what is declared below it.
type Member struct {
	Pointer   string // "*" for any item
	Basis     Basis
	Enum      []string // the values that are listed: a text as it is, others as JSON
	EnumBasis Basis
	Names     []string // of Members, in the order of the document
	Members   map[string]*Member
	Item      *Member // of an array
}

// Weaker is the weaker of two bases: what rests on both rests on that.
func (b Basis) Weaker(other Basis) Basis {
	order := []Basis{BasisPublished, BasisDocumented, BasisClient, BasisInferred}
	if slices.Index(order, other) > slices.Index(order, b) {
		return other
	}
	return b
}

// Basis is where the operation itself comes from.
func (o *Operation) Basis() Basis { return o.document.index().basis(o.Pointer(), "", "") }

// Rows lists the declared rows: by request type, status and response type.
func (o *Operation) Rows() []Row {
	ix, base := o.document.index(), o.Basis()
	requests := map[string]Basis{}
	for _, name := range o.facts().mediaTypes {
		requests[name] = base.Weaker(ix.basis(o.facts().bodyPointer+"/content/"+pointerEscaper.Replace(name), "", ""))
	}
	if !o.facts().bodyNeeded {
		requests[""] = base
	}
	var rows []Row
	for _, code := range slices.Sorted(maps.Keys(o.facts().operation.Responses.Map())) {
		status, err := strconv.Atoi(code)
		others := code
		if err == nil {
			others = ""
		}
		ref := o.facts().operation.Responses.Value(code)
		at := o.Pointer() + "/responses/" + code
		basis := base.Weaker(ix.basis(at, "", ""))
		if ref.Ref != "" {
			at = strings.TrimPrefix(ref.Ref, "#")
			basis = basis.Weaker(ix.basis(at, "", ""))
		}
		answers := map[string]Basis{}
		for name := range ref.Value.Content {
			answers[name] = basis.Weaker(ix.basis(at+"/content/"+pointerEscaper.Replace(name), "", ""))
		}
		if len(answers) == 0 || bodiless(status) && err == nil {
			answers = map[string]Basis{"": basis}
		}
		from := requests
		if status == http.StatusUnsupportedMediaType {
			from = map[string]Basis{"": base} // no declared type leads there
		}
		for _, request := range slices.Sorted(maps.Keys(from)) {
			for _, answer := range slices.Sorted(maps.Keys(answers)) {
				rows = append(rows, Row{request, status, others, answer, from[request].Weaker(answers[answer])})
			}
		}
	}
	return rows
}

// Parts lists the declared parameters, those of the path first.
func (o *Operation) Parts() []Part {
	ix, base := o.document.index(), o.Basis()
	parts := make([]Part, 0, len(o.facts().parameters))
	for _, p := range o.facts().parameters {
		part := Part{In: In(p.In), Name: p.Name, Basis: base.Weaker(ix.basis(o.parameterPointer(p), "", ""))}
		if p.Schema != nil {
			part.Enum, part.EnumBasis = o.values(p.Schema.Value, part.Basis)
		}
		parts = append(parts, part)
	}
	return parts
}

// values lists the values that a schema, its items or its alternatives list.
func (o *Operation) values(s *Schema, base Basis) (texts []string, weakest Basis) {
	weakest = base
	all := composed([]*Schema{s})
	if s.Items != nil {
		all = composed([]*Schema{s, s.Items.Value})
	}
	for _, s := range all {
		for _, v := range s.Enum {
			if text := ValueText(v); v != nil && !slices.Contains(texts, text) {
				texts = append(texts, text)
				weakest = weakest.Weaker(o.schemaBasis(s, "enum", ""))
			}
		}
	}
	return texts, weakest
}

// ValueText is a value as coverage names it: a text as it is, others as JSON.
func ValueText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return literalOf(v)
}

// Body is the request body with all that a client can send in it: JSON, or a form if
// the operation declares no JSON; nil if it declares neither.
func (o *Operation) Body() *Member {
	schema := o.facts().bodySchema
	for _, c := range o.facts().contents {
		if schema == nil && (c.kind == contentForm || c.kind == contentMultipart) {
			schema = c.schema
		}
	}
	if schema == nil {
		return nil
	}
	base := o.Basis().Weaker(o.document.index().basis(o.facts().bodyPointer, "", ""))
	return o.member("", base, []*Schema{schema}, nil)
}

// RequestType is how the document names the media type of a request.
func (o *Operation) RequestType(contentType string) string {
	if c := o.contentFor(contentType); c != nil && contentType != "" {
		return c.mediaType
	}
	return MediaType(contentType)
}

// ResponseType is how the document names the media type of an answer.
func (o *Operation) ResponseType(status int, contentType string) string {
	if c := o.answerContent(status, contentType); c != nil {
		return c.mediaType
	}
	return MediaType(contentType)
}

func (o *Operation) member(pointer string, base Basis, schemas, above []*Schema) *Member {
	m := &Member{Pointer: pointer, Basis: base, EnumBasis: base, Members: map[string]*Member{}}
	schemas = composed(schemas)
	next := map[string][]*Schema{}
	var items []*Schema
	for _, s := range schemas {
		if slices.Contains(above, s) {
			continue // it holds itself
		}
		for _, v := range s.Enum {
			if text := ValueText(v); v != nil && !slices.Contains(m.Enum, text) {
				m.Enum = append(m.Enum, text)
				m.EnumBasis = m.EnumBasis.Weaker(o.schemaBasis(s, "enum", ""))
			}
		}
		for _, name := range o.Properties(s) {
			if child := s.Properties[name].Value; !child.ReadOnly {
				if next[name] == nil {
					m.Names = append(m.Names, name)
				}
				next[name] = append(next[name], child)
			}
		}
		if s.Items != nil {
			items = append(items, s.Items.Value)
		}
	}
	above = append(slices.Clip(above), schemas...)
	for _, name := range m.Names {
		basis := base
		for _, s := range schemas {
			if s.Properties[name] != nil {
				basis = basis.Weaker(o.propertyBasis(s, name))
			}
		}
		m.Members[name] = o.member(pointer+"/"+pointerEscaper.Replace(name), basis, next[name], above)
	}
	if len(items) > 0 {
		m.Item = o.member(pointer+"/*", base, items, above)
	}
	return m
}

func (o *Operation) propertyBasis(s *Schema, name string) Basis {
	ix := o.document.index()
	at, ok := ix.find(s)
	if !ok {
		return BasisPublished
	}
	return ix.basis(at+"/properties/"+pointerEscaper.Replace(name), "", "")
}

// MaskText hides secrets in a body that no operation describes: by the names that
// the document, or anybody, gives secrets. A value without names may be one.
func (d *Document) MaskText(body []byte) []byte {
	if start := bytes.TrimLeft(body, " \t\r\n"); len(start) > 0 && start[0] != '{' && len(d.secretNames()) > 0 {
		return maskText
	}
	o := &Operation{document: d, facts: func() *facts { return unread }}
	return o.redact(body, nil, func() bool { return len(d.secretNames()) > 0 || soundsSecret(body) })
}

// soundsSecret reports whether a text that is not JSON names a secret.
func soundsSecret(text []byte) bool {
	folded := foldName(string(text))
	return slices.ContainsFunc(credentialWords, func(w string) bool { return strings.Contains(folded, w) })
}

// MaskRequest gives a request's body, or the beginning of one, without secrets: JSON
// as [Operation.RedactRequest] does, a form and the parts of a multipart body by
// their names, of files and bytes the size alone. What no schema describes is hidden
// if it may be a secret.
func (o *Operation) MaskRequest(contentType string, body []byte) []byte {
	c := o.contentFor(contentType)
	if len(body) == 0 {
		return body
	}
	if c == nil || c.kind == contentJSON {
		if c == nil || c.schema == nil {
			return o.document.MaskText(body)
		}
		return o.redact(body, c.schema, func() bool { return o.document.holdsSecrets(c.schema) || soundsSecret(body) })
	}
	return o.mask(c, contentType, body)
}

// MaskResponse is [Operation.RedactResponse] for an answer of any type.
func (o *Operation) MaskResponse(status int, contentType string, body []byte) []byte {
	if c := o.answerContent(status, contentType); c != nil && c.kind != contentJSON && len(body) > 0 {
		return o.mask(c, contentType, body)
	}
	return o.RedactResponse(status, body)
}

func (o *Operation) mask(c *content, contentType string, body []byte) []byte {
	switch c.kind {
	case contentForm:
		return []byte(maskForm(string(body), o.document.wholeEscapes, func(name, text string) string { return o.maskField(c, name, text) }))
	case contentMultipart:
		if text, ok := c.maskMultipart(contentType, body, func(name, text string) string { return o.maskField(c, name, text) }); ok {
			return text
		}
	case contentText, contentYAML:
		if !o.document.holdsSecrets(c.schema) && !soundsSecret(body) {
			return body
		}
	case contentBinary, contentJSON:
		if c.mediaType == eventStream && !soundsSecret(body) {
			return body
		}
		return []byte("(" + itoa(len(body)) + " bytes)")
	}
	return maskText
}

// maskField gives the text of a form's field, or of a part that is no file, without
// secrets: none of it if its name is that of one, or nobody knows whose it is; of
// JSON what it holds besides.
func (o *Operation) maskField(c *content, name, text string) string {
	schemas := c.member(name)
	n := o.redaction(nil).in(schemas)
	holds := slices.ContainsFunc(n.schemas, o.document.holdsSecrets)
	start := strings.TrimLeft(text, " \t\r\n")
	structured := start != "" && (start[0] == '{' || start[0] == '[')
	switch {
	case name == "", n.masked, looksSecret(name, n.names), holds && !structured:
		return Mask
	case !structured:
		if len(schemas) == 0 && soundsSecret([]byte(text)) {
			return Mask
		}
		return text
	}
	if _, err := decodeJSON([]byte(text)); err != nil {
		if holds || soundsSecret([]byte(text)) {
			return Mask
		}
		return text
	}
	var out bytes.Buffer
	if err := n.copy([]byte(text), jsontext.NewDecoder(strings.NewReader(text)), jsontext.NewEncoder(&out)); err != nil {
		return Mask // it was decoded before: not expected
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// MaskQuery hides the values of a query's parameters that are, or sound like,
// secrets.
func (d *Document) MaskQuery(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		// To some clients a semicolon separates, too.
		at := 0
		for one := range strings.SplitSeq(part, ";") {
			name, _, found := strings.Cut(one, "=")
			if found && at+len(name)+1 < len(part) && d.namesSecret(name) {
				parts[i] = part[:at] + name + "=" + Mask
				break
			}
			at += len(one) + 1
		}
	}
	return strings.Join(parts, "&")
}

// namesSecret reports whether a name in a query, as it came, is or sounds like that of
// a secret.
func (d *Document) namesSecret(name string) bool {
	plain, err := url.QueryUnescape(name)
	if err != nil {
		plain = name
	}
	return looksSecret(plain, d.secretNames()) || secretHeader(plain) || d.carriesSecret(InQuery, plain)
}

// MaskEcho hides the secrets of a query in a text that repeats it.
func (d *Document) MaskEcho(text, query string) string {
	if query == "" || text == "" {
		return text
	}
	masked := strings.Split(d.MaskQuery(query), "&")
	hidden := map[string]string{}
	for i, part := range strings.Split(query, "&") {
		if part == masked[i] {
			continue
		}
		hidden[part] = masked[i]
		hidden[strings.Trim(literalOf(part), `"`)] = masked[i]
		if plain, err := url.QueryUnescape(part); err == nil {
			hidden[plain] = masked[i]
		}
	}
	if len(hidden) == 0 {
		return text
	}
	// In one pass, however many there are; of two that begin alike the longer counts.
	pairs := make([]string, 0, 2*len(hidden))
	for _, part := range slices.SortedFunc(maps.Keys(hidden), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	}) {
		pairs = append(pairs, part, hidden[part])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// MaskHeader copies headers and hides those that carry credentials, also in an
// address.
func (d *Document) MaskHeader(header http.Header) http.Header {
	out := make(http.Header, len(header))
	for name, values := range header {
		kept := slices.Clone(values)
		for i, value := range kept {
			switch {
			case secretHeader(name) || d.carriesSecret(InHeader, name):
				kept[i] = Mask
			case name == "Referer" || name == "Location" || name == "Content-Location":
				kept[i] = d.maskURL(value)
			case !strings.HasSuffix(name, "-Authenticate") && carriesScheme(value):
				kept[i] = schemeOf(value)
			}
			kept[i] = strings.ToValidUTF8(kept[i], "\uFFFD")
		}
		out[name] = kept
	}
	return out
}

var credentialHeaderWords = append([]string{"auth", "session", "signature"}, credentialWords...)

// maskURL hides the user, and the secrets of query and fragment, of a URL.
func (d *Document) maskURL(text string) string {
	text, fragment, fragmented := strings.Cut(text, "#")
	text, query, queried := strings.Cut(text, "?")
	if scheme, rest, found := strings.Cut(text, "://"); found {
		authority, path, rooted := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			text = scheme + "://" + Mask + authority[at:]
			if rooted {
				text += "/" + path
			}
		}
	}
	if queried {
		text += "?" + d.MaskQuery(query)
	}
	if fragmented {
		text += "#" + d.MaskQuery(fragment)
	}
	return text
}

// carriesScheme reports whether a value of whatever header is a credential of HTTP's.
func carriesScheme(value string) bool {
	scheme, secret, found := strings.Cut(value, " ")
	return found && secret != "" && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Basic"))
}

// secretHeader reports whether a header carries a credential.
func secretHeader(name string) bool {
	folded := foldName(name)
	switch folded {
	case "wwwauthenticate", "proxyauthenticate":
		return false
	case "key", "sig", "xkey":
		return true
	}
	return slices.ContainsFunc(credentialHeaderWords, func(w string) bool { return strings.Contains(folded, w) })
}

// SegmentsFolded gives a pointer with array indices replaced by "*".
func SegmentsFolded(pointer string) string {
	if !strings.ContainsAny(pointer, "0123456789") {
		return pointer
	}
	segments := strings.Split(pointer, "/")
	for i, s := range segments {
		if s != "" && strings.Trim(s, "0123456789") == "" {
			segments[i] = "*"
		}
	}
	return strings.Join(segments, "/")
}

// MediaType is the type of a Content-Type, without parameters and in lower case.
func MediaType(contentType string) string {
	if i := strings.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	contentType = strings.TrimSpace(contentType)
	if strings.ContainsFunc(contentType, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
		return strings.ToLower(contentType)
	}
	return contentType
}
