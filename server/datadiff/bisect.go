package datadiff

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What a bisection does unless it is told otherwise.
const (
	// segments is into how many parts a table is cut. One pass over it costs the
	// same whatever their number, and the smaller they are the less is read for
	// one difference; but each is a row of the answer.
	segments  = 16384
	narrowest = 64   // keys in a segment
	hashes    = 4096 // segments, where keys are no integers
	// enough rows to rather read a segment than to check it again. Basis: the
	// default of the open-source tool of the same vendor.
	enough = 16384
	// probes are looked at before all segments are, if there are many more.
	probes = 64
	// deepest is how often a segment is cut again.
	deepest = 4
	// mostRanges is up to how many ranges of keys are named one by one, so that an
	// index can find them.
	mostRanges = 8
)

// fetch compares here: after checksums, rows are read and merged.
func (x *execution) fetch(ctx context.Context) error {
	x.step("keys")
	ratio := 1.0
	if x.spec.Sampling.on() {
		var rows Pair
		if err := x.both(ctx, func(ctx context.Context, i Side, s *side) error {
			n, err := s.numbers(ctx, s.query([]string{"count(*)"}))
			if err == nil {
				rows[i] = n[0]
			}
			return err
		}); err != nil {
			return err
		}
		ratio = x.spec.Sampling.ratio(rows)
	}
	b := &bisection{execution: x}
	if ratio >= 1 {
		if err := b.run(ctx); err != nil {
			return err
		}
	}
	x.step("values")
	m := &merged{all: tally{columns: make([]int64, len(x.compared))}}
	if !b.equal() {
		var err error
		if m, err = x.merge(ctx, [2]string{b.condition(Left), b.condition(Right)}, ratio, nil); err != nil {
			return err
		}
	}
	// What the checksums found to be equal is the same on both sides.
	same, err := b.same(ctx)
	if err != nil {
		return err
	}
	for i := range m.counted {
		k := m.counted[i]
		x.setKeys(Side(i), keyCounts{
			rows: k.rows + b.nulls[i] + same.rows, nulls: k.nulls + b.nulls[i],
			distinct: k.distinct + same.distinct, dupes: k.dupes + same.dupes,
		})
	}
	x.counts.Keys.Exclusives = m.exclusives
	unique := same.distinct - same.duplicated
	t := m.all
	if ratio < 1 {
		if x.spec.Sampling.tooManyBadKeys(x.counts.Keys) {
			x.giveUpSampling()
		} else {
			x.sampled(ratio, m.all.compared)
			t = m.sample
		}
	}
	x.counts.Compared, x.counts.RowsDifferent, x.counts.Differences = t.compared+unique, t.different, t.columns
	return nil
}

// bisection finds the parts of two tables that differ, by checksums.
type bisection struct {
	*execution
	done   bool     // there were checksums, and they are of use
	levels []*level // what is to be read
	rows   int64    // with whole keys, in equal segments
	unlike int64    // rows of a side, the larger, in the others
	nulls  Pair     // rows, of both sides
	middle *int64   // of the first key column, if it is an integer
}

// level is one way to cut the tables: into ranges of the first key column, or by
// hashes of keys.
type level struct {
	outer      *level // only its segments are cut
	low, width int64
	modulus    int64 // not 0: by hashes
	count      int64 // of ranges, where known
	chosen     []int64
}

// sums are the aggregates of a checksum, if both sides have the same one.
func (b *bisection) sums() (sums [2]string, ok bool) {
	native := true
	exact := true
	var columns, names [2][]string
	var typed [2][]Column
	for _, q := range slices.Concat(b.keys, b.compared) {
		native = native && q.form.Native
		for i, s := range b.side {
			c := q.column[i]
			column := s.dialect.Quote(c.Name)
			text, ok := s.dialect.Text(c, q.form, column)
			exact = exact && ok
			columns[i], names[i], typed[i] = append(columns[i], text), append(names[i], column), append(typed[i], c)
		}
		exact = exact && (q.form.Native || q.form.Digits != AnyDigits || !q.form.Datatype.numeric() && !q.form.Datatype.temporal() || q.form.Datatype == UnboundedDecimal)
	}
	if native {
		for i, s := range b.side {
			sums[i] = s.dialect.NativeSum(typed[i], names[i])
		}
		if sums[Left] != "" && sums[Right] != "" {
			return sums, true
		}
	}
	if !exact {
		return sums, false
	}
	for i, s := range b.side {
		sums[i] = s.dialect.SumMd5(columns[i])
	}
	return sums, true
}

