package app

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	gendatafold "github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/verify"
)

// Every operation of every document is reached by the examples that the document has
// for it, and succeeds; the judge holds each answer against its schema.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{OutgoingLocal: true})
	for name, authorization := range map[string]string{"brms": "Bearer every-brms", "datafold": "Key every-datafold", "understudy": "Bearer every-control"} {
		document, known, err := VerifyDocument(name)
		if err != nil || !known {
			t.Fatal(known, err)
		}
		result, err := verify.Run(t.Context(), verify.Options{
			Document: document, URL: w.url, Client: w.client, Authorization: authorization, Seed: 1, Phases: []verify.Phase{verify.PhaseExamples},
			Workers: 1, // or what one makes may be in the way of another's example
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range result.Findings {
			t.Errorf("%s: %s: %s\n%s", f.Check, f.Operation, f.Message, f.Curl)
		}
	}
	// Nobody guesses the id of an exchange.
	exchange := want(t, 404, must(w.datafold("s").GetIntegrationWithResponse(t.Context(), 7))).HTTPResponse.Header.Get("Understudy-Exchange")
	want(t, 200, must(w.control("Bearer s").GetExchangeWithResponse(t.Context(), exchange, nil)))
	// Nor does an example know what may be asked over the network.
	project := want(t, 200, must(w.brms("s").CreateProjectWithResponse(t.Context(), genbrms.CreateProjectRequest{Name: "p", Key: "pp"}))).JSON200.Project.ID
	want(t, 200, must(w.brms("s").HTTPProxyWithResponse(t.Context(), project, genbrms.ProxyRequest{URL: w.url + "/api/health"})))
	// Nor that of a test, or of a data source elsewhere.
	source := fmt.Sprint(w.dataSource(t, "s", `{"type":"duckdb","name":"n"}`))
	w.expect(t, 200, "POST", "/api/v1/data_sources/"+source+"/test", key("s"), "{}")
	w.expect(t, 200, "GET", "/api/v1/data_sources/test/1", key("s"), "")
	steered := "/_understudy/datafold/data-sources/" + source
	w.expect(t, 200, "PUT", steered+"/backing", bearer("s"), `{"sql":"CREATE TABLE t (id INT)"}`)
	w.expect(t, 200, "GET", steered+"/backing", bearer("s"), "")
	w.expect(t, 204, "DELETE", steered+"/backing", bearer("s"), "")
	w.expect(t, 204, "DELETE", steered, bearer("s"), "")

	reachCI(t, w)
	reachReleases(t, w)
	for _, doc := range w.judge.documents {
		for _, op := range doc.document.Operations() {
			if op.ID == "evaluateEnvironmentDecision" {
				continue // no environment can be made yet
			}
			name := doc.document.API + " " + op.Method + " " + op.Path
			if !slices.ContainsFunc(w.judge.statuses(name), func(status int) bool { return status >= 200 && status < 300 }) {
				t.Errorf("%s was not reached", name)
			}
		}
	}
}

func rates(kind string) genbrms.CreateIntegrationRequest {
	return genbrms.CreateIntegrationRequest{
		Name: "Rates", Type: "http", Kind: kind, Config: genbrms.HTTPIntegrationConfigInput{URL: "https://rates.example.com"},
	}
}

func ratesUpdate() genbrms.UpdateIntegrationRequest {
	return genbrms.UpdateIntegrationRequest{Name: "New", Config: genbrms.HTTPIntegrationConfigInput{URL: "u"}}
}

// The whole life of an integration, in both APIs, with the answers as a client
// sees them.
func TestWholeLife(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	ctx := t.Context()
	t.Run("brms", func(t *testing.T) {
		b := w.brms("life")
		project := want(t, 200, must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "p", Key: "pp"}))).JSON200.Project.ID
		id := want(t, 200, must(b.CreateIntegrationWithResponse(ctx, project, rates("k")))).JSON200.ID
		if got := want(t, 200, must(b.GetIntegrationWithResponse(ctx, project, id))).JSON200; got.Name != "Rates" || got.ID != id {
			t.Errorf("got %+v", got)
		}
		list := want(t, 200, must(b.ListIntegrationsWithResponse(ctx, project, nil))).JSON200
		if len(list.Results) != 1 || list.Results[0].ID != id {
			t.Errorf("listed %+v", list)
		}
		want(t, 200, must(b.UpdateIntegrationWithResponse(ctx, project, id, ratesUpdate())))
		if got := want(t, 200, must(b.GetIntegrationWithResponse(ctx, project, id))).JSON200; got.Name != "New" {
			t.Errorf("got %+v", got)
		}
		want(t, 200, must(b.DeleteIntegrationWithResponse(ctx, project, id)))
		want(t, 404, must(b.GetIntegrationWithResponse(ctx, project, id)))
		want(t, 404, must(b.UpdateIntegrationWithResponse(ctx, project, id, ratesUpdate())))
		want(t, 404, must(b.DeleteIntegrationWithResponse(ctx, project, id)))
		if list := want(t, 200, must(b.ListIntegrationsWithResponse(ctx, project, nil))).JSON200; len(list.Results) != 0 {
			t.Errorf("listed %+v", list)
		}
		if got := w.judge.statuses("brms DELETE /api/projects/{projectId}/integrations/{integrationId}"); fmt.Sprint(got) != "[200 404]" {
			t.Errorf("judged deletes %v", got)
		}
	})
	t.Run("datafold", func(t *testing.T) {
		d := w.datafold("life")
		looker := gendatafold.LookerDataSourceConfig{BaseURL: "b", ClientID: "c", ClientSecret: new("s"), RepoID: 1, Name: new("n")}
		id := want(t, 200, must(d.CreateLookerIntegrationWithResponse(ctx, looker))).JSON200.ID
		if got := want(t, 200, must(d.GetIntegrationWithResponse(ctx, id))).JSON200; *got.Name != "n" || got.Type != "looker" {
			t.Errorf("got %+v", got)
		}
		if list := *want(t, 200, must(d.GetAllIntegrationsWithResponse(ctx))).JSON200; len(list) != 1 || list[0].ID != id {
			t.Errorf("listed %+v", list)
		}
		looker.IndexingCron = new("0 5 * * *")
		want(t, 200, must(d.UpdateLookerIntegrationWithResponse(ctx, id, looker)))
		if got := want(t, 200, must(d.GetIntegrationWithResponse(ctx, id))).JSON200; *got.IndexingCron != "0 5 * * *" {
			t.Errorf("got %+v", got)
		}
		want(t, 200, must(d.RemoveIntegrationWithResponse(ctx, id)))
		want(t, 404, must(d.GetIntegrationWithResponse(ctx, id)))
		want(t, 404, must(d.UpdateLookerIntegrationWithResponse(ctx, id, looker)))
		want(t, 404, must(d.RemoveIntegrationWithResponse(ctx, id)))
		if list := *want(t, 200, must(d.GetAllIntegrationsWithResponse(ctx))).JSON200; len(list) != 0 {
			t.Errorf("listed %+v", list)
		}
	})
}

// What a checker of the documents must be able to say: an answer that breaks one
// is noticed by both judgements.
func TestJudgeNotices(t *testing.T) {
	t.Parallel()
	probe := &testing.T{}
	w := startServerOver(t, &tamperedStore{Store: memory(t)}, Options{Limits: unjudged()})
	w.judge.t = probe
	b := w.brms("s")
	project := must(b.CreateProjectWithResponse(t.Context(), genbrms.CreateProjectRequest{Name: "p", Key: "pp"})).JSON200.Project.ID
	made := must(b.CreateIntegrationWithResponse(t.Context(), project, rates("k"))).JSON200.ID
	if probe.Failed() {
		t.Fatal("sound answers were refused")
	}
	w.do(t, "GET", "/api/projects/"+project.String()+"/integrations/"+made.String(), bearer("s"), http.NoBody)
	if !probe.Failed() {
		t.Error("an answer with null for a list was let pass")
	}
}
