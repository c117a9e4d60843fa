package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/storage"
)

const (
	// headSize is how much of a value is in the indexes. With the longest place
	// before it, it must fit into an index entry, of which PostgreSQL's limit is
	// 2,704 bytes.
	headSize = 1000
	// maxPlace is the length from which a place is a digest.
	maxPlace = 200
)

// What sets a place apart from others of the same names.
const (
	living   byte = 0
	gone     byte = 1
	withTail byte = 2
	hidden   byte = 4 // of a record that is gone for good
	digested byte = 0x80
)

// place names a list, a record, a key or a counter within its workspace: two
// places are equal exactly if their mark and all their names are.
func place(mark byte, names ...string) []byte {
	n := 1
	for _, s := range names {
		n += binary.MaxVarintLen32 + len(s)
	}
	b := append(make([]byte, 0, n), mark)
	for _, s := range names {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	if len(b) > maxPlace {
		sum := sha256.Sum256(b)
		b = append(b[:0], mark|digested)
		b = append(b, sum[:]...)
	}
	return b
}

// within puts the number of a workspace before a place.
func within(workspace int64, place []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(place)), uint64(workspace)), place...)
}

// split cuts a value into head and tail.
func split(value string) (head, tail []byte) {
	n := min(len(value), headSize)
	return []byte(value[:n]), []byte(value[n:])
}

func markOf(r storage.Record) byte {
	if r.Living() {
		return living
	}
	return gone
}

// spot is where one key of a record stands in the entry table.
type spot struct {
	list, family, uniq []byte
	head, tail         []byte
}

func spotOf(workspace int64, r storage.Record, k storage.Key) spot {
	s := spot{}
	s.head, s.tail = split(k.Value)
	mark := markOf(r)
	if len(s.tail) > 0 {
		mark |= withTail
	}
	s.list = within(workspace, place(mark, r.Kind, k.Index))
	if r.Parent != "" {
		s.family = within(workspace, place(mark, r.Kind, k.Index, r.Parent))
	}
	if k.Unique && r.Living() {
		s.uniq = within(workspace, place(living, r.Kind, k.Index, k.Value))
	}
	return s
}

// familyOf is the list of the record's parent, nil without one.
func familyOf(workspace int64, r storage.Record) []byte {
	if r.Parent == "" {
		return nil
	}
	return within(workspace, place(markOf(r), r.Kind, r.Parent))
}

const columns = "r.seq, r.id, r.parent, r.created, r.updated, r.deleted, r.version, r.body"

// scanRecord reads the columns of a row, and what follows them into more; the
// kind is known from the query.
func scanRecord(kind string, rows pgx.Rows, more ...any) (storage.Record, error) {
	r := storage.Record{Kind: kind}
	var id, parent []byte
	var created, updated int64
	var deleted *int64
	into := append(make([]any, 0, 10), &r.Seq, &id, &parent, &created, &updated, &deleted, &r.Version, &r.Body)
	if err := rows.Scan(append(into, more...)...); err != nil {
		return storage.Record{}, err
	}
	r.ID, r.Parent = string(id), string(parent)
	r.Created, r.Updated = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC()
	if deleted != nil {
		r.Deleted = time.UnixMicro(*deleted).UTC()
	}
	return r, nil
}

const settingsColumns = "frozen, stands_at, runs_ahead, id_source, id_seed, data"

// settingsRow is the settings in the order of the columns. What a clock does not
// use is not kept.
func settingsRow(s storage.Settings) []any {
	at, ahead := int64(0), int64(s.Clock.Offset)
	if s.Clock.Frozen {
		at, ahead = s.Clock.At.UnixMicro(), 0
	}
	return []any{s.Clock.Frozen, at, ahead, []byte(s.IDs.Source), s.IDs.Seed, []byte(s.Data)}
}

// settingsScan is where the columns are read to.
type settingsScan struct {
	frozen    bool
	at, ahead int64
	source    []byte
	seed      int64
	data      []byte
}

func (s *settingsScan) columns() []any {
	return []any{&s.frozen, &s.at, &s.ahead, &s.source, &s.seed, &s.data}
}

func (s *settingsScan) settings() storage.Settings {
	out := storage.Settings{
		Clock: storage.Clock{Offset: time.Duration(s.ahead)},
		IDs:   storage.IDs{Source: storage.IDSource(s.source), Seed: s.seed},
		Data:  string(s.data),
	}
	if s.frozen {
		out.Clock = out.Clock.Freeze(time.UnixMicro(s.at))
	}
	return out
}
