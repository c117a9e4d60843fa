package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/understudy-api/understudy/storage"
)

const (
	// numberOf is the number of the workspace whose digest is $1. It is null, and
	// so is every place that begins with it, if there is none.
	numberOf = "(SELECT number FROM workspace WHERE digest = $1::bytea)"
	inside   = "(SELECT int8send(number) FROM workspace WHERE digest = $1::bytea) || "

	// recordsOf looks up the records that a page of entries belongs to, one by
	// one: OFFSET 0 leaves the planner no other way.
	recordsOf = " CROSS JOIN LATERAL (SELECT " + columns + " FROM record r WHERE r.key = p.key OFFSET 0) r"
)

// spotAfter is where a page begins: behind a value and a sequence number.
type spotAfter struct {
	value string
	seq   int64
}

// listing is the statements for a list.
type listing struct {
	args []any
	// page is the records of the page, and one more if there are more.
	page string
	// count is how many records the query selects by value; countArgs is how many
	// of the arguments it takes.
	count     string
	countArgs int
}

// newListing builds the statements for a query. after is nil at the beginning.
func newListing(digest []byte, kind string, q storage.Query, after *spotAfter) *listing {
	l := &listing{args: []any{digest}}
	if q.Index == "" {
		l.byInsertion(kind, q, after)
	} else {
		l.byValue(kind, q, after)
	}
	return l
}

// arg adds an argument and gives its name in the statement.
func (l *listing) arg(v any) string {
	l.args = append(l.args, v)
	as := "bigint"
	if _, ok := v.([]byte); ok {
		as = "bytea"
	}
	return fmt.Sprintf("$%d::%s", len(l.args), as)
}

// in is the condition that names the list: the one column by which the one index
// leads to it.
func (l *listing) in(mark byte, q storage.Query, names ...string) string {
	if q.Deleted {
		mark |= gone
	}
	if q.Parent != nil && *q.Parent != "" {
		return "family = " + inside + l.arg(place(mark, append(names, *q.Parent)...))
	}
	where := "list = " + inside + l.arg(place(mark, names...))
	if q.Parent != nil {
		where += " AND family IS NULL"
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
	where := l.in(living, q, kind)
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
	l.count = "SELECT (" + strings.Join(counts, " + ") + ")::bigint"
	l.countArgs = len(l.args)
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
	key := func() string { return "((" + numberOf + " << 32) + " + l.arg(after.seq) + ")" }
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
	equalHead, equalTail := []byte(nil), []byte(nil)
	if q.Equal != nil {
		equalHead, equalTail = split(*q.Equal)
		if (len(equalTail) > 0) != (mark == withTail) {
			return "", false
		}
	}
	prefixHead, prefixTail := split(q.Prefix)
	if len(prefixTail) > 0 && mark != withTail {
		return "", false
	}
	where = l.in(mark, q, kind, q.Index)
	if q.Equal != nil {
		where += " AND head = " + l.arg(equalHead)
		if mark == withTail {
			where += " AND tail = " + l.arg(equalTail)
		}
	}
	if q.Prefix != "" {
		where += " AND head >= " + l.arg(prefixHead)
		if beyond := beyondPrefix(prefixHead); beyond != nil {
			where += " AND head < " + l.arg(beyond)
		}
		if len(prefixTail) > 0 {
			where += " AND substr(tail, 1, length(" + l.arg(prefixTail) + ")) = " + l.arg(prefixTail)
		}
	}
	if q.Contains != "" {
		where += " AND position(" + l.arg([]byte(q.Contains)) + " IN head || tail) > 0"
	}
	return where, true
}

func directionOf(q storage.Query) (direction, beyond string) {
	if q.Descending {
		return " DESC", "<"
	}
	return "", ">"
}

// beyondPrefix is the least value greater than all that start with prefix, nil if
// there is none.
func beyondPrefix(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			beyond := append([]byte(nil), prefix[:i+1]...)
			beyond[i]++
			return beyond
		}
	}
	return nil
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
