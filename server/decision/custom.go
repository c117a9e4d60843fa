package decision

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// A CustomHandler executes custom nodes. It is called by many goroutines at once.
type CustomHandler interface {
	// Handle returns what the node gives. An error's text is what the node reports as
	// the source of its NodeError.
	Handle(ctx context.Context, request *CustomRequest) (CustomResponse, error)
}

// A CustomHandlerFunc is a function that is a [CustomHandler].
type CustomHandlerFunc func(ctx context.Context, request *CustomRequest) (CustomResponse, error)

// Handle calls the function.
func (f CustomHandlerFunc) Handle(ctx context.Context, request *CustomRequest) (CustomResponse, error) {
	return f(ctx, request)
}

// A CustomRequest is one execution of a custom node. It marshals to
// {"input", "node": {"id", "name", "kind", "config"}}.
type CustomRequest struct {
	// Input is what reached the node; where that is an object it has a member "$nodes"
	// with the outputs of the nodes that ran before, by name.
	Input value.Value
	// ID, Name, Kind and Config are the node's. In the texts of Config, "{{ expression }}"
	// stands for the expression's value; [CustomRequest.Field] has it put in.
	ID, Name, Kind string
	Config         value.Value

	templates map[string]template
	env       zen.Env
}

// A CustomResponse is what a custom node gives.
type CustomResponse struct {
	Output value.Value
	// TraceData is the node's part of the trace, null for none.
	TraceData value.Value
}

// MarshalJSON writes the request as the vendor's engine hands it to handlers.
func (r *CustomRequest) MarshalJSON() ([]byte, error) {
	node := value.NewMap(4)
	node.Set("id", value.String(r.ID))
	node.Set("name", value.String(r.Name))
	node.Set("kind", value.String(r.Kind))
	node.Set("config", r.Config)
	request := value.NewMap(2)
	request.Set("input", r.Input)
	request.Set("node", value.Object(node))
	return value.Object(request).AppendJSON(nil), nil
}

// Field returns the part of Config at a dotted path (elements of arrays by number)
// with its templates rendered; false where there is none. A text that is one
// expression becomes the expression's value, of whatever kind.
func (r *CustomRequest) Field(path string) (value.Value, bool, error) {
	v := r.Config
	for name := range strings.SplitSeq(path, ".") {
		switch v.Kind() {
		case value.KindObject:
			member, ok := v.AsObject().Get(name)
			if !ok {
				return value.Value{}, false, nil
			}
			v = member
		case value.KindArray:
			i, ok := element(name)
			if !ok || i >= len(v.AsArray()) {
				return value.Value{}, false, nil
			}
			v = v.AsArray()[i]
		default:
			return value.Value{}, false, nil
		}
	}
	v, err := r.render(v)
	return v, true, err
}

func element(name string) (int, bool) {
	i, err := strconv.ParseUint(name, 10, 31)
	return int(i), err == nil
}

// Rendered returns all of Config with its templates rendered.
func (r *CustomRequest) Rendered() (value.Value, error) { return r.render(r.Config) }

func (r *CustomRequest) render(v value.Value) (value.Value, error) {
	switch v.Kind() {
	case value.KindString:
		t, ok := r.templates[v.AsString()]
		if !ok {
			return v, nil
		}
		if t.err != nil {
			return v, t.err
		}
		return t.program.Eval(&r.env)
	case value.KindArray:
		items := make([]value.Value, 0, len(v.AsArray()))
		for _, item := range v.AsArray() {
			rendered, err := r.render(item)
			if err != nil {
				return v, err
			}
			items = append(items, rendered)
		}
		return value.Array(items), nil
	case value.KindObject:
		m := value.NewMap(v.AsObject().Len())
		for i := range v.AsObject().Len() {
			key, member := v.AsObject().At(i)
			rendered, err := r.render(member)
			if err != nil {
				return v, err
			}
			m.Set(key, rendered)
		}
		return value.Object(m), nil
	default:
		return v, nil
	}
}

