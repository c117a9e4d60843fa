package brms

import (
	"cmp"
	"maps"
	"slices"

	"github.com/understudy-api/understudy/gen/brms"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

var _ seed.API = (*API)(nil)

// Seed describes the resources of a seed.
func (a *API) Seed() seed.Part {
	return seed.Part{Resources: []*seed.Resource{seedOfProjects()}}
}

// seedTimes are the members of a resource that a seed has beside those of its body.
func seedTimes() []seed.Member {
	return []seed.Member{
		{Name: "id", Kind: seed.UUID, About: "Without it, the next id of the workspace"},
		{Name: "createdAt", Kind: seed.Time, About: "Without it, what the clock of the workspace shows"},
		{Name: "updatedAt", Kind: seed.Time, About: "Without it, the later of createdAt and deletedAt"},
		{Name: "deletedAt", Kind: seed.Time, About: "When it was deleted; without it, it was not"},
	}
}

// seedMeta is what a store is to know of an entry.
func seedMeta(tx storage.Tx, e *seed.Entry, parent string) storage.Meta {
	m := storage.Meta{
		ID: e.Own.Text("id"), Parent: parent,
		Created: e.Own.Time("createdAt"), Updated: e.Own.Time("updatedAt"), Deleted: e.Own.Time("deletedAt"),
	}
	if m.Updated.IsZero() {
		m.Updated = m.Created
		if m.Deleted.After(m.Updated) {
			m.Updated = m.Deleted
		}
	}
	if m.ID == "" {
		m.ID = tx.NewID()
	}
	return m
}

func seedExport(m storage.Meta, body any) seed.Exported {
	return seed.Exported{ID: m.ID, Body: body, Own: seed.Values{
		"id": m.ID, "createdAt": m.Created, "updatedAt": m.Updated, "deletedAt": m.Deleted,
	}}
}

func living(e *seed.Entry) bool { return e.Own.Time("deletedAt").IsZero() }

func seedOfProjects() *seed.Resource {
	return &seed.Resource{
		List: "projects", Name: "project", Kind: projects.Kind,
		Creates: []seed.Create{{Path: "/api/projects", Read: seed.Into[brms.CreateProjectRequest]}},
		Own:     seedTimes(),
		Within:  []*seed.Resource{seedOfIntegrations()},
		Check:   checkProjects,
		Insert: func(tx storage.Tx, e *seed.Entry, _ string) (string, error) {
			body, _ := e.Body.(*brms.CreateProjectRequest)
			made, err := insertProject(tx, seedMeta(tx, e, ""), newProject(body), body.CopyContentRef)
			return made.ID, err
		},
		Export: func(tx storage.ReadTx, _ string) ([]seed.Exported, error) {
			return exportAll(tx, projects, "", func(p project) any {
				return brms.CreateProjectRequest{Name: p.Name, Key: p.Key, Protected: &p.Protected, Version: &p.Version}
			})
		},
	}
}

func seedOfIntegrations() *seed.Resource {
	return &seed.Resource{
		List: "integrations", Name: "integration", Kind: integrations.Kind,
		Creates: []seed.Create{{
			Path: "/api/projects/{projectId}/integrations",
			Vars: map[string]string{"projectId": "00000000-0000-4000-8000-000000000000"},
			Read: seed.Into[brms.CreateIntegrationRequest],
		}},
		Own:   seedTimes(),
		Check: checkKinds,
		Insert: func(tx storage.Tx, e *seed.Entry, parent string) (string, error) {
			body, _ := e.Body.(*brms.CreateIntegrationRequest)
			made, err := integrations.Import(tx, seedMeta(tx, e, parent), newIntegration(body))
			return made.ID, err
		},
		Export: func(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
			return exportAll(tx, integrations, parent, func(i integration) any {
				c := &i.Config
				return brms.CreateIntegrationRequest{
					Name: i.Name, Type: i.Type, Kind: i.Kind, Description: i.Description, Group: i.Group,
					Config: brms.HTTPIntegrationConfigInput{
						URL: c.URL, Output: c.Output, Method: &c.Method, Timeout: &c.Timeout, Headers: &c.Headers,
						Cookies: &c.Cookies, Inputs: &c.Inputs, EnableInputs: &c.EnableInputs,
					},
				}
			})
		},
	}
}

// exportAll gives the records below a parent, living and deleted, in the order of
// their insertion.
func exportAll[T any](tx storage.ReadTx, of storage.Collection[T], parent string, body func(T) any) ([]seed.Exported, error) {
	var items []storage.Item[T]
	for _, deleted := range []bool{false, true} {
		for query := (storage.Query{Parent: &parent, Deleted: deleted, Limit: maxPerPage}); ; {
			page, err := of.List(tx, query)
			if err != nil {
				return nil, err
			}
			items = append(items, page.Items...)
			if page.Next == "" {
				break
			}
			query.After = page.Next
		}
	}
	slices.SortFunc(items, func(a, b storage.Item[T]) int { return cmp.Compare(a.Seq, b.Seq) })
	exported := make([]seed.Exported, len(items))
	for i := range items {
		exported[i] = seedExport(items[i].Meta, body(items[i].Value))
	}
	return exported, nil
}

// checkProjects finds keys that are taken and content that cannot be copied, and
// makes the keys that are not given of the names, as CreateProject does.
func checkProjects(entries []*seed.Entry, report seed.Report) {
	taken := map[string]bool{}
	for _, e := range entries {
		key, given := e.Text("key")
		if !given || !living(e) {
			continue
		}
		if taken[key] {
			report(e, "key", "Another project has this key. Give each its own, or none to have one made of the name.")
		}
		taken[key] = true
	}
	content := map[string]map[string]bool{} // kinds of the projects met so far, by id
	for _, e := range entries {
		body, ok := e.Body.(*brms.CreateProjectRequest)
		if !ok {
			continue
		}
		if _, given := e.Text("key"); !given {
			body.Key = firstFree(keyFrom(body.Name), func(key string) bool { return taken[key] })
			if living(e) {
				taken[body.Key] = true
			}
		}
		kinds := map[string]bool{}
		if ref := body.CopyContentRef; ref != nil {
			source, known := content[ref.String()]
			if !known {
				report(e, "copyContentRef", "No project above has this id and is not deleted. Put the project whose content is copied first.")
			}
			maps.Copy(kinds, source)
		}
		for _, i := range e.Within["integrations"] {
			kind, given := i.Text("kind")
			if !given || !living(i) {
				continue
			}
			if body.CopyContentRef != nil && content[body.CopyContentRef.String()][kind] {
				report(i, "kind", "An integration of this kind is copied from the other project. Give this one its own.")
			}
			kinds[kind] = true
		}
		if id := e.Own.Text("id"); id != "" && living(e) {
			content[id] = kinds
		}
	}
}

// checkKinds finds kinds that stand twice in a list of integrations.
func checkKinds(entries []*seed.Entry, report seed.Report) {
	kinds := map[string]bool{}
	for _, e := range entries {
		kind, given := e.Text("kind")
		if !given || !living(e) {
			continue
		}
		if kinds[kind] {
			report(e, "kind", "Another integration of the project has this kind. Give each its own.")
		}
		kinds[kind] = true
	}
}
