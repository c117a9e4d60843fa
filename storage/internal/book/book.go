// Package book is the bookkeeping that every driver does in the same way, whatever it
// keeps its tables in: keys of records, counters, and what is refused.
package book

import (
	"cmp"
	"errors"
	"math"
	"math/bits"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/understudy-api/understudy/storage"
)

// A record's key is its workspace's number and its sequence number in one, so that
// both have limits.
const (
	seqBits = 32
	// MaxSeq is the greatest sequence number of a record.
	MaxSeq = 1<<seqBits - 1
	// MaxNumber is the greatest number of a workspace.
	MaxNumber = 1<<31 - 1
)

// KeyOf is the key of a record.
func KeyOf(number, seq int64) int64 { return number<<seqBits | seq }

// NumberOf is the number of the workspace in a key.
func NumberOf(key int64) int64 { return key >> seqBits }

// SeqOf is the sequence number in a key.
func SeqOf(key int64) int64 { return key & MaxSeq }

// Micro is a time as it is kept: to the microsecond, in UTC.
func Micro(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }

// Stored is a record as it is kept, with its keys.
type Stored struct {
	storage.Record

	Keys []storage.Key
}

// Born completes a record that is inserted: its times, which are now where the caller
// gave none, its first version, and a copy of its body.
func Born(r storage.Record, seq int64, now func() time.Time) storage.Record {
	given := func(at time.Time) time.Time {
		if at.IsZero() {
			return now()
		}
		return Micro(at)
	}
	r.Seq, r.Version = seq, 1
	r.Created, r.Updated = given(r.Created), given(r.Updated)
	return kept(r)
}

// Changed completes a record that replaces another. Its times are never before those of
// the other, even if the clock was put back.
func Changed(r, old storage.Record, now time.Time) storage.Record {
	r.Seq, r.Parent, r.Created, r.Version = old.Seq, old.Parent, old.Created, old.Version+1
	r.Updated = now
	r = kept(r)
	for _, last := range []time.Time{old.Created, old.Updated, old.Deleted} {
		r.Updated = later(r.Updated, last)
		if !r.Living() {
			r.Deleted = later(r.Deleted, last)
		}
	}
	return r
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func kept(r storage.Record) storage.Record {
	r.Body = append(make([]byte, 0, len(r.Body)), r.Body...)
	if !r.Living() {
		r.Deleted = Micro(r.Deleted)
	}
	return r
}

// Name names a counter within its workspace. A sequence has kind "": name "" counts
// records, any other is the caller's. Otherwise name "" is the whole kind, any other
// name a parent.
type Name struct{ Kind, Name string }

// Sequence names the counter of a sequence.
func Sequence(name string) Name { return Name{Name: name} }

// Of names the counters that a record counts in: that of its kind, and that of its
// parent, which is the same without one.
func Of(r storage.Record) (kind, parent Name) {
	return Name{Kind: r.Kind}, Name{r.Kind, r.Parent}
}

// Listed names the counter that counts a list.
func Listed(kind string, q storage.Query) Name {
	if q.Parent != nil {
		return Name{kind, *q.Parent}
	}
	return Name{Kind: kind}
}

// Counter is what is counted under a name. The zero value is that of a name under
// which nothing was counted yet.
type Counter struct {
	Last         int64 // of a sequence
	Living, Gone int64 // records
	// OwnLiving and OwnGone are, of a whole kind, the records without a parent.
	OwnLiving, OwnGone int64
}

// Step is the counter of a sequence after its next number was drawn, which is Last;
// not ok at its end.
func (c Counter) Step() (_ Counter, ok bool) {
	if c.Last == math.MaxInt64 {
		return c, false
	}
	c.Last++
	return c, true
}

// Count is the living or the deleted records.
func (c Counter) Count(deleted bool) int64 {
	if deleted {
		return c.Gone
	}
	return c.Living
}

// Total is the total of a list of which everything is counted, by the counter that
// [Listed] names.
func (c Counter) Total(q storage.Query) int64 {
	if q.Parent != nil && *q.Parent == "" {
		return Counter{Living: c.OwnLiving, Gone: c.OwnGone}.Count(q.Deleted)
	}
	return c.Count(q.Deleted)
}

// Tally moves the counts of a record, by 1 or -1, in the counters that [Of] names;
// parent is nil if the record has none.
func Tally(r storage.Record, by int64, kind, parent *Counter) {
	move := func(living, gone *int64) {
		if r.Living() {
			*living += by
		} else {
			*gone += by
		}
	}
	move(&kind.Living, &kind.Gone)
	if parent != nil {
		move(&parent.Living, &parent.Gone)
	} else {
		move(&kind.OwnLiving, &kind.OwnGone)
	}
}

// CallersSequence reports whether a caller may give a sequence this name.
func CallersSequence(name string) bool {
	return name != "" && name[0] != 0 && utf8.ValidString(name)
}

// CheckSequence returns a CodeInvalid error if a caller may not give a sequence this
// name.
func CheckSequence(op, name string) error {
	if CallersSequence(name) {
		return nil
	}
	return Failure(storage.CodeInvalid, op, "a sequence needs a name in UTF-8 that does not begin with a NUL")
}

// CheckWorkspaces returns a CodeInvalid error if an UpdateAll cannot have these.
func CheckWorkspaces(op string, names []string) error {
	if len(names) == 0 {
		return Failure(storage.CodeInvalid, op, "no workspace is named")
	}
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] {
			return Failure(storage.CodeInvalid, op, "a workspace is named twice")
		}
		seen[name] = true
	}
	return nil
}

