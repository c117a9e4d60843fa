package readme_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Each example by its pipeline's file: right, and with its mistake. The client's own tests
// pass both times, but for those in Go, which are judged themselves.
func TestDocsExamples(t *testing.T) {
	const page = "/examples/README.md"
	for _, example := range []struct {
		name    string
		needs   string
		mistake string // in the environment
	}{
		{"python", "python3", "FEES_CLIENT=fees_broken"},
		{"typescript", "npm", "FEES_CLIENT=./fees-broken.js"},
		{"shell", "curl", "FEES_BROKEN=1"},
	} {
		t.Run(example.name, func(t *testing.T) {
			needs(t, example.needs)
			if text, err := os.ReadFile(root + page); err != nil || !strings.Contains(string(text), "`"+example.mistake+"`") {
				t.Errorf("%s does not tell the mistake: %v", page, err)
			}
			m := lend(t, nil, true)
			if err := os.CopyFS(m.dir, os.DirFS(root+"/examples")); err != nil {
				t.Fatal(err)
			}
			m.dir = filepath.Join(m.dir, example.name)
			for _, mistake := range []string{"", example.mistake} {
				pipeline(t, m, mistake)
			}
		})
	}
}

// pipeline runs the steps of pipeline.yml, and wants the verdict.
func pipeline(t *testing.T, m *machine, mistake string) {
	t.Helper()
	built, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(m.dir, "pipeline.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		workflow `yaml:",inline"`

		Include []struct {
			Component string
			Inputs    map[string]string
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	env := []string{mistake}
	if mistake == "" {
		env = nil
	}
	judged := 0
	verdict := func(code int, said string) {
		judged++
		want := 0
		if mistake != "" {
			want = 1
			for _, part := range []string{"FAILURES (1 kind of violation", "body /context", "openapi/brms/decision.yaml:"} {
				if !strings.Contains(said, part) {
					t.Errorf("it does not say %q:\n%s", part, said)
				}
			}
		}
		if code != want || strings.Contains(said, "ended with") {
			t.Errorf("with the mistake %q: exit code %d, want %d:\n%s", mistake, code, want, said)
		}
	}
	for _, job := range file.Include {
		if !strings.Contains(job.Component, "/understudy-api/understudy/understudy@") {
			t.Errorf("another component: %s", job.Component)
		}
		job.Inputs["binary"] = built
		code, said := component(t, m, job.Inputs, env...)
		verdict(code, said)
	}
	for _, step := range file.Jobs["contract"].Steps {
		switch name, _, _ := strings.Cut(step.Uses, "@"); name {
		case "understudy-api/understudy":
			step.With["binary"] = built
			got := act(t, m, step.With, env...)
			verdict(got.code, got.said)
		case "":
			if code, said := m.shell(t, step.Run, env...); code != 0 {
				t.Fatalf("%s: exit code %d\n%s", step.Run, code, said)
			}
		case "actions/checkout", "actions/setup-go", "actions/setup-node", "github/codeql-action/upload-sarif":
		default:
			t.Errorf("an action that is not known: %s", step.Uses)
		}
	}
	if judged != 1 {
		t.Errorf("%d verdicts", judged)
	}
}

// The example in Go is judged by its own tests.
func TestDocsExampleInGo(t *testing.T) {
	for _, flags := range [][]string{nil, {"-tags", "broken"}} {
		command := exec.CommandContext(t.Context(), "go", append(append([]string{"test"}, flags...), "./...")...)
		command.Dir = root + "/examples/go"
		command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-trimpath")
		out, err := command.CombinedOutput()
		said := string(out)
		if flags == nil {
			if err != nil {
				t.Errorf("%v:\n%s", err, said)
			}
			continue
		}
		for _, part := range []string{"--- FAIL: TestSmallOrdersPayForShipping", "fees_test.go:30: POST /api/projects/{projectId}/evaluate/{key}: body /context: type\n", "sent from fees.go:"} {
			if err == nil || !strings.Contains(said, part) {
				t.Errorf("%v, and it does not say %q:\n%s", err, part, said)
			}
		}
		if strings.Count(said, "--- FAIL") != 1 {
			t.Errorf("other tests fail too:\n%s", said)
		}
	}
}
