package datafold

import (
	"context"

	"github.com/understudy-api/understudy/gen/datafold"
)

func orEmpty[T any](list *[]T) *[]T {
	if list == nil {
		return &[]T{}
	}
	return list
}

func dbtConfig(c *datafold.DbtDataSourceConfig) biIntegration {
	return biIntegration{
		Type: typeDbt, Name: c.Name, IndexingCron: c.IndexingCron, CIConfigID: &c.CIConfigID,
	}
}

// CreateDbtIntegration adds a dbt integration.
func (a *API) CreateDbtIntegration(ctx context.Context, request datafold.CreateDbtIntegrationRequestObject) (datafold.CreateDbtIntegrationResponseObject, error) {
	view, err := biIntegrations.add(ctx, a, dbtConfig(request.Body))
	return datafold.CreateDbtIntegration200JSONResponse(view), err
}

// UpdateDbtIntegration replaces the configuration of a dbt integration.
func (a *API) UpdateDbtIntegration(ctx context.Context, request datafold.UpdateDbtIntegrationRequestObject) (datafold.UpdateDbtIntegrationResponseObject, error) {
	view, err := a.updateBI(ctx, request.BIDatasourceID, typeDbt, func(v *biIntegration) {
		sync := v.Sync
		*v = dbtConfig(request.Body)
		v.Sync = sync
	})
	return datafold.UpdateDbtIntegration200JSONResponse(view), err
}

func hightouchConfig(c *datafold.HighTouchDataSourceConfig) biIntegration {
	return biIntegration{
		Type: typeHightouch, Name: c.Name, IndexingCron: c.IndexingCron,
		Bindings: bindingsOf(orEmpty(&c.Bindings)), Workspace: c.Workspace,
		Secrets: secrets(map[string]*string{"token": c.Token}),
	}
}

// CreateHightouchIntegration adds a Hightouch integration.
func (a *API) CreateHightouchIntegration(ctx context.Context, request datafold.CreateHightouchIntegrationRequestObject) (datafold.CreateHightouchIntegrationResponseObject, error) {
	view, err := biIntegrations.add(ctx, a, hightouchConfig(request.Body))
	return datafold.CreateHightouchIntegration200JSONResponse(view), err
}

// ChangeHightouchIntegration changes the schedule of a Hightouch integration.
func (a *API) ChangeHightouchIntegration(ctx context.Context, request datafold.ChangeHightouchIntegrationRequestObject) (datafold.ChangeHightouchIntegrationResponseObject, error) {
	view, err := a.updateSchedule(ctx, request.BIDatasourceID, typeHightouch, request.Body.IndexingCron)
	return datafold.ChangeHightouchIntegration200JSONResponse(view), err
}

func lookerConfig(c *datafold.LookerDataSourceConfig) biIntegration {
	return biIntegration{
		Type: typeLooker, Name: c.Name, IndexingCron: c.IndexingCron,
		BaseURL: &c.BaseURL, ClientID: &c.ClientID, RepoID: &c.RepoID,
		Bindings: bindingsOf(orEmpty(c.Bindings)), ProjectIDs: orEmpty(c.ProjectIds),
		Secrets: secrets(map[string]*string{"client_secret": c.ClientSecret}),
	}
}

// CreateLookerIntegration adds a Looker integration.
func (a *API) CreateLookerIntegration(ctx context.Context, request datafold.CreateLookerIntegrationRequestObject) (datafold.CreateLookerIntegrationResponseObject, error) {
	view, err := biIntegrations.add(ctx, a, lookerConfig(request.Body))
	return datafold.CreateLookerIntegration200JSONResponse(view), err
}

// UpdateLookerIntegration changes the schedule of a Looker integration.
func (a *API) UpdateLookerIntegration(ctx context.Context, request datafold.UpdateLookerIntegrationRequestObject) (datafold.UpdateLookerIntegrationResponseObject, error) {
	view, err := a.updateSchedule(ctx, request.BIDatasourceID, typeLooker, request.Body.IndexingCron)
	return datafold.UpdateLookerIntegration200JSONResponse(view), err
}

