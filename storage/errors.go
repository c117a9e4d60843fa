package storage

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Code says what went wrong. The list is closed: callers may switch over it.
type Code int

// The codes of errors.
const (
	// CodeInternal is a bug, ours or a caller's (a panic in a transaction). It
	// is the zero Code, so that an error nobody classified is never mistaken
	// for something harmless.
	CodeInternal Code = iota
	// CodeNotFound: there is no such record, key or blob.
	CodeNotFound
	// CodeConflict: an id or a unique key is taken.
	CodeConflict
	// CodeInvalid: the call contradicts the contract.
	CodeInvalid
	// CodeUnavailable: the store cannot serve now: closed, busy, full, read-only,
	// unreachable, or the context ended first. Nothing was written.
	CodeUnavailable
	// CodeCorrupt: what is stored cannot be read: damaged, of another program,
	// or of a newer version of this one.
	CodeCorrupt
	// CodeFull: a bound of what may be kept, or be read at once, would be passed.
	// Nothing was written. The cause is a [*FullError].
	CodeFull
)

// String is the code in lower-case words.
func (c Code) String() string {
	switch c {
	case CodeNotFound:
		return "not found"
	case CodeConflict:
		return "conflict"
	case CodeInvalid:
		return "invalid"
	case CodeUnavailable:
		return "unavailable"
	case CodeCorrupt:
		return "corrupt"
	case CodeFull:
		return "full"
	case CodeInternal:
		return "internal"
	}
	return fmt.Sprintf("code %d", int(c))
}

// Error is the one type of error that stores return. Its text names operations,
// kinds, ids and indexes, never bodies or values: it may be logged.
type Error struct {
	Code  Code
	Op    string // the operation, such as "insert"
	Kind  string // the kind of record, if one is concerned
	ID    string // its id, if known
	Index string // the index, if one is concerned
	Err   error  // the cause, if there is one
}

// Error says what failed, on what, and why.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("storage: ")
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(e.Code.String())
	if e.Kind != "" {
		fmt.Fprintf(&b, ": %s", e.Kind)
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

// CodeOf returns the code of the first [*Error] in the chain of err, and
// CodeInternal if there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// IsNotFound reports whether err is CodeNotFound.
func IsNotFound(err error) bool { return err != nil && CodeOf(err) == CodeNotFound }

// IsConflict reports whether err is CodeConflict.
func IsConflict(err error) bool { return err != nil && CodeOf(err) == CodeConflict }

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
