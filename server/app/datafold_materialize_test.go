package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// materialize asks for a diff whose results are written, and tells what its answers say.
func (w *standIn) materialize(t *testing.T, secret string, a, b, to int, more string) (results, feedback string) {
	t.Helper()
	id, results := w.diff(t, secret, fmt.Sprintf(
		`{"data_source1_id":%d,"data_source2_id":%d,"table1":["a"],"table2":["b"],"pk_columns":["id"],"materialization_destination_id":%d%s}`, a, b, to, more))
	var summary struct {
		Feedback string `json:"feedback"`
	}
	if err := json.Unmarshal([]byte(w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d/summary", id), key(secret), "")), &summary); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(results, fmt.Sprintf("_%d_", id), "_N_"), summary.Feedback
}

// Rows behind a diff are written where it asks, and told of; that they cannot be is said
// and does not fail it.
func TestMaterializedResults(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	const secret = "materialised"
	source := w.dataSource(t, secret, `{"type":"duckdb","name":"Both"}`)
	w.embed(t, secret, source, miniA+";"+miniB)
	other := w.dataSource(t, secret, `{"type":"snowflake","name":"Other","temp_schema":"DB.TMP","options":{"account":"acme","password":"p"}}`)
	unfit := w.dataSource(t, secret, `{"type":"bigquery","name":"Unfit","options":{"projectId":"p","jsonKeyFile":"{}","location":"US"}}`)
	w.embed(t, secret, other, "CREATE TABLE x (id INTEGER)")

	for _, to := range []int{source, other} {
		var parts []string
		for _, part := range []string{"diff", "duplicates1", "duplicates2", "exclusives"} {
			parts = append(parts, fmt.Sprintf(`"%s":[{"data_source_id":%d,"path":["datafold_diff_N_%s"],"is_sampled":false}]`, part, to, part))
		}
		results, feedback := w.materialize(t, secret, source, source, to, "")
		if want := `"materialized_results":{` + strings.Join(parts, ",") + `}`; !strings.Contains(results, want) || strings.Contains(feedback, "materialised") {
			t.Errorf("%s\n%s, want %s", feedback, results, want)
		}
	}
	for name, want := range map[string]string{
		"diff":       `"rows":[{"id":"2","is_diff_name":1,"t1_name":"b","t2_name":"x"}]`,
		"exclusives": `"rows":[{"id":"4","is_exclusive_a":1,"is_exclusive_b":0,"t1_name":"d","t2_name":null}]`,
	} {
		query := fmt.Sprintf(`{"query":"SELECT * FROM datafold_diff_1_%s"}`, name) //nolint:unqueryvet // whatever columns there are
		if rows := w.expect(t, 200, "POST", fmt.Sprintf("/api/v1/data_sources/%d/query", source), key(secret), query); !strings.Contains(rows, want) {
			t.Error(rows)
		}
	}
	for to, why := range map[int]string{
		unfit: "Results were not materialised: no driver for bigquery is in this program; give the source a backing to execute on.",
		999:   "Results were not materialised: the data source 999 is not there any more.",
	} {
		results, feedback := w.materialize(t, secret, source, source, to, "")
		if !strings.Contains(results, `"status":"success"`) || !strings.Contains(results, `"materialized_results":{}`) || !strings.HasSuffix(feedback, why) {
			t.Error(results, feedback)
		}
	}
	w.expect(t, 200, "PUT", "/_understudy/datafold/outcomes/scripted", bearer(secret), `{"tables":[["a"],["b"]],"result":{"rows":[1,1],"exclusives":[0,0],"columns":{"v":1}}}`)
	if results, _ := w.materialize(t, secret, source, source, source, ""); !strings.Contains(results, `"materialized_results":{}`) {
		t.Error(results)
	}
}

// The same across real databases, in the schema that the destination has for it.
func TestStoreMaterializedResults(t *testing.T) {
	t.Parallel()
	pg, maria := realPostgres(t), realMariaDB(t)
	pg.exec(t, `CREATE SCHEMA "Odd "" one"`, `CREATE TABLE a (id int, v text)`, `INSERT INTO a VALUES (1, 'x'), (2, 'y')`)
	maria.exec(t, `CREATE TABLE b (id int, v text)`, `INSERT INTO b VALUES (1, 'z'), (3, 'y')`)
	w := startServer(t, Options{AllowDatabases: "/"})
	const secret = "written"
	from := w.dataSource(t, secret, pg.source)
	to := w.dataSource(t, secret, strings.Replace(pg.source, `"temp_schema":"public"`, `"temp_schema":"db.Odd \" one"`, 1))
	second := w.dataSource(t, secret, maria.source)
	results, feedback := w.materialize(t, secret, from, second, to, "")
	if want := fmt.Sprintf(`"diff":[{"data_source_id":%d,"path":["Odd \" one","datafold_diff_N_diff"],"is_sampled":false}]`, to); !strings.Contains(results, want) {
		t.Error(results, feedback)
	}
	var id, left, right string
	if err := pg.db.QueryRowContext(t.Context(), `SELECT id, t1_v, t2_v FROM "Odd "" one".datafold_diff_1_diff`).Scan(&id, &left, &right); err != nil || id+left+right != "1xz" {
		t.Error(id, left, right, err)
	}
	results, _ = w.materialize(t, secret, from, second, second, "")
	var n int
	if err := maria.db.QueryRowContext(t.Context(), `SELECT count(*) FROM datafold_diff_2_exclusives`).Scan(&n); err != nil || n != 2 {
		t.Error(n, err, results)
	}
}
