package site

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Gate bounds what the bodies of all requests in flight take: the memory that holds
// them as they come, and what judging and serving them makes of it, which is many times
// as much. All sites of a server share one. Small bodies pass it at the cost of a count;
// large ones wait for each other, by turns of their owners, and few are judged at once,
// so that the small find a processor.
type Gate struct {
	bytes atomic.Int64 // that may still be read into memory
	small atomic.Int64 // of memory for small bodies

	room    room    // of what turns large while it is served
	transit transit // of answers that are being sent

	mutex sync.Mutex
	free  int64 // of memory for large ones
	all   int64
	most  int64      // that one may come to
	seats int        // for those that are being judged
	queue []*waiting // by their rounds, so that owners take turns
}

// waiting is a large body that waits to be judged.
type waiting struct {
	weight int64
	owner  string
	round  int // how many of its owner waited before it when it came, or more; -1 is before all
	let    chan struct{}
}

const (
	// The most that is read into memory at once, in bytes.
	bytesInFlight = 64 << 20
	// The most that judging makes of all large bodies, and of all small ones, in bytes.
	largeInFlight = 64 << 20
	smallInFlight = 32 << 20
	// heaviest is what one body may come to, in bytes, unless larger ones are let in.
	heaviest = 224 << 20
	// smallBody is up to which size a body is small, in bytes. Its weight is taken as
	// what the worst of its size can come to.
	smallBody = 4 << 10
	// The most large bodies that wait, and for how long.
	maxWaiting = 256
	maxWait    = 10 * time.Second
)

// NewGate makes a Gate for bodies of at most so many bytes each.
func NewGate(maxBody int64) *Gate {
	g := &Gate{free: largeInFlight, all: largeInFlight, most: max(heaviest, worstOfByte*maxBody), seats: max(1, runtime.GOMAXPROCS(0)/2)}
	g.bytes.Store(max(bytesInFlight, 2*maxBody))
	g.small.Store(smallInFlight)
	return g
}

// hold takes room for bytes that are about to be read; false if there is none.
func (g *Gate) hold(n int64) bool {
	if g.bytes.Add(-n) >= 0 {
		return true
	}
	g.bytes.Add(n)
	return false
}

// release gives back what hold took.
func (g *Gate) release(n int64) { g.bytes.Add(n) }

// pass is leave to judge a body and to serve it.
type pass struct {
	gate   *Gate
	weight int64
	large  bool
	seated bool
}

// enter waits until a body may be judged; false if that is not to be expected soon.
func (g *Gate) enter(ctx context.Context, owner string, body []byte) (pass, bool) {
	return g.enterAt(ctx, owner, body, false)
}

// enterAt is enter, before all who wait if that is asked for.
func (g *Gate) enterAt(ctx context.Context, owner string, body []byte, first bool) (pass, bool) {
	w := weigh(body)
	if len(body) <= smallBody {
		if g.small.Add(-w) >= 0 {
			return pass{gate: g, weight: w}, true
		}
		g.small.Add(w)
	}
	p := pass{gate: g, weight: min(w, g.all), large: true, seated: true}
	g.mutex.Lock()
	if len(g.queue) == 0 && g.fits(p.weight) {
		g.mutex.Unlock()
		return p, true
	}
	if len(g.queue) >= maxWaiting {
		g.mutex.Unlock()
		return pass{}, false
	}
	mine := &waiting{weight: p.weight, owner: owner, let: make(chan struct{})}
	waits := 0
	for _, w := range g.queue {
		if w.owner == owner {
			waits++
			mine.round = max(waits, w.round)
		}
	}
	if first {
		mine.round = -1
	}
	at := slices.IndexFunc(g.queue, func(w *waiting) bool { return w.round > mine.round })
	if at < 0 {
		at = len(g.queue)
	}
	g.queue = slices.Insert(g.queue, at, mine)
	g.mutex.Unlock()
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case <-mine.let:
		return p, true
	case <-ctx.Done():
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for i, w := range g.queue {
		if w == mine {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			g.next() // those behind may be lighter
			return pass{}, false
		}
	}
	return p, true // let in at the last moment
}

// fits takes a seat and the room for a weight, if there are both. The mutex is held.
func (g *Gate) fits(weight int64) bool {
	if g.seats == 0 || g.free < weight {
		return false
	}
	g.seats--
	g.free -= weight
	return true
}

// next lets in who waits, in their order. The mutex is held.
func (g *Gate) next() {
	for len(g.queue) > 0 && g.fits(g.queue[0].weight) {
		close(g.queue[0].let)
		g.queue = g.queue[1:]
	}
}

// judged gives the seat to the next; the room is still taken.
func (p *pass) judged() {
	if p.seated {
		p.seated = false
		p.gate.mutex.Lock()
		p.gate.seats++
		p.gate.next()
		p.gate.mutex.Unlock()
	}
}

// leave gives everything back, if there is anything. It may be called twice.
func (p *pass) leave() {
	if p.gate == nil {
		return
	}
	p.judged()
	switch {
	case p.weight == 0:
	case p.large:
		if p.weight >= collectFrom {
			runtime.GC()
		}
		p.gate.mutex.Lock()
		p.gate.free += p.weight
		p.gate.next()
		p.gate.mutex.Unlock()
	default:
		p.gate.small.Add(p.weight)
	}
	p.weight = 0
}

// What a value costs while it is judged and served, in bytes: measured on bodies of
// nothing but such values, text and decoded value in all their copies. A Go map has room
// for several members from the first on.
const (
	worstOfByte  = 160 // [{"":0},... and more; deep nesting is refused
	costOfByte   = 4
	costOfEmpty  = 240 // object
	costOfObject = 700
	costOfList   = 200
	costOfItem   = 120
	costOfMember = 200
)

// collectFrom is the weight from which what a body became is collected at once: else it
// would still be there while the next is judged.
const collectFrom = 16 << 20

// weigh estimates what judging and serving a body takes of memory, in bytes, without
// decoding it.
func weigh(body []byte) int64 {
	n := int64(len(body))
	if n <= smallBody {
		return n * worstOfByte
	}
	count := func(c byte) int64 { return int64(bytes.Count(body, []byte{c})) }
	empty := int64(bytes.Count(body, []byte("{}")))
	return n*costOfByte + empty*costOfEmpty + (count('{')-empty)*costOfObject + count('[')*costOfList + count(',')*costOfItem + count(':')*costOfMember
}
