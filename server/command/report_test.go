package command

import (
	"bufio"
	"flag"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/evidence/render"
)

// serves is "understudy serve", and where.
func serves(t *testing.T, args ...string) (url string, stop func()) {
	t.Helper()
	p := understudy(t, t.TempDir(), append([]string{"serve", "--addr", "127.0.0.1:0", "--store", "memory"}, args...)...)
	p.Stdout = nil
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%q (%v): %s", line, err, p.stderr.String())
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), func() {
		_ = p.Process.Signal(syscall.SIGTERM)
		if code := codeOf(t, p.Wait()); code != 0 {
			t.Errorf("serve: exit code %d: %s", code, p.stderr.String())
		}
	}
}

// A report of a server that runs, in every form, of one workspace and of all.
func TestReport(t *testing.T) {
	url, stop := serves(t)
	defer stop()
	send(http.MethodPost, url+"/api/projects", "Bearer "+markedToken, `{"name":"Fees","key":"fees"}`)
	send(http.MethodPost, url+"/api/projects", "Bearer other", `{"name":7,"key":"k"}`)
	dir := t.TempDir()
	report := func(code int, env string, args ...string) *process {
		t.Helper()
		p := understudy(t, dir, append([]string{"report"}, args...)...)
		p.Env = append(p.Env, env)
		if got := p.does(t); got != code {
			t.Errorf("%v: exit code %d, want %d:\n%s%s", args, got, code, p.stdout.String(), p.stderr.String())
		}
		if strings.Contains(p.stdout.String()+p.stderr.String(), markedToken) {
			t.Errorf("%v: the token is said:\n%s%s", args, p.stdout.String(), p.stderr.String())
		}
		return p
	}
	own := report(0, "", "--url", url, "--token", markedToken)
	wants(t, own.stdout.String(), "POST /api/projects", "datafold was not called")
	report(1, "UNDERSTUDY_TOKEN=other", "--url", url)
	report(0, "UNDERSTUDY_URL="+url, "--token", markedToken, "--fail-on=inferred")
	report(1, "UNDERSTUDY_ALL_WORKSPACES=true", "--url", url+"/")
	report(0, "UNDERSTUDY_FAIL_ON=none", "--url", url, "--all-workspaces")

	args := []string{"--url", url, "--token", markedToken, "--coverage-of", "all"}
	for _, format := range render.Formats() {
		args = append(args, "--output", format+"="+format+".out")
	}
	report(0, "", args...)
	for _, format := range render.Formats() {
		data, err := os.ReadFile(filepath.Join(dir, format+".out"))
		if err != nil || (len(data) == 0 && format != "github") {
			t.Errorf("%s: %d bytes (%v)", format, len(data), err)
		}
	}
	if r := reportIn(t, filepath.Join(dir, "json.out")); r.Coverage.Of != "all" || r.Requests != 1 || r.Workspaces != 1 {
		t.Errorf("%+v", r.Coverage)
	}
	if p := report(0, "", "--url", url, "--token", markedToken, "--output", "table.txt"); p.stdout.Len() > 0 {
		t.Errorf("it is in the file: %s", p.stdout.String())
	}
	if p := report(0, "", "--url", url, "--token", markedToken, "--output", "json=-"); !strings.HasPrefix(p.stdout.String(), "{") {
		t.Errorf("%s", p.stdout.String())
	}
}

// With an admin token nobody else gets the report over all workspaces.
func TestReportAdmin(t *testing.T) {
	url, stop := serves(t, "--admin-token", markedToken)
	defer stop()
	for token, code := range map[string]int{markedToken: 0, "": 2, "another": 2} {
		p := understudy(t, t.TempDir(), "report", "--all-workspaces", "--allow-no-requests", "--url", url)
		p.Env = append(p.Env, "UNDERSTUDY_TOKEN="+token)
		if got := p.does(t); got != code {
			t.Errorf("exit code %d, want %d: %s", got, code, p.stderr.String())
		}
		if strings.Contains(p.stdout.String()+p.stderr.String(), markedToken) {
			t.Error("the token is said")
		}
	}
}

