package contract

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

// formOf reads a form of a foreign document: each field as a parameter of a query is
// read, by what its encoding says (OpenAPI, section Encoding Object). An object without
// an encoding is JSON. opaque are the fields of a media type that is not read here.
func (c *content) formOf(d *Document, text string) (members map[string]any, opaque [][]Step) {
	pairs := queryPairs(text, d.wholeEscapes)
	members = map[string]any{}
	var readers []*parameterReader
	for name := range c.encoding {
		if r := c.fieldReader(name); r.style == openapi3.SerializationDeepObject {
			readers = append(readers, r)
		}
	}
	for _, p := range pairs {
		r := c.fieldReader(p.name)
		if i := slices.IndexFunc(readers, func(r *parameterReader) bool { return r.claims(p.name) }); i >= 0 {
			r = readers[i]
		}
		name := r.parameter.Name
		if _, read := members[name]; read {
			continue
		}
		in := r.fromQuery(d, pairs)
		switch {
		case in.wrong != nil || !in.found:
			members[name] = p.decode(p.raw) // the schema refuses it
		case in.texts == nil && in.value == nil:
			opaque = append(opaque, []Step{{Name: name}})
			fallthrough
		default:
			members[name] = in.value
		}
	}
	return members, opaque
}

// fieldReader reads a field of a form.
func (c *content) fieldReader(name string) *parameterReader {
	p := &openapi3.Parameter{Name: name, In: openapi3.ParameterInQuery, Schema: &openapi3.SchemaRef{Value: &Schema{}}}
	if c.schema != nil {
		p.Schema.Value = itemOf(c.schema, Step{Name: name})
	}
	e := c.encoding[name]
	if e != nil {
		p.Style, p.Explode = e.Style, e.Explode
	}
	r := newParameterReader(p)
	styled := e != nil && (e.Style != "" || e.Explode != nil)
	switch {
	case styled:
	case e != nil && e.ContentType != "":
		r.media = e.ContentType
	case wants([]*Schema{r.schema}, openapi3.TypeObject) && !wants([]*Schema{r.schema}, openapi3.TypeString):
		r.media = jsonType
	}
	if r.style == openapi3.SerializationForm && r.explode && r.media == "" && r.exploded() {
		r.media = jsonType // nothing says whose the members would be
	}
	return r
}

var errYAML = errors.New("not YAML that stands for JSON")

// maxRepeated bounds what the aliases of a YAML document repeat, in bytes of texts.
const maxRepeated = 16 << 20

// readYAML reads a YAML document as the JSON value that it stands for.
func readYAML(text []byte) (any, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil || written(&root, map[*yaml.Node]int{}) > len(text)+maxRepeated {
		return nil, errYAML
	}
	var v any
	if err := root.Decode(&v); err != nil {
		return nil, errYAML
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, errYAML
	}
	return decodeJSON(data)
}

// written is how long about the texts of a node are with all that its aliases repeat.
func written(n *yaml.Node, known map[*yaml.Node]int) int {
	if length, seen := known[n]; seen {
		return length
	}
	const most = math.MaxInt / 4
	known[n] = most // of what holds itself
	length := len(n.Value) + 1
	if n.Alias != nil {
		length = written(n.Alias, known)
	}
	for _, child := range n.Content {
		length = min(length+written(child, known), most)
	}
	known[n] = length
	return length
}

// partTypes tells which media types a part may be of; nil if the document does not say.
func (c *content) partTypes(name string) []string {
	e := c.encoding[name]
	if e == nil || e.ContentType == "" {
		return nil
	}
	types := strings.Split(e.ContentType, ",")
	for i := range types {
		types[i] = strings.TrimSpace(types[i])
	}
	return types
}

// fitsOne reports whether a media type is one of some.
func fitsOne(types []string, came string) bool {
	media := parseMedia(came)
	return slices.ContainsFunc(types, func(t string) bool { return parseMedia(t).fits(media) > 0 })
}
