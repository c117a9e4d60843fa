package seed

import (
	"context"
	"encoding/binary"
	"math"
	"strings"

	guuid "github.com/google/uuid"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/workspace"
	"github.com/understudy-api/understudy/storage"
)

// SnapshotName is the snapshot that a planted workspace is kept as.
const SnapshotName = "seed"

// Result counts what a seed has put into the store.
type Result struct {
	Workspaces int
	Resources  int
	Faults     int
	// Kept are the places in the seed of the workspaces that held something already
	// and were left as they are.
	Kept []string
	// Secret is the credential that all workspaces of the seed name; "" if there are
	// several, or one names none.
	Secret string
}

// target is a workspace of a seed and where it goes.
type target struct {
	*content

	name string // in the store
}

// onlySecret is the secret of the only workspace of a seed: "" if it is of several, or of
// the caller's.
func (s *Seed) onlySecret() string {
	secret := ""
	for i, w := range s.workspaces {
		switch {
		case w.credential == nil, i > 0 && *w.credential != secret:
			return ""
		}
		secret = *w.credential
	}
	return secret
}

// Put makes workspaces what a seed says, all at one moment; what they held is gone.
// A workspace that names no credential is the caller's. The error is [Mistakes] if
// the seed cannot be taken, and then nothing has changed.
func (s *Seeder) Put(ctx context.Context, text Input, caller site.Principal) (Result, error) {
	return s.plant(ctx, text, caller.Workspace, true)
}

// Start is Put for a server that begins: a workspace that holds anything is left as
// it is, so that a restart loses nothing and several servers can start on one store.
// A workspace that names no credential is the caller's, of whom there must be one then.
func (s *Seeder) Start(ctx context.Context, text Input, caller site.Principal) (Result, error) {
	return s.plant(ctx, text, caller.Workspace, false)
}

func (s *Seeder) plant(ctx context.Context, text Input, caller string, replace bool) (Result, error) {
	seed, problems, err := s.Parse(ctx, text)
	if err != nil {
		return Result{}, err
	}
	if len(problems) > 0 {
		return Result{}, Mistakes(problems)
	}
	targets, problems := s.targets(seed, caller)
	if len(problems) > 0 {
		return Result{}, Mistakes(problems)
	}
	d, err := s.documents()
	if err != nil {
		return Result{}, err
	}
	// Of each: itself, and the two in which its snapshot lies.
	const each = 3
	var spaces []string
	for _, t := range targets {
		records, evidence := workspace.SnapshotWorkspaces(t.name, SnapshotName)
		spaces = append(spaces, t.name, records, evidence)
	}
	var result Result
	err = s.o.Store.UpdateAll(ctx, spaces, func(txs []storage.Tx) error {
		result = Result{Secret: seed.onlySecret()}
		for i, t := range targets {
			tx := txs[i*each]
			if !replace {
				held, err := d.holdsAnything(tx)
				if err != nil {
					return err
				}
				if held {
					result.Kept = append(result.Kept, t.pointer)
					continue
				}
			}
			if err := d.fill(ctx, tx, t.content); err != nil {
				return err
			}
			if err := s.o.Workspaces.Keep(tx, txs[i*each+1], txs[i*each+2]); err != nil {
				return err
			}
			result.Workspaces++
			result.Faults += len(t.faults)
			for _, list := range t.lists {
				result.Resources += len(list)
			}
		}
		return nil
	})
	return result, err
}

// targets finds where the workspaces of a seed go.
func (s *Seeder) targets(seed *Seed, caller string) ([]target, []Problem) {
	r := &reader{}
	lines := map[string]int{}
	var targets []target
	for _, w := range seed.workspaces {
		// The caller may be in a sub-workspace; another is beside it, not below.
		base, _, _ := strings.Cut(caller, "/")
		name := site.SubWorkspace(base, w.name)
		switch {
		case w.credential != nil:
			principal, known := s.o.Keys.Principal(*w.credential)
			if !known {
				r.problem(w.node.get(memberCredential), below(w.pointer, memberCredential), "The server does not know this credential.")
				continue
			}
			name = site.SubWorkspace(principal.Workspace, w.name)
		case caller == "":
			r.problem(w.node, w.pointer, "The member %q is missing: there is no caller whose workspace this could be.", memberCredential)
			continue
		case w.name == "":
			name = caller
		}
		if line, again := lines[name]; again {
			w.twice(r, line)
			continue
		}
		lines[name] = w.node.line
		targets = append(targets, target{w, name})
	}
	return targets, inOrder(r.problems.list)
}

