package seed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
)

var (
	me     = site.Principal{Workspace: "mine"}
	kinds  = []string{"brms.project", "brms.integration", "datafold.bi"}
	others = "workspaces: [{credential: one, brms: {projects: [{name: One}]}}, {credential: two, brms: {projects: [{name: Two}]}}, {credential: three}]"
)

func put(t *testing.T, s *seed.Seeder, text string) seed.Result {
	t.Helper()
	result, err := s.Put(t.Context(), seed.Input{YAML: []byte(text)}, me)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return result
}

func export(t *testing.T, s *seed.Seeder, workspace string) string {
	t.Helper()
	text, err := s.Export(t.Context(), workspace)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// contents are the records and the settings of every workspace of a store.
func contents(t *testing.T, store storage.Store) map[string]any {
	t.Helper()
	all := map[string]any{}
	names, err := store.Workspaces(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := store.View(t.Context(), name, func(tx storage.ReadTx) error {
			settings, err := tx.Settings()
			all[name] = settings
			for _, kind := range kinds {
				for _, deleted := range []bool{false, true} {
					page, err := tx.List(kind, storage.Query{Deleted: deleted})
					if err != nil {
						return err
					}
					for _, r := range page.Records {
						all[fmt.Sprint(name, kind, r.Seq)] = fmt.Sprint(r.ID, r.Parent, string(r.Body), r.Created, r.Updated, r.Deleted, r.Version)
					}
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func principal(credential string) string {
	p, _ := site.OpenKeyring{}.Principal(credential)
	return p.Workspace
}

// What a seed leaves out comes from the workspace; what it gives is kept.
func TestPut(t *testing.T) {
	t.Parallel()
	store := open(t)
	s := seeder(t, store)
	result := put(t, s, `
workspaces:
  - clock: {frozen: true, now: 2026-01-02T03:04:05.678901Z}
    ids: {source: sequential, seed: 1, drawn: 12}
    brms:
      projects:
        - {name: Ex ample}
        - {name: example, key: ex-ample, createdAt: 2025-01-01T00:00:00Z, deletedAt: 2025-01-02T00:00:00Z}
        - name: Ex Ample
          id: 00000001-0000-4000-8000-000000000020
          key: own
          integrations:
            - {name: I, type: http, kind: k, config: {url: u}, updatedAt: 2026-01-01T00:00:00Z}
            - {name: gone, type: http, kind: k, config: {url: u}, deletedAt: 2026-01-01T00:00:00Z}
        - {name: Copy, copyContentRef: 00000001-0000-4000-8000-000000000020}
    datafold:
      bi:
        - {type: mode, token: t, password: marked-secret}
        - {type: dbt, ci_config_id: 1, id: 4, sync: {}}
      sequences: {sync: 5}
    faults: [{name: f, do: {status: 503}}]
`)
	if diff := cmp.Diff(seed.Result{Workspaces: 1, Resources: 8, Faults: 1}, result); diff != "" {
		t.Error(diff)
	}
	want := `workspaces:
  - clock:
      frozen: true
      now: 2026-01-02T03:04:05.678901Z
    ids:
      source: sequential
      seed: 1
      drawn: 38
    brms:
      projects:
        - name: Ex ample
          key: ex-ample
          protected: false
          version: v1
          id: 00000001-0000-4000-8000-000000000021
          createdAt: 2026-01-02T03:04:05.678901Z
          updatedAt: 2026-01-02T03:04:05.678901Z
        - name: example
          key: ex-ample
          protected: false
          version: v1
          id: 00000001-0000-4000-8000-000000000022
          createdAt: 2025-01-01T00:00:00.000000Z
          updatedAt: 2025-01-02T00:00:00.000000Z
          deletedAt: 2025-01-02T00:00:00.000000Z
        - name: Ex Ample
          key: own
          protected: false
          version: v1
          id: 00000001-0000-4000-8000-000000000020
          createdAt: 2026-01-02T03:04:05.678901Z
          updatedAt: 2026-01-02T03:04:05.678901Z
          integrations:
            - name: I
              type: http
              kind: k
              config:
                method: post
                url: u
                timeout: 5000
                headers: []
                cookies: []
                enableInputs: false
                inputs: []
              id: 00000001-0000-4000-8000-000000000023
              createdAt: 2026-01-01T00:00:00.000000Z
              updatedAt: 2026-01-01T00:00:00.000000Z
            - name: gone
`
	text := export(t, s, me.Workspace)
	_, body, _ := strings.Cut(text, "workspaces:")
	if !strings.HasPrefix("workspaces:"+body, want) {
		t.Error(cmp.Diff(want, "workspaces:"+body))
	}
	for _, part := range []string{"type: mode\n          token: '********'\n          password: '********'", "id: 5\n        - type: dbt", "sync:\n            id: 6"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if strings.Contains(text, "marked-secret") {
		t.Error("a secret is exported")
	}

	// Again, elsewhere, the same.
	other := open(t)
	again := seeder(t, other)
	put(t, again, text)
	if diff := cmp.Diff(text, export(t, again, me.Workspace)); diff != "" {
		t.Error(diff)
	}
	put(t, s, text)
	if diff := cmp.Diff(text, export(t, s, me.Workspace)); diff != "" {
		t.Error(diff)
	}

	// It is also the snapshot.
	records, _ := workspace.SnapshotWorkspaces(me.Workspace, seed.SnapshotName)
	if err := other.View(t.Context(), records, func(tx storage.ReadTx) error {
		n, err := tx.Count("brms.project", "", false)
		if n != 3 {
			t.Errorf("%d projects in the snapshot", n)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	s := seeder(t, open(t))
	for clock, want := range map[string]string{
		"{frozen: false}":                             "  - {}",
		"{frozen: true}":                              "  - clock:\n      frozen: true\n      now: 2026-11-21T09:30:00.000000Z",
		"{frozen: false, offset: -36h}":               "  - clock:\n      frozen: false\n      offset: -36h0m0s",
		`{frozen: false, now: 2026-11-21T10:30:00Z}`:  "  - clock:\n      frozen: false\n      offset: 1h0m0s",
		`{frozen: true, now: "0001-01-01T00:00:00Z"}`: "  - clock:\n      frozen: true\n      now: 0001-01-01T00:00:00.000000Z",
	} {
		put(t, s, "workspaces: [{clock: "+clock+"}]")
		text := export(t, s, me.Workspace)
		if _, body, _ := strings.Cut(text, "workspaces:\n"); strings.TrimSuffix(body, "\n") != want {
			t.Errorf("%s: %s", clock, body)
		}
		put(t, s, text)
		if again := export(t, s, me.Workspace); again != text {
			t.Error(cmp.Diff(text, again))
		}
	}
}

// No id that a seed gives is handed out again, whatever the source of ids.
func TestNextID(t *testing.T) {
	t.Parallel()
	for _, source := range []storage.IDSource{storage.IDsSeeded, storage.IDsSequential} {
		store := open(t)
		s := seeder(t, store)
		ids := storage.IDs{Source: source, Seed: -3}
		put(t, s, fmt.Sprintf("workspaces: [{ids: {source: %s, seed: -3, drawn: 2}, brms: {projects: [{name: A, id: %s}, {name: B, id: %s}, {name: C}]}}]",
			source, ids.ID(9), strings.ToUpper(ids.ID(4))))
		var next string
		if err := store.Update(t.Context(), me.Workspace, func(tx storage.Tx) error {
			next = tx.NewID()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if want := ids.ID(11); next != want { // C is the 10th
			t.Errorf("%s: %s, want %s", source, next, want)
		}
	}
}

// Which workspace an entry means.
func TestTargets(t *testing.T) {
	t.Parallel()
	store := open(t)
	s := seeder(t, store)
	sub := site.Principal{Workspace: site.SubWorkspace(me.Workspace, "here")}
	if _, err := s.Put(t.Context(), seed.Input{YAML: []byte("workspaces: [{}, {workspace: there}, {credential: c, workspace: here}]")}, sub); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{sub.Workspace, site.SubWorkspace(me.Workspace, "there"), site.SubWorkspace(principal("c"), "here")} {
		if names, err := store.Workspaces(t.Context(), name); err != nil || len(names) != 1 {
			t.Errorf("%s: %v, %v", name, names, err)
		}
	}
	_, err := s.Put(t.Context(), seed.Input{YAML: []byte("workspaces:\n  - {workspace: here}\n  - {}\n")}, sub)
	if err == nil || err.Error() != `line 3, column 5: This is the workspace of line 2 again. Put both into one, or name another credential or sub-workspace.` {
		t.Error(err)
	}
	_, err = s.Start(t.Context(), seed.Input{YAML: []byte("workspaces: [{workspace: here}]")}, site.Principal{})
	if err == nil || !strings.Contains(err.Error(), `"credential" is missing`) {
		t.Error(err)
	}
}

// A server that starts takes nothing away.
func TestStart(t *testing.T) {
	t.Parallel()
	store := open(t)
	s := seeder(t, store)
	start := func(want seed.Result) {
		t.Helper()
		got, err := s.Start(t.Context(), seed.Input{YAML: []byte(others)}, site.Principal{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if err := store.Update(t.Context(), principal("two"), func(tx storage.Tx) error { // was used, and holds nothing
		return tx.SetSettings(storage.Settings{IDs: storage.IDs{Source: storage.IDsSequential}})
	}); err != nil {
		t.Fatal(err)
	}
	start(seed.Result{Workspaces: 2, Resources: 1, Kept: []string{"/workspaces/1"}})
	before := contents(t, store)
	// The third is still empty: planting nothing again changes nothing.
	start(seed.Result{Workspaces: 1, Kept: []string{"/workspaces/0", "/workspaces/1"}})
	delete(before, "\x00snapshot\x00"+principal("three")+"\x00seed")
	after := contents(t, store)
	delete(after, "\x00snapshot\x00"+principal("three")+"\x00seed")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

// failing is a store whose UpdateAll fails after so many insertions.
type failing struct {
	storage.Store

	after int
	err   error
}

func (f *failing) UpdateAll(ctx context.Context, names []string, fn func([]storage.Tx) error) error {
	return f.Store.UpdateAll(ctx, names, func(txs []storage.Tx) error {
		left := f.after
		for i := range txs {
			txs[i] = &failingTx{txs[i], &left, f.err}
		}
		return fn(txs)
	})
}

type failingTx struct {
	storage.Tx

	left *int
	err  error
}

func (f *failingTx) Insert(r storage.Record, keys []storage.Key) (storage.Record, error) {
	if *f.left--; *f.left < 0 {
		return storage.Record{}, f.err
	}
	return f.Tx.Insert(r, keys)
}

func (f *failingTx) CopyFrom(from storage.Tx) error { return f.Tx.CopyFrom(from.(*failingTx).Tx) }

// When the store fails in the middle, every workspace is as before.
func TestAtomic(t *testing.T) {
	t.Parallel()
	store := &failing{Store: open(t), after: 1 << 20, err: &storage.Error{Code: storage.CodeUnavailable}}
	s := seeder(t, store)
	put(t, s, strings.ReplaceAll(others, "name: ", "name: Before "))
	before := contents(t, store)
	for store.after = range 2 {
		if _, err := s.Put(t.Context(), seed.Input{YAML: []byte(others)}, me); !errors.Is(err, store.err) {
			t.Errorf("after %d: %v", store.after, err)
		}
		if diff := cmp.Diff(before, contents(t, store)); diff != "" {
			t.Error(diff)
		}
	}
	store.after = 2
	if _, err := s.Put(t.Context(), seed.Input{YAML: []byte(others)}, me); err != nil {
		t.Error(err)
	}
	if cmp.Diff(before, contents(t, store)) == "" {
		t.Error("the seed changed nothing")
	}
}

// What was not foreseen to be taken is a mistake with its place, not a failure.
func TestConflict(t *testing.T) {
	t.Parallel()
	store := &failing{Store: open(t), err: &storage.Error{Code: storage.CodeConflict}}
	_, err := seeder(t, store).Put(t.Context(), seed.Input{YAML: []byte("workspaces:\n  - brms:\n      projects:\n        - name: A\n")}, me)
	if mistakes, ok := errors.AsType[seed.Mistakes](err); !ok || mistakes[0].Line != 4 || mistakes[0].Column != 11 {
		t.Error(err)
	}
}
