package zen_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// TestHostile has expressions that would take all memory or time: each ends in
// an error that says so.
func TestHostile(t *testing.T) {
	const mega = 1 << 18
	doubling := `a = "0123456789abcdef"`
	for range 60 {
		doubling += "; a = a + a"
	}
	widening := "a = [1,2,3,4]"
	for range 60 {
		widening += "; a = flatten([a, a])"
	}
	deepening := "a = {x: 1}"
	for range 60 {
		deepening += "; a = mergeDeep([a, {x: [a]}, {y: a}])"
	}
	cases := map[string]string{
		"open brackets":         strings.Repeat("[", 1<<20),
		"open parentheses":      strings.Repeat("(", mega),
		"brackets with a range": strings.Repeat("[", mega) + "1..2",
		"closed brackets":       strings.Repeat("[", mega/2) + strings.Repeat("]", mega/2),
		"objects":               strings.Repeat("{a:", mega/3),
		"computed keys":         strings.Repeat("{[", mega/2) + "1..2",
		"not":                   strings.Repeat("not ", mega/4) + "true",
		"minus":                 strings.Repeat("-", mega) + "1",
		"powers":                strings.Repeat("2^", mega/2) + "2",
		"conditionals":          strings.Repeat("true?1:", mega/8) + "1",
		"templates":             strings.Repeat("`${", mega/3),
		"calls":                 strings.Repeat("len(", mega/4),
		"closures":              strings.Repeat("map([1],", mega/8),
		"chains":                strings.Repeat("a=1;b[", mega/6),
		"indexes":               strings.Repeat("a[", mega/2),
		"source":                strings.Repeat(" ", 5<<20),
		"a long interval":       "map([1..1e12], #)",
		"a longer interval":     "some([1..9e18], # == 0)",
		"nested intervals":      "map([1..1000000], filter([1..1000000], true))",
		"all of an interval":    "count([-9e18..9e18], true)",
		"doubling text":         doubling,
		"doubling arrays":       widening,
		"doubling objects":      deepening,
		"text per element":      "map([1..1000000], `${#}${$root.long}`)",
		"splits":                `map([1..1000000], split($root.long, ""))`,
		"matches":               `map([1..1000000], matches($root.long, "(a*)*(a*)*b"))`,
		"words":                 `map([1..1000000], matches($root.long + "é", "(?:a*\\b*)*b"))`,
		"patterns":              `map([1..1000000], matches("a", "(" + $root.long + ")" + string(#)))`,
		"similar texts":         `map([1..1000000], fuzzyMatch($root.long, upper($root.long)))`,
		"sorting":               "map([1..100000], median(map([1..1000], #)))",
		"looking for":           "count(map([1..100000], #), -1 in $root.many)",
		"comparing":             "count([1..100000], $root.long == $root.long)",
		"keys":                  "count([1..100000], $root[$root.long] == null)",
		"texts to numbers":      "count([1..100000], isNumeric($root.long))",
		"formats":               "count([1..100000], d().format($root.long) == '')",
		"slices":                "map([1..100000], len(filter(map([1..1000], #)[0:900], true)))",
		"assignments":           "map([1..100000], (a.b.c = #; 1))",
		"powers of numbers":     "map([1..10000000], 1.000000000001 ^ 99999999)",
		"dates":                 `map([1..10000000], d("2024-01-01").add(#, "M").format("%c%c%c"))`,
	}
	root := value.NewMap(1)
	root.Set("long", value.String(strings.Repeat("a", 20_000)))
	many := make([]value.Value, 50_000)
	root.Set("many", value.Array(many))
	limits := &zen.Limits{Steps: 500_000, Elements: 200_000, Bytes: 16 << 20}
	for name, source := range cases {
		t.Run(name, func(t *testing.T) {
			for _, unary := range []bool{false, true} {
				began := time.Now()
				reference := value.Int(1)
				_, err := evaluate(source, unary, &zen.Env{Root: value.Object(root), Reference: reference, HasReference: true, Limits: limits})
				if took := time.Since(began); took > 20*time.Second {
					t.Errorf("took %v", took)
				}
				if _, ok := errors.AsType[*zen.Error](err); !ok {
					t.Fatalf("no error: %v", err)
				}
				if !unary && name != "templates" && !errors.Is(err, zen.ErrLimit) {
					t.Errorf("%v is no limit", err)
				}
				if errors.Is(err, zen.ErrLimit) != zen.Stopped(err) {
					t.Errorf("%v: Stopped says %v", err, zen.Stopped(err))
				}
			}
		})
	}
}

