package storage

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// Cursor is a place in an ordered list: behind one record, wherever that record
// is now and even if it is gone. It is opaque, safe in URLs, and valid for
// queries with the same Index and direction, with any driver.
type Cursor string

// Validate returns a CodeInvalid error if the query contradicts itself. Drivers
// call it first.
func (q Query) Validate() error {
	switch {
	case q.Limit < 0:
		return invalidQuery("negative limit")
	case q.Offset < 0:
		return invalidQuery("negative offset")
	case q.Index == "" && q.Own() != nil:
		return invalidQuery("a condition on values needs an index")
	}
	for _, c := range q.Where {
		if c.Index == "" {
			return invalidQuery("a condition needs an index")
		}
	}
	return nil
}

// Filtered reports whether the query selects by value, so that its total has to
// be counted.
func (q Query) Filtered() bool { return q.Own() != nil || len(q.Where) > 0 }

// Own is the condition on the index that orders, nil if there is none.
func (q Query) Own() *Condition {
	if q.Equal == nil && q.Prefix == "" && q.Contains == "" {
		return nil
	}
	c := Condition{Index: q.Index, Prefix: q.Prefix, Contains: q.Contains}
	if q.Equal != nil {
		c.In = []string{*q.Equal}
	}
	return &c
}

const (
	cursorVersion    = 1
	cursorDescending = 1 << 7
)

// CursorAfter makes the cursor behind the record with this value in the query's
// index (ignored in insertion order) and this sequence number. It is for drivers.
func (q Query) CursorAfter(value string, seq int64) Cursor {
	head := byte(cursorVersion)
	if q.Descending {
		head |= cursorDescending
	}
	b := binary.AppendUvarint([]byte{head}, uint64(seq))
	b = binary.AppendUvarint(b, uint64(len(q.Index)))
	b = append(b, q.Index...)
	if q.Index != "" {
		b = append(b, value...)
	}
	return Cursor(base64.RawURLEncoding.EncodeToString(b))
}

// Position is the inverse of CursorAfter for q.After, which must not be "". A
// cursor of another order is CodeInvalid. It is for drivers.
func (q Query) Position() (value string, seq int64, err error) {
	bad := func() (string, int64, error) {
		return "", 0, invalidQuery("cursor is not of this list")
	}
	b, err := base64.RawURLEncoding.DecodeString(string(q.After))
	if err != nil || len(b) == 0 || b[0]&^cursorDescending != cursorVersion {
		return bad()
	}
	if (b[0]&cursorDescending != 0) != q.Descending {
		return bad()
	}
	b = b[1:]
	s, n := binary.Uvarint(b)
	if n <= 0 || int64(s) < 0 {
		return bad()
	}
	b = b[n:]
	l, n := binary.Uvarint(b)
	if n <= 0 || l > uint64(len(b)-n) {
		return bad()
	}
	b = b[n:]
	if string(b[:l]) != q.Index {
		return bad()
	}
	b = b[l:]
	if q.Index == "" && len(b) > 0 {
		return bad()
	}
	return string(b), int64(s), nil
}

func invalidQuery(why string) error {
	return &Error{Code: CodeInvalid, Op: "list", Err: errors.New(why)}
}
