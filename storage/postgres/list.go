package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/internal/book"
)

const (
	// numberOf is the number of the workspace whose digest is $1. It is null, and
	// so is every place that begins with it, if there is none.
	numberOf = "(SELECT number FROM workspace WHERE digest = $1::bytea)"
	// topOf is the number of its newest layer, with which places begin.
	topOf  = "(SELECT coalesce(layers[1], number) FROM workspace WHERE digest = $1::bytea)"
	inside = "(SELECT int8send(coalesce(layers[1], number)) FROM workspace WHERE digest = $1::bytea) || "

	// recordsOf looks up the records that a page of entries belongs to, one by
	// one: OFFSET 0 leaves the planner no other way.
	recordsOf       = " CROSS JOIN LATERAL (SELECT " + columns + " FROM record r WHERE r.key = p.key OFFSET 0) r"
	recordsWithKeys = " CROSS JOIN LATERAL (SELECT " + columns + ", r.keys FROM record r WHERE r.key = p.key OFFSET 0) r"
)

// spotAfter is where a page begins: behind a value and a sequence number.
type spotAfter struct {
	value string
	seq   int64
}

// layer is where a list is looked up: in the only layer of the workspace whose digest
// is $1, or in one of several, of which newer ones hide records.
type layer struct {
	digest []byte
	number int64
	newer  []int64
}

// start is a listing without conditions.
func (a layer) start() *listing {
	if a.digest != nil {
		return &listing{at: a, args: []any{a.digest}}
	}
	return &listing{at: a}
}

// hiddenBy is the condition that newer layers have nothing of the record of a row,
// behind AND. It is a question for each row, and no join, which the planner would put
// elsewhere.
func hiddenBy(row string, newer []int64) string {
	var where strings.Builder
	for _, n := range newer {
		fmt.Fprintf(&where, " AND (SELECT s.key FROM record s WHERE s.key = %d + (%s.key & 4294967295)) IS NULL", book.KeyOf(n, 0), row)
	}
	return where.String()
}

// listing is the statements for a list.
type listing struct {
	at   layer
	args []any
	// page is the records of the page, and one more if there are more.
	page string
	// count is how many records the query selects by value.
	count     string
	countArgs []any
}

// newListing builds the statements for a query. after is nil at the beginning.
func newListing(a layer, kind string, q storage.Query, after *spotAfter) *listing {
	l := a.start()
	if q.Index == "" {
		l.byInsertion(kind, q, after)
	} else {
		l.byValue(kind, q, after)
	}
	return l
}

// place is the place of a list in the layer.
func (l *listing) place(p []byte) string {
	if l.at.digest != nil {
		return inside + l.arg(p)
	}
	return l.arg(within(l.at.number, p))
}

// arg adds an argument and gives its name in the statement.
func (l *listing) arg(v any) string {
	l.args = append(l.args, v)
	as := "bigint"
	switch v.(type) {
	case []byte:
		as = "bytea"
	case [][]byte:
		as = "bytea[]"
	}
	return fmt.Sprintf("$%d::%s", len(l.args), as)
}

// in is the condition of a row, by its name and a point or "", that names the list: the one column by which the one index
// leads to it.
func (l *listing) in(row string, mark byte, q storage.Query, names ...string) string {
	if q.Deleted {
		mark |= gone
	}
	if q.Parent != nil && *q.Parent != "" {
		return row + "family = " + l.place(place(mark, append(names, *q.Parent)...))
	}
	where := row + "list = " + l.place(place(mark, names...))
	if q.Parent != nil {
		where += " AND " + row + "family IS NULL"
	}
	return where
}

// cut limits a page.
func (l *listing) cut(q storage.Query) string {
	cut := ""
	if q.Limit > 0 {
		cut = " LIMIT " + l.arg(int64(q.Limit)+1)
	}
	if q.Offset > 0 {
		cut += " OFFSET " + l.arg(int64(q.Offset))
	}
	return cut
}

// cutPart limits what is taken for a page from one of two parts.
func (l *listing) cutPart(q storage.Query) string {
	if q.Limit == 0 {
		return ""
	}
	return " LIMIT " + l.arg(int64(q.Limit)+1+int64(q.Offset))
}

func (l *listing) byInsertion(kind string, q storage.Query, after *spotAfter) {
	direction, beyond := directionOf(q)
	where := l.in("", living, q, kind)
	where += l.allMet("r", kind, q, q.Selecting()) + hiddenBy("r", l.at.newer)
	l.count, l.countArgs = "SELECT count(*) FROM record r WHERE "+where, slices.Clone(l.args)
	if after != nil {
		where += " AND seq " + beyond + " " + l.arg(after.seq)
	}
	l.page = "SELECT " + columns + " FROM record r WHERE " + where + " ORDER BY seq" + direction + l.cut(q)
}

