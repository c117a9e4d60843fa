package decision

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// A run is one evaluation with all decisions within it.
type run struct {
	engine   *Engine
	ctx      context.Context
	traced   bool
	maxDepth int
	clock    func() time.Time
	left     *int // nodes that may still be executed
	merges   *int // members that may still be joined
	budget   *zen.Budget
	within   int // functions that wait for this one
}

// An evaluation is that of one decision of a run.
type evaluation struct {
	*run
	d         *Decision
	iteration int
	slots     []slot
	executed  []int32
	walk      *walk // where switches take edges away
	trace     *Trace
	env       zen.Env
	// parent holds the outputs of the nodes of the decision around this one.
	parent    value.Value
	hasParent bool
	// all is what nodes returned last, valid for that many executed nodes.
	all   value.Value
	allOf int
	scan  scan
	// bare is set in a loop over what reached the node: as in the reference, its
	// elements see no $nodes, those of an input field do.
	bare bool
}

// A slot is what a node gave.
type slot struct {
	data value.Value
	full bool
}

// evaluate executes a decision. Neither $nodes is taken out of what it returns nor
// is the size looked at.
func (r *run) evaluate(d *Decision, input, parent value.Value, hasParent bool, iteration int) (*Response, *Error) {
	start := time.Now()
	if d.invalid != nil {
		return nil, d.invalid
	}
	if iteration >= r.maxDepth {
		return nil, &Error{Kind: KindDepth}
	}
	e := d.evaluation()
	defer d.release(e)
	e.run, e.iteration, e.parent, e.hasParent = r, iteration, parent, hasParent
	e.env.Clock, e.env.Zone, e.env.Context = r.clock, r.engine.zone, r.ctx
	e.env.Limits, e.env.Budget = &r.engine.limits.Expression, r.budget
	if r.traced {
		e.trace = &Trace{}
	}
	if err := e.execute(input); err != nil {
		if err.Kind == KindNode {
			err.Trace = e.trace
		}
		return nil, err
	}
	result := value.Object(nil)
	if e.walk == nil {
		for _, n := range d.ends {
			result = e.merge(result, e.slots[n].data)
		}
	} else {
		for _, n := range e.walk.ends() {
			result = e.merge(result, e.slots[n].data)
		}
	}
	if err := e.spend(0); err != nil {
		return nil, err
	}
	return &Response{Performance: performance(time.Since(start)), Result: result, Trace: e.trace}, nil
}

func (d *Decision) evaluation() *evaluation {
	e, _ := d.evaluations.Get().(*evaluation)
	if e == nil {
		e = &evaluation{d: d, slots: make([]slot, len(d.nodes)), executed: make([]int32, 0, len(d.order))}
		if d.switches {
			e.walk = newWalk(d)
		}
	} else if e.walk != nil {
		e.walk.begin()
	}
	return e
}

// release lets another evaluation have what this one needed, and lets go of its data.
func (d *Decision) release(e *evaluation) {
	clear(e.slots)
	e.scan.release()
	*e = evaluation{d: d, slots: e.slots, executed: e.executed[:0], walk: e.walk, scan: e.scan}
	d.evaluations.Put(e)
}

func (e *evaluation) execute(input value.Value) *Error {
	if e.walk == nil {
		for _, n := range e.d.order {
			if err := e.node(n, input); err != nil {
				return err
			}
		}
		return nil
	}
	for {
		n, ok, err := e.walk.step(e.choose)
		if err != nil || !ok {
			return err
		}
		if !e.slots[n].full {
			if err := e.node(n, input); err != nil {
				return err
			}
			if e.d.nodes[n].kind == outputNode {
				return nil
			}
		}
	}
}

// spend counts n executed nodes.
func (e *evaluation) spend(n int) *Error {
	before := *e.left
	*e.left = before - n
	if *e.left < 0 {
		return limitError("more than %d nodes are executed", e.engine.limits.Evaluations)
	}
	if *e.merges < 0 {
		return limitError("what nodes give is larger than allowed when it is joined")
	}
	if before>>4 != *e.left>>4 {
		return e.stopped()
	}
	return nil
}

// stopped returns an error once the context ended.
func (e *evaluation) stopped() *Error {
	if err := e.ctx.Err(); err != nil {
		return &Error{Kind: KindLimit, Source: err.Error(), cause: err}
	}
	return nil
}

// merge joins two values. What a run may join is what its result may be large.
func (e *evaluation) merge(doc, patch value.Value) value.Value {
	return value.MergeWithin(doc, patch, e.merges)
}

// failure makes of an error of a node's expression or handler a NodeError with a
// source, unless it is about the evaluation as a whole.
func (e *evaluation) failure(n *node, err error, source string) *Error {
	if stop := e.stop(err); stop != nil {
		return stop
	}
	failed := nodeError(n.id, source)
	failed.cause = err
	return failed
}

