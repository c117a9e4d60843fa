package brms

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// DeployRelease deploys a release to an environment, or asks for it. A draft can be
// deployed: it is for testing.
func (a *API) DeployRelease(ctx context.Context, request brms.DeployReleaseRequestObject) (brms.DeployReleaseResponseObject, error) {
	body, project := request.Body, request.ProjectID
	return writing(ctx, a, func(w *work) (brms.DeployReleaseResponseObject, error) {
		r, err := releases.at(w, project, body.ReleaseID)
		if err != nil {
			return nil, err
		}
		e, err := environments.at(w, project, body.EnvironmentID)
		if err != nil {
			return nil, err
		}
		if _, err := settled(w, e.Value); err != nil {
			return nil, err
		}
		if asksApproval(e.Value.ApprovalMode) {
			view, err := requestChange(w, changeRequest{Type: requestDeploy, Environment: e.ID, Release: r.ID, Comment: body.Comment}, project)
			return brms.DeployRelease202JSONResponse(view), err
		}
		return brms.DeployRelease200JSONResponse{Status: statusOK}, carryOut(w, project, e, r.ID, body.Comment)
	})
}

// ApplyRelease writes the files of a release into the documents of its project, each as
// a new version unless its newest has that content. To publish them is asked for where the
// project wants approval.
func (a *API) ApplyRelease(ctx context.Context, request brms.ApplyReleaseRequestObject) (brms.ApplyReleaseResponseObject, error) {
	_, err := writing(ctx, a, func(w *work) (struct{}, error) {
		r, err := releases.at(w, request.ProjectID, request.Body.ReleaseID)
		if err != nil {
			return struct{}{}, err
		}
		if _, err := releasable(w, request.ProjectID); err != nil {
			return struct{}{}, err
		}
		files, err := filesOf(w, &r.Value)
		for i := 0; err == nil && i < len(files); i++ {
			err = applyFile(w, request.ProjectID, &files[i], or(request.Body.Publish, false))
		}
		return struct{}{}, err
	})
	return brms.ApplyRelease200JSONResponse{Status: statusOK}, err
}

// applyFile makes a file of a release the newest version of its document.
func applyFile(w *work, project uuid.UUID, f *releaseFile, publishing bool) error {
	found, err := documents.ifBy(w, indexPath, pathKey(project.String(), f.Path))
	if err != nil {
		return err
	}
	var d storage.Item[document]
	if found == nil {
		names := strings.Split(f.Path, "/")
		in, err := makeFolders(w, project, storage.Item[document]{}, names[:len(names)-1])
		if err != nil {
			return err
		}
		if d, err = documents.insert(w, document{
			Name: names[len(names)-1], Type: "f", Path: f.Path, Folder: in.ID, ContentType: &f.ContentType,
		}, project); err != nil {
			return err
		}
	} else if d = *found; d.Value.Type == folder {
		return site.Conflict("release.pathTaken", "A folder of the project has the path of a file of the release: "+f.Path)
	}
	if d.Value.Hash != f.Hash || d.Value.Newest == "" {
		if d, err = insertVersion(w, d, version{Hash: f.Hash, Size: f.Size}); err != nil {
			return err
		}
	}
	if publishing {
		_, _, err = publishOrAsk(w, d, changeRequest{Type: requestPublish})
	}
	return err
}

// UploadRelease makes a release of the files in archives.
func (a *API) UploadRelease(ctx context.Context, request brms.UploadReleaseRequestObject) (brms.UploadReleaseResponseObject, error) {
	uploaded, free, err := a.readUpload(ctx, request.Body)
	if err != nil {
		return nil, err
	}
	defer free()
	made, err := releases.write(ctx, a, func(w *work) (made storage.Item[release], err error) {
		if _, err := releasable(w, request.ProjectID); err != nil {
			return made, err
		}
		files := make([]releaseFile, len(uploaded))
		for i, u := range uploaded {
			files[i] = releaseFile{Path: u.path, ContentType: decisionType, Size: len(u.content)}
			if files[i].Hash, err = w.PutBlob(u.content); err != nil {
				return made, err
			}
		}
		if made, err = makeRelease(w, request.ProjectID, release{Status: releaseDraft}, files, w.NewID()); err != nil {
			return made, err
		}
		return made, tellRelease(w, made, eventReleaseCreated)
	})
	return brms.UploadRelease200JSONResponse(made), err
}

// uploadedFile is a file of an archive that was uploaded.
type uploadedFile struct {
	path    string
	content []byte
}

// inPathOrder sorts files and finds two that cannot be in one release.
func inPathOrder(files []uploadedFile) error {
	slices.SortFunc(files, func(a, b uploadedFile) int { return strings.Compare(a.path, b.path) })
	seen := make(map[string]string, len(files)) // paths by how they read without regard to case
	for _, f := range files {
		folded := strings.ToLower(f.path)
		if other, taken := seen[folded]; taken {
			if other == f.path {
				return unfit("release.fileTwice", "The archive has a file twice: "+f.path)
			}
			return unfit("release.fileCase", "The archive has files whose names differ in case alone: "+other+", "+f.path)
		}
		seen[folded] = f.path
	}
	for _, f := range files {
		folded := strings.ToLower(f.path)
		for i := range len(folded) {
			if folded[i] != '/' {
				continue
			}
			if _, isFile := seen[folded[:i]]; isFile {
				return unfit("release.fileInFile", "The archive has a file below another: "+f.path)
			}
		}
	}
	return nil
}
