package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/seed"
)

const seedPath = "/_understudy/seed"

// yamlOf is bearer for a body of YAML.
func yamlOf(secret string) http.Header {
	return http.Header{"Authorization": {"Bearer " + secret}, "Content-Type": {"application/yaml"}}
}

// expect sends a request and wants a status.
func (w *standIn) expect(t *testing.T, status int, method, target string, header http.Header, body string) string {
	t.Helper()
	got := w.do(t, method, target, header, strings.NewReader(body))
	if got.status != status {
		t.Fatalf("%s %s: %d %s", method, target, got.status, got.body)
	}
	return got.body
}

func (w *standIn) export(t *testing.T, secret string) string {
	t.Helper()
	got := w.do(t, "GET", seedPath, bearer(secret), http.NoBody)
	if got.status != 200 || got.header.Get("Content-Type") != "application/yaml" {
		t.Fatalf("%d %s %s", got.status, got.header, got.body)
	}
	return got.body
}

// fillWorkspace makes a workspace with something of everything, by calls alone.
func fillWorkspace(t *testing.T, w *standIn, secret string) {
	t.Helper()
	b, d := bearer(secret), key(secret)
	idOf := func(body string) string {
		t.Helper()
		var made struct {
			ID      json.RawMessage
			Project struct{ ID json.RawMessage }
		}
		if err := json.Unmarshal([]byte(body), &made); err != nil {
			t.Fatal(err)
		}
		return strings.Trim(string(append(made.ID, made.Project.ID...)), `"`)
	}
	project := func(body string) string { return idOf(w.expect(t, 200, "POST", "/api/projects", b, body)) }
	integration := func(project, body string) string {
		return idOf(w.expect(t, 200, "POST", "/api/projects/"+project+"/integrations", b, body))
	}
	advance := func(by string) {
		w.expect(t, 200, "POST", "/_understudy/clock/advance", b, `{"by":"`+by+`"}`)
	}
	w.expect(t, 200, "PUT", "/_understudy/clock", b, `{"frozen":true,"now":"2026-01-01T00:00:00.123456Z"}`)
	w.expect(t, 200, "PUT", "/_understudy/ids", b, `{"source":"sequential","seed":7}`)

	first := project(`{"name":"Pricing: \"all\" #1\n<&> 😀","key":"pricing","protected":true}`)
	gone := project(`{"name":"Gone","key":"gone"}`)
	again := project(`{"name":"Back","key":"back"}`)
	advance("1h")
	kept := integration(first, `{"name":"Rates","type":"http","kind":"rates","config":{"url":"https://r.example.com","timeout":1.5e3,"headers":[{"a":[1,null,"yes"]},0.1],"output":"x"},"group":"G"}`)
	integration(gone, `{"name":"Hidden","type":"http","kind":"hidden","config":{"url":"u"}}`)
	dropped := integration(first, `{"name":"Dropped","type":"http","kind":"dropped","config":{"url":"u"},"description":""}`)
	integration(first, `{"name":"More","type":"http","kind":"more","config":{"url":"u"}}`)
	advance("90s")
	w.expect(t, 200, "DELETE", "/api/projects/"+first+"/integrations/"+dropped, b, "")
	w.expect(t, 200, "PUT", "/api/projects/"+first+"/integrations/"+kept, b, `{"name":"Rates 2","config":{"url":"https://r2.example.com"},"description":"d"}`)
	w.expect(t, 200, "PUT", "/api/projects/"+first, b, `{"name":"Renamed","key":"pricing-2"}`)
	w.expect(t, 200, "DELETE", "/api/projects/"+gone, b, "")
	w.expect(t, 200, "DELETE", "/api/projects/"+again, b, "")
	project(`{"name":"Took the key","key":"gone"}`)
	w.expect(t, 200, "PUT", "/api/projects/"+again+"/restore", b, "")
	project(`{"name":"Copy","key":"copy","copyContentRef":"` + first + `"}`)

	bi := func(biType, body string) string {
		return idOf(w.expect(t, 200, "POST", "/api/v1/lineage/bi/"+biType+"/", d, body))
	}
	bi("dbt", `{"ci_config_id":3,"indexing_cron":"0 5 * * *"}`)
	bi("hightouch", `{"token":"marked-secret","bindings":[{"remoteId":"781","boundIds":[12]}],"workspace":"marketing"}`)
	removed := bi("dbt", `{"ci_config_id":4}`)
	looker := bi("looker", `{"base_url":"https://l.example.com:443","client_id":"c","client_secret":"marked-secret","repo_id":7,"project_ids":["finance"]}`)
	bi("mode", `{"token":"marked-secret","password":"marked-secret","name":null}`)
	power := bi("powerbi", `{"auth_type":"service_principal","client_secret":"marked-secret"}`)
	bi("tableau", `{"token_name":"n","token_value":"marked-secret","site_id":"007","server_url":"https://t.example.com","name":"2026-01-01"}`)
	last := bi("powerbi", `{}`)
	for _, id := range []string{removed, looker, power, looker} {
		w.expect(t, 200, "GET", "/api/v1/lineage/bi/"+id+"/sync/", d, "")
	}
	advance("2s")
	w.expect(t, 200, "GET", "/api/v1/lineage/bi/"+last+"/sync/", d, "")
	for _, id := range []string{removed, last} {
		w.expect(t, 200, "DELETE", "/api/v1/lineage/bi/"+id+"/", d, "")
	}
	w.expect(t, 200, "PUT", "/api/v1/lineage/bi/powerbi/"+power+"/", d, `{"name":"Renamed","tenant_id":"t"}`)
	source := func(body string) string { return idOf(w.expect(t, 200, "POST", "/api/v1/data_sources", d, body)) }
	embedded := source(`{"type":"duckdb","name":"Embedded","float_tolerance":0.5}`)
	w.expect(t, 200, "PUT", "/_understudy/datafold/data-sources/"+embedded+"/backing", b, `{"sql":"CREATE TABLE t (id INT);\nINSERT INTO t VALUES (1)"}`)
	source(`{"type":"mysql","name":"My","options":{"host":"h","user":"u","password":"marked-secret","db":"d"},"group_ids":[1,2]}`)
	other := source(`{"type":"snowflake","name":"Flake","options":{"account":"a","password":"marked-secret"}}`)
	w.expect(t, 200, "PUT", "/_understudy/datafold/data-sources/"+other+"/backing", b, `{"source":`+embedded+`,"identifiers":"lower"}`)
	w.expect(t, 200, "PUT", "/_understudy/datafold/outcomes/stuck", b, `{"sources":[0,`+other+`],"call":1,"state":"processing"}`)
	w.expect(t, 200, "PUT", "/_understudy/datafold/outcomes/differ", b, `{"tables":[["a"],["b"]],"result":{"rows":[1000,1003],"exclusives":[0,3],"columns":{"name":2}}}`)
	w.expect(t, 200, "PUT", "/_understudy/datafold/compatibility", b, `{"dependencies":"object"}`)
	// Its work is done already: a clock that stands shows no more of it.
	w.expect(t, 200, "PUT", "/_understudy/jobs/modes/datafold.datadiff", b, `{"mode":"clock"}`)
	diff := `{"data_source1_id":` + embedded + `,"data_source2_id":` + other + `,"table1":["a"],"table2":["b"],"pk_columns":["id"],"diff_tolerance":0.10}`
	w.expect(t, 200, "POST", "/api/v1/datadiffs", d, diff)
	asked := idOf(w.expect(t, 200, "POST", "/api/v1/datadiffs", d, diff))
	w.expect(t, 200, "PATCH", "/api/v1/datadiffs/"+asked, d, `{"archived":true}`)
	w.expect(t, 200, "PUT", "/_understudy/faults/second", b, `{"match":{"operation":"deleteIntegration"},"when":{"from":2,"until":"2027-01-01T00:00:00Z"},"do":{"status":418,"body":{"b":1,"a":[1.50,"<x>"]},"undeclared":true,"headers":{"X-A":"yes"}}}`)
	w.expect(t, 200, "PUT", "/_understudy/faults/first", b, `{"do":{"delay":{"uniform":{"from":0,"to":0.5}}}}`)
}

