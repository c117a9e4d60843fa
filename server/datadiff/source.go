package datadiff

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Source is a database that diffs read. It is compared with ==: two sides of one
// source are joined by its database.
type Source interface {
	Dialect() Dialect
	// Budget bounds the connections that all diffs hold together.
	Budget() *Budget
	// Connect opens a read-only transaction that sees one state of the database.
	// It does not ask the budget: who calls it did. Its errors are of kind
	// Unreachable.
	Connect(ctx context.Context) (Conn, error)
}

// Conn is a connection in a read-only transaction. It is used by one goroutine, and
// of no use after an error.
type Conn interface {
	// Describe names the columns of a table, or of a query if the path is empty.
	// Kinds: NoSuchTable, QueryFailed, Unreachable.
	Describe(ctx context.Context, in Input) ([]Column, error)
	// UniqueKeys are the declared keys of a table that are unique and never null,
	// its primary key first.
	UniqueKeys(ctx context.Context, table []string) ([][]string, error)
	// Read runs a query and hands over each row as a line (see AppendField), which
	// is valid during the call only. It ends early, with each's error, where there
	// is one. When the context ends so does the query, in the database too. Kinds:
	// QueryFailed, NoSuchTable, NoSuchColumn, TimedOut, Unreachable, Cancelled.
	Read(ctx context.Context, query string, each func(line []byte) error) error
	// Close gives the connection back.
	Close() error
}

// Form is how a column's values are to be written: as texts that are equal if and
// only if the values are, on both sides.
type Form struct {
	// Native: the other side is of the same dialect and type, and any text will do
	// that is the same for equal values.
	Native   bool
	Datatype Datatype // what both sides are taken for
	// Digits are those of both columns, if they are the same, else AnyDigits.
	Digits int
}

// Dialect writes SQL. Its methods are pure.
type Dialect interface { //nolint:interfacebloat // a language has that many words
	// Name is the dialect's own: native forms and checksums agree within it.
	Name() string
	Quote(identifier string) string
	// Time is a literal to compare a column with, in UTC.
	Time(c Column, utc string) string
	// Path is a table in a FROM clause.
	Path(table []string) string
	// Text writes a column's values. It is exact if every dialect's exact text of
	// a value of this form is the same, byte for byte.
	Text(c Column, form Form, column string) (expression string, exact bool)
	// Key is an expression to group, join and order by: plain = and < compare it as
	// the bytes of its text, or as numbers where numeric is true.
	Key(c Column, form Form, column string) (expression string)
	// Differ is a condition: two values of one type are not the same, NULL being
	// the same as NULL.
	Differ(c Column, a, b string) string
	// JoinByHash says that a join by these columns is not found by the database's
	// own means: then it is told to join by a hash, too, and what it joins with ends
	// with what has it stored, with an index.
	JoinByHash(keys []Column) (ending string, ok bool)
	// CountIf is an aggregate: rows where a condition holds.
	CountIf(condition string) string
	// Md5 is the first 15 hexadecimal digits of the MD5 of all the texts, each one
	// preceded by its length in bytes and a colon, or just "n" if it is NULL, as a
	// number.
	Md5(texts []string) string
	// SumMd5 is the exact sum of such a number over rows, as a text.
	SumMd5(texts []string) string
	// NativeSum is a checksum over rows that only this dialect knows, and that is
	// the same for equal values; "" if it has none. The columns are named as they
	// are in the table.
	NativeSum(columns []Column, names []string) string
	// Integer is a literal of 64 bits.
	Integer(n int64) string
	// Quotient divides integers and forgets the rest.
	Quotient(a, b string) string
	// Rounds says how a lower precision loses digits.
	Rounds() Rounding
}

// Budget is how many connections all diffs on a source may hold at once.
type Budget struct {
	size  int
	order int64
	mu    sync.Mutex
	free  int
	queue []*waiter
}

type waiter struct {
	n     int
	ready chan struct{}
}

var budgets atomic.Int64

// NewBudget is a budget of so many connections, at least one.
func NewBudget(connections int) *Budget {
	n := max(1, connections)
	return &Budget{size: n, free: n, order: budgets.Add(1)}
}

// Size is how many connections there are.
func (b *Budget) Size() int { return b.size }

// take waits for its turn, in the order of asking, and takes n connections.
func (b *Budget) take(ctx context.Context, n int) error {
	if n > b.size {
		return problem(Invalid, "this takes %d connections of the source at once, and its budget is %d", n, b.size)
	}
	b.mu.Lock()
	if len(b.queue) == 0 && b.free >= n {
		b.free -= n
		b.mu.Unlock()
		return nil
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	b.queue = append(b.queue, w)
	b.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, other := range b.queue {
		if other == w {
			b.queue = append(b.queue[:i], b.queue[i+1:]...)
			b.serve()
			return stopped(ctx)
		}
	}
	b.free += n // served meanwhile
	b.serve()
	return stopped(ctx)
}

func (b *Budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += n
	b.serve()
}

func (b *Budget) serve() {
	for len(b.queue) > 0 && b.queue[0].n <= b.free {
		b.free -= b.queue[0].n
		close(b.queue[0].ready)
		b.queue = b.queue[1:]
	}
}

// reserve takes what a diff needs of all budgets, always in the same order, so that no
// two diffs wait for each other.
func reserve(ctx context.Context, left, right *Budget, each int, more ...*Budget) (release func(), err error) {
	need := map[*Budget]int{left: each}
	if left != right {
		need = map[*Budget]int{left: 1, right: 1}
	}
	for _, b := range more {
		need[b]++
	}
	taken := []*Budget{}
	release = func() {
		for _, b := range taken {
			b.give(need[b])
		}
	}
	for _, b := range slices.SortedFunc(maps.Keys(need), func(a, b *Budget) int { return cmp.Compare(a.order, b.order) }) {
		if err := b.take(ctx, need[b]); err != nil {
			release()
			return nil, err
		}
		taken = append(taken, b)
	}
	return release, nil
}

// stopped is the error of a context that ended.
func stopped(ctx context.Context) error {
	return &Error{Kind: Cancelled, Value: "the diff was cancelled", Err: context.Cause(ctx)}
}
