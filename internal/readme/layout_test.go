package readme_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
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
