package zen_test

import (
	"fmt"
	"testing"
)

// failed is the error of a function.
func failed(name, reason string) string {
	return "vm: Opcode CallFunction: Function `" + name + "` failed: " + reason
}

func TestArguments(t *testing.T) {
	counts := map[string][2]int{
		"len": {1, 1}, "contains": {2, 2}, "flatten": {1, 1}, "merge": {1, 1}, "mergeDeep": {1, 1}, "upper": {1, 1},
		"lower": {1, 1}, "trim": {1, 1}, "startsWith": {2, 2}, "endsWith": {2, 2}, "matches": {2, 2}, "extract": {2, 2},
		"fuzzyMatch": {2, 2}, "split": {2, 2}, "abs": {1, 1}, "sum": {1, 1}, "avg": {1, 1}, "min": {1, 1}, "max": {1, 1},
		"rand": {1, 1}, "median": {1, 1}, "mode": {1, 1}, "floor": {1, 1}, "ceil": {1, 1}, "round": {1, 2}, "trunc": {1, 2},
		"isNumeric": {1, 1}, "string": {1, 1}, "number": {1, 1}, "bool": {1, 1}, "type": {1, 1}, "keys": {1, 1},
		"values": {1, 1}, "d": {0, 2}, "date": {1, 1}, "time": {1, 1}, "duration": {1, 1}, "year": {1, 1}, "dayOfWeek": {1, 1},
		"dayOfMonth": {1, 1}, "dayOfYear": {1, 1}, "weekOfYear": {1, 1}, "monthOfYear": {1, 1}, "monthString": {1, 1},
		"dateString": {1, 1}, "weekdayString": {1, 1}, "startOf": {2, 2}, "endOf": {2, 2},
	}
	for name, count := range counts {
		wrong := "compiler: Invalid function call `" + name + "`: Invalid number of arguments"
		if count[0] > 0 {
			check(t, false, name+"()", "", wrong)
		}
		args := "1"
		for range count[1] {
			args += ", 1"
		}
		check(t, false, name+"("+args+")", "", wrong)
		check(t, false, "false and "+name+"("+args+")", "", wrong)
		check(t, false, name+"(", "", "parser: Unexpected token: None at ("+fmt.Sprintf("%d, %d", len(name)+1, len(name)+1)+"); Expected Bracket.")
	}
	for _, name := range []string{
		"now", "concat", "replace", "sort", "index", "pow", "sqrt", "log", "if", "reduce", "print", "isNull", "$", "#", "bool.x",
	} {
		check(t, false, name+"(1)", "", incomplete)
	}
	for _, c := range [][2]string{
		{"len('a',)", "1"},
		{"len ('a')", "1"},
		{"null('a')", incomplete},
		{"'a'.len()", incomplete},
		{"a.len()", incomplete},
		{"a.add()", "compiler: Invalid  method call `add`: Invalid number of arguments"},
		{"a.year(1)", "compiler: Invalid  method call `year`: Invalid number of arguments"},
		{"a.year()", "vm: Opcode CallMethod: Method `year` failed: Argument on 0 position is not a valid dynamic"},
		{"map([1])", "parser: Invalid syntax at (7, 7)"},
		{"map([1], )", "parser: Invalid syntax at (8, 8)"},
		{"map([1], #, 2)", incomplete},
		{"map([1] as, #)", "parser: Expected identifier after 'as' at (10, 11)"},
		{"map([1] as", "parser: Unexpected token: None at (10, 10); Expected Bracket."},
		{"map()", "parser: Invalid syntax at (4, 4)"},
		{"and(1)", "parser: Unexpected token: Operator at (0, 3); Expected UnaryOperator."},
	} {
		check(t, false, c[0], "", c[1])
	}
}

