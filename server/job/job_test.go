package job_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/postgres"
	"github.com/understudy-api/understudy/storage/sqlite"
)

const ws = "w"

// patience bounds every wait; nothing waits for as long.
const patience = 30 * time.Second

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// house is a store with a room, or several.
type house struct {
	*testing.T

	store storage.Store
}

func sqliteAt(t *testing.T, path string) *house {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: path})
	return opened(t, s, err)
}

func postgresAt(t *testing.T, dsn string) *house {
	t.Helper()
	s, err := postgres.Open(context.Background(), postgres.Options{DSN: dsn, MaxConns: 8})
	return opened(t, s, err)
}

func opened(t *testing.T, s storage.Store, err error) *house {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &house{t, s}
}

// onStore runs a test in memory or, as a part of TestStoreJobs, on PostgreSQL.
func onStore(t *testing.T, test func(h *house)) {
	t.Helper()
	if strings.HasPrefix(t.Name(), "TestStoreJobs/") {
		test(postgresAt(t, pgtest.Schema(t)))
		return
	}
	test(sqliteAt(t, ""))
}

// What is to be true of a store that several processes share.
func TestStoreJobs(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"late worker": TestLateWorker, "work is told": TestWorkIsTold, "shutdown": TestShutdown, "fairness": TestFairness,
	} {
		t.Run(name, test)
	}
}

// quick are leases that a test can wait for.
var quick = job.Options{Lease: 600 * time.Millisecond, Beat: 20 * time.Millisecond, Poll: 20 * time.Millisecond}

// room starts a room that closes with the test.
func (h *house) room(o job.Options, kinds map[*job.Kind]job.Runner) *job.Room {
	h.Helper()
	o.Store = h.store
	_, o.Shared = h.store.(*postgres.Store)
	r := job.New(o)
	for k, run := range kinds {
		if err := r.Handle(job.Handler{Kind: k, Run: run}); err != nil {
			h.Fatal(err)
		}
	}
	r.Start()
	h.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			h.Error(err)
		}
	})
	return r
}

func (h *house) update(fn func(tx storage.Tx) error) {
	h.Helper()
	if err := h.store.Update(context.Background(), ws, fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) enqueue(k *job.Kind, o job.Order) {
	h.Helper()
	h.update(func(tx storage.Tx) error {
		_, err := k.Enqueue(tx, o)
		return err
	})
}

// freeze lets the clock stand, a time after the beginning.
func (h *house) freeze(after time.Duration) {
	h.Helper()
	h.update(func(tx storage.Tx) error {
		return tx.SetSettings(storage.Settings{Clock: storage.Clock{}.Freeze(began.Add(after))})
	})
}

func (h *house) get(k *job.Kind, id string) (j job.Job) {
	h.Helper()
	if err := h.store.View(context.Background(), ws, func(tx storage.ReadTx) (err error) {
		j, err = k.Get(tx, id)
		return err
	}); err != nil {
		h.Fatal(err)
	}
	return j
}

// read reads a job as a client does.
func (h *house) read(k *job.Kind, id string) job.Job {
	h.Helper()
	j, err := job.View(context.Background(), h.store, ws, func(_ storage.ReadTx, look job.Look) (job.Job, error) {
		return look(k, id)
	})
	if err != nil {
		h.Fatal(err)
	}
	return j
}

// wait waits until a job is in a state.
func (h *house) wait(k *job.Kind, id string, want job.State) (j job.Job) {
	h.Helper()
	return h.until(k, id, func(j job.Job) bool { return j.State == want })
}

// until waits until a job is as it should be.
func (h *house) until(k *job.Kind, id string, so func(j job.Job) bool) (j job.Job) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var err error
		if e := h.store.View(context.Background(), ws, func(tx storage.ReadTx) error {
			j, err = k.Get(tx, id)
			return nil
		}); e != nil || err != nil && !storage.IsNotFound(err) {
			h.Fatal(e, err)
		}
		if err == nil && so(j) {
			return j
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.Fatalf("waited too long: %s %s is %+v", k.Name, id, j)
		}
	}
}

func received[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatal("waited too long for ", what)
	}
	return v
}

// at is a time after the beginning, or none.
func at(after time.Duration) time.Time { return began.Add(after) }

