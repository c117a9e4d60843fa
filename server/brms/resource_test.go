package brms

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	gen "github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
	"github.com/understudy-api/understudy/storage/storagetest"
)

// note is a resource of the test's own, three deep: shelves, books, notes.
type note struct {
	authors

	Text string
}

func notes(kind string, in container) *resource[note, string] {
	return &resource[note, string]{
		code: kind, noun: strings.ToUpper(kind), in: in,
		records: storage.Collection[note]{
			Kind: kind, Indexes: []storage.Index{{Name: "text"}, {Name: indexSearch}},
			Keys: func(m storage.Meta, n note) []storage.Key {
				return []storage.Key{
					{Index: "text", Value: m.Parent + " " + n.Text, Unique: true},
					{Index: indexSearch, Value: strings.ToLower(n.Text)},
				}
			},
		},
		unique: []unique{{index: "text", code: "textTaken", message: "taken"}},
		deletable: func(n note) error {
			if n.Text == "kept" {
				return site.Forbidden(kind+".kept", "kept")
			}
			return nil
		},
		view: func(_ storage.ReadTx, n storage.Item[note]) (string, error) { return n.Value.Text, nil },
	}
}

// library holds two shelves a and b, each with a book that holds a note, another book
// with a note in a that was deleted, and a shelf that was deleted with all it holds.
type library struct {
	shelves, books, notes *resource[note, string]

	store storage.Store
	paths map[string][]uuid.UUID
	now   time.Time
	said  []event // by the last call of do
}

func (l *library) do(t *testing.T, user string, fn func(*work) error) error {
	t.Helper()
	return l.store.Update(t.Context(), "w", func(tx storage.Tx) error {
		l.said = nil
		return fn(&work{
			Tx: tx, Operation: "operation", Principal: site.Principal{User: user},
			Keep: func(_ storage.Tx, e event) error { l.said = append(l.said, e); return nil },
		})
	})
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{paths: map[string][]uuid.UUID{"": nil, "nothing": {uuid.Nil}}, now: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Now: func() time.Time { return l.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	l.store, l.shelves = store, notes("shelf", nil)
	l.books = notes("book", l.shelves)
	l.notes = notes("note", l.books)
	if err := l.do(t, "maker", func(w *work) error {
		put := func(r *resource[note, string], name, text, in string) error {
			made, err := r.insert(w, note{Text: text}, l.paths[in]...)
			l.paths[name] = append(slices.Clone(l.paths[in]), uuid.MustParse(made.ID))
			return err
		}
		return errors.Join(
			put(l.shelves, "a", "a", ""), put(l.books, "a/1", "one", "a"), put(l.notes, "a/1/n", "n", "a/1"),
			put(l.books, "a/2", "gone", "a"), put(l.notes, "a/2/n", "n", "a/2"), gone(w, l.books, l.paths["a/2"]),
			put(l.shelves, "b", "b", ""), put(l.books, "b/1", "one", "b"), put(l.notes, "b/1/n", "kept", "b/1"),
			put(l.shelves, "c", "c", ""), put(l.books, "c/1", "one", "c"), put(l.notes, "c/1/n", "n", "c/1"), gone(w, l.shelves, l.paths["c"]),
		)
	}); err != nil {
		t.Fatal(err)
	}
	// A path through the wrong shelf or book, to what is there.
	mix := func(name string, ids ...string) {
		var path []uuid.UUID
		for i, id := range ids {
			path = append(path, l.paths[id][i])
		}
		l.paths[name] = path
	}
	mix("b, book of a", "b", "a/1")
	mix("b, book of a, its note", "b", "a/1", "a/1/n")
	mix("a, its book, note of b", "a", "a/1", "b/1/n")
	return l
}

func gone(w *work, r *resource[note, string], path []uuid.UUID) error {
	_, err := r.delete(w, path...)
	return err
}

// codeOf is what a refusal is known by; "" for success, "ours" for no refusal.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	if refusal, ok := errors.AsType[*site.Refusal](err); ok {
		return refusal.Code
	}
	return "ours"
}

