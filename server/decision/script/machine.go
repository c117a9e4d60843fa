package script

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/quickjs"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

//go:embed internals.js
var internalsText string

// ownLine is where the lines of the internals begin: no script has as many. That is
// how their frames are told from a script's, since the engine calls both <eval>.
const (
	ownLine  = 2_000_000
	evalName = "<eval>"
)

// internals are compiled once, for all engines.
var internals = sync.OnceValues(func() ([]byte, error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, err
	}
	defer vm.Close()
	return vm.Compile(strings.Repeat("\n", ownLine)+"(() => { 'use strict';"+internalsText+"})()", quickjs.EvalGlobal)
})

// evalStrict has a script run in strict mode (JS_EVAL_FLAG_STRICT).
const evalStrict = 1 << 3

// scriptName is what the frames of a version 1 script are called.
const scriptName = "eval_script"

// A machine is one call: an engine, what it is asked to do and what it has said.
type machine struct {
	runner *Runner
	call   decision.FunctionCall
	ctx    context.Context
	limit  time.Duration
	name   string // of the script as a module

	began    time.Time
	changed  chan struct{} // the deadline
	deadline atomic.Int64  // after began
	timed    context.Context

	// vmMu guards vm against a watcher that interrupts what is being closed.
	vmMu  sync.Mutex
	vm    *quickjs.VM
	arena *arena

	settle, start, load quickjs.Value

	logMu    sync.Mutex
	log      []decision.LogEntry
	logBytes int
	large    bool // see enlarge

	pending  []*operation
	arrived  chan *operation
	running  int // operations that answer through arrived
	ready    bool
	finished bool
	output   value.Value
	err      *Error
}

// An operation is asynchronous work that a script waits for.
type operation struct {
	id   int
	due  time.Duration // after began; of a sleep
	work func() (string, error)
	ok   bool
	text string
}

func newMachine(ctx context.Context, r *Runner, call decision.FunctionCall, limit time.Duration) *machine {
	m := &machine{
		runner: r, call: call, ctx: ctx, limit: limit, began: time.Now(),
		name:    "node:" + strings.ReplaceAll(call.NodeID, "\x00", ""),
		arrived: make(chan *operation), changed: make(chan struct{}, 1),
	}
	if call.Version == 1 {
		// The libraries of version 1 are loaded before its time begins.
		m.deadline.Store(int64(max(limit, DefaultTimeLimit)))
	} else {
		m.deadline.Store(int64(limit))
	}
	return m
}

func (m *machine) until() time.Time { return m.began.Add(time.Duration(m.deadline.Load())) }

// left arms the engine's own clock for what is run next. There is nothing left once
// the context ended.
func (m *machine) left() bool {
	left := time.Until(m.until())
	if left <= 0 || m.ctx.Err() != nil {
		return false
	}
	if m.call.Enlarge != nil {
		left += maxEnlarging // the watcher knows better
	}
	_ = m.vm.SetEvalTimeout(left)
	return true
}

const (
	// maxEnlarging is how long a call waits until it may take much memory. It does not
	// count as the script's time.
	maxEnlarging = 30 * time.Second
	// largeText is from how many bytes on a log or a result is much.
	largeText = 1 << 20
)

// enlarge waits until the call may take much memory.
func (m *machine) enlarge() bool {
	if m.call.Enlarge == nil || m.large {
		return true
	}
	began := time.Now()
	m.deadline.Add(int64(maxEnlarging))
	ctx, cancel := context.WithTimeout(m.ctx, maxEnlarging)
	defer cancel()
	m.large = m.call.Enlarge(ctx) == nil
	m.deadline.Add(int64(time.Since(began) - maxEnlarging))
	select {
	case m.changed <- struct{}{}:
	default:
	}
	return m.large
}

// interrupt asks the engine to stop, from another goroutine; by force closes its
// memory, and reports whether it could.
func (m *machine) interrupt(force bool) bool {
	m.vmMu.Lock()
	defer m.vmMu.Unlock()
	switch {
	case m.vm == nil:
		return false
	case force && m.arena != nil:
		m.arena.close()
		return m.arena.closed
	}
	m.vm.Interrupt()
	return false
}

