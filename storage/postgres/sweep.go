package postgres

import "sync"

type deep struct {
	mu    sync.Mutex
	names []string
}

func (d *deep) add(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names = append(d.names, names...)
}

func (s *Store) sweepAll() { <-s.ending }
