package zen

import (
	"github.com/understudy-api/understudy/server/decision/value"
)

// binary compiles operators. Those that stand to the left of each other form a
// chain: a + b - c is one base and two parts.
func (c *compiler) binary(n *node) code {
	var links []*node
	for n.kind == nodeBinary {
		links = append(links, n)
		n = n.a
	}
	made := c.compile(n)
	base := made
	var parts []apply
	for i := len(links) - 1; i >= 0 && c.err == nil; i-- {
		part, same := c.operator(links[i].op, c.compile(links[i].b))
		if made.constant && len(parts) == 0 {
			next, folded := c.foldLeft(links[i].op, made, part, same)
			if folded {
				made, base = next, next
				continue
			}
		}
		parts = append(parts, part)
		made = code{}
	}
	if len(parts) == 0 {
		return base
	}
	if base.reference && len(parts) == 1 {
		part := parts[0] // what most cells of a table are
		return dynamic(func(f *frame) (value.Value, error) {
			if f.overlay && f.env.HasReference {
				return part(f, f.env.Reference)
			}
			v, err := f.special("$")
			if err != nil {
				return value.Value{}, err
			}
			return part(f, v)
		})
	}
	return dynamic(chained(base.run, parts))
}

// foldLeft computes an operator whose operands are constant, or whose left one
// settles what comes of it.
func (c *compiler) foldLeft(op tokenKind, left code, part apply, same bool) (code, bool) {
	settled := left.value.Kind() == value.KindBool && (op == tokenAnd && !left.value.AsBool() || op == tokenOr && left.value.AsBool()) ||
		op == tokenNullish && left.value.Kind() != value.KindNull
	if settled {
		return left, true
	}
	if !same {
		return code{}, false
	}
	v, err := part(c.scratch(), left.value)
	if err != nil {
		return code{}, false
	}
	return constant(v), true
}

// operator compiles an operator and its right operand; same is set when only the
// left one can change the result.
func (*compiler) operator(op tokenKind, right code) (part apply, same bool) {
	run := right.run
	switch op {
	case tokenAnd:
		return func(f *frame, left value.Value) (value.Value, error) {
			if left.Kind() != value.KindBool {
				return value.Value{}, errIfFalse
			}
			if !left.AsBool() {
				return left, nil
			}
			return run(f)
		}, right.constant
	case tokenOr:
		return func(f *frame, left value.Value) (value.Value, error) {
			if left.Kind() != value.KindBool {
				return value.Value{}, errIfTrue
			}
			if left.AsBool() {
				return left, nil
			}
			return run(f)
		}, right.constant
	case tokenNullish:
		return func(f *frame, left value.Value) (value.Value, error) {
			if left.Kind() != value.KindNull {
				return left, nil
			}
			return run(f)
		}, right.constant
	case tokenAdd:
		return func(f *frame, left value.Value) (value.Value, error) {
			v, err := run(f)
			if err != nil {
				return value.Value{}, err
			}
			return add(f, left, v)
		}, right.constant
	case tokenPower:
		return func(f *frame, left value.Value) (value.Value, error) {
			v, err := run(f)
			if err != nil {
				return value.Value{}, err
			}
			return power(f, left, v)
		}, right.constant
	default:
	}
	if right.constant {
		return withConstant(op, right.value), true
	}
	both := pairs[op]
	return func(f *frame, left value.Value) (value.Value, error) {
		v, err := run(f)
		if err != nil {
			return value.Value{}, err
		}
		return both(f, left, v)
	}, false
}

