package zen_test

import (
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/decision/zen"
)

// check evaluates an expression; what is wanted is JSON, or "kind: source" of an
// error, the kind without "Error".
func check(t *testing.T, unary bool, source, ctx, want string) {
	t.Helper()
	if ctx == "" {
		ctx = "{}"
	}
	got, err := evaluate(source, unary, env(t, []byte(ctx)))
	text := string(got.AppendJSON(nil))
	if err != nil {
		failure, _ := err.(*zen.Error) //nolint:errorlint // all errors of the package are of this type
		text = strings.TrimSuffix(failure.Kind, "Error") + ": " + failure.Source
	}
	if text != want {
		t.Errorf("%s | %s\n got %s\nwant %s", source, ctx, text, want)
	}
}

const incomplete = "parser: Incomplete parser output"

func TestLexer(t *testing.T) {
	for _, c := range [][2]string{
		{"1\r", "lexer: Unmatched symbol: \r at 1"},
		{"a & b", "lexer: Unmatched symbol: & at 2"},
		{"'ä' + ü", "lexer: Unmatched symbol: Ã at 7"},
		{"'it", "lexer: Unexpected EOF: t at 2"},
		{`"`, `lexer: Unexpected EOF: " at 0`},
		{"`${\"}`", "lexer: Unexpected EOF: ` at 5"},
		{"'a\nb'", `"a\nb"`},
		{`'a\tb'`, `"a\\tb"`},
		{`"'" + '"'`, `"'\""`},
		{"\t1\n+ 2 ", "3"},
		{"_a1 ?? $b ?? #c ?? 4", "4"},
		{"1_0.5_0", "10.5"},
		{"1__0_", "10"},
		{"1E3", incomplete},
		{"0x10", incomplete},
		{".5", incomplete},
		{"string(12345678901234567890123456789)", `"12345678901234567890123456789"`},
		{"79228162514264337593543950336", incomplete},
		{"0.00000000000000000000000000001", incomplete},
		{"1 // 2", "parser: Unexpected token: Operator at (3, 4); Expected UnaryOperator."},
		{"1 # 2", incomplete},
		{"5.", "5"},
		{"1.5.", incomplete},
		{"2e3", "2000"},
		{"2e+3", "2000"},
		{"2e", incomplete},
		{"2e+", incomplete},
		{"1.e2", "100"},
		{"1e28", "1e+28"},
		{"1e29", incomplete},
		{"0.0000000000000000000000000001 > 0", "true"},
		{"[1..3][0]", "null"},
		{"[1 ..3]", `"[1..3]"`},
		{"[1.5..2]", `"[1.5..2]"`},
		{"[1.. 2]", `"[1..2]"`},
		{"1 != 2", "true"},
		{"1 ! = 2", incomplete},
		{"!true", "false"},
		{"!!true", "true"},
		{"3 not in [1, 2]", "true"},
		{"3 not\tin [1]", incomplete},
		{"3 not  in [1]", incomplete},
		{"notin", "null"},
		{"nota ?? 1", "1"},
		{"true1 ?? 1", "1"},
		{"null1 ?? 1", "1"},
		{"and1 ?? 1", "1"},
		{"True", "null"},
		{"AND", "null"},
		{"``", `""`},
		{"`a$b`", `"a$b"`},
		{"`a$`", `"a$"`},
		{"`${1}${2}`", `"12"`},
		{"`a\\nb`", `"a\\nb"`},
		{"`{1}`", `"{1}"`},
		{"`}`", `"}"`},
		{"`a${1}b", `"a1b"`},
		{"`a${1", "parser: Unexpected token: QuotationMark at (5, 5); Expected TemplateString."},
		{"`a${}`", "parser: Unexpected TemplateString token at (1, 4)"},
		{"`${ {a: 1} }`", "parser: Invalid object syntax at (1, 9)"},
		// Of several errors the last is told, of a slice that of its start, of a chain
		// that of its end.
		{"[`${}`, `  ${}`]", "parser: Unexpected TemplateString token at (9, 13)"},
		{"len(`${}`) + `  ${}`", "parser: Unexpected TemplateString token at (14, 18)"},
		{"true ? `${}` : `${ {a: 1} }`", "parser: Invalid object syntax at (16, 24)"},
		{"true ? `${}` : 1", "parser: Unexpected TemplateString token at (8, 10)"},
		{"a[`${}`:`  ${}`]", "parser: Unexpected TemplateString token at (3, 5)"},
		{"a[1:`${}`]", "parser: Unexpected TemplateString token at (5, 7)"},
		{"x = `${}`; `  ${}`", "parser: Unexpected TemplateString token at (12, 16)"},
		{"x = 1; y = `${}`; 5", "parser: Unexpected TemplateString token at (12, 14)"},
		{"`${'${x}'}`", `"${x}"`},
		{"`${`a`}`", incomplete},
	} {
		check(t, false, c[0], "", c[1])
	}
}

