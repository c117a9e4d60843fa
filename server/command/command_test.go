package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/evidence"
)

// The test binary is also the program under test and the clients that it runs.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "understudy":
			beforeWord = os.Args[1:2]
			os.Exit(Main(os.Args[2:]))
		case "client":
			os.Exit(client(os.Args[2:]))
		}
	}
	var err error
	if runtimeDir, err = os.MkdirTemp("", "understudy-command"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(runtimeDir)
	os.Exit(code)
}

// runtimeDir is where servers leave what others of their user are to find.
var runtimeDir string

// What no output may hold.
const (
	markedToken  = "marked-token-5f1e"
	markedKey    = "marked-key-77ab"
	markedSecret = "marked-secret-c0de"
)

// client does what its arguments say, one after the other, and gives an exit code.
func client(acts []string) int {
	brms := func(method, path, token, body string) int {
		return send(method, os.Getenv("BRMS_URL")+path, "Bearer "+token, body)
	}
	token, key := os.Getenv("GORULES_TOKEN"), os.Getenv("DATAFOLD_API_KEY")
	for _, act := range acts {
		switch act {
		case "keep":
			if status := brms(http.MethodPost, "/api/projects", token, `{"name":"Fees","key":"fees"}`); status != http.StatusOK {
				return 90
			}
			if status := brms(http.MethodGet, "/api/projects", token, ""); status != http.StatusOK {
				return 91
			}
		case "break": // a published or documented rule, and does not mind the answer
			brms(http.MethodPost, "/api/projects", token, `{"name":7,"key":"fees"}`)
		case "break-inferred":
			if status := brms(http.MethodGet, "/api/projects?wholly=undeclared", token, ""); status != http.StatusOK {
				return 92
			}
		case "workers":
			var group sync.WaitGroup
			for i := range 8 {
				group.Go(func() {
					for j := range 5 {
						brms(http.MethodPost, "/api/projects", fmt.Sprintf("worker-%d", i), fmt.Sprintf(`{"name":"n","key":"key-%d"}`, j))
					}
				})
			}
			group.Wait()
		case "secrets":
			for _, body := range []string{
				`{"name":"L","base_url":"https://l.example.com","client_id":"i","client_secret":"` + markedSecret + `","repo_id":1}`,
				`{"name":"L","base_url":7,"client_id":"i","client_secret":"` + markedSecret + `","repo_id":"x"}`,
				`{"name":"L","base_url":"https://l.example.com","client_id":"i","client_secret":["` + markedSecret + `"],"repo_id":1}`,
			} {
				send(http.MethodPost, os.Getenv("DATAFOLD_HOST")+"/api/v1/lineage/bi/looker/", "Key "+key, body)
			}
			send(http.MethodGet, os.Getenv("BRMS_URL")+"/api/projects", "Basic "+markedSecret, "")
		case "environment":
			for _, name := range []string{"UNDERSTUDY_URL", "BRMS_URL", "GORULES_URL", "DATAFOLD_HOST", "UNDERSTUDY_TOKEN", "GORULES_TOKEN", "DATAFOLD_API_KEY", "UNDERSTUDY_ADMIN_TOKEN", "UNDERSTUDY_STORE", "GORULES_API_URL", "GORULES_API_KEY", "DATAFOLD_APIKEY", "GORULES_PROJECT_ID", "NO_PROXY"} {
				fmt.Println(os.Getenv(name))
			}
		case "lists-one":
			if status := brms(http.MethodGet, "/api/projects/"+os.Getenv("GORULES_PROJECT_ID"), token, ""); status != http.StatusOK {
				return 93
			}
		case "wrong-path":
			brms(http.MethodGet, "/api/project", token, "")
		case "unserved":
			send(http.MethodGet, os.Getenv("DATAFOLD_HOST")+"/api/v1/monitors", "Key "+key, "")
		case "expected":
			send(http.MethodPost, os.Getenv("BRMS_URL")+"/api/projects", "Bearer "+token, `{"name":7,"key":"fees"}`, "Understudy-Expect", "violation")
		case "expected-in-vain":
			send(http.MethodPost, os.Getenv("BRMS_URL")+"/api/projects", "Bearer "+token, `{"name":"a","key":"abc"}`, "Understudy-Expect", "violation", "Understudy-Test", "orders/wrong")
		case "echo":
			_, _ = io.Copy(os.Stdout, os.Stdin)
			fmt.Fprintln(os.Stderr, "to standard error")
		case "seven":
			return 7
		}
	}
	return 0
}

