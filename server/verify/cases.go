package verify

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/sample"
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
	for _, c := range sample.Boundaries(op.body, o) {
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
		body, ok := sample.Minimal(op.body, o)
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
	for _, c := range sample.Boundaries(s, sample.Options{Request: true}) {
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
