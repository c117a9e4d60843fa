package sqlite

import (
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

const (
	// maxGroup bounds how long the first of a group waits for the last.
	maxGroup = 64
	// maxWait is the size from which a group does not wait for more. Those who are
	// told can go on while the next group runs.
	maxWait = 8
	// checkpointAfter is how much work may lie in the write-ahead log, in pages.
	checkpointAfter = 4000
)

// update is an Update on its way through the writer.
type update struct {
	workspace string
	fn        func(storage.Tx) error
	all       []string // of an UpdateAll, in place of the two above
	fnAll     func([]storage.Tx) error
	taken     atomic.Bool
	again     bool // its group was lost to another's failure: it runs once more
	err       error
	done      chan error
}

// claim decides between the writer, who wants to run it, and the caller, whose
// context ended: the first wins.
func (u *update) claim() bool { return u.taken.CompareAndSwap(false, true) }

// run is one run of the function of an update or a View: what its transactions
// share.
type run struct {
	real time.Time // what the real clock showed; zero before anybody asked
	over bool
}

// work is what one run of the function of an update has changed.
type work struct {
	run
	saved bool // its savepoint is open
	wrote bool // has asked the database to change something
	dirty map[ref]any
	dead  []int64 // the numbers that it has taken from workspaces
	// alarms may ring at another time.
	alarms bool
}

// writer runs updates in groups. All its fields belong to its goroutine.
type writer struct {
	store *Store
	conn  *conn
	group group
	batch []*update // what arrived together; batch[:next] has been run
	next  int

	numbers int64 // of workspaces: the greatest that was given to one
}

// group is the updates of one transaction of the database.
//
// Updates rarely fail after they have written, and savepoints cost a fifth of a
// small write, so there are none at first: such a failure voids the group, and the
// others of it run again, each under a savepoint.
type group struct {
	ran     []*update
	careful bool  // each update has a savepoint
	begun   bool  // the transaction has begun, which the first write does
	void    bool  // an update failed that had written: nothing to commit
	fatal   error // the transaction is lost
	dirty   map[ref]any
	dead    []int64 // numbers that nothing has any more
	alarms  bool    // may ring at another time
}

func (w *writer) loop() {
	for {
		if w.next == len(w.batch) && w.more() {
			continue
		}
		if w.next == len(w.batch) || w.group.fatal != nil || w.group.void {
			w.finish() // after a failure, the rest of the batch gets a transaction of its own
		}
		if w.next == len(w.batch) && !w.receive() {
			close(w.store.stopped)
			return
		}
		u := w.batch[w.next]
		w.batch[w.next] = nil
		w.next++
		if !u.again && !u.claim() {
			continue
		}
		w.group.careful = w.group.careful || u.again
		w.group.ran = append(w.group.ran, u)
		w.run(u)
	}
}

// receive waits for updates and takes those that are there.
func (w *writer) receive() bool {
	w.batch, w.next = w.batch[:0], 0
	u, ok := <-w.store.queue
	if !ok {
		return false
	}
	w.batch = append(w.batch, u)
	for len(w.batch) < maxGroup {
		select {
		case u, ok := <-w.store.queue:
			if !ok {
				return true // closed: the next receive tells
			}
			w.batch = append(w.batch, u)
		default:
			return true
		}
	}
	return true
}

// more takes what arrived while the batch ran into the same group: a commit costs
// more than an update, and nobody of the group is told before it. Those who are
// about to arrive get one chance to.
func (w *writer) more() bool {
	g := &w.group
	if !g.begun || g.fatal != nil || g.void || len(g.ran) >= maxWait {
		return false
	}
	runtime.Gosched()
	w.batch, w.next = w.batch[:0], 0
	for len(g.ran)+len(w.batch) < maxGroup {
		select {
		case u, ok := <-w.store.queue:
			if ok {
				w.batch = append(w.batch, u)
				continue
			}
		default:
		}
		break // empty, or closed: receive tells
	}
	return len(w.batch) > 0
}

// run runs one update up to its savepoint, whatever its function does.
func (w *writer) run(u *update) {
	a := &struct { // one piece of memory
		txn
		work
	}{
		txn{store: w.store, name: u.workspace, group: &w.group, generation: w.store.cache.now()},
		work{dirty: map[ref]any{}},
	}
	t, r := &a.txn, &a.work
	t.run, t.work = &r.run, r
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover()
		u.err = &storage.Error{
			Code: storage.CodeInternal, Op: "update",
			Err: &storage.PanicError{Value: value, Stack: debug.Stack()},
		}
		w.rollback(r)
		if value == nil { // runtime.Goexit: this goroutine is lost, another goes on
			go w.loop()
		}
	}()
	if u.all == nil {
		u.err = u.fn(t)
	} else {
		all := make([]storage.Tx, len(u.all))
		for i, name := range u.all {
			of := *t
			of.name, all[i] = name, &of
		}
		u.err = u.fnAll(all)
	}
	returned = true
	r.over = true
	if u.err != nil {
		w.rollback(r)
		return
	}
	w.keep(r)
}

