package zen_test

import (
	"errors"
	"testing"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

var fuzzLimits = zen.Limits{Source: 1 << 16, Nesting: 200, Steps: 20_000, Elements: 20_000, Bytes: 1 << 20}

func fuzzEnv() *zen.Env {
	root, err := value.Parse([]byte(`{"a": 1, "b": {"c": [1, 2.5, "x", null, true]}, "s": "héllo", "l": [3, 1, 2], "o": [{"id": 1}, {"id": 2}]}`))
	if err != nil {
		return nil
	}
	limits := fuzzLimits
	return &zen.Env{Root: root, Reference: value.Int(5), HasReference: true, Nodes: root, HasNodes: true, Clock: clock, Limits: &limits}
}

var fuzzSeeds = []string{
	"a + b.c[0] * 2 ^ 3 % 4 ?? -1", "[a..5) ", "some(l as x, x > 1 and # < 3 or not true)", "a = 1; b.c = a; $root",
	"`x${s[0:1]}${a ? 1 : 2}`", "{a: 1, 'b': [2,], [s]: {}}", "d('2024-01-01').add('1d').format('%Y')", "matches(s, '^\\w+$')",
	"'a', 'b' and > 5", "] 1 .. 2 [", "((1 in ]1..2[)", "fuzzyMatch(['a'], s)", "split(s, '')[1:2]", "$nodes.b.c", "date('2024-01-01') - duration('7d')",
	"{{ a }} and {{ s }}", "{{{a}}}", "}} {{", "{{ `${a}` }}{{", "map([1..1e12], filter([1..1e12], #))",
}

// evaluated fails on what is no error of the package, and on programs that do
// not say the same twice.
func evaluated(t *testing.T, source string, eval func(env *zen.Env) (value.Value, error), changes bool) {
	first, err := eval(fuzzEnv())
	if _, ok := errors.AsType[*zen.Error](err); err != nil && !ok {
		t.Fatalf("%q: %v", source, err)
	}
	if first.AppendJSON(nil) == nil || changes {
		return
	}
	env := fuzzEnv()
	before := string(env.Root.AppendJSON(nil))
	for range 2 {
		again, err2 := eval(env)
		if (err == nil) != (err2 == nil) || string(again.AppendJSON(nil)) != string(first.AppendJSON(nil)) {
			t.Fatalf("%q: %s, %v; then %s, %v", source, first, err, again, err2)
		}
	}
	if after := string(env.Root.AppendJSON(nil)); after != before {
		t.Fatalf("%q changed its environment to %s", source, after)
	}
}

func FuzzStandard(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		program, err := zen.Compile(source, zen.WithLimits(fuzzLimits))
		if err != nil {
			if _, ok := errors.AsType[*zen.Error](err); !ok {
				t.Fatalf("%q: %v", source, err)
			}
			return
		}
		evaluated(t, source, program.Eval, program.Reads().Changes)
	})
}

func FuzzUnary(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	references := []value.Value{{}, value.Bool(true), value.Int(1), value.Int(5), value.String("a"), value.String("")}
	f.Fuzz(func(t *testing.T, source string) {
		program, err := zen.CompileUnary(source, zen.WithLimits(fuzzLimits))
		if err != nil {
			return
		}
		evaluated(t, source, func(env *zen.Env) (value.Value, error) {
			matched, err := program.Test(env)
			return value.Bool(matched), err
		}, program.Reads().Changes)
		for _, reference := range references {
			env := fuzzEnv()
			env.Reference = reference
			matched, err := program.Test(env)
			if says, ok := shapeSays(program.UnaryShape(), reference); ok && says != (matched && err == nil) {
				t.Fatalf("%q of %s: the shape says %v, the test %v, %v", source, reference, says, matched, err)
			}
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		template, err := zen.CompileTemplate(source, zen.WithLimits(fuzzLimits))
		if err != nil {
			return
		}
		evaluated(t, source, template.Eval, true)
	})
}
