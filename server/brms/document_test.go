package brms_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	gen "github.com/understudy-api/understudy/gen/brms"
)

const emptyGraph = `{"nodes":[],"edges":[]}`

// createDocument makes a document of a body.
func (s *server) createDocument(t *testing.T, project uuid.UUID, body string) gen.DecisionDocument {
	t.Helper()
	return documentOf(t, s, "POST", "/api/projects/"+project.String()+"/documents", body)
}

func documentOf(t *testing.T, s *server, method, target, body string) (d gen.DecisionDocument) {
	t.Helper()
	status, answer, _ := s.raw(t, method, target, body)
	if err := json.Unmarshal([]byte(answer), &d); status != 200 || err != nil {
		t.Fatalf("%s %s %s: %d %s, %v", method, target, body, status, answer, err)
	}
	return d
}

func (s *server) getDocument(t *testing.T, project, id uuid.UUID) gen.DecisionDocument {
	t.Helper()
	r := must(s.GetDocumentWithResponse(t.Context(), project, id))
	want(t, 200, r)
	return *r.JSON200
}

func (s *server) paths(t *testing.T, project uuid.UUID) []string {
	t.Helper()
	r := must(s.ListDocumentsWithResponse(t.Context(), project, &gen.ListDocumentsParams{PerPage: new(100.)}))
	want(t, 200, r)
	paths := []string{}
	for _, d := range r.JSON200.Results {
		paths = append(paths, d.Path)
	}
	return paths
}

func TestDocumentLife(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one").ID
	at := "/api/projects/" + project.String() + "/documents"
	made := s.createDocument(t, project, `{"name":"shipping","parent":"fees","content":{"b":1,"a":[1.50,null]},"meta":{"x":1}}`)
	if made.Path != "fees/shipping" || made.Key != made.Path || made.Type != "f" || *made.ContentType != "application/vnd.gorules.decision" ||
		made.Published != nil || len(made.Versions) != 1 || made.Versions[0].Status != "draft" || (*made.Meta)["x"] != 1. {
		t.Fatalf("%+v", made)
	}
	// The text of a content stays as it is, but for white space.
	status, text, header := s.raw(t, "GET", at+"/"+made.ID.String()+"/download", "")
	if status != 200 || text != `{"b":1,"a":[1.50,null]}` || header.Get("Content-Disposition") != `attachment; filename="shipping.json"` {
		t.Errorf("download: %d %s %v", status, text, header)
	}
	first := made.Versions[0].ID

	s.clock.advance(time.Second)
	d := documentOf(t, s, "PUT", at+"/"+made.ID.String()+"/publish", `{"type":"publish"}`)
	if d.PublishedID == nil || *d.PublishedID != first || d.Published.Status != "published" || *d.PublishedAt != "2026-11-21T09:30:01.000Z" ||
		d.PublishedBy == nil || d.Versions[0].Status != "published" {
		t.Fatalf("%+v", d)
	}
	d = documentOf(t, s, "POST", at+"/"+made.ID.String()+"/versions", `{"name":"Next","content":{"c":2}}`)
	if len(d.Versions) != 2 || d.Versions[0].Name != "Next" || *d.Versions[0].ParentID != first || d.Versions[0].Status != "draft" || *d.PublishedID != first {
		t.Fatalf("%+v", d)
	}
	if diff := cmp.Diff(map[string]any{"c": 2.}, d.Versions[0].Content); diff != "" { // what clients read as the newest
		t.Error(diff)
	}
	second := d.Versions[0].ID
	renamed := must(s.RenameDocumentVersionWithResponse(ctx, project, made.ID, second, gen.RenameDocumentVersionRequest{Name: "Second"}))
	want(t, 200, renamed)
	got := must(s.GetDocumentVersionWithResponse(ctx, project, made.ID, second))
	want(t, 200, got)
	if got.JSON200.Name != "Second" || got.JSON200.Content == nil {
		t.Errorf("%+v", got.JSON200)
	}
	page := must(s.ListDocumentVersionsWithResponse(ctx, project, made.ID, &gen.ListDocumentVersionsParams{}))
	want(t, 200, page)
	if r := page.JSON200; r.Paginate.Total != 2 || r.Results[0].ID != second || r.Results[0].Content != nil {
		t.Errorf("%+v", r)
	}
	d = documentOf(t, s, "PUT", at+"/"+made.ID.String(), `{"name":"shipping2","content":{"d":3},"publish":true,"meta":{"y":2}}`)
	if d.Path != "fees/shipping2" || len(d.Versions) != 3 || *d.PublishedID != d.Versions[0].ID || (*d.Meta)["y"] != 2. || d.ID != made.ID {
		t.Fatalf("%+v", d)
	}
	d = documentOf(t, s, "PUT", at+"/"+made.ID.String()+"/publish", `{"type":"publish","versionId":"`+first.String()+`"}`)
	if *d.PublishedID != first {
		t.Errorf("%+v", d)
	}
	listed := must(s.ListDocumentPathsWithResponse(ctx, project))
	want(t, 200, listed)
	if diff := cmp.Diff([]string{"fees/shipping2"}, *listed.JSON200); diff != "" {
		t.Error(diff)
	}
	d = documentOf(t, s, "PUT", at+"/"+made.ID.String()+"/publish", `{"type":"unpublish"}`)
	if d.Published != nil || d.PublishedID != nil || d.PublishedAt != nil || d.PublishedBy != nil {
		t.Errorf("%+v", d)
	}
	d = documentOf(t, s, "PUT", at+"/"+made.ID.String(), `{"deleted":true}`)
	if d.DeletedAt == nil {
		t.Error("not deleted")
	}
	wantError(t, 404, "document.notFound", must(s.GetDocumentWithResponse(ctx, project, made.ID)))
}

