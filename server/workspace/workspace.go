// Package workspace is what a workspace is beside its records: the faults that are
// done to its calls, its clock and its ids, and the snapshots by which all of it
// is kept and brought back.
//
// All of it lies in the store: nothing that a user can see is only in a process.
package workspace

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/storage"
)

// All is the workspace that holds the faults for the calls of all workspaces. No
// credential opens it: no name of a workspace has a NUL.
const All = "\x00understudy all"

// Options make a Manager.
type Options struct {
	Store    storage.Store
	Evidence *evidence.Recorder
	// Documents gives the served documents. Faults are held against them when they
	// are put.
	Documents func() ([]*contract.Document, error)
	// Now is the real time, as the store has it; nil means time.Now.
	Now func() time.Time
}

// Manager steers the calls of workspaces and keeps what they are beside their
// records. It is safe for concurrent use.
type Manager struct {
	store     storage.Store
	evidence  *evidence.Recorder
	documents func() ([]*contract.Document, error)
	now       func() time.Time
	sets      cache
	turns     turns
}

// New makes a Manager.
func New(o Options) *Manager {
	w := &Manager{store: o.Store, evidence: o.Evidence, documents: o.Documents, now: o.Now}
	if w.now == nil {
		w.now = time.Now
	}
	return w
}

// data is the part of a workspace's settings that only this package reads, as JSON.
type data struct {
	Faults   []Fault `json:"faults,omitempty"`
	Snapshot *mark   `json:"snapshot,omitempty"`
}

// parse reads the data of settings: CodeCorrupt if they are none of ours.
func parse(text string) (data, error) {
	var d data
	if text == "" {
		return d, nil
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		// The cause may quote a value.
		return d, &storage.Error{Code: storage.CodeCorrupt, Op: "read the settings of a workspace"}
	}
	return d, nil
}

func (d *data) text() (string, error) {
	if len(d.Faults) == 0 && d.Snapshot == nil {
		return "", nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a body is answered as it was given
	if err := e.Encode(d); err != nil {
		return "", &storage.Error{Code: storage.CodeInvalid, Op: "write the settings of a workspace"}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// change changes the data of a workspace and leaves its other settings alone.
func change(tx storage.Tx, fn func(*data)) error {
	settings, err := tx.Settings()
	if err != nil {
		return err
	}
	d, err := parse(settings.Data)
	if err != nil {
		return err
	}
	fn(&d)
	text, err := d.text()
	if err != nil || text == settings.Data {
		return err
	}
	settings.Data = text
	return tx.SetSettings(settings)
}

// The bounds of the cache: many more workspaces than have faults at a time.
const (
	maxSets  = 256
	maxBytes = 16 << 20
)

// cache keeps the faults that were read from settings, by their text: whatever
// changes them changes the text, in whatever process.
type cache struct {
	mu    sync.RWMutex
	sets  map[string]*set
	bytes int
}

// of gives the faults of a text, which is not empty.
func (c *cache) of(text string) (*set, error) {
	c.mu.RLock()
	s := c.sets[text]
	c.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	s = newSet(d.Faults)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes += len(text); c.sets == nil || len(c.sets) >= maxSets || c.bytes > maxBytes {
		c.sets, c.bytes = map[string]*set{}, len(text)
	}
	c.sets[text] = s
	return s, nil
}

// settingsOf reads the settings of one workspace.
func (w *Manager) settingsOf(ctx context.Context, workspace string) (storage.Settings, error) {
	settings, err := w.store.Settings(ctx, workspace)
	if err != nil {
		return storage.Settings{}, err
	}
	return settings[0], nil
}
