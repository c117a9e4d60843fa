package databases

import (
	"context"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/datadifftest"
)

// Types that one database alone has: a table is like its copy in all ways, with the
// values that have more than one text.
func TestStoreOwnTypes(t *testing.T) {
	for name, columns := range map[string][][2]string{
		"postgres": {
			{"real", "'-0', 0.1, 'NaN', 1e30"},
			{"double precision", "'-0', 0.1, 'NaN', 'Infinity'"},
			{"numeric", "1.0, 1.00, 'NaN', -0.0"},
			{"char(5)", "'a', 'a ', '', 'b'"},
			{"varchar(5)", "'a', 'a ', '', 'b'"},
			{"timestamptz", "'2024-01-01 00:00+00', '2024-01-01 02:00+02', 'infinity', '0044-03-15 BC'"},
			{"timestamp(3)", "'2024-01-01 00:00:00.123', 'infinity', '-infinity', '12024-01-01'"},
			{"date", "'infinity', '2024-02-29', '0044-03-15 BC', '12024-01-01'"},
			{"time", "'12:00', '24:00', '00:00:00.000001', '12:00:00'"},
			{"timetz", "'12:00+00', '13:00+01', '12:00-05', '00:00+00'"},
			{"interval", "'1 month', '30 days', '720 hours', '1 second'"},
			{"json", `'{"a": 1}', '{"a":1}', '[]', 'null'`},
			{"jsonb", `'1.0', '1.00', '{"b":1,"a":2}', 'null'`},
			{"int[]", "'{1,2}', '{2,1}', '{}', '{NULL}'"},
			{"text[]", `'{a,"b c"}', '{"a","b c"}', '{}', '{NULL,"NULL"}'`},
			{"money", "'1', '1.00', '-5', '0'"},
			{"xml", "'<a/>', '<a></a>', '<b/>', '<c/>'"},
			{"point", "'(1,2)', '(1.0,2)', '(0,0)', '(2,1)'"},
			{"inet", "'10.0.0.1', '10.0.0.1/32', '10.0.0.0/8', '::1'"},
			{"bit(3)", "B'101', B'111', B'000', B'001'"},
			{`"char"`, "'a', 'b', 'c', 'd'"},
		},
		"mariadb": {
			{"FLOAT", "0.1, 1234567.8, -0.0, 1e30"},
			{"BIGINT UNSIGNED", "0, 18446744073709551615, 9223372036854775808, 1"},
			{"DECIMAL(30,10)", "1.1, -0.0000000001, 12345678901234567890.5, 0"},
			{"CHAR(5)", "'a', 'A', '', 'é'"},
			{"VARCHAR(5) CHARACTER SET latin1", "'a', 'A', 'a ', 'é'"},
			{"ENUM('x','y')", "'x', 'y', 'x', 'y'"},
			{"SET('x','y')", "'', 'x,y', 'y', 'x'"},
			{"BIT(8)", "0, 1, 255, 7"},
			{"YEAR", "1901, 2155, 2024, 2000"},
			{"TIME(3)", "'838:59:59', '-12:00:00.5', '00:00:00', '12:00:00.125'"},
			{"TIMESTAMP(6) NULL", "'2024-01-01 00:00:00.000001', '1970-01-02', '2037-12-31', '2024-01-01'"},
			{"DATETIME(3)", "'1000-01-01', '9999-12-31 23:59:59.999', '2024-01-01', '2024-01-01 00:00:00.5'"},
			{"VARBINARY(4)", "x'00', x'', x'ff00', x'5c4e'"},
			{"LONGTEXT", `'\\N', '\t', 'a', 'A'`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := All[name](t)
			for _, c := range columns {
				t.Run(c[0], func(t *testing.T) {
					create := func(table string) {
						d.Exec(t, "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" (id INT NOT NULL, v "+c[0]+")")
						for i, v := range strings.Split(strings.ReplaceAll(c[1], ", ", "\x00"), "\x00") {
							d.Exec(t, "INSERT INTO "+table+" VALUES ("+string(rune('1'+i))+", "+v+")")
						}
						d.Exec(t, "INSERT INTO "+table+" VALUES (9, NULL)")
					}
					create("a")
					create("b")
					same(t, d, datadiff.Identical, 0)
					// One row has the value of another: all ways agree on whether that differs.
					d.Exec(t, "UPDATE b SET v = (SELECT v FROM a WHERE id = 1) WHERE id = 2", "UPDATE b SET v = NULL WHERE id = 3")
					same(t, d, datadiff.Different, 1)
				})
			}
		})
	}
}

// same compares a and b in all ways.
func same(t *testing.T, d *datadifftest.Database, outcome datadiff.Outcome, least int64) {
	t.Helper()
	var first *datadiff.Result
	for _, way := range []datadiff.Algorithm{datadiff.Join, datadiff.FetchAndJoin, datadiff.Hash} {
		spec := datadiff.Spec{Left: datadifftest.Of("a"), Right: datadifftest.Of("b"), Key: []string{"id"}, Algorithm: way}
		if way == datadiff.Hash {
			spec.BisectionFactor, spec.BisectionThreshold = 2, 1
		}
		r, err := datadiff.Run(context.Background(), spec, d.Source, d.Source, nil)
		if err != nil {
			t.Errorf("%s: %v", way, err)
			continue
		}
		if first == nil {
			first = r
		}
		if r.Outcome != outcome || r.Values.ValuesWithDifferences < least || r.Values.ValuesWithDifferences != first.Values.ValuesWithDifferences {
			t.Errorf("%s: %s with %d differences, %d joined", way, r.Outcome, r.Values.ValuesWithDifferences, first.Values.ValuesWithDifferences)
		}
	}
}

// Types that are not the same, and mean the same.
func TestStoreLikeTypes(t *testing.T) {
	left, right := Postgres(t), Postgres(t)
	for _, test := range []struct {
		l, r, values string
		different    int64
	}{
		{"int", "bigint", "1, -1", 0},
		{"varchar(5)", "text", "'a', ''", 0},
		{"char(5)", "text", "'a', ''", 0},
		{"real", "double precision", "0.1, 1e20", 0},
		{"numeric(10,2)", "numeric", "1.50, 0", 0},
		{"numeric(10,2)", "numeric(10,4)", "1.5045, 0", 0},
		{"numeric(10,2)", "double precision", "1.50, 2.675", 0},
		{"timestamp(0)", "timestamp", "'2024-01-01 00:00:00.6', '2023-12-31 23:59:59.5'", 0},
		{"timestamptz", "timestamp", "'2024-01-01 00:00', '1970-01-01'", 0},
		{"json", "jsonb", `'{"b": 1, "a": [1.0]}', '1'`, 0},
		{"int[]", "json", `'{}', NULL`, 1},
		{"uuid", "text", "'6ba7b810-9dad-11d1-80b4-00c04fd430c8', '6BA7B810-9DAD-11D1-80B4-00C04FD430C9'", 0},
		{"boolean", "int", "'1', '0'", 0},
		{"time", "time(0)", "'12:00', '12:00:00.4'", 0},
	} {
		t.Run(test.l+" and "+test.r, func(t *testing.T) {
			for table, d := range map[string]*datadifftest.Database{"a": left, "b": right} {
				kind := map[string]string{"a": test.l, "b": test.r}[table]
				d.Exec(t, "SET timezone = 'UTC'", "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" (id int, v "+kind+")")
				for i, v := range strings.SplitN(strings.ReplaceAll(test.values, ", '", "\x00'"), "\x00", 2) {
					for j, v := range splitPlain(v) {
						d.Exec(t, "INSERT INTO "+table+" VALUES ("+string(rune('1'+i+j))+", "+v+")")
					}
				}
			}
			for _, way := range []datadiff.Algorithm{datadiff.FetchAndJoin, datadiff.Hash} {
				r := datadifftest.Diff(t, datadiff.Spec{Left: datadifftest.Of("a"), Right: datadifftest.Of("b"), Key: []string{"id"}, Algorithm: way}, left, right)
				if r.Values == nil || r.Values.TotalRows != 2 || r.Values.ValuesWithDifferences != test.different {
					t.Errorf("%s: %+v %v", way, r.Values, r.Notes)
				}
			}
		})
	}
}

// splitPlain takes numbers and NULLs apart.
func splitPlain(list string) []string {
	if strings.HasPrefix(list, "'") && !strings.HasSuffix(list, "NULL") {
		return []string{list}
	}
	return strings.Split(list, ", ")
}
