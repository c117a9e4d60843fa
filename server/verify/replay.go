package verify

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// ReplayFile is what [Result.WriteReplay] writes and [Replay] reads.
type ReplayFile struct {
	Schema   string    `json:"$schema"` // replaySchema
	Document string    `json:"document"`
	Seed     uint64    `json:"seed"`
	Findings []Finding `json:"findings"`
}

const replaySchema = "urn:understudy:replay:1"

// WriteReplay writes the findings down, so that they can be looked for again.
// Credentials are not among it.
func (r *Result) WriteReplay(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	findings := r.Findings
	if findings == nil {
		findings = []Finding{}
	}
	return e.Encode(ReplayFile{replaySchema, r.Document.File, r.Seed, findings})
}

// ReadReplay reads what WriteReplay wrote. The error is a [MistakeError].
func ReadReplay(r io.Reader) (*ReplayFile, error) {
	d := json.NewDecoder(r)
	var f ReplayFile
	if err := d.Decode(&f); err != nil {
		return nil, mistake("not a replay: %v", err)
	}
	if f.Schema != replaySchema {
		return nil, mistake("not a replay: $schema %q, want %q", f.Schema, replaySchema)
	}
	return &f, nil
}

// Replay looks for known findings again, and for nothing else.
func Replay(ctx context.Context, o Options, file *ReplayFile) (*Result, error) {
	o.Seed = file.Seed
	r, err := newRunner(o)
	if err != nil {
		return nil, err
	}
	r.began = time.Now()
	result := &Result{Document: o.Document.Contract, Seed: r.o.Seed, From: r.began}
	if slices.ContainsFunc(file.Findings, func(f Finding) bool { return f.Walk != nil }) {
		r.guess(ctx)
	}
	for i := range file.Findings {
		f := &file.Findings[i]
		r.phase = f.Phase
		if err := r.repeat(ctx, i, f); err != nil {
			result.Stopped = err.Error()
			break
		}
		if r.broken != "" {
			return nil, mistake("%s is not answered: %s", r.target.base.Redacted(), r.broken)
		}
	}
	result.To = time.Now()
	r.conclude(result)
	result.Warnings = r.warnings // a replay is shallow by its nature
	return result, nil
}

// repeat looks for one finding: by the walk that found it, or by its steps.
func (r *runner) repeat(ctx context.Context, i int, f *Finding) error {
	l := r.lane(ctx, i, "replay")
	if f.Walk != nil {
		op := r.operation(f.Operation)
		h, seen, err := r.again(ctx, *f.Walk, func(key string, h hit) bool {
			// At which member a random value is lost may differ.
			return h.fault.check == f.Check && h.fault.rule == f.Rule && key == h.fault.key(op)
		})
		if seen {
			r.found[h.fault.key(op)+"\x00"+strconv.Itoa(i)] = &found{fault: h.fault, op: op, phase: f.Phase, count: 1, steps: h.steps, walk: f.Walk}
		}
		return err
	}
	made := map[int]string{}
	for at := range f.Steps {
		s := f.Steps[at]
		s.Path = resolve(s.Path, func(n int) string { return escapeSegment(made[n]) })
		if s.Body != nil {
			body := resolve(*s.Body, func(n int) string {
				text := encode(made[n])
				return string(text[1 : len(text)-1])
			})
			s.Body = &body
		}
		last := at == len(f.Steps)-1
		x := &exchange{call: r.callOf(&s), purpose: purposeSetUp}
		x.judged = r.judge(ctx, x.call)
		lenient(x)
		if last {
			x.purpose = purposeOf(f, &s)
			x.methods = r.allowed(x.call)
			l.quiet = map[string]hit{}
		}
		if err := l.do(ctx, x); err != nil {
			return err
		}
		if !last && x.answer.status == http.StatusConflict && x.call.op != nil && x.call.in != nil {
			// What was made in the run is still there: make another.
			in := x.call.in.withBody(l.distinct(ctx, x.call.op, x.call.in))
			x.call.in, x.call.body = in, encode(in.body)
			if err := l.do(ctx, x); err != nil {
				return err
			}
		}
		if s.Makes != "" {
			if v, ok := valueOf(x.answer, s.Makes); ok {
				made[at] = scalarText(v)
			}
		}
	}
	for _, key := range sortedNames(l.quiet) {
		if h := l.quiet[key]; h.fault.check == f.Check && h.fault.rule == f.Rule {
			op := r.operation(f.Operation)
			r.found[key] = &found{fault: h.fault, op: op, phase: f.Phase, count: 1, steps: f.Steps}
		}
	}
	return nil
}

// resolve puts what earlier steps made in the place of the references to it.
func resolve(text string, made func(int) string) string {
	return reference.ReplaceAllStringFunc(text, func(text string) string {
		n, _ := strconv.Atoi(reference.FindStringSubmatch(text)[1]) // digits
		return made(n)
	})
}

func valueOf(a *answer, pointer string) (any, bool) { return at(a.json(), pointer) }

func purposeOf(f *Finding, s *Step) purpose {
	switch {
	case s.Operation == "":
		return purposeMethod
	case s.Credential != "":
		return purposeUnauthorised
	case f.Check == CheckRequiredHeader:
		return purposeHeader
	}
	return purposeCase
}

func (r *runner) operation(id string) *operation {
	for _, op := range r.ops {
		if op.ID == id {
			return op
		}
	}
	return nil
}

func (r *runner) allowed(c *call) []string {
	if c.op != nil {
		return declared(r.ops, []string{c.op.Path})
	}
	if c.credentialOf != nil {
		return declared(r.ops, []string{c.credentialOf.Path})
	}
	return nil
}

// callOf makes the call of a step, its references resolved.
func (r *runner) callOf(s *Step) *call {
	c := &call{
		op: r.operation(s.Operation), method: s.Method, path: s.Path, query: s.Query, header: http.Header{},
		credential: credentialUse(s.Credential), vars: map[string]string{},
	}
	for name, values := range s.Header {
		c.header[name] = slices.Clone(values)
	}
	if text, has := s.text(); has {
		c.body, c.hasBody = []byte(text), true
	}
	if c.op == nil {
		for _, op := range r.ops {
			if _, ok := op.Template().Values(s.Path); ok {
				c.credentialOf = op
				break
			}
		}
		return c
	}
	c.vars, _ = c.op.Template().Values(s.Path)
	if value, ok := decode(c.body); ok && c.hasBody && c.op.body != nil {
		c.in = &input{values: map[place]any{}, body: value, hasBody: true}
	}
	return c
}
