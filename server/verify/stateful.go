package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/verify/generate"
)

// walksPerExample is how many random calls of an operation one walk stands for.
const walksPerExample = 10

// walks lists the walks: for every producer, lives of things from their making to
// their end, and random ways over what can be done with them.
func (r *runner) walks() []job {
	var jobs []job
	for _, p := range r.resources {
		if p.op.selected && p.op.body != nil && r.o.MaxExamples > 0 {
			for i := 0; i*limitsPart < len(validLimits(p)); i++ {
				jobs = append(jobs, job{fmt.Sprintf("made %s %d", p.op.ID, i), func(ctx context.Context, l *lane) { _ = l.walk(ctx, Walk{kindMade, p.op.ID, false, i}) }})
			}
		}
	}
	n := max(min(r.o.MaxExamples, 2), r.o.MaxExamples/walksPerExample)
	for i := range n {
		for _, p := range r.resources {
			if !p.op.selected {
				continue
			}
			name := p.op.ID + " " + strconv.Itoa(i)
			jobs = append(jobs,
				job{"life " + name, func(ctx context.Context, l *lane) { _ = l.walk(ctx, Walk{kindLife, p.op.ID, i > 0, 0}) }},
				job{"roam " + name, func(ctx context.Context, l *lane) { _ = l.walk(ctx, Walk{kindRoam, p.op.ID, true, 0}) }})
		}
	}
	return jobs
}

// Walk names a walk, so that it can be made again.
type Walk struct {
	Kind      string `json:"kind"`
	Operation string `json:"operation"`      // that makes the thing, or lists
	Rich      bool   `json:"rich,omitempty"` // with more than what is required
	Part      int    `json:"part,omitempty"` // of the limits
}

// The kinds of walks.
const (
	kindLife = "life"
	kindRoam = "roam"
	kindMade = "made"
	kindLaws = "laws"
)

// walk makes a walk. What it finds is looked for again when nothing else runs: what
// other walks do at the same time may show as a failure of this one.
func (l *lane) walk(ctx context.Context, w Walk) error {
	l.walking = &w
	if w.Kind == kindLaws {
		for _, op := range l.r.ops {
			if op.ID == w.Operation {
				return l.listLaws(ctx, op)
			}
		}
		return nil
	}
	for _, p := range l.r.resources {
		if p.op.ID != w.Operation {
			continue
		}
		switch w.Kind {
		case kindLife:
			return l.life(ctx, p, w.Rich)
		case kindMade:
			return l.limits(ctx, p, w.Part)
		}
		return l.roam(ctx, p)
	}
	return nil
}

// confirm tells how a finding of a walk is confirmed: the walk is made again, with
// other values, until the same check fails for the same reason.
func (l *lane) confirm() smaller {
	if l.walking == nil {
		return nil
	}
	w := *l.walking
	return func(ctx context.Context, f *found) {
		key := f.key(f.op)
		f.walk = &w
		h, seen, err := l.r.again(ctx, w, key)
		switch {
		case err != nil: // the time is over
		case !seen:
			l.r.lost++
			delete(l.r.found, key)
		case len(h.steps) <= len(f.steps):
			f.fault, f.steps = h.fault, h.steps
		}
	}
}

// again makes a walk until it fails in the same way.
func (r *runner) again(ctx context.Context, w Walk, key string) (hit, bool, error) {
	for i := range confirmations {
		l := r.lane(0, fmt.Sprintf("again %d %v", i, w))
		l.quiet = map[string]hit{}
		if err := l.walk(ctx, w); err != nil {
			return hit{}, false, err
		}
		l.tidy(ctx)
		if h, seen := l.quiet[key]; seen {
			return h, true, nil
		}
	}
	return hit{}, false, nil
}

// confirmations is how often a walk is made again.
const confirmations = 5

// fail reports a failure of a walk.
func (l *lane) fail(op *operation, f fault, xs ...*exchange) {
	if f.rule == "" {
		f.rule = f.check
	}
	if f.in == "" {
		f.in = contract.InMessage
	}
	l.report(op, f, l.sequence(xs), l.confirm())
}