// Few finds what the condition selects that the fewest records meet; not ok if they
// are not few, or if the query has no conditions but that of its order. find gives the
// keys of the records of the list that meet one of the conditions, limit of them at
// most.
func Few(q storage.Query, find func(alternatives []storage.Condition, limit int64) ([]int64, error)) (best []int64, ok bool, err error) {
	if len(q.Where) == 0 {
		return nil, false, nil
	}
	for _, c := range q.Conditions() {
		if !c.Bounded() {
			continue
		}
		keys, err := find(c.Alternatives(), storage.FewRecords+1)
		if err != nil {
			return nil, false, err
		}
		if len(keys) <= storage.FewRecords && (!ok || len(keys) < len(best)) {
			best, ok = keys, true
		}
	}
	return best, ok, nil
}

// CountedBy parts the conditions of a query that has none on the index which orders:
// that by which its records are counted, for it is the most likely to select few, and
// the others.
func CountedBy(q storage.Query) (by storage.Condition, others []storage.Condition) {
	where := q.Selecting()
	best := max(0, slices.IndexFunc(where, storage.Condition.Bounded))
	return where[best], slices.Concat(where[:best], where[best+1:])
}

// Whole reports whether the first page of a filtered list is all of it if there is no
// more, so that its total need not be counted.
func Whole(q storage.Query) bool {
	return q.After == "" && q.Offset == 0 && (q.Own() != nil || q.Index == "")
}

// Ringing is an alarm that has rung for some time, in microseconds.
type Ringing struct {
	storage.Alarm

	Since int64
}

// Longest is those that have rung longest, limit of them at most.
func Longest(found []Ringing, limit int) []storage.Alarm {
	slices.SortStableFunc(found, func(a, b Ringing) int { return cmp.Compare(b.Since, a.Since) })
	alarms := make([]storage.Alarm, min(len(found), limit))
	for i := range alarms {
		alarms[i] = found[i].Alarm
	}
	return alarms
}

// Microseconds is a duration of so many, or the longest there is.
func Microseconds(n int64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(time.Microsecond))) * time.Microsecond
}

// SizeOf is how many bytes a record counts for: its body, its names and its keys as
// they are kept.
func SizeOf(r storage.Record, keys []storage.Key) int64 {
	n := len(r.Body) + len(r.ID) + len(r.Parent)
	for _, k := range keys {
		n += 1 + lengthOf(len(k.Index)) + len(k.Index) + lengthOf(len(k.Value)) + len(k.Value)
	}
	return int64(n)
}

// lengthOf is the length of a number as EncodeKeys writes it.
func lengthOf(n int) int { return (bits.Len(uint(n)|1) + 6) / 7 }

// Tell tells a channel that holds one notice, without waiting.
func Tell(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // told already
	}
}

// Failure is an error of this code.
func Failure(code storage.Code, op, why string) error {
	return &storage.Error{Code: code, Op: op, Err: errors.New(why)}
}

// Unavailable is the error for a call that cannot be served now.
func Unavailable(op string, err error) error {
	return &storage.Error{Code: storage.CodeUnavailable, Op: op, Err: err}
}

// NotFound is the error for a record that is not there.
func NotFound(op, kind, id string) error {
	return &storage.Error{Code: storage.CodeNotFound, Op: op, Kind: kind, ID: id}
}

// Conflict is the error for a record whose id is taken, or a unique key of it.
func Conflict(op string, r storage.Record, index string) error {
	return &storage.Error{Code: storage.CodeConflict, Op: op, Kind: r.Kind, ID: r.ID, Index: index}
}