// stop returns an error if err ends the evaluation as a whole.
func (e *evaluation) stop(err error) *Error {
	if stop := e.stopped(); stop != nil {
		return stop
	}
	var own *Error
	switch {
	case errors.As(err, &own) && own.Kind == KindLimit:
		return own
	case zen.Stopped(err):
		return &Error{Kind: KindLimit, Source: err.Error(), cause: err}
	}
	return nil
}

// incoming joins what the nodes before a node gave: where they disagree the edge
// that was declared first has its way.
func (e *evaluation) incoming(n *node) value.Value {
	var joined value.Value
	found := false
	for _, edge := range slices.Backward(n.in) {
		if e.walk != nil && e.walk.gone[edge] {
			continue
		}
		slot := &e.slots[e.d.edges[edge].from]
		switch {
		case !slot.full:
		case found:
			joined = e.merge(joined, slot.data)
		default:
			found = true
			if joined = slot.data; joined.Kind() != value.KindObject && joined.Kind() != value.KindArray {
				joined = value.Object(nil)
			}
		}
	}
	if !found {
		return value.Object(nil)
	}
	return joined
}

// nodes returns what the nodes gave so far, by name.
func (e *evaluation) nodes() value.Value {
	if e.allOf == len(e.executed) && e.allOf > 0 {
		return e.all
	}
	m := value.NewMap(len(e.executed))
	for _, i := range e.executed {
		n, data := &e.d.nodes[i], e.slots[i].data
		if n.kind == inputNode && e.hasParent && data.Kind() == value.KindObject {
			members := data.AsObject().Clone()
			members.Set(nodesName, e.parent)
			data = value.Object(members)
		}
		m.Set(n.name, data)
	}
	*e.left -= len(e.executed) / 8 // in a graph of very many nodes this is most of the work
	e.all, e.allOf = value.Object(m), len(e.executed)
	return e.all
}

// see sets what an expression of a cell finds around it.
func (e *evaluation) see(c *cell, root value.Value) {
	e.env.Root = root
	e.env.HasNodes = c.nodes && !e.bare && root.Kind() == value.KindObject
	if e.env.HasNodes {
		e.env.Nodes = e.nodes()
	}
}

// eval evaluates a cell without a reference.
func (e *evaluation) eval(c *cell, root value.Value) (value.Value, error) {
	if c.err != nil {
		return value.Value{}, c.err
	}
	e.see(c, root)
	e.env.HasReference = false
	return c.program.Eval(&e.env)
}

// withoutNodes takes the member $nodes away.
func withoutNodes(v value.Value) value.Value {
	if v.Kind() != value.KindObject {
		return v
	}
	if _, has := v.AsObject().Get(nodesName); !has {
		return v
	}
	members := v.AsObject().Clone()
	members.Delete(nodesName)
	return value.Object(members)
}

func (e *evaluation) node(i int32, context value.Value) *Error {
	if err := e.spend(1); err != nil {
		return err
	}
	n := &e.d.nodes[i]
	var start time.Time
	if e.trace != nil {
		start = time.Now()
	}
	var input, out, data value.Value
	var err *Error
	if n.kind == inputNode {
		if out, err = context, nil; n.schema != nil {
			err = n.schema.validate(n, out)
		}
	} else {
		input = e.incoming(n)
		switch n.kind {
		case outputNode:
			if out = input; n.schema != nil {
				err = n.schema.validate(n, out)
			}
		case switchNode:
			out = input
		case functionNode:
			out, data, err = e.functionNode(n, input)
		case customNode:
			out, data, err = e.customNode(n, input)
		default:
			out, data, err = e.transformed(n, input)
		}
	}
	if e.trace != nil && n.kind != switchNode && (err == nil || err.Kind == KindNode) {
		entry := NodeTrace{ID: n.id, Name: n.name, Input: input, Data: data, Performance: performance(time.Since(start))}
		switch {
		case err != nil:
			entry.Data = err.traceData
		case n.kind != outputNode:
			entry.Output = out
		}
		e.trace.record(entry)
	}
	if err != nil {
		return err
	}
	e.slots[i] = slot{out, true}
	e.executed = append(e.executed, i)
	return nil
}

// choose returns the ids of a switch's statements that hold.
func (e *evaluation) choose(i int32) ([]string, *Error) {
	n := &e.d.nodes[i]
	start := time.Now()
	input := e.incoming(n)
	var holds []string
	for s := range n.statements {
		statement := &n.statements[s]
		if !statement.empty() {
			v, err := e.eval(&statement.cell, input)
			if err != nil {
				if stop := e.stop(err); stop != nil {
					return nil, stop
				}
				continue
			}
			if !v.AsBool() {
				continue
			}
		}
		holds = append(holds, statement.id)
		if !n.collect {
			break
		}
	}
	if e.trace != nil {
		list := make([]value.Value, 0, len(holds))
		for _, id := range holds {
			m := value.NewMap(1)
			m.Set("id", value.String(id))
			list = append(list, value.Object(m))
		}
		data := value.NewMap(1)
		data.Set("statements", value.Array(list))
		e.trace.record(NodeTrace{
			ID: n.id, Name: n.name, Input: input, Output: input, Data: value.Object(data),
			Performance: performance(time.Since(start)),
		})
	}
	return holds, nil
}

