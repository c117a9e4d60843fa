// Package quota bounds what clients may keep: bytes and records of each workspace, how
// many workspaces there are, and what all of it takes. It stands in front of a store,
// and refuses what is too much before anything is written.
package quota

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// Limits are the bounds. A zero is the default.
type Limits struct {
	WorkspaceBytes   int64 // of bodies, keys and blobs
	WorkspaceRecords int64 // deleted ones included
	Workspaces       int64 // that hold anything
	StoreBytes       int64 // that the store takes, evidence and snapshots included
}

// The default bounds.
const (
	DefaultWorkspaceBytes   = 512 << 20
	DefaultWorkspaceRecords = 2_000_000
	DefaultWorkspaces       = 10_000
	DefaultStoreBytes       = 4 << 30
)

// SettingsBytes bounds the settings of a workspace: they are read with every request.
const SettingsBytes = 1 << 20

func orDefault(limit *int64, standard int64) {
	if *limit <= 0 {
		*limit = standard
	}
}

// measureEvery is how often the store is measured, and its workspaces are counted anew
// when there are too many, at most.
const measureEvery = time.Second

// Store is a store with bounds.
//
// The names of workspaces that begin with a NUL are the server's own: evidence and
// snapshots. They count in what the store takes, and have bounds of their own.
type Store struct {
	storage.Store

	limits Limits
	every  time.Duration

	counts chan struct{} // holds whoever counts the workspaces

	mu    sync.Mutex
	large map[string]struct{} // hashes of contents

	places  map[string]*place   // of the workspaces that hold anything, or are about to; nil if not counted yet
	changed map[string]struct{} // workspaces whose place changed while they are counted; nil if they are not
	counted time.Time
	doubt   bool // a workspace may have become empty of which that is not known

	measured  time.Time
	measuring bool
	taken     int64 // by the store, when it was measured, and what was written since
	since     int64 // of that, what was written since the measuring began
	reserved  int64 // by transactions that have not ended
}

// place is that of a workspace among those that may hold anything.
type place struct {
	holds bool // anything, as far as is known
	// Transactions that wrote there and have not ended, and what others of the same time
	// did: whose end came first says nothing of which was committed first.
	users          int
	wrote, cleared bool
}

// New puts bounds before a store.
func New(store storage.Store, limits Limits) *Store {
	orDefault(&limits.WorkspaceBytes, DefaultWorkspaceBytes)
	orDefault(&limits.WorkspaceRecords, DefaultWorkspaceRecords)
	orDefault(&limits.Workspaces, DefaultWorkspaces)
	orDefault(&limits.StoreBytes, DefaultStoreBytes)
	return &Store{Store: store, limits: limits, every: measureEvery, counts: make(chan struct{}, 1)}
}

// Unwrap is the store behind the bounds.
func (s *Store) Unwrap() storage.Store { return s.Store }

func own(workspace string) bool { return workspace == "" || workspace[0] == 0 }

// View implements [storage.Store]. A request that reads much waits until it may.
func (s *Store) View(ctx context.Context, workspace string, fn func(storage.ReadTx) error) error {
	if own(workspace) {
		return s.Store.View(ctx, workspace, fn)
	}
	once := func() error {
		return s.Store.View(ctx, workspace, func(tx storage.ReadTx) error { return fn(&reading{ReadTx: tx, store: s, ctx: ctx}) })
	}
	err := once()
	if errors.Is(err, site.ErrLarge) {
		if err = site.Enlarge(ctx); err == nil {
			err = once()
		}
	}
	return err
}

// Update implements [storage.Store].
func (s *Store) Update(ctx context.Context, workspace string, fn func(storage.Tx) error) error {
	if own(workspace) {
		return s.Store.Update(ctx, workspace, fn)
	}
	if err := s.measure(ctx); err != nil {
		return err
	}
	c := &counting{store: s, name: workspace}
	err := s.Store.Update(ctx, workspace, func(tx storage.Tx) error {
		c.begin(tx)
		if err := fn(c); err != nil {
			return err
		}
		return c.refused
	})
	s.ended(c, err)
	return err
}

