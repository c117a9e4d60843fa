package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/evidence/render"
	"github.com/understudy-api/understudy/server/verify"
	"github.com/understudy-api/understudy/server/verify/buggy"
)

func run(t *testing.T, o verify.Options) *verify.Result {
	t.Helper()
	if o.Document == nil {
		o.Document = shop(t, buggy.Document())
	}
	if o.Authorization == "" {
		o.Authorization = "Bearer " + buggy.Token
	}
	result, err := verify.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// logged keeps the requests that a handler gets.
func logged(h http.Handler) (handler http.Handler, said func() []string) {
	var mu sync.Mutex
	var log []string
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body bytes.Buffer
			_, _ = body.ReadFrom(r.Body)
			r.Body = http.NoBody
			if body.Len() > 0 {
				r.Body = readCloser{bytes.NewReader(body.Bytes())}
			}
			mu.Lock()
			log = append(log, r.Method+" "+r.RequestURI+" "+body.String())
			mu.Unlock()
			h.ServeHTTP(w, r)
		}), func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(log)
		}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// The same seed gives the same requests: one after the other with one worker, and
// as many with several.
func TestVerifySeed(t *testing.T) {
	requests := func(seed uint64, workers int) []string {
		h, log := logged(trivial)
		run(t, verify.Options{Handler: h, Seed: seed, Workers: workers, MaxExamples: 5})
		return log()
	}
	one := requests(5, 1)
	if diff := cmp.Diff(one, requests(5, 1)); diff != "" {
		t.Errorf("another run has other requests: %s", diff)
	}
	if other := requests(6, 1); slices.Equal(one, other) {
		t.Error("another seed has the same requests")
	}
	many := requests(5, 8)
	slices.Sort(one)
	slices.Sort(many)
	if diff := cmp.Diff(one, many); diff != "" {
		t.Errorf("more workers make other requests: %s", diff)
	}
}

// A finding is small, and is found again by its replay until it is mended.
func TestVerifyReplay(t *testing.T) {
	document := shop(t, buggy.Document())
	for _, bug := range []buggy.Bug{
		buggy.LongName, buggy.AnyCategory, buggy.DeletedReadable, buggy.PatchNotStored, buggy.PageGap,
		buggy.UndeclaredMethod, buggy.NoAuth, buggy.HeaderOptional, buggy.CreatedOrderAbsent,
	} {
		o := verify.Options{Document: document, Handler: buggy.New(bug), Authorization: "Bearer " + buggy.Token, Seed: 3, Workers: 1}
		first := run(t, o)
		var file bytes.Buffer
		if err := first.WriteReplay(&file); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(file.String(), buggy.Token) {
			t.Errorf("%s: the replay holds the credential", bug)
		}
		replay, err := verify.ReadReplay(&file)
		if err != nil || len(replay.Findings) == 0 {
			t.Fatalf("%s: %d findings (%v)", bug, len(replay.Findings), err)
		}
		for handler, findings := range map[http.Handler]int{buggy.New(bug): len(first.Findings), buggy.New(): 0} {
			o.Handler = handler
			again, err := verify.Replay(t.Context(), o, replay)
			if err != nil {
				t.Fatal(err)
			}
			if len(again.Findings) != findings || again.Requests > first.Requests {
				t.Errorf("%s: %d findings of %d in %d requests: %v", bug, len(again.Findings), findings, again.Requests, again.Findings)
			}
		}
	}
	if _, err := verify.ReadReplay(strings.NewReader(`{"findings":[]}`)); err == nil {
		t.Error("anything is a replay")
	}
}

// needsShell skips a test that plays lines where their tools are missing; CI has them.
func needsShell(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"curl", "jq", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip("no " + tool)
		}
	}
}

