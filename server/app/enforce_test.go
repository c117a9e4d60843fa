package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/site"
)

// A request with mistakes in different places gets all of them in one answer, in
// the API's words, and its record holds as many.
func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	served, madeUp := startServer(t, Options{}), startMadeUp(t, site.EnforceStrict)
	for _, test := range []struct {
		name    string
		w       *standIn
		method  string
		target  string
		header  http.Header
		body    string
		status  int
		answer  string
		records []string // in and pointer or name of each violation
	}{
		{
			"brms", served, "PUT", "/api/projects/p/integrations/i?colour=red", bearer("s"),
			`{"name":5,"config":{"timeout":"soon","headers":1,"enableInputs":"no"},"group":[]}`,
			400,
			`{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"params/projectId must match format \"uuid\", params/integrationId must match format \"uuid\", ` +
				`body/name must be string, body/config must have required property 'url', body/config/timeout must be number, body/config/headers must be array, ` +
				`body/config/enableInputs must be boolean, body/group must be string"}`,
			[]string{
				"path projectId format", "path integrationId format", "query colour unknownQuery warns", "body /name type", "body /config/url required",
				"body /config/timeout type", "body /config/headers type", "body /config/enableInputs type", "body /group type",
			},
		},
		{
			"datafold", served, "PUT", "/api/v1/lineage/bi/looker/abc/", key("s"),
			`{"client_id":5,"client_secret":["HUSH"],"repo_id":"7","bindings":[{"boundIds":["x"]}],"project_ids":{}}`,
			422,
			`{"detail":[` +
				`{"type":"int_parsing","loc":["path","bi_datasource_id"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"abc"},` +
				`{"type":"missing","loc":["body","base_url"],"msg":"Field required","input":{"client_id":5,"client_secret":"**********","repo_id":"7","bindings":[{"boundIds":["x"]}],"project_ids":{}}},` +
				`{"type":"string_type","loc":["body","client_id"],"msg":"Input should be a valid string","input":5},` +
				`{"type":"int_type","loc":["body","repo_id"],"msg":"Input should be a valid integer","input":"7"},` +
				`{"type":"string_type","loc":["body","client_secret"],"msg":"Input should be a valid string","input":"**********"},` +
				`{"type":"missing","loc":["body","bindings",0,"remoteId"],"msg":"Field required","input":{"boundIds":["x"]}},` +
				`{"type":"int_parsing","loc":["body","bindings",0,"boundIds",0],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"x"},` +
				`{"type":"list_type","loc":["body","project_ids"],"msg":"Input should be a valid list","input":{}}]}`,
			[]string{
				"path bi_datasource_id type", "body /base_url required", "body /client_id type", "body /repo_id type", "body /client_secret type",
				"body /bindings/0/remoteId required", "body /bindings/0/boundIds/0 type", "body /project_ids type",
			},
		},
		{
			"the words of brms, every part of a message", madeUp, "PUT", "/brms/things/t/parts/0?dry=maybe",
			http.Header{"Content-Type": {"application/json"}, "X-Count": {"10"}},
			`{"count":-1}`,
			400,
			`{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"params/thingId must match format \"uuid\", params/number must be >= 1, ` +
				`body must have required property 'name', body/count must be >= 0, querystring must have required property 'mode', querystring/dry must be boolean, ` +
				`headers must have required property 'x-trace', headers/x-count must be <= 9"}`,
			[]string{
				"path thingId format", "path number minimum", "query dry type", "query mode required", "header X-Trace required", "header X-Count maximum",
				"body /name required", "body /count minimum",
			},
		},
		{
			"the words of datafold, every part of a message", madeUp, "POST", "/datafold/parameters/x/blue?page=0&q=a&ids=1&ids=y",
			http.Header{"Content-Type": {"application/json"}, "Cookie": {"visits=many"}},
			`{"age":"old","born":1815}`,
			422,
			`{"detail":[` +
				`{"type":"int_parsing","loc":["path","id"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"x"},` +
				`{"type":"enum","loc":["path","kind"],"msg":"Input should be 'red', 'green' or \"it's\"","input":"blue","ctx":{"expected":"'red', 'green' or \"it's\""}},` +
				`{"type":"greater_than_equal","loc":["query","page"],"msg":"Input should be greater than or equal to 1","input":"0","ctx":{"ge":1}},` +
				`{"type":"int_parsing","loc":["query","ids",1],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"y"},` +
				`{"type":"string_too_short","loc":["query","q"],"msg":"String should have at least 2 characters","input":"a","ctx":{"min_length":2}},` +
				`{"type":"missing","loc":["header","X-Mode"],"msg":"Field required","input":null},` +
				`{"type":"int_parsing","loc":["cookie","visits"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"many"},` +
				`{"type":"missing","loc":["body","name"],"msg":"Field required","input":{"age":"old","born":1815}},` +
				`{"type":"int_parsing","loc":["body","age"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"old"},` +
				`{"type":"extra_forbidden","loc":["body","born"],"msg":"Extra inputs are not permitted","input":1815}]}`,
			[]string{
				"path id type", "path kind enum", "query page minimum", "query ids/1 type", "query q minLength", "header X-Mode required", "cookie visits type",
				"body /name required", "body /age type", "body /born additionalProperties",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.w.do(t, test.method, test.target, test.header, strings.NewReader(test.body))
			if got.status != test.status || got.body != test.answer {
				t.Errorf("%d\n got %s\nwant %s", got.status, got.body, test.answer)
			}
			var records []string
			for _, v := range test.w.record(t, got, test.header.Get("Authorization")+strings.Repeat("Bearer s", 1-min(1, len(test.header["Authorization"])))).Violations {
				place := string(v.In) + " " + textOf(v.Name) + textOf(v.Pointer) + " " + v.Rule
				if !v.Refused {
					place += " warns"
				}
				records = append(records, place)
			}
			if !slices.Equal(records, test.records) {
				t.Errorf("recorded %q, want %q", records, test.records)
			}
		})
	}
}

