package brms_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	gen "github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/gen/brms/brmsclient"
)

// publishDocument makes a document of a path and publishes a content of it.
func (s *server) publishDocument(t *testing.T, project uuid.UUID, path, content string) gen.DecisionDocument {
	t.Helper()
	d := s.createDocument(t, project, fmt.Sprintf(`{"name":%q,"content":%s}`, path, content))
	return documentOf(t, s, "PUT", "/api/projects/"+project.String()+"/documents/"+d.ID.String()+"/publish", `{"type":"publish"}`)
}

func (s *server) release(t *testing.T, project uuid.UUID, body gen.CreateReleaseRequest) gen.Release {
	t.Helper()
	r := must(s.CreateReleaseWithResponse(t.Context(), project, body))
	want(t, 200, r)
	return *r.JSON200
}

func (s *server) environment(t *testing.T, project uuid.UUID, body gen.CreateEnvironmentRequest) gen.Environment {
	t.Helper()
	r := must(s.CreateEnvironmentWithResponse(t.Context(), project, body))
	want(t, 200, r)
	return *r.JSON200
}

// upload sends archives as the parts of a form.
func (s *server) upload(t *testing.T, project uuid.UUID, archives ...[]byte) (int, string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i, archive := range archives {
		part := must(form.CreateFormFile("files", fmt.Sprintf("%d.zip", i)))
		must(part.Write(archive))
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r := must(s.UploadReleaseWithBodyWithResponse(t.Context(), project, form.FormDataContentType(), &body))
	return r.StatusCode(), string(r.Body)
}

// archiveOf is an archive of entries, name and content by turns.
func archiveOf(t *testing.T, entries ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for i := 0; i < len(entries); i += 2 {
		must(must(archive.Create(entries[i])).Write([]byte(entries[i+1])))
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unzip gives the entries of an archive by their names.
func unzip(t *testing.T, text []byte) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for _, f := range archive.File {
		r := must(f.Open())
		entries[f.Name] = string(must(io.ReadAll(r)))
		_ = r.Close()
	}
	return entries
}

// What is in a release stays as it was, its number runs, and its version follows the
// highest.
func TestReleaseLife(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one").ID
	a := s.publishDocument(t, project, "fees/a", `{"v":1}`)
	s.publishDocument(t, project, "b", `{"v":2}`)
	s.createDocument(t, project, `{"name":"draft","content":{"v":3}}`) // is in no release

	first := s.release(t, project, gen.CreateReleaseRequest{Name: new("Spring"), Status: new("published"), VersionType: new("major")})
	if first.Version != 1 || *first.SemanticVersion != "1.0.0" || first.Status != "published" || *first.Name != "Spring" {
		t.Errorf("%+v", first)
	}
	same := s.release(t, project, gen.CreateReleaseRequest{})
	if same.Version != 2 || same.SemanticVersion != nil || same.Status != "draft" || *same.CommitID != *first.CommitID {
		t.Errorf("%+v", same)
	}
	d := "/api/projects/" + project.String() + "/documents/" + a.ID.String()
	documentOf(t, s, "PUT", d, `{"content":{"v":10},"publish":true}`)
	want(t, 200, must(s.DeleteDocumentsWithResponse(ctx, project, gen.DeleteDocumentsRequest{Ids: []uuid.UUID{s.idAt(t, project, "b")}})))
	s.publishDocument(t, project, "c", `{"v":4}`)
	third := s.release(t, project, gen.CreateReleaseRequest{})

	files := func(id uuid.UUID, diff string) []string {
		t.Helper()
		r := must(s.GetReleaseWithResponse(ctx, project, id, &gen.GetReleaseParams{Diff: (*gen.BooleanText)(&diff)}))
		want(t, 200, r)
		list := []string{}
		for _, f := range *r.JSON200.Files {
			list = append(list, f.Path+" "+f.DiffStatus)
		}
		return list
	}
	for _, c := range []struct {
		id   uuid.UUID
		diff string
		want []string
	}{
		{first.ID, "true", []string{"b added", "fees/a added"}},
		{same.ID, "true", []string{"b unchanged", "fees/a unchanged"}},
		{third.ID, "false", []string{"c added", "fees/a modified"}},
		{third.ID, "true", []string{"c added", "fees/a modified", "b removed"}},
	} {
		if diff := cmp.Diff(c.want, files(c.id, c.diff)); diff != "" {
			t.Error(diff)
		}
	}
	contents := must(s.ListReleaseFilesWithResponse(ctx, project, first.ID))
	want(t, 200, contents)
	if got := string(must(json.Marshal((*contents.JSON200)[1].Content))); got != `{"v":1}` || *(*contents.JSON200)[1].DocumentID != a.ID {
		t.Error("the first release holds", got)
	}
	one := must(s.GetReleaseFileWithResponse(ctx, project, first.ID, (*contents.JSON200)[1].ID))
	want(t, 200, one)
	want(t, 404, must(s.GetReleaseFileWithResponse(ctx, project, third.ID, (*contents.JSON200)[1].ID)))

	versions := []string{}
	for _, bump := range []string{"patch", "minor", "major", "patch"} {
		r := s.release(t, project, gen.CreateReleaseRequest{})
		p := must(s.PublishReleaseWithResponse(ctx, project, r.ID, gen.PublishReleaseRequest{Name: new(bump), VersionType: &bump}))
		want(t, 200, p)
		versions = append(versions, *p.JSON200.SemanticVersion)
		want(t, 409, must(s.PublishReleaseWithResponse(ctx, project, r.ID, gen.PublishReleaseRequest{})))
	}
	if diff := cmp.Diff([]string{"1.0.1", "1.1.0", "2.0.0", "2.0.1"}, versions); diff != "" {
		t.Error(diff)
	}
	changed := must(s.UpdateReleaseWithResponse(ctx, project, first.ID, gen.UpdateReleaseRequest{Description: new("d"), Tags: &[]string{"x"}}))
	want(t, 200, changed)
	if *changed.JSON200.Name != "Spring" || *changed.JSON200.Description != "d" {
		t.Errorf("%+v", changed.JSON200)
	}
	listed := func(p gen.ListReleasesParams) (numbers []float64) {
		r := must(s.ListReleasesWithResponse(ctx, project, &p))
		want(t, 200, r)
		for _, x := range r.JSON200.Results {
			numbers = append(numbers, x.Version)
		}
		return numbers
	}
	for name, c := range map[string]struct {
		params gen.ListReleasesParams
		want   []float64
	}{
		"all":    {gen.ListReleasesParams{}, []float64{7, 6, 5, 4, 3, 2, 1}},
		"drafts": {gen.ListReleasesParams{Status: new("draft")}, []float64{3, 2}},
		"search": {gen.ListReleasesParams{Search: new("SPRI")}, []float64{1}},
		"none":   {gen.ListReleasesParams{Status: new("lost")}, nil},
	} {
		if diff := cmp.Diff(c.want, listed(c.params)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}

	// Of a commit, and of one that there is not.
	again := s.release(t, project, gen.CreateReleaseRequest{CommitID: new(first.CommitID.String())})
	if diff := cmp.Diff([]string{"b added", "fees/a modified"}, files(again.ID, "false")); diff != "" {
		t.Error(diff)
	}
	want(t, 404, must(s.CreateReleaseWithResponse(ctx, project, gen.CreateReleaseRequest{CommitID: new("nowhere")})))
	branches := s.create(t, `{"name":"Two","key":"two","version":"v2"}`)
	if r := must(s.CreateReleaseWithResponse(ctx, branches, gen.CreateReleaseRequest{})); r.StatusCode() != 409 || !strings.Contains(string(r.Body), "branches") {
		t.Error(r.StatusCode(), string(r.Body))
	}

	// Applied, the documents are as they were.
	want(t, 200, must(s.ApplyReleaseWithResponse(ctx, project, gen.ApplyReleaseRequest{ReleaseID: first.ID, Publish: new(true)})))
	if r := s.release(t, project, gen.CreateReleaseRequest{}); *r.CommitID == *first.CommitID { // "c" is there still
		t.Error("apply removed a document")
	}
	if got := s.getDocument(t, project, a.ID); string(must(json.Marshal(got.Published.Content))) != `{"v":1}` || len(got.Versions) != 3 {
		t.Errorf("%+v", got)
	}
}

// idAt is the id of the document at a path.
func (s *server) idAt(t *testing.T, project uuid.UUID, path string) uuid.UUID {
	t.Helper()
	r := must(s.ListDocumentsWithResponse(t.Context(), project, &gen.ListDocumentsParams{Search: &path}))
	want(t, 200, r)
	for _, d := range r.JSON200.Results {
		if d.Path == path {
			return d.ID
		}
	}
	t.Fatal("no document at", path)
	return uuid.Nil
}

// create makes a project of a body.
func (s *server) create(t *testing.T, body string) uuid.UUID {
	t.Helper()
	status, answer, _ := s.raw(t, http.MethodPost, "/api/projects", body)
	var made gen.CreatedProject
	if err := json.Unmarshal([]byte(answer), &made); status != 200 || err != nil {
		t.Fatal(status, answer, err)
	}
	return made.Project.ID
}

// What is downloaded is what is uploaded, to the last byte.
func TestReleaseArchive(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one").ID
	s.publishDocument(t, project, "fees/a", `{"nodes":[],"edges":[],"contentType":"application/vnd.gorules.decision"}`)
	s.publishDocument(t, project, "b.json", `{"v":2}`)
	first := s.release(t, project, gen.CreateReleaseRequest{})
	download := func(id uuid.UUID, mode string) *brmsclient.DownloadReleaseResponse {
		t.Helper()
		r := must(s.DownloadReleaseWithResponse(ctx, project, id, &gen.DownloadReleaseParams{TransferMode: &mode}))
		want(t, 200, r)
		return r
	}
	buffered, streamed := download(first.ID, "buffered"), download(first.ID, "streamed")
	if !bytes.Equal(buffered.Body, streamed.Body) {
		t.Error("the archive depends on how it is sent")
	}
	if got := buffered.HTTPResponse.Header.Get("Content-Disposition"); got != `attachment; filename="one-1.zip"` {
		t.Error(got)
	}
	entries := unzip(t, buffered.Body)
	config := entries[".config/project.json"]
	delete(entries, ".config/project.json")
	if diff := cmp.Diff(map[string]string{
		"fees/a": `{"nodes":[],"edges":[],"contentType":"application/vnd.gorules.decision"}`, "b.json": `{"v":2}`,
	}, entries); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(config, `"project":{"id":"`+project.String()+`","key":"one","name":"One"}`) || !strings.Contains(config, `"release":{"id":"`+first.ID.String()+`","version":"1"`) {
		t.Error(config)
	}
	status, answer := s.upload(t, project, buffered.Body)
	var made gen.Release
	if err := json.Unmarshal([]byte(answer), &made); status != 200 || err != nil || *made.CommitID != *first.CommitID || made.Version != 2 {
		t.Error(status, answer, err)
	}
	if status, answer := s.upload(t, project, archiveOf(t, "a", "1"), archiveOf(t, "b/", "", "b/c", "[]")); status != 200 {
		t.Error(status, answer)
	}
}

// An archive that is not to be trusted is refused, and nothing is made of it.
func TestArchivesRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	long := strings.Repeat("a", 256)
	deep := strings.Repeat("d/", 40) + "a"
	good := archiveOf(t, "a", "{}")
	for name, c := range map[string]struct {
		archive []byte
		code    string
	}{
		"no archive":     {[]byte("a,b\n1,2\n"), "release.archiveInvalid"},
		"cut":            {good[:len(good)-5], "release.archiveInvalid"},
		"damaged":        {bytes.Replace(archiveOf(t, "a", `"`+strings.Repeat("x", 99)+`"`), []byte("PK\x07\x08"), []byte("PK\x07\x09"), 1), ""},
		"up":             {archiveOf(t, "../a", "{}"), "release.pathInvalid"},
		"up within":      {archiveOf(t, "a/../../b", "{}"), "release.pathInvalid"},
		"from the root":  {archiveOf(t, "/etc/passwd", "{}"), "release.pathInvalid"},
		"backslashes":    {archiveOf(t, `..\a`, "{}"), "release.pathInvalid"},
		"drive":          {archiveOf(t, `c:\a`, "{}"), "release.pathInvalid"},
		"NUL":            {archiveOf(t, "a\x00b", "{}"), "release.pathInvalid"},
		"here":           {archiveOf(t, "a/./b", "{}"), "release.pathInvalid"},
		"empty name":     {archiveOf(t, "a//b", "{}"), "release.pathInvalid"},
		"long name":      {archiveOf(t, long, "{}"), "release.pathInvalid"},
		"deep":           {archiveOf(t, deep, "{}"), "release.pathInvalid"},
		"twice":          {archiveOf(t, "a", "1", "a", "2"), "release.fileTwice"},
		"case":           {archiveOf(t, "Fees/A", "1", "fees/a", "2"), "release.fileCase"},
		"file in a file": {archiveOf(t, "a", "1", "A/b", "2"), "release.fileInFile"},
		"no JSON":        {archiveOf(t, "a.txt", "hello"), "release.fileInvalid"},
		"empty":          {archiveOf(t, "a", ""), "release.fileInvalid"},
		"link":           {link(t), "release.fileInvalid"},
		"large":          {archiveOf(t, "a", `"`+strings.Repeat("x", 17<<20)+`"`), "release.tooLarge"},
		"bomb":           {bomb(t, 9, 15<<20), "release.tooLarge"},
		"bomb that lies": {liar(t), "release."},
		"many":           {many(t, 10_001), "release.tooManyFiles"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := s.upload(t, project, c.archive)
			if c.code == "" {
				if status >= 500 {
					t.Error(status, answer)
				}
				return
			}
			if status != 400 || !strings.Contains(answer, `"code":"`+c.code) {
				t.Error(status, answer)
			}
		})
	}
	if status, answer := s.upload(t, project, archiveOf(t, "a", "1"), archiveOf(t, "a", "2")); status != 400 || !strings.Contains(answer, "release.fileTwice") {
		t.Error(status, answer)
	}
}

// link is an archive with a symbolic link.
func link(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	h := &zip.FileHeader{Name: "a"}
	h.SetMode(0o777 | 1<<27) // fs.ModeSymlink
	must(must(archive.CreateHeader(h)).Write([]byte("/etc/passwd")))
	_ = archive.Close()
	return out.Bytes()
}

// bomb is an archive of files that are far longer than it.
func bomb(t *testing.T, files, size int) []byte {
	t.Helper()
	entries := []string{}
	text := `"` + strings.Repeat("0", size-2) + `"`
	for i := range files {
		entries = append(entries, fmt.Sprintf("f%d", i), text)
	}
	return archiveOf(t, entries...)
}

// liar is an archive with a file that says it is short, and is not.
func liar(t *testing.T) []byte {
	t.Helper()
	var packed bytes.Buffer
	inner := zip.NewWriter(&packed)
	text := []byte(`"` + strings.Repeat("0", 20<<20) + `"`)
	must(must(inner.Create("x")).Write(text))
	_ = inner.Close()
	from := must(zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len())))
	raw := must(io.ReadAll(must(from.File[0].OpenRaw())))
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	w := must(archive.CreateRaw(&zip.FileHeader{
		Name: "a", Method: zip.Deflate, CompressedSize64: uint64(len(raw)), UncompressedSize64: 10, CRC32: crc32.ChecksumIEEE(text),
	}))
	must(w.Write(raw))
	_ = archive.Close()
	return out.Bytes()
}

