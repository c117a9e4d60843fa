package zen

import (
	"fmt"
)

// parser builds the syntax tree. A syntax error becomes a node and parsing goes
// on: what is reported in the end depends on whether all tokens were used.
type parser struct {
	tokens []token
	at     int
	unary  bool
	ranges bool
	// closures counts the closures around the current token.
	closures int
	// depth counts the expressions around the current token; beyond max the
	// parser gives up for good.
	depth, max int
	tooDeep    bool
	// seen keeps what was parsed from a token on, where brackets and chains are
	// looked at twice: without it nested ones would be looked at 2^n times.
	seen map[int]parsed
}

type parsed struct {
	node *node
	end  int
}

// parse returns the tree of a source in standard or unary mode.
func parse(source string, unary bool, limits *Limits) (root *node, tokens int, failure *Error) {
	if len(source) > limits.Source {
		return nil, 0, limitError("Expression is longer than %d bytes", limits.Source)
	}
	l, err := tokenize(source, limits.Tokens)
	if err != nil {
		return nil, 0, err
	}
	p := parser{tokens: l.tokens, unary: unary, ranges: l.ranges, max: limits.Nesting}
	if l.ranges || l.chains {
		p.seen = map[int]parsed{}
	}
	if unary {
		root = p.cell()
	} else {
		root = p.binary(0, false)
	}
	switch {
	case p.tooDeep:
		return nil, 0, limitError("Expression is nested deeper than %d levels", limits.Nesting)
	case p.at < len(p.tokens):
		return nil, len(p.tokens), &Error{Kind: KindParser, Source: "Incomplete parser output"}
	case root.err != nil:
		return nil, len(p.tokens), &Error{Kind: KindParser, Source: root.err.String()}
	}
	return root, len(p.tokens), nil
}

func (p *parser) kind() tokenKind {
	if p.at < len(p.tokens) {
		return p.tokens[p.at].kind
	}
	return tokenEnd
}

// token returns the current token; behind the last one it is empty and stands at
// the end of the source.
func (p *parser) token() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	end := p.lastEnd()
	return token{start: end, end: end}
}

func (p *parser) lastEnd() int32 {
	if len(p.tokens) == 0 {
		return 0
	}
	return p.tokens[len(p.tokens)-1].end
}

// before is where the token before the current one ends.
func (p *parser) before() int32 {
	if p.at > 0 && p.at <= len(p.tokens) {
		return p.tokens[p.at-1].end
	}
	if p.at == 0 {
		return p.token().start
	}
	return p.lastEnd()
}

func (p *parser) fail(start, end int32, format string, args ...any) *node {
	return p.failWith(nil, start, end, format, args...)
}

// failHere is a failure between the last token and this one.
func (p *parser) failHere(message string) *node {
	return p.fail(p.before(), p.before(), "%s", message)
}

// failWith is a failure that keeps the tree it was found in.
func (p *parser) failWith(around *node, start, end int32, format string, args ...any) *node {
	n := &node{kind: nodeError, a: around, start: start, end: end}
	n.err = &parseError{message: fmt.Sprintf(format, args...), start: start, end: end}
	return n.seal()
}

func (p *parser) unexpected(expected string) *node {
	t := p.token()
	n := p.fail(t.start, t.end, "Unexpected token: %s", t.kind)
	n.err.expected = expected
	return n
}

// expect steps over a token of the kind, or fails.
func (p *parser) expect(kind tokenKind) *node {
	if p.kind() == kind {
		p.at++
		return nil
	}
	return p.unexpected(kind.String())
}

// cell parses unary mode: pairs joined from left to right, whatever joins them.
func (p *parser) cell() *node {
	left := p.pair()
	for p.at < len(p.tokens) && !p.tooDeep {
		op := p.kind()
		switch op {
		case tokenAnd, tokenOr:
		case tokenComma:
			op = tokenOr
		default:
			t := p.token()
			return p.fail(t.start, t.end, "Invalid join operator `%s`", t.kind)
		}
		p.at++
		left = (&node{kind: nodeBinary, op: op, a: left, b: p.pair()}).seal()
	}
	return left
}

// reference is the value that a cell is tested against.
func reference() *node { return (&node{kind: nodeIdentifier, text: "$"}).seal() }

