package evidence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// storeName is the workspace of the store in which all evidence is, of whatever
// workspace it tells. No credential opens it: no name of a workspace has a NUL.
const storeName = "\x00understudy evidence"

// storedGroup is a kind of violation in the store.
type storedGroup struct {
	Workspace string            `json:"workspace"`
	Violation RecordedViolation `json:"violation"`
}

var storedGroups = storage.Collection[storedGroup]{Kind: "violation"}

// purgeable is the index of the exchanges that go first.
const purgeable = "purgeable"

// storedExchange is what a list tells of an exchange; its messages are a record of
// their own.
type storedExchange struct {
	Workspace string               `json:"workspace"`
	Summary   Summary              `json:"summary"`
	Explained []contract.Explained `json:"explained,omitempty"`
	Size      int64                `json:"size"`
	Named     bool                 `json:"named,omitempty"` // by a kind of violation: purged last
}

var (
	storedExchanges = storage.Collection[storedExchange]{Kind: "exchange", Indexes: []storage.Index{{Name: purgeable}}, Keys: func(_ storage.Meta, x storedExchange) []storage.Key {
		if x.Named {
			return nil
		}
		return []storage.Key{{Index: purgeable}}
	}}
	storedMessages = storage.Collection[RecordedMessages]{Kind: "messages"}
)

// delta is what the store does not have yet of a workspace.
type delta struct {
	workspace string
	counted   *tally
	groups    map[string]*met
	pending   []*kept
	recent    []*kept // for chunks
	epoch     int64   // in which it was recorded
	stranger  bool
}

// take takes what waits of a workspace.
func (r *Recorder) take(w *workspace) delta {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := delta{workspace: w.name, counted: &tally{APIs: w.apis, Operations: map[string]*opTally{}}, groups: w.groups, pending: w.pending, epoch: r.epochs[w.name], stranger: !w.known}
	for r.o.Shared && w.own.count > 0 {
		d.recent = append(d.recent, w.own.oldest)
		r.dropExchange(w.own.oldest)
	}
	for p, c := range w.counts {
		if c.requests == 0 {
			continue
		}
		d.counted.Operations[p.key] = c.drain(p)
	}
	if w.carry != nil {
		w.carry.add(d.counted)
		d.counted = w.carry
	}
	w.apis, w.groups, w.pending, w.carry, w.dirty = map[string]*use{}, map[string]*met{}, nil, nil, false
	w.waiting = 0
	delete(r.dirty, w)
	return d
}

// drain takes the counts out.
func (c *counts) drain(p *plan) *opTally {
	t := &opTally{Requests: c.requests, Rows: map[string]int64{}, Seen: map[string]int64{}}
	for i, n := range c.rows {
		if n > 0 {
			t.Rows[rowKey(p.rows[i].RequestType, p.rows[i].Status, p.rows[i].ResponseType)] += n
			c.rows[i] = 0
		}
	}
	for i, n := range c.forced {
		if n > 0 {
			addCounts(&t.Forced, map[string]int64{rowKey(p.rows[i].RequestType, p.rows[i].Status, p.rows[i].ResponseType): n})
		}
	}
	for i, n := range c.seen {
		if n > 0 {
			t.Seen[p.names[i]] += n
			c.seen[i] = 0
		}
	}
	for key, n := range c.others {
		t.Rows[key] += n
	}
	c.requests, c.others, c.forced = 0, nil, nil
	return t
}

// dropStored drops what the store has now.
func (r *Recorder) dropStored(d delta) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range d.pending {
		r.waiting -= k.size
	}
	if w := r.workspaces[d.workspace]; w != nil {
		r.dropIfEmpty(w)
	}
}

