package brms

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/contract/lines"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/voice/fastify"
)

// golden is a request and what a real Fastify answered (internal/goldens/brms).
type golden struct {
	Name     string
	Document string
	Request  goldenRequest
	Answer   goldenAnswer
	Whole    *goldenAnswer // if Fastify went on after the first wrong part
}

type goldenRequest struct {
	Method, Path string
	Headers      [][2]string
	Body         *string
	Base64       bool
}

type goldenAnswer struct {
	Status int
	Body   string
}

func goldens(t testing.TB) []golden {
	t.Helper()
	data, err := os.ReadFile("testdata/goldens.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// difference is a place where we answer otherwise than Fastify, on purpose. The
// same table, with the reasons, is in docs/fidelity.md.
type difference struct {
	name   string
	reason string
	status int    // ours
	text   string // our message; empty for 200
	cases  []string
}

const (
	accepted = http.StatusOK
	refused  = http.StatusBadRequest
	noJSON   = "Body is not valid JSON but content-type is set to 'application/json'"
)

var differences = []difference{
	{
		"inferred rules warn", "that the key is required and its pattern are our guess or seen only in a client: served, and recorded as a warning",
		accepted, "",
		[]string{"brms project: without key", "brms project: key breaks the pattern", "brms projects: page 0", "brms projects: page negative"},
	},
	{
		"inferred rules warn, the others are told", "the type of this page parameter is our guess",
		refused, `params/projectId must match format "uuid"`,
		[]string{"brms integrations: id and page"},
	},
	{
		"a body-less DELETE warns", "Fastify 4 does not look at its Content-Type, and which version answers is not known; many clients send one with every request",
		accepted, "",
		[]string{
			"brms DELETE 0b6f3a52-6c0e-4f0d-9c39-5f3f3d1d8a11: JSON, no body", "brms DELETE 0b6f3a52-6c0e-4f0d-9c39-5f3f3d1d8a11: JSON, empty body",
			"brms DELETE 0b6f3a52-6c0e-4f0d-9c39-5f3f3d1d8a11: JSON with charset, no body", "brms DELETE 0b6f3a52-6c0e-4f0d-9c39-5f3f3d1d8a11: YAML, no body",
			"brms DELETE 0b6f3a52-6c0e-4f0d-9c39-5f3f3d1d8a11: invalid type",
			"brms DELETE project: application/json, no body", "brms DELETE project: APPLICATION/JSON, no body",
			"brms DELETE project: application/x-www-form-urlencoded, no body", "brms DELETE project: multipart/form-data; boundary=x, no body",
			"brms DELETE group: application/json, no body", "brms DELETE group: APPLICATION/JSON, no body",
			"brms DELETE group: application/x-www-form-urlencoded, no body", "brms DELETE group: multipart/form-data; boundary=x, no body",
		},
	},
	{
		"long path parameters", "which version answers is not known, and this says what is wanted",
		refused, `params/projectId must match format "uuid"`,
		[]string{"brms project id: 101 characters", "brms project id: 500 characters"},
	},
	{
		"long path parameters, the second", "as above",
		refused, `params/integrationId must match format "uuid"`,
		[]string{"brms ids: second of 101 characters", "brms ids: second of 500 characters"},
	},
	{
		"exact fractions", "JavaScript rounds them to whole numbers before Ajv looks; no BRMS operation has an integer",
		refused, "body/integer must be integer",
		[]string{
			"words /numbers integer 3.0000000000000001", "words /numbers integer -7.00000000000000000001", "words /numbers integer 0.99999999999999999999",
			"words /numbers integer 1e-400", "words /numbers integer 4503599627370497.00001",
		},
	},
	{
		"repeated parameters warn", "a parameter given twice is judged by its first value: that BRMS refuses it is a guess",
		accepted, "",
		[]string{"brms projects: page twice", "brms projects: search twice"},
	},
	{
		"strict JSON", "duplicate members, a byte order mark, bytes that are not UTF-8 and lone surrogates are not interoperable JSON (RFC 7493, RFC 8259); JavaScript lets them pass",
		refused, noJSON,
		[]string{"brms create: duplicate member", "brms create: byte order mark", "brms create: not UTF-8", "brms create: lone surrogate"},
	},
	{
		"numbers beyond a double", "JavaScript reads them as Infinity; we refuse them wherever they stand",
		refused, "body/more must be number",
		[]string{"brms create: an undeclared 1e400"},
	},
	{
		"numbers beyond a double, in the query", "as in bodies",
		refused, "querystring/page must be number",
		[]string{"brms projects: page 1e400"},
	},
	{
		"integers beyond 64 bits", "no generated client or server can hold them; JavaScript rounds them",
		refused, `body/integer must match format "int64"`,
		[]string{"words /numbers integer 9223372036854775808", "words /numbers integer 1180591620717411303424", "words /numbers integer 12345678901234567890"},
	},
	{
		"integers beyond 64 bits, in the query", "as in bodies, and no other rule is judged then",
		refused, `querystring/limit must match format "int64"`,
		[]string{"words /things?limit=99999999999999999999&q=ab"},
	},
	{
		"numbers in the query are decimal", "JavaScript also reads hexadecimal, surrounding white space and Infinity",
		refused, "querystring/page must be number",
		[]string{"brms projects: page hexadecimal", "brms projects: page with spaces", "brms projects: page Infinity"},
	},
	{
		"integers in the query are digits", "Ajv reads 1e1 and 7.0; generated servers do not",
		refused, "querystring/limit must be integer",
		[]string{"words /things?limit=1e1&q=ab", "words /things?limit=7.0&q=ab"},
	},
	{
		"booleans in the query as Go reads them", "Ajv reads true and false only; no operation of BRMS has such a parameter, its BooleanText is an enum",
		accepted, "",
		[]string{"words /things?flag=1&q=ab", "words /things?flag=TRUE&q=ab", "words /things?flag=t&q=ab"},
	},
	{
		"uuid in its plain form", "Ajv also takes the urn:uuid: form (RFC 9562 knows it as a URN, not as the text form)",
		refused, `params/projectId must match format "uuid"`,
		[]string{"brms project id: urn"},
	},
	{
		"date-time with T", "Ajv also takes white space between date and time, which RFC 3339's grammar does not",
		refused, `body/time must match format "date-time"`,
		[]string{`words /strings {"time":"2026-01-01 00:00:00Z"}`},
	},
	{
		"email by RFC 5322", "Ajv asks for a dot in the domain; BRMS has no such member",
		accepted, "",
		[]string{`words /strings {"email":"a@localhost"}`},
	},
	{
		"a discriminated union wants an object", "Ajv judges a discriminator in objects only and lets other types pass where the union declares no type; BRMS has no such member",
		refused, "body/shape must be object",
		[]string{`words /unions {"shape":5}`},
	},
	{
		"a discriminated union wants an object, in a list", "as above",
		refused, `body/list/0 tag "kind" must be string, body/list/1 must have required property 'radius', body/list/2 value of tag "kind" must be in oneOf, body/list/3 must be object`,
		[]string{`words /unions {"list":[{},{"kind":"circle"},{"kind":"x"},5]}`},
	},
	{
		"text bodies are not JSON", "Fastify validates a text/plain body as a string; where the schema would allow one, the document still declares JSON alone. BRMS has only objects as bodies",
		http.StatusUnsupportedMediaType, "Unsupported Media Type",
		[]string{"words /word text", "words /word short text", "words /any text", "words /any short text"},
	},
	{
		"a required body is required", "Fastify validates an absent body as null; the document says that a body is required. BRMS has only objects as bodies",
		refused, "body must be object",
		[]string{"words /maybe no body", "words /any no body"},
	},
	{
		"multipleOf within rounding", "Ajv divides doubles, so 0.3 is no multiple of 0.1; BRMS has no multipleOf",
		accepted, "",
		[]string{`words /numbers {"cents":0.3}`},
	},
	{
		"null beside an enum", "Ajv wants null in the enum of a nullable schema as well; BRMS has no such member",
		accepted, "",
		[]string{`words /strings {"choiceOrNull":null}`},
	},
	{
		"a default does not make up for a required member", "Fastify puts the default in before it looks; the document asks the client for the member. BRMS has no such member",
		refused, "body/defaulted must have required property 'a'",
		[]string{`words /objects {"defaulted":{}}`},
	},
	{
		"read-only members are refused", "Ajv knows no direction; the document forbids them in requests. BRMS has no such member in a request",
		refused, "body/stamped must NOT have read-only properties",
		[]string{`words /objects {"stamped":{"id":1}}`},
	},
	{
		"read-only members are refused, beside other mistakes", "as above",
		refused, "body/stamped must NOT have read-only properties, body/stamped/id must be integer",
		[]string{`words /objects {"stamped":{"id":"x"}}`},
	},
}

// Every difference has a row in docs/fidelity.md, and every row a difference or
// the name of a test. A difference named "row, in some place" belongs to "row".
func TestFidelityDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "### Differences from Fastify")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("no table")
	}
	listed := map[string]bool{}
	for _, d := range differences {
		name, _, _ := strings.Cut(d.name, ", ")
		listed[name] = true
	}
	rows := map[string]bool{}
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		name := strings.TrimSpace(cells[0])
		if len(cells) != 5 || name == "Difference" {
			continue
		}
		rows[name] = true
		proof := strings.Trim(cells[4], "` ")
		switch {
		case proof == "goldens" && !listed[name]:
			t.Errorf("%q is no difference of the goldens", name)
		case proof != "goldens" && !hasTest(t, proof):
			t.Errorf("%q names the test %q, which there is not", name, proof)
		}
	}
	for name := range listed {
		if !rows[name] {
			t.Errorf("the difference %q has no row", name)
		}
	}
}

