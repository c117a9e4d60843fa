package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/postgres"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// thing is a record of about 400 bytes with two keys, like an integration.
type thing struct {
	Name   string            `json:"name"`
	Slug   string            `json:"slug"`
	Note   string            `json:"note"`
	Config map[string]string `json:"config"`
}

// storeUncached is SQLite on a file without the cache of records, which only the
// storage can be told.
const storeUncached = "uncached"

const indexName = "name"

var things = storage.Collection[thing]{
	Kind:    "thing",
	Indexes: []storage.Index{{Name: indexName, Searched: true}, {Name: "slug"}},
	Keys: func(m storage.Meta, v thing) []storage.Key {
		return []storage.Key{
			{Index: indexName, Value: v.Name},
			{Index: "slug", Value: m.Parent + "\x00" + v.Slug, Unique: true},
		}
	},
}

func thingNumber(n int) thing {
	s := fmt.Sprintf("%07d", n)
	return thing{
		Name: "Thing number " + s, Slug: "thing-" + s,
		Note: strings.Repeat("A note of a length that people write. ", 4),
		Config: map[string]string{
			"url": "https://example.com/api/v1/" + s, "account": "account-" + s,
			"project": "the project that it belongs to", "region": "eu-central-1",
		},
	}
}

// idOf is the id of a thing: it comes at random, as ids do.
func idOf(n int) string {
	return uuid.NewSHA1(uuid.Nil, []byte(strconv.Itoa(n))).String()
}

// draw is a number below n.
func draw(n int) int { return rand.N(n) } //nolint:gosec // it spreads reads, it hides nothing

func parentOf(n int) string { return "parent-" + strconv.Itoa(n%2) }

const (
	// pageSize is such that a page is full at every size, of one of two parents too.
	pageSize = 5
	// hot is how many are read again and again, and all is more than there are.
	hot, all = 10, 1 << 30
	// inBatch is how many records are inserted, and together how many workspaces are
	// filled, in one update.
	inBatch  = 1000
	together = 50
	// perWorkspace is how many records a workspace has where the workspaces grow.
	perWorkspace = 10
	// reads and writes is how often an operation runs in one round.
	reads, writes = 100, 32
)

func openStore(ctx context.Context, where string) (storage.Store, error) {
	switch kind, path, _ := strings.Cut(where, ":"); kind {
	case "memory", "sqlite":
		return sqlite.Open(ctx, sqlite.Options{Path: path})
	case storeUncached:
		return sqlite.Open(ctx, sqlite.Options{Path: path, CacheBytes: 1})
	}
	return postgres.Open(ctx, postgres.Options{DSN: where})
}

// fillThings puts records into a workspace.
func fillThings(ctx context.Context, s storage.Store, workspace string, size int) error {
	for done := 0; done < size; done += inBatch {
		err := s.Update(ctx, workspace, func(tx storage.Tx) error {
			for n := done; n < min(size, done+inBatch); n++ {
				if _, err := things.Insert(tx, idOf(n), parentOf(n), thingNumber(n)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// storageRecords is a workspace of a size.
func storageRecords(ctx context.Context, where string, size int) (*bed, error) {
	s, err := openStore(ctx, where)
	if err != nil {
		return nil, err
	}
	if err := fillThings(ctx, s, "w", size); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &bed{operations: storageOperations(ctx, s, func(int) string { return "w" }, size), close: s.Close}, nil
}

// storageWorkspaces is as many workspaces, each with the same few records.
func storageWorkspaces(ctx context.Context, where string, size int) (*bed, error) {
	s, err := openStore(ctx, where)
	if err != nil {
		return nil, err
	}
	name := func(n int) string { return fmt.Sprintf("workspace-%06d", n) }
	// None is a copy, which shares what it holds and looks in two places.
	for done := 0; done < size; done += together {
		var names []string
		for n := done; n < min(size, done+together); n++ {
			names = append(names, name(n))
		}
		err := s.UpdateAll(ctx, names, func(all []storage.Tx) error {
			for _, tx := range all {
				for n := range perWorkspace {
					if _, err := things.Insert(tx, idOf(n), parentOf(n), thingNumber(n)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	pick := func(among int) string { return name(draw(min(among, size))) }
	return &bed{operations: storageOperations(ctx, s, pick, perWorkspace), close: s.Close}, nil
}

// storageOperations are measured on workspaces that hold so many things each; pick
// draws one of them.
func storageOperations(ctx context.Context, s storage.Store, pick func(among int) string, size int) []operation {
	list := func(name string, q storage.Query, want func(storage.ItemPage[thing]) bool) operation {
		return operation{name: name, times: reads, run: func(int) error {
			return s.View(ctx, pick(all), func(tx storage.ReadTx) error {
				page, err := things.List(tx, q)
				if err == nil && !want(page) {
					err = fmt.Errorf("a page of %d of %d", len(page.Items), page.Total)
				}
				return err
			})
		}}
	}
	whole := func(total int) func(storage.ItemPage[thing]) bool {
		return func(p storage.ItemPage[thing]) bool {
			return p.Total == int64(total) && len(p.Items) == min(total, pageSize)
		}
	}
	child, children := new(parentOf(1)), size/2
	return append(storageChanges(ctx, s, pick, size),
		list("first page", storage.Query{Descending: true, Limit: pageSize}, whole(size)),
		list("first page, by index", storage.Query{Index: indexName, Limit: pageSize}, whole(size)),
		list("first page, of a parent", storage.Query{Parent: child, Descending: true, Limit: pageSize}, whole(children)),
		list("first page, of a parent, by index", storage.Query{Parent: child, Index: indexName, Limit: pageSize}, whole(children)),
		list("search", storage.Query{Index: indexName, Contains: "number 0000003", Limit: pageSize}, whole(1)),
	)
}

func storageChanges(ctx context.Context, s storage.Store, pick func(among int) string, size int) []operation {
	next := size
	type made struct {
		workspace string
		n         int
	}
	var touched []made
	begin := func() {
		touched = touched[:0]
		for range writes {
			touched = append(touched, made{pick(all), next})
			next++
		}
	}
	update := func(i int, do func(storage.Tx, int) error) error {
		return s.Update(ctx, touched[i].workspace, func(tx storage.Tx) error { return do(tx, touched[i].n) })
	}
	create := func(i int) error {
		return update(i, func(tx storage.Tx, n int) error {
			_, err := things.Insert(tx, idOf(n), parentOf(n), thingNumber(n))
			return err
		})
	}
	each := func(do func(i int) error) (err error) {
		for i := range touched {
			if err == nil {
				err = do(i)
			}
		}
		return err
	}
	purge := func() error {
		return each(func(i int) error {
			return update(i, func(tx storage.Tx, n int) error { return tx.Purge(things.Kind, idOf(n)) })
		})
	}
	// How many of any records the cache holds depends on how many there are.
	get := func(name string, apart bool, among int) operation {
		return operation{name: name, apart: apart, times: reads, run: func(int) error {
			return s.View(ctx, pick(among), func(tx storage.ReadTx) error {
				_, err := things.Get(tx, idOf(draw(min(among, size))))
				return err
			})
		}}
	}
	return []operation{
		get("get, one of ten", false, hot),
		get("get, any", true, all),
		{
			name: "create", times: writes,
			before: func() error {
				begin()
				return nil
			},
			run: create, after: purge,
		},
		{
			name: "delete", times: writes,
			before: func() error {
				begin()
				return each(create)
			},
			run: func(i int) error {
				return update(i, func(tx storage.Tx, n int) error {
					_, err := things.Delete(tx, idOf(n))
					return err
				})
			},
			after: purge,
		},
	}
}