func send(method, url, authorization, body string, headers ...string) int {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return -1
	}
	request.Header.Set("Authorization", authorization)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return -1
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

// process is the program with its arguments, in a folder of its own, away from
// any terminal.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

func understudy(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), self, append([]string{"understudy"}, args...)...)}
	p.Stdout, p.Stderr, p.Dir = &p.stdout, &p.stderr, dir
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.Env = append(p.Env, "GORACE=atexit_sleep_ms=0") // the race detector would wait a second at each end
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "UNDERSTUDY_") && name != "GORULES_TOKEN" && name != "DATAFOLD_API_KEY" && name != "XDG_RUNTIME_DIR" {
			p.Env = append(p.Env, pair)
		}
	}
	p.Env = append(p.Env, "XDG_RUNTIME_DIR="+runtimeDir)
	return p
}

// does runs it and gives the exit code.
func (p *process) does(t *testing.T) int {
	t.Helper()
	return codeOf(t, p.Run())
}

func codeOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// runs is "understudy run FLAGS -- a client that does the acts".
func runs(t *testing.T, dir string, flags []string, acts ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return understudy(t, dir, append(append(append([]string{"run"}, flags...), "--", self, "client"), acts...)...)
}

func wants(t *testing.T, said string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("no %q in\n%s", part, said)
		}
	}
}

func reportIn(t *testing.T, file string) *evidence.Report {
	t.Helper()
	r, err := readReport(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
		acts  []string
		code  int
		says  []string
	}{
		{"kept", nil, []string{"keep"}, 0, []string{"POST /api/projects", "PASSED"}},
		{"nothing", nil, []string{"nothing"}, 1, []string{"FAILED: no request was made"}},
		{"nothing, allowed", []string{"--allow-no-requests"}, []string{"nothing"}, 0, []string{"PASSED: no request was made"}},
		{"broken", nil, []string{"keep", "break"}, 1, []string{"createProject", "/name", "type", "openapi/brms/project.yaml:"}},
		{"broken, no table", []string{"--format", "json", "--output", "r.json"}, []string{"break"}, 1, []string{"POST /api/projects: body /name: type: ", "(openapi/brms/project.yaml:"}},
		{"broken, none", []string{"--fail-on", "none"}, []string{"break"}, 0, []string{"/name"}},
		{"inferred", nil, []string{"keep", "break-inferred"}, 0, []string{"wholly", "GET /api/projects"}},
		{"inferred counts", []string{"--fail-on", "inferred"}, []string{"keep", "break-inferred"}, 1, []string{"wholly"}},
		{"elsewhere", []string{"--operations", "datafold:*"}, []string{"break"}, 1, []string{"no request was made for the operations that are selected, and 1 request for others"}},
		{"elsewhere, allowed", []string{"--api", "datafold", "--allow-no-requests"}, []string{"break"}, 0, []string{"1 request left out"}},
		{"a path near what is selected", []string{"--operations", "brms:*Project*"}, []string{"keep", "wrong-path"}, 1, []string{"GET /api/project", "unknownPath"}},
		{"not served here", nil, []string{"keep", "unserved"}, 0, []string{"NOT SERVED HERE", "GET /api/v1/monitors"}},
		{"not served here, to fail", []string{"--fail-on-unserved"}, []string{"keep", "unserved"}, 3, []string{"NOT SERVED HERE"}},
		{"expected", nil, []string{"keep", "expected"}, 0, []string{"EXPECTED", "1 kind of violation"}},
		{"expected and not met", nil, []string{"keep", "expected-in-vain"}, 1, []string{"Understudy-Expect", "orders/wrong"}},
		{"too little", []string{"--min-coverage", "99"}, []string{"keep"}, 1, []string{"99"}},
		{"too little, no table", []string{"--min-coverage", "99", "--format", "json"}, []string{"keep"}, 1, []string{"understudy: FAILED: the coverage of ", " is below the 99 % asked for"}},
		{"enough", []string{"--min-coverage", "1"}, []string{"keep"}, 0, nil},
		{"the command's code", nil, []string{"break", "seven"}, 7, []string{"FAILED: the command ended with 7, and the contract is broken", "/name"}},
		{"the command's code alone", nil, []string{"keep", "seven"}, 7, []string{"FAILED: the command ended with 7 (the contract was kept)."}},
		{"no such operation", []string{"--operations", "brms:nothing"}, []string{"keep"}, 2, []string{`"brms:nothing"`}},
		{"no such folder", []string{"--output", "nowhere/r.json"}, []string{"keep"}, 2, []string{"nowhere/r.json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := runs(t, t.TempDir(), c.flags, c.acts...)
			if code := p.does(t); code != c.code {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, p.stderr.String())
			}
			wants(t, p.stderr.String(), c.says...)
			if p.stdout.Len() > 0 {
				t.Errorf("standard output is the command's: %s", p.stdout.String())
			}
		})
	}
}

