package sqlite

import (
	"database/sql/driver"
	"math/bits"
	"slices"
	"strings"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

// List implements [storage.ReadTx].
func (t *txn) List(kind string, q storage.Query) (storage.Page, error) {
	const op = "list"
	if err := q.Validate(); err != nil {
		return storage.Page{}, err
	}
	var after *place
	if q.After != "" {
		value, seq, err := q.Position()
		if err != nil {
			return storage.Page{}, err
		}
		after = &place{value, seq}
	}
	ws, err := t.workspace(op)
	if err != nil || ws == 0 || kind == "" {
		return storage.Page{}, err
	}
	if few, ok, err := t.few(op, ws, kind, q); err != nil || ok {
		if err != nil {
			return storage.Page{}, err
		}
		return q.Select(few)
	}
	list := listing(ws, kind, q, after)
	page := storage.Page{}
	if q.Limit > 0 {
		page.Records = make([]storage.Record, 0, min(q.Limit, 128))
	}
	var last string
	more := false
	err = t.query(op, list.sql, func(v []driver.Value) error {
		if q.Limit > 0 && len(page.Records) == q.Limit {
			more = true
			return nil
		}
		page.Records = append(page.Records, scanRecord(kind, v))
		if q.Index != "" {
			last = text(v[keyColumn])
		}
		return nil
	}, list.args...)
	if err != nil {
		return storage.Page{}, err
	}
	if more {
		page.Next = q.CursorAfter(last, page.Records[len(page.Records)-1].Seq)
	}
	page.Total, err = t.total(op, ws, kind, q, list, int64(len(page.Records)), more)
	return page, err
}

// total counts what matches on all pages.
func (t *txn) total(op string, ws int64, kind string, q storage.Query, list statement, got int64, more bool) (int64, error) {
	if q.Filtered() {
		if !more && book.Whole(q) {
			return got, nil // this page is all there is
		}
		var n int64
		err := t.query(op, list.countSQL, func(v []driver.Value) error {
			n = integer(v[0])
			return nil
		}, list.countArgs...)
		return n, err
	}
	n, err := t.counter(op, ws, kind, book.Listed(kind, q).Name)
	return n.Total(q), err
}

type place struct {
	value string
	seq   int64
}

type statement struct {
	sql       string
	args      []any
	countSQL  string
	countArgs []any
}

// listing builds the statements for a page. INDEXED BY makes a plan that does
// not use the index an error instead of a slow answer.
func listing(ws int64, kind string, q storage.Query, after *place) (l statement) {
	gone := int64(0)
	if q.Deleted {
		gone = 1
	}
	direction, beyond := "", ">"
	if q.Descending {
		direction, beyond = " DESC", "<"
	}
	limit := int64(-1)
	if q.Limit > 0 {
		limit = int64(q.Limit) + 1
	}
	inParent := q.Parent != nil && *q.Parent != ""
	var from, where strings.Builder
	args := []any{ws, kind}
	and := func(condition string, values []any) {
		where.WriteString(" AND ")
		where.WriteString(condition)
		args = append(args, values...)
	}
	index := "order"
	if q.Index != "" {
		index = "value"
	}
	if inParent {
		index = "parent"
	}
	switch {
	case q.Index == "":
		from.WriteString("record r INDEXED BY record_" + index)
	case inParent:
		from.WriteString("entry r INDEXED BY entry_parent")
	default:
		from.WriteString("entry r") // its primary key
	}
	where.WriteString(" WHERE r.workspace = ? AND r.kind = ?")
	if inParent {
		and("r.parent = ? AND r.parent <> ''", []any{*q.Parent}) // the latter admits the partial index
	}
	if q.Index != "" {
		and("r.name = ?", []any{q.Index})
	}
	and("r.gone = ?", []any{gone})
	if q.Parent != nil && !inParent {
		and("r.parent = ''", nil)
	}
	own := q.Own()
	if own != nil {
		and(selecting("r", *own))
	}
	for _, c := range q.Selecting() {
		and(met("r", ws, kind, q, c))
	}
	l.countSQL = "SELECT count(*) FROM " + from.String() + where.String()
	l.countArgs = append([]any(nil), args...)
	if own == nil && len(q.Selecting()) > 0 {
		l.countSQL, l.countArgs = counting(ws, kind, q)
	}
	if q.Index == "" {
		if after != nil {
			and("r.key "+beyond+" ?", []any{book.KeyOf(ws, after.seq)})
		}
		l.sql = "SELECT " + columns + " FROM " + from.String() + where.String() +
			" ORDER BY r.key" + direction + " LIMIT ? OFFSET ?"
	} else {
		if after != nil {
			and("(r.value, r.key) "+beyond+" (?, ?)", []any{after.value, book.KeyOf(ws, after.seq)})
		}
		// The page is cut from the entries first, so that skipped records are
		// not looked up.
		l.sql = "SELECT " + columns + ", e.value FROM (SELECT r.value, r.key FROM " + from.String() + where.String() +
			" ORDER BY r.value" + direction + ", r.key" + direction + " LIMIT ? OFFSET ?) e" +
			" CROSS JOIN record r ON r.key = e.key ORDER BY e.value" + direction + ", e.key" + direction
	}
	l.args = slices.Concat(args, []any{limit, int64(q.Offset)})
	return l
}

// counting is the statement for how many records meet the conditions of a query that
// has none on the index which orders: by an entry for the condition that is the most
// likely to select few.
func counting(ws int64, kind string, q storage.Query) (sql string, args []any) {
	c, others := book.CountedBy(q)
	of, args := meeting("e", ws, kind, q, c)
	sql = "SELECT count(DISTINCT e.key)" + of
	var also strings.Builder
	for _, c := range others {
		condition, values := met("e", ws, kind, q, c)
		also.WriteString(" AND " + condition)
		args = append(args, values...)
	}
	return sql + also.String(), args
}

// met is the condition of SQL that the record of a row meets one of the query. A value
// leads to the entry that the record would have; of a range all entries are taken at
// once.
func met(row string, ws int64, kind string, q storage.Query, c storage.Condition) (sql string, values []any) {
	of, values := meeting("f", ws, kind, q, c)
	if len(c.In) == 1 {
		return "EXISTS (SELECT 1" + of + " AND f.key = " + row + ".key)", values
	}
	return row + ".key IN (SELECT f.key" + of + ")", values
}

// meeting is where the entries are by which records of a list meet one of its
// conditions.
func meeting(entry string, ws int64, kind string, q storage.Query, c storage.Condition) (sql string, values []any) {
	gone := int64(0)
	if q.Deleted {
		gone = 1
	}
	sql, values = " FROM entry "+entry+" WHERE ", []any{ws, kind, c.Index, gone}
	if q.Parent != nil {
		if *q.Parent != "" {
			sql = " FROM entry " + entry + " INDEXED BY entry_parent WHERE " + entry + ".parent <> '' AND "
		}
		sql += entry + ".parent = ? AND "
		values = slices.Insert(values, 0, any(*q.Parent))
	}
	condition, more := selecting(entry, c)
	sql += strings.ReplaceAll("f.workspace = ? AND f.kind = ? AND f.name = ? AND f.gone = ? AND ", "f.", entry+".")
	return sql + condition, append(values, more...)
}

// selecting is the condition of SQL for the value of an entry.
func selecting(entry string, c storage.Condition) (sql string, values []any) {
	parts := []string{"TRUE"}
	and := func(part string, v ...any) {
		parts = append(parts, entry+"."+part)
		values = append(values, v...)
	}
	switch len(c.In) {
	case 0:
		if c.In != nil {
			parts = append(parts, "FALSE")
		}
	case 1:
		and("value = ?", c.In[0])
	default: // few texts of statements, hence the last value several times
		n := 1 << bits.Len(uint(len(c.In)-1))
		and("value IN (?" + strings.Repeat(", ?", n-1) + ")")
		for i := range n {
			values = append(values, c.In[min(i, len(c.In)-1)])
		}
	}
	if c.Prefix != "" {
		and("value >= ?", c.Prefix)
		and("value < ?", storage.BeyondPrefix(c.Prefix))
	}
	if c.From != nil {
		and("value >= ?", *c.From)
	}
	if c.Below != nil {
		and("value < ?", *c.Below)
	}
	if c.Contains != "" {
		parts = append(parts, "instr("+entry+".value, ?) > 0")
		values = append(values, c.Contains)
	}
	return strings.Join(parts, " AND "), values
}

// few is what the condition selects that the fewest records meet; not ok if they are
// not few or if the query has no conditions but that of its order.
func (t *txn) few(op string, ws int64, kind string, q storage.Query) (_ []storage.Candidate, ok bool, err error) {
	best, ok, err := book.Few(q, func(alternatives []storage.Condition, limit int64) (keys []int64, err error) {
		var sql []string
		var values []any
		for _, part := range alternatives {
			of, v := meeting("f", ws, kind, q, part)
			sql, values = append(sql, "SELECT f.key"+of), append(values, v...)
		}
		err = t.query(op, "SELECT DISTINCT key FROM ("+strings.Join(sql, " UNION ALL ")+") LIMIT ?", func(v []driver.Value) error {
			keys = append(keys, integer(v[0]))
			return nil
		}, append(values, limit)...)
		return keys, err
	})
	if err != nil || !ok {
		return nil, false, err
	}
	candidates := make([]storage.Candidate, 0, len(best))
	for _, key := range best {
		if err := t.query(op, "SELECT "+columns+", r.keys FROM record r WHERE r.key = ?", func(v []driver.Value) error {
			keys, err := storage.DecodeKeys(blob(v[keyColumn]))
			candidates = append(candidates, storage.Candidate{Record: scanRecord(kind, v), Keys: keys})
			return err
		}, key); err != nil {
			return nil, false, err
		}
	}
	return candidates, true, nil
}