func TestDocumentTree(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one").ID
	at := "/api/projects/" + project.String() + "/documents"
	a := s.createDocument(t, project, `{"name":"a","type":"d"}`)
	x := s.createDocument(t, project, `{"name":"deep/x.json","parent":"`+a.ID.String()+`","content":{"x":1}}`)
	b := s.createDocument(t, project, `{"name":"b","type":"d","parent":"/"}`)
	if diff := cmp.Diff([]string{"b", "a/deep/x.json", "a/deep", "a"}, s.paths(t, project)); diff != "" {
		t.Fatal(diff)
	}
	want(t, 200, must(s.MoveDocumentsWithResponse(ctx, project, gen.MoveDocumentsRequest{Ids: []uuid.UUID{a.ID}, Target: "/b"})))
	if got := s.getDocument(t, project, x.ID); got.Path != "b/a/deep/x.json" || got.Name != "x.json" {
		t.Errorf("moved: %s", got.Path)
	}
	documentOf(t, s, "PUT", at+"/"+b.ID.String(), `{"name":"c"}`)
	if got := s.getDocument(t, project, x.ID); got.Path != "c/a/deep/x.json" {
		t.Errorf("renamed above: %s", got.Path)
	}
	for body, code := range map[string]string{
		`{"ids":["` + b.ID.String() + `"],"target":"c/a"}`:             "document.intoItself",
		`{"ids":["` + b.ID.String() + `"],"target":"c/a/deep/x.json"}`: "document.notFolder",
		`{"ids":["` + b.ID.String() + `"],"target":"nowhere"}`:         "document.notFound",
	} {
		if _, answer, _ := s.raw(t, "POST", at+"/move", body); !strings.Contains(answer, code) {
			t.Errorf("%s: %s", body, answer)
		}
	}
	copied := s.createDocument(t, project, `{"name":"c","type":"d","duplicate":true,"source":"c"}`)
	if copied.Path != "c (1)" {
		t.Errorf("copied to %s", copied.Path)
	}
	copied = s.createDocument(t, project, `{"name":"x.json","parent":"c/a/deep","duplicate":true,"source":"`+x.ID.String()+`"}`)
	if copied.Path != "c/a/deep/x (1).json" || copied.Published != nil || len(copied.Versions) != 1 {
		t.Errorf("%+v", copied)
	}

	// A folder takes what is in it along to the trash and back.
	deleted := must(s.DeleteDocumentsWithResponse(ctx, project, gen.DeleteDocumentsRequest{Ids: []uuid.UUID{b.ID, x.ID}}))
	want(t, 200, deleted)
	if diff := cmp.Diff([]uuid.UUID{b.ID, x.ID}, *deleted.JSON200); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"c (1)/a/deep/x.json", "c (1)/a/deep", "c (1)/a", "c (1)"}, s.paths(t, project)); diff != "" {
		t.Error(diff)
	}
	trash := must(s.ListDocumentsWithResponse(ctx, project, &gen.ListDocumentsParams{Deleted: new(gen.BooleanTextLowerTrue)}))
	want(t, 200, trash)
	if n := trash.JSON200.Paginate.Total; n != 5 {
		t.Errorf("%d in the trash", n)
	}
	want(t, 200, must(s.RestoreDocumentsWithResponse(ctx, project, gen.RestoreDocumentsRequest{Ids: []uuid.UUID{b.ID}, Path: new("/c (1)")})))
	if got := s.getDocument(t, project, x.ID); got.Path != "c (1)/c/a/deep/x.json" {
		t.Errorf("restored to %s", got.Path)
	}
	want(t, 200, must(s.DeleteDocumentsWithResponse(ctx, project, gen.DeleteDocumentsRequest{Ids: []uuid.UUID{b.ID}})))
	s.createDocument(t, project, `{"name":"c","type":"d"}`)
	wantError(t, 409, "document.pathTaken", must(s.RestoreDocumentsWithResponse(ctx, project, gen.RestoreDocumentsRequest{Ids: []uuid.UUID{b.ID}})))
	if got := must(s.ListDocumentsWithResponse(ctx, project, &gen.ListDocumentsParams{Search: new("C (1)/")})); got.JSON200.Paginate.Total != 3 {
		t.Errorf("%d found", got.JSON200.Paginate.Total)
	}
	if got := must(s.ListDocumentsWithResponse(ctx, project, &gen.ListDocumentsParams{ParentID: new(""), Type: new("d")})); got.JSON200.Paginate.Total != 2 {
		t.Errorf("%d in the project itself", got.JSON200.Paginate.Total)
	}
}

