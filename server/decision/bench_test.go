package decision_test

import (
	"context"
	"testing"

	"github.com/understudy-api/understudy/internal/zenbench/graphs"
	"github.com/understudy-api/understudy/server/decision"
)

// BenchmarkCompile reads documents.
func BenchmarkCompile(b *testing.B) {
	for _, c := range graphs.All() {
		b.Run(c.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decision.Parse([]byte(c.Graph)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEvaluate evaluates compiled decisions, JSON in and JSON out.
func BenchmarkEvaluate(b *testing.B) {
	engine := decision.New()
	for _, c := range graphs.All() {
		d := parsed(b, c.Graph)
		for _, traced := range []bool{false, true} {
			name := c.Name
			if traced {
				name += ", traced"
			}
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				var out []byte
				for b.Loop() {
					response, err := engine.EvaluateJSON(context.Background(), d, []byte(c.Input), decision.EvaluateOptions{Trace: traced})
					if err != nil {
						b.Fatal(err)
					}
					out = response.AppendJSON(out[:0])
				}
			})
		}
	}
}

// BenchmarkGoroutines evaluates one decision sixteen times at once. CPU per evaluation
// is what to compare with one goroutine: the time of the clock depends on the cores.
func BenchmarkGoroutines(b *testing.B) {
	c := graphs.All()[0]
	engine, d := decision.New(), parsed(b, c.Graph)
	for _, n := range []int{1, 16} {
		b.Run(map[int]string{1: "1", 16: "16"}[n], func(b *testing.B) {
			before := cpuTime(b)
			b.ResetTimer()
			share := b.N/n + 1
			done := make(chan error)
			for range n {
				go func() {
					var out []byte
					for range share {
						response, err := engine.EvaluateJSON(context.Background(), d, []byte(c.Input), decision.EvaluateOptions{})
						if err != nil {
							done <- err
							return
						}
						out = response.AppendJSON(out[:0])
					}
					done <- nil
				}()
			}
			for range n {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/float64(share*n), "cpu-ns/op")
		})
	}
}
