package evidence

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract"
)

func shard(from int, use func(*Report)) *Report {
	at := time.Date(2026, 11, 1, from, 0, 0, 0, time.UTC)
	r := &Report{
		Schema: SchemaURI, Version: "v1", From: at, To: at.Add(time.Minute), Workspaces: 1, Requests: 2,
		Operations: []RecordedOperation{
			{
				API: "brms", ID: "listProjects", Method: "GET", Path: "/api/projects",
				Rows: []Row{
					{Status: 200, ResponseType: "application/json", Counts: true, Hint: "ask"},
					{Status: 401, ResponseType: "application/json", Hint: "ask without a credential"},
				},
				Parameters: []Seen{{Name: "query page"}},
			},
			{
				API: "datafold", ID: "listIntegrations", Method: "GET", Path: "/api/v1/lineage/bi/",
				Rows: []Row{{Status: 200, ResponseType: "application/json", Counts: true}},
			},
		},
		Violations: []RecordedViolation{},
	}
	if use != nil {
		use(r)
	}
	r.Recount(CoverageOfPublished)
	return r
}

func broken(fingerprint, operation string, basis contract.Basis) RecordedViolation {
	return RecordedViolation{
		Fingerprint: fingerprint, API: "brms", Operation: operation, Side: contract.SideClient, Rule: "type",
		Basis: basis, In: contract.InBody, Pointer: "/name", Message: "must be text", Requests: 1, Exchanges: []string{fingerprint + "-1"},
	}
}

func TestMerge(t *testing.T) {
	a := shard(3, func(r *Report) {
		r.Operations[0].Requests, r.Operations[0].Rows[0].Requests, r.Operations[0].Rows[0].Hint = 2, 2, ""
		r.Operations[0].Parameters[0].Requests = 1
		r.Violations = []RecordedViolation{broken("warn", "listProjects", contract.BasisInferred), broken("f", "listProjects", contract.BasisPublished)}
		r.Violations[1].Known = true
	})
	b := shard(1, func(r *Report) {
		r.Version = "v2"
		r.Operations[0].Requests, r.Operations[0].Rows[0].Requests = 1, 1
		r.Operations[0].Rows = append(r.Operations[0].Rows, Row{Status: 418, Counts: true})
		r.Operations = append(r.Operations, RecordedOperation{API: "brms", ID: "late", Method: "GET", Path: "/late", Rows: []Row{{Status: 200, Counts: true, Requests: 1}}})
		r.Violations = []RecordedViolation{broken("f", "listProjects", contract.BasisPublished), broken("g", "late", contract.BasisDocumented)}
		r.Violations[0].Exchanges = []string{"other"}
	})
	before, _ := json.Marshal(a)
	got, err := Merge(a, b, shard(2, func(r *Report) { r.From, r.To = time.Time{}, time.Time{} }))
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := json.Marshal(a); !bytes.Equal(before, after) {
		t.Error("a report that was merged has changed")
	}
	if got.Version != "v1, v2" || got.Requests != 6 || got.Workspaces != 3 || got.From.Hour() != 1 || got.To.Hour() != 3 {
		t.Errorf("%+v", got)
	}
	rows := got.Operations[0].Rows
	if got.Operations[0].Requests != 3 || rows[0].Requests != 3 || rows[0].Hint != "" || rows[1].Hint == "" || len(rows) != 3 || got.Operations[0].Parameters[0].Requests != 1 {
		t.Errorf("%+v", got.Operations[0])
	}
	if want := (Coverage{Of: CoverageOfPublished, Covered: 2, Total: 3, Percent: 200.0 / 3}); got.Coverage != want {
		t.Errorf("coverage %+v, want %+v", got.Coverage, want)
	}
	var order []string
	for _, v := range got.Violations {
		order = append(order, v.Fingerprint)
	}
	if want := []string{"f", "g", "warn"}; !slices.Equal(order, want) {
		t.Errorf("violations %v, want %v", order, want)
	}
	if f := got.Violations[0]; f.Requests != 2 || f.Known || !slices.Equal(f.Exchanges, []string{"f-1", "other"}) {
		t.Errorf("%+v", f)
	}
	// One report is itself.
	alone, err := Merge(a)
	if err != nil {
		t.Fatal(err)
	}
	if alone.Requests != a.Requests || alone.Coverage != a.Coverage || !alone.Violations[0].Known {
		t.Errorf("%+v", alone)
	}
	moved := shard(1, func(r *Report) { r.Operations[0].Path = "/elsewhere" })
	if _, err := Merge(a, moved); err == nil || !strings.Contains(err.Error(), "brms:listProjects is GET /api/projects in one and GET /elsewhere") {
		t.Errorf("%v", err)
	}
	if _, err := Merge(); err == nil {
		t.Error("nothing is merged")
	}
}

