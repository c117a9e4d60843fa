package evidence

import (
	"fmt"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

func wrote(x *site.Exchange) *site.Exchange {
	x.Method = "POST"
	return x
}

func storedTallies(t *testing.T, r *Recorder) int64 {
	t.Helper()
	var n int64
	if err := r.store.View(t.Context(), storeName, func(tx storage.ReadTx) (err error) {
		n, err = tx.Count(tallies.Kind, "", false)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// What strangers read leaves nothing in the store and a bounded trace in memory, is in
// their own report, and drives out nothing of who keeps something.
func TestStrangersRead(t *testing.T) {
	t.Parallel()
	r := recorder(t, Options{TotalExchanges: 100, Interval: time.Hour})
	for i := range 20 {
		r.Record(wrote(exchange(i, "victim", false)))
	}
	const many = 3 * maxStrangers
	for i := range many {
		r.Record(exchange(100+i, fmt.Sprint("stranger", i), false))
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := storedTallies(t, r); n != 1 {
		t.Errorf("%d rows in the store", n)
	}
	if n := len(r.workspaces); n > maxStrangers+1 {
		t.Errorf("%d workspaces in memory", n)
	}
	if list, _, _, err := r.List(t.Context(), Scope{Workspace: "victim"}, Filter{}); err != nil || len(list) != 20 {
		t.Errorf("the victim has %d of 20 exchanges, %v", len(list), err)
	}
	for name, want := range map[string]int64{"victim": 20, fmt.Sprint("stranger", many-1): 1, "stranger0": 0} {
		report, err := r.Report(t.Context(), Scope{Workspace: name}, CoverageOfPublished)
		if err != nil || report.Requests != want {
			t.Errorf("%s: %d requests, want %d, %v", name, report.Requests, want, err)
		}
	}
	// Who then keeps something is no stranger, and loses nothing of before.
	last := fmt.Sprint("stranger", many-1)
	r.Record(wrote(exchange(90_000, last, false)))
	if report, err := r.Report(t.Context(), Scope{Workspace: last}, CoverageOfPublished); err != nil || report.Requests != 2 {
		t.Errorf("%d requests, want 2, %v", report.Requests, err)
	}
	if n := storedTallies(t, r); n != 2 {
		t.Errorf("%d rows in the store", n)
	}
}

// Of what strangers break the contract with, the latest is stored.
func TestStrangersBreak(t *testing.T) {
	t.Parallel()
	r := recorder(t, Options{Interval: time.Hour})
	r.Record(exchange(1, "victim", true))
	r.Record(wrote(exchange(2, "victim", false)))
	for i := range maxStoredStrangers + 300 {
		r.Record(exchange(100+i, fmt.Sprint("stranger", i), true))
		if i%200 == 0 {
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := storedTallies(t, r); n > maxStoredStrangers+1 {
		t.Errorf("%d rows in the store", n)
	}
	if report, err := r.Report(t.Context(), Scope{Workspace: "victim"}, CoverageOfPublished); err != nil || report.Requests != 2 || len(report.Violations) != 1 {
		t.Errorf("the victim: %+v, %v", report, err)
	}
}

// A workspace that was there before the process is no stranger, whatever it does.
func TestOldWorkspace(t *testing.T) {
	t.Parallel()
	r := recorder(t, Options{Interval: time.Hour})
	if err := r.store.Update(t.Context(), "old", func(tx storage.Tx) error {
		_, err := tx.Insert(storage.Record{Kind: "k", ID: "1", Body: []byte("1")}, nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.Record(exchange(1, "old", false))
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := storedTallies(t, r); n != 1 {
		t.Errorf("%d rows in the store", n)
	}
}

// The ring of all takes from whoever has the most.
func TestLargestGoesFirst(t *testing.T) {
	t.Parallel()
	for name, hog := range map[string]func(i int) *site.Exchange{
		"large": func(i int) *site.Exchange {
			x := wrote(exchange(1000+i, fmt.Sprint("hog", i%7), false))
			x.RequestBody = make([]byte, 100_000)
			return x
		},
		"many": func(i int) *site.Exchange { return wrote(exchange(1000+i, "hog", false)) },
	} {
		r := recorder(t, Options{Bytes: 1 << 20, TotalBytes: 4 << 20, TotalExchanges: 300, Interval: time.Hour})
		for i := range 10 {
			r.Record(wrote(exchange(i, "victim", false)))
		}
		for i := range 1000 {
			r.Record(hog(i))
		}
		if n := r.workspaces["victim"].own.count; n != 10 {
			t.Errorf("%s: the victim has %d of 10 exchanges", name, n)
		}
		if r.all.bytes > 4<<20 || r.all.count > 300 {
			t.Errorf("%s: %d exchanges of %d bytes", name, r.all.count, r.all.bytes)
		}
	}
}

// What waits for a store that fails is bounded, whoever it is of.
func TestFailingStore(t *testing.T) {
	t.Parallel()
	r := recorder(t, Options{Interval: time.Hour})
	for i := range 3000 {
		x := wrote(exchange(i, fmt.Sprint("w", i%500), true))
		x.RequestBody = make([]byte, 100_000)
		r.Record(x)
	}
	if r.waiting > r.o.StoredBytes {
		t.Errorf("%d bytes wait", r.waiting)
	}
	var waiting int64
	for w := range r.dirty {
		waiting += w.waiting
	}
	if waiting != r.waiting {
		t.Errorf("%d bytes wait, %d by workspace", r.waiting, waiting)
	}
}
