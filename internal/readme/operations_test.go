package readme_test

import (
	"debug/elf"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/server/app"
)

var operationBlock = regexp.MustCompile("(?m)^<!-- ops: (backup|restore|postgres|admin|health|background) -->\n```sh\n((?s:.*?))^```$")

// operationScripts are the commands of docs/operations.md, by what they are about.
func operationScripts(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(root + "/docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	scripts := map[string]string{}
	blocks := operationBlock.FindAllStringSubmatch(string(text), -1)
	for _, b := range blocks {
		scripts[b[1]] += b[2]
	}
	if all := strings.Count(string(text), "```sh\n"); all != len(blocks) || len(scripts) != 6 {
		t.Fatalf("%d blocks of sh, %d are marked", all, len(blocks))
	}
	return scripts
}

// SQLite: a backup of a server that runs, put in place of a file that went on, is
// what there was when it was made.
func TestDocsBackupSQLite(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		if os.Getenv("UNDERSTUDY_REQUIRE_SQLITE3") != "" {
			t.Fatal(err)
		}
		t.Skip("*** SKIPPED: ", err)
	}
	scripts := operationScripts(t)
	m := lend(t, nil, true)
	store := "sqlite:" + filepath.Join(m.dir, "state.db")
	run := func(script string) string {
		code, said := m.shell(t, script)
		if code != 0 {
			t.Fatalf("exit code %d:\n%s\n%s", code, script, said)
		}
		return said
	}
	s := start(t, "--addr", "127.0.0.1:0", "--store", store)
	makeProject(t, s.url, "before")
	if said := run(scripts["backup"]); !strings.Contains(said, "ok") {
		t.Errorf("the backup is not whole: %s", said)
	}
	makeProject(t, s.url, "after")
	if err := s.Process.Kill(); err != nil { // it leaves a log behind
		t.Fatal(err)
	}
	_ = s.Wait()
	for _, backup := range []string{"backup.db", "compact.db"} {
		run(strings.ReplaceAll(scripts["restore"], "backup.db", backup))
		s = start(t, "--addr", "127.0.0.1:0", "--store", store)
		if keys := projectKeys(t, s.url); !strings.Contains(keys, `"before"`) || strings.Contains(keys, `"after"`) {
			t.Errorf("restored from %s: %s", backup, keys)
		}
		makeProject(t, s.url, "after")
		if code := s.stop(t); code != 0 {
			t.Errorf("exit code %d: %s", code, s.stderr.String())
		}
		// Stopped, the file is all there is.
		if _, err := os.Stat(filepath.Join(m.dir, "state.db-wal")); err == nil {
			t.Error("the log is still there")
		}
	}
}

