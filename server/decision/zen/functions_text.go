package zen

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/understudy-api/understudy/server/decision/value"
)

func twoTexts(test func(a, b string) bool) func(*frame, []value.Value) (value.Value, error) {
	return func(_ *frame, args []value.Value) (value.Value, error) {
		if err := texts(args); err != nil {
			return value.Value{}, err
		}
		return value.Bool(test(args[0].AsString(), args[1].AsString())), nil
	}
}

// texts reports the first argument that is no string.
func texts(args []value.Value) error {
	for i := range args {
		if args[i].Kind() != value.KindString {
			return notA(i, "string")
		}
	}
	return nil
}

func mapText(f *frame, args []value.Value, ascii func(string) string, full func() cases.Caser) (value.Value, error) {
	if err := texts(args); err != nil {
		return value.Value{}, err
	}
	s := args[0].AsString()
	if err := f.write(len(s)); err != nil {
		return value.Value{}, err
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return value.String(full().String(s)), nil
		}
	}
	return value.String(ascii(s)), nil
}

func upper(f *frame, args []value.Value) (value.Value, error) {
	return mapText(f, args, strings.ToUpper, func() cases.Caser { return cases.Upper(language.Und) })
}

func lower(f *frame, args []value.Value) (value.Value, error) {
	return mapText(f, args, strings.ToLower, func() cases.Caser { return cases.Lower(language.Und) })
}

func trim(_ *frame, args []value.Value) (value.Value, error) {
	if err := texts(args); err != nil {
		return value.Value{}, err
	}
	return value.String(strings.TrimSpace(args[0].AsString())), nil
}

// split cuts at a separator; an empty one stands before, between and behind all
// characters.
func split(f *frame, args []value.Value) (value.Value, error) {
	if err := texts(args); err != nil {
		return value.Value{}, err
	}
	s, separator := args[0].AsString(), args[1].AsString()
	n := utf8.RuneCountInString(s) + 2
	if separator != "" {
		n = strings.Count(s, separator) + 1
	}
	if err := f.grow(n); err != nil {
		return value.Value{}, err
	}
	parts := make([]value.Value, 0, n)
	if separator != "" {
		for part := range strings.SplitSeq(s, separator) {
			parts = append(parts, value.String(part))
		}
		return value.Array(parts), nil
	}
	parts = append(parts, value.String(""))
	for s != "" {
		_, size := utf8.DecodeRuneInString(s)
		parts = append(parts, value.String(s[:size]))
		s = s[size:]
	}
	return value.Array(append(parts, value.String(""))), nil
}

func text(f *frame, args []value.Value) (value.Value, error) {
	if args[0].Kind() == value.KindString {
		return args[0], nil
	}
	s, err := toText(args[0])
	if err != nil {
		return value.Value{}, err
	}
	return value.String(s), f.write(len(s))
}

func toText(v value.Value) (string, error) {
	switch v.Kind() {
	case value.KindNull:
		return "null", nil
	case value.KindBool:
		if v.AsBool() {
			return "true", nil
		}
		return "false", nil
	case value.KindNumber:
		return v.AsNumber().String(), nil
	case value.KindString:
		return v.AsString(), nil
	default:
		return "", reason("Cannot convert type " + v.Kind().String() + " to string")
	}
}

func number(_ *frame, args []value.Value) (value.Value, error) {
	switch v := args[0]; v.Kind() {
	case value.KindNumber:
		return v, nil
	case value.KindBool:
		if v.AsBool() {
			return value.Int(1), nil
		}
		return value.Int(0), nil
	case value.KindString:
		d, err := value.ParseDecimal(strings.TrimSpace(v.AsString()))
		if err != nil {
			return value.Value{}, reason("Invalid number")
		}
		return value.Number(d), nil
	default:
		return value.Value{}, reason("Cannot convert type " + v.Kind().String() + " to number")
	}
}

