package verify

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/sample"
)

// tiny is a document with one of everything that a check looks at.
const tiny = `openapi: 3.0.3
info: {title: tiny, version: "1"}
security: [{bearer: []}]
paths:
  /things/{id}:
    get:
      operationId: getThing
      parameters:
        - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
        - {name: X-Want, in: header, required: true, schema: {type: string}}
        - {name: yes, in: query, schema: {type: boolean}}
      responses:
        '200':
          description: d
          headers: {X-Count: {required: true, schema: {type: integer}}}
          content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
    put:
      operationId: putThing
      parameters:
        - {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
      responses:
        200: {description: d}
        default: {description: d, content: {application/json: {schema: {type: object, required: [error]}}}}
components:
  securitySchemes: {bearer: {type: http, scheme: bearer}}
  schemas:
    Thing:
      type: object
      required: [name]
      properties:
        name: {type: string, maxLength: 5}
        secret: {type: string, writeOnly: true}
`

func tinyRunner(t testing.TB, handler http.Handler) *runner {
	t.Helper()
	d, err := ParseDocument("tiny", "tiny.yaml", []byte(tiny))
	if err != nil {
		t.Fatal(err)
	}
	if handler == nil {
		handler = http.NotFoundHandler()
	}
	r, err := newRunner(Options{Document: d, Handler: handler, Authorization: "Bearer abcdefgh", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// exchanged is an exchange of the tiny document.
type exchanged struct {
	operation string
	values    map[place]any
	body      any
	purpose   purpose
	use       credentialUse
	method    string // of a call that is not declared
	methods   []string
	status    int
	header    http.Header
	answer    string
	err       error
	took      time.Duration
	limit     time.Duration
	granted   bool
}

func (e *exchanged) exchange(t *testing.T, r *runner) *exchange {
	t.Helper()
	op := r.operation(e.operation)
	x := &exchange{purpose: e.purpose, methods: e.methods, limit: e.limit, granted: e.granted}
	if op == nil {
		x.call = &call{method: e.method, path: "/things/1", header: http.Header{}}
	} else {
		in := &input{values: map[place]any{{"path", "id"}: json.Number("1")}, body: e.body, hasBody: e.body != nil}
		maps.Copy(in.values, e.values)
		c, err := newCall(op, in)
		if err != nil {
			t.Fatal(err)
		}
		x.call = c
		x.judged = r.judge(t.Context(), c)
		lenient(x)
		x.secrets = writtenSecrets(c)
	}
	x.call.credential = e.use
	if e.header == nil {
		e.header = http.Header{"Content-Type": {"application/json"}, "X-Count": {"3"}}
	}
	x.answer = &answer{status: e.status, header: e.header, body: []byte(e.answer), err: e.err, took: e.took}
	return x
}

var (
	want        = place{"header", "X-Want"}
	yes         = place{"query", "yes"}
	asked       = map[place]any{want: "a"}
	plainHeader = http.Header{}
)

// Each check fires where it should, and only there.
func TestChecks(t *testing.T) {
	r := tinyRunner(t, nil)
	text := http.Header{"Content-Type": {"text/plain"}, "X-Count": {"3"}}
	noCount := http.Header{"Content-Type": {"application/json"}}
	for _, c := range []struct {
		name string
		exchanged
		finds []string
	}{
		{"right", exchanged{operation: "getThing", values: asked, status: 200, answer: `{"name":"a"}`}, nil},
		{"500", exchanged{operation: "putThing", body: map[string]any{"name": "a"}, status: 500, answer: `{"error":1}`}, []string{CheckServerError}},
		{"503 with a wrong request", exchanged{operation: "putThing", body: "a", status: 503, answer: `{"error":1}`}, []string{CheckServerError}},
		{"no answer", exchanged{operation: "getThing", values: asked, err: errors.New("reset")}, []string{CheckServerError}},
		{"501 to a method", exchanged{purpose: purposeMethod, method: "PATCH", status: 501}, nil},
		{"500 to a method", exchanged{purpose: purposeMethod, method: "PATCH", status: 500}, []string{CheckServerError}},

		{"undeclared status", exchanged{operation: "getThing", values: asked, status: 202, answer: `{}`}, []string{CheckStatus}},
		{"default answer", exchanged{operation: "putThing", body: map[string]any{"name": "a"}, status: 409, answer: `{"error":1}`}, nil},
		{"default answer that is wrong", exchanged{operation: "putThing", body: map[string]any{"name": "a"}, status: 409, answer: `{}`}, []string{CheckResponseSchema}},
		{"text", exchanged{operation: "getThing", values: asked, status: 200, header: text, answer: `a`}, []string{CheckContentType}},
		{"no type", exchanged{operation: "getThing", values: asked, status: 200, header: http.Header{"X-Count": {"3"}}, answer: `{"name":"a"}`}, []string{CheckContentType}},
		{"no header", exchanged{operation: "getThing", values: asked, status: 200, header: noCount, answer: `{"name":"a"}`}, []string{CheckResponseHeaders}},
		{"wrong schema", exchanged{operation: "getThing", values: asked, status: 200, answer: `{"name":7}`}, []string{CheckResponseSchema}},
		{"no JSON", exchanged{operation: "getThing", values: asked, status: 200, answer: `{"name`}, []string{CheckResponseSchema}},
		{"undeclared body", exchanged{operation: "putThing", body: map[string]any{"name": "a"}, status: 200, answer: `{}`}, []string{CheckResponseSchema}},

		{"wrong and taken", exchanged{operation: "putThing", body: map[string]any{"name": "abcdef"}, status: 200, header: plainHeader}, []string{CheckNegativeData}},
		{"wrong and refused", exchanged{operation: "putThing", body: map[string]any{"name": "abcdef"}, status: 422, answer: `{"error":1}`}, nil},
		{"wrong and not found", exchanged{operation: "putThing", body: map[string]any{"name": "abcdef"}, status: 404, answer: `{"error":1}`}, nil},
		{"wrong and redirected", exchanged{operation: "putThing", body: map[string]any{"name": "abcdef"}, status: 307, answer: `{"error":1}`}, nil},
		{"1 for a boolean", exchanged{operation: "getThing", values: map[place]any{want: "a", yes: json.Number("1")}, status: 200, answer: `{"name":"a"}`}, nil},
		{"2 for a boolean", exchanged{operation: "getThing", values: map[place]any{want: "a", yes: json.Number("2")}, status: 200, answer: `{"name":"a"}`}, []string{CheckNegativeData}},

		{"right and refused", exchanged{operation: "putThing", body: map[string]any{"name": "abcde"}, status: 400, answer: `{"error":1}`}, []string{CheckPositiveData}},
		{"right and not found", exchanged{operation: "putThing", body: map[string]any{"name": "abcde"}, status: 404, answer: `{"error":1}`}, nil},
		{"right and in conflict", exchanged{operation: "putThing", body: map[string]any{"name": "abcde"}, status: 409, answer: `{"error":1}`}, nil},
		{"set-up that is refused", exchanged{operation: "putThing", body: map[string]any{"name": "abcde"}, purpose: purposeSetUp, status: 400, answer: `{"error":1}`}, nil},

		{"without the header", exchanged{operation: "getThing", purpose: purposeHeader, status: 200, answer: `{"name":"a"}`}, []string{CheckRequiredHeader}},
		{"without the header, refused", exchanged{operation: "putThing", purpose: purposeHeader, status: 400, answer: `{"error":1}`}, nil},

		{"undeclared method", exchanged{purpose: purposeMethod, method: "PATCH", status: 200}, []string{CheckMethod}},
		{"undeclared method, 400", exchanged{purpose: purposeMethod, method: "PATCH", status: 400}, []string{CheckMethod}},
		{"undeclared method, 404", exchanged{purpose: purposeMethod, method: "PATCH", status: 404}, nil},
		{"OPTIONS", exchanged{purpose: purposeMethod, method: "OPTIONS", status: 200}, nil},

		{"405 without Allow", exchanged{purpose: purposeMethod, method: "PATCH", status: 405, methods: []string{"GET"}}, []string{CheckAllow}},
		{"405 with Allow", exchanged{purpose: purposeMethod, method: "PATCH", status: 405, methods: []string{"GET", "HEAD"}, header: http.Header{"Allow": {"GET, OPTIONS"}}}, nil},
		{"Allow lists what is refused", exchanged{purpose: purposeMethod, method: "PATCH", status: 405, methods: []string{"GET"}, header: http.Header{"Allow": {"GET, PATCH"}}}, []string{CheckAllow}},
		{"Allow omits what is declared", exchanged{purpose: purposeMethod, method: "PATCH", status: 405, methods: []string{"GET", "PUT"}, header: http.Header{"Allow": {"GET"}}}, []string{CheckAllow}},

		{"no credential", exchanged{operation: "getThing", values: asked, purpose: purposeUnauthorised, use: credentialNone, status: 200, answer: `{"name":"a"}`}, []string{CheckAuth}},
		{"wrong credential", exchanged{operation: "getThing", values: asked, purpose: purposeUnauthorised, use: credentialWrong, status: 200, answer: `{"name":"a"}`}, []string{CheckAuth}},
		{"no credential, 401", exchanged{operation: "putThing", purpose: purposeUnauthorised, use: credentialNone, status: 401, answer: `{"error":1}`}, nil},
		{"no credential, 404", exchanged{operation: "putThing", purpose: purposeUnauthorised, use: credentialNone, status: 404, answer: `{"error":1}`, granted: true}, nil},
		{"no credential, 400", exchanged{operation: "putThing", purpose: purposeUnauthorised, use: credentialNone, status: 400, answer: `{"error":1}`}, nil},
		{"no credential, 400, and fine with one", exchanged{operation: "putThing", purpose: purposeUnauthorised, use: credentialNone, status: 400, answer: `{"error":1}`, granted: true}, []string{CheckAuth}},

		{"slow", exchanged{operation: "getThing", values: asked, status: 200, answer: `{"name":"a"}`, took: 2 * time.Second, limit: time.Second}, []string{CheckResponseTime}},
		{"slow, and no limit", exchanged{operation: "getThing", values: asked, status: 200, answer: `{"name":"a"}`, took: time.Hour}, nil},

		{"secret in the answer", exchanged{operation: "getThing", values: asked, status: 200, answer: `{"name":"a","secret":"b"}`}, []string{CheckWriteOnly}},
		{"secret repeated", exchanged{operation: "putThing", body: map[string]any{"name": "a", "secret": "w0123456789abc"}, status: 409, answer: `{"error":"w0123456789abc"}`}, []string{CheckWriteOnly}},
		{"secret that may be chance", exchanged{operation: "putThing", body: map[string]any{"name": "a", "secret": "12345678"}, status: 409, answer: `{"error":"12345678"}`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var found []string
			for _, f := range judgeExchange(context.Background(), c.exchange(t, r)) {
				if !slices.Contains(found, f.check) {
					found = append(found, f.check)
				}
				if f.message == "" || f.rule == "" || f.in == "" {
					t.Errorf("incomplete: %+v", f)
				}
			}
			if !slices.Equal(found, c.finds) {
				t.Errorf("finds %q, want %q", found, c.finds)
			}
		})
	}
}

func TestDeletedAgain(t *testing.T) {
	for _, c := range []struct {
		first, second, third int
		wrong                bool
	}{
		{204, 404, 404, false},
		{204, 410, 410, false},
		{204, 204, 204, false},
		{200, 429, 404, false},
		{204, 200, 200, true},
		{204, 409, 409, true},
		{204, 500, 500, true},
		{204, 404, 204, true},
	} {
		_, wrong := deletedAgain(&answer{status: c.first}, &answer{status: c.second}, &answer{status: c.third})
		if wrong != c.wrong {
			t.Errorf("%d, %d, %d: %t", c.first, c.second, c.third, wrong)
		}
	}
}

func value(t *testing.T, text string) any {
	t.Helper()
	v, ok := decode([]byte(text))
	if !ok {
		t.Fatal(text)
	}
	return v
}

func TestRoundTrip(t *testing.T) {
	thing := tinyRunner(t, nil).operation("putThing").body
	for _, c := range []struct {
		written, read string
		differs       bool
	}{
		{`{"name":"a"}`, `{"name":"a","id":3}`, false},
		{`{"name":"a"}`, `{"name":"b"}`, true},
		{`{"name":"a"}`, `{"thing":{"name":"b"}}`, true},
		{`{"name":"a"}`, `{"thing":{"name":"a"}}`, false},
		{`{"name":"a"}`, `{"id":3}`, false},
		{`{"name":null}`, `{"name":"b"}`, false},
		{`{"name":"a","secret":"x"}`, `{"name":"a","secret":"***"}`, false},
		{`{"name":"a","other":1}`, `{"name":"a","other":2}`, false},
		{`["a"]`, `["b"]`, false},
	} {
		if _, _, _, differs := lost(thing, value(t, c.written), value(t, c.read)); differs != c.differs {
			t.Errorf("%s, %s: %t", c.written, c.read, differs)
		}
	}
}

func TestUnmentioned(t *testing.T) {
	op := tinyRunner(t, nil).operation("putThing")
	patch := *op.Operation
	patch.Method = http.MethodPatch
	patching := &operation{Operation: &patch, body: op.body}
	for _, c := range []struct {
		op                     *operation
		same                   bool // made from the same schema
		written, before, after string
		wrong                  bool
	}{
		{patching, false, `{"secret":"x"}`, `{"name":"a","secret":"1"}`, `{"name":"a","secret":"2"}`, false},
		{patching, false, `{"secret":"x"}`, `{"name":"a","secret":"1"}`, `{"name":"b","secret":"2"}`, true},
		{patching, false, `{"name":"b"}`, `{"name":"a","at":"1"}`, `{"name":"b","at":"2"}`, false},
		{op, true, `{"name":"b"}`, `{"name":"a","secret":"1"}`, `{"name":"b","secret":"1"}`, true},
		{op, true, `{"name":"b"}`, `{"name":"a","secret":""}`, `{"name":"b","secret":""}`, false},
		{op, true, `{"name":"b"}`, `{"name":"a","secret":"1"}`, `{"name":"b","secret":null}`, false},
		{op, false, `{"name":"b"}`, `{"name":"a","secret":"1"}`, `{"name":"b","secret":"1"}`, false},
	} {
		making := op.body
		if !c.same {
			making = nil
		}
		written, _ := value(t, c.written).(map[string]any)
		if _, wrong := unmentioned(c.op, making, written, value(t, c.before), value(t, c.after)); wrong != c.wrong {
			t.Errorf("%s %s, %s, %s: %t", c.op.Method, c.written, c.before, c.after, wrong)
		}
	}
}

func TestPagingLaws(t *testing.T) {
	run := func(asked, total int, last bool, pages ...string) []page {
		var out []page
		for i, text := range pages {
			p := page{asked: asked, total: total, last: last && i == len(pages)-1}
			for item := range strings.SplitSeq(text, "") {
				p.items = append(p.items, item)
			}
			out = append(out, p)
		}
		return out
	}
	for _, c := range []struct {
		name string
		runs [][]page
		want []string
	}{
		{"kept", [][]page{run(9, 5, true, "abcde"), run(2, 5, true, "ab", "cd", "e")}, nil},
		{"no total", [][]page{run(9, -1, true, "abcde"), run(2, -1, true, "ab", "cd", "e")}, nil},
		{"not seen to the end", [][]page{run(9, 9, false, "abcde"), run(2, 9, false, "ab")}, nil},
		{"duplicates", [][]page{run(9, 5, true, "abcde"), run(2, 5, true, "ab", "bc", "cd", "e")}, []string{"duplicates"}},
		{"gaps", [][]page{run(9, 5, true, "abcde"), run(2, -1, true, "ab", "d", "e")}, []string{"gaps"}},
		{"total", [][]page{run(9, 4, true, "abcde")}, []string{"total"}},
		{"size", [][]page{run(2, -1, true, "abc")}, []string{"size"}},
	} {
		var got []string
		for _, f := range pagingLaws(c.runs, scalarText) {
			got = append(got, f.rule)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A lane whose time is over makes no more values, however long one takes.
func TestTimeIsOver(t *testing.T) {
	r := tinyRunner(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	l := r.lane(ctx, 0, "over")
	op := r.operation("putThing")
	made := func() bool {
		_, a := sample.Valid(l.rand, op.body, l.generated())
		_, b := sample.Minimal(op.body, l.certain())
		_, c := l.minimalParam(op.params[0])
		_, d := l.pathValue(op.params[0])
		_, e := l.randomParam(op.params[0], schemaOf(op.params[0]))
		return a || b || c || d || e
	}
	if !made() {
		t.Error("nothing is made")
	}
	stop()
	if made() {
		t.Error("something is made")
	}
}