func modeConfig(c *datafold.ModeDataSourceConfig) biIntegration {
	workspace := c.Workspace
	if workspace == nil {
		workspace = new("")
	}
	return biIntegration{
		Type: typeMode, Name: c.Name, IndexingCron: c.IndexingCron, Workspace: workspace,
		Secrets: secrets(map[string]*string{"token": c.Token, "password": c.Password}),
	}
}

// CreateModeIntegration adds a Mode integration.
func (a *API) CreateModeIntegration(ctx context.Context, request datafold.CreateModeIntegrationRequestObject) (datafold.CreateModeIntegrationResponseObject, error) {
	view, err := biIntegrations.add(ctx, a, modeConfig(request.Body))
	return datafold.CreateModeIntegration200JSONResponse(view), err
}

// ChangeModeIntegration changes the schedule of a Mode integration.
func (a *API) ChangeModeIntegration(ctx context.Context, request datafold.ChangeModeIntegrationRequestObject) (datafold.ChangeModeIntegrationResponseObject, error) {
	view, err := a.updateSchedule(ctx, request.BIDatasourceID, typeMode, request.Body.IndexingCron)
	return datafold.ChangeModeIntegration200JSONResponse(view), err
}

func powerBIConfig(c *datafold.PowerBIDataSourceConfig) biIntegration {
	return biIntegration{
		Type: typePowerBI, Name: c.Name, IndexingCron: c.IndexingCron,
		AuthType: (*string)(c.AuthType), ClientID: c.ClientID, TenantID: c.TenantID,
		Secrets: secrets(map[string]*string{"client_secret": c.ClientSecret}),
	}
}

// CreatePowerbiIntegration adds a Power BI integration.
func (a *API) CreatePowerbiIntegration(ctx context.Context, request datafold.CreatePowerbiIntegrationRequestObject) (datafold.CreatePowerbiIntegrationResponseObject, error) {
	view, err := biIntegrations.add(ctx, a, powerBIConfig(request.Body))
	return datafold.CreatePowerbiIntegration200JSONResponse(view), err
}

// UpdatePowerbiIntegration replaces the configuration of a Power BI integration.
// A secret that the request does not carry stays: a client cannot read it back.
func (a *API) UpdatePowerbiIntegration(ctx context.Context, request datafold.UpdatePowerbiIntegrationRequestObject) (datafold.UpdatePowerbiIntegrationResponseObject, error) {
	view, err := a.updateBI(ctx, request.BIDatasourceID, typePowerBI, func(v *biIntegration) {
		before := *v
		*v = powerBIConfig(request.Body)
		v.Sync = before.Sync
		if len(v.Secrets) == 0 {
			v.Secrets = before.Secrets
		}
	})
	return datafold.UpdatePowerbiIntegration200JSONResponse(view), err
}

func tableauConfig(c *datafold.TableauDataSourceConfig) biIntegration {
	return biIntegration{
		Type: typeTableau, Name: c.Name, IndexingCron: c.IndexingCron,
		ServerURL: &c.ServerURL, SiteID: &c.SiteID, TokenName: &c.TokenName,
		Secrets: secrets(map[string]*string{"token_value": c.TokenValue}),
	}
}

// CreateTableauIntegration adds a Tableau integration.
func (a *API) CreateTableauIntegration(ctx context.Context, request datafold.CreateTableauIntegrationRequestObject) (datafold.CreateTableauIntegrationResponseObject, error) {
	view, err := biIntegrations.add(ctx, a, tableauConfig(request.Body))
	return datafold.CreateTableauIntegration200JSONResponse(view), err
}

// UpdateTableauIntegration changes the schedule of a Tableau integration.
func (a *API) UpdateTableauIntegration(ctx context.Context, request datafold.UpdateTableauIntegrationRequestObject) (datafold.UpdateTableauIntegrationResponseObject, error) {
	view, err := a.updateSchedule(ctx, request.BIDatasourceID, typeTableau, request.Body.IndexingCron)
	return datafold.UpdateTableauIntegration200JSONResponse(view), err
}
