package decision

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/understudy-api/understudy/server/decision/value"
)

// A Kind says what went wrong, in the words of the engine that is stood in for.
type Kind string

const (
	// KindContent is a document that is not a decision that can be loaded.
	KindContent Kind = "ContentError"
	// KindContentKind is a policy where a graph is needed.
	KindContentKind Kind = "ContentKindMismatch"
	// KindGraph is a graph whose nodes and edges cannot be walked.
	KindGraph Kind = "InvalidGraph"
	// KindNode is a node that failed.
	KindNode Kind = "NodeError"
	// KindDepth is more decisions within decisions than allowed.
	KindDepth Kind = "DepthLimitExceeded"
	// KindLoader is a key for which the loader has no decision.
	KindLoader Kind = "LoaderError"
	// KindContext is an input that is not JSON, or nested too deeply.
	KindContext Kind = "ContextError"
	// KindLimit is one of [Limits] that was reached. The vendor's engine has no such
	// limits, and no such kind.
	KindLimit Kind = "LimitExceeded"
)

// A Fault is what is wrong with a graph.
type Fault string

// The faults of graphs.
const (
	FaultMissingNode Fault = "missingNode"       // an edge begins or ends at no node
	FaultInputCount  Fault = "invalidInputCount" // not exactly one input node
	FaultCycle       Fault = "cyclicGraph"       // edges lead back to where they began
)

// An Error is a decision that could not be loaded or evaluated. It marshals to
// the JSON that the vendor's engine answers with.
type Error struct {
	Kind Kind
	// NodeID is the node that failed (KindNode), or that an edge names in vain
	// (KindGraph with FaultMissingNode), or in which a document breaks the format
	// (KindContent), if it is in one.
	NodeID string
	// Source is the reason. Empty where the kind says it all.
	Source string
	// Key is the decision that was asked for (KindLoader, KindContentKind).
	Key string
	// Fault and Count (of input nodes) tell KindGraph.
	Fault Fault
	Count int
	// Expected and Got tell KindContentKind.
	Expected, Got string
	// Trace is what ran before a node failed, where a trace was asked for.
	Trace *Trace

	cause error
	// traceData is what the failed node told before it failed.
	traceData value.Value
}

func nodeError(id, source string) *Error { return &Error{Kind: KindNode, NodeID: id, Source: source} }

func limitError(format string, args ...any) *Error {
	return &Error{Kind: KindLimit, Source: fmt.Sprintf(format, args...)}
}

// policyError refuses a policy. The vendor's engine executes them.
func policyError(key string) *Error {
	return &Error{Kind: KindContentKind, Expected: "graph", Got: "policy", Key: key}
}

// Unwrap returns what a loader, a handler or the context had to say.
func (e *Error) Unwrap() error { return e.cause }

// Error says what went wrong: for a node its source alone, as the vendor's engine
// has it when one decision reports the failure of another.
func (e *Error) Error() string {
	switch e.Kind {
	case KindDepth:
		return "Depth limit exceeded"
	case KindGraph:
		switch e.Fault {
		case FaultMissingNode:
			return "Missing node"
		case FaultInputCount:
			return "Invalid input node count: " + strconv.Itoa(e.Count)
		default:
			return "Cyclic graph detected"
		}
	case KindContentKind:
		text := "expected a " + e.Expected + ", got a " + e.Got
		if e.Key != "" {
			text = "'" + e.Key + "': " + text
		}
		return text + ": policies are not executed yet"
	case KindLoader:
		if e.Source == "" {
			return "Loader did not find item with key " + e.Key
		}
		return "Loader failed internally on key " + e.Key + ": " + e.Source + "."
	default:
		return e.Source
	}
}

// MarshalJSON writes the error as the vendor's engine does.
func (e *Error) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes.
func (e *Error) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"type":`...)
	dst = appendString(dst, string(e.Kind))
	member := func(name, text string) {
		dst = append(dst, ',', '"')
		dst = append(dst, name...)
		dst = append(dst, `":`...)
		dst = appendString(dst, text)
	}
	switch e.Kind {
	case KindNode:
		member("nodeId", e.NodeID)
		member("source", e.Source)
		if e.Trace != nil {
			dst = append(dst, `,"trace":`...)
			dst = e.Trace.AppendJSON(dst)
		}
	case KindGraph:
		dst = append(dst, `,"source":{"type":`...)
		dst = appendString(dst, string(e.Fault))
		switch e.Fault {
		case FaultMissingNode:
			member("nodeId", e.NodeID)
		case FaultInputCount:
			dst = append(dst, `,"nodeCount":`...)
			dst = strconv.AppendInt(dst, int64(e.Count), 10)
		}
		dst = append(dst, '}')
	case KindContentKind:
		member("expected", e.Expected)
		member("got", e.Got)
		member("key", e.Key)
	case KindLoader:
		member("key", e.Key)
		if e.Source != "" {
			member("source", e.Source)
		}
	case KindContent, KindContext, KindLimit:
		if e.NodeID != "" {
			member("nodeId", e.NodeID)
		}
		member("source", e.Source)
	}
	return append(dst, '}')
}

func appendString(dst []byte, s string) []byte { return value.String(s).AppendJSON(dst) }

var _ json.Marshaler = (*Error)(nil)
