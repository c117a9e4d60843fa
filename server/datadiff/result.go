package datadiff

import "math"

// Pair is a number of the left side and one of the right.
type Pair [2]int64

// Keys are the statistics of primary keys.
type Keys struct {
	TotalRows  Pair // after filters
	Nulls      Pair // rows of which any part of the key is null
	Dupes      Pair // rows, all of them, whose key is not unique
	Exclusives Pair // distinct keys that only this side has
	Distincts  Pair // distinct keys without a null
}

// Values are the statistics of values, in rows whose key is unique on both sides.
// Where sampling was used they are of the sample.
type Values struct {
	TotalRows              int64
	RowsWithDifferences    int64
	TotalValues            int64
	ValuesWithDifferences  int64
	ComparedColumns        int
	ColumnsWithDifferences int
	Columns                []ColumnValues // of each compared column, in order
}

// ColumnValues are the statistics of one column's values.
type ColumnValues struct {
	Name      string
	Match     float64 // percent
	Different int64
	Estimate  *Estimate // of the whole, where Different is of a sample
}

// Estimate is what a number found in a sample says of the whole.
type Estimate struct {
	Value      int64 // in the sample
	Estimate   int64
	Min, Max   int64
	Confidence float64 // a fraction
}

// Schema are the statistics of columns. They are told where both sides are one
// source.
type Schema struct {
	ColumnCounts     Pair
	Mismatched       Pair // columns without a partner of the same name and type
	TypeDiffers      []string
	TypeMismatches   int
	Reorders         int // columns to be moved for the order to be the same
	ExclusiveColumns [2][]string
}

// Stats are the statistics of a whole diff.
type Stats struct {
	Version                string
	TableARowCount         int64
	TableBRowCount         int64
	RowsRemoved, RowsAdded int64
	DiffRowsCount          int64
	DiffRows               float64 // of the rows of A
	DiffPKs                float64 // exclusive keys, of all keys
	DiffValues             float64 // of the compared values
	DiffSchema             float64 // mismatched columns, of all; 0 if not measured
	DiffNullPKs            float64 // of all rows
	DiffDuplicatePKs       float64 // of all rows
	MatchRatio             float64
	Sampled                bool
	Errors                 int
}

// Outcome is a diff in a word.
type Outcome string

// The outcomes.
const (
	Failed      Outcome = "error"
	BadKeys     Outcome = "bad-pks"
	Different   Outcome = "different"
	MissingKeys Outcome = "missing-pks"
	Identical   Outcome = "identical"
	Empty       Outcome = "empty"
)

// Counts are what a diff counted: all else follows from them, see [Counts.Result].
type Counts struct {
	Keys        Keys
	ColumnNames []string // of the compared columns
	Differences []int64  // of each of them
	// Compared rows, and those of them with differences. In a sample, if Sample is
	// not nil.
	Compared, RowsDifferent int64
	Columns                 Pair // how many columns each side has, keys included
	KeyColumns              int
	Schema                  *Schema
	Sample                  *Sample
}

// Sample is how keys were chosen.
type Sample struct {
	Ratio      float64
	Confidence float64 // a fraction
	Common     int64   // rows that could have been compared
}

// Result is a diff that was made.
type Result struct {
	Algorithm Algorithm
	InDB      bool // both sides are one source
	Key       []string
	Keys      Keys
	Values    *Values // nil if no column was to be compared
	Schema    *Schema // nil if not measured
	Stats     Stats
	Outcome   Outcome
	Sample    *Sample
	Profile   *Profile
	// Downloaded is how many rows left their databases.
	Downloaded int64
	// Truncated: a limit ended the diff, whose numbers are lower bounds.
	Truncated bool
	Notes     []string // what a reader should know, in sentences
}

// Profile describes the keys of exclusive rows.
type Profile [2]map[string]KeyProfile

// KeyProfile describes one column of exclusive keys.
type KeyProfile struct {
	Total, Nulls, Distinct int64
	Min, Max               *string
	HistogramBins          int
	TopValues              int
}