// The basis of a rule decides: published and documented rules refuse, client and
// inferred ones warn, and the request is served.
func TestBasisDecides(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	project := "/api/projects/" + idIn(t, w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(createBody)).body)
	for _, test := range []struct {
		basis, method, target, body string
		header                      http.Header
		status                      int
		rule                        string
	}{
		{"published", "DELETE", aProject + "/integrations/x", "", bearer("s"), 400, "format"},
		{"published", "DELETE", "/api/v1/lineage/bi/7/", "", nil, 401, "credential"},
		{"documented", "POST", "/api/projects", `{"key":"kk"}`, bearer("s"), 400, "required"},
		{"published", "POST", "/api/v1/lineage/bi/dbt/", `{"ci_config_id":"7"}`, key("s"), 422, "type"},
		{"client", "POST", "/api/projects", `{"name":"n","key":"A Key"}`, bearer("s"), 200, "pattern"},
		{"inferred", "POST", "/api/projects", `{"name":"n"}`, bearer("s"), 200, "required"},
		{"inferred", "POST", "/api/projects", `{"name":"n","key":"pbf","version":"pbf"}`, bearer("s"), 200, "enum"},
		{"inferred", "POST", project + integrations, `{"name":"n","type":"sql","kind":"k1","config":{"url":"u"}}`, bearer("s"), 200, "enum"},
		{"inferred", "POST", project + integrations, `{"name":"n","type":"HTTP","kind":"k2","config":{"url":"u"}}`, bearer("s"), 200, "enum"},
		{"inferred", "POST", project + integrations, `{"name":"n","type":"http","kind":"k3","config":{"url":"u","method":"dgf"}}`, bearer("s"), 200, "enum"},
		{"inferred", "POST", project + integrations, `{"name":"n","type":"http","kind":"k4","config":{"url":"u","method":"trace "}}`, bearer("s"), 200, "enum"},
		{"documented", "POST", project + integrations, `{"name":"n","type":"http","kind":"k5","config":{"url":"u","method":7}}`, bearer("s"), 400, "type"},
		{"inferred", "POST", "/api/projects", `{"name":"n","key":"pbh","version":""}`, bearer("s"), 200, "enum"},
		{"inferred", "POST", "/api/projects", `{"name":"n","key":"pbi","version":"V2"}`, bearer("s"), 200, "enum"},
		{"documented", "POST", "/api/projects", `{"name":"n","key":"pbg","version":2}`, bearer("s"), 400, "type"},
		{"inferred", "GET", "/api/projects?page=0", "", bearer("s"), 200, "minimum"},
		{"inferred", "GET", "/api/projects?page=1&page=2", "", bearer("s"), 200, "repeated"},
		{"documented", "GET", "/api/projects?page=1_000", "", bearer("s"), 400, "type"},
		{"inferred", "GET", "/api/v1/lineage/bi/?page=1", "", key("s"), 200, "unknownQuery"},
	} {
		t.Run(test.basis+" "+test.rule, func(t *testing.T) {
			got := w.do(t, test.method, test.target, test.header, strings.NewReader(test.body))
			if got.status != test.status {
				t.Errorf("status %d: %s", got.status, got.body)
			}
			x := w.record(t, got, "Bearer s")
			refused := got.status >= 400
			if len(x.Violations) != 1 || x.Refused != refused {
				t.Fatalf("refused %t, %+v", x.Refused, x.Violations)
			}
			if v := x.Violations[0]; string(v.Basis) != test.basis || v.Rule != test.rule || v.Refused != refused {
				t.Errorf("basis %s, rule %s, refused %t", v.Basis, v.Rule, v.Refused)
			}
		})
	}
	if got := w.do(t, "GET", "/api/projects", bearer("s"), nil); got.status != 200 || got.header.Get("Understudy-Exchange") != "" {
		t.Errorf("a request without a mistake names an exchange: %d %v", got.status, got.header)
	}
}

