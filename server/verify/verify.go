// Package verify aims at a server and finds where it breaks its contract: the
// OpenAPI document it is said to serve, and the laws that hold for any API with
// state. docs/verify.md tells what each check means and what it lets pass.
//
// A run has four phases. Examples sends what the document gives as examples,
// coverage every boundary of every parameter and body keyword, fuzzing random
// values, valid and broken in one place, and stateful creates, reads, updates and
// deletes what the document lets it. What is found is made smaller while it still
// fails, and stands in a [Finding] with the call that reproduces it.
//
// The package knows OpenAPI and HTTP. It knows none of the served APIs.
package verify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// Phase is a part of a run.
type Phase string

// The phases, in the order in which they run.
const (
	PhaseExamples Phase = "examples"
	PhaseCoverage Phase = "coverage"
	PhaseFuzzing  Phase = "fuzzing"
	PhaseStateful Phase = "stateful"
)

// Phases lists all phases in their order.
func Phases() []Phase {
	return []Phase{PhaseExamples, PhaseCoverage, PhaseFuzzing, PhaseStateful}
}

// Defaults of [Options].
const (
	DefaultMaxExamples = 50
	DefaultTimeout     = 10 * time.Second
)

// Options say what to verify and how. A document and either a URL or a handler are
// needed; the zero value of everything else is the default.
type Options struct {
	Document *Document
	// URL is the base of the server, with the path that stands before those of the
	// document.
	URL string
	// Handler is verified in the process, without a socket, if there is no URL.
	Handler http.Handler
	// Client sends the requests; nil for one of its own. Redirects are never
	// followed.
	Client *http.Client
	// TLS and Proxy are of the client that a run makes itself: which authorities it
	// trusts, which certificate it shows, by which proxy it goes. Without a proxy it is
	// that of the environment.
	TLS   *tls.Config
	Proxy *url.URL

	// Authorization is the value of that header for every operation that asks for a
	// credential and has none in Credentials: "Bearer secret".
	Authorization string
	// Credentials are values by the name of the security scheme: a token, or
	// "user:password" for basic.
	Credentials map[string]string
	// Header is sent with every request. Its values count as secrets.
	Header http.Header

	// Values are for parameters and members of bodies by their names, such as the ids
	// of things that there are: {"customerId": {"42"}}.
	Values map[string][]string

	Operations []string // globs of operationIds or "METHOD /path", or as [Options.Exclude]; none is all
	// Exclude are those that are left out: globs, or "tag:GLOB", "path:GLOB", "method:GET",
	// "re:EXPRESSION" over both forms of the name, or "deprecated".
	Exclude []string
	Phases  []Phase  // none is all
	Checks  []string // names; none is all
	Exempt  []Exemption

	MaxExamples     int           // random requests per operation, and walks per resource; 0 is DefaultMaxExamples, less than 0 none
	Seed            uint64        // of all that is random; 0 draws one
	TimeLimit       time.Duration // of the whole run; 0 is none
	Workers         int           // requests at a time; 0 is twice the processors
	Rate            float64       // requests per second; 0 is no limit
	Timeout         time.Duration // of one request; 0 is DefaultTimeout
	MaxResponseTime time.Duration // what the check max_response_time allows; 0 switches it off

	// Progress is told how far a run is, a few times a second and at the end of each
	// phase, from one goroutine at a time.
	Progress func(Progress)
}

// Exemption keeps a check from judging some operations.
type Exemption struct {
	Check     string // name of the check
	Operation string // glob
	Reason    string
}

// Progress is how far a run is.
type Progress struct {
	Phase    Phase
	Done     int // jobs of the phase
	Jobs     int
	Ended    bool // the phase has ended
	Requests int64
	Findings int
	Elapsed  time.Duration
}

// Result is what a run found.
type Result struct {
	Document *contract.Document
	Seed     uint64
	From, To time.Time
	Requests int64
	Findings []Finding     // each kind once, in the order of the document and the checks
	Warnings []string      // what made the run shallow, and what was left out
	Phases   []PhaseResult // those that ran
	Usage    []Usage       // of every operation that was chosen, in document order
	Stopped  string        // why the run ended early and what it left out; empty if it did not
	// Uncalled are the operations that never answered a call with success, though they
	// declare one.
	Uncalled []string

	base string // of the server's addresses
}

// PhaseResult is what a phase did.
type PhaseResult struct {
	Phase    Phase
	Requests int64
	Duration time.Duration
	Jobs     int      // that there were
	Done     int      // of them, those that came to their end
	Left     []string // operations of which not all jobs were done
}

