package brms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/audit"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// resource is what the resources of BRMS have in common: records of one kind, each
// below a record of another kind or directly in the organisation. T is what is stored
// of one, V how it is answered.
//
// A record is reached by the ids of the path to it, those of the records around it
// first and its own last, and in no other way: every one of them must live, in the one
// before. Where a method asks for the path of what a record is to be in, that is the
// path without the last id. Whatever a method refuses is in the words of the resource
// that is meant.
type resource[T, V any] struct {
	records storage.Collection[T]
	code    string // begins the codes of its errors: "integration"
	noun    string // begins their messages: "Integration"
	// in is what the records are in; nil for the organisation.
	in container
	// unique are the indexes whose keys are unique.
	unique []unique
	// deletable says why a record may not be deleted; nil if all may.
	deletable func(T) error
	view      func(storage.ReadTx, storage.Item[T]) (V, error)
}

// container is a resource that others are in.
type container interface {
	// place is the id of the living record at the end of a path.
	place(tx storage.ReadTx, path []uuid.UUID) (string, error)
}

// unique is an index in which no two living records have the same key.
type unique struct {
	index   string
	code    string // of the conflict, behind the resource's: "kindTaken"
	message string // of the conflict
	member  string // of the creating body: what the key is of
	twice   string // what is wrong with a seed that gives it twice in one list
}

// authors are who made a record and who changed it last, by their ids; "" where users
// are not told apart. A type that embeds them has them filled in by the kit.
type authors struct {
	CreatedBy string `json:"createdBy,omitempty"`
	UpdatedBy string `json:"updatedBy,omitempty"`
}

func (a *authors) by() *authors { return a }

// authored gives the authors of a value; of a type that does not keep them, some that
// nobody sees.
func authored[T any](value *T) *authors {
	if kept, ok := any(value).(interface{ by() *authors }); ok {
		return kept.by()
	}
	return &authors{}
}

// What is written is told to the audit.
type (
	deed  = audit.Deed
	event = audit.Event
	work  = audit.Work
)

const (
	created  = audit.Created
	updated  = audit.Updated
	deleted  = audit.Deleted
	restored = audit.Restored
)

// writing runs fn in the one transaction of a request that may write. It may run more
// than once; see [storage.Store].
func writing[R any](ctx context.Context, a *API, fn func(*work) (R, error)) (R, error) {
	return audit.Write(ctx, a.store, a.audit, fn)
}

// reading runs fn on what the caller's workspace holds at one moment.
func reading[R any](ctx context.Context, a *API, fn func(storage.ReadTx) (R, error)) (result R, err error) {
	return readingIn(ctx, a, site.PrincipalFrom(ctx).Workspace, fn)
}

// shown is a job as it shows to somebody who does not count as a reader of it.
func shown(k *job.Kind, tx storage.ReadTx, id string) (job.Job, error) { return k.Get(tx, id) }

// looking is reading for somebody who looks at jobs: those that he sees by look have
// been read once more.
func looking[R any](ctx context.Context, a *API, fn func(storage.ReadTx, job.Look) (R, error)) (R, error) {
	return job.View(ctx, a.store, site.PrincipalFrom(ctx).Workspace, fn)
}

// readingIn is reading in a workspace that the caller proves to be let into.
func readingIn[R any](ctx context.Context, a *API, workspace string, fn func(storage.ReadTx) (R, error)) (result R, err error) {
	err = a.store.View(ctx, workspace, func(tx storage.ReadTx) (err error) {
		result, err = fn(tx)
		return err
	})
	return result, err
}

// look runs fn on what a workspace holds at one moment, whoever calls.
func (a *API) look(ctx context.Context, workspace string, fn func(storage.ReadTx) error) error {
	return a.store.View(ctx, workspace, fn)
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
	switch {
	case storage.IsNotFound(err):
		return r.notFound()
	case storage.IsConflict(err):
		taken, _ := errors.AsType[*storage.Error](err)
		for _, u := range r.unique {
			if u.index == taken.Index {
				refusal := site.Conflict(r.code+"."+u.code, u.message)
				refusal.Err = err
				return refusal
			}
		}
	}
	return err
}

func (r *resource[T, V]) notFound() error {
	return site.NotFound(r.code+".notFound", r.noun+" not found")
}

