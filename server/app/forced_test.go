package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/sample"
	"github.com/understudy-api/understudy/server/site"
)

// delays notes what a server was asked to wait, and does not wait.
type delays struct {
	mu  sync.Mutex
	all []time.Duration
}

func (d *delays) wait(_ context.Context, delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, delay)
}

func (d *delays) take() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.all
	d.all = nil
	return all
}

// target is an API with a request of it that keeps its document.
type target struct {
	name      string
	header    http.Header
	operation string
	method    string
	path      string
	body      string
	status    int // when nothing is forced
}

var targets = []target{
	{"brms", bearer("forced"), "createProject", "POST", "/api/projects", `{"name":"Forced","key":"forced-{n}"}`, 200},
	{"datafold", key("forced"), "create_dbt_integration_api_v1_lineage_bi_dbt__post", "POST", "/api/v1/lineage/bi/dbt/", `{"name":"Forced","ci_config_id":1,"indexing_cron":"0 0 * * *"}`, 200},
}

func (w *standIn) putFault(t *testing.T, header http.Header, name, query, definition string) {
	t.Helper()
	if got := w.do(t, "PUT", "/_understudy/faults/"+name+query, header, strings.NewReader(definition)); got.status != 200 {
		t.Fatalf("put fault: %d %s", got.status, got.body)
	}
}

// sent numbers the requests, so that no two ask for the same key.
var sent atomic.Int64

