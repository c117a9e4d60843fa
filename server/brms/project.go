package brms

import (
	"context"
	"strconv"
	"strings"

	"github.com/google/uuid"
	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/storage"
)

// project is what is remembered of a project.
type project struct {
	Name      string `json:"name"`
	Key       string `json:"key"`
	Version   string `json:"version"`
	Protected bool   `json:"protected"`
}

const (
	indexKey    = "key"
	indexSearch = "search"
)

// projects holds the projects of a workspace. Their keys are unique among the
// living, and searched by name without regard to case.
var projects = storage.Collection[project]{
	Kind:    "brms.project",
	Indexes: []storage.Index{{Name: indexKey}, {Name: indexSearch, Searched: true}},
	Keys: func(_ storage.Meta, p project) []storage.Key {
		return []storage.Key{
			{Index: indexKey, Value: p.Key, Unique: true},
			{Index: indexSearch, Value: strings.ToLower(p.Name)},
		}
	},
}

func errProjectNotFound() error {
	return contract.NotFound("project.notFound", "Project not found")
}

func errProjectKeyTaken() error {
	return contract.Conflict("project.keyTaken", "A project with this key already exists")
}

// projectError words what the store said about a project.
func projectError(err error) error {
	switch {
	case storage.IsNotFound(err):
		return errProjectNotFound()
	case storage.IsConflict(err):
		return errProjectKeyTaken()
	}
	return err
}

func projectView(workspace string, p storage.Item[project]) brms.Project {
	mode := "none"
	return brms.Project{
		ID: uuid.MustParse(p.ID), Name: p.Value.Name, Key: p.Value.Key,
		OrganisationID: derivedID(workspace, "organisation"),
		Version:        p.Value.Version, Protected: p.Value.Protected,
		CreatedAt: timestamp(p.Created), UpdatedAt: timestamp(p.Updated), DeletedAt: deletedAt(p.Deleted),
		DecisionsApprovalMode: &mode, DecisionsApprovalGroups: []brms.ApprovalGroup{},
	}
}

// owner is the one member that a project of an open workspace has: its caller.
func owner(workspace string, p storage.Item[project]) []brms.ProjectMember {
	return []brms.ProjectMember{{
		ID: derivedID(workspace, "member "+p.ID), Owner: true,
		User: brms.ProjectUser{ID: derivedID(workspace, "user"), Email: "owner@example.com"},
	}}
}

