// Package datadifftest is what every dialect has to pass: [Run] for a database by
// itself, [Across] for two.
package datadifftest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/datadiff"
)

// Database is a database under test, empty at first.
type Database struct {
	Source datadiff.Source
	// Exec runs statements, outside of what diffs see of it.
	Exec func(t testing.TB, statements ...string)
	// Types are the database's names of types; what it does not have is left out.
	Types map[string]string
	// Quote quotes an identifier, Text and Bytes write literals.
	Quote func(string) string
	Text  func(string) string
	Bytes func([]byte) string
}

// The types of [Database.Types].
const (
	Integer   = "integer"
	KeyPart   = "integer not null"
	Decimal   = "decimal(15,3)"
	Float     = "float"
	Text      = "text"
	Boolean   = "boolean"
	Date      = "date"
	Timestamp = "timestamp"
	UUID      = "uuid"
	JSON      = "json"
	Binary    = "binary"
)

// Column is a column of a table to be made.
type Column struct{ Name, Type string }

// Table makes a table. Values are texts, []byte, or nil for NULL. A constraint, such
// as PRIMARY KEY (id), may be empty.
func (d *Database) Table(t testing.TB, name string, columns []Column, constraint string, rows [][]any) {
	t.Helper()
	var definitions []string
	for _, c := range columns {
		kind, ok := d.Types[c.Type]
		if !ok {
			t.Fatalf("the database has no type %s", c.Type)
		}
		definitions = append(definitions, d.Quote(c.Name)+" "+kind)
	}
	if constraint != "" {
		definitions = append(definitions, constraint)
	}
	d.Exec(t, "DROP TABLE IF EXISTS "+d.Quote(name), "CREATE TABLE "+d.Quote(name)+" ("+strings.Join(definitions, ", ")+")")
	for chunk := range slices.Chunk(rows, 200) {
		var values []string
		for _, row := range chunk {
			var list []string
			for _, v := range row {
				switch v := v.(type) {
				case nil:
					list = append(list, "NULL")
				case []byte:
					list = append(list, d.Bytes(v))
				default:
					list = append(list, d.Text(fmt.Sprint(v)))
				}
			}
			values = append(values, "("+strings.Join(list, ", ")+")")
		}
		d.Exec(t, "INSERT INTO "+d.Quote(name)+" VALUES "+strings.Join(values, ", "))
	}
}

// Of is the input of a whole table.
func Of(name string) datadiff.Input { return datadiff.Input{Table: []string{name}} }

// Diff makes a diff that has to succeed.
func Diff(t testing.TB, spec datadiff.Spec, left, right *Database) *datadiff.Result {
	t.Helper()
	r, err := datadiff.Run(t.Context(), spec, left.Source, right.Source, nil)
	if err != nil {
		t.Fatalf("%s: %v", spec.Algorithm, err)
	}
	return r
}

// Run tests a database by itself.
func Run(t *testing.T, d *Database) {
	t.Run("mini", func(t *testing.T) { mini(t, d) })
	t.Run("published keys", func(t *testing.T) { publishedKeys(t, d) })
	t.Run("published schema", func(t *testing.T) { publishedSchema(t, d) })
	t.Run("random", func(t *testing.T) { random(t, d, d) })
	t.Run("options", func(t *testing.T) { options(t, d) })
	t.Run("sampling", func(t *testing.T) { sampling(t, d) })
	t.Run("inference", func(t *testing.T) { inference(t, d) })
	t.Run("errors", func(t *testing.T) { failures(t, d) })
	t.Run("rows", func(t *testing.T) { rowsOf(t, d) })
	t.Run("select", func(t *testing.T) { selected(t, d) })
	t.Run("exchanged", func(t *testing.T) { exchanged(t, d) })
	t.Run("many", func(t *testing.T) { many(t, d) })
	t.Run("profile", func(t *testing.T) { profile(t, d) })
	t.Run("limits", func(t *testing.T) { limits(t, d) })
	t.Run("time", func(t *testing.T) { interval(t, d) })
}

