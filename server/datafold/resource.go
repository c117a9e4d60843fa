package datafold

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/understudy-api/understudy/server/audit"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// resource is what the resources of Datafold have in common: records of one kind with
// the numbers of one sequence for ids, each below a record of another kind or directly
// in the organisation. T is what is stored of one, V how it is answered.
//
// A record is reached by the numbers in the path to it, its own last, and in no other
// way: each must be there, in the one before. Where a method asks for the path of what
// a record is to be in, that is the path without the last number.
type resource[T, V any] struct {
	records  storage.Collection[T]
	noun     string // begins the text of its 404: "BI integration"
	sequence string // gives the ids
	// in is what the records are in; nil for the organisation.
	in container
	// removed lets go of what belongs to a record that is removed; nil for nothing.
	removed func(storage.Tx, T) error
	// owns is in what is stored of every record that something belongs to; nil if that
	// cannot be seen. Others are removed without being decoded.
	owns []byte
	view func(storage.ReadTx, job.Look, storage.Item[T]) (V, error)
}

// container is a resource that others are in.
type container interface {
	// place is the id of the record at the end of a path.
	place(tx storage.ReadTx, path []int) (string, error)
}

// What is written is told to the audit.
type (
	deed  = audit.Deed
	event = audit.Event
	work  = audit.Work
)

const (
	created = audit.Created
	updated = audit.Updated
	deleted = audit.Deleted
)

// writing runs fn in the one transaction of a request that may write. It may run more
// than once; see [storage.Store].
func writing[R any](ctx context.Context, a *API, fn func(*work) (R, error)) (R, error) {
	return audit.Write(ctx, a.store, a.audit, fn)
}

// reading runs fn on what the caller's workspace holds at one moment. What look shows
// of jobs counts as shown to the caller.
func reading[R any](ctx context.Context, a *API, fn func(tx storage.ReadTx, look job.Look) (R, error)) (R, error) {
	return job.View(ctx, a.store, site.PrincipalFrom(ctx).Workspace, fn)
}

// looking sees the jobs of a transaction without counting as a read of them.
func looking(tx storage.ReadTx) job.Look {
	return func(k *job.Kind, id string) (job.Job, error) { return k.Get(tx, id) }
}

// did ends whatever writes a record: it words what the store refused, and tells the
// audit of the rest.
func (r *resource[T, V]) did(w *work, what deed, item storage.Item[T], err error) (storage.Item[T], error) {
	if err != nil {
		return item, r.worded(err)
	}
	return item, w.Tell(what, r.records.Kind, item.ID, item.Parent)
}

// worded puts what the store says of a record into the words of the resource.
func (r *resource[T, V]) worded(err error) error {
	if storage.IsNotFound(err) {
		return r.notFound()
	}
	return err
}

func (r *resource[T, V]) notFound() error { return site.NotFound("", r.noun+" not found") }

// around is the id of the record that a path leads to, which the records of this
// resource are in; "" for the organisation.
func (r *resource[T, V]) around(tx storage.ReadTx, path []int) (string, error) {
	switch {
	case r.in == nil && len(path) == 0:
		return "", nil
	case r.in == nil || len(path) == 0:
		return "", fmt.Errorf("datafold: %s is not at the end of such a path", r.noun)
	}
	return r.in.place(tx, path)
}

// split gives the id of a record and that of the record that it must be in.
func (r *resource[T, V]) split(tx storage.ReadTx, path []int) (parent, id string, err error) {
	if len(path) == 0 {
		return "", "", fmt.Errorf("datafold: no path to %s", r.noun)
	}
	last := len(path) - 1
	parent, err = r.around(tx, path[:last])
	return parent, strconv.Itoa(path[last]), err
}

func (r *resource[T, V]) place(tx storage.ReadTx, path []int) (string, error) {
	found, err := r.stored(tx, path)
	return found.ID, err
}

// stored is at where it does not matter what the record holds: it is not decoded.
func (r *resource[T, V]) stored(tx storage.ReadTx, path []int) (storage.Record, error) {
	parent, id, err := r.split(tx, path)
	if err != nil {
		return storage.Record{}, err
	}
	found, err := tx.Get(r.records.Kind, id)
	if err == nil && (!found.Living() || found.Parent != parent) {
		return storage.Record{}, r.notFound()
	}
	return found, r.worded(err)
}