// send makes a target's request over a connection of its own, and reads what
// comes: err is what broke it.
func (w *standIn) send(t *testing.T, x target, more http.Header) (got answered, err error) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := strings.ReplaceAll(x.body, "{n}", strconv.FormatInt(sent.Add(1), 10))
	r, err := http.NewRequestWithContext(t.Context(), x.method, w.url+x.path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = x.header.Clone()
	for name, values := range more {
		r.Header[name] = values
		if name == "Host" {
			r.Host = values[0]
		}
	}
	if err := r.Write(conn); err != nil {
		return got, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		return got, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answered{resp.StatusCode, resp.Header, string(text)}, err
}

// Each kind of fault, over a real connection, on both APIs: what the client sees,
// what is remembered of it, and that it is nobody's violation.
func TestFaultKinds(t *testing.T) {
	tests := []struct {
		name   string
		do     string
		when   string
		answer func(t *testing.T, x target, got answered, err error, waited []time.Duration)
		forced string // of the exchange
		status int    // of the exchange; 0 for a connection that was reset
		served bool   // the request was carried out
	}{
		{
			name: "declared status", do: `{"status":503}`, forced: "status 503", status: 503,
			answer: func(t *testing.T, x target, got answered, err error, _ []time.Duration) {
				t.Helper()
				if err != nil || got.status != 503 || got.header.Get("Retry-After") == "" {
					t.Errorf("got %+v %v", got, err)
				}
				if err := inShapeOf(x.name, 503, got.header, got.body); err != nil {
					t.Error(err)
				}
			},
		},
		{
			name: "success", do: `{"status":200}`, forced: "status 200", status: 200,
			answer: func(t *testing.T, _ target, got answered, err error, _ []time.Duration) {
				t.Helper()
				if err != nil || got.status != 200 || len(got.body) < 10 {
					t.Errorf("got %+v %v", got, err)
				}
			},
		},
		{
			name: "undeclared status", do: `{"status":418,"undeclared":true,"headers":{"X-Tea":"pot"}}`, forced: "status 418", status: 418,
			answer: func(t *testing.T, x target, got answered, err error, _ []time.Duration) {
				t.Helper()
				if err != nil || got.status != 418 || got.header.Get("X-Tea") != "pot" {
					t.Errorf("got %+v %v", got, err)
				}
				if err := inShapeOf(x.name, 418, got.header, got.body); err != nil {
					t.Error(err)
				}
			},
		},
		{
			name: "given body", do: `{"status":500,"undeclared":true,"body":{"oops":[1]}}`, forced: "status 500", status: 500,
			answer: func(t *testing.T, _ target, got answered, err error, _ []time.Duration) {
				t.Helper()
				if err != nil || got.status != 500 || got.body != `{"oops":[1]}` {
					t.Errorf("got %+v %v", got, err)
				}
			},
		},
		{
			name: "fixed delay", do: `{"delay":{"fixed":1500}}`, forced: "delay 1.5s", status: 200, served: true,
			answer: func(t *testing.T, x target, got answered, err error, waited []time.Duration) {
				t.Helper()
				if err != nil || got.status != x.status || !cmp.Equal(waited, []time.Duration{1500 * time.Millisecond}) {
					t.Errorf("got %+v %v after %v", got, err, waited)
				}
			},
		},
		{
			name: "drawn delay", do: `{"delay":{"uniform":{"from":100,"to":200}},"status":404,"undeclared":true}`, status: 404,
			answer: func(t *testing.T, _ target, got answered, err error, waited []time.Duration) {
				t.Helper()
				if err != nil || got.status != 404 || len(waited) != 1 || waited[0] < 100*time.Millisecond || waited[0] > 200*time.Millisecond {
					t.Errorf("got %+v %v after %v", got, err, waited)
				}
			},
		},
		{
			name: "reset", do: `{"connection":"reset"}`, forced: "reset", status: 0,
			answer: func(t *testing.T, _ target, got answered, err error, _ []time.Duration) {
				t.Helper()
				if !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("got %+v %v, want a reset", got, err)
				}
			},
		},
		{
			name: "reset after", do: `{"connection":"resetAfter"}`, forced: "resetAfter", status: 0, served: true,
			answer: func(t *testing.T, _ target, got answered, err error, _ []time.Duration) {
				t.Helper()
				if !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("got %+v %v, want a reset", got, err)
				}
			},
		},
		{
			name: "truncate", do: `{"truncate":9}`, forced: "truncate 9", status: 200, served: true,
			answer: func(t *testing.T, x target, got answered, err error, _ []time.Duration) {
				t.Helper()
				if !errors.Is(err, io.ErrUnexpectedEOF) || got.status != x.status || len(got.body) != 9 {
					t.Errorf("got %+v %v", got, err)
				}
			},
		},
		{
			name: "truncated error", do: `{"status":503,"truncate":0}`, forced: "status 503, truncate 0", status: 503,
			answer: func(t *testing.T, _ target, got answered, err error, _ []time.Duration) {
				t.Helper()
				if !errors.Is(err, io.ErrUnexpectedEOF) || got.status != 503 || got.body != "" {
					t.Errorf("got %+v %v", got, err)
				}
			},
		},
		{
			name: "rate limit", do: `{"rateLimit":{"requests":0,"seconds":30}}`, forced: "status 429", status: 429,
			answer: func(t *testing.T, x target, got answered, err error, _ []time.Duration) {
				t.Helper()
				if err != nil || got.status != 429 || got.header.Get("Retry-After") != "30" {
					t.Errorf("got %+v %v", got, err)
				}
				if err := inShapeOf(x.name, 429, got.header, got.body); err != nil {
					t.Error(err)
				}
			},
		},
	}
	for _, x := range targets {
		for _, test := range tests {
			t.Run(x.name+"/"+test.name, func(t *testing.T) {
				waits := &delays{}
				w := startServer(t, Options{Wait: waits.wait})
				w.putFault(t, x.header, "f", "", `{"match":{"operation":"`+x.operation+`"},"when":{"times":1},"do":`+test.do+`}`)
				got, err := w.send(t, x, nil)
				test.answer(t, x, got, err, waits.take())

				again, err := w.send(t, x, nil)
				if err != nil || again.status != x.status {
					t.Errorf("after the fault: %+v %v", again, err)
				}
				page := w.exchangesOf(t, x.header, "")
				if len(page.Exchanges) != 2 {
					t.Fatalf("%d exchanges, want 2", len(page.Exchanges))
				}
				first := page.Exchanges[1]
				if first.Forced == nil || first.Forced.Fault == nil || *first.Forced.Fault != "f" || string(first.Forced.By) != site.ForcedByFault {
					t.Fatalf("the exchange is not marked: %+v", first.Forced)
				}
				if test.forced != "" && first.Forced.What != test.forced {
					t.Errorf("forced %q, want %q", first.Forced.What, test.forced)
				}
				if first.Status != test.status || page.Exchanges[0].Forced != nil {
					t.Errorf("status %d, want %d; the other is forced: %v", first.Status, test.status, page.Exchanges[0].Forced)
				}
				report := w.reportOf(t, x.header, "")
				if len(report.Violations) > 0 {
					t.Errorf("violations: %+v", report.Violations)
				}
				if op := operationOf(t, report, x.operation); test.status != 0 && test.status != 418 && test.status != 404 && test.status != 200 {
					if row := rowIn(t, op, test.status); row.Requests != 0 || row.Forced != 1 || !row.Met() {
						t.Errorf("row %d counts %d requests and %d forced, want one forced", test.status, row.Requests, row.Forced)
					}
				}
				if n := w.made(t, x); n != map[bool]int{false: 1, true: 2}[test.served] {
					t.Errorf("%d resources; the forced request was carried out: want %v", n, test.served)
				}
			})
		}
	}
}

