package site

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// room is where requests that turn large wait for each other, so that many at once take
// no more memory than one. Who has waited the longest for a turn is let in first, all
// guests of an owner counting as one.
type room struct {
	mutex   sync.Mutex
	taken   bool
	waiting []*guest
	turns   int
	last    map[string]int // the turn of each owner that others wait behind
}

// guest is a request that may need the room. It may be used by many goroutines at once.
type guest struct {
	room   *room
	owner  string
	let    chan struct{} // while it waits; closed when it is let in
	inside atomic.Bool   // changes under the mutex of the room, which nobody takes to look
	gone   bool
	// leaving is set while it is seen to that the guest leaves before its answer is sent.
	leaving atomic.Bool
}

// ErrLarge is what a transaction returns that turns large before [Enlarge] was called:
// it is not waited for within one.
var ErrLarge = errors.New("a request turns large")

// Large is from how many bytes on a request that holds them is large.
const Large = 1 << 20

// Enlarge waits until the request being served may take much memory, of which it is told
// once for all that follows. It ends when the answer is sent, or a second after it was
// judged unless much is being sent already. An error is that of the context, or of who
// waits too long.
func Enlarge(ctx context.Context) error {
	v := visitOf(ctx)
	if v == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, maxRoomWait)
	defer cancel()
	return v.guest().enter(limited)
}

// Enlarged reports whether the request being served may take much memory, as all that is
// done for none may.
func Enlarged(ctx context.Context) bool {
	v := visitOf(ctx)
	return v == nil || v.guest().isInside()
}

// maxRoomWait is how long a large request waits for others.
const maxRoomWait = 30 * time.Second

// sendingLarge is how long who takes a large answer may keep others waiting.
const sendingLarge = time.Second

// guest is the request as a guest of the room.
func (v *visit) guest() *guest {
	v.guestOnce.Do(func() { v.large.room, v.large.owner = &v.site.gate.room, v.principal.Workspace })
	return &v.large
}

// enter waits for the room, which is needed once for all that follows. An error is that
// of the context, which may have ended before.
func (g *guest) enter(ctx context.Context) error {
	r := g.room
	r.mutex.Lock()
	switch {
	case g.inside.Load():
		r.mutex.Unlock()
		return nil
	case ctx.Err() != nil || g.gone:
		r.mutex.Unlock()
		return cmp.Or(ctx.Err(), context.Canceled)
	case !r.taken:
		r.admit(g)
		r.mutex.Unlock()
		return nil
	}
	if g.let == nil {
		g.let = make(chan struct{})
		r.waiting = append(r.waiting, g)
	}
	let := g.let
	r.mutex.Unlock()
	select {
	case <-let:
		return nil
	case <-ctx.Done():
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if g.inside.Load() { // let in at the last moment
		return nil
	}
	r.waiting = slices.DeleteFunc(r.waiting, func(other *guest) bool { return other == g })
	g.let = nil
	return ctx.Err()
}

// isInside reports whether the guest has the room.
func (g *guest) isInside() bool { return g.inside.Load() }

// leave gives the room to the next; the guest does not come again.
func (g *guest) leave() { g.out(true) }

// out gives the room to the next. A guest that is not gone may come again.
func (g *guest) out(gone bool) {
	r := g.room
	r.mutex.Lock()
	defer r.mutex.Unlock()
	g.gone = g.gone || gone
	if !g.inside.Load() { // nearly all
		return
	}
	r.mutex.Unlock()
	collect()
	r.mutex.Lock()
	if !g.inside.Load() { // it has left meanwhile
		return
	}
	g.inside.Store(false)
	r.taken = false
	maps.DeleteFunc(r.last, func(owner string, _ int) bool {
		return !slices.ContainsFunc(r.waiting, func(g *guest) bool { return g.owner == owner })
	})
	if len(r.waiting) == 0 {
		return
	}
	next := slices.MinFunc(r.waiting, func(a, b *guest) int { return r.last[a.owner] - r.last[b.owner] })
	r.waiting = slices.DeleteFunc(r.waiting, func(other *guest) bool { return other == next })
	r.admit(next)
}

// collect collects what a large request left, if it is much: else it would still be there
// while the next makes as much.
func collect() {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	if samples[0].Value.Uint64() > samples[1].Value.Uint64()+collectFrom {
		runtime.GC()
	}
}

// admit lets a guest in. The mutex is held.
func (r *room) admit(g *guest) {
	if r.last == nil {
		r.last = map[string]int{}
	}
	r.turns++
	r.taken, r.last[g.owner] = true, r.turns
	g.inside.Store(true)
	if g.let != nil {
		close(g.let)
		g.let = nil
	}
}
