package loading

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract/decimal"
	"github.com/understudy-api/understudy/server/contract/lines"
)

// walk goes through a node and what is in it: references are resolved, what nothing is
// judged by is left out, and mistakes are told.
func (l *loader) walk(n *node, k kind) {
	if k == data || n == nil || l.walked[n] {
		return
	}
	l.walked[n] = true
	if k == schema && n.is(truth) {
		return // the schema of everything, or of nothing
	}
	if !n.is(object) {
		l.mistake(n, "%s: want an object", article(k))
		return
	}
	if l.draft && k == schema && n.get("$dynamicRef").is(text) {
		l.dynamicRef(n)
	}
	if n.get("$ref").is(text) {
		l.resolve(n, k)
		if sections[k] == "" || k != schema || !l.draft || len(n.names) == 1 {
			return
		}
	} else if ref := n.get("$ref"); ref != nil && k != schema {
		l.mistake(ref, "$ref: want a text")
	}
	if l.after31 {
		l.newer(n, k)
	}
	for _, name := range unread[k] {
		n.remove(name)
	}
	for _, name := range texts[k] {
		if n.get(name) != nil {
			asText(n, name)
		}
	}
	for _, name := range booleans[k] {
		if at := n.get(name); at.is(null) {
			n.remove(name)
		} else if at != nil && !at.is(truth) {
			l.mistake(at, "%s: want true or false", name)
		}
	}
	if check := l.check(k); check != nil {
		check(n)
	}
	for _, f := range fields[k] {
		l.field(n, f)
	}
	if k == schema && n.get("$ref") != nil && (looksAtOthers(n) || l.apart(n.get("$ref"))) {
		l.also(n, "$ref", n.get("$ref"))
		n.remove("$ref")
	}
	if k == pathItem {
		l.pathParameters(n)
	}
}

func article(k kind) string {
	if strings.ContainsRune("aeio", rune(k[0])) {
		return "an " + string(k)
	}
	return "a " + string(k)
}

func (l *loader) field(n *node, f field) {
	at := n.get(f.name)
	switch {
	case at == nil:
		return
	case at.is(null):
		n.remove(f.name)
		return
	}
	switch f.shape {
	case one:
		l.walk(at, f.kind)
	case listOf:
		if at.get("$ref").is(text) {
			l.inline2(at)
		}
		if !at.is(array) {
			l.mistake(at, "%s: want a list", f.name)
			return
		}
		for _, item := range at.items {
			l.walk(item, f.kind)
		}
	case mapOf:
		if f.kind != schema && at.get("$ref").is(text) && f.kind != pathItem || f.name == "paths" && at.get("$ref").is(text) || f.kind == schema && len(at.names) == 1 && at.get("$ref").is(text) {
			l.inline2(at)
		}
		if !at.is(object) {
			l.mistake(at, "%s: want an object", f.name)
			return
		}
		for _, name := range slices.Clone(at.names) {
			l.named1(at, name, f)
		}
	}
}

// inline2 takes a list or a mapping that stands elsewhere in the place of a reference.
func (l *loader) inline2(n *node) {
	target, _, _, err := l.target(n.get("$ref"))
	if err != nil {
		l.mistake(n.get("$ref"), "$ref %q: %v", n.get("$ref").text, err)
		return
	}
	l.inline(n, target, data)
}

// named1 goes through what stands by a name in a mapping.
func (l *loader) named1(at *node, name string, f field) {
	member := at.members[name]
	extension := strings.HasPrefix(name, "x-")
	switch f.name {
	case "paths":
		if extension {
			at.remove(name)
			return
		}
		if !strings.HasPrefix(name, "/") {
			l.mistake(member, "the path %q: want one that begins with a slash", name)
			return
		}
		if member.is(null) {
			at.remove(name)
			return
		}
		l.path = name
	case "responses":
		if f.kind == response && at != l.main.root.get("components").get("responses") && !statusKey.MatchString(name) {
			if extension {
				at.remove(name)
				return
			}
			l.mistake(member, "the status %q: want 200, 2XX or default", name)
			return
		}
	case "content":
		if !mediaTypeKey.MatchString(name) {
			l.mistake(member, "the media type %q: want one as application/json, or a range as application/*", name)
			return
		}
	case "schemas", "parameters", "requestBodies", "examples", "links", "securitySchemes", "headers":
		if extension && member != nil && f.name != "headers" && !member.is(object) {
			at.remove(name)
			return
		}
	}
	switch {
	case member.is(null) && (f.kind == mediaType || f.kind == schema):
		at.members[name] = member.child(object, "")
		member = at.members[name]
	case member.is(null) && f.kind != header && f.kind != response:
		at.remove(name)
		return
	}
	l.walk(member, f.kind)
}