// The states of a job in each mode, with the clock of its workspace standing, for a
// kind whose outcome is known and one that works; also over a restart and a snapshot.
func TestStoreModes(t *testing.T) {
	known := &job.Kind{
		Name:    "known",
		Outcome: func(storage.ReadTx, job.Job) (any, *job.Failure, bool, error) { return 7, nil, true, nil },
	}
	doomed := &job.Kind{Name: "doomed", Outcome: func(storage.ReadTx, job.Job) (any, *job.Failure, bool, error) {
		return nil, &job.Failure{Code: "no", Message: "No."}, true, nil
	}}
	works := &job.Kind{Name: "works"}
	type step struct {
		advance time.Duration
		state   job.State
	}
	clock := job.Plan{Mode: job.Clock, Queued: time.Second, Running: 4 * time.Second}
	for name, test := range map[string]struct {
		kind              *job.Kind
		plan              job.Plan
		order             job.Order
		steps             []step
		started, finished time.Time
	}{
		"clock": {
			known, clock,
			job.Order{},
			[]step{{0, job.Queued}, {999 * time.Millisecond, job.Queued}, {time.Millisecond, job.Running}, {4*time.Second - 1000, job.Running}, {1000, job.Done}, {0, job.Done}},
			at(time.Second), at(5 * time.Second),
		},
		"clock, failing":      {doomed, clock, job.Order{}, []step{{0, job.Queued}, {time.Hour, job.Failed}}, at(time.Second), at(5 * time.Second)},
		"clock put back":      {known, clock, job.Order{}, []step{{5 * time.Second, job.Done}, {-2 * time.Second, job.Running}}, at(time.Second), time.Time{}},
		"clock, work":         {works, clock, job.Order{}, []step{{0, job.Queued}, {time.Second, job.Running}, {4 * time.Second, job.Done}}, at(time.Second), at(5 * time.Second)},
		"clock, asked before": {known, clock, job.Order{Created: at(-3 * time.Second)}, []step{{0, job.Running}, {2 * time.Second, job.Done}}, at(-2 * time.Second), at(2 * time.Second)},
		"clock, at a time":    {known, clock, job.Order{At: at(time.Minute)}, []step{{0, job.Waiting}, {time.Minute, job.Queued}, {time.Second, job.Running}}, at(61 * time.Second), time.Time{}},
		"polls": {
			known,
			job.Plan{Mode: job.Polls, QueuedReads: 2, RunningReads: 1},
			job.Order{},
			[]step{{0, job.Queued}, {time.Hour, job.Queued}, {time.Minute, job.Running}, {time.Minute, job.Done}, {time.Hour, job.Done}},
			at(61 * time.Minute), at(62 * time.Minute),
		},
		"polls, at once":    {known, job.Plan{Mode: job.Polls}, job.Order{}, []step{{0, job.Done}, {time.Hour, job.Done}}, at(0), at(0)},
		"polls, failing":    {doomed, job.Plan{Mode: job.Polls, QueuedReads: 1}, job.Order{}, []step{{0, job.Queued}, {0, job.Failed}}, at(0), at(0)},
		"polls, work":       {works, job.Plan{Mode: job.Polls, QueuedReads: 1, RunningReads: 1}, job.Order{}, []step{{0, job.Queued}, {0, job.Running}, {0, job.Done}}, at(0), at(0)},
		"auto":              {works, job.Plan{Mode: job.Auto}, job.Order{}, []step{{0, job.Done}, {time.Hour, job.Done}}, at(0), at(0)},
		"auto, at a time":   {works, job.Plan{Mode: job.Auto}, job.Order{At: at(time.Minute)}, []step{{0, job.Waiting}, {time.Minute, job.Done}}, at(time.Minute), at(time.Minute)},
		"auto, in its mode": {works, job.Plan{}, job.Order{}, []step{{0, job.Done}}, at(0), at(0)},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			h := sqliteAt(t, path)
			ran := make(chan struct{}, 9)
			run := func(context.Context, *job.Work) (any, error) {
				ran <- struct{}{}
				return 7, nil
			}
			kinds := map[*job.Kind]job.Runner{known: run, doomed: run, works: run}
			r := h.room(job.Options{}, kinds)
			h.freeze(0)
			h.update(func(tx storage.Tx) error { return test.kind.SetPlan(tx, &test.plan) })
			test.order.ID = "1"
			h.enqueue(test.kind, test.order)
			// A plan that is set later is for later jobs.
			h.update(func(tx storage.Tx) error {
				return test.kind.SetPlan(tx, &job.Plan{Mode: job.Clock, Queued: time.Nanosecond})
			})
			// A process that ends, and one that begins.
			restart := func() {
				if err := r.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := h.store.Close(); err != nil {
					t.Fatal(err)
				}
				h = sqliteAt(t, path)
				r = h.room(job.Options{}, kinds)
			}
			if test.kind == works && test.order.At.IsZero() {
				// It is held back by the mode alone: what ends has ended its work.
				received(t, "the work", ran)
				restart()
			}
			var passed time.Duration
			for i, step := range test.steps {
				passed += step.advance
				h.freeze(passed)
				if test.kind == works && !test.order.At.IsZero() {
					h.wait(works, "1", step.state)
				}
				if got := h.read(test.kind, "1"); got.State != step.state {
					t.Fatalf("step %d: %s, want %s: %+v", i, got.State, step.state, got)
				}
				switch i {
				case 0:
					restart()
				case 1: // kept, spoilt and brought back
					h.snapshot(func(tx storage.Tx) error { return tx.Clear() })
				}
			}
			got := h.read(test.kind, "1")
			if !got.Started.Equal(test.started) || !got.Finished.Equal(test.finished) {
				t.Errorf("from %v to %v, want from %v to %v", got.Started, got.Finished, test.started, test.finished)
			}
			if done := got.State == job.Done; done != (string(got.Result) == "7") || (got.State == job.Failed) != (got.Failure != nil && got.Failure.Code == "no") {
				t.Errorf("%s with the result %s and the failure %v", got.State, got.Result, got.Failure)
			}
		})
	}
}