// putBack puts back into memory what the store did not take.
func (r *Recorder) putBack(d delta) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.epoch != 0 && r.epochs[d.workspace] > d.epoch { // it was cleared meanwhile
		for _, k := range d.pending {
			r.waiting -= k.size
		}
		return
	}
	w := r.workspace(d.workspace)
	w.dirty = true
	r.dirty[w] = struct{}{}
	if w.carry != nil {
		d.counted.add(w.carry)
	}
	w.carry = d.counted
	for _, newer := range w.groups {
		if older := d.groups[newer.Fingerprint]; older != nil {
			older.add(&newer.RecordedViolation)
		} else if len(d.groups) < r.o.Groups {
			d.groups[newer.Fingerprint] = newer
		}
	}
	w.groups = d.groups
	newer := w.pending
	w.pending, w.waiting = d.pending, 0
	for _, k := range d.pending {
		w.waiting += k.size
	}
	for _, k := range newer {
		r.waiting -= k.size // wait adds it again
		r.wait(w, k)
	}
	for w.own.count > 0 && len(d.recent) > 0 {
		d.recent = append(d.recent, w.own.oldest)
		r.dropExchange(w.own.oldest)
	}
	for _, k := range d.recent {
		k.workspace = w
		r.keep(w, k)
	}
}

// batch is how many workspaces are written in one transaction.
const batch = 50

// Flush stores what waits. What cannot be stored waits on.
func (r *Recorder) Flush(ctx context.Context) error { return r.flushOf(ctx, Scope{All: true}) }

// flushOf stores what waits of a scope: nobody waits for what others have done.
func (r *Recorder) flushOf(ctx context.Context, s Scope) error {
	came := r.flushed.began.Load()
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	if r.flushed.err != nil && r.flushed.began.Load() > came {
		return r.flushed.err // of one that was begun meanwhile: another would only wait as long again
	}
	return r.flush(ctx, s)
}

// lockTime bounds how long a writer waits for others, who wait for the store.
const lockTime = 10 * time.Second

func (r *Recorder) lock(ctx context.Context) error {
	timer := time.NewTimer(lockTime)
	defer timer.Stop()
	err := context.DeadlineExceeded
	select {
	case r.flushing <- struct{}{}:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
	}
	return &storage.Error{Code: storage.CodeUnavailable, Op: "write evidence", Err: err}
}

func (r *Recorder) unlock() { <-r.flushing }

// flush stores what waits of a scope. Between batches others may have their turn.
func (r *Recorder) flush(ctx context.Context, s Scope) (err error) {
	r.flushed.began.Add(1)
	defer func() {
		r.flushed.err = err
		r.failing.Store(err != nil)
	}()
	wanted := func(w *workspace) bool { return s.All || w.name == s.Workspace || w.name == "" }
	if err := r.acquaint(ctx, wanted); err != nil {
		return err
	}
	r.mu.Lock()
	waiting := make([]*workspace, 0, len(r.dirty))
	for w := range r.dirty {
		if wanted(w) {
			waiting = append(waiting, w)
		}
	}
	r.mu.Unlock()
	for first := true; len(waiting) > 0; first = false {
		if !first && s.All {
			r.unlock()
			if err := r.lock(context.WithoutCancel(ctx)); err != nil {
				r.flushing <- struct{}{} // as the caller has it
				return err
			}
		}
		n := min(batch, len(waiting))
		deltas := make([]delta, 0, n)
		for _, w := range waiting[:n] {
			deltas = append(deltas, r.take(w))
		}
		waiting = waiting[n:]
		if err := r.put(ctx, deltas); err != nil {
			for _, d := range deltas {
				r.putBack(d)
			}
			return err
		}
		for _, d := range deltas {
			r.dropStored(d)
		}
	}
	return nil
}

// redacted is an exchange ready to be stored.
type redacted struct {
	id       string
	exchange storedExchange
	messages RecordedMessages
}

func (r *Recorder) put(ctx context.Context, deltas []delta) (err error) {
	defer func() {
		if p := recover(); p != nil { // of a store: what waits must not be lost for it
			err = errors.New("panic while evidence was stored")
		}
	}()
	exchanges := make([][]redacted, len(deltas))
	recents := make([][]recent, len(deltas))
	for i, d := range deltas {
		recents[i] = split(d.workspace, d.recent)
		for _, k := range d.pending {
			var messages RecordedMessages
			k.x.Weighed(func() { messages = messagesOf(k.x) })
			exchanges[i] = append(exchanges[i], redacted{
				id:       k.x.ID,
				exchange: storedExchange{Workspace: d.workspace, Summary: summaryOf(k.x), Explained: k.x.Explained, Size: k.size},
				messages: messages,
			})
		}
	}
	return r.store.Update(ctx, storeName, func(tx storage.Tx) error {
		var sum total
		var bytes int64
		strangers := false
		for i := range deltas {
			strangers = strangers || deltas[i].stranger
			change, stored, err := r.putDelta(tx, &deltas[i], exchanges[i], recents[i])
			if err != nil {
				return err
			}
			bytes += stored
			sum.Exchanges += change.Exchanges
			sum.Bytes += change.Bytes
		}
		if strangers {
			if err := purgeStrangers(tx, maxStoredStrangers, func() bool { return false }); err != nil {
				return err
			}
		}
		if err := r.boundStored(tx, bytes); err != nil {
			return err
		}
		return r.bound(tx, sum)
	})
}