// Eight workers, each with a key of its own, are one report.
func TestWorkers(t *testing.T) {
	dir := t.TempDir()
	p := runs(t, dir, []string{"--output", "json=r.json"}, "workers")
	if code := p.does(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, p.stderr.String())
	}
	r := reportIn(t, filepath.Join(dir, "r.json"))
	if r.Workspaces != 8 || r.Requests != 40 || len(r.Violations) != 0 {
		t.Errorf("%d workspaces, %d requests, %v", r.Workspaces, r.Requests, r.Violations)
	}
	for i := range r.Operations {
		if op := &r.Operations[i]; op.ID == "createProject" && op.Requests != 40 {
			t.Errorf("%d of 40 counted", op.Requests)
		}
	}
}

// The command has our terminal, and an environment that leads to the server.
func TestRunCommand(t *testing.T) {
	p := runs(t, t.TempDir(), []string{"--allow-no-requests"}, "echo")
	p.Stdin = strings.NewReader("through\n")
	if code := p.does(t); code != 0 || p.stdout.String() != "through\n" {
		t.Errorf("exit code %d, %q\n%s", code, p.stdout.String(), p.stderr.String())
	}
	wants(t, p.stderr.String(), "to standard error\n")

	p = runs(t, t.TempDir(), []string{"--allow-no-requests"}, "environment")
	p.Env = append(p.Env, "BRMS_URL=https://elsewhere.example.com", "DATAFOLD_API_KEY="+markedKey, "UNDERSTUDY_STORE=memory", "HTTP_PROXY=http://127.0.0.1:1", "NO_PROXY=internal.example.com")
	if code := p.does(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, p.stderr.String())
	}
	got := strings.Split(p.stdout.String(), "\n")
	if !strings.HasPrefix(got[0], "http://127.0.0.1:") || got[1] != got[0] || got[2] != got[0] || got[3] != got[0] {
		t.Errorf("the server is at %q", got[:4])
	}
	if len(got[4]) < 20 || got[5] != got[4] || got[6] != markedKey {
		t.Errorf("the secrets are %q", got[4:7])
	}
	if got[7] != "" || got[8] != "" || got[9] != got[0] || got[10] != got[4] || got[11] != got[4] || got[12] != "" {
		t.Errorf("the administrator's secret, the store and the others are %q", got[7:])
	}
	if want := "internal.example.com,127.0.0.1,localhost,::1"; got[13] != want {
		t.Errorf("NO_PROXY is %q, want %q", got[13], want)
	}
	if strings.Contains(p.stderr.String(), got[4]) {
		t.Errorf("the secret is said:\n%s", p.stderr.String())
	}
}

// The workspace of a seed is the run's, whether it names a credential or not.
func TestRunSeed(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"own.yaml": "  - credential: my-token\n", "runs.yaml": "  -"} {
		text = "workspaces:\n" + text + "    brms:\n      projects:\n        - {name: Fees, key: fees}\n"
		if name == "runs.yaml" {
			text = strings.Replace(text, "  -    brms", "  - brms", 1)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := runs(t, dir, []string{"--allow-no-requests", "--seed", name}, "environment")
		if code := p.does(t); code != 0 {
			t.Fatalf("%s: exit code %d:\n%s", name, code, p.stderr.String())
		}
		got := strings.Split(p.stdout.String(), "\n")
		if len(got[12]) != 36 || got[4] == "" || (got[4] == "my-token") != (name == "own.yaml") {
			t.Errorf("%s: secret %q, project %q", name, got[4], got[12])
		}
		p = runs(t, dir, []string{"--seed", name}, "lists-one")
		if code := p.does(t); code != 0 {
			t.Errorf("%s: the client sees no project: exit code %d:\n%s", name, code, p.stderr.String())
		}
	}
}

