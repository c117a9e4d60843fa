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

// group is what is stored of a permission group.
type group struct {
	authors

	Name            string           `json:"name"`
	Description     *string          `json:"description,omitempty"`
	Permissions     []string         `json:"permissions"`
	FilePermissions []filePermission `json:"filePermissions"`
}

// filePermission is what a group may do with some files.
type filePermission struct {
	Effect   string   `json:"effect"`
	Actions  []string `json:"actions"`
	ID       string   `json:"id"`
	Patterns string   `json:"patterns"`
}

var groups = resource[group, brms.Group]{
	code: "group", noun: "Group", in: &projects,
	records: storage.Collection[group]{
		Kind:    "brms.group",
		Indexes: []storage.Index{{Name: indexSearch, Searched: true}},
		Keys: func(_ storage.Meta, g group) []storage.Key {
			return []storage.Key{{Index: indexSearch, Value: strings.ToLower(g.Name)}}
		},
	},
	view: func(_ storage.ReadTx, g storage.Item[group]) (brms.Group, error) {
		files := make([]brms.FilePermission, len(g.Value.FilePermissions))
		for i, p := range g.Value.FilePermissions {
			files[i] = brms.FilePermission(p)
		}
		return brms.Group{
			ID: uuid.MustParse(g.ID), ProjectID: uuid.MustParse(g.Parent), Name: g.Value.Name,
			Description: g.Value.Description, Permissions: g.Value.Permissions, FilePermissions: files,
		}, nil
	},
}

var groupSeeds = seeded[group, brms.Group, brms.GroupRequest]{
	resource: &groups, list: "groups", path: "/api/projects/{projectId}/groups",
	value: newGroup,
	body: func(g group) brms.GroupRequest {
		files := make([]brms.FilePermission, len(g.FilePermissions))
		for i, p := range g.FilePermissions {
			files[i] = brms.FilePermission(p)
		}
		return brms.GroupRequest{Name: g.Name, Description: g.Description, Permissions: g.Permissions, FilePermissions: &files}
	},
}

// newGroup is what a body asks for. A list that is null is an empty one.
func newGroup(body *brms.GroupRequest) group {
	g := group{
		Name: body.Name, Description: body.Description,
		Permissions: append([]string{}, body.Permissions...), FilePermissions: []filePermission{},
	}
	for _, p := range or(body.FilePermissions, nil) {
		p.Actions = append([]string{}, p.Actions...)
		g.FilePermissions = append(g.FilePermissions, filePermission(p))
	}
	return g
}

// approvers are the groups of those ids that live, as an approval names them. ids that
// lead to none are passed over: a group may be deleted that was to approve.
func approvers(tx storage.ReadTx, ids []string) ([]brms.ApprovalGroup, error) {
	found := make([]brms.ApprovalGroup, 0, len(ids))
	for _, id := range ids {
		g, err := groups.ifOf(tx, id)
		if err != nil {
			return nil, err
		}
		if g == nil {
			continue
		}
		found = append(found, brms.ApprovalGroup{
			ID: uuid.MustParse(g.ID), Name: g.Value.Name, ProjectID: uuid.MustParse(g.Parent), Description: g.Value.Description,
		})
	}
	return found, nil
}

// groupIDs are the ids of groups of a project, each of which must live there, each once.
func groupIDs(tx storage.ReadTx, project uuid.UUID, given *[]uuid.UUID) ([]string, error) {
	ids := []string{}
	for _, id := range or(given, nil) {
		g, err := groups.ifOf(tx, id.String())
		if err != nil {
			return nil, err
		}
		if g == nil || g.Parent != project.String() {
			return nil, site.Conflict("environment.groupUnknown", "The project has no such approval group")
		}
		if !slices.Contains(ids, id.String()) {
			ids = append(ids, id.String())
		}
	}
	return ids, nil
}

// ListGroups lists a page of a project's groups; a search looks at names.
func (a *API) ListGroups(ctx context.Context, request brms.ListGroupsRequestObject) (brms.ListGroupsResponseObject, error) {
	p := request.Params
	found, err := groups.list(ctx, a, asked{page: p.Page, perPage: p.PerPage, search: p.Search}, request.ProjectID)
	return brms.ListGroups200JSONResponse(found), err
}

// CreateGroup adds a group to a project.
func (a *API) CreateGroup(ctx context.Context, request brms.CreateGroupRequestObject) (brms.CreateGroupResponseObject, error) {
	made, err := groups.add(ctx, a, newGroup(request.Body), request.ProjectID)
	return brms.CreateGroup200JSONResponse(made), err
}

// UpdateGroup replaces what a group is.
func (a *API) UpdateGroup(ctx context.Context, request brms.UpdateGroupRequestObject) (brms.UpdateGroupResponseObject, error) {
	changed, err := groups.change(ctx, a, func(g *group) error {
		by := g.authors
		*g = newGroup(request.Body)
		g.authors = by
		return nil
	}, request.ProjectID, request.GroupID)
	return brms.UpdateGroup200JSONResponse(changed), err
}

// DeleteGroup deletes a group.
func (a *API) DeleteGroup(ctx context.Context, request brms.DeleteGroupRequestObject) (brms.DeleteGroupResponseObject, error) {
	err := groups.remove(ctx, a, request.ProjectID, request.GroupID)
	return brms.DeleteGroup200JSONResponse{Status: statusOK}, err
}
