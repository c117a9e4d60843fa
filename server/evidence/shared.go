package evidence

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// Where several processes keep evidence in one store, each has things in memory that
// it will store in a moment. When one of them clears the evidence of a workspace, an
// epoch ends for all of them, and what the others have not stored yet must not come
// afterwards. So a process reads the epoch with every request, before it serves it:
// what it recorded before it heard of a later epoch is from before the clearing, or
// came at the same time, and is dropped; what it records later is from after it.
//
// The time at which the evidence was cleared would not do instead, compared when it is
// stored: the clocks of processes differ, and what a process counted between two writes
// is one sum, of which no time says what part is from before it.

// firstEpoch is that of evidence that was never cleared. 0 is one nobody asked for:
// what is recorded in it is kept.
const firstEpoch = 1

// epochPrefix and a workspace's name are the workspace of the store whose settings
// tell the epoch, for they can be read with every request. The settings of
// storeName tell that of all workspaces.
const epochPrefix = storeName + "\x00"

// Epochs names the workspaces of the store whose settings [Recorder.Heed] wants to
// be told when a request of the workspace begins: none if the store is not shared.
func (r *Recorder) Epochs(workspace string) []string {
	if !r.o.Shared {
		return nil
	}
	return []string{storeName, epochPrefix + workspace}
}

// Heed takes notice of settings: those of the workspaces that Epochs named, in their
// order, read since the request began.
func (r *Recorder) Heed(workspace string, settings []storage.Settings) {
	if len(settings) == 0 {
		return
	}
	epoch := epochOf(settings...)
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.epochs[workspace]
	if epoch <= known {
		return
	}
	if w := r.workspaces[workspace]; w != nil && known != 0 {
		r.dropWorkspace(w)
	}
	r.setEpoch(workspace, epoch)
}

func epochOf(settings ...storage.Settings) int64 {
	epoch := int64(firstEpoch)
	for _, s := range settings {
		if n, err := strconv.ParseInt(s.Data, 10, 64); err == nil {
			epoch = max(epoch, n)
		}
	}
	return epoch
}

// maxEpochs is how many epochs are remembered of workspaces of which nothing waits.
const maxEpochs = 100_000

func (r *Recorder) setEpoch(workspace string, epoch int64) {
	if _, known := r.epochs[workspace]; !known && len(r.epochs) >= maxEpochs {
		for name := range r.epochs {
			if r.workspaces[name] == nil {
				delete(r.epochs, name)
			}
		}
	}
	r.epochs[workspace] = epoch
}

// dropWorkspace drops what memory holds of a workspace.
func (r *Recorder) dropWorkspace(w *workspace) {
	for w.own.count > 0 {
		r.dropExchange(w.own.oldest)
	}
	for _, k := range w.pending {
		r.waiting -= k.size
	}
	w.apis, w.counts, w.groups = map[string]*use{}, map[*plan]*counts{}, map[string]*met{}
	w.pending, w.carry, w.dirty = nil, nil, false
	w.waiting = 0
	delete(r.dirty, w)
	r.dropIfEmpty(w)
}

// patience bounds the time for which an answer waits for the epoch.
const patience = 250 * time.Millisecond

// askEpoch reads the epoch for an exchange that ended without it: one that was refused
// before its operation was treated, or of the control API.
func (r *Recorder) askEpoch(x *site.Exchange) {
	treated := x.API != ControlAPI && x.Operation != nil && x.Workspace != "" && (x.Forced == nil || x.Forced.By != site.ForcedByWorkspace)
	if treated || r.failing.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if settings, err := r.store.Settings(ctx, r.Epochs(x.Workspace)...); err == nil {
		r.Heed(x.Workspace, settings)
	}
}

// beginEpoch begins an epoch in a transaction on the evidence and on the workspace that
// tells it. The tally tells it too, to those who store evidence.
func (r *Recorder) beginEpoch(own, teller storage.Tx, workspace string) (int64, error) {
	settings, err := own.Settings()
	if err != nil {
		return 0, err
	}
	told, err := teller.Settings()
	if err != nil {
		return 0, err
	}
	// By the clock, so that an epoch that was purged is not begun again.
	epoch := max(epochOf(settings, told)+1, time.Now().UnixMicro())
	told.Data = strconv.FormatInt(epoch, 10)
	if err := teller.SetSettings(told); err != nil || own == teller {
		return epoch, err
	}
	return epoch, changeTally(own, workspace, func(t *tally) { t.Epoch = epoch })
}

// epochEnded reports whether the epoch is over in which something was recorded.
func epochEnded(tx storage.Tx, d *delta) (bool, error) {
	if d.epoch == 0 {
		return false, nil
	}
	settings, err := tx.Settings()
	if err != nil {
		return false, err
	}
	epoch := epochOf(settings)
	if t, err := tallies.Get(tx, tallyID(d.workspace)); err == nil {
		epoch = max(epoch, t.Value.Epoch)
	} else if !storage.IsNotFound(err) {
		return false, err
	}
	return epoch > d.epoch, nil
}

