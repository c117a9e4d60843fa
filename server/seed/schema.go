package seed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/workspace"
)

// SchemaID names the published schema of seeds.
const SchemaID = "urn:understudy:seed:1"

// Schema is the JSON Schema (2020-12) of a seed. It is made of the same description
// by which seeds are read and of the documents' schemas. What spans several places,
// such as an id that is given twice, only reading finds.
func (s *Seeder) Schema() ([]byte, error) {
	d, err := s.documents()
	if err != nil {
		return nil, err
	}
	control, err := readWritten(controlAPI, understudy.Document())
	if err != nil {
		return nil, err
	}
	g := &generator{definitions: map[string]any{}, control: control}
	properties := map[string]any{
		memberCredential: map[string]any{
			"type": "string", "pattern": `^[!#-+\x2d-~]+$`, "maxLength": 4096,
			"description": "The secret of the Authorization header, whatever its scheme. Without it, the workspace is the caller's; a seed to start with must name it.",
		},
		memberWorkspace: map[string]any{
			"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
			"description": "A sub-workspace of the credential's, as the header Understudy-Workspace names it",
		},
		memberClock: map[string]any{
			"type": "object", "required": clockMembers[:1], "additionalProperties": false,
			"description": "The clock of the workspace; without it, the real one",
			"properties": map[string]any{
				"frozen": map[string]any{"type": "boolean", "description": "Whether it stands still"},
				"now":    map[string]any{"type": "string", "format": "date-time", "description": "What it shows when the seed is planted; without it, the real time"},
				"offset": map[string]any{"type": "string", "description": `By how much a running clock is ahead of the real one, such as "-36h"`},
			},
			"not":  map[string]any{"required": []string{"now", "offset"}},
			"if":   map[string]any{"properties": map[string]any{"frozen": map[string]any{"const": true}}},
			"then": map[string]any{"properties": map[string]any{"offset": false}},
		},
		memberIDs: map[string]any{
			"type": "object", "required": idsMembers[:1], "additionalProperties": false,
			"description": "Where ids come from that the seed does not give, and later ones; without it, they are random",
			"properties": map[string]any{
				"source": map[string]any{"enum": idSources},
				"seed":   map[string]any{"type": "integer", "default": 0, "description": "Of seeded ids; of sequential ones it tells workspaces apart"},
				"drawn":  map[string]any{"type": "integer", "minimum": 0, "maximum": maxNumber, "default": 0, "description": "How many were handed out"},
			},
		},
		memberJobs: g.plans(d),
		memberFaults: map[string]any{
			"type": "array", "items": g.fault(control), "maxItems": workspace.MaxFaults,
			"description": "Answers, delays and failures on demand, in the order in which they are tried",
		},
	}
	for i := range d.parts {
		p := &d.parts[i]
		document, err := readWritten(p.name(), p.source.JSON)
		if err != nil {
			return nil, err
		}
		properties[p.name()] = g.part(p, document)
	}
	g.definitions["Workspace"] = map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	text, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SchemaID,
		"title": "A seed of Understudy", "description": "Whole workspaces as a file: see docs/seeds.md",
		"type": "object", "required": []string{memberWorkspaces}, "additionalProperties": false,
		"properties": map[string]any{
			memberWorkspaces: map[string]any{"type": "array", "minItems": 1, "items": reference("Workspace")},
		},
		"$defs": g.definitions,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	text = bytes.ReplaceAll(text, []byte(`\u003c`), []byte("<"))
	text = bytes.ReplaceAll(text, []byte(`\u003e`), []byte(">"))
	return append(bytes.ReplaceAll(text, []byte(`\u0026`), []byte("&")), '\n'), nil
}

// generator collects the definitions of a published schema.
type generator struct {
	definitions map[string]any
	control     *written // the document of the control API
}

