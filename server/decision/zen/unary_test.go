package zen_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

func TestUnary(t *testing.T) {
	for _, c := range [][3]string{
		{"5", "5", "true"},
		{"5", "'5'", "false"},
		{"null", "null", "true"},
		{"'a'", "'a'", "true"},
		{"`a${1}`", "'a1'", "true"},
		{"true", "false", "false"},
		{"{a: 1}", "{'a': 1}", "false"},
		{"$", "'x'", "true"},
		{"$", "[1]", "false"},
		{"x", "1", "true"},
		{"o.y", "2", "true"},
		{"o['y']", "2", "true"},
		{"$root.x", "1", "true"},
		{"#", "1", "false"},
		{"-1", "-1", "true"},
		{"+1", "1", "true"},
		{"(1)", "1", "true"},
		{"((1 + 1))", "2", "true"},
		{"1 + 1", "2", "true"},
		{"'a' + 'b'", "'ab'", "true"},
		{"x ?? 5", "1", "true"},
		{"missing ?? 5", "9", "true"},
		{"$ ?? true", "null", "true"},
		{"= 5", "5", incomplete},
		{"== 5", "5", "true"},
		{"!= 5", "5", "false"},
		{"> 5", "6", "true"},
		{"> 5", "'6'", "vm: Opcode Compare: Unsupported type"},
		{">= x + 4", "5", "true"},
		{"> 1 == true", "2", "vm: Opcode Compare: Unsupported type"},
		{"< x > 0", "2", "vm: Opcode Compare: Unsupported type"},
		{"> true ? 1 : 2", "2", "true"},
		{"in [1, 2]", "1", "true"},
		{"not in [1, 2]", "1", "false"},
		{"in o", "'y'", "true"},
		{"[1, 2]", "2", "true"},
		{"[]", "2", "false"},
		{"[1, 2]", "{}", "vm: Opcode In: Unsupported type"},
		{"[1..3]", "2", "true"},
		{"(1..3)", "3", "false"},
		{"]1..3[", "5", "true"},
		{"[1..3]", "'a'", "vm: Opcode In: Unsupported type"},
		{"l[0:1]", "1", "true"},
		{"l", "1", "false"},
		{"[1] + 0", "1", "vm: Opcode Add: Unsupported type"},
		{"true ? [1] : [2]", "1", "true"},
		{"true ? 1 : [2]", "1", "true"},
		{"false ? 1 : [2]", "2", "false"},
		{"$ > 5 ? true : false", "6", "false"},
		{"not $", "true", "false"},
		{"not contains($, 'x')", "'a'", "true"},
		{"!startsWith($, 'a')", "'a'", "false"},
		{"contains($, 'x')", "'x'", "true"},
		{"matches($, '^a')", "'ab'", "true"},
		{"isNumeric($)", "'1'", "true"},
		{"some($, # > 1)", "[1, 2]", "true"},
		{"all(l, # < $)", "9", "true"},
		{"count(l, # > 1)", "1", "true"},
		{"filter(l, # > 1)", "2", "true"},
		{"map(l, # + 1)", "3", "true"},
		{"flatMap(l, [#])", "3", "false"},
		{"flatten([[1]])", "1", "true"},
		{"keys(o)", "'y'", "true"},
		{"values(o)", "2", "true"},
		{"split('a,b', ',')", "'b'", "true"},
		{"extract('ab', '(a)(b)')", "'b'", "true"},
		{"merge([[1]])", "1", "true"},
		{"mergeDeep([{a: 1}])", "'a'", "true"},
		{"len('abc')", "3", "true"},
		{"type($)", "'string'", "true"},
		{"bool(1)", "true", "true"},
		{"bool(1)", "1", "false"},
		{"sum(l)", "3", "true"},
		{"fuzzyMatch('a', 'a')", "1", "true"},
		{"round(1.5)", "2", "true"},
		{"d('2024-01-01').isValid()", "1", "true"},
		{"d('2024-01-01').isBefore(d('2023-01-01'))", "true", "false"},
		{"d('2024-01-01').year()", "2024", "true"},
		{"d('2024-01-01').format('%Y')", "'2024'", "true"},
		{"year('2024-01-01')", "2024", "true"},
		{"a = 5", "5", "false"},
		{"1 > 2 or 3 > 2", "0", "true"},
		{"1, 2, 3", "3", "true"},
		{"1 or 2", "2", "true"},
		{"1 and 1", "1", "true"},
		{"1, 2 and 3", "1", "false"},
		{"1 and 2, 3", "3", "true"},
		{"> 0 and < 5 or 9", "9", "true"},
		{"9 or > 0 and < 5", "9", "false"},
		{"1, > 'a'", "1", "true"},
		{"> 'a', 1", "1", "vm: Opcode Compare: Unsupported type"},
		{"$ > 5 and $ < 9", "6", "true"},
		{"$ > 5 and x", "6", "false"},
		{"($ > 5) and ($ < 9)", "6", "true"},
		{"($ > 5 and $ < 9)", "6", incomplete},
		{"[1, 2] and 2", "2", "true"},
		{"some(l, # == 1 or # == 5 and # == 2)", "1", "false"},
		{"map(l, # > 1 ? 1 or 2 : 3)", "1", incomplete},
		{"1 2", "1", incomplete},
		{"1,", "1", "parser: Expected a literal at (2, 2)"},
		{", 1", "1", "parser: Unexpected token: Operator at (0, 1); Expected UnaryOperator."},
		{"> 5 or", "6", "parser: Expected a literal at (6, 6)"},
		{"", "1", "parser: Expected a literal at (0, 0)"},
		{">", "1", "parser: Expected a literal at (1, 1)"},
		{"true ? 1", "1", "parser: Unexpected token: None at (8, 8); Expected Operator."},
	} {
		reference := []byte(c[1])
		for i := range reference {
			if reference[i] == '\'' {
				reference[i] = '"'
			}
		}
		check(t, true, c[0], fmt.Sprintf(`{"$": %s, "x": 1, "o": {"y": 2}, "l": [1, 2]}`, reference), c[2])
	}
	check(t, true, "x", `{"x": 1}`, "missingContextReference: ")
	check(t, true, "1", `null`, "missingContextReference: ")
	check(t, true, "$ and 5", `{"$": true}`, "false")
	check(t, true, "true ?? 5", `{"$": true}`, "true")
}

