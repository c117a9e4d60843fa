package app

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/mux"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/contract/lines"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/evidence"
)

// madeUp is a document that holds keywords which the served ones lack, behind the
// wording of one of the APIs.
type madeUp struct {
	contract.API
	source     contract.Source
	operations []*contract.Operation
}

func (m *madeUp) Source() contract.Source { return m.source }

func (m *madeUp) Register(router *mux.Router) {
	for _, op := range m.operations {
		router.HandleFunc(op.Path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{}"))
		}).Methods(op.Method)
	}
}

// newMadeUp reads a document, with a line for each of its nodes.
func newMadeUp(t *testing.T, api contract.API, file string) *madeUp {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]lines.Place{}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	for {
		if _, err := dec.ReadToken(); err != nil {
			break
		}
		at := string(dec.StackPointer())
		if _, known := places[at]; !known {
			places[at] = lines.Place{File: file, Line: 1 + bytes.Count(data[:dec.InputOffset()], []byte("\n"))}
		}
	}
	source := api.Source()
	source.File, source.JSON, source.Lines, source.Marks = file, data, lines.Encode(places, file), nil
	document, err := contract.Load(source)
	if err != nil {
		t.Fatal(err)
	}
	return &madeUp{API: api, source: source, operations: document.Operations()}
}

// startMadeUp serves the made-up documents of both APIs under /brms and /datafold,
// and the control API over their exchanges.
func startMadeUp(t *testing.T, enforce contract.Enforcement) *standIn {
	t.Helper()
	store := memory(t)
	t.Cleanup(func() { _ = store.Close() })
	recent := evidence.New(store, evidence.Options{})
	t.Cleanup(func() { _ = recent.Close() })
	handler := http.NewServeMux()
	for prefix, api := range map[string]contract.API{
		"/_understudy": control.New(control.Options{Store: store, Keys: contract.OpenKeyring{}, Evidence: recent}),
		"/brms":        newMadeUp(t, brms.New(store, contract.OpenKeyring{}), "../brms/testdata/words.json"),
		"/datafold":    newMadeUp(t, datafold.New(store, contract.OpenKeyring{}), "../datafold/testdata/shapes.json"),
	} {
		// The made-up documents declare the status 200 alone.
		site, err := contract.NewSite(contract.Options{API: api, Limits: *unjudged(), Enforce: enforce, Record: recent.Record})
		if err != nil {
			t.Fatal(err)
		}
		if prefix == "/_understudy" {
			handler.Handle(prefix+"/", site)
		} else {
			handler.Handle(prefix+"/", http.StripPrefix(prefix, site))
		}
	}
	listener := httptest.NewServer(handler)
	t.Cleanup(listener.Close)
	return &standIn{url: listener.URL, client: http.DefaultClient}
}

// record reads the record of the exchange that an answer names.
func (w *standIn) record(t *testing.T, got answered, authorization string) understudy.Exchange {
	t.Helper()
	id := got.header.Get("Understudy-Exchange")
	if id == "" {
		t.Fatalf("the answer names no exchange: %d %s", got.status, got.body)
	}
	read := w.do(t, "GET", "/_understudy/exchanges/"+id, http.Header{"Authorization": {authorization}}, nil)
	if read.status != 200 {
		t.Fatalf("exchange %s: %d %s", id, read.status, read.body)
	}
	var x understudy.Exchange
	if err := json.Unmarshal([]byte(read.body), &x); err != nil {
		t.Fatal(err)
	}
	return x
}

// mistaken sends a request as it is told to. Several values of a header stand
// between bars.
func (w *standIn) mistaken(t *testing.T, method, target, authorization, contentType, body string) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string]string{"Authorization": authorization, "Content-Type": contentType} {
		switch values {
		case "":
		case "EMPTY":
			r.Header[name] = []string{""}
		default:
			r.Header[name] = strings.Split(values, "|")
		}
	}
	resp, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(text)}
}

// mistake is a request with one thing wrong, and the record that it leaves.
type mistake struct {
	name, method, target, authorization, contentType string
	body                                             string
	status                                           int
	refused                                          bool
	rule, basis, in, parameter, pointer              string
	got, accepted                                    string
	message                                          string
	file, at, line                                   string // the line is told by its text
}

