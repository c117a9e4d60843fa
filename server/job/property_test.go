package job

import (
	"context"
	"errors"
	"flag"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/postgres"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// The kinds of the model: of the first it is known what its jobs come to.
var (
	modelKnown = &Kind{Name: "known", Outcome: func(storage.ReadTx, Job) (any, *Failure, bool, error) { return 7, nil, true, nil }}
	modelOnce  = &Kind{Name: "once"}
	modelRetry = &Kind{Name: "retry", Attempts: 2, Backoff: func(failed int) time.Duration { return time.Duration(failed) * time.Second }}
	modelKinds = []*Kind{modelKnown, modelOnce, modelRetry}
)

// modelJob is a job as it should be.
type modelJob struct {
	Job // of its work alone, whatever the plan shows

	at     time.Time
	failed int
	holder *Work // whose result counts
	// When it rings: at a time of the workspace's clock, whatever that shows if it is
	// zero, and never as long as a lease runs.
	wakes         time.Time
	leased        bool
	effects       int64
	reads         int64
	running, done time.Time // when reads showed it so
}

// modelSpace is a workspace as it should be.
type modelSpace struct {
	clock storage.Clock
	plans map[*Kind]Plan
	made  map[*Kind]int
	jobs  map[string]*modelJob
}

func (s *modelSpace) copied() *modelSpace {
	c := &modelSpace{s.clock, maps.Clone(s.plans), maps.Clone(s.made), map[string]*modelJob{}}
	for id, j := range s.jobs {
		c.jobs[id] = new(*j)
	}
	return c
}

func emptySpace() *modelSpace {
	return &modelSpace{plans: map[*Kind]Plan{}, made: map[*Kind]int{}, jobs: map[string]*modelJob{}}
}

// shows is what is to be seen of the job.
func (j *modelJob) shows(now time.Time) Job {
	v := j.Job
	if v.State == Cancelled {
		return v
	}
	since := [2]time.Time{} // when it may show as running and as done
	allowed := Done
	begin := j.at
	if begin.Before(j.Created) {
		begin = j.Created
	}
	switch p := v.Plan; {
	case p.Mode == Auto:
	case now.Before(j.at):
		allowed = Waiting
	case p.Mode == Clock:
		since = [2]time.Time{begin.Add(p.Queued), begin.Add(p.Queued + p.Running)}
		if now.Before(since[0]) {
			allowed = Queued
		} else if now.Before(since[1]) {
			allowed = Running
		}
	default:
		since = [2]time.Time{j.running, j.done}
		for i := range since {
			if since[i].IsZero() {
				since[i] = now
			}
		}
		if j.reads < p.QueuedReads {
			allowed = Queued
		} else if j.reads < p.QueuedReads+p.RunningReads {
			allowed = Running
		}
	}
	if v.State == Waiting && !now.Before(v.Due) {
		v.State = Queued
	}
	order := []State{Waiting, Queued, Running}
	if i := slices.Index(order, allowed); i >= 0 && (slices.Index(order, v.State) > i || v.State.Ended()) {
		v.State = allowed
	}
	v.Started = latest(v.Created, v.Started, since[0])
	v.Finished = latest(v.Started, v.Finished, since[1])
	if v.State != Waiting {
		v.Due = time.Time{}
	} else if v.Due.IsZero() {
		v.Due = j.at
	}
	if !v.State.Ended() {
		v.Finished, v.Result, v.Failure = time.Time{}, nil, nil
		if v.State != Running {
			v.Started, v.Progress = time.Time{}, nil
		}
	}
	return v
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}

func (j *modelJob) rings(now time.Time) bool {
	return !j.State.Ended() && !j.leased && !now.Before(j.wakes)
}

// wait lets the job wait for its time, which may have come.
func (j *modelJob) wait(state State, now time.Time) {
	j.State, j.holder, j.leased, j.wakes = state, nil, false, time.Time{}
	if j.Due.After(now) {
		j.wakes = j.Due
	}
}

// machine holds a store to the model: two workspaces, two processes and a snapshot.
type machine struct {
	*rapid.T

	store  storage.Store
	wall   *time.Time
	names  [2]string
	spaces [2]*modelSpace
	kept   *modelSpace
	rooms  [2]*Room
	works  []*Work // of workers that have not ended, some of which have lost their job
}

func (m *machine) ok(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

func (m *machine) one(of string, n int) int { return rapid.IntRange(0, n-1).Draw(m.T, of) }

func (m *machine) seconds(from, to int) time.Duration {
	return time.Duration(rapid.IntRange(from, to).Draw(m.T, "seconds")) * time.Second
}

// space draws a workspace.
func anyJob(*modelJob) bool { return true }

func (m *machine) space() (i int, s *modelSpace, now time.Time) {
	i = m.one("workspace", 5) / 4 // one more than the other
	return i, m.spaces[i], m.now(i)
}

func (m *machine) now(space int) time.Time { return m.spaces[space].clock.Now(*m.wall) }

func (m *machine) update(space int, fn func(tx storage.Tx) error) {
	m.Helper()
	m.ok(m.store.Update(context.Background(), m.names[space], fn))
}

// nothing ends a step for which there is nothing.
type nothing struct{}

func step(fn func()) func(*rapid.T) {
	return func(*rapid.T) {
		defer func() {
			if p := recover(); p != nil {
				if _, none := p.(nothing); !none {
					panic(p)
				}
			}
		}()
		fn()
	}
}

// job draws a job, one of some.
func (m *machine) job(s *modelSpace, of func(j *modelJob) bool) (k *Kind, j *modelJob) {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(s.jobs)) {
		if of(s.jobs[id]) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		panic(nothing{})
	}
	j = s.jobs[rapid.SampledFrom(ids).Draw(m.T, "job")]
	return modelKinds[slices.IndexFunc(modelKinds, func(k *Kind) bool { return k.Name == j.Kind })], j
}

// work draws the work of a worker; j is nil if that has lost its job.
func (m *machine) work() (w *Work, space int, j *modelJob) {
	if len(m.works) == 0 {
		panic(nothing{})
	}
	w = m.works[m.one("work", len(m.works))]
	space = slices.Index(m.names[:], w.Workspace)
	if j = m.spaces[space].jobs[w.kind.recordID(w.Job.ID)]; j != nil && j.holder != w {
		j = nil
	}
	return w, space, j
}

func (m *machine) plan() Plan {
	switch m.one("mode", 3) {
	case 0:
		return Plan{Mode: Clock, Queued: m.seconds(0, 9), Running: m.seconds(0, 9)}
	case 1:
		return Plan{Mode: Polls, QueuedReads: int64(m.one("reads", 3)), RunningReads: int64(m.one("reads", 3))}
	}
	return Plan{Mode: Auto}
}

func (m *machine) setPlan() {
	i, s, _ := m.space()
	k, p := rapid.SampledFrom(modelKinds).Draw(m.T, "kind"), m.plan()
	m.update(i, func(tx storage.Tx) error { return k.SetPlan(tx, &p) })
	s.plans[k] = p
}

func (m *machine) enqueue() {
	i, s, now := m.space()
	k, o := rapid.SampledFrom(modelKinds).Draw(m.T, "kind"), Order{}
	if rapid.Bool().Draw(m.T, "at a time") {
		o.At = now.Add(m.seconds(-20, 20))
	}
	m.update(i, func(tx storage.Tx) error {
		_, err := k.Enqueue(tx, o)
		return err
	})
	s.made[k]++
	j := &modelJob{Job: Job{Kind: k.Name, ID: strconv.Itoa(s.made[k]), Plan: s.plans[k], State: Queued, Created: now, Due: o.At}, at: o.At}
	if j.Plan.Mode == "" {
		j.Plan.Mode = Auto
	}
	j.wait(Queued, now)
	if o.At.After(now) {
		j.State = Waiting
	}
	if k == modelKnown && j.Plan.Mode != Auto {
		j.State, j.Result = Done, []byte("7")
	}
	s.jobs[k.recordID(j.ID)] = j
}

// take has a process take a job, be it due or not; the second does not know all kinds.
func (m *machine) take() {
	i, s, now := m.space()
	room, due := m.one("process", len(m.rooms)), m.one("not due", 9) > 0
	k, j := m.job(s, func(j *modelJob) bool { return j.rings(now) == due })
	w, err := m.rooms[room].take(storage.Alarm{Workspace: m.names[i], Name: alarmPrefix + k.recordID(j.ID)})
	if !j.rings(now) {
		if w != nil || !errors.Is(err, errTaken) {
			m.Fatalf("took %v, %v, which is not due", w, err)
		}
		return
	}
	m.ok(err)
	j.leased = true
	if room == 1 && k == modelOnce {
		if w != nil {
			m.Fatal("took what it does not know")
		}
		return
	}
	if j.Attempt++; j.Started.IsZero() {
		j.Started = now
	}
	j.State, j.Due, j.holder = Running, time.Time{}, w
	w.OnDone(func(tx storage.Tx) error {
		_, err := tx.Next("effects of " + k.recordID(j.ID))
		return err
	})
	m.works = append(m.works, w)
}

// expire lets the lease of a job run out: its worker is slow, or was killed.
func (m *machine) expire() {
	i, s, _ := m.space()
	_, j := m.job(s, func(j *modelJob) bool { return j.leased && !j.State.Ended() })
	m.update(i, func(tx storage.Tx) error { return tx.SetTimer(alarmPrefix+j.Kind+"/"+j.ID, 0) })
	j.leased, j.wakes = false, time.Time{}
}

func (m *machine) progress() {
	w, _, j := m.work()
	m.ok(w.Progress(len(m.works)))
	err := w.sign()
	if (j == nil) != errors.Is(err, errLost) || j != nil && err != nil {
		m.Fatalf("has it: %v, %v", j != nil, err)
	}
	if j != nil {
		j.Progress, j.leased = []byte(strconv.Itoa(len(m.works))), true
	}
}

// conclude ends a worker's work: well, with a failure, or with its process.
func (m *machine) conclude() {
	w, space, j := m.work()
	m.works = slices.DeleteFunc(m.works, func(o *Work) bool { return o == w })
	now := m.now(space)
	end := rapid.SampledFrom([]string{"well", "failed", "failed", "permanent", "shutdown"}).Draw(m.T, "end")
	fail := &Failure{Code: "no", Message: "No.", Permanent: end == "permanent"}
	switch end {
	case "well":
		m.ok(w.conclude(nil, 7, nil))
	case "shutdown":
		m.ok(w.conclude(errShutdown, nil, errShutdown))
	default:
		m.ok(w.conclude(nil, nil, fail))
	}
	if j == nil {
		return
	}
	over := func(state State) { j.State, j.Finished, j.holder = state, now, nil }
	switch end {
	case "well":
		over(Done)
		j.Result, j.Failure = []byte("7"), nil
		j.effects++
	case "shutdown":
		j.wait(Queued, now)
	default:
		j.failed++
		j.Failure = fail
		if fail.Permanent || j.failed >= w.kind.Attempts {
			over(Failed)
			break
		}
		j.Due = now.Add(w.kind.Backoff(j.failed))
		j.wait(Waiting, now)
	}
}

func (m *machine) cancel() {
	i, s, now := m.space()
	k, j := m.job(s, anyJob)
	m.update(i, func(tx storage.Tx) error {
		_, err := k.Cancel(tx, j.ID)
		return err
	})
	if v := j.shows(now); !v.State.Ended() {
		v.State, v.Finished, v.Due, v.Failure = Cancelled, latest(now, v.Created, v.Started), time.Time{}, nil
		j.Job, j.holder = v, nil
	}
}

func (m *machine) forget() {
	i, s, _ := m.space()
	k, j := m.job(s, anyJob)
	m.update(i, func(tx storage.Tx) error { return k.Forget(tx, j.ID) })
	delete(s.jobs, k.recordID(j.ID))
}

// read reads two jobs, or one twice, as a client does.
func (m *machine) read() {
	i, s, now := m.space()
	k1, a := m.job(s, anyJob)
	k2, b := m.job(s, anyJob)
	got, err := View(context.Background(), m.store, m.names[i], func(_ storage.ReadTx, look Look) (got [2]Job, err error) {
		if got[0], err = look(k1, a.ID); err == nil {
			got[1], err = look(k2, b.ID)
		}
		return got, err
	})
	m.ok(err)
	m.same("read", []Job{a.shows(now), b.shows(now)}, got[:])
	for _, j := range slices.Compact([]*modelJob{a, b}) {
		if j.Plan.Mode != Polls || !j.done.IsZero() || now.Before(j.at) || j.State == Cancelled {
			continue
		}
		if j.running.IsZero() && j.reads >= j.Plan.QueuedReads {
			j.running = now
		}
		if j.reads >= j.Plan.QueuedReads+j.Plan.RunningReads {
			j.done = now
		}
		j.reads++
	}
}

func (m *machine) same(what string, want, got []Job) {
	m.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b Job) bool {
		same := a.Kind == b.Kind && a.ID == b.ID && a.Plan == b.Plan && a.State == b.State && a.Attempt == b.Attempt &&
			string(a.Progress) == string(b.Progress) && string(a.Result) == string(b.Result) && (a.Failure == nil) == (b.Failure == nil)
		for _, at := range [][2]time.Time{{a.Created, b.Created}, {a.Due, b.Due}, {a.Started, b.Started}, {a.Finished, b.Finished}} {
			same = same && at[0].Equal(at[1])
		}
		return same
	})); diff != "" {
		m.Fatal(what, diff)
	}
}