// A rule that is inferred is never the reason of a refusal, nor told in one: a query
// parameter that cannot be read and need not be is as if it had not come.
func TestInferredRulesNeverRefuse(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	project := "/api/projects/" + idIn(t, w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(createBody)).body)
	for _, number := range []string{"NaN", "Infinity", "-Infinity", "inf", "1_000", "0x10", "%201", "x", "1e400", "1,2"} {
		got := w.do(t, "GET", project+integrations+"?page=0&perPage="+number, bearer("s"), nil)
		if got.status != 200 || !strings.Contains(got.body, `"pageSize":10`) {
			t.Errorf("integrations, perPage=%s: %d %s", number, got.status, got.body)
		}
		if x := w.record(t, got, "Bearer s"); x.Refused || len(x.Violations) != 2 {
			t.Errorf("integrations, perPage=%s: refused %t, %+v", number, x.Refused, x.Violations)
		}
		got = w.do(t, "GET", "/api/projects?page=0&perPage="+number, bearer("s"), nil)
		if want := `"message":"querystring/perPage must be number"`; got.status != 400 || !strings.Contains(got.body, want) {
			t.Errorf("projects, perPage=%s: %d %s", number, got.status, got.body)
		}
	}
}

// With --enforce=report what the real services convert is converted and served,
// and recorded as what would have been refused.
func TestReportServes(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{Enforce: site.EnforceReport})
	project := "/api/projects/" + idIn(t, w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(createBody)).body)
	integration := func(config string) string {
		return `{"name":"n","type":"http","kind":"k` + fmt.Sprint(len(config)) + `","config":` + config + `}`
	}
	dbt, looker := "/api/v1/lineage/bi/dbt/", "/api/v1/lineage/bi/looker/"
	for _, test := range []struct {
		name, method, target string
		header               http.Header
		body                 string
		holds                string // what the answer holds
		pointers             string // of the recorded violations
	}{
		{"a text for an integer", "POST", dbt, key("s"), `{"ci_config_id":"12"}`, `"ci_config_id":12}`, "/ci_config_id"},
		{"a text with spaces for an integer", "POST", dbt, key("s"), `{"ci_config_id":" 13 "}`, `"ci_config_id":13}`, "/ci_config_id"},
		{"in a list", "POST", looker, key("s"), `{"base_url":"b","client_id":"c","client_secret":"s","repo_id":"7","bindings":[{"remoteId":"r","boundIds":["3",4]}]}`, `"boundIds":[3,4]`, "/repo_id /bindings/0/boundIds/0"},
		{"a fraction that is whole, in a path", "GET", "/api/v1/lineage/bi/1.0/", key("s"), "", `"id":1,`, ""},
		{"spaces and underscores in a path", "GET", "/api/v1/lineage/bi/%200_1/", key("s"), "", `"id":1,`, ""},
		{"a +json type", "POST", dbt, http.Header{"Authorization": {"Key s"}, "Content-Type": {"application/vnd.api+json; v=1"}}, `{"ci_config_id":"9"}`, `"ci_config_id":9}`, ""},
		{"null for a text", "POST", "/api/projects", bearer("s"), `{"name":null,"key":"kn"}`, `"name":""`, "/name"},
		{"a list of one for a boolean", "POST", "/api/projects", bearer("s"), `{"name":["n"],"key":"kl","protected":[true]}`, `"protected":true`, "/name /protected"},
		{"a text for a list, null for a number and a boolean", "POST", project + integrations, bearer("s"), integration(`{"url":"u","headers":"x","timeout":null,"enableInputs":null}`), `"headers":["x"]`, "/config/timeout /config/headers /config/enableInputs"},
		{"a hexadecimal page", "GET", "/api/projects?page=0x1&perPage=%207", bearer("s"), "", `"pageSize":7`, " "},
		{"a text for a boolean", "POST", "/api/projects", bearer("s"), `{"name":"n","key":"ka","protected":"true"}`, `"protected":true`, "/protected"},
		{"a number for a boolean", "POST", "/api/projects", bearer("s"), `{"name":"n","key":"kb","protected":1}`, `"protected":true`, "/protected"},
		{"a number for a text", "POST", "/api/projects", bearer("s"), `{"name":5,"key":"kc"}`, `"name":"5"`, "/name"},
		{"a text for a number", "POST", project + integrations, bearer("s"), integration(`{"url":"u","timeout":"250.5"}`), `"timeout":250.5`, "/config/timeout"},
		{"a number for a text, inside", "POST", project + integrations, bearer("s"), integration(`{"url":80,"timeout":1}`), `"url":"80"`, "/config/url"},
		{"a boolean for an integer", "POST", dbt, key("s"), `{"ci_config_id":true}`, `"ci_config_id":1}`, "/ci_config_id"},
		{"what came is kept, the rest converted", "POST", "/api/projects", bearer("s"), `{"name":"é b","key":"kz","protected":"true","version":"v2"}`, `"name":"é b"`, "/protected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := w.do(t, test.method, test.target, test.header, strings.NewReader(test.body))
			if got.status != 200 || !strings.Contains(got.body, test.holds) {
				t.Fatalf("%d %s, want %s", got.status, got.body, test.holds)
			}
			x := w.record(t, got, test.header.Get("Authorization"))
			if x.Refused || x.Status != 200 {
				t.Errorf("a request that was served is recorded as refused: %+v", x)
			}
			var pointers []string
			for _, v := range x.Violations {
				pointers = append(pointers, textOf(v.Pointer))
				if !v.Refused {
					t.Errorf("the rule would refuse: %+v", v)
				}
			}
			if strings.Join(pointers, " ") != test.pointers {
				t.Errorf("recorded %q, want %q", pointers, test.pointers)
			}
		})
	}
}