// around is the id of the record that a path leads to, which the records of this
// resource are in; "" for the organisation.
func (r *resource[T, V]) around(tx storage.ReadTx, path []uuid.UUID) (string, error) {
	switch {
	case r.in == nil && len(path) == 0:
		return "", nil
	case r.in == nil || len(path) == 0:
		return "", fmt.Errorf("brms: %s is not at the end of such a path", r.noun)
	}
	return r.in.place(tx, path)
}

// split gives the id of a record and that of the living record that it must be in.
func (r *resource[T, V]) split(tx storage.ReadTx, path []uuid.UUID) (parent, id string, err error) {
	if len(path) == 0 {
		return "", "", fmt.Errorf("brms: no path to %s", r.noun)
	}
	last := len(path) - 1
	parent, err = r.around(tx, path[:last])
	return parent, path[last].String(), err
}

func (r *resource[T, V]) place(tx storage.ReadTx, path []uuid.UUID) (string, error) {
	parent, id, err := r.split(tx, path)
	if err != nil {
		return "", err
	}
	// What it holds does not matter here, so it is not decoded.
	found, err := tx.Get(r.records.Kind, id)
	if err == nil && (!found.Living() || found.Parent != parent) {
		return "", r.notFound()
	}
	return id, r.worded(err)
}