// Result derives all statistics from what was counted.
func (c Counts) Result() *Result {
	r := &Result{Keys: c.Keys, Schema: c.Schema, Sample: c.Sample}
	if len(c.ColumnNames) > 0 {
		r.Values = c.values()
	}
	r.Stats = c.stats(r.Values)
	switch k := c.Keys; {
	case sum(k.Nulls) > 0 || sum(k.Dupes) > 0:
		r.Outcome = BadKeys
	case c.RowsDifferent > 0:
		r.Outcome = Different
	case sum(k.Exclusives) > 0:
		r.Outcome = MissingKeys
	case sum(k.TotalRows) == 0:
		r.Outcome = Empty
	default:
		r.Outcome = Identical
	}
	return r
}

func (c Counts) values() *Values {
	v := &Values{
		TotalRows: c.Compared, RowsWithDifferences: c.RowsDifferent,
		TotalValues: c.Compared * int64(len(c.ColumnNames)), ComparedColumns: len(c.ColumnNames),
	}
	for i, name := range c.ColumnNames {
		n := c.Differences[i]
		column := ColumnValues{Name: name, Different: n, Match: EmptyColumnMatch}
		if c.Compared > 0 {
			column.Match = 100 * (1 - float64(n)/float64(c.Compared))
		}
		if c.Sample != nil {
			column.Estimate = c.Sample.estimate(n)
		}
		if n > 0 {
			v.ColumnsWithDifferences++
		}
		v.ValuesWithDifferences += n
		v.Columns = append(v.Columns, column)
	}
	return v
}

func (c Counts) stats(v *Values) Stats {
	k := c.Keys
	s := Stats{
		Version: StatsVersion, TableARowCount: k.TotalRows[Left], TableBRowCount: k.TotalRows[Right],
		RowsRemoved: k.Exclusives[Left], RowsAdded: k.Exclusives[Right],
		DiffRowsCount:    c.RowsDifferent + sum(k.Exclusives),
		DiffPKs:          share(sum(k.Exclusives), sum(k.Distincts)),
		DiffNullPKs:      share(sum(k.Nulls), sum(k.TotalRows)),
		DiffDuplicatePKs: share(sum(k.Dupes), sum(k.TotalRows)),
		Sampled:          c.Sample != nil,
	}
	s.DiffRows = share(s.DiffRowsCount, k.TotalRows[Left])
	if v != nil {
		s.DiffValues = share(v.ValuesWithDifferences, v.TotalValues)
	}
	if c.Schema != nil {
		s.DiffSchema = share(sum(c.Schema.Mismatched), sum(c.Schema.ColumnCounts))
	}
	s.MatchRatio = c.match(v)
	return s
}

// match is the published match score: cells that differ count twice, once for each
// side.
func (c Counts) match(v *Values) float64 {
	shared := int64(len(c.ColumnNames) + c.KeyColumns)
	rows := c.Keys.TotalRows
	if c.Sample != nil { // what was not looked at is in neither part
		rows = Pair{c.Compared + c.Keys.Exclusives[Left], c.Compared + c.Keys.Exclusives[Right]}
	}
	total := float64(rows[Left])*float64(c.Columns[Left]) + float64(rows[Right])*float64(c.Columns[Right])
	if total == 0 {
		return EmptyMatch
	}
	bad := float64(sum(c.Keys.Exclusives)) * float64(shared)
	for side, n := range c.Columns {
		bad += float64(max(0, n-shared)) * float64(rows[side])
	}
	if v != nil {
		bad += 2 * float64(v.ValuesWithDifferences)
	}
	return min(1, max(0, total-bad)/total)
}

// estimate says of the whole what was found in the sample: Poisson bounds of the
// number found, spread over all.
func (s *Sample) estimate(found int64) *Estimate {
	e := &Estimate{Value: found, Confidence: s.Confidence}
	low, high := poissonBounds(found, s.Confidence)
	whole := func(x float64) int64 {
		return max(found, min(s.Common, int64(math.Round(x/s.Ratio))))
	}
	e.Estimate, e.Min, e.Max = whole(float64(found)), whole(low), whole(high)
	return e
}

func sum(p Pair) int64 { return p[Left] + p[Right] }

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
