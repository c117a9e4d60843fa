// Package storage remembers records for isolated workspaces. It knows nothing
// of HTTP nor of what the records mean: a resource declares a kind and its keys
// through [Collection], a driver (storage/sqlite) keeps them.
//
// The interface comments are the contract; storage/storagetest holds every
// driver to it.
package storage

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"
)

// Record is one remembered thing: who it is, its JSON body, and when it changed.
type Record struct {
	Kind   string // what it is; not empty
	ID     string // unique within workspace and kind, deleted records included; not empty
	Parent string // the record it belongs to, of whatever kind; "" for none; never changes
	Seq    int64  // insertion order within the workspace, from 1, never reused
	// Body is JSON. A body that came from a store is shared with the store's
	// cache: do not modify it.
	Body    []byte
	Created time.Time
	Updated time.Time
	Deleted time.Time // zero while the record lives
	Version int64     // 1 when inserted, one more with every Put

	// memo keeps the value that Collection decoded from the body, as long as a
	// driver's cache keeps the record; nil where none does.
	memo *atomic.Pointer[any]
}

// Cached gives the record as a driver's cache keeps it: with room for the value
// that its body is decoded to, so that it is decoded once. Drivers call it once
// for every record they put in a cache.
func (r Record) Cached() Record {
	r.memo = new(atomic.Pointer[any])
	return r
}

// Equal compares what is stored.
func (r Record) Equal(o Record) bool {
	return r.Kind == o.Kind && r.ID == o.ID && r.Parent == o.Parent && r.Seq == o.Seq && r.Version == o.Version &&
		bytes.Equal(r.Body, o.Body) &&
		r.Created.Equal(o.Created) && r.Updated.Equal(o.Updated) && r.Deleted.Equal(o.Deleted)
}

// Living reports whether the record is not deleted.
func (r Record) Living() bool { return r.Deleted.IsZero() }

// Key is one value by which a record is found, ordered or searched. A record has
// any number of keys in an index, of different values, which are then at most
// [MaxOneOfMany] bytes long. The keys of a deleted record are kept, so that deleted
// records can be searched too, but do not count for uniqueness.
type Key struct {
	Index string // the name of the index; not empty
	Value string // compared byte by byte: fold case or pad numbers when declaring it
	// Unique refuses a second living record of the same workspace and kind
	// with the same unique value in this index. The values in an index are all
	// unique, or none is.
	Unique bool
}

// Options are what every driver takes, whatever it stores in.
type Options struct {
	// Now is the clock that running workspace clocks follow; nil means time.Now.
	Now func() time.Time
	// NewID is the source of the ids of workspaces whose settings name none; nil
	// means random UUIDs. It may be called from several goroutines at once.
	NewID func() string
}