// mediaTypeKey is a media type or a range of them (RFC 9110, sections 8.3.1 and 12.5.1),
// as documents write them.
var mediaTypeKey = regexp.MustCompile("^ *(\\*/\\*|[\\w!#$%&'+.^`|~-]+/(\\*|[\\w!#$%&'*+.^`|~-]+)) *(;.*)?$")

var statusKey = regexp.MustCompile(`^([1-5][0-9][0-9]|[1-5]XX|default)$`)

func (l *loader) check(k kind) func(*node) {
	switch k {
	case operation:
		return l.operation
	case parameter:
		return l.parameter
	case header:
		return l.header
	case response:
		return func(n *node) { asText(n, "description") }
	case schema:
		return l.schema
	case securityScheme:
		return l.scheme
	case pathItem:
		return l.methods
	}
	return nil
}

func (l *loader) operation(n *node) {
	switch id := n.get("operationId"); {
	case id == nil:
	case id.is(null):
		n.remove("operationId")
	case !id.is(text):
		id.kind = text
	}
	if id := n.get("operationId").string(); id == "" {
		n.remove("operationId")
	} else if other := l.named[id]; other != nil && other != n {
		l.mistake(n.get("operationId"), "the operationId %q is there twice, before on line %d", id, other.line)
	} else {
		l.named[id] = n.get("operationId")
	}
	if n.get("responses") == nil || n.get("responses").is(null) {
		n.set("responses", n.child(object, ""))
	}
	if tags := n.get("tags"); tags != nil && !tags.is(array) {
		n.remove("tags")
	}
	n.remove("servers")
	l.secured(n)
}

// secured checks that the schemes that are asked for are there.
func (l *loader) secured(n *node) {
	at := n.get("security")
	switch {
	case at == nil:
		return
	case at.is(null):
		n.remove("security")
		return
	case !at.is(array):
		l.mistake(at, "security: want a list")
		return
	}
	for _, requirement := range at.items {
		if !requirement.is(object) {
			l.mistake(requirement, "security: want an object of schemes")
			continue
		}
		for _, name := range requirement.names {
			if !l.security[name] {
				l.mistake(requirement.members[name], "security: no scheme of the components is called %q", name)
			}
			if scopes := requirement.members[name]; !scopes.is(array) {
				requirement.members[name] = scopes.child(array, "")
			}
		}
	}
}

func (l *loader) scheme(n *node) {
	switch kind := n.get("type").string(); kind {
	case "apiKey", "http", "oauth2", "openIdConnect", "mutualTLS":
	default:
		l.mistake(orElse(n.get("type"), n), "the security scheme type %q: want apiKey, http, oauth2, openIdConnect or mutualTLS", kind)
	}
	switch in := n.get("in").string(); n.get("type").string() {
	case "apiKey":
		if !slices.Contains([]string{"query", "header", "cookie"}, in) {
			l.mistake(orElse(n.get("in"), n), "the key of a security scheme is in %q: want query, header or cookie", in)
		}
		if n.get("name").string() == "" {
			l.mistake(n, "the key of a security scheme has no name")
		}
	case "http":
		if n.get("scheme").string() == "" {
			l.mistake(n, "a security scheme of HTTP names no scheme")
		}
	}
}

func orElse(at, other *node) *node {
	if at != nil {
		return at
	}
	return other
}

var parameterPlaces = []string{"path", "query", "header", "cookie"}

// styles are those that a parameter may have in each place (OpenAPI, section Style
// Values).
var styles = map[string][]string{
	"path":   {"simple", "label", "matrix"},
	"query":  {"form", "spaceDelimited", "pipeDelimited", "deepObject"},
	"header": {"simple"},
	"cookie": {"form", "cookie"},
}

func (l *loader) parameter(n *node) {
	if name := n.get("name"); !name.is(text) || name.text == "" {
		l.mistake(orElse(name, n), "a parameter without a name")
	}
	in := n.get("in")
	if !slices.Contains(parameterPlaces, in.string()) {
		l.mistake(orElse(in, n), "the parameter %q is in %q: want path, query, header or cookie", n.get("name").string(), in.string())
		return
	}
	if in.text == "path" && !n.get("required").isTrue() {
		required := n.child(truth, "true")
		n.set("required", required)
	}
	if style := n.get("style"); style != nil && !slices.Contains(styles[in.text], style.string()) {
		l.mistake(style, "the style %q of a parameter in %s: want %s", style.text, in.text, strings.Join(styles[in.text], " or "))
	}
	l.described(n, "parameter "+strconv.Quote(n.get("name").string()))
}