func TestPrecedence(t *testing.T) {
	for _, c := range [][2]string{
		{"true or false and false", "true"},
		{"false and false or true", "true"},
		{"1 + 2 * 3 ^ 2", "19"},
		{"(1 + 2) * 3", "9"},
		{"2 ^ 3 ^ 0", "2"},
		{"2 - 3 - 4", "-5"},
		{"24 / 4 / 3", "2"},
		{"7 % 4 * 2", "6"},
		{"-2 ^ 2", "4"},
		{"2 ^ -2", "0.25"},
		{"- 2 + 3", "1"},
		{"-a ?? 1", "vm: Opcode Negate: Unsupported type"},
		{"null ?? 1 + 1", "2"},
		{"2 ^ null ?? 3", "8"},
		{"2 * null ?? 3 ^ 2", "18"},
		{"1 + 1 == 2 and 2 > 1", "true"},
		{"1 < 2 == true", "true"},
		{"not true == false", "true"},
		{"not 1 == 2", "vm: Opcode Not: Unsupported type"},
		{"not (1 == 2)", "true"},
		{"not false and false", "false"},
		{"not true ?? false", "false"},
		{"not 1 in [1]", "vm: Opcode Not: Unsupported type"},
		{"1 + 1 in [2]", "true"},
		{"2 in [1] or true", "true"},
		{"true ? false ? 1 : 2 : 3", "2"},
		{"false ? 1 : false ? 2 : 3", "3"},
		{"1 == 1 ? 2 + 2 : 3", "4"},
		{"(true ? 1 : 2) + 1", "2"},
		{"1 + (true ? 1 : 2)", "2"},
		{"true ? 1", "parser: Unexpected token: None at (8, 8); Expected Operator."},
		{"true ? 1 :", "parser: Unexpected end of unary expression at (10, 10)"},
		{"true ?", "parser: Unexpected token: None at (6, 6); Expected Operator."},
		{"+1 + +1", "2"},
		{"+'a'", `"a"`},
		{"+null", "null"},
		{"1 - -1", "2"},
		{"1 --1", "2"},
		{"2 */ 3", "parser: Unexpected token: Operator at (3, 4); Expected UnaryOperator."},
		{"1 +", "parser: Unexpected end of unary expression at (3, 3)"},
		{"", "parser: Unexpected end of unary expression at (0, 0)"},
		{"  ", "parser: Unexpected end of unary expression at (0, 0)"},
		{"1 = 2", incomplete},
		{"1;", incomplete},
		{"1, 2", incomplete},
		{"()", "parser: Invalid syntax at (1, 1)"},
		{")", incomplete},
		{"}", incomplete},
		{"(1", "parser: Unexpected token: None at (2, 2); Expected Bracket."},
		{"(1]", incomplete},
	} {
		check(t, false, c[0], "", c[1])
	}
}

