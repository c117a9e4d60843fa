package decision

import "github.com/understudy-api/understudy/server/decision/zen"

// Limits bound what a document or an evaluation may cost, so that a hostile one
// ends with an error (KindLimit) and not with the process. A zero field stands for
// its default. How long an evaluation may take is said by its context.
type Limits struct {
	// DocumentBytes is the size of a document: 16 MiB.
	DocumentBytes int
	// InputBytes is the size of an input given as JSON: 16 MiB.
	InputBytes int
	// Depth is how deep arrays and objects may be nested in a document or an
	// input: 128, as the vendor's engine has it.
	Depth int
	// Nodes and Edges are those of one graph: 100,000 and 400,000.
	Nodes, Edges int
	// TableCells are the members of all rules of a graph's decision tables: 4,000,000.
	TableCells int
	// Tokens are those of all expressions of a graph, the same text counting once:
	// 600,000.
	Tokens int
	// MaxDepth is how many decisions may be evaluated within each other, the
	// outermost included: 10. [EvaluateOptions] may say otherwise.
	MaxDepth int
	// Evaluations are the nodes executed in one evaluation, those of decisions
	// within it and each element of a loop included: 1,000,000.
	Evaluations int
	// ResultBytes is about the size of the result, and of the trace, as JSON: 64 MiB.
	ResultBytes int
	// ResultDepth is how deep arrays and objects may be nested in a result: 1,000.
	ResultDepth int
	// Expression bounds each expression of an evaluation.
	Expression zen.Limits
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.DocumentBytes, 16 << 20},
		{&l.InputBytes, 16 << 20},
		{&l.Depth, 128},
		{&l.Nodes, 100_000},
		{&l.Edges, 400_000},
		{&l.TableCells, 4_000_000},
		{&l.Tokens, 600_000},
		{&l.MaxDepth, 10},
		{&l.Evaluations, 1_000_000},
		{&l.ResultBytes, 64 << 20},
		{&l.ResultDepth, 1_000},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return l
}
