package app

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/understudy-api/understudy/server/quota"
)

// The garbage collector's target unless GOGC says otherwise: little lives and much is
// thrown away, so that a collection is cheap and the next should be far off. How far, the
// governor says.
const gcPercent = 1200

// Go's memory may take memoryBase, and memoryFactor of what lived after the last
// collection: a bound that does not follow it would either be far too much for a server
// that holds little, or make one that holds much collect without end.
const (
	memoryBase   = 72 << 20 // bytes
	memoryFactor = 1.75
	memorySteps  = 4 << 20 // a change by less is none
)

// An idle process gives its memory back. It is idle if it has allocated less than
// idleBytes in each of idleTicks.
const (
	idleTick  = 2 * time.Second
	idleTicks = 5
	idleBytes = 1 << 20
	// worthBytes is how much must be allocated before it is given back once more.
	worthBytes = 8 << 20
)

// governor makes the bound of Go's memory follow what lives, and gives memory back when
// the process is idle.
type governor struct {
	limit   int64
	ended   atomic.Bool
	bounds  bool   // whether it sets the bound
	release func() // what else can be given back
}

// heapMetrics gives what the last collection found alive, and all that was ever
// allocated.
func heapMetrics() (lived, allocated uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}

// govern begins to govern, until the context ends.
func govern(ctx context.Context, bounds bool, release func()) {
	g := &governor{bounds: bounds, release: release}
	g.follow()
	g.afterCollection()
	go g.watch(ctx)
}

// memoryFor is the bound for what lives.
func memoryFor(lived uint64) int64 {
	return memoryBase + int64(memoryFactor*float64(min(lived, math.MaxInt64/4)))
}

func (g *governor) follow() {
	if !g.bounds {
		return
	}
	lived, _ := heapMetrics()
	if limit := memoryFor(lived); limit > g.limit+memorySteps || limit < g.limit-memorySteps {
		g.limit = limit
		debug.SetMemoryLimit(limit)
	}
}

// afterCollection follows what lives after every collection: a thing that nothing refers
// to is collected by each.
func (g *governor) afterCollection() {
	runtime.AddCleanup(&struct{ _ [16]byte }{}, func(g *governor) {
		if !g.ended.Load() {
			g.follow()
			g.afterCollection()
		}
	}, g)
}

// watch gives memory back when the process is idle.
func (g *governor) watch(ctx context.Context) {
	tick := time.NewTicker(idleTick)
	defer tick.Stop()
	defer g.ended.Store(true)
	_, before := heapMetrics()
	given, idle := before, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, allocated := heapMetrics()
		if idle++; allocated-before > idleBytes {
			idle = 0
		}
		before = allocated
		if idle >= idleTicks && allocated-given > worthBytes {
			g.release()
			debug.FreeOSMemory()
			_, given = heapMetrics()
		}
	}
}

// giveBack gives back what memory the store can do without.
func (a *App) giveBack() {
	store := a.store
	if bounded, ok := store.(*quota.Store); ok {
		store = bounded.Unwrap()
	}
	if store, can := store.(interface{ GiveBack(ctx context.Context) }); can {
		ctx, cancel := context.WithTimeout(context.Background(), idleTick)
		defer cancel()
		store.GiveBack(ctx)
	}
}