// Every sentence below has been read: alone it is enough to mend the client.
func TestExplanations(t *testing.T) {
	t.Parallel()
	large := strings.Repeat(" ", mebibyte) + "{}"
	served := []mistake{
		{
			"no body", "POST", "/api/projects", "Bearer s", "",
			"",
			400, true, "required", "documented", "body", "", "",
			"", "an object with the members name, key",
			"The operation needs a request body and none came: send an object with the members name, key.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody/required", "required: true",
		},
		{
			"JSON announced, nothing sent", "POST", "/api/projects", "Bearer s", "application/json",
			"",
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"The Content-Type announces JSON but the body is empty: send a JSON value, or leave the header Content-Type out.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"a member is missing", "POST", "/api/projects", "Bearer s", "application/json",
			`{"key":"kk"}`,
			400, true, "required", "documented", "body", "", "/name",
			"", "a string",
			"The body member /name is missing: send it, as a string.",
			"openapi/brms/project.yaml", "/components/schemas/CreateProjectRequest/required", "required:",
		},
		{
			"a member's name is misspelled", "POST", "/api/projects", "Bearer s", "application/json",
			`{"Name":"n","key":"kk"}`,
			400, true, "required", "documented", "body", "", "/name",
			"", "a string",
			`The body member /name is missing, but there is "Name" in its place: correct the name, or send it, as a string.`,
			"openapi/brms/project.yaml", "/components/schemas/CreateProjectRequest/required", "required:",
		},
		{
			"an inferred member is missing", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"n"}`,
			200, false, "required", "inferred", "body", "", "/key",
			"", "a string matching the pattern ^[a-z0-9]{2,}(-[a-z0-9]+)*$",
			"The body member /key is missing: send it, as a string matching the pattern ^[a-z0-9]{2,}(-[a-z0-9]+)*$. (The rule is a guess of ours, so it only warns.)",
			"openapi/brms/project.yaml", "/components/schemas/CreateProjectRequest/required", "required:",
		},
		{
			"a client's pattern", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"n","key":"Not A Key"}`,
			200, false, "pattern", "client", "body", "", "/key",
			`"Not A Key"`, "a string matching the pattern ^[a-z0-9]{2,}(-[a-z0-9]+)*$",
			`The body member /key must be a string matching the pattern ^[a-z0-9]{2,}(-[a-z0-9]+)*$, not "Not A Key". (The rule was seen only in a client of the API, so it only warns.)`,
			"openapi/brms/project.yaml", "/components/schemas/CreateProjectRequest/properties/key/pattern", "pattern: '^[a-z0-9]{2,}(-[a-z0-9]+)*$'",
		},
		{
			"a number for a string", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":5,"key":"ka"}`,
			400, true, "type", "documented", "body", "", "/name",
			"5", "a string",
			"The body member /name must be a string, not 5.",
			"openapi/brms/project.yaml", "/components/schemas/CreateProjectRequest/properties/name/type", "type: string",
		},
		{
			"a string for a boolean", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"n","key":"kb","protected":"true"}`,
			400, true, "type", "documented", "body", "", "/protected",
			`"true"`, "true or false",
			`The body member /protected must be true or false, not "true".`,
			"openapi/brms/project.yaml", "/components/schemas/CreateProjectRequest/properties/protected/type", "type: boolean",
		},
		{
			"null", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":null,"key":"kc"}`,
			400, true, "type", "documented", "body", "", "/name",
			"null", "a string",
			"The body member /name must not be null: send a string.",
			"openapi/brms/project.yaml", "/components/schemas/CreateProjectRequest/properties/name/type", "type: string",
		},
		{
			"a list for an object", "POST", "/api/projects", "Bearer s", "application/json",
			"[1]",
			400, true, "type", "documented", "body", "", "",
			"[1]", "an object with the members name, key",
			"The body must be an object with the members name, key, not [1].",
			"openapi/brms/project.yaml", "/components/schemas/CreateProjectRequest/type", "type: object",
		},
		{
			"not a UUID", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"n","key":"kd","copyContentRef":"7d1a"}`,
			400, true, "format", "documented", "body", "", "/copyContentRef",
			`"7d1a"`, `a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f"`,
			`The body member /copyContentRef must be a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", not "7d1a".`,
			"openapi/brms/project.yaml", "/components/schemas/CreateProjectRequest/properties/copyContentRef/format", "format: uuid",
		},
		{
			"a path parameter that is no UUID", "GET", "/api/projects/shipping", "Bearer s", "",
			"",
			400, true, "format", "documented", "path", "projectId", "",
			`"shipping"`, `a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f"`,
			`The path parameter "projectId" must be a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", not "shipping".`,
			"openapi/brms/_document.yaml", "/components/parameters/ProjectId/schema/format", "format: uuid",
		},
		{
			"a nested member is missing", "POST", "/api/projects/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77/integrations", "Bearer s", "application/json",
			`{"name":"n","type":"http","kind":"k","config":{"URL":"https://r.example"}}`,
			400, true, "required", "documented", "body", "", "/config/url",
			"", "a string",
			`The body member /config/url is missing, but there is "URL" in its place: correct the name, or send it, as a string.`,
			"openapi/brms/integration.yaml", "/components/schemas/HttpIntegrationConfigInput/required", "required:",
		},
		{
			"a string for a number", "POST", "/api/projects/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77/integrations", "Bearer s", "application/json",
			`{"name":"n","type":"http","kind":"k","config":{"url":"u","timeout":"5000"}}`,
			400, true, "type", "documented", "body", "", "/config/timeout",
			`"5000"`, "a number",
			`The body member /config/timeout must be a number, not "5000".`,
			"openapi/brms/integration.yaml", "/components/schemas/HttpIntegrationConfigInput/properties/timeout/type", "type: number",
		},
		{
			"an object for a list", "POST", "/api/projects/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77/integrations", "Bearer s", "application/json",
			`{"name":"n","type":"http","kind":"k","config":{"url":"u","headers":{"a":1}}}`,
			400, true, "type", "documented", "body", "", "/config/headers",
			`{"a":1}`, "an array",
			`The body member /config/headers must be an array, not {"a":1}.`,
			"openapi/brms/integration.yaml", "/components/schemas/HttpIntegrationConfigInput/properties/headers/type", "type: array",
		},
		{
			"an undeclared query parameter", "GET", "/api/projects?perpage=5", "Bearer s", "",
			"",
			200, false, "unknownQuery", "inferred", "query", "perpage", "",
			"", "the parameters all, deleted, page, perPage, search",
			`The operation declares no query parameter "perpage", so it is ignored: it is perhaps meant to be "perPage", else remove it.`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get", "get:",
		},
		{
			"a query parameter like no other", "GET", "/api/projects?colour=red", "Bearer s", "",
			"",
			200, false, "unknownQuery", "inferred", "query", "colour", "",
			"", "the parameters all, deleted, page, perPage, search",
			`The operation declares no query parameter "colour", so it is ignored: remove it or correct its name.`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get", "get:",
		},
		{
			"a query parameter twice", "GET", "/api/projects?page=1&page=2", "Bearer s", "",
			"",
			200, false, "repeated", "inferred", "query", "page", "",
			"", "one value",
			`The query parameter "page" is given more than once and only the first is read: send it once.`,
			"openapi/brms/_document.yaml", "/components/parameters/Page", "Page:",
		},
		{
			"a malformed query", "GET", "/api/projects?search=%zz", "Bearer s", "",
			"",
			200, false, "unknownQuery", "inferred", "query", "search", "",
			"", "the parameters all, deleted, page, perPage, search",
			`The query parameter "search" is not well-formed: percent-encode its name and its value, as UTF-8.`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get", "get:",
		},
		{
			"a word for a number", "GET", "/api/projects?page=two", "Bearer s", "",
			"",
			400, true, "type", "documented", "query", "page", "",
			`"two"`, "a number of at least 1",
			`The query parameter "page" must be a number of at least 1, not "two".`,
			"openapi/brms/_document.yaml", "/components/parameters/Page/schema/type", "type: number",
		},
		{
			"an empty number", "GET", "/api/projects?page=", "Bearer s", "",
			"",
			400, true, "type", "documented", "query", "page", "",
			`""`, "a number of at least 1",
			`The query parameter "page" must be a number of at least 1, not "".`,
			"openapi/brms/_document.yaml", "/components/parameters/Page/schema/type", "type: number",
		},
		{
			"a number beyond a double", "GET", "/api/projects?page=1e400", "Bearer s", "",
			"",
			400, true, "numberRange", "documented", "query", "page", "",
			`"1e400"`, "a number from -1.8e308 to 1.8e308",
			`The query parameter "page" is beyond the range of a double: send a number from -1.8e308 to 1.8e308, not "1e400".`,
			"openapi/brms/_document.yaml", "/components/parameters/Page/schema/type", "type: number",
		},
		{
			"below the minimum", "GET", "/api/projects?page=0", "Bearer s", "",
			"",
			200, false, "minimum", "inferred", "query", "page", "",
			"0", "a number of at least 1",
			`The query parameter "page" must be a number of at least 1, not 0. (The rule is a guess of ours, so it only warns.)`,
			"openapi/brms/_document.yaml", "/components/parameters/Page/schema/minimum", "minimum: 1",
		},
		{
			"not of the enum", "GET", "/api/projects?all=yes", "Bearer s", "",
			"",
			400, true, "enum", "documented", "query", "all", "",
			`"yes"`, `one of "true", "false", "True", "False", "TRUE" or "FALSE"`,
			`The query parameter "all" must be one of "true", "false", "True", "False", "TRUE" or "FALSE", not "yes".`,
			"openapi/brms/_document.yaml", "/components/schemas/BooleanText/enum", "enum:",
		},
		{
			"no credential", "GET", "/api/projects", "", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			"", `the header "Authorization: Bearer <token>"`,
			`The request carries no credential: send the header "Authorization: Bearer <token>".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get/security", "security:",
		},
		{
			"a Basic credential", "GET", "/api/projects", "Basic dTpTRUNSRVQ=", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			`"Basic **********"`, `the header "Authorization: Bearer <token>"`,
			`The credential "Basic **********" is of no use here: send the header "Authorization: Bearer <token>".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get/security", "security:",
		},
		{
			"a scheme without a secret", "GET", "/api/projects", "Bearer", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			`"Bearer"`, `the header "Authorization: Bearer <token>"`,
			`The header Authorization has a scheme and no secret: send the header "Authorization: Bearer <token>".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get/security", "security:",
		},
		{
			"a token with a comma", "GET", "/api/projects", "Bearer SEC,RET", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			`"Bearer **********"`, `the header "Authorization: Bearer <token>"`,
			`The credential is malformed: send the header "Authorization: Bearer <token>", visible ASCII characters without spaces, commas and quotation marks.`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get/security", "security:",
		},
		{
			"a token without a scheme", "GET", "/api/projects", "SECRET", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			`"**********"`, `the header "Authorization: Bearer <token>"`,
			`The credential "**********" is of no use here: send the header "Authorization: Bearer <token>".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get/security", "security:",
		},
		{
			"two credentials", "GET", "/api/projects", "Bearer SECRET|Bearer OTHER", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			`["Bearer **********","Bearer **********"]`, `the header "Authorization: Bearer <token>"`,
			`The header Authorization came 2 times: send it once, as the header "Authorization: Bearer <token>".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get/security", "security:",
		},
		{
			"an empty credential", "GET", "/api/projects", "EMPTY", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			`""`, `the header "Authorization: Bearer <token>"`,
			`The header Authorization is empty: send the header "Authorization: Bearer <token>".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/get/security", "security:",
		},
		{
			"a form", "POST", "/api/projects", "Bearer s", "application/x-www-form-urlencoded",
			"name=n",
			415, true, "mediaType", "documented", "body", "", "",
			`"application/x-www-form-urlencoded"`, "application/json",
			`The header Content-Type must be application/json, not "application/x-www-form-urlencoded".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody/content", "content:",
		},
		{
			"a text", "POST", "/api/projects", "Bearer s", "text/plain",
			`{"name":"n","key":"ke"}`,
			400, true, "mediaType", "documented", "body", "", "",
			`"text/plain"`, "application/json",
			`The header Content-Type must be application/json, not "text/plain".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody/content", "content:",
		},
		{
			"a body without a type", "POST", "/api/projects", "Bearer s", "",
			`{"name":"n","key":"kf"}`,
			415, true, "mediaType", "documented", "body", "", "",
			"", "application/json",
			"The header Content-Type is missing: send it, as application/json.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody/content", "content:",
		},
		{
			"a type that is none", "POST", "/api/projects", "Bearer s", "json",
			`{"name":"n","key":"kf"}`,
			415, true, "mediaType", "documented", "body", "", "",
			`"json"`, "application/json",
			`The header Content-Type must be application/json, not "json".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody/content", "content:",
		},
		{
			"two types", "POST", "/api/projects", "Bearer s", "text/html|application/json",
			`{"name":"n","key":"kg"}`,
			415, true, "mediaType", "documented", "body", "", "",
			`"text/html"`, "application/json",
			`The header Content-Type must be application/json, not "text/html".`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody/content", "content:",
		},
		{
			"cut JSON", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"n","key"`,
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"The body ends at byte 17 in the middle of its JSON value: send all of it, with the closing brackets and quotation marks.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"a trailing comma", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"n",}`,
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"At byte 11 the body is not JSON: names and texts stand in double quotes, commas between members, and none after the last.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"single quotes", "POST", "/api/projects", "Bearer s", "application/json",
			`{'name':"n"}`,
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"At byte 1 the body is not JSON: names and texts stand in double quotes, commas between members, and none after the last.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"a member twice", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"n","key":"kh","name":"m"}`,
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"At byte 23 the body repeats a member name of the same object: send each member once.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"two values", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"n","key":"ki"} {}`,
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"At byte 25 the body goes on after its JSON value: send one value and nothing after it.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"not UTF-8", "POST", "/api/projects", "Bearer s", "application/json",
			"{\"name\":\"\xff\"}",
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"At byte 9 the body is not UTF-8: encode it as UTF-8.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"a byte order mark", "POST", "/api/projects", "Bearer s", "application/json",
			"\ufeff{}",
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"The body begins with a byte order mark, which is no part of JSON: send the text without it.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"NaN", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":NaN}`,
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"At byte 8 the body has NaN or Infinity, which JSON does not know: send a number, null or a text.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"half a surrogate pair", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"\ud800"}`,
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"At byte 9 the body has half of a surrogate pair: escape a character beyond U+FFFF as both halves.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"too deep", "POST", "/api/projects", "Bearer s", "application/json",
			strings.Repeat("[", 300),
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"At byte 201 the body nests more than 200 levels deep: send a flatter one.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"a prototype", "POST", "/api/projects", "Bearer s", "application/json",
			`{"name":"n","__proto__":{}}`,
			400, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"The body has a member that JavaScript treats specially (__proto__, constructor.prototype): leave it out.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/requestBody", "requestBody:",
		},
		{
			"an unknown path", "GET", "/api/project", "Bearer s", "",
			"",
			404, true, "unknownPath", "published", "message", "", "",
			`"/api/project"`, "/api/projects",
			`No operation has the path "/api/project"; the nearest is /api/projects: correct the path or the base URL.`,
			"openapi/brms/project.yaml", "/paths/~1api~1projects", "/api/projects:",
		},
		{
			"an unknown path, deep", "GET", "/api/projects/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77/integration", "Bearer s", "",
			"",
			404, true, "unknownPath", "published", "message", "", "",
			`"/api/projects/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77/integration"`, "/api/projects/{projectId}/integrations",
			`No operation has the path "/api/projects/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77/integration"; the nearest is /api/projects/{projectId}/integrations: correct the path or the base URL.`,
			"openapi/brms/integration.yaml", "/paths/~1api~1projects~1{projectId}~1integrations", "/api/projects/{projectId}/integrations:",
		},
		{
			"a path far from all", "GET", "/favicon.ico", "Bearer s", "",
			"",
			404, true, "unknownPath", "published", "message", "", "",
			`"/favicon.ico"`, "/api/health",
			`No operation has the path "/favicon.ico"; the nearest is /api/health: correct the path or the base URL.`,
			"openapi/brms/infrastructure.yaml", "/paths/~1api~1health", "/api/health:",
		},
		{
			"another method", "PATCH", "/api/projects", "Bearer s", "",
			"",
			404, true, "method", "published", "message", "", "",
			`"PATCH"`, "GET or POST",
			"The path exists, but not with the method PATCH: use GET or POST.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects", "/api/projects:",
		},
		{
			"a slash too many", "GET", "/api/health/", "Bearer s", "",
			"",
			404, true, "unknownPath", "published", "message", "", "",
			`"/api/health/"`, "/api/health",
			`No operation has the path "/api/health/", only /api/health: mind the slash at its end.`,
			"openapi/brms/infrastructure.yaml", "/paths/~1api~1health", "/api/health:",
		},
		{
			"a large body", "POST", "/api/projects", "Bearer s", "application/json",
			large,
			413, true, "bodySize", "published", "body", "", "",
			"", "at most 1048576 bytes",
			"The body is too large: send at most 1048576 bytes.",
			"openapi/brms/project.yaml", "/paths/~1api~1projects/post/responses/413", "responses:",
		},
		{
			"a number beyond a double in a body", "POST", "/api/projects/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77/integrations", "Bearer s", "application/json",
			`{"name":"n","type":"http","kind":"k","config":{"url":"u","timeout":1e400}}`,
			400, true, "numberRange", "published", "body", "", "/config/timeout",
			`"1e400"`, "a number from -1.8e308 to 1.8e308",
			`The body member /config/timeout is beyond the range of a double: send a number from -1.8e308 to 1.8e308, not "1e400".`,
			"openapi/brms/integration.yaml", "/components/schemas/HttpIntegrationConfigInput/properties/timeout", "timeout:",
		},
		{
			"Datafold: a member is missing", "POST", "/api/v1/lineage/bi/looker/", "Key s", "application/json",
			`{"base_url":"https://l.example","client_id":"me","client_secret":"HUSH"}`,
			422, true, "required", "published", "body", "", "/repo_id",
			"", "an integer",
			"The body member /repo_id is missing: send it, as an integer.",
			"openapi/datafold/bi.yaml", "/components/schemas/LookerDataSourceConfig/required", "required:",
		},
		{
			"Datafold: a secret of the wrong type", "POST", "/api/v1/lineage/bi/looker/", "Key s", "application/json",
			`{"base_url":"https://l.example","client_id":"me","client_secret":["HUSH"],"repo_id":7}`,
			422, true, "type", "published", "body", "", "/client_secret",
			`"**********"`, "a string",
			`The body member /client_secret must be a string, not "**********".`,
			"openapi/datafold/bi.yaml", "/components/schemas/LookerDataSourceConfig/properties/client_secret/type", "type: string",
		},
		{
			"Datafold: camel case", "POST", "/api/v1/lineage/bi/looker/", "Key s", "application/json",
			`{"baseUrl":"https://l.example","client_id":"me","client_secret":"HUSH","repo_id":7}`,
			422, true, "required", "published", "body", "", "/base_url",
			"", "a string",
			`The body member /base_url is missing, but there is "baseUrl" in its place: correct the name, or send it, as a string.`,
			"openapi/datafold/bi.yaml", "/components/schemas/LookerDataSourceConfig/required", "required:",
		},
		{
			"Datafold: a string for an integer", "POST", "/api/v1/lineage/bi/dbt/", "Key s", "application/json",
			`{"ci_config_id":"12"}`,
			422, true, "type", "published", "body", "", "/ci_config_id",
			`"12"`, "an integer",
			`The body member /ci_config_id must be an integer, not "12".`,
			"openapi/datafold/bi.yaml", "/components/schemas/DbtDataSourceConfig/properties/ci_config_id/type", "type: integer",
		},
		{
			"Datafold: a fraction for an integer", "POST", "/api/v1/lineage/bi/dbt/", "Key s", "application/json",
			`{"ci_config_id":1.5}`,
			422, true, "type", "published", "body", "", "/ci_config_id",
			"1.5", "an integer",
			"The body member /ci_config_id must be an integer, not 1.5.",
			"openapi/datafold/bi.yaml", "/components/schemas/DbtDataSourceConfig/properties/ci_config_id/type", "type: integer",
		},
		{
			"Datafold: beyond 64 bits", "POST", "/api/v1/lineage/bi/dbt/", "Key s", "application/json",
			`{"ci_config_id":9223372036854775808}`,
			422, true, "integerRange", "published", "body", "", "/ci_config_id",
			"9223372036854775808", "an integer from -9223372036854775808 to 9223372036854775807",
			"The body member /ci_config_id does not fit in 64 bits: send an integer from -9223372036854775808 to 9223372036854775807, not 9223372036854775808.",
			"openapi/datafold/bi.yaml", "/components/schemas/DbtDataSourceConfig/properties/ci_config_id", "ci_config_id:",
		},
		{
			"Datafold: beyond a double", "POST", "/api/v1/lineage/bi/dbt/", "Key s", "application/json",
			`{"ci_config_id":1e400}`,
			422, true, "numberRange", "published", "body", "", "/ci_config_id",
			`"1e400"`, "an integer from -9223372036854775808 to 9223372036854775807",
			`The body member /ci_config_id is beyond the range of a double: send an integer from -9223372036854775808 to 9223372036854775807, not "1e400".`,
			"openapi/datafold/bi.yaml", "/components/schemas/DbtDataSourceConfig/properties/ci_config_id", "ci_config_id:",
		},
		{
			"Datafold: a number for a string or null", "POST", "/api/v1/lineage/bi/dbt/", "Key s", "application/json",
			`{"ci_config_id":1,"name":7}`,
			422, true, "type", "published", "body", "", "/name",
			"7", "a string, or null",
			"The body member /name must be a string, or null, not 7.",
			"openapi/datafold/bi.yaml", "/components/schemas/DbtDataSourceConfig/properties/name/anyOf/0/type", "- type: string",
		},
		{
			"Datafold: not of the enum or null", "POST", "/api/v1/lineage/bi/powerbi/", "Key s", "application/json",
			`{"auth_type":"password"}`,
			422, true, "enum", "published", "body", "", "/auth_type",
			`"password"`, `"delegated" or "service_principal", or null`,
			`The body member /auth_type must be "delegated" or "service_principal", or null, not "password".`,
			"openapi/datafold/bi.yaml", "/components/schemas/PowerBIAuthType/enum", "enum:",
		},
		{
			"Datafold: in a list", "POST", "/api/v1/lineage/bi/looker/", "Key s", "application/json",
			`{"base_url":"https://l.example","client_id":"me","client_secret":"HUSH","repo_id":7,"bindings":[{"remoteId":"a","boundIds":[1,"2"]}]}`,
			422, true, "type", "published", "body", "", "/bindings/0/boundIds/1",
			`"2"`, "an integer",
			`The body member /bindings/0/boundIds/1 must be an integer, not "2".`,
			"openapi/datafold/bi.yaml", "/components/schemas/DataSourceBinding/properties/boundIds/items/type", "type: integer",
		},
		{
			"Datafold: missing in a list", "POST", "/api/v1/lineage/bi/looker/", "Key s", "application/json",
			`{"base_url":"https://l.example","client_id":"me","client_secret":"HUSH","repo_id":7,"bindings":[{"remoteId":"a"}]}`,
			422, true, "required", "published", "body", "", "/bindings/0/boundIds",
			"", "an array of integers",
			"The body member /bindings/0/boundIds is missing: send it, as an array of integers.",
			"openapi/datafold/bi.yaml", "/components/schemas/DataSourceBinding/required", "required:",
		},
		{
			"Datafold: a word for a list", "POST", "/api/v1/lineage/bi/looker/", "Key s", "application/json",
			`{"base_url":"https://l.example","client_id":"me","client_secret":"HUSH","repo_id":7,"project_ids":"finance"}`,
			422, true, "type", "published", "body", "", "/project_ids",
			`"finance"`, "an array of strings",
			`The body member /project_ids must be an array of strings, not "finance".`,
			"openapi/datafold/bi.yaml", "/components/schemas/LookerDataSourceConfig/properties/project_ids/type", "type: array",
		},
		{
			"Datafold: null for a list", "POST", "/api/v1/lineage/bi/looker/", "Key s", "application/json",
			`{"base_url":"https://l.example","client_id":"me","client_secret":"HUSH","repo_id":7,"project_ids":null}`,
			422, true, "type", "published", "body", "", "/project_ids",
			"null", "an array of strings",
			"The body member /project_ids must not be null: send an array of strings.",
			"openapi/datafold/bi.yaml", "/components/schemas/LookerDataSourceConfig/properties/project_ids/type", "type: array",
		},
		{
			"Datafold: a text for an object", "POST", "/api/v1/lineage/bi/looker/", "Key s", "application/json",
			`"HUSH"`,
			422, true, "type", "published", "body", "", "",
			`"**********"`, "an object with the members base_url, client_id, repo_id, client_secret",
			`The body must be an object with the members base_url, client_id, repo_id, client_secret, not "**********".`,
			"openapi/datafold/bi.yaml", "/components/schemas/LookerDataSourceConfig/type", "type: object",
		},
		{
			"Datafold: no body", "POST", "/api/v1/lineage/bi/dbt/", "Key s", "",
			"",
			422, true, "required", "published", "body", "", "",
			"", "an object with the member ci_config_id",
			"The operation needs a request body and none came: send an object with the member ci_config_id.",
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1dbt~1/post/requestBody/required", "required: true",
		},
		{
			"Datafold: a word for an id", "GET", "/api/v1/lineage/bi/looker/", "Key s", "",
			"",
			422, true, "type", "published", "path", "bi_datasource_id", "",
			`"looker"`, "an integer",
			`The path parameter "bi_datasource_id" must be an integer, not "looker".`,
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1{bi_datasource_id}~1/get/parameters/0/schema/type", "type: integer",
		},
		{
			"Datafold: an id that is no integer", "GET", "/api/v1/lineage/bi/abc/", "Key s", "",
			"",
			422, true, "type", "published", "path", "bi_datasource_id", "",
			`"abc"`, "an integer",
			`The path parameter "bi_datasource_id" must be an integer, not "abc".`,
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1{bi_datasource_id}~1/get/parameters/0/schema/type", "type: integer",
		},
		{
			"Datafold: an id beyond 64 bits", "GET", "/api/v1/lineage/bi/99999999999999999999/", "Key s", "",
			"",
			422, true, "integerRange", "published", "path", "bi_datasource_id", "",
			`"99999999999999999999"`, "an integer from -9223372036854775808 to 9223372036854775807",
			`The path parameter "bi_datasource_id" does not fit in 64 bits: send an integer from -9223372036854775808 to 9223372036854775807, not "99999999999999999999".`,
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1{bi_datasource_id}~1/get/parameters/0/schema/type", "type: integer",
		},
		{
			"Datafold: an undeclared query parameter", "GET", "/api/v1/lineage/bi/?page=1", "Key s", "",
			"",
			200, false, "unknownQuery", "inferred", "query", "page", "",
			"", "no query parameter",
			`The operation declares no query parameter "page", so it is ignored: remove it or correct its name.`,
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1/get", "get:",
		},
		{
			"Datafold: another type", "POST", "/api/v1/lineage/bi/dbt/", "Key s", "text/plain",
			`{"ci_config_id":1}`,
			422, true, "mediaType", "published", "body", "", "",
			`"text/plain"`, "application/json",
			`The header Content-Type must be application/json, not "text/plain".`,
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1dbt~1/post/requestBody/content", "content:",
		},
		{
			"Datafold: no credential", "GET", "/api/v1/lineage/bi/", "", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			"", `the header "Authorization: Key <api-key>"`,
			`The request carries no credential: send the header "Authorization: Key <api-key>".`,
			"openapi/datafold/_document.yaml", "/security", "security:",
		},
		{
			"Datafold: a Bearer credential", "GET", "/api/v1/lineage/bi/", "Bearer SECRET", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			`"Bearer **********"`, `the header "Authorization: Key <api-key>"`,
			`The credential "Bearer **********" is of no use here: send the header "Authorization: Key <api-key>".`,
			"openapi/datafold/_document.yaml", "/security", "security:",
		},
		{
			"Datafold: no final slash", "GET", "/api/v1/lineage/bi", "Key s", "",
			"",
			307, true, "unknownPath", "published", "message", "", "",
			`"/api/v1/lineage/bi"`, "/api/v1/lineage/bi/",
			`No operation has the path "/api/v1/lineage/bi", only /api/v1/lineage/bi/: mind the slash at its end.`,
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1", "/api/v1/lineage/bi/:",
		},
		{
			"Datafold: no final slash, a parameter", "GET", "/api/v1/lineage/bi/7?x=1", "Key s", "",
			"",
			307, true, "unknownPath", "published", "message", "", "",
			`"/api/v1/lineage/bi/7"`, "/api/v1/lineage/bi/{bi_datasource_id}/",
			`No operation has the path "/api/v1/lineage/bi/7", only /api/v1/lineage/bi/{bi_datasource_id}/: mind the slash at its end.`,
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1{bi_datasource_id}~1", "/api/v1/lineage/bi/{bi_datasource_id}/:",
		},
		{
			"Datafold: another method", "PATCH", "/api/v1/lineage/bi/7/", "Key s", "",
			"",
			405, true, "method", "published", "message", "", "",
			`"PATCH"`, "GET or DELETE",
			"The path exists, but not with the method PATCH: use GET or DELETE.",
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1{bi_datasource_id}~1", "/api/v1/lineage/bi/{bi_datasource_id}/:",
		},
		{
			"Datafold: an unknown path", "GET", "/api/v1/lineage/bi/7/syncs/", "Key s", "",
			"",
			404, true, "unknownPath", "published", "message", "", "",
			`"/api/v1/lineage/bi/7/syncs/"`, "/api/v1/lineage/bi/{bi_datasource_id}/sync/",
			`No operation has the path "/api/v1/lineage/bi/7/syncs/"; the nearest is /api/v1/lineage/bi/{bi_datasource_id}/sync/: correct the path or the base URL.`,
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1{bi_datasource_id}~1sync~1", "/api/v1/lineage/bi/{bi_datasource_id}/sync/:",
		},
		{
			"Datafold: without /api", "GET", "/v1/lineage/bi/", "Key s", "",
			"",
			404, true, "unknownPath", "published", "message", "", "",
			`"/v1/lineage/bi/"`, "/api/v1/lineage/bi/",
			`No operation has the path "/v1/lineage/bi/"; the nearest is /api/v1/lineage/bi/: correct the path or the base URL.`,
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1", "/api/v1/lineage/bi/:",
		},
		{
			"Datafold: cut JSON", "POST", "/api/v1/lineage/bi/dbt/", "Key s", "application/json",
			`{"ci_config_id":`,
			422, true, "json", "published", "body", "", "",
			"", "JSON (RFC 8259)",
			"The body ends at byte 16 in the middle of its JSON value: send all of it, with the closing brackets and quotation marks.",
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1dbt~1/post/requestBody", "requestBody:",
		},
		{
			"Datafold: a large body", "POST", "/api/v1/lineage/bi/dbt/", "Key s", "application/json",
			large,
			413, true, "bodySize", "published", "body", "", "",
			"", "at most 1048576 bytes",
			"The body is too large: send at most 1048576 bytes.",
			"openapi/datafold/bi.yaml", "/paths/~1api~1v1~1lineage~1bi~1dbt~1/post/responses/413", "responses:",
		},
		{
			"control: not an id", "GET", "/_understudy/exchanges/1", "Bearer s", "",
			"",
			400, true, "pattern", "published", "path", "exchangeId", "",
			`"1"`, "a string matching the pattern ^[0-9a-f]{16}$",
			`The path parameter "exchangeId" must be a string matching the pattern ^[0-9a-f]{16}$, not "1".`,
			"openapi/understudy/exchanges.yaml", "/paths/~1_understudy~1exchanges~1{exchangeId}/get/parameters/0/schema/pattern", "pattern: '^[0-9a-f]{16}$'",
		},
		{
			"control: no credential", "GET", "/_understudy/exchanges/0123456789abcdef", "", "",
			"",
			401, true, "credential", "published", "header", "Authorization", "",
			"", `the header "Authorization" (A secret as any served API takes it, "Bearer <secret>" or "Key <secret>")`,
			`The request carries no credential: send the header "Authorization" (A secret as any served API takes it, "Bearer <secret>" or "Key <secret>").`,
			"openapi/understudy/_document.yaml", "/security", "security:",
		},
		{
			"control: another method", "POST", "/_understudy/health/live", "Bearer s", "",
			"",
			405, true, "method", "published", "message", "", "",
			`"POST"`, "GET",
			"The path exists, but not with the method POST: use GET.",
			"openapi/understudy/health.yaml", "/paths/~1_understudy~1health~1live", "/_understudy/health/live:",
		},
		{
			"control: an unknown path", "GET", "/_understudy/health/alive", "Bearer s", "",
			"",
			404, true, "unknownPath", "published", "message", "", "",
			`"/_understudy/health/alive"`, "/_understudy/health/live",
			`No operation has the path "/_understudy/health/alive"; the nearest is /_understudy/health/live: correct the path or the base URL.`,
			"openapi/understudy/health.yaml", "/paths/~1_understudy~1health~1live", "/_understudy/health/live:",
		},
	}
	madeUp := []mistake{
		{
			"minimum", "POST", "/brms/numbers", "", "application/json",
			`{"min":0.5}`,
			400, true, "minimum", "published", "body", "", "/min",
			"0.5", "a number of at least 1",
			"The body member /min must be a number of at least 1, not 0.5.",
			"../brms/testdata/words.json", "/components/schemas/Numbers/properties/min/minimum", `"minimum": 1`,
		},
		{
			"maximum", "POST", "/brms/numbers", "", "application/json",
			`{"max":11}`,
			400, true, "maximum", "published", "body", "", "/max",
			"11", "a number of at most 10",
			"The body member /max must be a number of at most 10, not 11.",
			"../brms/testdata/words.json", "/components/schemas/Numbers/properties/max/maximum", `"maximum": 10`,
		},
		{
			"a range", "POST", "/brms/numbers", "", "application/json",
			`{"range":5}`,
			400, true, "maximum", "published", "body", "", "/range",
			"5", "a number from 2 to 4",
			"The body member /range must be a number from 2 to 4, not 5.",
			"../brms/testdata/words.json", "/components/schemas/Numbers/properties/range/maximum", `"maximum": 4`,
		},
		{
			"exclusiveMinimum", "POST", "/brms/numbers", "", "application/json",
			`{"above":0}`,
			400, true, "exclusiveMinimum", "published", "body", "", "/above",
			"0", "a number greater than 0",
			"The body member /above must be a number greater than 0, not 0.",
			"../brms/testdata/words.json", "/components/schemas/Numbers/properties/above/exclusiveMinimum", `"exclusiveMinimum": true`,
		},
		{
			"exclusiveMaximum", "POST", "/brms/numbers", "", "application/json",
			`{"below":1}`,
			400, true, "exclusiveMaximum", "published", "body", "", "/below",
			"1", "a number less than 1",
			"The body member /below must be a number less than 1, not 1.",
			"../brms/testdata/words.json", "/components/schemas/Numbers/properties/below/exclusiveMaximum", `"exclusiveMaximum": true`,
		},
		{
			"multipleOf", "POST", "/brms/numbers", "", "application/json",
			`{"five":7}`,
			400, true, "multipleOf", "published", "body", "", "/five",
			"7", "an integer that is a multiple of 5",
			"The body member /five must be an integer that is a multiple of 5, not 7.",
			"../brms/testdata/words.json", "/components/schemas/Numbers/properties/five/multipleOf", `"multipleOf": 5`,
		},
		{
			"multipleOf in a range", "POST", "/brms/numbers", "", "application/json",
			`{"narrow":13}`,
			400, true, "multipleOf", "published", "body", "", "/narrow",
			"13", "an integer from 10 to 20 that is a multiple of 4",
			"The body member /narrow must be an integer from 10 to 20 that is a multiple of 4, not 13.",
			"../brms/testdata/words.json", "/components/schemas/Numbers/properties/narrow/multipleOf", `"multipleOf": 4`,
		},
		{
			"int32", "POST", "/brms/numbers", "", "application/json",
			`{"int32":2147483648}`,
			400, true, "format", "published", "body", "", "/int32",
			"2147483648", "an integer of 32 bits",
			"The body member /int32 must be an integer of 32 bits, not 2147483648.",
			"../brms/testdata/words.json", "/components/schemas/Numbers/properties/int32/format", `"format": "int32"`,
		},
		{
			"enum of numbers", "POST", "/brms/numbers", "", "application/json",
			`{"choice":4}`,
			400, true, "enum", "published", "body", "", "/choice",
			"4", "one of 1, 2 or 3",
			"The body member /choice must be one of 1, 2 or 3, not 4.",
			"../brms/testdata/words.json", "/components/schemas/Numbers/properties/choice/enum", `"enum": [`,
		},
		{
			"minLength", "POST", "/brms/strings", "", "application/json",
			`{"one":""}`,
			400, true, "minLength", "published", "body", "", "/one",
			`""`, "a string of at least 1 character",
			`The body member /one must be a string of at least 1 character, not "".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/one/minLength", `"minLength": 1`,
		},
		{
			"maxLength", "POST", "/brms/strings", "", "application/json",
			`{"short":"long"}`,
			400, true, "maxLength", "published", "body", "", "/short",
			`"long"`, "a string of at most 3 characters",
			`The body member /short must be a string of at most 3 characters, not "long".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/short/maxLength", `"maxLength": 3`,
		},
		{
			"exact length", "POST", "/brms/strings", "", "application/json",
			`{"fixed":"x"}`,
			400, true, "minLength", "published", "body", "", "/fixed",
			`"x"`, "a string of exactly 2 characters",
			`The body member /fixed must be a string of exactly 2 characters, not "x".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/fixed/minLength", `"minLength": 2,`,
		},
		{
			"minLength of a secret", "POST", "/brms/strings", "", "application/json",
			`{"secret":"HUSH"}`,
			400, true, "minLength", "published", "body", "", "/secret",
			`"**********"`, "a string of at least 8 characters",
			`The body member /secret must be a string of at least 8 characters, not "**********".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/secret/minLength", `"minLength": 8`,
		},
		{
			"pattern", "POST", "/brms/strings", "", "application/json",
			`{"slug":"A b"}`,
			400, true, "pattern", "published", "body", "", "/slug",
			`"A b"`, "a string matching the pattern ^[a-z]+(-[a-z]+)*$",
			`The body member /slug must be a string matching the pattern ^[a-z]+(-[a-z]+)*$, not "A b".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/slug/pattern", `"pattern": "^[a-z]+(-[a-z]+)*$"`,
		},
		{
			"format date", "POST", "/brms/strings", "", "application/json",
			`{"date":"21.11.2026"}`,
			400, true, "format", "published", "body", "", "/date",
			`"21.11.2026"`, `a date such as "2026-11-21"`,
			`The body member /date must be a date such as "2026-11-21", not "21.11.2026".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/date/format", `"format": "date"`,
		},
		{
			"format date-time", "POST", "/brms/strings", "", "application/json",
			`{"time":"2026-11-21"}`,
			400, true, "format", "published", "body", "", "/time",
			`"2026-11-21"`, `a date and time such as "2026-11-21T09:00:00Z"`,
			`The body member /time must be a date and time such as "2026-11-21T09:00:00Z", not "2026-11-21".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/time/format", `"format": "date-time"`,
		},
		{
			"format email", "POST", "/brms/strings", "", "application/json",
			`{"email":"ada"}`,
			400, true, "format", "published", "body", "", "/email",
			`"ada"`, `an e-mail address such as "jane@example.com"`,
			`The body member /email must be an e-mail address such as "jane@example.com", not "ada".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/email/format", `"format": "email"`,
		},
		{
			"format uri", "POST", "/brms/strings", "", "application/json",
			`{"uri":"a b"}`,
			400, true, "format", "published", "body", "", "/uri",
			`"a b"`, `an absolute URI such as "https://example.com/path"`,
			`The body member /uri must be an absolute URI such as "https://example.com/path", not "a b".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/uri/format", `"format": "uri"`,
		},
		{
			"enum", "POST", "/brms/strings", "", "application/json",
			`{"color":"blue"}`,
			400, true, "enum", "published", "body", "", "/color",
			`"blue"`, `"red" or "green"`,
			`The body member /color must be "red" or "green", not "blue".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/color/enum", `"enum": [`,
		},
		{
			"enum or null", "POST", "/brms/strings", "", "application/json",
			`{"choiceOrNull":"c"}`,
			400, true, "enum", "published", "body", "", "/choiceOrNull",
			`"c"`, `"a" or "b", or null`,
			`The body member /choiceOrNull must be "a" or "b", or null, not "c".`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/choiceOrNull/enum", `"enum": [`,
		},
		{
			"a long value", "POST", "/brms/strings", "", "application/json",
			`{"short":"` + strings.Repeat("é", 5000) + `"}`,
			400, true, "maxLength", "published", "body", "", "/short",
			`"ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé...`, "a string of at most 3 characters",
			`The body member /short must be a string of at most 3 characters, not "ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé...`,
			"../brms/testdata/words.json", "/components/schemas/Strings/properties/short/maxLength", `"maxLength": 3`,
		},
		{
			"minItems", "POST", "/brms/arrays", "", "application/json",
			`{"some":[]}`,
			400, true, "minItems", "published", "body", "", "/some",
			"[]", "an array of strings with at least 1 item",
			"The body member /some must be an array of strings with at least 1 item, not [].",
			"../brms/testdata/words.json", "/components/schemas/Arrays/properties/some/minItems", `"minItems": 1`,
		},
		{
			"maxItems", "POST", "/brms/arrays", "", "application/json",
			`{"few":["a","b","c"]}`,
			400, true, "maxItems", "published", "body", "", "/few",
			`["a","b","c"]`, "an array of strings with at most 2 items",
			`The body member /few must be an array of strings with at most 2 items, not ["a","b","c"].`,
			"../brms/testdata/words.json", "/components/schemas/Arrays/properties/few/maxItems", `"maxItems": 2`,
		},
		{
			"exact items", "POST", "/brms/arrays", "", "application/json",
			`{"pair":[1]}`,
			400, true, "minItems", "published", "body", "", "/pair",
			"[1]", "an array of numbers with exactly 2 items",
			"The body member /pair must be an array of numbers with exactly 2 items, not [1].",
			"../brms/testdata/words.json", "/components/schemas/Arrays/properties/pair/minItems", `"minItems": 2,`,
		},
		{
			"uniqueItems", "POST", "/brms/arrays", "", "application/json",
			`{"set":["a","a"]}`,
			400, true, "uniqueItems", "published", "body", "", "/set",
			`["a","a"]`, "an array of strings without duplicates",
			`The body member /set must be an array of strings without duplicates, not ["a","a"].`,
			"../brms/testdata/words.json", "/components/schemas/Arrays/properties/set/uniqueItems", `"uniqueItems": true`,
		},
		{
			"an item", "POST", "/brms/arrays", "", "application/json",
			`{"grid":[[1],[-1]]}`,
			400, true, "minimum", "published", "body", "", "/grid/1/0",
			"-1", "an integer of at least 0",
			"The body member /grid/1/0 must be an integer of at least 0, not -1.",
			"../brms/testdata/words.json", "/components/schemas/Arrays/properties/grid/items/items/minimum", `"minimum": 0`,
		},
		{
			"additionalProperties", "POST", "/brms/objects", "", "application/json",
			`{"closed":{"a":"x","c":1}}`,
			400, true, "additionalProperties", "published", "body", "", "/closed/c",
			"1", "the members a, b",
			"The body member /closed/c is not declared and the schema allows no others: remove it.",
			"../brms/testdata/words.json", "/components/schemas/Objects/properties/closed/additionalProperties", `"additionalProperties": false`,
		},
		{
			"additionalProperties, misspelled", "POST", "/brms/objects", "", "application/json",
			`{"person":{"name":"n","age":1,"address":{"zip":"12345","Street":"s"}}}`,
			400, true, "additionalProperties", "published", "body", "", "/person/address/Street",
			`"s"`, "the members street, zip",
			`The body member /person/address/Street is not declared and the schema allows no others: it is perhaps meant to be "street", else remove it.`,
			"../brms/testdata/words.json", "/components/schemas/Address/additionalProperties", `"additionalProperties": false`,
		},
		{
			"additionalProperties of a type", "POST", "/brms/objects", "", "application/json",
			`{"map":{"a/b":"x"}}`,
			400, true, "type", "published", "body", "", "/map/a~1b",
			`"x"`, "an integer",
			`The body member /map/a~1b must be an integer, not "x".`,
			"../brms/testdata/words.json", "/components/schemas/Objects/properties/map/additionalProperties/type", `"type": "integer"`,
		},
		{
			"minProperties", "POST", "/brms/objects", "", "application/json",
			`{"many":{"a":1}}`,
			400, true, "minProperties", "published", "body", "", "/many",
			`{"a":1}`, "an object with at least 2 members",
			`The body member /many must be an object with at least 2 members, not {"a":1}.`,
			"../brms/testdata/words.json", "/components/schemas/Objects/properties/many/minProperties", `"minProperties": 2`,
		},
		{
			"maxProperties", "POST", "/brms/objects", "", "application/json",
			`{"few":{"a":1,"b":2}}`,
			400, true, "maxProperties", "published", "body", "", "/few",
			`{"a":1,"b":2}`, "an object with at most 1 member",
			`The body member /few must be an object with at most 1 member, not {"a":1,"b":2}.`,
			"../brms/testdata/words.json", "/components/schemas/Objects/properties/few/maxProperties", `"maxProperties": 1`,
		},
		{
			"readOnly", "POST", "/brms/objects", "", "application/json",
			`{"stamped":{"id":1}}`,
			400, true, "readOnly", "published", "body", "", "/stamped/id",
			"1", "nothing",
			"The body member /stamped/id is read-only: do not send it.",
			"../brms/testdata/words.json", "/components/schemas/Objects/properties/stamped/properties/id/readOnly", `"readOnly": true`,
		},
		{
			"anyOf", "POST", "/brms/unions", "", "application/json",
			`{"any":true}`,
			400, true, "anyOf", "published", "body", "", "/any",
			"true", "a string, or an integer",
			"The body member /any matches none of the alternatives: send a string, or an integer.",
			"../brms/testdata/words.json", "/components/schemas/Unions/properties/any/anyOf", `"anyOf": [`,
		},
		{
			"anyOf with limits", "POST", "/brms/unions", "", "application/json",
			`{"limits":"bc"}`,
			400, true, "anyOf", "published", "body", "", "/limits",
			`"bc"`, "a string of at least 3 characters matching the pattern ^a, or a number of at least 10",
			`The body member /limits matches none of the alternatives: send a string of at least 3 characters matching the pattern ^a, or a number of at least 10. The body member /limits must be a string of at least 3 characters matching the pattern ^a, not "bc".`,
			"../brms/testdata/words.json", "/components/schemas/Unions/properties/limits/anyOf", `"anyOf": [`,
		},
		{
			"oneOf, none", "POST", "/brms/unions", "", "application/json",
			`{"one":5}`,
			400, true, "oneOf", "published", "body", "", "/one",
			"5", "a string, or true or false",
			"The body member /one matches none of the alternatives: send a string, or true or false.",
			"../brms/testdata/words.json", "/components/schemas/Unions/properties/one/oneOf", `"oneOf": [`,
		},
		{
			"oneOf, several", "POST", "/brms/unions", "", "application/json",
			`{"overlap":3}`,
			400, true, "oneOf", "published", "body", "", "/overlap",
			"3", "an integer, or a number of at most 5, or a string",
			"The body member /overlap matches 2 alternatives where exactly one is wanted: send an integer, or a number of at most 5, or a string, so that only one fits.",
			"../brms/testdata/words.json", "/components/schemas/Unions/properties/overlap/oneOf", `"oneOf": [`,
		},
		{
			"oneOf of objects", "POST", "/brms/unions", "", "application/json",
			`{"plain":{"kind":"circle"}}`,
			400, true, "oneOf", "published", "body", "", "/plain",
			`{"kind":"circle"}`, "an object with the members kind, radius, or an object with the members kind, side",
			"The body member /plain matches none of the alternatives: send an object with the members kind, radius, or an object with the members kind, side. The body member /plain/radius is missing: send it, as a number of at least 0.",
			"../brms/testdata/words.json", "/components/schemas/Unions/properties/plain/oneOf", `"oneOf": [`,
		},
		{
			"discriminator, unknown tag", "POST", "/brms/unions", "", "application/json",
			`{"shape":{"kind":"hexagon"}}`,
			400, true, "discriminator", "published", "body", "", "/shape",
			`{"kind":"hexagon"}`, `an object whose member kind is "circle" or "square"`,
			`The body member /shape names the alternative "hexagon", which there is not: send an object whose member kind is "circle" or "square".`,
			"../brms/testdata/words.json", "/components/schemas/Unions/properties/shape/discriminator", `"discriminator": {`,
		},
		{
			"discriminator, no tag", "POST", "/brms/unions", "", "application/json",
			`{"shape":{"side":1}}`,
			400, true, "discriminator", "published", "body", "", "/shape",
			`{"side":1}`, `an object whose member kind is "circle" or "square"`,
			`The body member /shape does not say which alternative it is: send an object whose member kind is "circle" or "square".`,
			"../brms/testdata/words.json", "/components/schemas/Unions/properties/shape/discriminator", `"discriminator": {`,
		},
		{
			"discriminator, in the branch", "POST", "/brms/unions", "", "application/json",
			`{"shape":{"kind":"square"}}`,
			400, true, "required", "published", "body", "", "/shape/side",
			"", "a number of at least 0",
			"The body member /shape/side is missing: send it, as a number of at least 0.",
			"../brms/testdata/words.json", "/components/schemas/Square/required", `"required": [`,
		},
		{
			"allOf", "POST", "/brms/unions", "", "application/json",
			`{"both":{"a":"x"}}`,
			400, true, "required", "published", "body", "", "/both/b",
			"", "an integer",
			"The body member /both/b is missing: send it, as an integer.",
			"../brms/testdata/words.json", "/components/schemas/Unions/properties/both/allOf/1/required", `"required": [`,
		},
		{
			"not", "POST", "/brms/unions", "", "application/json",
			`{"never":"forbidden"}`,
			400, true, "not", "published", "body", "", "/never",
			`"forbidden"`, `anything but "forbidden"`,
			`The body member /never must not be "forbidden".`,
			"../brms/testdata/words.json", "/components/schemas/Unions/properties/never/not", `"not": {`,
		},
		{
			"a required query parameter", "GET", "/brms/things", "", "",
			"",
			400, true, "required", "published", "query", "q", "",
			"", "a string of at least 2 characters",
			`The query parameter "q" is missing: send it, as a string of at least 2 characters.`,
			"../brms/testdata/words.json", "/paths/~1things/get/parameters/0/required", `"required": true,`,
		},
		{
			"an enum in the query", "GET", "/brms/things?q=ab&sort=size", "", "",
			"",
			400, true, "enum", "published", "query", "sort", "",
			`"size"`, `"name" or "date"`,
			`The query parameter "sort" must be "name" or "date", not "size".`,
			"../brms/testdata/words.json", "/paths/~1things/get/parameters/4/schema/enum", `"enum": [`,
		},
		{
			"a list in the query", "GET", "/brms/things?q=ab&ids=1&ids=x", "", "",
			"",
			400, true, "type", "published", "query", "ids", "/1",
			`"x"`, "an integer",
			`The query parameter "ids" at /1 must be an integer, not "x".`,
			"../brms/testdata/words.json", "/paths/~1things/get/parameters/5/schema/items/type", `"type": "integer"`,
		},
		{
			"a header is missing", "PUT", "/brms/things/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77/parts/1?mode=fast", "", "application/json",
			`{"name":"n"}`,
			400, true, "required", "published", "header", "X-Trace", "",
			"", `a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f"`,
			`The header "X-Trace" is missing: send it, as a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f".`,
			"../brms/testdata/words.json", "/paths/~1things~1{thingId}~1parts~1{number}/put/parameters/3/required", `"required": true,`,
		},
		{
			"a path parameter below its minimum", "DELETE", "/brms/things/7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77/parts/0", "", "",
			"",
			400, true, "minimum", "published", "path", "number", "",
			"0", "an integer of at least 1",
			`The path parameter "number" must be an integer of at least 1, not 0.`,
			"../brms/testdata/words.json", "/paths/~1things~1{thingId}~1parts~1{number}/delete/parameters/0/schema/minimum", `"minimum": 1`,
		},
		{
			"Datafold: const", "POST", "/datafold/texts", "", "application/json",
			`{"fixed":"other"}`,
			422, true, "enum", "published", "body", "", "/fixed",
			`"other"`, `"only"`,
			`The body member /fixed must be "only", not "other".`,
			"../datafold/testdata/shapes.json", "/components/schemas/Texts/properties/fixed/const", `"const": "only",`,
		},
		{
			"Datafold: exclusive bounds", "POST", "/datafold/numbers", "", "application/json",
			`{"gt":10}`,
			422, true, "exclusiveMaximum", "published", "body", "", "/gt",
			"10", "an integer greater than 1 and less than 10",
			"The body member /gt must be an integer greater than 1 and less than 10, not 10.",
			"../datafold/testdata/shapes.json", "/components/schemas/Numbers/properties/gt/exclusiveMaximum", `"exclusiveMaximum": 10,`,
		},
		{
			"Datafold: nullable minimum", "POST", "/datafold/numbers", "", "application/json",
			`{"maybe":2}`,
			422, true, "minimum", "published", "body", "", "/maybe",
			"2", "an integer of at least 3, or null",
			"The body member /maybe must be an integer of at least 3, or null, not 2.",
			"../datafold/testdata/shapes.json", "/components/schemas/Numbers/properties/maybe/anyOf/0/minimum", `"minimum": 3,`,
		},
		{
			"Datafold: nullable format", "POST", "/datafold/texts", "", "application/json",
			`{"key":"x"}`,
			422, true, "format", "published", "body", "", "/key",
			`"x"`, `a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", or null`,
			`The body member /key must be a UUID such as "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f", or null, not "x".`,
			"../datafold/testdata/shapes.json", "/components/schemas/Texts/properties/key/anyOf/0/format", `"format": "uuid",`,
		},
		{
			"Datafold: a tag in a list", "POST", "/datafold/zoo", "", "application/json",
			`{"first":{"type":"dog","tricks":[]},"rest":[{"type":"cow"}]}`,
			422, true, "discriminator", "published", "body", "", "/rest/0",
			`{"type":"cow"}`, `an object whose member type is "cat" or "dog"`,
			`The body member /rest/0 names the alternative "cow", which there is not: send an object whose member type is "cat" or "dog".`,
			"../datafold/testdata/shapes.json", "/components/schemas/Zoo/properties/rest/items/discriminator", `"discriminator": {`,
		},
		{
			"Datafold: union of unions", "POST", "/datafold/unions", "", "application/json",
			`{"f":true}`,
			422, true, "anyOf", "published", "body", "", "/f",
			"true", "an integer of at least 3, or a string of at least 3 characters, or an object",
			"The body member /f matches none of the alternatives: send an integer of at least 3, or a string of at least 3 characters, or an object.",
			"../datafold/testdata/shapes.json", "/components/schemas/Unions/properties/f/anyOf", `"anyOf": [`,
		},
		{
			"Datafold: additional member", "POST", "/datafold/person", "", "application/json",
			`{"name":"Ada","born":1815}`,
			422, true, "additionalProperties", "published", "body", "", "/born",
			"1815", "the members age, name",
			"The body member /born is not declared and the schema allows no others: remove it.",
			"../datafold/testdata/shapes.json", "/components/schemas/Person/additionalProperties", `"additionalProperties": false,`,
		},
	}
	seen := map[string]bool{}
	check := func(w *standIn, m mistake) func(t *testing.T) {
		return func(t *testing.T) {
			got := w.mistaken(t, m.method, m.target, m.authorization, m.contentType, m.body)
			caller := "Bearer s"
			if m.authorization == "Key s" {
				caller = m.authorization
			}
			x := w.record(t, got, caller)
			if got.status != m.status || x.Status != m.status || x.Refused != m.refused {
				t.Errorf("status %d, recorded %d, refused %t", got.status, x.Status, x.Refused)
			}
			if x.Method != m.method || !strings.Contains(m.target, x.Path) {
				t.Errorf("recorded as %s %s", x.Method, x.Path)
			}
			if len(x.Violations) != 1 {
				t.Fatalf("%d violations: %+v", len(x.Violations), x.Violations)
			}
			v := x.Violations[0]
			refuses := m.basis == "published" || m.basis == "documented"
			if v.Side != "client" || v.Refused != refuses || v.Document.File != m.file {
				t.Errorf("side %s, refused %t, file %s", v.Side, v.Refused, v.Document.File)
			}
			for _, text := range []struct{ what, got, want string }{
				{"message", v.Message, m.message},
				{"rule", v.Rule, m.rule},
				{"basis", string(v.Basis), m.basis},
				{"in", string(v.In), m.in},
				{"name", textOf(v.Name), m.parameter},
				{"pointer", textOf(v.Pointer), m.pointer},
				{"got", textOf(v.Got), m.got},
				{"accepted", textOf(v.Accepted), m.accepted},
				{"place", v.Document.Pointer, m.at},
				{"line", lineOf(t, v.Document), m.line},
			} {
				if text.got != text.want {
					t.Errorf("%s\n got %s\nwant %s", text.what, text.got, text.want)
				}
			}
			whole, _ := json.Marshal(x)
			for _, secret := range []string{"HUSH", "SECRET", "SEC,RET", "OTHER", "dTpTRUNSRVQ="} {
				if strings.Contains(string(whole), secret) {
					t.Errorf("the record holds a secret: %s", whole)
				}
			}
		}
	}
	for _, list := range []struct {
		w    *standIn
		rows []mistake
	}{{startServer(t, Options{}), served}, {startMadeUp(t, contract.EnforceStrict), madeUp}} {
		for _, m := range list.rows {
			if seen[m.name] {
				t.Errorf("two rows named %q", m.name)
			}
			seen[m.name] = true
			t.Run(m.name, check(list.w, m))
		}
	}
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// lineOf reads a line of a document as it stands in the repository.
func lineOf(t *testing.T, l understudy.Location) string {
	t.Helper()
	file := l.File
	if strings.HasPrefix(file, "openapi/") {
		file = "../../" + file
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	if l.Line < 1 || l.Line > len(lines) {
		t.Fatalf("%s has no line %d", l.File, l.Line)
	}
	return strings.TrimSpace(lines[l.Line-1])
}
