package decision_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/understudy-api/understudy/internal/zenbench/graphs"
	"github.com/understudy-api/understudy/server/decision"
	"github.com/understudy-api/understudy/server/decision/zen"
)

// FuzzDecision reads documents and evaluates what can be read: there is an answer in
// JSON or an error, the same with a trace and without.
func FuzzDecision(f *testing.F) {
	for _, c := range graphs.All() {
		if len(c.Graph) < 10_000 && len(c.Input) < 10_000 {
			f.Add([]byte(c.Graph), []byte(c.Input))
		}
	}
	statement := `{"hitPolicy":"collect","statements":[{"id":"a","condition":"x > 1"},{"id":"b","condition":""}]}`
	for _, document := range []string{
		graph([]string{"in input", "s switch " + statement, "a expression " + expression("", "a=$nodes"), "b expression " + expression(`"executionMode":"loop","inputField":"l"`, "b=$")}, "in->s", "s:a->a", "s:b->b", "a->b"),
		between(`d decision {"key":"k","passThrough":true}`, `c custom {"kind":"k","config":{"a":"{{ x }}"}}`),
		between("t decisionTable " + table("", []string{"i=x", "j="}, []string{"o=a.b[]", "p=c"}, `{"i":"> 1","o":"$","p":"$root"}`, `{"j":"x == 2","o":"x"}`)),
		graph([]string{`in input {"schema":"{\"properties\":{\"x\":{\"type\":\"string\"}},\"required\":[\"y\"]}"}`}),
		`{"blocks":[]}`,
	} {
		f.Add([]byte(document), []byte(`{"x":2,"l":[1,{"x":3}]}`))
	}
	limits := decision.Limits{
		Nodes: 200, Edges: 400, TableCells: 2000, Evaluations: 2000, ResultBytes: 1 << 20,
		Expression: zen.Limits{Steps: 50_000, Elements: 50_000, Bytes: 1 << 20},
	}
	echo := decision.CustomHandlerFunc(func(_ context.Context, r *decision.CustomRequest) (decision.CustomResponse, error) {
		v, err := r.Rendered()
		return decision.CustomResponse{Output: v}, err
	})
	f.Fuzz(func(t *testing.T, document, input []byte) {
		d, err := decision.ParseLimited(document, limits)
		if err != nil {
			var failure *decision.Error
			if !errors.As(err, &failure) || !json.Valid(failure.AppendJSON(nil)) {
				t.Fatalf("%v", err)
			}
			return
		}
		engine := decision.New(
			decision.WithLimits(limits), decision.WithCustom(echo), decision.WithClock(referenceClock),
			decision.WithLoader(decision.LoaderFunc(func(context.Context, string) (*decision.Decision, error) { return d, nil })),
		)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		answer := func(traced bool) string {
			response, err := engine.EvaluateJSON(ctx, d, input, decision.EvaluateOptions{Trace: traced, MaxDepth: 3})
			var failure *decision.Error
			switch {
			case errors.As(err, &failure):
				if text := failure.AppendJSON(nil); !json.Valid(text) {
					t.Fatalf("%s", text)
				}
				if failure.Kind == decision.KindLimit {
					return "" // a trace takes its part
				}
				return failure.Error()
			case err != nil:
				t.Fatal(err)
			}
			if text := response.AppendJSON(nil); !json.Valid(text) {
				t.Fatalf("%s", text)
			}
			return response.Result.String()
		}
		plain, traced := answer(false), answer(true)
		if plain != traced && plain != "" && traced != "" {
			t.Fatalf("%s, with a trace %s", plain, traced)
		}
	})
}
