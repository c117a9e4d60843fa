package workspace

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	gendatafold "github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// documents are the served ones, loaded once.
var documents = sync.OnceValues(func() ([]*contract.Document, error) {
	var list []*contract.Document
	for _, source := range []contract.Source{
		{API: "brms", File: genbrms.File, JSON: genbrms.Document(), Lines: genbrms.Lines()},
		{API: "datafold", File: gendatafold.File, JSON: gendatafold.Document(), Lines: gendatafold.Lines()},
		{API: "understudy", File: understudy.File, JSON: understudy.Document(), Lines: understudy.Lines()},
	} {
		d, err := contract.Load(source)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
})

// operationOf finds an operation by its id.
func operationOf(t testing.TB, id string) *contract.Operation {
	t.Helper()
	list, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		for _, op := range d.Operations() {
			if op.ID == id {
				return op
			}
		}
	}
	t.Fatalf("there is no operation %s", id)
	return nil
}

// bench is a Manager over a store in memory, with a real clock that only the test
// moves.
type bench struct {
	*Manager

	t     testing.TB
	store storage.Store
	real  atomic.Int64 // Unix seconds
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t}
	b.real.Store(1_000_000_000)
	now := func() time.Time { return time.Unix(b.real.Load(), 0) }
	store, err := sqlite.Open(context.WithoutCancel(t.Context()), sqlite.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	recorder := evidence.New(store, evidence.Options{Documents: documents, Interval: time.Hour})
	t.Cleanup(func() {
		_ = recorder.Close()
		_ = store.Close()
	})
	b.store = store
	b.Manager = New(Options{Store: store, Evidence: recorder, Documents: documents, Now: now})
	return b
}

func faultFrom(t testing.TB, name, text string) Fault {
	t.Helper()
	var f Fault
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	f.Name = name
	return f
}

func (b *bench) put(workspace, name, text string) {
	b.t.Helper()
	if _, err := b.PutFault(b.t.Context(), workspace, faultFrom(b.t, name, text)); err != nil {
		b.t.Fatalf("%s: %v", text, err)
	}
}

