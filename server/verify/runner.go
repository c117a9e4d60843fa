package verify

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/understudy-api/understudy/server/contract"
)

// runner is a run.
type runner struct {
	o         Options
	ops       []*operation
	takes     func(*contract.Schema, any) bool // nil: kin-openapi judges all
	paths     *paths
	target    *target
	producers map[string][]*producer // by the key of the node that they make
	resources []*producer            // each once, in document order
	singles   []*single
	nodes     map[string]node
	referring sync.Map             // place of a body -> key of the node whose values it holds
	guesses   map[string]string    // the same by the word of an id that names nothing; not written once the phases run
	real      sync.Map             // ids of things that there were
	read      sync.Map             // operations and the members that they were seen to read
	awaited   sync.Map             // operations whose Location of something to come was looked at
	shownIDs  map[string]exampleID // what the examples of path parameters stand for
	exempt    []exemption
	checks    map[string]bool
	began     time.Time
	requests  atomic.Int64
	shrunk    int64 // of them, those that made findings smaller

	mu       sync.Mutex
	phase    Phase
	done     int
	jobs     int
	told     time.Time
	found    map[string]*found
	usage    []Usage
	warnings []string
	ids      map[string]idOwner // of everything that was made and is there: producer, what it stands in, id
	removed  map[string]int64   // node and id -> how many requests had been answered when a removal went out
	rewalks  map[Walk]*rewalk
	lost     int // stateful findings that were not seen again
	answered bool
	broken   string // why nothing is answered
}

type exemption struct {
	check string
	match func(*operation) bool
}

// found is a finding while it is counted.
type found struct {
	fault
	op    *operation
	phase Phase
	order [2]int // job and call within it, of the first one
	count int64
	after int64 // requests that had been sent when it was found
	steps []step
	made  bool  // it has been made small
	walk  *Walk // that found it
	small smaller
	walks []Walk // all that failed so
}

// hit is a failure that was looked for.
type hit struct {
	fault fault
	steps []step
}

// smaller looks for a smaller sequence that fails for the same reason.
type smaller func(ctx context.Context, f *found)

func newRunner(o Options) (*runner, error) {
	if err := o.settle(); err != nil {
		return nil, err
	}
	r := &runner{o: o, ops: o.Document.operations(), takes: o.Document.Contract.Takes(contract.SideClient), found: map[string]*found{}, checks: map[string]bool{}, ids: map[string]idOwner{}}
	if len(r.ops) == 0 {
		return nil, mistake("%s declares no operation", o.Document.Contract.File)
	}
	if err := choose(r.ops, &o); err != nil {
		return nil, err
	}
	var err error
	if r.target, err = newTarget(&o); err != nil {
		return nil, err
	}
	for _, name := range checkNames {
		r.checks[name] = len(o.Checks) == 0 || slices.Contains(o.Checks, name)
	}
	for _, e := range slices.Concat(o.Document.exempt, o.Exempt) {
		match, err := matcher([]string{cmp.Or(e.Operation, "*")})
		if err != nil {
			return nil, err
		}
		r.exempt = append(r.exempt, exemption{e.Check, match})
	}
	r.paths = newPaths(r.ops)
	r.link()
	for _, op := range r.ops {
		r.usage = append(r.usage, Usage{Operation: op.Operation, Answers: map[AnswerKind]int64{}})
	}
	r.warnings = append(r.warnings, o.Document.Notes...)
	return r, nil
}

// lane is the state of one job while it runs: its random numbers, the things it has
// made on the server, and what it has sent. Jobs share no lane, so that what one does
// depends on the seed alone.
type lane struct {
	r        *runner
	job, seq int
	rand     *rand.Rand
	bound    map[string]any // node -> the value of a thing that this job has made
	trails   map[string]trail
	depth    int               // of things that are being made for others
	cursor   string            // that the last page gave
	limit    any               // what the next thing is made from
	with     map[place]any     // what lists are asked for beside their pages
	tags     map[string]string // path -> the entity tag of what is there
	secrets  []string
	failed   map[string]int // node -> how often nothing could be made or found for it
	variety  int            // more than 0 of things that are made for a list: which one it is
	litter   []*thing       // everything that it has made
	walking  *Walk
	quiet    map[string]hit // where failures go that are looked for again
	over     func() bool    // reports whether its time is over
	plain    bool           // values are simple
}

func (r *runner) lane(ctx context.Context, i int, name string) *lane {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(name))
	return &lane{
		r: r, job: i, bound: map[string]any{}, failed: map[string]int{}, over: ended(ctx),
		rand: rand.New(rand.NewPCG(r.o.Seed, sum.Sum64())), //nolint:gosec // it must be the same for the same seed
	}
}

const tellEvery = 200 * time.Millisecond