// sequence are the steps of several exchanges about one thing.
func (l *lane) sequence(xs []*exchange) []step {
	var lead []step
	own := make([]step, len(xs))
	for i, x := range xs {
		own[i] = l.step(x)
		steps, _ := l.leading(x.call.op, &own[i])
		switch {
		case len(lead) == 0:
			lead = steps
		case len(steps) > len(lead) || !slices.EqualFunc(steps, lead[:len(steps)], func(a, b step) bool { return a.Path == b.Path && a.Body == b.Body }):
			own[i] = l.step(x) // made elsewhere: its path as it was
		}
	}
	return append(slices.Clone(lead), own...)
}

// final is the step of an exchange that comes after those that made a thing.
func (l *lane) final(x *exchange) step {
	steps := l.sequence([]*exchange{x})
	return steps[len(steps)-1]
}

// life follows a thing: made, read, listed, changed, read, removed, gone.
func (l *lane) life(ctx context.Context, p *producer, rich bool) error {
	t, err := l.create(ctx, p, rich)
	if err != nil || t == nil {
		return err
	}
	l.keep(t)
	if err := l.readBack(ctx, p, nil, t.body); err != nil {
		return err
	}
	for _, list := range selectedOf(p.lists) {
		if err := l.inList(ctx, p, list, t, true, nil); err != nil {
			return err
		}
	}
	for _, op := range selectedOf(p.updates) {
		for i := range changes(op, rich) {
			before, err := l.state(ctx, p)
			if err != nil {
				return err
			}
			x, body, err := l.change(ctx, op, i)
			if err != nil {
				return err
			}
			if x == nil {
				continue
			}
			if missing(x) && op != p.op {
				l.fail(op, fault{
					check: CheckAvailability, rule: "status " + strconv.Itoa(x.answer.status), accepted: "not 404",
					message: fmt.Sprintf("What %s made is not there for %s: %d.", p.op.ID, op.ID, x.answer.status),
				}, x)
			}
			if !x.answer.ok() {
				continue
			}
			if err := l.readBack(ctx, p, x, body); err != nil {
				return err
			}
			if err := l.leftOut(ctx, p, x, before, body); err != nil {
				return err
			}
		}
	}
	for _, op := range selectedOf(p.deletes) {
		if done, err := l.end(ctx, p, op, t); err != nil || done {
			return err
		}
	}
	return nil
}

// limitsPart is how many things at the limits of the document one walk makes.
const limitsPart = 10

// validLimits are the bodies at the limits of what a thing may be made from.
func validLimits(p *producer) []any {
	var out []any
	for _, c := range generate.Boundaries(p.op.body, generate.Options{Request: true}) {
		if c.Valid {
			out = append(out, c.Value)
		}
	}
	return out
}

// limits makes things at the limits of what the document allows, and reads back
// what was written.
func (l *lane) limits(ctx context.Context, p *producer, part int) error {
	bodies := validLimits(p)
	for _, body := range bodies[min(part*limitsPart, len(bodies)):min((part+1)*limitsPart, len(bodies))] {
		l.limit = body
		t, err := l.create(ctx, p, false)
		l.limit = nil
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		l.keep(t)
		if err := l.readBack(ctx, p, nil, t.body); err != nil {
			return err
		}
		l.drop(p)
	}
	return nil
}

func selectedOf(ops []*operation) []*operation {
	return slices.DeleteFunc(slices.Clone(ops), func(op *operation) bool { return !op.selected })
}

func missing(x *exchange) bool {
	return x.answer.err == nil && (x.answer.status == http.StatusNotFound || x.answer.status == http.StatusGone)
}

// uniqueID: nothing that is made has the id of something that was made before.
// An id that was sent is the caller's own.
func (l *lane) uniqueID(t *thing) {
	if t.by.chosen {
		return
	}
	id := t.id()
	if strings.Contains(string(encode(t.body)), `"`+id+`"`) {
		return
	}
	parts := []string{t.by.op.ID}
	for _, n := range t.by.op.nodes {
		parts = append(parts, scalarText(t.bound[n.key]))
	}
	key := strings.Join(append(parts, id), "\x00")
	l.r.mu.Lock()
	again := l.r.ids[key]
	l.r.ids[key] = true
	l.r.mu.Unlock()
	if again {
		l.report(t.by.op, fault{
			check: CheckUniqueIDs, rule: CheckUniqueIDs, in: contract.InBody, got: cut(id, 100), accepted: "an id that nothing else had",
			message: "Two things that were made have the same id.",
		}, append(slices.Clone(t.steps), t.steps[len(t.steps)-1]), l.confirm())
	}
}

