package app

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	gendatafold "github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/gen/understudy"
)

// Every operation of every document is reached through the generated client and
// succeeds; the judge holds each answer against its schema.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	w := startWorld(t, Options{})
	ctx := t.Context()

	b := w.brms("s")
	want(t, 200, must(b.GetHealthWithResponse(ctx)))
	project := want(t, 200, must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "p", Key: "pp"}))).JSON200.Project.ID
	want(t, 200, must(b.ListProjectsWithResponse(ctx, nil)))
	want(t, 200, must(b.GetProjectWithResponse(ctx, project)))
	want(t, 200, must(b.GetProjectWithApprovalsWithResponse(ctx, project)))
	want(t, 200, must(b.UpdateProjectWithResponse(ctx, project, genbrms.UpdateProjectRequest{Name: "q", Key: "qq"})))
	made := want(t, 200, must(b.CreateIntegrationWithResponse(ctx, project, rates("rates")))).JSON200.ID
	want(t, 200, must(b.ListIntegrationsWithResponse(ctx, project, nil)))
	want(t, 200, must(b.GetIntegrationWithResponse(ctx, project, made)))
	want(t, 200, must(b.UpdateIntegrationWithResponse(ctx, project, made, ratesUpdate())))
	want(t, 200, must(b.DeleteIntegrationWithResponse(ctx, project, made)))
	want(t, 200, must(b.DeleteProjectWithResponse(ctx, project)))
	want(t, 200, must(b.RestoreProjectWithResponse(ctx, project)))

	d := w.datafold("s")
	dbt := gendatafold.DbtDataSourceConfig{CIConfigID: 1}
	hightouch := gendatafold.HighTouchDataSourceConfig{Token: new("t"), Bindings: []gendatafold.DataSourceBinding{}}
	looker := gendatafold.LookerDataSourceConfig{BaseURL: "b", ClientID: "c", ClientSecret: new("s"), RepoID: 1}
	mode := gendatafold.ModeDataSourceConfig{Token: new("t"), Password: new("p")}
	powerbi := gendatafold.PowerBIDataSourceConfig{AuthType: new(gendatafold.PowerBIAuthTypeDelegated)}
	tableau := gendatafold.TableauDataSourceConfig{TokenName: "n", TokenValue: new("v"), SiteID: "s", ServerURL: "u"}
	for id := 1; id <= 6; id++ {
		switch id {
		case 1:
			want(t, 200, must(d.CreateDbtIntegrationWithResponse(ctx, dbt)))
			want(t, 200, must(d.UpdateDbtIntegrationWithResponse(ctx, id, dbt)))
		case 2:
			want(t, 200, must(d.CreateHightouchIntegrationWithResponse(ctx, hightouch)))
			want(t, 200, must(d.ChangeHightouchIntegrationWithResponse(ctx, id, hightouch)))
		case 3:
			want(t, 200, must(d.CreateLookerIntegrationWithResponse(ctx, looker)))
			want(t, 200, must(d.UpdateLookerIntegrationWithResponse(ctx, id, looker)))
		case 4:
			want(t, 200, must(d.CreateModeIntegrationWithResponse(ctx, mode)))
			want(t, 200, must(d.ChangeModeIntegrationWithResponse(ctx, id, mode)))
		case 5:
			want(t, 200, must(d.CreatePowerbiIntegrationWithResponse(ctx, powerbi)))
			want(t, 200, must(d.UpdatePowerbiIntegrationWithResponse(ctx, id, powerbi)))
		case 6:
			want(t, 200, must(d.CreateTableauIntegrationWithResponse(ctx, tableau)))
			want(t, 200, must(d.UpdateTableauIntegrationWithResponse(ctx, id, tableau)))
		}
		want(t, 200, must(d.GetIntegrationWithResponse(ctx, id)))
		want(t, 200, must(d.ResyncIntegrationWithResponse(ctx, id)))
	}
	want(t, 200, must(d.GetAllIntegrationsWithResponse(ctx)))
	exchange := want(t, 404, must(d.GetIntegrationWithResponse(ctx, 7))).HTTPResponse.Header.Get("Understudy-Exchange")
	want(t, 200, must(d.RemoveIntegrationWithResponse(ctx, 1)))

	c := w.control("Bearer s")
	want(t, 200, must(c.GetLivenessWithResponse(ctx)))
	want(t, 200, must(c.GetReadinessWithResponse(ctx)))
	want(t, 200, must(c.GetExchangeWithResponse(ctx, exchange, nil)))
	want(t, 200, must(c.ListExchangesWithResponse(ctx, nil)))
	want(t, 200, must(c.ListViolationsWithResponse(ctx, nil)))
	want(t, 200, must(c.GetCoverageWithResponse(ctx, nil)))
	want(t, 200, must(c.GetReportWithResponse(ctx, nil)))
	for _, name := range []understudy.GetDocumentParamsDocument{"brms", "datafold", "understudy"} {
		for _, format := range []understudy.GetDocumentParamsFormat{"yaml", "json"} {
			want(t, 200, must(c.GetDocumentWithResponse(ctx, name, &understudy.GetDocumentParams{Format: &format})))
		}
	}
	want(t, 200, must(c.GetVersionWithResponse(ctx)))
	want(t, 204, must(c.ClearExchangesWithResponse(ctx, nil)))
	want(t, 200, must(c.PutFaultWithResponse(ctx, "f", nil, understudy.FaultDefinition{Do: understudy.FaultAction{Status: new(503)}})))
	want(t, 200, must(c.GetFaultWithResponse(ctx, "f", nil)))
	want(t, 200, must(c.ListFaultsWithResponse(ctx, nil)))
	want(t, 204, must(c.DeleteFaultWithResponse(ctx, "f", nil)))
	want(t, 204, must(c.ClearFaultsWithResponse(ctx, nil)))
	want(t, 200, must(c.PutClockWithResponse(ctx, understudy.ClockDefinition{Frozen: true})))
	want(t, 200, must(c.AdvanceClockWithResponse(ctx, understudy.ClockAdvance{By: "36h"})))
	want(t, 200, must(c.GetClockWithResponse(ctx)))
	want(t, 200, must(c.PutIdsWithResponse(ctx, understudy.IDs{Source: "sequential"})))
	want(t, 200, must(c.GetIdsWithResponse(ctx)))
	want(t, 200, must(c.PutJobModeWithResponse(ctx, "datafold.bi.sync", understudy.JobModeDefinition{Mode: "polls"})))
	want(t, 200, must(c.ListJobModesWithResponse(ctx)))
	want(t, 204, must(c.DeleteJobModeWithResponse(ctx, "datafold.bi.sync")))
	want(t, 200, must(c.ListJobsWithResponse(ctx, nil)))
	want(t, 200, must(c.PutSnapshotWithResponse(ctx, "s", understudy.SnapshotDefinition{})))
	want(t, 200, must(c.ListSnapshotsWithResponse(ctx)))
	want(t, 200, must(c.RestoreSnapshotWithResponse(ctx, "s")))
	want(t, 204, must(c.DeleteSnapshotWithResponse(ctx, "s")))
	seed := want(t, 200, must(c.ExportSeedWithResponse(ctx))).Body
	want(t, 200, must(c.PutSeedWithBodyWithResponse(ctx, "application/yaml", bytes.NewReader(seed))))
	want(t, 204, must(c.ResetWithResponse(ctx, understudy.ResetDefinition{})))

	for _, doc := range w.judge.documents {
		for _, op := range doc.document.Operations() {
			name := doc.document.API + " " + op.Method + " " + op.Path
			reached := false
			for _, status := range w.judge.statuses(name) {
				reached = reached || status >= 200 && status < 300
			}
			if !reached {
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
	w := startWorld(t, Options{})
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
	w := startWorldOver(t, &tamperedStore{Store: memory(t)}, Options{Limits: unjudged()})
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
