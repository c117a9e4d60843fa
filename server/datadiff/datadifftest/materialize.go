package datadifftest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/datadiff"
)

// Materialize tests that results are written to a database: as they are, in the place
// of earlier ones, and not at all where that is cancelled. Tables are counted by a query.
func Materialize(t *testing.T, d *Database, tables string) {
	t.Helper()
	long := strings.Repeat("ü", 30) + "x"
	columns := []Column{{"id", Integer}, {"we\"i`r'd ?", Text}, {long, Text}, {"T1_v", Text}, {"v", Text}}
	odd := "a\tb\\c\n'\"` %s ? ;--"
	d.Table(t, "m_a", columns, "", [][]any{
		{1, "same", "l", "", "x"}, {2, odd, "l", nil, "x"}, {3, "d", "l", "1", "x"}, {3, "d", "l", "2", "x"}, {4, "left", "l", nil, ""}, {nil, "no key", "l", "", ""},
	})
	d.Table(t, "m_b", columns, "", [][]any{
		{1, "same", "l", "", "x"}, {2, "ü𝄞", "l", "", "x"}, {3, "d", "l", "1", "x"}, {5, "right", "l", nil, `\N`}, {6, "e", "l", "1", ""}, {6, "f", "l", "2", ""},
	})
	spec := datadiff.Spec{Left: Of("m_a"), Right: Of("m_b"), Key: []string{"id"}}
	result, err := datadiff.Run(t.Context(), spec, d.Source, d.Source, nil)
	if err != nil {
		t.Fatal(err)
	}
	write := func(ctx context.Context, spec datadiff.Spec) ([]datadiff.Written, error) {
		return datadiff.Materialize(ctx, spec, d.Source, d.Source, result, datadiff.Target{Destination: d.Source, ID: "7"})
	}
	// What stands in the tables, the names of columns first.
	const null = "NULL"
	read := func(path []string) (all [][]string) {
		table, err := datadiff.Select(t.Context(), d.Source, "SELECT * FROM "+d.Source.Dialect().Path(path), 100)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, c := range table.Columns {
			names = append(names, c.Name)
		}
		for _, row := range table.Rows {
			texts := []string{}
			for _, field := range row {
				if field == nil {
					texts = append(texts, null)
				} else {
					texts = append(texts, string(field))
				}
			}
			all = append(all, texts)
		}
		slices.SortFunc(all, slices.Compare)
		return append([][]string{names}, all...)
	}
	left, right := "we\"i`r'd ?", long
	cutTo := "t1_" + strings.Repeat("ü", 30)
	both := []string{"id", "t1_" + left, "t2_" + left, cutTo, strings.Replace(cutTo, "1", "2", 1), "t1_T1_v", "t2_T1_v", "t1_v", "t2_v"}
	single := []string{"id", left, right, "T1_v", "v"}
	want := map[string][][]string{
		datadiff.PartDiff: {
			append(slices.Clone(both), "is_diff_"+left, "is_diff_"+strings.Repeat("ü", 27), "is_diff_T1_v", "is_diff_v"),
			{"2", odd, "ü𝄞", "l", "l", null, "", "x", "x", "1", "0", "1", "0"},
		},
		datadiff.PartDuplicates1: {single, {"3", "d", "l", "1", "x"}, {"3", "d", "l", "2", "x"}},
		datadiff.PartDuplicates2: {single, {"6", "e", "l", "1", ""}, {"6", "f", "l", "2", ""}},
		datadiff.PartExclusives: {
			append(slices.Clone(both), "is_exclusive_a", "is_exclusive_b"),
			{"4", "left", null, "l", null, null, null, "", null, "1", "0"},
			{"5", null, "right", null, "l", null, null, null, `\N`, "0", "1"},
		},
	}
	count := func() string {
		table, err := datadiff.Select(t.Context(), d.Source, tables, 1)
		if err != nil {
			t.Fatal(err)
		}
		return string(table.Rows[0][0])
	}
	check := func(written []datadiff.Written) {
		t.Helper()
		got := map[string][][]string{}
		for _, w := range written {
			got[w.Part] = read(w.Path)
			if w.Sampled || w.Path[len(w.Path)-1] != "datafold_diff_7_"+w.Part {
				t.Error(w)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if n := count(); n != "4" {
			t.Errorf("%s tables", n)
		}
	}
	var written []datadiff.Written
	for range 2 { // the second in the place of the first
		if written, err = write(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		check(written)
	}

	// One that is cancelled in the midst of writing leaves the tables as they were.
	for id := range 6 { // more than is sent at once
		big := strings.Repeat("x", 60000)
		for table, v := range map[string]string{"m_a": big, "m_b": big + "y"} {
			d.Exec(t, fmt.Sprintf("INSERT INTO %s VALUES (%d, 'b', 'l', '', %s)", table, 10+id, d.Text(v)))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cancelled := spec
	calls := 0
	cancelled.Rules = rule(func() {
		if calls++; calls > 6 {
			cancel()
		}
	})
	cancelled.ColumnRules = []datadiff.ColumnRule{{Type: datadiff.String, EqualIf: "never"}}
	if _, err := write(ctx, cancelled); datadiff.KindOf(err) != datadiff.Cancelled || calls < 7 {
		t.Error(err, calls)
	}
	check(written)
	// Nor does one of which a statement fails.
	writer, ok := d.Source.(datadiff.Writer)
	if !ok {
		t.Fatal("the source cannot be written to")
	}
	full := datadiff.Target{Destination: failing{writer}, ID: "7"}
	if _, err := datadiff.Materialize(t.Context(), spec, d.Source, d.Source, result, full); datadiff.KindOf(err) == "" || datadiff.KindOf(err) == datadiff.Cancelled {
		t.Error(err)
	}
	check(written)
}

// rule is called for values that differ, and calls none of them equal.
type rule func()

func (r rule) Rule(string, datadiff.Datatype) (func(a, b []byte) (bool, error), error) {
	return func(_, _ []byte) (bool, error) { r(); return false, nil }, nil
}

// failing inserts what no table takes, once it has inserted something.
type failing struct{ datadiff.Writer }

func (f failing) Write(ctx context.Context, schema, name string) (datadiff.Writing, error) {
	w, err := f.Writer.Write(ctx, schema, name)
	return failingWriting{w}, err
}

type failingWriting struct{ datadiff.Writing }

func (f failingWriting) Insert(ctx context.Context, table string, columns []datadiff.TargetColumn, lines []byte) error {
	if err := f.Writing.Insert(ctx, table, columns, lines); err != nil {
		return err
	}
	return f.Writing.Insert(ctx, "no such table", columns, lines)
}
