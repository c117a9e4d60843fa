package brms_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	gen "github.com/understudy-api/understudy/gen/brms"
)

// rulesProject is a project with two releases, the first of which is deployed.
type rulesProject struct {
	*server

	id            uuid.UUID
	first, second gen.Release
	production    gen.Environment
	empty         gen.Environment
}

func newRulesProject(t *testing.T) *rulesProject {
	t.Helper()
	s := start(t)
	p := &rulesProject{server: s, id: s.createProject(t, "Shop", "shop").ID}
	s.publishDocument(t, p.id, "fees/shipping", `{"contentType":"application/vnd.gorules.decision","nodes":[],"edges":[],"meta":{"a":1}}`)
	p.first = s.release(t, p.id, gen.CreateReleaseRequest{Name: new("Spring"), Status: new("published")})
	s.publishDocument(t, p.id, "more", `{"nodes":[],"edges":[]}`)
	p.second = s.release(t, p.id, gen.CreateReleaseRequest{})
	p.production = s.environment(t, p.id, gen.CreateEnvironmentRequest{Name: "Production", Type: "brms", Key: new("production")})
	p.empty = s.environment(t, p.id, gen.CreateEnvironmentRequest{Name: "Empty", Type: "brms", Key: new("empty")})
	want(t, 200, must(s.DeployReleaseWithResponse(t.Context(), p.id, gen.DeployReleaseRequest{ReleaseID: p.first.ID, EnvironmentID: p.production.ID})))
	return p
}

// sync asks for one target, as the vendor's command line does.
func (p *rulesProject) sync(t *testing.T, project, target, current string) gen.RulesSyncOutcome {
	t.Helper()
	deployment := map[string]any{"project": project}
	if target != "" {
		deployment["target"] = target
	}
	if current != "" {
		deployment["current"] = map[string]string{"commitId": current, "releaseId": current}
	}
	body := must(json.Marshal(map[string]any{"deployments": []any{deployment}}))
	status, answer, _ := p.raw(t, "POST", "/api/rules-sync", string(body))
	var got gen.RulesSync
	if err := json.Unmarshal([]byte(answer), &got); status != 200 || err != nil || len(got.Deployments) != 1 {
		t.Fatal(status, answer, err)
	}
	return got.Deployments[0]
}

