// Package goldens asks a real Fastify and a FastAPI on the real pydantic what they
// answer. brms/ and datafold/ hold them; the answers that are replayed by every
// "go test" are in server/brms/testdata and server/datafold/testdata.
package goldens

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/site"
)

// answer is what came back, without the headers that say nothing of an API.
type answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// transport are the headers of connections and servers, and ours of the record.
// docs/fidelity.md lists them.
var transport = []string{"connection", "date", "keep-alive", "server", "transfer-encoding", "understudy-exchange", "x-content-type-options", "x-converted"}

func (a answer) same(b answer) bool {
	return a.Status == b.Status && bytes.Equal(a.Body, b.Body) && a.difference(b) == ""
}

// difference names a header that only one of two answers has, or that differs.
func (a answer) difference(b answer) string {
	for _, pair := range [][2]answer{{a, b}, {b, a}} {
		for name, value := range pair[0].Header {
			if !slices.Contains(transport, name) && pair[1].Header[name] != value {
				return name
			}
		}
	}
	return ""
}

func (a answer) String() string {
	return fmt.Sprintf("%d %v %s", a.Status, a.Header, a.Body)
}

// exchange sends a request over a connection of its own.
func exchange(t *testing.T, address string, r request) answer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	var text bytes.Buffer
	text.WriteString(r.Method + " " + r.Target + " HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n")
	for _, h := range r.Header {
		text.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if r.Body != nil {
		text.WriteString("Content-Length: " + strconv.Itoa(len(r.Body)) + "\r\n")
	}
	text.WriteString("\r\n")
	text.Write(r.Body)
	if _, err := conn.Write(text.Bytes()); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: r.Method})
	for err == nil && response.StatusCode == http.StatusContinue {
		response, err = http.ReadResponse(reader, &http.Request{Method: r.Method})
	}
	if err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	defer response.Body.Close()
	a := answer{Status: response.StatusCode, Header: map[string]string{}}
	if a.Body, err = io.ReadAll(response.Body); err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	for name, values := range response.Header {
		a.Header[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return a
}

// peer is a process that answers lines by lines.
type peer struct {
	in  io.Writer
	out *bufio.Reader
}

func start(t *testing.T, hello any, name string, args ...string) *peer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	p := &peer{in: in, out: bufio.NewReader(out)}
	p.read(t, hello)
	return p
}

func (p *peer) read(t *testing.T, v any) {
	t.Helper()
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
}

func (p *peer) ask(t *testing.T, question, v any) {
	t.Helper()
	line, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	p.read(t, v)
}

// served is Understudy in both modes.
type served struct{ strict, report string }

func serve(t *testing.T) served {
	t.Helper()
	listen := func(enforce site.Enforcement) string {
		a, err := app.New(context.WithoutCancel(t.Context()), app.Options{Enforce: enforce})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(a)
		t.Cleanup(func() {
			s.Close()
			_ = a.Close()
		})
		return s.Listener.Addr().String()
	}
	return served{listen(site.EnforceStrict), listen(site.EnforceReport)}
}

// load reads a document as it is served.
func load(t *testing.T, data []byte) (*openapi3.T, string) {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "document.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return document, file
}

func env(name string, absent uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return absent
}

// tally counts how requests compared.
type tally struct {
	equal, unexplained int
	rows               map[string]int
}

func (c *tally) count(t *testing.T, row string, r request, ours, theirs answer) {
	t.Helper()
	switch row {
	case equal:
		c.equal++
	case "":
		if c.unexplained++; c.unexplained <= 10 {
			t.Errorf("%.6000s\n  ours %.6000s\ntheirs %.6000s", r, ours, theirs)
		}
	default:
		if c.rows == nil {
			c.rows = map[string]int{}
		}
		c.rows[row]++
	}
}

const equal = "equal"

func needed(t *testing.T) (requests, seed uint64) {
	t.Helper()
	requests = env("UNDERSTUDY_ORACLE", 0)
	if requests == 0 {
		t.Skip("asks the real frameworks: make oracle")
	}
	return requests, env("UNDERSTUDY_SEED", 1)
}

// Fresh random requests for every operation of BRMS get what a real Fastify
// answers, refusals and successes, headers too, but for the rows of
// docs/fidelity.md.
func TestFastify(t *testing.T) {
	requests, seed := needed(t)
	document, file := load(t, brms.Document())
	var ports struct{ Strict, Stock, Warned, StockWarned int }
	fastify := start(t, &ports, "node", "--max-http-header-size=262144", "brms/oracle.mjs", file)
	us := serve(t)
	auth := [][2]string{{"Authorization", "Bearer oracle"}, {"Content-Type", "application/json"}}
	made := func(address, target, body string) string {
		a := exchange(t, address, request{"POST", target, auth, []byte(body)})
		var v struct {
			ID      string
			Project struct{ ID string }
		}
		if err := json.Unmarshal(a.Body, &v); err != nil {
			t.Fatal(a)
		}
		return v.ID + v.Project.ID
	}
	ids := map[string]map[string][]string{}
	for _, address := range []string{us.strict, us.report} {
		project := made(address, "/api/projects", `{"name":"n","key":"oracle"}`)
		ids[address] = map[string][]string{"projectId": {project}, "integrationId": {
			made(address, "/api/projects/"+project+"/integrations", `{"name":"n","type":"http","kind":"k","config":{"url":"u","output":"o","headers":[{"a":1}]}}`),
		}}
	}
	for mode, address := range map[string]string{"strict": us.strict, "report": us.report} {
		t.Run(mode, func(t *testing.T) {
			port, warned := ports.Strict, ports.Warned
			if mode == "report" {
				port, warned = ports.Stock, ports.StockWarned
			}
			g := newRandom(document, seed, "Bearer", ids[address])
			var c tally
			for range requests {
				r := g.next()
				ours := exchange(t, address, r)
				told := ours
				if r.Method == http.MethodHead { // it is answered as GET is
					get := r
					get.Method = http.MethodGet
					told = exchange(t, address, get)
				}
				asked := func(port int) func(r request) answer {
					return func(r request) answer {
						fastify.ask(t, brmsAnswer(told), &struct{}{})
						return exchange(t, "127.0.0.1:"+strconv.Itoa(port), r)
					}
				}
				theirs := asked(port)(r)
				row := explainFastify(r, ours, theirs, asked(port), mode == "report")
				if row == "" && explainFastify(r, ours, asked(warned)(r), asked(warned), mode == "report") != "" {
					row = "inferred rules warn"
				}
				c.count(t, row, r, ours, theirs)
			}
			t.Logf("seed %d: %d equal, %d unexplained, by row %v", seed, c.equal, c.unexplained, c.rows)
		})
	}
}

