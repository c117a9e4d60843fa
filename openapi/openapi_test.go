package openapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/internal/gendoc/document"
)

// served are the documents that Understudy serves for other APIs.
var served = []struct {
	file     string
	version  string
	upstream string
	// The vendor publishes an empty schema for every answer of its BI
	// operations. No strict server can be generated from that, so it is
	// replaced, and each place is named here.
	refinements []document.Refinement
	operations  []string
}{
	{
		file:     "brms.yaml",
		version:  "3.0.3",
		upstream: "upstream/brms-delete-integration.yaml",
		operations: []string{
			"DELETE /api/projects/{projectId}",
			"DELETE /api/projects/{projectId}/integrations/{integrationId}",
			"GET /api/health",
			"GET /api/projects",
			"GET /api/projects/{projectId}",
			"GET /api/projects/{projectId}/integrations",
			"GET /api/projects/{projectId}/integrations/{integrationId}",
			"POST /api/projects",
			"POST /api/projects/{projectId}/integrations",
			"PUT /api/projects/{projectId}",
			"PUT /api/projects/{projectId}/integrations/{integrationId}",
			"PUT /api/projects/{projectId}/restore",
		},
	},
	{
		file:     "datafold.yaml",
		version:  "3.1.0",
		upstream: "upstream/datafold-remove-an-integration.yaml",
		refinements: []document.Refinement{{
			Pointer: "/paths/~1api~1v1~1lineage~1bi~1{bi_datasource_id}~1/delete/responses/200/content/application~1json/schema",
			Ref:     "#/components/schemas/BIIntegrationRemoved",
		}},
		operations: []string{
			"DELETE /api/v1/lineage/bi/{bi_datasource_id}/",
			"GET /api/v1/lineage/bi/",
			"GET /api/v1/lineage/bi/{bi_datasource_id}/",
			"GET /api/v1/lineage/bi/{bi_datasource_id}/sync/",
			"POST /api/v1/lineage/bi/dbt/",
			"POST /api/v1/lineage/bi/hightouch/",
			"POST /api/v1/lineage/bi/looker/",
			"POST /api/v1/lineage/bi/mode/",
			"POST /api/v1/lineage/bi/powerbi/",
			"POST /api/v1/lineage/bi/tableau/",
			"PUT /api/v1/lineage/bi/dbt/{bi_datasource_id}/",
			"PUT /api/v1/lineage/bi/hightouch/{bi_datasource_id}/",
			"PUT /api/v1/lineage/bi/looker/{bi_datasource_id}/",
			"PUT /api/v1/lineage/bi/mode/{bi_datasource_id}/",
			"PUT /api/v1/lineage/bi/powerbi/{bi_datasource_id}/",
			"PUT /api/v1/lineage/bi/tableau/{bi_datasource_id}/",
		},
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

func parse(t *testing.T, file string) *document.Document {
	t.Helper()
	doc, err := document.Parse(read(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return doc
}

func load(t *testing.T, file string) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(read(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
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
		t.Run(s.file, func(t *testing.T) {
			if err := parse(t, s.file).Extends(parse(t, s.upstream), s.refinements...); err != nil {
				t.Error(err)
			}
		})
	}
}

// No guess closes what the real service may leave open.
func TestNoTighterThanEvidence(t *testing.T) {
	for _, s := range served {
		if err := parse(t, s.file).Evidence(); err != nil {
			t.Errorf("%s: %v", s.file, err)
		}
	}
}

func TestServedIsValid(t *testing.T) {
	for _, s := range served {
		t.Run(s.file, func(t *testing.T) {
			if err := parse(t, s.file).Check(); err != nil {
				t.Error(err)
			}
			doc := load(t, s.file)
			if doc.OpenAPI != s.version {
				t.Errorf("OpenAPI %s, want %s", doc.OpenAPI, s.version)
			}
			if err := doc.Validate(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOperations(t *testing.T) {
	for _, s := range served {
		t.Run(s.file, func(t *testing.T) {
			var got []string
			ids := make(map[string]bool)
			for path, item := range load(t, s.file).Paths.Map() {
				for method, op := range item.Operations() {
					got = append(got, method+" "+path)
					if op.OperationID == "" || ids[op.OperationID] {
						t.Errorf("%s %s: operationId %q is empty or taken", method, path, op.OperationID)
					}
					ids[op.OperationID] = true
					if op.Summary == "" || len(op.Tags) == 0 {
						t.Errorf("%s %s: no summary or no tags", method, path)
					}
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, s.operations) {
				t.Errorf("operations:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(s.operations, "\n"))
			}
		})
	}
}

// Every operation declares the refusals that the server may send for it.
func TestRefusalsAreDeclared(t *testing.T) {
	for _, s := range served {
		bad := "400"
		if s.file == "datafold.yaml" {
			bad = "422"
		}
		for path, item := range load(t, s.file).Paths.Map() {
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
				if op.RequestBody != nil && s.file == "brms.yaml" {
					want = append(want, "415")
				}
				for _, code := range want {
					if op.Responses.Value(code) == nil {
						t.Errorf("%s %s: no %s", method, path, code)
					}
				}
				if op.RequestBody != nil && !op.RequestBody.Value.Required {
					t.Errorf("%s %s: the body is not required", method, path)
				}
			}
		}
	}
}
