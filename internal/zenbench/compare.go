package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/value"
)

// compare evaluates random graphs on both engines, with traces.
func (v *vendor) compare(out io.Writer, graphs int, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // graphs to compare, reproducible
	engine := decision.New()
	different, failed, traced, crashed := 0, 0, 0, 0
	for i := range graphs {
		graph, input := randomGraph(random)
		trace := i%4 != 0
		theirs, err := v.ask(request{Graph: graph, Input: json.RawMessage(input), Trace: trace})
		if errors.Is(err, io.EOF) && v.ctx.Err() == nil {
			crashed++ // it does, at times
			v.close()
			if err := v.start(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		mine := answer(engine, graph, input, trace)
		wanted := theirs.Error
		if wanted == "" {
			wanted = string(theirs.Data)
		} else {
			failed++
		}
		if trace {
			traced++
		}
		a, b := plain(wanted), plain(mine)
		if a != b && shared(graph) {
			a, b = resultOf(a), resultOf(b)
		}
		if a != b {
			different++
			fmt.Fprintf(out, "\n%s\n%s\nvendor's: %s\nours:     %s\n", graph, input, a, b)
			if different == 5 {
				break
			}
		}
	}
	fmt.Fprintf(out, "%d graphs, %d traced, %d that fail, %d that end the vendor's engine: %d differ\n", graphs, traced, failed, crashed, different)
	if different > 0 {
		return errors.New("the engines differ")
	}
	return nil
}

func answer(engine *decision.Engine, graph, input string, trace bool) string {
	d, err := decision.Parse([]byte(graph))
	if err != nil {
		return err.Error()
	}
	response, err := engine.EvaluateJSON(context.Background(), d, []byte(input), decision.EvaluateOptions{Trace: trace})
	var failure *decision.Error
	switch {
	case errors.As(err, &failure):
		return string(failure.AppendJSON(nil))
	case err != nil:
		return err.Error()
	default:
		return string(response.AppendJSON(nil))
	}
}

// shared reports whether a graph may end in several nodes, whose outputs are then
// joined.
func shared(graph string) bool {
	d, err := value.Parse([]byte(graph))
	if err != nil {
		return false
	}
	nodes, _ := d.AsObject().Get("nodes")
	edges, _ := d.AsObject().Get("edges")
	leaves := map[string]bool{}
	for _, n := range nodes.AsArray() {
		id, _ := n.AsObject().Get("id")
		kind, _ := n.AsObject().Get("type")
		if kind.AsString() == "switchNode" {
			return true
		}
		leaves[id.AsString()] = true
	}
	for _, edge := range edges.AsArray() {
		source, _ := edge.AsObject().Get("sourceId")
		delete(leaves, source.AsString())
	}
	return len(leaves) > 1
}

// resultOf leaves the trace away.
func resultOf(answer string) string {
	v, err := value.Parse([]byte(answer))
	if err != nil {
		return answer
	}
	members := v.AsObject().Clone()
	members.Delete("trace")
	return string(value.Object(members).AppendJSON(nil))
}

// plain is an answer with keys sorted, without times and null members, and without
// what nodes gave: 0.54 joins the last ones in place, where its trace sees it.
func plain(text string) string {
	v, err := value.Parse([]byte(text))
	if err != nil {
		return text
	}
	return string(timeless(v).AppendJSON(nil))
}

func timeless(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindArray:
		items := make([]value.Value, 0, len(v.AsArray()))
		for _, item := range v.AsArray() {
			items = append(items, timeless(item))
		}
		return value.Array(items)
	case value.KindObject:
		m := value.NewMap(v.AsObject().Len())
		for i := range v.AsObject().Len() {
			if key, member := v.AsObject().At(i); key != "performance" && key != "output" && !member.IsNull() {
				m.Set(key, timeless(member))
			}
		}
		return value.Object(m)
	default:
		return v
	}
}

// What random graphs are made of: what both versions of the engine do alike.
var (
	fields     = []string{"a", "b", "c.d", "c", "list", "s"}
	conditions = []string{"a > 2", "b == 'x'", "a < 3 and b != 'y'", "true", "false", "", "a", "len(s) > 1", "nope.x == null", "a + s", "$nodes.in.a == 1", "c.d != null"}
	// None of them gives null: version 0.54 drops null from what the first node before
	// another gave, 2.0 keeps it. None gives an object: 0.54 changes those that several
	// nodes share in place.
	formulas = []string{
		"(a ?? 0) + 1", "b ?? 'none'", "c ?? 1", "list ?? []", "map(list, # * 2)", "'t' + s",
		"[a, b]", "$nodes.in.a ?? 10", "$root.b ?? 5", "$.a ?? 6", "a > 1 ? c ?? 7 : 8", "sum(list)", "s + 1", "keys($nodes)[0] != null", "len(list)",
		"(a ?? 1) * 1.5",
	}
	unary   = []string{"1", "> 1", "'x'", "[1..3]", "", " ", "'x', 'y'", "null", "> 1 and < 4", "!= 1", "true", "bad(", "< 2 or 3", "not in [1, 2]", "$ == a", "len($) > 0"}
	keys    = []string{"a", "b", "c", "k", "list", ""}
	columns = []string{"a", "b", "c.d", "s", "", "list", "a + 1", "bad(", "s + 1", "len(s)"}
)

func pick(random *rand.Rand, list []string) string { return list[random.IntN(len(list))] }

func randomGraph(random *rand.Rand) (graph, input string) {
	n := 1 + random.IntN(6)
	type object = map[string]any
	nodes := []object{{"id": "in", "name": "in", "type": "inputNode", "content": object{}}}
	for i := range n {
		id := "n" + strconv.Itoa(i)
		kind, content := randomNode(random, id)
		nodes = append(nodes, object{"id": id, "name": id, "type": kind, "content": content})
	}
	if random.IntN(4) > 0 {
		nodes = append(nodes, object{"id": "out", "name": "out", "type": "outputNode", "content": object{}})
	}
	edges := []object{}
	connect := func(from, to int) {
		edge := object{"id": "e" + strconv.Itoa(len(edges)), "sourceId": nodes[from]["id"], "targetId": nodes[to]["id"]}
		if nodes[from]["type"] == "switchNode" && random.IntN(8) > 0 {
			edge["sourceHandle"] = "h" + strconv.Itoa(random.IntN(3))
		}
		edges = append(edges, edge)
	}
	for to := 1; to < len(nodes); to++ {
		for range 1 + random.IntN(2) {
			if random.IntN(12) > 0 {
				connect(random.IntN(to), to)
			}
		}
	}
	random.Shuffle(len(edges), func(i, j int) { edges[i], edges[j] = edges[j], edges[i] })
	random.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	text, err := json.Marshal(object{"nodes": nodes, "edges": edges})
	if err != nil {
		return "", ""
	}
	given := object{}
	for _, field := range []string{"a", "b", "s"} {
		switch random.IntN(3) {
		case 0:
			given[field] = []string{"x", "y", "long"}[random.IntN(3)]
		default:
			given[field] = random.IntN(5)
		}
	}
	given["c"] = random.IntN(4)
	given["list"] = []object{{"a": 1, "s": "q"}, {"a": 2, "b": "x"}}
	if random.IntN(2) == 0 {
		given["list"] = []int{1, 2, 3}
	}
	whole, err := json.Marshal(given)
	if err != nil {
		return "", ""
	}
	switch random.IntN(20) {
	case 0:
		return string(text), []string{"5", "[1,2]", "null", `"x"`, "true", `[{"a":1}]`}[random.IntN(6)]
	default:
		return string(text), string(whole)
	}
}

func randomNode(random *rand.Rand, id string) (kind string, content map[string]any) {
	type object = map[string]any
	content = object{}
	switch random.IntN(5) {
	case 0:
		statements := []object{}
		for i := range 1 + random.IntN(3) {
			statements = append(statements, object{"id": "h" + strconv.Itoa(i), "condition": pick(random, conditions)})
		}
		content["statements"] = statements
		content["hitPolicy"] = []string{"first", "collect"}[random.IntN(2)]
		return "switchNode", content
	case 1, 2:
		expressions := []object{}
		for i := range random.IntN(4) {
			expressions = append(expressions, object{"id": strconv.Itoa(i), "key": pick(random, keys), "value": pick(random, formulas)})
		}
		content["expressions"] = expressions
		kind = "expressionNode"
	default:
		ins, outs, rules := []object{}, []object{}, []object{}
		for i := range random.IntN(3) {
			ins = append(ins, object{"id": "i" + strconv.Itoa(i), "name": "i", "field": pick(random, columns)})
		}
		for i := range 1 + random.IntN(2) {
			outs = append(outs, object{"id": "o" + strconv.Itoa(i), "name": "o", "field": pick(random, keys[:len(keys)-1])})
		}
		for r := range random.IntN(14) {
			rule := object{"_id": id + strconv.Itoa(r)}
			if random.IntN(3) == 0 {
				rule["_description"] = " why "
			}
			for i := range ins {
				if ins[i]["field"] == "" {
					rule["i"+strconv.Itoa(i)] = pick(random, conditions)
				} else {
					rule["i"+strconv.Itoa(i)] = pick(random, unary)
				}
			}
			for i := range outs {
				rule["o"+strconv.Itoa(i)] = pick(random, formulas)
			}
			rules = append(rules, rule)
		}
		content["inputs"], content["outputs"], content["rules"] = ins, outs, rules
		content["hitPolicy"] = []string{"first", "first", "collect"}[random.IntN(3)]
		kind = "decisionTableNode"
	}
	if random.IntN(2) == 0 {
		content["passThrough"] = true
	}
	if random.IntN(4) == 0 {
		content["inputField"] = pick(random, append([]string{"", "list", "$nodes.in.list"}, fields...))
	}
	if random.IntN(4) == 0 {
		content["outputPath"] = pick(random, keys)
	}
	if random.IntN(5) == 0 {
		content["executionMode"] = "loop"
		if random.IntN(3) > 0 {
			content["inputField"] = "list"
		}
	}
	return kind, content
}