// putDelta stores what waited of a workspace, and gives by how much its chunks
// changed, and the bytes of its exchanges.
func (r *Recorder) putDelta(tx storage.Tx, d *delta, exchanges []redacted, list []recent) (_ total, stored int64, _ error) {
	if over, err := epochEnded(tx, d); err != nil || over {
		return total{}, 0, err
	}
	named, told, err := r.putGroups(tx, *d)
	if err != nil {
		return total{}, 0, err
	}
	bytes, err := r.putExchanges(tx, d.workspace, exchanges, named)
	if err != nil {
		return total{}, 0, err
	}
	change, err := r.putRecent(tx, d.workspace, list)
	if err != nil || d.counted.empty() && bytes == 0 && told == 0 && change == (total{}) {
		return total{}, 0, err
	}
	return change, bytes, changeTally(tx, d.workspace, func(t *tally) {
		t.add(d.counted)
		t.Stranger = d.stranger
		t.Bytes = max(0, t.Bytes+bytes)
		t.Told += told
		t.Recent.add(change.Exchanges, change.Bytes)
	})
}

// putGroups adds kinds of violations, and tells which exchanges they name, and how many
// bytes of requests they tell.
func (r *Recorder) putGroups(tx storage.Tx, d delta) (named map[string]bool, told int64, err error) {
	named = map[string]bool{}
	left := int64(maxToldOfAll)
	if len(d.groups) > 0 {
		t, err := tallies.Get(tx, tallyID(d.workspace))
		if err != nil && !storage.IsNotFound(err) {
			return nil, 0, err
		}
		left -= t.Value.Told
	}
	for _, v := range d.groups {
		id := v.Fingerprint + " of " + d.workspace
		group, err := storedGroups.Update(tx, id, func(g *storedGroup) error {
			g.Violation.add(&v.RecordedViolation)
			return nil
		})
		if storage.CodeOf(err) == storage.CodeNotFound {
			told += v.tellRequest(left - told)
			group, err = r.putGroup(tx, d.workspace, v)
		}
		if err != nil {
			return nil, 0, err
		}
		for _, id := range group.Value.Violation.Exchanges {
			named[id] = true
		}
	}
	return named, told, nil
}

// putGroup stores a kind of violation that is new, with its first request. Beyond the
// bound it is one of the others of its rule: no verdict is better for there being many.
func (r *Recorder) putGroup(tx storage.Tx, workspace string, v *met) (storage.Item[storedGroup], error) {
	n, err := countOf(tx, storedGroups.Kind, workspace)
	if err != nil {
		return storage.Item[storedGroup]{}, err
	}
	if n < int64(r.o.Groups) {
		return storedGroups.Insert(tx, v.Fingerprint+" of "+workspace, workspace, storedGroup{Workspace: workspace, Violation: v.RecordedViolation})
	}
	other := v.other()
	id := other.Fingerprint + " of " + workspace
	group, err := storedGroups.Update(tx, id, func(g *storedGroup) error {
		g.Violation.add(&other.RecordedViolation)
		return nil
	})
	if storage.IsNotFound(err) {
		return storedGroups.Insert(tx, id, workspace, storedGroup{Workspace: workspace, Violation: other.RecordedViolation})
	}
	return group, err
}

