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

	"github.com/google/go-cmp/cmp"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	engine "github.com/understudy-api/understudy/server/decision"
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
		parent, name, _ := strings.Cut(path, "/")
		id = idIn(p.t, p.send(200, "POST", p.in("/documents"), fmt.Sprintf(`{"name":%q,"parent":%q,"content":%s}`, name, parent, content)))
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
	// Who reads the records learns no address, and no token.
	_, signature, _ := strings.Cut(loaded.Artifact.URL, "signature=")
	for _, list := range []string{"/_understudy/exchanges?limit=100", "/_understudy/report"} {
		text := p.send(200, "GET", list, "")
		var page struct{ Exchanges []struct{ ID string } }
		if json.Unmarshal([]byte(text), &page) == nil {
			for _, x := range page.Exchanges {
				text += p.send(200, "GET", "/_understudy/exchanges/"+x.ID, "")
			}
		}
		if strings.Contains(text, signature) || strings.Contains(text, hook.GeneratedSecret) {
			t.Error("a secret is in", list)
		}
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

// answersAlike holds what the engine makes of the files of an archive against what is
// answered in an environment.
func (p *pipeline) answersAlike(entries map[string]string, path, environment string) {
	p.t.Helper()
	parsed, err := engine.Parse([]byte(entries[path]))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, input := range []string{`{"total":1}`, `{"total":0.1,"more":[1,{"a":null}]}`, `{"total":12345678901234567890}`} {
		want, err := engine.New().EvaluateJSON(p.t.Context(), parsed, []byte(input), engine.EvaluateOptions{})
		if err != nil {
			p.t.Fatal(err)
		}
		var got struct{ Result json.RawMessage }
		answer := p.send(200, "POST", p.in("/environments/%s/evaluate/%s", environment, path), `{"context":`+input+`}`)
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			p.t.Fatal(err)
		}
		text := want.Result.AppendJSON(nil)
		if string(got.Result) != string(text) {
			p.t.Errorf("%s: answered %s, the engine says %s", input, got.Result, text)
		}
	}
}

// evaluate is the fee that an environment answers for a total of 10.
func (p *pipeline) evaluate(environment string) float64 {
	p.t.Helper()
	var got struct{ Result struct{ Fee float64 } }
	answer := p.send(200, "POST", p.in("/environments/%s/evaluate/fees/shipping", environment), `{"context":{"total":10}}`)
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		p.t.Fatal(err)
	}
	return got.Result.Fee
}

// A rule from its first draft to production and back: what is deployed stays as it is
// until something else is.
func TestReleaseTrain(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	p := newPipeline(t, w, "train", "train")
	production := idIn(t, p.send(200, "POST", p.in("/environments"), `{"name":"Production","type":"brms","key":"production"}`))
	p.send(404, "POST", p.in("/environments/production/evaluate/fees/shipping"), `{"context":{"total":10}}`)

	document := p.publish("", "fees/shipping", fee(1))
	first := p.release()
	p.send(200, "POST", p.in("/releases/%s/publish", first), `{"name":"Spring","versionType":"minor"}`)
	p.deploy(200, first, production)
	want := func(step string, fee float64) {
		t.Helper()
		for _, environment := range []string{"production", production} {
			if got := p.evaluate(environment); got != fee {
				t.Errorf("%s: %v, want %v", step, got, fee)
			}
		}
	}
	want("deployed", 11)
	p.publish(document, "", fee(2))
	want("another version published", 11)
	var now struct{ Result struct{ Fee float64 } }
	if err := json.Unmarshal([]byte(p.send(200, "POST", p.in("/evaluate/fees/shipping"), `{"context":{"total":10}}`)), &now); err != nil || now.Result.Fee != 12 {
		t.Error("what is published:", now, err)
	}
	second := p.release()
	want("another release made", 11)
	p.deploy(200, second, production)
	want("the other release deployed", 12)
	p.deploy(200, first, production)
	want("rolled back", 11)
	p.send(409, "DELETE", p.in("/environments/%s", production), "")
	want("not deleted", 11)

	var meta struct {
		Result struct{ Fee float64 }
		Meta   struct {
			Type        string
			Release     struct{ ID, Version string }
			Environment struct{ Key string }
		}
	}
	for target, version := range map[string]string{"env/production": "1.0.0", "release/1": "1.0.0", "release/2": "2", "release/1.0.0": "1.0.0"} {
		answer := p.send(200, "POST", "/api/rules/train/"+target+"/evaluate/fees/shipping", `{"context":{"total":10},"trace":true}`)
		if err := json.Unmarshal([]byte(answer), &meta); err != nil || meta.Meta.Release.Version != version || !strings.Contains(answer, `"trace":{`) {
			t.Errorf("%s: %s", target, answer)
		}
	}
	if answer := p.send(400, "POST", "/api/rules/train/env/production/evaluate/fees/lost", `{"context":{}}`); answer != `{"code":"documents.invalid","details":"File not found","key":"fees/lost"}` {
		t.Error(answer)
	}
	if answer := p.send(400, "POST", "/api/rules/train/env/production/evaluate/fees/shipping", `{"context":{"total":"x"}}`); !strings.HasPrefix(answer, `{"code":"evaluate.failed","details":{"type":"NodeError","nodeId":"fee"`) {
		t.Error(answer)
	}

	// Each run tells what it did.
	var runs genbrms.RunPage
	if err := json.Unmarshal([]byte(p.send(200, "GET", p.in("/runs"), "")), &runs); err != nil {
		t.Fatal(err)
	}
	released := []string{}
	for _, r := range runs.Results {
		released = append(released, r.Release.Version+" "+r.Status+" "+r.Jobs[0].Event)
	}
	if diff := cmp.Diff([]string{"1 completed deploy", "2 completed deploy", "1 completed deploy"}, released); diff != "" {
		t.Error(diff)
	}
	p.send(200, "POST", p.in("/environments/%s/undeploy", production), "")
	p.send(404, "POST", p.in("/environments/production/evaluate/fees/shipping"), `{"context":{"total":10}}`)
	p.send(404, "POST", "/api/rules/train/env/production/evaluate/fees/shipping", `{"context":{"total":10}}`)
	if got := p.sync("train", "env:production", ""); got.Action != "no_release" {
		t.Errorf("%+v", got)
	}
	p.send(409, "POST", p.in("/environments/%s/undeploy", production), "")
	p.send(200, "DELETE", p.in("/environments/%s", production), "")
}

