package command

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const tenMistakes = "../seed/testdata/ten-mistakes.yaml"

// A workspace goes from one server to another by file, and back the same.
func TestSeed(t *testing.T) {
	from, stopFrom := serves(t)
	defer stopFrom()
	to, stopTo := serves(t)
	defer stopTo()
	send(http.MethodPost, from+"/api/projects", "Bearer "+markedToken, `{"name":"Fees","key":"fees"}`)
	dir := t.TempDir()
	does := func(code int, env string, args ...string) *process {
		t.Helper()
		p := understudy(t, dir, append([]string{"seed"}, args...)...)
		p.Env = append(p.Env, env)
		if got := p.does(t); got != code {
			t.Errorf("%v: exit code %d, want %d:\n%s%s", args, got, code, p.stdout.String(), p.stderr.String())
		}
		if strings.Contains(p.stdout.String()+p.stderr.String(), markedToken) {
			t.Errorf("%v: the credential is said", args)
		}
		return p
	}
	text := does(0, "UNDERSTUDY_TOKEN="+markedToken, "export", "--url", from).stdout.String()
	wants(t, text, "key: fees")
	does(0, "", "export", "--url", from, "--token", markedToken, "--output", "world.yaml")
	does(0, "", "check", "world.yaml")
	told := does(0, "", "apply", "world.yaml", "--url", to+"/", "--token", markedToken)
	wants(t, told.stdout.String(), "seeded: workspaces 1, resources 1, faults 0")
	if again := does(0, "UNDERSTUDY_URL="+to, "export", "--token", markedToken).stdout.String(); again != text {
		t.Errorf("%s\nbecame\n%s", text, again)
	}
	// A sub-workspace is another.
	if sub := does(0, "", "export", "--url", to, "--token", markedToken, "--workspace", "sub").stdout.String(); strings.Contains(sub, "fees") {
		t.Error(sub)
	}
	does(0, "", "apply", "--url", to, "--token", markedToken, "--workspace", "sub", "world.yaml")
	wants(t, does(0, "", "export", "--url", to, "--token", markedToken, "--workspace", "sub").stdout.String(), "key: fees")
}

// What stands in files beside a seed goes along when it is applied.
func TestSeedWithFiles(t *testing.T) {
	url, stop := serves(t)
	defer stop()
	dir := t.TempDir()
	const text = "workspaces:\n  - brms:\n      projects:\n        - name: Fees\n          documents:\n            - {name: fees, content: {file: fees.json}}\n"
	for name, content := range map[string]string{
		"world.yaml": text, "fees.json": `{"nodes":[],"edges":[]}`, "broken.yaml": strings.Replace(text, "fees.json", "lost.json", 1),
		"twice.yaml": text + "  - brms: {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{0, "", []string{"check", "world.yaml"}},
		{0, "seeded: workspaces 1, resources 2", []string{"apply", "--url", url, "--token", "of-files", "world.yaml"}},
		{0, "nodes", []string{"export", "--url", url, "--token", "of-files"}},
		{1, `broken.yaml:6:44: There is no file "lost.json" beside the seed.`, []string{"check", "broken.yaml"}},
		{1, `broken.yaml:6:44: There is no file "lost.json" beside the seed.`, []string{"apply", "--url", url, "--token", "of-files", "broken.yaml"}},
		{1, "twice.yaml:7:5: ", []string{"apply", "--url", url, "--token", "of-files", "twice.yaml"}}, // which only the server finds
	} {
		p := understudy(t, dir, append([]string{"seed"}, c.args...)...)
		if code := p.does(t); code != c.code || !strings.Contains(p.stdout.String(), c.want) {
			t.Errorf("%v: exit code %d, %s%s", c.args, code, p.stdout.String(), p.stderr.String())
		}
	}
}

// Every mistake is told in one line with its place, by a server and without one.
func TestSeedMistakes(t *testing.T) {
	url, stop := serves(t)
	defer stop()
	text, err := os.ReadFile(tenMistakes)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "ten.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	check := func(args ...string) string {
		t.Helper()
		p := understudy(t, dir, append([]string{"seed"}, args...)...)
		if code := p.does(t); code != exitFailed {
			t.Errorf("%v: exit code %d: %s", args, code, p.stderr.String())
		}
		told := strings.Split(strings.TrimSuffix(p.stdout.String(), "\n"), "\n")
		if len(told) != 10 {
			t.Fatalf("%v: %d lines:\n%s", args, len(told), p.stdout.String())
		}
		for i, line := range told {
			var at, column int
			if _, err := fmt.Sscanf(line, "ten.yaml:%d:%d: ", &at, &column); err != nil || !strings.Contains(lines[at-1], fmt.Sprintf("# %d:", i+1)) {
				t.Errorf("%s (%v)", line, err)
			}
		}
		return p.stdout.String()
	}
	offline := check("check", "ten.yaml")
	if online := check("apply", "--url", url, "--token", "ten-mistakes", "ten.yaml"); online != offline {
		t.Errorf("%s\nbut offline\n%s", online, offline)
	}
}

