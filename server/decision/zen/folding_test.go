package zen_test

import (
	"fmt"
	"testing"

	"github.com/understudy-api/understudy/server/decision/zen"
)

// outcome is the result of an expression, or its error.
func outcome(t *testing.T, source, ctx string) string {
	got, err := evaluate(source, false, env(t, []byte(ctx)))
	if err != nil {
		return err.Error()
	}
	return got.String()
}

// TestFolding compares expressions of constants, which are computed when they
// are compiled, with the same ones of variables.
func TestFolding(t *testing.T) {
	const ctx = `{"n": null, "t": true, "f": false, "i": 2, "d": -1.50, "z": 0, "s": "a", "e": "", "l": [1, "a"], "o": {"a": 1},
		"m": [1, 2, 3, 4, 5, 6, 7, "a", null, true], "nine": "2024-01-01"}`
	literals := map[string]string{
		"n": "null", "t": "true", "f": "false", "i": "2", "d": "(-1.50)", "z": "0", "s": "'a'", "e": "''", "l": "[1, 'a']", "o": "({a: 1})",
		"m": "[1, 2, 3, 4, 5, 6, 7, 'a', null, true]", "nine": "'2024-01-01'",
	}
	operators := []string{
		"+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or", "??",
	}
	compareBoth := func(format string, names ...any) {
		values := make([]any, len(names))
		for i, name := range names {
			text, _ := name.(string)
			values[i] = literals[text]
		}
		source := fmt.Sprintf(format, values...)
		if folded, computed := outcome(t, source, ctx), outcome(t, fmt.Sprintf(format, names...), ctx); folded != computed {
			t.Errorf("%s: %s, of variables %s", source, folded, computed)
		}
	}
	for a := range literals {
		for b := range literals {
			for _, op := range operators {
				compareBoth("%s "+op+" %s", a, b)
				compareBoth("i "+op+" %s "+op+" %s", a, b)
				compareBoth("%s "+op+" i "+op+" %s", a, b)
			}
			compareBoth("%s ? %s : 5", a, b)
			compareBoth("[%s..%s]", a, b)
			compareBoth("(%s)[%s]", a, b)
			compareBoth("(%s)[%s:]", a, b)
			compareBoth("(%s)[:%s]", a, b)
			if a != "o" && b != "o" { // a brace would end the part
				compareBoth("`x${%s}y${%s}`", a, b)
			}
			compareBoth("{[%s]: %s}", a, b)
			for _, fn := range []string{
				"contains", "startsWith", "endsWith", "matches", "extract", "split", "fuzzyMatch", "round", "trunc", "startOf", "endOf", "d",
			} {
				compareBoth(fn+"(%s, %s)", a, b)
			}
		}
		for _, fn := range []string{
			"len", "flatten", "merge", "mergeDeep", "upper", "lower", "trim", "abs", "floor", "ceil", "sum", "avg", "min", "max",
			"median", "mode", "isNumeric", "string", "number", "bool", "type", "keys", "values", "d", "date", "time", "duration",
			"year", "dayOfWeek", "dayOfMonth", "dayOfYear", "weekOfYear", "monthOfYear", "monthString", "dateString", "weekdayString",
		} {
			compareBoth(fn+"(%s)", a)
			compareBoth("map([1], "+fn+"(%s))", a)
		}
		compareBoth("not %s", a)
		compareBoth("-%s", a)
		compareBoth("map(%s, # == 1)", a)
		compareBoth("a = %s; [a, a]", a)
	}
}

func TestConstant(t *testing.T) {
	for source, want := range map[string]string{
		"1 + 2 * 3": "7", "'a' + 'b'": "ab", "[1, {a: [2..3]}]": `[1,{"a":[2..3]}]`, "upper('ß')": "SS",
		"true ? 1 : x": "1", "false and x": "false", "1 ?? x": "1", "`${1}`": "1", "duration('1h')": "3600",
	} {
		program, err := zen.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := program.Constant(); !ok || got.String() != want {
			t.Errorf("%s: %s, %v; want %s", source, got, ok, want)
		}
	}
	for _, source := range []string{"x", "1 + x", "1 + ''", "rand(1)", "d()", "d('2024-01-01')", "date('now')", "time(' now ')", "$", "x = 1"} {
		program, err := zen.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := program.Constant(); ok {
			t.Errorf("%s is constant: %s", source, got)
		}
	}
}