func (m *machine) open() *Error {
	vm, arena, err := newVM(m.runner.memory)
	if err != nil {
		return failf("%v", err)
	}
	// A quarter is left for what is copied out: result, log, the parts of an array
	// that grows. Functions within functions get ever less: all are there at once.
	vm.SetMemoryLimit(uintptr(max(m.runner.memory/4*3>>m.call.Within, min(m.runner.memory/4*3, small))))
	vm.SetMaxStackSize(stackSlots)
	vm.SetCanBlock(false)
	vm.SetModuleLoader(m.source, m.resolve)
	m.vmMu.Lock()
	m.vm, m.arena = vm, arena
	m.vmMu.Unlock()
	if arena != nil {
		arena.enlarge = m.enlarge
	}
	if err := vm.RegisterHostFunc("__host", m.host); err != nil {
		return failf("%v", err)
	}
	err = vm.RegisterFunc("__boot", func(settle, start, load quickjs.Value) {
		m.settle, m.start, m.load = settle.Dup(), start.Dup(), load.Dup()
	}, false)
	if err != nil {
		return failf("%v", err)
	}
	code, err := internals()
	if err != nil {
		return failf("%v", err)
	}
	m.left()
	if _, err := vm.EvalBytecode(code); err != nil {
		return m.failure(err)
	}
	return nil
}

// close closes the engine; a broken one is in no state to be asked anything.
func (m *machine) close(broken bool) {
	m.vmMu.Lock()
	vm, arena := m.vm, m.arena
	m.vm = nil
	m.vmMu.Unlock()
	switch {
	case vm == nil:
		return
	case arena != nil && (broken || arena.closed):
		arena.close()
		closeBroken(vm)
		arena.free()
		return
	case broken: // it is left as it is
		return
	}
	if m.start.VM() != nil {
		m.settle.Free()
		m.start.Free()
		m.load.Free()
	}
	_ = vm.Close()
	if arena != nil {
		arena.free()
	}
}

// run opens an engine and runs the script in it until its handler has answered.
func (m *machine) run() (value.Value, *Error) {
	timed, cancel := context.WithCancel(m.ctx)
	defer cancel()
	m.timed = timed
	if err := m.open(); err != nil {
		return value.Value{}, err
	}
	if m.call.Version == 1 {
		if m.wants(needsDayjs) || m.wants(needsBig) {
			m.invoke(m.load)
			m.loop(func() bool { return m.ready })
		}
		if m.err != nil {
			return value.Value{}, m.err
		}
		m.deadline.Store(int64(time.Since(m.began) + m.limit))
	}
	m.invoke(m.start)
	if m.call.Version == 1 && m.err == nil {
		m.runScript()
	}
	m.loop(func() bool { return m.finished })
	if m.err != nil {
		return value.Value{}, m.err
	}
	return m.output, nil
}

// runScript runs a script of version 1 and what its internals end it with.
func (m *machine) runScript() {
	if !m.left() {
		m.fail(m.interrupted())
		return
	}
	r, err := m.vm.EvalValue(m.call.Source+";main()", quickjs.EvalGlobal|evalStrict)
	if err != nil {
		m.fail(m.failure(err))
		return
	}
	r.Free()
	if !m.finished {
		m.fail(&Error{text: "Failed to parse function result"})
	}
}

// invoke calls one of the functions that the internals gave.
func (m *machine) invoke(f quickjs.Value, args ...any) {
	if !m.left() {
		m.fail(m.interrupted())
		return
	}
	if r, err := f.CallValue(quickjs.UndefinedValue, args...); err != nil {
		m.fail(m.failure(err))
	} else {
		r.Free()
	}
}

func (m *machine) fail(err *Error) {
	if m.err == nil && !m.finished {
		m.err = err
	}
	m.finished = true
}

// loop runs what is due until the script has come to an end.
func (m *machine) loop(done func() bool) {
	for !m.finished && !done() {
		if !m.left() {
			m.fail(m.interrupted())
			return
		}
		_, err := m.vm.ExecutePendingJobs()
		switch {
		case m.finished || done():
			return
		case time.Now().After(m.until()):
			m.fail(m.interrupted())
			return
		case errors.As(err, new(*quickjs.Error)):
			m.fail(m.failure(err))
			return
		case err != nil: // many jobs, and more to come
			continue
		}
		op, err := m.next()
		if err != nil {
			m.fail(m.interrupted())
			return
		}
		if op == nil {
			m.fail(failf("the handler waits for a promise that nothing can settle"))
			return
		}
		m.invoke(m.settle, op.id, op.ok, op.text)
	}
}

