package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// weights are the shares of the phases in a time that is limited. What one does not
// need the next ones have.
var weights = map[Phase]float64{PhaseExamples: 3, PhaseCoverage: 4, PhaseFuzzing: 2, PhaseStateful: 5}

// The parts of the share of a phase.
const (
	shareOfJobs = 0.75 // the rest is for making findings smaller
	shareOfLaws = 0.2  // of the jobs' part, in the phase that has laws
)

var errTimeLimit = errors.New("the time limit was reached")

func (r *runner) run(parent context.Context) (*Result, error) {
	r.began = time.Now()
	ctx, end := parent, time.Time{}
	if r.o.TimeLimit > 0 {
		end = r.began.Add(r.o.TimeLimit)
		limited, cancel := context.WithDeadlineCause(parent, end, errTimeLimit)
		defer cancel()
		ctx = limited
	}
	result := &Result{Document: r.o.Document.Contract, Seed: r.o.Seed, From: r.began}
	r.guess(ctx)
	phases := slices.DeleteFunc(Phases(), func(p Phase) bool { return !slices.Contains(r.o.Phases, p) })
	for i, phase := range phases {
		before, began := r.requests.Load(), time.Now()
		share := time.Duration(0)
		if !end.IsZero() {
			rest := 0.0
			for _, later := range phases[i:] {
				rest += weights[later]
			}
			share = time.Duration(float64(end.Sub(began)) * weights[phase] / rest)
		}
		done := r.phaseOf(ctx, phase, share)
		if r.broken != "" {
			return nil, mistake("%s is not answered: %s", r.target.base.Redacted(), r.broken)
		}
		done.Requests, done.Duration = r.requests.Load()-before, time.Since(began)
		result.Phases = append(result.Phases, done)
		r.tell(true)
		if parent.Err() != nil {
			break
		}
	}
	switch left := leftOver(result.Phases); {
	case parent.Err() != nil:
		result.Stopped = context.Cause(parent).Error()
	case left != "":
		result.Stopped = errTimeLimit.Error() + ": " + left
	}
	result.To = time.Now()
	r.conclude(result)
	return result, nil
}

// phaseOf runs a phase within its share of the time; 0 is no limit.
func (r *runner) phaseOf(ctx context.Context, phase Phase, share time.Duration) PhaseResult {
	within := func(part float64) (context.Context, context.CancelFunc) {
		if share == 0 {
			return context.WithCancel(ctx)
		}
		return context.WithTimeout(ctx, time.Duration(float64(share)*part))
	}
	whole, cancel := within(1)
	defer cancel()
	laws := 0.0
	if phase == PhaseStateful {
		laws = shareOfLaws
	}
	working, stop := within(shareOfJobs * (1 - laws))
	done := r.work(working, whole, phase, r.plan(phase))
	stop()
	if laws > 0 {
		working, stop = within(shareOfJobs * laws)
		r.laws(working, &done)
		stop()
	}
	r.shrink(whole)
	return done
}

// leftOver says what a run did not come to; empty if it came to all.
func leftOver(phases []PhaseResult) string {
	var parts []string
	for _, p := range phases {
		if len(p.Left) == 0 {
			continue
		}
		names := p.Left
		if len(names) > maxNamed {
			names = append(slices.Clone(names[:maxNamed]), fmt.Sprintf("and %d more", len(p.Left)-maxNamed))
		}
		parts = append(parts, fmt.Sprintf("of %s %d of %d jobs were run, and not all of %s", p.Phase, p.Done, p.Jobs, strings.Join(names, ", ")))
	}
	return strings.Join(parts, "; ")
}

// maxNamed is how many operations are named that something was left out of.
const maxNamed = 20

// job is a sequence of calls that no other shares anything with. What it leaves to be
// done it returns as another job, which comes after all that wait.
type job struct {
	name string
	of   string // the operation that it is about
	run  func(context.Context, *lane) *job

	index int
}

// jobOf is a job that is done at once.
func jobOf(name, of string, run func(context.Context, *lane)) job {
	return job{name: name, of: of, run: func(ctx context.Context, l *lane) *job {
		run(ctx, l)
		return nil
	}}
}

// queue hands out jobs, and ends when all are done that came to be.
type queue struct {
	mu      sync.Mutex
	changed *sync.Cond
	waiting []job
	running int
	made    int
	done    int
}

// take gives the next job; false when there will be none, or the time is over.
func (q *queue) take(ctx context.Context) (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && q.running > 0 && ctx.Err() == nil {
		q.changed.Wait()
	}
	if len(q.waiting) == 0 || ctx.Err() != nil {
		return job{}, false
	}
	j := q.waiting[0]
	q.waiting = q.waiting[1:]
	q.running++
	return j, true
}

// finish puts a job away, or what is left of it to the end.
func (q *queue) finish(j job, next *job, cut bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	switch {
	case cut:
		q.waiting = append(q.waiting, j)
	case next != nil:
		next.index = q.made
		q.made++
		q.done++
		q.waiting = append(q.waiting, *next)
	default:
		q.done++
	}
	q.changed.Broadcast()
}

// work runs jobs on all workers. What was made is removed even after their time.
func (r *runner) work(ctx, whole context.Context, phase Phase, jobs []job) PhaseResult {
	q := &queue{waiting: slices.Clone(jobs), made: len(jobs)}
	q.changed = sync.NewCond(&q.mu)
	for i := range q.waiting {
		q.waiting[i].index = i
	}
	r.mu.Lock()
	r.phase, r.done, r.jobs = phase, 0, len(jobs)
	r.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.changed.Broadcast()
	})
	defer stop()
	var group sync.WaitGroup
	for range r.o.Workers {
		group.Go(func() {
			for {
				j, ok := q.take(ctx)
				if !ok {
					return
				}
				l := r.lane(ctx, j.index, string(phase)+" "+j.name)
				next := j.run(ctx, l)
				l.over = ended(whole)
				l.tidy(whole)
				q.finish(j, next, ctx.Err() != nil)
				r.mu.Lock()
				r.done, r.jobs = q.counts()
				r.mu.Unlock()
				r.tell(false)
			}
		})
	}
	group.Wait()
	out := PhaseResult{Phase: phase}
	out.Done, out.Jobs = q.counts()
	for _, j := range q.waiting {
		if !slices.Contains(out.Left, j.of) {
			out.Left = append(out.Left, j.of)
		}
	}
	return out
}

func (q *queue) counts() (done, made int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.done, q.made
}