// tellers names the workspaces that tell the epoch of one: those of the transaction
// that clears its evidence, beside the evidence itself.
func (r *Recorder) tellers(workspace string) []string {
	if !r.o.Shared {
		return nil
	}
	return []string{epochPrefix + workspace}
}

// chunk is newest exchanges of a workspace that were stored together: the others
// that the policy keeps are records of their own. Their messages are another record,
// with the same id.
type chunk struct {
	Workspace string    `json:"workspace"`
	Summaries []Summary `json:"summaries"`
	Bytes     int64     `json:"bytes"`
}

var (
	chunks        = storage.Collection[chunk]{Kind: "recent"}
	chunkMessages = storage.Collection[[]RecordedMessages]{Kind: "recent messages"}
)

// The bounds of a chunk: it is read as a whole, and goes as a whole.
const (
	chunkExchanges = 50
	chunkBytes     = 256 << 10
)

// total is how much all chunks hold.
type total struct {
	Exchanges int64 `json:"exchanges"`
	Bytes     int64 `json:"bytes"`
}

func (t *total) add(exchanges, bytes int64) {
	t.Exchanges, t.Bytes = max(0, t.Exchanges+exchanges), max(0, t.Bytes+bytes)
}

// totals has one record. Its parent is nobody's workspace.
var totals = storage.Collection[total]{Kind: "recent total"}

const (
	totalID     = "all"
	totalParent = epochPrefix
)

// recent is a chunk ready to be stored.
type recent struct {
	chunk    chunk
	messages []RecordedMessages
}

// split makes chunks of exchanges.
func split(workspace string, exchanges []*kept) []recent {
	var list []recent
	for _, k := range exchanges {
		last := len(list) - 1
		if last < 0 || len(list[last].messages) >= chunkExchanges || list[last].chunk.Bytes+k.size > chunkBytes {
			list = append(list, recent{chunk: chunk{Workspace: workspace}})
			last++
		}
		c := &list[last]
		c.chunk.Summaries = append(c.chunk.Summaries, summaryOf(k.x))
		c.chunk.Bytes += k.size
		c.messages = append(c.messages, messagesOf(k.x))
	}
	return list
}

// putRecent adds chunks of a workspace, purges the oldest beyond the bounds, and
// gives by how much what it holds changed.
func (r *Recorder) putRecent(tx storage.Tx, workspace string, list []recent) (change total, err error) {
	if len(list) == 0 {
		return total{}, nil
	}
	var before total
	if t, err := tallies.Get(tx, tallyID(workspace)); err == nil {
		before = t.Value.Recent
	} else if !storage.IsNotFound(err) {
		return total{}, err
	}
	for _, c := range list {
		id := uuid.NewString()
		if _, err := chunks.Insert(tx, id, workspace, c.chunk); err != nil {
			return total{}, err
		}
		if _, err := chunkMessages.Insert(tx, id, workspace, c.messages); err != nil {
			return total{}, err
		}
		change.Exchanges += int64(len(c.messages))
		change.Bytes += c.chunk.Bytes
	}
	err = purgeChunks(tx, &workspace, func(c *chunk) bool {
		n := int64(len(c.Summaries))
		// What goes is not among the newest, or takes too much.
		goes := before.Exchanges+change.Exchanges-n >= int64(r.o.Exchanges) || before.Bytes+change.Bytes > r.o.Bytes
		if goes {
			change.Exchanges -= n
			change.Bytes -= c.Bytes
		}
		return goes
	})
	return change, err
}

// purgeChunks purges the oldest chunks, of a parent or of all, as long as they go.
// The newest stays.
func purgeChunks(tx storage.Tx, parent *string, goes func(*chunk) bool) error {
	for {
		page, err := chunks.List(tx, storage.Query{Parent: parent, Limit: 20})
		if err != nil {
			return err
		}
		for i := range page.Items {
			item := &page.Items[i]
			if i == len(page.Items)-1 && page.Next == "" || !goes(&item.Value) {
				return nil
			}
			for _, kind := range []string{chunks.Kind, chunkMessages.Kind} {
				if err := tx.Purge(kind, item.ID); err != nil {
					return err
				}
			}
		}
		if len(page.Items) == 0 {
			return nil
		}
	}
}

