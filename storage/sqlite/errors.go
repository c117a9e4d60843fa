package sqlite

import (
	"errors"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/understudy-api/understudy/storage"
)

// mapError is the one place where an error of SQLite gets its kind: by code,
// never by text. Errors that have a kind already pass through.
func mapError(op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*storage.Error](err); ok {
		return e
	}
	kind := storage.KindInternal
	if e, ok := errors.AsType[*driver.Error](err); ok {
		switch e.Code() {
		case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY:
			kind = storage.KindConflict
		default:
			switch e.Code() & 0xff { // the primary code
			case codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_NOMEM, codes.SQLITE_READONLY,
				codes.SQLITE_INTERRUPT, codes.SQLITE_IOERR, codes.SQLITE_FULL, codes.SQLITE_CANTOPEN,
				codes.SQLITE_PROTOCOL, codes.SQLITE_PERM, codes.SQLITE_AUTH:
				kind = storage.KindUnavailable
			case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
				kind = storage.KindCorrupt
			case codes.SQLITE_TOOBIG:
				kind = storage.KindInvalid
			}
		}
	}
	return &storage.Error{Kind: kind, Op: op, Err: err}
}

// fatal reports whether a statement that failed with err may have taken the
// transaction with it. Only a refused constraint and an oversized value are
// known to undo no more than their own statement.
func fatal(err error) bool {
	switch storage.KindOf(err) {
	case storage.KindConflict, storage.KindInvalid, storage.KindNotFound:
		return false
	case storage.KindUnavailable, storage.KindCorrupt, storage.KindInternal:
	}
	return true
}

func failure(kind storage.Kind, op, why string) error {
	return &storage.Error{Kind: kind, Op: op, Err: errors.New(why)}
}
