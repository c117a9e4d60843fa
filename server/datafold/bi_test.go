package datafold_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	gen "github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/internal/pydantic"
)

const bi = "/api/v1/lineage/bi/"

// members decodes an object.
func members(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// complete adds the members that an answer has though they are not set: null.
func complete(t *testing.T, answer map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(gen.BIIntegration{})
	if err != nil {
		t.Fatal(err)
	}
	for name := range members(t, string(text)) {
		if _, given := answer[name]; !given {
			answer[name] = nil
		}
	}
	return answer
}

// create adds an integration of a type and returns the answer.
func (s *server) create(t *testing.T, biType, body string) map[string]any {
	t.Helper()
	status, answer, _ := s.raw(t, "POST", bi+biType+"/", body)
	if status != 200 {
		t.Fatalf("create %s: %d %s", biType, status, answer)
	}
	return members(t, answer)
}

func (s *server) get(t *testing.T, id int) map[string]any {
	t.Helper()
	status, answer, _ := s.raw(t, "GET", fmt.Sprintf("%s%d/", bi, id), "")
	if status != 200 {
		t.Fatalf("get %d: %d %s", id, status, answer)
	}
	return members(t, answer)
}

// smallest is the least that each type is made of.
var smallest = map[string]string{
	"dbt":       `{"ci_config_id":4}`,
	"hightouch": `{"token":"MARK-ht","bindings":[]}`,
	"looker":    `{"base_url":"https://l","client_id":"c","client_secret":"MARK-lo","repo_id":7}`,
	"mode":      `{"token":"MARK-mo","password":"MARK-mp"}`,
	"powerbi":   `{}`,
	"tableau":   `{"token_name":"n","token_value":"MARK-ta","site_id":"s","server_url":"https://t"}`,
}

// What each type answers, when it was given as little as possible and everything.
func TestTypes(t *testing.T) {
	t.Parallel()
	binding := `[{"remoteId":"r","boundIds":[1,2]}]`
	for name, test := range map[string]struct{ biType, body, want string }{
		"dbt least": {"dbt", smallest["dbt"], `{"ci_config_id":4}`},
		"dbt all": {
			"dbt", `{"ci_config_id":4,"name":"n","indexing_cron":"0 5 * * *"}`,
			`{"ci_config_id":4,"name":"n","indexing_cron":"0 5 * * *"}`,
		},
		"hightouch least": {"hightouch", smallest["hightouch"], `{"bindings":[]}`},
		"hightouch all": {
			"hightouch", `{"token":"MARK","bindings":` + binding + `,"workspace":"w","indexing_cron":"c","name":"n"}`,
			`{"bindings":` + binding + `,"workspace":"w","indexing_cron":"c","name":"n"}`,
		},
		"looker least": {
			"looker", smallest["looker"],
			`{"base_url":"https://l","client_id":"c","repo_id":7,"bindings":[],"project_ids":[]}`,
		},
		"looker all": {
			"looker",
			`{"base_url":"b","client_id":"c","client_secret":"MARK","repo_id":7,"bindings":` + binding + `,"project_ids":["p"],"indexing_cron":"c","name":"n"}`,
			`{"base_url":"b","client_id":"c","repo_id":7,"bindings":` + binding + `,"project_ids":["p"],"indexing_cron":"c","name":"n"}`,
		},
		"mode least": {"mode", smallest["mode"], `{"workspace":""}`},
		"mode all": {
			"mode", `{"token":"MARK","password":"MARK","workspace":"w","indexing_cron":"c","name":"n"}`,
			`{"workspace":"w","indexing_cron":"c","name":"n"}`,
		},
		"powerbi least": {"powerbi", `{}`, `{}`},
		"powerbi all": {
			"powerbi", `{"auth_type":"service_principal","client_id":"c","tenant_id":"t","client_secret":"MARK","indexing_cron":"c","name":"n"}`,
			`{"auth_type":"service_principal","client_id":"c","tenant_id":"t","indexing_cron":"c","name":"n"}`,
		},
		"powerbi nulls": {
			"powerbi", `{"auth_type":null,"client_id":null,"tenant_id":null,"client_secret":null,"indexing_cron":null,"name":null}`, `{}`,
		},
		"tableau least": {"tableau", smallest["tableau"], `{"token_name":"n","site_id":"s","server_url":"https://t"}`},
		"tableau all": {
			"tableau", `{"token_name":"n","token_value":"MARK","site_id":"s","server_url":"u","indexing_cron":"c","name":"x"}`,
			`{"token_name":"n","site_id":"s","server_url":"u","indexing_cron":"c","name":"x"}`,
		},
		"unknown members": {"dbt", `{"ci_config_id":4,"other":1,"id":77,"sync":{}}`, `{"ci_config_id":4}`},
		"integral number": {"dbt", `{"ci_config_id":4.0}`, `{"ci_config_id":4}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			wanted := complete(t, members(t, test.want))
			wanted["id"], wanted["type"] = 1., test.biType
			if diff := cmp.Diff(wanted, s.create(t, test.biType, test.body)); diff != "" {
				t.Error("created:", diff)
			}
			if diff := cmp.Diff(wanted, s.get(t, 1)); diff != "" {
				t.Error("got:", diff)
			}
			list := must(s.GetAllIntegrationsWithResponse(t.Context()))
			want(t, 200, list)
			var listed []map[string]any
			if err := json.Unmarshal(list.Body, &listed); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]map[string]any{wanted}, listed); diff != "" {
				t.Error("listed:", diff)
			}
		})
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	looker := `"base_url":"https://l","client_id":"c","repo_id":7,"bindings":[],"project_ids":[]`
	for name, test := range map[string]struct{ biType, create, update, want string }{
		"dbt is replaced": {
			"dbt", `{"ci_config_id":1,"name":"a","indexing_cron":"x"}`, `{"ci_config_id":2}`,
			`{"ci_config_id":2}`,
		},
		"powerbi is replaced": {
			"powerbi", `{"client_id":"a","tenant_id":"t","client_secret":"MARK","name":"n"}`, `{"client_id":"b"}`,
			`{"client_id":"b"}`,
		},
		"looker: schedule only": {
			"looker", smallest["looker"],
			`{"base_url":"other","client_id":"other","client_secret":"MARK-2","repo_id":8,"name":"other","project_ids":["p"],"indexing_cron":"0 5 * * *"}`,
			`{` + looker + `,"indexing_cron":"0 5 * * *"}`,
		},
		"looker: schedule away": {
			"looker", strings.Replace(smallest["looker"], "{", `{"indexing_cron":"x",`, 1), smallest["looker"],
			`{` + looker + `}`,
		},
		"tableau: schedule only": {
			"tableau", smallest["tableau"], `{"token_name":"o","token_value":"MARK-2","site_id":"o","server_url":"o","name":"o","indexing_cron":"y"}`,
			`{"token_name":"n","site_id":"s","server_url":"https://t","indexing_cron":"y"}`,
		},
		"mode: schedule only": {
			"mode", smallest["mode"], `{"token":"MARK-2","password":"MARK-2","workspace":"o","name":"o","indexing_cron":"y"}`,
			`{"workspace":"","indexing_cron":"y"}`,
		},
		"hightouch: schedule only": {
			"hightouch", smallest["hightouch"],
			`{"token":"MARK-2","bindings":[{"remoteId":"r","boundIds":[]}],"workspace":"o","name":"o","indexing_cron":"y"}`,
			`{"bindings":[],"indexing_cron":"y"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.create(t, test.biType, test.create)
			// A synchronisation is not of the configuration: it stays.
			want(t, 200, must(s.ResyncIntegrationWithResponse(t.Context(), 1)))
			status, answer, _ := s.raw(t, "PUT", bi+test.biType+"/1/", test.update)
			if status != 200 {
				t.Fatalf("%d %s", status, answer)
			}
			wanted := complete(t, members(t, test.want))
			wanted["id"], wanted["type"] = 1., test.biType
			wanted["sync"] = map[string]any{
				"id": 1., "status": "queued", "created_at": "2026-11-21T09:30:00Z", "started_at": nil, "finished_at": nil,
			}
			if diff := cmp.Diff(wanted, members(t, answer)); diff != "" {
				t.Error("updated:", diff)
			}
			if diff := cmp.Diff(wanted, s.get(t, 1)); diff != "" {
				t.Error("got:", diff)
			}
		})
	}
}

// An integration is updated under the path of its own type only.
func TestWrongType(t *testing.T) {
	t.Parallel()
	s := start(t)
	ids := map[string]int{}
	for biType, body := range smallest {
		ids[biType] = int(s.create(t, biType, body)["id"].(float64))
	}
	for biType, id := range ids {
		before := s.get(t, id)
		for path, body := range smallest {
			status, answer, _ := s.raw(t, "PUT", fmt.Sprintf("%s%s/%d/", bi, path, id), body)
			if path == biType {
				if status != 200 {
					t.Errorf("%s through its own path: %d %s", biType, status, answer)
				}
				continue
			}
			if status != 404 || answer != `{"detail":"BI integration not found"}` {
				t.Errorf("%s through %s: %d %s", biType, path, status, answer)
			}
		}
		if diff := cmp.Diff(before, s.get(t, id)); diff != "" {
			t.Errorf("%s: %s", biType, diff)
		}
	}
}

// Ids count from 1 in every workspace and are never given twice.
func TestIDs(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	other := client(t, s.url, "another-key")
	for wanted := 1; wanted <= 3; wanted++ {
		if got := s.create(t, "powerbi", `{}`)["id"]; got != float64(wanted) {
			t.Errorf("id %v, want %d", got, wanted)
		}
	}
	made := must(other.CreateDbtIntegrationWithResponse(ctx, gen.DbtDataSourceConfig{CIConfigID: 1}))
	want(t, 200, made)
	if made.JSON200.ID != 1 {
		t.Errorf("another workspace begins at %d", made.JSON200.ID)
	}
	for id := 1; id <= 3; id++ {
		want(t, 200, must(s.RemoveIntegrationWithResponse(ctx, id)))
	}
	if got := s.create(t, "powerbi", `{}`)["id"]; got != 4. {
		t.Errorf("after all were removed: id %v, want 4", got)
	}
	// A refused creation takes no number.
	if status, _, _ := s.raw(t, "POST", bi+"dbt/", `{}`); status != 422 {
		t.Errorf("dbt without configuration: %d", status)
	}
	if got := s.create(t, "powerbi", `{}`)["id"]; got != 5. {
		t.Errorf("after a refused creation: id %v, want 5", got)
	}
}

func TestListOrder(t *testing.T) {
	t.Parallel()
	s := start(t)
	if status, body, _ := s.raw(t, "GET", bi, ""); status != 200 || strings.TrimSpace(body) != "[]" {
		t.Errorf("empty list: %d %s", status, body)
	}
	for range 12 { // more than 9, so that an order by text shows
		s.create(t, "powerbi", `{}`)
	}
	want(t, 200, must(s.RemoveIntegrationWithResponse(t.Context(), 5)))
	s.raw(t, "PUT", bi+"powerbi/2/", `{"name":"changed"}`)
	list := must(s.GetAllIntegrationsWithResponse(t.Context()))
	want(t, 200, list)
	ids := []int{}
	for _, i := range *list.JSON200 {
		ids = append(ids, i.ID)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12}, ids); diff != "" {
		t.Error(diff)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	s.create(t, "looker", smallest["looker"])
	removed := must(s.RemoveIntegrationWithResponse(ctx, 1))
	want(t, 200, removed)
	if got := strings.TrimSpace(string(removed.Body)); got != `{"id":1}` {
		t.Errorf("removal answers %s", got)
	}
	const gone = "BI integration not found"
	wantDetail(t, 404, gone, must(s.RemoveIntegrationWithResponse(ctx, 1)))
	wantDetail(t, 404, gone, must(s.GetIntegrationWithResponse(ctx, 1)))
	wantDetail(t, 404, gone, must(s.ResyncIntegrationWithResponse(ctx, 1)))
	status, answer, _ := s.raw(t, "PUT", bi+"looker/1/", smallest["looker"])
	if status != 404 || answer != `{"detail":"`+gone+`"}` {
		t.Errorf("update: %d %s", status, answer)
	}
	if list := must(s.GetAllIntegrationsWithResponse(ctx)); len(*list.JSON200) != 0 {
		t.Errorf("listed: %s", list.Body)
	}
}

func TestPathIDs(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.create(t, "powerbi", `{}`)
	for id, status := range map[string]int{
		"1": 200, "0": 404, "-1": 404, "2": 404, "9223372036854775807": 404, "-9223372036854775808": 404,
		"9223372036854775808": 422, "abc": 422, "1.5": 422, "1e0": 422, "0x1": 422, "%20": 422, "%00": 422, "dbt": 422, "🚀": 422, "1%2F": 0,
		"{1}": 422, "null": 422, strings.Repeat("9", 400): 422, strings.Repeat("0", 400) + "2": 0,
	} {
		got, answer, _ := s.raw(t, "GET", bi+id+"/", "")
		if got >= 500 || status != 0 && got != status {
			t.Errorf("%.30q: %d %s, want %d", id, got, answer, status)
		}
	}
}

// A synchronisation waits a second, runs four and is done; all of it follows from
// the clock.
func TestSync(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	s.create(t, "powerbi", `{}`)
	s.create(t, "powerbi", `{}`)
	begin := s.clock.Now()
	at := func(d time.Duration) *pydantic.Datetime { return &pydantic.Datetime{Time: begin.Add(d)} }
	check := func(step string, wanted *gen.BISync) {
		t.Helper()
		r := must(s.GetIntegrationWithResponse(ctx, 1))
		want(t, 200, r)
		if diff := cmp.Diff(wanted, r.JSON200.Sync); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
		list := must(s.GetAllIntegrationsWithResponse(ctx))
		want(t, 200, list)
		if diff := cmp.Diff(wanted, (*list.JSON200)[0].Sync); diff != "" {
			t.Errorf("%s, listed: %s", step, diff)
		}
		if (*list.JSON200)[1].Sync != nil {
			t.Errorf("%s: the other integration is synchronised too", step)
		}
	}
	resync := func(wanted *gen.BISync) {
		t.Helper()
		r := must(s.ResyncIntegrationWithResponse(ctx, 1))
		want(t, 200, r)
		if diff := cmp.Diff(wanted, r.JSON200.Sync); diff != "" {
			t.Error("resync:", diff)
		}
	}
	check("before", nil)
	queued := &gen.BISync{ID: 1, Status: "queued", CreatedAt: *at(0)}
	resync(queued)
	check("queued", queued)
	s.clock.advance(time.Second - time.Microsecond)
	check("still queued", queued)
	s.clock.advance(time.Microsecond)
	processing := &gen.BISync{ID: 1, Status: "processing", CreatedAt: *at(0), StartedAt: at(time.Second)}
	check("processing", processing)
	resync(processing) // one is running: no other is started
	check("processing after another call", processing)
	s.clock.advance(4*time.Second - time.Microsecond)
	check("still processing", processing)
	s.clock.advance(time.Microsecond)
	done := &gen.BISync{ID: 1, Status: "done", CreatedAt: *at(0), StartedAt: at(time.Second), FinishedAt: at(5 * time.Second)}
	check("done", done)
	s.clock.advance(time.Hour)
	check("long done", done)
	resync(&gen.BISync{ID: 2, Status: "queued", CreatedAt: *at(time.Hour + 5*time.Second)})
	s.clock.advance(time.Minute)
	if got := s.get(t, 1)["sync"].(map[string]any)["finished_at"]; got != "2026-11-21T10:30:10Z" {
		t.Errorf("finished_at %v", got)
	}
}

// Calls that come at once start one synchronisation.
func TestSyncRace(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.create(t, "powerbi", `{}`)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			r := must(s.ResyncIntegrationWithResponse(t.Context(), 1))
			if r.StatusCode() != 200 || r.JSON200.Sync.ID != 1 {
				t.Errorf("answer %d %s", r.StatusCode(), r.Body)
			}
		})
	}
	wg.Wait()
}