// bound adds to what all chunks hold, and purges the oldest of whatever workspace
// beyond the bounds of all.
func (r *Recorder) bound(tx storage.Tx, change total) error {
	if change == (total{}) {
		return nil
	}
	var all total
	if err := changeTotal(tx, func(t *total) {
		t.add(change.Exchanges, change.Bytes)
		all = *t
	}); err != nil || all.Exchanges <= int64(r.o.TotalExchanges) && all.Bytes <= r.o.TotalBytes {
		return err
	}
	gone := map[string]total{}
	var purged total
	if err := purgeChunks(tx, nil, func(c *chunk) bool {
		n := int64(len(c.Summaries))
		goes := all.Exchanges+purged.Exchanges > int64(r.o.TotalExchanges) || all.Bytes+purged.Bytes > r.o.TotalBytes
		if goes {
			purged.Exchanges -= n
			purged.Bytes -= c.Bytes
			own := gone[c.Workspace]
			gone[c.Workspace] = total{own.Exchanges - n, own.Bytes - c.Bytes}
		}
		return goes
	}); err != nil {
		return err
	}
	for workspace, change := range gone {
		if err := changeTally(tx, workspace, func(t *tally) { t.Recent.add(change.Exchanges, change.Bytes) }); err != nil {
			return err
		}
	}
	return changeTotal(tx, func(t *total) { t.add(purged.Exchanges, purged.Bytes) })
}

func changeTotal(tx storage.Tx, change func(*total)) error { return changeTotalOf(tx, totalID, change) }

func changeTotalOf(tx storage.Tx, id string, change func(*total)) error {
	_, err := totals.Update(tx, id, func(t *total) error {
		change(t)
		return nil
	})
	if storage.IsNotFound(err) {
		var t total
		change(&t)
		_, err = totals.Insert(tx, id, totalParent, t)
	}
	return err
}

// recentOf is what the chunks of a workspace hold.
func recentOf(tx storage.ReadTx, workspace string) (total, error) {
	t, err := tallies.Get(tx, tallyID(workspace))
	if storage.IsNotFound(err) {
		err = nil
	}
	return t.Value.Recent, err
}

// newestOnly leaves out the exchanges of chunks that are not among the newest of
// their workspace. The list is in order.
func (r *Recorder) newestOnly(list []Summary, inChunk map[string]bool) []Summary {
	counts := map[string]int{}
	return slices.DeleteFunc(list, func(s Summary) bool {
		counts[s.Workspace]++
		return inChunk[s.ID] && counts[s.Workspace] > r.o.Exchanges
	})
}

// findRecent looks for an exchange in the chunks of a parent, or of all; nil if it
// is not there.
func findRecent(tx storage.ReadTx, parent *string, id string) (*RecordedExchange, error) {
	page, err := chunks.List(tx, storage.Query{Parent: parent, Descending: true})
	if err != nil {
		return nil, err
	}
	for _, item := range page.Items {
		i := slices.IndexFunc(item.Value.Summaries, func(s Summary) bool { return s.ID == id })
		if i < 0 {
			continue
		}
		messages, err := chunkMessages.Get(tx, item.ID)
		if err != nil || i >= len(messages.Value) {
			return nil, err
		}
		return &RecordedExchange{Summary: item.Value.Summaries[i], RecordedMessages: messages.Value[i]}, nil
	}
	return nil, nil
}

// An epoch that began longer ago is purged: nothing from before it waits any more.
const (
	epochLife  = 24 * time.Hour
	purgeEvery = time.Hour
)

// purgeEpochs purges the epochs of workspaces that began before a time, so that they
// do not add up. A workspace without evidence is then as if it had never been.
func (r *Recorder) purgeEpochs(ctx context.Context, before time.Time) error {
	names, err := r.store.Workspaces(ctx, epochPrefix)
	if err != nil {
		return err
	}
	for names := range slices.Chunk(names, batch) {
		settings, err := r.store.Settings(ctx, names...)
		if err != nil {
			return err
		}
		var old []string
		for i, name := range names {
			if epochOf(settings[i]) < before.UnixMicro() {
				old = append(old, name)
			}
		}
		if len(old) == 0 {
			continue
		}
		if err := r.together(ctx, old, func(own storage.Tx, tellers []storage.Tx) error {
			for _, teller := range tellers {
				if err := purgeEpoch(own, teller, before); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func purgeEpoch(own, teller storage.Tx, before time.Time) error {
	settings, err := teller.Settings()
	if err != nil || epochOf(settings) >= before.UnixMicro() { // it was cleared again
		return err
	}
	id := tallyID(strings.TrimPrefix(teller.Workspace(), epochPrefix))
	t, err := tallies.Get(own, id)
	switch {
	case storage.IsNotFound(err):
		err = nil
	case err == nil && t.Value.empty() && t.Value.Bytes == 0 && t.Value.Recent == (total{}):
		err = own.Purge(tallies.Kind, id)
	case err == nil:
		_, err = tallies.Update(own, id, func(t *tally) error {
			t.Epoch = 0
			return nil
		})
	}
	if err != nil {
		return err
	}
	return teller.Clear()
}
