package datafold

import (
	"fmt"
	"strconv"

	"github.com/understudy-api/understudy/server/seed"
	"github.com/understudy-api/understudy/storage"
)

const pathCIConfig = "/_understudy/datafold/ci-configs/{ciConfigId}"

// ciConfigSeeds are the CI configurations in a seed. Runs and artifacts are not in it.
var ciConfigSeeds = seed.Resource{
	List: "ciConfigs", Name: "CI configuration", Kind: ciConfigRecords.Kind,
	Creates: []seed.Create{{Path: pathCIConfig, Control: true, Vars: map[string]string{"ciConfigId": "1"}, Read: seed.Into[ciConfig]}},
	Own:     []seed.Member{{Name: seedID, Kind: seed.Number, Required: true, About: "The number of the configuration"}},
	Check: func(entries []*seed.Entry, report seed.Report) {
		taken := map[int64]bool{}
		for _, e := range entries {
			switch id := e.Own.Number(seedID); {
			case id < 1:
				report(e, seedID, "A configuration has a number, from 1.")
			case taken[id]:
				report(e, seedID, fmt.Sprintf("Another configuration has the number %d.", id))
			default:
				taken[id] = true
			}
			if c, ok := e.Body.(*ciConfig); ok {
				if err := c.check(); err != nil {
					report(e, "sampling", err.Error())
				}
			}
		}
	},
	Insert: func(tx storage.Tx, e *seed.Entry, _ string) (string, error) {
		c, _ := e.Body.(*ciConfig)
		id := strconv.FormatInt(e.Own.Number(seedID), 10)
		return id, stow(ciConfigRecords, tx, id, *c)
	},
	Export: func(tx storage.ReadTx, _ string) (exported []seed.Exported, err error) {
		err = every(ciConfigRecords, tx, false, func(item storage.Item[ciConfig]) error {
			id, err := strconv.ParseInt(item.ID, 10, 64)
			exported = append(exported, seed.Exported{ID: item.ID, Body: item.Value, Own: seed.Values{seedID: id}})
			return err
		})
		return exported, err
	},
}