func (m *machine) setClock() {
	i, s, now := m.space()
	s.clock = rapid.SampledFrom([]storage.Clock{s.clock.Freeze(now.Add(m.seconds(-30, 30))), s.clock.Advance(m.seconds(-30, 30)), s.clock.Run(*m.wall)}).Draw(m.T, "clock")
	m.update(i, func(tx storage.Tx) error { return tx.SetSettings(storage.Settings{Clock: s.clock}) })
}

func (m *machine) passTime() { *m.wall = m.wall.Add(m.seconds(0, 20)) }

func (m *machine) reset() {
	i, _, _ := m.space()
	if m.one("reset", 6) > 0 {
		panic(nothing{})
	}
	m.update(i, func(tx storage.Tx) error { return tx.Clear() })
	m.spaces[i] = emptySpace()
}

func (m *machine) keep() {
	i, s, _ := m.space()
	m.ok(m.store.UpdateAll(context.Background(), []string{m.names[i], "\x00kept"}, func(txs []storage.Tx) error {
		return txs[1].CopyFrom(txs[0])
	}))
	m.kept = s.copied()
}

// restore brings the snapshot back, in its own workspace or in the other.
func (m *machine) restore() {
	i, _, _ := m.space()
	if m.kept == nil {
		panic(nothing{})
	}
	m.ok(m.store.UpdateAll(context.Background(), []string{m.names[i], "\x00kept"}, func(txs []storage.Tx) error {
		return errors.Join(txs[0].CopyFrom(txs[1]), Rearm(txs[0]))
	}))
	m.spaces[i] = m.kept.copied()
	for _, j := range m.spaces[i].jobs {
		switch {
		case j.State == Running:
			j.wait(Queued, m.now(i))
		case !j.State.Ended():
			j.wait(j.State, m.now(i))
		}
	}
}

