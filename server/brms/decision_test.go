package brms_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/decision/script"
	"github.com/understudy-api/understudy/server/site"
)

// graphOf is a graph of one node between input and output.
func graphOf(node string) string {
	return `{"nodes":[{"id":"in","name":"in","type":"inputNode"},` + node + `,{"id":"out","name":"out","type":"outputNode"}],` +
		`"edges":[{"id":"e1","sourceId":"in","targetId":"n"},{"id":"e2","sourceId":"n","targetId":"out"}]}`
}

// computing is a graph that gives an expression as "v".
func computing(expression string) string {
	return graphOf(fmt.Sprintf(`{"id":"n","name":"n","type":"expressionNode","content":{"expressions":[{"id":"x","key":"v","value":%q}]}}`, expression))
}

func referring(key string) string {
	return graphOf(fmt.Sprintf(`{"id":"n","name":"n","type":"decisionNode","content":{"key":%q}}`, key))
}

func scripted(source string) string {
	return graphOf(fmt.Sprintf(`{"id":"n","name":"n","type":"functionNode","content":{"source":%q}}`, source))
}

func custom(kind string) string {
	return graphOf(fmt.Sprintf(`{"id":"n","name":"n","type":"customNode","content":{"kind":%q,"config":{"tier":"{{ level }}"}}}`, kind))
}

// publish puts a published document into a project.
func (s *server) publish(t *testing.T, project uuid.UUID, path, content string) uuid.UUID {
	t.Helper()
	d := s.createDocument(t, project, fmt.Sprintf(`{"name":%q,"content":%s}`, path, content))
	documentOf(t, s, "PUT", "/api/projects/"+project.String()+"/documents/"+d.ID.String()+"/publish", `{"type":"publish"}`)
	return d.ID
}

func startDeciding(t *testing.T, transport http.RoundTripper) *server {
	t.Helper()
	c := newClock()
	return startAPI(t, brms.New(newStore(t, c.Now), site.OpenKeyring{}, brms.WithFunctions(script.New()), brms.WithOutgoing(transport)), c)
}

