package postgres_test

import (
	"testing"

	"github.com/understudy-api/understudy/storage/storagetest"
)

func BenchmarkPrepared(b *testing.B) { storagetest.Benchmarks(b, inSchema("")) }
func BenchmarkUnprepared(b *testing.B) {
	storagetest.Benchmarks(b, inSchema(" default_query_exec_mode=exec"))
}