// Of deployments that come at once each is done or refused, and what is in use is what
// the last run says.
func TestDeploysAtOnce(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	p := newPipeline(t, w, "at-once", "once")
	p.send(200, "PUT", "/_understudy/clock", `{"frozen":true}`)
	p.publish("", "fees/shipping", fee(1))
	bucket := idIn(t, p.send(200, "POST", "/api/deployments", `{"name":"Bucket","provider":"aws_s3"}`))
	here := idIn(t, p.send(200, "POST", p.in("/environments"), `{"name":"Here","type":"brms","key":"here"}`))
	cloud := idIn(t, p.send(200, "POST", p.in("/environments"), fmt.Sprintf(`{"name":"Cloud","type":"deployment","key":"cloud","deploymentId":%q}`, bucket)))
	releases := []string{p.release(), p.release(), p.release(), p.release()}
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[string]map[int]int{here: {}, cloud: {}}
	for _, release := range releases {
		for _, environment := range []string{here, cloud} {
			all.Go(func() {
				got := w.do(t, "POST", p.in("/releases/deploy"), bearer(p.secret), strings.NewReader(fmt.Sprintf(`{"releaseId":%q,"environmentId":%q}`, release, environment)))
				mu.Lock()
				defer mu.Unlock()
				statuses[environment][got.status]++
			})
		}
	}
	all.Wait()
	if diff := cmp.Diff(map[string]map[int]int{here: {200: 4}, cloud: {200: 1, 409: 3}}, statuses); diff != "" {
		t.Error(diff)
	}
	var runs genbrms.RunPage
	if err := json.Unmarshal([]byte(p.send(200, "GET", p.in("/runs"), "")), &runs); err != nil || len(runs.Results) != 5 {
		t.Fatal(len(runs.Results), err)
	}
	last := map[string]string{}
	for _, r := range runs.Results {
		if e := r.Jobs[0].EnvironmentID.String(); last[e] == "" {
			last[e] = r.ReleaseID.String()
		}
	}
	p.send(200, "POST", "/_understudy/clock/advance", `{"by":"1m"}`)
	var environments []genbrms.Environment
	if err := json.Unmarshal([]byte(p.send(200, "GET", p.in("/environments"), "")), &environments); err != nil {
		t.Fatal(err)
	}
	for _, e := range environments {
		if e.ReleaseID == nil || e.ReleaseID.String() != last[e.ID.String()] {
			t.Errorf("%s: in use is %v, deployed last %s", e.Key, e.ReleaseID, last[e.ID.String()])
		}
	}
}