// byValue merges the list of the values without a tail and that of those with one,
// which is rarely longer than nothing. The page is cut before the records are
// looked up.
func (l *listing) byValue(kind string, q storage.Query, after *spotAfter) {
	direction, beyond := directionOf(q)
	order := func(columns ...string) string {
		return " ORDER BY " + strings.Join(columns, direction+", ") + direction
	}
	type part struct {
		mark  byte
		where string
	}
	var parts []part
	var counts []string
	for _, mark := range []byte{living, withTail} {
		if where, ok := l.selected(mark, kind, q); ok {
			parts = append(parts, part{mark, where})
			counts = append(counts, "(SELECT count(*) FROM entry WHERE "+where+")")
		}
	}
	if len(parts) == 0 {
		parts, counts = []part{{living, "false"}}, []string{"0"}
	}
	l.count, l.countArgs = "SELECT ("+strings.Join(counts, " + ")+")::bigint", slices.Clone(l.args)
	if q.Own() == nil && len(q.Selecting()) > 0 {
		l.count, l.countArgs = counting(l.at, kind, q)
	}
	var from []string
	for _, p := range parts {
		by := order("head", "key")
		if p.mark == withTail {
			by = order("head", "tail", "key")
		}
		if after != nil {
			p.where += l.behind(p.mark, q.Descending, beyond, *after)
		}
		from = append(from, "(SELECT head, tail, key FROM entry WHERE "+p.where+by+l.cutPart(q)+")")
	}
	l.page = "SELECT " + columns + ", p.head, p.tail FROM (SELECT a.head, a.tail, a.key FROM (" + strings.Join(from, " UNION ALL ") + ") a" +
		order("head", "tail", "key") + l.cut(q) + ") p" + recordsOf + order("p.head", "p.tail", "p.key")
}

// behind is the condition for what comes behind a place in one of the two lists.
func (l *listing) behind(mark byte, descending bool, beyond string, after spotAfter) string {
	head, tail := split(after.value)
	key := func() string {
		if l.at.digest == nil {
			return l.arg(book.KeyOf(l.at.number, after.seq))
		}
		return "((" + topOf + " << 32) + " + l.arg(after.seq) + ")"
	}
	switch {
	case mark == withTail: // and the same in terms of the index
		return fmt.Sprintf(" AND (head, tail, key) %s (%s, %s, %s) AND head %s= %s",
			beyond, l.arg(head), l.arg(tail), key(), beyond, l.arg(head))
	case len(tail) == 0:
		return fmt.Sprintf(" AND (head, key) %s (%s, %s)", beyond, l.arg(head), key())
	case descending: // a head alone comes before those with a tail
		return " AND head <= " + l.arg(head)
	}
	return " AND head > " + l.arg(head)
}

// selected is the condition for one of the two lists; not ok if no value of it can
// meet the query.
func (l *listing) selected(mark byte, kind string, q storage.Query) (where string, ok bool) {
	own := storage.Condition{}
	if c := q.Own(); c != nil {
		own = *c
	}
	condition, ok := l.selecting("", mark, own)
	if !ok {
		return "", false
	}
	where = l.in("", mark, q, kind, q.Index) + condition
	return where + l.allMet("entry", kind, q, q.Selecting()) + hiddenBy("entry", l.at.newer), true
}

// selecting is what a condition asks of the values in one of the two lists, each part
// behind AND; not ok if no value of it can meet the condition. row is the name of the
// entry and a point, or "".
func (l *listing) selecting(row string, mark byte, c storage.Condition) (where string, ok bool) {
	value, tailed := row+"head", mark&withTail != 0
	if tailed {
		value = row + "head || " + row + "tail"
	}
	prefixHead, prefixTail := split(c.Prefix)
	if len(prefixTail) > 0 && !tailed {
		return "", false
	}
	if c.In != nil {
		var heads, wholes [][]byte
		for _, v := range c.In {
			if head, tail := split(v); (len(tail) > 0) == tailed {
				heads, wholes = append(heads, head), append(wholes, []byte(v))
			}
		}
		switch len(heads) {
		case 0:
			return "", false
		case 1:
			where += " AND " + row + "head = " + l.arg(heads[0])
		default:
			where += " AND " + row + "head = ANY (" + l.arg(heads) + ")"
		}
		if tailed {
			where += " AND " + value + " = ANY (" + l.arg(wholes) + ")"
		}
	}
	if c.Prefix != "" {
		where += " AND " + row + "head >= " + l.arg(prefixHead)
		if beyond := storage.BeyondPrefix(string(prefixHead)); beyond != "" {
			where += " AND " + row + "head < " + l.arg([]byte(beyond))
		}
		if len(prefixTail) > 0 {
			where += " AND substr(" + row + "tail, 1, length(" + l.arg(prefixTail) + ")) = " + l.arg(prefixTail)
		}
	}
	bound := func(v *string, beyond, orEqual string) {
		if v == nil {
			return
		}
		if tailed { // by the index first
			head, _ := split(*v)
			where += " AND " + row + "head " + beyond + "= " + l.arg(head)
		}
		where += " AND " + value + " " + beyond + orEqual + " " + l.arg([]byte(*v))
	}
	bound(c.From, ">", "=")
	bound(c.Below, "<", "")
	if c.Contains != "" {
		where += " AND position(" + l.arg([]byte(c.Contains)) + " IN " + value + ") > 0"
	}
	return where, true
}

