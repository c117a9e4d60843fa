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

// measureEvery is how often the store is measured, and its workspaces are counted, at
// most.
const measureEvery = time.Second

// Store is a store with bounds.
//
// The names of workspaces that begin with a NUL are the server's own: evidence and
// snapshots. They count in what the store takes, and have bounds of their own.
type Store struct {
	storage.Store

	limits Limits
	every  time.Duration

	mu       sync.Mutex
	large    map[string]struct{} // hashes of contents
	names    map[string]bool     // of the workspaces that hold anything, or are about to (false); nil if not counted yet
	counted  time.Time
	taken    int64 // by the store, when it was measured, and what was written since
	measured time.Time
}

// New puts bounds before a store.
func New(store storage.Store, limits Limits) *Store {
	orDefault(&limits.WorkspaceBytes, DefaultWorkspaceBytes)
	orDefault(&limits.WorkspaceRecords, DefaultWorkspaceRecords)
	orDefault(&limits.Workspaces, DefaultWorkspaces)
	orDefault(&limits.StoreBytes, DefaultStoreBytes)
	return &Store{Store: store, limits: limits, every: measureEvery}
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
		return fn(c)
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
		return fn(all)
	})
	for _, c := range counts {
		if c != nil {
			s.ended(c, err)
		}
	}
	return err
}

// measure measures the store and counts its workspaces, if that was not done just now.
// The workspaces are counted at the start, and when there seem to be too many.
func (s *Store) measure(ctx context.Context) error {
	s.mu.Lock()
	now := time.Now()
	size := now.Sub(s.measured) >= s.every
	count := s.names == nil || int64(len(s.names)) >= s.limits.Workspaces && now.Sub(s.counted) >= s.every
	if size {
		s.measured = now // the others need not
	}
	s.mu.Unlock()
	if size {
		taken, err := s.Size(ctx)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.taken = taken
		s.mu.Unlock()
	}
	if !count {
		return nil
	}
	list, err := s.Workspaces(ctx, "")
	if err != nil {
		return err
	}
	names := make(map[string]bool, len(list))
	for _, name := range list {
		if !own(name) {
			names[name] = true
		}
	}
	s.mu.Lock()
	for name, holds := range s.names {
		if !holds && !names[name] {
			names[name] = false
		}
	}
	s.names, s.counted = names, now
	s.mu.Unlock()
	return nil
}

// ended notes what a transaction wrote, and gives back the place of a workspace that it
// took in vain.
func (s *Store) ended(c *counting, err error) {
	if !c.wrote && !c.cleared && !c.took {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && c.wrote:
		s.names[c.name] = true
	case err == nil && c.cleared, c.took && !s.names[c.name]:
		delete(s.names, c.name)
	}
	if err == nil {
		s.taken += c.bytes
	}
}

// room reports whether the workspace of a transaction has a place, which it takes if need
// be and there is one, and what the store takes.
func (s *Store) room(c *counting) (ok bool, taken int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok = s.names[c.name]; !ok && int64(len(s.names)) < s.limits.Workspaces {
		s.names[c.name], c.took, ok = false, true, true
	}
	return ok, s.taken
}

func full(op, format string, args ...any) error {
	return &storage.Error{Code: storage.CodeFull, Op: op, Err: &storage.FullError{Reason: fmt.Sprintf(format, args...)}}
}
