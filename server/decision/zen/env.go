package zen

import (
	"context"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
)

// Env is what an expression is evaluated in. It belongs to one goroutine at a
// time; its fields may be changed between evaluations, and keeping one for many
// saves allocations.
type Env struct {
	// Root holds the variables, an object normally. It is never modified.
	Root value.Value
	// Reference is "$", in front of a member of that name in Root.
	Reference    value.Value
	HasReference bool
	// Nodes is "$nodes", in front of a member of that name in Root.
	Nodes    value.Value
	HasNodes bool
	// Clock tells what d(), isToday and their like take for now; nil is time.Now.
	Clock func() time.Time
	// Zone is the zone of dates that name none; nil is UTC.
	Zone *time.Location
	// Limits bound each evaluation, Budget all of them together, if given; nil is
	// [DefaultLimits].
	Limits *Limits
	Budget *Budget
	// Context ends the evaluation when it is done; nil never does.
	Context context.Context

	frame frame
}

// referenced reports whether there is a "$".
func (e *Env) referenced() bool {
	if e.HasReference {
		return true
	}
	if e.Root.Kind() != value.KindObject {
		return false
	}
	_, ok := e.Root.AsObject().Get("$")
	return ok
}

// frame is the state of one evaluation.
type frame struct {
	env *Env
	// root is the environment: the caller's until something is assigned.
	root value.Value
	// overlay says that the caller's "$" and "$nodes" stand in front of root.
	overlay bool
	// owned is root's map while nobody else has seen it.
	owned *value.Map
	// whole caches root with what stands in front of it.
	whole    value.Value
	hasWhole bool
	// assigned collects what the current chain of assignments made.
	assigned *value.Map
	// slots hold the current items of the closures, args those of calls.
	slots []value.Value
	args  []value.Value
	// own is the budget of this evaluation alone, under limits.
	own    Budget
	limits Limits
	budget *Budget
	// tick counts down to the next look at the context.
	tick int
}

const ticks = 1024

func (f *frame) start(env *Env, slots int) error {
	f.env, f.root = env, env.Root
	f.overlay = env.HasReference || env.HasNodes
	if f.hasWhole || f.owned != nil || f.assigned != nil {
		f.whole, f.hasWhole, f.owned, f.assigned = value.Value{}, false, nil, nil
	}
	switch {
	case env.Budget != nil:
		f.budget = env.Budget
	case env.Limits != nil:
		f.limits = env.Limits.orDefault()
		f.own.fill(&f.limits)
		f.budget = &f.own
	default:
		f.own.fill(&defaultLimits)
		f.budget = &f.own
	}
	if len(f.slots) < slots {
		f.slots = make([]value.Value, slots)
	}
	f.args = f.args[:0]
	f.tick = ticks
	if env.Context != nil {
		return f.alive()
	}
	return nil
}

// alive returns an error when the context has ended.
func (f *frame) alive() error {
	f.tick = ticks
	if f.env.Context == nil {
		return nil
	}
	if err := f.env.Context.Err(); err != nil {
		return ended(err)
	}
	return nil
}

func ended(err error) *Error {
	return &Error{Kind: KindVM, Source: "Evaluation ended: " + err.Error(), cause: err}
}

// step pays for n looks at an element or a piece of text.
func (f *frame) step(n int) error {
	if f.budget.steps -= int64(n); f.budget.steps < 0 {
		return limitError("Evaluation takes more than %d steps", f.budget.limits.Steps)
	}
	if f.tick -= n; f.tick < 0 {
		return f.alive()
	}
	return nil
}

// longText is the length from which on looking at a text is paid for.
const longText = 512

// read pays for looking at a value, which costs something when it is a long text.
func (f *frame) read(v value.Value) error {
	if v.Kind() != value.KindString || len(v.AsString()) < longText {
		return nil
	}
	return f.step(len(v.AsString()) / 64)
}

// grow pays for n new elements.
func (f *frame) grow(n int) error {
	if f.budget.elements -= int64(n); f.budget.elements < 0 {
		return limitError("Evaluation makes more than %d elements", f.budget.limits.Elements)
	}
	if f.budget.elements < f.budget.largeElements {
		return f.budget.enter(f.env.Context)
	}
	return nil
}

// write pays for n bytes of new text.
func (f *frame) write(n int) error {
	if f.budget.bytes -= int64(n); f.budget.bytes < 0 {
		return limitError("Evaluation makes more than %d bytes of text", f.budget.limits.Bytes)
	}
	if f.budget.bytes < f.budget.largeBytes {
		return f.budget.enter(f.env.Context)
	}
	return nil
}

func (f *frame) calendar() value.Calendar {
	c := value.Calendar{Now: f.env.Clock, Zone: f.zone()}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (f *frame) zone() *time.Location {
	if f.env.Zone == nil {
		return time.UTC
	}
	return f.env.Zone
}

// variable looks a name up.
func (f *frame) variable(name string) (value.Value, error) {
	switch f.root.Kind() {
	case value.KindObject:
		v, _ := f.root.AsObject().Get(name)
		return v, nil
	case value.KindNull:
		return value.Value{}, nil
	default:
		return value.Value{}, errEnv
	}
}

// reference returns "$".
func (f *frame) reference() (value.Value, error) {
	if f.overlay && f.env.HasReference {
		return f.env.Reference, nil
	}
	return f.special("$")
}

// special looks "$" or "$nodes" up.
func (f *frame) special(name string) (value.Value, error) {
	if f.overlay {
		if name == "$" && f.env.HasReference {
			return f.env.Reference, nil
		}
		if name == "$nodes" && f.env.HasNodes {
			return f.env.Nodes, nil
		}
	}
	return f.variable(name)
}

// original looks a name up as it was before anything was assigned.
func (f *frame) original(name string) value.Value {
	e := f.env
	if name == "$" && e.HasReference {
		return e.Reference
	}
	if name == "$nodes" && e.HasNodes {
		return e.Nodes
	}
	if e.Root.Kind() != value.KindObject {
		return value.Value{}
	}
	v, _ := e.Root.AsObject().Get(name)
	return v
}

// environment returns what $root is: all variables, with what stands in front.
func (f *frame) environment() value.Value {
	if f.owned != nil {
		f.owned = nil // it is seen from now on
	}
	if !f.overlay || f.root.Kind() != value.KindObject && f.root.Kind() != value.KindNull {
		return f.root
	}
	if !f.hasWhole {
		f.whole, f.hasWhole = value.Object(f.merged()), true
	}
	return f.whole
}

// merged copies root with what stands in front of it.
func (f *frame) merged() *value.Map {
	m := value.NewMap(2)
	if f.root.Kind() == value.KindObject {
		m = f.root.AsObject().Clone()
	}
	if f.overlay && f.env.HasReference {
		m.Set("$", f.env.Reference)
	}
	if f.overlay && f.env.HasNodes {
		m.Set("$nodes", f.env.Nodes)
	}
	return m
}
