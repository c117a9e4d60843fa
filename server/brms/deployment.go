package brms

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/storage"
)

// deployment is what is stored of a deployment: a storage to which releases are taken.
// Its secrets are not, for nothing here opens that storage.
type deployment struct {
	authors

	Name          string          `json:"name"`
	Provider      string          `json:"provider"`
	Description   *string         `json:"description,omitempty"`
	Configuration json.RawMessage `json:"configuration,omitempty"`
}

var deployments = resource[deployment, brms.Deployment]{
	code: "deployment", noun: "Deployment",
	records: storage.Collection[deployment]{Kind: "brms.deployment"},
	view: func(tx storage.ReadTx, d storage.Item[deployment]) (brms.Deployment, error) {
		organisation := derivedID(tx.Workspace(), "organisation")
		view := brms.Deployment{
			ID: uuid.MustParse(d.ID), Name: d.Value.Name, Provider: d.Value.Provider, Description: d.Value.Description,
			OrganisationID: organisation, Organisation: brms.Organisation{ID: organisation, Name: organisationName},
			CreatedAt: timestamp(d.Created), UpdatedAt: timestamp(d.Updated), DeletedAt: deletedAt(d.Deleted),
		}
		if d.Value.Configuration != nil {
			view.Configuration = d.Value.Configuration
		}
		return view, nil
	},
}

// organisationName is the name of the one organisation that a workspace has.
const organisationName = "Understudy"

var deploymentSeeds = seeded[deployment, brms.Deployment, brms.CreateDeploymentRequest]{
	resource: &deployments, list: "deployments", path: "/api/deployments",
	value: newDeployment,
	body: func(d deployment) brms.CreateDeploymentRequest {
		body := brms.CreateDeploymentRequest{Name: d.Name, Provider: d.Provider, Description: d.Description}
		if d.Configuration != nil {
			body.Configuration = d.Configuration
		}
		return body
	},
}

// newDeployment is what a body asks for.
func newDeployment(body *brms.CreateDeploymentRequest) deployment {
	return deployment{
		Name: body.Name, Provider: body.Provider, Description: body.Description, Configuration: anyJSON(body.Configuration),
	}
}

// anyJSON is a value of any kind as it is stored; nil for none.
func anyJSON(value any) json.RawMessage {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(unsigned([]any{value})[0])
	if err != nil { // it was read from JSON
		return nil
	}
	return text
}

// ListDeployments lists all deployments of the organisation, in the order in which they
// were made.
func (a *API) ListDeployments(ctx context.Context, _ brms.ListDeploymentsRequestObject) (brms.ListDeploymentsResponseObject, error) {
	found, err := deployments.unpaged(ctx, a)
	return brms.ListDeployments200JSONResponse(found), err
}

// CreateDeployment adds a deployment.
func (a *API) CreateDeployment(ctx context.Context, request brms.CreateDeploymentRequestObject) (brms.CreateDeploymentResponseObject, error) {
	made, err := deployments.add(ctx, a, newDeployment(request.Body))
	return brms.CreateDeployment200JSONResponse(made), err
}

// UpdateDeployment replaces what may change: everything but the provider.
func (a *API) UpdateDeployment(ctx context.Context, request brms.UpdateDeploymentRequestObject) (brms.UpdateDeploymentResponseObject, error) {
	body := request.Body
	changed, err := deployments.change(ctx, a, func(d *deployment) error {
		d.Name, d.Description, d.Configuration = body.Name, body.Description, anyJSON(body.Configuration)
		return nil
	}, request.DeploymentID)
	return brms.UpdateDeployment200JSONResponse(changed), err
}
