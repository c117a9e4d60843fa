package readme_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whichever tool is absent, .ci/tools asks for its package and nothing else, and
// fails while it is not there.
func TestTools(t *testing.T) {
	packages := map[string]string{
		"make": "make", "git": "git", "curl": "curl", "gcc": "gcc libc6-dev", "xmllint": "libxml2-utils",
		"sqlite3": "sqlite3", "jq": "jq", "npm": "nodejs npm", "chromium": "chromium", "initdb": "postgresql", "mariadbd": "mariadb-server",
	}
	for absent, want := range packages {
		for _, canBeHad := range []bool{true, false} {
			dir := t.TempDir()
			log := filepath.Join(dir, "asked")
			write := func(name, script string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for tool := range packages {
				if tool != absent {
					write(tool, "")
				}
			}
			for _, tool := range []string{"bash", "tr", "cut", "cat", "sh", "env"} {
				path, err := exec.LookPath(tool)
				if err != nil {
					t.Skip("no " + tool)
				}
				if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
					t.Fatal(err)
				}
			}
			write("go", `[ "$1" = env ] && echo gcc; exit 0`)
			write("id", "echo 0")
			install := "exit 0"
			if canBeHad {
				install = `printf '#!/bin/sh\n' >"` + filepath.Join(dir, absent) + `"; PATH=/usr/bin:/bin chmod +x "` + filepath.Join(dir, absent) + `"`
			}
			write("apt-get", `[ "$1" = install ] || exit 0
for last; do :; done
echo "$last" >>"`+log+`"
`+install)
			c := exec.CommandContext(t.Context(), filepath.Join(dir, "bash"), root+"/.ci/tools")
			c.Env = []string{"PATH=" + dir, "POSTGRESQL_BIN=" + dir + "/none", "MARIADB_BIN="}
			out, err := c.CombinedOutput()
			if (err == nil) != canBeHad {
				t.Errorf("without %s, which can be had: %t: %v\n%s", absent, canBeHad, err, out)
			}
			asked, _ := os.ReadFile(log)
			if got := strings.Fields(string(asked)); !slices.Equal(got, strings.Fields(want)) {
				t.Errorf("without %s it asks for %q, want %q\n%s", absent, got, want, out)
			}
		}
	}
}
