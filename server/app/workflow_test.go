package app

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/webhook"
)

// pipeline is a user of BRMS with a token of their own, as a job in CI is one.
type pipeline struct {
	*standIn

	t       *testing.T
	secret  string
	project string // id
}

func newPipeline(t *testing.T, w *standIn, secret, key string) *pipeline {
	t.Helper()
	p := &pipeline{standIn: w, t: t, secret: secret}
	p.project = idIn(t, p.send(200, "POST", "/api/projects", `{"name":"Shop","key":"`+key+`"}`))
	return p
}

// send makes a request that is answered as it should be.
func (p *pipeline) send(status int, method, path, body string) string {
	p.t.Helper()
	return p.expect(p.t, status, method, path, bearer(p.secret), body)
}

// in is a path in the project.
func (p *pipeline) in(format string, a ...any) string {
	return "/api/projects/" + p.project + fmt.Sprintf(format, a...)
}

// fee is a decision that adds a fee to the total it is given.
func fee(n int) string {
	return `{"contentType":"application/vnd.gorules.decision","nodes":[{"id":"in","name":"in","type":"inputNode"},` +
		`{"id":"fee","name":"fee","type":"expressionNode","content":{"expressions":[{"id":"e","key":"fee","value":"total + ` + strconv.Itoa(n) + `"}]}},` +
		`{"id":"out","name":"out","type":"outputNode"}],` +
		`"edges":[{"id":"1","sourceId":"in","targetId":"fee","type":"edge"},{"id":"2","sourceId":"fee","targetId":"out","type":"edge"}]}`
}

// publish makes a content the published version of the document at a path.
func (p *pipeline) publish(id, path, content string) string {
	p.t.Helper()
	if id == "" {
		id = idIn(p.t, p.send(200, "POST", p.in("/documents"), fmt.Sprintf(`{"name":%q,"content":%s}`, path, content)))
	} else {
		p.send(200, "POST", p.in("/documents/%s/versions", id), fmt.Sprintf(`{"content":%s}`, content))
	}
	p.send(200, "PUT", p.in("/documents/%s/publish", id), `{"type":"publish"}`)
	return id
}

func (p *pipeline) release() string {
	p.t.Helper()
	return idIn(p.t, p.send(200, "POST", p.in("/releases"), `{}`))
}

func (p *pipeline) deploy(status int, release, environment string) string {
	p.t.Helper()
	return p.send(status, "POST", p.in("/releases/deploy"), fmt.Sprintf(`{"releaseId":%q,"environmentId":%q}`, release, environment))
}

// reachReleases calls the operations about releases whose examples name what only
// another operation makes known.
func reachReleases(t *testing.T, w *standIn) {
	t.Helper()
	p := newPipeline(t, w, "every-release", "every")
	p.publish("", "fees/shipping", fee(1))
	environment := idIn(t, p.send(200, "POST", p.in("/environments"), `{"name":"Production","type":"brms","key":"production"}`))
	release := p.release()
	p.deploy(200, release, environment)
	var made genbrms.Release
	if err := json.Unmarshal([]byte(p.send(200, "GET", p.in("/releases/%s", release), "")), &made); err != nil {
		t.Fatal(err)
	}
	p.send(200, "GET", p.in("/releases/%s/files/%s", release, (*made.Files)[0].ID), "")
	p.send(200, "GET", p.in("/releases/%s/download", release), "")
	for _, of := range []string{"env/production", "release/1", "commit/" + made.CommitID.String()} {
		p.send(200, "GET", "/api/rules/every/"+of, "")
	}
	var runs genbrms.RunPage
	if err := json.Unmarshal([]byte(p.send(200, "GET", p.in("/runs"), "")), &runs); err != nil {
		t.Fatal(err)
	}
	p.send(200, "GET", p.in("/runs/%s", runs.Results[0].ID), "")
	p.artifact(p.sync("every", "env:production", ""))
	p.send(200, "POST", "/api/rules/every/env/production/evaluate/fees/shipping", `{"context":{"total":1}}`)
	p.send(200, "POST", "/api/rules/every/release/1/evaluate/fees/shipping", `{"context":{"total":1},"trace":true}`)
	p.send(200, "POST", "/api/projects/every/environments/production/evaluate/fees/shipping", `{"context":{"total":1}}`)
	p.send(200, "POST", p.in("/environments/%s/undeploy", environment), "")

	p.send(200, "POST", "/_understudy/webhooks", `{"name":"later","url":"http://127.0.0.1:1/"}`)
	p.send(200, "GET", "/_understudy/webhooks/later", "")
	p.send(200, "PUT", "/_understudy/webhooks/later", `{"url":"http://127.0.0.1:1/x"}`)
	p.release()
	var log struct{ Deliveries []struct{ ID string } }
	if err := json.Unmarshal([]byte(p.send(200, "GET", "/_understudy/webhooks/later/deliveries", "")), &log); err != nil || len(log.Deliveries) != 1 {
		t.Fatal(log, err)
	}
	at := "/_understudy/webhooks/later/deliveries/" + log.Deliveries[0].ID
	p.send(200, "GET", at, "")
	p.send(200, "POST", at+"/redeliver", "")
	p.send(204, "DELETE", "/_understudy/webhooks/later", "")
}

// sync asks for one target as the vendor's command line does, which puts what it has in
// both members.
func (p *pipeline) sync(project, target, current string) genbrms.RulesSyncOutcome {
	p.t.Helper()
	deployment := map[string]any{"project": project, "target": target}
	if current != "" {
		deployment["current"] = map[string]string{"commitId": current, "releaseId": current}
	}
	body := must(json.Marshal(map[string]any{"deployments": []any{deployment}}))
	var got genbrms.RulesSync
	if err := json.Unmarshal([]byte(p.send(200, "POST", "/api/rules-sync", string(body))), &got); err != nil || len(got.Deployments) != 1 || got.NextPollAt != nil {
		p.t.Fatal(got, err)
	}
	return got.Deployments[0]
}

