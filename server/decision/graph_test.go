package decision_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/value"
)

func TestOrderOfExecution(t *testing.T) {
	nodes := []string{"in input", "a expression " + expression(""), "b expression " + expression(""), "c expression " + expression(""), "out output"}
	for _, c := range []struct {
		edges []string
		want  string
	}{
		// The edge that was declared first is followed first.
		{[]string{"in->c", "in->b", "in->a", "a->out", "b->out", "c->out"}, "in c a b out"},
		// An output ends the walk, whatever was not needed for it.
		{[]string{"in->out", "in->a"}, "in out"},
		{[]string{"in->a", "in->out"}, "in a out"},
		// Depth first.
		{[]string{"in->a", "in->b", "a->c", "b->out"}, "in a c b out"},
		// What a node waits for is executed even where nothing leads to it.
		{[]string{"in->b", "a->b", "b->out"}, "in a b out"},
		{[]string{"in->a"}, "in a"},
		// Two edges between the same nodes.
		{[]string{"in->a", "in->a", "a->out"}, "in a out"},
	} {
		if got := order(t, parsed(t, graph(nodes, c.edges...)), `{}`); got != c.want {
			t.Errorf("%v: got %s, want %s", c.edges, got, c.want)
		}
	}
}

func TestJoinedOutputs(t *testing.T) {
	for _, c := range []struct {
		name, graph, input, want string
	}{
		{"the edge declared first wins", graph([]string{
			"in input", "a expression " + expression("", "k=1", "a=1", "o.a=1"), "b expression " + expression("", "k=2", "b=2", "o.b=2"), "out output",
		}, "in->a", "in->b", "a->out", "b->out"), `{}`, `{"k":1,"b":2,"o":{"b":2,"a":1},"a":1}`},
		{"null takes a member away", graph([]string{
			"in input", "a expression " + expression("", "k=null", "n.x=null"), "out output",
		}, "in->a", "a->out", "in->out"), `{"k":1,"n":{"x":1,"y":2}}`, `{"n":{"y":2}}`},
		{"all ends are joined, the later node wins", graph([]string{
			"in input", "b expression " + expression("", "k=2", "b=1"), "a expression " + expression("", "k=1"),
		}, "in->a", "in->b"), `{}`, `{"k":1,"b":1}`},
		{"null at the top goes", graph([]string{"in input", "a expression " + expression("", "k=null", "o.k=null")}, "in->a"), `{}`, `{"o":{"k":null}}`},
		{"an array takes the place of all", graph([]string{"in input", "a expression " + expression(`"executionMode":"loop","inputField":"list"`, "x=a")}, "in->a"), `{"list":[{"a":1},{"a":2}]}`, `[{"x":1},{"x":2}]`},
		{"an input that is no object is none to its successors", between("a expression " + expression("", "k=$root")), `5`, `{"k":{}}`},
		{"an array passes", between("a expression " + expression(`"executionMode":"loop"`, "k=$root")), `[1,"x"]`, `[{"k":1},{"k":"x"}]`},
		{"what is not an object is not seen in the result", graph([]string{"in input"}), `5`, `{}`},
		{"$nodes is taken out", between("a expression " + expression("", "k=$nodes", "r=$root", "deep.$nodes=1", "$nodes=5")), `{"x":1}`, `{"k":{"in":{"x":1}},"r":{"x":1,"$":{"k":{"in":{"x":1}}}},"deep":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := evaluated(t, decision.New(), parsed(t, c.graph), c.input); !sameJSON(t, got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	return value.Same(jsonValue(t, a), jsonValue(t, b))
}

func TestExpressionNode(t *testing.T) {
	for _, c := range []struct{ name, content, input, want string }{
		{"dotted keys", expression("", "a.b=1", "a.c=2"), `{}`, `{"a":{"b":1,"c":2}}`},
		{"a scalar is in the way", expression("", "x=1", "x.y=2"), `{}`, `{"x":1}`},
		{"no index in keys", expression("", "x[0]=1"), `{}`, `{"x[0]":1}`},
		{"earlier keys only by $", expression("", "a=1", "b=$.a + 1", "c=a"), `{}`, `{"a":1,"b":2}`},
		{"$ is null at first", expression("", "a=$ == null", "b=$.a"), `{}`, `{"a":true,"b":true}`},
		{"empty texts are skipped", expression("", "=1", "b=", "c=3"), `{}`, `{"c":3}`},
		{"what $ was is not changed later", expression("", "a.b=1", "c=$", "a.d=2"), `{}`, `{"a":{"b":1,"d":2},"c":{"a":{"b":1}}}`},
		{"the reason is not told", expression("", "a=1", "b=x + 1"), `{}`, `{"type":"NodeError","nodeId":"e","source":"Failed to evaluate expression: \"x + 1\""}`},
		{"nor why a text is none", expression("", "b=1 +"), `{}`, `{"type":"NodeError","nodeId":"e","source":"Failed to evaluate expression: \"1 +\""}`},
		{"input field", expression(`"inputField":"o"`, "k=a"), `{"o":{"a":1}}`, `{"k":1}`},
		{"input field sees $nodes", expression(`"inputField":"$nodes.in.o"`, "k=a", "n=$nodes.in.o.a"), `{"o":{"a":1}}`, `{"k":1,"n":1}`},
		{"output path", expression(`"outputPath":"a.b"`, "k=1"), `{}`, `{"a":{"b":{"k":1}}}`},
		{"pass through", expression(`"passThrough":true`, "k=1", "gone=null", "o.b=2"), `{"x":1,"gone":1,"o":{"a":1}}`, `{"x":1,"o":{"a":1,"b":2},"k":1}`},
		{"loop", expression(`"executionMode":"loop","inputField":"l","outputPath":"r","passThrough":true`, "d=a * 2"), `{"l":[{"a":1},{"a":2}]}`, `{"l":[{"a":1},{"a":2}],"r":[{"a":1,"d":2},{"a":2,"d":4}]}`},
		{"a loop over nothing", expression(`"executionMode":"loop","inputField":"l"`, "d=a"), `{"l":[]}`, `[]`},
		{"a loop over no array", expression(`"executionMode":"loop"`, "d=a"), `{}`, `{"type":"NodeError","nodeId":"e","source":"Expected an array"}`},
		{"a loop's elements see $nodes", expression(`"executionMode":"loop","inputField":"l"`, "d=$nodes.in.x"), `{"x":7,"l":[{}]}`, `[{"d":7}]`},
		{"dates", expression("", "d=d('2024-01-02')", "i=[1..2]"), `{}`, `{"d":"2024-01-02T00:00:00Z","i":"[1..2]"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := evaluated(t, decision.New(), parsed(t, between("e expression "+c.content)), c.input); !sameJSON(t, got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	t.Run("a loop over what reached the node sees no $nodes", func(t *testing.T) {
		d := parsed(t, between("e expression "+expression(`"executionMode":"loop"`, "d=$nodes == null")))
		if got := evaluated(t, decision.New(), d, `[{}]`); got != `[{"d":true}]` {
			t.Error(got)
		}
	})
	t.Run("dates stay dates between nodes", func(t *testing.T) {
		d := parsed(t, between("a expression "+expression("", "d=d('2024-01-02')"), "b expression "+expression("", "t=type(d)")))
		if got := evaluated(t, decision.New(), d, `{}`); got != `{"t":"date"}` {
			t.Error(got)
		}
	})
}

// table is the content of a decision table: columns as "id=field", rules as JSON.
func table(more string, inputs, outputs []string, rules ...string) string {
	columns := func(list []string) string {
		texts := make([]string, 0, len(list))
		for _, column := range list {
			id, field, _ := strings.Cut(column, "=")
			text, _ := json.Marshal(map[string]string{"id": id, "field": field})
			texts = append(texts, string(text))
		}
		return "[" + strings.Join(texts, ",") + "]"
	}
	if !strings.Contains(more, "hitPolicy") {
		more += `,"hitPolicy":"first"`
	}
	return `{"inputs":` + columns(inputs) + `,"outputs":` + columns(outputs) + `,"rules":[` + strings.Join(rules, ",") + `],` + strings.TrimPrefix(more, ",") + "}"
}

func TestDecisionTable(t *testing.T) {
	collect := `"hitPolicy":"collect"`
	for _, c := range []struct{ name, content, input, want string }{
		{"the first row that holds", table("", []string{"i=a"}, []string{"o=x"}, `{"i":"> 5","o":"1"}`, `{"i":"> 1","o":"2"}`, `{"o":"3"}`), `{"a":3}`, `{"x":2}`},
		{"absent and blank cells hold", table("", []string{"i=a", "j=b"}, []string{"o=x"}, `{"i":" ","o":"1"}`), `{}`, `{"x":1}`},
		{"no row", table("", []string{"i=a"}, []string{"o=x"}, `{"i":"> 5","o":"1"}`), `{"a":3}`, `{}`},
		{"no row, passed through", table(`"passThrough":true`, []string{"i=a"}, []string{"o=x"}, `{"i":"> 5","o":"1"}`), `{"a":3}`, `{"a":3}`},
		{"all rows", table(collect, []string{"i=a"}, []string{"o=x"}, `{"i":"> 1","o":"1"}`, `{"i":"> 5","o":"2"}`, `{"o":"3"}`), `{"a":3}`, `[{"x":1},{"x":3}]`},
		{"all of none", table(collect, []string{"i=a"}, []string{"o=x"}, `{"i":"> 5","o":"2"}`), `{"a":3}`, `[]`},
		{"a column without a field", table("", []string{"i="}, []string{"o=x"}, `{"i":"a","o":"1"}`, `{"i":"a > 1","o":"2"}`), `{"a":3}`, `{"x":2}`},
		{"an error is no match", table("", []string{"i=a"}, []string{"o=x"}, `{"i":"> 'x' + 1","o":"1"}`, `{"i":"bad(","o":"2"}`, `{"o":"3"}`), `{"a":3}`, `{"x":3}`},
		{"neither is one in a field", table("", []string{"i=a + b"}, []string{"o=x"}, `{"i":"null","o":"1"}`, `{"o":"3"}`), `{"a":3}`, `{"x":3}`},
		{"nor one in an output", table("", []string{}, []string{"o=x", "p=y"}, `{"o":"1","p":"a + 'x'"}`, `{"o":"2"}`), `{"a":3}`, `{"x":2}`},
		{"an output cell that is empty writes nothing", table("", nil, []string{"o=x", "p=y.z"}, `{"o":"","p":"1"}`), `{}`, `{"y":{"z":1}}`},
		{"an output without a field is skipped", table("", nil, []string{"o=", "p=y"}, `{"o":"1","p":"1"}`), `{}`, `{"y":1}`},
		{"$ is the last column's value", table("", []string{"i=a", "j=b"}, []string{"o=x"}, `{"i":"> 1","j":"","o":"$"}`), `{"a":3,"b":4}`, `{"x":3}`},
		{"$root with the reference", table("", []string{"i=a"}, []string{"o=x"}, `{"i":"> 1","o":"$root"}`), `{"a":3}`, `{"x":{"a":3,"$":3}}`},
		{"elements that are no objects", table(`"executionMode":"loop","inputField":"l"`, []string{"i=$root"}, []string{"o=x"}, `{"i":"> 1","o":"$"}`, `{"o":"'small'"}`), `{"l":[1,2]}`, `[{"x":"small"},{"x":2}]`},
		{"rows do not share what they write", table(collect, nil, []string{"o=p", "a=p.age"}, `{"o":"person","a":"2"}`, `{"o":"person","a":"3"}`), `{"person":{"name":"Ann"}}`, `[{"p":{"name":"Ann","age":2}},{"p":{"name":"Ann","age":3}}]`},
		{"some columns collect", table("", []string{"i=age"}, []string{"t=c.tier", "g=c.tags[]"},
			`{"i":"> 100","t":"'never'","g":"'never'"}`, `{"i":"> 10","t":"'gold'","g":"'adult'"}`, `{"i":"> 18","t":"'silver'","g":"'grown'"}`,
			`{"i":"> 30","t":"'bronze'","g":""}`, `{"i":"","t":"","g":"'anyone'"}`), `{"age":35}`, `{"c":{"tier":"gold","tags":["adult","grown","anyone"]}}`},
		{"a column that collects nothing", table("", []string{"i=age"}, []string{"t=t", "g=g[]"}, `{"i":"> 1","t":"1"}`), `{"age":35}`, `{"t":1,"g":[]}`},
		{"columns collect, no row", table("", []string{"i=age"}, []string{"g=g[]"}, `{"i":"> 99","g":"1"}`), `{"age":35}`, `{}`},
		{"the mark is left off where rows collect", table(collect, nil, []string{"g=g[]"}, `{"g":"1"}`), `{}`, `[{"g":1}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := evaluated(t, decision.New(), parsed(t, between("t decisionTable "+c.content)), c.input); !sameJSON(t, got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestSwitch(t *testing.T) {
	statements := func(policy string, conditions ...string) string {
		list := make([]map[string]string, 0, len(conditions))
		for i, condition := range conditions {
			list = append(list, map[string]string{"id": "s" + string(rune('1'+i)), "condition": condition})
		}
		text, _ := json.Marshal(list)
		return `{"hitPolicy":"` + policy + `","statements":` + string(text) + "}"
	}
	nodes := func(content string) []string {
		return []string{"in input", "sw switch " + content, "a expression " + expression("", "a=1"), "b expression " + expression("", "b=1"), "c expression " + expression("", "c=1")}
	}
	three := []string{"in->sw", "sw:s1->a", "sw:s2->b", "sw->c"}
	for _, c := range []struct {
		name, graph, input, order, want string
	}{
		{"first", graph(nodes(statements("first", "x > 1", "x > 0")), three...), `{"x":5}`, "in sw a", `{"a":1}`},
		{"collect", graph(nodes(statements("collect", "x > 1", "x > 0")), three...), `{"x":5}`, "in sw a b", `{"a":1,"b":1}`},
		{"an empty condition holds", graph(nodes(statements("first", "x > 1", "")), three...), `{"x":1}`, "in sw b", `{"b":1}`},
		{"an error does not", graph(nodes(statements("first", "x + 'y'", "x")), three...), `{"x":1}`, "in sw", `{}`},
		{"nothing holds", graph(nodes(statements("first", "false")), three...), `{"x":1}`, "in sw", `{}`},
		{"what only the branch led to is not executed", graph(append(nodes(statements("first", "true")), "d expression "+expression("", "d=1")), "in->sw", "sw:s1->a", "sw:s2->b", "b->c", "c->d"), `{}`, "in sw a", `{"a":1}`},
		{"what is joined stays", graph(append(nodes(statements("first", "true")), "out output"), "in->sw", "sw:s1->a", "sw:s2->b", "a->out", "b->out"), `{}`, "in sw a out", `{"a":1}`},
		{"a node that only fed what is gone is gone, too", graph([]string{
			"in input", "feed expression " + expression("", "f=1"), "sw switch " + statements("first", "false"), "a expression " + expression("", "a=1"), "b expression " + expression("", "b=1"),
		}, "in->feed", "feed->sw", "sw:s1->a", "in->b"), `{"x":1}`, "in feed sw b", `{"b":1}`},
		{"$nodes in conditions", graph(nodes(statements("first", "$nodes.in.x == 1")), three...), `{"x":1}`, "in sw a", `{"a":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parsed(t, c.graph)
			if got := evaluated(t, decision.New(), d, c.input); !sameJSON(t, got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := order(t, d, c.input); got != c.order {
				t.Errorf("executed %s, want %s", got, c.order)
			}
			if again := order(t, d, c.input); again != c.order {
				t.Errorf("the second time %s", again)
			}
		})
	}
	t.Run("its output is its input", func(t *testing.T) {
		d := parsed(t, graph(nodes(statements("first", "true")), "in->sw"))
		if got := evaluated(t, decision.New(), d, `{"x":1}`); got != `{"x":1}` {
			t.Error(got)
		}
	})
}

func TestTrace(t *testing.T) {
	d := parsed(t, between(
		"t decisionTable "+table(`"passThrough":true`, []string{"i=a", "j=b.c", "k="}, []string{"o=x"}, `{"_id":"r1","i":"> 5"}`, `{"_id":"r2","_description":"why","i":" > 1 ","k":"true","j":"","o":"$"}`),
		"e expression "+expression("", "y.z=x + 1"),
	))
	response, err := decision.New().EvaluateJSON(context.Background(), d, []byte(`{"a":3,"b":{"c":null}}`), decision.EvaluateOptions{Trace: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range response.Trace.Nodes {
		if p := response.Trace.Nodes[i].Performance; !strings.HasSuffix(p, "s") || !strings.Contains(p, ".") {
			t.Errorf("performance %q", p)
		}
		response.Trace.Nodes[i].Performance = "1.0ns"
	}
	response.Performance = "2.0µs"
	want := `{"performance":"2.0µs","result":{"y":{"z":4}},"trace":{` +
		`"in":{"id":"in","name":"in","order":0,"performance":"1.0ns","input":null,"output":{"a":3,"b":{"c":null}},"traceData":null},` +
		`"t":{"id":"t","name":"t","order":1,"performance":"1.0ns","input":{"a":3,"b":{"c":null}},"output":{"a":3,"b":{"c":null},"x":3},"traceData":` +
		`{"index":1,"reference_map":{"a":3,"b.c":null},"rule":{"_id":"r2","_description":"why","a[i]":"> 1","b.c[j]":""}}},` +
		`"e":{"id":"e","name":"e","order":2,"performance":"1.0ns","input":{"a":3,"b":{"c":null},"x":3},"output":{"y":{"z":4}},"traceData":{"y.z":{"result":4}}},` +
		`"out":{"id":"out","name":"out","order":3,"performance":"1.0ns","input":{"y":{"z":4}},"output":null,"traceData":null}}}`
	text, err := json.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	if !sameJSON(t, string(text), want) {
		t.Errorf(" got %s\nwant %s", text, want)
	}
	if n, ok := response.Trace.Get("e"); !ok || n.Order != 2 {
		t.Errorf("%v %v", n, ok)
	}
	asText := string(response.AppendJSONMode(nil, decision.TraceString))
	if !strings.Contains(asText, `"trace":"{\"in\":{\"id\":\"in\"`) {
		t.Error(asText)
	}
	references := string(response.AppendJSONMode(nil, decision.TraceReference))
	if !strings.Contains(references, `"$refs":[`) || !strings.Contains(references, `"$root":`) || len(references) >= len(text) {
		t.Error(references)
	}
}

func TestTraceOfFailure(t *testing.T) {
	d := parsed(t, between("e expression "+expression("", "a=1", "b=x + 1", "c=1")))
	_, err := decision.New().EvaluateJSON(context.Background(), d, []byte(`{"x":"y"}`), decision.EvaluateOptions{Trace: true})
	text, _ := json.Marshal(err)
	got := jsonValue(t, string(text))
	trace, _ := got.AsObject().Get("trace")
	e, _ := trace.AsObject().Get("e")
	data, _ := e.AsObject().Get("traceData")
	out, _ := e.AsObject().Get("output")
	if data.String() != `{"a":{"result":1}}` || !out.IsNull() || trace.AsObject().Len() != 2 {
		t.Errorf("%s", text)
	}
}
