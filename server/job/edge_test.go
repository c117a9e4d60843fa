package job_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/quota"
	"github.com/understudy-api/understudy/storage"
)

// A store that is full begins no work and ends what was begun, which says why.
func TestFull(t *testing.T) {
	h := sqliteAt(t, "")
	h.store = quota.New(h.store, quota.Limits{WorkspaceBytes: 4000})
	big, small := &job.Kind{Name: "big"}, &job.Kind{Name: "small"}
	fill := func() {
		h.update(func(tx storage.Tx) error {
			used, err := tx.Usage()
			if err == nil {
				_, err = tx.PutBlob([]byte(strings.Repeat("x", 4000-int(used.Bytes))))
			}
			return err
		})
	}
	run := func(_ context.Context, w *job.Work) (any, error) {
		if w.Job.Kind == "small" {
			fill()
		}
		return strings.Repeat("x", 4000), nil
	}
	h.room(job.Options{}, map[*job.Kind]job.Runner{big: run, small: run})
	h.enqueue(big, job.Order{ID: "1"})
	if j := h.wait(big, "1", job.Failed); j.Failure.Code != job.CodeFull || !strings.Contains(j.Failure.Message, "The workspace is full") {
		t.Errorf("%+v", j.Failure)
	}
	// There is not even room for that.
	h.enqueue(small, job.Order{ID: "1"})
	if j := h.wait(small, "1", job.Failed); j.Failure.Code != job.CodeFull || j.Failure.Message == "" || j.Attempt != 1 {
		t.Errorf("%+v", j)
	}
}

// What a job writes as it ends fails it alone if it panics.
func TestPanicAtEnd(t *testing.T) {
	h := sqliteAt(t, "")
	k := &job.Kind{Name: "k"}
	h.room(job.Options{}, map[*job.Kind]job.Runner{k: func(_ context.Context, w *job.Work) (any, error) {
		w.OnDone(func(storage.Tx) error { panic("no") })
		return nil, nil
	}})
	h.enqueue(k, job.Order{ID: "1"})
	if j := h.wait(k, "1", job.Failed); j.Failure.Code != job.CodeInternal {
		t.Errorf("%+v", j.Failure)
	}
}

// A clock that stands at the end of all times lets jobs fail, and be asked for later.
func TestLastTime(t *testing.T) {
	h := sqliteAt(t, "")
	k := &job.Kind{Name: "k", Attempts: 2, Backoff: func(int) time.Duration { return 200 * 365 * 24 * time.Hour }}
	h.room(job.Options{}, map[*job.Kind]job.Runner{k: func(context.Context, *job.Work) (any, error) {
		return nil, &job.Failure{Code: "no", Message: "No."}
	}})
	end := time.Date(9999, 12, 31, 23, 59, 0, 0, time.UTC)
	h.update(func(tx storage.Tx) error { return tx.SetSettings(storage.Settings{Clock: storage.Clock{}.Freeze(end)}) })
	h.enqueue(k, job.Order{ID: "1"})
	if j := h.until(k, "1", func(j job.Job) bool { return j.State == job.Waiting }); j.Due.Year() != 9999 || j.Attempt != 1 {
		t.Errorf("%+v", j)
	}
	h.enqueue(k, job.Order{ID: "2", At: end.Add(time.Hour)})
	if j := h.get(k, "2"); j.State != job.Waiting {
		t.Errorf("%+v", j)
	}
}