// Across tests two databases together.
func Across(t *testing.T, left, right *Database) {
	t.Run("random", func(t *testing.T) { random(t, left, right) })
	t.Run("types", func(t *testing.T) { types(t, left, right) })
	if left != right {
		t.Run("types, swapped", func(t *testing.T) { types(t, right, left) })
	}
	t.Run("sampling", func(t *testing.T) { sampledAlike(t, left, right) })
}

// algorithms are the ways to compare that a pair of databases has.
func algorithms(left, right *Database) []datadiff.Algorithm {
	if left == right {
		return []datadiff.Algorithm{datadiff.Join, datadiff.FetchAndJoin, datadiff.Hash}
	}
	return []datadiff.Algorithm{datadiff.FetchAndJoin, datadiff.Hash}
}

// each makes a diff in every way, and demands that all give the same numbers.
func each(t *testing.T, spec datadiff.Spec, left, right *Database) *datadiff.Result {
	t.Helper()
	var first *datadiff.Result
	for _, a := range algorithms(left, right) {
		spec.Algorithm = a
		if spec.BisectionFactor = 0; a == datadiff.Hash {
			spec.BisectionFactor, spec.BisectionThreshold = 3, 4
		}
		r := Diff(t, spec, left, right)
		identity(t, r)
		if first == nil {
			first = r
			continue
		}
		if d := cmp.Diff(numbers(first), numbers(r)); d != "" {
			t.Fatalf("%s and %s disagree:\n%s", first.Algorithm, a, d)
		}
	}
	return first
}

// numbers are what does not depend on the algorithm.
func numbers(r *datadiff.Result) *datadiff.Result {
	c := *r
	c.Algorithm, c.Downloaded, c.Profile, c.Notes = "", 0, nil, nil
	return &c
}

// identity: every row has a null in its key, the first of its key, or one more of a
// key that is not unique.
func identity(t *testing.T, r *datadiff.Result) {
	t.Helper()
	k := r.Keys
	for s := range 2 {
		surplus := k.TotalRows[s] - k.Nulls[s] - k.Distincts[s]
		if surplus < 0 || surplus > 0 && k.Dupes[s] <= surplus || surplus == 0 && k.Dupes[s] != 0 || k.Dupes[s] > 2*surplus {
			t.Errorf("the numbers of keys do not add up: %+v", k)
		}
	}
	if k.Distincts[0]-k.Exclusives[0] != k.Distincts[1]-k.Exclusives[1] {
		t.Errorf("common keys are not common: %+v", k)
	}
}

func mini(t *testing.T, d *Database) {
	columns := []Column{{"id", Integer}, {"v", Text}}
	d.Table(t, "mini_a", columns, "", [][]any{{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}, {nil, "n"}})
	d.Table(t, "mini_b", columns, "", [][]any{{1, "a"}, {2, "x"}, {3, "c"}, {3, "c2"}, {5, "e"}, {5, "e2"}})
	r := each(t, datadiff.Spec{Left: Of("mini_a"), Right: Of("mini_b"), Key: []string{"id"}}, d, d)
	want := datadiff.Keys{
		TotalRows: datadiff.Pair{5, 6}, Nulls: datadiff.Pair{1, 0}, Dupes: datadiff.Pair{0, 4},
		Distincts: datadiff.Pair{4, 4}, Exclusives: datadiff.Pair{1, 1},
	}
	if diff := cmp.Diff(want, r.Keys); diff != "" || r.Values.TotalRows != 2 || r.Values.RowsWithDifferences != 1 || r.Outcome != datadiff.BadKeys {
		t.Errorf("%+v %+v %s", r.Keys, r.Values, r.Outcome)
	}
}

