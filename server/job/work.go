package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/storage"
)

// maxLost is how often a job is taken over: one that takes its process along each
// time comes to an end.
const maxLost = 20

// Work is a job in the hands of its worker.
type Work struct {
	Job       Job
	Workspace string

	room   *Room
	kind   *Kind
	runner Runner
	alarm  storage.Alarm
	token  string
	nudged chan struct{}
	cancel context.CancelCauseFunc

	mu       sync.Mutex
	held     time.Time       // since when at least the lease runs
	progress json.RawMessage // told, and not stored yet
	onDone   func(tx storage.Tx) error
}

// errLost ends work whose job is no longer its worker's.
var errLost = errors.New("the job was cancelled, or another worker has it")

// errTaken is the outcome for a worker whose alarm another one answered.
var errTaken = errors.New("somebody else has seen to it")

// take takes the job of an alarm; nil if there is nothing to do.
func (r *Room) take(a storage.Alarm) (*Work, error) {
	token, began := uuid.NewString(), time.Now()
	var w *Work
	err := r.o.Store.Update(r.ctx, a.Workspace, func(tx storage.Tx) error {
		w = nil
		rings, err := tx.Rings(a.Name)
		switch {
		case err != nil:
			return err
		case !rings:
			return errTaken
		}
		item, err := jobs.Get(tx, strings.TrimPrefix(a.Name, alarmPrefix))
		if storage.IsNotFound(err) {
			return tx.ClearAlarm(a.Name)
		}
		if err != nil {
			return err
		}
		h, known := r.kinds[item.Value.Kind]
		switch {
		case item.Value.State.Ended():
			return tx.ClearAlarm(a.Name)
		case !known || h.Run == nil:
			return tx.SetTimer(a.Name, unknown)
		}
		now := tx.Now()
		item, err = jobs.Update(tx, item.ID, func(s *stored) error {
			if s.State == Running {
				s.Lost++
			}
			if s.Lost > maxLost {
				s.end(Failed, now)
				s.Failure = &Failure{Code: CodeLost, Message: "The process that ran it ended each time"}
				return nil
			}
			s.State, s.Token, s.Worker, s.Due = Running, token, r.worker, time.Time{}
			s.Attempt++
			if s.Started.IsZero() {
				s.Started = now
			}
			return nil
		})
		if err != nil {
			return err
		}
		if item.Value.State.Ended() {
			return tx.ClearAlarm(a.Name)
		}
		w = &Work{
			Job: item.Value.view(now), Workspace: a.Workspace, room: r, kind: h.Kind, runner: h.Run,
			alarm: a, token: token, nudged: make(chan struct{}, 1), held: began,
		}
		return tx.SetTimer(a.Name, r.o.Lease)
	})
	return w, err
}

// end ends the job of a record.
func (s *stored) end(state State, now time.Time) {
	s.State, s.Token, s.Finished, s.Due = state, "", now, time.Time{}
}

// Progress keeps how far the work has come, as JSON, to be seen a moment later. It
// does not wait.
func (w *Work) Progress(v any) error {
	text, err := encode(v)
	if err == nil {
		w.mu.Lock()
		w.progress = text
		w.mu.Unlock()
	}
	return err
}

// OnDone has fn run in the transaction that ends the job as done, so that what it
// writes is there exactly if the job is done, and once. It may be run more than once
// and must set what it captures. Its error fails the work, as the runner's does.
func (w *Work) OnDone(fn func(tx storage.Tx) error) { w.onDone = fn }

// run does the work and ends the job.
func (w *Work) run() error {
	ctx, cancel := context.WithCancelCause(w.room.ctx)
	defer cancel(nil)
	w.cancel = cancel
	over, beaten := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(beaten)
		w.beat(over)
	}()
	var result any
	err := guarded(func() (err error) {
		result, err = w.runner(ctx, w)
		return err
	})
	close(over)
	<-beaten
	return w.conclude(context.Cause(ctx), result, err)
}

// conclude ends the attempt, whose context had a cause to end if that is not nil.
func (w *Work) conclude(cause error, result any, err error) error {
	switch {
	case errors.Is(cause, errLost) || errors.Is(err, errLost):
		return nil
	case errors.Is(cause, errShutdown) && err != nil:
		return w.settle(w.giveBack)
	}
	if err == nil {
		err = w.settle(func(tx storage.Tx, s *stored) error { return w.done(tx, s, result) })
		if err == nil || storage.CodeOf(err) == storage.CodeUnavailable {
			return err
		}
	}
	failure := w.failureOf(err)
	err = w.settle(func(tx storage.Tx, s *stored) error { return w.fail(tx, s, failure) })
	if storage.CodeOf(err) != storage.CodeFull {
		return err
	}
	return w.settle(func(tx storage.Tx, s *stored) error { return w.giveUp(tx, s) })
}

// guarded runs fn; a panic is an error.
func guarded(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %T\n%s", p, debug.Stack())
		}
	}()
	return fn()
}

// failureOf is what is told of an error, and tells the log of what must not be told.
func (w *Work) failureOf(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if full, ok := errors.AsType[*storage.FullError](err); ok {
		return &Failure{Code: CodeFull, Message: full.Reason}
	}
	w.room.o.Logger.Error("the work of a job failed", "workspace", w.Workspace, "kind", w.Job.Kind, "job", w.Job.ID, "error", err)
	return &Failure{Code: CodeInternal, Message: "Something went wrong that the log of the server tells"}
}

