package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/understudy-api/understudy/internal/cputime"
	"github.com/understudy-api/understudy/server/app"
)

// sink is a ResponseWriter that keeps only what a benchmark looks at.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return len(b), nil
}

type body struct{ *strings.Reader }

func (body) Close() error { return nil }

// serveOne serves one request in process and wants 200.
func serveOne(tb testing.TB, h http.Handler, template *http.Request, path, text string) {
	tb.Helper()
	r := template.Clone(context.Background())
	r.URL.Path = path
	r.Body = http.NoBody
	if text != "" {
		r.Body, r.ContentLength = body{strings.NewReader(text)}, int64(len(text))
	}
	w := &sink{header: http.Header{}}
	h.ServeHTTP(w, r)
	if w.status != http.StatusOK {
		tb.Fatalf("%s %s: %d", r.Method, path, w.status)
	}
}

func template(method, authorization string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// answer serves one request in process and gives the answer's body.
func answer(tb testing.TB, h http.Handler, method, path, authorization, text string) string {
	tb.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(text))
	r.Header = template(method, authorization).Header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		tb.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.String()
}

// BenchmarkRequest is what a request costs in process, without a connection: of a
// bare handler, of the generated server without validation, with the stock
// validating middleware, and of Understudy on disk, validated both ways and
// recorded.
func BenchmarkRequest(b *testing.B) {
	for _, role := range []string{"bare", "plain", "stock", "us"} {
		h := handlerOf(b, role)
		project, one := "3c90c3cc-0d44-4b50-8888-8dd25736052a", "3c90c3cc-0d44-4b50-8888-8dd25736052b"
		if role == "us" {
			project = idIn(answer(b, h, "POST", "/api/projects", bearer, `{"name":"Load","key":"load"}`))
			one = idIn(answer(b, h, "POST", "/api/projects/"+project+"/integrations", bearer, integration))
			answer(b, h, "POST", "/api/v1/lineage/bi/looker/", key, looker)
		}
		for _, bench := range []struct {
			name   string
			method string
			auth   string
			path   string
			body   string
		}{
			{"get-brms", "GET", bearer, "/api/projects/" + project + "/integrations/" + one, ""},
			{"get-datafold", "GET", key, "/api/v1/lineage/bi/1/", ""},
			{"post-looker", "POST", key, "/api/v1/lineage/bi/looker/", looker},
		} {
			b.Run(role+"/"+bench.name, func(b *testing.B) {
				request := template(bench.method, bench.auth)
				measured(b, func() { serveOne(b, h, request, bench.path, bench.body) })
			})
		}
		b.Run(role+"/delete-dbt", func(b *testing.B) {
			request := template("DELETE", key)
			ids := make([]string, 0, 1024)
			measured(b, func() {
				if role != "us" {
					serveOne(b, h, request, "/api/v1/lineage/bi/1/", "")
					return
				}
				if len(ids) == 0 {
					b.StopTimer()
					for range cap(ids) {
						made := answer(b, h, "POST", "/api/v1/lineage/bi/dbt/", key, `{"ci_config_id":1}`)
						_, rest, _ := strings.Cut(made, `"id":`)
						id, _, _ := strings.Cut(rest, ",")
						ids = append(ids, id)
					}
					b.StartTimer()
				}
				id := ids[len(ids)-1]
				ids = ids[:len(ids)-1]
				serveOne(b, h, request, "/api/v1/lineage/bi/"+id+"/", "")
			})
		})
	}
}

func measured(b *testing.B, fn func()) {
	b.ReportAllocs()
	for range b.N {
		fn()
	}
}

func newApp(t testing.TB) *app.App {
	t.Helper()
	a, err := app.New(context.Background(), app.Options{Store: "sqlite:" + filepath.Join(t.TempDir(), "bench.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func handlerOf(b *testing.B, role string) http.Handler {
	b.Helper()
	if role != "us" {
		h, err := roleHandler(role)
		if err != nil {
			b.Fatal(err)
		}
		return h
	}
	return newApp(b)
}

// BenchmarkParallel is what a request costs Understudy when sixteen arrive at a
// time, so that commits are shared.
func BenchmarkParallel(b *testing.B) {
	h := handlerOf(b, "us")
	b.Run("post-looker", func(b *testing.B) {
		request := template("POST", key)
		b.SetParallelism(8)
		began := cputime.Used()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				serveOne(b, h, request, "/api/v1/lineage/bi/looker/", looker)
			}
		})
		b.ReportMetric(float64(cputime.Used()-began)/float64(b.N), "cpu-ns/op")
	})
	b.Run("delete-dbt", func(b *testing.B) {
		request := template("DELETE", key)
		var first, last int
		for i := range b.N {
			made := answer(b, h, "POST", "/api/v1/lineage/bi/dbt/", key, `{"ci_config_id":1}`)
			_, rest, _ := strings.Cut(made, `"id":`)
			id, _, _ := strings.Cut(rest, ",")
			last, _ = strconv.Atoi(id)
			if i == 0 {
				first = last
			}
		}
		var next atomic.Int64
		next.Store(int64(first) - 1)
		b.SetParallelism(8)
		b.ResetTimer()
		began := cputime.Used()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				serveOne(b, h, request, "/api/v1/lineage/bi/"+strconv.FormatInt(next.Add(1), 10)+"/", "")
			}
		})
		b.ReportMetric(float64(cputime.Used()-began)/float64(b.N), "cpu-ns/op")
	})
}

// BenchmarkEvaluate is what the evaluation of five nodes costs in process, by a token of
// the project, judged both ways and recorded.
func BenchmarkEvaluate(b *testing.B) {
	h := handlerOf(b, "us")
	project := "/api/projects/" + idIn(answer(b, h, "POST", "/api/projects", bearer, `{"name":"Load","key":"load"}`))
	document := idIn(answer(b, h, "POST", project+"/documents", bearer, `{"name":"fees/shipping","content":`+fiveNodes+`}`))
	answer(b, h, "PUT", project+"/documents/"+document+"/publish", bearer, `{"type":"publish"}`)
	_, rest, _ := strings.Cut(answer(b, h, "POST", project+"/security/tokens", bearer, `{"name":"load"}`), `"token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	request, given := template("POST", "Bearer "+token), inputs(1000)
	i := 0
	measured(b, func() {
		i++
		serveOne(b, h, request, "/api/projects/load/evaluate/fees/shipping", given[i%len(given)])
	})
}
