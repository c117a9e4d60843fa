package app

import (
	"runtime"
	"testing"
)

// What servers set of the collector while they run is as it was when the last of them
// ended, in whatever order they do; what the environment sets stays.
func TestCollectorIsLeftAsItWas(t *testing.T) {
	const foundLimit, foundPercent = 1 << 40, 150
	limit, percent := int64(foundLimit), foundPercent
	c := &collector{
		setLimit: func(to int64) int64 {
			before := limit
			if to >= 0 {
				limit = to
			}
			return before
		},
		setPercent: func(to int) int {
			before := percent
			percent = to
			return before
		},
	}
	now := func() (int64, int) {
		c.Lock() // since a collection may meanwhile follow
		defer c.Unlock()
		return limit, percent
	}
	waste := make([][]byte, earlyBytes>>20+1)
	for i := range waste {
		waste[i] = make([]byte, 1<<20)
	}
	for range 2 {
		first, second := &governor{collector: c, bounds: true, paces: true}, &governor{collector: c, bounds: true, paces: true}
		first.begin()
		second.begin()
		first.end()
		if limit, percent := now(); limit == foundLimit || percent != gcPercent {
			t.Errorf("a bound of %d bytes and a target of %d while a server runs", limit, percent)
		}
		if first.follow() || !second.follow() {
			t.Error("a server that ended follows, or one that runs does not")
		}
		second.end()
		if limit, percent := now(); limit != foundLimit || percent != foundPercent {
			t.Errorf("a bound of %d bytes and a target of %d are left", limit, percent)
		}
	}
	left := &governor{collector: c}
	left.begin()
	if limit, percent := now(); limit != foundLimit || percent != foundPercent {
		t.Errorf("a bound of %d bytes and a target of %d, which the environment set", limit, percent)
	}
	left.end()
	runtime.KeepAlive(waste)
}
