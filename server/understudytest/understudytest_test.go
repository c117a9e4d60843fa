package understudytest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/understudytest"
)

// spy is a test that may fail.
type spy struct {
	testing.TB

	name     string
	out      bytes.Buffer
	failed   bool
	cleanups []func()
}

func (s *spy) Name() string              { return s.name }
func (s *spy) Helper()                   {}
func (s *spy) Output() io.Writer         { return &s.out }
func (s *spy) Fail()                     { s.failed = true }
func (s *spy) Cleanup(f func())          { s.cleanups = append(s.cleanups, f) }
func (s *spy) Errorf(f string, a ...any) { s.failed = true; fmt.Fprintf(&s.out, f+"\n", a...) }
func (s *spy) Fatalf(f string, a ...any) {
	s.Errorf(f, a...)
	runtime.Goexit()
}

// within runs a test that may fail to its end.
func within(t *testing.T, name string, test func(s *spy)) *spy {
	t.Helper()
	s := &spy{TB: t, name: name}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range slices.Backward(s.cleanups) {
				cleanup()
			}
		}()
		test(s)
	}()
	<-done
	return s
}

// send makes a request, and gives the status and the body.
func send(t testing.TB, client *http.Client, method, url, credential, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", credential)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func want(t testing.TB, status int, client *http.Client, method, url, credential, body string) string {
	t.Helper()
	got, text := send(t, client, method, url, credential, body)
	if got != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, url, got, status, text)
	}
	return text
}

const (
	projects = "https://acme.gorules.io/api/projects"
	bi       = "https://app.datafold.com/api/v1/lineage/bi/"
	shop     = `{"name":"Shop","key":"shop"}`
)

func TestBothAPIs(t *testing.T) {
	u := understudytest.New(t)
	want(t, 200, u.Client(), "POST", projects, "Bearer "+u.Token(), shop)
	if text := want(t, 200, u.Client(), "GET", projects, "Bearer "+u.Token(), ""); !strings.Contains(text, `"key":"shop"`) {
		t.Errorf("the project is not listed: %s", text)
	}
	want(t, 200, u.Client(), "GET", bi, "Key "+u.Token(), "")
	// Addresses in answers begin as the request's.
	u.ExpectViolation(understudytest.Violation{Rule: "unknownPath"})
	answer, err := u.RoundTrip(keyed(t, u, "https://app.datafold.com/api/v1/lineage/bi"))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusTemporaryRedirect || to != bi {
		t.Errorf("%d leads to %q", answer.StatusCode, to)
	}
	if u.Token() != "test-TestBothAPIs" {
		t.Errorf("the token is %q", u.Token())
	}
	t.Run("in a workspace of its own", func(t *testing.T) {
		sub := u.Sub(t)
		want(t, 200, sub.Client(), "POST", projects, "Bearer "+sub.Token(), shop)
		if sub.Token() == u.Token() {
			t.Error("the workspaces have one token")
		}
		if n := len(sub.Exchanges(understudytest.Filter{})); n != 1 {
			t.Errorf("%d exchanges", n)
		}
	})
	var paths []string
	for _, x := range u.Exchanges(understudytest.Filter{Method: "GET", Status: 200}) {
		paths = append(paths, x.API+" "+x.Operation+" "+strings.ReplaceAll(x.RequestHeader.Get("Authorization"), "**", ""))
	}
	if diff := cmp.Diff([]string{"brms listProjects ", "datafold get_all_integrations_api_v1_lineage_bi__get "}, paths); diff != "" {
		t.Errorf("the exchanges (-want +got):\n%s", diff)
	}
}

// What breaks the contract fails the test that made it, at its own line.
func TestViolationFailsItsTest(t *testing.T) {
	var line int
	s := within(t, "TestFees/without a key", func(s *spy) {
		u := understudytest.New(s)
		here(&line)
		want(t, 400, u.Client(), "POST", projects, "Bearer "+u.Token(), `{"name":7}`)
	})
	if !s.failed {
		t.Error("the test passed")
	}
	at := fmt.Sprintf("understudytest_test.go:%d: ", line+1)
	wanted := at + `POST /api/projects: body /name: type
    The body member /name must be a string, not 7.
    got 7
    accepts a string
    openapi/brms/project.yaml:LINE
    curl -sS --globoff --path-as-is -H 'Authorization: Bearer any-secret' -H 'Content-Type: application/json' --data-raw '{"name":7}' "$UNDERSTUDY_URL"/api/projects
` + at + `POST /api/projects: body /key: required
    The body member /key is missing: send it, as a string matching the pattern ^[a-z0-9]{2,}(-[a-z0-9]+)*$. (The rule is a guess of ours, so it only warns.)
    accepts a string matching the pattern ^[a-z0-9]{2,}(-[a-z0-9]+)*$
    openapi/brms/project.yaml:LINE
    curl -sS --globoff --path-as-is -H 'Authorization: Bearer any-secret' -H 'Content-Type: application/json' --data-raw '{"name":7}' "$UNDERSTUDY_URL"/api/projects
`
	if diff := cmp.Diff(wanted, regexp.MustCompile(`yaml:\d+`).ReplaceAllString(s.out.String(), "yaml:LINE")); diff != "" {
		t.Errorf("it says (-want +got):\n%s", diff)
	}
}

