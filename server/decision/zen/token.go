package zen

// tokenKind is what a token is. Operators and brackets are kinds of their own.
type tokenKind uint8

const (
	tokenEnd       tokenKind = iota // behind the last token
	tokenLiteral                    // a plain identifier, or the text between quotation marks
	tokenReference                  // $
	tokenRoot                       // $root
	tokenItem                       // #
	tokenNull                       // null
	tokenTrue
	tokenFalse
	tokenNumber
	tokenSingleQuote
	tokenDoubleQuote
	tokenBacktick
	tokenTemplateStart // ${
	tokenTemplateEnd   // }

	tokenAdd
	tokenSubtract
	tokenMultiply
	tokenDivide
	tokenModulo
	tokenPower
	tokenAnd
	tokenOr
	tokenNot
	tokenNullish
	tokenEqual
	tokenNotEqual
	tokenLess
	tokenGreater
	tokenLessEqual
	tokenGreaterEqual
	tokenIn
	tokenNotIn
	tokenRange
	tokenComma
	tokenColon
	tokenDot
	tokenQuestion
	tokenAssign
	tokenSemicolon

	tokenLeftParen
	tokenRightParen
	tokenLeftSquare
	tokenRightSquare
	tokenLeftCurly
	tokenRightCurly
)

// token is a piece of the source; offsets are bytes.
type token struct {
	text       string
	start, end int32
	kind       tokenKind
}

// String returns the word for the token's class in error texts.
func (k tokenKind) String() string {
	switch {
	case k == tokenEnd:
		return "None"
	case k == tokenLiteral:
		return "Literal"
	case k <= tokenNull:
		return "Identifier"
	case k <= tokenFalse:
		return "Boolean"
	case k == tokenNumber:
		return "Number"
	case k <= tokenBacktick:
		return "QuotationMark"
	case k <= tokenTemplateEnd:
		return "TemplateString"
	case k <= tokenSemicolon:
		return "Operator"
	default:
		return "Bracket"
	}
}

func (k tokenKind) isOperator() bool   { return k >= tokenAdd && k <= tokenSemicolon }
func (k tokenKind) isBracket() bool    { return k >= tokenLeftParen }
func (k tokenKind) isComparison() bool { return k >= tokenEqual && k <= tokenNotIn }
func (k tokenKind) isArithmetic() bool { return k >= tokenAdd && k <= tokenPower }

// isName reports whether the kind may stand where an identifier is wanted.
func (k tokenKind) isName() bool { return k >= tokenLiteral && k <= tokenNull }

// isProperty reports whether the kind may follow a dot.
func (k tokenKind) isProperty() bool {
	return k.isName() || k >= tokenAnd && k <= tokenNullish || k == tokenIn
}

// binding is how tightly a binary operator binds, 0 for what is none.
func (k tokenKind) binding() int {
	switch k {
	case tokenOr:
		return 10
	case tokenAnd:
		return 15
	case tokenEqual, tokenNotEqual, tokenLess, tokenGreater, tokenLessEqual, tokenGreaterEqual, tokenIn, tokenNotIn:
		return 20
	case tokenAdd, tokenSubtract:
		return 30
	case tokenMultiply, tokenDivide, tokenModulo:
		return 60
	case tokenPower:
		return 70
	case tokenNullish:
		return 80
	default:
		return 0
	}
}

// prefix is how tightly a unary operator binds, 0 for what is none.
func (k tokenKind) prefix() int {
	switch k {
	case tokenNot:
		return 50
	case tokenAdd, tokenSubtract:
		return 200
	default:
		return 0
	}
}
