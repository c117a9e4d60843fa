package workspace

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/job"
	"github.com/understudy-api/understudy/storage"
)

// Snapshot is a workspace as it was.
type Snapshot struct {
	Name     string    `json:"name"`
	Taken    time.Time `json:"taken"`    // by the real clock
	Evidence bool      `json:"evidence"` // whether it holds the evidence too
}

// mark makes a workspace of the store a snapshot.
type mark struct {
	Taken    time.Time `json:"taken"`
	Evidence bool      `json:"evidence,omitempty"`
}

// A snapshot lies in two workspaces of the store, one with what the workspace holds
// and one with its evidence. No credential opens them.
const (
	snapshotPrefix = "\x00snapshot\x00"
	evidenceSuffix = "\x00evidence"
)

func prefixOf(workspace string) string { return snapshotPrefix + workspace + "\x00" }

// SnapshotWorkspaces names the workspaces of the store in which a snapshot lies:
// that of the records, and that of the evidence.
func SnapshotWorkspaces(workspace, name string) (records, evidence string) {
	records = prefixOf(workspace) + name
	return records, records + evidenceSuffix
}

// Keep makes a snapshot without evidence of a workspace, in a transaction on it and
// on the two workspaces that [SnapshotWorkspaces] names. What they held is gone.
func (w *Manager) Keep(workspace, records, evidence storage.Tx) error {
	return keep(workspace, records, evidence, mark{Taken: w.taken()})
}

func (w *Manager) taken() time.Time { return w.now().UTC().Truncate(time.Microsecond) }

func keep(workspace, records, evidence storage.Tx, m mark) error {
	if err := records.CopyFrom(workspace); err != nil {
		return err
	}
	if err := evidence.Clear(); err != nil {
		return err
	}
	return change(records, func(d *data) { d.Snapshot = &m })
}

// MaxSnapshots is how many snapshots of a workspace are kept at most.
const MaxSnapshots = 1000

// turns are those of the requests that make or delete snapshots of a workspace: who
// counts them must not be overtaken.
type turns struct {
	mutex sync.Mutex
	of    map[string]*turn
}

type turn struct {
	users int // who has it, and who waits for it
	taken chan struct{}
}

// take waits for the turn, until leave is called.
func (t *turns) take(ctx context.Context, workspace string) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, storage.MaxWait)
	defer cancel()
	t.mutex.Lock()
	mine := t.of[workspace]
	if mine == nil {
		if t.of == nil {
			t.of = map[string]*turn{}
		}
		mine = &turn{taken: make(chan struct{}, 1)}
		t.of[workspace] = mine
	}
	mine.users++
	t.mutex.Unlock()
	forget := func() {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		if mine.users--; mine.users == 0 {
			delete(t.of, workspace)
		}
	}
	select {
	case mine.taken <- struct{}{}:
		return func() {
			<-mine.taken
			forget()
		}, nil
	case <-ctx.Done():
		forget()
		return nil, &storage.Error{Code: storage.CodeUnavailable, Op: "wait for other snapshots", Err: ctx.Err()}
	}
}

// room is a CodeFull error if there are so many snapshots that a new one finds no place.
func (w *Manager) room(ctx context.Context, workspace, name string) error {
	kept, err := w.kept(ctx, workspace)
	if err != nil || len(kept) < MaxSnapshots || slices.Contains(kept, name) {
		return err
	}
	return &storage.Error{Code: storage.CodeFull, Op: "take snapshot", Err: &storage.FullError{
		Reason: "A workspace holds at most " + strconv.Itoa(MaxSnapshots) + " snapshots",
	}}
}

