package document

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/understudy-api/understudy/server/contract/decimal"
	"github.com/understudy-api/understudy/server/contract/formats"
	"github.com/understudy-api/understudy/server/contract/patterns"
)

// kind is what a node of an OpenAPI document is.
type kind int

const (
	leaf kind = iota // anything; what is below it is data, not document
	root
	paths
	pathItem
	operation
	parameter
	requestBody
	responses
	response
	link
	header
	mediaType
	encoding
	example
	schema
	components
)

// shape says how the nodes of a kind sit below a member.
type shape int

const (
	one    shape = iota
	listOf       // a sequence of them
	mapOf        // a mapping from names that the author chose
)

type field struct {
	shape shape
	kind  kind
}

// fields are the members that each kind of node may have, besides extensions.
// What is not listed here is not enforced anywhere, so the document must not
// promise it. A member is added here when the code that honours it is there.
var fields = map[kind]map[string]field{
	root: {
		"openapi": {}, "info": {}, "servers": {}, "security": {}, "tags": {},
		"paths":      {kind: paths},
		"components": {kind: components},
	},
	pathItem: {
		"get": {kind: operation}, "put": {kind: operation}, "post": {kind: operation},
		"delete": {kind: operation}, "patch": {kind: operation},
	},
	operation: {
		"tags": {}, "summary": {}, "description": {}, "operationId": {}, "security": {}, "deprecated": {},
		"parameters":  {listOf, parameter},
		"requestBody": {kind: requestBody},
		"responses":   {kind: responses},
	},
	parameter: {
		"name": {}, "in": {}, "description": {}, "required": {}, "deprecated": {}, "example": {},
		"examples": {mapOf, example},
		"schema":   {kind: schema},
	},
	requestBody: {
		"description": {}, "required": {},
		"content": {mapOf, mediaType},
	},
	response: {
		"description": {},
		"headers":     {mapOf, header},
		"content":     {mapOf, mediaType},
		"links":       {mapOf, link},
	},
	link: {"description": {}, "operationId": {}, "parameters": {}},
	header: {
		"description": {}, "required": {}, "deprecated": {}, "example": {},
		"schema": {kind: schema},
	},
	mediaType: {
		"example":  {},
		"examples": {mapOf, example},
		"schema":   {kind: schema},
		"encoding": {mapOf, encoding},
	},
	encoding: {"contentType": {}, "explode": {}},
	example:  {"summary": {}, "description": {}, "value": {}},
	schema: {
		"title": {}, "description": {}, "deprecated": {}, "example": {}, "examples": {},
		"type": {}, "format": {}, "enum": {}, "const": {}, "default": {}, "pattern": {},
		"nullable": {}, "readOnly": {}, "writeOnly": {}, "required": {},
		"minimum": {}, "maximum": {}, "exclusiveMinimum": {}, "exclusiveMaximum": {}, "multipleOf": {},
		"minLength": {}, "maxLength": {}, "minItems": {}, "maxItems": {}, "uniqueItems": {},
		"minProperties": {}, "maxProperties": {}, "discriminator": {},
		"properties":           {mapOf, schema},
		"additionalProperties": {kind: schema},
		"items":                {kind: schema},
		"prefixItems":          {listOf, schema},
		"anyOf":                {listOf, schema},
		"oneOf":                {listOf, schema},
		"allOf":                {listOf, schema},
	},
	components: {
		"schemas":         {mapOf, schema},
		"responses":       {mapOf, response},
		"parameters":      {mapOf, parameter},
		"headers":         {mapOf, header},
		"requestBodies":   {mapOf, requestBody},
		"examples":        {mapOf, example},
		"securitySchemes": {},
	},
}

// annotations are the keywords that ask nothing of a value. In OpenAPI 3.1 they may
// stand beside a reference.
var annotations = map[string]bool{
	"title": true, "description": true, "default": true, "deprecated": true, "example": true, "examples": true,
}

// vocabulary are the keywords of JSON Schema 2020-12 and of OpenAPI that we do not
// enforce. Any other unknown member of a schema is an annotation there (JSON Schema
// Core, 6.5).
var vocabulary = []string{
	"$anchor", "$comment", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$schema", "$vocabulary", "additionalItems", "contains",
	"contentEncoding", "contentMediaType", "contentSchema", "definitions", "dependencies", "dependentRequired", "dependentSchemas", "else",
	"externalDocs", "if", "maxContains", "minContains", "not", "patternProperties", "propertyNames", "then", "unevaluatedItems",
	"unevaluatedProperties", "xml",
}

// unknown reports whether a member of a schema has no meaning in any vocabulary.
func (c *checker) unknown(key string) bool {
	_, ours := fields[schema][key]
	return c.is31 && !ours && !slices.Contains(vocabulary, key)
}

// only31 are the schema keywords that OpenAPI 3.0 does not have.
var only31 = []string{"const", "examples", "prefixItems"}

var status = regexp.MustCompile(`^[1-5][0-9][0-9]$`)

