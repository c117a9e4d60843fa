package storage

import (
	"context"
	"sync"
)

// Opener opens the store at an address, which is worded as the driver's kind of database
// words it.
type Opener func(ctx context.Context, address string, o Options) (Store, error)

var openers struct {
	mutex sync.RWMutex
	of    map[string]Opener
}

// Register makes a driver known by the kind of database it is for, such as "postgres". It
// is called from init functions. Of two drivers for one kind the later counts.
func Register(kind string, open Opener) {
	openers.mutex.Lock()
	defer openers.mutex.Unlock()
	if openers.of == nil {
		openers.of = map[string]Opener{}
	}
	openers.of[kind] = open
}

// Driver gives the driver of a kind of database; false if none was registered.
func Driver(kind string) (open Opener, known bool) {
	openers.mutex.RLock()
	defer openers.mutex.RUnlock()
	open, known = openers.of[kind]
	return open, known
}
