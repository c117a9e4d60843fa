package datafold

import (
	"strconv"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

var _ seed.API = (*API)(nil)

// Seed describes the resources of a seed.
func (a *API) Seed() seed.Part {
	part := seed.Part{Jobs: []*job.Kind{syncs, sourceTests, schemaTasks, diffJobs, ciJobs}}
	biSeeds.describe(&part)
	a.sourceSeeds().describe(&part)
	part.Resources = append(part.Resources, &outcomeSeeds, &compatibilitySeeds, &ciConfigSeeds)
	diffSeeds.describe(&part)
	return part
}

// seedID is the member that every resource has in a seed.
const seedID = "id"

// seeded is how a resource stands in a seed: as the bodies of the operations that
// create one, with its number.
type seeded[T, V any] struct {
	*resource[T, V]

	list    string        // the member that holds them, and the numbers they have had: "bi"
	creates []seed.Create // what they read is a T
	own     []seed.Member // beside its id
	// sequences are those of numbers in own.
	sequences []seed.Sequence
	// check finds what is wrong with a list; nil for nothing.
	check func([]*seed.Entry, seed.Report)
	// plant gives a value what it has by its own members, before it is stored; nil for
	// nothing.
	plant func(storage.Tx, *T, seed.Values) error
	// planted makes what belongs to a record, after it is stored; nil for nothing.
	planted func(storage.Tx, storage.Item[T]) error
	// body is what would create a record, as far as it is no secret, with the type that
	// the entry then has and its own members.
	body func(T) (entryType string, body any, own seed.Values)
}

// describe adds the resource to what a seed has of the API.
func (s seeded[T, V]) describe(part *seed.Part) {
	part.Sequences = append(append(part.Sequences, seed.Sequence{
		Member: s.list, Name: s.sequence, Of: func(e *seed.Entry) int64 { return e.Own.Number(seedID) },
	}), s.sequences...)
	part.Resources = append(part.Resources, &seed.Resource{
		List: s.list, Name: s.noun, Kind: s.records.Kind, Creates: s.creates, Check: s.check, Insert: s.insertEntry, Export: s.export,
		Own: append([]seed.Member{{Name: seedID, Kind: seed.Number, About: "Without it, the next number of the workspace"}}, s.own...),
	})
}

// insertEntry plants an entry. That is no deed of anybody's: the audit is not told.
func (s seeded[T, V]) insertEntry(tx storage.Tx, e *seed.Entry, parent string) (string, error) {
	value, _ := e.Body.(T)
	if s.plant != nil {
		if err := s.plant(tx, &value, e.Own); err != nil {
			return "", err
		}
	}
	id := e.Own.Number(seedID)
	if id == 0 {
		next, err := tx.Next(s.sequence)
		if err != nil {
			return "", err
		}
		id = next
	}
	made, err := s.records.Import(tx, storage.Meta{ID: strconv.FormatInt(id, 10), Parent: parent}, value)
	if err == nil && s.planted != nil {
		err = s.planted(tx, made)
	}
	return made.ID, err
}

// export gives the records in a place, in the order of their insertion.
func (s seeded[T, V]) export(tx storage.ReadTx, parent string) ([]seed.Exported, error) {
	var exported []seed.Exported
	err := s.records.Each(tx, storage.Query{Parent: &parent}, func(item storage.Item[T]) error {
		id, err := strconv.ParseInt(item.ID, 10, 64)
		if err != nil {
			return err
		}
		entryType, body, own := s.body(item.Value)
		own[seedID] = id
		exported = append(exported, seed.Exported{ID: item.ID, Type: entryType, Body: body, Own: own})
		return nil
	})
	return exported, err
}