// Store keeps the records of all workspaces. It is safe for concurrent use.
//
// Kinds, ids, parents, index names and values are any valid UTF-8, NUL
// included; writing anything else is CodeInvalid. A workspace has any name but
// the empty one (CodeInvalid) and exists from its first write.
type Store interface {
	// Update runs fn in the one transaction that may write, and returns once it
	// is committed. If fn returns an error, nothing is written and that error
	// is returned as it is. If fn panics, nothing is written and the error is
	// CodeInternal with a [*PanicError] inside.
	//
	// fn may run more than once (drivers retry conflicts) and on another
	// goroutine: it must set what it captures rather than add to it. Updates
	// behave as if they ran one after the other. If ctx ends before fn has
	// started, fn does not run and the error is CodeUnavailable and wraps
	// ctx.Err(); later than that ctx is not looked at, so that success is
	// reported exactly if the work was committed.
	//
	// fn must not call any method of the same store (it would wait for itself),
	// and tx must not be used after fn returned (CodeInvalid) or from
	// several goroutines.
	//
	// Updates that wait take turns by their workspaces: behind a thousand of one
	// workspace, an update of another is the second. One that writes much lets others
	// pass before it is done.
	//
	// Other codes: CodeUnavailable (closed, disk full, database unreachable, waited
	// longer than [MaxWait]), CodeCorrupt.
	Update(ctx context.Context, workspace string, fn func(Tx) error) error

	// UpdateAll is Update on several workspaces in one transaction: fn gets a Tx
	// for each, in the order of the names, which must differ (CodeInvalid). Either
	// all of it becomes visible, at one moment, or nothing.
	UpdateAll(ctx context.Context, workspaces []string, fn func([]Tx) error) error

	// View runs fn on a consistent snapshot that contains every Update that
	// returned before View was called. It never creates a workspace: one that
	// does not exist is empty. The error of fn is returned as it is; a panic
	// passes through.
	//
	// fn must not call any method of the same store (a writer may be waiting for
	// this View to end, and the inner call for the writer), should
	// not wait for anything else, and tx must not be used after fn returned
	// (CodeInvalid) or from several goroutines.
	//
	// Other codes: CodeUnavailable, CodeCorrupt.
	View(ctx context.Context, workspace string, fn func(ReadTx) error) error

	// Settings returns the settings of workspaces, in the order of the names, as
	// every Update that returned before left them: the zero value for a workspace
	// that does not exist. It is meant to be called for every request.
	//
	// Other codes: CodeUnavailable, CodeCorrupt.
	Settings(ctx context.Context, workspaces ...string) ([]Settings, error)

	// Workspaces returns the names of the existing workspaces that start with
	// prefix, in the order of their bytes.
	//
	// Other codes: CodeUnavailable, CodeCorrupt.
	Workspaces(ctx context.Context, prefix string) ([]string, error)

	// Alarms returns alarms that ring, of all workspaces but some, those first that
	// have rung longest: limit of them at most, which must be positive (CodeInvalid).
	// Of the others it says after how long the next will ring if no clock is set; 0
	// if none will.
	//
	// Other codes: CodeUnavailable, CodeCorrupt.
	Alarms(ctx context.Context, limit int, except ...string) (ringing []Alarm, next time.Duration, err error)

	// AlarmsChanged is told, without waiting, after each commit of this process that
	// may have changed when an alarm rings: what is told while nobody listens is told
	// once. It is never closed.
	AlarmsChanged() <-chan struct{}

	// Size is how many bytes the store takes, without what it can use again: what
	// workspaces share counts once.
	//
	// Other codes: CodeUnavailable, CodeCorrupt.
	Size(ctx context.Context) (int64, error)

	// Ping reports whether the store can serve (CodeUnavailable if not).
	Ping(ctx context.Context) error

	// Close waits for running transactions and releases what the store holds.
	// Every later call, but another Close, is CodeUnavailable.
	Close() error
}

// MaxWait is how long an Update waits at most before it starts.
const MaxWait = 30 * time.Second

// Usage is how much a workspace holds.
type Usage struct {
	Records int64 // living and deleted
	// Bytes are those of bodies, ids, parents and keys of the records, and of the
	// blobs. A store takes two to four times as many, for its indexes.
	Bytes int64
}

// Alarm names something in a workspace that wants to be seen to at a certain time.
// What that is, is its owner's business: an alarm that rings does so until it is set
// anew or cleared.
type Alarm struct{ Workspace, Name string }

// MaxAlarmName is the length of an alarm's name at most, in bytes.
const MaxAlarmName = 255

