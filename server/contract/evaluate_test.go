package contract

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The evaluator judges what kin-openapi's visitor does alike: values of the schemas of all
// documents, right and mutated, but for numbers that a float64 rounds and for unions
// whose tag is missing, which it looks at by their branches.
func TestEvaluatorAgrees(t *testing.T) {
	all := loadArenas(t)
	rng := rand.New(rand.NewPCG(5, 11))
	judged, refused := 0, 0
	for range 3000 {
		s := all[rng.IntN(len(all))]
		c := newTrial(rng, s)
		o := s.document.Operation(c.split())
		schema, side := o.facts().bodySchema, SideClient
		if c.response {
			found := jsonContent(o.contentsOf(c.status))
			if schema, side = nil, SideServer; found != nil {
				schema = found.schema
			}
		}
		text, err := readJSON([]byte(c.body))
		if schema == nil || err != nil || len(text.odd) > 0 {
			continue
		}
		e := evaluator{document: s.document, request: side == SideClient}
		found, _ := e.eval(schema, text.value, nil)
		judged++
		if len(found) > 0 {
			refused++
		}
		visit := schema.VisitJSON(text.value, s.document.judgement().of(side)...)
		if (visit == nil) == (len(found) == 0) {
			continue
		}
		j := &finder{operation: o, side: side, payload: &payload{value: text.value}, found: newCollector(t.Context())}
		j.schemasIn(visit, j.violation(InBody), text.value)
		if !onlyUntagged(j.found.found) {
			t.Fatalf("%s\nevaluator %+v\nvisitor %v", c, found, visit)
		}
	}
	if judged < 800 || refused < 100 {
		t.Errorf("%d judged, %d refused", judged, refused)
	}
}

// onlyUntagged reports whether missing tags of unions are all that is wrong.
func onlyUntagged(found []Violation) bool {
	for i := range found {
		v := &found[i]
		if v.Rule != "discriminator" && (v.Schema == nil || v.Schema.Discriminator == nil) && !slices.ContainsFunc(v.Branches, onlyUntagged) {
			return false
		}
	}
	return len(found) > 0
}
