package sqldb

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/datadiff"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	columns := []datadiff.TargetColumn{{Name: "a\"`b"}, {Name: "f", Flag: true}}
	for _, test := range []struct{ got, want string }{
		{Names(columns, `"`), "(\"a\"\"`b\", \"f\")"},
		{Names(columns, "`"), "(`a\"``b`, `f`)"},
		{Definitions(columns, `"`, "text", "smallint"), "(\"a\"\"`b\" text, \"f\" smallint)"},
		{Definitions(columns, "`", "LONGTEXT", "TINYINT"), "(`a\"``b` LONGTEXT, `f` TINYINT)"},
	} {
		if test.got != test.want {
			t.Errorf("%s, want %s", test.got, test.want)
		}
	}
	var sent []string
	for _, parameters := range []int{1, 4, 100} {
		if err := Insert("t", 2, parameters, []byte("a\\tb\t1\n\\N\t0\n\t1\n"), func(query string, args []any) error {
			sent = append(sent, fmt.Sprintf("%s %q", query, args))
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	const one, two = "INSERT INTO t VALUES (?, ?) ", "INSERT INTO t VALUES (?, ?), (?, ?) "
	if diff := cmp.Diff([]string{
		one + `["a\tb" "1"]`, one + `[<nil> "0"]`, one + `["" "1"]`, two + `["a\tb" "1" <nil> "0"]`, one + `["" "1"]`,
		"INSERT INTO t VALUES (?, ?), (?, ?), (?, ?) " + `["a\tb" "1" <nil> "0" "" "1"]`,
	}, sent); diff != "" {
		t.Error(diff)
	}
}
