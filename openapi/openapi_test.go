package openapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/internal/gendoc/document"
	"github.com/understudy-api/understudy/server/contract/lines"
)

// served are the documents that Understudy serves for other APIs.
var served = []struct {
	folder   string
	version  string
	upstream string
	// The vendor publishes an empty schema for every answer of its BI
	// operations. No strict server can be generated from that, so it is
	// replaced, and each place is named here.
	refinements []document.Refinement
}{
	{
		folder:   "brms",
		version:  "3.0.3",
		upstream: "upstream/brms-delete-integration.yaml",
	},
	{
		folder:   "datafold",
		version:  "3.1.0",
		upstream: "upstream/datafold-remove-an-integration.yaml",
		refinements: []document.Refinement{{
			Pointer: "/paths/~1api~1v1~1lineage~1bi~1{bi_datasource_id}~1/delete/responses/200/content/application~1json/schema",
			Ref:     "#/components/schemas/BIIntegrationRemoved",
		}},
	},
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// parts are the files that make up a document.
func parts(t *testing.T, folder string) []document.File {
	t.Helper()
	files, err := document.ReadFolder(folder, "openapi/"+folder)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func merge(t *testing.T, folder string) *document.Document {
	t.Helper()
	doc, err := document.Merge(parts(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func load(t *testing.T, folder string) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(merge(t, folder).JSON())
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	return doc
}

// The vendored documents are what SOURCES.md says they are.
func TestSources(t *testing.T) {
	sums := make(map[string]string)
	for line := range strings.Lines(string(read(t, "upstream/SOURCES.md"))) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.HasSuffix(strings.TrimSpace(cells[1]), ".yaml") {
			continue
		}
		sums[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[4])
	}
	files, err := filepath.Glob("upstream/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(served) || len(sums) != len(files) {
		t.Errorf("%d documents served, %d vendored, %d listed", len(served), len(files), len(sums))
	}
	for _, file := range files {
		sum := sha256.Sum256(read(t, file))
		if got, want := hex.EncodeToString(sum[:]), sums[filepath.Base(file)]; got != want {
			t.Errorf("%s: sha256 %s, SOURCES.md says %q", file, got, want)
		}
	}
}

// Everything published is served unchanged, and every addition has a basis.
func TestServedExtendsPublished(t *testing.T) {
	for _, s := range served {
		t.Run(s.folder, func(t *testing.T) {
			published, err := document.Parse(read(t, s.upstream))
			if err != nil {
				t.Fatal(err)
			}
			if err := merge(t, s.folder).Extends(published, s.refinements...); err != nil {
				t.Error(err)
			}
		})
	}
}

// No guess closes what the real service may leave open.
func TestNoTighterThanEvidence(t *testing.T) {
	for _, s := range served {
		if err := merge(t, s.folder).Evidence(); err != nil {
			t.Errorf("%s: %v", s.folder, err)
		}
	}
}

func TestServedIsValid(t *testing.T) {
	for _, s := range served {
		t.Run(s.folder, func(t *testing.T) {
			if err := merge(t, s.folder).Check(); err != nil {
				t.Error(err)
			}
			doc := load(t, s.folder)
			if doc.OpenAPI != s.version {
				t.Errorf("OpenAPI %s, want %s", doc.OpenAPI, s.version)
			}
			if err := merge(t, s.folder).Validate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Every operation has a name of its own, a summary and a tag, and stands in the
// file of its tag.
func TestOperations(t *testing.T) {
	for _, folder := range []string{"brms", "datafold", "understudy"} {
		t.Run(folder, func(t *testing.T) {
			doc := merge(t, folder)
			table := lines.Read(doc.Lines())
			ids := make(map[string]bool)
			for path, item := range load(t, folder).Paths.Map() {
				for method, op := range item.Operations() {
					if op.OperationID == "" || ids[op.OperationID] {
						t.Errorf("%s %s: operationId %q is empty or taken", method, path, op.OperationID)
					}
					ids[op.OperationID] = true
					if op.Summary == "" || len(op.Tags) == 0 {
						t.Errorf("%s %s: no summary or no tags", method, path)
						continue
					}
					file := strings.ReplaceAll(strings.ToLower(op.Tags[0]), " ", "-") + ".yaml"
					at, _ := table.Find("/paths/" + document.Escape(path) + "/" + strings.ToLower(method))
					if want := "openapi/" + folder + "/" + file; at.File != want {
						t.Errorf("%s %s: stands in %s, want %s", method, path, at.File, want)
					}
				}
			}
		})
	}
}

// A body is what an operation that declares one is about. Of these the vendor publishes,
// or a client shows, that it may be left out.
var mayHaveBodies = []string{
	"PATCH /api/v1/datadiffs/{datadiff_id}", "POST /api/v1/data_sources/{data_source_id}/test",
	"POST /api/v1/data_sources/{data_source_id}/dataset_schema", "POST /api/v1/data_sources/{data_source_id}/guess_pk", "POST /api/internal/sdk/log",
}

func TestBodiesAreRequired(t *testing.T) {
	for _, s := range served {
		for path, item := range load(t, s.folder).Paths.Map() {
			for method, op := range item.Operations() {
				if op.RequestBody != nil && op.RequestBody.Value.Required == slices.Contains(mayHaveBodies, method+" "+path) {
					t.Errorf("%s %s: is the body required or not?", method, path)
				}
			}
		}
	}
}

// Every operation declares the refusals that the server may send for it, whoever
// wrote them down.
func TestRefusalsAreDeclared(t *testing.T) {
	for _, s := range served {
		bad := "400"
		if s.folder == "datafold" {
			bad = "422"
		}
		for path, item := range load(t, s.folder).Paths.Map() {
			for method, op := range item.Operations() {
				want := []string{"200", "413", "500", "503"}
				if op.Security == nil || len(*op.Security) > 0 {
					want = append(want, "401", "403")
				}
				if len(op.Parameters) > 0 || op.RequestBody != nil {
					want = append(want, bad)
				}
				if strings.Contains(path, "{") {
					want = append(want, "404")
				}
				if op.RequestBody != nil && s.folder == "brms" {
					want = append(want, "415")
				}
				for _, code := range want {
					if op.Responses.Value(code) == nil {
						t.Errorf("%s %s: no %s", method, path, code)
					}
				}
			}
		}
	}
}

// FastAPI sends a member that is not set as null (response_model_exclude_none is
// false unless it is set): no member of an answer of Datafold is ever left out, but
// secrets, and what a summary of results does not have, where clients break on nulls.
func TestNullsAreSent(t *testing.T) {
	doc := load(t, "datafold")
	secret := func(p *openapi3.SchemaRef) bool {
		return p.Value.WriteOnly || slices.ContainsFunc(p.Value.AnyOf, func(b *openapi3.SchemaRef) bool { return b.Value.WriteOnly })
	}
	seen := map[*openapi3.Schema]bool{}
	var check func(name string, ref *openapi3.SchemaRef)
	check = func(name string, ref *openapi3.SchemaRef) {
		if ref == nil || ref.Value == nil || seen[ref.Value] {
			return
		}
		s := ref.Value
		seen[s] = true
		for member, p := range s.Properties {
			at := name + "." + member
			omitted := p.Value.Extensions["x-omitempty"]
			if p.Ref != "" {
				omitted = p.Extensions["x-omitempty"]
			}
			lean := omitted == true && strings.Contains(name, "/summary_results")
			if !slices.Contains(s.Required, member) && omitted != false && !lean && !secret(p) {
				t.Errorf("%s may be left out of an answer: set x-omitempty to false and let it be null", at)
			}
			check(at, p)
		}
		check(name+"[]", s.Items)
		for _, ref := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
			check(name, ref)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if r := op.Responses.Status(200); r != nil {
				check(method+" "+path, r.Value.Content.Get("application/json").Schema)
			}
		}
	}
	if len(seen) < 4 {
		t.Errorf("%d schemas", len(seen))
	}
}

// Fastify's serialiser writes required members first: the schemas of BRMS's answers
// declare them so, and answers come in declared order.
func TestRequiredMembersFirst(t *testing.T) {
	doc := load(t, "brms")
	order, n := map[string]int{}, 0
	merge(t, "brms").Pointers(func(pointer string) { n++; order[pointer] = n })
	seen := map[string]bool{}
	var check func(ref *openapi3.SchemaRef)
	check = func(ref *openapi3.SchemaRef) {
		if ref == nil || ref.Ref != "" && seen[ref.Ref] {
			return
		}
		seen[ref.Ref] = true
		at := strings.TrimPrefix(ref.Ref, "#") + "/properties/"
		last := 0
		for _, name := range ref.Value.Required {
			last = max(last, order[at+name])
		}
		for name, p := range ref.Value.Properties {
			if ref.Ref != "" && !slices.Contains(ref.Value.Required, name) && order[at+name] < last {
				t.Errorf("%s%s is optional and stands before a required member", at, name)
			}
			check(p)
		}
		check(ref.Value.Items)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if r := op.Responses.Status(200); r != nil && r.Value.Content["application/json"] != nil {
				check(r.Value.Content["application/json"].Schema)
			}
		}
	}
	if len(seen) < 8 {
		t.Errorf("%d schemas", len(seen))
	}
}
