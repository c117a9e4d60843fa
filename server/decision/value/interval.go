package value

import "math"

// Range is an interval of numbers or of dates, with a bracket on either side.
type Range struct {
	left, right      Value
	opening, closing byte
}

// NewRange returns the interval between two numbers or two dates; false when the
// ends are of other or different kinds. The brackets are any of [ ] ( ).
func NewRange(opening byte, left, right Value, closing byte) (*Range, bool) {
	if left.kind != right.kind || left.kind != KindNumber && left.kind != KindDate {
		return nil, false
	}
	return &Range{left, right, opening, closing}, true
}

// Bounds returns the ends.
func (r *Range) Bounds() (left, right Value) { return r.left, r.right }

// Brackets returns the brackets on either side.
func (r *Range) Brackets() (opening, closing byte) { return r.opening, r.closing }

// Contains reports whether the interval holds a value; ok is false when the
// value is neither a number nor a date. To an interval of the one kind every
// number comes before every date. With an opening ] or ) or a closing [
// or ( what is meant is outside: the sides are then joined by or.
func (r *Range) Contains(v Value) (in, ok bool) {
	if v.kind != KindNumber && v.kind != KindDate {
		return false, false
	}
	low, high := compareScalars(v, r.left), compareScalars(v, r.right)
	var left, right, outside bool
	switch r.opening {
	case '[':
		left = low >= 0
	case '(':
		left = low > 0
	case ']':
		left, outside = low <= 0, true
	default:
		left, outside = low < 0, true
	}
	switch r.closing {
	case ']':
		right = high <= 0
	case ')':
		right = high < 0
	case '[':
		right = high >= 0
	default:
		right = high > 0
	}
	if outside {
		return left || right, true
	}
	return left && right, true
}

// Ints returns the first and last whole number to iterate over (none when first
// is greater than last); ok is false for dates, for brackets that mean outside,
// and beyond the range of int64.
func (r *Range) Ints() (first, last int64, ok bool) {
	first, ok = r.left.AsNumber().Int64()
	last, high := r.right.AsNumber().Int64()
	open, shut := r.opening == '(', r.closing == ')'
	switch {
	case !ok || !high || r.left.kind != KindNumber,
		r.opening != '[' && !open || r.closing != ']' && !shut,
		open && first == math.MaxInt64 || shut && last == math.MinInt64:
		return 0, -1, false
	}
	return first + int64(boolInt(open)), last - int64(boolInt(shut)), true
}

// String returns the interval as JSON and traces show it: [1..3].
func (r *Range) String() string {
	b := append(make([]byte, 0, 32), r.opening)
	b = r.left.appendText(b)
	b = append(b, ".."...)
	b = r.right.appendText(b)
	return string(append(b, r.closing))
}

func compareScalars(a, b Value) int {
	if a.kind != b.kind {
		return boolInt(a.kind == KindDate) - boolInt(b.kind == KindDate)
	}
	if a.kind == KindDate {
		return a.AsDate().Compare(b.AsDate())
	}
	return a.AsNumber().Cmp(b.AsNumber())
}
