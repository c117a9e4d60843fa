package app

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	genbrms "github.com/understudy-api/understudy/gen/brms"
	gendatafold "github.com/understudy-api/understudy/gen/datafold"
)

// Two credentials see nothing of each other, in either API.
func TestIsolation(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	ctx := t.Context()
	mine, other := w.brms("mine"), w.brms("other")
	project := want(t, 200, must(mine.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "p", Key: "pp"}))).JSON200.Project
	made := want(t, 200, must(mine.CreateIntegrationWithResponse(ctx, project.ID, rates("k")))).JSON200.ID
	for name, r := range map[string]response{
		"get project":        must(other.GetProjectWithResponse(ctx, project.ID)),
		"get approvals":      must(other.GetProjectWithApprovalsWithResponse(ctx, project.ID)),
		"update project":     must(other.UpdateProjectWithResponse(ctx, project.ID, genbrms.UpdateProjectRequest{Name: "x", Key: "xx"})),
		"delete project":     must(other.DeleteProjectWithResponse(ctx, project.ID)),
		"restore project":    must(other.RestoreProjectWithResponse(ctx, project.ID)),
		"copy project":       must(other.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "x", Key: "xx", CopyContentRef: &project.ID})),
		"list integrations":  must(other.ListIntegrationsWithResponse(ctx, project.ID, nil)),
		"create integration": must(other.CreateIntegrationWithResponse(ctx, project.ID, rates("x"))),
		"get integration":    must(other.GetIntegrationWithResponse(ctx, project.ID, made)),
		"update integration": must(other.UpdateIntegrationWithResponse(ctx, project.ID, made, ratesUpdate())),
		"delete integration": must(other.DeleteIntegrationWithResponse(ctx, project.ID, made)),
	} {
		if r.StatusCode() != 404 {
			t.Errorf("%s: %d %s", name, r.StatusCode(), r.GetBody())
		}
	}
	if list := want(t, 200, must(other.ListProjectsWithResponse(ctx, nil))).JSON200; list.Paginate.Total != 0 {
		t.Errorf("the other sees %+v", list)
	}
	// The key is free in the other workspace, which is another organisation.
	twin := want(t, 200, must(other.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "p", Key: "pp"}))).JSON200.Project
	if twin.OrganisationID == project.OrganisationID {
		t.Error("two workspaces are one organisation")
	}
	if got := want(t, 200, must(mine.GetIntegrationWithResponse(ctx, project.ID, made))).JSON200; got.Name != "Rates" {
		t.Errorf("changed by the other: %+v", got)
	}

	my, their := w.datafold("mine"), w.datafold("other")
	powerbi := gendatafold.PowerBIDataSourceConfig{Name: new("mine")}
	id := want(t, 200, must(my.CreatePowerbiIntegrationWithResponse(ctx, powerbi))).JSON200.ID
	for name, r := range map[string]response{
		"get":    must(their.GetIntegrationWithResponse(ctx, id)),
		"update": must(their.UpdatePowerbiIntegrationWithResponse(ctx, id, powerbi)),
		"sync":   must(their.ResyncIntegrationWithResponse(ctx, id)),
		"remove": must(their.RemoveIntegrationWithResponse(ctx, id)),
	} {
		if r.StatusCode() != 404 {
			t.Errorf("datafold %s: %d %s", name, r.StatusCode(), r.GetBody())
		}
	}
	if list := *want(t, 200, must(their.GetAllIntegrationsWithResponse(ctx))).JSON200; len(list) != 0 {
		t.Errorf("the other sees %+v", list)
	}
	if got := want(t, 200, must(my.GetIntegrationWithResponse(ctx, id))).JSON200; got.Sync != nil {
		t.Errorf("changed by the other: %+v", got)
	}
}