func many(t *testing.T, n int) []byte {
	t.Helper()
	entries := make([]string, 0, 2*n)
	for i := range n {
		entries = append(entries, fmt.Sprintf("f%d", i), "1")
	}
	return archiveOf(t, entries...)
}

// A release of ten thousand files is made.
func TestStoreReleaseOfManyFiles(t *testing.T) {
	t.Parallel()
	s := start(t)
	project := s.createProject(t, "One", "one").ID
	status, answer := s.upload(t, project, many(t, 10_000))
	if status != 200 {
		t.Fatal(status, answer)
	}
	var made gen.Release
	if err := json.Unmarshal([]byte(answer), &made); err != nil {
		t.Fatal(err)
	}
	r := must(s.GetReleaseWithResponse(t.Context(), project, made.ID, nil))
	want(t, 200, r)
	if len(*r.JSON200.Files) != 10_000 {
		t.Error(len(*r.JSON200.Files))
	}
}

// An environment's whole life: types, keys, approvals, deployments to it.
func TestEnvironmentLife(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one").ID
	group := must(s.CreateGroupWithResponse(ctx, project, gen.GroupRequest{Name: "Approvers", Permissions: []string{"releases:deploy"}}))
	want(t, 200, group)
	staging := s.environment(t, project, gen.CreateEnvironmentRequest{Name: "Staging 1", Type: "brms"})
	if staging.Key != "staging-1" || staging.ApprovalMode != "none" || staging.WorkflowOrder != 1 || staging.ReleaseID != nil ||
		!strings.HasPrefix(staging.AccessToken, "ust_") || staging.Project.Key != "one" || len(staging.ApprovalGroups) != 0 {
		t.Errorf("%+v", staging)
	}
	guarded := s.environment(t, project, gen.CreateEnvironmentRequest{
		Name: "Production", Type: "brms", Key: new("Production"), ApprovalMode: new("require_any"), ApprovalGroups: &[]uuid.UUID{group.JSON200.ID, group.JSON200.ID},
	})
	if guarded.Key != "Production" || !guarded.RequiredReviewers || len(guarded.ApprovalGroups) != 1 || guarded.ApprovalGroups[0].Name != "Approvers" || guarded.AccessToken == staging.AccessToken {
		t.Errorf("%+v", guarded)
	}
	want(t, 409, must(s.CreateEnvironmentWithResponse(ctx, project, gen.CreateEnvironmentRequest{Name: "x", Type: "brms", Key: new("Production")})))
	want(t, 409, must(s.CreateEnvironmentWithResponse(ctx, project, gen.CreateEnvironmentRequest{Name: "x", Type: "brms", ApprovalGroups: &[]uuid.UUID{project}})))
	want(t, 409, must(s.CreateEnvironmentWithResponse(ctx, project, gen.CreateEnvironmentRequest{Name: "x", Type: "deployment", DeploymentID: &project})))

	// As the Terraform provider sends it: with a type, which is ignored.
	status, answer, _ := s.raw(t, "PUT", "/api/projects/"+project.String()+"/environments/"+staging.ID.String(),
		`{"name":"Staging2","key":"staging","type":"deployment","approvalMode":"none","approvalGroups":[]}`)
	if status != 200 || !strings.Contains(answer, `"type":"brms"`) || !strings.Contains(answer, `"key":"staging"`) {
		t.Error(status, answer)
	}

	s.publishDocument(t, project, "a", `{"v":1}`)
	first := s.release(t, project, gen.CreateReleaseRequest{})
	second := s.release(t, project, gen.CreateReleaseRequest{})
	deploy := func(r gen.Release, e gen.Environment, status int) *brmsclient.DeployReleaseResponse {
		t.Helper()
		d := must(s.DeployReleaseWithResponse(ctx, project, gen.DeployReleaseRequest{ReleaseID: r.ID, EnvironmentID: e.ID, Comment: new("now")}))
		want(t, status, d)
		return d
	}
	inUse := func(e gen.Environment) string {
		t.Helper()
		list := must(s.ListEnvironmentsWithResponse(ctx, project))
		want(t, 200, list)
		for _, x := range *list.JSON200 {
			if x.ID == e.ID && x.ReleaseID != nil {
				return x.ReleaseID.String()
			}
		}
		return ""
	}
	want(t, 409, must(s.UndeployEnvironmentWithResponse(ctx, project, staging.ID)))
	deploy(first, staging, 200)
	deploy(second, staging, 200)
	deploy(first, staging, 200) // rolled back
	if inUse(staging) != first.ID.String() {
		t.Error(inUse(staging))
	}
	want(t, 409, must(s.DeleteEnvironmentWithResponse(ctx, project, staging.ID)))
	list := must(s.ListRunsWithResponse(ctx, project, nil))
	want(t, 200, list)
	run := list.JSON200.Results[0]
	if list.JSON200.Paginate.Total != 3 || run.Status != "completed" || run.CompletedAt == nil || run.ReleaseID != first.ID || run.Jobs[0].Status != "completed" ||
		*run.Jobs[0].PreviousReleaseID != second.ID || run.Jobs[0].Environment.Key != "staging" || run.Jobs[0].Event != "deploy" {
		t.Errorf("%+v", run)
	}
	want(t, 200, must(s.GetRunWithResponse(ctx, project, run.ID)))
	want(t, 200, must(s.UndeployEnvironmentWithResponse(ctx, project, staging.ID)))
	want(t, 200, must(s.DeleteEnvironmentWithResponse(ctx, project, staging.ID)))
	want(t, 404, must(s.DeleteEnvironmentWithResponse(ctx, project, staging.ID)))
	want(t, 200, must(s.GetRunWithResponse(ctx, project, run.ID))) // of what is gone

	// What asks for approval waits.
	waits := deploy(first, guarded, 202)
	if waits.JSON202.Status != "pending" || waits.JSON202.Type != "deploy" || waits.JSON202.Environment.Name != "Production" || inUse(guarded) != "" {
		t.Errorf("%+v", waits.JSON202)
	}
	shown := must(s.ListReleasesWithResponse(ctx, project, nil))
	want(t, 200, shown)
	if requests := *shown.JSON200.Results[1].ChangeRequests; len(requests) != 1 || requests[0].ID != waits.JSON202.ID {
		t.Errorf("%+v", requests)
	}
	// A group that is gone approves no more.
	want(t, 200, must(s.DeleteGroupWithResponse(ctx, project, group.JSON200.ID)))
	after := must(s.ListEnvironmentsWithResponse(ctx, project))
	want(t, 200, after)
	if e := (*after.JSON200)[0]; len(e.ApprovalGroups) != 0 || len(e.ChangeRequests) != 1 {
		t.Errorf("%+v", e)
	}
}