// made counts the resources that a target's request makes.
func (w *standIn) made(t *testing.T, x target) int {
	t.Helper()
	if x.name == "brms" {
		got := w.do(t, "GET", "/api/projects?perPage=100", x.header, nil)
		return strings.Count(got.body, `"organisationId"`)
	}
	got := w.do(t, "GET", "/api/v1/lineage/bi/", x.header, nil)
	return strings.Count(got.body, `"type"`)
}

// What a request asks for in the header Prefer.
func TestPrefer(t *testing.T) {
	for _, x := range targets {
		waits := &delays{}
		w := startServer(t, Options{Wait: waits.wait})
		tests := []struct {
			prefer []string
			status int
			body   string
			waited []time.Duration
			forced string
		}{
			{[]string{"code=403"}, 403, "", nil, "status 403"},
			{[]string{`code="403", delay=200`}, 403, "", []time.Duration{200 * time.Millisecond}, "delay 200ms, status 403"},
			{[]string{"delay=0.5"}, 200, "", []time.Duration{500 * time.Microsecond}, "delay 500µs"},
			{[]string{"respond-async", "code=403; x=y"}, 403, "", nil, "status 403"},
			{[]string{"code=418"}, 400, "does not declare 418; it declares 200, ", nil, "refused: "},
			{[]string{"code=418, undeclared"}, 418, "", nil, "status 418"},
			{[]string{"code=teapot"}, 400, "code: want a status from 200 to 599", nil, "refused: "},
			{[]string{"delay=-1"}, 400, "delay: want milliseconds", nil, "refused: "},
			{[]string{"example=none-such"}, 400, "example: ", nil, "refused: "},
			{[]string{"return=minimal"}, 200, "", nil, ""},
		}
		for _, test := range tests {
			t.Run(x.name+"/"+strings.Join(test.prefer, "+"), func(t *testing.T) {
				got, err := w.send(t, x, http.Header{"Prefer": test.prefer})
				if err != nil || got.status != test.status || !strings.Contains(got.body, test.body) {
					t.Errorf("%+v %v", got, err)
				}
				if got.status >= 400 {
					if err := inShapeOf(x.name, test.status, got.header, got.body); err != nil {
						t.Error(err)
					}
				}
				if waited := waits.take(); !cmp.Equal(waited, test.waited) {
					t.Errorf("waited %v, want %v", waited, test.waited)
				}
				last := w.exchangesOf(t, x.header, "?limit=1").Exchanges[0]
				switch {
				case test.forced == "" && last.Forced != nil:
					t.Errorf("forced: %+v", last.Forced)
				case test.forced != "" && (last.Forced == nil || !strings.HasPrefix(last.Forced.What, test.forced) || string(last.Forced.By) != site.ForcedByPrefer):
					t.Errorf("forced %+v, want %q", last.Forced, test.forced)
				}
			})
		}
		if report := w.reportOf(t, x.header, ""); len(report.Violations) > 0 {
			t.Errorf("violations: %+v", report.Violations)
		}
	}
}

