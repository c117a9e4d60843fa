package job

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/understudy-api/understudy/storage"
)

// State is where a job is.
type State string

// The states, in the order in which a job comes to them. The last three end it.
const (
	Waiting   State = "waiting" // for its time, or for another attempt
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended reports whether the state ends a job.
func (s State) Ended() bool { return s.rank() == ended }

// ended is the rank of the states that end a job.
const ended = 3

func (s State) rank() int {
	switch s {
	case Waiting:
		return 0
	case Queued:
		return 1
	case Running:
		return 2
	case Done, Failed, Cancelled:
	}
	return ended
}

// Failure is why a job failed, in words that may be shown.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Permanent says that another attempt would be for nothing.
	Permanent bool `json:"-"`
}

// Error is the message.
func (f *Failure) Error() string { return f.Message }

// The codes of failures that the room tells.
const (
	CodeInternal = "internal" // the log tells what it was
	CodeLost     = "lost"     // its worker was gone each time
	CodeFull     = "full"     // there is no room in the store for what it came to
)

// Kind is a kind of jobs. It holds no state: an API declares it once, as a variable.
// Errors are those of [storage.Tx], and named where a method adds to them.
type Kind struct {
	// Name is the name of the kind, unique in the program and without a slash.
	Name string
	// About says in a sentence what the jobs do.
	About string
	// Plan says how jobs show in a workspace that has not said so itself.
	Plan Plan
	// Outcome tells what a job comes to, result or failure, without doing it: not ok
	// if only the work can tell. It is asked in the transaction that makes a job whose
	// mode is Clock or Polls. Nil is never ok.
	Outcome func(tx storage.ReadTx, j Job) (result any, failure *Failure, ok bool, err error)
	// Attempts is how often a job is tried whose work fails; 0 is once.
	Attempts int
	// Backoff is how long, by the workspace's clock, a job waits after so many failed
	// attempts; nil doubles from a second to a minute.
	Backoff func(failed int) time.Duration
	// Next is the first time behind another that fits what a schedule says in its
	// Spec; nil if schedules of this kind say none.
	Next func(spec string, after time.Time) (time.Time, error)
}

// Job is what is to be seen of a job.
type Job struct {
	Kind  string
	ID    string // unique within its kind
	Args  json.RawMessage
	Plan  Plan
	State State
	// Times are of the workspace's clock, and zero before they are reached. Due is
	// when a job that waits is queued.
	Created, Due, Started, Finished time.Time
	// Attempt counts how often the work was begun, from 1.
	Attempt  int
	Progress json.RawMessage // what the work told last
	Result   json.RawMessage // of a job that is done
	Failure  *Failure        // of one that failed

	counts bool // a read of it is to be counted
}

// Order is a job to be made.
type Order struct {
	ID      string    // unique within its kind; "" for the next number
	Args    any       // what the work needs to know, as JSON
	At      time.Time // when it is to run, by the workspace's clock; zero for at once
	Created time.Time // when it was asked for; zero for now
}

// stored is the record of a job.
type stored struct {
	Kind  string          `json:"kind"`
	ID    string          `json:"id"`
	Args  json.RawMessage `json:"args,omitempty"`
	Plan  Plan            `json:"plan"`
	State State           `json:"state"` // of the work

	Created  time.Time `json:"created"`
	At       time.Time `json:"at,omitzero"`  // when it was to run
	Due      time.Time `json:"due,omitzero"` // until when it waits
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`

	Attempt int    `json:"attempt,omitempty"`
	Failed  int    `json:"failed,omitempty"` // attempts
	Lost    int    `json:"lost,omitempty"`   // attempts whose worker was gone
	Token   string `json:"token,omitempty"`  // of the worker that has it
	Worker  string `json:"worker,omitempty"` // the process of that, for people

	Reads        int64     `json:"reads,omitempty"`
	ShownRunning time.Time `json:"shownRunning,omitzero"` // in mode Polls: when a read showed it first
	ShownDone    time.Time `json:"shownDone,omitzero"`

	Progress json.RawMessage `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Failure  *Failure        `json:"failure,omitempty"`
}

// The indexes of the records.
const (
	indexKind = "kind"
	indexOpen = "open" // those that need a worker still
)

var jobs = storage.Collection[stored]{Kind: "understudy.job", Indexes: []storage.Index{{Name: indexKind}, {Name: indexOpen}}, Keys: func(_ storage.Meta, s stored) []storage.Key {
	keys := []storage.Key{{Index: indexKind, Value: s.Kind}}
	if !s.State.Ended() {
		keys = append(keys, storage.Key{Index: indexOpen})
	}
	return keys
}}

// alarmPrefix is before the id of a record in the name of its alarm.
const alarmPrefix = "job/"

func (k *Kind) recordID(id string) string { return k.Name + "/" + id }

