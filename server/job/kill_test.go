package job_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/postgres"
	"github.com/understudy-api/understudy/storage/sqlite"
)

const (
	// workerVariable makes the test binary a process that runs the jobs of the store
	// that it names.
	workerVariable = "UNDERSTUDY_TEST_JOB_WORKER"
	// roundsVariable is how many processes are killed on each driver.
	roundsVariable = "UNDERSTUDY_JOB_ROUNDS"
	shortRounds    = 4
)

// steps is the kind whose work says each step that it takes, and takes it when it is
// told to.
var steps = &job.Kind{Name: "steps"}

const stepCount = 3

// serveJobs is the process of a worker.
func serveJobs(at string, in io.Reader, out io.Writer) error {
	ctx := context.Background()
	var store storage.Store
	var err error
	o := job.Options{Lease: 500 * time.Millisecond, Beat: 20 * time.Millisecond, Poll: 20 * time.Millisecond}
	if path, file := strings.CutPrefix(at, "sqlite:"); file {
		store, err = sqlite.Open(ctx, sqlite.Options{Path: path})
	} else {
		o.Shared = true
		store, err = postgres.Open(ctx, postgres.Options{DSN: at, MaxConns: 4})
	}
	if err != nil {
		return err
	}
	told := bufio.NewScanner(in)
	o.Store = store
	room := job.New(o)
	if err := room.Handle(job.Handler{Kind: steps, Run: func(_ context.Context, w *job.Work) (any, error) {
		for i := range stepCount {
			if err := w.Progress(i); err != nil {
				return nil, err
			}
			if _, err := fmt.Fprintln(out, "step", i); err != nil {
				return nil, err
			}
			if !told.Scan() {
				return nil, errors.New("nobody is there any more")
			}
		}
		w.OnDone(func(tx storage.Tx) error {
			_, err := tx.Next("effects")
			return err
		})
		return os.Getpid(), nil
	}}); err != nil {
		return err
	}
	room.Start()
	ended := ""
	for range time.Tick(2 * time.Millisecond) { // until it is killed
		if err := store.View(ctx, ws, func(tx storage.ReadTx) error {
			newest, _, err := job.List(tx, "", 1)
			if err == nil && len(newest) > 0 && newest[0].State.Ended() && newest[0].ID != ended {
				ended = newest[0].ID
				_, err = fmt.Fprintln(out, "ended", ended)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// worker is a process that runs jobs.
type worker struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // what it says
	log   bytes.Buffer
}

func startWorker(t *testing.T, at string) *worker {
	t.Helper()
	w := &worker{cmd: exec.CommandContext(context.Background(), os.Args[0]), lines: make(chan string)}
	w.cmd.Env = append(os.Environ(), workerVariable+"="+at)
	w.cmd.Stderr = &w.log
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.kill)
	go func() {
		defer close(w.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.lines <- lines.Text()
		}
	}()
	return w
}

func (w *worker) kill() {
	_ = w.cmd.Process.Kill()
	for range w.lines { // until it has gone
	}
	_ = w.cmd.Wait()
}

func (w *worker) proceed() { _, _ = io.WriteString(w.in, "\n") }

// A process that is killed leaves a job that another takes over: it ends, and takes
// effect once. The process is killed at one of the steps, or while it ends the job.
func TestStoreKilledWorker(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv(roundsVariable))
	if err != nil {
		rounds = shortRounds
	}
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		killWorkers(t, rounds, "sqlite:"+path, func() *house { return sqliteAt(t, path) })
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := pgtest.Schema(t)
		killWorkers(t, rounds, dsn, func() *house { return postgresAt(t, dsn) })
	})
}

func killWorkers(t *testing.T, rounds int, at string, open func() *house) {
	t.Helper()
	shared := !strings.HasPrefix(at, "sqlite:")
	// Where only one process may have the store, this one has it in between.
	do := func(fn func(h *house)) {
		t.Helper()
		h := open()
		fn(h)
		if err := h.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	seed, err := strconv.ParseUint(os.Getenv("UNDERSTUDY_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("UNDERSTUDY_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var survivor *worker
	attempts := map[int]int{}
	for round := range rounds {
		id := strconv.Itoa(round)
		do(func(h *house) { h.enqueue(steps, job.Order{ID: id}) })
		victim := startWorker(t, at)
		if shared {
			if survivor == nil {
				survivor = startWorker(t, at)
			}
			if <-first(victim, survivor) == survivor { // it was faster
				victim, survivor = survivor, victim
			}
		} else {
			<-first(victim, nil)
		}
		killedAt := random.IntN(stepCount + 2)
		for step := 1; step < stepCount && step <= killedAt; step++ {
			victim.proceed()
			victim.expect(t, fmt.Sprint("step ", step))
		}
		if killedAt >= stepCount { // as it ends the job
			victim.proceed()
			timer := time.NewTimer(time.Duration(random.Int64N(int64(4 * time.Millisecond))))
			<-timer.C
		}
		victim.kill()
		if !shared {
			survivor = startWorker(t, at)
		}
		survivor.expect(t, "ended "+id)
		if !shared {
			survivor.kill()
		}
		do(func(h *house) {
			j := h.get(steps, id)
			attempts[j.Attempt]++
			// A worker that the machine keeps waiting may lose its lease too.
			if j.State != job.Done || killedAt < stepCount && j.Attempt < 2 {
				t.Errorf("round %d, killed at %d: %+v", round, killedAt, j)
			}
			h.effects(int64(round) + 1)
		})
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d rounds; by the number of attempts: %v", rounds, attempts)
}

// first tells which of two workers takes its first step first.
func first(a, b *worker) <-chan *worker {
	found := make(chan *worker, 1)
	var other <-chan string
	if b != nil {
		other = b.lines
	}
	go func() {
		for {
			select {
			case line, more := <-a.lines:
				if !more || line == "step 0" {
					found <- a
					return
				}
			case line, more := <-other:
				if !more || line == "step 0" {
					found <- b
					return
				}
			}
		}
	}()
	return found
}

// expect waits for a line, and lets the worker take every step before it.
func (w *worker) expect(t *testing.T, want string) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case line, more := <-w.lines:
			switch {
			case !more:
				t.Fatal("a worker has gone by itself: ", w.log.String())
			case line == want:
				return
			case strings.HasPrefix(line, "step "):
				w.proceed()
			}
		case <-limit.C:
			t.Fatal("waited too long for ", want)
		}
	}
}
