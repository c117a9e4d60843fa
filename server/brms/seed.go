package brms

import (
	"cmp"
	"slices"
	"strings"

	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

var _ seed.API = (*API)(nil)

// Seed describes the resources of a seed.
func (a *API) Seed() seed.Part {
	return seed.Part{Resources: []*seed.Resource{deploymentSeeds.seed(), projectSeeds.seed()}}
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

// plant makes a record as a seed has it.
func (r *resource[T, V]) plant(tx storage.Tx, m storage.Meta, value T) (storage.Item[T], error) {
	return r.records.Import(tx, m, value)
}

func living(e *seed.Entry) bool { return e.Own.Time("deletedAt").IsZero() }

// seeded is how a resource stands in a seed: as the bodies B of the operation that
// creates one.
type seeded[T, V, B any] struct {
	*resource[T, V]

	list  string // the member that holds them: "projects"
	path  string // of the creating operation
	value func(*B) T
	body  func(T) B
	// check finds what is wrong with a list, beside keys that stand twice in it, and
	// fills in what the operation would; nil for nothing.
	check func([]*seed.Entry, seed.Report)
	// planted does what the operation does beside making the record; nil for nothing.
	planted func(*work, storage.Item[T], *B) error
	within  []*seed.Resource
	// own are members beside those of the body and the times: fill reads them, show
	// writes them.
	own  []seed.Member
	fill func(*seed.Entry, *T)
	show func(T, seed.Values)
}

// seed describes the resource to the room of seeds. What is planted is no deed of
// anybody's: the audit is not told.
func (s seeded[T, V, B]) seed() *seed.Resource {
	return &seed.Resource{
		List: s.list, Name: strings.ToLower(s.noun), Kind: s.records.Kind,
		Creates: []seed.Create{{Path: s.path, Vars: anyIDs(s.path), Read: seed.Into[B]}},
		Own:     append(seedTimes(), s.own...),
		Within:  s.within,
		Check: func(entries []*seed.Entry, report seed.Report) {
			for _, u := range s.unique {
				u.once(entries, report)
			}
			if s.check != nil {
				s.check(entries, report)
			}
		},
		Insert: func(tx storage.Tx, e *seed.Entry, parent string) (string, error) {
			body, _ := e.Body.(*B)
			value := s.value(body)
			if s.fill != nil {
				s.fill(e, &value)
			}
			made, err := s.records.Import(tx, seedMeta(tx, e, parent), value)
			if err == nil && s.planted != nil {
				err = s.planted(&work{Tx: tx}, made, body)
			}
			return made.ID, err
		},
		Export: s.export,
	}
}

// as is the resource as a seed has it in another way: with members of its own, made and
// written by functions of its own.
func as(r *seed.Resource, own []seed.Member, insert func(storage.Tx, *seed.Entry, string) (string, error), export func(storage.ReadTx, string) ([]seed.Exported, error)) *seed.Resource {
	r.Own, r.Insert, r.Export = append(r.Own, own...), insert, export
	return r
}

// once finds keys that stand twice in a list.
func (u unique) once(entries []*seed.Entry, report seed.Report) {
	taken := map[string]bool{}
	for _, e := range entries {
		key, given := e.Text(u.member)
		if !given || !living(e) {
			continue
		}
		if taken[key] {
			report(e, u.member, u.twice)
		}
		taken[key] = true
	}
}

// export gives the records in a place, living and deleted, in the order of their
// insertion.
func (s seeded[T, V, B]) export(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
	var items []storage.Item[T]
	for _, deleted := range []bool{false, true} {
		if err := s.records.Each(tx, storage.Query{Parent: &parent, Deleted: deleted}, func(item storage.Item[T]) error {
			items = append(items, item)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(items, func(a, b storage.Item[T]) int { return cmp.Compare(a.Seq, b.Seq) })
	exported := make([]seed.Exported, len(items))
	for i, item := range items {
		exported[i] = seed.Exported{ID: item.ID, Body: s.body(item.Value), Own: seed.Values{
			"id": item.ID, "createdAt": item.Created, "updatedAt": item.Updated, "deletedAt": item.Deleted,
		}}
		if s.show != nil {
			s.show(item.Value, exported[i].Own)
		}
	}
	return exported, nil
}

// anyIDs gives a value to each parameter of a path, so that a body can be judged alone.
func anyIDs(path string) map[string]string {
	vars := map[string]string{}
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			vars[strings.TrimSuffix(name, "}")] = "00000000-0000-4000-8000-000000000000"
		}
	}
	return vars
}