func (b *bisection) run(ctx context.Context) error {
	sums, ok := b.sums()
	if !ok {
		return nil
	}
	threshold := int64(enough)
	if b.spec.BisectionThreshold > 0 {
		threshold = int64(b.spec.BisectionThreshold)
	}
	l, err := b.first(ctx)
	if err != nil {
		return err
	}
	if like, err := b.probe(ctx, l, sums); err != nil || !like {
		return err
	}
	for depth := 1; l != nil; depth++ {
		found, err := b.check(ctx, l, sums)
		if err != nil {
			return err
		}
		l = b.sort(l, found, threshold, depth < deepest)
	}
	// To read a part costs a condition for each row: for most of the rows that is
	// not worth it.
	b.done = b.rows >= b.unlike
	if !b.done {
		b.levels, b.nulls = nil, Pair{}
	}
	return nil
}

// probe looks at a few segments, and says whether it is worth while to look at all:
// not where most of them differ.
func (b *bisection) probe(ctx context.Context, l *level, sums [2]string) (like bool, err error) {
	if l.modulus > 0 || l.count < 2*probes {
		return true, nil
	}
	few := &level{low: l.low, width: l.width}
	for i := range int64(probes) {
		few.chosen = append(few.chosen, i*(l.count/probes))
	}
	found, err := b.check(ctx, &level{outer: few, low: l.low, width: l.width}, sums)
	differ := 0
	for _, part := range found {
		if part.rows[Left] != part.rows[Right] || part.sum[Left] != part.sum[Right] {
			differ++
		}
	}
	return 2*differ <= len(found), err
}

// segment is what a checksum found in one, on each side.
type segment struct {
	rows [2]int64
	sum  [2]string
}

