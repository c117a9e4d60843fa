package decision

import (
	"strconv"

	"github.com/understudy-api/understudy/server/decision/value"
)

// A Trace tells what the nodes of a decision received and gave, in the order in
// which they were executed. It marshals to an object by the id of the node.
type Trace struct {
	Nodes []NodeTrace
	index map[string]int
}

// A NodeTrace is one node's part of a [Trace].
type NodeTrace struct {
	ID, Name string
	// Order counts the nodes that ran before.
	Order       int
	Performance string
	// Input is what the node received, null for an input node.
	Input value.Value
	// Output is what it gave; null for an output node, and for one that failed.
	Output value.Value
	// Data is what the node's kind has to tell: the rule of a decision table that
	// matched, the values of expressions, the log of a function, the statements of a
	// switch that held, the trace of another decision; one of them per element of a
	// loop.
	Data value.Value
}

func (t *Trace) record(n NodeTrace) {
	n.Order = len(t.Nodes)
	// Ids are looked up only where there are many: more of a kind are not valid.
	if t.index == nil {
		t.index = map[string]int{}
	}
	if i, ok := t.index[n.ID]; ok {
		t.Nodes[i] = n
		return
	}
	t.index[n.ID] = len(t.Nodes)
	t.Nodes = append(t.Nodes, n)
}

// Get returns the part of the node with an id.
func (t *Trace) Get(id string) (NodeTrace, bool) {
	i, ok := t.index[id]
	if !ok {
		return NodeTrace{}, false
	}
	return t.Nodes[i], true
}

// Value returns the trace as the object that it marshals to.
func (t *Trace) Value() value.Value {
	m := value.NewMap(len(t.Nodes))
	for i := range t.Nodes {
		n := &t.Nodes[i]
		entry := value.NewMap(7)
		entry.Set("id", value.String(n.ID))
		entry.Set("name", value.String(n.Name))
		entry.Set("order", value.Int(int64(n.Order)))
		entry.Set("performance", value.String(n.Performance))
		entry.Set("input", n.Input)
		entry.Set("output", n.Output)
		entry.Set("traceData", n.Data)
		m.Set(n.ID, value.Object(entry))
	}
	return value.Object(m)
}

// MarshalJSON writes the trace as the vendor's engine does.
func (t *Trace) MarshalJSON() ([]byte, error) { return t.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes.
func (t *Trace) AppendJSON(dst []byte) []byte { return t.Value().AppendJSON(dst) }

// A TraceMode is one of the forms in which the vendor's bindings give a trace.
type TraceMode string

// The forms of traces.
const (
	TraceJSON            TraceMode = ""                // an object
	TraceString          TraceMode = "string"          // the object's JSON as a string
	TraceReference       TraceMode = "reference"       // with what occurs twice written once
	TraceReferenceString TraceMode = "referenceString" // that as a string
)

func (t *Trace) appendMode(dst []byte, mode TraceMode) []byte {
	switch mode {
	case TraceString:
		return appendString(dst, string(t.AppendJSON(nil)))
	case TraceReference:
		return references(t.Value()).AppendJSON(dst)
	case TraceReferenceString:
		return appendString(dst, string(references(t.Value()).AppendJSON(nil)))
	default:
		return t.AppendJSON(dst)
	}
}

// minReferenced is the length below which a string is written out each time.
const minReferenced = 5

// A referencer writes a value with what occurs more than once in a table: arrays
// and objects that are the same one, and texts.
type referencer struct {
	counts map[any]int
	ids    map[any]int
	table  []value.Value
}

// references returns {"$refs": [...], "$root": ...}: "@n" stands for element n of
// the first, and a text that begins with @ has another in front.
func references(v value.Value) value.Value {
	r := referencer{counts: map[any]int{}, ids: map[any]int{}}
	r.count(v)
	root := r.write(v)
	result := value.NewMap(2)
	if len(r.table) > 0 {
		result.Set("$refs", value.Array(r.table))
	}
	result.Set("$root", root)
	return value.Object(result)
}

// stretch identifies an array: parts of one may begin at the same element.
type stretch struct {
	first *value.Value
	n     int
}

// identity is what makes two occurrences the same; nil for what is written out.
func identity(v value.Value) any {
	switch v.Kind() {
	case value.KindString:
		return v.AsString()
	case value.KindArray:
		if items := v.AsArray(); len(items) > 0 {
			return stretch{&items[0], len(items)}
		}
	case value.KindObject:
		return v.AsObject()
	}
	return nil
}

func (r *referencer) count(v value.Value) {
	if id := identity(v); id != nil && (v.Kind() != value.KindString || len(v.AsString()) >= minReferenced) {
		if r.counts[id]++; r.counts[id] > 1 && v.Kind() != value.KindString {
			return // its members are written once, too
		}
	}
	for _, item := range v.AsArray() {
		r.count(item)
	}
	for i := range v.AsObject().Len() {
		key, member := v.AsObject().At(i)
		r.counts[key]++
		r.count(member)
	}
}

func escaped(s string) string {
	if len(s) > 0 && s[0] == '@' {
		return "@" + s
	}
	return s
}

// refer returns the reference to what has an identity, "" if it occurs only once.
func (r *referencer) refer(id any, write func() value.Value) string {
	if id == nil || r.counts[id] < 2 {
		return ""
	}
	n, ok := r.ids[id]
	if !ok {
		n = len(r.table)
		r.ids[id] = n
		r.table = append(r.table, value.Value{})
		written := write()
		r.table[n] = written
	}
	return "@" + strconv.Itoa(n)
}

func (r *referencer) write(v value.Value) value.Value {
	if text := r.refer(identity(v), func() value.Value { return r.members(v) }); text != "" {
		return value.String(text)
	}
	return r.members(v)
}

func (r *referencer) members(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindString:
		return value.String(escaped(v.AsString()))
	case value.KindArray:
		items := make([]value.Value, 0, len(v.AsArray()))
		for _, item := range v.AsArray() {
			items = append(items, r.write(item))
		}
		return value.Array(items)
	case value.KindObject:
		m := value.NewMap(v.AsObject().Len())
		for i := range v.AsObject().Len() {
			key, member := v.AsObject().At(i)
			name := r.refer(key, func() value.Value { return value.String(escaped(key)) })
			if name == "" {
				name = escaped(key)
			}
			m.Set(name, r.write(member))
		}
		return value.Object(m)
	default:
		return v
	}
}

