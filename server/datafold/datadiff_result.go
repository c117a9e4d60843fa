package datafold

import (
	"fmt"
	"strings"

	"github.com/understudy-api/understudy/server/datadiff"
)

// What a diff came to, as it is stored and answered: the members are the vendor's. In
// the answers nothing is null, since clients break on it.

type diffResult struct {
	Algorithm string         `json:"algorithm"`
	InDB      bool           `json:"in_db"`
	Key       []string       `json:"key,omitempty"`
	Outcome   string         `json:"outcome"`
	Keys      keyStats       `json:"pks"`
	Values    *valueStats    `json:"values,omitempty"`
	Schema    *schemaStats   `json:"schema,omitempty"`
	Stats     diffStats      `json:"stats"`
	Profile   *exclusiveKeys `json:"exclusives_profile,omitempty"`
	Ratio     float64        `json:"ratio,omitempty"` // of a sample
	Notes     []string       `json:"notes,omitempty"`

	Materialized *materialized `json:"materialized_results,omitempty"`
}

type keyStats struct {
	TotalRows  datadiff.Pair `json:"total_rows"`
	Nulls      datadiff.Pair `json:"nulls"`
	Dupes      datadiff.Pair `json:"dupes"`
	Exclusives datadiff.Pair `json:"exclusives"`
	Distincts  datadiff.Pair `json:"distincts"`
}

type valueStats struct {
	TotalRows              int64         `json:"total_rows"`
	RowsWithDifferences    int64         `json:"rows_with_differences"`
	TotalValues            int64         `json:"total_values"`
	ValuesWithDifferences  int64         `json:"values_with_differences"`
	ComparedColumns        int           `json:"compared_columns"`
	ColumnsWithDifferences int           `json:"columns_with_differences"`
	Columns                []columnStats `json:"columns_diff_stats"`
}

type columnStats struct {
	Name      string    `json:"column_name"`
	Match     float64   `json:"match"`
	Different int64     `json:"values_different"`
	Estimate  *estimate `json:"values_different_estimate,omitempty"`
}

type estimate struct {
	Value      int64    `json:"value"`
	Estimate   int64    `json:"estimate"`
	Confidence float64  `json:"confidence"`
	Interval   interval `json:"interval"`
}

type interval struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

type schemaStats struct {
	Mismatched       datadiff.Pair `json:"columns_mismatched"`
	TypeMismatches   int           `json:"column_type_mismatches"`
	Reorders         int           `json:"column_reorders"`
	ColumnCounts     datadiff.Pair `json:"column_counts"`
	TypeDiffers      []string      `json:"column_type_differs"`
	ExclusiveColumns [2][]string   `json:"exclusive_columns"`
}

// diffStats are all null but their version before a diff is done.
type diffStats struct {
	Version          string   `json:"version"`
	DiffDuplicatePKs *float64 `json:"diff_duplicate_pks"`
	DiffNullPKs      *float64 `json:"diff_null_pks"`
	DiffPKs          *float64 `json:"diff_pks"`
	DiffRows         *float64 `json:"diff_rows"`
	DiffRowsCount    *int64   `json:"diff_rows_count"`
	DiffRowsNumber   *float64 `json:"diff_rows_number"`
	DiffSchema       *float64 `json:"diff_schema"`
	DiffValues       *float64 `json:"diff_values"`
	Errors           *int     `json:"errors"`
	MatchRatio       *float64 `json:"match_ratio"`
	RowsAdded        *int64   `json:"rows_added"`
	RowsRemoved      *int64   `json:"rows_removed"`
	Sampled          *bool    `json:"sampled"`
	TableARowCount   *int64   `json:"table_a_row_count"`
	TableBRowCount   *int64   `json:"table_b_row_count"`
}

type exclusiveKeys struct {
	T1 *tableProfile `json:"t1,omitempty"`
	T2 *tableProfile `json:"t2,omitempty"`
}

type tableProfile struct {
	Columns map[string]keyProfile `json:"columns"`
}

type keyProfile struct {
	Total         int64   `json:"total"`
	Nulls         int64   `json:"nulls"`
	Distinct      int64   `json:"distinct"`
	HistogramBins int     `json:"histogram_bins"`
	Max           *string `json:"max,omitempty"`
	Min           *string `json:"min,omitempty"`
	TopValues     int     `json:"top_values_count"`
}

