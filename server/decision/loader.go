package decision

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
)

// ErrNotFound is what a [Loader] returns, wrapped or not, where it has no decision
// for a key. Any other error counts as its own failure.
var ErrNotFound = errors.New("decision not found")

// A Loader finds decisions by key: those that decision nodes and function nodes
// refer to, and those of [Engine.EvaluateKey]. It is called by many goroutines at
// once, and each time: it gives out decisions that are compiled already, see
// [Cache].
type Loader interface {
	Load(ctx context.Context, key string) (*Decision, error)
}

// A LoaderFunc is a function that is a [Loader].
type LoaderFunc func(ctx context.Context, key string) (*Decision, error)

// Load calls the function.
func (f LoaderFunc) Load(ctx context.Context, key string) (*Decision, error) { return f(ctx, key) }

// A MapLoader is a [Loader] that has its decisions by key.
type MapLoader map[string]*Decision

// Load returns the decision with a key.
func (m MapLoader) Load(_ context.Context, key string) (*Decision, error) {
	if d, ok := m[key]; ok {
		return d, nil
	}
	return nil, ErrNotFound
}

// load asks the engine's loader and words its errors as the reference does.
func (e *Engine) load(ctx context.Context, key string) (*Decision, *Error) {
	if e.loader == nil {
		return nil, &Error{Kind: KindLoader, Key: key, Source: "Loader is no-op"}
	}
	d, err := e.loader.Load(ctx, key)
	var own *Error
	switch {
	case err == nil && d != nil:
		return d, nil
	case err == nil || errors.Is(err, ErrNotFound):
		return nil, &Error{Kind: KindLoader, Key: key, cause: err}
	case errors.As(err, &own) && own.Kind == KindContentKind:
		return nil, policyError(key)
	default:
		return nil, &Error{Kind: KindLoader, Key: key, Source: err.Error(), cause: err}
	}
}

// A Cache compiles documents, each content once, and keeps those that were used
// last. It may be used by many goroutines at once.
type Cache struct {
	limits Limits
	bytes  int

	compiling sync.Mutex // of large documents

	mu      sync.Mutex
	entries map[[sha256.Size]byte]*cacheEntry
	// Used least recently first; the sentinel's next is the oldest.
	sentinel cacheEntry
	held     int
}

type cacheEntry struct {
	prev, next *cacheEntry
	hash       [sha256.Size]byte
	size       int

	once     sync.Once
	data     []byte // until it is compiled
	decision *Decision
	err      error
}

// NewCache returns a cache for decisions of that many bytes together, see
// [Decision.Size].
func NewCache(bytes int, limits Limits) *Cache {
	c := &Cache{limits: limits, bytes: bytes, entries: map[[sha256.Size]byte]*cacheEntry{}}
	c.sentinel.prev, c.sentinel.next = &c.sentinel, &c.sentinel
	return c
}

// Parse returns the decision that a document describes, as [Parse] does.
func (c *Cache) Parse(data []byte) (*Decision, error) {
	return c.parse(sha256.Sum256(data), data)
}

func (c *Cache) parse(hash [sha256.Size]byte, data []byte) (*Decision, error) {
	c.mu.Lock()
	entry, ok := c.entries[hash]
	if ok {
		entry.unlink()
	} else {
		entry = &cacheEntry{hash: hash, data: data}
		c.entries[hash] = entry
	}
	entry.prev, entry.next = c.sentinel.prev, &c.sentinel
	entry.prev.next, entry.next.prev = entry, entry
	c.mu.Unlock()
	return c.compiled(entry)
}

// largeDocument is from how many bytes on documents are compiled one at a time.
const largeDocument = 64 << 10

// compiled is the decision of an entry, compiled by whoever needs it first.
func (c *Cache) compiled(e *cacheEntry) (*Decision, error) {
	e.once.Do(func() {
		size := len(e.data)
		if size > largeDocument {
			c.compiling.Lock()
			defer c.compiling.Unlock()
		}
		e.decision, e.err = ParseLimited(e.data, c.limits)
		e.data = nil
		if e.err == nil {
			size = e.decision.Size()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.entries[e.hash] != e {
			return
		}
		e.size = size + entrySize
		c.held += e.size
		for c.held > c.bytes {
			oldest := c.sentinel.next
			oldest.unlink()
			delete(c.entries, oldest.hash)
			c.held -= oldest.size
		}
	})
	return e.decision, e.err
}

// entrySize is what an entry takes besides its decision.
const entrySize = 256

func (e *cacheEntry) unlink() { e.prev.next, e.next.prev = e.next, e.prev }
