package decision

import (
	"strconv"
	"strings"

	"github.com/understudy-api/understudy/server/decision/value"
)

// A place is where in a document something is, for messages.
type place struct {
	parent *place
	key    string
	index  int // of an element, where key is empty
}

func (p *place) member(key string) *place { return &place{parent: p, key: key} }

func (p *place) append(dst []byte) []byte {
	if p.parent != nil {
		dst = p.parent.append(dst)
	}
	switch {
	case p.key == "":
		dst = append(dst, '[')
		dst = strconv.AppendInt(dst, int64(p.index), 10)
		return append(dst, ']')
	case len(dst) > 0:
		dst = append(dst, '.')
	}
	return append(dst, p.key...)
}

// A flaw is a document that breaks the format.
func flaw(at *place, text string) *Error {
	if at != nil {
		text = string(at.append(nil)) + ": " + text
	}
	return &Error{Kind: KindContent, Source: text}
}

func missing(at *place, field string) *Error { return flaw(at, "missing field `"+field+"`") }

func wrongType(at *place, v value.Value, expected string) *Error {
	return flaw(at, "invalid type: "+describe(v)+", expected "+expected)
}

// describe names a value of the wrong type as the reference's JSON library does.
func describe(v value.Value) string {
	switch v.Kind() {
	case value.KindNull:
		return "null"
	case value.KindBool:
		return "boolean `" + strconv.FormatBool(v.AsBool()) + "`"
	case value.KindNumber:
		text := string(v.AppendJSON(nil))
		if v.AsNumber().Scale() > 0 {
			return "floating point `" + text + "`"
		}
		return "integer `" + text + "`"
	case value.KindString:
		return "string " + strconv.Quote(v.AsString())
	case value.KindArray:
		return "sequence"
	default:
		return "map"
	}
}

func (r *reader) text(at *place, v value.Value) string {
	if v.Kind() != value.KindString {
		r.fail(wrongType(at, v, "a string"))
	}
	return v.AsString()
}

// A reader turns a document's JSON into the nodes of a graph. What it finds first
// wrong ends the reading; the order in which it looks is the reference's, which
// has object members sorted by key.
type reader struct {
	limits Limits
	cells  int
	err    *Error
}

func (r *reader) fail(err *Error) {
	if r.err == nil {
		r.err = err
	}
}

// object calls member for each member of an object, or fails.
func (r *reader) object(at *place, v value.Value, expected string, member func(key string, v value.Value)) {
	if r.err != nil {
		return
	}
	if v.Kind() != value.KindObject {
		r.fail(wrongType(at, v, expected))
		return
	}
	members := v.AsObject()
	for i := range members.Len() {
		key, v := members.At(i)
		if member(key, v); r.err != nil {
			return
		}
	}
}

func (r *reader) array(at *place, v value.Value, element func(i int, v value.Value)) {
	if r.err != nil {
		return
	}
	if v.Kind() != value.KindArray {
		r.fail(wrongType(at, v, "a sequence"))
		return
	}
	for i, v := range v.AsArray() {
		if element(i, v); r.err != nil {
			return
		}
	}
}

// need fails for the first member that is not there; names and presence alternate.
func (r *reader) need(at *place, fields ...field) {
	for _, f := range fields {
		if !f.there && r.err == nil {
			r.fail(missing(at, f.name))
		}
	}
}

type field struct {
	name  string
	there bool
}

type graphEdge struct {
	id, source, target string
	handle             string
	hasHandle          bool
}

type graphContent struct {
	nodes []nodeContent
	edges []graphEdge
}