// steer steers a call: of an operation, with the method and path it is declared
// with unless told otherwise.
func (b *bench) steer(workspace, operation string, methodAndPath ...string) site.Treatment {
	b.t.Helper()
	op := operationOf(b.t, operation)
	call := site.Call{Workspace: workspace, Operation: op, Method: op.Method, Path: op.Path}
	if len(methodAndPath) == 2 {
		call.Method, call.Path = methodAndPath[0], methodAndPath[1]
	}
	got, err := b.Steer(b.t.Context(), call)
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

func (b *bench) counts(workspace, name string) string {
	b.t.Helper()
	f, err := b.Fault(b.t.Context(), workspace, name)
	if err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprintf("%d met, %d applied", f.Met, f.Applied)
}

// A fault is for the calls that fit all of its match.
func TestMatching(t *testing.T) {
	t.Parallel()
	const id = "0b9a4d4e-3f0b-4c39-9d76-0f6f2f4ac1b2"
	const project = "/api/projects/" + id
	for name, test := range map[string]struct {
		match     string
		operation string
		method    string
		path      string
		fits      bool
	}{
		"everything":                   {`{}`, "createProject", "POST", "/api/projects", true},
		"the API":                      {`{"api":"brms"}`, "createProject", "POST", "/api/projects", true},
		"another API":                  {`{"api":"datafold"}`, "createProject", "POST", "/api/projects", false},
		"the operation":                {`{"operation":"createProject"}`, "createProject", "POST", "/api/projects", true},
		"another operation":            {`{"operation":"getProject"}`, "createProject", "POST", "/api/projects", false},
		"the method":                   {`{"method":"POST"}`, "createProject", "POST", "/api/projects", true},
		"another method":               {`{"method":"DELETE"}`, "createProject", "POST", "/api/projects", false},
		"GET is not HEAD":              {`{"method":"GET"}`, "getProject", "HEAD", project, false},
		"HEAD":                         {`{"method":"HEAD"}`, "getProject", "HEAD", project, true},
		"HEAD is not GET":              {`{"method":"HEAD"}`, "getProject", "GET", project, false},
		"the document's path":          {`{"path":"/api/projects/{projectId}"}`, "getProject", "GET", project, true},
		"another path of the document": {`{"path":"/api/projects/{projectId}"}`, "createProject", "POST", "/api/projects", false},
		"the request's path":           {`{"path":"` + project + `"}`, "getProject", "GET", project, true},
		"another request's path":       {`{"path":"` + project + `"}`, "getProject", "GET", project[:len(project)-1] + "3", false},
		"a segment":                    {`{"path":"/api/projects/*"}`, "getProject", "GET", project, true},
		"a segment too few":            {`{"path":"/api/projects/*"}`, "createProject", "POST", "/api/projects", false},
		"a segment too many":           {`{"path":"/api/*"}`, "getProject", "GET", project, false},
		"a segment in the middle":      {`{"path":"/api/*/` + id + `"}`, "getProject", "GET", project, true},
		"the rest":                     {`{"path":"/api/**"}`, "getProject", "GET", project, true},
		"the rest of one":              {`{"path":"/api/projects/**"}`, "getProject", "GET", project, true},
		"no rest":                      {`{"path":"/api/projects/**"}`, "createProject", "POST", "/api/projects", false},
		"a segment and the rest":       {`{"path":"/api/*/**"}`, "getProject", "GET", project, true},
		"all paths":                    {`{"path":"/**"}`, "getProject", "GET", project, true},
		"a final slash":                {`{"path":"/api/v1/lineage/bi/*/"}`, "remove_integration_api_v1_lineage_bi__bi_datasource_id___delete", "DELETE", "/api/v1/lineage/bi/7/", true},
		"no empty segment":             {`{"path":"/api/v1/lineage/bi/*"}`, "get_all_integrations_api_v1_lineage_bi__get", "GET", "/api/v1/lineage/bi/", false},
		"all of it":                    {`{"api":"brms","operation":"getProject","method":"GET","path":"/api/projects/*"}`, "getProject", "GET", project, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			// That a match fits no operation of its kind is refused, not what is tested.
			if err := b.store.Update(t.Context(), "w", func(tx storage.Tx) error {
				return SetFaults(tx, []Fault{faultFrom(t, "f", `{"match":`+test.match+`,"do":{"delay":{"fixed":1}}}`)})
			}); err != nil {
				t.Fatal(err)
			}
			got := b.steer("w", test.operation, test.method, test.path)
			if (got.Force != nil) != test.fits || (got.Fault == "f") != test.fits {
				t.Errorf("%+v", got)
			}
			if other := b.steer("other", test.operation, test.method, test.path); other.Force != nil {
				t.Errorf("another workspace: %+v", other)
			}
			if control := b.steer("w", "getClock"); control.Force != nil {
				t.Errorf("the control API: %+v", control)
			}
		})
	}
}

// hits tells which of n calls a fault was applied to, in a workspace of its own.
func (b *bench) hits(t *testing.T, when string, n int) string {
	t.Helper()
	w := when
	b.put(w, "f", `{"match":{"operation":"createProject"},"when":`+when+`,"do":{"status":503}}`)
	var text strings.Builder
	for range n {
		switch force := b.steer(w, "createProject").Force; {
		case force == nil:
			text.WriteByte('.')
		case force.Status == 503:
			text.WriteByte('x')
		default:
			t.Fatalf("%+v", force)
		}
		if b.steer(w, "getProject").Force != nil {
			t.Fatal("another operation is met")
		}
	}
	if got, wanted := b.counts(w, "f"), fmt.Sprintf("%d met, %d applied", n, strings.Count(text.String(), "x")); got != wanted {
		t.Errorf("%s: %s, want %s", when, got, wanted)
	}
	return text.String()
}

