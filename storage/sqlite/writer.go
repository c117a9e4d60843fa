package sqlite

import (
	"errors"
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

// update is something on its way through the writer: an Update, or a part of one that
// runs aside, or some sweeping.
type update struct {
	workspace string
	fn        func(storage.Tx) error
	all       []string // of an UpdateAll, in place of the two above
	fnAll     func([]storage.Tx) error
	since     time.Time // when it began to wait
	taken     atomic.Bool
	again     bool   // its group was lost to another's failure: it runs once more
	long      bool   // it writes much, and has to run aside
	slice     *aside // of which this is a slice, or the end if it is ready
	sweeping  bool
	err       error
	done      chan error
}

// claim decides between the writer, who wants to run it, and those who end its
// waiting: the first wins.
func (u *update) claim() bool { return u.taken.CompareAndSwap(false, true) }

// ends reports whether it may wait for too long.
func (u *update) ends() bool { return u.slice == nil && !u.sweeping }

func (u *update) laneOf() laneOf {
	switch {
	case u.slice != nil:
		return laneOf{aside: u.slice}
	case u.all != nil:
		return laneOf{name: u.all[0]}
	}
	return laneOf{name: u.workspace}
}

// names are the workspaces it writes to.
func (u *update) names() []string {
	if u.all != nil {
		return u.all
	}
	return []string{u.workspace}
}

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
	was   map[string]*space // the workspaces that it has made others
	dead  []int64           // the numbers that it has taken from workspaces
	left  []int64           // the layers
	deep  []string          // workspaces that have got many layers
	// alarms may ring at another time.
	alarms bool

	aside *aside // runs aside from the others, if it does
	spent int    // statements
	long  bool   // they were too many: it has to run aside
	free  bool   // however many they are
}

// set keeps a change, which the others see when it is committed.
func (r *work) set(what ref, v any) {
	r.dirty[what] = v
	if r.aside != nil {
		r.aside.recent = append(r.aside.recent, what)
	}
}

const (
	// longest is how many statements an update may run while others wait, alone how many
	// if nobody does. To run aside costs more: its layers are merged later.
	longest, alone = 1000, 20_000
	// glance is after how many statements it is looked whether somebody waits.
	glance = 16
)

var errLong = errors.New("the update writes much and runs again, aside")

// spend counts a statement, and refuses it if the update has to run aside.
func (w *writer) spend(r *work) error {
	r.spent++
	if r.spent > longest && !r.free && !r.long {
		r.long = r.spent > alone || r.spent%glance == 1 && w.keepsWaiting()
	}
	if r.long {
		return book.Unavailable("update", errLong)
	}
	return nil
}

// keepsWaiting reports whether anybody waits for the update that runs. In memory it
// might be readers.
func (w *writer) keepsWaiting() bool {
	return !w.store.onDisk() || len(w.group.ran) > 1 || w.store.queue.waiting()
}

// writer runs updates in groups. All its fields belong to its goroutine.
type writer struct {
	store *Store
	conn  *conn
	group group
	again []*update // of a lost group, to be run before anything else

	spare   map[ref]any // empty, for the changes of the next run; nil while one has it
	numbers int64       // of workspaces and layers: the greatest that was given to one

	// What is to be swept, see sweep.
	swept   bool           // there is nothing
	queued  bool           // it waits for its turn
	staged  map[int64]bool // numbers of updates that run aside: no garbage yet
	parked  []*update      // to run aside, once their workspaces have few layers
	examine []int64        // layers that may be merged into
	deep    []string       // workspaces with many layers
	pull    *pull          // what is being copied
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
	deep    []string
	alarms  bool // may ring at another time
	unseen  bool // what is committed is not to be seen yet
	long    bool // an update has to run aside, before others see its workspaces
}

func (w *writer) loop() {
	g := &w.group
	for {
		u := w.next()
		if u == nil || g.fatal != nil || g.void || !u.ends() {
			_ = w.finish() // after a failure, the rest gets a transaction of its own
		}
		switch {
		case u == nil:
			if !w.wait() {
				close(w.store.stopped)
				return
			}
		case u.slice != nil:
			w.slice(u)
		case u.sweeping:
			w.sweepNow(u)
		case u.again || u.claim():
			g.careful = g.careful || u.again
			g.ran = append(g.ran, u)
			w.run(u)
		}
	}
}

// next is what belongs into the group, nil if nothing does any more: a commit costs
// more than an update, and nobody of the group is told before it. Those who are about
// to arrive get one chance to.
func (w *writer) next() *update {
	g := &w.group
	if g.fatal != nil || g.void || g.long {
		return nil
	}
	for len(w.again) > 0 {
		u := w.again[0]
		w.again = w.again[1:]
		if !w.store.queue.holds(u.names()...) {
			return u
		}
		_ = w.store.queue.push(u)
	}
	if len(g.ran) >= maxGroup {
		return nil
	}
	u := w.store.queue.pop()
	if u == nil && g.begun && len(g.ran) < maxWait {
		runtime.Gosched()
		u = w.store.queue.pop()
	}
	return u
}

