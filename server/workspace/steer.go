package workspace

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// set is the faults of a workspace, in the order in which they are tried.
type set struct {
	faults []*armed
	// fitting remembers which of them may be for an operation.
	fitting sync.Map // *contract.Operation -> []*armed
}

// armed is a fault ready to be matched.
type armed struct {
	*Fault

	path        pattern
	outgoing    *regexp.Regexp // nil for requests to the server
	from, every int64
	until       time.Time // zero for never
}

func newSet(faults []Fault) *set {
	s := &set{}
	for i := range faults {
		f := &faults[i]
		a := &armed{Fault: f, path: newPattern(f.Match.Path), outgoing: newAddress(f.Match.Outgoing), from: 1, every: 1}
		if f.When.From != nil {
			a.from = *f.When.From
		}
		if f.When.Every != nil {
			a.every = max(1, *f.When.Every)
		}
		if f.When.Until != nil {
			a.until = *f.When.Until
		}
		s.faults = append(s.faults, a)
	}
	return s
}

// of gives the faults that may be for an operation.
func (s *set) of(op *contract.Operation) []*armed {
	if known, ok := s.fitting.Load(op); ok {
		return known.([]*armed) //nolint:forcetypeassert // nothing else is put in
	}
	var found []*armed
	for _, f := range s.faults {
		if f.outgoing == nil && f.Match.selects(op, &f.path) && f.Do.possible(op) {
			found = append(found, f)
		}
	}
	s.fitting.Store(op, found)
	return found
}

// selects reports whether calls of an operation may fit.
func (m *Match) selects(op *contract.Operation, path *pattern) bool {
	return (m.API == "" || m.API == op.Document().API) &&
		(m.Operation == "" || m.Operation == op.ID) &&
		(m.Method == "" || m.Method == op.Method || m.Method == http.MethodHead && op.Method == http.MethodGet) &&
		path.reaches(op.Template())
}

// possible reports whether an operation can be answered so: a fault without
// "undeclared" leaves operations alone that do not declare its status.
func (d *Action) possible(op *contract.Operation) bool {
	switch {
	case d.Status == nil:
		return true
	case d.Example != "" && !slices.Contains(op.Examples(*d.Status), d.Example):
		return false
	}
	return d.Undeclared || op.Declares(*d.Status)
}

// meets reports whether a call for whose operation the fault may be fits it. now is
// the clock that the fault goes by.
func (a *armed) meets(call *site.Call, now time.Time) bool {
	return (a.Match.Method == "" || a.Match.Method == call.Method) &&
		a.path.fits(call.Path, call.Operation.Path) &&
		(a.until.IsZero() || now.Before(a.until))
}

// meeting are the faults that meet a call.
func (s *set) meeting(call *site.Call, now time.Time) (met []*armed) {
	for _, f := range s.of(call.Operation) {
		if f.meets(call, now) {
			met = append(met, f)
		}
	}
	return met
}

// Steer decides how a call is treated: it is a [site.Steer]. Of the faults that
// meet it the first is applied, those of its workspace before those for all. Calls
// that none meets write nothing.
//
// Calls of the control API are left alone, so that nobody can lock themselves out.
func (w *Manager) Steer(ctx context.Context, call site.Call) (site.Treatment, error) {
	// A request that broke off came all the same: it counts, and is answered as it
	// would be without faults.
	ctx = context.WithoutCancel(ctx)
	settings, err := w.store.Settings(ctx, append([]string{call.Workspace, All}, w.evidence.Epochs(call.Workspace)...)...)
	if err != nil {
		return site.Treatment{}, err
	}
	w.evidence.Heed(call.Workspace, settings[2:])
	own := &settings[0]
	t := site.Treatment{Clock: own.Clock}
	if call.Operation.Document().API == evidence.ControlAPI {
		return t, nil
	}
	if own.IDs.Source != storage.IDsRandom {
		if t.ExchangeID, err = w.evidence.NextID(ctx, call.Workspace); err != nil {
			return site.Treatment{}, err
		}
	}
	var concerned []string
	for i, name := range [...]string{call.Workspace, All} {
		if settings[i].Data == "" {
			continue
		}
		faults, err := w.sets.of(settings[i].Data)
		if err != nil {
			return site.Treatment{}, err
		}
		if len(faults.meeting(&call, settings[i].Clock.Now(w.now()))) > 0 {
			concerned = append(concerned, name)
		}
	}
	if len(concerned) > 0 {
		t.Fault, t.Force, err = w.faultOf(ctx, call, concerned)
	}
	if err != nil {
		return site.Treatment{}, err
	}
	return t, nil
}

// faultOf is fault for a call to the server.
func (w *Manager) faultOf(ctx context.Context, call site.Call, workspaces []string) (string, *site.Force, error) {
	return w.fault(ctx, workspaces, func(s *set, now time.Time) []*armed { return s.meeting(&call, now) })
}

