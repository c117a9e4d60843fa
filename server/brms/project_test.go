package brms_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	gen "github.com/understudy-api/understudy/gen/brms"
)

var nowhere = uuid.MustParse("7d1a2c1e-27c5-4a3f-8f0e-2f4f2b1f6c77")

func (s *server) deleteProject(t *testing.T, id uuid.UUID) {
	t.Helper()
	r := must(s.DeleteProjectWithResponse(t.Context(), id))
	want(t, 200, r)
	if r.JSON200.Status != "ok" {
		t.Errorf("answer %s", r.Body)
	}
}

func (s *server) listProjects(t *testing.T, params gen.ListProjectsParams) gen.ProjectPage {
	t.Helper()
	r := must(s.ListProjectsWithResponse(t.Context(), &params))
	want(t, 200, r)
	return *r.JSON200
}

func keysOf(page gen.ProjectPage) []string {
	keys := []string{}
	for _, p := range page.Results {
		keys = append(keys, p.Key)
	}
	return keys
}

func TestProjectLife(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	made := s.createProject(t, "Shipping fees", "shipping-fees")
	mode := "none"
	wanted := gen.Project{
		ID: made.ID, OrganisationID: made.OrganisationID, Name: "Shipping fees", Key: "shipping-fees", Version: "v1",
		CreatedAt: "2026-11-21T09:30:00.000Z", UpdatedAt: "2026-11-21T09:30:00.000Z",
		DecisionsApprovalMode: &mode, DecisionsApprovalGroups: []gen.ApprovalGroup{},
	}
	if diff := cmp.Diff(wanted, made); diff != "" {
		t.Fatal(diff)
	}

	s.clock.advance(1500 * time.Millisecond)
	updated := must(s.UpdateProjectWithResponse(ctx, made.ID, gen.UpdateProjectRequest{
		Name: "Fees", Key: "fees", Protected: new(true),
	}))
	want(t, 200, updated)
	wanted.Name, wanted.Key, wanted.Protected, wanted.UpdatedAt = "Fees", "fees", true, "2026-11-21T09:30:01.500Z"
	if diff := cmp.Diff(wanted, *updated.JSON200); diff != "" {
		t.Error(diff)
	}
	// Protection stays when it is not mentioned.
	updated = must(s.UpdateProjectWithResponse(ctx, made.ID, gen.UpdateProjectRequest{Name: "Fees", Key: "fees"}))
	want(t, 200, updated)
	got := must(s.GetProjectWithResponse(ctx, made.ID))
	want(t, 200, got)
	if diff := cmp.Diff(wanted, *got.JSON200); diff != "" {
		t.Error(diff)
	}
	approved := must(s.GetProjectWithApprovalsWithResponse(ctx, made.ID))
	want(t, 200, approved)
	if diff := cmp.Diff(wanted, *approved.JSON200); diff != "" {
		t.Error("with approvals:", diff)
	}

	wantError(t, 403, "project.protected", must(s.DeleteProjectWithResponse(ctx, made.ID)))
	want(t, 200, must(s.UpdateProjectWithResponse(ctx, made.ID, gen.UpdateProjectRequest{
		Name: "Fees", Key: "fees", Protected: new(false),
	})))
	s.deleteProject(t, made.ID)
	wantError(t, 404, "project.notFound", must(s.GetProjectWithResponse(ctx, made.ID)))
	wantError(t, 404, "project.notFound", must(s.GetProjectWithApprovalsWithResponse(ctx, made.ID)))
	wantError(t, 404, "project.notFound", must(s.DeleteProjectWithResponse(ctx, made.ID)))
	wantError(t, 404, "project.notFound", must(s.UpdateProjectWithResponse(ctx, made.ID,
		gen.UpdateProjectRequest{Name: "Fees", Key: "fees"})))

	deleted := s.listProjects(t, gen.ListProjectsParams{Deleted: new(gen.BooleanTextLowerTrue)})
	if len(deleted.Results) != 1 || deleted.Results[0].ID != made.ID || deleted.Results[0].DeletedAt == nil ||
		*deleted.Results[0].DeletedAt != "2026-11-21T09:30:01.500Z" {
		t.Errorf("deleted projects %+v", deleted)
	}
	if living := s.listProjects(t, gen.ListProjectsParams{}); len(living.Results) != 0 || living.Paginate.Total != 0 {
		t.Errorf("living projects %+v", living)
	}

	restored := must(s.RestoreProjectWithResponse(ctx, made.ID))
	want(t, 200, restored)
	if restored.JSON200.DeletedAt != nil || restored.JSON200.Key != "fees" {
		t.Errorf("restored %+v", restored.JSON200)
	}
	want(t, 200, must(s.GetProjectWithResponse(ctx, made.ID)))
	if deleted := s.listProjects(t, gen.ListProjectsParams{Deleted: new(gen.BooleanTextLowerTrue)}); len(deleted.Results) != 0 {
		t.Errorf("deleted after restore %+v", deleted)
	}
}

