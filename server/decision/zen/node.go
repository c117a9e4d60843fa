package zen

import (
	"fmt"

	"github.com/understudy-api/understudy/server/decision/value"
)

type nodeKind uint8

const (
	nodeError nodeKind = iota
	nodeNull
	nodeBool
	nodeNumber
	nodeString
	nodeTemplate      // list: the parts
	nodeItem          // # in a closure
	nodeArray         // list
	nodeObject        // list: key, value, key, value, ...
	nodeAssignments   // list: key, value, ...; a: the final expression, if any
	nodeIdentifier    // text
	nodeClosure       // a: the body; text: the alias, if any
	nodeParenthesized // a
	nodeRoot          // $root
	nodeMember        // a: of what; b: the property
	nodeSlice         // a: of what; b: from, if any; c: to, if any
	nodeInterval      // a, b: the ends; op, op2: the brackets
	nodeConditional   // a ? b : c
	nodeUnary         // op a
	nodeBinary        // a op b
	nodeCall          // fn(list)
	nodeMethod        // a.method(list)
)

// node is a part of the syntax tree.
type node struct {
	kind    nodeKind
	op, op2 tokenKind
	shape   behaviour
	truth   bool
	text    string
	number  value.Decimal
	a, b, c *node
	list    []*node
	fn      *function
	method  *value.DateMethod
	// err is what is said of the tree when it holds errors: of several the last,
	// children counting after their parent.
	err *parseError
	// start and end are the bytes of an error.
	start, end int32
}

// parseError is a syntax error; the text is finished when it is asked for.
type parseError struct {
	message    string
	expected   string
	start, end int32
}

func (e *parseError) String() string {
	at := fmt.Sprintf("%s at (%d, %d)", e.message, e.start, e.end)
	if e.expected != "" {
		return at + "; Expected " + e.expected + "."
	}
	return at
}

// behaviour is what an expression alone means in unary mode.
type behaviour uint8

const (
	compareEqual behaviour = iota // $ == expression
	compareIn                     // $ in expression
	asBoolean                     // bool(expression)
)

// seal settles what the node says of itself: the error and the behaviour.
func (n *node) seal() *node {
	for _, child := range [...]*node{n.a, n.b} {
		if child != nil && child.err != nil {
			n.err = child.err
		}
	}
	if n.c != nil && n.c.err != nil && (n.kind != nodeSlice || n.b == nil || n.b.err == nil) {
		n.err = n.c.err // a slice looks at its end before its start
	}
	for _, child := range n.list {
		if child.err != nil && (n.kind != nodeAssignments || n.a == nil || n.a.err == nil) {
			n.err = child.err // a chain's final expression comes last
		}
	}
	n.shape = n.behaviour()
	return n
}

func (n *node) behaviour() behaviour {
	switch n.kind {
	case nodeArray, nodeSlice, nodeInterval:
		return compareIn
	case nodeItem, nodeClosure, nodeError:
		return asBoolean
	case nodeParenthesized, nodeUnary:
		return n.a.shape
	case nodeConditional:
		if n.b.shape == n.c.shape {
			return n.b.shape
		}
		return compareEqual
	case nodeBinary:
		if !n.op.isArithmetic() {
			return asBoolean
		}
		if n.a.shape == n.b.shape {
			return n.a.shape
		}
		return compareEqual
	case nodeCall:
		return n.fn.shape
	case nodeMethod:
		if n.method.Boolean {
			return asBoolean
		}
		return compareEqual
	default:
		return compareEqual
	}
}
