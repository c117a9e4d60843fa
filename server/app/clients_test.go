package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	genbrms "github.com/understudy-api/understudy/gen/brms"
)

// pull is what the vendor's command line does for "pull -p PROJECT -t TARGET --current
// CURRENT": its requests, its retries, and the code with which it ends. The calls are
// retyped from what its source and its traffic show.
func (p *pipeline) pull(target, current string) (code int, archive []byte, attempts int) {
	p.t.Helper()
	const most = 3
	retried := []int{408, 429, 500, 502, 503, 504}
	deployment := `{"project":"shop","target":"` + target + `"`
	if current != "" {
		deployment += fmt.Sprintf(`,"current":{"commitId":%q,"releaseId":%q}`, current, current)
	}
	ask := func(method, address, authorization, body string) (int, []byte) {
		for attempts++; ; attempts++ {
			r, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(body))
			if err != nil {
				p.t.Fatal(err)
			}
			r.Header.Set("User-Agent", "node")
			r.Header.Set("Accept", "*/*")
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
				r.Header.Set("Content-Type", "application/json")
			}
			answer, err := p.client.Do(r)
			if err != nil {
				p.t.Fatal(err)
			}
			text, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil {
				p.t.Fatal(err)
			}
			if !slices.Contains(retried, answer.StatusCode) || attempts == most {
				return answer.StatusCode, text
			}
		}
	}
	status, text := ask("POST", p.url+"/api/rules-sync", "Bearer "+p.secret, `{"deployments":[`+deployment+`}]}`)
	if status < 200 || status > 299 {
		return 1, nil, attempts
	}
	var got genbrms.RulesSync
	if err := json.Unmarshal(text, &got); err != nil {
		p.t.Fatal(err)
	}
	tries := attempts
	switch d := got.Deployments[0]; d.Action {
	case "no_change":
		return 3, nil, tries
	case "no_release":
		return 4, nil, tries
	case "load":
		if !strings.HasPrefix(d.Artifact.URL, "http") {
			p.t.Error("clients of different versions read a relative address differently:", d.Artifact.URL)
		}
		attempts = 0
		status, archive = ask("GET", d.Artifact.URL, "", "")
		sum := sha256.Sum256(archive)
		if status != 200 || hex.EncodeToString(sum[:]) != *d.Artifact.Sha256 {
			return 1, nil, tries
		}
		return 0, archive, tries
	}
	return 1, nil, tries
}

// clean fails if any request of the workspace broke the contract.
func (p *pipeline) clean() {
	p.t.Helper()
	if list := p.send(200, "GET", "/_understudy/violations", ""); list != `{"violations":[]}` {
		p.t.Error(list)
	}
}

// The vendor's command line pulls in all five targets, and ends as it does against the
// real service.
func TestCommandLinePulls(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	p := newPipeline(t, w, "cli", "shop")
	p.publish("", "fees/shipping", fee(1))
	production := idIn(t, p.send(200, "POST", p.in("/environments"), `{"name":"Production","type":"brms","key":"production"}`))
	release := p.release()
	main := p.sync("shop", "main", "")
	for target, code := range map[string]int{"env:production": 4, "env:lost": 1, "release:9": 1, "nonsense": 1} {
		if got, _, _ := p.pull(target, ""); got != code {
			t.Errorf("%s: code %d, want %d", target, got, code)
		}
	}
	p.deploy(200, release, production)
	for target, held := range map[string]string{
		"main": main.Commit.ID, "branch:" + *main.Commit.BranchID: main.Commit.ID, "commit:" + main.Commit.ID: main.Commit.ID,
		"release:1": release, "env:production": release,
	} {
		code, archive, attempts := p.pull(target, "")
		if code != 0 || len(archive) == 0 || attempts != 1 {
			t.Errorf("%s: code %d after %d attempts", target, code, attempts)
		}
		if code, _, _ := p.pull(target, held); code != 3 {
			t.Errorf("%s with what is there: code %d", target, code)
		}
	}
	p.clean()

	// What it tries again, and when it gives up.
	for name, c := range map[string]struct {
		status, times, code, attempts int
	}{
		"twice away":    {503, 2, 0, 3},
		"limited":       {429, 3, 1, 3},
		"failed once":   {500, 1, 0, 2},
		"not permitted": {403, 1, 1, 1},
	} {
		p.send(200, "PUT", "/_understudy/faults/sync", fmt.Sprintf(`{"match":{"operation":"syncRules"},"when":{"times":%d},"do":{"status":%d}}`, c.times, c.status))
		if code, _, attempts := p.pull("main", ""); code != c.code || attempts != c.attempts {
			t.Errorf("%s: code %d after %d attempts", name, code, attempts)
		}
	}
}

