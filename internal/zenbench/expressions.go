package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// expressionContext is what random expressions see. Version 0.54 has no order of
// members, so nothing asks for it.
const expressionContext = `{"a":1,"b":2.5,"c":-3,"s":"hello","u":"héllo ßtraße","n":null,"yes":true,"$":2,` +
	`"arr":[1,2,3],"mix":[1,"a",null,true,[1]],"strs":["b","a"],"objs":[{"id":1,"w":[1,2]},{"id":2,"w":[]}],"o":{"x":{"y":5}}}`

// grammar has, by kind, what an expression may be: a letter between angle brackets
// is one of another kind. The first lines of a kind have none. What is known to
// differ from version 0.54 is left out.
var grammar = map[string][]string{
	"n": {
		"0", "1", "2", "-3", "0.1", "1.10", "2.675", "1e3", "12e-1", "33.333", "7922816251426433759354395033.5", "0.0000000000000000000000000001", "a", "b", "c", "o.x.y", "arr[0]",
		"<n> + <n>", "<n> - <n>", "<n> * <n>", "<n> / <n>", "(<n> + <n>)", "-<n>", "<n> ^ 2", "abs(<n>)", "floor(<n>)", "ceil(<n>)", "round(<n>)", "round(<n>, 2)",
		"trunc(<n>, 3)", "sum(<l>)", "avg([<n>, <n>])", "max([<n>, <n>])", "median([<n>, <n>, <n>])", "mode(<l>)", "len(<a>)", "number(<a>)", "count(<l>, <b>)",
		"<d>.year()", "<d>.dayOfYear()", "<d>.diff(<d>, 'month')", "<d>.diff(<d>, 'd')", "<d>.timestamp()", "duration('1h 30m')", "year('2024-02-29')",
	},
	"s": {
		"'a'", "''", "' x '", "'1.5'", "'straße'", "'true'", "s", "u", "strs[0]",
		"upper(<s>)", "lower(<s>)", "trim(<s>)", "<s> + <s>", "string(<n>)", "type(<a>)", "`x${<n>}y`", "s[1:2]", "u[:0]", "<d>.format('%Y-%m-%d %H:%M %Z')", "string(<a>)",
	},
	"b": {
		"true", "false", "yes", "a == 1", "n == null",
		"<n> < <n>", "<n> >= <n>", "<a> == <a>", "<a> != <a>", "<a> in <l>", "<n> not in <i>", "<b> and <b>", "<b> or <b>", "not <b>", "contains(<a>, <a>)", "startsWith(<s>, <s>)",
		"matches(<s>, '^[a-z]+')", "isNumeric(<a>)", "bool(<a>)", "all(<l>, # != 1)", "some(<l>, # == 1)", "none(<l>, # == 'a')", "one(<l>, # == 2)", "<d> < <d>", "<d>.isSame(<d>, 'M')", "<d>.isAfter(<d>)",
	},
	"i": {"[1..3]", "(0..4)", "]1..3(", "[<n>..<n>]", ")<n>..<n>["},
	"l": {
		"arr", "mix", "strs", "objs", "[]", "[1, 2]", "[1..3]",
		"[<a>, <a>]", "map(<l>, [#])", "map(<l>, # + a)", "filter(<l>, <b>)", "flatMap(objs, #.w)", "map(objs as p, p.id * 2)", "split(<s>, 'l')", "extract(<s>, '(l+)(x)?')", "flatten(<l>)", "arr[0:1]", "fuzzyMatch(strs, <s>)",
	},
	"d": {
		"d('2024-01-31')", "d('2024-02-29 12:30')", "d('2024-03-31 02:30:00', 'Europe/Berlin')", "d('2023-12-31T10:00:00+02:00')", "d('junk')", "d(1700000000123)",
		"<d>.add('1M')", "<d>.add(1.5, 'h')", "<d>.sub('1y 2d')", "<d>.startOf('q')", "<d>.endOf('M')", "<d>.set('day', 31)", "<d>.tz('America/New_York')",
	},
	"a": {"n", "arr", "missing", "o", "<n>", "<s>", "<b>", "<l>", "<i>", "<d>", "{k: <a>}", "<a> ?? <a>", "<b> ? <a> : <a>", "(<a>)", "mix[<n>]", "objs[0].id", "x = <a>; x", "mergeDeep([{a: [1]}, {a: [<n>]}]).a"},
	"c": {"<a>", "> <n>", "<= <n>", "in <l>", "not in <i>", "<i>", "!= <a>", "$ == <a>", "<c>, <c>", "<c> and <c>", "<c> or <c>"},
}

func randomExpression(random *rand.Rand, kind string, depth int) string {
	choices := grammar[kind]
	if depth <= 0 {
		plain := 0
		for plain < len(choices) && !strings.Contains(choices[plain], "<") || plain == 0 {
			plain++
		}
		choices = choices[:plain]
	}
	var made strings.Builder
	for rest := pick(random, choices); rest != ""; {
		before, after, found := strings.Cut(rest, "<")
		made.WriteString(before)
		if rest = after; found {
			if len(after) > 1 && after[1] == '>' {
				made.WriteString(randomExpression(random, after[:1], depth-1))
				rest = after[2:]
			} else {
				made.WriteByte('<')
			}
		}
	}
	return made.String()
}

// compareExpressions evaluates random expressions and tests on both engines.
func (v *vendor) compareExpressions(out io.Writer, n int, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // expressions to compare, reproducible
	root, err := value.Parse([]byte(expressionContext))
	if err != nil {
		return err
	}
	different, failed, crashed := 0, 0, 0
	for i := range n {
		r := request{Expression: randomExpression(random, "a", 4), Input: json.RawMessage(expressionContext)}
		if r.Unary = i%4 == 0; r.Unary {
			r.Expression = randomExpression(random, "c", 3)
		}
		theirs, err := v.ask(r)
		if errors.Is(err, io.EOF) && v.ctx.Err() == nil {
			crashed++ // by an overflow, mostly
			v.close()
			if err := v.start(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		wanted := theirs.Error
		if wanted == "" {
			wanted = string(theirs.Data)
		} else {
			failed++
		}
		if a, b := plain(wanted), plain(evaluated(r, root)); a != b {
			different++
			fmt.Fprintf(out, "\n%s\nvendor's: %s\nours:     %s\n", r.Expression, a, b)
		}
	}
	fmt.Fprintf(out, "%d expressions, %d that fail, %d that end the vendor's engine: %d differ\n", n, failed, crashed, different)
	if different > 0 {
		return errors.New("the engines differ")
	}
	return nil
}

func evaluated(r request, root value.Value) string {
	env := &zen.Env{Root: root}
	compile := zen.Compile
	if r.Unary {
		compile = zen.CompileUnary
	}
	program, err := compile(r.Expression)
	var result value.Value
	switch {
	case err != nil:
	case r.Unary:
		var holds bool
		holds, err = program.Test(env)
		result = value.Bool(holds)
	default:
		result, err = program.Eval(env)
	}
	if failure, failed := errors.AsType[*zen.Error](err); failed {
		text, _ := failure.MarshalJSON()
		return string(text)
	}
	return string(result.AppendJSON(nil))
}
