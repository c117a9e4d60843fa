package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/understudy-api/understudy/storage"
)

// modelWorkspace is a workspace of testWorkspacesModel.
type modelWorkspace struct {
	model
	exists   bool
	settings storage.Settings
	// seen is what it held after it was last changed: it must look the same, to
	// the last byte, until it is changed again. Nil if nobody looked since.
	seen *dump
}

func (w *modelWorkspace) clone() modelWorkspace {
	c := *w
	c.model = w.model.clone()
	return c
}

// workspaceStep is one step of a transaction on several workspaces.
type workspaceStep struct {
	what     int
	on, from int
	op       operation
	settings storage.Settings
}

func someWorkspaceStep(t *rapid.T) workspaceStep {
	step := workspaceStep{what: rapid.IntRange(0, 9).Draw(t, "step"), on: rapid.IntRange(0, 2).Draw(t, "on")}
	switch step.what {
	case 0, 1:
		step.from = rapid.IntRange(0, 2).Draw(t, "from")
	case 2:
	case 3:
		step.settings.Data = someValue.Draw(t, "data")
		step.settings.IDs.Source = rapid.SampledFrom([]storage.IDSource{
			storage.IDsRandom, storage.IDsSequential, storage.IDsSeeded,
		}).Draw(t, "ids")
		if rapid.Bool().Draw(t, "frozen") {
			step.settings.Clock = storage.Clock{}.Freeze(time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 0))
		}
	default:
		step.op = someOperation(t)
	}
	return step
}

// do does a step on the store and the model.
func (s workspaceStep) do(txs []storage.Tx, workspaces []modelWorkspace) error {
	w, tx := &workspaces[s.on], txs[s.on]
	if s.what > 1 {
		w.seen = nil
	}
	switch s.what {
	case 0, 1:
		if err := tx.CopyFrom(txs[s.from]); err != nil {
			return err
		}
		*w = workspaces[s.from].clone()
		if s.what == 1 { // seen later
			return nil
		}
		got, err := readDump(tx, "a", "b")
		if err != nil {
			return err
		}
		want, err := readDump(txs[s.from], "a", "b")
		if err != nil {
			return err
		}
		if diff := want.differs(got); diff != "" {
			return fmt.Errorf("%s copied from %s: %s", tx.Workspace(), txs[s.from].Workspace(), diff)
		}
		return nil
	case 2:
		*w = modelWorkspace{model: model{last: map[string]int64{}}}
		return tx.Clear()
	case 3:
		w.exists, w.settings = true, s.settings
		return tx.SetSettings(s.settings)
	case 4:
		n := w.last[storage.SequenceOfIDs]
		id := tx.NewID()
		if w.settings.IDs.Source == storage.IDsRandom {
			return nil
		}
		if w.last[storage.SequenceOfIDs]++; id != w.settings.IDs.ID(n+1) {
			return fmt.Errorf("drew %s, want number %d", id, n+1)
		}
		return nil
	}
	err := w.do(tx, s.op)
	w.exists = w.exists || len(w.records) > 0 || len(w.last) > 0
	return err
}

// testWorkspacesModel runs random transactions on three workspaces of a store and on their
// models: whatever is done, a copy is what was copied, at the time of copying, and
// a workspace that nothing was done to stays as it is.
func testWorkspacesModel(t *testing.T, open Open) {
	s := open(t, storage.Options{Now: steps()})
	empty := dumpOf(t, s, "empty", "a", "b")
	var rounds atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		prefix := fmt.Sprintf("workspaces %d/", rounds.Add(1))
		var names []string
		var workspaces []modelWorkspace
		for _, name := range []string{"a", "b", "c"} {
			names = append(names, prefix+name)
			workspaces = append(workspaces, modelWorkspace{model: model{last: map[string]int64{}}, seen: &empty})
		}
		mine := errors.New("mine")
		for range rapid.IntRange(1, 3).Draw(t, "transactions") {
			steps := rapid.SliceOfN(rapid.Custom(someWorkspaceStep), 1, 5).Draw(t, "steps")
			fail := rapid.IntRange(0, 4).Draw(t, "outcome") == 0
			after := someLook(t)
			var next []modelWorkspace
			err := s.UpdateAll(t.Context(), names, func(txs []storage.Tx) error {
				next = nil
				for i := range workspaces {
					next = append(next, workspaces[i].clone())
				}
				for _, step := range steps {
					if err := step.do(txs, next); err != nil {
						return err
					}
				}
				if fail {
					return mine
				}
				return nil
			})
			switch {
			case err != nil && (!fail || !errors.Is(err, mine)):
				t.Fatal(err)
			case fail && err == nil:
				t.Fatal("the error of the function was lost")
			case !fail:
				workspaces = next
			}
			compareWorkspaces(t, s, prefix, names, workspaces, after)
		}
	})
}

func compareWorkspaces(t *rapid.T, s storage.Store, prefix string, names []string, workspaces []modelWorkspace, after look) {
	settings, err := s.Settings(context.Background(), names...)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range workspaces {
		w := &workspaces[i]
		if w.exists {
			want = append(want, names[i])
		}
		if diff := cmp.Diff(w.settings, settings[i]); diff != "" {
			t.Fatalf("the settings of %s: %s", names[i], diff)
		}
		if err := s.View(context.Background(), names[i], func(tx storage.ReadTx) error {
			got, err := readDump(tx, "a", "b")
			if err != nil {
				return err
			}
			if w.seen == nil {
				w.seen = &got
			} else if diff := w.seen.differs(got); diff != "" {
				return fmt.Errorf("%s is not what it was: %s", names[i], diff)
			}
			for name, n := range w.last {
				if got.Sequences[name] != n {
					return fmt.Errorf("the sequence %q is at %d, not %d", name, got.Sequences[name], n)
				}
			}
			return w.compare(tx, after)
		}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Workspaces(context.Background(), prefix)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("workspaces %q, %v; want %q", got, err, want)
	}
}
