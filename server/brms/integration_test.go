package brms_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	gen "github.com/understudy-api/understudy/gen/brms"
)

func (s *server) listIntegrations(t *testing.T, project uuid.UUID, params gen.ListIntegrationsParams) gen.IntegrationPage {
	t.Helper()
	r := must(s.ListIntegrationsWithResponse(t.Context(), project, &params))
	want(t, 200, r)
	return *r.JSON200
}

func TestIntegrationLife(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one").ID
	s.clock.advance(time.Second)
	r := must(s.CreateIntegrationWithResponse(ctx, project, gen.CreateIntegrationRequest{
		Name: "Rate lookup", Type: "http", Kind: "rate-lookup",
		Config: gen.HTTPIntegrationConfigInput{URL: "https://rates.example.com/v1/quote"},
	}))
	want(t, 200, r)
	made := *r.JSON200
	wanted := gen.Integration{
		ID: made.ID, ProjectID: project, Name: "Rate lookup", Type: "http", Kind: "rate-lookup",
		Config: gen.HTTPIntegrationConfig{
			URL: "https://rates.example.com/v1/quote", Method: "post", Timeout: 5000,
			Headers: []any{}, Cookies: []any{}, Inputs: []any{},
		},
		CreatedAt: "2026-11-21T09:30:01.000Z", UpdatedAt: "2026-11-21T09:30:01.000Z",
	}
	if diff := cmp.Diff(wanted, made); diff != "" {
		t.Fatal(diff)
	}
	get := must(s.GetIntegrationWithResponse(ctx, project, made.ID))
	want(t, 200, get)
	if diff := cmp.Diff(wanted, *get.JSON200); diff != "" {
		t.Error(diff)
	}
	page := s.listIntegrations(t, project, gen.ListIntegrationsParams{})
	if diff := cmp.Diff(gen.IntegrationPage{
		Results:  []gen.Integration{wanted},
		Paginate: gen.Paginate{Current: 1, From: 1, To: 1, Total: 1, PageSize: 10},
	}, page); diff != "" {
		t.Error(diff)
	}

	s.clock.advance(time.Hour)
	config := gen.HTTPIntegrationConfigInput{
		URL: "u", Method: new("get"), Timeout: new(0.5), Output: new("result"), EnableInputs: new(true),
		Headers: &[]any{map[string]any{"a": "b"}, nil, 1.5}, Cookies: &[]any{"c"}, Inputs: &[]any{[]any{}},
	}
	update := must(s.UpdateIntegrationWithResponse(ctx, project, made.ID, gen.UpdateIntegrationRequest{
		Name: "Other", Config: config, Description: new("d"), Group: new("g"),
	}))
	want(t, 200, update)
	wanted.Name, wanted.Description, wanted.Group, wanted.UpdatedAt = "Other", new("d"), new("g"), "2026-11-21T10:30:01.000Z"
	wanted.Config = gen.HTTPIntegrationConfig{
		URL: "u", Method: "get", Timeout: 0.5, Output: new("result"), EnableInputs: true,
		Headers: *config.Headers, Cookies: *config.Cookies, Inputs: *config.Inputs,
	}
	if diff := cmp.Diff(wanted, *update.JSON200); diff != "" {
		t.Error(diff)
	}
	get = must(s.GetIntegrationWithResponse(ctx, project, made.ID))
	want(t, 200, get)
	if diff := cmp.Diff(wanted, *get.JSON200); diff != "" {
		t.Error(diff)
	}

	deleted := must(s.DeleteIntegrationWithResponse(ctx, project, made.ID))
	want(t, 200, deleted)
	if got := strings.TrimSpace(string(deleted.Body)); got != `{"status":"ok"}` {
		t.Errorf("delete answers %s", got)
	}
	for name, r := range map[string]response{
		"get":    must(s.GetIntegrationWithResponse(ctx, project, made.ID)),
		"delete": must(s.DeleteIntegrationWithResponse(ctx, project, made.ID)),
		"update": must(s.UpdateIntegrationWithResponse(ctx, project, made.ID, gen.UpdateIntegrationRequest{Name: "x", Config: config})),
	} {
		t.Run(name+" deleted", func(t *testing.T) {
			t.Parallel()
			wantError(t, 404, "integration.notFound", r)
		})
	}
	if page := s.listIntegrations(t, project, gen.ListIntegrationsParams{}); len(page.Results) != 0 || page.Paginate.Total != 0 {
		t.Errorf("deleted but listed: %+v", page)
	}
}

