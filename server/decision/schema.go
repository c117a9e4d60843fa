package decision

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/understudy-api/understudy/server/decision/value"
)

// A schema is the JSON Schema of an input or output node, read as draft 7 whatever
// it calls itself. The library reads it; judging is done here, because of several
// violations it is the first that is told, in the reference's order (a schema's
// keywords by name) and words.
type schema struct {
	rule *schemaRule
	// refusal is why the schema cannot be used: told when the node is executed.
	refusal string
}

// schemaSteps is how many rules one value is judged by at most.
const schemaSteps = 5_000_000

// A schemaRule is one schema with its subschemas.
type schemaRule struct {
	never bool // false
	ref   *schemaRule
	checks

	allOf, anyOf, oneOf []*schemaRule
	not                 *schemaRule
	notText             string
	when, then, other   *schemaRule
	contains            *schemaRule
	items               *schemaRule
	places              []*schemaRule
	moreItems           *schemaRule // after places
	properties          []schemaProperty
	patterns            []schemaPattern
	moreProperties      *schemaRule
	names               *schemaRule
	dependencies        []schemaDependency
}

// checks are what a schema says of the value itself.
type checks struct {
	kinds                        []string // sorted
	constant                     *value.Value
	enum                         []value.Value
	enumerated                   bool
	format                       *jsonschema.Format
	pattern                      jsonschema.Regexp
	base64, jsonText             bool
	minLength, maxLength         *int
	minItems, maxItems           *int
	minProperties, maxProperties *int
	unique                       bool
	minimum, maximum             *value.Decimal
	above, below                 *value.Decimal
	multiple                     *value.Decimal
	required                     []string
}

type schemaProperty struct {
	name string
	rule *schemaRule
}

type schemaPattern struct {
	regexp jsonschema.Regexp
	rule   *schemaRule
}

type schemaDependency struct {
	name  string
	names []string
	rule  *schemaRule
}

// A noLoader refuses what a schema refers to outside itself.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("Resource '" + url + "' is not present in a registry and retrieving it failed: schemas load nothing")
}

const schemaURL = "decision:///schema"

func libraryCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	c.AssertContent()
	c.UseLoader(noLoader{})
	return c
}

// metaRule judges schemas.
var metaRule = sync.OnceValue(func() *schemaRule {
	compiled, err := libraryCompiler().Compile("http://json-schema.org/draft-07/schema")
	if err != nil {
		return &schemaRule{}
	}
	rule := convertSchema(compiled, value.Value{})
	if enum := rule.property("enum"); enum != nil {
		enum.unique = false // the draft has it so, the library does not
	}
	return rule
})

// distinct drops what an enum has twice, which the library refuses.
func distinct(doc any) any {
	switch doc := doc.(type) {
	case []any:
		for _, item := range doc {
			distinct(item)
		}
	case map[string]any:
		for key, member := range doc {
			distinct(member)
			if list, ok := member.([]any); ok && key == "enum" {
				seen := map[string]bool{}
				doc[key] = slices.DeleteFunc(list, func(one any) bool {
					text := shown(fromPlain(one))
					defer func() { seen[text] = true }()
					return seen[text]
				})
			}
		}
	}
	return doc
}

// compileSchema compiles the text of a schema; nil for none, which includes a text
// that is not JSON.
func compileSchema(text string) *schema {
	if text == "" {
		return nil
	}
	doc, err := value.ParseLimited([]byte(text), value.Limits{Depth: value.DefaultDepth})
	if err != nil {
		return nil
	}
	if doc.Kind() == value.KindObject {
		if dialect, ok := doc.AsObject().Get("$schema"); ok {
			if url := dialect.AsString(); dialect.Kind() == value.KindString && !strings.Contains(url, "//json-schema.org/") {
				_, err := noLoader{}.Load(url)
				return &schema{refusal: err.Error()}
			}
			members := doc.AsObject().Clone()
			members.Delete("$schema")
			doc = value.Object(members)
		}
	}
	judge := judge{left: schemaSteps}
	if !judge.holds(metaRule(), doc, nil) {
		return &schema{refusal: judge.text}
	}
	c := libraryCompiler()
	if err = c.AddResource(schemaURL, distinct(plain(doc))); err == nil {
		var compiled *jsonschema.Schema
		if compiled, err = c.Compile(schemaURL); err == nil {
			return &schema{rule: convertSchema(compiled, doc)}
		}
	}
	return &schema{refusal: schemaRefusal(err)}
}

