// Package decision evaluates decisions: graphs of nodes, as GoRules writes them
// (JDM), whose expressions are in the ZEN language. It is Go alone and knows nothing
// of HTTP, of a store, or of an API.
//
// [Parse] compiles a document once; the [Decision] may then be evaluated by many
// goroutines at once, by an [Engine] that has what decisions need around them:
//
//	d, err := decision.Parse(document)
//	engine := decision.New(decision.WithLoader(loader))
//	response, err := engine.EvaluateJSON(ctx, d, []byte(`{"total": 120}`), decision.EvaluateOptions{})
//
// Executed are input, output, decision table, expression, switch and decision nodes;
// function nodes by a [FunctionHandler] (package script has one), custom nodes by a
// [CustomHandler]. Policies, the vendor's second kind of document, are refused.
//
// Results, traces, errors and their texts are those of the vendor's engine, version
// 2.0.1; docs/decisions.md lists what differs. A hostile document or input ends with an
// error: see [Limits].
package decision
