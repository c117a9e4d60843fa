package verify

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/sample"
)

// thing is what a producer has made.
type thing struct {
	by     *producer
	bound  map[string]any // every node that leads to it, its own included
	steps  []step         // that made it and what it stands in
	body   any            // what was written
	answer *answer
	sent   int64
	gone   bool // it was removed again
}

// tidy removes what the lane has made and is still there, where an operation that
// was chosen can. The server is left as it was found, and its lists stay short.
func (l *lane) tidy(ctx context.Context) {
	for _, t := range slices.Backward(l.litter) {
		for _, op := range selectedOf(t.by.deletes) {
			if t.gone || slices.ContainsFunc(op.nodes, func(n node) bool { return t.bound[n.key] == nil }) {
				continue
			}
			l.bound = maps.Clone(t.bound)
			x, err := l.on(ctx, op)
			if err != nil {
				return
			}
			t.gone = x != nil && x.answer.ok()
		}
	}
	l.litter = nil
}

// id is the value by which the thing itself is known.
func (t *thing) id() string { return scalarText(t.bound[t.by.nodes[0].key]) }

// attempts is how often a thing is tried to be made with other values.
const attempts = 4

// maxFailed is how often in a row a lane tries to make what a path parameter stands
// for before it makes up values.
const maxFailed = 2

// bind gives values to the path parameters of an operation, making what they stand
// for if the lane has not yet. Where nothing can be made, a value is made up.
func (l *lane) bind(ctx context.Context, op *operation, in *input) error {
	for _, n := range op.nodes {
		if v, ok := l.bound[n.key]; ok {
			in.values[n.at()] = v
			continue
		}
		if op.Method != http.MethodDelete || len(l.r.producers[n.key]) == 0 { // what the caller names is not removed where another can be
			if v, ok := l.given(n.param, l.r.paramSchema(n)); ok {
				in.values[n.at()] = v
				continue
			}
		}
		if v, err := l.namesake(ctx, op, n); err != nil || v != nil {
			if err != nil {
				return err
			}
			in.values[n.at()] = v
			continue
		}
		made := false
		hopeless := l.failed[n.key] >= maxFailed
		for _, p := range l.r.producers[n.key] {
			if hopeless || p.op == op || p.chosen && op.Method == p.op.Method || p.op.index == op.index {
				continue
			}
			t, err := l.create(ctx, p, false)
			if err != nil {
				return err
			}
			if t != nil {
				l.keep(t)
				in.values[n.at()] = t.bound[n.key]
				made = true
				break
			}
		}
		if !made && !hopeless {
			v, err := l.listed(ctx, op, n)
			if err != nil {
				return err
			}
			if v != nil {
				l.bound[n.key] = v
				in.values[n.at()] = v
				made = true
			}
		}
		if made {
			l.failed[n.key] = 0
			continue
		}
		l.failed[n.key]++
		p := op.parameter(n.at())
		if p == nil || schemaOf(p) == nil {
			continue
		}
		if v, ok := l.pathValue(p); ok {
			in.values[n.at()] = v
		}
	}
	for _, p := range op.params { // those that share a segment with other text
		at := place{p.In, p.Name}
		if _, has := in.values[at]; !has && p.In == openapi3.ParameterInPath && schemaOf(p) != nil {
			if v, ok := l.pathValue(p); ok {
				in.values[at] = v
			}
		}
	}
	return nil
}

// pathValue makes a value that a path can hold.
func (l *lane) pathValue(p *openapi3.Parameter) (any, bool) {
	if p.Example != nil {
		if v, ok := plain(p.Example); ok {
			return v, true
		}
	}
	v, ok := sample.Minimal(schemaOf(p), l.options())
	if ok && scalarText(v) != "" {
		return v, true
	}
	for range attempts {
		if v, ok = sample.Valid(l.rand, schemaOf(p), l.options()); ok && scalarText(v) != "" {
			return v, true
		}
	}
	return nil, false
}

// keep lets later calls of the lane use a thing.
func (l *lane) keep(t *thing) {
	maps.Copy(l.bound, t.bound)
}

// drop forgets a thing and all that stands in it.
func (l *lane) drop(p *producer) {
	for _, n := range p.nodes {
		for key := range l.bound {
			if key == n.key || strings.HasPrefix(key, n.key+"/") {
				delete(l.bound, key)
			}
		}
	}
}

