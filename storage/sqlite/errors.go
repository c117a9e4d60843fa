package sqlite

import (
	"errors"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/understudy-api/understudy/storage"
)

// mapError is the one place where an error of SQLite gets its code: by SQLite's,
// never by text. Errors that have a code already pass through.
func mapError(op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*storage.Error](err); ok {
		return e
	}
	code := storage.CodeInternal
	if e, ok := errors.AsType[*driver.Error](err); ok {
		switch e.Code() {
		case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY:
			code = storage.CodeConflict
		default:
			switch e.Code() & 0xff { // the primary code
			case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_NOMEM, codes.SQLITE_READONLY,
				codes.SQLITE_INTERRUPT, codes.SQLITE_IOERR, codes.SQLITE_FULL, codes.SQLITE_CANTOPEN,
				codes.SQLITE_PROTOCOL, codes.SQLITE_PERM, codes.SQLITE_AUTH:
				code = storage.CodeUnavailable
			case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
				code = storage.CodeCorrupt
			case codes.SQLITE_TOOBIG:
				code = storage.CodeInvalid
			}
		}
	}
	return &storage.Error{Code: code, Op: op, Err: err}
}

// fatal reports whether a statement that failed with err may have taken the
// transaction with it. Only a refused constraint and an oversized value are
// known to undo no more than their own statement.
func fatal(err error) bool {
	switch storage.CodeOf(err) {
	case storage.CodeConflict, storage.CodeInvalid, storage.CodeNotFound:
		return false
	case storage.CodeUnavailable, storage.CodeCorrupt, storage.CodeInternal:
	}
	return true
}
