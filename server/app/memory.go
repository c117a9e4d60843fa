package app

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/quota"
)

// The garbage collector's target unless GOGC says otherwise: little lives and much is
// thrown away, so that a collection is cheap and the next should be far off. How far, the
// governor says.
const gcPercent = 1200

// Until so many bytes were allocated the collector is in a hurry: a server allocates much
// while it starts, and one that then does little would hold it all.
const (
	earlyBytes   = 64 << 20
	earlyPercent = 75
)

// Go's memory may take memoryBase, and memoryFactor of what lived after the last
// collection: a bound that does not follow it would either be far too much for a server
// that holds little, or make one that holds much collect without end.
const (
	memoryBase   = 112 << 20 // bytes
	memoryFactor = 1.75
	// From memoryTight on the bound follows more closely: what a few large requests hold
	// for a moment is not worth so much room.
	memoryTight       = 224 << 20 // bytes
	memoryTightFactor = 1.25
	memorySteps       = 4 << 20 // a change by less is none
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
	collector *collector
	bounds    bool   // it sets the bound
	paces     bool   // it sets the target
	release   func() // what else can be given back
	ended     bool   // read and written with the lock of the collector
}

// collector is Go's, which the servers of a process share.
type collector struct {
	setLimit   func(limit int64) (before int64) // as debug.SetMemoryLimit
	setPercent func(percent int) (before int)   // as debug.SetGCPercent

	sync.Mutex
	servers int
	limit   int64 // 0 before it is set
	found   int64 // what it was before the first of them
	percent int   // the target; 0 before it is set
	target  int   // what it was before that
}

var processCollector = collector{setLimit: debug.SetMemoryLimit, setPercent: debug.SetGCPercent}

// heapMetrics gives what the last collection found alive, and all that was ever
// allocated.
func heapMetrics() (lived, allocated uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}

// govern begins to govern what the environment leaves to it, until the context ends.
func govern(ctx context.Context, getenv func(string) string, release func()) {
	g := &governor{
		collector: &processCollector, bounds: getenv("GOMEMLIMIT") == "", paces: getenv("GOGC") == "", release: release,
	}
	g.begin()
	go g.watch(ctx)
}

func (g *governor) begin() {
	c := g.collector
	c.Lock()
	if c.servers++; c.servers == 1 {
		c.limit, c.found = 0, c.setLimit(-1)
	}
	c.Unlock()
	g.follow()
	g.afterCollection()
}

// end puts back what was after the last server: it would stay what it was for one that
// is gone, and make a process that lives on collect without end.
func (g *governor) end() {
	c := g.collector
	c.Lock()
	defer c.Unlock()
	g.ended = true
	if c.servers--; c.servers > 0 {
		return
	}
	c.setLimit(c.found)
	if c.percent > 0 {
		c.setPercent(c.target)
		c.percent = 0
	}
}

// memoryFor is the bound for what lives.
func memoryFor(lived uint64) int64 {
	lived = min(lived, math.MaxInt64/4)
	loose, tight := memoryBase+memoryFactor*float64(lived), memoryTightFactor*float64(lived)
	return int64(min(loose, max(memoryTight, tight)))
}

// follow sets the bound for what lives, and the target when the server has begun to work.
// It says whether there is more to follow.
func (g *governor) follow() bool {
	c := g.collector
	c.Lock()
	defer c.Unlock()
	if g.ended {
		return false
	}
	lived, allocated := heapMetrics()
	if limit := memoryFor(lived); g.bounds && (limit > c.limit+memorySteps || limit < c.limit-memorySteps) {
		c.limit = limit
		c.setLimit(limit)
	}
	if g.paces {
		c.pace(allocated)
	}
	return true
}

// pace sets the target for what was allocated.
func (c *collector) pace(allocated uint64) {
	percent := earlyPercent
	if allocated > earlyBytes {
		percent = gcPercent
	}
	if percent == c.percent {
		return
	}
	before := c.setPercent(percent)
	if c.percent == 0 {
		c.target = before
	}
	c.percent = percent
}

// afterCollection follows what lives after every collection: a thing that nothing refers
// to is collected by each.
func (g *governor) afterCollection() {
	runtime.AddCleanup(&struct{ _ [16]byte }{}, func(g *governor) {
		if g.follow() {
			g.afterCollection()
		}
	}, g)
}

// watch gives memory back when the process is idle.
func (g *governor) watch(ctx context.Context) {
	tick := time.NewTicker(idleTick)
	defer tick.Stop()
	defer g.end()
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
