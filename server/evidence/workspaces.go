package evidence

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/understudy-api/understudy/storage"
)

// The evidence of a workspace can be kept, brought back and cleared together with
// the workspace itself, in one transaction. The functions here run such a
// transaction while nobody else writes evidence.

// Save runs fn in a transaction on workspaces of the store. Its function save puts
// the evidence of one into another workspace, which must be empty: what happened
// before Save was called is in it, but for what other processes have not stored yet.
func (r *Recorder) Save(ctx context.Context, workspace string, workspaces []string, fn func(save func(to storage.Tx) error, txs []storage.Tx) error) error {
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	r.mu.Lock()
	if w := r.workspaces[workspace]; w != nil { // it is no stranger once it is kept
		r.meet(w, true)
		r.mark(w)
	}
	r.mu.Unlock()
	if err := r.flush(ctx, Scope{Workspace: workspace}); err != nil {
		return err
	}
	return r.together(ctx, workspaces, func(own storage.Tx, txs []storage.Tx) error {
		return fn(func(to storage.Tx) error { return copyEvidence(to, own, workspace) }, txs)
	})
}

// Load runs fn in a transaction on workspaces of the store. Its function load makes
// the evidence of one what was saved; what is only in memory is then dropped.
func (r *Recorder) Load(ctx context.Context, workspace string, workspaces []string, fn func(load func(from storage.Tx) error, txs []storage.Tx) error) error {
	return r.replace(ctx, workspace, workspaces, func(own storage.Tx, txs []storage.Tx, begin func() error) error {
		return fn(func(from storage.Tx) error {
			if err := purgeScope(own, &workspace); err != nil {
				return err
			}
			if err := copyEvidence(own, from, workspace); err != nil {
				return err
			}
			held, err := recentOf(own, workspace)
			if err == nil && held != (total{}) {
				err = changeTotal(own, func(t *total) { t.add(held.Exchanges, held.Bytes) })
			}
			if err != nil {
				return err
			}
			return begin()
		}, txs)
	})
}

// ClearWith runs fn in a transaction on workspaces of the store. Its function
// clearEvidence does what [Recorder.Clear] does.
func (r *Recorder) ClearWith(ctx context.Context, workspace string, workspaces []string, fn func(clearEvidence func() error, txs []storage.Tx) error) error {
	return r.replace(ctx, workspace, workspaces, func(own storage.Tx, txs []storage.Tx, begin func() error) error {
		return fn(func() error {
			if err := purgeScope(own, &workspace); err != nil {
				return err
			}
			return begin()
		}, txs)
	})
}

// replace runs a transaction on the evidence and on other workspaces. Its function
// begin tells that the evidence of a workspace is not what it was: what is only in
// memory, of whatever process, is then dropped.
func (r *Recorder) replace(ctx context.Context, workspace string, workspaces []string, fn func(own storage.Tx, txs []storage.Tx, begin func() error) error) error {
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	tellers := r.tellers(workspace)
	begun, epoch := false, int64(0)
	err := r.together(ctx, slices.Concat(tellers, workspaces), func(own storage.Tx, txs []storage.Tx) error {
		begun, epoch = false, 0
		return fn(own, txs[len(tellers):], func() (err error) {
			if begun = true; len(tellers) > 0 {
				epoch, err = r.beginEpoch(own, txs[0], workspace)
			}
			return err
		})
	})
	if err == nil && begun {
		r.dropScope(Scope{Workspace: workspace}, epoch)
	}
	return err
}

// together runs a transaction on the evidence and on other workspaces.
func (r *Recorder) together(ctx context.Context, workspaces []string, fn func(own storage.Tx, txs []storage.Tx) error) error {
	return r.store.UpdateAll(ctx, append([]string{storeName}, workspaces...), func(txs []storage.Tx) error {
		return fn(txs[0], txs[1:])
	})
}

// copyEvidence copies the records of a parent, with their times, in their order.
func copyEvidence(to storage.Tx, from storage.ReadTx, parent string) error {
	for _, kind := range kinds {
		for query := (storage.Query{Parent: &parent, Limit: 200}); ; {
			page, err := from.List(kind, query)
			if err != nil {
				return err
			}
			for _, record := range page.Records {
				keys, err := keysOf(from, record)
				if err != nil {
					return err
				}
				if _, err := to.Insert(record, keys); err != nil {
					return err
				}
			}
			if page.Next == "" {
				break
			}
			query.After = page.Next
		}
	}
	return nil
}

// keysOf gives the keys of a record of evidence: only exchanges have any.
func keysOf(from storage.ReadTx, record storage.Record) ([]storage.Key, error) {
	if record.Kind != storedExchanges.Kind {
		return nil, nil
	}
	x, err := storedExchanges.Get(from, record.ID)
	if err != nil {
		return nil, err
	}
	return storedExchanges.Keys(x.Meta, x.Value), nil
}

// exchangeIDs counts the ids of exchanges, of workspaces whose ids are not random.
// It goes with the evidence: an id is not used again as long as there may be an
// exchange that has it.
var exchangeIDs = storage.Collection[int64]{Kind: "exchange ids"}

// NextID gives the next id of an exchange of a workspace whose ids are not random:
// 16 hexadecimal digits of which the first 8 tell workspaces apart and the others
// count, from 1 and, once the evidence was cleared, from 1 again.
func (r *Recorder) NextID(ctx context.Context, workspace string) (string, error) {
	var n int64
	err := r.store.Update(ctx, storeName, func(tx storage.Tx) error {
		n = 1
		item, err := exchangeIDs.Update(tx, tallyID(workspace), func(last *int64) error {
			*last++
			return nil
		})
		if storage.IsNotFound(err) {
			_, err = exchangeIDs.Insert(tx, tallyID(workspace), workspace, n)
			return err
		}
		n = item.Value
		return err
	})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte("understudy exchanges\x00" + workspace))
	return fmt.Sprintf("%x%08x", sum[:4], uint32(n)), nil
}
