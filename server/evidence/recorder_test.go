package evidence

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

func recorder(t testing.TB, o Options) *Recorder {
	t.Helper()
	store, err := sqlite.Open(context.WithoutCancel(t.Context()), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if o.Documents == nil {
		o.Documents = func() ([]*contract.Document, error) { return nil, nil }
	}
	r := New(store, o)
	t.Cleanup(func() {
		_ = r.Close()
		_ = store.Close()
	})
	return r
}

func exchange(i int, workspace string, wrong bool) *site.Exchange {
	x := &site.Exchange{ID: fmt.Sprintf("%016x", i), Time: time.Unix(int64(i), 0), API: "brms", Workspace: workspace, Method: "GET", Path: "/p", Status: 200}
	if wrong {
		x.Explained = []contract.Explained{{Side: contract.SideClient, Rule: "type", Basis: contract.BasisPublished, In: contract.InBody, Pointer: fmt.Sprintf("/list/%d/a", i), Message: "m"}}
	}
	return x
}

// Memory and store keep no more than they are told, the newest of each workspace,
// and the exchanges that a kind of violation names.
func TestBounds(t *testing.T) {
	t.Parallel()
	r := recorder(t, Options{Exchanges: 10, TotalExchanges: 25, StoredExchanges: 20, Interval: time.Hour})
	n := 0
	for round := range 10 {
		for _, workspace := range []string{"a", "b", "", "c"} {
			for range 30 {
				n++
				r.Record(exchange(n, workspace, true))
			}
		}
		r.mu.Lock()
		total := 0
		for name, w := range r.workspaces {
			if w.own.count > 10 || len(w.pending) > 20 {
				t.Errorf("%q: %d in memory, %d waiting", name, w.own.count, len(w.pending))
			}
			total += w.own.count
		}
		if of := r.all.count + r.strangers.count; total != of || total > 25 {
			t.Errorf("%d in memory, %d of all", total, of)
		}
		r.mu.Unlock()
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.waiting != 0 || len(r.dirty) != 0 {
			t.Errorf("round %d: %d bytes wait", round, r.waiting)
		}
	}
	if err := r.store.View(t.Context(), storeName, func(tx storage.ReadTx) error {
		for _, workspace := range []string{"a", "b", "", "c"} {
			for _, kind := range []string{"exchange", "messages"} {
				if got, err := countOf(tx, kind, workspace); err != nil || got != 20 {
					t.Errorf("%q: %d of %s, %v", workspace, got, kind, err)
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, workspace := range []string{"a", "b", "", "c"} {
		report, err := r.Report(t.Context(), Scope{Workspace: workspace}, CoverageOfPublished)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Violations) != 1 || report.Requests != 300 {
			t.Fatalf("%q: %d requests, %+v", workspace, report.Requests, report.Violations)
		}
		v := report.Violations[0]
		if v.Requests != 300 || len(v.Exchanges) != 5 || v.Pointer != "/list/*/a" {
			t.Errorf("%+v", v)
		}
		for _, id := range v.Exchanges {
			if x, err := r.Get(t.Context(), Scope{Workspace: workspace}, id); err != nil || x == nil {
				t.Errorf("%q: the named %s is gone, %v", workspace, id, err)
			}
		}
		list, _, _, err := r.List(t.Context(), Scope{Workspace: workspace}, Filter{})
		if err != nil || len(list) < 20 || list[0].Time.Before(list[1].Time) {
			t.Errorf("%q: %d listed, %v", workspace, len(list), err)
		}
	}
}

// Bytes are bounded like numbers.
func TestBytesAreBounded(t *testing.T) {
	t.Parallel()
	r := recorder(t, Options{Bytes: 10_000, TotalBytes: 25_000, StoredBytes: 30_000, Interval: time.Hour})
	for i := range 200 {
		x := exchange(i, fmt.Sprintf("w%d", i%5), true)
		x.ResponseBody = make([]byte, 3000)
		r.Record(x)
		r.mu.Lock()
		if r.all.bytes > 25_000 || r.workspaces[x.Workspace].own.bytes > 10_000 || r.waiting > 40_000 {
			t.Fatalf("%d bytes of all, %d of one, %d wait", r.all.bytes, r.workspaces[x.Workspace].own.bytes, r.waiting)
		}
		r.mu.Unlock()
		if i%7 == 0 {
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.store.View(t.Context(), storeName, func(tx storage.ReadTx) error {
		for i := range 5 {
			workspace := fmt.Sprintf("w%d", i)
			page, err := storedExchanges.List(tx, storage.Query{Parent: &workspace})
			if err != nil {
				return err
			}
			var bytes int64
			for _, item := range page.Items {
				bytes += item.Value.Size
			}
			kept, err := tallies.Get(tx, tallyID(workspace))
			if err != nil || kept.Value.Bytes != bytes || bytes > 30_000 || bytes == 0 {
				t.Errorf("%s: %d bytes, counted as %d, %v", workspace, bytes, kept.Value.Bytes, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Two processes over one store add up, and clearing in one clears for both.
func TestReplicas(t *testing.T) {
	t.Parallel()
	one := recorder(t, Options{})
	two := New(one.store, one.o)
	defer func() { _ = two.Close() }()
	for i := range 100 {
		one.Record(exchange(i, "a", i%2 == 0))
		two.Record(exchange(1000+i, "a", i%2 == 0))
		if i%10 == 0 {
			if err := one.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := two.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := one.Report(t.Context(), Scope{Workspace: "a"}, CoverageOfAll)
	if err != nil || report.Requests != 200 || report.Violations[0].Requests != 100 {
		t.Errorf("%+v, %v", report, err)
	}
	if err := one.Clear(t.Context(), Scope{Workspace: "a"}); err != nil {
		t.Fatal(err)
	}
	two.Record(wrote(exchange(5000, "a", false)))
	if err := two.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if report, err := one.Report(t.Context(), Scope{Workspace: "a"}, CoverageOfAll); err != nil || report.Requests != 1 || len(report.Violations) != 0 {
		t.Errorf("after clearing: %+v, %v", report, err)
	}
}

// What waits is stored without being asked for, and nothing is written of nobody.
func TestWritesBehind(t *testing.T) {
	t.Parallel()
	r := recorder(t, Options{Interval: time.Millisecond})
	count := func() (n int64) {
		if err := r.store.View(t.Context(), storeName, func(tx storage.ReadTx) (err error) {
			n, err = tx.Count("tally", "", false)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 0 {
		t.Errorf("%d before anything happened", n)
	}
	r.Record(wrote(exchange(1, "a", false)))
	for count() == 0 {
		if t.Context().Err() != nil {
			t.Fatal("not stored")
		}
	}
	health := exchange(2, "", false)
	health.API = ControlAPI
	r.Record(health)
	if err := r.Flush(t.Context()); err != nil || count() != 1 {
		t.Errorf("%d records, %v", count(), err)
	}
}