// What cannot be understood is refused in either mode, in the same words.
func TestReportRefuses(t *testing.T) {
	t.Parallel()
	strict, report := startServer(t, Options{}), startServer(t, Options{Enforce: site.EnforceReport})
	for _, test := range []struct {
		name, method, target string
		header               http.Header
		body                 string
		status               int
	}{
		{"cut JSON", "POST", "/api/projects", bearer("s"), `{"name":`, 400},
		{"a member twice", "POST", "/api/projects", bearer("s"), `{"name":"n","name":"n","key":"kk"}`, 400},
		{"a list", "POST", "/api/projects", bearer("s"), `[1]`, 400},
		{"a missing member", "POST", "/api/projects", bearer("s"), `{"key":"kd"}`, 400},
		{"null for an object", "POST", aProject + integrations, bearer("s"), `{"name":"n","type":"http","kind":"k","config":null}`, 400},
		{"a word that is no boolean to JavaScript", "POST", "/api/projects", bearer("s"), `{"name":"n","key":"kd","protected":"yes"}`, 400},
		{"a body without a type", "POST", "/api/projects", http.Header{"Authorization": {"Bearer s"}}, `{"name":"n","key":"ke"}`, 415},
		{"of no enum, in the query", "GET", "/api/projects?all=yes", bearer("s"), "", 400},
		{"datafold: a number for a text", "POST", "/api/v1/lineage/bi/dbt/", key("s"), `{"ci_config_id":1,"name":5}`, 422},
		{"datafold: a boolean for a text", "POST", "/api/v1/lineage/bi/dbt/", key("s"), `{"ci_config_id":1,"name":true}`, 422},
		{"datafold: null for an integer", "POST", "/api/v1/lineage/bi/dbt/", key("s"), `{"ci_config_id":null}`, 422},
		{"datafold: a list of one for an integer", "POST", "/api/v1/lineage/bi/dbt/", key("s"), `{"ci_config_id":[1]}`, 422},
		{"text that is not JSON", "POST", "/api/projects", http.Header{"Authorization": {"Bearer s"}, "Content-Type": {"text/csv"}}, `a,b`, 415},
		{"datafold: of no enum", "POST", "/api/v1/lineage/bi/powerbi/", key("s"), `{"auth_type":"password"}`, 422},
		{"datafold: a list in a list", "POST", "/api/v1/lineage/bi/looker/", key("s"), `{"base_url":"b","client_id":"c","client_secret":"s","repo_id":1,"bindings":[{}]}`, 422},
		{"an object for a text", "POST", "/api/projects", bearer("s"), `{"name":{},"key":"kk"}`, 400},
		{"no body", "POST", "/api/projects", http.Header{"Authorization": {"Bearer s"}}, ``, 400},
		{"not a UUID", "GET", "/api/projects/x", bearer("s"), "", 400},
		{"a word for a number in the query", "GET", "/api/projects?page=two", bearer("s"), "", 400},
		{"no credential", "GET", "/api/projects", nil, "", 401},
		{"an unknown path", "GET", "/api/project", bearer("s"), "", 404},
		{"a large body", "POST", "/api/projects", bearer("s"), strings.Repeat(" ", 2*mebibyte), 413},
		{"datafold: cut JSON", "POST", "/api/v1/lineage/bi/dbt/", key("s"), `{"ci_config_id":`, 422},
		{"datafold: not an id", "GET", "/api/v1/lineage/bi/abc/", key("s"), "", 422},
		{"datafold: a word for an integer", "POST", "/api/v1/lineage/bi/dbt/", key("s"), `{"ci_config_id":"twelve"}`, 422},
		{"datafold: beyond 64 bits", "POST", "/api/v1/lineage/bi/dbt/", key("s"), `{"ci_config_id":9223372036854775808}`, 422},
		{"datafold: beyond a double", "POST", "/api/v1/lineage/bi/dbt/", key("s"), `{"ci_config_id":1e400}`, 422},
		{"datafold: another method", "PATCH", "/api/v1/lineage/bi/", key("s"), "", 405},
		{"datafold: no slash", "GET", "/api/v1/lineage/bi", key("s"), "", 307},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := strict.do(t, test.method, test.target, test.header, strings.NewReader(test.body))
			got := report.do(t, test.method, test.target, test.header, strings.NewReader(test.body))
			if got.status != test.status || want.status != test.status || got.body != want.body {
				t.Errorf("report: %d %s\nstrict: %d %s", got.status, got.body, want.status, want.body)
			}
			x := report.record(t, got, "Bearer s")
			if len(x.Violations) == 0 || !x.Refused {
				t.Errorf("recorded as %+v", x)
			}
		})
	}
}

