package quota

import (
	"context"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// reading is a transaction that ends when it has read much for a small request.
type reading struct {
	storage.ReadTx

	store *Store
	ctx   context.Context //nolint:containedctx // that of the transaction
	bytes int
}

func (r *reading) read(bytes int) error {
	if r.bytes += bytes; r.bytes > site.Large && !site.Enlarged(r.ctx) {
		return site.ErrLarge
	}
	return nil
}

// Blob implements [storage.ReadTx].
func (r *reading) Blob(hash string) ([]byte, error) {
	if r.store.isLarge(hash) && !site.Enlarged(r.ctx) {
		return nil, site.ErrLarge // without reading it
	}
	content, err := r.ReadTx.Blob(hash)
	if err == nil {
		if len(content) > site.Large {
			r.store.noteLarge(hash)
		}
		err = r.read(len(content))
	}
	return content, err
}

// maxNoted is how many large contents are known by their hashes.
const maxNoted = 4096

func (s *Store) isLarge(hash string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, large := s.large[hash]
	return large
}

func (s *Store) noteLarge(hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.large == nil || len(s.large) >= maxNoted {
		s.large = map[string]struct{}{}
	}
	s.large[hash] = struct{}{}
}

// List implements [storage.ReadTx].
func (r *reading) List(kind string, q storage.Query) (storage.Page, error) {
	page, err := r.ReadTx.List(kind, q)
	if err == nil {
		bytes := 0
		for i := range page.Records {
			bytes += len(page.Records[i].Body)
		}
		err = r.read(bytes)
	}
	return page, err
}

// counting is a transaction that looks at the bounds when it writes.
type counting struct {
	storage.Tx

	store   *Store
	name    string
	place   *place // of its workspace; nil if it needed none
	bytes   int64  // that are reserved for what it wrote
	wrote   bool
	cleared bool
	refused error // whatever its function makes of that
}

// begin is called by each run of the transaction's function.
func (c *counting) begin(tx storage.Tx) {
	c.store.release(c)
	*c = counting{Tx: tx, store: c.store, name: c.name, place: c.place}
}

// enter returns an error if the workspace is a new one and there must be no more.
func (c *counting) enter(op string) error {
	if !c.store.enter(c, true) {
		return full(op, "The server holds %d workspaces, the most that it may (--workspaces): use one of those, or reset some.", c.store.limits.Workspaces)
	}
	return nil
}

// admit writes what takes so many bytes at least, and returns an error, with which the
// transaction ends, if so much must not be kept.
func (c *counting) admit(op string, records, least int64, write func() error) error {
	if c.refused != nil {
		return c.refused
	}
	if err := c.enter(op); err != nil {
		return err
	}
	before, err := c.Usage()
	if err != nil {
		return err
	}
	l := &c.store.limits
	beyond := func(held storage.Usage) error {
		switch {
		case held.Bytes > max(before.Bytes, l.WorkspaceBytes):
			return full(op, "The workspace is full: it may hold %d MiB (--workspace-bytes). Reset it, or use another.", l.WorkspaceBytes>>20)
		case held.Records > max(before.Records, l.WorkspaceRecords):
			return full(op, "The workspace is full: it may hold %d records. Reset it, or use another.", l.WorkspaceRecords)
		}
		return nil
	}
	if err := beyond(storage.Usage{Records: before.Records + records, Bytes: before.Bytes + least}); err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	after, err := c.Usage()
	if err != nil {
		return err
	}
	c.wrote = true
	if c.refused = beyond(after); c.refused == nil && after.Bytes > before.Bytes && !c.store.reserve(c, after.Bytes-before.Bytes) {
		c.refused = full(op, "The store is full: it may take %d MiB (--store-bytes).", l.StoreBytes>>20)
	}
	return c.refused
}

// Insert implements [storage.Tx].
func (c *counting) Insert(r storage.Record, keys []storage.Key) (inserted storage.Record, err error) {
	err = c.admit("insert", 1, int64(len(r.Body)), func() (err error) {
		inserted, err = c.Tx.Insert(r, keys)
		return err
	})
	return inserted, err
}

// Put implements [storage.Tx]. What is deleted may always be.
func (c *counting) Put(r storage.Record, keys []storage.Key) (put storage.Record, err error) {
	if !r.Living() {
		return c.Tx.Put(r, keys)
	}
	err = c.admit("put", 0, 0, func() (err error) {
		put, err = c.Tx.Put(r, keys)
		return err
	})
	return put, err
}

// PutBlob implements [storage.Tx]. What is there already takes no more.
func (c *counting) PutBlob(content []byte) (hash string, err error) {
	err = c.admit("put blob", 0, 0, func() (err error) {
		hash, err = c.Tx.PutBlob(content)
		return err
	})
	if err == nil && len(content) > site.Large {
		c.store.noteLarge(hash)
	}
	return hash, err
}

// SetSettings implements [storage.Tx].
func (c *counting) SetSettings(settings storage.Settings) error {
	if len(settings.Data) > SettingsBytes {
		return full("set settings", "The faults and other settings of a workspace may take %d MiB in all.", SettingsBytes>>20)
	}
	err := c.enter("set settings")
	if err == nil {
		err = c.Tx.SetSettings(settings)
	}
	c.wrote = c.wrote || err == nil
	return err
}

// Clear implements [storage.Tx].
func (c *counting) Clear() error {
	c.store.enter(c, false)
	err := c.Tx.Clear()
	if err == nil {
		c.cleared, c.wrote = true, false
	}
	return err
}

// CopyFrom implements [storage.Tx].
func (c *counting) CopyFrom(from storage.Tx) error {
	err := c.enter("copy")
	if err == nil {
		err = c.Tx.CopyFrom(inner(from))
	}
	c.wrote = c.wrote || err == nil
	return err
}

// free is a transaction on a workspace of the server's own.
type free struct{ storage.Tx }

// CopyFrom implements [storage.Tx].
func (f free) CopyFrom(from storage.Tx) error { return f.Tx.CopyFrom(inner(from)) }

// inner is the store's transaction.
func inner(tx storage.Tx) storage.Tx {
	switch tx := tx.(type) {
	case *counting:
		return tx.Tx
	case free:
		return tx.Tx
	}
	return tx
}
