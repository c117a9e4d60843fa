package script_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/script"
	"github.com/understudy-api/understudy/server/decision/value"
)

// graph is a decision with one function; a text is version 1.
func graph(t testing.TB, content any) *decision.Decision {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"nodes": []any{
			map[string]any{"id": "in", "name": "request", "type": "inputNode"},
			map[string]any{"id": "f", "name": "fn", "type": "functionNode", "content": content},
			map[string]any{"id": "out", "name": "response", "type": "outputNode"},
		},
		"edges": []any{
			map[string]any{"id": "1", "sourceId": "in", "targetId": "f"},
			map[string]any{"id": "2", "sourceId": "f", "targetId": "out"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := decision.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func v2(source string) map[string]string { return map[string]string{"source": source} }

func evaluate(t testing.TB, e *decision.Engine, d *decision.Decision, input string, trace bool) string {
	t.Helper()
	r, err := e.EvaluateJSON(context.Background(), d, []byte(input), decision.EvaluateOptions{Trace: trace})
	if err != nil {
		var failure *decision.Error
		if !errors.As(err, &failure) {
			return "!" + err.Error()
		}
		return "!" + string(failure.AppendJSON(nil))
	}
	if trace {
		return string(r.AppendJSON(nil))
	}
	return string(r.Result.AppendJSON(nil))
}

// A function evaluates a decision whose function evaluates another.
func TestNested(t *testing.T) {
	decisions := decision.MapLoader{}
	e := decision.New(decision.WithFunctions(script.New()), decision.WithLoader(decisions))
	decisions["inner"] = graph(t, `const handler = (input) => ({ n: input.n * 2 })`)
	decisions["outer"] = graph(t, v2(`import zen from "zen";
export const handler = async (input) => {
  const a = await zen.evaluate("inner", { n: input.n });
  const [b, c] = await Promise.all([1, 2].map((n) => zen.evaluate("inner", { n }, { trace: true })));
  return { n: a.result.n, traced: [a.trace === undefined, b.trace.f.output.n, c.result.n], at: config.iteration };
};`))
	decisions["endless"] = graph(t, v2(`import zen from "zen";
export const handler = async (input) => (await zen.evaluate("endless", {})).result;`))
	if got := evaluate(t, e, decisions["outer"], `{"n":21}`, false); got != `{"at":0,"n":42,"traced":[true,2,4]}` && got != `{"n":42,"traced":[true,2,4],"at":0}` {
		t.Error(got)
	}
	if got := evaluate(t, e, decisions["endless"], `{}`, false); !strings.Contains(got, "Depth limit exceeded") {
		t.Error(got)
	}
	if got := evaluate(t, e, graph(t, v2(`import zen from "zen"; export const handler = () => zen.evaluate("none", {})`)), `{}`, false); got != `!{"type":"NodeError","nodeId":"f","source":"Error: Loader did not find item with key none\n"}` {
		t.Error(got)
	}
	// The time of the outer function ends the inner one.
	short := decision.New(decision.WithFunctions(script.New(script.WithTimeLimit(200*time.Millisecond))), decision.WithLoader(decisions))
	decisions["slow"] = graph(t, v2(`export const handler = () => { for (;;); }`))
	got := evaluate(t, short, graph(t, v2(`import zen from "zen"; export const handler = () => zen.evaluate("slow", {})`)), `{}`, false)
	if !strings.Contains(got, "interrupted") {
		t.Error(got)
	}
}

// What the caller gives up ends with the caller's error.
func TestCancelled(t *testing.T) {
	e := decision.New(decision.WithFunctions(script.New()))
	for _, source := range []string{
		`export const handler = () => { for (;;); }`,
		`export const handler = async () => { await console.sleep(1e9) }`,
		`export const handler = () => Array(2 ** 32 - 1).indexOf(1)`,
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		_, err := e.EvaluateJSON(ctx, graph(t, v2(source)), []byte(`{}`), decision.EvaluateOptions{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func TestTraced(t *testing.T) {
	e := decision.New(decision.WithFunctions(script.New()))
	got := evaluate(t, e, graph(t, v2(`export const handler = (i) => { console.log("x", i.a); return { b: i.$nodes.request.a, all: i.$nodes } }`)), `{"a":1}`, true)
	for _, want := range []string{`"result":{"b":1,"all":{"request":{"a":1}}}`, `"lines":["\"x\"","1"]`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	got = evaluate(t, e, graph(t, v2(`export const handler = () => { throw new Error("boom") }`)), `{}`, true)
	for _, want := range []string{`"source":"Error: boom\n    at handler (node:f:1:47)\n"`, `"lines":["\"Error: boom\\n    at handler (node:f:1:47)\\n\""]`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

// Many goroutines share a runner; nothing grows.
func TestMany(t *testing.T) {
	e := decision.New(decision.WithFunctions(script.New()))
	d := graph(t, v2(`globalThis.n = (globalThis.n || 0) + 1; export const handler = async (i) => { await null; return { n: i.n + globalThis.n } }`))
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 25 {
				n := g*100 + i
				if got := evaluate(t, e, d, fmt.Sprintf(`{"n":%d}`, n), false); got != fmt.Sprintf(`{"n":%d}`, n+1) {
					t.Error(got)
				}
			}
		})
	}
	wait.Wait()
}

func BenchmarkFunction(b *testing.B) {
	e := decision.New(decision.WithFunctions(script.New()))
	input, _ := value.Parse([]byte(`{"a":1,"items":[{"price":2.5,"count":3},{"price":1,"count":4}]}`))
	for name, content := range map[string]any{
		"v1": `const handler = (i) => ({ sum: i.items.reduce((n, x) => n + x.price * x.count, 0) })`,
		"v2": v2(`export const handler = async (i) => ({ sum: i.items.reduce((n, x) => n + x.price * x.count, 0) })`),
	} {
		b.Run(name, func(b *testing.B) {
			d := graph(b, content)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Evaluate(context.Background(), d, input, decision.EvaluateOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func Example() {
	functions := script.New(
		script.WithTimeLimit(10*time.Second),
		script.WithMemoryLimit(16<<20),
		// script.WithModules("node_modules") lets functions import dayjs, big.js and zod.
	)
	engine := decision.New(decision.WithFunctions(functions))
	d, err := decision.Parse([]byte(`{
	  "nodes": [
	    {"id": "in", "name": "request", "type": "inputNode"},
	    {"id": "f", "name": "total", "type": "functionNode", "content": {"source":
	      "export const handler = async (input: { prices: number[] }) => ({ total: input.prices.reduce((a, b) => a + b, 0) });"}},
	    {"id": "out", "name": "response", "type": "outputNode"}
	  ],
	  "edges": [
	    {"id": "1", "sourceId": "in", "targetId": "f"},
	    {"id": "2", "sourceId": "f", "targetId": "out"}
	  ]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := engine.EvaluateJSON(context.Background(), d, []byte(`{"prices": [0.1, 0.2]}`), decision.EvaluateOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Result)
	// Output: {"total":0.3}
}