func TestTextFunctions(t *testing.T) {
	for _, c := range [][2]string{
		{"len('')", "0"},
		{"len('日本')", "6"},
		{"len([[], null])", "2"},
		{"len(5)", failed("len", "Cannot determine len of type number")},
		{"len({})", failed("len", "Cannot determine len of type object")},
		{"upper('ß ŉ ǰ ﬁ é')", `"SS ʼN J̌ FI É"`},
		{"lower('ÀÉ İ ΑΣ')", `"àé i̇ ας"`},
		{"upper(5)", failed("upper", "Argument on 0 is not a string")},
		{"lower(null)", failed("lower", "Argument on 0 is not a string")},
		{"trim('\u00a0\t a b\u2003\n')", `"a b"`},
		{"startsWith('abc', '')", "true"},
		{"startsWith('abc', 'ab')", "true"},
		{"startsWith('abc', 'b')", "false"},
		{"startsWith('abc', 1)", failed("startsWith", "Argument on 1 is not a string")},
		{"startsWith(1, 2)", failed("startsWith", "Argument on 0 is not a string")},
		{"endsWith('abc', 'bc')", "true"},
		{"endsWith(['c'], 'c')", failed("endsWith", "Argument on 0 is not a string")},
		{"contains('abc', 'b')", "true"},
		{"contains('', '')", "true"},
		{"contains([1, 'a', null, true], 'a')", "true"},
		{"contains([1, 'a', null, true], null)", "true"},
		{"contains([1.0], 1)", "true"},
		{"contains(['1'], 1)", "false"},
		{"contains([[1]], [1])", "false"},
		{"contains([{}], {})", "false"},
		{"contains([d('2024-01-01')], d('2024-01-01'))", "false"},
		{"contains({a: 1}, 'a')", failed("contains", "Cannot determine contains for type object and string")},
		{"contains(5, true)", failed("contains", "Cannot determine contains for type number and bool")},
		{"split('a,b,,c', ',')", `["a","b","","c"]`},
		{"split('', ',')", `[""]`},
		{"split('', '')", `["",""]`},
		{"split('aé', '')", `["","a","é",""]`},
		{"split('abc', 'bc')", `["a",""]`},
		{"split('a.b', '.')", `["a","b"]`},
		{"split(1, '')", failed("split", "Argument on 0 is not a string")},
		{"split('a', null)", failed("split", "Argument on 1 is not a string")},
		{"fuzzyMatch('', '')", "1"},
		{"fuzzyMatch('a', '')", "0"},
		{"fuzzyMatch('ca', 'abc')", "0.3333333333333334"},
		{"fuzzyMatch('été', 'ete')", "0.3333333333333334"},
		{"fuzzyMatch(['abc', 'acb', ''], 'abc')", "[1,0.666666666666667,0]"},
		{"fuzzyMatch([], 'abc')", "[]"},
		{"fuzzyMatch(5, 'abc')", failed("fuzzyMatch", "Fuzzy match not available for type")},
		{"fuzzyMatch('a', 5)", failed("fuzzyMatch", "Argument on 1 is not a string")},
		{"fuzzyMatch(['a', null], 'a')", failed("fuzzyMatch", "Expected string array")},
		{"string(null) + string(true) + string(1.50) + string('x')", `"nulltrue1.50x"`},
		{"string({})", failed("string", "Cannot convert type object to string")},
		{"string(d('2024-01-01'))", failed("string", "Cannot convert type date to string")},
		{"`${{}}`", "parser: Unexpected token: TemplateString at (1, 4); Expected Operator."},
		{"`${[]}`", failed("string", "Cannot convert type array to string")},
		{"number(' +1_0.5e1 ')", "105"},
		{"number(false)", "0"},
		{"number(true)", "1"},
		{"number('')", failed("number", "Invalid number")},
		{"number('1 2')", failed("number", "Invalid number")},
		{"number([])", failed("number", "Cannot convert type array to number")},
		{"number(d('2024-01-01'))", failed("number", "Cannot convert type date to number")},
		{"isNumeric(' 1e3 ')", "true"},
		{"isNumeric('1e30')", "false"},
		{"isNumeric(true)", "false"},
		{"isNumeric([1])", "false"},
		{"bool('')", "true"},
		{"bool(' ')", "false"},
		{"bool(' true\n')", "true"},
		{"bool('True')", "false"},
		{"bool(0.00)", "false"},
		{"bool(-1)", "true"},
		{"bool({})", "true"},
		{"bool(d('x'))", "true"},
		{"type('')", `"string"`},
		{"type(d())", `"date"`},
		{"d('2024-01-01', 5)", failed("d", "Argument on 1 is not a string")},
		{"type([])", `"array"`},
		{"type({}.x)", incomplete},
	} {
		check(t, false, c[0], "", c[1])
	}
}