// written is the text of a document, as a tree. The published schema repeats what the
// document says in its own words (const, nullable, descriptions, which rules are
// guessed), of which the judged form of package contract keeps only what is judged. All
// else in this package goes by that.
type written struct {
	api  string
	root *node
}

func readWritten(api string, document []byte) (*written, error) {
	root, err := readJSON(document)
	if err != nil { // the generator wrote it
		return nil, fmt.Errorf("seed: the document of %s: %w", api, err)
	}
	return &written{api, root}, nil
}

// body is the schema of the body that creates a resource.
func (d *written) body(c Create) *node {
	schema := d.root.get("paths").get(c.Path).get(strings.ToLower(c.method())).get("requestBody").get("content").get("application/json").get("schema")
	if !c.Branch {
		return schema
	}
	ref := d.resolved(schema).at("discriminator", "mapping", c.Type)
	return object("$ref", ref.text)
}

// resolved is the schema that a schema stands for.
func (d *written) resolved(schema *node) *node {
	for range maxDepth {
		ref := schema.get("$ref")
		if ref == nil {
			return schema
		}
		schema = d.root
		for _, token := range tokens(strings.TrimPrefix(ref.text, "#")) {
			schema = schema.get(token)
		}
	}
	return schema
}

func reference(name string) map[string]any { return map[string]any{"$ref": "#/$defs/" + name} }

