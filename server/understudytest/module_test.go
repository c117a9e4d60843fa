package understudytest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// What of databases a user gets: SQLite, and no other driver.
func TestDependencies(t *testing.T) {
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "\nmodernc.org/sqlite\n") {
		t.Error("memory is kept without SQLite: say so in the documentation")
	}
	for pkg := range strings.Lines(string(out)) {
		for _, driver := range []string{"github.com/jackc/", "github.com/go-sql-driver/", "filippo.io/", "/server/drivers", "/storage/postgres", "/server/datadiff/postgres", "/server/datadiff/mysql"} {
			if strings.Contains(pkg, driver) {
				t.Errorf("a driver is among the dependencies: %s", pkg)
			}
		}
	}
}

// block is a file of docs/go-tests.md, or what "go test" says of it.
var block = regexp.MustCompile("(?s)<!-- (?:file: )?([a-z_/.]+) -->\n```(?:go)?\n(.*?)```\n")

// A module of somebody else's has the helper in ten lines, and is told its mistake: the
// page says how.
func TestDocsModule(t *testing.T) {
	dir := t.TempDir()
	tree, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	const name = "github.com/understudy-api/understudy"
	files := map[string]string{
		"go.mod": "module example.com/fees\n\ngo 1.26.0\n\nrequire " + name + " v0.0.0\n\nreplace " + name + " => " + tree + "\n",
		"go.sum": string(sums),
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/go-tests.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range block.FindAllStringSubmatch(string(page), -1) {
		files[found[1]] = found[2]
	}
	failure := files["says"]
	delete(files, "says")
	if len(files) != 5 || failure == "" || strings.Count(strings.TrimPrefix(files["fees_test.go"], "package fees\n"), "\n") > 13 {
		t.Fatal("docs/go-tests.md has other blocks")
	}
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	goTest := func(pkg string, env ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "go", "test", pkg)
		command.Dir = dir
		// What it needs is what the tree needs: nothing is fetched.
		command.Env = append(os.Environ(), append(env, "GOFLAGS=-trimpath -mod=mod", "GOPROXY=off", "GOWORK=off")...)
		out, err := command.Output()
		if err == nil {
			t.Errorf("the tests of %s passed:\n%s", pkg, out)
		}
		text := regexp.MustCompile(`[0-9.]+s\b`).ReplaceAllString(string(out), "TIME")
		return regexp.MustCompile(`yaml:\d+`).ReplaceAllString(text, "yaml:LINE")
	}
	said := failure + "FAIL\n" + "FAIL\texample.com/fees\tTIME\nFAIL\n"
	if diff := cmp.Diff(said, goTest(".")); diff != "" {
		t.Errorf("the test says (-want +got):\n%s", diff)
	}
	if text := goTest("./more"); !strings.Contains(text, "is below the 80 % asked for") {
		t.Errorf("the coverage is not judged:\n%s", text)
	}
	reports := filepath.Join(dir, "reports")
	command := exec.CommandContext(t.Context(), "go", "test", "-count=1", "./more")
	command.Dir = dir
	command.Env = append(os.Environ(), "GOFLAGS=-trimpath -mod=mod", "GOPROXY=off", "GOWORK=off", "UNDERSTUDY_REPORT_DIR="+reports)
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("with a folder for reports: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(reports, "example.com-fees-more.json")); err != nil {
		t.Error(err)
	}
}
