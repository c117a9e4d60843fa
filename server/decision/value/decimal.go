package value

import "errors"

// Errors of arithmetic.
var (
	ErrOverflow       = errors.New("Number overflow")              //nolint:staticcheck,revive // the engine's words
	ErrInvalidNumber  = errors.New("Invalid number")               //nolint:staticcheck,revive // the engine's words
	ErrDivisionByZero = errors.New("Division by zero")             //nolint:staticcheck,revive // the engine's words
	ErrExponent       = errors.New("Failed to calculate exponent") //nolint:staticcheck,revive // the engine's words
)

// MaxScale is the greatest number of decimal places.
const MaxScale = 28

// Decimal is an exact decimal number: a coefficient of 96 bits, up to 28
// decimal places, a sign. The zero Decimal is 0.
type Decimal struct {
	lo    uint64
	hi    uint32
	scale uint8
	neg   bool
}

// FromInt returns a whole number.
func FromInt(i int64) Decimal {
	if i < 0 {
		return Decimal{lo: -uint64(i), neg: true}
	}
	return Decimal{lo: uint64(i)}
}

// STUB from here on.

func ParseDecimal(s string) (Decimal, error)     { return Decimal{}, ErrInvalidNumber }
func FromFloat(f float64) (Decimal, error)       { return FromInt(int64(f)), nil }
func (d Decimal) Add(o Decimal) (Decimal, error) { return d, nil }
func (d Decimal) Sub(o Decimal) (Decimal, error) { return d, nil }
func (d Decimal) Mul(o Decimal) (Decimal, error) { return d, nil }
func (d Decimal) Div(o Decimal) (Decimal, error) { return d, nil }
func (d Decimal) Rem(o Decimal) (Decimal, error) { return d, nil }
func (d Decimal) Pow(o Decimal) (Decimal, error) { return d, nil }
func (d Decimal) Cmp(o Decimal) int              { return 0 }
func (d Decimal) Neg() Decimal                   { return d }
func (d Decimal) Abs() Decimal                   { return d }
func (d Decimal) Floor() Decimal                 { return d }
func (d Decimal) Ceil() Decimal                  { return d }
func (d Decimal) Round(places int) Decimal       { return d }
func (d Decimal) Trunc(places int) Decimal       { return d }
func (d Decimal) Sign() int                      { return 0 }
func (d Decimal) IsZero() bool                   { return d.lo|uint64(d.hi) == 0 }
func (d Decimal) Scale() int                     { return int(d.scale) }
func (d Decimal) Normalize() Decimal             { return d }
func (d Decimal) String() string                 { return "" }
func (d Decimal) Float64() float64               { return 0 }
func (d Decimal) Int64() (int64, bool)           { return 0, true }
