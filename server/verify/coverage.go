package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/sample"
)

// The cases of an operation are done in parts, a short one first: so that every
// operation had its turn before one has had all of its cases.
const (
	firstCases = 12
	laterCases = 60
)

// coverageCase is one case of the coverage of an operation.
type coverageCase struct {
	why     purpose
	at      *place // the parameter that it is about
	value   any    // of the parameter; nil leaves it out
	twice   bool   // a header is sent again
	body    *sample.Case
	message func(*input) *input // what is wrong with the message around the body
	nul     bool
}

// coverageJob does a part of the cases of an operation, and leaves the next one.
func (r *runner) coverageJob(op *operation, from, n int) job {
	return job{name: fmt.Sprintf("%s %d", op.ID, from), of: op.ID, run: func(ctx context.Context, l *lane) *job {
		if err := l.coverage(ctx, op, from, n); err != nil || from+n >= len(op.coverageCases(ctx, r)) {
			return nil
		}
		next := r.coverageJob(op, from+n, laterCases)
		return &next
	}}
}

// ended reports whether there is no time left.
func ended(ctx context.Context) func() bool { return func() bool { return ctx.Err() != nil } }

// coverageCases are the limits of everything that an operation declares, what is most
// likely to tell something first. They are made once, as many as there is time for.
func (op *operation) coverageCases(ctx context.Context, r *runner) []coverageCase {
	op.casesOnce.Do(func() {
		cases := []coverageCase{{}}
		var params, bodies []coverageCase
		for _, p := range op.params {
			at := place{p.In, p.Name}
			why := purposeCase
			if p.In == openapi3.ParameterInHeader {
				why = purposeHeader
			}
			if p.Required && p.In != openapi3.ParameterInPath {
				cases = append(cases, coverageCase{why: why, at: &at})
			}
			for _, v := range op.paramCases(ctx, p) {
				params = append(params, coverageCase{at: &at, value: v})
			}
			if p.In == openapi3.ParameterInHeader {
				params = append(params, coverageCase{why: purposeSetUp, at: &at, twice: true})
			}
		}
		if op.body != nil {
			for _, c := range sample.Boundaries(op.body, sample.Options{Request: true, Takes: op.takes, Skip: r.skip(op), Done: ended(ctx)}) {
				bodies = append(bodies, coverageCase{body: &c})
			}
			bodies = append(bodies, coverageCase{why: purposeSetUp, nul: true})
			params = append(params, op.messageCases()...)
		}
		op.cases = slices.Concat(cases, dealt(byTurns(params), byTurns(bodies)))
	})
	return op.cases
}

// byTurns puts the first case of every place and rule before the second of one.
func byTurns(cases []coverageCase) []coverageCase {
	seen := map[string]int{}
	turns := make([]int, len(cases))
	order := make([]int, len(cases))
	for i, c := range cases {
		key := ""
		if c.at != nil {
			key = c.at.in + "\x00" + c.at.name
		}
		if c.body != nil {
			key += fmt.Sprint("\x00", c.body.Rule, c.body.Keyword, c.body.Valid)
		}
		if c.message != nil {
			key = "message"
		}
		order[i], turns[i] = i, seen[key]
		seen[key]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return turns[a] - turns[b] })
	out := make([]coverageCase, len(cases))
	for i, from := range order {
		out[i] = cases[from]
	}
	return out
}

// dealt takes from two lists in turn.
func dealt(a, b []coverageCase) []coverageCase {
	out := make([]coverageCase, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		if len(a) > 0 {
			out, a = append(out, a[0]), a[1:]
		}
		if len(b) > 0 {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out
}

// messageCases are what may be wrong with a message around its body.
func (op *operation) messageCases() []coverageCase {
	var out []coverageCase
	add := func(change func(*input)) {
		out = append(out, coverageCase{message: func(in *input) *input {
			c := in.clone()
			change(c)
			return c
		}})
	}
	if op.bodyRequired {
		add(func(in *input) { in.body, in.hasBody = nil, false })
	}
	for _, mediaType := range []string{"text/plain", "application/xml", "image/png"} {
		if slices.Contains(op.bodyTypes, mediaType) || slices.ContainsFunc(op.bodyTypes, func(t string) bool { return strings.Contains(t, "*") }) {
			continue
		}
		add(func(in *input) { in.mediaType = mediaType })
	}
	if strings.HasSuffix(op.bodyType, "json") {
		for _, text := range []string{`{"unfinished":`, `{]`, "not JSON", "null", "[]", `"text"`} {
			add(func(in *input) { in.text, in.hasText = []byte(text), true })
		}
	}
	return out
}

// coverage goes through some of the cases of an operation.
func (l *lane) coverage(ctx context.Context, op *operation, from, n int) error {
	base, ok, err := l.minimal(ctx, op)
	if err != nil || !ok {
		return err
	}
	if from == 0 {
		if err := l.unauthorised(ctx, op, base); err != nil {
			return err
		}
	}
	cases := op.coverageCases(ctx, l.r)
	for i := from; i < min(from+n, len(cases)); i++ {
		if err := l.cover(ctx, op, base, &cases[i]); err != nil {
			return err
		}
	}
	return nil
}

// cover makes the call of one case.
func (l *lane) cover(ctx context.Context, op *operation, base *input, c *coverageCase) error {
	var chosen []place
	if c.at != nil {
		chosen = append(chosen, *c.at)
	}
	in, err := l.rebind(ctx, op, base, chosen...)
	if err != nil {
		return err
	}
	creates := op.Method == http.MethodPost || op.Method == http.MethodPut
	if in.hasBody && creates {
		in.body = l.distinct(ctx, op, in)
	}
	switch {
	case c.twice:
		if _, sent := in.values[*c.at]; !sent {
			return nil
		}
		in = in.clone()
		in.repeat = c.at
	case c.at != nil && c.value == nil:
		in = in.without(*c.at)
	case c.at != nil:
		in = in.with(*c.at, c.value)
	case c.body != nil:
		in = in.withBody(c.body.Value)
		l.refer(op, in, true, c.body.Pointer)
		in.body = l.apart(ctx, op, in, c.body.Pointer)
		if c.body.Valid {
			in.body = l.markSecrets(ctx, op, in)
		}
	case c.message != nil, c.nul:
		if !in.hasBody {
			body, ok := sample.Minimal(op.body, l.generated())
			if !ok {
				return nil
			}
			in = in.withBody(body)
		}
		if c.nul {
			body, ok := withNUL(in.body)
			if !ok {
				return nil
			}
			in = in.withBody(body)
			break
		}
		in = c.message(in)
	}
	return l.attempt(ctx, op, in, c.why)
}

// withNUL puts U+0000 at the end of the first text of a body. Whether it is taken is
// the server's business, but it should not fail.
func withNUL(body any) (any, bool) {
	members, ok := body.(map[string]any)
	if !ok {
		return nil, false
	}
	for _, name := range sortedNames(members) {
		if text, isText := members[name].(string); isText {
			out := maps.Clone(members)
			out[name] = text + "\x00"
			return out, true
		}
	}
	return nil, false
}

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
func (op *operation) paramCases(ctx context.Context, p *openapi3.Parameter) []any {
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
	for _, c := range sample.Boundaries(s, sample.Options{Request: true, Takes: op.takes, Done: ended(ctx)}) {
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
