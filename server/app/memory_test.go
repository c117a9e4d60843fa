package app

import "testing"

// What servers bound while they run is as it was when the last of them ended, in
// whatever order they do.
func TestBoundEndsWithServers(t *testing.T) {
	const found = 1 << 40
	limit := int64(found)
	bound := &memoryBound{set: func(to int64) int64 {
		before := limit
		if to >= 0 {
			limit = to
		}
		return before
	}}
	now := func() int64 {
		bound.Lock() // since a collection may meanwhile follow
		defer bound.Unlock()
		return limit
	}
	for range 2 {
		first, second := &governor{bound: bound}, &governor{bound: bound}
		first.begin()
		second.begin()
		first.end()
		if now() == found {
			t.Error("no bound while a server runs")
		}
		if first.follow() || !second.follow() {
			t.Error("a server that ended follows, or one that runs does not")
		}
		second.end()
		if now() != found {
			t.Errorf("a bound of %d bytes is left; it was %d", now(), int64(found))
		}
	}
}