// A fault is applied to those of the calls it meets that its conditions say.
func TestCounting(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for when, wanted := range map[string]string{
		`{}`:                                    "xxxxxxxxxx",
		`{"from":1}`:                            "xxxxxxxxxx",
		`{"from":4}`:                            "...xxxxxxx",
		`{"every":3}`:                           "x..x..x..x",
		`{"from":3,"every":2}`:                  "..x.x.x.x.",
		`{"times":2}`:                           "xx........",
		`{"from":2,"times":1}`:                  ".x........",
		`{"every":2,"times":3}`:                 "x.x.x.....",
		`{"probability":0}`:                     "..........",
		`{"probability":1}`:                     "xxxxxxxxxx",
		`{"probability":0.5}`:                   "..xx...x.x",
		`{"probability":0.5,"seed":1}`:          ".x.xxx....",
		`{"probability":0.5,"seed":-1}`:         ".xxx.xxxxx",
		`{"probability":0.5,"times":2}`:         "..xx......",
		`{"probability":0.5,"from":4}`:          "...x...x.x",
		`{"until":"2001-09-09T01:46:41Z"}`:      "xxxxxxxxxx",
		`{"until":"2001-09-09T03:46:41+02:00"}`: "xxxxxxxxxx",
	} {
		if got := b.hits(t, when, 10); got != wanted {
			t.Errorf("%s: %s, want %s", when, got, wanted)
		}
	}
}

// What is drawn has the share that was asked for, and is independent of the seed's
// neighbours.
func TestProbability(t *testing.T) {
	t.Parallel()
	const n = 5000
	for _, p := range []float64{0.01, 0.25, 0.9} {
		for seed := range int64(3) {
			hits, both := 0, 0
			for i := range int64(n) {
				if draw("probability", seed, i) < p {
					hits++
					if draw("probability", seed+1, i) < p {
						both++
					}
				}
			}
			if share := float64(hits) / n; share < p-0.02 || share > p+0.02 {
				t.Errorf("seed %d: %v of the calls, want %v", seed, share, p)
			}
			if share := float64(both) / n; share < p*p-0.02 || share > p*p+0.02 {
				t.Errorf("seeds %d and %d together: %v of the calls, want %v", seed, seed+1, share, p*p)
			}
		}
	}
}

// Delays are what they are said to be, and the same in every run.
func TestDelays(t *testing.T) {
	t.Parallel()
	draws := func(d Delay, seed int64) (all []time.Duration, below func(time.Duration) float64) {
		const n = 4000
		for i := range int64(n) {
			all = append(all, d.draw(seed, i))
		}
		return all, func(bound time.Duration) float64 {
			hits := 0
			for _, d := range all {
				if d < bound {
					hits++
				}
			}
			return float64(hits) / n
		}
	}
	about := func(name string, got, wanted float64) {
		t.Helper()
		if got < wanted-0.02 || got > wanted+0.02 {
			t.Errorf("%s: %v, want %v", name, got, wanted)
		}
	}
	if got := (&Delay{Fixed: new(1.5)}).draw(0, 1); got != 1500*time.Microsecond {
		t.Errorf("fixed: %v", got)
	}
	if got := (*Delay)(nil).draw(0, 1); got != 0 {
		t.Errorf("none: %v", got)
	}
	uniform := Delay{Uniform: &Uniform{From: 100, To: 300}}
	all, below := draws(uniform, 1)
	about("uniform below its bounds", below(100*time.Millisecond), 0)
	about("uniform's first quarter", below(150*time.Millisecond), 0.25)
	about("uniform below its upper bound", below(300*time.Millisecond), 1)
	again, _ := draws(uniform, 1)
	if diff := cmp.Diff(all, again); diff != "" {
		t.Error(diff)
	}
	if other, _ := draws(uniform, 2); cmp.Equal(all, other) {
		t.Error("another seed gives the same delays")
	}
	_, below = draws(Delay{LogNormal: &LogNormal{Median: 100, Sigma: 0.5}}, 1)
	about("log-normal's median", below(100*time.Millisecond), 0.5)
	about("log-normal's 84th percentile", below(164872*time.Microsecond), 0.8413) // 100 ms times e to the sigma
	if got := (&Delay{LogNormal: &LogNormal{Median: 40, Sigma: 0}}).draw(0, 9); got != 40*time.Millisecond {
		t.Errorf("log-normal without spread: %v", got)
	}
	all, _ = draws(Delay{LogNormal: &LogNormal{Median: maxDelay, Sigma: 5}}, 1)
	for _, d := range all {
		if d < 0 || d > maxDelay*time.Millisecond {
			t.Fatalf("log-normal beyond its bounds: %v", d)
		}
	}
}