// Enqueue makes a job. CodeConflict if there is one of this kind and id.
func (k *Kind) Enqueue(tx storage.Tx, o Order) (Job, error) {
	now := tx.Now()
	at := sooner(o.At, last)
	s := stored{Kind: k.Name, ID: o.ID, State: Queued, Created: o.Created, At: at, Due: at}
	if s.Created.IsZero() {
		s.Created = now
	}
	if s.Due.After(now) {
		s.State = Waiting
	}
	var err error
	if s.ID == "" {
		n, err := tx.Next(k.recordID("id"))
		if err != nil {
			return Job{}, err
		}
		s.ID = strconv.FormatInt(n, 10)
	}
	if s.Args, err = encode(o.Args); err != nil {
		return Job{}, err
	}
	if s.Plan, _, err = k.PlanOf(tx); err != nil {
		return Job{}, err
	}
	if s.Plan.Mode != Auto && k.Outcome != nil {
		result, failure, ok, err := k.Outcome(tx, s.view(now))
		if err != nil {
			return Job{}, err
		}
		if ok {
			s.State, s.Failure = Done, failure
			if failure != nil {
				s.State = Failed
			} else if s.Result, err = encode(result); err != nil {
				return Job{}, err
			}
		}
	}
	if _, err := jobs.Insert(tx, k.recordID(s.ID), "", s); err != nil {
		return Job{}, err
	}
	if !s.State.Ended() {
		if err := s.arm(tx); err != nil {
			return Job{}, err
		}
	}
	return s.view(now), nil
}

// alarm is the name of the job's alarm.
func (s *stored) alarm() string { return alarmPrefix + s.Kind + "/" + s.ID }

// arm makes the job's alarm ring when it is due. One that need not wait does not heed
// the workspace's clock, which somebody may put back.
func (s *stored) arm(tx storage.Tx) error {
	if s.Due.After(tx.Now()) {
		return tx.SetAlarm(s.alarm(), s.Due)
	}
	return tx.SetTimer(s.alarm(), 0)
}

func encode(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, &storage.Error{Code: storage.CodeInvalid, Op: "encode", Kind: jobs.Kind, Err: errors.New("not to be written as JSON")}
	}
	return text, nil
}

// Get is a job as it shows now. It does not count as a read: see [View].
func (k *Kind) Get(tx storage.ReadTx, id string) (Job, error) {
	item, err := jobs.Get(tx, k.recordID(id))
	if err != nil {
		return Job{}, err
	}
	return item.Value.view(tx.Now()), nil
}

// Assume is how a job would show that was made at a time, of which there is no
// record, if it is in the kind's own plan: for what was stored before jobs were.
func (k *Kind) Assume(id string, created, now time.Time) Job {
	s := stored{Kind: k.Name, ID: id, Plan: k.Plan, State: Done, Created: created}
	return s.view(now)
}

// List is a page of the jobs of a workspace, those first that were made last.
func List(tx storage.ReadTx, after storage.Cursor, limit int) (page []Job, next storage.Cursor, err error) {
	found, err := jobs.List(tx, storage.Query{Descending: true, After: after, Limit: limit})
	for i := range found.Items {
		page = append(page, found.Items[i].Value.view(tx.Now()))
	}
	return page, found.Next, err
}

// Cancel ends a job that has not ended: work that runs is told by its context, and
// what it comes to is dropped. One that has ended stays as it is.
func (k *Kind) Cancel(tx storage.Tx, id string) (Job, error) {
	item, err := jobs.Get(tx, k.recordID(id))
	if err != nil {
		return Job{}, err
	}
	now := tx.Now()
	shown := item.Value.view(now)
	if shown.State.Ended() {
		return shown, nil
	}
	item, err = jobs.Update(tx, item.ID, func(s *stored) error {
		s.end(Cancelled, later(now, later(shown.Started, s.Created)))
		s.Started, s.Progress, s.Result, s.Failure = shown.Started, shown.Progress, nil, nil
		return nil
	})
	if err != nil {
		return Job{}, err
	}
	return item.Value.view(now), tx.ClearAlarm(alarmPrefix + item.ID)
}

// Forget removes a job, if there is one. Work that runs is told by its context.
func (k *Kind) Forget(tx storage.Tx, id string) error {
	err := tx.Purge(jobs.Kind, k.recordID(id))
	if storage.IsNotFound(err) {
		return nil
	}
	return errors.Join(err, tx.ClearAlarm(alarmPrefix+k.recordID(id)))
}

// Rearm sets the alarms of a workspace that was copied from another, in the same
// transaction: what has not ended begins anew.
func Rearm(tx storage.Tx) error {
	none := ""
	if err := jobs.Each(tx, storage.Query{Index: indexOpen, Equal: &none}, func(item storage.Item[stored]) error {
		if item.Value.State == Running {
			if _, err := jobs.Update(tx, item.ID, func(s *stored) error {
				s.State, s.Token = Queued, ""
				return nil
			}); err != nil {
				return err
			}
		}
		return item.Value.arm(tx)
	}); err != nil {
		return err
	}
	return rearmSchedules(tx)
}

