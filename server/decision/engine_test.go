package decision_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/understudy-api/understudy/internal/zenbench/graphs"
	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/script"
	"github.com/understudy-api/understudy/server/decision/value"
)

func loaderOf(documents map[string]string) decision.Loader {
	cache := decision.NewCache(1<<20, decision.Limits{})
	return decision.LoaderFunc(func(_ context.Context, key string) (*decision.Decision, error) {
		document, ok := documents[key]
		if !ok {
			return nil, fmt.Errorf("%w: %s", decision.ErrNotFound, key)
		}
		if document == "down" {
			return nil, errors.New("disk is gone")
		}
		return cache.Parse([]byte(document))
	})
}

func TestDecisionsWithinDecisions(t *testing.T) {
	documents := map[string]string{
		"double":   between("e expression " + expression("", "y=x * 2")),
		"fails":    between("e expression " + expression("", "y=x + 'a'")),
		"policy":   `{"blocks":[]}`,
		"broken":   `{"nodes":[]}`,
		"down":     "down",
		"self":     between(`s decision {"key":"self"}`),
		"one":      between(`s decision {"key":"two"}`),
		"two":      between(`s decision {"key":"one"}`),
		"cyclic":   graph([]string{"a input"}, "a->a"),
		"nowhere":  graph([]string{"a input"}, "a->b"),
		"empty":    graph([]string{"a output"}),
		"switched": graph([]string{"in input", `sw switch {"statements":[{"id":"s","condition":"x > 1"}]}`, "a expression " + expression("", "big=x")}, "in->sw", "sw:s->a"),
		"nodes":    graph([]string{"request input", "e expression " + expression("", "parent=$nodes.request.$nodes", "own=$nodes.request.hello", "keys=keys($root)"), "out output"}, "request->e", "e->out"),
	}
	engine := decision.New(decision.WithLoader(loaderOf(documents)))
	for _, c := range []struct{ name, node, input, want string }{
		{"result", `{"key":"double"}`, `{"x":2}`, `{"y":4}`},
		{"passed through", `{"key":"double","passThrough":true,"outputPath":"r"}`, `{"x":2}`, `{"x":2,"r":{"y":4}}`},
		{"loop", `{"key":"switched","executionMode":"loop","inputField":"l"}`, `{"l":[{"x":1},{"x":2},{"x":3},{"x":0}]}`, `[{},{"big":2},{"big":3},{}]`},
		{"failure", `{"key":"fails"}`, `{"x":2}`, `{"type":"NodeError","nodeId":"s","source":"Failed to evaluate expression: \"x + 'a'\""}`},
		{"a policy", `{"key":"policy"}`, `{}`, `{"type":"NodeError","nodeId":"s","source":"sub-decision 'policy' is a policy, expected graph"}`},
		{"not found", `{"key":"nope"}`, `{}`, `{"type":"NodeError","nodeId":"s","source":"Loader did not find item with key nope"}`},
		{"a broken document", `{"key":"broken"}`, `{}`, `{"type":"NodeError","nodeId":"s","source":"Loader failed internally on key broken: missing field ` + "`edges`" + `."}`},
		{"a loader that fails", `{"key":"down"}`, `{}`, `{"type":"NodeError","nodeId":"s","source":"Loader failed internally on key down: disk is gone."}`},
		{"itself", `{"key":"self"}`, `{}`, `{"type":"NodeError","nodeId":"s","source":"Depth limit exceeded"}`},
		{"each other", `{"key":"one"}`, `{}`, `{"type":"NodeError","nodeId":"s","source":"Depth limit exceeded"}`},
		{"a cycle", `{"key":"cyclic"}`, `{}`, `{"type":"NodeError","nodeId":"s","source":"Invalid graph"}`},
		{"an edge to nowhere", `{"key":"nowhere"}`, `{}`, `{"type":"NodeError","nodeId":"s","source":"Missing node"}`},
		{"no input", `{"key":"empty"}`, `{}`, `{"type":"NodeError","nodeId":"s","source":"Invalid graph"}`},
		{"the parent's nodes", `{"key":"nodes"}`, `{"hello":"world"}`, `{"parent":{"in":{"hello":"world"}},"own":"world","keys":["hello","$","$nodes"]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parsed(t, between("s decision "+c.node))
			if got := evaluated(t, engine, d, c.input); !sameJSON(t, got, c.want) {
				t.Errorf(" got %s\nwant %s", got, c.want)
			}
		})
	}
	t.Run("without a loader", func(t *testing.T) {
		got := evaluated(t, decision.New(), parsed(t, between(`s decision {"key":"k"}`)), `{}`)
		if got != `{"type":"NodeError","nodeId":"s","source":"Loader failed internally on key k: Loader is no-op."}` {
			t.Error(got)
		}
	})
	t.Run("by key", func(t *testing.T) {
		for key, want := range map[string]string{
			"nope":   `{"type":"LoaderError","key":"nope"}`,
			"down":   `{"type":"LoaderError","key":"down","source":"disk is gone"}`,
			"policy": `{"type":"ContentKindMismatch","expected":"graph","got":"policy","key":"policy"}`,
		} {
			_, err := engine.EvaluateKey(context.Background(), key, value.Value{}, decision.EvaluateOptions{})
			if text, _ := json.Marshal(err); string(text) != want {
				t.Errorf("got %s, want %s", text, want)
			}
		}
		response, err := engine.EvaluateKey(context.Background(), "double", jsonValue(t, `{"x":4}`), decision.EvaluateOptions{})
		if err != nil || string(response.Result.AppendJSON(nil)) != `{"y":8}` {
			t.Errorf("%v %v", response, err)
		}
	})
	t.Run("depth", func(t *testing.T) {
		d := parsed(t, between(`s decision {"key":"double"}`))
		for depth, want := range map[int]string{1: "Depth limit exceeded", 2: "", -1: ""} {
			_, err := engine.EvaluateJSON(context.Background(), d, []byte(`{"x":1}`), decision.EvaluateOptions{MaxDepth: depth})
			if got := fmt.Sprint(err); want != "" && got != want || want == "" && err != nil {
				t.Errorf("%d: %v", depth, err)
			}
		}
		narrow := decision.New(decision.WithLimits(decision.Limits{MaxDepth: 1}), decision.WithLoader(loaderOf(documents)))
		if got := evaluated(t, narrow, parsed(t, documents["self"]), `{}`); !strings.Contains(got, "Depth limit exceeded") {
			t.Error(got)
		}
	})
	t.Run("trace", func(t *testing.T) {
		for key, want := range map[string]string{"double": `e`, "fails": `e`} {
			d := parsed(t, between(`s decision {"key":"`+key+`"}`))
			response, err := engine.EvaluateJSON(context.Background(), d, []byte(`{"x":1}`), decision.EvaluateOptions{Trace: true})
			var trace *decision.Trace
			if failure, failed := errors.AsType[*decision.Error](err); failed {
				trace = failure.Trace
			} else {
				trace = response.Trace
			}
			n, _ := trace.Get("s")
			if inner, ok := n.Data.AsObject().Get(want); !ok || inner.Kind() != value.KindObject {
				t.Errorf("%s: %s", key, n.Data)
			}
		}
	})
}

func TestCustomNodes(t *testing.T) {
	handler := decision.CustomHandlerFunc(func(_ context.Context, r *decision.CustomRequest) (decision.CustomResponse, error) {
		switch r.Kind {
		case "fail":
			return decision.CustomResponse{}, errors.New("no line")
		case "request":
			text, err := json.Marshal(r)
			if err != nil {
				return decision.CustomResponse{}, err
			}
			return decision.CustomResponse{Output: jsonValue(t, `{"request":`+string(text)+`}`)}, nil
		}
		all, err := r.Rendered()
		if err != nil {
			return decision.CustomResponse{}, err
		}
		field, found, err := r.Field("list.1")
		if err != nil {
			return decision.CustomResponse{}, err
		}
		m := value.NewMap(3)
		m.Set("all", all)
		m.Set("field", field)
		m.Set("found", value.Bool(found))
		return decision.CustomResponse{Output: value.Object(m), TraceData: value.Int(7)}, nil
	})
	engine := decision.New(decision.WithCustom(handler))
	for _, c := range []struct{ content, want string }{
		{
			`{"kind":"k","config":{"a":"{{ x + 1 }}","b":"x is {{x}}, {{ l }}","c":5,"list":["t","{{ $nodes.in.x }}"],"d":" "}}`,
			`{"all":{"a":3,"b":"x is 2, [1,\"z\"]","c":5,"list":["t",2],"d":null},"field":2,"found":true}`,
		},
		{`{"kind":"k","config":null}`, `{"found":false}`},
		{`{"kind":"fail","config":{}}`, `{"type":"NodeError","nodeId":"c","source":"no line"}`},
		{`{"kind":"request","config":{"a":"{{ x }}"}}`, `{"request":{"input":{"x":2,"l":[1,"z"]},"node":{"id":"c","name":"c","kind":"request","config":{"a":"{{ x }}"}}}}`},
	} {
		if got := evaluated(t, engine, parsed(t, between("c custom "+c.content)), `{"x":2,"l":[1,"z"]}`); !sameJSON(t, got, c.want) {
			t.Errorf("%s: got %s, want %s", c.content, got, c.want)
		}
	}
	if got := evaluated(t, decision.New(), parsed(t, between(`c custom {"kind":"k","config":{}}`)), `{}`); got != `{"type":"NodeError","nodeId":"c","source":"Custom node handler not provided"}` {
		t.Error(got)
	}
	response, err := engine.EvaluateJSON(context.Background(), parsed(t, between(`c custom {"kind":"k","config":{}}`)), []byte(`{"x":2}`), decision.EvaluateOptions{Trace: true})
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := response.Trace.Get("c"); string(n.Data.AppendJSON(nil)) != "7" {
		t.Errorf("%s", n.Data)
	}
}

// Scripts see what their node sees, and reach other decisions.
func TestFunctionsInGraphs(t *testing.T) {
	documents := map[string]string{"double": between("e expression " + expression("", "y=x * 2")), "self": ""}
	source := `import zen from 'zen'; export const handler = async (input) => { const r = await zen.evaluate('double', { x: input.x }); console.log('seen', input.x); return { ...r.result, from: input.$nodes.in.x }; }`
	text, _ := json.Marshal(source)
	d := parsed(t, between(`f function {"source":`+string(text)+`}`))
	engine := decision.New(decision.WithLoader(loaderOf(documents)), decision.WithFunctions(script.New()))
	response, err := engine.EvaluateJSON(context.Background(), d, []byte(`{"x":21}`), decision.EvaluateOptions{Trace: true})
	if err != nil {
		t.Fatal(err)
	}
	if !sameJSON(t, string(response.Result.AppendJSON(nil)), `{"y":42,"from":21}`) {
		t.Errorf("%s", response.Result)
	}
	n, _ := response.Trace.Get("f")
	if !strings.Contains(string(n.Data.AppendJSON(nil)), `{"log":[{"lines":["\"seen\"","21"],"msSinceRun":`) {
		t.Errorf("%s", n.Data)
	}
	// A decision that a script asks for is one deeper.
	for depth, fails := range map[int]bool{1: true, 2: false} {
		_, err := engine.EvaluateJSON(context.Background(), d, []byte(`{"x":21}`), decision.EvaluateOptions{MaxDepth: depth})
		if (err != nil) != fails || fails && !strings.Contains(err.Error(), "Depth limit exceeded") {
			t.Errorf("%d deep: %v", depth, err)
		}
	}
	if got := evaluated(t, decision.New(), d, `{}`); !strings.Contains(got, "Function node handler not provided") {
		t.Error(got)
	}
}

func TestClockAndZone(t *testing.T) {
	d := parsed(t, between("e expression "+expression("", "now=d().format('%Y-%m-%d %H:%M')", "day=d('2024-07-01').format('%:z')")))
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	engine := decision.New(decision.WithClock(referenceClock), decision.WithZone(berlin))
	if got := evaluated(t, engine, d, `{}`); got != `{"now":"2025-08-19 18:55","day":"+02:00"}` {
		t.Error(got)
	}
	later := func() time.Time { return referenceClock().Add(24 * time.Hour) }
	response, err := engine.EvaluateJSON(context.Background(), d, []byte(`{}`), decision.EvaluateOptions{Clock: later})
	if err != nil || !strings.Contains(string(response.Result.AppendJSON(nil)), "2025-08-20") {
		t.Errorf("%v %v", response, err)
	}
}

// One decision in sixteen goroutines answers as in one.
func TestManyGoroutines(t *testing.T) {
	engine := decision.New()
	var group sync.WaitGroup
	for _, c := range graphs.All() {
		if strings.Contains(c.Name, "10000") {
			continue
		}
		d := parsed(t, c.Graph)
		want := evaluated(t, engine, d, c.Input)
		for range 16 {
			group.Go(func() {
				for i := range 20 {
					response, err := engine.EvaluateJSON(context.Background(), d, []byte(c.Input), decision.EvaluateOptions{Trace: i%2 == 0})
					if err != nil || string(response.Result.AppendJSON(nil)) != want {
						t.Errorf("%s: %v, %v", c.Name, response, err)
						return
					}
				}
			})
		}
	}
	group.Wait()
}

// Nothing is kept of an evaluation.
func TestNothingGrows(t *testing.T) {
	times := 20_000
	if testing.Short() {
		times = 2000
	}
	engine := decision.New()
	d := parsed(t, graphs.FiveNodes())
	input := []byte(graphs.All()[0].Input)
	live := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	run := func() {
		for i := range times {
			if _, err := engine.EvaluateJSON(context.Background(), d, input, decision.EvaluateOptions{Trace: i%8 == 0}); err != nil {
				t.Fatal(err)
			}
		}
	}
	run()
	before := live()
	run()
	if grown := live() - before; grown > 256<<10 {
		t.Errorf("%d evaluations leave %d bytes", times, grown)
	}
}

func TestCacheCompilesOnce(t *testing.T) {
	document := []byte(graphs.FiveNodes())
	d, err := decision.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	cache := decision.NewCache(3*d.Size(), decision.Limits{})
	first, err := cache.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := cache.Parse(append([]byte(nil), document...)); again != first {
		t.Error("compiled twice")
	}
	for i := range 10 {
		if _, err := cache.Parse([]byte(strings.Replace(string(document), "customer.age", fmt.Sprintf("customer.age%d", i), 1))); err != nil {
			t.Fatal(err)
		}
	}
	if again, _ := cache.Parse(document); again == first {
		t.Error("nothing made room")
	}
	if _, err := cache.Parse([]byte("{")); err == nil {
		t.Error("no error")
	}
}