// A record is reached by the whole path to it, in every way, and by no other.
func TestScope(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	undo := errors.New("undo")
	for path, want := range map[string]string{
		"a/1/n": "", "b/1/n": "", "a/2/n": "book.notFound", "c/1/n": "shelf.notFound",
		"b, book of a, its note": "book.notFound", "a, its book, note of b": "note.notFound",
		"a/1": "ours", "a": "ours", "": "ours", "nothing": "ours",
	} {
		for way, fn := range map[string]func(w *work, path []uuid.UUID) error{
			"at":      func(w *work, path []uuid.UUID) error { _, err := l.notes.at(w, path...); return err },
			"place":   func(w *work, path []uuid.UUID) error { _, err := l.notes.place(w, path); return err },
			"restore": func(w *work, path []uuid.UUID) error { _, err := l.notes.restore(w, nil, path...); return err },
			"update": func(w *work, path []uuid.UUID) error {
				_, err := l.notes.update(w, func(*note) error { return nil }, path...)
				return err
			},
			"delete": func(w *work, path []uuid.UUID) error {
				if err := gone(w, l.notes, path); codeOf(err) != "note.kept" {
					return err
				}
				return nil
			},
		} {
			var got error
			err := l.do(t, "", func(w *work) error {
				got = fn(w, l.paths[path])
				return undo
			})
			if !errors.Is(err, undo) || codeOf(got) != want {
				t.Errorf("%s of %q: %v, %v", way, path, got, err)
			}
		}
	}
	for path, want := range map[string]string{
		"a/1": "", "a/2": "book.notFound", "b, book of a": "book.notFound", "c/1": "shelf.notFound", "a": "ours", "a/1/n": "ours", "": "ours",
	} {
		for way, fn := range map[string]func(w *work, path []uuid.UUID) error{
			"insert":    func(w *work, in []uuid.UUID) error { _, err := l.notes.insert(w, note{}, in...); return err },
			"copy from": func(w *work, in []uuid.UUID) error { return l.notes.copyAll(w, in, l.paths["b/1"]) },
			"copy to":   func(w *work, in []uuid.UUID) error { return l.notes.copyAll(w, l.paths["b/1"], in) },
		} {
			var got error
			err := l.do(t, "", func(w *work) error {
				got = fn(w, l.paths[path])
				return undo
			})
			if !errors.Is(err, undo) || codeOf(got) != want {
				t.Errorf("%s %q: %v, %v", way, path, got, err)
			}
		}
	}
}

