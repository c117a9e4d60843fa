package openapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/internal/gendoc/document"
)

// publishedVariable names the file that holds the whole interface of Datafold as its
// vendor publishes it: OpenAPI 3.1 as JSON, its texts left empty. It is not vendored.
const publishedVariable = "UNDERSTUDY_DATAFOLD_PUBLISHED"

// What our Datafold document marks as published is what the vendor publishes: names,
// types, bounds, lists of values, titles, and the order in which members are required.
func TestPublishedInterface(t *testing.T) {
	file := os.Getenv(publishedVariable)
	if file == "" {
		t.Skip("*** NOT COMPARED WITH THE PUBLISHED INTERFACE: " + publishedVariable + " names no file ***")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var theirs, ours map[string]any
	if err := json.Unmarshal(data, &theirs); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(merge(t, "datafold").JSON(), &ours); err != nil {
		t.Fatal(err)
	}
	a := agreement{ours: ours, theirs: theirs, seen: map[string]bool{}}
	operations := 0
	for path, item := range object(ours["paths"]) {
		published := object(object(theirs["paths"])[path])
		for method, op := range object(item) {
			if strings.HasPrefix(method, "x-") {
				continue
			}
			basis := basisOf(op, basisOf(item, "published"))
			if (basis == "published") != (published[method] != nil) {
				t.Errorf("%s %s: its basis is %q", method, path, basis)
				continue
			}
			if basis == "published" {
				operations++
				a.compare("/paths/"+path+"/"+method, op, published[method])
			}
		}
	}
	for name, schema := range object(object(ours["components"])["schemas"]) {
		if published := object(object(theirs["components"])["schemas"])[name]; published != nil {
			a.compare("/components/schemas/"+name, schema, published)
		} else if basis := basisOf(schema, "published"); basis == "published" {
			t.Errorf("schema %s is not published", name)
		}
	}
	for _, problem := range a.problems {
		t.Error(problem)
	}
	if operations == 0 {
		t.Error("nothing was compared")
	}
}

// The generator takes the interface as it is published.
func TestPublishedInterfaceIsEnforceable(t *testing.T) {
	file := os.Getenv(publishedVariable)
	if file == "" {
		t.Skip("*** THE PUBLISHED INTERFACE IS NOT READ: " + publishedVariable + " names no file ***")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := document.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(doc.Check(), doc.Validate(t.Context())); err != nil {
		t.Error(err)
	}
}

// The members of a schema stand in the order in which they are required: the vendor
// declares both by one list.
func TestOrderOfMembers(t *testing.T) {
	order := declared(t, "datafold")
	for name, ref := range load(t, "datafold").Components.Schemas {
		last := -1
		for _, member := range ref.Value.Required {
			place := slices.Index(order["/components/schemas/"+name], member)
			if place < last {
				t.Errorf("%s: %s stands too early", name, member)
			}
			last = place
		}
	}
}

// agreement looks for what differs between our document and the published one.
type agreement struct {
	ours, theirs map[string]any
	seen         map[string]bool
	problems     []string
}

func (a *agreement) found(at, format string, args ...any) {
	a.problems = append(a.problems, at+": "+fmt.Sprintf(format, args...))
}

// ornaments say nothing of what is valid.
var ornaments = []string{"description", "summary", "example", "examples", "deprecated"}

func (a *agreement) compare(at string, ours, theirs any) {
	if a.seen[at] {
		return
	}
	a.seen[at] = true
	published, isObject := theirs.(map[string]any)
	if !isObject {
		if list, ok := theirs.([]any); ok {
			held, _ := ours.([]any)
			held = slices.DeleteFunc(slices.Clone(held), func(one any) bool { // it says itself what it rests on
				return basisOf(one, "published") != "published"
			})
			if len(held) != len(list) {
				a.found(at, "%v, published is %v", ours, theirs)
				return
			}
			for i := range list {
				a.compare(fmt.Sprintf("%s/%d", at, i), held[i], list[i])
			}
		} else if !reflect.DeepEqual(ours, theirs) {
			a.found(at, "%v, published is %v", ours, theirs)
		}
		return
	}
	held := object(ours)
	if ref, ok := held["$ref"].(string); ok && published["$ref"] == nil {
		held = a.resolve(ref)
		if len(published) == 0 && basisOf(held, "published") != "published" {
			return // nothing is published of it, and ours is a guess that says so
		}
	}
	rules := object(held["x-understudy-basis-rules"])
	for _, key := range slices.Sorted(maps.Keys(published)) {
		switch {
		case held[key] == nil && key == "description" && published[key] == "":
		case held[key] == nil:
			a.found(at, "%s is published and missing", key)
		case key == "description" && reflect.TypeOf(held[key]) == reflect.TypeFor[string]():
		default:
			a.compare(at+"/"+key, held[key], published[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(held)) {
		value := object(held[key])
		ref, _ := value["$ref"].(string)
		switch {
		case published[key] != nil, slices.Contains(ornaments, key), strings.HasPrefix(key, "x-"), rules[key] != nil:
		case ref != "" && basisOf(a.resolve(ref), "published") != "published":
		case basisOf(value, "published") != "published":
		case key == "headers": // of an answer; each has a basis of its own
		default:
			a.found(at, "%s is not published", key)
		}
	}
}

func (a *agreement) resolve(ref string) map[string]any {
	var node any = a.ours
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		node = object(node)[name]
	}
	return object(node)
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func basisOf(node any, otherwise string) string {
	if mark, ok := object(node)["x-understudy-basis"].(string); ok {
		return mark
	}
	return otherwise
}