// TestLong has expressions that are long, not deep: they are evaluated.
func TestLong(t *testing.T) {
	const n = 50_000
	for _, c := range []struct{ source, want string }{
		{"1" + strings.Repeat(" + 1", n), "50001"},
		{"false" + strings.Repeat(" or a == 2", n), "false"},
		{"a" + strings.Repeat(" ?? a", n) + " ?? 3", "1"},
		{"{x: 1}" + strings.Repeat("", n), `{"x":1}`},
		{"b" + strings.Repeat(".b", n), "null"},
		{"(b)" + strings.Repeat("[a]", n), "null"},
		{`"a" in ["b"` + strings.Repeat(`,"c"`, n) + `]`, "false"},
		{"x = 1" + strings.Repeat("; x = x + 1", 5_000) + "; x", "5001"},
		{"len([a" + strings.Repeat(",a", n) + "])", "50001"},
		{"[" + strings.Repeat("[1..2],", n) + "][0]", `"[1..2]"`},
	} {
		root := value.NewMap(1)
		root.Set("a", value.Int(1))
		got, err := evaluate(c.source, false, &zen.Env{Root: value.Object(root)})
		if err != nil || string(got.AppendJSON(nil)) != c.want {
			t.Errorf("%.20s...: %s, %v; want %s", c.source, got, err, c.want)
		}
	}
	cell := `"x"` + strings.Repeat(`, "y"`, n)
	if got, err := evaluate(cell, true, &zen.Env{Reference: value.String("y"), HasReference: true}); err != nil || !got.AsBool() {
		t.Errorf("%.20s...: %s, %v", cell, got, err)
	}
}

func TestContextEndsEvaluation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	program, err := zen.Compile("count([1..9000000], # > 0)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := program.Eval(&zen.Env{Context: ctx}); err != nil {
		t.Fatal(err)
	}
	// The clock is asked for once per element: the third time the context ends.
	asked := 0
	program, err = zen.Compile("count([1..9000000], d().isToday())")
	if err != nil {
		t.Fatal(err)
	}
	_, err = program.Eval(&zen.Env{Context: ctx, Clock: func() time.Time {
		if asked++; asked == 3 {
			cancel()
		}
		return clock()
	}})
	if !errors.Is(err, context.Canceled) || !zen.Stopped(err) || asked > 10_000 {
		t.Errorf("after %d looks at the clock: %v", asked, err)
	}
	if _, err := program.Eval(&zen.Env{Context: ctx}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

func TestBudgetIsShared(t *testing.T) {
	program, err := zen.Compile("count([1..400], true)")
	if err != nil {
		t.Fatal(err)
	}
	e := &zen.Env{Budget: zen.NewBudget(zen.Limits{Steps: 1000})}
	for i := range 3 {
		_, err := program.Eval(e)
		if failed := err != nil; failed != (i == 2) {
			t.Errorf("evaluation %d: %v", i, err)
		}
	}
}

// An evaluation asks once before it turns large, a small one does not, and one that may
// not turn large ends.
func TestLargeAsks(t *testing.T) {
	for _, c := range []struct {
		source  string
		refused error
		asks    int
	}{
		{"len(map([1..90000], #))", nil, 0},
		{"len(map([1..200000], #)) + len(map([1..200000], #))", nil, 1},
		{"len(map([1..200000], #))", context.Canceled, 1},
	} {
		program, err := zen.Compile(c.source)
		if err != nil {
			t.Fatal(err)
		}
		asked, b := 0, zen.NewBudget(zen.Limits{})
		b.Share(func(context.Context) error {
			asked++
			return c.refused
		})
		if _, err = program.Eval(&zen.Env{Budget: b}); !errors.Is(err, c.refused) || asked != c.asks {
			t.Errorf("%s: asked %d times, %v", c.source, asked, err)
		}
	}
}
