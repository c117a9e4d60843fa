package value

import "slices"

// linearMembers is the number of members up to which a key is found by looking
// at each: measured, an index costs more than it saves below.
const linearMembers = 8

var emptyMap Map

type member struct {
	key   string
	value Value
}

// Map is an object's members in the order in which their keys came first.
// Building one is for a single goroutine; once a [Value] that others see holds
// it, it is never changed again.
type Map struct {
	members []member
	index   map[string]int // of more than linearMembers, unless sorted
	sorted  bool           // by key: read from JSON
}

// NewMap returns a map with room for n members.
func NewMap(n int) *Map {
	// Most objects are small: one with its members is a single allocation.
	switch {
	case n <= 0:
		return &Map{}
	case n <= 2:
		m := &struct {
			Map
			room [2]member
		}{}
		m.members = m.room[:0]
		return &m.Map
	case n <= 4:
		m := &struct {
			Map
			room [4]member
		}{}
		m.members = m.room[:0]
		return &m.Map
	case n <= 8:
		m := &struct {
			Map
			room [8]member
		}{}
		m.members = m.room[:0]
		return &m.Map
	default:
		return &Map{members: make([]member, 0, n)}
	}
}

// Len returns the number of members.
func (m *Map) Len() int { return len(m.members) }

// At returns member i, in order; i must be in [0, Len()).
func (m *Map) At(i int) (string, Value) { return m.members[i].key, m.members[i].value }

func (m *Map) find(key string) int {
	switch {
	case len(m.members) <= linearMembers:
		for i := range m.members {
			if m.members[i].key == key {
				return i
			}
		}
		return -1
	case m.index != nil:
		if i, ok := m.index[key]; ok {
			return i
		}
		return -1
	}
	low, high := 0, len(m.members)
	for low < high {
		if middle := (low + high) / 2; m.members[middle].key < key {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(m.members) && m.members[low].key == key {
		return low
	}
	return -1
}

// Get returns the member with a key.
func (m *Map) Get(key string) (Value, bool) {
	if i := m.find(key); i >= 0 {
		return m.members[i].value, true
	}
	return Value{}, false
}

// Set gives a member a value; a new key comes last.
func (m *Map) Set(key string, v Value) {
	if i := m.find(key); i >= 0 {
		m.members[i].value = v
		return
	}
	n := len(m.members)
	m.sorted = m.sorted && (n == 0 || m.members[n-1].key < key)
	m.members = append(m.members, member{key, v})
	if m.index != nil {
		m.index[key] = n
	} else {
		m.reindex()
	}
}

// reindex makes the index if the map needs one.
func (m *Map) reindex() {
	m.index = nil
	if len(m.members) <= linearMembers || m.sorted {
		return
	}
	m.index = make(map[string]int, cap(m.members))
	for i := range m.members {
		m.index[m.members[i].key] = i
	}
}

// Delete removes the member with a key, if there is one; the others keep their
// order.
func (m *Map) Delete(key string) {
	if m.find(key) >= 0 {
		m.deleteFunc(func(k string) bool { return k == key })
	}
}

func (m *Map) deleteFunc(del func(key string) bool) {
	m.members = slices.DeleteFunc(m.members, func(e member) bool { return del(e.key) })
	m.reindex()
}

// Clone returns a map of its own with the same members; the values are shared.
func (m *Map) Clone() *Map { return m.cloneFor(0) }

// cloneFor is Clone with room for more members.
func (m *Map) cloneFor(extra int) *Map {
	c := NewMap(len(m.members) + extra)
	c.members, c.sorted = append(c.members, m.members...), m.sorted
	c.reindex()
	return c
}

// Keys returns the keys in order.
func (m *Map) Keys() []string {
	keys := make([]string, len(m.members))
	for i := range m.members {
		keys[i] = m.members[i].key
	}
	return keys
}
