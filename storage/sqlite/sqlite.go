// Package sqlite keeps a store in a SQLite database: a file, or memory.
//
// One connection writes. Updates that arrive while it is busy are run one after
// the other in one transaction and acknowledged when that is committed. Reads
// come from a cache that equals the committed state, or from
// pooled connections with a snapshot of it.
package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// Store is a [storage.Store] in SQLite.
type Store struct {
	options   Options
	readerDSN string // "" in memory
	release   func() error

	began  time.Time     // when it was opened
	alarms chan struct{} // see AlarmsChanged

	cache  *cache
	writer writer
	queue  *queue
	// stopped is closed when the writer has ended.
	stopped chan struct{}
	// readers holds the idle connections, nil for one not dialled yet.
	readers chan *conn

	// visible is held by readers as long as they rely on the cache and the
	// database being of the same generation, and by the writer while it moves
	// both to the next. In memory there is only one connection, hence no
	// snapshot: readers hold it throughout, the writer from its first write on.
	visible sync.RWMutex

	// failing says that the last that was to be written could not be.
	failing atomic.Bool

	// life is held for reading by everything that runs.
	life   sync.RWMutex
	closed bool
}

var _ storage.Store = (*Store)(nil)

func (s *Store) onDisk() bool { return s.readerDSN != "" }

// Update implements [storage.Store].
func (s *Store) Update(ctx context.Context, workspace string, fn func(storage.Tx) error) error {
	if err := s.enter(ctx, "update", workspace); err != nil {
		return err
	}
	defer s.life.RUnlock()
	return s.update(ctx, &update{workspace: workspace, fn: fn, done: make(chan error, 1)})
}

// UpdateAll implements [storage.Store].
func (s *Store) UpdateAll(ctx context.Context, workspaces []string, fn func([]storage.Tx) error) error {
	const op = "update"
	// The writer reads them, perhaps when the caller has gone.
	workspaces = slices.Clone(workspaces)
	if err := book.CheckWorkspaces(op, workspaces); err != nil {
		return err
	}
	if err := s.enter(ctx, op, workspaces...); err != nil {
		return err
	}
	defer s.life.RUnlock()
	return s.update(ctx, &update{all: workspaces, fnAll: fn, done: make(chan error, 1)})
}

// update hands an update to the writer and waits for what comes of it.
func (s *Store) update(ctx context.Context, u *update) error {
	if err := s.queue.push(u); err != nil {
		return err
	}
	select {
	case err := <-u.done:
		return err
	case <-ctx.Done():
		if u.claim() {
			return book.Unavailable("update", ctx.Err())
		}
		return <-u.done // the writer was faster: its answer is the truth
	}
}

// GiveBack gives the memory back that SQLite holds pages in: for a process that has
// nothing to do. What is kept in memory stays. That it cannot be done is not worth an
// error.
func (s *Store) GiveBack(ctx context.Context) {
	const shrink, nobody = "PRAGMA shrink_memory", "\x00nobody"
	if s.enter(ctx, "give memory back", nobody) == nil {
		for range cap(s.readers) {
			select {
			case c := <-s.readers:
				if c != nil {
					_ = c.exec(shrink)
				}
				s.readers <- c
			default: // it is in use
			}
		}
		s.life.RUnlock()
	}
	_ = s.Update(ctx, nobody, func(tx storage.Tx) error {
		if t, ok := tx.(*txn); ok {
			_ = t.store.writer.conn.exec(shrink)
		}
		return nil
	})
}

// View implements [storage.Store].
func (s *Store) View(ctx context.Context, workspace string, fn func(storage.ReadTx) error) error {
	if err := s.enter(ctx, "view", workspace); err != nil {
		return err
	}
	defer s.life.RUnlock()
	t := s.snapshot(ctx, workspace)
	defer t.endView()
	if err := fn(t); err != nil {
		return err
	}
	if t.lost {
		return mapError("now", t.err)
	}
	return nil
}

// snapshot begins to read; endView ends it.
func (s *Store) snapshot(ctx context.Context, workspace string) *txn {
	a := &struct { // one piece of memory
		txn
		run
	}{txn: txn{store: s, ctx: ctx, name: workspace}}
	t := &a.txn
	t.run = &a.run
	s.visible.RLock()
	t.holding = true
	t.generation = s.cache.now()
	return t
}