// Usage is how often an operation was called and how it answered.
type Usage struct {
	Operation *contract.Operation
	Requests  int64
	Answers   map[AnswerKind]int64
}

// AnswerKind is a way to use an operation and to be answered.
type AnswerKind struct {
	RequestType  string // media type; empty without a body
	Status       int
	ResponseType string // media type; empty without a body
}

// Finding is one kind of failure: the same check failing for the same reason at
// the same place of the same operation, however often.
type Finding struct {
	Check     string            `json:"check"`
	Operation string            `json:"operation,omitempty"` // operationId, or "METHOD /path"
	Rule      string            `json:"rule"`                // schema keyword or rule of HTTP; the check's name if there is none
	In        contract.In       `json:"in"`
	Name      string            `json:"name,omitempty"`    // of the parameter or header
	Pointer   string            `json:"pointer,omitempty"` // into the body; indices are "*"
	Message   string            `json:"message"`
	Got       string            `json:"got,omitempty"`      // what came, redacted
	Accepted  string            `json:"accepted,omitempty"` // what would have been right
	Where     contract.Location `json:"document"`
	Count     int64             `json:"count"` // how many requests failed like this
	After     int64             `json:"after"` // how many requests had been sent when it was found
	Curl      string            `json:"curl"`  // a line for a POSIX shell that reproduces it
	Phase     Phase             `json:"phase"`
	Steps     []Step            `json:"steps"`          // the calls of the line, for a replay
	Walk      *Walk             `json:"walk,omitempty"` // that found it, if it takes one to find
}

// MistakeError is a mistake in the options, a document that cannot be judged by, or
// a server that cannot be reached: there is no result.
type MistakeError struct{ Reason string }

// Error tells the mistake.
func (e *MistakeError) Error() string { return e.Reason }

func mistake(format string, args ...any) error {
	return &MistakeError{Reason: fmt.Sprintf(format, args...)}
}

// Run verifies a server. It ends early when the context does. The error is a
// [MistakeError]; what is wrong with the server stands in the result.
func Run(ctx context.Context, o Options) (*Result, error) {
	r, err := newRunner(o)
	if err != nil {
		return nil, err
	}
	return r.run(ctx)
}

// TB is what [Test] needs of a test: any testing.TB will do. Package testing itself
// would register its flags in every program that verifies.
type TB interface {
	Context() context.Context
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Helper()
	Log(args ...any)
}

// Test verifies a server and fails the test for every finding, with the line that
// reproduces it.
func Test(t TB, o Options) {
	t.Helper()
	result, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range result.Warnings {
		t.Log(warning)
	}
	for i := range result.Findings {
		f := &result.Findings[i]
		t.Errorf("%s: %s: %s (%s:%d, seed %d)\n%s", f.Check, f.Operation, f.Message, f.Where.File, f.Where.Line, result.Seed, f.Curl)
	}
}

// settle checks the options and fills in the defaults.
func (o *Options) settle() error {
	if o.Document == nil {
		return mistake("no document to verify by")
	}
	if (o.URL == "") == (o.Handler == nil) {
		return mistake("either a URL or a handler is verified")
	}
	for _, phase := range o.Phases {
		if !slices.Contains(Phases(), phase) {
			return mistake("no phase is called %q: there are %s", phase, joined(Phases()))
		}
	}
	if len(o.Phases) == 0 {
		o.Phases = Phases()
	}
	for _, name := range o.Checks {
		if !slices.Contains(CheckNames(), name) {
			return mistake("no check is called %q: there are %s", name, strings.Join(CheckNames(), ", "))
		}
	}
	for _, e := range o.Exempt {
		if !slices.Contains(CheckNames(), e.Check) {
			return mistake("no check is called %q: there are %s", e.Check, strings.Join(CheckNames(), ", "))
		}
	}
	if o.MaxResponseTime < 0 || o.Timeout < 0 || o.TimeLimit < 0 || o.Workers < 0 || !(o.Rate >= 0) {
		return mistake("times, workers and rates are not negative")
	}
	if o.MaxExamples == 0 {
		o.MaxExamples = DefaultMaxExamples
	}
	o.MaxExamples = max(o.MaxExamples, 0)
	for o.Seed == 0 {
		o.Seed = rand.Uint64() >> 11 //nolint:gosec // no secret; every JSON reader keeps 53 bits
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Workers == 0 {
		o.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	return nil
}

func joined[T ~string](items []T) string {
	words := make([]string, len(items))
	for i, item := range items {
		words[i] = string(item)
	}
	return strings.Join(words, ", ")
}

var errStopped = errors.New("the run has ended")
