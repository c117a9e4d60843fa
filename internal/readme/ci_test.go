package readme_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"
)

var (
	marked     = regexp.MustCompile("(?m)^<!-- (ci|file|run|fails): ?(.*?) ?-->\n```[a-z]*\n((?s:.*?))^```$|^<!-- (run|action|component) -->\n```[a-z]+\n((?s:.*?))^```$")
	expression = regexp.MustCompile(`\$\{\{ *matrix\.(\w+) *\}\}`)
)

// snippet is a block of docs/ci.md that is executed.
type snippet struct{ kind, argument, text string }

func snippets(t *testing.T) (list []snippet, files map[string]string) {
	t.Helper()
	text, err := os.ReadFile(root + "/docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	for _, m := range marked.FindAllStringSubmatch(string(text), -1) {
		switch {
		case m[1] == "file":
			files[m[2]] = m[3]
		case m[4] != "":
			list = append(list, snippet{kind: m[4], text: m[5]})
		default:
			list = append(list, snippet{m[1], m[2], m[3]})
		}
	}
	if blocks := strings.Count(string(text), "```yaml\n") + strings.Count(string(text), "```sh\n"); blocks != len(list)+len(files) {
		t.Errorf("docs/ci.md has %d blocks of YAML and sh, %d are marked", blocks, len(list)+len(files))
	}
	return list, files
}

// machine is a runner: a folder with the client's tests, and an environment.
type machine struct {
	dir string
	env []string
}

// lend makes a runner on which git and make work on a stand-in for our repository,
// whose "make build" leaves the binary where ours does.
func lend(t *testing.T, files map[string]string, onPath bool) *machine {
	t.Helper()
	for _, program := range []string{"bash", "curl", "make", "git"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	built, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{dir: t.TempDir()}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := os.Getenv("PATH")
	if onPath {
		path = filepath.Dir(built) + ":" + path
	}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "UNDERSTUDY_") && !strings.HasPrefix(name, "GIT_") && !strings.HasPrefix(name, "MAKE") &&
			!slices.Contains([]string{"PATH", "HOME", "GORULES_TOKEN", "DATAFOLD_API_KEY"}, name) {
			m.env = append(m.env, pair)
		}
	}
	m.env = append(m.env, "PATH="+path, "HOME="+m.dir, "no_proxy=*", "GIT_CONFIG_NOSYSTEM=1")
	return m
}

// source is a folder that builds as our repository does.
func source(t *testing.T, dir string) {
	t.Helper()
	built, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	makefile := "build:\n\tmkdir -p bin && cp '" + built + "' bin/understudy\n"
	if err := os.WriteFile(filepath.Join(dir, "Makefile"), []byte(makefile), 0o644); err != nil {
		t.Fatal(err)
	}
}

// shell runs a script as a runner does and gives its exit code and what it said.
// What it leaves running ends with the test.
func (m *machine) shell(t *testing.T, script string, extra ...string) (int, string) {
	t.Helper()
	said, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = m.dir, append(slices.Clone(m.env), extra...)
	cmd.Stdout, cmd.Stderr = said, said // a pipe would be waited for
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	code := exitCode(t, cmd.Wait())
	text, err := os.ReadFile(said.Name())
	if err != nil {
		t.Fatal(err)
	}
	return code, string(text)
}

// Every snippet of docs/ci.md does what the page says.
func TestDocsCI(t *testing.T) {
	t.Setenv("GITHUB_ACTIONS", "")
	list, files := snippets(t)
	for i, s := range list {
		t.Run(strconv.Itoa(i)+"-"+s.kind, func(t *testing.T) {
			switch s.kind {
			case "action", "component":
				m := lend(t, files, false)
				if err := os.WriteFile(filepath.Join(m.dir, "pipeline.yml"), []byte(s.text), 0o644); err != nil {
					t.Fatal(err)
				}
				pipeline(t, m, "")
			case "ci":
				if s.argument == "github" {
					github(t, s.text, files)
				} else {
					gitlab(t, s.text, files)
				}
			default:
				want := 0
				if s.kind == "fails" {
					want, _ = strconv.Atoi(s.argument)
				}
				code, said := lend(t, files, true).shell(t, "set -u\n"+s.text)
				if code != want {
					t.Errorf("exit code %d, want %d:\n%s", code, want, said)
				}
				if want != 0 {
					for _, part := range []string{"createProject", "/name", "type", "openapi/brms/project.yaml:"} {
						if !strings.Contains(said, part) {
							t.Errorf("no %q in\n%s", part, said)
						}
					}
				}
				t.Log(said)
			}
		})
	}
}

type workflow struct {
	Jobs map[string]struct {
		Needs    string `yaml:"needs"`
		Strategy struct {
			Matrix map[string][]string `yaml:"matrix"`
		} `yaml:"strategy"`
		Steps []struct {
			Uses string            `yaml:"uses"`
			Run  string            `yaml:"run"`
			If   string            `yaml:"if"`
			Env  map[string]string `yaml:"env"`
			With map[string]string `yaml:"with"`
		} `yaml:"steps"`
	} `yaml:"jobs"`
}

