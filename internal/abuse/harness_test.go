package abuse_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// full says that the attacks are as large as they get: "make abuse".
var full = os.Getenv("UNDERSTUDY_ABUSE") == "full"

// size is how large an attack is.
func size(short, atFull int) int {
	if full {
		return atFull
	}
	return short
}

// patience bounds every wait; nothing waits for as long.
const patience = time.Minute

const mebibyte = 1 << 20

var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "understudy-abuse"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// binary is the program that UNDERSTUDY_ABUSE_BINARY names, or one that is built once,
// as "make build" does.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("UNDERSTUDY_ABUSE_BINARY"); path != "" {
		return path, nil
	}
	path := filepath.Join(scratch, "understudy")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-buildvcs=false", "-o", path,
		"github.com/understudy-api/understudy/server/understudy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// server is the program, serving from a folder of its own with the default settings.
type server struct {
	t      testing.TB
	cmd    *exec.Cmd
	dir    string // holds the store, the file of the URL and nothing else
	url    string
	log    lockedText
	client *http.Client
	ended  chan struct{}
	err    error // how it ended
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

// start serves a SQLite file with the flags given besides. It ends with the test.
func start(t testing.TB, flags ...string) *server {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("*** SKIPPED: NO /proc: WHAT AN ATTACK COSTS IS NOT MEASURED ***")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: t.TempDir(), ended: make(chan struct{})}
	urlFile := filepath.Join(s.dir, "url")
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), path, append([]string{
		"serve", "--addr", "127.0.0.1:0", "--store", "sqlite:" + filepath.Join(s.dir, "state.db"),
		"--url-file", urlFile,
	}, flags...)...)
	s.cmd.Dir, s.cmd.Stderr = s.dir, &s.log
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "UNDERSTUDY_") && !strings.HasPrefix(pair, "GOGC=") && !strings.HasPrefix(pair, "GOMEMLIMIT=") {
			s.cmd.Env = append(s.cmd.Env, pair)
		}
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	s.url = strings.TrimPrefix(strings.TrimSpace(line), "listening on ")
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(s.kill)
	if err != nil || s.url == "" {
		t.Fatalf("it does not start: %q, %v: %s", line, err, s.log.String())
	}
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: patience}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// kill ends the process as a kill -9 does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.ended
}

// stop asks the process to end, and says how long it took and how it ended.
func (s *server) stop() (time.Duration, error) {
	s.t.Helper()
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.ended:
		return time.Since(began), s.err
	case <-time.After(patience):
		s.t.Fatal("it does not end")
		return 0, nil
	}
}

// answer is an answer read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with a Bearer token, "" for none; a body is JSON.
func (s *server) ask(method, path, token string, body []byte) (answer, error) {
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.send(r)
}

func (s *server) send(r *http.Request) (answer, error) {
	resp, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

// want asks, and ends the test unless the answer has the status.
func (s *server) want(status int, method, path, token, body string) answer {
	s.t.Helper()
	var text []byte
	if body != "" {
		text = []byte(body)
	}
	a, err := s.ask(method, path, token, text)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != status {
		s.t.Fatalf("%s %s: %d, want %d: %.500s", method, path, a.status, status, a.body)
	}
	return a
}

// dial opens a connection, which ends with the test.
func (s *server) dial() net.Conn {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// status is a line of /proc/PID/status, in bytes.
func (s *server) status(name string) int64 {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n << 10
		}
	}
	s.t.Fatalf("no %s in /proc", name)
	return 0
}

// resident is the memory that the process has now, in bytes.
func (s *server) resident() int64 { return s.status("VmRSS") }

// peak is the most memory that the process had since resetPeak, in bytes.
func (s *server) peak() int64 { return s.status("VmHWM") }

// resetPeak makes peak begin anew.
func (s *server) resetPeak() {
	s.t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0); err != nil {
		s.t.Fatal(err)
	}
}

