package evidence

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/storage"
)

// ControlAPI is the API that looks at the evidence. What it does itself is counted
// apart and listed only if it went wrong.
const ControlAPI = "understudy"

// Policy says which exchanges outlive the process.
type Policy string

// What can be kept in the store.
const (
	RecordViolations Policy = "violations" // exchanges that broke the contract, or failed
	RecordAll        Policy = "all"
)

// ParsePolicy reads a policy.
func ParsePolicy(text string) (Policy, bool) {
	p := Policy(text)
	return p, p == RecordViolations || p == RecordAll
}

// Options make a Recorder. A zero bound is the default.
type Options struct {
	// Documents gives the served documents, in the order of a report.
	Documents func() ([]*contract.Document, error)
	Version   string
	Record    Policy // "" is RecordViolations
	Logger    *slog.Logger

	Exchanges       int   // kept in memory of one workspace
	Bytes           int64 // of those
	TotalExchanges  int   // kept in memory of all workspaces
	TotalBytes      int64
	StoredExchanges int   // kept in the store of one workspace
	StoredBytes     int64 // of those, about
	Groups          int   // kinds of violations of one workspace

	// Shared says that other processes keep evidence in the same store. Then the
	// newest exchanges are kept in the store, and what bounds those in memory bounds
	// those there.
	Shared bool

	// Interval is how long what is not stored yet may wait: under a second.
	Interval time.Duration
}

// The default bounds.
const (
	DefaultExchanges       = 500
	defaultBytes           = 4 << 20
	defaultTotalExchanges  = 5000
	defaultTotalBytes      = 16 << 20
	sharedTotalExchanges   = 20_000
	sharedTotalBytes       = 64 << 20
	defaultStoredExchanges = 1000
	defaultStoredBytes     = 16 << 20
	defaultGroups          = 1000
	defaultInterval        = 500 * time.Millisecond

	maxUndeclared = 32  // rows of an operation that are not declared
	maxType       = 100 // bytes of a media type that nobody declared
)

func orDefault[T int | int64 | time.Duration](v *T, standard T) {
	if *v <= 0 {
		*v = standard
	}
}

// Recorder keeps what happened. What is counted and what broke the contract goes
// to the store, a moment later and in batches; the newest exchanges stay in
// memory, as they were, and are redacted when they are read. If the store is shared
// they go there too.
type Recorder struct {
	store storage.Store
	o     Options
	log   *slog.Logger
	plans sync.Map // *contract.Operation -> *plan

	mu         sync.Mutex
	workspaces map[string]*workspace
	all        queue // oldest first, but for those of strangers
	strangers  queue
	latest     []*workspace        // strangers, those first that were met first
	acquainted map[string]struct{} // who are none
	largest    *workspace          // about: whose exchanges take the most
	waiting    int64               // bytes of exchanges that are not stored yet
	dirty      map[*workspace]struct{}
	epochs     map[string]int64 // of workspaces, the latest that was heard of
	failing    atomic.Bool      // the store, when it was last written to

	flushing chan struct{} // one writer at a time, and no reader meanwhile
	flushed  struct {      // under flushing, but for began
		began atomic.Int64 // how many were begun
		err   error        // of the last
	}
	kick    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
	closing sync.Once
}

// workspace is what memory holds of a workspace: its newest exchanges, and what
// the store does not have yet.
type workspace struct {
	name    string
	own     queue
	apis    map[string]*use
	counts  map[*plan]*counts
	groups  map[string]*met
	pending []*kept
	waiting int64  // bytes of those
	carry   *tally // what could not be stored
	dirty   bool
	known   bool // it is no stranger
	met     bool // it is among the latest
	asked   bool // whether it is known to the store
}

// counts is what happened to an operation since the store was told.
type counts struct {
	requests int64
	rows     []int64
	forced   []int64 // of rows; nil as long as none was
	seen     []int64
	others   map[string]int64 // rows that are not declared
}

// kept is an exchange in memory. It is in two queues, its workspace's and all's, but
// for those that only wait for a shared store.
type kept struct {
	x          *site.Exchange
	workspace  *workspace
	size       int64
	named      bool // by a kind of violation
	lasting    bool // kept by the policy
	next, prev [2]*kept
}

// queue is a list of exchanges, oldest first.
type queue struct {
	lane         int // which of the links of a kept it uses
	oldest, last *kept
	count        int
	bytes        int64
}

func (q *queue) push(k *kept) {
	k.prev[q.lane], k.next[q.lane] = q.last, nil
	if q.last != nil {
		q.last.next[q.lane] = k
	} else {
		q.oldest = k
	}
	q.last = k
	q.count++
	q.bytes += k.size
}

func (q *queue) remove(k *kept) {
	if k.prev[q.lane] != nil {
		k.prev[q.lane].next[q.lane] = k.next[q.lane]
	} else {
		q.oldest = k.next[q.lane]
	}
	if k.next[q.lane] != nil {
		k.next[q.lane].prev[q.lane] = k.prev[q.lane]
	} else {
		q.last = k.prev[q.lane]
	}
	k.prev[q.lane], k.next[q.lane] = nil, nil
	q.count--
	q.bytes -= k.size
}

