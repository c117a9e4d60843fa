package brms_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	gen "github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/site"
)

// The token of an environment syncs its environment alone, and learns no token that
// opens more.
func TestEnvironmentTokensReachTheirEnvironment(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	project := must(p.CreateProjectTokenWithResponse(t.Context(), p.id, gen.CreateProjectTokenRequest{Name: "ci"})).JSON200.Token
	targets := []string{"main", "release:1", "commit:" + p.first.CommitID.String(), "env:production", "env:" + p.production.ID.String(), "env:empty", "env:lost", "tag:1"}
	for token, want := range map[string]string{
		project:                  "load,load,load,load,load,no_release,error,error",
		p.production.AccessToken: "no_access,no_access,no_access,load,load,no_access,no_access,no_access",
		p.empty.AccessToken:      "no_access,no_access,no_access,no_access,no_access,no_release,no_access,no_access",
	} {
		deployments := []string{}
		for _, target := range targets {
			deployments = append(deployments, `{"project":"shop","target":"`+target+`"}`)
		}
		status, answer := p.ask(t, "POST", "/api/rules-sync", `{"deployments":[`+strings.Join(deployments, ",")+`]}`, "Authorization: Bearer "+token)
		var got gen.RulesSync
		if err := json.Unmarshal([]byte(answer), &got); status != 200 || err != nil {
			t.Fatal(status, answer, err)
		}
		actions := []string{}
		for _, d := range got.Deployments {
			actions = append(actions, d.Action)
			if d.Artifact == nil || token != p.production.AccessToken {
				continue
			}
			_, archive := get(t, d.Artifact.URL)
			if config := unzip(t, archive)[".config/project.json"]; strings.Contains(config, project) || !strings.Contains(config, token) {
				t.Error("the archive for an environment's token has", config)
			}
		}
		if diff := cmp.Diff(want, strings.Join(actions, ",")); diff != "" {
			t.Error(diff)
		}
	}
	for target, want := range map[string]int{
		"rules/shop": 403, "rules/shop/release/1": 403, "rules/shop/env/empty": 403, "rules/shop/env/production": 200, "projects/shop/entrypoints": 403,
	} {
		if status, answer := p.ask(t, "GET", "/api/"+target, "", "X-Access-Token: "+p.production.AccessToken); status != want {
			t.Error(target, status, answer)
		}
	}
	for _, target := range []string{"rules/shop", "rules/shop/env/production", "projects/shop/entrypoints"} {
		if status, answer := p.ask(t, "GET", "/api/"+target, "", "X-Access-Token: nobody"); status != 401 {
			t.Error("with an unknown token:", target, status, answer)
		}
	}
}

// One archive is made for all that want the same, and not more than so many at once.
func TestRulesSyncOfMany(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	deployments := []string{}
	for range 3 {
		deployments = append(deployments, `{"project":"shop"}`, `{"project":"shop","target":"branch:main"}`)
	}
	for range 102 {
		e := p.environment(t, p.id, gen.CreateEnvironmentRequest{Name: "E", Type: "brms"})
		want(t, 200, must(p.DeployReleaseWithResponse(t.Context(), p.id, gen.DeployReleaseRequest{ReleaseID: p.first.ID, EnvironmentID: e.ID})))
		deployments = append(deployments, `{"project":"shop","target":"env:`+e.Key+`"}`)
	}
	_, answer, _ := p.raw(t, "POST", "/api/rules-sync", `{"deployments":[`+strings.Join(deployments, ",")+`]}`)
	var got gen.RulesSync
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err)
	}
	urls, outcomes := map[string]int{}, map[string]int{}
	for _, d := range got.Deployments {
		if outcomes[d.Action]++; d.Artifact != nil {
			urls[d.Artifact.URL]++
		}
	}
	if diff := cmp.Diff(map[string]int{"load": 105, "error": 3}, outcomes); diff != "" || len(urls) != 100 {
		t.Error(len(urls), diff)
	}
}

// Ids go before keys, and what is no id of anything may be a key.
func TestKeysThatLookLikeIDs(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	key := "0123456789abcdef0123456789abcdef"
	other := p.createProject(t, "Hex", key)
	p.publishDocument(t, other.ID, "fees/shipping", computing("7"))
	if _, answer, _ := p.raw(t, "POST", "/api/projects/"+key+"/evaluate/fees/shipping", `{"context":{}}`); result(answer) != `{"v":7}` {
		t.Error(answer)
	}
	p.environment(t, p.id, gen.CreateEnvironmentRequest{Name: "Shadow", Type: "brms", Key: new(p.production.ID.String())})
	if got := p.sync(t, "shop", "env:"+p.production.ID.String(), ""); got.Environment.ID != p.production.ID.String() {
		t.Errorf("%+v", got.Environment)
	}
	for name, key := range map[string]string{"E": "e", "日本": "environment", "7 Days": "7-days"} {
		if got := p.environment(t, p.id, gen.CreateEnvironmentRequest{Name: name, Type: "brms"}); got.Key != key {
			t.Errorf("%s: %s, want %s", name, got.Key, key)
		}
	}
}

