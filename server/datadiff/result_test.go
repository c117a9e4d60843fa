package datadiff

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatchScore(t *testing.T) {
	ten := func(rows Pair, columns Pair, shared int, different int64, exclusives Pair) Counts {
		c := Counts{Columns: columns, KeyColumns: 1, Compared: min(rows[0], rows[1]), Differences: make([]int64, shared-1)}
		for range shared - 1 {
			c.ColumnNames = append(c.ColumnNames, "c")
		}
		c.Differences[0], c.RowsDifferent = different, different
		c.Keys = Keys{TotalRows: rows, Distincts: rows, Exclusives: exclusives}
		return c
	}
	for _, test := range []struct {
		name string
		c    Counts
		want float64
	}{
		{"published: 100 rows of 10 columns, 4 cells differ", ten(Pair{100, 100}, Pair{10, 10}, 10, 4, Pair{}), 0.996},
		{"nothing differs", ten(Pair{100, 100}, Pair{10, 10}, 10, 0, Pair{}), 1},
		{"one column more", ten(Pair{100, 100}, Pair{10, 11}, 10, 0, Pair{}), 2000.0 / 2100},
		{"no row in common", ten(Pair{100, 100}, Pair{10, 10}, 10, 0, Pair{100, 100}), 0},
		{"no rows", ten(Pair{}, Pair{10, 10}, 10, 0, Pair{}), 0},
	} {
		if got := test.c.Result().Stats.MatchRatio; math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestOutcome(t *testing.T) {
	for _, test := range []struct {
		keys      Keys
		different int64
		want      Outcome
	}{
		{Keys{}, 0, Empty},
		{Keys{TotalRows: Pair{1, 1}}, 0, Identical},
		{Keys{TotalRows: Pair{1, 2}, Exclusives: Pair{0, 1}}, 0, MissingKeys},
		{Keys{TotalRows: Pair{1, 2}, Exclusives: Pair{0, 1}}, 1, Different},
		{Keys{TotalRows: Pair{1, 2}, Exclusives: Pair{0, 1}, Dupes: Pair{0, 2}}, 1, BadKeys},
		{Keys{TotalRows: Pair{1, 1}, Nulls: Pair{1, 0}}, 0, BadKeys},
	} {
		if got := (Counts{Keys: test.keys, RowsDifferent: test.different}).Result().Outcome; got != test.want {
			t.Errorf("%+v: %s, want %s", test.keys, got, test.want)
		}
	}
}

// The published sizes of samples, and exact bounds from a table of the Poisson
// distribution.
func TestSampling(t *testing.T) {
	for _, test := range []struct{ tolerance, confidence, want float64 }{{0.05, 95, 60}, {0.00001, 99, 460518}, {0.00001, 99.9, 690776}, {0.001, 95, 2996}} {
		if got := (Sampling{Tolerance: test.tolerance, Confidence: test.confidence}).size(); got != test.want {
			t.Errorf("%v: %v", test, got)
		}
	}
	for _, test := range []struct {
		seen      int64
		low, high float64
	}{{0, 0, 3.689}, {1, 0.0253, 5.572}, {10, 4.795, 18.39}, {100, 81.36, 121.63}, {100000, 99381, 100622}} {
		low, high := poissonBounds(test.seen, 0.95)
		if math.Abs(low-test.low) > test.low/1000+0.001 || math.Abs(high-test.high) > test.high/1000 {
			t.Errorf("%d: %v to %v", test.seen, low, high)
		}
	}
	s := &Sample{Ratio: 0.1, Confidence: 0.95, Common: 120}
	if d := cmp.Diff(&Estimate{Value: 10, Estimate: 100, Min: 48, Max: 120, Confidence: 0.95}, s.estimate(10)); d != "" {
		t.Error(d)
	}
}

// The numbers that databases make of texts are those that are made here.
func TestHashTexts(t *testing.T) {
	for _, test := range []struct {
		texts [][]byte
		want  int64
	}{
		{[][]byte{[]byte("hello world")}, 0x5d6a302458c251f}, // md5 of 11:hello world
		{[][]byte{nil}, 0x7b8b965ad4bca0e},                   // md5 of n
	} {
		if got, _ := HashTexts(nil, test.texts...); got != test.want {
			t.Errorf("%s: %x, want %x", test.texts, got, test.want)
		}
	}
	a, _ := HashTexts(nil, []byte("a|b"), []byte("c"))
	b, _ := HashTexts(nil, []byte("a"), []byte("b|c"))
	if a == b {
		t.Error("where one text ends and the next begins does not count")
	}
}