// wait waits for updates. It reports false when none will come.
func (w *writer) wait() bool {
	q := w.store.queue
	if len(w.again) > 0 {
		return true
	}
	u := q.pop()
	if u == nil {
		if q.isClosed() {
			return false
		}
		<-q.wake
		return true
	}
	w.again = append(w.again, u)
	return true
}

// run runs one update up to its savepoint, whatever its function does.
func (w *writer) run(u *update) {
	a := &struct { // one piece of memory
		txn
		work
	}{
		txn{store: w.store, name: u.workspace, group: &w.group, generation: w.store.cache.now()},
		work{dirty: w.spare, free: u.sweeping},
	}
	if w.spare = nil; a.dirty == nil {
		a.dirty = map[ref]any{}
	}
	t, r := &a.txn, &a.work
	t.run, t.work = &r.run, r
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover()
		u.err, u.long = panicked(value), r.long
		w.group.long = u.long
		w.rollback(r)
		if value == nil { // runtime.Goexit: this goroutine is lost, another goes on
			go w.loop()
		}
	}()
	u.err = u.call(t)
	returned = true
	r.over = true
	if u.long = r.long; u.err != nil || u.long {
		w.group.long = u.long
		w.rollback(r)
		return
	}
	w.keep(r)
}

// call calls the function of an update; t is of its first workspace.
func (u *update) call(t *txn) error {
	if u.all == nil {
		return u.fn(t)
	}
	all := make([]storage.Tx, len(u.all))
	for i, name := range u.all {
		of := *t
		of.name, all[i] = name, &of
	}
	return u.fnAll(all)
}

func panicked(value any) error {
	return &storage.Error{
		Code: storage.CodeInternal, Op: "update",
		Err: &storage.PanicError{Value: value, Stack: debug.Stack()},
	}
}

func (w *writer) keep(r *work) {
	g := &w.group
	if g.fatal != nil {
		return
	}
	if err := w.settle(r); err != nil {
		g.fatal = mapError("update", err)
		return
	}
	if r.saved {
		if err := w.conn.exec("RELEASE u"); err != nil {
			g.fatal = mapError("update", err)
			return
		}
	}
	g.dead = append(g.dead, r.dead...)
	g.deep = append(g.deep, r.deep...)
	g.alarms = g.alarms || r.alarms
	dirty := r.dirty
	r.dirty = nil // whoever keeps the transaction must not see what becomes of it
	if g.dirty == nil {
		g.dirty = dirty
		return
	}
	maps.Copy(g.dirty, dirty)
	w.spare = emptied(dirty)
}

// emptied is the map for others to use, if it is not so large that to empty it costs more
// than a new one.
func emptied(m map[ref]any) map[ref]any {
	if len(m) > maxGroup {
		return nil
	}
	clear(m)
	return m
}

func (w *writer) rollback(r *work) {
	r.over = true
	g := &w.group
	switch {
	case g.fatal != nil:
	case r.saved:
		err := w.conn.exec("ROLLBACK TO u")
		if err == nil {
			err = w.conn.exec("RELEASE u")
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
		if err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
			return w.fail(err)
		}
	}
	r.wrote = true
	if g.careful && !r.saved {
		if err := w.conn.exec("SAVEPOINT u"); err != nil {
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

// finish commits the group and tells its members. Its error is that of all of them.
func (w *writer) finish() error {
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
			if err := w.conn.exec("COMMIT"); err != nil {
				g.fatal = mapError("commit", err)
			} else if !g.unseen {
				s.cache.apply(g.dirty)
			}
		}
		if g.fatal != nil || g.void {
			// It fails if SQLite rolled back already, which is just as well.
			_ = w.conn.exec("ROLLBACK")
		}
		s.visible.Unlock()
		if !g.void {
			s.failing.Store(g.fatal != nil)
		}
	}
	if g.begun && g.fatal == nil && !g.void {
		if w.deep = append(w.deep, g.deep...); len(w.deep) > 0 {
			w.swept = false
		}
		if g.alarms {
			book.Tell(s.alarms)
		}
	}
	for i, u := range g.ran {
		g.ran[i] = nil
		switch {
		case g.fatal != nil:
			u.err = g.fatal
		case u.long:
			s.queue.hold(u.names())
			w.parked, w.swept = append(w.parked, u), false
			continue
		case g.void && u.err == nil:
			u.again = true
			w.again = append(w.again, u)
			continue
		}
		u.done <- u.err
	}
	err := g.fatal
	*g = group{ran: g.ran[:0], dirty: emptied(g.dirty)}
	w.sweepSoon()
	if w.conn.work > checkpointAfter {
		w.conn.work = 0
		if s.onDisk() {
			// Passive: it waits for nobody. What a reader holds back is moved
			// the next time; a failure comes up again there or in a commit.
			_, _ = w.conn.number("PRAGMA wal_checkpoint(PASSIVE)")
		}
	}
	return err
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
		n, _ := v.(counted)
		if err := w.conn.exec(putCounter, counterRow(r, n)...); err != nil {
			return err
		}
	}
	return nil
}
