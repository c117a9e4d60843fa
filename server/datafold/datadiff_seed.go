package datafold

import (
	"encoding/json"
	"slices"

	"github.com/understudy-api/understudy/gen/datafold"
	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

// The members of data sources, diffs and outcomes that a seed has beside their bodies.
const (
	seedBacking     = "backing"
	seedSource      = "source"
	seedSQL         = "sql"
	seedIdentifiers = "identifiers"
	seedName        = "name"
)

const (
	pathSources       = "/api/v1/data_sources"
	pathDiffs         = "/api/v1/datadiffs"
	pathOutcome       = "/_understudy/datafold/outcomes/{outcomeName}"
	pathCompatibility = "/_understudy/datafold/compatibility"
)

// sourceSeeds are data sources in a seed, with what stands in for their databases. Tests
// of them are not in it.
func (a *API) sourceSeeds() seeded[dataSource, json.RawMessage] {
	s := seeded[dataSource, json.RawMessage]{
		resource: &dataSources, list: "dataSources",
		own: []seed.Member{
			{Name: seedBacking, Kind: seed.Object, About: "What stands in for the database: source or sql", Members: []seed.Member{
				{Name: seedSource, Kind: seed.Number, About: "The number of another data source"},
				{Name: seedSQL, Kind: seed.Text, About: "SQL of SQLite that fills an embedded database"},
				{Name: seedIdentifiers, Kind: seed.Text, About: `How names are folded: "lower" or "upper"`},
			}},
		},
		check: func(entries []*seed.Entry, report seed.Report) {
			for _, e := range entries {
				if given := e.Own.Object(seedBacking); given != nil && !backingIn(given).sound() {
					report(e, seedBacking, `A backing has "source" or "sql", and identifiers that are "lower" or "upper" if any.`)
				}
			}
		},
		plant: func(_ storage.Tx, v *dataSource, own seed.Values) error {
			if given := own.Object(seedBacking); given != nil {
				v.Backing = backingIn(given)
			}
			// An entry may be planted more than once.
			secrets := make(map[string]string, len(v.Secrets))
			for name, secret := range v.Secrets {
				secrets[name] = a.sealer.sealed(secret)
			}
			v.Secrets = secrets
			return nil
		},
		body: func(v dataSource) (string, any, seed.Values) {
			own := seed.Values{}
			if b := v.Backing; b != nil {
				written := seed.Values{}
				if b.Embedded {
					written[seedSQL] = b.SQL
				} else {
					written[seedSource] = int64(b.Source)
				}
				if b.Identifiers != "" {
					written[seedIdentifiers] = b.Identifiers
				}
				own[seedBacking] = written
			}
			return v.Type, v.exported(), own
		},
	}
	for _, t := range sourceTypes {
		s.creates = append(s.creates, seed.Create{
			Type: t.name, Branch: true, Path: pathSources,
			Read: func(body []byte) (any, error) {
				v, err := sourceOf(body)
				return v, err
			},
		})
	}
	return s
}

func backingIn(v seed.Values) *backing {
	_, embedded := v[seedSQL]
	return &backing{Source: int(v.Number(seedSource)), SQL: v.Text(seedSQL), Embedded: embedded, Identifiers: v.Text(seedIdentifiers)}
}

// sound says whether a backing can be one.
func (b *backing) sound() bool {
	return (b.Source > 0) != b.Embedded && slices.Contains([]string{"", "lower", "upper"}, b.Identifiers)
}

// exported is the body that creates the source, as far as it is no secret.
func (v *dataSource) exported() map[string]any {
	body := map[string]any{memberType: v.Type, memberName: v.Name}
	for name, value := range v.Members {
		body[name] = value
	}
	if v.Options == nil {
		return body
	}
	options := map[string]any{}
	for name, value := range v.Options {
		options[name] = value
	}
	if all, err := forms(); err == nil {
		for _, m := range all[v.Type].options {
			if m.secret && slices.Contains(all[v.Type].required, m.name) {
				options[m.name] = seed.Placeholder
			}
		}
	}
	body[memberOptions] = options
	return body
}

// diffSeeds are data diffs in a seed: as they were asked for. They are made anew.
var diffSeeds = seeded[dataDiff, json.RawMessage]{
	resource: &dataDiffs, list: "dataDiffs",
	creates: []seed.Create{{Path: pathDiffs, Read: func(body []byte) (any, error) {
		read, err := seed.Into[datafold.APIDataDiffData](body)
		if err != nil {
			return nil, err
		}
		asked, _ := read.(*datafold.APIDataDiffData)
		v, err := diffOf(asked, body)
		if err != nil {
			return nil, err
		}
		_, err = v.ask()
		return v, err
	}}},
	own: []seed.Member{
		{Name: seedCreatedAt, Kind: seed.Time, About: "When it was asked for; without it, what the clock of the workspace shows"},
	},
	plant: func(tx storage.Tx, v *dataDiff, own seed.Values) error {
		v.CreatedAt = own.Time(seedCreatedAt)
		if v.CreatedAt.IsZero() {
			v.CreatedAt = tx.Now()
		}
		v.UpdatedAt = v.CreatedAt
		asked, err := v.ask()
		if err == nil {
			v.Script, err = scriptFor(tx, asked)
		}
		return err
	},
	planted: func(tx storage.Tx, item storage.Item[dataDiff]) error {
		if item.Value.Script != nil && item.Value.Script.State != "" {
			return nil
		}
		_, err := diffJobs.Enqueue(tx, job.Order{ID: item.ID, Created: item.Value.CreatedAt})
		return err
	},
	body: func(v dataDiff) (string, any, seed.Values) {
		body := map[string]any{}
		for name, value := range v.Request {
			body[name] = value
		}
		if v.Archived {
			body["archived"] = true
		}
		if v.Purged {
			body["purged"] = true
		}
		return "", body, seed.Values{seedCreatedAt: v.CreatedAt}
	},
}

// outcomeSeeds are the scripted outcomes in a seed.
var outcomeSeeds = seed.Resource{
	List: "outcomes", Name: "outcome", Kind: outcomes.Kind,
	Creates: []seed.Create{{Path: pathOutcome, Control: true, Vars: map[string]string{"outcomeName": "name"}, Read: seed.Into[outcome]}},
	Own:     []seed.Member{{Name: seedName, Kind: seed.Text, Required: true, About: "The name of the outcome"}},
	Check: func(entries []*seed.Entry, report seed.Report) {
		taken := map[string]bool{}
		for _, e := range entries {
			name := e.Own.Text(seedName)
			switch rule, ok := e.Body.(*outcome); {
			case name == "":
				report(e, seedName, "An outcome has a name.")
			case taken[name]:
				report(e, seedName, "Another outcome has this name.")
			case ok:
				if err := rule.check(); err != nil {
					report(e, "result", err.Error())
				}
			}
			taken[name] = true
		}
	},
	Insert: func(tx storage.Tx, e *seed.Entry, _ string) (string, error) {
		read, _ := e.Body.(*outcome)
		rule := *read
		rule.Name = e.Own.Text(seedName)
		return rule.Name, plantOutcome(tx, rule)
	},
	Export: func(tx storage.ReadTx, _ string) (exported []seed.Exported, err error) {
		rules, err := rulesOf(tx)
		for _, rule := range rules {
			name := rule.Name
			rule.Name, rule.Seen, rule.Rank = "", 0, 0
			exported = append(exported, seed.Exported{ID: name, Body: rule, Own: seed.Values{seedName: name}})
		}
		return exported, err
	},
}

// compatibilitySeeds say in a seed how a workspace is answered: once, or not at all.
var compatibilitySeeds = seed.Resource{
	List: "compatibility", Name: "compatibility", Kind: compatibilities.Kind,
	Creates: []seed.Create{{Path: pathCompatibility, Control: true, Read: seed.Into[compatibility]}},
	Check: func(entries []*seed.Entry, report seed.Report) {
		for _, e := range entries[min(1, len(entries)):] {
			report(e, "", "A workspace is answered in one way. Remove the others.")
		}
	},
	Insert: func(tx storage.Tx, e *seed.Entry, _ string) (string, error) {
		c, _ := e.Body.(*compatibility)
		return theOne, stow(compatibilities, tx, theOne, *c)
	},
	Export: func(tx storage.ReadTx, _ string) ([]seed.Exported, error) {
		c, err := compatibilityOf(tx)
		if err != nil || c == (compatibility{}) {
			return nil, err
		}
		return []seed.Exported{{ID: theOne, Body: c}}, nil
	},
}