// Look is how a reader of a workspace sees its jobs.
type Look func(k *Kind, id string) (Job, error)

// View gives what fn makes of a workspace for somebody who looks at its jobs: those
// that he sees by look, and whose states follow how often they are read, have been
// read once more, however often fn looks. fn may run more than once.
func View[R any](ctx context.Context, store storage.Store, workspace string, fn func(tx storage.ReadTx, look Look) (R, error)) (R, error) {
	var seen struct {
		result R
		counts bool
	}
	err := store.View(ctx, workspace, func(tx storage.ReadTx) (err error) {
		seen.result, err = fn(tx, func(k *Kind, id string) (Job, error) {
			j, err := k.Get(tx, id)
			seen.counts = seen.counts || j.counts
			return j, err
		})
		return err
	})
	if err != nil || !seen.counts {
		return seen.result, err
	}
	err = store.Update(ctx, workspace, func(tx storage.Tx) (err error) {
		read := map[string]Job{}
		seen.result, err = fn(tx, func(k *Kind, id string) (Job, error) {
			j, again := read[k.recordID(id)]
			if again {
				return j, nil
			}
			j, err := k.read(tx, id)
			if err == nil {
				read[k.recordID(id)] = j
			}
			return j, err
		})
		return err
	})
	return seen.result, err
}

// read is Get, and counts.
func (k *Kind) read(tx storage.Tx, id string) (Job, error) {
	item, err := jobs.Get(tx, k.recordID(id))
	if err != nil {
		return Job{}, err
	}
	now := tx.Now()
	shown := item.Value.view(now)
	if !shown.counts {
		return shown, nil
	}
	_, err = jobs.Update(tx, item.ID, func(s *stored) error {
		stage, started, finished := s.stage(now)
		if stage.rank() >= Running.rank() {
			s.ShownRunning = started
		}
		if stage.Ended() {
			s.ShownDone = finished
		}
		s.Reads++
		return nil
	})
	return shown, err
}

// stage is what the plan shows of a job at most, and since when.
func (s *stored) stage(now time.Time) (stage State, started, finished time.Time) {
	if s.Plan.Mode != Auto && now.Before(s.At) {
		return Waiting, time.Time{}, time.Time{}
	}
	switch s.Plan.Mode {
	case Clock:
		started = later(s.Created, s.At).Add(s.Plan.Queued)
		finished = started.Add(s.Plan.Running)
		switch {
		case now.Before(started):
			return Queued, time.Time{}, time.Time{}
		case now.Before(finished):
			return Running, started, time.Time{}
		}
		return Done, started, finished
	case Polls:
		started, finished = orElse(s.ShownRunning, now), orElse(s.ShownDone, now)
		switch {
		case s.Reads < s.Plan.QueuedReads:
			return Queued, time.Time{}, time.Time{}
		case s.Reads < s.Plan.QueuedReads+s.Plan.RunningReads:
			return Running, started, time.Time{}
		}
		return Done, started, finished
	case Auto:
	}
	return Done, time.Time{}, time.Time{}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// last is the last time that a clock shows.
var last = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)

func orElse(at, otherwise time.Time) time.Time {
	if at.IsZero() {
		return otherwise
	}
	return at
}

// view is what is to be seen of the job: what its work has come to, but no more than
// its plan shows.
func (s *stored) view(now time.Time) Job {
	j := Job{
		Kind: s.Kind, ID: s.ID, Args: s.Args, Plan: s.Plan, State: s.State, Created: s.Created,
		Started: s.Started, Finished: s.Finished, Attempt: s.Attempt, Progress: s.Progress, Result: s.Result, Failure: s.Failure,
	}
	if s.State == Cancelled {
		return j
	}
	if j.State == Waiting && !now.Before(s.Due) {
		j.State = Queued
	}
	stage, started, finished := s.stage(now)
	j.counts = s.Plan.Mode == Polls && s.ShownDone.IsZero() && !now.Before(s.At)
	// Also where the clock was put back, nothing ends before it begins.
	j.Started = later(s.Created, later(s.Started, started))
	j.Finished = later(j.Started, later(s.Finished, finished))
	if stage.rank() < j.State.rank() {
		j.State = stage
	}
	if !j.State.Ended() {
		j.Finished, j.Result, j.Failure = time.Time{}, nil, nil
	}
	if j.State.rank() < Running.rank() {
		j.Started, j.Progress = time.Time{}, nil
	}
	if j.Failure != nil && j.Failure.Code == CodeFull && j.Failure.Message == "" {
		j.Failure = &Failure{Code: CodeFull, Message: "There was no room to keep what it came to"}
	}
	if j.State == Waiting {
		j.Due = orElse(s.Due, s.At)
	}
	return j
}