// readBack reads a thing by every operation that can. It must be there, and hold
// what was written.
func (l *lane) readBack(ctx context.Context, p *producer, change *exchange, written any) error {
	for _, op := range selectedOf(p.reads) {
		x, err := l.on(ctx, op)
		if err != nil {
			return err
		}
		if x == nil {
			continue
		}
		xs := []*exchange{x}
		writer := p.op
		if change != nil {
			xs = []*exchange{change, x}
			writer = change.call.op
		}
		if missing(x) {
			l.fail(op, fault{
				check: CheckAvailability, rule: "status " + strconv.Itoa(x.answer.status), accepted: "not 404",
				message: fmt.Sprintf("What %s wrote is not there for %s: %d.", writer.ID, op.ID, x.answer.status),
			}, xs...)
			continue
		}
		if !x.answer.ok() {
			continue
		}
		if pointer, want, got, differs := lost(writer.body, written, x.answer.json()); differs {
			// The exemption of a check is the writer's: it is what did not write.
			l.fail(writer, fault{
				check: CheckRoundTrip, in: contract.InBody, pointer: pointer, got: cut(string(encode(got)), 200), accepted: cut(string(encode(want)), 200),
				message: fmt.Sprintf("What %s wrote at %s is not what %s reads.", writer.ID, pointer, op.ID),
			}, xs...)
		}
	}
	return nil
}

// state is what the first operation that reads a thing reads; nil if none does.
func (l *lane) state(ctx context.Context, p *producer) (*exchange, error) {
	reads := selectedOf(p.reads)
	if len(reads) == 0 {
		return nil, nil
	}
	x, err := l.on(ctx, reads[0])
	if err != nil || x == nil || !x.answer.ok() {
		return nil, err
	}
	return x, nil
}

// leftOut looks at what an update did not mention: PATCH leaves it as it was (RFC
// 5789, section 2). PUT replaces the thing (RFC 9110, section 9.3.4), which is only
// asked for where it takes the very schema that things are made from.
func (l *lane) leftOut(ctx context.Context, p *producer, change, before *exchange, written any) error {
	op := change.call.op
	members, ok := written.(map[string]any)
	if before == nil || !ok {
		return nil
	}
	after, err := l.state(ctx, p)
	if err != nil || after == nil {
		return err
	}
	if f, wrong := unmentioned(op, p.op.body, members, before.answer.json(), after.answer.json()); wrong {
		l.fail(op, f, before, change, after)
	}
	return nil
}

// unmentioned compares the members that an update could have changed and did not
// name, before and after.
func unmentioned(op *operation, making *openapi3.Schema, written map[string]any, before, after any) (fault, bool) {
	was, isObject := before.(map[string]any)
	now, still := after.(map[string]any)
	if !isObject || !still {
		return fault{}, false
	}
	if !shares(written, was) {
		was, _ = onlyObject(was)
		now, _ = onlyObject(now)
	}
	for _, name := range sortedNames(was) {
		schemas := propertySchemas(op.body, name)
		if _, mentioned := written[name]; mentioned || len(schemas) == 0 {
			continue
		}
		f := fault{
			check: CheckRoundTrip, rule: "unmentioned", in: contract.InBody, pointer: "/" + escapePointer(name),
			got: cut(string(encode(now[name])), 200), accepted: cut(string(encode(was[name])), 200),
		}
		same := sameValue(schemas[0], was[name], now[name])
		switch {
		case op.Method == http.MethodPatch && !same:
			f.message = fmt.Sprintf("%s did not mention %s, and changed it.", op.ID, name)
			return f, true
		case op.Method == http.MethodPut && op.body == making && same && meansMore(schemas[0], was[name]):
			f.accepted = "the value of a thing that was made without it"
			f.message = fmt.Sprintf("%s replaces the thing, left %s out, and it was kept.", op.ID, name)
			return f, true
		}
	}
	return fault{}, false
}

// meansMore reports whether a value is not what a member has that was left out.
func meansMore(s *openapi3.Schema, v any) bool {
	if s.Default != nil {
		d, ok := plain(s.Default)
		return ok && !sameValue(s, d, v)
	}
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case bool:
		return v
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	case json.Number:
		f, err := v.Float64()
		return err == nil && f != 0
	}
	return false
}