func TestLiteralsAndAccess(t *testing.T) {
	const ctx = `{"a": {"b": [1, {"c": "x"}], "true": 2, "é": 3, "$x": 4}, "s": "héy", "n": 5, "l": [1, 2, 3], "k": "b", "z": null, "e": []}`
	for _, c := range [][2]string{
		{"[1, 'a', true, null, [2], {b: 3}]", `[1,"a",true,null,[2],{"b":3}]`},
		{"[1, 2,]", "[1,2]"},
		{"[,]", "parser: Unexpected token: Operator at (1, 2); Expected UnaryOperator."},
		{"[1, , 2]", "parser: Unexpected token: Operator at (4, 5); Expected UnaryOperator."},
		{"[1 2]", incomplete},
		{"[1", "parser: Unexpected token: None at (2, 2); Expected Operator."},
		{"{a: 1, 'b c': 2, 3: 4, true: 5, null: 6, [1 + 1]: 7}", `{"2":7,"null":6,"true":5,"3":4,"b c":2,"a":1}`},
		{"{$: 1, $root: 2, #: 3}", `{"#":3,"$root":2,"$":1}`},
		{"{[k]: 1}", `{"b":1}`},
		{"{[true]: 1, [null]: 2}", `{"null":2,"true":1}`},
		{"{[[1]]: 1}", "vm: Opcode CallFunction: Function `string` failed: Cannot convert type array to string"},
		{"{a: 1, a: 2}", `{"a":1}`},
		{"keys({a: 1, b: 2, a: 3})", `["a","b"]`},
		{"{a: 1,}", incomplete},
		{"{and: 1}", incomplete},
		{"{a}", incomplete},
		{"{a: }", "parser: Unexpected RightCurlyBracket token at (4, 5)"},
		{"{a: 1", "parser: Unexpected token: None at (5, 5); Expected Bracket."},
		{"{`a`: 1}", incomplete},
		{"{}", "{}"},
		{"a.b[1].c", `"x"`},
		{"a['b'][1]['c']", `"x"`},
		{"a[k][0]", "1"},
		{"a['true']", "2"},
		{"a['é']", "3"},
		{"a.$x", "4"},
		{"a.and", "null"},
		{"a.or.in.not.null", "null"},
		{"a.b.c.d.e", "null"},
		{"n.x", "null"},
		{"z.x", "null"},
		{"n[0]", "null"},
		{"n['x']", "null"},
		{"l['0']", "null"},
		{"l[true]", "null"},
		{"l[null]", "null"},
		{"l[2.9]", "3"},
		{"l[9]", "null"},
		{"l[-1]", "vm: Opcode Fetch: Failed to convert to usize"},
		{"l[ceil(-0.5)]", "vm: Opcode Fetch: Failed to convert to usize"},
		{"l[n - 4]", "2"},
		{"l[n - 6]", "vm: Opcode Fetch: Failed to convert to usize"},
		{"a[-1]", "null"},
		{"s[0]", `"h"`},
		{"s[1]", "null"},
		{"s[n - 2]", `"y"`},
		{"s[-1]", "vm: Opcode Fetch: Failed to convert to usize"},
		{"(s)[0]", `"h"`},
		{"({x: 1}).x", "1"},
		{"([1, 2])[1]", "2"},
		{"[1, 2][1]", "2"},
		{"[[1, 2], 3][0][1]", "2"},
		{"('abc')[0]", `"a"`},
		{"'abc'[0]", incomplete},
		{"{x: 1}.x", incomplete},
		{"1.x", incomplete},
		{"a.", "parser: Expected a property at (2, 2)"},
		{"a.5", incomplete},
		{"a.true", incomplete},
		{"a.'b'", incomplete},
		{"a..b", incomplete},
		{"a[", "parser: Expected a property at (2, 2)"},
		{"a[1", "parser: Unexpected token at (3, 3)"},
		{"a[1:", "parser: Invalid slice syntax at (4, 4)"},
		{"a[:", "parser: Unexpected token at (3, 3)"},
		{"a[1:2", "parser: Unexpected token: None at (5, 5); Expected Bracket."},
		{"l[0:1]", "[1,2]"},
		{"l[1:]", "[2,3]"},
		{"l[:1]", "[1,2]"},
		{"l[:]", "[1,2,3]"},
		{"l[3:]", "[]"},
		{"l[2:1]", "[]"},
		{"l[2:0]", "vm: Opcode Slice: Index out of range"},
		{"l[4:]", "vm: Opcode Slice: Index out of range"},
		{"l[0:3]", "vm: Opcode Slice: Index out of range"},
		{"l[0.9:1.9]", "[1,2]"},
		{"l[-1:1]", "vm: Opcode Slice: Failed to get range from"},
		{"l[0:-1]", "vm: Opcode Slice: Failed to get range to"},
		{"e[:]", "vm: Opcode Slice: Failed to get range to"},
		{"l['a':1]", "vm: Opcode Slice: Unsupported type"},
		{"n[0:1]", "vm: Opcode Slice: Unsupported type"},
		{"n[0:]", "vm: Opcode Len: Cannot determine len of type number"},
		{"z[0:]", "vm: Opcode Len: Cannot determine len of type null"},
		{"s[0:0]", `"h"`},
		{"s[1:2]", `"é"`},
		{"s[1:1]", "vm: Opcode Slice: Index out of range"},
		{"s[2:]", "vm: Opcode Slice: Index out of range"},
		{"s[3:]", `"y"`},
		{"s[4:]", `""`},
		{"l[0:1][1]", "2"},
		{"keys(a)[0]", `"$x"`},
		{"$root.a.$x", "4"},
		{"$root['n']", "5"},
		{"$root[k]", "null"},
		{"$root[0]", "null"},
		{"len(values($root))", "7"},
		{"$", "null"},
		{"#", "null"},
		{"missing", "null"},
		{"missing.x[0].y", "null"},
	} {
		check(t, false, c[0], ctx, c[1])
	}
	for _, c := range [][3]string{
		{"a", "5", "vm: Opcode FetchEnv: Unsupported type"},
		{"a.b", "5", "null"},
		{"$root", "5", "5"},
		{"$root[1]", "[1,2]", "2"},
		{"a", "null", "null"},
		{"a", "[1]", "vm: Opcode FetchEnv: Unsupported type"},
		{"1 + 1", "[1]", "2"},
	} {
		check(t, false, c[0], c[1], c[2])
	}
}

