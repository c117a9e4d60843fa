// Package graphs makes the decisions that are measured: by the benchmarks of
// server/decision, and by internal/zenbench beside the vendor's engine.
package graphs

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A Case is a decision and an input for it, both JSON.
type Case struct {
	Name         string
	Graph, Input string
}

// All returns the cases.
func All() []Case {
	cases := []Case{{"five nodes", FiveNodes(), `{"customer":{"tier":"gold","country":"DE","age":41},"cart":{"total":220.5,"items":3}}`}}
	for _, rows := range []int{10, 1000, 10_000} {
		for _, hit := range []struct {
			name string
			row  int
		}{{"early", rows / 10}, {"late", rows - 1}, {"none", rows}} {
			cases = append(cases, Case{
				fmt.Sprintf("table of %d rows, hit %s", rows, hit.name), Table(rows),
				fmt.Sprintf(`{"code":"C%d","amount":%d,"active":true}`, hit.row, hit.row*10+5),
			})
		}
	}
	items := make([]string, 1000)
	for i := range items {
		items[i] = fmt.Sprintf(`{"price":%d.5,"quantity":%d}`, i%90+1, i%7+1)
	}
	return append(
		cases,
		Case{"loop of 1000 elements", Loop(), `{"items":[` + strings.Join(items, ",") + `]}`},
		Case{"20 expressions", Expressions(), `{"a":3,"b":4.5,"name":"Ann","list":[1,2,3,4,5]}`},
	)
}

// object is JSON that is made; what is given are maps, slices and texts.
type object = map[string]any

func document(nodes []object, edges ...[2]string) string {
	list := make([]object, 0, len(edges))
	for i, edge := range edges {
		list = append(list, object{"id": fmt.Sprintf("e%d", i), "type": "edge", "sourceId": edge[0], "targetId": edge[1]})
	}
	text, err := json.Marshal(object{"nodes": nodes, "edges": list})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func node(id, kind string, content object) object {
	return object{"id": id, "name": id, "type": kind, "content": content}
}

func expressions(pairs ...string) []object {
	list := []object{}
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, object{"id": fmt.Sprintf("x%d", i), "key": pairs[i], "value": pairs[i+1]})
	}
	return list
}

// FiveNodes is an input, an expression node, a table, another expression node and an
// output.
func FiveNodes() string {
	return document(
		[]object{
			node("in", "inputNode", object{}),
			node("prepare", "expressionNode", object{
				"passThrough": true,
				"expressions": expressions(
					"vat", "cart.total * 0.19",
					"adult", "customer.age >= 18",
					"label", "upper(customer.tier) + ' ' + customer.country",
				),
			}),
			node("discount", "decisionTableNode", object{
				"passThrough": true, "hitPolicy": "first",
				"inputs": []object{
					{"id": "tier", "name": "Tier", "field": "customer.tier"},
					{"id": "total", "name": "Total", "field": "cart.total"},
				},
				"outputs": []object{{"id": "rate", "name": "Rate", "field": "discount.rate"}, {"id": "why", "name": "Why", "field": "discount.why"}},
				"rules": []object{
					{"_id": "r1", "tier": "'platinum'", "total": "", "rate": "0.2", "why": "'platinum'"},
					{"_id": "r2", "tier": "'gold'", "total": "> 500", "rate": "0.15", "why": "'gold, large'"},
					{"_id": "r3", "tier": "'gold'", "total": "[100..500]", "rate": "0.1", "why": "'gold, ' + string($)"},
					{"_id": "r4", "tier": "", "total": "", "rate": "0", "why": "'none'"},
				},
			}),
			node("sum", "expressionNode", object{
				"expressions": expressions(
					"net", "cart.total * (1 - discount.rate)",
					"gross", "round($.net + vat, 2)",
					"label", "label",
					"free", "$.gross > 100 and adult",
				),
			}),
			node("out", "outputNode", object{}),
		},
		[2]string{"in", "prepare"}, [2]string{"prepare", "discount"}, [2]string{"discount", "sum"}, [2]string{"sum", "out"},
	)
}

// Table is a decision table of that many rows: a code, a range of amounts and a flag.
func Table(rows int) string {
	rules := make([]object, 0, rows)
	for i := range rows {
		rules = append(rules, object{
			"_id": fmt.Sprintf("r%d", i), "code": fmt.Sprintf("'C%d'", i), "amount": fmt.Sprintf("[%d..%d)", i*10, i*10+10),
			"active": "true", "price": fmt.Sprintf("%d.25", i), "name": fmt.Sprintf("'row %d'", i),
		})
	}
	return document(
		[]object{
			node("in", "inputNode", object{}),
			node("table", "decisionTableNode", object{
				"hitPolicy": "first",
				"inputs": []object{
					{"id": "code", "name": "Code", "field": "code"},
					{"id": "amount", "name": "Amount", "field": "amount"},
					{"id": "active", "name": "Active", "field": "active"},
				},
				"outputs": []object{{"id": "price", "name": "Price", "field": "price"}, {"id": "name", "name": "Name", "field": "name"}},
				"rules":   rules,
			}),
			node("out", "outputNode", object{}),
		},
		[2]string{"in", "table"}, [2]string{"table", "out"},
	)
}

// Loop is an expression node that is executed for each element of items.
func Loop() string {
	return document(
		[]object{
			node("in", "inputNode", object{}),
			node("each", "expressionNode", object{
				"inputField": "items", "outputPath": "items", "executionMode": "loop", "passThrough": true,
				"expressions": expressions("total", "price * quantity", "large", "$.total > 100"),
			}),
			node("out", "outputNode", object{}),
		},
		[2]string{"in", "each"}, [2]string{"each", "out"},
	)
}

// Expressions is one node of twenty expressions.
func Expressions() string {
	return document(
		[]object{
			node("in", "inputNode", object{}),
			node("all", "expressionNode", object{
				"expressions": expressions(
					"sum", "a + b", "product", "a * b", "power", "a ^ 2", "ratio", "b / a", "rest", "a % 2",
					"larger", "a > b ? a : b", "both", "a > 1 and b > 1", "in", "a in [1..5]", "not", "not (a == 3)", "text", "upper(name)",
					"greeting", "'Hello ' + name", "length", "len(name)", "total", "sum(list)", "largest", "max(list)", "mean", "avg(list)",
					"even", "filter(list, # % 2 == 0)", "doubled", "map(list, # * 2)", "any", "some(list, # > 4)", "nested.value", "$.sum + $.product", "last", "list[4]",
				),
			}),
			node("out", "outputNode", object{}),
		},
		[2]string{"in", "all"}, [2]string{"all", "out"},
	)
}