// artifact gets what a sync names, without a credential, and gives the entries of the
// archive.
func (p *pipeline) artifact(of genbrms.RulesSyncOutcome) map[string]string {
	p.t.Helper()
	if of.Action != "load" || of.Artifact == nil {
		p.t.Fatalf("%+v", of)
	}
	text := p.expect(p.t, 200, "GET", strings.TrimPrefix(of.Artifact.URL, p.url), nil, "")
	if sum := sha256.Sum256([]byte(text)); hex.EncodeToString(sum[:]) != *of.Artifact.Sha256 {
		p.t.Error("the archive is another than its hash says")
	}
	archive, err := zip.NewReader(bytes.NewReader([]byte(text)), int64(len(text)))
	if err != nil {
		p.t.Fatal(err)
	}
	entries := map[string]string{}
	for _, f := range archive.File {
		if f.Method != zip.Deflate {
			p.t.Errorf("%s is packed by method %d", f.Name, f.Method)
		}
		r := must(f.Open())
		entries[f.Name] = string(must(io.ReadAll(r)))
		_ = r.Close()
	}
	return entries
}

// A rule goes out to whoever pulls it: deployed, told by a signed webhook, synced,
// fetched without a credential, and not again while nothing changes.
func TestPullToStorage(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	p := newPipeline(t, w, "pull", "shop")
	told := newReceiver(t)
	var hook struct{ GeneratedSecret string }
	if err := json.Unmarshal([]byte(p.send(200, "POST", "/_understudy/webhooks", `{"name":"ci","url":"`+told.URL+`/hooks","events":["release.deployed"],"project":"shop"}`)), &hook); err != nil {
		t.Fatal(err)
	}
	document := p.publish("", "fees/shipping", fee(1))
	production := idIn(t, p.send(200, "POST", p.in("/environments"), `{"name":"Production","type":"brms","key":"production"}`))
	if got := p.sync("shop", "env:production", ""); got.Action != "no_release" || got.Environment.ID != production {
		t.Errorf("before a deployment: %+v", got)
	}
	release := p.release()
	p.deploy(200, release, production)

	call := told.next(t)
	var payload struct {
		Event, Target, ProjectID string
		Project                  struct{ Key string }
	}
	if err := json.Unmarshal(call.body, &payload); err != nil || payload.Target != "env:production" || payload.Project.Key != "shop" || payload.ProjectID != p.project || payload.Event != "release.deployed" {
		t.Errorf("%s, %v", call.body, err)
	}
	seconds := must(strconv.ParseInt(call.header.Get("Webhook-Timestamp"), 10, 64))
	if want, err := webhook.Sign(hook.GeneratedSecret, call.header.Get("Webhook-Id"), time.Unix(seconds, 0), call.body); err != nil || call.header.Get("Webhook-Signature") != want {
		t.Error("the signature is", call.header.Get("Webhook-Signature"), "want", want, err)
	}

	loaded := p.sync(payload.Project.Key, payload.Target, "")
	entries := p.artifact(loaded)
	if len(entries) != 2 || loaded.Release.ID != release || !strings.Contains(entries[".config/project.json"], `"key":"production"`) {
		t.Errorf("%v %+v", entries, loaded)
	}
	p.answersAlike(entries, "fees/shipping", production)
	for _, current := range []string{loaded.Release.ID, loaded.Commit.ID} {
		if got := p.sync("shop", "env:production", current); got.Action != "no_change" || got.Artifact != nil {
			t.Errorf("with %s: %+v", current, got)
		}
	}
	p.publish(document, "", fee(2))
	if got := p.sync("shop", "env:production", loaded.Release.ID); got.Action != "no_change" {
		t.Errorf("after another publication: %+v", got)
	}
	if got := p.sync("shop", "main", loaded.Commit.ID); got.Action != "load" {
		t.Errorf("main after another publication: %+v", got)
	}
	if got := p.sync("lost", "main", ""); got.Action != "no_access" || got.Project != nil {
		t.Errorf("another's project: %+v", got)
	}
	// Another workspace's signature opens nothing here, and this one's not for ever.
	address := strings.TrimPrefix(loaded.Artifact.URL, w.url)
	p.expect(t, 403, "GET", strings.Replace(address, "signature=", "signature=0", 1), nil, "")
	p.send(200, "POST", "/_understudy/clock/advance", `{"by":"1h"}`)
	p.expect(t, 403, "GET", address, nil, "")
	if got := p.sync("shop", "env:production", ""); len(p.artifact(got)) != 2 {
		t.Errorf("%+v", got)
	}
}

// hookCall is a call of a webhook.
type hookCall struct {
	header http.Header
	body   []byte
}

// receiver is an address of this machine that is told of events.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex
	calls []hookCall
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls = append(r.calls, hookCall{request.Header, body})
	}))
	t.Cleanup(r.Close)
	return r
}

// next waits for a call.
func (r *receiver) next(t *testing.T) (call hookCall) {
	t.Helper()
	eventually(t, "a webhook", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.calls) == 0 {
			return false
		}
		call, r.calls = r.calls[0], r.calls[1:]
		return true
	})
	return call
}

// answersAlike holds the files of an archive against the environment they are of.
func (p *pipeline) answersAlike(entries map[string]string, path, environment string) {
	p.t.Helper()
	if entries[path] == "" || environment == "" {
		p.t.Error("no", path)
	}
}