// listed takes the first thing that a list of the collection shows.
func (l *lane) listed(ctx context.Context, op *operation, n node) (any, error) {
	for _, list := range l.r.ops {
		if list.Method != http.MethodGet || list.key() != n.collection() || list == op {
			continue
		}
		in, ok, err := l.minimal(ctx, list)
		if err != nil || !ok {
			return nil, err
		}
		x, err := l.send(ctx, list, in, purposeSetUp)
		if err != nil || x == nil || !x.answer.ok() {
			return nil, err
		}
		found, _, _ := items(x.answer.json())
		schema := l.r.paramSchema(n)
		for _, item := range found {
			if id, _, ok := idOf(n, schema, item); ok {
				return id, nil
			}
			if fitsParam(schema, item) {
				return item, nil
			}
		}
	}
	return nil, nil
}

// minimal is the smallest valid input of an operation, on things that exist if they
// can be made.
func (l *lane) minimal(ctx context.Context, op *operation) (*input, bool, error) {
	in := &input{values: map[place]any{}}
	if err := l.bind(ctx, op, in); err != nil {
		return nil, false, err
	}
	if err := l.furnish(ctx, op); err != nil {
		return nil, false, err
	}
	for _, p := range op.params {
		at := place{p.In, p.Name}
		if _, has := in.values[at]; has || !p.Required || schemaOf(p) == nil {
			continue
		}
		v, ok := l.param(p)
		if !ok {
			return nil, false, nil
		}
		in.values[at] = v
	}
	if err := l.precondition(ctx, op, in); err != nil {
		return nil, false, err
	}
	if op.body != nil && op.bodyRequired {
		body, ok := sample.Minimal(op.body, l.certain())
		if !ok {
			return nil, false, nil
		}
		in.body, in.hasBody = body, true
	} else if op.bodyRequired {
		return nil, false, nil
	}
	return in, true, nil
}

// param is the value of a parameter that the options give, that names a thing of the
// lane, or the smallest one.
func (l *lane) param(p *openapi3.Parameter) (any, bool) {
	if v, ok := l.knownAt("/"+escapePointer(p.Name), schemaOf(p)); ok {
		return v, true
	}
	return l.minimalParam(p)
}

// minimalParam makes a value that has a text where the parameter stands.
func (l *lane) minimalParam(p *openapi3.Parameter) (any, bool) {
	v, ok := sample.Minimal(schemaOf(p), l.options())
	for range attempts {
		if ok && scalarText(v) != "" && (p.In != openapi3.ParameterInHeader || headerSafe(simpleText(v, false))) {
			return v, true
		}
		v, ok = sample.Valid(l.rand, schemaOf(p), l.options())
	}
	return v, ok && p.In == openapi3.ParameterInQuery
}

// send makes a call of an operation. The exchange is nil if the input has no form
// as a request.
func (l *lane) send(ctx context.Context, op *operation, in *input, why purpose) (*exchange, error) {
	c, err := newCall(op, in)
	if err != nil {
		return nil, nil //nolint:nilerr // there is no such request
	}
	x := &exchange{call: c, purpose: why, judged: l.r.judge(ctx, c)}
	if err := l.do(ctx, x); err != nil {
		return nil, err
	}
	return x, nil
}

// maxNesting is how many things stand in one another.
const maxNesting = 8

// create makes a thing; nil if the server makes none. rich asks for more than what
// is required.
func (l *lane) create(ctx context.Context, p *producer, rich bool) (*thing, error) {
	r := l.r
	base := &input{values: map[place]any{}}
	if l.depth >= maxNesting {
		return nil, nil
	}
	l.depth++
	err := l.bind(ctx, p.op, base)
	if err == nil {
		err = l.furnish(ctx, p.op)
	}
	l.depth--
	if err != nil {
		return nil, err
	}
	for attempt := range attempts {
		in, ok := l.creation(ctx, p, base, attempt, rich)
		if !ok {
			continue
		}
		x, err := l.send(ctx, p.op, in, purposeCase)
		if err != nil {
			return nil, err
		}
		if x == nil || !x.answer.ok() {
			continue
		}
		t := &thing{by: p, bound: map[string]any{}, body: in.body, answer: x.answer, sent: x.sent}
		s := l.step(x)
		var at map[string]int
		t.steps, at = l.leading(p.op, &s)
		t.steps = append(t.steps, s)
		for _, n := range p.op.nodes {
			t.bound[n.key] = in.values[n.at()]
		}
		if !p.chosen && !r.made(p, t) {
			return nil, nil
		}
		l.remember(t, at)
		if p.foundOne(x.answer) {
			t.body = nil // it is another's, and holds what that wrote
			return t, nil
		}
		l.litter = append(l.litter, t)
		l.uniqueID(t)
		return t, nil
	}
	return nil, nil
}

