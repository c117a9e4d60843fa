package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mvdan.cc/gofumpt/format"

	"github.com/understudy-api/understudy/internal/gendoc/document"
)

func TestShortName(t *testing.T) {
	for _, c := range []struct{ id, method, path, want string }{
		{"remove_integration_api_v1_lineage_bi__bi_datasource_id___delete", "DELETE", "/api/v1/lineage/bi/{bi_datasource_id}/", "remove_integration"},
		{"get_all_integrations_api_v1_lineage_bi__get", "GET", "/api/v1/lineage/bi/", "get_all_integrations"},
		{"create_monitor_diff_api_v1_monitors_create_diff_post", "POST", "/api/v1/monitors/create/diff", "create_monitor_diff"},
		{"deleteIntegration", "DELETE", "/api/projects/{projectId}/integrations/{integrationId}", "deleteIntegration"},
		{"_api_a_get", "GET", "/api/a", "_api_a_get"},
		{"x_api_a_get", "PUT", "/api/a", "x_api_a_get"},
	} {
		if got := shortName(c.id, c.method, c.path); got != c.want {
			t.Errorf("%s: %s, want %s", c.id, got, c.want)
		}
	}
}

// What is committed under gen/ is as gofumpt writes it: the linters leave it out. That it is
// what the documents make, byte for byte, is a step of .ci/run.
func TestVerifyGeneratedIsFormatted(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "gen", "*", "*.gen.go"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		formatted, err := format.Source(content, format.Options{LangVersion: languageVersion, ModulePath: ourModule})
		if err != nil || !bytes.Equal(formatted, content) {
			t.Errorf("%s is not as gofumpt writes it (%v)", file, err)
		}
		if !bytes.Contains(content, []byte("DO NOT EDIT.")) {
			t.Errorf("%s does not say that it is generated", file)
		}
	}
}

const tiny = `openapi: 3.0.3
info: {title: t, version: v}
paths:
  /a:
    get:
      operationId: a
      responses:
        '200': {description: d}
  /b:
    get:
      operationId: b
      responses:
        '200': {description: d}
`

const config = "package: tiny\ngenerate: {models: true, gorilla-server: true, strict-server: true}\n"

func part(text string) []document.File {
	return []document.File{{Name: "openapi/tiny/_document.yaml", Data: []byte(text)}}
}

func TestGenerateRefuses(t *testing.T) {
	if _, err := generate(part(tiny), []byte(config), "tiny", "openapi/tiny"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, config, want string }{
		"not YAML":         {"a: [", config, "yaml"},
		"default response": {strings.Replace(tiny, "'200'", "default", 1), config, "is not one status"},
		"invalid":          {strings.Replace(tiny, "{title: t, version: v}", "{title: t}", 1), config, "version"},
		"no description":   {strings.Replace(tiny, "{description: d}", "{}", 1), config, "description"},
		"name taken":       {strings.NewReplacer("operationId: a", "operationId: x", "operationId: b", "operationId: x_b_get").Replace(tiny), config, "would both be called x"},
		"dangling $ref":    {strings.Replace(tiny, "{description: d}", "{$ref: '#/components/responses/N'}", 1), config, "N"},
		"client":           {tiny, strings.Replace(config, "models: true", "models: true, client: true", 1), "package of its own"},
		"unknown option":   {tiny, config + "colour: red\n", "colour"},
		"no package":       {tiny, "generate: {models: true}\n", "package name"},
	} {
		if _, err := generate(part(c.text), []byte(c.config), "tiny", "openapi/tiny"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A document that is refused leaves the package as it was.
func TestRunWritesAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	cfg, out := filepath.Join(dir, "cfg"), filepath.Join(dir, "tiny")
	source := filepath.Join(dir, "_document.yaml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(source, tiny)
	write(cfg, config)
	if err := run(dir, cfg, out, "openapi/tiny"); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(out, "document.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(source, strings.Replace(tiny, "'200'", "default", 1))
	if err := run(dir, cfg, out, "openapi/tiny"); err == nil {
		t.Fatal("no error")
	}
	after, err := os.ReadFile(filepath.Join(out, "document.json"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the package changed (%v)", err)
	}
}