// first cuts the whole: into ranges if the key begins with an integer, else by
// hashes.
func (b *bisection) first(ctx context.Context) (*level, error) {
	hashed := &level{modulus: hashes}
	if n := int64(b.spec.BisectionFactor); n > 0 {
		hashed.modulus = n
	}
	for i := range b.side {
		if b.keys[0].column[i].Datatype != Integer {
			return hashed, nil
		}
	}
	var ends [2][][]byte
	err := b.both(ctx, func(ctx context.Context, i Side, s *side) error {
		column := s.dialect.Quote(b.keys[0].column[i].Name)
		return s.conn.Read(ctx, s.query([]string{"min(" + column + ")", "max(" + column + ")"}), func(line []byte) error {
			ends[i] = Fields(nil, slices.Clone(line))
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	low, high, none := int64(0), int64(0), true
	for _, end := range ends {
		if len(end) != 2 || end[0] == nil {
			continue
		}
		l, okLow := integer(end[0])
		h, okHigh := integer(end[1])
		if !okLow || !okHigh {
			return hashed, nil
		}
		if none {
			low, high, none = l, h, false
		}
		low, high = min(low, l), max(high, h)
	}
	b.middle = new(low + (high-low)/2)
	if n := int64(b.spec.BisectionFactor); n > 0 {
		return &level{low: low, width: (high-low)/n + 1}, nil
	}
	width := max(narrowest, (high-low)/segments+1)
	return &level{low: low, width: width, count: (high-low)/width + 1}, nil
}

// expression is the number of a row's segment.
func (l *level) expression(b *bisection, i Side) string {
	s := b.side[i]
	d := s.dialect
	if l.modulus > 0 {
		hash := d.Md5(s.keyTexts)
		return fmt.Sprintf("%s - %d * (%s)", hash, l.modulus, d.Quotient(hash, strconv.FormatInt(l.modulus, 10)))
	}
	column := d.Quote(b.keys[0].column[i].Name)
	return d.Quotient("("+column+" - ("+d.Integer(l.low)+"))", d.Integer(l.width))
}

// condition is that a row is in a chosen segment.
func (l *level) condition(b *bisection, i Side) string {
	if len(l.chosen) == 0 {
		return "1 = 0"
	}
	outer := ""
	if l.outer != nil {
		outer = l.outer.condition(b, i) + " AND "
	}
	if l.modulus == 0 {
		column := b.side[i].dialect.Quote(b.keys[0].column[i].Name)
		var ranges []string
		for at := 0; at < len(l.chosen); {
			end := at + 1
			for end < len(l.chosen) && l.chosen[end] == l.chosen[end-1]+1 {
				end++
			}
			ranges = append(ranges, fmt.Sprintf("%s >= %d AND %s < %d", column, l.low+l.chosen[at]*l.width, column, l.low+(l.chosen[end-1]+1)*l.width))
			at = end
		}
		if len(ranges) <= mostRanges {
			return "(" + outer + "(" + strings.Join(ranges, " OR ") + "))"
		}
	}
	list := make([]string, len(l.chosen))
	for i, n := range l.chosen {
		list[i] = strconv.FormatInt(n, 10)
	}
	return "(" + outer + l.expression(b, i) + " IN (" + strings.Join(list, ",") + "))"
}

// check sums the segments on both sides.
func (b *bisection) check(ctx context.Context, l *level, sums [2]string) (map[int64]*segment, error) {
	var found [2]map[int64]*segment
	err := b.both(ctx, func(ctx context.Context, i Side, s *side) error {
		part := l.expression(b, i)
		if len(s.notNull) > 0 {
			part = "CASE WHEN " + all(s.notNull) + " THEN " + part + " ELSE -1 END"
		}
		within := ""
		if l.outer != nil {
			within = l.outer.condition(b, i)
		}
		found[i] = map[int64]*segment{}
		return s.conn.Read(ctx, s.query([]string{part + " AS n", "count(*)", sums[i]}, within)+" GROUP BY "+part, func(line []byte) error {
			f := Fields(nil, line)
			n, err := strconv.ParseInt(string(f[0]), 10, 64)
			if err != nil {
				return err
			}
			sums := &segment{}
			sums.rows[i], sums.sum[i] = number(f[1]), string(f[2])
			found[i][n] = sums
			return nil
		})
	})
	for n, right := range found[Right] {
		if left := found[Left][n]; left != nil {
			left.rows[Right], left.sum[Right] = right.rows[Right], right.sum[Right]
		} else {
			found[Left][n] = right
		}
	}
	return found[Left], err
}

// sort puts segments down as equal, or to be read, and returns the level at which
// the others are cut again, if that promises to save reading.
func (b *bisection) sort(l *level, found map[int64]*segment, threshold int64, deeper bool) *level {
	var differ []int64
	var total, rows int64
	for n, part := range found {
		most := max(part.rows[Left], part.rows[Right])
		switch {
		case n < 0: // rows without a whole key
			if l.outer == nil {
				b.nulls = part.rows
			}
			continue
		case part.rows[Left] == part.rows[Right] && part.sum[Left] == part.sum[Right]:
			b.rows += part.rows[Left]
		default:
			differ = append(differ, n)
			rows += most
		}
		total += most
	}
	slices.Sort(differ)
	cut := &level{outer: l.outer, low: l.low, width: l.width}
	if deeper && l.modulus == 0 && l.width > 1 && rows < total/2 {
		differ = slices.DeleteFunc(differ, func(n int64) bool {
			large := max(found[n].rows[Left], found[n].rows[Right]) > threshold
			if large {
				cut.chosen = append(cut.chosen, n)
			}
			return large
		})
	}
	for _, n := range differ {
		b.unlike += max(found[n].rows[Left], found[n].rows[Right])
	}
	if l.chosen = differ; len(differ) > 0 {
		b.levels = append(b.levels, l)
	}
	if len(cut.chosen) == 0 {
		return nil
	}
	factor := int64(segments)
	if b.spec.BisectionFactor > 0 {
		factor = int64(b.spec.BisectionFactor)
	}
	return &level{outer: cut, low: l.low, width: (l.width-1)/factor + 1}
}

// equal says whether nothing is to be read.
func (b *bisection) equal() bool { return b.done && len(b.levels) == 0 }

// condition is that a row is to be read, "" if all are.
func (b *bisection) condition(i Side) string {
	if !b.done {
		return ""
	}
	parts := append([]string{}, b.side[i].notNull...)
	var levels []string
	for _, l := range b.levels {
		levels = append(levels, l.condition(b, i))
	}
	return all(append(parts, "("+strings.Join(levels, " OR ")+")"))
}

// same counts the keys of the equal segments.
func (b *bisection) same(ctx context.Context) (keyCounts, error) {
	switch {
	case !b.done || b.rows == 0:
		return keyCounts{}, nil
	case b.unique[Left] || b.unique[Right]:
		return keyCounts{rows: b.rows, distinct: b.rows}, nil
	}
	// Each side counts one half, as they are the same.
	var halves [2]keyCounts
	err := b.both(ctx, func(ctx context.Context, i Side, s *side) (err error) {
		var conditions []string
		if len(b.levels) > 0 {
			conditions = append(conditions, "NOT ("+b.condition(i)+")")
		}
		column := s.dialect.Quote(b.keys[0].column[i].Name)
		switch {
		case b.middle == nil && i == Right:
			return nil
		case b.middle != nil && i == Left:
			conditions = append(conditions, fmt.Sprintf("%s < %d", column, *b.middle))
		case b.middle != nil:
			conditions = append(conditions, fmt.Sprintf("%s >= %d", column, *b.middle))
		}
		halves[i], err = b.countGroups(ctx, i, all(conditions))
		return err
	})
	l, r := halves[Left], halves[Right]
	return keyCounts{rows: l.rows + r.rows, distinct: l.distinct + r.distinct, dupes: l.dupes + r.dupes, duplicated: l.duplicated + r.duplicated}, err
}
