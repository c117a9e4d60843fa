package loading

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract/lines"
)

// convert makes OpenAPI 3 of a document of Swagger 2, by kin-openapi's converter. What it
// makes stands where what it was made of stood.
func (l *loader) convert() error {
	old := l.main.root
	if info := old.get("info"); info.is(object) {
		asText(info, "title")
		asText(info, "version")
	}
	l.collections(old, 0)
	w := &writer{places: map[string]lines.Place{}}
	w.node(old, "")
	var document openapi2.T
	if err := json.Unmarshal(w.out, &document); err != nil {
		return fmt.Errorf("line %d: Swagger 2: %w", old.get("swagger").line, err)
	}
	made, err := toV3(&document)
	if err != nil {
		return fmt.Errorf("line %d: Swagger 2: %w", old.get("swagger").line, err)
	}
	made.OpenAPI = "3.0.3"
	content, err := made.MarshalJSON()
	if err != nil {
		return fmt.Errorf("converted from Swagger 2: %w", err)
	}
	root, err := parseJSON(l.main, content, 1)
	if err != nil {
		return fmt.Errorf("converted from Swagger 2: %w", err)
	}
	l.main.root = root
	l.stood(root, "", w.places)
	l.restoreCollections(root)
	l.notes = append(l.notes, "the document is of Swagger 2, and judged as it is in OpenAPI 3")
	return nil
}

// toV3 converts a document. The converter does not look for what is missing in it.
func toV3(document *openapi2.T) (made *openapi3.T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("something that it has to have is missing, or null")
		}
	}()
	return openapi2conv.ToV3(document)
}

// moved are the places of components in Swagger 2.
var moved = strings.NewReplacer(
	"/components/schemas/", "/definitions/", "/components/parameters/", "/parameters/",
	"/components/requestBodies/", "/parameters/", "/components/responses/", "/responses/", "/components/securitySchemes/", "/securityDefinitions/",
)

// stood gives each node the line of what it was made of.
func (l *loader) stood(n *node, at string, places map[string]lines.Place) {
	before := at
	if strings.HasPrefix(at, "/components/") {
		before = moved.Replace(at)
	}
	for {
		if place, ok := places[before]; ok {
			n.line = place.Line
			break
		}
		i := strings.LastIndexByte(before, '/')
		if i < 0 {
			n.line = 1
			break
		}
		before = before[:i]
	}
	for _, name := range n.names {
		l.stood(n.members[name], at+"/"+pointerEscaper.Replace(name), places)
	}
	for i, item := range n.items {
		l.stood(item, fmt.Sprintf("%s/%d", at, i), places)
	}
}

// collectionKey keeps how a list is written, which the converter loses.
const collectionKey = "x-understudy-collection"

func (l *loader) collections(n *node, depth int) {
	if depth > maxDepth {
		return
	}
	if n.is(object) && n.get("in").is(text) && n.get("type").string() == "array" {
		format := n.get("collectionFormat").string()
		if format == "" {
			format = "csv"
		}
		n.set(collectionKey, n.child(text, format))
	}
	for _, member := range n.members {
		l.collections(member, depth+1)
	}
	for _, item := range n.items {
		l.collections(item, depth+1)
	}
}

func (l *loader) restoreCollections(n *node) {
	if format := n.get(collectionKey).string(); format != "" && n.get("in").is(text) {
		n.remove(collectionKey)
		n.remove("style")
		explode := "false"
		switch format {
		case "multi":
			explode = "true"
		case "ssv":
			n.set("style", n.child(text, "spaceDelimited"))
		case "pipes":
			n.set("style", n.child(text, "pipeDelimited"))
		}
		n.set("explode", n.child(truth, explode))
	}
	for _, member := range n.members {
		l.restoreCollections(member)
	}
	for _, item := range n.items {
		l.restoreCollections(item)
	}
}