func TestReportFilter(t *testing.T) {
	fresh := func() *Report {
		return shard(1, func(r *Report) {
			r.Requests = 5
			r.Operations[0].Requests, r.Operations[0].Rows[0].Requests = 2, 2
			r.Violations = []RecordedViolation{broken("f", "listProjects", contract.BasisPublished), broken("unmatched", "", contract.BasisPublished)}
			r.Violations[1].Document.Pointer = "/paths/~1api~1projects"
		})
	}
	for _, c := range []struct {
		globs      []string
		operations string
		violations int
		requests   int64
		left       int64
		percent    float64
	}{
		{nil, "listProjects listIntegrations", 2, 5, 0, 100},
		{[]string{"brms:*"}, "listProjects", 2, 3, 2, 100},
		{[]string{"*Projects"}, "listProjects", 2, 3, 2, 100}, // with what is nearest to it
		{[]string{"datafold:list*"}, "listIntegrations", 0, 0, 5, 0},
		{[]string{"brms:listProject?", "listIntegrations"}, "listProjects listIntegrations", 2, 3, 2, 100},
	} {
		r := fresh()
		if err := r.Filter(c.globs); err != nil {
			t.Errorf("%v: %v", c.globs, err)
			continue
		}
		var names []string
		for i := range r.Operations {
			names = append(names, r.Operations[i].ID)
		}
		if strings.Join(names, " ") != c.operations || len(r.Violations) != c.violations || r.Requests != c.requests || r.LeftOut != c.left || r.Coverage.Percent != c.percent {
			t.Errorf("%v: %v, %d violations, %d requests, %v %%", c.globs, names, len(r.Violations), r.Requests, r.Coverage.Percent)
		}
	}
	for _, glob := range []string{"brms:listproject?", "nothing", "brms:list.rojects", "[a-z]*"} {
		if err := fresh().Filter([]string{"*", glob}); err == nil || !strings.Contains(err.Error(), glob) {
			t.Errorf("%q: %v", glob, err)
		}
	}
}

func TestBaseline(t *testing.T) {
	r := shard(1, func(r *Report) {
		r.Violations = []RecordedViolation{
			broken("f", "listProjects", contract.BasisPublished),
			broken("e", "createProject", contract.BasisPublished),
		}
		r.Violations[0].Got = `"hush"`
	})
	var first, second bytes.Buffer
	if err := NewBaseline(r).Write(&first); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(r.Violations)
	if err := NewBaseline(r).Write(&second); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() || strings.Contains(first.String(), "hush") {
		t.Errorf("%s\n%s", first.String(), second.String())
	}
	known, err := ReadBaseline(&first)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(NewBaseline(r), known); diff != "" {
		t.Error(diff)
	}

	partial := shard(1, func(*Report) {})
	if fixed := known.Apply(partial); len(fixed) > 0 {
		t.Errorf("fixed, though its operation was not called: %v", fixed)
	}
	again := NewBaseline(partial)
	again.Keep(known, partial)
	if diff := cmp.Diff(known, again); diff != "" {
		t.Errorf("a baseline written after a run that called nothing of it:\n%s", diff)
	}

	later := shard(1, func(r *Report) {
		r.Operations = append(r.Operations, RecordedOperation{API: "brms", ID: "createProject", Requests: 1})
		r.Violations = []RecordedViolation{broken("new", "listProjects", contract.BasisPublished), broken("f", "listProjects", contract.BasisPublished)}
	})
	fixed := known.Apply(later)
	if len(fixed) != 1 || fixed[0].Fingerprint != "e" {
		t.Errorf("fixed: %+v", fixed)
	}
	verdict := later.Judge(Judging{FailOn: FailOnInferred, MinCoverage: 0})
	if len(verdict.Failures) != 1 || verdict.Failures[0].Fingerprint != "new" || len(verdict.Warnings) != 1 {
		t.Errorf("%+v", verdict)
	}
	if err := known.Filter([]string{"brms:list*"}); err != nil || len(known.Violations) != 1 {
		t.Errorf("%+v (%v)", known, err)
	}
	for _, text := range []string{``, `{}`, `[]`, `{"$schema":"urn:understudy:report:1"}`, `{"$schema":"urn:understudy:baseline:2","violations":[{}]}`, `{"$schema":"urn:understudy:baseline:1","violations":[]}`} {
		if _, err := ReadBaseline(strings.NewReader(text)); err == nil {
			t.Errorf("%s is taken for a baseline", text)
		}
	}
	for _, text := range []string{``, `{}`, `{"$schema":"urn:understudy:baseline:2"}`, `{"$schema":"urn:understudy:report:1"}`} {
		if _, err := ReadReport(strings.NewReader(text)); err == nil {
			t.Errorf("%s is taken for a report", text)
		}
	}
}