func here(line *int) {
	stack := make([]uintptr, 1)
	runtime.Callers(2, stack)
	frame, _ := runtime.CallersFrames(stack).Next()
	*line = frame.Line
}

func TestExpectedViolations(t *testing.T) {
	wrong := func(u *understudytest.Understudy) {
		want(t, 400, u.Client(), "POST", projects, "Bearer "+u.Token(), `{"key":"shop"}`)
	}
	for name, test := range map[string]struct {
		wanted []understudytest.Violation
		times  int
		says   string // "" passes
	}{
		"any":                  {[]understudytest.Violation{{}}, 1, ""},
		"by rule and place":    {[]understudytest.Violation{{Operation: "createProject", Rule: "required", Pointer: "/name"}}, 1, ""},
		"one for two requests": {[]understudytest.Violation{{Rule: "required"}}, 2, ": POST /api/projects: body /name: required"},
		"two for two":          {[]understudytest.Violation{{Rule: "required"}, {Rule: "required"}}, 2, ""},
		"another":              {[]understudytest.Violation{{Rule: "type"}}, 1, "no request broke the contract as was expected: rule type"},
		"none":                 {[]understudytest.Violation{{}}, 0, "no request broke the contract as was expected: any violation"},
	} {
		t.Run(name, func(t *testing.T) {
			s := within(t, t.Name(), func(s *spy) {
				u := understudytest.New(s)
				for _, v := range test.wanted {
					u.ExpectViolation(v)
				}
				for range test.times {
					wrong(u)
				}
			})
			if s.failed != (test.says != "") || !strings.Contains(s.out.String(), test.says) {
				t.Errorf("failed %v:\n%s", s.failed, &s.out)
			}
		})
	}
}

