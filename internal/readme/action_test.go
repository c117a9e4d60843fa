package readme_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/understudy-api/understudy/server/evidence"
)

// action is action.yml.
type action struct {
	Inputs map[string]struct {
		Required bool   `yaml:"required"`
		Default  string `yaml:"default"`
	} `yaml:"inputs"`
	Outputs map[string]struct {
		Value string `yaml:"value"`
	} `yaml:"outputs"`
	Runs struct {
		Using string `yaml:"using"`
		Steps []struct {
			ID    string            `yaml:"id"`
			Shell string            `yaml:"shell"`
			Run   string            `yaml:"run"`
			Env   map[string]string `yaml:"env"`
		} `yaml:"steps"`
	} `yaml:"runs"`
}

// acted is what became of a step that uses the action.
type acted struct {
	code             int
	outputs          map[string]string
	said, summary    string
	failures, tested int // of the JUnit file
	report           *evidence.Report
}

var (
	inputExpression  = regexp.MustCompile(`^\$\{\{ inputs\.([a-z-]+) \}\}$`)
	outputExpression = regexp.MustCompile(`^\$\{\{ steps\.run\.outputs\.([a-z-]+) \}\}$`)
)

// act does what GitHub does with a step that uses the action, in a folder.
func act(t *testing.T, m *machine, with map[string]string, extra ...string) acted {
	t.Helper()
	text, err := os.ReadFile(root + "/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(text, &a); err != nil || a.Runs.Using != "composite" || len(a.Runs.Steps) != 1 || a.Runs.Steps[0].Shell != "bash" || a.Runs.Steps[0].ID != "run" {
		t.Fatalf("action.yml is another action: %v", err)
	}
	for name := range with {
		if _, known := a.Inputs[name]; !known {
			t.Fatalf("the action has no input %q", name)
		}
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	file := func(name string) string { return filepath.Join(temp, name) }
	env := append(slices.Clone(extra), "GITHUB_ACTIONS=true", "CI=true", "GITHUB_ACTION_PATH="+here, "GITHUB_WORKSPACE="+m.dir,
		"GITHUB_OUTPUT="+file("output"), "GITHUB_STEP_SUMMARY="+file("summary"), "GITHUB_ENV="+file("env"), "GITHUB_PATH="+file("path"), "RUNNER_TEMP="+temp)
	taken := map[string]bool{}
	for name, value := range a.Runs.Steps[0].Env {
		input := inputExpression.FindStringSubmatch(value)
		if input == nil {
			t.Fatalf("%s: %s is no input", name, value)
		}
		declared := a.Inputs[input[1]]
		given, found := with[input[1]]
		if !found {
			given = declared.Default
		}
		if declared.Required && given == "" {
			t.Fatalf("the input %s is required", input[1])
		}
		taken[input[1]] = true
		env = append(env, name+"="+given)
	}
	for name := range a.Inputs {
		if !taken[name] {
			t.Errorf("the input %s is handed to nobody", name)
		}
	}
	result := acted{outputs: map[string]string{}}
	result.code, result.said = m.shell(t, a.Runs.Steps[0].Run, env...)
	set := map[string]string{}
	for _, line := range lines(file("output")) {
		name, value, _ := strings.Cut(line, "=")
		set[name] = value
	}
	for name, output := range a.Outputs {
		of := outputExpression.FindStringSubmatch(output.Value)
		if of == nil {
			t.Fatalf("%s: %s is no output of the step", name, output.Value)
		}
		result.outputs[name] = set[of[1]]
		delete(set, of[1])
	}
	if len(set) > 0 {
		t.Errorf("outputs of the step that the action has none for: %v", set)
	}
	summary, _ := os.ReadFile(file("summary")) // it need not be there
	result.summary = string(summary)
	if name := result.outputs["json"]; name != "" {
		in, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if result.report, err = evidence.ReadReport(in); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, result.outputs["junit"])
		junit, _ := os.ReadFile(result.outputs["junit"])
		result.failures = strings.Count(string(junit), "<failure")
		result.tested = strings.Count(string(junit), "<testcase")
	}
	return result
}

const (
	rightClient = `curl -fsS -o /dev/null -H "Authorization: Bearer $GORULES_TOKEN" "$BRMS_URL/api/projects"`
	wrongClient = rightClient + "\n" + `curl -sS -o /dev/null -H "Authorization: Bearer $GORULES_TOKEN" -H 'Content-Type: application/json' "$BRMS_URL/api/projects" -d '{"name":7,"key":"shop"}'`
)