// The line of a finding reproduces it in a shell, and what is shown holds no secret.
func TestCurl(t *testing.T) {
	needsShell(t)
	h, log := logged(buggy.New(buggy.LongName, buggy.DeletedReadable))
	server := httptest.NewServer(h)
	defer server.Close()
	result := run(t, verify.Options{URL: server.URL, Seed: 1, Header: http.Header{"X-Own": {"own-secret"}}})
	if len(result.Findings) < 2 {
		t.Fatalf("%d findings", len(result.Findings))
	}
	for _, f := range result.Findings {
		before := len(log())
		c := exec.CommandContext(t.Context(), "sh", "-c", f.Curl)
		c.Env = append(c.Environ(), "TOKEN="+buggy.Token, "X_OWN=own-secret", "http_proxy=", "HTTP_PROXY=")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", f.Curl, err, out)
		}
		requests := log()
		if sent := len(requests) - before; sent != len(f.Steps) {
			t.Errorf("%s: %d requests, %d steps", f.Curl, sent, len(f.Steps))
		}
		if last := f.Steps[len(f.Steps)-1]; !strings.Contains(last.Path, "{made:") && !strings.HasPrefix(requests[len(requests)-1], last.Method+" "+last.Path) {
			t.Errorf("%s: sent %s", f.Curl, requests[len(requests)-1])
		}
		if f.Check == verify.CheckServerError && len(f.Curl) > 500 {
			t.Errorf("not small: %s", f.Curl)
		}
	}
	for _, name := range render.Formats() {
		format, _ := render.Parse(name)
		var b bytes.Buffer
		if err := render.Write(&b, format, result.Report("v0"), render.Options{}); err != nil {
			t.Fatal(err)
		}
		if said := html.UnescapeString(b.String()); !strings.Contains(said, verify.CheckUseAfterFree) || !strings.Contains(said, "curl") {
			t.Errorf("%s does not tell the check and the line", name)
		}
		if strings.Contains(b.String(), buggy.Token) || strings.Contains(b.String(), "own-secret") {
			t.Errorf("%s holds a secret", name)
		}
	}
}