// answers are what a workspace answers to everything that can be read, and to what
// makes the next of everything.
func answers(t *testing.T, w *standIn, secret string) map[string]string {
	t.Helper()
	b, d := bearer(secret), key(secret)
	all := map[string]string{}
	read := func(target string, header http.Header) string {
		got := w.do(t, "GET", target, header, http.NoBody)
		all[target] = fmt.Sprint(got.status, got.body)
		return got.body
	}
	for _, target := range []string{"/api/projects?perPage=100", "/api/projects?perPage=100&deleted=true", "/api/projects?search=a"} {
		var page struct{ Results []struct{ ID string } }
		if err := json.Unmarshal([]byte(read(target, b)), &page); err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Results {
			read("/api/projects/"+p.ID, b)
			read("/api/projects/"+p.ID+"/integrations?perPage=100", b)
		}
	}
	read("/api/v1/lineage/bi/", d)
	for id := range 10 {
		read(fmt.Sprintf("/api/v1/lineage/bi/%d/", id), d)
	}
	read("/api/v1/data_sources", d)
	read("/api/v1/datadiffs?order_by=status", d)
	for id := range 3 {
		read(fmt.Sprintf("/api/v1/datadiffs/%d/summary_results", id), d)
	}
	read("/api/v1/data_sources/types", d)
	read("/_understudy/datafold/outcomes", b)
	read("/_understudy/datafold/compatibility", b)
	for id := range 4 {
		read(fmt.Sprintf("/_understudy/datafold/data-sources/%d/backing", id), b)
	}
	read("/_understudy/clock", b)
	read("/_understudy/ids", b)
	read("/_understudy/faults", b)
	for _, next := range []struct {
		method, target, body string
		header               http.Header
	}{
		{"POST", "/api/projects", `{"name":"Next","key":"next"}`, b},
		{"POST", "/api/v1/lineage/bi/dbt/", `{"ci_config_id":1}`, d},
		{"GET", "/api/v1/lineage/bi/1/sync/", "", d},
	} {
		got := w.do(t, next.method, next.target, next.header, strings.NewReader(next.body))
		all[next.method+" "+next.target] = fmt.Sprint(got.status, got.body)
	}
	return all
}

