// Package script runs the function nodes of decisions: JavaScript, in an engine
// that is Go itself (QuickJS), so that it needs no C compiler and no other process.
//
// A [Runner] is the function handler of a decision engine:
//
//	engine := decision.New(decision.WithFunctions(script.New()))
//
// Version 2 of a function is an ES module that exports handler; version 1 a script
// that defines one. TypeScript's annotations are stripped. Every call has an engine
// of its own, so that nothing is left for the next one.
//
// A script can neither read files nor open connections. What it may import comes
// from the folder named by [WithModules]; its module "http" works only with
// [WithHTTP]. It ends at its time limit and within its memory limit. Loops within a
// native function (a search in a text of megabytes) cannot be stopped by the engine:
// such a call is answered in time all the same and abandoned, its memory closed; it
// ends by itself, and while too many of them run no further script is started.
package script

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// The limits that hold where none are given.
const (
	// DefaultTimeLimit is that of a function of version 2, DefaultTimeLimitV1 of one
	// of version 1. Both are those of the vendor's engine.
	DefaultTimeLimit   = 5 * time.Second
	DefaultTimeLimitV1 = 500 * time.Millisecond
	// DefaultMemoryLimit is what the engine of one call may take, in bytes.
	DefaultMemoryLimit = 64 << 20
)

const (
	// stackSlots bounds recursion: 4,000 calls, 30 MB of stack at most.
	stackSlots = 4000
	// grace is how long an interrupted script may take to notice, twice.
	grace = 50 * time.Millisecond
	// maxAbandoned is how many calls may go on after they were given up.
	maxAbandoned = 4
	// maxSource is the length of a script in bytes.
	maxSource = 1 << 20
)

// A Runner runs the scripts of function nodes. It may be used by many goroutines at
// once.
type Runner struct {
	limit, limitV1 time.Duration
	memory         int
	modules        *modules
	client         *http.Client
	expressions    zen.Limits

	sources   cache
	abandoned atomic.Int32
}

// An Option changes how scripts run.
type Option func(*Runner)

// WithTimeLimit sets how long a script may run, whatever its version.
func WithTimeLimit(d time.Duration) Option {
	return func(r *Runner) { r.limit, r.limitV1 = d, d }
}

// WithMemoryLimit sets how many bytes the engine of one call may take: 1 MiB or more.
func WithMemoryLimit(bytes int) Option {
	return func(r *Runner) { r.memory = max(bytes, 1<<20) }
}

// WithModules lets scripts import npm packages from a node_modules folder: dayjs,
// big.js and zod, as the vendor's engine has them, or those that are named instead.
// Nothing outside the folder is read, symbolic links included. Files are read when
// they are first imported, and again never.
func WithModules(folder string, names ...string) Option {
	return func(r *Runner) { r.modules = newModules(folder, names) }
}

// WithHTTP lets scripts make requests with their module "http". The transport is
// asked for each of them, redirects included; it decides what is allowed by refusing
// with an error. Without this option every request fails.
func WithHTTP(transport http.RoundTripper) Option {
	return func(r *Runner) { r.client = &http.Client{Transport: transport} }
}

// New returns a Runner.
func New(options ...Option) *Runner {
	r := &Runner{limit: DefaultTimeLimit, limitV1: DefaultTimeLimitV1, memory: DefaultMemoryLimit}
	for _, option := range options {
		option(r)
	}
	if r.modules == nil {
		r.modules = newModules("", nil)
	}
	r.expressions = zen.Limits{Elements: int64(r.memory / 256), Bytes: int64(r.memory / 4)}
	return r
}

// An Error is a script that failed. Its text is what the vendor's engine reports as
// the source of the node's error.
type Error struct {
	text string
	// Interrupted is set when the time was up, Memory when the memory was used up.
	Interrupted, Memory bool
}

func (e *Error) Error() string { return e.text }

func failf(format string, args ...any) *Error {
	return &Error{text: fmt.Sprintf("Error: "+format+"\n", args...)}
}

var _ decision.FunctionHandler = (*Runner)(nil)

