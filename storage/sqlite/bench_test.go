package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/understudy-api/understudy/storage"
	"github.com/understudy-api/understudy/storage/sqlite"
	"github.com/understudy-api/understudy/storage/storagetest"
)

// Without a cache every Get is a snapshot of the database.
func BenchmarkUncached(b *testing.B) {
	storagetest.Benchmarks(b, func(t testing.TB, _ storage.Options) storage.Store {
		return open(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "test.db"), CacheBytes: 1})
	})
}

func BenchmarkDisk(b *testing.B)   { storagetest.Benchmarks(b, onDisk) }
func BenchmarkMemory(b *testing.B) { storagetest.Benchmarks(b, inMemory) }