// fault counts a call with the faults of these workspaces, in their order, and gives
// the one that is applied: "" if none is. What it was read by may have changed
// meanwhile: the transaction looks again.
func (w *Manager) fault(ctx context.Context, workspaces []string, meeting func(*set, time.Time) []*armed) (name string, force *site.Force, err error) {
	err = w.store.UpdateAll(ctx, workspaces, func(txs []storage.Tx) error {
		for _, tx := range txs {
			var err error
			if name, force, err = w.apply(tx, meeting); err != nil || name != "" {
				return err
			}
		}
		return nil
	})
	return name, force, err
}

// state counts the calls that a fault has met and was applied to.
type state struct {
	Met     int64 `json:"met"`
	Applied int64 `json:"applied"`
	// The window of a rate limit: when it began, and how many calls it served.
	Window time.Time `json:"window,omitzero"`
	Served int64     `json:"served,omitempty"`
}

// states holds the state of each fault that was met, by its name.
var states = storage.Collection[state]{Kind: "understudy.fault"}

// apply counts a call with the faults of a workspace that meet it, up to the one
// that is applied: its name is "" if none is.
func (w *Manager) apply(tx storage.Tx, meeting func(*set, time.Time) []*armed) (string, *site.Force, error) {
	settings, err := tx.Settings()
	if err != nil || settings.Data == "" {
		return "", nil, err
	}
	faults, err := w.sets.of(settings.Data)
	if err != nil {
		return "", nil, err
	}
	now := tx.Now()
	for _, f := range meeting(faults, now) {
		var s state
		item, err := states.Get(tx, f.Name)
		fresh := storage.IsNotFound(err)
		if err != nil && !fresh {
			return "", nil, err
		}
		s = item.Value
		force, applied := f.count(&s, now)
		if fresh {
			_, err = states.Insert(tx, f.Name, "", s)
		} else {
			_, err = states.Update(tx, f.Name, func(old *state) error {
				*old = s
				return nil
			})
		}
		if err != nil {
			return "", nil, err
		}
		if applied {
			return f.Name, force, nil
		}
	}
	return "", nil, nil
}

// count counts a call that the fault meets, and says what is done to it.
func (a *armed) count(s *state, now time.Time) (*site.Force, bool) {
	s.Met++
	if !a.selected(s) {
		return nil, false
	}
	do := &a.Do
	force := &site.Force{
		Delay: do.Delay.draw(a.When.Seed, s.Met), Connection: do.Connection, Undeclared: do.Undeclared,
		Example: do.Example, Header: do.Headers, Body: do.Body, Truncate: do.Truncate,
	}
	if do.Status != nil {
		force.Status = *do.Status
	}
	if do.RateLimit != nil {
		wait := s.serve(do.RateLimit, now)
		if wait > 0 {
			force.Status, force.Undeclared, force.RetryAfter = http.StatusTooManyRequests, true, wait
		} else if do.Delay == nil {
			return nil, false
		}
	}
	s.Applied++
	return force, true
}

// selected reports whether the fault is for the call that was counted last.
func (a *armed) selected(s *state) bool {
	if s.Met < a.from || (s.Met-a.from)%a.every != 0 {
		return false
	}
	if a.When.Times != nil && s.Applied >= *a.When.Times {
		return false
	}
	return a.When.Probability == nil || draw("probability", a.When.Seed, s.Met) < *a.When.Probability
}

// serve counts a call in the window of a rate limit, and gives the seconds to wait
// if it is over the limit: at least 1, else 0. A window begins with the first call
// behind the one before, and a clock that was put back begins a new one too.
func (s *state) serve(limit *RateLimit, now time.Time) int {
	end := s.Window.Add(time.Duration(limit.Seconds) * time.Second)
	if s.Window.IsZero() || now.Before(s.Window) || !now.Before(end) {
		s.Window, s.Served = now, 0
		end = now.Add(time.Duration(limit.Seconds) * time.Second)
	}
	if s.Served < limit.Requests {
		s.Served++
		return 0
	}
	return max(1, int(math.Ceil(end.Sub(now).Seconds())))
}

// draw gives a number from 0 to 1, without 1, that follows from a seed, the call's
// number and what it is for: the same in every run.
func draw(what string, seed, n int64) float64 {
	text := append([]byte("understudy fault\x00"), what...)
	text = binary.BigEndian.AppendUint64(append(text, 0), uint64(seed))
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(text, uint64(n)))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
}

// maxDelay is the longest delay, in milliseconds: the bound of the schema
// FaultDelay, to which what is drawn from a distribution is held too.
const maxDelay = 300_000

// draw gives the delay of the nth call.
func (d *Delay) draw(seed, n int64) time.Duration {
	var ms float64
	switch {
	case d == nil:
	case d.Fixed != nil:
		ms = *d.Fixed
	case d.Uniform != nil:
		ms = d.Uniform.From + (d.Uniform.To-d.Uniform.From)*draw("delay", seed, n)
	case d.LogNormal != nil:
		// Box and Muller's transformation; 1-u is never 0.
		z := math.Sqrt(-2*math.Log(1-draw("delay", seed, n))) * math.Cos(2*math.Pi*draw("angle", seed, n))
		ms = d.LogNormal.Median * math.Exp(d.LogNormal.Sigma*z)
	}
	return time.Duration(min(ms, maxDelay) * float64(time.Millisecond))
}
