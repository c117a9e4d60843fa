package contract_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/contract/loading"
)

// foreign reads a document that others serve. version is that of OpenAPI.
func foreign(tb testing.TB, version, rest string) *contract.Document {
	tb.Helper()
	d, err := read(version, rest)
	if err != nil {
		tb.Fatalf("%v\n%s", err, rest)
	}
	return d
}

func read(version, rest string) (*contract.Document, error) {
	text := "openapi: " + version + "\ninfo: {title: t, version: '1'}\n" + rest
	made, err := loading.Read(context.Background(), "t.yaml", []byte(text), loading.Options{})
	if err != nil {
		return nil, err
	}
	return contract.Load(contract.Source{API: "t", File: "t.yaml", JSON: made.JSON, Lines: made.Lines, Foreign: true, EncodedSlash: true})
}

// rules lists what violations break: the rule, and where; those that only warn in
// brackets.
func rules(found []contract.Violation) string {
	var all []string
	for i := range found {
		v := &found[i]
		text := v.Rule
		switch {
		case v.Name != "":
			text += " " + v.Name + v.Pointer()
		case v.Pointer() != "":
			text += " " + v.Pointer()
		}
		if !v.Refuses() {
			text = "(" + text + ")"
		}
		all = append(all, text)
		v.Explain() // does not fail
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// answerCase is an answer to GET /a, whose 200 declares content, and what is wrong with it.
type answerCase struct {
	content string // YAML, in flow style
	answer  string // the media type, a space, the body
	want    string
}

func judgeAnswers(t *testing.T, version string, cases []answerCase) {
	t.Helper()
	for _, c := range cases {
		d := foreign(t, version, "paths:\n  /a:\n    get:\n      responses:\n        '200': {description: d, content: "+c.content+"}\n")
		mediaType, body, _ := strings.Cut(c.answer, "|")
		header := http.Header{}
		if mediaType != "" {
			header.Set("Content-Type", mediaType)
		}
		found := d.Operation("GET", "/a").JudgeResponse(t.Context(), "GET", 200, header, []byte(body))
		if got := rules(found); got != c.want {
			t.Errorf("%s %s, answered %s\n got %s\nwant %s", version, c.content, c.answer, got, c.want)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	object := "{schema: {type: object, required: [x], properties: {x: {type: integer}}}}"
	judgeAnswers(t, "3.0.3", []answerCase{
		{`{"application/json; charset=utf-8": ` + object + `}`, `application/json; charset=utf-8|{"x":1}`, ""},
		{`{"application/json; charset=utf-8": ` + object + `}`, `application/json|{"x":1}`, ""},
		{`{"application/json; charset=utf-8": ` + object + `}`, `Application/JSON; Charset="UTF-8"|{"x":"1"}`, "type /x"},
		{`{"application/json;charset=utf-8": ` + object + `}`, `application/json; charset=iso-8859-1|{"x":1}`, ""}, // JSON has no charset
		{`{"application/vnd.api+json; version=1": ` + object + `}`, `application/vnd.api+json; version=1|{"x":1}`, ""},
		{`{"application/vnd.api+json; version=1": ` + object + `}`, `application/vnd.api+json; version=2|{"x":1}`, "mediaType"},
		{`{"application/vnd.api+json; ext=\"a b\"; version=1": ` + object + `}`, `application/vnd.api+json;VERSION=1;ext="a b"|{}`, "required /x"},
		{`{"text/plain; charset=utf-8": {schema: {type: string, maxLength: 2}}}`, `text/plain; charset=latin1|abc`, "mediaType"},
		{`{"TEXT/Plain": {schema: {type: string, maxLength: 2}}}`, `text/plain|abc`, "maxLength"},
		{`{"application/*": ` + object + `}`, `application/json|{"x":"1"}`, "type /x"},
		{`{"*/*": ` + object + `}`, `application/hal+json|{}`, "required /x"},
		{`{"application/*+json": ` + object + `}`, `application/hal+json|{}`, "required /x"},
		{`{"application/*+json": ` + object + `}`, `application/xml|<a/>`, "mediaType"},
		{`{"text/*": {schema: {type: string}}, "application/json": ` + object + `}`, `text/html|<p>`, ""},
		{`{"*/*": {schema: {type: string, minLength: 9}}, "application/json": ` + object + `}`, `application/json|{"x":1}`, ""},
		{`{"application/json": ` + object + `}`, `application/json;|{"x":1}`, ""},
		{`{"application/json": ` + object + `}`, `application/json; charset|{}`, "required /x"},
		{`{"application/json": ` + object + `}`, `text/json|{"x":1}`, "mediaType"},
		{`{"application/json": ` + object + `}`, `|{"x":1}`, "mediaType"},
	})
}

func TestBodiesThatAreNoJSON(t *testing.T) {
	var cases []answerCase
	for _, mediaType := range []string{
		"text/html", "application/xml", "text/xml", "application/rss+xml", "application/soap+xml", "text/markdown", "text/css", "text/vtt",
		"application/javascript", "application/graphql", "application/toml", "multipart/mixed", "application/vnd.acme.v1", "application/x-ndjson",
		"application/jsonl", "image/svg+xml", "application/pdf", "application/octet-stream", "model/gltf-binary", "application/x-www-form-urlencoded",
	} {
		cases = append(cases,
			answerCase{`{` + mediaType + `: {schema: {type: string}}}`, mediaType + "|<p>hi</p>", map[bool]string{true: "type"}[mediaType == "application/x-www-form-urlencoded"]},
			answerCase{`{` + mediaType + `: {schema: {type: string, format: binary}}}`, mediaType + "|\x00\xff", map[bool]string{true: ""}[false]},
			answerCase{`{` + mediaType + `: {}}`, mediaType + "|{oops", ""})
	}
	cases = slices.DeleteFunc(cases, func(c answerCase) bool { return strings.HasPrefix(c.answer, "application/x-www-form") })
	judgeAnswers(t, "3.0.3", append(cases, []answerCase{
		{`{text/xml: {schema: {type: object}}}`, "text/xml|<a/>", ""},
		{`{text/html: {schema: {type: string, maxLength: 3}}}`, "text/html|<p>hi</p>", "maxLength"},
		{`{text/plain: {schema: {type: integer, minimum: 3}}}`, "text/plain|5", ""},
		{`{text/plain: {schema: {type: integer, minimum: 3}}}`, "text/plain|2", "minimum"},
		{`{text/plain: {schema: {type: boolean}}}`, "text/plain|yes", "type"},
		{`{text/plain: {schema: {type: number}}}`, "text/plain|x", "type"},
		{`{application/yaml: {schema: {type: object, required: [x]}}}`, "application/yaml|x: 1\n", ""},
		{`{application/yaml: {schema: {type: object, required: [x]}}}`, "application/yaml|y: 1\n", "required /x"},
		{`{text/yaml: {schema: {type: array, items: {type: integer}}}}`, "text/yaml|- 1\n- a\n", "type /1"},
		{`{application/x-www-form-urlencoded: {schema: {type: object, properties: {a: {type: integer}}}}}`, "application/x-www-form-urlencoded|a=x", "type /a"},
		{`{application/json: {}}`, "application/json|{oops", "json"},
		{`{application/json: {}}`, "application/json|NaN", "json"},
		{`{application/json: }`, "application/json|[1,]", "json"},
		{`{application/problem+json: {}}`, "application/problem+json|{'a':1}", "json"},
		{`{application/json: {schema: {}}}`, "application/json|1 2", "json"},
		{`{application/json: {schema: {type: string, format: binary}}}`, "application/json|\x00", ""},
	}...))
}

// A form, multipart and other bodies of requests are judged by their schemas.
func TestRequestBodies(t *testing.T) {
	form := "application/x-www-form-urlencoded: {schema: {type: object, required: [name, age], additionalProperties: false, properties: {name: {type: string, minLength: 2, maxLength: 5}, age: {type: integer, minimum: 0, maximum: 150}, tags: {type: array, items: {type: string, minLength: 2}}, at: {type: object, required: [city], properties: {city: {type: string}, no: {type: integer}}}}}"
	for _, c := range []struct{ content, mediaType, body, want string }{
		{form + "}", "application/x-www-form-urlencoded", "name=ab&age=7", ""},
		{form + "}", "application/x-www-form-urlencoded", "name=a&age=200", "maximum /age, minLength /name"},
		{form + "}", "application/x-www-form-urlencoded; charset=utf-8", "name=ab&age=x&b=1", "additionalProperties /b, type /age"},
		{form + "}", "application/x-www-form-urlencoded", "", "required /age, required /name"},
		{form + "}", "application/x-www-form-urlencoded", "name=ab&age=7&tags=aa&tags=b", "minLength /tags/1"},
		{form + ", encoding: {tags: {explode: false}}}", "application/x-www-form-urlencoded", "name=ab&age=7&tags=aa,b%2Cb", ""},
		{form + ", encoding: {tags: {style: pipeDelimited, explode: false}}}", "application/x-www-form-urlencoded", "name=ab&age=7&tags=aa%7Cb", "minLength /tags/1"},
		{form + ", encoding: {tags: {style: spaceDelimited, explode: false}}}", "application/x-www-form-urlencoded", "name=ab&age=7&tags=aa+bb%20b", "minLength /tags/2"},
		{form + ", encoding: {tags: {contentType: application/json}}}", "application/x-www-form-urlencoded", `name=ab&age=7&tags=%5B%22aa%22%2C%22b%22%5D`, "minLength /tags/1"},
		{form + ", encoding: {at: {style: deepObject, explode: true}}}", "application/x-www-form-urlencoded", "name=ab&age=7&at%5Bcity%5D=x&at[no]=1", ""},
		{form + ", encoding: {at: {style: deepObject, explode: true}}}", "application/x-www-form-urlencoded", "name=ab&age=7&at[no]=y", "required /at/city, type /at/no"},
		{form + "}", "application/x-www-form-urlencoded", `name=ab&age=7&at={"no":1}`, "required /at/city"},
		{"application/vnd.api+json: {schema: {type: object, required: [a]}}", "application/vnd.api+json", "{}", "required /a"},
		{"application/merge-patch+json: {schema: {type: object, properties: {a: {type: integer}}}}", "application/merge-patch+json", `{"a":"x"}`, "type /a"},
		{"application/*+json: {schema: {type: object, required: [a]}}", "application/ld+json", "{}", "required /a"},
		{`"application/json; charset=utf-8": {schema: {type: object, required: [a]}}`, "application/json", "{}", "required /a"},
		{`"application/json; charset=utf-8": {schema: {type: object, required: [a]}}`, "text/plain", "{}", "mediaType"},
		{`"*/*": {schema: {type: object, required: [a]}}`, "application/json", "{}", "required /a"},
		{"text/plain: {schema: {type: string, maxLength: 3}}", "text/plain", "abcd", "maxLength"},
		{"application/xml: {schema: {type: object, required: [a]}}", "application/xml", "<a/>", ""},
		{"application/octet-stream: {schema: {type: string, format: binary}}", "application/octet-stream", "\x00\xff", ""},
		{"image/*: {schema: {type: string, format: binary}}", "image/png", "\x00\xff", ""},
		{"image/*: {schema: {type: string, format: binary}}", "text/plain", "a", "mediaType"},
		{"application/json: ", "application/json", "{", "json"},
		{"multipart/form-data: {schema: {type: object, required: [a, f], properties: {a: {type: integer}, f: {type: string, format: binary}}}}", "multipart/form-data; boundary=x", parts("a", "7", "f;filename", "\x00"), ""},
		{"multipart/form-data: {schema: {type: object, required: [a, f], properties: {a: {type: integer}, f: {type: string, format: binary}}}}", "multipart/form-data; boundary=x", parts("a", "b"), "required /f, type /a"},
		{"multipart/form-data: {schema: {type: object, properties: {o: {type: object, required: [z]}}}}", "multipart/form-data; boundary=x", parts("o", "{}"), "required /o/z"},
		{"multipart/form-data: {schema: {type: object, properties: {f: {type: string, format: binary}}}, encoding: {f: {contentType: 'image/png, image/jpeg'}}}", "multipart/form-data; boundary=x", parts("f;image/png", "\x00"), ""},
		{"multipart/form-data: {schema: {type: object, properties: {f: {type: string, format: binary}}}, encoding: {f: {contentType: 'image/png, image/jpeg'}}}", "multipart/form-data; boundary=x", parts("f;text/plain", "\x00"), "mediaType /f"},
		{"multipart/form-data: {schema: {type: object, properties: {f: {type: string, format: binary}}}, encoding: {f: {contentType: image/*}}}", "multipart/form-data; boundary=x", parts("f;image/webp", "\x00"), ""},
		{"multipart/mixed: {schema: {type: object}}", "multipart/mixed; boundary=x", "--x--", ""},
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

// parts writes a multipart body: names, which may have a media type behind a semicolon,
// and contents.
func parts(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		name, mediaType, _ := strings.Cut(pairs[i], ";")
		b.WriteString("--x\r\nContent-Disposition: form-data; name=\"" + name + `"`)
		if mediaType != "" {
			b.WriteString(`; filename="f"`)
		}
		if strings.Contains(mediaType, "/") {
			b.WriteString("\r\nContent-Type: " + mediaType)
		}
		b.WriteString("\r\n\r\n" + pairs[i+1] + "\r\n")
	}
	return b.String() + "--x--\r\n"
}

// Headers, media type and body are each judged, whatever else is wrong, and each mistake
// says what came and what would be right.
func TestEveryMistakeOfAnAnswer(t *testing.T) {
	d := foreign(t, "3.0.3", `
paths:
  /a:
    get:
      responses:
        '200':
          description: d
          headers:
            X-H: {required: true, schema: {type: integer}}
            X-I: {required: true, schema: {type: integer, minimum: 3}}
            X-List: {schema: {type: array, items: {type: integer}}}
            X-Either: {schema: {oneOf: [{type: integer, minimum: 10}, {type: string, pattern: '^[a-z]+$'}]}}
            X-Content: {content: {application/json: {schema: {type: object, required: [b]}}}}
            content-type: {required: true, schema: {type: string, enum: [nothing]}}
          content: {application/json: {schema: {type: object, properties: {x: {type: integer}, y: {type: integer}}}}}
        2XX: {description: d, content: {application/json: {schema: {type: integer}}}}
        204: {description: d, content: {application/json: {schema: {type: integer}}}}
        default: {description: d, content: {application/problem+json: {schema: {type: object, required: [title]}}}}
`)
	op := d.Operation("GET", "/a")
	for _, c := range []struct {
		status int
		header http.Header
		body   string
		want   string
	}{
		{200, http.Header{"Content-Type": {"application/json"}}, `{"x":"1","y":null}`, "required X-H, required X-I, type /x, type /y"},
		{200, http.Header{"Content-Type": {"text/html"}, "X-H": {"a"}}, `<p>`, "mediaType, required X-I, type X-H"},
		{200, http.Header{"Content-Type": {"application/json"}, "X-H": {"1"}, "X-I": {"2"}}, `{}`, "minimum X-I"},
		{200, http.Header{"Content-Type": {"application/json"}, "X-H": {"1"}, "X-I": {"3"}, "X-List": {"1, 2", "b"}}, `{}`, "type X-List/2"},
		{200, http.Header{"Content-Type": {"application/json"}, "X-H": {"1"}, "X-I": {"3"}, "X-Either": {"12"}}, `{}`, ""},
		{200, http.Header{"Content-Type": {"application/json"}, "X-H": {"1"}, "X-I": {"3"}, "X-Either": {"abc"}}, `{}`, ""},
		{200, http.Header{"Content-Type": {"application/json"}, "X-H": {"1"}, "X-I": {"3"}, "X-Either": {"7"}}, `{}`, "oneOf X-Either"},
		{200, http.Header{"Content-Type": {"application/json"}, "X-H": {"1"}, "X-I": {"3"}, "X-Content": {`{"b":1}`}}, `{}`, ""},
		{200, http.Header{"Content-Type": {"application/json"}, "X-H": {"1"}, "X-I": {"3"}, "X-Content": {`{}`}}, `{}`, "required X-Content/b"},
		{200, http.Header{"Content-Type": {"application/json"}, "X-H": {"1"}, "X-I": {"3"}, "X-Content": {`{`}}, `{}`, "json X-Content"},
		{201, http.Header{"Content-Type": {"application/json"}}, `"1"`, "type"},
		{204, nil, "", ""},
		{204, http.Header{"Content-Type": {"application/json"}}, "", ""},
		{204, http.Header{"Content-Type": {"application/json"}}, "1", "undeclaredBody"},
		{205, nil, "", ""},
		{404, http.Header{"Content-Type": {"application/problem+json"}}, `{}`, "required /title"},
		{500, http.Header{"Content-Type": {"application/json"}}, `{}`, "mediaType"},
		{304, nil, "", ""},
	} {
		found := op.JudgeResponse(t.Context(), "GET", c.status, c.header, []byte(c.body))
		if got := rules(found); got != c.want {
			t.Errorf("%d %v %s\n got %s\nwant %s", c.status, c.header, c.body, got, c.want)
		}
		for i := range found {
			e := found[i].Explain()
			if e.Rule != "required" && e.Rule != contract.RuleJSON && e.Rule != contract.RuleBodyUnused && e.Got == "" || e.Accepted == "" && e.Rule != contract.RuleBodyUnused || e.Where.Line < 10 {
				t.Errorf("%d %s: got %q, accepted %q, line %d: %s", c.status, e.Rule, e.Got, e.Accepted, e.Where.Line, e.Message)
			}
		}
	}
}

func TestCodings(t *testing.T) {
	d := foreign(t, "3.0.3", "paths:\n  /a:\n    get:\n      responses:\n        '200': {description: d, content: {application/json: {schema: {type: object, required: [x]}}}}\n")
	var zipped, deflated bytes.Buffer
	g := gzip.NewWriter(&zipped)
	_, _ = g.Write([]byte(`{"x":1}`))
	_ = g.Close()
	z := zlib.NewWriter(&deflated)
	_, _ = z.Write([]byte(`{"y":1}`))
	_ = z.Close()
	for _, c := range []struct{ coding, body, want string }{
		{"gzip", zipped.String(), ""},
		{"X-GZIP", zipped.String(), ""},
		{"deflate", deflated.String(), "required /x"},
		{"identity", `{}`, "required /x"},
		{"GZip", zipped.String(), ""},
		{"gzip, identity", zipped.String(), ""},
		{"identity, deflate", deflated.String(), "required /x"},
		{"gzip, gzip", zipped.String(), "transport"},
		{"gzip", "", "transport"},
		{"zstd", "\x28", ""}, // nor this
		{"br", "\x0b", ""},   // not read here
		{"gzip", `{"x":1}`, "transport"},
		{"gzip", zipped.String()[:20], "transport"},
	} {
		header := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {c.coding}}
		if got := rules(d.Operation("GET", "/a").JudgeResponse(t.Context(), "GET", 200, header, []byte(c.body))); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.coding, c.body, got, c.want)
		}
	}
}
