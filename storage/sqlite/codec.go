package sqlite

import (
	"database/sql/driver"
	"time"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

const (
	columns   = "r.key, r.id, r.parent, r.gone, r.created, r.updated, r.deleted, r.version, r.body"
	keyColumn = 9 // the column that follows them
)

// scanRecord reads the columns of a row; the kind is known from the query.
func scanRecord(kind string, v []driver.Value) storage.Record {
	r := storage.Record{
		Kind:    kind,
		ID:      text(v[1]),
		Parent:  text(v[2]),
		Seq:     book.SeqOf(integer(v[0])),
		Created: time.UnixMicro(integer(v[4])).UTC(),
		Updated: time.UnixMicro(integer(v[5])).UTC(),
		Version: integer(v[7]),
		Body:    blob(v[8]),
	}
	if integer(v[3]) != 0 {
		r.Deleted = time.UnixMicro(integer(v[6])).UTC()
	}
	return r
}

// goneOf is the columns that say whether a record is deleted, and when.
func goneOf(r storage.Record) (gone, deleted int64) {
	if r.Living() {
		return 0, 0
	}
	return 1, r.Deleted.UnixMicro()
}

// scanCounter reads the columns of a counter.
func scanCounter(v []driver.Value) book.Counter {
	return book.Counter{Last: integer(v[0]), Living: integer(v[1]), Gone: integer(v[2]), OwnLiving: integer(v[3]), OwnGone: integer(v[4])}
}

// settingsRow is the settings as the workspace table keeps them, in the order of
// scanSettings. What a clock does not use is not kept.
func settingsRow(s storage.Settings) []any {
	frozen, at, ahead := int64(0), int64(0), int64(s.Clock.Offset)
	if s.Clock.Frozen {
		frozen, at, ahead = 1, s.Clock.At.UnixMicro(), 0
	}
	return []any{frozen, at, ahead, string(s.IDs.Source), s.IDs.Seed, s.Data}
}

func scanSettings(v []driver.Value) storage.Settings {
	s := storage.Settings{
		Clock: storage.Clock{Offset: time.Duration(integer(v[2]))},
		IDs:   storage.IDs{Source: storage.IDSource(text(v[3])), Seed: integer(v[4])},
		Data:  text(v[5]),
	}
	if integer(v[0]) != 0 {
		s.Clock = s.Clock.Freeze(time.UnixMicro(integer(v[1])))
	}
	return s
}

// The tables are STRICT: a column has no other type than its own.
func integer(v driver.Value) int64 { n, _ := v.(int64); return n }
func text(v driver.Value) string   { s, _ := v.(string); return s }
func blob(v driver.Value) []byte   { b, _ := v.([]byte); return b }
