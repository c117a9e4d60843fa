package zen

import (
	"slices"
	"strings"

	"github.com/understudy-api/understudy/server/decision/value"
)

// compiler turns a syntax tree into functions that call each other, so that
// nothing is allocated per node when it runs.
type compiler struct {
	scope []scope
	slots int
	reads Reads
	err   *Error
	// frame evaluates what is constant.
	frame frame
}

// scope is a closure around what is compiled.
type scope struct {
	alias string
	slot  int
}

// code is a compiled part.
type code struct {
	run      eval
	constant bool
	value    value.Value
	// reference is set for "$" alone.
	reference bool
}

func constant(v value.Value) code {
	return code{constant: true, value: v, run: func(*frame) (value.Value, error) { return v, nil }}
}

func dynamic(run eval) code { return code{run: run} }

func (c *compiler) fail(format string, name string) code {
	if c.err == nil {
		c.err = &Error{Kind: KindCompiler, Source: strings.Replace(format, "%s", name, 1)}
	}
	return constant(value.Value{})
}

// foldLimits bound what is computed of an expression beforehand, and kept with it: the
// rest is left to evaluations.
var foldLimits = Limits{Steps: 100_000, Elements: 10_000, Bytes: 64 << 10}

// scratch is the frame in which constants are computed.
func (c *compiler) scratch() *frame {
	if c.frame.env == nil {
		_ = c.frame.start(&Env{Limits: &foldLimits}, 0) // without a context nothing can fail
	}
	c.frame.args = c.frame.args[:0]
	return &c.frame
}

func (c *compiler) compile(n *node) code {
	switch n.kind {
	case nodeNull:
		return constant(value.Value{})
	case nodeBool:
		return constant(value.Bool(n.truth))
	case nodeNumber:
		return constant(value.Number(n.number))
	case nodeString:
		return constant(value.String(n.text))
	case nodeTemplate:
		return c.template(n)
	case nodeItem:
		return slot(c.scope[len(c.scope)-1].slot)
	case nodeArray:
		return c.array(n)
	case nodeObject:
		return c.object(n)
	case nodeAssignments:
		return c.assignments(n)
	case nodeIdentifier:
		return c.identifier(n.text)
	case nodeRoot:
		c.reads.Root = true
		return dynamic(func(f *frame) (value.Value, error) { return f.environment(), nil })
	case nodeParenthesized, nodeClosure:
		return c.compile(n.a)
	case nodeMember, nodeSlice, nodeMethod:
		return c.postfix(n)
	case nodeInterval:
		return c.interval(n)
	case nodeConditional:
		return c.conditional(n)
	case nodeUnary:
		return c.prefix(n)
	case nodeBinary:
		return c.binary(n)
	case nodeCall:
		return c.call(n)
	default:
		return c.fail("Unexpected error node", "")
	}
}

func slot(i int) code {
	return dynamic(func(f *frame) (value.Value, error) { return f.slots[i], nil })
}

// alias finds the closure whose item has a name.
func (c *compiler) alias(name string) (int, bool) {
	for _, around := range slices.Backward(c.scope) {
		if around.alias == name {
			return around.slot, true
		}
	}
	return 0, false
}

func (c *compiler) identifier(name string) code {
	if i, ok := c.alias(name); ok {
		return slot(i)
	}
	c.read(name)
	if name == "$" {
		return code{run: (*frame).reference, reference: true}
	}
	if name == "$nodes" {
		return dynamic(func(f *frame) (value.Value, error) { return f.special(name) })
	}
	return dynamic(func(f *frame) (value.Value, error) { return f.variable(name) })
}

// read notes that a variable is read.
func (c *compiler) read(name string) {
	switch {
	case name == "$":
		c.reads.Reference = true
	case name == "$nodes":
		c.reads.Nodes = true
	case !slices.Contains(c.reads.Names, name):
		c.reads.Names = append(c.reads.Names, name)
	}
}

