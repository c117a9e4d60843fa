package decision

import (
	"sync"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// A Decision is a graph whose expressions are compiled. It never changes and may be
// evaluated by many goroutines at once.
type Decision struct {
	nodes []node
	edges []edge
	// invalid is what [Decision.Validate] says.
	invalid *Error
	// order is the order in which the nodes are executed, where no switch has a say.
	order []int32
	// ends are the nodes of order from which no edge leaves.
	ends        []int32
	switches    bool
	evaluations sync.Pool // of *evaluation
	size        int
}

// About what the parts of a decision take, in bytes.
const (
	nodeSize  = 600
	edgeSize  = 120
	ruleSize  = 160
	cellSize  = 280
	tokenSize = 30
)

// Size is about how many bytes of memory the decision takes.
func (d *Decision) Size() int { return d.size }

type edge struct {
	from, to  int32
	handle    string
	hasHandle bool
}

// A node is one that can be executed: of the members after out those that its kind
// has.
type node struct {
	id, name string
	kind     nodeKind
	// in and out are edges, as they are declared.
	in, out []int32

	schema      *schema
	source      string
	version     int
	key         string
	table       *table
	expressions []expression
	collect     bool
	statements  []statement
	custom      *customConfig
	transform   transform
}

type transform struct {
	inputField        cell
	outputPath        string
	loop, passThrough bool
}

type expression struct {
	key string
	cell
}

type statement struct {
	id string
	cell
}

// A cell is an expression as text and compiled. The zero cell is an empty one.
type cell struct {
	text    string
	program *zen.Program
	err     error // why it could not be compiled
	// nodes and reference say whether it looks at "$nodes" and "$".
	nodes, reference bool
}

func (c *cell) empty() bool { return c.text == "" }

// A compiler compiles each text of a document once.
type compiler struct {
	standard, unary map[string]*cell
	limits          zen.Limits
	tokens          int // that are left
	size            int
}

var emptyCell cell

func (c *compiler) cell(text string, unary bool) *cell {
	if text == "" {
		return &emptyCell
	}
	known, compile := c.standard, zen.Compile
	if unary {
		known, compile = c.unary, zen.CompileUnary
	}
	if done, ok := known[text]; ok {
		return done
	}
	done := &cell{text: text}
	if c.tokens < 0 { // the document is refused
		return done
	}
	if done.program, done.err = compile(text, zen.WithLimits(c.limits)); done.err == nil {
		c.tokens -= done.program.Tokens()
		c.size += done.program.Tokens() * tokenSize
		reads := done.program.Reads()
		done.nodes, done.reference = reads.Nodes || reads.Root, reads.Reference || reads.Root
	}
	known[text] = done
	c.size += len(text) + cellSize
	return done
}

// Parse compiles the decision that a document describes. An error is an [*Error]:
// of KindContent where the document breaks the format, of KindContentKind where it
// is a policy, of KindLimit.
func Parse(data []byte) (*Decision, error) { return ParseLimited(data, Limits{}) }

// ParseLimited is [Parse] with limits for the document.
func ParseLimited(data []byte, limits Limits) (*Decision, error) {
	limits = limits.withDefaults()
	if len(data) > limits.DocumentBytes {
		return nil, limitError("the document has %d bytes, more than %d", len(data), limits.DocumentBytes)
	}
	doc, err := value.ParseLimited(data, value.Limits{Depth: limits.Depth})
	if err != nil {
		return nil, &Error{Kind: KindContent, Source: err.Error(), cause: err}
	}
	if _, policy := doc.AsObject().Get("blocks"); policy {
		return nil, policyError("")
	}
	r := reader{limits: limits}
	content := r.graph(doc)
	if r.err != nil {
		return nil, r.err
	}
	return build(content, limits)
}

func build(content graphContent, limits Limits) (*Decision, error) {
	d := &Decision{nodes: make([]node, len(content.nodes)), edges: make([]edge, 0, len(content.edges))}
	c := compiler{standard: map[string]*cell{}, unary: map[string]*cell{}, limits: limits.Expression, tokens: limits.Tokens}
	ids := make(map[string]int32, len(content.nodes))
	inputs := 0
	for i := range content.nodes {
		from := &content.nodes[i]
		ids[from.id] = int32(i)
		d.nodes[i] = c.node(from)
		switch from.kind {
		case inputNode:
			inputs++
		case switchNode:
			d.switches = true
		}
	}
	if c.tokens < 0 {
		return nil, limitError("the expressions have more than %d tokens", limits.Tokens)
	}
	d.size = c.size + len(content.edges)*edgeSize
	for _, e := range content.edges {
		from, ok := ids[e.source]
		if !ok {
			d.invalid = &Error{Kind: KindGraph, Fault: FaultMissingNode, NodeID: e.source}
			return d, nil
		}
		to, ok := ids[e.target]
		if !ok {
			d.invalid = &Error{Kind: KindGraph, Fault: FaultMissingNode, NodeID: e.target}
			return d, nil
		}
		n := int32(len(d.edges))
		d.edges = append(d.edges, edge{from, to, e.handle, e.hasHandle})
		d.nodes[from].out = append(d.nodes[from].out, n)
		d.nodes[to].in = append(d.nodes[to].in, n)
	}
	switch {
	case inputs != 1:
		d.invalid = &Error{Kind: KindGraph, Fault: FaultInputCount, Count: inputs}
	case d.cyclic():
		d.invalid = &Error{Kind: KindGraph, Fault: FaultCycle}
	case !d.switches:
		d.settle()
	}
	return d, nil
}

func (c *compiler) node(from *nodeContent) node {
	n := node{
		id: from.id, name: from.name, kind: from.kind,
		source: from.source, version: from.version, key: from.key, collect: from.collect,
		transform: transform{
			inputField: *c.cell(from.transform.inputField, false), outputPath: from.transform.outputPath,
			loop: from.transform.loop, passThrough: from.transform.passThrough,
		},
	}
	c.size += nodeSize + len(from.schema) + len(from.source)
	switch from.kind {
	case inputNode, outputNode:
		n.schema = compileSchema(from.schema)
	case decisionTableNode:
		n.table = c.table(&from.table)
	case expressionNode:
		for _, e := range from.expressions {
			if e.key != "" && e.value != "" {
				n.expressions = append(n.expressions, expression{e.key, *c.cell(e.value, false)})
			}
		}
	case switchNode:
		for _, s := range from.statements {
			n.statements = append(n.statements, statement{s.id, *c.cell(s.condition, false)})
		}
	case customNode:
		n.custom = c.custom(from.customKind, from.config)
	}
	return n
}

// Validate says what is wrong with the graph: an [*Error] of KindGraph. A decision
// that is not valid can be loaded, but not evaluated.
func (d *Decision) Validate() error {
	if d.invalid != nil {
		return d.invalid
	}
	return nil
}

// cyclic reports whether edges lead back to where they began.
func (d *Decision) cyclic() bool {
	waiting := make([]int32, len(d.nodes))
	var ready []int32
	for i := range d.nodes {
		if waiting[i] = int32(len(d.nodes[i].in)); waiting[i] == 0 {
			ready = append(ready, int32(i))
		}
	}
	seen := 0
	for ; len(ready) > 0; seen++ {
		n := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		for _, e := range d.nodes[n].out {
			to := d.edges[e].to
			if waiting[to]--; waiting[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	return seen < len(d.nodes)
}

// settle walks a graph without switches, once for all evaluations.
func (d *Decision) settle() {
	w := newWalk(d)
	for {
		n, ok := w.next(nil)
		if !ok {
			break
		}
		d.order = append(d.order, n)
		if d.nodes[n].kind == outputNode {
			break
		}
	}
	d.ends = w.ends()
}