// What is wrong with a request is told all the same when its answer is forced.
func TestForcedAnswerHidesNoViolation(t *testing.T) {
	w := startServer(t, Options{})
	header := bearer("forced")
	header.Set("Prefer", "code=503")
	got := w.do(t, "POST", "/api/projects", header, strings.NewReader(`{"name":7,"key":"seven"}`))
	if got.status != 503 {
		t.Fatalf("%+v", got)
	}
	report := w.reportOf(t, bearer("forced"), "")
	if len(report.Violations) != 1 || report.Violations[0].Pointer != "/name" {
		t.Errorf("violations: %+v", report.Violations)
	}
}

// A name selects a workspace of its own, by header and by host.
func TestSubWorkspaces(t *testing.T) {
	w := startServer(t, Options{})
	project := targets[0]
	port := w.url[strings.LastIndex(w.url, ":"):]
	in := func(name string) http.Header { return http.Header{site.WorkspaceHeader: {name}} }
	host := func(name string) http.Header { return http.Header{"Host": {name + port}} }
	for _, more := range []http.Header{nil, in("a"), in("b"), host("b.localhost"), host("c.localhost"), host("localhost"), host("localhost.")} {
		if got, err := w.send(t, project, more); err != nil || got.status != 200 {
			t.Fatalf("%v: %+v %v", more, got, err)
		}
	}
	list := target{"brms", project.header, "listProjects", "GET", "/api/projects?perPage=100", "", 200}
	for _, test := range []struct {
		more http.Header
		want int
	}{
		{nil, 3},
		{in("a"), 1},
		{in("A"), 1},
		{in("b"), 2},
		{host("B.LocalHost"), 2},
		{host("c.localhost"), 1},
		{in("d"), 0},
		{http.Header{site.WorkspaceHeader: {"a"}, "Host": {"b.localhost" + port}}, 1},
	} {
		got, err := w.send(t, list, test.more)
		if n := strings.Count(got.body, `"organisationId"`); err != nil || n != test.want {
			t.Errorf("%v: %d projects, want %d: %+v %v", test.more, n, test.want, got, err)
		}
	}
	for _, bad := range []http.Header{in(""), in("a b"), in("-a"), in(strings.Repeat("a", 64)), {site.WorkspaceHeader: {"a", "b"}}, host("not_a_name.localhost"), host("a.b.localhost"), host("a.localhost.")} {
		for _, x := range append(targets, target{"understudy", project.header, "getReport", "GET", "/_understudy/report", "", 200}) {
			got, err := w.send(t, x, bad)
			if err != nil || got.status != 400 || !strings.Contains(got.body, "63 at most") {
				t.Errorf("%s %v: %+v %v", x.name, bad, got, err)
				continue
			}
			if err := inShapeOf(x.name, 400, got.header, got.body); err != nil {
				t.Error(err)
			}
		}
	}
	// The control API looks into the same workspace.
	header := bearer("forced")
	header.Set(site.WorkspaceHeader, "a")
	if report := w.reportOf(t, header, ""); report.Requests != 4 {
		t.Errorf("%d requests in a, want 4", report.Requests)
	}
}