func (g *generator) part(p *part, d *written) map[string]any {
	properties := map[string]any{}
	for _, resource := range p.Resources {
		properties[resource.List] = g.list(d, resource)
	}
	sequences := map[string]any{}
	for _, s := range p.Sequences {
		sequences[s.Member] = map[string]any{"type": "integer", "minimum": 0, "maximum": maxNumber}
	}
	if len(sequences) > 0 {
		properties[memberSequences] = map[string]any{
			"type": "object", "additionalProperties": false, "properties": sequences,
			"description": "The last numbers that were handed out, where they are beyond those in the seed",
		}
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

func (g *generator) list(d *written, resource *Resource) map[string]any {
	var alternatives []any
	for _, create := range resource.Creates {
		name := d.api + "." + resource.Name
		if create.Type != "" {
			name += "." + create.Type
		}
		document := d
		if create.Control {
			document = g.control
		}
		body, _ := g.copied(document, document.resolved(document.body(create))).(map[string]any)
		properties, _ := body["properties"].(map[string]any)
		if properties == nil {
			properties = map[string]any{}
		}
		required, _ := body["required"].([]any)
		if create.Type != "" {
			properties[typeMember] = map[string]any{"const": create.Type}
			required = append([]any{typeMember}, slices.DeleteFunc(required, func(name any) bool { return name == typeMember })...)
		}
		for _, m := range resource.Own {
			properties[m.Name] = m.schema()
		}
		for _, name := range resource.Files {
			if content, ok := properties[name].(map[string]any); ok {
				content["description"] = fmt.Sprint(content["description"], "; or {file: PATH}, a file of JSON in the folder of the seed or below it")
			}
		}
		for _, within := range resource.Within {
			properties[within.List] = g.list(d, within)
		}
		body["properties"], body["additionalProperties"] = properties, false
		if len(required) > 0 {
			body["required"] = required
		}
		g.definitions[name] = body
		alternatives = append(alternatives, reference(name))
	}
	items := alternatives[0]
	if len(alternatives) > 1 {
		// By the type alone, so that what is wrong is told of the one that is meant.
		var branches []any
		for i, create := range resource.Creates {
			branches = append(branches, map[string]any{
				"if":   map[string]any{"properties": map[string]any{typeMember: map[string]any{"const": create.Type}}},
				"then": alternatives[i],
			})
		}
		items = map[string]any{
			"type": "object", "required": []string{typeMember}, "allOf": branches,
			"properties": map[string]any{typeMember: map[string]any{"enum": resource.types()}},
		}
	}
	return map[string]any{"type": "array", "items": items}
}

func (m *Member) schema() map[string]any {
	schema := map[string]any{}
	switch m.Kind {
	case UUID:
		schema["type"], schema["format"], schema["pattern"] = "string", "uuid", uuid.String()
	case Pattern:
		schema["type"], schema["pattern"] = "string", m.Form.String()
	case Text:
		schema["type"] = "string"
	case Number:
		schema["type"], schema["minimum"], schema["maximum"] = "integer", 1, maxNumber
	case Time:
		schema["type"], schema["format"] = "string", "date-time"
	case Object:
		properties, required := map[string]any{}, []string{}
		for _, inner := range m.Members {
			properties[inner.Name] = inner.schema()
			if inner.Required {
				required = append(required, inner.Name)
			}
		}
		schema["type"], schema["additionalProperties"], schema["properties"], schema["required"] = "object", false, properties, required
	}
	if m.About != "" {
		schema["description"] = m.About
	}
	return schema
}

func (g *generator) fault(d *written) map[string]any {
	fault, _ := g.copied(d, d.root.at("components", "schemas", "FaultDefinition")).(map[string]any)
	properties, _ := fault["properties"].(map[string]any)
	required, _ := fault["required"].([]any)
	name, _ := g.copied(d, d.root.at("components", "parameters", "FaultName", "schema")).(map[string]any)
	properties["name"], fault["required"] = name, append([]any{"name"}, required...)
	g.definitions["Fault"] = fault
	return reference("Fault")
}

// copied is a schema of a document without the rules that are guessed, which a seed
// may break, and without what is no business of a seed's. Named schemas become
// definitions.
func (g *generator) copied(d *written, schema *node) any {
	if schema.kind != isObject {
		return schema.value()
	}
	if ref := schema.get("$ref"); ref != nil {
		parts := tokens(strings.TrimPrefix(ref.text, "#"))
		name := d.api + "." + parts[len(parts)-1]
		if g.definitions[name] == nil {
			g.definitions[name] = true // being copied
			g.definitions[name] = g.copied(d, d.resolved(schema))
		}
		return reference(name)
	}
	if guessed(schema.get("x-understudy-basis")) {
		return true
	}
	rules := schema.get("x-understudy-basis-rules")
	out := map[string]any{}
	for _, m := range schema.members {
		if strings.HasPrefix(m.name, "x-") || slices.Contains([]string{"example", "examples", "title", "nullable"}, m.name) {
			continue
		}
		if guessed(rules.get(m.name)) && m.name != "default" {
			continue
		}
		switch m.name {
		case "properties":
			properties := map[string]any{}
			for _, property := range m.value.members {
				properties[property.name] = g.copied(d, property.value)
			}
			out[m.name] = properties
		case "required":
			var required []any
			for _, name := range m.value.items {
				if !guessed(rules.get("required/" + name.text)) {
					required = append(required, name.text)
				}
			}
			if len(required) > 0 {
				out[m.name] = required
			}
		case "items", "not", "additionalProperties":
			out[m.name] = g.copied(d, m.value)
		case "allOf", "anyOf", "oneOf":
			branches := make([]any, len(m.value.items))
			for i, branch := range m.value.items {
				branches[i] = g.copied(d, branch)
			}
			out[m.name] = branches
		default:
			out[m.name] = m.value.value()
		}
	}
	if nullable := schema.get("nullable"); nullable != nil && nullable.text == "true" { // OpenAPI 3.0
		if t, ok := out["type"].(string); ok {
			out["type"] = []string{t, "null"}
		}
		if enum, ok := out["enum"].([]any); ok {
			out["enum"] = append(slices.Clone(enum), nil)
		}
	}
	if out["properties"] != nil && out["additionalProperties"] == nil {
		out["additionalProperties"] = false // in a file, a member that is dropped is a mistake
	}
	return out
}

// guessed reports whether a basis is one that only warns.
func guessed(basis *node) bool {
	return basis != nil && (basis.text == "inferred" || basis.text == "client")
}