func (c *compiler) array(n *node) code {
	items := make([]eval, len(n.list))
	constants := make([]value.Value, 0, len(n.list))
	for i, item := range n.list {
		made := c.compile(item)
		items[i] = made.run
		if made.constant {
			constants = append(constants, made.value)
		}
	}
	if len(constants) == len(items) {
		return constant(value.Array(constants))
	}
	return dynamic(func(f *frame) (value.Value, error) {
		if err := f.grow(len(items)); err != nil {
			return value.Value{}, err
		}
		made := make([]value.Value, len(items))
		for i, item := range items {
			v, err := item(f)
			if err != nil {
				return value.Value{}, err
			}
			made[i] = v
		}
		return value.Array(made), nil
	})
}

// object compiles a literal. Of equal keys the first counts, and members stand
// in the reverse of their order in the source: the engine takes them off a stack.
func (c *compiler) object(n *node) code {
	parts := make([]eval, len(n.list))
	all := true
	for i, part := range n.list {
		made := c.compile(part)
		if i%2 == 0 {
			made = c.text(made)
		}
		parts[i] = made.run
		all = all && made.constant
	}
	made := dynamic(func(f *frame) (value.Value, error) {
		if err := f.grow(len(parts) / 2); err != nil {
			return value.Value{}, err
		}
		base := len(f.args)
		for _, part := range parts {
			v, err := part(f)
			if err != nil {
				return value.Value{}, err
			}
			f.args = append(f.args, v)
		}
		m := value.NewMap(len(parts) / 2)
		for i := len(f.args) - 2; i >= base; i -= 2 {
			m.Set(f.args[i].AsString(), f.args[i+1])
		}
		f.args = f.args[:base]
		return value.Object(m), nil
	})
	return c.fold(made, all)
}

// fold computes what has only constant operands; what fails keeps failing when
// it is evaluated.
func (c *compiler) fold(made code, all bool) code {
	if !all {
		return made
	}
	v, err := made.run(c.scratch())
	if err != nil {
		return made
	}
	return constant(v)
}

// text converts to a string, as string() does.
func (c *compiler) text(of code) code {
	if of.constant && of.value.Kind() == value.KindString {
		return of
	}
	run := of.run
	return c.fold(dynamic(func(f *frame) (value.Value, error) {
		v, err := run(f)
		if err != nil || v.Kind() == value.KindString {
			return v, err
		}
		text, err := toText(v)
		if err != nil {
			return value.Value{}, callError("string", err)
		}
		return value.String(text), nil
	}), of.constant)
}

func (c *compiler) template(n *node) code {
	parts := make([]eval, len(n.list))
	all := true
	for i, part := range n.list {
		made := c.text(c.compile(part))
		parts[i] = made.run
		all = all && made.constant
	}
	return c.fold(dynamic(func(f *frame) (value.Value, error) {
		base := len(f.args)
		size := 0
		for _, part := range parts {
			v, err := part(f)
			if err != nil {
				return value.Value{}, err
			}
			size += len(v.AsString())
			f.args = append(f.args, v)
		}
		if err := f.write(size); err != nil {
			return value.Value{}, err
		}
		var text strings.Builder
		text.Grow(size)
		for _, v := range f.args[base:] {
			text.WriteString(v.AsString())
		}
		f.args = f.args[:base]
		return value.String(text.String()), nil
	}), all)
}

func (c *compiler) interval(n *node) code {
	left, right := c.compile(n.a), c.compile(n.b)
	from, to := left.run, right.run
	opening, closing := brackets[n.op], brackets[n.op2]
	return c.fold(dynamic(func(f *frame) (value.Value, error) {
		a, err := from(f)
		if err != nil {
			return value.Value{}, err
		}
		b, err := to(f)
		if err != nil {
			return value.Value{}, err
		}
		r, ok := value.NewRange(opening, a, b, closing)
		if !ok {
			return value.Value{}, errInterval
		}
		if err := f.grow(1); err != nil {
			return value.Value{}, err
		}
		return value.Interval(r), nil
	}), left.constant && right.constant)
}