// What is no rule of the vendor's is logged, and fails where that is asked for.
func TestFailing(t *testing.T) {
	// "depth" is declared nowhere, and a query may have more: a documented rule refuses
	// the type of a declared one.
	for name, test := range map[string]struct {
		options []understudytest.Option
		status  int
		failed  bool
	}{
		"as it is": {nil, 400, true},
		"none":     {[]understudytest.Option{understudytest.Failing(understudytest.FailOnNone)}, 400, false},
		"lenient":  {[]understudytest.Option{understudytest.Lenient()}, 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := within(t, t.Name(), func(s *spy) {
				u := understudytest.New(s, test.options...)
				want(t, test.status, u.Client(), "POST", projects, "Bearer "+u.Token(), `{"name":7,"key":"shop"}`)
			})
			if s.failed != test.failed || !strings.Contains(s.out.String(), "body /name: type") {
				t.Errorf("failed %v:\n%s", s.failed, &s.out)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	u := understudytest.New(t, understudytest.Hosts("brms.acme.test", "*.rules.test"))
	for host, served := range map[string]bool{
		"app.datafold.com": true, "acme.gorules.io": true, "understudy.test": true, "BRMS.acme.test:8443": true, "eu.rules.test": true,
		"rules.test": false, "example.com": false, "notgorules.io": false,
	} {
		answer, err := u.Client().Get("https://" + host + "/api/health")
		if err == nil {
			_ = answer.Body.Close()
		}
		if (err == nil) != served || err != nil && !strings.Contains(err.Error(), "understudytest.Hosts") {
			t.Errorf("%s: %v", host, err)
		}
	}
	far := understudytest.New(t, understudytest.Elsewhere(roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("elsewhere") })))
	if answer, err := far.Client().Get("https://example.com/"); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		_ = answer.Body.Close()
		t.Errorf("the transport for all else was not asked: %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// After the test the stand-in answers nothing.
func TestEnd(t *testing.T) {
	var u *understudytest.Understudy
	within(t, "TestEnded", func(s *spy) { u = understudytest.New(s) })
	answer, err := u.Client().Get(projects)
	if err == nil || !strings.Contains(err.Error(), "the test has ended") {
		t.Errorf("it answers: %v", err)
		_ = answer.Body.Close()
	}
}

// Over the network a violation belongs to the test whose token it came with.
func TestURL(t *testing.T) {
	s := within(t, "TestNetwork", func(s *spy) {
		u := understudytest.New(s)
		sub := u.Sub(s)
		if u.URL() != sub.URL() || !strings.HasPrefix(u.URL(), "http://127.0.0.1:") {
			t.Errorf("the addresses are %s and %s", u.URL(), sub.URL())
		}
		want(t, 400, http.DefaultClient, "POST", u.URL()+"/api/projects", "Bearer "+sub.Token(), `{"key":"shop"}`)
		want(t, 200, u.Client(), "GET", u.URL()+"/api/projects", "Bearer "+u.Token(), "")
		http.DefaultClient.CloseIdleConnections()
		if n := len(sub.Exchanges(understudytest.Filter{Violating: true})); n != 1 {
			t.Errorf("%d exchanges of the subtest", n)
		}
	})
	if !s.failed || !strings.Contains(s.out.String(), "understudytest_test.go:") {
		t.Errorf("failed %v:\n%s", s.failed, &s.out)
	}
}

func TestSteering(t *testing.T) {
	u := understudytest.New(t)
	u.Seed(fstest.MapFS{"world.yaml": {Data: []byte("workspaces:\n  - brms:\n      projects:\n        - {name: Planted, key: planted}\n")}}, "world.yaml")
	list := func() string { t.Helper(); return want(t, 200, u.Client(), "GET", projects, "Bearer "+u.Token(), "") }
	if !strings.Contains(list(), `"key":"planted"`) {
		t.Error("the seed is not there")
	}
	u.Sub(t).Seed(fstest.MapFS{
		"worlds/world.yaml":   {Data: []byte("workspaces:\n  - brms:\n      projects:\n        - {name: P, key: p1, documents: [{name: a, type: file, contentType: application/vnd.gorules.decision, content: {file: rules/a.json}}]}\n")},
		"worlds/rules/a.json": {Data: []byte(`{"nodes":[],"edges":[]}`)},
	}, "worlds/world.yaml")
	before := u.Snapshot()
	want(t, 200, u.Client(), "POST", projects, "Bearer "+u.Token(), shop)
	before.Restore()
	if strings.Contains(list(), `"key":"shop"`) {
		t.Error("the project outlived the restore")
	}

	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	u.Clock().Freeze(at)
	if now := u.Clock().Advance(36 * time.Hour); !now.Equal(at.Add(36*time.Hour)) || !u.Clock().Now().Equal(now) {
		t.Errorf("the clock shows %v", now)
	}
	if text := want(t, 200, u.Client(), "POST", projects, "Bearer "+u.Token(), shop); !strings.Contains(text, "2026-01-02T12:00:00") {
		t.Errorf("the project was made at another time: %s", text)
	}
	u.Clock().Run()

	fault := u.Fault(understudytest.Fault{Operation: "listProjects", From: 2, Times: 1, Status: 503})
	for _, status := range []int{200, 503, 200} {
		want(t, status, u.Client(), "GET", projects, "Bearer "+u.Token(), "")
	}
	if n := fault.Applied(); n != 1 {
		t.Errorf("the fault was applied %d times", n)
	}
	fault.Remove()

	u.Fault(understudytest.Fault{Operation: "createProject", Reset: true})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, projects, strings.NewReader(`{"name":"Reset","key":"reset"}`))
	r.Header = http.Header{"Authorization": {"Bearer " + u.Token()}, "Content-Type": {"application/json"}}
	if answer, err := u.Client().Do(r); !errors.Is(err, syscall.ECONNRESET) {
		_ = answer.Body.Close()
		t.Errorf("the connection was not reset: %v", err)
	}
	u.Fault(understudytest.Fault{Operation: "listProjects", Truncate: 5})
	answer, err := u.Client().Do(authorized(t, u, projects))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); len(text) != 5 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the body is %q: %v", text, err)
	}
}

func keyed(t *testing.T, u *understudytest.Understudy, url string) *http.Request {
	t.Helper()
	r := authorized(t, u, url)
	r.Header.Set("Authorization", "Key "+u.Token())
	return r
}

func authorized(t *testing.T, u *understudytest.Understudy, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+u.Token())
	return r
}

// What cannot be done fails the test at once.
func TestMistakesAreFatal(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(u *understudytest.Understudy)
		says string
	}{
		"no seed":    {func(u *understudytest.Understudy) { u.Seed(fstest.MapFS{}, "world.yaml") }, "cannot be read"},
		"wrong seed": {func(u *understudytest.Understudy) { u.Seed(fstest.MapFS{"w": {Data: []byte("workspaces: 7")}}, "w") }, "cannot be planted"},
		"fault": {func(u *understudytest.Understudy) {
			u.Fault(understudytest.Fault{Operation: "listProjects", Status: 299})
		}, "the fault cannot work"},
	} {
		t.Run(name, func(t *testing.T) {
			s := within(t, t.Name(), func(s *spy) {
				test.do(understudytest.New(s))
				t.Error("it went on")
			})
			if !s.failed || !strings.Contains(s.out.String(), test.says) {
				t.Errorf("it says:\n%s", &s.out)
			}
		})
	}
}