func (r *runner) tell(ended bool) {
	if r.o.Progress == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if !ended && now.Sub(r.told) < tellEvery {
		return
	}
	r.told = now
	r.o.Progress(Progress{
		Phase: r.phase, Done: r.done, Jobs: r.jobs, Ended: ended, Requests: r.requests.Load(),
		Findings: len(r.found), Elapsed: now.Sub(r.began),
	})
}

// judge asks the document about a call.
func (r *runner) judge(ctx context.Context, c *call) judgement {
	if c.op == nil {
		return judgement{}
	}
	j := c.op.JudgeRequest(ctx, c.message())
	return judgement{valid: len(j.Violations) == 0, refused: j.Refused(), violations: j.Violations}
}

// do sends a call, judges its answer and counts what it finds. The error is that of
// the context.
func (l *lane) do(ctx context.Context, x *exchange) error {
	r := l.r
	x.limit = r.o.MaxResponseTime
	if x.call.op != nil {
		x.loose = x.call.op.loose || l.madeUpCursor(x.call) || r.madeUpReference(x.call)
		l.secrets = append(l.secrets, writtenSecrets(x.call)...)
		x.secrets = l.secrets
	}
	x.sent = r.requests.Load()
	r.forget(x.call)
	a, err := r.target.send(ctx, x.call)
	if err != nil {
		return err
	}
	x.answer = a
	if x.call.op != nil { // what it named may be gone meanwhile
		x.loose = x.loose || r.madeUpReference(x.call)
	}
	l.seq++
	r.requests.Add(1)
	l.tagged(x)
	r.removalAnswered(x.call)
	if !r.count(x) {
		return errStopped
	}
	for _, f := range judgeExchange(ctx, x) {
		l.report(x.call.op, f, l.stepsTo(x), l.reduceCall(x))
	}
	r.tell(false)
	return l.await(ctx, x)
}

// madeUpCursor reports whether a call asks for the page at a cursor that no answer
// gave: only the server knows which there are.
func (l *lane) madeUpCursor(c *call) bool {
	pg := pagerOf(c.op)
	if pg.cursor == nil || c.in == nil {
		return false
	}
	v, sent := c.in.values[place{pg.cursor.In, pg.cursor.Name}]
	return sent && scalarText(v) != l.cursor
}

// maxRefused is how many connections may fail before anything was answered.
const maxRefused = 3

// count adds an exchange to the usage. It reports false once it is clear that the
// server cannot be reached.
func (r *runner) count(x *exchange) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x.answer.err == nil {
		r.answered = true
	} else if !r.answered && r.requests.Load() >= maxRefused {
		r.broken = x.answer.err.Error()
	}
	if x.call.op == nil || x.answer.err != nil {
		return r.broken == ""
	}
	u := &r.usage[x.call.op.index]
	u.Requests++
	kind := AnswerKind{Status: x.answer.status, ResponseType: x.answer.mediaType()}
	if x.call.hasBody {
		kind.RequestType = contract.MediaType(x.call.header.Get("Content-Type"))
	}
	u.Answers[kind]++
	return r.broken == ""
}