// Exported, reseeded, exported again: identical files, and the same workspace.
func TestSeedRoundTrip(t *testing.T) {
	t.Parallel()
	from, to := startServer(t, Options{}), startServer(t, Options{})
	fillWorkspace(t, from, "rich")
	text := from.export(t, "rich")
	if strings.Contains(text, "marked-secret") || strings.Contains(text, "credential: rich") {
		t.Errorf("a secret is exported:\n%s", text)
	}
	fillWorkspace(t, to, "rich") // it holds something else of the same kind
	to.expect(t, 200, "POST", "/api/projects", bearer("rich"), `{"name":"Extra","key":"extra"}`)
	var told understudy.Seeded
	if err := json.Unmarshal([]byte(to.expect(t, 200, "PUT", seedPath, yamlOf("rich"), text)), &told); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(understudy.Seeded{Workspaces: 1, Resources: 25, Faults: 2}, told); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(text, to.export(t, "rich")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(answers(t, from, "rich"), answers(t, to, "rich")); diff != "" {
		t.Error(diff)
	}
	// The snapshot "seed" brings it back.
	to.expect(t, 200, "POST", "/_understudy/snapshots/seed/restore", bearer("rich"), "")
	if diff := cmp.Diff(text, to.export(t, "rich")); diff != "" {
		t.Error(diff)
	}
	// An empty workspace is a seed too.
	empty := to.export(t, "nobody")
	to.expect(t, 200, "PUT", seedPath, yamlOf("rich"), empty)
	if diff := cmp.Diff(empty, to.export(t, "rich")); diff != "" {
		t.Error(diff)
	}
}

// The same seed as JSON, and in a sub-workspace.
func TestSeedJSON(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	const seed = "{\n\t\"workspaces\": [{\"brms\": {\"projects\": [{\"name\": \"\\ud83d\\ude00\", \"key\": \"kk\", \"createdAt\": \"2026-01-01T00:00:00Z\"}]}}]\n}"
	header := bearer("json")
	header.Set("Understudy-Workspace", "sub")
	w.expect(t, 200, "PUT", seedPath, header, seed)
	if got := w.export(t, "json"); strings.Contains(got, "kk") {
		t.Errorf("not only in the sub-workspace:\n%s", got)
	}
	if got := w.expect(t, 200, "GET", seedPath, header, ""); !strings.Contains(got, "key: kk") {
		t.Error(got)
	}
	w.expect(t, 400, "PUT", seedPath, http.Header{"Authorization": {"Bearer json"}, "Content-Type": {"text/plain"}}, seed)
	w.expect(t, 401, "PUT", seedPath, http.Header{"Content-Type": {"application/yaml"}}, seed)
}

// A seed with ten mistakes reports ten, with lines, and changes nothing.
func TestSeedMistakes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../seed/testdata/ten-mistakes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := startServer(t, Options{})
	fillWorkspace(t, w, "ten-mistakes")
	before := w.export(t, "ten-mistakes")
	var told understudy.Problem
	if err := json.Unmarshal([]byte(w.expect(t, 422, "PUT", seedPath, yamlOf("ten-mistakes"), string(text))), &told); err != nil {
		t.Fatal(err)
	}
	if told.Problems == nil || len(*told.Problems) != 10 {
		t.Fatalf("%+v", told)
	}
	_, offline, err := CheckSeed(t.Context(), seed.Input{YAML: text})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, p := range *told.Problems {
		if mark := fmt.Sprintf("# %d:", i+1); !strings.Contains(lines[p.Line-1], mark) {
			t.Errorf("%+v: not in the line of %s", p, mark)
		}
		if o := offline[i]; o.Line != p.Line || o.Column != p.Column || o.Pointer != p.Pointer || o.Message != p.Message {
			t.Errorf("%+v, but offline %+v", p, o)
		}
		if strings.Contains(p.Message, "never-quoted") {
			t.Errorf("a secret is quoted: %s", p.Message)
		}
	}
	if diff := cmp.Diff(before, w.export(t, "ten-mistakes")); diff != "" {
		t.Error(diff)
	}
	w.expect(t, 404, "POST", "/_understudy/snapshots/seed/restore", bearer("ten-mistakes"), "")
}

