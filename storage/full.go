package storage

import "fmt"

// FullError is the cause of a CodeFull error.
type FullError struct {
	// Reason says in a sentence what is full and what bounds it. It may be told to a
	// client.
	Reason string
}

// Error is the reason.
func (e *FullError) Error() string { return e.Reason }

// MaxPageBytes bounds the bodies of one page of a list, in bytes: it is held, decoded,
// encoded and judged as a whole. Workspaces whose names begin with a NUL, which no client
// has, are bounded by those who have them.
const MaxPageBytes = 10 << 20

// PageBytes adds up a page for a driver.
type PageBytes struct {
	bytes int
	full  bool
}

// Add reports whether a record still fits in the page. Of one that is too large no more
// is kept.
func (b *PageBytes) Add(workspace string, r Record) bool {
	b.bytes += len(r.Body)
	b.full = b.full || b.bytes > MaxPageBytes && workspace[0] != 0
	return !b.full
}

// Check returns a CodeFull error if the page is too large.
func (b *PageBytes) Check(op, kind string) error {
	if !b.full {
		return nil
	}
	return &Error{Code: CodeFull, Op: op, Kind: kind, Err: &FullError{
		fmt.Sprintf("The answer would be larger than %d MiB: ask for fewer at once.", MaxPageBytes>>20),
	}}
}
