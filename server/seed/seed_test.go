package seed_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/understudy-api/understudy/server/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/control"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
)

// loadDocuments loads the served documents, once.
var loadDocuments = sync.OnceValues(func() ([]*contract.Document, error) {
	var list []*contract.Document
	for _, api := range []site.API{brms.New(nil, nil), datafold.New(nil, nil), control.New(control.Options{})} {
		d, err := contract.Load(api.Source())
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
})

// seeder makes a Seeder for both APIs; without a store it only checks.
func seeder(t testing.TB, store storage.Store) *seed.Seeder {
	t.Helper()
	if _, err := loadDocuments(); err != nil {
		t.Fatal(err)
	}
	return seed.New(seed.Options{
		Store: store, Keys: site.OpenKeyring{}, Documents: loadDocuments,
		Workspaces: workspace.New(workspace.Options{Store: store, Documents: loadDocuments}),
		APIs:       []seed.API{brms.New(store, site.OpenKeyring{}), datafold.New(store, site.OpenKeyring{}), new(control.API)},
	})
}

var realTime = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

func open(t testing.TB) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Now: func() time.Time { return realTime }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// place is what a test says of a problem.
type place struct {
	Line, Column int
	Pointer      string
	Says         string // a part of the message
}

func compare(t *testing.T, problems []seed.Problem, want []place) {
	t.Helper()
	var got []place
	for i, p := range problems {
		says := p.Message
		if i < len(want) && strings.Contains(p.Message, want[i].Says) {
			says = want[i].Says
		}
		got = append(got, place{p.Line, p.Column, p.Pointer, says})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// tenMistakes are those of testdata/ten-mistakes.yaml.
var tenMistakes = []place{
	{4, 32, "/workspaces/0/clock/now", "is not a time"},
	{5, 19, "/workspaces/0/ids/source", `want "random", "seeded" or "sequential"`},
	{10, 11, "/workspaces/0/brms/projects/0/proteced", `perhaps meant to be "protected"`},
	{15, 29, "/workspaces/0/brms/projects/0/integrations/0/config/url", "must be a string"},
	{16, 47, "/workspaces/0/brms/projects/0/integrations/1/kind", "has this kind"},
	{18, 16, "/workspaces/0/brms/projects/1/key", "has this key"},
	{19, 15, "/workspaces/0/brms/projects/1/id", "Here stands a text, not a number"},
	{22, 11, "/workspaces/0/datafold/bi/0/repo_id", "is missing"},
	{26, 17, "/workspaces/0/datafold/bi/1/type", "no BI integration of type"},
	{30, 22, "/workspaces/0/faults/0/do/status", "from 200 to 599"},
}

// A seed with ten mistakes reports ten, with lines, and changes nothing.
func TestTenMistakes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/ten-mistakes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	store := open(t)
	s := seeder(t, store)
	_, problems, err := s.Parse(t.Context(), seed.Input{YAML: text})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, problems, tenMistakes)
	for _, p := range problems {
		if strings.Contains(p.Message, "never-quoted") {
			t.Errorf("a secret is quoted: %s", p.Message)
		}
	}
	_, err = s.Put(t.Context(), seed.Input{YAML: text}, site.Principal{Workspace: "w"})
	if mistakes, ok := errors.AsType[seed.Mistakes](err); !ok || len(mistakes) != 10 {
		t.Errorf("%v", err)
	}
	if names, err := store.Workspaces(t.Context(), ""); err != nil || len(names) > 0 {
		t.Errorf("%v, %v", names, err)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	s := seeder(t, nil)
	const before = "workspaces:\n  - "
	for name, test := range map[string]struct {
		text string
		want []place
	}{
		"modes of jobs": {before + "jobs: {datafold.bi.sync: {mode: polls, reads: {queued: 0, running: 1000000}}}", nil},
		"mistaken modes": {
			before + "jobs:\n      datafold.bi.snyc: {mode: auto}\n  - workspace: other\n    jobs:\n      datafold.bi.sync: {mode: sometimes, durations: {queued: 7}, reads: {queued: -1, done: 1}}",
			[]place{
				{3, 7, "/workspaces/0/jobs/datafold.bi.snyc", `perhaps meant to be "datafold.bi.sync"`},
				{6, 32, "/workspaces/1/jobs/datafold.bi.sync/mode", `want "auto", "clock" or "polls"`},
				{6, 63, "/workspaces/1/jobs/datafold.bi.sync/durations/queued", "Here stands a text, not a number"},
				{6, 83, "/workspaces/1/jobs/datafold.bi.sync/reads/queued", "from 0 to 1000000"},
				{6, 87, "/workspaces/1/jobs/datafold.bi.sync/reads/done", "There is no member"},
			},
		},
		"reads of no use":    {before + "jobs: {datafold.bi.sync: {mode: clock, reads: {queued: 1}}}", []place{{2, 51, "/workspaces/0/jobs/datafold.bi.sync/reads", "Only the mode"}}},
		"a strange duration": {before + "jobs: {datafold.bi.sync: {mode: clock, durations: {queued: -1s}}}", []place{{2, 64, "/workspaces/0/jobs/datafold.bi.sync/durations/queued", "up to 100 years"}}},
		"no mode":            {before + "jobs: {datafold.bi.sync: {reads: {}}}", []place{{2, 30, "/workspaces/0/jobs/datafold.bi.sync", `"mode" is missing`}}},
		"empty":              {"", []place{{1, 1, "", "is empty"}}},
		"only comments":      {"# x\n", []place{{1, 1, "", "is empty"}}},
		"a text":             {"x", []place{{1, 1, "", "Here stands an object, not a text"}}},
		"a list":             {"- x\n", []place{{1, 1, "", "Here stands an object, not a list"}}},
		"no workspaces":      {"{}", []place{{1, 1, "", `"workspaces" is missing`}}},
		"none":               {"workspaces: []", []place{{1, 13, "/workspaces", "names no workspace"}}},
		"null":               {"workspaces:\n", []place{{1, 12, "/workspaces", "a list, not null"}}},
		"misspelled":         {"\nworkspace: []", []place{{2, 1, "/workspace", `meant to be "workspaces"`}}},
		"two documents":      {"workspaces: []\n---\nworkspaces: []\n", []place{{3, 1, "", "second document"}}},
		"not UTF-8":          {"a: 1\nb: \xff", []place{{2, 4, "", "not UTF-8"}}},
		"tab":                {"a: 1\n\tb: 2\n", []place{{2, 2, "", "not YAML: found a tab"}}},
		"indentation":        {"workspaces:\n  - clock: 1\n   ids: 2\n", []place{{3, 4, "", "not YAML: did not find"}}},
		"colon":              {"workspaces:\n  - clock: a: b\n", []place{{2, 3, "", "not YAML"}}},
		"quote":              {"workspaces:\n  - credential: 'a\n", []place{{2, 3, "", "not YAML"}}},
		"json comma":         {"{\n\t\"workspaces\": [\n\t\t{\"clock\": 1 \"ids\": 2}\n\t]\n}", []place{{3, 15, "", "JSON is broken"}}},
		"json end":           {`{"workspaces": [`, []place{{1, 17, "", "ends too early"}}},
		"json twice":         {"{\"workspaces\": [{}],\n \"workspaces\": []}", []place{{2, 2, "/workspaces", "first in line 1"}}},
		"json with tabs": {"{\n\t\"workspaces\": [\n\t\t{\n\t\t\t\"credential\": \"ä\",\t\"nope\": 1\n\t\t}\n\t]\n}", []place{
			{4, 18, "/workspaces/0/credential", "a header can carry"}, {4, 23, "/workspaces/0/nope", "no member \"nope\""},
		}},
		"flow that is no JSON": {"{workspaces: [{clock: 1}]}", []place{{1, 23, "/workspaces/0/clock", "an object, not a number"}}},
		"twice":                {before + "credential: a\n    credential: b\n", []place{{3, 5, "/workspaces/0/credential", "first in line 2"}}},
		"same workspace": {before + "credential: a\n  - {credential: a, workspace: b}\n  - {credential: a}\n", []place{
			{4, 5, "/workspaces/2", "workspace of line 2 again"},
		}},
		"caller twice":    {before + "{}\n  - {}\n", []place{{3, 5, "/workspaces/1", "of line 2 again"}}},
		"no sub":          {before + "workspace: Big\n", []place{{2, 16, "/workspaces/0/workspace", "not the name of a sub-workspace"}}},
		"scheme":          {before + "credential: Bearer x\n", []place{{2, 17, "/workspaces/0/credential", `without a scheme such as "Bearer"`}}},
		"number":          {before + "credential: 12\n", []place{{2, 17, "/workspaces/0/credential", "a text, not a number"}}},
		"hexadecimal":     {before + "ids: {source: seeded, seed: 0x1F}\n", []place{{2, 33, "/workspaces/0/ids/seed", "as in JSON"}}},
		"infinite":        {before + "ids: {source: seeded, seed: .inf}\n", []place{{2, 33, "/workspaces/0/ids/seed", "as in JSON"}}},
		"fraction":        {before + "ids: {source: seeded, drawn: 1.5}\n", []place{{2, 34, "/workspaces/0/ids/drawn", "a whole number"}}},
		"negative":        {before + "ids: {source: seeded, drawn: -1}\n", []place{{2, 34, "/workspaces/0/ids/drawn", "a whole number"}}},
		"tag":             {before + "credential: !!binary aGk=\n", []place{{2, 17, "/workspaces/0/credential", "A tag"}}},
		"merge":           {"workspaces:\n  - &a {credential: a}\n  - <<: *a\n    credential: b\n", []place{{3, 5, "/workspaces/1/<<", "Merge keys"}}},
		"unknown alias":   {before + "clock: *a\n", []place{{2, 3, "", "unknown anchor"}}},
		"alias of itself": {before + "clock: &a {frozen: *a}\n", []place{{2, 24, "/workspaces/0/clock/frozen", "a value that holds it"}}},
		"list for a name": {before + "? [a]\n    : 1\n", []place{{2, 7, "/workspaces/0", "name of a member is a text"}}},
		"clock": {before + "clock: {now: 2026-01-01}\n", []place{
			{2, 12, "/workspaces/0/clock", `"frozen" is missing`}, {2, 18, "/workspaces/0/clock/now", "not a time"},
		}},
		"clock, both":       {before + "clock: {frozen: false, now: 2026-01-01T00:00:00Z, offset: 1h}\n", []place{{2, 63, "/workspaces/0/clock/offset", "not both"}}},
		"clock, frozen":     {before + "clock: {frozen: true, offset: 1h}\n", []place{{2, 35, "/workspaces/0/clock/offset", "has no offset"}}},
		"clock, duration":   {before + "clock: {frozen: false, offset: 1 day}\n", []place{{2, 36, "/workspaces/0/clock/offset", "not a duration"}}},
		"clock, far":        {before + "clock: {frozen: false, now: 9999-01-01T00:00:00Z}\n", []place{{2, 33, "/workspaces/0/clock/now", "within 290 years"}}},
		"hour of one digit": {before + "clock: {frozen: true, now: \"2026-01-01T1:00:00Z\"}\n", []place{{2, 32, "/workspaces/0/clock/now", "not a time"}}},
		"sequence":          {before + "datafold: {sequences: {bi: x}}\n", []place{{2, 32, "/workspaces/0/datafold/sequences/bi", "a number, not a text"}}},
		"nested":            {before + "brms: {projects: [{name: P, integrations: [{name: I, type: http, kind: k, config: {url: u, tiemout: 1}}]}]}\n", []place{{2, 96, "/workspaces/0/brms/projects/0/integrations/0/config/tiemout", `"timeout"`}}},
		"name for another":  {before + "brms: {projects: [{nam: P}]}\n", []place{{2, 24, "/workspaces/0/brms/projects/0/nam", `"name"`}}},
		"id of a deleted one": {before + "brms: {projects: [\n{name: P, id: 00000000-0000-4000-8000-000000000001, deletedAt: 2026-01-01T00:00:00Z},\n{name: P, id: 00000000-0000-4000-8000-000000000001}]}\n", []place{
			{4, 15, "/workspaces/0/brms/projects/1/id", "Line 3 gives this id"},
		}},
		"id of another's integration": {before + "brms: {projects: [\n{name: P, integrations: [{name: I, type: t, kind: k, config: {url: u}, id: 00000000-0000-4000-8000-000000000001}]},\n" +
			"{name: P, integrations: [{name: I, type: t, kind: k, config: {url: u}, id: 00000000-0000-4000-8000-00000000000A},{name: I, type: t, kind: l, config: {url: u}, id: 00000000-0000-4000-8000-000000000001}]}]}\n", []place{
			{4, 164, "/workspaces/0/brms/projects/1/integrations/1/id", "Line 3 gives this id to another integration"},
		}},
		"content of none": {before + "brms: {projects: [{name: P, copyContentRef: 00000000-0000-4000-8000-000000000001}]}\n", []place{{2, 49, "/workspaces/0/brms/projects/0/copyContentRef", "No project above"}}},
		"content with its kind": {before + "brms: {projects: [{name: P, id: 00000000-0000-4000-8000-000000000001, integrations: [{name: I, type: t, kind: k, config: {url: u}}]},\n" +
			"{name: P, copyContentRef: 00000000-0000-4000-8000-000000000001, integrations: [{name: I, type: t, kind: k, config: {url: u}}]}]}\n", []place{
			{3, 105, "/workspaces/0/brms/projects/1/integrations/0/kind", "is copied from"},
		}},
		"synchronisation twice": {before + "datafold: {bi: [{type: powerbi, sync: {id: 1}}, {type: powerbi, sync: {id: 1}}]}\n", []place{{2, 75, "/workspaces/0/datafold/bi/1/sync", "Another synchronisation"}}},
		"number of another":     {before + "datafold: {bi: [{type: powerbi, id: 1}, {type: dbt, ci_config_id: 1, id: 1}]}\n", []place{{2, 78, "/workspaces/0/datafold/bi/1/id", "Line 2 gives this id"}}},
		"no type":               {before + "datafold: {bi: [{name: B}]}\n", []place{{2, 21, "/workspaces/0/datafold/bi/0", `"type" is missing`}}},
		"secret of a wrong type": {before + "datafold: {bi: [{type: mode, token: t, password: 123456}]}\n", []place{
			{2, 54, "/workspaces/0/datafold/bi/0/password", "must be"},
		}},
		"faults": {before + "faults:\n      - {do: {status: 503}}\n      - {name: a}\n      - {name: a, do: {status: 503}}\n      - {name: b, when: {form: 1}, do: {}}\n", []place{
			{3, 9, "/workspaces/0/faults/0", `"name" is missing`},
			{4, 9, "/workspaces/0/faults/1/do", "is missing"},
			{5, 16, "/workspaces/0/faults/2/name", "Line 4 has a fault of this name"},
			{6, 26, "/workspaces/0/faults/3/when/form", "not declared"},
			{6, 40, "/workspaces/0/faults/3/do", "at least 1"},
		}},
		"fault of nothing": {before + "faults:\n      - {name: -x, match: {operation: createProjekt}, do: {status: 503}}\n", []place{
			{3, 16, "/workspaces/0/faults/0/name", "A name is made of"},
			{3, 39, "/workspaces/0/faults/0/match/operation", "createProject"},
		}},
		// What only our guesses forbid is no mistake.
		"guessed":       {before + "brms: {projects: [{name: P, key: -}]}\n", nil},
		"aliases":       {"workspaces:\n  - &a {credential: a, brms: &b {projects: [{name: P}]}}\n  - {credential: c, brms: *b}\n", nil},
		"escapes":       {`{"workspaces": [{"brms": {"projects": [{"name": "\ud83d\ude00 \/"}]}}]}`, nil},
		"unquoted time": {before + "brms: {projects: [{name: P, createdAt: 2026-01-01T00:00:00+02:00}]}\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems, err := s.Parse(t.Context(), seed.Input{YAML: []byte(test.text)})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, problems, test.want)
			for _, p := range problems {
				if strings.Contains(p.Message, "123456") {
					t.Errorf("a secret is quoted: %s", p.Message)
				}
			}
		})
	}
}

// What would make a small text a huge seed is refused in one line.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := seeder(t, nil)
	laughs := "workspaces:\n  - faults:\n    - &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
	for i := 1; i < 10; i++ {
		one := " *a" + string(rune('0'+i-1))
		laughs += "    - &a" + string(rune('0'+i)) + " [" + strings.TrimPrefix(strings.Repeat(","+one, 9), ",") + "]\n"
	}
	for name, text := range map[string]string{
		"laughs":    laughs,
		"deep":      "workspaces: " + strings.Repeat("[", 500) + strings.Repeat("]", 500),
		"deep JSON": `{"workspaces": ` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}",
		"large":     "workspaces: []\n" + strings.Repeat("# x\n", seed.MaxBytes/4),
	} {
		start := time.Now()
		_, problems, err := s.Parse(context.Background(), seed.Input{YAML: []byte(text)})
		if err != nil || len(problems) == 0 {
			t.Fatalf("%s: %d problems, %v", name, len(problems), err)
		}
		if said := seed.Mistakes(problems).Error(); !strings.Contains(said, "nests deeper") && !strings.Contains(said, "larger than") {
			t.Errorf("%s: %s", name, said)
		}
		t.Logf("%s: %v", name, time.Since(start))
	}
}

func TestMistakesError(t *testing.T) {
	t.Parallel()
	m := seed.Mistakes{{Line: 1, Column: 2, Message: "A."}, {Line: 3, Column: 4, Message: "B."}}
	if got := m.Error(); got != "line 1, column 2: A. (and 1 more)" {
		t.Error(got)
	}
	if got := m.In("x.yaml"); got != "x.yaml:1:2: A.\nx.yaml:3:4: B." {
		t.Error(got)
	}
	if got := (seed.Mistakes{}).Error(); got != "no mistake" {
		t.Error(got)
	}
}
