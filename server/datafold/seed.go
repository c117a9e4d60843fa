package datafold

import (
	"strconv"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

var _ seed.API = (*API)(nil)

// The members of a BI integration that a seed has beside those of its body.
const (
	seedID        = "id"
	seedSync      = "sync"
	seedCreatedAt = "createdAt"
)

// Seed describes the resources of a seed.
func (a *API) Seed() seed.Part {
	return seed.Part{
		Resources: []*seed.Resource{seedOfBI()},
		Jobs:      []*job.Kind{syncs},
		Sequences: []seed.Sequence{
			{Member: "bi", Name: sequenceIntegration, Of: func(e *seed.Entry) int64 { return e.Own.Number(seedID) }},
			{Member: "sync", Name: sequenceSync, Of: func(e *seed.Entry) int64 { return e.Own.Object(seedSync).Number(seedID) }},
		},
	}
}

// seedType is what a type of BI integrations is in a seed: C is the body of the
// operation that creates one.
func seedType[C any](biType string, config func(*C) biIntegration) seed.Create {
	return seed.Create{
		Type: biType, Path: "/api/v1/lineage/bi/" + biType + "/",
		Read: func(body []byte) (any, error) {
			read, err := seed.Into[C](body)
			if err != nil {
				return nil, err
			}
			c, _ := read.(*C)
			return config(c), nil
		},
	}
}

func seedOfBI() *seed.Resource {
	return &seed.Resource{
		List: "bi", Name: "BI integration", Kind: biIntegrations.Kind,
		Creates: []seed.Create{
			seedType(typeDbt, dbtConfig), seedType(typeHightouch, hightouchConfig), seedType(typeLooker, lookerConfig),
			seedType(typeMode, modeConfig), seedType(typePowerBI, powerBIConfig), seedType(typeTableau, tableauConfig),
		},
		Own: []seed.Member{
			{Name: seedID, Kind: seed.Number, About: "Without it, the next number of the workspace"},
			{Name: seedSync, Kind: seed.Object, About: "The latest synchronisation that was asked for", Members: []seed.Member{
				{Name: seedID, Kind: seed.Number, About: "Without it, the next number of the workspace"},
				{Name: seedCreatedAt, Kind: seed.Time, About: "When it was asked for; without it, what the clock of the workspace shows"},
			}},
		},
		Check:  checkSyncs,
		Insert: insertSeeded,
		Export: func(tx storage.ReadTx, _ string) ([]seed.Exported, error) {
			var exported []seed.Exported
			for query := (storage.Query{Limit: 500}); ; {
				page, err := biIntegrations.List(tx, query)
				if err != nil {
					return nil, err
				}
				for _, item := range page.Items {
					x, err := exportBI(item)
					if err != nil {
						return nil, err
					}
					exported = append(exported, x)
				}
				if page.Next == "" {
					return exported, nil
				}
				query.After = page.Next
			}
		},
	}
}

// checkSyncs finds synchronisations whose number is taken.
func checkSyncs(entries []*seed.Entry, report seed.Report) {
	taken := map[int64]bool{}
	for _, e := range entries {
		if id := e.Own.Object(seedSync).Number(seedID); id > 0 {
			if taken[id] {
				report(e, seedSync, "Another synchronisation has this id. Give each its own, or none.")
			}
			taken[id] = true
		}
	}
}

func insertSeeded(tx storage.Tx, e *seed.Entry, _ string) (string, error) {
	v, _ := e.Body.(biIntegration)
	if sync := e.Own.Object(seedSync); sync != nil {
		v.Sync = &biSync{ID: int(sync.Number(seedID)), CreatedAt: sync.Time(seedCreatedAt)}
		if v.Sync.CreatedAt.IsZero() {
			v.Sync.CreatedAt = tx.Now()
		}
		if v.Sync.ID == 0 {
			n, err := tx.Next(sequenceSync)
			if err != nil {
				return "", err
			}
			v.Sync.ID = int(n)
		}
		if err := v.Sync.begin(tx); err != nil {
			return "", err
		}
	}
	id := e.Own.Number(seedID)
	if id == 0 {
		made, err := insertBI(tx, v)
		return made.ID, err
	}
	made, err := biIntegrations.Import(tx, storage.Meta{ID: strconv.FormatInt(id, 10)}, v)
	return made.ID, err
}

func exportBI(item storage.Item[biIntegration]) (seed.Exported, error) {
	id, err := strconv.ParseInt(item.ID, 10, 64)
	if err != nil {
		return seed.Exported{}, err
	}
	v := item.Value
	own := seed.Values{seedID: id}
	if v.Sync != nil {
		own[seedSync] = seed.Values{seedID: int64(v.Sync.ID), seedCreatedAt: v.Sync.CreatedAt}
	}
	return seed.Exported{ID: item.ID, Type: v.Type, Own: own, Body: seedBody{
		Name: v.Name, IndexingCron: v.IndexingCron, AuthType: (*datafold.PowerBIAuthType)(v.AuthType), BaseURL: v.BaseURL, Bindings: bindingsView(v.Bindings),
		CIConfigID: v.CIConfigID, ClientID: v.ClientID, ProjectIDs: v.ProjectIDs, RepoID: v.RepoID,
		ServerURL: v.ServerURL, SiteID: v.SiteID, TenantID: v.TenantID, TokenName: v.TokenName, Workspace: v.Workspace,
	}}, nil
}

// seedBody is the body that creates a BI integration of any type, as far as it is
// no secret.
type seedBody struct {
	Name         *string                       `json:"name,omitempty"`
	IndexingCron *string                       `json:"indexing_cron,omitempty"`
	AuthType     *datafold.PowerBIAuthType     `json:"auth_type,omitempty"`
	BaseURL      *string                       `json:"base_url,omitempty"`
	Bindings     *[]datafold.DataSourceBinding `json:"bindings,omitempty"`
	CIConfigID   *int                          `json:"ci_config_id,omitempty"`
	ClientID     *string                       `json:"client_id,omitempty"`
	ProjectIDs   *[]string                     `json:"project_ids,omitempty"`
	RepoID       *int                          `json:"repo_id,omitempty"`
	ServerURL    *string                       `json:"server_url,omitempty"`
	SiteID       *string                       `json:"site_id,omitempty"`
	TenantID     *string                       `json:"tenant_id,omitempty"`
	TokenName    *string                       `json:"token_name,omitempty"`
	Workspace    *string                       `json:"workspace,omitempty"`
}
