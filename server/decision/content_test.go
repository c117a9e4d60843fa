package decision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/decision"
)

func TestRefusedDocuments(t *testing.T) {
	node := func(kind, content string) string {
		return `{"nodes":[{"id":"a","name":"a","type":"` + kind + `","content":` + content + `}],"edges":[]}`
	}
	for _, c := range []struct{ document, want string }{
		{`5`, "invalid type: integer `5`, expected struct GraphContent"},
		{`{}`, "missing field `nodes`"},
		{`{"nodes":[]}`, "missing field `edges`"},
		{`{"nodes":[],"edges":"x"}`, `edges: invalid type: string "x", expected a sequence`},
		{`{"nodes":{},"edges":[]}`, "nodes: invalid type: map, expected a sequence"},
		{`{"nodes":[],"edges":[],"imports":[5]}`, "imports[0]: invalid type: integer `5`, expected a string"},
		{`{"nodes":[],"edges":[{"id":"e","sourceId":5,"targetId":"b"}]}`, "edges[0].sourceId: invalid type: integer `5`, expected a string"},
		{`{"nodes":[],"edges":[{"sourceId":"a","targetId":"b"}]}`, "edges[0]: missing field `id`"},
		{`{"nodes":[],"edges":[{"id":"e","sourceId":"a","targetId":"b","sourceHandle":true}]}`, "edges[0].sourceHandle: invalid type: boolean `true`, expected a string"},
		// Edges are read before nodes, as members are sorted.
		{`{"nodes":[5],"edges":[5]}`, "edges[0]: invalid type: integer `5`, expected struct DecisionEdge"},
		{`{"nodes":[],"edges":[["e","a","b",null]]}`, "edges[0]: invalid type: sequence, expected struct DecisionEdge"},
		{`{"nodes":[{"id":"a","type":"inputNode"}],"edges":[]}`, "nodes[0]: missing field `name`"},
		{`{"nodes":[{"id":1.5,"name":"a","type":"inputNode"}],"edges":[]}`, "nodes[0].id: invalid type: floating point `1.5`, expected a string"},
		{`{"nodes":[{"id":"a","name":"a"}],"edges":[]}`, "nodes[0]: missing field `type`"},
		{node("fooNode", "{}"), "nodes[0]: unknown variant `fooNode`, expected one of `inputNode`, `outputNode`, `functionNode`, `decisionNode`, `decisionTableNode`, `expressionNode`, `switchNode`, `customNode`"},
		{`{"nodes":[{"id":"a","name":"a","type":"switchNode"}],"edges":[]}`, "nodes[0]: missing field `content`"},
		{node("inputNode", `{"schema":{}}`), "nodes[0]: data did not match any variant of untagged enum StringOrNull"},
		{node("inputNode", `null`), "nodes[0]: invalid type: null, expected struct InputNodeContent"},
		{node("functionNode", `{}`), "nodes[0]: data did not match any variant of untagged enum FunctionNodeContent"},
		{node("decisionNode", `{}`), "nodes[0]: missing field `key`"},
		{node("decisionNode", `{"key":"k","passThrough":"x"}`), `nodes[0]: invalid type: string "x", expected a boolean`},
		{node("decisionNode", `{"key":"k","executionMode":"zz"}`), "nodes[0]: unknown variant `zz`, expected `single` or `loop`"},
		{node("decisionNode", `{"key":"k","inputField":[]}`), "nodes[0]: data did not match any variant of untagged enum StringOrNull"},
		{node("decisionTableNode", `{"hitPolicy":"zz","rules":[],"inputs":[],"outputs":[]}`), "nodes[0]: unknown variant `zz`, expected `first` or `collect`"},
		{node("decisionTableNode", `{"rules":[],"inputs":[],"outputs":[]}`), "nodes[0]: missing field `hitPolicy`"},
		{node("decisionTableNode", `{"hitPolicy":"first","inputs":[],"outputs":[]}`), "nodes[0]: missing field `rules`"},
		{node("decisionTableNode", `{"hitPolicy":"first","rules":[{"a":5}],"inputs":[],"outputs":[]}`), "nodes[0]: invalid type: integer `5`, expected a string"},
		{node("decisionTableNode", `{"hitPolicy":"first","rules":[],"inputs":[{}],"outputs":[]}`), "nodes[0]: missing field `id`"},
		{node("decisionTableNode", `{"hitPolicy":"first","rules":[],"inputs":[],"outputs":[{"id":"o"}]}`), "nodes[0]: missing field `field`"},
		{node("expressionNode", `{"expressions":[{"id":"x","key":"k"}]}`), "nodes[0]: missing field `value`"},
		{node("expressionNode", `{}`), "nodes[0]: missing field `expressions`"},
		{node("switchNode", `{"statements":[{"id":"s"}]}`), "nodes[0]: missing field `condition`"},
		{node("switchNode", `{"statements":[],"hitPolicy":5}`), "nodes[0]: invalid type: integer `5`, expected string or map"},
		{node("customNode", `{"kind":"k"}`), "nodes[0]: missing field `config`"},
	} {
		_, err := decision.Parse([]byte(c.document))
		var failure *decision.Error
		if !errors.As(err, &failure) || failure.Kind != decision.KindContent || failure.Source != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.document, err, c.want)
		}
		if in := strings.HasPrefix(c.want, "nodes[0]:"); failure != nil && in != (failure.NodeID == "a") {
			t.Errorf("%s: in node %q", c.document, failure.NodeID)
		}
	}
}