// lost finds the first member that was written and is read with another value. What
// the answer leaves out may be nobody's to read.
func lost(s *openapi3.Schema, written, read any) (pointer string, want, got any, differs bool) {
	members, ok := written.(map[string]any)
	object, isObject := read.(map[string]any)
	if !ok || !isObject {
		return "", nil, nil, false
	}
	if !shares(members, object) {
		inner, _ := onlyObject(object)
		if inner == nil || !shares(members, inner) {
			return "", nil, nil, false
		}
		object = inner
	}
	return lostMember(s, members, object, "")
}

func shares(a, b map[string]any) bool {
	for name := range a {
		if _, both := b[name]; both {
			return true
		}
	}
	return false
}

func lostMember(s *openapi3.Schema, written, read map[string]any, at string) (pointer string, want, got any, differs bool) {
	for _, name := range sortedNames(written) {
		there, both := read[name]
		var schema *openapi3.Schema
		if schemas := propertySchemas(s, name); len(schemas) > 0 {
			schema = schemas[0]
		}
		if !both || written[name] == nil || schema != nil && (schema.WriteOnly || schema.Format == "password" || schema.ReadOnly) {
			continue
		}
		place := at + "/" + escapePointer(name)
		if inner, ok := written[name].(map[string]any); ok {
			if object, isObject := there.(map[string]any); isObject {
				if p, w, g, d := lostMember(schema, inner, object, place); d {
					return p, w, g, true
				}
				continue
			}
		}
		if schema == nil && s != nil { // the document does not know the member: it may be dropped or kept
			continue
		}
		if !sameValue(schema, written[name], there) {
			return place, written[name], there, true
		}
	}
	return "", nil, nil, false
}

// sameValue compares what was written with what is read, where an API may write the
// same value in another way.
func sameValue(s *openapi3.Schema, a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		number, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, errX := a.Float64()
		y, errY := number.Float64()
		return a == number || errX == nil && errY == nil && x == y
	case string:
		text, ok := b.(string)
		if !ok {
			return false
		}
		if a == text || s == nil {
			return a == text
		}
		switch s.Format {
		case "date-time":
			x, errX := time.Parse(time.RFC3339Nano, a)
			y, errY := time.Parse(time.RFC3339Nano, text)
			return errX == nil && errY == nil && x.Truncate(time.Millisecond).Equal(y.Truncate(time.Millisecond))
		case "uri", "email", "uuid":
			return strings.EqualFold(strings.TrimSuffix(a, "/"), strings.TrimSuffix(text, "/"))
		}
		return false
	case []any:
		list, ok := b.([]any)
		if !ok || len(a) != len(list) {
			return false
		}
		var items *openapi3.Schema
		if s != nil && s.Items != nil {
			items = s.Items.Value
		}
		if s != nil && s.UniqueItems { // a set
			for _, x := range a {
				if !slices.ContainsFunc(list, func(y any) bool { return sameValue(items, x, y) }) {
					return false
				}
			}
			return true
		}
		for i := range a {
			if !sameValue(items, a[i], list[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		object, ok := b.(map[string]any)
		if !ok {
			return false
		}
		for name, x := range a {
			y, both := object[name]
			if both && x != nil && !sameValue(nil, x, y) {
				return false
			}
		}
		return true
	}
	return a == b
}

// on makes the smallest call of an operation on the thing that the lane holds.
func (l *lane) on(ctx context.Context, op *operation) (*exchange, error) {
	in, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return nil, err
	}
	return l.send(ctx, op, in, purposeCase)
}

// changes is how many updates of one kind a life has. A PATCH gets one more for
// every member that it can change alone.
func changes(op *operation, rich bool) int {
	n := 2
	if op.Method == http.MethodPatch && op.body != nil && rich {
		n += min(len(op.Properties(op.body)), maxChanges)
	}
	return n
}

const maxChanges = 16

// change makes a random valid update, the later ones of one member.
func (l *lane) change(ctx context.Context, op *operation, i int) (*exchange, any, error) {
	in, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return nil, nil, err
	}
	if op.body == nil {
		return nil, nil, nil
	}
	body, ok := generate.Valid(l.rand, op.body, l.generated())
	if !ok {
		return nil, nil, nil
	}
	in = in.withBody(body)
	in.body = l.distinct(ctx, op, in)
	in.body = l.markSecrets(ctx, op, in)
	if names := op.Properties(op.body); i >= 2 && i-2 < len(names) {
		if in.body, ok = l.alone(ctx, op, in, names[i-2]); !ok {
			return nil, nil, nil
		}
	}
	x, err := l.send(ctx, op, in, purposeCase)
	return x, in.body, err
}

