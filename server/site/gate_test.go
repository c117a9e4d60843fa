package site

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Small bodies pass at once, large ones in their order and few at a time, and what they
// took is given back, whatever became of them.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1 << 20)
		g.seats = 1
		small, large := []byte("{}"), []byte(strings.Repeat(`[{"":0}]`, 100<<10))
		first, ok := g.enter(t.Context(), "", large)
		if !ok {
			t.Fatal("an empty gate lets nobody in")
		}
		var order []int
		for i := range 3 {
			go func() {
				p, ok := g.enter(t.Context(), "", large)
				if !ok {
					t.Errorf("%d is not let in", i)
				}
				order = append(order, i)
				p.judged()
				p.leave()
				p.leave() // is twice as good as once
			}()
			synctest.Wait()
		}
		for range 100 {
			p, ok := g.enter(t.Context(), "", small)
			if !ok {
				t.Fatal("a small body waits for large ones")
			}
			defer p.leave()
		}
		if len(order) > 0 {
			t.Errorf("%v are judged beside the first", order)
		}
		first.judged()
		first.leave()
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 {
			t.Errorf("they are let in as %v", order)
		}

		// Who waits too long, or hangs up, is sent away, and takes nothing along.
		first, _ = g.enter(t.Context(), "", large)
		began := time.Now()
		if _, ok := g.enter(t.Context(), "", large); ok || time.Since(began) != maxWait {
			t.Errorf("let in: %v, after %v", ok, time.Since(began))
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, ok := g.enter(gone, "", large); ok {
			t.Error("who is gone is let in")
		}
		first.leave()
		if g.free != g.all || g.seats != 1 || len(g.queue) != 0 {
			t.Errorf("free %d of %d, %d seats, %d wait", g.free, g.all, g.seats, len(g.queue))
		}
		// Bytes.
		if !g.hold(bytesInFlight) || g.hold(1) {
			t.Error("more is held than there is room for, or less")
		}
		g.release(bytesInFlight)
		if !g.hold(1) {
			t.Error("what was released is not there")
		}
	})
}

// Owners take turns, however many of their bodies wait; those of one are in their order,
// and what is recorded is before all of them.
func TestGateTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1 << 20)
		g.seats = 1
		large := []byte(strings.Repeat(`[{"":0}]`, 100<<10))
		var order []string
		wait := func(owner, name string) {
			go func() {
				p, ok := g.enterAt(t.Context(), owner, large, owner == "")
				if !ok {
					t.Errorf("%s is not let in", name)
				}
				order = append(order, name)
				<-time.After(time.Second)
				p.leave()
			}()
			synctest.Wait()
		}
		for _, name := range []string{"m1", "m2", "m3", "m4", "o1", "m5", "o2", "p1"} {
			wait(name[:1], name)
		}
		wait("", "record")
		<-time.After(2500 * time.Millisecond)
		wait("m", "m6") // while m2 is judged, or another
		wait("q", "q1")
		<-time.After(time.Minute)
		if got := strings.Join(order, " "); got != "m1 record m2 o1 p1 q1 m3 o2 m4 m5 m6" {
			t.Error(got)
		}
	})
}

// A body is weighed as what it can become: the bound of small ones is above what any of
// its size is weighed as when it is looked at.
func TestWeigh(t *testing.T) {
	for _, item := range []string{`{"":0},`, `{},`, `[],`, `1,`, `"":0,`, `{"":{}},`, "a", `"a",`} {
		body := []byte(strings.Repeat(item, smallBody/len(item)+1))
		if looked, bound := weigh(body), int64(len(body)*worstOfByte); looked > bound+bound/10 {
			t.Errorf("%q: %d, and %d without looking", item, looked, bound)
		}
	}
}
