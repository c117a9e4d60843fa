package brms

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/storage"
)

// statusOK is what a delete answers.
const statusOK = "ok"

// integration is what is remembered of an integration. Its project is the
// record's parent.
type integration struct {
	Name        string     `json:"name"`
	Type        string     `json:"type"`
	Kind        string     `json:"kind"`
	Config      httpConfig `json:"config"`
	Description *string    `json:"description,omitempty"`
	Group       *string    `json:"group,omitempty"`
}

// httpConfig is how an integration calls. It is a type of its own, so that a change
// of the document does not change what stores hold.
type httpConfig struct {
	Cookies      []any   `json:"cookies"`
	EnableInputs bool    `json:"enableInputs"`
	Headers      []any   `json:"headers"`
	Inputs       []any   `json:"inputs"`
	Method       string  `json:"method"`
	Output       *string `json:"output,omitempty"`
	Timeout      float64 `json:"timeout"`
	URL          string  `json:"url"`
}

const indexKind = "kind"

// integrations holds the integrations of a workspace. A kind is unique among the
// living of one project.
var integrations = storage.Collection[integration]{
	Kind:    "brms.integration",
	Indexes: []storage.Index{{Name: indexKind}, {Name: indexSearch, Searched: true}},
	Keys: func(m storage.Meta, i integration) []storage.Key {
		return []storage.Key{
			{Index: indexKind, Value: m.Parent + "\x00" + i.Kind, Unique: true},
			{Index: indexSearch, Value: strings.ToLower(i.Name)},
		}
	},
}

// integrationError words what the store said about an integration.
func integrationError(err error) error {
	switch {
	case storage.IsNotFound(err):
		return contract.NotFound("integration.notFound", "Integration not found")
	case storage.IsConflict(err):
		return contract.Conflict("integration.kindTaken", "An integration of this kind already exists in the project")
	}
	return err
}

func integrationView(i storage.Item[integration]) brms.Integration {
	return brms.Integration{
		ID: uuid.MustParse(i.ID), ProjectID: uuid.MustParse(i.Parent),
		Type: i.Value.Type, Kind: i.Value.Kind, Name: i.Value.Name, Config: i.Value.Config.view(),
		Description: i.Value.Description, Group: i.Value.Group,
		CreatedAt: timestamp(i.Created), UpdatedAt: timestamp(i.Updated), DeletedAt: deletedAt(i.Deleted),
	}
}

func (c *httpConfig) view() brms.HTTPIntegrationConfig {
	return brms.HTTPIntegrationConfig{
		URL: c.URL, Output: c.Output, Method: c.Method, Timeout: c.Timeout,
		Headers: c.Headers, Cookies: c.Cookies, Inputs: c.Inputs, EnableInputs: c.EnableInputs,
	}
}

// completeConfig fills in the defaults that the document declares.
func completeConfig(in brms.HTTPIntegrationConfigInput) httpConfig {
	return httpConfig{
		URL: in.URL, Output: in.Output,
		Method:       or(in.Method, "post"),
		Timeout:      or(in.Timeout, 5000) + 0, // JavaScript writes -0 as 0
		Headers:      unsigned(or(in.Headers, []any{})),
		Cookies:      unsigned(or(in.Cookies, []any{})),
		Inputs:       unsigned(or(in.Inputs, []any{})),
		EnableInputs: or(in.EnableInputs, false),
	}
}

// unsigned writes the items of a list as JavaScript does, which knows no -0 in JSON.
func unsigned(items []any) []any {
	for i, item := range items {
		switch item := item.(type) {
		case float64:
			items[i] = item + 0
		case []any:
			unsigned(item)
		case map[string]any:
			for name, member := range item {
				item[name] = unsigned([]any{member})[0]
			}
		}
	}
	return items
}

func or[T any](given *T, absent T) T {
	if given == nil {
		return absent
	}
	return *given
}

// ownIntegration gives an integration of a living project; one of another project
// is not found.
func ownIntegration(tx storage.ReadTx, project, id uuid.UUID) (found storage.Item[integration], err error) {
	err = inProject(tx, project, func(parent string) error {
		found, err = integrations.Get(tx, id.String())
		if err == nil && found.Parent != parent {
			return &storage.Error{Code: storage.CodeNotFound, Op: "get", Kind: integrations.Kind, ID: id.String()}
		}
		return err
	})
	return found, err
}