// Members of the answer that have no value are null, not absent.
func TestIntegrationNulls(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	r := must(s.CreateIntegrationWithResponse(t.Context(), project, newIntegration("k")))
	want(t, 200, r)
	var members map[string]any
	if err := json.Unmarshal(r.Body, &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"description", "group", "deletedAt"} {
		if v, ok := members[name]; !ok || v != nil {
			t.Errorf("%s: %v, present %t", name, v, ok)
		}
	}
	if _, ok := members["config"].(map[string]any)["output"]; ok {
		t.Error("an output that was not given is answered")
	}
}

func TestIntegrationKinds(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	one, two := s.createProject(t, "One", "one").ID, s.createProject(t, "Two", "two").ID
	first := s.createIntegration(t, one, "rates")
	wantError(t, 409, "integration.kindTaken", must(s.CreateIntegrationWithResponse(ctx, one, newIntegration("rates"))))
	s.createIntegration(t, two, "rates")
	s.createIntegration(t, one, "Rates") // kinds are compared exactly
	want(t, 200, must(s.DeleteIntegrationWithResponse(ctx, one, first.ID)))
	s.createIntegration(t, one, "rates")
	wantError(t, 409, "integration.kindTaken", must(s.CreateIntegrationWithResponse(ctx, one, newIntegration("rates"))))
}

// Type and kind never change, even when a request names them.
func TestIntegrationTypeAndKindAreFixed(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	made := s.createIntegration(t, project, "rates")
	status, body, _ := s.raw(t, "PUT", "/api/projects/"+project.String()+"/integrations/"+made.ID.String(),
		`{"name":"New","type":"database","kind":"other","config":{"url":"u"},"projectId":"x","id":5}`)
	var got gen.Integration
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		t.Fatalf("answer %d %s, %v", status, body, err)
	}
	if got.Type != "http" || got.Kind != "rates" || got.Name != "New" || got.ID != made.ID || got.ProjectID != project {
		t.Errorf("updated %+v", got)
	}
}

// An integration is found through its own project only.
func TestIntegrationOfAnotherProject(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	one, two := s.createProject(t, "One", "one").ID, s.createProject(t, "Two", "two").ID
	made := s.createIntegration(t, one, "rates")
	update := gen.UpdateIntegrationRequest{Name: "x", Config: gen.HTTPIntegrationConfigInput{URL: "u"}}
	wantError(t, 404, "integration.notFound", must(s.GetIntegrationWithResponse(ctx, two, made.ID)))
	wantError(t, 404, "integration.notFound", must(s.UpdateIntegrationWithResponse(ctx, two, made.ID, update)))
	wantError(t, 404, "integration.notFound", must(s.DeleteIntegrationWithResponse(ctx, two, made.ID)))
	wantError(t, 404, "project.notFound", must(s.GetIntegrationWithResponse(ctx, nowhere, made.ID)))
	wantError(t, 404, "project.notFound", must(s.CreateIntegrationWithResponse(ctx, nowhere, newIntegration("k"))))
	wantError(t, 404, "project.notFound", must(s.ListIntegrationsWithResponse(ctx, nowhere, nil)))
	if page := s.listIntegrations(t, two, gen.ListIntegrationsParams{}); page.Paginate.Total != 0 {
		t.Errorf("listed in the other project: %+v", page)
	}
	got := must(s.GetIntegrationWithResponse(ctx, one, made.ID))
	want(t, 200, got)
	if diff := cmp.Diff(made, *got.JSON200); diff != "" {
		t.Errorf("changed through the other project: %s", diff)
	}
}