// alone is a body with one member only.
func (l *lane) alone(ctx context.Context, op *operation, in *input, name string) (any, bool) {
	for range samples {
		members, _ := in.body.(map[string]any)
		if v, has := members[name]; has {
			body := map[string]any{name: v}
			c, err := newCall(op, in.withBody(body))
			return body, err == nil && l.r.judge(ctx, c).valid
		}
		in.body, _ = generate.Valid(l.rand, op.body, l.generated())
	}
	return nil, false
}

// end removes a thing and looks whether it is gone.
func (l *lane) end(ctx context.Context, p *producer, op *operation, t *thing) (bool, error) {
	first, err := l.on(ctx, op)
	if err != nil || first == nil || !first.answer.ok() {
		return false, err
	}
	t.gone = true
	later := selectedOf(p.reads)
	if !p.chosen {
		later = append(later, selectedOf(p.updates)...)
	}
	for _, use := range later {
		x, err := l.on(ctx, use)
		if err != nil {
			return true, err
		}
		if x != nil && x.answer.ok() {
			l.fail(use, freed(op, use, x.answer.status), first, x)
		}
	}
	for _, list := range selectedOf(p.lists) {
		if err := l.inList(ctx, p, list, t, false, first); err != nil {
			return true, err
		}
	}
	for _, below := range l.r.selected() { // whether it may still be listed what stood in it, no document says
		if n := len(below.nodes); n > 0 && below.Method == http.MethodGet && p.makes(below.nodes[n-1].key) && !slices.Contains(p.reads, below) {
			if _, err := l.on(ctx, below); err != nil {
				return true, err
			}
		}
	}
	var again [2]*exchange
	for i := range again {
		if again[i], err = l.on(ctx, op); err != nil || again[i] == nil {
			return true, err
		}
	}
	if f, wrong := deletedAgain(first.answer, again[0].answer, again[1].answer); wrong {
		l.fail(op, f, first, again[0], again[1])
	}
	return true, nil
}

func freed(by, use *operation, status int) fault {
	return fault{
		check: CheckUseAfterFree, name: use.Method, accepted: "status 404 or 410",
		message: fmt.Sprintf("After %s removed the thing, %s was answered %d.", by.ID, use.ID, status),
	}
}

// deletedAgain: removing what is gone does no harm: 404, 410 or what the first time
// was answered, and the same each time. That a DELETE may be repeated (RFC 9110,
// section 9.2.2) is of use only to a client that can tell how it went.
func deletedAgain(first, second, third *answer) (fault, bool) {
	f := fault{check: CheckIdempotentDelete, accepted: fmt.Sprintf("404, 410 or %d, each time the same", first.status)}
	if second.err != nil || third.err != nil || second.status == http.StatusTooManyRequests || third.status == http.StatusTooManyRequests {
		return f, false
	}
	switch {
	case second.status != first.status && second.status != http.StatusNotFound && second.status != http.StatusGone:
		f.rule = "status " + strconv.Itoa(second.status)
		f.message = fmt.Sprintf("Removing what is gone already was answered %d, and the first time %d.", second.status, first.status)
	case second.status != third.status:
		f.rule = "differs"
		f.message = fmt.Sprintf("Removing what is gone already was answered %d, and the next time %d.", second.status, third.status)
	default:
		return f, false
	}
	return f, true
}

