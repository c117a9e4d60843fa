package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dataSource makes a data source and gives its number.
func (w *standIn) dataSource(t *testing.T, secret, body string) int {
	t.Helper()
	return w.number(t, w.expect(t, 200, "POST", "/api/v1/data_sources", key(secret), body), "id")
}

// number is a number of a JSON object.
func (w *standIn) number(t *testing.T, text, name string) int {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatal(err)
	}
	n, ok := members[name].(float64)
	if !ok {
		t.Fatalf("no %s in %s", name, text)
	}
	return int(n)
}

// embed fills the embedded database of a data source.
func (w *standIn) embed(t *testing.T, secret string, source int, sql string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"sql": sql})
	if err != nil {
		t.Fatal(err)
	}
	w.expect(t, 200, "PUT", fmt.Sprintf("/_understudy/datafold/data-sources/%d/backing", source), bearer(secret), string(body))
}

// diff asks for a data diff and waits for its end; it gives its number and what its
// results are.
func (w *standIn) diff(t *testing.T, secret, body string) (id int, results string) {
	t.Helper()
	id = w.number(t, w.expect(t, 200, "POST", "/api/v1/datadiffs", key(secret), body), "id")
	return id, w.results(t, secret, id)
}

// results waits for the end of a diff.
func (w *standIn) results(t *testing.T, secret string, id int) (results string) {
	t.Helper()
	eventually(t, "the diff", func() bool {
		results = w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d/summary_results", id), key(secret), "")
		return !strings.Contains(results, `"running"`)
	})
	return results
}

// The mini example of docs/datafold.md, in two databases.
const (
	miniA = `CREATE TABLE a (id INTEGER, name TEXT); INSERT INTO a VALUES (1,'a'),(2,'b'),(3,'c'),(4,'d'),(NULL,'n')`
	miniB = `CREATE TABLE b (id INTEGER, name TEXT); INSERT INTO b VALUES (1,'a'),(2,'x'),(3,'c'),(3,'c2'),(5,'e'),(5,'e2')`
)

const (
	miniKeys   = `"pks":{"total_rows":[5,6],"nulls":[1,0],"dupes":[0,4],"exclusives":[1,1],"distincts":[4,4]}`
	miniValues = `"values":{"total_rows":2,"rows_with_differences":1,"total_values":2,"values_with_differences":1,"compared_columns":1,` +
		`"columns_with_differences":1,"columns_diff_stats":[{"column_name":"name","match":50,"values_different":1}]}`
	miniSchema = `"schema":{"columns_mismatched":[0,0],"column_type_mismatches":0,"column_reorders":0,"column_counts":[2,2],"column_type_differs":[],"exclusive_columns":[[],[]]}`
)