// Settings implements [storage.Store].
func (s *Store) Settings(ctx context.Context, workspaces ...string) ([]storage.Settings, error) {
	const op = "settings"
	if err := s.enter(ctx, op, workspaces...); err != nil {
		return nil, err
	}
	defer s.life.RUnlock()
	out := make([]storage.Settings, len(workspaces))
	// What is committed is in the cache before an Update returns, so that there
	// is no need to wait for the writer.
	if s.cache.settings(workspaces, out) {
		return out, nil
	}
	t := s.snapshot(ctx, "")
	defer t.endView()
	for i, name := range workspaces {
		t.name, t.known = name, nil
		var err error
		if out[i], err = t.Settings(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Workspaces implements [storage.Store].
func (s *Store) Workspaces(ctx context.Context, prefix string) ([]string, error) {
	const op = "workspaces"
	if err := s.enter(ctx, op); err != nil {
		return nil, err
	}
	defer s.life.RUnlock()
	t := s.snapshot(ctx, "")
	defer t.endView()
	sql, args := "SELECT name FROM workspace WHERE name >= ?", []any{prefix}
	if beyond := storage.BeyondPrefix(prefix); beyond != "" {
		sql, args = sql+" AND name < ?", append(args, beyond)
	}
	names := []string{}
	err := t.query(op, sql+" ORDER BY name", func(v []driver.Value) error {
		names = append(names, text(v[0]))
		return nil
	}, args...)
	if err != nil {
		return nil, err
	}
	return names, nil
}

// Size implements [storage.Store].
func (s *Store) Size(ctx context.Context) (int64, error) {
	const op = "size"
	if err := s.enter(ctx, op); err != nil {
		return 0, err
	}
	defer s.life.RUnlock()
	t := s.snapshot(ctx, "")
	defer t.endView()
	var n int64
	err := t.query(op, `SELECT (c.page_count - f.freelist_count) * p.page_size
		FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size p`, func(v []driver.Value) error {
		n = integer(v[0])
		return nil
	})
	return n, err
}

// Ping implements [storage.Store]. After a write has failed, as on a disk that is full,
// it finds out whether one can be written again.
func (s *Store) Ping(ctx context.Context) error {
	if s.failing.Load() {
		return s.Update(ctx, "\x00ping", func(tx storage.Tx) error {
			_, err := tx.Next("ping")
			return err
		})
	}
	if err := s.enter(ctx, "ping"); err != nil {
		return err
	}
	defer s.life.RUnlock()
	c, err := s.reader(ctx)
	if err == nil {
		_, err = c.number("SELECT max(version) FROM schema_version")
		s.giveBack(c, err)
	}
	return mapError("ping", err)
}

// Close implements [storage.Store].
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.queue.close()
	<-s.stopped
	var errs []error
	for range len(s.readers) {
		if c := <-s.readers; c != nil {
			errs = append(errs, c.close())
		}
	}
	// The last connection to close moves the log into the database.
	errs = append(errs, s.writer.conn.close(), s.release())
	return mapError("close", errors.Join(errs...))
}

// enter holds the store open until life is released, or says why it cannot.
func (s *Store) enter(ctx context.Context, op string, workspaces ...string) error {
	if slices.Contains(workspaces, "") {
		return book.Failure(storage.CodeInvalid, op, "the workspace has no name")
	}
	if err := ctx.Err(); err != nil {
		return book.Unavailable(op, err)
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return book.Failure(storage.CodeUnavailable, op, "the store is closed")
	}
	return nil
}

// reader takes a connection for reading; give it back with giveBack.
func (s *Store) reader(ctx context.Context) (*conn, error) {
	if !s.onDisk() {
		return s.writer.conn, nil
	}
	var c *conn
	select {
	case c = <-s.readers:
	case <-ctx.Done():
		return nil, book.Unavailable("view", ctx.Err())
	}
	if c != nil {
		return c, nil
	}
	c, err := dial(s.readerDSN)
	if err != nil {
		s.readers <- nil
		return nil, err
	}
	return c, nil
}

// giveBack returns a connection; after a failure a new one takes its place.
func (s *Store) giveBack(c *conn, err error) {
	if !s.onDisk() {
		return
	}
	if err != nil {
		_ = c.close()
		c = nil
	}
	s.readers <- c
}