func (w *writer) keep(r *work) {
	g := &w.group
	if g.fatal != nil {
		return
	}
	if r.saved {
		if _, err := w.conn.exec("RELEASE u"); err != nil {
			g.fatal = mapError("update", err)
			return
		}
	}
	g.dead = append(g.dead, r.dead...)
	g.alarms = g.alarms || r.alarms
	if g.dirty == nil {
		g.dirty = r.dirty
		return
	}
	maps.Copy(g.dirty, r.dirty)
}

func (w *writer) rollback(r *work) {
	r.over = true
	g := &w.group
	switch {
	case g.fatal != nil:
	case r.saved:
		_, err := w.conn.exec("ROLLBACK TO u")
		if err == nil {
			_, err = w.conn.exec("RELEASE u")
		}
		if err != nil {
			g.fatal = mapError("update", err)
		}
	case r.wrote:
		g.void = true
	}
}

// begin makes sure that the transaction and the savepoint of r are open. The
// writer is the only one who writes, so what r read before has not changed.
func (w *writer) begin(r *work) error {
	g := &w.group
	if g.fatal != nil {
		return g.fatal
	}
	if !g.begun {
		if !w.store.onDisk() {
			w.store.visible.Lock()
		}
		g.begun = true // finish undoes it, also if this fails
		if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
			return w.fail(err)
		}
	}
	r.wrote = true
	if g.careful && !r.saved {
		if _, err := w.conn.exec("SAVEPOINT u"); err != nil {
			return w.fail(err)
		}
		r.saved = true
	}
	return nil
}

func (w *writer) fail(err error) error {
	w.group.fatal = mapError("update", err)
	return w.group.fatal
}

// finish commits the group and tells its members.
func (w *writer) finish() {
	g := &w.group
	s := w.store
	if g.begun {
		if g.fatal == nil && !g.void {
			g.fatal = mapError("update", w.flush())
		}
		if s.onDisk() {
			s.visible.Lock()
		}
		if g.fatal == nil && !g.void {
			if _, err := w.conn.exec("COMMIT"); err != nil {
				g.fatal = mapError("commit", err)
			} else {
				s.cache.apply(g.dirty)
			}
		}
		if g.fatal != nil || g.void {
			// It fails if SQLite rolled back already, which is just as well.
			_, _ = w.conn.exec("ROLLBACK")
		}
		s.visible.Unlock()
	}
	if g.alarms && g.begun && g.fatal == nil && !g.void {
		book.Tell(s.alarms)
	}
	var again []*update
	for i, u := range g.ran {
		g.ran[i] = nil
		if g.fatal != nil {
			u.err = g.fatal
		} else if g.void && u.err == nil {
			u.again = true
			again = append(again, u)
			continue
		}
		u.done <- u.err
	}
	if len(again) > 0 {
		w.batch, w.next = append(again, w.batch[w.next:]...), 0
	}
	*g = group{ran: g.ran[:0]}
	if w.conn.work > checkpointAfter {
		w.conn.work = 0
		if s.onDisk() {
			// Passive: it waits for nobody. What a reader holds back is moved
			// the next time; a failure comes up again there or in a commit.
			_, _ = w.conn.number("PRAGMA wal_checkpoint(PASSIVE)")
		}
	}
}

// flush writes the counters, which the group has changed in memory only.
func (w *writer) flush() error {
	if dead := w.group.dead; len(dead) > 0 {
		maps.DeleteFunc(w.group.dirty, func(r ref, _ any) bool {
			return r.class != ofWorkspace && slices.Contains(dead, r.workspace)
		})
	}
	for r, v := range w.group.dirty {
		if r.class != ofCounter {
			continue
		}
		n, _ := v.(book.Counter)
		if _, err := w.conn.exec(`INSERT INTO counter (workspace, kind, name, last, living, gone, own_living, own_gone)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
			last = excluded.last, living = excluded.living, gone = excluded.gone,
			own_living = excluded.own_living, own_gone = excluded.own_gone`,
			r.workspace, r.a, r.b, n.Last, n.Living, n.Gone, n.OwnLiving, n.OwnGone); err != nil {
			return err
		}
	}
	return nil
}
