package sqlite

import (
	"cmp"
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
	sp, err := t.space(op)
	if err != nil || sp.number == 0 || kind == "" {
		return storage.Page{}, err
	}
	if few, ok, err := t.few(op, sp.seen(), kind, q); err != nil || ok {
		if err != nil {
			return storage.Page{}, err
		}
		return q.Select(few)
	}
	lists := make([]statement, 0, 4)
	for i, layer := range sp.seen() {
		lists = append(lists, listing(layer, sp.seen()[:i], kind, q, after))
	}
	read := t.merged
	if len(lists) == 1 {
		read = t.page
	}
	page, more, err := read(op, kind, q, lists)
	if err != nil {
		return storage.Page{}, err
	}
	page.Total, err = t.total(op, sp, kind, q, lists, int64(len(page.Records)), more)
	return page, err
}

// page is the page of a list in one layer.
func (t *txn) page(op, kind string, q storage.Query, lists []statement) (page storage.Page, more bool, err error) {
	if q.Limit > 0 {
		page.Records = make([]storage.Record, 0, min(q.Limit, 128))
	}
	var last string
	var bytes storage.PageBytes
	err = t.query(op, lists[0].sql, func(v []driver.Value) error {
		if q.Limit > 0 && len(page.Records) == q.Limit {
			more = true
			return nil
		}
		if r := scanRecord(kind, v); bytes.Add(t.name, r) {
			page.Records = append(page.Records, r)
		}
		if q.Index != "" {
			last = text(v[keyColumn])
		}
		return nil
	}, lists[0].args...)
	if err == nil {
		err = bytes.Check(op, kind)
	}
	if err == nil && more {
		page.Next = q.CursorAfter(last, page.Records[len(page.Records)-1].Seq)
	}
	return page, more, err
}

// merged is the page of a list in several layers: each gives its part of what comes
// first, and of that the page is cut before the records are read.
func (t *txn) merged(op, kind string, q storage.Query, lists []statement) (page storage.Page, more bool, err error) {
	type spot struct {
		place
		key int64
	}
	var spots []spot
	for _, list := range lists {
		if err := t.query(op, list.placesSQL, func(v []driver.Value) error {
			key := integer(v[0])
			spots = append(spots, spot{place{text(v[1]), book.SeqOf(key)}, key})
			return nil
		}, list.placesArgs...); err != nil {
			return page, false, err
		}
	}
	slices.SortFunc(spots, func(a, b spot) int {
		by := cmp.Or(strings.Compare(a.value, b.value), cmp.Compare(a.seq, b.seq))
		if q.Descending {
			return -by
		}
		return by
	})
	spots = spots[min(q.Offset, len(spots)):]
	if q.Limit > 0 && len(spots) > q.Limit {
		spots, more = spots[:q.Limit], true
		last := spots[q.Limit-1]
		page.Next = q.CursorAfter(last.value, last.seq)
	}
	page.Records = make([]storage.Record, 0, len(spots))
	var bytes storage.PageBytes
	for _, s := range spots {
		if err := t.query(op, "SELECT "+columns+" FROM record r WHERE r.key = ?", func(v []driver.Value) error {
			r := scanRecord(kind, v)
			page.Records = append(page.Records, r)
			bytes.Add(t.name, r)
			return nil
		}, s.key); err != nil {
			return page, false, err
		}
		if err := bytes.Check(op, kind); err != nil {
			return storage.Page{}, false, err
		}
	}
	return page, more, nil
}

// total counts what matches on all pages.
func (t *txn) total(op string, sp *space, kind string, q storage.Query, lists []statement, got int64, more bool) (int64, error) {
	if !q.Filtered() {
		n, err := t.counter(op, sp, kind, book.Listed(kind, q).Name)
		return n.Total(q), err
	}
	if !more && book.Whole(q) {
		return got, nil // this page is all there is
	}
	var n int64
	for _, list := range lists {
		if err := t.query(op, list.countSQL, func(v []driver.Value) error {
			n += integer(v[0])
			return nil
		}, list.countArgs...); err != nil {
			return 0, err
		}
	}
	return n, nil
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
	// The keys and values of what is on the page, and before it.
	placesSQL  string
	placesArgs []any
}