// next waits for the first operation to come to an end; nil when there is none.
func (m *machine) next() (*operation, error) {
	first := -1
	for i, op := range m.pending {
		if op.work != nil { // work that is done here, in the order asked for
			m.pending = append(m.pending[:i], m.pending[i+1:]...)
			op.answer(op.work())
			return op, nil
		}
		if first < 0 || op.due < m.pending[first].due {
			first = i
		}
	}
	if first < 0 && m.running == 0 {
		return nil, nil
	}
	var due <-chan time.Time
	if first >= 0 {
		timer := time.NewTimer(time.Until(m.began.Add(m.pending[first].due)))
		defer timer.Stop()
		due = timer.C
	}
	end := time.NewTimer(time.Until(m.until()))
	defer end.Stop()
	select {
	case op := <-m.arrived:
		m.running--
		return op, nil
	case <-due:
		op := m.pending[first]
		m.pending = append(m.pending[:first], m.pending[first+1:]...)
		op.ok = true
		return op, nil
	case <-m.ctx.Done():
		return nil, m.ctx.Err()
	case <-end.C:
		return nil, context.DeadlineExceeded
	}
}

func (op *operation) answer(text string, err error) {
	op.ok, op.text = err == nil, text
	if err != nil {
		op.text = err.Error()
	}
}

// begin starts an operation that a script asks for.
func (m *machine) begin(id int, kind, payload string) error {
	op := &operation{id: id}
	switch kind {
	case "sleep":
		var ms float64
		if err := json.Unmarshal([]byte(payload), &ms); err != nil {
			ms = 1e12 // beyond every limit
		}
		op.due = time.Since(m.began) + time.Duration(min(ms, 1e12))*time.Millisecond
		m.pending = append(m.pending, op)
	case "evaluate":
		op.work = func() (string, error) { return m.evaluate(payload) }
		m.pending = append(m.pending, op)
	case "http":
		if m.running >= maxRequests {
			return fmt.Errorf("more than %d requests at once", maxRequests)
		}
		m.running++
		go func() {
			ctx, cancel := context.WithDeadline(m.timed, m.until())
			defer cancel()
			op.answer(m.runner.request(ctx, payload))
			select {
			case m.arrived <- op:
			case <-m.timed.Done():
			}
		}()
	}
	return nil
}

// host is what the internals call.
func (m *machine) host(args []any) (any, error) {
	text := func(i int) string {
		if i >= len(args) {
			return ""
		}
		s, _ := args[i].(string)
		return s
	}
	switch text(0) {
	case "setting":
		return m.setting()
	case "input":
		return string(m.call.Input.AppendJSON(nil)), nil
	case "nodes":
		if m.call.Nodes.IsNull() {
			return "{}", nil
		}
		return string(m.call.Nodes.AppendJSON(nil)), nil
	case "now":
		return float64(m.now().UnixMilli()), nil
	case "log":
		return nil, m.record(text(1))
	case "expression", "unary":
		return m.expression(text(0) == "unary", text(1), text(2)), nil
	case "start":
		id, _ := args[1].(int)
		return nil, m.begin(id, text(2), text(3))
	case "ready":
		m.ready = true
	case "absent":
		return m.runner.modules.explain(text(1), strings.TrimPrefix(text(2), resolvePrefix)), nil
	case "done":
		m.done(text(1))
	case "fail":
		m.fail(m.told(text(1), text(2), text(3)))
	}
	return nil, nil
}

func (m *machine) now() time.Time {
	if m.call.Clock == nil {
		return time.Now()
	}
	return m.call.Clock()
}

var (
	needsDayjs = regexp.MustCompile(`\b(dayjs|moment)\b`)
	needsBig   = regexp.MustCompile(`\bBig\b`)
)

func (m *machine) wants(library *regexp.Regexp) bool { return library.MatchString(m.call.Source) }