func TestProjectNotFound(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	for name, r := range map[string]response{
		"get":     must(s.GetProjectWithResponse(ctx, nowhere)),
		"update":  must(s.UpdateProjectWithResponse(ctx, nowhere, gen.UpdateProjectRequest{Name: "x", Key: "xx"})),
		"delete":  must(s.DeleteProjectWithResponse(ctx, nowhere)),
		"restore": must(s.RestoreProjectWithResponse(ctx, nowhere)),
		"copy":    must(s.CreateProjectWithResponse(ctx, gen.CreateProjectRequest{Name: "x", Key: "xx", CopyContentRef: &nowhere})),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, 404, "project.notFound", r)
		})
	}
	// What failed left nothing behind.
	if page := s.listProjects(t, gen.ListProjectsParams{}); page.Paginate.Total != 0 {
		t.Errorf("projects %+v", page)
	}
}

func TestProjectKeys(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	first := s.createProject(t, "One", "taken")
	wantError(t, 409, "project.keyTaken", must(s.CreateProjectWithResponse(ctx, gen.CreateProjectRequest{Name: "Two", Key: "taken"})))
	second := s.createProject(t, "Two", "free")
	wantError(t, 409, "project.keyTaken", must(s.UpdateProjectWithResponse(ctx, second.ID, gen.UpdateProjectRequest{Name: "Two", Key: "taken"})))
	// Its own key is not another's.
	want(t, 200, must(s.UpdateProjectWithResponse(ctx, second.ID, gen.UpdateProjectRequest{Name: "Two again", Key: "free"})))

	// A deleted project's key is free, and then taken.
	s.deleteProject(t, first.ID)
	third := s.createProject(t, "Three", "taken")
	s.createProject(t, "Four", "taken-2")
	restored := must(s.RestoreProjectWithResponse(ctx, first.ID))
	want(t, 200, restored)
	if restored.JSON200.Key != "taken-3" || restored.JSON200.ID != first.ID || restored.JSON200.Name != "One" {
		t.Errorf("restored into a conflict %+v", restored.JSON200)
	}
	if got := must(s.GetProjectWithResponse(ctx, third.ID)); got.JSON200.Key != "taken" {
		t.Errorf("the other project %+v", got.JSON200)
	}
}

func TestRestoreLiving(t *testing.T) {
	t.Parallel()
	s := start(t)
	made := s.createProject(t, "One", "one")
	s.clock.advance(time.Minute)
	r := must(s.RestoreProjectWithResponse(t.Context(), made.ID))
	want(t, 200, r)
	if diff := cmp.Diff(made, *r.JSON200); diff != "" {
		t.Error(diff)
	}
}

// A request without a key breaks a rule that is our guess: it is served.
func TestProjectWithoutKey(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, test := range []struct{ name, key string }{
		{"Shipping Fees", "shipping-fees"},
		{"Shipping -- fees!", "shipping-fees-2"},
		{"shipping fees", "shipping-fees-3"},
		{"Zölle & Co", "project-z-lle-co"},
		{"税", "project"},
		{"", "project-2"},
		{"X", "project-x"},
	} {
		body, err := json.Marshal(map[string]string{"name": test.name})
		if err != nil {
			t.Fatal(err)
		}
		status, answer, _ := s.raw(t, "POST", "/api/projects", string(body))
		var made gen.CreatedProject
		if err := json.Unmarshal([]byte(answer), &made); err != nil || status != 200 {
			t.Fatalf("%d: answer %d %s, %v", i, status, answer, err)
		}
		if made.Project.Key != test.key || made.Project.Name != test.name {
			t.Errorf("name %q: key %q, want %q", test.name, made.Project.Key, test.key)
		}
		if !regexp.MustCompile(`^[a-z0-9]{2,}(-[a-z0-9]+)*$`).MatchString(made.Project.Key) {
			t.Errorf("name %q: key %q breaks the rule of keys", test.name, made.Project.Key)
		}
	}
}

