package datafold

import (
	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

// The members of a BI integration that a seed has beside its id and those of its body.
const (
	seedSync      = "sync"
	seedCreatedAt = "createdAt"
)

var biSeeds = seeded[biIntegration, datafold.BIIntegration]{
	resource: &biIntegrations, list: "bi",
	creates: []seed.Create{
		seedType(typeDbt, dbtConfig), seedType(typeHightouch, hightouchConfig), seedType(typeLooker, lookerConfig),
		seedType(typeMode, modeConfig), seedType(typePowerBI, powerBIConfig), seedType(typeTableau, tableauConfig),
	},
	own: []seed.Member{
		{Name: seedSync, Kind: seed.Object, About: "The latest synchronisation that was asked for", Members: []seed.Member{
			{Name: seedID, Kind: seed.Number, About: "Without it, the next number of the workspace"},
			{Name: seedCreatedAt, Kind: seed.Time, About: "When it was asked for; without it, what the clock of the workspace shows"},
		}},
	},
	sequences: []seed.Sequence{
		{Member: "sync", Name: sequenceSync, Of: func(e *seed.Entry) int64 { return e.Own.Object(seedSync).Number(seedID) }},
	},
	check: checkSyncs,
	plant: plantSync,
	body: func(v biIntegration) (string, any, seed.Values) {
		own := seed.Values{}
		if v.Sync != nil {
			own[seedSync] = seed.Values{seedID: int64(v.Sync.ID), seedCreatedAt: v.Sync.CreatedAt}
		}
		return v.Type, seedBody{
			Name: v.Name, IndexingCron: v.IndexingCron, AuthType: (*datafold.PowerBIAuthType)(v.AuthType), BaseURL: v.BaseURL, Bindings: bindingsView(v.Bindings),
			CIConfigID: v.CIConfigID, ClientID: v.ClientID, ProjectIDs: v.ProjectIDs, RepoID: v.RepoID,
			ServerURL: v.ServerURL, SiteID: v.SiteID, TenantID: v.TenantID, TokenName: v.TokenName, Workspace: v.Workspace,
		}, own
	},
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

// plantSync gives an integration the synchronisation that its entry has.
func plantSync(tx storage.Tx, v *biIntegration, own seed.Values) error {
	given := own.Object(seedSync)
	if given == nil {
		return nil
	}
	v.Sync = &biSync{ID: int(given.Number(seedID)), CreatedAt: given.Time(seedCreatedAt)}
	if v.Sync.CreatedAt.IsZero() {
		v.Sync.CreatedAt = tx.Now()
	}
	if v.Sync.ID == 0 {
		n, err := tx.Next(sequenceSync)
		if err != nil {
			return err
		}
		v.Sync.ID = int(n)
	}
	return v.Sync.begin(tx)
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