// keys is the statement for the keys of the records of a list that meet one of its
// conditions.
func (l *listing) keys(kind string, q storage.Query, c storage.Condition) string {
	var parts []string
	for _, mark := range []byte{living, withTail} {
		if condition, ok := l.selecting("f.", mark, c); ok {
			parts = append(parts, "SELECT f.key FROM entry f WHERE "+l.in("f.", mark, q, kind, c.Index)+condition)
		}
	}
	if len(parts) == 0 {
		if l.at.digest == nil {
			return "SELECT f.key FROM entry f WHERE false"
		}
		return "SELECT f.key FROM entry f WHERE $1::bytea IS NULL" // nothing
	}
	return strings.Join(parts, " UNION ALL ")
}

// met is the condition that the record of a row meets one of the query. A value leads
// to the entry that the record would have; of a range all entries are taken at once.
func (l *listing) met(row, kind string, q storage.Query, c storage.Condition) string {
	keys := l.keys(kind, q, c)
	if len(c.In) == 1 && len(c.In[0]) <= headSize {
		return "EXISTS (" + keys + " AND f.key = " + row + ".key)"
	}
	return row + ".key IN (" + keys + ")"
}

// allMet is met for several conditions, each behind AND.
func (l *listing) allMet(row, kind string, q storage.Query, conditions []storage.Condition) string {
	var where strings.Builder
	for _, c := range conditions {
		where.WriteString(" AND " + l.met(row, kind, q, c))
	}
	return where.String()
}

// counting is the statement for how many records meet the conditions of a query
// that has none on the index which orders.
func counting(a layer, kind string, q storage.Query) (sql string, args []any) {
	by, others := book.CountedBy(q)
	l := a.start()
	sql = "SELECT count(*) FROM (SELECT DISTINCT f.key FROM (" + l.keys(kind, q, by) + ") f) e WHERE true"
	return sql + l.allMet("e", kind, q, others) + hiddenBy("e", a.newer), l.args
}

// few is what the condition selects that the fewest records meet; not ok if they are
// not few or if the query has no conditions but that of its order.
func (t *txn) few(op, kind string, q storage.Query) (_ []storage.Candidate, ok bool, err error) {
	best, ok, err := book.Few(q, func(alternatives []storage.Condition, limit int64) (keys []int64, err error) {
		ask := func(a layer) question {
			l := a.start()
			var parts []string
			for _, part := range alternatives {
				parts = append(parts, l.keys(kind, q, part))
			}
			sql := "SELECT DISTINCT f.key FROM (" + strings.Join(parts, " UNION ALL ") + ") f WHERE true" + hiddenBy("f", a.newer) + " LIMIT " + l.arg(limit)
			return question{sql: sql, args: l.args, row: func(rows pgx.Rows) error {
				var key int64
				err := rows.Scan(&key)
				keys = append(keys, key)
				return err
			}}
		}
		err = t.everywhere(op, ask)
		return keys, err
	})
	if err != nil || !ok {
		return nil, false, err
	}
	candidates := make([]storage.Candidate, 0, len(best))
	err = t.query(op, question{
		sql:  "SELECT " + columns + ", r.keys FROM unnest($1::bigint[]) p (key)" + recordsWithKeys,
		args: []any{best},
		row: func(rows pgx.Rows) error {
			var packed []byte
			r, err := scanRecord(kind, rows, &packed)
			if err != nil {
				return err
			}
			keys, err := storage.DecodeKeys(packed)
			candidates = append(candidates, storage.Candidate{Record: r, Keys: keys})
			return err
		},
	})
	return candidates, true, err
}

// everywhere asks a question in the only layer, or in each.
func (t *txn) everywhere(op string, ask func(layer) question) error {
	if ok, err := t.flat(op, ask(layer{digest: t.digest})); ok || err != nil {
		return err
	}
	var questions []question
	for i, number := range t.layers {
		questions = append(questions, ask(layer{number: number, newer: t.layers[:i]}))
	}
	return t.query(op, questions...)
}