// A setting is what the internals are told about the call.
type setting struct {
	Version   int    `json:"version"`
	Name      string `json:"name"`
	Trace     bool   `json:"trace"`
	Iteration int    `json:"iteration"`
	MaxDepth  int    `json:"maxDepth"`
	Dayjs     bool   `json:"dayjs"`
	Big       bool   `json:"big"`
	MaxValues int    `json:"maxValues"`
	Frames    string `json:"frames"` // how frames of the internals begin
}

func (m *machine) setting() (string, error) {
	data, err := json.Marshal(setting{
		Version: m.call.Version, Name: m.name, Trace: m.call.Trace,
		Iteration: m.call.Iteration, MaxDepth: m.call.MaxDepth,
		Dayjs: m.call.Version == 1 && m.wants(needsDayjs), Big: m.call.Version == 1 && m.wants(needsBig),
		MaxValues: m.maxValues(), Frames: "(" + evalName + ":",
	})
	return string(data), err
}

var errNoRoom = errors.New("other evaluations take the memory for large ones")

// maxValues is how many values a result may have: one takes some 64 bytes.
func (m *machine) maxValues() int { return max(m.runner.memory/64, 10_000) }

// record keeps a line of the log. What is logged counts as memory.
func (m *machine) record(lines string) error {
	var texts []*string
	if err := json.Unmarshal([]byte(lines), &texts); err != nil {
		return err
	}
	m.logMu.Lock()
	defer m.logMu.Unlock()
	if m.logBytes += len(lines) + 64; m.logBytes > m.runner.memory/4 {
		return fmt.Errorf("more than %d bytes of log", m.runner.memory/4)
	}
	if m.logBytes > largeText && !m.enlarge() {
		return errNoRoom
	}
	entry := decision.LogEntry{Lines: make([]string, len(texts)), Since: time.Since(m.began)}
	for i, text := range texts {
		if text != nil {
			entry.Lines[i] = *text
		}
	}
	m.log = append(m.log, entry)
	return nil
}

func (m *machine) logged() []decision.LogEntry {
	m.logMu.Lock()
	defer m.logMu.Unlock()
	return append([]decision.LogEntry{}, m.log...)
}

// done takes the handler's result.
func (m *machine) done(text string) {
	if m.finished {
		return
	}
	m.finished = true
	if len(text) > m.runner.memory/4 {
		m.err = failf("the result has %d bytes, at most %d are allowed", len(text), m.runner.memory/4)
		return
	}
	if len(text) > largeText && !m.enlarge() {
		m.err = failf("%v", errNoRoom)
		return
	}
	v, err := decode(text, m.call.Version == 1, m.maxValues())
	switch {
	case err == nil:
		m.output = v
	case m.call.Version == 1:
		m.err = &Error{text: "Failed to parse function result"}
	default:
		m.err = failf("%v", err)
	}
}

// expression answers with the value as JSON, or with the error after an exclamation
// mark.
func (m *machine) expression(unary bool, source, context string) string {
	v, err := m.evaluateExpression(unary, source, context)
	if err != nil {
		return "!" + err.Error()
	}
	return string(v.AppendJSON(nil))
}

func (m *machine) evaluateExpression(unary bool, source, context string) (value.Value, error) {
	root, err := decode(context, false, m.maxValues())
	if err != nil {
		return value.Value{}, err
	}
	compile := zen.Compile
	if unary {
		compile = zen.CompileUnary
	}
	program, err := compile(source)
	if err != nil {
		return value.Value{}, err
	}
	env := &zen.Env{Root: root, Clock: m.call.Clock, Zone: m.call.Zone, Context: m.timed, Limits: &m.runner.expressions}
	if unary {
		ok, err := program.Test(env)
		return value.Bool(ok), err
	}
	return program.Eval(env)
}

// evaluate evaluates another decision: payload is its key, whether a trace is wanted
// and the input.
func (m *machine) evaluate(payload string) (string, error) {
	v, err := decode(payload, false, m.maxValues())
	if err != nil {
		return "", err
	}
	if m.call.Evaluate == nil {
		return "", errors.New("no other decisions can be evaluated here")
	}
	ctx, cancel := context.WithDeadline(m.timed, m.until())
	defer cancel()
	args := v.AsArray()
	response, err := m.call.Evaluate(ctx, args[0].AsString(), args[2], args[1].AsBool())
	if err != nil {
		return "", err
	}
	return string(response.AppendJSON(nil)), nil
}