// A cleaner takes "$nodes" out of what is handed out, and sees that it is not
// larger than allowed: what is shared in memory is written out as often as it
// occurs.
type cleaner struct {
	left, maxDepth int
}

func (c *cleaner) trace(t *Trace) (err *Error) {
	for i := range t.Nodes {
		n := &t.Nodes[i]
		for _, v := range []*value.Value{&n.Input, &n.Output, &n.Data} {
			if *v, err = c.clean(*v, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

const nodesName = "$nodes"

func (c *cleaner) clean(v value.Value, depth int) (value.Value, *Error) {
	c.left -= 4
	kind := v.Kind()
	if kind < value.KindString {
		return v, nil
	}
	if kind == value.KindString {
		c.left -= len(v.AsString())
	}
	if c.left < 0 {
		return v, limitError("the result is larger than allowed")
	}
	if depth > c.maxDepth {
		return v, limitError("the result is nested deeper than %d", c.maxDepth)
	}
	switch kind {
	case value.KindArray:
		items := v.AsArray()
		var changed []value.Value
		for i, item := range items {
			cleaned, err := c.clean(item, depth+1)
			if err != nil {
				return v, err
			}
			if changed == nil && !same(cleaned, item) {
				changed = append(make([]value.Value, 0, len(items)), items...)
			}
			if changed != nil {
				changed[i] = cleaned
			}
		}
		if changed != nil {
			return value.Array(changed), nil
		}
	case value.KindObject:
		members := v.AsObject()
		var changed *value.Map
		if _, has := members.Get(nodesName); has {
			changed = members.Clone()
			changed.Delete(nodesName)
			members = changed.Clone()
		}
		for i := range members.Len() {
			key, member := members.At(i)
			c.left -= len(key)
			cleaned, err := c.clean(member, depth+1)
			if err != nil {
				return v, err
			}
			if !same(cleaned, member) {
				if changed == nil {
					changed = members.Clone()
				}
				changed.Set(key, cleaned)
			}
		}
		if changed != nil {
			return value.Object(changed), nil
		}
	}
	return v, nil
}

// same reports whether cleaning left a value as it was: scalars always, the others
// when they are still the same ones.
func same(a, b value.Value) bool {
	if a.Kind() == value.KindArray || a.Kind() == value.KindObject {
		return identity(a) == identity(b)
	}
	return true
}
