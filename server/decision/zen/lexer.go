package zen

import (
	"fmt"
	"strings"
)

// lexer splits a source into tokens, byte by byte: outside of strings every
// byte beyond ASCII is refused.
type lexer struct {
	source string
	at     int
	tokens []token
	// Whether what needs a second look at the same tokens occurs.
	ranges, chains bool
}

func tokenize(source string, most int) (lexer, *Error) {
	l := lexer{source: source, tokens: make([]token, 0, min(len(source)/4, most)+4)}
	for l.at < len(l.source) {
		if err := l.scan(); err != nil {
			return l, err
		}
		if len(l.tokens) > most {
			return l, limitError("Expression has more than %d tokens", most)
		}
	}
	return l, nil
}

func (l *lexer) emit(kind tokenKind, start, end int) {
	l.tokens = append(l.tokens, token{kind: kind, text: l.source[start:end], start: int32(start), end: int32(end)})
}

// one emits a token of n bytes and steps over it.
func (l *lexer) one(kind tokenKind, n int) {
	l.emit(kind, l.at, l.at+n)
	l.at += n
}

func (l *lexer) peek(offset int) byte {
	if i := l.at + offset; i < len(l.source) {
		return l.source[i]
	}
	return 0
}

// eitherWith emits with when the next byte is second, else alone.
func (l *lexer) eitherWith(second byte, with, alone tokenKind) {
	if l.peek(1) == second {
		l.one(with, 2)
		return
	}
	l.one(alone, 1)
}

var singles = [256]tokenKind{
	'(': tokenLeftParen, ')': tokenRightParen, '[': tokenLeftSquare, ']': tokenRightSquare,
	'{': tokenLeftCurly, '}': tokenRightCurly,
	',': tokenComma, ':': tokenColon, '+': tokenAdd, '-': tokenSubtract, '/': tokenDivide,
	'*': tokenMultiply, '^': tokenPower, '%': tokenModulo,
}

func (l *lexer) scan() *Error {
	c := l.source[l.at]
	if kind := singles[c]; kind != tokenEnd {
		l.one(kind, 1)
		return nil
	}
	switch {
	case c == ' ', c == '\n', c == '\t':
		l.at++
	case isNameStart(c):
		l.name()
	case isDigit(c):
		l.number()
	case c == '\'':
		return l.text(tokenSingleQuote)
	case c == '"':
		return l.text(tokenDoubleQuote)
	case c == '`':
		return l.template()
	case c == '.':
		l.ranges = l.ranges || l.peek(1) == '.'
		l.eitherWith('.', tokenRange, tokenDot)
	case c == '>':
		l.eitherWith('=', tokenGreaterEqual, tokenGreater)
	case c == '<':
		l.eitherWith('=', tokenLessEqual, tokenLess)
	case c == '!':
		l.eitherWith('=', tokenNotEqual, tokenNot)
	case c == '=':
		l.eitherWith('=', tokenEqual, tokenAssign)
	case c == '?':
		l.eitherWith('?', tokenNullish, tokenQuestion)
	case c == ';':
		l.chains = true
		l.one(tokenSemicolon, 1)
	default:
		return lexerError("Unmatched symbol: %c at %d", rune(c), l.at)
	}
	return nil
}

func lexerError(format string, args ...any) *Error {
	return &Error{Kind: KindLexer, Source: fmt.Sprintf(format, args...)}
}

func (l *lexer) unexpectedEnd() *Error {
	return lexerError("Unexpected EOF: %c at %d", rune(l.source[len(l.source)-1]), len(l.source)-1)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameStart(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '$' || c == '_' || c == '#'
}

var words = map[string]tokenKind{
	"and": tokenAnd, "or": tokenOr, "in": tokenIn, "true": tokenTrue, "false": tokenFalse,
	"null": tokenNull, "$": tokenReference, "$root": tokenRoot, "#": tokenItem,
}

func (l *lexer) name() {
	end := l.at + 1
	for end < len(l.source) && (isNameStart(l.source[end]) || isDigit(l.source[end])) {
		end++
	}
	word := l.source[l.at:end]
	if word == "not" {
		if strings.HasPrefix(l.source[end:], " in ") {
			l.emit(tokenNotIn, l.at, end+3)
			l.at = end + 4
			return
		}
		l.one(tokenNot, 3)
		return
	}
	kind := tokenLiteral
	if len(word) <= 5 {
		if k, ok := words[word]; ok {
			kind = k
		}
	}
	l.one(kind, len(word))
}

// number takes digits with separators, one point that is not the first of two,
// and an exponent where digits follow it.
func (l *lexer) number() {
	end, point := l.at+1, false
	for end < len(l.source) {
		c := l.source[end]
		if c == '.' {
			next := byte(0)
			if end+1 < len(l.source) {
				next = l.source[end+1]
			}
			if point || next == '.' {
				break
			}
			point = true
		} else if !isDigit(c) && c != '_' {
			break
		}
		end++
	}
	if end < len(l.source) && l.source[end] == 'e' {
		exponent := end + 1
		if exponent < len(l.source) && (l.source[exponent] == '+' || l.source[exponent] == '-') {
			exponent++
		}
		digits := exponent
		for digits < len(l.source) && isDigit(l.source[digits]) {
			digits++
		}
		if digits > exponent {
			end = digits
		}
	}
	l.one(tokenNumber, end-l.at)
}

// text takes a string: there are no escapes.
func (l *lexer) text(mark tokenKind) *Error {
	n := strings.IndexByte(l.source[l.at+1:], l.source[l.at])
	if n < 0 {
		return l.unexpectedEnd()
	}
	l.one(mark, 1)
	l.one(tokenLiteral, n)
	l.one(mark, 1)
	return nil
}

// template takes a template string. What stands in ${ } are tokens of their
// own; the end of the source closes it.
func (l *lexer) template() *Error {
	l.one(tokenBacktick, 1)
	start, inside := l.at, false
	for l.at < len(l.source) {
		c := l.source[l.at]
		switch {
		case c == '`':
			if start < l.at {
				l.emit(tokenLiteral, start, l.at)
			}
			l.one(tokenBacktick, 1)
			return nil
		case inside && c == '}':
			inside = false
			// Error texts place it from the text before on: the engine's tokens do.
			l.tokens = append(l.tokens, token{kind: tokenTemplateEnd, text: "}", start: int32(start), end: int32(l.at)})
			l.at++
			start = l.at
		case inside:
			if err := l.scan(); err != nil {
				return err
			}
		case c == '$' && l.peek(1) == '{':
			inside = true
			l.emit(tokenLiteral, start, l.at)
			l.one(tokenTemplateStart, 2)
		default:
			l.at++
		}
	}
	if !inside && start < l.at {
		l.emit(tokenLiteral, start, l.at)
	}
	l.emit(tokenBacktick, l.at, l.at)
	return nil
}
