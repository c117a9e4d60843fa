package storage

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Kind says what went wrong. The list is closed: callers may switch over it.
type Kind int

// The kinds of errors.
const (
	// KindInternal is a bug, ours or a caller's (a panic in a transaction). It
	// is the zero Kind, so that an error nobody classified is never mistaken
	// for something harmless.
	KindInternal Kind = iota
	// KindNotFound: there is no such record, key or blob.
	KindNotFound
	// KindConflict: an id or a unique key is taken.
	KindConflict
	// KindInvalid: the call contradicts the contract.
	KindInvalid
	// KindUnavailable: the store cannot serve now: closed, busy, full, read-only,
	// unreachable, or the context ended first. Nothing was written.
	KindUnavailable
	// KindCorrupt: what is stored cannot be read: damaged, of another program,
	// or of a newer version of this one.
	KindCorrupt
)

// String is the kind in lower-case words.
func (k Kind) String() string {
	switch k {
	case KindNotFound:
		return "not found"
	case KindConflict:
		return "conflict"
	case KindInvalid:
		return "invalid"
	case KindUnavailable:
		return "unavailable"
	case KindCorrupt:
		return "corrupt"
	case KindInternal:
		return "internal"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Error is the one type of error that stores return. Its text names operations,
// kinds, ids and indexes, never bodies or values: it may be logged.
type Error struct {
	Kind       Kind
	Op         string // the operation, such as "insert"
	RecordKind string // the kind of record, if one is concerned
	ID         string // its id, if known
	Index      string // the index, if one is concerned
	Err        error  // the cause, if there is one
}

// Error says what failed, on what, and why.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("storage: ")
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(e.Kind.String())
	if e.RecordKind != "" {
		fmt.Fprintf(&b, ": %s", e.RecordKind)
		if e.ID != "" {
			fmt.Fprintf(&b, " %q", e.ID)
		}
	}
	if e.Index != "" {
		fmt.Fprintf(&b, ": index %s", e.Index)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first [*Error] in the chain of err, and
// KindInternal if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}

// IsNotFound reports whether err is KindNotFound.
func IsNotFound(err error) bool { return err != nil && KindOf(err) == KindNotFound }

// IsConflict reports whether err is KindConflict.
func IsConflict(err error) bool { return err != nil && KindOf(err) == KindConflict }

// PanicError is the cause in the error of an Update whose function panicked.
type PanicError struct {
	Value any    // what was passed to panic; nil if the goroutine was ended instead
	Stack []byte // where
}

// Error tells what panicked, without quoting a value that may hold a body.
func (e *PanicError) Error() string {
	if err, ok := e.Value.(runtime.Error); ok {
		return "panic in transaction: " + err.Error()
	}
	if e.Value == nil {
		return "transaction ended its goroutine"
	}
	return fmt.Sprintf("panic in transaction: %T", e.Value)
}