func (l *loader) header(n *node) {
	if style := n.get("style"); style != nil && style.string() != "simple" {
		l.mistake(style, "the style %q of a header: want simple", style.text)
	}
	l.described(n, "header")
}

// described checks that a parameter or a header has a schema, or content of one type.
func (l *loader) described(n *node, what string) {
	schema, content := n.get("schema"), n.get("content")
	switch {
	case (schema == nil || schema.is(null)) && (content == nil || content.is(null)):
		l.mistake(n, "the %s has neither schema nor content", what)
	case schema != nil && content != nil:
		l.mistake(n, "the %s has a schema and content: want one of them", what)
	case content.is(object) && len(content.names) != 1:
		l.mistake(content, "the content of the %s: want one media type", what)
	}
}

var schemaTypes = []string{"null", "boolean", "integer", "number", "string", "array", "object"}

// The keywords of a schema by what they are.
var (
	bounds = []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
	counts = []string{
		"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains",
	}
	words = []string{"format", "pattern", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "contentMediaType", "contentEncoding"}
)

func (l *loader) schema(n *node) {
	l.types(n)
	exact := map[string]string{}
	for _, keyword := range bounds {
		at := n.get(keyword)
		switch {
		case at == nil:
		case at.is(null):
			n.remove(keyword)
		case at.is(truth) && strings.HasPrefix(keyword, "exclusive"):
		case !at.is(number):
			l.mistake(at, "%s: want a number", keyword)
		default:
			value, _ := decimal.Parse(at.text)
			if keyword == "multipleOf" && value.Compare(decimal.Decimal{}) <= 0 {
				l.mistake(at, "multipleOf: want a number greater than 0")
			}
			if literal, ok := rounded(at); ok {
				exact[keyword] = literal
				if f, err := strconv.ParseFloat(literal, 64); err != nil { // beyond all of them
					at.text = strconv.FormatFloat(math.Copysign(math.MaxFloat64, f), 'g', -1, 64)
				}
			}
		}
	}
	for _, keyword := range counts {
		at := n.get(keyword)
		if at.is(null) {
			n.remove(keyword)
		} else if at != nil {
			if value, ok := decimal.Parse(at.text); !at.is(number) || !ok || !value.Within(64) || value.Compare(decimal.Decimal{}) < 0 {
				l.mistake(at, "%s: want an integer from 0", keyword)
			} else if f, err := strconv.ParseFloat(at.text, 64); err == nil {
				at.text = strconv.FormatFloat(f, 'f', 0, 64)
			}
		}
	}
	for _, keyword := range words {
		if at := n.get(keyword); at.is(null) {
			n.remove(keyword)
		} else if at != nil && !at.is(text) {
			l.mistake(at, "%s: want a text", keyword)
		}
	}
	l.lists(n, exact)
	if len(exact) > 0 {
		at := n.child(object, "")
		for _, keyword := range slices.Sorted(maps.Keys(exact)) {
			at.set(keyword, n.child(text, exact[keyword]))
		}
		n.set(exactKey, at)
	}
	if tag := n.get("discriminator"); tag != nil {
		l.discriminator(n, tag)
	}
	if l.draft && n.get("type") == nil && n.get("$ref") == nil && len(n.names) > 0 {
		n.set("allowEmptyValue", n.child(truth, "true")) // where kin-openapi's look for a schema that says nothing ends
	}
}

// rounded gives a value as it is written, if it has a number of which a float64 makes
// another.
func rounded(n *node) (string, bool) {
	odd := slices.ContainsFunc(n.items, func(item *node) bool { _, odd := rounded(item); return odd })
	for _, member := range n.members {
		_, other := rounded(member)
		odd = odd || other
	}
	if n.is(number) {
		value, ok := decimal.Parse(n.text)
		f, err := strconv.ParseFloat(n.text, 64)
		odd = ok && (err != nil || decimal.FromFloat(f).Compare(value) != 0)
	}
	if !odd {
		return "", false
	}
	w := writer{places: map[string]lines.Place{}}
	w.node(n, "")
	return string(w.out), true
}

func (l *loader) types(n *node) {
	at := n.get("type")
	switch {
	case at == nil:
		return
	case at.is(null):
		n.remove("type")
		return
	}
	names := at.items
	if !at.is(array) {
		names = []*node{at}
	}
	for _, name := range names {
		if name.is(null) { // the word without quotes
			name.kind, name.text = text, "null"
		}
		if !name.is(text) || !slices.Contains(schemaTypes, name.text) {
			l.mistake(name, "type %q: want one of %s", name.text, strings.Join(schemaTypes[1:], ", "))
		}
	}
}

