package evidence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// replicas are recorders over one store, each as of a process of its own.
func replicas(t *testing.T, n int, o Options) []*Recorder {
	t.Helper()
	o.Shared, o.Interval = true, time.Hour
	all := []*Recorder{recorder(t, o)}
	for len(all) < n {
		r := New(all[0].store, all[0].o)
		t.Cleanup(func() { _ = r.Close() })
		all = append(all, r)
	}
	return all
}

func idsOf(t *testing.T, r *Recorder, s Scope) []string {
	t.Helper()
	list, _, _, err := r.List(t.Context(), s, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for i, summary := range list {
		ids = append(ids, summary.ID)
		if i%9 != 0 {
			continue
		}
		if x, err := r.Get(t.Context(), s, summary.ID); err != nil || x == nil || !cmp.Equal(x.Summary, summary) {
			t.Errorf("%s by id: %+v, %v", summary.ID, x, err)
		}
	}
	return ids
}

func flushAll(t *testing.T, all []*Recorder) {
	t.Helper()
	for _, r := range all {
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// sound holds what is counted of the chunks against what there is.
func sound(t *testing.T, r *Recorder) {
	t.Helper()
	if err := r.store.View(t.Context(), storeName, func(tx storage.ReadTx) error {
		page, err := chunks.List(tx, storage.Query{})
		if err != nil {
			return err
		}
		var all total
		held := map[string]total{}
		for _, item := range page.Items {
			c := item.Value
			n := int64(len(c.Summaries))
			own := held[c.Workspace]
			own.add(n, c.Bytes)
			held[c.Workspace] = own
			all.add(n, c.Bytes)
			if messages, err := chunkMessages.Get(tx, item.ID); err != nil || int64(len(messages.Value)) != n || n == 0 || n > chunkExchanges {
				t.Errorf("a chunk of %d has %d messages, %v", n, len(messages.Value), err)
			}
		}
		if n, err := tx.Count(chunkMessages.Kind, "", false); err != nil || n != page.Total {
			t.Errorf("%d chunks have %d records of messages, %v", page.Total, n, err)
		}
		counted, err := totals.Get(tx, totalID)
		if err != nil && !storage.IsNotFound(err) {
			return err
		}
		if counted.Value != all {
			t.Errorf("of all %+v, counted as %+v", all, counted.Value)
		}
		tallied, err := tallies.List(tx, storage.Query{})
		for _, item := range tallied.Items {
			if item.Value.Recent != held[item.Value.Workspace] {
				t.Errorf("%q: %+v, counted as %+v", item.Value.Workspace, held[item.Value.Workspace], item.Value.Recent)
			}
			delete(held, item.Value.Workspace)
		}
		if len(held) > 0 {
			t.Errorf("not counted: %v", held)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// Whatever replicas record, store, clear, keep and bring back, in whatever order:
// each shows what happened since the last clearing, and nothing from before it.
func TestSharedModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 7))
		all := replicas(t, 3, Options{})
		one := func() *Recorder { return all[random.IntN(len(all))] }
		workspaces := []string{"a", "b", ""}
		model, kept := map[string][]string{}, map[string][]string{}
		for i := range 120 {
			workspace := workspaces[random.IntN(3)]
			var err error
			switch what := random.IntN(40); {
			case what < 25:
				x := exchange(i, workspace, what < 8)
				model[workspace] = append(model[workspace], x.ID)
				one().Record(x)
			case what < 33:
				err = one().Flush(t.Context())
			case what < 36:
				delete(model, workspace)
				err = one().Clear(t.Context(), Scope{Workspace: workspace})
			case what == 36:
				clear(model)
				err = one().Clear(t.Context(), Scope{All: true})
			case what == 37 && kept[workspace] == nil: // what others have not stored yet is not in it
				flushAll(t, all)
				kept[workspace] = append([]string{}, model[workspace]...)
				err = one().Save(t.Context(), workspace, []string{"kept of " + workspace}, func(save func(storage.Tx) error, txs []storage.Tx) error {
					return save(txs[0])
				})
			case what == 38 && kept[workspace] != nil:
				model[workspace] = slices.Clone(kept[workspace])
				err = one().Load(t.Context(), workspace, []string{"kept of " + workspace}, func(load func(storage.Tx) error, txs []storage.Tx) error {
					return load(txs[0])
				})
			case what == 39:
				delete(model, workspace)
				err = one().ClearWith(t.Context(), workspace, []string{"x"}, func(clearEvidence func() error, _ []storage.Tx) error { return clearEvidence() })
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		flushAll(t, all)
		for _, workspace := range workspaces {
			wanted := slices.Clone(model[workspace])
			slices.Sort(wanted)
			slices.Reverse(wanted)
			for _, r := range all {
				if diff := cmp.Diff(append([]string{}, wanted...), idsOf(t, r, Scope{Workspace: workspace})); diff != "" {
					t.Fatalf("seed %d: %q: %s", seed, workspace, diff)
				}
				if report, err := r.Report(t.Context(), Scope{Workspace: workspace}, CoverageOfAll); err != nil || report.Requests != int64(len(wanted)) {
					t.Errorf("seed %d: %q: %d requests of %d, %v", seed, workspace, report.Requests, len(wanted), err)
				}
			}
		}
		sound(t, all[0])
	}
}

// What one replica recorded before another cleared does not come afterwards, even if
// it could not be stored at first; what it recorded afterwards does. What the clocks of
// both show says nothing of which was first: one of them is a day behind from then on.
func TestClearReachesReplicas(t *testing.T) {
	t.Parallel()
	for name, wipe := range map[string]func(*Recorder, context.Context) error{
		"clear": func(r *Recorder, ctx context.Context) error { return r.Clear(ctx, Scope{Workspace: "a"}) },
		"all":   func(r *Recorder, ctx context.Context) error { return r.Clear(ctx, Scope{All: true}) },
		"clear with": func(r *Recorder, ctx context.Context) error {
			return r.ClearWith(ctx, "a", []string{"x"}, func(clearEvidence func() error, _ []storage.Tx) error { return clearEvidence() })
		},
	} {
		all := replicas(t, 2, Options{})
		down := &unreachable{Store: all[0].store}
		all[1].store = down
		all[1].Record(exchange(1, "a", true))
		all[1].Record(exchange(2, "a", false))
		down.now.Store(true)
		if err := all[1].Flush(t.Context()); err == nil {
			t.Fatal("stored")
		}
		all[1].Record(exchange(3, "a", false))
		down.now.Store(false)
		if err := wipe(all[0], t.Context()); err != nil {
			t.Fatal(err)
		}
		all[1].failing.Store(false) // as after it was written to
		for _, x := range []*site.Exchange{exchange(4, "a", false), exchange(5, "a", true)} {
			x.Time = x.Time.Add(-24 * time.Hour)
			all[1].Record(x)
		}
		flushAll(t, all)
		for _, r := range all {
			if diff := cmp.Diff([]string{exchange(5, "", false).ID, exchange(4, "", false).ID}, idsOf(t, r, Scope{Workspace: "a"})); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if report, err := all[0].Report(t.Context(), Scope{Workspace: "a"}, CoverageOfAll); err != nil || report.Requests != 2 || len(report.Violations) != 1 || report.Violations[0].Requests != 1 {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		if all[1].waiting != 0 || all[1].all.count != 0 || len(all[1].dirty) != 0 {
			t.Errorf("%s: %d bytes wait", name, all[1].waiting)
		}
	}
}

// unreachable is a store that cannot be written to for a while.
type unreachable struct {
	storage.Store
	now atomic.Bool
}

func (s *unreachable) Update(ctx context.Context, workspace string, fn func(storage.Tx) error) error {
	if s.now.Load() {
		return &storage.Error{Code: storage.CodeUnavailable, Err: errors.New("down")}
	}
	return s.Store.Update(ctx, workspace, fn)
}

// What cannot be stored waits in its order, within the bounds.
func TestSharedWaits(t *testing.T) {
	t.Parallel()
	r := replicas(t, 1, Options{Exchanges: 10})[0]
	down := &unreachable{Store: r.store}
	r.store = down
	down.now.Store(true)
	var wanted []string
	for i := range 25 {
		x := exchange(i, "a", false)
		r.Record(x)
		if i%4 == 0 && r.Flush(t.Context()) == nil {
			t.Fatal("stored")
		}
		wanted = append([]string{x.ID}, wanted...)
	}
	down.now.Store(false)
	if diff := cmp.Diff(wanted[:10], idsOf(t, r, Scope{Workspace: "a"})); diff != "" {
		t.Error(diff)
	}
	if report, err := r.Report(t.Context(), Scope{Workspace: "a"}, CoverageOfAll); err != nil || report.Requests != 25 {
		t.Errorf("%+v, %v", report, err)
	}
	sound(t, r)
}

// The store keeps the newest of each workspace, and no more of all than it is told.
func TestSharedBounds(t *testing.T) {
	t.Parallel()
	all := replicas(t, 2, Options{Exchanges: 120, TotalExchanges: 400, StoredExchanges: 20})
	n := 0
	for range 12 {
		for _, workspace := range []string{"a", "b", "c", "d", "e"} {
			for range 25 {
				n++
				all[n%2].Record(exchange(n, workspace, n%25 == 0))
			}
			flushAll(t, all)
		}
	}
	sound(t, all[0])
	listed := idsOf(t, all[0], Scope{All: true})
	if len(listed) < 300 || len(listed) > 400+5*20 {
		t.Errorf("%d of all", len(listed))
	}
	own := idsOf(t, all[1], Scope{Workspace: "e"})
	if len(own) < 100 || len(own) > 120 {
		t.Errorf("%d of the one that came last", len(own))
	}
	for i, id := range own[:100] {
		if wanted := exchange(12*125-i/25*125-i%25, "", false).ID; id != wanted {
			t.Fatalf("the newest but %d is %s, want %s", i, id, wanted)
		}
	}
	// By bytes too.
	r := replicas(t, 1, Options{Bytes: 40_000, TotalBytes: 100_000})[0]
	for i := range 200 {
		x := exchange(i, fmt.Sprintf("w%d", i%5), false)
		x.ResponseBody = make([]byte, 3000)
		r.Record(x)
		if i%7 == 0 {
			flushAll(t, []*Recorder{r})
		}
	}
	flushAll(t, []*Recorder{r})
	sound(t, r)
	if err := r.store.View(t.Context(), storeName, func(tx storage.ReadTx) error {
		all, err := totals.Get(tx, totalID)
		if all.Value.Bytes > 100_000 || all.Value.Bytes < 50_000 {
			t.Errorf("%+v", all.Value)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// A replica that hears of an epoch after another heard of a later one is not
// confused, and what it remembers of epochs has a bound.
func TestEpochs(t *testing.T) {
	t.Parallel()
	r := replicas(t, 1, Options{})[0]
	heard := func(workspace string, epoch string) {
		r.Heed(workspace, []storage.Settings{{}, {Data: epoch}})
	}
	count := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		if w := r.workspaces["a"]; w != nil {
			return w.own.count
		}
		return 0
	}
	r.store = &unreachable{Store: r.store}
	heard("a", "")
	r.Record(exchange(1, "a", false))
	heard("a", "7")
	if n := count(); n != 0 {
		t.Errorf("%d of the last epoch", n)
	}
	r.Record(exchange(2, "a", false))
	heard("a", "")
	heard("a", "6")
	heard("a", "7")
	heard("b", "9")
	if n := count(); n != 1 {
		t.Errorf("%d of this epoch", n)
	}
	for i := range maxEpochs + 10 {
		heard(fmt.Sprint(i), "5")
	}
	if len(r.epochs) > maxEpochs || r.epochs["a"] != 7 {
		t.Errorf("%d epochs, of a %d", len(r.epochs), r.epochs["a"])
	}
	if names := New(r.store, Options{}).Epochs("a"); names != nil {
		t.Errorf("not shared: %v", names)
	}
}

// Requests at once on replicas that store, read and clear lose nothing that came
// after the last clearing.
func TestSharedAtOnce(t *testing.T) {
	t.Parallel()
	all := replicas(t, 3, Options{Exchanges: 10_000})
	var wg sync.WaitGroup
	for c, r := range all {
		wg.Go(func() {
			for i := range 300 {
				r.Record(exchange(c*1000+i, "a", i%3 == 0))
				var err error
				switch i % 30 {
				case 7:
					err = r.Flush(t.Context())
				case 14:
					_, _, _, err = r.List(t.Context(), Scope{All: true}, Filter{Limit: 3})
				case 29:
					if i < 200 {
						err = r.Clear(t.Context(), Scope{Workspace: "a"})
					}
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	flushAll(t, all)
	sound(t, all[0])
	there := map[string]bool{}
	for _, id := range idsOf(t, all[2], Scope{Workspace: "a"}) {
		there[id] = true
	}
	report, err := all[1].Report(t.Context(), Scope{Workspace: "a"}, CoverageOfAll)
	if err != nil || report.Requests != int64(len(there)) {
		t.Errorf("%d requests, %d exchanges, %v", report.Requests, len(there), err)
	}
	if len(there) == 0 {
		t.Error("nothing is left")
	}
}

// An epoch of long ago leaves nothing behind, and one of lately stays.
func TestPurgeEpochs(t *testing.T) {
	t.Parallel()
	all := replicas(t, 2, Options{})
	for i := range batch + 5 {
		if err := all[0].Clear(t.Context(), Scope{Workspace: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	all[0].Record(exchange(1, "3", false))
	flushAll(t, all)
	between := time.Now()
	if err := all[0].Clear(t.Context(), Scope{Workspace: "4"}); err != nil {
		t.Fatal(err)
	}
	all[1].Record(exchange(2, "4", false))
	for range 2 {
		if err := all[1].purgeEpochs(t.Context(), between); err != nil {
			t.Fatal(err)
		}
	}
	left, err := all[0].store.Workspaces(t.Context(), epochPrefix)
	if diff := cmp.Diff([]string{epochPrefix + "4"}, left); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if err := all[0].store.View(t.Context(), storeName, func(tx storage.ReadTx) error {
		page, err := tallies.List(tx, storage.Query{})
		for _, item := range page.Items {
			if workspace := item.Value.Workspace; workspace != "3" && workspace != "4" {
				t.Errorf("%q is left", workspace)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, workspace := range []string{"3", "4"} {
		if ids := idsOf(t, all[1], Scope{Workspace: workspace}); len(ids) != 1 {
			t.Errorf("%s: %v", workspace, ids)
		}
	}
}

// failsSlowly is a store that is told only after a while that it cannot be written to.
type failsSlowly struct{ storage.Store }

const slowly = 3 * time.Second

func (failsSlowly) Workspaces(context.Context, string) ([]string, error) { return nil, nil }

func (failsSlowly) Update(context.Context, string, func(storage.Tx) error) error {
	<-time.After(slowly)
	return &storage.Error{Code: storage.CodeUnavailable, Err: errors.New("down")}
}

func (s failsSlowly) UpdateAll(ctx context.Context, _ []string, _ func([]storage.Tx) error) error {
	return s.Update(ctx, "", nil)
}

// Readers who wait for a store that fails wait together, not one after the other; and
// nobody waits without end.
func TestNobodyWaitsForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := New(failsSlowly{}, Options{Interval: time.Hour, Documents: func() ([]*contract.Document, error) { return nil, nil }})
		r.Record(exchange(1, "a", true))
		began := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := r.Report(t.Context(), Scope{Workspace: "a"}, CoverageOfAll); storage.CodeOf(err) != storage.CodeUnavailable {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > 2*slowly {
			t.Errorf("readers waited for %s", took)
		}
		began = time.Now()
		for range 20 {
			wg.Go(func() {
				if err := r.Clear(t.Context(), Scope{Workspace: "a"}); storage.CodeOf(err) != storage.CodeUnavailable {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took > lockTime+slowly {
			t.Errorf("writers waited for %s", took)
		}
		if err := r.Close(); err == nil {
			t.Error("closed without what waits being stored")
		}
	})
}

// told is a store that tells when it is written to.
type told struct {
	storage.Store
	writes chan struct{}
}

func (s told) Settings(context.Context, ...string) ([]storage.Settings, error) { return nil, nil }

func (s told) Workspaces(context.Context, string) ([]string, error) { return nil, nil }

func (s told) Update(context.Context, string, func(storage.Tx) error) error {
	s.writes <- struct{}{}
	return nil
}

// What a process records is in the store within a second, for the others to see.
func TestStoredWithinASecond(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := told{writes: make(chan struct{})}
			r := New(store, Options{Shared: shared})
			for i := range 3 {
				began := time.Now()
				r.Record(exchange(i, "a", !shared)) // what a stranger only reads is not stored
				<-store.writes
				if took := time.Since(began); took >= time.Second {
					t.Errorf("shared: %v: stored after %s", shared, took)
				}
				<-time.After(time.Hour)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