func TestOperators(t *testing.T) {
	const ctx = `{"n": 5, "s": "a", "b": true, "z": null, "l": [1], "o": {"x": 1}}`
	kinds := []string{"n", "s", "b", "z", "l", "o", "d('2024-01-01')", "[1..2]"}
	for _, op := range []struct{ symbol, opcode string }{
		{"+", "Add"},
		{"-", "Subtract"},
		{"*", "Multiply"},
		{"/", "Divide"},
		{"%", "Modulo"},
		{"^", "Exponent"},
		{"<", "Compare"},
		{">", "Compare"},
		{"<=", "Compare"},
		{">=", "Compare"},
	} {
		for _, left := range kinds {
			for _, right := range kinds {
				same := left == right
				switch {
				case left == "n" && same, op.symbol == "+" && left == "s" && same, op.opcode == "Compare" && left == kinds[6] && same:
					continue
				}
				check(t, false, left+" "+op.symbol+" "+right, ctx, "vm: Opcode "+op.opcode+": Unsupported type")
			}
		}
	}
	for _, left := range kinds {
		for _, right := range kinds {
			want := left == right && left != "l" && left != "o" && left != "[1..2]"
			check(t, false, left+" == "+right, ctx, map[bool]string{true: "true", false: "false"}[want])
			check(t, false, left+" != "+right, ctx, map[bool]string{true: "false", false: "true"}[want])
		}
		if left != "b" {
			check(t, false, left+" and true", ctx, "vm: Opcode JumpIfFalse: Unsupported type")
			check(t, false, left+" or true", ctx, "vm: Opcode JumpIfTrue: Unsupported type")
			check(t, false, left+" ? 1 : 2", ctx, "vm: Opcode JumpIfFalse: Unsupported type")
			check(t, false, "not "+left, ctx, "vm: Opcode Not: Unsupported type")
		}
		if left != "n" {
			check(t, false, "-"+left, ctx, "vm: Opcode Negate: Unsupported type")
		}
		in := "false"
		if left == "l" || left == "o" || left == "[1..2]" {
			in = "vm: Opcode In: Unsupported type"
		}
		check(t, false, left+" in [9, 'q', [1]]", ctx, in)
		in = "vm: Opcode In: Unsupported type"
		if left == "s" {
			in = "false"
		}
		check(t, false, left+" in o", ctx, in)
		in = "vm: Opcode In: Unsupported type"
		if left == "n" || left == "d('2024-01-01')" {
			in = "false"
		}
		check(t, false, left+" in [1..3]", ctx, in)
		for _, right := range []string{"n", "s", "b", "z", "d('2024-01-01')"} {
			check(t, false, left+" in "+right, ctx, "vm: Opcode In: Unsupported type")
		}
	}
	for _, c := range [][2]string{
		{"'b' > 'a'", "vm: Opcode Compare: Unsupported type"},
		{"5 == '5'", "false"},
		{"1.50 == 1.5", "true"},
		{"-0 == 0", "true"},
		{"'x' in {x: null}", "true"},
		{"1.0 in [1]", "true"},
		{"d('2024-01-01') == d('2024-01-01').tz('Asia/Kolkata')", "true"},
		{"d('2024-01-01') in [1, d('2024-01-01').tz('Asia/Kolkata')]", "true"},
		{"d('x') == d('y')", "true"},
		{"d('x') < d('2024-01-01')", "true"},
		{"d('2024-05-15').endOf('d').format('%f')", `"999999999"`},
		{"1 in [1.0, 2, 3, 4, 5, 6, 7, 8, 9]", "true"},
		{"-0 in [1, 2, 3, 4, 5, 6, 7, 8, 0.0]", "true"},
		{"null in [1, 2, 3, 4, 5, 6, 7, 8, null]", "true"},
		{"true not in [1, 2, 3, 4, 5, 6, 7, 8, false]", "true"},
		{"'9' in [1, 2, 3, 4, 5, 6, 7, 8, 9]", "false"},
		{"l in [1, 2, 3, 4, 5, 6, 7, 8, 9]", "vm: Opcode In: Unsupported type"},
		{"false and missing > 1", "false"},
		{"true or missing > 1", "true"},
		{"true and missing > 1", "vm: Opcode Compare: Unsupported type"},
		{"b and 5", "5"},
		{"b and z", "null"},
		{"false or 'x'", `"x"`},
		{"b ? 1 : missing > 1", "1"},
		{"z ?? l", "[1]"},
		{"false ?? 1", "false"},
		{"z ?? z ?? 0", "0"},
		{"n ?? (missing > 1)", "5"},
		{"10 / 0", "null"},
		{"10 % 0", "null"},
		{"n / z", "vm: Opcode Divide: Unsupported type"},
		{"-7 % 3", "-1"},
		{"7 % -3", "1"},
		{"79228162514264337593543950335 + 1", "vm: Number overflow"},
		{"-79228162514264337593543950335 - 1", "vm: Number overflow"},
		{"79228162514264337593543950335 * 2", "vm: Number overflow"},
		{"10 ^ 30", "vm: Opcode Exponent: Failed to calculate exponent"},
		{"string(1.0 * 1.00)", `"1.000"`},
		{"string(2.0 + 1)", `"3.0"`},
		{"string(1 / 3)", `"0.3333333333333333333333333333"`},
		{"(1 / 3) * 3", "1"},
		{"1 / 3", "0.3333333333333333"},
	} {
		check(t, false, c[0], ctx, c[1])
	}
}

