package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// BenchmarkJudgeRequest judges bodies of the served documents.
func BenchmarkJudgeRequest(b *testing.B) {
	for _, c := range []struct{ name, document, path, body string }{
		{"project", "brms", "/api/projects", `{"name":"Pricing","key":"pricing","protected":false}`},
		{"looker", "datafold", "/api/v1/lineage/bi/looker/", `{"base_url":"https://looker.example.com","client_id":"c","client_secret":"s","repo_id":7,"name":"Looker","indexing_cron":"0 * * * *","project_name":"p"}`},
		{"odd", "datafold", "/api/v1/lineage/bi/looker/", `{"base_url":"https://looker.example.com","client_id":"c","client_secret":"s","repo_id":7.0,"name":"Looker","indexing_cron":"0 * * * *","project_name":"p","x":1.5}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			op := arenaFor(b, c.document).document.Operation(http.MethodPost, c.path)
			m := &Message{
				Method: http.MethodPost, URL: &url.URL{Path: c.path},
				Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(c.body),
			}
			if j := op.JudgeRequest(b.Context(), m); j.Refused() {
				b.Fatal(j.Violations[0].Explain().Message)
			}
			b.ReportAllocs()
			for b.Loop() {
				op.JudgeRequest(b.Context(), m)
			}
		})
	}
}

// BenchmarkJudgeResponse judges answers that were not seen before.
func BenchmarkJudgeResponse(b *testing.B) {
	for _, c := range []struct{ name, document, method, path, body string }{
		{"list", "brms", http.MethodGet, "/api/projects", `{"results":[],"paginate":{"total":%d,"from":0,"to":0,"page":1,"pageSize":10}}`},
		{"integration", "datafold", http.MethodGet, "/api/v1/lineage/bi/{bi_datasource_id}/", `{"id":1,"type":"looker","name":"n%d"}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			op := arenaFor(b, c.document).document.Operation(c.method, c.path)
			header := http.Header{"Content-Type": {"application/json"}}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				op.JudgeResponse(b.Context(), c.method, http.StatusOK, header, fmt.Appendf(nil, c.body, i))
			}
		})
	}
}

// BenchmarkJudgeAgain judges an answer that was seen before.
func BenchmarkJudgeAgain(b *testing.B) {
	op := arenaFor(b, "datafold").document.Operation(http.MethodGet, "/api/v1/lineage/bi/{bi_datasource_id}/")
	header := http.Header{"Content-Type": {"application/json"}}
	body := []byte(`{"id":1,"type":"looker","name":"n","indexing_cron":null,"sync":null}`)
	if found := op.JudgeResponse(b.Context(), http.MethodGet, http.StatusOK, header, body); len(found) > 0 {
		b.Fatal(found[0].Explain().Message)
	}
	b.ReportAllocs()
	for b.Loop() {
		op.JudgeResponse(b.Context(), http.MethodGet, http.StatusOK, header, body)
	}
}

// BenchmarkUnmatched explains paths that no operation has.
func BenchmarkUnmatched(b *testing.B) {
	d := arenaFor(b, "brms").document
	for _, path := range []string{"/nothing", "/api/project", "/api/projects/7d1a2c1e/integration", "/api/a/b/c/d/e/f/g"} {
		b.Run(path, func(b *testing.B) {
			r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}
			b.ReportAllocs()
			for b.Loop() {
				d.UnmatchedViolation(r, nil, "")
			}
		})
	}
}
