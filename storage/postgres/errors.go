package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/understudy-api/understudy/storage"
)

// SQLSTATEs that are told apart (PostgreSQL, appendix A).
const (
	classConnection = "08"
	classAuth       = "28"
	classResources  = "53"
	classOperator   = "57" // cancelled, shutting down, starting
	classSystem     = "58"

	codeReadOnly       = "25006"
	codeNoDatabase     = "3D000"
	codeSerialization  = "40001"
	codeDeadlock       = "40P01"
	codeNoPrivilege    = "42501"
	codeTableExists    = "42P07"
	codeNoTable        = "42P01"
	codeNoColumn       = "42703"
	codeTooLarge       = "54000"
	codeLocked         = "55P03"
	codeCanceled       = "57014"
	codeTooMany        = "53300"
	codeDataCorrupted  = "XX001"
	codeIndexCorrupted = "XX002"
)

// mapError is the one place where an error of PostgreSQL or of the way to it gets
// its code: by SQLSTATE and type, never by text. Errors that have a code already pass
// through.
func mapError(op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*storage.Error](err); ok {
		return e
	}
	mapped := storage.CodeInternal
	if code := codeOf(err); code != "" {
		mapped = mappedCode(code)
	} else if unreachable(err) {
		mapped = storage.CodeUnavailable
	}
	return &storage.Error{Code: mapped, Op: op, Err: cause{err}}
}

func mappedCode(code string) storage.Code {
	switch code {
	case codeReadOnly, codeNoDatabase, codeSerialization, codeDeadlock, codeNoPrivilege, codeLocked:
		return storage.CodeUnavailable
	case codeNoTable, codeNoColumn, codeDataCorrupted, codeIndexCorrupted:
		return storage.CodeCorrupt
	case codeTooLarge:
		return storage.CodeInvalid
	}
	switch code[:2] {
	case classConnection, classAuth, classResources, classOperator, classSystem:
		return storage.CodeUnavailable
	}
	return storage.CodeInternal
}

// codeOf is the SQLSTATE of an error, "" if it has none.
func codeOf(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && len(e.Code) == 5 {
		return e.Code
	}
	return ""
}

// unreachable reports whether err, which has no SQLSTATE, comes from the way to
// the server.
func unreachable(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return true
	}
	for _, target := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, pgconn.ErrConnClosed,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}

// transient reports whether the same may succeed on another connection, or a
// moment later. A server that does not answer in time is not asked again.
func transient(err error) bool {
	if errors.Is(err, errAgain) {
		return true
	}
	switch code := codeOf(err); {
	case code == codeSerialization || code == codeDeadlock || code == codeTooMany:
		return true
	case code == codeCanceled:
		return false
	case code != "":
		return code[:2] == classConnection || code[:2] == classOperator
	}
	return unreachable(err) && !pgconn.Timeout(err) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// refused reports whether the server said that it did not do what it was told,
// and lives to do something else.
func refused(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR"
}

// errAgain ends an attempt at a transaction that another has overtaken.
var errAgain = errors.New("overtaken by another transaction")

// cause keeps an error for errors.Is and errors.As whose text may quote values,
// or tell where the database is and who we are there.
type cause struct{ err error }

func (c cause) Unwrap() error { return c.err }

func (c cause) Error() string {
	if e, ok := errors.AsType[*pgconn.PgError](c.err); ok {
		var b strings.Builder
		fmt.Fprintf(&b, "PostgreSQL refused with SQLSTATE %s", e.Code)
		if e.TableName != "" {
			fmt.Fprintf(&b, " in table %s", e.TableName)
		}
		if e.ConstraintName != "" {
			fmt.Fprintf(&b, ", constraint %s", e.ConstraintName)
		}
		return b.String()
	}
	if errors.Is(c.err, context.Canceled) {
		return context.Canceled.Error()
	}
	if pgconn.Timeout(c.err) || errors.Is(c.err, context.DeadlineExceeded) {
		return "PostgreSQL did not answer in time"
	}
	if errors.Is(c.err, errAgain) {
		return errAgain.Error()
	}
	if errno, ok := errors.AsType[syscall.Errno](c.err); ok {
		return "PostgreSQL cannot be reached: " + errno.Error()
	}
	if unreachable(c.err) {
		return "the connection to PostgreSQL is lost"
	}
	return fmt.Sprintf("%T", c.err)
}
