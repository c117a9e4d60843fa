package databases

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/internal/mariadbtest"
	"github.com/understudy-api/understudy/internal/pgtest"
	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/datadifftest"
	"github.com/understudy-api/understudy/server/datadiff/mysql"
	"github.com/understudy-api/understudy/server/datadiff/postgres"
)

// Tables as nobody hopes to meet them: all ways to compare agree on each, and find as
// many keys that are exclusive and rows that differ as there are.
func TestStoreOddTables(t *testing.T) {
	wide := func(last string) string {
		var names, values []string
		for i := range 300 {
			names, values = append(names, fmt.Sprintf("c%d INT", i)), append(values, "1")
		}
		values[299] = last
		return "(id INT, " + strings.Join(names, ", ") + "); INSERT INTO %s VALUES (1, " + strings.Join(values, ", ") + ")"
	}
	databases := map[string]*datadifftest.Database{}
	for _, test := range []struct {
		name      string
		skip      string // a database
		key       []string
		a, b      string // behind CREATE TABLE and its name; %s is the table
		exclusive datadiff.Pair
		rows      int64 // compared, in columns beside the key
		different int64
	}{
		{
			"names", "",
			[]string{"Or der"},
			`("Or der" INT, "select" INT, "ÄÖ""x" INT, "%%s" INT); INSERT INTO %s VALUES (1, 1, 1, 1), (2, 2, 2, 2)`,
			`("Or der" INT, "select" INT, "ÄÖ""x" INT, "%%s" INT); INSERT INTO %s VALUES (1, 1, 1, 2), (2, 2, 2, 2)`,
			datadiff.Pair{},
			2, 1,
		},
		{"empty", "", []string{"id"}, "(id INT, v INT)", "(id INT, v INT)", datadiff.Pair{}, 0, 0},
		{"one empty", "", []string{"id"}, "(id INT, v INT)", "(id INT, v INT); INSERT INTO %s VALUES (1, 1), (NULL, 1)", datadiff.Pair{0, 1}, 0, 0},
		{"nothing but the key", "", []string{"id"}, "(id INT); INSERT INTO %s VALUES (1), (2)", "(id INT); INSERT INTO %s VALUES (2), (3)", datadiff.Pair{1, 1}, 0, 0},
		{"no common column", "", []string{"id"}, "(id INT, a INT); INSERT INTO %s VALUES (1, 1)", "(id INT, b INT); INSERT INTO %s VALUES (1, 2)", datadiff.Pair{}, 0, 0},
		{"no key at all", "", []string{"id"}, "(id INT, v INT); INSERT INTO %s VALUES (NULL, 1), (NULL, 2)", "(id INT, v INT); INSERT INTO %s VALUES (NULL, 3)", datadiff.Pair{}, 0, 0},
		{"all duplicates", "", []string{"id"}, "(id INT, v INT); INSERT INTO %s VALUES (1, 1), (1, 2)", "(id INT, v INT); INSERT INTO %s VALUES (1, 1), (1, 1)", datadiff.Pair{}, 0, 0},
		{"wide", "", []string{"id"}, wide("1"), wide("2"), datadiff.Pair{}, 1, 1},
		{
			"large numbers", "",
			[]string{"id"},
			"(id BIGINT, v BIGINT); INSERT INTO %s VALUES (9223372036854775807, 1000000000000000001), (-9223372036854775808, 1)",
			"(id BIGINT, v BIGINT); INSERT INTO %s VALUES (9223372036854775807, 1000000000000000002), (-9223372036854775808, 1)",
			datadiff.Pair{},
			2, 1,
		},
		{
			"many digits", "sqlite",
			[]string{"id"},
			"(id DECIMAL(38,4), v DECIMAL(38,20)); INSERT INTO %s VALUES (1234567890123456789012345678.0001, 0.00000000000000000001)",
			"(id DECIMAL(38,4), v DECIMAL(38,20)); INSERT INTO %s VALUES (1234567890123456789012345678.0001, 0.00000000000000000002)",
			datadiff.Pair{},
			1, 1,
		},
		{
			"made by the database", "",
			[]string{"id"},
			"(id INT, a INT, b INT GENERATED ALWAYS AS (a * 2) STORED); INSERT INTO %s (id, a) VALUES (1, 1), (2, 2)",
			"(id INT, a INT, b INT GENERATED ALWAYS AS (a * 2) STORED); INSERT INTO %s (id, a) VALUES (1, 1), (2, 3)",
			datadiff.Pair{},
			2, 1,
		},
		{
			"three parts of a key", "",
			[]string{"a", "b", "c"},
			"(a INT, b VARCHAR(9), c DATE, v INT); INSERT INTO %s VALUES (1, 'x', '2024-01-01', 1), (1, 'x', '2024-01-02', 1), (1, NULL, '2024-01-02', 1)",
			"(a INT, b VARCHAR(9), c DATE, v INT); INSERT INTO %s VALUES (1, 'x', '2024-01-01', 2), (1, 'X', '2024-01-02', 1)",
			datadiff.Pair{1, 1},
			1, 1,
		},
		{"a key of another width", "sqlite", []string{"id"}, "(id INT, v INT); INSERT INTO %s VALUES (1, 1)", "(id BIGINT, v INT); INSERT INTO %s VALUES (1, 2)", datadiff.Pair{}, 1, 1},
	} {
		for name, open := range All {
			if name == test.skip {
				continue
			}
			if databases[name] == nil {
				databases[name] = open(t)
			}
			t.Run(test.name+"/"+name, func(t *testing.T) {
				d := databases[name]
				d.Exec(t, "DROP VIEW IF EXISTS "+d.Quote("View of it"), "DROP TABLE IF EXISTS "+d.Quote("Left Table"), "DROP TABLE IF EXISTS "+d.Quote("group"))
				for _, side := range [][2]string{{"Left Table", test.a}, {"group", test.b}} {
					text := strings.ReplaceAll(strings.ReplaceAll(side[1], "%s", d.Quote(side[0])), "%"+d.Quote(side[0]), "%s")
					if name == "mariadb" {
						text = strings.ReplaceAll(strings.ReplaceAll(text, `""`, "\x00"), `"`, "`")
						text = strings.ReplaceAll(text, "\x00", `"`)
					}
					d.Exec(t, strings.Split("CREATE TABLE "+d.Quote(side[0])+" "+text, "; ")...)
				}
				d.Exec(t, "CREATE VIEW "+d.Quote("View of it")+" AS SELECT * FROM "+d.Quote("Left Table"))
				for _, left := range []string{"Left Table", "View of it"} {
					for _, way := range []datadiff.Algorithm{datadiff.Join, datadiff.FetchAndJoin, datadiff.Hash} {
						spec := datadiff.Spec{Left: datadifftest.Of(left), Right: datadifftest.Of("group"), Key: test.key, Algorithm: way, Profile: true}
						r, err := datadiff.Run(t.Context(), spec, d.Source, d.Source, nil)
						if err != nil {
							t.Errorf("%s, %s: %v", left, way, err)
							continue
						}
						var rows, different int64
						if r.Values != nil {
							rows, different = r.Values.TotalRows, r.Values.RowsWithDifferences
						}
						if r.Keys.Exclusives != test.exclusive || rows != test.rows || different != test.different {
							t.Errorf("%s, %s: %+v %+v %v", left, way, r.Keys, r.Values, r.Notes)
						}
					}
				}
			})
		}
	}
}