// Two runs of a scenario with a seed, a frozen clock and ids from a seed give the
// same exchanges, byte for byte.
func TestRunsAreIdentical(t *testing.T) {
	for _, source := range []string{"sequential", "seeded"} {
		run := func() string {
			w := startServer(t, Options{})
			for _, step := range [][3]string{
				{"PUT", "/_understudy/clock", `{"frozen":true,"now":"2026-01-01T00:00:00Z"}`},
				{"PUT", "/_understudy/ids", `{"source":"` + source + `","seed":7}`},
			} {
				if got := w.do(t, step[0], step[1], bearer("same"), strings.NewReader(step[2])); got.status != 200 {
					t.Fatalf("%v: %+v", step, got)
				}
			}
			w.putFault(t, bearer("same"), "flaky", "", `{"match":{"operation":"listProjects"},"when":{"probability":0.5,"seed":3},"do":{"status":503,"delay":{"fixed":1}}}`)
			var out strings.Builder
			note := func(got answered) {
				got.header.Del("Content-Length")
				fmt.Fprintf(&out, "%d %v %s\n", got.status, got.header, got.body)
			}
			for i := range 12 {
				note(w.do(t, "POST", "/api/projects", bearer("same"), strings.NewReader(fmt.Sprintf(`{"name":"P %d","key":""}`, i))))
				note(w.do(t, "GET", "/api/projects", bearer("same"), nil))
				note(w.do(t, "POST", "/api/v1/lineage/bi/dbt/", key("same"), strings.NewReader(targets[1].body)))
				note(w.do(t, "POST", "/api/projects", bearer("same"), strings.NewReader(`{"name":7}`)))
				note(w.do(t, "GET", "/api/v1/lineage/bi/", key("same"), nil))
				if i == 6 {
					if got := w.do(t, "POST", "/_understudy/clock/advance", bearer("same"), strings.NewReader(`{"by":"36h"}`)); got.status != 200 {
						t.Fatalf("%+v", got)
					}
				}
			}
			list := w.do(t, "GET", "/_understudy/exchanges?limit=1000", bearer("same"), nil)
			out.WriteString(list.body)
			for _, x := range w.exchangesOf(t, bearer("same"), "?limit=1000").Exchanges {
				out.WriteString(w.do(t, "GET", "/_understudy/exchanges/"+x.ID, bearer("same"), nil).body)
			}
			return out.String()
		}
		one, two := run(), run()
		if diff := cmp.Diff(strings.Split(one, "\n"), strings.Split(two, "\n")); diff != "" {
			t.Errorf("%s: two runs differ:\n%s", source, diff)
		}
		if !strings.Contains(one, `"forced"`) || !strings.Contains(one, "2026-01-02T12:00:00") {
			t.Error("the scenario does not do what it should")
		}
	}
}

// Pages of the origins that are named may call; others may not, and by default
// none may.
func TestCORS(t *testing.T) {
	const page = "http://localhost:3000"
	w := startServer(t, Options{CORS: []string{page}})
	ask := func(w *standIn, method, origin string, more http.Header) answered {
		header := bearer("cors")
		header.Set("Origin", origin)
		maps.Copy(header, more)
		return w.do(t, method, "/api/projects", header, nil)
	}
	preflight := http.Header{"Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"}}
	if got := ask(w, "OPTIONS", page, preflight); got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != page ||
		got.header.Get("Access-Control-Allow-Methods") != "POST" || !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "authorization") {
		t.Errorf("preflight: %+v", got)
	}
	if got := ask(w, "OPTIONS", "http://elsewhere.example", preflight); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of another page: %+v", got)
	}
	if got := ask(w, "GET", page, nil); got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("request: %+v", got)
	}
	header := http.Header{"Authorization": {"none"}}
	if got := ask(w, "GET", page, header); got.status != 401 || got.header.Get("Access-Control-Allow-Origin") != page ||
		!strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "Understudy-Exchange") {
		t.Errorf("refused request: %+v", got)
	}
	if n := len(w.exchangesOf(t, bearer("cors"), "").Exchanges); n != 1 {
		t.Errorf("%d exchanges, want 1: a preflight is none", n)
	}
	closed := startServer(t, Options{})
	if got := ask(closed, "GET", page, nil); got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without --cors: %+v", got)
	}
	for list, bad := range map[string]string{
		"": "", "*": "", "http://a.example,https://b.example:8443": "", "http://a.example http://[::1]:3000": "",
		"a.example": "a.example", "http://a.example/": "http://a.example/", "http://a.example, http://b.example/x": "http://b.example/x", "http://": "http://",
	} {
		if _, got := origins(list); got != bad {
			t.Errorf("origins(%q): bad %q, want %q", list, got, bad)
		}
	}
}