// The action's script outside of GitHub, with the variables that GitHub sets.
func TestDocsAction(t *testing.T) {
	built, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	known := filepath.Join(t.TempDir(), "known.json")
	for _, test := range []struct {
		name    string
		with    map[string]string
		code    int
		report  bool
		said    []string
		results int // in the SARIF file
	}{
		{"passes", map[string]string{"command": rightClient, "min-coverage": "0.5"}, 0, true, []string{"\n::notice title=Understudy report::PASSED"}, 0},
		{"fails", map[string]string{"command": wrongClient}, 1, true, []string{"\n::error file=openapi/brms/project.yaml,line=", "(type)::", "FAILED"}, 1},
		{"writes a baseline", map[string]string{"command": wrongClient, "fail-on": "none", "flags": "--write-baseline=" + known + "\n--api=brms"}, 0, true, nil, 1},
		{"has a baseline", map[string]string{"command": wrongClient, "baseline": known}, 0, true, []string{"\n::notice"}, 1},
		{"covers too little", map[string]string{"command": rightClient, "min-coverage": "99"}, 1, true, []string{"::error title=Coverage::"}, 1},
		{"the command fails", map[string]string{"command": rightClient + "\nexit 7"}, 7, true, []string{"ended with 7"}, 0},
		{"a mistake", map[string]string{"command": rightClient, "min-coverage": "much"}, 2, false, []string{"--min-coverage"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.with["binary"] = built
			got := act(t, lend(t, nil, false), test.with)
			verdict := "failed"
			if test.code == 0 {
				verdict = "passed"
			}
			if got.code != test.code || got.outputs["exit-code"] != strconv.Itoa(test.code) || got.outputs["verdict"] != verdict {
				t.Errorf("exit code %d, outputs %v:\n%s", got.code, got.outputs, got.said)
			}
			for _, part := range test.said {
				if !strings.Contains(got.said, part) {
					t.Errorf("it does not say %q:\n%s", part, got.said)
				}
			}
			if !test.report {
				if got.outputs["junit"] != "" || got.summary != "" {
					t.Errorf("there is a report of nothing: %v", got.outputs)
				}
				return
			}
			if percent, err := strconv.ParseFloat(got.outputs["coverage"], 64); err != nil || percent != got.report.Coverage.Percent || percent == 0 {
				t.Errorf("the coverage is %q (%v), %v in the report", got.outputs["coverage"], err, got.report.Coverage.Percent)
			}
			if !strings.Contains(got.summary, "# ") || got.tested == 0 || (got.failures > 0) != (test.code != 0) {
				t.Errorf("%d failures of %d in JUnit, and the summary is %.200s", got.failures, got.tested, got.summary)
			}
			var sarif struct {
				Runs []struct{ Results []any }
			}
			text, err := os.ReadFile(got.outputs["sarif"])
			if err != nil || json.Unmarshal(text, &sarif) != nil || len(sarif.Runs) != 1 || len(sarif.Runs[0].Results) != test.results {
				t.Errorf("SARIF: %v: %.300s", err, text)
			}
			if page, err := os.ReadFile(got.outputs["html"]); err != nil || !strings.Contains(string(page), "<html") {
				t.Errorf("the page: %v", err)
			}
		})
	}
}

// fakeGo is a folder with a go that installs the binary and notes what it was told.
func fakeGo(t *testing.T) (dir string) {
	t.Helper()
	built, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	script := "#!/bin/sh\nset -eu\necho \"$*\" > '" + dir + "/told'\nmkdir -p \"$GOBIN\"\ncp '" + built + "' \"$GOBIN/understudy\"\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

const installed = "install -trimpath github.com/understudy-api/understudy/server/understudy@v1.2.3"

// A version is installed as Go installs it; that it can be had is for the module proxy.
func TestDocsActionOfAVersion(t *testing.T) {
	dir := fakeGo(t)
	got := act(t, lend(t, nil, false), map[string]string{"command": rightClient, "version": "v1.2.3"}, "PATH="+dir+":"+os.Getenv("PATH"))
	if told := lines(filepath.Join(dir, "told")); got.code != 0 || !slices.Equal(told, []string{installed}) {
		t.Errorf("exit code %d, go was told %q:\n%s", got.code, told, got.said)
	}
}

// variable is a variable of a job of GitLab's: a text, or one that is not to be expanded.
type variable struct {
	Value  string `yaml:"value"`
	Expand bool   `yaml:"expand"`
}

// UnmarshalYAML reads both forms.
func (v *variable) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*v = variable{n.Value, true}
		return nil
	}
	type plain variable
	return n.Decode((*plain)(v))
}

