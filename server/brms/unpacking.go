package brms

import (
	"context"
	"errors"
	"time"

	"github.com/understudy-api/understudy/server/site"
)

// unpacking bounds what the archives of all requests in flight hold once they are
// unpacked: a thousand times what was sent.
type unpacking struct {
	turn  chan struct{} // of the one who collects room
	units chan struct{} // of unpackingUnit bytes, taken
}

const (
	unpackingUnit = 1 << 20
	// maxUnpacked is what all archives hold at once. One that holds more has it to itself.
	maxUnpacked = 64 << 20
	// maxUnpackingWait is how long an upload waits for room.
	maxUnpackingWait = 30 * time.Second
)

func newUnpacking() *unpacking {
	return &unpacking{turn: make(chan struct{}, 1), units: make(chan struct{}, maxUnpacked/unpackingUnit)}
}

var errUnpacking = errors.New("other archives take the room for unpacked files")

// take waits for room for so many bytes, at most all that there is, first come, first
// served. The room is given back by calling free.
func (u *unpacking) take(ctx context.Context, bytes int64) (free func(), err error) {
	n := min(int((bytes+unpackingUnit-1)/unpackingUnit), cap(u.units))
	ctx, cancel := context.WithTimeout(ctx, maxUnpackingWait)
	defer cancel()
	busy := &site.Refusal{Kind: site.KindUnavailable, RetryAfter: 1, Err: errUnpacking}
	select {
	case u.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, busy
	}
	defer func() { <-u.turn }()
	taken := 0
	free = func() {
		for range taken {
			<-u.units
		}
	}
	for range n {
		select {
		case u.units <- struct{}{}:
			taken++
		case <-ctx.Done():
			free()
			return nil, busy
		}
	}
	return free, nil
}