// What is told of a request that is refused all the same is what the real service
// would tell: not what it converts.
func TestReportRefusesTheRest(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{Enforce: site.EnforceReport})
	for _, test := range []struct {
		target string
		header http.Header
		body   string
		answer string
	}{
		{"/api/projects", bearer("s"), `{"name":5,"key":[],"protected":null}`, `{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"body/key must be string"}`},
		{"/api/projects", bearer("s"), `{"name":"n","key":"kk","copyContentRef":[true]}`, `{"statusCode":400,"code":"FST_ERR_VALIDATION","error":"Bad Request","message":"body/copyContentRef must match format \"uuid\""}`},
		{
			"/api/v1/lineage/bi/looker/", key("s"), `{"base_url":"b","repo_id":" 7","client_id":"c","project_ids":[1.50]}`,
			`{"detail":[{"type":"missing","loc":["body","client_secret"],"msg":"Field required","input":{"base_url":"b","repo_id":" 7","client_id":"c","project_ids":[1.5]}},` +
				`{"type":"string_type","loc":["body","project_ids",0],"msg":"Input should be a valid string","input":1.5}]}`,
		},
		{ // of a rule that is only guessed, and that nothing can be made to keep
			"/api/v1/datadiffs", key("s"), `{"data_source1_id":false,"data_source2_id":2,"datetime_tolerance":" 12 ","algorithm":[]}`,
			`{"detail":[{"type":"string_type","loc":["body","algorithm"],"msg":"Input should be a valid string","input":[]}]}`,
		},
	} {
		got := w.do(t, "POST", test.target, test.header, strings.NewReader(test.body))
		if got.body != test.answer {
			t.Errorf("%s\n got %s\nwant %s", test.body, got.body, test.answer)
		}
		if x := w.record(t, got, test.header.Get("Authorization")); !x.Refused || len(x.Violations) == 0 {
			t.Errorf("%s: %+v", test.body, x)
		}
	}
}

