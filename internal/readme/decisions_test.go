package readme_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/value"
)

var jsonBlock = regexp.MustCompile("(?ms)^```json ([a-z ]+)\n(.*?)^```")

// The example of docs/decisions.md gives what the page says.
func TestDecisionExample(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/decisions.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, match := range jsonBlock.FindAllStringSubmatch(string(page), -1) {
		blocks[match[1]] = match[2]
	}
	d, err := decision.Parse([]byte(blocks["document"]))
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, got value.Value) {
		t.Helper()
		want, err := value.Parse([]byte(blocks[name]))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !value.Same(got, want) {
			t.Errorf("%s: the page says %s, it is %s", name, want, got)
		}
	}
	options := decision.EvaluateOptions{Trace: true}
	response, err := decision.New().EvaluateJSON(context.Background(), d, []byte(blocks["input"]), options)
	if err != nil {
		t.Fatal(err)
	}
	check("result", response.Result)
	for _, id := range []string{"t", "e"} {
		node, _ := response.Trace.Get(id)
		check("trace "+id, node.Data)
	}
	_, err = decision.New().EvaluateJSON(context.Background(), d, []byte(blocks["failing input"]), options)
	text, _ := json.Marshal(err)
	failure, err := value.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	members := failure.AsObject().Clone()
	members.Delete("trace")
	check("failure", value.Object(members))
}

// Each test that the page names is there.
func TestDecisionDifferences(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/decisions.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	files, err := filepath.Glob(root + "/server/decision/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	inner, err := filepath.Glob(root + "/server/decision/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, inner...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			tests[match[1]] = true
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(page), -1)
	for _, match := range named {
		if !tests[match[1]] {
			t.Errorf("there is no %s", match[1])
		}
	}
	if len(named) < 10 {
		t.Errorf("%d tests are named", len(named))
	}
}