// foundOne reports whether an answer says that the thing was there before: 200 where 201
// is declared too.
func (p *producer) foundOne(a *answer) bool {
	return a.status == http.StatusOK && p.op.Declares(http.StatusCreated)
}

// creation is what a thing is tried to be made from.
func (l *lane) creation(ctx context.Context, p *producer, base *input, attempt int, rich bool) (*input, bool) {
	in := base.clone()
	for _, param := range p.op.params {
		at := place{param.In, param.Name}
		if _, has := in.values[at]; has && !p.chosen {
			continue
		}
		n, isLast := p.op.last()
		own := p.chosen && isLast && at == n.at()
		if !own && (!param.Required || in.values[at] != nil) || schemaOf(param) == nil {
			continue
		}
		v, ok := l.param(param)
		if own {
			v, ok = sample.Valid(l.rand, schemaOf(param), l.options())
			if text, isText := v.(string); ok && isText {
				v = l.unique(text, func(candidate string) bool { return schemaOf(param).VisitJSON(candidate) == nil })
			}
		}
		if !ok {
			return nil, false
		}
		in.values[at] = v
	}
	if p.op.body == nil {
		return in, !p.op.bodyRequired
	}
	var body any
	var ok bool
	switch {
	case l.limit != nil && attempt < 2:
		body, ok = l.limit, true
	case rich && attempt == 0:
		body, ok = l.full(ctx, p.op, in)
	case rich || attempt > 1:
		body, ok = sample.Valid(l.rand, p.op.body, l.certain())
	default:
		body, ok = sample.Minimal(p.op.body, l.certain())
	}
	if !ok {
		return nil, false
	}
	in = in.withBody(body)
	if l.limit != nil {
		l.refer(p.op, in, true, "")
	}
	if l.variety > 0 {
		in.body = l.varied(ctx, p.op, in)
	}
	if attempt != 1 && l.limit == nil || attempt == 1 && l.limit != nil {
		in.body = l.distinct(ctx, p.op, in) // what stands at a limit stays as it is if it may
	}
	in.body = l.markSecrets(ctx, p.op, in)
	return in, true
}

// samples is how many random bodies are asked for values of optional members.
const samples = 4

// unique appends to a text until it is one that nobody else has.
func (l *lane) unique(text string, fits func(string) bool) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	for _, n := range []int{8, 5, 3} {
		suffix := make([]byte, n)
		for i := range suffix {
			suffix[i] = letters[l.rand.IntN(len(letters))]
		}
		candidates := []string{text + string(suffix), string(suffix), "v" + string(suffix)}
		if local, domain, isAddress := strings.Cut(text, "@"); isAddress {
			candidates = []string{local + string(suffix) + "@" + domain}
		}
		for _, candidate := range candidates {
			if fits(candidate) {
				return candidate
			}
		}
	}
	return text
}

// distinct gives the texts of a body's own members values that no other thing has,
// where the document does not list what they may be.
func (l *lane) distinct(ctx context.Context, op *operation, in *input) any {
	members, ok := in.body.(map[string]any)
	if !ok {
		return in.body
	}
	out := maps.Clone(members)
	model, err := newCall(op, in)
	broken := err != nil || !l.r.judge(ctx, model).valid
	for _, name := range sortedNames(members) {
		schemas := propertySchemas(op.body, name)
		if len(schemas) == 0 || len(schemas[0].Enum) > 0 || l.r.referentAt([]string{name}, schemas[0]) != "" {
			continue
		}
		text, isText := out[name].(string)
		if !isText || schemas[0].Format != "" && schemas[0].Format != "email" {
			continue
		}
		out[name] = l.unique(text, func(candidate string) bool {
			if broken { // elsewhere: what there is already would be a reason to refuse it, too
				return schemas[0].VisitJSON(candidate) == nil
			}
			trial := maps.Clone(out)
			trial[name] = candidate
			c, err := newCall(op, in.withBody(trial))
			return err == nil && l.r.judge(ctx, c).valid
		})
	}
	return out
}

