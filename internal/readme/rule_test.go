package readme_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rule = regexp.MustCompile("(?m)^<!-- rule(?:: (\\S+)| (command|session|result)) -->\n```(?:sh|json)\n((?s:.*?))^```$")

// The rule of README.md, served by its command, answers its request as it says.
func TestDocsRule(t *testing.T) {
	folder := t.TempDir()
	blocks := map[string]string{}
	for _, block := range rule.FindAllStringSubmatch(readme(t), -1) {
		if block[1] != "" {
			name := filepath.Join(folder, filepath.FromSlash(block[1]))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(block[3]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		blocks[block[2]] = strings.TrimSpace(block[3])
	}
	args, ok := strings.CutPrefix(blocks["command"], "understudy serve --rules pricing=./")
	if !ok {
		t.Fatalf("the command is %q", blocks["command"])
	}
	s := start(t, "--addr", "127.0.0.1:0", "--store", "memory", "--rules", "pricing="+filepath.Join(folder, args))
	if strings.Count(blocks["session"], defaultURL) != 1 {
		t.Fatalf("the address stands once in %q", blocks["session"])
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", strings.Replace(blocks["session"], defaultURL, s.url, 1))
	cmd.Env = append(os.Environ(), "HOME="+folder, "no_proxy=*") // no ~/.curlrc
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var answer struct{ Result any }
	var want any
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := json.Unmarshal([]byte(blocks["result"]), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, answer.Result); diff != "" {
		t.Errorf("%s\n%s", diff, out)
	}
}