// snapshot keeps the workspace, lets fn do its worst, and brings it back.
func (h *house) snapshot(fn func(tx storage.Tx) error) {
	h.Helper()
	both := func(fn func(w, kept storage.Tx) error) {
		h.Helper()
		if err := h.store.UpdateAll(context.Background(), []string{ws, "\x00kept"}, func(txs []storage.Tx) error { return fn(txs[0], txs[1]) }); err != nil {
			h.Fatal(err)
		}
	}
	both(func(w, kept storage.Tx) error { return kept.CopyFrom(w) })
	h.update(fn)
	both(func(w, kept storage.Tx) error { return errors.Join(w.CopyFrom(kept), job.Rearm(w)) })
}

// A worker that is late, for whatever reason, is told so, and what it has done does
// not count.
func TestLateWorker(t *testing.T) {
	onStore(t, func(h *house) {
		k := &job.Kind{Name: "slow"}
		var runs atomic.Int64
		started, late := make(chan int64, 4), make(chan error, 4)
		hold := make(chan struct{})
		run := func(ctx context.Context, w *job.Work) (any, error) {
			n := runs.Add(1)
			w.OnDone(func(tx storage.Tx) error {
				_, err := tx.Next("effects")
				return err
			})
			started <- n
			if n == 1 { // it does not heed its context
				<-ctx.Done()
				late <- context.Cause(ctx)
				<-hold
			}
			return n, nil
		}
		h.room(quick, map[*job.Kind]job.Runner{k: run})
		h.room(quick, map[*job.Kind]job.Runner{k: run})
		h.enqueue(k, job.Order{ID: "1"})
		received(h.T, "the first worker", started)
		// Its lease runs out, unless it has just renewed it.
		second := make(chan struct{})
		go func() {
			defer close(second)
			received(h.T, "the second worker", started)
		}()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for taken := false; !taken; {
			h.update(func(tx storage.Tx) error {
				if runs.Load() > 1 {
					return nil
				}
				return tx.SetTimer("job/slow/1", 0)
			})
			select {
			case <-second:
				taken = true
			case <-tick.C:
			}
		}
		if err := received(h.T, "the first worker to be told", late); err == nil {
			h.Error("no cause")
		}
		h.wait(k, "1", job.Done)
		close(hold)
		j := h.wait(k, "1", job.Done)
		if string(j.Result) != "2" || j.Attempt != 2 {
			h.Errorf("the result of attempt %d is %s", j.Attempt, j.Result)
		}
		h.effects(1)
	})
}

// effects checks how often work took effect.
func (h *house) effects(want int64) {
	h.Helper()
	if err := h.store.View(context.Background(), ws, func(tx storage.ReadTx) error {
		n, err := tx.Last("effects")
		if n != want {
			h.Errorf("took effect %d times, want %d", n, want)
		}
		return err
	}); err != nil {
		h.Fatal(err)
	}
}

