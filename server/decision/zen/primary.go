package zen

import (
	"strings"

	"github.com/understudy-api/understudy/server/decision/value"
)

// primary parses what is no operator: literals, names, calls, arrays, objects.
func (p *parser) primary() *node {
	t := p.token()
	switch t.kind {
	case tokenEnd:
		return p.failHere("Expected a literal")
	case tokenNull:
		p.at++
		return (&node{kind: nodeNull}).seal()
	case tokenTrue, tokenFalse:
		p.at++
		return (&node{kind: nodeBool, truth: t.kind == tokenTrue}).seal()
	case tokenNumber:
		number, err := value.ParseDecimal(t.text)
		if err != nil {
			return p.fail(t.start, t.end, "Invalid number: %s", t.text)
		}
		p.at++
		return (&node{kind: nodeNumber, number: number}).seal()
	case tokenLiteral, tokenReference, tokenRoot, tokenItem:
		return p.name()
	case tokenSingleQuote, tokenDoubleQuote:
		return p.quoted()
	case tokenBacktick:
		return p.template()
	case tokenLeftSquare:
		return p.array()
	case tokenLeftCurly:
		return p.object()
	case tokenRightCurly:
		return p.fail(t.start, t.end, "Unexpected RightCurlyBracket token")
	case tokenTemplateStart, tokenTemplateEnd:
		return p.fail(t.start, t.end, "Unexpected TemplateString token")
	default:
		return p.failHere("Invalid syntax")
	}
}

// quoted parses a string; the lexer made its three tokens.
func (p *parser) quoted() *node {
	if p.at+2 >= len(p.tokens) || p.tokens[p.at+1].kind != tokenLiteral {
		return p.failHere("Failed to parse string ``")
	}
	text := p.tokens[p.at+1].text
	p.at += 3
	return (&node{kind: nodeString, text: text}).seal()
}

func (p *parser) template() *node {
	p.at++
	n := &node{kind: nodeTemplate}
	for p.kind() != tokenBacktick && p.kind() != tokenEnd {
		t := p.token()
		switch t.kind {
		case tokenTemplateStart:
			p.at++
			n.list = append(n.list, p.expression())
			if failed := p.expect(tokenTemplateEnd); failed != nil {
				n.list = append(n.list, failed)
			}
		case tokenTemplateEnd:
			p.at++
		case tokenLiteral:
			p.at++
			n.list = append(n.list, (&node{kind: nodeString, text: t.text}).seal())
		default:
			return p.unexpected("Valid TemplateString token")
		}
	}
	if failed := p.expect(tokenBacktick); failed != nil {
		return failed
	}
	return n.seal()
}

func (p *parser) array() *node {
	p.at++
	n := &node{kind: nodeArray}
	for p.kind() != tokenRightSquare {
		if len(n.list) > 0 {
			if failed := p.expect(tokenComma); failed != nil {
				return failed
			}
			if p.kind() == tokenRightSquare {
				break
			}
		}
		n.list = append(n.list, p.expression())
	}
	p.at++
	postfixed, _ := p.postfix(n.seal())
	return postfixed
}

func (p *parser) object() *node {
	p.at++
	n := &node{kind: nodeObject}
	if p.kind() == tokenRightCurly {
		p.at++
		return n.seal()
	}
	for {
		key := p.key()
		if failed := p.expect(tokenColon); failed != nil {
			return failed
		}
		n.list = append(n.list, key, p.expression())
		if t := p.token(); t.kind == tokenComma {
			p.at++
			continue
		} else if t.kind != tokenRightCurly && t.kind != tokenEnd {
			return p.fail(t.start, t.end, "Invalid object syntax")
		}
		break
	}
	if failed := p.expect(tokenRightCurly); failed != nil {
		n.list = append(n.list, failed)
	}
	return n.seal()
}

func (p *parser) key() *node {
	t := p.token()
	switch {
	case t.kind == tokenEnd:
		return p.failHere("Expected an object key")
	case t.kind.isName(), t.kind == tokenTrue, t.kind == tokenFalse, t.kind == tokenNumber:
		p.at++
		return (&node{kind: nodeString, text: t.text}).seal()
	case t.kind == tokenSingleQuote, t.kind == tokenDoubleQuote:
		return p.quoted()
	case t.kind == tokenLeftSquare:
		p.at++
		key := p.expression()
		if failed := p.expect(tokenRightSquare); failed != nil {
			return failed
		}
		return key
	case t.kind == tokenBacktick, t.kind == tokenTemplateStart, t.kind == tokenTemplateEnd:
		return p.fail(t.start, t.end, "TemplateString expression not supported as object key")
	default:
		return p.fail(t.start, t.end, "Operator is not supported as object key")
	}
}

// name parses an identifier, a call or a chain of assignments.
func (p *parser) name() *node {
	t := p.token()
	p.at++
	if p.kind() == tokenLeftParen {
		return p.call(t)
	}
	n := &node{kind: nodeIdentifier, text: t.text}
	if t.kind == tokenRoot {
		n.kind = nodeRoot
	}
	target, properties := p.postfix(n.seal())
	if p.kind() != tokenAssign {
		return target
	}
	if !properties {
		return p.notAssignable(target)
	}
	return p.assignments(target)
}

func (p *parser) notAssignable(target *node) *node {
	return p.failWith(target, target.start, target.end, "Only property access is allowed during assignment")
}

