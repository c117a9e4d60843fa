package datafold

import (
	"context"
	"strconv"
	"time"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/storage"
)

// biIntegration is what is remembered of a BI integration of any type. Fields
// that a type does not have stay nil and are not answered.
type biIntegration struct {
	Type         string     `json:"type"`
	Name         *string    `json:"name,omitempty"`
	IndexingCron *string    `json:"indexing_cron,omitempty"`
	AuthType     *string    `json:"auth_type,omitempty"`
	BaseURL      *string    `json:"base_url,omitempty"`
	Bindings     *[]binding `json:"bindings,omitempty"`
	CIConfigID   *int       `json:"ci_config_id,omitempty"`
	ClientID     *string    `json:"client_id,omitempty"`
	ProjectIDs   *[]string  `json:"project_ids,omitempty"`
	RepoID       *int       `json:"repo_id,omitempty"`
	ServerURL    *string    `json:"server_url,omitempty"`
	SiteID       *string    `json:"site_id,omitempty"`
	TenantID     *string    `json:"tenant_id,omitempty"`
	TokenName    *string    `json:"token_name,omitempty"`
	Workspace    *string    `json:"workspace,omitempty"`
	// Secrets are kept as the real service keeps them, and never answered.
	Secrets map[string]string `json:"secrets,omitempty"`
	Sync    *biSync           `json:"sync,omitempty"`
}

// binding binds a connection of the other tool to data sources. It is a type of its
// own, so that a change of the document does not change what stores hold.
type binding struct {
	BoundIDs []int  `json:"boundIds"`
	RemoteID string `json:"remoteId"`
}

func bindingsOf(in *[]datafold.DataSourceBinding) *[]binding {
	if in == nil {
		return nil
	}
	out := make([]binding, len(*in))
	for i, b := range *in {
		out[i] = binding{BoundIDs: b.BoundIds, RemoteID: b.RemoteID}
	}
	return &out
}

func bindingsView(in *[]binding) *[]datafold.DataSourceBinding {
	if in == nil {
		return nil
	}
	out := make([]datafold.DataSourceBinding, len(*in))
	for i, b := range *in {
		out[i] = datafold.DataSourceBinding{BoundIds: b.BoundIDs, RemoteID: b.RemoteID}
	}
	return &out
}

// biSync is a synchronisation that was asked for. Its state is computed from the
// workspace's clock on every read.
type biSync struct {
	ID        int       `json:"id"`
	CreatedAt time.Time `json:"created_at"`
}

// The types of BI integrations, as the paths spell them.
const (
	typeDbt       = "dbt"
	typeHightouch = "hightouch"
	typeLooker    = "looker"
	typeMode      = "mode"
	typePowerBI   = "powerbi"
	typeTableau   = "tableau"
)

// How long a synchronisation waits and how long it runs.
const (
	syncQueued  = time.Second
	syncRunning = 4 * time.Second
)

// Sequences, counted per workspace.
const (
	sequenceIntegration = "datafold.bi"
	sequenceSync        = "datafold.bi.sync"
)

// biIntegrations holds the BI integrations of a workspace, by their number.
var biIntegrations = storage.Collection[biIntegration]{Kind: "datafold.bi"}

func biError(err error) error {
	if storage.IsNotFound(err) {
		return contract.NotFound("", "BI integration not found")
	}
	return err
}

func biView(item storage.Item[biIntegration], now time.Time) (datafold.BIIntegration, error) {
	id, err := strconv.Atoi(item.ID)
	if err != nil {
		return datafold.BIIntegration{}, err
	}
	v := item.Value
	return datafold.BIIntegration{
		ID: id, Type: v.Type, Name: v.Name, IndexingCron: v.IndexingCron,
		AuthType: (*datafold.PowerBIAuthType)(v.AuthType), BaseURL: v.BaseURL, Bindings: bindingsView(v.Bindings), CIConfigID: v.CIConfigID,
		ClientID: v.ClientID, ProjectIds: v.ProjectIDs, RepoID: v.RepoID, ServerURL: v.ServerURL,
		SiteID: v.SiteID, TenantID: v.TenantID, TokenName: v.TokenName, Workspace: v.Workspace,
		Sync: v.Sync.view(now),
	}, nil
}

// running reports whether the synchronisation has not finished at a time.
func (s *biSync) running(now time.Time) bool {
	return s != nil && now.Before(s.CreatedAt.Add(syncQueued+syncRunning))
}

func (s *biSync) view(now time.Time) *datafold.BISync {
	if s == nil {
		return nil
	}
	view := &datafold.BISync{ID: s.ID, CreatedAt: s.CreatedAt, Status: "queued"}
	if started := s.CreatedAt.Add(syncQueued); !now.Before(started) {
		view.StartedAt, view.Status = &started, "processing"
		if finished := started.Add(syncRunning); !now.Before(finished) {
			view.FinishedAt, view.Status = &finished, "done"
		}
	}
	return view
}