// get asks for an address without any credential.
func get(t *testing.T, address string) (int, []byte) {
	t.Helper()
	r := must(http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode, must(io.ReadAll(resp.Body))
}

// Each target leads to what it means, in the words that the vendor's command line reads.
func TestRulesSyncTargets(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	main := p.sync(t, "shop", "", "")
	if main.Action != "load" || main.Target != "main" || main.Project.ID != p.id.String() || *main.Project.Key != "shop" || main.Release != nil || *main.Commit.BranchName != "main" {
		t.Fatalf("%+v", main)
	}
	firstCommit, secondCommit := p.first.CommitID.String(), p.second.CommitID.String()
	if main.Commit.ID != secondCommit {
		t.Errorf("main is %s, the newest release %s", main.Commit.ID, secondCommit)
	}
	for target, c := range map[string]struct{ action, commit, release string }{
		"main":                            {"load", secondCommit, ""},
		"branch:main":                     {"load", secondCommit, ""},
		"branch:" + *main.Commit.BranchID: {"load", secondCommit, ""},
		"commit:" + firstCommit:           {"load", firstCommit, ""},
		"commit:" + secondCommit:          {"load", secondCommit, ""},
		"release:" + p.first.ID.String():  {"load", firstCommit, "1"},
		"release:1":                       {"load", firstCommit, "1"},
		"release:1.0.0":                   {"load", firstCommit, "1"},
		"release:2":                       {"load", secondCommit, "2"},
		"env:production":                  {"load", firstCommit, "1"},
		"env:" + p.production.ID.String(): {"load", firstCommit, "1"},
		"env:empty":                       {"no_release", "", ""},
		"env:lost":                        {"error environment.notFound", "", ""},
		"release:3":                       {"error release.notFound", "", ""},
		"release:1.0.1":                   {"error release.notFound", "", ""},
		"release:v1":                      {"error release.notFound", "", ""},
		"commit:lost":                     {"error commit.notFound", "", ""},
		"branch:lost":                     {"error branch.notFound", "", ""},
		"tag:1":                           {"error target.invalid", "", ""},
		"env:":                            {"error target.invalid", "", ""},
		"Main":                            {"error target.invalid", "", ""},
	} {
		got := p.sync(t, "shop", target, "")
		action := got.Action
		if got.Code != nil {
			action += " " + *got.Code
		}
		commit, release := "", ""
		if got.Commit != nil {
			commit = got.Commit.ID
		}
		if got.Release != nil {
			release = *got.Release.Version
		}
		if action != c.action || commit != c.commit || release != c.release || got.Target != target || (got.Artifact != nil) != (c.action == "load") {
			t.Errorf("%s: %s %s %s, want %v", target, action, commit, release, c)
		}
	}
	if got := p.sync(t, p.id.String(), "main", ""); got.Action != "load" {
		t.Errorf("by its id: %+v", got)
	}
	for _, project := range []string{"lost", uuid.NewString(), ""} {
		if got := p.sync(t, project, "main", ""); got.Action != "no_access" || got.Project != nil {
			t.Errorf("%q: %+v", project, got)
		}
	}

	// What the caller has: the same in both members, or each what it is.
	for _, c := range []struct{ target, current, want string }{
		{"main", secondCommit, "no_change"},
		{"main", firstCommit, "load"},
		{"env:production", p.first.ID.String(), "no_change"},
		{"env:production", firstCommit, "no_change"},
		{"env:production", p.second.ID.String(), "load"},
		{"release:2", p.second.ID.String(), "no_change"},
		{"env:empty", "x", "no_release"},
	} {
		if got := p.sync(t, "shop", c.target, c.current); got.Action != c.want {
			t.Errorf("%s with %s: %s, want %s", c.target, c.current, got.Action, c.want)
		}
	}
	status, answer, _ := p.raw(t, "POST", "/api/rules-sync", fmt.Sprintf(
		`{"syncInterval":60,"deployments":[{"project":"shop","alias":"a","current":null},{"project":"shop","target":"release:1","current":{"commitId":%q,"releaseId":null}},{"project":"shop","target":"release:1","current":{"commitId":%q,"releaseId":"x"}}]}`, firstCommit, firstCommit))
	var several gen.RulesSync
	if err := json.Unmarshal([]byte(answer), &several); status != 200 || err != nil {
		t.Fatal(status, answer)
	}
	actions := []string{}
	for _, d := range several.Deployments {
		actions = append(actions, d.Action)
	}
	if diff := cmp.Diff([]string{"load", "no_change", "load"}, actions); diff != "" || *several.Deployments[0].Alias != "a" || *several.NextPollAt != "2026-11-21T09:31:00.000Z" {
		t.Error(diff, answer)
	}
}

// The address of an artifact opens it without a credential, and nothing else, and not
// for ever.
func TestRulesArtifact(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	got := p.sync(t, "shop", "env:production", "")
	status, text := get(t, got.Artifact.URL)
	sum := sha256.Sum256(text)
	if status != 200 || hex.EncodeToString(sum[:]) != *got.Artifact.Sha256 || *got.Artifact.ExpiresAt != "2026-11-21T10:30:00.000Z" {
		t.Fatal(status, string(text), *got.Artifact)
	}
	if !strings.HasPrefix(got.Artifact.URL, p.url+"/api/rules-sync/artifacts/") {
		t.Error(got.Artifact.URL)
	}
	entries := unzip(t, text)
	if diff := cmp.Diff([]string{".config/project.json", "fees/shipping"}, slices.Sorted(maps.Keys(entries))); diff != "" {
		t.Error(diff)
	}
	var content struct {
		ContentType *string
		Nodes       []any
		Meta        map[string]any
	}
	if err := json.Unmarshal([]byte(entries["fees/shipping"]), &content); err != nil || content.ContentType != nil || content.Meta["a"] != 1. || content.Meta["versionId"] == nil {
		t.Error(err, entries["fees/shipping"])
	}
	var config struct {
		Version      string
		Project      struct{ ID, Key, Name string }
		Release      struct{ ID, Version, Name, Status, CommitID string }
		Environment  struct{ ID, Key, Name string }
		AccessTokens []string
		Deployment   struct{ DeployedBy, CreatedAt string }
	}
	if err := json.Unmarshal([]byte(entries[".config/project.json"]), &config); err != nil {
		t.Fatal(err)
	}
	if config.Project.Key != "shop" || config.Release.Version != "1.0.0" || config.Release.ID != p.first.ID.String() || config.Environment.Key != "production" ||
		!slices.Contains(config.AccessTokens, p.production.AccessToken) || config.Deployment.CreatedAt != "2026-11-21T09:30:00.000Z" {
		t.Errorf("%+v", config)
	}
	// Agents want these as texts, of what is no release too.
	_, text = get(t, p.sync(t, "shop", "main", "").Artifact.URL)
	if err := json.Unmarshal([]byte(unzip(t, text)[".config/project.json"]), &config); err != nil || config.Release.ID == "" || config.Release.Version == "" {
		t.Errorf("%+v, %v", config, err)
	}
	again := p.sync(t, "shop", "env:production", "")
	if *again.Artifact.Sha256 != *got.Artifact.Sha256 {
		t.Error("the same content has another archive")
	}

	address := got.Artifact.URL
	unsigned, _, _ := strings.Cut(address, "&signature")
	other := p.sync(t, "shop", "release:2", "").Artifact
	for name, changed := range map[string]string{
		"another content": strings.Replace(address, *got.Artifact.Sha256, *other.Sha256, 1),
		"later":           strings.Replace(address, "expires=", "expires=9", 1),
		"no signature":    unsigned,
		"workspace":       strings.Replace(address, "workspace=w", "workspace=x", 1),
		"no workspace":    strings.Replace(address, "workspace=", "w=", 1),
	} {
		if status, answer := get(t, changed); status != 403 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	p.clock.advance(time.Hour - time.Second)
	if status, _ := get(t, address); status != 200 {
		t.Error("a second before it expires:", status)
	}
	p.clock.advance(time.Second)
	if status, answer := get(t, address); status != 403 {
		t.Error("expired:", status, string(answer))
	}
}

const schemaGraph = `{"nodes":[
	{"id":"i","name":"in","type":"inputNode","content":{"schema":%s}},
	{"id":"o","name":"out","type":"outputNode","content":{"schema":%s}}],
	"edges":[{"id":"e","sourceId":"i","targetId":"o"}]}`

// The documents of what can be evaluated are valid, whatever schemas the decisions have.
func TestRulesDocuments(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	for path, schemas := range map[string][2]string{
		"price":        {`{"type":"object","required":["total"],"properties":{"total":{"type":"number","minimum":0}}}`, `{"type":"object","properties":{"fee":{"type":"number"}}}`},
		"odd {path} ü": {`{"$ref":"#/definitions/A","definitions":{"A":{"type":"object","properties":{"next":{"$ref":"#/definitions/A"}}}}}`, `true`},
		"wrong":        {`{"type":"whatever","required":"x","pattern":"(","minLength":-1,"items":7,"$ref":7,"properties":[1]}`, `{"enum":[]}`},
		"outside":      {`{"properties":{"a":{"$ref":"https://example.com/x.json"},"b":{"$ref":"#/nowhere"}}}`, `false`},
		"draft4":       {`{"type":"object","properties":{"n":{"type":"number","minimum":1,"exclusiveMinimum":true},"t":{"type":"array","items":[{"type":"string"},{"type":"number"}]}}}`, `null`},
		"self":         {`{"$ref":"#"}`, `{"anyOf":[{"type":"string"},{"$ref":"#/anyOf/0"}]}`},
	} {
		p.publishDocument(t, p.id, path, fmt.Sprintf(schemaGraph, must(json.Marshal(schemas[0])), must(json.Marshal(schemas[1]))))
	}
	p.publishDocument(t, p.id, "text", `"no graph"`)
	third := p.release(t, p.id, gen.CreateReleaseRequest{})
	for _, c := range []struct {
		target string
		paths  int
		path   string // of one operation
	}{
		{"/api/rules/shop", 8, "/api/projects/shop/evaluate/price"},
		{"/api/rules/" + p.id.String() + "?refresh=true&download=True", 8, "/api/projects/shop/evaluate/odd%20%7Bpath%7D%20%C3%BC"},
		{"/api/rules/shop/commit/" + p.first.CommitID.String(), 1, "/api/projects/shop/evaluate/fees/shipping"},
		{"/api/rules/shop/env/production", 1, "/api/rules/shop/env/production/evaluate/fees/shipping"},
		{"/api/rules/shop/env/" + p.production.ID.String(), 1, "/api/rules/shop/env/production/evaluate/fees/shipping"},
		{"/api/rules/shop/release/2", 2, "/api/rules/shop/release/2/evaluate/more"},
		{"/api/rules/shop/release/" + third.ID.String(), 8, "/api/rules/shop/release/3/evaluate/wrong"},
	} {
		status, answer, header := p.raw(t, "GET", c.target, "")
		if status != 200 {
			t.Errorf("%s: %d %s", c.target, status, answer)
			continue
		}
		doc, err := openapi3.NewLoader().LoadFromData([]byte(answer))
		if err == nil {
			err = doc.Validate(t.Context(), openapi3.IsOpenAPI31OrLater())
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", c.target, err, answer)
			continue
		}
		if doc.Paths.Len() != c.paths || doc.Paths.Value(c.path) == nil {
			t.Errorf("%s: %v", c.target, slices.Sorted(maps.Keys(doc.Paths.Map())))
		}
		if got := header.Get("Content-Disposition"); (got != "") != strings.Contains(c.target, "download") {
			t.Error(c.target, got)
		}
	}
	for target, want := range map[string]string{
		"/api/rules/lost":             `404 {"code":"project.notFound"}`,
		"/api/rules/shop/env/lost":    `404 {"code":"environment.notFound"}`,
		"/api/rules/shop/release/9":   `404 {"code":"release.notFound"}`,
		"/api/rules/shop/commit/lost": `404 {"code":"commit.notFound"}`,
		"/api/rules/shop/env/empty":   `404 {"code":"environment.noRelease"}`,
	} {
		if status, answer, _ := p.raw(t, "GET", target, ""); fmt.Sprint(status, " ", answer) != want {
			t.Errorf("%s: %d %s, want %s", target, status, answer, want)
		}
	}
	if status, answer := get(t, p.url+"/api/rules/shop"); status != 401 || string(answer) != `{"code":"unauthorized"}` {
		t.Error(status, string(answer))
	}
}

// What can be evaluated is listed as the vendor's Agent lists it, and refused in its
// words.
func TestEntrypoints(t *testing.T) {
	t.Parallel()
	p := newRulesProject(t)
	p.publishDocument(t, p.id, "no graph", `{"nodes":1}`)
	p.createDocument(t, p.id, `{"name":"draft","content":{"nodes":[],"edges":[]}}`)
	p.publishDocument(t, p.id, "Über/alles", `{"nodes":[],"edges":[]}`)
	token := must(p.CreateProjectTokenWithResponse(t.Context(), p.id, gen.CreateProjectTokenRequest{Name: "agent"})).JSON200.Token
	const all = `200 {"entrypoints":[{"path":"fees/shipping","type":"graph"},{"path":"more","type":"graph"},{"path":"Über/alles","type":"graph"}]}`
	for _, c := range []struct{ target, header, want string }{
		{"/api/projects/shop/entrypoints", "X-Access-Token: " + token, all},
		{"/api/projects/" + p.id.String() + "/entrypoints", "Authorization: Bearer a-token", all},
		{"/api/projects/lost/entrypoints", "Authorization: Bearer a-token", "404 Project not found"},
		{"/api/projects/shop/entrypoints", "Accept: */*", "401 Invalid X-Access-Token Header"},
		{"/api/projects/shop/entrypoints", "X-Access-Token: nobody", "401 Invalid X-Access-Token Header"},
		{"/api/version", "Accept: */*", "200 unknown"},
	} {
		if status, answer := p.ask(t, "GET", c.target, "", c.header); fmt.Sprint(status, " ", answer) != c.want {
			t.Errorf("%s with %s: %d %s", c.target, c.header, status, answer)
		}
	}
}