// The community's Terraform provider takes a project, a group and an environment through
// a whole life: made, a plan that finds nothing, changed, again nothing, destroyed. The
// calls are retyped from its traffic.
func TestTerraformLife(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	p := &pipeline{standIn: w, t: t, secret: "terraform"}
	call := func(status int, method, path, body string, into any) {
		t.Helper()
		text := p.send(status, method, path, body)
		if into != nil {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				t.Fatal(err)
			}
		}
	}
	type projectState struct {
		ID, Name, Key string
		Protected     bool
	}
	type groupState struct {
		ID, Name, Description string
		Permissions           []string
	}
	type environmentState struct {
		ID, Name, Key, Type, ApprovalMode string
		ApprovalGroups                    []struct{ ID string }
	}
	// read is what a plan reads of the three.
	read := func(project, group, environment string) string {
		t.Helper()
		var ps projectState
		call(200, "GET", "/api/projects/"+project, "", &ps)
		var groups struct {
			Results  []groupState
			Paginate struct{ Total, PageSize int }
		}
		call(200, "GET", "/api/projects/"+project+"/groups?perPage=200&page=1", "", &groups)
		var again struct{ Results []groupState }
		call(200, "GET", "/api/projects/"+project+"/groups?perPage=500", "", &again)
		var environments []environmentState
		call(200, "GET", "/api/projects/"+project+"/environments", "", &environments)
		if groups.Paginate.Total != 1 || groups.Paginate.PageSize != 200 || len(again.Results) != 1 || len(environments) != 1 ||
			groups.Results[0].ID != group || environments[0].ID != environment {
			t.Errorf("%+v %+v", groups, environments)
		}
		return fmt.Sprint(ps, groups.Results[0], environments[0])
	}

	var created struct{ Project projectState }
	call(200, "POST", "/api/projects", `{"name":"Shop","key":"shop","protected":false}`, &created)
	project := created.Project.ID
	var group groupState
	call(200, "POST", "/api/projects/"+project+"/groups", `{"name":"Approvers1","description":"who approves","permissions":["documents:full","releases:deploy"]}`, &group)
	var environment environmentState
	call(200, "POST", "/api/projects/"+project+"/environments",
		`{"name":"Staging1","key":"staging","type":"brms","approvalMode":"require_any","approvalGroups":["`+group.ID+`"]}`, &environment)
	applied := fmt.Sprint(created.Project, group, environment)
	for range 2 {
		if got := read(project, group.ID, environment.ID); got != applied {
			t.Errorf("the plan is not clean:\n%s\n%s", got, applied)
		}
	}

	var changed projectState
	call(200, "PUT", "/api/projects/"+project, `{"name":"Shop2","key":"shop","protected":false}`, &changed)
	call(200, "PUT", "/api/projects/"+project+"/groups/"+group.ID, `{"name":"Approvers2","description":"who approves","permissions":["documents:full"]}`, &group)
	call(200, "PUT", "/api/projects/"+project+"/environments/"+environment.ID,
		`{"name":"Staging2","key":"Staging","type":"brms","approvalMode":"none","approvalGroups":[]}`, &environment)
	if environment.Name != "Staging2" || environment.Key != "Staging" || len(environment.ApprovalGroups) != 0 || group.Name != "Approvers2" {
		t.Errorf("%+v %+v", group, environment)
	}
	applied = fmt.Sprint(changed, group, environment)
	if got := read(project, group.ID, environment.ID); got != applied {
		t.Errorf("the plan after the change is not clean:\n%s\n%s", got, applied)
	}

	call(200, "DELETE", "/api/projects/"+project+"/environments/"+environment.ID, "", nil)
	call(200, "DELETE", "/api/projects/"+project+"/groups/"+group.ID, "", nil)
	call(200, "DELETE", "/api/projects/"+project, "", nil)
	p.clean()
	call(404, "GET", "/api/projects/"+project, "", nil)
}