// check compares all that is to be seen: jobs, alarms and effects.
func (m *machine) check() {
	ringing, _, err := m.store.Alarms(context.Background(), 10_000)
	m.ok(err)
	for i, s := range m.spaces {
		now := m.now(i)
		var want, got []Job
		rings := map[string]bool{}
		m.ok(m.store.View(context.Background(), m.names[i], func(tx storage.ReadTx) error {
			for _, id := range slices.Sorted(maps.Keys(s.jobs)) {
				j := s.jobs[id]
				item, err := jobs.Get(tx, id)
				if err != nil {
					return err
				}
				want, got = append(want, j.shows(now)), append(got, item.Value.view(now))
				if n, err := tx.Last("effects of " + id); err != nil || n != j.effects {
					m.Fatalf("%s took effect %d times, want %d, %v", id, n, j.effects, err)
				}
				if j.rings(now) {
					rings[alarmPrefix+id] = true
				}
			}
			return nil
		}))
		m.same("jobs", want, got)
		ring := map[string]bool{}
		for _, a := range ringing {
			if a.Workspace == m.names[i] {
				ring[a.Name] = true
			}
		}
		if diff := cmp.Diff(rings, ring); diff != "" {
			m.Fatal("what rings:", diff)
		}
	}
}

// Whatever happens to jobs, their workers, their clocks and their workspaces, they are as
// a simple model says, and take effect once.
func TestProperty(t *testing.T) {
	wall := began
	store, err := sqlite.Open(t.Context(), sqlite.Options{Now: func() time.Time { return wall }})
	property(t, store, err, &wall, "100")
}

