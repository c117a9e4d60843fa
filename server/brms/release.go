package brms

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// release is what is stored of a release. Its files are in a blob, so that no list reads
// them, and their contents in others.
type release struct {
	authors

	Name        *string  `json:"name,omitempty"`
	Description *string  `json:"description,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	// Version is its running number within the project.
	Version int64 `json:"version"`
	// Semantic is its major, minor and patch version; nil for a draft.
	Semantic *[3]int64 `json:"semantic,omitempty"`
	Status   string    `json:"status"`
	Commit   string    `json:"commit"` // identifies the content, see commitOf
	Files    string    `json:"files"`  // the hash of the blob with its []releaseFile
}

// semanticVersion is the version as it is shown; nil for a draft.
func (r *release) semanticVersion() *string {
	if r.Semantic == nil {
		return nil
	}
	text := fmt.Sprintf("%d.%d.%d", r.Semantic[0], r.Semantic[1], r.Semantic[2])
	return &text
}

// releaseFile is a file of a release.
type releaseFile struct {
	ID          string `json:"id"`
	Path        string `json:"path"`
	ContentType string `json:"contentType"`
	Hash        string `json:"hash"`
	Size        int    `json:"size"`
	Document    string `json:"document,omitempty"` // what it was made of
	Version     string `json:"version,omitempty"`
	// How it stands to the file of the same path in the release before.
	Diff            string `json:"diff"`
	PreviousRelease string `json:"previousRelease,omitempty"`
	Previous        string `json:"previous,omitempty"`
}

const releaseKind = "brms.release"

// The statuses of a release.
const (
	releaseDraft     = "draft"
	releasePublished = "published"
)

// How a file differs from that of the release before.
const (
	diffAdded     = "added"
	diffModified  = "modified"
	diffUnchanged = "unchanged"
	diffRemoved   = "removed"
)

const (
	indexStatus   = "status"
	indexSemantic = "semantic"
	indexCommit   = "commit"
	indexNumber   = "number"
)

var releases = resource[release, brms.Release]{
	code: "release", noun: "Release", in: &projects,
	records: storage.Collection[release]{
		Kind: releaseKind,
		Indexes: []storage.Index{
			{Name: indexSearch, Searched: true}, {Name: indexStatus}, {Name: indexSemantic}, {Name: indexCommit}, {Name: indexNumber},
		},
		Keys: func(m storage.Meta, r release) []storage.Key {
			keys := []storage.Key{
				{Index: indexSearch, Value: strings.ToLower(or(r.Name, ""))},
				{Index: indexStatus, Value: m.Parent + "\x00" + r.Status},
				{Index: indexCommit, Value: m.Parent + "\x00" + r.Commit},
				{Index: indexNumber, Value: m.Parent + "\x00" + strconv.FormatInt(r.Version, 10), Unique: true},
			}
			if v := r.Semantic; v != nil {
				keys = append(keys, storage.Key{Index: indexSemantic, Value: semanticKey(m.Parent, *v), Unique: true})
			}
			return keys
		},
	},
	view: func(tx storage.ReadTx, r storage.Item[release]) (brms.Release, error) {
		return brms.Release{
			ID: uuid.MustParse(r.ID), CreatedAt: timestamp(r.Created), ProjectID: uuid.MustParse(r.Parent), DeletedAt: deletedAt(r.Deleted),
			Name: r.Value.Name, Description: r.Value.Description, Version: float64(r.Value.Version),
			SemanticVersion: r.Value.semanticVersion(), Status: r.Value.Status,
			CreatedByID: userView(tx, r.Value.CreatedBy).ID, CommitID: optionalID(r.Value.Commit),
		}, nil
	},
}

// semanticKey is a version in the order of versions.
func semanticKey(project string, v [3]int64) string {
	return fmt.Sprintf("%s\x00%019d.%019d.%019d", project, v[0], v[1], v[2])
}

// releaseNumbers is the sequence of the running numbers of a project's releases.
func releaseNumbers(project string) string { return "brms.release/" + project }

// commitOf identifies what files hold: two sets of files with the same content have the
// same. Projects of version v1 have no other commits.
func commitOf(project string, files []releaseFile) string {
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%q %q %s\n", f.Path, f.ContentType, f.Hash)
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, append([]byte("understudy commit "+project+" "), hex.EncodeToString(sum.Sum(nil))...)).String()
}

// current are the files of which a release of the project would be made now, and the
// commit that they are.
func current(tx storage.ReadTx, project string) (files []releaseFile, commit string, err error) {
	found, err := published(tx, project)
	if err != nil {
		return nil, "", err
	}
	files = make([]releaseFile, len(found))
	for i, d := range found {
		files[i] = releaseFile{Path: d.Path, ContentType: d.ContentType, Hash: d.Hash, Size: d.Size, Document: d.ID, Version: d.Version}
	}
	slices.SortFunc(files, func(a, b releaseFile) int { return cmp.Compare(a.Path, b.Path) })
	return files, commitOf(project, files), nil
}

// filesOf are the files of a release, in the order of their paths.
func filesOf(tx storage.ReadTx, r *release) ([]releaseFile, error) { return listedFiles(tx, r.Files) }

// listedFiles are the files of a list that the store has, by the hash of it.
func listedFiles(tx storage.ReadTx, hash string) (files []releaseFile, err error) {
	text, err := tx.Blob(hash)
	if err == nil {
		err = json.Unmarshal(text, &files)
	}
	return files, err
}

// newest is the release of a project that was made last; nil if there is none.
func newest(tx storage.ReadTx, project string) (*storage.Item[release], error) {
	return releases.first(tx, storage.Query{Parent: &project, Descending: true})
}

// makeRelease makes a release of files, which are in the order of their paths, with the
// next number unless it has one.
func makeRelease(w *work, project uuid.UUID, r release, files []releaseFile, id string) (made storage.Item[release], err error) {
	if r, err = compose(w, project, r, files, id); err != nil {
		return made, err
	}
	return releases.insertAs(w, id, r, project)
}

// compose gives a release its files, and tells how they differ from those before.
func compose(w *work, project uuid.UUID, r release, files []releaseFile, id string) (release, error) {
	var before map[string]releaseFile
	last, err := newest(w, project.String())
	if err != nil {
		return r, err
	}
	if last != nil {
		if before, err = byPath(w, &last.Value); err != nil {
			return r, err
		}
	}
	for i := range files {
		f := &files[i]
		f.ID, f.Diff = derivedID(w.Workspace(), "file of release "+id+" "+f.Path).String(), diffAdded
		if old, was := before[f.Path]; was {
			f.PreviousRelease, f.Previous, f.Diff = last.ID, old.ID, diffModified
			if old.Hash == f.Hash {
				f.Diff = diffUnchanged
			}
		}
	}
	text, err := json.Marshal(files)
	if err != nil {
		return r, err
	}
	if r.Files, err = w.PutBlob(text); err != nil {
		return r, err
	}
	if r.Version == 0 {
		if r.Version, err = w.Next(releaseNumbers(project.String())); err != nil {
			return r, err
		}
	}
	r.Commit = commitOf(project.String(), files)
	return r, nil
}

func byPath(tx storage.ReadTx, r *release) (map[string]releaseFile, error) {
	files, err := filesOf(tx, r)
	found := make(map[string]releaseFile, len(files))
	for _, f := range files {
		found[f.Path] = f
	}
	return found, err
}

// follow gives a draft the version that follows the highest of the project.
func (r *release) follow(tx storage.ReadTx, project, bump string) error {
	highest, err := releases.first(tx, storage.Query{Parent: &project, Index: indexSemantic, Prefix: project + "\x00", Descending: true})
	if err != nil {
		return err
	}
	v := [3]int64{1, 0, 0}
	if highest != nil {
		v = *highest.Value.Semantic
		switch bump {
		case "major":
			v = [3]int64{v[0] + 1}
		case "minor":
			v = [3]int64{v[0], v[1] + 1}
		default:
			v[2]++
		}
	}
	r.Semantic, r.Status = &v, releasePublished
	return nil
}

// releasable is a project; one whose releases are made of branches, which are not
// served, is refused.
func releasable(tx storage.ReadTx, id uuid.UUID) (storage.Item[project], error) {
	p, err := projects.at(tx, id)
	if err == nil && p.Value.Version == "v2" {
		return p, site.Conflict("release.branchesNotServed", "A release of a v2 project is made of a branch, and branches are not served yet")
	}
	return p, err
}

// errNoCommit refuses a commit that a project has not.
var errNoCommit = site.NotFound("commit.notFound", "Commit not found")

// CreateRelease makes a release of what is published, or of a commit.
func (a *API) CreateRelease(ctx context.Context, request brms.CreateReleaseRequestObject) (brms.CreateReleaseResponseObject, error) {
	body, project := request.Body, request.ProjectID
	made, err := releases.write(ctx, a, func(w *work) (made storage.Item[release], err error) {
		p, err := releasable(w, project)
		if err != nil {
			return made, err
		}
		set, err := mainSet(w, p)
		if err == nil && body.CommitID != nil {
			set, err = commitSet(w, set, *body.CommitID)
		}
		if err == nil {
			err = set.read(w)
		}
		if err != nil {
			return made, err
		}
		r := release{Name: body.Name, Description: body.Description, Status: releaseDraft}
		if or(body.Status, releaseDraft) == releasePublished {
			if err := r.follow(w, project.String(), or(body.VersionType, "patch")); err != nil {
				return made, err
			}
		}
		if made, err = makeRelease(w, project, r, set.files, w.NewID()); err != nil {
			return made, err
		}
		return made, tellRelease(w, made, eventReleaseCreated)
	})
	return brms.CreateRelease200JSONResponse(made), err
}

// tellRelease tells the webhooks what became of a release.
func tellRelease(w *work, r storage.Item[release], what string) error {
	view, err := releases.view(w, r)
	if err != nil {
		return err
	}
	target := "release:" + strconv.FormatInt(r.Value.Version, 10)
	return tellAt(w, w.Now(), r.Parent, what, target, view)
}

// ListReleases lists a page of a project's releases; a search looks at names.
func (a *API) ListReleases(ctx context.Context, request brms.ListReleasesRequestObject) (brms.ListReleasesResponseObject, error) {
	p := request.Params
	q := asked{page: p.Page, perPage: p.PerPage, search: p.Search}
	if p.Status != nil {
		q.where = append(q.where, storage.Condition{Index: indexStatus, In: []string{request.ProjectID.String() + "\x00" + *p.Status}})
	}
	found, err := releases.listWith(ctx, a, q, withRequests, request.ProjectID)
	return brms.ListReleases200JSONResponse(found), err
}

// withRequests is a release with the change requests that wait.
func withRequests(tx storage.ReadTx, r storage.Item[release]) (brms.Release, error) {
	view, err := releases.view(tx, r)
	if err != nil {
		return view, err
	}
	waiting, err := waiting(tx, r.ID)
	view.ChangeRequests = &waiting
	return view, err
}

// GetRelease reads a release with its files; with "diff", those that the release before
// had and this one has not, too.
func (a *API) GetRelease(ctx context.Context, request brms.GetReleaseRequestObject) (brms.GetReleaseResponseObject, error) {
	found, err := reading(ctx, a, func(tx storage.ReadTx) (view brms.Release, err error) {
		r, err := releases.at(tx, request.ProjectID, request.ReleaseID)
		if err != nil {
			return view, err
		}
		if view, err = withRequests(tx, r); err != nil {
			return view, err
		}
		files, err := filesOf(tx, &r.Value)
		if err != nil {
			return view, err
		}
		shown := make([]brms.ReleaseFile, 0, len(files))
		for i := range files {
			shown = append(shown, files[i].view(r))
		}
		if truth(request.Params.Diff) {
			gone, err := removed(tx, r, files)
			if err != nil {
				return view, err
			}
			shown = append(shown, gone...)
		}
		user := userView(tx, r.Value.CreatedBy)
		view.Files = &shown
		view.CreatedBy = &brms.ReleaseUser{ID: user.ID, Email: user.Email, FirstName: user.FirstName, LastName: user.LastName, Type: "self", Status: "active"}
		return view, nil
	})
	return brms.GetRelease200JSONResponse(found), err
}

// removed are the files that the release before had and this one has not.
func removed(tx storage.ReadTx, r storage.Item[release], files []releaseFile) ([]brms.ReleaseFile, error) {
	before, err := releases.ifBy(tx, indexNumber, r.Parent+"\x00"+strconv.FormatInt(r.Value.Version-1, 10))
	if before == nil {
		return nil, err
	}
	old, err := filesOf(tx, &before.Value)
	var gone []brms.ReleaseFile
	for i := range old {
		if _, has := slices.BinarySearchFunc(files, old[i].Path, func(f releaseFile, path string) int { return cmp.Compare(f.Path, path) }); !has {
			f := old[i]
			f.PreviousRelease, f.Previous, f.Diff = before.ID, f.ID, diffRemoved
			gone = append(gone, f.view(*before))
		}
	}
	return gone, err
}

// view is a file without its content.
func (f *releaseFile) view(of storage.Item[release]) brms.ReleaseFile {
	return brms.ReleaseFile{
		ID: uuid.MustParse(f.ID), Path: f.Path, ReleaseID: uuid.MustParse(of.ID), Name: path.Base(f.Path), ContentType: f.ContentType,
		ContentHash: f.Hash, VersionID: optionalID(f.Version), CreatedAt: timestamp(of.Created), DiffStatus: f.Diff,
		PreviousReleaseID: optionalID(f.PreviousRelease), PreviousID: optionalID(f.Previous),
	}
}

// whole is a file with its content.
func (f *releaseFile) whole(tx storage.ReadTx, of storage.Item[release]) (brms.ReleaseFile, error) {
	view := f.view(of)
	text, err := tx.Blob(f.Hash)
	view.Content, view.DocumentID = json.RawMessage(text), optionalID(f.Document)
	return view, err
}

// ListReleaseFiles lists the files of a release with their content.
func (a *API) ListReleaseFiles(ctx context.Context, request brms.ListReleaseFilesRequestObject) (brms.ListReleaseFilesResponseObject, error) {
	found, err := a.readFiles(ctx, request.ProjectID, request.ReleaseID, func(*releaseFile) bool { return true })
	return brms.ListReleaseFiles200JSONResponse(found), err
}

// GetReleaseFile reads a file of a release with its content.
func (a *API) GetReleaseFile(ctx context.Context, request brms.GetReleaseFileRequestObject) (brms.GetReleaseFileResponseObject, error) {
	found, err := a.readFiles(ctx, request.ProjectID, request.ReleaseID, func(f *releaseFile) bool { return f.ID == request.FileID.String() })
	if err == nil && len(found) == 0 {
		return nil, site.NotFound("release.fileNotFound", "File not found")
	}
	if err != nil {
		return nil, err
	}
	return brms.GetReleaseFile200JSONResponse(found[0]), nil
}

func (a *API) readFiles(ctx context.Context, project, id uuid.UUID, wanted func(*releaseFile) bool) ([]brms.ReleaseFile, error) {
	return reading(ctx, a, func(tx storage.ReadTx) ([]brms.ReleaseFile, error) {
		r, err := releases.at(tx, project, id)
		if err != nil {
			return nil, err
		}
		files, err := filesOf(tx, &r.Value)
		shown := []brms.ReleaseFile{}
		for i := range files {
			if !wanted(&files[i]) {
				continue
			}
			view, err := files[i].whole(tx, r)
			if err != nil {
				return nil, err
			}
			shown = append(shown, view)
		}
		return shown, err
	})
}

// UpdateRelease changes what a release is called; what is left out stays, and what is
// null is taken away.
func (a *API) UpdateRelease(ctx context.Context, request brms.UpdateReleaseRequestObject) (brms.UpdateReleaseResponseObject, error) {
	body, text := request.Body, site.BodyFrom(ctx)
	given := func(member string) bool { return bodyMember(text, member) != nil }
	changed, err := releases.change(ctx, a, func(r *release) error {
		if given("name") {
			r.Name = body.Name
		}
		if given("description") {
			r.Description = body.Description
		}
		if given("tags") {
			r.Tags = or(body.Tags, nil)
		}
		return nil
	}, request.ProjectID, request.ReleaseID)
	return brms.UpdateRelease200JSONResponse(changed), err
}

// PublishRelease gives a draft its version.
func (a *API) PublishRelease(ctx context.Context, request brms.PublishReleaseRequestObject) (brms.PublishReleaseResponseObject, error) {
	body, project := request.Body, request.ProjectID
	changed, err := releases.write(ctx, a, func(w *work) (storage.Item[release], error) {
		done, err := releases.update(w, func(r *release) error {
			if r.Status == releasePublished {
				return site.Conflict("release.published", "The release is published already")
			}
			r.Name, r.Description = cmp.Or(body.Name, r.Name), cmp.Or(body.Description, r.Description)
			return r.follow(w, project.String(), or(body.VersionType, "patch"))
		}, project, request.ReleaseID)
		if err != nil {
			return done, err
		}
		return done, tellRelease(w, done, eventReleasePublished)
	})
	return brms.PublishRelease200JSONResponse(changed), err
}
