package verify

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/verify/generate"
)

// chunk is how many random calls of an operation are one job.
const chunk = 50

// plan lists the jobs of a phase. They are the same for the same document and
// options, and what one does depends on its name, the seed and its own answers.
func (r *runner) plan(phase Phase) []job {
	var jobs []job
	switch phase {
	case PhaseExamples:
		for _, op := range r.selected() {
			jobs = append(jobs, job{op.ID, func(ctx context.Context, l *lane) { _ = l.examples(ctx, op) }})
		}
	case PhaseCoverage:
		for _, op := range r.selected() {
			jobs = append(jobs, job{op.ID, func(ctx context.Context, l *lane) { _ = l.coverage(ctx, op) }})
		}
		jobs = append(jobs, r.methodJobs()...)
	case PhaseFuzzing:
		for begin := 0; begin < r.o.MaxExamples; begin += chunk {
			n := min(chunk, r.o.MaxExamples-begin)
			for _, op := range r.selected() {
				jobs = append(jobs, job{op.ID + " " + strconv.Itoa(begin), func(ctx context.Context, l *lane) { _ = l.fuzz(ctx, op, n) }})
			}
		}
	case PhaseStateful:
		jobs = r.walks()
	}
	return jobs
}

func (r *runner) selected() []*operation {
	return slices.DeleteFunc(slices.Clone(r.ops), func(op *operation) bool { return !op.selected })
}

// attempt makes a call for its own sake, on the things that the lane has made. What
// a call removes or cannot find any more is made anew for the next.
func (l *lane) attempt(ctx context.Context, op *operation, in *input, why purpose) error {
	c, err := newCall(op, in)
	if err != nil || l.r.paths.otherRoute(op, c.path) {
		return nil //nolint:nilerr // the input has no form as a request of this operation
	}
	x := &exchange{call: c, purpose: why, judged: l.r.judge(ctx, c), methods: declared(l.r.ops, []string{op.Path})}
	lenient(x)
	if err := l.do(ctx, x); err != nil {
		return err
	}
	l.litterOf(x)
	gone := x.answer.status == http.StatusNotFound || x.answer.status == http.StatusGone
	if n, ok := op.last(); x.answer.err == nil && (gone || ok && op.Method == http.MethodDelete && x.answer.ok()) {
		if !ok && len(op.nodes) > 0 {
			n, ok = op.nodes[len(op.nodes)-1], true
		}
		if own, bound := l.bound[n.key]; ok && bound && scalarText(in.values[n.at()]) == scalarText(own) {
			for _, p := range l.r.producers[n.key] {
				l.drop(p)
			}
			delete(l.bound, n.key)
		}
	}
	return nil
}

// litterOf remembers what a call has made, so that it can be removed.
func (l *lane) litterOf(x *exchange) {
	if x.call.method != http.MethodPost || !x.answer.ok() {
		return
	}
	for _, p := range l.r.resources {
		if p.op != x.call.op || p.chosen {
			continue
		}
		t := &thing{by: p, bound: map[string]any{}, answer: x.answer, steps: make([]step, 1)}
		for _, n := range p.op.nodes {
			t.bound[n.key] = x.call.in.values[n.at()]
		}
		if l.r.made(p, t) {
			l.litter = append(l.litter, t)
		}
	}
}

// lenient lets pass what many servers read in more than one way, and is no clear
// mistake: 0 and 1 for a boolean, and an empty text of a parameter.
func lenient(x *exchange) {
	if !x.judged.refused {
		return
	}
	refusing := slices.DeleteFunc(slices.Clone(x.judged.violations), func(v contract.Violation) bool {
		if !v.Refuses() {
			return true
		}
		if v.In != contract.InQuery && v.In != contract.InHeader && v.In != contract.InCookie || v.Rule == "required" {
			return false
		}
		if v.Raw == "" && (v.Got == nil || v.Got == "") {
			return true
		}
		return v.Schema != nil && v.Schema.Type.Is(openapi3.TypeBoolean) && (v.Raw == "0" || v.Raw == "1")
	})
	x.judged.refused = len(refusing) > 0
}

