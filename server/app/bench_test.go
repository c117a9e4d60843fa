package app_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/app"
)

// sink is a ResponseWriter that keeps only what a benchmark looks at.
type sink struct {
	header http.Header
	status int
	body   []byte
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(b []byte) (int, error) {
	s.body = append(s.body[:0], b...)
	return len(b), nil
}

func benchApp(b *testing.B) *app.App {
	b.Helper()
	a, err := app.New(context.Background(), app.Options{Store: "sqlite:" + filepath.Join(b.TempDir(), "bench.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = a.Close() })
	return a
}

func do(b *testing.B, h http.Handler, method, path, authorization, body string) string {
	b.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.String()
}

const benchLooker = `{"base_url":"https://example.cloud.looker.com:443","client_id":"client","client_secret":"secret",` +
	`"repo_id":7,"bindings":[{"remoteId":"warehouse","boundIds":[1,2]}],"project_ids":["finance"],` +
	`"indexing_cron":"0 */4 * * *","name":"Looker"}`

// run serves the request that next gives, in parallel, and wants 200.
func run(b *testing.B, h http.Handler, method, authorization, body string, path func(i int) string) {
	b.Helper()
	b.ReportAllocs()
	template := httptest.NewRequest(method, "/", nil)
	template.Header.Set("Authorization", authorization)
	if body != "" {
		template.Header.Set("Content-Type", "application/json")
	}
	i := 0
	for b.Loop() {
		r := template.Clone(context.Background())
		r.URL.Path = path(i)
		r.Body = http.NoBody
		if body != "" {
			r.Body = nopCloser{bytes.NewReader([]byte(body))}
			r.ContentLength = int64(len(body))
		}
		w := &sink{header: http.Header{}}
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatalf("%s %s: %d %s", method, r.URL.Path, w.status, w.body)
		}
		i++
	}
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

func fixed(path string) func(int) string { return func(int) string { return path } }

func BenchmarkGetIntegrationBRMS(b *testing.B) {
	a := benchApp(b)
	project := field(do(b, a, "POST", "/api/projects", "Bearer bench", `{"name":"Bench","key":"bench"}`), "id")
	one := field(do(b, a, "POST", "/api/projects/"+project+"/integrations", "Bearer bench",
		`{"name":"Rates","type":"http","kind":"rates","config":{"url":"https://rates.example.com/v1/quote"}}`), "id")
	run(b, a, "GET", "Bearer bench", "", fixed("/api/projects/"+project+"/integrations/"+one))
}

func BenchmarkGetIntegrationDatafold(b *testing.B) {
	a := benchApp(b)
	do(b, a, "POST", "/api/v1/lineage/bi/looker/", "Key bench", benchLooker)
	run(b, a, "GET", "Key bench", "", fixed("/api/v1/lineage/bi/1/"))
}

func BenchmarkCreateLooker(b *testing.B) {
	run(b, benchApp(b), "POST", "Key bench", benchLooker, fixed("/api/v1/lineage/bi/looker/"))
}

func BenchmarkDeleteDbt(b *testing.B) {
	a := benchApp(b)
	run(b, a, "DELETE", "Key bench", "", func(i int) string {
		b.StopTimer()
		do(b, a, "POST", "/api/v1/lineage/bi/dbt/", "Key bench", `{"ci_config_id":1}`)
		b.StartTimer()
		return "/api/v1/lineage/bi/" + strconv.Itoa(i+1) + "/"
	})
}

// field reads a text member of a JSON text by its first occurrence.
func field(text, name string) string {
	_, rest, _ := strings.Cut(text, `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