func TestProjectVersionAndProtection(t *testing.T) {
	t.Parallel()
	s := start(t)
	r := must(s.CreateProjectWithResponse(t.Context(), gen.CreateProjectRequest{
		Name: "n", Key: "kk", Version: new("v2"), Protected: new(true),
	}))
	want(t, 200, r)
	if p := r.JSON200.Project; p.Version != "v2" || !p.Protected {
		t.Errorf("project %+v", p)
	}
}

func TestProjectPaging(t *testing.T) {
	t.Parallel()
	s := start(t)
	newestFirst := make([]string, 25)
	for i := range 25 {
		key := fmt.Sprintf("key-%02d", i)
		s.createProject(t, "Project", key)
		newestFirst[24-i] = key
	}
	for name, test := range map[string]struct {
		page, perPage *float64
		want          gen.Paginate
	}{
		"default":         {nil, nil, gen.Paginate{Current: 1, From: 1, To: 10, Total: 25, PageSize: 10}},
		"second":          {new(2.), nil, gen.Paginate{Current: 2, From: 11, To: 20, Total: 25, PageSize: 10}},
		"last":            {new(3.), nil, gen.Paginate{Current: 3, From: 21, To: 25, Total: 25, PageSize: 10}},
		"beyond the last": {new(4.), nil, gen.Paginate{Current: 4, Total: 25, PageSize: 10}},
		"far beyond":      {new(1e15), nil, gen.Paginate{Current: 1 << 40, Total: 25, PageSize: 10}},
		"all in one":      {nil, new(100.), gen.Paginate{Current: 1, From: 1, To: 25, Total: 25, PageSize: 100}},
		"exactly all":     {nil, new(25.), gen.Paginate{Current: 1, From: 1, To: 25, Total: 25, PageSize: 25}},
		"one":             {new(25.), new(1.), gen.Paginate{Current: 25, From: 25, To: 25, Total: 25, PageSize: 1}},
		"page zero":       {new(0.), nil, gen.Paginate{Current: 1, From: 1, To: 10, Total: 25, PageSize: 10}},
		"perPage zero":    {nil, new(0.), gen.Paginate{Current: 1, From: 1, To: 10, Total: 25, PageSize: 10}},
		"negative":        {new(-3.), new(-3.), gen.Paginate{Current: 1, From: 1, To: 10, Total: 25, PageSize: 10}},
		"huge perPage":    {nil, new(1e12), gen.Paginate{Current: 1, From: 1, To: 25, Total: 25, PageSize: 1000}},
		"fraction":        {new(2.7), nil, gen.Paginate{Current: 2, From: 11, To: 20, Total: 25, PageSize: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := s.listProjects(t, gen.ListProjectsParams{Page: test.page, PerPage: test.perPage})
			if diff := cmp.Diff(test.want, page.Paginate); diff != "" {
				t.Error(diff)
			}
			keys := []string{}
			if test.want.From > 0 {
				keys = newestFirst[test.want.From-1 : test.want.To]
			}
			if diff := cmp.Diff(keys, keysOf(page)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What breaks a rule that is our guess, or that only a client knows, is served, and
// a warning says so.
func TestProjectWarnings(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, test := range []struct{ method, target, body, rule, basis string }{
		{"GET", "/api/projects?page=0", "", "minimum", "inferred"},
		{"GET", "/api/projects?perPage=0", "", "minimum", "inferred"},
		{"GET", "/api/projects?colour=red", "", "unknownQuery", "inferred"},
		{"POST", "/api/projects", `{"name":"n"}`, "required", "inferred"},
		{"POST", "/api/projects", `{"name":"n","key":"Not A Key"}`, "pattern", "client"},
	} {
		status, answer, _ := s.raw(t, test.method, test.target, test.body)
		if status != 200 {
			t.Errorf("%s %s: %d %s", test.method, test.target, status, answer)
		}
		warnings := s.lastViolations()
		if len(warnings) != 1 || warnings[0].Rule != test.rule || string(warnings[0].Basis) != test.basis || warnings[0].Refused {
			t.Errorf("%s %s: warnings %+v", test.method, test.target, warnings)
		}
	}
	if status, answer, _ := s.raw(t, "GET", "/api/projects?page=1", ""); status != 200 || len(s.lastViolations()) != 0 {
		t.Errorf("a sound request: %d %s, %+v", status, answer, s.lastViolations())
	}
}

// Numbers that are none are refused or served, but never a failure of ours.
func TestProjectPagingOddities(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.createProject(t, "One", "one")
	for query, status := range map[string]int{
		"page=x": 400, "perPage=x": 400, "page=": 400, "page=1e999": 400, "all=yes": 400, "deleted=1": 400, "all=": 400,
		"page=NaN": 0, "page=-Inf": 0, "perPage=Infinity": 0, "page=0x10": 0, "page=1_0": 0, "page=%2B1": 0,
		"page=1&page=2": 0, "search=a&search=b": 0, "all=true&all=false": 0,
		"unknown=1": 200, "page=1e300": 200, "search=": 200, "search=%ff": 0, "page=%zz": 0, "a;b": 0, "search=%00": 200,
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			got, body, _ := s.raw(t, "GET", "/api/projects?"+query, "")
			if status == 0 && got != 200 && got != 400 || status != 0 && got != status {
				t.Errorf("answer %d %s, want %d", got, body, status)
			}
		})
	}
}

func TestProjectSearch(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, name := range []string{"Shipping fees", "100% SHIPPING", "under_score", `back\slash`, "Übergröße", "underXscore", "100 shipping", "", "a'b\"c", "nul\x00byte"} {
		s.createProject(t, name, fmt.Sprintf("k%d", i))
	}
	gone := s.createProject(t, "Shipping gone", "gone")
	s.deleteProject(t, gone.ID)
	for term, wanted := range map[string][]string{
		"shipping":  {"100 shipping", "100% SHIPPING", "Shipping fees"},
		"SHIPPING":  {"100 shipping", "100% SHIPPING", "Shipping fees"},
		"%":         {"100% SHIPPING"},
		"_":         {"under_score"},
		`\`:         {`back\slash`},
		`\s`:        {`back\slash`},
		"übergröße": {"Übergröße"},
		"ÜBER":      {"Übergröße"},
		"'":         {"a'b\"c"},
		`"`:         {"a'b\"c"},
		"\x00":      {"nul\x00byte"},
		"*":         {},
		"nothing":   {},
		" ":         {"100 shipping", "100% SHIPPING", "Shipping fees"},
	} {
		t.Run(term, func(t *testing.T) {
			t.Parallel()
			page := s.listProjects(t, gen.ListProjectsParams{Search: &term})
			names := []string{}
			for _, p := range page.Results {
				names = append(names, p.Name)
			}
			if diff := cmp.Diff(wanted, names); diff != "" {
				t.Error(diff)
			}
			if page.Paginate.Total != len(wanted) {
				t.Errorf("total %d, want %d", page.Paginate.Total, len(wanted))
			}
		})
	}
	deleted := s.listProjects(t, gen.ListProjectsParams{Search: new("ship"), Deleted: new(gen.BooleanTextUpperTrue)})
	if diff := cmp.Diff([]string{"gone"}, keysOf(deleted)); diff != "" {
		t.Error(diff)
	}
	paged := s.listProjects(t, gen.ListProjectsParams{Search: new("ship"), Page: new(2.), PerPage: new(2.)})
	if diff := cmp.Diff([]string{"k0"}, keysOf(paged)); diff != "" {
		t.Error(diff)
	}
}

// Six spellings of a boolean, for both options.
func TestProjectBooleanSpellings(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.createProject(t, "Living", "living")
	s.deleteProject(t, s.createProject(t, "Deleted", "deleted").ID)
	for _, spelling := range []gen.BooleanText{"true", "false", "True", "False", "TRUE", "FALSE"} {
		wanted := "living"
		if strings.EqualFold(string(spelling), "true") {
			wanted = "deleted"
		}
		page := s.listProjects(t, gen.ListProjectsParams{Deleted: &spelling})
		if diff := cmp.Diff([]string{wanted}, keysOf(page)); diff != "" {
			t.Errorf("deleted=%s: %s", spelling, diff)
		}
		page = s.listProjects(t, gen.ListProjectsParams{All: &spelling})
		if diff := cmp.Diff([]string{"living"}, keysOf(page)); diff != "" {
			t.Errorf("all=%s: %s", spelling, diff)
		}
	}
}

// Lists carry the members, single projects do not.
func TestProjectMembers(t *testing.T) {
	t.Parallel()
	s := start(t)
	made := s.createProject(t, "One", "one")
	if made.Members != nil {
		t.Errorf("created with members %+v", made.Members)
	}
	page := s.listProjects(t, gen.ListProjectsParams{})
	members := page.Results[0].Members
	if members == nil || len(*members) != 1 || !(*members)[0].Owner {
		t.Errorf("members in a list %+v", members)
	}
}

func TestCopyContent(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	from := s.createProject(t, "From", "from")
	for i := range 12 {
		s.createIntegration(t, from.ID, fmt.Sprintf("kind-%02d", i))
	}
	gone := s.createIntegration(t, from.ID, "gone")
	want(t, 200, must(s.DeleteIntegrationWithResponse(ctx, from.ID, gone.ID)))

	r := must(s.CreateProjectWithResponse(ctx, gen.CreateProjectRequest{Name: "To", Key: "to", CopyContentRef: &from.ID}))
	want(t, 200, r)
	to := r.JSON200.Project.ID
	copies := s.listIntegrations(t, to, gen.ListIntegrationsParams{PerPage: new(100.)})
	originals := s.listIntegrations(t, from.ID, gen.ListIntegrationsParams{PerPage: new(100.)})
	if len(copies.Results) != 12 || copies.Paginate.Total != 12 {
		t.Fatalf("copies %+v", copies.Paginate)
	}
	for i, c := range copies.Results {
		o := originals.Results[i]
		if c.ID == o.ID || c.ProjectID != to {
			t.Errorf("copy %+v of %+v", c, o)
		}
		c.ID, c.ProjectID = o.ID, o.ProjectID
		if diff := cmp.Diff(o, c); diff != "" {
			t.Error(diff)
		}
	}
	// A copy is its own: deleting it leaves the original.
	want(t, 200, must(s.DeleteIntegrationWithResponse(ctx, to, copies.Results[0].ID)))
	want(t, 200, must(s.GetIntegrationWithResponse(ctx, from.ID, originals.Results[0].ID)))
}

// A deleted project takes its integrations out of reach; restoring it brings them
// back.
func TestProjectDeletionHidesIntegrations(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one")
	made := s.createIntegration(t, project.ID, "rates")
	s.deleteProject(t, project.ID)
	for name, r := range map[string]response{
		"list":   must(s.ListIntegrationsWithResponse(ctx, project.ID, nil)),
		"create": must(s.CreateIntegrationWithResponse(ctx, project.ID, newIntegration("other"))),
		"get":    must(s.GetIntegrationWithResponse(ctx, project.ID, made.ID)),
		"update": must(s.UpdateIntegrationWithResponse(ctx, project.ID, made.ID, gen.UpdateIntegrationRequest{
			Name: "x", Config: gen.HTTPIntegrationConfigInput{URL: "u"},
		})),
		"delete": must(s.DeleteIntegrationWithResponse(ctx, project.ID, made.ID)),
		"copy":   must(s.CreateProjectWithResponse(ctx, gen.CreateProjectRequest{Name: "x", Key: "xx", CopyContentRef: &project.ID})),
	} {
		if r.StatusCode() != 404 {
			t.Errorf("%s: %d %s", name, r.StatusCode(), r.GetBody())
		}
		wantError(t, 404, "project.notFound", r)
	}
	want(t, 200, must(s.RestoreProjectWithResponse(ctx, project.ID)))
	got := must(s.GetIntegrationWithResponse(ctx, project.ID, made.ID))
	want(t, 200, got)
	if diff := cmp.Diff(made, *got.JSON200); diff != "" {
		t.Error(diff)
	}
	if page := s.listIntegrations(t, project.ID, gen.ListIntegrationsParams{}); page.Paginate.Total != 1 {
		t.Errorf("after the restore %+v", page.Paginate)
	}
}

// Of requests that race for one thing exactly one gets it.
func TestProjectRaces(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	const n = 50
	race := func(do func(i int) int) map[int]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		statuses := map[int]int{}
		begin := make(chan struct{})
		for i := range n {
			wg.Go(func() {
				<-begin
				status := do(i)
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
		close(begin)
		wg.Wait()
		return statuses
	}
	created := race(func(int) int {
		return must(s.CreateProjectWithResponse(ctx, gen.CreateProjectRequest{Name: "n", Key: "same"})).StatusCode()
	})
	if diff := cmp.Diff(map[int]int{200: 1, 409: n - 1}, created); diff != "" {
		t.Error(diff)
	}
	project := s.listProjects(t, gen.ListProjectsParams{}).Results[0].ID
	kinds := race(func(int) int {
		return must(s.CreateIntegrationWithResponse(ctx, project, newIntegration("same"))).StatusCode()
	})
	if diff := cmp.Diff(map[int]int{200: 1, 409: n - 1}, kinds); diff != "" {
		t.Error(diff)
	}
	deleted := race(func(int) int { return must(s.DeleteProjectWithResponse(ctx, project)).StatusCode() })
	if diff := cmp.Diff(map[int]int{200: 1, 404: n - 1}, deleted); diff != "" {
		t.Error(diff)
	}
	// All restores succeed: the first restores, the others find it living.
	restored := race(func(int) int { return must(s.RestoreProjectWithResponse(ctx, project)).StatusCode() })
	if diff := cmp.Diff(map[int]int{200: n}, restored); diff != "" {
		t.Error(diff)
	}
	// Without a key everyone gets one of its own.
	free := race(func(int) int {
		status, _, _ := s.raw(t, "POST", "/api/projects", `{"name":"Free key"}`)
		return status
	})
	if diff := cmp.Diff(map[int]int{200: n}, free); diff != "" {
		t.Error(diff)
	}
	seen := map[string]bool{}
	for _, key := range keysOf(s.listProjects(t, gen.ListProjectsParams{Search: new("free"), PerPage: new(100.)})) {
		seen[key] = true
	}
	if len(seen) != n {
		t.Errorf("%d different keys, want %d", len(seen), n)
	}
}

// Texts of every kind come back as they were sent.
func TestProjectTexts(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, name := range []string{
		"日本語 🚀 \u200d\u0301", "<script>&amp;</script>", "\u2028\u2029\x7f\x01", "\x00", strings.Repeat("ä", 50_000), strings.Repeat(" ", 3),
	} {
		made := s.createProject(t, name, fmt.Sprintf("text-%d", i))
		got := must(s.GetProjectWithResponse(t.Context(), made.ID))
		want(t, 200, got)
		if made.Name != name || got.JSON200.Name != name {
			t.Errorf("%d: name of %d bytes came back as %d bytes", i, len(name), len(got.JSON200.Name))
		}
		page := s.listProjects(t, gen.ListProjectsParams{Search: new(name[:min(len(name), 1000)])})
		if name != "   " && len(page.Results) == 0 {
			t.Errorf("%d: search does not find the name", i)
		}
	}
	long := strings.Repeat("k", 100_000)
	if made := s.createProject(t, "long key", long); made.Key != long {
		t.Errorf("key of %d bytes", len(made.Key))
	}
	if got := must(s.CreateProjectWithResponse(t.Context(), gen.CreateProjectRequest{Name: "n", Key: long})); got.StatusCode() != 409 {
		t.Errorf("long key again: %d", got.StatusCode())
	}
}

// Member names are compared exactly: another case is another, undeclared member.
func TestProjectMemberNamesAreExact(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, body := range map[string]string{
		"another type":  `{"name":"right","key":"exact-one","NAME":5,"Protected":"x"}`,
		"another value": `{"name":"right","key":"exact-two","Name":"wrong","PROTECTED":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, answer, _ := s.raw(t, "POST", "/api/projects", body)
			var made gen.CreatedProject
			if err := json.Unmarshal([]byte(answer), &made); err != nil || status != 200 {
				t.Fatalf("answer %d %s, %v", status, answer, err)
			}
			if made.Project.Name != "right" || made.Project.Protected {
				t.Errorf("project %s", answer)
			}
		})
	}
}

// Ids are compared as UUIDs, whatever their case, and everything else is refused.
func TestProjectIDs(t *testing.T) {
	t.Parallel()
	s := start(t)
	made := s.createProject(t, "One", "one")
	id := made.ID.String()
	for target, status := range map[string]int{
		id: 200, strings.ToUpper(id): 200,
		"{" + id + "}": 400, "urn:uuid:" + id: 400, strings.ReplaceAll(id, "-", ""): 400, id + " ": 400,
		"not-a-uuid": 400, "%00": 400, "..": 404, "%2e%2e": 404, "💥": 400, strings.Repeat("a", 5000): 400,
		fmt.Sprint(math.MaxInt64): 400,
	} {
		escaped := target
		if !strings.Contains(target, "%") {
			escaped = url.PathEscape(target)
		}
		if target == ".." {
			escaped = ".."
		}
		got, body, _ := s.raw(t, "GET", "/api/projects/"+escaped, "")
		if got != status && (status != 404 || got != 400) {
			t.Errorf("%q: answer %d %s, want %d", target, got, body, status)
		}
	}
}
