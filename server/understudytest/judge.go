package understudytest

import (
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/evidence/render"
	"github.com/understudy-api/understudy/server/site"
)

// judge looks at an exchange before it is recorded. What was expected is marked, the rest
// fails the test that the exchange belongs to.
func (s *server) judge(x *site.Exchange) {
	from, _ := x.Origin.(*call)
	u := s.owner(x, from)
	u.note(x)
	defer collect(x)
	if len(x.Explained) == 0 && x.Err == nil {
		return
	}
	u.expect(x)
	for _, v := range evidence.ViolationsOf(x) {
		switch {
		case v.Expected:
		case v.Fails(s.failOn()):
			u.tell(true, from, render.Violation(&v))
		default:
			u.tell(false, from, render.Violation(&v))
		}
	}
	if x.Err != nil && len(x.Explained) == 0 {
		u.tell(true, from, []string{x.Method + " " + x.Path + ": the stand-in failed: " + contract.Cut(x.Err.Error(), maxError)})
	}
}

// maxError is how much is shown of an error of the stand-in's own, in bytes.
const maxError = 500

func (s *server) failOn() evidence.FailOn {
	switch s.options.failOn {
	case FailOnInferred:
		return evidence.FailOnInferred
	case FailOnNone:
		return evidence.FailOnNone
	case FailOnViolations:
	}
	return evidence.FailOnViolations
}

// owner is whose exchange it is: of the client that made it, or of the workspace it was made
// in. What belongs to nobody is the first one's.
func (s *server) owner(x *site.Exchange, from *call) *Understudy {
	if from != nil {
		return from.of
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if u := s.of[x.Workspace]; u != nil && !u.over() {
		return u
	}
	return s.root
}

// maxExchanges is how many exchanges of a test are known by id.
const maxExchanges = evidence.DefaultExchanges

// note keeps the id of an exchange.
func (u *Understudy) note(x *site.Exchange) {
	if x.API == evidence.ControlAPI {
		return
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if len(u.exchanges) == maxExchanges {
		u.exchanges = append(u.exchanges[:0], u.exchanges[1:]...)
	}
	u.exchanges = append(u.exchanges, x.ID)
}

// over reports whether the test has ended.
func (u *Understudy) over() bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.ended
}

// end judges what is left when the test ends: expectations that were not met.
func (u *Understudy) end() {
	u.mutex.Lock()
	unmet := u.expected
	u.expected = nil
	u.mutex.Unlock()
	for _, e := range unmet {
		if !e.met {
			u.write(true, e.place, []string{"no request broke the contract as was expected: " + e.wanted.String()})
		}
	}
	u.mutex.Lock()
	u.ended = true
	u.mutex.Unlock()
}

// tell puts lines into the log of the test, at the line from which a request was made, and
// fails it.
func (u *Understudy) tell(fail bool, from *call, lines []string) {
	at, sent := u.made, ""
	if from != nil {
		var inTest bool
		if at, sent, inTest = trace(from.stack); !inTest {
			at = u.made
		}
	}
	if sent != "" {
		lines = append(lines, "sent from "+sent)
	}
	u.write(fail, at, lines)
}

// write writes as testing does, whose own way would name a line of net/http.
func (u *Understudy) write(fail bool, at string, lines []string) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.ended { // nobody is left to tell
		return
	}
	_, _ = io.WriteString(u.tb.Output(), at+": "+strings.Join(lines, "\n    ")+"\n") // it never fails
	if fail {
		u.tb.Fail()
	}
}

// trace finds where in a test a call comes from, and where it was sent outside of the test; ""
// if that is the same place. A line of the test function itself is better than one of what
// helps it.
func trace(stack []uintptr) (at, sent string, inTest bool) {
	frames := runtime.CallersFrames(stack)
	for {
		frame, more := frames.Next()
		switch {
		case !foreign(frame.Function):
		case strings.HasSuffix(frame.File, "_test.go"):
			if at, inTest = short(frame), true; ofTest(frame.Function) {
				return at, sent, true
			}
		case sent == "" && !inTest:
			sent = short(frame)
		}
		if !more {
			return at, sent, inTest
		}
	}
}