// The credential goes where its scheme says.
func TestCredentials(t *testing.T) {
	const text = `openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /a: {get: {operationId: a, security: [{basic: []}], responses: {'200': {description: d}}}}
  /b: {get: {operationId: b, security: [{query: []}], responses: {'200': {description: d}}}}
  /c: {get: {operationId: c, security: [{cookie: []}], responses: {'200': {description: d}}}}
  /d: {get: {operationId: d, security: [{header: [], oauth: []}], responses: {'200': {description: d}}}}
  /e: {get: {operationId: e, responses: {'200': {description: d}}}}
components:
  securitySchemes:
    basic: {type: http, scheme: basic}
    query: {type: apiKey, in: query, name: key}
    cookie: {type: apiKey, in: cookie, name: session}
    header: {type: apiKey, in: header, name: X-Key}
    oauth: {type: oauth2, flows: {}}
`
	d, err := verify.ParseDocument("t", "t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	var mu sync.Mutex
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got[r.URL.Path] = strings.TrimSpace(r.Header.Get("Authorization") + " " + r.URL.RawQuery + " " + r.Header.Get("Cookie") + " " + r.Header.Get("X-Key"))
	})
	_, err = verify.Run(t.Context(), verify.Options{
		Document: d, Handler: h, Phases: []verify.Phase{verify.PhaseExamples}, Authorization: "Bearer general",
		Credentials: map[string]string{"basic": "u:p", "query": "qqqq", "cookie": "cccc", "header": "hhhh"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"/a": "Basic dTpw", "/b": "key=qqqq", "/c": "session=cccc", "/d": "Bearer general   hhhh", "/e": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What the runner cannot do is a mistake that names its reason.
func TestMistakes(t *testing.T) {
	gone := httptest.NewServer(trivial)
	gone.Close()
	ok := verify.Options{Document: shop(t, buggy.Document()), Handler: trivial}
	for says, edit := range map[string]func(*verify.Options){
		"no document":            func(o *verify.Options) { o.Document = nil },
		"either a URL or":        func(o *verify.Options) { o.URL = "http://a" },
		"http://HOST":            func(o *verify.Options) { o.Handler, o.URL = nil, "http://u:secret@h" },
		`no phase is called "x"`: func(o *verify.Options) { o.Phases = []verify.Phase{"x"} },
		`no check is called "x"`: func(o *verify.Options) { o.Checks = []string{"x"} },
		`is named by "x"`:        func(o *verify.Options) { o.Operations = []string{"x"} },
		`security scheme "x"`:    func(o *verify.Options) { o.Credentials = map[string]string{"x": "y"} },
		"connection refused":     func(o *verify.Options) { o.Handler, o.URL = nil, gone.URL },
		"not negative":           func(o *verify.Options) { o.Rate = -1 },
	} {
		o := ok
		edit(&o)
		_, err := verify.Run(t.Context(), o)
		if _, isMistake := errors.AsType[*verify.MistakeError](err); !isMistake || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%v, want %q", err, says)
		}
	}
	for text, says := range map[string]string{
		"a: [":                "yaml",
		"[]":                  "not an OpenAPI document",
		"{":                   "not one JSON value",
		"swagger: '1.2'":      "swagger",
		"openapi: 3.3.0":      "want 3.0, 3.1 or 3.2",
		`{"openapi":"3.0.3"}`: "",
		"openapi: 3.0.3\npaths: {/a: {}}\npaths: {}": "lines 2 and 3",
	} {
		if _, err := verify.ParseDocument("t", "t.yaml", []byte(text)); says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// A rule that cannot be judged is a note with its line, and a mistake to who is strict.
func TestStrictDocument(t *testing.T) {
	for text, says := range map[string]string{
		"type: string\n      pattern: '(?!a'":         "t.yaml line 6: the pattern is not judged",
		"type: string\n      format: color":           `t.yaml line 6: format "color" is not judged`,
		"$dynamicRef: '#here'\n      type: object":    `t.yaml line 6: keyword "$dynamicRef" is not judged`,
		"items: {format: color}\n      format: color": `t.yaml line 6: format "color" is not judged, and in 1 more places`,
	} {
		data := []byte("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n    A:\n      " + text)
		d, err := verify.ParseDocument("t", "t.yaml", data)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(d.Notes, func(note string) bool { return strings.HasPrefix(note, says) }) {
			t.Errorf("%s: %q", text, d.Notes)
		}
		if _, err := verify.ReadDocument(t.Context(), "t", "t.yaml", data, verify.DocumentOptions{Strict: true}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What is of OpenAPI 3.2 alone is a note, too, and what is of 3.1 is verified.
func TestNewerDocument(t *testing.T) {
	data := []byte("openapi: 3.2.0\ninfo: {title: t, version: '1'}\npaths:\n  /a:\n    query: {responses: {'200': {description: d}}}\n    get: {responses: {'200': {description: d}}}\n")
	d, err := verify.ParseDocument("t", "t.yaml", data)
	if err != nil || len(d.Contract.Operations()) != 1 || !slices.Contains(d.Notes, "t.yaml line 5: QUERY /a, of OpenAPI 3.2, is not verified") {
		t.Fatalf("%v %+v", err, d)
	}
	if _, err := verify.ReadDocument(t.Context(), "t", "t.yaml", data, verify.DocumentOptions{Strict: true}); err == nil || !strings.Contains(err.Error(), "line 5: QUERY /a") {
		t.Error(err)
	}
}

// What foreign documents say in other ways is read, with the lines on which it
// stands.
func TestParseDocument(t *testing.T) {
	const yaml = `openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /a/{h}:
    get:
      parameters:
        - {in: path, name: h, required: true, schema: &h {type: string, format: color}}
        - {in: query, name: i, schema: *h}
      responses:
        200: {description: d}
        default: {description: d}
`
	d, err := verify.ParseDocument("t", "t.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	op := d.Contract.Operation("GET", "/a/{h}")
	if op == nil || op.ID != "GET /a/{h}" || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], `"color"`) {
		t.Fatalf("%v, %q", op, d.Notes)
	}
	if l := d.Contract.Locate(op.Pointer() + "/responses/200"); l.Line != 10 {
		t.Errorf("at line %d", l.Line)
	}
	asJSON := "{\"openapi\":\"3.0.3\",\n\"info\":{\"title\":\"t\",\"version\":\"1\"},\n\"paths\":{\n\"/a\":{\n\"get\":{\"responses\":{\"200\":{\"description\":\"d\"}}}}}}"
	if d, err = verify.ParseDocument("t", "t.json", []byte(asJSON)); err != nil {
		t.Fatal(err)
	}
	if l := d.Contract.Locate("/paths/~1a/get"); l.Line != 5 {
		t.Errorf("at line %d", l.Line)
	}
}

// A run that sees nothing says so, and one with a limit ends.
func TestShallow(t *testing.T) {
	for status, says := range map[int]string{401: "401 or 403", 404: "404"} {
		result := run(t, verify.Options{Seed: 1, MaxExamples: 3, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
		})})
		if !slices.ContainsFunc(result.Warnings, func(w string) bool { return strings.Contains(w, says) }) {
			t.Errorf("%d: warnings %q", status, result.Warnings)
		}
	}
	result := run(t, verify.Options{Seed: 1, MaxExamples: 1 << 20, TimeLimit: 200 * time.Millisecond, Handler: buggy.New()})
	if !strings.Contains(result.Stopped, "time limit") || len(result.Findings) > 0 {
		t.Errorf("stopped %q, %d findings", result.Stopped, len(result.Findings))
	}
}

// Redirects are answers, a body that is too large is cut, a panic and silence are no
// answer, and a limit of the time is kept.
func TestAnswers(t *testing.T) {
	const text = `openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /moved: {get: {operationId: moved, responses: {'302': {description: d}}}}
  /large: {get: {operationId: large, responses: {'200': {description: d, content: {application/json: {schema: {type: object}}}}}}}
  /panic: {get: {operationId: panic, responses: {'200': {description: d}}}}
  /slow: {get: {operationId: slow, responses: {'200': {description: d}}}}
`
	d, err := verify.ParseDocument("t", "t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	large := append([]byte(`{"a":"`), bytes.Repeat([]byte("a"), 9<<20)...)
	mux := http.NewServeMux()
	mux.Handle("/moved", http.RedirectHandler("http://127.0.0.1:1/nowhere", http.StatusFound))
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(large)
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	defer server.Close()
	for name, o := range map[string]verify.Options{"loopback": {URL: server.URL}, "in process": {Handler: mux}} {
		o.Document, o.Timeout, o.Phases = d, 50*time.Millisecond, []verify.Phase{verify.PhaseExamples}
		o.Operations = []string{"panic", "slow", "moved", "large"}
		if name == "loopback" {
			o.Timeout = 2 * time.Second
		}
		result := run(t, o)
		var got []string
		for _, f := range result.Findings {
			if f.Check == verify.CheckServerError {
				got = append(got, f.Operation)
			} else if f.Operation != "moved" { // it has a body that is not declared
				t.Errorf("%s: %s %s: %s", name, f.Check, f.Operation, f.Message)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"panic", "slow"}) {
			t.Errorf("%s: no answer from %q", name, got)
		}
	}
}

// What a finding is in a report: the check by name, and the line.
func TestReport(t *testing.T) {
	result := run(t, verify.Options{Handler: buggy.New(buggy.AnyCategory), Seed: 1, Operations: []string{"createItem", "POST /acc*"}, Exclude: []string{"createAccount"}})
	report := result.Report("v0")
	if len(report.Operations) != 1 || report.Operations[0].ID != "createItem" || len(report.Violations) == 0 {
		t.Fatalf("%d operations, %d violations", len(report.Operations), len(report.Violations))
	}
	at := slices.IndexFunc(report.Violations, func(v evidence.RecordedViolation) bool { return v.Check == verify.CheckNegativeData })
	if at < 0 {
		t.Fatalf("%+v", report.Violations)
	}
	text, err := json.Marshal(report.Violations[at])
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"rule":"negative_data_rejection"`, `"check":"negative_data_rejection"`, `"curl":"curl `, `"side":"server"`, `"line":`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	if report.Coverage.Covered == 0 || report.Coverage.Covered == report.Coverage.Total {
		t.Errorf("coverage %+v", report.Coverage)
	}
}