// putExchanges adds exchanges and purges the oldest beyond the bounds. It gives by
// how much the bytes of the workspace changed.
func (r *Recorder) putExchanges(tx storage.Tx, workspace string, exchanges []redacted, named map[string]bool) (int64, error) {
	if len(exchanges) == 0 {
		return 0, nil
	}
	var bytes, before int64
	if t, err := tallies.Get(tx, tallyID(workspace)); err == nil {
		before = t.Value.Bytes
	} else if storage.CodeOf(err) != storage.CodeNotFound {
		return 0, err
	}
	count, err := countOf(tx, storedExchanges.Kind, workspace)
	if err != nil {
		return 0, err
	}
	for _, x := range exchanges {
		x.exchange.Named = named[x.id]
		if _, err := storedExchanges.Insert(tx, x.id, workspace, x.exchange); storage.CodeOf(err) == storage.CodeConflict {
			continue // an id in a million years, or of an exchange from before the ids began anew
		} else if err != nil {
			return 0, err
		}
		if _, err := storedMessages.Insert(tx, x.id, workspace, x.messages); err != nil {
			return 0, err
		}
		bytes += x.exchange.Size
		count++
	}
	for index := purgeable; count > int64(r.o.StoredExchanges) || before+bytes > r.o.StoredBytes && count > 1; {
		page, err := storedExchanges.List(tx, storage.Query{Parent: &workspace, Index: index, Limit: 20})
		if err != nil {
			return 0, err
		}
		if len(page.Items) == 0 {
			if index == "" || before+bytes <= r.o.StoredBytes {
				break // those that are named are not too many
			}
			index = ""
		}
		for _, old := range page.Items {
			if count <= int64(r.o.StoredExchanges) && (before+bytes <= r.o.StoredBytes || count <= 1) {
				break
			}
			if err := purgeExchange(tx, old.ID); err != nil {
				return 0, err
			}
			bytes -= old.Value.Size
			count--
		}
	}
	return bytes, nil
}

// countOf counts the records of a parent, and "" is one too: Count takes it for
// all of the kind.
func countOf(tx storage.ReadTx, kind, parent string) (int64, error) {
	if parent != "" {
		return tx.Count(kind, parent, false)
	}
	page, err := tx.List(kind, storage.Query{Parent: &parent, Limit: 1})
	return page.Total, err
}

func purgeExchange(tx storage.Tx, id string) error {
	if err := tx.Purge(storedExchanges.Kind, id); err != nil {
		return err
	}
	if err := tx.Purge(storedMessages.Kind, id); err != nil && storage.CodeOf(err) != storage.CodeNotFound {
		return err
	}
	return nil
}

// RecordedMessage is a request's or an answer's headers and body, redacted.
type RecordedMessage struct {
	Header http.Header `json:"header"`
	Body   string      `json:"body"`
}

// RecordedMessages is what was sent and answered.
type RecordedMessages struct {
	Request  RecordedMessage `json:"request"`
	Response RecordedMessage `json:"response"`
}

// messagesOf redacts the messages of an exchange.
func messagesOf(x *site.Exchange) RecordedMessages {
	var request, response []byte
	var headers, answered http.Header
	switch {
	case x.Operation != nil:
		request = x.Operation.MaskRequest(contentType(x.RequestHeader), x.RequestBody)
		response = x.Operation.MaskResponse(x.Status, contentType(x.ResponseHeader), x.ResponseBody)
	case x.Document != nil:
		request, response = x.Document.MaskText(x.RequestBody), x.Document.MaskText(x.ResponseBody)
	}
	if x.Document != nil {
		headers, answered = x.Document.MaskHeader(x.RequestHeader), x.Document.MaskHeader(x.ResponseHeader)
	}
	m := RecordedMessages{
		Request:  RecordedMessage{headers, whole(request, len(x.RequestBody), x.RequestSize)},
		Response: RecordedMessage{answered, whole(response, len(x.ResponseBody), x.ResponseSize)},
	}
	if x.Document != nil {
		m.Response.Body = x.Document.MaskEcho(m.Response.Body, x.Query)
	}
	return m
}

// whole is a body as it is shown; of one whose beginning alone was kept it says how
// long it was.
func whole(shown []byte, kept int, size int64) string {
	text := plain(shown)
	if int64(kept) < size {
		text += fmt.Sprintf("\n(the first %d of %d bytes)", kept, size)
	}
	return text
}

func plain(body []byte) string { return strings.ToValidUTF8(string(body), "\uFFFD") }