// ReadTx is the reading half of a transaction on one workspace. In every
// method CodeUnavailable, CodeCorrupt and CodeInternal mean that the store
// failed; the other codes are named.
//
//nolint:interfacebloat // as of Tx
type ReadTx interface {
	// Workspace is the name of the workspace.
	Workspace() string

	// Now is the workspace's clock in UTC, to the microsecond, and the same
	// throughout the transaction, as long as its settings are.
	Now() time.Time

	// Settings are the workspace's settings: the zero value if it does not exist.
	Settings() (Settings, error)

	// Last is the number that Next gave last, 0 if it gave none yet. It takes
	// [SequenceOfIDs] too.
	Last(sequence string) (int64, error)

	// Get returns the record, living or deleted. CodeNotFound if it never was
	// there or was purged.
	Get(kind, id string) (Record, error)

	// Find returns the first living record, in insertion order, that has this
	// value in this index. CodeNotFound if there is none.
	Find(kind, index, value string) (Record, error)

	// List returns a page of the records of a kind. CodeInvalid if the query
	// contradicts itself or its cursor belongs to another order.
	List(kind string, q Query) (Page, error)

	// Count is the number of living or of deleted records of a kind: below one
	// parent, or of the whole kind if parent is "". It is kept, not counted:
	// its cost does not grow with the number of records.
	Count(kind, parent string, deleted bool) (int64, error)

	// Usage is how much the workspace holds. It is kept, not counted, and what the
	// workspace shares with copies of it counts in each.
	Usage() (Usage, error)

	// Rings reports whether there is an alarm of this name that rings.
	Rings(alarm string) (bool, error)

	// Blob returns content stored by PutBlob in this workspace. CodeNotFound if
	// there is none. The content may be shared: do not modify it.
	Blob(sha256 string) ([]byte, error)
}

// Tx is a transaction that reads and writes one workspace, and sees its own
// writes. A method that returns an error has changed nothing, and the
// transaction can go on (after a CodeConflict, say, with another key), unless
// the code is CodeUnavailable, CodeCorrupt or CodeInternal: then Update fails
// with that error whatever fn returns.
//
//nolint:interfacebloat // what a transaction can do is one thing to its callers
type Tx interface {
	ReadTx

	// NewID is a new id, as the settings want them. Ids that are not random are
	// counted like a sequence, by [SequenceOfIDs]. It is "" only if the store
	// failed, and then Update fails.
	NewID() string

	// Next counts: 1 for the first call with this sequence name in this
	// workspace, then one more each time. What a transaction drew and did not
	// commit is drawn again; what was committed never is, even if everything
	// is deleted. CodeInvalid if the name is empty or begins with a NUL: those
	// sequences are the store's own.
	Next(sequence string) (int64, error)

	// AtLeast makes sure that Next will give more than n: it raises the sequence
	// to n if it has not come so far, and changes nothing otherwise. It takes
	// [SequenceOfIDs] too. CodeInvalid for other names that Next refuses.
	AtLeast(sequence string, n int64) error

	// Insert adds a record and returns it with Seq, Created, Updated and
	// Version set. Created and Updated are Now where they are zero in r, else
	// what r says, to the microsecond; r.Deleted decides whether it is born
	// living. The store takes its own copy of the body. CodeConflict if kind and id were used before,
	// by a deleted record too (Index is ""), or if a unique key is taken (Index
	// names the index). CodeInvalid for an empty kind or id and bad keys.
	Insert(r Record, keys []Key) (Record, error)

	// Put replaces body and keys of the record with this kind and id and
	// returns it. Seq, Created and Parent stay; Updated becomes Now and Version
	// grows. If the clock was put back, Updated and Deleted are not before what the
	// times of the record were. r.Deleted decides whether the record lives: deleting and restoring
	// are Puts. CodeNotFound if the record is not there, CodeConflict if a
	// unique key of a living record is taken (Index names the index),
	// CodeInvalid for bad keys.
	Put(r Record, keys []Key) (Record, error)

	// Purge removes a record, living or deleted, for good. CodeNotFound if it
	// is not there.
	Purge(kind, id string) error

	// PutBlob stores content and returns the lower-case hexadecimal SHA-256 by
	// which Blob finds it. Storing the same content again changes nothing.
	PutBlob(content []byte) (sha256 string, err error)

	// SetAlarm makes the alarm of this name ring once the workspace's clock shows at,
	// to the microsecond, whatever happens to that clock meanwhile. CodeInvalid for a
	// name that is empty, no UTF-8 or longer than [MaxAlarmName], and for a time
	// outside of the years 1 to 9999.
	SetAlarm(name string, at time.Time) error

	// SetTimer makes the alarm of this name ring after real time, however the
	// workspace's clock stands, by one clock that is the same for all processes which
	// use the store. In a store that only one process can use at a time, the timers of
	// a process ring when the next one opens it. CodeInvalid for the names that
	// SetAlarm refuses.
	SetTimer(name string, after time.Duration) error

	// ClearAlarm removes the alarm of this name, if there is one.
	ClearAlarm(name string) error

	// SetSettings replaces the workspace's settings. Now and NewID follow at once.
	SetSettings(s Settings) error

	// Clear removes everything the workspace holds: records, keys, counts,
	// sequences, blobs, alarms and settings. It is then as if it had never been, and
	// exists again from the next write on. It costs the same however much that was: what
	// it took is given back little by little.
	Clear() error

	// CopyFrom makes the workspace hold exactly what another workspace of the same
	// UpdateAll holds, as it stands there in this transaction: records with their
	// Seq, times and versions, keys, counts, sequences, blobs and settings, but no
	// alarms: a copy that nobody may touch must not ring, and whoever brings it back
	// knows from the records what must. It costs the same however much that is: what
	// both hold is kept once, until one of them changes it. If the other does not exist, this is Clear. CodeInvalid if from is of another
	// transaction.
	CopyFrom(from Tx) error
}

