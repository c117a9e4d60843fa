package verify_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/verify"
)

// A server that fails where a text ends in U+0000 is told, wherever that is; one that
// refuses such texts, or takes them, is not.
func TestNUL(t *testing.T) {
	body := func(mediaType, schema string) string {
		return "/a: {post: {operationId: a, requestBody: {required: true, content: {" + mediaType + ": {schema: " + schema + "}}}"
	}
	object := func(properties string) string {
		return body("application/json", "{type: object, properties: {"+properties+"}}")
	}
	get := func(path, parameters string) string {
		return "'" + path + "': {get: {operationId: a, parameters: [" + parameters + "]"
	}
	for _, c := range []struct{ operation, fails string }{ // fails where this comes
		{object("a: {type: string}"), `{"a":"\u0000"}`},
		{object("a: {type: string, enum: [x, y]}, b: {type: string, minLength: 3, maxLength: 3}"), `"b":"aa\u0000"`},
		{object("a: {type: string, format: uuid}, z: {type: object, required: [n], properties: {n: {type: string, maxLength: 4}}}"), `"z":{"n":"\u0000"}`},
		{object("l: {type: array, items: {type: string, minLength: 2}}"), `"l":["a\u0000"]`},
		{object("l: {type: array, items: {type: object, properties: {k: {type: string}}}}"), `"l":[{"k":"\u0000"}]`},
		{object("m: {type: object, additionalProperties: {type: string}}"), `":"\u0000"}`},
		{object("u: {oneOf: [{type: integer}, {type: string, maxLength: 2}]}"), `"u":"\u0000"`},
		{object("s: {type: string, pattern: '^[^a]+$'}"), `\u0000`},
		{body("application/json", "{type: string}"), `"\u0000"`},
		{body("application/json", "{type: array, items: {type: string}}"), `["\u0000"]`},
		{body("text/plain", "{type: string, minLength: 2}"), "a\x00"},
		{body("application/x-www-form-urlencoded", "{type: object, required: [f], properties: {f: {type: string}}}"), "f=%00"},
		{body("multipart/form-data", "{type: object, required: [f], properties: {f: {type: string}}}"), "\x00"},
		{get("/a", "{name: q, in: query, schema: {type: string}}"), "?q=%00"},
		{get("/a", "{name: p, in: query, schema: {type: string, enum: [x]}}, {name: q, in: query, required: true, schema: {type: string, maxLength: 1}}"), "q=%00"},
		{get("/a/{p}", "{name: p, in: path, required: true, schema: {type: string, minLength: 3}}"), "/a/aa%00"},
	} {
		rest := "paths: {" + c.operation + ", responses: {'200': {description: d}, '400': {description: d}}}}}\n"
		for name, status := range map[string]int{"fails": 500, "refuses": 400, "takes": 200} {
			found, result := checksFound(t, "3.0.3", rest, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text, _ := io.ReadAll(r.Body)
				if came := r.URL.RequestURI() + string(text); strings.Contains(came, c.fails) {
					w.WriteHeader(status)
				} else if raw, _ := url.PathUnescape(came); strings.Contains(raw, "\x00") || strings.Contains(raw, `\u0000`) {
					w.WriteHeader(http.StatusBadRequest)
				}
			}), verify.PhaseCoverage)
			if fails := slices.Contains(found, verify.CheckServerError); fails != (status == 500) {
				t.Errorf("%s, %s: %v", c.operation, name, found)
			}
			for _, f := range result.Findings {
				if f.Check == verify.CheckPositiveData || f.Check == verify.CheckStatus && status != 500 {
					t.Errorf("%s, %s: %s", c.operation, name, fmt.Sprint(f.Message, f.Curl))
				}
			}
		}
	}
}