// What functions and methods mean alone: a comparison with $, a list that $ is
// in, or a condition.
func TestUnaryFunctions(t *testing.T) {
	equal := "len('ab'), upper('b'), lower('A'), trim(' a '), abs(-1), sum([1, 2]), avg([1, 3]), min([1, 2]), max([1, 2]), rand(0), " +
		"median([1]), mode([1]), floor(1.5), ceil(1.5), round(1.5), trunc(1.5), string(1), number('1'), bool(1), type(1), " +
		"fuzzyMatch('a', 'b'), d('2024-01-01'), count([1], # == 1), date('2024-01-01'), time('10:00'), duration('1h'), " +
		"year('2024-01-01'), dayOfWeek('2024-01-01'), dayOfMonth('2024-01-01'), dayOfYear('2024-01-01'), weekOfYear('2024-01-01'), " +
		"monthOfYear('2024-01-01'), monthString('2024-01-01'), dateString('2024-01-01'), weekdayString('2024-01-01'), " +
		"startOf('2024-01-01', 'd'), endOf('2024-01-01', 'd'), d(0).add('1d'), d(0).sub('1d'), d(0).set('day', 2), d(0).format(), " +
		"d(0).startOf('d'), d(0).endOf('d'), d(0).diff(d(1)), d(0).tz('UTC'), d(0).second(), d(0).minute(), d(0).hour(), d(0).day(), " +
		"d(0).dayOfYear(), d(0).week(), d(0).weekday(), d(0).month(), d(0).quarter(), d(0).year(), d(0).timestamp(), d(0).offsetName()"
	for call := range strings.SplitSeq(strings.TrimSuffix(equal, ")"), "), ") {
		// Nothing is equal to an object; as conditions most of these are true.
		check(t, true, call+")", `{"$": {}}`, "false")
	}
	among := "flatten([1]), merge([[1]]), mergeDeep([{a: 1}]), extract('a', 'a'), split('a', ','), keys([1]), values({a: 1}), " +
		"filter([1], true), map([1], #), flatMap([1], #)"
	for call := range strings.SplitSeq(strings.TrimSuffix(among, ")"), "), ") {
		check(t, true, call+")", `{"$": {}}`, "vm: Opcode In: Unsupported type")
	}
	for _, condition := range []string{
		"contains([1], 1)", "startsWith('a', 'a')", "endsWith('a', 'a')", "matches('a', 'a')", "isNumeric(1)",
		"all([1], true)", "some([1], true)", "none([1], false)", "one([1], true)", "d(0).isValid()", "d('2024-01-01').isLeapYear()",
		"d(0).isSame(d(0))", "d(0).isBefore(d(1))", "d(1).isAfter(d(0))", "d(0).isSameOrBefore(d(0))", "d(0).isSameOrAfter(d(0))",
		"d().isToday()", "d().sub('1d').isYesterday()", "d().add('1d').isTomorrow()",
	} {
		check(t, true, condition, `{"$": {}}`, "true")
	}
}