// at is the living record at the end of a path.
func (r *resource[T, V]) at(tx storage.ReadTx, path ...uuid.UUID) (storage.Item[T], error) {
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

// of is the living record with an id, whatever it is in: for ids that records of ours
// hold.
func (r *resource[T, V]) of(tx storage.ReadTx, id string) (storage.Item[T], error) {
	found, err := r.records.Get(tx, id)
	return found, r.worded(err)
}

// goneOf is of, for a deleted record.
func (r *resource[T, V]) goneOf(tx storage.ReadTx, id string) (storage.Item[T], error) {
	found, err := r.records.GetDeleted(tx, id)
	return found, r.worded(err)
}

// by is the living record with a key.
func (r *resource[T, V]) by(tx storage.ReadTx, index, key string) (storage.Item[T], error) {
	found, err := r.records.Find(tx, index, key)
	return found, r.worded(err)
}

// each calls fn with all records that a query selects, see [storage.Collection.Each].
func (r *resource[T, V]) each(tx storage.ReadTx, q storage.Query, fn func(storage.Item[T]) error) error {
	return r.records.Each(tx, q, fn)
}

// all are the records that each calls its function with, for a caller that changes them.
func (r *resource[T, V]) all(tx storage.ReadTx, q storage.Query) (found []storage.Item[T], err error) {
	err = r.records.Each(tx, q, func(item storage.Item[T]) error {
		found = append(found, item)
		return nil
	})
	return found, err
}

// first is the first record that a query selects; nil if it selects none.
func (r *resource[T, V]) first(tx storage.ReadTx, q storage.Query) (*storage.Item[T], error) {
	q.Limit = 1
	found, err := r.records.List(tx, q)
	if err != nil || len(found.Items) == 0 {
		return nil, err
	}
	return &found.Items[0], nil
}

// ifBy is by, and nil if there is no such record.
func (r *resource[T, V]) ifBy(tx storage.ReadTx, index, key string) (*storage.Item[T], error) {
	found, err := r.records.Find(tx, index, key)
	return orNone(&found, err)
}

// ifOf is of, and nil if there is no such record.
func (r *resource[T, V]) ifOf(tx storage.ReadTx, id string) (*storage.Item[T], error) {
	found, err := r.records.Get(tx, id)
	return orNone(&found, err)
}

func orNone[T any](found *storage.Item[T], err error) (*storage.Item[T], error) {
	switch {
	case storage.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return found, nil
}

// ever is the record with an id, living or deleted: for what tells of the past.
func (r *resource[T, V]) ever(tx storage.ReadTx, id string) (storage.Item[T], error) {
	found, err := r.records.Get(tx, id)
	if storage.IsNotFound(err) {
		found, err = r.records.GetDeleted(tx, id)
	}
	return found, r.worded(err)
}

// made is how many records a parent has, or had before they were deleted.
func (r *resource[T, V]) made(tx storage.ReadTx, parent string) (int64, error) {
	living, err := tx.Count(r.records.Kind, parent, false)
	if err != nil {
		return 0, err
	}
	gone, err := tx.Count(r.records.Kind, parent, true)
	return living + gone, err
}

// has reports whether a living record has a key.
func (r *resource[T, V]) has(tx storage.ReadTx, index, key string) (bool, error) {
	_, err := r.records.Find(tx, index, key)
	if storage.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// insert makes a record in what a path leads to.
func (r *resource[T, V]) insert(w *work, value T, in ...uuid.UUID) (storage.Item[T], error) {
	return r.insertAs(w, w.NewID(), value, in...)
}

// insertAs is insert with an id that the caller has drawn.
func (r *resource[T, V]) insertAs(w *work, id string, value T, in ...uuid.UUID) (storage.Item[T], error) {
	parent, err := r.around(w, in)
	if err != nil {
		return storage.Item[T]{}, err
	}
	*authored(&value) = authors{CreatedBy: w.Principal.User, UpdatedBy: w.Principal.User}
	made, err := r.records.Insert(w.Tx, id, parent, value)
	return r.did(w, created, made, err)
}

// upsert makes a record under an id that the client has chosen, or replaces the living
// one that has it; of the zero id, a new one. An id of a record elsewhere is a conflict.
func (r *resource[T, V]) upsert(w *work, id uuid.UUID, value T, in ...uuid.UUID) (storage.Item[T], error) {
	if id == uuid.Nil {
		return r.insert(w, value, in...)
	}
	parent, err := r.around(w, in)
	if err != nil {
		return storage.Item[T]{}, err
	}
	switch found, err := w.Get(r.records.Kind, id.String()); {
	case storage.IsNotFound(err):
		*authored(&value) = authors{CreatedBy: w.Principal.User, UpdatedBy: w.Principal.User}
		made, err := r.records.Insert(w.Tx, id.String(), parent, value)
		return r.did(w, created, made, err)
	case err != nil:
		return storage.Item[T]{}, err
	case found.Parent != parent:
		return storage.Item[T]{}, site.Conflict(r.code+".idTaken", "The id is taken")
	case !found.Living():
		back, err := r.records.Restore(w.Tx, id.String(), func(kept *T) error {
			*kept = value
			return nil
		})
		return r.did(w, restored, back, err)
	default:
		return r.update(w, func(kept *T) error {
			*kept = value
			return nil
		}, append(slices.Clone(in), id)...)
	}
}

// copyAll makes copies of the living records in one place in another.
func (r *resource[T, V]) copyAll(w *work, from, to []uuid.UUID) error {
	parent, err := r.around(w, from)
	if err != nil {
		return err
	}
	return r.records.Each(w, storage.Query{Parent: &parent}, func(item storage.Item[T]) error {
		_, err := r.insert(w, item.Value, to...)
		return err
	})
}

// update changes a record. An error of change is returned as it is.
func (r *resource[T, V]) update(w *work, change func(*T) error, path ...uuid.UUID) (storage.Item[T], error) {
	id, err := r.place(w, path)
	if err != nil {
		return storage.Item[T]{}, err
	}
	changed, err := r.records.Update(w.Tx, id, func(value *T) error {
		by := *authored(value)
		if w.Principal.User != "" {
			by.UpdatedBy = w.Principal.User
		}
		err := change(value)
		*authored(value) = by
		return err
	})
	return r.did(w, updated, changed, err)
}

// delete soft deletes a record, if it may be. What is in it stays as it is, out of
// reach until it is restored.
func (r *resource[T, V]) delete(w *work, path ...uuid.UUID) (storage.Item[T], error) {
	found, err := r.at(w, path...)
	if err == nil && r.deletable != nil {
		err = r.deletable(found.Value)
	}
	if err != nil {
		return found, err
	}
	gone, err := r.records.Delete(w.Tx, found.ID)
	return r.did(w, deleted, gone, err)
}

// restore makes a deleted record live again, after change has given it keys that are
// free. One that lives stays as it is.
func (r *resource[T, V]) restore(w *work, change func(*T) error, path ...uuid.UUID) (storage.Item[T], error) {
	parent, id, err := r.split(w, path)
	if err != nil {
		return storage.Item[T]{}, err
	}
	switch gone, err := r.records.GetDeleted(w, id); {
	case storage.IsNotFound(err):
		return r.at(w, path...)
	case err == nil && gone.Parent != parent:
		return gone, r.notFound()
	case err != nil:
		return gone, err
	}
	back, err := r.records.Restore(w.Tx, id, change)
	return r.did(w, restored, back, err)
}

// page is a page of a list, in the form that the lists of BRMS have.
type page[V any] struct {
	Results  []V
	Paginate brms.Paginate
}

// asked is what a list is asked for.
type asked struct {
	page, perPage *float64
	search        *string // what the index "search" is to contain, without regard to case
	deleted       bool    // lists the deleted instead
	where         []storage.Condition
}

// indexSearch is the index of a resource whose lists can be searched, in lower case.
const indexSearch = "search"

// list is a page of what is in a place, newest first; what is searched is in the order
// of its names.
func (r *resource[T, V]) list(ctx context.Context, a *API, q asked, in ...uuid.UUID) (page[V], error) {
	return r.listWith(ctx, a, q, r.view, in...)
}

// listWith is list with a view of its own.
func (r *resource[T, V]) listWith(ctx context.Context, a *API, q asked, view func(storage.ReadTx, storage.Item[T]) (V, error), in ...uuid.UUID) (page[V], error) {
	paging := newPaging(q.page, q.perPage)
	query := storage.Query{
		Deleted: q.deleted, Descending: true, Offset: paging.offset(), Limit: paging.perPage, Where: q.where,
	}
	if q.search != nil && *q.search != "" {
		query.Index, query.Contains, query.Descending = indexSearch, strings.ToLower(*q.search), false
	}
	return reading(ctx, a, func(tx storage.ReadTx) (listed page[V], err error) {
		parent, err := r.around(tx, in)
		if err != nil {
			return listed, err
		}
		if r.in != nil {
			query.Parent = &parent
		}
		found, err := r.records.List(tx, query)
		if err != nil {
			return listed, err
		}
		listed = page[V]{Results: make([]V, len(found.Items)), Paginate: paging.envelope(len(found.Items), found.Total)}
		for i, item := range found.Items {
			if listed.Results[i], err = view(tx, item); err != nil {
				return listed, err
			}
		}
		return listed, nil
	})
}

// unpaged is a list that has no pages: everything in a place, in the order of insertion.
func (r *resource[T, V]) unpaged(ctx context.Context, a *API, in ...uuid.UUID) ([]V, error) {
	return reading(ctx, a, func(tx storage.ReadTx) ([]V, error) {
		parent, err := r.around(tx, in)
		if err != nil {
			return nil, err
		}
		listed := []V{}
		err = r.records.Each(tx, storage.Query{Parent: &parent}, func(item storage.Item[T]) error {
			view, err := r.view(tx, item)
			listed = append(listed, view)
			return err
		})
		return listed, err
	})
}

// read is the record at the end of a path.
func (r *resource[T, V]) read(ctx context.Context, a *API, path ...uuid.UUID) (V, error) {
	return reading(ctx, a, func(tx storage.ReadTx) (V, error) {
		found, err := r.at(tx, path...)
		return r.seen(tx, found, err)
	})
}

// write is whatever writes one record and answers it.
func (r *resource[T, V]) write(ctx context.Context, a *API, fn func(*work) (storage.Item[T], error)) (V, error) {
	return writing(ctx, a, func(w *work) (V, error) {
		item, err := fn(w)
		return r.seen(w, item, err)
	})
}

func (r *resource[T, V]) seen(tx storage.ReadTx, item storage.Item[T], err error) (view V, _ error) {
	if err != nil {
		return view, err
	}
	return r.view(tx, item)
}

// add is insert, as an operation of its own.
func (r *resource[T, V]) add(ctx context.Context, a *API, value T, in ...uuid.UUID) (V, error) {
	return r.write(ctx, a, func(w *work) (storage.Item[T], error) { return r.insert(w, value, in...) })
}

// change is update, as an operation of its own.
func (r *resource[T, V]) change(ctx context.Context, a *API, change func(*T) error, path ...uuid.UUID) (V, error) {
	return r.write(ctx, a, func(w *work) (storage.Item[T], error) { return r.update(w, change, path...) })
}

// remove is delete, as an operation of its own.
func (r *resource[T, V]) remove(ctx context.Context, a *API, path ...uuid.UUID) error {
	_, err := writing(ctx, a, func(w *work) (storage.Item[T], error) { return r.delete(w, path...) })
	return err
}

// only is the id of the one record that there is; "" if there is none, or several.
func (r *resource[T, V]) only(tx storage.ReadTx) (string, error) {
	page, err := r.records.List(tx, storage.Query{Limit: 2})
	if err != nil || len(page.Items) != 1 {
		return "", err
	}
	return page.Items[0].ID, nil
}