// pairs are the operators that look at nothing but their operands.
var pairs = [...]func(f *frame, a, b value.Value) (value.Value, error){
	tokenEqual:        equal,
	tokenNotEqual:     unequal,
	tokenLess:         ordered(func(order int) bool { return order < 0 }),
	tokenLessEqual:    ordered(func(order int) bool { return order <= 0 }),
	tokenGreater:      ordered(func(order int) bool { return order > 0 }),
	tokenGreaterEqual: ordered(func(order int) bool { return order >= 0 }),
	tokenIn: func(f *frame, a, b value.Value) (value.Value, error) {
		found, err := in(f, a, b)
		return value.Bool(found), err
	},
	tokenNotIn: func(f *frame, a, b value.Value) (value.Value, error) {
		found, err := in(f, a, b)
		return value.Bool(!found), err
	},
	tokenSubtract: arithmetic(errSubtract, value.Decimal.Sub),
	tokenMultiply: arithmetic(errMultiply, value.Decimal.Mul),
	tokenDivide:   quotient(errDivide, value.Decimal.Div),
	tokenModulo:   quotient(errModulo, value.Decimal.Rem),
}

func equal(f *frame, a, b value.Value) (value.Value, error) {
	if err := f.read(a); err != nil {
		return value.Value{}, err
	}
	return value.Bool(value.Equal(a, b)), nil
}

func unequal(f *frame, a, b value.Value) (value.Value, error) {
	if err := f.read(a); err != nil {
		return value.Value{}, err
	}
	return value.Bool(!value.Equal(a, b)), nil
}

func ordered(says func(order int) bool) func(f *frame, a, b value.Value) (value.Value, error) {
	return func(_ *frame, a, b value.Value) (value.Value, error) {
		order, err := compare(a, b)
		if err != nil {
			return value.Value{}, err
		}
		return value.Bool(says(order)), nil
	}
}

// withConstant fixes the right operand of an operator; a long list is indexed.
func withConstant(op tokenKind, right value.Value) apply {
	if (op == tokenIn || op == tokenNotIn) && right.Kind() == value.KindArray {
		if set := newSet(right.AsArray()); set != nil {
			want := op == tokenIn
			return func(f *frame, left value.Value) (value.Value, error) {
				if err := f.read(left); err != nil {
					return value.Value{}, err
				}
				found, err := set.has(f, left)
				return value.Bool(found == want), err
			}
		}
	}
	if right.Kind() == value.KindString && len(right.AsString()) < longText && (op == tokenEqual || op == tokenNotEqual) {
		text, want := right.AsString(), op == tokenEqual
		return func(_ *frame, left value.Value) (value.Value, error) {
			return value.Bool((left.Kind() == value.KindString && left.AsString() == text) == want), nil
		}
	}
	both := pairs[op]
	return func(f *frame, left value.Value) (value.Value, error) { return both(f, left, right) }
}

func add(f *frame, a, b value.Value) (value.Value, error) {
	if a.Kind() != b.Kind() {
		return value.Value{}, errAdd
	}
	switch a.Kind() {
	case value.KindNumber:
		sum, err := a.AsNumber().Add(b.AsNumber())
		if err != nil {
			return value.Value{}, errOverflow
		}
		return value.Number(sum), nil
	case value.KindString:
		x, y := a.AsString(), b.AsString()
		if err := f.write(len(x) + len(y)); err != nil {
			return value.Value{}, err
		}
		return value.String(x + y), nil
	default:
		return value.Value{}, errAdd
	}
}

func arithmetic(wrong *Error, op func(a, b value.Decimal) (value.Decimal, error)) func(f *frame, a, b value.Value) (value.Value, error) {
	return func(_ *frame, a, b value.Value) (value.Value, error) {
		if a.Kind() != value.KindNumber || b.Kind() != value.KindNumber {
			return value.Value{}, wrong
		}
		d, err := op(a.AsNumber(), b.AsNumber())
		if err != nil {
			return value.Value{}, errOverflow
		}
		return value.Number(d), nil
	}
}

// quotient is null where nothing can be divided.
func quotient(wrong *Error, op func(a, b value.Decimal) (value.Decimal, error)) func(f *frame, a, b value.Value) (value.Value, error) {
	return func(_ *frame, a, b value.Value) (value.Value, error) {
		if a.Kind() != value.KindNumber || b.Kind() != value.KindNumber {
			return value.Value{}, wrong
		}
		if d, err := op(a.AsNumber(), b.AsNumber()); err == nil {
			return value.Number(d), nil
		}
		return value.Value{}, nil
	}
}