// A check of a migration, from two data sources to the results, as a client makes it.
func TestMigrationCheck(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	const secret = "migration"
	k := key(secret)
	old := w.dataSource(t, secret, `{"type":"duckdb","name":"Old"}`)
	next := w.dataSource(t, secret, `{"type":"snowflake","name":"New","options":{"account":"acme","password":"s3cr3t-of-it"},"max_allowed_connections":3}`)
	w.embed(t, secret, old, miniA)
	w.embed(t, secret, next, miniB)

	for _, id := range []int{old, next} {
		job := w.number(t, w.expect(t, 200, "POST", fmt.Sprintf("/api/v1/data_sources/%d/test", id), k, "{}"), "job_id")
		var tested string
		eventually(t, "the test", func() bool {
			tested = w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/data_sources/test/%d", job), k, "")
			return strings.Contains(tested, `"status":"done","results"`)
		})
		if strings.Count(tested, `"code":"ok"`) != 2 || !strings.Contains(tested, `"step":"temp_schema","status":"done","result":{"code":"skip"`) {
			t.Error(tested)
		}
		source := w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/data_sources/%d", id), k, "")
		if !strings.Contains(source, `"last_test":{"tested_at":`) || strings.Contains(source, "s3cr3t") {
			t.Error(source)
		}
	}

	task := w.number(t, w.expect(t, 200, "POST", fmt.Sprintf("/api/v1/data_sources/%d/dataset_schema", next), k, `{"table":["DB","PUBLIC","b"]}`), "task_id")
	var schema string
	eventually(t, "the schema", func() bool {
		schema = w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/data_sources/%d/dataset_schema/%d", next, task), k, "")
		return strings.Contains(schema, `"done"`)
	})
	if !strings.Contains(schema, `"name":"name","db_type":"TEXT"`) {
		t.Error(schema)
	}
	guessed := w.expect(t, 200, "POST", fmt.Sprintf("/api/v1/data_sources/%d/guess_pk", next), k, `{"table":["b"],"candidates":["id","name"],"sample_size":5000}`)
	if guessed != `{"candidates":[{"pk":["name"]}],"error":null}` {
		t.Error(guessed)
	}

	request := fmt.Sprintf(`{"data_source1_id":%d,"data_source2_id":%d,"table1":["a"],"table2":["DB","PUBLIC","b"],"pk_columns":["id"],"include_columns":null}`, old, next)
	asked := w.expect(t, 200, "POST", "/api/v1/datadiffs", k, request)
	for _, part := range []string{`"status":"waiting"`, `"done":false`, `"kind":"cross_db"`, `"algorithm":"fetch_and_join"`, `"include_columns":[]`, `"result_statuses":{}`, `"source":"api"`, `"result":null`} {
		if !strings.Contains(asked, part) {
			t.Errorf("no %s in %s", part, asked)
		}
	}
	id := w.number(t, asked, "id")
	if diff := cmp.Diff(`{"status":"success",`+miniKeys+`,`+miniValues+`}`, w.results(t, secret, id)); diff != "" {
		t.Error(diff)
	}
	done := w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d", id), k, "")
	for _, part := range []string{`"status":"done"`, `"done":true`, `"result":"bad-pks"`, `"match_ratio":0.`, `"result_statuses":{"pks":"done","values":"done"}`, `"diff_progress":{"version":"1","completed_steps":`} {
		if !strings.Contains(done, part) {
			t.Errorf("no %s in %s", part, done)
		}
	}
	summary := w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d/summary", id), k, "")
	for _, part := range []string{`"data_source1_name":"Old"`, `"result":"bad-pks"`, `"feedback":"There are 5 rows in A and 6 rows in B.`, `"results_count":2`} {
		if !strings.Contains(summary, part) {
			t.Errorf("no %s in %s", part, summary)
		}
	}
	archived := w.expect(t, 200, "PATCH", fmt.Sprintf("/api/v1/datadiffs/%d", id), k, `{"archived":true}`)
	if !strings.Contains(archived, `"archived":true`) || !strings.Contains(archived, `"result":"bad-pks"`) {
		t.Error(archived)
	}

	// Both tables in one source: columns are counted too, and the database joins.
	w.embed(t, secret, old, miniA+";"+miniB)
	_, results := w.diff(t, secret, fmt.Sprintf(`{"data_source1_id":%[1]d,"data_source2_id":%[1]d,"table1":["a"],"query2":"SELECT * FROM b","pk_columns":["id"]}`, old)) //nolint:unqueryvet // whatever columns there are
	if want := `{"status":"success",` + miniKeys + `,"dependencies":[],` + miniSchema + `,"materialized_results":{},"exclusives_profile":`; !strings.HasPrefix(results, want) || !strings.HasSuffix(results, ","+miniValues+"}") {
		t.Errorf("%s\nwant %s", results, want)
	}
	w.expect(t, 200, "PUT", "/_understudy/datafold/compatibility", bearer(secret), `{"dependencies":"object","doneStatus":"done"}`)
	again := w.results(t, secret, id+1)
	if !strings.HasPrefix(again, `{"status":"done",`) || !strings.Contains(again, `"dependencies":{"deps":{"hightouch":[],"looker":[]}}`) {
		t.Error(again)
	}

	// What goes wrong is a failure in words, and never a result.
	for body, want := range map[string]string{
		`"table1":["a"],"table2":["nowhere"],"pk_columns":["id"]`:                     `"error_type":"NoSuchTableException","error_value":"nowhere"`,
		`"table1":["a"],"table2":["b"],"pk_columns":["none"]`:                         `"error_type":"NoSuchColumnException","error_value":"none"`,
		`"table1":["a"],"table2":["b"],"pk_columns":["id"],"filter1":"1 = "`:          `"error_type":"QueryFailed"`,
		`"table1":["a"],"table2":["b"],"pk_columns":["id"],"time_travel_point1":-130`: `"error_type":"UnsupportedDataSource"`,
	} {
		_, results := w.diff(t, secret, fmt.Sprintf(`{"data_source1_id":%[1]d,"data_source2_id":%[1]d,%s}`, old, body))
		if !strings.HasPrefix(results, `{"status":"failed","error":{`+want) {
			t.Errorf("%s: %s", body, results)
		}
	}
	oracle := w.dataSource(t, secret, `{"type":"oracle","name":"O","options":{"host":"127.0.0.1"}}`)
	away := w.dataSource(t, secret, `{"type":"pg","name":"P","options":{"host":"db.example.com","user":"u","dbname":"d","password":"p4ssw0rd"}}`)
	for source, want := range map[int]string{oracle: "UnsupportedDataSource", away: "DatabaseNotAllowed"} {
		failed, results := w.diff(t, secret, fmt.Sprintf(`{"data_source1_id":%d,"data_source2_id":%d,"table1":["a"],"table2":["b"],"pk_columns":["id"]}`, old, source))
		if !strings.Contains(results, want) || strings.Contains(results, "p4ssw0rd") {
			t.Error(results)
		}
		full := w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d", failed), k, "")
		if !strings.Contains(full, `"status":"failed"`) || !strings.Contains(full, `"result":"error"`) || !strings.Contains(full, `"done":true`) {
			t.Error(full)
		}
		job := w.number(t, w.expect(t, 200, "POST", fmt.Sprintf("/api/v1/data_sources/%d/test", source), k, ""), "job_id")
		eventually(t, "the test", func() bool {
			tested := w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/data_sources/test/%d", job), k, "")
			return strings.Contains(tested, `"step":"connection","status":"done","result":{"code":"error"`) && strings.Count(tested, `"code":"skip"`) == 2
		})
	}
	// Purged results are gone, and do not come back.
	for _, purged := range []string{"true", "false"} {
		w.expect(t, 200, "PATCH", fmt.Sprintf("/api/v1/datadiffs/%d", id), k, `{"purged":`+purged+`}`)
		if results := w.results(t, secret, id); !strings.Contains(results, `"error_type":"ResultsPurged"`) {
			t.Error(results)
		}
	}
	for path, want := range map[string]int{
		"?page_size=2&page=2":               2,
		"?page=99":                          0,
		"?status=failed":                    6,
		"?status=failed,done&archived=true": 1,
		"?order_by=stats.match_ratio&sort_order=desc&page_size=3":       3,
		"?created_at=>2001-01-01&data_source2_id=" + fmt.Sprint(oracle): 1,
	} {
		var page struct {
			Count   int
			Results []struct{ ID int }
		}
		if err := json.Unmarshal([]byte(w.expect(t, 200, "GET", "/api/v1/datadiffs"+path, k, "")), &page); err != nil || len(page.Results) != want {
			t.Errorf("%s: %+v, %v, want %d", path, page, err, want)
		}
	}
}