// rebind puts the lane's things into a copy of an input whose path parameters have
// not been chosen otherwise.
func (l *lane) rebind(ctx context.Context, op *operation, in *input, chosen ...place) (*input, error) {
	c := in.clone()
	fresh := &input{values: map[place]any{}}
	if err := l.bind(ctx, op, fresh); err != nil {
		return nil, err
	}
	for at, v := range fresh.values {
		if !slices.Contains(chosen, at) {
			c.values[at] = v
		}
	}
	return c, nil
}

// example is a value that the document gives, and where.
type example struct {
	value any
	name  string
}

func examplesOf(one any, named openapi3.Examples, schema *openapi3.SchemaRef) []example {
	var out []example
	add := func(v any, name string) {
		if value, ok := plain(v); ok && v != nil {
			out = append(out, example{value, name})
		}
	}
	add(one, "")
	for _, name := range sortedNames(named) {
		if ref := named[name]; ref.Value != nil {
			add(ref.Value.Value, name)
		}
	}
	if len(out) == 0 && schema != nil && schema.Value != nil {
		add(schema.Value.Example, "")
		for _, v := range schema.Value.Examples {
			add(v, "")
		}
	}
	return out
}

// examples sends what the document gives as examples: each of the body's, and each
// of a parameter's with the smallest rest.
func (l *lane) examples(ctx context.Context, op *operation) error {
	base, ok, err := l.minimal(ctx, op)
	if err != nil {
		return err
	}
	if !ok {
		base = &input{values: map[place]any{}}
		if err := l.bind(ctx, op, base); err != nil {
			return err
		}
	}
	for _, p := range op.params {
		given := examplesOf(p.Example, p.Examples, p.Schema)
		if len(given) > 0 && base.values[place{p.In, p.Name}] == nil {
			base.values[place{p.In, p.Name}] = given[0].value
		}
	}
	sent := false
	if op.plain.RequestBody != nil {
		content := op.plain.RequestBody.Value.Content
		for _, name := range op.bodyTypes {
			mt := content[name]
			for _, e := range examplesOf(mt.Example, mt.Examples, mt.Schema) {
				in, err := l.rebind(ctx, op, base)
				if err != nil {
					return err
				}
				in.mediaType = name
				text, isText := e.value.(string)
				switch {
				case name == "application/json", strings.HasSuffix(name, "+json"):
					in.text, in.hasText = encode(e.value), true
					in.body, in.hasBody = e.value, true
				case isForm(name):
					in.text, in.hasText = formBody(e.value), true
				case isMultipart(name):
					in.text, in.hasText = multipartBody(op.body, e.value), true
				case isText:
					in.text, in.hasText = []byte(text), true
				default:
					continue
				}
				sent = true
				if err := l.one(ctx, op, in); err != nil {
					return err
				}
			}
		}
	}
	for _, p := range op.params {
		for i, e := range examplesOf(p.Example, p.Examples, p.Schema) {
			if p.In == openapi3.ParameterInPath || i == 0 && sent {
				continue
			}
			in, err := l.rebind(ctx, op, base)
			if err != nil {
				return err
			}
			sent = true
			if err := l.one(ctx, op, in.with(place{p.In, p.Name}, e.value)); err != nil {
				return err
			}
		}
	}
	if !sent && ok {
		return l.one(ctx, op, base)
	}
	return nil
}

// one makes one call and forgets it.
func (l *lane) one(ctx context.Context, op *operation, in *input) error {
	return l.attempt(ctx, op, in, purposeCase)
}