func TestStoreProperty(t *testing.T) {
	wall := began
	store, err := postgres.Open(t.Context(), postgres.Options{DSN: pgtest.Schema(t), MaxConns: 4, Now: func() time.Time { return wall }})
	property(t, store, err, &wall, "30")
}

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func property(t *testing.T, store storage.Store, err error, wall *time.Time, checks string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	// Much must happen before something is wrong.
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.steps": "60"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			_ = f.Value.Set(value)
			t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{T: rt, store: store, wall: wall, names: [2]string{"a", "b"}, spaces: [2]*modelSpace{emptySpace(), emptySpace()}}
		for i := range m.rooms {
			m.rooms[i] = New(Options{Store: store, Lease: time.Hour})
			m.update(i, func(tx storage.Tx) error { return tx.Clear() })
		}
		for _, k := range modelKinds {
			m.ok(m.rooms[0].Handle(Handler{Kind: k, Run: func(context.Context, *Work) (any, error) { return nil, nil }}))
			if k != modelOnce {
				m.ok(m.rooms[1].Handle(Handler{Kind: k, Run: m.rooms[0].kinds[k.Name].Run}))
			}
		}
		actions := map[string]func(*rapid.T){"": step(m.check)}
		for i, action := range []func(){
			m.enqueue, m.take, m.take, m.conclude, m.conclude, m.progress, m.expire, m.cancel, m.forget, m.read, m.read,
			m.setPlan, m.setClock, m.passTime, m.passTime, m.reset, m.keep, m.restore,
		} {
			actions[strconv.Itoa(i)] = step(action)
		}
		rt.Repeat(actions)
	})
}