func TestDocumentRefusals(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	at := "/api/projects/" + project.String() + "/documents"
	d := s.createDocument(t, project, `{"name":"a"}`)
	dir := s.createDocument(t, project, `{"name":"dir","type":"d"}`)
	other := s.createProject(t, "Two", "two").ID
	elsewhere := s.createDocument(t, other, `{"name":"a"}`)
	v2 := must(s.CreateProjectWithResponse(t.Context(), gen.CreateProjectRequest{Name: "Three", Key: "three", Version: new("v2")}))
	none := uuid.NewString()
	for name, test := range map[string]struct {
		method, target, body string
		status               int
		code                 string
	}{
		"path taken":                {"POST", at, `{"name":"a"}`, 409, "document.pathTaken"},
		"file as folder":            {"POST", at, `{"name":"a/b"}`, 409, "document.notFolder"},
		"file as parent":            {"POST", at, `{"name":"b","parent":"a"}`, 409, "document.notFolder"},
		"no such parent":            {"POST", at, `{"name":"b","parent":"` + none + `"}`, 404, "document.notFound"},
		"parent of another project": {"POST", at, `{"name":"b","parent":"` + elsewhere.ID.String() + `"}`, 404, "document.notFound"},
		"no name":                   {"POST", at, `{"name":"/"}`, 400, "document.pathInvalid"},
		"up":                        {"POST", at, `{"name":"../b"}`, 400, "document.pathInvalid"},
		"up by parent":              {"POST", at, `{"name":"b","parent":"x/../.."}`, 400, "document.pathInvalid"},
		"backslash":                 {"POST", at, `{"name":"a\\b"}`, 400, "document.pathInvalid"},
		"long name":                 {"POST", at, `{"name":"` + strings.Repeat("n", 256) + `"}`, 400, "document.pathInvalid"},
		"deep path":                 {"POST", at, `{"name":"` + strings.Repeat("n/", 40) + `"}`, 400, "document.pathInvalid"},
		"rename to a path":          {"PUT", at + "/" + d.ID.String(), `{"name":"b/c"}`, 400, "document.pathInvalid"},
		"version of a folder":       {"POST", at + "/" + dir.ID.String() + "/versions", `{"content":{}}`, 409, "document.noContent"},
		"publish a folder":          {"PUT", at + "/" + dir.ID.String() + "/publish", `{"type":"publish"}`, 409, "document.noContent"},
		"download a folder":         {"GET", at + "/" + dir.ID.String() + "/download", ``, 404, "document.noContent"},
		"publish no version":        {"PUT", at + "/" + d.ID.String() + "/publish", `{"type":"publish","versionId":"` + none + `"}`, 404, "version.notFound"},
		"version of another":        {"PUT", at + "/" + d.ID.String() + "/publish", `{"type":"publish","versionId":"` + elsewhere.Versions[0].ID.String() + `"}`, 404, "version.notFound"},
		"no such document":          {"PUT", at + "/" + none, `{}`, 404, "document.notFound"},
		"of another project":        {"GET", at + "/" + elsewhere.ID.String(), ``, 404, "document.notFound"},
		"delete: one of them":       {"DELETE", at, `{"ids":["` + d.ID.String() + `","` + none + `"]}`, 404, "document.notFound"},
		"copy of nothing":           {"POST", at, `{"name":"b","duplicate":true,"source":"nothing"}`, 404, "document.notFound"},
		"copy into itself":          {"POST", at, `{"name":"b","parent":"dir","duplicate":true,"source":"dir"}`, 409, "document.intoItself"},
		"a v2 project":              {"POST", "/api/projects/" + v2.JSON200.Project.ID.String() + "/documents", `{"name":"b"}`, 409, "document.notSupported"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer, _ := s.raw(t, test.method, test.target, test.body)
			if status != test.status || !strings.Contains(answer, `"code":"`+test.code+`"`) {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	// Nothing was half done.
	if diff := cmp.Diff([]string{"dir", "a"}, s.paths(t, project)); diff != "" {
		t.Error(diff)
	}
}

// A content is as long as the engine takes it; one that the engine refuses is kept.
func TestDocumentContents(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	at := "/api/projects/" + project.String() + "/documents"
	for name, content := range map[string]string{
		"none": `null`, "a text": `"\u003cb\u003e\u2028"`, "no graph": `[1,2]`, "a policy": `{"blocks":[]}`, "a number": `12345678901234567890.5`,
	} {
		t.Run(name, func(t *testing.T) {
			d := s.createDocument(t, project, fmt.Sprintf(`{"name":%q,"content":%s}`, name, content))
			_, text, _ := s.raw(t, "GET", at+"/"+d.ID.String()+"/download", "")
			want := content
			if name == "none" {
				want = emptyGraph
			}
			if name == "a text" {
				want = "\"<b>\u2028\""
			}
			if text != want {
				t.Errorf("%s, want %s", text, want)
			}
		})
	}
	limit := 16 << 20
	body := func(n int) string { return `{"name":"big","content":"` + strings.Repeat("x", n-2) + `"}` }
	if status, answer, _ := s.raw(t, "POST", at, body(limit+1)); status != http.StatusRequestEntityTooLarge || !strings.Contains(answer, "FST_ERR_CTP_BODY_TOO_LARGE") {
		t.Errorf("%d %s", status, answer[:min(len(answer), 200)])
	}
	if status, answer, _ := s.raw(t, "POST", at, body(limit)); status != http.StatusOK {
		t.Errorf("%d %s", status, answer[:min(len(answer), 200)])
	}
}

// A project can begin with the documents of another, and what is published of them.
func TestCopiedDocuments(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one").ID
	at := "/api/projects/" + project.String() + "/documents"
	for _, path := range []string{"a/x", "a b", "a/z/y"} {
		d := s.createDocument(t, project, `{"name":"`+path+`","content":{"v":1}}`)
		documentOf(t, s, "PUT", at+"/"+d.ID.String()+"/publish", `{"type":"publish"}`)
		documentOf(t, s, "PUT", at+"/"+d.ID.String(), `{"content":{"v":2}}`)
	}
	made := must(s.CreateProjectWithResponse(ctx, gen.CreateProjectRequest{Name: "Two", Key: "two", CopyContentRef: &project}))
	want(t, 200, made)
	listed := must(s.ListDocumentPathsWithResponse(ctx, made.JSON200.Project.ID))
	want(t, 200, listed)
	if diff := cmp.Diff([]string{"a b", "a/x", "a/z/y"}, *listed.JSON200); diff != "" {
		t.Error(diff)
	}
	page := must(s.ListDocumentsWithResponse(ctx, made.JSON200.Project.ID, &gen.ListDocumentsParams{Search: new("y")}))
	want(t, 200, page)
	d := s.getDocument(t, made.JSON200.Project.ID, page.JSON200.Results[0].ID)
	if diff := cmp.Diff([]any{map[string]any{"v": 2.}, map[string]any{"v": 1.}}, []any{d.Versions[0].Content, d.Published.Content}); diff != "" {
		t.Error(diff)
	}
}
