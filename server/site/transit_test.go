package site

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Answers wait for nobody while there is space; beyond it the late are cut off, and at
// twice as much the oldest of who has the most.
func TestTransit(t *testing.T) {
	const mebibyte = 1 << 20
	type sent struct {
		owner string
		mib   int64
	}
	for name, c := range map[string]struct {
		first []sent
		pause time.Duration // after them
		next  sent
		cut   []int // by their number
		roomy bool
	}{
		"space":                           {[]sent{{"a", 10}, {"b", 10}}, time.Hour, sent{"a", 10}, nil, true},
		"the last byte":                   {[]sent{{"a", 32}}, time.Hour, sent{"a", 32}, nil, true},
		"much, but in time":               {[]sent{{"a", 32}, {"a", 32}}, time.Second, sent{"b", 10}, nil, false},
		"the late, as many as have to":    {[]sent{{"a", 30}, {"a", 30}, {"b", 1}}, time.Hour, sent{"b", 10}, []int{0}, true},
		"the late of small ones first":    {[]sent{{"a", 60}, {"b", 2}}, 20 * time.Second, sent{"c", 4}, []int{1}, true},
		"one that is late on its own":     {[]sent{{"a", 100}}, time.Hour, sent{"b", 1}, []int{0}, true},
		"too much, though in time":        {[]sent{{"b", 10}, {"a", 60}, {"a", 50}}, 0, sent{"b", 10}, []int{1}, false},
		"too much of a newcomer":          {[]sent{{"b", 20}, {"c", 20}}, 0, sent{"a", 100}, []int{2}, true},
		"a very large one that is alone":  {nil, 0, sent{"a", 200}, nil, false},
		"those that are not worth a line": {slices.Repeat([]sent{{"a", 0}}, 3), time.Hour, sent{"a", 64}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var all transit
				var cut []int
				var parcels []*parcel
				depart := func(i int, s sent) {
					parcels = append(parcels, all.depart(s.owner, max(s.mib*mebibyte, smallAnswer), func() { cut = append(cut, i) }))
				}
				for i, s := range c.first {
					depart(i, s)
				}
				<-time.After(c.pause)
				depart(len(c.first), c.next)
				if roomy := all.roomy(); roomy != c.roomy || !slices.Equal(cut, c.cut) {
					t.Errorf("cut off %v, with space for more: %v; want %v, %v", cut, roomy, c.cut, c.roomy)
				}
				for _, p := range parcels {
					all.arrive(p)
					all.arrive(p) // is as good as once
				}
				if all.bytes != 0 || len(all.parcels) > 0 {
					t.Errorf("%d bytes are left", all.bytes)
				}
			})
		})
	}
}

// Who is in the room leaves it while the answer is sent, once there is space in transit,
// by the latest when others are late.
func TestTransitRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all transit
		var within room
		var late atomic.Bool
		all.depart("slow", 60<<20, func() { late.Store(true) })
		<-time.After(sendingGrace + 60<<20/sendingRate*time.Second - 10*time.Second)
		mine := all.depart("slow", 10<<20, func() { t.Error("the newer is cut off") })
		g := &guest{room: &within, owner: "slow"}
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		all.leave(g)
		<-time.After(9 * time.Second)
		if late.Load() || !g.isInside() {
			t.Errorf("cut off: %v, still inside: %v", late.Load(), g.isInside())
		}
		<-time.After(2 * time.Second)
		if !late.Load() || g.isInside() {
			t.Errorf("after its time: cut off: %v, still inside: %v", late.Load(), g.isInside())
		}
		all.arrive(mine)
	})
}

// stuck is a client that takes nothing until it is cut off.
type stuck struct {
	http.ResponseWriter

	once sync.Once
	cut  chan struct{}
}

func (s *stuck) Write([]byte) (int, error) {
	<-s.cut
	return 0, os.ErrDeadlineExceeded
}

func (s *stuck) Flush()                          {}
func (s *stuck) SetReadDeadline(time.Time) error { return nil }

func (s *stuck) SetWriteDeadline(time.Time) error {
	s.once.Do(func() { close(s.cut) })
	return nil
}

// What is written of a stream is in transit until it is taken, and whoever takes it keeps
// the room no longer than with an answer that was held.
func TestTransitOfStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var entered []time.Duration
		api := &contentAPI{}
		api.answer = func(w http.ResponseWriter, r *http.Request) {
			if err := Enlarge(r.Context()); err != nil {
				t.Error(err)
				return
			}
			entered = append(entered, time.Since(began))
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(make([]byte, 40<<20))
		}
		site := contentSite(t, api, Options{})
		ask := func() *stuck {
			s := &stuck{ResponseWriter: httptest.NewRecorder(), cut: make(chan struct{})}
			go site.ServeHTTP(s, httptest.NewRequest(http.MethodGet, "/file", nil))
			return s
		}
		first, second := ask(), ask()
		<-time.After(20 * time.Second)
		third := ask()
		<-first.cut // once it is late, since there is too much in transit
		synctest.Wait()
		<-time.After(sendingLarge)
		late := sendingGrace + 40<<20/sendingRate*time.Second
		if len(entered) != 3 || entered[1] != sendingLarge || entered[2] < late || entered[2] > late+sendingLarge {
			t.Errorf("they were let in after %v", entered)
		}
		for _, s := range []*stuck{second, third} {
			_ = s.SetWriteDeadline(time.Now())
		}
		synctest.Wait()
		if g := site.gate; g.room.taken || g.transit.bytes != 0 {
			t.Errorf("the room is taken: %v, %d bytes are in transit", g.room.taken, g.transit.bytes)
		}
	})
}

// The body of a request whose answer is a stream keeps others from nothing while the
// stream lasts, and is in transit instead.
func TestTransitOfBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &contentAPI{}
		api.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write([]byte("x"))
		}
		site := contentSite(t, api, Options{})
		g := site.gate
		free, bytes := g.free, g.bytes.Load()
		s := &stuck{ResponseWriter: httptest.NewRecorder(), cut: make(chan struct{})}
		body := "[" + strings.Repeat(`{"":0},`, 100_000) + "0]"
		r := httptest.NewRequest(http.MethodGet, "/file", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		go site.ServeHTTP(s, r)
		synctest.Wait()
		if g.free != free || g.seats == 0 || g.bytes.Load() != bytes || g.transit.bytes != int64(len(body)) {
			t.Errorf("%d of %d are free, %d of %d bytes may be read, %d are in transit", g.free, free, g.bytes.Load(), bytes, g.transit.bytes)
		}
		_ = s.SetWriteDeadline(time.Now())
		synctest.Wait()
		if g.free != free || g.bytes.Load() != bytes || g.transit.bytes != 0 {
			t.Errorf("in the end %d of %d are free, %d of %d bytes may be read, %d are in transit", g.free, free, g.bytes.Load(), bytes, g.transit.bytes)
		}
	})
}