func TestTestWantsBoolean(t *testing.T) {
	program, err := zen.Compile("1 + 1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = program.Test(&zen.Env{})
	if failure, ok := err.(*zen.Error); !ok || failure.Kind != zen.KindValueCast { //nolint:errorlint // as it is returned
		t.Errorf("got %v", err)
	}
}

// shapeText tells a shape in short.
func shapeText(s zen.Shape) string {
	switch s.Kind {
	case zen.ShapeEqual:
		return "equal " + value.Array(s.Values).String()
	case zen.ShapeRange:
		text := "range"
		for _, b := range []*zen.Bound{s.Low, s.High} {
			switch {
			case b == nil:
				text += " *"
			case b.Open:
				text += " (" + b.Value.String() + ")"
			default:
				text += " " + b.Value.String()
			}
		}
		return text
	default:
		return "opaque"
	}
}

func TestUnaryShape(t *testing.T) {
	references := []value.Value{
		{},
		value.Bool(true), value.Bool(false), value.String(""), value.String("a"), value.String("b"),
		value.Array([]value.Value{value.Int(1)}), value.Object(nil),
	}
	for i := range int64(14) {
		references = append(references, value.Int(i))
	}
	for _, c := range [][2]string{
		{"5", "equal [5]"},
		{"== 2 + 3", "equal [5]"},
		{"$ == 5", "equal [5]"},
		{"'a', 'b'", `equal ["a","b"]`},
		{"'a' or in ['b', null] or true", `equal ["a","b",null,true]`},
		{"[1, [2], 'a']", `equal [1,[2],"a"]`},
		{"-1", "equal [-1]"},
		{"null", "equal [null]"},
		{"`a`", `equal ["a"]`},
		{"> 5", "range (5) *"},
		{"<= 5", "range * 5"},
		{"$ >= 5", "range 5 *"},
		{"[1..5)", "range 1 (5)"},
		{"(1..5]", "range (1) 5"},
		{"> 1 and < 9", "range (1) (9)"},
		{"> 1 and >= 1 and [0..9] and < 9", "range (1) (9)"},
		{">= 2 and > 1", "range 2 *"},
		{"]1..5[", "opaque"},
		{"> 1 or < 0", "opaque"},
		{"1 and 1", "opaque"},
		{"1, > 2", "opaque"},
		{"1, 2 and 3", "opaque"},
		{"!= 5", "opaque"},
		{"not in [1]", "opaque"},
		{"> 'a'", "opaque"},
		{"x", "opaque"},
		{"$ + 1", "opaque"},
		{"len($) == 1", "opaque"},
		{"5 == $", "opaque"},
		{"d('2024-01-01')", "opaque"},
		{"contains($, 'a')", "opaque"},
		{"{a: 1}", `equal [{"a":1}]`},
	} {
		program, err := zen.CompileUnary(c[0])
		if err != nil {
			t.Fatalf("%s: %v", c[0], err)
		}
		shape := program.UnaryShape()
		if got := shapeText(shape); got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
			continue
		}
		for _, reference := range references {
			matched, err := program.Test(&zen.Env{Reference: reference, HasReference: true})
			if says, ok := shapeSays(shape, reference); ok && says != (matched && err == nil) {
				t.Errorf("%s of %s: the shape says %v, the test %v, %v", c[0], reference, says, matched, err)
			}
		}
	}
}

func shapeSays(s zen.Shape, v value.Value) (says, ok bool) {
	switch s.Kind {
	case zen.ShapeEqual:
		for _, want := range s.Values {
			says = says || value.Equal(v, want)
		}
		return says, true
	case zen.ShapeRange:
		if v.Kind() != value.KindNumber {
			return false, true
		}
		says = true
		if s.Low != nil {
			order := v.AsNumber().Cmp(s.Low.Value)
			says = order > 0 || order == 0 && !s.Low.Open
		}
		if s.High != nil {
			order := v.AsNumber().Cmp(s.High.Value)
			says = says && (order < 0 || order == 0 && !s.High.Open)
		}
		return says, true
	default:
		return false, false
	}
}