// publishedKeys makes tables with the properties of the published sample of keys and
// values.
func publishedKeys(t *testing.T, d *Database) {
	columns := []Column{{"id", Integer}}
	for i := range 7 {
		columns = append(columns, Column{fmt.Sprintf("c%d", i), Text})
	}
	row := func(id int) []any { return []any{id, "a", "b", "c", "d", "e", "f", "g"} }
	var a, b [][]any
	for id := range 1509 {
		a, b = append(a, row(id)), append(b, row(id))
	}
	for id := 2000; id < 2005; id++ {
		b = append(b, row(id))
	}
	for n := range 303 - 56 { // 56 keys have 303 rows
		b = append(b, row(n%56))
	}
	d.Table(t, "published_a", columns, "", a)
	d.Table(t, "published_b", columns, "", b)
	r := each(t, datadiff.Spec{Left: Of("published_a"), Right: Of("published_b"), Key: []string{"id"}}, d, d)
	want := datadiff.Keys{
		TotalRows: datadiff.Pair{1509, 1761}, Dupes: datadiff.Pair{0, 303},
		Distincts: datadiff.Pair{1509, 1514}, Exclusives: datadiff.Pair{0, 5},
	}
	if diff := cmp.Diff(want, r.Keys); diff != "" {
		t.Error(diff)
	}
	if v := r.Values; v.TotalRows != 1453 || v.ComparedColumns != 7 || v.TotalValues != 10171 || r.Schema.ColumnCounts != (datadiff.Pair{8, 8}) {
		t.Errorf("%+v %+v", v, r.Schema)
	}
}

// publishedSchema makes tables with the properties of the published sample of
// columns: 20 and 21 of them, 3 and 4 without a partner.
func publishedSchema(t *testing.T, d *Database) {
	var a, b []Column
	a, b = append(a, Column{"id", Integer}), append(b, Column{"id", Integer})
	for i := range 16 {
		c := Column{fmt.Sprintf("c%d", i), Text}
		a, b = append(a, c), append(b, c)
	}
	a = append(a, Column{"gone", Text}, Column{"other", Text}, Column{"differs", Text})
	b = append(b, Column{"new1", Text}, Column{"new2", Text}, Column{"new3", Text}, Column{"differs", Integer})
	b[1], b[2] = b[2], b[1]
	row := func(n int) [][]any {
		r := make([]any, n)
		for i := range r {
			r[i] = "1"
		}
		return [][]any{r}
	}
	d.Table(t, "schema_a", a, "", row(20))
	d.Table(t, "schema_b", b, "", row(21))
	r := Diff(t, datadiff.Spec{Left: Of("schema_a"), Right: Of("schema_b"), Key: []string{"id"}}, d, d)
	want := &datadiff.Schema{
		ColumnCounts: datadiff.Pair{20, 21}, Mismatched: datadiff.Pair{3, 4}, TypeDiffers: []string{"differs"}, TypeMismatches: 1,
		Reorders: 1, ExclusiveColumns: [2][]string{{"gone", "other"}, {"new1", "new2", "new3"}},
	}
	if diff := cmp.Diff(want, r.Schema); diff != "" || r.Values.ComparedColumns != 16 {
		t.Error(diff, r.Values.ComparedColumns)
	}
}

// nasty are texts that broke other comparisons.
var nasty = []any{nil, "", "a", "b", "A", "a|b", "b|c", "<null>", "NULL", `\N`, "\\", "a\tb", "a\nb", "'", `"`, "é", "e\u0301", "日本", "🙂", " a", "a ", "%s", "1:a", "n", "a\vb\fc\bd"}

