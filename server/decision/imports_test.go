package decision_test

import (
	"os/exec"
	"strings"
	"testing"
)

// Decisions are a library of their own: they know nothing of the server around them.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module, own = "github.com/understudy-api/understudy", "github.com/understudy-api/understudy/server/decision"
	seen := 0
	for path := range strings.FieldsSeq(string(out)) {
		if path == own || strings.HasPrefix(path, own+"/") {
			seen++
		} else if strings.HasPrefix(path, module) {
			t.Errorf("decisions import %s", path)
		}
	}
	if seen < 3 {
		t.Errorf("%d packages", seen)
	}
	out, err = exec.Command("go", "list", "-deps", "./value", "./zen").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		if path == own || path == own+"/script" || path == "net/http" {
			t.Errorf("the language imports %s", path)
		}
	}
}