// result is the member "result" of an answer, or all of it.
func result(answer string) string {
	_, after, found := strings.Cut(answer, `"result":`)
	if !found {
		return answer
	}
	return strings.TrimSuffix(after, "}")
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	s := startDeciding(t, nil)
	project := s.createProject(t, "One", "one").ID
	by := "/api/projects/" + project.String()
	id := s.publish(t, project, "fees/shipping", computing("a * 2"))
	s.publish(t, project, "test.json", computing("1"))
	s.publish(t, project, "calls", referring("fees/shipping"))
	s.publish(t, project, "calls nobody", referring("nobody"))
	s.publish(t, project, "calls a draft", referring("draft"))
	s.publish(t, project, "around", referring("around"))
	s.publish(t, project, "asks", scripted(`import zen from 'zen'; export const handler = async (input) => (await zen.evaluate('fees/shipping', input)).result;`))
	s.publish(t, project, "bad", `{"nodes":5}`)
	s.publish(t, project, "policy", `{"blocks":[]}`)
	s.publish(t, project, "fails", computing("a.b.c + "))
	s.createDocument(t, project, `{"name":"draft","content":`+computing("3")+`}`)
	draft := documentOf(t, s, "PUT", by+"/documents/"+id.String(), `{"content":`+computing("a * 3")+`}`).Versions[0].ID.String()
	other := s.createDocument(t, project, `{"name":"other","content":`+computing("3")+`}`).Versions[0].ID.String()
	body := `{"context":{"a":21.10}}`
	for name, test := range map[string]struct {
		target, body string
		status       int
		want         string
	}{
		"published":            {by + "/evaluate/fees/shipping", body, 200, `{"v":42.2}`},
		"by key":               {"/api/projects/one/evaluate/fees/shipping", body, 200, `{"v":42.2}`},
		"a suffix is a name":   {by + "/evaluate/test.json", body, 200, `{"v":1}`},
		"and is not added":     {by + "/evaluate/test", body, 404, `"code":"document.notFound"`},
		"nor cut":              {by + "/evaluate/fees/shipping.json", body, 404, `"code":"document.notFound"`},
		"a version":            {by + "/evaluate/fees/shipping?versionId=" + draft, body, 200, `{"v":63.3}`},
		"version of another":   {by + "/evaluate/fees/shipping?versionId=" + other, body, 404, `"code":"version.notFound"`},
		"a graph of its own":   {by + "/evaluate/whatever", `{"context":{"a":1},"trace":false,"content":` + computing("a+6") + `}`, 200, `{"v":7}`},
		"no context":           {by + "/evaluate/test.json", `{}`, 200, `{"v":1}`},
		"refers":               {by + "/evaluate/calls", body, 200, `{"v":42.2}`},
		"asks by script":       {by + "/evaluate/asks", body, 200, `{"v":42.2}`},
		"refers to nobody":     {by + "/evaluate/calls%20nobody", body, 400, `"data":{"type":"NodeError","nodeId":"n","source":"Loader did not find item with key nobody"}`},
		"refers to a draft":    {by + "/evaluate/calls%20a%20draft", body, 400, `"nodeId":"n"`},
		"goes round":           {by + "/evaluate/around", body, 400, `Depth limit exceeded`},
		"not published":        {by + "/evaluate/draft", body, 404, `"code":"document.notPublished"`},
		"a folder":             {by + "/evaluate/fees", body, 404, `"code":"document.notPublished"`},
		"no graph":             {by + "/evaluate/bad", body, 400, `"data":{"type":"ContentError"`},
		"a policy":             {by + "/evaluate/policy", body, 400, `"data":{"type":"ContentKindMismatch"`},
		"fails":                {by + "/evaluate/fails", body, 400, `{"message":"Failed to evaluate expression: \"a.b.c + \"","data":{"type":"NodeError","nodeId":"n","source":"Failed to evaluate expression: \"a.b.c + \""}}`},
		"no such project":      {"/api/projects/none/evaluate/test", body, 404, `"code":"project.notFound"`},
		"no such project's id": {"/api/projects/" + uuid.NewString() + "/evaluate/test", body, 404, `"code":"project.notFound"`},
		"context is no object": {by + "/evaluate/test.json", `{"context":5}`, 400, `"code":"FST_ERR_VALIDATION"`},
		"nothing is deployed":  {by + "/environments/production/evaluate/test.json", body, 404, `"code":"environment.notFound"`},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer, _ := s.raw(t, "POST", test.target, test.body)
			if got := result(answer); status != test.status || got != test.want && (status == 200 || !strings.Contains(answer, test.want)) {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	if status, answer, _ := s.raw(t, "POST", by+"/evaluate/test.json", `{"context":{},"trace":true}`); status != 200 || !strings.Contains(answer, `"trace":{"in":{"id":"in"`) {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer, _ := s.raw(t, "POST", by+"/evaluate/fails", `{"context":{},"trace":true}`); status != 400 || !strings.Contains(answer, `"trace":{"in":{"id":"in"`) {
		t.Errorf("%d %s", status, answer)
	}
}

// What the workspace's clock shows is the present of a decision.
func TestEvaluateNow(t *testing.T) {
	t.Parallel()
	s := startDeciding(t, nil)
	project := s.createProject(t, "One", "one").ID
	s.publish(t, project, "now", computing("d().format()"))
	if _, answer, _ := s.raw(t, "POST", "/api/projects/one/evaluate/now", `{}`); !strings.Contains(answer, "2026-11-21") {
		t.Error(answer)
	}
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	s := startDeciding(t, nil)
	project := s.createProject(t, "One", "one").ID
	by := "/api/projects/" + project.String()
	id := s.publish(t, project, "sub", computing("1"))
	documentOf(t, s, "PUT", by+"/documents/"+id.String(), `{"content":`+computing("2")+`}`)
	for name, test := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"published":       {`{"graph":` + referring("sub") + `,"published":true}`, 200, `"result":{"v":1}`},
		"by default":      {`{"graph":` + referring("sub") + `}`, 200, `"result":{"v":1}`},
		"newest":          {`{"graph":` + referring("sub") + `,"published":false}`, 200, `"result":{"v":2}`},
		"traced":          {`{"graph":` + computing("a") + `,"context":{"a":5}}`, 200, `"trace":{"in"`},
		"input":           {`{"graph":` + computing("a") + `,"context":{"a":5}}`, 200, `"result":{"v":5}`},
		"null":            {`{"graph":` + computing("1") + `,"context":null}`, 200, `"result":{"v":1}`},
		"no release":      {`{"graph":` + computing("1") + `,"releaseId":"7"}`, 404, `"code":"release.notFound"`},
		"no graph":        {`{"graph":{}}`, 400, `"type":"ContentError"`},
		"node that fails": {`{"graph":` + computing("(") + `}`, 400, `"nodeId":"n"`},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer, _ := s.raw(t, "POST", by+"/decisions/simulate", test.body)
			if status != test.status || !strings.Contains(answer, test.want) {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Custom nodes are run by the integration of their kind.
func TestIntegrationNodes(t *testing.T) {
	t.Parallel()
	var seen []string
	s := startDeciding(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Tier")+" "+string(body))
		w := httptest.NewRecorder()
		switch r.URL.Host {
		case "gone":
			return nil, fmt.Errorf("dial %s: %w", r.URL.Host, context.DeadlineExceeded)
		case "sorry":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, `{"rate":1.50}`)
		return w.Result(), nil
	}))
	project := s.createProject(t, "One", "one").ID
	by := "/api/projects/" + project.String()
	for kind, config := range map[string]string{
		"rates": `{"url":"https://rates/{{ tier }}?n={{ n + 1 }}","output":"quote.rate","headers":[{"key":"X-Tier","value":"{{ tier }}"}]}`,
		"sorry": `{"url":"http://sorry"}`, "gone": `{"url":"http://gone"}`, "file": `{"url":"file:///etc/passwd"}`,
		"get": `{"url":"http://rates","method":"get"}`, "own": `{"url":"http://rates","enableInputs":true}`,
	} {
		if status, answer, _ := s.raw(t, "POST", by+"/integrations", `{"name":"x","type":"http","kind":"`+kind+`","config":`+config+`}`); status != 200 {
			t.Fatal(answer)
		}
	}
	for kind, want := range map[string]string{
		"rates": `"result":{"quote":{"rate":{"rate":1.5}}}`, "get": `"result":{"rate":1.5}`, "own": `"result":{"rate":1.5}`,
		"sorry": `answered with status 503`, "gone": `the request was not answered`, "file": `not one of HTTP`, "none": `no integration of the kind \"none\"`,
	} {
		s.publish(t, project, kind, custom(kind))
		if _, answer, _ := s.raw(t, "POST", by+"/evaluate/"+kind, `{"context":{"level":"gold","n":1}}`); !strings.Contains(answer, want) {
			t.Errorf("%s: %s", kind, answer)
		}
	}
	for _, want := range []string{
		`POST https://rates/gold?n=2 gold {"level":"gold","n":1}`, `GET http://rates  `, `POST http://rates  {"tier":"gold"}`,
	} {
		if !strings.Contains(strings.Join(seen, "\n"), want) {
			t.Errorf("no %s in %q", want, seen)
		}
	}

	status, answer, _ := s.raw(t, "POST", by+"/http-proxy", `{"url":"http://rates/x?a=1","method":"PATCH","body":{"b":2.50},"headers":{"x-tier":"t"},"params":{"c":3}}`)
	if status != 200 || !strings.Contains(answer, `"data":{"rate":1.5}`) || seen[len(seen)-1] != `PATCH http://rates/x?a=1&c=3 t {"b":2.50}` {
		t.Errorf("%d %s %v", status, answer, seen)
	}
	if status, answer, _ := s.raw(t, "POST", by+"/http-proxy", `{"url":"http://gone"}`); status != 409 || !strings.Contains(answer, "outgoing.failed") {
		t.Errorf("%d %s", status, answer)
	}
}

// Nothing goes out unless it is allowed.
func TestNothingGoesOut(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	status, answer, _ := s.raw(t, "POST", "/api/projects/"+project.String()+"/http-proxy", `{"url":"http://rates"}`)
	if status != 403 || !strings.Contains(answer, "--allow-outgoing") {
		t.Errorf("%d %s", status, answer)
	}
}