// random compares random tables in all ways, and with the sides swapped.
func random(t *testing.T, left, right *Database) {
	rounds := 8
	if testing.Short() {
		rounds = 4
	}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 16))
		keys := 1 + r.IntN(2)
		keyType := []string{Integer, Text}[r.IntN(2)]
		columns := []Column{{"k1", keyType}, {"k2", Text}, {"v1", Text}, {"v2", Integer}, {"v3", Decimal}}
		key := []string{"k1", "k2"}[:keys]
		table := func(n int) (rows [][]any) {
			for range n {
				var k1 any = r.IntN(40) - 10
				if keyType == Text {
					k1 = nasty[r.IntN(len(nasty))]
				} else if r.IntN(30) == 0 {
					k1 = nil
				}
				v2 := any(r.IntN(3))
				if r.IntN(4) == 0 {
					v2 = nil
				}
				rows = append(rows, []any{k1, nasty[r.IntN(len(nasty))], nasty[r.IntN(len(nasty))], v2, fmt.Sprintf("%d.%d", r.IntN(3), r.IntN(2))})
			}
			return rows
		}
		a := table(r.IntN(80))
		b := table(r.IntN(20))
		for _, row := range a {
			if r.IntN(8) == 0 {
				continue
			}
			row = slices.Clone(row)
			if r.IntN(4) == 0 {
				row[2] = nasty[r.IntN(len(nasty))]
			}
			b = append(b, row)
		}
		left.Table(t, "random_a", columns, "", a)
		right.Table(t, "random_b", columns, "", b)
		spec := datadiff.Spec{Left: Of("random_a"), Right: Of("random_b"), Key: key}
		forth := each(t, spec, left, right)
		spec.Left, spec.Right = spec.Right, spec.Left
		back := each(t, spec, right, left)
		if d := cmp.Diff(numbers(forth), mirrored(back)); d != "" {
			t.Fatalf("seed %d: swapping the sides:\n%s", seed, d)
		}
		if want := bruteForce(a, b, keys); want != [3]int64{forth.Keys.Exclusives[0], forth.Values.TotalRows, forth.Values.RowsWithDifferences} {
			t.Fatalf("seed %d: %v expected, %+v %+v", seed, want, forth.Keys, forth.Values)
		}
	}
}

// bruteForce counts keys of the left alone, compared rows, and those that differ.
func bruteForce(a, b [][]any, keys int) (counts [3]int64) {
	index := func(rows [][]any) map[string][][]any {
		m := map[string][][]any{}
		for _, row := range rows {
			if !slices.Contains(row[:keys], nil) {
				k := fmt.Sprintf("%q", fmt.Sprint(row[0], "\x00", row[keys-1]))
				m[k] = append(m[k], row)
			}
		}
		return m
	}
	x, y := index(a), index(b)
	for k, rows := range x {
		others := y[k]
		switch {
		case len(others) == 0:
			counts[0]++
		case len(rows) == 1 && len(others) == 1:
			counts[1]++
			if fmt.Sprintf("%#v", rows[0][keys:]) != fmt.Sprintf("%#v", others[0][keys:]) {
				counts[2]++
			}
		}
	}
	return counts
}

// mirrored is a result as it has to be with the sides swapped.
func mirrored(r *datadiff.Result) *datadiff.Result {
	m := *numbers(r)
	for _, p := range []*datadiff.Pair{&m.Keys.TotalRows, &m.Keys.Nulls, &m.Keys.Dupes, &m.Keys.Exclusives, &m.Keys.Distincts} {
		p[0], p[1] = p[1], p[0]
	}
	if r.Schema != nil {
		s := *r.Schema
		s.ColumnCounts[0], s.ColumnCounts[1] = s.ColumnCounts[1], s.ColumnCounts[0]
		s.Mismatched[0], s.Mismatched[1] = s.Mismatched[1], s.Mismatched[0]
		s.ExclusiveColumns[0], s.ExclusiveColumns[1] = s.ExclusiveColumns[1], s.ExclusiveColumns[0]
		m.Schema = &s
	}
	s := &m.Stats
	s.TableARowCount, s.TableBRowCount = s.TableBRowCount, s.TableARowCount
	s.RowsAdded, s.RowsRemoved = s.RowsRemoved, s.RowsAdded
	s.DiffRows = 0 // of the rows of A, whichever that is
	if n := m.Keys.TotalRows[0]; n > 0 {
		s.DiffRows = float64(s.DiffRowsCount) / float64(n)
	}
	return &m
}