// resultOf is a result as it is stored.
func resultOf(r *datadiff.Result) *diffResult {
	k, s := r.Keys, r.Stats
	out := &diffResult{
		Algorithm: string(r.Algorithm), InDB: r.InDB, Key: r.Key, Outcome: string(r.Outcome), Notes: r.Notes,
		Keys: keyStats{TotalRows: k.TotalRows, Nulls: k.Nulls, Dupes: k.Dupes, Exclusives: k.Exclusives, Distincts: k.Distincts},
		Stats: diffStats{
			Version: s.Version, DiffDuplicatePKs: &s.DiffDuplicatePKs, DiffNullPKs: &s.DiffNullPKs, DiffPKs: &s.DiffPKs,
			DiffRows: &s.DiffRows, DiffRowsCount: &s.DiffRowsCount, DiffRowsNumber: new(float64(s.DiffRowsCount)), DiffSchema: &s.DiffSchema,
			DiffValues: &s.DiffValues, Errors: &s.Errors, MatchRatio: &s.MatchRatio, RowsAdded: &s.RowsAdded, RowsRemoved: &s.RowsRemoved,
			Sampled: &s.Sampled, TableARowCount: &s.TableARowCount, TableBRowCount: &s.TableBRowCount,
		},
	}
	if v := r.Values; v != nil {
		out.Values = &valueStats{
			TotalRows: v.TotalRows, RowsWithDifferences: v.RowsWithDifferences, TotalValues: v.TotalValues,
			ValuesWithDifferences: v.ValuesWithDifferences, ComparedColumns: v.ComparedColumns, ColumnsWithDifferences: v.ColumnsWithDifferences,
			Columns: []columnStats{},
		}
		for _, c := range v.Columns {
			column := columnStats{Name: c.Name, Match: c.Match, Different: c.Different}
			if e := c.Estimate; e != nil {
				column.Estimate = &estimate{Value: e.Value, Estimate: e.Estimate, Confidence: e.Confidence, Interval: interval{e.Min, e.Max}}
			}
			out.Values.Columns = append(out.Values.Columns, column)
		}
	}
	if c := r.Schema; c != nil {
		out.Schema = &schemaStats{
			Mismatched: c.Mismatched, TypeMismatches: c.TypeMismatches, Reorders: c.Reorders, ColumnCounts: c.ColumnCounts,
			TypeDiffers: notNil(c.TypeDiffers), ExclusiveColumns: [2][]string{notNil(c.ExclusiveColumns[0]), notNil(c.ExclusiveColumns[1])},
		}
	}
	if p := r.Profile; p != nil {
		out.Profile = &exclusiveKeys{T1: profileOf(p[0]), T2: profileOf(p[1])}
	}
	if r.Sample != nil {
		out.Ratio = r.Sample.Ratio
	}
	if r.Truncated {
		out.Notes = append(out.Notes, "A limit ended the diff: its numbers are lower bounds.")
	}
	return out
}

func profileOf(of map[string]datadiff.KeyProfile) *tableProfile {
	p := &tableProfile{Columns: map[string]keyProfile{}}
	for name, k := range of {
		p.Columns[name] = keyProfile{
			Total: k.Total, Nulls: k.Nulls, Distinct: k.Distinct, HistogramBins: k.HistogramBins, Max: k.Max, Min: k.Min, TopValues: k.TopValues,
		}
	}
	return p
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// feedback is what a diff came to, in words.
func (r *diffResult) feedback() string {
	k := r.Keys
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	switch r.Outcome {
	case string(datadiff.Identical):
		say("Both sides are the same: %s.", count(k.TotalRows[0], "row"))
	case string(datadiff.Empty):
		say("Neither side has a row.")
	default:
		say("There are %s in A and %s in B.", count(k.TotalRows[0], "row"), count(k.TotalRows[1], "row"))
	}
	if n := k.Nulls[0] + k.Nulls[1]; n > 0 {
		say("%s without a whole key.", count(n, "row"))
	}
	if n := k.Dupes[0] + k.Dupes[1]; n > 0 {
		say("%s whose key is not unique.", count(n, "row"))
	}
	if k.Exclusives[0] > 0 {
		say("%s only in A.", count(k.Exclusives[0], "key"))
	}
	if k.Exclusives[1] > 0 {
		say("%s only in B.", count(k.Exclusives[1], "key"))
	}
	if v := r.Values; v != nil && v.RowsWithDifferences > 0 {
		say("%s of %d with differences, in %s.", count(v.RowsWithDifferences, "row"), v.TotalRows, count(int64(v.ColumnsWithDifferences), "column"))
	}
	return strings.Join(append(said, r.Notes...), " ")
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
