package datadiff

import (
	"errors"
	"fmt"
)

// Kind says what is wrong with a diff.
type Kind string

// The kinds of errors. Those that end in Exception are published by the service
// that is stood in for.
const (
	NoSuchTable   Kind = "NoSuchTableException"  // the value is the dotted path
	NoSuchColumn  Kind = "NoSuchColumnException" // the value is the column
	TypeMismatch  Kind = "TypeMismatch"          // of a key's columns
	NoKey         Kind = "NoPrimaryKey"          // none was named, and none found
	Invalid       Kind = "InvalidDiff"           // what was asked for makes no sense
	QueryFailed   Kind = "QueryFailed"           // the database's own words
	Unreachable   Kind = "DatabaseUnavailable"   // it is not there, or no longer
	TimedOut      Kind = "StatementTimeout"      // a statement took too long
	Cancelled     Kind = "Cancelled"             // the caller's context ended
	Unsupported   Kind = "UnsupportedDataSource" // this kind of source cannot do it
	OrderMismatch Kind = "KeyOrder"              // rows came in another order than promised
)

// Error is why a diff has no result. Its text holds names and the database's words,
// never a credential.
type Error struct {
	Kind  Kind
	Value string
	Side  Side  // whose fault it is, where it is one's
	Err   error // the driver's, or nil
}

func (e *Error) Error() string {
	switch e.Kind {
	case NoSuchTable:
		return "no such table: " + e.Value
	case NoSuchColumn:
		return "no such column: " + e.Value
	default:
		return e.Value
	}
}

func (e *Error) Unwrap() error { return e.Err }

// Retryable says whether the same diff may succeed later.
func (e *Error) Retryable() bool { return e.Kind == Unreachable || e.Kind == TimedOut }

// KindOf is the kind of an error of this package, "" of others.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

func problem(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Value: fmt.Sprintf(format, args...)}
}

// onSide notes whose error it is.
func onSide(err error, side Side) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Side = side
	}
	return err
}
