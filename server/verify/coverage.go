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
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/understudy-api/understudy/server/contract"
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
	nul     bool                // a text ends in U+0000: whether it is taken is the server's business, but it should not fail
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
		seen := map[string]bool{}
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
			if v, ok := sample.Minimal(schemaOf(p), sample.Options{Request: true, Takes: op.takes, Done: ended(ctx)}); ok && (p.In == openapi3.ParameterInQuery || p.In == openapi3.ParameterInPath) {
				if text, isText := v.(string); isText {
					params = append(params, coverageCase{why: purposeSetUp, at: &at, value: withNUL(text), nul: true})
				}
			}
		}
		if op.body != nil {
			for _, c := range sample.Boundaries(op.body, sample.Options{Request: true, Takes: op.takes, Skip: r.skip(op), Done: ended(ctx)}) {
				bodies = append(bodies, coverageCase{body: &c})
				if c.Valid {
					bodies = append(bodies, nulCases(&c, seen)...)
				}
			}
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
		switch {
		case c.message != nil:
			key = "message"
		case c.nul:
			key = "NUL"
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
	case c.message != nil:
		if !in.hasBody {
			body, ok := sample.Minimal(op.body, l.generated())
			if !ok {
				return nil
			}
			in = in.withBody(body)
		}
		in = c.message(in)
	}
	if c.nul {
		if made, err := newCall(op, in); err != nil || !l.r.judge(ctx, made).valid {
			return nil //nolint:nilerr // the document wants another text there
		}
	}
	return l.attempt(ctx, op, in, c.why)
}

// nulCases are the bodies with U+0000 at the end of one of their texts, each place once.
func nulCases(c *sample.Case, seen map[string]bool) []coverageCase {
	var out []coverageCase
	var look func(v any, tokens []string)
	look = func(v any, tokens []string) {
		switch v := v.(type) {
		case string:
			if place := contract.SegmentsFolded(pointerOf(tokens)); !seen[place] {
				seen[place] = true
				out = append(out, coverageCase{why: purposeSetUp, nul: true, body: &sample.Case{
					Value: sample.Set(c.Value, tokens, withNUL(v)), Valid: true, Pointer: pointerOf(tokens), Rule: c.Rule,
				}})
			}
		case []any:
			for i, item := range v {
				look(item, append(slices.Clip(tokens), strconv.Itoa(i)))
			}
		case map[string]any:
			for _, name := range sortedNames(v) {
				look(v[name], append(slices.Clip(tokens), name))
			}
		}
	}
	look(c.Value, nil)
	return out
}

// withNUL is a text of the same length that ends in U+0000; of none, one of that alone.
func withNUL(text string) string {
	_, size := utf8.DecodeLastRuneInString(text)
	return text[:len(text)-size] + "\x00"
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
