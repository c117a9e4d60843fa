package app

import (
	"strings"
	"testing"
)

// Decision documents, test events and tokens are planted, evaluated, and written again
// as they were.
func TestSeedOfDocuments(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	text := `workspaces:
  - clock: {frozen: true, now: 2026-01-01T00:00:00Z}
    ids: {source: sequential, seed: 1}
    brms:
      projects:
        - name: Pricing
          key: pricing
          documents:
            - {name: fees/shipping.json, content: ` + ruleOf("1") + `}
            - {name: draft, status: draft, content: ` + ruleOf("2") + `}
            - {name: gone, deletedAt: 2026-01-01T00:00:00Z}
          testEvents:
            - testEvent: {name: large, context: '{"total":1}', category: shared}
          tokens:
            - {name: ci}
`
	header := bearer("seeded")
	header.Set("Content-Type", "application/yaml")
	if got := w.do(t, "PUT", "/_understudy/seed", header, strings.NewReader(text)); got.status > 299 {
		t.Fatal(got.body)
	}
	header.Set("Content-Type", "application/json")
	for path, want := range map[string]string{
		"fees/shipping.json": `"result":{"v":1}`, "draft": "document.notPublished", "gone": "document.notFound",
	} {
		if got := w.do(t, "POST", "/api/projects/pricing/evaluate/"+path, header, strings.NewReader(`{"context":{}}`)); !strings.Contains(got.body, want) {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	first := w.do(t, "GET", "/_understudy/seed", bearer("seeded"), nil).body
	for _, want := range []string{"name: fees/shipping.json", "status: draft", "name: ci", "name: large", "deletedAt:"} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	header.Set("Content-Type", "application/yaml")
	if got := w.do(t, "PUT", "/_understudy/seed", header, strings.NewReader(first)); got.status > 299 {
		t.Fatal(got.body)
	}
	if again := w.do(t, "GET", "/_understudy/seed", bearer("seeded"), nil).body; again != first {
		t.Errorf("written again:\n%s\nbefore:\n%s", again, first)
	}
	mistaken := strings.Replace(text, "name: draft", "name: fees/shipping.json", 1)
	if got := w.do(t, "PUT", "/_understudy/seed", header, strings.NewReader(mistaken)); !strings.Contains(got.body, "Another document of the project has this path") {
		t.Error(got.body)
	}
}
