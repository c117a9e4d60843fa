package sqlite

import (
	"slices"
	"sync"
	"time"

	"github.com/understudy-api/understudy/storage/internal/book"
)

const (
	// sliceTime is how long a slice lasts, and patience when the writer takes its turn
	// back from one whose update does something else.
	sliceTime = time.Millisecond
	patience  = 3 * time.Millisecond
)

// aside is an update that writes too much to be done while all others wait. It runs
// beside the writer, and has its turns like others: slices, each a transaction of the
// database. What it writes goes into layers of its own, which are garbage until the
// last slice gives them to their workspaces. Meanwhile nothing else writes to those.
type aside struct {
	store   *Store
	update  *update
	txn     txn
	work    work
	granted chan struct{}
	ended   chan struct{} // its turn; holds one

	mu     sync.Mutex // held while a statement runs
	turn   bool
	began  time.Time // its turn
	err    error
	recent []ref // what it has changed in this slice
	ready  bool  // for the end
	staged []int64
}

// runAside runs an update beside the writer.
func (s *Store) runAside(u *update) {
	u.long = false
	s.queue.begin(u.names())
	a := &aside{store: s, update: u, granted: make(chan struct{}), ended: make(chan struct{}, 1)}
	a.work = work{dirty: map[ref]any{}, aside: a, free: true}
	a.txn = txn{store: s, name: u.workspace, group: &s.writer.group, work: &a.work, run: &a.work.run}
	go a.run()
}

func (a *aside) run() {
	u := a.update
	u.err = nil
	returned := false
	defer func() {
		if !returned {
			u.err = panicked(recover())
		}
		a.mu.Lock()
		a.work.over = true
		if a.err != nil { // whatever the function made of it
			u.err = a.err
		}
		a.ready = true
		a.yield()
		a.mu.Unlock()
		_ = a.store.queue.push(&update{slice: a})
	}()
	err := u.call(&a.txn)
	u.err, returned = err, true
}

// enter waits for a turn; end ends the statement for which it was.
func (a *aside) enter() (end func(), err error) {
	a.mu.Lock()
	for !a.turn && a.err == nil {
		a.mu.Unlock()
		_ = a.store.queue.push(&update{slice: a})
		<-a.granted
		a.mu.Lock()
	}
	if err := a.err; err != nil {
		a.mu.Unlock()
		return nil, err
	}
	return a.leave, nil
}

// leave is the end of a statement.
func (a *aside) leave() {
	defer a.mu.Unlock()
	w := &a.store.writer
	if w.group.fatal == nil && time.Since(a.began) <= sliceTime {
		return
	}
	if w.group.fatal == nil {
		if err := w.flushSlice(a); err != nil {
			w.group.fatal = mapError("update", err)
		}
	}
	if w.group.fatal != nil {
		a.err = w.group.fatal
	}
	a.yield()
}

// yield ends the turn.
func (a *aside) yield() {
	if a.turn {
		a.turn = false
		a.ended <- struct{}{}
	}
}

// slice gives an update that runs aside a turn, or brings it to its end.
func (w *writer) slice(u *update) {
	a := u.slice
	a.mu.Lock()
	ready := a.ready
	if !ready {
		a.turn, a.began = true, time.Now()
	}
	a.mu.Unlock()
	if ready {
		w.endAside(a)
		return
	}
	a.granted <- struct{}{}
	timer := time.NewTimer(patience)
	select {
	case <-a.ended:
	case <-timer.C:
		a.mu.Lock()
		a.yield()
		a.mu.Unlock()
		<-a.ended
	}
	timer.Stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	w.group.unseen = true
	if err := w.finish(); err != nil {
		a.err = err
	}
}

// flushSlice writes the counters that have changed since the last time. Records are read
// again from the database: they are too many to be kept in memory. What an update has
// changed belongs to its goroutine, hence it calls this itself, while it has its turn.
func (w *writer) flushSlice(a *aside) error {
	if len(a.recent) == 0 {
		return nil
	}
	if err := w.begin(&a.work); err != nil {
		return err
	}
	for _, r := range a.recent {
		switch v := a.work.dirty[r].(type) {
		case *book.Stored:
			delete(a.work.dirty, r)
		case counted:
			if v.layer == 0 {
				continue // written already
			}
			if err := w.all(step{putCounter, counterRow(r, v)}); err != nil {
				return err
			}
			v.layer = 0
			a.work.dirty[r] = v
		}
	}
	a.recent = a.recent[:0]
	return nil
}

// endAside makes what an update has written visible, if it came to a good end.
func (w *writer) endAside(a *aside) {
	g, u := &w.group, a.update
	for _, n := range a.staged {
		delete(w.staged, n)
	}
	w.swept = false
	if u.err == nil {
		if err := w.publish(a); err != nil && g.fatal == nil {
			g.fatal = mapError("update", err)
		}
	}
	g.ran = append(g.ran, u)
	_ = w.finish()
	w.store.queue.release(u.names())
}

func (w *writer) publish(a *aside) error {
	r := &a.work
	if !r.wrote {
		return nil
	}
	if err := w.begin(r); err != nil {
		return err
	}
	if err := w.flushSlice(a); err != nil {
		return err
	}
	for what, v := range r.dirty {
		s, ok := v.(*space)
		if !ok { // the database has it, and a number that the cache does not know
			delete(r.dirty, what)
			continue
		}
		if was := r.was[what.a]; s.blank && s.settings == was.settings && !r.alarms && slices.Equal(s.layers[1:], was.seen()) {
			delete(r.dirty, what) // it has only looked
			delete(r.was, what.a)
			continue
		}
		if s.layered() { // what it has added may be merged with what there was
			w.examine = append(w.examine, s.layers[1:]...)
		}
		for _, layer := range s.layers {
			if err := w.all(step{"DELETE FROM garbage WHERE layer = ?", []any{layer}}); err != nil {
				return err
			}
		}
		if was := r.was[what.a]; was.number != 0 && was.number != s.number {
			if err := w.all(step{clearAlarms, []any{was.number}}); err != nil {
				return err
			}
		}
	}
	w.keep(r)
	return nil
}

// stage notes a number that an update has got which runs aside: what has it is
// garbage, until it is published.
func (t *txn) stage(op string, n int64) error {
	a := t.work.aside
	end, err := t.statement()
	if err != nil {
		return err
	}
	a.staged = append(a.staged, n)
	t.store.writer.staged[n] = true
	end()
	if err := t.exec(op, "INSERT INTO garbage (layer) VALUES (?)", n); err != nil {
		return t.give(err)
	}
	return nil
}

// setAside gives a workspace a layer for what an update writes to it, and a number for
// its alarms.
func (t *txn) setAside(op string) error {
	s := t.known
	n, err := t.number(op)
	if err != nil {
		return err
	}
	if err := t.exec(op, `INSERT INTO alarm (workspace, name, timer, at, due)
		SELECT ?, name, timer, at, due FROM alarm WHERE workspace = ?`, n, s.number); err != nil {
		return t.give(err)
	}
	layers := s.seen()
	if len(layers) < len(s.layers) {
		t.work.left = append(t.work.left, s.top())
	}
	t.become(&space{n, append([]int64{n}, layers...), true, s.settings})
	return nil
}
