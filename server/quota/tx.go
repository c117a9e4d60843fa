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

// counting is a transaction that looks at the bounds before it writes.
type counting struct {
	storage.Tx

	store   *Store
	name    string
	bytes   int64 // that were written
	wrote   bool
	cleared bool
	took    bool // the place of a workspace, see Store.room
}

// begin is called by each run of the transaction's function.
func (c *counting) begin(tx storage.Tx) {
	*c = counting{Tx: tx, store: c.store, name: c.name, took: c.took}
}

func sizeOf(r storage.Record, keys []storage.Key) int64 {
	n := len(r.Body)
	for _, k := range keys {
		n += len(k.Index) + len(k.Value)
	}
	return int64(n)
}

// admit returns an error if so much more must not be written. replaced gives how many
// bytes go for it; nil for none.
func (c *counting) admit(op string, records, bytes int64, replaced func() int64) error {
	l := &c.store.limits
	ok, taken := c.store.room(c)
	if !ok && !c.wrote {
		return full(op, "The server holds %d workspaces, the most that it may (--workspaces): use one of those, or reset some.", l.Workspaces)
	}
	held, err := c.Usage()
	if err != nil {
		return err
	}
	if bytes > 0 && held.Bytes+bytes > l.WorkspaceBytes && (replaced == nil || held.Bytes+bytes-replaced() > l.WorkspaceBytes) {
		return full(op, "The workspace is full: it may hold %d MiB (--workspace-bytes). Reset it, or use another.", l.WorkspaceBytes>>20)
	}
	if held.Records+records > l.WorkspaceRecords {
		return full(op, "The workspace is full: it may hold %d records. Reset it, or use another.", l.WorkspaceRecords)
	}
	if bytes > 0 && taken+c.bytes+bytes > l.StoreBytes {
		return full(op, "The store is full: it may take %d MiB (--store-bytes).", l.StoreBytes>>20)
	}
	c.wrote = true
	c.bytes += bytes
	return nil
}

// Insert implements [storage.Tx].
func (c *counting) Insert(r storage.Record, keys []storage.Key) (storage.Record, error) {
	if err := c.admit("insert", 1, sizeOf(r, keys), nil); err != nil {
		return storage.Record{}, err
	}
	return c.Tx.Insert(r, keys)
}

// Put implements [storage.Tx]. What is deleted may always be.
func (c *counting) Put(r storage.Record, keys []storage.Key) (storage.Record, error) {
	if r.Living() {
		if err := c.admit("put", 0, sizeOf(r, keys), func() int64 {
			old, err := c.Get(r.Kind, r.ID)
			if err != nil { // Put tells
				return 0
			}
			return int64(len(old.Body))
		}); err != nil {
			return storage.Record{}, err
		}
	}
	return c.Tx.Put(r, keys)
}

// PutBlob implements [storage.Tx].
func (c *counting) PutBlob(content []byte) (string, error) {
	if err := c.admit("put blob", 0, int64(len(content)), nil); err != nil {
		return "", err
	}
	hash, err := c.Tx.PutBlob(content)
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
	if err := c.admit("set settings", 0, 0, nil); err != nil {
		return err
	}
	return c.Tx.SetSettings(settings)
}

// Clear implements [storage.Tx].
func (c *counting) Clear() error {
	err := c.Tx.Clear()
	if err == nil {
		c.cleared, c.wrote = true, false
	}
	return err
}

// CopyFrom implements [storage.Tx].
func (c *counting) CopyFrom(from storage.Tx) error {
	if err := c.admit("copy", 0, 0, nil); err != nil {
		return err
	}
	return c.Tx.CopyFrom(inner(from))
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