// lists checks the keywords that are lists.
func (l *loader) lists(n *node, exact map[string]string) {
	if at := n.get("required"); at.is(null) {
		n.remove("required")
	} else if at != nil && (!at.is(array) || !all(at.items, text)) {
		l.mistake(at, "required: want a list of names")
	}
	for _, keyword := range []string{"enum", "examples"} {
		at := n.get(keyword)
		if at == nil {
			continue
		}
		if keyword == "examples" && !at.is(array) {
			n.remove(keyword) // it is no rule
			continue
		}
		if !at.is(array) {
			l.mistake(at, "%s: want a list", keyword)
			continue
		}
		for i, item := range at.items {
			if literal, ok := rounded(item); keyword == "enum" && ok {
				exact["enum/"+strconv.Itoa(i)] = literal
			}
		}
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if at := n.get(keyword); at.is(array) && len(at.items) == 0 {
			n.remove(keyword)
		}
	}
	if at := n.get("dependentRequired"); at != nil {
		for _, name := range at.nameList() {
			if m := at.members[name]; !m.is(array) || !all(m.items, text) {
				l.mistake(m, "dependentRequired: want lists of names")
			}
		}
	}
	if at := n.get("const"); at != nil && l.draft && n.get("enum") != nil { // both are asked for
		n.remove("const")
		l.also(n, "const", at)
	} else if at != nil && l.draft {
		list := at.child(array, "")
		list.items = []*node{at}
		if literal, ok := rounded(at); ok {
			exact["enum/0"] = literal
		}
		if at.is(null) || len(exact) > 0 {
			n.remove("const")
			n.set("enum", list)
		}
	}
	if items := n.get("items"); items.is(array) {
		l.mistake(items, "items: want a schema")
		n.remove("items")
	}
}

// whole are the members of a schema that look at what the others say, one that it refers
// to among them.
var whole = []string{"unevaluatedProperties", "unevaluatedItems", exactKey}

func looksAtOthers(n *node) bool {
	return slices.ContainsFunc(whole, func(name string) bool { return n.get(name) != nil })
}

// apart reports whether what a reference refers to means another thing once the members
// beside the reference are taken for its own: the schema of everything or of nothing, and
// one that looks at what it says itself.
func (l *loader) apart(ref *node) bool {
	for range maxHops {
		target, _, _, err := l.target(ref)
		if err != nil {
			return false // it is told
		}
		if ref = target.get("$ref"); !ref.is(text) || len(target.names) > 1 {
			return target.is(truth) || looksAtOthers(target)
		}
	}
	return false
}

// exactKey marks a schema with the numbers of its keywords as the document writes them,
// where a float64 has another.
const exactKey = "x-understudy-exact"

// also asks for a keyword beside those that a schema has.
func (l *loader) also(n *node, keyword string, value *node) {
	branch := n.child(object, "")
	branch.set(keyword, value)
	if !n.get("allOf").is(array) {
		n.set("allOf", n.child(array, ""))
	}
	n.get("allOf").items = append(n.get("allOf").items, branch)
}

func all(items []*node, kind byte) bool {
	return !slices.ContainsFunc(items, func(n *node) bool { return !n.is(kind) })
}

// discriminator makes what a mapping refers to components, as the branches are.
func (l *loader) discriminator(n, tag *node) {
	if !tag.is(object) || !tag.get("propertyName").is(text) {
		l.mistake(tag, "discriminator: want an object with a propertyName")
		n.remove("discriminator")
		return
	}
	mapping := tag.get("mapping")
	if mapping.is(null) {
		tag.remove("mapping")
	}
	if !mapping.is(object) {
		return
	}
	for _, name := range slices.Clone(mapping.names) {
		to := mapping.members[name]
		if !to.is(text) {
			l.mistake(to, "mapping: want names of schemas or references")
			continue
		}
		if !strings.ContainsAny(to.text, "#/") && !strings.HasSuffix(to.text, ".yaml") && !strings.HasSuffix(to.text, ".json") {
			continue
		}
		holder := to.child(object, "")
		holder.set("$ref", to.child(text, to.text))
		if _, _, _, err := l.target(holder.get("$ref")); err != nil { // a value of it is of no branch
			l.unjudgedAt(to, "the mapping of a discriminator to %q is not judged: %v", to.text, err)
			mapping.remove(name)
			continue
		}
		l.resolve(holder, schema)
		if ref := holder.get("$ref"); ref.is(text) {
			to.text = ref.text
		}
	}
}