// Every status that any operation declares can be asked for, comes as the document
// declares it, covers its row, and is nobody's violation.
func TestEveryDeclaredStatusCanBeForced(t *testing.T) {
	w := startServer(t, Options{})
	anyID := regexp.MustCompile(`\{\w+\}`)
	forced := 0
	for _, d := range w.judge.documents {
		header := map[string]http.Header{"brms": bearer("every"), "datafold": key("every")}[d.document.API]
		if header == nil {
			continue
		}
		for _, op := range d.document.Operations() {
			var body []byte
			if s := op.BodySchema(); s != nil {
				value, ok := sample.Minimal(s, sample.Options{Request: true})
				if !ok {
					t.Fatalf("no body for %s", op.ID)
				}
				body, _ = json.Marshal(value)
			}
			id := "3f1c2d4e-5b6a-4c7d-8e9f-0a1b2c3d4e5f"
			if d.document.API == "datafold" {
				id = "7"
			}
			path := anyID.ReplaceAllString(op.Path, id)
			contentType := ""
			for _, b := range op.RequestBodies() {
				switch b.MediaType {
				case "multipart/form-data": // whose files are what they are
					contentType, body = "multipart/form-data; boundary=b", nil
					for _, name := range b.Schema.Required {
						file := ""
						if s := b.Schema.Properties[name].Value; !s.Type.Is("string") || s.Format == "binary" {
							file = "; filename=\"a.zip\""
						}
						body = append(body, "--b\r\nContent-Disposition: form-data; name=\""+name+"\""+file+"\r\n\r\nPK\r\n"...)
					}
					body = append(body, "--b--\r\n"...)
				case "application/x-www-form-urlencoded":
					contentType, body = b.MediaType, nil
					for _, name := range b.Schema.Required {
						body = append(body, name+"=x&"...)
					}
				case "*/*":
					contentType, body = "application/octet-stream", []byte("PK")
				}
			}
			bodies := [][]byte{body}
			if body != nil && slices.ContainsFunc(op.Rows(), func(r contract.Row) bool { return r.RequestType == "" && r.Status == 200 }) {
				bodies = append(bodies, nil) // it may be left out
			}
			for _, status := range op.DeclaredStatuses() {
				for _, body := range bodies {
					asked := header.Clone()
					asked.Set("Prefer", "code="+strconv.Itoa(status))
					if contentType != "" {
						asked.Set("Content-Type", contentType)
					}
					got := w.do(t, op.Method, path, asked, bytes.NewReader(body))
					if got.status != status || got.header.Get("Preference-Applied") != "code="+strconv.Itoa(status) {
						t.Errorf("%s %d: %+v", op.ID, status, got)
					}
					forced++
				}
			}
		}
	}
	report := w.reportOf(t, bearer("every"), "?coverageOf=all")
	for _, v := range report.Violations {
		t.Errorf("%s %s: %s", v.Operation, v.Rule, v.Message)
	}
	rows := 0
	for _, op := range report.Operations {
		for _, row := range op.Rows {
			rows++
			// A success that was only forced is not one: nothing was done.
			if row.Requests != 0 || row.Forced == 0 || row.Met() != (row.Status >= 400) {
				t.Errorf("%s: %+v", op.ID, row)
			}
		}
	}
	if forced < 100 || forced != rows {
		t.Errorf("%d statuses forced of %d rows", forced, rows)
	}
}
