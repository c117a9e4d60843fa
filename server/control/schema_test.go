package control_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/gen/understudy"
)

var update = flag.Bool("update", false, "write docs/report.schema.json anew")

const schemaFile = "../../docs/report.schema.json"

// The published schema of a report is the one by which the answer of
// GET /_understudy/report is judged.
func TestReportSchema(t *testing.T) {
	var document struct {
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(understudy.Document(), &document); err != nil {
		t.Fatal(err)
	}
	const prefix = "#/components/schemas/"
	definitions := map[string]any{}
	var copied func(node any) any
	copied = func(node any) any {
		switch n := node.(type) {
		case map[string]any:
			out := map[string]any{}
			for name, member := range n {
				if _, text := member.(string); name == "example" && !text {
					continue
				}
				out[name] = copied(member)
			}
			if ref, ok := n["$ref"].(string); ok {
				name := strings.TrimPrefix(ref, prefix)
				out["$ref"] = "#/$defs/" + name
				if definitions[name] == nil {
					definitions[name] = true // being copied
					definitions[name] = copied(document.Components.Schemas[name])
				}
			}
			return out
		case []any:
			out := make([]any, len(n))
			for i := range n {
				out[i] = copied(n[i])
			}
			return out
		}
		return node
	}
	report, _ := copied(document.Components.Schemas["Report"]).(map[string]any)
	schema := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$id":     "urn:understudy:report:1",
		"title":   "A report of Understudy",
		"$defs":   definitions,
	}
	maps.Copy(schema, report)
	want, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/report.schema.json is not what openapi/understudy says: go test ./server/control -run TestReportSchema -update")
	}
}
