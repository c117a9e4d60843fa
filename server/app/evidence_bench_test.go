package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/understudy-api/understudy/server/evidence"
	"github.com/understudy-api/understudy/server/site"
)

// BenchmarkGet is a GET in process, without the network.
func BenchmarkGet(b *testing.B) {
	a, err := New(context.Background(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	b.ReportAllocs()
	for b.Loop() {
		a.ServeHTTP(httptest.NewRecorder(), aGet())
	}
}

// BenchmarkRecord is what of that goes into its record.
func BenchmarkRecord(b *testing.B) {
	var kept *site.Exchange
	a, err := New(context.Background(), Options{record: func(x *site.Exchange) { kept = x }})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	a.ServeHTTP(httptest.NewRecorder(), aGet())
	recorder := evidence.New(a.store, evidence.Options{Documents: a.documents})
	defer func() { _ = recorder.Close() }()
	b.ReportAllocs()
	for b.Loop() {
		x := *kept
		recorder.Record(&x)
	}
}

func aGet() *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/api/projects?page=1", http.NoBody)
	r.Header = http.Header{
		"Authorization": {"Bearer s"}, "Accept": {"application/json"}, "Accept-Encoding": {"gzip, deflate"},
		"User-Agent": {"client/1.0"}, "Connection": {"keep-alive"},
	}
	return r
}

// BenchmarkPost is a POST in process that is refused for what the state holds, so
// that it does the same each time.
func BenchmarkPost(b *testing.B) {
	a, err := New(context.Background(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/api/projects",
			strings.NewReader(`{"name":"Pricing","key":"pricing","protected":false}`))
		r.Header = http.Header{
			"Authorization": {"Bearer s"}, "Accept": {"application/json"}, "Content-Type": {"application/json"},
			"User-Agent": {"client/1.0"}, "Connection": {"keep-alive"},
		}
		a.ServeHTTP(httptest.NewRecorder(), r)
	}
}
