package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// What the memory of a server is measured by: a minute of writes, and what is left of
// it when nobody asks any more.
const (
	memoryLoad = time.Minute
	memoryIdle = 30 * time.Second
	memoryFrom = 20 * time.Second // when what lives must have stopped growing
)

// collections reads the trace of the garbage collector (GODEBUG=gctrace=1) for what
// lived after each collection.
type collections struct {
	mu   sync.Mutex
	rest []byte
	live []lived
}

type lived struct {
	at    time.Time
	bytes int64
}

// "4->5->3 MB" is the heap when a collection began, when it ended, and what lives.
var traced = regexp.MustCompile(`^gc .* \d+->\d+->(\d+) MB`)

// Write reads what the server says on its standard error.
func (c *collections) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = append(c.rest, p...)
	for {
		line, rest, found := bytes.Cut(c.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		if m := traced.FindSubmatch(line); m != nil {
			if n, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil {
				c.live = append(c.live, lived{time.Now(), n << 20})
			}
		}
		c.rest = slices.Clone(rest)
	}
}

// before is what lived after the last collection before a time.
func (c *collections) before(at time.Time) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var last int64
	for _, l := range c.live {
		if l.at.Before(at) {
			last = l.bytes
		}
	}
	return last
}

// status is a line of /proc/PID/status, in bytes (Linux).
func (s *server) status(name string) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc", name)
}

// measureMemory prints what the server holds in memory during and after a minute of
// writes.
func measureMemory(binary string, connections int) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "understudy-memory-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	trace := &collections{}
	s, err := startWith(ctx, "us", func(cmd *exec.Cmd) {
		cmd.Stderr, cmd.Env = trace, append(os.Environ(), "GODEBUG=gctrace=1")
	}, binary, "serve", "--addr", "127.0.0.1:0", "--store", "sqlite:"+filepath.Join(dir, "memory.db"), "--log-level", "error")
	if err != nil {
		return err
	}
	began := time.Now()
	var at20 int64
	mark := time.AfterFunc(memoryFrom, func() { at20, _ = s.status("VmRSS") })
	defer mark.Stop()
	r, err := load(s, connections, memoryLoad, http.StatusOK, always(request("POST", "/api/v1/lineage/bi/looker/", key, looker)))
	if err != nil {
		return err
	}
	after, err := s.status("VmRSS")
	if err != nil {
		return err
	}
	peak, err := s.status("VmHWM")
	if err != nil {
		return err
	}
	<-time.After(memoryIdle)
	idle, err := s.status("VmRSS")
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "POST Looker integration, %d connections, %s: %.0f requests/s\n", connections, memoryLoad, r.perSecond)
	for _, row := range []struct {
		what  string
		bytes int64
	}{
		{fmt.Sprintf("resident after %s", memoryFrom), at20},
		{fmt.Sprintf("resident after %s", memoryLoad), after},
		{"resident at most", peak},
		{fmt.Sprintf("live heap after %s", memoryFrom), trace.before(began.Add(memoryFrom))},
		{fmt.Sprintf("live heap after %s", memoryLoad), trace.before(began.Add(memoryLoad))},
		{fmt.Sprintf("resident %s after the last request", memoryIdle), idle},
	} {
		fmt.Fprintf(w, "%s\t%.0f MiB\n", row.what, float64(row.bytes)/(1<<20))
	}
	return w.Flush()
}
