package zen

import (
	"github.com/understudy-api/understudy/server/decision/value"
)

// ShapeKind is what kind of test a program in unary mode is.
type ShapeKind uint8

const (
	// ShapeOpaque is a test that only an evaluation answers.
	ShapeOpaque ShapeKind = iota
	// ShapeEqual is true when the reference equals one of Values.
	ShapeEqual
	// ShapeRange is true when the reference is a number between Low and High.
	ShapeRange
)

// Shape is what a test in unary mode comes to, for an index over many of them.
// It holds where an evaluation that fails counts as false, as in decision
// tables: a comparison of a text with a number fails, and the shape says no.
type Shape struct {
	Kind ShapeKind
	// Values are the constants of ShapeEqual.
	Values []value.Value
	// Low and High are the bounds of ShapeRange; nil is unbounded.
	Low, High *Bound
}

// Bound is an end of a range of numbers.
type Bound struct {
	Value value.Decimal
	// Open is set when the value itself is not in the range.
	Open bool
}

// UnaryShape returns what the test comes to; in standard mode it is opaque.
func (p *Program) UnaryShape() Shape { return p.shape }

// shapeOf looks for the shapes of a test's tree.
func (c *compiler) shapeOf(n *node) Shape {
	var parts []*node
	joined := tokenEnd
	for n.kind == nodeBinary && (n.op == tokenOr || n.op == tokenAnd) {
		if joined != tokenEnd && joined != n.op {
			return Shape{}
		}
		joined = n.op
		parts = append(parts, n.b)
		n = n.a
	}
	shape := c.pairShape(n)
	for i := len(parts) - 1; i >= 0 && shape.Kind != ShapeOpaque; i-- {
		next := c.pairShape(parts[i])
		switch {
		case joined == tokenOr && shape.Kind == ShapeEqual && next.Kind == ShapeEqual:
			shape.Values = append(shape.Values, next.Values...)
		case joined == tokenAnd && shape.Kind == ShapeRange && next.Kind == ShapeRange:
			shape.Low = tighter(shape.Low, next.Low, 1)
			shape.High = tighter(shape.High, next.High, -1)
		default:
			return Shape{}
		}
	}
	return shape
}

// tighter returns the bound that leaves less; sign is 1 for low bounds.
func tighter(a, b *Bound, sign int) *Bound {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	switch order := a.Value.Cmp(b.Value) * sign; {
	case order < 0, order == 0 && b.Open:
		return b
	default:
		return a
	}
}

// comparison returns the comparison that bool() of one comes to.
func comparison(n *node) *node {
	if n.kind != nodeCall || n.fn.name != "bool" || len(n.list) != 1 {
		return n
	}
	inner := n.list[0]
	for inner.kind == nodeParenthesized {
		inner = inner.a
	}
	if inner.kind == nodeBinary && inner.op.isComparison() {
		return inner
	}
	return n
}

func (c *compiler) pairShape(n *node) Shape {
	n = comparison(n)
	if n.kind != nodeBinary || n.a.kind != nodeIdentifier || n.a.text != "$" {
		return Shape{}
	}
	made := c.compile(n.b)
	if !made.constant {
		return Shape{}
	}
	v := made.value
	switch {
	case n.op == tokenEqual:
		return Shape{Kind: ShapeEqual, Values: []value.Value{v}}
	case n.op == tokenIn && v.Kind() == value.KindArray:
		return Shape{Kind: ShapeEqual, Values: append([]value.Value(nil), v.AsArray()...)}
	case n.op == tokenIn && v.Kind() == value.KindInterval:
		return intervalShape(v.AsInterval())
	case v.Kind() != value.KindNumber:
		return Shape{}
	}
	bound := &Bound{Value: v.AsNumber(), Open: n.op == tokenLess || n.op == tokenGreater}
	switch n.op {
	case tokenLess, tokenLessEqual:
		return Shape{Kind: ShapeRange, High: bound}
	case tokenGreater, tokenGreaterEqual:
		return Shape{Kind: ShapeRange, Low: bound}
	default:
		return Shape{}
	}
}

func intervalShape(r *value.Range) Shape {
	opening, closing := r.Brackets()
	left, right := r.Bounds()
	if left.Kind() != value.KindNumber || opening != '[' && opening != '(' || closing != ']' && closing != ')' {
		return Shape{}
	}
	return Shape{
		Kind: ShapeRange,
		Low:  &Bound{Value: left.AsNumber(), Open: opening == '('},
		High: &Bound{Value: right.AsNumber(), Open: closing == ')'},
	}
}