// What writes says what it did, and who did it; what fails says and changes nothing.
func TestDeeds(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	a := l.paths["a"]
	rename := func(text string) func(*note) error {
		return func(n *note) error { *n = note{Text: text}; return nil }
	}
	refused := errors.New("refused")
	type result struct {
		Code  string
		Deeds []deed
		By    authors
	}
	for _, test := range []struct {
		name string
		do   func(*work) (storage.Item[note], error)
		want result
	}{
		{"insert", func(w *work) (storage.Item[note], error) { return l.books.insert(w, note{Text: "new"}, a...) }, result{"", []deed{created}, authors{"user", "user"}}},
		{"insert again", func(w *work) (storage.Item[note], error) { return l.books.insert(w, note{Text: "new"}, a...) }, result{Code: "book.textTaken"}},
		{"update", func(w *work) (storage.Item[note], error) {
			return l.books.update(w, rename("two"), l.paths["a/1"]...)
		}, result{"", []deed{updated}, authors{"maker", "user"}}},
		{"update to what is taken", func(w *work) (storage.Item[note], error) {
			return l.books.update(w, rename("new"), l.paths["a/1"]...)
		}, result{Code: "book.textTaken"}},
		{"update refused", func(w *work) (storage.Item[note], error) {
			return l.books.update(w, func(*note) error { return refused }, l.paths["a/1"]...)
		}, result{Code: "ours"}},
		{"restore of what lives", func(w *work) (storage.Item[note], error) { return l.books.restore(w, nil, l.paths["a/1"]...) }, result{By: authors{"maker", "user"}}},
		{"delete", func(w *work) (storage.Item[note], error) { return l.books.delete(w, l.paths["a/1"]...) }, result{"", []deed{deleted}, authors{"maker", "user"}}},
		{"delete again", func(w *work) (storage.Item[note], error) { return l.books.delete(w, l.paths["a/1"]...) }, result{Code: "book.notFound"}},
		{"restore through another shelf", func(w *work) (storage.Item[note], error) {
			return l.books.restore(w, nil, l.paths["b, book of a"]...)
		}, result{Code: "book.notFound"}},
		{"restore", func(w *work) (storage.Item[note], error) {
			return l.books.restore(w, func(n *note) error { n.Text = "free"; return nil }, l.paths["a/1"]...)
		}, result{"", []deed{restored}, authors{"maker", "user"}}},
		{"restore of nothing", func(w *work) (storage.Item[note], error) { return l.shelves.restore(w, nil, uuid.Nil) }, result{Code: "shelf.notFound"}},
		{"delete of what is kept", func(w *work) (storage.Item[note], error) { return l.notes.delete(w, l.paths["b/1/n"]...) }, result{Code: "note.kept"}},
		{"copy", func(w *work) (item storage.Item[note], err error) {
			return item, l.notes.copyAll(w, l.paths["b/1"], l.paths["a/1"])
		}, result{Deeds: []deed{created}}},
	} {
		var item storage.Item[note]
		l.now = l.now.Add(time.Hour)
		err := l.do(t, "user", func(w *work) (err error) {
			item, err = test.do(w)
			return err
		})
		got := result{Code: codeOf(err)}
		if err == nil {
			got.By = item.Value.authors
		}
		for _, e := range l.said {
			got.Deeds = append(got.Deeds, e.Deed)
			if want := (event{Deed: e.Deed, Kind: e.Kind, ID: e.ID, Parent: e.Parent, Operation: "operation", Principal: site.Principal{User: "user"}, Time: l.now}); !cmp.Equal(want, e) || e.Parent == "" ||
				item.ID != "" && (e.ID != item.ID || e.Parent != item.Parent) {
				t.Errorf("%s: %+v of %+v", test.name, e, item)
			}
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("%s: %v %s", test.name, err, diff)
		}
	}
}