// coverage goes through the limits of everything that an operation declares.
func (l *lane) coverage(ctx context.Context, op *operation) error {
	base, ok, err := l.minimal(ctx, op)
	if err != nil {
		return err
	}
	if !ok {
		return nil
	}
	if err := l.unauthorised(ctx, op, base); err != nil {
		return err
	}
	fresh := func(chosen ...place) (*input, error) {
		in, err := l.rebind(ctx, op, base, chosen...)
		if err != nil || op.Method != http.MethodPost && op.Method != http.MethodPut || !in.hasBody {
			return in, err
		}
		in.body = l.distinct(ctx, op, in)
		return in, nil
	}
	try := func(in *input, why purpose) error {
		return l.attempt(ctx, op, in, why)
	}
	in, err := fresh()
	if err != nil {
		return err
	}
	if err := try(in, purposeCase); err != nil {
		return err
	}
	for _, p := range op.params {
		at := place{p.In, p.Name}
		for _, c := range l.paramCases(p) {
			if in, err = fresh(at); err != nil {
				return err
			}
			if err := try(in.with(at, c), purposeCase); err != nil {
				return err
			}
		}
		if in, err = fresh(); err != nil {
			return err
		}
		why := purposeCase
		if p.In == openapi3.ParameterInHeader {
			why = purposeHeader
		}
		if p.Required && p.In != openapi3.ParameterInPath {
			if err := try(in.without(at), why); err != nil {
				return err
			}
		}
		if _, sent := in.values[at]; p.In == openapi3.ParameterInHeader && sent {
			twice := in.clone()
			twice.repeat = &at
			if err := try(twice, purposeSetUp); err != nil {
				return err
			}
		}
	}
	return l.bodyCoverage(ctx, op, fresh, try)
}

// bodyCoverage goes through the limits of the body, and through what is wrong with
// the message around it.
func (l *lane) bodyCoverage(ctx context.Context, op *operation, fresh func(...place) (*input, error), try func(*input, purpose) error) error {
	if op.body == nil {
		return nil
	}
	o := l.generated()
	o.Skip = l.r.skip(op)
	for _, c := range generate.Boundaries(op.body, o) {
		in, err := fresh()
		if err != nil {
			return err
		}
		in = in.withBody(c.Value)
		if c.Valid {
			in.body = l.apart(ctx, op, in, c.Pointer)
			in.body = l.markSecrets(ctx, op, in)
		}
		if err := try(in, purposeCase); err != nil {
			return err
		}
	}
	in, err := fresh()
	if err != nil || !in.hasBody && !op.HasBody() {
		return err
	}
	if !in.hasBody {
		body, ok := generate.Minimal(op.body, o)
		if !ok {
			return nil
		}
		in = in.withBody(body)
	}
	var variants []*input
	for _, mediaType := range []string{"text/plain", "application/xml", "image/png"} {
		if slices.Contains(op.bodyTypes, mediaType) || slices.ContainsFunc(op.bodyTypes, func(t string) bool { return strings.Contains(t, "*") }) {
			continue
		}
		v := in.clone()
		v.mediaType = mediaType
		variants = append(variants, v)
	}
	if strings.HasSuffix(op.bodyType, "json") {
		for _, text := range []string{`{"unfinished":`, `{]`, "not JSON", "null", "[]", `"text"`} {
			v := in.clone()
			v.text, v.hasText = []byte(text), true
			variants = append(variants, v)
		}
	}
	if op.bodyRequired {
		v := in.clone()
		v.body, v.hasBody = nil, false
		variants = append(variants, v)
	}
	for _, v := range variants {
		bound, err := l.rebind(ctx, op, v)
		if err != nil {
			return err
		}
		if err := try(bound, purposeCase); err != nil {
			return err
		}
	}
	return nil
}

// skip names the rules of a body that the server need not enforce: breaking them
// proves nothing. The document's own judgement decides again for every call.
func (r *runner) skip(*operation) func(string, *openapi3.Schema, string) bool { return nil }