// Mistakes in the command line, and servers that are none.
func TestSeedUsage(t *testing.T) {
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte(r.Header.Get("Authorization")))
	}))
	defer odd.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "world.yaml"), []byte("workspaces: [{}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		code int
		says string
		args []string
	}{
		{2, `want "export", "apply" or "check"`, nil},
		{2, `want "export", "apply" or "check"`, []string{markedToken}},
		{0, "understudy seed apply [flags] FILE", []string{"-h"}},
		{0, "--token", []string{"export", "-h"}},
		{0, "Usage: understudy seed check", []string{"check", "-h"}},
		{2, "--token: want", []string{"export"}},
		{2, "--token: want", []string{"apply", "world.yaml", "--token", "a b"}},
		{2, "--url: want", []string{"export", "--token", "a", "--url", "http://user:" + markedToken + "@host"}},
		{2, "--workspace: want", []string{"export", "--token", "a", "--workspace", "a b"}},
		{2, "takes no arguments", []string{"export", "--token", "a", markedToken}},
		{2, "want one file", []string{"apply", "--token", "a"}},
		{2, "want one file", []string{"apply", "--token", "a", "world.yaml", "b"}},
		{2, "none.yaml", []string{"apply", "--token", "a", "none.yaml"}},
		{2, "want the files", []string{"check"}},
		{2, "none.yaml", []string{"check", "world.yaml", "none.yaml"}},
		{2, "there is no flag --x", []string{"check", "-x"}},
		{1, "418", []string{"export", "--token", markedToken, "--url", odd.URL}},
		{1, "418", []string{"apply", "--token", markedToken, "--url", odd.URL, "world.yaml"}},
		{1, "no answer", []string{"export", "--token", markedToken, "--url", "http://127.0.0.1:1"}},
	} {
		p := understudy(t, dir, append([]string{"seed"}, test.args...)...)
		code := p.does(t)
		if out := p.stdout.String() + p.stderr.String(); code != test.code || !strings.Contains(out, test.says) || strings.Contains(out, markedToken) {
			t.Errorf("%v: exit code %d, want %d and %q:\n%s", test.args, code, test.code, test.says, out)
		}
	}
}

// The commands of docs/seeds.md, with the first seed that it shows.
func TestSeedDocs(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile("../../docs/seeds.md")
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile("(?s)<!-- seed -->\n```yaml\n(.*?)```").FindSubmatch(text)
	commands := regexp.MustCompile("(?s)<!-- run -->\n```sh\n(.*?)```").FindAllSubmatch(text, -1)
	if first == nil || len(commands) != 1 || strings.Count(string(text), "```sh\n") != 1 {
		t.Fatal("docs/seeds.md shows no seed, or not one block of commands")
	}
	url, stop := serves(t)
	defer stop()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for line := range strings.Lines(string(commands[0][1])) {
		if strings.HasPrefix(line, "understudy serve ") { // one runs already
			p := understudy(t, dir, append(strings.Fields(line)[1:], "--max-body", "0")...)
			if code := p.does(t); code != exitUsage || !strings.Contains(p.stderr.String(), "--max-body") {
				t.Errorf("%s: %d %s", line, code, p.stderr.String())
			}
			continue
		}
		steps = append(steps, line)
	}
	for name, text := range map[string]string{
		"understudy": "#!/bin/sh\nexec '" + self + "' understudy \"$@\"\n",
		"world.yaml": string(first[1]),
		"steps":      "set -e\n" + strings.Join(steps, ""),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), bash, "steps")
	run.Dir = dir
	run.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "UNDERSTUDY_URL=" + url}
	if out, err := run.CombinedOutput(); err != nil || strings.Count(string(out), "seeded: workspaces 1, resources 3") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	again, err := os.ReadFile(filepath.Join(dir, "again.yaml"))
	if err != nil || !strings.Contains(string(again), "kind: rate-lookup") {
		t.Errorf("%v\n%s", err, again)
	}
}