// holdsAnything reports whether a workspace is not as on the first day.
func (d *documents) holdsAnything(tx storage.ReadTx) (bool, error) {
	settings, err := tx.Settings()
	if err != nil || settings != (storage.Settings{}) {
		return true, err
	}
	if set, err := job.HasPlans(tx); err != nil || set {
		return true, err
	}
	sequences := []string{storage.SequenceOfIDs}
	for _, p := range d.parts {
		for _, s := range p.Sequences {
			sequences = append(sequences, s.Name)
		}
		for _, resource := range p.all() {
			for _, deleted := range []bool{false, true} {
				if n, err := tx.Count(resource.Kind, "", deleted); err != nil || n > 0 {
					return true, err
				}
			}
		}
	}
	for _, name := range sequences {
		if n, err := tx.Last(name); err != nil || n > 0 {
			return true, err
		}
	}
	return false, nil
}

// fill makes a workspace what a seed says.
func (d *documents) fill(ctx context.Context, tx storage.Tx, w *content) error {
	if err := tx.Clear(); err != nil {
		return err
	}
	settings := storage.Settings{Clock: w.clock, IDs: w.ids}
	actual := tx.Now() // nothing is set: this is the real clock
	switch {
	case w.now != nil:
		settings.Clock.Offset = w.now.Sub(actual)
	case w.stopped:
		settings.Clock = settings.Clock.Freeze(actual)
	}
	if err := tx.SetSettings(settings); err != nil {
		return err
	}
	if drawn := w.lastID(); drawn > 0 {
		if err := tx.AtLeast(storage.SequenceOfIDs, drawn); err != nil {
			return err
		}
	}
	for name, n := range w.sequences {
		if n > 0 {
			if err := tx.AtLeast(name, n); err != nil {
				return err
			}
		}
	}
	if err := w.setPlans(tx); err != nil {
		return err
	}
	for _, p := range d.parts {
		for _, resource := range p.Resources {
			if err := insert(ctx, tx, resource, w.lists[resource.Kind], ""); err != nil {
				return err
			}
		}
	}
	return workspace.SetFaults(tx, w.faults)
}

func insert(ctx context.Context, tx storage.Tx, resource *Resource, entries []*Entry, parent string) error {
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err // nobody waits for it any more
		}
		id, err := resource.Insert(tx, e, parent)
		if storage.IsConflict(err) { // an id that was just drawn, and was given too
			return Mistakes{{e.node.line, e.node.column, e.pointer, "The id of this " + resource.Name + ", or what must be unique in it, is taken by another of the workspace."}}
		}
		if err != nil {
			return err
		}
		for _, within := range resource.Within {
			if err := insert(ctx, tx, within, e.Within[within.List], id); err != nil {
				return err
			}
		}
	}
	return nil
}

// gap ends the search for ids that a seed gives itself: after so many numbers in a row
// of which it gives none.
const gap = 1024

// lastID is the number of the last id that the workspace has handed out: as many as
// the seed says, but no fewer than the ids in it take, so that none is handed out
// again.
func (w *content) lastID() int64 {
	last := w.drawn
	if w.ids.Source == storage.IDsRandom {
		return last
	}
	given := map[string]bool{}
	for _, list := range w.lists {
		for _, e := range list {
			if id := e.Own.Text(memberID); id != "" {
				given[id] = true
			}
		}
	}
	if w.ids.Source == storage.IDsSequential {
		for id := range given {
			if n := numberIn(id); n > last && w.ids.ID(n) == id {
				last = n
			}
		}
		return last
	}
	for n := last + 1; len(given) > 0 && n <= last+gap; n++ {
		if id := w.ids.ID(n); given[id] {
			last = n
		}
	}
	return last
}

// numberIn is the number that a sequential id holds: see [storage.IDs.ID].
func numberIn(id string) int64 {
	parsed, err := guuid.Parse(id)
	if err != nil {
		return 0
	}
	n := binary.BigEndian.Uint64(parsed[8:]) & (math.MaxInt64 >> 1)
	return int64(n)
}