// What needs branches says so.
func TestBranchesAreNotServed(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	want(t, 200, must(p.CreateProjectWithResponse(t.Context(), gen.CreateProjectRequest{Name: "Two", Key: "two", Version: new("v2")})))
	for target, code := range map[string]string{"main": "branches.notServed", "commit:" + uuid.NewString(): "branches.notServed", "release:1": "release.notFound"} {
		if got := p.sync(t, "two", target, ""); got.Action != "error" || *got.Code != code {
			t.Errorf("%s: %+v", target, got)
		}
	}
	if status, answer, _ := p.raw(t, "GET", "/api/rules/two", ""); status != 404 || answer != `{"code":"branches.notServed"}` {
		t.Error(status, answer)
	}
}

// What a release is called is taken away by null, and kept by silence.
func TestReleaseNulls(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	at := "/api/projects/" + p.id.String() + "/releases/" + p.second.ID.String()
	for _, step := range []struct{ body, want string }{
		{`{"name":"a","description":"b","tags":["c"]}`, "a b"},
		{`{}`, "a b"},
		{`{"description":null}`, "a -"},
		{`{"name":null,"tags":null}`, "- -"},
	} {
		_, answer, _ := p.raw(t, "PUT", at, step.body)
		var got gen.Release
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatal(answer, err)
		}
		text := func(s *string) string {
			if s == nil {
				return "-"
			}
			return *s
		}
		if now := text(got.Name) + " " + text(got.Description); now != step.want {
			t.Errorf("%s: %s, want %s", step.body, now, step.want)
		}
	}
}

// A version names the releases that it is in, newest first; a list is a glance.
func TestReleasesOfVersions(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	id := p.idAt(t, p.id, "fees/shipping")
	at := "/api/projects/" + p.id.String() + "/documents/" + id.String()
	p.raw(t, "PUT", at, `{"content":{"nodes":[],"edges":[],"x":2},"publish":true}`)
	third := p.release(t, p.id, gen.CreateReleaseRequest{})
	p.release(t, p.id, gen.CreateReleaseRequest{CommitID: new(p.first.CommitID.String())})
	told := func(v gen.DocumentVersion) (numbers string) {
		for _, r := range v.Releases {
			numbers += *r.Version
		}
		return numbers
	}
	d := p.getDocument(t, p.id, id)
	if got := told(d.Versions[0]) + " " + told(d.Versions[1]) + " " + told(*d.Published); got != "3 421 3" || d.Published.Releases[0].ID != third.ID {
		t.Errorf("%s: %+v", got, d.Published.Releases)
	}
	_, answer, _ := p.raw(t, "GET", at+"/versions/"+d.Versions[1].ID.String(), "")
	var v gen.DocumentVersion
	if err := json.Unmarshal([]byte(answer), &v); err != nil || told(v) != "421" {
		t.Error(answer, err)
	}
}

// The proxy sends what it is given but for what is about the connection.
func TestProxiedRequests(t *testing.T) {
	t.Parallel()
	var got *http.Request
	there := roundTripper(func(r *http.Request) (*http.Response, error) {
		got = r
		answer := httptest.NewRecorder()
		_, _ = io.WriteString(answer, `{}`)
		return answer.Result(), nil
	})
	c := newClock()
	s := startAPI(t, brms.New(newStore(t, c.Now), site.OpenKeyring{}, brms.WithOutgoing(there)), c)
	at := "/api/projects/" + s.createProject(t, "Shop", "shop").ID.String() + "/http-proxy"
	for body, want := range map[string]string{
		`{"url":"http://there/x?a=1#part","params":{"b":"2 3"}}`:                                                        "GET http://there/x?a=1&b=2+3 ",
		`{"url":"http://there/x#part","method":"DELETE"}`:                                                               "DELETE http://there/x#part ",
		`{"url":"http://there/","auth":{"username":"u","password":"p"}}`:                                                "GET http://there/ Authorization:Basic dTpw",
		`{"url":"http://there/","auth":{"username":"u","password":"p"},"headers":{"authorization":"Bearer t"}}`:         "GET http://there/ Authorization:Bearer t",
		`{"url":"http://there/","headers":{"X-A":"1","x-a":"2","Connection":"x-a","Upgrade":"websocket","te":"gzip"}}`:  "GET http://there/ X-A:2",
		`{"url":"http://there/","method":"POST","body":{"n":1.50},"headers":{"content-TYPE":"application/vnd.a+json"}}`: "POST http://there/ Content-Type:application/vnd.a+json {\"n\":1.50}",
	} {
		if status, answer, _ := s.raw(t, "POST", at, body); status != 200 {
			t.Fatal(status, answer)
		}
		told := got.Method + " " + got.URL.String() + " "
		for name := range got.Header {
			told += name + ":" + got.Header.Get(name)
		}
		if sent := must(io.ReadAll(got.Body)); len(sent) > 0 {
			told += " " + string(sent)
		}
		if told != want {
			t.Errorf("%s\n got %s\nwant %s", body, told, want)
		}
	}
}