// Without an admin token the server makes one, which its own user's commands find: beside
// the file of its URL, or where servers of the user leave it.
func TestReportMadeSecret(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "u")
	url, stop := serves(t, "--url-file", file)
	port := url[strings.LastIndex(url, ":"):]
	left := filepath.Join(runtimeDir, "understudy", "local-"+port[1:]+".admin")
	if info, err := os.Stat(left); err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	for _, c := range []struct {
		runtimeDir string
		args       []string
		code       int
	}{
		{runtimeDir, []string{"--url", url}, 0},
		{runtimeDir, []string{"--url", "http://localhost" + port}, 0},
		{dir, []string{"--url-file", file}, 0},
		{dir, []string{"--url", url}, 2},
		{dir, []string{"--url", url, "--token", "a-tenant-of-no-account"}, 2},
		{runtimeDir, []string{"--url", url, "--admin-token", "not-the-administrator"}, 2},
		{dir, []string{"--url-file", file + "x"}, 2},
	} {
		p := understudy(t, dir, append([]string{"report", "--all-workspaces", "--fail-on", "none", "--allow-no-requests"}, c.args...)...)
		p.Env = append(p.Env, "XDG_RUNTIME_DIR="+c.runtimeDir)
		if got := p.does(t); got != c.code {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, got, c.code, p.stderr.String())
		}
	}
	stop()
	for _, name := range []string{left, file + ".admin"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s outlives the server", name)
		}
	}
}