// ofTest reports whether a function is a test, or was written within one.
func ofTest(function string) bool {
	function = function[strings.LastIndexByte(function, '/')+1:]
	for part := range strings.SplitSeq(function, ".") {
		for _, kind := range []string{"Test", "Benchmark", "Fuzz", "Example"} {
			if strings.HasPrefix(part, kind) {
				return true
			}
		}
	}
	return false
}

// place is the line of a test that called the package.
func place(stack []uintptr) string {
	at, sent, inTest := trace(stack)
	if !inTest {
		return sent
	}
	return at
}

// foreign reports whether a function is neither of the way of a request nor of testing.
func foreign(function string) bool {
	for _, prefix := range []string{"net/http.", "net/http/", "runtime.", "testing.", "testing/", "sync.", ownPackage} {
		if strings.HasPrefix(function, prefix) {
			return false
		}
	}
	return true
}

const ownPackage = "github.com/understudy-api/understudy/server/understudytest."

func short(frame runtime.Frame) string {
	return filepath.Base(frame.File) + ":" + strconv.Itoa(frame.Line)
}

// Violation is a broken rule.
type Violation struct {
	API       string // "brms" or "datafold"
	Operation string // operationId; "" if the request is of none
	Rule      string // a keyword of JSON Schema, such as "required", or a rule of the protocol
	In        string // body, path, query, header, or another part of the request
	Name      string // of a parameter or header
	Pointer   string // the place in the body, a JSON pointer, "*" for any index
	Basis     string // published, documented, client or inferred
	Message   string
	Got       string // what came, as JSON, redacted; "" if nothing did
	Accepted  string // what would have been
	Document  string // where the rule stands: file and line
	Curl      string // a line for a shell that sends the request again
	Expected  bool   // it was meant: see ExpectViolation
}

// String names the violation in short.
func (v Violation) String() string {
	var parts []string
	for _, part := range [][2]string{
		{"API", v.API},
		{"operation", v.Operation},
		{"rule", v.Rule},
		{"in", v.In},
		{"name", v.Name},
		{"at", v.Pointer},
		{"basis", v.Basis},
		{"got", v.Got},
	} {
		if part[1] != "" {
			parts = append(parts, part[0]+" "+part[1])
		}
	}
	if len(parts) == 0 {
		return "any violation"
	}
	return strings.Join(parts, ", ")
}

func violationOf(r *evidence.RecordedViolation) Violation {
	v := Violation{
		API: r.API, Operation: r.Operation, Rule: r.Rule, In: string(r.In), Name: r.Name, Pointer: r.Pointer,
		Basis: string(r.Basis), Message: r.Message, Got: r.Got, Accepted: r.Accepted, Document: r.Document.File,
		Curl: r.Curl, Expected: r.Expected,
	}
	if r.Document.Line > 0 {
		v.Document += fmt.Sprintf(":%d", r.Document.Line)
	}
	return v
}

// expectation is a violation that has to be.
type expectation struct {
	wanted Violation
	place  string
	met    bool
}

// ExpectViolation says that a request which follows breaks the contract on purpose. What is
// given of the violation has to be so: the zero Violation is any. The first request that
// breaks the contract so meets the expectation, and its violations that are so do not fail
// the test. If there was none when the test ends, the test fails.
func (u *Understudy) ExpectViolation(wanted Violation) {
	at := place(callers())
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.expected = append(u.expected, &expectation{wanted: wanted, place: at})
}

// expect marks what was expected of an exchange. An expectation is met by one exchange.
func (u *Understudy) expect(x *site.Exchange) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	for _, e := range u.expected {
		if e.met {
			continue
		}
		for i := range x.Explained {
			of := &x.Explained[i]
			if of.Side == contract.SideClient && !of.Expected && e.wanted.fits(x, of) {
				of.Expected, e.met = true, true
			}
		}
	}
}

// fits reports whether a violation is as wanted.
func (v Violation) fits(x *site.Exchange, of *contract.Explained) bool {
	operation := of.Operation
	if operation == "" && x.Operation != nil {
		operation = x.Operation.ID
	}
	for _, pair := range [][2]string{
		{v.API, x.API},
		{v.Operation, operation},
		{v.Rule, of.Rule},
		{v.In, string(of.In)},
		{v.Name, of.Name},
		{v.Basis, string(of.Basis)},
		{v.Got, of.Got},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return v.Pointer == "" || v.Pointer == of.Pointer || v.Pointer == contract.SegmentsFolded(of.Pointer)
}
