package zen

import (
	"container/list"
	"sync"
)

// Cache keeps compiled programs by their text and mode, those that were refused
// included. It is safe for concurrent use. The least recently used go first when
// it is full; programs in use are not touched by that.
type Cache struct {
	opts []Option
	max  int

	mu    sync.Mutex
	bytes int
	known map[cacheKey]*list.Element
	order *list.List // the most recently used first
}

type cacheKey struct {
	source string
	unary  bool
}

type cacheEntry struct {
	key     cacheKey
	program *Program
	err     error
}

// DefaultCacheBytes is how many bytes of source a [Cache] keeps programs of.
const DefaultCacheBytes = 4 << 20

// NewCache returns a cache of programs with so many bytes of source in all;
// 0 stands for [DefaultCacheBytes].
func NewCache(bytes int, opts ...Option) *Cache {
	if bytes <= 0 {
		bytes = DefaultCacheBytes
	}
	return &Cache{opts: opts, max: bytes, known: map[cacheKey]*list.Element{}, order: list.New()}
}

// Compile is [Compile], done once per text.
func (c *Cache) Compile(source string) (*Program, error) { return c.get(cacheKey{source, false}) }

// CompileUnary is [CompileUnary], done once per text.
func (c *Cache) CompileUnary(source string) (*Program, error) { return c.get(cacheKey{source, true}) }

// cacheOverhead is what an entry counts besides its source.
const cacheOverhead = 64

func (c *Cache) get(key cacheKey) (*Program, error) {
	c.mu.Lock()
	if at, ok := c.known[key]; ok {
		c.order.MoveToFront(at)
		entry, _ := at.Value.(*cacheEntry)
		c.mu.Unlock()
		return entry.program, entry.err
	}
	c.mu.Unlock()

	entry := &cacheEntry{key: key}
	entry.program, entry.err = compile(key.source, key.unary, c.opts)
	size := len(key.source) + cacheOverhead
	if size > c.max/4 {
		return entry.program, entry.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.known[key]; !ok {
		c.known[key] = c.order.PushFront(entry)
		c.bytes += size
	}
	for c.bytes > c.max {
		last := c.order.Back()
		old, _ := c.order.Remove(last).(*cacheEntry)
		delete(c.known, old.key)
		c.bytes -= len(old.key.source) + cacheOverhead
	}
	return entry.program, entry.err
}