var brackets = [...]byte{
	tokenLeftParen: '(', tokenRightParen: ')', tokenLeftSquare: '[', tokenRightSquare: ']',
	tokenLeftCurly: '{', tokenRightCurly: '}',
}

func (c *compiler) conditional(n *node) code {
	condition, then, otherwise := c.compile(n.a), c.compile(n.b), c.compile(n.c)
	if condition.constant && condition.value.Kind() == value.KindBool {
		if condition.value.AsBool() {
			return then
		}
		return otherwise
	}
	test, yes, no := condition.run, then.run, otherwise.run
	return dynamic(func(f *frame) (value.Value, error) {
		v, err := test(f)
		switch {
		case err != nil:
			return value.Value{}, err
		case v.Kind() != value.KindBool:
			return value.Value{}, errIfFalse
		case v.AsBool():
			return yes(f)
		default:
			return no(f)
		}
	})
}

func (c *compiler) prefix(n *node) code {
	operand := c.compile(n.a)
	if n.op == tokenAdd {
		return operand
	}
	apply := negate
	if n.op == tokenNot {
		apply = invert
	}
	run := operand.run
	return c.fold(dynamic(func(f *frame) (value.Value, error) {
		v, err := run(f)
		if err != nil {
			return value.Value{}, err
		}
		return apply(v)
	}), operand.constant)
}

func negate(v value.Value) (value.Value, error) {
	if v.Kind() != value.KindNumber {
		return value.Value{}, errNegate
	}
	return value.Number(v.AsNumber().Neg()), nil
}

func invert(v value.Value) (value.Value, error) {
	if v.Kind() != value.KindBool {
		return value.Value{}, errNot
	}
	return value.Bool(!v.AsBool()), nil
}

// assignments compiles a chain of path = expression.
func (c *compiler) assignments(n *node) code {
	paths := make([]string, 0, len(n.list)/2)
	values := make([]eval, 0, len(n.list)/2)
	for i := 0; i < len(n.list); i += 2 {
		paths = append(paths, n.list[i].text)
		values = append(values, c.compile(n.list[i+1]).run)
	}
	var result eval
	if n.a != nil {
		result = c.compile(n.a).run
	}
	return dynamic(func(f *frame) (value.Value, error) {
		f.assigned = value.NewMap(len(paths))
		for i, path := range paths {
			v, err := values[i](f)
			if err != nil {
				return value.Value{}, err
			}
			if err := f.assign(path, v); err != nil {
				return value.Value{}, err
			}
		}
		var v value.Value
		if result != nil {
			var err error
			if v, err = result(f); err != nil {
				return value.Value{}, err
			}
		}
		if f.assigned == nil {
			return value.Value{}, errAssignEnd
		}
		if result == nil {
			v = value.Object(f.assigned)
		}
		f.assigned = nil
		return v, nil
	})
}

// assign sets a dotted path in the environment and in what the chain made.
func (f *frame) assign(path string, v value.Value) error {
	if f.assigned == nil {
		return errAssignScope // a chain inside of the value ended this one
	}
	if f.root.Kind() != value.KindObject {
		return errAssignEnv
	}
	if f.owned == nil {
		if err := f.grow(f.root.AsObject().Len() + 2); err != nil {
			return err
		}
		f.owned = f.merged()
		f.root, f.overlay, f.hasWhole = value.Object(f.owned), false, false
	}
	m := f.owned
	parts := strings.Split(path, ".")
	if err := f.grow(len(parts)); err != nil {
		return err
	}
	for _, part := range parts[:len(parts)-1] {
		// What is no object makes room for one.
		inner := value.NewMap(1)
		if old, _ := m.Get(part); old.Kind() == value.KindObject {
			inner = old.AsObject().Clone()
			if err := f.grow(inner.Len()); err != nil {
				return err
			}
		}
		m.Set(part, value.Object(inner))
		m = inner
	}
	m.Set(parts[len(parts)-1], v)
	value.SetPath(f.assigned, path, v)
	return nil
}