// report counts a failure, or keeps it for who looks for it again.
func (l *lane) report(op *operation, f fault, steps []step, small smaller) {
	r := l.r
	if !r.checks[f.check] {
		return
	}
	if op != nil && slices.ContainsFunc(r.exempt, func(e exemption) bool { return e.check == f.check && e.match(op) }) {
		return
	}
	if f.location.Pointer == "" {
		f.location = r.locate(op, f.where)
	}
	key := f.key(op)
	if l.quiet != nil {
		if _, again := l.quiet[key]; !again {
			l.quiet[key] = hit{f, steps}
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.found[key]
	order := [2]int{l.job, l.seq}
	switch {
	case known == nil:
		r.found[key] = &found{fault: f, op: op, phase: r.phase, order: order, count: 1, after: r.requests.Load(), steps: steps, small: small}
	case !known.made && known.phase == r.phase && slices.Compare(order[:], known.order[:]) < 0:
		known.fault, known.steps, known.small, known.order = f, steps, small, order
		known.count++
	default:
		known.count++
	}
	if f := r.found[key]; l.walking != nil && !slices.Contains(f.walks, *l.walking) {
		f.walks = append(f.walks, *l.walking)
	}
}

func (r *runner) locate(op *operation, below string) contract.Location {
	if op == nil {
		return r.o.Document.Contract.Locate("/paths")
	}
	return r.o.Document.Contract.Locate(op.Pointer() + below)
}

// maxShrunk bounds the requests that making findings smaller may take in a whole run.
const maxShrunk = 6000

// shrink makes every new finding smaller. Nothing else runs meanwhile. Unless a run has
// a time limit its end is a number of requests, so that they are the same wherever the
// seed is.
func (r *runner) shrink(ctx context.Context) {
	before := r.requests.Load() - r.shrunk
	for _, key := range r.keys() {
		f := r.found[key]
		if f.made {
			continue
		}
		f.made = true
		if f.small != nil && r.shrunk < maxShrunk && ctx.Err() == nil {
			f.small(ctx, f)
		}
		r.shrunk = r.requests.Load() - before
	}
}

// keys lists the findings in the order of the document and of the checks.
func (r *runner) keys() []string {
	keys := make([]string, 0, len(r.found))
	for key := range r.found {
		keys = append(keys, key)
	}
	index := func(op *operation) int {
		if op == nil {
			return len(r.ops)
		}
		return op.index
	}
	slices.SortFunc(keys, func(a, b string) int {
		x, y := r.found[a], r.found[b]
		return cmp.Or(
			cmp.Compare(slices.Index(checkNames, x.check), slices.Index(checkNames, y.check)),
			cmp.Compare(index(x.op), index(y.op)),
			cmp.Compare(a, b))
	})
	return keys
}

// conclude fills in the result.
func (r *runner) conclude(result *Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	result.Requests = r.requests.Load()
	result.base = strings.TrimSuffix(r.target.base.String(), "/")
	for i, op := range r.ops {
		if op.selected {
			result.Usage = append(result.Usage, r.usage[i])
			if !succeeded(&r.usage[i]) && op.declaresSuccess() {
				result.Uncalled = append(result.Uncalled, op.ID)
			}
		}
	}
	for _, key := range r.keys() {
		f := r.found[key]
		finding := Finding{
			Check: f.check, Operation: f.op.name(), Rule: f.rule, In: f.in, Name: f.name,
			Pointer: contract.SegmentsFolded(f.pointer), Message: r.target.auth.scrub(f.message), Got: r.target.auth.scrub(f.got),
			Accepted: f.accepted, Where: f.location, Count: f.count, After: f.after, Phase: f.phase, Steps: f.steps, Walk: f.walk,
			Curl: r.curl(f.steps),
		}
		for j := range finding.Steps {
			finding.Steps[j] = r.target.auth.scrubbed(finding.Steps[j])
		}
		if f.op == nil && len(f.steps) > 0 {
			last := f.steps[len(f.steps)-1]
			finding.Operation = last.Method + " " + last.Path
		}
		result.Findings = append(result.Findings, finding)
	}
	result.Warnings = slices.Concat(r.warnings, r.shallow())
}

// succeeded reports whether an operation answered any call with success.
func succeeded(u *Usage) bool {
	for kind, n := range u.Answers {
		if n > 0 && kind.Status < http.StatusBadRequest {
			return true
		}
	}
	return false
}

// declaresSuccess reports whether an operation declares an answer that is no refusal.
func (op *operation) declaresSuccess() bool {
	return slices.ContainsFunc(op.Statuses(), func(status string) bool { return status < "4" || status == "default" })
}

// shallow says what kept the run from seeing much.
func (r *runner) shallow() []string {
	var out []string
	denied, total := 0, 0
	var never []string
	var missing []string
	for i, op := range r.ops {
		u := &r.usage[i]
		if u.Requests == 0 {
			if op.selected {
				never = append(never, op.ID)
			}
			continue
		}
		var refused, notFound, fine int64
		for kind, n := range u.Answers {
			switch {
			case kind.Status == http.StatusUnauthorized || kind.Status == http.StatusForbidden:
				refused += n
			case kind.Status == http.StatusNotFound:
				notFound += n
			case kind.Status < 300:
				fine += n
			}
		}
		total++
		if fine == 0 && refused*10 >= u.Requests*9 {
			denied++
		}
		if fine == 0 && refused*10 < u.Requests*9 && (refused+notFound)*10 >= u.Requests*5 && notFound > 0 {
			missing = append(missing, op.ID)
		}
		if fine == 0 && refused*10 < u.Requests*9 && op.selected && !slices.Contains(missing, op.ID) {
			out = append(out, op.ID+" never succeeded: only its refusals were verified")
		}
		if op.selected && op.HasBody() && op.body == nil {
			out = append(out, fmt.Sprintf("%s: no body is made for %s: only the document's examples were sent", op.ID, strings.Join(op.bodyTypes, ", ")))
		}
	}
	if denied > 0 {
		out = append(out, fmt.Sprintf("%d of %d operations answered nearly all requests 401 or 403: give credentials with --auth", denied, total))
	}
	if len(missing) > 0 {
		out = append(out, "nothing was found (404) by "+strings.Join(missing, ", ")+": no thing could be made for it to find")
	}
	if len(never) > 0 {
		if len(never) > maxNamed {
			never = append(never[:maxNamed:maxNamed], fmt.Sprintf("and %d more", len(never)-maxNamed))
		}
		out = append(out, "never called: "+strings.Join(never, ", "))
	}
	if r.lost > 0 {
		out = append(out, fmt.Sprintf("%d failures of sequences were not seen again when nothing else ran, and are left out", r.lost))
	}
	return out
}
