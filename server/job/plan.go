package job

import (
	"errors"
	"time"

	"github.com/understudy-api/understudy/storage"
)

// Mode says what the states of a job follow.
type Mode string

// The modes.
const (
	Auto  Mode = "auto"  // the work
	Clock Mode = "clock" // the workspace's clock
	Polls Mode = "polls" // how often the job was read
)

// Plan says how the states of jobs show. The zero Plan is that of mode Auto.
type Plan struct {
	Mode Mode `json:"mode"`
	// For how long, in mode Clock, a job shows as queued and then as running.
	Queued  time.Duration `json:"queued,omitempty"`
	Running time.Duration `json:"running,omitempty"`
	// How many reads, in mode Polls, show a job as queued and then as running.
	QueuedReads  int64 `json:"queuedReads,omitempty"`
	RunningReads int64 `json:"runningReads,omitempty"`
}

// The bounds of a plan.
const (
	MaxDuration = 100 * 365 * 24 * time.Hour
	MaxReads    = 1_000_000
)

// Validate returns a KindInvalid error if there can be no such plan.
func (p Plan) Validate() error {
	bad := func(why string) error {
		return &storage.Error{Kind: storage.KindInvalid, Op: "set plan", Err: errors.New(why)}
	}
	switch {
	case p.Mode != "" && p.Mode != Auto && p.Mode != Clock && p.Mode != Polls:
		return bad("there is no such mode")
	case min(p.Queued, p.Running) < 0 || max(p.Queued, p.Running) > MaxDuration:
		return bad("a state shows for 0 to 100 years")
	case min(p.QueuedReads, p.RunningReads) < 0 || max(p.QueuedReads, p.RunningReads) > MaxReads:
		return bad("a state shows for 0 to 1,000,000 reads")
	}
	return nil
}

// plans holds the plans that a workspace has set, by the name of the kind.
var plans = storage.Collection[Plan]{Kind: "understudy.job.plan"}

// PlanOf is the plan of the jobs of this kind that the workspace makes from now on,
// and whether the workspace has set it.
func (k *Kind) PlanOf(tx storage.ReadTx) (p Plan, set bool, err error) {
	item, err := plans.Get(tx, k.Name)
	switch {
	case storage.IsNotFound(err):
		p, err = k.Plan, nil
	case err == nil:
		p, set = item.Value, true
	}
	if p.Mode == "" {
		p.Mode = Auto
	}
	return p, set, err
}

// SetPlan says how the jobs of this kind show that the workspace makes from now on.
// Nil is as the kind has it.
func (k *Kind) SetPlan(tx storage.Tx, p *Plan) error {
	if p == nil {
		err := tx.Purge(plans.Kind, k.Name)
		if storage.IsNotFound(err) {
			return nil
		}
		return err
	}
	if err := p.Validate(); err != nil {
		return err
	}
	_, err := plans.Update(tx, k.Name, func(old *Plan) error {
		*old = *p
		return nil
	})
	if storage.IsNotFound(err) {
		_, err = plans.Insert(tx, k.Name, "", *p)
	}
	return err
}

// HasPlans reports whether the workspace has set a plan.
func HasPlans(tx storage.ReadTx) (bool, error) {
	n, err := tx.Count(plans.Kind, "", false)
	return n > 0, err
}