// What the engine has no use for does not matter.
func TestLenientDocuments(t *testing.T) {
	for _, document := range []string{
		`{"nodes":[],"edges":[],"contentType":"application/vnd.gorules.decision","settings":5,"tests":[{}],"meta":{"versionId":"v"},"imports":["a"]}`,
		`{"nodes":[{"id":"a","name":"a","type":"inputNode","position":{"x":1},"zz":5,"content":{"schema":null,"zz":1}}],"edges":[{"id":"e","sourceId":"a","targetId":"a","sourceHandle":null,"type":5}]}`,
		`{"nodes":[{"id":"a","name":"a","type":"decisionTableNode","content":{"hitPolicy":"first","rules":[],"passThorough":5,` +
			`"inputs":[{"id":"i","type":"x","defaultValue":5}],"outputs":[{"id":"o","field":"f"}],"inputField":" ","outputPath":null}}],"edges":[]}`,
	} {
		if _, err := decision.Parse([]byte(document)); err != nil {
			t.Errorf("%s: %v", document, err)
		}
	}
}

func TestPolicyIsRefused(t *testing.T) {
	_, err := decision.Parse([]byte(`{"blocks":[]}`))
	var failure *decision.Error
	if !errors.As(err, &failure) || failure.Kind != decision.KindContentKind {
		t.Fatalf("%v", err)
	}
	if got, want := string(failure.AppendJSON(nil)), `{"type":"ContentKindMismatch","expected":"graph","got":"policy","key":""}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !strings.Contains(err.Error(), "not executed yet") {
		t.Errorf("%v", err)
	}
}

func TestInvalidGraphs(t *testing.T) {
	for _, c := range []struct{ document, want string }{
		{graph([]string{"a input"}, "a->b"), `{"type":"InvalidGraph","source":{"type":"missingNode","nodeId":"b"}}`},
		{graph([]string{"a output"}, "x->a"), `{"type":"InvalidGraph","source":{"type":"missingNode","nodeId":"x"}}`},
		{graph([]string{"a output"}), `{"type":"InvalidGraph","source":{"type":"invalidInputCount","nodeCount":0}}`},
		{graph([]string{"a input", "b input"}), `{"type":"InvalidGraph","source":{"type":"invalidInputCount","nodeCount":2}}`},
		{graph([]string{"a input", "b output", "c output"}, "b->c", "c->b"), `{"type":"InvalidGraph","source":{"type":"cyclicGraph"}}`},
		{graph([]string{"a input"}, "a->a"), `{"type":"InvalidGraph","source":{"type":"cyclicGraph"}}`},
		// The number of inputs is looked at before cycles are.
		{graph([]string{"a output"}, "a->a"), `{"type":"InvalidGraph","source":{"type":"invalidInputCount","nodeCount":0}}`},
		// No output is needed.
		{graph([]string{"a input"}), `{"x":1}`},
	} {
		d := parsed(t, c.document)
		if got := evaluated(t, decision.New(), d, `{"x":1}`); got != c.want {
			t.Errorf("%s: got %s, want %s", c.document, got, c.want)
		}
		if valid := d.Validate() == nil; valid == strings.Contains(c.want, "InvalidGraph") {
			t.Errorf("%s: Validate: %v", c.document, d.Validate())
		}
	}
}