func TestMathFunctions(t *testing.T) {
	for _, c := range [][2]string{
		{"abs(-1.50)", "1.5"},
		{"abs('1')", failed("abs", "Argument on 0 is not a number")},
		{"floor(-1.5)", "-2"},
		{"ceil(1.000000001)", "2"},
		{"ceil(null)", failed("ceil", "Argument on 0 is not a number")},
		{"[round(0.5), round(1.5), round(-0.5), round(-2.5)]", "[1,2,-1,-3]"},
		{"round(2.345, 2)", "2.35"},
		{"round(-2.345, 2)", "-2.35"},
		{"round(2.345, 2.9)", "2.35"},
		{"round(2.345, 10)", "2.345"},
		{"round(2.345, 1000)", "2.345"},
		{"round(2.345, -1)", failed("round", "Invalid number of decimal places")},
		{"round(2.345, 99999999999)", failed("round", "Invalid number of decimal places")},
		{"round('a', 1)", failed("round", "Argument on 0 is not a number")},
		{"round(1, 'a')", failed("round", "Argument on 1 is not a number")},
		{"[trunc(1.999, 2), trunc(-1.999), trunc(-1.999, 1)]", "[1.99,-1,-1.9]"},
		{"string(trunc(1.2, 3))", `"1.200"`},
		{"trunc(1, -1)", failed("trunc", "Invalid number of decimal places")},
		{"sum([])", "0"},
		{"string(sum([1.10, 2.200]))", `"3.300"`},
		{"sum([1, '2'])", failed("sum", "Expected a number array")},
		{"sum(1)", failed("sum", "Argument on 0 is not a array")},
		{"sum([79228162514264337593543950335, 1])", failed("sum", "Number overflow")},
		{"avg([1, 2, 3, 5])", "2.75"},
		{"avg([])", failed("avg", "Empty array")},
		{"avg([null])", failed("avg", "Expected a number array")},
		{"string(min([2, 1.0, 1.00]))", `"1.0"`},
		{"string(max([1, 2.0, 2.00]))", `"2.00"`},
		{"min([])", failed("min", "Empty array")},
		{"min([5])", "5"},
		{"max([d('2024-01-01'), 1])", failed("max", "Expected a number array")},
		{"max(5)", failed("max", "Argument on 0 is not a array")},
		{"max(['a', 'b'])", failed("max", "Expected a number array")},
		{"max([1, d('2024-01-01')])", failed("max", "Expected a number array")},
		{"max([d('2024-01-01'), d('2025-01-01')])", `"2025-01-01T00:00:00Z"`},
		{"min([d('2024-01-01'), d('bad')])", `"Invalid date"`},
		{"median([3, 1, 2])", "2"},
		{"median([4, 1, 3, 2])", "2.5"},
		{"median([1])", "1"},
		{"median([])", failed("median", "Index out of bounds")},
		{"median(['a'])", failed("median", "Expected a number array")},
		{"mode([1, 2, 2, 3, 3])", "3"},
		{"string(mode([1.0, 1.00, 2]))", `"1.0"`},
		{"mode([])", failed("mode", "Empty array")},
		{"rand(0)", "0"},
		{"rand(0.4)", "0"},
		{"rand(0.5)", "0"},
		{"rand(-1)", failed("rand", "Invalid upper range")},
		{"rand('1')", failed("rand", "Argument on 0 is not a number")},
		{"all(map([1..200], rand(3)), # in [0..3] and # == floor(#))", "true"},
		{"len(filter([1..400], rand(1) == 1)) in (0..400)", "true"},
	} {
		check(t, false, c[0], "", c[1])
	}
}