// A rate limit serves so many calls in each window, by the workspace's clock.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("w", "limit", `{"match":{"api":"datafold"},"do":{"rateLimit":{"requests":2,"seconds":10}}}`)
	expect := func(after int64, retry ...int) {
		t.Helper()
		b.real.Add(after)
		for i, wanted := range retry {
			got := b.steer("w", "get_all_integrations_api_v1_lineage_bi__get").Force
			switch {
			case wanted == 0 && got != nil:
				t.Errorf("call %d: %+v, want it served", i, got)
			case wanted > 0 && (got == nil || got.Status != 429 || !got.Undeclared || got.RetryAfter != wanted):
				t.Errorf("call %d: %+v, want 429 with %d seconds to wait", i, got, wanted)
			}
		}
	}
	expect(0, 0, 0, 10, 10)
	expect(3, 7)
	expect(6, 1)
	expect(1, 0) // the window is over: the next begins
	expect(9, 0, 1)
	expect(100, 0, 0, 10)
	if got := b.counts("w", "limit"); got != "12 met, 6 applied" {
		t.Error(got)
	}
	// A frozen clock never lets the window end; one that is put back begins anew.
	ctx := t.Context()
	if _, err := b.SetClock(ctx, "w", true, nil); err != nil {
		t.Fatal(err)
	}
	expect(1000, 10)
	if _, err := b.AdvanceClock(ctx, "w", 9999*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	expect(0, 1) // a millisecond is left: waiting a whole second is enough
	if _, err := b.AdvanceClock(ctx, "w", time.Millisecond); err != nil {
		t.Fatal(err)
	}
	expect(0, 0, 0, 10)
	if _, err := b.AdvanceClock(ctx, "w", -time.Hour); err != nil {
		t.Fatal(err)
	}
	expect(0, 0, 0, 10)

	b.put("none", "limit", `{"do":{"rateLimit":{"requests":0,"seconds":60},"delay":{"fixed":5}}}`)
	if got := b.steer("none", "getProject").Force; got == nil || got.Status != 429 || got.RetryAfter != 60 || got.Delay != 5*time.Millisecond {
		t.Errorf("no request at all: %+v", got)
	}
	b.put("slow", "limit", `{"do":{"rateLimit":{"requests":1,"seconds":60},"delay":{"fixed":5}}}`)
	if got := b.steer("slow", "getProject").Force; got == nil || got.Status != 0 || got.Delay != 5*time.Millisecond {
		t.Errorf("within the limit: %+v", got)
	}
	b.put("when", "limit", `{"when":{"every":2},"do":{"rateLimit":{"requests":1,"seconds":60}}}`)
	var text strings.Builder
	for range 6 {
		if b.steer("when", "getProject").Force == nil {
			text.WriteByte('.')
		} else {
			text.WriteByte('x')
		}
	}
	if text.String() != "..x.x." {
		t.Errorf("every other request is counted: %s", &text)
	}
}

