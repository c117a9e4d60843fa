package zen

import (
	"github.com/understudy-api/understudy/server/decision/value"
)

// eval computes a part of an expression.
type eval func(f *frame) (value.Value, error)

// Program is a compiled expression. It is immutable and may be used by many
// goroutines at once, each with an [Env] of its own.
type Program struct {
	source string
	unary  bool
	tokens int
	run    eval
	slots  int
	shape  Shape
	reads  Reads

	constant bool
	result   value.Value
}

// Option changes how an expression is compiled.
type Option func(*Limits)

// WithLimits bounds the source and its nesting.
func WithLimits(limits Limits) Option {
	return func(l *Limits) { *l = limits.orDefault() }
}

// Compile compiles an expression in standard mode. An error is an [*Error].
func Compile(source string, opts ...Option) (*Program, error) {
	return compile(source, false, opts)
}

// CompileUnary compiles an expression in unary mode, a test of the reference
// "$": what a cell of a decision table holds. An error is an [*Error].
func CompileUnary(source string, opts ...Option) (*Program, error) {
	return compile(source, true, opts)
}

func compile(source string, unary bool, opts []Option) (*Program, error) {
	limits := defaultLimits
	for _, opt := range opts {
		opt(&limits)
	}
	root, tokens, failure := parse(source, unary, &limits)
	if failure != nil {
		return nil, failure
	}
	c := compiler{}
	made := c.compile(root)
	if c.err != nil {
		return nil, c.err
	}
	p := &Program{source: source, unary: unary, tokens: tokens, run: made.run, slots: c.slots, reads: c.reads}
	p.constant, p.result = made.constant, made.value
	if unary {
		p.shape = c.shapeOf(root)
	}
	return p, nil
}

// Source returns the text that was compiled.
func (p *Program) Source() string { return p.source }

// Tokens is how many words and signs the text has.
func (p *Program) Tokens() int { return p.tokens }

// Unary reports whether the program was compiled in unary mode.
func (p *Program) Unary() bool { return p.unary }

// Constant returns the result of a program that needs no environment.
func (p *Program) Constant() (value.Value, bool) { return p.result, p.constant }

// Reads returns what the program looks at.
func (p *Program) Reads() Reads { return p.reads }

// Reads says what a program may look at.
type Reads struct {
	// Names are variables, each once, in the order of their first use.
	Names []string
	// Reference is "$", Nodes "$nodes", Root all of the environment.
	Reference, Nodes, Root bool
	// Changes is set when the result may differ for the same environment: the clock
	// or chance is asked.
	Changes bool
}

// Eval evaluates the program. An error is an [*Error].
func (p *Program) Eval(env *Env) (value.Value, error) {
	if p.unary && !env.referenced() {
		return value.Value{}, errNoReference
	}
	if p.constant {
		return p.result, nil
	}
	f := &env.frame
	if err := f.start(env, p.slots); err != nil {
		return value.Value{}, err
	}
	return p.run(f)
}

// Test evaluates a condition: a result other than a boolean is an error.
func (p *Program) Test(env *Env) (bool, error) {
	v, err := p.Eval(env)
	if err != nil {
		return false, err
	}
	if v.Kind() != value.KindBool {
		return false, errValueCast
	}
	return v.AsBool(), nil
}