// Whatever is wrong with a request, it is served or refused, never a failure of
// ours, in either mode, and each answer is as declared.
func TestVerifyNoMistakeIsAFailure(t *testing.T) {
	t.Parallel()
	values := []string{
		`"x"`, `"12"`, `""`, `"true"`, `5`, `1.5`, `7.0`, `1e2`, `-1`, `9223372036854775808`, `1e400`, `true`, `null`, `[]`, `[1]`, `["x"]`, `[null]`, `[[]]`, `[{}]`,
		`{}`, `{"a":1}`, `{"url":5}`, `{"url":null}`, `{"url":{}}`, `[{"remoteId":1,"boundIds":null}]`, `[{"remoteId":"a","boundIds":["x"]}]`, `"` + strings.Repeat("é", 3000) + `"`,
	}
	for _, enforce := range []site.Enforcement{site.EnforceStrict, site.EnforceReport} {
		t.Run(string(enforce), func(t *testing.T) {
			t.Parallel()
			w := startServer(t, Options{Enforce: enforce})
			project := "/api/projects/" + idIn(t, w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(createBody)).body)
			made := project + integrations + "/" + idIn(t, w.do(t, "POST", project+integrations, bearer("s"), strings.NewReader(`{"name":"n","type":"http","kind":"k","config":{"url":"u"}}`)).body)
			looker := `{"base_url":"b","client_id":"c","client_secret":"s","repo_id":1,"bindings":[],"project_ids":[],"indexing_cron":"c","name":"n"}`
			w.do(t, "POST", "/api/v1/lineage/bi/looker/", key("s"), strings.NewReader(looker))
			requests := 0
			send := func(method, target string, header http.Header, body string) {
				requests++
				got := w.do(t, method, target, header, strings.NewReader(body))
				if got.status >= 500 {
					t.Errorf("%s %s %.200s: %d %s %+v", method, target, body, got.status, got.body, w.record(t, got, header.Get("Authorization")))
				}
			}
			for _, call := range []struct{ method, target, body string }{
				{"POST", "/api/projects", `{"name":"n","key":"kk","copyContentRef":"7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77","protected":false,"version":"v1"}`},
				{"PUT", project, `{"name":"n","key":"kk","protected":false}`},
				{"POST", project + integrations, `{"name":"n","type":"http","kind":"k","config":{"url":"u","method":"m","timeout":1,"headers":[],"enableInputs":false},"description":"d","group":"g"}`},
				{"PUT", made, `{"name":"n","config":{"url":"u"},"description":"d","group":"g"}`},
				{"POST", "/api/v1/lineage/bi/dbt/", `{"ci_config_id":1,"indexing_cron":"c","name":"n"}`},
				{"POST", "/api/v1/lineage/bi/looker/", looker},
				{"PUT", "/api/v1/lineage/bi/looker/1/", looker},
				{"POST", "/api/v1/lineage/bi/hightouch/", `{"token":"t","bindings":[],"workspace":"w","indexing_cron":"c","name":"n"}`},
				{"POST", "/api/v1/lineage/bi/mode/", `{"token":"t","password":"p","workspace":"w","indexing_cron":"c","name":"n"}`},
				{"POST", "/api/v1/lineage/bi/powerbi/", `{"auth_type":"delegated","client_id":"c","tenant_id":"t","client_secret":"s","indexing_cron":"c","name":"n"}`},
				{"POST", "/api/v1/lineage/bi/tableau/", `{"token_name":"n","token_value":"v","site_id":"s","server_url":"u","indexing_cron":"c","name":"n"}`},
			} {
				header := bearer("s")
				if strings.HasPrefix(call.target, "/api/v1/") {
					header = key("s")
				}
				var members map[string]json.RawMessage
				if err := json.Unmarshal([]byte(call.body), &members); err != nil {
					t.Fatal(err)
				}
				with := func(change func(m map[string]json.RawMessage)) {
					changed := maps.Clone(members)
					change(changed)
					text, err := json.Marshal(changed)
					if err != nil {
						t.Fatal(err)
					}
					send(call.method, call.target, header, string(text))
				}
				for _, name := range slices.Sorted(maps.Keys(members)) {
					with(func(m map[string]json.RawMessage) { delete(m, name) })
					for _, value := range values {
						with(func(m map[string]json.RawMessage) { m[name] = json.RawMessage(value) })
					}
				}
				for _, value := range append([]string{"", "{", "nul", "{}{}", `{"a":1,"a":2}`, "\xff"}, values...) {
					send(call.method, call.target, header, value)
					send(call.method, call.target, http.Header{"Authorization": header["Authorization"]}, value)
					send(call.method, call.target, http.Header{"Authorization": header["Authorization"], "Content-Type": {"text/plain"}}, value)
				}
			}
			for _, call := range everyCall {
				header := bearer("s")
				if call.api == "datafold" {
					header = key("s")
				}
				for _, odd := range []string{"x", "-1", "1.5", "9223372036854775808", "%00", "%20", "%2F", "%ff", "null", "1e2"} {
					target := strings.NewReplacer(aProject[len("/api/projects/"):], odd, "/1/", "/"+odd+"/").Replace(call.target)
					send(call.method, target, header, call.body)
				}
				for _, query := range []string{"page=x", "page=1&page=2", "page=", "page=1e400", "perPage=-1", "all=x", "all=", "deleted=TRUE&deleted=x", "%zz", "a=b;c", "page[]=1", "page=NaN", "search=%00"} {
					send(call.method, call.target+"?"+query, header, call.body)
				}
			}
			t.Log(requests, "requests")
		})
	}
}

// idIn reads the first id of an answer.
func idIn(t *testing.T, body string) string {
	t.Helper()
	_, rest, ok := strings.Cut(body, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no id in %s", body)
	}
	return id
}