func isNumeric(_ *frame, args []value.Value) (value.Value, error) {
	switch v := args[0]; v.Kind() {
	case value.KindNumber:
		return value.Bool(true), nil
	case value.KindString:
		_, err := value.ParseDecimal(strings.TrimSpace(v.AsString()))
		return value.Bool(err == nil), nil
	default:
		return value.Bool(false), nil
	}
}

// boolean converts: of texts that say neither, only the empty one is true.
func boolean(_ *frame, args []value.Value) (value.Value, error) {
	v := args[0]
	switch v.Kind() {
	case value.KindNull:
		return value.Bool(false), nil
	case value.KindBool:
		return v, nil
	case value.KindNumber:
		return value.Bool(!v.AsNumber().IsZero()), nil
	case value.KindString:
		switch s := v.AsString(); strings.TrimSpace(s) {
		case "true":
			return value.Bool(true), nil
		case "false":
			return value.Bool(false), nil
		default:
			return value.Bool(s == ""), nil
		}
	default:
		return value.Bool(true), nil
	}
}

func kind(_ *frame, args []value.Value) (value.Value, error) {
	return value.String(args[0].Kind().String()), nil
}

func fuzzyMatch(f *frame, args []value.Value) (value.Value, error) {
	if args[1].Kind() != value.KindString {
		return value.Value{}, notA(1, "string")
	}
	with := []rune(args[1].AsString())
	switch v := args[0]; v.Kind() {
	case value.KindString:
		return similarity(f, []rune(v.AsString()), with)
	case value.KindArray:
		items := v.AsArray()
		if err := f.grow(len(items)); err != nil {
			return value.Value{}, err
		}
		made := make([]value.Value, len(items))
		for i := range items {
			if items[i].Kind() != value.KindString {
				return value.Value{}, reason("Expected string array")
			}
			var err error
			if made[i], err = similarity(f, []rune(items[i].AsString()), with); err != nil {
				return value.Value{}, err
			}
		}
		return value.Array(made), nil
	default:
		return value.Value{}, reason("Fuzzy match not available for type")
	}
}

// similarity is 1 less the share of characters to change, add, drop or swap.
func similarity(f *frame, a, b []rune) (value.Value, error) {
	if len(a) == 0 && len(b) == 0 {
		return value.Int(1), nil
	}
	cells := (len(a) + 2) * (len(b) + 2)
	if cells/(len(b)+2) != len(a)+2 || cells > 1<<40 {
		cells = 1 << 40 // beyond any limit
	}
	if err := f.step(cells / 4); err != nil {
		return value.Value{}, err
	}
	if err := f.write(cells * 4); err != nil {
		return value.Value{}, err
	}
	share := float64(distance(a, b)) / float64(max(len(a), len(b)))
	d, err := value.FromFloat(1 - share)
	if err != nil {
		d = value.Decimal{}
	}
	return value.Number(d), nil
}

// distance is the Damerau-Levenshtein distance without the restriction that a
// part is edited once only.
func distance(a, b []rune) int {
	width := len(b) + 2
	// Row and column 0 hold what no way may lead through.
	table := make([]int32, (len(a)+2)*width)
	never := int32(len(a) + len(b))
	table[0] = never
	for i := range len(a) + 1 {
		table[(i+1)*width], table[(i+1)*width+1] = never, int32(i)
	}
	for j := range len(b) + 1 {
		table[j+1], table[width+j+1] = never, int32(j)
	}
	rows := map[rune]int{} // where a character was last seen in a
	for i := 1; i <= len(a); i++ {
		column := 0 // where a's character was last seen in b
		for j := 1; j <= len(b); j++ {
			row := rows[b[j-1]]
			swap := table[row*width+column] + int32(i-row-1) + 1 + int32(j-column-1)
			change := table[i*width+j]
			if a[i-1] == b[j-1] {
				column = j
			} else {
				change++
			}
			table[(i+1)*width+j+1] = min(swap, change, table[(i+1)*width+j]+1, table[i*width+j+1]+1)
		}
		rows[a[i-1]] = i
	}
	return int(table[(len(a)+1)*width+len(b)+1])
}
