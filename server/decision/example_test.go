package decision_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/understudy-api/understudy/server/decision"
)

// document is a table of discounts between an input and an output.
const document = `{
  "nodes": [
    {"id": "in", "name": "order", "type": "inputNode"},
    {"id": "t", "name": "discount", "type": "decisionTableNode", "content": {
      "hitPolicy": "first",
      "inputs": [{"id": "i", "field": "total"}],
      "outputs": [{"id": "o", "field": "discount.percent"}],
      "rules": [{"_id": "large", "i": ">= 100", "o": "10"}, {"_id": "other", "o": "0"}]
    }},
    {"id": "out", "name": "answer", "type": "outputNode"}
  ],
  "edges": [
    {"id": "e1", "sourceId": "in", "targetId": "t"},
    {"id": "e2", "sourceId": "t", "targetId": "out"}
  ]
}`

func Example() {
	d, err := decision.Parse([]byte(document))
	if err != nil {
		fmt.Println(err)
		return
	}
	engine := decision.New()
	for _, input := range []string{`{"total": 120}`, `{"total": 20}`} {
		response, err := engine.EvaluateJSON(context.Background(), d, []byte(input), decision.EvaluateOptions{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(response.Result)
	}
	// Output:
	// {"discount":{"percent":10}}
	// {"discount":{"percent":0}}
}

func ExampleEngine_EvaluateKey() {
	cache := decision.NewCache(64<<20, decision.Limits{})
	loader := decision.LoaderFunc(func(_ context.Context, key string) (*decision.Decision, error) {
		if key != "discount" {
			return nil, decision.ErrNotFound
		}
		return cache.Parse([]byte(document)) // compiled the first time
	})
	engine := decision.New(decision.WithLoader(loader))
	_, err := engine.EvaluateKey(context.Background(), "refund", jsonObject(), decision.EvaluateOptions{})
	if failure, ok := errors.AsType[*decision.Error](err); ok {
		text, _ := json.Marshal(failure)
		fmt.Println(string(text))
	}
	// Output: {"type":"LoaderError","key":"refund"}
}

func ExampleTrace() {
	d, err := decision.Parse([]byte(document))
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := decision.New().EvaluateJSON(context.Background(), d, []byte(`{"total": 120}`), decision.EvaluateOptions{Trace: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, node := range response.Trace.Nodes {
		fmt.Println(node.Order, node.Name, node.Data)
	}
	// Output:
	// 0 order null
	// 1 discount {"index":0,"reference_map":{"total":120},"rule":{"_id":"large","total[i]":">= 100"}}
	// 2 answer null
}
