package evidence

import (
	"time"

	"github.com/understudy-api/understudy/storage"
)

// tally is what was counted in a workspace, by names that outlive a change of the
// documents. What is zero is left out.
type tally struct {
	Workspace  string              `json:"workspace"`
	APIs       map[string]*use     `json:"apis"`
	Operations map[string]*opTally `json:"operations"`      // by plan.key
	Bytes      int64               `json:"bytes,omitempty"` // of the exchanges in the store, about
	Told       int64               `json:"told,omitempty"`  // bytes of requests in its kinds of violations
	Recent     total               `json:"recent,omitzero"` // of its chunks
	Epoch      int64               `json:"epoch,omitempty"` // 0 if its evidence was never cleared
	Stranger   bool                `json:"stranger,omitempty"`
}

// use is how often and when something was used.
type use struct {
	Requests int64     `json:"requests"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
}

type opTally struct {
	Requests int64            `json:"requests"`
	Rows     map[string]int64 `json:"rows"`             // by rowKey
	Forced   map[string]int64 `json:"forced,omitempty"` // likewise, of answers that were forced
	Seen     map[string]int64 `json:"seen,omitempty"`   // by plan.names
}

func (u *use) add(requests int64, from, to time.Time) {
	u.Requests += requests
	if u.From.IsZero() || from.Before(u.From) {
		u.From = from
	}
	if to.After(u.To) {
		u.To = to
	}
}

func (t *tally) empty() bool { return len(t.APIs) == 0 }

// add adds another tally. It does not change the other, and keeps nothing of it.
func (t *tally) add(o *tally) {
	if t.APIs == nil {
		t.APIs, t.Operations = map[string]*use{}, map[string]*opTally{}
	}
	for name, from := range o.APIs {
		to := t.APIs[name]
		if to == nil {
			to = &use{}
			t.APIs[name] = to
		}
		to.add(from.Requests, from.From, from.To)
	}
	for name, from := range o.Operations {
		to := t.Operations[name]
		if to == nil {
			to = &opTally{Rows: map[string]int64{}}
			t.Operations[name] = to
		}
		to.Requests += from.Requests
		for key, n := range from.Rows {
			to.Rows[key] += n
		}
		addCounts(&to.Forced, from.Forced)
		addCounts(&to.Seen, from.Seen)
	}
}

func addCounts(to *map[string]int64, from map[string]int64) {
	if *to == nil && len(from) > 0 {
		*to = map[string]int64{}
	}
	for key, n := range from {
		(*to)[key] += n
	}
}

var tallies = storage.Collection[tally]{
	Kind: "tally", Indexes: []storage.Index{{Name: byStranger}},
	Keys: func(_ storage.Meta, t tally) []storage.Key {
		if t.Stranger {
			return []storage.Key{{Index: byStranger, Value: "1"}}
		}
		return nil
	},
}

// changeTally changes the tally of a workspace, which is made if there is none.
func changeTally(tx storage.Tx, workspace string, change func(*tally)) error {
	_, err := tallies.Update(tx, tallyID(workspace), func(t *tally) error {
		change(t)
		return nil
	})
	if storage.IsNotFound(err) {
		t := tally{Workspace: workspace}
		change(&t)
		_, err = tallies.Insert(tx, tallyID(workspace), workspace, t)
	}
	return err
}

// tallyID is never empty.
func tallyID(workspace string) string { return "of " + workspace }
