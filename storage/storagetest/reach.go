package storagetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ReachedOnlyIn reports what the package of the test reads or writes of a store in
// other files than these: by the field "records", in which a resource keeps its
// collection, or by the methods of collections, transactions and stores. Files that do
// not import the storage are not looked at.
func ReachedOnlyIn(t *testing.T, files ...string) {
	t.Helper()
	doors := []string{
		"records", "Get", "GetDeleted", "Find", "List", "Each", "Filter", "Insert", "Import", "Delete", "Restore",
		"Put", "Purge", "View", "Update", "UpdateAll", "Clear", "CopyFrom",
	}
	all, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, file := range all {
		if strings.HasSuffix(file, "_test.go") || slices.Contains(files, file) {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(parsed.Imports, func(i *ast.ImportSpec) bool {
			return strings.HasSuffix(i.Path.Value, `/understudy/storage"`)
		}) {
			continue
		}
		looked++
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(doors, s.Sel.Name) {
				t.Errorf("%s: %s is for %s", set.Position(s.Sel.Pos()), s.Sel.Name, strings.Join(files, " and "))
			}
			return true
		})
	}
	if looked == 0 {
		t.Error("no file imports the storage")
	}
}
