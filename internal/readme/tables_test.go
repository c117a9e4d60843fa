// Package readme_test holds README.md to its word: its tables are those of the
// documents and the flags, and its sessions run against the built binary.
package readme_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/app"
	cli "github.com/understudy-api/understudy/server/command"
)

const (
	root       = "../.."
	readmeFile = root + "/README.md"
)

var update = flag.Bool("update", false, "write the tables of README.md anew")

func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(readmeFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The tables of operations and of flags are the documents' and the program's.
func TestTables(t *testing.T) {
	text := readme(t)
	for name, want := range map[string]string{
		"operations":    operationsTable(t),
		"configuration": flagsTable("serve"),
		"report":        flagsTable("report"),
	} {
		begin := "<!-- table: " + name + " -->\n"
		before, rest, found := strings.Cut(text, begin)
		got, after, ended := strings.Cut(rest, "<!-- end -->")
		if !found || !ended {
			t.Errorf("no table %q", name)
			continue
		}
		if got != want {
			if !*update {
				t.Errorf("the table %q is not up to date: make readme\nwant:\n%s", name, want)
			}
			text = before + begin + want + "<!-- end -->" + after
		}
	}
	if *update {
		if err := os.WriteFile(readmeFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// flagsTable lists the flags of a command.
func flagsTable(name string) string {
	var b strings.Builder
	b.WriteString("| flag | environment | default | meaning |\n|---|---|---|---|\n")
	cli.Flags(name).VisitAll(func(f *flag.Flag) {
		value := ""
		if f.DefValue != "" {
			value = "`" + f.DefValue + "`"
		}
		_, meaning := flag.UnquoteUsage(f)
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", f.Name, app.EnvName(name, f.Name), value, strings.ReplaceAll(meaning, "|", `\|`))
	})
	return b.String()
}

func operationsTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| operation | what it does | basis |\n|---|---|---|\n")
	for _, api := range []struct {
		name     string
		document []byte
		ours     bool
	}{
		{"GoRules BRMS", brms.Document(), false},
		{"Datafold", datafold.Document(), false},
		{"Control", understudy.Document(), true},
	} {
		fmt.Fprintf(&b, "| **%s** | | |\n", api.name)
		for _, o := range operations(t, api.document) {
			if api.ours {
				o.basis = ""
			}
			fmt.Fprintf(&b, "| `%s %s` | %s | %s |\n", o.method, o.path, o.summary, o.basis)
		}
	}
	return b.String()
}

type operation struct{ method, path, summary, basis string }

var methods = []string{"get", "post", "put", "patch", "delete"}

// operations lists a document's operations by path, then in the order in which a
// resource lives.
func operations(t *testing.T, document []byte) []operation {
	t.Helper()
	var d struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	var list []operation
	for path, item := range d.Paths {
		for _, method := range methods {
			raw, ok := item[method]
			if !ok {
				continue
			}
			var op struct {
				Summary string `json:"summary"`
				Basis   string `json:"x-understudy-basis"`
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			basis := "published"
			if raw, ok := item["x-understudy-basis"]; ok {
				if err := json.Unmarshal(raw, &basis); err != nil {
					t.Fatal(err)
				}
			}
			if op.Basis != "" {
				basis = op.Basis
			}
			list = append(list, operation{strings.ToUpper(method), path, op.Summary, basis})
		}
	}
	slices.SortFunc(list, func(a, b operation) int {
		if c := strings.Compare(a.path, b.path); c != 0 {
			return c
		}
		return slices.Index(methods, strings.ToLower(a.method)) - slices.Index(methods, strings.ToLower(b.method))
	})
	return list
}

// What the README says is in the tree is there, and the links lead somewhere.
func TestPlacesExist(t *testing.T) {
	text := readme(t)
	_, rest, _ := strings.Cut(text, "<!-- tree -->\n```\n")
	tree, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("no tree")
	}
	var places []string
	for line := range strings.Lines(tree) {
		places = append(places, strings.Fields(line)[0])
	}
	for _, link := range regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(text, -1) {
		places = append(places, link[1])
	}
	for _, place := range places {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(place))); err != nil {
			t.Error(err)
		}
	}
	// And every target that it tells to make is one.
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(makefile), "\n## "+target[1]+": ") {
			t.Errorf("make %s: no such target", target[1])
		}
	}
}
