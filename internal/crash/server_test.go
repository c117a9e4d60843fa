package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-api/understudy/internal/pgtest"
)

// patience bounds every wait; nothing waits for as long.
const patience = time.Minute

var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "understudy-crash"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer os.RemoveAll(scratch)
	pgtest.Main(m)
}

// binary is the program that UNDERSTUDY_CRASH_BINARY names, or one that is built
// once, as "make build" does.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("UNDERSTUDY_CRASH_BINARY"); path != "" {
		return path, nil
	}
	path := filepath.Join(scratch, "understudy")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-buildvcs=false", "-o", path,
		"github.com/understudy-api/understudy/server/understudy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// server is a process that serves, or is about to.
type server struct {
	cmd    *exec.Cmd
	url    string
	stderr lockedText
}

// lockedText keeps what a process writes.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// launch starts a process and waits for nothing. stdout is closed with it.
func launch(t *testing.T, store string) (s *server, stdout io.Reader) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	// The tests' own context ends before their clean-up begins.
	s = &server{cmd: exec.CommandContext(context.WithoutCancel(t.Context()), path, "serve", "--log-requests=false",
		"--addr", "127.0.0.1:0", "--store", store, "--log-level", "warn",
		"--store-key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")}
	s.cmd.Dir = scratch
	s.cmd.Stderr = &s.stderr
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "UNDERSTUDY_") {
			s.cmd.Env = append(s.cmd.Env, pair)
		}
	}
	stdout, err = s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return s, stdout
}

// start starts a process and waits until it listens.
func start(t *testing.T, store string) *server {
	t.Helper()
	s, stdout := launch(t, store)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, listens := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !listens {
		s.kill()
		t.Fatalf("it does not start: %q, %v: %s", line, err, s.stderr.String())
	}
	s.url = url
	return s
}

// kill ends the process as a kill -9 does, and waits until nothing is left of it.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // "signal: killed"
}

// stop asks the process to end and says how it did.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		return errors.Join(err, errors.New(s.stderr.String()))
	}
	return nil
}
