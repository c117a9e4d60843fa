package datadifftest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/datadiff"
)

// options tests what a spec can ask for, in all ways to compare.
func options(t *testing.T, d *Database) {
	columns := []Column{{"id", Integer}, {"f", Float}, {"d", Decimal}, {"s", Text}, {"t", Timestamp}}
	d.Table(t, "options_a", columns, "", [][]any{
		{1, "100", "1.000", "Straße", "2024-02-29 12:00:00.123456"},
		{2, "200", "2.000", "", "2024-02-29 12:00:01"},
		{3, "0", "3.000", "x", nil},
	})
	d.Table(t, "options_b", columns, "", [][]any{
		{1, "101", "1.001", "STRASSE", "2024-02-29 12:00:00.123999"},
		{2, "201", "2.000", nil, "2024-02-29 12:00:01"},
		{3, "0.5", "3.000", "X", nil},
	})
	two := 2
	three := 3
	for _, test := range []struct {
		name string
		spec datadiff.Spec
		want map[string]int64
	}{
		{"none", datadiff.Spec{}, map[string]int64{"f": 3, "d": 1, "s": 3, "t": 1}},
		{"absolute", datadiff.Spec{Tolerance: &datadiff.Tolerance{Mode: datadiff.Absolute, Value: 1}}, map[string]int64{"f": 0, "d": 0, "s": 3, "t": 1}},
		{"relative", datadiff.Spec{ColumnTolerances: map[string]datadiff.Tolerance{"f": {Mode: datadiff.Relative, Value: 0.006}}}, map[string]int64{"f": 2, "d": 1, "s": 3, "t": 1}},
		{"digits", datadiff.Spec{DatetimeTolerance: &two}, map[string]int64{"f": 3, "d": 1, "s": 3, "t": 0}},
		{"more digits", datadiff.Spec{DatetimeTolerance: &three}, map[string]int64{"f": 3, "d": 1, "s": 3, "t": 0}},
		{"case", datadiff.Spec{IgnoreCase: true}, map[string]int64{"f": 3, "d": 1, "s": 2, "t": 1}},
		{"empty", datadiff.Spec{NullIsEmpty: true}, map[string]int64{"f": 3, "d": 1, "s": 2, "t": 1}},
		{"some columns", datadiff.Spec{Columns: []string{"d"}}, map[string]int64{"d": 1}},
		{"without some", datadiff.Spec{Exclude: []string{"f", "s", "id"}}, map[string]int64{"d": 1, "t": 1}},
		{"swapped columns", datadiff.Spec{ColumnMapping: [][2]string{{"f", "d"}}, Columns: []string{"d"}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := test.spec
			spec.Left, spec.Right, spec.Key = Of("options_a"), Of("options_b"), []string{"id"}
			r := each(t, spec, d, d)
			if test.want == nil {
				return
			}
			got := map[string]int64{}
			for _, c := range r.Values.Columns {
				got[c.Name] = c.Different
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("filters, queries and another name", func(t *testing.T) {
		spec := datadiff.Spec{
			Left:  datadiff.Input{Table: []string{"options_a"}, Filter: "id = 1 OR id = 2 -- the first two"},
			Right: datadiff.Input{Query: "SELECT id AS ident, s FROM options_b ; "},
			Key:   []string{"id"}, ColumnMapping: [][2]string{{"id", "ident"}},
		}
		r := each(t, spec, d, d)
		if r.Keys.TotalRows != (datadiff.Pair{2, 3}) || r.Keys.Exclusives != (datadiff.Pair{0, 1}) || r.Values.ComparedColumns != 1 {
			t.Errorf("%+v %+v", r.Keys, r.Values)
		}
	})
}

// sampling: what is chosen does not depend on how it is compared, and the estimate
// holds what is true.
func sampling(t *testing.T, d *Database) {
	const rows = 2000
	var a, b [][]any
	for i := range rows {
		a = append(a, []any{i, "same", "x"})
		v := "x"
		if i%10 == 0 {
			v = "y"
		}
		b = append(b, []any{i, "same", v})
	}
	columns := []Column{{"id", Integer}, {"v1", Text}, {"v2", Text}}
	d.Table(t, "sampling_a", columns, "", a)
	d.Table(t, "sampling_b", columns, "", b)
	spec := datadiff.Spec{Left: Of("sampling_a"), Right: Of("sampling_b"), Key: []string{"id"}, Sampling: datadiff.Sampling{Ratio: 0.3, Confidence: 99}}
	spec.Sampling.Tolerance = 0.01
	r := each(t, spec, d, d)
	if r.Sample == nil || !r.Stats.Sampled {
		t.Fatal("nothing was sampled")
	}
	if n := float64(r.Values.TotalRows); n < 300 || n > 650 { // 461 are asked for
		t.Errorf("%v rows in the sample", n)
	}
	if e := r.Values.Columns[1].Estimate; e.Value == 0 || e.Min > rows/10 || e.Max < rows/10 || e.Confidence != 0.99 {
		t.Errorf("%+v", e)
	}
	if e := r.Values.Columns[0].Estimate; e.Value != 0 || e.Min != 0 || e.Max == 0 {
		t.Errorf("%+v", e)
	}
	d.Exec(t, "DELETE FROM sampling_b WHERE id < 100")
	if r := each(t, spec, d, d); r.Sample != nil || r.Values.TotalRows != rows-100 {
		t.Errorf("sampling in spite of bad keys: %+v", r.Values)
	}
	spec.Sampling.Threshold = rows + 1
	if r := each(t, spec, d, d); r.Sample != nil {
		t.Error("sampling below the threshold")
	}
}

func inference(t *testing.T, d *Database) {
	columns := []Column{{"name", Text}, {"part", Integer}, {"id", Integer}, {"other", Integer}}
	d.Table(t, "infer_a", columns, "", [][]any{{"a", 1, 7, nil}, {"a", 2, 8, 1}, {"b", 1, 9, 2}})
	d.Table(t, "infer_b", columns, "", [][]any{{"a", 1, 7, 1}})
	spec := datadiff.Spec{Left: Of("infer_a"), Right: Of("infer_b"), InferKey: true}
	if r := each(t, spec, d, d); !cmp.Equal(r.Key, []string{"id"}) {
		t.Error(r.Key)
	}
	spec.AvoidKeyNames = []string{"ID"}
	if r := each(t, spec, d, d); !cmp.Equal(r.Key, []string{"name", "part"}) {
		t.Error(r.Key)
	}
	spec.AvoidKeyTypes = []string{"integer"}
	if _, err := datadiff.Run(t.Context(), spec, d.Source, d.Source, nil); datadiff.KindOf(err) != datadiff.NoKey {
		t.Error(err)
	}
	d.Table(t, "declared", []Column{{"a", KeyPart}, {"b", KeyPart}}, "PRIMARY KEY (b, a)", [][]any{{1, 2}})
	if keys, err := datadiff.GuessKeys(t.Context(), d.Source, Of("declared"), 1); err != nil || !cmp.Equal(keys, [][]string{{"b", "a"}}) {
		t.Error(keys, err)
	}
}

func failures(t *testing.T, d *Database) {
	d.Table(t, "failures", []Column{{"id", Integer}, {"s", Text}}, "", [][]any{{1, "a"}})
	d.Table(t, "failures_text", []Column{{"id", Text}, {"s", Text}}, "", [][]any{{1, "a"}})
	ok := Of("failures")
	for _, test := range []struct {
		name  string
		spec  datadiff.Spec
		kind  datadiff.Kind
		value string
	}{
		{"no table", datadiff.Spec{Left: Of("nowhere"), Right: ok, Key: []string{"id"}}, datadiff.NoSuchTable, "nowhere"},
		{"no key column", datadiff.Spec{Left: ok, Right: ok, Key: []string{"key"}}, datadiff.NoSuchColumn, "key"},
		{"no column", datadiff.Spec{Left: ok, Right: ok, Key: []string{"id"}, Columns: []string{"nothing"}}, datadiff.NoSuchColumn, "nothing"},
		{"types of keys", datadiff.Spec{Left: ok, Right: Of("failures_text"), Key: []string{"id"}}, datadiff.TypeMismatch, ""},
		{"no key", datadiff.Spec{Left: ok, Right: ok}, datadiff.NoKey, ""},
		{"a broken filter", datadiff.Spec{Left: datadiff.Input{Table: ok.Table, Filter: "id = ("}, Right: ok, Key: []string{"id"}}, datadiff.QueryFailed, ""},
		{"table and query", datadiff.Spec{Left: datadiff.Input{Table: ok.Table, Query: "SELECT 1"}, Right: ok, Key: []string{"id"}}, datadiff.Invalid, ""},
	} {
		_, err := datadiff.Run(t.Context(), test.spec, d.Source, d.Source, nil)
		if e, isOurs := err.(*datadiff.Error); !isOurs || e.Kind != test.kind || test.value != "" && e.Value != test.value { //nolint:errorlint // it is promised to be one
			t.Errorf("%s: %v", test.name, err)
		}
	}
	d.Table(t, "failures_decimal", []Column{{"id", Decimal}, {"s", Text}}, "", [][]any{{1, "a"}, {"1.5", "a"}})
	like := each(t, datadiff.Spec{Left: ok, Right: Of("failures_decimal"), Key: []string{"id"}}, d, d)
	if like.Keys.Exclusives != (datadiff.Pair{0, 1}) || like.Schema.TypeMismatches != 1 || like.Values.TotalRows != 1 {
		t.Errorf("keys of like types: %+v %+v", like.Keys, like.Schema)
	}
	ctx, cancel := context.WithCancel(t.Context())
	spec := datadiff.Spec{Left: ok, Right: ok, Key: []string{"id"}}
	_, err := datadiff.Run(ctx, spec, d.Source, d.Source, func(s datadiff.Step) {
		if s.Name == "values" {
			cancel()
		}
	})
	if datadiff.KindOf(err) != datadiff.Cancelled {
		t.Errorf("cancelled: %v", err)
	}
	// The connection went back, and the next diff has it or another.
	Diff(t, spec, d, d)
}

// rowsOf reads the rows behind the numbers.
func rowsOf(t *testing.T, d *Database) {
	columns := []Column{{"id", Integer}, {"v", Text}}
	d.Table(t, "rows_a", columns, "", [][]any{{1, "a"}, {2, "b"}, {3, "c"}, {6, nil}, {7, "g"}, {7, "g"}})
	d.Table(t, "rows_b", columns, "", [][]any{{1, "a"}, {2, "x"}, {5, "e"}, {6, "f"}, {7, "g"}, {7, "g"}})
	key, names, rows, err := datadiff.Rows(t.Context(), datadiff.Spec{Left: Of("rows_a"), Right: Of("rows_b"), Key: []string{"id"}}, d.Source, d.Source)
	if err != nil || !cmp.Equal(key, []string{"id"}) || !cmp.Equal(names, []string{"v"}) {
		t.Fatal(key, names, err)
	}
	var got []string
	for r, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %d %s %s %s %v", r.Kind, r.Side, r.Key, r.Left, r.Right, r.Differs))
	}
	want := []string{
		"diff 0 [2] [b] [x] [true]", "exclusives 0 [3] [c] [] []", "exclusives 1 [5] [] [e] []", "diff 0 [6] [] [f] [true]",
		"duplicates 0 [7] [g] [] []", "duplicates 0 [7] [g] [] []", "duplicates 1 [7] [] [g] []", "duplicates 1 [7] [] [g] []",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Values are values of all types that no two databases may find to differ. Booleans
// are 1 and 0.
func Values() map[string][]any {
	floats := []any{"0", "0.1", "0.00188", "-0.25", "3.141592653589793", "9.1336e-06", "-10.0001", "123456789.125", "1e15", nil}
	return map[string][]any{
		Integer: {"0", "1", "-1", "2147483647", "-2147483648", nil}, Float: floats,
		Decimal: {"0", "0.100", "-12.345", "999999999.999", "0.001", nil},
		Text:    nasty, Boolean: {"1", "0", nil},
		Date:      {"1970-01-01", "2024-02-29", "1999-12-31", nil},
		Timestamp: {"1970-01-01 00:00:00", "2024-02-29 12:00:00.123456", "1999-12-31 23:59:59.999999", nil},
		UUID:      {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-0000-0000-000000000000", nil},
		JSON:      {`{"b": [1, 2.0, "x"], "a": null}`, `[]`, `"t"`, nil},
		Binary:    {[]byte{}, []byte{0, 1, 255}, []byte("a|b"), nil},
	}
}

// types: the same values are the same in two databases, whatever the types.
func types(t *testing.T, left, right *Database) {
	for name, list := range Values() {
		if name != JSON && left.Types[name] != "" && right.Types[name] != "" {
			t.Run("a key of "+name, func(t *testing.T) {
				var rows [][]any
				for i, v := range list {
					rows = append(rows, []any{v, i})
				}
				left.Table(t, "types_a", []Column{{"k", name}, {"v", Integer}}, "", rows)
				slices.Reverse(rows)
				right.Table(t, "types_b", []Column{{"k", name}, {"v", Integer}}, "", rows)
				r := each(t, datadiff.Spec{Left: Of("types_a"), Right: Of("types_b"), Key: []string{"k"}}, left, right)
				n := int64(len(list) - 1) // one is NULL
				if r.Keys.Distincts != (datadiff.Pair{n, n}) || r.Keys.Exclusives != (datadiff.Pair{}) || r.Values.RowsWithDifferences != 0 || r.Values.TotalRows != n {
					t.Errorf("%+v %+v", r.Keys, r.Values)
				}
			})
		}
		for _, other := range []string{name, Decimal, Float, Text} {
			switch {
			case other == name:
			case name == Integer && other != Text:
			case name == Decimal && other == Float:
			case name == UUID && other == Text, name == JSON && other == Text:
			default:
				continue
			}
			if left.Types[name] == "" || right.Types[other] == "" {
				continue
			}
			t.Run(name+" and "+other, func(t *testing.T) {
				var rows [][]any
				for i, v := range list {
					rows = append(rows, []any{i, v})
				}
				left.Table(t, "types_a", []Column{{"id", Integer}, {"v", name}}, "", rows)
				right.Table(t, "types_b", []Column{{"id", Integer}, {"v", other}}, "", rows)
				r := each(t, datadiff.Spec{Left: Of("types_a"), Right: Of("types_b"), Key: []string{"id"}}, left, right)
				if r.Outcome != datadiff.Identical || r.Values == nil || r.Values.TotalRows != int64(len(list)) {
					_, _, different, _ := datadiff.Rows(t.Context(), datadiff.Spec{Left: Of("types_a"), Right: Of("types_b"), Key: []string{"id"}}, left.Source, right.Source)
					for row, err := range different {
						t.Logf("%s %q %q %v", row.Key, row.Left, row.Right, err)
					}
					t.Errorf("%s %+v %v", r.Outcome, r.Values, r.Notes)
				}
			})
		}
	}
}

// profile describes the keys of exclusive rows.
func profile(t *testing.T, d *Database) {
	columns := []Column{{"id", Integer}, {"name", Text}, {"v", Text}}
	d.Table(t, "profile_a", columns, "", [][]any{{1, "a", nil}, {9, "b", nil}, {10, "b", nil}, {11, "c", nil}})
	d.Table(t, "profile_b", columns, "", [][]any{{1, "a", nil}})
	r := Diff(t, datadiff.Spec{Left: Of("profile_a"), Right: Of("profile_b"), Key: []string{"id", "name"}, Profile: true}, d, d)
	if r.Profile == nil {
		t.Fatal("there is none")
	}
	text := func(s string) *string { return &s }
	want := datadiff.Profile{
		{"id": {Total: 3, Distinct: 3, Min: text("9"), Max: text("11"), HistogramBins: 3}, "name": {Total: 3, Distinct: 2, Min: text("b"), Max: text("c"), TopValues: 2}},
		{"id": {}, "name": {}},
	}
	if diff := cmp.Diff(want, *r.Profile); diff != "" {
		t.Error(diff)
	}
}

// limits end a diff early, and are said to.
func limits(t *testing.T, d *Database) {
	var a, b [][]any
	for i := range 100 {
		a, b = append(a, []any{i, "a"}), append(b, []any{i, "b"})
	}
	d.Table(t, "limits_a", []Column{{"id", Integer}, {"v", Text}}, "", a)
	d.Table(t, "limits_b", []Column{{"id", Integer}, {"v", Text}}, "", b)
	spec := datadiff.Spec{Left: Of("limits_a"), Right: Of("limits_b"), Key: []string{"id"}, Algorithm: datadiff.FetchAndJoin}
	spec.ColumnDiffLimit = 7
	if r := Diff(t, spec, d, d); r.Values.ValuesWithDifferences != 7 || !r.Truncated || len(r.Notes) != 1 || r.Keys.TotalRows[0] != 100 {
		t.Errorf("%+v %v", r.Values, r.Notes)
	}
	spec.ColumnDiffLimit, spec.DownloadLimit = 0, 50
	if r := Diff(t, spec, d, d); r.Downloaded != 50 || !r.Truncated || len(r.Notes) != 1 || r.Outcome != datadiff.Different {
		t.Errorf("%+v", r)
	}
}

// interval: its start is in it, its end is not.
func interval(t *testing.T, d *Database) {
	columns := []Column{{"id", Integer}, {"at", Timestamp}}
	rows := [][]any{{1, "2024-01-01 00:00:00"}, {2, "2024-01-01 12:00:00.5"}, {3, "2024-01-02 00:00:00"}, {4, nil}}
	d.Table(t, "time_a", columns, "", rows)
	d.Table(t, "time_b", columns, "", rows[1:])
	spec := datadiff.Spec{
		Left: Of("time_a"), Right: Of("time_b"), Key: []string{"id"}, TimeColumn: "at",
		TimeStart: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), TimeEnd: time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC),
	}
	if r := each(t, spec, d, d); r.Keys.TotalRows != (datadiff.Pair{2, 1}) {
		t.Errorf("%+v", r.Keys)
	}
	spec.TimeColumn = "never"
	if _, err := datadiff.Run(t.Context(), spec, d.Source, d.Source, nil); datadiff.KindOf(err) != datadiff.NoSuchColumn {
		t.Error(err)
	}
}

// sampledAlike: a join in one database and a merge of two choose the same keys.
func sampledAlike(t *testing.T, left, right *Database) {
	columns := []Column{{"id", Integer}, {"name", Text}, {"v", Integer}}
	var a, b [][]any
	for i := range 600 {
		name := fmt.Sprint(nasty[1+i%(len(nasty)-1)], i)
		a, b = append(a, []any{i - 300, name, 1}), append(b, []any{i - 300, name, i % 3})
	}
	for _, d := range []*Database{left, right} {
		d.Table(t, "sampled_a", columns, "", a)
		d.Table(t, "sampled_b", columns, "", b)
	}
	spec := datadiff.Spec{Left: Of("sampled_a"), Right: Of("sampled_b"), Key: []string{"id", "name"}, Sampling: datadiff.Sampling{Ratio: 0.5}}
	var first *datadiff.Result
	for _, pair := range [][2]*Database{{left, left}, {right, right}, {left, right}, {right, left}} {
		r := Diff(t, spec, pair[0], pair[1])
		if first == nil {
			first = r
		}
		if diff := cmp.Diff(first.Values, r.Values); diff != "" || r.Sample == nil {
			t.Error(diff)
		}
	}
}

// many rows with keys that no index knows, some of them twice, on tables of which the
// database knows nothing yet: nothing is joined row by row.
func many(t *testing.T, d *Database) {
	const rows, shift = 10_000, 5
	var a, b [][]any
	for i := range rows {
		a, b = append(a, []any{fmt.Sprint("key ", i), i}), append(b, []any{fmt.Sprint("key ", i+shift), i + shift})
		if i%100 == 0 {
			a, b = append(a, []any{fmt.Sprint("key ", i), i}), append(b, []any{fmt.Sprint("key ", i+shift+2), i})
		}
	}
	columns := []Column{{"k", Text}, {"v", Integer}}
	d.Table(t, "many_a", columns, "", a)
	d.Table(t, "many_b", columns, "", b)
	r := each(t, datadiff.Spec{Left: Of("many_a"), Right: Of("many_b"), Key: []string{"k"}, Sampling: datadiff.Sampling{Ratio: 0.5}}, d, d)
	if r.Keys.Exclusives != (datadiff.Pair{shift, shift}) || r.Keys.Dupes != (datadiff.Pair{rows / 50, rows / 50}) || r.Sample.Common != rows-shift-2*rows/100+1 {
		t.Errorf("%+v %+v", r.Keys, r.Sample)
	}
}

// exchanged values are differences, although each column has the same values.
func exchanged(t *testing.T, d *Database) {
	columns := []Column{{"id", Integer}, {"v", Text}, {"n", Integer}}
	d.Table(t, "exchanged_a", columns, "", [][]any{{1, "x", 1}, {2, "y", 1}, {3, "z", nil}, {4, "z", 0}})
	d.Table(t, "exchanged_b", columns, "", [][]any{{1, "y", 1}, {2, "x", 1}, {3, "z", 0}, {4, "z", nil}})
	r := each(t, datadiff.Spec{Left: Of("exchanged_a"), Right: Of("exchanged_b"), Key: []string{"id"}}, d, d)
	if r.Values.RowsWithDifferences != 4 {
		t.Errorf("%+v", r.Values)
	}
}

// selected: the first rows of a query, in its order.
func selected(t *testing.T, d *Database) {
	d.Table(t, "selected", []Column{{"id", Integer}, {"v", Text}}, "", [][]any{{1, "a\tb"}, {2, nil}, {3, ""}})
	table, err := datadiff.Select(t.Context(), d.Source, "SELECT v, id FROM selected ORDER BY id DESC;", 2)
	if err != nil {
		t.Fatal(err)
	}
	want := [][][]byte{{{}, []byte("3")}, {nil, []byte("2")}}
	if diff := cmp.Diff(want, table.Rows); diff != "" || !table.More || table.Columns[0].Name != "v" || table.Columns[1].Datatype != datadiff.Integer {
		t.Error(diff, table)
	}
	if table, err := datadiff.Select(t.Context(), d.Source, "SELECT v FROM selected WHERE id = 1", 2); err != nil || table.More || string(table.Rows[0][0]) != "a\tb" {
		t.Error(table, err)
	}
	for query, kind := range map[string]datadiff.Kind{"SELECT * FROM nowhere": datadiff.NoSuchTable, "SELECT nocolumn FROM selected": datadiff.NoSuchColumn, "DELETE FROM selected": datadiff.QueryFailed, "": datadiff.QueryFailed} {
		if _, err := datadiff.Select(t.Context(), d.Source, query, 2); datadiff.KindOf(err) != kind {
			t.Errorf("%s: %v", query, err)
		}
	}
}
