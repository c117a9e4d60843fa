package app

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/quota"
)

// repository is a dbt project whose CI tells Datafold of its pull requests, in the
// requests of the vendor's SDK.
type repository struct {
	*standIn

	t      *testing.T
	secret string
}

// The SDK names itself, and sends no Content-Type where it sends bytes.
func (r *repository) sdk(status int, method, path, contentType string, body io.Reader) string {
	r.t.Helper()
	header := http.Header{
		"Authorization": {"Key " + r.secret}, "User-Agent": {"datafold-sdk/0.4.1 python-requests/2.32.3 python/3.12.3 Linux/6.8"},
		"Accept": {"*/*"},
	}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	got := r.do(r.t, method, path, header, body)
	if got.status != status {
		r.t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	return got.body
}

// dbtModel is a model of a manifest.
type dbtModel struct {
	name, code string
	more       string // members of the node
}

// manifestOf is what dbt writes of models whose tables are in a schema.
func manifestOf(schema string, models ...dbtModel) string {
	var nodes []string
	for _, m := range models {
		more := m.more
		if more != "" {
			more = "," + more
		}
		nodes = append(nodes, fmt.Sprintf(`"model.shop.%[1]s":{"resource_type":"model","name":%[1]q,"package_name":"shop","fqn":["shop",%[1]q],`+
			`"original_file_path":"models/%[1]s.sql","patch_path":"shop://models/schema.yml","database":"","schema":%[2]q,"alias":%[1]q,`+
			`"checksum":{"name":"sha256","checksum":%[3]q},"raw_code":%[3]q,"config":{"materialized":"table"}%[4]s}`, m.name, schema, m.code, more))
	}
	return `{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/manifest/v12.json","dbt_version":"1.9.4","adapter_type":"postgres"},` +
		`"nodes":{` + strings.Join(nodes, ",") + `},"macros":{},"docs":{}}`
}

// archiveOf is the folder that dbt writes to, as the SDK packs it.
func archiveOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f := must(w.Create(name))
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// formOf is a multipart body as python-requests writes it: the fields, then the file,
// whose part has no Content-Type.
func formOf(t *testing.T, fields [][2]string, archive []byte) (contentType string, body []byte) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	part := must(w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="artifacts"; filename="tmpk3v1x8ab.zip"`}}))
	if _, err := part.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), out.Bytes()
}

// upload is "datafold dbt upload".
func (r *repository) upload(runType, sha, manifest string, more ...[2]string) string {
	r.t.Helper()
	fields := append([][2]string{{"commit_sha", sha}, {"run_type", runType}}, more...)
	contentType, body := formOf(r.t, fields, archiveOf(r.t, map[string]string{
		"manifest.json": manifest, "compiled/shop/models/orders.sql": "select 1", "partial_parse.msgpack": "\x81\xa1a\x01",
	}))
	return r.sdk(200, "POST", "/api/v1/dbt/submit_artifacts/1", contentType, bytes.NewReader(body))
}

// trigger is "datafold ci trigger".
func (r *repository) trigger(pr int, sha, base string) int {
	r.t.Helper()
	return r.number(r.t, r.sdk(200, "POST", "/api/v1/ci/1/trigger", "application/json", strings.NewReader(fmt.Sprintf(
		`{"pr_number":%d,"base_branch":"main","base_sha":%q,"pr_sha":%q,"pr_branch":"faster"}`, pr, base, sha))), "ci_run_id")
}

// run is a run in the shape that the SDK reads: none of it is null, and the number of a
// pull request is a text.
type run struct {
	ID         int    `json:"id"`
	BaseBranch string `json:"base_branch"`
	BaseSha    string `json:"base_sha"`
	PRBranch   string `json:"pr_branch"`
	PRSha      string `json:"pr_sha"`
	PRNum      string `json:"pr_num"`
	Status     string `json:"status"`
	Source     string `json:"source"`
}

func (r *repository) runs(query string) (list []run) {
	r.t.Helper()
	text := r.sdk(200, "GET", "/api/v1/ci/1/runs"+query, "", http.NoBody)
	if err := json.Unmarshal([]byte(text), &list); err != nil || strings.Contains(text, "null") {
		r.t.Fatalf("%v: %s", err, text)
	}
	return list
}

// wait is the end of a run, as the SDK waits for it.
func (r *repository) wait(sha string) (status string) {
	r.t.Helper()
	eventually(r.t, "the run of "+sha, func() bool {
		found := r.runs("?limit=1&pr_sha=" + sha)
		if len(found) == 0 {
			return false
		}
		status = found[0].Status
		return status == "done" || status == "failed" || status == "cancelled"
	})
	return status
}

// ciRun is a run as the control API shows it.
type ciRun struct {
	Status                             string
	SupersededBy                       int
	WaitsFor, Problems, Added, Removed []string
	Left                               []struct{ Model, Why string }
	Diffs                              []struct {
		ID                               int
		Model, KeySource, Status, Result string
		Prod, PR, Key, Notes             []string
	}
}

func (r *repository) look(id int) (v ciRun) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.expect(r.t, 200, "GET", fmt.Sprintf("/_understudy/datafold/ci-runs/%d", id), bearer(r.secret), "")), &v); err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r *repository) summary(id int) string {
	r.t.Helper()
	return r.expect(r.t, 200, "GET", fmt.Sprintf("/_understudy/datafold/ci-runs/%d/summary", id), bearer(r.secret), "")
}

func (r *repository) configure(members string) {
	r.t.Helper()
	r.expect(r.t, 200, "PUT", "/_understudy/datafold/ci-configs/1", bearer(r.secret), `{"dataSource":1,"name":"Shop"`+members+`}`)
}

// newRepository has a database with the tables of production and of a pull request, and
// a configuration.
func newRepository(t *testing.T, w *standIn, secret, config string) *repository {
	t.Helper()
	r := &repository{standIn: w, t: t, secret: secret}
	source := w.dataSource(t, secret, `{"type":"duckdb","name":"Warehouse"}`)
	w.embed(t, secret, source, `
		CREATE TABLE orders (id INTEGER, name TEXT, loaded_at TEXT); INSERT INTO orders VALUES (1,'a','x'),(2,'b','x'),(3,'c','x');
		CREATE TABLE orders_pr (id INTEGER, title TEXT, loaded_at TEXT); INSERT INTO orders_pr VALUES (1,'a','y'),(2,'B','y'),(3,'c','y'),(4,'d','y');
		CREATE TABLE items (id INTEGER, n INTEGER); INSERT INTO items VALUES (1,1),(2,2);
		CREATE TABLE items_pr (id INTEGER, n INTEGER); INSERT INTO items_pr VALUES (1,1),(2,2),(2,3),(NULL,4);`)
	r.configure(config)
	return r
}

const (
	keyedByMeta   = `"columns":{"id":{"name":"id","meta":{"primary-key":true}}}`
	keyedByTag    = `"columns":{"id":{"name":"id","tags":["primary-key"]}}`
	belowOrders   = `"depends_on":{"nodes":["model.shop.orders"],"macros":[]},` + keyedByTag
	neverCompared = `"meta":{"datafold":{"datadiff":{"never_diff":true}}}`
)

// A pull request of a dbt project, from the manifest of production to its check.
func TestPullRequestWithDbt(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	r := newRepository(t, w, "dbt", `,"columnsToIgnore":["loaded*"],"failOnPrimaryKeyIssues":true`)
	w.expect(t, 200, "PUT", "/_understudy/datafold/ci-configs/1/pull-requests/5", bearer(r.secret), `{"commitMessages":["Rename\n\ndatafold remap name title orders*","More"]}`)

	table := func(name string) string { return `"alias":"` + name + `",` }
	production := manifestOf("main", dbtModel{"orders", "1", keyedByMeta}, dbtModel{"items", "1", belowOrders}, dbtModel{"secrets", "1", neverCompared}, dbtModel{"same", "1", ""}, dbtModel{"old", "1", ""})
	change := manifestOf("main", dbtModel{"orders", "2", table("orders_pr") + keyedByMeta}, dbtModel{"items", "1", table("items_pr") + belowOrders}, dbtModel{"secrets", "2", neverCompared}, dbtModel{"same", "1", ""}, dbtModel{"new", "1", ""})

	// Nothing is there: it waits, and says for what.
	id := r.trigger(5, "bbb", "aaa")
	if got := r.runs("?pr_num=5"); !cmp.Equal(got, []run{{id, "main", "aaa", "faster", "bbb", "5", "waiting", "api"}}) {
		t.Error(got)
	}
	if waits := r.look(id).WaitsFor; len(waits) != 2 || !strings.Contains(waits[0], "bbb") || !strings.Contains(waits[1], "aaa") {
		t.Error(waits)
	}
	check := func(sha, runType string) string {
		return r.sdk(200, "POST", "/api/v1/dbt/post_upload_check_artifacts/1", "application/x-www-form-urlencoded", strings.NewReader("commit_sha="+sha+"&run_type="+runType+"&branch=main"))
	}
	if got := check("aaa", "production"); strings.Contains(got, `"ok"`) {
		t.Error(got)
	}
	r.upload("production", "aaa", production)
	if got := check("aaa", "production"); !strings.Contains(got, `"status":"ok"`) {
		t.Error(got)
	}
	if got := r.runs("?limit=1&pr_sha=bbb"); got[0].Status != "waiting" {
		t.Error(got)
	}
	r.upload("pull_request", "bbb", change)

	// The keys of items are not unique in the pull request.
	if got := r.wait("bbb"); got != "failed" {
		t.Fatal(got, r.summary(id))
	}
	v := r.look(id)
	var diffs []string
	for _, d := range v.Diffs {
		diffs = append(diffs, fmt.Sprintf("%s %v %s %s", d.Model, d.Key, d.KeySource, d.Result))
	}
	if diff := cmp.Diff([]string{"items [id] tags bad-pks", "orders [id] meta different"}, diffs); diff != "" {
		t.Error(diff)
	}
	if v.Left[0].Model != "secrets" || !cmp.Equal(v.Added, []string{"new"}) || !cmp.Equal(v.Removed, []string{"old"}) || len(v.Problems) != 2 {
		t.Errorf("%+v", v)
	}
	// A column was renamed, and one is ignored: a value differs, and a row is new.
	of := v.Diffs[1].ID
	if got := r.results(t, r.secret, of); !strings.Contains(got, `"values_with_differences":1`) || !strings.Contains(got, `"exclusives":[0,1]`) || strings.Contains(got, "loaded_at\",\"match") {
		t.Error(got)
	}
	diff := w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d", of), key(r.secret), "")
	for _, part := range []string{`"source":"ci"`, fmt.Sprintf(`"ci_run_id":%d`, id), `"ci_pr_num":5`, `"ci_pr_sha":"bbb"`, `"column_mapping":[["name","title"]]`} {
		if !strings.Contains(diff, part) {
			t.Errorf("no %s in %s", part, diff)
		}
	}
	text := r.summary(id)
	for _, part := range []string{
		"## Data diffs of pull request 5: failed\n", "- items has 2 rows whose primary key is not unique.", "- items has 1 row without a whole primary key.",
		fmt.Sprintf("| `orders` | `id` | different (diff %d) | 3 → 4 | 0 | 1 | 1 |\n", of), "### New models\n\n- new\n", "- secrets: never\\_diff is set.",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}

	// All calls again: it is the same run, and nothing is made anew.
	before := w.number(t, w.expect(t, 200, "GET", "/api/v1/datadiffs", key(r.secret), ""), "count")
	r.upload("pull_request", "bbb", change)
	r.upload("production", "aaa", production)
	if again := r.trigger(5, "bbb", "aaa"); again != id {
		t.Errorf("run %d, then %d", id, again)
	}
	if got := r.wait("bbb"); got != "failed" {
		t.Error(got)
	}
	if after := w.number(t, w.expect(t, 200, "GET", "/api/v1/datadiffs", key(r.secret), ""), "count"); after != before {
		t.Errorf("%d diffs, then %d", before, after)
	}

	// A new commit, whose artifacts come before anybody tells of it.
	r.upload("pull_request", "ccc", manifestOf("main", dbtModel{"orders", "3", table("orders_pr") + keyedByMeta}))
	next := r.trigger(5, "ccc", "aaa")
	if got := r.wait("ccc"); got != "done" {
		t.Error(got, r.summary(next))
	}
	if got := w.expect(t, 200, "GET", "/_understudy/violations?api=datafold", bearer(r.secret), ""); strings.Contains(got, `"rule"`) {
		t.Errorf("the SDK breaks a rule: %s", got)
	}
	if got := r.runs("?pr_num=5"); len(got) != 2 || got[0].ID != next || got[1].ID != id || got[1].Status != "failed" {
		t.Errorf("%+v", got)
	}
}

// reachCI calls the operations of CI, for which no example makes what they need.
func reachCI(t *testing.T, w *standIn) {
	t.Helper()
	r := newRepository(t, w, "reach-ci", `,"diffThreshold":0`)
	manifest := manifestOf("main", dbtModel{"orders", "1", keyedByTag})
	r.sdk(200, "POST", "/api/internal/ci/1/check_pks_in_dbt_manifest", "", strings.NewReader(manifest))
	r.upload("production", "aaa", manifest)
	r.sdk(200, "POST", "/api/v1/dbt/post_upload_check_artifacts/1", "application/x-www-form-urlencoded", strings.NewReader("commit_sha=aaa&run_type=production"))
	id := r.trigger(5, "bbb", "aaa")
	r.sdk(200, "POST", "/api/v1/ci/1/5", "application/json", strings.NewReader(`[{"prod":"orders","pr":"orders"}]`))
	eventually(t, "the plan", func() bool { return r.runs("")[0].Status == "needs_confirmation" })
	if got := r.summary(id); !strings.Contains(got, "Confirm the run to begin them.") {
		t.Error(got)
	}
	if v := r.look(id); len(v.Diffs) != 1 || v.Diffs[0].Status != "needs_confirmation" {
		t.Errorf("%+v", v)
	}
	config := "/_understudy/datafold/ci-configs/1"
	w.expect(t, 200, "POST", fmt.Sprintf("/_understudy/datafold/ci-runs/%d/confirm", id), bearer(r.secret), "")
	if got := r.wait("bbb"); got != "done" {
		t.Error(got, r.summary(id))
	}
	w.expect(t, 200, "GET", "/_understudy/datafold/dbt-artifacts/1", bearer(r.secret), "")
	w.expect(t, 200, "PUT", config+"/pull-requests/5", bearer(r.secret), `{}`)
	w.expect(t, 204, "DELETE", config, bearer(r.secret), "")
	r.sdk(404, "GET", "/api/v1/ci/1/runs", "", http.NoBody)
}

// A commit that comes while the run of the one before has not ended ends it.
func TestPullRequestSuperseded(t *testing.T) {
	t.Parallel()
	r := newRepository(t, startServer(t, Options{}), "superseded", "")
	r.expect(t, 200, "PUT", "/_understudy/datafold/outcomes/long", bearer(r.secret), `{"state":"processing"}`)
	r.upload("production", "aaa", manifestOf("main", dbtModel{"orders", "1", keyedByMeta}))
	for _, sha := range []string{"bbb", "ccc"} {
		r.upload("pull_request", sha, manifestOf("pr", dbtModel{"orders", sha, keyedByMeta}))
	}
	first := r.trigger(5, "bbb", "aaa")
	eventually(t, "the diff", func() bool { return len(r.look(first).Diffs) == 1 })
	diff := r.look(first).Diffs[0].ID
	second := r.trigger(5, "ccc", "aaa")
	if got := r.wait("bbb"); got != "cancelled" {
		t.Error(got)
	}
	if v := r.look(first); v.SupersededBy != second {
		t.Errorf("%+v", v)
	}
	if got := r.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d", diff), key(r.secret), ""); !strings.Contains(got, `"status":"cancelled"`) {
		t.Error(got)
	}
	// Told of the old one again, it stays as it is.
	if again := r.trigger(5, "bbb", "aaa"); again != first || r.wait("bbb") != "cancelled" || r.runs("?limit=1")[0].Status != "processing" {
		t.Error(again, r.runs(""))
	}
}

// A pull request without dbt: it names its tables.
func TestPullRequestWithoutDbt(t *testing.T) {
	t.Parallel()
	r := newRepository(t, startServer(t, Options{}), "pairs", "")
	submit := func(pairs string) string {
		return r.sdk(200, "POST", "/api/v1/ci/1/5", "application/json", strings.NewReader(pairs))
	}
	const (
		orders = `{"prod":"orders","pr":"orders_pr","pk":["id"],"include_columns":[],"exclude_columns":["loaded_at"]}`
		items  = `{"prod":"db.items","pr":"items","pk":null,"include_columns":[],"exclude_columns":[]}`
	)
	// Nobody has told of the pull request yet.
	if got := submit("[" + orders + "]"); got != `{"ci_run_id":null,"run_id":null}` {
		t.Error(got)
	}
	id := r.trigger(5, "bbb", "aaa")
	for range 2 {
		if got := r.number(t, submit("["+orders+"]"), "run_id"); got != id {
			t.Errorf("run %d, want %d", got, id)
		}
		if got := r.wait("bbb"); got != "done" {
			t.Error(got, r.summary(id))
		}
	}
	if v := r.look(id); len(v.Diffs) != 1 || v.Diffs[0].Result != "missing-pks" || v.Diffs[0].KeySource != "named" {
		t.Errorf("%+v", v)
	}
	// Others take their place.
	submit("[" + orders + "," + items + "]")
	if got := r.wait("bbb"); got != "done" {
		t.Error(got, r.summary(id))
	}
	if v := r.look(id); len(v.Diffs) != 2 || v.Diffs[1].Result != "identical" || !cmp.Equal(v.Diffs[1].Key, []string{"id"}) {
		t.Errorf("%+v", v)
	}
	submit(`[{"prod":"nowhere","pr":"items","pk":["id"]}]`)
	if got := r.wait("bbb"); got != "failed" || !strings.Contains(r.summary(id), "NoSuchTableException") {
		t.Error(got, r.summary(id))
	}
	submit(`[{"prod":".","pr":""}]`)
	if got := r.wait("bbb"); got != "failed" || !strings.Contains(r.summary(id), "NoSuchTableException") {
		t.Error(got, r.summary(id))
	}
}

// The calls of the SDK in every order, each of them twice, leave the same run.
func TestPullRequestInAnyOrder(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	production, change := manifestOf("main", dbtModel{"orders", "1", keyedByMeta}), manifestOf("main", dbtModel{"orders", "2", `"alias":"orders_pr",` + keyedByMeta})
	for i, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		r := newRepository(t, w, fmt.Sprintf("order-%d", i), "")
		calls := []func(){
			func() { r.upload("production", "aaa", production) },
			func() { r.upload("pull_request", "bbb", change) },
			func() { r.trigger(5, "bbb", "aaa") },
		}
		for _, n := range order {
			calls[n]()
			calls[n]()
		}
		if got := r.wait("bbb"); got != "done" {
			t.Errorf("%v: %s", order, got)
		}
		runs := r.runs("")
		if diff := cmp.Diff([]run{{1, "main", "aaa", "faster", "bbb", "5", "done", "api"}}, runs); diff != "" {
			t.Errorf("%v: %s", order, diff)
		}
		if v := r.look(1); len(v.Diffs) != 1 || v.Diffs[0].Result != "different" || v.Diffs[0].Key[0] != "id" {
			t.Errorf("%v: %+v", order, v)
		} else if diff := w.expect(t, 200, "GET", fmt.Sprintf("/api/v1/datadiffs/%d", v.Diffs[0].ID), key(r.secret), ""); !strings.Contains(diff, `"ci_pr_num":5`) || !strings.Contains(diff, `"ci_base_branch":"main"`) {
			t.Errorf("%v: %s", order, diff)
		}
	}
}

// Of uploads that come at once, one makes the run.
func TestPullRequestAtOnce(t *testing.T) {
	t.Parallel()
	r := newRepository(t, startServer(t, Options{}), "at-once", "")
	r.upload("production", "aaa", manifestOf("main", dbtModel{"orders", "1", keyedByMeta}))
	change := manifestOf("main", dbtModel{"orders", "2", `"alias":"orders_pr",` + keyedByMeta})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if i%2 == 0 {
				r.upload("pull_request", "bbb", change)
			} else {
				r.trigger(5, "bbb", "aaa")
			}
		})
	}
	all.Wait()
	if got := r.wait("bbb"); got != "done" {
		t.Error(got)
	}
	if runs := r.runs(""); len(runs) != 1 || runs[0].PRNum != "5" {
		t.Errorf("%+v", runs)
	}
	if n := r.number(t, r.expect(t, 200, "GET", "/api/v1/datadiffs?status=done", key(r.secret), ""), "count"); n != 1 {
		t.Errorf("%d diffs were made", n)
	}
}

// The states of a run by how often it is read, and by the clock.
func TestPullRequestStates(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	production, change := manifestOf("main", dbtModel{"orders", "1", keyedByMeta}), manifestOf("main", dbtModel{"orders", "2", `"alias":"orders_pr",` + keyedByMeta})
	begin := func(secret, mode string) *repository {
		r := newRepository(t, w, secret, "")
		w.expect(t, 200, "PUT", "/_understudy/jobs/modes/datafold.ci", bearer(secret), mode)
		r.upload("production", "aaa", production)
		r.upload("pull_request", "bbb", change)
		r.trigger(5, "bbb", "aaa")
		return r
	}
	// Whoever polls is shown each state so often, however fast the work is.
	r := begin("by-polls", `{"mode":"polls","reads":{"queued":2,"running":1}}`)
	var seen []string
	eventually(t, "the end", func() bool {
		status := r.runs("?limit=1&pr_sha=bbb")[0].Status
		if len(seen) < 3 {
			seen = append(seen, status)
		}
		return status == "done"
	})
	if len(seen) == 3 && seen[2] == "queued" { // the work had not begun
		seen[2] = "processing"
	}
	if diff := cmp.Diff([]string{"queued", "queued", "processing"}, seen); diff != "" {
		t.Error(diff)
	}
	// Its diffs may be shown by polls too: a poll of the run is a read of all of them.
	r = newRepository(t, w, "diffs-by-polls", "")
	w.expect(t, 200, "PUT", "/_understudy/jobs/modes/datafold.datadiff", bearer(r.secret), `{"mode":"polls","reads":{"queued":1,"running":2}}`)
	r.trigger(5, "bbb", "aaa")
	r.sdk(200, "POST", "/api/v1/ci/1/5", "application/json", strings.NewReader(`[{"prod":"orders","pr":"orders"},{"prod":"items","pr":"items"}]`))
	eventually(t, "the plan", func() bool {
		return strings.Contains(w.expect(t, 200, "GET", "/_understudy/jobs", bearer(r.secret), ""), `"kind":"datafold.ci"`) &&
			strings.Contains(w.expect(t, 200, "GET", "/api/v1/datadiffs", key(r.secret), ""), `"count":2`)
	})
	polls := 0
	eventually(t, "the end", func() bool { polls++; return r.runs("")[0].Status == "done" })
	if polls < 4 {
		t.Errorf("done after %d polls", polls)
	}
	// By the clock, which stands until it is moved.
	w.expect(t, 200, "PUT", "/_understudy/clock", bearer("by-clock"), `{"frozen":true,"now":"2026-11-28T09:00:00Z"}`)
	r = begin("by-clock", `{"mode":"clock","durations":{"queued":"10s","running":"20s"}}`)
	advance := func(by string) {
		w.expect(t, 200, "POST", "/_understudy/clock/advance", bearer(r.secret), `{"by":"`+by+`"}`)
	}
	advance("9s")
	if got := r.runs("")[0].Status; got != "queued" {
		t.Errorf("after 9 s: %s", got)
	}
	advance("2s")
	eventually(t, "the work, which may not have begun yet", func() bool { return r.runs("")[0].Status == "processing" })
	advance("30s")
	if got := r.wait("bbb"); got != "done" {
		t.Error(got)
	}
}

// What is no upload is refused, and says where it is wrong; nothing is kept of it.
func TestUploadsAreChecked(t *testing.T) {
	t.Parallel()
	r := newRepository(t, startServer(t, Options{}), "uploads", "")
	good := archiveOf(t, map[string]string{"manifest.json": manifestOf("main", dbtModel{"orders", "1", keyedByTag})})
	fields := [][2]string{{"commit_sha", "aaa"}, {"run_type", "production"}}
	for name, c := range map[string]struct {
		fields  [][2]string
		archive []byte
		says    string
	}{
		"no commit":      {fields[1:], good, `"loc":["body","commit_sha"],"msg":"Field required"`},
		"no type":        {fields[:1], good, `"loc":["body","run_type"],"msg":"Field required"`},
		"another type":   {[][2]string{fields[0], {"run_type", "staging"}}, good, `["body","run_type"]`},
		"no archive":     {fields, []byte("PK no"), "no ZIP archive"},
		"no manifest":    {fields, archiveOf(t, map[string]string{"catalog.json": "{}"}), "no manifest.json"},
		"out of it":      {fields, archiveOf(t, map[string]string{"../manifest.json": "{}"}), "leads out of it"},
		"not of dbt":     {fields, archiveOf(t, map[string]string{"manifest.json": `{"name":"app"}`}), "no metadata"},
		"too old":        {fields, archiveOf(t, map[string]string{"manifest.json": strings.Replace(manifestOf("main"), "v12", "v4", 1)}), "version v4"},
		"a bomb of text": {fields, archiveOf(t, map[string]string{"manifest.json": `{"docs":"` + strings.Repeat("a", 64<<20)}), "larger than"},
	} {
		contentType, body := formOf(t, c.fields, c.archive)
		if got := r.sdk(422, "POST", "/api/v1/dbt/submit_artifacts/1", contentType, bytes.NewReader(body)); !strings.Contains(got, c.says) || !strings.Contains(got, `"loc":["body"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	contentType, body := formOf(t, fields, good)
	r.sdk(404, "POST", "/api/v1/dbt/submit_artifacts/2", contentType, bytes.NewReader(body))
	// A transfer encoding of a part means nothing (RFC 7578, section 4.7).
	for text, status := range map[string]int{string(body): 200, strings.Replace(string(body), "PK", "=zz", 1): 422} {
		for _, encoding := range []string{"quoted-printable", "base64"} {
			text := strings.ReplaceAll(text, "Content-Disposition", "Content-Transfer-Encoding: "+encoding+"\r\nContent-Disposition")
			r.sdk(status, "POST", "/api/v1/dbt/submit_artifacts/1", contentType, strings.NewReader(text))
		}
	}
	for _, contentType := range []string{"", "application/json", "multipart/form-data"} {
		if got := r.sdk(422, "POST", "/api/v1/dbt/submit_artifacts/1", contentType, strings.NewReader(`{}`)); !strings.Contains(got, `"loc":["body"`) {
			t.Errorf("%q: %s", contentType, got)
		}
	}
	if got := r.runs(""); len(got) != 0 {
		t.Errorf("%+v", got)
	}

	// A large one goes through a file, and comes back as it was.
	noise := make([]byte, 3<<20)
	for i, seed := range noise {
		noise[i] = seed + byte(i*i>>7) ^ byte(i*31>>3)
	}
	large := archiveOf(t, map[string]string{"manifest.json": manifestOf("main", dbtModel{"orders", "1", keyedByTag}), "partial_parse.msgpack": string(noise)})
	contentType, body = formOf(t, fields, large)
	for range 2 {
		got := r.sdk(200, "POST", "/api/v1/dbt/submit_artifacts/1", contentType, bytes.NewReader(body))
		if got != `{"id":1,"commit_sha":"aaa","run_type":"production","status":"ok"}` {
			t.Error(got)
		}
	}
	if got := r.expect(t, 200, "GET", "/_understudy/datafold/dbt-artifacts/1", bearer(r.secret), ""); got != string(large) {
		t.Errorf("%d bytes came back of %d", len(got), len(large))
	}
	r.expect(t, 404, "GET", "/_understudy/datafold/dbt-artifacts/2", bearer(r.secret), "")
}

// What a workspace may hold bounds uploads too, and one that is too much leaves nothing.
func TestUploadsWithinQuotas(t *testing.T) {
	t.Parallel()
	r := newRepository(t, startServer(t, Options{Quota: quota.Limits{WorkspaceBytes: 256 << 10}}), "quota", "")
	noise := make([]byte, 300<<10)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"manifest.json": manifestOf("main", dbtModel{"orders", "1", keyedByTag}), "noise": string(noise)}
	contentType, body := formOf(t, [][2]string{{"commit_sha", "aaa"}, {"run_type", "pull_request"}}, archiveOf(t, files))
	r.sdk(413, "POST", "/api/v1/dbt/submit_artifacts/1", contentType, bytes.NewReader(body))
	if got := r.runs(""); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	r.upload("pull_request", "aaa", files["manifest.json"]) // there is room for a small one
}

// The key check tells how each key was found, in the shape that the SDK reads.
func TestCheckPrimaryKeys(t *testing.T) {
	t.Parallel()
	r := newRepository(t, startServer(t, Options{}), "keys", `,"primaryKeyTag":"pk"`)
	check := func(status int, text string) string {
		return r.sdk(status, "POST", "/api/internal/ci/1/check_pks_in_dbt_manifest", "", strings.NewReader(text))
	}
	text := strings.Replace(manifestOf("main", dbtModel{"orders", "1", `"columns":{"id":{"name":"id","tags":["pk"]}}`}, dbtModel{"items", "1", ""}), `"postgres"`, `"snowflake"`, 1)
	want := `[{"source":"none","sql_table":["main","items"],"sql_pks":[],"dbt_fqn":["shop","items"],"dbt_pks":[],"dbt_original_file_path":"models/items.sql","dbt_patch_path":"models/schema.yml","warnings":["No primary key was found."]},` +
		`{"source":"tags","sql_table":["main","orders"],"sql_pks":["ID"],"dbt_fqn":["shop","orders"],"dbt_pks":["id"],"dbt_original_file_path":"models/orders.sql","dbt_patch_path":"models/schema.yml","warnings":[]}]`
	if diff := cmp.Diff(want, check(200, text)); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []string{"[]", "manifest", text[:len(text)/2]} {
		if got := check(422, wrong); !strings.Contains(got, "no manifest of dbt") {
			t.Error(got)
		}
	}
	r.sdk(404, "POST", "/api/internal/ci/9/check_pks_in_dbt_manifest", "", strings.NewReader(text))
	if got := r.expect(t, 200, "GET", "/_understudy/violations?api=datafold", bearer(r.secret), ""); strings.Contains(got, `"rule"`) {
		t.Errorf("the SDK breaks a rule: %s", got)
	}
}