func TestIntegrationListing(t *testing.T) {
	t.Parallel()
	s := start(t)
	one, two := s.createProject(t, "One", "one").ID, s.createProject(t, "Two", "two").ID
	for i := range 25 {
		s.createIntegration(t, one, fmt.Sprintf("kind-%02d", i))
		s.createIntegration(t, two, fmt.Sprintf("kind-%02d", i))
	}
	for name, test := range map[string]struct {
		params      gen.ListIntegrationsParams
		want        gen.Paginate
		first, last string
	}{
		"default":   {gen.ListIntegrationsParams{}, gen.Paginate{Current: 1, From: 1, To: 10, Total: 25, PageSize: 10}, "kind-24", "kind-15"},
		"last page": {gen.ListIntegrationsParams{Page: new(3.)}, gen.Paginate{Current: 3, From: 21, To: 25, Total: 25, PageSize: 10}, "kind-04", "kind-00"},
		"beyond":    {gen.ListIntegrationsParams{Page: new(9.), PerPage: new(5.)}, gen.Paginate{Current: 9, Total: 25, PageSize: 5}, "", ""},
		"zero":      {gen.ListIntegrationsParams{Page: new(0.), PerPage: new(0.)}, gen.Paginate{Current: 1, From: 1, To: 10, Total: 25, PageSize: 10}, "kind-24", "kind-15"},
		"search": {
			gen.ListIntegrationsParams{Search: new("KIND-1")},
			gen.Paginate{Current: 1, From: 1, To: 10, Total: 10, PageSize: 10},
			"kind-10", "kind-19",
		},
		"search and page": {
			gen.ListIntegrationsParams{Search: new("integration"), Page: new(2.), PerPage: new(20.)},
			gen.Paginate{Current: 2, From: 21, To: 25, Total: 25, PageSize: 20},
			"kind-20", "kind-24",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := s.listIntegrations(t, one, test.params)
			if diff := cmp.Diff(test.want, page.Paginate); diff != "" {
				t.Error(diff)
			}
			for _, i := range page.Results {
				if i.ProjectID != one {
					t.Errorf("of another project: %+v", i)
				}
			}
			if test.first != "" && (page.Results[0].Kind != test.first || page.Results[len(page.Results)-1].Kind != test.last) {
				t.Errorf("from %s to %s, want from %s to %s", page.Results[0].Kind, page.Results[len(page.Results)-1].Kind, test.first, test.last)
			}
			if n := len(page.Results); n > 0 && n != test.want.To-test.want.From+1 {
				t.Errorf("%d results", n)
			}
		})
	}
}

func TestIntegrationTexts(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	for i, text := range []string{"", "日本語 🚀", "\x00", `"\/<>&`, strings.Repeat("x", 100_000)} {
		body := gen.CreateIntegrationRequest{
			Name: text, Type: text, Kind: text + fmt.Sprint(i), Description: &text, Group: &text,
			Config: gen.HTTPIntegrationConfigInput{URL: text, Method: &text, Output: &text},
		}
		r := must(s.CreateIntegrationWithResponse(t.Context(), project, body))
		want(t, 200, r)
		got := must(s.GetIntegrationWithResponse(t.Context(), project, r.JSON200.ID))
		want(t, 200, got)
		g := got.JSON200
		if g.Name != text || g.Type != text || g.Kind != body.Kind || *g.Description != text || *g.Group != text ||
			g.Config.URL != text || g.Config.Method != text || *g.Config.Output != text {
			t.Errorf("text %d did not come back", i)
		}
	}
}

// Numbers of every kind are served or refused, but never a failure of ours.
func TestIntegrationNumbers(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	for i, test := range []struct {
		number string
		status int
	}{
		{"0", 200},
		{"-0", 200},
		{"-5", 200},
		{"1e2", 200},
		{"5000.0", 200},
		{"1e308", 200},
		{"5e-324", 200},
		{"1e-999", 200},
		{"123456789012345678901234567890", 200},
		{"1e999", 400},
		{"null", 400},
		{`"5000"`, 400},
		{"true", 400},
		{"[]", 400},
		{"NaN", 400},
		{"0x10", 400},
		{"01", 400},
		{"+1", 400},
		{"1.", 400},
	} {
		body := fmt.Sprintf(`{"name":"n","type":"http","kind":"k%d","config":{"url":"u","timeout":%s}}`, i, test.number)
		status, answer, _ := s.raw(t, "POST", "/api/projects/"+project.String()+"/integrations", body)
		if status != test.status {
			t.Errorf("timeout %s: answer %d %s, want %d", test.number, status, answer, test.status)
		}
		inAny := fmt.Sprintf(`{"name":"n","type":"http","kind":"h%d","config":{"url":"u","headers":[{"deep":%s}]}}`, i, test.number)
		status, answer, _ = s.raw(t, "POST", "/api/projects/"+project.String()+"/integrations", inAny)
		if status >= 500 {
			t.Errorf("header %s: answer %d %s", test.number, status, answer)
		}
	}
	for _, r := range s.listIntegrations(t, project, gen.ListIntegrationsParams{PerPage: new(100.)}).Results {
		want(t, 200, must(s.GetIntegrationWithResponse(t.Context(), project, r.ID)))
	}
}

func TestIntegrationConcurrentDeletes(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	made := s.createIntegration(t, project, "rates")
	var mu sync.Mutex
	var wg sync.WaitGroup
	statuses := map[int]int{}
	begin := make(chan struct{})
	for range 50 {
		wg.Go(func() {
			<-begin
			status := must(s.DeleteIntegrationWithResponse(t.Context(), project, made.ID)).StatusCode()
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	close(begin)
	wg.Wait()
	if diff := cmp.Diff(map[int]int{200: 1, 404: 49}, statuses); diff != "" {
		t.Error(diff)
	}
}
