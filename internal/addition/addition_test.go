// Package addition_test adds an operation to a copy of the tree, in the three places
// where that is done: the document, the resource file, and its test. Whatever else it
// took would be a list that somebody keeps by hand.
package addition_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// places are the three, by where they stand in the copy.
var places = map[string]string{
	"openapi/brms/templates.yaml":   "testdata/templates.yaml",
	"server/brms/templates.go":      "testdata/templates.go.txt",
	"server/brms/templates_test.go": "testdata/templates_test.go.txt",
}

// steps are what a maintainer runs when all is generated, as far as an operation can matter
// to it.
var steps = []string{
	"make -s readme",
	"go build ./...",
	"go vet ./server/... ./openapi ./internal/gendoc/... ./internal/readme",
	"go test ./openapi ./internal/gendoc/... ./server/brms ./server/seed ./server/workspace ./server/control ./server/evidence",
	"go test ./server/app -run ^(TestEveryOperation|TestCoverage|TestExamplesOfRefusals|TestProtocolDocument)$",
	"go test ./internal/readme -run ^(TestTables|TestPlacesExist|TestGeneratedImports)$",
}

func TestThreePlaces(t *testing.T) {
	if testing.Short() || os.Getenv("UNDERSTUDY_TEST_ADDITION") == "" {
		t.Skip("it builds a copy of the tree: UNDERSTUDY_TEST_ADDITION=1")
	}
	tree := t.TempDir()
	copyTree(t, tree)
	// Without the document, and then without the resource file, the compiler says what is missing.
	fill(t, tree, "server/brms/templates.go")
	if out, err := run(t, tree, "go build ./server/brms"); err == nil || !strings.Contains(out, "undefined: brms.PutRating") {
		t.Fatalf("without the document: %v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(tree, "server/brms/templates.go")); err != nil {
		t.Fatal(err)
	}
	fill(t, tree, "openapi/brms/templates.yaml")
	if out, err := run(t, tree, "make -s generate"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := run(t, tree, "go build ./server/brms"); err == nil || !strings.Contains(out, "missing method PutRating") {
		t.Fatalf("without the resource file: %v\n%s", err, out)
	}
	for place := range places {
		fill(t, tree, place)
	}
	for _, step := range steps {
		if out, err := run(t, tree, step); err != nil {
			t.Fatalf("%s: %v\n%s", step, err, out)
		}
	}
}

// fill writes what is added at a place.
func fill(t *testing.T, tree, place string) {
	t.Helper()
	text, err := os.ReadFile(places[place])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, place), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, tree, step string) (string, error) {
	t.Helper()
	words := strings.Fields(step)
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath") // what is built elsewhere is not built again
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// copyTree copies the files that are kept, and those that are about to be.
func copyTree(t *testing.T, to string) {
	t.Helper()
	const root = "../.."
	list := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	names, err := list.Output()
	if err != nil {
		t.Skip("this is not a checkout: ", err)
	}
	for name := range bytes.SplitSeq(bytes.TrimRight(names, "\x00"), []byte{0}) {
		from, into := filepath.Join(root, string(name)), filepath.Join(to, string(name))
		info, err := os.Lstat(from)
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(into), 0o755)
		}
		if err == nil {
			err = os.WriteFile(into, text, info.Mode().Perm())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
