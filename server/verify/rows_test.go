package verify_test

import (
	"net/http"
	"testing"

	"github.com/understudy-api/understudy/server/verify"
)

// A range of statuses and the default answer are rows of their own, and are met by the
// answers that they are for.
func TestRowsOfSeveralStatuses(t *testing.T) {
	d, err := verify.ParseDocument("t", "t.yaml", []byte(`openapi: 3.0.3
info: {title: t, version: '1'}
paths:
  /a: {get: {operationId: a, responses: {'200': {description: d}, 4XX: {description: d, content: {"application/json; charset=utf-8": {schema: {type: object}}}}}}}
  /b: {get: {operationId: b, responses: {default: {description: d, content: {"application/*": {}}}}}}
  /c: {get: {operationId: c, responses: {'404': {description: d}, 4XX: {description: d}, default: {description: d}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	result := run(t, verify.Options{Document: d, Phases: []verify.Phase{verify.PhaseExamples}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/c" {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(http.StatusNotFound)
		if r.URL.Path != "/c" {
			_, _ = w.Write([]byte("{}"))
		}
	})})
	if len(result.Findings) > 0 {
		t.Errorf("%+v", result.Findings)
	}
	got := map[string]int64{}
	for _, o := range result.Report("v0").Operations {
		if len(o.Undeclared) > 0 {
			t.Errorf("%s: %+v", o.ID, o.Undeclared)
		}
		for _, r := range o.Rows {
			name := r.Statuses
			if r.Status != 0 {
				name = "one"
			}
			got[o.ID+" "+name] += r.Requests
		}
	}
	for row, met := range map[string]bool{"a one": false, "a 4XX": true, "b default": true, "c one": true, "c 4XX": false, "c default": false} {
		if (got[row] > 0) != met {
			t.Errorf("%s: %d requests", row, got[row])
		}
	}
}