// What is wrong with a command line is told, and what is wanted; a secret is not.
func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		code int
		says string
		env  string
		args []string
	}{
		{0, "understudy ", "", []string{"--version"}},
		{0, "Usage: understudy run", "", []string{"help", "run"}},
		{0, "--seed FILE  (UNDERSTUDY_SEED)", "", []string{"help", "serve"}},
		{0, "--seed NUMBER  (UNDERSTUDY_VERIFY_SEED)", "", []string{"verify", "-h"}},
		{0, "openapi/brms/project.yaml:", "", []string{"document", "brms#/paths/~1api~1projects/get"}},
		{0, "openapi: 3.0.3", "", []string{"document", "brms"}},
		{2, "want one of brms, datafold", "", []string{"document", "nobody"}},
		{2, "there is nothing at", "", []string{"document", "brms#/nowhere"}},
		{2, `perhaps "serve" is meant`, "", []string{"sevre"}},
		{2, "there is no flag --port: perhaps --addr is meant", "", []string{"serve", "--port", "1"}},
		{2, "--max-body \"1MB\": want a whole number", "", []string{"serve", "--max-body", "1MB"}},
		{2, "--min-coverage \"abc\": want a number", "", []string{"run", "--min-coverage", "abc"}},
		{2, "--validate-responses=false", "", []string{"serve", "--validate-responses", "false"}},
		{2, "UNDERSTUDY_VALIDATE_RESPONSES=\"no\": want true or false", "UNDERSTUDY_VALIDATE_RESPONSES=no", []string{"serve"}},
		{2, "--auth (not shown): want", "UNDERSTUDY_AUTH=Bearer " + markedSecret, []string{"serve"}},
		{2, "its ending says no form", "", []string{"run", "--output", "report.out", "--", "true"}},
		{2, "--seed: open nothing.yaml", "", []string{"run", "--seed", "nothing.yaml", "--", "true"}},
		{0, "perhaps UNDERSTUDY_STORE is meant", "UNDERSTUDY_STOER=memory", []string{"version"}},
	} {
		p := understudy(t, t.TempDir(), c.args...)
		p.Env = append(p.Env, c.env)
		code := p.does(t)
		said := p.stdout.String() + p.stderr.String()
		if code != c.code || !strings.Contains(said, c.says) || strings.Contains(said, markedSecret) {
			t.Errorf("%v: exit code %d, want %d and %q:\n%.2000s", c.args, code, c.code, c.says, said)
		}
		for line := range strings.Lines(said) {
			if strings.HasPrefix(c.says, "Usage") && len(line) > 101 {
				t.Errorf("%v: more than 100 columns: %s", c.args, line)
			}
		}
	}
}

func TestNotStarted(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"plain": "#!/bin/sh\n", "no-program": "exit 0\n"} {
		mode := os.FileMode(0o644)
		if name == "no-program" {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		command string
		code    int
		says    string
	}{
		{"./nothing", 127, "./nothing: not found"},
		{"no-such-program-anywhere", 127, "no-such-program-anywhere: not found"},
		{"./plain", 126, "./plain: not executable"},
		{"./no-program", 126, "./no-program: no program"},
	} {
		p := understudy(t, dir, "run", "--", c.command)
		if code := p.does(t); code != c.code || strings.Count(p.stderr.String(), "\n") != 1 {
			t.Errorf("%s: exit code %d:\n%s", c.command, code, p.stderr.String())
		}
		wants(t, p.stderr.String(), c.says)
	}
}

// Signals are the command's, and what it started gets them as well. The report
// comes when it has ended.
func TestSignals(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		script string
		code   int
	}{
		{"ends by it", syscall.SIGTERM, `echo ready; exec sleep 60`, 143},
		{"what it runs ends too", syscall.SIGTERM, `echo ready; sleep 60; exit 0`, 143},
		{"interrupt", syscall.SIGINT, `echo ready; exec sleep 60`, 130},
		// What it starts says that it is ready: until then it has the trap of the shell, and
		// would pass over the signal.
		{"cleans up", syscall.SIGTERM, `trap 'echo cleaned; exit 3' TERM; sh -c 'echo ready; exec sleep 60' & wait`, 3},
		{"takes no notice", syscall.SIGINT, `trap '' INT; echo ready; sleep 1; echo done`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := understudy(t, t.TempDir(), "run", "--allow-no-requests", "--", "sh", "-c", c.script)
			p.Stdout = nil
			out, err := p.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			word := make([]byte, 6)
			if _, err := io.ReadFull(out, word); err != nil || string(word) != "ready\n" {
				t.Fatalf("%q (%v)\n%s", word, err, p.stderr.String())
			}
			if err := p.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			rest, _ := io.ReadAll(out) // until nothing has it open: also what the command started
			if code := codeOf(t, p.Wait()); code != c.code {
				t.Errorf("exit code %d, want %d: %s\n%s", code, c.code, rest, p.stderr.String())
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
			wants(t, p.stderr.String(), map[bool]string{true: "PASSED: ", false: "FAILED: the command "}[c.code == 0])
		})
	}
}

