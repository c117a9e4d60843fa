package fastapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
)

// A number that no branch of a union takes is told by each branch, whatever its size, and
// one that is no boolean is told by what pydantic can read of it.
func TestNumbersOfUnions(t *testing.T) {
	d, err := contract.Load(contract.Source{API: "t", File: "t.json", Lines: []byte("{}"), JSON: []byte(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},
		"paths":{"/t":{"post":{"operationId":"t","responses":{"200":{"description":"ok"}},"requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","properties":{
			"owner":{"anyOf":[{"$ref":"#/components/schemas/Pair"},{"type":"string"},{"type":"integer"}]},
			"maybe":{"anyOf":[{"type":"integer"},{"type":"null"}]},
			"many":{"anyOf":[{"type":"array","items":{"type":"integer"}},{"type":"boolean"}]},
			"flag":{"type":"boolean"}}}}}}}}},
		"components":{"schemas":{"Pair":{"type":"object","title":"Pair","required":["a"],"properties":{"a":{"type":"string"}}}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	owner := func(integer string) string {
		return "model_attributes_type owner Pair, string_type owner str, " + integer + " owner int"
	}
	for body, want := range map[string]string{
		`{"owner":1e308}`:               owner("int_parsing_size"),
		`{"owner":9223372036854775808}`: owner("int_parsing_size"),
		`{"owner":-1e30}`:               owner("int_parsing_size"),
		`{"owner":1.5}`:                 owner("int_from_float"),
		`{"owner":3.0000000000000001}`:  owner("int_from_float"),
		`{"owner":null}`:                owner("int_type"),
		`{"owner":7}`:                   "",
		`{"maybe":1e308}`:               "int_parsing_size maybe",
		`{"maybe":1e19}`:                "int_parsing_size maybe",
		`{"many":1e308}`:                "list_type many list[int], bool_type many bool",
		`{"flag":9223372036854775807}`:  "bool_parsing flag",
		`{"flag":2}`:                    "bool_parsing flag",
		`{"flag":-9223372036854775808}`: "bool_parsing flag",
		`{"flag":9223372036854775808}`:  "bool_type flag",
		`{"flag":18446744073709551616}`: "bool_type flag",
		`{"flag":-9223372036854775809}`: "bool_type flag",
	} {
		if text := told(t, d, body); text != want {
			t.Errorf("%s\n got %s\nwant %s", body, text, want)
		}
	}
}

// told is what is said of a body: of each item its type and its place.
func told(t *testing.T, d *contract.Document, body string) string {
	t.Helper()
	judged := d.Operation(http.MethodPost, "/t").JudgeRequest(t.Context(), &contract.Message{
		Method: http.MethodPost, URL: &url.URL{Path: "/t"}, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body),
	})
	var got []string
	for _, it := range Words(&site.Refusal{Violations: judged.Violations, Body: []byte(body)}) {
		var at []any
		text, _ := json.Marshal(it.Loc)
		_ = json.Unmarshal(text, &at)
		words := it.Type
		for _, step := range at[1:] {
			name, _ := json.Marshal(step)
			words += " " + strings.Trim(string(name), `"`)
		}
		got = append(got, words)
	}
	return strings.Join(got, ", ")
}