// A seed plants releases and what is deployed, so that an environment answers from the
// first request on; what is exported plants the same again.
func TestSeededRelease(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	const seed = `
workspaces:
- understudy:
    webhooks:
    - {name: ci, url: "http://127.0.0.1:1/", events: [release]}
  brms:
    deployments:
    - {name: Bucket, provider: aws_s3, id: 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed}
    projects:
    - name: Shop
      key: shop
      decisionsApprovalMode: require_any
      id: 7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77
      groups:
      - {name: Risk, permissions: [releases:deploy], id: 93a1d1c4-3b7f-4a38-9a0f-6a2e7a5b1c02}
      releases:
      - name: Spring
        status: published
        semanticVersion: 2.1.0
        id: c3b1a2d4-8e7f-4a6b-9c5d-1e2f3a4b5c6d
        files:
        - name: fees/shipping
          content: ` + "%s" + `
      - name: Draft
        version: 7
      environments:
      - {name: Production, type: brms, releaseId: c3b1a2d4-8e7f-4a6b-9c5d-1e2f3a4b5c6d}
      - {name: Cloud, type: deployment, deploymentId: 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed, approvalMode: require_any, approvalGroups: [93a1d1c4-3b7f-4a38-9a0f-6a2e7a5b1c02]}
`
	p := &pipeline{standIn: w, t: t, secret: "seeded", project: "7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77"}
	header := bearer(p.secret)
	header.Set("Content-Type", "application/yaml")
	w.expect(t, 200, "PUT", seedPath, header, fmt.Sprintf(seed, fee(1)))
	if got := p.evaluate("production"); got != 11 {
		t.Error(got)
	}
	export := w.export(t, p.secret)
	w.expect(t, 200, "PUT", seedPath, header, export)
	if again := w.export(t, p.secret); again != export {
		t.Error(cmp.Diff(export, again))
	}
	if got := p.evaluate("production"); got != 11 {
		t.Error("planted again:", got)
	}
	var releases genbrms.ReleasePage
	document := idIn(t, p.send(200, "POST", p.in("/documents"), `{"name":"shipping","content":`+fee(2)+`}`))
	if got := p.send(202, "PUT", p.in("/documents/%s/publish", document), `{"type":"publish"}`); !strings.Contains(got, `"documentId":"`+document+`"`) || !strings.Contains(got, `"status":"pending"`) {
		t.Error(got)
	}
	p.send(200, "POST", p.in("/releases/apply"), `{"releaseId":"c3b1a2d4-8e7f-4a6b-9c5d-1e2f3a4b5c6d","publish":true}`)
	if got := p.send(200, "GET", p.in("/documents/list-paths"), ""); got != "[]" {
		t.Error("published before it was approved:", got)
	}
	p.send(200, "POST", p.in("/releases"), `{"status":"published"}`)
	if err := json.Unmarshal([]byte(p.send(200, "GET", p.in("/releases"), "")), &releases); err != nil {
		t.Fatal(err)
	}
	numbers := []string{}
	for _, r := range releases.Results {
		v := "-"
		if r.SemanticVersion != nil {
			v = *r.SemanticVersion
		}
		numbers = append(numbers, fmt.Sprint(r.Version, " ", v))
	}
	if diff := cmp.Diff([]string{"8 2.1.1", "7 -", "1 2.1.0"}, numbers); diff != "" {
		t.Error(diff)
	}
	p.deploy(202, releases.Results[0].ID.String(), p.environment("cloud"))
	for wrong, want := range map[string]string{
		`{name: P, type: brms, releaseId: c3b1a2d4-8e7f-4a6b-9c5d-1e2f3a4b5c6e}`:         "No release of the project",
		`{name: P, type: brms, approvalGroups: [93a1d1c4-3b7f-4a38-9a0f-6a2e7a5b1c03]}`:  "No group of the project",
		`{name: P, type: brms, key: a}` + "\n      - " + `{name: Q, type: brms, key: a}`: "Another environment",
	} {
		text := "workspaces:\n- brms:\n    projects:\n    - name: Shop\n      environments:\n      - " + wrong + "\n"
		if got := w.expect(t, 422, "PUT", seedPath, header, text); !strings.Contains(got, want) {
			t.Errorf("%s: %s", wrong, got)
		}
	}
}

// environment is the id of an environment, by its key.
func (p *pipeline) environment(key string) string {
	t := p.t
	t.Helper()
	var environments []genbrms.Environment
	if err := json.Unmarshal([]byte(p.send(200, "GET", p.in("/environments"), "")), &environments); err != nil {
		t.Fatal(err)
	}
	for _, e := range environments {
		if e.Key == key {
			return e.ID.String()
		}
	}
	t.Fatal("no environment", key)
	return ""
}
