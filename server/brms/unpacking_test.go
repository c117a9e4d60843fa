package brms

import (
	"context"
	"testing"

	"github.com/understudy-api/understudy/server/site"
)

// Whoever finds no room is refused, and takes none with it; what is more than all counts
// as all.
func TestUnpacking(t *testing.T) {
	t.Parallel()
	u := newUnpacking()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	take := func(bytes int64) func() {
		free, err := u.take(t.Context(), bytes)
		if err != nil {
			t.Fatal(err)
		}
		return free
	}
	some := take(maxUnpacked - 1)
	if _, err := u.take(gone, 2<<20); site.AsRefusal(err).Kind != site.KindUnavailable || site.AsRefusal(err).RetryAfter == 0 {
		t.Error(err)
	}
	some()
	all := take(2 * maxArchiveBytes)
	next := make(chan func())
	go func() {
		free, _ := u.take(context.Background(), 1)
		next <- free
	}()
	all()
	(<-next)()
	if !u.room.TryAcquire(maxUnpacked) {
		t.Error("some room is taken by nobody")
	}
}
