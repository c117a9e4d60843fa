package contract

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

// Mask stands in the place of a secret. It is pydantic's.
const Mask = "**********"

var maskText = []byte(`"` + Mask + `"`)

// A secret is a value whose schema is writeOnly or of format password, or of which the
// document says so though answers have it (x-understudy-secret). What the
// schemas cannot place is judged by its name, and a text that stands where the
// document wants an object that holds secrets counts as one. The value of a pair, an
// object that names what it holds and that no schema describes, is judged by that name;
// and of a text that is an address, whoever is named in it and what its query says are
// hidden.

// Redacted is what came ([Violation.Got]) without secrets.
func (v *Violation) Redacted() any {
	if v.op == nil {
		return nil
	}
	switch v.Rule {
	case RuleMediaType, RuleStatus:
		return v.Got // names the message, holds nothing of it
	}
	path := v.Path
	if v.Rule == "required" && len(path) > 0 {
		path = path[:len(path)-1]
	}
	n := v.op.redaction(v.root)
	for _, step := range path {
		n = n.step(step)
	}
	return plainValue(n.value(v.Got))
}

// RedactedRaw is the text of the parameter ([Violation.Raw]) without secrets.
func (v *Violation) RedactedRaw() string {
	if v.Secret() {
		return Mask
	}
	return v.Raw
}

// Secret reports whether the offending value itself is a secret.
func (v *Violation) Secret() bool {
	if v.op == nil {
		return true
	}
	n := v.op.redaction(v.root)
	for _, step := range v.Path {
		if n.masked {
			return true
		}
		n = n.step(step)
	}
	return n.masked
}

// HoldsSecrets reports whether a body of the request may hold a secret. Where the
// operation declares no body, one that came anyway may.
func (o *Operation) HoldsSecrets() bool {
	if o.facts().bodySchema == nil {
		return len(o.document.secretNames()) > 0
	}
	return o.document.holdsSecrets(o.facts().bodySchema)
}

// RedactRequest gives a request's body without secrets: what came, members in the
// order in which they came. A body that cannot be read as JSON becomes the mask if
// it could hold one.
func (o *Operation) RedactRequest(body []byte) []byte {
	return o.redact(body, o.facts().bodySchema, o.HoldsSecrets)
}

// RedactResponse gives an answer's body without secrets.
func (o *Operation) RedactResponse(status int, body []byte) []byte {
	var schema *Schema
	if c := jsonContent(o.contentsOf(status)); c != nil {
		schema = c.schema
	}
	return o.redact(body, schema, func() bool {
		return schema == nil && len(o.document.secretNames()) > 0 || o.document.holdsSecrets(schema)
	})
}

// RedactValue gives a decoded request body without secrets.
func (o *Operation) RedactValue(body any) any { return o.redaction(o.facts().bodySchema).value(body) }