// UpdateAll implements [storage.Store].
func (s *Store) UpdateAll(ctx context.Context, workspaces []string, fn func([]storage.Tx) error) error {
	if err := s.measure(ctx); err != nil {
		return err
	}
	counts := make([]*counting, len(workspaces))
	for i, name := range workspaces {
		if !own(name) {
			counts[i] = &counting{store: s, name: name}
		}
	}
	err := s.Store.UpdateAll(ctx, workspaces, func(txs []storage.Tx) error {
		all := make([]storage.Tx, len(txs))
		for i, tx := range txs {
			if all[i] = (free{tx}); counts[i] != nil {
				counts[i].begin(tx)
				all[i] = counts[i]
			}
		}
		if err := fn(all); err != nil {
			return err
		}
		for _, c := range counts {
			if c != nil && c.refused != nil {
				return c.refused
			}
		}
		return nil
	})
	for _, c := range counts {
		if c != nil {
			s.ended(c, err)
		}
	}
	return err
}

// measure measures the store, if that was not done just now, and counts its workspaces:
// at the start, and when there seem to be too many.
func (s *Store) measure(ctx context.Context) error {
	s.mu.Lock()
	size := !s.measuring && time.Since(s.measured) >= s.every
	if size {
		s.measuring, s.measured, s.since = true, time.Now(), 0 // the others need not
	}
	count := s.uncounted()
	s.mu.Unlock()
	if size {
		taken, err := s.Size(ctx)
		s.mu.Lock()
		if s.measuring = false; err == nil {
			s.taken = taken + s.since
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	if !count {
		return nil
	}
	select {
	case s.counts <- struct{}{}:
		defer func() { <-s.counts }()
		return s.count(ctx)
	case <-ctx.Done():
		return &storage.Error{Code: storage.CodeUnavailable, Op: "count workspaces", Err: ctx.Err()}
	}
}

// uncounted reports whether the workspaces have to be counted. The mutex is held.
func (s *Store) uncounted() bool {
	return s.places == nil || int64(len(s.places)) >= s.limits.Workspaces && (s.doubt || time.Since(s.counted) >= s.every)
}

// count counts the workspaces, unless another just did. What changes meanwhile is known
// better than by the list.
func (s *Store) count(ctx context.Context) error {
	s.mu.Lock()
	if !s.uncounted() {
		s.mu.Unlock()
		return nil
	}
	s.changed, s.doubt = map[string]struct{}{}, false
	s.mu.Unlock()
	list, err := s.Workspaces(ctx, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.changed
	s.changed = nil
	if err != nil {
		s.doubt = true
		return err
	}
	places := make(map[string]*place, len(list))
	for name, p := range s.places {
		if _, known := changed[name]; known || p.users > 0 {
			places[name] = p
		}
	}
	for _, name := range list {
		if _, known := changed[name]; !known && !own(name) && places[name] == nil {
			places[name] = &place{holds: true}
		}
	}
	s.places, s.counted = places, time.Now()
	return nil
}

// ended notes what a transaction wrote, and gives back what it took in vain.
func (s *Store) ended(c *counting, err error) {
	if c.place == nil && c.bytes == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved -= c.bytes
	if err == nil {
		s.taken += c.bytes
		s.since += c.bytes
	}
	p := c.place
	if p == nil {
		return
	}
	p.users--
	if err == nil {
		p.wrote, p.cleared = p.wrote || c.wrote, p.cleared || c.cleared && !c.wrote
	}
	if p.users > 0 {
		return
	}
	if p.wrote || p.cleared {
		p.holds = p.wrote
		s.doubt = s.doubt || p.wrote && p.cleared
		p.wrote, p.cleared = false, false
	}
	if !p.holds {
		delete(s.places, c.name)
	}
	if s.changed != nil {
		s.changed[c.name] = struct{}{}
	}
}

// enter gives a transaction the place of its workspace until it ends, a new one if need
// be and there is one.
func (s *Store) enter(c *counting, anew bool) bool {
	if c.place != nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.places[c.name]
	if p == nil {
		if !anew || int64(len(s.places)) >= s.limits.Workspaces {
			return false
		}
		p = &place{}
		s.places[c.name] = p
	}
	p.users++
	c.place = p
	return true
}

// reserve takes bytes of the store for a transaction, if there are so many.
func (s *Store) reserve(c *counting, bytes int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken+s.reserved+bytes > s.limits.StoreBytes {
		return false
	}
	s.reserved += bytes
	c.bytes += bytes
	return true
}

// release gives back what a transaction reserved that begins anew.
func (s *Store) release(c *counting) {
	if c.bytes == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved -= c.bytes
	c.bytes = 0
}

func full(op, format string, args ...any) error {
	return &storage.Error{Code: storage.CodeFull, Op: op, Err: &storage.FullError{Reason: fmt.Sprintf(format, args...)}}
}