// apart makes a valid body distinct, but for the place that the case is about.
func (l *lane) apart(ctx context.Context, op *operation, in *input, pointer string) any {
	members, ok := in.body.(map[string]any)
	if !ok {
		return in.body
	}
	about, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	about = unescaper.Replace(about)
	made, _ := l.distinct(ctx, op, in).(map[string]any)
	out := maps.Clone(made)
	if v, has := members[about]; has && out != nil {
		out[about] = v
	}
	return out
}

// paramCases are the values of a parameter that its own rules ask for.
func (l *lane) paramCases(p *openapi3.Parameter) []any {
	s := schemaOf(p)
	if s == nil {
		return nil
	}
	structured := s.Type.Is(openapi3.TypeArray) || s.Type.Is(openapi3.TypeObject)
	var out []any
	seen := map[string]bool{}
	add := func(v any) {
		switch v := v.(type) {
		case nil:
			return
		case []any:
			if !structured || len(v) == 0 {
				return
			}
		case map[string]any:
			if !structured || len(v) == 0 {
				return
			}
		}
		text := simpleText(v, false)
		if text == "" || seen[text] || len(text) > maxParam {
			return
		}
		seen[text] = true
		out = append(out, v)
	}
	for _, c := range generate.Boundaries(s, generate.Options{Request: true}) {
		add(c.Value)
	}
	if s.Type != nil && !s.Type.Includes(openapi3.TypeString) && !structured {
		add("understudy")
		if s.Type.Is(openapi3.TypeInteger) {
			add(json.Number("1.5"))
		}
	}
	return out
}

// maxParam is how long the text of a parameter may be: longer ones are a matter of
// the server's limits, not of the document.
const maxParam = 2000

// unauthorised makes a call without a credential and with one of an unknown scheme,
// and then with the right one.
func (l *lane) unauthorised(ctx context.Context, op *operation, base *input) error {
	schemes, ok := l.r.target.auth.alternative(op)
	if op.open || len(op.security) == 0 {
		return nil
	}
	uses := []credentialUse{credentialNone}
	if ok && slices.ContainsFunc(schemes, l.r.target.auth.inAuthorization) {
		uses = append(uses, credentialWrong)
	}
	for _, use := range uses {
		in, err := l.rebind(ctx, op, base)
		if err != nil {
			return err
		}
		c, err := newCall(op, in)
		if err != nil {
			return nil //nolint:nilerr // there is no such request
		}
		c.credential = use
		x := &exchange{call: c, purpose: purposeUnauthorised, judged: l.r.judge(ctx, c)}
		if err := l.do(ctx, x); err != nil {
			return err
		}
		if !ok || x.answer.err != nil || x.answer.ok() || x.answer.status == http.StatusUnauthorized || x.answer.status == http.StatusForbidden {
			continue
		}
		// Another refusal: whether the credential was its reason shows with one.
		again, err := l.send(ctx, op, in, purposeCase)
		if err != nil {
			return err
		}
		if again != nil && again.answer.ok() {
			x.granted = true
			for _, f := range ignoredAuth(ctx, x) {
				l.report(op, f, l.stepsTo(x), nil)
			}
		}
	}
	return nil
}

// tried are the methods that are tried on paths that do not declare them.
var tried = []string{
	http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch, http.MethodTrace, http.MethodOptions,
}

// methodJobs try, for every path, the methods that it does not declare.
func (r *runner) methodJobs() []job {
	var jobs []job
	seen := map[string]bool{}
	for _, op := range r.selected() {
		if seen[op.Path] {
			continue
		}
		seen[op.Path] = true
		jobs = append(jobs, job{"methods " + op.Path, func(ctx context.Context, l *lane) { _ = l.methods(ctx, op) }})
	}
	return jobs
}

