package evidence

import (
	"context"
	"slices"

	"github.com/understudy-api/understudy/storage"
)

// kinds are the kinds of records that evidence is made of.
var kinds = []string{
	tallies.Kind, storedGroups.Kind, storedExchanges.Kind, storedMessages.Kind, exchangeIDs.Kind, chunks.Kind, chunkMessages.Kind,
}

// Evidence goes in three ways, and functions are named after them: it is dropped from
// memory, purged from the store, or cleared from both, on every process.

// Clear clears the evidence of a workspace, or of all.
func (r *Recorder) Clear(ctx context.Context, s Scope) error {
	if !s.All {
		return r.ClearWith(ctx, s.Workspace, nil, func(clearEvidence func() error, _ []storage.Tx) error { return clearEvidence() })
	}
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	var epoch int64
	err := r.together(ctx, nil, func(own storage.Tx, _ []storage.Tx) (err error) {
		if err := purgeScope(own, nil); err != nil || !r.o.Shared {
			return err
		}
		epoch, err = r.beginEpoch(own, own, "")
		return err
	})
	if err == nil {
		r.dropScope(s, epoch)
	}
	return err
}

// purgeScope purges the evidence of a workspace, or of all, from the store.
func purgeScope(tx storage.Tx, parent *string) error {
	if parent != nil {
		if t, err := tallies.Get(tx, tallyID(*parent)); err == nil {
			if _, err := changeStored(tx, -t.Value.Bytes); err != nil {
				return err
			}
		} else if !storage.IsNotFound(err) {
			return err
		}
		gone, err := recentOf(tx, *parent)
		if err == nil && gone != (total{}) {
			err = changeTotal(tx, func(t *total) { t.add(-gone.Exchanges, -gone.Bytes) })
		}
		if err != nil {
			return err
		}
	} else {
		for _, id := range []string{totalID, storedID} {
			if err := tx.Purge(totals.Kind, id); err != nil && !storage.IsNotFound(err) {
				return err
			}
		}
	}
	for _, kind := range kinds {
		for {
			page, err := tx.List(kind, storage.Query{Parent: parent, Limit: 200})
			if err != nil {
				return err
			}
			if len(page.Records) == 0 {
				break
			}
			for _, record := range page.Records {
				if err := tx.Purge(kind, record.ID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// dropScope drops what memory holds of a workspace, or of all. What comes belongs to
// the epoch, which is 0 if the store is not shared.
func (r *Recorder) dropScope(s Scope, epoch int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, w := range r.workspaces {
		if s.All || name == s.Workspace {
			r.dropWorkspace(w)
		}
	}
	switch {
	case epoch == 0:
	case s.All:
		for name := range r.epochs {
			r.epochs[name] = epoch
		}
	default:
		r.setEpoch(s.Workspace, epoch)
	}
}

// Scope says whose evidence is meant.
type Scope struct {
	Workspace string
	All       bool     // of all workspaces
	APIs      []string // nil is all but the control API
}

func (s Scope) parent() *string {
	if s.All {
		return nil
	}
	return &s.Workspace
}

func (s Scope) wants(api string) bool {
	if s.APIs == nil {
		return api != ControlAPI
	}
	return slices.Contains(s.APIs, api)
}
