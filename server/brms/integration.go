package brms

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/storage"
)

// integration is what is stored of an integration.
type integration struct {
	authors

	Name        string     `json:"name"`
	Type        string     `json:"type"`
	Kind        string     `json:"kind"`
	Config      httpConfig `json:"config"`
	Description *string    `json:"description,omitempty"`
	Group       *string    `json:"group,omitempty"`
}

const indexKind = "kind"

var integrations = resource[integration, brms.Integration]{
	code: "integration", noun: "Integration", in: &projects,
	records: storage.Collection[integration]{
		Kind:    "brms.integration",
		Indexes: []storage.Index{{Name: indexKind}, {Name: indexSearch, Searched: true}},
		Keys: func(m storage.Meta, i integration) []storage.Key {
			return []storage.Key{
				{Index: indexKind, Value: m.Parent + "\x00" + i.Kind, Unique: true},
				{Index: indexSearch, Value: strings.ToLower(i.Name)},
			}
		},
	},
	unique: []unique{{
		index: indexKind, code: "kindTaken", message: "An integration of this kind already exists in the project",
		member: "kind", twice: "Another integration of the project has this kind. Give each its own.",
	}},
	view: func(_ storage.ReadTx, i storage.Item[integration]) (brms.Integration, error) {
		return brms.Integration{
			ID: uuid.MustParse(i.ID), ProjectID: uuid.MustParse(i.Parent),
			Type: i.Value.Type, Kind: i.Value.Kind, Name: i.Value.Name, Config: brms.HTTPIntegrationConfig(i.Value.Config),
			Description: i.Value.Description, Group: i.Value.Group,
			CreatedAt: timestamp(i.Created), UpdatedAt: timestamp(i.Updated), DeletedAt: deletedAt(i.Deleted),
		}, nil
	},
}

var integrationSeeds = seeded[integration, brms.Integration, brms.CreateIntegrationRequest]{
	resource: &integrations, list: "integrations", path: "/api/projects/{projectId}/integrations",
	value: newIntegration,
	body: func(i integration) brms.CreateIntegrationRequest {
		return brms.CreateIntegrationRequest{
			Name: i.Name, Type: i.Type, Kind: i.Kind, Description: i.Description, Group: i.Group, Config: i.Config.input(),
		}
	},
}

// newIntegration is what a body asks for.
func newIntegration(body *brms.CreateIntegrationRequest) integration {
	return integration{
		Name: body.Name, Type: body.Type, Kind: body.Kind,
		Config: completeConfig(body.Config), Description: body.Description, Group: body.Group,
	}
}

// ListIntegrations lists a page of a project's integrations; a search looks at names.
func (a *API) ListIntegrations(ctx context.Context, request brms.ListIntegrationsRequestObject) (brms.ListIntegrationsResponseObject, error) {
	p := request.Params
	found, err := integrations.list(ctx, a, asked{page: p.Page, perPage: p.PerPage, search: p.Search}, request.ProjectID)
	return brms.ListIntegrations200JSONResponse(found), err
}

// CreateIntegration adds an integration to a project.
func (a *API) CreateIntegration(ctx context.Context, request brms.CreateIntegrationRequestObject) (brms.CreateIntegrationResponseObject, error) {
	made, err := integrations.add(ctx, a, newIntegration(request.Body), request.ProjectID)
	return brms.CreateIntegration200JSONResponse(made), err
}

// GetIntegration reads an integration.
func (a *API) GetIntegration(ctx context.Context, request brms.GetIntegrationRequestObject) (brms.GetIntegrationResponseObject, error) {
	found, err := integrations.read(ctx, a, request.ProjectID, request.IntegrationID)
	return brms.GetIntegration200JSONResponse(found), err
}

// UpdateIntegration replaces what may change: everything but type and kind.
func (a *API) UpdateIntegration(ctx context.Context, request brms.UpdateIntegrationRequestObject) (brms.UpdateIntegrationResponseObject, error) {
	body := request.Body
	changed, err := integrations.change(ctx, a, func(i *integration) error {
		i.Name, i.Config, i.Description, i.Group = body.Name, completeConfig(body.Config), body.Description, body.Group
		return nil
	}, request.ProjectID, request.IntegrationID)
	return brms.UpdateIntegration200JSONResponse(changed), err
}

// DeleteIntegration soft deletes an integration; its kind is free again.
func (a *API) DeleteIntegration(ctx context.Context, request brms.DeleteIntegrationRequestObject) (brms.DeleteIntegrationResponseObject, error) {
	err := integrations.remove(ctx, a, request.ProjectID, request.IntegrationID)
	return brms.DeleteIntegration200JSONResponse{Status: statusOK}, err
}