// github runs the jobs of a workflow: those that others need first.
func github(t *testing.T, text string, files map[string]string) {
	var probe, w workflow
	if err := yaml.Unmarshal([]byte(text), &probe); err != nil {
		t.Fatal(err)
	}
	artifacts := t.TempDir()
	names := slices.SortedFunc(maps.Keys(probe.Jobs), func(a, b string) int {
		return strings.Compare(probe.Jobs[a].Needs+a, probe.Jobs[b].Needs+b)
	})
	slices.SortStableFunc(names, func(a, b string) int { return len(probe.Jobs[a].Needs) - len(probe.Jobs[b].Needs) })
	for _, name := range names {
		values := []string{""}
		for _, list := range probe.Jobs[name].Strategy.Matrix {
			values = list
		}
		for _, value := range values {
			w = workflow{}
			if err := yaml.Unmarshal([]byte(expression.ReplaceAllString(text, value)), &w); err != nil {
				t.Fatal(err)
			}
			checkout := strings.Contains(text, "path: understudy\n")
			m := lend(t, files, !checkout)
			summary := filepath.Join(m.dir, "summary.md")
			var carried []string
			for _, step := range w.Jobs[name].Steps {
				action, _, _ := strings.Cut(step.Uses, "@")
				switch action {
				case "":
				case "actions/checkout":
					if step.With["path"] != "" {
						source(t, filepath.Join(m.dir, step.With["path"]))
					}
					continue
				case "actions/upload-artifact":
					for file := range strings.FieldsSeq(step.With["path"]) {
						move(t, filepath.Join(m.dir, file), filepath.Join(artifacts, filepath.Base(file)))
					}
					continue
				case "actions/download-artifact":
					if err := os.CopyFS(filepath.Join(m.dir, step.With["path"]), os.DirFS(artifacts)); err != nil {
						t.Fatal(err)
					}
					continue
				case "github/codeql-action/upload-sarif":
					var sarif struct {
						Version string `json:"version"`
					}
					if data, err := os.ReadFile(filepath.Join(m.dir, step.With["sarif_file"])); err != nil || json.Unmarshal(data, &sarif) != nil || sarif.Version != "2.1.0" {
						t.Errorf("no SARIF (%v): %.200s", err, data)
					}
					continue
				case "actions/setup-go":
					continue
				default:
					t.Errorf("an action that is not known: %s", step.Uses)
				}
				env := append(slices.Clone(carried),
					"GITHUB_STEP_SUMMARY="+summary, "GITHUB_PATH="+filepath.Join(m.dir, "github.path"), "GITHUB_ENV="+filepath.Join(m.dir, "github.env"))
				for key, value := range step.Env {
					env = append(env, key+"="+value)
				}
				code, said := m.shell(t, step.Run, env...)
				t.Logf("%s\n%s", step.Run, said)
				if code != 0 {
					t.Fatalf("%s: exit code %d", step.Run, code)
				}
				if paths := lines(filepath.Join(m.dir, "github.path")); len(paths) > 0 {
					carried = append(carried, "PATH="+strings.Join(paths, ":")+":"+os.Getenv("PATH"))
				}
				carried = append(carried, lines(filepath.Join(m.dir, "github.env"))...)
			}
			if strings.Contains(fmt.Sprint(w.Jobs[name].Steps), "GITHUB_STEP_SUMMARY") {
				if data, err := os.ReadFile(summary); err != nil || !strings.Contains(string(data), "#") {
					t.Errorf("no summary (%v): %s", err, data)
				}
			}
			wellFormed(t, filepath.Join(m.dir, "junit.xml"))
		}
	}
}

// gitlab runs a job: its scripts are one shell's.
func gitlab(t *testing.T, text string, files map[string]string) {
	var jobs map[string]struct {
		Variables map[string]string `yaml:"variables"`
		Before    []string          `yaml:"before_script"`
		Script    []string          `yaml:"script"`
		Artifacts struct {
			Paths   []string          `yaml:"paths"`
			Reports map[string]string `yaml:"reports"`
		} `yaml:"artifacts"`
	}
	if err := yaml.Unmarshal([]byte(text), &jobs); err != nil {
		t.Fatal(err)
	}
	for name, job := range jobs {
		m := lend(t, files, false)
		repository := filepath.Join(t.TempDir(), "repository")
		source(t, repository)
		if code, said := m.shell(t, "cd '"+repository+"' && git init -q && git add . && git -c user.name=n -c user.email=e@example.com commit -qm m"); code != 0 {
			t.Fatal(said)
		}
		var env []string
		for key := range job.Variables {
			env = append(env, key+"="+repository)
		}
		code, said := m.shell(t, strings.Join(append(job.Before, job.Script...), "\n"), env...)
		t.Logf("%s\n%s", name, said)
		if code != 0 {
			t.Errorf("%s: exit code %d", name, code)
		}
		for _, file := range append(job.Artifacts.Paths, slices.Collect(maps.Values(job.Artifacts.Reports))...) {
			if info, err := os.Stat(filepath.Join(m.dir, file)); err != nil || info.Size() == 0 {
				t.Errorf("%s: no %s (%v)", name, file, err)
			}
		}
		wellFormed(t, filepath.Join(m.dir, "junit.xml"))
	}
}

func wellFormed(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		return // not every job writes one
	}
	var suites struct {
		Suites []struct{} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(data, &suites); err != nil || len(suites.Suites) == 0 {
		t.Errorf("%s: %v", file, err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Error(err)
	}
}

func lines(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}
