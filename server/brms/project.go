package brms

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// project is what is stored of a project.
type project struct {
	authors

	Name      string `json:"name"`
	Key       string `json:"key"`
	Version   string `json:"version"`
	Protected bool   `json:"protected"`
	// ApprovalMode is whose approval it takes to publish a decision; "" for nobody's. No
	// operation sets it, seeds do.
	ApprovalMode string `json:"approvalMode,omitempty"`
}

const indexKey = "key"

var projects = resource[project, brms.Project]{
	code: "project", noun: "Project",
	records: storage.Collection[project]{
		Kind:    "brms.project",
		Indexes: []storage.Index{{Name: indexKey}, {Name: indexSearch, Searched: true}},
		Keys: func(_ storage.Meta, p project) []storage.Key {
			return []storage.Key{
				{Index: indexKey, Value: p.Key, Unique: true},
				{Index: indexSearch, Value: strings.ToLower(p.Name)},
			}
		},
	},
	unique: []unique{{
		index: indexKey, code: "keyTaken", message: "A project with this key already exists",
		member: "key", twice: "Another project has this key. Give each its own, or none to have one made of the name.",
	}},
	deletable: func(p project) error {
		if p.Protected {
			return site.Forbidden("project.protected", "Project is protected from deletion")
		}
		return nil
	},
	view: func(tx storage.ReadTx, p storage.Item[project]) (brms.Project, error) {
		mode := cmp.Or(p.Value.ApprovalMode, approvalNone)
		return brms.Project{
			ID: uuid.MustParse(p.ID), Name: p.Value.Name, Key: p.Value.Key,
			OrganisationID: derivedID(tx.Workspace(), "organisation"),
			Version:        p.Value.Version, Protected: p.Value.Protected,
			CreatedAt: timestamp(p.Created), UpdatedAt: timestamp(p.Updated), DeletedAt: deletedAt(p.Deleted),
			DecisionsApprovalMode: &mode, DecisionsApprovalGroups: []brms.ApprovalGroup{},
		}, nil
	},
}

// owner is the one member that a project of an open workspace has: its caller.
func owner(workspace string, p uuid.UUID) []brms.ProjectMember {
	return []brms.ProjectMember{{
		ID: derivedID(workspace, "member "+p.String()), Owner: true,
		User: brms.ProjectUser{ID: derivedID(workspace, "user"), Email: "owner@example.com"},
	}}
}

// OnlyProject is the id of the project that a workspace holds; "" if it holds none, or
// several.
func OnlyProject(tx storage.ReadTx) (string, error) {
	return projects.only(tx)
}

// ListProjects lists a page of projects; a search looks at names. Every caller of an
// open workspace is its owner, so that "all" adds nothing.
func (a *API) ListProjects(ctx context.Context, request brms.ListProjectsRequestObject) (brms.ListProjectsResponseObject, error) {
	p := request.Params
	found, err := projects.list(ctx, a, asked{page: p.Page, perPage: p.PerPage, search: p.Search, deleted: truth(p.Deleted)})
	workspace := site.PrincipalFrom(ctx).Workspace
	for i := range found.Results {
		members := owner(workspace, found.Results[i].ID)
		found.Results[i].Members = &members
	}
	return brms.ListProjects200JSONResponse(found), err
}

// CreateProject adds a project. Without a key it gets one made from its name, as
// the vendor's own page does.
func (a *API) CreateProject(ctx context.Context, request brms.CreateProjectRequestObject) (brms.CreateProjectResponseObject, error) {
	body := request.Body
	made, err := projects.write(ctx, a, func(w *work) (made storage.Item[project], err error) {
		p := newProject(body)
		if p.Key == "" {
			if p.Key, err = freeKey(w, keyFrom(p.Name, 2, "project")); err != nil {
				return made, err
			}
		}
		if source := body.CopyContentRef; source != nil {
			if _, err := projects.at(w, *source); err != nil {
				return made, err
			}
		}
		if made, err = projects.insert(w, p); err != nil {
			return made, err
		}
		return made, copyContent(w, made, body)
	})
	return brms.CreateProject200JSONResponse{Project: made}, err
}

// newProject is what a body asks for.
func newProject(body *brms.CreateProjectRequest) project {
	return project{Name: body.Name, Key: body.Key, Version: or(body.Version, "v1"), Protected: or(body.Protected, false)}
}