// endless is work that ends with its context and says so.
func endless(started chan<- string, ended chan<- error) job.Runner {
	return func(ctx context.Context, w *job.Work) (any, error) {
		w.OnDone(func(tx storage.Tx) error {
			_, err := tx.Next("effects")
			return err
		})
		if err := w.Progress(map[string]int{"rows": 3}); err != nil {
			return nil, err
		}
		started <- w.Job.ID
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil, nil
	}
}

// Work ends when its job is cancelled, forgotten, reset or brought back from a
// snapshot, whichever process does it.
func TestWorkIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(h *house, k *job.Kind)
		want job.State // "" if it is gone
	}{
		"cancelled": {func(h *house, k *job.Kind) {
			h.update(func(tx storage.Tx) error {
				j, err := k.Cancel(tx, "1")
				if j.State != job.Cancelled || !j.Finished.Equal(began) {
					h.Errorf("%+v", j)
				}
				return err
			})
		}, job.Cancelled},
		"forgotten": {func(h *house, k *job.Kind) {
			h.update(func(tx storage.Tx) error { return k.Forget(tx, "1") })
		}, ""},
		"reset": {func(h *house, _ *job.Kind) {
			h.update(func(tx storage.Tx) error { return tx.Clear() })
		}, ""},
		"brought back": {func(h *house, _ *job.Kind) {
			h.snapshot(func(storage.Tx) error { return nil })
		}, job.Running},
	} {
		t.Run(name, func(t *testing.T) {
			onStore(t, func(h *house) {
				k := &job.Kind{Name: "endless"}
				started, ended := make(chan string, 4), make(chan error, 4)
				o := quick
				o.Beat, o.Lease = 100*time.Millisecond, time.Minute
				h.room(o, map[*job.Kind]job.Runner{k: endless(started, ended)})
				h.freeze(0)
				h.enqueue(k, job.Order{ID: "1"})
				received(h.T, "the work", started)
				if j := h.until(k, "1", func(j job.Job) bool { return j.Progress != nil }); j.State != job.Running || string(j.Progress) != `{"rows":3}` {
					h.Errorf("%s, progress %s", j.State, j.Progress)
				}
				test.end(h, k)
				if cause := received(h.T, "the work to be told", ended); cause == nil {
					h.Error("the work is not told why")
				}
				if test.want == job.Running { // it begins anew
					received(h.T, "the work again", started)
					if j := h.wait(k, "1", test.want); j.Attempt != 2 {
						h.Errorf("attempt %d", j.Attempt)
					}
				} else if test.want != "" {
					h.wait(k, "1", test.want)
				}
				h.effects(0)
			})
		})
	}
}

