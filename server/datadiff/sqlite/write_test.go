package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"strconv"
	"sync"
	"testing"

	"github.com/understudy-api/understudy/server/datadiff"
	"github.com/understudy-api/understudy/server/datadiff/datadifftest"
	"github.com/understudy-api/understudy/server/datadiff/sqldb"
	"github.com/understudy-api/understudy/server/datadiff/sqlite"
)

const tables = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'datafold%'"

func TestMaterialize(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:/materialise?vfs=memdb&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(3)
	source := sqlite.New(db, sqlite.Options{})
	t.Cleanup(func() { _ = source.Close() })
	datadifftest.Materialize(t, &datadifftest.Database{
		Source: source,
		Types:  map[string]string{datadifftest.Integer: "INTEGER", datadifftest.Text: "TEXT"},
		Exec: func(t testing.TB, statements ...string) {
			t.Helper()
			for _, s := range statements {
				if _, err := db.ExecContext(context.Background(), s); err != nil {
					t.Fatal(err)
				}
			}
		},
		Quote: func(s string) string { return sqldb.Quote(s, `"`) },
		Text:  func(s string) string { return sqldb.Quote(s, "'") },
		Bytes: func(b []byte) string { return "x'" + hex.EncodeToString(b) + "'" },
	}, tables)
}

// A sample's rows alone are written, unless all are asked for; who takes more
// connections than there are, or cannot be written to, is told so.
func TestMaterializeSample(t *testing.T) {
	t.Parallel()
	const script = `CREATE TABLE a AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2000) SELECT id, id AS v FROM n;
CREATE TABLE b AS SELECT id, v + 1 AS v FROM a`
	source, err := sqlite.Embed(t.Context(), script, sqlite.Options{Connections: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	spec := datadiff.Spec{Left: datadifftest.Of("a"), Right: datadifftest.Of("b"), InferKey: true, Sampling: datadiff.Sampling{Ratio: 0.25}}
	result, err := datadiff.Run(t.Context(), spec, source, source, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, all := range []bool{false, true} {
		written, err := datadiff.Materialize(t.Context(), spec, source, source, result, datadiff.Target{Destination: source, ID: "1", All: all})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := datadiff.Select(t.Context(), source, `SELECT count(*) FROM datafold_diff_1_diff`, 1)
		if err != nil {
			t.Fatal(err)
		}
		want := result.Values.RowsWithDifferences
		if all {
			want = 2000
		}
		if got := string(rows.Rows[0][0]); got != strconv.FormatInt(want, 10) || written[0].Sampled == all || written[3].Sampled || want < 100 {
			t.Errorf("all %v: %s rows, want %d: %+v", all, got, want, written)
		}
	}
	narrow, err := sqlite.Embed(t.Context(), script, sqlite.Options{Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = narrow.Close() })
	for _, to := range []struct {
		source, destination datadiff.Source
		want                datadiff.Kind
	}{{narrow, narrow, datadiff.Invalid}, {narrow, struct{ datadiff.Source }{narrow}, datadiff.Unsupported}, {narrow, source, ""}} {
		if _, err := datadiff.Materialize(t.Context(), spec, to.source, to.source, result, datadiff.Target{Destination: to.destination, ID: "2"}); datadiff.KindOf(err) != to.want {
			t.Error(err)
		}
	}
}

// Who writes and who reads do not shut each other out.
func TestMaterializeBesideOthers(t *testing.T) {
	t.Parallel()
	const script = `CREATE TABLE a AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 200) SELECT id, id AS v FROM n;
CREATE TABLE b AS SELECT id, v + 1 AS v FROM a`
	source, err := sqlite.Embed(t.Context(), script, sqlite.Options{Connections: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	spec := datadiff.Spec{Left: datadifftest.Of("a"), Right: datadifftest.Of("b"), Key: []string{"id"}}
	result, err := datadiff.Run(t.Context(), spec, source, source, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 24 {
		wait.Go(func() {
			if i%2 == 0 {
				if _, err := datadiff.Materialize(t.Context(), spec, source, source, result, datadiff.Target{Destination: source, ID: strconv.Itoa(i % 4)}); err != nil {
					t.Error(err)
				}
				return
			}
			if _, err := datadiff.Run(t.Context(), spec, source, source, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}
