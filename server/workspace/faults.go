package workspace

import (
	"context"
	"slices"

	"github.com/understudy-api/understudy/storage"
)

// Faults lists the faults of a workspace, or those for [All], in the order in which
// they are tried. It is never nil.
func (w *Manager) Faults(ctx context.Context, workspace string) ([]Counted, error) {
	var list []Counted
	err := w.store.View(ctx, workspace, func(tx storage.ReadTx) error {
		d, err := read(tx)
		list = make([]Counted, 0, len(d.Faults))
		for i := range d.Faults {
			counted, err := countedOf(tx, &d.Faults[i])
			if err != nil {
				return err
			}
			list = append(list, counted)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Fault gives a fault by its name: CodeNotFound if there is none.
func (w *Manager) Fault(ctx context.Context, workspace, name string) (Counted, error) {
	var found Counted
	err := w.store.View(ctx, workspace, func(tx storage.ReadTx) error {
		d, err := read(tx)
		if err != nil {
			return err
		}
		i := d.index(name)
		if i < 0 {
			return noFault(name)
		}
		found, err = countedOf(tx, &d.Faults[i])
		return err
	})
	return found, err
}

// PutFault adds a fault behind the others, or replaces the one of its name where it
// stands. Its counts begin anew. One that cannot work is an [*InvalidError].
func (w *Manager) PutFault(ctx context.Context, workspace string, f Fault) (Counted, error) {
	if err := w.sound(ctx, &f); err != nil {
		return Counted{}, err
	}
	err := w.store.Update(ctx, workspace, func(tx storage.Tx) error {
		d, err := read(tx)
		if err != nil {
			return err
		}
		if d.index(f.Name) < 0 && len(d.Faults) >= MaxFaults {
			return &InvalidError{Problems: []Problem{tooManyFaults}}
		}
		if err := purgeCounts(tx, f.Name); err != nil {
			return err
		}
		return change(tx, func(d *data) {
			if i := d.index(f.Name); i >= 0 {
				d.Faults[i] = f
			} else {
				d.Faults = append(d.Faults, f)
			}
		})
	})
	return Counted{Fault: f}, err
}

// DeleteFault deletes a fault and its counts: CodeNotFound if there is none.
func (w *Manager) DeleteFault(ctx context.Context, workspace, name string) error {
	return w.store.Update(ctx, workspace, func(tx storage.Tx) error {
		d, err := read(tx)
		if err != nil {
			return err
		}
		i := d.index(name)
		if i < 0 {
			return noFault(name)
		}
		if err := purgeCounts(tx, name); err != nil {
			return err
		}
		return change(tx, func(d *data) { d.Faults = slices.Delete(d.Faults, i, i+1) })
	})
}

// ClearFaults deletes all faults of a workspace.
func (w *Manager) ClearFaults(ctx context.Context, workspace string) error {
	return w.store.Update(ctx, workspace, func(tx storage.Tx) error { return SetFaults(tx, nil) })
}

// SetFaults makes these the faults of a transaction's workspace. The counts of all
// begin anew. They must have been checked: see [Manager.Check].
func SetFaults(tx storage.Tx, faults []Fault) error {
	page, err := tx.List(states.Kind, storage.Query{})
	if err != nil {
		return err
	}
	for _, r := range page.Records {
		if err := tx.Purge(r.Kind, r.ID); err != nil {
			return err
		}
	}
	return change(tx, func(d *data) { d.Faults = faults })
}

// FaultsOf reads the faults of a transaction's workspace, in their order.
func FaultsOf(tx storage.ReadTx) ([]Fault, error) {
	d, err := read(tx)
	return d.Faults, err
}

// read reads the data of a workspace.
func read(tx storage.ReadTx) (data, error) {
	settings, err := tx.Settings()
	if err != nil {
		return data{}, err
	}
	return parse(settings.Data)
}

// index finds a fault: -1 if there is none.
func (d *data) index(name string) int {
	return slices.IndexFunc(d.Faults, func(f Fault) bool { return f.Name == name })
}

func noFault(name string) error {
	return &storage.Error{Code: storage.CodeNotFound, Op: "find", Kind: states.Kind, ID: name}
}

func countedOf(tx storage.ReadTx, f *Fault) (Counted, error) {
	s, err := states.Get(tx, f.Name)
	if storage.IsNotFound(err) {
		err = nil // it was not met yet
	}
	return Counted{Fault: *f, Met: s.Value.Met, Applied: s.Value.Applied}, err
}

// purgeCounts lets the counts of a fault begin anew.
func purgeCounts(tx storage.Tx, name string) error {
	if err := tx.Purge(states.Kind, name); err != nil && !storage.IsNotFound(err) {
		return err
	}
	return nil
}
