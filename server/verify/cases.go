package verify

import (
	"context"
	"fmt"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
)

// chunk is how many random calls of an operation are one job.
const chunk = 50

// plan lists the jobs of a phase. They are the same for the same document and
// options, and what one does depends on its name, the seed and its own answers.
func (r *runner) plan(phase Phase) []job {
	var jobs []job
	switch phase {
	case PhaseExamples:
		ops := r.selected()
		// Those that need the fewest other things first: they cost the least.
		slices.SortStableFunc(ops, func(a, b *operation) int { return len(a.nodes) + len(a.refs) - len(b.nodes) - len(b.refs) })
		for _, op := range ops {
			jobs = append(jobs, jobOf(op.ID, op.ID, func(ctx context.Context, l *lane) { _ = l.examples(ctx, op) }))
		}
	case PhaseCoverage:
		for _, op := range r.selected() {
			jobs = append(jobs, r.coverageJob(op, 0, firstCases))
		}
		jobs = append(jobs, r.methodJobs()...)
	case PhaseFuzzing:
		size := chunk
		if r.o.TimeLimit > 0 { // all operations have a few before one has many
			size = chunk / 5
		}
		for begin := 0; begin < r.o.MaxExamples; begin += size {
			n := min(size, r.o.MaxExamples-begin)
			for _, op := range r.selected() {
				jobs = append(jobs, jobOf(op.ID+" "+strconv.Itoa(begin), op.ID, func(ctx context.Context, l *lane) { _ = l.fuzz(ctx, op, n) }))
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
// mistake: 0 and 1 for a boolean, which are none either that have to be taken; whole
// numbers in another spelling (1e2, 100.0) for an integer; and an empty text of a
// parameter.
func lenient(x *exchange) {
	if x.judged.valid && spelledBoolean(x.call) {
		x.judged.valid = false
	}
	if !x.judged.refused {
		return
	}
	refusing := slices.DeleteFunc(slices.Clone(x.judged.violations), func(v contract.Violation) bool {
		if !v.Refuses() {
			return true
		}
		if v.In == contract.InBody || v.Rule == "required" {
			return false
		}
		if v.Schema != nil && v.Schema.Type.Is(openapi3.TypeInteger) && wholeNumber(v.Raw) {
			return true
		}
		if v.In != contract.InQuery && v.In != contract.InHeader && v.In != contract.InCookie {
			return false
		}
		if v.Raw == "" && (v.Got == nil || v.Got == "") {
			return true
		}
		return v.Schema != nil && v.Schema.Type.Is(openapi3.TypeBoolean) && (v.Raw == "0" || v.Raw == "1")
	})
	x.judged.refused = len(refusing) > 0
}

// spelledBoolean reports whether a call gives a boolean in another spelling than true
// and false, which are those of JSON.
func spelledBoolean(c *call) bool {
	if c.in == nil {
		return false
	}
	for at, v := range c.in.values {
		p := c.op.parameter(at)
		if _, isBool := v.(bool); p != nil && schemaOf(p) != nil && schemaOf(p).Type.Is(openapi3.TypeBoolean) && !isBool {
			if text := scalarText(v); text != "true" && text != "false" {
				return true
			}
		}
	}
	return false
}

var otherSpelling = regexp.MustCompile(`^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$`)

// wholeNumber reports whether a text spells a whole number otherwise than an integer is
// usually spelled.
func wholeNumber(text string) bool {
	if !otherSpelling.MatchString(text) || !strings.ContainsAny(text, ".eE+") {
		return false
	}
	n, ok := new(big.Rat).SetString(text)
	return ok && n.IsInt()
}

// rebind puts the lane's things into a copy of an input whose path parameters have
// not been chosen otherwise.
func (l *lane) rebind(ctx context.Context, op *operation, in *input, chosen ...place) (*input, error) {
	c := in.clone()
	fresh := &input{values: map[place]any{}}
	if err := l.bind(ctx, op, fresh); err != nil {
		return nil, err
	}
	if err := l.furnish(ctx, op); err != nil {
		return nil, err
	}
	for at, v := range fresh.values {
		if !slices.Contains(chosen, at) {
			c.values[at] = v
		}
	}
	l.refer(op, c, false, "")
	if err := l.precondition(ctx, op, c); err != nil {
		return nil, err
	}
	return c, nil
}

// skip names the rules of a body that the server need not enforce: breaking them
// proves nothing. The document's own judgement decides again for every call.
func (r *runner) skip(*operation) func(string, *openapi3.Schema, string) bool { return nil }

// uses are the credentials that an operation must not take.
func (a *authorizer) uses(op *operation) []credentialUse {
	uses := []credentialUse{credentialNone}
	schemes, ok := a.alternative(op)
	if !ok {
		return uses
	}
	if slices.ContainsFunc(schemes, a.inAuthorization) {
		uses = append(uses, credentialWrong)
	}
	for _, name := range schemes {
		alone := slices.ContainsFunc(op.security, func(other []string) bool { return len(other) > 0 && !slices.Contains(other, name) })
		if len(schemes) > 1 && !alone {
			uses = append(uses, credentialUse(useWithout+name))
		}
	}
	for _, schemes := range a.given(op) {
		for _, name := range schemes {
			uses = append(uses, credentialUse(useMadeUp+name))
			if s := a.schemes[name].Value; s.Type == "http" && strings.EqualFold(s.Scheme, "basic") {
				uses = append(uses, credentialUse(useMadeUp+name+userPart))
			}
		}
	}
	return uses
}

// unauthorised makes a call without a credential, with less than what is asked for, with
// one of an unknown scheme and with made-up secrets, then with the right one, and by
// every alternative.
func (l *lane) unauthorised(ctx context.Context, op *operation, base *input) error {
	auth := l.r.target.auth
	if op.open || len(op.security) == 0 || auth.byConnection(op) {
		return nil
	}
	_, ok := auth.alternative(op)
	for _, use := range auth.uses(op) {
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
	return l.alternatives(ctx, op, base)
}

// alternatives makes a call by each further alternative: what the first opens the others
// open, too.
func (l *lane) alternatives(ctx context.Context, op *operation, base *input) error {
	given := l.r.target.auth.given(op)
	for i := 1; i < len(given); i++ {
		in, err := l.rebind(ctx, op, base)
		if err != nil {
			return err
		}
		first, err := l.send(ctx, op, in, purposeCase)
		if err != nil || first == nil || !first.answer.ok() {
			return err
		}
		if in, err = l.rebind(ctx, op, base); err != nil {
			return err
		}
		c, err := newCall(op, in)
		if err != nil {
			return nil //nolint:nilerr // there is no such request
		}
		c.credential = credentialUse(useOnly + strings.Join(given[i], "+"))
		x := &exchange{call: c, purpose: purposeCase, judged: l.r.judge(ctx, c)}
		if err := l.do(ctx, x); err != nil {
			return err
		}
		if status := x.answer.status; status == http.StatusUnauthorized || status == http.StatusForbidden {
			l.report(op, fault{
				check: CheckPositiveData, rule: "alternative", in: contract.InMessage, name: strings.Join(given[i], "+"), accepted: "status 2xx", where: "/security",
				message: fmt.Sprintf("The credential %s is an alternative, and was refused with status %d where the first was not.", strings.Join(given[i], " with "), status),
			}, l.stepsTo(x), nil)
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
		jobs = append(jobs, jobOf("methods "+op.Path, op.ID, func(ctx context.Context, l *lane) { _ = l.methods(ctx, op) }))
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