func (r *reader) graph(doc value.Value) graphContent {
	var g graphContent
	var nodes, edges bool
	r.object(nil, doc, "struct GraphContent", func(key string, v value.Value) {
		at := (*place)(nil).member(key)
		switch key {
		case "edges":
			edges = true
			if n := len(v.AsArray()); n > r.limits.Edges {
				r.fail(limitError("the graph has %d edges, more than %d", n, r.limits.Edges))
				return
			}
			g.edges = make([]graphEdge, 0, len(v.AsArray()))
			r.array(at, v, func(i int, v value.Value) {
				g.edges = append(g.edges, r.edge(&place{parent: at, index: i}, v))
			})
		case "imports":
			r.array(at, v, func(i int, v value.Value) { r.text(&place{parent: at, index: i}, v) })
		case "nodes":
			nodes = true
			if n := len(v.AsArray()); n > r.limits.Nodes {
				r.fail(limitError("the graph has %d nodes, more than %d", n, r.limits.Nodes))
				return
			}
			g.nodes = make([]nodeContent, 0, len(v.AsArray()))
			r.array(at, v, func(i int, v value.Value) {
				g.nodes = append(g.nodes, r.node(&place{parent: at, index: i}, v))
				if id, _ := v.AsObject().Get("id"); r.err != nil && r.err.Kind == KindContent && id.Kind() == value.KindString {
					r.err.NodeID = id.AsString()
				}
			})
		}
	})
	r.need(nil, field{"nodes", nodes}, field{"edges", edges})
	return g
}

func (r *reader) edge(at *place, v value.Value) graphEdge {
	var e graphEdge
	var id, source, target bool
	r.object(at, v, "struct DecisionEdge", func(key string, v value.Value) {
		switch key {
		case "id":
			e.id, id = r.text(at.member(key), v), true
		case "sourceId":
			e.source, source = r.text(at.member(key), v), true
		case "targetId":
			e.target, target = r.text(at.member(key), v), true
		case "sourceHandle":
			if !v.IsNull() {
				e.handle, e.hasHandle = r.text(at.member(key), v), true
			}
		}
	})
	r.need(at, field{"id", id}, field{"sourceId", source}, field{"targetId", target})
	return e
}

type nodeKind uint8

const (
	inputNode nodeKind = iota
	outputNode
	functionNode
	decisionNode
	decisionTableNode
	expressionNode
	switchNode
	customNode
)

var nodeKinds = map[string]nodeKind{
	"inputNode": inputNode, "outputNode": outputNode, "functionNode": functionNode, "decisionNode": decisionNode,
	"decisionTableNode": decisionTableNode, "expressionNode": expressionNode, "switchNode": switchNode, "customNode": customNode,
}

const nodeKindNames = "`inputNode`, `outputNode`, `functionNode`, `decisionNode`, `decisionTableNode`, `expressionNode`, `switchNode`, `customNode`"

// nodeContent is a node as the document has it: of the members after kind those
// that its kind has.
type nodeContent struct {
	id, name string
	kind     nodeKind

	schema      string // of input and output
	source      string // of a function
	version     int
	key         string // of a decision
	table       tableContent
	expressions []expressionContent
	collect     bool // of a switch
	statements  []statementContent
	customKind  string
	config      value.Value
	transform   transformContent
}

type transformContent struct {
	inputField, outputPath string
	loop, passThrough      bool
}

type expressionContent struct{ key, value string }

type statementContent struct{ id, condition string }

type tableContent struct {
	collect bool
	inputs  []columnContent
	outputs []columnContent
	rules   []map[string]string
}

type columnContent struct {
	id, field string
}