// at is the record at the end of a path.
func (r *resource[T, V]) at(tx storage.ReadTx, path ...int) (storage.Item[T], error) {
	parent, id, err := r.split(tx, path)
	if err != nil {
		return storage.Item[T]{}, err
	}
	found, err := r.records.Get(tx, id)
	if err == nil && found.Parent != parent {
		return storage.Item[T]{}, r.notFound()
	}
	return found, r.worded(err)
}

// insert makes a record in what a path leads to, under the next number.
func (r *resource[T, V]) insert(w *work, value T, in ...int) (storage.Item[T], error) {
	parent, err := r.around(w, in)
	if err != nil {
		return storage.Item[T]{}, err
	}
	id, err := w.Next(r.sequence)
	if err != nil {
		return storage.Item[T]{}, err
	}
	made, err := r.records.Insert(w.Tx, strconv.FormatInt(id, 10), parent, value)
	return r.did(w, created, made, err)
}

// update changes a record. An error of change is returned as it is.
func (r *resource[T, V]) update(w *work, change func(*T) error, path ...int) (storage.Item[T], error) {
	id, err := r.place(w, path)
	if err != nil {
		return storage.Item[T]{}, err
	}
	changed, err := r.records.Update(w.Tx, id, change)
	return r.did(w, updated, changed, err)
}

// delete removes a record completely, secrets included: none is ever kept as deleted.
func (r *resource[T, V]) delete(w *work, path ...int) error {
	found, err := r.stored(w, path)
	if err == nil && r.removed != nil && bytes.Contains(found.Body, r.owns) {
		var item storage.Item[T]
		if item, err = r.records.Get(w, found.ID); err == nil {
			err = r.removed(w.Tx, item.Value)
		}
	}
	if err == nil {
		err = r.worded(w.Purge(r.records.Kind, found.ID))
	}
	if err != nil {
		return err
	}
	return w.Tell(deleted, r.records.Kind, found.ID, found.Parent)
}

// list is all that is in a place, oldest first.
func (r *resource[T, V]) list(ctx context.Context, a *API, in ...int) ([]V, error) {
	return r.listed(ctx, a, func(T) bool { return true }, in...)
}

// listed is list, of those that are to be seen.
func (r *resource[T, V]) listed(ctx context.Context, a *API, seen func(T) bool, in ...int) ([]V, error) {
	return reading(ctx, a, func(tx storage.ReadTx, look job.Look) ([]V, error) {
		parent, err := r.around(tx, in)
		if err != nil {
			return nil, err
		}
		query := storage.Query{}
		if r.in != nil {
			query.Parent = &parent
		}
		list := []V{}
		err = r.records.Each(tx, query, func(item storage.Item[T]) error {
			if !seen(item.Value) {
				return nil
			}
			view, err := r.view(tx, look, item)
			list = append(list, view)
			return err
		})
		return list, err
	})
}

// read is the record at the end of a path.
func (r *resource[T, V]) read(ctx context.Context, a *API, path ...int) (V, error) {
	return reading(ctx, a, func(tx storage.ReadTx, look job.Look) (view V, err error) {
		found, err := r.at(tx, path...)
		if err != nil {
			return view, err
		}
		return r.view(tx, look, found)
	})
}

// write is whatever writes one record and answers it.
func (r *resource[T, V]) write(ctx context.Context, a *API, fn func(*work) (storage.Item[T], error)) (V, error) {
	return writing(ctx, a, func(w *work) (view V, err error) {
		item, err := fn(w)
		if err != nil {
			return view, err
		}
		return r.view(w, looking(w), item)
	})
}

// add is insert, as an operation of its own.
func (r *resource[T, V]) add(ctx context.Context, a *API, value T, in ...int) (V, error) {
	return r.write(ctx, a, func(w *work) (storage.Item[T], error) { return r.insert(w, value, in...) })
}

// change is update, as an operation of its own.
func (r *resource[T, V]) change(ctx context.Context, a *API, change func(*T) error, path ...int) (V, error) {
	return r.write(ctx, a, func(w *work) (storage.Item[T], error) { return r.update(w, change, path...) })
}

