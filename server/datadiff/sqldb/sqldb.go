// Package sqldb is what dialects share whose drivers are those of database/sql.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/datadiff"
)

// Read runs a query for a [datadiff.Conn]. Text writes a value, nil being NULL; the
// slice that it is handed is to be appended to. Judge says of what kind a driver's
// error is.
func Read(ctx context.Context, conn *sql.Conn, timeout time.Duration, query string,
	text func(into []byte, value any) []byte, judge func(error) *datadiff.Error, each func(line []byte) error,
) (err error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	var own error
	defer func() {
		switch {
		case err == nil || own != nil:
		case ctx.Err() != nil:
			err = &datadiff.Error{Kind: datadiff.Cancelled, Value: "the diff was cancelled", Err: context.Cause(ctx)}
		case limited.Err() != nil:
			err = TimedOut(timeout, err)
		default:
			err = judge(err)
		}
	}()
	rows, err := conn.QueryContext(limited, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &raw{value: &values[i]}
	}
	var line, field []byte
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		line = line[:0]
		for i, value := range values {
			if value == nil {
				line = datadiff.AppendField(line, nil, i == 0)
				continue
			}
			if bytes, ok := value.([]byte); ok && text == nil {
				line = datadiff.AppendField(line, notNil(bytes), i == 0)
				continue
			}
			field = text(field[:0], value)
			line = datadiff.AppendField(line, notNil(field), i == 0)
		}
		if own = each(line); own != nil {
			return own
		}
	}
	return rows.Err()
}

// raw takes a driver's value as it is, without a copy: it is used up before the next
// row.
type raw struct{ value *any }

// Scan implements [sql.Scanner].
func (r *raw) Scan(value any) error {
	*r.value = value
	return nil
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// TimedOut is the error of a statement that took too long.
func TimedOut(timeout time.Duration, err error) *datadiff.Error {
	return &datadiff.Error{Kind: datadiff.TimedOut, Value: fmt.Sprintf("a statement took longer than %v", timeout), Err: err}
}

// Quote quotes an identifier, doubling the quote within it.
func Quote(identifier, quote string) string {
	return quote + strings.ReplaceAll(identifier, quote, quote+quote) + quote
}

// Path is a table's path with each part quoted.
func Path(parts []string, quote string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = Quote(p, quote)
	}
	return strings.Join(quoted, ".")
}

// OneStatement says whether a text of SQL has no semicolon but at its end: outside
// of quotes and comments.
func OneStatement(query string) bool {
	ended := false
	for i := 0; i < len(query); {
		c := query[i]
		rest := query[i:]
		comment := datadiff.Comment(rest)
		skip := max(1, comment, datadiff.Quoted(rest))
		switch {
		case comment > 0:
		case c == ';':
			ended = true
		case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		case ended:
			return false
		case c == '[':
			skip = strings.IndexByte(rest, ']') + 1
			if skip == 0 {
				skip = len(rest)
			}
		}
		i += skip
	}
	return true
}