func TestCollectionFunctions(t *testing.T) {
	for _, c := range [][2]string{
		{"flatten([1, [2, [3]], []])", "[1,2,[3]]"},
		{"flatten({})", failed("flatten", "Argument on 0 is not a array")},
		{"merge([[1], null, [2, [3]]])", "[1,2,[3]]"},
		{"merge([null, {a: 1, b: {c: 1}}, {b: {d: 2}, a: null}])", `{"b":{"d":2},"a":null}`},
		{"merge([null])", "{}"},
		{"merge([[1], {}])", failed("merge", "Expected array of arrays")},
		{"merge([{}, [1]])", failed("merge", "Expected array of objects")},
		{"merge(['a'])", failed("merge", "merge expects an array of arrays or objects, got string")},
		{"merge([null, d('2024-01-01')])", failed("merge", "merge expects an array of arrays or objects, got date")},
		{"merge({})", failed("merge", "Argument on 0 is not a array")},
		{"mergeDeep({})", failed("mergeDeep", "Argument on 0 is not a array")},
		{"mergeDeep([{a: {b: [1], c: 1}}, null, {a: {b: [2], c: null, d: 3}}])", `{"a":{"c":null,"b":[1,2],"d":3}}`},
		{"mergeDeep([{a: 1}, {a: {b: 2}}])", `{"a":{"b":2}}`},
		{"mergeDeep([[1]])", failed("mergeDeep", "Expected array of objects")},
		{"mergeDeep([])", "{}"},
		{"keys([5, 6])", "[0,1]"},
		{"keys(5)", failed("keys", "Cannot determine keys of type number")},
		{"values(5)", failed("values", "Argument on 0 is not a object")},
		{"values([1])", failed("values", "Argument on 0 is not a object")},
		{"keys(c)", `["a","b","z"]`},
		{"values(c)", "[2,1,3]"},
	} {
		ctx := `{"c": {"z": 3, "b": 1, "a": 2}}`
		check(t, false, c[0], ctx, c[1])
	}
}

func TestClosures(t *testing.T) {
	const ctx = `{"l": [3, 1, 2], "o": [{"id": 1, "in": [1, 2]}, {"id": 2, "in": []}], "x": 10, "as": [7]}`
	for _, c := range [][2]string{
		{"all([], # > 1)", "true"},
		{"none([], # > 1)", "true"},
		{"some([], # > 1)", "false"},
		{"one([], # > 1)", "false"},
		{"count([], # > 1)", "0"},
		{"filter([], # > 1)", "[]"},
		{"map([], # > 1)", "[]"},
		{"all(l, # > 0)", "true"},
		{"all(l, # > 1)", "false"},
		{"some(l, # > 2)", "true"},
		{"some(l, # > 3)", "false"},
		{"none(l, # > 3)", "true"},
		{"none(l, # > 2)", "false"},
		{"one(l, # > 2)", "true"},
		{"one(l, # > 1)", "false"},
		{"one(l, # > 3)", "false"},
		{"count(l, # > 1)", "2"},
		{"filter(l, # > 1)", "[3,2]"},
		{"map(l, # * x)", "[30,10,20]"},
		{"flatMap(l, # > 1 ? [#, #] : #)", "[3,3,1,2,2]"},
		{"flatMap(o, #.in)", "[1,2]"},
		{"all(l, #)", "vm: Opcode JumpIfFalse: Unsupported type"},
		{"some(l, #)", "vm: Opcode JumpIfTrue: Unsupported type"},
		{"none(l, #)", "vm: Opcode Not: Unsupported type"},
		{"one(l, null)", "vm: Opcode JumpIfFalse: Unsupported type"},
		{"count(l, 'x')", "vm: Opcode JumpIfFalse: Unsupported type"},
		{"filter(l, 1)", "vm: Opcode JumpIfFalse: Unsupported type"},
		{"some(l, # == 3 or # > 'a')", "true"},
		{"all(l, # < 3 or # > 'a')", "vm: Opcode Compare: Unsupported type"},
		{"map(x, #)", "vm: Opcode Begin: Unsupported type"},
		{"map('abc', #)", "vm: Opcode Begin: Unsupported type"},
		{"map({a: 1}, #)", "vm: Opcode Begin: Unsupported type"},
		{"map(missing, #)", "vm: Opcode Begin: Unsupported type"},
		{"map(l as n, n + x)", "[13,11,12]"},
		{"map(l as n, # + n)", "[6,2,4]"},
		{"map(o as a, map(a.in as b, a.id * b))", "[[1,2],[]]"},
		{"map(o as a, map(a.in, a.id + #))", "[[2,3],[]]"},
		{"map(o as a, map(a.in as a, a))", "[[1,2],[]]"},
		{"map(l as x, x)", "[3,1,2]"},
		{"map(l as x, $root.x)", "[10,10,10]"},
		{"map(l as x, x)[0] + x", "13"},
		{"map(as as as, as)", "[7]"},
		{"map(l as $, $)", incomplete},
		{"map(o, #.in[0])", "[1,null]"},
		{"map(o, #['id'])", "[1,2]"},
		{"map([l, l], #[1:])", "[[1,2],[1,2]]"},
		{"map(o, count(#.in, # > 1))", "[1,0]"},
		{"map([[1, 2]], map(#, map([#], # + 1)))", "[[[2],[3]]]"},
		{"sum(map(filter(o, #.id > 1), #.id))", "2"},
		{"filter(o, #.id == 1)[0].in[1]", "2"},
		{"map(l, {v: #})[1].v", "1"},
		{"map(l, `n${#}`)", `["n3","n1","n2"]`},
		{"map(l, d('2024-01-0' + string(#)).day())", "[3,1,2]"},
		{"map(l, # > 1 and # < 3)", "[false,false,true]"},
		{"map(l, #", "parser: Unexpected token: None at (8, 8); Expected Bracket."},
	} {
		check(t, false, c[0], ctx, c[1])
	}
}