// serve runs requests against an API, as a client with a token would.
func serve(t *testing.T, api site.API) func(method, path, body string) (int, string) {
	t.Helper()
	site, err := site.NewSite(site.Options{API: api, Limits: site.DefaultLimits(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer t")
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		site.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
}

// scoped is a keyring whose credentials allow only some things.
type scoped []string

func (s scoped) Principal(string) (site.Principal, bool) {
	return site.Principal{Workspace: "w", User: "u", Permissions: s}, true
}

// probe is the API with something else done for the operation that reads a project.
type probe struct {
	*API

	fn func(context.Context)
}

func (p *probe) GetProject(ctx context.Context, _ gen.GetProjectRequestObject) (gen.GetProjectResponseObject, error) {
	p.fn(ctx)
	return nil, nil //nolint:nilnil // nobody looks at the answer
}

func (p *probe) Register(route site.Route) {
	gen.Routes(gen.NewStrictHandler(p, nil), gen.GorillaServerOptions{}, route)
}

// The operations of the kit are in the caller's workspace, and lists in the place that
// the path leads to.
func TestOperations(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	api := New(l.store, scoped(nil))
	two, one, ran := 2.0, 1.0, false
	call := serve(t, &probe{API: api, fn: func(ctx context.Context) {
		ran = true
		in := l.paths["a/1"]
		path := func(of ...uuid.UUID) []uuid.UUID { return append(slices.Clone(in), of...) }
		for _, text := range []string{"One", "two", "three"} {
			if view, err := l.notes.add(ctx, api, note{Text: text}, in...); view != text || err != nil {
				t.Errorf("add: %q, %v", view, err)
			}
		}
		for name, test := range map[string]struct {
			asked asked
			in    []uuid.UUID
			want  page[string]
			code  string
		}{
			"all":        {asked{}, in, page[string]{[]string{"three", "two", "One", "n"}, gen.Paginate{Current: 1, From: 1, To: 4, Total: 4, PageSize: 10}}, ""},
			"second":     {asked{page: &two, perPage: &one}, in, page[string]{[]string{"two"}, gen.Paginate{Current: 2, From: 2, To: 2, Total: 4, PageSize: 1}}, ""},
			"deleted":    {asked{deleted: true}, in, page[string]{[]string{}, gen.Paginate{Current: 1, PageSize: 10}}, ""},
			"searched":   {asked{search: new("o")}, in, page[string]{[]string{"One", "two"}, gen.Paginate{Current: 1, From: 1, To: 2, Total: 2, PageSize: 10}}, ""},
			"filtered":   {asked{where: []storage.Condition{{Index: indexSearch, Prefix: "t"}}}, in, page[string]{[]string{"three", "two"}, gen.Paginate{Current: 1, From: 1, To: 2, Total: 2, PageSize: 10}}, ""},
			"of another": {asked{}, l.paths["b, book of a"], page[string]{}, "book.notFound"},
			"too short":  {asked{}, l.paths["a"], page[string]{}, "ours"},
		} {
			got, err := l.notes.list(ctx, api, test.asked, test.in...)
			if diff := cmp.Diff(test.want, got); diff != "" || codeOf(err) != test.code {
				t.Errorf("list %s: %v %s", name, err, diff)
			}
		}
		n := l.paths["a/1/n"][2]
		if view, err := l.notes.change(ctx, api, func(n *note) error { n.Text = "changed"; return nil }, path(n)...); view != "changed" || err != nil {
			t.Errorf("change: %q, %v", view, err)
		}
		if view, err := l.notes.read(ctx, api, path(n)...); view != "changed" || err != nil {
			t.Errorf("read: %q, %v", view, err)
		}
		if err := l.notes.remove(ctx, api, path(n)...); err != nil {
			t.Error(err)
		}
		if view, err := l.notes.read(ctx, api, path(n)...); view != "" || codeOf(err) != "note.notFound" {
			t.Errorf("read of what is removed: %q, %v", view, err)
		}
	}})
	if call("GET", "/api/projects/00000000-0000-4000-8000-000000000000", ""); !ran {
		t.Error("nothing was done")
	}
}

const integrationBody = `{"name":"N","type":"http","kind":"KIND","config":{"url":"u"}}`

// Every write of an operation is told to the audit in its transaction: if that fails,
// nothing has happened.
func TestAudit(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	api := New(l.store, scoped(nil))
	kept := storage.Collection[event]{Kind: "audit"}
	full := false
	api.audit = func(tx storage.Tx, e event) error {
		if full {
			return errors.New("full")
		}
		_, err := kept.Insert(tx, tx.NewID(), "", e)
		return err
	}
	call := serve(t, api)
	const id = "00000000-0000-4000-8000-000000000001"
	if err := l.store.Update(t.Context(), "w", func(tx storage.Tx) error {
		return tx.SetSettings(storage.Settings{IDs: storage.IDs{Source: storage.IDsSequential}})
	}); err != nil {
		t.Fatal(err)
	}
	status, made := call("POST", "/api/projects", `{"name":"P","key":"first"}`)
	_, rest, _ := strings.Cut(made, `"id":"`)
	project, _, _ := strings.Cut(rest, `"`)
	if status != 200 {
		t.Fatal(status, made)
	}
	in := "/api/projects/" + project
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", in + "/integrations", strings.ReplaceAll(integrationBody, "KIND", "k"), 200},
		{"POST", in + "/integrations", strings.ReplaceAll(integrationBody, "KIND", "k"), 409},
		{"POST", "/api/projects", `{"name":"P","key":"copy","copyContentRef":"` + project + `"}`, 200},
		{"PUT", in, `{"name":"P","key":"first","protected":true}`, 200},
		{"DELETE", in, "", 403},
		{"PUT", in, `{"name":"P","key":"first","protected":false}`, 200},
		{"GET", in, "", 200},
		{"DELETE", in, "", 200},
		{"PUT", in + "/restore", "", 200},
		{"PUT", in + "/restore", "", 200},
		{"DELETE", in + "/integrations/" + id, "", 404},
	} {
		if status, answer := call(c.method, c.path, c.body); status != c.status {
			t.Fatalf("%s %s: %d %s", c.method, c.path, status, answer)
		}
	}
	full = true
	if status, answer := call("POST", in+"/integrations", strings.ReplaceAll(integrationBody, "KIND", "lost")); status != 500 {
		t.Fatal(status, answer)
	}
	var got []string
	if err := l.store.View(t.Context(), "w", func(tx storage.ReadTx) error {
		if n, err := tx.Count(integrations.records.Kind, project, false); err != nil || n != 1 {
			t.Errorf("%d integrations, %v", n, err)
		}
		return kept.Each(tx, storage.Query{}, func(e storage.Item[event]) error {
			got = append(got, e.Value.Operation+" "+string(e.Value.Deed)+" "+e.Value.Kind+" by "+e.Value.Principal.User)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		"createProject created brms.project by u", "createIntegration created brms.integration by u",
		"createProject created brms.project by u", "createProject created brms.integration by u",
		"updateProject updated brms.project by u", "updateProject updated brms.project by u",
		"deleteProject deleted brms.project by u", "restoreProject restored brms.project by u",
	}, got); diff != "" {
		t.Error(diff)
	}
}

// A credential does what it allows. What is only our guess keeps nobody out.
func TestPermitted(t *testing.T) {
	t.Parallel()
	l := newLibrary(t)
	_, made := serve(t, New(l.store, scoped(nil)))("POST", "/api/projects", `{"name":"P","key":"first"}`)
	_, rest, _ := strings.Cut(made, `"id":"`)
	project, _, _ := strings.Cut(rest, `"`)
	list := "/api/projects/" + project + "/integrations"
	for _, test := range []struct {
		permissions scoped
		method      string
		path        string
		body        string
		want        int
	}{
		{nil, "POST", list, strings.ReplaceAll(integrationBody, "KIND", "a"), 200},
		{scoped{}, "POST", list, strings.ReplaceAll(integrationBody, "KIND", "b"), 403},
		{scoped{"documents"}, "POST", list, strings.ReplaceAll(integrationBody, "KIND", "b"), 403},
		{scoped{"documents"}, "DELETE", list + "/" + project, "", 403},
		{scoped{"integrations:manage"}, "POST", list, strings.ReplaceAll(integrationBody, "KIND", "c"), 200},
		{scoped{"owner"}, "POST", list, strings.ReplaceAll(integrationBody, "KIND", "d"), 200},
		{scoped{}, "GET", list, "", 200},
		{scoped{}, "PUT", "/api/projects/" + project, `{"name":"P","key":"first"}`, 200},
	} {
		status, answer := serve(t, New(l.store, test.permissions))(test.method, test.path, test.body)
		if status != test.want {
			t.Errorf("%s %s with %v: %d %s", test.method, test.path, test.permissions, status, answer)
		}
	}
}

// permissions are those of roles, groups and personal access tokens.
var permissions = strings.Fields(`owner documents releases releases:manage releases:deploy releases:delete
	integrations:manage documents:full documents:view-content documents:edit-content documents:edit-view branches
	branches:create branches:merge branches:delete project:manage environments environments:manage environments:delete`)

// Every secured operation that writes names the permission it takes.
func TestPermissionsAreNamed(t *testing.T) {
	t.Parallel()
	document, err := contract.Load(New(nil, site.OpenKeyring{}).Source())
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range document.Operations() {
		name, _ := op.Permission()
		writes := op.Method != http.MethodGet && op.Method != http.MethodHead
		if name == "" && op.Secured() && writes || name != "" && (!op.Secured() || !slices.Contains(permissions, name)) {
			t.Errorf("%s: permission %q", op.ID, name)
		}
	}
}

// No handler reaches a record but through the kit.
func TestRecordsAreReachedThroughTheKit(t *testing.T) {
	t.Parallel()
	storagetest.ReachedOnlyIn(t, "resource.go", "seed.go")
}
