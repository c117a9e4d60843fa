package datadiff

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDistinct(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 40)
	for _, test := range []struct{ names, want []string }{
		{[]string{"id", "t1_v", "T1_V", "t1_v"}, []string{"id", "t1_v", "T1_V_2", "t1_v_3"}},
		{[]string{"a_2", "a", "A"}, []string{"a_2", "a", "A_3"}},
		{[]string{long, long + "b"}, []string{long[:62], long[:60] + "_2"}},
	} {
		var columns []TargetColumn
		for _, name := range test.names {
			columns = append(columns, TargetColumn{Name: name})
		}
		var got []string
		for _, c := range distinct(columns) {
			got = append(got, c.Name)
			if len(c.Name) > longest || !utf8.ValidString(c.Name) {
				t.Error(c.Name)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Error(diff)
		}
	}
}
