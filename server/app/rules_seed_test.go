package app

import (
	"log/slog"
	"os"
	"path/filepath"
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

// A seed names files in its folder, and nothing outside of it, whichever way it is read.
func TestSeedOfFiles(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"outside.json": ruleOf("0"), "in/rules/fees.json": ruleOf("1"), "in/seed.yaml": `workspaces:
  - credential: of-files
    brms:
      projects:
        - name: Pricing
          key: pricing
          documents:
            - {name: fees, content: {file: rules/fees.json}}
          releases:
            - files:
                - {name: fees, content: {file: rules/fees.json}}
`})
	in := filepath.Join(dir, "in")
	file := filepath.Join(in, "seed.yaml")
	log := slog.New(slog.DiscardHandler)
	if _, err := w.app.Seed(t.Context(), file, "", log); err != nil {
		t.Fatal(err)
	}
	if got := w.expect(t, 200, "POST", "/api/projects/pricing/evaluate/fees", bearer("of-files"), `{"context":{}}`); !strings.Contains(got, `"result":{"v":1}`) {
		t.Error(got)
	}
	exported := w.expect(t, 200, "GET", "/_understudy/seed", bearer("of-files"), "")
	if strings.Contains(exported, "file: rules") || strings.Count(exported, "inputNode") != 2 {
		t.Error(exported)
	}
	for name, target := range map[string]string{"link.json": filepath.Join("..", "outside.json"), "absolute.json": filepath.Join(dir, "outside.json")} {
		if err := os.Symlink(target, filepath.Join(in, name)); err != nil {
			t.Skip("no links here:", err)
		}
		writeFiles(t, in, map[string]string{"other.yaml": "workspaces:\n  - brms:\n      projects:\n        - name: P\n          documents:\n            - {name: d, content: {file: " + name + "}}\n"})
		text, err := ReadSeed(filepath.Join(in, "other.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if _, mistakes, err := CheckSeed(t.Context(), text); err != nil || len(mistakes) != 1 || !strings.Contains(mistakes[0].Message, "cannot be read") {
			t.Error(name, mistakes, err)
		}
	}
}
