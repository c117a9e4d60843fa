package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
)

// Rules runs the conditions of column rules in a database in memory that holds
// nothing. They are in SQLite's SQL. It is used by one diff at a time, and closed
// by whom it was made for.
type Rules struct {
	db *sql.DB
	c  *sql.Conn

	statements []io.Closer
}

// NewRules opens the database.
func NewRules(ctx context.Context) (*Rules, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	c, err := db.Conn(ctx)
	if err == nil {
		_, err = c.ExecContext(ctx, "PRAGMA query_only = 1")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Rules{db: db, c: c}, nil
}

// Close closes the database.
func (r *Rules) Close() error {
	var failed []error
	for _, s := range r.statements {
		failed = append(failed, s.Close())
	}
	return errors.Join(append(failed, r.c.Close(), r.db.Close())...)
}

// Rule makes a function of a condition, in which {a} and {b} are the two values.
// Unknown, as of NULL, is not equal.
func (r *Rules) Rule(condition string, of datadiff.Datatype) (func(a, b []byte) (bool, error), error) {
	if !sqldb.OneStatement(condition) {
		return nil, errors.New("a rule is one condition")
	}
	query := "SELECT (" + strings.NewReplacer("{a}", "?1", "{b}", "?2").Replace(condition) + "\n) IS TRUE"
	statement, err := r.c.PrepareContext(context.Background(), query) //nolint:sqlclosecheck // Close does
	if err != nil {
		return nil, err
	}
	r.statements = append(r.statements, statement)
	call := func(a, b []byte) (equal bool, err error) {
		// A condition that names one value is handed no other.
		args := []any{value(a, of), value(b, of)}
		if !strings.Contains(query, "?2") {
			args = args[:1]
		}
		if !strings.Contains(query, "?") {
			args = nil
		}
		err = statement.QueryRowContext(context.Background(), args...).Scan(&equal)
		return equal, err
	}
	if _, err := call(nil, nil); err != nil {
		return nil, fmt.Errorf("cannot be run: %w", err)
	}
	return call, nil
}

// value is a text as SQLite calculates with it.
func value(text []byte, of datadiff.Datatype) any {
	if text == nil {
		return nil
	}
	switch of {
	case datadiff.Boolean:
		return bytes.Equal(text, []byte("1")) || bytes.HasPrefix(text, []byte("t"))
	case datadiff.Integer, datadiff.Year, datadiff.Decimal, datadiff.UnboundedDecimal, datadiff.Float:
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseFloat(string(text), 64); err == nil {
			return n
		}
	}
	return string(text)
}
