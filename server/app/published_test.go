package app

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"testing"

	"github.com/understudy-api/understudy/server/contract"
	"github.com/understudy-api/understudy/server/datafold"
	"github.com/understudy-api/understudy/server/sample"
	"github.com/understudy-api/understudy/server/site"
	"github.com/understudy-api/understudy/server/verify"
)

// sampled answers every operation of a document with generated values.
type sampled struct {
	site.API
	source   contract.Source
	document *contract.Document
}

func (s *sampled) Source() contract.Source { return s.source }

func (s *sampled) Register(route site.Route) {
	for _, op := range s.document.Operations() {
		route(op.Method, op.Path, func(w http.ResponseWriter, r *http.Request) {
			status := op.DeclaredStatuses()[0]
			schema := op.AnswerSchema(status)
			if schema == nil {
				w.WriteHeader(status)
				return
			}
			// Other values for other requests, the same for the same.
			random := rand.New(rand.NewPCG(uint64(len(r.URL.String())), uint64(len(site.BodyFrom(r.Context())))))
			value, ok := sample.Valid(random, schema, sample.Options{})
			text, err := json.Marshal(value)
			if !ok || err != nil {
				w.WriteHeader(http.StatusTeapot) // no answer could be made
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write(text)
		})
	}
}

// completed says what the interface without its texts does not: how the key is sent,
// and that requests without one, or larger than is taken, are refused.
func completed(t *testing.T, document []byte) []byte {
	t.Helper()
	var tree struct {
		Rest  map[string]any `json:"-"`
		Paths map[string]map[string]map[string]any
	}
	if err := json.Unmarshal(document, &tree); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document, &tree.Rest); err != nil {
		t.Fatal(err)
	}
	for _, item := range tree.Paths {
		for _, op := range item {
			for _, status := range []string{"401", "413"} {
				op["responses"].(map[string]any)[status] = map[string]any{"description": "", "content": map[string]any{"application/json": map[string]any{}}}
			}
		}
	}
	tree.Rest["paths"] = tree.Paths
	schemes := tree.Rest["components"].(map[string]any)["securitySchemes"].(map[string]any)
	schemes["ApiKeyAuth"].(map[string]any)["description"] = "Use the 'Authorization' header with the format 'Key <api-key>'"
	text, err := json.Marshal(tree.Rest)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The whole interface of Datafold, as its vendor publishes it, loads and answers on
// every operation, judged both ways.
func TestPublishedInterface(t *testing.T) {
	t.Parallel()
	file := os.Getenv("UNDERSTUDY_DATAFOLD_PUBLISHED")
	if file == "" {
		t.Skip("*** THE PUBLISHED INTERFACE IS NOT TRIED: UNDERSTUDY_DATAFOLD_PUBLISHED names no file ***")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data = completed(t, data)
	document, err := verify.ParseDocument("datafold", "published.json", data)
	if err != nil {
		t.Fatal(err)
	}
	api := datafold.New(memory(t), site.OpenKeyring{})
	source := api.Source()
	source.File, source.JSON, source.Lines, source.Marks = "published.json", data, nil, nil
	site, err := site.NewSite(site.Options{API: &sampled{api, source, document.Contract}, Limits: site.DefaultLimits()})
	if err != nil {
		t.Fatal(err)
	}
	result, err := verify.Run(t.Context(), verify.Options{
		Document: document, Handler: site, Authorization: "Key a", Seed: 1,
		Phases: []verify.Phase{verify.PhaseExamples, verify.PhaseCoverage},
		Exempt: []verify.Exemption{
			{Check: verify.CheckUniqueIDs, Operation: "*", Reason: "nothing is kept"},
			{Check: verify.CheckSecret, Operation: "*", Reason: "every secret is good"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range result.Findings {
		t.Errorf("%s: %s: %s\n%s", f.Check, f.Operation, f.Message, f.Curl)
	}
	if len(result.Usage) != len(document.Contract.Operations()) {
		t.Errorf("%d of %d operations were called", len(result.Usage), len(document.Contract.Operations()))
	}
	for _, u := range result.Usage {
		answered, refused := int64(0), int64(0)
		for kind, n := range u.Answers {
			if kind.Status < 300 {
				answered += n
			} else if kind.Status == http.StatusUnprocessableEntity {
				refused += n
			}
		}
		takes := u.Operation.HasBody() || len(u.Operation.Parameters()) > 0
		if answered == 0 || takes && refused == 0 {
			t.Errorf("%s: %d answers of %d requests, %d refusals", u.Operation.ID, answered, u.Requests, refused)
		}
	}
}
