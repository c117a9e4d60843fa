package app

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
)

// plantedMistake is a mistake as clients make it, and how the report is to tell of it.
type plantedMistake struct {
	name, method, path string
	headers            string // "Name: value", separated by |
	body               string
	rule               string // "" if nothing is to be told
	fails              bool
}

// What 76 requests of three suites do, one mistake each.
func plantedMistakes(project string) []plantedMistake {
	const (
		json   = "Content-Type: application/json"
		bearer = "Authorization: Bearer s"
		key    = "Authorization: Key s"
		brms   = bearer + "|" + json
		data   = key + "|" + json
		plist  = "/api/projects"
		bi     = "/api/v1/lineage/bi/"
	)
	one := plist + "/" + project
	integrations := one + "/integrations"
	looker := func(change string) string {
		return `{"name":"L","base_url":"https://l.example.com","client_id":"i","client_secret":"x","repo_id":1` + change + `}`
	}
	return []plantedMistake{
		// Bodies of BRMS.
		{"name is a number", "POST", plist, brms, `{"name":7,"key":"ab"}`, "type", true},
		{"name is null", "POST", plist, brms, `{"name":null,"key":"ab"}`, "type", true},
		{"key is a list", "POST", plist, brms, `{"name":"P","key":["ab"]}`, "type", true},
		{"name is missing", "POST", plist, brms, `{"key":"ab"}`, "required", true},
		{"protected is a text", "POST", plist, brms, `{"name":"P","key":"ac","protected":"true"}`, "type", true},
		{"a list in place of the body", "POST", plist, brms, `[]`, "type", true},
		{"a text in place of the body", "POST", plist, brms, `"{\"name\":\"P\"}"`, "type", true},
		{"protected is misspelled", "POST", plist, brms, `{"name":"P","key":"ad","protcted":true}`, "unknownMember", false},
		{"a version that there is not", "POST", plist, brms, `{"name":"P","key":"ae","version":"v9"}`, "enum", false},
		{"a key in capitals", "POST", plist, brms, `{"name":"P","key":"AF"}`, "pattern", false},
		{"copyContentRef is no UUID", "POST", plist, brms, `{"name":"P","key":"ag","copyContentRef":"x"}`, "format", true},
		{"copyContentRef is undefined", "POST", plist, brms, `{"name":"P","key":"ah","copyContentRef":7}`, "type", true},
		{"name is missing in a change", "PUT", one, brms, `{"key":"fees"}`, "required", true},
		{"protected is null in a change", "PUT", one, brms, `{"name":"P","key":"fees","protected":null}`, "type", true},
		{"a member that is not known in a change", "PUT", one, brms, `{"name":"P","key":"fees","archived":true}`, "unknownMember", false},
		{"config is JSON text", "POST", integrations, brms, `{"name":"I","type":"http","kind":"k","config":"{}"}`, "type", true},
		// Bodies that are not JSON.
		{"cut off", "POST", plist, brms, `{"name":"P",`, "json", true},
		{"an object of JavaScript", "PUT", one, brms, `[object Object]`, "json", true},
		{"a dictionary of Python", "POST", integrations, brms, `{'name': 'I', 'on': True}`, "json", true},
		{"a comma too many", "POST", plist, brms, `{"name":"P","key":"ai",}`, "json", true},
		{"a form", "POST", plist, brms, `name=P&key=aj`, "json", true},
		{"nothing, said to be JSON", "POST", plist, brms, ``, "json", true},
		{"NaN", "POST", plist, brms, `{"name":NaN,"key":"ak"}`, "json", true},
		{"UTF-16", "POST", plist, brms, "\xff\xfe{\x00}\x00", "json", true},
		{"two values", "POST", plist, brms, `{"name":"P","key":"al"}{}`, "json", true},
		{"a name twice", "POST", plist, brms, `{"name":"P","name":"Q","key":"am"}`, "json", true},
		// Media types.
		{"a form's type", "POST", plist, bearer + "|Content-Type: application/x-www-form-urlencoded", `name=P`, "mediaType", true},
		{"plain text", "POST", plist, bearer + "|Content-Type: text/plain", `{"name":"P","key":"an"}`, "mediaType", true},
		{"no type", "POST", plist, bearer, `{"name":"P","key":"ao"}`, "mediaType", true},
		{"YAML", "PUT", one, bearer + "|Content-Type: application/yaml", `name: P`, "mediaType", true},
		// Credentials.
		{"none", "GET", plist, "", "", "credential", true},
		{"of another scheme", "GET", one, "Authorization: Basic cDpx", "", "credential", true},
		{"without a scheme", "GET", integrations, "Authorization: secret-of-its-own", "", "credential", true},
		{"empty", "PUT", one, json + "|Authorization: ", `{"name":"P","key":"fees"}`, "credential", true},
		{"a scheme alone", "POST", plist, json + "|Authorization: Bearer", `{"name":"P","key":"ap"}`, "credential", true},
		{"Datafold: none", "GET", bi, "", "", "credential", true},
		{"Datafold: Bearer", "GET", bi + "1/", bearer, "", "credential", true},
		{"in the query", "GET", one + "/approvals?token=hush", "", "", "credential", true},
		// Paths and methods.
		{"a path in the singular", "GET", "/api/project", bearer, "", "unknownPath", true},
		{"a path in capitals", "GET", "/api/Projects", bearer, "", "unknownPath", true},
		{"a slash at the end", "GET", "/api/health/", bearer, "", "unknownPath", true},
		{"a slash doubled", "GET", "//api/projects", bearer, "", "unknownPath", true},
		{"a version in the path", "GET", "/api/v1/projects", bearer, "", "unknownPath", true},
		{"a path of nobody", "DELETE", "/completely/else", bearer, "", "unknownPath", true},
		{"Datafold: a path in the plural", "GET", "/api/v1/lineage/bis/", key, "", "unknownPath", true},
		{"Datafold: an empty variable", "GET", bi + "/", key, "", "unknownPath", true},
		{"Datafold: without the slash", "GET", "/api/v1/lineage/bi", key, "", "unknownPath", true},
		{"PATCH a project", "PATCH", plist, brms, `{}`, "method", true},
		{"DELETE the health", "DELETE", "/api/health", bearer, "", "method", true},
		{"Datafold: PATCH", "PATCH", bi + "1/", data, `{}`, "method", true},
		{"Datafold: POST of a list", "POST", bi, data, `{}`, "method", true},
		// Parameters.
		{"an id that is no UUID", "GET", plist + "/fees", bearer, "", "format", true},
		{"an id that is undefined", "GET", plist + "/undefined/integrations", bearer, "", "format", true},
		{"an id in a delete", "DELETE", integrations + "/17", bearer, "", "format", true},
		{"perPage is misspelled", "GET", plist + "?per_page=5", bearer, "", "unknownQuery", false},
		{"a search that is not declared", "GET", integrations + "?q=x", bearer, "", "unknownQuery", false},
		{"all is yes", "GET", plist + "?all=yes", bearer, "", "enum", true},
		{"Datafold: an id that is a text", "GET", bi + "abc/", key, "", "type", true},
		{"Datafold: an id that is undefined", "DELETE", bi + "undefined/", key, "", "type", true},
		{"Datafold: an id that is NaN in a change", "PUT", bi + "dbt/NaN/", data, `{"ci_config_id":1}`, "type", true},
		// Bodies of Datafold.
		{"base_url in camel case", "POST", bi + "looker/", data, strings.Replace(looker(""), "base_url", "baseUrl", 1), "required", true},
		{"repo_id is a text", "POST", bi + "looker/", data, strings.Replace(looker(""), `"repo_id":1`, `"repo_id":"one"`, 1), "type", true},
		{"name is a number", "POST", bi + "looker/", data, strings.Replace(looker(""), `"name":"L"`, `"name":7`, 1), "type", true},
		{"bindings is an object", "POST", bi + "looker/", data, looker(`,"bindings":{}`), "type", true},
		{"an id within bindings is a text", "POST", bi + "looker/", data, looker(`,"bindings":[{"boundIds":["x"],"remoteId":"r"}]`), "type", true},
		{"remoteId is missing", "POST", bi + "looker/", data, looker(`,"bindings":[{"boundIds":[1]}]`), "required", true},
		{"a nested member that is not known", "POST", bi + "looker/", data, looker(`,"bindings":[{"boundIds":[1],"remoteId":"r","remoteid":"s"}]`), "unknownMember", false},
		{"indexing_cron is a number", "POST", bi + "looker/", data, looker(`,"indexing_cron":5`), "type", true},
		{"ci_config_id is missing", "POST", bi + "dbt/", data, `{}`, "required", true},
		{"ci_config_id is beyond 64 bits", "POST", bi + "dbt/", data, `{"ci_config_id":99999999999999999999}`, "integerRange", true},
		{"Datafold: cut off", "POST", bi + "dbt/", data, `{"ci_config_id":`, "json", true},
		{"Datafold: no body", "PUT", bi + "dbt/1/", data, ``, "required", true},
		// What is no breach of the contract.
		{"a project that is not there", "GET", plist + "/3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", bearer, "", "", false},
		{"Datafold: one that is not there", "GET", bi + "987/", key, "", "", false},
		{"a scheme in small letters", "GET", plist + "?page=1", "Authorization: bearer s", "", "", false},
		{"what only the vendor serves", "GET", "/api/v1/monitors", key, "", contract.RuleUnserved, false},
	}
}