func directionOf(q storage.Query) (direction, beyond string) {
	if q.Descending {
		return " DESC", "<"
	}
	return "", ">"
}

// scanListed reads a row of a page, and the value by which it is there.
func scanListed(kind string, q storage.Query, rows pgx.Rows) (r storage.Record, value string, err error) {
	if q.Index == "" {
		r, err = scanRecord(kind, rows)
		return r, "", err
	}
	var head, tail []byte
	r, err = scanRecord(kind, rows, &head, &tail)
	return r, string(head) + string(tail), err
}

// List implements [storage.ReadTx].
func (t *txn) List(kind string, q storage.Query) (storage.Page, error) {
	const op = "list"
	if err := q.Validate(); err != nil {
		return storage.Page{}, err
	}
	var after *spotAfter
	if q.After != "" {
		value, seq, err := q.Position()
		if err != nil {
			return storage.Page{}, err
		}
		after = &spotAfter{value, seq}
	}
	if err := t.check(op); err != nil {
		return storage.Page{}, err
	}
	if few, ok, err := t.few(op, kind, q); err != nil || ok {
		if err != nil {
			return storage.Page{}, err
		}
		return q.Select(few)
	}
	first := book.Whole(q)
	l := newListing(layer{digest: t.digest}, kind, q, after)
	p := &pages{kind: kind, q: q}
	questions := []question{p.page(t.name, l)}
	names := []book.Name{}
	switch {
	case !q.Filtered():
		names = append(names, book.Listed(kind, q))
	case !first:
		questions = append(questions, p.count(l))
	}
	ok, err := t.fetchCounters(op, names, questions...)
	if err != nil {
		return storage.Page{}, err
	}
	lists := []*listing{l}
	if !ok {
		if lists, err = t.listLayers(op, p, after, first); err != nil {
			return storage.Page{}, err
		}
	}
	if err := p.bytes.Check(op, kind); err != nil {
		return storage.Page{}, err
	}
	page, more := p.cut(ok)
	switch {
	case !q.Filtered():
		if kind != "" {
			page.Total = t.counter(book.Listed(kind, q)).Total(q)
		}
	case first && !more:
		page.Total = int64(len(page.Records))
	case first:
		questions = questions[:0]
		for _, l := range lists {
			questions = append(questions, p.count(l))
		}
		if err := t.query(op, questions...); err != nil {
			return storage.Page{}, err
		}
		page.Total = p.total
	default:
		page.Total = p.total
	}
	return page, nil
}

// listLayers asks every layer for what is on a page and before it.
func (t *txn) listLayers(op string, p *pages, after *spotAfter, first bool) (lists []*listing, err error) {
	q := p.q
	if q.Limit > 0 {
		q.Limit += q.Offset
	}
	q.Offset = 0
	var questions []question
	for i, number := range t.layers {
		l := newListing(layer{number: number, newer: t.layers[:i]}, p.kind, q, after)
		lists = append(lists, l)
		questions = append(questions, p.page(t.name, l))
		if q.Filtered() && !first {
			questions = append(questions, p.count(l))
		}
	}
	return lists, t.query(op, questions...)
}

// pages is a page while it is read, in one layer or in several.
type pages struct {
	kind  string
	q     storage.Query
	spots []spotOn
	bytes storage.PageBytes
	total int64
}

type spotOn struct {
	storage.Record

	value string
}

func (p *pages) page(workspace string, l *listing) question {
	return question{sql: l.page, args: l.args, row: func(rows pgx.Rows) error {
		r, value, err := scanListed(p.kind, p.q, rows)
		if p.bytes.Add(workspace, r) {
			p.spots = append(p.spots, spotOn{r, value})
		}
		return err
	}}
}

func (p *pages) count(l *listing) question {
	return question{sql: l.count, args: l.countArgs, row: func(rows pgx.Rows) error {
		var n int64
		err := rows.Scan(&n)
		p.total += n
		return err
	}}
}

// cut is the page of what was read, which is in order and without what is skipped if
// it is of one layer.
func (p *pages) cut(one bool) (page storage.Page, more bool) {
	spots := p.spots
	if !one {
		slices.SortFunc(spots, func(a, b spotOn) int {
			by := cmp.Or(strings.Compare(a.value, b.value), cmp.Compare(a.Seq, b.Seq))
			if p.q.Descending {
				return -by
			}
			return by
		})
		spots = spots[min(p.q.Offset, len(spots)):]
	}
	if p.q.Limit > 0 && len(spots) > p.q.Limit {
		spots, more = spots[:p.q.Limit], true
		last := spots[p.q.Limit-1]
		page.Next = p.q.CursorAfter(last.value, last.Seq)
	}
	for _, s := range spots {
		page.Records = append(page.Records, s.Record)
	}
	return page, more
}
