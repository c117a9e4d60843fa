package app_test

import (
	"testing"

	"github.com/understudy-api/understudy/server/app"
	"github.com/understudy-api/understudy/server/verify"
)

// Every document that we serve is kept by what we serve, in all phases.
func TestVerifyOurselves(t *testing.T) {
	for name, authorization := range map[string]string{
		"brms": "Bearer verify-brms-1", "datafold": "Key verify-datafold-1", "understudy": "Bearer verify-control-1",
	} {
		t.Run(name, func(t *testing.T) {
			a, err := app.New(t.Context(), app.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = a.Close() })
			document, known, err := app.VerifyDocument(name)
			if err != nil || !known {
				t.Fatal(known, err)
			}
			result, err := verify.Run(t.Context(), verify.Options{
				Document: document, Handler: a, Authorization: authorization, Seed: 7,
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Phases) != len(verify.Phases()) || result.Requests < 500 {
				t.Errorf("%d requests in %v", result.Requests, result.Phases)
			}
			for _, w := range result.Warnings {
				t.Log("warning:", w)
			}
			t.Logf("declared statuses met: %+v", result.Report("").Coverage)
			for _, f := range result.Findings {
				t.Errorf("%s %s [%s] x%d (%s)\n  %s\n  got %s want %s %s:%d\n  %s", f.Check, f.Operation, f.Rule, f.Count, f.Phase, f.Message, f.Got, f.Accepted, f.Where.Pointer, f.Where.Line, f.Curl)
			}
		})
	}
}