func power(f *frame, a, b value.Value) (value.Value, error) {
	if a.Kind() != value.KindNumber || b.Kind() != value.KindNumber {
		return value.Value{}, errExponent
	}
	cost := 4
	if !b.AsNumber().IsInteger() {
		cost = 500 // logarithms of many digits
	}
	if err := f.step(cost); err != nil {
		return value.Value{}, err
	}
	d, err := a.AsNumber().Pow(b.AsNumber())
	if err != nil {
		return value.Value{}, errPower
	}
	return value.Number(d), nil
}

func compare(a, b value.Value) (int, error) {
	if a.Kind() == b.Kind() {
		switch a.Kind() {
		case value.KindNumber:
			return a.AsNumber().Cmp(b.AsNumber()), nil
		case value.KindDate:
			return a.AsDate().Compare(b.AsDate()), nil
		default:
		}
	}
	return 0, errCompare
}

func isScalar(v value.Value) bool {
	switch v.Kind() {
	case value.KindNull, value.KindBool, value.KindNumber, value.KindString, value.KindDate:
		return true
	default:
		return false
	}
}

func in(f *frame, a, b value.Value) (bool, error) {
	if err := f.read(a); err != nil {
		return false, err
	}
	switch b.Kind() {
	case value.KindArray:
		if !isScalar(a) {
			return false, errIn
		}
		items := b.AsArray()
		if err := f.step(len(items) / 8); err != nil {
			return false, err
		}
		for _, item := range items {
			if value.Equal(a, item) {
				return true, nil
			}
		}
		return false, nil
	case value.KindObject:
		if a.Kind() != value.KindString {
			return false, errIn
		}
		_, found := b.AsObject().Get(a.AsString())
		return found, nil
	case value.KindInterval:
		r := b.AsInterval()
		opening, closing := r.Brackets()
		found, ok := r.Contains(a)
		switch {
		case !ok:
			return false, errIn
		case opening == '{' || opening == '}' || closing == '{' || closing == '}':
			return false, errInBracket
		}
		return found, nil
	default:
		return false, errIn
	}
}

// set answers "in" for a long list of constants.
type set struct {
	texts   map[string]struct{}
	numbers map[value.Decimal]struct{}
	null    bool
	yes, no bool
	dates   []value.Value // no constants normally
}

// setSize is the length from which on hashing beats looking at each.
const setSize = 8

func newSet(items []value.Value) *set {
	if len(items) < setSize {
		return nil
	}
	s := &set{texts: map[string]struct{}{}, numbers: map[value.Decimal]struct{}{}}
	for _, item := range items {
		switch item.Kind() {
		case value.KindNull:
			s.null = true
		case value.KindBool:
			s.yes = s.yes || item.AsBool()
			s.no = s.no || !item.AsBool()
		case value.KindString:
			s.texts[item.AsString()] = struct{}{}
		case value.KindNumber:
			s.numbers[plain(item.AsNumber())] = struct{}{}
		case value.KindDate:
			s.dates = append(s.dates, item)
		default: // equal to nothing
		}
	}
	return s
}

// plain returns the one form of a number that all forms of it share.
func plain(d value.Decimal) value.Decimal {
	if d.IsZero() {
		return value.Decimal{}
	}
	return d.Normalize()
}

func (s *set) has(f *frame, v value.Value) (bool, error) {
	switch v.Kind() {
	case value.KindNull:
		return s.null, nil
	case value.KindBool:
		return v.AsBool() && s.yes || !v.AsBool() && s.no, nil
	case value.KindString:
		_, found := s.texts[v.AsString()]
		return found, nil
	case value.KindNumber:
		_, found := s.numbers[plain(v.AsNumber())]
		return found, nil
	case value.KindDate:
		return in(f, v, value.Array(s.dates))
	default:
		return false, errIn
	}
}
