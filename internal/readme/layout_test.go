package readme_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// Generated code knows nothing of ours. The linter holds the other directions of
// imports; it does not look at generated files.
func TestGeneratedImports(t *testing.T) {
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
		for _, spec := range file.Imports {
			if strings.Contains(spec.Path.Value, "understudy-api") {
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
