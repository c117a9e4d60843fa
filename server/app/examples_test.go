package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	gendatafold "github.com/understudy-api/understudy/gen/datafold"
)

// asking is a request that is answered with the example of a refusal.
type asking struct {
	method, target string
	header         http.Header
	body           string
}

// refusals has for each refusal that a document shows a request which gets it. A
// status that nothing else leads to is asked for with Prefer.
func refusals(t *testing.T, w *standIn) map[string]map[string]asking {
	t.Helper()
	locked := idIn(t, w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(`{"name":"n","key":"locked","protected":true}`)).body)
	w.do(t, "POST", "/api/projects/"+locked+"/releases", bearer("s"), strings.NewReader(`{}`))
	project := "/api/projects/" + idIn(t, w.do(t, "POST", "/api/projects", bearer("s"), strings.NewReader(createBody)).body)
	kind := `{"name":"n","type":"http","kind":"k","config":{"url":"u"}}`
	w.do(t, "POST", project+integrations, bearer("s"), strings.NewReader(kind))
	forced := func(header http.Header, code string) http.Header { header.Set("Prefer", "code="+code); return header }
	yaml := bearer("s")
	yaml.Set("Content-Type", "application/x-yaml")
	large := strings.Repeat(" ", 2*mebibyte)
	const bi = "/api/v1/lineage/bi/"
	failing := `{"context":{},"content":{"nodes":[{"id":"in","name":"in","type":"inputNode"},{"id":"fee","name":"fee","type":"expressionNode","content":` +
		`{"expressions":[{"id":"x","key":"fee","value":"cart.total > 1000 ? 0 : 9.9"}]}}],"edges":[{"id":"e","sourceId":"in","targetId":"fee"}]}}`
	return map[string]map[string]asking{
		"brms": {
			"BadRequest":           {"GET", "/api/projects/x", bearer("s"), ""},
			"Unauthorized":         {"GET", "/api/projects", nil, ""},
			"Forbidden":            {"DELETE", "/api/projects/" + locked, bearer("s"), ""},
			"NotFound":             {"GET", project + integrations + "/0b6f3a52-6c0e-4f0d-9c39-5f3f3d1d8a11", bearer("s"), ""},
			"EvaluationFailed":     {"POST", project + "/evaluate/fees", bearer("s"), failing},
			"Conflict":             {"POST", project + integrations, bearer("s"), kind},
			"PayloadTooLarge":      {"POST", "/api/projects", bearer("s"), large},
			"UnsupportedMediaType": {"POST", "/api/projects", yaml, "name: n"},
			"InternalServerError":  {"GET", "/api/projects", forced(bearer("s"), "500"), ""},
			"TooManyRequests":      {"GET", "/api/projects", forced(bearer("s"), "429"), ""},
			"ServiceUnavailable":   {"GET", "/api/projects", forced(bearer("s"), "503"), ""},
			"RouteNotFound":        {"PATCH", "/api/projects", bearer("s"), ""},
			"RulesInvalid":         {"POST", "/api/rules/locked/release/1/evaluate/fees/lost", bearer("s"), `{"context":{}}`},
			"RulesUnauthorized":    {"GET", "/api/rules/locked", nil, ""},
			"RulesNotFound":        {"GET", "/api/rules/lost", bearer("s"), ""},

			"EntrypointsUnauthorized": {"GET", "/api/projects/locked/entrypoints", nil, ""},
			"EntrypointsNotFound":     {"GET", "/api/projects/lost/entrypoints", bearer("s"), ""},
		},
		"datafold": {
			"Unauthorized":        {"GET", bi, nil, ""},
			"Forbidden":           {"GET", bi, forced(key("s"), "403"), ""},
			"NotFound":            {"GET", bi + "999/", key("s"), ""},
			"PayloadTooLarge":     {"POST", bi + "dbt/", key("s"), large},
			"UnprocessableEntity": {"POST", bi + "dbt/", key("s"), "{}"},
			"DatabaseRefused":     {"POST", fmt.Sprintf("/api/v1/data_sources/%d/query", w.dataSource(t, "s", `{"type":"duckdb","name":"n"}`)), key("s"), `{"query":"SELECT * FROM nowhere"}`},
			"InternalServerError": {"GET", bi, forced(key("s"), "500"), ""},
			"TooManyRequests":     {"GET", bi, forced(key("s"), "429"), ""},
			"ServiceUnavailable":  {"GET", bi, forced(key("s"), "503"), ""},
			"RouteNotFound":       {"GET", "/api/v1/lineage/", key("s"), ""},
			"MethodNotAllowed":    {"PATCH", bi + "3/", key("s"), ""},
			"SlashRedirect":       {"GET", strings.TrimSuffix(bi, "/"), key("s"), ""},
			"DELETE /api/v1/lineage/bi/{bi_datasource_id}/ 422 notAnInteger": {"DELETE", bi + "abc/", key("s"), ""},
		},
	}
}

