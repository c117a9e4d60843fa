// Command load measures what a request costs: it runs servers as processes of
// their own, puts the same load on each in turn, and prints requests per second
// and CPU per request relative to a bare net/http server that answers a constant.
//
// An absolute figure means nothing on a shared machine. The servers are measured
// interleaved, round by round, with the bare one before and after each, and the
// medians of the rounds' ratios are printed.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	role := flag.String("role", "", "internal: serve as one of the compared servers")
	binary := flag.String("binary", "bin/understudy", "the built binary")
	rounds := flag.Int("rounds", 5, "rounds of every server")
	length := flag.Duration("length", 2*time.Second, "length of one measurement")
	only := flag.String("servers", "bare,plain,stock,us", "the servers to compare; bare and us are always run")
	pick := flag.String("scenario", "", "only the scenarios whose name contains this")
	connections := flag.Int("connections", 16, "connections at a time")
	evaluate := flag.String("evaluate", "", "compare the evaluation of decisions instead, with the vendor's engine, which npm puts into this folder")
	replicas := flag.Int("replicas", 0, "compare this many replicas over one PostgreSQL, and SQLite, instead")
	memory := flag.Bool("memory", false, "measure what the server holds in memory instead, which takes some minutes")
	flag.Parse()
	if *role != "" {
		fail(serve(*role))
		return
	}
	if *evaluate != "" {
		fail(compareEvaluation(*binary, *evaluate, *rounds, *length, *connections))
		return
	}
	if *memory {
		fail(measureMemory(*binary, *connections))
		return
	}
	if *replicas > 0 {
		fail(compareReplicas(*binary, *pick, *replicas, *rounds, *length, *connections))
		return
	}
	fail(measure(*binary, *only, *pick, *rounds, *length, *connections))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// server is a running server process.
type server struct {
	name string
	addr string
	cmd  *exec.Cmd
}

// start runs a server that prints "listening on http://HOST:PORT".
func start(ctx context.Context, name string, args ...string) (*server, error) {
	return startWith(ctx, name, func(*exec.Cmd) {}, args...)
}

func startWith(ctx context.Context, name string, prepare func(*exec.Cmd), args ...string) (*server, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	prepare(cmd)
	// A server that outlived a killed run would disturb the next.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "listening on http://"); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return &server{name: name, addr: url, cmd: cmd}, nil
		}
	}
	return nil, fmt.Errorf("%s ended without listening", name)
}

// cpu is the processor time the process has used (Linux, /proc).
func (s *server) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "stat"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100, nil
}

// result is one measurement.
type result struct {
	perSecond float64
	cpu       time.Duration // per request
}

// load keeps connections busy for a while. next gives the bytes of a request.
func load(s *server, connections int, length time.Duration, want int, next func() []byte) (result, error) { //nolint:unparam // what is wanted is said where it is asked for
	before, err := s.cpu()
	if err != nil {
		return result{}, err
	}
	var (
		requests atomic.Int64
		wg       sync.WaitGroup
		once     sync.Once
		failure  error
	)
	began := time.Now()
	deadline := began.Add(length)
	for range connections {
		wg.Go(func() {
			if err := drive(s.addr, deadline, want, next, &requests); err != nil {
				once.Do(func() { failure = err })
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	if failure != nil {
		return result{}, failure
	}
	after, err := s.cpu()
	if err != nil {
		return result{}, err
	}
	n := requests.Load()
	if n == 0 {
		return result{}, errors.New("no request was answered")
	}
	return result{perSecond: float64(n) / elapsed.Seconds(), cpu: (after - before) / time.Duration(n)}, nil
}

// drive sends requests one after the other over one connection. It reads answers
// by hand: net/http's client would cost more than some of the servers.
func drive(addr string, deadline time.Time, want int, next func() []byte, requests *atomic.Int64) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 16<<10)
	wanted := []byte(" " + strconv.Itoa(want) + " ")
	for time.Now().Before(deadline) {
		request := next()
		if request == nil {
			return nil
		}
		if _, err := conn.Write(request); err != nil {
			return err
		}
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if !bytes.Contains(line, wanted) {
			return fmt.Errorf("%s: %s answered %q", addr, bytes.TrimSpace(request[:bytes.IndexByte(request, '\n')]), bytes.TrimSpace(line))
		}
		length := 0
		for {
			if line, err = r.ReadSlice('\n'); err != nil {
				return err
			}
			if len(line) <= 2 {
				break
			}
			if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
				if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
					return err
				}
			}
		}
		if _, err := r.Discard(length); err != nil {
			return err
		}
		requests.Add(1)
	}
	return nil
}

func request(method, path, authorization, body string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n", method, path, authorization)
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

func always(b []byte) func() []byte { return func() []byte { return b } }

// once gives each prepared request one time, and then nothing.
func once(list [][]byte) func() []byte {
	var i atomic.Int64
	return func() []byte {
		n := int(i.Add(1)) - 1
		if n >= len(list) {
			return nil
		}
		return list[n]
	}
}

// post makes one request and gives the answer's body.
func post(s *server, path, authorization, body string) (string, error) {
	r, err := http.NewRequest(http.MethodPost, "http://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST %s: %s: %s", path, answer.Status, text)
	}
	return string(text), err
}

