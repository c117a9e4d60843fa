package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// Settings are how a workspace behaves. They are kept beside its records, and
// copied and cleared with them. The zero value is that of a workspace that
// nobody touched.
type Settings struct {
	Clock Clock
	IDs   IDs
	// Data is the server's own and means nothing here; "" for nothing.
	Data string
}

// Validate returns a CodeInvalid error if the settings cannot be kept. Drivers
// call it first.
func (s Settings) Validate() error {
	bad := func(why string) error {
		return &Error{Code: CodeInvalid, Op: "set settings", Err: errors.New(why)}
	}
	switch {
	case !utf8.ValidString(s.Data):
		return bad("the data is not UTF-8")
	case s.IDs.Source != IDsRandom && s.IDs.Source != IDsSeeded && s.IDs.Source != IDsSequential:
		return bad("unknown source of ids")
	case s.Clock.Frozen && (s.Clock.At.UTC().Year() < 1 || s.Clock.At.UTC().Year() > 9999):
		return bad("the clock's time is out of range")
	}
	return nil
}

// Clock is the clock of a workspace: running, ahead of or behind the real one
// by Offset, or frozen.
type Clock struct {
	Frozen bool
	At     time.Time     // where a frozen clock stands, to the microsecond
	Offset time.Duration // of a running clock from the real one
}

// Now is what the clock shows when the real time is wall, in UTC and to the
// microsecond.
func (c Clock) Now(wall time.Time) time.Time {
	if c.Frozen {
		return time.UnixMicro(c.At.UnixMicro()).UTC()
	}
	return time.UnixMicro(wall.Add(c.Offset).UnixMicro()).UTC()
}

// Freeze stops the clock at a time.
func (c Clock) Freeze(at time.Time) Clock {
	return Clock{Frozen: true, At: time.UnixMicro(at.UnixMicro()).UTC()}
}

// Run lets a frozen clock go on from where it stands, at most 292 years from wall.
func (c Clock) Run(wall time.Time) Clock {
	if !c.Frozen {
		return c
	}
	return Clock{Offset: c.At.Sub(wall)}
}

// Advance moves the clock, frozen or running. It stays what it is. A duration
// that would move a running clock too far for an int64 of nanoseconds moves it
// as far as that goes.
func (c Clock) Advance(by time.Duration) Clock {
	if c.Frozen {
		return c.Freeze(c.At.Add(by))
	}
	sum := c.Offset + by
	switch {
	case by > 0 && sum < c.Offset:
		sum = math.MaxInt64
	case by < 0 && sum > c.Offset:
		sum = math.MinInt64
	}
	return Clock{Offset: sum}
}

// IDSource says where a workspace's ids come from.
type IDSource string

// The sources of ids.
const (
	IDsRandom     IDSource = ""           // the store's own, different in every run
	IDsSeeded     IDSource = "seeded"     // look random, follow from the seed
	IDsSequential IDSource = "sequential" // count, from 1
)

// IDs are the ids that a workspace hands out. Those that are not random are the
// same in every run that asks for as many of them in the same order.
type IDs struct {
	Source IDSource
	Seed   int64 // of seeded ids; of sequential ones it tells workspaces apart
}

// ID is the nth id, counted from 1, of a source that is not random: a version 4
// UUID in form (RFC 9562, section 5.4).
func (d IDs) ID(n int64) string {
	var b [16]byte
	if d.Source == IDsSequential {
		binary.BigEndian.PutUint32(b[:], uint32(d.Seed))
		binary.BigEndian.PutUint64(b[8:], uint64(n)&math.MaxInt64)
	} else {
		var text [16]byte
		binary.BigEndian.PutUint64(text[:], uint64(d.Seed))
		binary.BigEndian.PutUint64(text[8:], uint64(n))
		sum := sha256.Sum256(append([]byte("understudy id\x00"), text[:]...))
		copy(b[:], sum[:])
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// SequenceOfIDs is the sequence by which drivers count ids that are not random.
const SequenceOfIDs = "\x00id"