// What only clients show warns, and is served or refused, never a failure.
func TestWhatOnlyClientsShow(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	id := w.dataSource(t, "shown", `{"type":"duckdb","name":"n","options":{}}`)
	k := key("shown")
	w.expect(t, 200, "POST", "/api/internal/sdk/log", k, "")
	w.expect(t, 200, "POST", "/api/internal/sdk/log", k, `{"logs":[{"message":"m"},{}]}`)
	w.expect(t, 200, "GET", "/api/v1/organization/meta", k, "")
	for _, path := range []string{"dataset_schema", "guess_pk"} {
		got := w.expect(t, 422, "POST", fmt.Sprintf("/api/v1/data_sources/%d/%s", id, path), k, "")
		if !strings.Contains(got, `"loc":["body","table"]`) {
			t.Error(got)
		}
	}
	if got := w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/data_sources/%d", id), k, ""); !strings.Contains(got, `"options":{}`) {
		t.Error(got)
	}
	diff, _ := w.diff(t, "shown", fmt.Sprintf(`{"data_source1_id":%[1]d,"data_source2_id":%[1]d,"query1":"SELECT 1 AS id","query2":"SELECT 1 AS id","pk_columns":["id"],"algorithm":"join"}`, id))
	w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d?poll=a", diff), k, "")
	w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d?poll", diff), k, "")
	// data-diff's password of MySQL; without any the published rule holds.
	w.dataSource(t, "shown", `{"type":"mysql","name":"m","options":{"host":"127.0.0.1","user":"u","db":"d","passwd":"p"}}`)
	w.expect(t, 422, "POST", "/api/v1/data_sources", k, `{"type":"mysql","name":"m","options":{"host":"127.0.0.1","user":"u","db":"d"}}`)
}

// A bare key, as some clients send it, is served and warned of.
func TestBareKey(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	id := w.dataSource(t, "bare", `{"type":"duckdb","name":"n"}`)
	header := http.Header{"Authorization": {"bare"}, "Content-Type": {"application/json"}}
	got := w.do(t, "GET", fmt.Sprintf("/api/v1/data_sources/%d/summary", id), header, http.NoBody)
	if got.status != 200 || !strings.Contains(got.body, `"name":"n"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	page := w.exchangesOf(t, bearer("bare"), "?limit=1")
	if len(page.Exchanges) != 1 || page.Exchanges[0].Violations != 1 {
		t.Errorf("%+v", page.Exchanges)
	}
}
