package datafold

import (
	"context"
	"strconv"
	"time"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/internal/pydantic"
	"github.com/understudy-api/understudy/server/job"
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

// biSync is a synchronisation that was asked for: a job of the kind syncs, of the same
// number. Of those that were asked for before there were jobs there is none.
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

// syncs are the synchronisations: what they would fetch is nobody's business here, so
// that they end well without work, a while after they were asked for.
var syncs = &job.Kind{
	Name: "datafold.bi.sync", About: "Synchronises a BI integration",
	Plan:    job.Plan{Mode: job.Clock, Queued: time.Second, Running: 4 * time.Second},
	Outcome: func(storage.ReadTx, job.Job) (any, *job.Failure, bool, error) { return nil, nil, true, nil },
}

// jobWords are the states of jobs in Datafold's words.
var jobWords = map[job.State]string{
	job.Waiting: "waiting", job.Queued: "queued", job.Running: "processing",
	job.Done: "done", job.Failed: "failed", job.Cancelled: "cancelled",
}

// Sequences, counted per workspace.
const (
	sequenceIntegration = "datafold.bi"
	sequenceSync        = "datafold.bi.sync"
)

var biIntegrations = resource[biIntegration, datafold.BIIntegration]{
	noun: "BI integration", sequence: sequenceIntegration,
	records: storage.Collection[biIntegration]{Kind: "datafold.bi"},
	removed: func(tx storage.Tx, v biIntegration) error { return v.Sync.forget(tx) },
	owns:    []byte(`"sync":`),
	view:    biView,
}

func biView(tx storage.ReadTx, look job.Look, item storage.Item[biIntegration]) (datafold.BIIntegration, error) {
	id, err := strconv.Atoi(item.ID)
	if err != nil {
		return datafold.BIIntegration{}, err
	}
	v := item.Value
	sync, err := v.Sync.view(tx, look)
	return datafold.BIIntegration{
		ID: id, Type: v.Type, Name: v.Name, IndexingCron: v.IndexingCron,
		AuthType: (*datafold.PowerBIAuthType)(v.AuthType), BaseURL: v.BaseURL, Bindings: bindingsView(v.Bindings), CIConfigID: v.CIConfigID,
		ClientID: v.ClientID, ProjectIds: v.ProjectIDs, RepoID: v.RepoID, ServerURL: v.ServerURL,
		SiteID: v.SiteID, TenantID: v.TenantID, TokenName: v.TokenName, Workspace: v.Workspace,
		Sync: sync,
	}, err
}

// job is the job of the synchronisation.
func (s *biSync) job(now time.Time, look job.Look) (job.Job, error) {
	id := strconv.Itoa(s.ID)
	j, err := look(syncs, id)
	if storage.IsNotFound(err) {
		return syncs.Assume(id, s.CreatedAt, now), nil
	}
	return j, err
}

func (s *biSync) view(tx storage.ReadTx, look job.Look) (*datafold.BISync, error) {
	if s == nil {
		return nil, nil
	}
	j, err := s.job(tx.Now(), look)
	if err != nil {
		return nil, err
	}
	return &datafold.BISync{
		ID: s.ID, CreatedAt: pydantic.Datetime{Time: s.CreatedAt}, Status: jobWords[j.State], StartedAt: reached(j.Started), FinishedAt: reached(j.Finished),
	}, nil
}

// reached is a time, nil before it has come.
func reached(at time.Time) *pydantic.Datetime {
	if at.IsZero() {
		return nil
	}
	return &pydantic.Datetime{Time: at}
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

// updateBI changes an integration of the given type; one of another type is not
// found under this path.
func (a *API) updateBI(ctx context.Context, id int, biType string, change func(*biIntegration)) (datafold.BIIntegration, error) {
	return biIntegrations.change(ctx, a, func(v *biIntegration) error {
		if v.Type != biType {
			return biIntegrations.notFound()
		}
		change(v)
		return nil
	}, id)
}

// updateSchedule changes the one thing that Looker, Tableau, Mode and Hightouch
// let change. The rest of the body was judged and is dropped.
func (a *API) updateSchedule(ctx context.Context, id int, biType string, cron *string) (datafold.BIIntegration, error) {
	return a.updateBI(ctx, id, biType, func(v *biIntegration) { v.IndexingCron = cron })
}

// GetAllIntegrations lists every BI integration, oldest first.
func (a *API) GetAllIntegrations(ctx context.Context, _ datafold.GetAllIntegrationsRequestObject) (datafold.GetAllIntegrationsResponseObject, error) {
	list, err := biIntegrations.list(ctx, a)
	return datafold.GetAllIntegrations200JSONResponse(list), err
}

// GetIntegration reads one BI integration of any type.
func (a *API) GetIntegration(ctx context.Context, request datafold.GetIntegrationRequestObject) (datafold.GetIntegrationResponseObject, error) {
	view, err := biIntegrations.read(ctx, a, request.BIDatasourceID)
	return datafold.GetIntegration200JSONResponse(view), err
}

// RemoveIntegration removes a BI integration completely.
func (a *API) RemoveIntegration(ctx context.Context, request datafold.RemoveIntegrationRequestObject) (datafold.RemoveIntegrationResponseObject, error) {
	err := biIntegrations.remove(ctx, a, request.BIDatasourceID)
	return datafold.RemoveIntegration200JSONResponse{ID: request.BIDatasourceID}, err
}

// ResyncIntegration starts a synchronisation, unless one is still running.
func (a *API) ResyncIntegration(ctx context.Context, request datafold.ResyncIntegrationRequestObject) (datafold.ResyncIntegrationResponseObject, error) {
	view, err := biIntegrations.write(ctx, a, func(w *work) (storage.Item[biIntegration], error) {
		item, err := biIntegrations.at(w, request.BIDatasourceID)
		if err != nil {
			return item, err
		}
		if running, err := item.Value.Sync.running(w); err != nil || running {
			return item, err
		}
		return resync(w, item, request.BIDatasourceID)
	})
	return datafold.ResyncIntegration200JSONResponse(view), err
}

// running reports whether the synchronisation has not ended.
func (s *biSync) running(tx storage.ReadTx) (bool, error) {
	if s == nil {
		return false, nil
	}
	j, err := s.job(tx.Now(), looking(tx))
	return !j.State.Ended(), err
}

// forget removes the job of a synchronisation that nobody can see any more.
func (s *biSync) forget(tx storage.Tx) error {
	if s == nil {
		return nil
	}
	return syncs.Forget(tx, strconv.Itoa(s.ID))
}

// resync starts a synchronisation in place of the one before.
func resync(w *work, item storage.Item[biIntegration], id int) (storage.Item[biIntegration], error) {
	if err := item.Value.Sync.forget(w); err != nil {
		return item, err
	}
	n, err := w.Next(sequenceSync)
	if err != nil {
		return item, err
	}
	sync := &biSync{ID: int(n), CreatedAt: w.Now()}
	if err := sync.begin(w); err != nil {
		return item, err
	}
	return biIntegrations.update(w, func(v *biIntegration) error {
		v.Sync = sync
		return nil
	}, id)
}

// begin makes the job of a synchronisation.
func (s *biSync) begin(tx storage.Tx) error {
	_, err := syncs.Enqueue(tx, job.Order{ID: strconv.Itoa(s.ID), Created: s.CreatedAt})
	return err
}