// ListIntegrations lists a page of a project's integrations, newest first; a
// search lists by name.
func (a *API) ListIntegrations(ctx context.Context, request brms.ListIntegrationsRequestObject) (brms.ListIntegrationsResponseObject, error) {
	paging := newPaging(request.Params.Page, request.Params.PerPage)
	page := brms.IntegrationPage{Results: []brms.Integration{}}
	err := a.store.View(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.ReadTx) error {
		return inProject(tx, request.ProjectID, func(parent string) error {
			query := storage.Query{Parent: &parent, Descending: true, Offset: paging.offset(), Limit: paging.perPage}
			search(&query, request.Params.Search)
			found, err := integrations.List(tx, query)
			if err != nil {
				return err
			}
			for _, i := range found.Items {
				page.Results = append(page.Results, integrationView(i))
			}
			page.Paginate = paging.envelope(len(found.Items), found.Total)
			return nil
		})
	})
	if err != nil {
		return nil, integrationError(err)
	}
	return brms.ListIntegrations200JSONResponse(page), nil
}

// CreateIntegration adds an integration to a project.
func (a *API) CreateIntegration(ctx context.Context, request brms.CreateIntegrationRequestObject) (brms.CreateIntegrationResponseObject, error) {
	body := request.Body
	var made storage.Item[integration]
	err := a.store.Update(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.Tx) error {
		return inProject(tx, request.ProjectID, func(parent string) (err error) {
			made, err = integrations.Insert(tx, tx.NewID(), parent, newIntegration(body))
			return err
		})
	})
	if err != nil {
		return nil, integrationError(err)
	}
	return brms.CreateIntegration200JSONResponse(integrationView(made)), nil
}

// newIntegration is what a body asks for.
func newIntegration(body *brms.CreateIntegrationRequest) integration {
	return integration{
		Name: body.Name, Type: body.Type, Kind: body.Kind,
		Config: completeConfig(body.Config), Description: body.Description, Group: body.Group,
	}
}

// GetIntegration reads an integration.
func (a *API) GetIntegration(ctx context.Context, request brms.GetIntegrationRequestObject) (brms.GetIntegrationResponseObject, error) {
	var found storage.Item[integration]
	err := a.store.View(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.ReadTx) (err error) {
		found, err = ownIntegration(tx, request.ProjectID, request.IntegrationID)
		return err
	})
	if err != nil {
		return nil, integrationError(err)
	}
	return brms.GetIntegration200JSONResponse(integrationView(found)), nil
}

// UpdateIntegration replaces what may change: everything but type and kind.
func (a *API) UpdateIntegration(ctx context.Context, request brms.UpdateIntegrationRequestObject) (brms.UpdateIntegrationResponseObject, error) {
	body := request.Body
	var changed storage.Item[integration]
	err := a.store.Update(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.Tx) error {
		found, err := ownIntegration(tx, request.ProjectID, request.IntegrationID)
		if err != nil {
			return err
		}
		changed, err = integrations.Update(tx, found.ID, func(i *integration) error {
			i.Name, i.Config = body.Name, completeConfig(body.Config)
			i.Description, i.Group = body.Description, body.Group
			return nil
		})
		return err
	})
	if err != nil {
		return nil, integrationError(err)
	}
	return brms.UpdateIntegration200JSONResponse(integrationView(changed)), nil
}

// DeleteIntegration soft deletes an integration: it disappears from every answer,
// and its kind is free again.
func (a *API) DeleteIntegration(ctx context.Context, request brms.DeleteIntegrationRequestObject) (brms.DeleteIntegrationResponseObject, error) {
	err := a.store.Update(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.Tx) error {
		found, err := ownIntegration(tx, request.ProjectID, request.IntegrationID)
		if err != nil {
			return err
		}
		_, err = integrations.Delete(tx, found.ID)
		return err
	})
	if err != nil {
		return nil, integrationError(err)
	}
	return brms.DeleteIntegration200JSONResponse{Status: statusOK}, nil
}

// copyIntegrations puts a copy of every living integration of one project into
// another.
func copyIntegrations(tx storage.Tx, from, to string) error {
	query := storage.Query{Parent: &from, Limit: maxPerPage}
	for {
		page, err := integrations.List(tx, query)
		if err != nil {
			return err
		}
		for _, i := range page.Items {
			if _, err := integrations.Insert(tx, tx.NewID(), to, i.Value); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		query.After = page.Next
	}
}