// A server that starts with a seed plants what is not there, and leaves what is.
func TestSeedAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "world.yaml")
	plant := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var log lockedText
	logger := slog.New(slog.NewTextHandler(&log, nil))
	start := func() *App {
		t.Helper()
		a, err := New(t.Context(), Options{Store: "sqlite:" + filepath.Join(dir, "world.db"), Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Seed(t.Context(), file, "", logger); err != nil {
			t.Fatal(err)
		}
		return a
	}
	plant("workspaces:\n  - credential: first\n    brms: {projects: [{name: First, key: first}]}\n")
	a := start()
	one := func(a *App, secret string) string {
		t.Helper()
		text, err := a.seeds.Export(t.Context(), principalOf(t, secret))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := one(a, "first")
	if !strings.Contains(before, "key: first") {
		t.Fatal(before)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	plant("workspaces:\n  - credential: first\n    brms: {projects: [{name: Changed, key: changed}]}\n  - credential: second\n    brms: {projects: [{name: Second, key: second}]}\n")
	a = start()
	if diff := cmp.Diff(before, one(a, "first")); diff != "" {
		t.Error(diff)
	}
	if got := one(a, "second"); !strings.Contains(got, "key: second") {
		t.Error(got)
	}
	if said := log.String(); !strings.Contains(said, "not seeded: the workspace holds something already") || !strings.Contains(said, "in=/workspaces/0") || strings.Contains(said, "credential") {
		t.Error(said)
	}
	plant("workspaces:\n  - {}\n")
	if _, err := a.Seed(t.Context(), file, "", logger); err == nil || err.Error() != "the seed has mistakes:\n"+file+`:2:5: The member "credential" is missing: there is no caller whose workspace this could be.` {
		t.Error(err)
	}
	if _, err := a.Seed(t.Context(), filepath.Join(dir, "none.yaml"), "", logger); err == nil {
		t.Error("a file that is not there")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func principalOf(t *testing.T, secret string) string {
	t.Helper()
	keys, err := keyring("open")
	if err != nil {
		t.Fatal(err)
	}
	p, _ := keys.Principal(secret)
	return p.Workspace
}

// While seeds are planted, nobody sees half of one.
func TestSeedAtomic(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	seed := func(name string) string {
		var b strings.Builder
		b.WriteString("workspaces:\n  - brms:\n      projects:\n")
		for i := range 50 {
			fmt.Fprintf(&b, "        - {name: %s, key: key-%d}\n", name, i)
		}
		return b.String()
	}
	w.expect(t, 200, "PUT", seedPath, yamlOf("atomic"), seed("one"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 10 {
			w.expect(t, 200, "PUT", seedPath, yamlOf("atomic"), seed([]string{"one", "two"}[i%2]))
		}
	}()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		body := w.expect(t, 200, "GET", "/api/projects?perPage=100", bearer("atomic"), "")
		if ones, twos := strings.Count(body, `"name":"one"`), strings.Count(body, `"name":"two"`); ones+twos != 50 || ones*twos != 0 {
			t.Fatalf("%d and %d", ones, twos)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
