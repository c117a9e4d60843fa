package contract_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
)

// Parts and fields by their encodings, members that only one side sends, exact numbers.
func TestKindsOfBodies(t *testing.T) {
	mp := "multipart/form-data: {schema: {type: object, required: [a], properties: {a: {type: integer}, o: {type: object, required: [z], properties: {z: {type: integer}}}, l: {type: array, items: {type: integer}}, fs: {type: array, items: {type: string, format: binary}}, f: {type: string, format: binary}, d: {type: string, format: date}}}"
	x := "multipart/form-data; boundary=x"
	form := "application/x-www-form-urlencoded: {schema: {type: object, properties: {a: {type: integer}, b: {type: boolean}, n: {type: number, multipleOf: 0.01}, l: {type: array, items: {type: integer}}, o: {type: object, properties: {z: {type: integer}}, additionalProperties: false}, lo: {type: array, items: {type: object, properties: {z: {type: integer}}}}}}"
	u := "application/x-www-form-urlencoded"
	for _, c := range []struct{ content, mediaType, body, want string }{
		{mp + "}", x, parts("a", "7", "l", "1", "l", "x"), "type /l/1"},
		{mp + "}", x, parts("a", "7", "o", `{"z":"x"}`), "type /o/z"},
		{mp + "}", x, parts("a", "7", "o", `{`), "json /o"},
		{mp + "}", x, parts("a", "7", "o;application/json", `{"z":"x"}`), "type /o/z"},
		{mp + "}", x, parts("a", "7", "fs;image/png", "\x00", "fs;image/png", "\x01"), ""},
		{mp + "}", x, parts("a", "7", "d", "2024-02-30"), "format /d"},
		{mp + "}", x, parts("a", "9223372036854775808"), "(integerRange /a)"},
		{mp + "}", "multipart/form-data; boundary=\"x\"; charset=utf-8", parts("a", "x"), "type /a"},
		{mp + "}", "Multipart/Form-Data; BOUNDARY=x", parts("a", "x"), "type /a"},
		{mp + "}", "multipart/form-data", parts("a", "7"), "multipart"},
		{mp + "}", x, "", "required"},
		{mp + "}", x, "--x--\r\n", "required /a"},
		{mp + ", encoding: {f: {contentType: 'image/png, image/*;q=0.8'}}}", x, parts("a", "7", "f;image/gif", "x"), ""},
		{mp + ", encoding: {f: {contentType: 'IMAGE/PNG'}}}", x, parts("a", "7", "f;image/png", "x"), ""},
		{mp + ", encoding: {f: {contentType: 'image/png,image/jpeg'}}}", x, parts("a", "7", "f;image/jpeg; name=a", "x"), ""},
		{mp + ", encoding: {f: {contentType: 'image/png,image/jpeg'}}}", x, parts("a", "7", "f;filename", "x"), ""}, // says no type
		{mp + ", encoding: {o: {contentType: 'application/vnd.x+json'}}}", x, parts("a", "7", "o;application/vnd.x+json", `{}`), "required /o/z"},
		{mp + ", encoding: {o: {contentType: 'application/xml'}}}", x, parts("a", "7", "o;application/xml", `<o/>`), ""},
		{mp + ", encoding: {a: {contentType: text/plain}}}", x, parts("a;text/plain; charset=utf-8", "7"), ""},
		{form + "}", u, "a=7&b=true&n=19.99&l=1&l=2", ""},
		{form + "}", u, "a=7&b=1", "type /b"},
		{form + "}", u, "n=0.015", "multipleOf /n"},
		{form + "}", u, "a=%20 7", "type /a"},
		{form + "}", u, "o=%7B%22z%22%3A%22x%22%7D", "type /o/z"},
		{form + "}", u, "o={\"z\":1,\"y\":2}", "additionalProperties /o/y"},
		{form + ", encoding: {o: {style: deepObject}}}", u, "o[z]=1&o[y]=2", "additionalProperties /o/y"},
		{form + ", encoding: {o: {explode: false}}}", u, "o=z,x", "type /o/z"},
		{form + ", encoding: {l: {style: form, explode: true}}}", u, "l=1&l=x", "type /l/1"},
		{form + ", encoding: {l: {style: pipeDelimited}}}", u, "l=1|x", "type /l/1"},
		{form + ", encoding: {l: {contentType: application/json}}}", u, "l=[1,%22x%22]", "type /l/1"},
		{form + ", encoding: {a: {contentType: text/plain}}}", u, "a=x", "type /a"},
		{form + "}", u + ";charset=utf-8", "a=x", "type /a"},
		{form + "}", u, "a=7;b=true", "type /a"},
		{form + "}", u, "&&a=7&", ""},
		{form + "}", u, "a=7&a=8", ""},
		{"application/json: {schema: {type: object, required: [id, n], properties: {id: {type: integer, readOnly: true}, n: {type: integer}}}}", "application/json", `{"n":1}`, ""},
		{"application/json: {schema: {type: object, required: [id, n], properties: {id: {type: integer, readOnly: true}, n: {type: integer}}}}", "application/json", `{"n":1,"id":1}`, "readOnly /id"},
		{"application/json: {schema: {type: object, allOf: [{required: [id], properties: {id: {type: integer, readOnly: true}}}, {required: [n]}]}}", "application/json", `{}`, "required /n"},
		{"application/json: {schema: {type: array, items: {type: object, required: [id], properties: {id: {readOnly: true}}}}}", "application/json", `[{}]`, ""},
		{"application/json: {schema: {type: integer, format: int64}}", "application/json", `9223372036854775808`, "integerRange"},
		{"application/json: {schema: {type: integer, maximum: 9007199254740992}}", "application/json", `9007199254740993`, "maximum"},
		{"application/json: {schema: {type: number, multipleOf: 0.01}}", "application/json", `0.07`, ""},
		{"application/json: {schema: {type: object}}", "application/json", `{"a":1,"a":2}`, "json"},
		{"application/json: {schema: {type: object}}", "application/json", "\xef\xbb\xbf{}", "json"},
		{"application/json: {schema: {type: string}}", "application/json", `"\ud800"`, "json"},
		{"application/json: {schema: {type: object}}, application/xml: {schema: {type: object}}", "application/xml", "<a/>", ""},
		{"application/json: {schema: {type: object}}, text/plain: {schema: {type: string, maxLength: 1}}", "text/plain; charset=utf-8", "ab", "maxLength"},
		{"application/json: {schema: {type: object, required: [a]}}, 'application/*': {schema: {type: object, required: [b]}}", "application/json", "{}", "required /a"},
		{"application/json: {schema: {type: object, required: [a]}}, 'application/*': {schema: {type: object, required: [b]}}", "application/x+json", "{}", "required /b"},
		{"application/json-patch+json: {schema: {type: array, items: {type: object, required: [op]}}}", "application/json-patch+json", "[{}]", "required /0/op"},
		{"application/yaml: {schema: {type: object, required: [a]}}", "application/yaml", "b: 1", "required /a"},
		{"application/octet-stream: {}", "application/octet-stream", "\x00", ""},
		{"image/png: {schema: {type: string, format: binary}}", "image/jpeg", "\x00", "mediaType"},
		{"'*/*': {schema: {type: string, format: binary}}", "image/jpeg", "\x00", ""},
		{"text/csv: {schema: {type: string}}", "text/csv", "a,b", ""},
	} {
		for _, version := range []string{"3.0.3", "3.1.0"} {
			d := foreign(t, version, "paths:\n  /a:\n    post:\n      requestBody: {required: true, content: {"+c.content+"}}\n      responses: {'200': {description: d}}\n")
			j := d.Operation("POST", "/a").JudgeRequest(t.Context(), &contract.Message{
				Method: "POST", URL: &url.URL{Path: "/a"}, Header: http.Header{"Content-Type": {c.mediaType}}, Body: []byte(c.body),
			})
			if got := rules(j.Violations); got != c.want {
				t.Errorf("%s %s, sent %s %q\n got %s\nwant %s", version, c.content, c.mediaType, c.body, got, c.want)
			}
		}
	}
}