// hasTest reports whether a test of the server, or of the goldens, has the name.
func hasTest(t *testing.T, name string) bool {
	t.Helper()
	files, err := filepath.Glob("../*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../*/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, deeper...)
	files = append(files, "../../internal/goldens/oracle_test.go")
	return slices.ContainsFunc(files, func(file string) bool {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(data, []byte("\nfunc "+name+"("))
	})
}

// replayed is the API over any document, with handlers that accept everything.
type replayed struct {
	*API
	source contract.Source
}

func (a *replayed) Source() contract.Source { return a.source }

func (a *replayed) Authenticate(*http.Request, *contract.Operation) (site.Principal, *site.Refusal) {
	return site.Principal{Workspace: "test"}, nil
}

func (a *replayed) Register(route site.Route) {
	document, err := contract.Load(a.source)
	if err != nil {
		panic(err)
	}
	for _, op := range document.Operations() {
		route(op.Method, op.Path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = w.Write([]byte(`{"ok":true}`))
		})
	}
}

// linesOf numbers the members of a document as a generator of one line per member
// would.
func linesOf(t testing.TB, document []byte) []byte {
	t.Helper()
	places := map[string]lines.Place{}
	dec := jsontext.NewDecoder(bytes.NewReader(document))
	for {
		if _, err := dec.ReadToken(); err != nil {
			break
		}
		at := string(dec.StackPointer())
		if _, known := places[at]; !known {
			places[at] = lines.Place{File: "words.json", Line: len(places) + 1}
		}
	}
	return lines.Encode(places, "words.json")
}

