package understudytest

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
)

// Seed makes workspaces what a file says (docs/seeds.md): the stand-in's own where the file
// names no credential, else the one of that credential. It may name files in its folder.
// Mistakes in it fail the test at once.
func (u *Understudy) Seed(files fs.FS, name string) {
	u.tb.Helper()
	text, err := fs.ReadFile(files, name)
	if err != nil {
		u.tb.Fatalf("understudytest: the seed cannot be read: %v", err)
	}
	beside, err := fs.Sub(files, path.Dir(name))
	if err != nil {
		u.tb.Fatalf("understudytest: the folder of the seed: %v", err)
	}
	if _, err := u.server.app.Plant(context.Background(), seed.Input{YAML: text, Beside: beside}, u.caller); err != nil {
		u.tb.Fatalf("understudytest: the seed %s cannot be planted: %v", name, err)
	}
}

// Snapshot is a workspace as it was.
type Snapshot struct {
	u    *Understudy
	name string
}

// Snapshot keeps the workspace as it is: its resources, faults and clock, but nothing of
// what was judged.
func (u *Understudy) Snapshot() *Snapshot {
	u.tb.Helper()
	u.mutex.Lock()
	u.snapshots++
	s := &Snapshot{u: u, name: "understudytest-" + strconv.Itoa(u.snapshots)}
	u.mutex.Unlock()
	if _, err := u.server.app.Workspaces().Take(context.Background(), u.caller.Workspace, s.name, false); err != nil {
		u.tb.Fatalf("understudytest: no snapshot could be taken: %v", err)
	}
	return s
}

// Restore makes the workspace what it was. It can be done again.
func (s *Snapshot) Restore() {
	s.u.tb.Helper()
	if _, err := s.u.server.app.Workspaces().Restore(context.Background(), s.u.caller.Workspace, s.name); err != nil {
		s.u.tb.Fatalf("understudytest: the snapshot could not be restored: %v", err)
	}
}

// Clock is the clock of a workspace, which what takes time there follows.
type Clock struct{ u *Understudy }

// Clock is the clock of the workspace.
func (u *Understudy) Clock() *Clock { return &Clock{u} }

// Now is the time in the workspace.
func (c *Clock) Now() time.Time {
	c.u.tb.Helper()
	return c.moved(c.u.server.app.Workspaces().Clock(context.Background(), c.u.caller.Workspace))
}

// Advance moves the clock, running or not, and gives the time that it shows then.
func (c *Clock) Advance(by time.Duration) time.Time {
	c.u.tb.Helper()
	return c.moved(c.u.server.app.Workspaces().AdvanceClock(context.Background(), c.u.caller.Workspace, by))
}

// Freeze stops the clock at a time.
func (c *Clock) Freeze(at time.Time) {
	c.u.tb.Helper()
	c.moved(c.u.server.app.Workspaces().SetClock(context.Background(), c.u.caller.Workspace, true, &at))
}

// Run lets the clock run on from where it stands.
func (c *Clock) Run() {
	c.u.tb.Helper()
	c.moved(c.u.server.app.Workspaces().SetClock(context.Background(), c.u.caller.Workspace, false, nil))
}

func (c *Clock) moved(clock workspace.Clock, err error) time.Time {
	c.u.tb.Helper()
	if err != nil {
		c.u.tb.Fatalf("understudytest: the clock: %v", err)
	}
	return clock.Now
}

// Fault is something that is done on purpose to the requests which fit all that is given:
// docs/control.md. One that cannot work fails the test at once.
type Fault struct {
	API       string // "brms" or "datafold"
	Operation string // operationId
	Method    string
	Path      string // as the document has it, or with "*" for any segment

	From  int // the first of the requests that fit, from 1; 0 for 1
	Times int // how often at most; 0 for ever

	// Status is answered in place of the API's own, with the API's own body of an error,
	// or Body if that is given, as JSON. It has to be declared, unless Undeclared.
	Status     int
	Undeclared bool
	Body       any
	Headers    map[string]string
	// Delay is what the answer waits for.
	Delay time.Duration
	// Reset resets the connection in place of an answer.
	Reset bool
	// Truncate is after how many bytes of the body the connection is closed; 0 for never.
	Truncate int
}

// PlacedFault is a fault that is done.
type PlacedFault struct {
	u    *Understudy
	name string
}

