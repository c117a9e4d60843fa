package datadiff

import (
	"context"
	"errors"
	"iter"
)

// RowKind says why a row is among the results of a diff.
type RowKind string

// The kinds of rows, in the words of the service's materialised results.
const (
	DiffRow      RowKind = "diff"       // its key is unique on both sides, and values differ
	DuplicateRow RowKind = "duplicates" // its key is not unique on its side
	ExclusiveRow RowKind = "exclusives" // its key is on its side alone, and unique there
)

// Row is a row that is not the same on both sides.
type Row struct {
	Kind RowKind
	Side Side // of a duplicate or exclusive row
	// Key and values are texts, nil being NULL. Left and Right are nil where the
	// row is not of that side; they and Differs are in the order of the columns.
	Key         [][]byte
	Left, Right [][]byte
	Differs     []bool
}

// Rows makes a diff and yields the rows behind its numbers, in the order of the
// key. Sampling restricts those of kind DiffRow, unless it is turned off in the
// spec. A source that is compared with itself needs two connections for it. The
// error, if any, comes last.
func Rows(ctx context.Context, spec Spec, left, right Source) (key, columns []string, rows iter.Seq2[Row, error], err error) {
	if spec.Algorithm != Hash {
		spec.Algorithm = FetchAndJoin
	}
	x, err := begin(ctx, spec, left, right, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, q := range x.compared {
		columns = append(columns, q.name)
	}
	return x.spec.Key, columns, func(yield func(Row, error) bool) {
		defer x.end()
		stop := errors.New("enough rows")
		give := func(r Row) error {
			if !yield(r, nil) {
				return stop
			}
			return nil
		}
		if err := x.show(ctx, give); err != nil && !errors.Is(err, stop) {
			yield(Row{}, asError(ctx, err))
		}
	}, nil
}

func (x *execution) show(ctx context.Context, give func(Row) error) error {
	n := len(x.keys)
	single := func(kind RowKind) func(Side, []byte) error {
		return func(i Side, line []byte) error {
			fields := clone(Fields(nil, line))
			r := Row{Kind: kind, Side: i, Key: fields[:n], Left: fields[n:]}
			if i == Right {
				r.Left, r.Right = nil, r.Left
			}
			return give(r)
		}
	}
	v := &visitor{alone: single(ExclusiveRow), duplicate: single(DuplicateRow)}
	v.pair = func(key, a, b [][]byte, differs []bool) error {
		return give(Row{Kind: DiffRow, Key: clone(key), Left: clone(a), Right: clone(b), Differs: append([]bool(nil), differs...)})
	}
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
	// Where a duplicated key is the same on both sides its rows are results too, so
	// that what is equal can be left out only where keys are known to be unique.
	if ratio >= 1 && x.unique[Left] && x.unique[Right] {
		if err := b.run(ctx); err != nil || b.equal() {
			return err
		}
	}
	_, err := x.merge(ctx, [2]string{b.condition(Left), b.condition(Right)}, ratio, v)
	return err
}

func clone(fields [][]byte) [][]byte {
	all := make([][]byte, len(fields))
	for i, f := range fields {
		if f != nil {
			all[i] = append([]byte{}, f...)
		}
	}
	return all
}