// shownResponse is a response of a document, with what it shows.
type shownResponse struct {
	Ref     string `json:"$ref"`
	Headers map[string]struct {
		Ref string `json:"$ref"`
	}
	Content map[string]struct {
		Example  jsontext.Value
		Examples map[string]struct{ Value jsontext.Value }
	}
}

// Each example of a refusal is what the server sends, byte for byte, headers
// included; an example that nothing here asks for fails.
func TestExamplesOfRefusals(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	asked := refusals(t, w)
	for api, data := range map[string][]byte{"brms": genbrms.Document(), "datafold": gendatafold.Document()} {
		var document struct {
			Paths      map[string]map[string]json.RawMessage
			Components struct {
				Responses map[string]shownResponse
				Headers   map[string]struct{ Example any }
			}
		}
		if err := json.Unmarshal(data, &document); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		check := func(name string, response shownResponse, want jsontext.Value) {
			seen[name] = true
			a, ok := asked[api][name]
			if !ok {
				t.Errorf("%s: nothing asks for the example of %s", api, name)
				return
			}
			got := w.do(t, a.method, a.target, a.header, strings.NewReader(a.body))
			_ = want.Compact() // a plain text is none
			if got.body != string(want) {
				t.Errorf("%s %s:\n sent %s\nshown %s", api, name, got.body, want)
			}
			for header, ref := range response.Headers {
				example := document.Components.Headers[strings.TrimPrefix(ref.Ref, "#/components/headers/")].Example
				sent := strings.Replace(got.header.Get(header), w.url, "http://127.0.0.1:8080", 1)
				if header == "Understudy-Exchange" {
					if !exchangeID.MatchString(sent) || !exchangeID.MatchString(textOfAny(example)) {
						t.Errorf("%s %s: %s: sent %q, shown %v", api, name, header, sent, example)
					}
				} else if sent != textOfAny(example) {
					t.Errorf("%s %s: %s: sent %q, shown %v", api, name, header, sent, example)
				}
			}
		}
		for name, response := range document.Components.Responses {
			example := response.Content["application/json"].Example
			if plain := response.Content["text/plain"].Example; plain != nil {
				var text string
				if err := json.Unmarshal(plain, &text); err != nil {
					t.Fatal(err)
				}
				example = jsontext.Value(text)
			}
			check(name, response, example)
		}
		for path, item := range document.Paths {
			for method, text := range item {
				var operation struct{ Responses map[string]shownResponse }
				if json.Unmarshal(text, &operation) != nil {
					continue // the item's own members
				}
				for status, response := range operation.Responses {
					if status < "400" || response.Ref != "" {
						continue
					}
					for name, example := range response.Content["application/json"].Examples {
						check(strings.ToUpper(method)+" "+path+" "+status+" "+name, response, example.Value)
					}
					if example := response.Content["application/json"].Example; example != nil {
						check(strings.ToUpper(method)+" "+path+" "+status, response, example)
					}
				}
			}
		}
		for name := range asked[api] {
			if !seen[name] {
				t.Errorf("%s shows no %s", api, name)
			}
		}
	}
}

// An example that is asked for comes as it stands in the document, members in their
// order.
func TestExamplesInOrder(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	for _, call := range []struct {
		document []byte
		target   string
		header   http.Header
	}{
		{genbrms.Document(), "/api/projects", bearer("s")},
		{genbrms.Document(), "/api/health", bearer("s")},
		{gendatafold.Document(), "/api/v1/lineage/bi/", key("s")},
	} {
		var document struct {
			Paths map[string]struct {
				Get struct{ Responses map[string]shownResponse }
			}
		}
		if err := json.Unmarshal(call.document, &document); err != nil {
			t.Fatal(err)
		}
		want := document.Paths[call.target].Get.Responses["200"].Content["application/json"].Example
		if err := want.Compact(); err != nil {
			t.Fatal(err)
		}
		call.header.Set("Prefer", "code=200")
		if got := w.do(t, "GET", call.target, call.header, nil); got.status != 200 || got.body != string(want) {
			t.Errorf("%s: %d\n got %s\nwant %s", call.target, got.status, got.body, want)
		}
	}
}

var exchangeID = regexp.MustCompile(`^[0-9a-f]{16}$`)

func textOfAny(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.Trim(string(text), `"`)
}
