package seed_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
)

var update = flag.Bool("update", false, "write docs/seed.schema.json anew")

const (
	schemaFile = "../../docs/seed.schema.json"
	docsFile   = "../../docs/seeds.md"
)

// block is a block of YAML or JSON in docs/seeds.md.
type block struct{ kind, argument, text string }

var marked = regexp.MustCompile("(?m)^<!-- (seed|mistakes)(?:: (.*))? -->\n```(?:yaml|json)\n((?s:.*?))^```$")

func blocks(t *testing.T) []block {
	t.Helper()
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	var list []block
	for _, m := range marked.FindAllStringSubmatch(string(text), -1) {
		list = append(list, block{m[1], m[2], m[3]})
	}
	if n := strings.Count(string(text), "```yaml\n") + strings.Count(string(text), "```json\n"); n != len(list) || n == 0 {
		t.Fatalf("%d blocks of YAML and JSON, %d are marked", n, len(list))
	}
	return list
}

// published compiles the published schema, formats included.
func published(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(seed.SchemaID, document); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(seed.SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// plainly reads YAML as an editor does before it validates: with times as texts.
func plainly(t *testing.T, text string) any {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	var untime func(n *yaml.Node)
	untime = func(n *yaml.Node) {
		if n.Tag == "!!timestamp" {
			n.Tag = "!!str"
		}
		for _, child := range n.Content {
			untime(child)
		}
	}
	untime(&root)
	var value any
	if err := root.Decode(&value); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	value, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// The published schema is made of what seeds are read by.
func TestSchema(t *testing.T) {
	want, err := seeder(t, nil).Schema()
	if err != nil {
		t.Fatal(err)
	}
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
		t.Errorf("%s is not what the code says: go test ./server/seed -run TestSchema -update", schemaFile)
	}
}

// The published schema takes the seeds of the documentation and what Parse takes, and
// none of ten mistakes that it can see.
func TestSchemaJudges(t *testing.T) {
	t.Parallel()
	schema := published(t)
	for _, b := range blocks(t) {
		if err := schema.Validate(plainly(t, b.text)); (err == nil) != (b.kind == "seed") {
			t.Errorf("%s\n%v", b.text, err)
		}
	}
	text, err := os.ReadFile("testdata/ten-mistakes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(plainly(t, string(text))) == nil {
		t.Error("ten mistakes, and none is seen")
	}
	s := seeder(t, nil)
	const rich = `workspaces: [{clock: {frozen: true}, ids: {source: seeded, seed: -5, drawn: 3}, brms: {projects: [
		{name: P, key: "-", version: v2, integrations: [{name: I, type: http, kind: k, description: null, config: {url: u, timeout: 1.5, headers: [{a: 1}, null]}}]}]},
		datafold: {bi: [{type: powerbi, auth_type: null, client_secret: s}, {type: hightouch, token: t, bindings: [{remoteId: r, boundIds: [1]}]}], sequences: {sync: 3}},
		faults: [{name: f, do: {delay: {fixed: 5}}}]}]`
	if err := schema.Validate(plainly(t, rich)); err != nil {
		t.Error(err)
	}
	if _, problems, err := s.Parse(t.Context(), seed.Input{YAML: []byte(rich)}); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	for _, one := range []string{
		`x: 1`, `workspaces: []`, `workspaces: [{x: 1}]`, `workspaces: [{credential: 1}]`, `workspaces: [{credential: "a b"}]`,
		`workspaces: [{workspace: A}]`, `workspaces: [{clock: {}}]`, `workspaces: [{clock: {frozen: true, offset: 1h}}]`,
		`workspaces: [{clock: {frozen: true, now: x}}]`, `workspaces: [{ids: {source: x}}]`, `workspaces: [{ids: {source: seeded, drawn: -1}}]`,
		`workspaces: [{brms: {projects: [{key: kk}]}}]`, `workspaces: [{brms: {projects: [{name: P, x: 1}]}}]`,
		`workspaces: [{brms: {projects: [{name: P, id: x}]}}]`, `workspaces: [{brms: {projects: [{name: P, createdAt: x}]}}]`,
		`workspaces: [{brms: {projects: [{name: P, integrations: [{name: I}]}]}}]`,
		`workspaces: [{datafold: {bi: [{type: x}]}}]`, `workspaces: [{datafold: {bi: [{name: x}]}}]`, `workspaces: [{datafold: {bi: [{type: dbt}]}}]`,
		`workspaces: [{datafold: {bi: [{type: powerbi, id: 0}]}}]`, `workspaces: [{datafold: {bi: [{type: powerbi, sync: {x: 1}}]}}]`,
		`workspaces: [{datafold: {sequences: {x: 1}}}]`, `workspaces: [{faults: [{name: a}]}]`, `workspaces: [{faults: [{name: -, do: {status: 500}}]}]`,
	} {
		if schema.Validate(plainly(t, one)) == nil {
			t.Errorf("the schema takes %s", one)
		}
		if _, problems, err := s.Parse(t.Context(), seed.Input{YAML: []byte(one)}); err != nil || len(problems) == 0 {
			t.Errorf("%s: %v, %v", one, problems, err)
		}
	}
}

// What docs/seeds.md shows as a seed is one, and its mistakes are told as it says.
func TestDocs(t *testing.T) {
	t.Parallel()
	store := open(t)
	s := seeder(t, store)
	for _, b := range blocks(t) {
		_, err := s.Put(t.Context(), seed.Input{YAML: []byte(b.text)}, site.Principal{Workspace: "w"})
		switch {
		case b.kind == "seed" && err != nil:
			t.Errorf("%s\n%v", b.text, err)
		case b.kind == "mistakes":
			mistakes, _ := err.(seed.Mistakes) //nolint:errorlint // it is returned as it is
			if got := strings.ReplaceAll(mistakes.In("world.yaml"), "\n", "; "); got != b.argument {
				t.Errorf("got  %s\nwant %s", got, b.argument)
			}
		}
	}
}