// A fault ends when the clock of its workspace says so.
func TestUntil(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	b.put("w", "f", `{"when":{"until":"2001-09-09T01:46:50Z"},"do":{"status":500}}`)
	expect := func(applied bool) {
		t.Helper()
		if got := b.steer("w", "createProject"); (got.Force != nil) != applied {
			t.Errorf("%+v", got)
		}
	}
	expect(true)
	b.real.Add(9)
	expect(true)
	b.real.Add(1)
	expect(false)
	if _, err := b.SetClock(ctx, "w", true, new(time.Date(2001, 9, 9, 1, 46, 49, 999_999_000, time.UTC))); err != nil {
		t.Fatal(err)
	}
	expect(true)
	if _, err := b.AdvanceClock(ctx, "w", time.Microsecond); err != nil {
		t.Fatal(err)
	}
	expect(false)
	if got := b.counts("w", "f"); got != "3 met, 3 applied" {
		t.Errorf("%s: one that has ended meets nothing", got)
	}
	// A fault for all goes by the server's clock, whatever that of the caller shows.
	b.put(All, "f", `{"when":{"until":"2001-09-09T01:47:00Z"},"do":{"status":500}}`)
	expect(true)
	b.real.Add(10)
	expect(false)
}

// Of several faults the first that applies is applied, the workspace's own before
// those for all; those that are passed over count that they were met.
func TestOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(All, "all", `{"do":{"delay":{"fixed":1}}}`)
	b.put("w", "second", `{"when":{"every":2},"do":{"status":500}}`)
	b.put("w", "first", `{"match":{"operation":"createProject"},"when":{"times":1},"do":{"status":400}}`)
	b.put("w", "second", `{"when":{"every":2},"do":{"status":500}}`) // stays where it is
	var got []string
	for range 4 {
		got = append(got, b.steer("w", "createProject").Fault)
	}
	got = append(got, b.steer("w", "getProject").Fault, b.steer("w", "getProject").Fault, b.steer("other", "getProject").Fault)
	if diff := cmp.Diff([]string{"second", "first", "second", "all", "second", "all", "all"}, got); diff != "" {
		t.Error(diff)
	}
	for name, wanted := range map[string]string{"second": "6 met, 3 applied", "first": "2 met, 1 applied"} {
		if got := b.counts("w", name); got != wanted {
			t.Errorf("%s: %s, want %s", name, got, wanted)
		}
	}
	if got := b.counts(All, "all"); got != "3 met, 3 applied" {
		t.Error(got)
	}
}

