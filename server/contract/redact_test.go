package contract

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const secretDocument = `{
 "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
 "paths": {
  "/a": {"post": {"operationId": "a",
   "parameters": [
    {"name": "api_key", "in": "query", "schema": {"type": "string", "format": "password", "minLength": 40}},
    {"name": "X-Pin", "in": "header", "schema": {"type": "integer", "writeOnly": true}}],
   "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}},
   "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}}}},
  "/b": {"post": {"operationId": "b",
   "requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {"token": {"type": "string"}, "n": {"type": "integer"}}, "required": ["n"]}}}},
   "responses": {"200": {"description": "ok"}}}},
  "/c": {"get": {"operationId": "c", "responses": {"200": {"description": "ok"}}}}
 },
 "components": {"schemas": {
  "A": {"type": "object", "required": ["id"], "properties": {
   "id": {"type": "integer"},
   "token": {"type": "string", "writeOnly": true},
   "pass": {"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}]},
   "pin": {"type": "integer", "writeOnly": true},
   "note": {"type": "string"},
   "inner": {"$ref": "#/components/schemas/B"},
   "list": {"type": "array", "items": {"$ref": "#/components/schemas/B"}},
   "keys": {"type": "array", "items": {"type": "string", "format": "password"}},
   "map": {"type": "object", "additionalProperties": {"type": "string", "format": "password"}},
   "free": {"type": "object", "additionalProperties": true},
   "whole": {"type": "object", "writeOnly": true, "properties": {"x": {"type": "string"}}},
   "union": {"oneOf": [{"$ref": "#/components/schemas/B"}, {"$ref": "#/components/schemas/C"}],
    "discriminator": {"propertyName": "kind", "mapping": {"b": "#/components/schemas/B", "c": "#/components/schemas/C"}}},
   "either": {"anyOf": [{"type": "integer"}, {"$ref": "#/components/schemas/C"}]}
  }},
  "B": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}, "clientSecret": {"type": "string", "format": "password"}, "name": {"type": "string"}}},
  "C": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}, "clientSecret": {"type": "string"}, "key": {"type": "string", "writeOnly": true}}}
 }}
}`

func secretOperation(t *testing.T, method, path string) *Operation {
	t.Helper()
	d, err := Load(Source{API: "t", File: "t.json", JSON: []byte(secretDocument)})
	if err != nil {
		t.Fatal(err)
	}
	return d.Operation(method, path)
}