// One secret is one workspace, however it is presented: what one API refused is
// found through the control API with the other's scheme, and not with another
// secret.
func TestOneSecretOneWorkspace(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	ctx := t.Context()
	fromDatafold := want(t, 404, must(w.datafold("one").GetIntegrationWithResponse(ctx, 9))).HTTPResponse.Header.Get("Understudy-Exchange")
	fromBRMS := w.do(t, "GET", "/api/projects/x", bearer("one"), http.NoBody).header.Get("Understudy-Exchange")
	for _, id := range []string{fromDatafold, fromBRMS} {
		for value, status := range map[string]int{
			"Bearer one": 200, "Key one": 200, "bearer one": 200, "KEY one": 200,
			"Bearer two": 404, "Key two": 404, "Bearer ONE": 404, "Basic one": 401, "": 401,
		} {
			if got := must(w.control(value).GetExchangeWithResponse(ctx, id, nil)); got.StatusCode() != status {
				t.Errorf("%s with %q: %d %s", id, value, got.StatusCode(), got.Body)
			}
		}
	}
	exchange := want(t, 200, must(w.control("Key one").GetExchangeWithResponse(ctx, fromBRMS, nil))).JSON200
	if exchange.API != "brms" || exchange.Status != 400 || exchange.Operation == nil || *exchange.Operation != "getProject" || len(exchange.Violations) != 1 {
		t.Fatalf("exchange %+v", exchange)
	}
	v := exchange.Violations[0]
	if v.Rule != "format" || v.In != "path" || v.Name == nil || *v.Name != "projectId" || !v.Refused || v.Document.Line == 0 ||
		v.Document.File != "openapi/brms/_document.yaml" {
		t.Errorf("violation %+v", v)
	}
}