// notIn is the condition of SQL that newer layers have nothing of the record of a row,
// behind AND.
func notIn(row string, newer []int64) (sql string, args []any) {
	if len(newer) == 0 {
		return "", nil
	}
	for _, layer := range newer {
		args = append(args, book.KeyOf(layer, 0))
	}
	// One look-up for each, until one finds something.
	return strings.Repeat(" AND NOT EXISTS (SELECT 1 FROM record s WHERE s.key = ? + ("+row+".key & 4294967295))", len(newer)), args
}

// listing builds the statements for a page of what lies in a layer and not in newer
// ones. INDEXED BY makes a plan that does not use the index an error instead of a slow
// answer.
func listing(ws int64, newer []int64, kind string, q storage.Query, after *place) (l statement) {
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
	hidden, hiddenArgs := notIn("r", newer)
	where.WriteString(hidden)
	args = append(args, hiddenArgs...)
	l.countSQL = "SELECT count(*) FROM " + from.String() + where.String()
	l.countArgs = append([]any(nil), args...)
	if own == nil && len(q.Selecting()) > 0 {
		l.countSQL, l.countArgs = counting(ws, newer, kind, q)
	}
	if q.Index == "" {
		if after != nil {
			and("r.key "+beyond+" ?", []any{book.KeyOf(ws, after.seq)})
		}
		of := " FROM " + from.String() + where.String() + " ORDER BY r.key" + direction
		l.sql = "SELECT " + columns + of + " LIMIT ? OFFSET ?"
		l.placesSQL = "SELECT r.key, ''" + of + " LIMIT ?"
	} else {
		if after != nil {
			and("(r.value, r.key) "+beyond+" (?, ?)", []any{after.value, book.KeyOf(ws, after.seq)})
		}
		// The page is cut from the entries first, so that skipped records are
		// not looked up.
		of := " FROM " + from.String() + where.String() + " ORDER BY r.value" + direction + ", r.key" + direction
		l.placesSQL = "SELECT r.key, r.value" + of + " LIMIT ?"
		l.sql = "SELECT " + columns + ", e.value FROM (SELECT r.value, r.key" + of + " LIMIT ? OFFSET ?) e" +
			" CROSS JOIN record r ON r.key = e.key ORDER BY e.value" + direction + ", e.key" + direction
	}
	l.args = slices.Concat(args, []any{limit, int64(q.Offset)})
	if limit >= 0 {
		limit += int64(q.Offset)
	}
	l.placesArgs = append(slices.Clip(args), limit)
	return l
}

// counting is the statement for how many records meet the conditions of a query that
// has none on the index which orders: by an entry for the condition that is the most
// likely to select few.
func counting(ws int64, newer []int64, kind string, q storage.Query) (sql string, args []any) {
	c, others := book.CountedBy(q)
	of, args := meeting("e", ws, kind, q, c)
	sql = "SELECT count(DISTINCT e.key)" + of
	var also strings.Builder
	for _, c := range others {
		condition, values := met("e", ws, kind, q, c)
		also.WriteString(" AND " + condition)
		args = append(args, values...)
	}
	hidden, values := notIn("e", newer)
	return sql + also.String() + hidden, append(args, values...)
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
func (t *txn) few(op string, layers []int64, kind string, q storage.Query) (_ []storage.Candidate, ok bool, err error) {
	best, ok, err := book.Few(q, func(alternatives []storage.Condition, limit int64) (keys []int64, err error) {
		var sql []string
		var values []any
		for i, layer := range layers {
			hidden, newer := notIn("f", layers[:i])
			for _, part := range alternatives {
				of, v := meeting("f", layer, kind, q, part)
				sql, values = append(sql, "SELECT f.key"+of+hidden), slices.Concat(values, v, newer)
			}
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
