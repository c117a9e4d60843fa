package readme_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait; nothing waits for as long.
const patience = 30 * time.Second

// binary builds the program once, as "make build" does.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "understudy")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, root+"/server/understudy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "understudy-readme"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}())
}

// command is the binary with arguments, in an environment without settings of
// ours and in a folder of its own.
func command(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), path, args...)
	cmd.Dir = tb.TempDir()
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "UNDERSTUDY_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	return cmd
}

// server is a process that serves.
type server struct {
	*exec.Cmd
	url    string   // as printed
	lines  []string // the first lines of standard output
	stderr bytes.Buffer
}

// start runs "understudy serve" with the arguments and waits until it says that
// it listens.
func start(tb testing.TB, args ...string) *server {
	tb.Helper()
	s := &server{Cmd: command(tb, append([]string{"serve"}, args...)...)}
	s.Stderr = &s.stderr
	stdout, err := s.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = s.Process.Kill()
		_ = s.Wait()
	})
	out := bufio.NewScanner(stdout)
	for len(s.lines) < 2 && out.Scan() {
		s.lines = append(s.lines, out.Text())
	}
	if len(s.lines) < 2 {
		_ = s.Wait()
		tb.Fatalf("did not start: %s", s.stderr.String())
	}
	var listening bool
	if s.url, listening = strings.CutPrefix(s.lines[0], "listening on "); !listening {
		tb.Fatalf("said %q", s.lines[0])
	}
	return s
}

// stop asks the process to end and gives its exit code.
func (s *server) stop(tb testing.TB) int {
	tb.Helper()
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		tb.Fatal(err)
	}
	return exitCode(tb, s.Wait())
}

func exitCode(tb testing.TB, err error) int {
	tb.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		tb.Fatal(err)
	}
	return exit.ExitCode()
}

// What is printed and what stands in the file is the URL that answers.
func TestDocsURL(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	s := start(t, "--addr", "127.0.0.1:0", "--store", "memory", "--url-file", file)
	host, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	if err != nil || host != "127.0.0.1" || port == "0" {
		t.Errorf("listens on %s", s.url)
	}
	if want := "try: curl -H 'Authorization: Bearer my-token' " + s.url + "/api/projects"; s.lines[1] != want {
		t.Errorf("said %q, want %q", s.lines[1], want)
	}
	waitFor(t, "the file", func() bool { _, err := os.Stat(file); return err == nil })
	written, err := os.ReadFile(file)
	if err != nil || string(written) != s.url+"\n" {
		t.Errorf("the file holds %q (%v), want %s", written, err, s.url)
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}
}

// A script that waits for the file finds a server that answers at once: at the
// first sight of the file the first request is served.
func TestDocsURLFileMeansReady(t *testing.T) {
	for range 3 {
		file := filepath.Join(t.TempDir(), "url")
		cmd := command(t, "serve", "--addr", "127.0.0.1:0", "--store", "memory", "--url-file", file)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var url []byte
		waitFor(t, "the file", func() (found bool) {
			var err error
			url, err = os.ReadFile(file)
			return err == nil
		})
		if status := get(t, strings.TrimSpace(string(url))+"/_understudy/health/ready"); status != http.StatusOK {
			t.Errorf("the first request is answered with %d", status)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// A server that cannot listen says so, and writes no file.
func TestDocsPortTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file := filepath.Join(t.TempDir(), "url")
	cmd := command(t, "serve", "--addr", listener.Addr().String(), "--store", "memory", "--url-file", file)
	out, err := cmd.CombinedOutput()
	if code := exitCode(t, err); code != 1 || strings.Count(string(out), "\n") != 1 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file was written (%v)", err)
	}
}

// A request that has begun when the process is asked to end is answered, what it
// wrote is kept, and the process ends without an error.
func TestDocsTerminateFinishesRequests(t *testing.T) {
	store := "sqlite:" + filepath.Join(t.TempDir(), "state.db")
	s := start(t, "--addr", "127.0.0.1:0", "--store", store)
	address := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	body := `{"name":"Late","key":"late"}`
	fmt.Fprintf(conn, "POST /api/projects HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer late\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", address, len(body))
	answer := bufio.NewReader(conn)
	// The server asks for the body: from here on the request is being served.
	if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("%q (%v), want 100", line, err)
	}
	if _, err := answer.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the port to close", func() bool {
		other, err := net.Dial("tcp", address)
		if err == nil {
			_ = other.Close()
		}
		return err != nil
	})
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if code := exitCode(t, s.Wait()); code != 0 {
		t.Errorf("exit code %d: %s", code, s.stderr.String())
	}

	s = start(t, "--addr", "127.0.0.1:0", "--store", store)
	request, err := http.NewRequest(http.MethodGet, s.url+"/api/projects", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer late")
	response, err = http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if list, err := io.ReadAll(response.Body); err != nil || !bytes.Contains(list, []byte(`"key":"late"`)) {
		t.Errorf("after a restart: %s (%v)", list, err)
	}
}

// A mistake in the command line or the environment is told in one line, with
// exit code 2; help is no mistake.
func TestDocsExitCodes(t *testing.T) {
	for _, c := range []struct {
		args  []string
		env   string
		code  int
		lines int // of standard error; -1 for a page
	}{
		{args: []string{"serve", "--addr", "nowhere"}, code: 2, lines: 1},
		{args: []string{"serve", "--no-such-flag"}, code: 2, lines: 1},
		{args: []string{"serve", "extra"}, code: 2, lines: 1},
		{args: []string{"serve"}, env: "UNDERSTUDY_MAX_BODY=lots", code: 2, lines: 1},
		{args: []string{"serve", "-h"}},
		{args: []string{"version"}},
		{args: []string{"help"}},
		{args: []string{"no-such-command"}, code: 2, lines: -1},
		{args: nil, code: 2, lines: -1},
	} {
		cmd := command(t, c.args...)
		cmd.Env = append(cmd.Env, c.env)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		code := exitCode(t, cmd.Run())
		lines := strings.Count(stderr.String(), "\n")
		if code != c.code || (c.lines >= 0 && lines != c.lines) || (c.lines < 0 && lines < 3) {
			t.Errorf("%v %s: exit code %d, standard error:\n%s", c.args, c.env, code, stderr.String())
		}
		if (code == 0) != (stdout.Len() > 0) {
			t.Errorf("%v %s: exit code %d, standard output:\n%s", c.args, c.env, code, stdout.String())
		}
	}
}

// BenchmarkStart is the time from starting the binary to its first answer.
func BenchmarkStart(b *testing.B) {
	for _, store := range []string{"memory", "sqlite:understudy.db"} {
		b.Run(strings.TrimSuffix(store, ":understudy.db"), func(b *testing.B) {
			command(b, "version") // builds the binary
			for b.Loop() {
				s := start(b, "--addr", "127.0.0.1:0", "--store", store)
				if status := get(b, s.url+"/api/health"); status != http.StatusOK {
					b.Fatalf("status %d", status)
				}
				b.StopTimer()
				s.stop(b)
				b.StartTimer()
			}
		})
	}
}

func get(tb testing.TB, url string) int {
	tb.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		tb.Fatal(err)
	}
	return response.StatusCode
}

// waitFor asks every millisecond.
func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited too long for %s", what)
		case <-tick.C:
		}
	}
}