// pair parses a comparison with the reference, or an expression that is made one.
func (p *parser) pair() *node {
	var left *node
	if p.kind().isComparison() {
		left = reference()
	} else {
		left = p.binary(0, false)
	}
	if op := p.kind(); op.isComparison() {
		p.at++
		return (&node{kind: nodeBinary, op: op, a: left, b: p.binary(0, false)}).seal()
	}
	switch left.shape {
	case compareEqual:
		return (&node{kind: nodeBinary, op: tokenEqual, a: reference(), b: left}).seal()
	case compareIn:
		return (&node{kind: nodeBinary, op: tokenIn, a: reference(), b: left}).seal()
	default:
		return (&node{kind: nodeCall, fn: functions["bool"], list: []*node{left}}).seal()
	}
}

// expression parses a complete expression inside of another one.
func (p *parser) expression() *node {
	if p.seen == nil {
		return p.binary(0, false)
	}
	from := p.at
	if known, ok := p.seen[from]; ok {
		p.at = known.end
		return known.node
	}
	n := p.binary(0, false)
	p.seen[from] = parsed{n, p.at}
	return n
}

// binary parses operators that bind at least as tightly as least. In unary mode
// the words that join pairs end an expression, except in a closure's body.
func (p *parser) binary(least int, body bool) *node {
	if p.depth++; p.depth > p.max || p.tooDeep {
		p.tooDeep, p.at = true, len(p.tokens) // nothing is left to do
		p.depth--
		return p.failHere("Expression is nested too deeply")
	}
	left := p.prefixed()
	for {
		op := p.kind()
		if p.unary && !body && (op == tokenAnd || op == tokenOr) {
			break
		}
		binding := op.binding()
		if binding == 0 || binding < least {
			break
		}
		p.at++
		if op != tokenPower {
			binding++
		}
		left = (&node{kind: nodeBinary, op: op, a: left, b: p.binary(binding, false)}).seal()
	}
	if least == 0 && p.kind() == tokenQuestion {
		left = p.conditional(left)
	}
	p.depth--
	return left
}

func (p *parser) conditional(condition *node) *node {
	p.at++
	then := p.expression()
	if failed := p.expect(tokenColon); failed != nil {
		return failed
	}
	return (&node{kind: nodeConditional, a: condition, b: then, c: p.expression()}).seal()
}

// prefixed parses unary operators and what they stand before.
func (p *parser) prefixed() *node {
	t := p.token()
	switch {
	case t.kind == tokenEnd && p.unary:
		return p.failHere("Expected a literal")
	case t.kind == tokenEnd:
		return p.failHere("Unexpected end of unary expression")
	case t.kind == tokenItem && p.closures > 0:
		p.at++
		n, _ := p.postfix((&node{kind: nodeItem}).seal())
		return n
	case t.kind.isOperator():
		binding := t.kind.prefix()
		if binding == 0 {
			return p.unexpected("UnaryOperator")
		}
		p.at++
		return (&node{kind: nodeUnary, op: t.kind, a: p.binary(binding, false)}).seal()
	}
	if interval := p.interval(); interval != nil {
		return interval
	}
	if t.kind == tokenLeftParen {
		p.at++
		inner := p.expression()
		if failed := p.expect(tokenRightParen); failed != nil {
			return failed
		}
		n, _ := p.postfix((&node{kind: nodeParenthesized, a: inner}).seal())
		return n
	}
	return p.primary()
}

// interval parses an interval where one stands, else nothing. Any brackets will
// do: what they mean is looked at when the interval is used.
func (p *parser) interval() *node {
	opening := p.kind()
	if !p.ranges || !opening.isBracket() {
		return nil
	}
	from := p.at
	p.at++
	left := p.expression()
	if left.err != nil || p.kind() != tokenRange {
		p.at = from
		return nil
	}
	p.at++
	right := p.expression()
	closing := p.kind()
	if right.err != nil || closing != tokenEnd && !closing.isBracket() {
		p.at = from
		return nil
	}
	if closing == tokenEnd {
		return nil // and nothing is left to read it otherwise
	}
	p.at++
	n, _ := p.postfix((&node{kind: nodeInterval, a: left, b: right, op: opening, op2: closing}).seal())
	return n
}
