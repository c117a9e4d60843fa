package readme_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Generated code knows nothing of ours, but for a client, which knows its types, and
// for values that encoding/json would write otherwise than a vendor's framework. The
// linter holds the other directions of imports; it does not look at generated files.
func TestGeneratedImports(t *testing.T) {
	const values = `"github.com/understudy-api/understudy/internal/pydantic"`
	seen := 0
	err := filepath.WalkDir(root+"/gen", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		own := ""
		if dir := filepath.ToSlash(filepath.Dir(path)); strings.HasSuffix(dir, "client") {
			_, pkg, _ := strings.Cut(filepath.ToSlash(filepath.Dir(dir)), "/gen/")
			own = `"github.com/understudy-api/understudy/gen/` + pkg + `"`
		}
		for _, spec := range file.Imports {
			if strings.Contains(spec.Path.Value, "understudy-api") && spec.Path.Value != own && spec.Path.Value != values {
				t.Errorf("%s imports %s", path, spec.Path.Value)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("no generated files found")
	}
}

// Imports go down the rooms as ARCHITECTURE.md lists them, and every package is in one.
func TestImportsGoDown(t *testing.T) {
	text, err := os.ReadFile(root + "/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(text), "<!-- rooms -->\n```\n")
	list, _, _ = strings.Cut(list, "```")
	if !found {
		t.Fatal("no list of rooms")
	}
	var rooms []string
	for line := range strings.Lines(list) {
		rooms = append(rooms, strings.Fields(line)[0])
	}
	roomOf := func(pkg string) int {
		return slices.IndexFunc(rooms, func(room string) bool { return pkg == room || strings.HasPrefix(pkg, room+"/") })
	}
	apart := []string{"server/brms", "server/datafold", "server/control"}                   // know nothing of each other
	alone := []string{"server/decision", "server/datadiff", "server/dbt", "storage", "gen"} // import no other room

	const module = "github.com/understudy-api/understudy/"
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./gen/...", "./server/...", "./storage/...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		if pkg == "server/datadiff/datadifftest/databases" { // throwaway databases for tests
			continue
		}
		from := roomOf(pkg)
		if from < 0 {
			t.Errorf("%s is in no room", pkg)
			continue
		}
		seen[from] = true
		for _, imported := range fields[1:] {
			other, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			to := roomOf(other)
			switch {
			case to == from:
			case to < from:
				t.Errorf("%s imports %s, which stands above it", pkg, other)
			case slices.Contains(apart, rooms[from]) && slices.Contains(apart, rooms[to]):
				t.Errorf("%s imports %s, another API", pkg, other)
			case slices.Contains(alone, rooms[from]) && (rooms[from] != "gen" || rooms[to] != "internal"):
				t.Errorf("%s imports %s and should be of use without it", pkg, other)
			case rooms[to] == "storage" && other != "storage" && rooms[from] != "server/drivers" && (rooms[from] != "server/app" || other != "storage/sqlite"):
				t.Errorf("%s imports the driver %s, which is for the program to choose", pkg, other)
			}
		}
	}
	for i, room := range rooms {
		if !seen[i] && room != "internal" {
			t.Errorf("there is no package in %s", room)
		}
	}
}

// A file is no longer than one can keep in mind.
func TestFilesAreShort(t *testing.T) {
	const most, mostOfTests = 600, 800
	seen := 0
	for _, top := range []string{"internal", "openapi", "server", "storage"} {
		err := filepath.WalkDir(root+"/"+top, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			seen++
			text, err := os.ReadFile(path)
			limit := most
			if strings.HasSuffix(path, "_test.go") {
				limit = mostOfTests
			}
			if n := bytes.Count(text, []byte("\n")); n > limit {
				t.Errorf("%s has %d lines, more than %d", path, n, limit)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen == 0 {
		t.Error("no files found")
	}
}