// Fault puts a fault into the workspace, behind the others that are there.
func (u *Understudy) Fault(f Fault) *PlacedFault {
	u.tb.Helper()
	u.mutex.Lock()
	u.faults++
	placed := &PlacedFault{u: u, name: "understudytest-" + strconv.Itoa(u.faults)}
	u.mutex.Unlock()
	fault := workspace.Fault{
		Name:  placed.name,
		Match: workspace.Match{API: f.API, Operation: f.Operation, Method: f.Method, Path: f.Path},
		When:  workspace.When{From: given(int64(f.From)), Times: given(int64(f.Times))},
		Do: workspace.Action{
			Status: given(f.Status), Undeclared: f.Undeclared, Headers: f.Headers, Truncate: given(int64(f.Truncate)),
		},
	}
	if f.Delay > 0 {
		fault.Do.Delay = &workspace.Delay{Fixed: given(float64(f.Delay) / float64(time.Millisecond))}
	}
	if f.Reset {
		fault.Do.Connection = site.ConnectionReset
	}
	if f.Body != nil {
		text, err := json.Marshal(f.Body)
		if err != nil {
			u.tb.Fatalf("understudytest: the body of the fault: %v", err)
		}
		fault.Do.Body = text
	}
	if _, err := u.server.app.Workspaces().PutFault(context.Background(), u.caller.Workspace, fault); err != nil {
		u.tb.Fatalf("understudytest: the fault cannot work: %v", err)
	}
	return placed
}

// given is nil for what is zero.
func given[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}

// Applied is how many requests the fault was done to.
func (f *PlacedFault) Applied() int {
	f.u.tb.Helper()
	counted, err := f.u.server.app.Workspaces().Fault(context.Background(), f.u.caller.Workspace, f.name)
	if err != nil {
		f.u.tb.Fatalf("understudytest: the fault: %v", err)
	}
	return int(counted.Applied)
}

// Remove takes the fault away.
func (f *PlacedFault) Remove() {
	f.u.tb.Helper()
	if err := f.u.server.app.Workspaces().DeleteFault(context.Background(), f.u.caller.Workspace, f.name); err != nil {
		f.u.tb.Fatalf("understudytest: the fault: %v", err)
	}
}

// Exchange is a request and its answer, secrets redacted.
type Exchange struct {
	ID             string
	Time           time.Time
	API            string
	Operation      string // operationId; "" if the request is of none
	Method         string
	Path           string
	Query          string
	Status         int
	Refused        bool // for breaking the contract
	RequestHeader  http.Header
	RequestBody    string
	ResponseHeader http.Header
	ResponseBody   string
	Violations     []Violation
}

// Filter selects exchanges; what is zero selects nothing out.
type Filter struct {
	API       string
	Operation string // operationId
	Method    string
	Status    int
	Violating bool // only those that broke the contract
}

// Exchanges gives what the stand-in saw of its test, in order: the newest 500, without
// requests for the control API.
func (u *Understudy) Exchanges(f Filter) []Exchange {
	u.tb.Helper()
	u.mutex.Lock()
	ids := append([]string(nil), u.exchanges...)
	u.mutex.Unlock()
	var list []Exchange
	for _, id := range ids {
		r, err := u.server.app.Evidence().Get(context.Background(), evidence.Scope{All: true}, id)
		if err != nil {
			u.tb.Fatalf("understudytest: the exchanges: %v", err)
		}
		if r == nil || f.API != "" && f.API != r.API || f.Operation != "" && f.Operation != r.Operation ||
			f.Method != "" && f.Method != r.Method || f.Status != 0 && f.Status != r.Status || f.Violating && len(r.Explained) == 0 {
			continue
		}
		x := Exchange{
			ID: r.ID, Time: r.Time, API: r.API, Operation: r.Operation, Method: r.Method, Path: r.Path, Query: r.Query,
			Status: r.Status, Refused: r.Refused,
			RequestHeader: r.Request.Header, RequestBody: r.Request.Body, ResponseHeader: r.Response.Header, ResponseBody: r.Response.Body,
		}
		for i := range r.Explained {
			e := &r.Explained[i]
			x.Violations = append(x.Violations, violationOf(&evidence.RecordedViolation{
				API: r.API, Operation: e.Operation, Rule: e.Rule, In: e.In, Name: e.Name, Pointer: e.Pointer, Basis: e.Basis,
				Message: e.Message, Got: e.Got, Accepted: e.Accepted, Document: e.Where, Expected: e.Expected,
			}))
		}
		list = append(list, x)
	}
	return list
}