// Check reports everything in the document that Understudy cannot enforce:
// members and keywords that it does not know, formats that it has no check
// for, patterns that no engine can compile, references that leave the document or
// have rules beside them, and default responses.
func (d *Document) Check() error {
	c := checker{document: d, is31: strings.HasPrefix(text(member(d.root, "openapi")), "3.1.")}
	c.node(d.root, root, "", d.root)
	return errors.Join(c.errs...)
}

// Validate reports what OpenAPI forbids. It reads patterns as they are judged, and
// lets members of schemas pass that no vocabulary knows.
func (d *Document) Validate(ctx context.Context) error {
	loaded, err := openapi3.NewLoader().LoadFromData(d.JSON())
	if err != nil {
		return err
	}
	return loaded.Validate(ctx, openapi3.AllowExtraSiblingFields(d.annotations()...),
		openapi3.SetRegexCompiler(func(expr string) (openapi3.RegexMatcher, error) { return patterns.Compile(expr) }))
}

// annotations lists the members of schemas that no vocabulary knows, sorted.
func (d *Document) annotations() []string {
	found := make(map[string]bool)
	c := checker{document: d, is31: true}
	c.visitSchema = func(n *yaml.Node) {
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i].Value; c.unknown(key) && !strings.HasPrefix(key, "x-") && key != "$ref" {
				found[key] = true
			}
		}
	}
	c.node(d.root, root, "", d.root)
	return slices.Sorted(maps.Keys(found))
}

type checker struct {
	document    *Document
	is31        bool
	visitSchema func(*yaml.Node) // if given, called for every schema that is no reference
	errs        []error
}

func (c *checker) report(at *yaml.Node, pointer, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s: %s: %s", c.document.place(at), pointer, fmt.Sprintf(format, args...)))
}

func (c *checker) node(n *yaml.Node, k kind, pointer string, at *yaml.Node) {
	if k == leaf {
		return
	}
	if n.Kind != yaml.MappingNode {
		// "additionalProperties: true" and the like; kin-openapi judges those.
		if k != schema || n.Tag != "!!bool" {
			c.report(at, pointer, "is not an object")
		}
		return
	}
	if ref := member(n, "$ref"); ref != nil {
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if key == "$ref" || k == schema && c.is31 && (annotations[key] || c.unknown(key)) {
				continue
			}
			c.report(n.Content[i], pointer, "has %s beside $ref", key)
		}
		if !strings.HasPrefix(ref.Value, "#/components/") {
			c.report(at, pointer, "refers to %q, outside the components", ref.Value)
		}
		return
	}
	if k == schema {
		c.schema(n, pointer, at)
		if c.visitSchema != nil {
			c.visitSchema(n)
		}
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := pointer + "/" + Escape(key.Value)
		if strings.HasPrefix(key.Value, "x-") {
			continue
		}
		switch k {
		case paths:
			c.node(value, pathItem, at, key)
			continue
		case responses:
			if !status.MatchString(key.Value) {
				c.report(key, at, "is not one status")
			}
			c.node(value, response, at, key)
			continue
		}
		f, ok := fields[k][key.Value]
		switch {
		case !ok && k == schema && c.unknown(key.Value):
		case !ok:
			c.report(key, at, "is not supported")
		case f.shape == one:
			c.node(value, f.kind, at, key)
		case f.shape == listOf && value.Kind == yaml.SequenceNode:
			for j, item := range value.Content {
				c.node(item, f.kind, at+"/"+strconv.Itoa(j), item)
			}
		case f.shape == mapOf && value.Kind == yaml.MappingNode:
			for j := 0; j < len(value.Content); j += 2 {
				name := value.Content[j]
				c.node(value.Content[j+1], f.kind, at+"/"+Escape(name.Value), name)
			}
		default:
			c.report(key, at, "has the wrong type")
		}
	}
}

// schema checks the values of the keywords that only we have an opinion on.
func (c *checker) schema(n *yaml.Node, pointer string, at *yaml.Node) {
	if f := member(n, "format"); f != nil && !formats.Known(f.Value) {
		c.report(f, pointer, "format %q is not enforced", f.Value)
	}
	if p := member(n, "pattern"); p != nil {
		if _, err := patterns.Compile(p.Value); err != nil {
			c.report(p, pointer, "pattern: %v", err)
		}
	}
	for _, keyword := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "const", "enum"} {
		value := member(n, keyword)
		if value == nil {
			continue
		}
		for _, v := range append([]*yaml.Node{value}, value.Content...) {
			if written, ok := decimal.Parse(v.Value); ok && (v.Tag == "!!int" || v.Tag == "!!float") {
				if f, err := strconv.ParseFloat(v.Value, 64); err != nil || decimal.FromFloat(f).Compare(written) != 0 {
					c.report(v, pointer, "%s: %s is none that a float64 holds", keyword, v.Value)
				}
			}
		}
	}
	if c.is31 {
		if member(n, "nullable") != nil {
			c.report(at, pointer, "nullable is not a keyword of OpenAPI 3.1")
		}
		return
	}
	for _, keyword := range only31 {
		if member(n, keyword) != nil {
			c.report(at, pointer, "%s is not a keyword of OpenAPI 3.0", keyword)
		}
	}
}

// text returns the value of a scalar, or nothing.
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}
