package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"github.com/understudy-api/understudy/server/datadiff"
)

// embedded counts the databases in memory, whose names have to differ.
var embedded atomic.Int64

// The bounds of an embedded database.
const (
	MaxEmbedded = 64 << 20 // bytes
	embedTime   = 20 * time.Second

	limitAttached = 7 // SQLITE_LIMIT_ATTACHED
)

// Embed is the source of a database in memory that a script of SQL fills. The script
// reaches no file, and its database is no larger than MaxEmbedded. Kinds of errors:
// Invalid, TimedOut, Cancelled.
func Embed(ctx context.Context, script string, o Options) (*Source, error) {
	db, err := sql.Open("sqlite", fmt.Sprintf("file:/understudy-%d?vfs=memdb&_pragma=busy_timeout(5000)", embedded.Add(1)))
	if err != nil {
		return nil, err
	}
	// The database lives as long as one connection does.
	db.SetMaxIdleConns(max(1, o.Connections))
	if err := fill(ctx, db, script); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return New(db, o), nil
}

func fill(ctx context.Context, db *sql.DB, script string) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // it stays in the pool
	// Without databases to attach no statement reaches a file: VACUUM INTO neither.
	before, err := sqlite.Limit(c, limitAttached, 0)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, embedTime)
	defer cancel()
	const pageSize = 4096
	if _, err = c.ExecContext(limited, fmt.Sprintf("PRAGMA max_page_count = %d", MaxEmbedded/pageSize)); err == nil {
		_, err = c.ExecContext(limited, script)
	}
	switch {
	case ctx.Err() != nil:
		return &datadiff.Error{Kind: datadiff.Cancelled, Value: "the diff was cancelled", Err: err}
	case limited.Err() != nil:
		return &datadiff.Error{Kind: datadiff.TimedOut, Value: fmt.Sprintf("the script took longer than %v", embedTime), Err: err}
	case err != nil:
		return &datadiff.Error{Kind: datadiff.Invalid, Value: "the script: " + err.Error(), Err: err}
	}
	var pages int64
	if err := c.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return err
	}
	if pages*pageSize > MaxEmbedded { // the script may have said so itself
		return &datadiff.Error{Kind: datadiff.Invalid, Value: fmt.Sprintf("the database is larger than %d MiB", MaxEmbedded>>20)}
	}
	// A transaction that the script left open would hide what it did; mostly there is
	// none, which is an error.
	_, _ = c.ExecContext(ctx, "COMMIT")
	_, err = sqlite.Limit(c, limitAttached, before)
	return err
}
