package command

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// backstage is a user of servers in the background, with a folder of their own.
type backstage struct{ dir string }

func newBackstage(t *testing.T) *backstage {
	t.Helper()
	b := &backstage{dir: t.TempDir()}
	t.Cleanup(func() { // the test's own context has ended by then
		p := understudy(t, b.dir)
		last := exec.CommandContext(context.Background(), p.Path, "understudy", "stop", "--all")
		last.Env = slices.Concat(p.Env, []string{"XDG_RUNTIME_DIR=" + b.dir})
		if out, err := last.CombinedOutput(); err != nil {
			t.Errorf("stop: %v\n%s", err, out)
		}
	})
	return b
}

// does runs the program, wants an exit code, and gives what was said.
func (b *backstage) does(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	p := understudy(t, b.dir, args...)
	p.Env = append(p.Env, "XDG_RUNTIME_DIR="+b.dir)
	if got := p.does(t); got != code {
		t.Errorf("%q: exit code %d, want %d:\n%s%s", args, got, code, &p.stdout, &p.stderr)
	}
	return p.stdout.String(), p.stderr.String()
}

func (b *backstage) file(name string) string { return filepath.Join(b.dir, "understudy", name) }

func (b *backstage) state(t *testing.T, name string) state {
	t.Helper()
	text, err := os.ReadFile(b.file(name + ".server.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// A server in the background, from its start to its end.
func TestBackground(t *testing.T) {
	b := newBackstage(t)
	if err := os.WriteFile(filepath.Join(b.dir, "world.yaml"), []byte("workspaces:\n  - brms:\n      projects:\n        - {name: Fees, key: fees}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	printed, _ := b.does(t, 0, "start", "--env", "--seed", "world.yaml")
	variables := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^export ([A-Z_]+)=(\S+)$`).FindAllStringSubmatch(printed, -1) {
		variables[found[1]] = found[2]
	}
	s := b.state(t, "default")
	if variables["BRMS_URL"] != s.URL || variables["DATAFOLD_HOST"] != s.URL || variables["GORULES_TOKEN"] != s.Secret || variables["GORULES_PROJECT_ID"] == "" {
		t.Errorf("the variables are %v", variables)
	}
	// The seed's workspace is that of the secret that was printed.
	if status := send(http.MethodGet, s.URL+"/api/projects/"+variables["GORULES_PROJECT_ID"], "Bearer "+s.Secret, ""); status != http.StatusOK {
		t.Errorf("the project of the seed: %d", status)
	}
	again, _ := b.does(t, 0, "env")
	if again != printed {
		t.Errorf("env prints %q, start printed %q", again, printed)
	}
	dotenv, _ := b.does(t, 0, "env", "--format", "dotenv")
	wants(t, dotenv, "UNDERSTUDY_URL="+s.URL+"\n")
	b.does(t, 0, "health", "--url", s.URL)
	_, said := b.does(t, 1, "start")
	wants(t, said, "a server named default runs already")
	told, _ := b.does(t, 0, "report", "--url", s.URL, "--all-workspaces")
	wants(t, told, "1 request")

	shown, _ := b.does(t, 0, "status")
	wants(t, shown, "default: "+s.URL+", process ", ", ready\n", b.file("default.log"))
	secrets := []string{s.Secret}
	admin, err := os.ReadFile(b.file("default.url.admin"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(b.file("default.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range append(secrets, strings.TrimSpace(string(admin))) {
		if strings.Contains(shown, secret) || strings.Contains(string(log), secret) {
			t.Error("a secret is shown")
		}
	}
	for name, mode := range map[string]fs.FileMode{"": 0o700, "default.server.json": 0o600, "default.url.admin": 0o600, "default.log": 0o600, "default.lock": 0o600} {
		if info, err := os.Stat(b.file(name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
	// Nobody reads it off a command line either.
	if line, err := os.ReadFile("/proc/" + itoa(s.PID) + "/cmdline"); err == nil && strings.Contains(string(line), s.Secret) {
		t.Error("a secret is on the command line")
	}

	stopped, _ := b.does(t, 0, "stop")
	if stopped != "stopped default\n" {
		t.Errorf("it says %q", stopped)
	}
	if status := send(http.MethodGet, s.URL+"/api/projects", "Bearer x", ""); status != -1 {
		t.Errorf("it answers still: %d", status)
	}
	entries, err := os.ReadDir(b.file(""))
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	if !slices.Equal(left, []string{"default.lock", "default.log"}) {
		t.Errorf("it leaves %q", left)
	}
	b.does(t, 0, "stop")
	b.does(t, 1, "env")
	b.does(t, 1, "status")
	b.does(t, 1, "status", "--name", "default")
	b.does(t, 1, "health", "--url", s.URL)
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// What ended without a word is not taken for running, and whoever has its number now is
// left alone.
func TestBackgroundAfterAKill(t *testing.T) {
	b := newBackstage(t)
	b.does(t, 0, "start", "--name", "killed")
	s := b.state(t, "killed")
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for held := true; held; {
		var err error
		if held, err = isLocked(b.file("killed.lock")); err != nil {
			t.Fatal(err)
		}
	}
	bystander := exec.CommandContext(t.Context(), "sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = bystander.Process.Kill()
		_ = bystander.Wait()
	}()
	s.PID = bystander.Process.Pid
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.file("killed.server.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.does(t, 1, "status", "--name", "killed")
	said, _ := b.does(t, 0, "stop", "--name", "killed")
	if said != "no server named killed runs\n" {
		t.Errorf("it says %q", said)
	}
	if err := bystander.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("another process was ended: %v", err)
	}
	if _, err := os.Stat(b.file("killed.server.json")); err == nil {
		t.Error("what the server left is still there")
	}
	b.does(t, 0, "start", "--name", "killed")
}

// A server that cannot start says why.
func TestBackgroundThatCannotStart(t *testing.T) {
	b := newBackstage(t)
	_, said := b.does(t, 1, "start", "--store", "sqlite:"+filepath.Join(b.dir, "no", "such", "folder", "x.db"))
	wants(t, said, "no such file or directory", "the server ended before it could serve")
	for _, args := range [][]string{
		{"start", "--name", "../x"},
		{"start", "x"},
		{"start", "--enforce", "never"},
		{"stop", "--name", ""},
		{"env", "--format", "xml"},
		{"health", "--addr", "127.0.0.1:0"},
		{"health", "--url", "ftp://x"},
		{"detached-server"},
	} {
		b.does(t, 2, args...)
	}
}

// A health check finds the server by the variable that the server has its address from.
func TestHealthByAddress(t *testing.T) {
	b := newBackstage(t)
	b.does(t, 0, "start")
	_, port, _ := strings.Cut(strings.TrimPrefix(b.state(t, "default").URL, "http://"), ":")
	for _, addr := range []string{"0.0.0.0:" + port, ":" + port, "127.0.0.1:" + port} {
		p := understudy(t, b.dir, "health", "--live")
		p.Env = append(p.Env, "UNDERSTUDY_ADDR="+addr)
		if code := p.does(t); code != 0 {
			t.Errorf("%s: exit code %d: %s", addr, code, &p.stderr)
		}
	}
	if err := syscall.Kill(b.state(t, "default").PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, said := b.does(t, 1, "health", "--addr", "127.0.0.1:"+port, "--timeout", (50 * time.Millisecond).String())
	wants(t, said, "does not answer")
	if err := syscall.Kill(b.state(t, "default").PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
