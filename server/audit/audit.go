// Package audit is how the APIs write on behalf of a request: in one transaction, of
// which each deed is told, in the transaction itself, to whoever keeps the audit.
package audit

import (
	"context"
	"time"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// Deed is what is done to a record.
type Deed string

// The deeds.
const (
	Created  Deed = "created"
	Updated  Deed = "updated"
	Deleted  Deed = "deleted"
	Restored Deed = "restored"
)

// Event is a deed, as the audit is told of it.
type Event struct {
	Deed      Deed
	Kind      string // of the record
	ID        string
	Parent    string // the id of the record that it is in; "" for the organisation
	Operation string // the operationId
	Principal site.Principal
	Time      time.Time
}

// Keep keeps an event, in the transaction that did it. An error undoes the deed.
type Keep func(storage.Tx, Event) error

// Work is a transaction that writes on behalf of a request.
type Work struct {
	storage.Tx

	Operation string
	Principal site.Principal
	// Keep is told of every deed; nil for none, as of what a seed plants.
	Keep Keep
}

// Write runs fn in the one transaction of a request that may write. It may run more
// than once; see [storage.Store].
func Write[R any](ctx context.Context, store storage.Store, keep Keep, fn func(*Work) (R, error)) (result R, err error) {
	principal := site.PrincipalFrom(ctx)
	operation := ""
	if op := site.OperationFrom(ctx); op != nil {
		operation = op.ID
	}
	err = store.Update(ctx, principal.Workspace, func(tx storage.Tx) (err error) {
		result, err = fn(&Work{Tx: tx, Operation: operation, Principal: principal, Keep: keep})
		return err
	})
	return result, err
}

// Tell tells of a deed.
func (w *Work) Tell(what Deed, kind, id, parent string) error {
	if w.Keep == nil {
		return nil
	}
	return w.Keep(w.Tx, Event{
		Deed: what, Kind: kind, ID: id, Parent: parent, Operation: w.Operation, Principal: w.Principal, Time: w.Now(),
	})
}