// transformed executes a node between its input field and its output path, for each
// element where it is a loop.
func (e *evaluation) transformed(n *node, input value.Value) (out, data value.Value, err *Error) {
	t := &n.transform
	v := input
	if !t.inputField.empty() {
		var failure error
		if v, failure = e.eval(&t.inputField, input); failure != nil {
			return out, data, e.failure(n, failure, "Failed to evaluate expression: "+failure.Error())
		}
	}
	if t.loop {
		e.bare = t.inputField.empty()
		out, data, err = e.loop(n, v)
		e.bare = false
	} else {
		out, data, err = e.single(n, v)
	}
	if err != nil {
		return out, data, err
	}
	if t.outputPath != "" {
		m := value.NewMap(1)
		value.SetPath(m, t.outputPath, out)
		out = value.Object(m)
	}
	if t.passThrough {
		out = e.merge(input, out)
	}
	return out, data, nil
}

func (e *evaluation) loop(n *node, list value.Value) (out, data value.Value, err *Error) {
	if list.Kind() != value.KindArray {
		return out, data, nodeError(n.id, "Expected an array")
	}
	items := list.AsArray()
	results := make([]value.Value, 0, len(items))
	var traces []value.Value
	for _, item := range items {
		if err := e.spend(1); err != nil {
			return out, data, err
		}
		result, told, err := e.single(n, item)
		if err != nil {
			return out, data, err
		}
		if n.transform.passThrough {
			result = e.merge(item, result)
		}
		results = append(results, withoutNodes(result))
		if e.trace != nil && (n.kind != decisionTableNode || !told.IsNull()) {
			traces = append(traces, told) // of a table without a hit there is nothing
		}
	}
	if e.trace != nil {
		data = value.Array(traces)
	}
	return value.Array(results), data, nil
}

func (e *evaluation) single(n *node, input value.Value) (out, data value.Value, err *Error) {
	switch n.kind {
	case decisionTableNode:
		out, data, err = e.table(n, input)
	case expressionNode:
		out, data, err = e.expressionNode(n, input)
	default:
		out, data, err = e.decisionNode(n, input)
	}
	return withoutNodes(out), data, err
}

func (e *evaluation) expressionNode(n *node, input value.Value) (out, data value.Value, err *Error) {
	result := value.NewMap(len(n.expressions))
	var told *value.Map
	if e.trace != nil {
		told = value.NewMap(len(n.expressions))
	}
	for i := range n.expressions {
		expression := &n.expressions[i]
		v, failure := value.Value{}, expression.err
		if failure == nil {
			e.see(&expression.cell, input)
			// Before the first expression $ is null.
			e.env.HasReference = i > 0 && expression.reference && input.Kind() == value.KindObject
			if e.env.HasReference {
				*e.left -= result.Len() / 64
				e.env.Reference = value.Object(result.Clone())
			}
			v, failure = expression.program.Eval(&e.env)
		}
		if failure != nil {
			err := e.failure(n, failure, `Failed to evaluate expression: "`+expression.text+`"`)
			if told != nil {
				err.traceData = value.Object(told)
			}
			return out, data, err
		}
		if told != nil {
			m := value.NewMap(1)
			m.Set("result", v)
			told.Set(expression.key, value.Object(m))
		}
		value.SetPath(result, expression.key, v)
	}
	if told != nil {
		data = value.Object(told)
	}
	return value.Object(result), data, nil
}

func (e *evaluation) decisionNode(n *node, input value.Value) (out, data value.Value, err *Error) {
	d, err := e.engine.load(e.ctx, n.key)
	if err != nil {
		if err.Kind == KindContentKind {
			return out, data, nodeError(n.id, "sub-decision '"+n.key+"' is a policy, expected graph")
		}
		return out, data, e.failure(n, err, err.Error())
	}
	hasNodes := !e.bare && input.Kind() == value.KindObject
	var parent value.Value
	if hasNodes {
		parent = e.nodes()
	}
	response, err := e.evaluate(d, input, parent, hasNodes, e.iteration+1)
	if err != nil {
		if err.Kind == KindLimit {
			return out, data, err
		}
		text := err.Error()
		if err.Kind == KindGraph && err.Fault != FaultMissingNode {
			text = "Invalid graph" // the engine does not say here what is wrong
		}
		failed := nodeError(n.id, text)
		failed.cause = err
		if err.Trace != nil {
			failed.traceData = err.Trace.Value()
		}
		return out, data, failed
	}
	if response.Trace != nil {
		data = response.Trace.Value()
	}
	return response.Result, data, nil
}