func schemaRefusal(err error) string {
	var load *jsonschema.LoadURLError
	var pointer *jsonschema.JSONPointerNotFoundError
	var regex *jsonschema.InvalidRegexError
	switch {
	case errors.As(err, &load):
		return load.Err.Error()
	case errors.As(err, &pointer):
		_, fragment, _ := strings.Cut(pointer.URL, "#")
		return "Pointer '" + fragment + "' does not exist"
	case errors.As(err, &regex):
		return quoted(regex.Regex) + ` is not a "regex" that is supported: ` + regex.Err.Error()
	default:
		return err.Error()
	}
}

// plain is the value as the library wants it.
func plain(v value.Value) any {
	switch v.Kind() {
	case value.KindNull:
		return nil
	case value.KindBool:
		return v.AsBool()
	case value.KindNumber:
		return json.Number(v.AsNumber().Normalize().String()) // all digits
	case value.KindArray:
		items := make([]any, 0, len(v.AsArray()))
		for _, item := range v.AsArray() {
			items = append(items, plain(item))
		}
		return items
	case value.KindObject:
		m := make(map[string]any, v.AsObject().Len())
		for i := range v.AsObject().Len() {
			key, member := v.AsObject().At(i)
			m[key] = plain(member)
		}
		return m
	case value.KindString:
		return v.AsString()
	default:
		return v.String()
	}
}

func fromPlain(v any) value.Value {
	text, err := json.Marshal(v)
	if err != nil {
		return value.Value{}
	}
	parsed, err := value.Parse(text)
	if err != nil {
		return value.Value{}
	}
	return parsed
}

// A schemaConverter turns the library's schemas, which may refer to themselves, into
// rules.
type schemaConverter struct {
	doc  value.Value
	done map[*jsonschema.Schema]*schemaRule
}

func convertSchema(s *jsonschema.Schema, doc value.Value) *schemaRule {
	c := schemaConverter{doc, map[*jsonschema.Schema]*schemaRule{}}
	return c.rule(s)
}

func (c *schemaConverter) rules(list []*jsonschema.Schema) []*schemaRule {
	rules := make([]*schemaRule, 0, len(list))
	for _, s := range list {
		rules = append(rules, c.rule(s))
	}
	return rules
}

// either is the rule of a keyword that takes a schema or a boolean.
func (c *schemaConverter) either(v any) *schemaRule {
	switch v := v.(type) {
	case bool:
		if v {
			return nil
		}
		return &schemaRule{never: true}
	case *jsonschema.Schema:
		return c.rule(v)
	default:
		return nil
	}
}

func (c *schemaConverter) rule(s *jsonschema.Schema) *schemaRule {
	if s == nil {
		return nil
	}
	if r, ok := c.done[s]; ok {
		return r
	}
	r := &schemaRule{}
	c.done[s] = r
	if s.Bool != nil {
		r.never = !*s.Bool
		return r
	}
	if s.Ref != nil { // and nothing beside it counts
		r.ref = c.rule(s.Ref)
		return r
	}
	r.checks = convertChecks(s)
	r.allOf, r.anyOf, r.oneOf = c.rules(s.AllOf), c.rules(s.AnyOf), c.rules(s.OneOf)
	r.when, r.then, r.other = c.rule(s.If), c.rule(s.Then), c.rule(s.Else)
	r.contains, r.names = c.rule(s.Contains), c.rule(s.PropertyNames)
	if r.not = c.rule(s.Not); r.not != nil {
		r.notText = c.text(s.Not)
	}
	switch items := s.Items.(type) {
	case []*jsonschema.Schema:
		r.places, r.moreItems = c.rules(items), c.either(s.AdditionalItems)
	default:
		r.items = c.either(items)
	}
	for name, property := range s.Properties {
		r.properties = append(r.properties, schemaProperty{name, c.rule(property)})
	}
	slices.SortFunc(r.properties, func(a, b schemaProperty) int { return strings.Compare(a.name, b.name) })
	for re, property := range s.PatternProperties {
		r.patterns = append(r.patterns, schemaPattern{re, c.rule(property)})
	}
	slices.SortFunc(r.patterns, func(a, b schemaPattern) int { return strings.Compare(a.regexp.String(), b.regexp.String()) })
	r.moreProperties = c.either(s.AdditionalProperties)
	for name, dependency := range s.Dependencies {
		d := schemaDependency{name: name}
		d.names, _ = dependency.([]string)
		d.rule = c.either(dependency)
		r.dependencies = append(r.dependencies, d)
	}
	slices.SortFunc(r.dependencies, func(a, b schemaDependency) int { return strings.Compare(a.name, b.name) })
	return r
}

