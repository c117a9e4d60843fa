package readme_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// toolPackages are the tools that .ci/tools sees to, and the packages they come in.
var toolPackages = map[string]string{
	"make": "make", "git": "git", "curl": "curl", "gcc": "gcc libc6-dev", "xmllint": "libxml2-utils",
	"sqlite3": "sqlite3", "jq": "jq", "openssl": "openssl", "node": "nodejs", "npm": "npm", "python3": "python3", "chromium": "chromium", "initdb": "postgresql", "mariadbd": "mariadb-server",
}

// ciTools runs .ci/tools where the tools are the only programs, and gives the packages
// that it asked for. One that can be had brings the tool of its name in toolPackages.
func ciTools(t *testing.T, tools []string, user string, canBeHad bool) (asked []string, out string, err error) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "asked")
	write := func(name, script string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"bash", "tr", "cut", "cat", "sh", "env"} { // what any system has
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skip("no " + tool)
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range tools {
		write(tool, "")
	}
	if slices.Contains(tools, "go") {
		write("go", `[ "$1" = env ] && echo gcc; exit 0`)
	}
	write("id", "echo "+user)
	install := "exit 0"
	if canBeHad {
		install = `case $last in`
		for tool, packages := range toolPackages {
			install += "\n" + strings.ReplaceAll(packages, " ", "|") + `) tool="` + filepath.Join(dir, tool) + `";;`
		}
		install += `
esac
printf '#!/bin/sh\n' >"$tool"; PATH=/usr/bin:/bin chmod +x "$tool"`
	}
	write("apt-get", `[ "$1" = install ] || exit 0
for last; do :; done
echo "$last" >>"`+log+`"
`+install)
	c := exec.CommandContext(t.Context(), filepath.Join(dir, "bash"), root+"/.ci/tools")
	c.Env = []string{"PATH=" + dir, "POSTGRESQL_BIN=" + dir + "/none", "MARIADB_BIN="}
	text, err := c.CombinedOutput()
	names, _ := os.ReadFile(log)
	return strings.Fields(string(names)), string(text), err
}

// Whichever tool is absent, .ci/tools asks for its package and nothing else, and fails
// while it is not there: for want of a package, or of the right to install it.
func TestTools(t *testing.T) {
	all := append(slices.Sorted(maps.Keys(toolPackages)), "go")
	without := func(tool string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == tool })
	}
	type attempt struct {
		name     string
		tools    []string
		user     string
		canBeHad bool
		asked    string
		fails    bool
	}
	attempts := []attempt{
		{"nothing is absent", all, "0", true, "", false},
		{"everything but Go is absent", []string{"go"}, "0", true, "", false},
		{"without go", without("go"), "0", true, "", true},
	}
	for tool, packages := range toolPackages {
		attempts = append(attempts,
			attempt{"without " + tool, without(tool), "0", true, packages, false},
			attempt{"without " + tool + ", which cannot be had", without(tool), "0", false, packages, true},
			attempt{"without " + tool + ", not root", without(tool), "1000", true, "", true})
		attempts[1].asked += packages + " "
	}
	for _, browser := range []string{"chromium-browser", "google-chrome", "chrome"} {
		attempts = append(attempts, attempt{"with " + browser, append(without("chromium"), browser), "0", true, "", false})
	}
	for _, a := range attempts {
		asked, out, err := ciTools(t, a.tools, a.user, a.canBeHad)
		if (err != nil) != a.fails {
			t.Errorf("%s: %v\n%s", a.name, err, out)
		}
		wanted := strings.Fields(a.asked)
		slices.Sort(asked)
		slices.Sort(wanted)
		if !slices.Equal(asked, wanted) {
			t.Errorf("%s it asks for %q, want %q\n%s", a.name, asked, wanted, out)
		}
	}
}