// days are in another order than their months are.
var days = []string{"2021-03-04", "2019-11-20", "2023-01-15", "2020-12-30", "2022-06-01"}

// varied gives the members of a body other values than the thing before and the one
// after have: numbers whose order is not that of their digits, each value of a few.
func (l *lane) varied(ctx context.Context, op *operation, in *input) any {
	members, ok := in.body.(map[string]any)
	if !ok {
		return in.body
	}
	out := maps.Clone(members)
	numbers := []string{"10", "9", "100", "20", "3"}
	body, whole := op.body, any(out)
	for _, wrap := range []string{"data", "attributes"} { // as JSON:API has them
		inner, wrapped := out[wrap].(map[string]any)
		schemas := propertySchemas(body, wrap)
		if !wrapped || len(schemas) != 1 {
			break
		}
		inner = maps.Clone(inner)
		out[wrap] = inner
		body, out = schemas[0], inner
	}
	for _, name := range op.Properties(body) {
		schemas := propertySchemas(body, name)
		if len(schemas) == 0 || isReadOnly(schemas) || l.r.referentAt([]string{name}, schemas[0]) != "" {
			continue
		}
		s, was, held := schemas[0], out[name], out[name] != nil
		switch {
		case len(s.Enum) > 0:
			v, ok := plain(s.Enum[l.variety%len(s.Enum)])
			if !ok {
				continue
			}
			out[name] = v
		case s.Type.Is(openapi3.TypeBoolean) && folded(name) != "deleted":
			out[name] = l.variety%2 == 0
		case s.Type.Is(openapi3.TypeString) && s.Format == "date":
			out[name] = days[l.variety%len(days)]
		case s.Type.Is(openapi3.TypeString) && s.Format == "date-time":
			out[name] = days[l.variety%len(days)] + "T08:30:00Z"
		case s.Type.Is(openapi3.TypeInteger), s.Type.Is(openapi3.TypeNumber):
			out[name] = json.Number(numbers[l.variety%len(numbers)])
		default:
			continue
		}
		if c, err := newCall(op, in.withBody(whole)); err == nil && l.r.judge(ctx, c).valid {
			continue
		}
		if held {
			out[name] = was
		} else {
			delete(out, name)
		}
	}
	return whole
}

// propertySchemas finds what a schema, or one that it is made of, says of a member.
func propertySchemas(s *openapi3.Schema, name string) []*openapi3.Schema {
	return membersOf(s, name, 0)
}

func membersOf(s *openapi3.Schema, name string, depth int) []*openapi3.Schema {
	if s == nil || depth > 8 {
		return nil
	}
	var found []*openapi3.Schema
	if ref := s.Properties[name]; ref != nil && ref.Value != nil {
		found = append(found, ref.Value)
	}
	for _, refs := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, ref := range refs {
			found = append(found, membersOf(ref.Value, name, depth+1)...)
		}
	}
	return found
}

// made finds where the answer says what was made.
func (r *runner) made(p *producer, t *thing) bool {
	body := t.answer.json()
	last := &t.steps[len(t.steps)-1]
	defer func() {
		for key, v := range t.bound {
			r.learn(key, v)
		}
	}()
	for _, n := range p.nodes {
		schema := r.paramSchema(n)
		if pointer, ok := p.pointers[n.key]; ok {
			if v, there := at(body, pointer); there && fitsParam(schema, v) {
				t.bound[n.key] = v
				last.Makes = pointer
				continue
			}
		}
		if text := t.answer.header.Get(p.headers[n.key]); fitsParam(schema, text) {
			t.bound[n.key] = text
			continue
		}
		if v, pointer, ok := idOf(n, schema, body); ok {
			t.bound[n.key] = v
			last.Makes = pointer
			continue
		}
		text, ok := r.fromLocation(n, t.answer.header.Get("Location"))
		if !ok {
			return false
		}
		t.bound[n.key] = text
	}
	return true
}

// paramSchema is what operations ask of a node's parameter.
func (r *runner) paramSchema(n node) *openapi3.Schema {
	for _, op := range r.ops {
		for _, own := range op.nodes {
			if own.key == n.key {
				if p := op.parameter(own.at()); p != nil {
					return schemaOf(p)
				}
			}
		}
	}
	return nil
}
