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

// Validate returns a CodeInvalid error if there can be no such plan.
func (p Plan) Validate() error {
	bad := func(why string) error {
		return &storage.Error{Code: storage.CodeInvalid, Op: "set plan", Err: errors.New(why)}
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

// What a plan says of which nothing is said.
const (
	usualQueued  = time.Second
	usualRunning = 4 * time.Second
	usualReads   = 1
)

// Usual is the plan of a mode as far as nothing else is said of it: with the kind's
// own durations and reads if that is the mode of its plan, else with a second and
// four, and a read each.
func (k *Kind) Usual(mode Mode) Plan {
	switch {
	case k.Plan.Mode == mode:
		return k.Plan
	case mode == Clock:
		return Plan{Mode: mode, Queued: usualQueued, Running: usualRunning}
	case mode == Polls:
		return Plan{Mode: mode, QueuedReads: usualReads, RunningReads: usualReads}
	}
	return Plan{Mode: mode}
}

// PlanText is a plan as people write it. What it does not say is as [Kind.Usual] has it.
type PlanText struct {
	Mode      Mode           `json:"mode"`
	Durations *DurationsText `json:"durations,omitempty"` // of mode Clock
	Reads     *ReadsText     `json:"reads,omitempty"`     // of mode Polls
}

// DurationsText is for how long a state shows, as [time.ParseDuration] reads it.
type DurationsText struct {
	Queued  *string `json:"queued,omitempty"`
	Running *string `json:"running,omitempty"`
}

// ReadsText is how many reads a state shows.
type ReadsText struct {
	Queued  *int64 `json:"queued,omitempty"`
	Running *int64 `json:"running,omitempty"`
}

// PlanProblem is what is wrong with a PlanText.
type PlanProblem struct {
	Member  string // where: "mode", "durations", "durations/queued" and so on
	Message string
}

// Plan reads the text, for a kind.
func (p PlanText) Plan(k *Kind) (Plan, *PlanProblem) {
	plan := k.Usual(p.Mode)
	switch {
	case p.Mode != Auto && p.Mode != Clock && p.Mode != Polls:
		return plan, &PlanProblem{"mode", `A mode is "auto", "clock" or "polls".`}
	case p.Durations != nil && p.Mode != Clock:
		return plan, &PlanProblem{"durations", `Only the mode "clock" has durations. Remove them.`}
	case p.Reads != nil && p.Mode != Polls:
		return plan, &PlanProblem{"reads", `Only the mode "polls" has reads. Remove them.`}
	}
	if d := p.Durations; d != nil {
		for _, m := range []struct {
			name string
			text *string
			into *time.Duration
		}{{"queued", d.Queued, &plan.Queued}, {"running", d.Running, &plan.Running}} {
			if m.text == nil {
				continue
			}
			read, err := time.ParseDuration(*m.text)
			if err != nil || read < 0 || read > MaxDuration {
				return plan, &PlanProblem{"durations/" + m.name, "A state shows for a duration of up to 100 years. Write it as 1m30s or 250ms."}
			}
			*m.into = read
		}
	}
	if r := p.Reads; r != nil {
		for _, m := range []struct {
			name string
			n    *int64
			into *int64
		}{{"queued", r.Queued, &plan.QueuedReads}, {"running", r.Running, &plan.RunningReads}} {
			if m.n == nil {
				continue
			}
			if *m.n < 0 || *m.n > MaxReads {
				return plan, &PlanProblem{"reads/" + m.name, "A state shows for 0 to 1,000,000 reads."}
			}
			*m.into = *m.n
		}
	}
	return plan, nil
}

// Text writes the plan.
func (p Plan) Text() PlanText {
	text := PlanText{Mode: p.Mode}
	switch p.Mode {
	case Clock:
		text.Durations = &DurationsText{new(p.Queued.String()), new(p.Running.String())}
	case Polls:
		text.Reads = &ReadsText{&p.QueuedReads, &p.RunningReads}
	case Auto:
	}
	return text
}