func (l *lane) methods(ctx context.Context, op *operation) error {
	in := &input{values: map[place]any{}}
	if err := l.bind(ctx, op, in); err != nil {
		return err
	}
	full, ok, err := l.minimal(ctx, op)
	if err != nil {
		return err
	}
	if ok {
		in = full
	}
	model, err := newCall(op, in)
	if err != nil {
		return nil //nolint:nilerr // there is no such path
	}
	known := declared(l.r.ops, l.r.paths.matching(model.path))
	for _, method := range tried {
		if slices.Contains(known, method) {
			continue
		}
		c := &call{method: method, path: model.path, header: http.Header{}, vars: model.vars}
		c.credentialOf = op
		x := &exchange{call: c, purpose: purposeMethod, methods: declared(l.r.ops, []string{op.Path})}
		if err := l.do(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// fuzz makes random calls, every other one valid.
func (l *lane) fuzz(ctx context.Context, op *operation, n int) error {
	for i := range n {
		base, ok, err := l.random(ctx, op)
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		in := base
		if i%2 == 1 {
			if in, ok = l.broken(op, base); !ok {
				continue
			}
		}
		if err := l.attempt(ctx, op, in, purposeCase); err != nil {
			return err
		}
	}
	return nil
}

// random is a random valid input, mostly on things that exist.
func (l *lane) random(ctx context.Context, op *operation) (*input, bool, error) {
	in := &input{values: map[place]any{}}
	if err := l.bind(ctx, op, in); err != nil {
		return nil, false, err
	}
	for _, p := range op.params {
		at := place{p.In, p.Name}
		_, has := in.values[at]
		s := schemaOf(p)
		switch {
		case s == nil:
			continue
		case p.In == openapi3.ParameterInPath && has && l.rand.IntN(5) > 0:
			continue
		case !p.Required && l.rand.IntN(2) == 0:
			continue
		}
		if v, ok := randomParam(l.rand, p, s); ok {
			in.values[at] = v
		} else if p.Required && !has {
			return nil, false, nil
		}
	}
	if op.body != nil && (op.bodyRequired || l.rand.IntN(4) > 0) {
		body, ok := generate.Valid(l.rand, op.body, l.generated())
		if !ok {
			return nil, false, nil
		}
		in = in.withBody(body)
		if l.rand.IntN(2) == 0 {
			in.body = l.distinct(ctx, op, in)
		}
		in.body = l.markSecrets(ctx, op, in)
	} else if op.bodyRequired {
		return nil, false, nil
	}
	return in, true, nil
}

// randomParam makes a value that has a text where the parameter stands.
func randomParam(r *rand.Rand, p *openapi3.Parameter, s *openapi3.Schema) (any, bool) {
	for range attempts {
		v, ok := generate.Valid(r, s, generate.Options{Request: true})
		if !ok {
			return nil, false
		}
		text := simpleText(v, false)
		if v == nil || text == "" || len(text) > maxParam || p.In == openapi3.ParameterInHeader && !headerSafe(text) {
			continue
		}
		return v, true
	}
	return nil, false
}

// broken breaks one rule of an input.
func (l *lane) broken(op *operation, base *input) (*input, bool) {
	var places []place
	for _, p := range op.params {
		if schemaOf(p) != nil {
			places = append(places, place{p.In, p.Name})
		}
	}
	inBody := op.body != nil
	if inBody && (len(places) == 0 || l.rand.IntN(3) > 0) {
		o := l.generated()
		o.Skip = l.r.skip(op)
		c, ok := generate.Invalid(l.rand, op.body, o)
		if !ok {
			return nil, false
		}
		return base.withBody(c.Value), true
	}
	if len(places) == 0 {
		return nil, false
	}
	at := places[l.rand.IntN(len(places))]
	p := op.parameter(at)
	if p.Required && p.In != openapi3.ParameterInPath && l.rand.IntN(8) == 0 {
		return base.without(at), true
	}
	for range attempts {
		c, ok := generate.Invalid(l.rand, schemaOf(p), generate.Options{Request: true})
		if !ok {
			return nil, false
		}
		text := simpleText(c.Value, false)
		if c.Value != nil && text != "" && len(text) <= maxParam {
			return base.with(at, c.Value), true
		}
	}
	return nil, false
}
