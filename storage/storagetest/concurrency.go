package storagetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/understudy-api/understudy/storage"
)

func testOneDeleteWins(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	for round := range 10 {
		id := strconv.Itoa(round)
		update(t, s, "w", func(tx storage.Tx) error {
			_, err := widgets.Insert(tx, id, "p", aWidget(round))
			return err
		})
		var won, lost atomic.Int64
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 50 {
			wg.Go(func() {
				<-start
				err := s.Update(context.Background(), "w", func(tx storage.Tx) error {
					_, err := widgets.Delete(tx, id)
					return err
				})
				switch {
				case err == nil:
					won.Add(1)
				case storage.IsNotFound(err):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		if won.Load() != 1 || lost.Load() != 49 {
			t.Errorf("%d deletes won and %d lost", won.Load(), lost.Load())
		}
		view(t, s, "w", func(tx storage.ReadTx) error {
			if n, err := tx.Count("widget", "p", true); err != nil || n != int64(round)+1 {
				t.Errorf("%d deleted, %v, want %d", n, err, round+1)
			}
			return nil
		})
	}
}

func testConcurrentNext(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	const workers, each = 16, 20
	mine := errors.New("mine")
	numbers := make(chan int64, workers*each)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				var n int64
				err := s.Update(context.Background(), "w"+strconv.Itoa(w%2), func(tx storage.Tx) (err error) {
					if n, err = tx.Next("n"); err == nil && i%4 == 3 {
						return mine // drawn for nothing
					}
					return err
				})
				switch {
				case err == nil:
					numbers <- n
				case !errors.Is(err, mine):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(numbers)
	var got []int64
	for n := range numbers {
		got = append(got, n)
	}
	slices.Sort(got)
	for i, n := range got {
		if n != int64(i/2+1) { // two workspaces
			t.Fatalf("number %d is %d: %v", i, n, got)
		}
	}
	if len(got) != workers*each*3/4 {
		t.Errorf("%d numbers", len(got))
	}
}

func testConcurrentInserts(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	const workers, each = 16, 25
	var wg sync.WaitGroup
	var conflicts atomic.Int64
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				err := s.Update(context.Background(), "w", func(tx storage.Tx) error {
					r := storage.Record{Kind: "k", ID: fmt.Sprintf("%d/%d", w, i), Parent: "p" + strconv.Itoa(w%3)}
					_, err := tx.Insert(r, key("slot", strconv.Itoa(i)))
					return err
				})
				switch {
				case storage.IsConflict(err):
					conflicts.Add(1)
				case err != nil:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if conflicts.Load() != (workers-1)*each {
		t.Errorf("%d conflicts, want %d", conflicts.Load(), (workers-1)*each)
	}
	page := dumpKind(t, s, "w", "k", "slot")[1]
	if page.Total != each || len(page.Records) != each {
		t.Errorf("%d records, total %d, want %d", len(page.Records), page.Total, each)
	}
}

// testSnapshots moves amounts between two records and looks at their sum from
// Views that read the one and the other in every way and order, some of it
// cached and some not.
func testSnapshots(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	const sum = 1000
	amounts := storage.Collection[int]{Kind: "amount", Indexes: []storage.Index{{Name: "amount"}}, Keys: func(_ storage.Meta, n int) []storage.Key {
		return []storage.Key{{Index: "amount", Value: fmt.Sprintf("%06d", n)}}
	}}
	update(t, s, "w", func(tx storage.Tx) error {
		if _, err := amounts.Insert(tx, "a", "", 0); err != nil {
			return err
		}
		_, err := amounts.Insert(tx, "b", "", sum)
		return err
	})
	var viewers, writers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				by := (w+i)%7 - 3
				if err := s.Update(context.Background(), "w", func(tx storage.Tx) error {
					if _, err := amounts.Update(tx, "a", func(n *int) error { *n += by; return nil }); err != nil {
						return err
					}
					if i%5 == 4 {
						runtime.Gosched()
					}
					_, err := amounts.Update(tx, "b", func(n *int) error { *n -= by; return nil })
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for v := range 4 {
		viewers.Go(func() {
			for i := range 100 {
				err := s.View(context.Background(), "w", func(tx storage.ReadTx) error {
					get := func(id string) (int, int64, error) {
						item, err := amounts.Get(tx, id)
						return item.Value, item.Version, err
					}
					list := func() (total int, versions int64, err error) {
						p, err := amounts.List(tx, storage.Query{Index: "amount"})
						if err == nil && len(p.Items) != 2 {
							return 0, 0, fmt.Errorf("%d records", len(p.Items))
						}
						for _, item := range p.Items {
							total += item.Value
							versions += item.Version
						}
						return total, versions, err
					}
					first, second := "a", "b"
					if i%2 == 0 {
						first, second = second, first
					}
					x, v1, err := get(first)
					if err != nil {
						return err
					}
					if (v+i)%3 > 0 { // a miss between two hits
						if _, err := tx.Get("amount", fmt.Sprintf("nobody %d %d", v, i)); !storage.IsNotFound(err) {
							return fmt.Errorf("a miss: %w", err)
						}
					}
					total, versions := 0, int64(0)
					if (v+i)%4 > 1 {
						if total, versions, err = list(); err != nil {
							return err
						}
					}
					y, v2, err := get(second)
					if err != nil {
						return err
					}
					if x+y != sum || v1 != v2 || versions != 0 && (total != sum || versions != v1+v2) {
						return fmt.Errorf("saw %d and %d (versions %d and %d), in the list %d (%d)", x, y, v1, v2, total, versions)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	viewers.Wait()
	close(stop)
	writers.Wait()
}

// testSnapshotStays is a View that began before an Update and lasts as long as
// the driver lets it, and one that begins after it.
func testSnapshotStays(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	insertN(t, s, "w", "k", 3)
	done := make(chan error, 1)
	view(t, s, "w", func(tx storage.ReadTx) error {
		first, err := tx.List("k", storage.Query{})
		if err != nil {
			return err
		}
		go func() {
			done <- s.Update(context.Background(), "w", func(tx storage.Tx) error {
				if err := tx.Purge("k", "1"); err != nil {
					return err
				}
				_, err := tx.Insert(storage.Record{Kind: "k", ID: "new"}, nil)
				return err
			})
		}()
		for range 20 { // the update may be through now, or wait for us
			runtime.Gosched()
			again, err := tx.List("k", storage.Query{})
			if err != nil {
				return err
			}
			if _, err := tx.Get("k", "1"); err != nil || again.Total != first.Total || len(again.Records) != len(first.Records) {
				t.Errorf("the snapshot changed: %v, %d records", err, len(again.Records))
			}
			if n, err := tx.Count("k", "", false); err != nil || n != 3 {
				t.Errorf("count is %d, %v", n, err)
			}
			if _, err := tx.Get("k", "new"); !storage.IsNotFound(err) {
				t.Errorf("the snapshot got a record: %v", err)
			}
		}
		return nil
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	view(t, s, "w", func(tx storage.ReadTx) error {
		_, err := tx.Get("k", "1")
		wantCode(t, "a purged record", err, storage.CodeNotFound)
		_, err = tx.Get("k", "new")
		return err
	})
}

func testClosed(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	insertN(t, s, "w", "k", 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error("second close:", err)
	}
	wantCode(t, "update", s.Update(t.Context(), "w", func(storage.Tx) error { return nil }), storage.CodeUnavailable)
	wantCode(t, "view", s.View(t.Context(), "w", func(storage.ReadTx) error { return nil }), storage.CodeUnavailable)
	wantCode(t, "ping", s.Ping(t.Context()), storage.CodeUnavailable)
	err := s.UpdateAll(t.Context(), []string{"w", "v"}, func([]storage.Tx) error { return nil })
	wantCode(t, "update of all", err, storage.CodeUnavailable)
	_, err = s.Settings(t.Context(), "w")
	wantCode(t, "settings", err, storage.CodeUnavailable)
	_, err = s.Workspaces(t.Context(), "")
	wantCode(t, "workspaces", err, storage.CodeUnavailable)
	_, _, err = s.Alarms(t.Context(), 1)
	wantCode(t, "alarms", err, storage.CodeUnavailable)
}

func testCloseWaits(t *testing.T, open Open) {
	s := open(t, storage.Options{})
	var running, finished atomic.Int64
	var wg sync.WaitGroup
	started := make(chan struct{}, 8)
	for i := range 8 {
		wg.Go(func() {
			step := func() {
				running.Add(1)
				started <- struct{}{}
				for range 50 {
					runtime.Gosched()
				}
				finished.Add(1)
			}
			var err error
			if i%2 == 0 {
				err = s.Update(context.Background(), "w", func(tx storage.Tx) error {
					step()
					_, err := tx.Insert(storage.Record{Kind: "k", ID: strconv.Itoa(i)}, nil)
					return err
				})
			} else {
				err = s.View(context.Background(), "w", func(tx storage.ReadTx) error {
					step()
					_, err := tx.List("k", storage.Query{})
					return err
				})
			}
			if err != nil && storage.CodeOf(err) != storage.CodeUnavailable {
				t.Error(err)
			}
		})
	}
	<-started
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if r, f := running.Load(), finished.Load(); r != f {
		t.Errorf("closed while %d of %d ran", r-f, r)
	}
	wg.Wait()
}