// inList looks for a thing in a list: whether it is there as it should.
func (l *lane) inList(ctx context.Context, p *producer, list *operation, t *thing, wanted bool, removal *exchange) error {
	var n node
	for _, own := range p.nodes {
		if own.collection() == list.key() {
			n = own
		}
	}
	if n.key == "" {
		return nil
	}
	id := scalarText(t.bound[n.key])
	schema := l.r.paramSchema(n)
	// The longest pages, so that few are needed.
	pages, err := l.pages(ctx, list, pagerOf(list), 0)
	if err != nil || len(pages) == 0 || !pages[len(pages)-1].last {
		return err // not a list, or not seen to its end
	}
	there, known := false, false
	for _, page := range pages {
		for _, item := range page.items {
			if v, _, ok := idOf(n, schema, item); ok {
				known = true
				there = there || scalarText(v) == id
			}
		}
	}
	x := pages[0].exchange
	switch {
	case wanted && !there:
		if !known && len(pages[0].items) > 0 {
			return nil // the items do not tell their ids
		}
		l.report(list, fault{
			check: CheckListReflects, rule: CheckListReflects, in: contract.InBody, accepted: "the id that was made",
			message: fmt.Sprintf("What %s made is not in the list of %s.", p.op.ID, list.ID),
		}, append(slices.Clone(t.steps), l.final(x)), l.confirm())
	case !wanted && there:
		f := freed(removal.call.op, list, x.answer.status)
		f.message = fmt.Sprintf("After %s removed the thing, it is still in the list of %s.", removal.call.op.ID, list.ID)
		l.fail(list, f, removal, x)
	}
	return nil
}

// roamed is how many random calls a walk makes.
const roamed = 12

// roam makes a thing, what can stand in it, and random valid calls of all that can
// be done with them.
func (l *lane) roam(ctx context.Context, p *producer) error {
	t, err := l.create(ctx, p, true)
	if err != nil || t == nil {
		return err
	}
	l.keep(t)
	var ways []*operation
	for _, op := range l.r.selected() {
		if len(op.nodes) > 0 && slices.ContainsFunc(op.nodes, func(n node) bool { return p.makes(n.key) }) {
			ways = append(ways, op)
		}
	}
	if len(ways) == 0 {
		return nil
	}
	removed := false      // the thing is known to be gone
	unsure := false       // something was done that may have brought it back, or removed it
	var removal *exchange //
	for range roamed {
		op := ways[l.rand.IntN(len(ways))]
		if removed && len(op.nodes) > len(p.op.nodes)+1 {
			continue // needs what stands in a thing that is gone
		}
		in, ok, err := l.random(ctx, op)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		for _, n := range op.nodes {
			if v, bound := l.bound[n.key]; bound {
				in.values[n.at()] = v
			}
		}
		x, err := l.send(ctx, op, in, purposeCase)
		if err != nil {
			return err
		}
		if x == nil || x.answer.err != nil {
			continue
		}
		n, own := op.last()
		own = own && p.makes(n.key)
		// An optional parameter may select another thing, or show a deleted one.
		optional := own && op.hasOptions(in)
		switch {
		case optional && op.Method == http.MethodGet:
		case optional && x.answer.ok():
			unsure = true
		case own && op.Method == http.MethodDelete && x.answer.ok():
			removed, unsure, removal = true, false, x
		case own && removed && !unsure && x.answer.ok() && !p.chosen:
			l.fail(op, freed(removal.call.op, op, x.answer.status), removal, x)
		case own && !removed && !unsure && op.Method == http.MethodGet && missing(x):
			l.fail(op, fault{
				check: CheckAvailability, rule: "status " + strconv.Itoa(x.answer.status), accepted: "not 404",
				message: fmt.Sprintf("What %s made is not there for %s: %d.", p.op.ID, op.ID, x.answer.status),
			}, x)
		case !own && op.Method != http.MethodGet && op.Method != http.MethodHead && x.answer.ok():
			unsure = true
		case own && p.chosen && op.Method == http.MethodPut && x.answer.ok():
			removed = false
		}
	}
	return nil
}

// laws looks at every list when nothing else runs: its pages are free of duplicates
// and gaps, and its totals agree.
func (r *runner) laws(ctx context.Context) {
	if !slices.ContainsFunc([]string{CheckPaging, CheckListReflects}, func(name string) bool { return r.checks[name] }) {
		return
	}
	for i, op := range r.selected() {
		if op.Method != http.MethodGet || ctx.Err() != nil {
			continue
		}
		l := r.lane(i, "laws "+op.ID)
		_ = l.walk(ctx, Walk{Kind: kindLaws, Operation: op.ID})
		l.tidy(ctx)
	}
}