func (r *reader) node(at *place, v value.Value) nodeContent {
	var n nodeContent
	var id, name, tagged, there bool
	var tag, content value.Value
	r.object(at, v, "struct DecisionNode", func(key string, v value.Value) {
		switch key {
		case "content":
			content, there = v, true
		case "id":
			n.id, id = r.text(at.member(key), v), true
		case "name":
			n.name, name = r.text(at.member(key), v), true
		case "type":
			tag, tagged = v, true
		}
	})
	r.need(at, field{"id", id}, field{"name", name}, field{"type", tagged})
	if r.err != nil {
		return n
	}
	// The kind and all below it is read through a buffer, which forgets where it is.
	if tag.Kind() != value.KindString {
		r.fail(wrongType(at, tag, "variant identifier"))
		return n
	}
	kind, known := nodeKinds[tag.AsString()]
	if !known {
		r.fail(flaw(at, "unknown variant `"+tag.AsString()+"`, expected one of "+nodeKindNames))
		return n
	}
	n.kind = kind
	if !there {
		if kind != inputNode && kind != outputNode {
			r.fail(missing(at, "content"))
		}
		return n
	}
	switch kind {
	case inputNode:
		n.schema = r.schema(at, content, "struct InputNodeContent")
	case outputNode:
		n.schema = r.schema(at, content, "struct OutputNodeContent")
	case functionNode:
		n.source, n.version = r.function(at, content)
	case decisionNode:
		var key bool
		r.object(at, content, "struct DecisionNodeContent", func(name string, v value.Value) {
			if name == "key" {
				n.key, key = r.text(at, v), true
			}
		})
		r.need(at, field{"key", key})
		n.transform = r.transform(at, content)
	case decisionTableNode:
		n.table = r.table(at, content)
		n.transform = r.transform(at, content)
	case expressionNode:
		n.expressions = r.expressions(at, content)
		n.transform = r.transform(at, content)
	case switchNode:
		n.collect, n.statements = r.statements(at, content)
	case customNode:
		var kind, config bool
		r.object(at, content, "struct CustomNodeContent", func(name string, v value.Value) {
			switch name {
			case "config":
				n.config, config = v, true
			case "kind":
				n.customKind, kind = r.text(at, v), true
			}
		})
		r.need(at, field{"kind", kind}, field{"config", config})
	}
	return n
}

// blankable is a string or null; a blank one counts as none.
func (r *reader) blankable(at *place, v value.Value) string {
	switch v.Kind() {
	case value.KindNull:
	case value.KindString:
		if s := v.AsString(); strings.TrimSpace(s) != "" {
			return s
		}
	default:
		r.fail(flaw(at, "data did not match any variant of untagged enum StringOrNull"))
	}
	return ""
}

func (r *reader) schema(at *place, content value.Value, expected string) string {
	var schema string
	r.object(at, content, expected, func(key string, v value.Value) {
		if key == "schema" {
			schema = r.blankable(at, v)
		}
	})
	return schema
}

func (r *reader) function(at *place, content value.Value) (source string, version int) {
	switch content.Kind() {
	case value.KindString:
		return content.AsString(), 1
	case value.KindObject:
		if v, _ := content.AsObject().Get("source"); v.Kind() == value.KindString {
			return v.AsString(), 2
		}
	}
	r.fail(flaw(at, "data did not match any variant of untagged enum FunctionNodeContent"))
	return "", 0
}

func (r *reader) variant(at *place, v value.Value, names ...string) int {
	if v.Kind() != value.KindString {
		r.fail(wrongType(at, v, "string or map"))
		return 0
	}
	for i, name := range names {
		if v.AsString() == name {
			return i
		}
	}
	r.fail(flaw(at, "unknown variant `"+v.AsString()+"`, expected `"+strings.Join(names, "` or `")+"`"))
	return 0
}

func (r *reader) hitPolicy(at *place, v value.Value) (collect bool) {
	return r.variant(at, v, "first", "collect") == 1
}

func (r *reader) transform(at *place, content value.Value) transformContent {
	var t transformContent
	if r.err != nil {
		return t
	}
	r.object(at, content, "a map", func(key string, v value.Value) {
		switch key {
		case "executionMode":
			t.loop = r.variant(at, v, "single", "loop") == 1
		case "inputField":
			t.inputField = r.blankable(at, v)
		case "outputPath":
			t.outputPath = r.blankable(at, v)
		case "passThrough":
			if v.Kind() != value.KindBool {
				r.fail(wrongType(at, v, "a boolean"))
			}
			t.passThrough = v.AsBool()
		}
	})
	return t
}

