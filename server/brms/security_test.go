package brms_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	gen "github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/site"
)

// ask sends a request with these headers ("Name: value") and no others.
func (s *server) ask(t *testing.T, method, target, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestProjectTokens(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project, other := s.createProject(t, "One", "one").ID, s.createProject(t, "Two", "two").ID
	s.publish(t, project, "fees", computing("1"))
	s.publish(t, other, "fees", computing("2"))
	made := must(s.CreateProjectTokenWithResponse(ctx, project, gen.CreateProjectTokenRequest{Name: "ci"}))
	want(t, 200, made)
	token := made.JSON200.Token
	listed := must(s.ListProjectTokensWithResponse(ctx, project))
	want(t, 200, listed)
	if l := *listed.JSON200; len(l) != 1 || l[0].Token != token || l[0].Name != "ci" || l[0].ProjectID != project {
		t.Fatalf("%+v", l)
	}
	const body = `{"context":{}}`
	evaluate := func(project string) string { return "/api/projects/" + project + "/evaluate/fees" }
	at := "/api/projects/" + project.String()
	for name, test := range map[string]struct {
		method, target string
		headers        []string
		status         int
		hint           string
	}{
		"alone":                 {"POST", evaluate("one"), []string{"X-Access-Token: " + token}, 200, ""},
		"as bearer":             {"POST", evaluate("one"), []string{"Authorization: Bearer " + token}, 200, ""},
		"beside another bearer": {"POST", evaluate("one"), []string{"Authorization: Bearer a-token", "X-Access-Token: other"}, 200, ""},
		"the bearer decides":    {"POST", evaluate("one"), []string{"Authorization: Bearer stranger", "X-Access-Token: " + token}, 404, ""},
		"below the workspace":   {"POST", evaluate("one"), []string{"X-Access-Token: " + token, "Understudy-Workspace: suite"}, 200, ""},
		"same secret":           {"POST", evaluate("two"), []string{"X-Access-Token: a-token"}, 200, ""},
		"of another project":    {"POST", evaluate("two"), []string{"X-Access-Token: " + token}, 403, ""},
		"for anything else":     {"GET", at, []string{"Authorization: Bearer " + token}, 403, ""},
		"its own tokens":        {"GET", at + "/security/tokens", []string{"Authorization: Bearer " + token}, 403, ""},
		"simulation":            {"POST", at + "/decisions/simulate", []string{"Authorization: Bearer " + token}, 403, ""},
		"not where it belongs":  {"GET", at, []string{"X-Access-Token: a-token"}, 401, ""},
		"forged":                {"POST", evaluate("one"), []string{"X-Access-Token: " + token[:len(token)-4] + "AAAA"}, 401, "was not given out for this project"},
		"unknown":               {"POST", evaluate("one"), []string{"X-Access-Token: nobody"}, 401, "was not given out for this project, which is another workspace's"},
		"unknown by id":         {"POST", evaluate(project.String()), []string{"X-Access-Token: nobody"}, 401, "was not given out"},
		"unknown, no project":   {"POST", evaluate("three"), []string{"X-Access-Token: nobody"}, 404, ""},
		"in another header":     {"POST", evaluate("one"), []string{"X-API-KEY: " + token}, 401, "The header X-API-KEY is not where the credential belongs"},
		"none":                  {"POST", evaluate("one"), nil, 401, "The request carries no credential"},
	} {
		t.Run(name, func(t *testing.T) {
			sent := body
			if test.method == "GET" {
				sent = ""
			} else if strings.HasSuffix(test.target, "simulate") {
				sent = `{"graph":{}}`
			}
			status, answer := s.ask(t, test.method, test.target, sent, test.headers...)
			if status != test.status {
				t.Fatalf("%d %s", status, answer)
			}
			if strings.Contains(answer, token) {
				t.Error("the answer shows the token")
			}
			if v := s.lastViolations(); test.hint != "" && (len(v) != 1 || !strings.Contains(v[0].Message, test.hint)) {
				t.Errorf("%+v", v)
			}
		})
	}
	gone := must(s.DeleteProjectTokenWithResponse(ctx, project, made.JSON200.ID))
	want(t, 200, gone)
	if status, _ := s.ask(t, "POST", evaluate("one"), body, "X-Access-Token: "+token); status != 401 {
		t.Errorf("a token that was taken back: %d", status)
	}
	wantError(t, 404, "token.notFound", must(s.DeleteProjectTokenWithResponse(ctx, project, made.JSON200.ID)))
}

// A token outlives the process where the key does, and no record has it.
func TestTokensAreOfTheKey(t *testing.T) {
	t.Parallel()
	c := newClock()
	store := newStore(t, c.Now)
	key := []byte("0123456789abcdef0123456789abcdef")
	s := startAPI(t, brms.New(store, site.OpenKeyring{}, brms.WithKey(key)), c)
	project := s.createProject(t, "One", "one").ID
	s.publish(t, project, "fees", computing("1"))
	token := must(s.CreateProjectTokenWithResponse(t.Context(), project, gen.CreateProjectTokenRequest{Name: "ci"})).JSON200.Token
	for key, want := range map[string]int{string(key): 200, strings.Repeat("x", 32): 401} {
		s := startAPI(t, brms.New(store, site.OpenKeyring{}, brms.WithKey([]byte(key))), c)
		if status, answer := s.ask(t, "POST", "/api/projects/one/evaluate/fees", `{"context":{}}`, "X-Access-Token: "+token); status != want {
			t.Errorf("%d %s", status, answer)
		}
	}
}

func TestTestEvents(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one").ID
	d := s.createDocument(t, project, `{"name":"fees","testEvent":"{\"a\":1}"}`)
	id := uuid.New()
	event := gen.TestEventInput{ID: id, Name: "n", Context: `{"a":2}`, Category: "private"}
	r := must(s.CreateTestEventWithResponse(ctx, project, gen.CreateTestEventRequest{TestEvent: event}))
	want(t, 200, r)
	if got := r.JSON200; got.ID != id || got.DocumentID != nil || got.UserID != nil || got.ProjectID != project {
		t.Errorf("%+v", got)
	}
	event.Name, event.DocumentID = "m", &d.ID
	want(t, 200, must(s.CreateTestEventWithResponse(ctx, project, gen.CreateTestEventRequest{TestEvent: event})))
	names := func(of *uuid.UUID) string {
		list := must(s.ListTestEventsWithResponse(ctx, project, &gen.ListTestEventsParams{DocumentID: of}))
		want(t, 200, list)
		var names []string
		for _, e := range *list.JSON200 {
			names = append(names, e.Name+" "+e.Context)
		}
		text, _ := json.Marshal(names)
		return string(text)
	}
	if got := names(nil); got != `["fees {\"a\":1}","m {\"a\":2}"]` {
		t.Error(got)
	}
	other := s.createDocument(t, project, `{"name":"other"}`).ID
	if got := names(&other); got != `null` {
		t.Error(got)
	}
	gone := must(s.RemoveTestEventWithResponse(ctx, project, id))
	want(t, 200, gone)
	if gone.JSON200.Name != "m" {
		t.Errorf("%+v", gone.JSON200)
	}
	wantError(t, 404, "testEvent.notFound", must(s.RemoveTestEventWithResponse(ctx, project, id)))
	want(t, 200, must(s.CreateTestEventWithResponse(ctx, project, gen.CreateTestEventRequest{TestEvent: event})))
	two := s.createProject(t, "Two", "two").ID
	wantError(t, 409, "testEvent.idTaken", must(s.CreateTestEventWithResponse(ctx, two, gen.CreateTestEventRequest{TestEvent: event})))
}

// The token of an environment evaluates what is deployed there, and nothing else.
func TestEnvironmentTokens(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	at := "/api/projects/" + project.String()
	s.publish(t, project, "fees", computing("1"))
	_, answer, _ := s.raw(t, "POST", at+"/releases", `{"name":"first"}`)
	var release, production, staging struct{ ID, AccessToken string }
	decode := func(text string, into any) {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(text, err)
		}
	}
	decode(answer, &release)
	_, answer, _ = s.raw(t, "POST", at+"/environments", `{"name":"Production","key":"production","type":"brms"}`)
	decode(answer, &production)
	_, answer, _ = s.raw(t, "POST", at+"/environments", `{"name":"Staging","key":"staging","type":"brms"}`)
	decode(answer, &staging)
	for _, environment := range []string{production.ID, staging.ID} {
		if status, answer, _ := s.raw(t, "POST", at+"/releases/deploy", `{"releaseId":"`+release.ID+`","environmentId":"`+environment+`"}`); status > 299 {
			t.Fatal(status, answer)
		}
	}
	token := must(s.CreateProjectTokenWithResponse(t.Context(), project, gen.CreateProjectTokenRequest{Name: "ci"})).JSON200.Token
	for _, test := range []struct {
		token, target string
		status        int
	}{
		{production.AccessToken, "/api/projects/one/environments/production/evaluate/fees", 200},
		{production.AccessToken, "/api/rules/one/env/production/evaluate/fees", 200},
		{production.AccessToken, "/api/projects/one/environments/staging/evaluate/fees", 403},
		{production.AccessToken, "/api/rules/one/env/staging/evaluate/fees", 403},
		{production.AccessToken, "/api/projects/one/evaluate/fees", 403},
		{token, "/api/projects/one/environments/staging/evaluate/fees", 200},
		{token, "/api/rules/one/env/staging/evaluate/fees", 200},
		{token, "/api/projects/one/evaluate/fees", 200},
	} {
		if status, answer := s.ask(t, "POST", test.target, `{"context":{}}`, "X-Access-Token: "+test.token); status != test.status {
			t.Errorf("%s: %d %s", test.target, status, answer)
		}
	}
	if status, answer := s.ask(t, "POST", "/api/rules-sync", `{"deployments":[{"project":"one"}]}`, "Authorization: Bearer "+token); status != 200 || !strings.Contains(answer, `"action":"load"`) {
		t.Errorf("%d %s", status, answer)
	}
}
