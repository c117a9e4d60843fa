package databases

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/datadifftest"
)

func TestStoreMaterialize(t *testing.T) {
	for name, tables := range map[string]string{
		"postgres": "SELECT count(*) FROM pg_class WHERE relname LIKE 'datafold%' AND relkind = 'r'",
		"mariadb":  "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'datafold%'",
	} {
		t.Run(name, func(t *testing.T) {
			d := All[name](t)
			datadifftest.Materialize(t, d, tables)
			takeOver(t, d.Source.(datadiff.Writer), tables)
		})
	}
}

// takeOver: who writes the same tables waits for another one, of whom nothing is left.
func takeOver(t *testing.T, to datadiff.Writer, tables string) {
	t.Helper()
	columns := []datadiff.TargetColumn{{Name: "id"}}
	begin := func(line string) (datadiff.Writing, error) {
		w, err := to.Write(t.Context(), "", "datafold_diff_8")
		if err == nil {
			if err = w.Create(t.Context(), "datafold_diff_8_diff", columns); err == nil {
				err = w.Insert(t.Context(), "datafold_diff_8_diff", columns, []byte(line))
			}
		}
		return w, err
	}
	first, err := begin("first\n")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		second, err := begin("second\n")
		if err == nil {
			err = second.Commit(t.Context())
		}
		ended <- err
		_ = second.Close()
	}()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{"SELECT id FROM datafold_diff_8_diff": "second", tables: "5"} {
		got, err := datadiff.Select(t.Context(), to, query, 2)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][][]byte{{[]byte(want)}}, got.Rows); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := to.Write(t.Context(), "no such schema", "x"); datadiff.KindOf(err) != datadiff.Invalid {
		t.Error(err)
	}
}