// copyContent puts what the project that a body names holds into a new one.
func copyContent(w *work, to storage.Item[project], body *brms.CreateProjectRequest) error {
	if body.CopyContentRef == nil {
		return nil
	}
	from, id := *body.CopyContentRef, uuid.MustParse(to.ID)
	if err := integrations.copyAll(w, []uuid.UUID{from}, []uuid.UUID{id}); err != nil || to.Value.Version != "v1" {
		return err
	}
	return copyDocuments(w, from, id)
}

// GetProject reads a project.
func (a *API) GetProject(ctx context.Context, request brms.GetProjectRequestObject) (brms.GetProjectResponseObject, error) {
	found, err := projects.read(ctx, a, request.ProjectID)
	return brms.GetProject200JSONResponse(found), err
}

// GetProjectWithApprovals reads a project with its approval groups, which every
// answer of a project has.
func (a *API) GetProjectWithApprovals(ctx context.Context, request brms.GetProjectWithApprovalsRequestObject) (brms.GetProjectWithApprovalsResponseObject, error) {
	found, err := projects.read(ctx, a, request.ProjectID)
	return brms.GetProjectWithApprovals200JSONResponse(found), err
}

// UpdateProject changes name, key and protection. Protection stays as it is when
// the request does not mention it.
func (a *API) UpdateProject(ctx context.Context, request brms.UpdateProjectRequestObject) (brms.UpdateProjectResponseObject, error) {
	body := request.Body
	changed, err := projects.change(ctx, a, func(p *project) error {
		p.Name, p.Key, p.Protected = body.Name, body.Key, or(body.Protected, p.Protected)
		return nil
	}, request.ProjectID)
	return brms.UpdateProject200JSONResponse(changed), err
}

// DeleteProject soft deletes a project that is not protected.
func (a *API) DeleteProject(ctx context.Context, request brms.DeleteProjectRequestObject) (brms.DeleteProjectResponseObject, error) {
	err := projects.remove(ctx, a, request.ProjectID)
	return brms.DeleteProject200JSONResponse{Status: statusOK}, err
}

// RestoreProject brings a deleted project back, under a new key when its own has
// been taken.
func (a *API) RestoreProject(ctx context.Context, request brms.RestoreProjectRequestObject) (brms.RestoreProjectResponseObject, error) {
	back, err := projects.write(ctx, a, func(w *work) (storage.Item[project], error) {
		return projects.restore(w, func(p *project) (err error) {
			p.Key, err = freeKey(w, p.Key)
			return err
		}, request.ProjectID)
	})
	return brms.RestoreProject200JSONResponse(back), err
}

// freeKey gives the wanted key, or a free one of wanted-2, wanted-3, ...: see firstFree.
func freeKey(tx storage.ReadTx, wanted string) (key string, err error) {
	key = firstFree(wanted, func(key string) (taken bool) {
		taken, err = projects.has(tx, indexKey, key)
		return taken
	})
	return key, err
}

// nearby is how many keys are tried one after the other.
const nearby = 8

// firstFree is the wanted key if it is free, or else the first free one of wanted-2,
// wanted-3, ... if that is near; of many it is one that follows a taken one, found in
// steps that double, for a thousand projects of one name must not be a thousand look-ups.
func firstFree(wanted string, taken func(key string) bool) string {
	if !taken(wanted) {
		return wanted
	}
	numbered := func(n int) string { return wanted + "-" + strconv.Itoa(n) }
	n := 2
	for ; n < 2+nearby; n++ {
		if !taken(numbered(n)) {
			return numbered(n)
		}
	}
	last, step := n-1, 1 // last is taken
	for taken(numbered(last + step)) {
		last += step
		step *= 2
	}
	for free := last + step; ; {
		if free-last == 1 {
			return numbered(free)
		}
		if between := last + (free-last)/2; taken(numbered(between)) {
			last = between
		} else {
			free = between
		}
	}
}

// keyFrom makes a URL-friendly key of a name: one that begins with a word of at least so
// many letters, or with the noun.
func keyFrom(name string, least int, noun string) string {
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
	if first, _, _ := strings.Cut(key, "-"); len(first) < least {
		key = strings.Trim(noun+"-"+key, "-")
	}
	return key
}