func idIn(text string) string {
	_, rest, _ := strings.Cut(text, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// scenario is one kind of request.
type scenario struct {
	name    string
	method  string
	path    string
	auth    string
	body    string
	prepare func(s *server, n int) ([][]byte, error) // for requests that work only once
}

const (
	bearer = "Bearer load"
	key    = "Key load"
	looker = `{"base_url":"https://example.cloud.looker.com:443","client_id":"client","client_secret":"secret",` +
		`"repo_id":7,"bindings":[{"remoteId":"warehouse","boundIds":[1,2]}],"project_ids":["finance"],` +
		`"indexing_cron":"0 */4 * * *","name":"Looker"}`
	integration = `{"name":"Rates","type":"http","kind":"rates","config":{"url":"https://rates.example.com/v1/quote",` +
		`"method":"post","timeout":5000,"output":"result"},"description":"Asks for a quote","group":"Pricing"}`
)

func measure(binary, only, pick string, rounds int, length time.Duration, connections int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "understudy-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var servers []*server
	for name, args := range map[string][]string{
		"bare":  {self, "-role", "bare"},
		"plain": {self, "-role", "plain"},
		"stock": {self, "-role", "stock"},
		"us":    {binary, "serve", "--addr", "127.0.0.1:0", "--store", "sqlite:" + filepath.Join(dir, "load.db"), "--log-level", "error"},
	} {
		if name != "bare" && name != "us" && !slices.Contains(strings.Split(only, ","), name) {
			continue
		}
		s, err := start(ctx, name, args...)
		if err != nil {
			return err
		}
		servers = append(servers, s)
	}
	slices.SortFunc(servers, func(a, b *server) int { return strings.Compare(a.name, b.name) })
	byName := map[string]*server{}
	for _, s := range servers {
		byName[s.name] = s
	}
	us := byName["us"]

	text, err := post(us, "/api/projects", bearer, `{"name":"Load","key":"load"}`)
	if err != nil {
		return err
	}
	project := idIn(text)
	if text, err = post(us, "/api/projects/"+project+"/integrations", bearer, integration); err != nil {
		return err
	}
	one := idIn(text)
	if text, err = post(us, "/api/v1/lineage/bi/looker/", key, looker); err != nil {
		return err
	}
	_, rest, _ := strings.Cut(text, `"id":`)
	bi, _, _ := strings.Cut(rest, `,`)

	scenarios := []scenario{
		{name: "GET integration (BRMS)", method: "GET", path: "/api/projects/" + project + "/integrations/" + one, auth: bearer},
		{name: "GET integration (Datafold)", method: "GET", path: "/api/v1/lineage/bi/" + strings.Trim(bi, "}") + "/", auth: key},
		{name: "POST Looker integration", method: "POST", path: "/api/v1/lineage/bi/looker/", auth: key, body: looker},
		{
			name: "DELETE integration (Datafold)", method: "DELETE", path: "/api/v1/lineage/bi/1/", auth: key,
			prepare: removable,
		},
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d connections, %d rounds of %s, interleaved; medians\n", connections, rounds, length)
	fmt.Fprintln(w, "request\tserver\trequests/s\tof bare\tCPU us/request\tof bare")
	for _, sc := range scenarios {
		if !strings.Contains(sc.name, pick) {
			continue
		}
		if err := compare(w, sc, servers, byName["bare"], rounds, length, connections); err != nil {
			return err
		}
	}
	defer func() {
		for _, s := range servers {
			_ = s.cmd.Process.Kill()
		}
	}()
	return w.Flush()
}

// removable makes n integrations and gives the requests that delete them.
func removable(s *server, n int) ([][]byte, error) {
	create := request("POST", "/api/v1/lineage/bi/dbt/", key, `{"ci_config_id":1}`)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	list := make([][]byte, 0, n)
	for range n {
		if _, err := conn.Write(create); err != nil {
			return nil, err
		}
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return nil, err
		}
		_, rest, _ := strings.Cut(string(body), `"id":`)
		id, _, _ := strings.Cut(rest, ",")
		list = append(list, request("DELETE", "/api/v1/lineage/bi/"+id+"/", key, ""))
	}
	return list, nil
}

func compare(w io.Writer, sc scenario, servers []*server, bare *server, rounds int, length time.Duration, connections int) error {
	fixed := always(request(sc.method, sc.path, sc.auth, sc.body))
	speed, cpu := map[string][]float64{}, map[string][]float64{}
	absolute, micros := map[string][]float64{}, map[string][]float64{}
	for range rounds {
		for _, s := range servers {
			next, span := fixed, length
			if sc.prepare != nil && s.name == "us" {
				list, err := sc.prepare(s, int(20000*length.Seconds()/2))
				if err != nil {
					return err
				}
				next, span = once(list), time.Minute
			}
			before, err := load(bare, connections, length/2, http.StatusOK, fixed)
			if err != nil {
				return err
			}
			got, err := load(s, connections, span, http.StatusOK, next)
			if err != nil {
				return err
			}
			after, err := load(bare, connections, length/2, http.StatusOK, fixed)
			if err != nil {
				return err
			}
			base := (before.perSecond + after.perSecond) / 2
			baseCPU := float64(before.cpu+after.cpu) / 2
			speed[s.name] = append(speed[s.name], got.perSecond/base)
			cpu[s.name] = append(cpu[s.name], float64(got.cpu)/baseCPU)
			absolute[s.name] = append(absolute[s.name], got.perSecond)
			micros[s.name] = append(micros[s.name], float64(got.cpu.Nanoseconds())/1e3)
		}
	}
	for _, s := range servers {
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.2f\t%.1f\t%.2f\n", sc.name, s.name,
			median(absolute[s.name]), median(speed[s.name]), median(micros[s.name]), median(cpu[s.name]))
	}
	return nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
