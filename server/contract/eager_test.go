package contract

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"testing"
)

// eagerDocument has unions with rules beside them, and operations with and without
// a body.
const eagerDocument = `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{
 "/x":{
  "post":{"operationId":"post","requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","properties":{
    "all":{"allOf":[{"type":"object","required":["a"],"properties":{"b":{"type":"integer"}}}],"type":"object","required":["c"]},
    "any":{"type":"object","anyOf":[{"required":["a"]},{"required":["b"]}],"required":["c"]},
    "not":{"type":"string","not":{"type":"string","enum":["x"]},"minLength":2},
    "tagged":{"oneOf":[{"$ref":"#/components/schemas/A"}],"discriminator":{"propertyName":"kind","mapping":{"a":"#/components/schemas/A"}}}
  }}}}},"responses":{"200":{"description":"ok"}}},
  "get":{"operationId":"get","parameters":[
    {"name":"n","in":"query","schema":{"type":"number"}},
    {"name":"ids","in":"query","schema":{"type":"array","items":{"type":"integer"}}}],"responses":{"200":{"description":"ok"}}},
  "delete":{"operationId":"delete","responses":{"200":{"description":"ok"}}}
 }},"components":{"schemas":{"A":{"type":"object","required":["kind","n"],"properties":{"kind":{"type":"string"},"n":{"type":"integer"},"m":{"type":"integer"}}}}}}`

func judgeEager(t *testing.T, eager bool, method, query string, types []string, body string) []Violation {
	t.Helper()
	document, err := Load(Source{API: "t", File: "t", JSON: []byte(eagerDocument), EagerBody: eager})
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	if types != nil {
		header["Content-Type"] = types
	}
	return document.Operation(method, "/x").JudgeRequest(context.Background(), &Message{
		Method: method, URL: &url.URL{Path: "/x", RawQuery: query}, Header: header, Body: []byte(body),
	}).Violations
}

func rulesOf(vs []Violation) []string {
	rules := []string{}
	for i := range vs {
		rules = append(rules, vs[i].Rule+" "+vs[i].Pointer())
	}
	slices.Sort(rules)
	return rules
}

func TestEagerBody(t *testing.T) {
	json := []string{"application/json"}
	for _, c := range []struct {
		what, method string
		types        []string
		body         string
		rule, detail string
	}{
		{"a body", "POST", json, "{}", "", ""},
		{"parameters are not asked about", "POST", []string{"Application/JSON ; charset; charset"}, "{}", "", ""},
		{"the first of several", "POST", []string{"application/json", "text/plain"}, "{}", "", ""},
		{"no type", "POST", nil, "{}", RuleMediaType, "application/json"},
		{"another type", "POST", []string{"application/yaml"}, "a: 1", RuleMediaType, "application/json"},
		{"text", "POST", []string{"text/plain"}, "a", RuleMediaType, "application/json"},
		{"not a type", "POST", []string{"application / json"}, "{}", RuleMediaType, "application/json"},
		{"nothing", "POST", nil, "", "required", ""},
		{"JSON without text", "POST", json, "", RuleJSON, ReasonEmpty},
		{"cut", "POST", json, "{", RuleJSON, reasonEnd},
		{"prototype", "POST", json, `{"a":[{"__proto__":1}]}`, RuleJSON, reasonPoisoned},
		{"prototype, escaped", "POST", json, `{"\u005f_proto__":1}`, RuleJSON, reasonPoisoned},
		{"constructor", "POST", json, `{"constructor":{"prototype":1}}`, RuleJSON, reasonPoisoned},
		{"constructor of another kind", "POST", json, `{"constructor":"prototype"}`, RuleUnknownMember, ""},
		{"delete with nothing", "DELETE", nil, "", "", ""},
		{"delete with a body", "DELETE", json, "{}", "", ""},
		{"delete with text", "DELETE", []string{"text/plain"}, "a", "", ""},
		{"delete, JSON without text", "DELETE", json, "", RuleJSON, ReasonEmpty},
		{"delete, cut", "DELETE", json, "{", RuleJSON, reasonEnd},
		{"delete, prototype", "DELETE", json, `{"__proto__":1}`, RuleJSON, reasonPoisoned},
		{"delete, no type", "DELETE", nil, "{}", RuleMediaType, "application/json"},
		{"delete, another type", "DELETE", []string{"application/yaml"}, "", RuleMediaType, "application/json"},
		{"get has no body", "GET", json, "{", "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			found := judgeEager(t, true, c.method, "", c.types, c.body)
			switch {
			case c.rule == "" && len(found) > 0:
				t.Fatal(rulesOf(found))
			case c.rule != "" && (len(found) != 1 || found[0].Rule != c.rule || found[0].Detail != c.detail):
				t.Fatal(found)
			}
		})
	}
	if found := judgeEager(t, false, "DELETE", "", json, "{"); len(found) > 0 {
		t.Error("an API that is not eager:", rulesOf(found))
	}
}

// kin-openapi stops at a union that failed, and at the first item it cannot read.
func TestEveryViolation(t *testing.T) {
	for body, want := range map[string][]string{
		`{"all":{"b":"x"}}`:                  {"required /all/a", "required /all/c", "type /all/b"},
		`{"any":{}}`:                         {"anyOf /any", "required /any/c"},
		`{"not":"x"}`:                        {"minLength /not", "not /not"},
		`{"tagged":{"kind":"a","m":1.5}}`:    {"required /tagged/n", "type /tagged/m"},
		`{"tagged":{"kind":"b"}}`:            {"discriminator /tagged"},
		`{"any":{"a":1,"c":1},"not":"long"}`: {},
	} {
		if got := rulesOf(judgeEager(t, true, "POST", "", []string{"application/json"}, body)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	for query, want := range map[string][]string{
		"n=1.5&ids=1":         {},
		"n=1_000":             {"type "},
		"n=0x1p4":             {"type "},
		"n=1e400":             {RuleNumberRange + " "},
		"ids=1&ids=x&ids=1.5": {"type /1", "type /2"},
		"ids=99999999999999999999&ids=x": {
			RuleIntegerRange + " /0", "type /1",
		},
	} {
		if got := rulesOf(judgeEager(t, true, "GET", query, nil, "")); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}