// Each mistake is told with the test that made it, as a kind of its own or beside another
// value at the same place, and with what it takes to mend it.
func TestPlantedMistakes(t *testing.T) {
	w := startServer(t, Options{})
	project := idOf(t, w.expect(t, 200, "POST", "/api/projects", http.Header{"Authorization": {"Bearer s"}, "Content-Type": {"application/json"}}, `{"name":"Fees","key":"fees"}`))
	list := plantedMistakes(project)
	if len(list) != 76 {
		t.Fatalf("%d mistakes", len(list))
	}
	for i, p := range list {
		header := http.Header{"Understudy-Test": {p.name + " " + string(rune('A'+i%26)) + string(rune('a'+i/26))}}
		for line := range strings.SplitSeq(p.headers, "|") {
			if name, value, found := strings.Cut(line, ": "); found {
				header[name] = []string{value}
			}
		}
		list[i].name = header.Get("Understudy-Test")
		r, err := http.NewRequestWithContext(t.Context(), p.method, w.url+p.path, strings.NewReader(p.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = header
		resp, err := w.client.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode >= 500 {
			t.Errorf("%s: %d", p.name, resp.StatusCode)
		}
	}
	report, err := w.app.Report(t.Context(), evidence.CoverageOfPublished)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		var told []evidence.RecordedViolation
		for _, v := range report.Violations {
			if slices.Contains(v.Tests, p.name) {
				told = append(told, v)
			}
		}
		if p.rule == "" {
			if len(told) > 0 {
				t.Errorf("%s: told of, and it is none: %s", p.name, told[0].Message)
			}
			continue
		}
		if len(told) != 1 {
			t.Errorf("%s: told %d times: %+v", p.name, len(told), told)
			continue
		}
		v := told[0]
		if v.Rule != p.rule || v.Fails(evidence.FailOnViolations) != p.fails {
			t.Errorf("%s: rule %s, fails %v, want %s, %v: %s", p.name, v.Rule, v.Fails(evidence.FailOnViolations), p.rule, p.fails, v.Message)
		}
		if v.Requests > 1 && int64(len(v.Values)) < v.Requests {
			t.Errorf("%s: is one of %d, of which only %q are told", p.name, v.Requests, v.Values)
		}
		if v.Message == "" || v.First == nil || v.First.Method != p.method && v.Requests == 1 || !strings.Contains(v.Curl, "curl -sS") || strings.Contains(v.Curl, "hush") {
			t.Errorf("%s: cannot be mended from %+v", p.name, v)
		}
	}
	verdict := report.Judge(evidence.Judging{FailOn: evidence.FailOnViolations})
	if verdict.OK() || len(verdict.Unserved) != 1 {
		t.Errorf("the verdict: %d failures, %d not served", len(verdict.Failures), len(verdict.Unserved))
	}
}