func (o *Operation) redact(body []byte, schema *Schema, holds func() bool) []byte {
	if len(body) == 0 {
		return body
	}
	if _, err := decodeJSON(body); err != nil {
		if holds() {
			return maskText
		}
		return body
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out)
	if err := o.redaction(schema).copy(body, dec, enc); err != nil {
		return maskText // it was decoded before: not expected
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// redaction is a place in a value with what the document says of it.
type redaction struct {
	document *Document
	names    map[string]bool // of every secret of the document, folded
	schemas  []*Schema       // of the value; none if the document does not say
	masked   bool            // the value is a secret
	guarded  bool            // the schemas were lost in a value that may hold secrets
}

func (o *Operation) redaction(s *Schema) redaction {
	n := redaction{document: o.document, names: o.document.secretNames()}
	if s != nil {
		n = n.in([]*Schema{s})
	}
	return n
}

// in is the place that the given schemas describe.
func (n redaction) in(schemas []*Schema) redaction {
	n.schemas = composed(schemas)
	n.masked = slices.ContainsFunc(n.schemas, isSecret)
	n.guarded = n.guarded && len(n.schemas) == 0
	return n
}

// lost is a place inside the value that no schema describes.
func (n redaction) lost() redaction {
	n.guarded = n.guarded || slices.ContainsFunc(n.schemas, n.document.holdsSecrets)
	n.schemas, n.masked = nil, false
	return n
}

func (n redaction) step(s Step) redaction {
	if s.Array {
		return n.item()
	}
	return n.member(s.Name)
}

func (n redaction) item() redaction {
	var next []*Schema
	for _, s := range n.schemas {
		if s.Items != nil {
			next = append(next, s.Items.Value)
		}
	}
	if len(next) == 0 {
		return n.lost()
	}
	return n.in(next)
}

func (n redaction) member(name string) redaction {
	var next, free []*Schema
	objects := false
	for _, s := range n.schemas {
		objects = objects || s.Type.Includes(openapi3.TypeObject) || len(s.Properties) > 0
		switch {
		case s.Properties[name] != nil:
			next = append(next, s.Properties[name].Value)
		case s.AdditionalProperties.Schema != nil:
			free = append(free, s.AdditionalProperties.Schema.Value)
		}
	}
	if len(next) > 0 {
		return n.in(append(next, free...))
	}
	suspect := looksSecret(name, n.names) || meantSecret(name, n.schemas)
	switch {
	case len(free) > 0:
		n = n.in(free)
	case objects:
		n.schemas, n.masked = nil, false
	default:
		n = n.lost()
	}
	n.masked = n.masked || suspect
	return n
}

// hides reports whether a scalar in this place is hidden.
func (n redaction) hides(v any) bool {
	if v == nil {
		return false
	}
	if n.masked {
		return true
	}
	if _, text := v.(string); !text {
		return false
	}
	if len(n.schemas) == 0 {
		return n.guarded
	}
	for _, s := range n.schemas {
		if s.Type == nil && len(s.Properties) == 0 && len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) == 0 || s.Type.Includes(openapi3.TypeString) {
			return false
		}
	}
	return slices.ContainsFunc(n.schemas, n.document.holdsSecrets)
}

func (n redaction) value(v any) any {
	if n.masked && v != nil {
		return Mask
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		hidden := n.pair(func(name string) string { text, _ := v[name].(string); return text })
		for name, m := range v {
			member := n.member(name)
			member.masked = member.masked || hidden && name == pairValue && len(member.schemas) == 0
			out[name] = member.value(m)
		}
		return out
	case []any:
		out := make([]any, len(v))
		item := n.item()
		for i, m := range v {
			out[i] = item.value(m)
		}
		return out
	}
	if n.hides(v) {
		return Mask
	}
	if text, ok := v.(string); ok {
		return n.document.maskAddress(text)
	}
	return v
}

// pairValue is the member of a pair that has the value.
const pairValue = "value"

// pair reports whether an object, whose texts text gives by name, is a pair whose value
// is probably a secret.
func (n redaction) pair(text func(name string) string) bool {
	for _, member := range []string{"key", "name"} {
		if name := text(member); name != "" && (looksSecret(name, n.names) || secretHeader(name)) {
			return true
		}
	}
	return false
}

// pairAhead is pair for the object that follows in a text, of which the texts at its
// beginning are looked at.
func (n redaction) pairAhead(object []byte) bool {
	found := map[string]string{}
	dec := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_, err := dec.ReadToken()
	for range maxPair {
		name, fails := dec.ReadToken()
		if err != nil || fails != nil || name.Kind() != '"' {
			break
		}
		member := name.String()
		if kind := dec.PeekKind(); kind == '{' || kind == '[' {
			break
		}
		var text jsontext.Token
		if text, err = dec.ReadToken(); text.Kind() == '"' {
			found[member] = text.String()
		}
	}
	return n.pair(func(name string) string { return found[name] })
}

// maxPair is how many members of an object are looked at for the name of a pair.
const maxPair = 8

// maskAddress is maskURL for a text that may be an address.
func (d *Document) maskAddress(text string) string {
	scheme, _, is := strings.Cut(text, "://")
	if !is || len(scheme) > 20 || strings.ContainsAny(scheme, " \t\r\n/?#") || !strings.ContainsAny(text, "@?#") {
		return text
	}
	return d.maskURL(text)
}

// copy copies a value without secrets. body is all that the decoder reads.
func (n redaction) copy(body []byte, dec *jsontext.Decoder, enc *jsontext.Encoder) error {
	kind := dec.PeekKind()
	if n.masked && kind != 'n' {
		if err := dec.SkipValue(); err != nil {
			return err
		}
		return enc.WriteToken(jsontext.String(Mask))
	}
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch kind {
	case '"':
		text := tok.String()
		if n.hides(text) {
			tok = jsontext.String(Mask)
		} else if shown := n.document.maskAddress(text); shown != text {
			tok = jsontext.String(shown)
		}
		return enc.WriteToken(tok)
	case '{':
		hidden := n.pairAhead(body[dec.InputOffset()-1:])
		if err := enc.WriteToken(tok); err != nil {
			return err
		}
		for dec.PeekKind() == '"' {
			name, err := dec.ReadToken()
			if err != nil {
				return err
			}
			member := n.member(name.String())
			member.masked = member.masked || hidden && name.String() == pairValue && len(member.schemas) == 0
			if err := enc.WriteToken(name); err != nil {
				return err
			}
			if err := member.copy(body, dec, enc); err != nil {
				return err
			}
		}
	case '[':
		if err := enc.WriteToken(tok); err != nil {
			return err
		}
		item := n.item()
		for dec.PeekKind() != ']' {
			if err := item.copy(body, dec, enc); err != nil {
				return err
			}
		}
	default:
		return enc.WriteToken(tok)
	}
	if tok, err = dec.ReadToken(); err != nil {
		return err
	}
	return enc.WriteToken(tok)
}

func isSecret(s *Schema) bool {
	return s.WriteOnly || s.Format == "password" || s.Extensions[secretKey] == true
}

// secretKey marks a schema whose values are secrets, but answered.
const secretKey = "x-understudy-secret"

// composed adds the schemas that apply, or may apply, to the same value.
func composed(schemas []*Schema) []*Schema {
	var all []*Schema
	for rest := schemas; len(rest) > 0; rest = rest[1:] {
		s := rest[0]
		if slices.Contains(all, s) {
			continue
		}
		all = append(all, s)
		for _, refs := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf, {s.If, s.Then, s.Else}} {
			for _, ref := range refs {
				if ref != nil {
					rest = append(rest, ref.Value)
				}
			}
		}
		for _, ref := range s.DependentSchemas {
			rest = append(rest, ref.Value)
		}
	}
	return all
}

