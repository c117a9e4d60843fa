package decision

import (
	"context"
	"strconv"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// An Engine evaluates decisions. It may be used by many goroutines at once.
type Engine struct {
	loader    Loader
	functions FunctionHandler
	custom    CustomHandler
	clock     func() time.Time
	zone      *time.Location
	limits    Limits
	enlarge   func(context.Context) error
}

// An Option is a part of what an [Engine] has to work with.
type Option func(*Engine)

// WithLoader lets decisions refer to others. Without, a decision node fails.
func WithLoader(l Loader) Option { return func(e *Engine) { e.loader = l } }

// WithFunctions lets function nodes run. Without, they fail.
func WithFunctions(h FunctionHandler) Option { return func(e *Engine) { e.functions = h } }

// WithCustom lets custom nodes run. Without, they fail.
func WithCustom(h CustomHandler) Option { return func(e *Engine) { e.custom = h } }

// WithClock sets what expressions take for the present. Without, it is that of the
// system.
func WithClock(now func() time.Time) Option { return func(e *Engine) { e.clock = now } }

// WithZone sets the zone of dates that name none. Without, it is UTC.
func WithZone(zone *time.Location) Option { return func(e *Engine) { e.zone = zone } }

// WithLimits bounds evaluations.
func WithLimits(l Limits) Option { return func(e *Engine) { e.limits = l.withDefaults() } }

// WithEnlarge has evaluations call a function before they turn large, to wait for the
// memory that many share. It may be called again, and by several goroutines.
func WithEnlarge(f func(ctx context.Context) error) Option { return func(e *Engine) { e.enlarge = f } }

// New returns an engine.
func New(options ...Option) *Engine {
	e := &Engine{clock: time.Now, zone: time.UTC, limits: Limits{}.withDefaults()}
	for _, option := range options {
		option(e)
	}
	return e
}

// EvaluateOptions are those of one evaluation.
type EvaluateOptions struct {
	// Trace asks for what each node received and gave.
	Trace bool
	// MaxDepth is how many decisions may be evaluated within each other; 0 for that
	// of the engine's limits.
	MaxDepth int
	// Clock is the present of this evaluation; nil for the engine's.
	Clock func() time.Time
}

// Evaluate evaluates a decision on an input, which may be any value. An error is an
// [*Error], or that of the context once it ended.
func (e *Engine) Evaluate(ctx context.Context, d *Decision, input value.Value, options EvaluateOptions) (*Response, error) {
	response, err := e.evaluate(ctx, d, input, options)
	if err != nil {
		return nil, e.outward(ctx, err)
	}
	return response, nil
}

// EvaluateKey evaluates the decision that the engine's loader has for a key.
func (e *Engine) EvaluateKey(ctx context.Context, key string, input value.Value, options EvaluateOptions) (*Response, error) {
	d, err := e.load(ctx, key)
	if err != nil {
		return nil, e.outward(ctx, err)
	}
	return e.Evaluate(ctx, d, input, options)
}

// EvaluateJSON evaluates a decision on an input in JSON.
func (e *Engine) EvaluateJSON(ctx context.Context, d *Decision, input []byte, options EvaluateOptions) (*Response, error) {
	v, err := value.ParseLimited(input, value.Limits{Bytes: e.limits.InputBytes, Depth: e.limits.Depth})
	if err != nil {
		return nil, &Error{Kind: KindContext, Source: err.Error(), cause: err}
	}
	return e.Evaluate(ctx, d, v, options)
}

// outward makes of what went wrong what a caller is told. That the context ended is
// said by its own error.
func (e *Engine) outward(ctx context.Context, err *Error) error {
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	return err
}

func (e *Engine) evaluate(ctx context.Context, d *Decision, input value.Value, options EvaluateOptions) (*Response, *Error) {
	maxDepth := options.MaxDepth
	if maxDepth <= 0 {
		maxDepth = e.limits.MaxDepth
	}
	clock := options.Clock
	if clock == nil {
		clock = e.clock
	}
	left, merges := e.limits.Evaluations, e.limits.ResultBytes/8
	budget := zen.NewBudget(e.limits.Expression)
	budget.Share(e.enlarge)
	r := run{
		engine: e, ctx: ctx, traced: options.Trace, maxDepth: maxDepth, clock: clock, left: &left, merges: &merges,
		budget: budget,
	}
	response, err := r.evaluate(d, input, value.Value{}, false, 0)
	if err != nil {
		if err.Trace != nil {
			c := cleaner{left: e.limits.ResultBytes, maxDepth: e.limits.ResultDepth}
			if limit := c.trace(err.Trace); limit != nil {
				return nil, limit
			}
		}
		return nil, err
	}
	c := cleaner{left: e.limits.ResultBytes, maxDepth: e.limits.ResultDepth}
	if response.Result, err = c.clean(response.Result, 0); err == nil && response.Trace != nil {
		err = c.trace(response.Trace)
	}
	if err != nil {
		return nil, err
	}
	return response, nil
}

// A Response is what a decision answers.
type Response struct {
	// Performance is how long the evaluation took, as text: "30.9µs".
	Performance string
	Result      value.Value
	// Trace is nil unless asked for.
	Trace *Trace
}

// MarshalJSON writes the response as the vendor's engine does.
func (r *Response) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes.
func (r *Response) AppendJSON(dst []byte) []byte { return r.AppendJSONMode(dst, TraceJSON) }

// AppendJSONMode appends the response with its trace in one of the forms that the
// vendor's bindings know.
func (r *Response) AppendJSONMode(dst []byte, mode TraceMode) []byte {
	dst = append(dst, `{"performance":"`...)
	dst = append(dst, r.Performance...)
	dst = append(dst, `","result":`...)
	dst = r.Result.AppendJSON(dst)
	if r.Trace != nil {
		dst = append(dst, `,"trace":`...)
		dst = r.Trace.appendMode(dst, mode)
	}
	return append(dst, '}')
}

// performance words a duration as the reference does: one decimal and the largest
// unit of which there is at least one.
func performance(d time.Duration) string {
	var buf [24]byte
	b := buf[:0]
	unit, name := time.Nanosecond, "ns"
	switch {
	case d >= time.Second:
		unit, name = time.Second, "s"
	case d >= time.Millisecond:
		unit, name = time.Millisecond, "ms"
	case d >= time.Microsecond:
		unit, name = time.Microsecond, "\u00b5s"
	}
	tenths := (int64(d)*10 + int64(unit)/2) / int64(unit)
	b = strconv.AppendInt(b, tenths/10, 10)
	b = append(b, '.', byte('0'+tenths%10))
	return string(append(b, name...))
}