// Numbers that are none are keys and values like others.
func TestStoreOddNumbers(t *testing.T) {
	left, right := Postgres(t), Postgres(t)
	for _, kind := range []string{"double precision", "real", "numeric"} {
		for i, d := range []*datadifftest.Database{left, right} {
			d.Exec(t, "DROP TABLE IF EXISTS t", "CREATE TABLE t (id "+kind+", v "+kind+")",
				"INSERT INTO t VALUES ('NaN', 1), ('Infinity', 'NaN'), ('-Infinity', '-Infinity'), (0, 'Infinity'), (-1.5, "+fmt.Sprint(i)+")")
		}
		for _, way := range []datadiff.Algorithm{datadiff.FetchAndJoin, datadiff.Hash, datadiff.Join} {
			spec, other := datadiff.Spec{Left: datadifftest.Of("t"), Right: datadifftest.Of("t"), Key: []string{"id"}, Algorithm: way}, right
			want := int64(1)
			if way == datadiff.Join {
				other, want = left, 0
			}
			r := datadifftest.Diff(t, spec, left, other)
			if r.Keys.Exclusives != (datadiff.Pair{}) || r.Values.TotalRows != 5 || r.Values.RowsWithDifferences != want {
				t.Errorf("%s, %s: %+v %+v", kind, way, r.Keys, r.Values)
			}
		}
	}
}

// A password that is wrong is in no error.
func TestStoreWrongPassword(t *testing.T) {
	const secret = "s3cr3t-of-nobody"
	for name, open := range map[string]func(t *testing.T) (datadiff.Source, error){
		"postgres": func(t *testing.T) (datadiff.Source, error) {
			t.Helper()
			return postgres.Open(withUser(pgtest.DSN(t), "nobody_known", secret), postgres.Options{})
		},
		"mariadb": func(t *testing.T) (datadiff.Source, error) {
			t.Helper()
			_, at, _ := strings.Cut(mariadbtest.DSN(t), "@")
			return mysql.Open("nobody_known:"+secret+"@"+at, mysql.Options{MariaDB: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			source, err := open(t)
			if err == nil {
				_, err = datadiff.Run(t.Context(), both(""), source, source, nil)
			}
			if !slices.Contains([]datadiff.Kind{datadiff.Unreachable, datadiff.Invalid}, datadiff.KindOf(err)) || strings.Contains(fmt.Sprint(err), secret) {
				t.Error(err)
			}
		})
	}
}

// withUser is a DSN with another user.
func withUser(dsn, user, password string) string {
	if u, err := url.Parse(dsn); err == nil && u.Scheme != "" {
		u.User = url.UserPassword(user, password)
		return u.String()
	}
	return dsn + " user=" + user + " password=" + password
}
