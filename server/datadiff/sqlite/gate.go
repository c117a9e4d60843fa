package sqlite

import (
	"context"
	"sync"

	"github.com/understudy-api/understudy/server/datadiff"
)

// gate lets readers in together, and a writer alone. SQLite itself would, of a database
// in memory, refuse whoever comes second. Readers do not wait for a writer that waits: a
// diff that reads on one connection may yet open another.
type gate struct {
	mu      sync.Mutex
	readers int
	writing bool
	changed chan struct{} // closed once somebody has left; nil if nobody waits
}

// enter waits until free says so, under the lock, and then runs in.
func (g *gate) enter(ctx context.Context, free func() bool, in func()) error {
	for {
		g.mu.Lock()
		if free() {
			in()
			g.mu.Unlock()
			return nil
		}
		if g.changed == nil {
			g.changed = make(chan struct{})
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return &datadiff.Error{Kind: datadiff.Cancelled, Value: "the diff was cancelled", Err: context.Cause(ctx)}
		}
	}
}

func (g *gate) leave(out func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out()
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// read waits while somebody writes.
func (g *gate) read(ctx context.Context) error {
	return g.enter(ctx, func() bool { return !g.writing }, func() { g.readers++ })
}

func (g *gate) readDone() { g.leave(func() { g.readers-- }) }

// write waits until nobody is in.
func (g *gate) write(ctx context.Context) error {
	return g.enter(ctx, func() bool { return !g.writing && g.readers == 0 }, func() { g.writing = true })
}

func (g *gate) writeDone() { g.leave(func() { g.writing = false }) }
