package brms

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/understudy-api/understudy/server/site"
)

// unpacking bounds what the archives of all requests in flight hold once they are
// unpacked: a thousand times what was sent.
type unpacking struct{ room *semaphore.Weighted }

const (
	// maxUnpacked is how many bytes all archives hold at once. One that holds more has it to
	// itself.
	maxUnpacked = 64 << 20
	// maxUnpackingWait is how long an upload waits for room.
	maxUnpackingWait = 30 * time.Second
)

func newUnpacking() *unpacking { return &unpacking{semaphore.NewWeighted(maxUnpacked)} }

var errUnpacking = errors.New("other archives take the room for unpacked files")

// take waits for room for so many bytes, at most all that there is, first come, first
// served. The room is given back by calling free.
func (u *unpacking) take(ctx context.Context, bytes int64) (free func(), err error) {
	n := min(bytes, maxUnpacked)
	ctx, cancel := context.WithTimeout(ctx, maxUnpackingWait)
	defer cancel()
	if err := u.room.Acquire(ctx, n); err != nil {
		return nil, &site.Refusal{Kind: site.KindUnavailable, RetryAfter: 1, Err: errUnpacking}
	}
	return func() { u.room.Release(n) }, nil
}
