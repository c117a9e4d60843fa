package contract

import "sync"

// Recent keeps the newest exchanges that broke the contract, in memory.
type Recent struct {
	mu   sync.Mutex
	ring []*Exchange
	next int
	byID map[string]*Exchange
}

// defaultRecent is how many exchanges a Recent keeps if not told otherwise.
const defaultRecent = 1000

// NewRecent makes a list of at most size exchanges; 0 for the default.
func NewRecent(size int) *Recent {
	if size <= 0 {
		size = defaultRecent
	}
	return &Recent{ring: make([]*Exchange, size), byID: make(map[string]*Exchange, size)}
}

// Record keeps the exchange if it has a violation or failed.
func (l *Recent) Record(x *Exchange) {
	if len(x.Explained) == 0 && x.Err == nil && x.Status < 400 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.ring[l.next]; old != nil {
		delete(l.byID, old.ID)
	}
	l.ring[l.next] = x
	l.byID[x.ID] = x
	l.next = (l.next + 1) % len(l.ring)
}

// Get finds an exchange of a workspace; nil if it is not kept. Exchanges without
// a caller belong to the workspace "".
func (l *Recent) Get(workspace, id string) *Exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	if x := l.byID[id]; x != nil && (x.Workspace == workspace || x.Workspace == "") {
		return x
	}
	return nil
}