// kept lists the names of a workspace's snapshots, with some perhaps that are just being
// deleted.
func (w *Manager) kept(ctx context.Context, workspace string) ([]string, error) {
	prefix := prefixOf(workspace)
	found, err := w.store.Workspaces(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, records := range found {
		if name := strings.TrimPrefix(records, prefix); !strings.Contains(name, "\x00") { // else its evidence
			names = append(names, name)
		}
	}
	return names, nil
}

// Take keeps a workspace as it is at one moment, with its evidence if that is
// wanted. A snapshot of the same name is replaced; a CodeFull error says that there are
// [MaxSnapshots] of other names.
func (w *Manager) Take(ctx context.Context, workspace, name string, withEvidence bool) (Snapshot, error) {
	leave, err := w.turns.take(ctx, workspace)
	if err != nil {
		return Snapshot{}, err
	}
	defer leave()
	if err := w.room(ctx, workspace, name); err != nil {
		return Snapshot{}, err
	}
	records, evidence := SnapshotWorkspaces(workspace, name)
	m := mark{Taken: w.taken(), Evidence: withEvidence}
	if !withEvidence {
		err = w.store.UpdateAll(ctx, []string{workspace, records, evidence}, func(txs []storage.Tx) error {
			return keep(txs[0], txs[1], txs[2], m)
		})
		return m.snapshot(name), err
	}
	err = w.evidence.Save(ctx, workspace, []string{workspace, records, evidence}, func(save func(to storage.Tx) error, txs []storage.Tx) error {
		if err := keep(txs[0], txs[1], txs[2], m); err != nil {
			return err
		}
		return save(txs[2])
	})
	return m.snapshot(name), err
}

func (m *mark) snapshot(name string) Snapshot {
	return Snapshot{Name: name, Taken: m.Taken, Evidence: m.Evidence}
}

// Snapshots lists the snapshots of a workspace by name. It is never nil.
func (w *Manager) Snapshots(ctx context.Context, workspace string) ([]Snapshot, error) {
	names, err := w.kept(ctx, workspace)
	if err != nil {
		return nil, err
	}
	list := []Snapshot{}
	for _, name := range names {
		records, _ := SnapshotWorkspaces(workspace, name)
		settings, err := w.settingsOf(ctx, records)
		if err != nil {
			return nil, err
		}
		d, err := parse(settings.Data)
		if err != nil {
			return nil, err
		}
		if d.Snapshot != nil { // else it was deleted meanwhile
			list = append(list, d.Snapshot.snapshot(name))
		}
	}
	return list, nil
}

// markOf reads the mark of a snapshot: CodeNotFound if there is no such snapshot.
func markOf(tx storage.ReadTx) (*mark, error) {
	d, err := read(tx)
	if err == nil && d.Snapshot == nil {
		err = &storage.Error{Code: storage.CodeNotFound, Op: "find snapshot"}
	}
	return d.Snapshot, err
}

// Restore makes a workspace what it was when the snapshot was taken, at one moment,
// and its evidence too if the snapshot holds it. The snapshot stays. CodeNotFound if
// there is none of this name.
func (w *Manager) Restore(ctx context.Context, workspace, name string) (Snapshot, error) {
	records, evidence := SnapshotWorkspaces(workspace, name)
	var restored Snapshot
	err := w.evidence.Load(ctx, workspace, []string{workspace, records, evidence}, func(load func(from storage.Tx) error, txs []storage.Tx) error {
		m, err := markOf(txs[1])
		if err != nil {
			return err
		}
		restored = m.snapshot(name)
		if err := txs[0].CopyFrom(txs[1]); err != nil {
			return err
		}
		if err := job.Rearm(txs[0]); err != nil {
			return err
		}
		if err := change(txs[0], func(d *data) { d.Snapshot = nil }); err != nil {
			return err
		}
		if !m.Evidence {
			return nil
		}
		return load(txs[2])
	})
	return restored, err
}

// DeleteSnapshot deletes a snapshot: CodeNotFound if there is none of this name.
func (w *Manager) DeleteSnapshot(ctx context.Context, workspace, name string) error {
	leave, err := w.turns.take(ctx, workspace)
	if err != nil {
		return err
	}
	defer leave()
	records, evidence := SnapshotWorkspaces(workspace, name)
	return w.store.UpdateAll(ctx, []string{records, evidence}, func(txs []storage.Tx) error {
		if _, err := markOf(txs[0]); err != nil {
			return err
		}
		if err := txs[0].Clear(); err != nil {
			return err
		}
		return txs[1].Clear()
	})
}

// Reset empties a workspace at one moment, and clears its evidence too if that is
// wanted. Snapshots stay.
func (w *Manager) Reset(ctx context.Context, workspace string, withEvidence bool) error {
	if !withEvidence {
		return w.store.Update(ctx, workspace, func(tx storage.Tx) error { return tx.Clear() })
	}
	return w.evidence.ClearWith(ctx, workspace, []string{workspace}, func(clearEvidence func() error, txs []storage.Tx) error {
		if err := txs[0].Clear(); err != nil {
			return err
		}
		return clearEvidence()
	})
}
