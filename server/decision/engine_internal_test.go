package decision

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/understudy-api/understudy/server/decision/value"
)

func TestPerformance(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0ns", 941: "941.0ns", 1000: "1.0µs", 30_949: "30.9µs", 2_700_000: "2.7ms", 1_200_000_000: "1.2s", 90 * time.Second: "90.0s",
	} {
		if got := performance(d); got != want {
			t.Errorf("%d ns: %s, want %s", d, got, want)
		}
	}
}

// A walk begins anew 1000 times at most, then it ends, and nothing was visited.
func TestWalkEnds(t *testing.T) {
	for _, switches := range []int{maxResets - 1, maxResets} {
		var nodes, edges strings.Builder
		nodes.WriteString(`{"id":"0","name":"in","type":"inputNode"}`)
		for i := range switches {
			fmt.Fprintf(&nodes, `,{"id":"%d","name":"%d","type":"switchNode","content":{"statements":[{"id":"s","condition":""}]}}`, i+1, i+1)
			fmt.Fprintf(&edges, `{"id":"e%d","sourceId":"%d","sourceHandle":"s","targetId":"%d"},{"id":"x%d","sourceId":"%d","targetId":"none"},`,
				i+1, i+1, i+2, i+1, i+1)
		}
		fmt.Fprintf(&nodes, `,{"id":"%d","name":"out","type":"outputNode"},{"id":"none","name":"none","type":"outputNode"}`, switches+1)
		d, err := Parse([]byte(`{"nodes":[` + nodes.String() + `],"edges":[` + edges.String() + `{"id":"e0","sourceId":"0","targetId":"1"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		input, _ := value.Parse([]byte(`{"a":1}`))
		response, err := New().Evaluate(context.Background(), d, input, EvaluateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want := `{"a":1}`
		if switches == maxResets {
			want = `{}`
		}
		if got := string(response.Result.AppendJSON(nil)); got != want {
			t.Errorf("%d switches: %s, want %s", switches, got, want)
		}
	}
}