// brmsAnswer is what Fastify's handler is to answer if it is reached.
func brmsAnswer(ours answer) map[string]any {
	var refused struct {
		StatusCode    int    `json:"statusCode"`
		Code, Message string `json:",omitempty"`
	}
	if ours.Status >= 400 {
		if json.Unmarshal(ours.Body, &refused) == nil && strings.Contains(refused.Code, ".") {
			return map[string]any{"error": map[string]any{"statusCode": refused.StatusCode, "code": refused.Code, "message": refused.Message}}
		}
		if !json.Valid(ours.Body) {
			return map[string]any{"status": ours.Status, "text": string(ours.Body), "type": ours.Header["content-type"]}
		}
		if ours.Status != 401 && !strings.HasPrefix(refused.Code, "FST_") && !isUnknown(ours) {
			return map[string]any{"status": ours.Status, "body": json.RawMessage(ours.Body), "raw": true}
		}
		return map[string]any{"status": 200, "body": map[string]any{}}
	}
	if !json.Valid(ours.Body) {
		return map[string]any{"status": ours.Status, "text": string(ours.Body), "type": ours.Header["content-type"]}
	}
	return map[string]any{"status": ours.Status, "body": json.RawMessage(ours.Body)}
}

// Fresh random requests for every operation of Datafold get what FastAPI on the
// real pydantic answers, likewise.
func TestFastAPI(t *testing.T) {
	requests, seed := needed(t)
	document, file := load(t, datafold.Document())
	for _, component := range document.Components.Schemas {
		for name, p := range component.Value.Properties {
			if p.Value.Extensions["x-understudy-basis"] == "client" {
				guessed[name] = true
			}
		}
	}
	fastapi := start(t, &struct{}{}, "python3", "datafold/oracle.py", file)
	us := serve(t)
	for mode, address := range map[string]string{"strict": us.strict, "report": us.report} {
		t.Run(mode, func(t *testing.T) {
			g := newRandom(document, seed, "Key", map[string][]string{"bi_datasource_id": {"1", "2", "3", "4", "5", "6"}})
			auth := [][2]string{{"Authorization", "Key oracle"}}
			for kind, body := range map[string]string{
				"dbt": `{"ci_config_id":1}`, "looker": `{"base_url":"u","client_id":"c","client_secret":"s","repo_id":7}`, "mode": `{"token":"t","password":"p"}`,
				"powerbi": `{}`, "tableau": `{"token_name":"n","token_value":"v","site_id":"s","server_url":"u"}`, "hightouch": `{"token":"t","bindings":[]}`,
			} {
				if a := exchange(t, address, request{"POST", "/api/v1/lineage/bi/" + kind + "/", auth, []byte(body)}); a.Status != 200 {
					t.Fatal(a)
				}
			}
			var c tally
			for range requests {
				r := g.next()
				ours := exchange(t, address, r)
				type reply struct {
					Status  int
					Headers map[string]string
					Body    []byte
				}
				ask := func(r request) (lax, strict answer) {
					var replies struct{ Real, Strict reply }
					headers := append([][2]string{{"Host", "localhost:8080"}}, r.Header...)
					body := r.Body
					if body == nil {
						body = []byte{}
					}
					fastapi.ask(t, map[string]any{
						"method": r.Method, "target": r.Target, "headers": headers, "body": body, "answer": datafoldAnswer(ours),
					}, &replies)
					made := func(a reply) answer {
						if r.Method == http.MethodHead {
							a.Body = nil
						}
						return answer{a.Status, a.Headers, a.Body}
					}
					return made(replies.Real), made(replies.Strict)
				}
				lax, strict := ask(r)
				row := explainFastAPI(r, ours, lax, strict, mode == "report")
				c.count(t, row, r, ours, lax)
			}
			t.Logf("seed %d: %d equal, %d unexplained, by row %v", seed, c.equal, c.unexplained, c.rows)
		})
	}
}

func datafoldAnswer(ours answer) map[string]any {
	if items, ok := itemsOf(ours); ok && len(items) > 0 && !slices.ContainsFunc(items, func(it detailItem) bool { return it.Type != "value_error" }) {
		return map[string]any{"status": ours.Status, "detail": json.RawMessage(ours.Body[len(`{"detail":`) : len(ours.Body)-1])}
	}
	if ours.Status >= 400 {
		var refused struct{ Detail any }
		if json.Unmarshal(ours.Body, &refused) == nil && refused.Detail != nil && ours.Status != 422 && ours.Status != 401 && ours.Status != 405 && refused.Detail != "Not Found" {
			return map[string]any{"status": ours.Status, "detail": refused.Detail}
		}
	}
	if ours.Status != 200 || len(ours.Body) == 0 {
		return map[string]any{"body": nil}
	}
	return map[string]any{"body": json.RawMessage(ours.Body)}
}