func sources(t testing.TB) map[string]contract.Source {
	t.Helper()
	words, err := os.ReadFile("testdata/words.json")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]contract.Source{
		"brms":  {API: "brms", File: brms.File, JSON: brms.Document(), Lines: brms.Lines(), EagerBody: true},
		"words": {API: "words", File: "testdata/words.json", JSON: words, Lines: linesOf(t, words), EagerBody: true},
	}
}

func sites(t testing.TB) map[string]*site.Site {
	t.Helper()
	all := map[string]*site.Site{}
	for name, source := range sources(t) {
		limits := site.DefaultLimits()
		limits.JudgeReply = false // the answers of this test are made up
		site, err := site.NewSite(site.Options{API: &replayed{API: &API{}, source: source}, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		all[name] = site
	}
	return all
}

// ask sends the bytes of a golden's request to a site.
func ask(t testing.TB, site http.Handler, g goldenRequest) (int, string) {
	t.Helper()
	body := []byte(nil)
	if g.Body != nil {
		body = []byte(*g.Body)
		if g.Base64 {
			var err error
			if body, err = base64.StdEncoding.DecodeString(*g.Body); err != nil {
				t.Fatal(err)
			}
		}
	}
	var raw bytes.Buffer
	raw.WriteString(g.Method + " " + g.Path + " HTTP/1.1\r\nHost: localhost\r\n")
	for _, h := range g.Headers {
		raw.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if g.Body != nil {
		raw.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	raw.WriteString("\r\n")
	raw.Write(body)
	r, err := http.ReadRequest(bufio.NewReader(&raw))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	return w.Code, strings.TrimSuffix(w.Body.String(), "\n")
}

type answerBody struct {
	StatusCode           int
	Code, Error, Message string
}

func bodyOf(t testing.TB, text string) answerBody {
	t.Helper()
	var b answerBody
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return b
}

func TestWordingGoldens(t *testing.T) {
	all := goldens(t)
	if len(all) < 200 {
		t.Fatalf("%d goldens", len(all))
	}
	served := sites(t)
	deliberate := map[string]difference{}
	for _, d := range differences {
		for _, name := range d.cases {
			if _, twice := deliberate[name]; twice {
				t.Errorf("%s is listed twice", name)
			}
			deliberate[name] = d
		}
	}
	used, exact, whole := map[string]bool{}, 0, 0
	for _, g := range all {
		name := g.Document + " " + g.Name
		t.Run(name, func(t *testing.T) {
			status, text := ask(t, served[g.Document], g.Request)
			want := g.Answer
			if g.Whole != nil { // every part, not only the first wrong one
				want = *g.Whole
			}
			d, listed := deliberate[name]
			if listed {
				used[name] = true
				if status != d.status || (d.text != "" && bodyOf(t, text).Message != d.text) {
					t.Fatalf("%s:\n got %d %s\nwant %d %s", d.name, status, text, d.status, d.text)
				}
				if d.status == want.Status && (d.status == accepted || d.text == bodyOf(t, want.Body).Message) {
					t.Fatalf("no difference any more: %q", d.name)
				}
				return
			}
			if status != want.Status {
				t.Fatalf("\n got %d %s\nwant %d %s", status, text, want.Status, want.Body)
			}
			if status != accepted && g.Request.Method != http.MethodHead && text != want.Body {
				t.Fatalf("\n got %s\nwant %s", text, want.Body)
			}
			if g.Whole != nil {
				whole++
			} else {
				exact++
			}
		})
	}
	for name, d := range deliberate {
		if !used[name] {
			t.Errorf("%s: no golden is called %q", d.name, name)
		}
	}
	t.Logf("%d goldens: %d exact, %d exact but for the parts that Fastify does not reach, %d deliberate differences",
		len(all), exact, whole, len(used))
}

func TestWordingTable(t *testing.T) {
	text := openapi3.NewStringSchema()
	object := openapi3.NewObjectSchema()
	object.Required = []string{"a"}
	seven := 7.0
	bounded := openapi3.NewFloat64Schema()
	bounded.ExclusiveMin.Value, bounded.ExclusiveMax.Value = &seven, &seven
	either := &contract.Schema{Type: &openapi3.Types{"string", "null"}}
	choice := openapi3.NewStringSchema().WithEnum("a")
	name := []contract.Step{{Name: "name"}}
	for _, c := range []struct {
		what string
		v    contract.Violation
		code string
		want string
	}{
		{"body ended early", contract.Violation{Rule: contract.RuleTransport, In: contract.InBody}, "FST_ERR_CTP_INVALID_CONTENT_LENGTH", "Request body size did not match Content-Length"},
		{"several types (3.1)", contract.Violation{Rule: "type", In: contract.InBody, Path: name, Schema: either}, "FST_ERR_VALIDATION", "body/name must be string,null"},
		{"const (3.1)", contract.Violation{Rule: "enum", In: contract.InBody, Path: name, Schema: choice, Got: "b", Where: contract.Location{Pointer: "/x/const"}}, "FST_ERR_VALIDATION", "body/name must be equal to constant"},
		{"exclusive bounds as numbers (3.1), below", contract.Violation{Rule: "exclusiveMinimum", In: contract.InBody, Path: name, Schema: bounded}, "FST_ERR_VALIDATION", "body/name must be > 7"},
		{"exclusive bounds as numbers (3.1), above", contract.Violation{Rule: "exclusiveMaximum", In: contract.InBody, Path: name, Schema: bounded}, "FST_ERR_VALIDATION", "body/name must be < 7"},
		{"cookie", contract.Violation{Rule: "required", In: contract.InCookie, Name: "Session", Schema: text}, "FST_ERR_VALIDATION", "cookies must have required property 'Session'"},
		{"cookie of a wrong form", contract.Violation{Rule: "type", In: contract.InCookie, Name: "Session", Schema: text}, "FST_ERR_VALIDATION", "cookies/Session must be string"},
		{"header", contract.Violation{Rule: "required", In: contract.InHeader, Name: "X-Trace-Id", Schema: text}, "FST_ERR_VALIDATION", "headers must have required property 'x-trace-id'"},
		{"member of a structured parameter", contract.Violation{Rule: "required", In: contract.InQuery, Name: "filter", Path: []contract.Step{{Name: "a"}}, Schema: object}, "FST_ERR_VALIDATION", "querystring/filter must have required property 'a'"},
		{"undeclared query parameter", contract.Violation{Rule: contract.RuleUnknownQuery, In: contract.InQuery, Name: "x"}, "FST_ERR_VALIDATION", "querystring must NOT have additional properties"},
		{"repeated parameter", contract.Violation{Rule: contract.RuleRepeated, In: contract.InQuery, Name: "page", Schema: bounded}, "FST_ERR_VALIDATION", "querystring/page must be number"},
		{"read-only member", contract.Violation{Rule: "readOnly", In: contract.InBody, Path: name, Schema: text}, "FST_ERR_VALIDATION", "body must NOT have read-only properties"},
		{"unknown rule", contract.Violation{Rule: "unknown", In: contract.InMessage}, "FST_ERR_VALIDATION", "request must be valid"},
		{"name to be escaped", contract.Violation{Rule: "type", In: contract.InBody, Path: []contract.Step{{Name: "a/b~c"}, {Array: true, Index: 3}}, Schema: text}, "FST_ERR_VALIDATION", "body/a~1b~0c/3 must be string"},
		{"parameter to be escaped", contract.Violation{Rule: "type", In: contract.InQuery, Name: "a/b", Schema: text}, "FST_ERR_VALIDATION", "querystring/a~1b must be string"},
		{"wrong type and not allowed", contract.Violation{Rule: "enum", In: contract.InBody, Path: name, Schema: choice, Got: true}, "FST_ERR_VALIDATION", "body/name must be string, body/name must be equal to one of the allowed values"},
		{"null of no type", contract.Violation{Rule: "type", In: contract.InBody, Path: name, Schema: &contract.Schema{}}, "FST_ERR_VALIDATION", "body/name must be object"},
		{"nothing known", contract.Violation{Rule: "anyOf", In: contract.InBody}, "FST_ERR_VALIDATION", "body must match a schema in anyOf"},
	} {
		t.Run(c.what, func(t *testing.T) {
			status, code, message := fastify.Words(&site.Refusal{Violations: []contract.Violation{c.v}})
			if status != refused || code != c.code || message != c.want {
				t.Fatalf("\n got %d %s %s\nwant %s %s", status, code, message, c.code, c.want)
			}
		})
	}
	if status, code, _ := fastify.Words(&site.Refusal{}); status != refused || code != "FST_ERR_VALIDATION" {
		t.Error(status, code)
	}
}

// judge judges a request for an operation of one of the test documents.
func judge(t testing.TB, document *contract.Document, method, template string, body []byte) *site.Refusal {
	t.Helper()
	op := document.Operation(method, template)
	if op == nil {
		t.Fatal(method, template)
	}
	judged := op.JudgeRequest(context.Background(), &contract.Message{
		Method: method, URL: &url.URL{Path: template}, Header: http.Header{"Content-Type": {"application/json"}},
		Vars: map[string]string{"projectId": "p", "integrationId": "i", "thingId": "t", "number": "n"}, Body: body,
	})
	return &site.Refusal{Kind: site.KindInvalid, Violations: judged.Violations, Operation: op, Body: body}
}

func allDocuments(t testing.TB) map[string]*contract.Document {
	t.Helper()
	all := map[string]*contract.Document{}
	for name, source := range sources(t) {
		document, err := contract.Load(source)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = document
	}
	return all
}

// maxText is about how long a message is at most, in bytes.
const maxText = 16 << 10

func TestWordingIsBounded(t *testing.T) {
	document := allDocuments(t)["words"]
	var items strings.Builder
	for i := range 5000 {
		items.WriteString(strings.Repeat(",", min(i, 1)) + `{"name":""}`)
	}
	_, _, message := fastify.Words(judge(t, document, http.MethodPost, "/arrays", []byte(`{"people":[`+items.String()+`]}`)))
	if !strings.HasPrefix(message, "body/people/0 must have required property 'age', body/people/0/name must NOT have fewer than 1 characters, ") ||
		!strings.HasSuffix(message, ", and at least 900 more") || len(message) > maxText+100 {
		t.Errorf("%d bytes: ...%s", len(message), message[max(0, len(message)-100):])
	}

	long := strings.Repeat("é", 200_000)
	_, _, message = fastify.Words(judge(t, document, http.MethodPost, "/objects", []byte(`{"map":{"`+long+`":"x","`+long+`2":"y"}}`)))
	if len(message) > 3*(1<<10) || !utf8.ValidString(message) || !strings.Contains(message, "... must be integer") {
		t.Errorf("%d bytes: %.200s", len(message), message)
	}
}

// Values of the message may be secrets. Names of members may be shown.
func TestWordingShowsNoValue(t *testing.T) {
	const secret = "hunter2-hunter2"
	for document, bodies := range map[string]map[string]string{
		"brms": {
			"/api/projects/{projectId}/integrations": `{"name":["S"],"type":{"a":"S"},"kind":1,"config":{"url":["S"],"timeout":"S","headers":"S","inputs":"S"}}`,
			"/api/projects":                          `{"name":{"S":1},"key":"S ","copyContentRef":"S","protected":"S"}`,
		},
		"words": {
			"/strings": `{"short":"S","slug":"S1","uuid":"S","date":"S","email":"S","uri":"S S","color":"S","flag":"S","secret":["S"],"yes":"S"}`,
			"/unions":  `{"any":["S"],"limits":"S","one":["S"],"shape":{"kind":"S"},"plain":{"kind":"S"},"nested":["S"],"never":["S"]}`,
			"/arrays":  `{"set":["S","S"],"numbers":["S"],"objects":[{"a":"S"},{"a":"S"}],"few":["S","S","S"]}`,
			"/objects": `{"closed":{"a":{"b":"S"}},"map":{"x":"S"},"mixed":{"y":"S"},"tree":"S"}`,
		},
	} {
		for path, body := range bodies {
			refusal := judge(t, allDocuments(t)[document], http.MethodPost, path, []byte(strings.ReplaceAll(body, "S", secret)))
			if _, _, message := fastify.Words(refusal); len(refusal.Violations) == 0 || strings.Contains(message, "hunter2") {
				t.Errorf("%s: %d violations: %s", path, len(refusal.Violations), message)
			}
		}
	}
}

func FuzzWording(f *testing.F) {
	for _, g := range goldens(f) {
		if g.Request.Body != nil && !g.Request.Base64 {
			f.Add([]byte(*g.Request.Body))
		}
	}
	all := allDocuments(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, document := range all {
			for _, op := range document.Operations() {
				refusal := judge(t, document, op.Method, op.Path, body)
				for _, operation := range []*contract.Operation{op, nil} {
					refusal.Operation = operation
					status, code, message := fastify.Words(refusal)
					if status < 400 || status > 499 || !strings.HasPrefix(code, "FST_ERR_") || message == "" {
						t.Errorf("%s: %d %s %q", op.ID, status, code, message)
					}
					if !utf8.ValidString(message) || len(message) > 2*maxText {
						t.Errorf("%s: %d bytes, UTF-8 %t", op.ID, len(message), utf8.ValidString(message))
					}
				}
			}
		}
	})
}

func TestUnsigned(t *testing.T) {
	minus := math.Copysign(0, -1)
	text, err := json.Marshal(unsigned([]any{minus, []any{minus, -1.5}, map[string]any{"a": minus}, "x", nil}))
	if want := `[0,[0,-1.5],{"a":0},"x",null]`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}
