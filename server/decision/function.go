package decision

import (
	"context"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
)

// A FunctionHandler runs the JavaScript of function nodes. It is called by many
// goroutines at once.
type FunctionHandler interface {
	// Run calls the script's handler. An error's text is what the node reports as
	// the source of its NodeError; what was logged until then is returned with it.
	Run(ctx context.Context, call FunctionCall) (FunctionResult, error)
}

// A FunctionCall is one execution of a function node.
type FunctionCall struct {
	NodeID string
	Source string
	// Version 1 is a script that defines a handler of two arguments, 2 an ES module
	// that exports one.
	Version int
	// Input is what reached the node, without "$nodes".
	Input value.Value
	// Nodes holds the outputs of the nodes that ran before, by name.
	Nodes value.Value
	// Iteration counts the decisions around this one, MaxDepth is how many there
	// may be.
	Iteration, MaxDepth int
	// Within counts the functions that wait for this one.
	Within int
	// Trace says whether what the script logs is wanted.
	Trace bool
	// Evaluate evaluates another decision, found by the engine's Loader, one level
	// deeper than this one.
	Evaluate func(ctx context.Context, key string, input value.Value, trace bool) (*Response, error)
	// Enlarge waits until the evaluation may take much memory; nil if it always may.
	Enlarge func(ctx context.Context) error
	// Clock and Zone are those of the evaluation.
	Clock func() time.Time
	Zone  *time.Location
}

// A FunctionResult is what a function node produced.
type FunctionResult struct {
	Output value.Value
	Log    []LogEntry
}

// A LogEntry is one call of console.log.
type LogEntry struct {
	// Lines holds each argument as JSON text.
	Lines []string
	// Since is the time since the script was started.
	Since time.Duration
}
