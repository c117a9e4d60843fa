package decision_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/value"
)

func parsed(t testing.TB, text string) *decision.Decision {
	t.Helper()
	d, err := decision.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func jsonValue(t testing.TB, text string) value.Value {
	t.Helper()
	v, err := value.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// cpuTime is what the process has taken of the processors.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// graph writes a document: nodes as "id kind content" with content as JSON, edges as
// "from->to" or "from:handle->to".
func graph(nodes []string, edges ...string) string {
	var b strings.Builder
	b.WriteString(`{"nodes":[`)
	for i, n := range nodes {
		if i > 0 {
			b.WriteByte(',')
		}
		parts := strings.SplitN(n, " ", 3)
		b.WriteString(`{"id":"` + parts[0] + `","name":"` + parts[0] + `","type":"` + parts[1] + `Node"`)
		if len(parts) == 3 {
			b.WriteString(`,"content":` + parts[2])
		}
		b.WriteByte('}')
	}
	b.WriteString(`],"edges":[`)
	for i, e := range edges {
		if i > 0 {
			b.WriteByte(',')
		}
		from, to, _ := strings.Cut(e, "->")
		from, handle, _ := strings.Cut(from, ":")
		b.WriteString(`{"id":"` + e + `","type":"edge","sourceId":"` + from + `","targetId":"` + to + `"`)
		if handle != "" {
			b.WriteString(`,"sourceHandle":"` + handle + `"`)
		}
		b.WriteByte('}')
	}
	return b.String() + "]}"
}

// expression is the content of an expression node: "key=value" each, after what else
// the content has.
func expression(more string, pairs ...string) string {
	list := make([]map[string]string, 0, len(pairs))
	for _, pair := range pairs {
		key, v, _ := strings.Cut(pair, "=")
		list = append(list, map[string]string{"id": key, "key": key, "value": v})
	}
	text, _ := json.Marshal(list)
	if more != "" {
		more = "," + more
	}
	return `{"expressions":` + string(text) + more + "}"
}

// between puts nodes between an input and an output, in a row.
func between(nodes ...string) string {
	all := append(append([]string{"in input"}, nodes...), "out output")
	edges := make([]string, 0, len(all))
	for i := 1; i < len(all); i++ {
		from, _, _ := strings.Cut(all[i-1], " ")
		to, _, _ := strings.Cut(all[i], " ")
		edges = append(edges, from+"->"+to)
	}
	return graph(all, edges...)
}

// evaluated returns the result as JSON, or the error's.
func evaluated(t testing.TB, engine *decision.Engine, d *decision.Decision, input string) string {
	t.Helper()
	response, err := engine.EvaluateJSON(context.Background(), d, []byte(input), decision.EvaluateOptions{})
	if err == nil {
		return string(response.Result.AppendJSON(nil))
	}
	var failure *decision.Error
	if !errors.As(err, &failure) {
		return err.Error()
	}
	return string(failure.AppendJSON(nil))
}

// order returns the ids of the nodes in the order in which they were executed.
func order(t testing.TB, d *decision.Decision, input string) string {
	t.Helper()
	response, err := decision.New().EvaluateJSON(context.Background(), d, []byte(input), decision.EvaluateOptions{Trace: true})
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 0, len(response.Trace.Nodes))
	for _, n := range response.Trace.Nodes {
		ids = append(ids, n.ID)
	}
	return strings.Join(ids, " ")
}

func jsonObject() value.Value { return value.Object(nil) }
