package contract

import (
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