func TestKnownViolations(t *testing.T) {
	dir := t.TempDir()
	baseline := filepath.Join(dir, "known.json")
	step := func(code int, flags []string, acts ...string) string {
		t.Helper()
		p := runs(t, dir, flags, acts...)
		if got := p.does(t); got != code {
			t.Errorf("%v %v: exit code %d, want %d:\n%s", flags, acts, got, code, p.stderr.String())
		}
		return p.stderr.String()
	}
	step(1, []string{"--write-baseline", "known.json"}, "break", "break-inferred")
	first, err := os.ReadFile(baseline)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, string(first), `"operation": "brms:createProject"`, `"rule": "type"`, `"pointer": "/name"`, `"operation": "brms:listProjects"`)
	step(1, []string{"--write-baseline", "known.json"}, "break-inferred", "break")
	if again, err := os.ReadFile(baseline); err != nil || !bytes.Equal(first, again) {
		t.Errorf("the baseline is another (%v):\n%s\n%s", err, first, again)
	}
	step(0, []string{"--baseline", "known.json", "--fail-on", "inferred"}, "break", "break-inferred")
	if said := step(1, []string{"--baseline", "known.json"}, "secrets"); strings.Contains(said, "fixed, no longer met: brms:createProject") {
		t.Errorf("what was not called is not known to be mended:\n%s", said)
	}
	wants(t, step(0, []string{"--baseline", "known.json"}, "keep"), "fixed, no longer met: brms:createProject type /name (")
	if said := step(0, []string{"--baseline", "known.json", "--operations", "datafold:*", "--allow-no-requests"}, "keep"); strings.Contains(said, "fixed") {
		t.Errorf("what is left out is no concern:\n%s", said)
	}
	wants(t, step(2, []string{"--baseline", "nothing.json"}, "keep"), "--baseline", "nothing.json")
	if err := os.WriteFile(baseline, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, step(2, []string{"--baseline", "known.json"}, "keep"), "known.json: not a baseline")
}

func TestMergeCommand(t *testing.T) {
	dir := t.TempDir()
	for name, acts := range map[string][]string{"a.json": {"keep"}, "b.json": {"break"}} {
		if p := runs(t, dir, []string{"--fail-on", "none", "--format", "json", "--output", name}, acts...); p.does(t) != 0 {
			t.Fatal(p.stderr.String())
		}
	}
	p := understudy(t, dir, "report", "merge", "a.json", "b.json", "--output", "json=all.json")
	if code := p.does(t); code != 1 {
		t.Errorf("exit code %d:\n%s", code, p.stderr.String())
	}
	wants(t, p.stdout.String(), "createProject", "/name")
	all := reportIn(t, filepath.Join(dir, "all.json"))
	a, b := reportIn(t, filepath.Join(dir, "a.json")), reportIn(t, filepath.Join(dir, "b.json"))
	if all.Requests != a.Requests+b.Requests || all.Coverage.Total != a.Coverage.Total || all.Coverage.Covered < a.Coverage.Covered || len(all.Operations) != len(a.Operations) {
		t.Errorf("%d requests, %+v of %+v and %+v", all.Requests, all.Coverage, a.Coverage, b.Coverage)
	}
	for _, c := range []struct {
		code int
		args []string
	}{
		{0, []string{"a.json"}},
		{0, []string{"--fail-on", "none", "a.json", "b.json"}},
		{1, []string{"a.json", "--operations", "datafold:*", "b.json", "--format=json"}},
		{0, []string{"a.json", "--operations", "datafold:*", "--allow-no-requests", "b.json", "--format=json"}},
		{1, []string{"a.json", "--min-coverage", "100"}},
		{2, nil},
		{2, []string{"nothing.json"}},
		{2, []string{"a.json", "--no-such-flag"}},
		{2, []string{"--", "a.json", "--format", "json"}},
	} {
		p := understudy(t, dir, append([]string{"report", "merge"}, c.args...)...)
		if code := p.does(t); code != c.code {
			t.Errorf("%v: exit code %d, want %d:\n%s", c.args, code, c.code, p.stderr.String())
		}
	}
}