// ListProjects lists a page of projects, newest first; a search lists by name.
// Every caller of an open workspace is its owner, so that "all" adds nothing.
func (a *API) ListProjects(ctx context.Context, request brms.ListProjectsRequestObject) (brms.ListProjectsResponseObject, error) {
	paging := newPaging(request.Params.Page, request.Params.PerPage)
	query := storage.Query{
		Deleted: truth(request.Params.Deleted), Descending: true,
		Offset: paging.offset(), Limit: paging.perPage,
	}
	search(&query, request.Params.Search)
	workspace := contract.PrincipalFrom(ctx).Workspace
	page := brms.ProjectPage{Results: []brms.Project{}}
	err := a.store.View(ctx, workspace, func(tx storage.ReadTx) error {
		found, err := projects.List(tx, query)
		if err != nil {
			return err
		}
		for _, p := range found.Items {
			view := projectView(workspace, p)
			members := owner(workspace, p)
			view.Members = &members
			page.Results = append(page.Results, view)
		}
		page.Paginate = paging.envelope(len(found.Items), found.Total)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return brms.ListProjects200JSONResponse(page), nil
}

// search makes a query look for a term, if there is one, ordered by what is
// searched.
func search(query *storage.Query, term *string) {
	if term != nil && *term != "" {
		query.Index, query.Contains, query.Descending = indexSearch, strings.ToLower(*term), false
	}
}

// CreateProject adds a project. Without a key it gets one made from its name, as
// the vendor's own page does.
func (a *API) CreateProject(ctx context.Context, request brms.CreateProjectRequestObject) (brms.CreateProjectResponseObject, error) {
	body := request.Body
	workspace := contract.PrincipalFrom(ctx).Workspace
	var made storage.Item[project]
	err := a.store.Update(ctx, workspace, func(tx storage.Tx) (err error) {
		p := newProject(body)
		if p.Key == "" {
			if p.Key, err = freeKey(tx, keyFrom(p.Name)); err != nil {
				return err
			}
		}
		made, err = insertProject(tx, storage.Meta{ID: tx.NewID()}, p, body.CopyContentRef)
		return err
	})
	if err != nil {
		return nil, projectError(err)
	}
	return brms.CreateProject200JSONResponse{Project: projectView(workspace, made)}, nil
}

// newProject is what a body asks for.
func newProject(body *brms.CreateProjectRequest) project {
	return project{Name: body.Name, Key: body.Key, Version: or(body.Version, "v1"), Protected: or(body.Protected, false)}
}

// insertProject adds a project, with the content of another if there is one to copy.
func insertProject(tx storage.Tx, m storage.Meta, p project, source *openapi_types.UUID) (storage.Item[project], error) {
	if source != nil {
		if _, err := projects.Get(tx, source.String()); err != nil {
			return storage.Item[project]{}, err
		}
	}
	made, err := projects.Import(tx, m, p)
	if err != nil || source == nil {
		return made, err
	}
	return made, copyIntegrations(tx, source.String(), made.ID)
}

// GetProject reads a project.
func (a *API) GetProject(ctx context.Context, request brms.GetProjectRequestObject) (brms.GetProjectResponseObject, error) {
	found, err := a.readProject(ctx, request.ProjectID)
	if err != nil {
		return nil, projectError(err)
	}
	return brms.GetProject200JSONResponse(found), nil
}

func (a *API) readProject(ctx context.Context, id openapi_types.UUID) (view brms.Project, err error) {
	workspace := contract.PrincipalFrom(ctx).Workspace
	err = a.store.View(ctx, workspace, func(tx storage.ReadTx) error {
		found, err := projects.Get(tx, id.String())
		if err == nil {
			view = projectView(workspace, found)
		}
		return err
	})
	return view, err
}

// GetProjectWithApprovals reads a project with its approval groups, which every
// answer of a project has.
func (a *API) GetProjectWithApprovals(ctx context.Context, request brms.GetProjectWithApprovalsRequestObject) (brms.GetProjectWithApprovalsResponseObject, error) {
	found, err := a.readProject(ctx, request.ProjectID)
	if err != nil {
		return nil, projectError(err)
	}
	return brms.GetProjectWithApprovals200JSONResponse(found), nil
}

// UpdateProject changes name, key and protection. Protection stays as it is when
// the request does not mention it.
func (a *API) UpdateProject(ctx context.Context, request brms.UpdateProjectRequestObject) (brms.UpdateProjectResponseObject, error) {
	body := request.Body
	workspace := contract.PrincipalFrom(ctx).Workspace
	var changed storage.Item[project]
	err := a.store.Update(ctx, workspace, func(tx storage.Tx) (err error) {
		changed, err = projects.Update(tx, request.ProjectID.String(), func(p *project) error {
			p.Name, p.Key = body.Name, body.Key
			if body.Protected != nil {
				p.Protected = *body.Protected
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, projectError(err)
	}
	return brms.UpdateProject200JSONResponse(projectView(workspace, changed)), nil
}

// DeleteProject soft deletes a project that is not protected. Its integrations
// stay as they are, out of reach until it is restored.
func (a *API) DeleteProject(ctx context.Context, request brms.DeleteProjectRequestObject) (brms.DeleteProjectResponseObject, error) {
	id := request.ProjectID.String()
	err := a.store.Update(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.Tx) error {
		p, err := projects.Get(tx, id)
		if err != nil {
			return err
		}
		if p.Value.Protected {
			return contract.Forbidden("project.protected", "Project is protected from deletion")
		}
		_, err = projects.Delete(tx, id)
		return err
	})
	if err != nil {
		return nil, projectError(err)
	}
	return brms.DeleteProject200JSONResponse{Status: statusOK}, nil
}

// RestoreProject brings a deleted project back, under a new key when its own has
// been taken. A project that is not deleted is answered as it is.
func (a *API) RestoreProject(ctx context.Context, request brms.RestoreProjectRequestObject) (brms.RestoreProjectResponseObject, error) {
	id := request.ProjectID.String()
	workspace := contract.PrincipalFrom(ctx).Workspace
	var restored storage.Item[project]
	err := a.store.Update(ctx, workspace, func(tx storage.Tx) (err error) {
		if restored, err = projects.Get(tx, id); !storage.IsNotFound(err) {
			return err
		}
		restored, err = projects.Restore(tx, id, func(p *project) error {
			p.Key, err = freeKey(tx, p.Key)
			return err
		})
		return err
	})
	if err != nil {
		return nil, projectError(err)
	}
	return brms.RestoreProject200JSONResponse(projectView(workspace, restored)), nil
}

// freeKey gives the wanted key, or the first free one of wanted-2, wanted-3, ...
func freeKey(tx storage.ReadTx, wanted string) (key string, err error) {
	key = firstFree(wanted, func(key string) bool {
		_, err = projects.Find(tx, indexKey, key)
		return err == nil
	})
	if storage.IsNotFound(err) {
		return key, nil
	}
	return "", err
}

// firstFree is freeKey by whatever tells which keys are taken.
func firstFree(wanted string, taken func(key string) bool) string {
	key := wanted
	for n := 2; taken(key); n++ {
		key = wanted + "-" + strconv.Itoa(n)
	}
	return key
}

// keyFrom makes a URL-friendly key of a name.
func keyFrom(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	key := strings.Trim(b.String(), "-")
	if first, _, _ := strings.Cut(key, "-"); len(first) < 2 {
		key = strings.Trim("project-"+key, "-")
	}
	return key
}

// inProject runs fn if the project lives.
func inProject(tx storage.ReadTx, projectID openapi_types.UUID, fn func(id string) error) error {
	id := projectID.String()
	// What the project holds does not matter here, so it is not decoded.
	switch p, err := tx.Get(projects.Kind, id); {
	case storage.IsNotFound(err), err == nil && !p.Living():
		return errProjectNotFound()
	case err != nil:
		return err
	}
	return fn(id)
}