// PostgreSQL: the commands of the page, one after the other, do what it says.
func TestDocsOperatePostgres(t *testing.T) {
	cluster := pgtest.NewCluster(t)
	config, err := pgx.ParseConfig(cluster.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	m := lend(t, nil, true)
	code, said := m.shell(t, "set -u\n"+operationScripts(t)["postgres"],
		"PATH="+filepath.Dir(built)+":"+cluster.Bin()+":"+os.Getenv("PATH"),
		"PGHOST="+config.Host, "PGPORT="+strconv.Itoa(int(config.Port)), "PGUSER="+config.User, "PGDATABASE=", "PGSSLMODE=disable")
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	if n := strings.Count(said, `"key":"kept"`); n != 4 {
		t.Errorf("the project is seen %d times:\n%s", n, said)
	}
}

// The administrator: what the page does with the secret that a server made.
func TestDocsOperateAdmin(t *testing.T) {
	m := lend(t, nil, true)
	if code, said := m.shell(t, "set -eu\n"+operationScripts(t)["admin"]); code != 0 || !strings.Contains(said, "403") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
}

// Health checks, and a server in the background: what the page does.
func TestDocsOperateAtHand(t *testing.T) {
	m := lend(t, nil, true)
	if code, said := m.shell(t, "set -eu\n"+operationScripts(t)["health"]); code != 0 || !strings.Contains(said, "nobody can serve there") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	code, said := m.shell(t, "set -eu\n"+operationScripts(t)["background"], "XDG_RUNTIME_DIR="+t.TempDir())
	for _, part := range []string{", ready\n", "1 request", "stopped default\n"} {
		if code != 0 || !strings.Contains(said, part) {
			t.Errorf("exit code %d, and it does not say %q:\n%s", code, part, said)
		}
	}
}

// What the file refers to is there, the settings are the server's own, and the proxy
// knows the replicas.
func TestDocsCompose(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Build       string
			Image       string
			Command     []string
			Environment map[string]string
			Ports       []string
			Volumes     []string
			DependsOn   any `yaml:"depends_on"`
			Configs     []struct{ Source, Target string }
			Healthcheck struct{ Test []string }
		}
		Volumes map[string]any
		Configs map[string]struct{ Content string }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	proxy := file.Configs["proxy"].Content
	replicas := 0
	for name, s := range file.Services {
		if s.Image == "" {
			t.Errorf("%s has no image", name)
		}
		for _, other := range dependencies(s.DependsOn) {
			if _, ok := file.Services[other]; !ok {
				t.Errorf("%s depends on %q", name, other)
			}
		}
		for _, volume := range s.Volumes {
			if source, _, _ := strings.Cut(volume, ":"); !slices.Contains(slices.Collect(maps.Keys(file.Volumes)), source) {
				t.Errorf("%s: no volume %q", name, source)
			}
		}
		for _, c := range s.Configs {
			if file.Configs[c.Source].Content == "" || c.Target == "" {
				t.Errorf("%s: no config %q", name, c.Source)
			}
		}
		if s.Build == "" {
			continue
		}
		replicas++
		if _, err := os.Stat(filepath.Join(root, "docs", s.Build, "Dockerfile")); err != nil {
			t.Error(err)
		}
		env := map[string]string{}
		for variable, value := range s.Environment {
			env[variable] = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(value, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
		}
		if len(s.Command) == 0 || s.Command[0] != "serve" {
			t.Fatalf("%s: command %q", name, s.Command)
		}
		config, err := app.ParseConfig(s.Command[1:], func(n string) string { return env[n] }, io.Discard)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		knownVariables(t, name, env)
		if !strings.HasPrefix(config.Store, "postgres://") || file.Services[env["PGHOST"]].Image == "" {
			t.Errorf("%s: the store is %s on %q", name, config.Store, env["PGHOST"])
		}
		if want := name + ":" + config.Addr[strings.LastIndexByte(config.Addr, ':')+1:]; !strings.Contains(proxy, want) {
			t.Errorf("the proxy has no %s:\n%s", want, proxy)
		}
	}
	if replicas != 2 || !strings.Contains(proxy, "/_understudy/health/ready") {
		t.Errorf("%d replicas behind\n%s", replicas, proxy)
	}
}

// dependencies are the names of a depends_on, in either of its forms.
func dependencies(v any) (names []string) {
	switch v := v.(type) {
	case []any:
		for _, name := range v {
			names = append(names, fmt.Sprint(name))
		}
	case map[string]any:
		names = slices.Collect(maps.Keys(v))
	}
	return names
}

// knownVariables holds settings in an environment to those that the server has.
func knownVariables(t *testing.T, where string, env map[string]string) {
	t.Helper()
	known := map[string]bool{}
	flags(t, func(f *flag.Flag) { known[app.EnvName("serve", f.Name)] = true })
	for variable := range env {
		if strings.HasPrefix(variable, "UNDERSTUDY_") && !known[variable] {
			t.Errorf("%s: there is no %s", where, variable)
		}
	}
}

// The image is made of what is there, with the Go of go.mod, by the target that
// leaves the binary where it is taken from.
func TestDocsDockerfile(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	module, makefile := read("go.mod"), read("Makefile")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(module)
	env := map[string]string{}
	stages := 0
	var entry, command, check, user string
	for line := range strings.Lines(read("Dockerfile")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		fields := strings.Fields(rest)
		switch word {
		case "", "#", "WORKDIR", "EXPOSE":
		case "USER":
			user = rest
		case "HEALTHCHECK":
			_, check, _ = strings.Cut(rest, "CMD ")
		case "FROM":
			stages++
			if stages == 1 && (version == nil || fields[0] != "golang:"+version[1]) {
				t.Errorf("built with %s, go.mod wants %q", fields[0], version)
			}
		case "COPY":
			if strings.HasPrefix(fields[0], "--from=") {
				break
			}
			for _, source := range fields[:len(fields)-1] {
				if _, err := os.Stat(filepath.Join(root, source)); err != nil {
					t.Error(err)
				}
			}
		case "RUN":
			if target, ok := strings.CutPrefix(rest, "make "); ok && !strings.Contains(makefile, "\n"+target+":\n\tCGO_ENABLED=0 $(GO) build -trimpath -o bin/understudy ./server/understudy\n") {
				t.Errorf("%s: no static binary at bin/understudy comes of it", rest)
			}
		case "ENV":
			name, value, _ := strings.Cut(rest, "=")
			env[name] = value
		case "ENTRYPOINT":
			entry = rest
		case "CMD":
			command = rest
		default:
			t.Errorf("unknown to this test: %s", line)
		}
	}
	if entry != `["/understudy"]` || command != `["serve"]` || stages != 2 {
		t.Errorf("runs %s %s, made in %d stages", entry, command, stages)
	}
	if root, _, _ := strings.Cut(user, ":"); check != `["/understudy", "health"]` || root == "" || root == "0" || root == "root" {
		t.Errorf("it is checked by %s and runs as %q", check, user)
	}
	knownVariables(t, "Dockerfile", env)
	if _, err := app.ParseConfig(nil, func(n string) string { return env[n] }, io.Discard); err != nil {
		t.Error(err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	// FROM scratch: nothing that the binary could be linked to is there.
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the binary needs %q (%v)", libraries, err)
	}
}

func makeProject(t *testing.T, url, key string) {
	t.Helper()
	body := strings.NewReader(`{"name":"Backup","key":"` + key + `"}`)
	answered(t, http.MethodPost, url, body)
}

func projectKeys(t *testing.T, url string) string {
	t.Helper()
	return answered(t, http.MethodGet, url, nil)
}

// answered asks for the projects, or makes one.
func answered(t *testing.T, method, url string, body io.Reader) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url+"/api/projects", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer backup")
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s (%v)", method, response.StatusCode, text, err)
	}
	return string(text)
}