// Of requests that race for one thing exactly one gets it, whatever the API.
func TestStoreRaces(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{Store: "sqlite:" + t.TempDir() + "/races.db"})
	ctx := t.Context()
	const n = 50
	race := func(do func() int) map[int]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		statuses := map[int]int{}
		begin := make(chan struct{})
		for range n {
			wg.Go(func() {
				<-begin
				status := do()
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
		close(begin)
		wg.Wait()
		return statuses
	}
	expect := func(name string, wanted, got map[int]int) {
		t.Helper()
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	b, d := w.brms("race"), w.datafold("race")
	expect("create project", map[int]int{200: 1, 409: n - 1}, race(func() int {
		return must(b.CreateProjectWithResponse(ctx, genbrms.CreateProjectRequest{Name: "p", Key: "pp"})).StatusCode()
	}))
	project := want(t, 200, must(b.ListProjectsWithResponse(ctx, nil))).JSON200.Results[0].ID
	expect("create integration", map[int]int{200: 1, 409: n - 1}, race(func() int {
		return must(b.CreateIntegrationWithResponse(ctx, project, rates("k"))).StatusCode()
	}))
	made := want(t, 200, must(b.ListIntegrationsWithResponse(ctx, project, nil))).JSON200.Results[0].ID
	expect("delete integration", map[int]int{200: 1, 404: n - 1}, race(func() int {
		return must(b.DeleteIntegrationWithResponse(ctx, project, made)).StatusCode()
	}))
	expect("delete project", map[int]int{200: 1, 404: n - 1}, race(func() int {
		return must(b.DeleteProjectWithResponse(ctx, project)).StatusCode()
	}))
	id := want(t, 200, must(d.CreatePowerbiIntegrationWithResponse(ctx, gendatafold.PowerBIDataSourceConfig{}))).JSON200.ID
	expect("remove BI integration", map[int]int{200: 1, 404: n - 1}, race(func() int {
		return must(d.RemoveIntegrationWithResponse(ctx, id)).StatusCode()
	}))
}

// What is no credential of the API opens nothing.
func TestCredentials(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	long := strings.Repeat("x", 4096)
	for name, test := range map[string]struct {
		header         []string
		brms, datafold int
	}{
		"none":                    {nil, 401, 401},
		"empty":                   {[]string{""}, 401, 401},
		"bearer":                  {[]string{"Bearer s"}, 200, 401},
		"key":                     {[]string{"Key s"}, 401, 200},
		"lower case":              {[]string{"bearer s"}, 200, 401},
		"upper case":              {[]string{"KEY s"}, 401, 200},
		"two spaces":              {[]string{"Bearer  s"}, 200, 401},
		"basic":                   {[]string{"Basic dXNlcjpwYXNz"}, 401, 401},
		"internal":                {[]string{"internal s"}, 401, 401},
		"Internal":                {[]string{"Internal s"}, 401, 401},
		"scheme only":             {[]string{"Bearer"}, 401, 401},
		"scheme and space":        {[]string{"Bearer "}, 401, 401},
		"key only":                {[]string{"Key"}, 401, 401},
		"bare secret":             {[]string{"s"}, 401, 200}, // as some clients of Datafold send it
		"two secrets":             {[]string{"Bearer a b"}, 401, 401},
		"two credentials":         {[]string{"Bearer a, Bearer b"}, 401, 401},
		"two headers":             {[]string{"Bearer s", "Bearer s"}, 401, 401},
		"two headers of both":     {[]string{"Bearer s", "Key s"}, 401, 401},
		"quoted":                  {[]string{`Bearer "s"`}, 401, 401},
		"not ASCII":               {[]string{"Bearer sé"}, 401, 401},
		"colon":                   {[]string{"Bearer: s"}, 401, 401},
		"longest":                 {[]string{"Bearer " + long}, 200, 401},
		"too long":                {[]string{"Bearer " + long + "x"}, 401, 401},
		"token68":                 {[]string{"Bearer aZ09-._~+/=="}, 200, 401},
		"token68 key":             {[]string{"Key aZ09-._~+/=="}, 401, 200},
		"a scheme of its own":     {[]string{"Token s"}, 401, 401},
		"tab between":             {[]string{"Bearer\ts"}, 401, 401},
		"nothing but white space": {[]string{"   "}, 401, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if test.header != nil {
				header["Authorization"] = test.header
			}
			for _, target := range []string{"/api/projects", aProject, aProject + integrations} {
				wanted := test.brms
				if wanted == 200 && target != "/api/projects" {
					wanted = 404
				}
				got := w.do(t, "GET", target, header, http.NoBody)
				if got.status != wanted {
					t.Errorf("%s: %d %s, want %d", target, got.status, got.body, wanted)
				}
				if got.status == 401 {
					if err := inShapeOf("brms", 401, got.header, got.body); err != nil {
						t.Error(err)
					}
				}
			}
			got := w.do(t, "GET", "/api/v1/lineage/bi/", header, http.NoBody)
			if got.status != test.datafold {
				t.Errorf("datafold: %d %s, want %d", got.status, got.body, test.datafold)
			}
			if got.status == 401 {
				if err := inShapeOf("datafold", 401, got.header, got.body); err != nil {
					t.Error(err)
				}
				if got.header.Get("WWW-Authenticate") == "" {
					t.Error("Datafold's 401 has no WWW-Authenticate")
				}
			}
			if got := w.do(t, "GET", "/api/health", header, http.NoBody); got.status != 200 {
				t.Errorf("health asks for credentials: %d %s", got.status, got.body)
			}
		})
	}
}

// The credential is looked at before the rest of the request.
func TestCredentialComesFirst(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	for _, call := range []struct{ method, target, body string }{
		{"POST", "/api/projects", `{"a":`},
		{"GET", "/api/projects/not-a-uuid", ""},
		{"DELETE", "/api/v1/lineage/bi/abc/", ""},
		{"POST", "/api/v1/lineage/bi/dbt/", `{}`},
		{"POST", "/api/projects", strings.Repeat(" ", 1<<20+1)},
	} {
		if got := w.do(t, call.method, call.target, nil, strings.NewReader(call.body)); got.status != 401 {
			t.Errorf("%s %s: %d %s", call.method, call.target, got.status, got.body)
		}
	}
}

// Where the path does not tell the API, the credential's scheme does.
func TestWhoAnswers(t *testing.T) {
	t.Parallel()
	w := startServer(t, Options{})
	for _, test := range []struct{ api, value, target string }{
		{"brms", "Bearer s", "/api/foo"},
		{"datafold", "Key s", "/api/foo"},
		{"datafold", "key s", "/api/foo"},
		{"brms", "Basic s", "/api/foo"},
		{"brms", "", "/api/foo"},
		{"datafold", "Key s", "/"},
		{"brms", "", "/"},
		{"brms", "Bearer s", "/favicon.ico"},
		{"brms", "Key s", "/api/projects/x/y/z"},
		{"datafold", "Bearer s", "/api/v1/other"},
		{"understudy", "Bearer s", "/_understudy/"},
	} {
		got := w.do(t, "GET", test.target, http.Header{"Authorization": {test.value}}, http.NoBody)
		if got.status != 404 {
			t.Errorf("%s %q: %d %s", test.target, test.value, got.status, got.body)
		}
		if err := inShapeOf(test.api, 404, got.header, got.body); err != nil {
			t.Errorf("%s %q: %v", test.target, test.value, err)
		}
	}
}
