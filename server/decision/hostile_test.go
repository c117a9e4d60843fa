package decision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/zen"
)

func wantLimit(t *testing.T, err error, text string) {
	t.Helper()
	var failure *decision.Error
	if !errors.As(err, &failure) || failure.Kind != decision.KindLimit || !strings.Contains(failure.Source, text) {
		t.Errorf("got %.200v, want a limit: %s", err, text)
	}
}

func TestHostileDocuments(t *testing.T) {
	million := `{"nodes":[` + strings.TrimSuffix(strings.Repeat(`{},`, 1_000_000), ",") + `],"edges":[]}`
	_, err := decision.Parse([]byte(million))
	wantLimit(t, err, "nodes")
	_, err = decision.Parse([]byte(`{"nodes":[],"edges":[` + strings.TrimSuffix(strings.Repeat(`{},`, 1_000_000), ",") + `]}`))
	wantLimit(t, err, "edges")
	_, err = decision.Parse([]byte(`{"nodes":[` + strings.Repeat(" ", 17<<20)))
	wantLimit(t, err, "bytes")
	rules := strings.TrimSuffix(strings.Repeat(`{"a":"","b":"","c":""},`, 400), ",")
	_, err = decision.ParseLimited([]byte(between(`t decisionTable {"hitPolicy":"first","inputs":[],"outputs":[],"rules":[`+rules+`]}`)), decision.Limits{TableCells: 1000})
	wantLimit(t, err, "cells")
	var sums []string
	for i := range 20 {
		sums = append(sums, fmt.Sprintf("x%d=%d", i, i)+strings.Repeat("+a", 20_000))
	}
	_, err = decision.Parse([]byte(between("e expression " + expression("", sums...))))
	wantLimit(t, err, "tokens")
	for _, text := range []string{
		strings.Repeat("[", 1<<20), strings.Repeat(`{"nodes":`, 1<<17), `{"nodes":[` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `],"edges":[]}`, "", "nul", `{"nodes":[],"edges":[]} x`, "\xff",
	} {
		var failure *decision.Error
		if _, err := decision.Parse([]byte(text)); !errors.As(err, &failure) || failure.Kind != decision.KindContent {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	// Brackets within an expression are bounded by the language.
	d := parsed(t, between("e expression "+expression("", "x="+strings.Repeat("(", 1<<18))))
	if got := evaluated(t, decision.New(), d, `{}`); !strings.Contains(got, "nested deeper") {
		t.Errorf("%.100s", got)
	}
}

// Graphs as large as they may be are walked in a time that grows as they do.
func TestLargeGraphs(t *testing.T) {
	const n = 20_000
	content := " expression " + expression("", "a=1")
	chain, fan, tower := []string{"in input"}, []string{"in input"}, []string{"in input"}
	var chained, fanned, towered []string
	for i := range n {
		id := fmt.Sprintf("n%d", i)
		chain, fan = append(chain, id+content), append(fan, id+content)
		from := "in"
		if i > 0 {
			from = fmt.Sprintf("n%d", i-1)
		}
		chained = append(chained, from+"->"+id)
		fanned = append(fanned, "in->"+id, id+"->out")
		if i < 1500 {
			tower = append(tower, id+` switch {"statements":[{"id":"y","condition":"true"}]}`)
			towered = append(towered, from+":y->"+id, from+"->"+id)
		}
	}
	for name, document := range map[string]string{
		"chain":    graph(chain, chained...),
		"fan":      graph(append(fan, "out output"), fanned...),
		"switches": graph(tower, towered...),
	} {
		d := parsed(t, document)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		_, err := decision.New().EvaluateJSON(ctx, d, []byte(`{}`), decision.EvaluateOptions{})
		cancel()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHostileEvaluations(t *testing.T) {
	double := []string{"x=1"}
	for i := range 60 {
		double = append(double, fmt.Sprintf("y%d={a: $.%s, b: $.%s}", i, map[bool]string{true: "x", false: fmt.Sprintf("y%d", i-1)}[i == 0], map[bool]string{true: "x", false: fmt.Sprintf("y%d", i-1)}[i == 0]))
	}
	deep := []string{"y=[1]"}
	for range 1500 {
		deep = append(deep, "y=[$.y]")
	}
	self := map[string]string{"loop": between(`s decision {"key":"loop","executionMode":"loop","inputField":"l"}`)}
	for _, c := range []struct {
		name, document, input, want string
		limits                      decision.Limits
	}{
		{"a result that doubles", between("e expression " + expression("", double...)), `{}`, "larger than allowed", decision.Limits{ResultBytes: 1 << 20}},
		{"a result that is deep", between("e expression " + expression("", deep...)), `{}`, "nested deeper", decision.Limits{}},
		{"joined results that double", graph([]string{
			"in input", "a expression " + expression("", double...), "b expression " + expression("", double...), "out output",
		}, "in->a", "in->b", "a->out", "b->out"), `{}`, "larger than allowed", decision.Limits{ResultBytes: 1 << 20}},
		{"decisions in loops in decisions", self["loop"], `{"l":[{"l":[{"l":[{"l":[{"l":[{"l":[1]},{"l":[]}]}]}]}]},{},{}]}`, "are executed", decision.Limits{Evaluations: 10}},
		{"elements of a loop", between("e expression " + expression(`"executionMode":"loop"`, "a=1")), "[" + strings.TrimSuffix(strings.Repeat("1,", 1000), ",") + "]", "are executed", decision.Limits{Evaluations: 100}},
		{"a closure without end", between("e expression " + expression("", "a=map([1..1000000000000], #)")), `{}`, "Evaluation", decision.Limits{Expression: zen.Limits{Steps: 100_000}}},
		{"in a cell", between("t decisionTable " + table("", []string{"i="}, []string{"o=x"}, `{"i":"all([1..1000000000000], # > 0)","o":"1"}`)), `{}`, "Evaluation", decision.Limits{Expression: zen.Limits{Steps: 100_000}}},
		{"in an output cell", between("t decisionTable " + table("", nil, []string{"o=x"}, `{"o":"map([1..1000000000000], #)"}`)), `{}`, "Evaluation", decision.Limits{Expression: zen.Limits{Steps: 100_000}}},
		{"in a condition", graph([]string{"in input", `s switch {"statements":[{"id":"a","condition":"all([1..1000000000000], # > 0)"}]}`}, "in->s"), `{}`, "Evaluation", decision.Limits{Expression: zen.Limits{Steps: 100_000}}},
		{"many nodes share what they may make", between(
			"a expression "+expression("", "x=len(map([1..600], #))"), "b expression "+expression("", "x=len(map([1..600], #))"),
		), `{}`, "Evaluation", decision.Limits{Expression: zen.Limits{Elements: 1000}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			engine := decision.New(decision.WithLimits(c.limits), decision.WithLoader(loaderOf(self)))
			for _, traced := range []bool{false, true} {
				_, err := engine.EvaluateJSON(context.Background(), parsed(t, c.document), []byte(c.input), decision.EvaluateOptions{Trace: traced})
				wantLimit(t, err, c.want)
			}
		})
	}
}

// An evaluation ends with its context, wherever it is.
func TestContextEnds(t *testing.T) {
	for name, document := range map[string]string{
		"nodes":      between("e expression "+expression("", "a=1"), "f expression "+expression("", "a=1")),
		"expression": between("e expression " + expression("", "a=1", "b=all([1..9000000], # > 0)")),
		"table":      between("t decisionTable " + table("", []string{"i=a"}, []string{"o=x"}, `{"i":"len($) > 5","o":"1"}`)),
	} {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := decision.New().EvaluateJSON(ctx, parsed(t, document), []byte(`{"a":"x"}`), decision.EvaluateOptions{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHostileInputs(t *testing.T) {
	d := parsed(t, between())
	for _, input := range []string{"", "{", strings.Repeat("[", 200) + strings.Repeat("]", 200), `{"a":1} x`} {
		_, err := decision.New().EvaluateJSON(context.Background(), d, []byte(input), decision.EvaluateOptions{})
		var failure *decision.Error
		if !errors.As(err, &failure) || failure.Kind != decision.KindContext {
			t.Errorf("%.20q: %v", input, err)
		}
	}
	_, err := decision.New(decision.WithLimits(decision.Limits{InputBytes: 10})).EvaluateJSON(context.Background(), d, []byte(`{"aaaaaaaa":1}`), decision.EvaluateOptions{})
	if err == nil {
		t.Error("no limit")
	}
}