// component does what GitLab does with a job of the component.
func component(t *testing.T, m *machine, inputs map[string]string, extra ...string) (code int, said string) {
	t.Helper()
	text, err := os.ReadFile(root + "/templates/understudy.yml")
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(text), "\n---\n")
	var spec struct {
		Spec struct {
			Inputs map[string]struct{ Default *string }
		}
	}
	if err := yaml.Unmarshal([]byte(head), &spec); err != nil {
		t.Fatal(err)
	}
	for name := range inputs {
		if _, known := spec.Spec.Inputs[name]; !known {
			t.Fatalf("the component has no input %q", name)
		}
	}
	body = regexp.MustCompile(`\$\[\[ inputs\.([a-z-]+) \]\]`).ReplaceAllStringFunc(body, func(found string) string {
		name := strings.Fields(found)[1][len("inputs."):]
		value, given := inputs[name]
		if declared, known := spec.Spec.Inputs[name]; !known || !given && declared.Default == nil {
			t.Errorf("%s has no value", found)
		} else if !given {
			value = *declared.Default
		}
		quoted, _ := json.Marshal(value) // a text is JSON
		return string(quoted[1 : len(quoted)-1])
	})
	var jobs map[string]struct {
		Stage, Image string
		Variables    map[string]variable
		Script       []string
		Artifacts    struct {
			Paths   []string
			Reports map[string]string
		}
	}
	if err := yaml.Unmarshal([]byte(body), &jobs); err != nil || len(jobs) != 1 {
		t.Fatalf("%d jobs: %v\n%s", len(jobs), err, body)
	}
	for _, job := range jobs {
		env := append(slices.Clone(extra), "GITLAB_CI=true", "CI=true")
		for name, value := range job.Variables {
			if strings.Contains(value.Value, "$") && value.Expand {
				t.Errorf("%s would be expanded before the shell gets it", name)
			}
			env = append(env, name+"="+value.Value)
		}
		if job.Stage == "" || job.Image == "" || len(job.Script) == 0 {
			t.Errorf("the job is %+v", job)
		}
		code, said = m.shell(t, strings.Join(job.Script, "\n"), env...)
		for _, file := range append(job.Artifacts.Paths, slices.Collect(maps.Values(job.Artifacts.Reports))...) {
			if info, err := os.Stat(filepath.Join(m.dir, file)); err != nil || info.Size() == 0 {
				t.Errorf("no %s (%v)", file, err)
			}
		}
		wellFormed(t, filepath.Join(m.dir, "understudy/junit.xml"))
	}
	return code, said
}

func TestDocsComponent(t *testing.T) {
	dir := fakeGo(t)
	for command, want := range map[string]int{rightClient: 0, wrongClient: 1} {
		code, said := component(t, lend(t, nil, false), map[string]string{"command": command, "version": "v1.2.3"}, "PATH="+dir+":"+os.Getenv("PATH"))
		if told := lines(filepath.Join(dir, "told")); code != want || !slices.Equal(told, []string{installed}) {
			t.Errorf("exit code %d, want %d, go was told %q:\n%s", code, want, told, said)
		}
	}
}

// The workflow of this repository, which uses the action as it is here: it builds.
func TestDocsWorkflow(t *testing.T) {
	text, err := os.ReadFile(root + "/.github/workflows/contract.yml")
	if err != nil {
		t.Fatal(err)
	}
	m := lend(t, nil, false)
	if err := os.CopyFS(filepath.Join(m.dir, "examples"), os.DirFS(root+"/examples")); err != nil {
		t.Fatal(err)
	}
	needs(t, "python3")
	for _, example := range []string{"python", "shell"} {
		var w workflow
		if err := yaml.Unmarshal([]byte(expression.ReplaceAllString(string(text), example)), &w); err != nil {
			t.Fatal(err)
		}
		used := 0
		for _, step := range w.Jobs["examples"].Steps {
			if step.Uses != "./" {
				continue
			}
			used++
			cache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE").Output()
			if err != nil {
				t.Fatal(err)
			}
			dirs := strings.Fields(string(cache))
			got := act(t, m, step.With, "GOCACHE="+dirs[0], "GOMODCACHE="+dirs[1])
			if got.code != 0 || got.outputs["verdict"] != "passed" {
				t.Errorf("%s: exit code %d:\n%s", example, got.code, got.said)
			}
		}
		if used != 1 {
			t.Errorf("the action is used by %d steps", used)
		}
	}
}

// needs skips a test without a program, unless that is to be there.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("UNDERSTUDY_REQUIRE_EXAMPLES") != "" {
			t.Fatal(err)
		}
		t.Skip("*** SKIPPED: ", err)
	}
}