func TestConcurrentRemovals(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.create(t, "powerbi", `{}`)
	var mu sync.Mutex
	var wg sync.WaitGroup
	statuses := map[int]int{}
	begin := make(chan struct{})
	for range 50 {
		wg.Go(func() {
			<-begin
			status := must(s.RemoveIntegrationWithResponse(t.Context(), 1)).StatusCode()
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	close(begin)
	wg.Wait()
	if diff := cmp.Diff(map[int]int{200: 1, 404: 49}, statuses); diff != "" {
		t.Error(diff)
	}
}

func TestConcurrentCreations(t *testing.T) {
	t.Parallel()
	s := start(t)
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[int]bool{}
	for range 40 {
		wg.Go(func() {
			r := must(s.CreateDbtIntegrationWithResponse(t.Context(), gen.DbtDataSourceConfig{CIConfigID: 1}))
			if r.StatusCode() != 200 {
				t.Errorf("status %d", r.StatusCode())
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[r.JSON200.ID] = true
		})
	}
	wg.Wait()
	for id := 1; id <= 40; id++ {
		if !seen[id] {
			t.Errorf("no integration %d", id)
		}
	}
}

// A secret goes in and never comes out: in no answer, no refusal, no log at debug
// level, no record of an exchange.
func TestSecretsStayIn(t *testing.T) {
	t.Parallel()
	s := start(t)
	// The mark is letters or digits; numbers are secrets too when they stand where
	// a secret belongs.
	marks := []string{"MARK", "918273645"}
	check := func(what, text string) {
		t.Helper()
		for _, mark := range marks {
			if before, after, found := strings.Cut(text, mark); found {
				t.Errorf("%s tells a secret: %s%s%s", what, before[max(0, len(before)-200):], mark, after[:min(200, len(after))])
			}
		}
	}
	send := func(method, target, body string) {
		t.Helper()
		_, answer, header := s.raw(t, method, target, body)
		check(method+" "+target+" "+body, answer+fmt.Sprint(header))
	}
	for biType, body := range smallest {
		send("POST", bi+biType+"/", body)
	}
	send("POST", bi+"powerbi/", `{"client_secret":"MARK"}`)
	for biType, body := range smallest {
		for id := range 8 {
			send("PUT", fmt.Sprintf("%s%s/%d/", bi, biType, id), body)
		}
	}
	for id := range 8 {
		send("GET", fmt.Sprintf("%s%d/", bi, id), "")
		send("GET", fmt.Sprintf("%s%d/sync/", bi, id), "")
	}
	send("GET", bi, "")
	// Refusals, the secret in its place with something wrong elsewhere, or itself
	// of the wrong type, or inside what is refused as a whole.
	for biType, bodies := range map[string][]string{
		"looker": {
			`{"client_secret":"MARK"}`,
			`{"client_secret":918273645,"base_url":"b","client_id":"c","repo_id":1}`,
			`{"client_secret":["MARK"],"base_url":"b","client_id":"c","repo_id":1}`,
			`{"client_secret":{"MARK":"MARK"},"base_url":"b","client_id":"c","repo_id":1}`,
			`{"client_secret":"MARK","base_url":"b","client_id":"c","repo_id":"x"}`,
			`[{"client_secret":"MARK"}]`,
			`{"client_secret":"MARK",`,
			`{"client_secret":"MARK","client_secret":"MARK"}`,
			`{"client_secret":"MARK"} {"client_secret":"MARK"}`,
		},
		"mode":      {`{"token":"MARK"}`, `{"password":"MARK","workspace":5}`, `{"token":"MARK","password":918273645}`, `{"token":"MARK","password":-9.18273645e8}`},
		"tableau":   {`{"token_value":"MARK"}`, `{"token_value":918273645.5,"token_name":"n","site_id":"s","server_url":"u"}`},
		"hightouch": {`{"token":"MARK"}`, `{"token":"MARK","bindings":[{"token":"MARK"}]}`, `{"token":918273645,"bindings":[]}`},
		"powerbi":   {`{"client_secret":918273645}`, `{"client_secret":["MARK"]}`, `{"client_secret":"MARK","auth_type":"x"}`, `{"client_secret":{"a":"MARK"}}`},
	} {
		for _, body := range bodies {
			send("POST", bi+biType+"/", body)
			send("PUT", bi+biType+"/1/", body)
		}
	}
	log := s.log.String()
	if !strings.Contains(log, "level=DEBUG") {
		t.Fatal("nothing was logged at debug level")
	}
	check("the log", log)
	if strings.Contains(log, "a-key") {
		t.Error("the log tells the key")
	}
	check("an exchange", s.recorded(t))
}

// A secret that an update does not carry stays, since a client cannot read it
// back; a removal takes it along.
func TestSecretsAreKept(t *testing.T) {
	t.Parallel()
	s := start(t)
	put := func(path, body string) {
		t.Helper()
		if status, answer, _ := s.raw(t, "PUT", bi+path, body); status != 200 {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	has := func(id, mark string) {
		t.Helper()
		if body := s.stored(t, id); !strings.Contains(body, mark) {
			t.Errorf("integration %s does not keep %s: %s", id, mark, body)
		}
	}
	s.create(t, "powerbi", `{"client_secret":"MARK-1"}`)
	has("1", "MARK-1")
	put("powerbi/1/", `{"name":"n"}`)
	has("1", "MARK-1")
	put("powerbi/1/", `{"client_secret":null}`)
	has("1", "MARK-1")
	put("powerbi/1/", `{"client_secret":"MARK-2"}`)
	has("1", "MARK-2")
	s.create(t, "mode", `{"token":"MARK-3","password":"MARK-4"}`)
	put("mode/2/", `{"token":"other","password":"other","indexing_cron":"c"}`)
	has("2", "MARK-3")
	has("2", "MARK-4")
	for id := 1; id <= 2; id++ {
		want(t, 200, must(s.RemoveIntegrationWithResponse(t.Context(), id)))
		if body := s.stored(t, fmt.Sprint(id)); body != "" {
			t.Errorf("after the removal: %s", body)
		}
	}
}

// Texts and numbers of every kind come back as they were sent, or are refused.
func TestTextsAndNumbers(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, text := range []string{"", "日本語 🚀", "\x00", `"\/<>&`, strings.Repeat("x", 100_000)} {
		made := must(s.CreateLookerIntegrationWithResponse(t.Context(), gen.LookerDataSourceConfig{
			BaseURL: text, ClientID: text, ClientSecret: &text, RepoID: -9223372036854775808, Name: &text, IndexingCron: &text,
			Bindings: &[]gen.DataSourceBinding{{RemoteID: text, BoundIds: []int{9223372036854775807}}}, ProjectIds: &[]string{text},
		}))
		want(t, 200, made)
		got := must(s.GetIntegrationWithResponse(t.Context(), made.JSON200.ID))
		want(t, 200, got)
		g := got.JSON200
		if *g.BaseURL != text || *g.ClientID != text || *g.Name != text || *g.IndexingCron != text || (*g.ProjectIds)[0] != text ||
			(*g.Bindings)[0].RemoteID != text || (*g.Bindings)[0].BoundIds[0] != 9223372036854775807 || *g.RepoID != -9223372036854775808 {
			t.Errorf("text %d did not come back", i)
		}
	}
	for number, status := range map[string]int{
		"1": 200, "1.0": 200, "1e3": 200, "-0": 200, "0.0": 200, "9223372036854775807": 200,
		"9223372036854775808": 422, "1e30": 422, "1e999": 422, "1.5": 422, `"1"`: 422, "null": 422, "true": 422, "[]": 422,
		"NaN": 422, "01": 422, "1e-400": 422, "4.0000000000000000000001": 422,
	} {
		got, answer, _ := s.raw(t, "POST", bi+"dbt/", `{"ci_config_id":`+number+`}`)
		if got != status {
			t.Errorf("ci_config_id %s: %d %s, want %d", number, got, answer, status)
		}
	}
}

// Member names are compared exactly: another case is another, undeclared member.
func TestMemberNamesAreExact(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, body := range []string{
		`{"ci_config_id":4,"CI_CONFIG_ID":"x","Name":5}`,
		`{"ci_config_id":4,"Ci_config_id":5,"NAME":"wrong"}`,
	} {
		status, answer, _ := s.raw(t, "POST", bi+"dbt/", body)
		if status != 200 {
			t.Errorf("%s: %d %s", body, status, answer)
			continue
		}
		if m := members(t, answer); m["ci_config_id"] != 4. || m["name"] != nil {
			t.Errorf("%s: %s", body, answer)
		}
	}
}
