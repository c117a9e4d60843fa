package app

import (
	gocmp "cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// feeOf is a decision that answers a number.
func feeOf(n int) string {
	return fmt.Sprintf(`{"nodes":[{"id":"i","name":"in","type":"inputNode"},{"id":"e","name":"fee","type":"expressionNode","content":{"expressions":[{"id":"x","key":"fee","value":"%d"}]}},{"id":"o","name":"out","type":"outputNode"}],"edges":[{"id":"1","type":"edge","sourceId":"i","targetId":"e"},{"id":"2","type":"edge","sourceId":"e","targetId":"o"}]}`, n)
}

// fillRules makes a project with documents that have a past, releases and what was
// deployed of them.
func fillRules(t *testing.T, w *standIn, secret string) (project string) {
	t.Helper()
	b := bearer(secret)
	id := func(method, target, body string) string {
		t.Helper()
		var made struct {
			ID      string
			Project struct{ ID string }
		}
		if err := json.Unmarshal([]byte(w.expect(t, 200, method, target, b, body)), &made); err != nil {
			t.Fatal(err)
		}
		return gocmp.Or(made.ID, made.Project.ID)
	}
	do := func(method, target, body string) { t.Helper(); w.expect(t, 200, method, target, b, body) }
	do("PUT", "/_understudy/clock", `{"frozen":true,"now":"2026-01-01T00:00:00.123456Z"}`)
	do("PUT", "/_understudy/ids", `{"source":"sequential","seed":7}`)
	advance := func() { t.Helper(); do("POST", "/_understudy/clock/advance", `{"by":"61s"}`) }
	storage := id("POST", "/api/deployments", `{"name":"Bucket","provider":"aws-s3","configuration":{"region":"eu-west-1"}}`)
	project = id("POST", "/api/projects", `{"name":"Pricing","key":"pricing"}`)
	at := "/api/projects/" + project
	document := func(body string) string { t.Helper(); return id("POST", at+"/documents", body) }
	change := func(document, body string) { t.Helper(); do("PUT", at+"/documents/"+document, body); advance() }
	shipping := document(`{"name":"fees/shipping","content":` + feeOf(1) + `,"meta":{"owner":"me"}}`)
	advance()
	change(shipping, `{"content":`+feeOf(2)+`,"publish":true}`)
	change(shipping, `{"content":`+feeOf(3)+`}`)
	var first struct{ Versions []struct{ ID, Name string } }
	if err := json.Unmarshal([]byte(w.expect(t, 200, "GET", at+"/documents/"+shipping, b, "")), &first); err != nil {
		t.Fatal(err)
	}
	oldest := first.Versions[len(first.Versions)-1].ID
	do("POST", at+"/documents/"+shipping+"/versions", `{"name":"Back","versionId":"`+oldest+`"}`)
	do("POST", at+"/documents/"+shipping+"/versions", `{"name":"Aside","versionId":"`+oldest+`","content":`+feeOf(5)+`}`)
	do("PUT", at+"/documents/"+shipping+"/versions/"+oldest+"/rename", `{"name":"The first"}`)
	advance()
	plain := document(`{"name":"a plain file","contentType":"application/json","content":[1,"x"]}`)
	empty := document(`{"name":"empty","contentType":"application/json"}`)
	draft := document(`{"name":"draft"}`)
	document(`{"name":"later","type":"d"}`)
	do("POST", at+"/documents/move", `{"ids":["`+plain+`"],"target":"later"}`)
	gone := document(`{"name":"gone","type":"d"}`)
	for _, name := range []string{"gone/x", "gone/in/y"} {
		change(document(`{"name":"`+name+`","content":`+feeOf(7)+`}`), `{"publish":true}`)
	}
	release := func(body string) string { t.Helper(); return id("POST", at+"/releases", body) }
	one := release(`{"name":"One","status":"published"}`)
	advance()
	do("DELETE", at+"/documents", `{"ids":["`+gone+`","`+draft+`"]}`)
	document(`{"name":"gone","content":` + feeOf(8) + `}`) // where the folder was
	change(shipping, `{"content":`+feeOf(10)+`,"publish":true}`)
	change(empty, `{"content":{"a":1},"publish":true}`)
	two := release(`{"name":"Two"}`)
	three := release(`{"description":"three","status":"published","versionType":"minor"}`)
	test := id("POST", at+"/environments", `{"name":"Test","type":"brms"}`)
	live := id("POST", at+"/environments", `{"name":"Live","type":"brms"}`)
	stored := id("POST", at+"/environments", `{"name":"Stored","type":"deployment","deploymentId":"`+storage+`"}`)
	void := id("POST", at+"/environments", `{"name":"Void","type":"brms"}`)
	for _, d := range [][2]string{{one, test}, {one, void}, {one, stored}, {two, live}, {three, test}} {
		do("POST", at+"/releases/deploy", `{"releaseId":"`+d[0]+`","environmentId":"`+d[1]+`","comment":"to it"}`)
		advance()
	}
	do("POST", at+"/environments/"+void+"/undeploy", `{}`)
	do("DELETE", at+"/environments/"+void, "")
	return project
}

// ruleAnswers are what the project answers to everything that can be read of it, and to
// evaluating each version that it has.
func ruleAnswers(t *testing.T, w *standIn, secret, project string) map[string]string {
	t.Helper()
	all := map[string]string{}
	b := bearer(secret)
	// Tokens and addresses are the server's, and how long it takes is nobody's.
	hidden := func(text string) string {
		return regexp.MustCompile(`"(accessToken|performance|url)":"[^"]*"`).ReplaceAllString(text, `"$1":""`)
	}
	ask := func(method, target, body string) string {
		t.Helper()
		got := w.do(t, method, target, b, strings.NewReader(body))
		all[strings.TrimSpace(method+" "+target+" "+body)] = fmt.Sprint(got.status, hidden(got.body))
		return got.body
	}
	list := func(target string) (ids, paths []string) {
		t.Helper()
		type item struct{ ID, Path, Key string }
		var page struct{ Results []item }
		text := []byte(ask(http.MethodGet, target, ""))
		if json.Unmarshal(text, &page) != nil && json.Unmarshal(text, &page.Results) != nil {
			t.Fatalf("%s: %s", target, text)
		}
		for _, r := range page.Results {
			ids, paths = append(ids, r.ID), append(paths, r.Path)
		}
		return ids, paths
	}
	at := "/api/projects/" + project
	for _, rest := range []string{"", "/documents/list-paths", "/entrypoints", "/groups"} {
		ask(http.MethodGet, at+rest, "")
	}
	list("/api/deployments?perPage=100")
	ask(http.MethodGet, "/api/rules/"+project, "")
	list(at + "/documents?perPage=100&deleted=true")
	documents, paths := list(at + "/documents?perPage=100")
	for i, d := range documents {
		ask(http.MethodGet, at+"/documents/"+d, "")
		ask(http.MethodGet, at+"/documents/"+d+"/download", "")
		versions, _ := list(at + "/documents/" + d + "/versions?perPage=100")
		ask(http.MethodPost, at+"/evaluate/"+paths[i], `{"context":{}}`)
		for _, v := range versions {
			ask(http.MethodGet, at+"/documents/"+d+"/versions/"+v, "")
			ask(http.MethodPost, at+"/evaluate/"+paths[i]+"?versionId="+v, `{"context":{}}`)
		}
	}
	releases, _ := list(at + "/releases?perPage=100")
	for _, r := range releases {
		ask(http.MethodGet, at+"/releases/"+r+"?diff=true", "")
		ask(http.MethodGet, at+"/releases/"+r+"/files", "")
		ask(http.MethodGet, "/api/rules/"+project+"/release/"+r, "")
		ask(http.MethodPost, "/api/rules/"+project+"/release/"+r+"/evaluate/fees/shipping", `{"context":{}}`)
	}
	environments, _ := list(at + "/environments")
	for _, e := range environments {
		ask(http.MethodGet, at+"/environments/"+e, "")
		ask(http.MethodPost, at+"/environments/"+e+"/evaluate/fees/shipping", `{"context":{}}`)
	}
	runs, _ := list(at + "/runs?perPage=100")
	for _, r := range runs {
		ask(http.MethodGet, at+"/runs/"+r, "")
	}
	fees := map[string]bool{}
	for target, text := range all {
		if strings.Contains(target, "versionId=") {
			fees[regexp.MustCompile(`"fee":\d+`).FindString(text)] = true
		}
	}
	if len(fees) < 6 { // 1, 2, 3, 5, 8 and 10
		t.Errorf("the versions answer %v", fees)
	}
	return all
}

// A project that is exported and planted elsewhere answers as it did: each version of
// its documents, its trash, its releases and what was deployed of them.
func TestSeedRulesRoundTrip(t *testing.T) {
	t.Parallel()
	from, to := startServer(t, Options{}), startServer(t, Options{})
	project := fillRules(t, from, "rules")
	text := from.export(t, "rules")
	to.expect(t, 200, "PUT", seedPath, yamlOf("rules"), text)
	if diff := cmp.Diff(text, to.export(t, "rules")); diff != "" {
		t.Error(diff)
	}
	was, is := ruleAnswers(t, from, "rules", project), ruleAnswers(t, to, "rules", project)
	for _, target := range slices.Sorted(maps.Keys(was)) {
		if diff := cmp.Diff(was[target], is[target]); diff != "" {
			t.Errorf("%s: %s", target, diff)
		}
	}
	if diff := cmp.Diff(len(was), len(is)); diff != "" || len(was) < 75 {
		t.Errorf("%d answers were compared: %s", len(was), diff)
	}
	// What is restored comes back with what was in it, in both.
	b := bearer("rules")
	for _, w := range []*standIn{from, to} {
		var trash struct {
			Results []struct{ ID, Path, Type string }
		}
		if err := json.Unmarshal([]byte(w.expect(t, 200, "GET", "/api/projects/"+project+"/documents?deleted=true&perPage=100", b, "")), &trash); err != nil {
			t.Fatal(err)
		}
		for _, d := range trash.Results {
			if d.Path == "gone" && d.Type == "d" {
				w.expect(t, 200, "POST", "/api/projects/"+project+"/documents/restore", b, `{"ids":["`+d.ID+`"],"path":"later"}`)
			}
		}
	}
	if diff := cmp.Diff(ruleAnswers(t, from, "rules", project), ruleAnswers(t, to, "rules", project)); diff != "" {
		t.Error(diff)
	}
	if got := to.do(t, "POST", "/api/projects/"+project+"/evaluate/later/gone/in/y", b, strings.NewReader(`{"context":{}}`)); !strings.Contains(got.body, `"fee":7`) {
		t.Errorf("what was restored answers %d %s", got.status, got.body)
	}
}

func TestSeedRulesMistakes(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	const id, other = "01970000-0000-7000-8000-000000000001", "01970000-0000-7000-8000-000000000002"
	for _, tt := range []struct{ project, want string }{
		{`documents: [{name: a, content: 1, versions: [{content: 2}]}]`, "The versions have the contents of this document."},
		{`documents: [{name: a, status: draft, versions: [{content: 2}]}]`, "The versions say which of them is published."},
		{`documents: [{name: a, type: d, versions: [{content: 2}]}]`, "A folder has no versions."},
		{`documents: [{name: a, versions: [{status: published}, {status: published}]}]`, "Another version of the document is published."},
		{`documents: [{name: a, versions: [{content: 1}, {versionId: ` + id + `}]}]`, "No version of the document above this one has this id."},
		{`documents: [{name: a, versions: [{status: gone}]}]`, "Write it as published"},
		{`documents: [{name: a, versions: [{id: ` + id + `}, {id: ` + id + `}]}]`, "gives this id to another version"},
		{`documents: [{name: a/b, parentId: ` + id + `}]`, "No folder of the project has this id."},
		{`documents: [{name: a, id: ` + id + `, type: d}, {name: c/b, parentId: ` + id + `}]`, "is not the one of the path"},
		{`documents: [{name: a, id: ` + id + `, type: d}, {name: a/b, trashedWith: ` + id + `}]`, "Only a deleted document has this."},
		{`documents: [{name: a/b, deletedAt: 2026-01-01T00:00:00Z, trashedWith: ` + id + `}]`, "No folder of the project has this id."},
		{`runs: [{releaseId: ` + id + `, environmentId: ` + other + `}]`, "No environment of the project has this id."},
		{`runs: [{releaseId: ` + id + `, environmentId: ` + other + `, previousReleaseId: ` + id + `}]`, "No release of the project has this id."},
		{`releases: [{name: r, files: [{name: a, versionId: b}]}]`, "is not a UUID"},
	} {
		got := w.do(t, "PUT", seedPath, yamlOf("mistaken"), strings.NewReader(`workspaces: [{brms: {projects: [{name: p, key: p, `+tt.project+`}]}}]`))
		if got.status != 422 || !strings.Contains(got.body, tt.want) {
			t.Errorf("%s: %d %s", tt.project, got.status, got.body)
		}
	}
	// By hand: without ids and times, numbered, and the second of what the first holds.
	w.expect(t, 200, "PUT", seedPath, yamlOf("by-hand"), `workspaces: [{brms: {projects: [{name: p, key: p, documents: [
		{name: a/b, versions: [{content: `+feeOf(1)+`}, {status: published}, {name: Mine, content: `+feeOf(2)+`}]}]}]}}]`)
	b := bearer("by-hand")
	if got := w.expect(t, 200, "POST", "/api/projects/p/evaluate/a/b", b, `{"context":{}}`); !strings.Contains(got, `"fee":1`) {
		t.Error(got)
	}
	text := w.export(t, "by-hand")
	for _, want := range []string{"name: Version 1", "name: Version 2", "name: Mine"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
