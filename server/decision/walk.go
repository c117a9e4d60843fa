package decision

import "slices"

// maxResets is how often switches may start a walk anew before it ends, silently.
const maxResets = 1000

// A walk goes through a graph in the order in which its nodes are executed: depth
// first, from the input on, the edge that was declared first is followed first,
// and what a node still waits for comes before it. A switch takes edges away and
// starts the walk anew.
type walk struct {
	d       *Decision
	stack   []int32
	visited []bool
	gone    []bool  // edges that a switch took away
	goneN   []bool  // nodes that lost all edges by it
	outs    []int32 // how many edges are left
	ins     []int32
	waits   []int32 // of ins, those whose source is not visited
	cursor  []int32 // of in, those that are known to be visited or gone
	chosen  []bool  // switches that had their say
	resets  int
	pruned  []int32 // scratch: edges to take away
}

func newWalk(d *Decision) *walk {
	n := len(d.nodes)
	flags := make([]bool, 3*n+len(d.edges))
	counts := make([]int32, 4*n)
	w := &walk{
		d:       d,
		visited: flags[:n:n], goneN: flags[n : 2*n : 2*n], chosen: flags[2*n : 3*n : 3*n], gone: flags[3*n:],
		outs: counts[:n:n], ins: counts[n : 2*n : 2*n], waits: counts[2*n : 3*n : 3*n], cursor: counts[3*n:],
	}
	w.begin()
	return w
}

// begin makes the walk a new one.
func (w *walk) begin() {
	clear(w.gone)
	clear(w.goneN)
	clear(w.chosen)
	for i := range w.d.nodes {
		w.outs[i], w.ins[i] = int32(len(w.d.nodes[i].out)), int32(len(w.d.nodes[i].in))
	}
	w.resets = 0
	w.restart()
}

// restart goes back to the input, without the edges that are gone.
func (w *walk) restart() {
	clear(w.visited)
	clear(w.cursor)
	copy(w.waits, w.ins)
	w.stack = w.stack[:0]
	for i := range w.d.nodes {
		if w.d.nodes[i].kind == inputNode && !w.goneN[i] {
			w.stack = append(w.stack, int32(i))
		}
	}
}

// next returns the node to execute. It asks choose which statements of a switch
// hold when it comes to one for the first time.
func (w *walk) next(choose func(n int32) (holds []string, err *Error)) (int32, bool) {
	n, ok, _ := w.step(choose)
	return n, ok
}

func (w *walk) step(choose func(n int32) (holds []string, err *Error)) (int32, bool, *Error) {
	if w.resets >= maxResets {
		return 0, false, nil
	}
	d := w.d
	for len(w.stack) > 0 {
		n := w.stack[len(w.stack)-1]
		if w.visited[n] {
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		node := &d.nodes[n]
		if w.waits[n] > 0 {
			// The reference pushes all that is missing; only the one declared first comes
			// off before the node is looked at again.
			i := w.cursor[n]
			for w.gone[node.in[i]] || w.visited[d.edges[node.in[i]].from] {
				i++
			}
			w.cursor[n] = i
			w.stack = append(w.stack, d.edges[node.in[i]].from)
			continue
		}
		w.stack = w.stack[:len(w.stack)-1]
		w.visited[n] = true
		for _, e := range node.out {
			if !w.gone[e] {
				w.waits[d.edges[e].to]--
			}
		}
		if node.kind == switchNode && choose != nil && !w.chosen[n] {
			holds, err := choose(n)
			if err != nil {
				return 0, false, err
			}
			w.chosen[n] = true
			if w.prune(node, holds) {
				w.restart()
				w.resets++
				continue
			}
		}
		for _, e := range slices.Backward(node.out) {
			if !w.gone[e] {
				w.stack = append(w.stack, d.edges[e].to)
			}
		}
		return n, true, nil
	}
	return 0, false, nil
}

// prune takes away the edges of a switch that lead nowhere now, and what hangs on
// them alone: the edges of nodes that nothing leads to, and those to nodes that
// lead nowhere.
func (w *walk) prune(node *node, holds []string) bool {
	todo := w.pruned[:0]
	for _, e := range slices.Backward(node.out) {
		if w.gone[e] || w.d.edges[e].hasHandle && slices.Contains(holds, w.d.edges[e].handle) {
			continue
		}
		todo = append(todo, e)
	}
	if len(todo) == 0 {
		return false
	}
	for len(todo) > 0 {
		e := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if w.gone[e] {
			continue
		}
		w.gone[e] = true
		from, to := w.d.edges[e].from, w.d.edges[e].to
		if w.ins[to]--; w.ins[to] == 0 {
			todo = append(todo, w.d.nodes[to].out...)
			w.goneN[to] = true
		}
		if w.outs[from]--; w.outs[from] == 0 {
			todo = append(todo, w.d.nodes[from].in...)
			w.goneN[from] = true
		}
	}
	w.pruned = todo
	return true
}

// ends returns the nodes that were visited and from which no edge is left, in the
// order of the document.
func (w *walk) ends() []int32 {
	var ends []int32
	for i := range w.d.nodes {
		if w.visited[i] && w.outs[i] == 0 {
			ends = append(ends, int32(i))
		}
	}
	return ends
}
