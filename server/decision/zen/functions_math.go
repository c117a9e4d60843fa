package zen

import (
	"math/rand/v2"
	"slices"

	"github.com/understudy-api/understudy/server/decision/value"
)

func oneNumber(op func(value.Decimal) value.Decimal) func(*frame, []value.Value) (value.Value, error) {
	return func(_ *frame, args []value.Value) (value.Value, error) {
		if args[0].Kind() != value.KindNumber {
			return value.Value{}, notA(0, "number")
		}
		return value.Number(op(args[0].AsNumber())), nil
	}
}

// places rounds or cuts to a number of decimal places.
func places(op func(d value.Decimal, places int) value.Decimal) func(*frame, []value.Value) (value.Value, error) {
	return func(_ *frame, args []value.Value) (value.Value, error) {
		if args[0].Kind() != value.KindNumber {
			return value.Value{}, notA(0, "number")
		}
		at := int64(0)
		if len(args) > 1 {
			if args[1].Kind() != value.KindNumber {
				return value.Value{}, notA(1, "number")
			}
			var ok bool
			if at, ok = index(args[1].AsNumber()); !ok || at > 1<<32-1 {
				return value.Value{}, reason("Invalid number of decimal places")
			}
		}
		return value.Number(op(args[0].AsNumber(), int(min(at, value.MaxScale)))), nil
	}
}

func random(_ *frame, args []value.Value) (value.Value, error) {
	if args[0].Kind() != value.KindNumber {
		return value.Value{}, notA(0, "number")
	}
	most, ok := halfEven(args[0].AsNumber()).Int64()
	if !ok || most < 0 || most == 1<<63-1 {
		return value.Value{}, reason("Invalid upper range")
	}
	return value.Int(rand.Int64N(most + 1)), nil //nolint:gosec // chance, not a secret
}

// halfEven rounds to a whole number, halves to the even one.
func halfEven(d value.Decimal) value.Decimal {
	rounded := d.Round(0)
	half := value.FromInt(5)
	if rest, err := d.Sub(d.Trunc(0)); err == nil {
		if tenfold, err := rest.Abs().Mul(value.FromInt(10)); err == nil && tenfold.Cmp(half) == 0 {
			if odd, err := rounded.Rem(value.FromInt(2)); err == nil && !odd.IsZero() {
				return d.Trunc(0)
			}
		}
	}
	return rounded
}

// numbers returns the elements of an array of numbers.
func numbers(f *frame, args []value.Value) ([]value.Value, error) {
	if args[0].Kind() != value.KindArray {
		return nil, notA(0, "array")
	}
	items := args[0].AsArray()
	for i := range items {
		if items[i].Kind() != value.KindNumber {
			return nil, reason("Expected a number array")
		}
	}
	return items, f.step(len(items))
}

func total(f *frame, args []value.Value) (value.Decimal, int, error) {
	items, err := numbers(f, args)
	if err != nil {
		return value.Decimal{}, 0, err
	}
	d := value.Decimal{}
	for i := range items {
		if d, err = d.Add(items[i].AsNumber()); err != nil {
			return value.Decimal{}, 0, err
		}
	}
	return d, len(items), nil
}

func sum(f *frame, args []value.Value) (value.Value, error) {
	d, _, err := total(f, args)
	return value.Number(d), err
}

func average(f *frame, args []value.Value) (value.Value, error) {
	d, n, err := total(f, args)
	if err != nil {
		return value.Value{}, err
	}
	if n == 0 {
		return value.Value{}, reason("Empty array")
	}
	d, err = d.Div(value.FromInt(int64(n)))
	return value.Number(d), err
}

// extreme finds the least (sign -1: the first of equal ones) or the greatest
// (sign 1: the last of equal ones) of numbers or dates.
func extreme(sign int) func(*frame, []value.Value) (value.Value, error) {
	return func(f *frame, args []value.Value) (value.Value, error) {
		if args[0].Kind() != value.KindArray {
			return value.Value{}, notA(0, "array")
		}
		items := args[0].AsArray()
		if len(items) == 0 {
			return value.Value{}, reason("Empty array")
		}
		of := value.KindDate
		if items[0].Kind() == value.KindNumber {
			of = value.KindNumber
		}
		best := items[0]
		for _, item := range items {
			if item.Kind() != of {
				return value.Value{}, reason("Expected a number array")
			}
			order, err := compare(item, best)
			if err != nil {
				return value.Value{}, err
			}
			if order == sign || order == 0 && sign > 0 {
				best = item
			}
		}
		return best, f.step(len(items))
	}
}

func sorted(f *frame, args []value.Value) ([]value.Value, error) {
	items, err := numbers(f, args)
	if err != nil {
		return nil, err
	}
	if err := f.grow(len(items)); err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b value.Value) int { return a.AsNumber().Cmp(b.AsNumber()) })
	return items, f.step(4 * len(items))
}

func median(f *frame, args []value.Value) (value.Value, error) {
	items, err := sorted(f, args)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return value.Value{}, reason("Index out of bounds")
	}
	center := len(items) / 2
	if len(items)%2 == 1 {
		return items[center], nil
	}
	d, err := items[center-1].AsNumber().Add(items[center].AsNumber())
	if err != nil {
		return value.Value{}, err
	}
	d, err = d.Div(value.FromInt(2))
	return value.Number(d), err
}

// mode finds the most frequent number, of several the greatest.
func mode(f *frame, args []value.Value) (value.Value, error) {
	items, err := sorted(f, args)
	if err != nil {
		return value.Value{}, err
	}
	if len(items) == 0 {
		return value.Value{}, reason("Empty array")
	}
	best, most := items[0], 0
	for i := 0; i < len(items); {
		n := 1
		for i+n < len(items) && value.Equal(items[i], items[i+n]) {
			n++
		}
		if n >= most {
			best, most = items[i], n
		}
		i += n
	}
	return best, nil
}