// secrets collects what was given of a type's secrets.
func secrets(pairs map[string]*string) map[string]string {
	kept := map[string]string{}
	for name, value := range pairs {
		if value != nil {
			kept[name] = *value
		}
	}
	return kept
}

// createBI adds an integration under the next number of the workspace.
func (a *API) createBI(ctx context.Context, v biIntegration) (view datafold.BIIntegration, err error) {
	err = a.store.Update(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.Tx) error {
		made, err := insertBI(tx, v)
		if err != nil {
			return err
		}
		view, err = biView(made, tx.Now())
		return err
	})
	return view, biError(err)
}

func insertBI(tx storage.Tx, v biIntegration) (made storage.Item[biIntegration], err error) {
	id, err := tx.Next(sequenceIntegration)
	if err != nil {
		return made, err
	}
	return biIntegrations.Insert(tx, strconv.FormatInt(id, 10), "", v)
}

// updateBI changes an integration of the given type; one of another type is not
// found under this path.
func (a *API) updateBI(ctx context.Context, id int, biType string, change func(*biIntegration)) (view datafold.BIIntegration, err error) {
	err = a.store.Update(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.Tx) error {
		changed, err := biIntegrations.Update(tx, strconv.Itoa(id), func(v *biIntegration) error {
			if v.Type != biType {
				return biError(&storage.Error{Kind: storage.KindNotFound})
			}
			change(v)
			return nil
		})
		if err != nil {
			return err
		}
		view, err = biView(changed, tx.Now())
		return err
	})
	return view, biError(err)
}

// updateSchedule changes the one thing that Looker, Tableau, Mode and Hightouch
// let change. The rest of the body was judged and is dropped.
func (a *API) updateSchedule(ctx context.Context, id int, biType string, cron *string) (datafold.BIIntegration, error) {
	return a.updateBI(ctx, id, biType, func(v *biIntegration) { v.IndexingCron = cron })
}

// GetAllIntegrations lists every BI integration, oldest first.
func (a *API) GetAllIntegrations(ctx context.Context, _ datafold.GetAllIntegrationsRequestObject) (datafold.GetAllIntegrationsResponseObject, error) {
	list := datafold.BIIntegrationList{}
	err := a.store.View(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.ReadTx) error {
		for query := (storage.Query{Limit: 500}); ; {
			page, err := biIntegrations.List(tx, query)
			if err != nil {
				return err
			}
			for _, item := range page.Items {
				view, err := biView(item, tx.Now())
				if err != nil {
					return err
				}
				list = append(list, view)
			}
			if page.Next == "" {
				return nil
			}
			query.After = page.Next
		}
	})
	if err != nil {
		return nil, err
	}
	return datafold.GetAllIntegrations200JSONResponse(list), nil
}

// GetIntegration reads one BI integration of any type.
func (a *API) GetIntegration(ctx context.Context, request datafold.GetIntegrationRequestObject) (datafold.GetIntegrationResponseObject, error) {
	var view datafold.BIIntegration
	err := a.store.View(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.ReadTx) error {
		item, err := biIntegrations.Get(tx, strconv.Itoa(request.BIDatasourceID))
		if err != nil {
			return err
		}
		view, err = biView(item, tx.Now())
		return err
	})
	if err != nil {
		return nil, biError(err)
	}
	return datafold.GetIntegration200JSONResponse(view), nil
}

// RemoveIntegration removes a BI integration completely, secrets included: none is
// ever kept as deleted.
func (a *API) RemoveIntegration(ctx context.Context, request datafold.RemoveIntegrationRequestObject) (datafold.RemoveIntegrationResponseObject, error) {
	err := a.store.Update(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.Tx) error {
		id := strconv.Itoa(request.BIDatasourceID)
		return tx.Purge(biIntegrations.Kind, id)
	})
	if err != nil {
		return nil, biError(err)
	}
	return datafold.RemoveIntegration200JSONResponse{ID: request.BIDatasourceID}, nil
}

// ResyncIntegration starts a synchronisation, unless one is still running.
func (a *API) ResyncIntegration(ctx context.Context, request datafold.ResyncIntegrationRequestObject) (datafold.ResyncIntegrationResponseObject, error) {
	var view datafold.BIIntegration
	err := a.store.Update(ctx, contract.PrincipalFrom(ctx).Workspace, func(tx storage.Tx) error {
		id := strconv.Itoa(request.BIDatasourceID)
		item, err := biIntegrations.Get(tx, id)
		if err != nil {
			return err
		}
		if !item.Value.Sync.running(tx.Now()) {
			n, err := tx.Next(sequenceSync)
			if err != nil {
				return err
			}
			item, err = biIntegrations.Update(tx, id, func(v *biIntegration) error {
				v.Sync = &biSync{ID: int(n), CreatedAt: tx.Now()}
				return nil
			})
			if err != nil {
				return err
			}
		}
		view, err = biView(item, tx.Now())
		return err
	})
	if err != nil {
		return nil, biError(err)
	}
	return datafold.ResyncIntegration200JSONResponse(view), nil
}
