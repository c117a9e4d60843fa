package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
	"github.com/understudy-api/understudy/storage/storagetest"
)

// What an earlier release stored is read.
func TestStored(t *testing.T) {
	storagetest.Stored(t, hooks)
	storagetest.Stored(t, deliveries)
}

// The example of the Standard Webhooks specification's reference implementations.
func TestSign(t *testing.T) {
	t.Parallel()
	got, err := Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want || err != nil {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hook   Hook
		member string
	}{
		"fine":         {Hook{URL: "http://localhost:1/x?y=z", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, ""},
		"no scheme":    {Hook{URL: "localhost/x"}, "url"},
		"file":         {Hook{URL: "file:///etc/passwd"}, "url"},
		"no host":      {Hook{URL: "http:///x"}, "url"},
		"user":         {Hook{URL: "http://u:p@localhost/"}, "url"},
		"control":      {Hook{URL: "http://local\nhost/"}, "url"},
		"form":         {Hook{URL: "http://localhost", Form: "soap"}, "form"},
		"short secret": {Hook{URL: "http://localhost", Secret: "whsec_AAAA"}, "secret"},
		"other secret": {Hook{URL: "http://localhost", Secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "secret"},
	} {
		member := ""
		if invalid := c.hook.Check(); invalid != nil {
			member = invalid.Member
		}
		if member != c.member {
			t.Errorf("%s: %q, want %q", name, member, c.member)
		}
	}
}

func TestWants(t *testing.T) {
	t.Parallel()
	e := &Event{Name: "release.deployed", Project: Project{ID: "1", Key: "shop"}}
	for _, c := range []struct {
		hook Hook
		want bool
	}{
		{Hook{}, true},
		{Hook{Off: true}, false},
		{Hook{Project: "shop"}, true},
		{Hook{Project: "1"}, true},
		{Hook{Project: "2"}, false},
		{Hook{Events: []string{"release"}}, true},
		{Hook{Events: []string{"release.deployed"}}, true},
		{Hook{Events: []string{"rel"}}, false},
		{Hook{Events: []string{"commit", "release.created"}}, false},
	} {
		if got := c.hook.wants(e); got != c.want {
			t.Errorf("%+v: %v", c.hook, got)
		}
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	const told = `{"target":"env:production"}`
	for form, c := range map[Form]struct{ contentType, body string }{
		Plain:  {"application/json", told},
		GitHub: {"application/json", `{"inputs":{"payload":"{\"target\":\"env:production\"}"},"ref":"main"}`},
		GitLab: {"application/x-www-form-urlencoded", url.Values{"ref": {"main"}, "variables[GRL_PAYLOAD]": {told}}.Encode()},
		Azure:  {"application/json", `{"variables":{"GRL_PAYLOAD":{"value":"{\"target\":\"env:production\"}"}}}`},
	} {
		body, contentType, err := bodyOf(form, []byte(told))
		if string(body) != c.body || contentType != c.contentType || err != nil {
			t.Errorf("%s: %s %s %v", form, contentType, body, err)
		}
	}
}

// receiver is an address that is told of events.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	status []int // of the next answers; 200 behind them
	got    []*http.Request
	bodies []string
	told   chan struct{}
}

func newReceiver(t *testing.T, status ...int) *receiver {
	t.Helper()
	r := &receiver{status: status, told: make(chan struct{}, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got, r.bodies = append(r.got, request), append(r.bodies, string(body))
		if len(r.status) > 0 {
			w.WriteHeader(r.status[0])
			r.status = r.status[1:]
		}
		r.told <- struct{}{}
	}))
	t.Cleanup(r.Close)
	return r
}

// room is a store whose deliveries are sent.
func room(t *testing.T) storage.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	jobs := job.New(job.Options{Store: store})
	if err := jobs.Handle(NewSender(store, false, false).Jobs()...); err != nil {
		t.Fatal(err)
	}
	jobs.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := jobs.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func update(t *testing.T, store storage.Store, fn func(storage.Tx) error) {
	t.Helper()
	if err := store.Update(t.Context(), "w", fn); err != nil {
		t.Fatal(err)
	}
}

// log waits until the deliveries of the hook "h" are as they should be.
func log(t *testing.T, store storage.Store, done func([]Delivery) bool) []Delivery {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		var list []Delivery
		if err := store.View(t.Context(), "w", func(tx storage.ReadTx) (err error) {
			list, err = Log(tx, glancing(tx), "h", 500)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if done(list) {
			return list
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", list)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func ended(list []Delivery) bool {
	for _, d := range list {
		if !d.State.Ended() {
			return false
		}
	}
	return len(list) > 0
}

// An event is sent, signed, and again until the receiver takes it, as the clock of the
// workspace goes on; what failed is sent again when somebody asks.
func TestDelivery(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, 500, 302)
	store := room(t)
	at := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	var secret string
	clock := func(tx storage.Tx, now time.Time) error {
		return tx.SetSettings(storage.Settings{Clock: storage.Clock{}.Freeze(now)})
	}
	update(t, store, func(tx storage.Tx) (err error) {
		if err = clock(tx, at); err == nil {
			secret, err = Create(tx, Hook{Name: "h", URL: r.URL + "/x"})
		}
		if err == nil {
			err = Emit(tx, Event{Name: "release.deployed", Target: "env:production", Project: Project{ID: "1", Key: "shop", Name: "Shop"}, Data: map[string]any{"x": 1}})
		}
		return err
	})
	for i, wait := range []time.Duration{time.Second, 2 * time.Second} {
		<-r.told
		log(t, store, func(list []Delivery) bool { return list[0].State == job.Waiting && len(list[0].Attempts) == i+1 })
		at = at.Add(wait)
		update(t, store, func(tx storage.Tx) error { return clock(tx, at) })
	}
	<-r.told
	done := log(t, store, ended)
	if len(done) != 1 || done[0].State != job.Done {
		t.Fatalf("%+v", done)
	}
	statuses := []int{}
	for _, a := range done[0].Attempts {
		statuses = append(statuses, a.Status)
	}
	if diff := cmp.Diff([]int{500, 302, 200}, statuses); diff != "" {
		t.Error(diff)
	}
	update(t, store, func(tx storage.Tx) error {
		_, err := Redeliver(tx, "h", done[0].ID)
		return err
	})
	<-r.told
	log(t, store, func(list []Delivery) bool { return len(list) == 2 && ended(list) && list[0].Of == done[0].ID })

	r.mu.Lock()
	defer r.mu.Unlock()
	for i, request := range r.got {
		var body payload
		if err := json.Unmarshal([]byte(r.bodies[i]), &body); err != nil || body.Event != "release.deployed" || body.Target != "env:production" || body.Project.Key != "shop" || body.ProjectID != "1" {
			t.Errorf("%s, %v", r.bodies[i], err)
		}
		stamp := request.Header.Get("Webhook-Timestamp")
		var seconds int64
		if _, err := fmt.Sscan(stamp, &seconds); err != nil {
			t.Fatal(err)
		}
		want, err := Sign(secret, done[0].ID, time.Unix(seconds, 0), []byte(r.bodies[i]))
		if got := request.Header.Get("Webhook-Signature"); got != want || err != nil || request.Header.Get("Webhook-Id") != done[0].ID {
			t.Errorf("%s, want %s, %v", got, want, err)
		}
	}
}

// A delivery to a machine that is not this one is not tried, and one to an address
// where nobody listens fails; neither tells the address.
func TestUndelivered(t *testing.T) {
	t.Parallel()
	closed := newReceiver(t)
	closed.Close()
	for name, c := range map[string]struct{ url, want string }{
		"elsewhere": {"http://192.0.2.1/secret-path", errNotAllowed.Error()},
		"nobody":    {closed.URL + "/secret-path", "nobody listens at the address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := room(t)
			update(t, store, func(tx storage.Tx) error {
				if _, err := Create(tx, Hook{Name: "h", URL: c.url}); err != nil {
					return err
				}
				return Emit(tx, Event{Name: "release.created"})
			})
			list := log(t, store, func(list []Delivery) bool { return len(list[0].Attempts) > 0 })
			if got := list[0].Attempts[0].Error; got != c.want || strings.Contains(got, "secret") {
				t.Error(got)
			}
		})
	}
}

// A workspace holds so many hooks and no more, since each event is told to all of them.
func TestMostHooks(t *testing.T) {
	t.Parallel()
	store := room(t)
	create := func(name string) error {
		return store.Update(t.Context(), "w", func(tx storage.Tx) error {
			_, err := Create(tx, Hook{Name: name, URL: "http://localhost"})
			return err
		})
	}
	for i := range maxHooks {
		if err := create(fmt.Sprint("h", i)); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := create("h7"); !storage.IsConflict(err) {
		t.Errorf("one that there is: %v", err)
	}
	full, ok := errors.AsType[*storage.FullError](create("another"))
	if !ok || full.Reason != "A workspace holds at most 50 webhooks" {
		t.Errorf("one too many: %v", full)
	}
	update(t, store, func(tx storage.Tx) error { return Delete(tx, "h7") })
	if err := create("another"); err != nil {
		t.Error(err)
	}
}

// Of a hook so many deliveries are kept, and none when it is gone.
func TestKept(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	store := room(t)
	update(t, store, func(tx storage.Tx) error {
		if _, err := Create(tx, Hook{Name: "h", URL: r.URL}); err != nil {
			return err
		}
		for range maxDeliveries + 5 {
			if err := Emit(tx, Event{Name: "release.created", At: tx.Now().Add(time.Hour)}); err != nil {
				return err
			}
		}
		return nil
	})
	if list := log(t, store, func([]Delivery) bool { return true }); len(list) != maxDeliveries {
		t.Error(len(list))
	}
	update(t, store, func(tx storage.Tx) error { return Delete(tx, "h") })
	if err := store.View(t.Context(), "w", func(tx storage.ReadTx) error {
		left, _, err := job.List(tx, "", 10)
		if len(left) != 0 {
			t.Errorf("%+v", left)
		}
		if _, gone := Log(tx, glancing(tx), "h", 1); !storage.IsNotFound(gone) {
			t.Error(gone)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// What a sender did for a workspace that was brought back meanwhile is not in its log.
func TestBroughtBack(t *testing.T) {
	store := room(t)
	asked, answer := make(chan struct{}, 2), make(chan struct{})
	r := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-answer
	}))
	t.Cleanup(r.Close)
	update(t, store, func(tx storage.Tx) error {
		_, err := Create(tx, Hook{Name: "h", URL: r.URL})
		return errors.Join(err, Emit(tx, Event{Name: "e"}))
	})
	<-asked
	if err := store.UpdateAll(t.Context(), []string{"w", "\x00kept"}, func(txs []storage.Tx) error {
		return errors.Join(txs[1].CopyFrom(txs[0]), txs[0].CopyFrom(txs[1]), job.Rearm(txs[0]))
	}); err != nil {
		t.Fatal(err)
	}
	close(answer)
	if list := log(t, store, ended); len(list) != 1 || len(list[0].Attempts) != 1 || list[0].State != job.Done {
		t.Errorf("%+v", list)
	}
}

// Deliveries show in their mode to who reads the log; a hook that is switched off is told
// nothing more.
func TestModes(t *testing.T) {
	store := room(t)
	r := newReceiver(t, 200)
	update(t, store, func(tx storage.Tx) error {
		_, err := Create(tx, Hook{Name: "h", URL: r.URL})
		at := tx.Now().Add(time.Hour)
		return errors.Join(err, tx.SetSettings(storage.Settings{Clock: storage.Clock{}.Freeze(tx.Now())}),
			Emit(tx, Event{Name: "late", At: at}), Update(tx, Hook{Name: "h", URL: r.URL, Off: true}))
	})
	update(t, store, func(tx storage.Tx) error {
		return tx.SetSettings(storage.Settings{Clock: storage.Clock{}.Freeze(tx.Now().Add(time.Hour))})
	})
	if list := log(t, store, ended); list[0].State != job.Failed || len(list[0].Attempts) != 0 {
		t.Errorf("switched off: %+v", list)
	}
	update(t, store, func(tx storage.Tx) error {
		return errors.Join(Update(tx, Hook{Name: "h", URL: r.URL}), Deliver.SetPlan(tx, &job.Plan{Mode: job.Polls, QueuedReads: 1, RunningReads: 1}),
			Emit(tx, Event{Name: "now"}))
	})
	log(t, store, func(list []Delivery) bool { return len(list[0].Attempts) == 1 })
	for _, want := range []job.State{job.Queued, job.Running, job.Done} {
		list, err := job.View(t.Context(), store, "w", func(tx storage.ReadTx, look job.Look) ([]Delivery, error) { return Log(tx, look, "h", 1) })
		if err != nil || list[0].State != want && (want != job.Done || list[0].State != job.Running) {
			t.Errorf("%+v, %v, want %s", list, err, want)
		}
	}
}