func (r *reader) table(at *place, content value.Value) tableContent {
	var t tableContent
	var rules, inputs, outputs, hitPolicy bool
	r.object(at, content, "struct DecisionTableContent", func(key string, v value.Value) {
		switch key {
		case "hitPolicy":
			t.collect, hitPolicy = r.hitPolicy(at, v), true
		case "inputs":
			t.inputs, inputs = r.columns(at, v, "struct DecisionTableInputField", false), true
		case "outputs":
			t.outputs, outputs = r.columns(at, v, "struct DecisionTableOutputField", true), true
		case "rules":
			rules = true
			t.rules = make([]map[string]string, 0, len(v.AsArray()))
			r.array(at, v, func(_ int, v value.Value) { t.rules = append(t.rules, r.rule(at, v)) })
		}
	})
	r.need(at, field{"rules", rules}, field{"inputs", inputs}, field{"outputs", outputs}, field{"hitPolicy", hitPolicy})
	return t
}

func (r *reader) rule(at *place, v value.Value) map[string]string {
	rule := make(map[string]string, v.AsObject().Len())
	r.object(at, v, "a map", func(key string, v value.Value) {
		rule[key] = strings.TrimSpace(r.text(at, v))
		if r.cells++; r.cells > r.limits.TableCells {
			r.fail(limitError("the tables have more than %d cells", r.limits.TableCells))
		}
	})
	return rule
}

func (r *reader) columns(at *place, v value.Value, expected string, output bool) []columnContent {
	columns := make([]columnContent, 0, len(v.AsArray()))
	r.array(at, v, func(_ int, v value.Value) {
		var c columnContent
		var id, has bool
		r.object(at, v, expected, func(key string, v value.Value) {
			switch key {
			case "id":
				c.id, id = r.text(at, v), true
			case "name":
				if !v.IsNull() {
					r.text(at, v)
				}
			case "field":
				if output {
					c.field, has = r.text(at, v), true
				} else {
					c.field = r.blankable(at, v)
				}
			}
		})
		r.need(at, field{"id", id}, field{"field", has || !output})
		columns = append(columns, c)
	})
	return columns
}

func (r *reader) expressions(at *place, content value.Value) []expressionContent {
	var expressions []expressionContent
	var there bool
	r.object(at, content, "struct ExpressionNodeContent", func(key string, v value.Value) {
		if key != "expressions" {
			return
		}
		there = true
		r.array(at, v, func(_ int, v value.Value) {
			var e expressionContent
			var id, key, val bool
			r.object(at, v, "struct Expression", func(name string, v value.Value) {
				switch name {
				case "id":
					r.text(at, v)
					id = true
				case "key":
					e.key, key = r.text(at, v), true
				case "value":
					e.value, val = r.text(at, v), true
				}
			})
			r.need(at, field{"id", id}, field{"key", key}, field{"value", val})
			expressions = append(expressions, e)
		})
	})
	r.need(at, field{"expressions", there})
	return expressions
}

func (r *reader) statements(at *place, content value.Value) (collect bool, statements []statementContent) {
	var there bool
	r.object(at, content, "struct SwitchNodeContent", func(key string, v value.Value) {
		switch key {
		case "hitPolicy":
			collect = r.hitPolicy(at, v)
		case "statements":
			there = true
			r.array(at, v, func(_ int, v value.Value) {
				var s statementContent
				var id, condition bool
				r.object(at, v, "struct SwitchStatement", func(name string, v value.Value) {
					switch name {
					case "id":
						s.id, id = r.text(at, v), true
					case "condition":
						s.condition, condition = r.text(at, v), true
					}
				})
				r.need(at, field{"id", id}, field{"condition", condition})
				statements = append(statements, s)
			})
		}
	})
	r.need(at, field{"statements", there})
	return collect, statements
}
