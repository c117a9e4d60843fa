package sqlite

import (
	"sync"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// ref names one thing that can be cached: a record, a counter, the number of a
// workspace, or where a key leads.
type ref struct {
	class     class
	workspace int64
	a, b      string
}

type class uint8

const (
	ofRecord    class = iota // a kind, b id: *book.Stored, nil if there is none
	ofCounter                // a kind, b name: counted
	ofWorkspace              // a name: *space
	ofKey                    // a kind, b index, 0 byte, value: hint
)

// hint is the id of the record that had a unique key when it was looked for last. It may
// be past: whoever follows it asks the record, of which the cache knows the present.
type hint string

// space is a row of the workspace table, with the number 0 if there is none. It
// is never modified.
type space struct {
	number int64 // names what is known of the workspace here
	// layers are those in which its contents lie, the newest first. Only the newest is
	// written to, and it is no other workspace's.
	layers   []int64
	blank    bool // nothing lies in the newest yet
	settings storage.Settings
}

// layered reports whether there is more than one layer.
func (s *space) layered() bool { return len(s.layers) > 1 }

// top is the layer that is written to.
func (s *space) top() int64 { return s.layers[0] }

// seen are the layers that are read.
func (s *space) seen() []int64 {
	if s.blank && s.layered() {
		return s.layers[1:]
	}
	return s.layers
}

// counted is a counter as it is kept in memory.
type counted struct {
	book.Counter

	layer int64 // in which it is to be written; means something only while it is not
}

// cache is an LRU over committed state, bounded by bytes, and exact: its
// contents equal the database at one generation, which grows with every commit.
// A reader names the generation of its snapshot and misses if that is past.
//
// It has two rings: what nobody has asked for again since it was written or first read is
// in a small one, so that a minute of writes, of which little is ever read, neither fills
// the memory nor drives out what is.
type cache struct {
	mu         sync.Mutex
	generation uint64
	items      map[ref]*cached
	fresh      ring
	kept       ring
}

// ring is a list of items, newest.next the most recently used.
type ring struct {
	newest cached // sentinel
	size   int
	limit  int
	linked int // bytes that ever came to be the most recently used
}

type cached struct {
	ref        ref
	value      any
	size       int
	at         int // linked of the ring when this was
	in         *ring
	prev, next *cached
}

func newCache(limit int) *cache {
	c := &cache{items: map[ref]*cached{}}
	c.fresh.limit = limit / 8
	c.kept.limit = limit - c.fresh.limit
	for _, r := range []*ring{&c.fresh, &c.kept} {
		r.newest.prev, r.newest.next = &r.newest, &r.newest
	}
	return c
}

func (c *cache) now() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

func (c *cache) get(generation uint64, r ref) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return nil, false
	}
	i := c.items[r]
	if i == nil {
		return nil, false
	}
	c.use(i)
	return i.value, true
}

// use makes an item, which is asked for again, one of the most recently used. Those that
// every request asks for are not moved past each other.
func (c *cache) use(i *cached) {
	if i.in == &c.kept && c.kept.linked-i.at < c.kept.limit/8 {
		return
	}
	i.move(&c.kept)
	for c.kept.size > c.kept.limit {
		c.kept.newest.prev.move(&c.fresh)
	}
	c.shrink()
}

func (c *cache) shrink() {
	for c.fresh.size > c.fresh.limit {
		c.drop(c.fresh.newest.prev)
	}
}

// settings puts the settings of workspaces into out. They are of one generation;
// if one of them is not here, it reports false.
func (c *cache) settings(workspaces []string, out []storage.Settings) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, name := range workspaces {
		i := c.items[ref{class: ofWorkspace, a: name}]
		if i == nil {
			return false
		}
		c.use(i)
		s, _ := i.value.(*space)
		out[n] = s.settings
	}
	return true
}

// learn keeps what was read from a snapshot, unless a commit has passed it.
func (c *cache) learn(generation uint64, r ref, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation == generation {
		c.set(r, value)
	}
}

// apply makes the changes of a commit visible and ends the generation. Of a record that
// is no more it keeps nothing: it is seldom asked for.
func (c *cache) apply(changes map[ref]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	for r, v := range changes {
		if s, isRecord := v.(*book.Stored); !isRecord || s != nil {
			c.set(r, v)
		} else if i := c.items[r]; i != nil {
			c.drop(i)
		}
	}
}

func (c *cache) set(r ref, value any) {
	i := c.items[r]
	in := &c.fresh
	if i == nil {
		i = &cached{ref: r}
		c.items[r] = i
	} else {
		in = i.in
		i.unlink()
	}
	i.value, i.size = value, sizeOf(r, value)
	i.link(in)
	if i.size > c.fresh.limit { // would push out too much of everything else
		c.drop(i)
	}
	for c.kept.size > c.kept.limit {
		c.kept.newest.prev.move(&c.fresh)
	}
	c.shrink()
}

func (c *cache) drop(i *cached) {
	if c.items[i.ref] != i {
		return
	}
	i.unlink()
	delete(c.items, i.ref)
}

func (i *cached) move(to *ring) {
	i.unlink()
	i.link(to)
}

func (i *cached) unlink() {
	i.prev.next, i.next.prev = i.next, i.prev
	i.in.size -= i.size
}

func (i *cached) link(in *ring) {
	after := &in.newest
	i.prev, i.next = after, after.next
	i.prev.next, i.next.prev = i, i
	i.in = in
	in.size += i.size
	in.linked += i.size
	i.at = in.linked
}

// sizeOf estimates what an item holds, overhead of the map and ring included.
func sizeOf(r ref, value any) int {
	n := 256 + len(r.a) + len(r.b)
	switch v := value.(type) {
	case *book.Stored:
		if v == nil {
			break
		}
		n += 256 + len(v.Parent) + 2*cap(v.Body) // the body, and what it is decoded to
		for _, k := range v.Keys {
			n += 48 + len(k.Index) + len(k.Value)
		}
	case hint:
		n += len(v)
	case *space:
		n += 128 + len(v.settings.Data) + 8*len(v.layers)
	}
	return n
}
