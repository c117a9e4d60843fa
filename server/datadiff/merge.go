package datadiff

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// chunk is a number of lines on their way from a connection to the merge.
type chunk struct {
	text []byte
	ends []int
}

// chunkSize is where a chunk is handed over. Two of each side are under way.
const chunkSize = 128 << 10

// cursor walks through a side's rows, key by key.
type cursor struct {
	x      *execution
	i      Side
	chunks chan *chunk
	free   chan *chunk
	now    *chunk
	next   int
	line   []byte // of the first row of the current key; nil at the end
	key    [][]byte
	rows   int64 // of the current key
	ahead  []byte
	count  keyCounts
	fields [][]byte
	each   func(line []byte) error // is shown all rows of keys that are not unique
}

var errLimit = errors.New("a limit was reached")

// rows reads a side in the order of the key, on a goroutine of its own.
func (x *execution) rows(ctx context.Context, i Side, condition string, chunks chan<- *chunk, free <-chan *chunk) error {
	defer close(chunks)
	s := x.side[i]
	list := append(append([]string{}, s.keyTexts...), s.texts...)
	current := <-free
	send := func() error {
		select {
		case chunks <- current:
		case <-ctx.Done():
			return stopped(ctx)
		}
		select {
		case current = <-free:
			return nil
		case <-ctx.Done():
			return stopped(ctx)
		}
	}
	err := s.conn.Read(ctx, s.query(list, condition)+" ORDER BY "+strings.Join(s.keys, ", "), func(line []byte) error {
		current.text = append(current.text, line...)
		current.ends = append(current.ends, len(current.text))
		if len(current.text) < chunkSize {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	if len(current.ends) > 0 {
		select {
		case chunks <- current:
		case <-ctx.Done():
			return stopped(ctx)
		}
	}
	return nil
}

// read is the next row, valid until the call after the next; nil at the end.
func (c *cursor) read() []byte {
	for c.now == nil || c.next == len(c.now.ends) {
		if c.now != nil {
			c.now.text, c.now.ends = c.now.text[:0], c.now.ends[:0]
			c.free <- c.now
		}
		if c.now = <-c.chunks; c.now == nil {
			return nil
		}
		c.next = 0
	}
	from := 0
	if c.next > 0 {
		from = c.now.ends[c.next-1]
	}
	line := c.now.text[from:c.now.ends[c.next]]
	c.next++
	c.x.downloaded++
	return line
}

// advance goes to the next key. Rows with a null in their key are counted and
// skipped.
func (c *cursor) advance() error {
	if c.ahead == nil {
		c.line = nil
		return nil
	}
	n := len(c.x.keys)
	c.line, c.ahead = append(c.line[:0], c.ahead...), c.ahead[:0]
	c.key = keyFields(c.key, c.line, n)
	c.rows = 0
	head := cut(c.line, n)
	for {
		c.rows++
		if c.rows > 1 && c.each != nil {
			if c.rows == 2 {
				if err := c.each(c.line); err != nil {
					return err
				}
			}
			if err := c.each(c.ahead); err != nil {
				return err
			}
		}
		line, err := c.readWhole()
		if err != nil {
			return err
		}
		if line == nil {
			c.ahead = nil
			break
		}
		c.ahead = append(c.ahead[:0], line...)
		if cut(line, n) == head && bytes.Equal(line[:head], c.line[:head]) {
			continue
		}
		c.fields = keyFields(c.fields, c.ahead, n)
		order := c.x.order(c.key, c.fields)
		if order > 0 {
			return &Error{Kind: OrderMismatch, Value: "the database does not keep to the order of the key", Side: c.i}
		}
		if order < 0 {
			break
		}
	}
	c.count.distinct++
	c.count.rows += c.rows
	if c.rows > 1 {
		c.count.dupes += c.rows
		c.count.duplicated++
	}
	return nil
}

// readWhole is the next row whose key has no null.
func (c *cursor) readWhole() ([]byte, error) {
	for {
		if most := c.x.spec.DownloadLimit; most > 0 && c.x.downloaded >= most {
			return nil, errLimit
		}
		line := c.read()
		if line == nil || !nullIn(line, len(c.x.keys)) {
			return line, nil
		}
		c.count.nulls++
		c.count.rows++
	}
}

func nullIn(line []byte, n int) bool {
	for ; n > 0; n-- {
		if bytes.HasPrefix(line, []byte(`\N`)) {
			return true
		}
		i := bytes.IndexByte(line, '\t')
		if i < 0 {
			return false
		}
		line = line[i+1:]
	}
	return false
}

func keyFields(into [][]byte, line []byte, n int) [][]byte { return Fields(into, line[:cut(line, n)]) }

// order compares two keys as the databases were told to.
func (x *execution) order(a, b [][]byte) int {
	for i := range x.keys {
		var order int
		if x.keys[i].form.Datatype.numeric() {
			order = compareNumbers(a[i], b[i])
		} else {
			order = bytes.Compare(a[i], b[i])
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func compareNumbers(a, b []byte) int {
	if x, ok := integer(a); ok {
		if y, ok := integer(b); ok {
			return cmp.Compare(x, y)
		}
	}
	x, okX := rational(a)
	y, okY := rational(b)
	if okX && okY {
		return x.Cmp(y)
	}
	return rank(a, x).Cmp(rank(b, y)) // infinities and NaN, in their order
}

func rank(text []byte, value *big.Rat) *big.Rat {
	huge := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 100000))
	switch {
	case value != nil:
		return value
	case bytes.HasPrefix(text, []byte("-")):
		return huge.Neg(huge)
	case bytes.HasPrefix(bytes.ToLower(text), []byte("nan")):
		return huge.Add(huge, big.NewRat(1, 1))
	}
	return huge
}

// integer reads a number of at most 18 digits.
func integer(text []byte) (n int64, ok bool) {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

func number(field []byte) int64 {
	n, _ := strconv.ParseInt(string(field), 10, 64)
	return n
}

// tally counts differences.
type tally struct {
	compared, different int64
	columns             []int64
}

// merged is what a merge found.
type merged struct {
	counted    [2]keyCounts
	exclusives Pair
	all        tally
	sample     tally
}

// visitor is shown rows as they are met; see [Rows].
type visitor struct {
	pair      func(key [][]byte, a, b [][]byte, differs []bool) error
	alone     func(i Side, line []byte) error
	duplicate func(i Side, line []byte) error
}

// merge walks through both sides in the order of the key.
func (x *execution) merge(ctx context.Context, conditions [2]string, ratio float64, v *visitor) (m *merged, err error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	m = &merged{all: tally{columns: make([]int64, len(x.compared))}, sample: tally{columns: make([]int64, len(x.compared))}}
	var cursors [2]*cursor
	failed := make(chan error, 2)
	for i := range cursors {
		c := &cursor{x: x, i: Side(i), chunks: make(chan *chunk, 1), free: make(chan *chunk, 3), line: make([]byte, 0, 256), ahead: []byte{}}
		for range 3 {
			c.free <- &chunk{text: make([]byte, 0, chunkSize+chunkSize/4)}
		}
		if v != nil {
			c.each = func(line []byte) error { return v.duplicate(Side(i), line) }
		}
		cursors[i] = c
		go func() {
			err := x.rows(inner, Side(i), conditions[i], c.chunks, c.free)
			if err != nil {
				cancel()
			}
			failed <- onSide(err, Side(i))
		}()
	}
	walk := &walk{execution: x, merged: m, a: cursors[Left], b: cursors[Right], limit: limit(ratio), sampling: ratio < 1, visitor: v}
	err = walk.run()
	if err != nil {
		cancel()
	}
	// What broke first is told, not what that ended.
	for _, c := range cursors {
		for range c.chunks { // a reader that is about to hand over can end
		}
	}
	for range cursors {
		if e := <-failed; e != nil && (err == nil || KindOf(err) == Cancelled) && !errors.Is(err, errLimit) {
			err = e
		}
	}
	if errors.Is(err, errLimit) {
		x.truncated, err = true, nil
		x.notes = append(x.notes, "The limit of "+strconv.FormatInt(x.spec.DownloadLimit, 10)+" downloaded rows was reached: what lies beyond it was not compared.")
	}
	m.counted = [2]keyCounts{cursors[Left].count, cursors[Right].count}
	return m, err
}

// walk is one pass over both sides.
type walk struct {
	*execution
	*merged
	a, b     *cursor
	limit    int64
	sampling bool
	visitor  *visitor
	buffer   []byte
	differs  []bool
}

func (w *walk) run() error {
	for _, c := range []*cursor{w.a, w.b} {
		line, err := c.readWhole()
		if err != nil {
			return err
		}
		if line == nil {
			c.ahead = nil
		} else {
			c.ahead = append(c.ahead, line...)
		}
		if err := c.advance(); err != nil {
			return err
		}
	}
	w.differs = make([]bool, len(w.compared))
	for w.a.line != nil || w.b.line != nil {
		var order int
		switch {
		case w.a.line == nil:
			order = 1
		case w.b.line == nil:
			order = -1
		default:
			order = w.order(w.a.key, w.b.key)
		}
		if err := w.meet(order); err != nil {
			return err
		}
		if order <= 0 {
			if err := w.a.advance(); err != nil {
				return err
			}
		}
		if order >= 0 {
			if err := w.b.advance(); err != nil {
				return err
			}
		}
	}
	return nil
}

// meet counts the rows of one key: of the left alone, of both, of the right alone.
func (w *walk) meet(order int) error {
	if order != 0 {
		side, c := Left, w.a
		if order > 0 {
			side, c = Right, w.b
		}
		w.exclusives[side]++
		if w.visitor != nil && c.rows == 1 {
			return w.visitor.alone(side, c.line)
		}
		return nil
	}
	if w.a.rows > 1 || w.b.rows > 1 {
		return nil
	}
	chosen := w.sampling && w.chosen()
	w.all.compared++
	if chosen {
		w.sample.compared++
	}
	n := len(w.keys)
	if bytes.Equal(w.a.line[cut(w.a.line, n):], w.b.line[cut(w.b.line, n):]) {
		return nil
	}
	different, err := w.columns(chosen)
	if err != nil || !different {
		return err
	}
	w.all.different++
	if chosen {
		w.sample.different++
	}
	if w.visitor != nil && (chosen || !w.sampling) {
		return w.visitor.pair(w.a.key, Fields(nil, w.a.line)[n:], Fields(nil, w.b.line)[n:], w.differs)
	}
	return nil
}

func (w *walk) chosen() bool {
	var hash int64
	hash, w.buffer = HashTexts(w.buffer, w.a.key...)
	return hash < w.limit
}

// field takes the next field off a line that begins with a tab.
func field(line *[]byte) []byte {
	rest := (*line)[1:]
	i := bytes.IndexByte(rest, '\t')
	if i < 0 {
		i = len(rest)
	}
	*line = rest[i:]
	return rest[:i]
}

// columns compares two rows that are not the same line, column by column.
func (w *walk) columns(chosen bool) (different bool, err error) {
	a, b := w.a.line[cut(w.a.line, len(w.keys)):], w.b.line[cut(w.b.line, len(w.keys)):]
	for j := range w.compared {
		w.differs[j] = false
		x, y := field(&a), field(&b)
		if most := w.spec.ColumnDiffLimit; bytes.Equal(x, y) || most > 0 && w.all.columns[j] >= most {
			continue
		}
		soft := w.compared[j].soft
		if soft != nil || bytes.IndexByte(x, '\\') >= 0 || bytes.IndexByte(y, '\\') >= 0 {
			equal, err := sameField(soft, unescape(x), unescape(y))
			if err != nil {
				return false, problem(Invalid, "column %s: %v", w.compared[j].name, err)
			}
			if equal {
				continue
			}
		}
		different, w.differs[j] = true, true
		w.all.columns[j]++
		if chosen {
			w.sample.columns[j]++
		}
		if w.spec.ColumnDiffLimit > 0 && w.all.columns[j] == w.spec.ColumnDiffLimit {
			w.truncated = true
			w.notes = append(w.notes, "Column "+w.compared[j].name+" has at least "+strconv.FormatInt(w.spec.ColumnDiffLimit, 10)+" differences: more were not looked for.")
		}
	}
	return different, nil
}