func (p *parser) call(name token) *node {
	fn := functions[name.text]
	if fn == nil {
		return p.fail(name.start, name.end, "Unknown function `%s`", name.text)
	}
	p.at++
	n := &node{kind: nodeCall, fn: fn}
	if fn.closure == noClosure {
		n.list = p.arguments()
	} else {
		n.list = p.closureArguments()
	}
	postfixed, _ := p.postfix(n.seal())
	return postfixed
}

// arguments parses what is called with, up to the closing parenthesis.
func (p *parser) arguments() []*node {
	var list []*node
	for p.kind() != tokenRightParen {
		list = append(list, p.expression())
		if p.kind() != tokenComma {
			break
		}
		p.at++
	}
	if failed := p.expect(tokenRightParen); failed != nil {
		list = append(list, failed)
	}
	return list
}

// closureArguments parses: list [as alias], body.
func (p *parser) closureArguments() []*node {
	list := []*node{p.expression()}
	alias := ""
	if t := p.token(); t.kind == tokenLiteral && t.text == "as" {
		p.at++
		if t = p.token(); t.kind == tokenLiteral {
			p.at++
			alias = t.text
		} else if t.kind == tokenEnd {
			list = append(list, p.failHere("Expected identifier after 'as'"))
		} else {
			list = append(list, p.fail(t.start, t.end, "Expected identifier after 'as'"))
		}
	}
	if failed := p.expect(tokenComma); failed != nil {
		list = append(list, failed)
	}
	p.closures++
	body := p.binary(0, true)
	p.closures--
	list = append(list, (&node{kind: nodeClosure, a: body, text: alias}).seal())
	if failed := p.expect(tokenRightParen); failed != nil {
		list = append(list, failed)
	}
	return list
}

// postfix parses property access, indexes, slices and method calls. Properties
// reports whether there was nothing else than property access.
func (p *parser) postfix(n *node) (result *node, properties bool) {
	properties = true
	for !p.tooDeep {
		switch p.kind() {
		case tokenDot:
			n = p.member(n)
		case tokenLeftSquare:
			n = p.index(n)
			properties = false
		case tokenEnd:
			return n, false
		default:
			return n, properties
		}
	}
	return n, false
}

func (p *parser) member(of *node) *node {
	p.at++
	t := p.token()
	p.at++
	n := &node{kind: nodeMember, a: of}
	switch {
	case t.kind == tokenEnd:
		n.b = p.failWith(of, p.before(), p.before(), "Expected a property")
	case !t.kind.isProperty():
		p.at--
		n.b = p.failWith(of, t.start, t.end, "Invalid property: %s", t.text)
	case p.kind() == tokenLeftParen:
		return p.methodCall(of, t)
	default:
		n.b = (&node{kind: nodeString, text: t.text}).seal()
	}
	return n.seal()
}

func (p *parser) methodCall(of *node, name token) *node {
	method := value.LookupDateMethod(name.text)
	if method == nil {
		return p.fail(name.start, name.end, "Unknown method `%s`", name.text)
	}
	p.at++
	return (&node{kind: nodeMethod, a: of, method: method, list: p.arguments()}).seal()
}

// index parses [i], [from:to] and what leaves either side out.
func (p *parser) index(of *node) *node {
	p.at++
	if p.kind() == tokenEnd {
		return p.failWith(of, p.before(), p.before(), "Expected a property")
	}
	var from, to *node
	if p.kind() != tokenColon {
		from = p.expression()
		switch p.kind() {
		case tokenEnd:
			return p.failWith((&node{kind: nodeMember, a: of, b: from}).seal(), p.before(), p.before(), "Unexpected token")
		case tokenColon:
		default:
			if failed := p.expect(tokenRightSquare); failed != nil {
				return failed
			}
			return (&node{kind: nodeMember, a: of, b: from}).seal()
		}
	}
	p.at++
	if p.kind() == tokenEnd {
		message := "Unexpected token"
		if from != nil {
			message = "Invalid slice syntax"
		}
		return p.failWith((&node{kind: nodeSlice, a: of, b: from}).seal(), p.before(), p.before(), "%s", message)
	}
	if p.kind() != tokenRightSquare {
		to = p.expression()
	}
	if failed := p.expect(tokenRightSquare); failed != nil {
		return failed
	}
	return (&node{kind: nodeSlice, a: of, b: from, c: to}).seal()
}

// assignments parses path = expression; ... up to an expression that is none,
// which is then the result.
func (p *parser) assignments(first *node) *node {
	p.at++
	n := &node{kind: nodeAssignments}
	n.list = append(n.list, p.path(first), p.expression())
	for p.at < len(p.tokens) {
		if failed := p.expect(tokenSemicolon); failed != nil {
			return failed
		}
		if p.at >= len(p.tokens) {
			break
		}
		from := p.at
		name := p.token()
		p.at++
		target, properties := p.postfix((&node{kind: nodeIdentifier, text: name.text}).seal())
		if p.kind() != tokenAssign {
			p.at = from
			n.a = p.expression()
			break
		}
		p.at++
		if !properties {
			return p.notAssignable(target)
		}
		n.list = append(n.list, p.path(target), p.expression())
	}
	return n.seal()
}

// path joins a target of an assignment to a dotted path.
func (p *parser) path(target *node) *node {
	var parts []string
	n := target
	for ; n.kind == nodeMember && n.b.kind == nodeString; n = n.a {
		parts = append(parts, n.b.text)
	}
	switch n.kind {
	case nodeIdentifier:
		parts = append(parts, n.text)
	case nodeRoot:
		parts = append(parts, "$root")
	default:
		return p.failWith(target, target.start, target.end, "Failed to resolve")
	}
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return (&node{kind: nodeString, text: strings.Join(parts, ".")}).seal()
}
