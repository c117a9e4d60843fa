package sqlite

import (
	"slices"
	"sync"
	"time"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// maxLane is how many updates may wait for one workspace.
const maxLane = 4096

// queue is the updates that wait for the writer. Those of a workspace are in a lane of
// their own, and the lanes take turns: one that is full makes nobody wait but itself.
type queue struct {
	mu     sync.Mutex
	lanes  map[laneOf]*lane
	ready  []*lane // in the order of their turns
	spare  *lane   // for the next that is needed; nil if there is none
	wake   chan struct{}
	closed bool
	watch  bool // expire is about to look
}

// laneOf is whose a lane is: a workspace's, or that of an update which runs aside.
// The zero value is that of sweeping.
type laneOf struct {
	name  string
	aside *aside
}

type lane struct {
	of    laneOf
	items []*update
	held  bool // by an update that is to run aside: nothing of the lane may run
	busy  bool // it does so: the layers of the workspace may not change
	ready bool // stands among the ready
}

func newQueue() *queue {
	return &queue{lanes: map[laneOf]*lane{}, wake: make(chan struct{}, 1)}
}

// push makes an update wait for its turn.
func (q *queue) push(u *update) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lane(u.laneOf())
	if u.ends() {
		if len(l.items) >= maxLane {
			return book.Failure(storage.CodeUnavailable, "update", "too many updates wait for this workspace")
		}
		u.since = time.Now()
		if !q.watch {
			q.watch = true
			time.AfterFunc(time.Second, q.expire)
		}
	}
	l.items = append(l.items, u)
	q.enlist(l)
	return nil
}

func (q *queue) lane(of laneOf) *lane {
	l := q.lanes[of]
	if l == nil {
		if l = q.spare; l == nil {
			l = &lane{}
		}
		q.spare, l.of, q.lanes[of] = nil, of, l
	}
	return l
}

// enlist gives a lane a turn, if there is something to run in it.
func (q *queue) enlist(l *lane) {
	if l.ready || l.held || len(l.items) == 0 {
		return
	}
	l.ready = true
	q.ready = append(q.ready, l)
	book.Tell(q.wake)
}

// pop takes the update whose turn it is, nil if there is none.
func (q *queue) pop() *update {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) > 0 {
		l := q.ready[0]
		q.ready = slices.Delete(q.ready, 0, 1)
		l.ready = false
		if l.held {
			continue
		}
		u := l.items[0]
		l.items = slices.Delete(l.items, 0, 1)
		q.enlist(l)
		q.tidy(l)
		if held := q.holder(u); held != nil {
			held.items = append(held.items, u)
			continue
		}
		return u
	}
	return nil
}

// waiting reports whether an update waits that could run.
func (q *queue) waiting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(q.ready, func(l *lane) bool { return l.of != laneOf{} && !l.held })
}

// holder is a lane that is held of a workspace that the update names.
func (q *queue) holder(u *update) *lane {
	for _, name := range u.all {
		if l := q.lanes[laneOf{name: name}]; l != nil && l.held {
			return l
		}
	}
	return nil
}

// hold keeps all updates of workspaces waiting until they are released.
func (q *queue) hold(names []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range names {
		q.lane(laneOf{name: name}).held = true
	}
}

// begin notes that the update for which workspaces are held runs.
func (q *queue) begin(names []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range names {
		q.lanes[laneOf{name: name}].busy = true
	}
}

func (q *queue) release(names []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range names {
		l := q.lanes[laneOf{name: name}]
		l.held, l.busy = false, false
		q.enlist(l)
		q.tidy(l)
	}
}

// holds reports whether one of the workspaces is held.
func (q *queue) holds(names ...string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(names, func(name string) bool {
		l := q.lanes[laneOf{name: name}]
		return l != nil && l.held
	})
}

// isBusy reports whether the layers of one of the workspaces may not change.
func (q *queue) isBusy(names ...string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(names, func(name string) bool {
		l := q.lanes[laneOf{name: name}]
		return l != nil && l.busy
	})
}

// tidy forgets a lane that is empty.
func (q *queue) tidy(l *lane) {
	if len(l.items) == 0 && !l.held && !l.ready {
		delete(q.lanes, l.of)
		if cap(l.items) <= maxGroup {
			*l = lane{items: l.items}
			q.spare = l
		}
	}
}

// expire ends the waiting of those who have waited for too long.
func (q *queue) expire() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.watch = false
	before := time.Now().Add(-storage.MaxWait)
	for _, l := range q.lanes {
		for _, u := range l.items {
			if !u.ends() {
				continue
			}
			q.watch = true
			if u.since.Before(before) && u.claim() {
				u.done <- book.Failure(storage.CodeUnavailable, "update", "it has waited for too long for those before it")
			}
		}
	}
	if q.watch {
		time.AfterFunc(time.Second, q.expire)
	}
}

// close lets the writer end once nothing waits any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	book.Tell(q.wake)
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}
