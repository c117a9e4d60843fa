package control_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/gen/understudy"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// A seed over the control API: what was planted, what is wrong with it, and what is
// said when the store cannot be reached.
func TestSeeds(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	documents := func() ([]*contract.Document, error) {
		d, err := contract.Load(control.New(control.Options{}).Source())
		return []*contract.Document{d}, err
	}
	workspaces := workspace.New(workspace.Options{Store: store, Documents: documents})
	site, err := site.NewSite(site.Options{Limits: site.DefaultLimits(), API: control.New(control.Options{
		Store: store, Keys: site.OpenKeyring{}, Workspaces: workspaces,
		Seeds: seed.New(seed.Options{Store: store, Keys: site.OpenKeyring{}, Workspaces: workspaces, Documents: documents}),
	})})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(site)
	defer listener.Close()
	ask := func(method, body string, want int, into any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, listener.URL+"/_understudy/seed", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Key mine")
		r.Header.Set("Content-Type", "application/yaml")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%s: %d %s (%v)", body, resp.StatusCode, text, err)
		}
		if exported, ok := into.(*string); ok {
			*exported = string(text)
		} else if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	var seeded understudy.Seeded
	ask("PUT", "workspaces: [{clock: {frozen: true, now: 2026-01-01T00:00:00Z}}, {workspace: other}]", 200, &seeded)
	if diff := cmp.Diff(understudy.Seeded{Workspaces: 2}, seeded); diff != "" {
		t.Error(diff)
	}
	var exported string
	ask("GET", "", 200, &exported)
	if !strings.HasSuffix(exported, "workspaces:\n  - clock:\n      frozen: true\n      now: 2026-01-01T00:00:00.000000Z\n") {
		t.Error(exported)
	}
	var wrong understudy.Problem
	ask("PUT", "workspaces:\n  - clocks: 1\n", 422, &wrong)
	want := understudy.Problem{
		Type: "about:blank", Title: "Unprocessable Entity", Status: 422, Detail: new("The seed has mistakes; nothing was changed"),
		Problems: &[]understudy.FileProblem{{
			Line: 2, Column: 5, Pointer: "/workspaces/0/clocks", Message: `There is no member "clocks" here. It is perhaps meant to be "clock".`,
		}},
	}
	if diff := cmp.Diff(want, wrong); diff != "" {
		t.Error(diff)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	ask("PUT", "workspaces: [{}]", 503, &wrong)
	ask("GET", "", 503, &wrong)
}