// A fault leaves operations alone that do not declare its status, or do not have its
// example.
func TestDeclared(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("w", "f", `{"do":{"status":409}}`)
	if operationOf(t, "getProject").Declares(409) || !operationOf(t, "createProject").Declares(409) {
		t.Fatal("the documents changed: choose another status")
	}
	if got := b.steer("w", "getProject").Force; got != nil {
		t.Errorf("undeclared: %+v", got)
	}
	if got := b.steer("w", "createProject").Force; got == nil || got.Status != 409 || got.Undeclared {
		t.Errorf("declared: %+v", got)
	}
	if got := b.counts("w", "f"); got != "1 met, 1 applied" {
		t.Error(got)
	}
	b.put("w", "f", `{"do":{"status":418,"undeclared":true,"headers":{"X-Tea":"yes"},"body":{"z":1.0,"a":12345678901234567890},"truncate":3}}`)
	got := b.steer("w", "getProject").Force
	wanted := &site.Force{
		Status: 418, Undeclared: true, Header: map[string]string{"X-Tea": "yes"},
		Body: []byte(`{"z":1.0,"a":12345678901234567890}`), Truncate: new(int64(3)),
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
	b.put("w", "f", `{"do":{"connection":"resetAfter","delay":{"fixed":2}}}`)
	if diff := cmp.Diff(&site.Force{Connection: site.ConnectionResetAfter, Delay: 2 * time.Millisecond}, b.steer("w", "getProject").Force); diff != "" {
		t.Error(diff)
	}
}

// Counts begin anew where a fault is replaced, deleted or set.
func TestCountsBeginAnew(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const text = `{"when":{"times":1},"do":{"status":500}}`
	for name, change := range map[string]func(b *bench) error{
		"replaced": func(b *bench) error {
			_, err := b.PutFault(ctx, "w", faultFrom(t, "f", text))
			return err
		},
		"deleted": func(b *bench) error {
			if err := b.DeleteFault(ctx, "w", "f"); err != nil {
				return err
			}
			_, err := b.PutFault(ctx, "w", faultFrom(t, "f", text))
			return err
		},
		"cleared": func(b *bench) error {
			if err := b.ClearFaults(ctx, "w"); err != nil {
				return err
			}
			_, err := b.PutFault(ctx, "w", faultFrom(t, "f", text))
			return err
		},
		"set": func(b *bench) error {
			return b.store.Update(ctx, "w", func(tx storage.Tx) error { return SetFaults(tx, []Fault{faultFrom(t, "f", text)}) })
		},
	} {
		b := newBench(t)
		b.put("w", "f", text)
		for _, applied := range []bool{true, false} {
			if got := b.steer("w", "createProject"); (got.Force != nil) != applied {
				t.Errorf("%s: before: %+v", name, got)
			}
		}
		if err := change(b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := b.counts("w", "f"); got != "0 met, 0 applied" {
			t.Errorf("%s: %s", name, got)
		}
		if b.steer("w", "createProject").Force == nil {
			t.Errorf("%s: it is not applied again", name)
		}
	}
}

// The list of faults, and what is said of those that are not there.
func TestFaults(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	list := func(wanted ...string) {
		t.Helper()
		faults, err := b.Faults(ctx, "w")
		if err != nil || faults == nil {
			t.Fatal(faults, err)
		}
		var got []string
		for _, f := range faults {
			got = append(got, f.Name)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Error(diff)
		}
	}
	list()
	if _, err := b.Fault(ctx, "w", "a"); !storage.IsNotFound(err) {
		t.Errorf("get: %v", err)
	}
	if err := b.DeleteFault(ctx, "w", "a"); !storage.IsNotFound(err) {
		t.Errorf("delete: %v", err)
	}
	if err := b.ClearFaults(ctx, "w"); err != nil {
		t.Error(err)
	}
	if found, err := b.store.Workspaces(ctx, ""); err != nil || len(found) != 0 {
		t.Errorf("workspaces were created: %q, %v", found, err)
	}
	const text = `{"match":{"operation":"createProject"},"do":{"status":503}}`
	for _, name := range []string{"c", "a", "b", "a"} {
		b.put("w", name, text)
	}
	list("c", "a", "b")
	if err := b.DeleteFault(ctx, "w", "a"); err != nil {
		t.Error(err)
	}
	list("c", "b")
	if _, err := b.PutFault(ctx, "w", faultFrom(t, "x", `{"do":{}}`)); err == nil {
		t.Error("a fault that does nothing is taken")
	}
	list("c", "b")
	if err := b.ClearFaults(ctx, "w"); err != nil {
		t.Error(err)
	}
	list()
}

// Of calls that race for a fault, exactly as many get it as it says.
func TestRace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("w", "own", `{"when":{"times":3},"do":{"status":500}}`)
	b.put(All, "all", `{"when":{"times":5},"do":{"status":500}}`)
	var own, all atomic.Int64
	var group sync.WaitGroup
	op := operationOf(t, "createProject")
	for range 40 {
		group.Go(func() {
			got, err := b.Steer(t.Context(), site.Call{Workspace: "w", Operation: op, Method: op.Method, Path: op.Path})
			if err != nil {
				t.Error(err)
			}
			switch got.Fault {
			case "own":
				own.Add(1)
			case "all":
				all.Add(1)
			}
		})
	}
	group.Wait()
	if own.Load() != 3 || all.Load() != 5 || b.counts("w", "own") != "40 met, 3 applied" || b.counts(All, "all") != "37 met, 5 applied" {
		t.Errorf("%d and %d applied; %s and %s", own.Load(), all.Load(), b.counts("w", "own"), b.counts(All, "all"))
	}
}

// A call that no fault meets writes nothing and allocates next to nothing.
func TestUnmet(t *testing.T) {
	b := newBench(t)
	op := operationOf(t, "createProject")
	call := site.Call{Workspace: "w", Operation: op, Method: op.Method, Path: op.Path}
	measure := func(name string, most float64) {
		t.Helper()
		if got := testing.AllocsPerRun(100, func() {
			if got, err := b.Steer(context.Background(), call); err != nil || got.Force != nil {
				t.Error(got, err)
			}
		}); got > most {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
	measure("no faults", 3)
	if found, err := b.store.Workspaces(t.Context(), ""); err != nil || len(found) != 0 {
		t.Errorf("workspaces were created: %q, %v", found, err)
	}
	for i := range 50 {
		b.put("w", fmt.Sprintf("f%d", i), `{"match":{"operation":"getProject"},"do":{"status":500}}`)
		b.put(All, fmt.Sprintf("f%d", i), `{"match":{"path":"/api/projects/*/**"},"do":{"status":500}}`)
	}
	measure("faults for other operations", 3)
}

// The cache of faults is bounded, and what it lets go of is read again.
func TestCache(t *testing.T) {
	t.Parallel()
	var c cache
	for i := range 3 * maxSets {
		s, err := c.of(fmt.Sprintf(`{"faults":[{"name":"f%d","do":{"status":500}}]}`, i))
		if err != nil || s.faults[0].Name != fmt.Sprintf("f%d", i) {
			t.Fatal(s, err)
		}
		if len(c.sets) > maxSets {
			t.Fatalf("%d are kept", len(c.sets))
		}
	}
	if _, err := c.of("{"); storage.CodeOf(err) != storage.CodeCorrupt {
		t.Errorf("damaged data: %v", err)
	}
}

// Exchanges of a workspace whose ids are not random have ids that count, and begin
// anew with the evidence.
func TestExchangeIDs(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	run := func(workspace string) []string {
		b := newBench(t)
		ids := []string{b.steer(workspace, "getProject").ExchangeID}
		if err := b.SetIDs(ctx, workspace, storage.IDs{Source: storage.IDsSequential}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			ids = append(ids, b.steer(workspace, "getProject").ExchangeID)
		}
		ids = append(ids, b.steer(workspace, "getClock").ExchangeID) // looking changes nothing
		if err := b.Reset(ctx, workspace, true); err != nil {
			t.Fatal(err)
		}
		if err := b.SetIDs(ctx, workspace, storage.IDs{Source: storage.IDsSeeded, Seed: 7}); err != nil {
			t.Fatal(err)
		}
		return append(ids, b.steer(workspace, "getProject").ExchangeID)
	}
	one, again, other := run("one"), run("one"), run("other")
	if diff := cmp.Diff(one, again); diff != "" {
		t.Error(diff)
	}
	if one[0] != "" || one[3] != "" || len(one[1]) != 16 || !strings.HasSuffix(one[1], "00000001") || !strings.HasSuffix(one[2], "00000002") || one[4] != one[1] {
		t.Errorf("%q", one)
	}
	if one[1] == other[1] {
		t.Errorf("two workspaces have the exchange %s", one[1])
	}
}

// A request that broke off is steered like any other.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put("w", "f", `{"do":{"status":503}}`)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	op := operationOf(t, "createProject")
	for _, workspace := range []string{"w", "other"} {
		got, err := b.Steer(gone, site.Call{Workspace: workspace, Operation: op, Method: op.Method, Path: op.Path})
		if err != nil || (got.Fault == "f") != (workspace == "w") {
			t.Errorf("%s: %+v, %v", workspace, got, err)
		}
	}
}