// Taking a release to a storage lasts a while by the workspace's clock, in which no other
// can begin.
func TestDeploymentLife(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx := t.Context()
	project := s.createProject(t, "One", "one").ID
	status, answer, _ := s.raw(t, "POST", "/api/deployments", `{"name":"Bucket","provider":"aws_s3","configuration":{"bucket":"b"},"secrets":{"accessKey":"sesame-open"}}`)
	var to gen.Deployment
	if err := json.Unmarshal([]byte(answer), &to); status != 200 || err != nil || strings.Contains(answer, "sesame") {
		t.Fatal(status, answer, err)
	}
	changed := must(s.UpdateDeploymentWithResponse(ctx, to.ID, gen.UpdateDeploymentRequest{Name: "Other"}))
	want(t, 200, changed)
	if changed.JSON200.Name != "Other" || changed.JSON200.Provider != "aws_s3" || changed.JSON200.Configuration != nil {
		t.Errorf("%+v", changed.JSON200)
	}
	all := must(s.ListDeploymentsWithResponse(ctx))
	want(t, 200, all)
	if len(*all.JSON200) != 1 {
		t.Errorf("%+v", all.JSON200)
	}
	e := s.environment(t, project, gen.CreateEnvironmentRequest{Name: "Cloud", Type: "deployment", DeploymentID: &to.ID})
	if e.Deployment.Name != "Other" {
		t.Errorf("%+v", e)
	}
	r := s.release(t, project, gen.CreateReleaseRequest{})
	deploy := gen.DeployReleaseRequest{ReleaseID: r.ID, EnvironmentID: e.ID}
	state := func() string {
		t.Helper()
		list := must(s.ListRunsWithResponse(ctx, project, nil))
		want(t, 200, list)
		environments := must(s.ListEnvironmentsWithResponse(ctx, project))
		want(t, 200, environments)
		run := list.JSON200.Results[0]
		return fmt.Sprint(run.Status, ", job ", run.Jobs[0].Status, ", deployed ", (*environments.JSON200)[0].ReleaseID != nil)
	}
	want(t, 200, must(s.DeployReleaseWithResponse(ctx, project, deploy)))
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{0, "in_progress, job not_started, deployed false"}, {time.Second, "in_progress, job in_progress, deployed false"}, {4 * time.Second, "completed, job completed, deployed true"}} {
		s.clock.advance(c.after)
		if got := state(); got != c.want {
			t.Errorf("after %v: %s", c.after, got)
		}
		if !strings.HasPrefix(c.want, "completed") {
			want(t, 409, must(s.DeployReleaseWithResponse(ctx, project, deploy)))
			want(t, 409, must(s.UndeployEnvironmentWithResponse(ctx, project, e.ID)))
			wantError(t, 409, "environment.deploying", must(s.DeleteEnvironmentWithResponse(ctx, project, e.ID)))
		}
	}
	want(t, 409, must(s.DeleteEnvironmentWithResponse(ctx, project, e.ID)))
	want(t, 200, must(s.UndeployEnvironmentWithResponse(ctx, project, e.ID)))
	s.clock.advance(time.Minute)
	if got := state(); got != "completed, job completed, deployed false" {
		t.Error(got)
	}
	want(t, 200, must(s.DeleteEnvironmentWithResponse(ctx, project, e.ID)))
}