// Query selects and orders records of one kind. The zero Query is all living
// records in insertion order.
type Query struct {
	// Parent selects the records of one parent; nil is all of the kind, a
	// pointer to "" those without a parent.
	Parent *string
	// Deleted selects the deleted records instead of the living ones.
	Deleted bool
	// Index orders by the value in this index, then by insertion. Records
	// without a key in it are left out of the page, yet counted in Total unless
	// a condition on it is given: an index to order by should be declared by
	// every record of its kind. A record with several keys in it is in the list
	// once for each that meets those conditions. "" orders by insertion.
	Index string
	// Equal, Prefix and Contains select by the value in Index, which they need.
	// Those given must all hold; "" is no condition for Prefix and Contains.
	Equal    *string
	Prefix   string
	Contains string // looks at every record; the others only at what they select
	// Where selects by values in any indexes: all conditions must be met. Total counts
	// the records that meet them, those without a key in Index included unless there
	// is a condition on it.
	//
	// The list is answered by the condition that the fewest records meet, if those
	// are at most [FewRecords]: its cost is theirs, however many there are of the
	// kind. Otherwise the order is followed and the conditions looked up, and Total
	// is counted: a cost in proportion to what the best condition selects, some tens
	// of nanoseconds a record.
	Where []Condition
	// Descending turns the whole order round.
	Descending bool
	// After continues behind the last record of a page.
	After Cursor
	// Offset skips that many records (behind After, if both are given).
	Offset int
	// Limit is the most records in the page; 0 is no limit.
	Limit int
}

// Condition selects records by their values in one index: a record meets it if one
// of its values there is as all fields say that are not zero. With none, it is met by
// every record that has a key in the index.
type Condition struct {
	Index  string
	In     []string // one of these
	Prefix string
	// From and Below bound the value, in the order of its bytes: it is at least From
	// and less than Below.
	From, Below *string
	Contains    string // looks at all that the others select
	// implied are beginnings of which a value has one if another condition of the query
	// is met: it leads to few records, and selects nothing.
	implied []string
}

// FewRecords is how many records a condition may select so that a list is answered
// by it alone, see [Query.Where].
const FewRecords = 256

// Page is a part of a list.
type Page struct {
	Records []Record
	// Next continues the list; "" if this was the end.
	Next Cursor
	// Total is the number of records that match, on whatever page.
	Total int64
}