// What keeps a report from being had is told in one line, without the secret.
func TestNoReport(t *testing.T) {
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/refuses"):
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"detail":"Not for you"}`)
		case strings.HasPrefix(r.URL.Path, "/page"):
			_, _ = io.WriteString(w, "<html>"+r.Header.Get("Authorization"))
		case strings.HasPrefix(r.URL.Path, "/echo"):
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, r.Header.Get("Authorization"))
		default:
			_, _ = io.WriteString(w, "{}")
		}
	}))
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	defer odd.Close()
	for url, says := range map[string]string{
		odd.URL + "/refuses": "403 Forbidden: Not for you",
		odd.URL + "/page":    "not a report",
		odd.URL + "/echo":    "502 Bad Gateway",
		odd.URL:              "not a report",
		gone.URL:             "connection refused",
	} {
		p := understudy(t, t.TempDir(), "report", "--url", url, "--token", markedToken)
		code := p.does(t)
		said := p.stderr.String()
		if code != 2 || p.stdout.Len() > 0 || strings.Count(said, "\n") != 1 || strings.Contains(said, markedToken) || !strings.Contains(said, says) {
			t.Errorf("%s: exit code %d, %s%s", url, code, p.stdout.String(), said)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		says string
	}{
		{"report", "--token"},
		{"report " + markedToken, "takes no arguments"},
		{"report --url ftp://h --token t", "--url"},
		{"report --url http://me:" + markedSecret + "@h --token t", "--url"},
		{"report --token t --format xml", `--format "xml"`},
		{"report --token t --output junti=a.xml", `--output "junti=a.xml"`},
		{"report --token t --output a.txt --output b.txt", "--output"},
		{"report --token t --output json=a --output html=a", "twice"},
		{"report --token t --fail-on warnings", `--fail-on "warnings"`},
		{"report --token t --coverage-of some", `--coverage-of "some"`},
		{"report --token t --min-coverage 101", "--min-coverage"},
		{"report --token t --min-coverage NaN", "--min-coverage"},
		{"report --token t --min-coverage half", "min-coverage"},
		{"report --token t --operations ,", "operations"},
		{"run", "understudy run --"},
		{"run --", "understudy run --"},
		{"run --store nowhere -- true", "--store"},
		{"run --format xml -- true", "--format"},
		{"run --no-such-flag -- true", "no-such-flag"},
		{"run --addr 127.0.0.1:1:1 -- true", "--addr"},
		{"report merge", "merge"},
	} {
		p := understudy(t, t.TempDir(), strings.Fields(c.args)...)
		code := p.does(t)
		said := p.stderr.String()
		if code != 2 || p.stdout.Len() > 0 || strings.Count(said, "\n") != 1 || !strings.Contains(said, c.says) ||
			strings.Contains(said, markedToken) || strings.Contains(said, markedSecret) {
			t.Errorf("%s: exit code %d\n%s%s", c.args, code, p.stdout.String(), said)
		}
	}
	for _, args := range []string{"report -h", "report merge -h", "run -h", "serve -h", "help"} {
		p := understudy(t, t.TempDir(), strings.Fields(args)...)
		p.Env = append(p.Env, "UNDERSTUDY_TOKEN="+markedToken)
		if code := p.does(t); code != 0 || p.stderr.Len() > 0 || !strings.Contains(p.stdout.String(), "Usage: understudy") || strings.Contains(p.stdout.String(), markedToken) {
			t.Errorf("%s: exit code %d\n%s%s", args, code, p.stdout.String(), p.stderr.String())
		}
	}
}

// No secret is in any form of the report, in the baseline or in what is said.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	flags := []string{"--fail-on", "inferred", "--write-baseline", "known.json", "--log-level", "debug", "--enforce", "report"}
	for _, format := range render.Formats() {
		flags = append(flags, "--output", format+"="+format+".out")
	}
	p := runs(t, dir, flags, "secrets", "keep", "break", "break-inferred")
	p.Env = append(p.Env, "GORULES_TOKEN="+markedToken, "DATAFOLD_API_KEY="+markedKey, "UNDERSTUDY_ADMIN_TOKEN="+markedSecret)
	if code := p.does(t); code != 1 {
		t.Errorf("exit code %d:\n%s", code, p.stderr.String())
	}
	written := map[string]string{"what is said": p.stdout.String() + p.stderr.String()}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(render.Formats())+1 {
		t.Fatalf("%d files (%v)", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		written[file.Name()] = string(data)
		if !strings.Contains(html.UnescapeString(string(data)), "base_url") {
			t.Errorf("%s does not tell of the violation:\n%.3000s", file.Name(), data)
		}
	}
	for name, text := range written {
		for _, secret := range []string{markedToken, markedKey, markedSecret} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %s", name, secret)
			}
		}
	}
}

// Every flag can be set in the environment, and a flag that is given wins.
func TestReportEnvironment(t *testing.T) {
	values := map[string][2]string{
		"all-workspaces":    {"true", "false"},
		"allow-no-requests": {"true", "false"},
		"api":               {"brms,datafold", "brms"},
		"fail-on-unserved":  {"true", "false"},
		"baseline":          {"a", "b"},
		"coverage-of":       {"all", "published"},
		"fail-on":           {"none", "inferred"},
		"format":            {"json", "html"},
		"min-coverage":      {"12.5", "7"},
		"operations":        {"brms:*,datafold:*", "one"},
		"output":            {"json=a.json,html=b.html", "c"},
		"token":             {"first", "second"},
		"url":               {"http://a", "http://b"},
		"write-baseline":    {"a", "b"},
		"admin-token":       {"first", "second"},
		"url-file":          {"a", "b"},
	}
	Flags("report").VisitAll(func(f *flag.Flag) {
		value, known := values[f.Name]
		if !known {
			t.Errorf("--%s: give the test values", f.Name)
			return
		}
		for _, c := range []struct {
			args []string
			want string
		}{
			{nil, value[0]},
			{[]string{"--" + f.Name + "=" + value[1]}, value[1]},
		} {
			fs, _, _ := reportFlags()
			if err := app.ParseFlags(fs, "", c.args, func(name string) string {
				if name == app.EnvName("report", f.Name) {
					return value[0]
				}
				return ""
			}, io.Discard); err != nil {
				t.Errorf("--%s: %v", f.Name, err)
			}
			if got := fs.Lookup(f.Name).Value.String(); got != c.want {
				t.Errorf("%s=%s and %v give %q", app.EnvName("report", f.Name), value[0], c.args, got)
			}
		}
	})
	// "run" has all of "serve" and all that judges a report.
	run := Flags("run")
	for _, command := range []string{"serve", "report merge"} {
		Flags(command).VisitAll(func(f *flag.Flag) {
			if run.Lookup(f.Name) == nil {
				t.Errorf("run has no --%s", f.Name)
			}
		})
	}
}