func TestIntervals(t *testing.T) {
	for brackets, inside := range map[string][5]bool{ // for 0, 1, 2, 3, 4 with the ends 1 and 3
		"[]": {false, true, true, true, false}, "()": {false, false, true, false, false},
		"[)": {false, true, true, false, false}, "(]": {false, false, true, true, false},
		"][": {true, true, false, true, true}, ")(": {true, false, false, false, true},
		"](": {true, true, false, false, true}, ")[": {true, false, false, true, true},
		"]]": {true, true, true, true, false}, "))": {true, true, true, false, false},
		"[[": {false, false, false, true, true}, "((": {false, false, false, false, true},
	} {
		interval := brackets[:1] + "1..3" + brackets[1:]
		for v, want := range inside {
			answer := map[bool]string{true: "true", false: "false"}
			check(t, false, string(rune('0'+v))+" in "+interval, "", answer[want])
			check(t, false, string(rune('0'+v))+" not in "+interval, "", answer[!want])
			check(t, true, interval, `{"$": `+string(rune('0'+v))+`}`, answer[want])
			check(t, false, "x in [a..b] or x in "+brackets[:1]+"a..b + 0"+brackets[1:], `{"a":1,"b":3,"x":`+string(rune('0'+v))+`}`,
				answer[want || v >= 1 && v <= 3])
		}
		check(t, false, interval, "", `"`+interval+`"`)
	}
	for _, c := range [][2]string{
		{"1 in {1..3}", "vm: Opcode In: Unsupported bracket"},
		{"['a'..'b']", "vm: Opcode Interval: Unsupported type"},
		{"[1..null]", "vm: Opcode Interval: Unsupported type"},
		{"[1..d('2024-01-01')]", "vm: Opcode Interval: Unsupported type"},
		{"1 in [d('2024-01-01')..d('2024-02-01')]", "false"},
		{"1 in ]d('2024-01-01')..d('2024-02-01')(", "true"},
		{"1e28 in )d('2024-01-01')..d('2024-02-01')]", "true"},
		{"d('2024-01-01') in [1..3(", "true"},
		{"'a' in [1..3]", "vm: Opcode In: Unsupported type"},
		{"d('2024-01-31 23:59') in [d('2024-01-01')..d('2024-02-01'))", "true"},
		{"d('2024-02-01') in [d('2024-01-01')..d('2024-02-01'))", "false"},
		{"[1..3] == [1..3]", "false"},
		{"type([1..3])", `"interval"`},
		{"bool([1..3])", "true"},
		{"len([1..3])", "vm: Opcode CallFunction: Function `len` failed: Cannot determine len of type interval"},
		{"sum([1..3])", "vm: Opcode CallFunction: Function `sum` failed: Argument on 0 is not a array"},
		{"map([1..3], #)", "[1,2,3]"},
		{"map((1..3), #)", "[2]"},
		{"map([1..3), #)", "[1,2]"},
		{"map([0.9..2.9], #)", "[0,1,2]"},
		{"map([3..1], #)", "[]"},
		{"map(]1..3[, #)", "vm: Opcode Begin: Unsupported type"},
		{"map([1..3[, #)", "vm: Opcode Begin: Unsupported type"},
		{"[1 + 1..2 * 3]", `"[2..6]"`},
		{"[true ? 1 : 2..3]", `"[1..3]"`},
		{"[[1..2], [3]]", `["[1..2]",[3]]`},
		{"(1 + 2) * [1..2][0] ?? 1", "3"},
		{"(1) in [1..2]", "true"},
		{"{a: [1..2]}", `{"a":"[1..2]"}`},
		{"[1..2", "parser: Expected a literal at (5, 5)"},
		{"[1..]", incomplete},
		{"[..2]", incomplete},
		{"1..2", incomplete},
		{"a.b..c", incomplete},
		{"map([1..2], map([#..3], #))", "[[1,2,3],[2,3]]"},
		{"flatMap([1..2], [[#..#]])", `["[1..1]","[2..2]"]`},
	} {
		check(t, false, c[0], "", c[1])
	}
}