// holdsSecrets is the function of this name, asked once for each schema.
func (d *Document) holdsSecrets(s *Schema) bool {
	if known, ok := d.secretSchemas.Load(s); ok {
		return known == true
	}
	holds := holdsSecrets(s, map[*Schema]bool{})
	d.secretSchemas.Store(s, holds)
	return holds
}

// holdsSecrets reports whether a value of the schema is or holds a secret.
func holdsSecrets(s *Schema, seen map[*Schema]bool) bool {
	if s == nil || seen[s] {
		return false
	}
	seen[s] = true
	if isSecret(s) {
		return true
	}
	found := false
	eachChild(s, func(_ string, ref *openapi3.SchemaRef) {
		found = found || holdsSecrets(ref.Value, seen)
	})
	return found
}

// findSecretNames lists the folded names of every secret member and parameter.
func (d *Document) findSecretNames() map[string]bool {
	names := map[string]bool{}
	seen := map[*Schema]bool{}
	var walk func(s *Schema)
	walk = func(s *Schema) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		for name, ref := range s.Properties {
			if slices.ContainsFunc(composed([]*Schema{ref.Value}), isSecret) {
				names[foldName(name)] = true
			}
		}
		eachChild(s, func(_ string, ref *openapi3.SchemaRef) { walk(ref.Value) })
	}
	parameter := func(p *openapi3.Parameter) {
		if p.Schema == nil {
			return
		}
		if slices.ContainsFunc(composed([]*Schema{p.Schema.Value}), isSecret) {
			names[foldName(p.Name)] = true
		}
		walk(p.Schema.Value)
	}
	if d.spec.Components != nil {
		for _, name := range slices.Sorted(maps.Keys(d.spec.Components.Schemas)) {
			walk(d.spec.Components.Schemas[name].Value)
		}
	}
	for _, o := range d.ordered {
		for _, p := range o.facts().parameters {
			parameter(p)
		}
		walk(o.facts().bodySchema)
		for _, a := range o.facts().answers {
			if c := jsonContent(a.contents); c != nil {
				walk(c.schema)
			}
		}
	}
	return names
}