type template struct {
	program *zen.Template
	err     error
}

type customConfig struct {
	kind      string
	config    value.Value
	templates map[string]template
}

func (c *compiler) custom(kind string, config value.Value) *customConfig {
	made := &customConfig{kind: kind, config: config, templates: map[string]template{}}
	made.compile(config, c.limits)
	return made
}

func (c *customConfig) compile(v value.Value, limits zen.Limits) {
	switch v.Kind() {
	case value.KindString:
		text := v.AsString()
		if _, done := c.templates[text]; !done {
			var t template
			t.program, t.err = zen.CompileTemplate(text, zen.WithLimits(limits))
			c.templates[text] = t
		}
	case value.KindArray:
		for _, item := range v.AsArray() {
			c.compile(item, limits)
		}
	case value.KindObject:
		for i := range v.AsObject().Len() {
			_, member := v.AsObject().At(i)
			c.compile(member, limits)
		}
	}
}

func (e *evaluation) customNode(n *node, input value.Value) (out, data value.Value, err *Error) {
	handler := e.engine.custom
	if handler == nil {
		return out, data, nodeError(n.id, "Custom node handler not provided")
	}
	if input.Kind() == value.KindObject {
		members := input.AsObject().Clone()
		members.Set(nodesName, e.nodes())
		input = value.Object(members)
	}
	request := &CustomRequest{
		Input: input, ID: n.id, Name: n.name, Kind: n.custom.kind, Config: n.custom.config,
		templates: n.custom.templates,
		env: zen.Env{
			Root: input, Clock: e.clock, Zone: e.engine.zone,
			Limits: e.env.Limits, Budget: e.budget, Context: e.ctx,
		},
	}
	response, failure := handler.Handle(e.ctx, request)
	if failure != nil {
		return out, data, e.failure(n, failure, failure.Error())
	}
	return withoutNodes(response.Output), response.TraceData, nil
}

func (e *evaluation) functionNode(n *node, input value.Value) (out, data value.Value, err *Error) {
	handler := e.engine.functions
	if handler == nil {
		return out, data, nodeError(n.id, "Function node handler not provided")
	}
	call := FunctionCall{
		NodeID: n.id, Source: n.source, Version: n.version,
		Input: input, Nodes: e.nodes(),
		Iteration: e.iteration, MaxDepth: e.maxDepth, Trace: e.trace != nil,
		Clock: e.clock, Zone: e.engine.zone,
		Evaluate: e.evaluateKey, Within: e.within, Enlarge: e.engine.enlarge,
	}
	result, failure := handler.Run(e.ctx, call)
	if e.trace != nil {
		data = logData(result.Log)
	}
	if failure != nil {
		err := e.failure(n, failure, failure.Error())
		err.traceData = data
		return out, data, err
	}
	return withoutNodes(result.Output), data, nil
}

// evaluateKey evaluates another decision for a function, one level deeper.
func (e *evaluation) evaluateKey(ctx context.Context, key string, input value.Value, trace bool) (*Response, error) {
	d, err := e.engine.load(ctx, key)
	if err == nil {
		r := *e.run
		r.ctx, r.traced, r.within = ctx, trace, r.within+1
		var response *Response
		if response, err = r.evaluate(d, input, value.Value{}, false, e.iteration+1); err == nil {
			return response, nil
		}
	}
	return nil, err
}

func logData(log []LogEntry) value.Value {
	entries := make([]value.Value, 0, len(log))
	for _, entry := range log {
		lines := make([]value.Value, 0, len(entry.Lines))
		for _, line := range entry.Lines {
			lines = append(lines, value.String(line))
		}
		m := value.NewMap(2)
		m.Set("lines", value.Array(lines))
		m.Set("msSinceRun", value.Int(int64(entry.Since/time.Millisecond)))
		entries = append(entries, value.Object(m))
	}
	m := value.NewMap(1)
	m.Set("log", value.Array(entries))
	return value.Object(m)
}
