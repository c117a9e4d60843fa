package job

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/understudy-api/understudy/storage"
)

// Schedule makes a job of a kind again and again, by the workspace's clock. A job is
// not made as long as the one before has not ended, and once where the clock has
// passed several of its times.
type Schedule struct {
	Name string // unique within the kind
	Args any    // of its jobs
	// Every is the time between two jobs, the first of which comes after it; or Spec
	// says when, in the words that the kind knows.
	Every time.Duration
	Spec  string
}

// schedule is the record of a schedule.
type schedule struct {
	Kind  string          `json:"kind"`
	Name  string          `json:"name"`
	Args  json.RawMessage `json:"args,omitempty"`
	Every time.Duration   `json:"every,omitempty"`
	Spec  string          `json:"spec,omitempty"`
	Next  time.Time       `json:"next"`
	Count int64           `json:"count,omitempty"` // the jobs that were made
}

var schedules = storage.Collection[schedule]{Kind: "understudy.job.schedule"}

const schedulePrefix = "schedule/"

// next is when the schedule is due after a time.
func (s *schedule) next(k *Kind, after time.Time) (time.Time, error) {
	switch {
	case s.Spec != "" && k.Next != nil:
		return k.Next(s.Spec, after)
	case s.Spec != "" || s.Every < time.Millisecond:
		return time.Time{}, &storage.Error{Code: storage.CodeInvalid, Op: "schedule", Err: errors.New("a schedule says every how many milliseconds at least, or what its kind understands")}
	}
	next := s.Next
	if next.IsZero() {
		next = after
	}
	// By whole steps, also over many that were missed.
	passed := after.Sub(next)
	return next.Add(passed - passed%s.Every + s.Every), nil
}

// Schedule begins a schedule, or changes it. CodeInvalid if it never comes.
func (k *Kind) Schedule(tx storage.Tx, o Schedule) error {
	s := schedule{Kind: k.Name, Name: o.Name, Every: o.Every, Spec: o.Spec}
	var err error
	if s.Args, err = encode(o.Args); err != nil {
		return err
	}
	if s.Next, err = s.next(k, tx.Now()); err != nil {
		return err
	}
	id := k.recordID(o.Name)
	_, err = schedules.Update(tx, id, func(old *schedule) error {
		s.Count = old.Count
		*old = s
		return nil
	})
	if storage.IsNotFound(err) {
		_, err = schedules.Insert(tx, id, "", s)
	}
	if err != nil {
		return err
	}
	return tx.SetAlarm(schedulePrefix+id, s.Next)
}

// Unschedule ends a schedule, if there is one. Its jobs stay.
func (k *Kind) Unschedule(tx storage.Tx, name string) error {
	err := tx.Purge(schedules.Kind, k.recordID(name))
	if storage.IsNotFound(err) {
		return nil
	}
	return errors.Join(err, tx.ClearAlarm(schedulePrefix+k.recordID(name)))
}

// jobID is the id of the latest job of the schedule.
func (s *schedule) jobID() string { return s.Name + "@" + strconv.FormatInt(s.Count, 10) }

// fire makes the job of a schedule that is due.
func (k *Kind) fire(tx storage.Tx, s schedule) error {
	now := tx.Now()
	last, err := k.Get(tx, s.jobID())
	if err != nil && !storage.IsNotFound(err) {
		return err
	}
	if err != nil || last.State.Ended() {
		if err == nil {
			if err := k.Forget(tx, last.ID); err != nil { // only the latest is kept
				return err
			}
		}
		s.Count++
		if _, err := k.Enqueue(tx, Order{ID: s.jobID(), Args: s.Args}); err != nil {
			return err
		}
	}
	if s.Next, err = s.next(k, now); err != nil {
		return err
	}
	if _, err := schedules.Update(tx, k.recordID(s.Name), func(old *schedule) error {
		*old = s
		return nil
	}); err != nil {
		return err
	}
	return tx.SetAlarm(schedulePrefix+k.recordID(s.Name), s.Next)
}

func rearmSchedules(tx storage.Tx) error {
	return schedules.Each(tx, storage.Query{}, func(item storage.Item[schedule]) error {
		return tx.SetAlarm(schedulePrefix+item.ID, item.Value.Next)
	})
}
