package evidence

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// What was saved is loaded as it was, in its order and with what its exchanges were
// forced to; a transaction that fails changes nothing, in the store or in memory.
func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	r := recorder(t, Options{Interval: time.Hour})
	ctx := t.Context()
	forced := &site.Forced{By: "fault", Fault: "f", What: "status 503"}
	for i := range 3 {
		x := exchange(i+1, "a", i < 2)
		if i == 2 {
			x.Err = errors.New("failed") // kept, and named by no violation
		}
		x.Forced = forced
		r.Record(x)
	}
	r.Record(exchange(9, "b", true))
	list := func(workspace string, wanted ...string) { // by the ends of their ids
		t.Helper()
		found, _, _, err := r.List(ctx, Scope{Workspace: workspace}, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, s := range found {
			got = append(got, s.ID[14:])
			if was := workspace == "a" && s.ID[14:] < "04"; was != (s.Forced != nil) || was && *s.Forced != *forced {
				t.Errorf("%s: forced %+v", s.ID, s.Forced)
			}
		}
		if diff := cmp.Diff(append([]string{}, wanted...), got); diff != "" {
			t.Errorf("%s: %s", workspace, diff)
		}
	}
	if _, err := r.NextID(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := r.Save(ctx, "a", []string{"kept"}, func(save func(storage.Tx) error, txs []storage.Tx) error { return save(txs[0]) }); err != nil {
		t.Fatal(err)
	}
	load := func(fail error) error {
		return r.Load(ctx, "a", []string{"kept"}, func(load func(storage.Tx) error, txs []storage.Tx) error {
			return errors.Join(load(txs[0]), fail)
		})
	}
	r.Record(exchange(4, "a", true))
	r.Record(exchange(5, "a", false)) // in memory only
	stop := errors.New("stop")
	if err := load(stop); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	list("a", "05", "04", "03", "02", "01")
	if err := load(nil); err != nil {
		t.Fatal(err)
	}
	list("a", "03", "02", "01")
	list("b", "09")
	if id, err := r.NextID(ctx, "a"); err != nil || id[8:] != "00000002" {
		t.Errorf("the next id is %s, %v", id, err)
	}
	// The one that no violation names can still be purged.
	if err := r.store.View(ctx, storeName, func(tx storage.ReadTx) error {
		page, err := storedExchanges.List(tx, storage.Query{Parent: new("a"), Index: purgeable})
		if len(page.Items) != 1 || page.Items[0].ID[14:] != "03" {
			t.Errorf("purgeable are %+v", page.Items)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := r.ClearWith(ctx, "a", []string{"kept"}, func(func() error, []storage.Tx) error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	list("a", "03", "02", "01")
	if err := r.ClearWith(ctx, "a", []string{"kept"}, func(clearEvidence func() error, _ []storage.Tx) error { return clearEvidence() }); err != nil {
		t.Fatal(err)
	}
	list("a")
	list("b", "09")
}