func TestAssignments(t *testing.T) {
	for _, c := range [][3]string{
		{"a = 1", "{}", `{"a":1}`},
		{"a = 1;", "{}", `{"a":1}`},
		{"a = 1; b = a + 1; c = a + b", "{}", `{"a":1,"b":2,"c":3}`},
		{"a = 1; b = a + 1; b", "{}", "2"},
		{"a = a + 1; a = a + 1; a", `{"a": 1}`, "3"},
		{"a.b.c = 1", `{"a": {"b": {"d": 2}, "e": 3}}`, `{"a":{"b":{"c":1}}}`},
		{"a.b.c = 1; a", `{"a": {"b": {"d": 2}, "e": 3}}`, `{"b":{"d":2,"c":1},"e":3}`},
		{"a.b = 1; a", `{"a": [1]}`, `{"b":1}`},
		{"a = 1; a.b = 2", "{}", `{"a":1}`},
		{"a = 1; a.b = 2; a", "{}", `{"b":2}`},
		{"a.and.in = 1", "{}", `{"a":{"and":{"in":1}}}`},
		{"$root.a = 1", "{}", `{"$root":{"a":1}}`},
		{"$ = 1; $ + 1", `{"$": 5}`, "2"},
		{"x = 1; $root", `{"a": 2}`, `{"a":2,"x":1}`},
		{"x = 1; $root.x", `{"x": 2}`, "2"},
		{"x = 1; $root['x']", `{"x": 2}`, "2"},
		{"r = $root; x = 1; r", `{"a": 2}`, `{"a":2}`},
		{"x = 1; r = $root; y = 2; r", `{"a": 2}`, `{"a":2,"x":1}`},
		{"(a = 1; a) + 1", "{}", "2"},
		{"(a = 1; a + 1)", "{}", "2"},
		{"(a = 1)", "{}", "parser: Unexpected token: Bracket at (6, 7); Expected Operator."},
		{"f = map([1, 2], # + x)", `{"x": 1}`, `{"f":[2,3]}`},
		{"x = 5; map([1, 2], # + x)", `{"x": 1}`, "[6,7]"},
		{"a = true ? 1 : 2; b = `${a}`", "{}", `{"a":1,"b":"1"}`},
		{"a = b = 3", "{}", "vm: Opcode AssignedObjectStep: Assigned object scope must be set"},
		{"a = (b = 3; b)", "{}", "vm: Opcode AssignedObjectStep: Assigned object scope must be set"},
		{"a = 1", "null", "vm: Opcode AssignedObjectStep: Failed to mutate existing env"},
		{"a = 1", "[1]", "vm: Opcode AssignedObjectStep: Failed to mutate existing env"},
		{"a[0] = 1", "{}", incomplete},
		{"a.b[0] = 1", "{}", incomplete},
		{"a = 1; b[0] = 2", "{}", incomplete},
		{"a.add('1d') = 1", "{}", "parser: Failed to resolve at (0, 0)"},
		{"a = ", "{}", "parser: Unexpected end of unary expression at (3, 3)"},
		{"a = 1; b =", "{}", "parser: Unexpected end of unary expression at (10, 10)"},
		{"a = 1 b = 2", "{}", incomplete},
		{"= 1", "{}", incomplete},
		{"1 = 2", "{}", incomplete},
	} {
		check(t, false, c[0], c[1], c[2])
	}
}