// madeForList is how many things are made for the laws of a list.
const madeForList = 5

func (l *lane) listLaws(ctx context.Context, op *operation) error {
	pg := pagerOf(op)
	var n node
	var maker *producer
	for _, p := range l.r.resources {
		for _, own := range p.nodes {
			if own.collection() == op.key() && (maker == nil || !p.chosen) {
				n, maker = own, p
			}
		}
	}
	if maker == nil && !pg.pages() {
		return nil
	}
	var made []step
	if maker != nil {
		for range madeForList {
			t, err := l.create(ctx, maker, false)
			if err != nil {
				return err
			}
			if t == nil {
				break
			}
			for _, parent := range maker.op.nodes {
				l.bound[parent.key] = t.bound[parent.key]
			}
			if len(made) == 0 {
				made = t.steps
			} else {
				made = append(slices.Clone(made), t.steps[len(t.steps)-1])
			}
		}
	}
	whole, err := l.pages(ctx, op, pg, 0)
	if err != nil || len(whole) == 0 {
		return err
	}
	name := func(item any) string {
		if n.key != "" {
			if id, _, ok := idOf(n, l.r.paramSchema(n), item); ok {
				return scalarText(id)
			}
		}
		if object, ok := item.(map[string]any); ok && object["id"] != nil {
			return scalarText(object["id"])
		}
		return string(encode(item))
	}
	runs := [][]page{whole}
	if pg.size != nil {
		small := 2
		if count := len(flatten(whole)); count > maxPages {
			small = count/(maxPages/2) + 1
		}
		for _, size := range []int{small, small + 1} {
			if pg.fits(size) {
				run, err := l.pages(ctx, op, pg, size)
				if err != nil {
					return err
				}
				runs = append(runs, run)
			}
		}
	}
	for _, f := range pagingLaws(runs, name) {
		shown := make([]*exchange, 0, 4)
		for _, page := range f.run {
			if len(shown) < 4 {
				shown = append(shown, page.exchange)
			}
		}
		steps := l.sequence(shown)
		if len(made) > 0 {
			steps = append(slices.Clone(made), steps[len(steps)-len(shown):]...)
		}
		l.report(op, f.fault, steps, l.confirm())
	}
	return nil
}

func flatten(run []page) []any {
	var all []any
	for _, p := range run {
		all = append(all, p.items...)
	}
	return all
}

// lawFault is a failure of a law, with the pages that show it.
type lawFault struct {
	fault

	run []page
}

// pagingLaws hold for a list that nobody changes: no item is on two pages, pages of
// different sizes together show the same items, a page holds no more than was asked
// for, and the total that an answer tells is the number of items.
func pagingLaws(runs [][]page, name func(any) string) []lawFault {
	var found []lawFault
	add := func(run []page, rule, got, accepted, message string) {
		for i := range found {
			if found[i].rule == rule {
				return
			}
		}
		found = append(found, lawFault{fault{
			check: CheckPaging, rule: rule, in: contract.InBody, got: got, accepted: accepted, message: message,
		}, run})
	}
	var complete map[string]bool
	for _, run := range runs {
		seen := map[string]bool{}
		for _, p := range run {
			for _, item := range p.items {
				id := name(item)
				if seen[id] {
					add(run, "duplicates", cut(id, 100), "every item once", "An item is listed twice.")
				}
				seen[id] = true
			}
			if p.asked > 0 && len(p.items) > p.asked {
				add(run, "size", strconv.Itoa(len(p.items))+" items", "at most "+strconv.Itoa(p.asked), "A page holds more than was asked for.")
			}
		}
		if len(run) == 0 || !run[len(run)-1].last {
			continue
		}
		for _, p := range run {
			if p.total >= 0 && p.total != len(seen) {
				add(run, "total", strconv.Itoa(p.total), strconv.Itoa(len(seen)), fmt.Sprintf("The answer tells a total of %d, and the pages hold %d.", p.total, len(seen)))
			}
		}
		if complete == nil {
			complete = seen
		} else if !maps.Equal(complete, seen) {
			add(run, "gaps", strconv.Itoa(len(seen))+" items", strconv.Itoa(len(complete))+" items", "Pages of another size do not hold the same items.")
		}
	}
	return found
}