// The queues an exchange is in.
const (
	laneOwn = iota
	laneAll
)

// New makes a recorder over a store and starts writing to it. Close ends that.
func New(store storage.Store, o Options) *Recorder {
	orDefault(&o.Exchanges, DefaultExchanges)
	orDefault(&o.Bytes, defaultBytes)
	totalExchanges, totalBytes := defaultTotalExchanges, int64(defaultTotalBytes)
	if o.Shared { // a database has more room than a process
		totalExchanges, totalBytes = sharedTotalExchanges, sharedTotalBytes
	}
	orDefault(&o.TotalExchanges, max(totalExchanges, o.Exchanges))
	orDefault(&o.TotalBytes, max(totalBytes, o.Bytes))
	orDefault(&o.StoredExchanges, defaultStoredExchanges)
	orDefault(&o.StoredBytes, defaultStoredBytes)
	orDefault(&o.Groups, defaultGroups)
	if o.Shared { // what others wait for comes on the way through the database too
		orDefault(&o.Interval, defaultInterval/2)
	}
	orDefault(&o.Interval, defaultInterval)
	r := &Recorder{
		store: store, o: o, log: o.Logger,
		workspaces: map[string]*workspace{}, all: queue{lane: laneAll}, strangers: queue{lane: laneAll},
		acquainted: map[string]struct{}{}, dirty: map[*workspace]struct{}{},
		epochs: map[string]int64{}, flushing: make(chan struct{}, 1),
		kick: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	go r.write()
	return r
}

// Record keeps an exchange. It waits for nobody but other calls of Record and, where
// the store is shared, for a moment until it has said whether the evidence was
// cleared; the exchange must not change any more.
func (r *Recorder) Record(x *site.Exchange) {
	defer func() {
		if p := recover(); p != nil { // a request never fails because of its record
			r.log.Error("an exchange is not recorded", "exchange", x.ID)
		}
	}()
	wrong := len(x.Explained) > 0 || x.Err != nil
	if x.API == ControlAPI && x.Workspace == "" && !wrong {
		return // a health check
	}
	if r.o.Shared {
		r.askEpoch(x)
	}
	var p *plan
	row := -1
	var key string
	var buffer [8]uint64
	seen := bits(buffer[:])
	if x.Operation != nil {
		p = r.plan(x.Operation)
		requestType, responseType := p.types(x)
		if row = p.row(requestType, x.Status, responseType); row < 0 {
			key = rowKey(bounded(requestType), x.Status, bounded(responseType))
		}
		if n := (len(p.names) + 63) / 64; n > len(seen) {
			seen = make(bits, n)
		}
		p.mark(x, seen)
	}
	x.Value = nil // no longer needed, and it holds what came once more
	var groups []met
	if len(x.Explained) > 0 {
		groups = group(x)
	}
	var k *kept
	if x.API != ControlAPI || wrong || x.Status >= http.StatusBadRequest {
		k = &kept{x: x, size: sizeOf(x)}
	}

	r.mu.Lock()
	w := r.workspace(x.Workspace)
	fresh := r.meet(w, stays(x))
	w.count(x, p, row, key, seen)
	named := false
	for i := range groups {
		named = w.violation(&groups[i], r.o.Groups) || named
	}
	if k != nil {
		k.workspace, k.named = w, named
		k.lasting = wrong || r.o.Record == RecordAll && x.API != ControlAPI
		if !k.lasting || !r.o.Shared {
			r.keep(w, k)
		}
		if k.lasting {
			r.wait(w, k)
		}
	}
	first := len(r.dirty) == 0
	if r.o.Shared || w.known || len(w.groups) > 0 || len(w.pending) > 0 {
		r.mark(w)
	}
	r.mu.Unlock()
	if first || fresh {
		select {
		case r.kick <- struct{}{}:
		default:
		}
	}
}

func (r *Recorder) plan(op *contract.Operation) *plan {
	if p, ok := r.plans.Load(op); ok {
		return p.(*plan) //nolint:forcetypeassert // nothing else is put in
	}
	p, _ := r.plans.LoadOrStore(op, newPlan(op))
	return p.(*plan) //nolint:forcetypeassert // nothing else is put in
}

func (r *Recorder) workspace(name string) *workspace {
	w := r.workspaces[name]
	if w == nil {
		w = &workspace{name: name, apis: map[string]*use{}, counts: map[*plan]*counts{}, groups: map[string]*met{}}
		r.workspaces[name] = w
	}
	return w
}

// count adds an exchange to what was counted.
func (w *workspace) count(x *site.Exchange, p *plan, row int, key string, seen bits) {
	u := w.apis[x.API]
	if u == nil {
		u = &use{}
		w.apis[x.API] = u
	}
	u.add(1, x.Time, x.Time)
	if p == nil {
		return
	}
	c := w.counts[p]
	if c == nil {
		c = &counts{rows: make([]int64, len(p.rows)), seen: make([]int64, len(p.names))}
		w.counts[p] = c
	}
	c.requests++
	switch {
	case row >= 0 && x.Made:
		if c.forced == nil {
			c.forced = make([]int64, len(p.rows))
		}
		c.forced[row]++
	case row >= 0:
		c.rows[row]++
	default:
		if c.others == nil {
			c.others = map[string]int64{}
		}
		if _, met := c.others[key]; !met && len(c.others) >= maxUndeclared {
			key = rowKey("", x.Status, "")
		}
		c.others[key]++
	}
	for at, word := range seen {
		for i := at << 6; word != 0; i, word = i+1, word>>1 {
			if word&1 != 0 {
				c.seen[i]++
			}
		}
	}
}

// keep puts an exchange among the newest and lets the oldest go.
func (r *Recorder) keep(w *workspace, k *kept) {
	w.own.push(k)
	r.among(w).push(k)
	if w.known && (r.largest == nil || w.weight() > r.largest.weight()) {
		r.largest = w
	}
	for w.own.count > r.o.Exchanges || w.own.bytes > r.o.Bytes && w.own.count > 1 {
		r.dropExchange(w.own.oldest)
	}
	r.makeRoom()
}

func (r *Recorder) dropExchange(k *kept) {
	w := k.workspace
	w.own.remove(k)
	r.among(w).remove(k)
	r.dropIfEmpty(w)
}

// dropIfEmpty drops a workspace of which memory holds nothing.
func (r *Recorder) dropIfEmpty(w *workspace) {
	if w.own.count == 0 && !w.dirty && (w.known || len(w.apis) == 0) && r.workspaces[w.name] == w {
		delete(r.workspaces, w.name)
	}
}

// wait queues an exchange for the store. Of those that would be removed from it at
// once, or that memory cannot hold while the store fails, the oldest go that no
// violation names: of the workspace of which the most wait.
func (r *Recorder) wait(w *workspace, k *kept) {
	w.pending = append(w.pending, k)
	w.waiting += k.size
	r.waiting += k.size
	if len(w.pending) > r.o.StoredExchanges {
		r.dropPending(w)
	}
	for r.waiting > r.o.StoredBytes {
		most := w
		if len(w.pending) == 1 {
			most = nil // what came last is told first
		}
		for other := range r.dirty {
			if most == nil && other != w || most != nil && other.waiting > most.waiting {
				most = other
			}
		}
		if most == nil || len(most.pending) == 0 {
			return
		}
		for least := most.waiting - most.waiting/4; len(most.pending) > 0; {
			if r.dropPending(most); most.waiting <= least {
				break
			}
		}
	}
}

func (r *Recorder) dropPending(w *workspace) {
	i := max(0, slices.IndexFunc(w.pending, func(k *kept) bool { return !k.named }))
	r.waiting -= w.pending[i].size
	w.waiting -= w.pending[i].size
	w.pending = slices.Delete(w.pending, i, i+1)
}

// sizeOf is about what memory an exchange holds.
func sizeOf(x *site.Exchange) int64 {
	n := 512 + len(x.Path) + len(x.Query) + len(x.RequestBody) + len(x.ResponseBody) + 512*len(x.Explained)
	for _, h := range []http.Header{x.RequestHeader, x.ResponseHeader} {
		for name, values := range h {
			n += 64 + len(name)
			for _, value := range values {
				n += len(value)
			}
		}
	}
	return int64(n)
}

func bounded(mediaType string) string {
	if len(mediaType) > maxType {
		mediaType = mediaType[:maxType]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(mediaType, "|", ""), "\uFFFD")
}

// write stores what waits, at most an interval after it came.
func (r *Recorder) write() {
	defer close(r.stopped)
	timer := time.NewTimer(0)
	if !timer.Stop() {
		<-timer.C
	}
	failing := false
	var purged time.Time
	for {
		select {
		case <-r.stop:
			return
		case <-r.kick:
		}
		timer.Reset(r.o.Interval)
		select {
		case <-r.stop:
			return
		case <-timer.C:
		}
		err := r.Flush(context.Background())
		if now := time.Now(); err == nil && r.o.Shared && now.Sub(purged) >= purgeEvery {
			purged = now
			err = r.purgeEpochs(context.Background(), now.Add(-epochLife))
		}
		if err != nil && !failing {
			r.log.Warn("evidence waits for the store", "error", err)
		}
		if failing = err != nil; failing {
			select {
			case r.kick <- struct{}{}: // try again
			default:
			}
		}
	}
}

// Close stores what waits and stops writing. Exchanges recorded later are lost.
func (r *Recorder) Close() error {
	var err error
	r.closing.Do(func() {
		close(r.stop)
		<-r.stopped
		err = r.Flush(context.Background())
	})
	return err
}