// A process that shuts down leaves its work to the next, which begins at once.
func TestShutdown(t *testing.T) {
	onStore(t, func(h *house) {
		k := &job.Kind{Name: "long"}
		started := make(chan string, 1)
		r := h.room(job.Options{}, map[*job.Kind]job.Runner{k: func(ctx context.Context, w *job.Work) (any, error) {
			started <- w.Job.ID
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		h.enqueue(k, job.Order{ID: "1"})
		received(t, "the work", started)
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if j := h.get(k, "1"); j.State != job.Queued {
			t.Errorf("left as %+v", j)
		}
		h.room(job.Options{}, map[*job.Kind]job.Runner{k: func(context.Context, *job.Work) (any, error) { return "well", nil }})
		if j := h.wait(k, "1", job.Done); string(j.Result) != `"well"` || j.Attempt != 2 {
			t.Errorf("%+v", j)
		}
	})
}

// What fails is tried again by the workspace's clock, as often as the kind says.
func TestRetries(t *testing.T) {
	h := sqliteAt(t, "")
	fails := &job.Kind{Name: "fails", Attempts: 3}
	gone := &job.Kind{Name: "gone", Attempts: 3}
	panics := &job.Kind{Name: "panics"}
	refuses := &job.Kind{Name: "refuses"}
	h.room(job.Options{}, map[*job.Kind]job.Runner{
		fails: func(_ context.Context, w *job.Work) (any, error) {
			return nil, &job.Failure{Code: "away", Message: fmt.Sprint("Away ", w.Job.Attempt)}
		},
		gone: func(context.Context, *job.Work) (any, error) {
			return nil, &job.Failure{Code: "gone", Message: "Gone", Permanent: true}
		},
		panics: func(context.Context, *job.Work) (any, error) { panic("a secret") },
		refuses: func(_ context.Context, w *job.Work) (any, error) {
			w.OnDone(func(tx storage.Tx) error {
				_, err := tx.Next("effects")
				return errors.Join(err, errors.New("not to be told"))
			})
			return 1, nil
		},
	})
	h.freeze(0)
	for _, k := range []*job.Kind{fails, gone, panics, refuses} {
		h.enqueue(k, job.Order{ID: "1"})
	}
	if j := h.wait(fails, "1", job.Waiting); !j.Due.Equal(at(time.Second)) || j.Failure != nil || j.Attempt != 1 {
		t.Errorf("after one attempt: %+v", j)
	}
	h.freeze(time.Second)
	again := func(j job.Job) bool { return j.Attempt == 2 && j.State == job.Waiting }
	if j := h.until(fails, "1", again); !j.Due.Equal(at(3 * time.Second)) {
		t.Errorf("after two attempts: %+v", j)
	}
	h.freeze(time.Hour)
	j := h.wait(fails, "1", job.Failed)
	if diff := cmp.Diff(&job.Failure{Code: "away", Message: "Away 3"}, j.Failure); diff != "" || j.Attempt != 3 || !j.Finished.Equal(at(time.Hour)) {
		t.Errorf("after three attempts: %+v %s", j, diff)
	}
	if j := h.wait(gone, "1", job.Failed); j.Attempt != 1 || j.Failure.Code != "gone" {
		t.Errorf("%+v", j)
	}
	for _, k := range []*job.Kind{panics, refuses} {
		if j := h.wait(k, "1", job.Failed); j.Failure.Code != job.CodeInternal || strings.Contains(j.Failure.Message, "secret") || j.Result != nil {
			t.Errorf("%+v", j)
		}
	}
	h.effects(0)
}

// No workspace keeps the others from being served, however much it asks for.
func TestFairness(t *testing.T) {
	onStore(t, func(h *house) {
		k := &job.Kind{Name: "k"}
		var mu sync.Mutex
		var most, now int
		started, go1 := make(chan string, 400), make(chan struct{})
		run := func(_ context.Context, w *job.Work) (any, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			started <- w.Workspace
			<-go1
			mu.Lock()
			now--
			mu.Unlock()
			return nil, nil
		}
		all := make([]string, 100)
		for i := range all {
			all[i] = fmt.Sprint(i)
		}
		enqueue := func(workspace string, ids ...string) {
			if err := h.store.Update(context.Background(), workspace, func(tx storage.Tx) error {
				for _, id := range ids {
					if _, err := k.Enqueue(tx, job.Order{ID: id}); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				h.Fatal(err)
			}
		}
		enqueue("greedy", all...)
		o := quick
		o.Workers, o.PerWorkspace, o.Lease = 6, 4, time.Minute
		h.room(o, map[*job.Kind]job.Runner{k: run})
		var served []string
		for range 4 {
			served = append(served, received(h.T, "the greedy one", started))
		}
		enqueue("modest", "1")
		served = append(served, received(h.T, "the modest one", started))
		enqueue("late", "1")
		served = append(served, received(h.T, "the late one", started))
		if diff := cmp.Diff([]string{"greedy", "greedy", "greedy", "greedy", "modest", "late"}, served); diff != "" {
			h.Error(diff)
		}
		enqueue("last", "1", "2")
		go1 <- struct{}{} // one of the six ends
		if next := received(h.T, "the next", started); next != "last" {
			h.Errorf("then came %s", next)
		}
		close(go1)
		for range 97 {
			received(h.T, "the rest", started)
		}
		mu.Lock()
		defer mu.Unlock()
		if most != 6 {
			h.Errorf("%d at a time", most)
		}
	})
}

// A schedule makes jobs by the workspace's clock, also after it was brought back.
func TestSchedule(t *testing.T) {
	h := sqliteAt(t, "")
	k := &job.Kind{Name: "hourly", Next: func(spec string, after time.Time) (time.Time, error) {
		every, err := time.ParseDuration(spec)
		return after.Truncate(every).Add(every), err
	}}
	h.room(job.Options{}, map[*job.Kind]job.Runner{k: func(_ context.Context, w *job.Work) (any, error) { return w.Job.Args, nil }})
	h.freeze(0)
	h.update(func(tx storage.Tx) error {
		for _, bad := range []job.Schedule{{Name: "s"}, {Name: "s", Every: -time.Hour}, {Name: "s", Spec: "?"}} {
			if err := k.Schedule(tx, bad); err == nil {
				t.Errorf("taken: %+v", bad)
			}
		}
		return errors.Join(
			k.Schedule(tx, job.Schedule{Name: "every", Every: 90 * time.Minute, Args: 5}),
			k.Schedule(tx, job.Schedule{Name: "spec", Spec: "1h"}))
	})
	h.freeze(time.Hour)
	if j := h.wait(k, "spec@1", job.Done); !j.Created.Equal(at(time.Hour)) {
		t.Errorf("%+v", j)
	}
	h.snapshot(func(tx storage.Tx) error { return tx.Clear() })
	h.freeze(5 * time.Hour) // it comes once
	h.wait(k, "spec@2", job.Done)
	if j := h.wait(k, "every@1", job.Done); string(j.Result) != "5" {
		t.Errorf("%+v", j)
	}
	h.freeze(6 * time.Hour)
	h.wait(k, "spec@3", job.Done)
	h.wait(k, "every@2", job.Done)
	h.update(func(tx storage.Tx) error { return errors.Join(k.Unschedule(tx, "spec"), k.Unschedule(tx, "nobody")) })
	h.freeze(12 * time.Hour)
	h.wait(k, "every@3", job.Done)
	err := h.store.View(t.Context(), ws, func(tx storage.ReadTx) error {
		_, err := k.Get(tx, "spec@4")
		return err
	})
	if !storage.IsNotFound(err) {
		t.Errorf("an ended schedule: %v", err)
	}
}

// Jobs of a kind that this process does not know wait for one that does; a record that
// is gone leaves no alarm.
func TestStrangers(t *testing.T) {
	h := sqliteAt(t, "")
	k, other := &job.Kind{Name: "k"}, &job.Kind{Name: "other"}
	h.room(job.Options{}, map[*job.Kind]job.Runner{k: func(context.Context, *job.Work) (any, error) { return nil, nil }})
	h.update(func(tx storage.Tx) error {
		_, err := other.Enqueue(tx, job.Order{ID: "1"})
		return errors.Join(err, tx.SetTimer("job/k/nobody", 0), tx.SetTimer("schedule/k/nobody", 0), tx.SetTimer("x", 0))
	})
	h.enqueue(k, job.Order{})
	h.wait(k, "1", job.Done)
	if j := h.get(other, "1"); j.State != job.Queued {
		t.Errorf("%+v", j)
	}
	if r := job.New(job.Options{Store: h.store}); r.Handle(job.Handler{Kind: &job.Kind{Name: "a/b"}}) == nil || r.Handle(job.Handler{Kind: k}) != nil || r.Handle(job.Handler{Kind: k}) == nil {
		t.Error("names of kinds are not held to their rules")
	}
}

// Jobs are listed, those first that were made last; ids are taken once.
func TestListAndConflict(t *testing.T) {
	h := sqliteAt(t, "")
	k := &job.Kind{Name: "k"}
	for range 5 {
		h.enqueue(k, job.Order{})
	}
	var ids []string
	if err := h.store.View(t.Context(), ws, func(tx storage.ReadTx) error {
		for after := storage.Cursor(""); ; {
			page, next, err := job.List(tx, after, 2)
			for _, j := range page {
				ids = append(ids, j.ID)
			}
			if after = next; err != nil || next == "" {
				return err
			}
		}
	}); err != nil || !slices.Equal(ids, []string{"5", "4", "3", "2", "1"}) {
		t.Errorf("%v, %v", ids, err)
	}
	err := h.store.Update(t.Context(), ws, func(tx storage.Tx) error {
		_, err := k.Enqueue(tx, job.Order{ID: "3"})
		return err
	})
	if !storage.IsConflict(err) {
		t.Errorf("an id that is taken: %v", err)
	}
	for _, p := range []job.Plan{{Mode: "sometimes"}, {Queued: -1}, {RunningReads: -1}, {Running: job.MaxDuration + 1}} {
		if err := h.store.Update(t.Context(), ws, func(tx storage.Tx) error { return k.SetPlan(tx, &p) }); storage.CodeOf(err) != storage.CodeInvalid {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