// spent is the processor time that the process has used, to 10 ms.
func (s *server) spent() time.Duration {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from the third on
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		s.t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// costs is the processor time that the process uses while something is done.
func (s *server) costs(do func()) time.Duration {
	s.t.Helper()
	before := s.spent()
	do()
	return s.spent() - before
}

// descriptors counts the open descriptors of the process.
func (s *server) descriptors() int {
	s.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(entries)
}

// disk is what the store takes on disk, in bytes.
func (s *server) disk() int64 {
	s.t.Helper()
	var total int64
	err := filepath.WalkDir(s.dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		total += info.Size()
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return total
}

// until waits for something to hold, and ends the test where it never does.
func (s *server) until(what string, holds func() bool) {
	s.t.Helper()
	timeout, look := time.NewTimer(patience), time.NewTicker(20*time.Millisecond)
	defer timeout.Stop()
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-timeout.C:
			s.t.Fatalf("never: %s", what)
		}
	}
}

// rounds and roundLength are how a neighbour's latency is compared: so many times a
// quiet while and one under attack, by turns.
const rounds = 5

func roundLength() time.Duration {
	return time.Duration(size(300, 2000)) * time.Millisecond
}

// besiege has so many connections attack over and over, each told its number, until stop
// is closed.
func besiege(connections int, attack func(connection int)) (stop chan struct{}, attackers *sync.WaitGroup) {
	stop, attackers = make(chan struct{}), &sync.WaitGroup{}
	for i := range connections {
		attackers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					attack(i)
				}
			}
		})
	}
	return stop, attackers
}

// neighbour makes and reads a project of another tenant, one after the other, while an
// attack runs and while it does not, by turns. At full size, what 99 of 100 of its
// requests wait at most is within twice of what it is without an attack, or 25 ms,
// whichever is more (the median of the rounds counts). Every one of its requests is
// served, and its evidence is whole. attack is called by each of the connections over
// and over, with the number of the connection.
func (s *server) neighbour(connections int, attack func(connection int)) {
	s.t.Helper()
	const token = "the-neighbour"
	made := 0
	while := func(length time.Duration) time.Duration {
		var waits []time.Duration
		for began := time.Now(); time.Since(began) < length || len(waits) < 20; {
			for _, r := range []struct{ method, body string }{{"POST", fmt.Sprintf(`{"name":"n","key":"n%d"}`, made)}, {"GET", ""}} {
				sent := time.Now()
				s.want(http.StatusOK, r.method, "/api/projects", token, r.body)
				waits = append(waits, time.Since(sent))
			}
			made++
		}
		slices.Sort(waits)
		return waits[len(waits)*99/100]
	}
	while(roundLength() / 3) // warm
	var quiet, attacked []time.Duration
	for range rounds {
		quiet = append(quiet, while(roundLength()))
		stop, attackers := besiege(connections, attack)
		attacked = append(attacked, while(roundLength()))
		close(stop)
		attackers.Wait()
	}
	slices.Sort(quiet)
	slices.Sort(attacked)
	s.t.Logf("the neighbour's p99: quiet %v, attacked %v", quiet, attacked)
	// A short run is for a machine that does other things besides.
	bound := time.Duration(size(10, 1)) * max(2*quiet[rounds/2], 25*time.Millisecond)
	if q, a := quiet[rounds/2], attacked[rounds/2]; a > bound {
		s.t.Errorf("the neighbour waits %v under attack, %v without", a, q)
	}
	var seen struct {
		Operations []struct {
			ID       string `json:"operationId"`
			Requests int    `json:"requests"`
		} `json:"operations"`
	}
	if err := json.Unmarshal([]byte(s.want(http.StatusOK, "GET", "/_understudy/coverage", token, "").body), &seen); err != nil {
		s.t.Fatal(err)
	}
	for _, o := range seen.Operations {
		if o.ID == "createProject" && o.Requests != made {
			s.t.Errorf("%d of the neighbour's %d requests are in its evidence", o.Requests, made)
		}
	}
}