func TestRedactRequest(t *testing.T) {
	tests := []struct{ name, path, body, want string }{
		{"member", "/a", `{"token":"S"}`, `{"token":"M"}`},
		{"nullable member", "/a", `{"pass":"S"}`, `{"pass":"M"}`},
		{"null is no secret", "/a", `{"pass":null,"token":null}`, `{"pass":null,"token":null}`},
		{"number", "/a", `{"pin":777}`, `{"pin":"M"}`},
		{"of another type", "/a", `{"token":{"a":["S"]},"pass":["S"],"pin":true}`, `{"token":"M","pass":"M","pin":"M"}`},
		{"nested", "/a", `{"inner":{"clientSecret":"S","name":"n"}}`, `{"inner":{"clientSecret":"M","name":"n"}}`},
		{"in a list", "/a", `{"list":[{"clientSecret":"S"},{"name":"n","clientSecret":1}]}`, `{"list":[{"clientSecret":"M"},{"name":"n","clientSecret":"M"}]}`},
		{"list of secrets", "/a", `{"keys":["S","S",5]}`, `{"keys":["M","M","M"]}`},
		{"map of secrets", "/a", `{"map":{"a":"S","b":"S"}}`, `{"map":{"a":"M","b":"M"}}`},
		{"map of secrets that is a text", "/a", `{"map":"S"}`, `{"map":"M"}`},
		{"whole object", "/a", `{"whole":{"x":"S"}}`, `{"whole":"M"}`},
		{"free map by name", "/a", `{"free":{"token":"S","x":{"client_secret":"S","y":1}}}`, `{"free":{"token":"M","x":{"client_secret":"M","y":1}}}`},
		{"union, any branch", "/a", `{"union":{"kind":"c","clientSecret":"S","key":"S"}}`, `{"union":{"kind":"c","clientSecret":"M","key":"M"}}`},
		{"union without discriminator", "/a", `{"either":{"key":"S"}}`, `{"either":{"key":"M"}}`},
		{"unknown member by name", "/a", `{"clientSecret":"S","zeta":"z"}`, `{"clientSecret":"M","zeta":"z"}`},
		{"spelled otherwise", "/a", `{"client_secret":"S","ClientSecret":"S","TOKEN":"S"}`, `{"client_secret":"M","ClientSecret":"M","TOKEN":"M"}`},
		{"misspelled", "/a", `{"tokn":"S","inner":{"clintSecret":["S"],"clientScrt":7,"names":"n"}}`, `{"tokn":"M","inner":{"clintSecret":"M","clientScrt":"M","names":"n"}}`},
		{"sounds like one", "/a", `{"my_password_2":"S","accessToken":"S"}`, `{"my_password_2":"M","accessToken":"M"}`},
		{"object where a list is due", "/a", `{"list":{"clientSecret":"S","a":"S"}}`, `{"list":{"clientSecret":"M","a":"M"}}`},
		{"list where an object is due", "/a", `[{"token":"S","note":"S"},"S"]`, `[{"token":"M","note":"M"},"M"]`},
		{"text where an object is due", "/a", `"{\"token\":\"S\"}"`, `"M"`},
		{"text where an inner object is due", "/a", `{"inner":"S","list":["S"]}`, `{"inner":"M","list":["M"]}`},
		{"pairs", "/a", `{"free":{"list":[{"name":"Authorization","value":"S"},{"value":"S","name":"x-session"},{"name":"Accept","value":"a"}]}}`, `{"free":{"list":[{"name":"Authorization","value":"M"},{"value":"M","name":"x-session"},{"name":"Accept","value":"a"}]}}`},
		{"addresses", "/a", `{"note":"https://u:S@h/p?token=S&a=1#x","free":{"a":["ftp://S@h","a://b","see a://u@b"]}}`, `{"note":"https://**********@h/p?token=**********&a=1#x","free":{"a":["ftp://**********@h","a://b","see a://u@b"]}}`},
		{"harmless", "/a", `{"note":"n","id":7.0,"free":{"a":[1,{"b":null}]}}`, `{"note":"n","id":7.0,"free":{"a":[1,{"b":null}]}}`},
		{"order and literals stay", "/a", `{"note":"n","id":1e2,"a":"\u00e9"}`, `{"note":"n","id":1e2,"a":"é"}`},
		{"not JSON", "/a", `{"token":"S"`, `"M"`},
		{"twice", "/a", `{"token":"S","token":"S"}`, `"M"`},
		{"declared harmless", "/b", `{"token":"n"}`, `{"token":"n"}`},
		{"not JSON, no secrets", "/b", `{"n"`, `{"n"`},
		{"no body declared", "/c", `{"token":"S","n":"n"}`, `{"token":"M","n":"n"}`},
		{"no body declared, not JSON", "/c", `token=S`, `"M"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method := http.MethodPost
			if tt.path == "/c" {
				method = http.MethodGet
			}
			o := secretOperation(t, method, tt.path)
			want := strings.ReplaceAll(tt.want, `"M"`, `"`+Mask+`"`)
			if got := string(o.RedactRequest([]byte(tt.body))); got != want {
				t.Errorf("text: got %s, want %s", got, want)
			}
			value, err := decodeJSON([]byte(tt.body))
			if err != nil {
				return
			}
			got, _ := json.Marshal(o.RedactValue(value))
			wanted, _ := decodeJSON([]byte(want))
			sorted, _ := json.Marshal(wanted)
			if string(got) != string(sorted) {
				t.Errorf("value: got %s, want %s", got, sorted)
			}
			if tt.path == "/a" {
				if answer := string(o.RedactResponse(200, []byte(tt.body))); answer != want {
					t.Errorf("answer: got %s, want %s", answer, want)
				}
			}
		})
	}
}

// Every violation of a request full of secrets, told without one.
func TestViolationsAreRedacted(t *testing.T) {
	const secret = "hush-hush"
	bodies := []string{
		`{"token":"hush-hush"}`, `{"id":"x","token":["hush-hush"],"pass":{"a":"hush-hush"}}`, `["hush-hush"]`, `"hush-hush"`,
		`{"id":"x","inner":{"clientSecret":"hush-hush"},"list":[{"clientSecret":"hush-hush"}]}`,
		`{"inner":{"clientSecret":["hush-hush"]},"list":{"clientSecret":"hush-hush"}}`,
		`{"keys":"hush-hush","map":["hush-hush"],"whole":"hush-hush"}`,
		`{"union":{"clientSecret":"hush-hush"}}`, `{"union":{"kind":"x","key":"hush-hush"}}`, `{"union":{"kind":"c","key":["hush-hush"]}}`,
		`{"union":"hush-hush","either":{"key":"hush-hush"}}`, `{"either":{"kind":5,"key":"hush-hush"}}`, `{"either":"hush-hush"}`,
		`{"id":1e400,"token":"hush-hush","clientSecret":"hush-hush"}`, `{"token":"hush-hush"`, `{"token":"hush-hush","token":1}`,
	}
	o := secretOperation(t, http.MethodPost, "/a")
	var check func(body string, vs []Violation)
	check = func(body string, vs []Violation) {
		for i := range vs {
			v := &vs[i]
			text, err := json.Marshal([]any{v.Redacted(), v.RedactedRaw(), v.Detail, v.Pointer(), v.Where})
			if err != nil || strings.Contains(string(text), secret) || strings.Contains(string(text), "424242") {
				t.Errorf("%s: %s: %s (%v)", body, v.Rule, text, err)
			}
			for _, branch := range v.Branches {
				check(body, branch)
			}
		}
	}
	for _, body := range bodies {
		judged := o.JudgeRequest(t.Context(), &Message{
			Method: http.MethodPost, URL: &url.URL{Path: "/a", RawQuery: "api_key=" + secret},
			Header: http.Header{"X-Pin": {"424242.5"}}, Body: []byte(body),
		})
		if len(judged.Violations) < 3 {
			t.Errorf("%s: %d violations", body, len(judged.Violations))
		}
		check(body, judged.Violations)
	}
	if v := (&Violation{Got: secret}); v.Redacted() != nil || v.RedactedRaw() != Mask {
		t.Error("a violation without its operation must tell nothing")
	}
}

// What a record shows of queries and headers holds no secret, however it is spelled.
func TestMaskedHeads(t *testing.T) {
	document, err := Load(Source{API: "t", File: "t.json", JSON: []byte(secretDocument)})
	if err != nil {
		t.Fatal(err)
	}
	for came, want := range map[string]string{
		"token=hush":                   "token=" + Mask,
		"a=1;token=hush;b=2":           "a=1;token=" + Mask,
		"a=1&b=2;%74oken=hush&c":       "a=1&b=2;%74oken=" + Mask + "&c",
		"a;b":                          "a;b",
		"a=1&client_secret=&secret=x;": "a=1&client_secret=&secret=" + Mask,
	} {
		if got := document.MaskQuery(came); got != want {
			t.Errorf("query %q: %q, want %q", came, got, want)
		}
	}
	for _, c := range []struct{ name, came, want string }{
		{"Referer", "http://u:hush@x/a?token=hush&b=1#access_token=hush", "http://" + Mask + "@x/a?token=" + Mask + "&b=1#access_token=" + Mask},
		{"Location", "https://u@x", "https://" + Mask + "@x"},
		{"Referer", "http://x/a@b", "http://x/a@b"},
		{"X-Foo", "bearer hush", "Bearer " + Mask},
		{"X-Foo", "Basic hush", "Basic " + Mask},
		{"X-Foo", "Basic", "Basic"},
		{"Cookie", "a=hush", Mask},
		{"Www-Authenticate", `Bearer realm="understudy"`, `Bearer realm="understudy"`},
	} {
		if got := document.MaskHeader(http.Header{c.name: {c.came}}).Get(c.name); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.name, c.came, got, c.want)
		}
	}
}