// Run runs the handler of a script. An error is an [*Error], or that of the context
// once it ended.
func (r *Runner) Run(ctx context.Context, call decision.FunctionCall) (decision.FunctionResult, error) {
	if err := ctx.Err(); err != nil {
		return decision.FunctionResult{}, err
	}
	began := time.Now()
	result, failure := r.run(ctx, call)
	if failure == nil {
		return result, nil
	}
	if err := ctx.Err(); err != nil {
		return decision.FunctionResult{}, err
	}
	if call.Version == 1 {
		return decision.FunctionResult{}, failure
	}
	if call.Trace {
		result.Log = append(result.Log, decision.LogEntry{
			Lines: []string{quoted(failure.text)},
			Since: time.Since(began),
		})
	}
	return result, failure
}

func (r *Runner) run(ctx context.Context, call decision.FunctionCall) (decision.FunctionResult, *Error) {
	limit := r.limit
	if call.Version == 1 {
		limit = r.limitV1
	}
	if len(call.Source) > maxSource {
		return decision.FunctionResult{}, failf("the source has %d bytes, at most %d are allowed", len(call.Source), maxSource)
	}
	if n := r.abandoned.Load(); n >= maxAbandoned {
		return decision.FunctionResult{}, failf("%d scripts that could not be interrupted are still running", n)
	}
	if call.Version != 1 {
		call.Source = r.stripped(call.Source)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	return r.watch(inner, cancel, newMachine(inner, r, call, limit))
}

// watch runs a machine in a goroutine of its own, whose stack goes with it, and
// answers in its place when it does not end in time.
func (r *Runner) watch(ctx context.Context, cancel func(), m *machine) (decision.FunctionResult, *Error) {
	done := make(chan outcome, 1)
	// Whoever takes an abandoned call back counts it out.
	var given atomic.Bool
	back := func() {
		if given.CompareAndSwap(true, false) {
			r.abandoned.Add(-1)
		}
	}
	go func() {
		done <- m.guarded()
		back()
	}()
	timer := time.NewTimer(time.Until(m.until()))
	defer timer.Stop()
	for waiting := true; waiting; {
		select {
		case o := <-done:
			return o.result, o.err
		case <-ctx.Done():
			waiting = false
		case <-m.changed:
			timer.Reset(time.Until(m.until()))
		case <-timer.C:
			// The time of version 1 begins later.
			if left := time.Until(m.until()); left > 0 {
				timer.Reset(left)
				continue
			}
			waiting = false
		}
	}
	// Interrupt until it is noticed, then by force.
	cancel()
	for _, force := range []bool{false, true} {
		tick := time.NewTicker(grace / 10)
		defer tick.Stop()
		for end := time.Now().Add(grace); time.Now().Before(end); {
			m.interrupt(force)
			select {
			case o := <-done:
				return o.result, o.err
			case <-tick.C:
			}
		}
	}
	r.abandoned.Add(1)
	given.Store(true)
	select {
	case o := <-done: // just now
		back()
		return o.result, o.err
	default:
	}
	return decision.FunctionResult{Log: m.logged()}, m.interrupted()
}

type outcome struct {
	result decision.FunctionResult
	err    *Error
}

// guarded runs the machine and makes errors of what panics in the engine.
func (m *machine) guarded() (o outcome) {
	debug.SetPanicOnFault(true)
	defer func() {
		p := recover()
		if p != nil {
			o.err = m.panicked(p)
		}
		m.close(p != nil)
		o.result.Log = m.logged()
	}()
	o.result.Output, o.err = m.run()
	return o
}

// quoted is a text as JSON.
func quoted(text string) string { return string(value.String(text).AppendJSON(nil)) }

// cache keeps what was made of the scripts seen last.
type cache struct {
	mu      sync.Mutex
	entries map[string]string
}

const maxCached = 256

func (c *cache) get(key string, prepare func() string) string {
	c.mu.Lock()
	text, ok := c.entries[key]
	c.mu.Unlock()
	if ok {
		return text
	}
	text = prepare()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxCached {
		c.entries = map[string]string{}
	}
	c.entries[key] = text
	return text
}
