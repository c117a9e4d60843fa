package decision

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/understudy-api/understudy/server/decision/value"
)

// withoutIndex compiles a document whose tables are scanned row by row.
func withoutIndex(t testing.TB, text string) *Decision {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.nodes {
		if d.nodes[i].table != nil {
			d.nodes[i].table.index = nil
		}
	}
	return d
}

// outcome is what a decision answers, or fails with, without times.
func outcome(d *Decision, input value.Value, traced bool) string {
	response, err := New().Evaluate(context.Background(), d, input, EvaluateOptions{Trace: traced})
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	b.Write(response.Result.AppendJSON(nil))
	if response.Trace != nil {
		for _, n := range response.Trace.Nodes {
			fmt.Fprintf(&b, "\n%s %s %s", n.ID, n.Output.AppendJSON(nil), n.Data.AppendJSON(nil))
		}
	}
	return b.String()
}

var (
	tableFields = []string{"n", "s", "b", "o.d", "missing", "n + s", "bad(", "", "$root.n", "d(day)"}
	tableCells  = []string{
		"", "", "1", "2", "2.0", "-0", "0", "'a'", "'b', 'c'", "true", "false", "null", "> 1", "<= 2", "[1..2]", "(1..2)", "]1..2[", "> 0 and < 3",
		"1, 2, 3", "'a', 1", "[1, 'a', null]", "not in [1]", "!= 'a'", "> 1, 'a'", "'a', > 1", "$ == s", "bad(", "len($) == 1", "$ > n", "1..2", "> 1e3",
		"< 79228162514264337593543950335", "d('2024-01-01')", "> d('2023-01-01')", "n", "$root.n == 1", "> 1 or < 0",
	}
	bareCells   = []string{"", "n > 1", "true", "false", "s", "$ == 1", "$ == null", "n + s == 2"}
	outputCells = []string{"1", "$", "n", "", "n + s", "bad(", "string($)", "$root", "s", "[$]", "type($)"}
)

func drawTable(t *rapid.T) string {
	pick := func(name string, list []string) string { return rapid.SampledFrom(list).Draw(t, name) }
	type object = map[string]any
	inputs, outputs, rules := []object{}, []object{}, []object{}
	columns := rapid.IntRange(1, 4).Draw(t, "columns")
	for i := range columns {
		inputs = append(inputs, object{"id": fmt.Sprintf("i%d", i), "field": pick("field", tableFields)})
	}
	for i := range rapid.IntRange(1, 2).Draw(t, "outputs") {
		outputs = append(outputs, object{"id": fmt.Sprintf("o%d", i), "field": pick("output", []string{"x", "y", "x.z", "list[]", ""})})
	}
	// Few texts per table, so that rows match.
	some := rapid.SliceOfN(rapid.SampledFrom(tableCells), 1, 6).Draw(t, "cells")
	for r := range rapid.IntRange(minIndexed, 80).Draw(t, "rows") {
		rule := object{"_id": fmt.Sprintf("r%d", r)}
		for i := range columns {
			switch {
			case rapid.IntRange(0, 9).Draw(t, "absent") == 0:
			case inputs[i]["field"] == "":
				rule[fmt.Sprintf("i%d", i)] = pick("bare", bareCells)
			default:
				rule[fmt.Sprintf("i%d", i)] = pick("cell", some)
			}
		}
		for i := range outputs {
			rule[fmt.Sprintf("o%d", i)] = pick("value", outputCells)
		}
		rules = append(rules, rule)
	}
	content := object{
		"hitPolicy": pick("policy", []string{"first", "collect"}), "inputs": inputs, "outputs": outputs, "rules": rules,
		"executionMode": pick("mode", []string{"single", "single", "loop"}), "inputField": pick("from", []string{"", "", "rows", "n"}),
	}
	text, err := json.Marshal(object{
		"nodes": []object{
			{"id": "in", "name": "in", "type": "inputNode"},
			{"id": "t", "name": "t", "type": "decisionTableNode", "content": content},
		},
		"edges": []object{{"id": "e", "sourceId": "in", "targetId": "t"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What the index finds is what a scan of the rows finds: results, traces, errors, and
// what $ is in them.
func TestIndexFindsWhatScanFinds(t *testing.T) {
	indexed := 0
	rapid.Check(t, func(rt *rapid.T) {
		text := drawTable(rt)
		fast, err := Parse([]byte(text))
		if err != nil {
			rt.Fatal(err)
		}
		if fast.nodes[1].table.index != nil {
			indexed++
		}
		slow := withoutIndex(t, text)
		for range 4 {
			scalar := rapid.SampledFrom([]string{"1", "2", "0", "1.5", "2.00", "-1", "3", "'a'", "'b'", "true", "false", "null", "[1]", "{}"})
			draw := func(name string) string { return strings.ReplaceAll(scalar.Draw(rt, name), "'", `"`) }
			member := func() string {
				return fmt.Sprintf(`{"n":%s,"s":%s,"b":%s,"o":{"d":%s},"day":"2024-01-01"}`, draw("n"), draw("s"), draw("b"), draw("d"))
			}
			whole := member()
			input, err := value.Parse([]byte(fmt.Sprintf(`%s,"rows":[%s,%s,%s]}`, strings.TrimSuffix(whole, "}"), member(), draw("row"), member())))
			if err != nil {
				rt.Fatal(err)
			}
			traced := rapid.Bool().Draw(rt, "traced")
			if got, want := outcome(fast, input, traced), outcome(slow, input, traced); got != want {
				rt.Fatalf("with an index %s\nwithout       %s\n%s\n%s", got, want, text, input)
			}
		}
	})
	if indexed == 0 {
		t.Error("no table had an index")
	}
}