// Update runs fn in a transaction of the job's workspace if the job is still this
// worker's, and else gives an error that the runner is to return. fn may run more than
// once.
func (w *Work) Update(fn func(tx storage.Tx) error) error {
	return w.own(func(tx storage.Tx, _ *stored) error {
		return errors.Join(fn(tx), tx.SetTimer(w.alarm.Name, w.room.o.Lease))
	})
}

// own runs fn on the record of the job if it is still this worker's, in a transaction;
// else the error is errLost.
func (w *Work) own(fn func(tx storage.Tx, s *stored) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), w.room.o.Lease)
	defer cancel()
	began := time.Now()
	err := w.room.o.Store.Update(ctx, w.Workspace, func(tx storage.Tx) error {
		id := w.kind.recordID(w.Job.ID)
		item, err := jobs.Get(tx, id)
		if storage.IsNotFound(err) || err == nil && item.Value.Token != w.token {
			return errLost
		}
		if err != nil {
			return err
		}
		s := item.Value
		if err := fn(tx, &s); err != nil {
			return err
		}
		_, err = jobs.Update(tx, id, func(old *stored) error {
			*old = s
			return nil
		})
		return err
	})
	if err == nil {
		w.mu.Lock()
		w.held = began
		w.mu.Unlock()
	}
	return err
}

// left is how long the lease lasts at least.
func (w *Work) left() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.room.o.Lease - time.Since(w.held)
}

// settle is own, again and again while the store is unavailable and the lease lasts.
func (w *Work) settle(fn func(tx storage.Tx, s *stored) error) error {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		err := w.own(fn)
		switch {
		case errors.Is(err, errLost): // nobody asks for what it came to
			return nil
		case storage.CodeOf(err) != storage.CodeUnavailable || w.left() < pause:
			return err
		}
		timer := time.NewTimer(pause)
		<-timer.C
	}
}

func (w *Work) done(tx storage.Tx, s *stored, result any) error {
	if w.onDone != nil {
		if err := guarded(func() error { return w.onDone(tx) }); err != nil {
			return err
		}
	}
	var err error
	if s.Result, err = encode(result); err != nil {
		return err
	}
	w.takeProgress(s)
	s.Failure = nil
	s.end(Done, tx.Now())
	return tx.ClearAlarm(w.alarm.Name)
}

// fail ends the attempt, and the job if it was the last.
func (w *Work) fail(tx storage.Tx, s *stored, failure *Failure) error {
	w.takeProgress(s)
	s.Failed++
	s.Failure = failure
	if failure.Permanent || s.Failed >= w.kind.Attempts {
		s.end(Failed, tx.Now())
		return tx.ClearAlarm(w.alarm.Name)
	}
	backoff := w.kind.Backoff
	if backoff == nil {
		backoff = doubled
	}
	s.State, s.Token, s.Due = Waiting, "", sooner(tx.Now().Add(backoff(s.Failed)), last)
	return s.arm(tx)
}

// giveUp ends the job where the store has no room for what fail would write: by less
// than is in the record already.
func (w *Work) giveUp(tx storage.Tx, s *stored) error {
	s.State, s.Token, s.Worker, s.Due = Failed, "", "", time.Time{}
	s.Progress, s.Failure = nil, &Failure{Code: CodeFull}
	return tx.ClearAlarm(w.alarm.Name)
}

// doubled is the standard backoff.
func doubled(failed int) time.Duration {
	return min(time.Second<<min(failed-1, 10), time.Minute)
}

// giveBack leaves the job to whoever comes next.
func (w *Work) giveBack(tx storage.Tx, s *stored) error {
	w.takeProgress(s)
	s.State, s.Token = Queued, ""
	return s.arm(tx)
}

func (w *Work) takeProgress(s *stored) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.progress != nil {
		s.Progress = w.progress
	}
}

// beat keeps the lease and ends the work when it is lost.
func (w *Work) beat(over <-chan struct{}) {
	ticker := time.NewTicker(w.room.o.Beat)
	defer ticker.Stop()
	// Others change alarms too: what it is nudged to is looked at once in a while.
	nudged := w.nudged
	var again <-chan time.Time
	for {
		select {
		case <-over:
			return
		case <-again:
			nudged, again = w.nudged, nil
			continue
		case <-nudged:
			nudged, again = nil, time.After(w.room.o.Beat/10)
		case <-ticker.C:
		}
		err := w.sign()
		if errors.Is(err, errLost) || w.left() < w.room.o.Beat {
			w.cancel(errLost)
			return
		}
	}
}

// sign gives a sign of life where one is due, and else looks whether the job is still
// this worker's.
func (w *Work) sign() error {
	w.mu.Lock()
	told := w.progress
	w.mu.Unlock()
	if told == nil && w.left() > w.room.o.Lease*2/3 {
		ctx, cancel := context.WithTimeout(context.Background(), w.room.o.Lease)
		defer cancel()
		return w.room.o.Store.View(ctx, w.Workspace, func(tx storage.ReadTx) error {
			item, err := jobs.Get(tx, w.kind.recordID(w.Job.ID))
			if storage.IsNotFound(err) || err == nil && item.Value.Token != w.token {
				return errLost
			}
			return err
		})
	}
	err := w.own(func(tx storage.Tx, s *stored) error {
		if told != nil {
			s.Progress = told
		}
		return tx.SetTimer(w.alarm.Name, w.room.o.Lease)
	})
	if err == nil && told != nil {
		w.mu.Lock()
		if string(w.progress) == string(told) {
			w.progress = nil
		}
		w.mu.Unlock()
	}
	return err
}