// text returns a subschema as it stands in the document.
func (c *schemaConverter) text(s *jsonschema.Schema) string {
	_, pointer, _ := strings.Cut(s.Location, "#")
	v := c.doc
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.NewReplacer("%25", "%", "%22", `"`, "%20", " ", "~1", "/", "~0", "~").Replace(token)
		if i, err := strconv.Atoi(token); err == nil && v.Kind() == value.KindArray && i < len(v.AsArray()) {
			v = v.AsArray()[i]
			continue
		}
		v, _ = v.AsObject().Get(token)
	}
	return shown(v)
}

func convertChecks(s *jsonschema.Schema) checks {
	k := checks{
		pattern:   s.Pattern,
		minLength: s.MinLength, maxLength: s.MaxLength, minItems: s.MinItems, maxItems: s.MaxItems,
		minProperties: s.MinProperties, maxProperties: s.MaxProperties,
		unique: s.UniqueItems, required: s.Required,
		minimum: decimal(s.Minimum), maximum: decimal(s.Maximum),
		above: decimal(s.ExclusiveMinimum), below: decimal(s.ExclusiveMaximum), multiple: decimal(s.MultipleOf),
		base64:   s.ContentEncoding != nil && s.ContentEncoding.Name == "base64",
		jsonText: s.ContentMediaType != nil && s.ContentMediaType.Name == "application/json",
	}
	if s.Types != nil {
		k.kinds = s.Types.ToStrings()
		slices.Sort(k.kinds)
	}
	if s.Const != nil {
		v := fromPlain(*s.Const)
		k.constant = &v
	}
	if s.Enum != nil {
		k.enumerated = true
		for _, v := range s.Enum.Values {
			k.enum = append(k.enum, fromPlain(v))
		}
	}
	if s.Format != nil && draft7Formats[s.Format.Name] {
		k.format = s.Format
	}
	return k
}

// draft7Formats are those of that draft: others of the library say nothing.
var draft7Formats = map[string]bool{
	"date": true, "date-time": true, "email": true, "hostname": true, "idn-email": true, "idn-hostname": true,
	"ipv4": true, "ipv6": true, "iri": true, "iri-reference": true, "json-pointer": true, "regex": true,
	"relative-json-pointer": true, "time": true, "uri": true, "uri-reference": true, "uri-template": true,
}

// decimal converts a bound; one that is no decimal counts as the nearest that is.
func decimal(r *big.Rat) *value.Decimal {
	if r == nil {
		return nil
	}
	digits, _ := r.FloatPrec()
	d, err := value.ParseDecimal(r.FloatString(min(digits, 28)))
	if err != nil {
		d, _ = value.ParseDecimal("79228162514264337593543950335")
		if r.Sign() < 0 {
			d = d.Neg()
		}
	}
	return &d
}

func (s *schema) validate(n *node, v value.Value) *Error {
	if s.refusal != "" {
		return nodeError(n.id, s.refusal)
	}
	judge := judge{left: schemaSteps}
	if judge.holds(s.rule, v, nil) {
		return nil
	}
	if judge.left < 0 {
		return limitError("the schema of node %s takes more than %d steps", n.id, schemaSteps)
	}
	return nodeError(n.id, judge.at+": "+judge.text)
}

// A judge holds a value against rules.
type judge struct {
	left int
	// deep counts rules that rules refer to, which may be themselves.
	deep int
	// quiet is set while it only matters whether a value holds.
	quiet int
	// text is the first violation, at a JSON pointer.
	at, text string
}

// A step is where in the value the judge is.
type step struct {
	parent *step
	key    string
}

func (s *step) pointer() string {
	if s == nil {
		return ""
	}
	return s.parent.pointer() + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(s.key)
}

func (j *judge) fails(at *step, format string, args ...any) bool {
	if j.quiet == 0 {
		j.at, j.text = at.pointer(), fmt.Sprintf(format, args...)
	}
	return false
}

func (j *judge) quietly(r *schemaRule, v value.Value, at *step) bool {
	j.quiet++
	ok := j.holds(r, v, at)
	j.quiet--
	return ok
}

// shown is a value as messages have it: JSON with keys sorted.
func shown(v value.Value) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(plain(v)); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// shown is [shown] where somebody will read it.
func (j *judge) shown(v value.Value) string {
	if j.quiet > 0 {
		return ""
	}
	return shown(v)
}

func quoted(s string) string { return shown(value.String(s)) }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