// foldName removes what spellings of one name differ in.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 0x7f:
			return r
		}
		return -1
	}, name)
}

// credentialWords mark a name as a secret's where the document does not know it.
var credentialWords = []string{"secret", "password", "passwd", "passphrase", "token", "apikey", "credential", "privatekey", "authorization", "cookie"}

// meantSecret reports whether a member that no schema declares is probably a
// misspelled secret.
func meantSecret(name string, schemas []*Schema) bool {
	var among []string
	for _, s := range schemas {
		for declared, property := range s.Properties {
			if isSecret(property.Value) {
				among = append(among, declared)
			}
		}
	}
	return nearestName(name, among) != ""
}

// maxSecretName is the length of a name, in bytes, beyond which it is not read: what it
// names is hidden.
const maxSecretName = 1 << 10

func looksSecret(name string, secrets map[string]bool) bool {
	if len(name) > maxSecretName {
		return true
	}
	folded := foldName(name)
	return secrets[folded] || slices.ContainsFunc(credentialWords, func(w string) bool { return strings.Contains(folded, w) })
}

// Component is the name of the component that a schema of the violation's
// document is; empty if it stands inline.
func (v *Violation) Component(s *Schema) string {
	name, found := strings.CutPrefix(v.pointer(s), "/components/schemas/")
	if !found || strings.Contains(name, "/") {
		return ""
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}

// Declares reports whether the document states a keyword in the schema, in the
// form in which it is published: lowering rewrites const and prefixItems.
func (v *Violation) Declares(s *Schema, keyword string) bool {
	at := v.pointer(s)
	if at == "" {
		return false
	}
	_, found := v.op.document.index().lines.Find(at + "/" + keyword)
	return found
}

// Properties lists the properties of a schema in the order of the violation's document.
func (v *Violation) Properties(s *Schema) []string { return v.op.Properties(s) }

// BodySchema is the schema of the request's body; nil if there is none.
func (v *Violation) BodySchema() *Schema {
	switch {
	case v.op == nil:
		return nil
	case v.In == InBody && v.root != nil:
		return v.root
	}
	return v.op.facts().bodySchema
}

// HoldsSecrets reports whether the request's body may hold a secret.
func (v *Violation) HoldsSecrets() bool { return v.op == nil || v.op.HoldsSecrets() }

func (v *Violation) pointer(s *Schema) string {
	if v.op == nil || s == nil {
		return ""
	}
	return v.op.document.index().at(s)
}

// plainValue replaces numbers beyond the range of a float64, which no reader of an
// answer can be asked to take, by their text.
func plainValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		if _, err := v.Float64(); err != nil {
			return v.String()
		}
	case []any:
		for i := range v {
			v[i] = plainValue(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = plainValue(v[name])
		}
	}
	return v
}