// remove is delete, as an operation of its own.
func (r *resource[T, V]) remove(ctx context.Context, a *API, path ...int) error {
	_, err := writing(ctx, a, func(w *work) (struct{}, error) { return struct{}{}, r.delete(w, path...) })
	return err
}

// What follows is for work that no request of the API asks for: jobs, and what the
// control API sets. It is no deed of a caller's: the audit is not told.

// peek runs fn on what a workspace holds at one moment.
func (a *API) peek(ctx context.Context, workspace string, fn func(storage.ReadTx) error) error {
	return a.store.View(ctx, workspace, fn)
}

// alter runs fn in a transaction of a workspace. It may run more than once.
func (a *API) alter(ctx context.Context, workspace string, fn func(storage.Tx) error) error {
	return a.store.Update(ctx, workspace, fn)
}

// held is a record by its id.
func held[T any](records storage.Collection[T], tx storage.ReadTx, id string) (storage.Item[T], error) {
	return records.Get(tx, id)
}

// every hands over all records of a kind in the order of their insertion, or the other
// way round.
func every[T any](records storage.Collection[T], tx storage.ReadTx, descending bool, fn func(storage.Item[T]) error) error {
	return records.Each(tx, storage.Query{Descending: descending}, fn)
}

// below hands over the records in another one.
func below[T any](records storage.Collection[T], tx storage.ReadTx, parent string, fn func(storage.Item[T]) error) error {
	return records.Each(tx, storage.Query{Parent: &parent}, fn)
}

// having is the first record with a value in an index.
func having[T any](records storage.Collection[T], tx storage.ReadTx, index, value string) (storage.Item[T], error) {
	return records.Find(tx, index, value)
}

// allHaving are the records with a value in an index.
func allHaving[T any](records storage.Collection[T], tx storage.ReadTx, index, value string) (all []storage.Item[T], err error) {
	err = records.Each(tx, storage.Query{Index: index, Equal: &value}, func(item storage.Item[T]) error {
		all = append(all, item)
		return nil
	})
	return all, err
}

// selected are the records of a page.
func selected[T any](records storage.Collection[T], tx storage.ReadTx, q storage.Query) ([]storage.Item[T], error) {
	page, err := records.List(tx, q)
	return page.Items, err
}

// latest is the last record of a query's order; nil if there is none.
func latest[T any](records storage.Collection[T], tx storage.ReadTx, q storage.Query) (*storage.Item[T], error) {
	q.Descending, q.Limit = true, 1
	page, err := records.List(tx, q)
	if err != nil || len(page.Items) == 0 {
		return nil, err
	}
	return &page.Items[0], nil
}

// lookingOn gives what fn makes of a workspace for somebody who looks at its jobs and is
// no caller of this API: see [job.View].
func lookingOn[R any](ctx context.Context, a *API, workspace string, fn func(tx storage.ReadTx, look job.Look) (R, error)) (R, error) {
	return job.View(ctx, a.store, workspace, fn)
}

// amend changes a record by its id.
func amend[T any](records storage.Collection[T], tx storage.Tx, id string, change func(*T) error) error {
	_, err := records.Update(tx, id, change)
	return err
}

// stow keeps a record under an id, in the place of another one if there is one.
func stow[T any](records storage.Collection[T], tx storage.Tx, id string, v T) error {
	return stowIn(records, tx, id, "", v)
}

// stowIn is stow in another record.
func stowIn[T any](records storage.Collection[T], tx storage.Tx, id, parent string, v T) error {
	err := amend(records, tx, id, func(old *T) error {
		*old = v
		return nil
	})
	if storage.IsNotFound(err) {
		_, err = records.Insert(tx, id, parent, v)
	}
	return err
}

// drop removes a record completely.
func drop[T any](records storage.Collection[T], tx storage.Tx, id string) error {
	return tx.Purge(records.Kind, id)
}

// dropBelow removes what is in a record completely.
func dropBelow[T any](records storage.Collection[T], tx storage.Tx, parent string) error {
	var ids []string
	if err := below(records, tx, parent, func(item storage.Item[T]) error {
		ids = append(ids, item.ID)
		return nil
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if err := drop(records, tx, id); err != nil {
			return err
		}
	}
	return nil
}
