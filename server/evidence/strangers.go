package evidence

import (
	"context"
	"net/http"
	"slices"

	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// A stranger is a workspace that holds nothing in the store: any credential opens one,
// so that there are as many as somebody likes. What strangers do is kept in memory, of
// the latest of them alone, and drives out nobody else's evidence; what they break the
// contract with is stored, of the latest of them. A store that is shared has the evidence
// of all strangers, for another process may be asked for it.

const (
	maxStrangers       = 1000 // in memory
	maxStoredStrangers = 1000
	maxAcquainted      = 20_000
	// totalStoredBytes bounds the exchanges in the store of all workspaces, about.
	totalStoredBytes = 64 << 20
)

// stays reports whether an exchange shows that its workspace holds something.
func stays(x *site.Exchange) bool {
	return x.Workspace == "" || x.Status >= 200 && x.Status < 300 && x.Method != http.MethodGet && x.Method != http.MethodHead
}

// meet makes an exchange's workspace known, or one of the latest strangers: then it
// reports true.
func (r *Recorder) meet(w *workspace, known bool) bool {
	if w.known {
		return false
	}
	if _, acquainted := r.acquainted[w.name]; acquainted {
		known = true
	}
	switch {
	case known:
		w.known = true
		if len(r.acquainted) >= maxAcquainted {
			clear(r.acquainted) // they are asked for again
		}
		r.acquainted[w.name] = struct{}{}
		for k := w.own.oldest; k != nil; k = k.next[laneOwn] {
			r.strangers.remove(k)
			r.all.push(k)
		}
	case !w.met:
		w.met = true
		r.latest = append(r.latest, w)
		for len(r.latest) > maxStrangers {
			if old := r.latest[0]; !old.known && r.workspaces[old.name] == old {
				r.dropWorkspace(old)
			}
			r.latest[0] = nil
			r.latest = r.latest[1:]
		}
		return true
	}
	return false
}

// weight is what the exchanges of a workspace take, each the more for being one.
func (w *workspace) weight() int64 { return w.own.bytes + 4<<10*int64(w.own.count) }

// among is the queue that a workspace's exchanges are in besides its own.
func (r *Recorder) among(w *workspace) *queue {
	if w.known {
		return &r.all
	}
	return &r.strangers
}

// makeRoom lets exchanges go until the bounds of all hold: those of strangers while they
// have more than half, then those of the workspace that has the most, then the oldest.
func (r *Recorder) makeRoom() {
	for {
		count, bytes := r.all.count+r.strangers.count, r.all.bytes+r.strangers.bytes
		if count <= 1 || count <= r.o.TotalExchanges && bytes <= r.o.TotalBytes {
			return
		}
		oldest := r.all.oldest
		switch {
		case oldest == nil, r.strangers.count > 0 && (r.strangers.count > count/2 || r.strangers.bytes > bytes/2):
			oldest = r.strangers.oldest
		case r.largest != nil && r.largest.own.count > 1 && r.workspaces[r.largest.name] == r.largest &&
			r.largest.weight() > (bytes+4<<10*int64(count))/8:
			oldest = r.largest.own.oldest
		}
		r.dropExchange(oldest)
	}
}

// acquaint finds out which of the latest strangers, or of those that some are, are none:
// their workspaces were there before this process was.
func (r *Recorder) acquaint(ctx context.Context, wanted func(*workspace) bool) error {
	var unasked []*workspace
	r.mu.Lock()
	for _, w := range r.latest {
		if !w.known && !w.asked && wanted(w) && r.workspaces[w.name] == w {
			w.asked = true
			unasked = append(unasked, w)
		}
	}
	r.mu.Unlock()
	for _, w := range unasked {
		names, err := r.store.Workspaces(ctx, w.name)
		r.mu.Lock()
		if err != nil {
			w.asked = false
		} else if slices.Contains(names, w.name) {
			r.meet(w, true)
			if len(w.apis) > 0 {
				r.mark(w)
			}
		}
		r.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// mark notes that something of a workspace is to be stored.
func (r *Recorder) mark(w *workspace) {
	if !w.dirty {
		w.dirty = true
		r.dirty[w] = struct{}{}
	}
}

// strange gives what was counted of the strangers of a scope.
func (r *Recorder) strange(s Scope) []*tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*tally
	for name, w := range r.workspaces {
		if w.known || w.dirty || len(w.apis) == 0 || !s.All && name != s.Workspace {
			continue
		}
		t := &tally{}
		t.add(&tally{APIs: w.apis, Operations: w.counted()})
		list = append(list, t)
	}
	return list
}

// counted is what was counted of operations, which goes on being counted.
func (w *workspace) counted() map[string]*opTally {
	operations := map[string]*opTally{}
	for p, c := range w.counts {
		if c.requests > 0 {
			again := &counts{requests: c.requests, rows: slices.Clone(c.rows), seen: slices.Clone(c.seen), others: c.others}
			operations[p.key] = again.drain(p)
		}
	}
	return operations
}

// byStranger is the index of the tallies of strangers.
const byStranger = "stranger"

// purgeStrangers purges the evidence of the strangers that were stored first, as long as
// there are more of them than that, or goes says so.
func purgeStrangers(tx storage.Tx, most int64, goes func() bool) error {
	stranger := "1"
	for {
		page, err := tallies.List(tx, storage.Query{Index: byStranger, Equal: &stranger, Limit: 20})
		if err != nil {
			return err
		}
		left := page.Total
		for _, item := range page.Items {
			if left <= most && !goes() {
				return nil
			}
			if err := purgeScope(tx, &item.Value.Workspace); err != nil {
				return err
			}
			left--
		}
		if len(page.Items) == 0 {
			return nil
		}
	}
}

// storedID is the record of totals that says how much the stored exchanges take.
const storedID = "stored"

// changeStored changes by how much the stored exchanges of all take, and gives it.
func changeStored(tx storage.Tx, by int64) (bytes int64, err error) {
	if by == 0 {
		return 0, nil
	}
	return bytes, changeTotalOf(tx, storedID, func(t *total) {
		t.add(0, by)
		bytes = t.Bytes
	})
}

// boundStored purges exchanges if those of all workspaces take too much: first those of
// strangers, then of the workspace that has the most.
func (r *Recorder) boundStored(tx storage.Tx, by int64) error {
	bytes, err := changeStored(tx, by)
	if err != nil || bytes <= totalStoredBytes {
		return err
	}
	const enough = totalStoredBytes * 3 / 4
	stored := func() int64 {
		var t storage.Item[total]
		if t, err = totals.Get(tx, storedID); err != nil {
			return 0
		}
		return t.Value.Bytes
	}
	if e := purgeStrangers(tx, maxStoredStrangers, func() bool { return stored() > enough }); e != nil {
		return e
	}
	for err == nil && stored() > enough {
		largest, e := largestTally(tx)
		if e != nil || largest.Bytes == 0 {
			return e
		}
		if err := purgeHalf(tx, largest); err != nil {
			return err
		}
	}
	return err
}

func largestTally(tx storage.ReadTx) (largest tally, err error) {
	err = tallies.Each(tx, storage.Query{}, func(item storage.Item[tally]) error {
		if item.Value.Bytes > largest.Bytes {
			largest = item.Value
		}
		return nil
	})
	return largest, err
}

// purgeHalf purges the oldest half of a workspace's exchanges.
func purgeHalf(tx storage.Tx, of tally) error {
	gone := int64(0)
	for gone < of.Bytes/2 {
		page, err := storedExchanges.List(tx, storage.Query{Parent: &of.Workspace, Limit: 20})
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := purgeExchange(tx, item.ID); err != nil {
				return err
			}
			if gone += item.Value.Size; gone >= of.Bytes/2 {
				break
			}
		}
		if len(page.Items) == 0 {
			gone = of.Bytes // they were counted wrong
		}
	}
	if err := changeTally(tx, of.Workspace, func(t *tally) { t.Bytes = max(0, t.Bytes-gone) }); err != nil {
		return err
	}
	_, err := changeStored(tx, -gone)
	return err
}
