package job_test

import (
	"context"
	"fmt"
	"time"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// exports are declared once, as a collection of records is.
var exports = &job.Kind{Name: "shop.export", About: "Writes the orders of a shop to a file", Attempts: 3}

// A request asks for work in its own transaction; a worker does it, wherever and
// whenever that is.
func Example() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	done := make(chan struct{})
	room := job.New(job.Options{Store: store})
	err = room.Handle(job.Handler{Kind: exports, Run: func(_ context.Context, w *job.Work) (any, error) {
		if err := w.Progress("half of it"); err != nil {
			return nil, err
		}
		// What belongs to the result is written with it, once.
		w.OnDone(func(tx storage.Tx) error {
			_, err := tx.PutBlob([]byte("orders of " + string(w.Job.Args)))
			return err
		})
		defer close(done)
		return map[string]int{"orders": 12}, nil
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	room.Start()

	err = store.Update(ctx, "a workspace", func(tx storage.Tx) error {
		j, err := exports.Enqueue(tx, job.Order{ID: "1", Args: "Berlin"})
		fmt.Println(j.State)
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	<-done
	if err := room.Close(ctx); err != nil { // the result is stored
		fmt.Println(err)
	}
	err = store.View(ctx, "a workspace", func(tx storage.ReadTx) error {
		j, err := exports.Get(tx, "1")
		fmt.Println(j.State, string(j.Result))
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// queued
	// done {"orders":12}
}

// A workspace decides what its clients see of the work.
func ExampleKind_SetPlan() {
	ctx := context.Background()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	store, err := sqlite.Open(ctx, sqlite.Options{Now: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	// Its outcome is known, so that nobody need work.
	tests := &job.Kind{Name: "shop.test", Outcome: func(storage.ReadTx, job.Job) (any, *job.Failure, bool, error) {
		return "all well", nil, true, nil
	}}
	err = store.Update(ctx, "a workspace", func(tx storage.Tx) error {
		if err := tests.SetPlan(tx, &job.Plan{Mode: job.Clock, Queued: time.Minute, Running: time.Hour}); err != nil {
			return err
		}
		_, err := tests.Enqueue(tx, job.Order{ID: "1"})
		return err
	})
	for range 3 {
		err := store.View(ctx, "a workspace", func(tx storage.ReadTx) error {
			j, err := tests.Get(tx, "1")
			fmt.Println("shows as", j.State)
			return err
		})
		if err != nil {
			fmt.Println(err)
		}
		now = now.Add(40 * time.Minute)
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// shows as queued
	// shows as running
	// shows as done
}
