package verify_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/understudy-api/understudy/server/verify"
	"github.com/understudy-api/understudy/server/verify/buggy"
)

// trivial answers everything with the same few bytes.
var trivial = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"id":1}`))
})

// How many requests the runner makes and judges in a second, against a handler that
// costs nothing.
func BenchmarkRun(b *testing.B) {
	server := httptest.NewServer(trivial)
	defer server.Close()
	for _, c := range []struct {
		name string
		verify.Options
	}{
		{"InProcess", verify.Options{Handler: trivial}},
		{"Loopback", verify.Options{URL: server.URL}},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := c.Options
			o.Document, o.Authorization, o.Seed, o.MaxExamples = shop(b, buggy.Document()), "Bearer "+buggy.Token, 1, 1000
			o.Phases = []verify.Phase{verify.PhaseFuzzing}
			requests := 0.0
			for b.Loop() {
				result, err := verify.Run(b.Context(), o)
				if err != nil {
					b.Fatal(err)
				}
				requests += float64(result.Requests)
			}
			b.ReportMetric(requests/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
